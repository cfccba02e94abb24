/* Descriptors of the owner's in the pool's epoll set. One-shot like a connection; armed again by a timer, so that what comes in
 * quick succession is read in one go. An event may be on its way to a worker when a watch ends, so its memory stays the pool's,
 * for the next one, to whom such an event does no harm. */
#include "net/internal.h"

#include <stdlib.h>
#include <sys/epoll.h>

struct net_watch {
	struct net_io io;
	struct list_node link; /* under the pool's lock */
	struct net_pool *pool;
	pthread_mutex_t lock;  /* of what follows */
	pthread_cond_t idle;
	bool used, running;
	pthread_t runner;
	int fd;
	unsigned pause_ms;
	struct net_timer again;
	void (*ready)(void *arg);
	void *arg;
};

static void watch_arm(struct net_timer *t)
{
	struct net_watch *w = CONTAINER_OF(t, struct net_watch, again);
	struct epoll_event ev = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = &w->io};

	pthread_mutex_lock(&w->lock);
	if (w->used)
		epoll_ctl(w->pool->epfd, EPOLL_CTL_MOD, w->fd, &ev);
	pthread_mutex_unlock(&w->lock);
}

static void watch_ready(struct net_io *io, struct net_worker *worker, uint32_t events)
{
	struct net_watch *w = CONTAINER_OF(io, struct net_watch, io);
	void (*ready)(void *arg);
	void *arg;

	(void)worker;
	(void)events;
	pthread_mutex_lock(&w->lock);
	if (!w->used || w->running) {
		pthread_mutex_unlock(&w->lock);
		return;
	}
	w->running = true;
	w->runner = pthread_self();
	ready = w->ready;
	arg = w->arg;
	pthread_mutex_unlock(&w->lock);
	ready(arg);
	pthread_mutex_lock(&w->lock);
	w->running = false;
	pthread_cond_broadcast(&w->idle);
	if (w->used)
		net_timer_arm(w->pool, &w->again, w->pause_ms);
	pthread_mutex_unlock(&w->lock);
}

/* One that nobody uses, or a new one, to be used by the caller. */
static struct net_watch *watch_take(struct net_pool *p)
{
	struct net_watch *w = NULL;

	pthread_mutex_lock(&p->lock);
	if (!list_empty(&p->idle_watches)) {
		w = list_entry(p->idle_watches.next, struct net_watch, link);
		list_remove(&w->link);
	}
	pthread_mutex_unlock(&p->lock);
	if (w)
		return w;
	w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	list_init(&w->link);
	w->io.ready = watch_ready;
	w->again.fn = watch_arm;
	w->pool = p;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->idle, NULL);
	return w;
}

struct net_watch *net_pool_watch(struct net_pool *p, int fd, unsigned pause_ms, void (*ready)(void *arg), void *arg)
{
	struct net_watch *w = watch_take(p);

	if (!w)
		return NULL;
	pthread_mutex_lock(&w->lock);
	w->used = true;
	w->fd = fd;
	w->pause_ms = pause_ms;
	w->ready = ready;
	w->arg = arg;
	pthread_mutex_unlock(&w->lock);
	net_pool_ref(p);
	atomic_store(&p->epoll_only, true);
	if (net_epoll_add(p->epfd, fd, EPOLLIN | EPOLLONESHOT, &w->io))
		return w;
	net_watch_end(w);
	return NULL;
}

void net_watch_end(struct net_watch *w)
{
	struct net_pool *p;

	if (!w)
		return;
	p = w->pool;
	pthread_mutex_lock(&w->lock);
	w->used = false;
	epoll_ctl(p->epfd, EPOLL_CTL_DEL, w->fd, NULL);
	while (w->running && !pthread_equal(w->runner, pthread_self()))
		pthread_cond_wait(&w->idle, &w->lock);
	pthread_mutex_unlock(&w->lock);
	net_timer_cancel(p, &w->again);
	pthread_mutex_lock(&p->lock);
	list_append(&p->idle_watches, &w->link);
	pthread_mutex_unlock(&p->lock);
	net_pool_put(p);
}

void net_watches_free(struct net_pool *p)
{
	list_for_each_safe(n, &p->idle_watches) {
		struct net_watch *w = list_entry(n, struct net_watch, link);

		pthread_cond_destroy(&w->idle);
		pthread_mutex_destroy(&w->lock);
		free(w);
	}
}

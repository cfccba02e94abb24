/* The pool: one epoll set that all workers wait on, and the jobs they run between events. A connection's readable event is
 * one-shot: whoever gets it has the receive token (recv.c). Writable events live in a second epoll set nested in the first, so that
 * either direction of a socket is armed by itself and an armed event holds exactly one reference. A worker takes several events with
 * one call while no other waits for any; all but the first are jobs then, for whoever is free first. How many workers there are is
 * decided in grow.c. */
#include "net/internal.h"

#include "base/log.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

bool net_epoll_add(int epfd, int fd, uint32_t events, struct net_io *io)
{
	struct epoll_event ev = {.events = events, .data.ptr = io};

	return epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev) == 0;
}

static void kick(int event_fd)
{
	uint64_t one = 1;

	while (write(event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void net_job_push(struct net_pool *p, struct net_job *j)
{
	pthread_mutex_lock(&p->lock);
	list_append(&p->jobs, &j->link);
	atomic_fetch_add(&p->job_count, 1);
	pthread_mutex_unlock(&p->lock);
	kick(p->job_fd);
	net_pool_told(p);
}

/* Somebody may sleep who could do what there is. Else everybody looks at the jobs before they sleep. */
static bool others_sleep(struct net_pool *p)
{
	return (atomic_load(&p->wait_state) & NET_WAITING_MASK) > 0 || atomic_load(&p->stepped);
}

bool net_job_run(struct net_worker *w)
{
	struct net_pool *p = w->pool;
	struct net_job *j = NULL;
	unsigned left = 0;

	if (atomic_load(&p->job_count) == 0)
		return false;
	pthread_mutex_lock(&p->lock);
	if (!list_empty(&p->jobs)) {
		j = list_entry(p->jobs.next, struct net_job, link);
		list_remove(&j->link);
		left = atomic_fetch_sub(&p->job_count, 1) - 1;
	}
	pthread_mutex_unlock(&p->lock);
	if (!j)
		return false;
	if (left > 0 && others_sleep(p))
		kick(p->job_fd);
	j->fn(j, w);
	return true;
}

struct run_job {
	struct net_job job;
	void (*fn)(void *arg);
	void *arg;
};

static void run_job_fn(struct net_job *j, struct net_worker *w)
{
	struct run_job r = *CONTAINER_OF(j, struct run_job, job);

	(void)w;
	free(CONTAINER_OF(j, struct run_job, job));
	r.fn(r.arg);
}

void net_pool_run(struct net_pool *p, void (*fn)(void *arg), void *arg)
{
	struct run_job *r;

	/* The caller cannot do without it, so wait until there is memory for these few bytes. */
	while (!(r = malloc(sizeof(*r))))
		usleep(1000);
	*r = (struct run_job){.job.fn = run_job_fn, .fn = fn, .arg = arg};
	net_job_push(p, &r->job);
}

static void job_ready(struct net_io *io, struct net_worker *w, uint32_t events)
{
	struct net_pool *p = CONTAINER_OF(io, struct net_pool, job_io);
	uint64_t count;

	(void)events;
	while (read(p->job_fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
	net_job_run(w);
}

static void timer_ready(struct net_io *io, struct net_worker *w, uint32_t events)
{
	struct net_pool *p = CONTAINER_OF(io, struct net_pool, timer_io);
	uint64_t count;

	(void)w;
	(void)events;
	while (read(p->timer_fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
	net_timers_run(p);
}

/* Takes one writable connection and leaves the others to the next worker. */
static void out_ready(struct net_io *io, struct net_worker *w, uint32_t events)
{
	struct net_pool *p = CONTAINER_OF(io, struct net_pool, out_io);
	struct epoll_event ev, again = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = io};
	int n = epoll_wait(p->out_epfd, &ev, 1, 0);

	(void)events;
	epoll_ctl(p->epfd, EPOLL_CTL_MOD, p->out_epfd, &again);
	if (n == 1)
		((struct net_io *)ev.data.ptr)->ready(ev.data.ptr, w, ev.events);
}

static void stop_ready(struct net_io *io, struct net_worker *w, uint32_t events)
{
	(void)io;
	(void)w;
	(void)events;
}

/* Nobody had anything to do for NET_IDLE_MS: what the load before has left goes back to the system, once. */
static void pool_rest(struct net_pool *p)
{
	uint64_t events = atomic_load(&p->events);

	if (!p->give_back || atomic_exchange(&p->rested, events) == events)
		return;
	buf_pool_trim();
	net_pipes_trim();
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

static void left_run(struct net_job *j, struct net_worker *w)
{
	struct net_io *io = CONTAINER_OF(j, struct net_io, job);
	uint32_t events = io->events;

	/* From here on it may come again. */
	atomic_store(&io->left, false);
	io->ready(io, w, events);
}

/* Leaves events to the workers that are free next. What is not one-shot may have been left before: once is enough. */
static void leave(struct net_pool *p, const struct epoll_event *ev, int n)
{
	unsigned left = 0;

	pthread_mutex_lock(&p->lock);
	for (int i = 0; i < n; i++) {
		struct net_io *io = ev[i].data.ptr;

		if (atomic_exchange(&io->left, true))
			continue;
		io->events = ev[i].events;
		io->job.fn = left_run;
		list_append(&p->jobs, &io->job.link);
		left++;
	}
	atomic_fetch_add(&p->job_count, left);
	pthread_mutex_unlock(&p->lock);
	if (left > 0 && others_sleep(p))
		kick(p->job_fd);
}

void net_worker_loop(struct net_worker *w)
{
	struct net_pool *p = w->pool;
	struct epoll_event ev[NET_EVENTS_AT_ONCE];

	while (!atomic_load(&p->stopping)) {
		uint64_t since;
		bool busy;
		int n;

		if (atomic_load(&p->job_count) > 0) {
			if ((atomic_load(&p->wait_state) & NET_WAITING_MASK) == 0)
				net_pool_starved(p);
			if (net_job_run(w)) {
				atomic_fetch_add(&p->wait_state, NET_LEFT_ONE);
				continue;
			}
		}
		since = atomic_load(&p->events);
		busy = !others_sleep(p);
		atomic_fetch_add(&p->wait_state, 1);
		/* One that somebody left after the look above and before this thread counted as waiting. */
		n = atomic_load(&p->job_count) > 0 ? -1 : epoll_wait(p->epfd, ev, busy ? NET_EVENTS_AT_ONCE : 1, NET_IDLE_MS);
		if (n == 0 && atomic_load(&p->events) == since)
			pool_rest(p);
		if ((atomic_fetch_add(&p->wait_state, NET_LEFT_ONE - 1) & NET_WAITING_MASK) == 1 && n > 0)
			net_pool_starved(p);
		if (n > 1)
			leave(p, ev + 1, n - 1);
		if (n > 0) {
			atomic_fetch_add_explicit(&p->events, 1, memory_order_relaxed);
			((struct net_io *)ev[0].data.ptr)->ready(ev[0].data.ptr, w, ev[0].events);
		} else if (n == 0) {
			net_worker_trim(w);
			if (net_worker_surplus(w))
				break;
		}
	}
	net_worker_trim(w);
}

void net_pool_ref(struct net_pool *p)
{
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void net_pool_put(struct net_pool *p)
{
	if (atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
		return;
	net_watches_free(p);
	close_fd(p->out_epfd);
	close_fd(p->timer_fd);
	close_fd(p->job_fd);
	close_fd(p->stop_fd);
	close_fd(p->epfd);
	pthread_cond_destroy(&p->reserve_cv);
	pthread_cond_destroy(&p->timer_cv);
	pthread_cond_destroy(&p->step_cv);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static bool pool_open(struct net_pool *p)
{
	p->epfd = epoll_create1(EPOLL_CLOEXEC);
	p->out_epfd = epoll_create1(EPOLL_CLOEXEC);
	p->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	p->job_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	p->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return p->epfd >= 0 && p->out_epfd >= 0 && p->timer_fd >= 0 && p->job_fd >= 0 && p->stop_fd >= 0 &&
	       net_epoll_add(p->epfd, p->out_epfd, EPOLLIN | EPOLLONESHOT, &p->out_io) &&
	       net_epoll_add(p->epfd, p->timer_fd, EPOLLIN | EPOLLET, &p->timer_io) &&
	       net_epoll_add(p->epfd, p->job_fd, EPOLLIN | EPOLLET, &p->job_io) &&
	       net_epoll_add(p->epfd, p->stop_fd, EPOLLIN, &p->stop_io);
}

struct net_pool *net_pool_new(const struct net_pool_config *cfg)
{
	struct net_pool *p = calloc(1, sizeof(*p));
	pthread_condattr_t attr;

	if (!p)
		return NULL;
	atomic_init(&p->refs, 1);
	p->virtual_clock = cfg->threads == 0 ? cfg->virtual_clock : NULL;
	p->clock = p->virtual_clock ? &p->virtual_clock->clock : cfg->clock ? cfg->clock : &clock_system;
	p->threads = cfg->threads;
	p->max_threads = cfg->max_threads > cfg->threads ? cfg->max_threads : cfg->threads;
	p->give_back = cfg->give_back;
	p->cores = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	p->out_io.ready = out_ready;
	p->timer_io.ready = timer_ready;
	p->job_io.ready = job_ready;
	p->stop_io.ready = stop_ready;
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->reserve_cv, &attr);
	pthread_cond_init(&p->step_cv, &attr);
	pthread_cond_init(&p->timer_cv, &attr);
	pthread_condattr_destroy(&attr);
	list_init(&p->jobs);
	list_init(&p->conns);
	list_init(&p->listeners);
	list_init(&p->idle_watches);
	list_init(&p->dead);
	net_timers_init(p);
	if (!pool_open(p) || !net_workers_start(p)) {
		net_pool_free(p);
		return NULL;
	}
	return p;
}

/* Ends what the owner left open; then what was already on its way is run by this thread. */
static void pool_finish(struct net_pool *p)
{
	bool left = true;

	net_listeners_close_all(p);
	for (unsigned round = 0; left && round < 10000; round++) {
		struct net_conn *c = NULL;

		pthread_mutex_lock(&p->lock);
		list_for_each(n, &p->conns) {
			c = list_entry(n, struct net_conn, on_pool);
			if (atomic_load(&c->state) < NET_CONN_DROPPED)
				break;
			c = NULL;
		}
		if (c)
			net_conn_ref(c);
		left = !list_empty(&p->conns) || !list_empty(&p->jobs) || !list_empty(&p->listeners);
		pthread_mutex_unlock(&p->lock);
		if (c) {
			net_conn_drop(c);
			net_conn_put(c);
		} else if (left) {
			net_pool_step(p, 0);
		}
	}
}

void net_pool_free(struct net_pool *p)
{
	if (!p)
		return;
	if (p->stop_fd >= 0) {
		kick(p->stop_fd);
		net_workers_stop(p);
		if (p->epfd >= 0)
			epoll_ctl(p->epfd, EPOLL_CTL_DEL, p->stop_fd, NULL);
		pool_finish(p);
	}
	net_pool_put(p);
}

/* How many workers there are. The base number always; more when those are blocked. A bracketed wait (net_pool_blocking) is
 * replaced at once. Waits that nobody announces, such as a read from a slow disk, are found by a reserve thread: it is woken when
 * the last worker leaves epoll_wait, looks again 10 ms later, and becomes a worker itself if events still wait and fewer
 * have been taken meanwhile than there are workers. Mere load therefore does not grow the pool. Workers above the base
 * number end after NET_IDLE_MS without work; epoll wakes the most recent waiter first, so that the surplus does get idle. */
#include "net/internal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { SAMPLE_MS = 10 };

static void thread_ended_locked(struct net_worker *w)
{
	struct net_pool *p = w->pool;

	list_append(&p->dead, &w->link);
	p->live--;
	pthread_cond_broadcast(&p->reserve_cv);
}

_Thread_local bool net_thread_is_ours;

static void *worker_main(void *arg)
{
	struct net_worker *w = arg;
	struct net_pool *p = w->pool;

	net_thread_is_ours = true;
	net_worker_loop(w);
	pthread_mutex_lock(&p->lock);
	thread_ended_locked(w);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Threads here take no signals: those are for the program's own, and SIGPIPE from splice(2) must not end it. */
static bool thread_start_locked(struct net_pool *p, void *(*main_fn)(void *))
{
	struct net_worker *w = calloc(1, sizeof(*w));
	sigset_t all, saved;
	int err;

	if (!w)
		return false;
	w->pool = p;
	list_init(&w->link);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	err = pthread_create(&w->thread, NULL, main_fn, w);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	if (err == 0)
		p->live++;
	else
		free(w);
	return err == 0;
}

static void reap_locked(struct net_pool *p)
{
	while (!list_empty(&p->dead)) {
		struct net_worker *w = list_entry(p->dead.next, struct net_worker, link);

		list_remove(&w->link);
		pthread_mutex_unlock(&p->lock);
		pthread_join(w->thread, NULL);
		free(w);
		pthread_mutex_lock(&p->lock);
	}
}

static bool spawn_locked(struct net_pool *p)
{
	if (atomic_load(&p->stopping) || atomic_load(&p->total) >= p->max_threads)
		return false;
	atomic_fetch_add(&p->total, 1);
	if (thread_start_locked(p, worker_main))
		return true;
	atomic_fetch_sub(&p->total, 1);
	return false;
}

static bool events_wait(struct net_pool *p)
{
	struct pollfd pfd = {.fd = p->epfd, .events = POLLIN};

	return atomic_load(&p->job_count) > 0 || poll(&pfd, 1, 0) > 0;
}

/* Waits on reserve_cv; false after the time. */
static bool reserve_wait_locked(struct net_pool *p, unsigned ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	until.tv_sec += (time_t)(ms / 1000) + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	return pthread_cond_timedwait(&p->reserve_cv, &p->lock, &until) != ETIMEDOUT;
}

/* True when it is to become a worker; false when it is to end. */
static bool reserve_watch_locked(struct net_pool *p)
{
	while (!atomic_load(&p->stopping)) {
		uint64_t then = atomic_load(&p->wait_state), now;

		if (atomic_load(&p->reserve) == NET_RESERVE_PARKED) {
			if (!reserve_wait_locked(p, NET_IDLE_MS) && atomic_load(&p->reserve) == NET_RESERVE_PARKED)
				return false;
			continue;
		}
		while (reserve_wait_locked(p, SAMPLE_MS) && !atomic_load(&p->stopping))
			;
		now = atomic_load(&p->wait_state);
		if ((now & NET_WAITING_MASK) > 0 || !events_wait(p)) {
			atomic_store(&p->reserve, NET_RESERVE_PARKED);
			continue;
		}
		if (now / NET_LEFT_ONE - then / NET_LEFT_ONE < atomic_load(&p->total))
			return atomic_load(&p->total) < p->max_threads;
	}
	return false;
}

static void *reserve_main(void *arg)
{
	struct net_worker *w = arg;
	struct net_pool *p = w->pool;
	bool works;

	pthread_mutex_lock(&p->lock);
	works = reserve_watch_locked(p);
	atomic_store(&p->reserve, NET_RESERVE_NONE);
	if (works)
		atomic_fetch_add(&p->total, 1);
	else
		thread_ended_locked(w);
	pthread_mutex_unlock(&p->lock);
	return works ? worker_main(w) : NULL;
}

void net_pool_starved(struct net_pool *p)
{
	unsigned total = atomic_load(&p->total);

	if (total >= p->max_threads)
		return;
	if (total - atomic_load(&p->blocked) >= p->threads && atomic_load(&p->reserve) == NET_RESERVE_WATCHING)
		return;
	pthread_mutex_lock(&p->lock);
	reap_locked(p);
	if (atomic_load(&p->stopping)) {
		;
	} else if (atomic_load(&p->total) - atomic_load(&p->blocked) < p->threads) {
		spawn_locked(p);
	} else if (atomic_load(&p->reserve) == NET_RESERVE_NONE) {
		if (thread_start_locked(p, reserve_main))
			atomic_store(&p->reserve, NET_RESERVE_WATCHING);
	} else {
		atomic_store(&p->reserve, NET_RESERVE_WATCHING);
		pthread_cond_broadcast(&p->reserve_cv);
	}
	pthread_mutex_unlock(&p->lock);
}

void net_pool_blocking(struct net_pool *p, bool begins)
{
	if (!begins) {
		atomic_fetch_sub(&p->blocked, 1);
		return;
	}
	atomic_fetch_add(&p->blocked, 1);
	if (p->threads > 0 && (atomic_load(&p->wait_state) & NET_WAITING_MASK) == 0)
		net_pool_starved(p);
}

bool net_worker_surplus(struct net_worker *w)
{
	struct net_pool *p = w->pool;
	bool ends;

	pthread_mutex_lock(&p->lock);
	reap_locked(p);
	ends = atomic_load(&p->total) > p->threads;
	if (ends)
		atomic_fetch_sub(&p->total, 1);
	pthread_mutex_unlock(&p->lock);
	return ends;
}

bool net_workers_start(struct net_pool *p)
{
	bool ok = true;

	pthread_mutex_lock(&p->lock);
	while (ok && atomic_load(&p->total) < p->threads)
		ok = spawn_locked(p);
	pthread_mutex_unlock(&p->lock);
	return ok;
}

void net_workers_stop(struct net_pool *p)
{
	pthread_mutex_lock(&p->lock);
	atomic_store(&p->stopping, true);
	pthread_cond_broadcast(&p->reserve_cv);
	for (;;) {
		reap_locked(p);
		if (p->live == 0)
			break;
		pthread_cond_wait(&p->reserve_cv, &p->lock);
	}
	pthread_mutex_unlock(&p->lock);
}

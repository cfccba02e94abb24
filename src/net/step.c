/* Threads that handle events by calling net_pool_step, in pools without workers or beside them. Of several one waits, for all of them.
 *
 * Where a connection is all that there is to wait for, its token need not go to the epoll set and come back with an event, which are three calls of
 * the system: it rests with the pool, and whoever steps next waits in recv itself, for some ms. Nothing else is noticed there. So that is
 * done only without anything else to come, and never again once another thread brought something about meanwhile: that may have been late by so many ms. */
#include "net/internal.h"

#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>

/* With the virtual clock: moves it to the next timer if that lies within the timeout. */
static bool step_virtual(struct net_pool *p, int timeout_ms)
{
	uint64_t now = p->virtual_clock->now_ms, next = net_timers_next(p);
	uint64_t until = timeout_ms < 0 ? UINT64_MAX : now + (uint64_t)timeout_ms;

	if (next > until || next == UINT64_MAX) {
		if (timeout_ms > 0)
			p->virtual_clock->now_ms = until;
		return false;
	}
	if (next > now)
		p->virtual_clock->now_ms = next;
	return net_timers_run(p);
}

/* What is due without waiting. */
static bool step_due(struct net_worker *w)
{
	struct net_pool *p = w->pool;

	if (atomic_load(&p->timer_next_ms) <= clock_ms(p->clock) && net_timers_run(p))
		return true;
	return net_job_run(w);
}

/* Ends this thread's turn to wait for events, if it has it. */
static void step_done(struct net_pool *p, bool *leads, bool ran)
{
	pthread_mutex_lock(&p->lock);
	if (*leads)
		p->stepping = false;
	*leads = false;
	if (ran)
		p->step_count++;
	if (p->followers > 0)
		ran ? pthread_cond_broadcast(&p->step_cv) : pthread_cond_signal(&p->step_cv);
	pthread_mutex_unlock(&p->lock);
}

/* Waits, while another thread waits for events, until something has run or it is this one's turn to wait for events. */
static bool step_follow_locked(struct net_pool *p, int timeout_ms, bool *ran)
{
	uint64_t seen = p->step_count;
	struct timespec until;
	int err = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	if (timeout_ms > 0) {
		until.tv_sec += timeout_ms / 1000;
		until.tv_nsec += timeout_ms % 1000 * 1000000l;
		until.tv_sec += until.tv_nsec / 1000000000l;
		until.tv_nsec %= 1000000000l;
	}
	p->followers++;
	while (p->stepping && p->step_count == seen && err == 0)
		err = timeout_ms < 0 ? pthread_cond_wait(&p->step_cv, &p->lock)
				     : pthread_cond_timedwait(&p->step_cv, &p->lock, &until);
	p->followers--;
	*ran = p->step_count != seen;
	return *ran || p->stepping;
}

/* Of several connections one usually has something soon, and to sleep and be woken costs both ends more than to look for a moment, with the core left
 * to who wants it. More and more seldom where that was in vain. Who steps for all of them calls it. */
static bool step_linger(struct net_pool *p, struct epoll_event *ev)
{
	uint64_t until_us;

	if (p->virtual_clock || p->cores < 2 || atomic_load(&p->sockets) < 2 || net_backoff_skips(&p->step_linger))
		return false;
	until_us = clock_us() + NET_LINGER_STEP_US;
	do {
		if (epoll_wait(p->epfd, ev, 1, 0) == 1) {
			net_backoff_ended(&p->step_linger, false);
			return true;
		}
		sched_yield();
	} while (clock_us() < until_us);
	net_backoff_ended(&p->step_linger, true);
	return false;
}

bool net_pool_rest(struct net_pool *p, struct net_conn *c)
{
	bool rests;

	pthread_mutex_lock(&p->lock);
	rests = !p->stepping && !p->rests;
	if (rests)
		p->rests = c;
	pthread_mutex_unlock(&p->lock);
	return rests;
}

/* Nothing can come but from this connection. */
static bool is_all(struct net_pool *p, const struct net_conn *c)
{
	return atomic_load(&p->sockets) == 1 && !atomic_load(&p->epoll_only) && atomic_load(&p->job_count) == 0 && !atomic_load(&c->blocked) &&
	       net_timers_next(p) > clock_ms(p->clock) + NET_HEAR_MS;
}

/* What became of the connection that rested; > 0: this thread has its token, and something to do with it. Else as net_conn_hear. */
static int step_hear(struct net_pool *p, struct net_conn *c, struct net_worker *w, bool waits)
{
	int heard = 0;

	atomic_store(&p->hearing, true);
	if (waits && is_all(p, c))
		heard = net_conn_hear(c, w);
	atomic_store(&p->hearing, false);
	if (heard <= 0)
		net_conn_arm(c, false);
	return heard;
}

/* For events of the epoll set. */
static bool step_wait(struct net_worker *w, int timeout_ms, bool *leads)
{
	struct net_pool *p = w->pool;
	struct epoll_event ev;
	bool ran = (*leads && step_linger(p, &ev)) || epoll_wait(p->epfd, &ev, 1, p->virtual_clock ? 0 : timeout_ms) == 1;

	if (ran) {
		/* Let another stepping thread wait while this one works. */
		if (*leads)
			step_done(p, leads, false);
		((struct net_io *)ev.data.ptr)->ready(ev.data.ptr, w, ev.events);
	} else if (p->virtual_clock) {
		ran = step_virtual(p, timeout_ms);
	}
	return ran;
}

/* Waits for this thread's turn, and for events then. */
static bool step_turn(struct net_worker *w, int timeout_ms, bool *leads)
{
	struct net_pool *p = w->pool;
	struct net_conn *c;
	bool ran, waits;
	int heard;

	pthread_mutex_lock(&p->lock);
	if (timeout_ms != 0) {
		if (p->stepping && step_follow_locked(p, timeout_ms, &ran)) {
			pthread_mutex_unlock(&p->lock);
			return ran;
		}
		*leads = p->stepping = true;
	}
	c = p->rests;
	p->rests = NULL;
	pthread_mutex_unlock(&p->lock);
	waits = c && (timeout_ms < 0 || timeout_ms > NET_HEAR_MS);
	heard = c ? step_hear(p, c, w, waits) : 0;
	if (heard == 0)
		return step_wait(w, waits && timeout_ms > 0 ? timeout_ms - NET_HEAR_MS : timeout_ms, leads);
	if (heard > 0) {
		step_done(p, leads, false);
		net_conn_receive(c, w);
	}
	return heard > 0;
}

bool net_pool_step(struct net_pool *p, int timeout_ms)
{
	struct net_worker w = {.pool = p, .steps = p->threads == 0 && !p->virtual_clock, .thread = pthread_self()};
	bool ran, leads = false;

	/* Before it looks at the jobs: who leaves some later wakes it. */
	atomic_store(&p->stepped, true);
	ran = step_due(&w);
	if (!ran && p->virtual_clock && atomic_load(&p->sockets) == 0)
		ran = step_virtual(p, timeout_ms);
	else if (!ran)
		ran = step_turn(&w, timeout_ms, &leads);
	net_worker_trim(&w);
	step_done(p, &leads, ran);
	return ran;
}

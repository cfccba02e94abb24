/* A connection's life: references, states, the end, and its timeouts. The receive token is either with the transport (armed; then
 * exactly one event will bring it back), with the thread that handles that event, or kept back while the peer does not
 * take its replies. Only its holder finishes a connection, so that `closed` comes after the last `frames` has begun; everybody else
 * sets the state and makes the transport deliver an event. */
#include "net/internal.h"

#include <stdlib.h>
#include <unistd.h>

struct net_conn *net_conn_ref(struct net_conn *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void net_conn_put(struct net_conn *c)
{
	if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	net_timer_cancel(c->pool, &c->timer);
	if (c->ops && c->ops->destroyed)
		c->ops->destroyed(c->user);
	c->transport->close(c);
	c->transport->destroy(c);
	buf_put(c->held);
	pthread_mutex_destroy(&c->lock);
	net_pool_put(c->pool);
	free(c);
}

/* In what time the timer has to look again; UINT64_MAX: never. 0: the connection's time is up. */
static uint64_t conn_deadline_locked(struct net_conn *c, uint64_t now)
{
	uint64_t next = UINT64_MAX, partial = atomic_load(&c->partial_since_ms), due;
	unsigned idle = atomic_load(&c->idle_ms), frame = atomic_load(&c->frame_ms);
	/* While it is our turn the peer cannot be late: look again later. */
	bool reading = atomic_load(&c->reading);

	if (atomic_load(&c->state) == NET_CONN_DRAINING)
		return c->drain_until_ms > now ? c->drain_until_ms - now : 0;
	if (idle) {
		due = reading ? atomic_load(&c->last_frame_ms) + idle : now + idle;
		if (due <= now)
			return 0;
		next = due - now;
	}
	if (frame && partial) {
		due = reading ? partial + frame : now + frame;
		if (due <= now)
			return 0;
		next = due - now < next ? due - now : next;
	}
	if ((idle || frame) && atomic_load(&c->queued) > 0) {
		due = atomic_load(&c->last_send_ms) + NET_STALL_MS;
		if (due <= now)
			return 0;
		next = due - now < next ? due - now : next;
	}
	return next;
}

static void conn_timer_set_locked(struct net_conn *c, uint64_t now, uint64_t in_ms)
{
	if (in_ms == UINT64_MAX || atomic_load(&c->state) >= NET_CONN_DROPPED)
		return;
	if (c->timer_live && c->timer_due_ms <= now + in_ms)
		return;
	c->timer_live = true;
	c->timer_due_ms = now + in_ms;
	net_timer_arm(c->pool, &c->timer, in_ms);
}

static void conn_timer_fn(struct net_timer *t)
{
	struct net_conn *c = CONTAINER_OF(t, struct net_conn, timer);
	uint64_t now = clock_ms(c->pool->clock), in_ms;

	pthread_mutex_lock(&c->lock);
	c->timer_live = false;
	in_ms = conn_deadline_locked(c, now);
	if (in_ms == 0)
		net_conn_drop_locked(c);
	else
		conn_timer_set_locked(c, now, in_ms);
	pthread_mutex_unlock(&c->lock);
}

struct net_conn *net_conn_new(struct net_pool *p, const struct net_transport *t)
{
	static _Atomic uint64_t serials;
	struct net_conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	atomic_init(&c->refs, 1);
	c->serial = atomic_fetch_add_explicit(&serials, 1, memory_order_relaxed) + 1;
	c->pool = p;
	c->transport = t;
	c->fd = -1;
	c->timer.fn = conn_timer_fn;
	atomic_init(&c->limit, 128 * 1024);
	pthread_mutex_init(&c->lock, NULL);
	list_init(&c->out);
	list_init(&c->on_pool);
	net_pool_ref(p);
	return c;
}

static void conn_job_fn(struct net_job *j, struct net_worker *w)
{
	net_conn_receive(CONTAINER_OF(j, struct net_conn, job), w);
}

static void conn_out_job_fn(struct net_job *j, struct net_worker *w)
{
	net_conn_writable(CONTAINER_OF(j, struct net_conn, out_job), w);
}

void net_conn_start(struct net_conn *c, const struct net_conn_ops *ops, void *user)
{
	int fresh = NET_CONN_NEW;

	c->ops = ops;
	c->user = user;
	c->job.fn = conn_job_fn;
	c->out_job.fn = conn_out_job_fn;
	net_conn_ref(c); /* the token's */
	pthread_mutex_lock(&c->pool->lock);
	list_append(&c->pool->conns, &c->on_pool);
	pthread_mutex_unlock(&c->pool->lock);
	atomic_store(&c->last_frame_ms, clock_ms(c->pool->clock));
	atomic_store(&c->reading, true);
	/* It may have been closed before it began. */
	if (!atomic_compare_exchange_strong(&c->state, &fresh, NET_CONN_OPEN) || !c->transport->start(c)) {
		net_conn_drop(c);
		net_job_push(c->pool, &c->job);
	}
}

void net_conn_limit(struct net_conn *c, size_t max_frame_bytes)
{
	atomic_store(&c->limit, max_frame_bytes);
}

void net_conn_unsent(struct net_conn *c, size_t most)
{
	atomic_store(&c->unsent, most);
}

void net_conn_timeout(struct net_conn *c, unsigned idle_ms, unsigned frame_ms)
{
	uint64_t now = clock_ms(c->pool->clock), in_ms;

	atomic_store(&c->last_frame_ms, now);
	atomic_store(&c->last_send_ms, now);
	atomic_store(&c->idle_ms, idle_ms);
	atomic_store(&c->frame_ms, frame_ms);
	pthread_mutex_lock(&c->lock);
	in_ms = conn_deadline_locked(c, now);
	conn_timer_set_locked(c, now, in_ms ? in_ms : 1);
	pthread_mutex_unlock(&c->lock);
}

void net_conn_arm(struct net_conn *c, bool more)
{
	if (atomic_load(&c->idle_ms) || atomic_load(&c->frame_ms)) {
		if ((c->held_len == 0 && !c->sink) || more) {
			atomic_store_explicit(&c->partial_since_ms, 0, memory_order_relaxed);
		} else if (atomic_load(&c->partial_since_ms) == 0) {
			uint64_t now = clock_ms(c->pool->clock);

			atomic_store(&c->partial_since_ms, now ? now : 1);
			pthread_mutex_lock(&c->lock);
			conn_timer_set_locked(c, now, conn_deadline_locked(c, now));
			pthread_mutex_unlock(&c->lock);
		}
	}
	pthread_mutex_lock(&c->lock);
	c->paused = net_conn_overfull(c) && atomic_load(&c->state) == NET_CONN_OPEN;
	if (c->paused) {
		; /* who makes the queue shorter hands it on */
	} else if (more) {
		net_job_push(c->pool, &c->job);
	} else {
		/* Under the lock, for the event may end the connection, and its descriptor, before this call returns. */
		atomic_store(&c->reading, true);
		c->transport->arm_recv(c);
	}
	pthread_mutex_unlock(&c->lock);
}

/* The peer could send nothing meanwhile: its time begins anew. */
bool net_conn_unpause_locked(struct net_conn *c)
{
	uint64_t now;

	if (!c->paused)
		return false;
	c->paused = false;
	now = clock_lately_ms(c->pool->clock);
	atomic_store(&c->last_frame_ms, now);
	if (atomic_load(&c->partial_since_ms))
		atomic_store(&c->partial_since_ms, now ? now : 1);
	return true;
}

/* By a job: what was left over is looked at first. */
static void conn_unpause_locked(struct net_conn *c)
{
	if (net_conn_unpause_locked(c))
		net_job_push(c->pool, &c->job);
}

void net_conn_drop_locked(struct net_conn *c)
{
	int state = atomic_load(&c->state);

	if (state >= NET_CONN_DROPPED)
		return;
	atomic_store(&c->state, NET_CONN_DROPPED);
	c->transport->shutdown(c, SHUT_RDWR);
	conn_unpause_locked(c);
}

void net_conn_drop(struct net_conn *c)
{
	pthread_mutex_lock(&c->lock);
	net_conn_drop_locked(c);
	pthread_mutex_unlock(&c->lock);
}

void net_conn_close(struct net_conn *c, bool drain)
{
	uint64_t now = clock_ms(c->pool->clock);

	pthread_mutex_lock(&c->lock);
	if (!drain || atomic_load(&c->state) == NET_CONN_NEW) {
		net_conn_drop_locked(c);
	} else if (atomic_load(&c->state) == NET_CONN_OPEN) {
		atomic_store(&c->state, NET_CONN_DRAINING);
		c->drain_until_ms = now + NET_DRAIN_MS;
		conn_timer_set_locked(c, now, NET_DRAIN_MS);
		if (!c->writing && list_empty(&c->out)) /* else whoever writes does it then */
			c->transport->shutdown(c, SHUT_WR);
		conn_unpause_locked(c);
	}
	pthread_mutex_unlock(&c->lock);
}

void net_conn_finish(struct net_conn *c)
{
	pthread_mutex_lock(&c->lock);
	net_conn_drop_locked(c);
	atomic_store(&c->state, NET_CONN_CLOSED);
	/* A writer notices by itself, and the armed writable event comes because of the shutdown. */
	if (c->writing)
		c->close_pending = true;
	else
		c->transport->close(c);
	pthread_mutex_unlock(&c->lock);
	net_timer_cancel(c->pool, &c->timer);
	buf_put(c->held);
	c->held = NULL;
	c->held_len = 0;
	if (c->sink)
		c->sink->done(c->sink, false);
	c->sink = NULL;
	pthread_mutex_lock(&c->pool->lock);
	list_remove(&c->on_pool);
	pthread_mutex_unlock(&c->pool->lock);
	c->ops->closed(c, c->user);
	net_conn_put(c);
}

bool net_conn_closed(const struct net_conn *c)
{
	return atomic_load(&c->state) >= NET_CONN_DRAINING;
}

static bool lost_by_now(struct net_conn *c)
{
	bool lost = net_conn_closed(c);

	pthread_mutex_lock(&c->lock);
	if (!lost && c->transport->hung_up)
		lost = c->transport->hung_up(c);
	pthread_mutex_unlock(&c->lock);
	return lost;
}

bool net_conn_lost(struct net_conn *c, unsigned within_ms)
{
	bool lost = lost_by_now(c);

	for (unsigned ms = 0; !lost && c->transport->hung_up && ms < within_ms; ms++) {
		usleep(1000);
		lost = lost_by_now(c);
	}
	return lost;
}

void net_conn_peer(const struct net_conn *c, char *text, size_t cap)
{
	c->transport->name(c, true, text, cap);
}

void net_conn_local(const struct net_conn *c, char *text, size_t cap)
{
	c->transport->name(c, false, text, cap);
}

uint64_t net_conn_serial(const struct net_conn *c)
{
	return c->serial;
}

void *net_conn_user(const struct net_conn *c)
{
	return c->user;
}

bool net_conn_stuck(struct net_conn *c, unsigned ms)
{
	bool stuck;

	pthread_mutex_lock(&c->lock);
	stuck = c->transport->stuck && c->transport->stuck(c, ms);
	pthread_mutex_unlock(&c->lock);
	return stuck;
}

size_t net_conn_queued(const struct net_conn *c)
{
	return atomic_load(&c->queued);
}

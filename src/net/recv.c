/* The receiving side: from a readable connection to its owner's `frames` ([MS-SMB2] 2.1: a zero byte, 24 bits of length, the frame; the other
 * packets of a NetBIOS session go to nbss.c on the way).
 *
 * The thread with the token reads into its own buffer and gives away complete frames where they lie. A frame above NET_LARGE_FRAME
 * that is not complete moves to a buffer of its size, into which the rest is received directly; it lies on a 64-byte
 * boundary there. What is left over when the token is handed on stays with the connection: the begun frame in a buffer of
 * its size, or complete frames where they lie, which another worker then takes up as a job. A large frame that its owner wants
 * as a stream goes from the socket to its sink by way of a pipe of the worker's, or of its buffer. */
#include "net/internal.h"

#include <errno.h>
#include <sched.h>

enum {
	PREFIX = 4,
	LARGE_PREFIX_AT = 64 - PREFIX,
	MAX_ROUNDS = 64 /* then others get their turn, if any wait */
};

/* Bytes that have come and are not yet given away. */
struct rx {
	struct buf *buf; /* referenced; NULL: none */
	size_t off, end;
};

/* A `frames` call under way on this thread, for net_conn_release_token. */
struct rx_call {
	struct net_conn *c;
	struct rx *rx;
	const struct net_frame *frames;
	size_t n;
	bool released;
	struct rx_call *outer;
};

static _Thread_local struct rx_call *rx_current;

static size_t head_bytes(const struct net_conn *c)
{
	return c->ops->head ? c->ops->head : NET_FRAME_HEAD;
}

/* What is read first when the last frame was large: more would be copied. */
static size_t probe_bytes(const struct net_conn *c)
{
	return PREFIX + head_bytes(c);
}

/* Length of the frame that begins at off, prefix included; 0: not yet known; SIZE_MAX: the peer breaks the rules. */
static size_t rx_frame_total(const struct net_conn *c, const struct rx *rx)
{
	const uint8_t *p;
	size_t len;

	if (rx->end - rx->off == 0)
		return 0;
	p = rx->buf->data + rx->off;
	if (c->nbss)
		return net_nbss_total(c, p, rx->end - rx->off);
	/* Any other NetBIOS message type has no place in direct TCP. */
	if (p[0] != 0)
		return SIZE_MAX;
	if (rx->end - rx->off < PREFIX)
		return 0;
	len = load_be32(p) & 0xFFFFFF;
	return len == 0 || len > atomic_load(&c->limit) ? SIZE_MAX : len + PREFIX;
}

/* Whether there is something to do before more bytes come. */
static bool rx_complete(const struct net_conn *c, const struct rx *rx)
{
	size_t total = rx_frame_total(c, rx);

	return total == SIZE_MAX || (total > 0 && total <= rx->end - rx->off);
}

/* Of frames like the last one, which was large, only the head is read first. */
static void expect_large(struct net_conn *c)
{
	c->expect_large = true;
	if (!c->widened && c->transport->widen)
		c->transport->widen(c);
	c->widened = true;
}

/* Takes complete frames off the front: several small ones, or one large one. */
static size_t rx_parse(struct net_conn *c, struct rx *rx, struct net_frame *f, bool *bad)
{
	size_t n = 0, total;

	*bad = false;
	while (n < NET_FRAMES_AT_ONCE) {
		total = rx_frame_total(c, rx);
		*bad = total == SIZE_MAX;
		if (total == 0 || total > rx->end - rx->off)
			break;
		if (total > NET_LARGE_FRAME && n > 0)
			break;
		if (rx->buf->data[rx->off] != 0) {
			*bad = !net_nbss_packet(c, rx->buf->data + rx->off, total);
			if (*bad || atomic_load(&c->state) != NET_CONN_OPEN)
				break;
			rx->off += total;
			continue;
		}
		f[n++] = (struct net_frame){rx->buf->data + rx->off + PREFIX, total - PREFIX, rx->buf};
		rx->off += total;
		c->offered = false;
		c->shown = 0;
		c->expect_large = false;
		if (total > NET_LARGE_FRAME) {
			expect_large(c);
			break;
		}
	}
	return n;
}

/* Gives a buffer back: to the worker if it can serve again. */
static void rx_park(struct net_worker *w, struct rx *rx)
{
	if (rx->buf && w && !w->recv_buf && rx->buf->cap >= NET_RECV_BYTES && rx->buf->cap < 2 * NET_RECV_BYTES &&
		atomic_load_explicit(&rx->buf->refs, memory_order_acquire) == 1)
		w->recv_buf = rx->buf;
	else
		buf_put(rx->buf);
	*rx = (struct rx){0};
}

/* Moves the unparsed bytes into a buffer with room for `need` of them from `at` on. */
static bool rx_move(struct net_worker *w, struct rx *rx, size_t at, size_t need)
{
	struct rx to = {.off = at, .end = at + (rx->end - rx->off)};

	if (need <= NET_RECV_BYTES && w && w->recv_buf) {
		to.buf = w->recv_buf;
		w->recv_buf = NULL;
	} else {
		to.buf = buf_get(at + need);
	}
	if (!to.buf)
		return false;
	if (to.end > to.off)
		memcpy(to.buf->data + to.off, rx->buf->data + rx->off, to.end - to.off);
	rx_park(w, rx);
	*rx = to;
	return true;
}

/* Of a begun large frame. */
static bool is_shown(const struct net_conn *c, size_t total)
{
	return c->ops->coming && c->shown != SIZE_MAX && total != SIZE_MAX && total >= NET_SHOWN_LEAST && (!c->ops->begun || c->offered);
}

/* Makes room for what comes next and says how much to ask for; 0: out of memory. */
static size_t rx_room(struct net_conn *c, struct net_worker *w, struct rx *rx)
{
	size_t have = rx->end - rx->off, total = rx_frame_total(c, rx);
	size_t probe = probe_bytes(c);
	bool ours = rx->buf && atomic_load_explicit(&rx->buf->refs, memory_order_acquire) == 1;

	if (total > NET_LARGE_FRAME && c->ops->begun && !c->offered && have < probe)
		return rx->buf->cap - rx->end >= probe || rx_move(w, rx, 0, NET_RECV_BYTES) ? probe - have : 0;
	if (total > NET_LARGE_FRAME) {
		/* Not a byte of the next frame, so that this buffer is the frame's alone. */
		if (rx->off != LARGE_PREFIX_AT || rx->buf->cap < LARGE_PREFIX_AT + total) {
			if (!rx_move(w, rx, LARGE_PREFIX_AT, total))
				return 0;
		}
		return is_shown(c, total) && total - have > NET_SHOWN_BYTES ? NET_SHOWN_BYTES : total - have;
	}
	if (ours && rx->buf->cap >= NET_RECV_BYTES && rx->buf->cap < 2 * NET_RECV_BYTES) {
		if (rx->off > 0 && have > 0)
			memmove(rx->buf->data, rx->buf->data + rx->off, have);
		rx->off = 0;
		rx->end = have;
	} else if (!rx_move(w, rx, 0, NET_RECV_BYTES)) {
		return 0;
	}
	return have == 0 && c->expect_large ? probe : NET_RECV_BYTES - have;
}

/* Leaves the unparsed bytes with the connection. */
static bool rx_save(struct net_conn *c, struct net_worker *w, struct rx *rx)
{
	size_t have = rx->end - rx->off, total = rx_frame_total(c, rx);

	c->held_len = have;
	if (have > 0) {
		/* A begun small frame must not hold a whole receive buffer. */
		if (total <= NET_LARGE_FRAME && !rx_complete(c, rx)) {
			c->held = buf_get(total ? total : PREFIX);
			if (!c->held)
				return false;
			c->held_off = 0;
			memcpy(c->held->data, rx->buf->data + rx->off, have);
		} else {
			c->held = buf_ref(rx->buf);
			c->held_off = rx->off;
		}
	}
	rx_park(w, rx);
	return true;
}

/* The same; a connection whose bytes are lost for want of memory ends. */
static void rx_leave(struct net_conn *c, struct net_worker *w, struct rx *rx)
{
	if (rx_save(c, w, rx))
		return;
	c->held_len = 0;
	rx_park(w, rx);
	net_conn_drop(c);
}

static void rx_load(struct net_conn *c, struct rx *rx)
{
	*rx = (struct rx){c->held, c->held_off, c->held_off + c->held_len};
	c->held = NULL;
	c->held_len = 0;
}

/* Hands the token on. */
static void rx_hand_on(struct net_conn *c, struct net_worker *w, struct rx *rx)
{
	bool more = rx_complete(c, rx);

	rx_leave(c, w, rx);
	net_conn_arm(c, more);
}

/* A frame that is through: the peer was not idle, and one that follows starts its time now. */
static void rx_took(struct net_conn *c)
{
	atomic_store_explicit(&c->partial_since_ms, 0, memory_order_relaxed);
	if (atomic_load(&c->idle_ms))
		atomic_store_explicit(&c->last_frame_ms, clock_lately_ms(c->pool->clock), memory_order_relaxed);
}

/* Gives frames to the owner; false when it handed the token on. */
static bool rx_deliver(struct net_conn *c, struct rx *rx, struct net_frame *f, size_t n)
{
	struct rx_call call = {.c = c, .rx = rx, .frames = f, .n = n, .outer = rx_current};

	c->burst += n > 1 ? (unsigned)n : 0;
	rx_current = &call;
	c->ops->frames(c, c->user, f, n);
	rx_current = call.outer;
	if (!call.released)
		rx_took(c);
	return !call.released;
}

static void rx_release(struct net_conn *c, const struct net_frame *after)
{
	struct rx_call *call = rx_current;
	struct rx rest;

	if (!call || call->c != c || call->released)
		return;
	call->released = true;
	net_conn_ref(c); /* this thread goes on using it; rx_deliver's caller puts it */
	rx_took(c);
	/* The frames of this call stay in the buffer, which rx keeps. */
	rest = *call->rx;
	buf_ref(rest.buf);
	if (after + 1 < call->frames + call->n)
		rest.off = (size_t)(after[1].data - rest.buf->data) - PREFIX;
	call->rx->off = call->rx->end;
	rx_hand_on(c, NULL, &rest);
}

void net_conn_release_token(struct net_conn *c)
{
	if (rx_current)
		rx_release(c, rx_current->frames + rx_current->n - 1);
}

void net_conn_release_after(struct net_conn *c, const struct net_frame *f)
{
	rx_release(c, f);
}

/* Asks the owner of a large frame that has begun whether it wants it as a stream. */
static bool rx_offer(struct net_conn *c, struct rx *rx)
{
	size_t total = rx_frame_total(c, rx), have = rx->end - rx->off;
	struct net_frame head;

	if (!c->ops->begun || c->offered || total == SIZE_MAX || total <= NET_LARGE_FRAME || have < probe_bytes(c) || have >= total)
		return false;
	head = (struct net_frame){rx->buf->data + rx->off + PREFIX, head_bytes(c), rx->buf};
	c->sink = c->ops->begun(c, c->user, &head, total - PREFIX);
	c->offered = c->sink == NULL;
	if (!c->sink)
		return false;
	c->sink->left = total - probe_bytes(c);
	rx->off += probe_bytes(c);
	return true;
}

static void pause_briefly(void)
{
	for (int i = 0; i < 8; i++) {
#if defined(__x86_64__)
		__builtin_ia32_pause();
#else
		atomic_signal_fence(memory_order_seq_cst);
#endif
	}
}

/* No other worker of the pool has anything to do: what it does may well want the core that lingering takes. */
static bool others_wait(struct net_pool *p)
{
	return (atomic_load(&p->wait_state) & NET_WAITING_MASK) + 1 >= atomic_load(&p->total) && atomic_load(&p->job_count) == 0;
}

/* Whether it is worth to stay at the empty socket. Who has several requests under way sends the next ones while we answer, and they come within
 * less than it takes to sleep and to be woken; so does the rest of a begun large frame. Who sends one at a time may need this very core for it. */
static bool linger_pays(struct net_conn *c, const struct net_worker *w, bool several)
{
	if (!several && !c->sink && !(c->ops->due && c->ops->due(c->user)))
		return false;
	if (!w || w->pool->virtual_clock || w->pool->cores < 2 || !others_wait(w->pool))
		return false;
	return !net_backoff_skips(&c->linger);
}

/* Staying at an empty socket, from the time it was found so. One thread of a pool at a time does: the others are there for other connections. */
struct lingering {
	bool begun, on;
	bool yields; /* the core to who wants it: answers that come one by one take their sender long, who may be on this machine */
	uint64_t until_us;
};

/* The socket was empty: true, after a moment, to look again. */
static bool linger(struct net_conn *c, struct net_worker *w, struct lingering *l)
{
	if (!l->begun) {
		bool several = c->burst > 1;

		l->begun = true;
		l->yields = !several && !c->sink;
		c->burst = 0;
		net_conn_flush(c); /* what the peer may be waiting for */
		l->on = linger_pays(c, w, several) && !atomic_exchange(&w->pool->lingering, true);
		l->until_us = l->on ? clock_us() + (c->sink ? NET_LINGER_SINK_US : NET_LINGER_US) : 0;
	}
	if (!l->on || !others_wait(w->pool) || clock_us() >= l->until_us)
		return false;
	if (l->yields)
		sched_yield();
	else
		pause_briefly();
	return true;
}

static void linger_end(struct net_conn *c, struct net_worker *w, struct lingering *l, bool in_vain)
{
	if (!l->on)
		return;
	atomic_store(&w->pool->lingering, false);
	net_backoff_ended(&c->linger, in_vain);
	l->on = l->begun = false;
}

static bool is_empty(ssize_t got)
{
	return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

/* Shows the owner what has come of a large frame that it gets whole. */
static void rx_show(struct net_conn *c, const struct rx *rx)
{
	size_t total = rx_frame_total(c, rx), have = rx->end - rx->off;
	bool more;

	if (!is_shown(c, total) || have < probe_bytes(c))
		return;
	more = c->ops->coming(c, c->user, rx->buf->data + rx->off + PREFIX, c->shown, have - PREFIX - c->shown, total - PREFIX);
	c->shown = more ? have - PREFIX : SIZE_MAX;
}

/* Reads until a frame is complete: > 0; 0: nothing more is there; < 0: the connection is at its end. */
static int rx_fill(struct net_conn *c, struct net_worker *w, struct rx *rx)
{
	do {
		struct lingering l = {0};
		size_t room;
		ssize_t got;

		if (rx_offer(c, rx))
			return 1;
		room = rx_room(c, w, rx);
		if (room == 0)
			return -1;
		do
			got = c->transport->recv(c, rx->buf->data + rx->end, room);
		while ((got < 0 && errno == EINTR) || (is_empty(got) && linger(c, w, &l)));
		linger_end(c, w, &l, got < 0);
		if (is_empty(got))
			return 0;
		if (got <= 0)
			return -1;
		rx->end += (size_t)got;
		rx_show(c, rx);
	} while (!rx_complete(c, rx));
	return 1;
}

static bool worker_pipe(struct net_worker *w)
{
	if (!w->has_pipe)
		w->has_pipe = net_pipe_get(w->pipe);
	return w->has_pipe;
}

static void worker_pipe_end(struct net_worker *w, bool empty)
{
	if (w->has_pipe)
		net_pipe_put(w->pipe[0], w->pipe[1], empty);
	w->has_pipe = false;
}

void net_worker_trim(struct net_worker *w)
{
	buf_put(w->recv_buf);
	w->recv_buf = NULL;
	worker_pipe_end(w, true);
}

/* So many bytes lie where the sink's memory went on. */
static void sink_went(struct net_sink *s, size_t n)
{
	if (s->came)
		s->came(s, s->into, n);
	s->into += n;
}

/* Into the sink's memory, and from behind it the head of the next frame, if that has come: it needs no call of its own then. */
static ssize_t sink_recv(struct net_conn *c, struct net_worker *w, struct rx *rx)
{
	struct net_sink *s = c->sink;
	struct iovec iov[2] = {{s->into, s->left}};
	ssize_t got;

	if (c->transport->recv_both && rx_room(c, w, rx) > 0) {
		iov[1] = (struct iovec){rx->buf->data + rx->end, probe_bytes(c)};
		got = c->transport->recv_both(c, iov);
	} else {
		got = c->transport->recv(c, s->into, s->left);
	}
	if (got > 0 && (size_t)got > s->left) {
		rx->end += (size_t)got - s->left;
		got = (ssize_t)s->left;
	}
	if (got > 0)
		sink_went(s, (size_t)got);
	return got;
}

/* Gives some bytes to the sink: those at hand, from the pipe, or from the buffer. How many, or as recv. */
static ssize_t sink_some(struct net_conn *c, struct net_worker *w, struct rx *rx)
{
	struct net_sink *s = c->sink;
	size_t n = rx->end - rx->off < s->left ? rx->end - rx->off : s->left;
	ssize_t got;

	if (n > 0) {
		if (s->into) {
			memcpy(s->into, rx->buf->data + rx->off, n);
			sink_went(s, n);
		} else if (nt_ok(s->status)) {
			s->status = s->bytes(s, rx->buf->data + rx->off, n);
		}
		rx->off += n;
		return (ssize_t)n;
	}
	if (s->into)
		return sink_recv(c, w, rx);
	if (nt_ok(s->status) && s->pipe && c->transport->splice_in && worker_pipe(w)) {
		got = c->transport->splice_in(c, w->pipe[1], s->left);
		if (got > 0)
			s->status = s->pipe(s, w->pipe[0], (size_t)got);
		/* What may be left in it is nobody's. */
		if (got > 0 && !nt_ok(s->status))
			worker_pipe_end(w, false);
		return got;
	}
	if (rx_room(c, w, rx) == 0) {
		errno = ENOMEM;
		return -1;
	}
	got = c->transport->recv(c, rx->buf->data, s->left < NET_RECV_BYTES ? s->left : NET_RECV_BYTES);
	if (got > 0 && nt_ok(s->status))
		s->status = s->bytes(s, rx->buf->data, (size_t)got);
	return got;
}

/* As rx_fill, for a frame that goes to a sink; > 0: it is through. */
static int rx_sink(struct net_conn *c, struct net_worker *w, struct rx *rx)
{
	struct net_sink *s = c->sink;

	while (s->left > 0) {
		struct lingering l = {0};
		ssize_t got;

		do
			got = sink_some(c, w, rx);
		while ((got < 0 && errno == EINTR) || (is_empty(got) && linger(c, w, &l)));
		linger_end(c, w, &l, got < 0);
		if (is_empty(got))
			return 0;
		if (got <= 0)
			return -1;
		s->left -= (size_t)got;
	}
	c->sink = NULL;
	expect_large(c);
	c->burst++;
	s->done(s, true);
	rx_took(c);
	return 1;
}

/* After net_conn_close with drain: only the end of the stream matters. */
static int rx_discard(struct net_conn *c, struct net_worker *w, struct rx *rx)
{
	int r;

	rx->off = rx->end;
	c->expect_large = false;
	for (unsigned i = 0; i < MAX_ROUNDS; i++) {
		size_t room = rx_room(c, w, rx);

		r = room ? (int)c->transport->recv(c, rx->buf->data, room) : -1;
		if (r < 0)
			return room && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
		if (r == 0)
			return -1;
	}
	return 0;
}

/* After so many rounds a thread goes on with its connection only if a worker waits for events, so that there are none which that would keep waiting. To hand
 * the token on would wake that worker for nothing. */
static bool goes_on(struct net_worker *w, unsigned *round)
{
	if (*round < MAX_ROUNDS)
		return true;
	if (!w || (atomic_load(&w->pool->wait_state) & NET_WAITING_MASK) == 0 || atomic_load(&w->pool->job_count) > 0)
		return false;
	atomic_fetch_add_explicit(&w->pool->events, 1, memory_order_relaxed);
	*round = 0;
	return true;
}

/* The next step of this thread may well wait at this socket: to hand the token over and get it back with an event is half of what a small request costs
 * its sender. */
static bool may_rest(const struct net_conn *c, const struct net_worker *w, const struct rx *rx)
{
	return w && w->steps && rx->off == rx->end && !c->sink && c->transport->hear && !atomic_load_explicit(&c->pipes, memory_order_relaxed) &&
	       atomic_load(&c->state) == NET_CONN_OPEN && !net_conn_overfull(c) && atomic_load(&w->pool->sockets) == 1 &&
	       !atomic_load(&w->pool->epoll_only);
}

/* Hands the token on, if only to this thread. */
static void rx_rest(struct net_conn *c, struct net_worker *w, struct rx *rx)
{
	if (!may_rest(c, w, rx)) {
		rx_hand_on(c, w, rx);
		return;
	}
	rx_park(w, rx);
	atomic_store(&c->reading, true);
	if (!net_pool_rest(c->pool, c))
		net_conn_arm(c, false);
}

/* Whether to look what else has come, when all that had is answered: not while others wait, for it is found when the connection is armed, nor
 * where the next step finds it. */
static bool looks_again(const struct net_conn *c, const struct net_worker *w, const struct rx *rx)
{
	if (!w || rx->off < rx->end)
		return true;
	if (may_rest(c, w, rx))
		return c->ops->due && c->ops->due(c->user);
	return atomic_load_explicit(&w->pool->job_count, memory_order_relaxed) == 0;
}

int net_conn_hear(struct net_conn *c, struct net_worker *w)
{
	struct rx rx = {0};
	size_t room = rx_room(c, w, &rx);
	ssize_t got = room ? c->transport->hear(c, rx.buf->data, room) : -1;
	int heard = 1;

	if (room == 0 || is_empty(got))
		heard = 0;
	else if (got < 0 && errno == EINTR)
		heard = -1;
	rx.end = got > 0 ? (size_t)got : 0;
	rx_leave(c, w, &rx);
	return heard;
}

void net_conn_receive(struct net_conn *c, struct net_worker *w)
{
	struct net_frame frames[NET_FRAMES_AT_ONCE];
	struct rx rx;
	bool bad = false, answered = false;

	/* Reads what the last holder wrote when it handed the token on: the kernel orders the two, but C does not know. */
	(void)atomic_exchange(&c->reading, false);
	rx_load(c, &rx);
	for (unsigned round = 0;; round++) {
		int state = atomic_load(&c->state), r = 1;
		size_t n = 0;

		if (state == NET_CONN_OPEN && net_conn_overfull(c)) {
			r = 0;
		} else if (state == NET_CONN_OPEN && c->sink) {
			r = rx_sink(c, w, &rx);
		} else if (state == NET_CONN_OPEN) {
			n = rx_parse(c, &rx, frames, &bad);
			if (n > 0)
				net_conn_flush(c);
			if (n > 0 && !rx_deliver(c, &rx, frames, n)) {
				rx_park(w, &rx);
				net_conn_put(c);
				return;
			}
			if (n == 0 && bad) {
				net_nbss_misplaced(c, rx.off < rx.end ? rx.buf->data + rx.off : NULL);
				continue; /* with what came of it */
			}
			if (n == 0)
				r = goes_on(w, &round) && (!answered || looks_again(c, w, &rx)) ? rx_fill(c, w, &rx) : 0;
			answered = n > 0;
		} else {
			r = state == NET_CONN_DRAINING ? rx_discard(c, w, &rx) : -1;
		}
		if (r <= 0)
			net_conn_flush(c);
		if (r < 0) {
			rx_park(w, &rx);
			net_conn_finish(c);
			return;
		}
		if (r == 0) {
			rx_rest(c, w, &rx);
			return;
		}
	}
}

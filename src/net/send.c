/* The sending side. At any time one party has the right to write to a connection (`writing`): a thread, a batch that holds the end of a frame, or the
 * armed writable event. A thread that finds it taken leaves its pieces in the queue and goes on with its work; the writer takes them
 * along. So frames are never interleaved and nobody waits for another's system call. */
#include "net/internal.h"

#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH_BYTES = 65536, PACKED_MOST = 3 * BATCH_BYTES, COPIED_BEHIND = 16384, LEFT_OUT_MOST = 8 };

/* Pieces to be sent: on the sender's stack, or, when they have to wait, on the heap with the borrowed bytes behind them. */
struct net_out {
	struct list_node link;
	struct net_seg *segs;
	size_t at, n;
	size_t rest; /* pieces behind these, which the sender keeps, and `right` with them, if these are gone when it returns */
	bool right;  /* the sender's to write, from before and for the next time: no other frame gets into the middle of its own */
	bool heap;
};

enum out_result { OUT_DONE, OUT_BLOCKED, OUT_FAILED };

/* The peer is given time from here on to take what is queued. */
static void sent_now(struct net_conn *c)
{
	if (atomic_load(&c->idle_ms) || atomic_load(&c->frame_ms))
		atomic_store_explicit(&c->last_send_ms, clock_lately_ms(c->pool->clock), memory_order_relaxed);
}

static void queue_grows(struct net_conn *c, size_t bytes)
{
	/* Before: the timer looks at both. */
	if (atomic_load(&c->queued) == 0)
		sent_now(c);
	atomic_fetch_add(&c->queued, bytes);
}

static void seg_done(struct net_seg *s, bool drained)
{
	buf_put(s->owner);
	s->owner = NULL;
	if (s->pipe_done)
		s->pipe_done(s->pipe_fd, s->pipe_write_fd, drained);
}

static void out_gone(struct net_out *o)
{
	list_remove(&o->link);
	if (o->heap)
		free(o);
}

static void out_free(struct net_conn *c, struct net_out *o)
{
	size_t bytes = 0;

	for (; o->at < o->n + o->rest; o->at++) {
		bytes += o->segs[o->at].len;
		seg_done(&o->segs[o->at], false);
	}
	o->rest = 0;
	atomic_fetch_sub(&c->queued, bytes);
	out_gone(o);
}

static void out_free_all(struct net_conn *c, struct list_node *list)
{
	while (!list_empty(list))
		out_free(c, list_entry(list->next, struct net_out, link));
}

static bool is_borrowed(const struct net_seg *s)
{
	return !s->owner && !s->pipe_done && s->len > 0;
}

/* Much that is borrowed goes to a buffer out of the pool, little behind the pieces. */
static void copy_borrowed(struct net_out *kept, uint8_t *behind, struct buf *pooled)
{
	uint8_t *to = pooled ? pooled->data : behind;

	for (size_t i = 0; i < kept->n; i++) {
		struct net_seg *s = &kept->segs[i];

		if (!is_borrowed(s))
			continue;
		memcpy(to, s->data, s->len);
		s->data = to;
		s->owner = pooled ? buf_ref(pooled) : NULL;
		to += s->len;
	}
}

/* What is left of o, on the heap; NULL when memory is exhausted. o gives up its pieces in the first case only. */
static struct net_out *out_keep(struct net_out *o)
{
	size_t n = o->n + o->rest - o->at, copied = 0;
	struct buf *pooled = NULL;
	struct net_out *kept;

	for (size_t i = o->at; i < o->n + o->rest; i++)
		copied += is_borrowed(&o->segs[i]) ? o->segs[i].len : 0;
	if (copied > COPIED_BEHIND && !(pooled = buf_get(copied)))
		return NULL;
	kept = malloc(sizeof(*kept) + n * sizeof(struct net_seg) + (pooled ? 0 : copied));
	if (!kept) {
		buf_put(pooled);
		return NULL;
	}
	*kept = (struct net_out){.segs = (struct net_seg *)(void *)(kept + 1), .n = n, .heap = true};
	list_init(&kept->link);
	memcpy(kept->segs, o->segs + o->at, n * sizeof(struct net_seg));
	copy_borrowed(kept, (uint8_t *)(kept->segs + n), pooled);
	buf_put(pooled);
	o->at = o->n;
	o->rest = 0;
	return kept;
}

/* Gathers memory pieces up to the first pipe piece. */
static size_t out_gather(struct list_node *list, struct iovec *iov, bool *more)
{
	size_t n = 0;

	list_for_each(node, list) {
		struct net_out *o = list_entry(node, struct net_out, link);

		for (size_t i = o->at; i < o->n; i++) {
			*more = o->segs[i].pipe_done != NULL;
			if (*more || n == NET_IOVS)
				return n;
			iov[n++] = (struct iovec){(void *)(uintptr_t)o->segs[i].data, o->segs[i].len};
		}
	}
	*more = false;
	return n;
}

/* Takes `sent` bytes off the front. */
static void out_advance(struct net_conn *c, struct list_node *list, size_t sent)
{
	atomic_fetch_sub(&c->queued, sent);
	while (!list_empty(list)) {
		struct net_out *o = list_entry(list->next, struct net_out, link);

		while (o->at < o->n) {
			struct net_seg *s = &o->segs[o->at];

			if (sent < s->len) {
				s->len -= sent;
				if (s->data)
					s->data = (const uint8_t *)s->data + sent;
				return;
			}
			sent -= s->len;
			o->at++;
			seg_done(s, true);
		}
		out_gone(o);
	}
}

bool net_conn_takes_pipes(const struct net_conn *c)
{
	return c->transport->splice != NULL;
}

/* splice(2) has no flag against SIGPIPE, and this thread may be the program's own: keep the signal away. */
static ssize_t splice_quietly(struct net_conn *c, const struct net_seg *s, bool more)
{
	sigset_t pipe_only, saved, pending;
	bool was_pending;
	ssize_t sent;
	int err;

	if (net_thread_is_ours)
		return c->transport->splice(c, s->pipe_fd, s->len, more);
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_only, &saved);
	sigpending(&pending);
	was_pending = sigismember(&pending, SIGPIPE) == 1;
	sent = c->transport->splice(c, s->pipe_fd, s->len, more);
	err = errno;
	if (sent < 0 && err == EPIPE && !was_pending && sigismember(&saved, SIGPIPE) == 0)
		sigtimedwait(&pipe_only, NULL, &(struct timespec){0});
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	errno = err;
	return sent;
}

static enum out_result out_write(struct net_conn *c, struct list_node *list)
{
	struct iovec iov[NET_IOVS];

	while (!list_empty(list)) {
		bool more;
		size_t n = out_gather(list, iov, &more);
		ssize_t sent;

		if (n > 0) {
			sent = c->transport->send(c, iov, n, more);
		} else {
			struct net_out *o = list_entry(list->next, struct net_out, link);

			sent = splice_quietly(c, &o->segs[o->at], o->at + 1 < o->n);
			/* The pipe has less than was promised: the frame cannot be completed. */
			if (sent == 0) {
				log_error("net: a pipe ran dry in the middle of a frame");
				return OUT_FAILED;
			}
		}
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? OUT_BLOCKED : OUT_FAILED;
		out_advance(c, list, (size_t)sent);
		if (!list_empty(list))
			sent_now(c);
	}
	return OUT_DONE;
}

static void list_move_all(struct list_node *to, struct list_node *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

/* Writes `active`, then what others have queued meanwhile, until all is sent or the kernel takes no more. true: the calling thread has the receive
 * token now, which was kept back until then. */
static bool writer_run(struct net_conn *c, struct list_node *active, struct net_out *cut)
{
	bool has_token = false;

	for (;;) {
		enum out_result r = out_write(c, active);

		pthread_mutex_lock(&c->lock);
		if (r == OUT_DONE && cut && cut->rest > 0) {
			if (atomic_load(&c->state) == NET_CONN_OPEN) {
				cut->right = true;
				break;
			}
			/* Nothing will follow. */
			cut->n += cut->rest;
			cut->rest = 0;
			list_append(active, &cut->link);
		}
		if (r == OUT_BLOCKED && atomic_load(&c->state) < NET_CONN_DROPPED) {
			struct net_out *o = list_entry(active->next, struct net_out, link);
			struct net_out *kept = o->heap ? o : out_keep(o);

			if (kept) {
				if (kept != o) {
					list_insert_after(&o->link, &kept->link);
					list_remove(&o->link);
				}
				list_move_all(active, &c->out);
				list_move_all(&c->out, active);
				net_conn_ref(c);
				atomic_store(&c->blocked, true);
				c->transport->arm_send(c);
				break;
			}
			r = OUT_FAILED;
		}
		if (r == OUT_FAILED)
			net_conn_drop_locked(c);
		list_move_all(active, &c->out);
		if (atomic_load(&c->state) >= NET_CONN_DROPPED || list_empty(active)) {
			c->writing = false;
			if (atomic_load(&c->state) == NET_CONN_DRAINING)
				c->transport->shutdown(c, SHUT_WR);
			if (c->close_pending)
				c->transport->close(c);
			break;
		}
		pthread_mutex_unlock(&c->lock);
	}
	/* Half of what it takes to stop. */
	if (c->paused && atomic_load(&c->queued) <= atomic_load(&c->unsent) / 2)
		has_token = net_conn_unpause_locked(c);
	pthread_mutex_unlock(&c->lock);
	out_free_all(c, active);
	return has_token;
}

/* In the middle of other work. */
static void write_and_go_on(struct net_conn *c, struct list_node *active, struct net_out *cut)
{
	if (writer_run(c, active, cut))
		net_job_push(c->pool, &c->job);
}

void net_conn_writable(struct net_conn *c, struct net_worker *w)
{
	struct list_node active;

	list_init(&active);
	pthread_mutex_lock(&c->lock);
	atomic_store(&c->blocked, false);
	list_move_all(&active, &c->out);
	pthread_mutex_unlock(&c->lock);
	if (writer_run(c, &active, NULL))
		net_conn_receive(c, w);
	net_conn_put(c); /* the armed event's */
}

static void out_transmit(struct net_conn *c, struct net_out *o, size_t bytes)
{
	struct net_out *kept;
	struct list_node active;
	bool right = o->right;

	o->right = false;
	list_init(&o->link);
	queue_grows(c, bytes);
	pthread_mutex_lock(&c->lock);
	if (!right && atomic_load(&c->state) != NET_CONN_OPEN) {
		pthread_mutex_unlock(&c->lock);
		out_free(c, o);
		return;
	}
	if (!right && c->writing) {
		kept = out_keep(o);
		if (kept)
			list_append(&c->out, &kept->link);
		else
			net_conn_drop_locked(c);
		pthread_mutex_unlock(&c->lock);
		if (!kept)
			out_free(c, o);
		return;
	}
	c->writing = true;
	pthread_mutex_unlock(&c->lock);
	list_init(&active);
	if (o->n > 0)
		list_append(&active, &o->link);
	write_and_go_on(c, &active, o);
}

void net_batch_init(struct net_batch *b, struct net_conn *c)
{
	b->conn = c;
	b->n = b->prefix_count = b->bytes = 0;
	b->followed = b->right = false;
	b->packet = 0;
}

/* rest: how many pieces of it, at the end. */
static void batch_transmit(struct net_batch *b, size_t rest)
{
	struct net_out o = {.segs = b->segs, .n = b->n - rest, .rest = rest, .right = b->right};

	out_transmit(b->conn, &o, b->bytes);
	b->right = o.right;
	b->n = b->prefix_count = b->bytes = 0;
}

void net_batch_flush(struct net_batch *b)
{
	if (b->n > 0 || b->right)
		batch_transmit(b, 0);
}

static void prefix_write(uint8_t prefix[NET_PREFIX], size_t len)
{
	prefix[0] = 0;
	prefix[1] = (uint8_t)(len >> 16);
	prefix[2] = (uint8_t)(len >> 8);
	prefix[3] = (uint8_t)len;
}

static size_t frame_most(const struct net_batch *b)
{
	return b->conn->nbss ? NET_NBSS_FRAME_MAX : 0xFFFFFF;
}

/* Asked once for each batch: it changes as the connection gets going. */
static size_t packet_of(struct net_batch *b)
{
	struct net_conn *c = b->conn;

	if (b->packet == 0) {
		pthread_mutex_lock(&c->lock);
		b->packet = c->transport->packet(c);
		pthread_mutex_unlock(&c->lock);
	}
	return b->packet;
}

/* Of a pipe piece cut in two: the second gives the pipe back. */
static void first_done(int pipe_fd, int pipe_write_fd, bool drained)
{
	(void)pipe_fd;
	(void)pipe_write_fd;
	(void)drained;
}

/* The rest of a pipe piece is memory from here on. */
static bool take_rest(struct net_batch *b, struct net_seg *rest)
{
	ssize_t got;

	do {
		got = read(rest->pipe_fd, b->rest, rest->len);
	} while (got < 0 && errno == EINTR);
	rest->pipe_done(rest->pipe_fd, rest->pipe_write_fd, got == (ssize_t)rest->len);
	*rest = (struct net_seg){.data = b->rest, .len = rest->len};
	return got == (ssize_t)rest->len;
}

/* As net_batch_flush, but what would be a small packet of its own, at the end of the last piece, stays in the batch, and with it the right to write. */
static void flush_packets(struct net_batch *b)
{
	struct net_seg *last = &b->segs[b->n - 1], rest = *last;
	bool fits = b->n < NET_BATCH_SEGS && b->bytes <= PACKED_MOST && (last->pipe_done || last->owner);

	rest.len = fits ? b->bytes % packet_of(b) : 0;
	if (rest.len == 0 || rest.len > NET_REST_MOST || rest.len >= last->len) {
		net_batch_flush(b);
		return;
	}
	last->len -= rest.len;
	if (last->pipe_done) {
		last->pipe_done = first_done;
	} else {
		rest.data = (const uint8_t *)rest.data + last->len;
		buf_ref(rest.owner);
	}
	b->segs[b->n++] = rest;
	batch_transmit(b, 1);
	if (!b->right)
		return;
	atomic_fetch_sub(&b->conn->queued, rest.len);
	if (rest.pipe_done && !take_rest(b, &rest)) {
		log_error("net: a pipe ran dry in the middle of a frame");
		net_conn_close(b->conn, false);
		net_batch_flush(b);
		return;
	}
	b->segs[0] = rest;
	b->n = 1;
	b->bytes = rest.len;
}

static void batch_grown(struct net_batch *b, size_t bytes)
{
	b->bytes += bytes;
	if (b->bytes < BATCH_BYTES)
		return;
	/* More would only leave the caches, and the peer waiting. */
	if (b->followed)
		flush_packets(b);
	else
		net_batch_flush(b);
}

bool net_batch_extend(struct net_batch *b, uint8_t *frame, size_t len, const struct buf *owner)
{
	struct net_seg *last = b->n > 0 ? &b->segs[b->n - 1] : NULL;

	if (!last || last->owner != owner || (const uint8_t *)last->data + last->len != frame - NET_PREFIX || len == 0 || len > frame_most(b))
		return false;
	prefix_write(frame - NET_PREFIX, len);
	last->len += NET_PREFIX + len;
	batch_grown(b, NET_PREFIX + len);
	return true;
}

/* Nobody writes as long as they wait: whoever sends takes them along. */
static bool leave_out(struct net_conn *c, struct net_seg *segs, size_t n, size_t bytes)
{
	struct net_out o = {.segs = segs, .n = n}, *kept;

	list_init(&o.link);
	kept = out_keep(&o);
	if (!kept)
		return false;
	queue_grows(c, bytes);
	pthread_mutex_lock(&c->lock);
	if (atomic_load(&c->state) == NET_CONN_OPEN)
		list_append(&c->out, &kept->link);
	else
		out_free(c, kept);
	pthread_mutex_unlock(&c->lock);
	return true;
}

void net_batch_leave(struct net_batch *b)
{
	if (b->n == 0 || b->right || !leave_out(b->conn, b->segs, b->n, b->bytes)) {
		net_batch_flush(b);
		return;
	}
	b->n = b->prefix_count = b->bytes = 0;
	if (++b->conn->left_out == LEFT_OUT_MOST)
		net_conn_flush(b->conn);
}

void net_conn_flush(struct net_conn *c)
{
	struct list_node active;

	if (c->left_out == 0)
		return;
	c->left_out = 0;
	list_init(&active);
	pthread_mutex_lock(&c->lock);
	if (c->writing || list_empty(&c->out)) {
		pthread_mutex_unlock(&c->lock);
		return;
	}
	c->writing = true;
	list_move_all(&active, &c->out);
	pthread_mutex_unlock(&c->lock);
	write_and_go_on(c, &active, NULL);
}

void net_batch_add(struct net_batch *b, const struct net_seg *segs, size_t n)
{
	size_t len = 0;

	if (b->n + n + 1 > NET_BATCH_SEGS)
		net_batch_flush(b);
	for (size_t i = 0; i < n; i++)
		len += segs[i].len;
	if (n > NET_BATCH_SEGS - 1 || len == 0 || len > frame_most(b)) {
		/* Only a mistake of our own makes such a frame; the stream cannot go on without it. */
		log_error("net: a frame of %zu pieces and %zu bytes cannot be sent", n, len);
		for (size_t i = 0; i < n; i++) {
			struct net_seg s = segs[i];

			seg_done(&s, false);
		}
		net_conn_close(b->conn, false);
		return;
	}
	if (segs[0].prefix_room) {
		uint8_t *prefix = (uint8_t *)(uintptr_t)segs[0].data - NET_PREFIX;

		prefix_write(prefix, len);
		b->segs[b->n] = segs[0];
		b->segs[b->n].data = prefix;
		b->segs[b->n++].len += NET_PREFIX;
	} else {
		uint8_t *prefix = b->prefixes[b->prefix_count++];

		prefix_write(prefix, len);
		b->segs[b->n++] = (struct net_seg){.data = prefix, .len = NET_PREFIX};
		b->segs[b->n++] = segs[0];
	}
	for (size_t i = 1; i < n; i++)
		b->segs[b->n++] = segs[i];
	batch_grown(b, NET_PREFIX + len);
}

void net_send(struct net_conn *c, const struct net_seg *segs, size_t n)
{
	struct net_batch b;

	net_batch_init(&b, c);
	net_batch_add(&b, segs, n);
	net_batch_flush(&b);
}

void net_conn_send_raw(struct net_conn *c, const void *p, size_t n)
{
	struct net_seg s = {.data = p, .len = n};
	struct net_out o = {.segs = &s, .n = 1};

	out_transmit(c, &o, n);
}

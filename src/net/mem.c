/* The mem transport: two connected ends in one pool, for tests. What one end sends becomes chunks for the other; a chunk is
 * under way for as long as the seed says, then readable. With a pool of size 0 and a virtual clock all of it happens in the order of
 * timers and jobs, the same for the same seed. Frames are counted by their prefixes, so that a link can be cut before one. */
#include "net/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PREFIX = 4 };

struct mem_chunk {
	struct list_node link;
	uint64_t due_ms;
	size_t at, len;
	bool first_part; /* a reader gets the second part by another event */
	uint8_t data[];
};

/* One direction, named by its receiver. */
struct mem_way {
	struct mem_link *link;
	struct net_conn *conn;     /* the receiver, NULL when finished */
	struct list_node flying, readable;
	struct net_timer timer;    /* armed while chunks fly */
	bool armed;                /* the receiver's token is here */
	bool ended;                /* nothing more comes after what flies */
	bool dead;                 /* the receiver takes nothing more */
	uint64_t last_due_ms;
	/* The sender's stream, to find the frames in it. */
	uint8_t prefix[PREFIX];
	size_t prefix_len, frame_left;
	struct mem_chunk *open;    /* the frame being assembled */
};

struct mem_link {
	_Atomic uint32_t refs;
	struct net_pool *pool;
	pthread_mutex_t lock;
	struct net_mem_faults faults;
	uint64_t random, frames;
	bool cut;
	struct mem_way to[2];
};

/* splitmix64 */
static uint64_t link_random(struct mem_link *l)
{
	uint64_t z = l->random += 0x9E3779B97F4A7C15u;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

static void chunks_free(struct list_node *list)
{
	while (!list_empty(list)) {
		struct mem_chunk *ch = list_entry(list->next, struct mem_chunk, link);

		list_remove(&ch->link);
		free(ch);
	}
}

/* The receiver has something to see: bytes, or the end. */
static bool way_ready_locked(const struct mem_way *way)
{
	return !list_empty(&way->readable) || way->dead || (way->ended && list_empty(&way->flying));
}

static void way_notify_locked(struct mem_way *way)
{
	if (!way->armed || !way_ready_locked(way))
		return;
	way->armed = false;
	net_job_push(way->link->pool, &way->conn->job);
}

/* One chunk arrives. */
static void way_timer_fn(struct net_timer *t)
{
	struct mem_way *way = CONTAINER_OF(t, struct mem_way, timer);
	struct mem_link *l = way->link;
	uint64_t now = clock_ms(l->pool->clock);
	struct mem_chunk *ch;

	pthread_mutex_lock(&l->lock);
	if (!list_empty(&way->flying)) {
		ch = list_entry(way->flying.next, struct mem_chunk, link);
		list_remove(&ch->link);
		list_append(&way->readable, &ch->link);
	}
	if (!list_empty(&way->flying)) {
		ch = list_entry(way->flying.next, struct mem_chunk, link);
		net_timer_arm(l->pool, t, ch->due_ms > now ? ch->due_ms - now : 0);
	}
	way_notify_locked(way);
	pthread_mutex_unlock(&l->lock);
}

static void way_launch_locked(struct mem_way *way, struct mem_chunk *ch)
{
	struct mem_link *l = way->link;
	uint64_t now = clock_ms(l->pool->clock);
	bool alone = list_empty(&way->flying);

	ch->due_ms = now + (l->faults.max_delay_ms ? link_random(l) % (l->faults.max_delay_ms + 1) : 0);
	if (ch->due_ms < way->last_due_ms)
		ch->due_ms = way->last_due_ms;
	way->last_due_ms = ch->due_ms;
	list_append(&way->flying, &ch->link);
	if (alone)
		net_timer_arm(l->pool, &way->timer, ch->due_ms - now);
}

/* A frame is complete: it goes its way whole or in two pieces, unless the link is cut before it. */
static void way_frame_locked(struct mem_way *way, struct mem_chunk *ch)
{
	struct mem_link *l = way->link;
	struct mem_chunk *second;
	size_t split;

	l->frames++;
	if (l->faults.cut_after_frames && l->frames > l->faults.cut_after_frames && !l->cut) {
		l->cut = true;
		l->to[0].ended = l->to[1].ended = true;
		way_notify_locked(&l->to[0]);
		way_notify_locked(&l->to[1]);
	}
	if (l->cut || way->dead || way->ended) {
		free(ch);
		return;
	}
	if (l->faults.split_permille && link_random(l) % 1000 < l->faults.split_permille) {
		split = 1 + link_random(l) % (ch->len - 1);
		second = malloc(sizeof(*second) + ch->len - split);
		if (second) {
			*second = (struct mem_chunk){.len = ch->len - split};
			memcpy(second->data, ch->data + split, second->len);
			ch->len = split;
			ch->first_part = true;
			way_launch_locked(way, ch);
			ch = second;
		}
	}
	way_launch_locked(way, ch);
}

/* Takes bytes of the sender's stream. False: out of memory. */
static bool way_put_locked(struct mem_way *way, const uint8_t *p, size_t n)
{
	while (n > 0) {
		size_t take;

		if (!way->open) {
			way->prefix[way->prefix_len++] = *p++;
			n--;
			if (way->prefix_len < PREFIX)
				continue;
			way->prefix_len = 0;
			way->frame_left = load_be32(way->prefix) & 0xFFFFFF;
			way->open = malloc(sizeof(*way->open) + PREFIX + way->frame_left);
			if (!way->open)
				return false;
			*way->open = (struct mem_chunk){.len = PREFIX};
			memcpy(way->open->data, way->prefix, PREFIX);
		}
		take = n < way->frame_left ? n : way->frame_left;
		if (take > 0)
			memcpy(way->open->data + way->open->len, p, take);
		way->open->len += take;
		way->frame_left -= take;
		p += take;
		n -= take;
		if (way->frame_left == 0) {
			struct mem_chunk *whole = way->open;

			way->open = NULL;
			way_frame_locked(way, whole);
		}
	}
	return true;
}

static struct mem_way *way_in(const struct net_conn *c)
{
	return &((struct mem_link *)c->link)->to[c->side];
}

static struct mem_way *way_out(const struct net_conn *c)
{
	return &((struct mem_link *)c->link)->to[1 - c->side];
}

static ssize_t mem_recv(struct net_conn *c, void *p, size_t n)
{
	struct mem_link *l = c->link;
	struct mem_way *way = way_in(c);
	struct mem_chunk *ch;
	size_t got = 0;
	bool stop = false;

	pthread_mutex_lock(&l->lock);
	while (!way->dead && !stop && got < n && !list_empty(&way->readable)) {
		size_t take;

		ch = list_entry(way->readable.next, struct mem_chunk, link);
		take = ch->len - ch->at < n - got ? ch->len - ch->at : n - got;
		memcpy((uint8_t *)p + got, ch->data + ch->at, take);
		got += take;
		ch->at += take;
		if (ch->at < ch->len)
			break;
		stop = ch->first_part;
		list_remove(&ch->link);
		free(ch);
	}
	if (got == 0 && !way_ready_locked(way)) {
		pthread_mutex_unlock(&l->lock);
		errno = EAGAIN;
		return -1;
	}
	pthread_mutex_unlock(&l->lock);
	return (ssize_t)got;
}

static ssize_t mem_send(struct net_conn *c, struct iovec *iov, size_t n, bool more)
{
	struct mem_link *l = c->link;
	struct mem_way *way = way_out(c);
	ssize_t sent = 0;

	(void)more;
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < n && sent >= 0; i++) {
		sent += (ssize_t)iov[i].iov_len;
		if ((way->ended && !l->cut) || way_in(c)->dead || !way_put_locked(way, iov[i].iov_base, iov[i].iov_len))
			sent = -1;
	}
	pthread_mutex_unlock(&l->lock);
	if (sent < 0)
		errno = EPIPE;
	return sent;
}

static ssize_t mem_splice(struct net_conn *c, int pipe_fd, size_t n, bool more)
{
	uint8_t bytes[4096];
	ssize_t got = read(pipe_fd, bytes, n < sizeof(bytes) ? n : sizeof(bytes));
	struct iovec iov = {bytes, got > 0 ? (size_t)got : 0};

	if (got <= 0)
		return got < 0 && errno == EAGAIN ? 0 : got;
	return mem_send(c, &iov, 1, more);
}

/* As if it were one of the loopback interface. */
static size_t mem_packet(struct net_conn *c)
{
	(void)c;
	return 65483;
}

static void mem_arm_recv(struct net_conn *c)
{
	struct mem_link *l = c->link;
	struct mem_way *way = way_in(c);

	pthread_mutex_lock(&l->lock);
	way->armed = true;
	way_notify_locked(way);
	pthread_mutex_unlock(&l->lock);
}

static bool mem_start(struct net_conn *c)
{
	mem_arm_recv(c);
	return true;
}

/* mem_send takes everything, so this does not happen; were it to, the writer would go on by a job. */
static void mem_arm_send(struct net_conn *c)
{
	net_job_push(c->pool, &c->out_job);
}

static void mem_shutdown(struct net_conn *c, int how)
{
	struct mem_link *l = c->link;

	pthread_mutex_lock(&l->lock);
	way_out(c)->ended = true;
	way_notify_locked(way_out(c));
	if (how == SHUT_RDWR) {
		way_in(c)->dead = true;
		way_notify_locked(way_in(c));
	}
	pthread_mutex_unlock(&l->lock);
}

static void link_put(struct mem_link *l)
{
	if (atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (unsigned i = 0; i < 2; i++) {
		net_timer_cancel(l->pool, &l->to[i].timer);
		chunks_free(&l->to[i].flying);
		chunks_free(&l->to[i].readable);
		free(l->to[i].open);
	}
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static void mem_close(struct net_conn *c)
{
	mem_shutdown(c, SHUT_RDWR);
}

static void mem_destroy(struct net_conn *c)
{
	link_put(c->link);
}

static void mem_name(const struct net_conn *c, bool peer, char *text, size_t cap)
{
	(void)c;
	(void)peer;
	snprintf(text, cap, "mem");
}

static const struct net_transport mem_transport = {
	.recv = mem_recv,
	.send = mem_send,
	.splice = mem_splice,
	.packet = mem_packet,
	.start = mem_start,
	.arm_recv = mem_arm_recv,
	.arm_send = mem_arm_send,
	.shutdown = mem_shutdown,
	.close = mem_close,
	.name = mem_name,
	.destroy = mem_destroy,
};

void net_mem_pair(struct net_pool *p, const struct net_mem_faults *f, struct net_conn **a, struct net_conn **b)
{
	struct mem_link *l = calloc(1, sizeof(*l));
	struct net_conn *ends[2] = {net_conn_new(p, &mem_transport), net_conn_new(p, &mem_transport)};

	*a = *b = NULL;
	if (!l || !ends[0] || !ends[1]) {
		for (unsigned i = 0; i < 2; i++) {
			if (ends[i])
				net_pool_put(p);
			free(ends[i]);
		}
		free(l);
		return;
	}
	atomic_init(&l->refs, 2);
	l->pool = p;
	if (f)
		l->faults = *f;
	l->random = l->faults.seed;
	pthread_mutex_init(&l->lock, NULL);
	for (unsigned i = 0; i < 2; i++) {
		l->to[i].link = l;
		l->to[i].conn = ends[i];
		l->to[i].timer.fn = way_timer_fn;
		list_init(&l->to[i].flying);
		list_init(&l->to[i].readable);
		ends[i]->link = l;
		ends[i]->side = i;
	}
	*a = ends[0];
	*b = ends[1];
}

/* The bytes of each direction of a TCP connection in order, cut into frames: four bytes with the length and a message ([MS-SMB2] 2.1, RFC 1002
 * 4.3). Segments that come early wait; when too much waits, or the capture ends, what is missing is given up, said so, and the
 * next frame looked for. */
#include "trace/flow.h"

#include "wire/smb2.h"

#include <stdlib.h>

enum { PREFIX = 4, LOOK_BYTES = 8, GAP_MAX = 64 << 20 };

struct segment {
	struct segment *next;
	uint64_t time_ns;
	uint32_t seq;
	size_t len;
	uint8_t data[];
};

struct stream {
	bool started;
	bool lost_step;          /* bytes are skipped until something looks like the start of a frame */
	uint32_t next_seq;
	uint64_t skip;           /* bytes that still belong to a frame of which some are missing */
	uint8_t *buf;
	size_t len, cap;
	struct segment *waiting; /* by seq */
	size_t waiting_bytes, waiting_count;
};

struct flow {
	struct list_node link;
	struct trace_address a, b;
	uint64_t key;
	bool decided, ignored;
	bool b_is_server;
	struct stream from_a, from_b;
};

void flows_init(struct flows *f, struct trace *t, uint16_t port, struct trace_pcap_stats *stats)
{
	*f = (struct flows){.trace = t, .port = port, .stats = stats};
	list_init(&f->list);
}

/* --- telling --- */

static void tell(struct flows *f, const struct flow *flow, const struct stream *s, uint64_t time_ns, struct slice raw, uint64_t lost)
{
	bool from_a = s == &flow->from_a;
	struct trace_packet p = {.time_ns = time_ns, .key = flow->key, .from_server = from_a != flow->b_is_server, .raw = raw, .lost = lost,
		.client = flow->b_is_server ? flow->a : flow->b, .server = flow->b_is_server ? flow->b : flow->a};

	trace_frame(f->trace, &p);
}

static bool looks_like_frame(const uint8_t *p)
{
	uint32_t id = load_le32(p + PREFIX);

	return p[0] == 0 && (id == SMB2_PROTOCOL_ID || id == SMB2_TRANSFORM_ID || id == SMB2_COMPRESSION_ID || id == SMB1_PROTOCOL_ID);
}

/* The whole length of the frame at p, which has PREFIX bytes; 0: that is none. RFC 1002 has 17 bits of length; direct TCP 24. */
static size_t frame_length(const uint8_t *p)
{
	if (p[0] == 0)
		return PREFIX + (load_be32(p) & 0xFFFFFF);
	return p[0] >= 0x81 && p[0] <= 0x85 ? PREFIX + (load_be32(p) & 0x1FFFF) : 0;
}

static void consume(struct flows *f, struct stream *s, size_t n)
{
	if (n == 0)
		return;
	memmove(s->buf, s->buf + n, s->len - n);
	s->len -= n;
	f->held -= n;
}

/* Finds the next thing that looks like a frame; all before it is dropped. */
static void find_step(struct flows *f, struct stream *s)
{
	size_t at = 0;

	while (at + LOOK_BYTES <= s->len && !looks_like_frame(s->buf + at))
		at++;
	s->lost_step = at + LOOK_BYTES > s->len;
	consume(f, s, at);
}

static void cut_frames(struct flows *f, const struct flow *flow, struct stream *s, uint64_t time_ns)
{
	size_t at = 0;

	if (s->lost_step)
		find_step(f, s);
	while (!s->lost_step && s->len - at >= PREFIX) {
		size_t n = frame_length(s->buf + at);

		if (n == 0) {
			s->lost_step = true;
			tell(f, flow, s, time_ns, slice_of(NULL, 0), s->len - at);
			break;
		}
		if (s->len - at < n)
			break;
		/* A length of nothing is how some keep a connection alive. */
		if (n > PREFIX || s->buf[at] != 0)
			tell(f, flow, s, time_ns, slice_of(s->buf + at, n), 0);
		at += n;
	}
	consume(f, s, at);
	if (s->len == 0) {
		free(s->buf);
		s->buf = NULL;
		s->cap = 0;
	}
}

/* --- bytes in order --- */

static bool append(struct flows *f, struct stream *s, struct slice data)
{
	if (s->cap - s->len < data.len) {
		size_t cap = s->len + data.len > 2 * s->cap ? s->len + data.len : 2 * s->cap;
		uint8_t *more = realloc(s->buf, cap);

		if (!more)
			return false;
		s->buf = more;
		s->cap = cap;
	}
	memcpy(s->buf + s->len, data.data, data.len);
	s->len += data.len;
	f->held += data.len;
	return true;
}

static void take(struct flows *f, const struct flow *flow, struct stream *s, struct slice data, uint64_t time_ns)
{
	s->next_seq += (uint32_t)data.len;
	if (s->skip > 0) {
		size_t n = s->skip < data.len ? (size_t)s->skip : data.len;

		s->skip -= n;
		data = slice_of(data.data + n, data.len - n);
	}
	if (data.len == 0)
		return;
	if (!append(f, s, data)) {
		s->lost_step = true;
		consume(f, s, s->len);
		return;
	}
	cut_frames(f, flow, s, time_ns);
}

static void free_segment(struct flows *f, struct stream *s, struct segment *g)
{
	s->waiting_bytes -= g->len;
	s->waiting_count--;
	f->held -= g->len;
	free(g);
}

/* What waited and is due now. */
static void take_waiting(struct flows *f, const struct flow *flow, struct stream *s)
{
	while (s->waiting) {
		struct segment *g = s->waiting;
		int32_t seen = (int32_t)(s->next_seq - g->seq);

		if (seen < 0)
			return;
		s->waiting = g->next;
		if ((size_t)seen < g->len)
			take(f, flow, s, slice_of(g->data + seen, g->len - (size_t)seen), g->time_ns);
		free_segment(f, s, g);
	}
}

/* n bytes will never come. If they lie within the frame that has begun, only that is lost; else we are out of step. */
static void give_up(struct flows *f, const struct flow *flow, struct stream *s, uint32_t n, uint64_t time_ns)
{
	size_t whole = !s->lost_step && s->len >= PREFIX ? frame_length(s->buf) : 0;

	tell(f, flow, s, time_ns, slice_of(NULL, 0), n);
	s->next_seq += n;
	if (s->skip >= n) {
		s->skip -= n;
		return;
	}
	if (whole >= s->len + n) {
		s->skip = whole - s->len - n;
	} else {
		s->skip = 0;
		s->lost_step = true;
	}
	consume(f, s, s->len);
}

static void give_up_gap(struct flows *f, const struct flow *flow, struct stream *s)
{
	struct segment *g = s->waiting;

	if (!g)
		return;
	give_up(f, flow, s, g->seq - s->next_seq, g->time_ns);
	take_waiting(f, flow, s);
}

static void keep_for_later(struct flows *f, const struct flow *flow, struct stream *s, const struct tcp_segment *t)
{
	struct segment **at = &s->waiting, *g = malloc(sizeof(*g) + t->data.len);

	if (!g)
		return;
	while (*at && (int32_t)(t->seq - (*at)->seq) >= 0)
		at = &(*at)->next;
	*g = (struct segment){.next = *at, .seq = t->seq, .len = t->data.len, .time_ns = t->time_ns};
	memcpy(g->data, t->data.data, t->data.len);
	*at = g;
	s->waiting_bytes += g->len;
	s->waiting_count++;
	f->held += g->len;
	while (s->waiting && (s->waiting_bytes > WAITING_MAX_BYTES || s->waiting_count > WAITING_MAX))
		give_up_gap(f, flow, s);
}

static void stream_restart(struct flows *f, struct stream *s, uint32_t seq, bool lost_step)
{
	while (s->waiting) {
		struct segment *g = s->waiting;

		s->waiting = g->next;
		free_segment(f, s, g);
	}
	consume(f, s, s->len);
	s->skip = 0;
	s->started = true;
	s->next_seq = seq;
	s->lost_step = lost_step;
}

static void stream_segment(struct flows *f, const struct flow *flow, struct stream *s, const struct tcp_segment *t)
{
	int32_t seen;

	if (!s->started)
		stream_restart(f, s, t->seq, true);
	seen = (int32_t)(s->next_seq - t->seq);
	if (seen < -GAP_MAX || seen > GAP_MAX) {
		stream_restart(f, s, t->seq, true);
		seen = 0;
	}
	if (seen < 0) {
		if (t->data.len > 0)
			keep_for_later(f, flow, s, t);
	} else if ((size_t)seen < t->data.len) {
		take(f, flow, s, slice_of(t->data.data + seen, t->data.len - (size_t)seen), t->time_ns);
		take_waiting(f, flow, s);
	}
	if (t->cut > 0 && s->next_seq == t->seq + (uint32_t)t->data.len)
		give_up(f, flow, s, (uint32_t)t->cut, t->time_ns);
}

/* --- connections --- */

static bool same_address(const struct trace_address *a, const struct trace_address *b)
{
	return a->len == b->len && a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static struct flow *flow_find(struct flows *f, const struct tcp_segment *s)
{
	list_for_each(n, &f->list) {
		struct flow *flow = list_entry(n, struct flow, link);

		if ((same_address(&flow->a, &s->from) && same_address(&flow->b, &s->to)) ||
			(same_address(&flow->b, &s->from) && same_address(&flow->a, &s->to)))
			return flow;
	}
	return NULL;
}

static void flow_end(struct flows *f, struct flow *flow)
{
	struct stream *const both[] = {&flow->from_a, &flow->from_b};

	list_remove(&flow->link);
	f->count--;
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		while (both[i]->waiting)
			give_up_gap(f, flow, both[i]);
		f->held -= both[i]->len;
		free(both[i]->buf);
	}
	free(flow);
}

void flows_end(struct flows *f)
{
	while (!list_empty(&f->list))
		flow_end(f, list_entry(f->list.prev, struct flow, link));
}

static bool wanted_port(const struct flows *f, uint16_t port)
{
	return f->port ? port == f->port : port == 445 || port == 139;
}

static struct flow *flow_new(struct flows *f, const struct tcp_segment *s)
{
	bool to = wanted_port(f, s->to.port), from = wanted_port(f, s->from.port);
	struct flow *flow;

	if (f->port && !to && !from)
		return NULL;
	flow = calloc(1, sizeof(*flow));
	if (!flow)
		return NULL;
	/* The one that connects is a; without a handshake, the one whose port is not the server's. */
	bool turned = s->syn ? s->ack : from && !to;
	flow->a = turned ? s->to : s->from;
	flow->b = turned ? s->from : s->to;
	flow->b_is_server = true;
	flow->decided = to || from;
	flow->key = ++f->keys;
	f->stats->connections += flow->decided;
	list_prepend(&f->list, &flow->link);
	if (++f->count > FLOWS_MAX)
		flow_end(f, list_entry(f->list.prev, struct flow, link));
	return flow;
}

/* On a port that means nothing: is it SMB, and who is the server? An SMB2 header says which way it goes (2.2.1), an SMB1 header too. */
static void decide(struct flows *f, struct flow *flow, const struct tcp_segment *s)
{
	enum { SMB2_FLAGS_AT = PREFIX + 16, SMB1_FLAGS_AT = PREFIX + 9, SMB1_REPLY = 0x80 };
	const uint8_t *p = s->data.data;
	bool response, from_a = same_address(&flow->a, &s->from);

	flow->decided = true;
	flow->ignored = s->data.len < SMB2_FLAGS_AT + 4 || !looks_like_frame(p);
	if (flow->ignored)
		return;
	f->stats->connections++;
	if (load_le32(p + PREFIX) == SMB2_PROTOCOL_ID)
		response = p[SMB2_FLAGS_AT] & 1;
	else if (load_le32(p + PREFIX) == SMB1_PROTOCOL_ID)
		response = p[SMB1_FLAGS_AT] & SMB1_REPLY;
	else
		return;
	flow->b_is_server = from_a != response;
}

void flows_segment(struct flows *f, const struct tcp_segment *s)
{
	struct flow *flow = flow_find(f, s);
	struct stream *stream;

	if (flow && s->syn && !s->ack && flow->from_a.started) {
		flow_end(f, flow);
		flow = NULL;
	}
	if (!flow && (s->rst || (s->data.len == 0 && !s->syn)))
		return;
	if (!flow)
		flow = flow_new(f, s);
	if (!flow)
		return;
	list_remove(&flow->link);
	list_prepend(&f->list, &flow->link);
	if (!flow->decided && s->data.len > 0)
		decide(f, flow, s);
	if (flow->ignored)
		return;
	stream = same_address(&flow->a, &s->from) ? &flow->from_a : &flow->from_b;
	if (s->syn) {
		stream_restart(f, stream, s->seq + 1, false);
		return;
	}
	if (s->data.len > 0 || s->cut > 0)
		stream_segment(f, flow, stream, s);
	while (f->held > HELD_MAX_BYTES && f->count > 1)
		flow_end(f, list_entry(f->list.prev, struct flow, link));
}

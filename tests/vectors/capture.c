/* pcapng blocks, Ethernet, IPv4 and IPv6, TCP reassembly. See capture.h. The files are ours, so what is not understood ends the
 * reading; but nothing is read outside its bounds. */
#include "capture.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { BLOCK_ENHANCED_PACKET = 6, ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86DD, PROTOCOL_TCP = 6 };
enum { MAX_CAPTURE_BYTES = 256 << 20, MAX_CONNECTIONS = 4096 };

struct segment {
	struct segment *next;
	uint32_t seq;
	size_t len;
	uint8_t data[];
};

struct stream {
	bool started;
	uint32_t next_seq;
	uint8_t *buf;
	size_t len, cap;
	struct segment *waiting; /* out of order */
};

struct connection {
	uint8_t client[16];
	uint16_t client_port;
	unsigned number;
	struct stream dirs[2]; /* [1]: from the server */
};

struct reader {
	uint16_t port;
	void (*frame)(void *arg, const struct capture_frame *f);
	void *arg;
	struct capture_stats *stats;
	struct connection *connections[MAX_CONNECTIONS];
	unsigned count;
};

static bool append(struct stream *s, const uint8_t *p, size_t n)
{
	if (s->len + n > s->cap) {
		size_t cap = (s->len + n) * 2;
		uint8_t *buf = realloc(s->buf, cap);

		if (!buf)
			return false;
		s->buf = buf;
		s->cap = cap;
	}
	memcpy(s->buf + s->len, p, n);
	s->len += n;
	s->next_seq += (uint32_t)n;
	return true;
}

/* The part of a segment that is new; 0 when all of it was seen, -1 when something before it is missing. */
static int fresh(const struct stream *s, uint32_t seq, size_t len, size_t *skip)
{
	int32_t ahead = (int32_t)(s->next_seq - seq);

	if (ahead < 0)
		return -1;
	*skip = (size_t)ahead;
	return *skip < len;
}

static void take_waiting(struct stream *s)
{
	for (struct segment **at = &s->waiting, *g; (g = *at) != NULL;) {
		size_t skip = 0;
		int state = fresh(s, g->seq, g->len, &skip);

		if (state < 0) {
			at = &g->next;
			continue;
		}
		*at = g->next;
		if (state > 0 && append(s, g->data + skip, g->len - skip))
			at = &s->waiting;
		free(g);
	}
}

static void keep_for_later(struct stream *s, uint32_t seq, const uint8_t *p, size_t n)
{
	struct segment *g = malloc(sizeof(*g) + n);

	if (!g)
		return;
	*g = (struct segment){.next = s->waiting, .seq = seq, .len = n};
	memcpy(g->data, p, n);
	s->waiting = g;
}

static void give_frames(struct reader *r, struct connection *c, bool from_server)
{
	struct stream *s = &c->dirs[from_server];
	size_t at = 0;

	while (s->len - at >= 4) {
		size_t len = load_be32(s->buf + at) & 0xFFFFFF;
		struct capture_frame f = {slice_of(s->buf + at + 4, len), c->number, from_server};

		if (s->len - at - 4 < len)
			break;
		if (len != 0) {
			r->stats->frames++;
			r->frame(r->arg, &f);
		}
		at += 4 + len;
	}
	memmove(s->buf, s->buf + at, s->len - at);
	s->len -= at;
}

static struct connection *connection_of(struct reader *r, const uint8_t *client, size_t addr_len, uint16_t port, bool fresh_one)
{
	struct connection *c;

	for (unsigned i = r->count; i-- > 0 && !fresh_one;) {
		c = r->connections[i];
		if (c->client_port == port && memcmp(c->client, client, addr_len) == 0)
			return c;
	}
	c = r->count < MAX_CONNECTIONS ? calloc(1, sizeof(*c)) : NULL;
	if (!c)
		return NULL;
	memcpy(c->client, client, addr_len);
	c->client_port = port;
	c->number = r->count;
	r->connections[r->count++] = c;
	return c;
}

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void tcp_segment(struct reader *r, struct slice ip_src, struct slice ip_dst, struct slice tcp)
{
	enum { FIN = 1, SYN = 2 };
	struct connection *c;
	struct stream *s;
	size_t header, skip = 0;
	bool from_server;
	uint32_t seq;

	if (tcp.len < 20 || (header = (size_t)(tcp.data[12] >> 4) * 4) > tcp.len)
		return;
	from_server = be16(tcp.data) == r->port;
	if (!from_server && be16(tcp.data + 2) != r->port)
		return;
	c = connection_of(r, from_server ? ip_dst.data : ip_src.data, ip_src.len, be16(tcp.data + (from_server ? 2 : 0)),
		(tcp.data[13] & SYN) != 0 && !from_server);
	if (!c)
		return;
	s = &c->dirs[from_server];
	seq = load_be32(tcp.data + 4);
	if (tcp.data[13] & SYN || !s->started) {
		s->started = true;
		s->next_seq = seq + ((tcp.data[13] & SYN) ? 1 : 0);
		if (tcp.data[13] & SYN)
			return;
	}
	tcp = slice_of(tcp.data + header, tcp.len - header);
	if (tcp.len == 0)
		return;
	switch (fresh(s, seq, tcp.len, &skip)) {
	case 1:
		if (append(s, tcp.data + skip, tcp.len - skip))
			take_waiting(s);
		give_frames(r, c, from_server);
		break;
	case -1:
		keep_for_later(s, seq, tcp.data, tcp.len);
		break;
	}
}

static void ethernet_packet(struct reader *r, struct slice p)
{
	if (p.len < 14)
		return;
	if (be16(p.data + 12) == ETHERTYPE_IPV4 && p.len >= 34 && p.data[14 + 9] == PROTOCOL_TCP) {
		size_t header = (size_t)(p.data[14] & 15) * 4, total = be16(p.data + 16);

		if (header >= 20 && total >= header && total <= p.len - 14)
			tcp_segment(r, slice_of(p.data + 26, 4), slice_of(p.data + 30, 4), slice_of(p.data + 14 + header, total - header));
	} else if (be16(p.data + 12) == ETHERTYPE_IPV6 && p.len >= 54 && p.data[14 + 6] == PROTOCOL_TCP) {
		size_t total = be16(p.data + 18);

		if (total <= p.len - 54)
			tcp_segment(r, slice_of(p.data + 22, 16), slice_of(p.data + 38, 16), slice_of(p.data + 54, total));
	}
}

static bool blocks(struct reader *r, struct slice file, const char **why)
{
	if (file.len < 12 || load_le32(file.data) != 0x0A0D0D0A || load_le32(file.data + 8) != 0x1A2B3C4D) {
		*why = "not a little-endian pcapng file";
		return false;
	}
	for (size_t at = 0, len; at < file.len; at += len) {
		const uint8_t *b = file.data + at;

		if (file.len - at < 12 || (len = load_le32(b + 4)) < 12 || len > file.len - at) {
			*why = "a block is cut off";
			return false;
		}
		if (load_le32(b) == BLOCK_ENHANCED_PACKET && len >= 32 && load_le32(b + 20) <= len - 32)
			ethernet_packet(r, slice_of(b + 28, load_le32(b + 20)));
	}
	return true;
}

/* The decompressed file, from the zstd program. */
static bool slurp(const char *path, uint8_t **data, size_t *len)
{
	char *argv[] = {(char *)"zstd", (char *)"-dcq", (char *)"--", NULL, NULL};
	posix_spawn_file_actions_t actions;
	int fds[2], status = -1;
	size_t cap = 1 << 20;
	ssize_t n = 1;
	pid_t pid;

	*len = 0;
	*data = malloc(cap);
	argv[3] = strdup(path);
	if (!*data || !argv[3] || pipe2(fds, O_CLOEXEC) != 0) {
		free(argv[3]);
		return false;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	if (posix_spawnp(&pid, "zstd", &actions, NULL, argv, environ) != 0)
		pid = -1;
	close(fds[1]);
	while (pid > 0 && n > 0 && *len < MAX_CAPTURE_BYTES) {
		if (*len == cap) {
			uint8_t *more = realloc(*data, cap *= 2);

			if (!more)
				break;
			*data = more;
		}
		n = read(fds[0], *data + *len, cap - *len);
		*len += n > 0 ? (size_t)n : 0;
	}
	close(fds[0]);
	if (pid > 0)
		waitpid(pid, &status, 0);
	posix_spawn_file_actions_destroy(&actions);
	free(argv[3]);
	return status == 0;
}

static void release(struct reader *r)
{
	for (unsigned i = 0; i < r->count; i++) {
		for (size_t dir = 0; dir < 2; dir++) {
			struct stream *s = &r->connections[i]->dirs[dir];

			r->stats->gaps += s->waiting != NULL;
			r->stats->trailing += s->len != 0;
			while (s->waiting) {
				struct segment *g = s->waiting;

				s->waiting = g->next;
				free(g);
			}
			free(s->buf);
		}
		free(r->connections[i]);
	}
	r->stats->connections = r->count;
}

bool capture_read(const char *path, uint16_t server_port, void (*frame)(void *arg, const struct capture_frame *f), void *arg,
	struct capture_stats *stats, const char **why)
{
	struct reader *r = calloc(1, sizeof(*r));
	uint8_t *data = NULL;
	size_t len = 0;
	bool ok;

	*stats = (struct capture_stats){0};
	*why = "out of memory";
	if (!r)
		return false;
	r->port = server_port;
	r->frame = frame;
	r->arg = arg;
	r->stats = stats;
	*why = "cannot be decompressed; is the program zstd installed?";
	ok = slurp(path, &data, &len) && blocks(r, slice_of(data, len), why);
	release(r);
	free(r);
	free(data);
	return ok;
}

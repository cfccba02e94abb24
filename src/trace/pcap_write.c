/* A capture of our own: pcapng (sections, one interface of raw IP with nanoseconds, enhanced packets) around TCP segments that carry the frames
 * between the real addresses, with what belongs to a connection: handshake, sequence numbers, acknowledgments, checksums, end. RFC 791, 8200,
 * 9293.
 *
 * A server on a port of its own is written as one on port 445, and a comment on the first packet names the real one: Wireshark goes by the
 * port, looks for SMB only there, and reads the server's first token wrongly where the port is not below 1024. */
#include "trace/pcap.h"

#include "base/list.h"

#include <stdlib.h>

enum { LINK_RAW = 101, NANOSECONDS = 9, SNAP = 262144, SEGMENT = 32768, CONNS_MAX = 1024, ACK_AFTER = 256 << 10, HEADERS_MAX = 60 + 20 };
enum { FIN = 1, SYN = 2, PSH = 8, ACK = 16, TCP_HEADER = 20, SYN_OPTIONS = 8, WINDOW = 65535, WINDOW_SHIFT = 7, MAXIMUM_SEGMENT = 65475 };

struct side {
	struct trace_address address;
	uint32_t seq;   /* of its next byte */
	uint32_t acked; /* what the other side has acknowledged */
};

struct wconn {
	struct list_node link; /* the last used first */
	unsigned number;
	uint16_t real_port; /* of the server, if it is written as another */
	struct side client, server;
	uint64_t last_ns;
};

struct trace_pcap_writer {
	FILE *f;
	struct list_node conns;
	size_t count;
	uint16_t ip_id;
};

/* --- blocks --- */

static void put32(FILE *f, uint32_t v)
{
	uint8_t b[4];

	store_le32(b, v);
	fwrite(b, 1, sizeof(b), f);
}

static void put16(FILE *f, uint16_t v)
{
	uint8_t b[2];

	store_le16(b, v);
	fwrite(b, 1, sizeof(b), f);
}

static void put_start(FILE *f)
{
	static const char writer[8] = "hythe";

	put32(f, 0x0A0D0D0A); /* section: byte order, version 1.0, length not told, option shb_userappl */
	put32(f, 44);
	put32(f, 0x1A2B3C4D);
	put16(f, 1);
	put16(f, 0);
	put32(f, UINT32_MAX);
	put32(f, UINT32_MAX);
	put16(f, 4);
	put16(f, 5);
	fwrite(writer, 1, sizeof(writer), f);
	put32(f, 0);
	put32(f, 44);

	put32(f, 1); /* interface: if_tsresol */
	put32(f, 32);
	put16(f, LINK_RAW);
	put16(f, 0);
	put32(f, SNAP);
	put16(f, 9);
	put16(f, 1);
	put32(f, NANOSECONDS);
	put32(f, 0);
	put32(f, 32);
}

/* comment "": none */
static void put_packet(FILE *f, uint64_t time_ns, struct slice head, struct slice data, const char *comment)
{
	static const uint8_t zeros[4];
	size_t len = head.len + data.len, padded = round_up(len, 4), said = strlen(comment);
	size_t options = said ? 8 + round_up(said, 4) : 0;

	put32(f, 6);
	put32(f, (uint32_t)(32 + padded + options));
	put32(f, 0);
	put32(f, (uint32_t)(time_ns >> 32));
	put32(f, (uint32_t)time_ns);
	put32(f, (uint32_t)len);
	put32(f, (uint32_t)len);
	fwrite(head.data, 1, head.len, f);
	if (data.len > 0)
		fwrite(data.data, 1, data.len, f);
	fwrite(zeros, 1, padded - len, f);
	if (said) {
		put16(f, 1);
		put16(f, (uint16_t)said);
		fwrite(comment, 1, said, f);
		fwrite(zeros, 1, round_up(said, 4) - said, f);
		put32(f, 0);
	}
	put32(f, (uint32_t)(32 + padded + options));
}

/* --- IP and TCP --- */

static void store_be16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* The sum of RFC 1071 goes on over several pieces, all of even length but the last. */
static uint64_t sum(uint64_t so_far, struct slice s)
{
	for (size_t i = 0; i + 1 < s.len; i += 2)
		so_far += (uint32_t)(s.data[i] << 8 | s.data[i + 1]);
	if (s.len % 2)
		so_far += (uint32_t)(s.data[s.len - 1] << 8);
	return so_far;
}

static uint16_t folded(uint64_t v)
{
	while (v >> 16)
		v = (v & 0xFFFF) + (v >> 16);
	return (uint16_t)~v;
}

static size_t put_ip(struct trace_pcap_writer *w, uint8_t *out, const struct trace_address *from, const struct trace_address *to, size_t len)
{
	if (from->len == 4) {
		memset(out, 0, 20);
		out[0] = 0x45;
		store_be16(out + 2, (uint32_t)(20 + len));
		store_be16(out + 4, w->ip_id++);
		out[6] = 0x40; /* not to be cut into pieces */
		out[8] = 64;
		out[9] = 6;
		memcpy(out + 12, from->ip, 4);
		memcpy(out + 16, to->ip, 4);
		store_be16(out + 10, folded(sum(0, slice_of(out, 20))));
		return 20;
	}
	memset(out, 0, 40);
	out[0] = 0x60;
	store_be16(out + 4, (uint32_t)len);
	out[6] = 6;
	out[7] = 64;
	memcpy(out + 8, from->ip, 16);
	memcpy(out + 24, to->ip, 16);
	return 40;
}

/* One segment; it acknowledges all that the other side has sent. */
static void put_segment(struct trace_pcap_writer *w, struct side *from, struct side *to, uint8_t flags, uint64_t time_ns, struct slice data,
	const char *comment)
{
	static const uint8_t options[SYN_OPTIONS] = {2, 4, MAXIMUM_SEGMENT >> 8, MAXIMUM_SEGMENT & 0xFF, 1, 3, 3, WINDOW_SHIFT};
	uint8_t head[HEADERS_MAX], *tcp;
	size_t tcp_len = TCP_HEADER + (flags & SYN ? SYN_OPTIONS : 0);
	size_t ip_len = put_ip(w, head, &from->address, &to->address, tcp_len + data.len);
	uint64_t check;

	tcp = head + ip_len;
	memset(tcp, 0, TCP_HEADER);
	store_be16(tcp, from->address.port);
	store_be16(tcp + 2, to->address.port);
	store_be32(tcp + 4, from->seq);
	if (flags & ACK) {
		store_be32(tcp + 8, to->seq);
		to->acked = to->seq;
	}
	tcp[12] = (uint8_t)(tcp_len / 4 << 4);
	tcp[13] = flags;
	store_be16(tcp + 14, WINDOW);
	if (flags & SYN)
		memcpy(tcp + TCP_HEADER, options, SYN_OPTIONS);
	check = sum(6 + tcp_len + data.len, slice_of(from->address.ip, from->address.len));
	check = sum(check, slice_of(to->address.ip, to->address.len));
	check = sum(sum(check, slice_of(tcp, tcp_len)), data);
	store_be16(tcp + 16, folded(check));
	from->seq += (uint32_t)data.len + (flags & (SYN | FIN) ? 1 : 0);
	put_packet(w->f, time_ns, slice_of(head, ip_len + tcp_len), data, comment);
}

/* --- connections --- */

/* Documentation addresses stand for those that are not known (RFC 5737). */
static void addresses(struct wconn *c, const struct trace_packet *p)
{
	static const uint8_t client[4] = {192, 0, 2, 1}, server[4] = {192, 0, 2, 2};

	c->client.address = p->client;
	c->server.address = p->server;
	if (p->client.len == p->server.len && p->client.len != 0) {
		if (p->server.port != 445 && p->server.port != 139) {
			c->real_port = p->server.port;
			c->server.address.port = 445;
		}
		return;
	}
	c->client.address = (struct trace_address){.len = 4, .port = (uint16_t)(49152 + c->number % 16384)};
	c->server.address = (struct trace_address){.len = 4, .port = 445};
	memcpy(c->client.address.ip, client, sizeof(client));
	memcpy(c->server.address.ip, server, sizeof(server));
}

static void conn_open(struct trace_pcap_writer *w, struct wconn *c, uint64_t time_ns)
{
	uint64_t before = time_ns > 3000 ? time_ns - 3000 : 0;
	char comment[64] = "";

	if (c->real_port)
		snprintf(comment, sizeof(comment), "the server's port was %u", c->real_port);
	put_segment(w, &c->client, &c->server, SYN, before, slice_of(NULL, 0), comment);
	put_segment(w, &c->server, &c->client, SYN | ACK, before + 1000, slice_of(NULL, 0), "");
	put_segment(w, &c->client, &c->server, ACK, before + 2000, slice_of(NULL, 0), "");
}

static void conn_end(struct trace_pcap_writer *w, struct wconn *c)
{
	put_segment(w, &c->client, &c->server, FIN | ACK, c->last_ns + 1000, slice_of(NULL, 0), "");
	put_segment(w, &c->server, &c->client, FIN | ACK, c->last_ns + 2000, slice_of(NULL, 0), "");
	put_segment(w, &c->client, &c->server, ACK, c->last_ns + 3000, slice_of(NULL, 0), "");
	list_remove(&c->link);
	w->count--;
	free(c);
}

static struct wconn *conn_of(struct trace_pcap_writer *w, const struct trace_packet *p)
{
	struct wconn *c;

	list_for_each(n, &w->conns) {
		c = list_entry(n, struct wconn, link);
		if (c->number == p->connection) {
			list_remove(&c->link);
			list_prepend(&w->conns, &c->link);
			return c;
		}
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->number = p->connection;
	c->client.seq = c->server.seq = c->number * 1000003u;
	addresses(c, p);
	if (w->count == CONNS_MAX)
		conn_end(w, list_entry(w->conns.prev, struct wconn, link));
	list_prepend(&w->conns, &c->link);
	w->count++;
	conn_open(w, c, p->time_ns);
	return c;
}

struct trace_pcap_writer *trace_pcap_writer_new(FILE *f)
{
	struct trace_pcap_writer *w = calloc(1, sizeof(*w));

	if (!w) {
		fclose(f);
		return NULL;
	}
	w->f = f;
	list_init(&w->conns);
	put_start(f);
	return w;
}

void trace_pcap_write(struct trace_pcap_writer *w, const struct trace_packet *p)
{
	struct wconn *c = conn_of(w, p);
	struct side *from, *to;
	size_t at = 0;

	if (!c)
		return;
	from = p->from_server ? &c->server : &c->client;
	to = p->from_server ? &c->client : &c->server;
	c->last_ns = p->time_ns;
	/* What the capture that was read did not have is missing in this one as well. */
	if (p->raw.len == 0)
		from->seq += (uint32_t)p->lost;
	while (at < p->raw.len) {
		size_t n = p->raw.len - at < SEGMENT ? p->raw.len - at : SEGMENT;

		put_segment(w, from, to, at + n == p->raw.len ? ACK | PSH : ACK, p->time_ns, slice_of(p->raw.data + at, n), "");
		at += n;
		if (from->seq - from->acked >= ACK_AFTER)
			put_segment(w, to, from, ACK, p->time_ns, slice_of(NULL, 0), "");
	}
}

bool trace_pcap_writer_end(struct trace_pcap_writer *w)
{
	bool ok;

	while (!list_empty(&w->conns))
		conn_end(w, list_entry(w->conns.prev, struct wconn, link));
	ok = !ferror(w->f);
	ok = fclose(w->f) == 0 && ok;
	free(w);
	return ok;
}

/* The exchange: connections in a bounded list, numbers, and each frame's way from bytes to words. See trace.h. */
#include "trace/conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>

struct trace *trace_new(trace_packet_fn *packet, void *arg)
{
	struct trace *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->packet = packet;
	t->arg = arg;
	list_init(&t->conns);
	arena_init(&t->arena, NULL, 0, 1 << 20);
	return t;
}

static void conn_free(struct trace *t, struct trace_conn *c)
{
	list_remove(&c->link);
	t->conn_count--;
	trace_sessions_wipe(c);
	free(c);
}

void trace_free(struct trace *t)
{
	if (!t)
		return;
	while (!list_empty(&t->conns))
		conn_free(t, list_entry(t->conns.next, struct trace_conn, link));
	if (t->keys)
		bytes_wipe(t->keys, TRACE_KEYS * sizeof(*t->keys));
	free(t->keys);
	free(t->scratch);
	arena_reset(&t->arena);
	free(t);
}

static struct trace_conn *conn_find(struct trace *t, uint64_t key)
{
	list_for_each(n, &t->conns) {
		struct trace_conn *c = list_entry(n, struct trace_conn, link);

		if (c->key == key)
			return c;
	}
	return NULL;
}

/* The one of that key; when there are too many, the one that was silent for longest goes. */
static struct trace_conn *conn_of(struct trace *t, uint64_t key)
{
	struct trace_conn *c = conn_find(t, key);

	if (c) {
		list_remove(&c->link);
		list_prepend(&t->conns, &c->link);
		return c;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	if (t->conn_count == TRACE_CONNS)
		conn_free(t, list_entry(t->conns.prev, struct trace_conn, link));
	c->key = key;
	c->number = ++t->conn_numbers;
	list_prepend(&t->conns, &c->link);
	t->conn_count++;
	return c;
}

/* What is neither sealed nor something else than a message is plain as it is. */
static void find_plain(struct trace_packet *p)
{
	uint32_t id = p->raw.len >= 8 && p->raw.data[0] == 0 ? load_le32(p->raw.data + 4) : 0;

	p->sealed = id == SMB2_TRANSFORM_ID;
	if (p->plain.len == 0 && (id == SMB2_PROTOCOL_ID || id == SMB1_PROTOCOL_ID))
		p->plain = slice_of(p->raw.data + 4, p->raw.len - 4);
}

void trace_frame(struct trace *t, struct trace_packet *p)
{
	struct trace_conn *c = conn_of(t, p->key);
	struct trace_words *words = malloc(sizeof(*words));

	if (c && words) {
		p->number = ++t->packets;
		p->connection = c->number;
		find_plain(p);
		if (p->sealed)
			trace_unseal(t, c, p);
		trace_describe(c, p, &t->arena, words);
		if (p->plain.len > 0)
			trace_follow(t, c, p);
		arena_reset(&t->arena);
		t->packet(t->arg, p, words);
	}
	free(words);
}

/* --- addresses --- */

bool trace_address_parse(struct trace_address *a, const char *text)
{
	const char *colon = strrchr(text, ':');
	char host[64];
	unsigned long port;
	char *end;
	size_t n;

	*a = (struct trace_address){0};
	if (!colon)
		return false;
	port = strtoul(colon + 1, &end, 10);
	if (end == colon + 1 || *end || port > UINT16_MAX)
		return false;
	if (text[0] == '[' && colon > text + 1 && colon[-1] == ']') {
		text++;
		colon--;
	}
	n = (size_t)(colon - text);
	if (n >= sizeof(host))
		return false;
	memcpy(host, text, n);
	host[n] = 0;
	host[strcspn(host, "%")] = 0;
	if (inet_pton(AF_INET, host, a->ip) == 1)
		a->len = 4;
	else if (inet_pton(AF_INET6, host, a->ip) == 1)
		a->len = 16;
	a->port = a->len ? (uint16_t)port : 0;
	return a->len != 0;
}

void trace_address_text(const struct trace_address *a, char *out, size_t cap)
{
	char host[INET6_ADDRSTRLEN] = "";

	if (a->len == 4 && inet_ntop(AF_INET, a->ip, host, sizeof(host)))
		snprintf(out, cap, "%s:%u", host, a->port);
	else if (a->len == 16 && inet_ntop(AF_INET6, a->ip, host, sizeof(host)))
		snprintf(out, cap, "[%s]:%u", host, a->port);
	else
		snprintf(out, cap, "?");
}

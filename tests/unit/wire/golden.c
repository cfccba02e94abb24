/* See golden.h. */
#include "golden.h"

#include "base/utf16.h"

#include <stdio.h>
#include <stdlib.h>

static struct golden storage;
static uint8_t encoded[sizeof(storage.b)];
struct arena golden_arena;

struct golden *golden_new(void)
{
	memset(&storage, 0, sizeof(storage));
	return &storage;
}

void g8(struct golden *g, unsigned v)
{
	assert_true(g->n < sizeof(g->b));
	g->b[g->n++] = (uint8_t)v;
}

void g16(struct golden *g, unsigned v)
{
	g8(g, v & 0xFF);
	g8(g, v >> 8 & 0xFF);
}

void g32(struct golden *g, uint32_t v)
{
	g16(g, v & 0xFFFF);
	g16(g, v >> 16);
}

void g64(struct golden *g, uint64_t v)
{
	g32(g, (uint32_t)v);
	g32(g, (uint32_t)(v >> 32));
}

void gzero(struct golden *g, size_t n)
{
	while (n-- > 0)
		g8(g, 0);
}

void gfill(struct golden *g, size_t n)
{
	for (size_t i = 1; i <= n; i++)
		g8(g, (unsigned)(i & 0xFF));
}

void gtext(struct golden *g, const char *ascii)
{
	for (; *ascii; ascii++)
		g16(g, (unsigned char)*ascii);
}

void gascii(struct golden *g, const char *ascii)
{
	for (; *ascii; ascii++)
		g8(g, (unsigned char)*ascii);
}

void ghex(struct golden *g, const char *hex)
{
	for (; *hex; hex++) {
		uint8_t b;

		if (*hex == ' ')
			continue;
		assert_true(bytes_from_hex(&b, 1, hex++));
		g8(g, b);
	}
}

void gfid(struct golden *g, uint64_t persistent, uint64_t volatile_id)
{
	g64(g, persistent);
	g64(g, volatile_id);
}

void gheader(struct golden *g, uint16_t command, uint32_t status, uint32_t flags, uint16_t credits, uint64_t message_id, uint32_t tree_id,
	uint64_t session_id)
{
	ghex(g, "FE 53 4D 42");
	g16(g, 64);
	g16(g, 0); /* CreditCharge */
	g32(g, status);
	g16(g, command);
	g16(g, credits);
	g32(g, flags);
	g32(g, 0); /* NextCommand */
	g64(g, message_id);
	g32(g, 0xFEFF);
	g32(g, tree_id);
	g64(g, session_id);
	gzero(g, 16);
}

void gignore(struct golden *g, size_t at, size_t len)
{
	size_t i = 0;

	while (g->ignored[i].len != 0)
		assert_true(++i < ARRAY_LEN(g->ignored));
	g->ignored[i].at = at;
	g->ignored[i].len = len;
}

static bool ignored(const struct golden *g, size_t at)
{
	for (size_t i = 0; i < ARRAY_LEN(g->ignored); i++) {
		if (at >= g->ignored[i].at && at - g->ignored[i].at < g->ignored[i].len)
			return true;
	}
	return false;
}

struct slice gslice(const struct golden *g, size_t from)
{
	return slice_of(g->b + from, g->n - from);
}

struct wire golden_decoder(const struct golden *g, size_t start)
{
	return wire_decoder(g->b, start, g->n, &golden_arena);
}

struct wire golden_encoder(size_t start)
{
	memset(encoded, 0xEE, sizeof(encoded));
	return wire_encoder(encoded, start, sizeof(encoded));
}

static void check_line(void *arg, const char *text)
{
	(void)arg;
	assert_non_null(strchr(text, ':'));
	assert_true(strlen(text) < 320);
}

struct wire golden_printer(void)
{
	static struct wire_printer printer;

	printer = (struct wire_printer){check_line, NULL, 0};
	return wire_printer_of(NULL, &printer);
}

void golden_decoded(const struct wire *w, const char *what, int line)
{
	if (!wire_ok(w))
		fail_msg("line %d: %s refuses it at %s", line, what, w->where);
}

void golden_same(const struct golden *g, struct wire *e, size_t start, const char *what, int line)
{
	wire_append_tail(e);
	if (!wire_ok(e))
		fail_msg("line %d: %s does not encode: %s", line, what, e->where);
	for (size_t i = start; i < g->n && i < e->pos; i++) {
		if (g->b[i] != encoded[i] && !ignored(g, i))
			fail_msg("line %d: %s byte %zu is %02x, expected %02x", line, what, i - start, encoded[i], g->b[i]);
	}
	if (e->pos != g->n)
		fail_msg("line %d: %s takes %zu bytes, expected %zu", line, what, e->pos - start, g->n - start);
}

void assert_text(struct slice s, const char *ascii)
{
	char text[512];

	assert_true(utf16_to_utf8(text, sizeof(text), s) != SIZE_MAX);
	assert_string_equal(text, ascii);
}

int golden_teardown(void **state)
{
	(void)state;
	arena_reset(&golden_arena);
	return 0;
}

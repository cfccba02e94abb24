/* Arena of chunks that double in size, see arena.h. */
#include "base/arena.h"

#include <stdlib.h>

struct arena_chunk {
	struct arena_chunk *older;
	size_t len;
};

enum { CHUNK_FIRST_BYTES = 4096, CHUNK_MAX_BYTES = 1 << 20, ALIGN = 16 };

void arena_init(struct arena *a, void *inline_mem, size_t inline_len, size_t limit_bytes)
{
	*a = (struct arena){.inline_mem = inline_mem, .inline_len = inline_len, .limit_bytes = limit_bytes};
	a->next = a->inline_mem;
	a->end = a->next ? a->next + inline_len : NULL;
}

static uint8_t *align_up(uint8_t *p)
{
	return p + (-(uintptr_t)p & (ALIGN - 1));
}

static bool arena_grow(struct arena *a, size_t n)
{
	size_t want = a->chunks ? a->chunks->len * 2 : CHUNK_FIRST_BYTES;
	size_t overhead = sizeof(struct arena_chunk) + ALIGN;
	struct arena_chunk *c;

	if (want > CHUNK_MAX_BYTES)
		want = CHUNK_MAX_BYTES;
	if (n > SIZE_MAX / 2)
		return false;
	if (want < n + overhead)
		want = n + overhead;
	if (a->limit_bytes != 0 && a->total_bytes + want > a->limit_bytes)
		return false;
	c = malloc(want);
	if (!c)
		return false;
	c->older = a->chunks;
	c->len = want;
	a->chunks = c;
	a->total_bytes += want;
	a->next = (uint8_t *)(c + 1);
	a->end = (uint8_t *)c + want;
	return true;
}

void *arena_alloc(struct arena *a, size_t n)
{
	uint8_t *p;

	if (n == 0)
		n = 1;
	p = a->next ? align_up(a->next) : NULL;
	if (!p || p > a->end || (size_t)(a->end - p) < n) {
		if (!arena_grow(a, n))
			return NULL;
		p = align_up(a->next);
	}
	a->next = p + n;
	return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
	void *p = arena_alloc(a, n);

	if (p)
		memset(p, 0, n);
	return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *p = arena_alloc(a, n + 1);

	if (p) {
		memcpy(p, s, n);
		p[n] = 0;
	}
	return p;
}

void arena_reset(struct arena *a)
{
	while (a->chunks) {
		struct arena_chunk *older = a->chunks->older;

		free(a->chunks);
		a->chunks = older;
	}
	arena_init(a, a->inline_mem, a->inline_len, a->limit_bytes);
}

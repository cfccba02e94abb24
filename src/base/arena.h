/* An arena: memory that is given out piece by piece and taken back all at once. Every request has one; what a handler
 * allocates there lives until the reply has been sent. Not thread-safe: one request is on one thread at a time. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/bytes.h"

struct arena_chunk;

struct arena {
	uint8_t *next, *end;       /* free part of the newest chunk */
	struct arena_chunk *chunks; /* newest first */
	size_t total_bytes;         /* held in chunks, without the inline part */
	size_t limit_bytes;         /* arena_alloc past it gives NULL; 0: no limit */
	uint8_t *inline_mem;
	size_t inline_len;
};

/* Starts an arena that first uses inline_mem (which the caller owns and keeps; may be NULL). */
void arena_init(struct arena *a, void *inline_mem, size_t inline_len, size_t limit_bytes);

/* n bytes aligned to 16, not zeroed; NULL when memory or the limit is exhausted. n == 0 gives a unique non-NULL pointer. */
void *arena_alloc(struct arena *a, size_t n) MUST_USE;

/* The same, zeroed. */
void *arena_zalloc(struct arena *a, size_t n) MUST_USE;

/* A copy of s with a zero byte after it; NULL as above. */
char *arena_strndup(struct arena *a, const char *s, size_t n) MUST_USE;

/* Gives everything back; the inline part serves again. */
void arena_reset(struct arena *a);

#endif

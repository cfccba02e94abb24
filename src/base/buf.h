/* Reference-counted byte buffers for frames, out of a pool by size. A buffer that was given back is kept for the next
 * user within a bound and otherwise returned to the system. Thread-safe. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/bytes.h"

struct buf {
	_Atomic uint32_t refs;
	uint8_t size_class;
	size_t cap; /* usable bytes at data, at least what was asked for */
	size_t len; /* for the user's own accounting; buf_get sets 0 */
	uint8_t *data; /* aligned to 64 */
};

/* One reference; contents undefined. NULL when memory is exhausted. */
struct buf *buf_get(size_t cap) MUST_USE;

struct buf *buf_ref(struct buf *b);

/* Drops a reference; NULL is allowed. */
void buf_put(struct buf *b);

/* Returns what the pool keeps to the system. */
void buf_pool_trim(void);

#endif

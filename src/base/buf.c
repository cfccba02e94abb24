/* The buffer pool: a short free list per size class under one mutex each; larger buffers than the largest class are plain memory. */
#include "base/buf.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Room beyond the round numbers for headers and the reply of a READ of that size. */
enum { EXTRA = 1024, NO_CLASS = 255 };

struct size_class {
	size_t cap;
	uint32_t keep;
	uint32_t kept;
	pthread_mutex_t lock;
	struct buf *free[64];
};

static struct size_class classes[] = {
	{.cap = 1024, .keep = 64, .lock = PTHREAD_MUTEX_INITIALIZER},
	{.cap = 4096 + EXTRA, .keep = 64, .lock = PTHREAD_MUTEX_INITIALIZER},
	{.cap = 16384 + EXTRA, .keep = 64, .lock = PTHREAD_MUTEX_INITIALIZER},
	{.cap = 65536 + EXTRA, .keep = 48, .lock = PTHREAD_MUTEX_INITIALIZER},
	{.cap = 262144 + EXTRA, .keep = 16, .lock = PTHREAD_MUTEX_INITIALIZER},
	{.cap = 1048576 + EXTRA, .keep = 16, .lock = PTHREAD_MUTEX_INITIALIZER},
	{.cap = 8388608 + EXTRA, .keep = 4, .lock = PTHREAD_MUTEX_INITIALIZER},
};

static struct buf *buf_new(size_t cap, uint8_t size_class)
{
	size_t head = round_up(sizeof(struct buf), 64);
	struct buf *b;

	if (cap > SIZE_MAX / 2)
		return NULL;
	b = aligned_alloc(64, round_up(head + cap, 64));
	if (!b)
		return NULL;
	b->size_class = size_class;
	b->cap = cap;
	b->data = (uint8_t *)b + head;
	return b;
}

struct buf *buf_get(size_t cap)
{
	uint8_t k = 0;
	struct buf *b = NULL;

	while (k < ARRAY_LEN(classes) && classes[k].cap < cap)
		k++;
	if (k == ARRAY_LEN(classes)) {
		b = buf_new(cap, NO_CLASS);
	} else {
		pthread_mutex_lock(&classes[k].lock);
		if (classes[k].kept > 0)
			b = classes[k].free[--classes[k].kept];
		pthread_mutex_unlock(&classes[k].lock);
		if (!b)
			b = buf_new(classes[k].cap, k);
	}
	if (b) {
		atomic_init(&b->refs, 1);
		b->len = 0;
	}
	return b;
}

struct buf *buf_ref(struct buf *b)
{
	atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void buf_put(struct buf *b)
{
	struct size_class *c;

	if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (b->size_class != NO_CLASS) {
		c = &classes[b->size_class];
		pthread_mutex_lock(&c->lock);
		if (c->kept < c->keep) {
			c->free[c->kept++] = b;
			b = NULL;
		}
		pthread_mutex_unlock(&c->lock);
	}
	free(b);
}

void buf_pool_trim(void)
{
	for (size_t k = 0; k < ARRAY_LEN(classes); k++) {
		pthread_mutex_lock(&classes[k].lock);
		while (classes[k].kept > 0)
			free(classes[k].free[--classes[k].kept]);
		pthread_mutex_unlock(&classes[k].lock);
	}
}

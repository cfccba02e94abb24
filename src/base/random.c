/* getrandom behind a small per-thread stock, so that an id does not cost a system call. */
#include "base/random.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

static _Atomic uint64_t test_seed;
static _Atomic uint64_t test_counter;

static uint64_t splitmix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static void kernel_bytes(uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got <= 0)
			abort();
		p += got;
		n -= (size_t)got;
	}
}

void random_bytes(void *p, size_t n)
{
	static _Thread_local uint8_t stock[512];
	static _Thread_local size_t left;
	uint8_t *out = p;

	if (atomic_load_explicit(&test_seed, memory_order_relaxed) != 0) {
		for (size_t i = 0; i < n; i++) {
			uint64_t at = atomic_fetch_add(&test_counter, 1);

			out[i] = (uint8_t)splitmix(atomic_load(&test_seed) + at);
		}
		return;
	}
	if (n > sizeof(stock) / 4) {
		kernel_bytes(out, n);
		return;
	}
	if (left < n) {
		kernel_bytes(stock, sizeof(stock));
		left = sizeof(stock);
	}
	left -= n;
	memcpy(out, stock + left, n);
	bytes_wipe(stock + left, n);
}

uint64_t random_u64(void)
{
	uint64_t v;

	random_bytes(&v, sizeof(v));
	return v;
}

void random_seed_for_tests(uint64_t seed)
{
	atomic_store(&test_counter, 0);
	atomic_store(&test_seed, seed);
}

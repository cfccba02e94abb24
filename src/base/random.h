/* Random bytes for nonces, challenges, keys and identifiers. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include "base/bytes.h"

/* Fills p from the kernel's generator; aborts the process if the kernel has none, for nothing here is safe without it. */
void random_bytes(void *p, size_t n);

uint64_t random_u64(void);

/* For tests: from here on the bytes come from a fixed sequence of this seed, on every thread. Seed 0 goes back to the kernel. */
void random_seed_for_tests(uint64_t seed);

#endif

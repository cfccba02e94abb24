/* How long operations took: counts of values below 32 ns one by one, and of 32 steps for each doubling above. */
#include "cli/bench.h"

enum { STEP_BITS = 5, STEPS = 1 << STEP_BITS };

static size_t bucket_of(uint64_t ns)
{
	if (ns < STEPS)
		return (size_t)ns;
	unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - STEP_BITS;
	return shift * STEPS + (size_t)(ns >> shift);
}

/* The greatest value that is counted there. */
static uint64_t bucket_end(size_t bucket)
{
	if (bucket < 2 * STEPS)
		return bucket;
	unsigned shift = (unsigned)(bucket / STEPS) - 1;
	return (((uint64_t)(bucket % STEPS) + STEPS + 1) << shift) - 1;
}

void bench_hist_add(struct bench_hist *h, uint64_t ns)
{
	h->counts[bucket_of(ns)]++;
	h->count++;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

void bench_hist_merge(struct bench_hist *into, const struct bench_hist *h)
{
	for (size_t i = 0; i < BENCH_BUCKETS; i++)
		into->counts[i] += h->counts[i];
	into->count += h->count;
	if (h->max_ns > into->max_ns)
		into->max_ns = h->max_ns;
}

uint64_t bench_hist_percentile(const struct bench_hist *h, double percent)
{
	double wanted = percent / 100 * (double)h->count;
	uint64_t below = 0;
	for (size_t i = 0; i < BENCH_BUCKETS; i++) {
		below += h->counts[i];
		if (below > 0 && (double)below >= wanted)
			return bucket_end(i) < h->max_ns ? bucket_end(i) : h->max_ns;
	}
	return h->max_ns;
}

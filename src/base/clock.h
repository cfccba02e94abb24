/* Time, passed in: engines and tables take a struct clock, so that tests can run on a virtual one. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/bytes.h"

struct clock {
	uint64_t (*monotonic_ms)(const struct clock *c);
	uint64_t (*lately_ms)(const struct clock *c);
	uint64_t (*filetime)(const struct clock *c); /* wall time in 100 ns since 1601-01-01 UTC */
};

static inline uint64_t clock_ms(const struct clock *c)
{
	return c->monotonic_ms(c);
}

/* The same, as it was a few milliseconds ago at most: a fifth of the price, for when something last happened. */
static inline uint64_t clock_lately_ms(const struct clock *c)
{
	return c->lately_ms(c);
}

static inline uint64_t clock_filetime(const struct clock *c)
{
	return c->filetime(c);
}

/* The machine's clocks. */
extern const struct clock clock_system;
/* Of the machine, for how long something takes. */
uint64_t clock_us(void);

/* A clock that stands still until it is told to move. */
struct clock_virtual {
	struct clock clock; /* pass &v.clock */
	uint64_t now_ms;
	uint64_t start_filetime;
};

void clock_virtual_init(struct clock_virtual *v);

#endif

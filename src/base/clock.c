/* The system's clocks and the virtual one. */
#include "base/clock.h"

#include "base/filetime.h"

uint64_t clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static uint64_t system_ms(const struct clock *c)
{
	(void)c;
	return clock_us() / 1000;
}

static uint64_t system_lately_ms(const struct clock *c)
{
	struct timespec ts;

	(void)c;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static uint64_t system_filetime(const struct clock *c)
{
	struct timespec ts;

	(void)c;
	clock_gettime(CLOCK_REALTIME, &ts);
	return filetime_from_timespec(ts);
}

const struct clock clock_system = {system_ms, system_lately_ms, system_filetime};

static uint64_t virtual_ms(const struct clock *c)
{
	return CONTAINER_OF(c, const struct clock_virtual, clock)->now_ms;
}

static uint64_t virtual_filetime(const struct clock *c)
{
	const struct clock_virtual *v = CONTAINER_OF(c, const struct clock_virtual, clock);

	return v->start_filetime + v->now_ms * 10000;
}

void clock_virtual_init(struct clock_virtual *v)
{
	*v = (struct clock_virtual){
		.clock = {virtual_ms, virtual_ms, virtual_filetime},
		.start_filetime = 0x01DA000000000000u,
	};
}

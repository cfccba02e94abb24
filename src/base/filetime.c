/* FILETIME arithmetic. */
#include "base/filetime.h"

uint64_t filetime_from_timespec(struct timespec ts)
{
	/* 1601 is 11644473600 s before 1970; the largest FILETIME is some 1.8e12 s after it. */
	if (ts.tv_sec < -11644473600ll)
		return 0;
	if (ts.tv_sec > 1800000000000ll)
		return INT64_MAX;
	return (uint64_t)(ts.tv_sec + 11644473600ll) * 10000000u + (uint64_t)ts.tv_nsec / 100;
}

struct timespec filetime_to_timespec(uint64_t ft)
{
	struct timespec ts;

	ts.tv_sec = (time_t)(ft / 10000000u) - 11644473600ll;
	ts.tv_nsec = (long)(ft % 10000000u) * 100;
	return ts;
}

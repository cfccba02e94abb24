/* See dostime.h. */
#include "base/dostime.h"

#include "base/filetime.h"

enum { FIRST_YEAR = 1980, LAST_YEAR = 2107 };

/* Seconds since 1970 in local time. */
static int64_t local_seconds(uint64_t ft, int zone)
{
	return filetime_to_timespec(ft).tv_sec - (int64_t)zone * 60;
}

static uint64_t from_local(int64_t seconds, int zone)
{
	return filetime_from_timespec((struct timespec){.tv_sec = (time_t)(seconds + (int64_t)zone * 60)});
}

struct dos_time dos_time_from_filetime(uint64_t ft, int zone)
{
	time_t t = (time_t)local_seconds(ft > INT64_MAX ? INT64_MAX : ft, zone);
	struct tm tm;

	if (!gmtime_r(&t, &tm) || tm.tm_year + 1900 > LAST_YEAR)
		return (struct dos_time){0xFF9F, 0xBF7D};
	if (tm.tm_year + 1900 < FIRST_YEAR)
		return (struct dos_time){0, 0};
	return (struct dos_time){
		.date = (uint16_t)((tm.tm_year + 1900 - FIRST_YEAR) << 9 | (tm.tm_mon + 1) << 5 | tm.tm_mday),
		.time = (uint16_t)(tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2),
	};
}

uint64_t dos_time_to_filetime(struct dos_time t, int zone)
{
	struct tm tm = {
		.tm_year = FIRST_YEAR - 1900 + (t.date >> 9),
		.tm_mon = (t.date >> 5 & 15) - 1,
		.tm_mday = t.date & 31,
		.tm_hour = t.time >> 11,
		.tm_min = t.time >> 5 & 63,
		.tm_sec = (t.time & 31) * 2,
	}, same;
	time_t seconds;

	if (tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday == 0 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 59)
		return 0;
	seconds = timegm(&tm);
	if (!gmtime_r(&seconds, &same) || same.tm_mday != (t.date & 31)) /* the 31st of April */
		return 0;
	return from_local(seconds, zone);
}

uint32_t utime_from_filetime(uint64_t ft, int zone)
{
	int64_t t = local_seconds(ft > INT64_MAX ? INT64_MAX : ft, zone);

	return t < 0 ? 0 : t >= UINT32_MAX ? UINT32_MAX - 1 : (uint32_t)t;
}

uint64_t utime_to_filetime(uint32_t t, int zone)
{
	return t == 0 || t == UINT32_MAX ? 0 : from_local(t, zone);
}

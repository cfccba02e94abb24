/* SMB_DATE, SMB_TIME and UTIME against FILETIME: [MS-CIFS] 2.2.1.4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/dostime.h"
#include "base/filetime.h"

static uint64_t at(time_t unix_seconds)
{
	return filetime_from_timespec((struct timespec){.tv_sec = unix_seconds});
}

enum { NOON_2006 = 1158062400 }; /* 2006-09-12 12:00:00 UTC */

static void test_dates_and_times(void **state)
{
	struct dos_time t = dos_time_from_filetime(at(NOON_2006 + 90), 0);

	(void)state;
	assert_int_equal(t.date, 26 << 9 | 9 << 5 | 12);
	assert_int_equal(t.time, 12 << 11 | 1 << 5 | 15);
	assert_true(dos_time_to_filetime(t, 0) == at(NOON_2006 + 90));
	t = dos_time_from_filetime(at(NOON_2006 + 1) + 9999999, 0); /* down to two seconds */
	assert_true(dos_time_to_filetime(t, 0) == at(NOON_2006));
}

static void test_the_zone_is_what_local_time_lacks_to_utc(void **state)
{
	struct dos_time t = dos_time_from_filetime(at(NOON_2006), -120); /* two hours east */

	(void)state;
	assert_int_equal(t.time >> 11, 14);
	assert_true(dos_time_to_filetime(t, -120) == at(NOON_2006));
	assert_int_equal(utime_from_filetime(at(NOON_2006), -120), NOON_2006 + 7200);
	assert_true(utime_to_filetime(NOON_2006 + 7200, -120) == at(NOON_2006));
	assert_int_equal(utime_from_filetime(at(NOON_2006), 300), NOON_2006 - 18000);
}

static void test_times_out_of_range(void **state)
{
	struct dos_time t = dos_time_from_filetime(0, 0);

	(void)state;
	assert_int_equal(t.date, 0);
	assert_int_equal(t.time, 0);
	t = dos_time_from_filetime(at(315532799), 0); /* the last second of 1979 */
	assert_int_equal(t.date, 0);
	t = dos_time_from_filetime(at(315532800), 0);
	assert_int_equal(t.date, 1 << 5 | 1);
	t = dos_time_from_filetime(UINT64_MAX, 0);
	assert_int_equal(t.date, 127 << 9 | 12 << 5 | 31);
	assert_int_equal(t.time, 23 << 11 | 59 << 5 | 29);
	assert_int_equal(utime_from_filetime(0, 0), 0);
	assert_int_equal(utime_from_filetime(UINT64_MAX, 0), 0xFFFFFFFE);
}

static void test_what_is_no_time_gives_none(void **state)
{
	static const struct dos_time none[] = {
		{0, 0}, {0xFFFF, 0xFFFF}, {26 << 9 | 9 << 5, 0}, {26 << 9 | 12, 0}, {26 << 9 | 13 << 5 | 1, 0}, {26 << 9 | 4 << 5 | 31, 0},
		{26 << 9 | 2 << 5 | 29, 0}, {26 << 9 | 9 << 5 | 12, 24 << 11}, {26 << 9 | 9 << 5 | 12, 60 << 5}, {26 << 9 | 9 << 5 | 12, 30},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		assert_true(dos_time_to_filetime(none[i], 0) == 0);
	assert_true(dos_time_to_filetime((struct dos_time){28 << 9 | 2 << 5 | 29, 0}, 0) != 0); /* a leap year */
	assert_true(utime_to_filetime(0, 0) == 0);
	assert_true(utime_to_filetime(UINT32_MAX, 0) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dates_and_times),
		cmocka_unit_test(test_the_zone_is_what_local_time_lacks_to_utc),
		cmocka_unit_test(test_times_out_of_range),
		cmocka_unit_test(test_what_is_no_time_gives_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

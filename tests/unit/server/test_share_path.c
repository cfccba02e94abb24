/* Paths of shares with variables: what a configuration may say, and that whatever the network gives for a name makes one component, beneath the
 * administrator's part, or no path at all. */
#include "server/share_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

/* 2024-02-29 12:34:56 UTC */
enum { LEAP_DAY = 1709210096 };

static struct srv_path path;
static char why[256];

static bool expand(const char *pattern, const char *user, const char *client)
{
	const struct srv_path_values v = {.user = user, .client = client, .now = LEAP_DAY};
	struct srv_path_kind kind;

	assert_true(srv_path_check(pattern, &kind, why, sizeof(why)));
	return srv_path_expand(pattern, &v, &path, why, sizeof(why));
}

static void becomes(const char *pattern, const char *text, size_t fixed)
{
	assert_true(expand(pattern, "ann", "192.0.2.7"));
	assert_string_equal(path.text, text);
	assert_int_equal(path.fixed, fixed);
}

static void test_variables_are_put_in(void **state)
{
	(void)state;
	becomes("/home/%U", "/home/ann", 6);
	becomes("/srv/by-%U/%M/x", "/srv/by-ann/192.0.2.7/x", 5);
	becomes("/srv/%t", "/srv/2024_02_29_12_34_56", 5);
	becomes("/%U", "/ann", 1);
	becomes("%U", "ann", 0);
	becomes("homes/%U%U", "homes/annann", 6);
	becomes("/100%%/%U%%U", "/100%/ann%U", 6);
	becomes("/plain", "/plain", 6);
	becomes("/100%%U", "/100%U", 6);
	becomes("/%%%%", "/%%", 3);
	assert_true(expand("/home/%U", "j\xc3\xbcrgen k.", "x"));
	assert_string_equal(path.text, "/home/j\xc3\xbcrgen k.");
	assert_true(expand("/home/%U", "...", "x"));
	assert_true(expand("/home/%U", "%U%M", "x"));
	assert_string_equal(path.text, "/home/%U%M");
	assert_true(expand("/home/%M", NULL, "2001:db8::1"));
	assert_string_equal(path.text, "/home/2001:db8::1");
}

static void test_what_a_configuration_may_not_say(void **state)
{
	static const char *const bad[] = {
		"", "%", "/home/%", "/home/%u", "/home/%H", "/home/% U", "/a%%%", "/home/%P/%U", "/home/%\xc3\xbc", /* no variable */
		"/home/%U/", "/home/%U//x", "/home/%U/..", "/home/%U/../x", "/home/%U/./x", "/home/x%U/y/../z", "%U/..", "/home/%U/a/.",
	};
	static const char *const good[] = {"/home/../srv/%U", "/home//%U", "/home/..%U", "/home/%U..", "/a/", "/a/../b", "/..%%"};
	char long_path[SRV_PATH_BYTES + 1];
	struct srv_path_kind kind;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		why[0] = 0;
		assert_false(srv_path_check(bad[i], &kind, why, sizeof(why)));
		assert_true(why[0] != 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(srv_path_check(good[i], &kind, why, sizeof(why)));
	memset(long_path, 'x', sizeof(long_path));
	long_path[SRV_PATH_BYTES] = 0;
	assert_false(srv_path_check(long_path, &kind, why, sizeof(why)));
	long_path[SRV_PATH_BYTES - 1] = 0;
	assert_true(srv_path_check(long_path, &kind, why, sizeof(why)));
}

static void test_which_variables_there_are(void **state)
{
	struct srv_path_kind kind;

	(void)state;
	assert_true(srv_path_check("/home/%U/%t", &kind, why, sizeof(why)));
	assert_true(kind.varies && kind.user);
	assert_true(srv_path_check("/home/%M", &kind, why, sizeof(why)));
	assert_true(kind.varies && !kind.user);
	assert_true(srv_path_check("/home/%%U", &kind, why, sizeof(why)));
	assert_false(kind.varies || kind.user);
}

static void test_no_name_leads_anywhere_else(void **state)
{
	static const char *const names[] = {
		"", ".", "..", "/", "a/b", "/etc", "../etc", "..\\etc", "a\\b", "\\", "a/", "/..", "\n", "a\nb", "\x7f", "a\tb", NULL,
	};
	static const char *const patterns[] = {"/home/%U", "/home/.%U", "/home/%U.", "/home/x%U/y", "%U", "/home/%U%U", "/home/%M/%U"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		for (size_t k = 0; k < ARRAY_LEN(patterns); k++) {
			assert_false(expand(patterns[k], names[i], "x"));
			assert_true(why[0] != 0);
		}
		assert_false(expand("/home/%M", "ann", names[i] ? names[i] : ".."));
	}
}

/* Two values, or a value and what is beside it, that come to ".." together. */
static void test_dots_that_only_come_together(void **state)
{
	(void)state;
	assert_false(expand("/home/%U%M", ".", "."));
	assert_false(expand("/home/.%M", "ann", "."));
	assert_true(expand("/home/..%U", "a", "x"));
	assert_string_equal(path.text, "/home/..a");
}

static void test_a_path_that_gets_too_long(void **state)
{
	char pattern[SRV_PATH_BYTES], user[256];

	(void)state;
	memset(user, 'u', sizeof(user) - 1);
	user[sizeof(user) - 1] = 0;
	memset(pattern, 'p', sizeof(pattern));
	memcpy(pattern + sizeof(pattern) - 4, "/%U", 4);
	assert_false(expand(pattern, user, "x"));
	assert_string_equal(why, "the path is too long");
	assert_true(expand(pattern, "uu", "x"));
	assert_int_equal(strlen(path.text), SRV_PATH_BYTES - 1);
	assert_false(expand(pattern, "uuu", "x"));
}

static size_t next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(*seed >> 33);
}

static void test_any_bytes_stay_beneath(void **state)
{
	static const char some[] = "./\\%UMt.ab\n/";
	uint64_t seed = 1;
	char user[8];

	(void)state;
	for (int i = 0; i < 200000; i++) {
		size_t n = next(&seed) % sizeof(user);

		for (size_t k = 0; k < n; k++)
			user[k] = some[next(&seed) % (sizeof(some) - 1)];
		user[n] = 0;
		if (!expand("/home/x/%U/y%M", user, user))
			continue;
		assert_int_equal(path.fixed, 8);
		assert_memory_equal(path.text, "/home/x/", 8);
		assert_non_null(strchr(path.text + 8, '/'));
		assert_ptr_equal(strchr(path.text + 8, '/'), strrchr(path.text, '/'));
		assert_string_not_equal(user, "..");
		assert_null(strpbrk(user, "/\\\n"));
	}
}

static void test_the_address_of_a_client(void **state)
{
	static const char *const cases[][2] = {
		{"192.0.2.7:50123", "192.0.2.7"}, {"[2001:db8::1]:445", "2001:db8::1"}, {"[::1]:1", "::1"}, {"mem", "mem"}, {"?", "?"}, {"", ""},
		{":1", ""},
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		srv_path_client(cases[i][0], out, sizeof(out));
		assert_string_equal(out, cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_variables_are_put_in),
		cmocka_unit_test(test_what_a_configuration_may_not_say),
		cmocka_unit_test(test_which_variables_there_are),
		cmocka_unit_test(test_no_name_leads_anywhere_else),
		cmocka_unit_test(test_dots_that_only_come_together),
		cmocka_unit_test(test_a_path_that_gets_too_long),
		cmocka_unit_test(test_any_bytes_stay_beneath),
		cmocka_unit_test(test_the_address_of_a_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What is said of a place to listen: server/listen.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "server/listen.h"

static char address[SRV_ADDRESS_BYTES], why[256];

static void check(const char *text, bool before, const char *expected, bool after)
{
	bool smb1 = before;

	assert_true(srv_listen_parse(text, address, &smb1, why, sizeof(why)));
	assert_string_equal(address, expected);
	assert_int_equal(smb1, after);
}

static void test_an_address_alone_says_nothing(void **state)
{
	(void)state;
	check(":445", false, ":445", false);
	check(":445", true, ":445", true);
	check("  [::1]:4450\t", true, "[::1]:4450", true);
	check("", false, "", false);
}

static void test_smb1_behind_the_address(void **state)
{
	(void)state;
	check("192.0.2.7:139 smb1=yes", false, "192.0.2.7:139", true);
	check("192.0.2.7:139 smb1=no", true, "192.0.2.7:139", false);
	check("nbss::139 \t SMB1=Yes ", false, "nbss::139", true);
	check(":445 smb1=yes smb1=no", false, ":445", false);
}

static void refused(const char *text, const char *expected)
{
	bool smb1 = false;

	assert_false(srv_listen_parse(text, address, &smb1, why, sizeof(why)));
	assert_string_equal(why, expected);
	assert_false(smb1);
}

static void test_what_is_neither(void **state)
{
	char many[500];

	(void)state;
	refused(":445 smb1", "\"smb1\" behind the listen address :445 is neither smb1=yes nor smb1=no");
	refused(":445 smb1=", "\"smb1=\" behind the listen address :445 is neither smb1=yes nor smb1=no");
	refused(":445 smb1=yesterday smb1=yes", "\"smb1=yesterday\" behind the listen address :445 is neither smb1=yes nor smb1=no");
	refused(":445 :139", "\":139\" behind the listen address :445 is neither smb1=yes nor smb1=no");
	memset(many, 'a', sizeof(many) - 1);
	many[sizeof(many) - 1] = 0;
	refused(many, "the listen address \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...\" is too long");
	many[SRV_ADDRESS_BYTES] = 0;
	refused(many, "the listen address \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...\" is too long");
	many[SRV_ADDRESS_BYTES - 1] = 0;
	check(many, false, many, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_address_alone_says_nothing),
		cmocka_unit_test(test_smb1_behind_the_address),
		cmocka_unit_test(test_what_is_neither),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which names are legal ([MS-FSCC] 2.1.5) and what patterns match ([MS-FSA] 2.1.4.4): tables, and a matcher written as the text is. */
#include "fsa/fsa.h"

#include "base/utf16.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

static uint8_t mem[2][4096];

static struct slice u16(int which, const char *s)
{
	size_t n = utf8_to_utf16(mem[which], sizeof(mem[which]), s, strlen(s));

	assert_int_not_equal(n, SIZE_MAX);
	return slice_of(mem[which], n);
}

/* Backs: B296, E065. */
static void test_paths(void **state)
{
	static const struct {
		const char *path;
		ntstatus status;
	} rows[] = {
		{"", {0}}, {"a", {0}}, {"a\\b\\c.txt", {0}}, {"\xC3\xA4\xE2\x82\xAC", {0}}, {" a ", {0}}, {"a.", {0}}, {"...", {0}}, {"a~1", {0}},
		{"\\a", {0xC000000D}}, {"\\", {0xC000000D}},
		{"a\\", {0xC0000033}}, {"a\\\\b", {0xC0000033}}, {".", {0xC0000033}}, {"a\\.\\b", {0xC0000033}},
		{"..", {0xC000003B}}, {"a\\..\\b", {0xC000003B}}, {"a\\..", {0xC000003B}},
		{"a/b", {0xC0000033}}, {"a|b", {0xC0000033}}, {"a*", {0xC0000033}}, {"a?", {0xC0000033}}, {"<", {0xC0000033}},
		{">", {0xC0000033}}, {"\"", {0xC0000033}}, {"a\x01", {0xC0000033}}, {"a\x1F\\b", {0xC0000033}}, {"a\nb", {0xC0000033}},
	};
	struct slice name, stream;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice path = u16(0, rows[i].path);
		ntstatus status = fsa_path_check(path, &name, &stream);

		if (status.code != rows[i].status.code)
			print_error("%s\n", rows[i].path);
		assert_int_equal(status.code, rows[i].status.code);
		assert_true(!nt_ok(status) || slice_equal(name, path));
	}
	assert_int_equal(fsa_path_check(slice_of("abc", 3), &name, &stream).code, STATUS_OBJECT_NAME_INVALID.code);
}

static void test_component_of_255_units_is_the_longest(void **state)
{
	char path[600];
	struct slice name, stream;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[255] = 0;
	assert_true(nt_ok(fsa_path_check(u16(0, path), &name, &stream)));
	path[255] = '\\';
	path[511] = 0;
	assert_true(nt_ok(fsa_path_check(u16(0, path), &name, &stream)));
	path[255] = 'x';
	assert_int_equal(fsa_path_check(u16(0, path), &name, &stream).code, STATUS_OBJECT_NAME_INVALID.code);
}

static void test_streams_are_split_off(void **state)
{
	static const struct {
		const char *path, *name, *stream; /* stream NULL: refused */
	} rows[] = {
		{"f::$DATA", "f", ""}, {"f::$data", "f", ""}, {"d\\f:s", "d\\f", "s"}, {"f:s:$DATA", "f", "s"}, {":s", "", "s"},
		{"f:", "", NULL}, {"f:s:", "", NULL}, {"f:s:$FOO", "", NULL}, {"f:a:b:c", "", NULL}, {"f:a\\b", "", NULL}, {"f:a/b", "", NULL},
		{"f::$INDEX_ALLOCATION", "", NULL},
	};
	struct slice name, stream;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ntstatus status = fsa_path_check(u16(0, rows[i].path), &name, &stream);

		if (nt_ok(status) != (rows[i].stream != NULL))
			print_error("%s\n", rows[i].path);
		assert_int_equal(nt_ok(status), rows[i].stream != NULL);
		if (!nt_ok(status))
			continue;
		assert_true(slice_equal(name, u16(1, rows[i].name)));
		assert_non_null(stream.data);
		assert_true(slice_equal(stream, u16(1, rows[i].stream)));
	}
}

/* Backs: B297, E065. */
static void test_dos_devices_are_recognised(void **state)
{
	static const char *const devices[] = {"CON", "nul", "Aux", "PRN", "COM1", "lpt9", "clock$", "dir\\con"};
	static const char *const others[] = {"CONS", "COM0", "COM", "COM10", "LPT", "con\\x", "xcon", "NUL.txt", ""};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(devices); i++)
		assert_true(fsa_name_is_device(u16(0, devices[i])));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_false(fsa_name_is_device(u16(0, others[i])));
}

/* Backs: B503. */
static void test_pattern_table(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool match;
	} rows[] = {
		{"*", "", true}, {"*", "a.b", true}, {"*.*", "a.b", true}, {"*.*", "ab", false}, {"?", "a", true}, {"?", "", false},
		{"?", "ab", false}, {"a*c", "abbc", true}, {"a*c", "abb", false}, {"*a*b*", "xxaxxbxx", true}, {"*a*b*", "xxbxxaxx", false},
		{"ABC", "abc", true}, {"abc", "abcd", false}, {"\xC3\x84", "\xC3\xA4", true}, {"*.txt", "A.TXT", true}, {"*.txt", "txt", false},
		{"a??", "abc", true}, {"a??", "ab", false},
		/* DOS_STAR: through the last dot */
		{"<", "abc", true}, {"<", "a.b", false}, {"<.b", "a.b", true}, {"<.c", "a.b.c", true}, {"<.b", "a.b.c", false}, {"<b", "a.b", true}, {"<", "a.", true}, {"<", "a.b.", true}, {"<b", "a.bb", false},
		{"<.", "a.", true}, {"<.txt", "x.txt", true}, {"<c", "abc", true},
		/* DOS_QM: one unit, or nothing at a dot and at the end */
		{">", "a", true}, {">", "", true}, {">>>", "a", true}, {">>>", "abcd", false}, {">>>.txt", "a.txt", true}, {"a>>.b", "ab.b", true},
		{">>>>>>>>.>>>", "readme.md", true}, {">>>>>>>>.>>>", "readme", false}, {"a>b", "ab", false},
		/* DOS_DOT: a dot, or nothing at the end */
		{"a\"", "a", true}, {"a\"", "a.", true}, {"a\"b", "a.b", true}, {"a\"b", "ab", false}, {"<\"", "abc", true}, {"<\">>>", "abc", true},
		{">>>>>>>>\">>>", "readme", true}, {"*\"", "a", true}, {"\"", "", true}, {"\"\"", "", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bool match = fsa_name_match(u16(0, rows[i].pattern), u16(1, rows[i].name), true);

		if (match != rows[i].match)
			print_error("%s %s\n", rows[i].pattern, rows[i].name);
		assert_int_equal(match, rows[i].match);
	}
	assert_false(fsa_name_match(u16(0, "ABC"), u16(1, "abc"), false));
}

/* The text, recursively. */
static bool model_match(const char *p, const char *n)
{
	bool last_dot = *n == '.' && !strchr(n + 1, '.');

	switch (*p) {
	case 0:
		return *n == 0;
	case '*':
		return model_match(p + 1, n) || (*n && model_match(p, n + 1));
	case '<':
		return model_match(p + 1, n) || (*n && model_match(last_dot ? p + 1 : p, n + 1));
	case '?':
		return *n && model_match(p + 1, n + 1);
	case '>':
		return *n == 0 || *n == '.' ? model_match(p + 1, n) : model_match(p + 1, n + 1);
	case '"':
		return *n == 0 ? model_match(p + 1, n) : *n == '.' && model_match(p + 1, n + 1);
	default:
		return *n == *p && model_match(p + 1, n + 1);
	}
}

static void random_text(char *out, size_t most, const char *alphabet, unsigned *seed)
{
	size_t n = (size_t)rand_r(seed) % (most + 1);

	for (size_t i = 0; i < n; i++)
		out[i] = alphabet[(size_t)rand_r(seed) % strlen(alphabet)];
	out[n] = 0;
}

static void test_matching_is_that_of_the_text(void **state)
{
	unsigned seed = 11, matches = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		char pattern[8], name[9];
		bool match;

		random_text(pattern, 7, "ab.*?<>\"", &seed);
		random_text(name, 8, "ab.", &seed);
		match = fsa_name_match(u16(0, pattern), u16(1, name), false);
		if (match != model_match(pattern, name))
			print_error("'%s' '%s'\n", pattern, name);
		assert_int_equal(match, model_match(pattern, name));
		matches += match;
	}
	assert_in_range(matches, 1000, 199000);
}

/* What takes naive matchers ages. */
static void test_no_pattern_takes_exponential_time(void **state)
{
	static const char *const units[] = {"*a", "<a", "*?", "<>", "<\""};
	char pattern[FSA_PATTERN_MAX_UNITS + 1], name[256];
	clock_t start = clock();

	(void)state;
	memset(name, 'a', 255);
	name[255] = 0;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		for (size_t k = 0; k + 3 < sizeof(pattern); k += 2)
			memcpy(pattern + k, units[i], 2);
		pattern[FSA_PATTERN_MAX_UNITS - 2] = '*';
		pattern[FSA_PATTERN_MAX_UNITS - 1] = 'b';
		pattern[FSA_PATTERN_MAX_UNITS] = 0;
		assert_false(fsa_name_match(u16(0, pattern), u16(1, name), true));
	}
	assert_true(clock() - start < CLOCKS_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_component_of_255_units_is_the_longest),
		cmocka_unit_test(test_streams_are_split_off),
		cmocka_unit_test(test_dos_devices_are_recognised),
		cmocka_unit_test(test_pattern_table),
		cmocka_unit_test(test_matching_is_that_of_the_text),
		cmocka_unit_test(test_no_pattern_takes_exponential_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Short names: what they are made of, and how the posix store finds files by them. */
#include "harness.h"

#include <stdio.h>

static const char *alias_of(struct fixture *f, const char *name)
{
	uint8_t *p = arena_alloc(&f->arena, VFS_SHORT_NAME_BYTES);

	return narrow(f, slice_of(p, vfs_short_name(p, wide(f, name))));
}

static void test_which_names_are_short(void **state)
{
	static const char *const yes[] = {"a", "README", "Makefile", "12345678.txt", "x.c", "a~1.txt"},
		*const no[] = {"", ".a", "a.", "a.b.c", "123456789", "a.html", "a b", "a+b", "[a]", "b\xC3\xA4r", "a,b.c"};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		assert_true(vfs_name_is_short(wide(f, yes[i])));
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		assert_false(vfs_name_is_short(wide(f, no[i])));
}

static void test_a_short_name_is_short_and_the_same_in_any_case(void **state)
{
	static const char *const names[] = {
		"A long name.html", ".profile", "..", "ends with a dot.", "b\xC3\xA4r.t\xC3\xA4xt", "+", "a.b.c.d", "name.e x t r a", "\xF0\x9F\x98\x80.jpeg"
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_true(vfs_name_is_short(wide(f, alias_of(f, names[i]))));
	assert_string_equal(alias_of(f, "A long name.html"), alias_of(f, "a LONG name.HTML"));
	assert_string_not_equal(alias_of(f, "A long name.html"), alias_of(f, "A long name2.html"));
	assert_int_equal(strlen(alias_of(f, "A long name.html")), 12);
	assert_memory_equal(alias_of(f, "a long name.html"), "A", 1);
	assert_memory_equal(alias_of(f, ".profile"), "P", 1);
}

static void test_a_file_is_found_by_its_short_name(void **state)
{
	struct fixture *f = *state;
	char path[64];

	make_dir(f, "A long directory");
	make_file(f, "A long directory\\And a long file.text", "here");
	(void)snprintf(path, sizeof(path), "%s\\%s", alias_of(f, "A long directory"), alias_of(f, "And a long file.text"));
	assert_string_equal(content_of(f, path), "here");
	assert_status(try_open(f, path, VFS_CREATE, VFS_WRITE), OBJECT_NAME_COLLISION);
	assert_ok(rename_name(f, path, "other", false));
	assert_status(try_open(f, path, VFS_OPEN, VFS_READ), OBJECT_NAME_NOT_FOUND);
	assert_string_equal(content_of(f, "other"), "here");
}

static void test_a_real_name_goes_before_a_short_one(void **state)
{
	struct fixture *f = *state;

	make_file(f, "Some long name", "long");
	make_file(f, "x", "short");
	assert_ok(rename_name(f, "Some long name", "away", false));
	assert_ok(rename_name(f, "x", alias_of(f, "Some long name"), false));
	assert_ok(rename_name(f, "away", "Some long name", false));
	assert_string_equal(content_of(f, alias_of(f, "Some long name")), "short");
	assert_string_equal(content_of(f, "Some long name"), "long");
}

static void test_without_the_option_there_are_none(void **state)
{
	struct fixture *f = *state;

	make_file(f, "Another long name", "");
	assert_status(try_open(f, alias_of(f, "Another long name"), VFS_OPEN, VFS_READ), OBJECT_NAME_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest with[] = {
		cmocka_unit_test(test_which_names_are_short),
		cmocka_unit_test(test_a_short_name_is_short_and_the_same_in_any_case),
		cmocka_unit_test(test_a_file_is_found_by_its_short_name),
		cmocka_unit_test(test_a_real_name_goes_before_a_short_one),
	}, without[] = {
		cmocka_unit_test(test_without_the_option_there_are_none),
	};

	return cmocka_run_group_tests(with, setup_short_names, teardown) + cmocka_run_group_tests(without, setup_tmp, teardown);
}

/* Names on disk that Windows cannot hold, and back: posix_name.c through the store. */
#include "harness.h"

#include "base/random.h"
#include "base/utf16.h"
#include "vfs/posix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Appends what fits. */
static void append(char *to, size_t cap, const char *s)
{
	size_t n = strlen(to);

	(void)snprintf(to + n, cap - n, "%s", s);
}

/* Makes an empty file of that name (any bytes) with ordinary calls. */
static bool touch(const char *dir, const char *name)
{
	int d = open(dir, O_RDONLY | O_DIRECTORY), fd = openat(d, name, O_CREAT | O_EXCL | O_WRONLY, 0644);

	close(d);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Every entry of the directory opens under the name it is listed with and is that file; gives their number. */
static size_t check_round_trip(struct fixture *f, const char *dir)
{
	struct vfs_file *d = open_file(f, dir, VFS_READ);
	struct slice base = wide(f, dir);
	struct vfs_dirent e;
	size_t n = 0;

	for (; nt_ok(vfs_dir_read(d, true, &e)); n++) {
		uint8_t *full = arena_alloc(&f->arena, base.len + 2 + e.name.len);
		struct vfs_open_args args = {.disposition = VFS_OPEN};

		if (n < 2)
			continue;
		memcpy(full, base.data, base.len);
		store_le16(full + base.len, '\\');
		memcpy(full + base.len + 2, e.name.data, e.name.len);
		args.name = slice_of(full, base.len + 2 + e.name.len);
		assert_ok(vfs_open(f->v, &args, &f->arena, &f->last));
		assert_int_equal(f->last.stat.file_id, e.stat.file_id);
		assert_true(slice_equal(vfs_file_name(f->last.file, &f->arena), args.name));
		vfs_file_close(f->last.file);
	}
	vfs_file_close(d);
	return n - 2;
}

static void test_names_that_windows_cannot_hold_are_listed_and_open(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {"a:b", "what?", "*", "\"q\"", "<", ">", "|", "back\\slash", "tab\there", "\x01\x1f",
		"dot.", "space ", "two..", " ", "...", "latin\xE9", "\xFF\xFE", "\xC0\xAF", "\xE2\x82", "\xF5\x80\x80\x80",
		"\xED\xA0\x80", "\xED\xB0\x80", "\xED\xA0\x80\xED\xB0\x80", "\xF0\x9F\x98\x80", "\xEF\x80\xBA", "\xEF\x80\xAE",
		"\xEF\x80\xAEx", "\xEF\x83\xBF", "x\xEF\x80\xA0", "\x7F", "e\xCC\x81", "\xF4\x90\x80\x80", "\xE0\x80\x80"};

	make_dir(f, "odd");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_true(touch(on_disk(f, "odd"), names[i]));
	assert_int_equal(check_round_trip(f, "odd"), ARRAY_LEN(names));
}

static void test_names_of_random_bytes_are_listed_and_open(void **state)
{
	struct fixture *f = *state;
	/* Pieces that are near the mapping's edges, and any bytes. */
	static const char *const pieces[] = {"\xEF\x80\x80", "\xEF\x80\xAE", "\xEF\x80\xA0", "\xEF\x82\x80", "\xED\xA0\x80",
		"\xED\xB0\x80", "\xF0\x9F\x98\x80", ".", " ", ":", "\\", "a", "\xEF", "\x80"};
	size_t made = 0;

	make_dir(f, "random");
	random_seed_for_tests(7);
	for (int i = 0; i < 3000; i++) {
		char name[64] = "";
		int n = 1 + (int)(random_u64() % 6);

		for (int k = 0; k < n; k++) {
			char byte[2] = {(char)(1 + random_u64() % 255), 0};

			append(name, sizeof(name), random_u64() % 2 != 0 ? pieces[random_u64() % ARRAY_LEN(pieces)] : byte);
		}
		if (strchr(name, '/') == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			made += touch(on_disk(f, "random"), name);
	}
	random_seed_for_tests(0);
	assert_int_equal(check_round_trip(f, "random"), made);
}

static void test_mapped_characters_of_clients_are_themselves_on_disk(void **state)
{
	struct fixture *f = *state;

	make_file(f, "mapped\xEF\x80\xBAname\xEF\x80\xBF", "x"); /* U+F03A, U+F03F: the colon, the question mark */
	assert_int_equal(access(on_disk(f, "mapped:name?"), F_OK), 0);
	assert_string_equal(content_of(f, "MAPPED\xEF\x80\xBANAME\xEF\x80\xBF"), "x");
	make_file(f, "end\xEF\x80\xAE", "y"); /* U+F02E at the end */
	assert_int_equal(access(on_disk(f, "end."), F_OK), 0);
}

static void test_mapped_dots_do_not_climb(void **state)
{
	struct fixture *f = *state;

	/* U+F02E, which stands for a dot at the end of a name. */
	assert_status(try_open(f, "\xEF\x80\xAE", VFS_OPEN, 0), OBJECT_NAME_INVALID);
	assert_status(try_open(f, ".\xEF\x80\xAE", VFS_OPEN, 0), OBJECT_NAME_INVALID);
	assert_status(try_open(f, ".\xEF\x80\xAE\\etc\\passwd", VFS_OPEN, 0), OBJECT_NAME_INVALID);
	/* U+F02F would be a slash, were it mapped; and neither do single bytes make one. */
	assert_status(try_open(f, "..\xEF\x80\xAF" "etc", VFS_OPEN, 0), OBJECT_NAME_NOT_FOUND);
	assert_status(try_open(f, "\xEF\x80\x80", VFS_OPEN, 0), OBJECT_NAME_NOT_FOUND);
}

static void test_names_too_long_are_invalid(void **state)
{
	struct fixture *f = *state;
	char name[6000] = "", component[102] = "";

	/* 86 characters of three bytes do not fit 255. */
	for (int i = 0; i < 86; i++)
		append(name, sizeof(name), "\xE2\x82\xAC");
	assert_status(try_open(f, name, VFS_CREATE, VFS_WRITE), OBJECT_NAME_INVALID);
	name[0] = 0;
	memset(component, 'd', 100);
	component[100] = '\\';
	for (int i = 0; i < 45; i++)
		append(name, sizeof(name), component);
	append(name, sizeof(name), "x");
	assert_status(try_open(f, name, VFS_OPEN, 0), OBJECT_NAME_INVALID);
}

static void test_deep_paths_of_other_case_are_found(void **state)
{
	struct fixture *f = *state;
	char lower[600] = "", upper[600] = "";

	for (int i = 0; i < 40; i++) {
		append(lower, sizeof(lower), i != 0 ? "\\deep" : "deep");
		append(upper, sizeof(upper), i != 0 ? "\\DEEP" : "DEEP");
		assert_ok(try_open(f, lower, VFS_CREATE, VFS_DIRECTORY));
		vfs_file_close(f->last.file);
	}
	vfs_file_close(open_file(f, upper, VFS_DIRECTORY));
	append(upper, sizeof(upper), "\\New");
	make_file(f, upper, "found");
	append(lower, sizeof(lower), "\\nEW");
	assert_string_equal(content_of(f, lower), "found");
}

static void test_exact_case_wins_when_both_exist(void **state)
{
	struct fixture *f = *state;

	make_dir(f, "both");
	assert_true(touch(on_disk(f, "both"), "name"));
	assert_true(touch(on_disk(f, "both"), "NAME"));
	assert_string_equal(name_of(f, open_file(f, "both\\NAME", 0)), "both\\NAME");
	vfs_file_close(f->last.file);
	assert_string_equal(name_of(f, open_file(f, "both\\name", 0)), "both\\name");
	vfs_file_close(f->last.file);
	assert_ok(rename_name(f, "both\\name", "both\\other", false));
	assert_string_equal(name_of(f, open_file(f, "both\\name", 0)), "both\\NAME");
	vfs_file_close(f->last.file);
}

static ntstatus create_in(struct fixture *f, struct vfs_file *parent, const char *name)
{
	struct vfs_open_args args = {.name = wide(f, name), .disposition = VFS_CREATE, .flags = VFS_WRITE, .parent = parent};
	ntstatus status = vfs_open(f->v, &args, &f->arena, &f->last);

	if (nt_ok(status))
		vfs_file_close(f->last.file);
	return status;
}

static void test_what_is_made_in_an_open_directory_is_searched_for_in_it(void **state)
{
	struct fixture *f = *state;
	struct vfs_open_args args = {.name = wide(f, "OPEN\\third"), .disposition = VFS_OPEN_IF, .flags = VFS_WRITE};
	struct vfs_file *parent;

	make_dir(f, "Open");
	parent = open_file(f, "open", VFS_DIRECTORY);
	assert_ok(create_in(f, parent, "open\\first"));
	assert_ok(create_in(f, parent, "open\\second"));
	/* It is searched from its beginning every time. */
	assert_status(create_in(f, parent, "open\\FIRST"), OBJECT_NAME_COLLISION);
	assert_status(create_in(f, parent, "OPEN\\Second"), OBJECT_NAME_COLLISION);
	args.parent = parent;
	assert_ok(vfs_open(f->v, &args, &f->arena, &f->last));
	assert_string_equal(name_of(f, f->last.file), "Open\\third");
	vfs_file_close(f->last.file);
	/* It counts where it is now. */
	assert_ok(rename_name(f, "Open", "moved", false));
	args = (struct vfs_open_args){.name = wide(f, "Open\\fourth"), .disposition = VFS_CREATE, .flags = VFS_WRITE, .parent = parent};
	assert_ok(vfs_open(f->v, &args, &f->arena, &f->last));
	assert_string_equal(name_of(f, f->last.file), "moved\\fourth");
	vfs_file_close(f->last.file);
	vfs_file_close(parent);
	assert_string_equal(listing(f, "moved"), ". .. first fourth second third ");
}

/* Of all pairs of characters that ASCII has: what is one character in any case elsewhere is so here, and only that. */
static void test_ascii_names_are_equal_as_others_are(void **state)
{
	char a[] = "name-?", b[] = "NAME-?";

	(void)state;
	for (unsigned x = 1; x < 0x80; x++) {
		for (unsigned y = 1; y < 0x80; y++) {
			bool same = utf16_upcase((uint16_t)x) == utf16_upcase((uint16_t)y);

			a[5] = (char)x;
			b[5] = (char)y;
			assert_int_equal(posix_name_equal_nocase(a, 6, b, 6), same);
			assert_int_equal(posix_name_equal_nocase(a + 5, 1, b + 5, 1), same);
		}
	}
	assert_false(posix_name_equal_nocase("name", 4, "name-", 5));
	assert_false(posix_name_equal_nocase("xame", 4, "name", 4));
	assert_true(posix_name_equal_nocase("", 0, "", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ascii_names_are_equal_as_others_are),
		cmocka_unit_test(test_names_that_windows_cannot_hold_are_listed_and_open),
		cmocka_unit_test(test_names_of_random_bytes_are_listed_and_open),
		cmocka_unit_test(test_mapped_characters_of_clients_are_themselves_on_disk),
		cmocka_unit_test(test_mapped_dots_do_not_climb),
		cmocka_unit_test(test_names_too_long_are_invalid),
		cmocka_unit_test(test_deep_paths_of_other_case_are_found),
		cmocka_unit_test(test_exact_case_wins_when_both_exist),
		cmocka_unit_test(test_what_is_made_in_an_open_directory_is_searched_for_in_it),
	};

	return cmocka_run_group_tests(tests, setup_tmp, teardown);
}

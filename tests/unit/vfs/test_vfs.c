/* What vfs.h promises, asked of every store alike: mem, posix on a disk, posix on tmpfs. */
#include "harness.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void test_open_tells_missing_name_from_missing_path(void **state)
{
	struct fixture *f = *state;

	make_file(f, "om_file", "x");
	assert_status(try_open(f, "om_none", VFS_OPEN, VFS_READ), OBJECT_NAME_NOT_FOUND);
	assert_status(try_open(f, "om_none\\x", VFS_OPEN, VFS_READ), OBJECT_PATH_NOT_FOUND);
	assert_status(try_open(f, "om_none\\x\\y", VFS_OPEN, 0), OBJECT_PATH_NOT_FOUND);
	assert_status(try_open(f, "om_none\\x", VFS_CREATE, VFS_WRITE), OBJECT_PATH_NOT_FOUND);
	assert_status(try_open(f, "om_none\\x", VFS_OPEN_IF, VFS_WRITE), OBJECT_PATH_NOT_FOUND);
	assert_status(try_open(f, "om_file\\x", VFS_OPEN, VFS_READ), OBJECT_PATH_NOT_FOUND);
	assert_status(try_open(f, "om_file\\x", VFS_CREATE, VFS_WRITE), OBJECT_PATH_NOT_FOUND);
	assert_status(try_open(f, "om_file\\x\\y", VFS_OPEN, VFS_DIRECTORY), OBJECT_PATH_NOT_FOUND);
}

static void test_open_root_by_the_empty_name(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *root = open_file(f, "", VFS_READ);

	assert_true(f->last.stat.directory);
	assert_int_equal(f->last.stat.attributes, FILE_ATTRIBUTE_DIRECTORY);
	assert_int_equal(vfs_file_name(root, &f->arena).len, 0);
	assert_status(vfs_unlink(root), ACCESS_DENIED);
	assert_status(vfs_rename(root, wide(f, "elsewhere"), false), ACCESS_DENIED);
	vfs_file_close(root);
	assert_status(try_open(f, "", VFS_CREATE, VFS_DIRECTORY), OBJECT_NAME_COLLISION);
	assert_status(try_open(f, "", VFS_OPEN, VFS_NON_DIRECTORY), FILE_IS_A_DIRECTORY);
}

static void test_open_checks_the_kind(void **state)
{
	struct fixture *f = *state;

	make_file(f, "kind_file", "x");
	make_dir(f, "kind_dir");
	assert_status(try_open(f, "kind_file", VFS_OPEN, VFS_DIRECTORY), NOT_A_DIRECTORY);
	assert_status(try_open(f, "kind_file", VFS_OPEN_IF, VFS_DIRECTORY | VFS_READ), NOT_A_DIRECTORY);
	assert_status(try_open(f, "kind_dir", VFS_OPEN, VFS_NON_DIRECTORY), FILE_IS_A_DIRECTORY);
	assert_status(try_open(f, "kind_dir", VFS_OPEN, VFS_NON_DIRECTORY | VFS_READ), FILE_IS_A_DIRECTORY);
	assert_status(try_open(f, "kind_dir", VFS_OPEN_IF, VFS_NON_DIRECTORY | VFS_WRITE), FILE_IS_A_DIRECTORY);
	assert_status(try_open(f, "KIND_DIR", VFS_OPEN, VFS_NON_DIRECTORY | VFS_WRITE), FILE_IS_A_DIRECTORY);
	/* Write access to a directory is access to make files in it. */
	vfs_file_close(open_file(f, "kind_dir", VFS_READ | VFS_WRITE));
	assert_true(f->last.stat.directory);
}

static void test_open_refuses_malformed_names(void **state)
{
	struct fixture *f = *state;
	static const char *const invalid[] = {"a\\\\b", "a\\", "\\a", "a*", "a?", "a:b", "a\"", "a<", "a>", "a|", "a/b", "a\tb", "\x01"};
	static const char *const dots[] = {".", "..", "a\\..", "..\\a", "a\\..\\b", ".\\a", "a\\."};
	char name[300] = "";
	struct vfs_open_args odd = {.name = slice_of("a\0b", 3)};

	for (size_t i = 0; i < ARRAY_LEN(invalid); i++)
		assert_status(try_open(f, invalid[i], VFS_OPEN_IF, VFS_WRITE), OBJECT_NAME_INVALID);
	for (size_t i = 0; i < ARRAY_LEN(dots); i++)
		assert_status(try_open(f, dots[i], VFS_OPEN, 0), OBJECT_PATH_SYNTAX_BAD);
	memset(name, 'n', 256);
	assert_status(try_open(f, name, VFS_OPEN_IF, VFS_WRITE), OBJECT_NAME_INVALID);
	name[255] = 0;
	assert_ok(try_open(f, name, VFS_OPEN_IF, VFS_WRITE));
	vfs_file_close(f->last.file);
	assert_status(vfs_open(f->v, &odd, &f->arena, &f->last), OBJECT_NAME_INVALID);
	assert_null(f->last.file);
}

static void test_names_match_without_case_and_keep_it(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file;

	make_dir(f, "CaseDir");
	make_dir(f, "CaseDir\\Ünder");
	make_file(f, "casedir\\üNDER\\Größe.TXT", "content");
	assert_string_equal(content_of(f, "CASEDIR\\ÜNDER\\GRÖßE.txt"), "content");
	assert_status(try_open(f, "casedir\\ünder\\grösse.txt", VFS_OPEN, 0), OBJECT_NAME_NOT_FOUND);
	file = open_file(f, "casedir\\ünder\\größe.txt", VFS_READ);
	assert_string_equal(name_of(f, file), "CaseDir\\Ünder\\Größe.TXT");
	vfs_file_close(file);
	assert_string_equal(listing(f, "CASEDIR\\ünder"), ". .. Größe.TXT ");
}

static void test_names_of_other_case_collide(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file;

	make_dir(f, "Coll");
	make_file(f, "Coll\\Foo", "1");
	assert_status(try_open(f, "coll\\FOO", VFS_CREATE, VFS_WRITE), OBJECT_NAME_COLLISION);
	assert_status(try_open(f, "coll", VFS_CREATE, VFS_DIRECTORY), OBJECT_NAME_COLLISION);
	assert_status(try_open(f, "COLL\\foo", VFS_CREATE, VFS_DIRECTORY), OBJECT_NAME_COLLISION);
	assert_ok(try_open(f, "COLL\\fOO", VFS_OPEN_IF, VFS_READ));
	assert_false(f->last.created);
	file = f->last.file;
	assert_string_equal(name_of(f, file), "Coll\\Foo");
	vfs_file_close(file);
	assert_string_equal(listing(f, "cOLL"), ". .. Foo ");
}

static void test_create_reports_and_collides(void **state)
{
	struct fixture *f = *state;

	assert_ok(try_open(f, "cr", VFS_OPEN_IF, VFS_WRITE));
	assert_true(f->last.created);
	assert_int_equal(f->last.stat.size, 0);
	assert_int_equal(f->last.stat.links, 1);
	assert_int_equal(f->last.stat.attributes, FILE_ATTRIBUTE_ARCHIVE);
	vfs_file_close(f->last.file);
	assert_ok(try_open(f, "cr", VFS_OPEN_IF, VFS_WRITE));
	assert_false(f->last.created);
	vfs_file_close(f->last.file);
	assert_status(try_open(f, "cr", VFS_CREATE, VFS_WRITE), OBJECT_NAME_COLLISION);
	make_dir(f, "crd");
	assert_int_equal(stat_of(f, "crd").attributes, FILE_ATTRIBUTE_DIRECTORY);
	assert_status(try_open(f, "crd", VFS_CREATE, VFS_DIRECTORY), OBJECT_NAME_COLLISION);
	assert_status(try_open(f, "crd", VFS_CREATE, VFS_WRITE), OBJECT_NAME_COLLISION);
}

static void test_open_never_truncates(void **state)
{
	struct fixture *f = *state;

	make_file(f, "notrunc", "content");
	vfs_file_close(open_file(f, "notrunc", VFS_WRITE));
	assert_ok(try_open(f, "notrunc", VFS_OPEN_IF, VFS_WRITE));
	vfs_file_close(f->last.file);
	assert_string_equal(content_of(f, "notrunc"), "content");
}

static void test_attributes_of_creation_are_kept(void **state)
{
	struct fixture *f = *state;
	struct vfs_open_args args = {.name = wide(f, "attr_new"), .disposition = VFS_CREATE, .flags = VFS_WRITE,
		.attributes = FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_DIRECTORY};
	uint32_t want = FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_ARCHIVE;

	assert_ok(vfs_open(f->v, &args, &f->arena, &f->last));
	assert_int_equal(f->last.stat.attributes, want);
	vfs_file_close(f->last.file);
	assert_int_equal(stat_of(f, "attr_new").attributes, want);
	args.name = wide(f, "attr_newdir");
	args.flags = VFS_DIRECTORY;
	args.attributes = FILE_ATTRIBUTE_HIDDEN;
	assert_ok(vfs_open(f->v, &args, &f->arena, &f->last));
	vfs_file_close(f->last.file);
	assert_int_equal(stat_of(f, "attr_newdir").attributes, FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_DIRECTORY);
}

static void test_set_attributes_and_back_to_normal(void **state)
{
	struct fixture *f = *state;
	struct vfs_set_info set = {.which = VFS_SET_ATTRIBUTES, .attributes = FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_TEMPORARY};
	struct vfs_file *file = create_file(f, "attr_set");
	uint64_t created = f->last.stat.created;
	struct vfs_stat st;

	assert_ok(vfs_set(file, &set));
	assert_ok(vfs_stat_get(file, &st));
	assert_int_equal(st.attributes, FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_TEMPORARY);
	assert_int_equal(st.created, created);
	set.attributes = FILE_ATTRIBUTE_NORMAL;
	assert_ok(vfs_set(file, &set));
	assert_ok(vfs_stat_get(file, &st));
	assert_int_equal(st.attributes, FILE_ATTRIBUTE_NORMAL);
	vfs_file_close(file);
	/* Kinds are not for setting. */
	file = open_file(f, "attr_set", 0);
	set.attributes = FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT | FILE_ATTRIBUTE_SYSTEM;
	assert_ok(vfs_set(file, &set));
	vfs_file_close(file);
	assert_int_equal(stat_of(f, "attr_set").attributes, FILE_ATTRIBUTE_SYSTEM);
}

static void test_times_are_exact_to_100_ns(void **state)
{
	struct fixture *f = *state;
	struct vfs_set_info set = {.which = VFS_SET_CREATED | VFS_SET_ACCESSED | VFS_SET_WRITTEN,
		.created = 130000000012345671, .accessed = 131000000076543213, .written = 132000000099999999};
	struct vfs_file *file = create_file(f, "times");
	struct vfs_stat st;

	assert_ok(vfs_set(file, &set));
	assert_ok(vfs_stat_get(file, &st));
	assert_int_equal(st.created, set.created);
	assert_int_equal(st.accessed, set.accessed);
	assert_int_equal(st.written, set.written);
	vfs_file_close(file);
	st = stat_of(f, "times");
	assert_int_equal(st.created, set.created);
	assert_int_equal(st.accessed, set.accessed);
	assert_int_equal(st.written, set.written);
	assert_int_equal(st.attributes, FILE_ATTRIBUTE_ARCHIVE);
	/* One alone leaves the others. */
	file = open_file(f, "times", 0);
	set.which = VFS_SET_WRITTEN;
	set.written = 132000000000000001;
	assert_ok(vfs_set(file, &set));
	vfs_file_close(file);
	st = stat_of(f, "times");
	assert_int_equal(st.written, 132000000000000001);
	assert_int_equal(st.accessed, set.accessed);
	assert_int_equal(st.created, set.created);
	/* A change of attributes keeps the creation time and the other way round. */
	file = open_file(f, "times", 0);
	set.which = VFS_SET_ATTRIBUTES;
	set.attributes = FILE_ATTRIBUTE_HIDDEN;
	assert_ok(vfs_set(file, &set));
	set.which = VFS_SET_CREATED;
	set.created = 130000000000000003;
	assert_ok(vfs_set(file, &set));
	vfs_file_close(file);
	st = stat_of(f, "times");
	assert_int_equal(st.created, 130000000000000003);
	assert_int_equal(st.attributes, FILE_ATTRIBUTE_HIDDEN);
}

static void test_change_time_that_was_set_holds_until_the_next_change(void **state)
{
	struct fixture *f = *state;
	struct vfs_set_info set = {.which = VFS_SET_CHANGED | VFS_SET_WRITTEN, .changed = 131000000000000007, .written = 130000000000000001};
	struct vfs_file *file = create_file(f, "chg");
	struct vfs_volume v;
	struct vfs_stat st;

	assert_ok(vfs_volume_query(f->v, &v));
	if (!v.xattrs) {
		vfs_file_close(file);
		skip();
	}
	assert_ok(vfs_set(file, &set));
	assert_ok(vfs_stat_get(file, &st));
	assert_int_equal(st.changed, set.changed);
	assert_int_equal(st.written, set.written);
	assert_int_equal(st.attributes, FILE_ATTRIBUTE_ARCHIVE);
	/* However far behind its clock is just then. */
	for (unsigned i = 0; i < 50000; i++) {
		set.changed++;
		assert_ok(vfs_set(file, &set));
		assert_ok(vfs_stat_get(file, &st));
		assert_int_equal(st.changed, set.changed);
	}
	usleep(30000);
	f->clock.now_ms += 30;
	assert_ok(vfs_write(file, "x", 1, 0));
	assert_ok(vfs_stat_get(file, &st));
	assert_true(st.changed != set.changed && st.written != set.written);
	vfs_file_close(file);
}

/* What vfs_read says; and vfs_read_at_hand says the same, or gives the beginning and vfs_read the rest. */
static ntstatus read_both(struct vfs_file *file, void *p, size_t n, uint64_t offset, size_t *done)
{
	uint8_t other[20000];
	size_t had, more = 0;
	ntstatus st, again;

	assert_true(n <= sizeof(other));
	st = vfs_read_at_hand(file, other, n, offset, &had);
	if (nt_is(st, STATUS_PENDING))
		st = vfs_read(file, other + had, n - had, offset + had, &more);
	again = vfs_read(file, p, n, offset, done);
	assert_true(nt_is(st, again));
	assert_int_equal(had + more, *done);
	assert_memory_equal(other, p, *done);
	return st;
}

static void test_read_and_write(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file = create_file(f, "rw");
	uint8_t out[20000], in[20000];
	struct vfs_stat st;
	size_t n = 99;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + (i >> 8));
	assert_ok(read_both(file, in, 10, 0, &n));
	assert_int_equal(n, 0);
	assert_ok(vfs_write(file, out, sizeof(out), 0));
	assert_ok(read_both(file, in, sizeof(in), 0, &n));
	assert_int_equal(n, sizeof(in));
	assert_memory_equal(in, out, sizeof(in));
	assert_ok(read_both(file, in, sizeof(in), 19999, &n));
	assert_int_equal(n, 1);
	assert_int_equal(in[0], out[19999]);
	assert_ok(read_both(file, in, 5, 20000, &n));
	assert_int_equal(n, 0);
	assert_ok(read_both(file, in, 5, 1ull << 40, &n));
	assert_int_equal(n, 0);
	assert_ok(vfs_write(file, "xyz", 3, 5000));
	assert_ok(read_both(file, in, 5, 4999, &n));
	assert_memory_equal(in + 1, "xyz", 3);
	assert_ok(vfs_write(file, "", 0, 1 << 20));
	assert_ok(vfs_stat_get(file, &st));
	assert_int_equal(st.size, 20000);
	assert_true(st.allocation >= 20000);
	assert_ok(vfs_flush(file));
	vfs_file_close(file);
}

static void test_holes_read_as_zeros(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file = create_file(f, "hole");
	uint8_t in[16], zeros[16] = {0};
	struct vfs_stat st;
	size_t n;

	assert_ok(vfs_write(file, "a", 1, 3ull << 30));
	assert_ok(vfs_stat_get(file, &st));
	assert_int_equal(st.size, (3ull << 30) + 1);
	assert_true(st.allocation < 1 << 20);
	assert_ok(read_both(file, in, 16, 1 << 30, &n));
	assert_int_equal(n, 16);
	assert_memory_equal(in, zeros, 16);
	vfs_file_close(file);
	assert_ok(remove_name(f, "hole"));
}

static void test_truncate_shrinks_and_grows_with_zeros(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file = create_file(f, "trunc");
	char in[32] = "";
	struct vfs_stat st;
	size_t n;

	assert_ok(vfs_write(file, "0123456789", 10, 0));
	assert_ok(vfs_truncate(file, 4));
	assert_ok(vfs_truncate(file, 8));
	assert_ok(read_both(file, in, sizeof(in), 0, &n));
	assert_int_equal(n, 8);
	assert_memory_equal(in, "0123\0\0\0\0", 8);
	assert_ok(vfs_truncate(file, 0));
	assert_ok(vfs_stat_get(file, &st));
	assert_int_equal(st.size, 0);
	assert_status(vfs_truncate(file, UINT64_MAX), INVALID_PARAMETER);
	vfs_file_close(file);
}

static void test_allocate_reserves_without_growing(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file = create_file(f, "alloc");
	struct vfs_stat st;

	assert_ok(vfs_allocate(file, 100000));
	assert_ok(vfs_stat_get(file, &st));
	assert_int_equal(st.size, 0);
	assert_true(st.allocation >= 100000);
	assert_ok(vfs_write(file, "abc", 3, 0));
	assert_ok(vfs_allocate(file, 1));
	assert_ok(vfs_stat_get(file, &st));
	assert_int_equal(st.size, 3);
	vfs_file_close(file);
	assert_string_equal(content_of(f, "alloc"), "abc");
}

static void test_access_is_what_was_asked_for(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file;
	char b[4];
	size_t n;

	make_file(f, "acc", "abc");
	file = open_file(f, "acc", VFS_READ);
	assert_ok(read_both(file, b, 3, 0, &n));
	assert_status(vfs_write(file, "x", 1, 0), ACCESS_DENIED);
	assert_status(vfs_truncate(file, 0), ACCESS_DENIED);
	assert_status(vfs_allocate(file, 10), ACCESS_DENIED);
	vfs_file_close(file);
	file = open_file(f, "acc", 0);
	assert_status(read_both(file, b, 3, 0, &n), ACCESS_DENIED);
	assert_status(vfs_write(file, "x", 1, 0), ACCESS_DENIED);
	vfs_file_close(file);
	make_dir(f, "acc_dir");
	file = open_file(f, "acc_dir", VFS_READ | VFS_WRITE);
	assert_status(read_both(file, b, 3, 0, &n), INVALID_DEVICE_REQUEST);
	assert_status(vfs_write(file, "x", 1, 0), INVALID_DEVICE_REQUEST);
	assert_status(vfs_truncate(file, 0), INVALID_DEVICE_REQUEST);
	assert_ok(vfs_flush(file));
	vfs_file_close(file);
}

static void test_offsets_past_the_limit_are_refused(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file = create_file(f, "offsets");
	char b[4];
	size_t n;

	assert_status(vfs_write(file, "ab", 2, INT64_MAX), INVALID_PARAMETER);
	assert_status(vfs_write(file, "ab", 2, UINT64_MAX), INVALID_PARAMETER);
	assert_status(read_both(file, b, 2, UINT64_MAX, &n), INVALID_PARAMETER);
	assert_ok(read_both(file, b, 2, INT64_MAX - 2, &n));
	assert_int_equal(n, 0);
	vfs_file_close(file);
}

static void test_unlink_keeps_the_open_file(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *a, *b;
	char in[4];
	size_t n;

	make_file(f, "del", "abc");
	a = open_file(f, "del", VFS_READ | VFS_DELETE);
	b = open_file(f, "DEL", VFS_READ | VFS_WRITE);
	assert_ok(vfs_unlink(a));
	assert_false(exists(f, "del"));
	assert_status(vfs_unlink(a), OBJECT_NAME_NOT_FOUND);
	assert_status(vfs_unlink(b), OBJECT_NAME_NOT_FOUND);
	assert_status(vfs_rename(b, wide(f, "del2"), true), OBJECT_NAME_NOT_FOUND);
	assert_ok(vfs_read(a, in, 3, 0, &n));
	assert_memory_equal(in, "abc", 3);
	assert_ok(vfs_write(b, "X", 1, 0));
	assert_ok(vfs_stat_get(a, &f->last.stat));
	assert_int_equal(f->last.stat.links, 0);
	/* The name of another file is not removed. */
	make_file(f, "del", "new");
	assert_status(vfs_unlink(a), OBJECT_NAME_NOT_FOUND);
	assert_string_equal(content_of(f, "del"), "new");
	vfs_file_close(a);
	vfs_file_close(b);
}

static void test_unlink_of_directories(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *d;

	make_dir(f, "rd");
	make_file(f, "rd\\x", "");
	d = open_file(f, "rd", VFS_DELETE | VFS_DIRECTORY);
	assert_status(vfs_dir_empty(d), DIRECTORY_NOT_EMPTY);
	assert_status(vfs_unlink(d), DIRECTORY_NOT_EMPTY);
	assert_ok(remove_name(f, "rd\\x"));
	assert_ok(vfs_dir_empty(d));
	assert_ok(vfs_unlink(d));
	assert_ok(vfs_dir_empty(d));
	vfs_file_close(d);
	assert_false(exists(f, "rd"));
	make_file(f, "rd", "");
	d = open_file(f, "rd", 0);
	assert_status(vfs_dir_empty(d), NOT_A_DIRECTORY);
	vfs_file_close(d);
}

static void test_rename_and_case_only_rename(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file;

	make_dir(f, "RnDir");
	make_file(f, "rn_a", "a");
	file = open_file(f, "rn_a", VFS_DELETE);
	assert_ok(vfs_rename(file, wide(f, "rndir\\Rn_B"), false));
	assert_string_equal(name_of(f, file), "RnDir\\Rn_B");
	assert_ok(vfs_rename(file, wide(f, "RNDIR\\rn_b"), false));
	assert_string_equal(name_of(f, file), "RnDir\\rn_b");
	assert_string_equal(listing(f, "rndir"), ". .. rn_b ");
	assert_ok(vfs_rename(file, wide(f, "RnDir\\rn_b"), false));
	assert_status(vfs_rename(file, wide(f, "rn_none\\x"), false), OBJECT_PATH_NOT_FOUND);
	assert_status(vfs_rename(file, wide(f, ""), false), OBJECT_NAME_INVALID);
	assert_status(vfs_rename(file, wide(f, "RnDir\\..\\x"), false), OBJECT_PATH_SYNTAX_BAD);
	vfs_file_close(file);
	assert_false(exists(f, "rn_a"));
}

static void test_rename_collides_or_replaces(void **state)
{
	struct fixture *f = *state;

	make_file(f, "rc_a", "a");
	make_file(f, "Rc_B", "b");
	make_dir(f, "rc_d");
	make_dir(f, "rc_e");
	assert_status(rename_name(f, "rc_a", "rc_b", false), OBJECT_NAME_COLLISION);
	assert_status(rename_name(f, "rc_a", "rc_d", false), OBJECT_NAME_COLLISION);
	assert_status(rename_name(f, "rc_a", "rc_d", true), ACCESS_DENIED);
	assert_status(rename_name(f, "rc_d", "rc_e", true), ACCESS_DENIED);
	assert_status(rename_name(f, "rc_d", "rc_a", true), ACCESS_DENIED);
	assert_status(rename_name(f, "rc_d", "rc_d\\below", true), ACCESS_DENIED);
	/* A name of other case is the one that is replaced; the new name's case stays. */
	assert_ok(rename_name(f, "rc_a", "rc_b", true));
	assert_string_equal(content_of(f, "RC_B"), "a");
	assert_false(exists(f, "rc_a"));
	vfs_file_close(open_file(f, "rc_B", 0));
	assert_non_null(strstr(listing(f, ""), " rc_b "));
	assert_null(strstr(listing(f, ""), " Rc_B "));
}

static void test_rename_updates_the_names_of_other_handles(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *dir, *a, *b;

	make_dir(f, "up");
	make_dir(f, "up\\sub");
	make_file(f, "up\\sub\\file", "x");
	dir = open_file(f, "up", VFS_DELETE);
	a = open_file(f, "up\\sub\\file", VFS_DELETE);
	b = open_file(f, "UP\\SUB\\FILE", VFS_READ);
	assert_ok(vfs_rename(dir, wide(f, "moved"), false));
	assert_string_equal(name_of(f, a), "moved\\sub\\file");
	assert_ok(vfs_rename(a, wide(f, "moved\\again"), false));
	assert_string_equal(name_of(f, b), "moved\\again");
	assert_ok(vfs_unlink(b));
	assert_false(exists(f, "moved\\again"));
	vfs_file_close(a);
	vfs_file_close(b);
	vfs_file_close(dir);
}

static void test_links_share_the_file(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file;
	struct vfs_stat a, b;

	make_file(f, "ln_a", "shared");
	make_file(f, "ln_x", "x");
	make_dir(f, "ln_d");
	file = open_file(f, "ln_a", VFS_READ | VFS_WRITE);
	assert_ok(vfs_link(file, wide(f, "ln_d\\b"), false));
	assert_status(vfs_link(file, wide(f, "LN_X"), false), OBJECT_NAME_COLLISION);
	assert_status(vfs_link(file, wide(f, "LN_D"), true), ACCESS_DENIED);
	assert_status(vfs_link(file, wide(f, "none\\b"), true), OBJECT_PATH_NOT_FOUND);
	assert_ok(vfs_link(file, wide(f, "ln_x"), true));
	assert_string_equal(content_of(f, "ln_x"), "shared");
	vfs_file_close(file);
	a = stat_of(f, "ln_a");
	b = stat_of(f, "ln_d\\b");
	assert_int_equal(a.links, 3);
	assert_int_equal(a.file_id, b.file_id);
	assert_true(a.id.inode == b.id.inode && a.id.device == b.id.device);
	/* The name the handle came by is the one that goes. */
	assert_ok(remove_name(f, "ln_a"));
	assert_string_equal(content_of(f, "ln_d\\b"), "shared");
	/* Renamed over another of its names, one of them is left. */
	assert_ok(rename_name(f, "ln_x", "ln_d\\B", true));
	assert_string_equal(listing(f, "ln_d"), ". .. B ");
	assert_int_equal(stat_of(f, "ln_d\\b").links, 1);
	file = open_file(f, "ln_d", VFS_READ);
	assert_status(vfs_link(file, wide(f, "ln_dir2"), false), FILE_IS_A_DIRECTORY);
	vfs_file_close(file);
}

static void test_listing_gives_each_entry_once_with_its_stat(void **state)
{
	struct fixture *f = *state;
	enum { COUNT = 1500 };
	bool seen[COUNT] = {false};
	char name[64];
	struct vfs_file *dir;
	struct vfs_dirent e;
	int n = 0;

	make_dir(f, "many");
	for (int i = 0; i < COUNT; i++) {
		(void)snprintf(name, sizeof(name), "many\\a long name for an entry %d", i);
		make_file(f, name, i % 2 != 0 ? "odd" : "");
	}
	dir = open_file(f, "many", VFS_READ);
	assert_ok(vfs_dir_read(dir, true, &e));
	assert_string_equal(narrow(f, e.name), ".");
	assert_true(e.stat.directory);
	assert_ok(vfs_dir_read(dir, true, &e));
	assert_string_equal(narrow(f, e.name), "..");
	assert_int_equal(e.stat.file_id, stat_of(f, "").file_id);
	while (nt_ok(vfs_dir_read(dir, true, &e))) {
		int i;

		assert_int_equal(sscanf(narrow(f, e.name), "a long name for an entry %d", &i), 1);
		assert_in_range(i, 0, COUNT - 1);
		assert_false(seen[i]);
		seen[i] = true;
		assert_int_equal(e.stat.size, i % 2 != 0 ? 3 : 0);
		assert_int_equal(e.stat.attributes, FILE_ATTRIBUTE_ARCHIVE);
		n++;
	}
	assert_int_equal(n, COUNT);
	assert_status(vfs_dir_read(dir, true, &e), NO_MORE_FILES);
	vfs_dir_seek(dir, 0);
	assert_ok(vfs_dir_read(dir, false, &e));
	assert_string_equal(narrow(f, e.name), ".");
	vfs_file_close(dir);
}

static void test_listing_resumes_at_any_cookie(void **state)
{
	struct fixture *f = *state;
	enum { COUNT = 300 };
	uint64_t cookies[COUNT + 2];
	const char *names[COUNT + 2];
	struct vfs_file *dir;
	struct vfs_dirent e;
	char name[64];
	size_t n = 0;

	make_dir(f, "resume");
	for (int i = 0; i < COUNT; i++) {
		(void)snprintf(name, sizeof(name), "resume\\entry of a length %d", i);
		make_file(f, name, "");
	}
	dir = open_file(f, "resume", VFS_READ);
	for (; nt_ok(vfs_dir_read(dir, false, &e)); n++) {
		assert_true(n < COUNT + 2);
		cookies[n] = e.cookie;
		names[n] = narrow(f, e.name);
	}
	assert_int_equal(n, COUNT + 2);
	for (size_t i = 0; i + 1 < n; i++) {
		vfs_dir_seek(dir, cookies[i]);
		assert_ok(vfs_dir_read(dir, false, &e));
		assert_string_equal(narrow(f, e.name), names[i + 1]);
		assert_int_equal(e.cookie, cookies[i + 1]);
		/* Back by one, as a caller whose buffer is full does. */
		vfs_dir_seek(dir, cookies[i]);
		assert_ok(vfs_dir_read(dir, true, &e));
		assert_string_equal(narrow(f, e.name), names[i + 1]);
	}
	vfs_dir_seek(dir, cookies[n - 1]);
	assert_status(vfs_dir_read(dir, false, &e), NO_MORE_FILES);
	vfs_file_close(dir);
}

static void test_listing_survives_removals(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *dir, *d2;
	struct vfs_dirent e;
	char name[64];

	make_dir(f, "shrink");
	for (int i = 0; i < 50; i++) {
		(void)snprintf(name, sizeof(name), "shrink\\f%d", i);
		make_file(f, name, "");
	}
	dir = open_file(f, "shrink", VFS_READ);
	for (int i = 0; i < 5; i++)
		assert_ok(vfs_dir_read(dir, true, &e));
	for (int i = 0; i < 50; i++) {
		(void)snprintf(name, sizeof(name), "shrink\\f%d", i);
		assert_ok(remove_name(f, name));
	}
	/* What was read ahead and is gone is no entry. */
	assert_status(vfs_dir_read(dir, true, &e), NO_MORE_FILES);
	d2 = open_file(f, "shrink", VFS_DELETE);
	assert_ok(vfs_unlink(d2));
	vfs_dir_seek(dir, 2);
	assert_status(vfs_dir_read(dir, true, &e), NO_MORE_FILES);
	vfs_file_close(d2);
	vfs_file_close(dir);
	dir = NULL;
	make_file(f, "shrink", "");
	dir = open_file(f, "shrink", VFS_READ);
	assert_status(vfs_dir_read(dir, true, &e), INVALID_PARAMETER);
	vfs_file_close(dir);
}

static void test_volume_tells_its_size(void **state)
{
	struct fixture *f = *state;
	struct vfs_volume a, b;

	assert_ok(vfs_volume_query(f->v, &a));
	assert_ok(vfs_volume_query(f->v, &b));
	assert_true(a.total_bytes >= a.free_bytes && a.free_bytes >= a.available_bytes && a.total_bytes != 0);
	assert_true(a.block_bytes != 0 && a.sector_bytes != 0);
	assert_int_equal(a.serial, b.serial);
	assert_int_equal(a.max_component_units, 255);
	assert_string_equal(a.fs_name, "NTFS");
	assert_false(a.read_only);
}

static void test_file_ids_are_unique_and_stable(void **state)
{
	struct fixture *f = *state;
	uint64_t a, b;

	make_file(f, "id_a", "");
	make_file(f, "id_b", "");
	a = stat_of(f, "id_a").file_id;
	b = stat_of(f, "id_b").file_id;
	assert_true(a != 0 && b != 0 && a != b);
	assert_ok(rename_name(f, "id_a", "id_c", false));
	assert_int_equal(stat_of(f, "ID_C").file_id, a);
}

static void test_xattrs_are_kept_by_file(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file = create_file(f, "xattr");
	struct vfs_volume v;
	char b[16];
	size_t n;

	assert_ok(vfs_volume_query(f->v, &v));
	if (!v.xattrs) {
		assert_status(vfs_xattr_set(file, "X", "abc", 3), EAS_NOT_SUPPORTED);
		vfs_file_close(file);
		skip();
	}
	assert_status(vfs_xattr_get(file, "X", b, sizeof(b), &n), NONEXISTENT_EA_ENTRY);
	assert_ok(vfs_xattr_set(file, "X", "abc", 3));
	assert_ok(vfs_xattr_get(file, "user.X", b, sizeof(b), &n));
	assert_int_equal(n, 3);
	assert_memory_equal(b, "abc", 3);
	assert_status(vfs_xattr_get(file, "X", b, 2, &n), BUFFER_TOO_SMALL);
	assert_ok(vfs_xattr_get(file, "X", NULL, 0, &n));
	assert_int_equal(n, 3);
	assert_ok(vfs_xattr_set(file, "X", "", 0));
	assert_ok(vfs_xattr_get(file, "X", b, sizeof(b), &n));
	assert_int_equal(n, 0);
	assert_ok(vfs_xattr_set(file, "X", NULL, 0));
	assert_status(vfs_xattr_get(file, "X", b, sizeof(b), &n), NONEXISTENT_EA_ENTRY);
	assert_status(vfs_xattr_set(file, "X", NULL, 0), NONEXISTENT_EA_ENTRY);
	vfs_file_close(file);
}

/* --- several threads --- */

struct worker {
	struct fixture *f;
	const char *name;
	unsigned made, opened;
};

static void *create_racer(void *arg)
{
	struct worker *w = arg;
	struct arena a;

	arena_init(&a, NULL, 0, 0);
	for (int i = 0; i < 200; i++) {
		char name[32];
		struct vfs_open_result r;
		struct vfs_open_args args = {.disposition = VFS_OPEN_IF, .flags = VFS_WRITE};

		(void)snprintf(name, sizeof(name), "race\\%s%d", w->name, i);
		args.name = utf16_from_utf8_arena(&a, name);
		if (!nt_ok(vfs_open(w->f->v, &args, &a, &r)))
			break;
		w->made += r.created;
		w->opened++;
		vfs_file_close(r.file);
	}
	arena_reset(&a);
	return NULL;
}

static void test_threads_create_a_name_once_in_any_case(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {"file", "FILE", "File", "fILE"};
	struct worker w[4] = {0};
	pthread_t t[4];
	unsigned made = 0;

	make_dir(f, "race");
	for (size_t i = 0; i < 4; i++) {
		w[i].f = f;
		w[i].name = names[i];
		assert_int_equal(pthread_create(&t[i], NULL, create_racer, &w[i]), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(w[i].opened, 200);
		made += w[i].made;
	}
	assert_int_equal(made, 200);
}

#define TESTS                                                                                                          \
	cmocka_unit_test(test_open_tells_missing_name_from_missing_path), cmocka_unit_test(test_open_root_by_the_empty_name), \
		cmocka_unit_test(test_open_checks_the_kind), cmocka_unit_test(test_open_refuses_malformed_names),      \
		cmocka_unit_test(test_names_match_without_case_and_keep_it),                                           \
		cmocka_unit_test(test_names_of_other_case_collide), cmocka_unit_test(test_create_reports_and_collides), \
		cmocka_unit_test(test_open_never_truncates), cmocka_unit_test(test_attributes_of_creation_are_kept),   \
		cmocka_unit_test(test_set_attributes_and_back_to_normal),                                              \
		cmocka_unit_test(test_times_are_exact_to_100_ns),                                                      \
		cmocka_unit_test(test_change_time_that_was_set_holds_until_the_next_change),                           \
		cmocka_unit_test(test_read_and_write),                                                                 \
		cmocka_unit_test(test_holes_read_as_zeros), cmocka_unit_test(test_truncate_shrinks_and_grows_with_zeros), \
		cmocka_unit_test(test_allocate_reserves_without_growing),                                              \
		cmocka_unit_test(test_access_is_what_was_asked_for),                                                   \
		cmocka_unit_test(test_offsets_past_the_limit_are_refused),                                             \
		cmocka_unit_test(test_unlink_keeps_the_open_file), cmocka_unit_test(test_unlink_of_directories),       \
		cmocka_unit_test(test_rename_and_case_only_rename), cmocka_unit_test(test_rename_collides_or_replaces), \
		cmocka_unit_test(test_rename_updates_the_names_of_other_handles),                                      \
		cmocka_unit_test(test_links_share_the_file),                                                           \
		cmocka_unit_test(test_listing_gives_each_entry_once_with_its_stat),                                    \
		cmocka_unit_test(test_listing_resumes_at_any_cookie), cmocka_unit_test(test_listing_survives_removals), \
		cmocka_unit_test(test_volume_tells_its_size), cmocka_unit_test(test_file_ids_are_unique_and_stable),   \
		cmocka_unit_test(test_xattrs_are_kept_by_file),                                                        \
		cmocka_unit_test(test_threads_create_a_name_once_in_any_case)

static int run_on_mem(void)
{
	const struct CMUnitTest tests[] = {TESTS};

	return cmocka_run_group_tests_name("mem", tests, setup_mem, teardown);
}

static int run_on_tmp(void)
{
	const struct CMUnitTest tests[] = {TESTS};

	return cmocka_run_group_tests_name("posix on /tmp", tests, setup_tmp, teardown);
}

static int run_on_shm(void)
{
	const struct CMUnitTest tests[] = {TESTS};

	return cmocka_run_group_tests_name("posix on /dev/shm", tests, setup_shm, teardown);
}

int main(void)
{
	size_t before = open_descriptors();
	int failed = run_on_mem() + run_on_tmp() + run_on_shm();

	if (open_descriptors() != before) {
		print_error("descriptors leaked: %zu before, %zu after\n", before, open_descriptors());
		failed++;
	}
	return failed != 0;
}

/* Named streams and extended attributes, asked of mem and posix alike; and what the posix store makes of them on disk: Samba's
 * attributes, side files. */
#include "harness.h"

#include "base/random.h"
#include "vfs/posix_stream.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { LARGE = 300000 };

static ntstatus try_stream(struct fixture *f, const char *file, const char *stream, enum vfs_disposition d, uint32_t flags)
{
	struct vfs_file *base = open_file(f, file, 0);
	ntstatus st = vfs_stream_open(base, wide(f, stream), d, flags, &f->last);

	if (!nt_ok(st))
		vfs_file_close(base);
	return st;
}

static struct vfs_file *stream_open(struct fixture *f, const char *file, const char *stream, enum vfs_disposition d)
{
	assert_ok(try_stream(f, file, stream, d, VFS_READ | VFS_WRITE));
	return f->last.file;
}

static void stream_put(struct fixture *f, const char *file, const char *stream, const char *text)
{
	struct vfs_file *s = stream_open(f, file, stream, VFS_OPEN_IF);

	assert_ok(vfs_truncate(s, 0));
	assert_ok(vfs_write(s, text, strlen(text), 0));
	vfs_file_close(s);
}

static const char *stream_text(struct fixture *f, const char *file, const char *stream)
{
	struct vfs_file *s = stream_open(f, file, stream, VFS_OPEN);
	char *p = arena_zalloc(&f->arena, 4096);
	size_t n;

	assert_ok(vfs_read(s, p, 4095, 0, &n));
	vfs_file_close(s);
	return p;
}

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

static void fill_large(struct vfs_file *s, size_t n)
{
	uint8_t *p = malloc(n);

	for (size_t i = 0; i < n; i++)
		p[i] = pattern(i);
	/* In pieces, so that it outgrows its attribute on the way. */
	for (size_t at = 0; at < n; at += 1000)
		assert_ok(vfs_write(s, p + at, n - at < 1000 ? n - at : 1000, at));
	free(p);
}

static void check_large(struct vfs_file *s, size_t n)
{
	uint8_t *p = malloc(n + 1);
	size_t got;

	assert_ok(vfs_read(s, p, n + 1, 0, &got));
	assert_int_equal(got, n);
	for (size_t i = 0; i < n; i++) {
		if (p[i] != pattern(i))
			fail_msg("byte %zu differs", i);
	}
	free(p);
}

static size_t count_streams(struct fixture *f, const char *file)
{
	struct vfs_file *base = open_file(f, file, 0);
	struct vfs_stream *list;
	size_t n;

	assert_ok(vfs_stream_list(base, &f->arena, &list, &n));
	vfs_file_close(base);
	return n;
}

/* --- every store --- */

static void test_a_stream_has_data_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *s;
	struct vfs_stat st;

	make_file(f, "own", "base");
	assert_status(try_stream(f, "own", "one", VFS_OPEN, VFS_READ), OBJECT_NAME_NOT_FOUND);
	s = stream_open(f, "own", "one", VFS_CREATE);
	assert_true(f->last.created);
	assert_int_equal(f->last.stat.size, 0);
	assert_int_not_equal(f->last.stat.id.stream, 0);
	assert_int_equal(f->last.stat.file_id, stat_of(f, "own").file_id);
	assert_ok(vfs_write(s, "hello", 5, 3));
	assert_ok(vfs_stat_get(s, &st));
	assert_int_equal(st.size, 8);
	assert_int_equal(stat_of(f, "own").size, 4);
	assert_string_equal(narrow(f, vfs_stream_name(s, &f->arena)), "one");
	assert_string_equal(name_of(f, s), "own");
	assert_int_equal(vfs_file_fd(s), -1);
	assert_false(vfs_takes_pipe(s));
	assert_ok(vfs_truncate(s, 4));
	assert_ok(vfs_truncate(s, 6));
	assert_ok(vfs_flush(s));
	vfs_file_close(s);
	assert_memory_equal(stream_text(f, "own", "ONE"), "\0\0\0h\0\0", 6);
	assert_string_equal(content_of(f, "own"), "base");
	assert_status(try_stream(f, "own", "OnE", VFS_CREATE, 0), OBJECT_NAME_COLLISION);
	assert_int_equal(count_streams(f, "own"), 1);
}

static void test_names_of_streams(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = {"", "a:b", "a\\b", "a/b"}, *const good[] = {"*?<>|\"", "\x01\x1f", "Zw\xc3\xb6lf .", "..", "CON"};

	make_file(f, "names", "x");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_status(try_stream(f, "names", bad[i], VFS_OPEN_IF, VFS_WRITE), OBJECT_NAME_INVALID);
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		stream_put(f, "names", good[i], good[i]);
		assert_string_equal(stream_text(f, "names", good[i]), good[i]);
	}
	assert_string_equal(stream_text(f, "names", "ZW\xc3\x96LF ."), "Zw\xc3\xb6lf .");
	assert_int_equal(count_streams(f, "names"), ARRAY_LEN(good));
}

static void test_directories_have_streams(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *s;

	make_dir(f, "dir");
	s = stream_open(f, "dir", "s", VFS_OPEN_IF);
	assert_false(f->last.stat.directory);
	assert_int_equal(f->last.stat.attributes & FILE_ATTRIBUTE_DIRECTORY, 0);
	assert_status(vfs_dir_empty(s), NOT_A_DIRECTORY);
	vfs_file_close(s);
	assert_true(stat_of(f, "dir").directory);
	assert_int_equal(count_streams(f, "dir"), 1);
	assert_ok(remove_name(f, "dir"));
}

static void test_what_two_handles_of_a_stream_share(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *a, *b, *other;
	struct vfs_stat sa, sb, so;

	make_file(f, "share", "x");
	a = stream_open(f, "share", "s", VFS_CREATE);
	b = stream_open(f, "share", "S", VFS_OPEN);
	other = stream_open(f, "share", "t", VFS_CREATE);
	assert_ok(vfs_stat_get(a, &sa));
	assert_ok(vfs_stat_get(b, &sb));
	assert_ok(vfs_stat_get(other, &so));
	assert_true(vfs_id_equal(sa.id, sb.id));
	assert_false(vfs_id_equal(sa.id, so.id));
	assert_true(vfs_id_same_file(sa.id, so.id));
	fill_large(a, LARGE);
	check_large(b, LARGE);
	assert_ok(vfs_stream_rename(a, wide(f, "renamed"), false));
	assert_string_equal(narrow(f, vfs_stream_name(b, &f->arena)), "renamed");
	assert_ok(vfs_write(b, "!", 1, LARGE));
	assert_ok(vfs_unlink(a));
	assert_status(vfs_unlink(b), OBJECT_NAME_NOT_FOUND);
	assert_ok(vfs_stat_get(b, &sb));
	assert_int_equal(sb.links, 0);
	vfs_file_close(a);
	vfs_file_close(b);
	vfs_file_close(other);
	assert_int_equal(count_streams(f, "share"), 1);
}

static void test_renaming_streams(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *s, *file;

	make_file(f, "ren", "x");
	stream_put(f, "ren", "a", "of a");
	stream_put(f, "ren", "b", "of b");
	s = stream_open(f, "ren", "a", VFS_OPEN);
	assert_status(vfs_stream_rename(s, wide(f, "B"), false), OBJECT_NAME_COLLISION);
	assert_status(vfs_stream_rename(s, wide(f, "x:y"), false), OBJECT_NAME_INVALID);
	assert_ok(vfs_stream_rename(s, wide(f, "A"), false));
	assert_ok(vfs_stream_rename(s, wide(f, "B"), true));
	assert_status(vfs_rename(s, wide(f, "elsewhere"), false), INVALID_PARAMETER);
	assert_status(vfs_link(s, wide(f, "elsewhere"), false), INVALID_PARAMETER);
	vfs_file_close(s);
	file = open_file(f, "ren", 0);
	assert_status(vfs_stream_rename(file, wide(f, "c"), false), INVALID_PARAMETER);
	assert_null(vfs_stream_base(file));
	vfs_file_close(file);
	assert_int_equal(count_streams(f, "ren"), 1);
	assert_string_equal(stream_text(f, "ren", "b"), "of a");
}

static void test_streams_go_with_their_file(void **state)
{
	struct fixture *f = *state;

	make_file(f, "gone", "x");
	stream_put(f, "gone", "s", "old");
	assert_ok(rename_name(f, "gone", "moved", false));
	assert_string_equal(stream_text(f, "moved", "s"), "old");
	assert_ok(remove_name(f, "moved"));
	make_file(f, "moved", "x");
	assert_int_equal(count_streams(f, "moved"), 0);
}

static void test_rights_of_a_stream_handle(void **state)
{
	struct fixture *f = *state;
	char c;
	size_t n;

	make_file(f, "rights", "x");
	stream_put(f, "rights", "s", "text");
	assert_ok(try_stream(f, "rights", "s", VFS_OPEN, VFS_READ));
	assert_status(vfs_write(f->last.file, "x", 1, 0), ACCESS_DENIED);
	assert_status(vfs_truncate(f->last.file, 0), ACCESS_DENIED);
	vfs_file_close(f->last.file);
	assert_ok(try_stream(f, "rights", "s", VFS_OPEN, 0));
	assert_status(vfs_read(f->last.file, &c, 1, 0, &n), ACCESS_DENIED);
	vfs_file_close(f->last.file);
}

static void test_overwriting_takes_streams_and_eas_away(void **state)
{
	struct fixture *f = *state;
	const struct vfs_ea ea = {.name = slice_of("K", 1), .value = slice_of("v", 1)};
	struct vfs_file *file, *open;
	struct vfs_ea *eas;
	size_t n;

	make_file(f, "over", "x");
	stream_put(f, "over", "a", "1");
	stream_put(f, "over", "b", "2");
	file = open_file(f, "over", VFS_READ | VFS_WRITE);
	assert_ok(vfs_ea_set(file, &ea, 1, &f->arena));
	open = stream_open(f, "over", "b", VFS_OPEN);
	assert_ok(vfs_extras_remove(file, &f->arena));
	assert_int_equal(count_streams(f, "over"), 0);
	assert_ok(vfs_ea_list(file, &f->arena, &eas, &n));
	assert_int_equal(n, 0);
	vfs_file_close(open);
	vfs_file_close(file);
}

static void ea_check(struct fixture *f, struct vfs_file *file, const char *name, const char *value)
{
	struct vfs_ea *list;
	size_t n;

	assert_ok(vfs_ea_list(file, &f->arena, &list, &n));
	for (size_t i = 0; i < n; i++) {
		if (list[i].name.len == strlen(name) && memcmp(list[i].name.data, name, strlen(name)) == 0) {
			assert_int_equal(list[i].value.len, strlen(value));
			assert_memory_equal(list[i].value.data, value, strlen(value));
			return;
		}
	}
	fail_msg("no %s", name);
}

static struct vfs_ea ea_of(const char *name, const char *value)
{
	return (struct vfs_ea){.name = slice_of(name, strlen(name)), .value = slice_of(value, strlen(value))};
}

static void test_extended_attributes(void **state)
{
	struct fixture *f = *state;
	const struct vfs_ea two[] = {ea_of("First", "1"), ea_of("Second", "22")}, other_case = ea_of("FIRST", "one"), away = ea_of("second", "");
	struct vfs_file *file;
	struct vfs_ea *list;
	size_t n;

	make_file(f, "ea", "x");
	file = open_file(f, "ea", VFS_READ | VFS_WRITE);
	assert_ok(vfs_ea_list(file, &f->arena, &list, &n));
	assert_int_equal(vfs_ea_size(list, n), 0);
	assert_ok(vfs_ea_set(file, two, 2, &f->arena));
	assert_ok(vfs_ea_list(file, &f->arena, &list, &n));
	assert_int_equal(n, 2);
	assert_int_equal(vfs_ea_size(list, n), 4 + 5 + 5 + 1 + 5 + 6 + 2);
	assert_ok(vfs_ea_set(file, &other_case, 1, &f->arena));
	ea_check(f, file, "First", "one");
	assert_ok(vfs_ea_set(file, &away, 1, &f->arena));
	assert_ok(vfs_ea_set(file, &away, 1, &f->arena));
	assert_ok(vfs_ea_list(file, &f->arena, &list, &n));
	assert_int_equal(n, 1);
	vfs_file_close(file);
}

static void test_extended_attributes_are_set_all_or_none(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = {"", "a*b", "a:b", "a\\b", "a/b", "tab\t", "a\"", "[a]", "a=b"};
	static const char *const ours[] = {"DOSATTRIB", "dosattrib", "dosSTREAM.x", "NTACL", "SAMBA_PAI", "hythe.owner"};
	struct vfs_ea pair[] = {ea_of("good", "new"), ea_of("", "")}, first = ea_of("good", "old");
	struct vfs_file *file;
	uint8_t *huge = calloc(1, 65536);

	make_file(f, "atomic", "x");
	file = open_file(f, "atomic", VFS_READ | VFS_WRITE);
	assert_ok(vfs_ea_set(file, &first, 1, &f->arena));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		pair[1] = ea_of(bad[i], "x");
		assert_status(vfs_ea_set(file, pair, 2, &f->arena), INVALID_EA_NAME);
	}
	for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
		pair[1] = ea_of(ours[i], "x");
		assert_status(vfs_ea_set(file, pair, 2, &f->arena), ACCESS_DENIED);
	}
	pair[1] = (struct vfs_ea){.name = slice_of("huge", 4), .value = slice_of(huge, 65530)};
	assert_status(vfs_ea_set(file, pair, 2, &f->arena), EA_TOO_LARGE);
	ea_check(f, file, "good", "old");
	vfs_file_close(file);
	free(huge);
}

static void test_what_the_store_keeps_is_no_ea_of_the_client(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file;
	struct vfs_ea *list;
	size_t n;

	make_file(f, "hidden", "x");
	stream_put(f, "hidden", "s", "text");
	file = open_file(f, "hidden", VFS_READ | VFS_WRITE);
	assert_ok(vfs_set(file, &(struct vfs_set_info){.which = VFS_SET_ATTRIBUTES, .attributes = FILE_ATTRIBUTE_HIDDEN}));
	assert_ok(vfs_xattr_set(file, "user.NTACL", "acl", 3));
	assert_ok(vfs_ea_list(file, &f->arena, &list, &n));
	assert_int_equal(n, 0);
	vfs_file_close(file);
}

/* --- on disk --- */

static void xattr_is(struct fixture *f, const char *file, const char *name, const void *value, size_t n)
{
	uint8_t got[256];

	assert_int_equal(getxattr(on_disk(f, file), name, got, sizeof(got)), n);
	assert_memory_equal(got, value, n);
}

static void test_small_streams_are_sambas(void **state)
{
	struct fixture *f = *state;

	make_file(f, "samba", "x");
	stream_put(f, "samba", "One", "hello");
	xattr_is(f, "samba", "user.DosStream.One:$DATA", "hello", 6);
	assert_int_equal(setxattr(on_disk(f, "samba"), "user.DosStream.\xc3\x9c" "ber:$DATA", "theirs", 7, 0), 0);
	assert_string_equal(stream_text(f, "samba", "\xc3\xbc" "BER"), "theirs");
	/* streams_xattr:store_stream_type = no */
	assert_int_equal(setxattr(on_disk(f, "samba"), "user.DosStream.Bare", "bare", 5, 0), 0);
	assert_string_equal(stream_text(f, "samba", "bare"), "bare");
	assert_int_equal(count_streams(f, "samba"), 3);
}

static size_t side_files(struct fixture *f)
{
	DIR *d = opendir(on_disk(f, POSIX_SIDE_DIR));
	size_t n = 0;

	for (struct dirent *e; d && (e = readdir(d)) != NULL;)
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

static void make_large(struct fixture *f, const char *file, const char *stream)
{
	struct vfs_file *s;

	if (!exists(f, file))
		make_file(f, file, "x");
	s = stream_open(f, file, stream, VFS_OPEN_IF);
	fill_large(s, LARGE);
	vfs_file_close(s);
}

static void large_is_there(struct fixture *f, const char *file, const char *stream)
{
	struct vfs_file *s = stream_open(f, file, stream, VFS_OPEN);

	assert_int_equal(f->last.stat.size, LARGE);
	check_large(s, LARGE);
	vfs_file_close(s);
}

static void test_large_streams_lie_in_side_files(void **state)
{
	struct fixture *f = *state;
	size_t before = side_files(f);
	struct vfs_file *s;

	make_large(f, "large", "s");
	assert_int_equal(side_files(f), before + 1);
	large_is_there(f, "large", "s");
	/* Moved by a local program, too. */
	make_dir(f, "largedir");
	assert_int_equal(rename(on_disk(f, "large"), on_disk(f, "largedir/moved")), 0);
	large_is_there(f, "largedir\\moved", "s");
	assert_ok(rename_name(f, "largedir\\moved", "large", false));
	s = stream_open(f, "large", "s", VFS_OPEN);
	assert_ok(vfs_stream_rename(s, wide(f, "t"), false));
	assert_ok(vfs_allocate(s, 2 * LARGE));
	vfs_file_close(s);
	large_is_there(f, "large", "t");
	assert_int_equal(side_files(f), before + 1);
	s = stream_open(f, "large", "t", VFS_OPEN);
	assert_ok(vfs_unlink(s));
	vfs_file_close(s);
	assert_int_equal(side_files(f), before);
	assert_ok(remove_name(f, "large"));
}

static void test_side_files_die_with_their_file(void **state)
{
	struct fixture *f = *state;
	size_t before = side_files(f);
	struct vfs_file *file;

	make_large(f, "dies", "a");
	make_large(f, "dies", "b");
	assert_int_equal(link(on_disk(f, "dies"), on_disk(f, "other name")), 0);
	assert_ok(remove_name(f, "dies"));
	large_is_there(f, "other name", "a");
	assert_ok(remove_name(f, "other name"));
	assert_int_equal(side_files(f), before);
	/* Replaced by a rename; overwritten. */
	make_large(f, "dies", "a");
	make_file(f, "new", "x");
	assert_ok(rename_name(f, "new", "dies", true));
	assert_int_equal(side_files(f), before);
	make_large(f, "dies", "a");
	file = open_file(f, "dies", VFS_READ | VFS_WRITE);
	assert_ok(vfs_extras_remove(file, &f->arena));
	vfs_file_close(file);
	assert_int_equal(side_files(f), before);
}

static void test_side_files_are_out_of_sight(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file;

	make_large(f, "sight", "s");
	assert_null(strstr(listing(f, ""), "hythe"));
	assert_status(try_open(f, POSIX_SIDE_DIR, VFS_OPEN, VFS_READ), OBJECT_NAME_INVALID);
	assert_status(try_open(f, ".HYTHE-Streams", VFS_OPEN_IF, VFS_DIRECTORY), OBJECT_NAME_INVALID);
	assert_status(try_open(f, "x\\" POSIX_SIDE_DIR "\\y", VFS_OPEN, VFS_READ), OBJECT_NAME_INVALID);
	file = open_file(f, "sight", VFS_DELETE);
	assert_status(vfs_rename(file, wide(f, POSIX_SIDE_DIR "\\x"), false), OBJECT_NAME_INVALID);
	vfs_file_close(file);
}

/* A copy with its attributes, as cp -a or a backup makes it. */
static void copy_with_attributes(struct fixture *f, const char *from, const char *to, const char *xattr)
{
	uint8_t value[256];
	ssize_t n = getxattr(on_disk(f, from), xattr, value, sizeof(value));

	assert_true(n > 0);
	make_file(f, to, "x");
	assert_int_equal(setxattr(on_disk(f, to), xattr, value, (size_t)n, 0), 0);
}

static void test_a_copied_file_gets_a_side_file_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *s;
	char c;
	size_t n;

	make_large(f, "original", "s");
	copy_with_attributes(f, "original", "copy", "user.DosStream.s:$DATA");
	large_is_there(f, "copy", "s");
	s = stream_open(f, "copy", "s", VFS_OPEN);
	assert_ok(vfs_write(s, "\xff", 1, 1));
	assert_ok(vfs_read(s, &c, 1, 1, &n));
	assert_int_equal((uint8_t)c, 0xff);
	vfs_file_close(s);
	large_is_there(f, "original", "s");
	copy_with_attributes(f, "original", "third", "user.DosStream.s:$DATA");
	assert_ok(remove_name(f, "third"));
	large_is_there(f, "original", "s");
}

static void test_a_lost_side_file_is_told(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *s;
	char c;
	size_t n;

	make_file(f, "lost", "x");
	assert_int_equal(setxattr(on_disk(f, "lost"), "user.DosStream.s:$DATA", "hythe-side-file:00000000000000000000000000000000", 48, 0), 0);
	s = stream_open(f, "lost", "s", VFS_OPEN);
	assert_status(vfs_read(s, &c, 1, 0, &n), FILE_CORRUPT_ERROR);
	assert_status(vfs_write(s, "x", 1, 0), FILE_CORRUPT_ERROR);
	assert_ok(vfs_truncate(s, 0));
	assert_ok(vfs_write(s, "new", 3, 0));
	vfs_file_close(s);
	assert_string_equal(stream_text(f, "lost", "s"), "new");
	/* No way out of the directory of side files. */
	assert_int_equal(setxattr(on_disk(f, "lost"), "user.DosStream.s:$DATA", "hythe-side-file:../../../../../../../../etc/host", 48, 0), 0);
	assert_true(strlen(stream_text(f, "lost", "s")) == 47);
}

static void test_many_streams_share_the_room(void **state)
{
	struct fixture *f = *state;
	char name[32];
	struct vfs_file *s;

	make_file(f, "many", "x");
	for (int i = 0; i < 20; i++) {
		char text[400];

		(void)snprintf(name, sizeof(name), "stream %d", i);
		memset(text, 'a' + i, sizeof(text) - 1);
		text[sizeof(text) - 1] = 0;
		s = stream_open(f, "many", name, VFS_CREATE);
		assert_ok(vfs_write(s, text, sizeof(text) - 1, 0));
		(void)snprintf(name, sizeof(name), "stream %d renamed", i);
		assert_ok(vfs_stream_rename(s, wide(f, name), false));
		vfs_file_close(s);
	}
	for (int i = 0; i < 20; i++) {
		const char *text;

		(void)snprintf(name, sizeof(name), "stream %d renamed", i);
		text = stream_text(f, "many", name);
		assert_true(strlen(text) == 399 && text[0] == 'a' + i && text[398] == 'a' + i);
	}
	assert_ok(remove_name(f, "many"));
}

/* The process dies in the middle of it, at any point; what a write was acknowledged for is there. */
static void test_killed_at_any_moment_nothing_acknowledged_is_lost(void **state)
{
	struct fixture *f = *state;

	for (int round = 0; round < 20; round++) {
		const size_t step = 700;
		int pipefd[2];
		uint32_t acknowledged = 0, k;
		struct vfs_file *s;
		char name[32];
		pid_t pid;

		(void)snprintf(name, sizeof(name), "killed%d", round);
		make_file(f, name, "x");
		vfs_file_close(stream_open(f, name, "s", VFS_CREATE));
		assert_int_equal(pipe(pipefd), 0);
		pid = fork();
		if (pid == 0) {
			s = stream_open(f, name, "s", VFS_OPEN);
			for (uint32_t i = 1;; i++) {
				char block[700];

				memset(block, (int)(i & 0x7F), step);
				if (!nt_ok(vfs_write(s, block, step, (i - 1) * step)) || write(pipefd[1], &i, 4) != 4)
					_exit(1);
			}
		}
		close(pipefd[1]);
		while (acknowledged < (uint32_t)round && read(pipefd[0], &k, 4) == 4)
			acknowledged = k;
		kill(pid, SIGKILL);
		while (read(pipefd[0], &k, 4) == 4)
			acknowledged = k;
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		close(pipefd[0]);
		s = stream_open(f, name, "s", VFS_OPEN);
		for (uint32_t i = 1; i <= acknowledged; i++) {
			char block[700];
			size_t n;

			assert_ok(vfs_read(s, block, step, (i - 1) * step, &n));
			assert_true(n == step && block[0] == (char)(i & 0x7F) && block[step - 1] == (char)(i & 0x7F));
		}
		vfs_file_close(s);
		assert_ok(remove_name(f, name));
	}
}

struct worker {
	struct fixture *f;
	struct slice file, streams[3], renamed;
	unsigned seed;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	struct arena a;
	char block[3000];

	arena_init(&a, NULL, 0, 0);
	memset(block, 'w', sizeof(block));
	for (int i = 0; i < 300; i++) {
		struct vfs_open_args args = {.name = w->file, .disposition = VFS_OPEN};
		struct slice name = w->streams[rand_r(&w->seed) % 3];
		struct vfs_open_result file, s;
		struct vfs_stream *list;
		size_t n;

		assert_ok(vfs_open(w->f->v, &args, &a, &file));
		if (!nt_ok(vfs_stream_open(file.file, name, VFS_OPEN_IF, VFS_READ | VFS_WRITE, &s))) {
			vfs_file_close(file.file);
			continue;
		}
		(void)nt_ok(vfs_write(s.file, block, (size_t)rand_r(&w->seed) % sizeof(block), (uint64_t)rand_r(&w->seed) % 4000));
		(void)nt_ok(vfs_read(s.file, block, sizeof(block), 0, &n));
		if (i % 7 == 0)
			(void)nt_ok(vfs_stream_rename(s.file, w->renamed, true));
		if (i % 5 == 0)
			(void)nt_ok(vfs_unlink(s.file));
		(void)nt_ok(vfs_stream_list(s.file, &a, &list, &n));
		vfs_file_close(s.file);
		arena_reset(&a);
	}
	return NULL;
}

static void test_threads_at_the_same_streams(void **state)
{
	struct fixture *f = *state;
	struct worker w[4];
	pthread_t t[4];

	make_file(f, "threads", "x");
	for (unsigned i = 0; i < 4; i++) {
		w[i] = (struct worker){f, wide(f, "threads"), {wide(f, "a"), wide(f, "b"), wide(f, "c")}, wide(f, "B"), i};
		assert_int_equal(pthread_create(&t[i], NULL, work, &w[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	assert_ok(remove_name(f, "threads"));
}

#define EVERY_STORE                                                                                                    \
	cmocka_unit_test(test_a_stream_has_data_of_its_own), cmocka_unit_test(test_names_of_streams),                  \
	cmocka_unit_test(test_directories_have_streams), cmocka_unit_test(test_what_two_handles_of_a_stream_share),    \
	cmocka_unit_test(test_renaming_streams), cmocka_unit_test(test_streams_go_with_their_file),                    \
	cmocka_unit_test(test_rights_of_a_stream_handle), cmocka_unit_test(test_overwriting_takes_streams_and_eas_away), \
	cmocka_unit_test(test_extended_attributes), cmocka_unit_test(test_extended_attributes_are_set_all_or_none),    \
	cmocka_unit_test(test_what_the_store_keeps_is_no_ea_of_the_client), cmocka_unit_test(test_threads_at_the_same_streams)

static int run_on_mem(void)
{
	const struct CMUnitTest tests[] = {EVERY_STORE};

	return cmocka_run_group_tests_name("streams, mem", tests, setup_mem, teardown);
}

static int run_on_disk(void)
{
	const struct CMUnitTest tests[] = {
		EVERY_STORE,
		cmocka_unit_test(test_small_streams_are_sambas),
		cmocka_unit_test(test_large_streams_lie_in_side_files),
		cmocka_unit_test(test_side_files_die_with_their_file),
		cmocka_unit_test(test_side_files_are_out_of_sight),
		cmocka_unit_test(test_a_copied_file_gets_a_side_file_of_its_own),
		cmocka_unit_test(test_a_lost_side_file_is_told),
		cmocka_unit_test(test_many_streams_share_the_room),
		cmocka_unit_test(test_killed_at_any_moment_nothing_acknowledged_is_lost),
	};

	return cmocka_run_group_tests_name("streams, posix on /tmp", tests, setup_tmp, teardown);
}

static bool disk_has_attributes(void)
{
	char path[] = "/tmp/hythe-xattr-XXXXXX";
	int fd = mkstemp(path);
	bool ok = fd >= 0 && fsetxattr(fd, "user.probe", "x", 1, 0) == 0;

	if (fd >= 0) {
		(void)unlink(path);
		close(fd);
	}
	return ok;
}

int main(void)
{
	size_t before = open_descriptors();
	int failed = run_on_mem();

	if (disk_has_attributes())
		failed += run_on_disk();
	else
		print_message("/tmp has no extended attributes: the posix store is not tested\n");
	if (open_descriptors() != before) {
		print_error("descriptors leaked: %zu before, %zu after\n", before, open_descriptors());
		failed++;
	}
	return failed != 0;
}

/* Large directories, whose names are found in any case without reading them again: the index must say what the directory says, whoever has
 * changed it. */
#include "harness.h"

#include "vfs/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MANY = 300, STEPS = 20000, NAMES = 24 };

static struct posix_indexes *indexes_of(struct fixture *f)
{
	return &posix_store_of(f->v)->indexes;
}

/* By a local program. */
static void touch(struct fixture *f, const char *path)
{
	int fd = open(on_disk(f, path), O_CREAT | O_WRONLY | O_EXCL | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	close(fd);
}

static void many(struct fixture *f, const char *dir)
{
	char path[64];

	make_dir(f, dir);
	for (int i = 0; i < MANY; i++) {
		snprintf(path, sizeof(path), "%s/File %03d", dir, i);
		touch(f, path);
	}
}

static void assert_found(struct fixture *f, const char *name, const char *as)
{
	assert_string_equal(name_of(f, open_file(f, name, 0)), as);
	vfs_file_close(f->last.file);
}

static void assert_missing(struct fixture *f, const char *name)
{
	assert_status(try_open(f, name, VFS_OPEN, 0), OBJECT_NAME_NOT_FOUND);
}

static void test_a_large_directory_is_read_once(void **state)
{
	struct fixture *f = *state;

	many(f, "large");
	assert_int_equal(indexes_of(f)->count, 0);
	assert_missing(f, "large\\none");
	assert_int_equal(indexes_of(f)->count, 1);
	assert_found(f, "large\\FILE 123", "large\\File 123");
	assert_found(f, "LARGE\\file 299", "large\\File 299");
	assert_missing(f, "large\\file 300");
	assert_status(try_open(f, "large\\fiLE 007", VFS_CREATE, VFS_WRITE), OBJECT_NAME_COLLISION);
	assert_int_equal(indexes_of(f)->count, 1);
}

static void test_changes_by_others_are_seen_at_once(void **state)
{
	struct fixture *f = *state;
	char other[128];

	many(f, "others");
	assert_missing(f, "others\\none");
	touch(f, "others/Made");
	assert_found(f, "others\\MADE", "others\\Made");
	assert_int_equal(unlink(on_disk(f, "others/Made")), 0);
	assert_missing(f, "others\\MADE");
	snprintf(other, sizeof(other), "%s", on_disk(f, "others/File 001"));
	assert_int_equal(rename(other, on_disk(f, "others/Moved")), 0);
	assert_missing(f, "others\\FILE 001");
	assert_found(f, "others\\MOVED", "others\\Moved");
	/* Two that differ in case only. */
	touch(f, "others/moved");
	assert_found(f, "others\\moved", "others\\moved");
	assert_int_equal(unlink(on_disk(f, "others/Moved")), 0);
	assert_found(f, "others\\MOVED", "others\\moved");
	/* Out of the directory and into it. */
	snprintf(other, sizeof(other), "%s", on_disk(f, "others/moved"));
	assert_int_equal(rename(other, on_disk(f, "outside")), 0);
	assert_missing(f, "others\\MOVED");
	snprintf(other, sizeof(other), "%s", on_disk(f, "outside"));
	assert_int_equal(rename(other, on_disk(f, "others/Back")), 0);
	assert_found(f, "others\\back", "others\\Back");
}

static void test_own_changes_are_seen(void **state)
{
	struct fixture *f = *state;

	many(f, "own");
	assert_missing(f, "own\\none");
	make_file(f, "own\\Made here", "x");
	assert_found(f, "own\\MADE HERE", "own\\Made here");
	assert_ok(rename_name(f, "own\\made here", "own\\MADE here", false));
	assert_found(f, "own\\made HERE", "own\\MADE here");
	assert_status(rename_name(f, "own\\File 000", "own\\made here", false), OBJECT_NAME_COLLISION);
	assert_ok(remove_name(f, "own\\made HERE"));
	assert_missing(f, "own\\Made here");
}

static void test_a_directory_that_goes_takes_its_index(void **state)
{
	struct fixture *f = *state;
	char path[64];
	uint32_t before = indexes_of(f)->count;

	many(f, "going");
	assert_missing(f, "going\\none");
	assert_int_equal(indexes_of(f)->count, before + 1);
	for (int i = 0; i < MANY; i++) {
		snprintf(path, sizeof(path), "going/File %03d", i);
		assert_int_equal(unlink(on_disk(f, path)), 0);
	}
	assert_int_equal(rmdir(on_disk(f, "going")), 0);
	/* The new one may well have the number of the old one. */
	many(f, "going");
	touch(f, "going/Another");
	assert_found(f, "going\\ANOTHER", "going\\Another");
	assert_missing(f, "going\\none");
	assert_int_equal(indexes_of(f)->count, before + 1);
}

/* Nothing is opened to search where there is an index: it has to be that of what the path leads to now, whoever moved it there. */
static void test_a_directory_that_moves_takes_its_index_along(void **state)
{
	struct fixture *f = *state;
	char first[128], aside[128];

	many(f, "first");
	many(f, "second");
	touch(f, "first/In The First");
	touch(f, "second/In The Second");
	assert_missing(f, "first\\none");
	assert_missing(f, "second\\none");
	snprintf(first, sizeof(first), "%s", on_disk(f, "first"));
	snprintf(aside, sizeof(aside), "%s", on_disk(f, "aside"));
	assert_int_equal(rename(first, aside), 0);
	assert_status(try_open(f, "first\\IN THE FIRST", VFS_OPEN, 0), OBJECT_PATH_NOT_FOUND);
	assert_int_equal(rename(on_disk(f, "second"), first), 0);
	assert_int_equal(rename(aside, on_disk(f, "second")), 0);
	assert_found(f, "first\\IN THE SECOND", "first\\In The Second");
	assert_found(f, "second\\IN THE FIRST", "second\\In The First");
	assert_missing(f, "first\\IN THE FIRST");
	assert_missing(f, "second\\IN THE SECOND");
	/* A file in its place has none; a link leads to it. */
	assert_int_equal(rename(on_disk(f, "second"), aside), 0);
	touch(f, "second");
	assert_status(try_open(f, "second\\IN THE FIRST", VFS_OPEN, 0), OBJECT_PATH_NOT_FOUND);
	assert_int_equal(symlink("aside", on_disk(f, "link")), 0);
	assert_found(f, "link\\IN THE FIRST", "link\\In The First");
	assert_missing(f, "link\\IN THE SECOND");
}

static void test_the_root_may_have_an_index(void **state)
{
	struct fixture *f = *state;
	char path[32];

	for (int i = 0; i < MANY; i++) {
		snprintf(path, sizeof(path), "Root %03d", i);
		touch(f, path);
	}
	assert_missing(f, "none of the root");
	assert_found(f, "ROOT 123", "Root 123");
	touch(f, "Root late");
	assert_found(f, "ROOT LATE", "Root late");
	assert_missing(f, "ROOT NEVER");
	for (int i = 0; i < MANY; i++) {
		snprintf(path, sizeof(path), "Root %03d", i);
		assert_int_equal(unlink(on_disk(f, path)), 0);
	}
	assert_missing(f, "ROOT 123");
}

static void test_what_is_too_much_is_read_as_ever(void **state)
{
	struct fixture *f = *state;
	struct posix_indexes *x = indexes_of(f);
	size_t most = x->most_bytes;

	many(f, "too large");
	x->most_bytes = x->bytes + 1000;
	assert_missing(f, "too large\\none");
	assert_found(f, "too large\\FILE 123", "too large\\File 123");
	assert_true(x->bytes <= x->most_bytes);
	x->most_bytes = most;
	x->most_directories = x->count;
	many(f, "too many");
	assert_missing(f, "too many\\none");
	assert_found(f, "too many\\FILE 123", "too many\\File 123");
	assert_int_equal(x->count, x->most_directories);
	x->most_directories = 100;
}

static void test_more_events_than_the_kernel_keeps(void **state)
{
	struct fixture *f = *state;
	char path[64];

	many(f, "flood");
	assert_missing(f, "flood\\none");
	for (int i = 0; i < 20000; i++) {
		snprintf(path, sizeof(path), "flood/Flood %d", i % 7);
		if (unlink(on_disk(f, path)) != 0)
			touch(f, path);
	}
	touch(f, "flood/Last");
	assert_found(f, "flood\\LAST", "flood\\Last");
	for (int i = 0; i < 7; i++) {
		struct stat st;

		snprintf(path, sizeof(path), "flood/Flood %d", i);
		bool there = stat(on_disk(f, path), &st) == 0;
		snprintf(path, sizeof(path), "flood\\FLOOD %d", i);
		assert_int_equal(exists(f, path), there);
	}
}

/* Names that are equal but for case, some of them not ASCII. */
static void name_of_step(char out[64], unsigned r)
{
	static const char *const forms[][3] = {
		{"alpha", "ALPHA", "Alpha"}, {"stra\xC3\x9F" "e", "Stra\xC3\x9F" "e", "STRA\xC3\x9F" "E"},
		{"\xC3\xA4rger", "\xC3\x84rger", "\xC3\x84RGER"}, {"x:y", "X:y", "x:Y"},
	};

	snprintf(out, 64, "%s %u", forms[r % 4][r / 4 % 3], r / 12 % (NAMES / 4));
}

static void test_any_order_of_changes(void **state)
{
	struct fixture *f = *state;
	unsigned seed = 12345;
	char name[64], path[128];

	many(f, "any");
	assert_missing(f, "any\\none");
	for (int i = 0; i < STEPS; i++) {
		struct posix_path found = {.len = 0};
		struct stat st;
		unsigned wanted;
		bool there;

		seed = seed * 1664525 + 1013904223;
		name_of_step(name, seed >> 12);
		snprintf(path, sizeof(path), "any/%s", name);
		if (unlink(on_disk(f, path)) != 0)
			touch(f, path);
		wanted = seed >> 9 ^ 12345;
		there = false;
		for (unsigned form = 0; form < 3 && !there; form++) {
			name_of_step(name, wanted % 4 + 4 * form + wanted / 12 * 12);
			snprintf(path, sizeof(path), "any/%s", name);
			there = stat(on_disk(f, path), &st) == 0;
		}
		name_of_step(name, wanted);
		found.len = (size_t)snprintf(found.s, sizeof(found.s), "any/%s", name);
		assert_int_equal(nt_ok(posix_case_fix(posix_store_of(f->v), &found, i % 2)), there);
		assert_true(!there || stat(on_disk(f, found.s), &st) == 0);
	}
	assert_true(indexes_of(f)->count > 0);
}

struct race {
	struct fixture *f;
	_Atomic bool over;
	_Atomic unsigned wrong, found;
};

static struct slice latin(uint8_t *out, const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		store_le16(out + 2 * i, (uint8_t)s[i]);
	return slice_of(out, 2 * n);
}

/* What stays is found whatever goes on beside it, even if that has an equal name and goes after it was chosen; what comes and goes is found or not,
 * and nothing else. */
static void *look_for(void *arg)
{
	struct race *r = arg;
	uint8_t name[128], scratch[1024];
	char text[64];

	for (unsigned i = 0; !r->over; i++) {
		bool twin = i % 3 == 2, stays = twin || i % 3 == 0;
		struct vfs_open_result out;
		struct arena a;
		ntstatus status;

		arena_init(&a, scratch, sizeof(scratch), 0);
		snprintf(text, sizeof(text), twin ? "race\\tWIN" : stays ? "race\\FILE %03u" : "race\\COMES %u", stays ? i % MANY : i % 5);
		status = vfs_open(r->f->v, &(struct vfs_open_args){.name = latin(name, text), .disposition = VFS_OPEN}, &a, &out);
		if (nt_ok(status))
			vfs_file_close(out.file);
		r->found += nt_ok(status);
		r->wrong += !nt_ok(status) && (stays || !nt_is(status, STATUS_OBJECT_NAME_NOT_FOUND));
		arena_reset(&a);
	}
	return NULL;
}

static void test_searches_from_many_threads(void **state)
{
	struct fixture *f = *state;
	struct race r = {.f = f};
	pthread_t threads[3];
	char path[64];

	many(f, "race");
	touch(f, "race/TWIN");
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, look_for, &r), 0);
	for (int i = 0; i < STEPS || r.found < 1000; i++) {
		snprintf(path, sizeof(path), "race/Comes %d", i % 5);
		if (unlink(on_disk(f, path)) != 0)
			touch(f, path);
		if (unlink(on_disk(f, "race/Twin")) != 0)
			touch(f, "race/Twin");
	}
	r.over = true;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(r.wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_large_directory_is_read_once),
		cmocka_unit_test(test_changes_by_others_are_seen_at_once),
		cmocka_unit_test(test_own_changes_are_seen),
		cmocka_unit_test(test_a_directory_that_goes_takes_its_index),
		cmocka_unit_test(test_a_directory_that_moves_takes_its_index_along),
		cmocka_unit_test(test_the_root_may_have_an_index),
		cmocka_unit_test(test_what_is_too_much_is_read_as_ever),
		cmocka_unit_test(test_more_events_than_the_kernel_keeps),
		cmocka_unit_test(test_any_order_of_changes),
		cmocka_unit_test(test_searches_from_many_threads),
	};

	return cmocka_run_group_tests(tests, setup_shm, teardown);
}

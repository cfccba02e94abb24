/* Directories that stay open for who makes and removes files in them: what is done there is done where the path leads now, whoever has moved what. */
#include "harness.h"

#include "vfs/posix.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIRECTORIES = 20, THREADS = 4, ROUNDS = 300 };

/* As a CREATE does it: the directory for its attributes, then the file in it. */
static ntstatus make_in(struct vfs *v, struct arena *a, struct slice dir, struct slice name, enum vfs_disposition d, struct vfs_file **file)
{
	struct vfs_open_args args = {.name = dir, .disposition = VFS_OPEN, .flags = VFS_DIRECTORY | VFS_PLACE};
	struct vfs_open_result place, made = {0};
	ntstatus st = vfs_open(v, &args, a, &place);

	if (!nt_ok(st))
		return st;
	assert_true(place.stat.directory && (place.stat.attributes & FILE_ATTRIBUTE_DIRECTORY));
	args = (struct vfs_open_args){.name = name, .disposition = d, .flags = VFS_READ | VFS_WRITE | VFS_NON_DIRECTORY, .parent = place.file};
	st = vfs_open(v, &args, a, &made);
	vfs_file_close(place.file);
	*file = made.file;
	return st;
}

static ntstatus try_make(struct fixture *f, const char *dir, const char *leaf)
{
	struct vfs_file *file = NULL;
	char path[128];
	ntstatus st;

	snprintf(path, sizeof(path), "%s\\%s", dir, leaf);
	st = make_in(f->v, &f->arena, wide(f, dir), wide(f, dir[0] ? path : leaf), VFS_CREATE, &file);
	vfs_file_close(file);
	return st;
}

static unsigned kept(struct fixture *f)
{
	unsigned n = 0;

	list_for_each(node, &posix_store_of(f->v)->parents.kept)
		n++;
	return n;
}

static bool on_disk_exists(struct fixture *f, const char *path)
{
	return access(on_disk(f, path), F_OK) == 0;
}

static void move(struct fixture *f, const char *from, const char *to)
{
	char old[128];

	snprintf(old, sizeof(old), "%s", on_disk(f, from));
	assert_int_equal(rename(old, on_disk(f, to)), 0);
}

static void test_a_few_directories_stay_open(void **state)
{
	struct fixture *f = *state;
	size_t before = open_descriptors();
	unsigned kept_before = kept(f);
	char dir[32];

	make_dir(f, "often");
	for (int i = 0; i < 5; i++)
		assert_ok(try_make(f, "often", (const char *const[]){"a", "b", "c", "d", "e"}[i]));
	assert_int_equal(kept(f), kept_before + posix_store_of(f->v)->local);
	assert_int_equal(open_descriptors(), before + posix_store_of(f->v)->local);
	assert_ok(remove_name(f, "often\\c"));
	assert_false(on_disk_exists(f, "often/c"));
	for (int i = 0; i < DIRECTORIES; i++) {
		snprintf(dir, sizeof(dir), "dir%d", i);
		make_dir(f, dir);
		assert_ok(try_make(f, dir, "x"));
		assert_ok(try_make(f, "", dir + 3));
	}
	assert_true(kept(f) <= 8);
	assert_true(open_descriptors() <= before + 8);
	for (int i = 0; i < DIRECTORIES; i++) {
		snprintf(dir, sizeof(dir), "dir%d\\x", i);
		assert_ok(remove_name(f, dir));
	}
}

static void test_a_name_in_another_case_is_seen_each_time(void **state)
{
	struct fixture *f = *state;

	make_dir(f, "Case");
	assert_ok(try_make(f, "Case", "File"));
	for (int i = 0; i < 3; i++) {
		assert_status(try_make(f, "Case", "FILE"), OBJECT_NAME_COLLISION);
		assert_status(try_make(f, "CASE", "fILE"), OBJECT_NAME_COLLISION);
	}
	assert_ok(remove_name(f, "case\\file"));
	assert_ok(try_make(f, "Case", "FILE"));
}

static void test_the_path_leads_elsewhere(void **state)
{
	struct fixture *f = *state;
	char outside[] = "/tmp/hythe-parents-XXXXXX", path[64];

	make_dir(f, "moves");
	assert_ok(try_make(f, "moves", "1"));
	move(f, "moves", "moved");
	assert_status(try_make(f, "moves", "2"), OBJECT_NAME_NOT_FOUND);
	make_dir(f, "moves");
	assert_ok(try_make(f, "moves", "2"));
	assert_true(on_disk_exists(f, "moves/2") && !on_disk_exists(f, "moved/2"));
	/* Back again, and removed. */
	move(f, "moves", "third");
	move(f, "moved", "moves");
	assert_ok(try_make(f, "moves", "3"));
	assert_true(on_disk_exists(f, "moves/3") && !on_disk_exists(f, "third/3"));
	assert_int_equal(unlink(on_disk(f, "moves/1")) + unlink(on_disk(f, "moves/3")) + rmdir(on_disk(f, "moves")), 0);
	assert_status(try_make(f, "moves", "4"), OBJECT_NAME_NOT_FOUND);
	/* A link to somewhere else, in the last place and before it. */
	assert_non_null(mkdtemp(outside));
	make_dir(f, "deep");
	make_dir(f, "deep\\in");
	assert_ok(try_make(f, "deep\\in", "1"));
	move(f, "deep/in", "deep/was");
	assert_int_equal(symlink(outside, on_disk(f, "deep/in")), 0);
	assert_false(nt_ok(try_make(f, "deep\\in", "2")));
	assert_int_equal(unlink(on_disk(f, "deep/in")), 0);
	move(f, "deep", "deeper");
	assert_int_equal(symlink(outside, on_disk(f, "deep")), 0);
	snprintf(path, sizeof(path), "%s/in", outside);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_false(nt_ok(try_make(f, "deep\\in", "2")));
	assert_false(on_disk_exists(f, "deeper/was/2"));
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(outside), 0);
}

/* What is removed is the file of the handle, and nothing that bears its name. */
static void test_removing_from_a_directory_that_went(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file;

	make_dir(f, "home");
	assert_ok(try_make(f, "home", "x"));
	file = open_file(f, "home\\x", VFS_DELETE);
	move(f, "home", "away");
	make_dir(f, "home");
	make_file(f, "home\\x", "another");
	assert_ok(vfs_unlink(file));
	vfs_file_close(file);
	assert_string_equal(content_of(f, "home\\x"), "another");
	assert_false(on_disk_exists(f, "away/x"));

	assert_ok(try_make(f, "home", "y"));
	file = open_file(f, "home\\y", VFS_DELETE);
	move(f, "home/x", "home/y");
	assert_status(vfs_unlink(file), OBJECT_NAME_NOT_FOUND);
	vfs_file_close(file);
	assert_string_equal(content_of(f, "home\\y"), "another");
}

struct maker {
	struct fixture *f;
	unsigned number;
	pthread_t thread;
	unsigned failed;
};

static void *make_and_remove(void *arg)
{
	struct maker *m = arg;
	uint8_t scratch[4096];
	struct arena a;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct vfs_file *file = NULL;
		char name[64];

		arena_init(&a, scratch, sizeof(scratch), 0);
		snprintf(name, sizeof(name), "busy%u\\file %u of %u", i % 3, i, m->number);
		m->failed += !nt_ok(make_in(m->f->v, &a, utf16_from_utf8_arena(&a, i % 3 == 0 ? "busy0" : i % 3 == 1 ? "busy1" : "busy2"),
			utf16_from_utf8_arena(&a, name), VFS_CREATE, &file));
		m->failed += file && !nt_ok(vfs_unlink(file));
		vfs_file_close(file);
		arena_reset(&a);
	}
	return NULL;
}

static void test_several_at_once(void **state)
{
	struct fixture *f = *state;
	struct maker makers[THREADS];

	make_dir(f, "busy0");
	make_dir(f, "busy1");
	make_dir(f, "busy2");
	for (unsigned i = 0; i < THREADS; i++) {
		makers[i] = (struct maker){.f = f, .number = i};
		assert_int_equal(pthread_create(&makers[i].thread, NULL, make_and_remove, &makers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(makers[i].thread, NULL);
		assert_int_equal(makers[i].failed, 0);
	}
	assert_string_equal(listing(f, "busy0"), ". .. ");
	assert_string_equal(listing(f, "busy1"), ". .. ");
	assert_string_equal(listing(f, "busy2"), ". .. ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_few_directories_stay_open),
		cmocka_unit_test(test_a_name_in_another_case_is_seen_each_time),
		cmocka_unit_test(test_the_path_leads_elsewhere),
		cmocka_unit_test(test_removing_from_a_directory_that_went),
		cmocka_unit_test(test_several_at_once),
	};

	return cmocka_run_group_tests_name("tmp", tests, setup_tmp, teardown) + cmocka_run_group_tests_name("shm", tests, setup_shm, teardown) +
	       cmocka_run_group_tests_name("links refused", tests, setup_links_refused, teardown);
}

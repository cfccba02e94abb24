/* Symlinks of the posix store: followed only beneath the root, whatever changes meanwhile; or reported. */
#include "harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void link_make(struct fixture *f, const char *target, const char *path)
{
	assert_int_equal(symlink(target, on_disk(f, path)), 0);
}

static void test_links_beneath_the_root_are_followed(void **state)
{
	struct fixture *f = *state;

	make_dir(f, "in");
	make_dir(f, "in\\sub");
	make_file(f, "in\\sub\\file", "inside");
	link_make(f, "sub/file", "in/rel");
	link_make(f, "../in/sub", "in/up");
	assert_string_equal(content_of(f, "in\\rel"), "inside");
	assert_string_equal(content_of(f, "IN\\REL"), "inside");
	assert_string_equal(content_of(f, "in\\up\\file"), "inside");
	assert_string_equal(content_of(f, "In\\Up\\File"), "inside");
	assert_int_equal(stat_of(f, "in\\rel").size, 6);
	assert_true(stat_of(f, "in\\up").directory);
	make_file(f, "in\\up\\new", "through");
	assert_string_equal(content_of(f, "in\\sub\\new"), "through");
	assert_status(try_open(f, "in\\UP\\NEW", VFS_CREATE, VFS_WRITE), OBJECT_NAME_COLLISION);
}

static void test_links_that_leave_the_root_are_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const targets[] = {"/etc/passwd", "/", "..", "../..", "../../../../../../etc/passwd", "/proc/self/root/etc/passwd",
		"/proc/self/cwd", "/dev/fd/0"};

	make_dir(f, "esc");
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "esc/l%zu", i);
		link_make(f, i == 2 ? "../.." : targets[i], name);
		(void)snprintf(name, sizeof(name), "esc\\l%zu", i);
		assert_status(try_open(f, name, VFS_OPEN, VFS_READ), ACCESS_DENIED);
		assert_status(try_open(f, name, VFS_OPEN, 0), ACCESS_DENIED);
		assert_status(try_open(f, name, VFS_OPEN_IF, VFS_WRITE), ACCESS_DENIED);
		assert_status(try_open(f, name, VFS_OPEN, VFS_DIRECTORY), ACCESS_DENIED);
		(void)snprintf(name, sizeof(name), "ESC\\L%zu", i);
		assert_status(try_open(f, name, VFS_OPEN, VFS_READ), ACCESS_DENIED);
		(void)snprintf(name, sizeof(name), "esc\\l%zu\\new", i);
		assert_status(try_open(f, name, VFS_CREATE, VFS_WRITE), ACCESS_DENIED);
		make_file(f, "mover", "");
		assert_status(rename_name(f, "mover", name, true), ACCESS_DENIED);
		assert_ok(remove_name(f, "mover"));
	}
}

static void test_links_to_nowhere_and_in_circles(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file;

	link_make(f, "missing", "dangling");
	link_make(f, "circle2", "circle1");
	link_make(f, "circle1", "circle2");
	assert_status(try_open(f, "dangling", VFS_OPEN, VFS_READ), OBJECT_NAME_NOT_FOUND);
	assert_status(try_open(f, "dangling\\x", VFS_OPEN, VFS_READ), OBJECT_PATH_NOT_FOUND);
	assert_status(try_open(f, "dangling", VFS_CREATE, VFS_WRITE), OBJECT_NAME_COLLISION);
	assert_status(try_open(f, "dangling", VFS_OPEN_IF, VFS_WRITE), ACCESS_DENIED);
	assert_status(try_open(f, "circle1", VFS_OPEN, VFS_READ), ACCESS_DENIED);
	assert_status(try_open(f, "circle1\\x", VFS_OPEN, VFS_READ), ACCESS_DENIED);
	/* It can be removed all the same. */
	file = open_file(f, "dangling", VFS_NO_FOLLOW | VFS_DELETE);
	assert_true(f->last.stat.symlink);
	assert_int_equal(f->last.stat.attributes & FILE_ATTRIBUTE_REPARSE_POINT, FILE_ATTRIBUTE_REPARSE_POINT);
	assert_ok(vfs_unlink(file));
	vfs_file_close(file);
	assert_int_equal(access(on_disk(f, "dangling"), F_OK), -1);
}

static void test_link_itself_is_renamed_and_removed(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file;

	make_file(f, "lt_target", "t");
	link_make(f, "lt_target", "lt_link");
	file = open_file(f, "lt_link", VFS_NO_FOLLOW | VFS_READ | VFS_DELETE);
	assert_true(f->last.stat.symlink);
	assert_ok(vfs_rename(file, wide(f, "lt_link2"), false));
	vfs_file_close(file);
	assert_string_equal(content_of(f, "lt_link2"), "t");
	/* What was opened through the link is removed by the name it was opened under: the link. */
	assert_ok(remove_name(f, "lt_link2"));
	assert_string_equal(content_of(f, "lt_target"), "t");
	make_dir(f, "lt_dir");
	make_file(f, "lt_dir\\x", "");
	link_make(f, "lt_dir", "lt_dirlink");
	assert_ok(remove_name(f, "lt_dirlink"));
	assert_true(exists(f, "lt_dir\\x"));
}

static void test_listing_shows_targets_of_links_in_the_share(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *dir;
	struct vfs_dirent e;
	int seen = 0;

	make_dir(f, "ls");
	make_file(f, "ls_target", "12345");
	link_make(f, "../ls_target", "ls/good");
	link_make(f, "/etc/passwd", "ls/bad");
	dir = open_file(f, "LS", VFS_READ);
	while (nt_ok(vfs_dir_read(dir, true, &e))) {
		if (strcmp(narrow(f, e.name), "good") == 0) {
			assert_int_equal(e.stat.size, 5);
			assert_false(e.stat.symlink);
			seen |= 1;
		}
		if (strcmp(narrow(f, e.name), "bad") == 0) {
			assert_true(e.stat.symlink);
			assert_int_equal(e.stat.attributes & FILE_ATTRIBUTE_REPARSE_POINT, FILE_ATTRIBUTE_REPARSE_POINT);
			seen |= 2;
		}
	}
	assert_int_equal(seen, 3);
	vfs_file_close(dir);
}

static void check_stopped(struct fixture *f, const char *name, const char *target, const char *unparsed)
{
	assert_status(try_open(f, name, VFS_OPEN, VFS_READ), STOPPED_ON_SYMLINK);
	assert_string_equal(narrow(f, f->last.symlink_target), target);
	assert_int_equal(f->last.symlink_unparsed, wide(f, unparsed).len);
}

static void test_links_not_followed_stop_with_their_target(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file;

	make_dir(f, "Stop");
	make_file(f, "Stop\\file", "x");
	link_make(f, "Stop", "Link");
	link_make(f, "../Stop/file", "Stop/Last");
	link_make(f, "/abs/where", "Abs");
	check_stopped(f, "Link\\file", "Stop", "\\file");
	check_stopped(f, "LINK\\a\\b", "Stop", "\\a\\b");
	check_stopped(f, "Stop\\Last", "..\\Stop\\file", "");
	check_stopped(f, "stop\\last", "..\\Stop\\file", "");
	check_stopped(f, "stop\\LAST\\more", "..\\Stop\\file", "\\more");
	check_stopped(f, "Abs\\x", "\\abs\\where", "\\x");
	assert_status(try_open(f, "Link\\new", VFS_CREATE, VFS_WRITE), STOPPED_ON_SYMLINK);
	assert_status(try_open(f, "LINK\\new", VFS_OPEN_IF, VFS_WRITE), STOPPED_ON_SYMLINK);
	assert_status(try_open(f, "Link", VFS_OPEN, VFS_DIRECTORY), STOPPED_ON_SYMLINK);
	assert_status(try_open(f, "Link", VFS_OPEN, 0), STOPPED_ON_SYMLINK);
	/* In the last place it can be opened itself, further up it still stops. */
	file = open_file(f, "Link", VFS_NO_FOLLOW);
	assert_true(f->last.stat.symlink);
	vfs_file_close(file);
	assert_status(try_open(f, "Link\\file", VFS_OPEN, VFS_NO_FOLLOW), STOPPED_ON_SYMLINK);
}

/* --- a directory that turns into a link and back while files in it are opened --- */

struct swapper {
	struct fixture *f;
	char dir[96], aside[96], link[96];
	atomic_bool stop;
};

static void *swap(void *arg)
{
	struct swapper *s = arg;

	while (!s->stop) {
		(void)rename(s->dir, s->aside);
		(void)rename(s->link, s->dir);
		(void)rename(s->dir, s->link);
		(void)rename(s->aside, s->dir);
	}
	return NULL;
}

static void test_race_with_a_link_never_opens_a_file_outside(void **state)
{
	struct fixture *f = *state;
	char outside[] = "/tmp/hythe-outside-XXXXXX", secret[64];
	static struct swapper s;
	unsigned inside = 0;
	pthread_t t;
	int fd;

	assert_non_null(mkdtemp(outside));
	(void)snprintf(secret, sizeof(secret), "%s/file", outside);
	fd = open(secret, O_CREAT | O_WRONLY, 0644);
	assert_int_equal(write(fd, "SECRET", 6), 6);
	close(fd);
	make_dir(f, "swap");
	make_file(f, "swap\\file", "inside");
	s.f = f;
	(void)snprintf(s.dir, sizeof(s.dir), "%s/swap", f->root);
	(void)snprintf(s.aside, sizeof(s.aside), "%s/aside", f->root);
	(void)snprintf(s.link, sizeof(s.link), "%s/evil", f->root);
	assert_int_equal(symlink(outside, s.link), 0);
	assert_int_equal(pthread_create(&t, NULL, swap, &s), 0);
	for (int i = 0; i < 20000; i++) {
		char b[8] = "";
		size_t n;

		if (!nt_ok(try_open(f, i % 2 != 0 ? "swap\\file" : "SWAP\\FILE", VFS_OPEN, VFS_READ)))
			continue;
		assert_ok(vfs_read(f->last.file, b, 6, 0, &n));
		vfs_file_close(f->last.file);
		assert_memory_equal(b, "inside", 6);
		inside++;
	}
	for (int i = 0; i < 2000; i++) {
		if (nt_ok(try_open(f, "swap\\planted", VFS_OPEN_IF, VFS_WRITE | VFS_DELETE)))
			vfs_file_close(f->last.file);
	}
	s.stop = true;
	pthread_join(t, NULL);
	assert_true(inside > 0);
	(void)snprintf(secret, sizeof(secret), "%s/planted", outside);
	assert_int_equal(access(secret, F_OK), -1);
	tree_remove(outside);
}

static int run_followed(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links_beneath_the_root_are_followed),
		cmocka_unit_test(test_links_that_leave_the_root_are_refused),
		cmocka_unit_test(test_links_to_nowhere_and_in_circles),
		cmocka_unit_test(test_link_itself_is_renamed_and_removed),
		cmocka_unit_test(test_listing_shows_targets_of_links_in_the_share),
		cmocka_unit_test(test_race_with_a_link_never_opens_a_file_outside),
	};

	return cmocka_run_group_tests_name("links followed", tests, setup_tmp, teardown);
}

static int run_refused(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links_not_followed_stop_with_their_target),
		cmocka_unit_test(test_race_with_a_link_never_opens_a_file_outside),
	};

	return cmocka_run_group_tests_name("links refused", tests, setup_links_refused, teardown);
}

int main(void)
{
	return run_followed() + run_refused() != 0;
}

/* The posix store's leases (F_SETLEASE): whoever else opens the file waits, and we are told whose. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static struct {
	_Atomic unsigned count;
	_Atomic uint64_t device, inode;
} broken;

static void on_broken(void *arg, struct vfs_id id)
{
	assert_ptr_equal(arg, &broken);
	broken.device = id.device;
	broken.inode = id.inode;
	atomic_fetch_add(&broken.count, 1);
}

static int setup(void **state)
{
	static const struct vfs_posix_options o = {.kernel_oplocks = true};
	struct fixture *f;
	char why[256];

	if (setup_tmp(state) != 0)
		return -1;
	f = *state;
	vfs_close(f->v);
	f->v = vfs_posix_open(f->root, &o, why);
	if (!f->v)
		return -1;
	vfs_lease_listen(f->v, on_broken, &broken);
	return 0;
}

/* true: the store has said so often that a lease is broken. */
static bool told(unsigned count)
{
	for (int i = 0; i < 2000 && broken.count < count; i++)
		usleep(1000);
	return broken.count >= count;
}

static int open_local(struct fixture *f, const char *name, int flags)
{
	int fd = open(on_disk(f, name), flags | O_NONBLOCK | O_CLOEXEC);

	return fd >= 0 ? fd : -errno;
}

static void test_local_programs_are_turned_away_and_told_of(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file;
	struct vfs_id id;
	int fd;

	make_file(f, "f", "content");
	broken.count = 0;
	file = open_file(f, "f", VFS_READ | VFS_WRITE);
	id = f->last.stat.id;
	assert_true(vfs_lease_take(file));
	assert_false(vfs_lease_broken(file));
	assert_int_equal(broken.count, 0);
	assert_int_equal(open_local(f, "f", O_RDONLY), -EWOULDBLOCK);
	assert_true(told(1));
	assert_true(broken.device == id.device && broken.inode == id.inode);
	assert_true(vfs_lease_broken(file));
	assert_int_equal(open_local(f, "f", O_RDWR), -EWOULDBLOCK);
	vfs_lease_release(file);
	fd = open_local(f, "f", O_RDONLY);
	assert_true(fd >= 0);
	close(fd);
	/* Again, and closing ends it, too. */
	broken.count = 0;
	assert_true(vfs_lease_take(file));
	assert_int_equal(open_local(f, "f", O_WRONLY), -EWOULDBLOCK);
	assert_true(told(1));
	vfs_file_close(file);
	fd = open_local(f, "f", O_RDONLY);
	assert_true(fd >= 0);
	close(fd);
}

static void test_a_file_that_others_have_open_gets_none(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file, *second;
	int fd;

	make_file(f, "shared", "content");
	fd = open_local(f, "shared", O_RDWR);
	assert_true(fd >= 0);
	file = open_file(f, "shared", VFS_READ | VFS_WRITE);
	assert_false(vfs_lease_take(file));
	close(fd);
	second = open_file(f, "shared", VFS_READ | VFS_WRITE);
	assert_false(vfs_lease_take(file));
	vfs_file_close(second);
	assert_true(vfs_lease_take(file));
	vfs_file_close(file);
	make_dir(f, "dir");
	file = open_file(f, "dir", VFS_READ | VFS_DIRECTORY);
	assert_false(vfs_lease_take(file));
	vfs_file_close(file);
}

/* Looking at a file, renaming it and deleting it leave the lease alone; opening its data does not. */
static void test_handles_of_the_store_meet_the_lease(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file, *look;

	make_file(f, "own", "content");
	broken.count = 0;
	file = open_file(f, "own", VFS_READ | VFS_WRITE);
	assert_true(vfs_lease_take(file));
	look = open_file(f, "own", 0);
	assert_ok(vfs_stat_get(look, &f->last.stat));
	vfs_file_close(look);
	assert_ok(rename_name(f, "own", "renamed", false));
	assert_ok(vfs_write(file, "x", 1, 0));
	assert_ok(vfs_truncate(file, 0));
	assert_false(vfs_lease_broken(file));
	assert_status(try_open(f, "renamed", VFS_OPEN, VFS_READ), SHARING_VIOLATION);
	assert_true(f->last.leased);
	assert_true(told(1));
	vfs_file_close(file);
	assert_ok(try_open(f, "renamed", VFS_OPEN, VFS_READ));
	vfs_file_close(f->last.file);
}

static void *opener(void *arg)
{
	int fd = open(arg, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	close(fd);
	return NULL;
}

static void test_a_program_that_waits_goes_on_when_it_may(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file;
	pthread_t thread;
	char path[128];

	make_file(f, "wait", "content");
	snprintf(path, sizeof(path), "%s", on_disk(f, "wait"));
	for (unsigned i = 1; i <= 20; i++) {
		broken.count = 0;
		file = open_file(f, "wait", VFS_READ | VFS_WRITE);
		assert_true(vfs_lease_take(file));
		pthread_create(&thread, NULL, opener, path);
		assert_true(told(1));
		vfs_lease_release(file);
		pthread_join(thread, NULL);
		vfs_file_close(file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_local_programs_are_turned_away_and_told_of),
		cmocka_unit_test(test_a_file_that_others_have_open_gets_none),
		cmocka_unit_test(test_handles_of_the_store_meet_the_lease),
		cmocka_unit_test(test_a_program_that_waits_goes_on_when_it_may),
	};
	size_t before = open_descriptors();
	int failed = cmocka_run_group_tests(tests, setup, teardown);

	if (open_descriptors() != before) {
		print_error("descriptors leaked: %zu before, %zu after\n", before, open_descriptors());
		failed++;
	}
	return failed != 0;
}

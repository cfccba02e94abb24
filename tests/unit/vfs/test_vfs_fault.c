/* The fault store: each operation fails when it is told to, with the status it is told, and passes otherwise. And the mem
 * store's limit and determinism, which tests of what is above rely on. */
#include "harness.h"

struct plan {
	const char *fail;
	ntstatus with;
	unsigned asked;
};

static ntstatus decide(void *arg, const char *operation)
{
	struct plan *p = arg;

	p->asked++;
	return p->fail != NULL && strcmp(p->fail, operation) == 0 ? p->with : STATUS_SUCCESS;
}

static const char *const operations[] = {"stat_get", "set", "read", "read_at_hand", "write", "flush", "truncate", "allocate", "rename", "link",
	"dir_empty", "dir_read", "xattr_get", "xattr_set", "volume_query", "unlink"};

static ntstatus call(struct fixture *f, const char *operation, struct vfs_file *file, struct vfs_file *dir)
{
	struct vfs_set_info set = {.which = VFS_SET_WRITTEN, .written = 130000000000000000};
	struct vfs_volume volume;
	struct vfs_dirent e;
	struct vfs_stat st;
	char b[8];
	size_t n;

	if (strcmp(operation, "stat_get") == 0)
		return vfs_stat_get(file, &st);
	if (strcmp(operation, "set") == 0)
		return vfs_set(file, &set);
	if (strcmp(operation, "read") == 0)
		return vfs_read(file, b, 1, 0, &n);
	if (strcmp(operation, "read_at_hand") == 0)
		return vfs_read_at_hand(file, b, 1, 0, &n);
	if (strcmp(operation, "write") == 0)
		return vfs_write(file, "x", 1, 0);
	if (strcmp(operation, "flush") == 0)
		return vfs_flush(file);
	if (strcmp(operation, "truncate") == 0)
		return vfs_truncate(file, 3);
	if (strcmp(operation, "allocate") == 0)
		return vfs_allocate(file, 3);
	if (strcmp(operation, "rename") == 0)
		return vfs_rename(file, wide(f, "renamed"), true);
	if (strcmp(operation, "link") == 0)
		return vfs_link(file, wide(f, "linked"), true);
	if (strcmp(operation, "dir_empty") == 0)
		return vfs_dir_empty(dir);
	if (strcmp(operation, "dir_read") == 0)
		return vfs_dir_read(dir, true, &e);
	if (strcmp(operation, "xattr_get") == 0)
		return vfs_xattr_get(file, "x", b, sizeof(b), &n);
	if (strcmp(operation, "xattr_set") == 0)
		return vfs_xattr_set(file, "x", "y", 1);
	if (strcmp(operation, "volume_query") == 0)
		return vfs_volume_query(f->v, &volume);
	if (strcmp(operation, "unlink") == 0)
		return vfs_unlink(file);
	return STATUS_INTERNAL_ERROR;
}

static void test_every_operation_fails_as_told(void **state)
{
	struct fixture *f = *state, t = *f;
	struct plan plan = {.with = STATUS_IO_DEVICE_ERROR};
	struct vfs_file *file, *dir;

	t.v = vfs_fault_open(vfs_mem_open(&f->clock.clock, 1 << 20), decide, &plan);
	assert_non_null(t.v);
	make_dir(&t, "dir");
	file = create_file(&t, "file");
	dir = open_file(&t, "dir", VFS_READ);
	assert_ok(vfs_xattr_set(file, "x", "y", 1));
	assert_int_equal(vfs_file_fd(file), -1);
	for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
		plan.fail = operations[i];
		assert_status(call(&t, operations[i], file, dir), IO_DEVICE_ERROR);
	}
	/* Nothing of that was done: all of it works now. */
	plan.fail = NULL;
	assert_string_equal(name_of(&t, file), "file");
	for (size_t i = 0; i < ARRAY_LEN(operations); i++)
		assert_ok(call(&t, operations[i], file, dir));
	plan.fail = "open";
	plan.with = STATUS_TOO_MANY_OPENED_FILES;
	assert_status(try_open(&t, "dir", VFS_OPEN, 0), TOO_MANY_OPENED_FILES);
	assert_null(t.last.file);
	plan.fail = "file_name";
	assert_null(vfs_file_name(dir, &t.arena).data);
	plan.fail = NULL;
	vfs_dir_seek(dir, 0);
	assert_ok(call(&t, "dir_read", file, dir));
	assert_status(try_open(&t, "none", VFS_OPEN, 0), OBJECT_NAME_NOT_FOUND);
	assert_true(plan.asked > 30);
	vfs_file_close(file);
	vfs_file_close(dir);
	f->arena = t.arena;
	vfs_close(t.v);
}

static void test_mem_is_full_at_its_capacity(void **state)
{
	struct fixture *f = *state, t = *f;
	struct vfs_volume volume;
	uint8_t block[8192];
	struct vfs_file *file;
	size_t n;

	memset(block, 'b', sizeof(block));
	t.v = vfs_mem_open(&f->clock.clock, 65536);
	file = create_file(&t, "big");
	assert_ok(vfs_write(file, block, 8192, 0));
	assert_status(vfs_allocate(file, 65537), DISK_FULL);
	assert_ok(vfs_truncate(file, 0));
	for (uint64_t i = 0; i < 7; i++)
		assert_ok(vfs_write(file, block, 8192, i * 8192));
	assert_status(vfs_write(file, block, 8192, 7 * 8192 + 1), DISK_FULL);
	assert_ok(vfs_read(file, block, 1, 8191, &n));
	assert_int_equal(block[0], 'b');
	assert_ok(vfs_volume_query(t.v, &volume));
	assert_int_equal(volume.total_bytes, 65536);
	assert_int_equal(volume.free_bytes, 0);
	/* Memory of a removed file comes back with its last handle. */
	assert_ok(vfs_unlink(file));
	assert_ok(vfs_volume_query(t.v, &volume));
	assert_int_equal(volume.free_bytes, 0);
	vfs_file_close(file);
	assert_ok(vfs_volume_query(t.v, &volume));
	assert_int_equal(volume.free_bytes, 65536);
	f->arena = t.arena;
	vfs_close(t.v);
}

static void test_mem_is_deterministic(void **state)
{
	struct fixture *f = *state;
	uint64_t ids[2], times[2];

	for (int i = 0; i < 2; i++) {
		struct fixture t = *f;

		clock_virtual_init(&f->clock);
		f->clock.start_filetime = 130000000000000000;
		t.v = vfs_mem_open(&f->clock.clock, 65536);
		make_dir(&t, "d");
		f->clock.now_ms = 5000;
		make_file(&t, "d\\f", "x");
		ids[i] = stat_of(&t, "d\\f").file_id;
		times[i] = stat_of(&t, "d").written;
		f->arena = t.arena;
		vfs_close(t.v);
	}
	assert_int_equal(ids[0], ids[1]);
	assert_int_equal(times[0], times[1]);
	assert_int_equal(times[0], 130000000000000000 + 50000000);
}

/* Handles of a tree that is taken down around them. */
static void test_mem_handles_outlive_their_directories(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *dir, *file, *sub;
	struct vfs_dirent e;

	make_dir(f, "gone");
	make_dir(f, "gone\\sub");
	make_file(f, "gone\\sub\\file", "abc");
	dir = open_file(f, "gone", VFS_DELETE | VFS_READ);
	sub = open_file(f, "gone\\sub", VFS_DELETE | VFS_READ);
	file = open_file(f, "gone\\sub\\file", VFS_DELETE | VFS_READ);
	assert_ok(vfs_unlink(file));
	assert_ok(vfs_unlink(sub));
	assert_ok(vfs_unlink(dir));
	vfs_file_close(dir);
	(void)name_of(f, file);
	assert_ok(vfs_dir_read(sub, true, &e));
	assert_ok(vfs_dir_read(sub, true, &e));
	assert_status(vfs_dir_read(sub, true, &e), NO_MORE_FILES);
	vfs_file_close(sub);
	(void)name_of(f, file);
	assert_ok(vfs_stat_get(file, &f->last.stat));
	vfs_file_close(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_operation_fails_as_told),
		cmocka_unit_test(test_mem_is_full_at_its_capacity),
		cmocka_unit_test(test_mem_is_deterministic),
		cmocka_unit_test(test_mem_handles_outlive_their_directories),
	};

	return cmocka_run_group_tests(tests, setup_mem, teardown);
}

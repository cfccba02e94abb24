/* The posix store against the machine: other processes, permissions, special files, full disks, file systems without extended
 * attributes. What needs root (mounts, other users) is skipped without. */
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static void test_open_of_a_store_says_why_not(void **state)
{
	struct vfs_posix_options o = {0};
	char why[256] = "", long_name[1000];

	(void)state;
	assert_null(vfs_posix_open("/nonexistent/hythe", &o, why));
	assert_non_null(strstr(why, "/nonexistent/hythe"));
	assert_non_null(strstr(why, "No such file"));
	assert_null(vfs_posix_open("/etc/passwd", &o, why));
	assert_non_null(strstr(why, "Not a directory"));
	memset(long_name, 'x', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = 0;
	assert_null(vfs_posix_open(long_name, &o, why));
	assert_true(strlen(why) < sizeof(why));
}

/* What is beneath f->root by that path. */
static ntstatus beneath(const struct fixture *f, const char *path, bool make, char *why)
{
	const struct vfs_posix_options o = {0};
	struct vfs *v = NULL;
	ntstatus status = vfs_posix_open_beneath(f->root, path, make, &o, &v, why);

	assert_true(nt_ok(status) == (v != NULL));
	if (v)
		vfs_close(v);
	return status;
}

static void entry(const struct fixture *f, const char *name, char out[PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%s/%s", f->root, name);
}

static void test_a_store_beneath_a_directory(void **state)
{
	const struct fixture *f = *state;
	char why[256] = "", path[PATH_MAX], long_path[PATH_MAX + 10];
	struct stat st;

	entry(f, "there", path);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_true(nt_ok(beneath(f, "there", false, why)));
	assert_true(nt_is(beneath(f, "missing", false, why), STATUS_OBJECT_NAME_NOT_FOUND));
	assert_non_null(strstr(why, "missing: No such file"));
	assert_true(nt_is(beneath(f, "there/missing", false, why), STATUS_OBJECT_NAME_NOT_FOUND));
	assert_true(nt_ok(beneath(f, "made/all/the/way", true, why)));
	entry(f, "made/all", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(st.st_uid, geteuid());
	/* What is there stays as it is. */
	assert_true(nt_ok(beneath(f, "there/new", true, why)));
	entry(f, "there", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	memset(long_path, 'x', 300);
	long_path[300] = 0;
	assert_true(nt_is(beneath(f, long_path, true, why), STATUS_OBJECT_NAME_INVALID));
	for (size_t i = 0; i + 2 < sizeof(long_path); i += 2)
		memcpy(long_path + i, "x/", 3);
	assert_false(nt_ok(beneath(f, long_path, true, why)));
}

static void test_nothing_leads_out_from_beneath_a_directory(void **state)
{
	static const char *const ways[] = {"..", "../other", "out", "out/x", "up", "beside", "beside/x", "d/../..", "/etc", "loop", "file", "file/x", ""};
	const struct fixture *f = *state;
	char why[256] = "", path[PATH_MAX], outside[PATH_MAX];

	entry(f, "d", path);
	assert_int_equal(mkdir(path, 0700), 0);
	entry(f, "out", path);
	assert_int_equal(symlink("/tmp", path), 0);
	entry(f, "up", path);
	assert_int_equal(symlink("..", path), 0);
	entry(f, "beside", path);
	assert_int_equal(symlink("d", path), 0);
	entry(f, "loop", path);
	assert_int_equal(symlink("loop", path), 0);
	entry(f, "file", path);
	close(creat(path, 0600));
	entry(f, "../hythe-vfs-outside", outside);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		assert_false(nt_ok(beneath(f, ways[i], false, why)));
		assert_false(nt_ok(beneath(f, ways[i], true, why)));
		assert_true(why[0] != 0);
	}
	assert_true(nt_is(beneath(f, "out", true, why), STATUS_ACCESS_DENIED));
	assert_non_null(strstr(why, "symbolic link"));
	assert_false(nt_ok(beneath(f, "../hythe-vfs-outside", true, why)));
	assert_int_equal(access(outside, F_OK), -1);
	entry(f, "d/x", path);
	assert_int_equal(access(path, F_OK), -1);
	assert_true(nt_is(vfs_posix_open_beneath("/nonexistent/hythe", "x", true, &(struct vfs_posix_options){0}, &(struct vfs *){NULL}, why),
		STATUS_OBJECT_NAME_NOT_FOUND));
}

/* As an old container runtime does: openat2 is unknown. */
static bool openat2_forbid(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {ARRAY_LEN(code), code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

static void test_missing_openat2_is_said_plainly(void **state)
{
	struct fixture *f = *state;
	struct vfs_posix_options o = {0};
	char why[256] = "";
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (!openat2_forbid())
			_exit(2);
		_exit(vfs_posix_open(f->root, &o, why) == NULL && strstr(why, "openat2") != NULL && strstr(why, "Linux 5.6") != NULL ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 2)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_special_files_neither_block_nor_open(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {"fifo", "socket", "null"};
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	size_t made = 2;

	assert_int_equal(mkfifo(on_disk(f, "fifo"), 0666), 0);
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", on_disk(f, "socket"));
	assert_int_equal(bind(s, (struct sockaddr *)&sa, sizeof(sa)), 0);
	if (mknod(on_disk(f, "null"), S_IFCHR | 0666, makedev(1, 3)) == 0)
		made = 3;
	alarm(10);
	for (size_t i = 0; i < made; i++) {
		assert_status(try_open(f, names[i], VFS_OPEN, VFS_READ), ACCESS_DENIED);
		assert_status(try_open(f, names[i], VFS_OPEN, VFS_READ | VFS_WRITE), ACCESS_DENIED);
		assert_status(try_open(f, names[i], VFS_OPEN_IF, VFS_WRITE), ACCESS_DENIED);
		assert_status(try_open(f, names[i], VFS_CREATE, VFS_WRITE), OBJECT_NAME_COLLISION);
		assert_status(try_open(f, names[i], VFS_OPEN, VFS_DIRECTORY), NOT_A_DIRECTORY);
		assert_int_equal(stat_of(f, names[i]).size, 0);
		assert_non_null(strstr(listing(f, ""), names[i]));
		assert_ok(rename_name(f, names[i], "special", false));
		assert_ok(remove_name(f, "SPECIAL"));
	}
	alarm(0);
	close(s);
}

/* Runs fn as nobody in a child; skips when not root. */
static void as_nobody(struct fixture *f, void (*fn)(struct fixture *f))
{
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(f->root, 0777), 0);
	pid = fork();
	if (pid == 0) {
		if (setgid(65534) != 0 || setuid(65534) != 0)
			_exit(2);
		fn(f);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* In the child assertions would unwind into the parent's test: they exit instead. */
#define CHILD_CHECK(x)                                                                                                 \
	do {                                                                                                           \
		if (!(x)) {                                                                                            \
			print_error("%s:%d: %s\n", __FILE__, __LINE__, #x);                                            \
			_exit(1);                                                                                      \
		}                                                                                                      \
	} while (0)

static void look_at_the_forbidden(struct fixture *f)
{
	struct vfs_set_info set = {.which = VFS_SET_WRITTEN, .written = 130000000000000000};
	struct vfs_stat st;

	CHILD_CHECK(nt_is(try_open(f, "perm\\secret", VFS_OPEN, VFS_READ), STATUS_ACCESS_DENIED));
	CHILD_CHECK(nt_is(try_open(f, "perm\\secret", VFS_OPEN, VFS_WRITE), STATUS_ACCESS_DENIED));
	CHILD_CHECK(nt_is(try_open(f, "perm\\readable", VFS_OPEN, VFS_READ | VFS_WRITE), STATUS_ACCESS_DENIED));
	CHILD_CHECK(nt_ok(try_open(f, "perm\\secret", VFS_OPEN, 0)));
	CHILD_CHECK(nt_ok(vfs_stat_get(f->last.file, &st)) && st.size == 3);
	CHILD_CHECK(nt_is(vfs_set(f->last.file, &set), STATUS_ACCESS_DENIED));
	vfs_file_close(f->last.file);
	CHILD_CHECK(nt_ok(try_open(f, "perm\\writable", VFS_OPEN, VFS_WRITE)));
	CHILD_CHECK(nt_ok(vfs_write(f->last.file, "x", 1, 0)));
	vfs_file_close(f->last.file);
	CHILD_CHECK(nt_is(try_open(f, "perm\\new", VFS_CREATE, VFS_WRITE), STATUS_ACCESS_DENIED));
	CHILD_CHECK(nt_is(try_open(f, "perm\\new", VFS_CREATE, VFS_DIRECTORY), STATUS_ACCESS_DENIED));
	/* A directory that may be passed but not listed: the right case finds a name, another does not. */
	CHILD_CHECK(nt_ok(try_open(f, "pass\\known", VFS_OPEN, VFS_READ)));
	vfs_file_close(f->last.file);
	CHILD_CHECK(nt_is(try_open(f, "pass\\KNOWN", VFS_OPEN, VFS_READ), STATUS_OBJECT_NAME_NOT_FOUND));
	CHILD_CHECK(nt_is(try_open(f, "pass", VFS_OPEN, VFS_READ), STATUS_ACCESS_DENIED));
	CHILD_CHECK(nt_is(try_open(f, "closed\\x", VFS_OPEN, VFS_READ), STATUS_ACCESS_DENIED));
	CHILD_CHECK(nt_is(try_open(f, "closed\\x", VFS_OPEN_IF, VFS_READ), STATUS_ACCESS_DENIED));
}

static void test_permissions_of_the_system_hold(void **state)
{
	struct fixture *f = *state;

	make_dir(f, "perm");
	make_file(f, "perm\\secret", "abc");
	make_file(f, "perm\\readable", "abc");
	make_file(f, "perm\\writable", "abc");
	make_dir(f, "pass");
	make_file(f, "pass\\known", "k");
	make_dir(f, "closed");
	make_file(f, "closed\\x", "");
	assert_int_equal(chmod(on_disk(f, "perm/secret"), 0), 0);
	assert_int_equal(chmod(on_disk(f, "perm/writable"), 0222), 0);
	assert_int_equal(chmod(on_disk(f, "pass"), 0711), 0);
	assert_int_equal(chmod(on_disk(f, "closed"), 0700), 0);
	as_nobody(f, look_at_the_forbidden);
}

static void test_modes_follow_the_umask(void **state)
{
	struct fixture *f = *state;
	mode_t old = umask(027);

	make_file(f, "umask_file", "");
	make_dir(f, "umask_dir");
	(void)umask(old);
	assert_int_equal(stat_of(f, "umask_file").mode & 07777, 0640);
	assert_int_equal(stat_of(f, "umask_dir").mode & 07777, 0750);
}

static void test_read_only_store_changes_nothing(void **state)
{
	struct fixture *f = *state, ro = *f;
	struct vfs_posix_options o = {.read_only = true};
	struct vfs_set_info set = {.which = VFS_SET_ATTRIBUTES, .attributes = FILE_ATTRIBUTE_HIDDEN};
	struct vfs_volume volume;
	struct vfs_file *file;
	char why[256];

	make_file(f, "ro_file", "abc");
	ro.v = vfs_posix_open(f->root, &o, why);
	assert_non_null(ro.v);
	assert_status(try_open(&ro, "ro_file", VFS_OPEN, VFS_WRITE), MEDIA_WRITE_PROTECTED);
	assert_status(try_open(&ro, "ro_file", VFS_OPEN, VFS_DELETE), MEDIA_WRITE_PROTECTED);
	assert_status(try_open(&ro, "ro_new", VFS_CREATE, VFS_READ), MEDIA_WRITE_PROTECTED);
	assert_status(try_open(&ro, "ro_new", VFS_OPEN_IF, VFS_READ), MEDIA_WRITE_PROTECTED);
	assert_ok(try_open(&ro, "RO_FILE", VFS_OPEN_IF, VFS_READ));
	file = ro.last.file;
	assert_status(vfs_unlink(file), MEDIA_WRITE_PROTECTED);
	assert_status(vfs_rename(file, wide(f, "x"), false), MEDIA_WRITE_PROTECTED);
	assert_status(vfs_link(file, wide(f, "x"), false), MEDIA_WRITE_PROTECTED);
	assert_status(vfs_set(file, &set), MEDIA_WRITE_PROTECTED);
	assert_status(vfs_xattr_set(file, "X", "a", 1), MEDIA_WRITE_PROTECTED);
	vfs_file_close(file);
	assert_ok(vfs_volume_query(ro.v, &volume));
	assert_true(volume.read_only);
	vfs_close(ro.v);
	assert_string_equal(content_of(f, "ro_file"), "abc");
}

static void test_names_follow_renames_of_other_programs(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file;

	make_dir(f, "ext");
	make_file(f, "ext\\a", "a");
	file = open_file(f, "ext\\a", VFS_DELETE);
	assert_int_equal(rename(on_disk(f, "ext/a"), on_disk(f, "ext/b")), 0);
	assert_int_equal(rename(on_disk(f, "ext"), on_disk(f, "ext2")), 0);
	assert_ok(vfs_rename(file, wide(f, "ext2\\c"), false));
	assert_string_equal(name_of(f, file), "ext2\\c");
	assert_int_equal(rename(on_disk(f, "ext2/c"), on_disk(f, "ext2/d")), 0);
	make_file(f, "ext2\\c", "another");
	assert_ok(vfs_unlink(file));
	assert_string_equal(content_of(f, "ext2\\c"), "another");
	assert_false(exists(f, "ext2\\d"));
	vfs_file_close(file);
}

static void test_file_moved_out_of_the_share_is_out_of_reach(void **state)
{
	struct fixture *f = *state;
	char outside[] = "/tmp/hythe-outside-XXXXXX", away[64];
	struct vfs_file *file, *dir;
	struct vfs_dirent e;

	assert_non_null(mkdtemp(outside));
	(void)snprintf(away, sizeof(away), "%s/away", outside);
	make_file(f, "leaver", "x");
	file = open_file(f, "leaver", VFS_DELETE | VFS_READ);
	assert_int_equal(rename(on_disk(f, "leaver"), away), 0);
	assert_status(vfs_unlink(file), OBJECT_NAME_NOT_FOUND);
	assert_status(vfs_rename(file, wide(f, "back"), false), OBJECT_NAME_NOT_FOUND);
	assert_int_equal(access(away, F_OK), 0);
	vfs_file_close(file);
	assert_int_equal(unlink(away), 0);
	make_dir(f, "leaverdir");
	dir = open_file(f, "leaverdir", VFS_READ | VFS_DELETE);
	assert_int_equal(rename(on_disk(f, "leaverdir"), away), 0);
	while (nt_ok(vfs_dir_read(dir, true, &e)))
		;
	assert_status(vfs_unlink(dir), OBJECT_NAME_NOT_FOUND);
	vfs_file_close(dir);
	tree_remove(outside);
}

static void test_files_of_odd_names_ending_as_if_deleted(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file;

	make_file(f, "x (deleted)", "");
	file = open_file(f, "x (deleted)", VFS_DELETE);
	assert_int_equal(rename(on_disk(f, "x (deleted)"), on_disk(f, "y (deleted)")), 0);
	assert_ok(vfs_unlink(file));
	assert_false(exists(f, "y (deleted)"));
	vfs_file_close(file);
}

static void test_two_processes_create_a_name_once(void **state)
{
	struct fixture *f = *state;
	unsigned mine = 0, theirs;
	int p[2], status;
	pid_t pid;

	make_dir(f, "proc");
	assert_int_equal(pipe(p), 0);
	pid = fork();
	for (int i = 0; i < 300; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "proc\\f%d", i);
		if (nt_ok(try_open(f, name, VFS_OPEN_IF, VFS_WRITE))) {
			mine += f->last.created;
			vfs_file_close(f->last.file);
		}
	}
	if (pid == 0)
		_exit(write(p[1], &mine, sizeof(mine)) != sizeof(mine));
	assert_int_equal(read(p[0], &theirs, sizeof(theirs)), sizeof(theirs));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(mine + theirs, 300);
	close(p[0]);
	close(p[1]);
}

static void test_file_that_shrinks_under_a_read_ends_there(void **state)
{
	struct fixture *f = *state;
	char b[64];
	struct vfs_file *file;
	size_t n;

	make_file(f, "shrinks", "0123456789");
	file = open_file(f, "shrinks", VFS_READ);
	assert_int_equal(truncate(on_disk(f, "shrinks"), 4), 0);
	assert_ok(vfs_read(file, b, 10, 0, &n));
	assert_int_equal(n, 4);
	assert_true(vfs_file_fd(file) >= 0);
	vfs_file_close(file);
}

static void test_write_through_and_flush(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file;

	assert_ok(try_open(f, "wt", VFS_CREATE, VFS_WRITE | VFS_WRITE_THROUGH));
	file = f->last.file;
	assert_int_equal(fcntl(vfs_file_fd(file), F_GETFL) & O_DSYNC, O_DSYNC);
	assert_ok(vfs_write(file, "abc", 3, 0));
	assert_ok(vfs_flush(file));
	assert_ok(vfs_rename(file, wide(f, "wt2"), false));
	assert_ok(vfs_flush(file));
	assert_ok(vfs_unlink(file));
	assert_ok(vfs_flush(file));
	vfs_file_close(file);
}

static void test_descriptors_run_out_with_the_right_status(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, few;
	int taken[64];
	size_t n = 0;

	make_file(f, "emfile", "");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (n < ARRAY_LEN(taken) && (taken[n] = open("/dev/null", O_RDONLY)) >= 0)
		n++;
	assert_status(try_open(f, "emfile", VFS_OPEN, VFS_READ), TOO_MANY_OPENED_FILES);
	assert_status(try_open(f, "EMFILE", VFS_OPEN, VFS_READ), TOO_MANY_OPENED_FILES);
	assert_status(try_open(f, "emfile2", VFS_CREATE, VFS_READ), TOO_MANY_OPENED_FILES);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	while (n > 0)
		close(taken[--n]);
	vfs_file_close(open_file(f, "emfile", VFS_READ));
}

/* --- other file systems --- */

/* Mounts one at the path; skips where that is not allowed. */
static void mount_at(const char *path, const char *type, const char *options)
{
	if (mount("hythe-test", path, type, 0, options) != 0)
		skip();
}

static void test_full_disk_is_told_and_loses_nothing(void **state)
{
	struct fixture *f = *state;
	uint8_t *block = calloc(1, 65536);
	struct vfs_file *file;
	ntstatus st = STATUS_SUCCESS;
	unsigned written = 0;

	assert_int_equal(mkdir(on_disk(f, "full"), 0777), 0);
	mount_at(on_disk(f, "full"), "tmpfs", "size=1m");
	make_file(f, "full\\kept", "kept");
	file = create_file(f, "full\\big");
	memset(block, 'b', 65536);
	while (written < 100 && nt_ok(st = vfs_write(file, block, 65536, written * 65536ull)))
		written++;
	assert_status(st, DISK_FULL);
	assert_true(written > 10 && written < 17);
	assert_status(vfs_allocate(file, 100 << 20), DISK_FULL);
	assert_ok(vfs_read(file, block, 10, (written - 1) * 65536ull, &(size_t){0}));
	assert_memory_equal(block, "bbbbbbbbbb", 10);
	assert_string_equal(content_of(f, "full\\kept"), "kept");
	vfs_file_close(file);
	assert_ok(remove_name(f, "full\\big"));
	free(block);
	assert_int_equal(umount(on_disk(f, "full")), 0);
}

static void test_ids_differ_between_devices_and_renames_do_not_cross(void **state)
{
	struct fixture *f = *state;
	uint64_t ids[2];

	make_dir(f, "m1");
	make_dir(f, "m2");
	make_file(f, "crosser", "x");
	mount_at(on_disk(f, "m1"), "tmpfs", "size=1m");
	mount_at(on_disk(f, "m2"), "tmpfs", "size=1m");
	make_file(f, "m1\\a", "");
	make_file(f, "m2\\a", "");
	ids[0] = stat_of(f, "m1\\a").file_id;
	ids[1] = stat_of(f, "m2\\a").file_id;
	assert_true(ids[0] != ids[1]);
	assert_true(stat_of(f, "m1").file_id != stat_of(f, "m2").file_id);
	assert_true(stat_of(f, "m1").file_id != stat_of(f, "").file_id);
	assert_status(rename_name(f, "crosser", "m1\\crosser", false), NOT_SAME_DEVICE);
	assert_status(remove_name(f, "m1"), SHARING_VIOLATION);
	assert_int_equal(umount(on_disk(f, "m1")), 0);
	assert_int_equal(umount(on_disk(f, "m2")), 0);
}

static void test_file_system_without_xattrs_still_serves(void **state)
{
	struct fixture *f = *state, bare = *f;
	struct vfs_posix_options o = {0};
	struct vfs_set_info set = {.which = VFS_SET_ATTRIBUTES, .attributes = FILE_ATTRIBUTE_READONLY};
	struct vfs_volume volume;
	struct vfs_file *file;
	char why[256];

	make_dir(f, "ram");
	mount_at(on_disk(f, "ram"), "ramfs", NULL);
	(void)snprintf(bare.root, sizeof(bare.root), "%.50s/ram", f->root);
	bare.v = vfs_posix_open(bare.root, &o, why);
	assert_non_null(bare.v);
	assert_ok(vfs_volume_query(bare.v, &volume));
	if (volume.xattrs) {
		vfs_close(bare.v);
		assert_int_equal(umount(on_disk(f, "ram")), 0);
		skip();
	}
	make_file(&bare, "file", "abc");
	file = open_file(&bare, "file", 0);
	assert_ok(vfs_set(file, &set));
	assert_status(vfs_xattr_set(file, "X", "a", 1), EAS_NOT_SUPPORTED);
	vfs_file_close(file);
	assert_int_equal(stat_of(&bare, "FILE").attributes, FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_ARCHIVE);
	set.attributes = FILE_ATTRIBUTE_NORMAL;
	file = open_file(&bare, "file", 0);
	assert_ok(vfs_set(file, &set));
	vfs_file_close(file);
	assert_int_equal(stat_of(&bare, "file").attributes, FILE_ATTRIBUTE_ARCHIVE);
	assert_string_equal(listing(&bare, ""), ". .. file ");
	vfs_close(bare.v);
	assert_int_equal(umount(on_disk(f, "ram")), 0);
}

/* --- listings and renames together --- */

struct shaker {
	struct fixture *f;
	atomic_bool stop;
	atomic_uint renames;
};

static void *shake(void *arg)
{
	struct shaker *s = arg;
	struct arena a;

	arena_init(&a, NULL, 0, 0);
	for (unsigned i = 0; !s->stop; i++) {
		struct vfs_open_args args = {.name = utf16_from_utf8_arena(&a, i % 2 != 0 ? "shake2" : "shake"),
			.disposition = VFS_OPEN, .flags = VFS_DELETE};
		struct vfs_open_result r;

		if (nt_ok(vfs_open(s->f->v, &args, &a, &r))) {
			s->renames += nt_ok(vfs_rename(r.file, utf16_from_utf8_arena(&a, i % 2 != 0 ? "shake" : "shake2"), false));
			vfs_file_close(r.file);
		}
		arena_reset(&a);
	}
	return NULL;
}

static void test_handles_stay_good_while_their_directory_is_renamed(void **state)
{
	struct fixture *f = *state;
	static struct shaker s;
	struct vfs_file *file;
	pthread_t t;

	make_dir(f, "shake");
	make_file(f, "shake\\file", "abc");
	file = open_file(f, "shake\\file", VFS_READ);
	s.f = f;
	assert_int_equal(pthread_create(&t, NULL, shake, &s), 0);
	for (int i = 0; i < 3000 || s.renames < 50; i++) {
		struct vfs_stat st;
		const char *name = name_of(f, file);

		assert_true(strcmp(name, "shake\\file") == 0 || strcmp(name, "shake2\\file") == 0);
		assert_ok(vfs_stat_get(file, &st));
		assert_int_equal(st.size, 3);
	}
	s.stop = true;
	pthread_join(t, NULL);
	assert_true(s.renames >= 50);
	assert_ok(vfs_unlink(file));
	vfs_file_close(file);
}

/* Bytes that come through a pipe are those of the pipe, from the offset on, no more of them than was said. */
static void test_writing_from_a_pipe(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file = create_file(f, "piped"), *mine;
	uint8_t in[50000], out[50000], rest[8];
	struct vfs *mem = vfs_mem_open(&clock_system, 1 << 20);
	struct vfs_open_args args = {.name = wide(f, "m"), .disposition = VFS_CREATE, .flags = VFS_WRITE};
	struct vfs_open_result opened;
	size_t done;
	int p[2];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7 + i / 256);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_true(vfs_takes_pipe(file));
	assert_int_equal(write(p[1], in, sizeof(in)), sizeof(in));
	assert_ok(vfs_write_pipe(file, p[0], 1, 3));
	assert_ok(vfs_write_pipe(file, p[0], 30000, 4));
	assert_ok(vfs_write_pipe(file, p[0], sizeof(in) - 30001 - 5, 30004));
	assert_int_equal(read(p[0], rest, sizeof(rest)), 5);
	assert_memory_equal(rest, in + sizeof(in) - 5, 5);
	assert_ok(vfs_read(file, out, sizeof(out), 3, &done));
	assert_int_equal(done, sizeof(in) - 5);
	assert_memory_equal(out, in, done);
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_status(vfs_write_pipe(file, p[0], 1, UINT64_MAX), INVALID_PARAMETER);
	/* Where splice(2) does not write: a file opened to append. */
	assert_int_equal(fcntl(vfs_file_fd(file), F_SETFL, O_APPEND), 0);
	assert_ok(vfs_write_pipe(file, p[0], 1, sizeof(in) - 2));
	vfs_file_close(file);
	assert_int_equal(stat_of(f, "piped").size, sizeof(in) - 1);
	file = open_file(f, "piped", VFS_READ);
	assert_status(vfs_write_pipe(file, p[0], 1, 0), ACCESS_DENIED);
	vfs_file_close(file);
	assert_ok(vfs_open(mem, &args, &f->arena, &opened));
	mine = opened.file;
	assert_false(vfs_takes_pipe(mine));
	assert_status(vfs_write_pipe(mine, p[0], 1, 0), INVALID_DEVICE_REQUEST);
	vfs_file_close(mine);
	vfs_close(mem);
	close(p[0]);
	close(p[1]);
}

/* How another program would find the byte: F_UNLCK, F_RDLCK or F_WRLCK. */
static int locked_for_others(int fd, off_t at)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

	assert_int_equal(fcntl(fd, F_OFD_GETLK, &l), 0);
	return l.l_type;
}

/* Pages of the file, up to its end. */
static void test_reading_into_a_pipe(void **state)
{
	struct fixture *f = *state;
	struct vfs_file *file = create_file(f, "paged");
	uint8_t in[40000], out[sizeof(in)];
	size_t done;
	int p[2];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7 + i / 256);
	assert_ok(vfs_write(file, in, sizeof(in), 0));
	assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
	assert_ok(vfs_read_pipe(file, p[1], 8192, 4096, true, &done));
	assert_int_equal(done, 8192);
	assert_int_equal(read(p[0], out, sizeof(out)), 8192);
	assert_memory_equal(out, in + 4096, 8192);
	assert_ok(vfs_read_pipe(file, p[1], 65536, 36864, true, &done));
	assert_int_equal(done, sizeof(in) - 36864);
	assert_int_equal(read(p[0], out, sizeof(out)), done);
	assert_memory_equal(out, in + 36864, done);
	assert_ok(vfs_read_pipe(file, p[1], 4096, sizeof(in), true, &done));
	assert_int_equal(done, 0);
	assert_status(vfs_read_pipe(file, p[1], 4096, UINT64_MAX - 4095, true, &done), INVALID_PARAMETER);
	/* A pipe without room for all of it. */
	assert_int_equal(fcntl(p[1], F_SETPIPE_SZ, 4096), 4096);
	assert_status(vfs_read_pipe(file, p[1], 8192, 0, true, &done), INVALID_DEVICE_REQUEST);
	vfs_file_close(file);
	close(p[0]);
	close(p[1]);
}

static void test_locks_are_those_of_the_system(void **state)
{
	struct fixture *f = *state;
	struct flock own = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 10};
	struct vfs_file *file, *reader;
	int fd;

	make_file(f, "locks", "content");
	file = open_file(f, "locks", VFS_READ | VFS_WRITE);
	reader = open_file(f, "locks", VFS_READ);
	fd = open(on_disk(f, "locks"), O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_ok(vfs_lock(file, 0, 4, VFS_LOCKED));
	assert_ok(vfs_lock(file, 4, 4, VFS_LOCKED_SHARED));
	assert_int_equal(locked_for_others(fd, 3), F_WRLCK);
	assert_int_equal(locked_for_others(fd, 4), F_RDLCK);
	assert_int_equal(locked_for_others(fd, 8), F_UNLCK);
	/* Other handles are others. */
	assert_status(vfs_lock(reader, 0, 1, VFS_LOCKED_SHARED), LOCK_NOT_GRANTED);
	assert_ok(vfs_lock(reader, 4, 1, VFS_LOCKED_SHARED));
	/* A handle that cannot write locks as far as it can. */
	assert_ok(vfs_lock(reader, 20, 1, VFS_LOCKED));
	assert_int_equal(locked_for_others(fd, 20), F_RDLCK);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &own), 0);
	assert_status(vfs_lock(file, 90, 11, VFS_LOCKED_SHARED), LOCK_NOT_GRANTED);
	assert_int_equal(locked_for_others(fd, 90), F_UNLCK);
	assert_ok(vfs_lock(file, 5, 0, VFS_LOCKED));
	assert_ok(vfs_lock(file, (uint64_t)INT64_MAX + 1, 5, VFS_LOCKED));
	assert_ok(vfs_lock(file, INT64_MAX - 1, UINT64_MAX - INT64_MAX, VFS_LOCKED));
	assert_int_equal(locked_for_others(fd, INT64_MAX - 1), F_WRLCK);
	assert_ok(vfs_lock(file, 0, UINT64_MAX, VFS_UNLOCKED));
	assert_int_equal(locked_for_others(fd, 3), F_UNLCK);
	vfs_file_close(reader);
	assert_int_equal(locked_for_others(fd, 20), F_UNLCK);
	close(fd);
	vfs_file_close(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_of_a_store_says_why_not),
		cmocka_unit_test(test_missing_openat2_is_said_plainly),
		cmocka_unit_test_setup_teardown(test_a_store_beneath_a_directory, setup_tmp, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_leads_out_from_beneath_a_directory, setup_tmp, teardown),
		cmocka_unit_test(test_special_files_neither_block_nor_open),
		cmocka_unit_test(test_permissions_of_the_system_hold),
		cmocka_unit_test(test_modes_follow_the_umask),
		cmocka_unit_test(test_read_only_store_changes_nothing),
		cmocka_unit_test(test_names_follow_renames_of_other_programs),
		cmocka_unit_test(test_file_moved_out_of_the_share_is_out_of_reach),
		cmocka_unit_test(test_files_of_odd_names_ending_as_if_deleted),
		cmocka_unit_test(test_two_processes_create_a_name_once),
		cmocka_unit_test(test_file_that_shrinks_under_a_read_ends_there),
		cmocka_unit_test(test_write_through_and_flush),
		cmocka_unit_test(test_writing_from_a_pipe),
		cmocka_unit_test(test_reading_into_a_pipe),
		cmocka_unit_test(test_locks_are_those_of_the_system),
		cmocka_unit_test(test_descriptors_run_out_with_the_right_status),
		cmocka_unit_test(test_full_disk_is_told_and_loses_nothing),
		cmocka_unit_test(test_ids_differ_between_devices_and_renames_do_not_cross),
		cmocka_unit_test(test_file_system_without_xattrs_still_serves),
		cmocka_unit_test(test_handles_stay_good_while_their_directory_is_renamed),
	};
	size_t before = open_descriptors();
	int failed = cmocka_run_group_tests(tests, setup_tmp, teardown);

	if (open_descriptors() != before) {
		print_error("descriptors leaked: %zu before, %zu after\n", before, open_descriptors());
		failed++;
	}
	return failed != 0;
}

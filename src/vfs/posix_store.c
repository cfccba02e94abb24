/* The posix store: a directory of the machine. Opening, closing, the volume, and the table that vfs.h calls through. */
#include "vfs/posix_watch.h"

#include "base/filetime.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WHY_BYTES = 256, SECTOR_BYTES = 512 };

static void posix_close(struct vfs *v)
{
	struct posix_store *s = posix_store_of(v);

	for (size_t i = 0; i < POSIX_NAME_LOCKS; i++) {
		pthread_mutex_destroy(&s->names[i]);
		pthread_mutex_destroy(&s->files[i]);
	}
	for (size_t i = 0; i < POSIX_NAME_LOCKS; i++)
		pthread_mutex_destroy(&s->streams[i].lock);
	posix_changes_end(&s->changes);
	posix_leases_end(&s->leases);
	posix_indexes_end(&s->indexes);
	posix_parents_end(&s->parents);
	posix_known_end(s);
	if (s->side_dir >= 0)
		close(s->side_dir);
	close(s->root);
	free(s);
}

static uint32_t serial_of(const struct statvfs *fs, struct vfs_id root)
{
	uint64_t id = fs->f_fsid != 0 ? (uint64_t)fs->f_fsid : root.device;

	return (uint32_t)(id ^ id >> 32);
}

static ntstatus posix_volume_query(struct vfs *v, struct vfs_volume *out)
{
	struct posix_store *s = posix_store_of(v);
	struct vfs_stat root;
	struct statvfs fs;
	ntstatus st;

	memset(out, 0, sizeof(*out));
	if (fstatvfs(s->root, &fs) != 0)
		return posix_error(errno);
	st = posix_stat_fd(s, s->root, false, &root);
	if (!nt_ok(st))
		return st;
	out->block_bytes = (uint32_t)(fs.f_frsize != 0 ? fs.f_frsize : fs.f_bsize);
	out->sector_bytes = SECTOR_BYTES;
	out->total_bytes = (uint64_t)fs.f_blocks * out->block_bytes;
	out->free_bytes = (uint64_t)fs.f_bfree * out->block_bytes;
	out->available_bytes = (uint64_t)fs.f_bavail * out->block_bytes;
	out->serial = serial_of(&fs, s->root_id);
	out->created = root.created;
	out->max_component_units = VFS_COMPONENT_UNITS_MAX;
	out->xattrs = out->streams = s->xattrs;
	out->read_only = s->read_only || (fs.f_flag & ST_RDONLY) != 0;
	(void)snprintf(out->fs_name, sizeof(out->fs_name), "NTFS");
	return STATUS_SUCCESS;
}

static const struct vfs_ops posix_ops = {
	.close = posix_close, .volume_query = posix_volume_query, .open = posix_open, .file_close = posix_file_close,
	.unlink = posix_unlink, .rename = posix_rename, .link = posix_link, .dir_empty = posix_dir_empty,
	.file_name = posix_file_name, .read = posix_read, .read_at_hand = posix_read_at_hand, .read_pipe = posix_read_pipe, .write = posix_noted_write,
	.write_pipe = posix_noted_write_pipe, .flush = posix_flush,
	.truncate = posix_noted_truncate, .allocate = posix_noted_allocate, .file_fd = posix_file_fd, .stat_get = posix_stat_get,
	.set = posix_noted_set, .dir_read = posix_dir_read, .dir_seek = posix_dir_seek, .xattr_get = posix_xattr_get,
	.xattr_set = posix_noted_xattr_set, .xattr_names = posix_xattr_names, .stream_open = posix_noted_stream_open,
	.stream_list = posix_stream_list, .streams_remove = posix_noted_streams_remove,
	.watch_add = posix_watch_add, .watch_remove = posix_watch_remove,
	.watch_incomplete = posix_watch_incomplete, .changes_fd = posix_changes_fd, .changes_read = posix_changes_read,
	.lease_listen = posix_lease_listen, .lease_take = posix_lease_take, .lease_broken = posix_lease_broken,
	.lease_release = posix_lease_release, .lock = posix_lock
};

/* What opening the root came to. */
static void tell_why(char *why, const char *root, int err)
{
	if (err == ENOSYS || err == EPERM)
		(void)snprintf(why, WHY_BYTES, "%.100s: openat2 is missing, which needs Linux 5.6 and a container runtime that lets it "
			"through (a newer one, or another seccomp profile)", root);
	else
		(void)snprintf(why, WHY_BYTES, "%.180s: %s", root, strerrordesc_np(err));
}

/* The kernel can keep a path beneath the root. */
static bool openat2_works(const struct posix_store *s, const char *root, char *why)
{
	int fd = posix_at(s, "", O_PATH);

	if (fd >= 0) {
		close(fd);
		return true;
	}
	tell_why(why, root, -fd);
	return false;
}

/* Takes over the descriptor of the root. */
static struct vfs *store_new(int root_fd, const struct stat *st, const char *root, const struct vfs_posix_options *o, char *why)
{
	struct posix_store *s = calloc(1, sizeof(*s));
	char probe[8];
	unsigned traits;

	if (s == NULL) {
		(void)snprintf(why, WHY_BYTES, "out of memory");
		close(root_fd);
		return NULL;
	}
	s->vfs.ops = &posix_ops;
	s->streams_view.ops = &posix_stream_ops;
	s->follow = o->follow_symlinks;
	s->short_names = o->short_names;
	s->read_only = o->read_only;
	s->root = root_fd;
	s->root_id = posix_id_of(st);
	traits = posix_fs_traits(s->root);
	s->local = (traits & POSIX_FS_LOCAL) != 0;
	s->in_memory = (traits & POSIX_FS_MEMORY) != 0;
	s->xattrs = posix_fgetxattr(s->root, false, "user.DOSATTRIB", probe, sizeof(probe)) != -EOPNOTSUPP;
	for (size_t i = 0; i < POSIX_NAME_LOCKS; i++) {
		pthread_mutex_init(&s->names[i], NULL);
		pthread_mutex_init(&s->files[i], NULL);
	}
	for (size_t i = 0; i < POSIX_NAME_LOCKS; i++) {
		pthread_mutex_init(&s->streams[i].lock, NULL);
		list_init(&s->streams[i].open);
	}
	posix_changes_init(&s->changes);
	posix_leases_init(&s->leases);
	posix_indexes_init(&s->indexes);
	posix_parents_init(&s->parents);
	s->shy = o->kernel_oplocks;
	posix_sides_init(s);
	posix_known_init(s);
	if (!openat2_works(s, root, why)) {
		posix_close(&s->vfs);
		return NULL;
	}
	return &s->vfs;
}

struct vfs *vfs_posix_open(const char *root, const struct vfs_posix_options *o, char *why)
{
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0) {
		(void)snprintf(why, WHY_BYTES, "%.180s: %s", root, strerrordesc_np(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	return store_new(fd, &st, root, o, why);
}

/* --- beneath a directory --- */

static int open_beneath(int dir, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_DIRECTORY | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS
	};
	long fd;

	do
		fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
	while (fd < 0 && errno == EINTR);
	return fd >= 0 ? (int)fd : -errno;
}

/* One directory after the other. 0, or a negated errno. */
static int make_beneath(int dir, const char *path)
{
	char done[PATH_MAX] = ".";
	size_t len = strlen(path), at = 0;

	if (len >= sizeof(done))
		return -ENAMETOOLONG;
	while (at < len) {
		size_t n = strcspn(path + at, "/");
		int parent = open_beneath(dir, done, O_PATH), err = 0;

		if (parent < 0)
			return parent;
		memcpy(done, path, at + n);
		done[at + n] = 0;
		if (n > 0 && mkdirat(parent, done + at, S_IRWXU) != 0 && errno != EEXIST)
			err = -errno;
		close(parent);
		if (err != 0)
			return err;
		at += n + (at + n < len ? 1 : 0);
	}
	return 0;
}

ntstatus vfs_posix_open_beneath(const char *dir, const char *path, bool make, const struct vfs_posix_options *o, struct vfs **out, char *why)
{
	int top = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = top < 0 ? -errno : open_beneath(top, path, O_RDONLY);
	char root[PATH_MAX];
	struct stat st;

	*out = NULL;
	if (fd == -ENOENT && top >= 0 && make) {
		fd = make_beneath(top, path);
		if (fd == 0)
			fd = open_beneath(top, path, O_RDONLY);
	}
	if (top >= 0)
		close(top);
	if (fd >= 0 && fstat(fd, &st) != 0) {
		int err = errno;

		close(fd);
		fd = -err;
	}
	(void)snprintf(root, sizeof(root), "%s%s%s", dir, dir[0] != 0 && dir[strlen(dir) - 1] == '/' ? "" : "/", path);
	if (fd < 0) {
		if (fd == -ELOOP || fd == -EXDEV)
			(void)snprintf(why, WHY_BYTES, "%.160s: there is a symbolic link on the way, which is not followed", root);
		else
			tell_why(why, root, -fd);
		return posix_error(fd == -EXDEV ? EACCES : -fd);
	}
	*out = store_new(fd, &st, root, o, why);
	return *out != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

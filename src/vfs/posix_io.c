/* Data: reading, writing, flushing, sizes. */
#include "base/fdio.h"
#include "vfs/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096 }; /* the smallest there is: where they are larger, more has to be in memory */

/* A descriptor that may be read, and a range that the kernel can name. */
static ntstatus read_check(const struct posix_file *f, size_t n, uint64_t offset)
{
	if (f->directory)
		return STATUS_INVALID_DEVICE_REQUEST;
	if (!f->readable)
		return STATUS_ACCESS_DENIED;
	return offset > INT64_MAX || n > INT64_MAX - offset ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

/* From *done on. flags: of preadv2(2). A negated errno, or 0: all n, or up to the end of the file. */
static int read_on(int fd, uint8_t *p, size_t n, uint64_t offset, size_t *done, int flags)
{
	while (*done < n) {
		struct iovec rest = {p + *done, n - *done};
		ssize_t k = flags ? preadv2(fd, &rest, 1, (off_t)(offset + *done), flags) : pread(fd, rest.iov_base, rest.iov_len, (off_t)(offset + *done));

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		if (k == 0)
			break;
		*done += (size_t)k;
	}
	return 0;
}

ntstatus posix_read(struct vfs_file *vf, void *p, size_t n, uint64_t offset, size_t *done)
{
	struct posix_file *f = posix_file_of(vf);
	ntstatus st = read_check(f, n, offset);
	int err = nt_ok(st) ? read_on(f->fd, p, n, offset, done, 0) : 0;

	return err == 0 ? st : posix_error(-err);
}

/* Where the kernel cannot say what is in memory, a local disk is taken to be fast and a network not. */
ntstatus posix_read_at_hand(struct vfs_file *vf, void *p, size_t n, uint64_t offset, size_t *done)
{
	struct posix_file *f = posix_file_of(vf);
	struct posix_store *s = posix_store_of(vf->store);
	bool ours = f->id.device == s->root_id.device, local;
	ntstatus st = read_check(f, n, offset);
	int err = -EOPNOTSUPP;

	if (!nt_ok(st))
		return st;
	if (!ours || !atomic_load_explicit(&s->no_nowait, memory_order_relaxed))
		err = read_on(f->fd, p, n, offset, done, RWF_NOWAIT);
	if (err == -EOPNOTSUPP || err == -ENOSYS) {
		local = ours ? s->local : posix_fs_traits(f->fd) & POSIX_FS_LOCAL;
		if (ours)
			atomic_store_explicit(&s->no_nowait, true, memory_order_relaxed);
		err = local ? read_on(f->fd, p, n, offset, done, 0) : -EAGAIN;
	}
	if (err == -EAGAIN)
		return STATUS_PENDING;
	return err == 0 ? STATUS_SUCCESS : posix_error(-err);
}

/* What the kernel has of a range, since 6.5. */
static bool all_cached(int fd, size_t n, uint64_t offset)
{
#ifndef SYS_cachestat
	enum { SYS_cachestat = 451 };
#endif
	struct { uint64_t offset, length; } range = {offset, n};
	struct { uint64_t cached, dirty, writeback, evicted, recently_evicted; } found;
	struct stat st;
	uint64_t end;

	if (fstat(fd, &st) != 0 || syscall(SYS_cachestat, fd, &range, &found, 0) != 0)
		return false;
	end = (uint64_t)st.st_size < offset + n ? (uint64_t)st.st_size : offset + n;
	return end <= offset || found.cached >= (end - 1) / PAGE_BYTES - offset / PAGE_BYTES + 1;
}

ntstatus posix_read_pipe(struct vfs_file *vf, int pipe_fd, size_t n, uint64_t offset, bool may_wait, size_t *done)
{
	struct posix_file *f = posix_file_of(vf);
	const struct posix_store *s = posix_store_of(vf->store);
	ntstatus st = read_check(f, n, offset);
	loff_t at = (loff_t)offset;

	if (!nt_ok(st))
		return st;
	if (!s->local || f->id.device != s->root_id.device)
		return STATUS_INVALID_DEVICE_REQUEST;
	if (!may_wait && !s->in_memory && !all_cached(f->fd, n, offset))
		return STATUS_PENDING;
	while (*done < n) {
		ssize_t k = splice(f->fd, &at, pipe_fd, NULL, n - *done, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

		if (k < 0 && errno == EINTR)
			continue;
		/* The pipe is full before its time, or the file system has no such thing. */
		if (k < 0 && (errno == EAGAIN || errno == EINVAL))
			return STATUS_INVALID_DEVICE_REQUEST;
		if (k < 0)
			return posix_error(errno);
		if (k == 0)
			break;
		*done += (size_t)k;
	}
	return STATUS_SUCCESS;
}

ntstatus posix_write(struct vfs_file *vf, const void *p, size_t n, uint64_t offset)
{
	struct posix_file *f = posix_file_of(vf);
	int err;

	if (f->directory)
		return STATUS_INVALID_DEVICE_REQUEST;
	if (!f->writable)
		return STATUS_ACCESS_DENIED;
	err = fd_write_all(f->fd, p, n, offset);
	return err == 0 ? STATUS_SUCCESS : posix_error(err);
}

ntstatus posix_write_pipe(struct vfs_file *vf, int pipe_fd, size_t n, uint64_t offset)
{
	struct posix_file *f = posix_file_of(vf);
	int err;

	if (f->directory)
		return STATUS_INVALID_DEVICE_REQUEST;
	if (!f->writable)
		return STATUS_ACCESS_DENIED;
	err = fd_write_pipe(f->fd, pipe_fd, n, offset);
	return err == 0 ? STATUS_SUCCESS : posix_error(err);
}

/* A new name is on disk when its directory is. */
static ntstatus name_sync(struct posix_file *f)
{
	struct posix_path path;
	const char *leaf;
	int dir;
	ntstatus st = STATUS_SUCCESS;

	posix_file_path(f, &path);
	dir = posix_parent_at(posix_store_of(f->base.store), path.s, O_RDONLY, &leaf);
	/* A directory that was removed or may not be read has nothing of ours to sync. */
	if (dir < 0)
		return STATUS_SUCCESS;
	if (fsync(dir) != 0 && errno != EINVAL)
		st = posix_error(errno);
	close(dir);
	return st;
}

ntstatus posix_flush(struct vfs_file *vf)
{
	struct posix_file *f = posix_file_of(vf);
	bool unsynced_name;

	if (f->path_only)
		return STATUS_ACCESS_DENIED;
	/* EINVAL: a kind of file that has nothing to sync. */
	if (fsync(f->fd) != 0 && errno != EINVAL)
		return posix_error(errno);
	unsynced_name = f->unsynced_name;
	if (unsynced_name) {
		ntstatus st;

		f->unsynced_name = false;
		st = name_sync(f);
		if (!nt_ok(st))
			f->unsynced_name = true;
		return st;
	}
	return STATUS_SUCCESS;
}

ntstatus posix_truncate(struct vfs_file *vf, uint64_t size)
{
	struct posix_file *f = posix_file_of(vf);

	if (f->directory)
		return STATUS_INVALID_DEVICE_REQUEST;
	if (!f->writable)
		return STATUS_ACCESS_DENIED;
	while (ftruncate(f->fd, (off_t)size) != 0) {
		if (errno != EINTR)
			return posix_error(errno);
	}
	return STATUS_SUCCESS;
}

ntstatus posix_allocate(struct vfs_file *vf, uint64_t bytes)
{
	struct posix_file *f = posix_file_of(vf);
	struct stat st;

	if (f->directory)
		return STATUS_INVALID_DEVICE_REQUEST;
	if (!f->writable)
		return STATUS_ACCESS_DENIED;
	if (fstat(f->fd, &st) != 0)
		return posix_error(errno);
	if (bytes <= (uint64_t)st.st_blocks * 512)
		return STATUS_SUCCESS;
	while (fallocate(f->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes) != 0) {
		/* A file system that cannot reserve allocates when it writes. */
		if (errno == EOPNOTSUPP || errno == ENOSYS)
			return STATUS_SUCCESS;
		if (errno != EINTR)
			return posix_error(errno);
	}
	return STATUS_SUCCESS;
}

int posix_file_fd(struct vfs_file *vf)
{
	struct posix_file *f = posix_file_of(vf);

	return f->path_only || f->directory ? -1 : f->fd;
}

/* By locks of the open file description (F_OFD_SETLK): those of the process would go with any of its descriptors of the file. */
ntstatus posix_lock(struct vfs_file *vf, uint64_t offset, uint64_t length, enum vfs_lock_kind kind)
{
	struct posix_file *f = posix_file_of(vf);
	struct flock l = {.l_whence = SEEK_SET, .l_start = (off_t)offset, .l_len = (off_t)length};

	if (f->path_only || f->directory)
		return STATUS_SUCCESS;
	l.l_type = kind == VFS_UNLOCKED ? F_UNLCK : kind == VFS_LOCKED && f->writable ? F_WRLCK : F_RDLCK;
	while (fcntl(f->fd, F_OFD_SETLK, &l) != 0) {
		if (errno == EAGAIN || errno == EACCES)
			return STATUS_LOCK_NOT_GRANTED;
		if (errno == ENOLCK || errno == ENOMEM)
			return STATUS_INSUFFICIENT_RESOURCES;
		/* EBADF: a handle that may only write cannot lock for reading. */
		if (errno != EINTR)
			return STATUS_SUCCESS;
	}
	return STATUS_SUCCESS;
}

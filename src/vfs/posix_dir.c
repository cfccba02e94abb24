/* Listing. A handle reads its directory through a buffer of getdents64(2) records; a cookie is the kernel's own position of
 * the entry's end, three up, for 0 is the start and 1 and 2 are behind "." and "..", which always come first. */
#include "vfs/posix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { BEHIND_DOT = 1, BEHIND_DOTDOT = 2, COOKIE_BASE = 3 };

struct posix_dir {
	int fd;                  /* the handle's; its own for handles that are O_PATH */
	bool own_fd;
	uint64_t cookie;         /* behind the last entry given out */
	size_t at, end;          /* unread records */
	uint64_t before;         /* the cookie before the last entry, whose record begins at last_at: callers often step back */
	size_t last_at;
	char *path;              /* of the directory, when the listing began: to follow symlinks in it */
	uint8_t name[2 * POSIX_NAME_BYTES + 2];
	char *buf;               /* POSIX_DIR_BUFFER_BYTES; NULL before the first record and from the end on */
};

static int dir_reopen(const struct posix_file *f)
{
	int fd = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 ? fd : -errno;
}

ntstatus posix_dir_empty(struct vfs_file *vf)
{
	struct posix_file *f = posix_file_of(vf);
	_Alignas(struct dirent64) char buf[1024];
	ntstatus st = STATUS_SUCCESS;
	ssize_t n;
	int fd;

	if (!f->directory)
		return STATUS_NOT_A_DIRECTORY;
	fd = dir_reopen(f);
	if (fd < 0)
		return fd == -ENOENT ? STATUS_SUCCESS : posix_error(-fd); /* already removed */
	while (nt_ok(st) && (n = getdents64(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *e = (const void *)(buf + at);

			if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
				st = STATUS_DIRECTORY_NOT_EMPTY;
			at += e->d_reclen;
		}
	}
	if (nt_ok(st) && n < 0 && errno != ENOENT)
		st = posix_error(errno);
	close(fd);
	return st;
}

void posix_dir_free(struct posix_dir *d)
{
	if (d == NULL)
		return;
	if (d->own_fd)
		close(d->fd);
	free(d->buf);
	free(d->path);
	free(d);
}

static ntstatus dir_start(struct posix_file *f)
{
	struct posix_dir *d;
	struct posix_path path;

	if (!f->directory)
		return STATUS_INVALID_PARAMETER;
	posix_file_path(f, &path);
	d = calloc(1, sizeof(*d));
	if (d != NULL)
		d->path = strdup(path.s);
	if (d == NULL || d->path == NULL) {
		free(d);
		return STATUS_INSUFFICIENT_RESOURCES;
	}
	d->own_fd = f->path_only;
	d->fd = f->path_only ? dir_reopen(f) : f->fd;
	if (d->fd < 0) {
		int err = -d->fd;

		d->own_fd = false;
		posix_dir_free(d);
		return err == ENOENT ? STATUS_NO_MORE_FILES : posix_error(err); /* removed */
	}
	f->dir = d;
	return STATUS_SUCCESS;
}

void posix_dir_seek(struct vfs_file *vf, uint64_t cookie)
{
	struct posix_dir *d = posix_file_of(vf)->dir;

	/* Without a buffer the position is the start; the handle that gave the cookie has one. */
	if (d == NULL || (cookie == d->cookie && cookie != 0))
		return;
	d->cookie = cookie;
	if (cookie >= COOKIE_BASE && cookie == d->before) {
		d->at = d->last_at;
		return;
	}
	d->before = 0;
	d->at = d->end = 0;
	(void)lseek(d->fd, cookie > COOKIE_BASE ? (off_t)(cookie - COOKIE_BASE) : 0, SEEK_SET);
}

static ntstatus buffer_fill(struct posix_dir *d)
{
	ssize_t n;

	if (d->buf == NULL)
		d->buf = malloc(POSIX_DIR_BUFFER_BYTES);
	if (d->buf == NULL)
		return STATUS_INSUFFICIENT_RESOURCES;
	n = getdents64(d->fd, d->buf, POSIX_DIR_BUFFER_BYTES);
	d->at = 0;
	d->end = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return STATUS_SUCCESS;
	/* Many handles of directories stay open for long after they were listed. */
	free(d->buf);
	d->buf = NULL;
	d->before = 0;
	return n == 0 || errno == ENOENT ? STATUS_NO_MORE_FILES : posix_error(errno);
}

/* The next record that is not a dot and not ours; NULL at the end or with *st set. */
static const struct dirent64 *record_next(struct posix_dir *d, ntstatus *st)
{
	for (;;) {
		const struct dirent64 *e;

		if (d->at == d->end) {
			*st = buffer_fill(d);
			if (!nt_ok(*st))
				return NULL;
		}
		e = (const void *)(d->buf + d->at);
		d->last_at = d->at;
		d->at += e->d_reclen;
		d->before = d->cookie;
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && !posix_side_is_hidden(e->d_name, strlen(e->d_name)))
			return e;
		d->cookie = (uint64_t)e->d_off + COOKIE_BASE;
	}
}

/* "." or "..", which at the root is the root: what is above is not for clients. */
static ntstatus dot_read(struct posix_file *f, const char *name, bool need_stat, struct vfs_dirent *out)
{
	struct posix_store *s = posix_store_of(f->base.store);
	struct posix_dir *d = f->dir;
	size_t n = strlen(name);

	d->cookie = n;
	for (size_t i = 0; i < n; i++)
		store_le16(d->name + 2 * i, '.');
	out->name = slice_of(d->name, 2 * n);
	out->cookie = d->cookie;
	if (!need_stat)
		return STATUS_SUCCESS;
	if (n == 2 && !posix_id_equal(f->id, s->root_id) && nt_ok(posix_stat_entry(s, d->fd, d->path, "..", &out->stat)))
		return STATUS_SUCCESS;
	return posix_stat_fd(s, d->fd, false, &out->stat);
}

ntstatus posix_dir_read(struct vfs_file *vf, bool need_stat, struct vfs_dirent *out)
{
	struct posix_file *f = posix_file_of(vf);
	const struct dirent64 *e;
	ntstatus st = f->dir != NULL ? STATUS_SUCCESS : dir_start(f);

	if (!nt_ok(st))
		return st;
	if (f->dir->cookie < BEHIND_DOTDOT)
		return dot_read(f, f->dir->cookie == 0 ? "." : "..", need_stat, out);
	while ((e = record_next(f->dir, &st)) != NULL) {
		f->dir->cookie = (uint64_t)e->d_off + COOKIE_BASE;
		if (strlen(e->d_name) > POSIX_NAME_BYTES)
			continue; /* longer than the kernel's own limit for any file system */
		/* Gone since it was read: no entry. */
		if (need_stat &&
			!nt_ok(posix_stat_entry(posix_store_of(vf->store), f->dir->fd, f->dir->path, e->d_name, &out->stat)))
			continue;
		out->name = slice_of(f->dir->name, posix_name_to_wire(f->dir->name, e->d_name, strlen(e->d_name)));
		out->cookie = f->dir->cookie;
		return STATUS_SUCCESS;
	}
	return st;
}

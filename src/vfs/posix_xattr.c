/* Extended attributes of files that may be open as O_PATH only: for those the calls go through /proc/self/fd. */
#include "vfs/posix.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>

struct fd_path {
	char s[32];
};

static struct fd_path fd_path(int fd)
{
	struct fd_path p;

	(void)snprintf(p.s, sizeof(p.s), "/proc/self/fd/%d", fd);
	return p;
}

ssize_t posix_fgetxattr(int fd, bool path_only, const char *name, void *p, size_t cap)
{
	ssize_t n = path_only ? getxattr(fd_path(fd).s, name, p, cap) : fgetxattr(fd, name, p, cap);

	return n >= 0 ? n : -errno;
}

int posix_fsetxattr(int fd, bool path_only, const char *name, const void *p, size_t len)
{
	int r = path_only ? setxattr(fd_path(fd).s, name, p, len, 0) : fsetxattr(fd, name, p, len, 0);

	return r == 0 ? 0 : -errno;
}

int posix_fremovexattr(int fd, bool path_only, const char *name)
{
	int r = path_only ? removexattr(fd_path(fd).s, name) : fremovexattr(fd, name);

	return r == 0 ? 0 : -errno;
}

ssize_t posix_flistxattr(int fd, bool path_only, char **names)
{
	size_t cap = 1024;

	for (;;) {
		char *p = malloc(cap);
		ssize_t n;

		if (p == NULL)
			return -ENOMEM;
		n = path_only ? listxattr(fd_path(fd).s, p, cap) : flistxattr(fd, p, cap);
		if (n >= 0) {
			*names = p;
			return n;
		}
		free(p);
		if (errno != ERANGE || cap >= XATTR_LIST_MAX)
			return -errno;
		cap = XATTR_LIST_MAX;
	}
}

void posix_tell_no_xattrs(struct posix_store *s)
{
	if (!s->told_of_no_xattrs) {
		s->told_of_no_xattrs = true;
		log_warn("the file system has no extended attributes: hidden, system and archive attributes and changed creation "
			 "times are not kept");
	}
}

/* Names without a namespace are the user's. */
static bool full_name(char *out, size_t cap, const char *name)
{
	static const char *const spaces[] = {"user.", "security.", "trusted.", "system."};
	int n;

	for (size_t i = 0; i < ARRAY_LEN(spaces); i++) {
		if (strncmp(name, spaces[i], strlen(spaces[i])) == 0) {
			n = snprintf(out, cap, "%s", name);
			return n > 0 && (size_t)n < cap;
		}
	}
	n = snprintf(out, cap, "user.%s", name);
	return n > 0 && (size_t)n < cap;
}

static ntstatus xattr_error(int err)
{
	return err == EOPNOTSUPP || err == ENOSYS ? STATUS_EAS_NOT_SUPPORTED : posix_error(err);
}

ntstatus posix_xattr_get(struct vfs_file *vf, const char *name, void *p, size_t cap, size_t *len)
{
	struct posix_file *f = posix_file_of(vf);
	char full[XATTR_NAME_MAX + 1];
	ssize_t n;

	if (!full_name(full, sizeof(full), name))
		return STATUS_INVALID_EA_NAME;
	n = posix_fgetxattr(f->fd, f->path_only, full, p, cap);
	if (n < 0)
		return xattr_error((int)-n);
	*len = (size_t)n;
	return STATUS_SUCCESS;
}

ntstatus posix_xattr_set(struct vfs_file *vf, const char *name, const void *p, size_t len)
{
	struct posix_file *f = posix_file_of(vf);
	char full[XATTR_NAME_MAX + 1];
	int err;

	if (posix_store_of(vf->store)->read_only)
		return STATUS_MEDIA_WRITE_PROTECTED;
	if (!full_name(full, sizeof(full), name))
		return STATUS_INVALID_EA_NAME;
	if (p == NULL && len == 0)
		err = posix_fremovexattr(f->fd, f->path_only, full);
	else
		err = posix_fsetxattr(f->fd, f->path_only, full, p, len);
	return err == 0 ? STATUS_SUCCESS : xattr_error(-err);
}

ntstatus posix_xattr_names(struct vfs_file *vf, struct arena *a, struct slice *names)
{
	struct posix_file *f = posix_file_of(vf);
	char *all, *copy;
	ssize_t n = posix_flistxattr(f->fd, f->path_only, &all);

	if (n < 0)
		return xattr_error((int)-n);
	copy = arena_strndup(a, all, (size_t)n);
	free(all);
	*names = slice_of(copy, copy != NULL ? (size_t)n : 0);
	return copy != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

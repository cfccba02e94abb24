/* The name of an open file. A handle remembers the path it was opened under; the kernel knows where the file is now. After
 * a rename through any handle of the store, or when the path turns out to lead elsewhere, the kernel is asked
 * (/proc/self/fd), and its answer is believed only if the name it gives leads to the very file. */
#include "vfs/posix.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Whether `path` leads to the file, a symlink in the last place followed or not. */
static bool leads_to(const struct posix_store *s, const char *path, int flags, struct vfs_id id)
{
	struct stat st;
	int fd = posix_at(s, path, O_PATH | flags);
	bool same = fd >= 0 && fstat(fd, &st) == 0 && posix_id_equal(posix_id_of(&st), id);

	if (fd >= 0)
		close(fd);
	return same;
}

/* The absolute path of a descriptor as the kernel has it; its length, 0 when unknown. */
static size_t kernel_path(int fd, char *out, size_t cap)
{
	char link[32];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, out, cap);
	return n > 0 && (size_t)n < cap ? (size_t)n : 0;
}

/* The path relative to the root that the kernel has for a file; false when it has none that is true. */
static bool path_from_kernel(const struct posix_store *s, const struct posix_file *f, struct posix_path *out)
{
	char root[PATH_MAX], path[PATH_MAX];
	size_t rlen = kernel_path(s->root, root, sizeof(root)), len = kernel_path(f->fd, path, sizeof(path));

	if (rlen == 0 || len == 0)
		return false;
	if (rlen == 1)
		rlen = 0; /* the share is "/" */
	if (len < rlen || memcmp(path, root, rlen) != 0 || (len > rlen && path[rlen] != '/'))
		return false;
	out->len = len > rlen ? len - rlen - 1 : 0;
	memcpy(out->s, path + len - out->len, out->len);
	out->s[out->len] = 0;
	return leads_to(s, out->s, O_NOFOLLOW, f->id);
}

static ntstatus name_replace_locked(struct posix_file *f, const struct posix_path *p)
{
	char *name = malloc(p->len + 1);

	if (name == NULL)
		return STATUS_INSUFFICIENT_RESOURCES;
	memcpy(name, p->s, p->len + 1);
	free(f->name);
	f->name = name;
	return STATUS_SUCCESS;
}

/* Asks the kernel for the name when the known one is not, or may not be, right. */
static void name_refresh_locked(struct posix_file *f, bool known_wrong)
{
	struct posix_store *s = posix_store_of(f->base.store);
	uint64_t renames = s->renames;
	struct posix_path now;

	if (!known_wrong) {
		if (f->known_at == renames)
			return;
		known_wrong = !leads_to(s, f->name, O_NOFOLLOW, f->id) && !leads_to(s, f->name, 0, f->id);
	}
	if (known_wrong && path_from_kernel(s, f, &now) && !nt_ok(name_replace_locked(f, &now)))
		return;
	f->known_at = renames;
}

/* Shared with some other files, and never held with another of its kind. */
static pthread_mutex_t *file_lock(const struct posix_file *f)
{
	return &posix_store_of(f->base.store)->files[((uintptr_t)f >> 7) % POSIX_NAME_LOCKS];
}

static void path_copy_locked(const struct posix_file *f, struct posix_path *out)
{
	out->len = strlen(f->name);
	memcpy(out->s, f->name, out->len + 1);
}

void posix_file_path(struct posix_file *f, struct posix_path *out)
{
	pthread_mutex_lock(file_lock(f));
	name_refresh_locked(f, false);
	path_copy_locked(f, out);
	pthread_mutex_unlock(file_lock(f));
}

ntstatus posix_file_renamed(struct posix_file *f, const struct posix_path *to, uint64_t before)
{
	struct posix_store *s = posix_store_of(f->base.store);
	uint64_t mine;
	ntstatus st;

	pthread_mutex_lock(file_lock(f));
	st = name_replace_locked(f, to);
	/* Handles that noted an older count look again before they rely on their names. So does this one, if something else
	 * was renamed meanwhile: a directory above it, perhaps. */
	mine = ++s->renames;
	f->known_at = mine == before + 1 ? mine : before;
	pthread_mutex_unlock(file_lock(f));
	f->unsynced_name = true;
	return st;
}

/* Whether a directory that is kept open has the file under its name. */
static bool place_kept(const struct posix_file *f, struct posix_place *out)
{
	const char *slash = strrchr(out->path.s, '/');
	struct posix_parent *p = posix_parents_find(posix_store_of(f->base.store), out->path.s, slash ? (size_t)(slash - out->path.s) : 0);
	struct stat st;

	if (!p)
		return false;
	out->leaf = slash ? slash + 1 : out->path.s;
	if (fstatat(p->fd, out->leaf, &st, AT_SYMLINK_NOFOLLOW) != 0 || !posix_id_equal(posix_id_of(&st), f->id)) {
		posix_parent_put(p);
		return false;
	}
	out->dir = p->fd;
	out->shared = p;
	return true;
}

/* Opens the directory of out->path and looks whether the name in it is the file's. */
static bool place_open(const struct posix_file *f, bool kept, struct posix_place *out)
{
	const struct posix_store *s = posix_store_of(f->base.store);
	struct stat st;

	out->link_to_it = false;
	if (kept && place_kept(f, out))
		return true;
	out->shared = NULL;
	out->dir = posix_parent_at(s, out->path.s, O_PATH, &out->leaf);
	if (out->dir < 0)
		return false;
	if (fstatat(out->dir, out->leaf, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (posix_id_equal(posix_id_of(&st), f->id))
			return true;
		if (S_ISLNK(st.st_mode) && leads_to(s, out->path.s, 0, f->id))
			return out->link_to_it = true;
	}
	close(out->dir);
	out->dir = -1;
	return false;
}

ntstatus posix_place_find(struct posix_file *f, bool kept, struct posix_place *out)
{
	posix_file_path(f, &out->path);
	if (out->path.len == 0)
		return STATUS_ACCESS_DENIED; /* the root has no name in the share */
	if (place_open(f, kept, out))
		return STATUS_SUCCESS;
	pthread_mutex_lock(file_lock(f));
	name_refresh_locked(f, true);
	path_copy_locked(f, &out->path);
	pthread_mutex_unlock(file_lock(f));
	return out->path.len != 0 && place_open(f, false, out) ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND;
}

void posix_place_close(struct posix_place *p)
{
	if (p->shared)
		posix_parent_put(p->shared);
	else
		close(p->dir);
}

struct slice posix_file_name(struct vfs_file *vf, struct arena *a)
{
	struct posix_path p;

	posix_file_path(posix_file_of(vf), &p);
	return posix_path_to_wire(a, p.s, p.len);
}

/* Unlink, rename, link: what changes names. The name of a handle is verified to be its file's before anything is done to it;
 * POSIX leaves a moment between the two, which only a local program that replaces files can hit. */
#include "vfs/posix.h"

#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#define LINK_PREFIX ".hythe-link-"

ntstatus posix_unlink(struct vfs_file *vf)
{
	struct posix_file *f = posix_file_of(vf);
	struct posix_store *s = posix_store_of(vf->store);
	struct posix_note *note;
	struct posix_place at;
	ntstatus st;

	if (s->read_only)
		return STATUS_MEDIA_WRITE_PROTECTED;
	st = posix_place_find(f, true, &at);
	if (!nt_ok(st))
		return st;
	note = posix_note_begin(s, at.path.s, IN_DELETE);
	if (unlinkat(at.dir, at.leaf, f->directory && !at.link_to_it ? AT_REMOVEDIR : 0) != 0)
		st = errno == EEXIST ? STATUS_DIRECTORY_NOT_EMPTY : posix_error(errno);
	else if (posix_sides_exist() && !at.link_to_it)
		posix_sides_follow(s, f->fd);
	posix_note_end(s, note, nt_ok(st));
	posix_place_close(&at);
	return st;
}

/* Where a new name goes: its directory, what stands there under that name in any case. */
struct target {
	int dir;
	const char *leaf;            /* in path */
	struct posix_path path;
	pthread_mutex_t *lock;       /* held while the target is open */
	bool exists;
	char found[POSIX_NAME_BYTES + 1];    /* its name as it is on disk */
	struct stat st;
};

static void target_close(struct target *t)
{
	pthread_mutex_unlock(t->lock);
	close(t->dir);
}

/* The directory of t->path, whose case is fixed on the way. */
static int target_dir(struct posix_store *s, struct target *t)
{
	int fd = posix_parent_at(s, t->path.s, O_RDONLY, &t->leaf);

	if (fd == -ENOENT) {
		ntstatus st = posix_case_fix(s, &t->path, true);

		if (nt_ok(st) || nt_is(st, STATUS_OBJECT_NAME_NOT_FOUND))
			fd = posix_parent_at(s, t->path.s, O_RDONLY, &t->leaf);
	}
	return fd;
}

static ntstatus target_open(struct posix_store *s, struct slice name, struct target *t)
{
	struct slice rest = name, last = name;
	struct posix_path wanted;
	const char *slash;
	struct stat dst;
	int match;
	ntstatus st = posix_path_from_wire(&t->path, name);

	if (!nt_ok(st))
		return st;
	while (vfs_name_next(&rest, &last))
		;
	t->dir = target_dir(s, t);
	if (t->dir < 0)
		return t->dir == -ENOENT || t->dir == -ENOTDIR ? STATUS_OBJECT_PATH_NOT_FOUND :
			t->dir == -EXDEV ? STATUS_ACCESS_DENIED : posix_error(-t->dir);
	/* The last component keeps the case that was asked for. */
	st = posix_path_from_wire(&wanted, last);
	if (!nt_ok(st) || !posix_path_set_leaf(&t->path, wanted.s) || fstat(t->dir, &dst) != 0) {
		close(t->dir);
		return STATUS_OBJECT_NAME_INVALID;
	}
	slash = strrchr(t->path.s, '/');
	t->leaf = slash != NULL ? slash + 1 : t->path.s;
	t->lock = posix_names_lock(s, posix_id_of(&dst));
	pthread_mutex_lock(t->lock);
	match = posix_dir_match(s, t->dir, posix_id_of(&dst), t->leaf, true, t->found);
	t->exists = match > 0 && fstatat(t->dir, t->found, &t->st, AT_SYMLINK_NOFOLLOW) == 0;
	if (match < 0) {
		target_close(t);
		return posix_error(-match);
	}
	return STATUS_SUCCESS;
}

static int rename_noreplace(int from_dir, const char *from, int to_dir, const char *to)
{
	struct stat st;

	if (renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* A file system without that flag, or a directory that would go beneath itself: the plain call tells. */
	if (fstatat(to_dir, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	return renameat(from_dir, from, to_dir, to) == 0 ? 0 : -errno;
}

/* The target is the file itself under this or another of its names. */
static int rename_to_itself(const struct posix_place *at, const struct target *t, bool replace)
{
	struct stat a, b;
	bool same_dir = fstat(at->dir, &a) == 0 && fstat(t->dir, &b) == 0 && posix_id_equal(posix_id_of(&a), posix_id_of(&b));

	if (same_dir && strcmp(at->leaf, t->found) == 0) {
		if (strcmp(t->found, t->leaf) == 0)
			return 0;
		return rename_noreplace(at->dir, at->leaf, t->dir, t->leaf);
	}
	if (!replace)
		return -EEXIST;
	/* rename(2) does nothing between two hard links of a file. */
	if (unlinkat(at->dir, at->leaf, 0) != 0)
		return -errno;
	return strcmp(t->found, t->leaf) == 0 ? 0 : rename_noreplace(t->dir, t->found, t->dir, t->leaf);
}

static int rename_over(const struct posix_place *at, const struct target *t)
{
	if (renameat(at->dir, at->leaf, t->dir, t->found) != 0)
		return -errno;
	/* The replaced file is gone in one step; the case of the name comes second. */
	return strcmp(t->found, t->leaf) == 0 ? 0 : rename_noreplace(t->dir, t->found, t->dir, t->leaf);
}

static ntstatus rename_to(struct posix_file *f, const struct posix_place *at, const struct target *t, bool replace)
{
	int err;

	if (t->exists && posix_id_equal(posix_id_of(&t->st), f->id))
		err = rename_to_itself(at, t, replace);
	else if (t->exists && !replace)
		err = -EEXIST;
	else if (t->exists && (S_ISDIR(t->st.st_mode) || (f->directory && !at->link_to_it)))
		err = -EACCES; /* directories neither replace nor are replaced */
	else if (t->exists)
		err = rename_over(at, t);
	else
		err = rename_noreplace(at->dir, at->leaf, t->dir, t->leaf);
	/* EINVAL: into a directory beneath itself. */
	return err == 0 ? STATUS_SUCCESS : err == -EINVAL ? STATUS_ACCESS_DENIED : posix_error(-err);
}

/* Holds on to what a rename or link replaces, for its side files. */
static int replaced_open(const struct target *t)
{
	return t->exists && posix_sides_exist() ? openat(t->dir, t->found, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
}

static void replaced_close(struct posix_store *s, int fd)
{
	if (fd < 0)
		return;
	posix_sides_follow(s, fd);
	close(fd);
}

/* What renaming and linking do to names: the old one, what stood in the place of the new one, the new one. */
struct name_notes {
	struct posix_note *from, *found, *to;
};

static void notes_begin(struct posix_store *s, const char *from, const struct target *t, struct name_notes *n)
{
	const uint32_t arrives = IN_CREATE | IN_MOVED_TO;
	bool other_case = t->exists && strcmp(t->found, t->leaf) != 0;
	struct posix_path found = t->path;

	*n = (struct name_notes){0};
	if (from != NULL)
		n->from = posix_note_begin(s, from, IN_MOVED_FROM | IN_DELETE);
	if (other_case && posix_path_set_leaf(&found, t->found))
		n->found = posix_note_begin(s, found.s, arrives | IN_MOVED_FROM);
	n->to = posix_note_begin(s, t->path.s, arrives);
}

static void notes_end(struct posix_store *s, const struct name_notes *n, bool done)
{
	posix_note_end(s, n->from, done);
	posix_note_end(s, n->found, done);
	posix_note_end(s, n->to, done);
}

ntstatus posix_rename(struct vfs_file *vf, struct slice new_name, bool replace)
{
	struct posix_file *f = posix_file_of(vf);
	struct posix_store *s = posix_store_of(vf->store);
	uint64_t before = s->renames;
	struct posix_place at;
	struct target t;
	ntstatus st;

	if (s->read_only)
		return STATUS_MEDIA_WRITE_PROTECTED;
	st = posix_place_find(f, false, &at);
	if (!nt_ok(st))
		return st;
	st = target_open(s, new_name, &t);
	if (nt_ok(st)) {
		int replaced = replaced_open(&t);
		struct name_notes notes;

		notes_begin(s, at.path.s, &t, &notes);
		st = rename_to(f, &at, &t, replace);
		notes_end(s, &notes, nt_ok(st));
		if (nt_ok(st) && f->directory)
			posix_note_moved(s, at.path.s, t.path.s);
		target_close(&t);
		replaced_close(s, replaced);
	}
	posix_place_close(&at);
	return nt_ok(st) ? posix_file_renamed(f, &t.path, before) : st;
}

bool posix_is_link_name(const char *name)
{
	return strncmp(name, LINK_PREFIX, sizeof(LINK_PREFIX) - 1) == 0;
}

/* linkat(2) does not replace: the link is made under a name of its own and renamed over. */
static int link_over(const struct posix_place *at, const struct target *t)
{
	char tmp[40];
	int err;

	(void)snprintf(tmp, sizeof(tmp), LINK_PREFIX "%016llx", (unsigned long long)random_u64());
	if (linkat(at->dir, at->leaf, t->dir, tmp, 0) != 0)
		return -errno;
	err = renameat(t->dir, tmp, t->dir, t->found) == 0 ? 0 : -errno;
	if (err != 0)
		(void)unlinkat(t->dir, tmp, 0);
	else if (strcmp(t->found, t->leaf) != 0)
		err = rename_noreplace(t->dir, t->found, t->dir, t->leaf);
	return err;
}

static ntstatus link_to(const struct posix_file *f, const struct posix_place *at, const struct target *t, bool replace)
{
	int err = 0;

	if (t->exists && !replace)
		err = -EEXIST;
	else if (t->exists && S_ISDIR(t->st.st_mode))
		err = -EACCES;
	else if (t->exists && posix_id_equal(posix_id_of(&t->st), f->id))
		err = strcmp(t->found, t->leaf) == 0 ? 0 : rename_noreplace(t->dir, t->found, t->dir, t->leaf);
	else if (t->exists)
		err = link_over(at, t);
	else if (linkat(at->dir, at->leaf, t->dir, t->leaf, 0) != 0)
		err = -errno;
	return err == 0 ? STATUS_SUCCESS : posix_error(-err);
}

ntstatus posix_link(struct vfs_file *vf, struct slice new_name, bool replace)
{
	struct posix_file *f = posix_file_of(vf);
	struct posix_store *s = posix_store_of(vf->store);
	struct posix_place at;
	struct target t;
	ntstatus st;

	if (s->read_only)
		return STATUS_MEDIA_WRITE_PROTECTED;
	if (f->directory)
		return STATUS_FILE_IS_A_DIRECTORY;
	st = posix_place_find(f, false, &at);
	if (!nt_ok(st))
		return st;
	st = target_open(s, new_name, &t);
	if (nt_ok(st)) {
		int replaced = replaced_open(&t);
		struct name_notes notes;

		notes_begin(s, NULL, &t, &notes);
		st = link_to(f, &at, &t, replace);
		notes_end(s, &notes, nt_ok(st));
		target_close(&t);
		replaced_close(s, replaced);
	}
	posix_place_close(&at);
	return st;
}

/* Opening and creating. The common case is one openat2(2) and one statx(2); a search for another case of the name comes only
 * after ENOENT. Called through vfs_ops. */
#include "vfs/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { RACE_TRIES = 20 };

/* One vfs_open under way. */
struct opening {
	struct posix_store *store;
	const struct vfs_open_args *args;
	struct arena *arena;
	struct vfs_open_result *out;
	uint64_t known_at;
	bool path_only, readable, writable;
	struct posix_path path; /* last: most of it is never looked at */
};

static bool wants(const struct opening *o, uint32_t flag)
{
	return (o->args->flags & flag) != 0;
}

pthread_mutex_t *posix_names_lock(struct posix_store *s, struct vfs_id dir)
{
	uint64_t h = (dir.inode ^ dir.device << 32) * 0x9E3779B97F4A7C15ull;

	return &s->names[h >> 58];
}

static const char *leaf_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* A handle of that name with no descriptor yet. NULL: out of memory. */
static struct posix_file *file_new(const struct opening *o)
{
	struct posix_file *f = malloc(sizeof(*f));
	char *name = malloc(o->path.len + 1);

	if (f == NULL || name == NULL) {
		free(name);
		free(f);
		return NULL;
	}
	memcpy(name, o->path.s, o->path.len + 1);
	*f = (struct posix_file){.base.store = &o->store->vfs, .fd = -1, .known_at = o->known_at, .name = name};
	return f;
}

/* Wraps a descriptor, which it takes over also when it fails. */
static ntstatus file_make(struct opening *o, int fd, bool created)
{
	struct posix_file *f = file_new(o);
	ntstatus st = STATUS_INSUFFICIENT_RESOURCES;

	if (f == NULL)
		goto fail;
	if (created)
		st = posix_stat_new(o->store, fd, (o->args->flags & VFS_DIRECTORY) != 0, o->args->attributes, &o->out->stat);
	else
		st = posix_stat_opened(o->store, fd, o->path_only, &o->out->stat);
	if (!nt_ok(st))
		goto fail;
	f->fd = fd;
	f->path_only = o->path_only;
	f->readable = o->readable;
	f->writable = o->writable;
	f->directory = o->out->stat.directory;
	f->symlink = o->out->stat.symlink;
	f->unsynced_name = created;
	f->id = o->out->stat.id;
	o->out->file = &f->base;
	o->out->created = created;
	return STATUS_SUCCESS;
fail:
	if (f != NULL)
		free(f->name);
	free(f);
	close(fd);
	return st;
}

/* The directory of that path as somebody else has it open already. false: it has to be opened. */
static bool file_share(struct opening *o)
{
	struct posix_parent *p = posix_parents_take(o->store, &o->path, &o->out->stat);
	struct posix_file *f = p ? file_new(o) : NULL;

	if (!f) {
		if (p)
			posix_parent_put(p);
		return false;
	}
	f->fd = p->fd;
	f->shared = p;
	f->directory = true;
	f->id = p->id;
	o->out->file = &f->base;
	return true;
}

/* The status of a failed openat2 of the whole path. ENOENT is not for here. */
static ntstatus open_error(struct opening *o, int err)
{
	if (err == ELOOP && !o->store->follow)
		return posix_symlink_report(o->store, o->path.s, o->args->name, o->arena, o->out);
	if (err == EWOULDBLOCK) {
		o->out->leased = true;
		return STATUS_SHARING_VIOLATION;
	}
	/* A link that leaves the share. */
	if (err == EXDEV)
		return STATUS_ACCESS_DENIED;
	if (err == ENOTDIR && wants(o, VFS_DIRECTORY)) {
		int fd = posix_at(o->store, o->path.s, O_PATH | (wants(o, VFS_NO_FOLLOW) ? O_NOFOLLOW : 0));

		if (fd >= 0)
			close(fd);
		return fd >= 0 ? STATUS_NOT_A_DIRECTORY : STATUS_OBJECT_PATH_NOT_FOUND;
	}
	return posix_error(err);
}

/* O_NONBLOCK: neither a FIFO nor a lease of a local program may hold a worker. */
static int common_flags(const struct opening *o)
{
	return O_NOCTTY | O_NONBLOCK | (wants(o, VFS_DIRECTORY) ? O_DIRECTORY : 0) |
		(wants(o, VFS_NO_FOLLOW) ? O_NOFOLLOW : 0) | (wants(o, VFS_WRITE_THROUGH) ? O_DSYNC : 0);
}

/* Only looks at the file: needs no permission for it and touches no device. */
static int open_path_only(struct opening *o)
{
	o->path_only = true;
	o->readable = o->writable = false;
	return posix_at(o->store, o->path.s,
		O_PATH | (wants(o, VFS_DIRECTORY) ? O_DIRECTORY : 0) | (wants(o, VFS_NO_FOLLOW) ? O_NOFOLLOW : 0));
}

static int open_with(struct opening *o, int access)
{
	o->path_only = false;
	o->readable = access != O_WRONLY && wants(o, VFS_READ | VFS_WRITE);
	o->writable = access != O_RDONLY;
	return posix_at(o->store, o->path.s, access | common_flags(o));
}

/* For attributes only. O_RDONLY first: extended attributes cost half as much on it as on O_PATH, which takes what is left,
 * files that may not be read among it. */
static int open_for_attributes(struct opening *o)
{
	int fd = o->store->shy ? open_path_only(o) : open_with(o, O_RDONLY);

	return fd >= 0 || fd == -ENOENT || fd == -ENOTDIR ? fd : open_path_only(o);
}

/* A descriptor or a negated errno. */
static int open_exact(struct opening *o)
{
	int fd;

	if (!wants(o, VFS_READ | VFS_WRITE))
		return open_for_attributes(o);
	if (!wants(o, VFS_WRITE) || wants(o, VFS_DIRECTORY)) {
		fd = open_with(o, O_RDONLY);
	} else {
		fd = open_with(o, O_RDWR);
		/* Access to write to a directory is access to make files in it: nothing the descriptor must be able to. */
		if (fd == -EISDIR && !wants(o, VFS_NON_DIRECTORY))
			fd = open_with(o, O_RDONLY);
		else if (fd == -EACCES && !wants(o, VFS_READ))
			fd = open_with(o, O_WRONLY);
	}
	/* Opened itself, a link has no data. */
	if (fd == -ELOOP && wants(o, VFS_NO_FOLLOW))
		fd = open_path_only(o);
	return fd;
}

/* What the descriptor turned out to be, against what was asked for. */
static ntstatus kind_check(const struct opening *o, const struct vfs_stat *st)
{
	uint32_t type = st->mode & S_IFMT;

	if (st->directory && wants(o, VFS_NON_DIRECTORY))
		return STATUS_FILE_IS_A_DIRECTORY;
	if (!st->directory && wants(o, VFS_DIRECTORY))
		return STATUS_NOT_A_DIRECTORY;
	/* FIFOs, sockets and devices can be seen, renamed and deleted, but not used. */
	if (type != S_IFREG && type != S_IFDIR && type != S_IFLNK && wants(o, VFS_READ | VFS_WRITE))
		return STATUS_ACCESS_DENIED;
	return STATUS_SUCCESS;
}

/* A link without its target is there for every search and for no opening. */
static bool leads_nowhere(const struct opening *o)
{
	int fd = posix_at(o->store, o->path.s, O_PATH | O_NOFOLLOW);
	struct stat st;
	bool link = fd >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode);

	if (fd >= 0)
		close(fd);
	return link;
}

static ntstatus open_existing(struct opening *o)
{
	/* Before something is created its directory is searched anyway. */
	bool search = o->args->disposition == VFS_OPEN || o->store->read_only;
	int fd = open_exact(o);
	ntstatus st;

	/* What was found may be gone before it is opened, and another name that is equal to it be there. */
	for (unsigned i = 0; fd == -ENOENT && search && i < RACE_TRIES && !(i > 0 && leads_nowhere(o)); i++) {
		st = posix_case_fix(o->store, &o->path, i > 0);
		if (nt_is(st, STATUS_STOPPED_ON_SYMLINK))
			return open_error(o, ELOOP);
		if (!nt_ok(st))
			return st;
		fd = open_exact(o);
	}
	if (fd == -ENOENT)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	if (fd < 0)
		return open_error(o, -fd);
	st = file_make(o, fd, false);
	if (!nt_ok(st))
		return st;
	st = kind_check(o, &o->out->stat);
	if (!nt_ok(st)) {
		vfs_file_close(o->out->file);
		o->out->file = NULL;
	}
	return st;
}

static ntstatus open_place(struct opening *o)
{
	struct posix_file *f;
	ntstatus st;

	if (file_share(o))
		return STATUS_SUCCESS;
	st = open_existing(o);
	if (!nt_ok(st))
		return st;
	f = posix_file_of(o->out->file);
	if (f->directory && !f->path_only)
		f->shared = posix_parents_keep(o->store, &o->path, f->fd, f->id);
	return st;
}

/* The directory that a new name goes into, and its path in o->path in the case that is on disk. */
struct parent {
	int fd;
	bool rewind;            /* its position may not be at the beginning */
	bool listable;          /* unless its mode forbids */
	struct vfs_id id;
	struct posix_file *of;  /* the caller's, whose descriptor it is; NULL: ours */
};

static void parent_close(const struct parent *p)
{
	if (!p->of)
		close(p->fd);
}

static ntstatus parent_given(struct opening *o, struct parent *p)
{
	struct posix_file *f = posix_file_of(o->args->parent);
	const char *leaf = leaf_of(o->path.s);
	size_t n = o->path.len - (size_t)(leaf - o->path.s), len = strlen(f->name), slash = len > 0;

	if (len + slash + n >= sizeof(o->path.s))
		return STATUS_OBJECT_NAME_INVALID;
	memmove(o->path.s + len + slash, leaf, n + 1);
	memcpy(o->path.s, f->name, len);
	if (slash)
		o->path.s[len] = '/';
	o->path.len = len + slash + n;
	o->known_at = f->known_at;
	*p = (struct parent){.fd = f->fd, .listable = true, .id = f->id, .of = f, .rewind = f->searched || f->shared};
	f->searched = true;
	return STATUS_SUCCESS;
}

static ntstatus parent_find(struct opening *o, int *dir, bool *listable)
{
	const char *leaf;

	*dir = posix_parent_at(o->store, o->path.s, O_RDONLY, &leaf);
	if (*dir == -ENOENT && leaf != o->path.s) {
		ntstatus st = posix_case_fix(o->store, &o->path, true);

		if (nt_is(st, STATUS_STOPPED_ON_SYMLINK))
			return open_error(o, ELOOP);
		if (!nt_ok(st) && !nt_is(st, STATUS_OBJECT_NAME_NOT_FOUND))
			return st;
		*dir = posix_parent_at(o->store, o->path.s, O_RDONLY, &leaf);
	}
	*listable = *dir != -EACCES;
	if (*dir == -EACCES)
		*dir = posix_parent_at(o->store, o->path.s, O_PATH, &leaf);
	if (*dir == -ENOENT || *dir == -ENOTDIR)
		return STATUS_OBJECT_PATH_NOT_FOUND;
	return *dir < 0 ? open_error(o, -*dir) : STATUS_SUCCESS;
}

/* Makes the file or directory; a descriptor or a negated errno. */
static int make(struct opening *o, int dir, const char *leaf)
{
	int access = wants(o, VFS_WRITE) ? O_RDWR : O_RDONLY;

	o->path_only = false;
	o->readable = wants(o, VFS_READ | VFS_WRITE);
	o->writable = access == O_RDWR && !wants(o, VFS_DIRECTORY);
	if (wants(o, VFS_DIRECTORY)) {
		int fd;

		if (mkdirat(dir, leaf, 0777) != 0)
			return -errno;
		fd = openat(dir, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		return fd >= 0 ? fd : -errno;
	}
	int fd = openat(dir, leaf, O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW | access | common_flags(o), 0666);

	return fd >= 0 ? fd : -errno;
}

/* Under the lock of the directory's names. -EEXIST: o->path has the name as it is there. */
static int make_unless_other_case(struct opening *o, const struct parent *p)
{
	char found[POSIX_NAME_BYTES + 1];
	const char *leaf = leaf_of(o->path.s);
	int match;

	if (p->rewind && lseek(p->fd, 0, SEEK_SET) != 0)
		return -errno;
	match = p->listable ? posix_dir_match(o->store, p->fd, p->id, leaf, true, found) : 0;
	if (match < 0)
		return match;
	if (match > 0)
		return posix_path_set_leaf(&o->path, found) ? -EEXIST : -ENAMETOOLONG;
	return make(o, p->fd, leaf);
}

static ntstatus parent_open(struct opening *o, struct parent *p)
{
	struct stat dst;
	ntstatus st;

	if (o->args->parent && !posix_file_of(o->args->parent)->path_only)
		return parent_given(o, p);
	*p = (struct parent){.fd = -1};
	st = parent_find(o, &p->fd, &p->listable);
	if (!nt_ok(st))
		return st;
	if (fstat(p->fd, &dst) != 0) {
		close(p->fd);
		return STATUS_OBJECT_PATH_NOT_FOUND;
	}
	p->id = posix_id_of(&dst);
	return STATUS_SUCCESS;
}

static ntstatus create_new(struct opening *o)
{
	struct posix_note *note;
	pthread_mutex_t *lock;
	struct parent parent;
	int fd;
	ntstatus st = parent_open(o, &parent);

	if (!nt_ok(st))
		return st;
	note = posix_note_begin(o->store, o->path.s, IN_CREATE | IN_ATTRIB);
	lock = posix_names_lock(o->store, parent.id);
	pthread_mutex_lock(lock);
	fd = make_unless_other_case(o, &parent);
	pthread_mutex_unlock(lock);
	if (fd < 0) {
		posix_note_end(o->store, note, false);
		parent_close(&parent);
		/* The directory was removed meanwhile. */
		return fd == -ENOENT ? STATUS_OBJECT_PATH_NOT_FOUND : posix_error(-fd);
	}
	st = file_make(o, fd, true);
	if (nt_ok(st) && wants(o, VFS_DIRECTORY))
		posix_note_directory(o->store, o->path.s);
	posix_note_end(o->store, note, nt_ok(st));
	if (!nt_ok(st))
		(void)unlinkat(parent.fd, leaf_of(o->path.s), wants(o, VFS_DIRECTORY) ? AT_REMOVEDIR : 0);
	parent_close(&parent);
	return st;
}

static ntstatus open_or_create(struct opening *o)
{
	for (int i = 0; i < RACE_TRIES; i++) {
		ntstatus st = open_existing(o);

		if (!nt_is(st, STATUS_OBJECT_NAME_NOT_FOUND))
			return st;
		st = create_new(o);
		if (!nt_is(st, STATUS_OBJECT_NAME_COLLISION))
			return st;
		/* It has another case, or appeared meanwhile: open that. */
	}
	/* A link to nowhere: not there when opened and in the way when created. */
	return STATUS_ACCESS_DENIED;
}

ntstatus posix_open(struct vfs *v, const struct vfs_open_args *args, struct arena *a, struct vfs_open_result *out)
{
	struct opening o;
	ntstatus st;

	memset(&o, 0, offsetof(struct opening, path));
	o.store = posix_store_of(v);
	o.args = args;
	o.arena = a;
	o.out = out;
	o.known_at = o.store->renames;
	if (o.store->read_only && (wants(&o, VFS_WRITE | VFS_DELETE) || args->disposition == VFS_CREATE))
		return STATUS_MEDIA_WRITE_PROTECTED;
	st = posix_path_from_wire(&o.path, args->name);
	if (!nt_ok(st))
		return st;
	if (o.path.len == 0 && args->disposition == VFS_CREATE)
		return STATUS_OBJECT_NAME_COLLISION;
	switch (args->disposition) {
	case VFS_OPEN:
		return wants(&o, VFS_PLACE) ? open_place(&o) : open_existing(&o);
	case VFS_CREATE:
		return create_new(&o);
	case VFS_OPEN_IF:
		if (!o.store->read_only)
			return open_or_create(&o);
		st = open_existing(&o);
		return nt_is(st, STATUS_OBJECT_NAME_NOT_FOUND) ? STATUS_MEDIA_WRITE_PROTECTED : st;
	}
	return STATUS_INVALID_PARAMETER;
}

void posix_file_close(struct vfs_file *vf)
{
	struct posix_file *f = posix_file_of(vf);

	posix_lease_release(vf);
	posix_dir_free(f->dir);
	if (f->shared)
		posix_parent_put(f->shared);
	else
		close(f->fd);
	free(f->name);
	free(f);
}

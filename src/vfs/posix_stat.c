/* What a file is: statx(2) and user.DOSATTRIB together give what clients call its attributes and times, and the way back.
 * Without the extended attribute a file is ARCHIVE, as a new one is for Windows, and READONLY when its mode lets nobody write. */
#include "vfs/posix.h"

#include "base/filetime.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/xattr.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define DOSATTRIB "user.DOSATTRIB"

/* Also SPARSE, which is not set by clients like the others, but kept. */
#define DOSATTRIB_KEPT (VFS_ATTRIBUTES_SETTABLE | FILE_ATTRIBUTE_SPARSE_FILE)

/* The kernel's clock for inodes steps by a tick, and the call takes its time: in 100 ns. */
enum { CHANGED_SLACK = 100000, CHANGED_TRIES = 8 };

enum { STATX_WANTED = STATX_BASIC_STATS | STATX_BTIME, XATTR_CAP = 256, LIST_CAP = 512 };

static uint64_t filetime_of(const struct statx_timestamp *t)
{
	return filetime_from_timespec((struct timespec){.tv_sec = t->tv_sec, .tv_nsec = (long)t->tv_nsec});
}

/* Inodes are unique on a device only; those of devices mounted beneath the root are told apart. */
static uint64_t file_id(const struct posix_store *s, struct vfs_id id)
{
	uint64_t h = id.device * 0x9E3779B97F4A7C15ull;

	return id.device == s->root_id.device ? id.inode : id.inode ^ (h ^ h >> 32) << 16 ^ 1ull << 63;
}

static void fill(const struct posix_store *s, const struct statx *x, struct vfs_stat *out)
{
	uint64_t oldest;

	memset(out, 0, sizeof(*out));
	out->id = (struct vfs_id){.device = makedev(x->stx_dev_major, x->stx_dev_minor), .inode = x->stx_ino};
	out->file_id = file_id(s, out->id);
	out->directory = S_ISDIR(x->stx_mode);
	out->symlink = S_ISLNK(x->stx_mode);
	/* POSIX counts the names of a directory's children too. */
	out->links = out->directory && x->stx_nlink != 0 ? 1 : x->stx_nlink;
	out->mode = x->stx_mode;
	out->uid = x->stx_uid;
	out->gid = x->stx_gid;
	if (S_ISREG(x->stx_mode)) {
		out->size = x->stx_size;
		out->allocation = x->stx_blocks * 512;
	}
	out->accessed = filetime_of(&x->stx_atime);
	out->written = filetime_of(&x->stx_mtime);
	out->changed = filetime_of(&x->stx_ctime);
	oldest = out->written < out->changed ? out->written : out->changed;
	out->created = (x->stx_mask & STATX_BTIME) != 0 ? filetime_of(&x->stx_btime) :
		out->accessed < oldest ? out->accessed : oldest;
}

static uint32_t default_attributes(const struct vfs_stat *st)
{
	if (!S_ISREG(st->mode))
		return 0;
	return FILE_ATTRIBUTE_ARCHIVE | ((st->mode & 0222) == 0 ? FILE_ATTRIBUTE_READONLY : 0);
}

/* Adds what user.DOSATTRIB says. */
static void attributes_add(struct vfs_stat *out, const struct posix_dosattrib *d)
{
	if (d->has_created)
		out->created = d->created;
	/* A ChangeTime that was set holds until the file changes again; setting it was itself the last change of the inode. */
	if (d->has_changed && out->changed >= d->changed_at && out->changed - d->changed_at <= CHANGED_SLACK)
		out->changed = d->changed;
	out->attributes = d->has_attributes ? d->attributes & DOSATTRIB_KEPT : default_attributes(out);
	if (out->directory)
		out->attributes |= FILE_ATTRIBUTE_DIRECTORY;
	if (out->symlink)
		out->attributes |= FILE_ATTRIBUTE_REPARSE_POINT;
	if (out->attributes == 0)
		out->attributes = FILE_ATTRIBUTE_NORMAL;
}

/* n: the length of user.DOSATTRIB, negative when there is none. */
static struct posix_dosattrib parsed(const void *xattr, ssize_t n)
{
	struct posix_dosattrib d = {0};

	if (n > 0 && !posix_dosattrib_parse(&d, xattr, (size_t)n))
		d = (struct posix_dosattrib){0};
	return d;
}

/* The kernel gives user attributes to these kinds alone. */
static bool may_have_xattr(const struct posix_store *s, uint32_t mode)
{
	return s->xattrs && (S_ISREG(mode) || S_ISDIR(mode));
}

static struct posix_dosattrib dosattrib_read(int fd, bool path_only)
{
	uint8_t xattr[XATTR_CAP];

	return parsed(xattr, posix_fgetxattr(fd, path_only, DOSATTRIB, xattr, sizeof(xattr)));
}

/* One look at the names tells what need not be read. false: there are too many of them. */
static bool listed_read(int fd, struct posix_known *k)
{
	static const char acl[] = ".NTACL";
	char names[LIST_CAP];
	ssize_t n = flistxattr(fd, names, sizeof(names));
	bool dos = false;

	if (n < 0)
		return false;
	k->no_descriptor = true;
	for (ssize_t at = 0; at < n;) {
		size_t len = strnlen(names + at, (size_t)(n - at));

		dos = dos || strcmp(names + at, DOSATTRIB) == 0;
		if (len >= sizeof(acl) && memcmp(names + at + len + 1 - sizeof(acl), acl, sizeof(acl) - 1) == 0)
			k->no_descriptor = false;
		at += (ssize_t)len + 1;
	}
	if (dos)
		k->dos = dosattrib_read(fd, false);
	return true;
}

/* Linux before 6.11 wants an empty path for the descriptor itself, which costs it a fifth more. */
static int statx_fd(struct posix_store *s, int fd, unsigned mask, struct statx *x)
{
	if (!atomic_load_explicit(&s->no_null_path, memory_order_relaxed)) {
		if (syscall(SYS_statx, fd, NULL, AT_EMPTY_PATH, mask, x) == 0)
			return 0;
		if (errno != EFAULT)
			return -1;
		atomic_store_explicit(&s->no_null_path, true, memory_order_relaxed);
	}
	return statx(fd, "", AT_EMPTY_PATH, mask, x);
}

static int64_t ctime_of(const struct statx *x)
{
	return x->stx_ctime.tv_sec * 1000000000 + x->stx_ctime.tv_nsec;
}

static struct posix_known xattrs_read(struct posix_store *s, int fd, bool path_only, bool opened, int64_t ctime_ns, struct vfs_id id)
{
	struct posix_known k = {.no_descriptor = false};
	bool holds;

	if (posix_known_find(s, id, ctime_ns, &k))
		return k;
	holds = posix_known_holds(s, id, ctime_ns);
	if (path_only || !(holds || opened) || !listed_read(fd, &k)) {
		k.dos = dosattrib_read(fd, path_only);
		return k;
	}
	if (holds)
		posix_known_keep(s, id, ctime_ns, &k);
	return k;
}

/* Adds what its extended attributes say to what x has filled in. */
static void xattrs_add(struct posix_store *s, int fd, bool path_only, bool opened, const struct statx *x, struct vfs_stat *out)
{
	struct posix_known k = {.no_descriptor = false};

	if (may_have_xattr(s, out->mode))
		k = xattrs_read(s, fd, path_only, opened, ctime_of(x), out->id);
	out->no_descriptor = k.no_descriptor;
	attributes_add(out, &k.dos);
}

static ntstatus stat_fd(struct posix_store *s, int fd, bool path_only, bool opened, struct vfs_stat *out)
{
	struct statx x;

	if (statx_fd(s, fd, STATX_WANTED, &x) != 0)
		return posix_error(errno);
	fill(s, &x, out);
	xattrs_add(s, fd, path_only, opened, &x, out);
	return STATUS_SUCCESS;
}

ntstatus posix_stat_fd(struct posix_store *s, int fd, bool path_only, struct vfs_stat *out)
{
	return stat_fd(s, fd, path_only, false, out);
}

ntstatus posix_stat_opened(struct posix_store *s, int fd, bool path_only, struct vfs_stat *out)
{
	return stat_fd(s, fd, path_only, true, out);
}

bool posix_stat_named(struct posix_store *s, const char *path, int fd, struct vfs_id id, struct vfs_stat *out)
{
	struct statx x;

	/* Links on the way do no harm: what they lead to is not opened. */
	if (statx(s->root, path[0] != 0 ? path : ".", AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_WANTED, &x) != 0)
		return false;
	fill(s, &x, out);
	if (!out->directory || !posix_id_equal(out->id, id))
		return false;
	xattrs_add(s, fd, false, true, &x, out);
	return true;
}

ntstatus posix_stat_new(struct posix_store *s, int fd, bool directory, uint32_t attributes, struct vfs_stat *out)
{
	uint32_t wanted = (attributes & VFS_ATTRIBUTES_SETTABLE) | (directory ? FILE_ATTRIBUTE_DIRECTORY : FILE_ATTRIBUTE_ARCHIVE);
	uint8_t blob[POSIX_DOSATTRIB_BYTES];
	struct statx x;
	int err = -EOPNOTSUPP;

	if (statx_fd(s, fd, STATX_WANTED, &x) != 0)
		return posix_error(errno);
	fill(s, &x, out);
	attributes_add(out, &(struct posix_dosattrib){0});
	/* Kept even where it is what the file has anyway: Samba guesses otherwise, and has no time of creation without it. */
	posix_dosattrib_make(blob, wanted, out->created);
	if (s->xattrs)
		err = posix_fsetxattr(fd, false, DOSATTRIB, blob, sizeof(blob));
	if (err == -EOPNOTSUPP && wanted != out->attributes)
		posix_tell_no_xattrs(s);
	if (err == 0) {
		out->attributes = wanted;
		/* That was a change, too. The other way round one look would do, but the time of creation has to be that of the first write to 100 ns. */
		if (statx_fd(s, fd, STATX_CTIME, &x) == 0)
			out->changed = filetime_of(&x.stx_ctime);
	}
	return err == 0 || err == -EOPNOTSUPP || wanted == out->attributes ? STATUS_SUCCESS : posix_error(-err);
}

ntstatus posix_stat_get(struct vfs_file *vf, struct vfs_stat *out)
{
	struct posix_file *f = posix_file_of(vf);

	return posix_stat_fd(posix_store_of(vf->store), f->fd, f->path_only, out);
}

/* --- entries of a directory --- */

#ifndef SYS_getxattrat
#define SYS_getxattrat 464
#endif

/* The kernel's argument of getxattrat(2), which headers of Linux before 6.13 lack. */
struct getxattrat_args {
	uint64_t value;
	uint32_t size, flags;
};

static ssize_t entry_xattr(struct posix_store *s, int dir, const char *name, void *p, size_t cap)
{
	char path[32 + POSIX_NAME_BYTES + 1];
	ssize_t n;

	if (!s->no_getxattrat) {
		struct getxattrat_args args = {.value = (uintptr_t)p, .size = (uint32_t)cap};

		n = syscall(SYS_getxattrat, dir, name, AT_SYMLINK_NOFOLLOW, DOSATTRIB, &args, sizeof(args));
		if (n >= 0 || errno != ENOSYS)
			return n >= 0 ? n : -errno;
		s->no_getxattrat = true;
	}
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name);
	n = lgetxattr(path, DOSATTRIB, p, cap);
	return n >= 0 ? n : -errno;
}

static struct posix_known entry_known(struct posix_store *s, int dir, const char *name, int64_t ctime_ns, struct vfs_id id)
{
	struct posix_known k = {.no_descriptor = false};
	uint8_t xattr[XATTR_CAP];

	if (posix_known_find(s, id, ctime_ns, &k))
		return k;
	k.dos = parsed(xattr, entry_xattr(s, dir, name, xattr, sizeof(xattr)));
	if (posix_known_holds(s, id, ctime_ns))
		posix_known_keep(s, id, ctime_ns, &k);
	return k;
}

/* The target of a symlink that may be followed: true when it is there and beneath the root. */
static bool entry_follow(struct posix_store *s, const char *path, const char *name, struct vfs_stat *out)
{
	struct posix_path full;
	int n = snprintf(full.s, sizeof(full.s), "%s%s%s", path, path[0] != 0 ? "/" : "", name), fd;
	bool ok;

	if (n < 0 || (size_t)n >= sizeof(full.s))
		return false;
	fd = posix_at(s, full.s, O_PATH);
	if (fd < 0)
		return false;
	ok = nt_ok(posix_stat_fd(s, fd, true, out));
	close(fd);
	return ok;
}

ntstatus posix_stat_entry(struct posix_store *s, int dir, const char *path, const char *name, struct vfs_stat *out)
{
	struct posix_known k = {.no_descriptor = false};
	struct statx x;

	if (statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_WANTED, &x) != 0)
		return posix_error(errno);
	if (S_ISLNK(x.stx_mode) && s->follow && entry_follow(s, path, name, out))
		return STATUS_SUCCESS;
	fill(s, &x, out);
	if (may_have_xattr(s, out->mode))
		k = entry_known(s, dir, name, ctime_of(&x), out->id);
	attributes_add(out, &k.dos);
	return STATUS_SUCCESS;
}

/* --- setting --- */

/* Without extended attributes only READONLY has a place, the mode. */
static ntstatus attributes_to_mode(struct posix_file *f, const struct vfs_stat *now, uint32_t attributes)
{
	uint32_t mode = (attributes & FILE_ATTRIBUTE_READONLY) != 0 ? now->mode & ~0222u : now->mode | 0200u;
	char path[32];

	posix_tell_no_xattrs(posix_store_of(f->base.store));
	if (!S_ISREG(now->mode) || mode == now->mode)
		return STATUS_SUCCESS;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", f->fd);
	return chmod(path, mode & 07777) == 0 ? STATUS_SUCCESS : posix_error(errno);
}

/* With when it was set behind it: known to lie before the change that this is, and found afterwards to have lain shortly before. The clock of ticks falls behind where a
 * processor sleeps or is taken away, and then the change that did not hold tells how late it is. */
static int changed_store(struct posix_file *f, uint8_t blob[POSIX_DOSATTRIB_BYTES + POSIX_CHANGED_BYTES], uint64_t changed)
{
	uint64_t at, now;
	struct timespec tick;
	struct statx x;
	int err;

	(void)clock_gettime(CLOCK_REALTIME_COARSE, &tick);
	now = filetime_from_timespec(tick);
	for (unsigned tries = 0; tries < CHANGED_TRIES; tries++) {
		at = now;
		posix_dosattrib_changed_make(blob + POSIX_DOSATTRIB_BYTES, changed, at);
		err = posix_fsetxattr(f->fd, f->path_only, DOSATTRIB, blob, POSIX_DOSATTRIB_BYTES + POSIX_CHANGED_BYTES);
		if (err != 0 || statx_fd(posix_store_of(f->base.store), f->fd, STATX_CTIME, &x) != 0)
			break;
		now = filetime_of(&x.stx_ctime);
		if (now - at <= CHANGED_SLACK)
			break;
	}
	return err;
}

static ntstatus dosattrib_store(struct posix_file *f, const struct vfs_set_info *set)
{
	uint8_t blob[POSIX_DOSATTRIB_BYTES + POSIX_CHANGED_BYTES];
	struct vfs_stat now;
	uint32_t attributes;
	ntstatus st = posix_stat_get(&f->base, &now);
	int err;

	if (!nt_ok(st))
		return st;
	attributes = now.attributes & (DOSATTRIB_KEPT | FILE_ATTRIBUTE_DIRECTORY);
	if ((set->which & VFS_SET_ATTRIBUTES) != 0)
		attributes = (attributes & ~VFS_ATTRIBUTES_SETTABLE) | (set->attributes & VFS_ATTRIBUTES_SETTABLE);
	/* Nothing new to keep, and the times that were set count as the change. */
	if (attributes == (now.attributes & (DOSATTRIB_KEPT | FILE_ATTRIBUTE_DIRECTORY)) &&
		(set->which & (VFS_SET_CREATED | VFS_SET_CHANGED)) == 0 && (set->which & (VFS_SET_ACCESSED | VFS_SET_WRITTEN)) != 0)
		return STATUS_SUCCESS;
	if (!posix_store_of(f->base.store)->xattrs)
		return attributes_to_mode(f, &now, attributes);
	posix_dosattrib_make(blob, attributes, (set->which & VFS_SET_CREATED) != 0 ? set->created : now.created);
	err = (set->which & VFS_SET_CHANGED) != 0 ? changed_store(f, blob, set->changed) :
		posix_fsetxattr(f->fd, f->path_only, DOSATTRIB, blob, POSIX_DOSATTRIB_BYTES);
	if (err == -EOPNOTSUPP)
		return attributes_to_mode(f, &now, attributes);
	return err == 0 ? STATUS_SUCCESS : posix_error(-err);
}

static struct timespec time_or_omit(bool set, uint64_t filetime)
{
	return set ? filetime_to_timespec(filetime) : (struct timespec){.tv_nsec = UTIME_OMIT};
}

ntstatus posix_set(struct vfs_file *vf, const struct vfs_set_info *set)
{
	struct posix_file *f = posix_file_of(vf);
	ntstatus st = STATUS_SUCCESS;

	if (posix_store_of(vf->store)->read_only)
		return STATUS_MEDIA_WRITE_PROTECTED;
	if (f->symlink && (set->which & (VFS_SET_ATTRIBUTES | VFS_SET_CREATED)) != 0)
		return STATUS_NOT_SUPPORTED;
	if ((set->which & (VFS_SET_ACCESSED | VFS_SET_WRITTEN)) != 0) {
		struct timespec ts[2] = {time_or_omit((set->which & VFS_SET_ACCESSED) != 0, set->accessed),
			time_or_omit((set->which & VFS_SET_WRITTEN) != 0, set->written)};

		if (utimensat(f->fd, "", ts, AT_EMPTY_PATH) != 0)
			return posix_error(errno);
	}
	/* Last, since ChangeTime holds until the next change. */
	if ((set->which & (VFS_SET_ATTRIBUTES | VFS_SET_CREATED | VFS_SET_CHANGED)) != 0 && !f->symlink)
		st = dosattrib_store(f, set);
	return st;
}

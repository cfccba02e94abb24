/* From a path to a descriptor. The kernel resolves every path itself and keeps it beneath the root (openat2(2) with
 * RESOLVE_BENEATH); only when a name is not there in the case that was asked for are directories searched. */
#include "vfs/posix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { BENEATH_TRIES = 100, SCAN_BYTES = 16384, WORTH_AN_INDEX = 64 };

int posix_at(const struct posix_store *s, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | (s->follow ? 0 : RESOLVE_NO_SYMLINKS)
	};

	/* EAGAIN: something was renamed meanwhile and the kernel could not tell that ".." of a link stays beneath. */
	for (int i = 0; i < BENEATH_TRIES; i++) {
		long fd = syscall(SYS_openat2, s->root, path[0] != 0 ? path : ".", &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

/* The last component, and the path of the directory that it is in: empty for the root. */
static const char *leaf_and_parent(const char *path, struct posix_path *parent)
{
	const char *slash = strrchr(path, '/');

	parent->len = slash != NULL ? (size_t)(slash - path) : 0;
	memcpy(parent->s, path, parent->len);
	parent->s[parent->len] = 0;
	return slash != NULL ? slash + 1 : path;
}

int posix_parent_at(const struct posix_store *s, const char *path, int flags, const char **leaf)
{
	struct posix_path parent;

	*leaf = leaf_and_parent(path, &parent);
	if (*leaf == path && flags == O_PATH) {
		int fd = fcntl(s->root, F_DUPFD_CLOEXEC, 0);

		return fd >= 0 ? fd : -errno;
	}
	return posix_at(s, parent.s, flags | O_DIRECTORY);
}

bool posix_path_set_leaf(struct posix_path *p, const char *leaf)
{
	char *slash = strrchr(p->s, '/');
	size_t at = slash != NULL ? (size_t)(slash + 1 - p->s) : 0, n = strlen(leaf);

	if (at + n >= sizeof(p->s))
		return false;
	memcpy(p->s + at, leaf, n + 1);
	p->len = at + n;
	return true;
}

static char ascii_up(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

/* Whether `leaf` is the short name of a name on disk. */
static bool is_short_name_of(const char *leaf, const char *name, size_t len)
{
	uint8_t wide[2 * POSIX_NAME_BYTES + 2], alias[VFS_SHORT_NAME_BYTES], wanted[2 * VFS_SHORT_NAME_BYTES];
	struct slice w;

	if (len > POSIX_NAME_BYTES)
		return false;
	w = slice_of(wide, posix_name_to_wire(wide, name, len));
	if (vfs_name_is_short(w))
		return false;
	return utf16_equal_nocase(slice_of(alias, vfs_short_name(alias, w)), slice_of(wanted, posix_name_to_wire(wanted, leaf, strlen(leaf))));
}

/* What has been found of a leaf so far, in any case or as a short name. */
struct matching {
	const char *leaf;
	size_t len, seen;
	bool alias, found_alias, found_case, exact;
	char *found;
};

static void look_at(struct matching *m, const char *name)
{
	char c = name[0];
	size_t k = strlen(name);

	/* Most names differ in the first letter already. */
	if (!m->alias && (unsigned char)c < 0x80 && (unsigned char)m->leaf[0] < 0x80 && ascii_up(c) != ascii_up(m->leaf[0]))
		return;
	if (m->alias && !m->found_case && is_short_name_of(m->leaf, name, k)) {
		memcpy(m->found, name, k + 1);
		m->found_alias = true;
	}
	if (k > POSIX_NAME_BYTES || !posix_name_equal_nocase(name, k, m->leaf, m->len))
		return;
	memcpy(m->found, name, k + 1);
	m->found_case = true;
	m->exact = strcmp(name, m->leaf) == 0;
}

/* 0, or a negated errno. */
static int look_at_all(struct matching *m, int dir)
{
	_Alignas(struct dirent64) char buf[SCAN_BYTES];
	ssize_t n;

	while (!m->exact && (n = getdents64(dir, buf, sizeof(buf))) != 0) {
		if (n < 0)
			return -errno;
		for (ssize_t at = 0; at < n && !m->exact; m->seen++) {
			const struct dirent64 *e = (const void *)(buf + at);

			at += e->d_reclen;
			look_at(m, e->d_name);
		}
	}
	return 0;
}

static bool may_be_alias(const struct posix_store *s, const char *leaf)
{
	return s->short_names && vfs_may_be_short_name(leaf);
}

int posix_dir_match(struct posix_store *s, int dir, struct vfs_id id, const char *leaf, bool look, char found[POSIX_NAME_BYTES + 1])
{
	struct matching m = {.leaf = leaf, .len = strlen(leaf), .found = found, .alias = may_be_alias(s, leaf)};
	int result = m.alias ? -1 : posix_index_match(s, dir, id, leaf, look, found);

	if (result >= 0)
		return result;
	result = look_at_all(&m, dir);
	if (result == 0 && m.seen > WORTH_AN_INDEX)
		posix_index_learn(s, dir, id);
	return result < 0 ? result : m.found_case || m.found_alias;
}

static ntstatus leaf_matched(struct posix_path *p, int match, const char *found)
{
	if (match == 0)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	return posix_path_set_leaf(p, found) ? STATUS_SUCCESS : STATUS_OBJECT_NAME_INVALID;
}

/* As posix_dir_match without a look, where the directory that p's last component is in has an index and thus need not be opened. -1: it must be.
 * Links on the way do no harm: what the index has is opened by a path that is looked at again. */
static int indexed_match(struct posix_store *s, const struct posix_path *p, char found[POSIX_NAME_BYTES + 1])
{
	struct posix_path parent;
	const char *leaf = leaf_and_parent(p->s, &parent);
	struct stat st;

	if (atomic_load_explicit(&s->indexes.count, memory_order_relaxed) == 0 || may_be_alias(s, leaf))
		return -1;
	if (fstatat(s->root, parent.len > 0 ? parent.s : ".", &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0 || !S_ISDIR(st.st_mode))
		return -1;
	return posix_index_match(s, -1, posix_id_of(&st), leaf, false, found);
}

/* Looks for p's last component in its directory, which exists in that case. */
static ntstatus leaf_fix(struct posix_store *s, struct posix_path *p, bool look)
{
	char found[POSIX_NAME_BYTES + 1];
	const char *leaf;
	int match = look ? -1 : indexed_match(s, p, found), dir;
	struct stat st;

	if (match >= 0)
		return leaf_matched(p, match, found);
	match = -ENOENT;
	dir = posix_parent_at(s, p->s, O_RDONLY, &leaf);
	if (dir == -ELOOP && !s->follow)
		return STATUS_STOPPED_ON_SYMLINK;
	if (dir == -ENOENT || dir == -ENOTDIR)
		return STATUS_OBJECT_PATH_NOT_FOUND;
	/* A directory that may be passed but not listed: then only the right case finds a name. */
	if (dir == -EACCES)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	if (dir < 0)
		return posix_error(-dir);
	if (fstat(dir, &st) == 0)
		match = posix_dir_match(s, dir, posix_id_of(&st), leaf, look, found);
	close(dir);
	return match < 0 ? posix_error(-match) : leaf_matched(p, match, found);
}

/* Component by component from the top. `done` has the case on disk so far. */
static ntstatus walk(struct posix_store *s, struct posix_path *p)
{
	struct posix_path done = {.len = 0};
	size_t at = 0;
	ntstatus st = STATUS_SUCCESS;

	while (at < p->len) {
		size_t k = strcspn(p->s + at, "/");
		int fd;

		if (done.len + k + 2 > sizeof(done.s))
			return STATUS_OBJECT_NAME_INVALID;
		if (done.len != 0)
			done.s[done.len++] = '/';
		memcpy(done.s + done.len, p->s + at, k);
		done.len += k;
		done.s[done.len] = 0;
		at += k + 1;
		fd = posix_at(s, done.s, O_PATH);
		if (fd >= 0)
			close(fd);
		else if (fd == -ENOENT)
			st = leaf_fix(s, &done, true);
		else
			st = fd == -ELOOP && !s->follow ? STATUS_STOPPED_ON_SYMLINK : posix_error(fd == -EXDEV ? EACCES : -fd);
		if (!nt_ok(st))
			break;
	}
	if (nt_is(st, STATUS_OBJECT_NAME_NOT_FOUND) && at < p->len)
		return STATUS_OBJECT_PATH_NOT_FOUND;
	/* What was not looked at stays as it came. */
	if (at < p->len) {
		size_t n = p->len - at;

		if (done.len + 1 + n >= sizeof(done.s))
			return STATUS_OBJECT_NAME_INVALID;
		done.s[done.len++] = '/';
		memcpy(done.s + done.len, p->s + at, n + 1);
		done.len += n;
	}
	memcpy(p->s, done.s, done.len + 1);
	p->len = done.len;
	return st;
}

ntstatus posix_case_fix(struct posix_store *s, struct posix_path *p, bool look)
{
	ntstatus st = leaf_fix(s, p, look);

	/* Mostly the directory is there and the search is in it alone. */
	return nt_is(st, STATUS_OBJECT_PATH_NOT_FOUND) && strchr(p->s, '/') != NULL ? walk(s, p) : st;
}

/* The target of the link open as fd. */
static struct slice link_target(int fd, struct arena *a)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof(target));

	return n > 0 ? posix_path_to_wire(a, target, (size_t)n) : slice_of(NULL, 0);
}

ntstatus posix_symlink_report(const struct posix_store *s, const char *path, struct slice wire, struct arena *a,
	struct vfs_open_result *out)
{
	struct slice rest = wire, c;
	size_t at = 0;

	while (vfs_name_next(&rest, &c)) {
		struct posix_path prefix;
		struct stat st;
		int fd;

		prefix.len = at + strcspn(path + at, "/");
		memcpy(prefix.s, path, prefix.len);
		prefix.s[prefix.len] = 0;
		at = path[prefix.len] != 0 ? prefix.len + 1 : prefix.len;
		fd = posix_at(s, prefix.s, O_PATH | O_NOFOLLOW);
		if (fd < 0)
			return posix_error(-fd);
		if (fstat(fd, &st) == 0 && S_ISLNK(st.st_mode)) {
			out->symlink_target = link_target(fd, a);
			/* With the separator before it. */
			out->symlink_unparsed = rest.len != 0 ? rest.len + 2 : 0;
			close(fd);
			return out->symlink_target.data != NULL ? STATUS_STOPPED_ON_SYMLINK : STATUS_ACCESS_DENIED;
		}
		close(fd);
	}
	return STATUS_ACCESS_DENIED;
}

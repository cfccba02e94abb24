/* Side files: the data of streams that do not fit into an extended attribute. They lie in a directory of the share's root under
 * random names; the attribute of the stream has the name, so that a side file need not move when its file does. It notes the inode
 * that it was made for: a copy of that file, attributes and all, reads the same side file and gets its own when it is written.
 * A file that lies beneath the roots of several shares has its side files in one of them: all directories above it are searched. */
#include "vfs/posix_stream.h"

#include "base/log.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define REFERENCE "hythe-side-file:"
_Static_assert(sizeof(REFERENCE) - 1 + POSIX_SIDE_HEX == POSIX_REFERENCE_BYTES, "its length");

enum { REFERENCE_LEN = POSIX_REFERENCE_BYTES - POSIX_SIDE_HEX, COPY_BYTES = 1 << 20 };

/* Some share of this process has side files. */
static _Atomic bool sides_exist;

bool posix_sides_exist(void)
{
	return atomic_load_explicit(&sides_exist, memory_order_relaxed);
}

bool posix_side_is_hidden(const char *name, size_t len)
{
	return len == sizeof(POSIX_SIDE_DIR) - 1 && strncasecmp(name, POSIX_SIDE_DIR, len) == 0;
}

bool posix_side_parse(const struct posix_value *v, struct posix_side_id *out)
{
	if (v->n != REFERENCE_LEN + POSIX_SIDE_HEX || memcmp(v->p, REFERENCE, REFERENCE_LEN) != 0)
		return false;
	memcpy(out->hex, v->p + REFERENCE_LEN, POSIX_SIDE_HEX);
	out->hex[POSIX_SIDE_HEX] = 0;
	return strspn(out->hex, "0123456789abcdef") == POSIX_SIDE_HEX;
}

size_t posix_side_reference(uint8_t out[POSIX_VALUE_SMALL], const struct posix_side_id *id)
{
	memcpy(out, REFERENCE, REFERENCE_LEN);
	memcpy(out + REFERENCE_LEN, id->hex, POSIX_SIDE_HEX);
	return REFERENCE_LEN + POSIX_SIDE_HEX;
}

/* The absolute path of a descriptor; empty when unknown. */
static void path_of(int fd, char out[PATH_MAX])
{
	char link[32];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, out, PATH_MAX - 1);
	out[n > 0 ? n : 0] = 0;
}

/* Calls fn with the directory of side files of every directory above the path, until it gives something else than -ENOENT. */
static int above_each(char path[PATH_MAX], int (*fn)(int dir, const char *name), const char *name)
{
	char *slash;
	int r = -ENOENT;

	while (r == -ENOENT && (slash = strrchr(path, '/')) != NULL) {
		char dir[PATH_MAX + sizeof(POSIX_SIDE_DIR)];
		int fd;

		*slash = 0;
		(void)snprintf(dir, sizeof(dir), "%s/%s", path, POSIX_SIDE_DIR);
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		r = fn(fd, name);
		close(fd);
	}
	return r;
}

void posix_sides_init(struct posix_store *s)
{
	int fd = openat(s->root, POSIX_SIDE_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char path[PATH_MAX];

	s->side_dir = fd;
	path_of(s->root, path);
	while (fd < 0 && !posix_sides_exist() && strrchr(path, '/') != NULL) {
		char dir[PATH_MAX + sizeof(POSIX_SIDE_DIR)];

		*strrchr(path, '/') = 0;
		(void)snprintf(dir, sizeof(dir), "%s/%s", path, POSIX_SIDE_DIR);
		if (access(dir, F_OK) == 0)
			atomic_store(&sides_exist, true);
	}
	if (fd >= 0)
		atomic_store(&sides_exist, true);
}

/* The directory of the share's own side files, made when it is not there; or a negated errno. */
static int side_dir_make(struct posix_store *s)
{
	int fd = s->side_dir, none = -1;

	if (fd >= 0)
		return fd;
	if (mkdirat(s->root, POSIX_SIDE_DIR, 0700) != 0 && errno != EEXIST)
		return -errno;
	fd = openat(s->root, POSIX_SIDE_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	(void)fsync(s->root);
	atomic_store(&sides_exist, true);
	if (!atomic_compare_exchange_strong(&s->side_dir, &none, fd)) {
		close(fd);
		fd = none;
	}
	return fd;
}

static int open_in(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && (errno == EACCES || errno == EROFS))
		fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

static bool is_own(int side, uint64_t inode)
{
	uint8_t owner[8];

	return posix_fgetxattr(side, false, POSIX_SIDE_OWNER, owner, sizeof(owner)) == sizeof(owner) && load_le64(owner) == inode;
}

int posix_side_open(struct posix_store *s, int base_fd, uint64_t inode, const struct posix_side_id *id, bool *own)
{
	int fd = s->side_dir >= 0 ? open_in(s->side_dir, id->hex) : -ENOENT;
	char path[PATH_MAX];

	if (fd == -ENOENT) {
		path_of(base_fd, path);
		fd = above_each(path, open_in, id->hex);
	}
	*own = fd >= 0 && is_own(fd, inode);
	return fd;
}

static int write_all(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t k = write(fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k < 0 ? -errno : -ENOSPC;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

static int copy_all(int from, int to)
{
	loff_t at = 0;

	for (;;) {
		ssize_t k = copy_file_range(from, &at, to, NULL, COPY_BYTES, 0);

		if (k == 0)
			return 0;
		if (k < 0 && errno != EINTR)
			return -errno;
	}
}

/* An empty side file of that file under a name of its own. */
static int make_empty(int dir, const struct posix_file *of, struct posix_side_id *id)
{
	uint8_t raw[POSIX_SIDE_HEX / 2], owner[8];
	int fd, err;

	store_le64(raw, random_u64());
	store_le64(raw + 8, random_u64());
	bytes_to_hex(id->hex, raw, sizeof(raw));
	store_le64(owner, of->id.inode);
	fd = openat(dir, id->hex, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = posix_fsetxattr(fd, false, POSIX_SIDE_OWNER, owner, sizeof(owner));
	if (err == 0)
		return fd;
	(void)unlinkat(dir, id->hex, 0);
	close(fd);
	return err;
}

/* On disk before anything refers to it: what the attribute held until now must not be lost with the power. */
static int settle(int dir, int fd, int err, const struct posix_side_id *id)
{
	if (err == 0 && (fsync(fd) != 0 || fsync(dir) != 0))
		err = -errno;
	if (err == 0)
		return fd;
	(void)unlinkat(dir, id->hex, 0);
	close(fd);
	return err;
}

int posix_side_make(struct posix_store *s, const struct posix_file *of, const void *data, size_t n, struct posix_side_id *id)
{
	int dir = side_dir_make(s), fd = dir >= 0 ? make_empty(dir, of, id) : dir;

	return fd >= 0 ? settle(dir, fd, write_all(fd, data, n), id) : fd;
}

int posix_side_copy(struct posix_store *s, const struct posix_file *of, int from, struct posix_side_id *id)
{
	int dir = side_dir_make(s), fd = dir >= 0 ? make_empty(dir, of, id) : dir;

	return fd >= 0 ? settle(dir, fd, copy_all(from, fd), id) : fd;
}

static int unlink_in(int dir, const char *name)
{
	return unlinkat(dir, name, 0) == 0 ? 0 : -errno;
}

void posix_side_drop(struct posix_store *s, int base_fd, uint64_t inode, const struct posix_side_id *id)
{
	bool own;
	int fd = posix_side_open(s, base_fd, inode, id, &own), err = -ENOENT;
	char path[PATH_MAX];

	if (fd < 0)
		return;
	close(fd);
	if (!own)
		return;
	if (s->side_dir >= 0)
		err = unlink_in(s->side_dir, id->hex);
	if (err == -ENOENT) {
		path_of(base_fd, path);
		err = above_each(path, unlink_in, id->hex);
	}
	if (err != 0)
		log_warn("the side file %s of a stream that is gone cannot be removed: %s", id->hex, strerrordesc_np(-err));
}

void posix_sides_follow(struct posix_store *s, int fd)
{
	struct stat st;
	char *names;
	ssize_t n;

	if (fd < 0 || !posix_sides_exist() || fstat(fd, &st) != 0 || st.st_nlink != 0)
		return;
	n = posix_flistxattr(fd, true, &names);
	if (n < 0)
		return;
	for (const char *name = names; name < names + n; name += strlen(name) + 1) {
		struct posix_value v;
		struct posix_side_id id;

		if (strncmp(name, POSIX_STREAM_PREFIX, sizeof(POSIX_STREAM_PREFIX) - 1) != 0)
			continue;
		if (posix_value_get(fd, true, name, &v) == 0 && posix_side_parse(&v, &id))
			posix_side_drop(s, fd, st.st_ino, &id);
		posix_value_free(&v);
	}
	free(names);
}

/* The data of named streams in the posix store: in an extended attribute while it fits there, read and written as a whole under
 * the lock of the file's streams; then in a side file, like any file's and without that lock. */
#include "vfs/posix_stream.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { VALUE_MAX = 65536 };

/* A handle at work. */
struct work {
	struct posix_store *s;
	struct posix_file *of;
	struct posix_stream *stream;
	struct posix_streams *all;
};

static struct work work_of(struct vfs_file *vf)
{
	struct posix_file *of = posix_stream_base(vf);
	struct posix_store *s = posix_store_of(of->base.store);

	return (struct work){.s = s, .of = of, .stream = posix_stream_file_of(vf)->stream, .all = posix_streams_of(s, of->id)};
}

/* Reads the attribute. When it refers to a side file, that is opened and *v is empty. */
static int load_locked(const struct work *w, struct posix_value *v)
{
	struct posix_side_id id;
	int err, fd;

	v->p = v->small;
	v->n = 0;
	if (list_unlinked(&w->stream->link))
		return -ESTALE;
	if (w->stream->side >= 0)
		return 0;
	err = posix_value_get(w->of->fd, w->of->path_only, w->stream->xattr, v);
	if (err != 0 || !posix_side_parse(v, &id))
		return err;
	v->n = 0;
	fd = posix_side_open(w->s, w->of->fd, w->of->id.inode, &id, &w->stream->side_is_own);
	if (fd < 0)
		return fd == -ENOENT ? -EUCLEAN : fd;
	atomic_store(&w->stream->side, fd);
	return 0;
}

static ntstatus stream_error(int err)
{
	return err == ESTALE || err == ENODATA ? STATUS_FILE_DELETED : posix_error(err);
}

static int refer_locked(const struct work *w, const struct posix_side_id *id)
{
	uint8_t reference[POSIX_VALUE_SMALL];
	size_t n = posix_side_reference(reference, id);
	bool grows = posix_fgetxattr(w->of->fd, w->of->path_only, w->stream->xattr, NULL, 0) < (ssize_t)n;
	int err;

	do
		err = posix_fsetxattr(w->of->fd, w->of->path_only, w->stream->xattr, reference, n);
	while (grows && posix_no_room(err) && posix_stream_make_room_locked(w->of, w->stream));
	return err;
}

/* Takes over the descriptor of a new side file once the attribute refers to it. */
static int adopt_locked(const struct work *w, int fd, const struct posix_side_id *id)
{
	int err;

	if (fd < 0)
		return fd;
	err = refer_locked(w, id);
	if (err != 0) {
		posix_side_drop(w->s, w->of->fd, w->of->id.inode, id);
		close(fd);
		return err;
	}
	w->stream->replaced = atomic_exchange(&w->stream->side, fd);
	w->stream->side_is_own = true;
	return 0;
}

static int to_side_locked(const struct work *w, const void *data, size_t n)
{
	struct posix_side_id id;

	return adopt_locked(w, posix_side_make(w->s, w->of, data, n, &id), &id);
}

int posix_stream_to_side_locked(struct posix_file *of, struct posix_stream *stream)
{
	struct posix_store *s = posix_store_of(of->base.store);
	struct work w = {.s = s, .of = of, .stream = stream, .all = posix_streams_of(s, of->id)};
	struct posix_value v;
	int err = load_locked(&w, &v);

	if (err == 0 && stream->side < 0)
		err = to_side_locked(&w, v.p, posix_value_data(&v));
	posix_value_free(&v);
	return err;
}

/* The side file may be written to: one that is the original's becomes one of our own first. */
static int own_side_locked(const struct work *w)
{
	struct posix_side_id id;

	if (w->stream->side < 0 || w->stream->side_is_own)
		return 0;
	return adopt_locked(w, posix_side_copy(w->s, w->of, w->stream->side, &id), &id);
}

/* What is written to a stream is written to its file ([MS-FSA] 2.1.4.17). A file whose times are not ours to set keeps them. */
static void touch(const struct work *w)
{
	const struct timespec ts[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};

	(void)utimensat(w->of->fd, "", ts, AT_EMPTY_PATH);
}

/* --- reading --- */

static ntstatus read_side(int fd, uint8_t *p, size_t n, uint64_t offset, size_t *done)
{
	while (*done < n) {
		ssize_t k = pread(fd, p + *done, n - *done, (off_t)(offset + *done));

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return posix_error(errno);
		if (k == 0)
			break;
		*done += (size_t)k;
	}
	return STATUS_SUCCESS;
}

ntstatus posix_stream_read(struct vfs_file *vf, void *p, size_t n, uint64_t offset, size_t *done)
{
	struct work w = work_of(vf);
	int side = atomic_load(&w.stream->side), err;
	struct posix_value v;

	if (!posix_stream_file_of(vf)->readable)
		return STATUS_ACCESS_DENIED;
	if (offset > INT64_MAX || n > INT64_MAX - offset)
		return STATUS_INVALID_PARAMETER;
	if (side >= 0)
		return read_side(side, p, n, offset, done);
	pthread_mutex_lock(&w.all->lock);
	err = load_locked(&w, &v);
	side = atomic_load(&w.stream->side);
	pthread_mutex_unlock(&w.all->lock);
	if (err == 0 && side < 0 && offset < posix_value_data(&v)) {
		size_t left = posix_value_data(&v) - (size_t)offset;

		*done = n < left ? n : left;
		memcpy(p, v.p + offset, *done);
	}
	posix_value_free(&v);
	if (err != 0)
		return stream_error(-err);
	return side >= 0 ? read_side(side, p, n, offset, done) : STATUS_SUCCESS;
}

/* --- writing --- */

/* A change of data that lies in the attribute: n bytes at `at`, or with p NULL a new length. */
struct change {
	const void *p;
	size_t n;
	uint64_t at, size; /* size: of the stream afterwards */
};

/* The new value of the attribute, zero byte included, in memory that the caller frees. */
static uint8_t *changed_value(const struct posix_value *old, const struct change *c)
{
	size_t size = (size_t)c->size, had = posix_value_data(old);
	uint8_t *p = calloc(1, size + 1);

	if (p == NULL)
		return NULL;
	memcpy(p, old->p, had < size ? had : size);
	if (c->p != NULL)
		memcpy(p + c->at, c->p, c->n);
	return p;
}

/* false in *done: the data is in a side file, now or already, and the change is to be made there. */
static int change_inline_locked(const struct work *w, struct change *c, bool *done)
{
	struct posix_value v;
	int err = load_locked(w, &v);
	size_t had = posix_value_data(&v);

	*done = false;
	/* The side file is lost, but a new beginning needs none. */
	if (err == -EUCLEAN && c->p == NULL && c->size == 0)
		err = 0;
	if (err == 0 && w->stream->side < 0) {
		if (c->p != NULL)
			c->size = c->at + c->n > had ? c->at + c->n : had;
		err = -E2BIG;
		if (c->size < VALUE_MAX) {
			uint8_t *value = changed_value(&v, c);

			err = value != NULL ? posix_fsetxattr(w->of->fd, w->of->path_only, w->stream->xattr, value, (size_t)c->size + 1) : -ENOMEM;
			free(value);
		}
		*done = err == 0;
		if (posix_no_room(err))
			err = to_side_locked(w, v.p, had);
	}
	posix_value_free(&v);
	if (err == 0 && !*done)
		err = own_side_locked(w);
	return err;
}

/* Makes the change in the attribute, or gives the side file that it is to be made in. */
static ntstatus change(const struct work *w, struct change *c, bool *done)
{
	int err = 0;

	*done = false;
	pthread_mutex_lock(&w->all->lock);
	if (w->stream->side < 0)
		err = change_inline_locked(w, c, done);
	else
		err = own_side_locked(w);
	pthread_mutex_unlock(&w->all->lock);
	return err == 0 ? STATUS_SUCCESS : stream_error(-err);
}

static ntstatus write_side(int fd, const uint8_t *p, size_t n, uint64_t offset)
{
	for (size_t done = 0; done < n;) {
		ssize_t k = pwrite(fd, p + done, n - done, (off_t)(offset + done));

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k < 0 ? posix_error(errno) : STATUS_DISK_FULL;
		done += (size_t)k;
	}
	return STATUS_SUCCESS;
}

ntstatus posix_stream_write(struct vfs_file *vf, const void *p, size_t n, uint64_t offset)
{
	struct posix_stream_file *f = posix_stream_file_of(vf);
	struct change c = {.p = p, .n = n, .at = offset};
	struct work w = work_of(vf);
	ntstatus st;
	bool done;

	if (!f->writable)
		return STATUS_ACCESS_DENIED;
	if (n == 0)
		return STATUS_SUCCESS;
	st = change(&w, &c, &done);
	if (nt_ok(st) && !done)
		st = write_side(w.stream->side, p, n, offset);
	if (nt_ok(st))
		touch(&w);
	return nt_ok(st) && f->write_through ? posix_stream_flush(vf) : st;
}

ntstatus posix_stream_truncate(struct vfs_file *vf, uint64_t size)
{
	struct change c = {.size = size};
	struct work w = work_of(vf);
	ntstatus st;
	bool done;

	if (!posix_stream_file_of(vf)->writable)
		return STATUS_ACCESS_DENIED;
	st = change(&w, &c, &done);
	if (nt_ok(st) && !done && ftruncate(w.stream->side, (off_t)size) != 0)
		st = posix_error(errno);
	if (nt_ok(st))
		touch(&w);
	return st;
}

/* What lies in an attribute has no blocks to reserve. */
ntstatus posix_stream_allocate(struct vfs_file *vf, uint64_t bytes)
{
	struct work w = work_of(vf);
	int side = w.stream->side;
	struct stat st;

	if (!posix_stream_file_of(vf)->writable)
		return STATUS_ACCESS_DENIED;
	if (side < 0 || (fstat(side, &st) == 0 && bytes <= (uint64_t)st.st_blocks * 512))
		return STATUS_SUCCESS;
	if (fallocate(side, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes) != 0 && errno != EOPNOTSUPP && errno != ENOSYS)
		return posix_error(errno);
	return STATUS_SUCCESS;
}

ntstatus posix_stream_flush(struct vfs_file *vf)
{
	struct work w = work_of(vf);

	if (w.stream->side >= 0 && fsync(w.stream->side) != 0)
		return posix_error(errno);
	return w.of->path_only ? STATUS_SUCCESS : vfs_flush(&w.of->base);
}

ntstatus posix_stream_stat_get(struct vfs_file *vf, struct vfs_stat *out)
{
	struct work w = work_of(vf);
	struct posix_value v;
	struct stat side;
	bool removed;
	int err = 0;
	ntstatus st = posix_stat_get(&w.of->base, out);

	if (!nt_ok(st))
		return st;
	v.p = v.small;
	v.n = 0;
	pthread_mutex_lock(&w.all->lock);
	removed = list_unlinked(&w.stream->link);
	if (w.stream->side < 0 && !removed)
		err = load_locked(&w, &v);
	pthread_mutex_unlock(&w.all->lock);
	if (w.stream->side >= 0 && fstat(w.stream->side, &side) == 0)
		vfs_stream_stat(out, w.stream->id.stream, (uint64_t)side.st_size, (uint64_t)side.st_blocks * 512);
	else
		vfs_stream_stat(out, w.stream->id.stream, posix_value_data(&v), round_up(posix_value_data(&v), 8));
	posix_value_free(&v);
	if (removed || err == -ENODATA)
		out->links = 0;
	return err == 0 || err == -ENODATA || err == -EUCLEAN ? STATUS_SUCCESS : posix_error(-err);
}

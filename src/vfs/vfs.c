/* The functions of vfs.h: each goes to the store's own operation. What every store would check alike is checked here. */
#include "vfs/vfs_ops.h"

void vfs_close(struct vfs *v)
{
	if (v != NULL)
		v->ops->close(v);
}

ntstatus vfs_volume_query(struct vfs *v, struct vfs_volume *out)
{
	return v->ops->volume_query(v, out);
}

ntstatus vfs_open(struct vfs *v, const struct vfs_open_args *args, struct arena *a, struct vfs_open_result *out)
{
	ntstatus st = vfs_name_check(args->name);

	memset(out, 0, sizeof(*out));
	if (nt_ok(st))
		st = v->ops->open(v, args, a, out);
	return st;
}

void vfs_file_close(struct vfs_file *f)
{
	if (f != NULL)
		f->store->ops->file_close(f);
}

ntstatus vfs_unlink(struct vfs_file *f)
{
	return f->store->ops->unlink(f);
}

/* A new name must lead somewhere: the root cannot be replaced. */
static ntstatus new_name_check(struct slice name)
{
	return name.len == 0 ? STATUS_OBJECT_NAME_INVALID : vfs_name_check(name);
}

ntstatus vfs_rename(struct vfs_file *f, struct slice new_name, bool replace)
{
	ntstatus st = new_name_check(new_name);

	return nt_ok(st) ? f->store->ops->rename(f, new_name, replace) : st;
}

ntstatus vfs_link(struct vfs_file *f, struct slice new_name, bool replace)
{
	ntstatus st = new_name_check(new_name);

	return nt_ok(st) ? f->store->ops->link(f, new_name, replace) : st;
}

ntstatus vfs_dir_empty(struct vfs_file *f)
{
	return f->store->ops->dir_empty(f);
}

struct slice vfs_file_name(struct vfs_file *f, struct arena *a)
{
	return f->store->ops->file_name(f, a);
}

ntstatus vfs_read(struct vfs_file *f, void *p, size_t n, uint64_t offset, size_t *done)
{
	*done = 0;
	return f->store->ops->read(f, p, n, offset, done);
}

ntstatus vfs_read_at_hand(struct vfs_file *f, void *p, size_t n, uint64_t offset, size_t *done)
{
	const struct vfs_ops *ops = f->store->ops;

	*done = 0;
	return ops->read_at_hand ? ops->read_at_hand(f, p, n, offset, done) : ops->read(f, p, n, offset, done);
}

ntstatus vfs_read_pipe(struct vfs_file *f, int pipe_fd, size_t n, uint64_t offset, bool may_wait, size_t *done)
{
	const struct vfs_ops *ops = f->store->ops;

	*done = 0;
	return ops->read_pipe ? ops->read_pipe(f, pipe_fd, n, offset, may_wait, done) : STATUS_INVALID_DEVICE_REQUEST;
}

ntstatus vfs_write(struct vfs_file *f, const void *p, size_t n, uint64_t offset)
{
	if (offset > INT64_MAX || n > INT64_MAX - offset)
		return STATUS_INVALID_PARAMETER;
	return f->store->ops->write(f, p, n, offset);
}

ntstatus vfs_flush(struct vfs_file *f)
{
	return f->store->ops->flush(f);
}

ntstatus vfs_write_pipe(struct vfs_file *f, int pipe_fd, size_t n, uint64_t offset)
{
	if (!vfs_takes_pipe(f))
		return STATUS_INVALID_DEVICE_REQUEST;
	return offset > INT64_MAX || n > INT64_MAX - offset ? STATUS_INVALID_PARAMETER : f->store->ops->write_pipe(f, pipe_fd, n, offset);
}

bool vfs_takes_pipe(const struct vfs_file *f)
{
	return f->store->ops->write_pipe != NULL;
}

ntstatus vfs_truncate(struct vfs_file *f, uint64_t size)
{
	return size > INT64_MAX ? STATUS_INVALID_PARAMETER : f->store->ops->truncate(f, size);
}

ntstatus vfs_allocate(struct vfs_file *f, uint64_t bytes)
{
	return bytes > INT64_MAX ? STATUS_INVALID_PARAMETER : f->store->ops->allocate(f, bytes);
}

int vfs_file_fd(struct vfs_file *f)
{
	return f->store->ops->file_fd(f);
}

ntstatus vfs_stat_get(struct vfs_file *f, struct vfs_stat *out)
{
	return f->store->ops->stat_get(f, out);
}

ntstatus vfs_set(struct vfs_file *f, const struct vfs_set_info *s)
{
	return f->store->ops->set(f, s);
}

ntstatus vfs_dir_read(struct vfs_file *f, bool need_stat, struct vfs_dirent *out)
{
	return f->store->ops->dir_read(f, need_stat, out);
}

void vfs_dir_seek(struct vfs_file *f, uint64_t cookie)
{
	f->store->ops->dir_seek(f, cookie);
}

ntstatus vfs_xattr_get(struct vfs_file *f, const char *name, void *p, size_t cap, size_t *len)
{
	*len = 0;
	return f->store->ops->xattr_get(f, name, p, cap, len);
}

ntstatus vfs_xattr_set(struct vfs_file *f, const char *name, const void *p, size_t len)
{
	return f->store->ops->xattr_set(f, name, p, len);
}

ntstatus vfs_xattr_names(struct vfs_file *f, struct arena *a, struct slice *names)
{
	*names = slice_of(NULL, 0);
	return f->store->ops->xattr_names(f, a, names);
}

/* --- named streams --- */

ntstatus vfs_stream_open(struct vfs_file *base, struct slice name, enum vfs_disposition disposition, uint32_t flags,
	struct vfs_open_result *out)
{
	ntstatus st = vfs_stream_name_check(name);

	memset(out, 0, sizeof(*out));
	return nt_ok(st) ? base->store->ops->stream_open(base, name, disposition, flags, out) : st;
}

struct vfs_file *vfs_stream_base(struct vfs_file *f)
{
	return f->store->ops->stream_base != NULL ? f->store->ops->stream_base(f) : NULL;
}

struct slice vfs_stream_name(struct vfs_file *f, struct arena *a)
{
	return vfs_stream_base(f) != NULL ? f->store->ops->stream_name(f, a) : slice_of(NULL, 0);
}

ntstatus vfs_stream_list(struct vfs_file *f, struct arena *a, struct vfs_stream **list, size_t *count)
{
	*list = NULL;
	*count = 0;
	return f->store->ops->stream_list(f, a, list, count);
}

ntstatus vfs_stream_rename(struct vfs_file *stream, struct slice new_name, bool replace)
{
	ntstatus st = vfs_stream_base(stream) == NULL ? STATUS_INVALID_PARAMETER : vfs_stream_name_check(new_name);

	return nt_ok(st) ? stream->store->ops->stream_rename(stream, new_name, replace) : st;
}

/* --- what others change --- */

struct vfs_watch *vfs_watch_add(struct vfs_file *directory, uint32_t what)
{
	const struct vfs_ops *ops = directory->store->ops;

	return ops->watch_add != NULL ? ops->watch_add(directory, what) : NULL;
}

void vfs_watch_remove(struct vfs_watch *w)
{
	if (w != NULL)
		w->store->ops->watch_remove(w);
}

bool vfs_watch_incomplete(struct vfs_watch *w)
{
	return w != NULL && w->store->ops->watch_incomplete(w);
}

int vfs_changes_fd(struct vfs *v)
{
	return v->ops->changes_fd != NULL ? v->ops->changes_fd(v) : -1;
}

bool vfs_changes_read(struct vfs *v, struct arena *a, struct list_node *changes)
{
	return v->ops->changes_read == NULL || v->ops->changes_read(v, a, changes);
}

/* --- leases --- */

void vfs_lease_listen(struct vfs *v, void (*broken)(void *arg, struct vfs_id id), void *arg)
{
	if (v->ops->lease_listen != NULL)
		v->ops->lease_listen(v, broken, arg);
}

bool vfs_lease_take(struct vfs_file *f)
{
	return f->store->ops->lease_take != NULL && f->store->ops->lease_take(f);
}

bool vfs_lease_broken(struct vfs_file *f)
{
	return f->store->ops->lease_broken != NULL && f->store->ops->lease_broken(f);
}

void vfs_lease_release(struct vfs_file *f)
{
	if (f->store->ops->lease_release != NULL)
		f->store->ops->lease_release(f);
}

ntstatus vfs_lock(struct vfs_file *f, uint64_t offset, uint64_t length, enum vfs_lock_kind kind)
{
	if (f->store->ops->lock == NULL || length == 0 || offset > INT64_MAX)
		return STATUS_SUCCESS;
	if (length > INT64_MAX - offset)
		length = INT64_MAX - offset;
	return length != 0 ? f->store->ops->lock(f, offset, length, kind) : STATUS_SUCCESS;
}

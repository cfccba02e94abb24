/* The fault store: passes everything on to another store, but asks a function first, which may make an operation fail. The
 * operation's name is that of its function in vfs.h without the prefix. For tests of what is above the store. */
#include "vfs/vfs_ops.h"

#include <stdlib.h>

struct fault_store {
	struct vfs vfs;
	struct vfs *inner;
	ntstatus (*decide)(void *arg, const char *operation);
	void *arg;
};

struct fault_file {
	struct vfs_file base;
	struct vfs_file *inner;
	struct vfs_file *stream_of; /* of a stream: the file's handle, whose inner one belongs to the inner stream */
};

static struct fault_store *store_of(struct vfs *v)
{
	return CONTAINER_OF(v, struct fault_store, vfs);
}

static struct vfs_file *inner_of(struct vfs_file *f)
{
	return CONTAINER_OF(f, struct fault_file, base)->inner;
}

static ntstatus decide(struct vfs *v, const char *operation)
{
	struct fault_store *s = store_of(v);

	return s->decide(s->arg, operation);
}

static void fault_close(struct vfs *v)
{
	vfs_close(store_of(v)->inner);
	free(store_of(v));
}

static ntstatus fault_volume_query(struct vfs *v, struct vfs_volume *out)
{
	ntstatus st = decide(v, "volume_query");

	return nt_ok(st) ? vfs_volume_query(store_of(v)->inner, out) : st;
}

static ntstatus fault_open(struct vfs *v, const struct vfs_open_args *args, struct arena *a, struct vfs_open_result *out)
{
	ntstatus st = decide(v, "open");
	struct vfs_open_args inner = *args;
	struct fault_file *f;

	if (!nt_ok(st))
		return st;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return STATUS_INSUFFICIENT_RESOURCES;
	if (inner.parent)
		inner.parent = inner_of(inner.parent);
	st = vfs_open(store_of(v)->inner, &inner, a, out);
	if (!nt_ok(st)) {
		free(f);
		return st;
	}
	f->base.store = v;
	f->inner = out->file;
	out->file = &f->base;
	return STATUS_SUCCESS;
}

static void fault_file_close(struct vfs_file *f)
{
	struct fault_file *ff = CONTAINER_OF(f, struct fault_file, base);

	vfs_file_close(ff->inner);
	if (ff->stream_of != NULL)
		free(CONTAINER_OF(ff->stream_of, struct fault_file, base));
	free(ff);
}

static ntstatus fault_unlink(struct vfs_file *f)
{
	ntstatus st = decide(f->store, "unlink");

	return nt_ok(st) ? vfs_unlink(inner_of(f)) : st;
}

static ntstatus fault_rename(struct vfs_file *f, struct slice new_name, bool replace)
{
	ntstatus st = decide(f->store, "rename");

	return nt_ok(st) ? vfs_rename(inner_of(f), new_name, replace) : st;
}

static ntstatus fault_link(struct vfs_file *f, struct slice new_name, bool replace)
{
	ntstatus st = decide(f->store, "link");

	return nt_ok(st) ? vfs_link(inner_of(f), new_name, replace) : st;
}

static ntstatus fault_dir_empty(struct vfs_file *f)
{
	ntstatus st = decide(f->store, "dir_empty");

	return nt_ok(st) ? vfs_dir_empty(inner_of(f)) : st;
}

static struct slice fault_file_name(struct vfs_file *f, struct arena *a)
{
	return nt_ok(decide(f->store, "file_name")) ? vfs_file_name(inner_of(f), a) : slice_of(NULL, 0);
}

static ntstatus fault_read(struct vfs_file *f, void *p, size_t n, uint64_t offset, size_t *done)
{
	ntstatus st = decide(f->store, "read");

	return nt_ok(st) ? vfs_read(inner_of(f), p, n, offset, done) : st;
}

/* PENDING: the second half has to be waited for. */
static ntstatus fault_read_at_hand(struct vfs_file *f, void *p, size_t n, uint64_t offset, size_t *done)
{
	ntstatus st = decide(f->store, "read_at_hand"), read;

	if (!nt_is(st, STATUS_PENDING))
		return nt_ok(st) ? vfs_read_at_hand(inner_of(f), p, n, offset, done) : st;
	read = vfs_read(inner_of(f), p, n / 2, offset, done);
	return nt_ok(read) ? st : read;
}

static ntstatus fault_write(struct vfs_file *f, const void *p, size_t n, uint64_t offset)
{
	ntstatus st = decide(f->store, "write");

	return nt_ok(st) ? vfs_write(inner_of(f), p, n, offset) : st;
}

static ntstatus fault_flush(struct vfs_file *f)
{
	ntstatus st = decide(f->store, "flush");

	return nt_ok(st) ? vfs_flush(inner_of(f)) : st;
}

static ntstatus fault_truncate(struct vfs_file *f, uint64_t size)
{
	ntstatus st = decide(f->store, "truncate");

	return nt_ok(st) ? vfs_truncate(inner_of(f), size) : st;
}

static ntstatus fault_allocate(struct vfs_file *f, uint64_t bytes)
{
	ntstatus st = decide(f->store, "allocate");

	return nt_ok(st) ? vfs_allocate(inner_of(f), bytes) : st;
}

/* None: data that went past vfs_read would meet no faults. */
static int fault_file_fd(struct vfs_file *f)
{
	(void)f;
	return -1;
}

static ntstatus fault_stat_get(struct vfs_file *f, struct vfs_stat *out)
{
	ntstatus st = decide(f->store, "stat_get");

	return nt_ok(st) ? vfs_stat_get(inner_of(f), out) : st;
}

static ntstatus fault_set(struct vfs_file *f, const struct vfs_set_info *set)
{
	ntstatus st = decide(f->store, "set");

	return nt_ok(st) ? vfs_set(inner_of(f), set) : st;
}

static ntstatus fault_dir_read(struct vfs_file *f, bool need_stat, struct vfs_dirent *out)
{
	ntstatus st = decide(f->store, "dir_read");

	return nt_ok(st) ? vfs_dir_read(inner_of(f), need_stat, out) : st;
}

static void fault_dir_seek(struct vfs_file *f, uint64_t cookie)
{
	vfs_dir_seek(inner_of(f), cookie);
}

static ntstatus fault_xattr_get(struct vfs_file *f, const char *name, void *p, size_t cap, size_t *len)
{
	ntstatus st = decide(f->store, "xattr_get");

	return nt_ok(st) ? vfs_xattr_get(inner_of(f), name, p, cap, len) : st;
}

static ntstatus fault_xattr_set(struct vfs_file *f, const char *name, const void *p, size_t len)
{
	ntstatus st = decide(f->store, "xattr_set");

	return nt_ok(st) ? vfs_xattr_set(inner_of(f), name, p, len) : st;
}

static ntstatus fault_xattr_names(struct vfs_file *f, struct arena *a, struct slice *names)
{
	ntstatus st = decide(f->store, "xattr_names");

	return nt_ok(st) ? vfs_xattr_names(inner_of(f), a, names) : st;
}

static ntstatus fault_stream_open(struct vfs_file *base, struct slice name, enum vfs_disposition disposition, uint32_t flags,
	struct vfs_open_result *out)
{
	ntstatus st = decide(base->store, "stream_open");
	struct fault_file *f;

	if (!nt_ok(st))
		return st;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return STATUS_INSUFFICIENT_RESOURCES;
	st = vfs_stream_open(inner_of(base), name, disposition, flags, out);
	if (!nt_ok(st)) {
		free(f);
		return st;
	}
	f->base.store = base->store;
	f->inner = out->file;
	f->stream_of = base;
	out->file = &f->base;
	return STATUS_SUCCESS;
}

static struct vfs_file *fault_stream_base(struct vfs_file *f)
{
	return CONTAINER_OF(f, struct fault_file, base)->stream_of;
}

static struct slice fault_stream_name(struct vfs_file *f, struct arena *a)
{
	return nt_ok(decide(f->store, "stream_name")) ? vfs_stream_name(inner_of(f), a) : slice_of(NULL, 0);
}

static ntstatus fault_stream_list(struct vfs_file *f, struct arena *a, struct vfs_stream **list, size_t *count)
{
	ntstatus st = decide(f->store, "stream_list");

	return nt_ok(st) ? vfs_stream_list(inner_of(f), a, list, count) : st;
}

static ntstatus fault_stream_rename(struct vfs_file *f, struct slice new_name, bool replace)
{
	ntstatus st = decide(f->store, "stream_rename");

	return nt_ok(st) ? vfs_stream_rename(inner_of(f), new_name, replace) : st;
}

static ntstatus fault_streams_remove(struct vfs_file *f, struct arena *a)
{
	ntstatus st = decide(f->store, "extras_remove");

	return nt_ok(st) ? vfs_extras_remove(inner_of(f), a) : st;
}

/* A watch is one of the inner store, and answers as that. */
static struct vfs_watch *fault_watch_add(struct vfs_file *f, uint32_t what)
{
	return nt_ok(decide(f->store, "watch_add")) ? vfs_watch_add(inner_of(f), what) : NULL;
}

static int fault_changes_fd(struct vfs *v)
{
	return vfs_changes_fd(store_of(v)->inner);
}

static bool fault_changes_read(struct vfs *v, struct arena *a, struct list_node *changes)
{
	bool whole = vfs_changes_read(store_of(v)->inner, a, changes);

	return nt_ok(decide(v, "changes_read")) && whole;
}

static void fault_lease_listen(struct vfs *v, void (*broken)(void *arg, struct vfs_id id), void *arg)
{
	vfs_lease_listen(store_of(v)->inner, broken, arg);
}

static bool fault_lease_take(struct vfs_file *f)
{
	return nt_ok(decide(f->store, "lease_take")) && vfs_lease_take(inner_of(f));
}

static bool fault_lease_broken(struct vfs_file *f)
{
	return vfs_lease_broken(inner_of(f));
}

static void fault_lease_release(struct vfs_file *f)
{
	vfs_lease_release(inner_of(f));
}

static ntstatus fault_lock(struct vfs_file *f, uint64_t offset, uint64_t length, enum vfs_lock_kind kind)
{
	ntstatus st = decide(f->store, "lock");

	return nt_ok(st) ? vfs_lock(inner_of(f), offset, length, kind) : st;
}

static const struct vfs_ops fault_ops = {
	.close = fault_close, .volume_query = fault_volume_query, .open = fault_open, .file_close = fault_file_close,
	.unlink = fault_unlink, .rename = fault_rename, .link = fault_link, .dir_empty = fault_dir_empty,
	.file_name = fault_file_name, .read = fault_read, .read_at_hand = fault_read_at_hand, .write = fault_write, .flush = fault_flush,
	.truncate = fault_truncate, .allocate = fault_allocate, .file_fd = fault_file_fd, .stat_get = fault_stat_get,
	.set = fault_set, .dir_read = fault_dir_read, .dir_seek = fault_dir_seek, .xattr_get = fault_xattr_get,
	.xattr_set = fault_xattr_set, .xattr_names = fault_xattr_names, .stream_open = fault_stream_open,
	.stream_base = fault_stream_base, .stream_name = fault_stream_name, .stream_list = fault_stream_list,
	.stream_rename = fault_stream_rename, .streams_remove = fault_streams_remove,
	.watch_add = fault_watch_add, .changes_fd = fault_changes_fd, .changes_read = fault_changes_read,
	.lease_listen = fault_lease_listen, .lease_take = fault_lease_take, .lease_broken = fault_lease_broken,
	.lease_release = fault_lease_release, .lock = fault_lock
};

struct vfs *vfs_fault_open(struct vfs *inner, ntstatus (*fn)(void *arg, const char *operation), void *arg)
{
	struct fault_store *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->vfs.ops = &fault_ops;
	s->inner = inner;
	s->decide = fn;
	s->arg = arg;
	return &s->vfs;
}

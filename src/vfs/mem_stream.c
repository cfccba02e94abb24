/* Named streams of the mem store. A stream's handle is one of its data's node; what it answers of the file goes to the file's. */
#include "vfs/mem.h"

#include "base/utf16.h"

#include <stdlib.h>

static struct slice stream_name(const struct mem_stream *stream)
{
	return slice_of(stream->name, stream->name_len);
}

static struct mem_stream *find_locked(const struct mem_node *n, struct slice name)
{
	list_for_each(pos, &n->streams) {
		struct mem_stream *stream = list_entry(pos, struct mem_stream, link);

		if (utf16_equal_nocase(stream_name(stream), name))
			return stream;
	}
	return NULL;
}

void mem_stream_put_locked(struct mem_store *s, struct mem_stream *stream)
{
	if (--stream->refs != 0)
		return;
	mem_node_put_locked(s, stream->data);
	free(stream->name);
	free(stream);
}

static bool name_set(struct mem_stream *stream, struct slice name)
{
	uint8_t *copy = malloc(name.len);

	if (copy == NULL)
		return false;
	memcpy(copy, name.data, name.len);
	free(stream->name);
	stream->name = copy;
	stream->name_len = name.len;
	return true;
}

static struct mem_stream *add_locked(struct mem_store *s, struct mem_node *n, struct slice name)
{
	struct mem_stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL)
		return NULL;
	stream->refs = 1;
	stream->data = mem_node_new_locked(s, false, 0);
	if (stream->data == NULL || !name_set(stream, name)) {
		if (stream->data != NULL)
			mem_node_put_locked(s, stream->data);
		free(stream);
		return NULL;
	}
	list_append(&n->streams, &stream->link);
	n->changed = clock_filetime(s->clock);
	return stream;
}

static void remove_locked(struct mem_store *s, struct mem_stream *stream)
{
	list_remove(&stream->link);
	mem_stream_put_locked(s, stream);
}

static void stat_locked(const struct mem_node *n, const struct mem_stream *stream, struct vfs_stat *out)
{
	mem_stat_locked(n, out);
	vfs_stream_stat(out, stream->data->inode, stream->data->size, stream->data->pages_held * MEM_PAGE_BYTES);
	if (list_unlinked(&stream->link))
		out->links = 0;
}

static ntstatus open_locked(struct mem_store *s, struct mem_file *of, struct slice name, enum vfs_disposition disposition,
	struct mem_file *f, bool *created)
{
	struct mem_stream *stream = find_locked(of->node, name);

	*created = false;
	if (stream != NULL && disposition == VFS_CREATE)
		return STATUS_OBJECT_NAME_COLLISION;
	if (stream == NULL && disposition == VFS_OPEN)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	if (stream == NULL) {
		stream = add_locked(s, of->node, name);
		*created = stream != NULL;
	}
	if (stream == NULL)
		return STATUS_INSUFFICIENT_RESOURCES;
	stream->refs++;
	f->stream = stream;
	f->node = stream->data;
	f->node->refs++;
	return STATUS_SUCCESS;
}

ntstatus mem_stream_open(struct vfs_file *base, struct slice name, enum vfs_disposition disposition, uint32_t flags,
	struct vfs_open_result *out)
{
	struct mem_file *f = calloc(1, sizeof(*f));
	struct mem_store *s;
	ntstatus st;

	if (f == NULL)
		return STATUS_INSUFFICIENT_RESOURCES;
	s = mem_lock(base);
	st = open_locked(s, mem_file_of(base), name, disposition, f, &out->created);
	if (nt_ok(st)) {
		f->base.store = &s->streams;
		f->stream_head.of = base;
		f->readable = (flags & (VFS_READ | VFS_WRITE)) != 0;
		f->writable = (flags & VFS_WRITE) != 0;
		out->file = &f->base;
		stat_locked(mem_file_of(base)->node, f->stream, &out->stat);
	} else {
		free(f);
	}
	pthread_mutex_unlock(&s->lock);
	return st;
}

static struct mem_node *base_node(struct vfs_file *vf)
{
	return mem_file_of(vfs_stream_file_of(vf)->of)->node;
}

static void stream_close(struct vfs_file *vf)
{
	struct vfs_file *of = vfs_stream_file_of(vf)->of;
	struct mem_file *f = mem_file_of(vf);
	struct mem_store *s = mem_lock(vf);

	mem_node_put_locked(s, f->node);
	mem_stream_put_locked(s, f->stream);
	pthread_mutex_unlock(&s->lock);
	free(f);
	vfs_file_close(of);
}

static ntstatus stream_unlink(struct vfs_file *vf)
{
	struct mem_stream *stream = mem_file_of(vf)->stream;
	struct mem_store *s = mem_lock(vf);
	ntstatus st = list_unlinked(&stream->link) ? STATUS_OBJECT_NAME_NOT_FOUND : STATUS_SUCCESS;

	if (nt_ok(st)) {
		remove_locked(s, stream);
		base_node(vf)->changed = clock_filetime(s->clock);
	}
	pthread_mutex_unlock(&s->lock);
	return st;
}

/* What is written to a stream is written to its file. */
static void touch(struct vfs_file *vf)
{
	struct mem_store *s = mem_lock(vf);
	struct mem_node *n = base_node(vf);

	n->written = n->changed = clock_filetime(s->clock);
	pthread_mutex_unlock(&s->lock);
}

static ntstatus stream_write(struct vfs_file *vf, const void *p, size_t n, uint64_t offset)
{
	ntstatus st = mem_write(vf, p, n, offset);

	if (n > 0)
		touch(vf);
	return st;
}

static ntstatus stream_truncate(struct vfs_file *vf, uint64_t size)
{
	ntstatus st = mem_truncate(vf, size);

	if (nt_ok(st))
		touch(vf);
	return st;
}

static ntstatus stream_stat_get(struct vfs_file *vf, struct vfs_stat *out)
{
	struct mem_store *s = mem_lock(vf);

	stat_locked(base_node(vf), mem_file_of(vf)->stream, out);
	pthread_mutex_unlock(&s->lock);
	return STATUS_SUCCESS;
}

static struct slice stream_name_get(struct vfs_file *vf, struct arena *a)
{
	struct mem_store *s = mem_lock(vf);
	const struct mem_stream *stream = mem_file_of(vf)->stream;
	uint8_t *p = arena_alloc(a, stream->name_len);
	struct slice out = slice_of(p, p != NULL ? stream->name_len : 0);

	if (p != NULL)
		memcpy(p, stream->name, stream->name_len);
	pthread_mutex_unlock(&s->lock);
	return out;
}

static ntstatus rename_locked(struct mem_store *s, struct vfs_file *vf, struct slice new_name, bool replace)
{
	struct mem_stream *stream = mem_file_of(vf)->stream, *there = find_locked(base_node(vf), new_name);

	if (list_unlinked(&stream->link))
		return STATUS_OBJECT_NAME_NOT_FOUND;
	if (there != NULL && there != stream && !replace)
		return STATUS_OBJECT_NAME_COLLISION;
	if (!name_set(stream, new_name))
		return STATUS_INSUFFICIENT_RESOURCES;
	if (there != NULL && there != stream)
		remove_locked(s, there);
	base_node(vf)->changed = clock_filetime(s->clock);
	return STATUS_SUCCESS;
}

static ntstatus stream_rename(struct vfs_file *vf, struct slice new_name, bool replace)
{
	struct mem_store *s = mem_lock(vf);
	ntstatus st = rename_locked(s, vf, new_name, replace);

	pthread_mutex_unlock(&s->lock);
	return st;
}

static ntstatus list_locked(const struct mem_node *n, struct arena *a, struct vfs_stream **list, size_t *count)
{
	size_t all = 0;

	list_for_each(pos, &n->streams)
		all++;
	*list = arena_alloc(a, all * sizeof(**list));
	if (*list == NULL)
		return STATUS_INSUFFICIENT_RESOURCES;
	list_for_each(pos, &n->streams) {
		const struct mem_stream *stream = list_entry(pos, struct mem_stream, link);
		uint8_t *name = arena_alloc(a, stream->name_len);

		if (name == NULL)
			return STATUS_INSUFFICIENT_RESOURCES;
		memcpy(name, stream->name, stream->name_len);
		(*list)[(*count)++] = (struct vfs_stream){.name = slice_of(name, stream->name_len), .size = stream->data->size,
			.allocation = stream->data->pages_held * MEM_PAGE_BYTES};
	}
	return STATUS_SUCCESS;
}

ntstatus mem_stream_list(struct vfs_file *vf, struct arena *a, struct vfs_stream **list, size_t *count)
{
	struct mem_store *s = mem_lock(vf);
	ntstatus st = list_locked(mem_file_of(vf)->node, a, list, count);

	pthread_mutex_unlock(&s->lock);
	return st;
}

ntstatus mem_streams_remove(struct vfs_file *vf, struct arena *a)
{
	struct mem_store *s = mem_lock(vf);
	struct mem_node *n = mem_file_of(vf)->node;

	(void)a;
	while (!list_empty(&n->streams))
		remove_locked(s, list_entry(n->streams.next, struct mem_stream, link));
	pthread_mutex_unlock(&s->lock);
	return STATUS_SUCCESS;
}

const struct vfs_ops mem_stream_ops = {
	VFS_STREAM_OPS_COMMON, .file_close = stream_close, .unlink = stream_unlink, .read = mem_read, .write = stream_write,
	.flush = mem_flush, .truncate = stream_truncate, .allocate = mem_allocate, .stat_get = stream_stat_get,
	.stream_name = stream_name_get, .stream_rename = stream_rename
};

/* The mem store: a whole file system in memory, for tests and for servers that keep nothing. Deterministic: inodes count up,
 * times come from the clock it is given. Opening, closing, metadata, and the table that vfs.h calls through. */
#include "vfs/mem.h"

#include <stdio.h>
#include <stdlib.h>

enum { SERIAL = 0x4D454D31, SECTOR_BYTES = 512 };

static void tree_drop(struct mem_store *s, struct mem_node *dir)
{
	while (!list_empty(&dir->order)) {
		struct mem_entry *e = list_entry(dir->order.next, struct mem_entry, order);

		/* Deep trees are flattened, so that no recursion is needed. */
		while (!list_empty(&e->file->order))
			e = list_entry(e->file->order.next, struct mem_entry, order);
		mem_entry_remove_locked(s, e);
	}
}

static void mem_close(struct vfs *v)
{
	struct mem_store *s = mem_store_of(v);

	mem_told_drop(s);
	tree_drop(s, s->root);
	mem_node_put_locked(s, s->root);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static ntstatus mem_volume_query(struct vfs *v, struct vfs_volume *out)
{
	struct mem_store *s = mem_store_of(v);

	memset(out, 0, sizeof(*out));
	pthread_mutex_lock(&s->lock);
	out->block_bytes = MEM_PAGE_BYTES;
	out->sector_bytes = SECTOR_BYTES;
	out->total_bytes = s->pages_max * MEM_PAGE_BYTES;
	out->free_bytes = out->available_bytes = (s->pages_max - s->pages_held) * MEM_PAGE_BYTES;
	out->serial = SERIAL;
	out->created = s->created;
	out->max_component_units = VFS_COMPONENT_UNITS_MAX;
	out->xattrs = out->streams = true;
	(void)snprintf(out->fs_name, sizeof(out->fs_name), "NTFS");
	pthread_mutex_unlock(&s->lock);
	return STATUS_SUCCESS;
}

static ntstatus kind_check(const struct mem_node *n, uint32_t flags)
{
	if (n->directory && (flags & VFS_NON_DIRECTORY) != 0)
		return STATUS_FILE_IS_A_DIRECTORY;
	if (!n->directory && (flags & VFS_DIRECTORY) != 0)
		return STATUS_NOT_A_DIRECTORY;
	return STATUS_SUCCESS;
}

/* A handle of the node under that name (NULL for the root). */
static ntstatus handle_make(struct mem_store *s, struct mem_node *n, struct mem_entry *e, uint32_t flags, bool created,
	struct vfs_open_result *out)
{
	struct mem_file *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return STATUS_INSUFFICIENT_RESOURCES;
	f->base.store = &s->vfs;
	f->node = n;
	f->entry = e;
	f->readable = (flags & (VFS_READ | VFS_WRITE)) != 0;
	f->writable = (flags & VFS_WRITE) != 0 && !n->directory;
	n->refs++;
	if (e != NULL)
		e->refs++;
	out->file = &f->base;
	out->created = created;
	mem_stat_locked(n, &out->stat);
	return STATUS_SUCCESS;
}

static ntstatus create_locked(struct mem_store *s, const struct vfs_open_args *args, struct mem_node *dir, struct slice leaf,
	struct vfs_open_result *out)
{
	bool directory = (args->flags & VFS_DIRECTORY) != 0;
	struct mem_node *n = mem_node_new_locked(s, directory, args->attributes | (directory ? 0u : FILE_ATTRIBUTE_ARCHIVE));
	struct mem_entry *e = n != NULL ? mem_entry_add_locked(s, dir, leaf, n) : NULL;
	ntstatus st = STATUS_INSUFFICIENT_RESOURCES;

	if (e != NULL) {
		st = handle_make(s, n, e, args->flags, true, out);
		if (!nt_ok(st))
			mem_entry_remove_locked(s, e);
	}
	if (n != NULL)
		mem_node_put_locked(s, n);
	return st;
}

static ntstatus open_locked(struct mem_store *s, const struct vfs_open_args *args, struct vfs_open_result *out)
{
	struct mem_node *dir, *n;
	struct mem_entry *e = NULL;
	struct slice leaf;
	ntstatus st = mem_parent_find_locked(s, args->name, &dir, &leaf);

	if (!nt_ok(st))
		return st;
	if (leaf.len != 0) {
		e = mem_entry_find_locked(dir, leaf);
		if (e == NULL)
			return args->disposition == VFS_OPEN ? STATUS_OBJECT_NAME_NOT_FOUND :
				create_locked(s, args, dir, leaf, out);
	}
	if (args->disposition == VFS_CREATE)
		return STATUS_OBJECT_NAME_COLLISION;
	n = e != NULL ? e->file : s->root;
	st = kind_check(n, args->flags);
	if (nt_ok(st) && (args->flags & (VFS_READ | VFS_WRITE)) != 0 && !mem_lease_lets_locked(s, n)) {
		out->leased = true;
		return STATUS_SHARING_VIOLATION;
	}
	return nt_ok(st) ? handle_make(s, n, e, args->flags, false, out) : st;
}

static ntstatus mem_open(struct vfs *v, const struct vfs_open_args *args, struct arena *a, struct vfs_open_result *out)
{
	struct mem_store *s = mem_store_of(v);
	ntstatus st;

	(void)a;
	pthread_mutex_lock(&s->lock);
	st = open_locked(s, args, out);
	pthread_mutex_unlock(&s->lock);
	return st;
}

static void mem_file_close(struct vfs_file *vf)
{
	struct mem_file *f = mem_file_of(vf);
	struct mem_store *s = mem_lock(vf);

	if (f->node->leased == f)
		f->node->leased = NULL;
	mem_entry_put_locked(s, f->entry);
	mem_node_put_locked(s, f->node);
	pthread_mutex_unlock(&s->lock);
	free(f);
}

static int mem_file_fd(struct vfs_file *vf)
{
	(void)vf;
	return -1;
}

static ntstatus mem_stat_get(struct vfs_file *vf, struct vfs_stat *out)
{
	struct mem_store *s = mem_lock(vf);

	mem_stat_locked(mem_file_of(vf)->node, out);
	pthread_mutex_unlock(&s->lock);
	return STATUS_SUCCESS;
}

static ntstatus mem_set(struct vfs_file *vf, const struct vfs_set_info *set)
{
	struct mem_store *s = mem_lock(vf);
	struct mem_node *n = mem_file_of(vf)->node;

	n->changed = clock_filetime(s->clock);
	if ((set->which & VFS_SET_CREATED) != 0)
		n->created = set->created;
	if ((set->which & VFS_SET_ACCESSED) != 0)
		n->accessed = set->accessed;
	if ((set->which & VFS_SET_WRITTEN) != 0)
		n->written = set->written;
	if ((set->which & VFS_SET_CHANGED) != 0)
		n->changed = set->changed;
	if ((set->which & VFS_SET_ATTRIBUTES) != 0)
		n->attributes = set->attributes & VFS_ATTRIBUTES_SETTABLE;
	pthread_mutex_unlock(&s->lock);
	return STATUS_SUCCESS;
}

static const struct vfs_ops mem_ops = {
	.close = mem_close, .volume_query = mem_volume_query, .open = mem_open, .file_close = mem_file_close,
	.unlink = mem_unlink, .rename = mem_rename, .link = mem_link, .dir_empty = mem_dir_empty, .file_name = mem_file_name,
	.read = mem_read, .write = mem_write, .flush = mem_flush, .truncate = mem_truncate, .allocate = mem_allocate,
	.file_fd = mem_file_fd, .stat_get = mem_stat_get, .set = mem_set, .dir_read = mem_dir_read, .dir_seek = mem_dir_seek,
	.xattr_get = mem_xattr_get, .xattr_set = mem_xattr_set, .xattr_names = mem_xattr_names,
	.stream_open = mem_stream_open, .stream_list = mem_stream_list, .streams_remove = mem_streams_remove,
	.watch_add = mem_watch_add, .watch_remove = mem_watch_remove,
	.watch_incomplete = mem_watch_incomplete, .changes_fd = mem_changes_fd, .changes_read = mem_changes_read,
	.lease_listen = mem_lease_listen, .lease_take = mem_lease_take, .lease_broken = mem_lease_broken,
	.lease_release = mem_lease_release, .lock = mem_lock_range
};

struct vfs *vfs_mem_open(const struct clock *clock, uint64_t capacity_bytes)
{
	struct mem_store *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->vfs.ops = &mem_ops;
	s->streams.ops = &mem_stream_ops;
	s->clock = clock;
	s->pages_max = capacity_bytes / MEM_PAGE_BYTES;
	s->next_inode = 2;
	s->created = clock_filetime(clock);
	list_init(&s->told);
	s->root = mem_node_new_locked(s, true, 0);
	if (s->root == NULL) {
		free(s);
		return NULL;
	}
	s->root->links = 1;
	pthread_mutex_init(&s->lock, NULL);
	return &s->vfs;
}

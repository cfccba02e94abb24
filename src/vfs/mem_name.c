/* Names of the mem store: unlink, rename, link, listing. */
#include "vfs/mem.h"

#include "base/utf16.h"

static ntstatus unlink_locked(struct mem_store *s, struct mem_file *f)
{
	if (f->entry == NULL)
		return STATUS_ACCESS_DENIED;
	if (f->entry->gone)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	if (!list_empty(&f->node->order))
		return STATUS_DIRECTORY_NOT_EMPTY;
	mem_entry_remove_locked(s, f->entry);
	return STATUS_SUCCESS;
}

ntstatus mem_unlink(struct vfs_file *vf)
{
	struct mem_store *s = mem_lock(vf);
	ntstatus st = unlink_locked(s, mem_file_of(vf));

	pthread_mutex_unlock(&s->lock);
	return st;
}

static bool is_beneath(const struct mem_node *dir, const struct mem_node *top)
{
	while (dir != top && dir->entry != NULL)
		dir = dir->entry->dir;
	return dir == top;
}

static ntstatus rename_locked(struct mem_store *s, struct mem_file *f, struct slice new_name, bool replace)
{
	struct mem_node *dir;
	struct mem_entry *there;
	struct slice leaf;
	ntstatus st;

	if (f->entry == NULL)
		return STATUS_ACCESS_DENIED;
	if (f->entry->gone)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	st = mem_parent_find_locked(s, new_name, &dir, &leaf);
	if (!nt_ok(st))
		return st;
	if (f->node->directory && is_beneath(dir, f->node))
		return STATUS_ACCESS_DENIED;
	there = mem_entry_find_locked(dir, leaf);
	if (there == f->entry)
		there = NULL;
	if (there != NULL && !replace)
		return STATUS_OBJECT_NAME_COLLISION;
	if (there != NULL && (there->file->directory || f->node->directory))
		return STATUS_ACCESS_DENIED;
	if (there != NULL)
		mem_entry_remove_locked(s, there);
	return mem_entry_move_locked(s, f->entry, dir, leaf) ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

ntstatus mem_rename(struct vfs_file *vf, struct slice new_name, bool replace)
{
	struct mem_store *s = mem_lock(vf);
	ntstatus st = rename_locked(s, mem_file_of(vf), new_name, replace);

	pthread_mutex_unlock(&s->lock);
	return st;
}

static ntstatus link_locked(struct mem_store *s, struct mem_file *f, struct slice new_name, bool replace)
{
	struct mem_node *dir;
	struct mem_entry *there;
	struct slice leaf;
	ntstatus st;

	if (f->node->directory)
		return STATUS_FILE_IS_A_DIRECTORY;
	if (f->entry->gone)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	st = mem_parent_find_locked(s, new_name, &dir, &leaf);
	if (!nt_ok(st))
		return st;
	there = mem_entry_find_locked(dir, leaf);
	if (there != NULL && !replace)
		return STATUS_OBJECT_NAME_COLLISION;
	if (there != NULL && there->file->directory)
		return STATUS_ACCESS_DENIED;
	if (there != NULL && there->file == f->node)
		return mem_entry_move_locked(s, there, dir, leaf) ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
	if (there != NULL)
		mem_entry_remove_locked(s, there);
	return mem_entry_add_locked(s, dir, leaf, f->node) != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

ntstatus mem_link(struct vfs_file *vf, struct slice new_name, bool replace)
{
	struct mem_store *s = mem_lock(vf);
	ntstatus st = link_locked(s, mem_file_of(vf), new_name, replace);

	pthread_mutex_unlock(&s->lock);
	return st;
}

ntstatus mem_dir_empty(struct vfs_file *vf)
{
	struct mem_store *s = mem_lock(vf);
	const struct mem_node *n = mem_file_of(vf)->node;
	ntstatus st = !n->directory ? STATUS_NOT_A_DIRECTORY :
		list_empty(&n->order) ? STATUS_SUCCESS : STATUS_DIRECTORY_NOT_EMPTY;

	pthread_mutex_unlock(&s->lock);
	return st;
}

struct slice mem_file_name(struct vfs_file *vf, struct arena *a)
{
	struct mem_store *s = mem_lock(vf);
	const struct mem_entry *first = mem_file_of(vf)->entry;
	size_t len = 0, at;
	uint8_t *out;

	for (const struct mem_entry *e = first; e != NULL; e = e->dir->entry)
		len += e->name_len + (e != first ? 2u : 0u);
	out = arena_alloc(a, len + 1);
	at = len;
	for (const struct mem_entry *e = first; out != NULL && e != NULL; e = e->dir->entry) {
		if (e != first) {
			at -= 2;
			store_le16(out + at, '\\');
		}
		at -= e->name_len;
		memcpy(out + at, e->name, e->name_len);
	}
	pthread_mutex_unlock(&s->lock);
	return slice_of(out, out != NULL ? len : 0);
}

/* --- listing --- */

/* The first entry behind the handle's position. */
static struct mem_entry *next_locked(struct mem_file *f)
{
	if (f->next != NULL && f->next_at == f->node->changes)
		return f->next;
	list_for_each(pos, &f->node->order)
	{
		struct mem_entry *e = list_entry(pos, struct mem_entry, order);

		if (e->sequence > f->cookie)
			return e;
	}
	return NULL;
}

static void dots_fill(struct mem_file *f, size_t n, struct vfs_dirent *out)
{
	const struct mem_node *node = n == 2 && f->node->entry != NULL ? f->node->entry->dir : f->node;

	for (size_t i = 0; i < n; i++)
		store_le16(f->name + 2 * i, '.');
	out->name = slice_of(f->name, 2 * n);
	mem_stat_locked(node, &out->stat);
	f->cookie = out->cookie = n;
}

static ntstatus dir_read_locked(struct mem_file *f, struct vfs_dirent *out)
{
	struct mem_entry *e;

	if (!f->node->directory)
		return STATUS_INVALID_PARAMETER;
	if (f->cookie < 2) {
		dots_fill(f, (size_t)f->cookie + 1, out);
		return STATUS_SUCCESS;
	}
	e = next_locked(f);
	if (e == NULL)
		return STATUS_NO_MORE_FILES;
	memcpy(f->name, e->name, e->name_len);
	out->name = slice_of(f->name, e->name_len);
	mem_stat_locked(e->file, &out->stat);
	f->cookie = out->cookie = e->sequence;
	f->next = e->order.next != &f->node->order ? list_entry(e->order.next, struct mem_entry, order) : NULL;
	f->next_at = f->node->changes;
	return STATUS_SUCCESS;
}

ntstatus mem_dir_read(struct vfs_file *vf, bool need_stat, struct vfs_dirent *out)
{
	struct mem_store *s = mem_lock(vf);
	ntstatus st = dir_read_locked(mem_file_of(vf), out);

	(void)need_stat;
	pthread_mutex_unlock(&s->lock);
	return st;
}

void mem_dir_seek(struct vfs_file *vf, uint64_t cookie)
{
	struct mem_file *f = mem_file_of(vf);

	f->cookie = cookie;
	f->next = NULL;
}

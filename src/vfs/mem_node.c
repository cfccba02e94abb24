/* Nodes and entries of the mem store: their life, and finding them. */
#include "vfs/mem.h"

#include "base/utf16.h"

#include <stdlib.h>

struct mem_node *mem_node_new_locked(struct mem_store *s, bool directory, uint32_t attributes)
{
	struct mem_node *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->inode = s->next_inode++;
	n->refs = 1;
	n->directory = directory;
	n->attributes = attributes & VFS_ATTRIBUTES_SETTABLE;
	n->created = n->accessed = n->written = n->changed = clock_filetime(s->clock);
	list_init(&n->order);
	list_init(&n->xattrs);
	list_init(&n->streams);
	n->next_sequence = MEM_FIRST_SEQUENCE;
	return n;
}

struct drop {
	struct mem_store *store;
	struct mem_node *node;
	uint64_t first;
};

static void page_drop(struct htab_node *hn, void *arg)
{
	struct mem_page *page = CONTAINER_OF(hn, struct mem_page, node);
	struct drop *d = arg;

	if (page->index < d->first)
		return;
	htab_remove(&d->node->pages, hn);
	d->node->pages_held--;
	d->store->pages_held--;
	free(page);
}

void mem_pages_drop_locked(struct mem_store *s, struct mem_node *n, uint64_t first)
{
	struct drop d = {s, n, first};

	htab_each(&n->pages, page_drop, &d);
}

void mem_node_put_locked(struct mem_store *s, struct mem_node *n)
{
	if (--n->refs != 0)
		return;
	mem_pages_drop_locked(s, n, 0);
	htab_free(&n->pages);
	htab_free(&n->names);
	list_for_each_safe(pos, &n->xattrs)
	{
		struct mem_xattr *x = list_entry(pos, struct mem_xattr, link);

		free(x->name);
		free(x->value);
		free(x);
	}
	while (!list_empty(&n->streams)) {
		struct mem_stream *stream = list_entry(n->streams.next, struct mem_stream, link);

		list_remove(&stream->link);
		mem_stream_put_locked(s, stream);
	}
	free(n);
}

void mem_entry_put_locked(struct mem_store *s, struct mem_entry *e)
{
	if (e == NULL || --e->refs != 0)
		return;
	if (e->file->entry == e)
		e->file->entry = NULL;
	mem_node_put_locked(s, e->dir);
	mem_node_put_locked(s, e->file);
	free(e->name);
	free(e);
}

static struct slice entry_name(const struct mem_entry *e)
{
	return slice_of(e->name, e->name_len);
}

struct mem_entry *mem_entry_find_locked(const struct mem_node *dir, struct slice name)
{
	for (struct htab_node *n = htab_find(&dir->names, utf16_hash_nocase(name)); n != NULL; n = htab_find_next(n)) {
		struct mem_entry *e = CONTAINER_OF(n, struct mem_entry, node);

		if (utf16_equal_nocase(entry_name(e), name))
			return e;
	}
	return NULL;
}

static uint8_t *name_copy(struct slice name)
{
	uint8_t *p = malloc(name.len);

	if (p != NULL)
		memcpy(p, name.data, name.len);
	return p;
}

static void dir_touch(struct mem_store *s, struct mem_node *dir)
{
	dir->written = dir->changed = clock_filetime(s->clock);
	dir->changes++;
}

struct mem_entry *mem_entry_add_locked(struct mem_store *s, struct mem_node *dir, struct slice name, struct mem_node *file)
{
	struct mem_entry *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->name = name_copy(name);
	e->name_len = name.len;
	if (e->name == NULL || !htab_insert(&dir->names, &e->node, utf16_hash_nocase(name))) {
		free(e->name);
		free(e);
		return NULL;
	}
	e->refs = 1;
	e->dir = dir;
	e->file = file;
	e->sequence = dir->next_sequence++;
	list_append(&dir->order, &e->order);
	dir->refs++;
	file->refs++;
	file->links++;
	file->changed = clock_filetime(s->clock);
	if (file->directory)
		file->entry = e;
	dir_touch(s, dir);
	return e;
}

void mem_entry_remove_locked(struct mem_store *s, struct mem_entry *e)
{
	htab_remove(&e->dir->names, &e->node);
	list_remove(&e->order);
	e->gone = true;
	e->file->links--;
	e->file->changed = clock_filetime(s->clock);
	dir_touch(s, e->dir);
	mem_entry_put_locked(s, e);
}

bool mem_entry_move_locked(struct mem_store *s, struct mem_entry *e, struct mem_node *dir, struct slice name)
{
	uint8_t *copy = name_copy(name);
	struct mem_node *from = e->dir;

	if (copy == NULL)
		return false;
	htab_remove(&from->names, &e->node);
	if (!htab_insert(&dir->names, &e->node, utf16_hash_nocase(name))) {
		/* The old table has a bucket array already, so this cannot fail. */
		if (!htab_insert(&from->names, &e->node, utf16_hash_nocase(entry_name(e))))
			abort();
		free(copy);
		return false;
	}
	free(e->name);
	e->name = copy;
	e->name_len = name.len;
	if (dir != from) {
		list_remove(&e->order);
		e->sequence = dir->next_sequence++;
		list_append(&dir->order, &e->order);
		e->dir = dir;
		dir->refs++;
		dir_touch(s, from);
		mem_node_put_locked(s, from);
	}
	dir_touch(s, dir);
	e->file->changed = clock_filetime(s->clock);
	return true;
}

void mem_stat_locked(const struct mem_node *n, struct vfs_stat *out)
{
	memset(out, 0, sizeof(*out));
	out->id = (struct vfs_id){.device = 1, .inode = n->inode};
	out->file_id = n->inode;
	out->directory = n->directory;
	out->attributes = n->attributes | (n->directory ? FILE_ATTRIBUTE_DIRECTORY : 0u);
	if (out->attributes == 0)
		out->attributes = FILE_ATTRIBUTE_NORMAL;
	out->links = n->links;
	out->size = n->size;
	out->allocation = n->pages_held * MEM_PAGE_BYTES;
	out->created = n->created;
	out->accessed = n->accessed;
	out->written = n->written;
	out->changed = n->changed;
	out->mode = n->directory ? 0040755 : 0100644;
}

ntstatus mem_parent_find_locked(const struct mem_store *s, struct slice name, struct mem_node **dir, struct slice *leaf)
{
	struct slice rest = name;

	*dir = s->root;
	*leaf = slice_of(NULL, 0);
	while (vfs_name_next(&rest, leaf) && rest.len != 0) {
		struct mem_entry *e = mem_entry_find_locked(*dir, *leaf);

		if (e == NULL || !e->file->directory)
			return STATUS_OBJECT_PATH_NOT_FOUND;
		*dir = e->file;
	}
	return STATUS_SUCCESS;
}

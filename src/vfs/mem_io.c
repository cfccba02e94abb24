/* Data and extended attributes of the mem store. */
#include "vfs/mem.h"

#include <stdlib.h>

static struct mem_page *page_find(const struct mem_node *n, uint64_t index)
{
	for (struct htab_node *h = htab_find(&n->pages, hash_bytes(&index, sizeof(index))); h != NULL; h = htab_find_next(h)) {
		struct mem_page *page = CONTAINER_OF(h, struct mem_page, node);

		if (page->index == index)
			return page;
	}
	return NULL;
}

static ntstatus page_make(struct mem_store *s, struct mem_node *n, uint64_t index, struct mem_page **out)
{
	struct mem_page *page = page_find(n, index);

	if (page == NULL) {
		if (s->pages_held >= s->pages_max)
			return STATUS_DISK_FULL;
		page = calloc(1, sizeof(*page));
		if (page == NULL)
			return STATUS_INSUFFICIENT_RESOURCES;
		page->index = index;
		if (!htab_insert(&n->pages, &page->node, hash_bytes(&index, sizeof(index)))) {
			free(page);
			return STATUS_INSUFFICIENT_RESOURCES;
		}
		n->pages_held++;
		s->pages_held++;
	}
	*out = page;
	return STATUS_SUCCESS;
}

/* How much of n bytes from `offset` lies in the same page. */
static size_t in_page(uint64_t offset, size_t n)
{
	size_t room = MEM_PAGE_BYTES - (size_t)(offset % MEM_PAGE_BYTES);

	return n < room ? n : room;
}

ntstatus mem_read(struct vfs_file *vf, void *p, size_t n, uint64_t offset, size_t *done)
{
	struct mem_file *f = mem_file_of(vf);
	struct mem_store *s = mem_store_of(vf->store);

	if (f->node->directory)
		return STATUS_INVALID_DEVICE_REQUEST;
	if (!f->readable)
		return STATUS_ACCESS_DENIED;
	if (offset > INT64_MAX || n > INT64_MAX - offset)
		return STATUS_INVALID_PARAMETER;
	pthread_mutex_lock(&s->lock);
	if (offset >= f->node->size)
		n = 0;
	else if (n > f->node->size - offset)
		n = (size_t)(f->node->size - offset);
	while (*done < n) {
		uint64_t at = offset + *done;
		size_t k = in_page(at, n - *done);
		const struct mem_page *page = page_find(f->node, at / MEM_PAGE_BYTES);

		if (page != NULL)
			memcpy((uint8_t *)p + *done, page->data + at % MEM_PAGE_BYTES, k);
		else
			memset((uint8_t *)p + *done, 0, k);
		*done += k;
	}
	pthread_mutex_unlock(&s->lock);
	return STATUS_SUCCESS;
}

static ntstatus write_locked(struct mem_store *s, struct mem_node *node, const uint8_t *p, size_t n, uint64_t offset)
{
	ntstatus st = STATUS_SUCCESS;

	for (size_t done = 0; done < n;) {
		uint64_t at = offset + done;
		size_t k = in_page(at, n - done);
		struct mem_page *page;

		st = page_make(s, node, at / MEM_PAGE_BYTES, &page);
		if (!nt_ok(st))
			break;
		memcpy(page->data + at % MEM_PAGE_BYTES, p + done, k);
		done += k;
		if (node->size < at + k)
			node->size = at + k;
	}
	node->written = node->changed = clock_filetime(s->clock);
	return st;
}

ntstatus mem_write(struct vfs_file *vf, const void *p, size_t n, uint64_t offset)
{
	struct mem_file *f = mem_file_of(vf);
	struct mem_store *s = mem_store_of(vf->store);
	ntstatus st;

	if (f->node->directory)
		return STATUS_INVALID_DEVICE_REQUEST;
	if (!f->writable)
		return STATUS_ACCESS_DENIED;
	if (n == 0)
		return STATUS_SUCCESS;
	pthread_mutex_lock(&s->lock);
	st = write_locked(s, f->node, p, n, offset);
	pthread_mutex_unlock(&s->lock);
	return st;
}

/* Memory has nothing more durable to go to. */
ntstatus mem_flush(struct vfs_file *vf)
{
	(void)vf;
	return STATUS_SUCCESS;
}

ntstatus mem_truncate(struct vfs_file *vf, uint64_t size)
{
	struct mem_file *f = mem_file_of(vf);
	struct mem_node *node = f->node;
	struct mem_store *s;

	if (node->directory)
		return STATUS_INVALID_DEVICE_REQUEST;
	if (!f->writable)
		return STATUS_ACCESS_DENIED;
	s = mem_lock(vf);
	if (size < node->size) {
		struct mem_page *last = page_find(node, size / MEM_PAGE_BYTES);

		mem_pages_drop_locked(s, node, (size + MEM_PAGE_BYTES - 1) / MEM_PAGE_BYTES);
		if (last != NULL && size % MEM_PAGE_BYTES != 0)
			memset(last->data + size % MEM_PAGE_BYTES, 0, MEM_PAGE_BYTES - size % MEM_PAGE_BYTES);
	}
	node->size = size;
	node->written = node->changed = clock_filetime(s->clock);
	pthread_mutex_unlock(&s->lock);
	return STATUS_SUCCESS;
}

ntstatus mem_allocate(struct vfs_file *vf, uint64_t bytes)
{
	struct mem_file *f = mem_file_of(vf);
	ntstatus st = STATUS_SUCCESS;
	struct mem_store *s;

	if (f->node->directory)
		return STATUS_INVALID_DEVICE_REQUEST;
	if (!f->writable)
		return STATUS_ACCESS_DENIED;
	s = mem_lock(vf);
	for (uint64_t i = 0; nt_ok(st) && i < bytes / MEM_PAGE_BYTES + (bytes % MEM_PAGE_BYTES != 0); i++) {
		struct mem_page *page;

		st = page_make(s, f->node, i, &page);
	}
	pthread_mutex_unlock(&s->lock);
	return st;
}

/* --- extended attributes --- */

static struct mem_xattr *xattr_find(const struct mem_node *n, const char *name)
{
	list_for_each(pos, &n->xattrs)
	{
		struct mem_xattr *x = list_entry(pos, struct mem_xattr, link);

		if (strcmp(x->name, name) == 0)
			return x;
	}
	return NULL;
}

/* "user." is what names without a namespace mean. */
static const char *short_name(const char *name)
{
	return strncmp(name, "user.", 5) == 0 ? name + 5 : name;
}

ntstatus mem_xattr_get(struct vfs_file *vf, const char *name, void *p, size_t cap, size_t *len)
{
	struct mem_store *s = mem_lock(vf);
	const struct mem_xattr *x = xattr_find(mem_file_of(vf)->node, short_name(name));
	ntstatus st = x == NULL ? STATUS_NONEXISTENT_EA_ENTRY : STATUS_SUCCESS;

	if (x != NULL) {
		*len = x->len;
		if (cap != 0 && cap < x->len)
			st = STATUS_BUFFER_TOO_SMALL;
		else if (cap != 0 && x->len != 0)
			memcpy(p, x->value, x->len);
	}
	pthread_mutex_unlock(&s->lock);
	return st;
}

static ntstatus xattr_remove(struct mem_xattr *x)
{
	if (x == NULL)
		return STATUS_NONEXISTENT_EA_ENTRY;
	list_remove(&x->link);
	free(x->name);
	free(x->value);
	free(x);
	return STATUS_SUCCESS;
}

static struct mem_xattr *xattr_add(struct mem_node *n, const char *name)
{
	struct mem_xattr *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->name = strdup(name);
	if (x->name == NULL) {
		free(x);
		return NULL;
	}
	list_append(&n->xattrs, &x->link);
	return x;
}

ntstatus mem_xattr_set(struct vfs_file *vf, const char *name, const void *p, size_t len)
{
	struct mem_store *s = mem_lock(vf);
	struct mem_node *n = mem_file_of(vf)->node;
	struct mem_xattr *x = xattr_find(n, short_name(name));
	ntstatus st = STATUS_INSUFFICIENT_RESOURCES;
	uint8_t *value;

	if (p == NULL && len == 0) {
		st = xattr_remove(x);
	} else if ((value = malloc(len + 1)) != NULL) {
		if (x == NULL)
			x = xattr_add(n, short_name(name));
		if (x != NULL) {
			if (len != 0)
				memcpy(value, p, len);
			free(x->value);
			x->value = value;
			x->len = len;
			st = STATUS_SUCCESS;
		} else {
			free(value);
		}
	}
	pthread_mutex_unlock(&s->lock);
	return st;
}

ntstatus mem_xattr_names(struct vfs_file *vf, struct arena *a, struct slice *names)
{
	struct mem_store *s = mem_lock(vf);
	const struct mem_node *n = mem_file_of(vf)->node;
	size_t len = 0;
	char *p;

	list_for_each(pos, &n->xattrs)
		len += strlen(list_entry(pos, struct mem_xattr, link)->name) + sizeof("user.");
	p = arena_alloc(a, len);
	if (p != NULL) {
		*names = slice_of(p, len);
		list_for_each(pos, &n->xattrs) {
			const struct mem_xattr *x = list_entry(pos, struct mem_xattr, link);

			memcpy(p, "user.", 5);
			memcpy(p + 5, x->name, strlen(x->name) + 1);
			p += 5 + strlen(x->name) + 1;
		}
	}
	pthread_mutex_unlock(&s->lock);
	return names->data != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

/* Leases in a mem store, as vfs.h has them: one handle at a time, and others who open the file for its data are turned away. And
 * locks that others have, as tests say. */
#include "vfs/mem.h"

void mem_lease_listen(struct vfs *v, void (*broken)(void *arg, struct vfs_id id), void *arg)
{
	struct mem_store *s = mem_store_of(v);

	s->broken = broken;
	s->broken_arg = arg;
}

bool mem_lease_take(struct vfs_file *f)
{
	struct mem_store *s = mem_lock(f);
	struct mem_file *file = mem_file_of(f);
	/* The handle's, and one for each name. */
	bool alone = !file->node->directory && file->node->refs == 1 + file->node->links;

	if (alone)
		file->node->leased = file;
	pthread_mutex_unlock(&s->lock);
	return alone;
}

bool mem_lease_broken(struct vfs_file *f)
{
	(void)f;
	return false;
}

void mem_lease_release(struct vfs_file *f)
{
	struct mem_store *s = mem_lock(f);
	struct mem_file *file = mem_file_of(f);

	if (file->node->leased == file)
		file->node->leased = NULL;
	pthread_mutex_unlock(&s->lock);
}

bool mem_lease_lets_locked(struct mem_store *s, const struct mem_node *n)
{
	struct vfs_stat st;

	if (n->leased == NULL)
		return true;
	mem_stat_locked(n, &st);
	if (s->broken != NULL)
		s->broken(s->broken_arg, st.id);
	return false;
}

static struct mem_node *find_locked(const struct mem_store *s, struct slice name)
{
	const struct mem_entry *e = NULL;
	struct mem_node *dir;
	struct slice leaf;

	if (nt_ok(mem_parent_find_locked(s, name, &dir, &leaf)))
		e = mem_entry_find_locked(dir, leaf);
	return e != NULL ? e->file : NULL;
}

bool vfs_mem_open_local(struct vfs *v, struct slice name)
{
	struct mem_store *s = mem_store_of(v);
	const struct mem_node *n;
	bool lets;

	pthread_mutex_lock(&s->lock);
	n = find_locked(s, name);
	lets = n == NULL || mem_lease_lets_locked(s, n);
	pthread_mutex_unlock(&s->lock);
	return lets;
}

ntstatus mem_lock_range(struct vfs_file *f, uint64_t offset, uint64_t length, enum vfs_lock_kind kind)
{
	struct mem_store *s = mem_lock(f);
	struct mem_node *n = mem_file_of(f)->node;
	bool touches = n->local_lock_length > 0 && offset < n->local_lock + n->local_lock_length && n->local_lock < offset + length;
	bool conflict = touches && kind != VFS_UNLOCKED;

	for (uint64_t at = offset; !conflict && at < offset + length && at < MEM_BYTES_LOCKED; at++)
		n->locked[at] = (uint8_t)kind;
	pthread_mutex_unlock(&s->lock);
	return conflict ? STATUS_LOCK_NOT_GRANTED : STATUS_SUCCESS;
}

void vfs_mem_locked(struct vfs *v, struct slice name, char *out, size_t n)
{
	struct mem_store *s = mem_store_of(v);
	const struct mem_node *node;

	pthread_mutex_lock(&s->lock);
	node = find_locked(s, name);
	for (size_t i = 0; i < n; i++)
		out[i] = node != NULL && i < MEM_BYTES_LOCKED ? "-sx"[node->locked[i]] : '-';
	out[n] = 0;
	pthread_mutex_unlock(&s->lock);
}

void vfs_mem_lock_local(struct vfs *v, struct slice name, uint64_t offset, uint64_t length)
{
	struct mem_store *s = mem_store_of(v);
	struct mem_node *n;

	pthread_mutex_lock(&s->lock);
	n = find_locked(s, name);
	if (n != NULL) {
		n->local_lock = offset;
		n->local_lock_length = length;
	}
	pthread_mutex_unlock(&s->lock);
}

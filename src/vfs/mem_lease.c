/* Leases in a mem store, as vfs.h has them: one handle at a time, and others who open the file for its data are turned away. */
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

bool vfs_mem_open_local(struct vfs *v, struct slice name)
{
	struct mem_store *s = mem_store_of(v);
	const struct mem_entry *e = NULL;
	struct mem_node *dir;
	struct slice leaf;
	bool lets;

	pthread_mutex_lock(&s->lock);
	if (nt_ok(mem_parent_find_locked(s, name, &dir, &leaf)))
		e = mem_entry_find_locked(dir, leaf);
	lets = e == NULL || mem_lease_lets_locked(s, e->file);
	pthread_mutex_unlock(&s->lock);
	return lets;
}

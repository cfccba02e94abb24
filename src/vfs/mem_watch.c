/* What others change in a mem store: nothing, but a test can say that they did. Whoever watches anything is told of everything. */
#include "vfs/mem.h"

#include <stdlib.h>

void vfs_mem_tell(struct vfs *v, const struct vfs_change *change)
{
	struct mem_store *s = mem_store_of(v);
	struct mem_told *told = malloc(sizeof(*told) + change->path.len + change->from.len);

	if (told == NULL)
		return;
	*told = (struct mem_told){.change = *change, .path_len = change->path.len, .from_len = change->from.len};
	memcpy(told->names, change->path.data, change->path.len);
	if (change->from.len > 0)
		memcpy(told->names + change->path.len, change->from.data, change->from.len);
	pthread_mutex_lock(&s->lock);
	list_init(&told->change.link);
	if (s->watches > 0)
		list_append(&s->told, &told->change.link);
	else
		free(told);
	pthread_mutex_unlock(&s->lock);
}

void mem_told_drop(struct mem_store *s)
{
	list_for_each_safe(n, &s->told)
		free(list_entry(n, struct mem_told, change.link));
}

struct vfs_watch *mem_watch_add(struct vfs_file *f, uint32_t what)
{
	struct vfs_watch *w = calloc(1, sizeof(*w));
	struct mem_store *s;

	(void)what;
	if (w == NULL)
		return NULL;
	w->store = f->store;
	s = mem_lock(f);
	s->watches++;
	pthread_mutex_unlock(&s->lock);
	return w;
}

void mem_watch_remove(struct vfs_watch *w)
{
	struct mem_store *s = mem_store_of(w->store);

	pthread_mutex_lock(&s->lock);
	s->watches--;
	pthread_mutex_unlock(&s->lock);
	free(w);
}

bool mem_watch_incomplete(struct vfs_watch *w)
{
	(void)w;
	return false;
}

int mem_changes_fd(struct vfs *v)
{
	(void)v;
	return -1;
}

bool mem_changes_read(struct vfs *v, struct arena *a, struct list_node *changes)
{
	struct mem_store *s = mem_store_of(v);
	bool whole = true;

	pthread_mutex_lock(&s->lock);
	list_for_each_safe(n, &s->told) {
		struct mem_told *told = list_entry(n, struct mem_told, change.link);
		struct vfs_change *change = arena_alloc(a, sizeof(*change));
		uint8_t *names = arena_alloc(a, told->path_len + told->from_len);

		list_remove(n);
		if (change != NULL && names != NULL) {
			memcpy(names, told->names, told->path_len + told->from_len);
			*change = told->change;
			change->path = slice_of(names, told->path_len);
			change->from = slice_of(names + told->path_len, told->from_len);
			list_append(changes, &change->link);
		} else {
			whole = false;
		}
		free(told);
	}
	pthread_mutex_unlock(&s->lock);
	return whole;
}

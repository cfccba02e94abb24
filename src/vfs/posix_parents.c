/* Directories that files are made in or removed from: who does that to one file often does it to the next in the same directory, and to open and close that costs more
 * than the look whether its path still leads there. The few that were used last stay open. */
#include "vfs/posix.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEPT_MOST = 8 };

void posix_parents_init(struct posix_parents *t)
{
	pthread_mutex_init(&t->lock, NULL);
	list_init(&t->kept);
}

void posix_parent_put(struct posix_parent *p)
{
	if (atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
		return;
	close(p->fd);
	free(p);
}

void posix_parents_end(struct posix_parents *t)
{
	while (!list_empty(&t->kept)) {
		struct posix_parent *p = list_entry(t->kept.next, struct posix_parent, link);

		list_remove(&p->link);
		posix_parent_put(p);
	}
	pthread_mutex_destroy(&t->lock);
}

static struct posix_parent *find_locked(struct posix_parents *t, const char *path, size_t len)
{
	list_for_each(n, &t->kept) {
		struct posix_parent *p = list_entry(n, struct posix_parent, link);

		if (strncmp(p->path, path, len) == 0 && p->path[len] == 0)
			return p;
	}
	return NULL;
}

struct posix_parent *posix_parents_find(struct posix_store *s, const char *path, size_t len)
{
	struct posix_parents *t = &s->parents;
	struct posix_parent *p;

	pthread_mutex_lock(&t->lock);
	p = find_locked(t, path, len);
	if (p) {
		atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
		list_remove(&p->link);
		list_append(&t->kept, &p->link);
	}
	pthread_mutex_unlock(&t->lock);
	return p;
}

/* Its path leads elsewhere. */
static void forget(struct posix_parents *t, struct posix_parent *p)
{
	bool kept;

	pthread_mutex_lock(&t->lock);
	kept = !list_empty(&p->link);
	list_remove(&p->link);
	pthread_mutex_unlock(&t->lock);
	if (kept)
		posix_parent_put(p);
}

struct posix_parent *posix_parents_take(struct posix_store *s, const struct posix_path *path, struct vfs_stat *st)
{
	struct posix_parent *p = posix_parents_find(s, path->s, path->len);

	if (!p || posix_stat_named(s, p->path, p->fd, p->id, st))
		return p;
	forget(&s->parents, p);
	posix_parent_put(p);
	return NULL;
}

struct posix_parent *posix_parents_keep(struct posix_store *s, const struct posix_path *path, int fd, struct vfs_id id)
{
	struct posix_parents *t = &s->parents;
	struct posix_parent *p, *out = NULL;
	unsigned count = 1;

	/* Elsewhere a directory may go without leave, or keep its file system from being unmounted. */
	if (!s->local || id.device != s->root_id.device || !(p = malloc(sizeof(*p) + path->len + 1)))
		return NULL;
	atomic_init(&p->refs, 2);
	p->fd = fd;
	p->id = id;
	memcpy(p->path, path->s, path->len + 1);
	pthread_mutex_lock(&t->lock);
	out = find_locked(t, path->s, path->len);
	list_for_each(n, &t->kept)
		count++;
	if (!out && count > KEPT_MOST)
		out = list_entry(t->kept.next, struct posix_parent, link);
	if (out)
		list_remove(&out->link);
	list_append(&t->kept, &p->link);
	pthread_mutex_unlock(&t->lock);
	if (out)
		posix_parent_put(out);
	return p;
}

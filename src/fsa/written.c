/* The write time that is shown. [MS-FSA] 2.1.5.3 lets a file system note the time of writing late, and Windows does: the first WRITE
 * through a handle shows after two seconds, what follows it when the handle is closed. Programs rely on a time that
 * stands still while they write. The store's own time moves with every write; this is what clients see of it meanwhile. */
#include "fsa/node.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { DELAY_MS = 2000 };

void fsa_written_begin(struct fsa *f, struct fsa_open *o, uint64_t before, uint64_t now_ms)
{
	struct fsa_node *node;

	pthread_mutex_lock(&o->shard->lock);
	node = o->node;
	/* Without memory for it the time shows at once. */
	if (node && !node->written && (node->written = malloc(sizeof(*node->written))) != NULL) {
		*node->written = (struct fsa_written){.before = before, .due_ms = now_ms + DELAY_MS};
		atomic_fetch_add(&f->late_count, 1);
	}
	atomic_store(&o->wrote, node && node->written);
	pthread_mutex_unlock(&o->shard->lock);
}

void fsa_written_end_locked(struct fsa *f, struct fsa_node *node)
{
	if (!node->written)
		return;
	free(node->written);
	node->written = NULL;
	atomic_fetch_sub(&f->late_count, 1);
	/* Whoever goes on writing starts anew. */
	list_for_each(n, &node->opens)
		atomic_store(&list_entry(n, struct fsa_open, link)->wrote, false);
}

void fsa_written_end(struct fsa *f, struct fsa_open *o)
{
	if (!o->shard)
		return;
	pthread_mutex_lock(&o->shard->lock);
	if (o->node)
		fsa_written_end_locked(f, o->node);
	pthread_mutex_unlock(&o->shard->lock);
}

uint64_t fsa_written_leave(struct fsa_open *o)
{
	uint64_t then = 0;

	if (!o->shard || !atomic_load(&o->wrote))
		return 0;
	pthread_mutex_lock(&o->shard->lock);
	if (o->node && o->node->written)
		then = o->node->written->then;
	pthread_mutex_unlock(&o->shard->lock);
	return then;
}

bool fsa_written_late(const struct fsa *f)
{
	return atomic_load_explicit(&f->late_count, memory_order_relaxed) != 0;
}

uint64_t fsa_written_shown(struct fsa *f, struct vfs_id id, uint64_t written, uint64_t now_ms)
{
	struct fsa_shard *shard;
	struct fsa_node *node;
	uint64_t hash;

	if (!fsa_written_late(f))
		return written;
	node = fsa_node_lock(f, id, &shard, &hash);
	if (node && node->written && now_ms < node->written->due_ms) {
		written = node->written->before;
	} else if (node && node->written) {
		/* From now on it stands still. */
		node->written->then = node->written->then ? node->written->then : written;
		written = node->written->then;
	}
	pthread_mutex_unlock(&shard->lock);
	return written;
}

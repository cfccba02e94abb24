/* Changes that local programs make: [MS-SMB2] 3.3.1.3 asks for whatever the object store reports, whoever did it. The descriptor
 * of each store with watches is in the pool's epoll set. Who watches is told (notify.c), and leases on the directory end. */
#include "server/local.h"

#include "server/notify.h"
#include "server/session.h"
#include "server/srv.h"

#include <stdatomic.h>

enum { PAUSE_MS = 5 };

/* What a watch with that filter asks the store for. */
static uint32_t what_of(uint32_t filter, bool tree)
{
	const uint32_t attributes = FSA_CHANGE_ATTRIBUTES | FSA_CHANGE_LAST_WRITE | FSA_CHANGE_LAST_ACCESS | FSA_CHANGE_EA | FSA_CHANGE_SECURITY;

	return (filter & (FSA_CHANGE_FILE_NAME | FSA_CHANGE_DIR_NAME) ? VFS_WATCH_NAMES : 0) |
		(filter & (FSA_CHANGE_SIZE | FSA_CHANGE_LAST_WRITE) ? VFS_WATCH_DATA : 0) |
		(filter & attributes ? VFS_WATCH_ATTRIBUTES : 0) | (tree ? VFS_WATCH_TREE : 0);
}

void srv_local_read(struct srv_share *share)
{
	struct list_node changes;
	uint8_t scratch[4096];
	struct arena a;
	bool whole;

	list_init(&changes);
	arena_init(&a, scratch, sizeof(scratch), 0);
	whole = vfs_changes_read(share->vfs, &a, &changes);
	list_for_each(n, &changes)
		srv_changed_locally(share, list_entry(n, struct vfs_change, link));
	if (!whole)
		srv_changes_lost(share);
	arena_reset(&a);
}

static void ready(void *arg)
{
	struct srv_share *share = arg;
	uint32_t refs = atomic_load(&share->refs);

	/* One that has none left is about to go, and waits for this to return. */
	while (refs > 0 && !atomic_compare_exchange_weak(&share->refs, &refs, refs + 1))
		;
	if (refs == 0)
		return;
	srv_local_read(share);
	srv_share_put(share);
}

/* The store has a descriptor from its first watch on. */
static void wait_for(struct srv *srv, struct srv_share *share)
{
	int fd = vfs_changes_fd(share->vfs);

	if (fd < 0 || atomic_load(&share->local))
		return;
	pthread_mutex_lock(&srv->local_lock);
	/* Without it local changes are not told, and clients find out when they look. */
	if (!share->local)
		share->local = net_pool_watch(srv->pool, fd, PAUSE_MS, ready, share);
	pthread_mutex_unlock(&srv->local_lock);
}

struct vfs_watch *srv_local_watch(struct srv_open *o, uint32_t filter, bool tree)
{
	struct srv_share *share = o->share;
	struct vfs_watch *w = share->no_local_changes ? NULL : vfs_watch_add(o->file, what_of(filter, tree));

	if (w)
		wait_for(o->srv, share);
	return w;
}

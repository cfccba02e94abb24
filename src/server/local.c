/* Local programs beside clients. Changes that they make: [MS-SMB2] 3.3.1.3 asks for whatever the object store reports, whoever did it. The descriptor
 * of each store with watches is in the pool's epoll set. Who watches is told (notify.c), and leases on the directory end. */
#include "server/local.h"

#include "server/notify.h"
#include "server/oplock.h"
#include "server/park.h"
#include "server/session.h"
#include "server/srv.h"

#include <stdatomic.h>
#include <stdlib.h>

/* The system ends a lease by force after 45 s (fs.lease-break-time). */
enum { PAUSE_MS = 5, PATIENCE_MS = 50000, FIRST_PAUSE_MS = 5, LAST_PAUSE_MS = 250 };

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

/* --- oplocks against local programs --- */

struct broken {
	struct srv_share *share;
	struct vfs_id id;
};

static void break_now(void *arg)
{
	struct broken *job = arg;
	struct fsa_breaks b;

	fsa_breaks_init(&b);
	fsa_break_whole(job->share->fsa, job->id, &b);
	srv_oplock_tell(&b);
	srv_share_put(job->share);
	free(job);
}

/* Called with a lock of the store's held, while the handle's open keeps the share. */
static void on_broken(void *arg, struct vfs_id id)
{
	struct srv_share *share = arg;
	struct broken *job = malloc(sizeof(*job));

	/* Then the local program waits until the system gives up for us. */
	if (!job)
		return;
	*job = (struct broken){.share = srv_share_ref(share), .id = id};
	net_pool_run(share->lease_srv->pool, break_now, job);
}

bool srv_local_keep_off(struct srv_open *o)
{
	struct srv_share *share = o->share;

	if (!share->lease_srv) {
		share->lease_srv = o->srv;
		vfs_lease_listen(share->vfs, on_broken, share);
	}
	o->kept_off = vfs_lease_take(o->file);
	return o->kept_off;
}

void srv_local_kept_off(struct srv_open *o, bool stays, struct fsa_breaks *b)
{
	if (!o->kept_off)
		return;
	if (!stays) {
		o->kept_off = false;
		vfs_lease_release(o->file);
	} else if (vfs_lease_broken(o->file)) {
		/* Somebody came before there was an oplock to break. */
		fsa_break_whole(o->share->fsa, o->fsa.id, b);
	}
}

void srv_local_let_in(struct srv_open *o)
{
	if (atomic_exchange(&o->kept_off, false))
		vfs_lease_release(o->file);
}

/* --- waiting for local programs --- */

struct pause {
	struct net_timer timer;
	struct srv_request *r;
	atomic_bool taken;           /* by whoever starts the request again or answers it */
};

static void pause_over(struct net_timer *t)
{
	struct pause *p = CONTAINER_OF(t, struct pause, timer);
	bool mine = !atomic_exchange(&p->taken, true);
	struct srv_request *r = p->r;

	free(p);
	if (mine)
		srv_request_restart(r);
}

/* The pause itself goes when its time is up. */
static bool pause_cancel(struct srv_request *r)
{
	struct pause *p = r->parked_for;

	return !atomic_exchange(&p->taken, true);
}

static uint64_t waited_ms(struct srv_request *r)
{
	uint64_t now = clock_ms(r->srv->clock) + 1;

	if (r->local_since_ms == 0)
		r->local_since_ms = now;
	return now - r->local_since_ms;
}

bool srv_local_patient(struct srv_request *r)
{
	return waited_ms(r) < PATIENCE_MS;
}

ntstatus srv_local_pause(struct srv_request *r)
{
	struct pause *p = calloc(1, sizeof(*p));
	uint64_t pause = waited_ms(r) / 4;
	struct net_pool *pool = r->srv->pool;
	ntstatus status;

	if (!p)
		return STATUS_INSUFFICIENT_RESOURCES;
	p->r = r;
	p->timer.fn = pause_over;
	/* Whoever cancels it before the timer is armed comes too early. */
	atomic_init(&p->taken, true);
	status = srv_request_park(r, pause_cancel, p);
	if (!nt_ok(status)) {
		free(p);
		return status;
	}
	atomic_store(&p->taken, false);
	/* From here on r may be gone. */
	net_timer_arm(pool, &p->timer, pause < FIRST_PAUSE_MS ? FIRST_PAUSE_MS : pause < LAST_PAUSE_MS ? pause : LAST_PAUSE_MS);
	return STATUS_SUCCESS;
}

struct srv_result srv_local_wait(struct srv_request *r)
{
	ntstatus status = srv_local_pause(r);

	if (nt_ok(status))
		return srv_parked();
	/* In the middle of a chain. */
	return srv_reply(nt_is(status, STATUS_INTERNAL_ERROR) ? STATUS_SHARING_VIOLATION : status);
}

/* Locks that local programs see: what fsa grants is locked in the system as well, by the handle of the open, so that locks of
 * different opens keep each other off there as they do here. Locks of one open may lie on each other, those of a handle may not:
 * for each byte the strongest counts. One mutex makes a change here and there one step: nobody meets in the system what
 * has just gone here. */
#include "server/lock.h"

#include "server/srv.h"

#include <stdlib.h>

enum { FEW = 16 };

/* Where locks of an open begin and end, for going through them in order. */
struct edge {
	uint64_t at;
	int exclusive, shared;       /* how many more there are from here on */
};

bool srv_locks_mirrored(const struct srv_open *o)
{
	return o->share->mirror_locks && !vfs_stream_base(o->file);
}

static int by_place(const void *a, const void *b)
{
	uint64_t x = ((const struct edge *)a)->at, y = ((const struct edge *)b)->at;

	return x < y ? -1 : x > y;
}

/* The byte behind a lock, within the window. */
static uint64_t end_of(const struct fsa_range *l, uint64_t window_end)
{
	return l->length > window_end - l->offset ? window_end : l->offset + l->length;
}

/* Locks bytes [from, to) in the system as the sums say, and goes on where another kind begins. */
static ntstatus settle_edges(struct srv_open *o, struct edge *edges, size_t n, uint64_t from, uint64_t to)
{
	enum vfs_lock_kind kind = VFS_UNLOCKED, next;
	int exclusive = 0, shared = 0;
	ntstatus status = STATUS_SUCCESS;

	qsort(edges, n, sizeof(*edges), by_place);
	for (size_t i = 0; i < n && nt_ok(status); i++) {
		exclusive += edges[i].exclusive;
		shared += edges[i].shared;
		if (i + 1 < n && edges[i + 1].at == edges[i].at)
			continue;
		next = exclusive > 0 ? VFS_LOCKED : shared > 0 ? VFS_LOCKED_SHARED : VFS_UNLOCKED;
		if (next == kind)
			continue;
		if (edges[i].at > from)
			status = vfs_lock(o->file, from, edges[i].at - from, kind);
		from = edges[i].at;
		kind = next;
	}
	return nt_ok(status) && to > from ? vfs_lock(o->file, from, to - from, kind) : status;
}

/* Makes the system's locks of that window those that the open has here. */
static ntstatus settle(struct srv_open *o, const struct fsa_range *window)
{
	uint64_t end = window->length > UINT64_MAX - window->offset ? UINT64_MAX : window->offset + window->length;
	struct fsa_range few[FEW], *locks = few;
	struct edge few_edges[2 * FEW], *edges = few_edges;
	size_t n = fsa_locks_of(&o->fsa, window->offset, window->length, few, FEW);
	ntstatus status = STATUS_INSUFFICIENT_RESOURCES;

	if (window->length == 0)
		return STATUS_SUCCESS;
	if (n > FEW) {
		locks = malloc(n * sizeof(*locks));
		edges = malloc(2 * n * sizeof(*edges));
		/* Nobody else changes them meanwhile. */
		if (locks && edges)
			n = fsa_locks_of(&o->fsa, window->offset, window->length, locks, n);
	}
	if (locks && edges) {
		for (size_t i = 0; i < n; i++) {
			const struct fsa_range *l = &locks[i];
			uint64_t from = l->offset > window->offset ? l->offset : window->offset;
			int exclusive = l->exclusive, shared = !l->exclusive;

			edges[2 * i] = (struct edge){from, exclusive, shared};
			edges[2 * i + 1] = (struct edge){end_of(l, end), -exclusive, -shared};
		}
		status = settle_edges(o, edges, 2 * n, window->offset, end);
	}
	if (locks != few)
		free(locks);
	if (edges != few_edges)
		free(edges);
	return status;
}

/* Gives back what fsa has granted but the system has not. */
static void take_back(struct srv_open *o, const struct fsa_range *ranges, size_t n)
{
	(void)nt_ok(fsa_unlock(&o->fsa, ranges, n));
	for (size_t i = 0; i < n; i++)
		(void)nt_ok(settle(o, &ranges[i]));
}

static ntstatus granted_locked(struct srv_open *o, const struct fsa_range *ranges, size_t n)
{
	ntstatus status = STATUS_SUCCESS;

	o->mirrored = true;
	for (size_t i = 0; i < n && nt_ok(status); i++)
		status = settle(o, &ranges[i]);
	if (!nt_ok(status))
		take_back(o, ranges, n);
	return status;
}

ntstatus srv_locks_take(struct srv_open *o, const struct fsa_range *ranges, size_t n, bool *local)
{
	struct srv *srv = o->srv;
	ntstatus status;

	*local = false;
	if (!srv_locks_mirrored(o))
		return fsa_lock(&o->fsa, ranges, n);
	pthread_mutex_lock(&srv->mirror_lock);
	status = fsa_lock(&o->fsa, ranges, n);
	if (nt_ok(status)) {
		status = granted_locked(o, ranges, n);
		*local = nt_is(status, STATUS_LOCK_NOT_GRANTED);
	}
	pthread_mutex_unlock(&srv->mirror_lock);
	return status;
}

ntstatus srv_locks_give(struct srv_open *o, const struct fsa_range *ranges, size_t n)
{
	struct srv *srv = o->srv;
	ntstatus status = STATUS_SUCCESS;

	if (!srv_locks_mirrored(o))
		return fsa_unlock(&o->fsa, ranges, n);
	pthread_mutex_lock(&srv->mirror_lock);
	for (size_t i = 0; i < n && nt_ok(status); i++) {
		status = fsa_unlock(&o->fsa, &ranges[i], 1);
		/* What cannot be unlocked there goes with the handle. */
		if (nt_ok(status))
			(void)nt_ok(settle(o, &ranges[i]));
	}
	pthread_mutex_unlock(&srv->mirror_lock);
	return status;
}

ntstatus srv_lock_granted(struct srv_open *o, const struct fsa_range *range)
{
	struct srv *srv = o->srv;
	ntstatus status;

	pthread_mutex_lock(&srv->mirror_lock);
	status = granted_locked(o, range, 1);
	pthread_mutex_unlock(&srv->mirror_lock);
	return status;
}

void srv_locks_end(struct srv_open *o)
{
	struct srv *srv = o->srv;

	if (!o->file || !srv_locks_mirrored(o)) {
		fsa_locks_end(&o->fsa);
		return;
	}
	pthread_mutex_lock(&srv->mirror_lock);
	fsa_locks_end(&o->fsa);
	/* The handle may live on for a while. */
	if (o->mirrored)
		(void)nt_ok(vfs_lock(o->file, 0, UINT64_MAX, VFS_UNLOCKED));
	pthread_mutex_unlock(&srv->mirror_lock);
}

/* See store_wait.h. */
#include "server/store_wait.h"

#include "server/dispatch.h"
#include "server/share.h"
#include "server/srv.h"

#include <stdatomic.h>

/* A waiting CREATE counts as much as four that do not wait. Two close together make a share one whose CREATEs wait: a single one may have been
 * a worker that lost its core. One in four is timed as long as none wait. */
enum { WAITS = 5000 /* in 100 ns */, STEP = 4, FROM = 2 * STEP - 1, MOST = 8 * STEP };

static bool is_sample(const struct srv_request *r)
{
	/* Clients repeat a few messages over and over: their ids are mixed, or the CREATEs among them might be those that are never timed. */
	return r->header.message_id * 0x9E3779B97F4A7C15ull >> 62 == 0;
}

/* Not for more than so many at once: a client that sends requests by the thousand would have all workers wait for its store, and nobody else be answered. */
static bool replace(struct srv *srv)
{
	if (atomic_fetch_add(&srv->store_waits, 1) >= srv->limits.store_waits) {
		atomic_fetch_sub(&srv->store_waits, 1);
		return false;
	}
	net_pool_blocking(srv->pool, true);
	return true;
}

void srv_store_wait_begin(struct srv_store_wait *w, struct srv_request *r)
{
	*w = (struct srv_store_wait){.replaced = replace(r->srv)};
	srv_request_waits(r);
}

void srv_store_wait_begin_likely(struct srv_store_wait *w, struct srv_request *r, bool creates)
{
	unsigned score = atomic_load_explicit(&r->tree->share->store_waits, memory_order_relaxed);

	w->replaced = score >= FROM && replace(r->srv);
	w->timed = creates && (score > 0 || is_sample(r));
	if (w->replaced)
		srv_request_waits(r);
	w->begun = w->timed ? clock_filetime(r->srv->clock) : 0;
}

void srv_store_wait_end(const struct srv_store_wait *w, const struct srv_request *r)
{
	_Atomic unsigned *waits = &r->tree->share->store_waits;
	unsigned score;

	if (w->replaced) {
		net_pool_blocking(r->srv->pool, false);
		atomic_fetch_sub(&r->srv->store_waits, 1);
	}
	if (!w->timed)
		return;
	/* A count that gets lost between two threads does no harm, nor does a clock that is set meanwhile. */
	score = atomic_load_explicit(waits, memory_order_relaxed);
	if (clock_filetime(r->srv->clock) - w->begun >= WAITS)
		atomic_store_explicit(waits, score + STEP < MOST ? score + STEP : MOST, memory_order_relaxed);
	else if (score > 0)
		atomic_store_explicit(waits, score - 1, memory_order_relaxed);
}

/* Requests behind an oplock or lease that breaks: [MS-SMB2] 3.3.4.2, 3.3.5.9. The request is parked and starts again from the beginning
 * once a holder has answered, closed, or been silent for too long. In the middle of a chain nothing can be parked: there the
 * worker waits, with the connection's token given up so that an acknowledgment can come in on it. */
#include "server/oplock.h"

#include "server/dispatch.h"
#include "server/local.h"
#include "server/park.h"
#include "server/srv.h"

#include <stdatomic.h>

struct parked {
	struct fsa_waiter waiter;
	struct srv_request *r;
};

static void wake_parked(struct fsa_waiter *w)
{
	srv_request_restart(CONTAINER_OF(w, struct parked, waiter)->r);
}

static bool cancel_parked(struct srv_request *r)
{
	struct parked *p = r->parked_for;

	return fsa_wait_cancel(&p->waiter);
}

static struct srv_result wait_parked(struct srv_request *r, struct parked *p)
{
	p->r = r;
	p->waiter.wake = wake_parked;
	if (!fsa_wait(r->tree->share->fsa, r->awaited.id, &p->waiter))
		srv_request_restart(r);
	return srv_parked();
}

struct waiting_thread {
	struct fsa_waiter waiter;
	pthread_mutex_t lock;
	pthread_cond_t woken_cond;
	bool woken;
};

static void wake_thread(struct fsa_waiter *w)
{
	struct waiting_thread *t = CONTAINER_OF(w, struct waiting_thread, waiter);

	pthread_mutex_lock(&t->lock);
	t->woken = true;
	pthread_cond_signal(&t->woken_cond);
	pthread_mutex_unlock(&t->lock);
}

/* A worker that waits does nothing else, so only few may: whoever sends such chains by the hundred does not stop the server. */
static bool may_wait_here(struct srv *srv)
{
	if (atomic_fetch_add(&srv->workers_waiting, 1) < srv->limits.workers_waiting)
		return true;
	atomic_fetch_sub(&srv->workers_waiting, 1);
	return false;
}

static struct srv_result wait_here(struct srv_request *r)
{
	struct waiting_thread t = {
		.waiter.wake = wake_thread, .lock = PTHREAD_MUTEX_INITIALIZER, .woken_cond = PTHREAD_COND_INITIALIZER,
	};

	/* 3.3.5.2.7, inventory B190 */
	if (!may_wait_here(r->srv))
		return srv_reply(STATUS_INTERNAL_ERROR);
	fsa_waiter_init(r->tree->share->fsa, r->awaited.id, r->awaited.ended, &t.waiter);
	if (!srv_request_may_block(r)) {
		atomic_fetch_sub(&r->srv->workers_waiting, 1);
		return srv_drop();
	}
	if (!fsa_wait(r->tree->share->fsa, r->awaited.id, &t.waiter)) {
		atomic_fetch_sub(&r->srv->workers_waiting, 1);
		return srv_reply(STATUS_SUCCESS);
	}
	net_pool_blocking(r->srv->pool, true);
	pthread_mutex_lock(&t.lock);
	while (!t.woken)
		pthread_cond_wait(&t.woken_cond, &t.lock);
	pthread_mutex_unlock(&t.lock);
	net_pool_blocking(r->srv->pool, false);
	atomic_fetch_sub(&r->srv->workers_waiting, 1);
	pthread_cond_destroy(&t.woken_cond);
	pthread_mutex_destroy(&t.lock);
	return srv_reply(STATUS_SUCCESS);
}

struct srv_result srv_break_wait(struct srv_request *r)
{
	struct parked *p = arena_zalloc(&r->arena, sizeof(*p));
	ntstatus status;

	if (r->awaited.lease)
		return srv_local_wait(r);
	if (!p)
		return srv_reply(STATUS_INSUFFICIENT_RESOURCES);
	fsa_waiter_init(r->tree->share->fsa, r->awaited.id, r->awaited.ended, &p->waiter);
	status = srv_request_park(r, cancel_parked, p);
	if (nt_ok(status))
		return wait_parked(r, p);
	return nt_is(status, STATUS_INTERNAL_ERROR) ? wait_here(r) : srv_reply(status);
}

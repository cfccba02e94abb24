/* Parked requests, see park.h. park_state tells whether the interim response has gone out: a request may be resumed by
 * another thread before its handler has even returned, and then gets its final response at once. */
#include "server/park.h"

#include "server/dispatch.h"
#include "server/durable.h"
#include "server/open.h"
#include "server/tables.h"

#include <stdatomic.h>

enum { NOT_PARKED, PARKING, PARKED, RESUMED_EARLY, RESTARTED_EARLY };

/* What is ended after this has been asked finds the request in the list, on whichever connection it ends it. */
static ntstatus has_ended(const struct srv_request *r)
{
	if (r->open && r->open->closed)
		return STATUS_CANCELLED;
	return r->session && r->session->state == SRV_SESSION_GONE ? STATUS_USER_SESSION_DELETED : STATUS_SUCCESS;
}

ntstatus srv_request_park(struct srv_request *r, bool (*cancel)(struct srv_request *r), void *parked_for)
{
	struct srv_conn *c = r->conn;
	ntstatus status = STATUS_SUCCESS;

	/* A request that waits cannot stand in the middle of a chain (3.3.5.2.7, inventory B190). */
	if (!r->last_in_compound)
		return STATUS_INTERNAL_ERROR;
	if (r->open && r->async_id == 0)
		atomic_fetch_add(&r->open->parked, 1);
	pthread_mutex_lock(&c->lock);
	status = c->gone && !r->kept ? STATUS_CANCELLED : has_ended(r);
	if (!nt_ok(status)) {
		/* as it is */
	} else if (r->async_id != 0) {
		r->cancel = cancel;
		r->parked_for = parked_for;
	} else if (c->parked_count >= c->srv->limits.parked_per_connection) {
		status = STATUS_INSUFFICIENT_RESOURCES;
	} else {
		r->async_id = ++c->next_async_id;
		r->cancel = cancel;
		r->parked_for = parked_for;
		atomic_store(&r->park_state, PARKING);
		list_append(&c->parked, &r->link);
		c->parked_count++;
	}
	pthread_mutex_unlock(&c->lock);
	/* Its answer goes out in a frame of its own: a payload may no longer lie in the frame that is being built. */
	if (nt_ok(status))
		r->out = NULL;
	else if (r->open && r->async_id == 0)
		atomic_fetch_sub(&r->open->parked, 1);
	return status;
}

static void unlink_parked(struct srv_request *r)
{
	bool kept;

	pthread_mutex_lock(&r->conn->lock);
	list_remove(&r->link);
	r->conn->parked_count--;
	kept = r->kept;
	pthread_mutex_unlock(&r->conn->lock);
	if (kept)
		srv_channel_unkeep(r->channel);
	if (r->open)
		atomic_fetch_sub(&r->open->parked, 1);
}

/* Builds one response of r in a frame of its own. */
static void send_alone(struct srv_request *r, struct net_batch *batch, struct srv_result result)
{
	struct srv_out out;

	srv_out_init(&out, r->conn);
	if (r->encrypted)
		out.seal = srv_channel_ref(r->channel);
	if (r->payload.owner && out.buf_count < SRV_OUT_BUFS)
		out.bufs[out.buf_count++] = r->payload.owner;
	r->out = &out;
	r->head = srv_out_room(&out, 512, &r->head_cap);
	if (r->head && srv_response_build(r, result))
		srv_out_flush(&out, batch);
	else
		net_conn_close(r->conn->net, false);
	srv_out_discard(&out);
}

void srv_request_answer(struct srv_request *r, struct srv_result result)
{
	struct net_batch batch;

	net_batch_init(&batch, r->conn->net);
	send_alone(r, &batch, result);
	net_batch_flush(&batch);
	srv_request_free(r);
}

void srv_request_answer_soon(struct srv_request *r, struct srv_result result)
{
	struct net_batch batch;

	net_batch_init(&batch, r->conn->net);
	send_alone(r, &batch, result);
	net_batch_leave(&batch);
	srv_request_free(r);
}

static void send_final(struct srv_request *r, struct srv_result result)
{
	unlink_parked(r);
	if (r->done) {
		r->done(r, result);
		return;
	}
	r->header.flags &= ~SMB2_FLAGS_RELATED_OPERATIONS;
	srv_request_answer(r, result);
}

void srv_request_resume(struct srv_request *r, struct srv_result result)
{
	int expected = PARKING;

	r->park_result = result;
	if (atomic_compare_exchange_strong(&r->park_state, &expected, RESUMED_EARLY))
		return;
	send_final(r, result);
}

/* 3.3.5.6, 3.3.5.8, 3.3.5.10: a request that outlives its session, tree or open has no effect any more. */
static ntstatus still_on(const struct srv_request *r)
{
	struct srv_session *s = r->session;
	ntstatus status = STATUS_SUCCESS;

	pthread_mutex_lock(&s->lock);
	/* A session that ends closes its opens first: whatever waits on one hears the same, whether it slept or had just been woken. */
	if (r->open && r->open->closed)
		status = STATUS_CANCELLED;
	else if (s->state == SRV_SESSION_GONE)
		status = STATUS_USER_SESSION_DELETED;
	else if (r->tree->ended)
		status = STATUS_NETWORK_NAME_DELETED;
	pthread_mutex_unlock(&s->lock);
	return status;
}

static void restart_now(void *arg)
{
	struct srv_request *r = arg;
	struct srv_result result = srv_reply(still_on(r));

	if (!nt_ok(result.status)) {
		srv_request_resume(r, result);
		return;
	}
	memset(r->body, 0, r->message->rsp_size);
	result = srv_handler_of(r->header.command)(r, r->in, r->body);
	if (result.next != SRV_PARKED)
		srv_request_resume(r, result);
}

void srv_request_restart(struct srv_request *r)
{
	int expected = PARKING;

	if (!atomic_compare_exchange_strong(&r->park_state, &expected, RESTARTED_EARLY))
		net_pool_run(r->srv->pool, restart_now, r);
}

/* 3.3.4.2: the header given and an empty ERROR body, in a frame of its own. */
static void send_interim(struct srv_request *r, struct smb2_header *h, struct net_batch *batch)
{
	struct smb2_error_rsp none = {0};
	struct srv_out out;
	struct wire w;
	uint8_t *head;
	size_t cap;

	srv_out_init(&out, r->conn);
	if (r->encrypted)
		out.seal = srv_channel_ref(r->channel);
	head = srv_out_room(&out, 128, &cap);
	if (!head) {
		net_conn_close(r->conn->net, false);
		srv_out_discard(&out);
		return;
	}
	w = wire_encoder(head, 0, cap - 8);
	smb2_header_code(&w, h);
	smb2_error_rsp_code(&w, &none);
	out.elements[out.count++] = (struct srv_out_element){.head = head, .head_len = w.pos};
	srv_out_flush(&out, batch);
	srv_out_discard(&out);
}

/* Somebody else may have come to cancel it between parking and its being where it waits. */
static void cancel_late(struct srv_request *r)
{
	ntstatus status;
	bool mine;

	pthread_mutex_lock(&r->conn->lock);
	status = r->missed_status;
	mine = r->cancel_missed && r->cancel(r);
	pthread_mutex_unlock(&r->conn->lock);
	if (mine)
		srv_request_resume(r, srv_reply(status));
}

void srv_request_settle(struct srv_request *r)
{
	int expected = PARKING;

	cancel_late(r);
	if (atomic_compare_exchange_strong(&r->park_state, &expected, PARKED))
		return;
	if (expected == RESUMED_EARLY) {
		send_final(r, r->park_result);
		return;
	}
	atomic_store(&r->park_state, PARKED);
	net_pool_run(r->srv->pool, restart_now, r);
}

void srv_request_interim(struct srv_request *r, struct net_batch *batch)
{
	struct smb2_header h = r->header;

	/* The interim response carries all the credits (3.3.4.2); it is not signed, and built before anybody may resume r. */
	h.status = STATUS_PENDING.code;
	h.flags = SMB2_FLAGS_SERVER_TO_REDIR | SMB2_FLAGS_ASYNC_COMMAND;
	h.async_id = r->async_id;
	h.next_command = 0;
	memset(h.signature, 0, sizeof(h.signature));
	h.credits = r->credits;
	send_interim(r, &h, batch);
	/* Whoever answers it now does so on his own: the interim response must be out before. */
	net_batch_flush(batch);
	srv_request_settle(r);
}

/* true: r is the caller's to resume. */
static bool try_cancel_locked(struct srv_request *r, ntstatus status)
{
	bool mine = r->cancel(r);

	r->cancel_missed = !mine;
	r->missed_status = status;
	return mine;
}

void srv_cancel(struct srv_conn *c, const struct smb2_header *h)
{
	struct srv_request *target = NULL;

	pthread_mutex_lock(&c->lock);
	list_for_each(n, &c->parked) {
		struct srv_request *r = list_entry(n, struct srv_request, link);
		bool same = h->flags & SMB2_FLAGS_ASYNC_COMMAND ? r->async_id == h->async_id : r->header.message_id == h->message_id;

		if (same) {
			if (try_cancel_locked(r, STATUS_CANCELLED))
				target = r;
			break;
		}
	}
	pthread_mutex_unlock(&c->lock);
	if (target)
		srv_request_resume(target, srv_reply(STATUS_CANCELLED));
}

/* Whose requests: of an open, a session, a tree (those without an open); NULL: no matter. keep: but for those that are kept. */
struct whose {
	const struct srv_open *open;
	const struct srv_session *session;
	const struct srv_tree *tree;
	bool keep;
};

/* Its client can ask for it again by its CreateGuid, and has another connection to do so. */
static bool keep_locked(struct srv_request *r)
{
	if (!r->kept && r->durable && r->durable->has_create_guid)
		r->kept = srv_channel_keep(r->channel);
	return r->kept;
}

static struct srv_request *take_one(struct srv_conn *c, const struct whose *w, ntstatus status)
{
	list_for_each(n, &c->parked) {
		struct srv_request *r = list_entry(n, struct srv_request, link);

		if ((w->open && r->open != w->open) || (w->session && r->session != w->session))
			continue;
		if (w->tree && (r->tree != w->tree || r->open))
			continue;
		if (w->keep && keep_locked(r))
			continue;
		if (try_cancel_locked(r, status))
			return r;
	}
	return NULL;
}

static void cancel_whose(struct srv_conn *c, const struct whose *w, ntstatus status)
{
	struct srv_request *r;

	do {
		pthread_mutex_lock(&c->lock);
		r = take_one(c, w, status);
		pthread_mutex_unlock(&c->lock);
		if (r)
			srv_request_resume(r, srv_reply(status));
	} while (r);
}

void srv_cancel_all(struct srv_conn *c, const struct srv_open *o, const struct srv_session *s, ntstatus status)
{
	cancel_whose(c, &(struct whose){.open = o, .session = s}, status);
}

void srv_cancel_lost(struct srv_conn *c)
{
	cancel_whose(c, &(struct whose){.keep = true}, STATUS_CANCELLED);
}

void srv_cancel_tree(struct srv_conn *c, const struct srv_tree *t, ntstatus status)
{
	cancel_whose(c, &(struct whose){.tree = t}, status);
}

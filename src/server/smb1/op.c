/* An operation from its message to its answer: [MS-CIFS] 3.3.5.1, 3.3.5.2 (ids, in this order: signature, UID, TID), 2.2.3.4 (chains: an error ends
 * one, what was answered before it stays). See op.h. */
#include "server/smb1/op.h"

#include "server/oplock.h"
#include "server/park.h"
#include "server/smb1/transact.h"

#include "base/log.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Windows tries an open that others stand in the way of this often before it says so: programs of old close and open in quick succession. */
enum { ARENA_LIMIT_BYTES = 1 << 20, DELAY_MS = 200, DELAYED_MOST_MS = 1000 };

uint64_t srv1_cancel_id(const struct smb1_header *h)
{
	return (uint64_t)h->uid << 48 | (uint64_t)smb1_pid(h) << 16 | h->mid;
}

/* --- requests of SMB2's handlers --- */

static void request_drop(struct srv_request *r)
{
	if (r->payload.owner)
		buf_put(r->payload.owner);
	srv_request_free(r);
}

/* What has an oplock to announce waits for the answer to be out. */
static void call_keep(struct srv1_op *op)
{
	if (op->r)
		list_append(&op->kept, &op->r->link);
	op->r = NULL;
}

void srv1_call_forget(struct srv1_op *op)
{
	if (op->r && op->r->granted)
		call_keep(op);
	else if (op->r)
		request_drop(op->r);
	op->r = NULL;
}

static struct srv_request *request_new(struct srv1_op *op, uint16_t command, struct srv_open *open)
{
	struct srv_request *r = srv_request_new(op->conn);

	if (!r)
		return NULL;
	r->message = smb2_message_of(command);
	r->header.command = command;
	r->header.message_id = srv1_cancel_id(&op->header);
	r->process = op->header.pid_low;
	r->channel = op->channel ? srv_channel_ref(op->channel) : NULL;
	r->session = op->session;
	r->tree = op->tree ? srv_tree_ref(op->tree) : NULL;
	r->open = open ? srv_open_ref(open) : NULL;
	r->last_in_compound = true;
	r->in = arena_zalloc(&r->arena, r->message->req_size);
	r->body = arena_zalloc(&r->arena, r->message->rsp_size);
	if (r->in && r->body)
		return r;
	srv_request_free(r);
	return NULL;
}

void *srv1_call(struct srv1_op *op, uint16_t command, struct srv_open *open)
{
	call_keep(op);
	op->r = request_new(op, command, open);
	return op->r ? op->r->in : NULL;
}

ntstatus srv1_call_now(struct srv1_op *op, uint16_t command, const void *in)
{
	void *place = srv1_call(op, command, NULL);

	if (!place)
		return STATUS_INSUFFICIENT_RESOURCES;
	memcpy(place, in, op->r->message->req_size);
	op->result = srv_handler_of(command)(op->r, op->r->in, op->r->body);
	return op->result.status;
}

static void resume_later(void *arg)
{
	srv1_op_resume(arg);
}

/* Called from wherever what the request waited for came about: the work is a worker's. */
static void call_done(struct srv_request *r, struct srv_result result)
{
	struct srv1_op *op = r->done_arg;

	op->result = result;
	op->phase++;
	net_pool_run(op->conn->srv->pool, resume_later, op);
}

/* false: it is parked, and somebody else may have the operation already. */
static bool call_run(struct srv1_op *op)
{
	struct srv_request *r = op->r;

	if (r->session && r->session->state == SRV_SESSION_GONE) {
		op->result = srv_reply(STATUS_USER_SESSION_DELETED);
		op->phase++;
		return true;
	}
	r->done = call_done;
	r->done_arg = op;
	op->result = srv_handler_of(r->header.command)(r, r->in, r->body);
	if (op->result.next == SRV_PARKED) {
		op->batch = NULL;
		srv_request_settle(r);
		return false;
	}
	op->phase++;
	return true;
}

/* --- blocks --- */

/* [MS-CIFS] 2.2.2.1: codes that mean something, though not to us, and those that never did. */
static ntstatus unknown_command(uint8_t command)
{
	bool known = command <= 0x14 || (command >= 0x1A && command <= 0x20) || (command >= 0x22 && command <= 0x2F) ||
		(command >= 0x30 && command <= 0x35) || (command >= 0x70 && command <= 0x75) || command == 0x7E ||
		(command >= 0x80 && command <= 0x84) || (command >= 0xA0 && command <= 0xA5) || (command >= 0xC0 && command <= 0xC3) ||
		(command >= 0xD8 && command <= 0xDA);

	return known ? STATUS_NOT_IMPLEMENTED : STATUS_SMB_BAD_COMMAND;
}

static void block_forget(struct srv1_op *op)
{
	if (op->close_open && op->open)
		srv_open_close(op->open);
	op->close_open = false;
	srv_open_put(op->open);
	srv_tree_put(op->tree);
	srv_channel_put(op->channel);
	op->open = NULL;
	op->tree = NULL;
	op->channel = NULL;
	op->session = NULL;
	op->phase = 0;
	op->state = NULL;
	op->with_body = false;
	op->dos_mode = 0;
	op->denied = 0;
	op->until_ms = 0;
}

static ntstatus block_ids(struct srv1_op *op)
{
	ntstatus status = STATUS_SUCCESS;

	/* A TID outlives who connected it, and may be given back by anybody. */
	if (op->block.command == SMB1_TREE_DISCONNECT)
		return srv1_tree_known(op) ? STATUS_SUCCESS : STATUS_SMB_BAD_TID;
	if (op->row->preconditions & SMB1_NEEDS_SESSION)
		status = srv1_session_find(op);
	if (nt_ok(status) && (op->row->preconditions & SMB1_NEEDS_TREE))
		status = srv1_tree_find(op);
	return status;
}

static ntstatus block_decode(struct srv1_op *op)
{
	struct wire w = smb1_block_decoder(&op->walk, &op->block, &op->arena);

	op->in = arena_zalloc(&op->arena, op->row->req_size);
	op->out = arena_zalloc(&op->arena, op->row->rsp_size);
	if (!op->in || !op->out)
		return STATUS_INSUFFICIENT_RESOURCES;
	op->row->req_code(&w, op->in);
	return wire_ok(&w) ? STATUS_SUCCESS : STATUS_INVALID_SMB;
}

/* Makes the next block ready to run. *more: there is one. Its status, if it is not to be run. */
static ntstatus block_begin(struct srv1_op *op, bool *more)
{
	ntstatus status;
	bool bad;

	block_forget(op);
	*more = smb1_walk_next(&op->walk, &op->block, &bad);
	if (bad) {
		/* What it would have been, its answer says. */
		op->block.command = op->walk.command;
		*more = true;
		return STATUS_INVALID_SMB;
	}
	if (!*more)
		return STATUS_SUCCESS;
	op->row = smb1_message_of(op->block.command);
	op->handler = srv1_handler_of(op->block.command);
	if (!op->row || !op->handler)
		return unknown_command(op->block.command);
	status = block_ids(op);
	return nt_ok(status) ? block_decode(op) : status;
}

static bool block_answer(struct srv1_op *op)
{
	bool body = nt_ok(op->status) || op->with_body;

	log_debug("%s: %s %u: %s", op->conn->peer, op->row ? op->row->name : "SMB1", op->header.mid, hythe_status_name(op->status));
	return srv1_reply_block(op, op->block.command, body ? op->row->rsp_code : NULL, op->out);
}

/* --- running --- */

enum outcome { GO_ON, FINISHED, ELSEWHERE, HANG_UP };

static enum outcome block_run(struct srv1_op *op)
{
	for (;;) {
		switch (op->handler(op)) {
		case SRV1_CALL:
			if (!call_run(op))
				return ELSEWHERE;
			break;
		case SRV1_DONE:
			if (!block_answer(op))
				return HANG_UP;
			return nt_ok(op->status) || op->with_body ? GO_ON : FINISHED;
		case SRV1_WAIT:
			return ELSEWHERE;
		case SRV1_SILENT:
			srv1_reply_discard(op);
			return FINISHED;
		case SRV1_DROP:
			return HANG_UP;
		}
	}
}

static enum outcome next_block(struct srv1_op *op)
{
	bool more;
	ntstatus status = block_begin(op, &more);

	if (!more)
		return FINISHED;
	if (nt_ok(status))
		return block_run(op);
	op->status = status;
	op->out = NULL;
	return block_answer(op) ? FINISHED : HANG_UP;
}

void srv1_op_free(struct srv1_op *op)
{
	struct srv_conn *c = op->conn;

	/* Nobody hears of a break before he knows of the oplock. */
	if (op->batch)
		net_batch_flush(op->batch);
	call_keep(op);
	while (!list_empty(&op->kept)) {
		struct srv_request *r = list_entry(op->kept.next, struct srv_request, link);

		list_remove(&r->link);
		request_drop(r);
	}
	block_forget(op);
	srv1_transaction_free(op->transaction);
	srv1_reply_discard(op);
	arena_reset(&op->arena);
	buf_put(op->owner);
	free(op);
	srv_conn_put(c);
}

/* false: drop the connection. */
static bool op_go(struct srv1_op *op, enum outcome o)
{
	bool ok;

	while (o == GO_ON)
		o = next_block(op);
	if (o == ELSEWHERE)
		return true;
	ok = o == FINISHED && srv1_reply_send(op, op->status);
	srv1_op_free(op);
	return ok;
}

void srv1_op_resume(struct srv1_op *op)
{
	struct net_conn *net = net_conn_ref(op->conn->net);

	op->batch = NULL;
	if (!op_go(op, block_run(op)))
		net_conn_close(net, false);
	net_conn_put(net);
}

/* --- later --- */

/* The oldest whose time has come, taken out; NULL: none. */
static struct srv1_op *due_take_locked(struct srv1_conn *s)
{
	list_for_each(n, &s->delayed) {
		struct srv1_op *op = list_entry(n, struct srv1_op, link);

		if (!op->due)
			continue;
		list_remove(&op->link);
		return op;
	}
	return NULL;
}

/* Its time has come, and that of those who waited before it: who asked first gets first what has become free. */
static void due_locked(struct srv1_conn *s, struct srv1_op *op)
{
	/* Somebody has taken it out already, as one of those; or all. */
	if (s->lost || list_unlinked(&op->link))
		return;
	op->due = true;
	for (struct list_node *n = s->delayed.next; n != &op->link; n = n->next)
		list_entry(n, struct srv1_op, link)->due = true;
}

/* One after the other, the oldest first: it is for him that the others stand back. */
static void on_later(struct net_timer *t)
{
	struct srv1_op *op = CONTAINER_OF(t, struct srv1_op, timer);
	struct srv1_conn *s = op->smb1;
	struct srv_conn *c = srv_conn_ref(op->conn);
	bool mine;

	pthread_mutex_lock(&s->lock);
	due_locked(s, op);
	mine = !s->retrying;
	s->retrying = true;
	while (mine && (op = due_take_locked(s)) != NULL) {
		pthread_mutex_unlock(&s->lock);
		/* The time of who was taken early is still to come. */
		net_timer_cancel(c->srv->pool, &op->timer);
		srv1_op_resume(op);
		pthread_mutex_lock(&s->lock);
	}
	if (mine)
		s->retrying = false;
	pthread_mutex_unlock(&s->lock);
	srv_conn_put(c);
}

/* Behind those that asked before it. */
static void delay_locked(struct srv1_conn *s, struct srv1_op *op)
{
	struct list_node *behind = s->delayed.prev;

	while (behind != &s->delayed && list_entry(behind, struct srv1_op, link)->asked > op->asked)
		behind = behind->prev;
	op->due = false;
	list_insert_after(behind, &op->link);
}

bool srv1_op_later(struct srv1_op *op)
{
	uint64_t now = clock_ms(op->conn->srv->clock);
	bool lost;

	if (op->until_ms != 0 && now >= op->until_ms)
		return false;
	op->phase = 0;
	op->state = NULL;
	srv1_call_forget(op);
	op->batch = NULL;
	pthread_mutex_lock(&op->smb1->lock);
	lost = op->smb1->lost;
	if (!lost) {
		op->timer.fn = on_later;
		if (op->until_ms == 0) {
			op->until_ms = now + DELAYED_MOST_MS;
			op->asked = ++op->smb1->asked;
		}
		delay_locked(op->smb1, op);
		net_timer_arm(op->conn->srv->pool, &op->timer, op->until_ms - now < DELAY_MS ? op->until_ms - now : DELAY_MS);
	}
	pthread_mutex_unlock(&op->smb1->lock);
	return !lost;
}

static struct srv1_op *op_new(struct srv_conn *c, const struct net_frame *f, struct net_batch *batch)
{
	struct srv1_op *op = malloc(sizeof(*op));

	if (!op)
		return NULL;
	memset(op, 0, sizeof(*op));
	op->conn = srv_conn_ref(c);
	op->smb1 = c->smb1;
	op->message = slice_of(f->data, f->len);
	op->owner = f->owner ? buf_ref(f->owner) : NULL;
	op->batch = batch;
	list_init(&op->link);
	list_init(&op->kept);
	arena_init(&op->arena, op->inline_mem, sizeof(op->inline_mem), ARENA_LIMIT_BYTES);
	return op;
}

static bool header_read(struct srv1_op *op)
{
	struct wire w = wire_decoder(op->message.data, 0, op->message.len, NULL);

	smb1_header_code(&w, &op->header);
	return wire_ok(&w) && !(op->header.flags & SMB1_FLAGS_REPLY);
}

static bool refuse(struct srv1_op *op, ntstatus status)
{
	bool ok;

	op->status = status;
	ok = srv1_reply_block(op, op->header.command, NULL, NULL) && srv1_reply_send(op, status);
	srv1_op_free(op);
	return ok;
}

bool srv1_frame(struct srv_conn *c, const struct net_frame *f, struct net_batch *batch)
{
	struct srv1_op *op = op_new(c, f, batch);

	atomic_fetch_add_explicit(&c->srv->smb1_messages, 1, memory_order_relaxed);
	if (!op)
		return false;
	if (!op->owner || !header_read(op)) {
		srv1_op_free(op);
		return false;
	}
	/* [MS-SMB] 3.3.5.1: whose signature is wrong is told so, and nothing of it is done. */
	if (!srv1_signature_check(op))
		return refuse(op, STATUS_ACCESS_DENIED);
	smb1_walk_start(&op->walk, op->message, &op->header);
	return op_go(op, GO_ON);
}

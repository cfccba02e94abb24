/* Byte-range locks: [MS-CIFS] 2.2.4.32, 3.3.5.15, 3.3.5.16, 3.3.5.30. One range after the other is SMB2's LOCK; what was locked is given back when a later one is
 * not to be had. LOCKING_ANDX is also how a client answers the break of an oplock. */
#include "server/smb1/locking.h"

#include "server/park.h"

#include <stdatomic.h>

enum { FOR_EVER = 0xFFFFFFFFu };
/* Windows says at once that there is a conflict where programs lock what is no data. */
#define NO_DATA 0xEF000000u

bool srv1_lock_call(struct srv1_op *op, uint64_t offset, uint64_t length, uint32_t flags)
{
	struct smb2_lock_req *in = srv1_call(op, SMB2_LOCK, op->open);
	struct smb2_lock_element *e = in ? arena_zalloc(&op->r->arena, sizeof(*e)) : NULL;

	if (!e)
		return false;
	*e = (struct smb2_lock_element){.offset = offset, .length = length, .flags = flags};
	in->lock_count = 1;
	in->locks = e;
	return true;
}

ntstatus srv1_lock_failed(struct srv1_op *op, uint64_t offset, ntstatus status)
{
	bool again = op->file.lock_failed_at == offset + 1;

	if (!nt_is(status, STATUS_LOCK_NOT_GRANTED))
		return status;
	op->file.lock_failed_at = offset + 1;
	srv1_file_keep(op);
	return again || (offset >= NO_DATA && offset < (uint64_t)1 << 63) ? STATUS_FILE_LOCK_CONFLICT : STATUS_LOCK_NOT_GRANTED;
}

static enum srv1_next one_range(struct srv1_op *op, uint32_t flags)
{
	const struct smb1_lock_byte_range_req *in = op->in;
	ntstatus status;

	if (op->phase > 0)
		return srv1_done(op, srv1_lock_failed(op, in->offset, op->result.status));
	status = srv1_file_find(op, in->fid);
	if (!nt_ok(status))
		return srv1_done(op, status);
	return srv1_lock_call(op, in->offset, in->count, flags) ? SRV1_CALL : srv1_no_memory(op);
}

/* [MS-CIFS] 3.3.5.15 */
enum srv1_next srv1_lock_byte_range(struct srv1_op *op)
{
	return one_range(op, SRV1_LOCK_EXCLUSIVE | SRV1_LOCK_AT_ONCE);
}

/* [MS-CIFS] 3.3.5.16 */
enum srv1_next srv1_unlock_byte_range(struct srv1_op *op)
{
	return one_range(op, SRV1_UNLOCK);
}

/* --- LOCKING_ANDX --- */

enum step { BREAK, UNLOCK, LOCK, UNDO };

struct locking {
	enum step step;
	unsigned next;       /* range of that step */
	bool called;         /* its request has been answered: op->result */
	ntstatus failed;     /* why the locks are given back */
	bool answers;
};

/* A lock that is waited for has its time. What it finds parked is the operation's own: the timer is cancelled before that goes. */
static void on_time(struct net_timer *t)
{
	struct srv1_op *op = CONTAINER_OF(t, struct srv1_op, timer);
	struct smb2_header h = {.message_id = srv1_cancel_id(&op->header)};

	srv_cancel(op->conn, &h);
}

static void arm(struct srv1_op *op, uint32_t timeout)
{
	if (op->timed || timeout == 0 || timeout == FOR_EVER)
		return;
	op->timed = true;
	op->timer.fn = on_time;
	net_timer_arm(op->conn->srv->pool, &op->timer, timeout);
}

static void disarm(struct srv1_op *op)
{
	if (op->timed)
		net_timer_cancel(op->conn->srv->pool, &op->timer);
	op->timed = false;
}

/* 2.2.4.32.1, CANCEL_LOCK: the first of the ranges is one that somebody waits for. */
static ntstatus cancel_waiting(struct srv1_op *op, const struct smb1_locking_andx_req *in)
{
	uint64_t target = 0;

	pthread_mutex_lock(&op->conn->lock);
	list_for_each(n, &op->conn->parked) {
		const struct srv_request *r = list_entry(n, struct srv_request, link);
		const struct smb2_lock_req *l = r->in;

		if (in->lock_count == 0 || r->open != op->open || r->header.command != SMB2_LOCK || l->lock_count == 0)
			continue;
		if (l->locks[0].offset == in->locks[0].offset && l->locks[0].length == in->locks[0].length)
			target = r->header.message_id;
	}
	pthread_mutex_unlock(&op->conn->lock);
	if (target == 0)
		return STATUS_OS2_CANCEL_VIOLATION;
	srv_cancel(op->conn, &(struct smb2_header){.message_id = target});
	return STATUS_SUCCESS;
}

static enum srv1_next begin(struct srv1_op *op, const struct smb1_locking_andx_req *in)
{
	ntstatus status = srv1_file_find(op, in->fid);
	struct locking *l;

	if (!nt_ok(status))
		return in->type_of_lock & SMB1_LOCKING_OPLOCK_RELEASE && in->lock_count + in->unlock_count == 0 ? SRV1_SILENT : srv1_done(op, status);
	if (in->type_of_lock & SMB1_LOCKING_CHANGE_TYPE)
		return srv1_done(op, STATUS_OS2_ATOMIC_LOCKS_NOT_SUPPORTED);
	if (in->type_of_lock & SMB1_LOCKING_CANCEL)
		return srv1_done(op, cancel_waiting(op, in));
	l = op->state = arena_zalloc(&op->arena, sizeof(*l));
	if (!l)
		return srv1_no_memory(op);
	/* 3.3.5.30: the answer to a break has none itself. */
	l->answers = !(in->type_of_lock & SMB1_LOCKING_OPLOCK_RELEASE) || in->lock_count + in->unlock_count > 0 ||
		op->block.and_x_command != SMB1_NO_COMMAND;
	l->step = in->type_of_lock & SMB1_LOCKING_OPLOCK_RELEASE ? BREAK : UNLOCK;
	return SRV1_CALL;
}

static enum srv1_next ask(struct srv1_op *op, struct locking *l, bool asked)
{
	l->called = true;
	return asked ? SRV1_CALL : srv1_no_memory(op);
}

static bool ask_acknowledge(struct srv1_op *op, const struct smb1_locking_andx_req *in)
{
	struct smb2_break *b = srv1_call(op, SMB2_OPLOCK_BREAK, op->open);

	if (b)
		*b = (struct smb2_break){.structure_size = SMB2_BREAK_OPLOCK, .oplock.oplock_level = in->new_oplock_level ? FSA_OPLOCK_II : FSA_OPLOCK_NONE};
	return b != NULL;
}

/* Locks belong to the process that the range names. */
static bool ask_range(struct srv1_op *op, const struct smb1_lock_range *range, uint32_t flags)
{
	bool asked = srv1_lock_call(op, range->offset, range->length, flags);

	if (asked)
		op->r->process = range->pid;
	return asked;
}

static uint32_t lock_flags(const struct smb1_locking_andx_req *in)
{
	return (in->type_of_lock & SMB1_LOCKING_SHARED ? SRV1_LOCK_SHARED : SRV1_LOCK_EXCLUSIVE) | (in->timeout == 0 ? SRV1_LOCK_AT_ONCE : 0);
}

/* The lock that was asked for last was not to be had. */
static ntstatus why_not(struct srv1_op *op, const struct smb1_lock_range *range)
{
	disarm(op);
	/* By its time, by CANCEL_LOCK or by NT_CANCEL: the lock was not to be had. */
	if (nt_is(op->result.status, STATUS_CANCELLED))
		return STATUS_FILE_LOCK_CONFLICT;
	return srv1_lock_failed(op, range->offset, op->result.status);
}

/* What the request that was asked for means for the step. */
static void account(struct srv1_op *op, struct locking *l, const struct smb1_locking_andx_req *in)
{
	ntstatus status = op->result.status;

	l->called = false;
	srv1_call_forget(op);
	if (l->step == LOCK && !nt_ok(status)) {
		l->failed = why_not(op, &in->locks[l->next]);
		l->step = UNDO;
		return;
	}
	if (l->step == UNLOCK && !nt_ok(status))
		l->failed = status;
	if (l->step == UNLOCK || l->step == LOCK)
		l->next++;
}

static enum srv1_next locking_run(struct srv1_op *op, struct locking *l, const struct smb1_locking_andx_req *in)
{
	if (l->step == BREAK) {
		l->step = UNLOCK;
		return ask(op, l, ask_acknowledge(op, in));
	}
	if (l->step == UNLOCK && nt_ok(l->failed) && l->next < in->unlock_count) {
		return ask(op, l, ask_range(op, &in->unlocks[l->next], SRV1_UNLOCK));
	}
	if (l->step == UNLOCK && nt_ok(l->failed)) {
		l->step = LOCK;
		l->next = 0;
	}
	if (l->step == LOCK && l->next < in->lock_count) {
		arm(op, in->timeout);
		return ask(op, l, ask_range(op, &in->locks[l->next], lock_flags(in)));
	}
	if (l->step == UNDO && l->next > 0) {
		return ask(op, l, ask_range(op, &in->locks[--l->next], SRV1_UNLOCK));
	}
	disarm(op);
	return l->answers ? srv1_done(op, l->failed) : SRV1_SILENT;
}

/* [MS-CIFS] 3.3.5.30 */
enum srv1_next srv1_locking_andx(struct srv1_op *op)
{
	const struct smb1_locking_andx_req *in = op->in;
	struct locking *l = op->state;

	if (!l) {
		enum srv1_next next = begin(op, in);

		if (next != SRV1_CALL)
			return next;
		l = op->state;
	}
	if (l->called)
		account(op, l, in);
	return locking_run(op, l, in);
}

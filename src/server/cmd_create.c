/* CREATE, [MS-SMB2] 3.3.5.9: the phases in their order. What the dispatcher has done: session, tree, signature, credits. */
#include "server/cmd.h"
#include "server/create.h"
#include "server/seen.h"
#include "server/store_wait.h"

#include <stdatomic.h>

/* Contexts that give back an open want nothing of the name and its path (3.3.5.9.7, 3.3.5.9.12). */
static ntstatus create_checks(struct create_op *op)
{
	ntstatus contexts = create_contexts_parse(op), status;

	if (op->ctx.dhnc || op->ctx.dh2c)
		return contexts;
	status = create_path_check(op);
	if (nt_ok(status))
		status = contexts;
	if (nt_ok(status))
		status = create_options_check(op);
	return nt_ok(status) ? create_access_check(op) : status;
}

/* What the store said of the file is still so: nothing was put into its extended attributes since. */
static bool stat_holds(const struct create_op *op)
{
	bool more = op->parent || op->ctx.secdesc.len > 0 || op->ctx.ea_count > 0;

	return op->stream.len == 0 && (op->action == ACTION_OPENED || !more);
}

/* The phases behind the checks: open, answer, and only then let the open be found. */
static ntstatus create_run(struct create_op *op, struct smb2_create_rsp *out)
{
	struct srv_store_wait wait;
	ntstatus status;

	srv_store_wait_begin_likely(&wait, op->r, true);
	status = create_open_execute(op);
	srv_store_wait_end(&wait, op->r);
	if (nt_is(status, STATUS_STOPPED_ON_SYMLINK))
		create_symlink_error(op);
	if (!nt_ok(status))
		return status;
	create_durable_grant(op);
	status = create_reply_fill(op, out);
	out->file_id = op->r->created = op->open->file_id;
	if (nt_ok(status))
		status = srv_open_publish(op->open);
	if (!nt_ok(status)) {
		create_open_undo(op);
		return status;
	}
	op->r->has_created = true;
	if (stat_holds(op))
		srv_seen_keep(op->r, op->open, &op->found.stat);
	if (out->oplock_level != FSA_OPLOCK_NONE) {
		atomic_store(&op->open->announcing, true);
		op->r->granted = op->open;
		return STATUS_SUCCESS;
	}
	srv_oplock_forget(op->open);
	srv_open_put(op->open);
	return STATUS_SUCCESS;
}

/* [MS-SMB2] 3.3.5.9 */
struct srv_result cmd_create(struct srv_request *r, const struct smb2_create_req *in, struct smb2_create_rsp *out)
{
	struct create_op op = {.r = r, .in = in};
	struct srv_result waited = srv_reply(STATUS_SUCCESS);
	ntstatus status;

	if (r->tree->share->kind == SRV_SHARE_IPC)
		return create_pipe(r, in, out);
	status = create_checks(&op);
	if (nt_ok(status) && (op.ctx.dhnc || op.ctx.dh2c))
		return srv_reply(create_reconnect(&op, out));
	if (nt_ok(status))
		status = create_durable_begin(&op);
	if (!nt_ok(status) || op.open)
		return srv_reply(nt_ok(status) ? create_replay(&op, out) : status);
	do {
		status = create_run(&op, out);
		if (nt_is(status, STATUS_PENDING))
			waited = srv_break_wait(r);
	} while (nt_is(status, STATUS_PENDING) && waited.next == SRV_REPLY && nt_ok(waited.status));
	return nt_is(status, STATUS_PENDING) ? waited : srv_reply(status);
}

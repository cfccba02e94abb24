/* CREATE, [MS-SMB2] 3.3.5.9: the phases in their order. What the dispatcher has done: session, tree, signature, credits. */
#include "server/cmd.h"
#include "server/create.h"

static ntstatus create_checks(struct create_op *op)
{
	ntstatus (*const phases[])(struct create_op *) = {
		create_path_check, create_contexts_parse, create_options_check, create_access_check,
	};

	for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
		ntstatus status = phases[i](op);

		if (!nt_ok(status))
			return status;
	}
	return STATUS_SUCCESS;
}

/* [MS-SMB2] 3.3.5.9 */
struct srv_result cmd_create(struct srv_request *r, const struct smb2_create_req *in, struct smb2_create_rsp *out)
{
	struct create_op op = {.r = r, .in = in};
	ntstatus status;

	if (r->tree->share->kind == SRV_SHARE_IPC)
		return create_pipe(r, in, out);
	status = create_checks(&op);
	if (!nt_ok(status))
		return srv_reply(status);
	status = create_open_execute(&op);
	if (nt_is(status, STATUS_STOPPED_ON_SYMLINK))
		create_symlink_error(&op);
	if (!nt_ok(status))
		return srv_reply(status);
	status = create_reply_fill(&op, out);
	if (nt_ok(status))
		status = srv_open_publish(op.open);
	if (!nt_ok(status)) {
		create_open_undo(&op);
		return srv_reply(status);
	}
	out->file_id = r->created = op.open->file_id;
	r->has_created = true;
	srv_open_put(op.open);
	return srv_reply(STATUS_SUCCESS);
}

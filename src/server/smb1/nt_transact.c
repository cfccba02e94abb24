/* NT_TRANSACT: CREATE, IOCTL, NOTIFY_CHANGE, security descriptors. [MS-CIFS] 2.2.7, 3.3.5.49, [MS-SMB] 2.2.7. */
#include "server/smb1/opening.h"
#include "server/park.h"
#include "server/smb1/transact.h"

enum { TYPE_MESSAGE_PIPE = 2, PIPE_STATUS = 0x05FF, FILE_STATUS = 7, IS_FSCTL = 1, WATCH_TREE = 1 };

/* --- CREATE, 2.2.7.1 --- */

static ntstatus create_extras(struct srv1_op *op, struct smb2_create_req *c, const struct smb1_nt_create *in)
{
	struct slice data = srv1_t(op)->data;
	size_t eas_at = round_up((size_t)in->security_descriptor_length, 4);

	if (in->security_descriptor_length > data.len || (in->ea_length > 0 && (eas_at > data.len || in->ea_length > data.len - eas_at)))
		return STATUS_INVALID_PARAMETER;
	if (in->security_descriptor_length > 0 && !srv1_create_context(op, c, "SecD", slice_of(data.data, in->security_descriptor_length)))
		return STATUS_INSUFFICIENT_RESOURCES;
	if (in->ea_length > 0 && !srv1_create_context(op, c, "ExtA", slice_of(data.data + eas_at, in->ea_length)))
		return STATUS_INSUFFICIENT_RESOURCES;
	return STATUS_SUCCESS;
}

static enum srv1_next create_begin(struct srv1_op *op)
{
	struct smb1_nt_create *in = srv1_t(op)->state = arena_zalloc(&op->arena, sizeof(*in));
	struct smb2_create_req *c;
	struct srv1_nt_wish wish;
	ntstatus status;

	if (!in)
		return srv1_no_memory(op);
	if (!SRV1_PARAMETERS(op, nt_create, in))
		return srv1_done(op, STATUS_INVALID_PARAMETER);
	wish = (struct srv1_nt_wish){
		.flags = in->flags, .root_fid = in->root_directory_fid, .desired_access = in->desired_access, .allocation_size = in->allocation_size,
		.attributes = in->ext_file_attributes, .share_access = in->share_access, .disposition = in->create_disposition,
		.options = in->create_options, .impersonation_level = in->impersonation_level,
	};
	c = srv1_create_call(op, in->name, &status);
	if (nt_ok(status))
		status = srv1_nt_create_fill(op, c, &wish);
	if (nt_ok(status))
		status = create_extras(op, c, in);
	return nt_ok(status) ? SRV1_CALL : srv1_done(op, status);
}

enum srv1_next srv1_nt_create(struct srv1_op *op)
{
	const struct smb1_nt_create *in = srv1_t(op)->state;
	const struct smb2_create_rsp *rsp;
	struct smb1_nt_create_rsp out;
	ntstatus status;
	uint16_t fid;

	if (!in)
		return create_begin(op);
	status = op->result.status;
	if (srv1_stands_back(op)) {
		srv1_t(op)->state = NULL;
		return SRV1_WAIT;
	}
	if (nt_ok(status))
		status = srv1_opened_fid(op, &fid);
	if (!nt_ok(status))
		return srv1_done(op, status);
	rsp = op->r->body;
	out = (struct smb1_nt_create_rsp){
		.extended = (in->flags & SMB1_NT_CREATE_REQUEST_EXTENDED_RESPONSE) != 0, .oplock_level = srv1_oplock_level(op, rsp->oplock_level),
		.fid = fid, .create_action = rsp->create_action, .creation_time = rsp->creation_time, .last_access_time = rsp->last_access_time,
		.last_write_time = rsp->last_write_time, .last_change_time = rsp->change_time, .ext_file_attributes = rsp->file_attributes,
		.allocation_size = rsp->allocation_size, .end_of_file = rsp->end_of_file, .resource_type = op->open->pipe ? TYPE_MESSAGE_PIPE : 0,
		.nm_pipe_status = op->open->pipe ? PIPE_STATUS : FILE_STATUS, .directory = op->open->directory,
		.maximal_access_rights = srv1_maximal_access(rsp),
	};
	return SRV1_PARAMETERS_OUT(op, nt_create_rsp, &out) ? srv1_done(op, STATUS_SUCCESS) : srv1_no_memory(op);
}

/* --- IOCTL, 2.2.7.2 --- */

enum srv1_next srv1_nt_ioctl(struct srv1_op *op)
{
	struct srv1_transaction *t = srv1_t(op);
	struct wire w = smb1_part_decoder(t->setup, srv1_unicode(op), &op->arena);
	struct smb1_nt_ioctl in = {0};
	const struct smb2_ioctl_rsp *rsp;
	struct smb2_ioctl_req *call;
	ntstatus status;

	if (op->phase > 0) {
		op->with_body = op->result.next == SRV_REPLY_BODY;
		rsp = op->r->body;
		if (nt_ok(op->result.status) || op->with_body)
			t->out_data = op->r->payload.len > 0 ? slice_of(op->r->payload.data, op->r->payload.len) : rsp->output;
		return srv1_done(op, op->result.status);
	}
	smb1_nt_ioctl_code(&w, &in);
	if (!wire_ok(&w))
		return srv1_done(op, STATUS_INVALID_PARAMETER);
	status = srv1_file_find(op, in.fid);
	if (nt_ok(status) && !in.is_fsctl)
		status = STATUS_NOT_SUPPORTED;
	call = nt_ok(status) ? srv1_call(op, SMB2_IOCTL, op->open) : NULL;
	if (!call)
		return srv1_done(op, nt_ok(status) ? STATUS_INSUFFICIENT_RESOURCES : status);
	call->ctl_code = in.function_code;
	call->flags = IS_FSCTL;
	call->max_output_response = t->max_data;
	call->input = t->data;
	return SRV1_CALL;
}

/* --- NOTIFY_CHANGE, 2.2.7.4: waits until something has changed --- */

enum srv1_next srv1_nt_notify(struct srv1_op *op)
{
	struct srv1_transaction *t = srv1_t(op);
	struct wire w = smb1_part_decoder(t->setup, srv1_unicode(op), &op->arena);
	struct smb2_change_notify_req *call;
	struct smb1_nt_notify in = {0};
	ntstatus status;

	if (op->phase > 0) {
		/* NOTIFY_ENUM_DIR and NOTIFY_CLEANUP are no errors, and say all there is to say. */
		op->with_body = true;
		if (nt_ok(op->result.status))
			t->out_parameters = slice_of(op->r->payload.data, op->r->payload.len);
		op->with_body = !nt_error(op->result.status);
		return srv1_done(op, op->result.status);
	}
	smb1_nt_notify_code(&w, &in);
	if (!wire_ok(&w))
		return srv1_done(op, STATUS_INVALID_PARAMETER);
	status = srv1_file_find(op, in.fid);
	call = nt_ok(status) ? srv1_call(op, SMB2_CHANGE_NOTIFY, op->open) : NULL;
	if (!call)
		return srv1_done(op, nt_ok(status) ? STATUS_INSUFFICIENT_RESOURCES : status);
	call->flags = in.watch_tree ? WATCH_TREE : 0;
	call->output_buffer_length = t->max_parameters < SRV1_MOST_IO ? t->max_parameters : SRV1_MOST_IO;
	call->completion_filter = in.completion_filter;
	return SRV1_CALL;
}

/* --- security descriptors, 2.2.7.3, 2.2.7.6 --- */

/* The length that it needs is told in any case; the descriptor itself if it fits. */
static enum srv1_next query_security_answer(struct srv1_op *op)
{
	struct srv1_transaction *t = srv1_t(op);
	struct smb1_nt_length length = {.length_needed = (uint32_t)op->r->payload.len};
	ntstatus status = op->result.status;

	if (nt_is(status, STATUS_BUFFER_TOO_SMALL) && op->r->error_data.len >= 4)
		length.length_needed = load_le32(op->r->error_data.data);
	else if (!nt_ok(status))
		return srv1_done(op, status);
	op->with_body = !nt_ok(status);
	if (!SRV1_PARAMETERS_OUT(op, nt_length, &length)) {
		op->with_body = false;
		return srv1_no_memory(op);
	}
	t->out_data = nt_ok(status) ? slice_of(op->r->payload.data, op->r->payload.len) : slice_of(NULL, 0);
	return srv1_done(op, status);
}

enum srv1_next srv1_nt_query_security(struct srv1_op *op)
{
	struct smb2_query_info_req *call;
	struct smb1_nt_security in = {0};
	ntstatus status;

	if (op->phase > 0)
		return query_security_answer(op);
	if (!SRV1_PARAMETERS(op, nt_security, &in))
		return srv1_done(op, STATUS_INVALID_PARAMETER);
	status = srv1_file_find(op, in.fid);
	if (!nt_ok(status))
		return srv1_done(op, status);
	call = srv1_query_info(op, op->open, INFO_SECURITY, 0, srv1_t(op)->max_data);
	if (!call)
		return srv1_no_memory(op);
	call->additional_information = in.security_information;
	return SRV1_CALL;
}

enum srv1_next srv1_nt_set_security(struct srv1_op *op)
{
	struct smb2_set_info_req *call;
	struct smb1_nt_security in = {0};
	ntstatus status;

	if (op->phase > 0)
		return srv1_done(op, op->result.status);
	if (!SRV1_PARAMETERS(op, nt_security, &in))
		return srv1_done(op, STATUS_INVALID_PARAMETER);
	status = srv1_file_find(op, in.fid);
	if (!nt_ok(status))
		return srv1_done(op, status);
	call = srv1_set_info(op, op->open, INFO_SECURITY, 0, srv1_t(op)->data);
	if (!call)
		return srv1_no_memory(op);
	call->additional_information = in.security_information;
	return SRV1_CALL;
}

/* --- cancelling --- */

/* [MS-CIFS] 3.3.5.51: has no answer; what it cancels has. */
enum srv1_next srv1_nt_cancel(struct srv1_op *op)
{
	srv_cancel(op->conn, &(struct smb2_header){.message_id = srv1_cancel_id(&op->header)});
	return SRV1_SILENT;
}

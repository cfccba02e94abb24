/* TRANS2_OPEN2: OPEN_ANDX as a transaction, and with extended attributes. [MS-CIFS] 2.2.6.1, 3.3.5.37. */
#include "server/smb1/opening.h"
#include "server/smb1/transact.h"

struct open2 {
	struct smb1_open2 in;
	struct smb1_open2_rsp out;
	bool opened;
};

ntstatus srv1_ea_list(struct srv1_op *op, struct slice *out)
{
	struct slice list = srv1_t(op)->data;
	size_t cap = 2 * list.len + 64;
	struct fscc_list l = {.out = arena_alloc(&op->arena, cap), .cap = cap};
	struct smb1_fea e;
	bool bad;

	if (!l.out)
		return STATUS_INSUFFICIENT_RESOURCES;
	if (!smb1_ea_list_open(&list))
		return STATUS_INVALID_PARAMETER;
	while (smb1_fea_next(&list, &e, &bad)) {
		if (!fscc_ea_put(&l, &(struct fscc_ea){.flags = e.flags, .name = e.name, .value = e.value}))
			return STATUS_INSUFFICIENT_RESOURCES;
	}
	*out = slice_of(l.out, l.len);
	return bad ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

ntstatus srv1_take_eas(struct srv1_op *op, struct smb2_create_req *c)
{
	struct slice list;
	ntstatus status;

	if (srv1_t(op)->data.len <= 4)
		return STATUS_SUCCESS;
	status = srv1_ea_list(op, &list);
	if (!nt_ok(status) || list.len == 0)
		return status;
	return srv1_create_context(op, c, "ExtA", list) ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

static enum srv1_next begin(struct srv1_op *op)
{
	struct open2 *o = srv1_t(op)->state = arena_zalloc(&op->arena, sizeof(*o));
	struct smb2_create_req *c;
	ntstatus status;

	if (!o)
		return srv1_no_memory(op);
	if (!SRV1_PARAMETERS(op, open2, &o->in))
		return srv1_done(op, STATUS_INVALID_PARAMETER);
	c = srv1_create_call(op, o->in.file_name, &status);
	if (nt_ok(status))
		status = srv1_dos_access(op, c, o->in.access_mode);
	if (nt_ok(status))
		status = srv1_dos_disposition(c, o->in.open_mode, o->in.access_mode);
	if (nt_ok(status))
		status = srv1_take_eas(op, c);
	if (!nt_ok(status))
		return srv1_done(op, status);
	c->file_attributes = srv1_settable_attributes(o->in.file_attributes);
	c->create_options |= OPTION_NON_DIRECTORY_FILE;
	c->requested_oplock_level = srv1_dos_oplock((o->in.flags & (SMB1_OPEN_OPLOCK | SMB1_OPEN_OPBATCH)) != 0, (o->in.flags & SMB1_OPEN_OPBATCH) != 0);
	return SRV1_CALL;
}

static ntstatus opened(struct srv1_op *op, struct open2 *o)
{
	const struct smb2_create_rsp *rsp = op->r->body;
	ntstatus status = srv1_opened_fid(op, &o->out.fid);

	if (!nt_ok(status))
		return status;
	o->opened = true;
	o->out.file_attributes = srv1_dos_attributes(rsp->file_attributes);
	o->out.creation_time = utime_from_filetime(rsp->creation_time, 0);
	o->out.file_data_size = rsp->create_action == ACTION_OPENED ? srv1_size32(rsp->end_of_file) : o->in.allocation_size;
	o->out.access_mode = o->in.access_mode;
	o->out.action_taken = srv1_dos_result(op, rsp);
	return status;
}

enum srv1_next srv1_open2(struct srv1_op *op)
{
	struct open2 *o = srv1_t(op)->state;
	const struct smb2_create_rsp *rsp;
	ntstatus status;

	if (!o)
		return begin(op);
	if (!o->opened) {
		srv1_share_with_self(op);
		if (srv1_stands_back(op)) {
			srv1_t(op)->state = NULL;
			return SRV1_WAIT;
		}
		rsp = op->r->body;
		status = nt_ok(op->result.status) ? opened(op, o) : op->result.status;
		if (!nt_ok(status))
			return srv1_done(op, status);
		if (rsp->create_action != ACTION_OPENED && o->in.allocation_size != 0)
			return srv1_set_size(op, o->in.allocation_size) ? SRV1_CALL : srv1_no_memory(op);
	}
	return SRV1_PARAMETERS_OUT(op, open2_rsp, &o->out) ? srv1_done(op, STATUS_SUCCESS) : srv1_no_memory(op);
}

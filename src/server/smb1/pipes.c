/* TRANSACTION on named pipes: [MS-CIFS] 2.2.5, 3.3.5.31. The pipes are those of IPC$; mailslots and LANMAN's remote functions are not served. */
#include "server/smb1/opening.h"
#include "server/smb1/transact.h"

#include "base/utf16.h"
#include "wire/fsctl.h"

enum { PIPE_STATE = 0x05FF, SETUP_FID = 1, IS_FSCTL = 1, PIPE_INFO_BYTES = 256 };

static bool names_pipe(struct slice name)
{
	static const char prefix[] = "\\PIPE\\";
	size_t units = sizeof(prefix) - 1;

	/* "\PIPE" and "\PIPE\": the FID says which. */
	if (name.len / 2 != units && name.len / 2 != units - 1)
		return false;
	for (size_t i = 0; i < name.len / 2; i++) {
		if (utf16_upcase(utf16_at(name, i)) != (uint16_t)prefix[i])
			return false;
	}
	return true;
}

/* 2.2.5.6: writes a message and reads the answer to it. */
static enum srv1_next transact(struct srv1_op *op)
{
	struct srv1_transaction *t = srv1_t(op);
	struct smb2_ioctl_req *call = srv1_call(op, SMB2_IOCTL, op->open);

	if (!call)
		return srv1_no_memory(op);
	call->ctl_code = FSCTL_PIPE_TRANSCEIVE;
	call->flags = IS_FSCTL;
	call->input = t->data;
	call->max_output_response = t->max_data;
	return SRV1_CALL;
}

static enum srv1_next transact_answer(struct srv1_op *op)
{
	op->with_body = nt_is(op->result.status, STATUS_BUFFER_OVERFLOW);
	if (nt_ok(op->result.status) || op->with_body)
		srv1_t(op)->out_data = slice_of(op->r->payload.data, op->r->payload.len);
	return srv1_done(op, op->result.status);
}

/* 2.2.5.2: pipes here are read in messages, and reading waits. */
static enum srv1_next query_state(struct srv1_op *op)
{
	uint8_t *p = arena_alloc(&op->arena, 2);

	if (!p)
		return srv1_no_memory(op);
	store_le16(p, PIPE_STATE);
	srv1_t(op)->out_parameters = slice_of(p, 2);
	return srv1_done(op, STATUS_SUCCESS);
}

/* 2.2.5.5 */
static enum srv1_next peek(struct srv1_op *op)
{
	struct smb2_ioctl_req *call = srv1_call(op, SMB2_IOCTL, op->open);

	if (!call)
		return srv1_no_memory(op);
	call->ctl_code = FSCTL_PIPE_PEEK;
	call->flags = IS_FSCTL;
	call->max_output_response = PIPE_INFO_BYTES;
	return SRV1_CALL;
}

static enum srv1_next peek_answer(struct srv1_op *op)
{
	uint8_t *p = arena_zalloc(&op->arena, 6);

	if (!nt_ok(op->result.status) || op->r->payload.len < 16 || !p)
		return srv1_done(op, nt_ok(op->result.status) ? STATUS_INSUFFICIENT_RESOURCES : op->result.status);
	store_le16(p, load_le16(op->r->payload.data + 4));
	store_le16(p + 2, load_le16(op->r->payload.data + 12));
	store_le16(p + 4, (uint16_t)load_le32(op->r->payload.data));
	srv1_t(op)->out_parameters = slice_of(p, 6);
	return srv1_done(op, STATUS_SUCCESS);
}

static enum srv1_next pipe_begin(struct srv1_op *op)
{
	struct srv1_transaction *t = srv1_t(op);
	ntstatus status = srv1_file_find(op, smb1_setup_word(t->setup, SETUP_FID));

	if (nt_ok(status) && !op->open->pipe)
		status = STATUS_INVALID_HANDLE;
	if (!nt_ok(status))
		return srv1_done(op, status);
	switch (t->function) {
	case SMB1_TRANS_TRANSACT_NMPIPE:
		return transact(op);
	case SMB1_TRANS_PEEK_NMPIPE:
		return peek(op);
	case SMB1_TRANS_QUERY_NMPIPE_STATE:
		return query_state(op);
	case SMB1_TRANS_SET_NMPIPE_STATE:
		return srv1_done(op, t->parameters.len >= 2 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
	default:
		return srv1_done(op, STATUS_NOT_SUPPORTED);
	}
}

/* [MS-CIFS] 3.3.5.31 */
enum srv1_next srv1_pipe(struct srv1_op *op)
{
	struct srv1_transaction *t = srv1_t(op);

	if (op->phase == 0) {
		if (op->tree->share->kind != SRV_SHARE_IPC || t->setup.len < 4 || !names_pipe(t->name))
			return srv1_done(op, STATUS_NOT_SUPPORTED);
		return pipe_begin(op);
	}
	return t->function == SMB1_TRANS_PEEK_NMPIPE ? peek_answer(op) : transact_answer(op);
}

/* Reading and writing: [MS-CIFS] 3.3.5.8, 3.3.5.13, 3.3.5.14, 3.3.5.21 to 3.3.5.23, 3.3.5.33, 3.3.5.35, 3.3.5.36, [MS-SMB] 2.2.4.2, 2.2.4.3. READ_RAW and its like are not
 * offered in NEGOTIATE. */
#include "server/smb1/opening.h"

#include "server/smb1/locking.h"

enum { FILE_AVAILABLE = 0xFFFF, READ_OVERHEAD = 64, READ_WORDS = 12, RAW_MESSAGE = SMB1_RAW_MODE | SMB1_MSG_START, MESSAGE_LENGTH_BYTES = 2 };
enum { FROM_START, FROM_POSITION, FROM_END };

/* --- reading --- */

static bool ask_read(struct srv1_op *op, uint64_t offset, uint32_t count)
{
	struct smb2_read_req *r = srv1_call(op, SMB2_READ, op->open);

	if (!r)
		return false;
	r->offset = offset;
	r->length = count;
	return true;
}

/* What was read. Behind the end there is nothing, which is no error here; of a message that is longer than was asked for the rest comes with the next
 * READ, so that its status has data as well. */
static ntstatus read_end(struct srv1_op *op, struct slice *data)
{
	ntstatus status = nt_is(op->result.status, STATUS_END_OF_FILE) ? STATUS_SUCCESS : op->result.status;

	op->with_body = nt_is(status, STATUS_BUFFER_OVERFLOW);
	if (nt_ok(status) || op->with_body)
		*data = op->r->payload.data ? slice_of(op->r->payload.data, op->r->payload.len) : slice_of("", 0);
	return status;
}

static uint32_t wanted(const struct srv1_op *op, const struct smb1_read_andx_req *in)
{
	uint32_t high = in->timeout_or_max_count_high, count = in->max_count;

	if (!op->file.is_pipe && high != UINT32_MAX)
		count |= high << 16;
	return count > SRV1_MOST_IO - READ_OVERHEAD ? SRV1_MOST_IO - READ_OVERHEAD : count;
}

/* Who may only execute a file may read it if he says that he is about to run it (SMB_FLAGS2_PAGING_IO). */
static ntstatus find_readable(struct srv1_op *op, uint16_t fid)
{
	bool runs = (op->header.flags2 & SMB1_FLAGS2_PAGING_IO) != 0;
	ntstatus status = srv1_file_find(op, fid);

	if (!nt_ok(status))
		return status;
	return ((op->open->granted_access & FILE_READ_DATA) && !(op->file.denied & FILE_READ_DATA)) || runs ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
}

/* Data begin at a multiple of four, even if there are none. */
static uint16_t data_at(const struct srv1_op *op)
{
	size_t from = op->reply ? round_up(op->w.pos + op->w.tail.len, 4) : SMB1_HEADER_SIZE;

	return (uint16_t)round_up(from + 1 + 2 * READ_WORDS + 2, 4);
}

/* [MS-CIFS] 3.3.5.35 */
enum srv1_next srv1_read_andx(struct srv1_op *op)
{
	const struct smb1_read_andx_req *in = op->in;
	struct smb1_read_andx_rsp *out = op->out;
	ntstatus status;

	if (op->phase == 0) {
		status = find_readable(op, in->fid);
		if (!nt_ok(status))
			return srv1_done(op, status);
		return ask_read(op, in->offset, wanted(op, in)) ? SRV1_CALL : srv1_no_memory(op);
	}
	status = read_end(op, &out->data);
	if (!nt_ok(status) && !op->with_body)
		return srv1_done(op, status);
	out->data_offset = data_at(op);
	out->available = op->file.is_pipe ? 0 : FILE_AVAILABLE;
	op->payload = op->r->payload;
	return srv1_done(op, status);
}

/* What fits into the client's buffer. */
static uint16_t core_count(const struct srv1_op *op, uint16_t count)
{
	uint32_t room = op->smb1->max_buffer - SMB1_HEADER_SIZE - 16;

	return count > room ? (uint16_t)room : count;
}

/* [MS-CIFS] 3.3.5.13 */
enum srv1_next srv1_read(struct srv1_op *op)
{
	const struct smb1_read_req *in = op->in;
	struct smb1_read_rsp *out = op->out;
	ntstatus status;

	if (op->phase == 0) {
		status = find_readable(op, in->fid);
		if (!nt_ok(status))
			return srv1_done(op, status);
		return ask_read(op, in->offset, core_count(op, in->count)) ? SRV1_CALL : srv1_no_memory(op);
	}
	return srv1_done(op, read_end(op, &out->data));
}

/* [MS-CIFS] 3.3.5.22: the lock is exclusive, and is not waited for. */
enum srv1_next srv1_lock_and_read(struct srv1_op *op)
{
	const struct smb1_read_req *in = op->in;
	struct smb1_read_rsp *out = op->out;
	ntstatus status;

	switch (op->phase) {
	case 0:
		status = find_readable(op, in->fid);
		if (!nt_ok(status))
			return srv1_done(op, status);
		return srv1_lock_call(op, in->offset, in->count, SRV1_LOCK_EXCLUSIVE | SRV1_LOCK_AT_ONCE) ? SRV1_CALL : srv1_no_memory(op);
	case 1:
		if (!nt_ok(op->result.status))
			return srv1_done(op, srv1_lock_failed(op, in->offset, op->result.status));
		return ask_read(op, in->offset, core_count(op, in->count)) ? SRV1_CALL : srv1_no_memory(op);
	default:
		return srv1_done(op, read_end(op, &out->data));
	}
}

/* --- writing --- */

static bool ask_write(struct srv1_op *op, uint64_t offset, struct slice data)
{
	struct smb2_write_req *w = srv1_call(op, SMB2_WRITE, op->open);

	if (!w)
		return false;
	w->offset = offset;
	w->length = (uint32_t)data.len;
	w->data = data;
	return true;
}

static ntstatus find_writable(struct srv1_op *op, uint16_t fid)
{
	ntstatus status = srv1_file_find(op, fid);

	return nt_ok(status) && (op->file.denied & FILE_WRITE_DATA) ? STATUS_ACCESS_DENIED : status;
}

static enum srv1_next write_begin(struct srv1_op *op, uint16_t fid, uint64_t offset, struct slice data)
{
	ntstatus status = find_writable(op, fid);

	if (!nt_ok(status))
		return srv1_done(op, status);
	return ask_write(op, offset, data) ? SRV1_CALL : srv1_no_memory(op);
}

static bool ask_flush(struct srv1_op *op)
{
	return srv1_call(op, SMB2_FLUSH, op->open) != NULL;
}

/* The first part of a message to a pipe has the length of the whole in front. */
static struct slice pipe_data(const struct srv1_op *op, const struct smb1_write_andx_req *in)
{
	if (!op->file.is_pipe || (in->write_mode & RAW_MESSAGE) != RAW_MESSAGE || in->data.len < MESSAGE_LENGTH_BYTES)
		return in->data;
	return slice_of(in->data.data + MESSAGE_LENGTH_BYTES, in->data.len - MESSAGE_LENGTH_BYTES);
}

/* [MS-CIFS] 3.3.5.36 */
enum srv1_next srv1_write_andx(struct srv1_op *op)
{
	const struct smb1_write_andx_req *in = op->in;
	struct smb1_write_andx_rsp *out = op->out;
	ntstatus status;

	switch (op->phase) {
	case 0:
		status = find_writable(op, in->fid);
		if (!nt_ok(status))
			return srv1_done(op, status);
		return ask_write(op, in->offset, pipe_data(op, in)) ? SRV1_CALL : srv1_no_memory(op);
	case 1:
		out->count = (uint32_t)in->data.len;
		out->available = op->file.is_pipe ? 0 : FILE_AVAILABLE;
		if (!nt_ok(op->result.status) || !(in->write_mode & SMB1_WRITE_THROUGH) || op->file.is_pipe)
			return srv1_done(op, op->result.status);
		return ask_flush(op) ? SRV1_CALL : srv1_no_memory(op);
	default:
		return srv1_done(op, op->result.status);
	}
}

/* 3.3.5.14: a WRITE of nothing ends the file where it is. */
static bool ask_write_or_end(struct srv1_op *op, uint32_t offset, struct slice data)
{
	return data.len > 0 || op->file.is_pipe ? ask_write(op, offset, data) : srv1_set_size(op, offset) != NULL;
}

/* [MS-CIFS] 3.3.5.14 */
enum srv1_next srv1_write(struct srv1_op *op)
{
	const struct smb1_write_req *in = op->in;
	struct smb1_count_rsp *out = op->out;
	ntstatus status;

	if (op->phase > 0) {
		out->count = (uint16_t)in->data.len;
		return srv1_done(op, op->result.status);
	}
	status = find_writable(op, in->fid);
	if (!nt_ok(status))
		return srv1_done(op, status);
	return ask_write_or_end(op, in->offset, in->data) ? SRV1_CALL : srv1_no_memory(op);
}

/* [MS-CIFS] 3.3.5.23 */
enum srv1_next srv1_write_and_unlock(struct srv1_op *op)
{
	const struct smb1_write_req *in = op->in;
	struct smb1_count_rsp *out = op->out;

	switch (op->phase) {
	case 0:
		return write_begin(op, in->fid, in->offset, in->data);
	case 1:
		out->count = (uint16_t)in->data.len;
		if (!nt_ok(op->result.status) || in->data.len == 0)
			return srv1_done(op, op->result.status);
		return srv1_lock_call(op, in->offset, in->data.len, SRV1_UNLOCK) ? SRV1_CALL : srv1_no_memory(op);
	default:
		return srv1_done(op, op->result.status);
	}
}

/* [MS-CIFS] 3.3.5.33: closes in any case once it has written. */
enum srv1_next srv1_write_and_close(struct srv1_op *op)
{
	const struct smb1_write_and_close_req *in = op->in;
	struct smb1_count_rsp *out = op->out;

	if (op->phase == 0)
		return write_begin(op, in->fid, in->offset, in->data);
	out->count = (uint16_t)in->data.len;
	if (nt_ok(op->result.status)) {
		srv1_file_close(op, op->file.fid, op->open);
		srv1_set_written(op, in->last_write_time);
	}
	return srv1_done(op, op->result.status);
}

/* --- the rest --- */

/* [MS-CIFS] 3.3.5.8: FID 0xFFFF flushes all that the client's process has open here. Data are handed to the system at once, so that only what this
 * FID has is worth a wait. */
enum srv1_next srv1_flush(struct srv1_op *op)
{
	enum { ALL = 0xFFFF };
	const struct smb1_fid *in = op->in;
	ntstatus status;

	if (op->phase > 0)
		return srv1_done(op, op->result.status);
	if (in->fid == ALL && !op->has_fid)
		return srv1_done(op, STATUS_SUCCESS);
	status = srv1_file_find(op, in->fid);
	if (!nt_ok(status))
		return srv1_done(op, status);
	return ask_flush(op) ? SRV1_CALL : srv1_no_memory(op);
}

/* [MS-CIFS] 3.3.5.21 */
enum srv1_next srv1_seek(struct srv1_op *op)
{
	const struct smb1_seek_req *in = op->in;
	struct smb1_seek_rsp *out = op->out;
	ntstatus status = srv1_file_find(op, in->fid);
	struct vfs_stat st = {0};
	int64_t to = in->offset;

	if (nt_ok(status) && !op->open->file)
		status = STATUS_INVALID_DEVICE_REQUEST;
	if (nt_ok(status) && in->mode == FROM_END)
		status = srv_open_stat(op->open, &st);
	if (!nt_ok(status))
		return srv1_done(op, status);
	if (in->mode > FROM_END)
		return srv1_done(op, STATUS_SMB_BAD_FUNCTION);
	if (in->mode == FROM_POSITION)
		to += (int64_t)op->file.position;
	else if (in->mode == FROM_END)
		to += (int64_t)st.size;
	op->file.position = to < 0 ? 0 : (uint64_t)to;
	srv1_file_keep(op);
	out->offset = srv1_size32(op->file.position);
	return srv1_done(op, STATUS_SUCCESS);
}

/* [MS-CIFS] 3.3.5.32: as many answers as were asked for, within reason. */
enum srv1_next srv1_echo(struct srv1_op *op)
{
	enum { MOST_ECHOES = 100 };
	const struct smb1_echo_req *in = op->in;
	struct smb1_echo_rsp *out = op->out;
	unsigned n = in->echo_count > MOST_ECHOES ? MOST_ECHOES : in->echo_count;

	if (n == 0)
		return SRV1_SILENT;
	out->data = in->data;
	for (unsigned i = 1; i < n; i++) {
		out->sequence_number = (uint16_t)i;
		if (!srv1_reply_block(op, SMB1_ECHO, op->row->rsp_code, out) || !srv1_reply_send(op, STATUS_SUCCESS))
			return SRV1_DROP;
	}
	out->sequence_number = (uint16_t)n;
	return srv1_done(op, STATUS_SUCCESS);
}

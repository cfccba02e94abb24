/* READ_ANDX, WRITE_ANDX and LOCKING_ANDX: [MS-CIFS] 3.2.4.8, 3.2.4.9, 3.2.4.14, 3.2.5.35, 3.2.5.36, [MS-SMB] 3.2.4.4, 3.2.4.5. Transfers that need several of the
 * first two are cut up by rw.c of the folder above, as for SMB2. */
#include "client/smb1/smb1.h"

#include <stdlib.h>

/* As much as Windows moves with large reads and writes; what a WRITE_ANDX and its header take beside the data. */
enum { LARGE_BYTES = 61440, OVERHEAD = 128, PROCESS_ID = 0xFEFF, RANGES_MOST = 32 };

size_t cli1_io_limit(const struct hythe_connection *c, bool write)
{
	const struct cli1 *s = c->smb1;
	size_t small = s->max_buffer - OVERHEAD, most = write ? c->config.max_write_bytes : c->config.max_read_bytes;
	bool large = (s->capabilities & (write ? SMB1_CAP_LARGE_WRITEX : SMB1_CAP_LARGE_READX)) != 0;
	size_t limit = large || small > LARGE_BYTES ? LARGE_BYTES : small;
	return limit < most ? limit : most;
}

static bool is_large(uint64_t offset)
{
	return offset > UINT32_MAX;
}

static ntstatus check_offset(const struct hythe_connection *c, uint64_t offset, size_t len)
{
	if (!is_large(offset + len) || (c->smb1->capabilities & SMB1_CAP_LARGE_FILES))
		return STATUS_SUCCESS;
	cli_error_set("%s has no files of more than 4 GiB", c->host);
	return STATUS_NOT_SUPPORTED;
}

ntstatus cli1_read_encode(struct cli_request *r, struct hythe_file *f, uint64_t offset, size_t len)
{
	struct smb1_read_andx_req req = {.word_count = is_large(offset) ? 12 : 10, .fid = f->smb1->fid, .offset = offset, .max_count = (uint16_t)len,
		.timeout_or_max_count_high = 0};
	ntstatus status = check_offset(r->conn, offset, 0);
	/* Servers of [MS-SMB] get the long form always. */
	if (r->conn->smb1->capabilities & SMB1_CAP_LARGE_FILES)
		req.word_count = 12;
	r->command = SMB1_READ_ANDX;
	return nt_ok(status) ? cli1_encode(r, &req, 0) : status;
}

ntstatus cli1_read_answer(struct cli_request *r, const struct cli_answer *a, size_t *bytes)
{
	struct smb1_read_andx_rsp rsp;
	ntstatus status;
	*bytes = 0;
	if (!cli1_body(r, a, &rsp, &status))
		return status;
	if (rsp.data.len > r->buffer_len)
		return STATUS_INVALID_NETWORK_RESPONSE;
	if (rsp.data.len > 0)
		memcpy(r->buffer, rsp.data.data, rsp.data.len);
	*bytes = rsp.data.len;
	/* Of a file, nothing is what there is at its end. */
	return nt_ok(status) && rsp.data.len == 0 && r->buffer_len > 0 ? STATUS_END_OF_FILE : status;
}

ntstatus cli1_write_encode(struct cli_request *r, struct hythe_file *f, uint64_t offset, size_t len, uint32_t flags)
{
	struct smb1_write_andx_req req = {.word_count = is_large(offset) || (r->conn->smb1->capabilities & SMB1_CAP_LARGE_FILES) ? 14 : 12,
		.fid = f->smb1->fid, .offset = offset, .write_mode = flags & HYTHE_WRITE_THROUGH ? SMB1_WRITE_THROUGH : 0, .data = slice_of(r->payload, len)};
	ntstatus status = check_offset(r->conn, offset, len);
	r->command = SMB1_WRITE_ANDX;
	return nt_ok(status) ? cli1_encode(r, &req, 0) : status;
}

ntstatus cli1_write_answer(struct cli_request *r, const struct cli_answer *a, size_t *bytes)
{
	struct smb1_write_andx_rsp rsp;
	ntstatus status;
	*bytes = 0;
	if (!cli1_body(r, a, &rsp, &status))
		return status;
	if (rsp.count > r->payload_len)
		return STATUS_INVALID_NETWORK_RESPONSE;
	*bytes = rsp.count;
	return status;
}

/* A server of SMB1 says of a lock that it refuses a second time, or far behind the data, what it says of data that are locked; and likewise of one that
 * is waited for and given up. */
static void lock_complete(struct cli_request *r, const struct cli_answer *a)
{
	ntstatus status = a->status;
	if (nt_is(status, STATUS_FILE_LOCK_CONFLICT))
		status = r->pending ? STATUS_CANCELLED : STATUS_LOCK_NOT_GRANTED;
	cli_finish(r, status, NULL);
}

ntstatus cli1_lock(struct hythe_file *f, const struct hythe_range *ranges, size_t count, bool unlock, bool wait, hythe_done_fn *done, void *arg)
{
	struct hythe_connection *c = f->tree->session->conn;
	struct smb1_lock_range list[RANGES_MOST];
	bool large = (c->smb1->capabilities & SMB1_CAP_LARGE_FILES) != 0;
	if (count == 0 || count > RANGES_MOST) {
		cli_error_set("a request of SMB1 locks between 1 and %d ranges", RANGES_MOST);
		return STATUS_INVALID_PARAMETER;
	}
	for (size_t i = 0; i < count; i++) {
		if (!unlock && ranges[i].exclusive != ranges[0].exclusive)
			return cli1_unsupported(c, "lock shared and exclusive ranges at once");
		if (!large && (is_large(ranges[i].offset) || is_large(ranges[i].length)))
			return cli1_unsupported(c, "lock beyond 4 GiB on this server");
		list[i] = (struct smb1_lock_range){.pid = PROCESS_ID, .offset = ranges[i].offset, .length = ranges[i].length};
	}
	struct smb1_locking_andx_req req = {.fid = f->smb1->fid, .type_of_lock = large ? SMB1_LOCKING_LARGE_FILES : 0, .timeout = wait ? UINT32_MAX : 0};
	if (!unlock && !ranges[0].exclusive)
		req.type_of_lock |= SMB1_LOCKING_SHARED;
	if (unlock) {
		req.unlocks = list;
		req.unlock_count = (uint16_t)count;
	} else {
		req.locks = list;
		req.lock_count = (uint16_t)count;
	}
	struct cli_request *r = cli_request_new(c, NULL, NULL, f, SMB1_LOCKING_ANDX);
	if (r) {
		r->complete = lock_complete;
		r->pending = wait; /* does not expire */
	}
	return cli1_go(r, &req, 20 * count, done, arg);
}

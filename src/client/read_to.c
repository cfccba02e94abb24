/* READ into a file of the caller's ([MS-SMB2] 3.2.4.6, 3.2.5.11). What comes in the clear goes there from the socket (receive_into.c); what has to be
 * verified or decrypted first, and what lies in a frame with others, from memory. */
#include "client/conn.h"

#include "base/fdio.h"

#include <errno.h>

static ntstatus local_status(int err)
{
	if (err == 0)
		return STATUS_SUCCESS;
	return err == ENOSPC || err == EDQUOT ? STATUS_DISK_FULL : STATUS_IO_DEVICE_ERROR;
}

static ntstatus kept(struct cli_request *r, int err, size_t n)
{
	r->to_error = err;
	r->to_offset += n;
	return local_status(err);
}

ntstatus cli_keep_bytes(struct cli_request *r, const void *p, size_t n)
{
	return kept(r, fd_write_all(r->to_fd, p, n, r->to_offset), n);
}

ntstatus cli_keep_pipe(struct cli_request *r, int pipe_fd, size_t n)
{
	return kept(r, fd_write_pipe(r->to_fd, pipe_fd, n, r->to_offset), n);
}

static ntstatus keep_answer(struct cli_request *r, const struct cli_answer *a, size_t *bytes)
{
	struct smb2_read_rsp rsp;
	ntstatus status;
	*bytes = r->received;
	if (r->received > 0)
		return local_status(r->to_error);
	if (!cli_body(r, a, &rsp, &status))
		return status;
	if (rsp.data.len > r->buffer_len)
		return STATUS_INVALID_NETWORK_RESPONSE;
	*bytes = rsp.data.len;
	ntstatus written = cli_keep_bytes(r, rsp.data.data, rsp.data.len);
	return nt_ok(written) ? status : written;
}

static void complete(struct cli_request *r, const struct cli_answer *a)
{
	struct hythe_result result = {0};
	ntstatus status = keep_answer(r, a, &result.bytes);
	char text[128];
	if (r->to_error == 0) {
		cli_finish(r, status, &result);
		return;
	}
	result.bytes = 0;
	result.local_errno = r->to_error;
	cli_error_set("what was read cannot be written: %s", strerror_r(r->to_error, text, sizeof(text)));
	r->done(r->arg, status, &result);
}

ntstatus hythe_read_to_async(struct hythe_file *f, uint64_t offset, size_t len, int fd, uint64_t fd_offset, hythe_done_fn *done, void *arg)
{
	if (f->smb1) {
		cli_error_set("reading to a file is not for SMB1");
		return STATUS_NOT_SUPPORTED;
	}
	size_t limit = cli_io_limit(f, len, false);
	ntstatus status = cli_check_range(offset, len);
	if (nt_ok(status))
		status = cli_check_range(fd_offset, len);
	if (!nt_ok(status))
		return status;
	struct cli_request *r = cli_read_new(f, offset, NULL, len < limit ? len : limit, 0, &status);
	if (r) {
		r->to_file = true;
		r->to_fd = fd;
		r->to_offset = fd_offset;
		r->complete = complete;
		r->done = done;
		r->arg = arg;
	}
	return cli_submit_or_free(r, status);
}

/* READ, [MS-SMB2] 3.3.5.12, [MS-FSA] 2.1.5.2. */
#include "server/cmd.h"
#include "server/dispatch.h"
#include "server/io.h"
#include "server/open.h"
#include "server/pipe.h"
#include "server/store_wait.h"

enum { FLAG_READ_UNBUFFERED = 1 };

static ntstatus read_check(const struct srv_request *r, const struct smb2_read_req *in)
{
	const struct proto_conn *proto = srv_request_proto(r);
	const struct srv_open *o = r->open;

	/* Who may execute a file may read it here, as on Windows: a program is started by reading it. */
	if (!(o->granted_access & (FILE_READ_DATA | FILE_EXECUTE)))
		return STATUS_ACCESS_DENIED;
	if (in->length > proto->max_read_bytes || !io_channel_valid(r, in->channel))
		return STATUS_INVALID_PARAMETER;
	if (o->pipe && proto->dialect >= SMB2_DIALECT_302 && (in->flags & FLAG_READ_UNBUFFERED))
		return STATUS_INVALID_PARAMETER;
	if (o->pipe)
		return STATUS_SUCCESS;
	if (o->directory)
		return STATUS_INVALID_DEVICE_REQUEST;
	return io_range_valid(in->offset, in->length) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* Below this, to copy costs less than three system calls more. Pages of a file go out whole. */
enum { PAGES_LEAST_BYTES = 65536, PAGE_BYTES = 4096 };

/* The first of n bytes at offset, as many as one pipe more takes. */
static ntstatus fill_pipe(struct srv_request *r, uint64_t offset, size_t n, size_t *got)
{
	struct net_pipes *pipes = &r->payload.pipes;
	struct srv_store_wait wait;
	ntstatus status;
	int to;

	*got = 0;
	if (!net_pipes_add(pipes))
		return STATUS_INSUFFICIENT_RESOURCES;
	to = pipes->fds[pipes->count - 1][1];
	n = n < NET_PIPE_BYTES ? n : NET_PIPE_BYTES;
	status = vfs_read_pipe(r->open->file, to, n, offset, false, got);
	if (nt_is(status, STATUS_PENDING)) {
		srv_store_wait_begin(&wait, r);
		status = vfs_read_pipe(r->open->file, to, n, offset, true, got);
		srv_store_wait_end(&wait, r);
	}
	if (*got == 0)
		net_pipes_drop_last(pipes);
	return status;
}

/* What goes out as it lies in the file goes there as pages, which nobody copies. false: it has to be read. */
static bool read_pages(struct srv_request *r, const struct smb2_read_req *in, size_t *done)
{
	ntstatus status;
	size_t got;

	*done = 0;
	if (in->length < PAGES_LEAST_BYTES || in->offset % PAGE_BYTES != 0 || srv_request_read_padding(r) != 0 || !srv_request_takes_pipes(r))
		return false;
	do {
		status = fill_pipe(r, in->offset + *done, in->length - *done, &got);
		*done += got;
	} while (nt_ok(status) && got == NET_PIPE_BYTES && *done < in->length);
	if (nt_ok(status) && *done > 0)
		return true;
	net_pipes_put(&r->payload.pipes);
	return false;
}

/* What is in memory is read by whoever has the connection; while the rest is waited for, others go on. */
static ntstatus read_file(struct srv_request *r, const struct smb2_read_req *in, size_t *done)
{
	struct vfs_file *f = r->open->file;
	ntstatus status = vfs_read_at_hand(f, r->payload.data, in->length, in->offset, done);
	struct srv_store_wait wait;
	size_t had = *done;

	if (!nt_is(status, STATUS_PENDING))
		return status;
	srv_store_wait_begin(&wait, r);
	status = vfs_read(f, r->payload.data + had, in->length - had, in->offset + had, done);
	srv_store_wait_end(&wait, r);
	*done += had;
	return status;
}

/* [MS-SMB2] 3.3.5.12 */
struct srv_result cmd_read(struct srv_request *r, const struct smb2_read_req *in, struct smb2_read_rsp *out)
{
	ntstatus status = read_check(r, in);
	size_t done;

	if (!nt_ok(status))
		return srv_reply(status);
	if (r->open->pipe)
		return srv_pipe_read(r, in->length, &out->data);
	if (fsa_io_conflicts(&r->open->fsa, &(struct fsa_range){.offset = in->offset, .length = in->length, .process = r->process}))
		return srv_reply(STATUS_FILE_LOCK_CONFLICT);
	if (!read_pages(r, in, &done)) {
		/* What might have gone as pages has to be copied. */
		if (in->length >= SRV_HEAVY_BYTES)
			srv_request_waits(r);
		out->data_padding = srv_request_read_padding(r);
		if (!srv_payload_alloc(r, (size_t)in->length + out->data_padding))
			return srv_reply(STATUS_INSUFFICIENT_RESOURCES);
		r->payload.data += out->data_padding;
		status = read_file(r, in, &done);
		if (!nt_ok(status))
			return srv_reply(status);
	}
	if (done < in->minimum_count || (done == 0 && in->length > 0))
		return srv_reply(STATUS_END_OF_FILE);
	r->payload.len = done;
	r->open->position = in->offset + done;
	out->data = srv_payload_slice(r);
	return srv_reply(STATUS_SUCCESS);
}

/* WRITE, [MS-SMB2] 3.3.5.13, [MS-FSA] 2.1.5.3. */
#include "server/cmd.h"
#include "server/create.h"
#include "server/info.h"
#include "server/io.h"
#include "server/notify.h"
#include "server/oplock.h"
#include "server/pipe.h"
#include "server/seen.h"
#include "server/store_wait.h"

#include <stdatomic.h>

enum { FLAG_WRITE_THROUGH = 1, FLAG_WRITE_UNBUFFERED = 2, DATA_OFFSET_MOST = 0x100 };

/* Which flags count depends on the dialect; WRITE_THROUGH needs a handle, or with 3.0.2 a request, without buffering
 * (inventory G086). */
static ntstatus flags_check(const struct srv_request *r, const struct smb2_write_req *in)
{
	uint16_t dialect = srv_request_proto(r)->dialect;
	uint32_t flags = in->flags;

	if (dialect < SMB2_DIALECT_210)
		return STATUS_SUCCESS;
	if (dialect < SMB2_DIALECT_302)
		flags &= ~(uint32_t)FLAG_WRITE_UNBUFFERED;
	if (r->open->pipe && dialect >= SMB2_DIALECT_300 && (flags & (FLAG_WRITE_THROUGH | FLAG_WRITE_UNBUFFERED)))
		return STATUS_INVALID_PARAMETER;
	if (!r->open->pipe && (flags & FLAG_WRITE_THROUGH) && !(flags & FLAG_WRITE_UNBUFFERED) &&
		!(r->open->create_options & OPTION_NO_INTERMEDIATE_BUFFERING))
		return STATUS_INVALID_PARAMETER;
	return STATUS_SUCCESS;
}

static ntstatus write_check(const struct srv_request *r, const struct smb2_write_req *in)
{
	const struct srv_open *o = r->open;

	if (!(o->granted_access & (FILE_WRITE_DATA | FILE_APPEND_DATA)))
		return STATUS_ACCESS_DENIED;
	if (in->length > srv_request_proto(r)->max_write_bytes || !io_channel_valid(r, in->channel))
		return STATUS_INVALID_PARAMETER;
	if (in->data_offset > DATA_OFFSET_MOST || in->data.len < in->length)
		return STATUS_INVALID_PARAMETER;
	if (o->pipe)
		return STATUS_SUCCESS;
	if (o->directory)
		return STATUS_INVALID_DEVICE_REQUEST;
	return io_write_range_valid(in->offset, in->length) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* Who may only append may not touch what is there. */
static ntstatus append_check(const struct srv_open *o, uint64_t offset)
{
	struct vfs_stat st;
	ntstatus status;

	if (o->granted_access & FILE_WRITE_DATA)
		return STATUS_SUCCESS;
	status = vfs_stat_get(o->file, &st);
	if (!nt_ok(status))
		return status;
	return offset >= st.size ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
}

/* The first WRITE through a handle. A time that was set through it stays anyway. */
static ntstatus note_written(const struct srv_request *r)
{
	struct srv_open *o = r->open;
	bool timed = atomic_load_explicit(&o->fsa.wrote, memory_order_relaxed) || atomic_load(&o->sticky_written) != 0;
	struct vfs_stat st;
	ntstatus status;

	if (timed && atomic_load_explicit(&o->archived, memory_order_relaxed))
		return STATUS_SUCCESS;
	status = srv_seen_stat(r, &st);
	if (nt_ok(status))
		info_archive(o, &st);
	if (nt_ok(status) && !timed)
		fsa_written_begin(o->share->fsa, &o->fsa, st.written, clock_ms(r->srv->clock));
	return status;
}

ntstatus io_write_begin(const struct srv_request *r, const struct smb2_write_req *in)
{
	ntstatus status = write_check(r, in);

	if (nt_ok(status))
		status = flags_check(r, in);
	if (!nt_ok(status) || r->open->pipe || in->length == 0)
		return status;
	status = append_check(r->open, in->offset);
	if (nt_ok(status) && fsa_io_conflicts(&r->open->fsa,
		&(struct fsa_range){.offset = in->offset, .length = in->length, .exclusive = true, .process = r->process}))
		status = STATUS_FILE_LOCK_CONFLICT;
	return nt_ok(status) ? note_written(r) : status;
}

static bool writes_through(const struct srv_request *r, const struct smb2_write_req *in)
{
	return (r->open->create_options & OPTION_WRITE_THROUGH) ||
		((in->flags & FLAG_WRITE_THROUGH) && srv_request_proto(r)->dialect >= SMB2_DIALECT_210);
}

ntstatus io_write_end(const struct srv_request *r, const struct smb2_write_req *in, ntstatus status)
{
	struct srv_open *o = r->open;

	/* A write that failed may have changed the file before it did. */
	srv_oplock_written(o);
	srv_written(o);
	if (!nt_ok(status)) {
		fsa_written_end(o->share->fsa, &o->fsa);
		return status;
	}
	o->position = in->offset + in->length;
	status = info_keep_written(o);
	/* A handle opened with WRITE_THROUGH writes through by itself. */
	if (nt_ok(status) && writes_through(r, in) && !(o->create_options & OPTION_WRITE_THROUGH))
		status = vfs_flush(o->file);
	return status;
}

static ntstatus write_file(struct srv_request *r, const struct smb2_write_req *in)
{
	bool through = writes_through(r, in);
	struct srv_store_wait wait;
	ntstatus status;

	if (through)
		srv_store_wait_begin(&wait, r);
	status = io_write_end(r, in, vfs_write(r->open->file, in->data.data, in->length, in->offset));
	if (through)
		srv_store_wait_end(&wait, r);
	return status;
}

/* [MS-SMB2] 3.3.5.13; data that is not in memory yet goes the way of write_stream.c. */
struct srv_result cmd_write(struct srv_request *r, const struct smb2_write_req *in, struct smb2_write_rsp *out)
{
	ntstatus status = io_write_begin(r, in);

	if (nt_ok(status) && r->open->pipe)
		status = srv_pipe_write(r, slice_of(in->data.data, in->length));
	else if (nt_ok(status) && in->length > 0)
		status = write_file(r, in);
	out->count = in->length;
	return srv_reply(status);
}

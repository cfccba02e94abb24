/* Named pipes: [MS-SMB2] 3.3.5.12, 3.3.5.13, 3.3.5.15.3, 3.3.5.15.4 on opens of IPC$, over the RPC servers of src/rpc. */
#include "server/pipe.h"

#include "server/conn.h"
#include "server/open.h"
#include "server/park.h"
#include "wire/fsctl.h"

#include "base/utf16.h"

#include <stdio.h>
#include <stdlib.h>

enum { PEEK_HEAD_BYTES = 16, PIPE_STATE_CONNECTED = 3 };

/* Share i of those that lists show; IPC$ comes last in any list because it is added first and new ones go in front. */
static bool share_listed(struct srv *srv, size_t i, bool smb1_only, struct rpc_share *out)
{
	bool found = false;
	size_t k = 0;

	pthread_mutex_lock(&srv->lock);
	list_for_each(n, &srv->shares) {
		const struct srv_share *s = list_entry(n, struct srv_share, link);

		if ((s->hidden || (smb1_only && !s->smb1)) && s->kind != SRV_SHARE_IPC)
			continue;
		if (k++ != i)
			continue;
		memset(out, 0, sizeof(*out));
		snprintf(out->name, sizeof(out->name), "%s", s->name);
		snprintf(out->remark, sizeof(out->remark), "%s", s->comment);
		snprintf(out->path, sizeof(out->path), "%.*s", (int)sizeof(out->path) - 1, s->path);
		out->type = s->kind == SRV_SHARE_IPC ? 0x80000003u : 0;
		out->max_uses = UINT32_MAX;
		out->current_uses = s->current_uses;
		found = true;
		break;
	}
	pthread_mutex_unlock(&srv->lock);
	return found;
}

static bool share_at(void *arg, size_t i, struct rpc_share *out)
{
	return share_listed(arg, i, false, out);
}

/* Clients of SMB1 see what is for them. */
static bool smb1_share_at(void *arg, size_t i, struct rpc_share *out)
{
	return share_listed(arg, i, true, out);
}

void srv_rpc_host(struct srv_request *r, struct rpc_host *out)
{
	*out = (struct rpc_host){
		.share_at = r->conn->smb1 ? smb1_share_at : share_at,
		.arg = r->srv,
		.server_name = r->srv->netbios_name,
		.comment = r->srv->comment,
		.workgroup = r->srv->workgroup[0] ? r->srv->workgroup : NULL,
		.caller_is_admin = r->tree->is_admin,
	};
}

struct srv_pipe *srv_pipe_new(const char *name, const struct rpc_host *host)
{
	struct srv_pipe *p = calloc(1, sizeof(*p));

	if (p)
		p->rpc = rpc_pipe_open(name, host);
	if (p && p->rpc)
		return p;
	free(p);
	return NULL;
}

void srv_pipe_free(struct srv_pipe *p)
{
	rpc_pipe_close(p->rpc);
	free(p);
}

/* Takes the parked reader out of its open: whoever gets it resumes it. */
static struct srv_request *take_reader_locked(struct srv_open *o)
{
	struct srv_request *reader = o->pipe ? o->pipe->reader : NULL;

	if (reader)
		o->pipe->reader = NULL;
	return reader;
}

static bool cancel_reader(struct srv_request *r)
{
	struct srv_open *o = r->open;
	bool mine;

	pthread_mutex_lock(&o->lock);
	mine = o->pipe->reader == r;
	if (mine)
		o->pipe->reader = NULL;
	pthread_mutex_unlock(&o->lock);
	return mine;
}

/* One message or the beginning of one. */
static struct srv_result read_now_locked(struct srv_request *r)
{
	ntstatus status = rpc_pipe_read(r->open->pipe->rpc, r->payload.data, r->payload.cap, &r->payload.len);

	if (nt_is(status, STATUS_BUFFER_OVERFLOW))
		return srv_reply_body(status);
	return srv_reply(status);
}

static struct srv_result read_or_wait_locked(struct srv_request *r)
{
	struct srv_open *o = r->open;

	if (o->closed)
		return srv_reply(STATUS_CANCELLED);
	if (rpc_pipe_available(o->pipe->rpc) > 0)
		return read_now_locked(r);
	if (o->pipe->reader)
		return srv_reply(STATUS_PIPE_BUSY);
	o->pipe->reader = r;
	return srv_parked();
}

static struct srv_result wait_for_data(struct srv_request *r, struct slice *data)
{
	struct srv_result res;
	ntstatus status = srv_request_park(r, cancel_reader, r->open);

	if (!nt_ok(status)) {
		buf_put(r->payload.owner);
		r->payload = (struct srv_payload){0};
		return srv_reply(status);
	}
	pthread_mutex_lock(&r->open->lock);
	res = read_or_wait_locked(r);
	pthread_mutex_unlock(&r->open->lock);
	/* Parked it is by now: whatever came between is answered behind the interim response. */
	if (res.next != SRV_PARKED) {
		*data = srv_payload_slice(r);
		srv_request_resume(r, res);
	}
	return srv_parked();
}

/* Parking takes the connection's lock, which comes before that of an open: whether there is something to read is looked at
 * twice. */
struct srv_result srv_pipe_read(struct srv_request *r, size_t length, struct slice *data)
{
	struct srv_open *o = r->open;
	struct srv_result res = srv_reply(STATUS_PIPE_BUSY);
	bool ready, busy;

	pthread_mutex_lock(&o->lock);
	ready = rpc_pipe_available(o->pipe->rpc) > 0;
	busy = !ready && o->pipe->reader;
	pthread_mutex_unlock(&o->lock);
	if (busy)
		return res;
	if (ready) {
		if (!srv_payload_alloc(r, length))
			return srv_reply(STATUS_INSUFFICIENT_RESOURCES);
		pthread_mutex_lock(&o->lock);
		ready = rpc_pipe_available(o->pipe->rpc) > 0;
		if (ready)
			res = read_now_locked(r);
		pthread_mutex_unlock(&o->lock);
		*data = srv_payload_slice(r);
		if (ready)
			return res;
	}
	if (!srv_payload_alloc_apart(r, length))
		return srv_reply(STATUS_INSUFFICIENT_RESOURCES);
	return wait_for_data(r, data);
}

ntstatus srv_pipe_write(struct srv_request *r, struct slice data)
{
	struct srv_request *reader = NULL;
	struct srv_result res = {0};
	ntstatus status;

	pthread_mutex_lock(&r->open->lock);
	status = rpc_pipe_write(r->open->pipe->rpc, data);
	if (nt_ok(status) && rpc_pipe_available(r->open->pipe->rpc) > 0)
		reader = take_reader_locked(r->open);
	if (reader) {
		struct smb2_read_rsp *rsp = reader->body;

		res = read_now_locked(reader);
		rsp->data = srv_payload_slice(reader);
	}
	pthread_mutex_unlock(&r->open->lock);
	if (reader)
		srv_request_resume(reader, res);
	return status;
}

struct srv_result srv_pipe_transceive(struct srv_request *r, struct slice in, size_t max_output, struct slice *out)
{
	struct srv_result res;
	ntstatus status;

	if (!srv_payload_alloc(r, max_output))
		return srv_reply(STATUS_INSUFFICIENT_RESOURCES);
	pthread_mutex_lock(&r->open->lock);
	status = rpc_pipe_available(r->open->pipe->rpc) > 0 ? STATUS_PIPE_BUSY : rpc_pipe_write(r->open->pipe->rpc, in);
	res = nt_ok(status) ? read_now_locked(r) : srv_reply(status);
	pthread_mutex_unlock(&r->open->lock);
	*out = srv_payload_slice(r);
	return res;
}

struct srv_result srv_pipe_peek(struct srv_request *r, size_t max_output, struct slice *out)
{
	size_t available;

	if (max_output < PEEK_HEAD_BYTES)
		return srv_reply(STATUS_INFO_LENGTH_MISMATCH);
	if (!srv_payload_alloc(r, PEEK_HEAD_BYTES))
		return srv_reply(STATUS_INSUFFICIENT_RESOURCES);
	pthread_mutex_lock(&r->open->lock);
	available = rpc_pipe_available(r->open->pipe->rpc);
	pthread_mutex_unlock(&r->open->lock);
	/* [MS-FSCC] 2.3.44: state, bytes at hand, messages at hand, length of the first */
	store_le32(r->payload.data, PIPE_STATE_CONNECTED);
	store_le32(r->payload.data + 4, (uint32_t)available);
	store_le32(r->payload.data + 8, available > 0);
	store_le32(r->payload.data + 12, (uint32_t)available);
	r->payload.len = PEEK_HEAD_BYTES;
	*out = srv_payload_slice(r);
	return srv_reply(STATUS_SUCCESS);
}

bool srv_pipe_exists(struct slice input)
{
	uint8_t mem[1024];
	struct fsctl_pipe_wait m = {0};
	struct rpc_host nobody = {0};
	struct rpc_pipe *pipe = NULL;
	struct arena a;
	struct wire w;
	char *name;

	arena_init(&a, mem, sizeof(mem), 4096);
	w = wire_decoder(input.data, 0, input.len, &a);
	fsctl_pipe_wait_code(&w, &m);
	name = wire_ok(&w) ? utf16_to_utf8_arena(&a, m.name) : NULL;
	if (name)
		pipe = rpc_pipe_open(name, &nobody);
	if (pipe)
		rpc_pipe_close(pipe);
	arena_reset(&a);
	return pipe != NULL;
}

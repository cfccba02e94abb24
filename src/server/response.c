/* Responses: [MS-SMB2] 3.3.4.1 to 3.3.4.4. The header echoes the request's, the body is the row's or an ERROR response. */
#include "server/dispatch.h"

#include "base/log.h"

enum { ROOM_LEAST_BYTES = 512, ROOM_MOST_BYTES = 1 << 17 };

static bool response_is_error(const struct srv_result *res)
{
	return res->next == SRV_REPLY && !nt_ok(res->status);
}

/* 3.3.4.1.1: a response is signed if its request was, and the last leg of a SESSION_SETUP always: that with the channel's key, the legs before it,
 * and what fails, with the session's. */
static const struct proto_keys *response_signed(const struct srv_request *r, ntstatus status)
{
	const struct proto_keys *keys;

	if (r->encrypted || !r->channel || !(r->sign_response || (r->header.flags & SMB2_FLAGS_SIGNED) != 0))
		return NULL;
	keys = r->channel->signing;
	return keys && r->header.command == SMB2_SESSION_SETUP && !nt_is(status, STATUS_SUCCESS) ? &r->session->keys : keys;
}

static struct smb2_header response_header(struct srv_request *r, ntstatus status)
{
	struct smb2_header h = r->header;

	h.status = status.code;
	h.flags = SMB2_FLAGS_SERVER_TO_REDIR |
		(r->header.flags & (SMB2_FLAGS_RELATED_OPERATIONS | SMB2_FLAGS_PRIORITY_MASK | SMB2_FLAGS_DFS_OPERATIONS |
			SMB2_FLAGS_REPLAY_OPERATION));
	/* Whose session is gone has no key to be answered with, and clients believe this one without; but not without the flag. */
	if (nt_is(status, STATUS_USER_SESSION_DELETED) && !r->encrypted)
		h.flags |= r->header.flags & SMB2_FLAGS_SIGNED;
	h.next_command = 0;
	memset(h.signature, 0, sizeof(h.signature));
	if (r->async_id != 0) {
		h.flags |= SMB2_FLAGS_ASYNC_COMMAND;
		h.async_id = r->async_id;
		h.credits = 0;
		return h;
	}
	h.credits = r->credits;
	return h;
}

/* 2.2.2.1: with 3.1.1 the data of an error is a context, of the one kind that there is. */
static void error_context(struct srv_request *r, struct smb2_error_rsp *error)
{
	uint8_t *p;

	if (error->error_data.len == 0 || r->conn->proto.dialect < SMB2_DIALECT_311)
		return;
	p = arena_alloc(&r->arena, 8 + error->error_data.len);
	if (!p) {
		error->error_data = slice_of(NULL, 0);
		return;
	}
	store_le32(p, (uint32_t)error->error_data.len);
	store_le32(p + 4, 0);
	memcpy(p + 8, error->error_data.data, error->error_data.len);
	error->error_data = slice_of(p, 8 + error->error_data.len);
	error->error_context_count = 1;
}

static void encode_body(struct wire *w, struct srv_request *r, const struct srv_result *res)
{
	if (response_is_error(res)) {
		struct smb2_error_rsp error = {.error_data = r->error_data};

		error_context(r, &error);
		smb2_error_rsp_code(w, &error);
		return;
	}
	r->message->rsp_code(w, r->body);
}

static bool encode(struct srv_request *r, struct smb2_header *h, const struct srv_result *res, size_t *len)
{
	size_t want = ROOM_LEAST_BYTES;

	for (;;) {
		struct wire w = wire_encoder(r->head, 0, r->head_cap - 8);

		w.dialect = r->conn->proto.dialect;
		smb2_header_code(&w, h);
		encode_body(&w, r, res);
		*len = w.pos;
		if (wire_ok(&w))
			return true;
		/* Only a long security token or context list gets here, and neither comes with a payload. */
		want = r->head_cap * 2;
		if (!nt_is(w.error, STATUS_BUFFER_OVERFLOW) || want > ROOM_MOST_BYTES || r->payload.data)
			return false;
		r->head = srv_out_room(r->out, want, &r->head_cap);
		if (!r->head)
			return false;
	}
}

/* A NetBIOS session cannot carry longer frames: what a chain reads beyond one is too much for it. */
static bool fits_frame(const struct srv_out *o, size_t payload_len)
{
	size_t size = SMB2_TRANSFORM_SIZE + ROOM_LEAST_BYTES + payload_len;

	for (size_t i = 0; i < o->count; i++)
		size += round_up(o->elements[i].head_len + o->elements[i].payload_len, 8);
	return !o->conn->proto.netbios || size <= NET_NBSS_FRAME_MAX;
}

bool srv_response_build(struct srv_request *r, struct srv_result res)
{
	struct srv_out *o = r->out;
	struct srv_out_element *e = &o->elements[o->count];
	struct smb2_header h;
	bool with_payload;
	size_t len;

	if (!response_is_error(&res) && r->payload.len > 0 && !fits_frame(o, r->payload.len))
		res = srv_reply(STATUS_INSUFFICIENT_RESOURCES);
	h = response_header(r, res.status);
	with_payload = !response_is_error(&res) && r->payload.len > 0;

	if (!with_payload)
		r->payload.data = NULL;
	if (!encode(r, &h, &res, &len)) {
		log_error("%s: cannot encode the response to %s", r->conn->peer, r->message->name);
		return false;
	}
	*e = (struct srv_out_element){.head = r->head, .head_len = len, .hash_into = r->hash_into};
	if (with_payload && r->payload.pipes.count > 0) {
		o->pipes = r->payload.pipes;
		e->payload_len = r->payload.len;
		r->payload.pipes.count = 0;
	} else if (with_payload && r->payload.owner) {
		e->payload = r->payload.data;
		e->payload_len = r->payload.len;
	} else if (with_payload) {
		e->head_len += r->payload.len;
	}
	e->sign = response_signed(r, res.status);
	e->channel = r->channel ? srv_channel_ref(r->channel) : NULL;
	/* The next one of a chain begins where this one's padding ends, and they are one piece. */
	o->head_used = (size_t)(e->head - o->head->data) + round_up(e->head_len, 8);
	o->count++;
	return true;
}

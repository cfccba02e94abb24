/* NEGOTIATE: [MS-SMB2] 2.2.3, 2.2.4, 3.3.5.4, and 3.3.5.3 for the SMB1 message that may come first. */
#include "server/cmd.h"
#include "server/negotiate.h"
#include "server/smb1/smb1.h"
#include "server/smb1_negotiate.h"

#include "base/log.h"

void srv_negotiate_finish(struct srv_conn *c, struct arena *a, struct smb2_negotiate_rsp *out)
{
	out->system_time = clock_filetime(c->srv->clock);
	out->server_start_time = 0;
	out->security_buffer = auth_server_hint(a);
	log_debug("%s: dialect 0x%04x, cipher %u, signing %u", c->peer, c->proto.dialect, c->proto.cipher, c->proto.signing);
}

/* The hash of 3.1.1 covers the request as it came and the response as it goes. */
static void begin_preauth(struct srv_request *r)
{
	struct iovec request = {(void *)(uintptr_t)r->raw.data, r->raw.len};

	memset(r->conn->proto.preauth, 0, sizeof(r->conn->proto.preauth));
	r->hash_into = r->conn->proto.preauth;
	preauth_update(r->conn->proto.preauth, &request, 1);
}

/* [MS-SMB2] 3.3.5.4 */
struct srv_result cmd_negotiate(struct srv_request *r, const struct smb2_negotiate_req *in, struct smb2_negotiate_rsp *out)
{
	ntstatus status;

	if (r->header.session_id != 0)
		return srv_reply(STATUS_USER_SESSION_DELETED);
	status = proto_server_negotiate(&r->conn->proto, &r->srv->proto, in, out, &r->arena);
	if (!nt_ok(status))
		return srv_reply(status);
	if (r->conn->proto.dialect >= SMB2_DIALECT_311)
		begin_preauth(r);
	srv_negotiate_finish(r->conn, &r->arena, out);
	return srv_reply(STATUS_SUCCESS);
}

/* [MS-SMB2] 3.3.5.3: the answer is an SMB2 NEGOTIATE response to message id 0. */
bool srv_smb1_negotiate(struct srv_chain *ch, struct slice message)
{
	struct srv_conn *c = ch->conn;
	struct smb2_negotiate_rsp *rsp;
	struct srv_request *r;
	ntstatus status = STATUS_INSUFFICIENT_RESOURCES;
	bool ok = false;

	if (c->proto.dialect != 0)
		return false;
	r = srv_request_new(c);
	if (!r)
		return false;
	r->message = smb2_message_of(SMB2_NEGOTIATE);
	r->out = ch->out;
	r->head = srv_out_room(ch->out, 1024, &r->head_cap);
	rsp = arena_zalloc(&r->arena, sizeof(*rsp));
	r->body = rsp;
	if (r->head && rsp)
		status = proto_server_negotiate_smb1(&c->proto, &c->srv->proto, message, rsp);
	if (nt_ok(status)) {
		pthread_mutex_lock(&c->lock);
		ok = proto_window_take(&c->window, 0, 1);
		r->credits = proto_window_grant(&c->window, 1, 1);
		pthread_mutex_unlock(&c->lock);
		srv_negotiate_finish(c, &r->arena, rsp);
		ok = ok && srv_response_build(r, srv_reply(STATUS_SUCCESS));
	}
	srv_request_free(r);
	srv_out_flush(ch->out, ch->batch);
	/* 3.3.5.3.2: no dialect of ours. */
	return nt_is(status, STATUS_NOT_SUPPORTED) ? srv1_negotiate(c, message, ch->batch) : ok;
}

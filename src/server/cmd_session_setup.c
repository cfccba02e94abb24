/* SESSION_SETUP: [MS-SMB2] 2.2.5, 2.2.6, 3.3.5.5. The legs of one logon run under the connection's receive token, in order. */
#include "server/cmd.h"
#include "server/conn.h"
#include "server/tables.h"

#include "base/log.h"

#include <stdatomic.h>

enum { FRAME_OVERHEAD_BYTES = 4096 };

/* 3.3.5.5, the checks before a session is looked up. */
static ntstatus check_encryption_policy(const struct srv_request *r)
{
	const struct srv *srv = r->srv;
	const struct proto_conn *p = &r->conn->proto;

	if (srv->proto.encryption == PROTO_ENCRYPTION_REQUIRED && p->cipher == SEAL_NONE)
		return STATUS_ACCESS_DENIED;
	return STATUS_SUCCESS;
}

/* A logon that has no valid session to lose is over; a failed re-authentication takes its session with it (B254, G032). */
static struct srv_result logon_failed(struct srv_request *r, struct srv_session *s, ntstatus status)
{
	log_info("%s: logon failed: %s", r->conn->peer, hythe_status_text(status));
	srv_session_end(s);
	return srv_reply(status);
}

/* A fresh acceptor for a new logon or a re-authentication (3.3.5.5.1, 3.3.5.5.2). */
static ntstatus begin_auth(struct srv_request *r, struct srv_session *s)
{
	const struct auth_server_config cfg = {
		.users = r->srv->users,
		.netbios_name = r->srv->netbios_name,
		.dns_name = r->srv->netbios_name,
		.allow_anonymous = true,
		.guest = r->srv->guest,
		.clock = r->srv->clock,
	};

	if (s->auth)
		return STATUS_SUCCESS;
	s->auth = auth_server_new(&cfg);
	if (!s->auth)
		return STATUS_INSUFFICIENT_RESOURCES;
	if (s->state == SRV_SESSION_VALID || s->state == SRV_SESSION_EXPIRED)
		s->reauthenticating = true;
	return STATUS_SUCCESS;
}

/* PreviousSessionId (3.3.5.5.3, inventory B269): the same user's old session ends as if its connection had been lost. */
static void end_previous(struct srv_request *r, struct srv_session *s, uint64_t previous_id, const struct auth_identity *id)
{
	struct srv_session *old;
	bool same = false;

	if (previous_id == 0 || previous_id == s->id)
		return;
	old = srv_session_find_global(r->srv, previous_id);
	if (old) {
		pthread_mutex_lock(&old->lock);
		same = !old->identity.anonymous && !old->identity.guest && strcmp(old->identity.user, id->user) == 0;
		pthread_mutex_unlock(&old->lock);
	}
	if (same)
		srv_session_end_for_good(old);
	srv_session_put(old);
}

/* false: another connection, whose PreviousSessionId this one is, has ended the session meanwhile; it stays ended. */
static bool become_valid(struct srv_session *s, const struct auth_identity *id)
{
	bool alive;

	pthread_mutex_lock(&s->lock);
	alive = s->state != SRV_SESSION_GONE;
	if (alive) {
		/* Re-authentication may be as somebody else; trees and opens stay what they were made (D012). */
		s->identity = *id;
		bytes_wipe(s->identity.session_key, sizeof(s->identity.session_key));
		atomic_store(&s->state, SRV_SESSION_VALID);
	}
	pthread_mutex_unlock(&s->lock);
	return alive;
}

static ntstatus make_keys(struct srv_request *r, struct srv_session *s)
{
	const struct auth_identity *id = auth_server_identity(s->auth);
	const uint8_t *preauth = r->conn->proto.dialect >= SMB2_DIALECT_311 ? s->preauth : NULL;
	ntstatus status;

	/* Re-authentication keeps the keys of the first time (D012). */
	if (s->have_keys || id->session_key_len == 0)
		return STATUS_SUCCESS;
	status = proto_keys_derive(&s->keys, &r->conn->proto, slice_of(id->session_key, id->session_key_len), preauth, true, false);
	s->have_keys = nt_ok(status);
	return status;
}

/* B262, G034: only a user with a key can be held to signing. */
static void decide_signing(struct srv_request *r, struct srv_session *s, const struct smb2_session_setup_req *in)
{
	bool wanted = (in->security_mode & SMB2_NEGOTIATE_SIGNING_REQUIRED) != 0 || r->conn->proto.should_sign ||
		r->srv->proto.signing_required;

	s->signing_required = wanted && s->have_keys;
}

/* B267: the server's own wish, for every session that can. */
static void decide_encryption(struct srv_request *r, struct srv_session *s)
{
	s->encrypt_data = r->srv->encrypt_sessions && s->have_keys && s->keys.send != NULL;
}

/* Anonymous is whoever likes to be: what strangers cannot make us hold, he cannot either. */
static void trust(struct srv_conn *c)
{
	const struct proto_conn *p = &c->proto;
	uint32_t most = p->max_write_bytes > p->max_transact_bytes ? p->max_write_bytes : p->max_transact_bytes;

	net_conn_limit(c->net, (size_t)most + FRAME_OVERHEAD_BYTES);
	atomic_store(&c->trusted, true);
}

/* The last leg (3.3.5.5.3). */
static struct srv_result logged_on(struct srv_request *r, struct srv_session *s, const struct smb2_session_setup_req *in,
	struct smb2_session_setup_rsp *out)
{
	const struct auth_identity *id = auth_server_identity(s->auth);
	bool again = s->reauthenticating;
	ntstatus status = make_keys(r, s);

	if (!nt_ok(status))
		return logon_failed(r, s, status);
	if (!again) {
		if (id->anonymous && r->srv->proto.encryption == PROTO_ENCRYPTION_REQUIRED)
			return logon_failed(r, s, STATUS_ACCESS_DENIED);
		decide_signing(r, s, in);
		decide_encryption(r, s);
	}
	if (!again)
		end_previous(r, s, in->previous_session_id, id);
	if (!become_valid(s, id))
		return logon_failed(r, s, STATUS_USER_SESSION_DELETED);
	s->reauthenticating = false;
	auth_server_free(s->auth);
	s->auth = NULL;
	srv_conn_known(r->conn);
	if (!s->identity.anonymous)
		trust(r->conn);
	out->session_flags = (uint16_t)((s->identity.guest ? SMB2_SESSION_FLAG_IS_GUEST : 0) |
		(s->identity.anonymous ? SMB2_SESSION_FLAG_IS_NULL : 0) | (s->encrypt_data ? SMB2_SESSION_FLAG_ENCRYPT_DATA : 0));
	r->sign_response = s->have_keys;
	log_info("%s: %s logged on", r->conn->peer, s->identity.anonymous ? "nobody (anonymous)" : s->identity.user);
	return srv_reply(STATUS_SUCCESS);
}

static ntstatus hash_request(struct srv_request *r, struct srv_session *s)
{
	struct iovec request = {(void *)(uintptr_t)r->raw.data, r->raw.len};

	if (r->conn->proto.dialect < SMB2_DIALECT_311 || s->state != SRV_SESSION_IN_PROGRESS)
		return STATUS_SUCCESS;
	return preauth_update(s->preauth, &request, 1);
}

/* The session of a SESSION_SETUP: a new one for id 0 (3.3.5.5). */
static ntstatus find_session(struct srv_request *r)
{
	if (r->session)
		return r->session->state == SRV_SESSION_GONE ? STATUS_USER_SESSION_DELETED : STATUS_SUCCESS;
	if (r->header.session_id != 0)
		return STATUS_USER_SESSION_DELETED;
	r->session = srv_session_new(r->conn);
	if (!r->session)
		return STATUS_INSUFFICIENT_RESOURCES;
	r->header.session_id = r->session->id;
	return STATUS_SUCCESS;
}

/* [MS-SMB2] 3.3.5.5 */
struct srv_result cmd_session_setup(struct srv_request *r, const struct smb2_session_setup_req *in, struct smb2_session_setup_rsp *out)
{
	ntstatus status = check_encryption_policy(r);
	struct srv_session *s;

	/* B247: a session has one channel. */
	if (nt_ok(status) && (in->flags & SMB2_SESSION_FLAG_BINDING))
		status = STATUS_REQUEST_NOT_ACCEPTED;
	if (nt_ok(status))
		status = find_session(r);
	if (!nt_ok(status))
		return srv_reply(status);
	s = r->session;
	status = begin_auth(r, s);
	if (nt_ok(status))
		status = hash_request(r, s);
	if (!nt_ok(status))
		return logon_failed(r, s, status);
	status = auth_server_step(s->auth, in->security_buffer, &r->arena, &out->security_buffer);
	if (nt_ok(status))
		return logged_on(r, s, in, out);
	if (!nt_is(status, STATUS_MORE_PROCESSING_REQUIRED))
		return logon_failed(r, s, status);
	if (r->conn->proto.dialect >= SMB2_DIALECT_311 && s->state == SRV_SESSION_IN_PROGRESS)
		r->hash_into = s->preauth;
	return srv_reply_body(status);
}

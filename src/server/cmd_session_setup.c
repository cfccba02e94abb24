/* SESSION_SETUP: [MS-SMB2] 2.2.5, 2.2.6, 3.3.5.5. The legs of one logon run under the connection's receive token, in order. */
#include "server/cmd.h"
#include "server/conn.h"
#include "server/tables.h"

#include "base/log.h"

#include <stdatomic.h>
#include <stdlib.h>

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

/* A logon that has no valid session to lose is over; a failed re-authentication takes its session with it (B254); a failed binding leaves the
 * session to its other channels (G032). */
static struct srv_result logon_failed(struct srv_request *r, ntstatus status)
{
	log_info("%s: logon failed: %s", r->conn->peer, hythe_status_text(status));
	if (r->channel->state == SRV_CHANNEL_OPEN || srv_channel_leave(r->channel))
		srv_session_end(r->session);
	return srv_reply(status);
}

/* A fresh acceptor for a new logon, a binding or a re-authentication (3.3.5.5.1, 3.3.5.5.2). */
static ntstatus begin_auth(struct srv_request *r, struct srv_channel *ch)
{
	const struct auth_server_config cfg = {
		.users = r->srv->users,
		.netbios_name = r->srv->netbios_name,
		.dns_name = r->srv->netbios_name,
		.allow_anonymous = true,
		.guest = r->srv->guest,
		.clock = r->srv->clock,
	};

	if (ch->auth)
		return STATUS_SUCCESS;
	ch->auth = auth_server_new(&cfg);
	if (!ch->auth)
		return STATUS_INSUFFICIENT_RESOURCES;
	ch->reauthenticating = ch->state == SRV_CHANNEL_OPEN && ch->session->state != SRV_SESSION_IN_PROGRESS;
	return STATUS_SUCCESS;
}

static void end_auth(struct srv_channel *ch)
{
	ch->reauthenticating = false;
	auth_server_free(ch->auth);
	ch->auth = NULL;
}

/* PreviousSessionId (3.3.5.5.3, inventory B269): the same user's old session ends as if its connection had been lost. */
static void end_previous(struct srv_request *r, struct srv_session *s, uint64_t previous_id, const struct auth_identity *id)
{
	struct srv_session *old;

	if (previous_id == 0 || previous_id == s->id)
		return;
	old = srv_session_find_global(r->srv, previous_id);
	if (old && srv_session_is(old, id->user))
		srv_session_end_for_good(old);
	srv_session_put(old);
}

static const uint8_t *preauth_of(const struct srv_channel *ch)
{
	return ch->conn->proto.dialect >= SMB2_DIALECT_311 ? ch->preauth : NULL;
}

static ntstatus make_keys(struct srv_channel *ch)
{
	const struct auth_identity *id = auth_server_identity(ch->auth);
	struct srv_session *s = ch->session;
	ntstatus status;

	/* Re-authentication keeps the keys of the first time (D012). */
	if (s->have_keys || id->session_key_len == 0)
		return STATUS_SUCCESS;
	status = proto_keys_derive(&s->keys, &ch->conn->proto, slice_of(id->session_key, id->session_key_len), preauth_of(ch), true, false);
	if (nt_ok(status)) {
		atomic_store(&s->have_keys, true);
		atomic_store(&ch->signing, &s->keys);
	}
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

/* What every successful logon makes of its connection, and what is answered to it. */
static struct srv_result answer_logon(struct srv_request *r, const struct auth_identity *id, struct smb2_session_setup_rsp *out)
{
	struct srv_session *s = r->session;

	srv_conn_known(r->conn);
	if (!id->anonymous)
		trust(r->conn);
	out->session_flags = (uint16_t)((id->guest ? SMB2_SESSION_FLAG_IS_GUEST : 0) | (id->anonymous ? SMB2_SESSION_FLAG_IS_NULL : 0) |
		(s->encrypt_data ? SMB2_SESSION_FLAG_ENCRYPT_DATA : 0));
	r->sign_response = s->have_keys;
	log_info("%s: %s %s", r->conn->peer, id->anonymous ? "nobody (anonymous)" : id->user,
		r->channel->own ? "has bound another connection" : "logged on");
	end_auth(r->channel);
	return srv_reply(STATUS_SUCCESS);
}

/* The last leg (3.3.5.5.3). */
static struct srv_result logged_on(struct srv_request *r, const struct smb2_session_setup_req *in, struct smb2_session_setup_rsp *out)
{
	struct srv_session *s = r->session;
	const struct auth_identity *id = auth_server_identity(r->channel->auth);
	bool again = r->channel->reauthenticating;
	ntstatus status = make_keys(r->channel);

	if (!nt_ok(status))
		return logon_failed(r, status);
	if (!again) {
		if (id->anonymous && r->srv->proto.encryption == PROTO_ENCRYPTION_REQUIRED)
			return logon_failed(r, STATUS_ACCESS_DENIED);
		decide_signing(r, s, in);
		decide_encryption(r, s);
		end_previous(r, s, in->previous_session_id, id);
	}
	status = srv_session_logged_on(s, id);
	return nt_ok(status) ? answer_logon(r, id, out) : logon_failed(r, status);
}

/* --- binding --- */

/* What one connection signs with and the other cannot. The text knows no GMAC; Windows has these answers, before any other. */
static ntstatus check_algorithms(const struct proto_conn *p, const struct proto_keys *keys)
{
	bool session = keys->signing == SIGN_AES_GMAC, here = p->dialect >= SMB2_DIALECT_311 && p->signing == SIGN_AES_GMAC;

	if (session == here)
		return STATUS_SUCCESS;
	return session ? STATUS_REQUEST_OUT_OF_SEQUENCE : STATUS_NOT_SUPPORTED;
}

/* 3.3.5.5: a session that somebody may be bound to who has its key. */
static ntstatus check_bindable(const struct srv_request *r, struct srv_session *s)
{
	const struct proto_conn *p = &r->conn->proto;

	if (s->state == SRV_SESSION_GONE)
		return STATUS_USER_SESSION_DELETED;
	if (p->dialect != s->dialect)
		return STATUS_INVALID_PARAMETER;
	if (!(r->header.flags & SMB2_FLAGS_SIGNED))
		return STATUS_INVALID_PARAMETER;
	if (s->state == SRV_SESSION_IN_PROGRESS)
		return STATUS_REQUEST_NOT_ACCEPTED;
	if (s->state == SRV_SESSION_EXPIRED)
		return STATUS_NETWORK_SESSION_EXPIRED;
	if (!srv_session_is_named(s))
		return STATUS_NOT_SUPPORTED;
	if (r->channel && r->channel->state == SRV_CHANNEL_OPEN)
		return STATUS_REQUEST_NOT_ACCEPTED;
	/* Only whoever has the key gets further, whatever was said before. */
	if (!r->channel || !r->verified)
		return STATUS_ACCESS_DENIED;
	/* Whatever is sealed is sealed by the session's keys, on every connection. */
	return p->cipher == (uint16_t)s->keys.cipher ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* 3.3.5.5, item 4 */
static ntstatus find_binding(struct srv_request *r)
{
	const struct proto_conn *p = &r->conn->proto;
	bool capable = (r->srv->proto.capabilities & SMB2_GLOBAL_CAP_MULTI_CHANNEL) != 0;
	struct srv_session *s;
	ntstatus status = STATUS_SUCCESS;

	if (capable && r->verified)
		status = check_algorithms(p, &r->session->keys);
	if (nt_ok(status) && (p->dialect < SMB2_DIALECT_300 || !capable))
		status = STATUS_REQUEST_NOT_ACCEPTED;
	if (!nt_ok(status))
		return status;
	s = r->session ? srv_session_ref(r->session) : srv_session_find_global(r->srv, r->header.session_id);
	if (!s)
		return STATUS_USER_SESSION_DELETED;
	status = check_bindable(r, s);
	srv_session_put(s);
	if (!nt_ok(status) || r->channel->auth)
		return status;
	/* The first leg: the channel is there from now on. */
	status = srv_channel_enter(r->channel);
	if (!nt_ok(status))
		(void)!srv_channel_leave(r->channel);
	return status;
}

/* 3.3.5.5 has the name compared before it can be known (G033). */
static bool same_user(struct srv_session *s, const struct auth_identity *id)
{
	return !id->anonymous && !id->guest && srv_session_is(s, id->user);
}

/* The last leg of a binding (3.3.5.5.3): the key that signs on this connection comes from this logon, all else is the session's. */
static struct srv_result bound(struct srv_request *r, struct smb2_session_setup_rsp *out)
{
	struct srv_channel *ch = r->channel;
	const struct auth_identity *id = auth_server_identity(ch->auth);
	ntstatus status;

	/* The text has NOT_SUPPORTED, where Windows says this. */
	if (!same_user(r->session, id))
		return logon_failed(r, STATUS_ACCESS_DENIED);
	ch->own = calloc(1, sizeof(*ch->own));
	if (!ch->own)
		return logon_failed(r, STATUS_INSUFFICIENT_RESOURCES);
	status = proto_keys_derive(ch->own, &r->conn->proto, slice_of(id->session_key, id->session_key_len), preauth_of(ch), true, true);
	if (nt_ok(status) && !srv_channel_open(ch))
		status = STATUS_USER_SESSION_DELETED;
	return nt_ok(status) ? answer_logon(r, id, out) : logon_failed(r, status);
}

/* --- */

static bool has_preauth(const struct srv_channel *ch)
{
	return ch->conn->proto.dialect >= SMB2_DIALECT_311 && !ch->reauthenticating;
}

static void hash_request(struct srv_request *r)
{
	struct iovec request = {(void *)(uintptr_t)r->raw.data, r->raw.len};

	if (has_preauth(r->channel))
		preauth_update(r->channel->preauth, &request, 1);
}

/* The session of a SESSION_SETUP: a new one for id 0 (3.3.5.5). */
static ntstatus find_session(struct srv_request *r)
{
	if (r->session)
		return r->session->state == SRV_SESSION_GONE || r->channel->state != SRV_CHANNEL_OPEN ? STATUS_USER_SESSION_DELETED : STATUS_SUCCESS;
	if (r->header.session_id != 0)
		return STATUS_USER_SESSION_DELETED;
	r->channel = srv_session_new(r->conn);
	if (!r->channel)
		return STATUS_INSUFFICIENT_RESOURCES;
	r->session = r->channel->session;
	r->header.session_id = r->session->id;
	return STATUS_SUCCESS;
}

/* [MS-SMB2] 3.3.5.5 */
struct srv_result cmd_session_setup(struct srv_request *r, const struct smb2_session_setup_req *in, struct smb2_session_setup_rsp *out)
{
	bool binding = (in->flags & SMB2_SESSION_FLAG_BINDING) != 0;
	ntstatus status = check_encryption_policy(r);

	if (nt_ok(status))
		status = binding ? find_binding(r) : find_session(r);
	if (!nt_ok(status))
		return srv_reply(status);
	status = begin_auth(r, r->channel);
	if (!nt_ok(status))
		return logon_failed(r, status);
	hash_request(r);
	status = auth_server_step(r->channel->auth, in->security_buffer, &r->arena, &out->security_buffer);
	if (nt_ok(status))
		return binding ? bound(r, out) : logged_on(r, in, out);
	if (!nt_is(status, STATUS_MORE_PROCESSING_REQUIRED))
		return logon_failed(r, status);
	if (has_preauth(r->channel))
		r->hash_into = r->channel->preauth;
	return srv_reply_body(status);
}

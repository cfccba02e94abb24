/* Logging on and off: [MS-CIFS] 2.2.4.53, 2.2.4.54, 3.3.5.43, 3.3.5.44, [MS-SMB] 2.2.4.6, 3.3.5.3. With extended security the tokens are SPNEGO's, as in
 * SMB2; without, the client answers the challenge of NEGOTIATE. The legs of a logon run under the connection's receive token, in order. */
#include "server/smb1/op.h"

#include "server/smb1/trees.h"
#include "server/tables.h"

#include "base/log.h"
#include "base/utf16.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { FRAME_OVERHEAD_BYTES = 4096, LEAST_BUFFER = 1024 };

/* The session of a UID in any state, into op; false: there is none. */
static bool find_any(struct srv1_op *op)
{
	struct srv1_session *s;

	pthread_mutex_lock(&op->smb1->lock);
	s = srv1_table_find_locked(&op->smb1->sessions, op->header.uid);
	if (s && s->channel->session->state != SRV_SESSION_GONE) {
		op->channel = srv_channel_ref(s->channel);
		op->session = s->channel->session;
		op->ntlmv1 = s->ntlmv1;
	}
	pthread_mutex_unlock(&op->smb1->lock);
	return op->channel != NULL;
}

ntstatus srv1_session_find(struct srv1_op *op)
{
	if (!find_any(op) || op->session->state != SRV_SESSION_VALID)
		return STATUS_SMB_BAD_UID;
	op->session->idle_since_ms = clock_lately_ms(op->conn->srv->clock);
	return STATUS_SUCCESS;
}

static void session_forget(struct srv1_op *op, uint16_t uid)
{
	struct srv1_session *s;

	pthread_mutex_lock(&op->smb1->lock);
	s = srv1_table_find_locked(&op->smb1->sessions, uid);
	srv1_table_remove_locked(&op->smb1->sessions, uid);
	pthread_mutex_unlock(&op->smb1->lock);
	srv1_files_forget(op, uid, 0);
	srv1_uses_forget(op, uid);
	if (s)
		srv_channel_put(s->channel);
	free(s);
}

/* A new session with a UID, in op. */
static ntstatus session_new(struct srv1_op *op)
{
	struct srv1_session *s = calloc(1, sizeof(*s));
	struct srv_channel *ch = s ? srv_session_new(op->conn) : NULL;
	uint16_t uid = 0;

	if (ch) {
		s->channel = srv_channel_ref(ch);
		pthread_mutex_lock(&op->smb1->lock);
		uid = op->smb1->lost ? 0 : srv1_table_add_locked(&op->smb1->sessions, s, op->conn->srv->limits.sessions_per_connection);
		s->uid = uid;
		pthread_mutex_unlock(&op->smb1->lock);
	}
	if (uid == 0) {
		if (ch) {
			srv_session_end(ch->session);
			srv_channel_put(ch);
			srv_channel_put(ch);
		}
		free(s);
		return STATUS_INSUFFICIENT_RESOURCES;
	}
	op->channel = ch;
	op->session = ch->session;
	op->header.uid = uid;
	return STATUS_SUCCESS;
}

static enum srv1_next logon_failed(struct srv1_op *op, ntstatus status)
{
	log_info("%s: logon failed: %s", op->conn->peer, hythe_status_text(status));
	srv_session_end(op->session);
	session_forget(op, op->header.uid);
	op->header.uid = 0;
	return srv1_done(op, status);
}

/* [MS-CIFS] 3.3.5.43: the first user with a key decides for the connection. */
static ntstatus begin_signing(struct srv1_op *op, const struct auth_identity *id, struct slice response)
{
	bool wanted = op->conn->srv->proto.signing_required ||
		(op->header.flags2 & (SMB1_FLAGS2_SECURITY_SIGNATURE | SMB1_FLAGS2_SIGNATURE_REQUIRED)) != 0;

	if (op->smb1->signing || id->session_key_len == 0 || !wanted)
		return STATUS_SUCCESS;
	return srv1_signing_begin(op, slice_of(id->session_key, id->session_key_len), response);
}

static void note_client(struct srv1_op *op, const struct smb1_session_setup_req *in)
{
	atomic_store(&op->smb1->capabilities, in->capabilities);
	atomic_store(&op->smb1->max_buffer, in->max_buffer_size < LEAST_BUFFER ? LEAST_BUFFER : in->max_buffer_size);
}

static enum srv1_next logged_on(struct srv1_op *op, const struct auth_identity *id, struct slice response)
{
	struct smb1_session_setup_rsp *out = op->out;
	struct srv_conn *c = op->conn;
	ntstatus status = begin_signing(op, id, response);
	bool trusted;

	if (nt_ok(status))
		status = srv_session_logged_on(op->session, id);
	if (!nt_ok(status))
		return logon_failed(op, status);
	log_info("%s: %s logged on, by SMB1", c->peer, id->anonymous ? "nobody (anonymous)" : id->user);
	out->action = id->guest ? SMB1_SETUP_GUEST : 0;
	trusted = !id->anonymous;
	/* What id points to goes here. */
	op->channel->reauthenticating = false;
	auth_server_free(op->channel->auth);
	op->channel->auth = NULL;
	note_client(op, op->in);
	srv_conn_known(c);
	if (trusted) {
		net_conn_limit(c->net, SRV1_MOST_IO + FRAME_OVERHEAD_BYTES);
		atomic_store(&c->trusted, true);
	}
	return srv1_done(op, STATUS_SUCCESS);
}

static struct auth_server_config auth_config(const struct srv *srv)
{
	return (struct auth_server_config){
		.users = srv->users,
		.netbios_name = srv->netbios_name,
		.dns_name = srv->netbios_name,
		.allow_anonymous = true,
		.guest = srv->guest,
		.clock = srv->clock,
	};
}

static void describe(struct srv1_op *op, struct smb1_session_setup_rsp *out)
{
	out->native_os = srv1_ascii_out(op, "Hythe");
	out->native_lan_man = srv1_ascii_out(op, "Hythe");
	out->primary_domain = srv1_ascii_out(op, op->conn->srv->workgroup);
}

/* [MS-SMB] 3.3.5.3 */
static enum srv1_next setup_extended(struct srv1_op *op, const struct smb1_session_setup_req *in)
{
	struct auth_server_config cfg = auth_config(op->conn->srv);
	struct smb1_session_setup_rsp *out = op->out;
	struct srv_channel *ch;
	ntstatus status = STATUS_SUCCESS;

	if (!find_any(op) && op->header.uid != 0)
		return srv1_done(op, STATUS_SMB_BAD_UID);
	if (!op->channel)
		status = session_new(op);
	if (!nt_ok(status))
		return srv1_done(op, status);
	ch = op->channel;
	if (!ch->auth) {
		ch->auth = auth_server_new(&cfg);
		ch->reauthenticating = ch->auth && op->session->state == SRV_SESSION_VALID;
	}
	if (!ch->auth)
		return logon_failed(op, STATUS_INSUFFICIENT_RESOURCES);
	status = auth_server_step(ch->auth, in->security_blob, &op->arena, &out->security_blob);
	out->word_count = 4;
	describe(op, out);
	if (nt_ok(status))
		return logged_on(op, auth_server_identity(ch->auth), slice_of(NULL, 0));
	if (!nt_is(status, STATUS_MORE_PROCESSING_REQUIRED))
		return logon_failed(op, status);
	op->with_body = true;
	return srv1_done(op, status);
}

/* Whether there is a share for those who can do no better. */
static bool any_ntlmv1(struct srv *srv)
{
	bool any = false;

	pthread_mutex_lock(&srv->lock);
	list_for_each(n, &srv->shares)
		any = any || list_entry(n, struct srv_share, link)->ntlmv1;
	pthread_mutex_unlock(&srv->lock);
	return any;
}

static void note_ntlmv1(struct srv1_op *op, bool ntlmv1)
{
	struct srv1_session *s;

	pthread_mutex_lock(&op->smb1->lock);
	s = srv1_table_find_locked(&op->smb1->sessions, op->header.uid);
	if (s)
		s->ntlmv1 = ntlmv1;
	pthread_mutex_unlock(&op->smb1->lock);
	op->ntlmv1 = ntlmv1;
}

/* [MS-CIFS] 3.3.5.43. Each such logon is a session of its own. */
static enum srv1_next setup_response(struct srv1_op *op, const struct smb1_session_setup_req *in)
{
	struct auth_server_config cfg = auth_config(op->conn->srv);
	struct auth_claim response = {
		.user = srv1_text(op, in->account_name),
		.domain = srv1_text(op, in->primary_domain),
		.lm = in->oem_password,
		.nt = in->unicode_password,
		.allow_ntlmv1 = any_ntlmv1(op->conn->srv),
	};
	struct auth_identity id = {0};
	ntstatus status;
	bool ntlmv1 = false;
	enum srv1_next next;

	memcpy(response.challenge, op->smb1->challenge, sizeof(response.challenge));
	status = auth_claim_check(&cfg, &response, &id, &ntlmv1);
	if (nt_ok(status))
		status = session_new(op);
	if (!nt_ok(status)) {
		log_info("%s: logon failed: %s", op->conn->peer, hythe_status_text(status));
		return srv1_done(op, status);
	}
	note_ntlmv1(op, ntlmv1);
	((struct smb1_session_setup_rsp *)op->out)->word_count = 3;
	describe(op, op->out);
	next = logged_on(op, &id, in->unicode_password.len > 0 ? in->unicode_password : in->oem_password);
	bytes_wipe(&id, sizeof(id));
	return next;
}

/* [MS-CIFS] 3.3.5.43. Passwords in the clear, which the form of 10 words has, are LM's at best. */
enum srv1_next srv1_session_setup(struct srv1_op *op)
{
	const struct smb1_session_setup_req *in = op->in;

	/* 3.3.5.43 has a session take the place of others of its client for VcNumber 0; several clients may be behind one address. */
	if (in->word_count == 12)
		return op->smb1->extended_security ? setup_extended(op, in) : srv1_done(op, STATUS_INVALID_SMB);
	/* With extended security nobody has been told the challenge: nobody but the anonymous can log on this way then. */
	if (in->word_count != 13)
		return srv1_done(op, STATUS_INVALID_SMB);
	return setup_response(op, in);
}

/* [MS-CIFS] 3.3.5.44 */
enum srv1_next srv1_logoff(struct srv1_op *op)
{
	srv_session_end(op->session);
	session_forget(op, op->header.uid);
	return srv1_done(op, STATUS_SUCCESS);
}

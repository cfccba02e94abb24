/* Logging on: [MS-CIFS] 3.2.4.2.4, 3.2.5.3, [MS-SMB] 3.2.4.2.4, 3.2.5.3: SESSION_SETUP_ANDX with SPNEGO tokens in several steps, or, for a server without
 * extended security, with the answer to NEGOTIATE's challenge in one; and the key that signs from then on. NTLMv2 and LMv2 only. */
#include "client/smb1/smb1.h"

#include "auth/auth.h"
#include "base/oem.h"
#include "base/utf16.h"

#include <stdlib.h>

enum { ARENA_BYTES = 8192, LEGS_MAX = 8, OUR_BUFFER = 0xFFFF, VC_NUMBER = 1, TEXT_MOST = 1024, KEY_BYTES = 16 };

struct login {
	struct hythe_connection *conn;
	struct hythe_session *session;
	const struct hythe_connect_options *options;
	struct auth_client_config cfg;
	struct arena arena;
	struct cli_reply reply;
	struct smb1_header header;
	struct smb1_session_setup_rsp rsp; /* a view into the reply */
};

static uint32_t our_capabilities(const struct cli1 *s)
{
	uint32_t caps = SMB1_CAP_STATUS32 | SMB1_CAP_LARGE_FILES | SMB1_CAP_NT_SMBS | SMB1_CAP_NT_FIND | SMB1_CAP_LARGE_READX | SMB1_CAP_LARGE_WRITEX;
	if (s->unicode)
		caps |= SMB1_CAP_UNICODE;
	if (s->extended_security)
		caps |= SMB1_CAP_EXTENDED_SECURITY;
	return caps;
}

/* In the server's character set, in the arena. */
static struct slice text_of(struct login *l, const char *utf8)
{
	struct slice wide = utf16_from_utf8_arena(&l->arena, utf8 ? utf8 : "");
	bool exact;
	return l->conn->smb1->unicode || !wide.data ? wide : oem_from_utf16_arena(&l->arena, wide, &exact);
}

static void explain(struct login *l, ntstatus status)
{
	const char *user = l->options->user ? l->options->user : "";
	if (nt_is(status, STATUS_LOGON_FAILURE))
		cli_error_set("%s says: wrong user name or password (user \"%s\")%s", l->conn->host, user, l->conn->smb1->extended_security ? "" :
			"; it may also take no NTLMv2 without SPNEGO");
	else
		cli_error_set("%s refuses the logon of \"%s\": %s (%s)", l->conn->host, user, hythe_status_text(status), hythe_status_name(status));
}

/* One step; the answer is decoded unless it is an error. */
static ntstatus step(struct login *l, struct smb1_session_setup_req *req)
{
	struct cli_request *r = cli_request_new(l->conn, l->session, NULL, NULL, SMB1_SESSION_SETUP_ANDX);
	if (!r)
		return STATUS_NO_MEMORY;
	req->max_buffer_size = OUR_BUFFER;
	req->max_mpx_count = CLI1_MPX;
	req->vc_number = VC_NUMBER;
	req->session_key = l->conn->smb1->session_key;
	req->capabilities = our_capabilities(l->conn->smb1);
	req->native_os = text_of(l, "Linux");
	req->native_lan_man = text_of(l, "Hythe");
	ntstatus status = cli1_encode(r, req, req->security_blob.len + req->oem_password.len + req->unicode_password.len + req->account_name.len +
		req->primary_domain.len + TEXT_MOST);
	if (!nt_ok(status)) {
		cli_request_free(r);
		return status;
	}
	free(l->reply.message);
	status = cli_exchange(r, NULL, &l->reply);
	if (!nt_ok(status))
		return status;
	status = l->reply.status;
	if (!nt_ok(status) && !nt_is(status, STATUS_MORE_PROCESSING_REQUIRED)) {
		explain(l, status);
		return nt_error(status) ? status : STATUS_INVALID_NETWORK_RESPONSE;
	}
	struct cli_request shape = {.command = SMB1_SESSION_SETUP_ANDX};
	struct wire w = wire_decoder(l->reply.message, 0, l->reply.len, NULL);
	smb1_header_code(&w, &l->header);
	struct cli_answer a = {.status = status, .message = l->reply.message, .len = l->reply.len, .header1 = &l->header};
	if (!wire_ok(&w) || !cli1_body(&shape, &a, &l->rsp, &status)) {
		cli_error_set("%s sent a malformed answer to SESSION_SETUP", l->conn->host);
		return STATUS_INVALID_NETWORK_RESPONSE;
	}
	l->session->id = l->header.uid;
	return status;
}

/* 3.2.5.3: the first key of a connection signs all of it, from the answer on that completed its logon and has number 1. Without extended security
 * servers leave that one as it was sent: all it could lie about is that the user is a guest, which comes to light below. */
static ntstatus begin_signing(struct login *l, struct slice key, struct slice response)
{
	struct cli1 *s = l->conn->smb1;
	struct iovec message = {l->reply.message, l->reply.len};
	uint8_t expected[8], *mac_key = malloc(key.len + response.len);
	if (!mac_key)
		return STATUS_NO_MEMORY;
	memcpy(mac_key, key.data, key.len);
	if (response.len > 0)
		memcpy(mac_key + key.len, response.data, response.len);
	ntstatus status = proto_smb1_mac(slice_of(mac_key, key.len + response.len), 1, &message, 1, expected);
	bool unsigned_yet = response.len > 0 && memcmp(l->header.signature, CLI1_UNSIGNED, sizeof(expected)) == 0;
	if (nt_ok(status) && !unsigned_yet && !bytes_equal_ct(expected, l->header.signature, sizeof(expected))) {
		cli_error_set("the last answer of the logon at %s has %s signature: somebody on the way may be meddling", l->conn->host,
			l->header.flags2 & SMB1_FLAGS2_SECURITY_SIGNATURE ? "a wrong" : "no");
		status = STATUS_INVALID_NETWORK_RESPONSE;
	}
	if (!nt_ok(status)) {
		bytes_wipe(mac_key, key.len + response.len);
		free(mac_key);
		return status;
	}
	pthread_mutex_lock(&s->send_lock);
	pthread_mutex_lock(&l->conn->lock);
	bool late = s->signing; /* another user's logon was through at the same time */
	if (!late) {
		s->mac_key = mac_key;
		s->mac_key_len = key.len + response.len;
		s->sequence = 2;
		s->signing = true;
	}
	pthread_mutex_unlock(&l->conn->lock);
	pthread_mutex_unlock(&s->send_lock);
	if (late) {
		bytes_wipe(mac_key, key.len + response.len);
		free(mac_key);
	}
	return STATUS_SUCCESS;
}

static bool is_signing(struct hythe_connection *c)
{
	pthread_mutex_lock(&c->lock);
	bool signing = c->smb1->signing;
	pthread_mutex_unlock(&c->lock);
	return signing;
}

/* Guests and the anonymous have no key. */
static ntstatus accept_identity(struct login *l, struct slice key, struct slice response)
{
	struct hythe_session *s = l->session;
	s->guest = (l->rsp.action & SMB1_SETUP_GUEST) != 0;
	if (s->guest && !s->anonymous && !l->options->allow_guest) {
		cli_error_set("%s does not know \"%s\" and offers a guest session, which would be unprotected; allow guests if that is meant", l->conn->host,
			l->options->user ? l->options->user : "");
		return STATUS_LOGON_FAILURE;
	}
	if (!s->guest && !s->anonymous && key.len >= KEY_BYTES) {
		memcpy(s->keys.application_key, key.data, KEY_BYTES);
		s->have_keys = true;
	}
	if (s->have_keys && l->conn->proto.should_sign && !is_signing(l->conn)) {
		ntstatus status = begin_signing(l, key, response);
		if (!nt_ok(status))
			return status;
	}
	s->signing = is_signing(l->conn);
	return STATUS_SUCCESS;
}

static ntstatus malformed(struct login *l, ntstatus status)
{
	cli_error_set("%s could not prove that it knows the password", l->conn->host);
	return nt_is(status, STATUS_MORE_PROCESSING_REQUIRED) ? STATUS_INVALID_NETWORK_RESPONSE : status;
}

/* [MS-SMB] 3.2.4.2.4.1 */
static ntstatus in_steps(struct login *l, struct auth_client *auth)
{
	struct slice token = slice_of(l->conn->gss_token, l->conn->gss_token_len), out;
	for (int leg = 0; leg < LEGS_MAX; leg++) {
		struct smb1_session_setup_req req = {.word_count = 12};
		ntstatus status = auth_client_step(auth, token, &l->arena, &out);
		if (!nt_ok(status) && !nt_is(status, STATUS_MORE_PROCESSING_REQUIRED)) {
			explain(l, status);
			return status;
		}
		req.security_blob = out;
		status = step(l, &req);
		if (nt_error(status) && !nt_is(status, STATUS_MORE_PROCESSING_REQUIRED))
			return status;
		if (l->rsp.word_count != 4)
			return malformed(l, STATUS_INVALID_NETWORK_RESPONSE);
		token = l->rsp.security_blob;
		if (!nt_ok(status))
			continue;
		status = auth_client_step(auth, token, &l->arena, &out);
		return nt_ok(status) ? accept_identity(l, auth_client_session_key(auth), slice_of(NULL, 0)) : malformed(l, status);
	}
	cli_error_set("the logon at %s does not come to an end", l->conn->host);
	return STATUS_INVALID_NETWORK_RESPONSE;
}

/* [MS-CIFS] 3.2.4.2.4 */
static ntstatus at_once(struct login *l)
{
	struct cli1 *s = l->conn->smb1;
	struct auth_response answer;
	struct smb1_session_setup_req req = {.word_count = 13, .account_name = text_of(l, l->cfg.user), .primary_domain = text_of(l, l->cfg.domain)};
	ntstatus status = auth_client_respond(&l->cfg, s->challenge, s->domain, s->server, &l->arena, &answer);
	req.oem_password = answer.lm;
	req.unicode_password = answer.nt;
	if (nt_ok(status))
		status = step(l, &req);
	if (nt_ok(status) && l->rsp.word_count != 3)
		status = malformed(l, STATUS_INVALID_NETWORK_RESPONSE);
	if (nt_is(status, STATUS_MORE_PROCESSING_REQUIRED))
		status = malformed(l, status);
	if (nt_ok(status))
		status = accept_identity(l, slice_of(answer.session_key, answer.have_key ? KEY_BYTES : 0), answer.nt);
	bytes_wipe(&answer, sizeof(answer));
	return status;
}

ntstatus cli1_login(struct hythe_session *session, const struct hythe_connect_options *o)
{
	uint8_t memory[ARENA_BYTES];
	struct hythe_connection *c = session->conn;
	struct login l = {.conn = c, .session = session, .options = o,
		.cfg = {.user = o->user, .domain = o->domain, .password = o->password, .nt_hash = o->nt_hash, .target_host = c->host, .clock = &clock_system}};
	ntstatus status = STATUS_NO_MEMORY;
	arena_init(&l.arena, memory, sizeof(memory), 0);
	if (c->smb1->extended_security) {
		struct auth_client *auth = auth_client_new(&l.cfg);
		if (auth)
			status = in_steps(&l, auth);
		auth_client_free(auth);
	} else {
		status = at_once(&l);
	}
	arena_reset(&l.arena);
	bytes_wipe(memory, sizeof(memory));
	free(l.reply.message);
	return status;
}

static void echo_complete(struct cli_request *r, const struct cli_answer *a)
{
	struct smb1_echo_rsp rsp;
	ntstatus status;
	if (cli1_body(r, a, &rsp, &status) && rsp.sequence_number != 1)
		status = STATUS_INVALID_NETWORK_RESPONSE;
	cli_finish(r, status, NULL);
}

ntstatus cli1_session_command(struct hythe_session *s, uint16_t smb2_command, hythe_done_fn *done, void *arg)
{
	struct smb1_andx nothing = {0};
	struct smb1_echo_req echo = {.echo_count = 1, .data = slice_of("hythe", 5)};
	bool logoff = smb2_command == SMB2_LOGOFF;
	struct cli_request *r = cli_request_new(s->conn, s, NULL, NULL, logoff ? SMB1_LOGOFF_ANDX : SMB1_ECHO);
	if (r && !logoff)
		r->complete = echo_complete;
	return cli1_go(r, logoff ? (void *)&nothing : (void *)&echo, 64, done, arg);
}

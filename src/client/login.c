/* Logging on ([MS-SMB2] 3.2.4.2.3, 3.2.5.3.1): SESSION_SETUP legs around src/auth's tokens, the keys, and the check of the last
 * answer's signature, which can only be made once the keys are there and before the session is used (inventory G028).
 * Also LOGOFF, ECHO, CANCEL and what a session tells about itself. */
#include "client/smb1/smb1.h"

#include "auth/auth.h"

#include <stdlib.h>

enum { ARENA_BYTES = 8192, LEGS_MAX = 8 };

/* A logon under way. */
struct cli_login {
	struct hythe_connection *conn;
	struct hythe_session *session;
	const struct hythe_connect_options *options;
	struct auth_client *auth;
	struct arena arena;
	struct cli_reply *reply;           /* to the leg before */
	struct smb2_session_setup_rsp rsp; /* a view into it */
	struct slice token;                /* that the next leg answers */
	unsigned legs;
	uint8_t memory[ARENA_BYTES];
};

static ntstatus decode_leg(struct cli_login *l)
{
	struct wire w = wire_decoder(l->reply->message, SMB2_HEADER_SIZE, l->reply->len, NULL);
	memset(&l->rsp, 0, sizeof(l->rsp));
	smb2_session_setup_rsp_code(&w, &l->rsp);
	if (wire_ok(&w))
		return STATUS_SUCCESS;
	cli_error_set("%s sent a malformed answer to SESSION_SETUP", l->conn->host);
	return STATUS_INVALID_NETWORK_RESPONSE;
}

static void explain_logon(struct cli_login *l, ntstatus status)
{
	const char *user = l->options->user ? l->options->user : "";
	if (nt_is(status, STATUS_LOGON_FAILURE))
		cli_error_set("%s says: wrong user name or password (user \"%s\")", l->conn->host, user);
	else if (nt_is(status, STATUS_ACCESS_DENIED) && l->session->anonymous)
		cli_error_set("%s lets nobody in without a user name", l->conn->host);
	else
		cli_error_set("%s refuses the logon of \"%s\": %s (%s)", l->conn->host, user, hythe_status_text(status),
			hythe_status_name(status));
}

ntstatus cli_login_leg(struct cli_login *l, struct cli_request **out)
{
	struct slice token;
	if (++l->legs > LEGS_MAX) {
		cli_error_set("the logon at %s does not come to an end", l->conn->host);
		return STATUS_INVALID_NETWORK_RESPONSE;
	}
	ntstatus status = auth_client_step(l->auth, l->token, &l->arena, &token);
	if (!nt_ok(status) && !nt_is(status, STATUS_MORE_PROCESSING_REQUIRED)) {
		explain_logon(l, status);
		return status;
	}
	struct cli_request *r = cli_request_new(l->conn, l->session, NULL, NULL, SMB2_SESSION_SETUP);
	if (!r)
		return STATUS_NO_MEMORY;
	struct smb2_session_setup_req req = {
		.security_mode = (uint8_t)l->conn->proto.client_security_mode, .security_buffer = token};
	status = cli_request_encode(r, &req, token.len, 0);
	if (nt_ok(status))
		*out = r;
	else
		cli_request_free(r);
	return status;
}

/* 3.2.5.3.1: guests and the anonymous have no key, so nothing can be signed. */
static ntstatus accept_identity(struct cli_login *l)
{
	struct hythe_session *s = l->session;
	bool wanted_name = !s->anonymous;
	s->guest = l->rsp.session_flags & SMB2_SESSION_FLAG_IS_GUEST;
	if (l->rsp.session_flags & SMB2_SESSION_FLAG_IS_NULL)
		s->anonymous = true;
	if ((s->guest || (wanted_name && s->anonymous)) && !l->options->allow_guest) {
		cli_error_set("%s does not know \"%s\" and offers a guest session, which would be unprotected; allow guests if "
			"that is meant", l->conn->host, l->options->user ? l->options->user : "");
		return STATUS_LOGON_FAILURE;
	}
	if ((s->guest || s->anonymous) && l->options->encryption == HYTHE_ENCRYPTION_REQUIRED) {
		cli_error_set("a guest or anonymous session at %s cannot be encrypted", l->conn->host);
		return STATUS_NOT_SUPPORTED;
	}
	return STATUS_SUCCESS;
}

static ntstatus verify_last(struct cli_login *l)
{
	bool has_signature = l->reply->header.flags & SMB2_FLAGS_SIGNED;
	const struct hythe_connection *c = l->conn;
	if (!has_signature && c->proto.dialect < SMB2_DIALECT_311 && !c->proto.should_sign)
		return STATUS_SUCCESS;
	if (has_signature && nt_ok(proto_verify(&l->session->keys, l->reply->message, l->reply->len, true)))
		return STATUS_SUCCESS;
	cli_error_set("the last answer of the logon at %s has %s signature: somebody on the way may be meddling", c->host,
		has_signature ? "a wrong" : "no");
	return STATUS_INVALID_NETWORK_RESPONSE;
}

static ntstatus make_keys(struct cli_login *l)
{
	struct hythe_session *s = l->session;
	const struct hythe_connection *c = l->conn;
	struct slice key = auth_client_session_key(l->auth);
	bool demanded = l->rsp.session_flags & SMB2_SESSION_FLAG_ENCRYPT_DATA;
	if (s->guest || s->anonymous || key.len == 0)
		return demanded ? STATUS_NOT_SUPPORTED : STATUS_SUCCESS;
	ntstatus status = proto_keys_derive(&s->keys, &c->proto, key, s->preauth, false, false);
	if (!nt_ok(status))
		return status;
	s->have_keys = true;
	status = verify_last(l);
	if (!nt_ok(status))
		return status;
	bool can = s->keys.send != NULL;
	if ((demanded || l->options->encryption == HYTHE_ENCRYPTION_REQUIRED) && !can) {
		cli_error_set("encryption is required for this session, and none was agreed on with %s", c->host);
		return STATUS_NOT_SUPPORTED;
	}
	s->sealing = can && (demanded || l->options->encryption != HYTHE_ENCRYPTION_OFF);
	s->signing = !s->sealing && c->proto.should_sign;
	return STATUS_SUCCESS;
}

/* The server's SUCCESS. */
static ntstatus conclude(struct cli_login *l)
{
	struct slice rest;
	ntstatus status = auth_client_step(l->auth, l->rsp.security_buffer, &l->arena, &rest);
	if (!nt_ok(status)) {
		cli_error_set("%s could not prove that it knows the password", l->conn->host);
		return nt_is(status, STATUS_MORE_PROCESSING_REQUIRED) ? STATUS_INVALID_NETWORK_RESPONSE : status;
	}
	status = accept_identity(l);
	return nt_ok(status) ? make_keys(l) : status;
}

ntstatus cli_login_answer(struct cli_login *l, struct cli_reply *reply)
{
	ntstatus status = reply->status;
	l->reply = reply;
	if (!nt_ok(status) && !nt_is(status, STATUS_MORE_PROCESSING_REQUIRED)) {
		explain_logon(l, status);
		return status;
	}
	l->session->id = reply->header.session_id;
	ntstatus decoded = decode_leg(l);
	if (!nt_ok(decoded))
		return decoded;
	if (nt_ok(status))
		return conclude(l);
	struct iovec got = {reply->message, reply->len};
	preauth_update(l->session->preauth, &got, 1);
	l->token = l->rsp.security_buffer;
	return status;
}

static void publish(struct hythe_session *s)
{
	struct hythe_connection *c = s->conn;
	/* 3.2.5.5: 3.1.1 confirms the negotiation by the keys themselves; without keys nothing can (inventory G042). */
	atomic_store(&s->validated,
		!s->have_keys || c->proto.dialect >= SMB2_DIALECT_311 || c->config.max_dialect < SMB2_DIALECT_300 ||
			c->proto.offered_count == 0);
	pthread_mutex_lock(&c->lock);
	s->published = true;
	list_append(&c->sessions, &s->link);
	pthread_mutex_unlock(&c->lock);
	bytes_wipe(s->preauth, sizeof(s->preauth));
}

static struct hythe_session *session_new(struct hythe_connection *c)
{
	struct hythe_session *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	atomic_init(&s->refs, 1);
	atomic_fetch_add(&c->refs, 1);
	s->conn = c;
	list_init(&s->link);
	memcpy(s->preauth, c->proto.preauth, sizeof(s->preauth));
	return s;
}

static ntstatus login_smb1(struct hythe_connection *c, const struct hythe_connect_options *options, struct hythe_session **out)
{
	struct hythe_session *s = session_new(c);
	if (!s)
		return STATUS_NO_MEMORY;
	s->anonymous = !options->user || !options->user[0];
	ntstatus status = cli1_login(s, options);
	if (nt_ok(status)) {
		publish(s);
		*out = s;
	} else {
		cli_session_put(s);
	}
	return status;
}

struct cli_login *cli_login_new(struct hythe_connection *c, const struct hythe_connect_options *options)
{
	struct auth_client_config cfg = {.user = options->user, .domain = options->domain, .password = options->password,
		.nt_hash = options->nt_hash, .target_host = c->host, .raw_ntlm = options->raw_ntlm, .clock = &clock_system};
	struct cli_login *l = malloc(sizeof(*l));
	if (!l)
		return NULL;
	memset(l, 0, offsetof(struct cli_login, memory));
	l->conn = c;
	l->options = options;
	l->token = slice_of(c->gss_token, c->gss_token_len);
	arena_init(&l->arena, l->memory, sizeof(l->memory), 0);
	l->session = session_new(c);
	l->auth = auth_client_new(&cfg);
	if (!l->session || !l->auth) {
		cli_login_free(l);
		return NULL;
	}
	l->session->anonymous = !options->user || !options->user[0];
	return l;
}

struct hythe_session *cli_login_take(struct cli_login *l)
{
	struct hythe_session *s = l->session;
	l->session = NULL;
	publish(s);
	return s;
}

uint8_t *cli_login_preauth(struct cli_login *l)
{
	return l->session->preauth;
}

void cli_login_free(struct cli_login *l)
{
	if (!l)
		return;
	if (l->session)
		cli_session_put(l->session);
	auth_client_free(l->auth);
	arena_reset(&l->arena);
	bytes_wipe(l->memory, sizeof(l->memory));
	free(l);
}

static ntstatus run_login(struct cli_login *l)
{
	struct cli_reply reply = {0};
	ntstatus status;
	do {
		struct cli_request *r;
		status = cli_login_leg(l, &r);
		if (!nt_ok(status))
			break;
		free(reply.message);
		status = cli_exchange(r, l->session->preauth, &reply);
		if (nt_ok(status))
			status = cli_login_answer(l, &reply);
	} while (nt_is(status, STATUS_MORE_PROCESSING_REQUIRED));
	free(reply.message);
	return status;
}

ntstatus hythe_session_login(struct hythe_connection *c, const struct hythe_connect_options *options, struct hythe_session **out)
{
	ntstatus status = cli_may_block();
	if (!nt_ok(status))
		return status;
	if (cli1_is_active(c))
		return login_smb1(c, options, out);
	struct cli_login *l = cli_login_new(c, options);
	if (!l)
		return STATUS_NO_MEMORY;
	status = run_login(l);
	if (nt_ok(status))
		*out = cli_login_take(l);
	cli_login_free(l);
	return status;
}

ntstatus hythe_connect(struct hythe_client *client, const char *host, uint16_t port,
	const struct hythe_connect_options *options, struct hythe_session **out)
{
	struct hythe_connection *c;
	ntstatus status = hythe_connection_open(client, host, port, options, &c);
	if (!nt_ok(status))
		return status;
	status = hythe_session_login(c, options, out);
	if (nt_ok(status)) {
		c->auto_close = true;
		cli_conn_put(c);
	} else {
		hythe_connection_close(c);
	}
	return status;
}

static void empty_complete(struct cli_request *r, const struct cli_answer *a)
{
	cli_finish(r, a->status, NULL);
}

/* LOGOFF and ECHO: four bytes each way. 3.2.4.23, 3.2.4.25 */
static ntstatus empty_async(struct hythe_session *s, uint16_t command, hythe_done_fn *done, void *arg)
{
	if (cli1_is_active(s->conn))
		return cli1_session_command(s, command, done, arg);
	struct smb2_empty body = {0};
	struct cli_request *r = cli_request_new(s->conn, s, NULL, NULL, command);
	if (!r)
		return STATUS_NO_MEMORY;
	r->complete = empty_complete;
	r->done = done;
	r->arg = arg;
	ntstatus status = cli_request_encode(r, &body, 0, 0);
	if (nt_ok(status))
		status = cli_submit(r);
	if (!nt_ok(status))
		cli_request_free(r);
	return status;
}

static ntstatus empty_blocking(struct hythe_session *s, uint16_t command)
{
	struct cli_wait w;
	ntstatus status = cli_may_block();
	if (!nt_ok(status))
		return status;
	cli_wait_init(&w, s->conn->client);
	return cli_wait_for(&w, empty_async(s, command, cli_wait_done, &w));
}

ntstatus hythe_echo_async(struct hythe_session *s, hythe_done_fn *done, void *arg)
{
	return empty_async(s, SMB2_ECHO, done, arg);
}

ntstatus hythe_echo(struct hythe_session *s)
{
	return empty_blocking(s, SMB2_ECHO);
}

static ntstatus logged_off(struct hythe_session *s, ntstatus status)
{
	if (nt_ok(status))
		cli_cache_gone(s->conn, s, NULL);
	hythe_session_free(s);
	return status;
}

ntstatus hythe_session_logoff(struct hythe_session *s)
{
	return logged_off(s, empty_blocking(s, SMB2_LOGOFF));
}

struct logoff {
	struct hythe_session *session;
	hythe_done_fn *done;
	void *arg;
};

static void logoff_done(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct logoff l = *(struct logoff *)arg;
	free(arg);
	logged_off(l.session, status);
	l.done(l.arg, status, result);
}

ntstatus hythe_session_logoff_async(struct hythe_session *s, hythe_done_fn *done, void *arg)
{
	struct logoff *l = malloc(sizeof(*l));
	if (!l)
		return logged_off(s, STATUS_NO_MEMORY);
	*l = (struct logoff){.session = s, .done = done, .arg = arg};
	ntstatus status = empty_async(s, SMB2_LOGOFF, logoff_done, l);
	if (nt_ok(status))
		return status;
	free(l);
	return logged_off(s, status);
}

void hythe_session_free(struct hythe_session *s)
{
	if (!s)
		return;
	if (s->conn->auto_close)
		net_conn_close(s->conn->net, false);
	cli_session_put(s);
}

unsigned hythe_cancel(struct hythe_session *s, const void *arg)
{
	enum { AT_ONCE = 64 };
	struct {
		uint64_t message_id, async_id;
		struct hythe_tree *tree;
	} found[AT_ONCE];
	unsigned n = 0;
	struct hythe_connection *c = s->conn;
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < CLI_TABLE; i++) {
		for (struct cli_request *r = c->table[i]; r && n < AT_ONCE; r = r->next) {
			if (r->session != s || r->arg != arg)
				continue;
			found[n].message_id = r->message_id;
			found[n].async_id = r->async_id;
			found[n++].tree = r->tree ? cli_tree_ref(r->tree) : NULL;
		}
	}
	pthread_mutex_unlock(&c->lock);
	for (unsigned i = 0; i < n; i++) {
		cli_send_cancel(c, s, found[i].tree, found[i].message_id, found[i].async_id);
		if (found[i].tree)
			cli_tree_put(found[i].tree);
	}
	return n;
}

ntstatus hythe_session_key(struct hythe_session *s, uint8_t out[16])
{
	if (!s->have_keys) {
		cli_error_set("a guest or anonymous session has no key");
		return STATUS_NO_SUCH_LOGON_SESSION;
	}
	memcpy(out, s->keys.application_key, sizeof(s->keys.application_key));
	return STATUS_SUCCESS;
}

ntstatus hythe_session_root_key(struct hythe_session *s, uint8_t out[16])
{
	if (!s->have_keys) {
		cli_error_set("a guest or anonymous session has no key");
		return STATUS_NO_SUCH_LOGON_SESSION;
	}
	if (cli1_is_active(s->conn))
		return cli1_unsupported(s->conn, "encrypt, so that there is nothing to be read with a key");
	memcpy(out, s->keys.session_key, sizeof(s->keys.session_key));
	return STATUS_SUCCESS;
}

void hythe_session_info(struct hythe_session *s, struct hythe_session_info *out)
{
	struct hythe_connection *c = s->conn;
	*out = (struct hythe_session_info){
		.dialect = c->proto.dialect,
		.cipher = s->have_keys ? (enum hythe_cipher)s->keys.cipher : HYTHE_CIPHER_NONE,
		.signer = s->have_keys && !cli1_is_active(c) ? (enum hythe_signer)(s->keys.signing + 1) : HYTHE_SIGNER_ANY,
		.signing = s->signing,
		.sealing = s->sealing,
		.guest = s->guest,
		.anonymous = s->anonymous,
		.max_read_bytes = c->proto.max_read_bytes,
		.max_write_bytes = c->proto.max_write_bytes,
		.max_transact_bytes = c->proto.max_transact_bytes,
		.server_capabilities = c->proto.server_capabilities,
		.session_id = s->id,
	};
	memcpy(out->server_guid, c->proto.server_guid.b, sizeof(out->server_guid));
	pthread_mutex_lock(&c->lock);
	out->credits = (uint32_t)proto_sender_credits(&c->sender);
	pthread_mutex_unlock(&c->lock);
}

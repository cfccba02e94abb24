/* The client of SMB1 of the simulator, see old.h. */
#include "old.h"

#include "crypto/crypto.h"

#include <stdio.h>

struct slice old_text(struct old *o, const char *s)
{
	return o->flags2 & SMB1_FLAGS2_UNICODE ? raw_wide(&o->raw, s) : slice_of(s, strlen(s));
}

void old_connect(struct old *o, struct sim *s)
{
	memset(o, 0, sizeof(*o));
	o->flags2 = SMB1_FLAGS2_UNICODE | SMB1_FLAGS2_NT_STATUS | SMB1_FLAGS2_LONG_NAMES | SMB1_FLAGS2_EXTENDED_SECURITY;
	o->pid = PID;
	raw_open_connection(&o->raw, s);
}

/* --- messages --- */

void old_begin(struct old *o, uint8_t command)
{
	struct smb1_header h = {
		.command = command, .flags2 = o->flags2, .uid = o->uid, .tid = o->tid, .mid = ++o->mid, .pid_low = o->pid,
		.flags = SMB1_FLAGS_CASE_INSENSITIVE,
	};

	o->w = wire_encoder(o->frame, 0, sizeof(o->frame));
	o->chain = (struct smb1_chain){0};
	smb1_header_code(&o->w, &h);
}

void old_block(struct old *o, uint8_t command, const void *body)
{
	union { long align; uint8_t room[512]; } copy;
	const struct smb1_message *m = smb1_message_of(command);

	assert_non_null(m);
	assert_true(m->req_size <= sizeof(copy));
	memcpy(&copy, body, m->req_size);
	smb1_chain_next(&o->w, &o->chain, command);
	m->req_code(&o->w, &copy);
}

static void sign_frame(struct old *o, size_t len)
{
	uint8_t digest[16];
	struct iovec parts[2] = {{o->mac_key, sizeof(o->mac_key)}, {o->frame, len}};

	if (!o->sign)
		return;
	memset(o->frame + SMB1_SIGNATURE_AT, 0, 8);
	store_le32(o->frame + SMB1_SIGNATURE_AT, o->sequence);
	crypto_md5(parts, 2, digest);
	memcpy(o->frame + SMB1_SIGNATURE_AT, digest, 8);
	o->frame[SMB1_SIGNATURE_AT] ^= o->bad_signature;
	o->sequence += o->frame[4] == SMB1_NT_CANCEL ? 1 : 2;
}

void old_send_frame(struct old *o, size_t len)
{
	sign_frame(o, len);
	raw_send_plain(&o->raw, o->frame, len);
}

void old_send(struct old *o)
{
	wire_append_tail(&o->w);
	assert_true(wire_ok(&o->w));
	old_send_frame(o, o->w.pos);
}

/* The next message that comes; false: none. */
bool old_receive(struct old *o)
{
	struct wire w;

	o->answer = raw_receive(&o->raw);
	if (o->answer.len == 0)
		return false;
	w = wire_decoder(o->answer.data, 0, o->answer.len, NULL);
	smb1_header_code(&w, &o->header);
	assert_true(wire_ok(&w));
	smb1_walk_start(&o->walk, o->answer, &o->header);
	return true;
}

bool old_is_answer(const struct old *o)
{
	return (o->header.flags & SMB1_FLAGS_REPLY) != 0;
}

/* The next block of the answer, decoded; its command. */
uint8_t old_answer_block(struct old *o, void *body)
{
	struct smb1_block bl;
	struct wire w;
	bool bad;

	if (!smb1_walk_next(&o->walk, &bl, &bad)) {
		assert_false(bad);
		return SMB1_NO_COMMAND;
	}
	if (body && bl.word_count > 0) {
		w = smb1_block_decoder(&o->walk, &bl, &o->raw.arena);
		smb1_coder_of(bl.command, true, bl.word_count)(&w, body);
		assert_true(wire_ok(&w));
	}
	return bl.command;
}

ntstatus old_status(const struct old *o)
{
	return (ntstatus){o->header.status};
}

ntstatus old_call(struct old *o, uint8_t command, const void *req, void *rsp)
{
	old_begin(o, command);
	old_block(o, command, req);
	old_send(o);
	if (!old_receive(o))
		return STATUS_CONNECTION_DISCONNECTED;
	assert_true(old_is_answer(o));
	assert_int_equal(o->header.command, command);
	assert_int_equal(o->header.mid, o->mid);
	(void)old_answer_block(o, rsp);
	return old_status(o);
}

/* --- the exchange --- */

ntstatus old_negotiate(struct old *o, const char *dialect, struct smb1_negotiate_rsp *rsp)
{
	uint8_t list[128];
	struct wire w = wire_encoder(list, 0, sizeof(list));
	struct smb1_negotiate_req req;

	smb1_dialect_put(&w, "PC NETWORK PROGRAM 1.0");
	smb1_dialect_put(&w, dialect);
	req.dialects = slice_of(list, w.pos);
	return old_call(o, SMB1_NEGOTIATE, &req, rsp);
}

/* With SPNEGO. */
ntstatus old_logon(struct old *o, const char *user, const char *password)
{
	struct auth_client_config cfg = {.user = user, .domain = "", .password = password, .clock = &o->raw.sim->clock.clock};
	struct auth_client *auth = auth_client_new(&cfg);
	struct slice token = slice_of(NULL, 0);
	ntstatus status = STATUS_MORE_PROCESSING_REQUIRED;

	assert_non_null(auth);
	while (nt_is(status, STATUS_MORE_PROCESSING_REQUIRED)) {
		struct smb1_session_setup_req req = {.word_count = 12, .max_buffer_size = 16644, .max_mpx_count = 50,
			.capabilities = SMB1_CAP_EXTENDED_SECURITY | SMB1_CAP_LEVEL_II_OPLOCKS | SMB1_CAP_STATUS32 | SMB1_CAP_UNICODE,
			.native_os = old_text(o, "old"), .native_lan_man = old_text(o, "old")};
		struct smb1_session_setup_rsp rsp = {0};

		(void)!nt_ok(auth_client_step(auth, token, &o->raw.arena, &req.security_blob));
		status = old_call(o, SMB1_SESSION_SETUP_ANDX, &req, &rsp);
		token = rsp.security_blob;
		o->uid = o->header.uid;
	}
	if (nt_ok(status) && token.len > 0) {
		struct slice rest;

		assert_status(auth_client_step(auth, token, &o->raw.arena, &rest), STATUS_SUCCESS);
	}
	if (nt_ok(status) && auth_client_session_key(auth).len == 16)
		memcpy(o->mac_key, auth_client_session_key(auth).data, 16);
	auth_client_free(auth);
	return status;
}

ntstatus old_tree(struct old *o, const char *share)
{
	char path[64];
	struct smb1_tree_connect_andx_req req = {.password = slice_of("\0", 1), .service = slice_of("?????", 5)};
	struct smb1_tree_connect_andx_rsp rsp = {0};
	ntstatus status;

	snprintf(path, sizeof(path), "\\\\SIM\\%s", share);
	req.path = old_text(o, path);
	status = old_call(o, SMB1_TREE_CONNECT_ANDX, &req, &rsp);
	if (nt_ok(status))
		o->tid = o->header.tid;
	return status;
}

struct smb1_nt_create_andx_req old_create_of(struct old *o, const char *name, uint32_t access, uint32_t disposition)
{
	return (struct smb1_nt_create_andx_req){.desired_access = access, .share_access = 7, .create_disposition = disposition,
		.impersonation_level = 2, .file_name = old_text(o, name)};
}

ntstatus old_open(struct old *o, const char *name)
{
	struct smb1_nt_create_andx_req req = old_create_of(o, name, 0x0012019F, 3);
	struct smb1_nt_create_andx_rsp rsp = {0};
	ntstatus status = old_call(o, SMB1_NT_CREATE_ANDX, &req, &rsp);

	if (nt_ok(status))
		o->fid = rsp.fid;
	return status;
}

ntstatus old_write(struct old *o, const char *bytes)
{
	struct smb1_write_req req = {.fid = o->fid, .data = slice_of(bytes, strlen(bytes))};
	struct smb1_count_rsp rsp = {0};
	ntstatus status = old_call(o, SMB1_WRITE, &req, &rsp);

	if (nt_ok(status))
		assert_int_equal(rsp.count, strlen(bytes));
	return status;
}

ntstatus old_close(struct old *o, uint16_t fid)
{
	struct smb1_close_req req = {.fid = fid};

	return old_call(o, SMB1_CLOSE, &req, NULL);
}

void old_hang_up(struct old *o)
{
	raw_close(&o->raw);
}

void old_make_file(struct old *o, const char *name, const char *bytes)
{
	assert_status(old_open(o, name), STATUS_SUCCESS);
	assert_status(old_write(o, bytes), STATUS_SUCCESS);
	assert_status(old_close(o, o->fid), STATUS_SUCCESS);
}

void old_assert_dropped(struct old *o)
{
	assert_false(old_receive(o));
	assert_true(o->raw.closed);
}

void old_ready(struct old *o, struct sim *s)
{
	struct smb1_negotiate_rsp rsp = {0};

	old_connect(o, s);
	assert_status(old_negotiate(o, "NT LM 0.12", &rsp), STATUS_SUCCESS);
	assert_int_equal(rsp.dialect_index, 1);
	assert_status(old_logon(o, "user", "pass"), STATUS_SUCCESS);
	assert_status(old_tree(o, "share"), STATUS_SUCCESS);
}

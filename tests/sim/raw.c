/* The raw client of the simulator: messages made by hand, see sim.h. */
#include "sim.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FRAME_BYTES = 5 << 16, ANSWER_MS = 60000 };

static void on_frames(struct net_conn *c, void *user, struct net_frame *f, size_t n)
{
	struct raw *r = user;

	(void)c;
	for (size_t i = 0; i < n; i++) {
		uint8_t *copy = arena_alloc(&r->arena, f[i].len);

		assert_non_null(copy);
		assert_true(r->queued < RAW_QUEUE);
		memcpy(copy, f[i].data, f[i].len);
		r->queue[r->queued++] = slice_of(copy, f[i].len);
	}
}

static void on_closed(struct net_conn *c, void *user)
{
	struct raw *r = user;

	(void)c;
	r->closed = true;
}

static const struct net_conn_ops raw_ops = {.frames = on_frames, .closed = on_closed};

static void raw_init(struct raw *r, struct sim *s)
{
	*r = (struct raw){.sim = s, .credits = 1, .fd = -1};
	arena_init(&r->arena, NULL, 0, 0);
	proto_config_default(&r->config, false);
	r->config.signing_required = false;
}

void raw_open_connection(struct raw *r, struct sim *s)
{
	raw_init(r, s);
	r->net = sim_dial(s, &s->options.faults);
	net_conn_start(r->net, &raw_ops, r);
	net_conn_limit(r->net, 16u << 20);
}

static void forget(struct raw *r)
{
	if (r->borrowed)
		r->keys.send = r->keys.receive = NULL;
	proto_keys_wipe(&r->keys);
	arena_reset(&r->arena);
}

void raw_close(struct raw *r)
{
	net_conn_close(r->net, false);
	sim_run(r->sim, 100);
	assert_true(r->closed);
	net_conn_put(r->net);
	forget(r);
}

bool raw_dial(struct raw *r, uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	raw_init(r, NULL);
	r->fd = socket(AF_INET, SOCK_STREAM, 0);
	return r->fd >= 0 && connect(r->fd, (const struct sockaddr *)&to, sizeof(to)) == 0;
}

void raw_hang_up(struct raw *r)
{
	close(r->fd);
	forget(r);
}

static void dialed_send(struct raw *r, const void *frame, size_t len)
{
	uint8_t prefix[4] = {0, (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};

	if (send(r->fd, prefix, 4, MSG_NOSIGNAL | MSG_MORE) != 4 || send(r->fd, frame, len, MSG_NOSIGNAL) != (ssize_t)len)
		r->closed = true;
}

static void dialed_receive(struct raw *r)
{
	uint8_t prefix[4], *frame;
	size_t len;

	if (r->closed || recv(r->fd, prefix, 4, MSG_WAITALL) != 4) {
		r->closed = true;
		return;
	}
	len = (size_t)prefix[1] << 16 | (size_t)prefix[2] << 8 | prefix[3];
	frame = arena_alloc(&r->arena, len);
	assert_non_null(frame);
	if (recv(r->fd, frame, len, MSG_WAITALL) == (ssize_t)len)
		r->queue[r->queued++] = slice_of(frame, len);
	else
		r->closed = true;
}

struct slice raw_wide(struct raw *r, const char *text)
{
	size_t n = strlen(text);
	uint8_t *p = arena_alloc(&r->arena, 2 * n);

	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		store_le16(p + 2 * i, (uint8_t)text[i]);
	return slice_of(p, 2 * n);
}

size_t raw_encode(struct raw *r, uint8_t *out, size_t cap, uint16_t command, const void *req)
{
	const struct smb2_message *m = smb2_message_of(command);
	struct smb2_header h = {
		.command = command, .credits = r->credit_request ? r->credit_request : 64, .flags = r->flags, .message_id = r->next_id,
		.credit_charge = r->charge ? r->charge : r->proto.dialect >= SMB2_DIALECT_210, .session_id = r->session_id,
		.tree_id = r->tree_id, .status = r->sequence,
	};
	struct wire w = wire_encoder(out, 0, cap);

	r->next_id += r->charge > 1 ? r->charge : 1;
	r->flags = 0;
	r->charge = 0;
	r->credit_request = 0;
	smb2_header_code(&w, &h);
	w.dialect = r->proto.dialect;
	m->req_code(&w, (void *)(uintptr_t)req);
	assert_true(wire_ok(&w));
	if (command == SMB2_WRITE) {
		const struct smb2_write_req *write = req;

		assert_true(write->data.len <= cap - w.pos);
		memcpy(out + w.pos, write->data.data, write->data.len);
		w.pos += write->data.len;
	}
	return w.pos;
}

void raw_send_plain(struct raw *r, const void *frame, size_t len)
{
	struct net_seg seg = {.data = frame, .len = len, .pipe_fd = -1};

	if (r->fd >= 0) {
		dialed_send(r, frame, len);
		return;
	}
	net_send(r->net, &seg, 1);
}

static void sign(struct raw *r, uint8_t *frame, size_t len)
{
	struct iovec part = {frame, len};

	if (r->sign && !r->seal)
		assert_true(nt_ok(proto_sign(&r->keys, &part, 1, false)));
	if (r->bad_signature)
		frame[48] ^= 1;
	r->bad_signature = false;
}

static void send_signed(struct raw *r, uint8_t *frame, size_t len)
{
	struct iovec part = {frame, len};

	if (r->seal) {
		uint8_t *sealed = malloc(len + SMB2_TRANSFORM_SIZE);

		assert_non_null(sealed);
		assert_true(nt_ok(proto_seal(&r->keys, &r->proto, r->session_id, sealed, &part, 1)));
		memcpy(sealed + SMB2_TRANSFORM_SIZE, frame, len);
		raw_send_plain(r, sealed, len + SMB2_TRANSFORM_SIZE);
		free(sealed);
		return;
	}
	raw_send_plain(r, frame, len);
}

void raw_send(struct raw *r, uint8_t *frame, size_t len)
{
	sign(r, frame, len);
	send_signed(r, frame, len);
}

struct slice raw_receive(struct raw *r)
{
	struct slice f, plain;

	if (r->fd >= 0 && r->queued == 0)
		dialed_receive(r);
	for (int i = 0; i < 1000 && r->queued == 0 && !r->closed; i++) {
		if (!net_pool_step(r->sim->pool, ANSWER_MS))
			break;
	}
	if (r->queued == 0)
		return slice_of(NULL, 0);
	f = r->queue[0];
	memmove(r->queue, r->queue + 1, --r->queued * sizeof(r->queue[0]));
	if (f.len > SMB2_TRANSFORM_SIZE && load_le32(f.data) == SMB2_TRANSFORM_ID) {
		assert_true(nt_ok(proto_unseal(&r->keys, (uint8_t *)(uintptr_t)f.data, f.len, &plain)));
		f = plain;
	}
	return f;
}

static void note_answer(struct raw *r, struct slice f)
{
	struct wire w = wire_decoder(f.data, 0, f.len, &r->arena);

	smb2_header_code(&w, &r->header);
	assert_true(wire_ok(&w));
	assert_true((r->header.flags & SMB2_FLAGS_SERVER_TO_REDIR) != 0);
	r->credits += r->header.credits;
	r->answer = f;
}

static ntstatus decode_answer(struct raw *r, uint16_t command, void *rsp)
{
	const struct smb2_message *m = smb2_message_of(command);
	ntstatus status = {r->header.status};
	struct wire w = wire_decoder(r->answer.data, SMB2_HEADER_SIZE, r->answer.len, &r->arena);

	w.dialect = r->proto.dialect;
	if (rsp && (nt_ok(status) || nt_is(status, STATUS_BUFFER_OVERFLOW) || nt_is(status, STATUS_MORE_PROCESSING_REQUIRED))) {
		m->rsp_code(&w, rsp);
		assert_true(wire_ok(&w));
	}
	return status;
}

ntstatus raw_call(struct raw *r, uint16_t command, const void *req, void *rsp)
{
	uint8_t frame[FRAME_BYTES];
	uint64_t id = r->next_id;
	bool other;
	size_t len = raw_encode(r, frame, sizeof(frame), command, req);
	struct slice f;

	sign(r, frame, len);
	if (command == SMB2_NEGOTIATE || command == SMB2_SESSION_SETUP) {
		struct iovec part = {frame, len};

		if (r->proto.dialect == 0 || r->proto.dialect == SMB2_DIALECT_WILDCARD)
			memset(r->preauth, 0, sizeof(r->preauth));
		preauth_update(r->preauth, &part, 1);
	}
	send_signed(r, frame, len);
	do {
		f = raw_receive(r);
		if (f.len < SMB2_HEADER_SIZE)
			return STATUS_CONNECTION_DISCONNECTED;
		note_answer(r, f);
		other = r->fd >= 0 && r->header.message_id != id;
		if (other && r->unasked)
			r->unasked(r, f);
	} while (other || r->header.status == STATUS_PENDING.code);
	return decode_answer(r, command, rsp);
}

static void hash_answer(struct raw *r)
{
	struct iovec part = {(void *)(uintptr_t)r->answer.data, r->answer.len};

	preauth_update(r->preauth, &part, 1);
}

ntstatus raw_negotiate(struct raw *r, uint16_t min_dialect, uint16_t max_dialect)
{
	struct smb2_negotiate_req req = {0};
	struct smb2_negotiate_rsp rsp = {0};
	ntstatus status;

	r->config.min_dialect = min_dialect;
	r->config.max_dialect = max_dialect;
	assert_true(nt_ok(proto_client_negotiate_req(&r->proto, &r->config, "sim", &req, &r->arena)));
	status = raw_call(r, SMB2_NEGOTIATE, &req, &rsp);
	if (!nt_ok(status))
		return status;
	hash_answer(r);
	return proto_client_negotiate_rsp(&r->proto, &r->config, &rsp);
}

static ntstatus login_legs(struct raw *r, struct auth_client *auth, bool first_only)
{
	struct slice token = {0};
	ntstatus status = STATUS_MORE_PROCESSING_REQUIRED;

	while (nt_is(status, STATUS_MORE_PROCESSING_REQUIRED)) {
		struct smb2_session_setup_req req = {
			.security_mode = SMB2_NEGOTIATE_SIGNING_ENABLED, .previous_session_id = r->previous_session_id,
			.flags = r->binding ? SMB2_SESSION_FLAG_BINDING : 0,
		};
		struct smb2_session_setup_rsp rsp = {0};
		ntstatus mine = auth_client_step(auth, token, &r->arena, &req.security_buffer);

		assert_true(nt_ok(mine) || nt_is(mine, STATUS_MORE_PROCESSING_REQUIRED));
		status = raw_call(r, SMB2_SESSION_SETUP, &req, &rsp);
		if (r->session_id == 0)
			r->session_id = r->header.session_id;
		if (nt_is(status, STATUS_MORE_PROCESSING_REQUIRED))
			hash_answer(r);
		token = rsp.security_buffer;
		if (first_only)
			break;
		if (nt_ok(status)) {
			struct slice rest;

			assert_true(nt_ok(auth_client_step(auth, token, &r->arena, &rest)));
		}
	}
	return status;
}

static ntstatus login(struct raw *r, const char *user, const char *password, bool first_only)
{
	struct auth_client_config cfg = {
		.user = user, .password = password, .domain = "", .target_host = "sim", .clock = r->sim ? &r->sim->clock.clock : &clock_system,
	};
	struct auth_client *auth = auth_client_new(&cfg);
	struct slice key;
	ntstatus status;

	assert_non_null(auth);
	status = login_legs(r, auth, first_only);
	key = auth_client_session_key(auth);
	if (nt_ok(status) && !r->have_keys && key.len > 0) {
		assert_true(nt_ok(proto_keys_derive(&r->keys, &r->proto, key, r->proto.dialect >= SMB2_DIALECT_311 ? r->preauth : NULL, false, r->binding)));
		r->have_keys = true;
	}
	auth_client_free(auth);
	return status;
}

ntstatus raw_bind(struct raw *r, const struct raw *to, const char *user, const char *password)
{
	ntstatus status;

	r->session_id = to->session_id;
	r->keys = to->keys;
	r->have_keys = false;
	r->sign = !r->bind_unsigned;
	r->binding = true;
	status = login(r, user, password, false);
	r->binding = false;
	if (!nt_ok(status)) {
		r->keys = (struct proto_keys){0};
		r->session_id = 0;
		r->sign = false;
		return status;
	}
	r->keys.send = to->keys.send;
	r->keys.receive = to->keys.receive;
	r->borrowed = true;
	r->tree_id = to->tree_id;
	r->file_id = to->file_id;
	return status;
}

ntstatus raw_login(struct raw *r, const char *user, const char *password)
{
	return login(r, user, password, false);
}

ntstatus raw_login_begin(struct raw *r)
{
	return login(r, "user", "pass", true);
}

ntstatus raw_tree(struct raw *r, const char *share)
{
	struct smb2_tree_connect_req req = {0};
	struct smb2_tree_connect_rsp rsp = {0};
	char path[300];
	bool sign = r->sign;
	ntstatus status;

	snprintf(path, sizeof(path), "\\\\sim\\%s", share);
	req.path = raw_wide(r, path);
	/* 3.1.1 wants this one signed in any case. */
	if (r->proto.dialect >= SMB2_DIALECT_311 && r->have_keys && !r->unsigned_tree)
		r->sign = true;
	status = raw_call(r, SMB2_TREE_CONNECT, &req, &rsp);
	r->sign = sign;
	if (nt_ok(status))
		r->tree_id = r->header.tree_id;
	return status;
}

ntstatus raw_open(struct raw *r, const char *name, uint32_t access, uint32_t disposition, uint32_t options)
{
	struct smb2_create_req req = {
		.impersonation_level = 2, .desired_access = access, .share_access = 7, .create_disposition = disposition,
		.create_options = options, .name = raw_wide(r, name),
	};
	struct smb2_create_rsp rsp = {0};
	ntstatus status = raw_call(r, SMB2_CREATE, &req, &rsp);

	if (nt_ok(status))
		r->file_id = rsp.file_id;
	return status;
}

void raw_ready(struct raw *r, struct sim *s, uint16_t dialect)
{
	raw_open_connection(r, s);
	assert_status(raw_negotiate(r, dialect, dialect), STATUS_SUCCESS);
	assert_status(raw_login(r, "user", "pass"), STATUS_SUCCESS);
	assert_status(raw_tree(r, "share"), STATUS_SUCCESS);
}

void raw_ready_large(struct raw *r, uint8_t *data, size_t n, uint64_t seed)
{
	enum { READ_DATA = 1, WRITE_DATA = 2, OPEN_IF = 3 };

	for (size_t i = 0; i < n; i++)
		data[i] = (uint8_t)(i * 7 + seed + i / 256);
	for (unsigned i = 0; i < 4; i++) {
		struct smb2_empty echo = {0};

		r->credit_request = 64;
		assert_status(raw_call(r, SMB2_ECHO, &echo, NULL), STATUS_SUCCESS);
	}
	assert_status(raw_open(r, "f", READ_DATA | WRITE_DATA, OPEN_IF, 0), STATUS_SUCCESS);
}

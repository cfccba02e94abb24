/* See fake.h. */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>

enum { BODY_ROOM = 8192, SESSION_ID = 0x4000001, TREE_ID = 7, READ_MAX = 8 << 20 };

uint8_t fake_byte(size_t at)
{
	return (uint8_t)(at * 2654435761u >> 21);
}

void fake_content(struct fake *f, size_t n)
{
	f->file = realloc(f->file, n ? n : 1);
	assert_non_null(f->file);
	f->file_len = f->file_cap = n;
	for (size_t i = 0; i < n; i++)
		f->file[i] = fake_byte(i);
}

/* --- sending --- */

void fake_send(struct fake *f, const void *data, size_t len)
{
	struct net_seg seg = {.data = data, .len = len};
	net_send(f->net, &seg, 1);
}

static bool take(unsigned *n)
{
	if (*n == 0)
		return false;
	(*n)--;
	return true;
}

/* Signs or seals one message, or does it wrongly, and sends it. data has room for the transform header before it. */
static void protect_and_send(struct fake *f, uint8_t *data, size_t len, const struct fake_seen *r)
{
	uint16_t command = load_le16(data + 12);
	struct iovec iov = {data, len};
	if (r->sealed && !take(&f->not_sealed)) {
		uint8_t *head = data - SMB2_TRANSFORM_SIZE;
		assert_ok(proto_seal(&f->keys, &f->proto, f->session_id, head, &iov, 1));
		if (take(&f->bad_seals))
			data[len - 1] ^= 1;
		data = head;
		len += SMB2_TRANSFORM_SIZE;
	} else if (f->have_keys && (r->h.flags & SMB2_FLAGS_SIGNED) && command != SMB2_SESSION_SETUP) {
		if (!take(&f->no_signatures)) {
			assert_ok(proto_sign(&f->keys, &iov, 1, true));
			if (take(&f->bad_signatures))
				data[len - 1] ^= 1;
		}
	}
	if (f->hold) {
		assert_true(f->held_count < ARRAY_LEN(f->held));
		f->held[f->held_count] = malloc(len);
		memcpy(f->held[f->held_count], data, len);
		f->held_len[f->held_count++] = len;
	} else {
		fake_send(f, data, len);
	}
}

void fake_let_go(struct fake *f, bool last_first)
{
	size_t n = f->held_count;
	f->hold = false;
	f->held_count = 0;
	for (size_t i = 0; i < n; i++) {
		size_t at = last_first ? n - 1 - i : i;
		fake_send(f, f->held[at], f->held_len[at]);
	}
	for (size_t i = 0; i < n; i++)
		free(f->held[i]);
}

/* One response at `out`, unprotected; its length. */
static size_t encode(struct fake *f, uint8_t *out, size_t cap, const struct fake_seen *r, ntstatus status, uint32_t flags,
	uint64_t async_id, void *body, const void *payload, size_t len)
{
	uint16_t grant = f->grant && r->h.credits > f->grant ? f->grant : r->h.credits;
	struct smb2_header h = {.status = status.code, .command = r->h.command, .credits = grant ? grant : 1,
		.flags = SMB2_FLAGS_SERVER_TO_REDIR | flags, .message_id = r->h.message_id, .session_id = f->session_id,
		.process_id = 0xFEFF, .tree_id = r->h.command == SMB2_TREE_CONNECT ? TREE_ID : r->h.tree_id, .async_id = async_id,
		.credit_charge = r->h.credit_charge};
	struct smb2_error_rsp error = {0};
	struct wire w = wire_encoder(out, 0, cap);
	w.dialect = f->proto.dialect;
	smb2_header_code(&w, &h);
	if (body)
		smb2_message_of(r->h.command)->rsp_code(&w, body);
	else
		smb2_error_rsp_code(&w, &error);
	assert_true(wire_ok(&w));
	assert_true(w.pos + len <= cap);
	if (len > 0)
		memcpy(out + w.pos, payload, len);
	return w.pos + len;
}

void fake_reply_as(struct fake *f, const struct fake_seen *r, ntstatus status, uint32_t flags, uint64_t async_id, void *body,
	const void *payload, size_t len)
{
	size_t cap = BODY_ROOM + len;
	uint8_t *data = malloc(SMB2_TRANSFORM_SIZE + cap);
	assert_non_null(data);
	size_t n = encode(f, data + SMB2_TRANSFORM_SIZE, cap, r, status, flags, async_id, body, payload, len);
	protect_and_send(f, data + SMB2_TRANSFORM_SIZE, n, r);
	free(data);
}

void fake_reply(struct fake *f, const struct fake_seen *r, ntstatus status, void *body, const void *payload, size_t len)
{
	fake_reply_as(f, r, status, 0, 0, body, payload, len);
}

/* --- honest answers --- */

void fake_decode(const struct fake *f, const struct fake_seen *r, void *body)
{
	const struct smb2_message *m = smb2_message_of(r->h.command);
	struct wire w = wire_decoder(r->message, SMB2_HEADER_SIZE, r->len, (struct arena *)(uintptr_t)&f->arena);
	w.dialect = f->proto.dialect;
	memset(body, 0, m->req_size);
	m->req_code(&w, body);
	if (!wire_ok(&w))
		print_message("%s: %s at %s\n", m->name, hythe_status_name(w.error), w.where);
	assert_true(wire_ok(&w));
}

static void preauth_add(uint8_t hash[64], const void *data, size_t len)
{
	struct iovec iov = {(void *)(uintptr_t)data, len};
	preauth_update(hash, &iov, 1);
}

static void answer_negotiate(struct fake *f, const struct fake_seen *r)
{
	struct smb2_negotiate_rsp rsp = {0};
	uint8_t out[BODY_ROOM];
	if (load_le32(r->message) == SMB1_PROTOCOL_ID) {
		assert_ok(proto_server_negotiate_smb1(&f->proto, &f->cfg, slice_of(r->message, r->len), &rsp));
	} else {
		struct smb2_negotiate_req req;
		fake_decode(f, r, &req);
		memset(f->proto.preauth, 0, sizeof(f->proto.preauth));
		preauth_add(f->proto.preauth, r->message, r->len);
		ntstatus s = proto_server_negotiate(&f->proto, &f->cfg, &req, &rsp, &f->arena);
		if (!nt_ok(s)) {
			fake_reply(f, r, s, NULL, NULL, 0);
			return;
		}
	}
	if (f->choose_dialect)
		rsp.dialect_revision = f->choose_dialect;
	rsp.security_buffer = auth_server_hint(&f->arena);
	size_t n = encode(f, out, sizeof(out), r, STATUS_SUCCESS, 0, 0, &rsp, NULL, 0);
	preauth_add(f->proto.preauth, out, n);
	memcpy(f->preauth, f->proto.preauth, sizeof(f->preauth));
	fake_send(f, out, n);
}

static void setup_done(struct fake *f, struct smb2_session_setup_rsp *rsp)
{
	const struct auth_identity *id = auth_server_identity(f->auth);
	rsp->session_flags = f->session_flags;
	if (id->anonymous)
		rsp->session_flags |= SMB2_SESSION_FLAG_IS_NULL;
	if (f->guest)
		rsp->session_flags |= SMB2_SESSION_FLAG_IS_GUEST;
	if (f->guest || id->session_key_len == 0)
		return;
	assert_ok(proto_keys_derive(&f->keys, &f->proto, slice_of(id->session_key, id->session_key_len), f->preauth, true, false));
	f->have_keys = true;
}

static void answer_setup(struct fake *f, const struct fake_seen *r)
{
	struct smb2_session_setup_req req;
	struct smb2_session_setup_rsp rsp = {0};
	uint8_t out[BODY_ROOM];
	fake_decode(f, r, &req);
	if (!f->auth) {
		struct auth_server_config cfg = {.users = f->users, .netbios_name = "FAKE", .dns_name = "fake", .allow_anonymous = true,
			.guest = f->guest, .clock = &f->clock.clock};
		f->auth = auth_server_new(&cfg);
		f->session_id = SESSION_ID;
	}
	preauth_add(f->preauth, r->message, r->len);
	ntstatus s = auth_server_step(f->auth, req.security_buffer, &f->arena, &rsp.security_buffer);
	if (nt_error(s) && !nt_is(s, STATUS_MORE_PROCESSING_REQUIRED)) {
		fake_reply(f, r, s, NULL, NULL, 0);
		return;
	}
	if (nt_ok(s))
		setup_done(f, &rsp);
	size_t n = encode(f, out, sizeof(out), r, s, 0, 0, &rsp, NULL, 0);
	if (!nt_ok(s)) {
		preauth_add(f->preauth, out, n);
	} else if (f->have_keys && !take(&f->last_setup_unsigned)) {
		struct iovec iov = {out, n};
		assert_ok(proto_sign(&f->keys, &iov, 1, true));
		if (take(&f->last_setup_bad))
			out[50] ^= 1;
	}
	fake_send(f, out, n);
}

static void answer_create(struct fake *f, const struct fake_seen *r)
{
	struct smb2_create_req req;
	struct smb2_create_rsp rsp = {.file_id = FAKE_FILE_ID, .create_action = 1, .end_of_file = f->file_len,
		.file_attributes = HYTHE_ATTRIBUTE_ARCHIVE, .creation_time = 1, .last_access_time = 2, .last_write_time = 3, .change_time = 4,
		.allocation_size = 4096};
	struct smb2_create_context c;
	uint8_t contexts[256], data[32];
	bool bad;
	fake_decode(f, r, &req);
	struct wire w = wire_encoder(contexts, 0, sizeof(contexts));
	while (smb2_create_context_next(&req.contexts, &c, &bad)) {
		struct wire d = wire_encoder(data, 0, sizeof(data));
		struct smb2_ctx_mxac_rsp mxac = {0, 0x1F01FF};
		struct smb2_ctx_qfid_rsp qfid = {0x77, 0x88};
		if (memcmp(c.name.data, "MxAc", 4) == 0)
			smb2_ctx_mxac_rsp_code(&d, &mxac);
		else if (memcmp(c.name.data, "QFid", 4) == 0)
			smb2_ctx_qfid_rsp_code(&d, &qfid);
		if (d.pos > 0)
			smb2_create_context_put(&w, c.name, slice_of(data, d.pos));
	}
	rsp.contexts = slice_of(contexts, w.pos);
	fake_reply(f, r, STATUS_SUCCESS, &rsp, NULL, 0);
}

static void answer_read(struct fake *f, const struct fake_seen *r)
{
	struct smb2_read_req req;
	struct smb2_read_rsp rsp = {0};
	fake_decode(f, r, &req);
	if (req.offset >= f->file_len) {
		fake_reply(f, r, STATUS_END_OF_FILE, NULL, NULL, 0);
		return;
	}
	size_t n = f->file_len - req.offset < req.length ? f->file_len - req.offset : req.length;
	rsp.data = slice_of(f->file + req.offset, n);
	fake_reply(f, r, STATUS_SUCCESS, &rsp, rsp.data.data, n);
}

static void answer_write(struct fake *f, const struct fake_seen *r)
{
	struct smb2_write_req req;
	fake_decode(f, r, &req);
	size_t end = req.offset + req.data.len;
	if (end > f->file_cap) {
		f->file_cap = 2 * end;
		f->file = realloc(f->file, f->file_cap);
		assert_non_null(f->file);
	}
	memcpy(f->file + req.offset, req.data.data, req.data.len);
	if (end > f->file_len)
		f->file_len = end;
	struct smb2_write_rsp rsp = {.count = (uint32_t)req.data.len};
	fake_reply(f, r, STATUS_SUCCESS, &rsp, NULL, 0);
}

static void answer_ioctl(struct fake *f, const struct fake_seen *r)
{
	struct smb2_ioctl_req req;
	struct smb2_ioctl_rsp rsp = {0};
	uint8_t out[64];
	fake_decode(f, r, &req);
	rsp.ctl_code = req.ctl_code;
	rsp.file_id = req.file_id;
	if (req.ctl_code != FSCTL_VALIDATE_NEGOTIATE_INFO || f->validate_unknown) {
		fake_reply(f, r, f->validate_unknown ? STATUS_FILE_CLOSED : STATUS_INVALID_DEVICE_REQUEST, NULL, NULL, 0);
		return;
	}
	struct wire w = wire_encoder(out, 0, sizeof(out));
	assert_true(proto_server_validate(&f->proto, req.input, &w));
	if (f->validate_lies)
		out[0] ^= 4;
	rsp.output = slice_of(out, w.pos);
	fake_reply(f, r, STATUS_SUCCESS, &rsp, out, w.pos);
}

static void answer_close(struct fake *f, const struct fake_seen *r)
{
	struct smb2_close_req req;
	struct smb2_close_rsp rsp = {0};
	fake_decode(f, r, &req);
	if (req.flags & 1)
		rsp = (struct smb2_close_rsp){.flags = 1, .end_of_file = f->file_len, .last_write_time = 3};
	fake_reply(f, r, STATUS_SUCCESS, &rsp, NULL, 0);
}

static void answer_query_info(struct fake *f, const struct fake_seen *r)
{
	uint8_t all[120] = {0};
	store_le64(all + 48, f->file_len);
	store_le32(all + 56, 1);
	store_le32(all + 96, 2);
	all[100] = 'x';
	struct smb2_query_info_rsp rsp = {.output = slice_of(all, 102)};
	fake_reply(f, r, STATUS_SUCCESS, &rsp, rsp.output.data, rsp.output.len);
}

void fake_answer(struct fake *f, const struct fake_seen *r)
{
	struct smb2_empty empty = {0};
	struct smb2_tree_connect_rsp tree = {.share_type = SMB2_SHARE_TYPE_DISK, .share_flags = f->share_flags,
		.capabilities = f->share_capabilities, .maximal_access = 0x1F01FF};
	switch (r->h.command) {
	case SMB2_NEGOTIATE: answer_negotiate(f, r); break;
	case SMB2_SESSION_SETUP: answer_setup(f, r); break;
	case SMB2_TREE_CONNECT: fake_reply(f, r, STATUS_SUCCESS, &tree, NULL, 0); break;
	case SMB2_CREATE: answer_create(f, r); break;
	case SMB2_READ: answer_read(f, r); break;
	case SMB2_WRITE: answer_write(f, r); break;
	case SMB2_IOCTL: answer_ioctl(f, r); break;
	case SMB2_CLOSE: answer_close(f, r); break;
	case SMB2_QUERY_INFO: answer_query_info(f, r); break;
	case SMB2_QUERY_DIRECTORY: fake_reply(f, r, STATUS_NO_MORE_FILES, NULL, NULL, 0); break;
	case SMB2_CANCEL: break;
	default: fake_reply(f, r, STATUS_SUCCESS, &empty, NULL, 0); break;
	}
}

/* --- receiving --- */

static void take_message(struct fake *f, uint8_t *data, size_t len, bool sealed)
{
	assert_true(f->seen_count < FAKE_SEEN);
	struct fake_seen *r = &f->seen[f->seen_count++];
	uint8_t *copy = arena_alloc(&f->arena, len);
	assert_non_null(copy);
	memcpy(copy, data, len);
	*r = (struct fake_seen){.message = copy, .len = len, .sealed = sealed};
	if (load_le32(data) == SMB1_PROTOCOL_ID) {
		r->h.credits = 1;
	} else {
		struct wire w = wire_decoder(copy, 0, len, NULL);
		smb2_header_code(&w, &r->h);
		assert_true(wire_ok(&w));
		if (r->h.flags & SMB2_FLAGS_SIGNED)
			r->signature_ok = f->have_keys && nt_ok(proto_verify(&f->keys, copy, len, false));
	}
	if (f->deaf || (f->hook && f->hook(f, r)))
		return;
	fake_answer(f, r);
}

static void take_frame(struct fake *f, struct net_frame *frame)
{
	uint8_t *data = frame->data;
	size_t len = frame->len;
	bool sealed = load_le32(data) == SMB2_TRANSFORM_ID;
	struct slice plain = slice_of(data, len);
	if (sealed) {
		assert_ok(proto_unseal(&f->keys, data, len, &plain));
		data += plain.data - data;
	}
	if (load_le32(data) == SMB1_PROTOCOL_ID) {
		take_message(f, data, len, false);
		return;
	}
	struct proto_chain chain = {.next = data, .left = plain.len};
	struct proto_element e;
	ntstatus s;
	while (proto_chain_next(&chain, &e, &s))
		take_message(f, e.data, e.len, sealed);
	assert_ok(s);
}

static void on_frames(struct net_conn *c, void *user, struct net_frame *frames, size_t n)
{
	struct fake *f = user;
	if (c != f->net)
		return;
	for (size_t i = 0; i < n; i++)
		take_frame(f, &frames[i]);
}

static void on_closed(struct net_conn *c, void *user)
{
	struct fake *f = user;
	if (c == f->net)
		f->closed = true;
}

static const struct net_conn_ops fake_ops = {.frames = on_frames, .closed = on_closed};

static void forget_connection(struct fake *f)
{
	if (f->net) {
		net_conn_close(f->net, false);
		net_conn_put(f->net);
	}
	auth_server_free(f->auth);
	if (f->have_keys)
		proto_keys_wipe(&f->keys);
	f->net = NULL;
	f->auth = NULL;
	f->have_keys = false;
	f->session_id = 0;
	f->proto = (struct proto_conn){0};
}

static struct net_conn *dial(void *arg, const char *host, uint16_t port, ntstatus *status)
{
	struct fake *f = arg;
	struct net_conn *ours;
	(void)host;
	(void)port;
	*status = STATUS_CONNECTION_REFUSED;
	if (take(&f->refuse_connections))
		return NULL;
	forget_connection(f);
	net_mem_pair(f->pool, NULL, &ours, &f->net);
	net_conn_limit(f->net, READ_MAX + BODY_ROOM);
	net_conn_start(f->net, &fake_ops, f);
	f->closed = false;
	*status = STATUS_SUCCESS;
	return ours;
}

/* --- life --- */

void fake_start(struct fake *f)
{
	memset(f, 0, sizeof(*f));
	clock_virtual_init(&f->clock);
	struct net_pool_config pool = {.virtual_clock = &f->clock};
	f->pool = net_pool_new(&pool);
	f->client = cli_client_new_on(f->pool, dial, f);
	f->users = user_store_in_memory();
	assert_non_null(f->client);
	struct user_entry e = {.name = "user"};
	assert_ok(user_nt_hash("pass", e.nt_hash));
	assert_ok(user_store_put(f->users, &e));
	proto_config_default(&f->cfg, true);
	f->cfg.min_dialect = SMB2_DIALECT_202;
	f->cfg.signing_required = false;
	hythe_connect_options_init(&f->o);
	f->o.user = "user";
	f->o.password = "pass";
	f->o.min_dialect = SMB2_DIALECT_202;
	arena_init(&f->arena, NULL, 0, 0);
}

void fake_run(struct fake *f, unsigned ms)
{
	uint64_t until = f->clock.now_ms + ms;
	for (int i = 0; i < 1000000 && f->clock.now_ms <= until; i++) {
		if (!net_pool_step(f->pool, (int)(until - f->clock.now_ms)))
			break;
	}
}

void fake_stop(struct fake *f)
{
	forget_connection(f);
	hythe_client_free(f->client);
	fake_run(f, 1000);
	net_pool_free(f->pool);
	user_store_close(f->users);
	arena_reset(&f->arena);
	free(f->file);
}

void fake_leave(struct fake *f, struct hythe_file *file, struct hythe_tree *t, struct hythe_session *s)
{
	hythe_file_free(file);
	hythe_tree_free(t);
	hythe_session_free(s);
	fake_stop(f);
}

bool fake_apart;

struct ending {
	bool done;
	ntstatus status;
	struct hythe_session *session;
};

static void ended(void *arg, ntstatus status, const struct hythe_result *result)
{
	*(struct ending *)arg = (struct ending){true, status, result->session};
}

ntstatus fake_connect(struct fake *f, struct hythe_session **s)
{
	struct hythe_connect_options o = f->o;
	struct ending e = {false};
	char user[64] = "", password[64] = "";
	if (!fake_apart)
		return hythe_connect(f->client, "fake", 0, &f->o, s);
	/* What the call was given is gone when it has returned. */
	snprintf(user, sizeof(user), "%s", o.user ? o.user : "");
	snprintf(password, sizeof(password), "%s", o.password ? o.password : "");
	o.user = o.user ? user : NULL;
	o.password = o.password ? password : NULL;
	ntstatus status = hythe_connect_async(f->client, "fake", 0, &o, ended, &e);
	memset(&o, 0xFF, sizeof(o));
	memset(user, 'x', sizeof(user));
	memset(password, 'x', sizeof(password));
	if (!nt_ok(status)) {
		assert_false(e.done);
		return status;
	}
	while (!e.done)
		assert_true(hythe_client_poll(f->client, 1000000));
	*s = e.session;
	assert_true(nt_ok(e.status) == (e.session != NULL));
	return e.status;
}

ntstatus fake_logoff(struct fake *f, struct hythe_session *s)
{
	struct ending e = {false};
	if (!fake_apart)
		return hythe_session_logoff(s);
	ntstatus status = hythe_session_logoff_async(s, ended, &e);
	while (nt_ok(status) && !e.done)
		assert_true(hythe_client_poll(f->client, 1000000));
	return nt_ok(status) ? e.status : status;
}

struct hythe_session *fake_login(struct fake *f)
{
	struct hythe_session *s = NULL;
	ntstatus status = fake_connect(f, &s);
	if (!nt_ok(status))
		print_message("login: %s\n", hythe_client_error(f->client));
	assert_ok(status);
	return s;
}

struct hythe_tree *fake_tree(struct fake *f, struct hythe_session *s)
{
	struct hythe_tree *t = NULL;
	ntstatus status = hythe_tree_connect(s, "share", &t);
	if (!nt_ok(status))
		print_message("tree: %s\n", hythe_client_error(f->client));
	assert_ok(status);
	return t;
}

struct hythe_file *fake_open(struct hythe_tree *t)
{
	struct hythe_open_params p;
	struct hythe_file *file = NULL;
	hythe_open_params_init(&p, "file", HYTHE_READ_DATA | HYTHE_WRITE_DATA);
	assert_ok(hythe_open(t, &p, &file, NULL));
	return file;
}

size_t fake_count(const struct fake *f, uint16_t command)
{
	size_t n = 0;
	for (size_t i = 0; i < f->seen_count; i++)
		n += f->seen[i].h.command == command && load_le32(f->seen[i].message) != SMB1_PROTOCOL_ID;
	return n;
}

const struct fake_seen *fake_nth(const struct fake *f, uint16_t command, size_t n)
{
	for (size_t i = 0; i < f->seen_count; i++) {
		if (f->seen[i].h.command == command && load_le32(f->seen[i].message) != SMB1_PROTOCOL_ID && n-- == 0)
			return &f->seen[i];
	}
	fail_msg("no such request");
	return NULL;
}

/* Any messages of SMB2 to a server, before logon and behind a session, a tree and an open, alone or in compounds. */
#include "fuzz.h"

#include "proto/proto.h"
#include "wire/fsctl.h"

enum { HEAD = 3, TREE_ID_NONE = 0, CREDITS = 16, DATA_MOST = 512, ROOM = 64 << 10 };
/* The third byte of a piece. */
enum { HOW_SIGNED = 1, HOW_RELATED = 2, HOW_ASYNC = 4, HOW_REPLAY = 8, HOW_CHARGE_SHIFT = 4, HOW_CHARGE_MASK = 3, HOW_HELD = 0x40, HOW_NEW_SEQUENCE = 0x80 };

/* What the clients of SMB2 have beyond fuzz.h, for their way to a level, and a compound that is being made. */
static struct state {
	const struct fuzz_client *of;
	struct proto_conn proto;
	struct proto_keys keys;
	bool have_keys;
	uint8_t preauth[64];
	uint8_t held[FUZZ_FRAME_BYTES];
	size_t held_len, held_last;
} states[2];

static struct state *state_of(const struct fuzz_client *c)
{
	return &states[states[1].of == c];
}

/* --- frames --- */

/* Where a request has its FileId, from the header; 0: nowhere. */
static size_t fid_at(uint16_t command)
{
	switch (command) {
	case SMB2_CLOSE: case SMB2_FLUSH: case SMB2_LOCK: case SMB2_IOCTL: case SMB2_QUERY_DIRECTORY: case SMB2_CHANGE_NOTIFY: case SMB2_OPLOCK_BREAK:
		return SMB2_HEADER_SIZE + 8;
	case SMB2_READ: case SMB2_WRITE: case SMB2_SET_INFO:
		return SMB2_HEADER_SIZE + 16;
	case SMB2_QUERY_INFO:
		return SMB2_HEADER_SIZE + 24;
	default:
		return 0;
	}
}

static struct smb2_header header_of(struct fuzz_client *c, uint8_t how, uint8_t command, uint8_t more)
{
	bool same = (how & PIECE_SAME_ID) != 0 || command == SMB2_CANCEL;
	struct smb2_header h = {
		.command = command, .credits = CREDITS, .message_id = same ? c->next_id - 1 : c->next_id, .credit_charge = more >> HOW_CHARGE_SHIFT & HOW_CHARGE_MASK,
		.flags = (more & HOW_SIGNED ? SMB2_FLAGS_SIGNED : 0) | (more & HOW_RELATED ? SMB2_FLAGS_RELATED_OPERATIONS : 0) |
			(more & HOW_ASYNC ? SMB2_FLAGS_ASYNC_COMMAND : 0) | (more & HOW_REPLAY ? SMB2_FLAGS_REPLAY_OPERATION : 0),
		.session_id = how & PIECE_NO_SESSION ? 0 : c->session_id, .tree_id = how & PIECE_NO_TREE ? TREE_ID_NONE : c->tree_id,
		.status = more & HOW_NEW_SEQUENCE ? 1 : 0,
	};

	if (more & HOW_ASYNC)
		h.async_id = 1;
	if (!same)
		c->next_id += h.credit_charge > 1 ? h.credit_charge : 1;
	return h;
}

/* What was held, and this one behind it; kept for more, or in `frame`. */
static size_t compound(struct state *s, uint8_t *frame, size_t len, bool hold)
{
	size_t at = (s->held_len + 7) & ~(size_t)7;

	if (s->held_len == 0 && !hold)
		return len;
	if (at + len > sizeof(s->held)) {
		s->held_len = 0;
		return len;
	}
	memset(s->held + s->held_len, 0, at - s->held_len);
	memcpy(s->held + at, frame, len);
	if (at > 0)
		store_le32(s->held + s->held_last + 20, (uint32_t)(at - s->held_last));
	s->held_last = at;
	s->held_len = at + len;
	if (hold)
		return 0;
	len = s->held_len;
	memcpy(frame, s->held, len);
	s->held_len = 0;
	return len;
}

size_t fuzz_frame(struct fuzz_client *c, struct slice piece, uint8_t frame[FUZZ_FRAME_BYTES])
{
	struct wire w = wire_encoder(frame, 0, FUZZ_FRAME_BYTES);
	size_t len = piece.len - (piece.len < HEAD ? 1 : HEAD), at;
	struct smb2_header h;

	if (piece.data[0] & PIECE_RAW) {
		memcpy(frame, piece.data + 1, len = piece.len - 1 < FUZZ_FRAME_BYTES ? piece.len - 1 : FUZZ_FRAME_BYTES);
		return len;
	}
	if (piece.len < HEAD)
		return 0;
	h = header_of(c, piece.data[0], piece.data[1], piece.data[2]);
	smb2_header_code(&w, &h);
	if (len > FUZZ_FRAME_BYTES - w.pos)
		len = FUZZ_FRAME_BYTES - w.pos;
	memcpy(frame + w.pos, piece.data + HEAD, len);
	len += w.pos;
	at = fid_at(h.command);
	if ((piece.data[0] & PIECE_FID) && at != 0 && at + 16 <= len) {
		store_le64(frame + at, c->file_id.persistent);
		store_le64(frame + at + 8, c->file_id.volatile_id);
	}
	return compound(state_of(c), frame, len, (piece.data[2] & HOW_HELD) != 0);
}

/* A message of the server's: one that a client can decode. */
static void check_message(const struct fuzz_client *c, const struct proto_element *e)
{
	const struct smb2_message *m = smb2_message_of(e->header.command);
	union { uint64_t align; uint8_t room[1024]; } body;
	struct arena a;
	struct wire w;

	MUST((e->header.flags & SMB2_FLAGS_SERVER_TO_REDIR) && e->len >= SMB2_HEADER_SIZE + 2);
	if (smb2_is_error_response(&e->header, load_le16(e->data + SMB2_HEADER_SIZE)))
		return;
	MUST(m && m->rsp_size <= sizeof(body));
	arena_init(&a, NULL, 0, 0);
	memset(&body, 0, sizeof(body));
	w = wire_decoder(e->data, SMB2_HEADER_SIZE, e->len, &a);
	w.dialect = state_of(c)->proto.dialect;
	m->rsp_code(&w, &body);
	MUST(wire_ok(&w));
	arena_reset(&a);
}

void fuzz_check(const struct fuzz_client *c, struct slice answer)
{
	struct proto_chain chain = {.next = (uint8_t *)(uintptr_t)answer.data, .left = answer.len};
	struct proto_element e;
	ntstatus status;

	MUST(answer.len > 4);
	/* A raw NEGOTIATE may have made it one of SMB1's. */
	if (load_le32(answer.data) == SMB1_PROTOCOL_ID)
		return;
	if (load_le32(answer.data) == SMB2_TRANSFORM_ID) {
		MUST(answer.len > SMB2_TRANSFORM_SIZE + SMB2_HEADER_SIZE);
		return;
	}
	while (proto_chain_next(&chain, &e, &status))
		check_message(c, &e);
	MUST(nt_ok(status));
}

/* --- the way to a level --- */

static void hash(struct state *s, const void *p, size_t n)
{
	struct iovec part = {(void *)(uintptr_t)p, n};

	preauth_update(s->preauth, &part, 1);
}

/* One message; its answer, decoded, views into c->answer. false: none, or an error. */
static bool call(struct fuzz_client *c, uint16_t command, void *req, void *rsp, struct arena *a)
{
	const struct smb2_message *m = smb2_message_of(command);
	struct state *s = state_of(c);
	uint8_t frame[FUZZ_FRAME_BYTES];
	struct wire w = wire_encoder(frame, 0, sizeof(frame));
	struct smb2_header h = header_of(c, 0, (uint8_t)command, s->proto.dialect >= SMB2_DIALECT_210 ? 1 << HOW_CHARGE_SHIFT : 0);
	struct iovec part = {frame, 0};
	bool hashes = command == SMB2_NEGOTIATE || command == SMB2_SESSION_SETUP;

	h.credits = 256;
	smb2_header_code(&w, &h);
	w.dialect = s->proto.dialect;
	m->req_code(&w, req);
	MUST(wire_ok(&w));
	part.iov_len = w.pos;
	/* 3.1.1 wants this one signed in any case. */
	if (command == SMB2_TREE_CONNECT && s->have_keys)
		MUST(nt_ok(proto_sign(&s->keys, &part, 1, false)));
	if (hashes)
		hash(s, frame, w.pos);
	fuzz_send(c, frame, w.pos);
	w = wire_decoder(c->answer, 0, c->answer_len, a);
	smb2_header_code(&w, &h);
	if (!wire_ok(&w) || (h.status != 0 && h.status != STATUS_MORE_PROCESSING_REQUIRED.code))
		return false;
	c->session_id = h.session_id;
	c->tree_id = h.tree_id;
	/* Not the last one, which is not part of what keys are made of. */
	if (hashes && (command == SMB2_NEGOTIATE || h.status != 0))
		hash(s, c->answer, c->answer_len);
	w.dialect = s->proto.dialect;
	m->rsp_code(&w, rsp);
	return wire_ok(&w);
}

static bool negotiate(struct fuzz_client *c, struct arena *a)
{
	static const uint16_t dialects[] = {SMB2_DIALECT_202, SMB2_DIALECT_210, SMB2_DIALECT_300, SMB2_DIALECT_302, SMB2_DIALECT_311};
	unsigned dialect = c->options >> FUZZ_PROTOCOL_SHIFT;
	struct state *s = state_of(c);
	struct smb2_negotiate_req req = {0};
	struct smb2_negotiate_rsp rsp = {0};
	struct proto_config cfg;

	proto_config_default(&cfg, false);
	cfg.signing_required = false;
	cfg.min_dialect = cfg.max_dialect = dialects[dialect < ARRAY_LEN(dialects) ? dialect : ARRAY_LEN(dialects) - 1];
	MUST(nt_ok(proto_client_negotiate_req(&s->proto, &cfg, "fuzz", &req, a)));
	return call(c, SMB2_NEGOTIATE, &req, &rsp, a) && nt_ok(proto_client_negotiate_rsp(&s->proto, &cfg, &rsp));
}

static bool log_on(struct fuzz_client *c, struct arena *a)
{
	static const char *const names[] = {"user", "stranger", NULL, "user"};
	struct auth_client_config cfg = {.user = names[c->who], .domain = "", .password = "pass", .target_host = "fuzz",
		.raw_ntlm = c->who == WHO_USER, .clock = &fuzz_clock.clock};
	struct auth_client *auth = auth_client_new(&cfg);
	struct state *s = state_of(c);
	struct slice token = slice_of("", 0), key;
	bool ok = auth != NULL;

	for (unsigned leg = 0; ok && leg < 2; leg++) {
		struct smb2_session_setup_req req = {.security_mode = SMB2_NEGOTIATE_SIGNING_ENABLED};
		struct smb2_session_setup_rsp rsp = {0};

		(void)!nt_ok(auth_client_step(auth, token, a, &req.security_buffer));
		ok = call(c, SMB2_SESSION_SETUP, &req, &rsp, a);
		token = rsp.security_buffer;
	}
	if (ok && token.len > 0)
		ok = nt_ok(auth_client_step(auth, token, a, &token));
	key = ok ? auth_client_session_key(auth) : slice_of("", 0);
	if (key.len > 0 && c->who != WHO_GUEST && s->proto.dialect >= SMB2_DIALECT_311)
		s->have_keys = nt_ok(proto_keys_derive(&s->keys, &s->proto, key, s->preauth, false, true));
	auth_client_free(auth);
	return ok;
}

static bool connect_tree(struct fuzz_client *c, struct arena *a)
{
	static const uint8_t share[] = {'\\', 0, '\\', 0, 'F', 0, '\\', 0, 's', 0, 'h', 0, 'a', 0, 'r', 0, 'e', 0};
	static const uint8_t ipc[] = {'\\', 0, '\\', 0, 'F', 0, '\\', 0, 'I', 0, 'P', 0, 'C', 0, '$', 0};
	struct smb2_tree_connect_req req = {0};
	struct smb2_tree_connect_rsp rsp = {0};

	req.path = c->level == LEVEL_PIPE ? slice_of(ipc, sizeof(ipc)) : slice_of(share, sizeof(share));
	return call(c, SMB2_TREE_CONNECT, &req, &rsp, a);
}

static bool open_file(struct fuzz_client *c, struct arena *a)
{
	static const uint8_t file[] = {'f', 0, 'i', 0, 'l', 0, 'e', 0}, dir[] = {'d', 0, 'i', 0, 'r', 0};
	static const uint8_t pipe[] = {'s', 0, 'r', 0, 'v', 0, 's', 0, 'v', 0, 'c', 0};
	static const uint8_t lease[32] = {1, [16] = 7};
	uint8_t contexts[128];
	struct wire list = wire_encoder(contexts, 0, sizeof(contexts));
	struct smb2_create_req req = {.desired_access = 0x001F01FF, .share_access = 7, .create_disposition = 3, .impersonation_level = 2,
		.name = slice_of(file, sizeof(file))};
	struct smb2_create_rsp rsp = {0};

	if (c->level == LEVEL_DIRECTORY) {
		req.name = slice_of(dir, sizeof(dir));
		req.create_options = 1;
	} else if (c->level == LEVEL_PIPE) {
		req.name = slice_of(pipe, sizeof(pipe));
		req.desired_access = 0x0012019F;
	} else if (c->level == LEVEL_FILE_AGAIN) {
		/* With a lease, and durable. */
		req.requested_oplock_level = 0xFF;
		smb2_create_context_put(&list, slice_of("RqLs", 4), slice_of(lease, sizeof(lease)));
		smb2_create_context_put(&list, slice_of("DHnQ", 4), slice_of(contexts + sizeof(contexts) - 16, 16));
		memset(contexts + sizeof(contexts) - 16, 0, 16);
		req.contexts = slice_of(contexts, list.pos);
	}
	if (!call(c, SMB2_CREATE, &req, &rsp, a))
		return false;
	c->file_id = rsp.file_id;
	return true;
}

void fuzz_prelude(struct fuzz_client *c)
{
	struct state *s;
	struct arena a;
	bool ok;

	/* The first client of a run has the first place. */
	s = states[0].of == NULL || states[0].of == c ? &states[0] : &states[1];
	memset(s, 0, sizeof(*s));
	s->of = c;
	c->next_id = 0;
	arena_init(&a, NULL, 0, 0);
	ok = c->level >= LEVEL_NEGOTIATED && negotiate(c, &a);
	ok = ok && c->level >= LEVEL_LOGGED_ON && log_on(c, &a);
	ok = ok && c->level >= LEVEL_TREE && connect_tree(c, &a);
	(void)!(ok && c->level > LEVEL_TREE && open_file(c, &a));
	if (s->have_keys)
		proto_keys_wipe(&s->keys);
	s->have_keys = false;
	arena_reset(&a);
}

/* --- legal messages --- */

static struct slice contexts_of(struct wire *r, struct arena *a)
{
	static const struct { const char *tag; uint8_t bytes; } kinds[] = {
		{"MxAc", 0}, {"MxAc", 8}, {"QFid", 0}, {"AlSi", 8}, {"RqLs", 32}, {"RqLs", 52}, {"DHnQ", 16}, {"DHnC", 16}, {"DH2Q", 32}, {"DH2C", 36}, {"TWrp", 8},
		{"ExtA", 24}, {"SecD", 48},
	};
	uint8_t *p = arena_zalloc(a, 512);
	struct wire list = wire_encoder(p, 0, 512);

	MUST(p);
	for (size_t i = 0, n = (size_t)wire_random(r, 4); i < n; i++) {
		size_t k = (size_t)wire_random(r, ARRAY_LEN(kinds));
		uint8_t data[64] = {0};

		for (size_t j = 0; j < kinds[k].bytes; j++)
			data[j] = (uint8_t)(wire_random(r, 3) ? 0 : wire_random(r, 8));
		smb2_create_context_put(&list, slice_of(kinds[k].tag, 4), slice_of(data, kinds[k].bytes));
	}
	return slice_of(p, wire_ok(&list) ? list.pos : 0);
}

/* What the generators cannot know: names that exist, ways to open that make sense, classes and codes that there are, sizes that are paid for. */
static void make_likely(struct wire *r, struct arena *a, uint16_t command, void *m)
{
	static const uint32_t codes[] = {0x00060194, 0x0011400C, 0x00110018, 0x0011C017, 0x00144064, 0x001440F2, 0x001441BB, 0x001401D4, 0x001401FC, 0x000900A4,
		0x000900A8, 0x000900AC, 0x00140204, 0x00140078, 0x001480F2, 0x000900C0, 0x00090028, 0x000940CF, 0x00098208, 0x00098344, 0x000980C8, 0x000900C4, 0x0009009C};
	struct smb2_write_req *write = m;

	switch (command) {
	case SMB2_CREATE:
		*(struct smb2_create_req *)m = (struct smb2_create_req){.desired_access = wire_random(r, 4) ? 0x001F01FF : (uint32_t)wire_random(r, 0x200),
			.share_access = (uint32_t)wire_random(r, 8), .create_disposition = (uint32_t)wire_random(r, 6), .impersonation_level = 2,
			.create_options = wire_random(r, 3) == 0 ? (uint32_t)(1u << wire_random(r, 16)) : 0, .name = fuzz_name(r, true),
			.requested_oplock_level = (uint8_t[]){0, 1, 8, 9, 0xFF}[wire_random(r, 5)], .contexts = contexts_of(r, a)};
		break;
	case SMB2_TREE_CONNECT:
		((struct smb2_tree_connect_req *)m)->path = slice_of("\\\0\\\0F\0\\\0s\0h\0a\0r\0e\0", 18);
		break;
	case SMB2_READ:
		((struct smb2_read_req *)m)->length = (uint32_t)wire_random(r, 65536);
		((struct smb2_read_req *)m)->channel = 0;
		((struct smb2_read_req *)m)->channel_info = slice_of("", 0);
		break;
	case SMB2_WRITE:
		*write = (struct smb2_write_req){.offset = wire_random(r, 100000), .data = fuzz_random_bytes(r, a, DATA_MOST), .flags = (uint32_t)wire_random(r, 3)};
		break;
	case SMB2_QUERY_DIRECTORY:
		*(struct smb2_query_directory_req *)m = (struct smb2_query_directory_req){.file_information_class = (uint8_t)(1 + wire_random(r, 64)),
			.flags = (uint8_t)wire_random(r, 32), .output_buffer_length = (uint32_t)wire_random(r, 65536), .file_name = slice_of("*", 2)};
		break;
	case SMB2_QUERY_INFO:
		*(struct smb2_query_info_req *)m = (struct smb2_query_info_req){.info_type = (uint8_t)(1 + wire_random(r, 4)), .flags = (uint32_t)wire_random(r, 8),
			.file_info_class = (uint8_t)wire_random(r, 65), .output_buffer_length = (uint32_t)wire_random(r, 4096),
			.additional_information = (uint32_t)wire_random(r, 16), .input = fuzz_random_bytes(r, a, 64)};
		break;
	case SMB2_SET_INFO:
		((struct smb2_set_info_req *)m)->info_type = (uint8_t)(1 + wire_random(r, 4));
		((struct smb2_set_info_req *)m)->file_info_class = (uint8_t)wire_random(r, 65);
		((struct smb2_set_info_req *)m)->input = fuzz_random_bytes(r, a, 128);
		break;
	case SMB2_IOCTL:
		*(struct smb2_ioctl_req *)m = (struct smb2_ioctl_req){.ctl_code = codes[wire_random(r, ARRAY_LEN(codes))], .flags = 1,
			.max_output_response = (uint32_t)wire_random(r, 65536), .input = fuzz_random_bytes(r, a, 128)};
		break;
	default:
		break;
	}
}

size_t fuzz_generate(uint64_t seed, uint8_t piece[FUZZ_PIECE_BYTES])
{
	static uint8_t frame[ROOM];
	struct wire r = wire_generator(seed, NULL), g, w = wire_encoder(frame, SMB2_HEADER_SIZE, sizeof(frame));
	const struct smb2_message *row = smb2_message_of((uint16_t)wire_random(&r, SMB2_COMMAND_COUNT));
	size_t len = 0;
	struct arena a;
	void *m;

	arena_init(&a, NULL, 0, 0);
	m = arena_zalloc(&a, row->req_size);
	MUST(m);
	g = wire_generator(wire_random(&r, UINT64_MAX), &a);
	g.dialect = w.dialect = SMB2_DIALECT_311;
	row->req_code(&g, m);
	if (wire_random(&r, 8) != 0)
		make_likely(&r, &a, row->command, m);
	row->req_code(&w, m);
	wire_append_tail(&w);
	if (wire_ok(&w) && w.pos - SMB2_HEADER_SIZE <= FUZZ_PIECE_BYTES - HEAD) {
		len = w.pos - SMB2_HEADER_SIZE;
		piece[0] = (uint8_t)(PIECE_FID | (wire_random(&r, 4) == 0 ? PIECE_OTHER : 0));
		piece[1] = (uint8_t)row->command;
		piece[2] = (uint8_t)(1 << HOW_CHARGE_SHIFT | (wire_random(&r, 6) == 0 ? HOW_HELD : 0) | (wire_random(&r, 6) == 0 ? HOW_RELATED : 0));
		memcpy(piece + HEAD, frame + SMB2_HEADER_SIZE, len);
		len += HEAD;
	}
	arena_reset(&a);
	return len;
}

/* Any messages of SMB1 to a server that speaks it, before logon and behind a session, a tree and an open. [MS-CIFS], [MS-SMB]. */
#include "fuzz.h"

#include "wire/smb1/smb1.h"
#include "wire/smb1/trans.h"

enum { PID = 7, OTHER_PID = 8, HEAD = 3, ANDX_BYTES = 5, MAX_BUFFER = 16644, FIRST_FID = 1, TRANS_DATA_MOST = 512, ROOM = 64 << 10 };
/* The third byte of a piece. */
enum { HOW_UNICODE = 1, HOW_NT_STATUS = 2, HOW_EXTENDED_SECURITY = 4, HOW_SIGNED = 8, HOW_DFS = 0x10, HOW_PAGING_IO = 0x20, HOW_OPLOCK = 0x40, HOW_OPBATCH = 0x80 };

/* --- frames --- */

static struct smb1_header header_of(const struct fuzz_client *c, uint8_t command, uint8_t how)
{
	return (struct smb1_header){
		.command = command, .uid = c->uid, .tid = c->tid, .mid = (uint16_t)c->next_id, .pid_low = PID,
		.flags = (uint8_t)(SMB1_FLAGS_CASE_INSENSITIVE | (how & HOW_OPLOCK ? SMB1_FLAGS_OPLOCK : 0) | (how & HOW_OPBATCH ? SMB1_FLAGS_OPBATCH : 0)),
		.flags2 = (uint16_t)(SMB1_FLAGS2_LONG_NAMES | (how & HOW_UNICODE ? SMB1_FLAGS2_UNICODE : 0) | (how & HOW_NT_STATUS ? SMB1_FLAGS2_NT_STATUS : 0) |
			(how & HOW_EXTENDED_SECURITY ? SMB1_FLAGS2_EXTENDED_SECURITY : 0) | (how & HOW_SIGNED ? SMB1_FLAGS2_SECURITY_SIGNATURE : 0) |
			(how & HOW_DFS ? SMB1_FLAGS2_DFS : 0) | (how & HOW_PAGING_IO ? SMB1_FLAGS2_PAGING_IO : 0)),
	};
}

/* Where a block has its FID, from its WordCount; 0: nowhere. */
static size_t fid_at(uint8_t command)
{
	switch (command) {
	case SMB1_CLOSE: case SMB1_FLUSH: case SMB1_READ: case SMB1_WRITE: case SMB1_LOCK_BYTE_RANGE: case SMB1_UNLOCK_BYTE_RANGE: case SMB1_SEEK:
	case SMB1_LOCK_AND_READ: case SMB1_WRITE_AND_UNLOCK: case SMB1_SET_INFORMATION2: case SMB1_QUERY_INFORMATION2: case SMB1_WRITE_AND_CLOSE:
		return 1;
	case SMB1_LOCKING_ANDX: case SMB1_READ_ANDX: case SMB1_WRITE_ANDX:
		return ANDX_BYTES;
	default:
		return 0;
	}
}

size_t fuzz_frame(struct fuzz_client *c, struct slice piece, uint8_t frame[FUZZ_FRAME_BYTES])
{
	uint8_t how = piece.data[0];
	struct smb1_header h;
	struct wire w = wire_encoder(frame, 0, FUZZ_FRAME_BYTES);
	size_t len = piece.len < HEAD ? 0 : piece.len - HEAD, at;

	if (how & PIECE_RAW) {
		len = piece.len - 1 < FUZZ_FRAME_BYTES ? piece.len - 1 : FUZZ_FRAME_BYTES;
		memcpy(frame, piece.data + 1, len);
		return len;
	}
	if (piece.len < HEAD)
		return 0;
	h = header_of(c, piece.data[1], piece.data[2]);
	if (how & PIECE_NO_SESSION)
		h.uid = 0;
	if (how & PIECE_NO_TREE)
		h.tid = 0;
	if (how & PIECE_SAME_ID)
		h.mid--;
	else
		c->next_id++;
	if (how & PIECE_OTHER_PROCESS)
		h.pid_low = OTHER_PID;
	smb1_header_code(&w, &h);
	if (len > FUZZ_FRAME_BYTES - w.pos)
		len = FUZZ_FRAME_BYTES - w.pos;
	memcpy(frame + w.pos, piece.data + HEAD, len);
	at = fid_at(h.command);
	if ((how & PIECE_FID) && at != 0 && at + 2 <= len)
		store_le16(frame + w.pos + at, c->fid);
	return w.pos + len;
}

void fuzz_check(const struct fuzz_client *c, struct slice answer)
{
	struct wire w = wire_decoder(answer.data, 0, answer.len, NULL);
	struct smb1_header h;
	struct smb1_walk walk;
	struct smb1_block b;
	bool bad = false;

	(void)c;
	/* A raw NEGOTIATE may have made it a connection of SMB2's. */
	MUST(answer.len > 4);
	if (load_le32(answer.data) != SMB1_PROTOCOL_ID)
		return;
	smb1_header_code(&w, &h);
	MUST(wire_ok(&w));
	MUST((h.flags & SMB1_FLAGS_REPLY) || h.command == SMB1_LOCKING_ANDX);
	smb1_walk_start(&walk, answer, &h);
	while (smb1_walk_next(&walk, &b, &bad))
		;
	MUST(!bad);
}

/* --- the way to a level --- */

/* One message of one block; the answer is in c. false: none, or an error. */
static bool call(struct fuzz_client *c, uint8_t command, void *body, void *rsp)
{
	uint8_t frame[FUZZ_FRAME_BYTES];
	struct wire w = wire_encoder(frame, 0, sizeof(frame));
	struct smb1_header h = header_of(c, command, HOW_UNICODE | HOW_NT_STATUS | (c->who == WHO_USER_SPNEGO ? HOW_EXTENDED_SECURITY : 0));
	struct smb1_chain chain = {0};
	struct smb1_walk walk;
	struct smb1_block b;
	bool bad;

	c->next_id++;
	smb1_header_code(&w, &h);
	smb1_chain_next(&w, &chain, command);
	smb1_message_of(command)->req_code(&w, body);
	MUST(wire_ok(&w));
	fuzz_send(c, frame, w.pos);
	w = wire_decoder(c->answer, 0, c->answer_len, NULL);
	smb1_header_code(&w, &h);
	if (!wire_ok(&w) || (h.status != 0 && h.status != STATUS_MORE_PROCESSING_REQUIRED.code))
		return false;
	c->uid = h.uid;
	c->tid = h.tid;
	smb1_walk_start(&walk, slice_of(c->answer, c->answer_len), &h);
	if (rsp && smb1_walk_next(&walk, &b, &bad)) {
		w = smb1_block_decoder(&walk, &b, NULL);
		smb1_coder_of(b.command, true, b.word_count)(&w, rsp);
		MUST(wire_ok(&w));
	}
	return true;
}

static bool negotiate(struct fuzz_client *c)
{
	uint8_t list[64];
	struct wire w = wire_encoder(list, 0, sizeof(list));
	struct smb1_negotiate_req req;
	struct smb1_negotiate_rsp rsp = {0};

	smb1_dialect_put(&w, "NT LM 0.12");
	req.dialects = slice_of(list, w.pos);
	if (!call(c, SMB1_NEGOTIATE, &req, &rsp))
		return false;
	if (rsp.challenge.len == sizeof(c->challenge))
		memcpy(c->challenge, rsp.challenge.data, sizeof(c->challenge));
	return true;
}

static struct smb1_session_setup_req setup_of(uint8_t words)
{
	return (struct smb1_session_setup_req){.word_count = words, .max_buffer_size = MAX_BUFFER, .max_mpx_count = 50,
		.capabilities = SMB1_CAP_UNICODE | SMB1_CAP_STATUS32 | SMB1_CAP_LEVEL_II_OPLOCKS | SMB1_CAP_NT_SMBS | SMB1_CAP_LARGE_READX};
}

static bool log_on_spnego(struct fuzz_client *c, struct arena *a)
{
	struct auth_client_config cfg = {.user = "user", .domain = "", .password = "pass", .clock = &fuzz_clock.clock};
	struct auth_client *auth = auth_client_new(&cfg);
	struct slice token = slice_of("", 0);
	bool ok = auth != NULL;

	for (unsigned leg = 0; ok && leg < 2; leg++) {
		struct smb1_session_setup_req req = setup_of(12);
		struct smb1_session_setup_rsp rsp = {0};

		(void)!nt_ok(auth_client_step(auth, token, a, &req.security_blob));
		ok = call(c, SMB1_SESSION_SETUP_ANDX, &req, &rsp);
		token = slice_of(arena_alloc(a, rsp.security_blob.len + 1), rsp.security_blob.len);
		MUST(token.data);
		if (token.len > 0)
			memcpy((uint8_t *)(uintptr_t)token.data, rsp.security_blob.data, token.len);
	}
	auth_client_free(auth);
	return ok;
}

static bool log_on(struct fuzz_client *c, struct arena *a)
{
	static const uint8_t user[] = {'u', 0, 's', 0, 'e', 0, 'r', 0};
	struct auth_client_config cfg = {.user = c->who == WHO_NOBODY ? NULL : "user", .password = "pass", .domain = "", .clock = &fuzz_clock.clock};
	struct smb1_session_setup_req req = setup_of(13);
	struct auth_response mine = {0};

	if (c->who == WHO_USER_SPNEGO)
		return log_on_spnego(c, a);
	if (c->who == WHO_GUEST) {
		req.account_name = slice_of("x\0y", 4);
	} else {
		MUST(nt_ok(auth_client_respond(&cfg, c->challenge, NULL, NULL, a, &mine)));
		req.oem_password = mine.lm;
		req.unicode_password = mine.nt;
		req.account_name = slice_of(user, c->who == WHO_USER ? sizeof(user) : 0);
	}
	return call(c, SMB1_SESSION_SETUP_ANDX, &req, NULL);
}

static bool connect_tree(struct fuzz_client *c)
{
	static const uint8_t share[] = {'\\', 0, '\\', 0, 'F', 0, '\\', 0, 's', 0, 'h', 0, 'a', 0, 'r', 0, 'e', 0};
	static const uint8_t ipc[] = {'\\', 0, '\\', 0, 'F', 0, '\\', 0, 'I', 0, 'P', 0, 'C', 0, '$', 0};
	struct smb1_tree_connect_andx_req req = {.flags = SMB1_TREE_EXTENDED_RESPONSE, .password = slice_of("", 1), .service = slice_of("?????", 5)};

	req.path = c->level == LEVEL_PIPE ? slice_of(ipc, sizeof(ipc)) : slice_of(share, sizeof(share));
	return call(c, SMB1_TREE_CONNECT_ANDX, &req, NULL);
}

static bool open_file(struct fuzz_client *c)
{
	static const uint8_t file[] = {'f', 0, 'i', 0, 'l', 0, 'e', 0}, dir[] = {'d', 0, 'i', 0, 'r', 0};
	static const uint8_t pipe[] = {'s', 0, 'r', 0, 'v', 0, 's', 0, 'v', 0, 'c', 0};
	struct smb1_nt_create_andx_req req = {.desired_access = 0x001F01FF, .share_access = 7, .create_disposition = 3, .impersonation_level = 2,
		.file_name = slice_of(file, sizeof(file)), .flags = c->level == LEVEL_FILE_AGAIN ? SMB1_NT_CREATE_REQUEST_OPLOCK | SMB1_NT_CREATE_REQUEST_OPBATCH : 0};
	struct smb1_nt_create_andx_rsp rsp = {0};
	struct smb1_write_req write = {.data = slice_of("some bytes", 10)};

	if (c->level == LEVEL_DIRECTORY) {
		req.file_name = slice_of(dir, sizeof(dir));
		req.create_options = 1;
	} else if (c->level == LEVEL_PIPE) {
		req.file_name = slice_of(pipe, sizeof(pipe));
		req.desired_access = 0x0012019F;
	}
	if (!call(c, SMB1_NT_CREATE_ANDX, &req, &rsp))
		return false;
	c->fid = rsp.fid;
	write.fid = rsp.fid;
	return c->level != LEVEL_FILE || call(c, SMB1_WRITE, &write, NULL);
}

void fuzz_prelude(struct fuzz_client *c)
{
	struct arena a;
	bool ok;

	arena_init(&a, NULL, 0, 0);
	ok = c->level >= LEVEL_NEGOTIATED && negotiate(c);
	ok = ok && c->level >= LEVEL_LOGGED_ON && log_on(c, &a);
	ok = ok && c->level >= LEVEL_TREE && connect_tree(c);
	(void)!(ok && c->level > LEVEL_TREE && open_file(c));
	arena_reset(&a);
}

/* --- legal messages --- */

static uint16_t level(struct wire *r)
{
	static const uint16_t bases[] = {0, 0x100, 0x100, SMB1_PASSTHROUGH};

	return (uint16_t)(bases[wire_random(r, ARRAY_LEN(bases))] + wire_random(r, 80));
}

/* Parameters of TRANSACTION2. */
static size_t trans2_parameters(struct wire *r, uint16_t function, uint8_t *out, size_t cap)
{
	struct wire w = smb1_part_encoder(out, cap, true);
	struct slice name = fuzz_name(r, true);

	switch (function) {
	case SMB1_TRANS2_OPEN2:
		smb1_open2_code(&w, &(struct smb1_open2){.flags = (uint16_t)wire_random(r, 32), .access_mode = (uint16_t)wire_random(r, 0x80),
			.open_mode = (uint16_t)wire_random(r, 0x20), .file_name = name});
		break;
	case SMB1_TRANS2_FIND_FIRST2:
		smb1_find_first2_code(&w, &(struct smb1_find_first2){.search_attributes = 0x16, .search_count = (uint16_t)wire_random(r, 100),
			.flags = (uint16_t)wire_random(r, 32), .information_level = level(r), .file_name = name});
		break;
	case SMB1_TRANS2_FIND_NEXT2:
		smb1_find_next2_code(&w, &(struct smb1_find_next2){.sid = (uint16_t)(1 + wire_random(r, 2)), .search_count = (uint16_t)wire_random(r, 100),
			.flags = (uint16_t)wire_random(r, 32), .information_level = level(r), .file_name = name});
		break;
	case SMB1_TRANS2_QUERY_FS_INFORMATION:
		smb1_fs_info_code(&w, &(struct smb1_fs_info){.information_level = level(r)});
		break;
	case SMB1_TRANS2_QUERY_PATH_INFORMATION:
	case SMB1_TRANS2_SET_PATH_INFORMATION:
		smb1_path_info_code(&w, &(struct smb1_path_info){.information_level = level(r), .file_name = name});
		break;
	case SMB1_TRANS2_SET_FILE_INFORMATION:
		smb1_set_file_info_code(&w, &(struct smb1_set_file_info){.fid = FIRST_FID, .information_level = level(r)});
		break;
	case SMB1_TRANS2_CREATE_DIRECTORY:
		smb1_trans2_create_directory_code(&w, &(struct smb1_trans2_create_directory){.directory_name = name});
		break;
	default:
		smb1_file_info_code(&w, &(struct smb1_file_info){.fid = FIRST_FID, .information_level = level(r)});
	}
	return wire_ok(&w) ? w.pos : 0;
}

static void make_trans(struct wire *r, struct arena *a, uint8_t command, struct smb1_trans_req *m)
{
	static const uint8_t pipe_functions[] = {SMB1_TRANS_SET_NMPIPE_STATE, SMB1_TRANS_QUERY_NMPIPE_STATE, SMB1_TRANS_QUERY_NMPIPE_INFO,
		SMB1_TRANS_PEEK_NMPIPE, SMB1_TRANS_TRANSACT_NMPIPE, SMB1_TRANS_WAIT_NMPIPE, SMB1_TRANS_CALL_NMPIPE};
	uint8_t *setup = arena_alloc(a, 4), *parameters = arena_alloc(a, 256);
	uint16_t function = (uint16_t)wire_random(r, 0x12);
	bool pipe = command == SMB1_TRANSACTION;

	MUST(setup && parameters);
	*m = (struct smb1_trans_req){.max_parameter_count = 100, .max_data_count = (uint16_t)wire_random(r, MAX_BUFFER), .max_setup_count = 4,
		.data = fuzz_random_bytes(r, a, TRANS_DATA_MOST)};
	store_le16(setup, pipe ? pipe_functions[wire_random(r, sizeof(pipe_functions))] : function);
	store_le16(setup + 2, FIRST_FID);
	m->setup = slice_of(setup, pipe ? 4 : 2);
	if (pipe)
		m->name = slice_of("\\\0P\0I\0P\0E\0\\\0", 12);
	m->parameters = slice_of(parameters, pipe ? 0 : trans2_parameters(r, function, parameters, 256));
	m->total_parameter_count = (uint16_t)m->parameters.len;
	/* One in eight has more to come. */
	m->total_data_count = (uint16_t)(m->data.len + (wire_random(r, 8) == 0 ? 64 : 0));
}

static struct slice nt_create_of(struct wire *r, uint8_t *out, size_t cap)
{
	struct wire w = smb1_part_encoder(out, cap, true);

	smb1_nt_create_code(&w, &(struct smb1_nt_create){.desired_access = 0x001F01FF, .share_access = (uint32_t)wire_random(r, 8),
		.create_disposition = (uint32_t)wire_random(r, 6), .impersonation_level = 2, .flags = (uint32_t)wire_random(r, 32),
		.security_descriptor_length = (uint32_t)wire_random(r, 40), .ea_length = (uint32_t)wire_random(r, 40), .name = fuzz_name(r, true)});
	return slice_of(out, wire_ok(&w) ? w.pos : 0);
}

static void make_nt_transact(struct wire *r, struct arena *a, struct smb1_nt_transact_req *m)
{
	static const uint32_t codes[] = {0x00090028, 0x000900A4, 0x000900A8, 0x000900C0, 0x000940CF, 0x00098208, 0x00144064, 0x00140078, 0x000900C4, 0x000980C8};
	uint8_t *setup = arena_zalloc(a, 8), *parameters = arena_zalloc(a, 256);

	MUST(setup && parameters);
	*m = (struct smb1_nt_transact_req){.function = (uint16_t)(1 + wire_random(r, 8)), .max_setup_count = 4, .max_parameter_count = 100,
		.max_data_count = (uint32_t)wire_random(r, MAX_BUFFER), .data = fuzz_random_bytes(r, a, TRANS_DATA_MOST)};
	m->setup = slice_of(setup, 8);
	m->parameters = slice_of(parameters, 8);
	store_le16(parameters, FIRST_FID);
	store_le32(parameters + 4, (uint32_t)wire_random(r, 16));
	store_le16(setup + 4, FIRST_FID);
	if (m->function == SMB1_NT_TRANSACT_CREATE)
		m->parameters = nt_create_of(r, parameters, 256);
	else if (m->function == SMB1_NT_TRANSACT_IOCTL)
		store_le32(setup, codes[wire_random(r, ARRAY_LEN(codes))]);
	else
		store_le32(setup, (uint32_t)wire_random(r, 0x1000));
	setup[6] = 1;
	m->total_parameter_count = (uint32_t)m->parameters.len;
	m->total_data_count = (uint32_t)(m->data.len + (wire_random(r, 8) == 0 ? 64 : 0));
}

/* What the generators cannot know: names that exist, ways to open that make sense, and what is in transactions. */
static void make_likely(struct wire *r, struct arena *a, uint8_t command, void *m)
{
	struct slice name = fuzz_name(r, true);

	switch (command) {
	case SMB1_CREATE_DIRECTORY: case SMB1_DELETE_DIRECTORY: case SMB1_CHECK_DIRECTORY: case SMB1_QUERY_INFORMATION:
		((struct smb1_name_req *)m)->name = name;
		break;
	case SMB1_DELETE:
		((struct smb1_delete_req *)m)->file_name = name;
		break;
	case SMB1_RENAME:
		((struct smb1_rename_req *)m)->old_file_name = name;
		break;
	case SMB1_OPEN:
		*(struct smb1_open_req *)m = (struct smb1_open_req){.access_mode = (uint16_t)wire_random(r, 0x60), .search_attributes = 0x16, .file_name = name};
		break;
	case SMB1_CREATE: case SMB1_CREATE_NEW: case SMB1_CREATE_TEMPORARY:
		((struct smb1_create_req *)m)->file_name = name;
		break;
	case SMB1_OPEN_ANDX:
		*(struct smb1_open_andx_req *)m = (struct smb1_open_andx_req){.flags = (uint16_t)wire_random(r, 32), .access_mode = (uint16_t)wire_random(r, 0x60),
			.search_attrs = 0x16, .open_mode = (uint16_t)wire_random(r, 0x20), .file_name = name};
		break;
	case SMB1_NT_CREATE_ANDX:
		*(struct smb1_nt_create_andx_req *)m = (struct smb1_nt_create_andx_req){.flags = (uint32_t)wire_random(r, 32), .desired_access = 0x001F01FF,
			.share_access = (uint32_t)wire_random(r, 8), .create_disposition = (uint32_t)wire_random(r, 6), .impersonation_level = 2,
			.create_options = wire_random(r, 4) == 0 ? (uint32_t)(1u << wire_random(r, 16)) : 0, .file_name = name};
		break;
	case SMB1_SEARCH: case SMB1_FIND: case SMB1_FIND_UNIQUE: case SMB1_FIND_CLOSE:
		((struct smb1_search_req *)m)->file_name = name;
		break;
	case SMB1_TRANSACTION: case SMB1_TRANSACTION2:
		make_trans(r, a, command, m);
		break;
	case SMB1_NT_TRANSACT:
		make_nt_transact(r, a, m);
		break;
	default:
		break;
	}
}

/* A block, behind those that the frame has already. */
static void put_block(struct wire *r, struct arena *a, struct wire *w, struct smb1_chain *chain, const struct smb1_message *row)
{
	struct wire g = wire_generator(wire_random(r, UINT64_MAX), a);
	void *m = arena_zalloc(a, row->req_size);

	MUST(m);
	g.unicode = true;
	row->req_code(&g, m);
	if (wire_random(r, 8) != 0)
		make_likely(r, a, row->command, m);
	smb1_chain_next(w, chain, row->command);
	row->req_code(w, m);
	wire_append_tail(w);
}

size_t fuzz_generate(uint64_t seed, uint8_t piece[FUZZ_PIECE_BYTES])
{
	static uint8_t frame[ROOM];
	struct wire r = wire_generator(seed, NULL), w = wire_encoder(frame, 0, sizeof(frame));
	const struct smb1_message *row = smb1_message_at((size_t)wire_random(&r, smb1_message_count()));
	uint8_t how = (uint8_t)(PIECE_FID | (wire_random(&r, 4) == 0 ? PIECE_OTHER : 0) | (wire_random(&r, 8) == 0 ? PIECE_OTHER_PROCESS : 0));
	struct smb1_header h = {.command = row->command, .flags2 = SMB1_FLAGS2_UNICODE};
	struct smb1_chain chain = {0};
	size_t len = 0;
	struct arena a;

	arena_init(&a, NULL, 0, 0);
	smb1_header_code(&w, &h);
	put_block(&r, &a, &w, &chain, row);
	for (unsigned i = 0; i < 3 && (row->preconditions & SMB1_IS_ANDX) && wire_random(&r, 4) == 0; i++) {
		row = smb1_message_at((size_t)wire_random(&r, smb1_message_count()));
		put_block(&r, &a, &w, &chain, row);
	}
	if (wire_ok(&w) && w.pos - SMB1_HEADER_SIZE <= FUZZ_PIECE_BYTES - HEAD) {
		len = w.pos - SMB1_HEADER_SIZE;
		piece[0] = how;
		piece[1] = h.command;
		piece[2] = (uint8_t)(HOW_UNICODE | HOW_NT_STATUS | (wire_random(&r, 4) == 0 ? HOW_EXTENDED_SECURITY | HOW_OPLOCK : 0));
		memcpy(piece + HEAD, frame + SMB1_HEADER_SIZE, len);
		len += HEAD;
	}
	arena_reset(&a);
	return len;
}

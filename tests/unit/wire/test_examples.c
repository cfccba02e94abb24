/* The exchanges of [MS-SMB2] section 4, message by message. The text prints fields and no bytes; tokens, data and file contents
 * are filled with a pattern of the stated length. Every message is read and written back. Where the printed values contradict
 * one another (inventory F) the packets are taken as they are. */
#include "golden.h"

#include "proto/proto.h"
#include "wire/fscc.h"
#include "wire/fsctl.h"

static struct smb2_header header;

/* A header that is checked at once; the body is appended to it. */
static struct golden *message(uint16_t command, uint32_t status, uint32_t flags, uint16_t credits, uint64_t message_id, uint32_t tree_id,
	uint64_t session_id)
{
	struct golden *g = golden_new();

	gheader(g, command, status, flags, credits, message_id, tree_id, session_id);
	CHECK_CODER(g, 0, smb2_header_code, &header);
	assert_int_equal(header.command, command);
	assert_int_equal(header.credits, credits);
	assert_true(header.message_id == message_id && header.session_id == session_id && header.tree_id == tree_id);
	return g;
}
#define CHECK_BODY(g, coder, m) CHECK_CODER(g, SMB2_HEADER_SIZE, coder, m)
enum { REQ = 0, RSP = SMB2_FLAGS_SERVER_TO_REDIR };
#define MORE_PROCESSING 0xC0000016u

/* --- the bodies that several exchanges share --- */

static void negotiate_rsp(struct golden *g, uint16_t dialect, const char *guid, uint32_t capabilities, uint32_t sizes, uint64_t system_time,
	uint64_t start_time, unsigned token, uint32_t reserved2)
{
	struct smb2_negotiate_rsp m = {0};

	g16(g, 65);
	g16(g, SMB2_NEGOTIATE_SIGNING_ENABLED);
	g16(g, dialect);
	g16(g, 0);
	ghex(g, guid);
	g32(g, capabilities);
	g32(g, sizes);
	g32(g, sizes);
	g32(g, sizes);
	g64(g, system_time);
	g64(g, start_time);
	g16(g, 128);
	g16(g, token);
	gignore(g, g->n, 4);
	g32(g, reserved2);
	gfill(g, token);
	CHECK_BODY(g, smb2_negotiate_rsp_code, &m);
	assert_int_equal(m.dialect_revision, dialect);
	assert_int_equal(m.capabilities, capabilities);
	assert_int_equal(m.max_transact_size, sizes);
	assert_int_equal(m.security_buffer.len, token);
	assert_true(m.system_time == system_time);
}

static void session_setup_req(struct golden *g, unsigned flags, unsigned token)
{
	struct smb2_session_setup_req m = {0};

	g16(g, 25);
	g8(g, flags);
	g8(g, SMB2_NEGOTIATE_SIGNING_ENABLED);
	g32(g, 1);
	g32(g, 0);
	g16(g, 88);
	g16(g, token);
	g64(g, 0);
	gfill(g, token);
	CHECK_BODY(g, smb2_session_setup_req_code, &m);
	assert_int_equal(m.flags, flags);
	assert_int_equal(m.capabilities, SMB2_GLOBAL_CAP_DFS);
	assert_int_equal(m.security_buffer.len, token);
}

static void session_setup_rsp(struct golden *g, unsigned token)
{
	struct smb2_session_setup_rsp m = {0};

	g16(g, 9);
	g16(g, 0);
	g16(g, 72);
	g16(g, token);
	gfill(g, token);
	CHECK_BODY(g, smb2_session_setup_rsp_code, &m);
	assert_int_equal(m.session_flags, 0);
	assert_int_equal(m.security_buffer.len, token);
}

static void tree_connect(uint64_t session_id, const char *path, unsigned path_len, uint16_t req_credits, uint16_t rsp_credits, unsigned type,
	uint32_t flags)
{
	struct golden *g = message(SMB2_TREE_CONNECT, 0, REQ, req_credits, 3, 0, session_id);
	struct smb2_tree_connect_req m = {0};
	struct smb2_tree_connect_rsp r = {0};

	g16(g, 9);
	g16(g, 0);
	g16(g, 72);
	g16(g, path_len);
	gtext(g, path);
	CHECK_BODY(g, smb2_tree_connect_req_code, &m);
	assert_text(m.path, path);
	g = message(SMB2_TREE_CONNECT, 0, RSP, rsp_credits, 3, 1, session_id);
	g16(g, 16);
	g8(g, type);
	g8(g, 0);
	g32(g, flags);
	g32(g, 0);
	g32(g, 0x1F01FF);
	CHECK_BODY(g, smb2_tree_connect_rsp_code, &r);
	assert_int_equal(r.share_type, type);
	assert_int_equal(r.share_flags, flags);
	assert_int_equal(r.maximal_access, 0x1F01FF);
}

struct create {
	uint64_t session_id, message_id;
	uint32_t tree_id, access, attributes, share, disposition, options;
	const char *name;
	/* the response */
	unsigned oplock, action;
	uint64_t times[4], allocation, eof;
	uint32_t rsp_attributes, reserved2;
	struct smb2_file_id id;
};

static void create(const struct create *c)
{
	struct golden *g = message(SMB2_CREATE, 0, REQ, 111, c->message_id, c->tree_id, c->session_id);
	struct smb2_create_req m = {0};
	struct smb2_create_rsp r = {0};

	g16(g, 57);
	g8(g, 0);
	g8(g, 9);
	g32(g, 2);
	g64(g, 0);
	g64(g, 0);
	g32(g, c->access);
	g32(g, c->attributes);
	g32(g, c->share);
	g32(g, c->disposition);
	g32(g, c->options);
	g16(g, 120);
	g16(g, (unsigned)(2 * strlen(c->name)));
	g32(g, 0);
	g32(g, 0);
	gtext(g, c->name);
	CHECK_BODY(g, smb2_create_req_code, &m);
	assert_int_equal(m.desired_access, c->access);
	assert_int_equal(m.create_options, c->options);
	assert_text(m.name, c->name);

	g = message(SMB2_CREATE, 0, RSP, 1, c->message_id, c->tree_id, c->session_id);
	g16(g, 89);
	g8(g, c->oplock);
	g8(g, 9); /* printed as Reserved1; a server of 2.002 leaves there what was there */
	g32(g, c->action);
	for (size_t i = 0; i < 4; i++)
		g64(g, c->times[i]);
	g64(g, c->allocation);
	g64(g, c->eof);
	g32(g, c->rsp_attributes);
	gignore(g, g->n, 4);
	g32(g, c->reserved2);
	gfid(g, c->id.persistent, c->id.volatile_id);
	g32(g, 0);
	g32(g, 0);
	CHECK_BODY(g, smb2_create_rsp_code, &r);
	assert_int_equal(r.oplock_level, c->oplock);
	assert_int_equal(r.create_action, c->action);
	assert_true(r.allocation_size == c->allocation && r.end_of_file == c->eof && r.change_time == c->times[3]);
	assert_true(r.file_id.persistent == c->id.persistent && r.file_id.volatile_id == c->id.volatile_id);
}

static void read_data(const struct create *c, uint64_t message_id, uint32_t length, uint32_t got)
{
	struct golden *g = message(SMB2_READ, 0, REQ, 111, message_id, c->tree_id, c->session_id);
	struct smb2_read_req m = {0};
	struct smb2_read_rsp r = {0};

	g16(g, 49);
	g8(g, 0x50);
	g8(g, 0);
	g32(g, length);
	g64(g, 0);
	gfid(g, c->id.persistent, c->id.volatile_id);
	gzero(g, 16);
	g8(g, 0);
	CHECK_BODY(g, smb2_read_req_code, &m);
	assert_int_equal(m.length, length);
	g = message(SMB2_READ, 0, RSP, 1, message_id, c->tree_id, c->session_id);
	g16(g, 17);
	g8(g, 80);
	g8(g, 0);
	g32(g, got);
	g32(g, 0);
	g32(g, 0);
	gfill(g, got);
	CHECK_BODY(g, smb2_read_rsp_code, &r);
	assert_int_equal(r.data.len, got);
}

static void write_data(const struct create *c, uint64_t message_id, uint64_t offset, uint32_t length)
{
	struct golden *g = message(SMB2_WRITE, 0, REQ, 111, message_id, c->tree_id, c->session_id);
	struct smb2_write_req m = {0};
	struct smb2_write_rsp r = {0};

	g16(g, 49);
	g16(g, 112);
	g32(g, length);
	g64(g, offset);
	gfid(g, c->id.persistent, c->id.volatile_id);
	gzero(g, 16);
	gfill(g, length);
	CHECK_BODY(g, smb2_write_req_code, &m);
	assert_true(m.offset == offset && m.data.len == length);
	g = message(SMB2_WRITE, 0, RSP, 1, message_id, c->tree_id, c->session_id);
	g16(g, 17);
	g16(g, 0);
	g32(g, length);
	g32(g, 0);
	g16(g, 0);
	g16(g, 0);
	CHECK_BODY(g, smb2_write_rsp_code, &r);
	assert_int_equal(r.count, length);
}

static void close_file(const struct create *c, uint64_t message_id, struct smb2_file_id id, unsigned rsp_flags, const uint64_t times[4],
	uint64_t allocation, uint64_t eof, uint32_t attributes)
{
	struct golden *g = message(SMB2_CLOSE, 0, REQ, 111, message_id, c->tree_id, c->session_id);
	struct smb2_close_req m = {0};
	struct smb2_close_rsp r = {0};

	g16(g, 24);
	g16(g, 1);
	g32(g, 0);
	gfid(g, id.persistent, id.volatile_id);
	CHECK_BODY(g, smb2_close_req_code, &m);
	assert_true(m.flags == 1 && m.file_id.volatile_id == id.volatile_id);
	g = message(SMB2_CLOSE, 0, RSP, 1, message_id, c->tree_id, c->session_id);
	g16(g, 60);
	g16(g, rsp_flags);
	g32(g, 0);
	for (size_t i = 0; i < 4; i++)
		g64(g, times[i]);
	g64(g, allocation);
	g64(g, eof);
	g32(g, attributes);
	CHECK_BODY(g, smb2_close_rsp_code, &r);
	assert_true(r.flags == rsp_flags && r.end_of_file == eof && r.file_attributes == attributes && r.last_write_time == times[2]);
}

/* --- the exchanges --- */

#define SERVER_GUID_41 "3F5CF209A4E50049A7D66A456D5CA5CF" /* 4.1 prints it in wire order */

static struct slice smb1_negotiate(struct golden *g, bool wildcard)
{
	static const char *const dialects[] = {"PC NETWORK PROGRAM 1.0", "LANMAN1.0", "Windows for Workgroups 3.1a", "LM1.2X002", "LANMAN2.1",
		"NT LM 0.12", "SMB 2.002", "SMB 2.???"};
	size_t n = wildcard ? 8 : 7;

	ghex(g, "FF 53 4D 42 72 00000000 18 53C8 0000 0000000000000000 0000 FFFF FFFE 0000 0000");
	g8(g, 0); /* WordCount */
	g16(g, wildcard ? 120 : 109);
	for (size_t i = 0; i < n; i++) {
		g8(g, 2);
		gascii(g, dialects[i]);
		g8(g, 0);
	}
	assert_int_equal(g->n, 32 + 3 + (wildcard ? 120 : 109));
	return gslice(g, 0);
}

static void session_and_ipc_tree(void)
{
	const uint64_t session = 0x40000000009;

	session_setup_req(message(SMB2_SESSION_SETUP, 0, REQ, 126, 1, 0, 0), 0, 74);
	session_setup_rsp(message(SMB2_SESSION_SETUP, MORE_PROCESSING, RSP, 2, 1, 0, session), 219);
	session_setup_req(message(SMB2_SESSION_SETUP, 0, REQ, 125, 2, 0, session), 0, 245);
	session_setup_rsp(message(SMB2_SESSION_SETUP, 0, RSP | SMB2_FLAGS_SIGNED, 3, 2, 0, session), 29);
	tree_connect(session, "\\\\smb2server\\IPC$", 34, 123, 5, SMB2_SHARE_TYPE_PIPE, SMB2_SHAREFLAG_NO_CACHING);
}

/* Backs: F001. */
static void test_example_41_multi_protocol_negotiate_to_2002(void **state)
{
	struct proto_config cfg;
	struct proto_conn conn = {0};
	struct smb2_negotiate_rsp rsp = {0};

	(void)state;
	proto_config_default(&cfg, true);
	cfg.min_dialect = SMB2_DIALECT_202;
	cfg.max_dialect = SMB2_DIALECT_202;
	assert_true(nt_ok(proto_server_negotiate_smb1(&conn, &cfg, smb1_negotiate(golden_new(), false), &rsp)));
	assert_int_equal(rsp.dialect_revision, 0x0202);
	negotiate_rsp(message(SMB2_NEGOTIATE, 0, RSP, 1, 0, 0, 0), 0x0202, SERVER_GUID_41, 1, 65536, 0x01C6A6C21CAE2680, 0x01C6A6C0AD2538E0,
		30, 0);
	session_and_ipc_tree();
}

/* Backs: F002. */
static void test_example_42_multi_protocol_negotiate_to_21(void **state)
{
	static const char client_guid[] = "5D5B3AAFF0D5DD11BA58000D56BE7998", server_guid[] = "5737C6771CDB9D4BA01AEF5F0F58D91E";
	const uint64_t now = 0x1c96a0bd3f4f380, start = 0x1c95735007f5d80; /* 2008-12-29 23:18:59, 2008-12-05 23:55:51 */
	struct proto_config cfg;
	struct proto_conn conn = {0};
	struct smb2_negotiate_rsp rsp = {0};
	struct smb2_negotiate_req m = {0};
	struct golden *g;

	(void)state;
	proto_config_default(&cfg, true);
	assert_true(nt_ok(proto_server_negotiate_smb1(&conn, &cfg, smb1_negotiate(golden_new(), true), &rsp)));
	assert_int_equal(rsp.dialect_revision, SMB2_DIALECT_WILDCARD);
	negotiate_rsp(message(SMB2_NEGOTIATE, 0, RSP, 1, 0, 0, 0), 0x02FF, server_guid, 3, 1048576, now, start, 120, 0x204D4C20);
	g = message(SMB2_NEGOTIATE, 0, REQ, 0, 1, 0, 0);
	g16(g, 36);
	g16(g, 2);
	g16(g, 1);
	g16(g, 0);
	g32(g, 0);
	ghex(g, client_guid);
	g64(g, 0);
	g16(g, 0x0202);
	g16(g, 0x0210);
	CHECK_BODY(g, smb2_negotiate_req_code, &m);
	assert_int_equal(m.dialects[1], 0x0210);
	negotiate_rsp(message(SMB2_NEGOTIATE, 0, RSP, 1, 1, 0, 0), 0x0210, server_guid, 3, 1048576, now, start, 120, 0x204D4C20);
}

/* Backs: F003. */
static void test_example_43_smb2_negotiate(void **state)
{
	struct golden *g = message(SMB2_NEGOTIATE, 0, REQ, 126, 0, 0, 0);
	struct smb2_negotiate_req m = {0};

	(void)state;
	g16(g, 36);
	g16(g, 1);
	g16(g, 1);
	g16(g, 0);
	g32(g, 0);
	gzero(g, 16);
	g64(g, 0);
	g16(g, 0x0202);
	CHECK_BODY(g, smb2_negotiate_req_code, &m);
	assert_int_equal(m.dialect_count, 1);
	assert_int_equal(m.security_mode, SMB2_NEGOTIATE_SIGNING_ENABLED);
	negotiate_rsp(message(SMB2_NEGOTIATE, 0, RSP, 1, 0, 0, 0), 0x0202, SERVER_GUID_41, 1, 65536, 0x01C6A6C21CAE2680, 0x01C6A6C0AD2538E0,
		30, 0);
	session_and_ipc_tree();
}

static void transceive(const struct create *c)
{
	struct golden *g = message(SMB2_IOCTL, 0, REQ, 111, 12, c->tree_id, c->session_id);
	struct smb2_ioctl_req m = {0};
	struct smb2_ioctl_rsp r = {0};

	g16(g, 57);
	g16(g, 0);
	g32(g, FSCTL_PIPE_TRANSCEIVE);
	gfid(g, c->id.persistent, c->id.volatile_id);
	g32(g, 120);
	g32(g, 68);
	g32(g, 0);
	gignore(g, g->n, 4); /* OutputOffset without an output */
	g32(g, 120);
	g32(g, 0);
	g32(g, 1024);
	g32(g, 1);
	g32(g, 0);
	gfill(g, 68);
	CHECK_BODY(g, smb2_ioctl_req_code, &m);
	assert_true(m.input.len == 68 && m.output.len == 0 && m.max_output_response == 1024 && m.flags == SMB2_IOCTL_IS_FSCTL);
	g = message(SMB2_IOCTL, 0, RSP, 1, 12, c->tree_id, c->session_id);
	g16(g, 49);
	g16(g, 0);
	g32(g, FSCTL_PIPE_TRANSCEIVE);
	gfid(g, c->id.persistent, c->id.volatile_id);
	g32(g, 112);
	g32(g, 68);
	g32(g, 184); /* 112 + 68, rounded up to 8 */
	g32(g, 112);
	g32(g, 0);
	g32(g, 0);
	gfill(g, 68);
	gzero(g, 4);
	gfill(g, 112);
	CHECK_BODY(g, smb2_ioctl_rsp_code, &r);
	assert_true(r.input.len == 68 && r.output.len == 112);
}

/* Backs: F004. */
static void test_example_44_named_pipe(void **state)
{
	static const uint64_t none[4];
	static const struct create c = {
		.session_id = 0x4000000000D, .message_id = 9, .tree_id = 1, .access = 0x0012019F, .share = 3, .disposition = 1,
		.options = 0x00400040, .name = "srvsvc", .oplock = 0, .action = 1, .allocation = 4096, .rsp_attributes = 0x80,
		.reserved2 = 0x730076, .id = {5, 0xFFFFFFFF00000005}};

	(void)state;
	create(&c);
	write_data(&c, 10, 0, 116);
	read_data(&c, 11, 1024, 92);
	transceive(&c);
	close_file(&c, 13, c.id, 0, none, 0, 0, 0);
}

/* Backs: F005. */
static void test_example_45_read(void **state)
{
	static const uint64_t closed[4] = {0x1C6A6C1CC0B9280, 0x1C6A6C259FE5140, 0x1C6A6C24D51DF20, 0x1C6A6C24D51DF20};
	static const struct create c = {
		.session_id = 0x40000000011, .message_id = 10, .tree_id = 5, .access = 0x00120089, .attributes = 0x80, .share = 3,
		.disposition = 1, .options = 0x60, .name = "testfile.txt", .oplock = 9, .action = 1,
		.times = {0x1C6A6C24D51DF20, 0x1C6A6C2500DB360, 0x1C6A6C2500DB360, 0x1C6A6C2500DB360}, .allocation = 104, .eof = 98,
		.rsp_attributes = 0x20, .id = {0x11, 0xFFFFFFFF00000009}};

	(void)state;
	create(&c);
	read_data(&c, 11, 98, 98);
	/* The file that is closed is another one, a directory. */
	close_file(&c, 12, (struct smb2_file_id){9, 0xFFFFFFFF00000001}, 1, closed, 0, 0, 0x10);
}

/* Backs: F006. */
static void test_example_46_write(void **state)
{
	static const uint64_t closed[4] = {0x1C6A6C2AD36A380, 0x1C6A6C2ADADA840, 0x1C6A0585EB543D9, 0x1C6A6C273186D21};
	static const struct create c = {
		.session_id = 0x40000000015, .message_id = 10, .tree_id = 1, .access = 0x00130197, .attributes = 0x20, .share = 0,
		.disposition = 5, .options = 0x4C, .name = "test.dat", .oplock = 9, .action = 2,
		.times = {0x1C6A6C2AD36A380, 0x1C6A6C2AD36A380, 0x1C6A6C2AD36A380, 0x1C6A6C2AD36A380}, .allocation = 765952,
		.rsp_attributes = 0x20, .id = {0x19, 0xFFFFFFFF00000005}};
	struct smb2_set_info_req m = {0};
	struct smb2_empty r = {0};
	struct fscc_u64 eof = {0};
	struct golden *g;
	struct wire w;

	(void)state;
	create(&c);
	g = message(SMB2_SET_INFO, 0, REQ, 111, 11, 1, c.session_id);
	g16(g, 33);
	g8(g, 1);
	g8(g, FSCC_FILE_END_OF_FILE);
	g32(g, 8);
	g16(g, 96);
	g16(g, 0);
	g32(g, 0);
	gfid(g, c.id.persistent, c.id.volatile_id);
	g64(g, 0x2F000);
	CHECK_BODY(g, smb2_set_info_req_code, &m);
	w = wire_decoder(m.input.data, 0, m.input.len, NULL);
	fscc_file_class_of(m.file_info_class)->code(&w, &eof);
	assert_true(wire_ok(&w) && eof.value == 0x2F000);
	g = message(SMB2_SET_INFO, 0, RSP, 1, 11, 1, c.session_id);
	g16(g, 2);
	CHECK_BODY(g, smb2_set_info_rsp_code, &r);
	write_data(&c, 12, 0, 0x10000);
	write_data(&c, 13, 0x10000, 0x10000);
	write_data(&c, 14, 0x20000, 0xF000);
	close_file(&c, 15, c.id, 1, closed, 0x30000, 0x2F000, 0x20);
}

/* Backs: F007. */
static void test_example_47_tree_disconnect_and_logoff(void **state)
{
	static const struct {
		uint16_t command;
		uint64_t message_id;
		uint32_t tree_id;
	} steps[] = {{SMB2_TREE_DISCONNECT, 0x20, 1}, {SMB2_LOGOFF, 0x21, 0}};
	struct smb2_empty m = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		for (uint32_t flags = REQ; flags <= RSP; flags++) {
			struct golden *g = message(steps[i].command, 0, flags, flags ? 1 : 111, steps[i].message_id, steps[i].tree_id,
				0x40000000015);

			g16(g, 4);
			g16(g, 0);
			CHECK_BODY(g, smb2_empty_code, &m);
		}
	}
}

#define CLIENT_GUID_48 "6EFF56CB15D8B6408BE485C60B4D2EF6" /* printed backwards */
#define SERVER_GUID_48 "A1008799574907 49B6F063 807953001B"

static void negotiate_300(uint32_t capabilities, uint64_t now)
{
	struct golden *g = message(SMB2_NEGOTIATE, 0, REQ, 10, 0, 0, 0);
	struct smb2_negotiate_req m = {0};

	g16(g, 36);
	g16(g, 3);
	g16(g, 1);
	g16(g, 0);
	g32(g, capabilities);
	ghex(g, CLIENT_GUID_48);
	g64(g, 0);
	g16(g, 0x0202);
	g16(g, 0x0210);
	g16(g, 0x0300);
	CHECK_BODY(g, smb2_negotiate_req_code, &m);
	assert_int_equal(m.capabilities, capabilities);
	negotiate_rsp(message(SMB2_NEGOTIATE, 0, RSP, 1, 0, 0, 0), 0x0300, SERVER_GUID_48, capabilities, 1048576, now,
		0x1cd2e931c4c6dc6, 120, 0);
}

static void ioctl_300(uint64_t message_id, uint32_t code, const struct golden *input, uint32_t max_output, struct golden *output,
	uint32_t rsp_flags)
{
	static struct golden in, out;
	struct golden *g;
	struct smb2_ioctl_req m = {0};
	struct smb2_ioctl_rsp r = {0};

	in = *input;
	out = *output;
	g = message(SMB2_IOCTL, 0, REQ, 10, message_id, 1, 0x4040104000001);
	g16(g, 57);
	g16(g, 0);
	g32(g, code);
	gfid(g, UINT64_MAX, UINT64_MAX);
	gignore(g, g->n, in.n ? 0 : 4);
	g32(g, in.n ? 120 : 0);
	g32(g, (uint32_t)in.n);
	g32(g, 0);
	gignore(g, g->n, 4);
	g32(g, in.n ? 120 : 0);
	g32(g, 0);
	g32(g, max_output);
	g32(g, 1);
	g32(g, 0);
	for (size_t i = 0; i < in.n; i++)
		g8(g, in.b[i]);
	if (in.n == 0)
		g8(g, 0);
	CHECK_BODY(g, smb2_ioctl_req_code, &m);
	assert_true(m.file_id.persistent == SMB2_FILEID_NONE && m.input.len == in.n);
	g = message(SMB2_IOCTL, 0, RSP | rsp_flags, 1, message_id, 1, 0x4040104000001);
	g16(g, 49);
	g16(g, 0);
	g32(g, code);
	gfid(g, UINT64_MAX, UINT64_MAX);
	g32(g, 112);
	g32(g, 0);
	g32(g, 112);
	g32(g, (uint32_t)out.n);
	g32(g, 0);
	g32(g, 0);
	for (size_t i = 0; i < out.n; i++)
		g8(g, out.b[i]);
	CHECK_BODY(g, smb2_ioctl_rsp_code, &r);
	assert_true(r.output.len == out.n);
	assert_memory_equal(r.output.data, out.b, out.n);
}

static void validate_300(void)
{
	static struct golden in, out;
	struct fsctl_validate_negotiate m = {0};
	struct fsctl_validate_negotiate_rsp r = {0};

	in = out = (struct golden){0};
	g32(&in, 0x7F);
	ghex(&in, CLIENT_GUID_48);
	g16(&in, 1);
	g16(&in, 3);
	g16(&in, 0x0202);
	g16(&in, 0x0210);
	g16(&in, 0x0300);
	assert_int_equal(in.n, 30);
	CHECK_CODER(&in, 0, fsctl_validate_negotiate_code, &m);
	g32(&out, 0x7F);
	ghex(&out, SERVER_GUID_48);
	g16(&out, 1);
	g16(&out, 0x0300);
	CHECK_CODER(&out, 0, fsctl_validate_negotiate_rsp_code, &r);
	assert_int_equal(r.dialect, 0x0300);
	ioctl_300(4, FSCTL_VALIDATE_NEGOTIATE_INFO, &in, 24, &out, SMB2_FLAGS_SIGNED);
}

static void interfaces_300(void)
{
	static struct golden none, out;
	struct fsctl_interface m;
	struct slice list;
	bool bad;

	none = out = (struct golden){0};
	for (uint32_t i = 0; i < 6; i++) { /* the text shows the first of six */
		size_t start = out.n;

		g32(&out, i == 5 ? 0 : 152);
		g32(&out, 12 + i);
		g32(&out, FSCTL_IF_RSS);
		g32(&out, 0);
		g64(&out, 10000000000);
		ghex(&out, "02 00 00 00 AC 19 DC 15");
		gzero(&out, 152 - (out.n - start));
	}
	assert_int_equal(out.n, 912);
	list = gslice(&out, 0);
	assert_true(fsctl_interface_next(&list, &m, &bad));
	assert_true(m.if_index == 12 && m.link_speed == 0x2540BE400 && m.family == FSCTL_FAMILY_IPV4);
	assert_memory_equal(m.address, "\xAC\x19\xDC\x15", 4); /* 172.25.220.21 */
	ioctl_300(5, FSCTL_QUERY_NETWORK_INTERFACE_INFO, &none, 1000, &out, 0);
}

/* Backs: F008. */
static void test_example_48_alternate_channel(void **state)
{
	const uint64_t session = 0x4040104000001;

	(void)state;
	negotiate_300(0x7F, 0x1cd2f4112eabad6); /* 2012-05-11 06:41:20.036527 */
	session_setup_req(message(SMB2_SESSION_SETUP, 0, REQ, 10, 1, 0, 0), 0, 74);
	session_setup_rsp(message(SMB2_SESSION_SETUP, MORE_PROCESSING, RSP, 1, 1, 0, session), 349);
	session_setup_req(message(SMB2_SESSION_SETUP, 0, REQ, 10, 2, 0, session), 0, 625);
	session_setup_rsp(message(SMB2_SESSION_SETUP, 0, RSP | SMB2_FLAGS_SIGNED, 1, 2, 0, session), 29);
	/* PathLength is printed as 42, of the name before it was made anonymous. */
	tree_connect(session, "\\\\smb2server\\share", 36, 10, 1, SMB2_SHARE_TYPE_DISK, SMB2_SHAREFLAG_ACCESS_BASED_DIRECTORY_ENUM);
	validate_300();
	interfaces_300();
	negotiate_300(0x3F, 0x1cd2f4124c6329e);
	session_setup_req(message(SMB2_SESSION_SETUP, 0, SMB2_FLAGS_SIGNED, 10, 1, 0, session), SMB2_SESSION_FLAG_BINDING, 74);
	session_setup_rsp(message(SMB2_SESSION_SETUP, MORE_PROCESSING, RSP, 1, 1, 0, session), 349);
	session_setup_req(message(SMB2_SESSION_SETUP, 0, SMB2_FLAGS_SIGNED, 10, 2, 0, session), SMB2_SESSION_FLAG_BINDING, 625);
	session_setup_rsp(message(SMB2_SESSION_SETUP, 0, RSP | SMB2_FLAGS_SIGNED, 1, 2, 0, session), 29);
}

#define LEASE_KEY_49 "7B85B59023B58642A79F8A47E0330E5A"
#define PARENT_KEY_49 "86FDC1DEFA50224297B9E6B0AD4E4F5B"
#define CREATE_GUID_49 "DBBFFBF9F511F14BA4601AEF7039AA33"

static void lease_49(struct golden *g, unsigned epoch)
{
	ghex(g, LEASE_KEY_49);
	g32(g, 7);
	g32(g, 4);
	g64(g, 0);
	ghex(g, PARENT_KEY_49);
	g16(g, epoch);
	g16(g, 0);
}

static void context_49(struct golden *g, uint32_t next, const char *tag, uint32_t data_len)
{
	g32(g, next);
	g16(g, 16);
	g16(g, 4);
	g16(g, 0);
	g16(g, 24);
	g32(g, data_len);
	gascii(g, tag);
	gzero(g, 4);
}

static void check_contexts_49(struct slice list, bool rsp)
{
	static const char *const order[2][2] = {{"DH2Q", "RqLs"}, {"RqLs", "DH2Q"}};
	struct smb2_ctx_dh2q_req dh2q = {0};
	struct smb2_ctx_lease lease = {0};
	struct smb2_create_context c;
	uint8_t guid[16];
	struct wire w;
	bool bad;

	for (size_t i = 0; i < 2; i++) {
		assert_true(smb2_create_context_next(&list, &c, &bad));
		assert_slice(c.name, order[rsp][i], 4);
		w = wire_decoder(c.data.data, 0, c.data.len, NULL);
		if (c.name.data[0] == 'R')
			smb2_ctx_lease_v2_code(&w, &lease);
		else if (!rsp)
			smb2_ctx_dh2q_req_code(&w, &dh2q);
		assert_true(wire_ok(&w));
	}
	assert_false(smb2_create_context_next(&list, &c, &bad));
	assert_false(bad);
	assert_int_equal(lease.lease_state, 7);
	assert_int_equal(lease.flags, 4);
	assert_int_equal(lease.epoch, rsp ? 1 : 0);
	assert_true(bytes_from_hex(guid, 16, CREATE_GUID_49));
	if (!rsp)
		assert_memory_equal(dh2q.create_guid.b, guid, 16);
}

static void create_49(uint32_t flags)
{
	struct golden *g = message(SMB2_CREATE, 0, flags, 10, 6, 1, 0x4040104000059);
	struct smb2_create_req m = {0};

	g16(g, 57);
	g8(g, 0);
	g8(g, 0xFF);
	g32(g, 2);
	g64(g, 0);
	g64(g, 0);
	g32(g, 0x12019F);
	g32(g, 0x20);
	g32(g, 7);
	g32(g, 3);
	g32(g, 0x40);
	g16(g, 120);
	g16(g, 20);
	g32(g, 144);
	g32(g, 132);
	gtext(g, "Replay.txt");
	gzero(g, 4);
	context_49(g, 56, "DH2Q", 32);
	g32(g, 0);
	g32(g, 0);
	g64(g, 0);
	ghex(g, CREATE_GUID_49);
	context_49(g, 0, "RqLs", 52);
	lease_49(g, 0);
	assert_int_equal(g->n, 144 + 132);
	CHECK_BODY(g, smb2_create_req_code, &m);
	assert_int_equal(m.contexts.len, 132);
	check_contexts_49(m.contexts, false);
}

/* Backs: F009. */
static void test_example_49_replay_of_a_create(void **state)
{
	struct smb2_create_rsp r = {0};
	struct golden *g;

	(void)state;
	create_49(0);
	create_49(SMB2_FLAGS_REPLAY_OPERATION);
	g = message(SMB2_CREATE, 0, RSP | SMB2_FLAGS_REPLAY_OPERATION, 10, 3, 1, 0x4040104000059);
	g16(g, 89);
	g8(g, 0xFF);
	g8(g, 0);
	g32(g, 1);
	for (uint64_t i = 0; i < 4; i++)
		g64(g, 0x1cd2f57ac16a3bc); /* 2012-05-11 09:23:05.943750 */
	g64(g, 0);
	g64(g, 0);
	g32(g, 0x20);
	g32(g, 0);
	gfid(g, 0x10000010000001D, 0x10100000001);
	g32(g, 152);
	g32(g, 112);
	context_49(g, 80, "RqLs", 52);
	lease_49(g, 1);
	gzero(g, 4);
	context_49(g, 0, "DH2Q", 8);
	g32(g, 60000);
	g32(g, 0);
	assert_int_equal(g->n, 152 + 112);
	CHECK_BODY(g, smb2_create_rsp_code, &r);
	assert_true(r.file_id.persistent == 0x10000010000001D && r.file_id.volatile_id == 0x10100000001);
	check_contexts_49(r.contexts, true);
}

/* The two symbolic links of 2.2.2.1.1 as error data. */
static void test_example_symlink_errors(void **state)
{
	static const struct {
		const char *substitute, *print;
		uint32_t flags;
		size_t substitute_len;
	} links[] = {
		{"\\??\\D:\\DonHall\\MiscDocuments\\PDocs", "D:\\DonHall\\MiscDocuments\\PDocs", 0, 0x44},
		{"..\\DonHall\\Documents\\PDocs", "..\\DonHall\\Documents\\PDocs", 1, 0x34},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		struct smb2_symlink_error m = {0};
		struct golden *g = golden_new();
		size_t substitute = 2 * strlen(links[i].substitute), print = 2 * strlen(links[i].print);

		assert_int_equal(substitute, links[i].substitute_len);
		g32(g, (uint32_t)(24 + substitute + print));
		g32(g, 0x4C4D5953);
		g32(g, 0xA000000C);
		g16(g, (unsigned)(12 + substitute + print));
		g16(g, 0x2E);
		g16(g, 0);
		g16(g, (unsigned)substitute);
		g16(g, (unsigned)substitute);
		g16(g, (unsigned)print);
		g32(g, links[i].flags);
		gtext(g, links[i].substitute);
		gtext(g, links[i].print);
		CHECK_CODER(g, 0, smb2_symlink_error_code, &m);
		assert_text(m.substitute_name, links[i].substitute);
		assert_text(m.print_name, links[i].print);
		assert_int_equal(m.unparsed_path_length, 0x2E);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example_41_multi_protocol_negotiate_to_2002),
		cmocka_unit_test(test_example_42_multi_protocol_negotiate_to_21),
		cmocka_unit_test(test_example_43_smb2_negotiate),
		cmocka_unit_test(test_example_44_named_pipe),
		cmocka_unit_test(test_example_45_read),
		cmocka_unit_test(test_example_46_write),
		cmocka_unit_test(test_example_47_tree_disconnect_and_logoff),
		cmocka_unit_test(test_example_48_alternate_channel),
		cmocka_unit_test(test_example_49_replay_of_a_create),
		cmocka_unit_test(test_example_symlink_errors),
	};

	return cmocka_run_group_tests(tests, NULL, golden_teardown);
}

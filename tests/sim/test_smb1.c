/* SMB1 against the server, byte by byte: the exchange that old devices make, and everything that is wrong with messages. [MS-CIFS], [MS-SMB]. */
#include "old.h"

#include "auth/ntlm.h"
#include "crypto/crypto.h"
#include "wire/fscc.h"

static struct sim sim;
static struct old a, b;

static void start_server(const struct sim_options *o)
{
	struct sim_options on = o ? *o : (struct sim_options){.smb1 = true};

	sim_start(&sim, &on);
}

static void ready(struct old *o)
{
	old_ready(o, &sim);
}

static void stop(void)
{
	old_hang_up(&a);
	sim_stop(&sim);
}

static void start(void)
{
	start_server(NULL);
	ready(&a);
}

/* --- the page --- */

/* NTLMv2 in the old form: no SPNEGO, an answer to the challenge of NEGOTIATE. */
static struct slice ntlmv2(struct old *o, const char *user, const char *password, const uint8_t challenge[8])
{
	static const uint8_t temp[32] = {1, 1, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	uint8_t hash[16], ntowf[16], base[16], *response = arena_zalloc(&o->raw.arena, 16 + sizeof(temp));

	assert_true(nt_ok(user_nt_hash(password, hash)));
	assert_true(nt_ok(ntlm_ntowfv2(hash, raw_wide(&o->raw, user), slice_of("", 0), ntowf)));
	memcpy(response + 16, temp, sizeof(temp));
	ntlm_proof(ntowf, challenge, slice_of(temp, sizeof(temp)), response, base);
	return slice_of(response, 16 + sizeof(temp));
}

static ntstatus logon_response(struct old *o, const char *user, struct slice lm, struct slice nt)
{
	struct smb1_session_setup_req req = {.word_count = 13, .max_buffer_size = 16644, .max_mpx_count = 50, .oem_password = lm, .unicode_password = nt,
		.account_name = old_text(o, user), .primary_domain = old_text(o, ""), .native_os = old_text(o, "old"), .native_lan_man = old_text(o, "old")};
	struct smb1_session_setup_rsp rsp = {0};
	ntstatus status = old_call(o, SMB1_SESSION_SETUP_ANDX, &req, &rsp);

	o->uid = o->header.uid;
	return status;
}

/* The packets of the page in their order, by a client without NT statuses, Unicode or SPNEGO as well as by one with them. Backs: F014. */
static void test_the_exchange_of_the_page(void **state)
{
	static const uint16_t flags[] = {0, SMB1_FLAGS2_UNICODE | SMB1_FLAGS2_NT_STATUS};

	(void)state;
	start();
	old_make_file(&a, "file.txt", "what the file says");
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		struct smb1_negotiate_rsp n = {0};
		struct smb1_open_andx_rsp opened = {0};
		struct smb1_read_andx_rsp data = {0};
		struct smb1_open_andx_req open;
		struct smb1_read_andx_req read;

		old_connect(&b, &sim);
		b.flags2 = flags[i];
		assert_status(old_negotiate(&b, "NT LM 0.12", &n), STATUS_SUCCESS);
		assert_int_equal(n.challenge.len, 8);
		assert_int_equal(n.security_mode & SMB1_SECURITY_USER, SMB1_SECURITY_USER);
		assert_status(logon_response(&b, "user", slice_of("", 0), ntlmv2(&b, "user", "pass", n.challenge.data)), STATUS_SUCCESS);
		assert_int_not_equal(b.uid, 0);
		assert_status(old_tree(&b, "share"), STATUS_SUCCESS);
		open = (struct smb1_open_andx_req){.access_mode = 0x40, .open_mode = 1, .file_name = old_text(&b, "\\file.txt")};
		assert_status(old_call(&b, SMB1_OPEN_ANDX, &open, &opened), STATUS_SUCCESS);
		assert_int_equal(opened.file_data_size, 18);
		assert_int_equal(opened.open_results, 1);
		read = (struct smb1_read_andx_req){.fid = opened.fid, .max_count = 100};
		assert_status(old_call(&b, SMB1_READ_ANDX, &read, &data), STATUS_SUCCESS);
		assert_true(slice_equal(data.data, slice_of("what the file says", 18)));
		old_hang_up(&b);
	}
	stop();
}

/* --- walled off --- */

static void test_without_smb1_nothing_past_negotiate_is_looked_at(void **state)
{
	struct sim_options off = {0};
	struct smb1_negotiate_rsp rsp = {0};
	struct smb1_echo_req echo = {.echo_count = 1, .data = slice_of("x", 1)};

	(void)state;
	start_server(&off);
	old_connect(&a, &sim);
	assert_status(old_negotiate(&a, "NT LM 0.12", &rsp), STATUS_SUCCESS);
	assert_int_equal(rsp.word_count, 1);
	assert_int_equal(rsp.dialect_index, 0xFFFF);
	old_assert_dropped(&a);
	old_hang_up(&a);
	for (uint8_t i = 0; i < 3; i++) {
		old_connect(&a, &sim);
		if (i > 0)
			assert_status(raw_negotiate(&a.raw, SMB2_DIALECT_210, SMB2_DIALECT_210), STATUS_SUCCESS);
		if (i > 1)
			assert_status(raw_login(&a.raw, "user", "pass"), STATUS_SUCCESS);
		assert_status(old_call(&a, SMB1_ECHO, &echo, NULL), STATUS_CONNECTION_DISCONNECTED);
		old_assert_dropped(&a);
		old_hang_up(&a);
	}
	assert_int_equal(sim.srv.smb1_messages, 0);
	sim_stop(&sim);
}

static void test_what_cannot_be_encrypted_is_not_spoken_where_encryption_is_required(void **state)
{
	struct sim_options o = {.smb1 = true, .encryption_required = true};
	struct smb1_negotiate_rsp rsp = {0};

	(void)state;
	start_server(&o);
	old_connect(&a, &sim);
	assert_status(old_negotiate(&a, "NT LM 0.12", &rsp), STATUS_SUCCESS);
	assert_int_equal(rsp.dialect_index, 0xFFFF);
	old_assert_dropped(&a);
	stop();
}

static void test_a_connection_speaks_one_protocol(void **state)
{
	struct smb1_negotiate_rsp rsp = {0};

	(void)state;
	start();
	assert_status(raw_negotiate(&a.raw, SMB2_DIALECT_210, SMB2_DIALECT_210), STATUS_CONNECTION_DISCONNECTED);
	old_hang_up(&a);
	ready(&a);
	/* Not even NEGOTIATE comes twice. */
	assert_status(old_negotiate(&a, "NT LM 0.12", &rsp), STATUS_NOT_IMPLEMENTED);
	stop();
}

static void test_shares_are_not_for_smb1_unless_they_say_so(void **state)
{
	(void)state;
	start();
	assert_status(old_tree(&a, "ro"), STATUS_BAD_NETWORK_NAME);
	assert_status(old_tree(&a, "none"), STATUS_BAD_NETWORK_NAME);
	assert_status(old_tree(&a, "IPC$"), STATUS_SUCCESS);
	stop();
}

/* --- logging on --- */

static void test_bad_logons(void **state)
{
	struct smb1_negotiate_rsp n = {0};

	(void)state;
	start_server(NULL);
	old_connect(&a, &sim);
	assert_status(old_negotiate(&a, "NT LM 0.12", NULL), STATUS_SUCCESS);
	assert_status(old_logon(&a, "user", "wrong"), STATUS_LOGON_FAILURE);
	assert_status(old_tree(&a, "share"), STATUS_SMB_BAD_UID);
	a.uid = 0;
	assert_status(old_logon(&a, "off", "pass"), STATUS_ACCOUNT_DISABLED);
	a.uid = 0;
	assert_status(old_logon(&a, "user", "pass"), STATUS_SUCCESS);
	old_hang_up(&a);
	old_connect(&a, &sim);
	a.flags2 &= (uint16_t)~SMB1_FLAGS2_EXTENDED_SECURITY;
	assert_status(old_negotiate(&a, "NT LM 0.12", &n), STATUS_SUCCESS);
	assert_status(logon_response(&a, "user", slice_of("", 0), ntlmv2(&a, "user", "wrong", n.challenge.data)), STATUS_LOGON_FAILURE);
	assert_status(logon_response(&a, "user", slice_of("123456781234567812345678", 24), slice_of("123456781234567812345678", 24)), STATUS_LOGON_FAILURE);
	assert_status(logon_response(&a, "nobody", slice_of("", 0), slice_of("", 0)), STATUS_LOGON_FAILURE);
	/* Nobody, without a name: IPC$ and nothing else. */
	assert_status(logon_response(&a, "", slice_of("\0", 1), slice_of("", 0)), STATUS_SUCCESS);
	assert_status(old_tree(&a, "share"), STATUS_ACCESS_DENIED);
	assert_status(old_tree(&a, "IPC$"), STATUS_SUCCESS);
	stop();
}

/* [MS-NLMP] 3.3.1 */
static struct slice ntlmv1(struct old *o, const char *password, const uint8_t challenge[8])
{
	uint8_t keys[21] = {0}, *response = arena_zalloc(&o->raw.arena, 24);

	assert_true(nt_ok(user_nt_hash(password, keys)));
	for (size_t i = 0; i < 3; i++)
		crypto_des(keys + 7 * i, challenge, response + 8 * i);
	return slice_of(response, 24);
}

static void test_ntlmv1_opens_the_shares_that_accept_it(void **state)
{
	struct sim_options o = {.smb1 = true};
	struct smb1_negotiate_rsp n = {0};

	(void)state;
	for (int allowed = 0; allowed < 2; allowed++) {
		o.ntlmv1 = allowed;
		start_server(&o);
		old_connect(&a, &sim);
		a.flags2 &= (uint16_t)~SMB1_FLAGS2_EXTENDED_SECURITY;
		assert_status(old_negotiate(&a, "NT LM 0.12", &n), STATUS_SUCCESS);
		assert_status(logon_response(&a, "user", slice_of("", 0), ntlmv1(&a, "pass", n.challenge.data)),
			allowed ? STATUS_SUCCESS : STATUS_LOGON_FAILURE);
		if (allowed) {
			assert_status(old_tree(&a, "share"), STATUS_ACCESS_DENIED);
			assert_status(old_tree(&a, "old"), STATUS_SUCCESS);
		}
		stop();
	}
}

static void test_signing(void **state)
{
	struct sim_options o = {.smb1 = true, .signing_required = true};
	struct smb1_negotiate_rsp n = {0};
	struct smb1_echo_req echo = {.echo_count = 1, .data = slice_of("x", 1)};

	(void)state;
	start_server(&o);
	old_connect(&a, &sim);
	assert_status(old_negotiate(&a, "NT LM 0.12", &n), STATUS_SUCCESS);
	assert_int_equal(n.security_mode & SMB1_SECURITY_SIGNATURES_REQUIRED, SMB1_SECURITY_SIGNATURES_REQUIRED);
	assert_status(old_logon(&a, "user", "pass"), STATUS_SUCCESS);
	a.sign = true;
	a.sequence = 2;
	assert_status(old_tree(&a, "share"), STATUS_SUCCESS);
	old_make_file(&a, "signed", "bytes");
	a.bad_signature = true;
	assert_status(old_call(&a, SMB1_ECHO, &echo, NULL), STATUS_ACCESS_DENIED);
	a.bad_signature = false;
	assert_status(old_call(&a, SMB1_ECHO, &echo, NULL), STATUS_SUCCESS);
	/* A message that is sent again has the number of another. */
	old_send_frame(&a, a.w.pos);
	assert_true(old_receive(&a));
	assert_status(old_status(&a), STATUS_SUCCESS);
	raw_send_plain(&a.raw, a.frame, a.w.pos);
	assert_true(old_receive(&a));
	assert_status(old_status(&a), STATUS_ACCESS_DENIED);
	stop();
}

/* --- ids --- */

static void test_wrong_ids(void **state)
{
	struct smb1_read_andx_req read = {.max_count = 10};
	uint16_t uid, tid, fid;

	(void)state;
	start();
	assert_status(old_open(&a, "f"), STATUS_SUCCESS);
	uid = a.uid;
	tid = a.tid;
	fid = a.fid;
	read.fid = (uint16_t)(fid + 1);
	assert_status(old_call(&a, SMB1_READ_ANDX, &read, NULL), STATUS_INVALID_HANDLE);
	read.fid = fid;
	a.tid = (uint16_t)(tid + 1);
	assert_status(old_call(&a, SMB1_READ_ANDX, &read, NULL), STATUS_SMB_BAD_TID);
	a.tid = tid;
	a.uid = (uint16_t)(uid + 1);
	assert_status(old_call(&a, SMB1_READ_ANDX, &read, NULL), STATUS_SMB_BAD_UID);
	a.uid = uid;
	assert_status(old_close(&a, fid), STATUS_SUCCESS);
	assert_status(old_close(&a, fid), STATUS_INVALID_HANDLE);
	/* The same in DOS's words: ERRDOS, ERRbadfid. */
	a.flags2 = 0;
	assert_status(old_close(&a, fid), ((ntstatus){SMB1_DOS_ERROR(1, 6)}));
	stop();
}

/* A FID is of the UID that opened it; a TID is everybody's, as far as his rights go. */
static void test_two_users_on_one_connection(void **state)
{
	struct smb1_read_andx_req read = {.max_count = 10};
	uint16_t first, fid;

	(void)state;
	start();
	assert_status(old_open(&a, "f"), STATUS_SUCCESS);
	first = a.uid;
	fid = a.fid;
	a.uid = 0;
	assert_status(old_logon(&a, "alice", "secret"), STATUS_SUCCESS);
	read.fid = fid;
	assert_status(old_call(&a, SMB1_READ_ANDX, &read, NULL), STATUS_INVALID_HANDLE);
	assert_status(old_open(&a, "g"), STATUS_SUCCESS);
	assert_int_not_equal(a.fid, fid);
	assert_status(old_call(&a, SMB1_LOGOFF_ANDX, &(struct smb1_andx){0}, NULL), STATUS_SUCCESS);
	assert_status(old_close(&a, a.fid), STATUS_SMB_BAD_UID);
	a.uid = first;
	assert_status(old_close(&a, fid), STATUS_SUCCESS);
	assert_status(old_call(&a, SMB1_TREE_DISCONNECT, &(struct smb1_empty){0}, NULL), STATUS_SUCCESS);
	assert_status(old_open(&a, "f"), STATUS_SMB_BAD_TID);
	stop();
}

static void test_the_end_of_a_process_closes_its_files(void **state)
{
	uint16_t mine, others;

	(void)state;
	start();
	assert_status(old_open(&a, "f"), STATUS_SUCCESS);
	mine = a.fid;
	a.pid = PID + 1;
	assert_status(old_open(&a, "f"), STATUS_SUCCESS);
	others = a.fid;
	a.pid = PID;
	assert_status(old_call(&a, SMB1_PROCESS_EXIT, &(struct smb1_empty){0}, NULL), STATUS_SUCCESS);
	assert_status(old_close(&a, mine), STATUS_INVALID_HANDLE);
	assert_status(old_close(&a, others), STATUS_SUCCESS);
	stop();
}

/* --- who skips a step --- */

static void test_steps_left_out(void **state)
{
	struct smb1_open_andx_req open = {.access_mode = 0x40, .open_mode = 1};
	struct smb1_negotiate_rsp n = {0};

	(void)state;
	start_server(NULL);
	/* Without NEGOTIATE. */
	old_connect(&a, &sim);
	open.file_name = old_text(&a, "f");
	assert_status(old_call(&a, SMB1_OPEN_ANDX, &open, NULL), STATUS_CONNECTION_DISCONNECTED);
	old_hang_up(&a);
	/* Without a logon, without a tree. */
	old_connect(&a, &sim);
	assert_status(old_negotiate(&a, "NT LM 0.12", &n), STATUS_SUCCESS);
	assert_status(old_tree(&a, "share"), STATUS_SMB_BAD_UID);
	open.file_name = old_text(&a, "f");
	assert_status(old_call(&a, SMB1_OPEN_ANDX, &open, NULL), STATUS_SMB_BAD_UID);
	assert_status(old_logon(&a, "user", "pass"), STATUS_SUCCESS);
	open.file_name = old_text(&a, "f");
	assert_status(old_call(&a, SMB1_OPEN_ANDX, &open, NULL), STATUS_SMB_BAD_TID);
	stop();
}

/* --- chains --- */

static void test_a_chain_goes_on_with_what_it_opened(void **state)
{
	struct smb1_nt_create_andx_req create;
	struct smb1_nt_create_andx_rsp created = {0};
	struct smb1_read_andx_req read = {.fid = 0xFFFF, .max_count = 100};
	struct smb1_read_andx_rsp data = {0};
	struct smb1_close_req close = {.fid = 0xFFFF};

	(void)state;
	start();
	old_make_file(&a, "f", "chained");
	create = old_create_of(&a, "f", 0x00120089, 1);
	old_begin(&a, SMB1_NT_CREATE_ANDX);
	old_block(&a, SMB1_NT_CREATE_ANDX, &create);
	old_block(&a, SMB1_READ_ANDX, &read);
	old_block(&a, SMB1_CLOSE, &close);
	old_send(&a);
	assert_true(old_receive(&a));
	assert_status(old_status(&a), STATUS_SUCCESS);
	assert_int_equal(old_answer_block(&a, &created), SMB1_NT_CREATE_ANDX);
	assert_int_equal(old_answer_block(&a, &data), SMB1_READ_ANDX);
	assert_true(slice_equal(data.data, slice_of("chained", 7)));
	assert_int_equal(old_answer_block(&a, NULL), SMB1_CLOSE);
	assert_int_equal(old_answer_block(&a, NULL), SMB1_NO_COMMAND);
	assert_status(old_close(&a, created.fid), STATUS_INVALID_HANDLE);
	stop();
}

static void test_an_error_ends_a_chain(void **state)
{
	struct smb1_nt_create_andx_req create;
	struct smb1_read_andx_req read = {.fid = 0xFFFF, .max_count = 100};
	struct smb1_close_req close = {.fid = 0xFFFF};

	(void)state;
	start();
	create = old_create_of(&a, "f", 0x00100080 /* attributes only */, 3);
	old_begin(&a, SMB1_NT_CREATE_ANDX);
	old_block(&a, SMB1_NT_CREATE_ANDX, &create);
	old_block(&a, SMB1_READ_ANDX, &read);
	old_block(&a, SMB1_CLOSE, &close);
	old_send(&a);
	assert_true(old_receive(&a));
	assert_status(old_status(&a), STATUS_ACCESS_DENIED);
	assert_int_equal(old_answer_block(&a, NULL), SMB1_NT_CREATE_ANDX);
	assert_int_equal(old_answer_block(&a, NULL), SMB1_READ_ANDX);
	assert_int_equal(old_answer_block(&a, NULL), SMB1_NO_COMMAND);
	stop();
}

/* Loops, ways back, blocks outside: what comes first is not done either. */
static void test_chains_that_lead_nowhere(void **state)
{
	static const uint16_t to[] = {32, 0, 33, 40, 0xFFFF, 60};
	struct smb1_andx andx = {0};

	(void)state;
	start();
	for (size_t i = 0; i < ARRAY_LEN(to); i++) {
		old_begin(&a, SMB1_LOGOFF_ANDX);
		old_block(&a, SMB1_LOGOFF_ANDX, &andx);
		a.frame[33] = SMB1_LOGOFF_ANDX;
		store_le16(a.frame + 35, to[i]);
		old_send(&a);
		assert_true(old_receive(&a));
		assert_status(old_status(&a), STATUS_INVALID_SMB);
	}
	assert_status(old_open(&a, "f"), STATUS_SUCCESS);
	stop();
}

/* --- malformed --- */

static void test_lies_about_lengths(void **state)
{
	struct smb1_name_req name;

	(void)state;
	start();
	for (unsigned lie = 0; lie < 6; lie++) {
		name.name = old_text(&a, "dir");
		old_begin(&a, SMB1_CREATE_DIRECTORY);
		old_block(&a, SMB1_CREATE_DIRECTORY, &name);
		switch (lie) {
		case 0:
			store_le16(a.frame + 33, 0xFFFF);
			break;
		case 1:
			a.frame[32] = 200;
			break;
		case 2:
			a.frame[32] = 1;
			break;
		case 3:
			a.frame[35] = 9; /* BufferFormat */
			break;
		case 4:
			a.w.pos -= 3; /* no end of the string, and fewer bytes than it says */
			break;
		default:
			store_le16(a.frame + 33, 1);
		}
		old_send(&a);
		assert_true(old_receive(&a));
		assert_status(old_status(&a), STATUS_INVALID_SMB);
	}
	/* Not even a header: such a peer is not answered. */
	old_begin(&a, SMB1_ECHO);
	old_send_frame(&a, 31);
	old_assert_dropped(&a);
	stop();
}

static void test_commands_that_are_none(void **state)
{
	static const struct {
		uint8_t command;
		uint32_t status;
	} some[] = {{0x1A, 0xC0000002}, {0x27, 0xC0000002}, {0x35, 0xC0000002}, {0x15, 0x00160002}, {0x99, 0x00160002}, {0xFE, 0x00160002}};

	(void)state;
	start();
	for (size_t i = 0; i < ARRAY_LEN(some); i++) {
		old_begin(&a, some[i].command);
		memset(a.frame + 32, 0, 3);
		old_send_frame(&a, 35);
		assert_true(old_receive(&a));
		assert_int_equal(a.header.status, some[i].status);
	}
	stop();
}

/* Every byte of a few messages is changed, one after the other: answers or an end of the connection, and the server goes on. */
static void test_messages_with_one_wrong_byte(void **state)
{
	(void)state;
	start();
	for (size_t at = 4; at < 120; at++) {
		for (unsigned flip = 1; flip < 256; flip <<= 1) {
			struct smb1_nt_create_andx_req create;
			struct smb1_read_andx_req read = {.fid = 0xFFFF, .max_count = 100};

			if (a.raw.closed) {
				old_hang_up(&a);
				ready(&a);
			}
			create = old_create_of(&a, "f", 0x0012019F, 3);
			old_begin(&a, SMB1_NT_CREATE_ANDX);
			old_block(&a, SMB1_NT_CREATE_ANDX, &create);
			old_block(&a, SMB1_READ_ANDX, &read);
			wire_append_tail(&a.w);
			if (at >= a.w.pos)
				break;
			a.frame[at] ^= (uint8_t)flip;
			old_send_frame(&a, a.w.pos);
			sim_run(&sim, 2000);
			a.raw.queued = 0;
		}
	}
	old_hang_up(&a);
	ready(&a);
	old_make_file(&a, "after", "still there");
	stop();
}

/* --- transactions --- */

static struct smb1_trans_req trans2_of(struct old *o, uint16_t *function, struct slice parameters, struct slice data)
{
	(void)o;
	return (struct smb1_trans_req){.setup = slice_of(function, 2), .total_parameter_count = (uint16_t)parameters.len,
		.total_data_count = (uint16_t)data.len, .max_parameter_count = 100, .max_data_count = 16000, .parameters = parameters, .data = data};
}

static ntstatus trans2(struct old *o, uint16_t function, struct slice parameters, struct slice data, struct smb1_trans_rsp *rsp)
{
	struct smb1_trans_req req = trans2_of(o, &function, parameters, data);

	*rsp = (struct smb1_trans_rsp){0};
	return old_call(o, SMB1_TRANSACTION2, &req, rsp);
}

static struct slice path_info(struct old *o, uint16_t level, const char *name)
{
	struct smb1_path_info m = {.information_level = level, .file_name = old_text(o, name)};
	uint8_t *p = arena_alloc(&o->raw.arena, 256);
	struct wire w = smb1_part_encoder(p, 256, true);

	smb1_path_info_code(&w, &m);
	assert_true(wire_ok(&w));
	return slice_of(p, w.pos);
}

static void test_secondary_requests(void **state)
{
	uint16_t function = SMB1_TRANS2_QUERY_PATH_INFORMATION;
	struct smb1_trans_rsp rsp = {0};
	struct smb1_trans_secondary_req second;
	struct smb1_trans_req req;
	struct slice whole;

	(void)state;
	start();
	old_make_file(&a, "in-two-parts", "x");
	whole = path_info(&a, SMB1_QUERY_FILE_STANDARD_INFO, "in-two-parts");
	req = trans2_of(&a, &function, slice_of(whole.data, 8), slice_of("", 0));
	req.total_parameter_count = (uint16_t)whole.len;
	assert_status(old_call(&a, SMB1_TRANSACTION2, &req, NULL), STATUS_SUCCESS);
	second = (struct smb1_trans_secondary_req){.total_parameter_count = (uint16_t)whole.len, .parameter_displacement = 8, .fid = 0xFFFF,
		.parameters = slice_of(whole.data + 8, whole.len - 8)};
	a.mid--;
	old_begin(&a, SMB1_TRANSACTION2_SECONDARY);
	old_block(&a, SMB1_TRANSACTION2_SECONDARY, &second);
	old_send(&a);
	assert_true(old_receive(&a));
	assert_int_equal(a.header.command, SMB1_TRANSACTION2);
	assert_status(old_status(&a), STATUS_SUCCESS);
	(void)old_answer_block(&a, &rsp);
	assert_int_equal(load_le64(rsp.data.data + 8), 1);
	/* One that belongs to nothing has no answer. */
	old_begin(&a, SMB1_TRANSACTION2_SECONDARY);
	old_block(&a, SMB1_TRANSACTION2_SECONDARY, &second);
	old_send(&a);
	sim_run(&sim, 1000);
	assert_int_equal(a.raw.queued, 0);
	stop();
}

/* Those that never end are bounded, and go with their connection. */
static void test_transactions_that_never_end(void **state)
{
	uint16_t function = SMB1_TRANS2_QUERY_PATH_INFORMATION;
	struct smb1_trans_secondary_req beyond = {.total_parameter_count = 60000, .parameter_displacement = 59999, .fid = 0xFFFF,
		.parameters = slice_of("ab", 2)};
	struct smb1_trans_req req;

	(void)state;
	start();
	for (int i = 0; i < 16; i++) {
		req = trans2_of(&a, &function, slice_of("12345678", 8), slice_of("", 0));
		req.total_parameter_count = 60000;
		assert_status(old_call(&a, SMB1_TRANSACTION2, &req, NULL), STATUS_SUCCESS);
		assert_int_equal(a.raw.queued, 0);
	}
	assert_status(old_call(&a, SMB1_TRANSACTION2, &req, NULL), STATUS_SUCCESS);
	assert_true(old_receive(&a));
	assert_status(old_status(&a), STATUS_INSUFFICIENT_RESOURCES);
	/* What reaches beyond its end is the end of it. */
	a.mid -= 2;
	old_begin(&a, SMB1_TRANSACTION2_SECONDARY);
	old_block(&a, SMB1_TRANSACTION2_SECONDARY, &beyond);
	old_send(&a);
	assert_true(old_receive(&a));
	assert_status(old_status(&a), STATUS_INVALID_SMB);
	stop();
}

static void put_find_first(struct old *o, struct slice *out, uint16_t count, uint16_t level, const char *pattern)
{
	struct smb1_find_first2 m = {.search_attributes = 0x16, .search_count = count, .flags = 4, .information_level = level, .file_name = old_text(o, pattern)};
	uint8_t *p = arena_alloc(&o->raw.arena, 256);
	struct wire w = smb1_part_encoder(p, 256, true);

	smb1_find_first2_code(&w, &m);
	assert_true(wire_ok(&w));
	*out = slice_of(p, w.pos);
}

static struct smb1_find_next2_rsp find_next(struct old *o, uint16_t sid, uint16_t count, const char *after, uint32_t key, struct smb1_trans_rsp *rsp)
{
	struct smb1_find_next2 m = {.sid = sid, .search_count = count, .information_level = SMB1_FIND_STANDARD, .resume_key = key, .flags = 4,
		.file_name = old_text(o, after)};
	struct smb1_find_next2_rsp out = {0};
	uint8_t *p = arena_alloc(&o->raw.arena, 256);
	struct wire w = smb1_part_encoder(p, 256, true);

	smb1_find_next2_code(&w, &m);
	assert_status(trans2(o, SMB1_TRANS2_FIND_NEXT2, slice_of(p, w.pos), slice_of("", 0), rsp), STATUS_SUCCESS);
	w = smb1_part_decoder(rsp->parameters, true, NULL);
	smb1_find_next2_rsp_code(&w, &out);
	return out;
}

static struct smb1_find_entry first_entry(struct old *o, struct slice data)
{
	struct wire w = smb1_part_decoder(data, true, &o->raw.arena);
	struct smb1_find_entry e;
	bool bad;

	assert_true(smb1_find_entry_next(&w, SMB1_FIND_STANDARD, true, &e, &bad));
	return e;
}

static void test_listings_go_on_where_the_client_says(void **state)
{
	struct smb1_find_first2_rsp first = {0};
	struct smb1_find_next2_rsp next;
	struct smb1_trans_rsp rsp;
	struct smb1_find_entry one, two, three;
	struct slice parameters;
	struct wire w;

	(void)state;
	start();
	for (char name[] = "fileA"; name[4] < 'H'; name[4]++)
		old_make_file(&a, name, "x");
	put_find_first(&a, &parameters, 1, SMB1_FIND_STANDARD, "\\file*");
	assert_status(trans2(&a, SMB1_TRANS2_FIND_FIRST2, parameters, slice_of("", 0), &rsp), STATUS_SUCCESS);
	w = smb1_part_decoder(rsp.parameters, true, NULL);
	smb1_find_first2_rsp_code(&w, &first);
	assert_int_equal(first.search_count, 1);
	one = first_entry(&a, rsp.data);
	next = find_next(&a, first.sid, 1, "", one.resume_key, &rsp);
	assert_int_equal(next.search_count, 1);
	two = first_entry(&a, rsp.data);
	assert_false(slice_equal(one.file_name, two.file_name));
	/* Back to the one behind the first: by its key, and by its name. */
	(void)find_next(&a, first.sid, 1, "", one.resume_key, &rsp);
	three = first_entry(&a, rsp.data);
	assert_true(slice_equal(two.file_name, three.file_name));
	next = find_next(&a, first.sid, 100, "", 2, &rsp);
	assert_int_equal(next.search_count, 5);
	assert_int_equal(next.end_of_search, 1);
	assert_status(old_call(&a, SMB1_FIND_CLOSE2, &(struct smb1_fid){.fid = first.sid}, NULL), STATUS_SUCCESS);
	assert_status(old_call(&a, SMB1_FIND_CLOSE2, &(struct smb1_fid){.fid = first.sid}, NULL), STATUS_INVALID_HANDLE);
	stop();
}

/* --- waiting --- */

static void watch(struct old *o, uint16_t dir)
{
	uint8_t setup[8];
	struct wire w = smb1_part_encoder(setup, sizeof(setup), true);
	struct smb1_nt_notify m = {.completion_filter = 0xFF, .fid = dir};
	struct smb1_nt_transact_req req = {.function = SMB1_NT_TRANSACT_NOTIFY_CHANGE, .max_parameter_count = 4096};

	smb1_nt_notify_code(&w, &m);
	req.setup = slice_of(setup, w.pos);
	old_begin(o, SMB1_NT_TRANSACT);
	old_block(o, SMB1_NT_TRANSACT, &req);
	old_send(o);
	sim_run(&sim, 100);
	assert_int_equal(o->raw.queued, 0);
}

static uint16_t open_root(struct old *o)
{
	struct smb1_nt_create_andx_req req = old_create_of(o, "", 0x00100001, 1);
	struct smb1_nt_create_andx_rsp rsp = {0};

	req.create_options = 1;
	assert_status(old_call(o, SMB1_NT_CREATE_ANDX, &req, &rsp), STATUS_SUCCESS);
	return rsp.fid;
}

/* What the page warns of: a server that tells of no changes. */
static void test_changes_are_told_and_waiting_can_be_cancelled(void **state)
{
	struct smb1_nt_transact_rsp rsp = {0};
	struct fscc_notify change;
	struct slice list;
	uint16_t dir;
	bool bad;

	(void)state;
	start();
	ready(&b);
	dir = open_root(&a);
	watch(&a, dir);
	old_make_file(&b, "new", "x");
	assert_true(old_receive(&a));
	assert_int_equal(a.header.command, SMB1_NT_TRANSACT);
	assert_status(old_status(&a), STATUS_SUCCESS);
	(void)old_answer_block(&a, &rsp);
	list = rsp.parameters;
	assert_true(fscc_notify_next(&list, &change, &bad));
	assert_int_equal(change.action, FSCC_NOTIFY_ADDED);
	assert_true(slice_equal(change.name, raw_wide(&a.raw, "new")));
	sim_run(&sim, 2000);
	watch(&a, open_root(&a));
	a.mid--;
	old_begin(&a, SMB1_NT_CANCEL);
	old_block(&a, SMB1_NT_CANCEL, &(struct smb1_empty){0});
	old_send(&a);
	assert_true(old_receive(&a));
	assert_int_equal(a.header.command, SMB1_NT_TRANSACT);
	assert_status(old_status(&a), STATUS_CANCELLED);
	/* Who hangs up does not leave it behind. */
	watch(&a, open_root(&a));
	old_hang_up(&b);
	stop();
}

static struct smb1_locking_andx_req locking(uint16_t fid, struct smb1_lock_range *locks, uint16_t n, uint32_t timeout)
{
	return (struct smb1_locking_andx_req){.fid = fid, .type_of_lock = SMB1_LOCKING_LARGE_FILES, .timeout = timeout, .lock_count = n, .locks = locks};
}

static void send_locking(struct old *o, const struct smb1_locking_andx_req *req)
{
	old_begin(o, SMB1_LOCKING_ANDX);
	old_block(o, SMB1_LOCKING_ANDX, req);
	old_send(o);
}

/* Locks are of processes, each of them on its own FID or on one that they share. */
static void test_locks_belong_to_processes(void **state)
{
	struct smb1_lock_range range = {.pid = PID, .offset = 0, .length = 10}, two[] = {{PID, 20, 5}, {PID + 1, 0, 1}};
	struct smb1_read_andx_req read = {.max_count = 5};
	struct smb1_locking_andx_req req;

	(void)state;
	start();
	assert_status(old_open(&a, "f"), STATUS_SUCCESS);
	assert_status(old_write(&a, "0123456789"), STATUS_SUCCESS);
	req = locking(a.fid, &range, 1, 0);
	assert_status(old_call(&a, SMB1_LOCKING_ANDX, &req, NULL), STATUS_SUCCESS);
	read.fid = a.fid;
	assert_status(old_call(&a, SMB1_READ_ANDX, &read, NULL), STATUS_SUCCESS);
	a.pid = PID + 1;
	assert_status(old_call(&a, SMB1_READ_ANDX, &read, NULL), STATUS_FILE_LOCK_CONFLICT);
	/* All of the locks or none. */
	req = locking(a.fid, two, 2, 0);
	assert_status(old_call(&a, SMB1_LOCKING_ANDX, &req, NULL), STATUS_LOCK_NOT_GRANTED);
	two[0].pid = PID + 2;
	req = locking(a.fid, two, 1, 0);
	assert_status(old_call(&a, SMB1_LOCKING_ANDX, &req, NULL), STATUS_SUCCESS);
	/* Somebody else's lock is none of ours to give back. */
	range.pid = PID + 1;
	req = (struct smb1_locking_andx_req){.fid = a.fid, .type_of_lock = SMB1_LOCKING_LARGE_FILES, .unlock_count = 1, .unlocks = &range};
	assert_status(old_call(&a, SMB1_LOCKING_ANDX, &req, NULL), STATUS_RANGE_NOT_LOCKED);
	range.pid = PID;
	assert_status(old_call(&a, SMB1_LOCKING_ANDX, &req, NULL), STATUS_SUCCESS);
	stop();
}

static void test_locks_that_are_waited_for(void **state)
{
	struct smb1_lock_range range = {.pid = PID, .offset = 0, .length = 10};
	struct smb1_locking_andx_req req, release;
	uint64_t before;

	(void)state;
	start();
	ready(&b);
	assert_status(old_open(&a, "f"), STATUS_SUCCESS);
	assert_status(old_open(&b, "f"), STATUS_SUCCESS);
	req = locking(a.fid, &range, 1, 0);
	assert_status(old_call(&a, SMB1_LOCKING_ANDX, &req, NULL), STATUS_SUCCESS);
	/* In vain, for as long as was said. */
	before = sim.clock.now_ms;
	req = locking(b.fid, &range, 1, 3000);
	assert_status(old_call(&b, SMB1_LOCKING_ANDX, &req, NULL), STATUS_FILE_LOCK_CONFLICT);
	assert_true(sim.clock.now_ms - before >= 3000 && sim.clock.now_ms - before < 5000);
	/* Until it is there. */
	req = locking(b.fid, &range, 1, 0xFFFFFFFF);
	send_locking(&b, &req);
	sim_run(&sim, 1000);
	assert_int_equal(b.raw.queued, 0);
	release = (struct smb1_locking_andx_req){.fid = a.fid, .type_of_lock = SMB1_LOCKING_LARGE_FILES, .unlock_count = 1, .unlocks = &range};
	assert_status(old_call(&a, SMB1_LOCKING_ANDX, &release, NULL), STATUS_SUCCESS);
	assert_true(old_receive(&b));
	assert_status(old_status(&b), STATUS_SUCCESS);
	/* Until it is cancelled, the one way and the other. */
	req = locking(a.fid, &range, 1, 0xFFFFFFFF);
	send_locking(&a, &req);
	a.mid--;
	old_begin(&a, SMB1_NT_CANCEL);
	old_block(&a, SMB1_NT_CANCEL, &(struct smb1_empty){0});
	old_send(&a);
	assert_true(old_receive(&a));
	assert_status(old_status(&a), STATUS_FILE_LOCK_CONFLICT);
	send_locking(&a, &req);
	sim_run(&sim, 100);
	req.type_of_lock |= SMB1_LOCKING_CANCEL;
	assert_status(old_call(&b, SMB1_LOCKING_ANDX, &(struct smb1_locking_andx_req){.fid = b.fid, .type_of_lock = req.type_of_lock, .lock_count = 1,
		.locks = &range}, NULL), STATUS_OS2_CANCEL_VIOLATION);
	send_locking(&a, &req);
	assert_true(old_receive(&a));
	assert_true(old_receive(&a));
	old_hang_up(&b);
	stop();
}

static void test_oplocks_break_and_are_answered(void **state)
{
	struct smb1_nt_create_andx_req create;
	struct smb1_nt_create_andx_rsp rsp = {0};
	struct smb1_locking_andx_req told = {0}, answer;
	struct smb1_block bl;
	struct wire w;
	bool bad;

	(void)state;
	start();
	ready(&b);
	create = old_create_of(&a, "f", 0x0012019F, 3);
	create.flags = SMB1_NT_CREATE_REQUEST_OPLOCK | SMB1_NT_CREATE_REQUEST_OPBATCH;
	assert_status(old_call(&a, SMB1_NT_CREATE_ANDX, &create, &rsp), STATUS_SUCCESS);
	assert_int_equal(rsp.oplock_level, 2);
	create = old_create_of(&b, "f", 0x0012019F, 3);
	old_begin(&b, SMB1_NT_CREATE_ANDX);
	old_block(&b, SMB1_NT_CREATE_ANDX, &create);
	old_send(&b);
	/* A request of the server's. */
	assert_true(old_receive(&a));
	assert_false(old_is_answer(&a));
	assert_int_equal(a.header.command, SMB1_LOCKING_ANDX);
	assert_int_equal(a.header.mid, 0xFFFF);
	assert_true(smb1_walk_next(&a.walk, &bl, &bad));
	w = smb1_block_decoder(&a.walk, &bl, &a.raw.arena);
	smb1_locking_andx_req_code(&w, &told);
	assert_int_equal(told.fid, rsp.fid);
	assert_int_equal(told.type_of_lock, SMB1_LOCKING_OPLOCK_RELEASE);
	assert_int_equal(told.new_oplock_level, 1);
	assert_int_equal(b.raw.queued, 0);
	answer = (struct smb1_locking_andx_req){.fid = rsp.fid, .type_of_lock = SMB1_LOCKING_OPLOCK_RELEASE, .new_oplock_level = 1};
	send_locking(&a, &answer);
	assert_true(old_receive(&b));
	assert_status(old_status(&b), STATUS_SUCCESS);
	/* The answer has none. */
	sim_run(&sim, 100);
	assert_int_equal(a.raw.queued, 0);
	old_hang_up(&b);
	stop();
}

/* --- compatibility mode and FCB --- */

enum { COMPATIBLE_READ = 0, COMPATIBLE_WRITE = 1, COMPATIBLE_READ_WRITE = 2, DENY_NONE_READ = 0x40, FCB = 0xFF };

static ntstatus dos_open(struct old *o, const char *name, uint16_t mode, struct smb1_open_andx_rsp *rsp)
{
	struct smb1_open_andx_req req = {.access_mode = mode, .open_mode = 0x11, .search_attrs = 0x16, .file_name = old_text(o, name)};

	*rsp = (struct smb1_open_andx_rsp){0};
	return old_call(o, SMB1_OPEN_ANDX, &req, rsp);
}

static ntstatus read_fid(struct old *o, uint16_t fid)
{
	struct smb1_read_req req = {.fid = fid, .count = 1};
	struct smb1_read_rsp rsp = {0};

	return old_call(o, SMB1_READ, &req, &rsp);
}

static ntstatus write_fid(struct old *o, uint16_t fid)
{
	o->fid = fid;
	return old_write(o, "x");
}

/* The same process may open again what it has for writing, with what rights it asks for; nobody else may, and no other process. */
static void test_a_process_shares_with_itself(void **state)
{
	struct smb1_open_andx_rsp one, two, three;
	uint8_t eof[8] = {0}, parameters[8];
	struct smb1_trans_rsp ignored;
	struct wire w = smb1_part_encoder(parameters, sizeof(parameters), true);

	(void)state;
	start();
	ready(&b);
	old_make_file(&a, "f.dat", "text");
	assert_status(dos_open(&a, "f.dat", COMPATIBLE_WRITE, &one), STATUS_SUCCESS);
	assert_int_equal(one.access_rights, 1);
	assert_status(read_fid(&a, one.fid), STATUS_ACCESS_DENIED);
	assert_status(dos_open(&a, "F.DAT", COMPATIBLE_READ, &two), STATUS_SUCCESS);
	assert_int_equal(two.access_rights, 0);
	assert_int_not_equal(two.fid, one.fid);
	assert_int_equal(two.file_data_size, 4);
	assert_status(dos_open(&a, "f.dat", FCB, &three), STATUS_SUCCESS);
	assert_int_equal(three.access_rights, 2);
	assert_status(read_fid(&a, two.fid), STATUS_SUCCESS);
	assert_status(write_fid(&a, two.fid), STATUS_ACCESS_DENIED);
	smb1_set_file_info_code(&w, &(struct smb1_set_file_info){.fid = two.fid, .information_level = SMB1_SET_FILE_END_OF_FILE_INFO});
	assert_status(trans2(&a, SMB1_TRANS2_SET_FILE_INFORMATION, slice_of(parameters, w.pos), slice_of(eof, 8), &ignored), STATUS_ACCESS_DENIED);
	assert_status(write_fid(&a, one.fid), STATUS_SUCCESS);
	assert_status(read_fid(&a, three.fid), STATUS_SUCCESS);
	assert_status(write_fid(&a, three.fid), STATUS_SUCCESS);
	/* Others, and other ways to open. */
	assert_status(dos_open(&a, "f.dat", DENY_NONE_READ, &three), STATUS_SHARING_VIOLATION);
	assert_status(dos_open(&b, "f.dat", COMPATIBLE_READ, &three), STATUS_SHARING_VIOLATION);
	a.pid++;
	assert_status(dos_open(&a, "f.dat", COMPATIBLE_READ, &three), STATUS_SHARING_VIOLATION);
	a.pid--;
	/* The open ends with the last FID. */
	assert_status(old_close(&a, one.fid), STATUS_SUCCESS);
	assert_status(read_fid(&a, two.fid), STATUS_SUCCESS);
	assert_status(dos_open(&b, "f.dat", COMPATIBLE_READ, &three), STATUS_SHARING_VIOLATION);
	old_hang_up(&a);
	assert_status(dos_open(&b, "f.dat", COMPATIBLE_READ, &three), STATUS_SUCCESS);
	old_hang_up(&b);
	sim_stop(&sim);
}

static void test_what_a_process_does_not_share_with_itself(void **state)
{
	struct smb1_open_andx_rsp rsp;

	(void)state;
	start();
	ready(&b);
	old_make_file(&a, "read.dat", "text");
	old_make_file(&a, "run.exe", "text");
	/* Open for reading: as others have it. */
	assert_status(dos_open(&a, "read.dat", COMPATIBLE_READ, &rsp), STATUS_SUCCESS);
	assert_status(dos_open(&a, "read.dat", COMPATIBLE_READ_WRITE, &rsp), STATUS_SHARING_VIOLATION);
	assert_status(dos_open(&a, "read.dat", FCB, &rsp), STATUS_SHARING_VIOLATION);
	assert_status(dos_open(&b, "read.dat", COMPATIBLE_READ, &rsp), STATUS_SUCCESS);
	/* Programs, that everybody may open, but not as FCB. */
	assert_status(dos_open(&a, "run.exe", COMPATIBLE_READ_WRITE, &rsp), STATUS_SUCCESS);
	assert_status(dos_open(&b, "run.exe", COMPATIBLE_READ, &rsp), STATUS_SUCCESS);
	assert_status(dos_open(&a, "run.exe", FCB, &rsp), STATUS_SHARING_VIOLATION);
	old_hang_up(&b);
	stop();
}

/* --- the rest --- */

static void test_names_and_patterns(void **state)
{
	struct smb1_rename_req rename = {.search_attributes = 0x16};
	struct smb1_delete_req delete = {.search_attributes = 0x16};
	struct smb1_name_req name;

	(void)state;
	start();
	old_make_file(&a, "one.txt", "1");
	old_make_file(&a, "two.txt", "2");
	old_make_file(&a, "three.doc", "3");
	rename.old_file_name = old_text(&a, "\\*.txt");
	rename.new_file_name = old_text(&a, "\\*.bak");
	assert_status(old_call(&a, SMB1_RENAME, &rename, NULL), STATUS_SUCCESS);
	delete.file_name = old_text(&a, "one.txt");
	assert_status(old_call(&a, SMB1_DELETE, &delete, NULL), STATUS_OBJECT_NAME_NOT_FOUND);
	delete.file_name = old_text(&a, "*.bak");
	assert_status(old_call(&a, SMB1_DELETE, &delete, NULL), STATUS_SUCCESS);
	assert_status(old_call(&a, SMB1_DELETE, &delete, NULL), STATUS_NO_SUCH_FILE);
	name.name = old_text(&a, "\\dir");
	assert_status(old_call(&a, SMB1_CREATE_DIRECTORY, &name, NULL), STATUS_SUCCESS);
	assert_status(old_call(&a, SMB1_CHECK_DIRECTORY, &name, NULL), STATUS_SUCCESS);
	delete.file_name = old_text(&a, "dir");
	assert_status(old_call(&a, SMB1_DELETE, &delete, NULL), STATUS_FILE_IS_A_DIRECTORY);
	assert_status(old_call(&a, SMB1_DELETE_DIRECTORY, &name, NULL), STATUS_SUCCESS);
	assert_status(old_call(&a, SMB1_CHECK_DIRECTORY, &name, NULL), STATUS_OBJECT_NAME_NOT_FOUND);
	stop();
}

static void test_old_reading_and_writing(void **state)
{
	struct smb1_read_req read;
	struct smb1_read_rsp data = {0};
	struct smb1_write_req end;
	struct smb1_seek_req seek;
	struct smb1_seek_rsp at = {0};
	struct smb1_query_information_rsp info = {0};
	struct smb1_echo_req echo = {.echo_count = 3, .data = slice_of("hello", 5)};

	(void)state;
	start();
	assert_status(old_open(&a, "f"), STATUS_SUCCESS);
	assert_status(old_write(&a, "0123456789"), STATUS_SUCCESS);
	read = (struct smb1_read_req){.fid = a.fid, .count = 4, .offset = 8};
	assert_status(old_call(&a, SMB1_READ, &read, &data), STATUS_SUCCESS);
	assert_true(slice_equal(data.data, slice_of("89", 2)));
	read.offset = 50;
	assert_status(old_call(&a, SMB1_READ, &read, &data), STATUS_SUCCESS);
	assert_int_equal(data.data.len, 0);
	seek = (struct smb1_seek_req){.fid = a.fid, .mode = 2, .offset = -3};
	assert_status(old_call(&a, SMB1_SEEK, &seek, &at), STATUS_SUCCESS);
	assert_int_equal(at.offset, 7);
	/* A WRITE of nothing is the end of the file. */
	end = (struct smb1_write_req){.fid = a.fid, .offset = 3};
	assert_status(old_call(&a, SMB1_WRITE, &end, NULL), STATUS_SUCCESS);
	assert_status(old_call(&a, SMB1_QUERY_INFORMATION, &(struct smb1_name_req){.name = old_text(&a, "f")}, &info), STATUS_SUCCESS);
	assert_int_equal(info.file_size, 3);
	assert_status(old_call(&a, SMB1_ECHO, &echo, NULL), STATUS_SUCCESS);
	assert_true(old_receive(&a) && old_receive(&a));
	stop();
}

/* Who may only run a file reads it to run it, whichever way he reads; and what he may not read he does not lock. */
static void test_a_file_that_may_only_be_run(void **state)
{
	struct smb1_nt_create_andx_req create;
	struct smb1_nt_create_andx_rsp opened = {0};
	struct smb1_read_req read;
	struct smb1_read_rsp data = {0};

	(void)state;
	start();
	assert_status(old_open(&a, "f"), STATUS_SUCCESS);
	assert_status(old_write(&a, "0123456789"), STATUS_SUCCESS);
	create = old_create_of(&a, "f", 0x00100020, 1);
	assert_status(old_call(&a, SMB1_NT_CREATE_ANDX, &create, &opened), STATUS_SUCCESS);
	read = (struct smb1_read_req){.fid = opened.fid, .count = 4};
	assert_status(old_call(&a, SMB1_READ, &read, NULL), STATUS_ACCESS_DENIED);
	assert_status(old_call(&a, SMB1_LOCK_AND_READ, &read, NULL), STATUS_ACCESS_DENIED);
	a.flags2 |= SMB1_FLAGS2_PAGING_IO;
	assert_status(old_call(&a, SMB1_READ, &read, &data), STATUS_SUCCESS);
	assert_true(slice_equal(data.data, slice_of("0123", 4)));
	a.flags2 &= (uint16_t)~SMB1_FLAGS2_PAGING_IO;
	read.fid = a.fid;
	assert_status(old_call(&a, SMB1_LOCK_AND_READ, &read, &data), STATUS_SUCCESS);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_file_that_may_only_be_run),
		cmocka_unit_test(test_the_exchange_of_the_page),
		cmocka_unit_test(test_without_smb1_nothing_past_negotiate_is_looked_at),
		cmocka_unit_test(test_what_cannot_be_encrypted_is_not_spoken_where_encryption_is_required),
		cmocka_unit_test(test_a_connection_speaks_one_protocol),
		cmocka_unit_test(test_shares_are_not_for_smb1_unless_they_say_so),
		cmocka_unit_test(test_bad_logons),
		cmocka_unit_test(test_ntlmv1_opens_the_shares_that_accept_it),
		cmocka_unit_test(test_signing),
		cmocka_unit_test(test_wrong_ids),
		cmocka_unit_test(test_two_users_on_one_connection),
		cmocka_unit_test(test_the_end_of_a_process_closes_its_files),
		cmocka_unit_test(test_steps_left_out),
		cmocka_unit_test(test_a_chain_goes_on_with_what_it_opened),
		cmocka_unit_test(test_an_error_ends_a_chain),
		cmocka_unit_test(test_chains_that_lead_nowhere),
		cmocka_unit_test(test_lies_about_lengths),
		cmocka_unit_test(test_commands_that_are_none),
		cmocka_unit_test(test_messages_with_one_wrong_byte),
		cmocka_unit_test(test_secondary_requests),
		cmocka_unit_test(test_transactions_that_never_end),
		cmocka_unit_test(test_listings_go_on_where_the_client_says),
		cmocka_unit_test(test_changes_are_told_and_waiting_can_be_cancelled),
		cmocka_unit_test(test_locks_belong_to_processes),
		cmocka_unit_test(test_locks_that_are_waited_for),
		cmocka_unit_test(test_oplocks_break_and_are_answered),
		cmocka_unit_test(test_a_process_shares_with_itself),
		cmocka_unit_test(test_what_a_process_does_not_share_with_itself),
		cmocka_unit_test(test_names_and_patterns),
		cmocka_unit_test(test_old_reading_and_writing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Raw messages against the server: logons, trees, compounds ([MS-SMB2] 3.3.5.5 to 3.3.5.8, 3.3.5.2.7). */
#include "sim.h"

#include "server/tables.h"

static struct smb2_empty empty;

static struct {
	struct sim sim;
	struct raw raw;
} fx;

static void ready_with(uint16_t dialect, const struct sim_options *o)
{
	sim_start(&fx.sim, o);
	raw_ready(&fx.raw, &fx.sim, dialect);
}

static void negotiated(uint16_t dialect, const struct sim_options *o)
{
	sim_start(&fx.sim, o);
	raw_open_connection(&fx.raw, &fx.sim);
	assert_status(raw_negotiate(&fx.raw, dialect, dialect), STATUS_SUCCESS);
}

static void stop(void)
{
	raw_close(&fx.raw);
	sim_stop(&fx.sim);
}

/* Backs: B239, B250, B256, B258, B260, B263, B264, B270, B271. */
static void test_a_user_logs_on_over_every_dialect(void **state)
{
	static const uint16_t dialects[] = {0x0202, 0x0210, 0x0300, 0x0302, 0x0311};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		negotiated(dialects[i], NULL);
		assert_status(raw_login(&fx.raw, "user", "pass"), STATUS_SUCCESS);
		assert_true(fx.raw.session_id != 0 && fx.raw.session_id != UINT64_MAX);
		assert_status(raw_tree(&fx.raw, "share"), STATUS_SUCCESS);
		stop();
	}
}

/* Backs: B254, B255. */
static void test_wrong_logons_fail_alike_and_leave_no_session(void **state)
{
	static const char *const who[][2] = {{"user", "wrong"}, {"nobody", "pass"}, {"off", "wrong"}, {"USER", "PASS"}};

	(void)state;
	negotiated(0x0311, NULL);
	for (size_t i = 0; i < ARRAY_LEN(who); i++) {
		fx.raw.session_id = 0;
		memcpy(fx.raw.preauth, fx.raw.proto.preauth, 64);
		assert_status(raw_login(&fx.raw, who[i][0], who[i][1]), STATUS_LOGON_FAILURE);
		assert_int_equal(fx.sim.srv.sessions.count, 0);
	}
	fx.raw.session_id = 0;
	assert_status(raw_login(&fx.raw, "off", "pass"), STATUS_ACCOUNT_DISABLED);
	assert_int_equal(fx.sim.srv.sessions.count, 0);
	stop();
}

/* Backs: B261. */
static void test_anonymous_reaches_ipc_and_nothing_else(void **state)
{
	(void)state;
	negotiated(0x0210, NULL);
	assert_status(raw_login(&fx.raw, NULL, NULL), STATUS_SUCCESS);
	assert_status(raw_tree(&fx.raw, "IPC$"), STATUS_SUCCESS);
	assert_status(raw_tree(&fx.raw, "share"), STATUS_ACCESS_DENIED);
	assert_status(raw_tree(&fx.raw, "guest"), STATUS_ACCESS_DENIED);
	stop();
}

/* Backs: B261, E050. */
static void test_guests_only_when_configured_and_only_on_guest_shares(void **state)
{
	(void)state;
	negotiated(0x0210, NULL);
	assert_status(raw_login(&fx.raw, "stranger", "x"), STATUS_LOGON_FAILURE);
	stop();
	negotiated(0x0210, &(struct sim_options){.guest = true});
	assert_status(raw_login(&fx.raw, "user", "wrong"), STATUS_LOGON_FAILURE);
	fx.raw.session_id = 0;
	assert_status(raw_login(&fx.raw, "stranger", "x"), STATUS_SUCCESS);
	assert_status(raw_tree(&fx.raw, "share"), STATUS_ACCESS_DENIED);
	assert_status(raw_tree(&fx.raw, "guest"), STATUS_SUCCESS);
	stop();
}

/* Backs: B205, E047. */
static void test_nothing_works_before_the_last_leg(void **state)
{
	(void)state;
	negotiated(0x0311, NULL);
	assert_status(raw_login_begin(&fx.raw), STATUS_MORE_PROCESSING_REQUIRED);
	assert_status(raw_tree(&fx.raw, "share"), STATUS_SEC_E_UNSUPPORTED_FUNCTION);
	assert_status(raw_call(&fx.raw, SMB2_LOGOFF, &empty, NULL), STATUS_SUCCESS);
	stop();
}

/* Backs: B247. */
static void test_binding_is_not_accepted(void **state)
{
	static const uint16_t dialects[] = {0x0210, 0x0300, 0x0311};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		struct smb2_session_setup_req req = {.flags = SMB2_SESSION_FLAG_BINDING, .security_mode = 1};

		ready_with(dialects[i], NULL);
		assert_status(raw_call(&fx.raw, SMB2_SESSION_SETUP, &req, NULL), STATUS_REQUEST_NOT_ACCEPTED);
		stop();
	}
}

/* Backs: B248. */
static void test_session_setup_of_an_unknown_session(void **state)
{
	struct smb2_session_setup_req req = {.security_mode = 1};

	(void)state;
	negotiated(0x0311, NULL);
	fx.raw.session_id = 12345;
	assert_status(raw_call(&fx.raw, SMB2_SESSION_SETUP, &req, NULL), STATUS_USER_SESSION_DELETED);
	stop();
}

/* Backs: B249, B252, B031, D012, C061. */
static void test_reauthentication_keeps_keys_trees_and_opens(void **state)
{
	struct smb2_close_req close = {0};

	(void)state;
	ready_with(0x0311, NULL);
	fx.raw.sign = true;
	assert_status(raw_open(&fx.raw, "kept", 0x1F01FF, 3, 0), STATUS_SUCCESS);
	assert_status(raw_login(&fx.raw, "user", "pass"), STATUS_SUCCESS);
	close.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_CLOSE, &close, NULL), STATUS_SUCCESS);
	assert_true(nt_ok(proto_verify(&fx.raw.keys, (uint8_t *)(uintptr_t)fx.raw.answer.data, fx.raw.answer.len, true)));
	stop();
}

/* Backs: B269. */
static void test_a_previous_session_of_the_same_user_ends(void **state)
{
	struct raw second;
	uint64_t old;

	(void)state;
	for (int same = 0; same < 2; same++) {
		struct srv_session *s;

		ready_with(0x0311, NULL);
		old = fx.raw.session_id;
		raw_open_connection(&second, &fx.sim);
		assert_status(raw_negotiate(&second, 0x0311, 0x0311), STATUS_SUCCESS);
		second.previous_session_id = old;
		assert_status(raw_login(&second, same ? "user" : "alice", same ? "pass" : "secret"), STATUS_SUCCESS);
		s = srv_session_find_global(&fx.sim.srv, old);
		assert_true(same ? s == NULL : s != NULL);
		srv_session_put(s);
		assert_status(raw_open(&fx.raw, "", 0x80, 1, 0), same ? STATUS_USER_SESSION_DELETED : STATUS_SUCCESS);
		raw_close(&second);
		stop();
	}
}

/* Backs: B272, B274, A013, A014. */
static void test_logoff_ends_the_session(void **state)
{
	(void)state;
	ready_with(0x0311, NULL);
	fx.raw.sign = true;
	assert_status(raw_open(&fx.raw, "f", 0x1F01FF, 3, 0), STATUS_SUCCESS);
	assert_status(raw_call(&fx.raw, SMB2_LOGOFF, &empty, NULL), STATUS_SUCCESS);
	assert_true(fx.raw.header.flags & SMB2_FLAGS_SIGNED);
	assert_int_equal(fx.sim.srv.sessions.count, 0);
	fx.raw.sign = false;
	assert_status(raw_open(&fx.raw, "f", 0x80, 1, 0), STATUS_USER_SESSION_DELETED);
	stop();
}

/* Backs: B237, B238, D024, B267, B092, D026, B206. */
static void test_a_server_that_requires_encryption(void **state)
{
	struct sim_options o = {.encryption_required = true};

	(void)state;
	negotiated(0x0210, &o);
	assert_status(raw_login(&fx.raw, "user", "pass"), STATUS_ACCESS_DENIED);
	stop();
	negotiated(0x0311, &o);
	assert_status(raw_login(&fx.raw, "user", "pass"), STATUS_SUCCESS);
	assert_true(load_le16(fx.raw.answer.data + 66) & SMB2_SESSION_FLAG_ENCRYPT_DATA);
	assert_status(raw_tree(&fx.raw, "share"), STATUS_ACCESS_DENIED);
	fx.raw.seal = true;
	assert_status(raw_tree(&fx.raw, "share"), STATUS_SUCCESS);
	assert_status(raw_open(&fx.raw, "", 0x80, 1, 0), STATUS_SUCCESS);
	stop();
}

/* Backs: B277, B282, B215, B093, D015. */
static void test_a_share_that_requires_encryption(void **state)
{
	(void)state;
	ready_with(0x0210, NULL);
	assert_status(raw_tree(&fx.raw, "enc"), STATUS_ACCESS_DENIED);
	stop();
	ready_with(0x0302, NULL);
	assert_status(raw_tree(&fx.raw, "enc"), STATUS_SUCCESS);
	assert_true(load_le32(fx.raw.answer.data + 68) & SMB2_SHAREFLAG_ENCRYPT_DATA);
	assert_status(raw_open(&fx.raw, "", 0x80, 1, 0), STATUS_ACCESS_DENIED);
	fx.raw.seal = true;
	assert_status(raw_open(&fx.raw, "", 0x80, 1, 0), STATUS_SUCCESS);
	stop();
}

/* Backs: B275, A015. */
static void test_tree_connect_paths(void **state)
{
	const struct {
		const char *path;
		ntstatus status;
	} cases[] = {
		{"\\\\sim\\share", {0}}, {"\\\\SIM\\SHARE", {0}}, {"\\\\192.0.2.1\\Share", {0}}, {"share", STATUS_INVALID_PARAMETER},
		{"\\sim\\share", STATUS_INVALID_PARAMETER}, {"\\\\sim", STATUS_INVALID_PARAMETER}, {"\\\\sim\\", STATUS_INVALID_PARAMETER},
		{"\\\\\\share", STATUS_INVALID_PARAMETER}, {"\\\\sim\\share\\dir", STATUS_INVALID_PARAMETER},
		{"\\\\sim\\nosuch", STATUS_BAD_NETWORK_NAME}, {"", STATUS_INVALID_PARAMETER},
		{"\\\\sim\\0123456789012345678901234567890123456789012345678901234567890123456789012345678901", STATUS_INVALID_PARAMETER},
	};

	(void)state;
	ready_with(0x0311, NULL);
	fx.raw.sign = true;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct smb2_tree_connect_req req = {.path = raw_wide(&fx.raw, cases[i].path)};

		assert_status(raw_call(&fx.raw, SMB2_TREE_CONNECT, &req, NULL), cases[i].status);
	}
	stop();
}

/* Backs: B276, B278, B280, B281, B284, B288, A016. */
static void test_tree_connect_tells_type_and_rights(void **state)
{
	struct smb2_tree_connect_req req = {0};
	struct smb2_tree_connect_rsp rsp = {0};

	(void)state;
	ready_with(0x0311, NULL);
	fx.raw.sign = true;
	req.path = raw_wide(&fx.raw, "\\\\sim\\share");
	assert_status(raw_call(&fx.raw, SMB2_TREE_CONNECT, &req, &rsp), STATUS_SUCCESS);
	assert_int_equal(rsp.share_type, SMB2_SHARE_TYPE_DISK);
	assert_int_equal(rsp.maximal_access, 0x1F01FF);
	assert_int_not_equal(fx.raw.header.tree_id, fx.raw.tree_id);
	req.path = raw_wide(&fx.raw, "\\\\sim\\ro");
	assert_status(raw_call(&fx.raw, SMB2_TREE_CONNECT, &req, &rsp), STATUS_SUCCESS);
	assert_int_equal(rsp.maximal_access & 0x10056, 0);
	req.path = raw_wide(&fx.raw, "\\\\sim\\ipc$");
	assert_status(raw_call(&fx.raw, SMB2_TREE_CONNECT, &req, &rsp), STATUS_SUCCESS);
	assert_int_equal(rsp.share_type, SMB2_SHARE_TYPE_PIPE);
	assert_status(raw_tree(&fx.raw, "alice"), STATUS_ACCESS_DENIED);
	stop();
}

/* Backs: B289, B214, A017, A018, B273. */
static void test_tree_disconnect_closes_its_opens(void **state)
{
	struct smb2_close_req close = {0};

	(void)state;
	ready_with(0x0311, NULL);
	assert_status(raw_open(&fx.raw, "f", 0x1F01FF, 3, 0x1000), STATUS_SUCCESS);
	assert_status(raw_call(&fx.raw, SMB2_TREE_DISCONNECT, &empty, NULL), STATUS_SUCCESS);
	close.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_CLOSE, &close, NULL), STATUS_NETWORK_NAME_DELETED);
	assert_status(raw_tree(&fx.raw, "share"), STATUS_SUCCESS);
	assert_status(raw_call(&fx.raw, SMB2_CLOSE, &close, NULL), STATUS_FILE_CLOSED);
	assert_status(raw_open(&fx.raw, "f", 0x80, 1, 0), STATUS_OBJECT_NAME_NOT_FOUND);
	stop();
}

/* Backs: B396, B324, B072. */
static void test_a_file_id_counts_as_a_whole_and_in_its_session_only(void **state)
{
	struct smb2_close_req close = {0};
	struct raw other;

	(void)state;
	ready_with(0x0311, NULL);
	assert_status(raw_open(&fx.raw, "f", 0x1F01FF, 3, 0), STATUS_SUCCESS);
	close.file_id = fx.raw.file_id;
	close.file_id.persistent++;
	assert_status(raw_call(&fx.raw, SMB2_CLOSE, &close, NULL), STATUS_FILE_CLOSED);
	close.file_id = fx.raw.file_id;
	raw_ready(&other, &fx.sim, 0x0311);
	assert_status(raw_call(&other, SMB2_CLOSE, &close, NULL), STATUS_FILE_CLOSED);
	raw_close(&other);
	assert_status(raw_call(&fx.raw, SMB2_CLOSE, &close, NULL), STATUS_SUCCESS);
	assert_status(raw_call(&fx.raw, SMB2_CLOSE, &close, NULL), STATUS_FILE_CLOSED);
	stop();
}

/* Backs: B552, B556, B557, D046. */
static void test_a_lost_connection_closes_its_files(void **state)
{
	struct raw other;

	(void)state;
	ready_with(0x0311, NULL);
	raw_ready(&other, &fx.sim, 0x0311);
	assert_status(raw_open(&other, "gone", 0x1F01FF, 3, 0x1000), STATUS_SUCCESS);
	assert_status(raw_open(&fx.raw, "gone", 0x80, 1, 0), STATUS_SUCCESS);
	raw_close(&other);
	{
		struct smb2_close_req close = {.file_id = fx.raw.file_id};

		assert_status(raw_call(&fx.raw, SMB2_CLOSE, &close, NULL), STATUS_SUCCESS);
	}
	assert_status(raw_open(&fx.raw, "gone", 0x80, 1, 0), STATUS_OBJECT_NAME_NOT_FOUND);
	stop();
}

/* --- compounds --- */

struct chain {
	uint8_t frame[8192];
	size_t len, last;
	ntstatus status[8];
	uint32_t flags[8];
	size_t answers;
};

static void chain_add(struct chain *c, uint16_t command, const void *req, bool related)
{
	if (c->len > 0) {
		size_t at = round_up(c->len, 8);

		memset(c->frame + c->len, 0, at - c->len);
		store_le32(c->frame + c->last + 20, (uint32_t)(at - c->last));
		c->last = c->len = at;
	}
	fx.raw.flags = related ? SMB2_FLAGS_RELATED_OPERATIONS : 0;
	c->len += raw_encode(&fx.raw, c->frame + c->len, sizeof(c->frame) - c->len, command, req);
	if (related) {
		store_le64(c->frame + c->last + 40, UINT64_MAX);
		store_le32(c->frame + c->last + 36, UINT32_MAX);
	}
}

/* Sends the chain; statuses by order of the answers. */
static void chain_run(struct chain *c)
{
	c->answers = 0;
	raw_send(&fx.raw, c->frame, c->len);
	while (c->answers < 8) {
		struct slice f = raw_receive(&fx.raw);
		struct proto_chain walk = {.next = (uint8_t *)(uintptr_t)f.data, .left = f.len};
		struct proto_element e;
		ntstatus status;

		if (f.len == 0)
			return;
		while (proto_chain_next(&walk, &e, &status)) {
			c->flags[c->answers] = e.header.flags;
			c->status[c->answers++] = (ntstatus){e.header.status};
		}
		assert_status(status, STATUS_SUCCESS);
		if (fx.raw.queued == 0)
			return;
	}
}

static const struct smb2_file_id last_file = {UINT64_MAX, UINT64_MAX};

static struct smb2_create_req create_of(const char *name, uint32_t disposition)
{
	return (struct smb2_create_req){
		.impersonation_level = 2, .desired_access = 0x1F01FF, .share_access = 7, .create_disposition = disposition,
		.name = raw_wide(&fx.raw, name),
	};
}

/* Backs: B189, B195, B196, B200, B163, D027, D028, B088, B090. */
static void test_create_query_close_in_one_related_chain(void **state)
{
	struct chain c = {0};
	struct smb2_create_req create;
	struct smb2_query_info_req query = {.info_type = 1, .file_info_class = 5, .output_buffer_length = 100, .file_id = last_file};
	struct smb2_close_req close = {.file_id = last_file};

	(void)state;
	ready_with(0x0311, NULL);
	create = create_of("new", 3);
	chain_add(&c, SMB2_CREATE, &create, false);
	chain_add(&c, SMB2_QUERY_INFO, &query, true);
	chain_add(&c, SMB2_CLOSE, &close, true);
	chain_run(&c);
	assert_int_equal(c.answers, 3);
	for (size_t i = 0; i < 3; i++)
		assert_status(c.status[i], STATUS_SUCCESS);
	assert_int_equal(c.flags[0] & SMB2_FLAGS_RELATED_OPERATIONS, 0);
	assert_true(c.flags[1] & c.flags[2] & SMB2_FLAGS_RELATED_OPERATIONS);
	stop();
}

/* Backs: B199, D028. */
static void test_a_failed_create_fails_its_dependents(void **state)
{
	struct chain c = {0};
	struct smb2_create_req create;
	struct smb2_query_info_req query = {.info_type = 1, .file_info_class = 5, .output_buffer_length = 100, .file_id = last_file};
	struct smb2_close_req close = {.file_id = last_file};

	(void)state;
	ready_with(0x0311, NULL);
	create = create_of("missing", 1);
	chain_add(&c, SMB2_CREATE, &create, false);
	chain_add(&c, SMB2_QUERY_INFO, &query, true);
	chain_add(&c, SMB2_CLOSE, &close, true);
	chain_run(&c);
	assert_int_equal(c.answers, 3);
	for (size_t i = 0; i < 3; i++)
		assert_status(c.status[i], STATUS_OBJECT_NAME_NOT_FOUND);
	stop();
}

/* Backs: B195, B198, D029. */
static void test_a_chain_that_begins_related_or_has_no_file_is_refused(void **state)
{
	struct chain c = {0}, d = {0};
	struct smb2_close_req close = {.file_id = last_file};

	(void)state;
	ready_with(0x0311, NULL);
	chain_add(&c, SMB2_CLOSE, &close, true);
	chain_run(&c);
	assert_int_equal(c.answers, 1);
	assert_status(c.status[0], STATUS_INVALID_PARAMETER);
	chain_add(&d, SMB2_ECHO, &empty, false);
	chain_add(&d, SMB2_CLOSE, &close, true);
	chain_run(&d);
	assert_int_equal(d.answers, 2);
	assert_status(d.status[0], STATUS_SUCCESS);
	assert_status(d.status[1], STATUS_INVALID_PARAMETER);
	stop();
}

/* Backs: B194. */
static void test_unrelated_elements_stand_for_themselves(void **state)
{
	struct chain c = {0};
	struct smb2_create_req missing, root;

	(void)state;
	ready_with(0x0311, NULL);
	missing = create_of("missing", 1);
	root = create_of("", 1);
	root.desired_access = 0x80;
	chain_add(&c, SMB2_CREATE, &missing, false);
	chain_add(&c, SMB2_ECHO, &empty, false);
	chain_add(&c, SMB2_CREATE, &root, false);
	chain_run(&c);
	assert_int_equal(c.answers, 3);
	assert_status(c.status[0], STATUS_OBJECT_NAME_NOT_FOUND);
	assert_status(c.status[1], STATUS_SUCCESS);
	assert_status(c.status[2], STATUS_SUCCESS);
	stop();
}

/* Backs: B007, D010, D033, A003. */
static void test_sealed_and_signed_chains(void **state)
{
	struct chain c = {0};
	struct smb2_create_req create;
	struct smb2_close_req close = {.file_id = last_file};

	(void)state;
	ready_with(0x0311, NULL);
	fx.raw.seal = true;
	create = create_of("f", 3);
	chain_add(&c, SMB2_CREATE, &create, false);
	store_le64(c.frame + 40, fx.raw.session_id);
	fx.raw.seal = false;
	chain_add(&c, SMB2_CLOSE, &close, true);
	for (size_t at = 0; at < c.len;) {
		uint32_t next = load_le32(c.frame + at + 20);
		struct iovec part = {c.frame + at, next ? next : c.len - at};

		if (next == 0)
			store_le64(c.frame + at + 40, UINT64_MAX);
		assert_true(nt_ok(proto_sign(&fx.raw.keys, &part, 1, false)));
		at += part.iov_len;
	}
	chain_run(&c);
	assert_int_equal(c.answers, 2);
	assert_status(c.status[0], STATUS_SUCCESS);
	assert_status(c.status[1], STATUS_SUCCESS);
	assert_true(c.flags[0] & c.flags[1] & SMB2_FLAGS_SIGNED);
	stop();
}

/* Backs: B094, B097, B098, B099, B101, B087, B411, D042, D043, D044, B495. */
static void test_a_pipe_read_waits_and_can_be_cancelled(void **state)
{
	uint8_t frame[512];
	struct smb2_read_req read = {.length = 1024, .padding = 0x50};
	uint64_t async_id;
	size_t len;

	(void)state;
	for (int by_async_id = 0; by_async_id < 2; by_async_id++) {
		ready_with(0x0311, NULL);
		assert_status(raw_tree(&fx.raw, "IPC$"), STATUS_SUCCESS);
		assert_status(raw_open(&fx.raw, "srvsvc", 0x12019F, 1, 0), STATUS_SUCCESS);
		read.file_id = fx.raw.file_id;
		len = raw_encode(&fx.raw, frame, sizeof(frame), SMB2_READ, &read);
		raw_send_plain(&fx.raw, frame, len);
		{
			struct slice f = raw_receive(&fx.raw);

			assert_true(f.len >= 64);
			assert_int_equal(load_le32(f.data + 8), STATUS_PENDING.code);
			assert_true(load_le32(f.data + 16) & SMB2_FLAGS_ASYNC_COMMAND);
			assert_true(load_le16(f.data + 14) > 0);
			async_id = load_le64(f.data + 32);
			assert_true(async_id != 0);
		}
		fx.raw.next_id--;
		len = raw_encode(&fx.raw, frame, sizeof(frame), SMB2_CANCEL, &empty);
		if (by_async_id) {
			store_le32(frame + 16, SMB2_FLAGS_ASYNC_COMMAND);
			store_le64(frame + 24, 0);
			store_le64(frame + 32, async_id);
		}
		raw_send_plain(&fx.raw, frame, len);
		{
			struct slice f = raw_receive(&fx.raw);

			assert_true(f.len >= 64);
			assert_int_equal(load_le32(f.data + 8), STATUS_CANCELLED.code);
			assert_int_equal(load_le64(f.data + 32), async_id);
			assert_int_equal(load_le16(f.data + 14), 0);
		}
		stop();
	}
}

/* Backs: D045, D047, B399. */
static void test_closing_a_pipe_ends_its_waiting_read(void **state)
{
	uint8_t frame[512];
	struct smb2_read_req read = {.length = 1024, .padding = 0x50};
	struct smb2_close_req close;
	size_t len;

	(void)state;
	ready_with(0x0311, NULL);
	assert_status(raw_tree(&fx.raw, "IPC$"), STATUS_SUCCESS);
	assert_status(raw_open(&fx.raw, "srvsvc", 0x12019F, 1, 0), STATUS_SUCCESS);
	read.file_id = fx.raw.file_id;
	close = (struct smb2_close_req){.file_id = fx.raw.file_id};
	len = raw_encode(&fx.raw, frame, sizeof(frame), SMB2_READ, &read);
	raw_send_plain(&fx.raw, frame, len);
	assert_int_equal(load_le32(raw_receive(&fx.raw).data + 8), STATUS_PENDING.code);
	len = raw_encode(&fx.raw, frame, sizeof(frame), SMB2_CLOSE, &close);
	raw_send_plain(&fx.raw, frame, len);
	assert_int_equal(load_le32(raw_receive(&fx.raw).data + 8), STATUS_CANCELLED.code);
	assert_int_equal(load_le32(raw_receive(&fx.raw).data + 8), 0);
	stop();
}

/* Backs: B460, B486, B463. */
static void test_pipe_control_codes(void **state)
{
	struct smb2_ioctl_req req = {.ctl_code = 0x0011C017, .max_output_response = 100, .flags = 1};

	(void)state;
	ready_with(0x0311, NULL);
	assert_status(raw_open(&fx.raw, "", 0x80, 1, 0), STATUS_SUCCESS);
	req.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_IOCTL, &req, NULL), STATUS_INVALID_DEVICE_REQUEST);
	req.ctl_code = 0x0011400C;
	assert_status(raw_call(&fx.raw, SMB2_IOCTL, &req, NULL), STATUS_INVALID_DEVICE_REQUEST);
	assert_status(raw_tree(&fx.raw, "IPC$"), STATUS_SUCCESS);
	assert_status(raw_open(&fx.raw, "srvsvc", 0x12019F, 1, 0), STATUS_SUCCESS);
	req.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_IOCTL, &req, NULL), STATUS_SUCCESS);
	req.ctl_code = 0x00110018;
	assert_status(raw_call(&fx.raw, SMB2_IOCTL, &req, NULL), STATUS_INVALID_PARAMETER);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_user_logs_on_over_every_dialect),
		cmocka_unit_test(test_wrong_logons_fail_alike_and_leave_no_session),
		cmocka_unit_test(test_anonymous_reaches_ipc_and_nothing_else),
		cmocka_unit_test(test_guests_only_when_configured_and_only_on_guest_shares),
		cmocka_unit_test(test_nothing_works_before_the_last_leg),
		cmocka_unit_test(test_binding_is_not_accepted),
		cmocka_unit_test(test_session_setup_of_an_unknown_session),
		cmocka_unit_test(test_reauthentication_keeps_keys_trees_and_opens),
		cmocka_unit_test(test_a_previous_session_of_the_same_user_ends),
		cmocka_unit_test(test_logoff_ends_the_session),
		cmocka_unit_test(test_a_server_that_requires_encryption),
		cmocka_unit_test(test_a_share_that_requires_encryption),
		cmocka_unit_test(test_tree_connect_paths),
		cmocka_unit_test(test_tree_connect_tells_type_and_rights),
		cmocka_unit_test(test_tree_disconnect_closes_its_opens),
		cmocka_unit_test(test_a_file_id_counts_as_a_whole_and_in_its_session_only),
		cmocka_unit_test(test_a_lost_connection_closes_its_files),
		cmocka_unit_test(test_create_query_close_in_one_related_chain),
		cmocka_unit_test(test_a_failed_create_fails_its_dependents),
		cmocka_unit_test(test_a_chain_that_begins_related_or_has_no_file_is_refused),
		cmocka_unit_test(test_unrelated_elements_stand_for_themselves),
		cmocka_unit_test(test_sealed_and_signed_chains),
		cmocka_unit_test(test_a_pipe_read_waits_and_can_be_cancelled),
		cmocka_unit_test(test_closing_a_pipe_ends_its_waiting_read),
		cmocka_unit_test(test_pipe_control_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

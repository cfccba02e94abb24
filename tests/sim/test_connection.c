/* Raw messages against the server: connection, negotiation, message ids, signatures, compounds ([MS-SMB2] 3.3.5.1 to 3.3.5.4). */
#include "sim.h"

#include <hythe/types.h>

static struct smb2_empty empty;

struct fixture {
	struct sim sim;
	struct raw raw;
};

static struct fixture fx;

static void start_with(const struct sim_options *o)
{
	sim_start(&fx.sim, o);
	raw_open_connection(&fx.raw, &fx.sim);
}

static void start(void)
{
	start_with(NULL);
}

static void ready(uint16_t dialect)
{
	sim_start(&fx.sim, NULL);
	raw_ready(&fx.raw, &fx.sim, dialect);
}

static void stop(void)
{
	raw_close(&fx.raw);
	sim_stop(&fx.sim);
}

static void assert_dropped(void)
{
	assert_int_equal(raw_receive(&fx.raw).len, 0);
	assert_true(fx.raw.closed);
}

/* Backs: B157, B172. */
static void test_a_command_before_negotiate_drops_the_connection(void **state)
{
	(void)state;
	for (uint16_t c = SMB2_SESSION_SETUP; c <= SMB2_ECHO; c++) {
		if (c != SMB2_LOGOFF && c != SMB2_ECHO && c != SMB2_TREE_DISCONNECT)
			continue;
		start();
		assert_status(raw_call(&fx.raw, c, &empty, NULL), STATUS_CONNECTION_DISCONNECTED);
		stop();
	}
}

/* Backs: B225. */
static void test_a_second_negotiate_drops_the_connection(void **state)
{
	struct smb2_negotiate_req req = {.security_mode = 1, .dialect_count = 1, .dialects = {0x0210}};

	(void)state;
	start();
	assert_status(raw_negotiate(&fx.raw, 0x0210, 0x0210), STATUS_SUCCESS);
	assert_status(raw_call(&fx.raw, SMB2_NEGOTIATE, &req, NULL), STATUS_CONNECTION_DISCONNECTED);
	stop();
}

/* Backs: B229, B230, B232, B228, E010, E014. */
static void test_negotiate_chooses_the_greatest_common_dialect(void **state)
{
	static const uint16_t dialects[] = {0x0202, 0x0210, 0x0300, 0x0302, 0x0311};
	struct smb2_negotiate_req none = {.security_mode = 1, .dialect_count = 1, .dialects = {0x0999}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		for (size_t k = i; k < ARRAY_LEN(dialects); k++) {
			struct sim_options o = {.max_dialect = dialects[i]};

			start_with(&o);
			assert_status(raw_negotiate(&fx.raw, 0x0202, dialects[k]), STATUS_SUCCESS);
			assert_int_equal(fx.raw.proto.dialect, dialects[i]);
			stop();
		}
	}
	start();
	assert_status(raw_call(&fx.raw, SMB2_NEGOTIATE, &none, NULL), STATUS_NOT_SUPPORTED);
	none.dialect_count = 0;
	assert_status(raw_call(&fx.raw, SMB2_NEGOTIATE, &none, NULL), STATUS_INVALID_PARAMETER);
	stop();
}

/* Backs: B231, B235, B233, E025, E027, D041. */
static void test_sizes_and_credits_follow_the_dialect(void **state)
{
	(void)state;
	start();
	assert_status(raw_negotiate(&fx.raw, 0x0202, 0x0202), STATUS_SUCCESS);
	assert_false(fx.raw.proto.multi_credit);
	assert_int_equal(fx.raw.proto.max_read_bytes, 65536);
	assert_int_equal(fx.raw.proto.server_capabilities & SMB2_GLOBAL_CAP_LARGE_MTU, 0);
	stop();
	start();
	assert_status(raw_negotiate(&fx.raw, 0x0210, 0x0210), STATUS_SUCCESS);
	assert_true(fx.raw.proto.multi_credit);
	assert_int_equal(fx.raw.proto.max_read_bytes, 8 << 20);
	assert_int_equal(fx.raw.proto.max_write_bytes, 8 << 20);
	stop();
}

/* Backs: E011, A005. */
static void test_negotiate_with_a_session_id_fails(void **state)
{
	(void)state;
	start();
	fx.raw.session_id = 77;
	assert_status(raw_negotiate(&fx.raw, 0x0210, 0x0210), STATUS_USER_SESSION_DELETED);
	stop();
}

/* Backs: B177, D008. */
static void test_a_signed_negotiate_is_an_invalid_parameter(void **state)
{
	(void)state;
	start();
	fx.raw.flags = SMB2_FLAGS_SIGNED;
	assert_status(raw_negotiate(&fx.raw, 0x0210, 0x0210), STATUS_INVALID_PARAMETER);
	stop();
}

static void smb1_negotiate(uint16_t max, uint16_t *dialect)
{
	uint8_t frame[512];
	struct slice f;
	struct smb2_negotiate_rsp rsp = {0};
	struct wire w;
	size_t n;

	fx.raw.config.max_dialect = max;
	fx.raw.config.min_dialect = 0x0202;
	n = proto_client_negotiate_smb1(frame, sizeof(frame), &fx.raw.config);
	assert_true(n > 0);
	raw_send_plain(&fx.raw, frame, n);
	f = raw_receive(&fx.raw);
	*dialect = 0;
	if (f.len == 0)
		return;
	w = wire_decoder(f.data, 0, f.len, &fx.raw.arena);
	smb2_header_code(&w, &fx.raw.header);
	smb2_negotiate_rsp_code(&w, &rsp);
	assert_true(wire_ok(&w));
	assert_int_equal(fx.raw.header.message_id, 0);
	assert_true(fx.raw.header.credits >= 1);
	*dialect = rsp.dialect_revision;
}

/* Backs: B217, B218, B219, B220, B224, B173. */
static void test_smb1_negotiate_with_the_wildcard_leads_to_a_second_negotiate(void **state)
{
	uint16_t dialect;

	(void)state;
	start();
	smb1_negotiate(0x0311, &dialect);
	assert_int_equal(dialect, 0x02FF);
	fx.raw.next_id = 1;
	fx.raw.proto = (struct proto_conn){0};
	assert_status(raw_negotiate(&fx.raw, 0x0202, 0x0311), STATUS_SUCCESS);
	assert_int_equal(fx.raw.proto.dialect, 0x0311);
	assert_status(raw_login(&fx.raw, "user", "pass"), STATUS_SUCCESS);
	stop();
}

/* Backs: B221. */
static void test_smb1_negotiate_of_an_old_client_gives_2_0_2(void **state)
{
	uint16_t dialect;

	(void)state;
	start();
	smb1_negotiate(0x0202, &dialect);
	assert_int_equal(dialect, 0x0202);
	stop();
}

/* Backs: B222. */
static void test_an_smb1_only_client_is_told_so_and_dropped(void **state)
{
	static const uint8_t nt_only[] = "\xffSMBr\0\0\0\0\x18\x53\xc8\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xfe\xff\0\0\0\0\0\x0c\0\x02NT LM 0.12";

	struct slice told;

	(void)state;
	start();
	raw_send_plain(&fx.raw, nt_only, sizeof(nt_only));
	/* [MS-CIFS] 3.3.5.42: one word, no dialect; not a silent end, of which a person would not learn why. */
	told = raw_receive(&fx.raw);
	assert_int_equal(told.len, 37);
	assert_memory_equal(told.data + 32, "\x01\xff\xff\0\0", 5);
	assert_dropped();
	stop();
}

/* Backs: B188. */
static void test_garbage_drops_the_connection(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {{"x", 1}, {"\xfeSMB", 4}, {"\xfeSMB@\0", 6}, {"\xfcSMB\0\0\0\0\0\0\0\0\0\0\0\0", 16}, {"hello, world: this is no SMB at all, but long enough for a header!", 66}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		start();
		raw_send_plain(&fx.raw, bad[i].bytes, bad[i].len);
		assert_dropped();
		stop();
	}
}

/* 3.3.5.2.6 would have the connection dropped; clients are told apart from noise by an answer, as Windows and Samba give. */
static void test_an_unknown_command_is_an_invalid_parameter(void **state)
{
	uint8_t frame[256];
	size_t len;
	struct slice f;

	(void)state;
	ready(0x0210);
	len = raw_encode(&fx.raw, frame, sizeof(frame), SMB2_ECHO, &empty);
	store_le16(frame + 12, 0x13);
	raw_send_plain(&fx.raw, frame, len);
	f = raw_receive(&fx.raw);
	assert_true(f.len >= 64);
	assert_int_equal(load_le32(f.data + 8), STATUS_INVALID_PARAMETER.code);
	stop();
}

/* Backs: D034. */
static void test_a_bad_chain_drops_the_connection(void **state)
{
	static const uint32_t next[] = {4, 60, 65, 72, 100000, 0xFFFFFFF8};
	uint8_t frame[256];
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(next); i++) {
		ready(0x0210);
		len = raw_encode(&fx.raw, frame, sizeof(frame), SMB2_ECHO, &empty);
		store_le32(frame + 20, next[i]);
		raw_send_plain(&fx.raw, frame, len);
		while (!fx.raw.closed && raw_receive(&fx.raw).len > 0)
			;
		assert_true(fx.raw.closed);
		stop();
	}
}

/* Backs: B013, B014, B174, B175, D035. */
static void test_a_message_id_is_accepted_once(void **state)
{
	(void)state;
	ready(0x0210);
	assert_status(raw_call(&fx.raw, SMB2_ECHO, &empty, NULL), STATUS_SUCCESS);
	fx.raw.next_id--;
	assert_status(raw_call(&fx.raw, SMB2_ECHO, &empty, NULL), STATUS_CONNECTION_DISCONNECTED);
	stop();
}

/* Backs: B175, B016. */
static void test_a_message_id_beyond_the_window_drops_the_connection(void **state)
{
	(void)state;
	ready(0x0210);
	fx.raw.next_id += 100000;
	assert_status(raw_call(&fx.raw, SMB2_ECHO, &empty, NULL), STATUS_CONNECTION_DISCONNECTED);
	stop();
}

/* Backs: B017. */
static void test_message_ids_are_accepted_in_any_order(void **state)
{
	uint64_t first;

	(void)state;
	ready(0x0210);
	first = fx.raw.next_id;
	fx.raw.next_id = first + 3;
	assert_status(raw_call(&fx.raw, SMB2_ECHO, &empty, NULL), STATUS_SUCCESS);
	fx.raw.next_id = first + 1;
	assert_status(raw_call(&fx.raw, SMB2_ECHO, &empty, NULL), STATUS_SUCCESS);
	fx.raw.next_id = first;
	assert_status(raw_call(&fx.raw, SMB2_ECHO, &empty, NULL), STATUS_SUCCESS);
	stop();
}

/* Backs: B021, B022, B023, B085, D036. */
static void test_every_response_grants_and_never_starves(void **state)
{
	(void)state;
	ready(0x0210);
	for (int i = 0; i < 300; i++) {
		fx.raw.credit_request = 1;
		assert_status(raw_call(&fx.raw, SMB2_ECHO, &empty, NULL), STATUS_SUCCESS);
		assert_true(fx.raw.header.credits >= 1);
	}
	stop();
}

/* Backs: B019, B174, B186, B185, D037, B404. */
static void test_the_credit_charge_must_cover_the_payload(void **state)
{
	struct smb2_read_req read = {.length = 65537, .padding = 0x50};
	struct smb2_read_rsp rsp;

	(void)state;
	ready(0x0210);
	for (int i = 0; i < 4; i++)
		assert_status(raw_call(&fx.raw, SMB2_ECHO, &empty, NULL), STATUS_SUCCESS);
	assert_status(raw_open(&fx.raw, "big", 0x1F01FF, 3, 0), STATUS_SUCCESS);
	read.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_READ, &read, &rsp), STATUS_INVALID_PARAMETER);
	fx.raw.charge = 2;
	assert_status(raw_call(&fx.raw, SMB2_READ, &read, &rsp), STATUS_END_OF_FILE);
	stop();
}

/* Backs: B178, B203. */
static void test_an_unknown_session_is_told_so(void **state)
{
	(void)state;
	ready(0x0210);
	fx.raw.session_id ^= 0x1000;
	assert_status(raw_call(&fx.raw, SMB2_TREE_DISCONNECT, &empty, NULL), STATUS_USER_SESSION_DELETED);
	stop();
}

/* Backs: B182, B011, D004, B003, B004. */
static void test_a_bad_signature_is_access_denied_and_the_session_lives(void **state)
{
	static const uint16_t dialects[] = {0x0202, 0x0210, 0x0300, 0x0302, 0x0311};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		ready(dialects[i]);
		fx.raw.sign = true;
		fx.raw.bad_signature = true;
		assert_status(raw_open(&fx.raw, "", 0x80, 1, 0), STATUS_ACCESS_DENIED);
		assert_status(raw_open(&fx.raw, "", 0x80, 1, 0), STATUS_SUCCESS);
		stop();
	}
}

/* Backs: B080, B084, B005, B006, D001, D002. */
static void test_a_signed_request_gets_a_signed_answer(void **state)
{
	static const uint16_t dialects[] = {0x0202, 0x0210, 0x0300, 0x0302, 0x0311};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		ready(dialects[i]);
		fx.raw.sign = true;
		assert_status(raw_open(&fx.raw, "", 0x80, 1, 0), STATUS_SUCCESS);
		assert_true(fx.raw.header.flags & SMB2_FLAGS_SIGNED);
		assert_true(nt_ok(proto_verify(&fx.raw.keys, (uint8_t *)(uintptr_t)fx.raw.answer.data, fx.raw.answer.len, true)));
		fx.raw.sign = false;
		assert_status(raw_open(&fx.raw, "", 0x80, 1, 0), STATUS_SUCCESS);
		assert_false(fx.raw.header.flags & SMB2_FLAGS_SIGNED);
		stop();
	}
}

/* Backs: B183, B262, B001, B002, D003. */
static void test_an_unsigned_request_on_a_signing_session_is_denied(void **state)
{
	struct sim_options o = {.signing_required = true};

	(void)state;
	sim_start(&fx.sim, &o);
	raw_open_connection(&fx.raw, &fx.sim);
	assert_status(raw_negotiate(&fx.raw, 0x0311, 0x0311), STATUS_SUCCESS);
	assert_true(fx.raw.proto.server_security_mode & SMB2_NEGOTIATE_SIGNING_REQUIRED);
	assert_status(raw_login(&fx.raw, "user", "pass"), STATUS_SUCCESS);
	fx.raw.unsigned_tree = true;
	assert_status(raw_tree(&fx.raw, "share"), STATUS_ACCESS_DENIED);
	fx.raw.sign = true;
	assert_status(raw_tree(&fx.raw, "share"), STATUS_SUCCESS);
	stop();
}

/* Backs: B081, B268, E040. */
static void test_the_last_session_setup_response_is_signed(void **state)
{
	static const uint16_t dialects[] = {0x0202, 0x0210, 0x0300, 0x0311};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		start();
		assert_status(raw_negotiate(&fx.raw, dialects[i], dialects[i]), STATUS_SUCCESS);
		assert_status(raw_login(&fx.raw, "user", "pass"), STATUS_SUCCESS);
		assert_true(fx.raw.header.flags & SMB2_FLAGS_SIGNED);
		assert_true(nt_ok(proto_verify(&fx.raw.keys, (uint8_t *)(uintptr_t)fx.raw.answer.data, fx.raw.answer.len, true)));
		stop();
	}
}

/* Backs: B091, B160, B162, B176, D019, D023, B009, B010. */
static void test_a_sealed_request_gets_a_sealed_answer(void **state)
{
	static const uint16_t dialects[] = {0x0300, 0x0302, 0x0311};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		ready(dialects[i]);
		fx.raw.seal = true;
		assert_status(raw_open(&fx.raw, "", 0x80, 1, 0), STATUS_SUCCESS);
		assert_status(raw_call(&fx.raw, SMB2_ECHO, &empty, NULL), STATUS_SUCCESS);
		stop();
	}
}

/* Backs: B171, B167, B168, B169, B170, D021, G037. */
static void test_sealed_frames_that_do_not_open_drop_the_connection(void **state)
{
	(void)state;
	for (size_t damage = 0; damage < 5; damage++) {
		uint8_t frame[256], sealed[512];
		struct iovec part;
		size_t len;

		ready(0x0311);
		len = raw_encode(&fx.raw, frame, sizeof(frame), SMB2_ECHO, &empty);
		part = (struct iovec){frame, len};
		assert_true(nt_ok(proto_seal(&fx.raw.keys, &fx.raw.proto, fx.raw.session_id, sealed, &part, 1)));
		memcpy(sealed + SMB2_TRANSFORM_SIZE, frame, len);
		len += SMB2_TRANSFORM_SIZE;
		switch (damage) {
		case 0:
			sealed[len - 1] ^= 1; /* ciphertext */
			break;
		case 1:
			sealed[44] ^= 1; /* session id */
			break;
		case 2:
			len = SMB2_TRANSFORM_SIZE; /* nothing inside */
			break;
		case 3:
			store_le32(sealed + 36, 0x7FFFFFFF); /* OriginalMessageSize */
			break;
		case 4:
			store_le16(sealed + 42, 7); /* Flags */
			break;
		}
		raw_send_plain(&fx.raw, sealed, len);
		assert_dropped();
		stop();
	}
}

/* Backs: B192, D025. */
static void test_a_session_other_than_the_sealing_one_inside_drops_the_connection(void **state)
{
	uint8_t frame[256];
	size_t len;

	(void)state;
	ready(0x0311);
	len = raw_encode(&fx.raw, frame, sizeof(frame), SMB2_ECHO, &empty);
	store_le64(frame + 40, fx.raw.session_id + 1);
	fx.raw.seal = true;
	raw_send(&fx.raw, frame, len);
	assert_dropped();
	stop();
}

/* Backs: B164, D038. */
static void test_a_large_request_without_multi_credit_drops_the_connection(void **state)
{
	static uint8_t data[70000];
	static uint8_t frame[80000];
	struct smb2_write_req w = {.length = sizeof(data), .data_offset = 0x70, .data = {data, sizeof(data)}};
	size_t len;

	(void)state;
	ready(0x0202);
	assert_status(raw_open(&fx.raw, "f", 0x1F01FF, 3, 0), STATUS_SUCCESS);
	w.file_id = fx.raw.file_id;
	len = raw_encode(&fx.raw, frame, sizeof(frame), SMB2_WRITE, &w);
	raw_send_plain(&fx.raw, frame, len);
	assert_dropped();
	stop();
}

/* Backs: B497, G106, A056. */
static void test_echo_is_answered(void **state)
{
	(void)state;
	ready(0x0311);
	assert_status(raw_call(&fx.raw, SMB2_ECHO, &empty, &empty), STATUS_SUCCESS);
	stop();
}

/* Backs: B494, B496, D007, A057, E002. */
static void test_a_cancel_that_finds_nothing_is_silent(void **state)
{
	uint8_t frame[256];
	size_t len;

	(void)state;
	ready(0x0311);
	len = raw_encode(&fx.raw, frame, sizeof(frame), SMB2_CANCEL, &empty);
	fx.raw.next_id--;
	raw_send_plain(&fx.raw, frame, len);
	assert_status(raw_call(&fx.raw, SMB2_ECHO, &empty, NULL), STATUS_SUCCESS);
	stop();
}

/* Backs: B077, B100, E012. */
static void test_a_response_echoes_the_request_header(void **state)
{
	uint64_t id;

	(void)state;
	ready(0x0311);
	id = fx.raw.next_id;
	assert_status(raw_open(&fx.raw, "", 0x80, 1, 0), STATUS_SUCCESS);
	assert_int_equal(fx.raw.header.message_id, id);
	assert_int_equal(fx.raw.header.credit_charge, 1);
	assert_int_equal(fx.raw.header.command, SMB2_CREATE);
	assert_int_equal(fx.raw.header.session_id, fx.raw.session_id);
	assert_int_equal(fx.raw.header.tree_id, fx.raw.tree_id);
	assert_int_equal(fx.raw.header.next_command, 0);
	stop();
}

/* Backs: B549, B066. */
static void test_a_connection_that_never_logs_on_is_reaped(void **state)
{
	(void)state;
	start();
	srv_start_timers(&fx.sim.srv);
	assert_status(raw_negotiate(&fx.raw, 0x0311, 0x0311), STATUS_SUCCESS);
	sim_run(&fx.sim, 30000);
	assert_false(fx.raw.closed);
	sim_run(&fx.sim, 40000);
	assert_true(fx.raw.closed);
	net_timer_cancel(fx.sim.pool, &fx.sim.srv.reaper);
	stop();
}

/* Backs: B156. */
static void test_a_stopping_server_accepts_nobody(void **state)
{
	(void)state;
	sim_start(&fx.sim, NULL);
	fx.sim.srv.stopping = true;
	raw_open_connection(&fx.raw, &fx.sim);
	sim_run(&fx.sim, 10);
	assert_true(fx.raw.closed);
	stop();
}

/* Backs: B488, B489, B447, A079, A090, G098. */
static void test_validate_negotiate(void **state)
{
	(void)state;
	for (int damage = 0; damage < 5; damage++) {
		uint8_t in[64];
		struct wire w = wire_encoder(in, 0, sizeof(in));
		struct smb2_ioctl_req req = {
			.ctl_code = 0x00140204, .file_id = {UINT64_MAX, UINT64_MAX}, .max_output_response = 24, .flags = 1,
		};
		struct smb2_ioctl_rsp rsp = {0};
		ntstatus status;

		sim_start(&fx.sim, &(struct sim_options){.max_dialect = 0x0302});
		raw_ready(&fx.raw, &fx.sim, 0x0302);
		proto_client_validate_req(&fx.raw.proto, &w);
		assert_true(wire_ok(&w));
		if (damage > 0 && damage < 4)
			in[(size_t[]){0, 4, 20}[damage - 1]] ^= 1; /* capabilities, guid, security mode */
		if (damage == 4)
			req.max_output_response = 23;
		req.input = slice_of(in, w.pos);
		status = raw_call(&fx.raw, SMB2_IOCTL, &req, &rsp);
		if (damage == 0) {
			assert_status(status, STATUS_SUCCESS);
			assert_status(proto_client_validate_rsp(&fx.raw.proto, rsp.output), STATUS_SUCCESS);
			req.file_id.persistent = 1;
			assert_status(raw_call(&fx.raw, SMB2_IOCTL, &req, &rsp), STATUS_INVALID_PARAMETER);
		} else {
			assert_status(status, STATUS_CONNECTION_DISCONNECTED);
		}
		stop();
	}
}

/* Backs: B446, B448, B453, B459. */
static void test_ioctl_refusals(void **state)
{
	struct smb2_ioctl_req req = {.ctl_code = 0x00060194, .file_id = {UINT64_MAX, UINT64_MAX}, .max_output_response = 100, .flags = 1};

	(void)state;
	ready(0x0311);
	assert_status(raw_call(&fx.raw, SMB2_IOCTL, &req, NULL), STATUS_FS_DRIVER_REQUIRED);
	req.flags = 0;
	assert_status(raw_call(&fx.raw, SMB2_IOCTL, &req, NULL), STATUS_NOT_SUPPORTED);
	req.flags = 1;
	req.ctl_code = 0x00090028;
	assert_status(raw_call(&fx.raw, SMB2_IOCTL, &req, NULL), STATUS_FILE_CLOSED);
	assert_status(raw_open(&fx.raw, "", 0x80, 1, 0), STATUS_SUCCESS);
	req.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_IOCTL, &req, NULL), STATUS_INVALID_DEVICE_REQUEST);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_command_before_negotiate_drops_the_connection),
		cmocka_unit_test(test_a_second_negotiate_drops_the_connection),
		cmocka_unit_test(test_negotiate_chooses_the_greatest_common_dialect),
		cmocka_unit_test(test_sizes_and_credits_follow_the_dialect),
		cmocka_unit_test(test_negotiate_with_a_session_id_fails),
		cmocka_unit_test(test_a_signed_negotiate_is_an_invalid_parameter),
		cmocka_unit_test(test_smb1_negotiate_with_the_wildcard_leads_to_a_second_negotiate),
		cmocka_unit_test(test_smb1_negotiate_of_an_old_client_gives_2_0_2),
		cmocka_unit_test(test_an_smb1_only_client_is_told_so_and_dropped),
		cmocka_unit_test(test_garbage_drops_the_connection),
		cmocka_unit_test(test_an_unknown_command_is_an_invalid_parameter),
		cmocka_unit_test(test_a_bad_chain_drops_the_connection),
		cmocka_unit_test(test_a_message_id_is_accepted_once),
		cmocka_unit_test(test_a_message_id_beyond_the_window_drops_the_connection),
		cmocka_unit_test(test_message_ids_are_accepted_in_any_order),
		cmocka_unit_test(test_every_response_grants_and_never_starves),
		cmocka_unit_test(test_the_credit_charge_must_cover_the_payload),
		cmocka_unit_test(test_an_unknown_session_is_told_so),
		cmocka_unit_test(test_a_bad_signature_is_access_denied_and_the_session_lives),
		cmocka_unit_test(test_a_signed_request_gets_a_signed_answer),
		cmocka_unit_test(test_an_unsigned_request_on_a_signing_session_is_denied),
		cmocka_unit_test(test_the_last_session_setup_response_is_signed),
		cmocka_unit_test(test_a_sealed_request_gets_a_sealed_answer),
		cmocka_unit_test(test_sealed_frames_that_do_not_open_drop_the_connection),
		cmocka_unit_test(test_a_session_other_than_the_sealing_one_inside_drops_the_connection),
		cmocka_unit_test(test_a_large_request_without_multi_credit_drops_the_connection),
		cmocka_unit_test(test_echo_is_answered),
		cmocka_unit_test(test_a_cancel_that_finds_nothing_is_silent),
		cmocka_unit_test(test_a_response_echoes_the_request_header),
		cmocka_unit_test(test_a_connection_that_never_logs_on_is_reaped),
		cmocka_unit_test(test_a_stopping_server_accepts_nobody),
		cmocka_unit_test(test_validate_negotiate),
		cmocka_unit_test(test_ioctl_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

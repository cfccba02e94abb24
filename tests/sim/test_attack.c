/* What a client may try that means harm: things at the wrong moment, more of everything than anybody needs. */
#include "sim.h"

#include "server/tables.h"

enum { OPLOCK_BATCH = 9, READ_BYTES = 65536 };

static struct smb2_empty empty;

static struct {
	struct sim sim;
	struct raw raw, other;
} fx;

static void start(uint16_t dialect)
{
	sim_start(&fx.sim, NULL);
	raw_ready(&fx.raw, &fx.sim, dialect);
}

static void stop(void)
{
	raw_close(&fx.raw);
	sim_stop(&fx.sim);
}

/* Sends one request and leaves its answer for later. */
static void post(struct raw *r, uint16_t command, const void *req)
{
	uint8_t frame[1024];

	raw_send(r, frame, raw_encode(r, frame, sizeof(frame), command, req));
}

static uint32_t next_status(struct raw *r)
{
	struct slice f = raw_receive(r);

	return f.len < SMB2_HEADER_SIZE ? STATUS_CONNECTION_DISCONNECTED.code : load_le32(f.data + 8);
}

static void test_no_logon_behind_a_long_read_of_the_same_chain(void **state)
{
	struct smb2_read_req read = {.length = READ_BYTES};
	struct smb2_session_setup_req setup = {.security_mode = 1};
	uint8_t frame[1024] = {0};
	size_t first;
	struct slice f;

	(void)state;
	start(0x0210);
	assert_status(raw_open(&fx.raw, "f", 0x1F01FF, 3, 0), STATUS_SUCCESS);
	read.file_id = fx.raw.file_id;
	first = raw_encode(&fx.raw, frame, sizeof(frame), SMB2_READ, &read);
	first = round_up(first, 8);
	store_le32(frame + 20, (uint32_t)first);
	first += raw_encode(&fx.raw, frame + first, sizeof(frame) - first, SMB2_SESSION_SETUP, &setup);
	raw_send(&fx.raw, frame, first);
	f = raw_receive(&fx.raw);
	assert_int_equal(load_le32(f.data + 8), STATUS_END_OF_FILE.code);
	assert_int_equal(load_le32(f.data + load_le32(f.data + 20) + 8), STATUS_INVALID_PARAMETER.code);
	assert_status(raw_call(&fx.raw, SMB2_ECHO, &empty, NULL), STATUS_SUCCESS);
	stop();
}

static ntstatus open_with_oplock(struct raw *r, const char *name, uint8_t level)
{
	struct smb2_create_req req = {
		.impersonation_level = 2, .desired_access = 0x1F01FF, .share_access = 0, .create_disposition = 3,
		.requested_oplock_level = level, .name = raw_wide(r, name),
	};
	struct smb2_create_rsp rsp = {0};
	ntstatus status = raw_call(r, SMB2_CREATE, &req, &rsp);

	r->file_id = rsp.file_id;
	return status;
}

/* A file held with a batch oplock, and another connection whose CREATE waits for it. */
static void hold_and_wait(void)
{
	struct smb2_create_req req = {.impersonation_level = 2, .desired_access = 0x1F01FF, .create_disposition = 3};

	start(0x0302);
	assert_status(open_with_oplock(&fx.raw, "held", OPLOCK_BATCH), STATUS_SUCCESS);
	raw_ready(&fx.other, &fx.sim, 0x0302);
	req.name = raw_wide(&fx.other, "held");
	post(&fx.other, SMB2_CREATE, &req);
	assert_int_equal(next_status(&fx.other), STATUS_PENDING.code);
}

static void close_held(void)
{
	struct smb2_close_req req = {.file_id = fx.raw.file_id};

	/* The break notification comes first. */
	assert_int_equal(load_le16(raw_receive(&fx.raw).data + 12), SMB2_OPLOCK_BREAK);
	assert_status(raw_call(&fx.raw, SMB2_CLOSE, &req, NULL), STATUS_SUCCESS);
}

/* Backs: B096. */
static void test_a_waiting_create_goes_on_when_the_holder_closes(void **state)
{
	(void)state;
	hold_and_wait();
	close_held();
	assert_int_equal(next_status(&fx.other), STATUS_SUCCESS.code);
	raw_close(&fx.other);
	stop();
}

static void test_a_waiting_create_ends_with_its_tree(void **state)
{
	(void)state;
	hold_and_wait();
	assert_status(raw_call(&fx.other, SMB2_TREE_DISCONNECT, &empty, NULL), STATUS_NETWORK_NAME_DELETED);
	assert_int_equal(fx.other.header.command, SMB2_CREATE);
	assert_int_equal(next_status(&fx.other), STATUS_SUCCESS.code);
	close_held();
	/* Nobody has it open now. */
	assert_status(open_with_oplock(&fx.raw, "held", 0), STATUS_SUCCESS);
	raw_close(&fx.other);
	stop();
}

/* Backs: B272. */
static void test_a_waiting_create_ends_with_its_session(void **state)
{
	(void)state;
	hold_and_wait();
	assert_status(raw_call(&fx.other, SMB2_LOGOFF, &empty, NULL), STATUS_USER_SESSION_DELETED);
	assert_int_equal(next_status(&fx.other), STATUS_SUCCESS.code);
	close_held();
	assert_status(open_with_oplock(&fx.raw, "held", 0), STATUS_SUCCESS);
	raw_close(&fx.other);
	stop();
}

static void test_a_waiting_create_ends_with_its_connection(void **state)
{
	(void)state;
	hold_and_wait();
	raw_close(&fx.other);
	close_held();
	assert_status(open_with_oplock(&fx.raw, "held", 0), STATUS_SUCCESS);
	stop();
}

/* Backs: D032, B190. */
static void test_a_create_that_has_to_wait_fails_in_the_middle_of_a_chain(void **state)
{
	struct smb2_create_req req = {.impersonation_level = 2, .desired_access = 0x1F01FF, .create_disposition = 3};
	struct smb2_close_req close = {.file_id = {UINT64_MAX, UINT64_MAX}};
	uint8_t frame[1024] = {0};
	size_t first;
	struct slice f;

	(void)state;
	start(0x0302);
	assert_status(open_with_oplock(&fx.raw, "held", OPLOCK_BATCH), STATUS_SUCCESS);
	raw_ready(&fx.other, &fx.sim, 0x0302);
	req.name = raw_wide(&fx.other, "held");
	first = round_up(raw_encode(&fx.other, frame, sizeof(frame), SMB2_CREATE, &req), 8);
	store_le32(frame + 20, (uint32_t)first);
	fx.other.flags = SMB2_FLAGS_RELATED_OPERATIONS;
	first += raw_encode(&fx.other, frame + first, sizeof(frame) - first, SMB2_CLOSE, &close);
	raw_send(&fx.other, frame, first);
	f = raw_receive(&fx.other);
	assert_int_equal(load_le32(f.data + 8), STATUS_INTERNAL_ERROR.code);
	assert_int_equal(load_le32(f.data + load_le32(f.data + 20) + 8), STATUS_INTERNAL_ERROR.code);
	raw_close(&fx.other);
	stop();
}

/* Backs: B095. */
static void test_waiting_requests_are_bounded(void **state)
{
	struct smb2_create_req req = {.impersonation_level = 2, .desired_access = 0x1F01FF, .create_disposition = 3};

	(void)state;
	start(0x0302);
	fx.sim.srv.limits.parked_per_connection = 2;
	assert_status(open_with_oplock(&fx.raw, "held", OPLOCK_BATCH), STATUS_SUCCESS);
	raw_ready(&fx.other, &fx.sim, 0x0302);
	req.name = raw_wide(&fx.other, "held");
	for (int i = 0; i < 2; i++) {
		post(&fx.other, SMB2_CREATE, &req);
		assert_int_equal(next_status(&fx.other), STATUS_PENDING.code);
	}
	post(&fx.other, SMB2_CREATE, &req);
	assert_int_equal(next_status(&fx.other), STATUS_INSUFFICIENT_RESOURCES.code);
	raw_close(&fx.other);
	stop();
}

/* Backs: B544, B546, B064, B115, D073. */
static void test_a_silent_holder_loses_his_oplock_after_35_seconds(void **state)
{
	struct smb2_break ack = {.structure_size = SMB2_BREAK_OPLOCK};

	(void)state;
	hold_and_wait();
	ack.oplock.file_id = fx.raw.file_id;
	sim_run(&fx.sim, 34000);
	assert_int_equal(fx.other.queued, 0);
	sim_run(&fx.sim, 2000);
	/* The holder has it open without sharing. */
	assert_int_equal(next_status(&fx.other), STATUS_SHARING_VIOLATION.code);
	assert_int_equal(load_le16(raw_receive(&fx.raw).data + 12), SMB2_OPLOCK_BREAK);
	assert_status(raw_call(&fx.raw, SMB2_OPLOCK_BREAK, &ack, NULL), STATUS_INVALID_DEVICE_STATE);
	raw_close(&fx.other);
	stop();
}

/* Backs: B494, B495. */
static void test_a_waiting_create_can_be_cancelled(void **state)
{
	uint8_t frame[128];
	size_t len;

	(void)state;
	for (int by_async_id = 0; by_async_id < 2; by_async_id++) {
		hold_and_wait();
		len = raw_encode(&fx.other, frame, sizeof(frame), SMB2_CANCEL, &empty);
		fx.other.next_id--;
		store_le64(frame + 24, fx.other.next_id - 1);
		if (by_async_id) {
			store_le64(frame + 24, 0);
			store_le32(frame + 16, SMB2_FLAGS_ASYNC_COMMAND);
			store_le64(frame + 32, 1);
		}
		raw_send_plain(&fx.other, frame, len);
		assert_int_equal(next_status(&fx.other), STATUS_CANCELLED.code);
		raw_close(&fx.other);
		stop();
	}
}

static void test_anonymous_makes_us_hold_little(void **state)
{
	uint32_t trees = 0, sessions = 0;

	(void)state;
	sim_start(&fx.sim, NULL);
	raw_open_connection(&fx.raw, &fx.sim);
	assert_status(raw_negotiate(&fx.raw, 0x0210, 0x0210), STATUS_SUCCESS);
	assert_status(raw_login(&fx.raw, NULL, NULL), STATUS_SUCCESS);
	while (trees < 1000 && nt_ok(raw_tree(&fx.raw, "IPC$")))
		trees++;
	assert_int_equal(trees, fx.sim.srv.limits.anonymous_trees_and_opens);
	for (; sessions < 1000; sessions++) {
		fx.raw.session_id = 0;
		if (!nt_is(raw_login_begin(&fx.raw), STATUS_MORE_PROCESSING_REQUIRED))
			break;
	}
	assert_int_equal(sessions + 1, fx.sim.srv.limits.sessions_of_strangers);
	stop();
}

/* [MS-SMB2] 3.3.5.7 as of 3.1.1. */
static void test_with_311_a_tree_connect_without_signature_ends_the_connection(void **state)
{
	(void)state;
	sim_start(&fx.sim, NULL);
	raw_open_connection(&fx.raw, &fx.sim);
	assert_status(raw_negotiate(&fx.raw, 0x0311, 0x0311), STATUS_SUCCESS);
	assert_status(raw_login(&fx.raw, "user", "pass"), STATUS_SUCCESS);
	fx.raw.unsigned_tree = true;
	assert_status(raw_tree(&fx.raw, "share"), STATUS_CONNECTION_DISCONNECTED);
	assert_true(fx.raw.closed);
	stop();
}

/* Backs: B301, D093. */
static void test_anonymous_has_no_pipe_but_those_of_ipc(void **state)
{
	(void)state;
	sim_start(&fx.sim, NULL);
	raw_open_connection(&fx.raw, &fx.sim);
	assert_status(raw_negotiate(&fx.raw, 0x0302, 0x0302), STATUS_SUCCESS);
	assert_status(raw_login(&fx.raw, NULL, NULL), STATUS_SUCCESS);
	assert_status(raw_tree(&fx.raw, "IPC$"), STATUS_SUCCESS);
	assert_status(raw_open(&fx.raw, "srvsvc", 0x12019F, 1, 0), STATUS_SUCCESS);
	assert_status(raw_open(&fx.raw, "winreg", 0x12019F, 1, 0), STATUS_OBJECT_NAME_NOT_FOUND);
	stop();
}

/* A pipe READ that waits ends with its handle. Backs: B143. */
static void test_a_waiting_pipe_read_ends_with_the_handle(void **state)
{
	struct smb2_read_req read = {.length = 1024};
	struct smb2_close_req close = {0};

	(void)state;
	sim_start(&fx.sim, NULL);
	raw_open_connection(&fx.raw, &fx.sim);
	assert_status(raw_negotiate(&fx.raw, 0x0302, 0x0302), STATUS_SUCCESS);
	assert_status(raw_login(&fx.raw, "user", "pass"), STATUS_SUCCESS);
	assert_status(raw_tree(&fx.raw, "IPC$"), STATUS_SUCCESS);
	assert_status(raw_open(&fx.raw, "srvsvc", 0x12019F, 1, 0), STATUS_SUCCESS);
	read.file_id = close.file_id = fx.raw.file_id;
	post(&fx.raw, SMB2_READ, &read);
	assert_int_equal(next_status(&fx.raw), STATUS_PENDING.code);
	post(&fx.raw, SMB2_READ, &read);
	assert_int_equal(next_status(&fx.raw), STATUS_PIPE_BUSY.code);
	post(&fx.raw, SMB2_CLOSE, &close);
	assert_int_equal(next_status(&fx.raw), STATUS_CANCELLED.code);
	assert_int_equal(next_status(&fx.raw), STATUS_SUCCESS.code);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_logon_behind_a_long_read_of_the_same_chain),
		cmocka_unit_test(test_a_waiting_create_goes_on_when_the_holder_closes),
		cmocka_unit_test(test_a_waiting_create_ends_with_its_tree),
		cmocka_unit_test(test_a_waiting_create_ends_with_its_session),
		cmocka_unit_test(test_a_waiting_create_ends_with_its_connection),
		cmocka_unit_test(test_a_create_that_has_to_wait_fails_in_the_middle_of_a_chain),
		cmocka_unit_test(test_waiting_requests_are_bounded),
		cmocka_unit_test(test_a_silent_holder_loses_his_oplock_after_35_seconds),
		cmocka_unit_test(test_a_waiting_create_can_be_cancelled),
		cmocka_unit_test(test_anonymous_makes_us_hold_little),
		cmocka_unit_test(test_with_311_a_tree_connect_without_signature_ends_the_connection),
		cmocka_unit_test(test_anonymous_has_no_pipe_but_those_of_ipc),
		cmocka_unit_test(test_a_waiting_pipe_read_ends_with_the_handle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

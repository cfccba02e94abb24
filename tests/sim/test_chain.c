/* Chains, signatures and limits of messages that test_connection.c leaves open ([MS-SMB2] 3.3.4.1, 3.3.5.2). */
#include "sim.h"

#include "server/tables.h"

#include <stdlib.h>

enum { ALL = 0x1F01FF, OPEN_IF = 3, LARGE_BYTES = 70000 };

static struct smb2_empty empty;

static struct {
	struct sim sim;
	struct raw raw;
	uint8_t frame[2048];
	size_t last, len;
} fx;

static void start_with(uint16_t dialect, const struct sim_options *o)
{
	sim_start(&fx.sim, o);
	raw_open_connection(&fx.raw, &fx.sim);
	assert_status(raw_negotiate(&fx.raw, dialect, dialect), STATUS_SUCCESS);
	assert_status(raw_login(&fx.raw, "user", "pass"), STATUS_SUCCESS);
	fx.raw.sign = o && o->signing_required;
	assert_status(raw_tree(&fx.raw, "share"), STATUS_SUCCESS);
	fx.last = fx.len = 0;
	memset(fx.frame, 0, sizeof(fx.frame));
}

static void stop(void)
{
	raw_close(&fx.raw);
	sim_stop(&fx.sim);
}

/* Puts another element behind those that are there. */
static void add(uint16_t command, const void *req, uint32_t flags)
{
	size_t at = round_up(fx.len, 8);

	if (fx.len > 0)
		store_le32(fx.frame + fx.last + 20, (uint32_t)(at - fx.last));
	fx.raw.flags = flags;
	fx.last = at;
	fx.len = at + raw_encode(&fx.raw, fx.frame + at, sizeof(fx.frame) - at, command, req);
}

/* Sends the chain; the statuses of its answers, which may come in any number of frames. */
static void run(uint32_t statuses[], size_t n)
{
	size_t i = 0;

	raw_send(&fx.raw, fx.frame, fx.len);
	while (i < n) {
		struct slice f = raw_receive(&fx.raw);

		assert_true(f.len >= 64);
		for (size_t at = 0; i < n;) {
			uint32_t next = load_le32(f.data + at + 20);

			statuses[i++] = load_le32(f.data + at + 8);
			if (next == 0)
				break;
			at += next;
		}
	}
}

/* Backs: B078, B079, B083, B179, B180, B080. */
static void test_answers_are_signed_with_the_key_of_the_dialect(void **state)
{
	static const uint16_t dialects[] = {0x0202, 0x0210, 0x0300, 0x0302, 0x0311};
	static const uint16_t commands[] = {SMB2_ECHO, SMB2_TREE_DISCONNECT, SMB2_LOGOFF};
	struct sim_options o = {.signing_required = true};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		start_with(dialects[i], &o);
		assert_status(raw_open(&fx.raw, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
		assert_true(fx.raw.header.flags & SMB2_FLAGS_SIGNED);
		assert_true(nt_ok(proto_verify(&fx.raw.keys, (uint8_t *)(uintptr_t)fx.raw.answer.data, fx.raw.answer.len, true)));
		for (size_t k = 0; k < ARRAY_LEN(commands); k++) {
			assert_status(raw_call(&fx.raw, commands[k], &empty, NULL), STATUS_SUCCESS);
			assert_true(nt_ok(proto_verify(&fx.raw.keys, (uint8_t *)(uintptr_t)fx.raw.answer.data, fx.raw.answer.len, true)));
		}
		stop();
	}
}

/* Backs: B184. */
static void test_without_signature_an_unknown_session_is_the_reason(void **state)
{
	(void)state;
	start_with(0x0302, NULL);
	assert_status(raw_open(&fx.raw, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	fx.raw.session_id = 99;
	assert_status(raw_open(&fx.raw, "f", ALL, OPEN_IF, 0), STATUS_USER_SESSION_DELETED);
	stop();
}

/* Backs: B086. */
static void test_a_charge_takes_that_many_ids(void **state)
{
	struct smb2_read_req read = {.length = 3 * 65536};

	(void)state;
	start_with(0x0302, NULL);
	assert_status(raw_open(&fx.raw, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	read.file_id = fx.raw.file_id;
	fx.raw.charge = 3;
	assert_status(raw_call(&fx.raw, SMB2_READ, &read, NULL), STATUS_END_OF_FILE);
	assert_status(raw_call(&fx.raw, SMB2_ECHO, &empty, NULL), STATUS_SUCCESS);
	/* An id in the middle of the charge is gone. */
	fx.raw.next_id -= 3;
	assert_status(raw_call(&fx.raw, SMB2_ECHO, &empty, NULL), STATUS_CONNECTION_DISCONNECTED);
	stop();
}

/* Backs: B165. */
static void test_only_some_commands_may_be_large(void **state)
{
	static const uint16_t commands[] = {SMB2_ECHO, SMB2_TREE_CONNECT, SMB2_LOGOFF};
	uint8_t *frame = calloc(1, LARGE_BYTES);

	(void)state;
	assert_non_null(frame);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		start_with(0x0302, NULL);
		(void)raw_encode(&fx.raw, frame, LARGE_BYTES, commands[i] == SMB2_TREE_CONNECT ? SMB2_ECHO : commands[i], &empty);
		store_le16(frame + 12, commands[i]);
		raw_send_plain(&fx.raw, frame, LARGE_BYTES);
		assert_int_equal(raw_receive(&fx.raw).len, 0);
		assert_true(fx.raw.closed);
		stop();
	}
	free(frame);
}

/* Backs: B191, E102. */
static void test_an_unrelated_element_starts_a_new_chain(void **state)
{
	struct smb2_create_req create = {.impersonation_level = 2, .desired_access = ALL, .share_access = 7, .create_disposition = OPEN_IF};
	struct smb2_close_req close = {.file_id = {UINT64_MAX, UINT64_MAX}};
	uint32_t statuses[4];

	(void)state;
	start_with(0x0302, NULL);
	create.name = raw_wide(&fx.raw, "f");
	add(SMB2_CREATE, &create, 0);
	add(SMB2_CLOSE, &close, SMB2_FLAGS_RELATED_OPERATIONS);
	add(SMB2_CREATE, &create, 0);
	add(SMB2_CLOSE, &close, SMB2_FLAGS_RELATED_OPERATIONS);
	run(statuses, 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(statuses[i], 0);
	stop();
}

/* Backs: B197, E044. */
static void test_ids_that_the_chain_could_not_make(void **state)
{
	struct smb2_tree_connect_req connect = {0};
	struct smb2_create_req create = {.impersonation_level = 2, .desired_access = ALL, .share_access = 7, .create_disposition = OPEN_IF};
	struct smb2_close_req close = {.file_id = {UINT64_MAX, UINT64_MAX}};
	uint32_t statuses[3];

	(void)state;
	start_with(0x0302, NULL);
	connect.path = raw_wide(&fx.raw, "\\\\sim\\nosuch");
	create.name = raw_wide(&fx.raw, "f");
	add(SMB2_TREE_CONNECT, &connect, 0);
	add(SMB2_CREATE, &create, SMB2_FLAGS_RELATED_OPERATIONS);
	add(SMB2_CLOSE, &close, SMB2_FLAGS_RELATED_OPERATIONS);
	run(statuses, 3);
	assert_int_equal(statuses[0], STATUS_BAD_NETWORK_NAME.code);
	assert_int_equal(statuses[1], STATUS_INVALID_PARAMETER.code);
	assert_true(statuses[2] != 0);
	stop();
}

/* Backs: B193, G053. */
static void test_in_a_sealed_chain_only_its_session_speaks(void **state)
{
	struct sim_options o = {.encrypt_sessions = true};

	(void)state;
	for (int related = 0; related < 2; related++) {
		sim_start(&fx.sim, &o);
		raw_open_connection(&fx.raw, &fx.sim);
		assert_status(raw_negotiate(&fx.raw, 0x0302, 0x0302), STATUS_SUCCESS);
		assert_status(raw_login(&fx.raw, "user", "pass"), STATUS_SUCCESS);
		fx.raw.seal = true;
		assert_status(raw_tree(&fx.raw, "share"), STATUS_SUCCESS);
		fx.last = fx.len = 0;
		memset(fx.frame, 0, sizeof(fx.frame));
		add(SMB2_ECHO, &empty, 0);
		add(SMB2_ECHO, &empty, related ? SMB2_FLAGS_RELATED_OPERATIONS : 0);
		store_le64(fx.frame + fx.last + 40, fx.raw.session_id + 1);
		raw_send(&fx.raw, fx.frame, fx.len);
		sim_run(&fx.sim, 100);
		/* A related element takes the session over; one of another session ends the connection. */
		assert_int_equal(fx.raw.closed, !related);
		stop();
	}
}

/* Backs: B201. */
static void test_a_request_refreshes_the_idle_time(void **state)
{
	struct srv_session *s;
	uint64_t before;

	(void)state;
	start_with(0x0302, NULL);
	s = srv_session_find_global(&fx.sim.srv, fx.raw.session_id);
	assert_non_null(s);
	before = s->idle_since_ms;
	sim_run(&fx.sim, 5000);
	assert_true(s->idle_since_ms == before);
	assert_status(raw_open(&fx.raw, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	assert_true(s->idle_since_ms > before);
	srv_session_put(s);
	stop();
}

/* A share that demands encryption is closed to what comes in the clear, in whatever form. Backs: B215. */
static void test_no_way_around_an_encrypted_share(void **state)
{
	struct smb2_tree_connect_req connect = {0};
	struct smb2_create_req create = {.impersonation_level = 2, .desired_access = ALL, .share_access = 7, .create_disposition = OPEN_IF};
	struct smb2_read_req read = {.length = 1, .file_id = {UINT64_MAX, UINT64_MAX}};
	uint32_t statuses[3];

	(void)state;
	start_with(0x0302, NULL);
	connect.path = raw_wide(&fx.raw, "\\\\sim\\enc");
	create.name = raw_wide(&fx.raw, "f");
	add(SMB2_TREE_CONNECT, &connect, 0);
	add(SMB2_CREATE, &create, SMB2_FLAGS_RELATED_OPERATIONS);
	add(SMB2_READ, &read, SMB2_FLAGS_RELATED_OPERATIONS);
	run(statuses, 3);
	assert_int_equal(statuses[1], STATUS_ACCESS_DENIED.code);
	assert_true(statuses[2] != 0);
	assert_status(raw_tree(&fx.raw, "enc"), STATUS_SUCCESS);
	assert_status(raw_open(&fx.raw, "f", ALL, OPEN_IF, 0), STATUS_ACCESS_DENIED);
	fx.raw.seal = true;
	assert_status(raw_open(&fx.raw, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	read.file_id = fx.raw.file_id;
	fx.raw.seal = false;
	fx.raw.sign = true;
	assert_status(raw_call(&fx.raw, SMB2_READ, &read, NULL), STATUS_ACCESS_DENIED);
	stop();
	/* Who cannot encrypt does not get that far. */
	sim_start(&fx.sim, NULL);
	raw_open_connection(&fx.raw, &fx.sim);
	assert_status(raw_negotiate(&fx.raw, 0x0210, 0x0210), STATUS_SUCCESS);
	assert_status(raw_login(&fx.raw, "user", "pass"), STATUS_SUCCESS);
	assert_status(raw_tree(&fx.raw, "enc"), STATUS_ACCESS_DENIED);
	stop();
}

/* How often the store is asked for a file's attributes. */
static ntstatus count_stats(void *arg, const char *operation)
{
	*(unsigned *)arg += strcmp(operation, "stat_get") == 0;
	return STATUS_SUCCESS;
}

enum { INFO_FILE = 1, NETWORK_OPEN = 34, END_OF_FILE = 20, NETWORK_OPEN_BYTES = 56 };

static void add_query(struct smb2_file_id id, uint32_t flags)
{
	struct smb2_query_info_req query = {.info_type = INFO_FILE, .file_info_class = NETWORK_OPEN, .output_buffer_length = NETWORK_OPEN_BYTES, .file_id = id};

	add(SMB2_QUERY_INFO, &query, flags);
}

/* Sends the chain, all of which succeeds, in one frame, as which it is answered, too: the sizes that its queries tell. */
static void run_for_sizes(uint64_t sizes[], size_t n)
{
	struct slice f;
	size_t i = 0, at = 0;

	raw_send(&fx.raw, fx.frame, fx.len);
	f = raw_receive(&fx.raw);
	assert_true(f.len >= 64);
	for (;;) {
		uint32_t next = load_le32(f.data + at + 20);

		assert_int_equal(load_le32(f.data + at + 8), 0);
		if (load_le16(f.data + at + 12) == SMB2_QUERY_INFO) {
			assert_true(i < n && f.len >= at + 72 + NETWORK_OPEN_BYTES);
			sizes[i++] = load_le64(f.data + at + 72 + 40);
		}
		if (next == 0)
			break;
		at += next;
	}
	assert_int_equal(i, n);
	fx.last = fx.len = 0;
	memset(fx.frame, 0, sizeof(fx.frame));
}

/* What one element asks for, those behind it need not ask for again; but what changes the file lies between them. */
static void test_questions_of_one_frame(void **state)
{
	static const struct smb2_file_id chain_id = {UINT64_MAX, UINT64_MAX};
	static uint8_t ten[8] = {10}, bytes[100];
	unsigned stats = 0;
	struct sim_options o = {.decide = count_stats, .decide_arg = &stats};
	struct smb2_create_req create = {.impersonation_level = 2, .desired_access = ALL, .share_access = 7, .create_disposition = OPEN_IF};
	struct smb2_write_req write = {.file_id = chain_id, .data = slice_of(bytes, sizeof(bytes)), .length = sizeof(bytes)};
	struct smb2_set_info_req cut = {.info_type = INFO_FILE, .file_info_class = END_OF_FILE, .file_id = chain_id, .input = slice_of(ten, 8)};
	struct smb2_close_req close = {.file_id = chain_id};
	uint64_t sizes[3];
	unsigned before;
	struct raw other;

	(void)state;
	start_with(0x0302, &o);
	create.name = raw_wide(&fx.raw, "f");
	add(SMB2_CREATE, &create, 0);
	add_query(chain_id, SMB2_FLAGS_RELATED_OPERATIONS);
	add(SMB2_WRITE, &write, SMB2_FLAGS_RELATED_OPERATIONS);
	add_query(chain_id, SMB2_FLAGS_RELATED_OPERATIONS);
	add(SMB2_SET_INFO, &cut, SMB2_FLAGS_RELATED_OPERATIONS);
	add_query(chain_id, SMB2_FLAGS_RELATED_OPERATIONS);
	add(SMB2_CLOSE, &close, SMB2_FLAGS_RELATED_OPERATIONS);
	run_for_sizes(sizes, 3);
	assert_int_equal(sizes[0], 0);
	assert_int_equal(sizes[1], sizeof(bytes));
	assert_int_equal(sizes[2], 10);

	/* An open tells what the queries behind it ask for. */
	before = stats;
	add(SMB2_CREATE, &create, 0);
	add_query(chain_id, SMB2_FLAGS_RELATED_OPERATIONS);
	add_query(chain_id, SMB2_FLAGS_RELATED_OPERATIONS);
	run_for_sizes(sizes, 2);
	assert_int_equal(sizes[0], 10);
	assert_int_equal(sizes[1], 10);
	assert_int_equal(stats, before);

	/* Frames that come one by one ask anew, and so see what others did meanwhile. */
	assert_status(raw_open(&fx.raw, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	raw_ready(&other, &fx.sim, 0x0302);
	assert_status(raw_open(&other, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	for (unsigned i = 1; i <= 3; i++) {
		before = stats;
		add_query(fx.raw.file_id, 0);
		add_query(fx.raw.file_id, 0);
		run_for_sizes(sizes, 2);
		assert_int_equal(stats, before + 1);
		assert_int_equal(sizes[0], i * 10);
		assert_int_equal(sizes[1], i * 10);
		ten[0] = (uint8_t)((i + 1) * 10);
		cut.file_id = other.file_id;
		assert_status(raw_call(&other, SMB2_SET_INFO, &cut, NULL), STATUS_SUCCESS);
	}

	/* Another open of the same file is another question. */
	before = stats;
	add_query(fx.raw.file_id, 0);
	add(SMB2_CREATE, &create, 0);
	add_query(chain_id, SMB2_FLAGS_RELATED_OPERATIONS);
	run_for_sizes(sizes, 2);
	assert_int_equal(sizes[0], 40);
	assert_int_equal(sizes[1], 40);
	assert_int_equal(stats, before + 1);
	raw_close(&other);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_are_signed_with_the_key_of_the_dialect),
		cmocka_unit_test(test_without_signature_an_unknown_session_is_the_reason),
		cmocka_unit_test(test_a_charge_takes_that_many_ids),
		cmocka_unit_test(test_only_some_commands_may_be_large),
		cmocka_unit_test(test_an_unrelated_element_starts_a_new_chain),
		cmocka_unit_test(test_ids_that_the_chain_could_not_make),
		cmocka_unit_test(test_in_a_sealed_chain_only_its_session_speaks),
		cmocka_unit_test(test_a_request_refreshes_the_idle_time),
		cmocka_unit_test(test_no_way_around_an_encrypted_share),
		cmocka_unit_test(test_questions_of_one_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

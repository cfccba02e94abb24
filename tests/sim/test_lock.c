/* LOCK as clients see it ([MS-SMB2] 3.3.5.14): series and their flags, waiting and its ends, replays, and what READ, WRITE and oplocks
 * make of locks. */
#include "sim.h"

#include "fsa/fsa.h"

enum { SHARED = 1, EXCLUSIVE = 2, UNLOCK = 4, FAIL = 0x10 };
enum { OPEN = 1, OPEN_IF = 3, OVERWRITE = 4, DIRECTORY_FILE = 1, LEVEL_II = 1 };
enum { READ_DATA = 1, WRITE_DATA = 2, READ_ATTRIBUTES = 0x80, ALL = 0x1F01FF };

static struct {
	struct sim sim;
	struct raw a, b;
} fx;

static void write_something(struct raw *r)
{
	struct smb2_write_req req = {.file_id = r->file_id, .data = slice_of("0123456789abcdef", 16)};

	assert_status(raw_call(r, SMB2_WRITE, &req, NULL), STATUS_SUCCESS);
}

static void start_with(const struct sim_options *o, uint16_t dialect)
{
	sim_start(&fx.sim, o);
	raw_ready(&fx.a, &fx.sim, dialect);
	raw_ready(&fx.b, &fx.sim, dialect);
	assert_status(raw_open(&fx.a, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	write_something(&fx.a);
	assert_status(raw_open(&fx.b, "f", ALL, OPEN, 0), STATUS_SUCCESS);
}

static void start(void)
{
	start_with(NULL, SMB2_DIALECT_302);
}

static void stop(void)
{
	raw_close(&fx.b);
	raw_close(&fx.a);
	sim_stop(&fx.sim);
}

static ntstatus locks(struct raw *r, struct smb2_lock_element *e, uint16_t n, uint32_t sequence)
{
	struct smb2_lock_req req = {.lock_count = n, .lock_sequence = sequence, .file_id = r->file_id, .locks = e};
	struct smb2_empty rsp;

	return raw_call(r, SMB2_LOCK, &req, &rsp);
}

static ntstatus lock(struct raw *r, uint64_t offset, uint64_t length, uint32_t flags)
{
	return locks(r, &(struct smb2_lock_element){offset, length, flags}, 1, 0);
}

static void post(struct raw *r, uint16_t command, const void *req)
{
	uint8_t frame[512];

	raw_send(r, frame, raw_encode(r, frame, sizeof(frame), command, req));
}

static uint32_t next_status(struct raw *r)
{
	struct slice f = raw_receive(r);

	return f.len < SMB2_HEADER_SIZE ? STATUS_CONNECTION_DISCONNECTED.code : load_le32(f.data + 8);
}

/* A lock that waits; its message id. */
static uint64_t post_lock(struct raw *r, uint64_t offset, uint64_t length, uint32_t flags)
{
	struct smb2_lock_element e = {offset, length, flags};
	struct smb2_lock_req req = {.lock_count = 1, .file_id = r->file_id, .locks = &e};
	uint64_t id = r->next_id;

	post(r, SMB2_LOCK, &req);
	assert_int_equal(next_status(r), STATUS_PENDING.code);
	return id;
}

static ntstatus read_at(struct raw *r, uint64_t offset, uint32_t length)
{
	struct smb2_read_req req = {.length = length, .offset = offset, .file_id = r->file_id};
	struct smb2_read_rsp rsp;

	return raw_call(r, SMB2_READ, &req, &rsp);
}

static ntstatus write_at(struct raw *r, uint64_t offset, uint32_t length)
{
	struct smb2_write_req req = {.offset = offset, .file_id = r->file_id, .data = slice_of("xxxxxxxxxxxxxxxx", length)};

	return raw_call(r, SMB2_WRITE, &req, NULL);
}

/* Backs: B442, B443. */
static void test_what_locks_are_in_the_way_of(void **state)
{
	(void)state;
	start();
	assert_status(lock(&fx.a, 0, 4, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	assert_status(lock(&fx.a, 8, 4, SHARED), STATUS_SUCCESS);
	assert_status(lock(&fx.b, 3, 1, SHARED | FAIL), STATUS_LOCK_NOT_GRANTED);
	assert_status(lock(&fx.b, 8, 1, EXCLUSIVE | FAIL), STATUS_LOCK_NOT_GRANTED);
	assert_status(lock(&fx.b, 10, 6, SHARED | FAIL), STATUS_SUCCESS);
	assert_status(read_at(&fx.b, 0, 16), STATUS_FILE_LOCK_CONFLICT);
	assert_status(read_at(&fx.b, 3, 1), STATUS_FILE_LOCK_CONFLICT);
	assert_status(read_at(&fx.b, 4, 12), STATUS_SUCCESS);
	assert_status(read_at(&fx.a, 0, 16), STATUS_SUCCESS);
	assert_status(read_at(&fx.b, 0, 0), STATUS_SUCCESS);
	assert_status(write_at(&fx.b, 3, 1), STATUS_FILE_LOCK_CONFLICT);
	assert_status(write_at(&fx.b, 8, 1), STATUS_FILE_LOCK_CONFLICT);
	assert_status(write_at(&fx.a, 8, 1), STATUS_FILE_LOCK_CONFLICT);
	assert_status(write_at(&fx.a, 0, 4), STATUS_SUCCESS);
	assert_status(write_at(&fx.b, 4, 4), STATUS_SUCCESS);
	assert_status(write_at(&fx.b, 3, 0), STATUS_SUCCESS);
	stop();
}

/* Nothing of a WRITE that reaches the file as it comes in is written where there is a lock. */
static void test_a_large_write_does_not_begin(void **state)
{
	static uint8_t data[200000], frame[sizeof(data) + 256];
	struct smb2_write_req req = {.data = slice_of(data, sizeof(data))};
	struct smb2_read_req back = {.length = 16};
	struct smb2_read_rsp rsp = {0};

	(void)state;
	start();
	fx.b.credit_request = 64;
	assert_status(raw_call(&fx.b, SMB2_ECHO, &(struct smb2_empty){0}, NULL), STATUS_SUCCESS);
	assert_status(lock(&fx.a, 150000, 1, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	req.file_id = back.file_id = fx.b.file_id;
	fx.b.charge = 4;
	raw_send(&fx.b, frame, raw_encode(&fx.b, frame, sizeof(frame), SMB2_WRITE, &req));
	assert_int_equal(next_status(&fx.b), STATUS_FILE_LOCK_CONFLICT.code);
	assert_status(raw_call(&fx.b, SMB2_READ, &back, &rsp), STATUS_SUCCESS);
	assert_memory_equal(rsp.data.data, "0123456789abcdef", 16);
	stop();
}

/* Backs: B441. */
static void test_flags_of_locks(void **state)
{
	static const uint32_t wrong[] = {0, FAIL, SHARED | EXCLUSIVE, SHARED | EXCLUSIVE | FAIL, SHARED | UNLOCK, EXCLUSIVE | UNLOCK,
		UNLOCK | FAIL, SHARED | 8, EXCLUSIVE | 0x20, UNLOCK | 0x40, 0x80000001u};

	(void)state;
	start();
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_status(lock(&fx.a, 0, 1, wrong[i]), STATUS_INVALID_PARAMETER);
	assert_status(locks(&fx.a, NULL, 0, 0), STATUS_INVALID_PARAMETER);
	assert_status(lock(&fx.b, 0, 1, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	stop();
}

/* Backs: B434, B439, B444. */
static void test_a_series_of_locks_is_all_or_nothing(void **state)
{
	struct smb2_lock_element series[] = {{0, 1, EXCLUSIVE | FAIL}, {2, 1, SHARED | FAIL}, {4, 1, EXCLUSIVE | FAIL}};
	struct smb2_lock_element waits[] = {{0, 1, EXCLUSIVE | FAIL}, {2, 1, EXCLUSIVE}}, first[] = {{0, 1, EXCLUSIVE}, {2, 1, EXCLUSIVE | FAIL}};
	struct smb2_lock_element beyond[] = {{0, 1, EXCLUSIVE | FAIL}, {UINT64_MAX, 2, EXCLUSIVE | FAIL}};
	struct smb2_lock_element mixed[] = {{0, 1, EXCLUSIVE | FAIL}, {0, 1, UNLOCK}};

	(void)state;
	start();
	assert_status(lock(&fx.b, 4, 1, SHARED), STATUS_SUCCESS);
	assert_status(locks(&fx.a, series, 3, 0), STATUS_LOCK_NOT_GRANTED);
	assert_status(locks(&fx.a, waits, 2, 0), STATUS_INVALID_PARAMETER);
	assert_status(locks(&fx.a, first, 2, 0), STATUS_INVALID_PARAMETER);
	assert_status(locks(&fx.a, beyond, 2, 0), STATUS_INVALID_LOCK_RANGE);
	assert_status(locks(&fx.a, mixed, 2, 0), STATUS_INVALID_PARAMETER);
	/* None of that left anything behind. */
	assert_status(lock(&fx.b, 0, 4, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	assert_status(lock(&fx.b, 0, 4, UNLOCK), STATUS_SUCCESS);
	assert_status(lock(&fx.b, 4, 1, UNLOCK), STATUS_SUCCESS);
	assert_status(locks(&fx.a, series, 3, 0), STATUS_SUCCESS);
	assert_status(lock(&fx.b, 4, 1, SHARED | FAIL), STATUS_LOCK_NOT_GRANTED);
	assert_status(lock(&fx.b, 1, 2, SHARED | FAIL), STATUS_SUCCESS);
	stop();
}

/* Backs: B434, B435, B437, G108. */
static void test_a_series_of_unlocks_stops_at_the_first_error(void **state)
{
	struct smb2_lock_element held[] = {{0, 1, EXCLUSIVE | FAIL}, {2, 1, EXCLUSIVE | FAIL}, {4, 1, EXCLUSIVE | FAIL}};
	struct smb2_lock_element missing[] = {{0, 1, UNLOCK}, {2, 2, UNLOCK}, {4, 1, UNLOCK}};
	struct smb2_lock_element mixed[] = {{0, 1, UNLOCK}, {9, 1, EXCLUSIVE | FAIL}, {4, 1, UNLOCK}};
	struct smb2_lock_element both[] = {{0, 1, UNLOCK}, {2, 1, UNLOCK | SHARED}};

	(void)state;
	start();
	assert_status(locks(&fx.a, held, 3, 0), STATUS_SUCCESS);
	assert_status(locks(&fx.a, missing, 3, 0), STATUS_RANGE_NOT_LOCKED);
	assert_status(lock(&fx.b, 0, 1, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	assert_status(lock(&fx.b, 0, 1, UNLOCK), STATUS_SUCCESS);
	assert_status(locks(&fx.a, held, 1, 0), STATUS_SUCCESS);
	assert_status(locks(&fx.a, mixed, 3, 0), STATUS_INVALID_PARAMETER);
	assert_status(locks(&fx.a, held, 1, 0), STATUS_SUCCESS);
	assert_status(locks(&fx.a, both, 2, 0), STATUS_INVALID_PARAMETER);
	assert_status(lock(&fx.b, 0, 1, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	assert_status(lock(&fx.b, 2, 1, EXCLUSIVE | FAIL), STATUS_LOCK_NOT_GRANTED);
	assert_status(lock(&fx.b, 4, 1, EXCLUSIVE | FAIL), STATUS_LOCK_NOT_GRANTED);
	assert_status(lock(&fx.a, UINT64_MAX, 2, UNLOCK), STATUS_INVALID_LOCK_RANGE);
	assert_status(lock(&fx.a, 9, 1, UNLOCK), STATUS_RANGE_NOT_LOCKED);
	stop();
}

static void test_who_may_lock_what(void **state)
{
	(void)state;
	start();
	assert_status(raw_open(&fx.b, "f", READ_ATTRIBUTES, OPEN, 0), STATUS_SUCCESS);
	assert_status(lock(&fx.b, 0, 1, SHARED | FAIL), STATUS_ACCESS_DENIED);
	assert_status(raw_open(&fx.b, "f", READ_DATA, OPEN, 0), STATUS_SUCCESS);
	assert_status(lock(&fx.b, 0, 1, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	assert_status(raw_open(&fx.b, "f", WRITE_DATA, OPEN, 0), STATUS_SUCCESS);
	assert_status(lock(&fx.b, 1, 1, SHARED | FAIL), STATUS_SUCCESS);
	assert_status(raw_open(&fx.b, "d", ALL, OPEN_IF, DIRECTORY_FILE), STATUS_SUCCESS);
	assert_status(lock(&fx.b, 0, 1, SHARED | FAIL), STATUS_INVALID_PARAMETER);
	fx.b.file_id = (struct smb2_file_id){1, 2};
	assert_status(lock(&fx.b, 0, 1, SHARED | FAIL), STATUS_FILE_CLOSED);
	stop();
}

/* Backs: B443, B445. */
static void test_waiting_for_a_lock(void **state)
{
	struct slice final;
	uint64_t id;

	(void)state;
	start();
	assert_status(lock(&fx.a, 0, 4, EXCLUSIVE), STATUS_SUCCESS);
	assert_status(lock(&fx.a, 4, 4, SHARED), STATUS_SUCCESS);
	id = post_lock(&fx.b, 0, 8, EXCLUSIVE);
	assert_status(lock(&fx.a, 0, 4, UNLOCK), STATUS_SUCCESS);
	sim_run(&fx.sim, 50);
	assert_int_equal(fx.b.queued, 0);
	assert_status(lock(&fx.a, 4, 4, UNLOCK), STATUS_SUCCESS);
	final = raw_receive(&fx.b);
	assert_int_equal(load_le32(final.data + 8), STATUS_SUCCESS.code);
	assert_true(load_le64(final.data + 24) == id);
	assert_int_equal(load_le16(final.data + SMB2_HEADER_SIZE), 4);
	assert_status(read_at(&fx.a, 0, 1), STATUS_FILE_LOCK_CONFLICT);
	stop();
}

static void cancel(struct raw *r, uint64_t id)
{
	uint8_t frame[128];
	size_t len = raw_encode(r, frame, sizeof(frame), SMB2_CANCEL, &(struct smb2_empty){0});

	store_le64(frame + 24, id);
	raw_send_plain(r, frame, len);
}

/* Backs: B443. */
static void test_a_lock_that_waits_is_cancelled(void **state)
{
	uint64_t id;

	(void)state;
	start();
	assert_status(lock(&fx.a, 0, 4, EXCLUSIVE), STATUS_SUCCESS);
	id = post_lock(&fx.b, 0, 8, SHARED);
	cancel(&fx.b, id);
	assert_int_equal(next_status(&fx.b), STATUS_CANCELLED.code);
	cancel(&fx.b, id);
	assert_status(lock(&fx.a, 0, 4, UNLOCK), STATUS_SUCCESS);
	assert_status(lock(&fx.a, 0, 8, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	stop();
}

static void test_a_lock_that_waits_ends_with_its_handle_tree_or_session(void **state)
{
	struct smb2_close_req close_req;
	struct smb2_empty empty = {0};

	(void)state;
	for (unsigned how = 0; how < 3; how++) {
		start();
		assert_status(lock(&fx.a, 0, 4, EXCLUSIVE), STATUS_SUCCESS);
		(void)post_lock(&fx.b, 0, 8, EXCLUSIVE);
		close_req = (struct smb2_close_req){.file_id = fx.b.file_id};
		if (how == 0)
			post(&fx.b, SMB2_CLOSE, &close_req);
		else
			post(&fx.b, how == 1 ? SMB2_TREE_DISCONNECT : SMB2_LOGOFF, &empty);
		assert_int_equal(next_status(&fx.b), STATUS_RANGE_NOT_LOCKED.code);
		assert_int_equal(next_status(&fx.b), STATUS_SUCCESS.code);
		assert_status(lock(&fx.a, 0, 4, UNLOCK), STATUS_SUCCESS);
		assert_status(lock(&fx.a, 0, 8, EXCLUSIVE | FAIL), STATUS_SUCCESS);
		stop();
	}
}

static void test_locks_end_with_their_handle_tree_session_or_connection(void **state)
{
	struct smb2_close_req close_req;
	struct smb2_empty empty = {0};

	(void)state;
	for (unsigned how = 0; how < 4; how++) {
		start();
		assert_status(lock(&fx.b, 0, 4, EXCLUSIVE), STATUS_SUCCESS);
		(void)post_lock(&fx.a, 0, 8, EXCLUSIVE);
		close_req = (struct smb2_close_req){.file_id = fx.b.file_id};
		if (how == 0)
			assert_status(raw_call(&fx.b, SMB2_CLOSE, &close_req, NULL), STATUS_SUCCESS);
		else if (how < 3)
			assert_status(raw_call(&fx.b, how == 1 ? SMB2_TREE_DISCONNECT : SMB2_LOGOFF, &empty, NULL), STATUS_SUCCESS);
		else
			raw_close(&fx.b);
		assert_int_equal(next_status(&fx.a), STATUS_SUCCESS.code);
		assert_status(read_at(&fx.a, 0, 4), STATUS_SUCCESS);
		if (how == 3)
			raw_open_connection(&fx.b, &fx.sim);
		stop();
	}
}

static void test_a_client_that_goes_while_it_waits_gets_nothing(void **state)
{
	(void)state;
	start();
	assert_status(lock(&fx.a, 0, 4, EXCLUSIVE), STATUS_SUCCESS);
	for (int i = 0; i < 20; i++)
		(void)post_lock(&fx.b, 0, 8, EXCLUSIVE);
	raw_close(&fx.b);
	sim_run(&fx.sim, 50);
	assert_status(lock(&fx.a, 0, 4, UNLOCK), STATUS_SUCCESS);
	assert_status(lock(&fx.a, 0, 8, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	raw_open_connection(&fx.b, &fx.sim);
	stop();
}

/* A chain cannot wait in its middle (3.3.5.2.7). */
static void test_waiting_in_the_middle_of_a_chain_is_refused(void **state)
{
	struct smb2_lock_element e = {0, 4, EXCLUSIVE};
	struct smb2_lock_req req = {.lock_count = 1, .locks = &e};
	struct smb2_close_req close_req;
	uint8_t frame[512];
	struct slice f;
	size_t len;

	(void)state;
	start();
	assert_status(lock(&fx.a, 0, 4, EXCLUSIVE), STATUS_SUCCESS);
	req.file_id = close_req.file_id = fx.b.file_id;
	close_req.flags = 0;
	len = raw_encode(&fx.b, frame, sizeof(frame), SMB2_LOCK, &req);
	memset(frame + len, 0, 8 - len % 8);
	len = (len + 7) & ~(size_t)7;
	store_le32(frame + 20, (uint32_t)len);
	len += raw_encode(&fx.b, frame + len, sizeof(frame) - len, SMB2_CLOSE, &close_req);
	raw_send_plain(&fx.b, frame, len);
	f = raw_receive(&fx.b);
	assert_int_equal(load_le32(f.data + 8), STATUS_INTERNAL_ERROR.code);
	assert_int_equal(load_le32(f.data + load_le32(f.data + 20) + 8), STATUS_SUCCESS.code);
	stop();
}

static void test_locks_and_their_waits_are_bounded(void **state)
{
	struct smb2_lock_element e = {0, 8, EXCLUSIVE};
	struct smb2_lock_req req = {.lock_count = 1, .locks = &e};
	uint64_t id;

	(void)state;
	sim_start(&fx.sim, NULL);
	fx.sim.srv.limits.locks_per_session = 4;
	fx.sim.srv.limits.parked_per_connection = 2;
	raw_ready(&fx.a, &fx.sim, SMB2_DIALECT_302);
	raw_ready(&fx.b, &fx.sim, SMB2_DIALECT_302);
	assert_status(raw_open(&fx.a, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	assert_status(raw_open(&fx.b, "f", ALL, OPEN, 0), STATUS_SUCCESS);
	for (uint64_t i = 0; i < 4; i++)
		assert_status(lock(&fx.a, i, 1, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	assert_status(lock(&fx.a, 4, 1, EXCLUSIVE | FAIL), STATUS_INSUFFICIENT_RESOURCES);
	id = post_lock(&fx.b, 0, 8, EXCLUSIVE);
	(void)post_lock(&fx.b, 0, 8, EXCLUSIVE);
	req.file_id = fx.b.file_id;
	assert_status(raw_call(&fx.b, SMB2_LOCK, &req, NULL), STATUS_INSUFFICIENT_RESOURCES);
	cancel(&fx.b, id);
	assert_int_equal(next_status(&fx.b), STATUS_CANCELLED.code);
	(void)post_lock(&fx.b, 0, 8, SHARED);
	stop();
}

/* Wherever the lock is, behind the end of the data too. */
static void test_locks_break_level_ii(void **state)
{
	struct smb2_create_req req = {.impersonation_level = 2, .desired_access = ALL, .share_access = 7, .create_disposition = OPEN,
		.requested_oplock_level = LEVEL_II};
	struct smb2_create_rsp rsp = {0};
	struct slice f;

	(void)state;
	start();
	req.name = raw_wide(&fx.b, "f");
	assert_status(raw_call(&fx.b, SMB2_CREATE, &req, &rsp), STATUS_SUCCESS);
	assert_int_equal(rsp.oplock_level, LEVEL_II);
	assert_status(lock(&fx.a, (uint64_t)1 << 40, 1, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	f = raw_receive(&fx.b);
	assert_int_equal(load_le16(f.data + 12), SMB2_OPLOCK_BREAK);
	stop();
}

/* [MS-FSA] 2.1.5.1.2, 2.1.5.15: locks are in nobody's way who cuts the file. */
static void test_locks_do_not_hinder_overwriting(void **state)
{
	(void)state;
	start();
	assert_status(lock(&fx.a, 0, 4, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	assert_status(raw_open(&fx.b, "f", ALL, OVERWRITE, 0), STATUS_SUCCESS);
	assert_status(read_at(&fx.b, 0, 4), STATUS_FILE_LOCK_CONFLICT);
	stop();
}

/* --- replays --- */

static void start_multichannel(uint16_t dialect, bool server)
{
	sim_start(&fx.sim, NULL);
	if (server)
		fx.sim.srv.proto.capabilities |= SMB2_GLOBAL_CAP_MULTI_CHANNEL;
	raw_open_connection(&fx.a, &fx.sim);
	fx.a.config.capabilities |= SMB2_GLOBAL_CAP_MULTI_CHANNEL;
	assert_status(raw_negotiate(&fx.a, dialect, dialect), STATUS_SUCCESS);
	assert_status(raw_login(&fx.a, "user", "pass"), STATUS_SUCCESS);
	assert_status(raw_tree(&fx.a, "share"), STATUS_SUCCESS);
	assert_status(raw_open(&fx.a, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	raw_ready(&fx.b, &fx.sim, dialect);
	assert_status(raw_open(&fx.b, "f", ALL, OPEN, 0), STATUS_SUCCESS);
}

static ntstatus lock_as(uint32_t sequence, uint64_t offset, uint32_t flags)
{
	return locks(&fx.a, &(struct smb2_lock_element){offset, 1, flags}, 1, sequence);
}

/* Backs: B327, B433, B438, B445, E081, G056, G057. */
static void test_a_replay_is_not_carried_out_twice(void **state)
{
	(void)state;
	start_multichannel(SMB2_DIALECT_300, true);
	/* Sequence 0 of the first bucket is a lock like any other. */
	assert_status(lock_as(0x10, 0, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	assert_status(lock(&fx.b, 0, 1, SHARED | FAIL), STATUS_LOCK_NOT_GRANTED);
	assert_status(lock_as(0x10, 0, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	assert_status(lock_as(0x11, 0, UNLOCK), STATUS_SUCCESS);
	assert_status(lock_as(0x11, 0, UNLOCK), STATUS_SUCCESS);
	/* One that failed is void and leaves its bucket so. */
	assert_status(lock_as(0x12, 0, UNLOCK), STATUS_RANGE_NOT_LOCKED);
	assert_status(lock_as(0x12, 0, UNLOCK), STATUS_RANGE_NOT_LOCKED);
	assert_status(lock_as(0x11, 0, UNLOCK), STATUS_RANGE_NOT_LOCKED);
	/* 64 buckets; beyond them nothing is remembered, nor without one. */
	assert_status(lock_as(0x405, 1, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	assert_status(lock_as(0x405, 1, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	assert_status(lock_as(0x415, 2, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	assert_status(lock_as(0x415, 2, EXCLUSIVE | FAIL), STATUS_LOCK_NOT_GRANTED);
	assert_status(lock_as(0xFFFFFFF5, 3, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	assert_status(lock_as(0xFFFFFFF5, 3, EXCLUSIVE | FAIL), STATUS_LOCK_NOT_GRANTED);
	assert_status(lock_as(0x05, 4, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	assert_status(lock_as(0x05, 4, EXCLUSIVE | FAIL), STATUS_LOCK_NOT_GRANTED);
	stop();
}

static void test_a_lock_that_waited_is_remembered_when_it_is_had(void **state)
{
	struct smb2_lock_element e = {0, 1, EXCLUSIVE};
	struct smb2_lock_req req = {.lock_count = 1, .lock_sequence = 0x23, .locks = &e};

	(void)state;
	start_multichannel(SMB2_DIALECT_311, true);
	assert_status(lock(&fx.b, 0, 1, EXCLUSIVE), STATUS_SUCCESS);
	req.file_id = fx.a.file_id;
	post(&fx.a, SMB2_LOCK, &req);
	assert_int_equal(next_status(&fx.a), STATUS_PENDING.code);
	assert_status(lock_as(0x23, 0, EXCLUSIVE | FAIL), STATUS_LOCK_NOT_GRANTED);
	assert_status(lock(&fx.b, 0, 1, UNLOCK), STATUS_SUCCESS);
	assert_int_equal(next_status(&fx.a), STATUS_SUCCESS.code);
	assert_status(lock_as(0x23, 0, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	stop();
}

static void test_where_nothing_is_replayed_nothing_is_remembered(void **state)
{
	static const uint16_t dialects[] = {SMB2_DIALECT_202, SMB2_DIALECT_210, SMB2_DIALECT_302};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		start_multichannel(dialects[i], dialects[i] < SMB2_DIALECT_300);
		assert_status(lock_as(0x10, 0, EXCLUSIVE | FAIL), STATUS_SUCCESS);
		assert_status(lock_as(0x10, 0, EXCLUSIVE | FAIL), STATUS_LOCK_NOT_GRANTED);
		stop();
	}
}

/* --- local programs: shares with mirror_locks --- */

static struct vfs *start_with_local_programs(void)
{
	struct srv_share *share;

	start();
	share = srv_share_find(&fx.sim.srv, raw_wide(&fx.a, "share"));
	assert_non_null(share);
	share->mirror_locks = true;
	srv_share_put(share);
	return share->vfs;
}

static void local_lock(struct vfs *store, uint64_t offset, uint64_t length)
{
	vfs_mem_lock_local(store, raw_wide(&fx.a, "f"), offset, length);
}

/* How local programs see the first 16 bytes: - free, s shared, x locked. */
static const char *seen(struct vfs *store)
{
	static char text[17];

	vfs_mem_locked(store, raw_wide(&fx.a, "f"), text, 16);
	return text;
}

/* Locks of one open may lie on each other; for each byte the strongest is seen. */
static void test_local_programs_see_what_is_left_of_locks(void **state)
{
	struct smb2_lock_element two[] = {{12, 2, EXCLUSIVE | FAIL}, {0, 1, EXCLUSIVE | FAIL}}, gone[] = {{8, 4, UNLOCK}, {7, 7, UNLOCK}};
	struct smb2_close_req close = {0};
	struct vfs *store;

	(void)state;
	store = start_with_local_programs();
	assert_status(lock(&fx.a, 2, 4, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	assert_string_equal(seen(store), "--xxxx----------");
	assert_status(lock(&fx.a, 0, 12, SHARED | FAIL), STATUS_SUCCESS);
	assert_string_equal(seen(store), "ssxxxxssssss----");
	assert_status(lock(&fx.a, 8, 4, SHARED | FAIL), STATUS_SUCCESS);
	assert_status(lock(&fx.a, 0, 12, UNLOCK), STATUS_SUCCESS);
	assert_string_equal(seen(store), "--xxxx--ssss----");
	assert_status(lock(&fx.a, 2, 4, UNLOCK), STATUS_SUCCESS);
	assert_string_equal(seen(store), "--------ssss----");
	/* All or nothing, and what was there stays. */
	local_lock(store, 0, 1);
	assert_status(locks(&fx.a, two, 2, 0), STATUS_LOCK_NOT_GRANTED);
	assert_string_equal(seen(store), "--------ssss----");
	assert_status(lock(&fx.a, 12, 2, UNLOCK), STATUS_RANGE_NOT_LOCKED);
	local_lock(store, 0, 0);
	assert_status(locks(&fx.a, two, 2, 0), STATUS_SUCCESS);
	assert_string_equal(seen(store), "x-------ssssxx--");
	assert_status(locks(&fx.a, gone, 2, 0), STATUS_RANGE_NOT_LOCKED);
	assert_string_equal(seen(store), "x-----------xx--");
	/* Nothing, and what the system cannot lock. */
	assert_status(lock(&fx.a, 5, 0, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	assert_status(lock(&fx.a, UINT64_MAX - 1, 2, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	assert_status(lock(&fx.b, UINT64_MAX, 1, EXCLUSIVE | FAIL), STATUS_LOCK_NOT_GRANTED);
	assert_string_equal(seen(store), "x-----------xx--");
	for (int i = 0; i < 20; i++)
		assert_status(lock(&fx.a, 1, 3 + (uint64_t)i % 3, SHARED | FAIL), STATUS_SUCCESS);
	assert_string_equal(seen(store), "xsssss------xx--");
	close.file_id = fx.a.file_id;
	assert_status(raw_call(&fx.a, SMB2_CLOSE, &close, NULL), STATUS_SUCCESS);
	assert_string_equal(seen(store), "----------------");
	stop();
}

static void test_a_lock_of_a_local_program_is_waited_for(void **state)
{
	struct vfs *store;
	uint64_t id;

	(void)state;
	store = start_with_local_programs();
	local_lock(store, 4, 4);
	assert_status(lock(&fx.a, 0, 5, EXCLUSIVE | FAIL), STATUS_LOCK_NOT_GRANTED);
	assert_status(lock(&fx.a, 0, 4, EXCLUSIVE | FAIL), STATUS_SUCCESS);
	(void)post_lock(&fx.a, 6, 1, EXCLUSIVE);
	sim_run(&fx.sim, 60000);
	/* Nobody else has it either. */
	assert_status(lock(&fx.b, 6, 1, SHARED | FAIL), STATUS_LOCK_NOT_GRANTED);
	local_lock(store, 0, 0);
	assert_int_equal(next_status(&fx.a), STATUS_SUCCESS.code);
	assert_string_equal(seen(store), "xxxx--x---------");
	/* Behind a client first, then behind a local program. */
	(void)post_lock(&fx.b, 6, 1, EXCLUSIVE);
	local_lock(store, 6, 1);
	assert_status(lock(&fx.a, 6, 1, UNLOCK), STATUS_SUCCESS);
	sim_run(&fx.sim, 1000);
	local_lock(store, 0, 0);
	assert_int_equal(next_status(&fx.b), STATUS_SUCCESS.code);
	assert_string_equal(seen(store), "xxxx--x---------");
	assert_status(lock(&fx.a, 6, 1, SHARED | FAIL), STATUS_LOCK_NOT_GRANTED);
	/* Given up. */
	local_lock(store, 8, 1);
	id = post_lock(&fx.a, 8, 1, EXCLUSIVE);
	cancel(&fx.a, id);
	assert_int_equal(next_status(&fx.a), STATUS_CANCELLED.code);
	local_lock(store, 0, 0);
	sim_run(&fx.sim, 1000);
	assert_string_equal(seen(store), "xxxx--x---------");
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_locks_are_in_the_way_of),
		cmocka_unit_test(test_a_large_write_does_not_begin),
		cmocka_unit_test(test_flags_of_locks),
		cmocka_unit_test(test_a_series_of_locks_is_all_or_nothing),
		cmocka_unit_test(test_a_series_of_unlocks_stops_at_the_first_error),
		cmocka_unit_test(test_who_may_lock_what),
		cmocka_unit_test(test_waiting_for_a_lock),
		cmocka_unit_test(test_a_lock_that_waits_is_cancelled),
		cmocka_unit_test(test_a_lock_that_waits_ends_with_its_handle_tree_or_session),
		cmocka_unit_test(test_locks_end_with_their_handle_tree_session_or_connection),
		cmocka_unit_test(test_a_client_that_goes_while_it_waits_gets_nothing),
		cmocka_unit_test(test_waiting_in_the_middle_of_a_chain_is_refused),
		cmocka_unit_test(test_locks_and_their_waits_are_bounded),
		cmocka_unit_test(test_locks_break_level_ii),
		cmocka_unit_test(test_locks_do_not_hinder_overwriting),
		cmocka_unit_test(test_a_replay_is_not_carried_out_twice),
		cmocka_unit_test(test_a_lock_that_waited_is_remembered_when_it_is_had),
		cmocka_unit_test(test_where_nothing_is_replayed_nothing_is_remembered),
		cmocka_unit_test(test_local_programs_see_what_is_left_of_locks),
		cmocka_unit_test(test_a_lock_of_a_local_program_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

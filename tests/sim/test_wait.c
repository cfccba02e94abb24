/* What waits for the store: READs of what is not in memory, CREATEs of a store that lately took its time, FLUSHes, WRITEs that go through to the disk. The
 * requests behind them go on meanwhile, another worker takes their worker's place, and what comes of them is the same. */
#include "sim.h"

#include <pthread.h>
#include <stdatomic.h>

enum { READ_DATA = 1, WRITE_DATA = 2, OPEN = 1, OPEN_IF = 3, WRITE_THROUGH = 2, FILE_DIRECTORY = 1, RESTART = 1, STEPS = 1000, BYTES = 5001, SLOW_MS = 2, MANY = 100 };

static struct {
	struct sim sim;
	struct raw raw;
	bool waits, look;     /* what is read has to be waited for; what happens meanwhile is looked at */
	unsigned at_hand, waited, open_ms;
	size_t meanwhile;     /* frames that came while a request waited */
	unsigned replaced;    /* workers that had another in their place meanwhile */
} fx;

static void *others(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < STEPS && fx.raw.queued == 0; i++)
		(void)net_pool_step(fx.sim.pool, 1);
	return NULL;
}

/* The pool of the simulator has no threads: the one that reads is held here, and another takes the steps. */
static void see_meanwhile(void)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, others, NULL), 0);
	pthread_join(thread, NULL);
	fx.meanwhile = fx.raw.queued;
	fx.replaced = atomic_load(&fx.sim.srv.store_waits);
}

static ntstatus decide(void *arg, const char *operation)
{
	static const char *const looked_at[] = {"open", "flush", "write", "dir_read"};

	(void)arg;
	if (strcmp(operation, "read_at_hand") == 0) {
		fx.at_hand++;
		return fx.waits ? STATUS_PENDING : STATUS_SUCCESS;
	}
	if (strcmp(operation, "read") == 0) {
		fx.waited++;
		if (fx.look)
			see_meanwhile();
	}
	if (strcmp(operation, "open") == 0)
		fx.sim.clock.now_ms += fx.open_ms;
	for (size_t i = 0; i < ARRAY_LEN(looked_at); i++)
		if (fx.look && strcmp(operation, looked_at[i]) == 0)
			see_meanwhile();
	return STATUS_SUCCESS;
}

static void start(void)
{
	struct sim_options o = {.decide = decide};
	struct smb2_write_req write = {0};
	uint8_t data[BYTES];

	fx.waits = fx.look = false;
	fx.at_hand = fx.waited = fx.open_ms = 0;
	fx.meanwhile = fx.replaced = 0;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	sim_start(&fx.sim, &o);
	raw_ready(&fx.raw, &fx.sim, SMB2_DIALECT_311);
	assert_status(raw_open(&fx.raw, "f", READ_DATA | WRITE_DATA, OPEN_IF, 0), STATUS_SUCCESS);
	write.file_id = fx.raw.file_id;
	write.data = slice_of(data, sizeof(data));
	assert_status(raw_call(&fx.raw, SMB2_WRITE, &write, NULL), STATUS_SUCCESS);
}

static void stop(void)
{
	raw_close(&fx.raw);
	sim_stop(&fx.sim);
}

static void expect_bytes(struct slice got, size_t from, size_t n)
{
	assert_int_equal(got.len, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(got.data[i], (uint8_t)((from + i) * 7 + (from + i) / 256));
}

static void post(uint16_t command, const void *req)
{
	uint8_t frame[512];

	raw_send(&fx.raw, frame, raw_encode(&fx.raw, frame, sizeof(frame), command, req));
}

/* A request and an ECHO that come together: which is answered first. If it is the ECHO, it left while the other waited for the store. */
static void expect_first(uint16_t first, uint16_t command, const void *req)
{
	struct smb2_empty echo = {0};
	bool waited = first == SMB2_ECHO;

	fx.look = true;
	fx.meanwhile = fx.replaced = 0;
	post(command, req);
	post(SMB2_ECHO, &echo);
	for (unsigned i = 0; i < 2; i++) {
		struct slice answer = raw_receive(&fx.raw);

		assert_int_equal(load_le16(answer.data + 12), waited == (i == 0) ? SMB2_ECHO : command);
		assert_int_equal(load_le32(answer.data + 8), 0);
	}
	assert_int_equal(fx.meanwhile, waited);
	assert_int_equal(atomic_load(&fx.sim.srv.store_waits), 0);
	fx.look = false;
}

static void test_what_waits_for_a_disk_holds_up_nobody(void **state)
{
	struct smb2_read_req read = {.length = 4096};
	struct smb2_read_rsp rsp = {0};

	(void)state;
	start();
	read.file_id = fx.raw.file_id;
	fx.waits = true;
	expect_first(SMB2_ECHO, SMB2_READ, &read);
	assert_int_equal(fx.replaced, 1);
	assert_status(raw_call(&fx.raw, SMB2_READ, &read, &rsp), STATUS_SUCCESS);
	expect_bytes(rsp.data, 0, 4096);
	stop();
}

static void test_what_goes_to_the_disk_holds_up_nobody(void **state)
{
	struct smb2_flush_req flush = {0};
	struct smb2_write_req write = {.data = slice_of("data", 4)};

	(void)state;
	start();
	flush.file_id = write.file_id = fx.raw.file_id;
	expect_first(SMB2_ECHO, SMB2_FLUSH, &flush);
	assert_int_equal(fx.replaced, 1);
	/* The rest is in memory when it is answered. */
	expect_first(SMB2_WRITE, SMB2_WRITE, &write);
	assert_status(raw_open(&fx.raw, "f", WRITE_DATA, OPEN, WRITE_THROUGH), STATUS_SUCCESS);
	write.file_id = fx.raw.file_id;
	expect_first(SMB2_ECHO, SMB2_WRITE, &write);
	assert_int_equal(fx.replaced, 1);
	stop();
}

/* Other clients need workers, too. */
static void test_no_more_workers_are_replaced_than_may(void **state)
{
	struct smb2_flush_req flush = {0};

	(void)state;
	start();
	flush.file_id = fx.raw.file_id;
	fx.sim.srv.limits.store_waits = 0;
	expect_first(SMB2_ECHO, SMB2_FLUSH, &flush);
	assert_int_equal(fx.replaced, 0);
	stop();
}

static void test_what_is_in_memory_is_read_at_once(void **state)
{
	struct smb2_read_req read = {.length = 4096, .offset = 3};
	struct smb2_read_rsp rsp = {0};

	(void)state;
	start();
	read.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_READ, &read, &rsp), STATUS_SUCCESS);
	expect_bytes(rsp.data, 3, 4096);
	assert_int_equal(fx.at_hand, 1);
	assert_int_equal(fx.waited, 0);
	stop();
}

/* Half of it is at hand, the rest comes later: one answer, to the end of the file and no further. */
static void test_what_comes_in_two_halves_is_whole(void **state)
{
	static const struct { uint32_t length, minimum; uint64_t offset; size_t got; } reads[] = {
		{4096, 0, 0, 4096}, {4096, 0, 3000, BYTES - 3000}, {8000, 0, 0, BYTES}, {1, 0, BYTES - 1, 1}, {8000, BYTES, 0, BYTES},
		{8000, BYTES + 1, 0, 0}, {10, 0, BYTES, 0}, {0, 0, 0, 0},
	};

	(void)state;
	start();
	fx.waits = true;
	for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
		struct smb2_read_req read = {.length = reads[i].length, .minimum_count = reads[i].minimum, .offset = reads[i].offset};
		struct smb2_read_rsp rsp = {0};
		bool end = reads[i].got == 0 && reads[i].length > 0;

		read.file_id = fx.raw.file_id;
		assert_status(raw_call(&fx.raw, SMB2_READ, &read, &rsp), end ? STATUS_END_OF_FILE : STATUS_SUCCESS);
		if (!end)
			expect_bytes(rsp.data, reads[i].offset, reads[i].got);
		assert_int_equal(fx.waited, i + 1);
	}
	stop();
}

static void open_and_close(unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		struct smb2_close_req close = {0};

		assert_status(raw_open(&fx.raw, "f", READ_DATA, OPEN, 0), STATUS_SUCCESS);
		close.file_id = fx.raw.file_id;
		assert_status(raw_call(&fx.raw, SMB2_CLOSE, &close, NULL), STATUS_SUCCESS);
	}
}

static void expect_first_of_open(uint16_t first)
{
	struct smb2_create_req create = {
		.impersonation_level = 2, .desired_access = READ_DATA, .share_access = 7, .create_disposition = OPEN, .name = raw_wide(&fx.raw, "f"),
	};

	expect_first(first, SMB2_CREATE, &create);
}

static void test_the_opens_of_a_slow_store_hold_up_nobody(void **state)
{
	(void)state;
	start();
	open_and_close(MANY);
	expect_first_of_open(SMB2_CREATE);
	fx.open_ms = SLOW_MS;
	open_and_close(MANY);
	expect_first_of_open(SMB2_ECHO);
	stop();
}

static void test_the_listings_of_a_slow_store_hold_up_nobody(void **state)
{
	struct smb2_query_directory_req list = {.file_information_class = FILE_DIRECTORY, .output_buffer_length = 4096};

	(void)state;
	start();
	list.file_name = raw_wide(&fx.raw, "*");
	assert_status(raw_open(&fx.raw, "", READ_DATA, OPEN, 0), STATUS_SUCCESS);
	list.file_id = fx.raw.file_id;
	expect_first(SMB2_QUERY_DIRECTORY, SMB2_QUERY_DIRECTORY, &list);
	fx.open_ms = SLOW_MS;
	open_and_close(MANY);
	list.flags = RESTART;
	list.file_name = raw_wide(&fx.raw, "*");
	expect_first(SMB2_ECHO, SMB2_QUERY_DIRECTORY, &list);
	stop();
}

static void test_a_store_that_is_quick_again_is_not_taken_for_slow(void **state)
{
	(void)state;
	start();
	fx.open_ms = SLOW_MS;
	open_and_close(MANY);
	fx.open_ms = 0;
	open_and_close(MANY);
	expect_first_of_open(SMB2_CREATE);
	stop();
}

/* One in a hundred that takes long, for whatever reason. */
static void test_a_single_slow_open_does_not_make_a_store_slow(void **state)
{
	(void)state;
	start();
	for (unsigned i = 0; i < 10; i++) {
		fx.open_ms = SLOW_MS;
		open_and_close(1);
		fx.open_ms = 0;
		open_and_close(MANY);
		fx.open_ms = SLOW_MS;
		open_and_close(1);
		fx.open_ms = 0;
		expect_first_of_open(SMB2_CREATE);
	}
	stop();
}

static void test_no_more_opens_wait_beside_others_than_may(void **state)
{
	(void)state;
	start();
	fx.sim.srv.limits.store_waits = 0;
	fx.open_ms = SLOW_MS;
	open_and_close(MANY);
	expect_first_of_open(SMB2_CREATE);
	fx.sim.srv.limits.store_waits = 1;
	for (unsigned i = 0; i < 2; i++)
		expect_first_of_open(SMB2_ECHO);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_waits_for_a_disk_holds_up_nobody),
		cmocka_unit_test(test_what_goes_to_the_disk_holds_up_nobody),
		cmocka_unit_test(test_no_more_workers_are_replaced_than_may),
		cmocka_unit_test(test_what_is_in_memory_is_read_at_once),
		cmocka_unit_test(test_what_comes_in_two_halves_is_whole),
		cmocka_unit_test(test_the_opens_of_a_slow_store_hold_up_nobody),
		cmocka_unit_test(test_the_listings_of_a_slow_store_hold_up_nobody),
		cmocka_unit_test(test_a_store_that_is_quick_again_is_not_taken_for_slow),
		cmocka_unit_test(test_a_single_slow_open_does_not_make_a_store_slow),
		cmocka_unit_test(test_no_more_opens_wait_beside_others_than_may),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

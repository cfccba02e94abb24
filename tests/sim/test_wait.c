/* READs of what is not in memory, and CREATEs of a store that lately took its time: the requests behind them go on meanwhile, and what is read and opened
 * is the same. */
#include "sim.h"

#include <pthread.h>

enum { READ_DATA = 1, WRITE_DATA = 2, OPEN = 1, OPEN_IF = 3, STEPS = 1000, BYTES = 5001, SLOW_MS = 2, MANY = 100 };

static struct {
	struct sim sim;
	struct raw raw;
	bool waits, look;     /* what is read has to be waited for; what happens meanwhile is looked at */
	unsigned at_hand, waited, open_ms;
	size_t meanwhile;     /* frames that came while a READ or CREATE waited */
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
}

static ntstatus decide(void *arg, const char *operation)
{
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
	if (strcmp(operation, "open") == 0) {
		fx.sim.clock.now_ms += fx.open_ms;
		if (fx.look)
			see_meanwhile();
	}
	return STATUS_SUCCESS;
}

static void start(void)
{
	struct sim_options o = {.decide = decide};
	struct smb2_write_req write = {0};
	uint8_t data[BYTES];

	fx.waits = fx.look = false;
	fx.at_hand = fx.waited = fx.open_ms = 0;
	fx.meanwhile = 0;
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

/* Two frames that come together: the answer to the second is there while the first still waits. */
static void test_what_waits_for_a_disk_holds_up_nobody(void **state)
{
	struct smb2_read_req read = {.length = 4096};
	struct smb2_read_rsp rsp = {0};
	struct smb2_empty echo = {0};

	(void)state;
	start();
	read.file_id = fx.raw.file_id;
	fx.waits = fx.look = true;
	post(SMB2_READ, &read);
	post(SMB2_ECHO, &echo);
	assert_int_equal(load_le16(raw_receive(&fx.raw).data + 12), SMB2_ECHO);
	assert_int_equal(load_le16(raw_receive(&fx.raw).data + 12), SMB2_READ);
	assert_int_equal(fx.meanwhile, 1);
	fx.look = false;
	assert_status(raw_call(&fx.raw, SMB2_READ, &read, &rsp), STATUS_SUCCESS);
	expect_bytes(rsp.data, 0, 4096);
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

/* A CREATE and an ECHO that come together: which is answered first, and how many answers left while the store opened the file. */
static void expect_first(uint16_t command, size_t meanwhile)
{
	struct smb2_create_req create = {
		.impersonation_level = 2, .desired_access = READ_DATA, .share_access = 7, .create_disposition = OPEN, .name = raw_wide(&fx.raw, "f"),
	};
	uint16_t other = command == SMB2_ECHO ? SMB2_CREATE : SMB2_ECHO;
	struct smb2_empty echo = {0};
	struct slice answer;

	fx.look = true;
	post(SMB2_CREATE, &create);
	post(SMB2_ECHO, &echo);
	for (unsigned i = 0; i < 2; i++) {
		answer = raw_receive(&fx.raw);
		assert_int_equal(load_le16(answer.data + 12), i == 0 ? command : other);
		assert_int_equal(load_le32(answer.data + 8), 0);
	}
	assert_int_equal(fx.meanwhile, meanwhile);
	fx.look = false;
}

static void test_the_opens_of_a_slow_store_hold_up_nobody(void **state)
{
	(void)state;
	start();
	open_and_close(MANY);
	expect_first(SMB2_CREATE, 0);
	fx.open_ms = SLOW_MS;
	open_and_close(MANY);
	expect_first(SMB2_ECHO, 1);
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
	expect_first(SMB2_CREATE, 0);
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
		expect_first(SMB2_CREATE, 0);
	}
	stop();
}

/* Other clients need workers, too. */
static void test_no_more_opens_wait_beside_others_than_may(void **state)
{
	(void)state;
	start();
	fx.sim.srv.limits.store_waits = 0;
	fx.open_ms = SLOW_MS;
	open_and_close(MANY);
	expect_first(SMB2_CREATE, 0);
	fx.sim.srv.limits.store_waits = 1;
	for (unsigned i = 0; i < 2; i++)
		expect_first(SMB2_ECHO, 1);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_waits_for_a_disk_holds_up_nobody),
		cmocka_unit_test(test_what_is_in_memory_is_read_at_once),
		cmocka_unit_test(test_what_comes_in_two_halves_is_whole),
		cmocka_unit_test(test_the_opens_of_a_slow_store_hold_up_nobody),
		cmocka_unit_test(test_a_store_that_is_quick_again_is_not_taken_for_slow),
		cmocka_unit_test(test_a_single_slow_open_does_not_make_a_store_slow),
		cmocka_unit_test(test_no_more_opens_wait_beside_others_than_may),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

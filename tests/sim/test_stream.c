/* Large WRITEs in the clear, which reach the file as they come in ([MS-SMB2] 3.3.5.13): the same file and the same answers as in one
 * piece. */
#include "sim.h"

enum { READ_DATA = 1, OPEN = 1 };
enum { LARGE = 300000, CHARGE = 5 };

static struct {
	struct sim sim;
	struct raw raw;
	uint8_t data[LARGE], frame[LARGE + 256];
	unsigned writes, fail_at; /* at the store, since they were last reset; which one fails: 0: none */
} fx;

static ntstatus decide(void *arg, const char *operation)
{
	(void)arg;
	if (strcmp(operation, "write") != 0)
		return STATUS_SUCCESS;
	return ++fx.writes == fx.fail_at ? STATUS_DISK_FULL : STATUS_SUCCESS;
}

static void start(uint16_t dialect, uint64_t seed, bool signing)
{
	struct sim_options o = {
		.decide = decide, .signing_required = signing, .faults = {.seed = seed, .max_delay_ms = 3, .split_permille = 700},
	};

	fx.fail_at = 0;
	sim_start(&fx.sim, &o);
	raw_ready(&fx.raw, &fx.sim, dialect);
	fx.raw.sign = signing;
	raw_ready_large(&fx.raw, fx.data, LARGE, seed);
}

static void stop(void)
{
	raw_close(&fx.raw);
	sim_stop(&fx.sim);
}

static ntstatus write_large(uint64_t offset, uint16_t charge, struct smb2_write_rsp *rsp)
{
	struct smb2_write_req req = {.offset = offset, .file_id = fx.raw.file_id, .data = slice_of(fx.data, LARGE)};

	fx.writes = 0;
	fx.raw.charge = charge;
	return raw_call(&fx.raw, SMB2_WRITE, &req, rsp);
}

static ntstatus read_back(uint64_t offset, struct slice *got)
{
	struct smb2_read_req req = {.length = LARGE, .offset = offset, .file_id = fx.raw.file_id};
	struct smb2_read_rsp rsp = {0};
	ntstatus status;

	fx.raw.charge = CHARGE;
	status = raw_call(&fx.raw, SMB2_READ, &req, &rsp);
	*got = rsp.data;
	return status;
}

/* Backs: B416, B417. */
static void test_the_file_is_the_same_whatever_the_pieces(void **state)
{
	static const uint16_t dialects[] = {SMB2_DIALECT_210, SMB2_DIALECT_300, SMB2_DIALECT_302, SMB2_DIALECT_311};

	(void)state;
	for (uint64_t seed = 0; seed < 16; seed++) {
		struct smb2_write_rsp rsp = {0};
		struct slice got;

		start(dialects[seed % 4], seed, false);
		for (unsigned i = 0; i < 4; i++) {
			assert_status(write_large(i * 1000, CHARGE, &rsp), STATUS_SUCCESS);
			assert_int_equal(rsp.count, LARGE);
			/* In several pieces: it was a stream. */
			assert_true(fx.writes > 1);
			assert_status(read_back(i * 1000, &got), STATUS_SUCCESS);
			assert_int_equal(got.len, LARGE);
			assert_memory_equal(got.data, fx.data, LARGE);
		}
		stop();
	}
}

static void test_signed_and_sealed_data_is_checked_before_it_is_written(void **state)
{
	struct smb2_write_rsp rsp;
	struct slice got;

	(void)state;
	for (unsigned seal = 0; seal < 2; seal++) {
		start(SMB2_DIALECT_311, seal, true);
		fx.raw.sign = !seal;
		fx.raw.seal = seal;
		assert_status(write_large(0, CHARGE, &rsp), STATUS_SUCCESS);
		assert_int_equal(fx.writes, 1);
		fx.data[0]++;
		fx.raw.bad_signature = true;
		if (!seal)
			assert_status(write_large(0, CHARGE, &rsp), STATUS_ACCESS_DENIED);
		assert_int_equal(fx.writes, seal);
		fx.data[0]--;
		fx.raw.bad_signature = false;
		assert_status(read_back(0, &got), STATUS_SUCCESS);
		assert_memory_equal(got.data, fx.data, LARGE);
		stop();
	}
	/* A session that signs takes nothing unsigned, however large. */
	start(SMB2_DIALECT_311, 3, true);
	fx.raw.sign = false;
	assert_status(write_large(0, CHARGE, &rsp), STATUS_ACCESS_DENIED);
	assert_int_equal(fx.writes, 0);
	stop();
}

/* Refused at its head, answered at its end; what follows on the connection is read as if nothing had been. */
static void test_refusals(void **state)
{
	struct smb2_file_id good;
	struct slice got;

	(void)state;
	start(SMB2_DIALECT_302, 5, false);
	assert_status(write_large(0, CHARGE, NULL), STATUS_SUCCESS);
	assert_status(write_large(0, CHARGE - 1, NULL), STATUS_INVALID_PARAMETER);
	assert_int_equal(fx.writes, 0);
	assert_status(write_large(INT64_MAX, CHARGE, NULL), STATUS_INVALID_PARAMETER);
	assert_int_equal(fx.writes, 0);
	good = fx.raw.file_id;
	assert_status(raw_open(&fx.raw, "f", READ_DATA, OPEN, 0), STATUS_SUCCESS);
	assert_status(write_large(0, CHARGE, NULL), STATUS_ACCESS_DENIED);
	fx.raw.file_id.volatile_id ^= 0x100;
	assert_status(write_large(0, CHARGE, NULL), STATUS_FILE_CLOSED);
	fx.raw.file_id = good;
	assert_status(read_back(0, &got), STATUS_SUCCESS);
	assert_memory_equal(got.data, fx.data, LARGE);
	stop();
}

static void test_a_disk_that_fills_in_the_middle(void **state)
{
	struct slice got;

	(void)state;
	for (unsigned k = 1; k < 4; k++) {
		start(SMB2_DIALECT_311, k, false);
		fx.fail_at = k;
		assert_status(write_large(0, CHARGE, NULL), STATUS_DISK_FULL);
		assert_int_equal(fx.writes, k);
		fx.fail_at = 0;
		assert_status(write_large(0, CHARGE, NULL), STATUS_SUCCESS);
		assert_status(read_back(0, &got), STATUS_SUCCESS);
		assert_memory_equal(got.data, fx.data, LARGE);
		stop();
	}
}

/* A frame that is not laid out the usual way is none to stream, but just as good. */
static void test_unusual_layouts_come_whole(void **state)
{
	struct smb2_write_req req = {.data = slice_of(fx.data, LARGE)};
	struct slice answer, got;
	size_t len;

	(void)state;
	start(SMB2_DIALECT_302, 9, false);
	req.file_id = fx.raw.file_id;
	/* Eight bytes between the fixed part and the data; and bytes behind the data. */
	fx.writes = 0;
	fx.raw.charge = CHARGE;
	len = raw_encode(&fx.raw, fx.frame, sizeof(fx.frame), SMB2_WRITE, &req);
	memmove(fx.frame + 120, fx.frame + 112, len - 112);
	store_le16(fx.frame + 66, 120);
	raw_send(&fx.raw, fx.frame, len + 16);
	answer = raw_receive(&fx.raw);
	assert_int_equal(answer.len, 64 + 16);
	assert_int_equal(load_le32(answer.data + 8), 0);
	assert_int_equal(fx.writes, 1);
	assert_status(read_back(0, &got), STATUS_SUCCESS);
	assert_memory_equal(got.data, fx.data, LARGE);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_file_is_the_same_whatever_the_pieces),
		cmocka_unit_test(test_signed_and_sealed_data_is_checked_before_it_is_written),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_a_disk_that_fills_in_the_middle),
		cmocka_unit_test(test_unusual_layouts_come_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

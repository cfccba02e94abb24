/* WRITEs so large that the server computes their signature, or decrypts them, while they come in ([MS-SMB2] 3.3.5.2.1, 3.3.5.2.4): right ones
 * reach the file, wrong ones do not, whichever byte it is. */
#include "sim.h"

#include "server/conn.h"

#include <stdlib.h>

enum { LARGE = 5 << 19, CHARGE = LARGE >> 16, PIECE = 1 << 18, ROOM = LARGE + 256 };

static struct {
	struct sim sim;
	struct raw raw;
	uint8_t *data, *frame;
	unsigned writes; /* at the store, since the last message */
} fx;

static ntstatus decide(void *arg, const char *operation)
{
	(void)arg;
	fx.writes += strcmp(operation, "write") == 0;
	return STATUS_SUCCESS;
}

static int setup(void **state)
{
	(void)state;
	fx.data = malloc(LARGE);
	fx.frame = malloc(ROOM);
	return fx.data && fx.frame ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(fx.data);
	free(fx.frame);
	return 0;
}

static void start(uint16_t dialect, uint64_t seed, bool seal)
{
	struct sim_options o = {.decide = decide, .faults = {.seed = seed, .max_delay_ms = 3, .split_permille = 1000}};

	sim_start(&fx.sim, &o);
	raw_ready(&fx.raw, &fx.sim, dialect);
	fx.raw.sign = !seal;
	fx.raw.seal = seal;
	raw_ready_large(&fx.raw, fx.data, LARGE, seed);
}

static void stop(void)
{
	raw_close(&fx.raw);
	sim_stop(&fx.sim);
}

static size_t encode(void)
{
	struct smb2_write_req req = {.file_id = fx.raw.file_id, .data = slice_of(fx.data, LARGE)};

	fx.writes = 0;
	fx.raw.charge = CHARGE;
	return raw_encode(&fx.raw, fx.frame, ROOM, SMB2_WRITE, &req);
}

static void assert_answer(ntstatus expected)
{
	struct slice answer = raw_receive(&fx.raw);
	ntstatus status;

	assert_true(answer.len >= SMB2_HEADER_SIZE);
	status = (ntstatus){load_le32(answer.data + 8)};
	assert_status(status, expected);
}

static void write_right(void)
{
	struct smb2_read_req req = {.length = PIECE, .file_id = fx.raw.file_id};

	raw_send(&fx.raw, fx.frame, encode());
	assert_answer(STATUS_SUCCESS);
	assert_int_equal(fx.writes, 1);
	for (size_t at = 0; at < LARGE; at += PIECE) {
		struct smb2_read_rsp rsp = {0};

		req.offset = at;
		fx.raw.charge = PIECE >> 16;
		assert_status(raw_call(&fx.raw, SMB2_READ, &req, &rsp), STATUS_SUCCESS);
		assert_int_equal(rsp.data.len, PIECE);
		assert_memory_equal(rsp.data.data, fx.data + at, PIECE);
	}
}

static void test_right_ones_reach_the_file(void **state)
{
	static const uint16_t dialects[] = {SMB2_DIALECT_210, SMB2_DIALECT_302, SMB2_DIALECT_311};

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		uint16_t dialect = dialects[i % 3];
		bool seal = i >= 3;

		if (seal && dialect < SMB2_DIALECT_300)
			continue;
		start(dialect, i, seal);
		for (unsigned k = 0; k < 3; k++) {
			fx.data[k * 1000]++;
			write_right();
		}
		stop();
	}
}

/* The signature itself, the fixed part, data of the first piece and of the last. */
static void test_a_wrong_signature_is_found_whichever_byte_it_is(void **state)
{
	static const size_t wrong[] = {50, 90, 112, 112 + PIECE, 112 + LARGE / 2, 112 + LARGE - 1};
	static const uint16_t dialects[] = {SMB2_DIALECT_210, SMB2_DIALECT_302, SMB2_DIALECT_311};

	(void)state;
	for (unsigned d = 0; d < ARRAY_LEN(dialects); d++) {
		start(dialects[d], d, false);
		for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
			size_t len = encode();
			struct iovec part = {fx.frame, len};

			assert_true(nt_ok(proto_sign(&fx.raw.keys, &part, 1, false)));
			fx.frame[wrong[i]] ^= 1;
			raw_send_plain(&fx.raw, fx.frame, len);
			assert_answer(STATUS_ACCESS_DENIED);
			assert_int_equal(fx.writes, 0);
		}
		write_right();
		stop();
	}
}

static void test_a_wrong_byte_of_what_is_sealed_ends_the_connection(void **state)
{
	static const size_t wrong[] = {10, 70, 300, PIECE, LARGE / 2, LARGE + 100};
	static const uint16_t dialects[] = {SMB2_DIALECT_302, SMB2_DIALECT_311};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(wrong) * 2; i++) {
		uint8_t *sealed = malloc(ROOM + SMB2_TRANSFORM_SIZE);
		struct iovec part;
		size_t len;

		assert_non_null(sealed);
		start(dialects[i % 2], i, true);
		len = encode();
		part = (struct iovec){sealed + SMB2_TRANSFORM_SIZE, len};
		memcpy(part.iov_base, fx.frame, len);
		assert_true(nt_ok(proto_seal(&fx.raw.keys, &fx.raw.proto, fx.raw.session_id, sealed, &part, 1)));
		sealed[wrong[i / 2]] ^= 1;
		raw_send_plain(&fx.raw, sealed, len + SMB2_TRANSFORM_SIZE);
		assert_int_equal(raw_receive(&fx.raw).len, 0);
		assert_true(fx.raw.closed);
		assert_int_equal(fx.writes, 0);
		stop();
		free(sealed);
	}
}

/* The server has begun with a frame of which not all is there. */
static bool is_under_way(void)
{
	bool found = false;

	list_for_each(n, &fx.sim.srv.conns)
		found = found || list_entry(n, struct srv_conn, link)->coming;
	return found;
}

/* What was begun for a frame is given back with its connection. */
static void test_a_connection_that_ends_in_the_middle(void **state)
{
	static const uint16_t dialects[] = {SMB2_DIALECT_302, SMB2_DIALECT_311};
	unsigned begun[2][2] = {{0}}; /* by dialect, in the clear or sealed */

	(void)state;
	for (unsigned i = 0; i < 32; i++) {
		start(dialects[i % 2], i, i % 4 >= 2);
		raw_send(&fx.raw, fx.frame, encode());
		/* Until some of it has come, or all. */
		for (unsigned ms = 0; ms < 10 && fx.writes == 0 && !is_under_way(); ms++)
			sim_run(&fx.sim, 1);
		if (is_under_way()) {
			begun[i % 2][i % 4 >= 2]++;
			assert_int_equal(fx.writes, 0);
		}
		stop();
	}
	/* CCM has to have all of it. */
	assert_true(begun[0][0] > 0 && begun[0][1] == 0 && begun[1][0] > 0 && begun[1][1] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right_ones_reach_the_file),
		cmocka_unit_test(test_a_wrong_signature_is_found_whichever_byte_it_is),
		cmocka_unit_test(test_a_wrong_byte_of_what_is_sealed_ends_the_connection),
		cmocka_unit_test(test_a_connection_that_ends_in_the_middle),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

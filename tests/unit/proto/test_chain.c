/* Walking compounds: what is split, and what is refused. */
#include "../crypto/kit.h"

#include "proto/proto.h"

/* A header at `at` with this NextCommand. */
static void put(uint8_t *frame, size_t at, uint32_t next, uint64_t id)
{
	struct smb2_header h = {.command = SMB2_ECHO, .next_command = next, .message_id = id};
	struct wire w = wire_encoder(frame + at, 0, 64);

	smb2_header_code(&w, &h);
	assert_true(wire_ok(&w));
}

/* Elements of the frame; -1 when it is malformed. */
static int walk(uint8_t *frame, size_t len, bool lenient, size_t lens[8])
{
	struct proto_chain c = {.next = frame, .left = len, .lenient = lenient};
	struct proto_element e;
	ntstatus status;
	int n = 0;

	while (proto_chain_next(&c, &e, &status)) {
		assert_true(nt_ok(status));
		assert_true(e.data >= frame && e.data + e.len <= frame + len && e.len >= 64);
		assert_int_equal(e.header.message_id, n);
		if (n < 8)
			lens[n] = e.len;
		n++;
	}
	return nt_ok(status) ? n : -1;
}

/* Backs: B194, C149, D033. */
static void test_elements_run_to_the_next_command_or_the_end(void **state)
{
	uint8_t frame[300] = {0};
	size_t lens[8];

	(void)state;
	put(frame, 0, 72, 0);
	put(frame, 72, 128, 1);
	put(frame, 200, 0, 2);
	assert_int_equal(walk(frame, 269, false, lens), 3);
	assert_int_equal(lens[0], 72);
	assert_int_equal(lens[1], 128);
	assert_int_equal(lens[2], 69); /* the last one is not padded */
	put(frame, 0, 0, 0);
	assert_int_equal(walk(frame, 64, false, lens), 1);
	assert_int_equal(walk(frame, 68, false, lens), 1);
	assert_int_equal(walk(frame, 0, false, lens), 0);
}

/* Backs: D034, B188. */
static void test_next_commands_that_do_not_advance_or_leave_the_frame_are_malformed(void **state)
{
	static const uint32_t bad[] = {
		1, 4, 8, 56, 63, 65, 68, 76, 144, 136, 137, 200, 0x7FFFFFF8, 0x80000000, 0xFFFFFFF8, UINT32_MAX};
	uint8_t frame[200];
	size_t lens[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		memset(frame, 0, sizeof(frame));
		put(frame, 64, 0, 1);
		put(frame, 72, 0, 1);
		put(frame, 0, bad[i], 0);
		/* 136 leaves room for a header, but there is none */
		assert_int_equal(walk(frame, sizeof(frame), false, lens), -1);
	}
	put(frame, 0, 72, 0);
	put(frame, 72, 0, 1);
	assert_int_equal(walk(frame, 72 + 64, false, lens), 2);
	assert_int_equal(walk(frame, 72 + 63, false, lens), -1);
}

/* Backs: B188. */
static void test_what_is_no_header_is_malformed(void **state)
{
	uint8_t frame[100] = {0};
	size_t lens[8];

	(void)state;
	put(frame, 0, 0, 0);
	for (size_t len = 1; len < 64; len++)
		assert_int_equal(walk(frame, len, false, lens), -1);
	frame[0] = 0xFF;
	assert_int_equal(walk(frame, sizeof(frame), false, lens), -1);
	frame[0] = 0xFE;
	frame[4] = 65;
	assert_int_equal(walk(frame, sizeof(frame), false, lens), -1);
}

/* Backs: G055. */
static void test_a_client_takes_a_next_command_past_the_end_for_the_end(void **state)
{
	uint8_t frame[80] = {0};
	size_t lens[8];

	(void)state;
	put(frame, 0, 80, 0);
	assert_int_equal(walk(frame, 80, true, lens), 1);
	put(frame, 0, 88, 0);
	assert_int_equal(walk(frame, 80, true, lens), 1);
	assert_int_equal(lens[0], 80);
	assert_int_equal(walk(frame, 80, false, lens), -1);
	put(frame, 0, 72, 0);
	assert_int_equal(walk(frame, 80, true, lens), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elements_run_to_the_next_command_or_the_end),
		cmocka_unit_test(test_next_commands_that_do_not_advance_or_leave_the_frame_are_malformed),
		cmocka_unit_test(test_what_is_no_header_is_malformed),
		cmocka_unit_test(test_a_client_takes_a_next_command_past_the_end_for_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Answers to large READs that go straight to the caller's buffer: what is taken so and what is not, and how it ends. */
#include "fake.h"

#include <stdlib.h>

enum { BYTES = 100000, AT = 80, FRAME = AT + BYTES };

struct outcome {
	unsigned calls;
	ntstatus status;
	size_t bytes;
};

static struct fake f;
static struct hythe_session *s;
static struct hythe_tree *t;
static struct hythe_file *file;
static struct outcome got;
static uint8_t buffer[BYTES], frame[FRAME + 8];
static struct smb2_header header;

static void note(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct outcome *o = arg;
	o->calls++;
	o->status = status;
	o->bytes = result->bytes;
}

/* A READ is under way, and nobody answers. */
static int setup(void **state)
{
	(void)state;
	fake_start(&f);
	s = fake_login(&f);
	t = fake_tree(&f, s);
	file = fake_open(t);
	f.deaf = true;
	got = (struct outcome){0};
	memset(buffer, 0, sizeof(buffer));
	assert_ok(hythe_read_async(file, 0, buffer, BYTES, 0, note, &got));
	fake_run(&f, 10);
	assert_int_equal(fake_count(&f, SMB2_READ), 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_leave(&f, file, t, s);
	return 0;
}

/* The honest answer, signed, in `frame`. */
static void make_answer(void)
{
	struct smb2_read_rsp rsp = {.data = {frame + AT, BYTES}};
	struct iovec part = {frame, FRAME};
	struct wire w = wire_encoder(frame, 0, sizeof(frame));

	header = (struct smb2_header){.command = SMB2_READ, .flags = SMB2_FLAGS_SERVER_TO_REDIR, .credits = 1,
		.message_id = fake_nth(&f, SMB2_READ, 0)->h.message_id, .session_id = f.session_id};
	smb2_header_code(&w, &header);
	smb2_read_rsp_code(&w, &rsp);
	assert_int_equal(w.pos, AT);
	for (size_t i = 0; i < BYTES; i++)
		frame[AT + i] = fake_byte(i);
	assert_ok(proto_sign(&f.keys, &part, 1, true));
}

static struct net_sink *begin(size_t len)
{
	struct net_frame head = {.data = frame, .len = NET_FRAME_HEAD};

	return cli_conn_begun(s->conn->net, s->conn, &head, len);
}

static void put_rest(struct net_sink *sink)
{
	assert_ptr_equal(sink->into, buffer + (NET_FRAME_HEAD - AT));
	memcpy(sink->into, frame + NET_FRAME_HEAD, FRAME - NET_FRAME_HEAD);
}

static void test_data_arrives_where_it_is_wanted(void **state)
{
	(void)state;
	make_answer();
	struct net_sink *sink = begin(FRAME);
	assert_non_null(sink);
	put_rest(sink);
	assert_int_equal(got.calls, 0);
	sink->done(sink, true);
	assert_int_equal(got.calls, 1);
	assert_ok(got.status);
	assert_int_equal(got.bytes, BYTES);
	assert_memory_equal(buffer, frame + AT, BYTES);
}

/* Whatever byte is another: he is not told that it worked, and the connection ends. */
static void test_wrong_signature_is_noticed_at_the_end(void **state)
{
	(void)state;
	make_answer();
	frame[FRAME - 1] ^= 1;
	struct net_sink *sink = begin(FRAME);
	assert_non_null(sink);
	put_rest(sink);
	sink->done(sink, true);
	assert_int_equal(got.calls, 1);
	assert_status(got.status, STATUS_INVALID_NETWORK_RESPONSE);
	assert_int_equal(got.bytes, 0);
	fake_run(&f, 1000);
	assert_true(f.closed);
	assert_int_equal(got.calls, 1);
}

static void test_loss_in_the_middle_is_told_once(void **state)
{
	(void)state;
	make_answer();
	struct net_sink *sink = begin(FRAME);
	assert_non_null(sink);
	sink->done(sink, false);
	assert_int_equal(got.calls, 0);
	net_conn_close(f.net, false);
	fake_run(&f, 1000);
	assert_int_equal(got.calls, 1);
	assert_status(got.status, STATUS_CONNECTION_DISCONNECTED);
}

/* Answers to the same request, whole or begun, while one is being received: the buffer is taken. */
static void test_second_answer_meanwhile_is_dropped(void **state)
{
	(void)state;
	make_answer();
	struct net_sink *sink = begin(FRAME);
	assert_non_null(sink);
	assert_null(begin(FRAME));
	fake_send(&f, frame, FRAME);
	fake_run(&f, 1000);
	assert_int_equal(got.calls, 0);
	put_rest(sink);
	sink->done(sink, true);
	assert_int_equal(got.calls, 1);
	assert_ok(got.status);
}

static void encode_header(void)
{
	struct wire w = wire_encoder(frame, 0, SMB2_HEADER_SIZE);

	smb2_header_code(&w, &header);
}

/* What is no lone READ response of that size comes as a whole frame, or is refused there. */
static void test_other_frames_are_not_taken_so(void **state)
{
	(void)state;
	make_answer();
	assert_null(begin(FRAME + 1)); /* something behind the data */
	assert_null(begin(FRAME - 1)); /* data that go past the frame */
	store_le32(frame + 68, BYTES + 1);
	assert_null(begin(FRAME + 1)); /* more than was asked for */
	store_le32(frame + 68, 0);
	assert_null(begin(FRAME));
	store_le32(frame + 68, UINT32_MAX);
	assert_null(begin(FRAME));
	store_le32(frame + 68, BYTES);
	for (unsigned at = 0; at < 256; at++) {
		frame[66] = (uint8_t)at;
		if (at != AT)
			assert_null(begin(FRAME));
	}
	frame[66] = AT;
	frame[64] = 16; /* StructureSize */
	assert_null(begin(FRAME));
	frame[64] = 17;
	header.message_id++;
	encode_header();
	assert_null(begin(FRAME));
	header.message_id--;
	header.command = SMB2_WRITE;
	encode_header();
	assert_null(begin(FRAME));
	header.command = SMB2_READ;
	header.status = STATUS_PENDING.code;
	encode_header();
	assert_null(begin(FRAME));
	header.status = 0;
	header.flags = 0;
	encode_header();
	assert_null(begin(FRAME));
	header.flags = SMB2_FLAGS_SERVER_TO_REDIR;
	header.next_command = AT;
	encode_header();
	assert_null(begin(FRAME));
	store_le32(frame, SMB2_TRANSFORM_ID);
	assert_null(begin(FRAME));
	make_answer();
	struct net_sink *sink = begin(FRAME); /* none of that has taken the buffer */
	assert_non_null(sink);
	put_rest(sink);
	sink->done(sink, true);
	assert_ok(got.status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_data_arrives_where_it_is_wanted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_signature_is_noticed_at_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_loss_in_the_middle_is_told_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_second_answer_meanwhile_is_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_frames_are_not_taken_so, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Answers to large READs that go straight to the caller's buffer: what is taken so and what is not, and how it ends. */
#include "fake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BYTES = 100000, AT = 80, FRAME = AT + BYTES };

struct outcome {
	unsigned calls;
	ntstatus status;
	size_t bytes;
	int local_errno;
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
	o->local_errno = result->local_errno;
}

static void begin_session(enum hythe_encryption encryption, enum hythe_cipher cipher)
{
	f.o.encryption = encryption;
	f.o.cipher = cipher;
	s = fake_login(&f);
	t = fake_tree(&f, s);
	file = fake_open(t);
	f.deaf = true;
	got = (struct outcome){0};
}

/* A READ is under way, and nobody answers. */
static int begin_read(enum hythe_encryption encryption, enum hythe_cipher cipher)
{
	fake_start(&f);
	begin_session(encryption, cipher);
	memset(buffer, 0, sizeof(buffer));
	assert_ok(hythe_read_async(file, 0, buffer, BYTES, 0, note, &got));
	fake_run(&f, 10);
	assert_int_equal(fake_count(&f, SMB2_READ), 1);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return begin_read(HYTHE_ENCRYPTION_OFF, 0);
}

static int setup_gcm(void **state)
{
	(void)state;
	return begin_read(HYTHE_ENCRYPTION_REQUIRED, HYTHE_CIPHER_AES128_GCM);
}

static int setup_ccm(void **state)
{
	(void)state;
	return begin_read(HYTHE_ENCRYPTION_REQUIRED, HYTHE_CIPHER_AES128_CCM);
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
	struct net_frame head = {.data = frame, .len = CLI_FRAME_HEAD};

	return cli_conn_begun(s->conn->net, s->conn, &head, len);
}

/* In pieces, as net does. */
static void put_rest(struct net_sink *sink)
{
	assert_ptr_equal(sink->into, buffer + (CLI_FRAME_HEAD - AT));
	for (size_t at = CLI_FRAME_HEAD, n; at < FRAME; at += n) {
		n = 1 + (size_t)random() % (FRAME - at);
		memcpy(sink->into, frame + at, n);
		if (sink->came)
			sink->came(sink, sink->into, n);
		sink->into += n;
	}
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

/* He is not told that it worked, and the connection ends. */
static void wrong_byte_is_noticed(size_t at)
{
	make_answer();
	frame[at] ^= 1;
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

/* Whichever byte is another: a credit, the signature, the first of the data, the first behind the head, the last. */
static void test_wrong_bytes_are_noticed_at_the_end(void **state)
{
	static const size_t at[] = {14, 48, AT, CLI_FRAME_HEAD, FRAME - 1};

	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		setup(state);
		wrong_byte_is_noticed(at[i]);
		teardown(state);
	}
}

/* Nothing shows who sent it. */
static void test_missing_signature_is_noticed_at_the_end(void **state)
{
	(void)state;
	make_answer();
	frame[16] &= (uint8_t)~SMB2_FLAGS_SIGNED;
	struct net_sink *sink = begin(FRAME);
	assert_non_null(sink);
	put_rest(sink);
	sink->done(sink, true);
	assert_status(got.status, STATUS_INVALID_NETWORK_RESPONSE);
	fake_run(&f, 1000);
	assert_true(f.closed);
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

/* --- sealed --- */

static uint8_t sealed[SMB2_TRANSFORM_SIZE + FRAME];

static void seal_answer(void)
{
	struct iovec part = {frame, FRAME};

	make_answer();
	assert_ok(proto_seal_to(&f.keys, &f.proto, f.session_id, sealed, &part, 1));
}

static void test_sealed_data_arrive(void **state)
{
	(void)state;
	seal_answer();
	fake_send(&f, sealed, sizeof(sealed));
	fake_run(&f, 1000);
	assert_int_equal(got.calls, 1);
	assert_ok(got.status);
	assert_int_equal(got.bytes, BYTES);
	assert_memory_equal(buffer, frame + AT, BYTES);
}

static void check_meddling(size_t at)
{
	static const uint8_t zeros[BYTES];

	memset(buffer, 0, sizeof(buffer));
	seal_answer();
	sealed[at] ^= 1;
	fake_send(&f, sealed, sizeof(sealed));
	fake_run(&f, 1000);
	assert_int_equal(got.calls, 1);
	assert_status(got.status, STATUS_INVALID_NETWORK_RESPONSE);
	assert_int_equal(got.bytes, 0);
	assert_true(f.closed);
	assert_memory_equal(buffer + CLI_FRAME_HEAD - AT, zeros, BYTES - (CLI_FRAME_HEAD - AT));
}

static void test_changed_data_are_noticed(void **state)
{
	(void)state;
	check_meddling(sizeof(sealed) - 1);
}

/* A head that is not what it was may be of no request at all. */
static void test_a_changed_message_id_is_noticed(void **state)
{
	(void)state;
	check_meddling(SMB2_TRANSFORM_SIZE + 24);
}

static void test_a_changed_tag_is_noticed(void **state)
{
	(void)state;
	check_meddling(4);
}

static uint8_t *place_of(struct hythe_session *session, size_t len, struct cli_placing *p)
{
	*p = (struct cli_placing){.conn = s->conn, .session = session};
	return cli_sealed_place(p, frame, len);
}

/* What is no lone answer to a READ of this session, with room for its data, is decrypted in place. */
static void test_other_sealed_frames_are_not_placed(void **state)
{
	struct cli_placing p;

	(void)state;
	make_answer();
	assert_null(place_of(NULL, FRAME, &p));
	assert_null(place_of(s, FRAME + 1, &p));
	assert_null(place_of(s, FRAME - 1, &p));
	header.message_id++;
	encode_header();
	assert_null(place_of(s, FRAME, &p));
	header.message_id--;
	header.status = STATUS_ACCESS_DENIED.code;
	encode_header();
	assert_null(place_of(s, FRAME, &p));
	header.status = 0;
	encode_header();
	store_le32(frame + 68, BYTES + 1);
	assert_null(place_of(s, FRAME + 1, &p));
	store_le32(frame + 68, BYTES);
	assert_ptr_equal(place_of(s, FRAME, &p), buffer + (CLI_FRAME_HEAD - AT));
	assert_int_equal(got.calls, 0);
	assert_memory_equal(buffer, frame + AT, CLI_FRAME_HEAD - AT);
	memcpy(buffer, frame + AT, BYTES);
	assert_null(place_of(s, FRAME, &(struct cli_placing){0})); /* the request is that one's alone */
	cli_sealed_placed(&p, true);
	assert_int_equal(got.calls, 1);
	assert_ok(got.status);
}

/* --- to a file --- */

static int local = -1;

/* A READ to `local` is under way, at LOCAL_AT of it. */
enum { LOCAL_AT = 5000 };

static void begin_read_to(bool is_signed, enum hythe_encryption encryption, int flags)
{
	char path[] = "/tmp/hythe-into-XXXXXX";
	int made = mkstemp(path);

	assert_true(made >= 0);
	local = open(path, flags);
	assert_true(local >= 0);
	close(made);
	unlink(path);
	fake_start(&f);
	f.o.signing_optional = !is_signed;
	f.cfg.signing_required = false;
	begin_session(encryption, HYTHE_CIPHER_AES128_GCM);
	assert_ok(hythe_read_to_async(file, 0, BYTES, local, LOCAL_AT, note, &got));
	fake_run(&f, 10);
	assert_int_equal(fake_count(&f, SMB2_READ), 1);
}

static int setup_to_file(void **state)
{
	(void)state;
	begin_read_to(false, HYTHE_ENCRYPTION_OFF, O_RDWR);
	return 0;
}

static int setup_to_file_signed(void **state)
{
	(void)state;
	begin_read_to(true, HYTHE_ENCRYPTION_OFF, O_RDWR);
	return 0;
}

static int setup_to_file_gcm(void **state)
{
	(void)state;
	begin_read_to(true, HYTHE_ENCRYPTION_REQUIRED, O_RDWR);
	return 0;
}

static int setup_to_file_for_reading(void **state)
{
	(void)state;
	begin_read_to(false, HYTHE_ENCRYPTION_OFF, O_RDONLY);
	return 0;
}

static int teardown_file(void **state)
{
	close(local);
	return teardown(state);
}

/* The honest answer, unsigned. */
static void make_plain_answer(void)
{
	make_answer();
	header.flags = SMB2_FLAGS_SERVER_TO_REDIR;
	encode_header();
}

static void check_local(void)
{
	assert_int_equal(got.calls, 1);
	assert_ok(got.status);
	assert_int_equal(got.bytes, BYTES);
	assert_int_equal(got.local_errno, 0);
	assert_int_equal(pread(local, buffer, BYTES, LOCAL_AT), BYTES);
	assert_memory_equal(buffer, frame + AT, BYTES);
	assert_int_equal(lseek(local, 0, SEEK_END), LOCAL_AT + BYTES);
}

static void feed(struct net_sink *sink, size_t from, size_t to)
{
	for (size_t n; from < to && nt_ok(sink->status); from += n) {
		n = to - from < 40000 ? to - from : 40000;
		sink->status = sink->bytes(sink, frame + from, n);
	}
}

static void test_data_arrive_in_the_file(void **state)
{
	int p[2];

	(void)state;
	make_plain_answer();
	struct net_sink *sink = begin(FRAME);
	assert_non_null(sink);
	assert_null(sink->into);
	assert_ok(sink->status);
	feed(sink, CLI_FRAME_HEAD, 50000);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], frame + 50000, 30000), 30000);
	assert_ok(sink->pipe(sink, p[0], 30000));
	close(p[0]);
	close(p[1]);
	feed(sink, 80000, FRAME);
	assert_int_equal(got.calls, 0);
	sink->done(sink, true);
	check_local();
}

/* In a whole frame, as over a transport that has no other. */
static void test_a_whole_frame_goes_to_the_file(void **state)
{
	(void)state;
	make_plain_answer();
	fake_send(&f, frame, FRAME);
	fake_run(&f, 1000);
	check_local();
}

/* Nothing is written before it is known from whom it is. */
static void test_signed_data_are_verified_first(void **state)
{
	(void)state;
	make_answer();
	assert_null(begin(FRAME));
	fake_send(&f, frame, FRAME);
	fake_run(&f, 1000);
	check_local();
}

static void test_wrongly_signed_data_do_not_reach_the_file(void **state)
{
	(void)state;
	make_answer();
	frame[FRAME - 1] ^= 1;
	assert_null(begin(FRAME));
	fake_send(&f, frame, FRAME);
	fake_run(&f, 1000);
	assert_int_equal(got.calls, 1);
	assert_status(got.status, STATUS_INVALID_NETWORK_RESPONSE);
	assert_int_equal(lseek(local, 0, SEEK_END), 0);
}

static void test_sealed_data_go_to_the_file(void **state)
{
	(void)state;
	seal_answer();
	assert_null(begin(FRAME));
	fake_send(&f, sealed, sizeof(sealed));
	fake_run(&f, 1000);
	check_local();
}

static void check_not_written(void)
{
	assert_int_equal(got.calls, 1);
	assert_status(got.status, STATUS_IO_DEVICE_ERROR);
	assert_int_equal(got.bytes, 0);
	assert_int_equal(got.local_errno, EBADF);
	assert_non_null(strstr(hythe_client_error(f.client), "cannot be written"));
}

static void test_a_file_that_takes_nothing_is_told(void **state)
{
	(void)state;
	make_plain_answer();
	struct net_sink *sink = begin(FRAME);
	assert_non_null(sink);
	feed(sink, CLI_FRAME_HEAD, FRAME);
	assert_status(sink->status, STATUS_IO_DEVICE_ERROR);
	assert_int_equal(got.calls, 0);
	sink->done(sink, true);
	check_not_written();
	assert_false(f.closed);
}

static void test_a_file_that_takes_no_frame_is_told(void **state)
{
	(void)state;
	make_plain_answer();
	fake_send(&f, frame, FRAME);
	fake_run(&f, 1000);
	check_not_written();
}

static void test_loss_while_the_file_is_written(void **state)
{
	(void)state;
	make_plain_answer();
	struct net_sink *sink = begin(FRAME);
	assert_non_null(sink);
	feed(sink, CLI_FRAME_HEAD, 50000);
	sink->done(sink, false);
	net_conn_close(f.net, false);
	fake_run(&f, 1000);
	assert_int_equal(got.calls, 1);
	assert_status(got.status, STATUS_CONNECTION_DISCONNECTED);
	assert_int_equal(got.local_errno, 0);
}

static void test_ranges_that_no_file_has_are_refused(void **state)
{
	(void)state;
	assert_status(hythe_read_to_async(file, INT64_MAX, 1, local, 0, note, &got), STATUS_INVALID_PARAMETER);
	assert_status(hythe_read_to_async(file, 0, 1, local, INT64_MAX, note, &got), STATUS_INVALID_PARAMETER);
	assert_int_equal(got.calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_data_arrives_where_it_is_wanted, setup, teardown),
		cmocka_unit_test(test_wrong_bytes_are_noticed_at_the_end),
		cmocka_unit_test_setup_teardown(test_missing_signature_is_noticed_at_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_loss_in_the_middle_is_told_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_second_answer_meanwhile_is_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_frames_are_not_taken_so, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sealed_data_arrive, setup_gcm, teardown),
		cmocka_unit_test_setup_teardown(test_sealed_data_arrive, setup_ccm, teardown),
		cmocka_unit_test_setup_teardown(test_changed_data_are_noticed, setup_gcm, teardown),
		cmocka_unit_test_setup_teardown(test_changed_data_are_noticed, setup_ccm, teardown),
		cmocka_unit_test_setup_teardown(test_a_changed_message_id_is_noticed, setup_gcm, teardown),
		cmocka_unit_test_setup_teardown(test_a_changed_tag_is_noticed, setup_gcm, teardown),
		cmocka_unit_test_setup_teardown(test_other_sealed_frames_are_not_placed, setup_gcm, teardown),
		cmocka_unit_test_setup_teardown(test_data_arrive_in_the_file, setup_to_file, teardown_file),
		cmocka_unit_test_setup_teardown(test_a_whole_frame_goes_to_the_file, setup_to_file, teardown_file),
		cmocka_unit_test_setup_teardown(test_signed_data_are_verified_first, setup_to_file_signed, teardown_file),
		cmocka_unit_test_setup_teardown(test_signed_data_are_verified_first, setup_to_file, teardown_file),
		cmocka_unit_test_setup_teardown(test_wrongly_signed_data_do_not_reach_the_file, setup_to_file_signed, teardown_file),
		cmocka_unit_test_setup_teardown(test_wrongly_signed_data_do_not_reach_the_file, setup_to_file, teardown_file),
		cmocka_unit_test_setup_teardown(test_sealed_data_go_to_the_file, setup_to_file_gcm, teardown_file),
		cmocka_unit_test_setup_teardown(test_a_file_that_takes_nothing_is_told, setup_to_file_for_reading, teardown_file),
		cmocka_unit_test_setup_teardown(test_a_file_that_takes_no_frame_is_told, setup_to_file_for_reading, teardown_file),
		cmocka_unit_test_setup_teardown(test_loss_while_the_file_is_written, setup_to_file, teardown_file),
		cmocka_unit_test_setup_teardown(test_ranges_that_no_file_has_are_refused, setup_to_file, teardown_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Pipes and the checks of IOCTL, message by message ([MS-SMB2] 3.3.5.12, 3.3.5.13, 3.3.5.15). */
#include "sim.h"

#include "rpc/rpc.h"
#include "wire/fsctl.h"

static struct {
	struct sim sim;
	struct raw raw;
	uint8_t bind[256];
	size_t bind_len;
	struct smb2_ioctl_rsp rsp;
} fx;

static void start(void)
{
	sim_start(&fx.sim, NULL);
	raw_ready(&fx.raw, &fx.sim, 0x0302);
	assert_status(raw_tree(&fx.raw, "IPC$"), STATUS_SUCCESS);
	assert_status(raw_open(&fx.raw, "srvsvc", 0x12019F, 1, 0), STATUS_SUCCESS);
	fx.bind_len = rpc_client_bind(fx.bind, sizeof(fx.bind));
	assert_true(fx.bind_len > 0 && fx.bind_len <= sizeof(fx.bind));
}

static void stop(void)
{
	raw_close(&fx.raw);
	sim_stop(&fx.sim);
}

static ntstatus ioctl_of(uint32_t code, struct slice input, uint32_t room)
{
	struct smb2_ioctl_req req = {
		.ctl_code = code, .file_id = fx.raw.file_id, .max_output_response = room, .flags = 1, .input = input,
	};

	memset(&fx.rsp, 0, sizeof(fx.rsp));
	return raw_call(&fx.raw, SMB2_IOCTL, &req, &fx.rsp);
}

static struct slice bind_pdu(void)
{
	return slice_of(fx.bind, fx.bind_len);
}

/* Backs: B461, B454, D088. */
static void test_transceive_writes_and_reads(void **state)
{
	(void)state;
	start();
	assert_status(ioctl_of(FSCTL_PIPE_TRANSCEIVE, bind_pdu(), 1024), STATUS_SUCCESS);
	assert_true(fx.rsp.output.len > 24);
	assert_int_equal(fx.rsp.output.data[2], 12);
	assert_int_equal(fx.rsp.ctl_code, FSCTL_PIPE_TRANSCEIVE);
	assert_int_equal(fx.rsp.input.len, 0);
	assert_true(fx.rsp.file_id.volatile_id == fx.raw.file_id.volatile_id);
	/* OutputOffset on an eight-byte boundary behind the body. */
	assert_int_equal(load_le32(fx.raw.answer.data + 64 + 32), 112);
	stop();
}

/* Backs: B462, B413, B451. */
static void test_a_message_that_does_not_fit_comes_in_pieces(void **state)
{
	struct smb2_read_req read = {.length = 7};
	struct smb2_read_rsp rsp = {0};
	size_t got;

	(void)state;
	start();
	assert_status(ioctl_of(FSCTL_PIPE_TRANSCEIVE, bind_pdu(), 10), STATUS_BUFFER_OVERFLOW);
	assert_int_equal(fx.rsp.output.len, 10);
	read.file_id = fx.raw.file_id;
	for (got = 10; got < 1024; got += rsp.data.len) {
		ntstatus status = raw_call(&fx.raw, SMB2_READ, &read, &rsp);

		assert_true(rsp.data.len > 0 && rsp.data.len <= 7);
		if (nt_ok(status))
			break;
		assert_status(status, STATUS_BUFFER_OVERFLOW);
		assert_int_equal(rsp.data.len, 7);
	}
	assert_true(got < 1024);
	stop();
}

/* Offsets do not matter to a pipe. */
static void test_a_write_and_a_read_are_the_same_as_transceive(void **state)
{
	struct smb2_write_req write;
	struct smb2_read_req read = {.length = 1024, .offset = 99};
	struct smb2_read_rsp rsp = {0};

	(void)state;
	start();
	write = (struct smb2_write_req){.file_id = fx.raw.file_id, .data = bind_pdu(), .offset = 12345};
	read.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_WRITE, &write, NULL), STATUS_SUCCESS);
	assert_status(ioctl_of(FSCTL_PIPE_TRANSCEIVE, bind_pdu(), 1024), STATUS_PIPE_BUSY);
	assert_status(raw_call(&fx.raw, SMB2_READ, &read, &rsp), STATUS_SUCCESS);
	assert_int_equal(rsp.data.data[2], 12);
	stop();
}

/* A READ that was there first gets what a WRITE brings about. */
static void test_a_waiting_read_is_answered_by_a_write(void **state)
{
	struct smb2_write_req write;
	struct smb2_read_req read = {.length = 1024};
	uint8_t frame[512];
	struct slice f;
	bool answered = false, written = false;

	(void)state;
	start();
	read.file_id = fx.raw.file_id;
	write = (struct smb2_write_req){.file_id = fx.raw.file_id, .data = bind_pdu()};
	raw_send(&fx.raw, frame, raw_encode(&fx.raw, frame, sizeof(frame), SMB2_READ, &read));
	assert_int_equal(load_le32(raw_receive(&fx.raw).data + 8), STATUS_PENDING.code);
	raw_send(&fx.raw, frame, raw_encode(&fx.raw, frame, sizeof(frame), SMB2_WRITE, &write));
	while (!answered || !written) {
		f = raw_receive(&fx.raw);
		assert_true(f.len > 64);
		assert_int_equal(load_le32(f.data + 8), 0);
		if (load_le16(f.data + 12) == SMB2_WRITE)
			written = true;
		else
			answered = f.data[f.data[66] + 2] == 12;
	}
	stop();
}

/* [MS-FSCC] 2.3.44 */
static void test_peek_takes_nothing(void **state)
{
	struct smb2_write_req write;
	uint32_t available;

	(void)state;
	start();
	write = (struct smb2_write_req){.file_id = fx.raw.file_id, .data = bind_pdu()};
	assert_status(ioctl_of(FSCTL_PIPE_PEEK, slice_of(NULL, 0), 16), STATUS_SUCCESS);
	assert_int_equal(load_le32(fx.rsp.output.data), 3);
	assert_int_equal(load_le32(fx.rsp.output.data + 4), 0);
	assert_status(raw_call(&fx.raw, SMB2_WRITE, &write, NULL), STATUS_SUCCESS);
	assert_status(ioctl_of(FSCTL_PIPE_PEEK, slice_of(NULL, 0), 16), STATUS_SUCCESS);
	available = load_le32(fx.rsp.output.data + 4);
	assert_true(available > 0);
	assert_status(ioctl_of(FSCTL_PIPE_PEEK, slice_of(NULL, 0), 16), STATUS_SUCCESS);
	assert_int_equal(load_le32(fx.rsp.output.data + 4), available);
	stop();
}

/* Backs: E096, B460. */
static void test_pipe_requests_on_files(void **state)
{
	(void)state;
	start();
	assert_status(raw_tree(&fx.raw, "share"), STATUS_SUCCESS);
	assert_status(raw_open(&fx.raw, "f", 0x1F01FF, 3, 0), STATUS_SUCCESS);
	assert_status(ioctl_of(FSCTL_PIPE_TRANSCEIVE, bind_pdu(), 1024), STATUS_INVALID_DEVICE_REQUEST);
	assert_status(ioctl_of(FSCTL_PIPE_PEEK, slice_of(NULL, 0), 1024), STATUS_INVALID_DEVICE_REQUEST);
	fx.raw.file_id = (struct smb2_file_id){UINT64_MAX, UINT64_MAX};
	assert_status(ioctl_of(FSCTL_PIPE_WAIT, slice_of("0123456789abcdef", 16), 0), STATUS_INVALID_DEVICE_REQUEST);
	stop();
}

/* Backs: B449, B452. */
static void test_limits_of_ioctl(void **state)
{
	uint32_t most;

	(void)state;
	start();
	most = fx.raw.proto.max_transact_bytes;
	fx.raw.charge = (uint16_t)(most / 65536 + 1);
	assert_status(ioctl_of(FSCTL_PIPE_TRANSCEIVE, bind_pdu(), most + 1), STATUS_INVALID_PARAMETER);
	/* One credit is too little. */
	assert_status(ioctl_of(FSCTL_PIPE_TRANSCEIVE, bind_pdu(), 65537), STATUS_INVALID_PARAMETER);
	fx.raw.charge = 2;
	assert_status(ioctl_of(FSCTL_PIPE_TRANSCEIVE, bind_pdu(), 65537), STATUS_SUCCESS);
	stop();
}

/* Backs: B450. */
static void test_offsets_of_ioctl(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
	} cases[] = {{24, 8}, {24, 119}, {24, 0x10000}, {24, UINT32_MAX}, {28, 4096}, {28, UINT32_MAX}, {40, 4096}, {40, UINT32_MAX}};

	(void)state;
	start();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct smb2_ioctl_req req = {
			.ctl_code = FSCTL_PIPE_TRANSCEIVE, .file_id = fx.raw.file_id, .max_output_response = 64, .flags = 1, .input = bind_pdu(),
		};
		uint8_t frame[512];
		size_t len = raw_encode(&fx.raw, frame, sizeof(frame), SMB2_IOCTL, &req);

		store_le32(frame + 64 + cases[i].at, cases[i].value);
		raw_send(&fx.raw, frame, len);
		assert_int_equal(load_le32(raw_receive(&fx.raw).data + 8), STATUS_INVALID_PARAMETER.code);
	}
	stop();
}

/* Whatever bytes are written into a pipe, and read from it again, the server stays. */
static void test_no_bytes_break_a_pipe(void **state)
{
	uint8_t data[256];
	uint64_t seed = 1;

	(void)state;
	start();
	for (int round = 0; round < 300; round++) {
		memcpy(data, fx.bind, fx.bind_len);
		for (int i = 0; i < 1 + round % 4; i++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			data[(seed >> 33) % fx.bind_len] = (uint8_t)(seed >> 25);
		}
		assert_status(raw_open(&fx.raw, "srvsvc", 0x12019F, 1, 0), STATUS_SUCCESS);
		(void)ioctl_of(FSCTL_PIPE_TRANSCEIVE, slice_of(data, 1 + seed % fx.bind_len), 1024);
		assert_status(raw_call(&fx.raw, SMB2_CLOSE, &(struct smb2_close_req){.file_id = fx.raw.file_id}, NULL), STATUS_SUCCESS);
	}
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transceive_writes_and_reads),
		cmocka_unit_test(test_a_message_that_does_not_fit_comes_in_pieces),
		cmocka_unit_test(test_a_write_and_a_read_are_the_same_as_transceive),
		cmocka_unit_test(test_a_waiting_read_is_answered_by_a_write),
		cmocka_unit_test(test_peek_takes_nothing),
		cmocka_unit_test(test_pipe_requests_on_files),
		cmocka_unit_test(test_limits_of_ioctl),
		cmocka_unit_test(test_offsets_of_ioctl),
		cmocka_unit_test(test_no_bytes_break_a_pipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* CLOSE, FLUSH, READ and WRITE, message by message, and what CREATE has to do with rights
 * ([MS-SMB2] 3.3.5.9 to 3.3.5.13). */
#include "sim.h"

enum { ALL = 0x1F01FF, READ_DATA = 1, WRITE_DATA = 2, APPEND_DATA = 4, EXECUTE = 0x20, READ_ATTRIBUTES = 0x80, DELETE = 0x10000 };
enum { SUPERSEDE, OPEN, CREATE, OPEN_IF, OVERWRITE, OVERWRITE_IF };
enum { DIRECTORY_FILE = 1, NON_DIRECTORY_FILE = 0x40, NO_BUFFERING = 8, DELETE_ON_CLOSE = 0x1000 };
enum { WRITE_THROUGH = 1, UNBUFFERED = 2 };

static struct {
	struct sim sim;
	struct raw raw;
} fx;

static void start(uint16_t dialect)
{
	sim_start(&fx.sim, NULL);
	raw_ready(&fx.raw, &fx.sim, dialect);
}

static void start_pipes(uint16_t dialect)
{
	start(dialect);
	assert_status(raw_tree(&fx.raw, "IPC$"), STATUS_SUCCESS);
	assert_status(raw_open(&fx.raw, "srvsvc", 0x12019F, OPEN, 0), STATUS_SUCCESS);
}

static void stop(void)
{
	raw_close(&fx.raw);
	sim_stop(&fx.sim);
}

static struct smb2_create_req request(const char *name, uint32_t access, uint32_t disposition)
{
	return (struct smb2_create_req){
		.impersonation_level = 2, .desired_access = access, .share_access = 7, .create_disposition = disposition,
		.name = raw_wide(&fx.raw, name),
	};
}

static ntstatus create(const struct smb2_create_req *req, struct smb2_create_rsp *rsp)
{
	struct smb2_create_rsp none = {0};
	ntstatus status;

	*(rsp ? rsp : &none) = none;
	status = raw_call(&fx.raw, SMB2_CREATE, req, rsp ? rsp : &none);
	if (nt_ok(status))
		fx.raw.file_id = (rsp ? rsp : &none)->file_id;
	return status;
}

static ntstatus close_flags(uint16_t flags, struct smb2_close_rsp *rsp)
{
	struct smb2_close_req req = {.flags = flags, .file_id = fx.raw.file_id};

	return raw_call(&fx.raw, SMB2_CLOSE, &req, rsp);
}

static ntstatus close_file(void)
{
	return close_flags(0, NULL);
}

static ntstatus write_at(uint64_t offset, const char *text, uint32_t flags)
{
	struct smb2_write_req req = {
		.offset = offset, .file_id = fx.raw.file_id, .flags = flags, .data = slice_of(text, strlen(text)),
	};

	return raw_call(&fx.raw, SMB2_WRITE, &req, NULL);
}

static void make_file(const char *name, const char *text)
{
	assert_status(raw_open(&fx.raw, name, ALL, OVERWRITE_IF, 0), STATUS_SUCCESS);
	if (*text)
		assert_status(write_at(0, text, 0), STATUS_SUCCESS);
	assert_status(close_file(), STATUS_SUCCESS);
}

static void make_directory(const char *name)
{
	assert_status(raw_open(&fx.raw, name, ALL, CREATE, DIRECTORY_FILE), STATUS_SUCCESS);
	assert_status(close_file(), STATUS_SUCCESS);
}

/* Backs: B315. */
static void test_access_hints_may_contradict_each_other(void **state)
{
	(void)state;
	start(0x0302);
	assert_status(raw_open(&fx.raw, "f", ALL, CREATE, 0x4 | 0x800), STATUS_SUCCESS);
	assert_status(raw_open(&fx.raw, "d", ALL, CREATE, DIRECTORY_FILE | 0x8000), STATUS_SUCCESS);
	stop();
}

/* Backs: B298, B308, E067, E078. */
static void test_pipes_ignore_what_is_for_files(void **state)
{
	struct smb2_create_req req;
	struct smb2_create_rsp rsp;

	(void)state;
	start_pipes(0x0302);
	for (uint32_t disposition = 0; disposition < 6; disposition++) {
		req = request("srvsvc", 0x12019F, disposition);
		req.file_attributes = 0xFFFFFFFF;
		req.requested_oplock_level = 9;
		req.share_access = 0;
		assert_status(create(&req, &rsp), STATUS_SUCCESS);
		assert_int_equal(rsp.oplock_level, 0);
		assert_int_equal(rsp.create_action, 1);
		assert_int_equal(rsp.end_of_file, 0);
	}
	req.impersonation_level = 3;
	assert_status(create(&req, NULL), STATUS_BAD_IMPERSONATION_LEVEL);
	stop();
}

/* Backs: E056, E057, A020, A021. */
static void test_access_masks(void **state)
{
	(void)state;
	start(0x0302);
	make_file("f", "x");
	make_directory("d");
	assert_status(raw_open(&fx.raw, "f", 0, OPEN, 0), STATUS_ACCESS_DENIED);
	assert_status(raw_open(&fx.raw, "f", 0x0E000000, OPEN, 0), STATUS_ACCESS_DENIED);
	assert_status(raw_open(&fx.raw, "f", 0x01000000, OPEN, 0), STATUS_PRIVILEGE_NOT_HELD);
	for (int directory = 0; directory < 2; directory++) {
		for (int bit = 28; bit < 32; bit++)
			assert_status(raw_open(&fx.raw, directory ? "d" : "f", 1u << bit, OPEN, 0), STATUS_SUCCESS);
		assert_status(raw_open(&fx.raw, directory ? "d" : "f", 0x02000000, OPEN, 0), STATUS_SUCCESS);
	}
	stop();
}

/* --- CLOSE, FLUSH --- */

/* Backs: B396, B397, B398, A045, A046. */
static void test_close_and_its_attributes(void **state)
{
	struct smb2_close_rsp rsp = {0};

	(void)state;
	start(0x0302);
	make_file("f", "12345");
	assert_status(raw_open(&fx.raw, "f", ALL, OPEN, 0), STATUS_SUCCESS);
	assert_status(close_flags(1, &rsp), STATUS_SUCCESS);
	assert_int_equal(rsp.flags, 1);
	assert_int_equal(rsp.end_of_file, 5);
	assert_int_equal(rsp.file_attributes, 0x20);
	assert_true(rsp.creation_time != 0);
	assert_status(close_file(), STATUS_FILE_CLOSED);
	assert_status(raw_open(&fx.raw, "f", ALL, OPEN, 0), STATUS_SUCCESS);
	assert_status(close_flags(0, &rsp), STATUS_SUCCESS);
	assert_int_equal(rsp.flags, 0);
	assert_int_equal(rsp.end_of_file, 0);
	/* They are queried before the file goes with the close. */
	assert_status(raw_open(&fx.raw, "f", ALL, OPEN, DELETE_ON_CLOSE), STATUS_SUCCESS);
	assert_status(close_flags(1, &rsp), STATUS_SUCCESS);
	assert_int_equal(rsp.flags, 1);
	assert_int_equal(rsp.end_of_file, 5);
	stop();
}

static uint32_t attributes_now(void)
{
	struct smb2_query_info_req q = {.info_type = 1, .file_info_class = 4, .output_buffer_length = 40, .file_id = fx.raw.file_id};
	struct smb2_query_info_rsp a = {0};

	assert_status(raw_call(&fx.raw, SMB2_QUERY_INFO, &q, &a), STATUS_SUCCESS);
	assert_int_equal(a.output.len, 40);
	return load_le32(a.output.data + 32);
}

static void set_attributes(uint32_t attributes, uint64_t written)
{
	uint8_t data[40] = {0};
	struct smb2_set_info_req s = {.info_type = 1, .file_info_class = 4, .file_id = fx.raw.file_id, .input = slice_of(data, sizeof(data))};

	store_le64(data + 16, written);
	store_le32(data + 32, attributes);
	assert_status(raw_call(&fx.raw, SMB2_SET_INFO, &s, NULL), STATUS_SUCCESS);
}

static void write_a_byte(void)
{
	struct smb2_write_req w = {.length = 1, .file_id = fx.raw.file_id, .data_offset = 0x70, .data = slice_of("x", 1)};

	assert_status(raw_call(&fx.raw, SMB2_WRITE, &w, NULL), STATUS_SUCCESS);
}

/* [MS-FSCC] 2.6: what is no attribute is masked off, and so is what cannot be set. */
static void test_attributes_that_are_none_are_ignored(void **state)
{
	(void)state;
	start(0x0302);
	make_file("f", "12345");
	assert_status(raw_open(&fx.raw, "f", ALL, OPEN, 0), STATUS_SUCCESS);
	set_attributes(0xFFFFFE0B, 0);
	assert_int_equal(attributes_now(), 0x3003);
	set_attributes(0x8, 0);
	assert_int_equal(attributes_now(), 0x80);
	stop();
}

/* [MS-FSA] 2.1.4.17: programs that back up files find those that changed by this. */
static void test_what_is_written_is_to_be_archived(void **state)
{
	uint8_t size[8] = {3};
	struct smb2_set_info_req s = {.info_type = 1, .file_info_class = 20, .input = slice_of(size, sizeof(size))};

	(void)state;
	start(0x0302);
	make_file("f", "12345");
	assert_status(raw_open(&fx.raw, "f", ALL, OPEN, 0), STATUS_SUCCESS);
	set_attributes(0x82, 0);
	assert_int_equal(attributes_now(), 2);
	write_a_byte();
	assert_int_equal(attributes_now(), 0x22);
	/* Once more, with the write time held. */
	set_attributes(0x80, 0x01D0000000000000);
	write_a_byte();
	assert_int_equal(attributes_now(), 0x20);
	set_attributes(0x80, 0);
	s.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_SET_INFO, &s, NULL), STATUS_SUCCESS);
	assert_int_equal(attributes_now(), 0x20);
	stop();
}

/* Backs: B399, A047, A048. */
static void test_flush_wants_a_handle_that_writes(void **state)
{
	struct smb2_flush_req req = {0};

	(void)state;
	start(0x0302);
	make_file("f", "x");
	assert_status(raw_call(&fx.raw, SMB2_FLUSH, &req, NULL), STATUS_FILE_CLOSED);
	assert_status(raw_open(&fx.raw, "f", READ_DATA, OPEN, 0), STATUS_SUCCESS);
	req.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_FLUSH, &req, NULL), STATUS_ACCESS_DENIED);
	assert_status(raw_open(&fx.raw, "f", APPEND_DATA, OPEN, 0), STATUS_SUCCESS);
	req.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_FLUSH, &req, NULL), STATUS_SUCCESS);
	stop();
}

/* --- READ --- */

static ntstatus read_with(struct smb2_read_req req, struct smb2_read_rsp *rsp)
{
	req.file_id = fx.raw.file_id;
	req.padding = 0x50;
	fx.raw.charge = 1 + (uint16_t)(req.length / 65536);
	return raw_call(&fx.raw, SMB2_READ, &req, rsp);
}

/* Backs: B401, B402, B403, B412, B414, A049, A050. */
static void test_reads(void **state)
{
	struct smb2_read_rsp rsp = {0};

	(void)state;
	start(0x0302);
	make_file("f", "0123456789");
	assert_status(read_with((struct smb2_read_req){.length = 4}, NULL), STATUS_FILE_CLOSED);
	assert_status(raw_open(&fx.raw, "f", READ_DATA, OPEN, 0), STATUS_SUCCESS);
	assert_status(read_with((struct smb2_read_req){.length = 4, .offset = 3}, &rsp), STATUS_SUCCESS);
	assert_memory_equal(rsp.data.data, "3456", 4);
	assert_int_equal(rsp.data.len, 4);
	assert_int_equal(rsp.data_remaining, 0);
	assert_status(read_with((struct smb2_read_req){.length = 40, .offset = 3}, &rsp), STATUS_SUCCESS);
	assert_int_equal(rsp.data.len, 7);
	assert_status(read_with((struct smb2_read_req){.length = 40, .offset = 3, .minimum_count = 8}, NULL), STATUS_END_OF_FILE);
	assert_status(read_with((struct smb2_read_req){.length = 4, .offset = 10}, NULL), STATUS_END_OF_FILE);
	assert_status(read_with((struct smb2_read_req){.length = 4, .offset = UINT64_MAX - 1}, NULL), STATUS_INVALID_PARAMETER);
	assert_status(read_with((struct smb2_read_req){.length = fx.raw.proto.max_read_bytes + 1}, NULL), STATUS_INVALID_PARAMETER);
	assert_status(raw_open(&fx.raw, "f", WRITE_DATA | READ_ATTRIBUTES, OPEN, 0), STATUS_SUCCESS);
	assert_status(read_with((struct smb2_read_req){.length = 4}, NULL), STATUS_ACCESS_DENIED);
	stop();
}

/* Backs: B406, B407, B408, B425. */
static void test_channels_of_reads(void **state)
{
	static const uint16_t dialects[] = {0x0210, 0x0300, 0x0302};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		start(dialects[i]);
		make_file("f", "0123456789");
		assert_status(raw_open(&fx.raw, "f", READ_DATA, OPEN, 0), STATUS_SUCCESS);
		for (uint32_t channel = 1; channel < 5; channel++)
			assert_status(read_with((struct smb2_read_req){.length = 4, .channel = channel}, NULL),
				dialects[i] < 0x0300 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
		/* The right to read comes first. */
		assert_status(raw_open(&fx.raw, "f", WRITE_DATA, OPEN, 0), STATUS_SUCCESS);
		assert_status(read_with((struct smb2_read_req){.length = 4, .channel = 3}, NULL), STATUS_ACCESS_DENIED);
		stop();
	}
}

/* Backs: B405, B410. */
static void test_unbuffered_reads(void **state)
{
	(void)state;
	start_pipes(0x0302);
	assert_status(read_with((struct smb2_read_req){.length = 4, .flags = 1}, NULL), STATUS_INVALID_PARAMETER);
	assert_status(raw_tree(&fx.raw, "share"), STATUS_SUCCESS);
	make_file("f", "0123");
	assert_status(raw_open(&fx.raw, "f", READ_DATA, OPEN, 0), STATUS_SUCCESS);
	assert_status(read_with((struct smb2_read_req){.length = 4, .flags = 1}, NULL), STATUS_SUCCESS);
	stop();
}

/* --- WRITE --- */

/* Backs: B416, B417, A051, A052. */
static void test_writes_and_their_rights(void **state)
{
	struct smb2_write_req big = {0};
	struct smb2_write_rsp rsp = {0};

	(void)state;
	start(0x0302);
	make_file("f", "0123456789");
	assert_status(raw_open(&fx.raw, "f", READ_DATA, OPEN, 0), STATUS_SUCCESS);
	assert_status(write_at(0, "x", 0), STATUS_ACCESS_DENIED);
	assert_status(raw_open(&fx.raw, "f", APPEND_DATA, OPEN, 0), STATUS_SUCCESS);
	assert_status(write_at(0, "x", 0), STATUS_ACCESS_DENIED);
	assert_status(write_at(10, "x", 0), STATUS_SUCCESS);
	assert_status(raw_open(&fx.raw, "f", WRITE_DATA, OPEN, 0), STATUS_SUCCESS);
	assert_status(write_at(0, "x", 0), STATUS_SUCCESS);
	assert_status(write_at(UINT64_MAX - 2, "x", 0), STATUS_INVALID_PARAMETER);
	assert_status(write_at(INT64_MAX, "x", 0), STATUS_INVALID_PARAMETER);
	big = (struct smb2_write_req){.file_id = fx.raw.file_id, .data = slice_of("0123", 4)};
	assert_status(raw_call(&fx.raw, SMB2_WRITE, &big, &rsp), STATUS_SUCCESS);
	assert_int_equal(rsp.count, 4);
	assert_int_equal(rsp.remaining, 0);
	stop();
}

static uint64_t written_shown(void)
{
	struct smb2_query_info_req req = {.info_type = 1, .file_info_class = 4, .output_buffer_length = 100, .file_id = fx.raw.file_id};
	struct smb2_query_info_rsp rsp = {0};

	assert_status(raw_call(&fx.raw, SMB2_QUERY_INFO, &req, &rsp), STATUS_SUCCESS);
	assert_int_equal(rsp.output.len, 40);
	return load_le64(rsp.output.data + 16);
}

/* [MS-FSA] 2.1.5.3: late, and in steps; FLUSH and CLOSE show it. */
static void test_the_write_time_stands_still_while_a_handle_writes(void **state)
{
	enum { SECOND = 10000000 };
	struct smb2_close_rsp end = {0};
	struct smb2_flush_req flush = {0};
	uint64_t made, first, second;

	(void)state;
	start(0x0311);
	make_file("f", "0123456789");
	assert_status(raw_open(&fx.raw, "f", ALL, OPEN, 0), STATUS_SUCCESS);
	made = written_shown();
	sim_run(&fx.sim, 1000);
	assert_status(write_at(0, "x", 0), STATUS_SUCCESS);
	assert_int_equal(written_shown(), made);
	sim_run(&fx.sim, 3000);
	first = written_shown();
	assert_in_range(first, made + SECOND, made + 2 * SECOND);
	assert_status(write_at(0, "y", 0), STATUS_SUCCESS);
	sim_run(&fx.sim, 3000);
	assert_int_equal(written_shown(), first);
	flush.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_FLUSH, &flush, NULL), STATUS_SUCCESS);
	second = written_shown();
	assert_in_range(second, first + 2 * SECOND, first + 4 * SECOND);
	assert_status(write_at(0, "z", 0), STATUS_SUCCESS);
	assert_int_equal(written_shown(), second);
	sim_run(&fx.sim, 3000);
	(void)written_shown();
	assert_status(write_at(0, "z", 0), STATUS_SUCCESS);
	sim_run(&fx.sim, 5000);
	assert_status(close_flags(1, &end), STATUS_SUCCESS);
	assert_true(end.last_write_time >= second + 8 * SECOND);
	stop();
}

/* A WRITE with one field of its body changed, or shorter than it says. */
static ntstatus write_patched(size_t at, uint32_t value, size_t width, size_t cut)
{
	struct smb2_write_req req = {.file_id = fx.raw.file_id, .data = slice_of("0123456789", 10)};
	uint8_t frame[256];
	size_t len;
	struct slice f;

	len = raw_encode(&fx.raw, frame, sizeof(frame), SMB2_WRITE, &req);
	if (width == 2)
		store_le16(frame + 64 + at, (uint16_t)value);
	else if (width == 4)
		store_le32(frame + 64 + at, value);
	raw_send(&fx.raw, frame, len - cut);
	f = raw_receive(&fx.raw);
	return f.len < 64 ? STATUS_CONNECTION_DISCONNECTED : (ntstatus){load_le32(f.data + 8)};
}

/* Backs: B420, B421, B422. */
static void test_writes_that_lie_about_their_data(void **state)
{
	(void)state;
	start(0x0302);
	make_file("f", "");
	assert_status(raw_open(&fx.raw, "f", WRITE_DATA, OPEN, 0), STATUS_SUCCESS);
	assert_status(write_patched(0, 0, 0, 0), STATUS_SUCCESS);
	assert_status(write_patched(2, 0x101, 2, 0), STATUS_INVALID_PARAMETER);
	assert_status(write_patched(0, 0, 0, 3), STATUS_INVALID_PARAMETER);
	assert_status(write_patched(4, 11, 4, 0), STATUS_INVALID_PARAMETER);
	/* One credit pays for 64 KiB. */
	assert_status(write_patched(4, 65537, 4, 0), STATUS_INVALID_PARAMETER);
	stop();
}

/* Backs: B418. */
static void test_channels_of_writes(void **state)
{
	(void)state;
	start(0x0300);
	make_file("f", "");
	assert_status(raw_open(&fx.raw, "f", WRITE_DATA, OPEN, 0), STATUS_SUCCESS);
	for (uint32_t channel = 1; channel < 5; channel++)
		assert_status(write_patched(32, channel, 4, 0), STATUS_INVALID_PARAMETER);
	stop();
	start(0x0210);
	make_file("f", "");
	assert_status(raw_open(&fx.raw, "f", WRITE_DATA, OPEN, 0), STATUS_SUCCESS);
	assert_status(write_patched(32, 7, 4, 0), STATUS_SUCCESS);
	stop();
}

/* Backs: B423, B424, B426, B428. */
static void test_write_flags_by_dialect(void **state)
{
	const struct {
		uint16_t dialect;
		uint32_t options, flags;
		ntstatus status;
	} cases[] = {
		{0x0202, 0, WRITE_THROUGH, {0}}, {0x0210, 0, WRITE_THROUGH, STATUS_INVALID_PARAMETER},
		{0x0210, NO_BUFFERING, WRITE_THROUGH, {0}}, {0x0300, 0, WRITE_THROUGH | UNBUFFERED, STATUS_INVALID_PARAMETER},
		{0x0300, 0, UNBUFFERED, {0}}, {0x0302, 0, WRITE_THROUGH, STATUS_INVALID_PARAMETER},
		{0x0302, 0, WRITE_THROUGH | UNBUFFERED, {0}}, {0x0302, NO_BUFFERING, WRITE_THROUGH, {0}}, {0x0302, 0, 0xFFFFFFF0, {0}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		start(cases[i].dialect);
		assert_status(raw_open(&fx.raw, "f", WRITE_DATA, CREATE, cases[i].options), STATUS_SUCCESS);
		assert_status(write_at(0, "x", cases[i].flags), cases[i].status);
		stop();
	}
	start_pipes(0x0302);
	assert_status(write_at(0, "x", WRITE_THROUGH), STATUS_INVALID_PARAMETER);
	assert_status(write_at(0, "x", UNBUFFERED), STATUS_INVALID_PARAMETER);
	stop();
}

/* Handles work in the tree that they were opened in, and nowhere else. Backs: B214, B292, B323, B329. */
static void test_a_handle_belongs_to_its_tree_and_session(void **state)
{
	struct raw other;
	uint32_t tree;

	(void)state;
	start(0x0302);
	make_file("f", "0123");
	assert_status(raw_open(&fx.raw, "f", READ_DATA, OPEN, 0), STATUS_SUCCESS);
	tree = fx.raw.tree_id;
	assert_status(raw_tree(&fx.raw, "ro"), STATUS_SUCCESS);
	assert_status(read_with((struct smb2_read_req){.length = 4}, NULL), STATUS_FILE_CLOSED);
	fx.raw.tree_id = 0x7777;
	assert_status(read_with((struct smb2_read_req){.length = 4}, NULL), STATUS_NETWORK_NAME_DELETED);
	assert_status(raw_open(&fx.raw, "f", READ_DATA, OPEN, 0), STATUS_NETWORK_NAME_DELETED);
	fx.raw.tree_id = tree;
	assert_status(read_with((struct smb2_read_req){.length = 4}, NULL), STATUS_SUCCESS);
	raw_ready(&other, &fx.sim, 0x0302);
	other.file_id = fx.raw.file_id;
	assert_status(raw_call(&other, SMB2_READ, &(struct smb2_read_req){.length = 4, .file_id = fx.raw.file_id}, NULL), STATUS_FILE_CLOSED);
	raw_close(&other);
	stop();
}

/* Backs: B325. */
static void test_the_granted_access_is_what_was_asked_for(void **state)
{
	static const uint32_t asked[] = {READ_DATA, WRITE_DATA | READ_ATTRIBUTES, ALL, 0x120089};
	struct smb2_query_info_req req = {.info_type = 1, .file_info_class = 8, .output_buffer_length = 4};
	struct smb2_query_info_rsp rsp = {0};

	(void)state;
	start(0x0302);
	make_file("f", "x");
	for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
		assert_status(raw_open(&fx.raw, "f", asked[i], OPEN, 0), STATUS_SUCCESS);
		req.file_id = fx.raw.file_id;
		assert_status(raw_call(&fx.raw, SMB2_QUERY_INFO, &req, &rsp), STATUS_SUCCESS);
		assert_int_equal(load_le32(rsp.output.data), asked[i]);
	}
	assert_status(raw_open(&fx.raw, "f", 0x02000000, OPEN, 0), STATUS_SUCCESS);
	req.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_QUERY_INFO, &req, &rsp), STATUS_SUCCESS);
	assert_int_equal(load_le32(rsp.output.data), ALL);
	stop();
}

/* A read-only share stays as it is, whatever is tried. */
static void test_a_read_only_share_stays_as_it_is(void **state)
{
	static const uint32_t refused[] = {WRITE_DATA, APPEND_DATA, DELETE, 0x40000, 0x80000, 0x100, 0x10, ALL, 0x40000000, 0x10000000};

	(void)state;
	start(0x0302);
	assert_status(raw_tree(&fx.raw, "ro"), STATUS_SUCCESS);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		assert_status(raw_open(&fx.raw, "", refused[i], OPEN, 0), STATUS_ACCESS_DENIED);
	for (uint32_t d = 0; d < 6; d++)
		assert_status(raw_open(&fx.raw, "f", READ_DATA, d, 0), d == OPEN ? STATUS_OBJECT_NAME_NOT_FOUND : STATUS_ACCESS_DENIED);
	assert_status(raw_open(&fx.raw, "", 0x02000000, OPEN, 0), STATUS_SUCCESS);
	stop();
}

/* Data of any size through every cipher, by the real client: in one frame or in several, placed at once or copied. */
static void test_sealed_data_come_back_as_they_were(void **state)
{
	static const size_t sizes[] = {1, 31, 32, 33, 4096, 65535, 65536, 65537, 1000000};
	static uint8_t data[1000016], back[sizeof(data)];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31 + i / 251);
	for (enum hythe_cipher c = HYTHE_CIPHER_NONE; c <= HYTHE_CIPHER_AES256_GCM; c++) {
		struct hythe_open_params p;
		struct hythe_session *session;
		struct hythe_tree *tree;
		struct hythe_file *f;
		size_t n;

		sim_start(&fx.sim, NULL);
		fx.sim.connect.encryption = HYTHE_ENCRYPTION_REQUIRED;
		fx.sim.connect.cipher = c;
		assert_status(sim_connect(&fx.sim, "share", &session, &tree), STATUS_SUCCESS);
		hythe_open_params_init(&p, "f", HYTHE_READ_DATA | HYTHE_WRITE_DATA);
		p.disposition = HYTHE_OVERWRITE_IF;
		assert_status(hythe_open(tree, &p, &f, NULL), STATUS_SUCCESS);
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			assert_status(hythe_write(f, 7 * i, data + i, sizes[i], &n), STATUS_SUCCESS);
			assert_int_equal(n, sizes[i]);
			memset(back, 0xEE, sizeof(back));
			assert_status(hythe_read(f, 7 * i, back, sizes[i], &n), STATUS_SUCCESS);
			assert_int_equal(n, sizes[i]);
			assert_memory_equal(back, data + i, sizes[i]);
			assert_int_equal(back[sizes[i]], 0xEE);
		}
		assert_status(hythe_close(f, NULL), STATUS_SUCCESS);
		hythe_tree_free(tree);
		hythe_session_free(session);
		sim_stop(&fx.sim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sealed_data_come_back_as_they_were),
		cmocka_unit_test(test_access_hints_may_contradict_each_other),
		cmocka_unit_test(test_pipes_ignore_what_is_for_files),
		cmocka_unit_test(test_access_masks),
		cmocka_unit_test(test_close_and_its_attributes),
		cmocka_unit_test(test_attributes_that_are_none_are_ignored),
		cmocka_unit_test(test_what_is_written_is_to_be_archived),
		cmocka_unit_test(test_flush_wants_a_handle_that_writes),
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_channels_of_reads),
		cmocka_unit_test(test_unbuffered_reads),
		cmocka_unit_test(test_writes_and_their_rights),
		cmocka_unit_test(test_the_write_time_stands_still_while_a_handle_writes),
		cmocka_unit_test(test_writes_that_lie_about_their_data),
		cmocka_unit_test(test_channels_of_writes),
		cmocka_unit_test(test_write_flags_by_dialect),
		cmocka_unit_test(test_a_handle_belongs_to_its_tree_and_session),
		cmocka_unit_test(test_the_granted_access_is_what_was_asked_for),
		cmocka_unit_test(test_a_read_only_share_stays_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Named streams over the wire: [MS-FSA] 2.1.5.1 with a stream name, FileStreamInformation, renames, deletion. */
#include "sim.h"

#include "base/utf16.h"
#include "fsa/fsa.h"
#include "wire/fscc.h"

#include <stdio.h>

enum { SUPERSEDE, OPEN, CREATE, OPEN_IF, OVERWRITE, OVERWRITE_IF };
enum { ALL = 0x1F01FF, DIRECTORY = 1, DELETE_ON_CLOSE = 0x1000 };

static struct {
	struct sim sim;
	struct raw raw;
	struct smb2_create_rsp rsp;
	struct smb2_query_info_rsp info;
} fx;

static void start(void)
{
	sim_start(&fx.sim, NULL);
	raw_ready(&fx.raw, &fx.sim, 0x0311);
}

static void stop(void)
{
	raw_close(&fx.raw);
	sim_stop(&fx.sim);
}

static ntstatus open_with(const char *name, uint32_t access, uint32_t share, uint32_t disposition, uint32_t options)
{
	struct smb2_create_req req = {
		.impersonation_level = 2, .desired_access = access, .share_access = share, .create_disposition = disposition,
		.create_options = options, .name = raw_wide(&fx.raw, name),
	};
	ntstatus s = raw_call(&fx.raw, SMB2_CREATE, &req, &fx.rsp);

	if (nt_ok(s))
		fx.raw.file_id = fx.rsp.file_id;
	return s;
}

static ntstatus open_as(const char *name, uint32_t disposition, uint32_t options)
{
	return open_with(name, ALL, 7, disposition, options);
}

static void close_id(struct smb2_file_id id)
{
	struct smb2_close_req req = {.file_id = id};

	assert_status(raw_call(&fx.raw, SMB2_CLOSE, &req, NULL), STATUS_SUCCESS);
}

static void write_text(const char *text)
{
	struct smb2_write_req w = {
		.length = (uint32_t)strlen(text), .file_id = fx.raw.file_id, .data_offset = 0x70, .data = slice_of(text, strlen(text)),
	};

	assert_status(raw_call(&fx.raw, SMB2_WRITE, &w, NULL), STATUS_SUCCESS);
}

static void make(const char *name, const char *text)
{
	assert_status(open_as(name, OPEN_IF, 0), STATUS_SUCCESS);
	if (text)
		write_text(text);
	close_id(fx.raw.file_id);
}

static ntstatus query(uint8_t class, uint32_t room)
{
	struct smb2_query_info_req req = {
		.info_type = 1, .file_info_class = class, .output_buffer_length = room, .file_id = fx.raw.file_id,
	};

	memset(&fx.info, 0, sizeof(fx.info));
	return raw_call(&fx.raw, SMB2_QUERY_INFO, &req, &fx.info);
}

static ntstatus set(uint8_t class, const void *data, size_t len)
{
	struct smb2_set_info_req req = {.info_type = 1, .file_info_class = class, .file_id = fx.raw.file_id, .input = slice_of(data, len)};

	return raw_call(&fx.raw, SMB2_SET_INFO, &req, NULL);
}

static ntstatus rename_to(const char *name, bool replace)
{
	uint8_t data[256] = {replace};
	size_t n = strlen(name);

	store_le32(data + 16, (uint32_t)(2 * n));
	for (size_t i = 0; i < n; i++)
		data[20 + 2 * i] = (uint8_t)name[i];
	return set(FSCC_FILE_RENAME, data, 20 + 2 * n < 24 ? 24 : 20 + 2 * n);
}

/* "name size" of all streams of the answer. */
static const char *streams(void)
{
	struct slice list = fx.info.output;
	char *out = arena_zalloc(&fx.raw.arena, 512);
	struct fscc_stream s;
	size_t n = 0;
	bool bad = false;

	while (fscc_stream_next(&list, &s, &bad))
		n += (size_t)snprintf(out + n, 512 - n, "%s %u ", utf16_to_utf8_arena(&fx.raw.arena, s.name), (unsigned)s.size);
	assert_false(bad);
	return out;
}

static const char *streams_of(const char *file)
{
	const char *out;

	assert_status(open_with(file, 0x80, 7, OPEN, 0), STATUS_SUCCESS);
	assert_status(query(FSCC_FILE_STREAM, 1000), STATUS_SUCCESS);
	out = streams();
	close_id(fx.raw.file_id);
	return out;
}

static void test_dispositions_of_streams(void **state)
{
	(void)state;
	start();
	assert_status(open_as("f:s", OPEN, 0), STATUS_OBJECT_NAME_NOT_FOUND);
	assert_status(open_as("f:s", OVERWRITE, 0), STATUS_OBJECT_NAME_NOT_FOUND);
	assert_status(open_as("none\\f:s", CREATE, 0), STATUS_OBJECT_PATH_NOT_FOUND);
	/* The file comes with its first stream. */
	assert_status(open_as("f:s", CREATE, 0), STATUS_SUCCESS);
	assert_int_equal(fx.rsp.create_action, 2);
	write_text("stream");
	close_id(fx.raw.file_id);
	assert_string_equal(streams_of("f"), "::$DATA 0 :s:$DATA 6 ");
	assert_status(open_as("f:S:$data", CREATE, 0), STATUS_OBJECT_NAME_COLLISION);
	assert_status(open_as("f:S:$data", OPEN, 0), STATUS_SUCCESS);
	assert_int_equal(fx.rsp.end_of_file, 6);
	close_id(fx.raw.file_id);
	assert_status(open_as("f:s", OVERWRITE, 0), STATUS_SUCCESS);
	assert_int_equal(fx.rsp.create_action, 3);
	assert_int_equal(fx.rsp.end_of_file, 0);
	close_id(fx.raw.file_id);
	make("f", "base");
	assert_string_equal(streams_of("f"), "::$DATA 4 :s:$DATA 0 ");
	/* Overwriting the file takes its streams. */
	assert_status(open_as("f", OVERWRITE, 0), STATUS_SUCCESS);
	close_id(fx.raw.file_id);
	assert_string_equal(streams_of("f"), "::$DATA 0 ");
	stop();
}

static void test_names_and_options_of_streams(void **state)
{
	const struct {
		const char *name;
		uint32_t options;
		ntstatus status;
	} rows[] = {
		{"f:a:b", 0, STATUS_OBJECT_NAME_INVALID}, {"f:a:$INDEX", 0, STATUS_OBJECT_NAME_INVALID}, {"f:", 0, STATUS_OBJECT_NAME_INVALID},
		{"f:a:", 0, STATUS_OBJECT_NAME_INVALID}, {"f:a\\b", 0, STATUS_OBJECT_NAME_INVALID}, {"f:a::$DATA", 0, STATUS_OBJECT_NAME_INVALID},
		{"f:s", DIRECTORY, STATUS_NOT_A_DIRECTORY}, {"f::$DATA", DIRECTORY, STATUS_NOT_A_DIRECTORY}, {"f:*?", 0, {0}}, {":root", 0, {0}},
		{"d:s", 0, {0}}, {"d::$DATA", 0, STATUS_FILE_IS_A_DIRECTORY},
	};

	(void)state;
	start();
	make("f", NULL);
	assert_status(open_as("d", OPEN_IF, DIRECTORY), STATUS_SUCCESS);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ntstatus s = open_as(rows[i].name, OPEN_IF, rows[i].options);

		if (s.code != rows[i].status.code)
			print_message("name '%s'\n", rows[i].name);
		assert_status(s, rows[i].status);
		if (nt_ok(s))
			close_id(fx.raw.file_id);
	}
	/* A directory has no unnamed stream. */
	assert_string_equal(streams_of("d"), ":s:$DATA 0 ");
	stop();
}

static void test_a_share_without_streams(void **state)
{
	struct srv_share *share;
	struct smb2_query_info_req volume = {.info_type = 2, .file_info_class = FSCC_FS_ATTRIBUTE, .output_buffer_length = 100};

	(void)state;
	start();
	share = srv_share_find(&fx.sim.srv, raw_wide(&fx.raw, "share"));
	assert_status(open_as("f:s", OPEN_IF, 0), STATUS_SUCCESS);
	volume.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_QUERY_INFO, &volume, &fx.info), STATUS_SUCCESS);
	assert_true(load_le32(fx.info.output.data) & 0x40000);
	share->no_streams = true;
	assert_status(raw_call(&fx.raw, SMB2_QUERY_INFO, &volume, &fx.info), STATUS_SUCCESS);
	assert_false(load_le32(fx.info.output.data) & 0x40000);
	assert_status(open_as("f:s", OPEN, 0), STATUS_OBJECT_NAME_INVALID);
	assert_status(open_as("f::$DATA", OPEN, 0), STATUS_OBJECT_NAME_INVALID);
	assert_string_equal(streams_of("f"), "::$DATA 0 ");
	srv_share_put(share);
	stop();
}

static void test_what_a_stream_says_of_itself(void **state)
{
	uint64_t file_id;

	(void)state;
	start();
	make("f", "base file");
	assert_status(open_as("f", OPEN, 0), STATUS_SUCCESS);
	assert_status(query(FSCC_FILE_INTERNAL, 8), STATUS_SUCCESS);
	file_id = load_le64(fx.info.output.data);
	assert_status(open_as("f:s", OPEN_IF, 0), STATUS_SUCCESS);
	write_text("abc");
	assert_status(query(FSCC_FILE_INTERNAL, 8), STATUS_SUCCESS);
	assert_int_equal(load_le64(fx.info.output.data), file_id);
	assert_status(query(FSCC_FILE_STANDARD, 24), STATUS_SUCCESS);
	assert_int_equal(load_le64(fx.info.output.data + 8), 3);
	assert_status(query(FSCC_FILE_NETWORK_OPEN, 56), STATUS_SUCCESS);
	assert_int_equal(load_le64(fx.info.output.data + 40), 3);
	assert_status(query(FSCC_FILE_ALL, 200), STATUS_SUCCESS);
	assert_string_equal(utf16_to_utf8_arena(&fx.raw.arena, slice_of(fx.info.output.data + 100, load_le32(fx.info.output.data + 96))), "\\f:s");
	/* From the handle of a stream too, all of the file's; and only what fits. */
	assert_status(query(FSCC_FILE_STREAM, 200), STATUS_SUCCESS);
	assert_string_equal(streams(), "::$DATA 9 :s:$DATA 3 ");
	assert_status(query(FSCC_FILE_STREAM, 60), STATUS_BUFFER_OVERFLOW);
	assert_string_equal(streams(), "::$DATA 9 ");
	assert_status(query(FSCC_FILE_STREAM, 31), STATUS_INFO_LENGTH_MISMATCH);
	stop();
}

static void test_share_modes_of_streams(void **state)
{
	(void)state;
	start();
	assert_status(open_with("f:a", ALL, 0, CREATE, 0), STATUS_SUCCESS);
	assert_status(open_with("f:A", 1, 7, OPEN, 0), STATUS_SHARING_VIOLATION);
	assert_status(open_with("f:b", ALL, 0, CREATE, 0), STATUS_SUCCESS);
	assert_status(open_with("f", 3, 0, OPEN, 0), STATUS_SUCCESS);
	/* Deleting the file, or overwriting it, would delete them. */
	close_id(fx.raw.file_id);
	assert_status(open_with("f", 0x10000, 7, OPEN, 0), STATUS_SHARING_VIOLATION);
	assert_status(open_with("f", 3, 7, OVERWRITE, 0), STATUS_SHARING_VIOLATION);
	stop();
}

static void test_deleting_streams_and_files_under_them(void **state)
{
	struct smb2_file_id stream;

	(void)state;
	start();
	make("f", "base");
	make("f:gone", "x");
	assert_status(open_as("f:gone", OPEN, DELETE_ON_CLOSE), STATUS_SUCCESS);
	close_id(fx.raw.file_id);
	assert_string_equal(streams_of("f"), "::$DATA 4 ");
	assert_status(open_as("f:s", CREATE, 0), STATUS_SUCCESS);
	stream = fx.raw.file_id;
	assert_status(open_as("f", OPEN, DELETE_ON_CLOSE), STATUS_SUCCESS);
	close_id(fx.raw.file_id);
	assert_status(open_as("f", OPEN, 0), STATUS_DELETE_PENDING);
	assert_status(open_as("f:s", OPEN, 0), STATUS_DELETE_PENDING);
	assert_status(open_as("f:t", OPEN_IF, 0), STATUS_DELETE_PENDING);
	fx.raw.file_id = stream;
	write_text("still there");
	close_id(stream);
	assert_status(open_as("f", OPEN, 0), STATUS_OBJECT_NAME_NOT_FOUND);
	stop();
}

static void test_renaming_streams(void **state)
{
	struct smb2_file_id s;

	(void)state;
	start();
	make("f", NULL);
	make("f:there", "x");
	assert_status(open_as("f:s", CREATE, 0), STATUS_SUCCESS);
	s = fx.raw.file_id;
	assert_status(rename_to(":there", false), STATUS_OBJECT_NAME_COLLISION);
	assert_status(rename_to(":a:b", false), STATUS_INVALID_PARAMETER);
	assert_status(rename_to("::$DATA", true), STATUS_INVALID_PARAMETER);
	assert_status(rename_to("g", false), STATUS_SHARING_VIOLATION);
	assert_status(rename_to(":New:$DATA", false), STATUS_SUCCESS);
	assert_string_equal(streams_of("f"), "::$DATA 0 :there:$DATA 1 :New:$DATA 0 ");
	/* Not one that somebody has open; and no file under an open stream. */
	assert_status(open_as("f:there", OPEN, 0), STATUS_SUCCESS);
	close_id(fx.raw.file_id);
	fx.raw.file_id = s;
	assert_status(rename_to(":THERE", true), STATUS_SUCCESS);
	assert_string_equal(streams_of("f"), "::$DATA 0 :THERE:$DATA 0 ");
	assert_status(open_as("f", OPEN, 0), STATUS_SUCCESS);
	assert_status(rename_to("g", false), STATUS_ACCESS_DENIED);
	assert_status(rename_to(":g", false), STATUS_INVALID_PARAMETER);
	stop();
}

/* A CREATE of a stream that fails leaves no file behind. */
static void test_a_failed_create_leaves_nothing(void **state)
{
	(void)state;
	start();
	assert_status(open_with("new:a\\b", ALL, 7, CREATE, 0), STATUS_OBJECT_NAME_INVALID);
	assert_status(open_as("new", OPEN, 0), STATUS_OBJECT_NAME_NOT_FOUND);
	assert_status(open_with("f", 0x10001, 7, CREATE, 0), STATUS_SUCCESS);
	/* Refused because of who has the file open: the stream is not there afterwards. */
	assert_status(open_with("f:s", 1, 1, CREATE, 0), STATUS_SHARING_VIOLATION);
	close_id(fx.raw.file_id);
	assert_string_equal(streams_of("f"), "::$DATA 0 ");
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dispositions_of_streams),
		cmocka_unit_test(test_names_and_options_of_streams),
		cmocka_unit_test(test_a_share_without_streams),
		cmocka_unit_test(test_what_a_stream_says_of_itself),
		cmocka_unit_test(test_share_modes_of_streams),
		cmocka_unit_test(test_deleting_streams_and_files_under_them),
		cmocka_unit_test(test_renaming_streams),
		cmocka_unit_test(test_a_failed_create_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

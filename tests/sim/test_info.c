/* QUERY_INFO and SET_INFO, message by message ([MS-SMB2] 3.3.5.20, 3.3.5.21). */
#include "sim.h"

#include "fsa/fsa.h"
#include "wire/fscc.h"

#include <stdio.h>

enum { ALL = 0x1F01FF, OPEN = 1, OPEN_IF = 3, DIRECTORY_FILE = 1 };
enum { INFO_FILE = 1, INFO_FS = 2, INFO_SECURITY = 3, INFO_QUOTA = 4 };

static struct {
	struct sim sim;
	struct raw raw;
	struct smb2_query_info_rsp rsp;
} fx;

static void start(void)
{
	sim_start(&fx.sim, NULL);
	raw_ready(&fx.raw, &fx.sim, 0x0302);
}

static void start_with_file(const char *name)
{
	start();
	assert_status(raw_open(&fx.raw, name, ALL, OPEN_IF, 0), STATUS_SUCCESS);
}

static void start_pipe(void)
{
	start();
	assert_status(raw_tree(&fx.raw, "IPC$"), STATUS_SUCCESS);
	assert_status(raw_open(&fx.raw, "srvsvc", 0x12019F, OPEN, 0), STATUS_SUCCESS);
}

static void stop(void)
{
	raw_close(&fx.raw);
	sim_stop(&fx.sim);
}

static ntstatus query(uint8_t type, uint8_t class, uint32_t room)
{
	struct smb2_query_info_req req = {
		.info_type = type, .file_info_class = class, .output_buffer_length = room, .file_id = fx.raw.file_id,
		.additional_information = type == INFO_SECURITY ? 7 : 0,
	};

	memset(&fx.rsp, 0, sizeof(fx.rsp));
	fx.raw.charge = 1 + (uint16_t)(room / 65537);
	return raw_call(&fx.raw, SMB2_QUERY_INFO, &req, &fx.rsp);
}

static ntstatus query_with(uint8_t type, uint8_t class, struct slice input)
{
	struct smb2_query_info_req req = {
		.info_type = type, .file_info_class = class, .output_buffer_length = 1024, .file_id = fx.raw.file_id, .input = input,
	};

	return raw_call(&fx.raw, SMB2_QUERY_INFO, &req, NULL);
}

static ntstatus set_with(uint8_t type, uint8_t class, uint32_t additional, const void *data, size_t len)
{
	struct smb2_set_info_req req = {
		.info_type = type, .file_info_class = class, .additional_information = additional, .file_id = fx.raw.file_id,
		.input = slice_of(data, len),
	};

	return raw_call(&fx.raw, SMB2_SET_INFO, &req, NULL);
}

static ntstatus set(uint8_t class, const void *data, size_t len)
{
	return set_with(INFO_FILE, class, 0, data, len);
}

/* Byte count of an ERROR response. */
static uint32_t error_bytes(void)
{
	return load_le32(fx.raw.answer.data + 68);
}

static const struct {
	uint8_t class;
	uint32_t fixed;
} file_classes[] = {{4, 40}, {5, 24}, {6, 8}, {7, 4}, {8, 4}, {14, 8}, {16, 4}, {17, 4}, {18, 100}, {28, 16}, {34, 56}, {35, 8}};

/* Backs: B517, B104. */
static void test_a_buffer_below_the_fixed_part_is_a_mismatch(void **state)
{
	(void)state;
	start_with_file("f");
	for (size_t i = 0; i < ARRAY_LEN(file_classes); i++) {
		assert_status(query(INFO_FILE, file_classes[i].class, 0), STATUS_INFO_LENGTH_MISMATCH);
		assert_status(query(INFO_FILE, file_classes[i].class, file_classes[i].fixed - 1), STATUS_INFO_LENGTH_MISMATCH);
		assert_int_equal(error_bytes(), 0);
		assert_int_equal(fx.raw.answer.len, 64 + 9);
		assert_status(query(INFO_FILE, file_classes[i].class, file_classes[i].fixed + 200), STATUS_SUCCESS);
		assert_true(fx.rsp.output.len >= file_classes[i].fixed);
	}
	stop();
}

/* Backs: B518, B103. */
static void test_a_name_that_does_not_fit_is_cut(void **state)
{
	(void)state;
	start_with_file("a long name");
	assert_status(query(INFO_FILE, FSCC_FILE_ALL, 104), STATUS_BUFFER_OVERFLOW);
	assert_int_equal(fx.rsp.output.len, 104);
	assert_int_equal(load_le32(fx.rsp.output.data + 96), 24);
	assert_status(query(INFO_FILE, FSCC_FILE_ALL, 124), STATUS_SUCCESS);
	assert_int_equal(fx.rsp.output.len, 124);
	assert_status(query(INFO_FS, FSCC_FS_VOLUME, 24), STATUS_BUFFER_OVERFLOW);
	assert_int_equal(fx.rsp.output.len, 24);
	/* Before any of the name comes the whole of what is before it, up to its alignment. */
	assert_status(query(INFO_FILE, FSCC_FILE_ALL, 103), STATUS_INFO_LENGTH_MISMATCH);
	assert_status(query(INFO_FS, FSCC_FS_VOLUME, 23), STATUS_INFO_LENGTH_MISMATCH);
	assert_status(query(INFO_FS, FSCC_FS_ATTRIBUTE, 15), STATUS_INFO_LENGTH_MISMATCH);
	stop();
}

/* Backs: B511. */
static void test_more_than_max_transact_size_is_refused(void **state)
{
	(void)state;
	start_with_file("f");
	assert_status(query(INFO_FILE, FSCC_FILE_ALL, fx.raw.proto.max_transact_bytes), STATUS_SUCCESS);
	assert_status(query(INFO_FILE, FSCC_FILE_ALL, fx.raw.proto.max_transact_bytes + 1), STATUS_INVALID_PARAMETER);
	assert_status(query(9, 0, 100), STATUS_INVALID_PARAMETER);
	stop();
}

/* Backs: B512. */
static void test_the_charge_pays_for_the_larger_of_both_buffers(void **state)
{
	struct smb2_query_info_req req = {.info_type = 1, .file_info_class = 18, .output_buffer_length = 65537};

	(void)state;
	start_with_file("f");
	req.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_QUERY_INFO, &req, NULL), STATUS_INVALID_PARAMETER);
	fx.raw.charge = 2;
	assert_status(raw_call(&fx.raw, SMB2_QUERY_INFO, &req, NULL), STATUS_SUCCESS);
	stop();
}

/* Backs: B514, B520, E110. */
static void test_classes_that_cannot_be_queried(void **state)
{
	const struct {
		uint8_t type, class;
		ntstatus status;
	} cases[] = {
		{INFO_FILE, 9, STATUS_NOT_SUPPORTED}, {INFO_FILE, 26, STATUS_NOT_SUPPORTED}, {INFO_FILE, 29, STATUS_NOT_SUPPORTED},
		{INFO_FILE, 0, STATUS_INVALID_INFO_CLASS}, {INFO_FILE, 1, STATUS_INVALID_INFO_CLASS}, {INFO_FILE, 200, STATUS_INVALID_INFO_CLASS},
		{INFO_FILE, 10, STATUS_INVALID_INFO_CLASS}, {INFO_FILE, 23, STATUS_INVALID_PARAMETER},
		{INFO_FS, 2, STATUS_NOT_SUPPORTED}, {INFO_FS, 9, STATUS_NOT_SUPPORTED}, {INFO_FS, 0, STATUS_INVALID_INFO_CLASS},
		{INFO_FS, 77, STATUS_INVALID_INFO_CLASS}, {INFO_FS, 3, {0}}, {INFO_FS, 4, {0}}, {INFO_FS, 7, {0}}, {INFO_FS, 11, {0}},
	};

	(void)state;
	start_with_file("f");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_status(query(cases[i].type, cases[i].class, 1024), cases[i].status);
	for (uint8_t class = 3; class < 8; class++)
		assert_status(query(INFO_FS, class, 1), STATUS_INFO_LENGTH_MISMATCH);
	stop();
}

/* Backs: B516. */
static void test_rights_to_query(void **state)
{
	static const uint8_t need_attributes[] = {4, 18, 34, 35}, need_nothing[] = {5, 6, 7, 8, 14, 16, 17};

	(void)state;
	start_with_file("f");
	assert_status(raw_open(&fx.raw, "f", 2, OPEN, 0), STATUS_SUCCESS);
	for (size_t i = 0; i < ARRAY_LEN(need_attributes); i++)
		assert_status(query(INFO_FILE, need_attributes[i], 1024), STATUS_ACCESS_DENIED);
	for (size_t i = 0; i < ARRAY_LEN(need_nothing); i++)
		assert_status(query(INFO_FILE, need_nothing[i], 1024), STATUS_SUCCESS);
	assert_status(query(INFO_FILE, FSCC_FILE_FULL_EA, 1024), STATUS_ACCESS_DENIED);
	assert_status(query(INFO_SECURITY, 0, 1024), STATUS_ACCESS_DENIED);
	stop();
}

/* Backs: B521. */
static void test_a_descriptor_is_never_cut(void **state)
{
	(void)state;
	start_with_file("f");
	for (uint32_t room = 0; room < 20; room += 19) {
		assert_status(query(INFO_SECURITY, 0, room), STATUS_BUFFER_TOO_SMALL);
		assert_int_equal(error_bytes(), 4);
		assert_true(load_le32(fx.raw.answer.data + 72) > 20);
	}
	assert_status(query(INFO_SECURITY, 0, load_le32(fx.raw.answer.data + 72)), STATUS_SUCCESS);
	stop();
}

/* Backs: B513, B522, B533, D086. */
static void test_there_are_no_quotas(void **state)
{
	static const uint8_t all[16] = {0, 1};

	(void)state;
	start_with_file("f");
	assert_status(query_with(INFO_QUOTA, 0, slice_of(all, 16)), STATUS_NOT_SUPPORTED);
	assert_status(query_with(INFO_QUOTA, 0, slice_of(all, 3)), STATUS_INVALID_PARAMETER);
	assert_status(set_with(INFO_QUOTA, 0, 0, all, 16), STATUS_NOT_SUPPORTED);
	/* A list of attributes must be one; what has no use for an input does not look at it. */
	assert_status(query_with(INFO_FILE, FSCC_FILE_FULL_EA, slice_of(all, 3)), STATUS_EA_LIST_INCONSISTENT);
	assert_status(query_with(INFO_FILE, FSCC_FILE_BASIC, slice_of(all, 3)), STATUS_SUCCESS);
	stop();
}

/* Backs: B515. */
static void test_the_position_of_a_fresh_handle_is_0(void **state)
{
	(void)state;
	start_with_file("f");
	assert_status(query(INFO_FILE, FSCC_FILE_POSITION, 8), STATUS_SUCCESS);
	assert_int_equal(load_le64(fx.rsp.output.data), 0);
	stop();
}

/* Backs: A064. */
static void test_pipes_have_classes_of_their_own(void **state)
{
	(void)state;
	start_pipe();
	assert_status(query(INFO_FILE, 23, 8), STATUS_SUCCESS);
	assert_status(query(INFO_FILE, 24, 40), STATUS_SUCCESS);
	assert_int_equal(load_le32(fx.rsp.output.data + 32), 3);
	assert_status(query(INFO_FILE, 25, 12), STATUS_SUCCESS);
	assert_status(query(INFO_FILE, 5, 24), STATUS_SUCCESS);
	assert_status(query(INFO_FILE, 4, 40), STATUS_INVALID_PARAMETER);
	assert_status(query(INFO_SECURITY, 0, 1024), STATUS_NOT_SUPPORTED);
	assert_status(query(INFO_FS, 3, 1024), STATUS_INVALID_PARAMETER);
	stop();
}

/* --- SET_INFO --- */

/* Backs: B526, E113. */
static void test_limits_of_set_info(void **state)
{
	struct smb2_set_info_req req = {.info_type = 1, .file_info_class = 14, .input = slice_of("12345678", 8)};
	uint8_t frame[256];
	size_t len;

	(void)state;
	start_with_file("f");
	assert_status(set(FSCC_FILE_POSITION, "", 0), STATUS_INVALID_PARAMETER);
	req.file_id = fx.raw.file_id;
	for (uint16_t at = 0x58; at <= 0xA8; at = (uint16_t)(at + 8)) {
		memset(frame, 0, sizeof(frame));
		len = raw_encode(&fx.raw, frame, sizeof(frame), SMB2_SET_INFO, &req);
		store_le16(frame + 64 + 8, at);
		raw_send(&fx.raw, frame, len + 0x60);
		assert_int_equal(load_le32(raw_receive(&fx.raw).data + 8), at >= 0x60 && at <= 0xA0 ? 0 : STATUS_INVALID_PARAMETER.code);
	}
	stop();
}

/* Backs: B527, B531. */
static void test_classes_that_cannot_be_set(void **state)
{
	const struct {
		uint8_t type, class;
		ntstatus status;
	} cases[] = {
		{INFO_FILE, 5, STATUS_INVALID_INFO_CLASS}, {INFO_FILE, 6, STATUS_INVALID_INFO_CLASS}, {INFO_FILE, 18, STATUS_INVALID_INFO_CLASS},
		{INFO_FILE, 222, STATUS_INVALID_INFO_CLASS}, {INFO_FILE, 40, STATUS_NOT_SUPPORTED}, {INFO_FILE, 29, STATUS_NOT_SUPPORTED},
		{INFO_FS, 6, STATUS_ACCESS_DENIED}, {INFO_FS, 8, STATUS_ACCESS_DENIED}, {INFO_FS, 2, STATUS_NOT_SUPPORTED},
		{INFO_FS, 3, STATUS_INVALID_INFO_CLASS}, {INFO_FS, 99, STATUS_INVALID_INFO_CLASS}, {7, 3, STATUS_INVALID_PARAMETER},
	};
	static const uint8_t zeros[64];

	(void)state;
	start_with_file("f");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_status(set_with(cases[i].type, cases[i].class, 0, zeros, sizeof(zeros)), cases[i].status);
	stop();
}

/* Backs: B528, B532. */
static void test_rights_to_set(void **state)
{
	static const uint8_t zeros[64];
	static const uint8_t classes[] = {
		FSCC_FILE_BASIC, FSCC_FILE_RENAME, FSCC_FILE_DISPOSITION, FSCC_FILE_FULL_EA, FSCC_FILE_ALLOCATION, FSCC_FILE_END_OF_FILE,
		FSCC_FILE_VALID_DATA_LENGTH, FSCC_FILE_RENAME_EX, FSCC_FILE_DISPOSITION_EX,
	};

	(void)state;
	start_with_file("f");
	assert_status(raw_open(&fx.raw, "f", 0x20089, OPEN, 0), STATUS_SUCCESS);
	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		assert_status(set(classes[i], zeros, sizeof(zeros)), STATUS_ACCESS_DENIED);
	for (uint32_t part = 1; part <= 0x10; part <<= 1)
		assert_status(set_with(INFO_SECURITY, 0, part, zeros, sizeof(zeros)), STATUS_ACCESS_DENIED);
	stop();
}

/* --- extended attributes --- */

enum { RESTART = 1, SINGLE = 2, INDEX = 4 };

static size_t ea_put(uint8_t *out, size_t cap, const char *const pairs[][2], size_t n)
{
	struct fscc_list list = {.out = out, .cap = cap};

	for (size_t i = 0; i < n; i++) {
		const struct fscc_ea ea = {
			.name = slice_of(pairs[i][0], strlen(pairs[i][0])), .value = slice_of(pairs[i][1], strlen(pairs[i][1])),
		};

		assert_true(fscc_ea_put(&list, &ea));
	}
	return list.len;
}

static ntstatus query_eas(uint32_t flags, uint32_t index, uint32_t room, struct slice names)
{
	struct smb2_query_info_req req = {
		.info_type = INFO_FILE, .file_info_class = FSCC_FILE_FULL_EA, .output_buffer_length = room, .file_id = fx.raw.file_id,
		.flags = flags, .additional_information = index, .input = names,
	};

	memset(&fx.rsp, 0, sizeof(fx.rsp));
	return raw_call(&fx.raw, SMB2_QUERY_INFO, &req, &fx.rsp);
}

/* The names of the answer, each with a space behind it. */
static const char *ea_names(void)
{
	struct slice list = fx.rsp.output;
	char *out = arena_zalloc(&fx.raw.arena, 512);
	struct fscc_ea ea;
	size_t n = 0;
	bool bad = false;

	while (fscc_ea_next(&list, &ea, &bad))
		n += (size_t)snprintf(out + n, 512 - n, "%.*s=%.*s ", (int)ea.name.len, (const char *)ea.name.data, (int)ea.value.len,
			(const char *)ea.value.data);
	assert_false(bad);
	return out;
}

static const char *const three[][2] = {{"Aa", "1"}, {"B", "22"}, {"Ccc", "333"}};

static void start_with_eas(void)
{
	uint8_t data[256];

	start_with_file("f");
	assert_status(set(FSCC_FILE_FULL_EA, data, ea_put(data, sizeof(data), three, 3)), STATUS_SUCCESS);
}

/* Backs: B519. */
static void test_eas_are_listed_from_where_the_last_query_ended(void **state)
{
	const struct slice none = slice_of(NULL, 0);

	(void)state;
	start_with_file("f");
	assert_status(query_eas(0, 0, 200, none), STATUS_NO_EAS_ON_FILE);
	stop();
	start_with_eas();
	assert_status(query_eas(0, 0, 200, none), STATUS_SUCCESS);
	assert_string_equal(ea_names(), "Aa=1 B=22 Ccc=333 ");
	assert_status(query_eas(0, 0, 200, none), STATUS_NO_MORE_EAS);
	assert_status(query_eas(RESTART | SINGLE, 0, 200, none), STATUS_SUCCESS);
	assert_string_equal(ea_names(), "Aa=1 ");
	assert_status(query_eas(SINGLE, 0, 200, none), STATUS_SUCCESS);
	assert_string_equal(ea_names(), "B=22 ");
	assert_status(query_eas(INDEX, 3, 200, none), STATUS_SUCCESS);
	assert_string_equal(ea_names(), "Ccc=333 ");
	/* An index makes RESTART mean nothing. */
	assert_status(query_eas(INDEX | RESTART, 2, 200, none), STATUS_SUCCESS);
	assert_string_equal(ea_names(), "B=22 Ccc=333 ");
	assert_status(query_eas(INDEX, 4, 200, none), STATUS_NONEXISTENT_EA_ENTRY);
	assert_status(query_eas(INDEX, 0, 200, none), STATUS_NONEXISTENT_EA_ENTRY);
	/* What does not fit comes with the next query. */
	assert_status(query_eas(RESTART, 0, 20, none), STATUS_BUFFER_OVERFLOW);
	assert_string_equal(ea_names(), "Aa=1 ");
	assert_status(query_eas(0, 0, 200, none), STATUS_SUCCESS);
	assert_string_equal(ea_names(), "B=22 Ccc=333 ");
	stop();
}

/* Backs: B519, B518. */
static void test_eas_are_asked_for_by_name(void **state)
{
	uint8_t data[256];
	struct fscc_list list = {.out = data, .cap = sizeof(data)};
	static const uint8_t lies[] = {0, 0, 0, 0, 9, 'B', 0}, far[] = {200, 0, 0, 0, 1, 'B', 0, 0};

	(void)state;
	start_with_eas();
	assert_true(fscc_get_ea_put(&list, slice_of("ccc", 3)));
	assert_true(fscc_get_ea_put(&list, slice_of("none", 4)));
	assert_true(fscc_get_ea_put(&list, slice_of("CCC", 3)));
	assert_true(fscc_get_ea_put(&list, slice_of("Aa", 2)));
	/* The list of names wins over an index. */
	assert_status(query_eas(INDEX, 2, 200, slice_of(data, list.len)), STATUS_SUCCESS);
	assert_string_equal(ea_names(), "Ccc=333 none= Aa=1 ");
	assert_status(query_eas(SINGLE, 0, 200, slice_of(data, list.len)), STATUS_SUCCESS);
	assert_string_equal(ea_names(), "Ccc=333 ");
	assert_status(query_eas(0, 0, 20, slice_of(data, list.len)), STATUS_BUFFER_OVERFLOW);
	assert_string_equal(ea_names(), "Ccc=333 ");
	assert_status(query_eas(0, 0, 200, slice_of(lies, sizeof(lies))), STATUS_EA_LIST_INCONSISTENT);
	assert_status(query_eas(0, 0, 200, slice_of(far, sizeof(far))), STATUS_EA_LIST_INCONSISTENT);
	stop();
}

/* Backs: B529. */
static void test_eas_that_are_refused(void **state)
{
	static const uint8_t bad[] = {0, 0, 0, 0, 0, 9, 1, 0, 'a', 0, 'x'}, loop[] = {4, 0, 0, 0, 0, 1, 1, 0, 'a', 0, 'x', 0},
		flags[] = {0, 0, 0, 0, 1, 1, 1, 0, 'a', 0, 'x'};
	static const char *const illegal[][2] = {{"new", "x"}, {"a:b", "x"}}, *const ours[][2] = {{"new", "x"}, {"DOSATTRIB", "x"}};
	uint8_t data[256];

	(void)state;
	start_with_eas();
	assert_status(set(FSCC_FILE_FULL_EA, bad, sizeof(bad)), STATUS_EA_LIST_INCONSISTENT);
	assert_status(set(FSCC_FILE_FULL_EA, loop, sizeof(loop)), STATUS_EA_LIST_INCONSISTENT);
	assert_status(set(FSCC_FILE_FULL_EA, flags, sizeof(flags)), STATUS_INVALID_EA_NAME);
	assert_status(set(FSCC_FILE_FULL_EA, data, ea_put(data, sizeof(data), illegal, 2)), STATUS_INVALID_EA_NAME);
	assert_status(set(FSCC_FILE_FULL_EA, data, ea_put(data, sizeof(data), ours, 2)), STATUS_ACCESS_DENIED);
	assert_status(query_eas(0, 0, 200, slice_of(NULL, 0)), STATUS_SUCCESS);
	assert_string_equal(ea_names(), "Aa=1 B=22 Ccc=333 ");
	assert_status(query(INFO_FILE, FSCC_FILE_EA, 4), STATUS_SUCCESS);
	assert_int_equal(load_le32(fx.rsp.output.data), 4 + 3 * 5 + 6 + 6);
	assert_status(raw_open(&fx.raw, "f", 0x120096, OPEN, 0), STATUS_SUCCESS);
	assert_status(query_eas(0, 0, 200, slice_of(NULL, 0)), STATUS_ACCESS_DENIED);
	assert_status(raw_open(&fx.raw, "f", 0x120089, OPEN, 0), STATUS_SUCCESS);
	assert_status(set(FSCC_FILE_FULL_EA, bad, sizeof(bad)), STATUS_ACCESS_DENIED);
	stop();
}

static size_t rename_to(uint8_t *out, size_t cap, const char *name, bool replace)
{
	size_t n = strlen(name);

	memset(out, 0, cap);
	out[0] = replace;
	store_le32(out + 16, (uint32_t)(2 * n));
	for (size_t i = 0; i < n; i++)
		out[20 + 2 * i] = (uint8_t)name[i];
	return 20 + 2 * n;
}

/* Backs: E114. */
static void test_a_rename_may_bring_padding(void **state)
{
	uint8_t data[128];
	size_t len;

	(void)state;
	start_with_file("f");
	len = rename_to(data, sizeof(data), "other name", false);
	assert_status(set(FSCC_FILE_RENAME, data, len + 10), STATUS_SUCCESS);
	assert_status(raw_open(&fx.raw, "f", ALL, OPEN, 0), STATUS_OBJECT_NAME_NOT_FOUND);
	assert_status(raw_open(&fx.raw, "other name", ALL, OPEN, 0), STATUS_SUCCESS);
	store_le32(data + 16, 4000);
	assert_status(set(FSCC_FILE_RENAME, data, len), STATUS_INVALID_PARAMETER);
	store_le32(data + 16, UINT32_MAX);
	assert_status(set(FSCC_FILE_RENAME, data, len), STATUS_INVALID_PARAMETER);
	stop();
}

static void test_names_that_renames_refuse(void **state)
{
	const struct {
		const char *name;
		bool replace;
		ntstatus status;
	} cases[] = {
		{"there", false, STATUS_OBJECT_NAME_COLLISION}, {"dir", true, STATUS_ACCESS_DENIED}, {"", false, STATUS_OBJECT_NAME_INVALID},
		{"a*b", false, STATUS_OBJECT_NAME_INVALID}, {"nosuch\\f", false, STATUS_OBJECT_PATH_NOT_FOUND},
		{"..\\f", false, STATUS_OBJECT_PATH_SYNTAX_BAD}, {"f:stream", false, STATUS_OBJECT_NAME_INVALID}, {"there", true, {0}},
	};
	uint8_t data[128];

	(void)state;
	start();
	assert_status(raw_open(&fx.raw, "dir", ALL, OPEN_IF, DIRECTORY_FILE), STATUS_SUCCESS);
	for (int i = 0; i < 2; i++) {
		assert_status(raw_open(&fx.raw, i ? "f" : "there", ALL, OPEN_IF, 0), STATUS_SUCCESS);
		if (i == 0)
			assert_status(raw_call(&fx.raw, SMB2_CLOSE, &(struct smb2_close_req){.file_id = fx.raw.file_id}, NULL), STATUS_SUCCESS);
	}
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t len = rename_to(data, sizeof(data), cases[i].name, cases[i].replace);

		assert_status(set(FSCC_FILE_RENAME, data, len < 24 ? 24 : len), cases[i].status);
	}
	stop();
}

/* Backs: E111. */
static void test_setting_the_descriptor_that_holds_succeeds(void **state)
{
	uint8_t sd[1024];
	size_t len;

	(void)state;
	start_with_file("f");
	assert_status(query(INFO_SECURITY, 0, 1024), STATUS_SUCCESS);
	len = fx.rsp.output.len;
	memcpy(sd, fx.rsp.output.data, len);
	assert_status(set_with(INFO_SECURITY, 0, 7, sd, len), STATUS_SUCCESS);
	assert_status(set_with(INFO_SECURITY, 0, 4, sd, 10), STATUS_INVALID_SECURITY_DESCR);
	stop();
}

/* Every class with every length of zeros and of ones: nothing breaks. */
static void test_no_payload_breaks_set_info(void **state)
{
	static uint8_t data[64];

	(void)state;
	start_with_file("f");
	for (int ones = 0; ones < 2; ones++) {
		memset(data, ones ? 0xFF : 0, sizeof(data));
		for (unsigned class = 0; class < 80; class++) {
			for (size_t len = 1; len < sizeof(data); len += 7) {
				(void)raw_open(&fx.raw, "f", ALL, OPEN_IF, 0);
				(void)set((uint8_t)class, data, len);
				(void)raw_call(&fx.raw, SMB2_CLOSE, &(struct smb2_close_req){.file_id = fx.raw.file_id}, NULL);
			}
		}
	}
	assert_status(raw_open(&fx.raw, "g", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_buffer_below_the_fixed_part_is_a_mismatch),
		cmocka_unit_test(test_a_name_that_does_not_fit_is_cut),
		cmocka_unit_test(test_more_than_max_transact_size_is_refused),
		cmocka_unit_test(test_the_charge_pays_for_the_larger_of_both_buffers),
		cmocka_unit_test(test_classes_that_cannot_be_queried),
		cmocka_unit_test(test_rights_to_query),
		cmocka_unit_test(test_a_descriptor_is_never_cut),
		cmocka_unit_test(test_there_are_no_quotas),
		cmocka_unit_test(test_the_position_of_a_fresh_handle_is_0),
		cmocka_unit_test(test_pipes_have_classes_of_their_own),
		cmocka_unit_test(test_limits_of_set_info),
		cmocka_unit_test(test_classes_that_cannot_be_set),
		cmocka_unit_test(test_rights_to_set),
		cmocka_unit_test(test_eas_are_listed_from_where_the_last_query_ended),
		cmocka_unit_test(test_eas_are_asked_for_by_name),
		cmocka_unit_test(test_eas_that_are_refused),
		cmocka_unit_test(test_a_rename_may_bring_padding),
		cmocka_unit_test(test_names_that_renames_refuse),
		cmocka_unit_test(test_setting_the_descriptor_that_holds_succeeds),
		cmocka_unit_test(test_no_payload_breaks_set_info),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Raw CREATE requests: [MS-SMB2] 3.3.5.9 and its contexts, 2.2.13, against a table of what each must come to. */
#include "sim.h"

#include "fsa/fsa.h"

enum { SUPERSEDE, OPEN, CREATE, OPEN_IF, OVERWRITE, OVERWRITE_IF };
enum { DIRECTORY = 1, NO_BUFFERING = 8, NON_DIRECTORY = 0x40, NO_EAS = 0x200, DELETE_ON_CLOSE = 0x1000, BY_ID = 0x2000, OPFILTER = 0x100000 };
enum { ACTION_SUPERSEDED, ACTION_OPENED, ACTION_CREATED, ACTION_OVERWRITTEN };

static struct {
	struct sim sim;
	struct raw raw;
	struct smb2_create_rsp rsp;
} fx;

static void start(uint16_t dialect)
{
	sim_start(&fx.sim, NULL);
	raw_ready(&fx.raw, &fx.sim, dialect);
}

static void stop(void)
{
	raw_close(&fx.raw);
	sim_stop(&fx.sim);
}

static struct smb2_create_req req_of(const char *name, uint32_t disposition, uint32_t options)
{
	return (struct smb2_create_req){
		.impersonation_level = 2, .desired_access = 0x1F01FF, .share_access = 7, .create_disposition = disposition,
		.create_options = options, .name = raw_wide(&fx.raw, name),
	};
}

static ntstatus create(const struct smb2_create_req *req)
{
	ntstatus s = raw_call(&fx.raw, SMB2_CREATE, req, &fx.rsp);

	if (nt_ok(s))
		fx.raw.file_id = fx.rsp.file_id;
	return s;
}

static ntstatus create_as(const char *name, uint32_t disposition, uint32_t options)
{
	struct smb2_create_req req = req_of(name, disposition, options);

	return create(&req);
}

static ntstatus close_file(struct smb2_file_id id)
{
	struct smb2_close_req req = {.file_id = id};

	return raw_call(&fx.raw, SMB2_CLOSE, &req, NULL);
}

static void make(const char *name, uint32_t options)
{
	assert_status(create_as(name, OPEN_IF, options), STATUS_SUCCESS);
	assert_status(close_file(fx.rsp.file_id), STATUS_SUCCESS);
}

static void write_some(struct smb2_file_id id, const char *text)
{
	struct smb2_write_req w = {.length = (uint32_t)strlen(text), .file_id = id, .data_offset = 0x70, .data = slice_of(text, strlen(text))};

	assert_status(raw_call(&fx.raw, SMB2_WRITE, &w, NULL), STATUS_SUCCESS);
}

/* Backs: B292, B323, B326, B329, B333, A019, A037. */
static void test_dispositions_of_names_that_exist_and_that_do_not(void **state)
{
	const struct {
		uint32_t disposition;
		ntstatus missing;
		uint32_t missing_action;
		ntstatus there;
		uint32_t there_action;
		bool empties;
	} rows[] = {
		{SUPERSEDE, {0}, ACTION_CREATED, {0}, ACTION_SUPERSEDED, true},
		{OPEN, STATUS_OBJECT_NAME_NOT_FOUND, 0, {0}, ACTION_OPENED, false},
		{CREATE, {0}, ACTION_CREATED, STATUS_OBJECT_NAME_COLLISION, 0, false},
		{OPEN_IF, {0}, ACTION_CREATED, {0}, ACTION_OPENED, false},
		{OVERWRITE, STATUS_OBJECT_NAME_NOT_FOUND, 0, {0}, ACTION_OVERWRITTEN, true},
		{OVERWRITE_IF, {0}, ACTION_CREATED, {0}, ACTION_OVERWRITTEN, true},
	};

	(void)state;
	start(0x0311);
	make("there", 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_status(create_as("missing", rows[i].disposition, DELETE_ON_CLOSE), rows[i].missing);
		if (nt_ok(rows[i].missing)) {
			assert_int_equal(fx.rsp.create_action, rows[i].missing_action);
			assert_status(close_file(fx.rsp.file_id), STATUS_SUCCESS);
		}
		assert_status(create_as("there", OPEN, 0), STATUS_SUCCESS);
		write_some(fx.rsp.file_id, "content");
		assert_status(close_file(fx.rsp.file_id), STATUS_SUCCESS);
		assert_status(create_as("there", rows[i].disposition, 0), rows[i].there);
		if (nt_ok(rows[i].there)) {
			assert_int_equal(fx.rsp.create_action, rows[i].there_action);
			assert_int_equal(fx.rsp.end_of_file, rows[i].empties ? 0 : 7);
			assert_status(close_file(fx.rsp.file_id), STATUS_SUCCESS);
		}
	}
	stop();
}

/* Backs: B309, B310, B311, G081. */
static void test_directory_and_non_directory_options(void **state)
{
	const struct {
		const char *name;
		uint32_t disposition, options;
		ntstatus status;
	} rows[] = {
		{"dir", OPEN, DIRECTORY, {0}}, {"dir", OPEN, 0, {0}}, {"dir", OPEN, NON_DIRECTORY, STATUS_FILE_IS_A_DIRECTORY},
		{"dir", CREATE, DIRECTORY, STATUS_OBJECT_NAME_COLLISION}, {"dir", OPEN_IF, DIRECTORY, {0}},
		{"file", OPEN, DIRECTORY, STATUS_NOT_A_DIRECTORY}, {"file", CREATE, DIRECTORY, STATUS_OBJECT_NAME_COLLISION},
		{"file", OPEN_IF, DIRECTORY, STATUS_NOT_A_DIRECTORY}, {"file", OPEN, NON_DIRECTORY, {0}},
		{"x", SUPERSEDE, DIRECTORY, STATUS_INVALID_PARAMETER}, {"x", OVERWRITE, DIRECTORY, STATUS_INVALID_PARAMETER},
		{"x", OVERWRITE_IF, DIRECTORY, STATUS_INVALID_PARAMETER},
		{"x", CREATE, DIRECTORY | NON_DIRECTORY, STATUS_INVALID_PARAMETER}, {"dir", OPEN, DIRECTORY | 0x20 | 0x10, {0}},
		{"dir\\", OPEN, 0, {0}}, {"dir", OVERWRITE, 0, STATUS_OBJECT_NAME_COLLISION},
	};

	(void)state;
	start(0x0311);
	make("dir", DIRECTORY);
	make("file", 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct smb2_create_req req = req_of(rows[i].name, rows[i].disposition, rows[i].options);
		ntstatus s;

		s = create(&req);
		if (s.code != rows[i].status.code)
			print_message("row %zu\n", i);
		assert_status(s, rows[i].status);
		if (nt_ok(s))
			assert_status(close_file(fx.rsp.file_id), STATUS_SUCCESS);
	}
	stop();
}

/* Backs: B312, B307, B313, E058, E059. */
static void test_options_and_levels_that_are_refused_or_ignored(void **state)
{
	struct smb2_create_req req;

	(void)state;
	start(0x0311);
	make("f", 0);
	assert_status(create_as("f", OPEN, BY_ID), STATUS_NOT_SUPPORTED);
	assert_status(create_as("f", OPEN, OPFILTER), STATUS_NOT_SUPPORTED);
	assert_status(create_as("f", OPEN, 0x10 | 0x20 | 0x100 | 0x400 | 0x10000 | 0x20000 | 0x800000), STATUS_SUCCESS);
	req = req_of("f", OPEN, 0);
	req.impersonation_level = 4;
	assert_status(create(&req), STATUS_BAD_IMPERSONATION_LEVEL);
	req.impersonation_level = 0;
	assert_status(create(&req), STATUS_SUCCESS);
	req.create_disposition = 6;
	assert_status(create(&req), STATUS_INVALID_PARAMETER);
	req.create_disposition = OPEN;
	req.share_access = 8;
	assert_status(create(&req), STATUS_INVALID_PARAMETER);
	stop();
}

/* Backs: B296, B297, E065. */
static void test_names(void **state)
{
	const struct {
		const char *name;
		ntstatus status;
	} rows[] = {
		{"ok", {0}}, {"A B.c-d", {0}}, {"\\lead", STATUS_INVALID_PARAMETER}, {"a\\\\b", STATUS_OBJECT_NAME_INVALID},
		{"a*b", STATUS_OBJECT_NAME_INVALID}, {"a?b", STATUS_OBJECT_NAME_INVALID}, {"a<b", STATUS_OBJECT_NAME_INVALID},
		{"a>b", STATUS_OBJECT_NAME_INVALID}, {"a|b", STATUS_OBJECT_NAME_INVALID}, {"a\"b", STATUS_OBJECT_NAME_INVALID},
		{"ok/b", STATUS_OBJECT_PATH_NOT_FOUND}, {"a\x01" "b", STATUS_OBJECT_NAME_INVALID},
		{"..\\up", STATUS_OBJECT_PATH_SYNTAX_BAD}, {"a\\..\\b", {0}}, {"a\\..\\..\\b", STATUS_OBJECT_PATH_SYNTAX_BAD}, {"a/..", {0}}, {"a/.", STATUS_OBJECT_NAME_INVALID}, {"a..\\..b", STATUS_OBJECT_PATH_NOT_FOUND},
		{"no\\such\\path", STATUS_OBJECT_PATH_NOT_FOUND}, {"ok\\below", STATUS_OBJECT_PATH_NOT_FOUND},
		{"ok::$DATA", {0}}, {"ok:stream", {0}}, {"ok:a/b", STATUS_OBJECT_NAME_INVALID}, {"ok:", STATUS_OBJECT_NAME_INVALID}, {"NUL", STATUS_ACCESS_DENIED}, {"com1", STATUS_ACCESS_DENIED},
		{"nul2", {0}},
	};

	(void)state;
	start(0x0311);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ntstatus s = create_as(rows[i].name, OPEN_IF, 0);

		if (s.code != rows[i].status.code)
			print_message("name '%s'\n", rows[i].name);
		assert_status(s, rows[i].status);
		if (nt_ok(s))
			assert_status(close_file(fx.rsp.file_id), STATUS_SUCCESS);
	}
	stop();
}

/* Backs: E070, B321. */
static void test_names_match_without_case_and_keep_it(void **state)
{
	(void)state;
	start(0x0311);
	make("MixedCase.Txt", 0);
	assert_status(create_as("mixedcase.TXT", OPEN, 0), STATUS_SUCCESS);
	assert_status(close_file(fx.rsp.file_id), STATUS_SUCCESS);
	assert_status(create_as("MIXEDCASE.txt", CREATE, 0), STATUS_OBJECT_NAME_COLLISION);
	stop();
}

/* Backs: B325, B306, B528, A020. */
static void test_what_is_granted_is_what_was_asked_and_delete_on_close_needs_delete(void **state)
{
	static const struct {
		uint32_t access, granted;
	} rows[] = {
		{0x1, 0x1}, {0x80, 0x80}, {0x120089, 0x120089}, {0x80000000, 0x120089}, {0x40000000, 0x120116}, {0x20000000, 0x1200A0},
		{0x10000000, 0x1F01FF}, {0x02000000, 0x1F01FF},
	};
	struct smb2_create_req req;

	(void)state;
	start(0x0311);
	make("f", 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct smb2_query_info_req q = {.info_type = 1, .file_info_class = 8, .output_buffer_length = 4};
		struct smb2_query_info_rsp a = {0};

		req = req_of("f", OPEN, 0);
		req.desired_access = rows[i].access;
		assert_status(create(&req), STATUS_SUCCESS);
		q.file_id = fx.rsp.file_id;
		assert_status(raw_call(&fx.raw, SMB2_QUERY_INFO, &q, &a), STATUS_SUCCESS);
		assert_int_equal(load_le32(a.output.data), rows[i].granted);
		assert_status(close_file(fx.rsp.file_id), STATUS_SUCCESS);
	}
	req = req_of("f", OPEN, DELETE_ON_CLOSE);
	req.desired_access = 0x120089;
	assert_status(create(&req), STATUS_ACCESS_DENIED);
	/* Whoever asks for all there is has not asked for this. */
	req.desired_access = 0x02000000;
	assert_status(create(&req), STATUS_ACCESS_DENIED);
	req.desired_access = 0;
	req.create_options = 0;
	assert_status(create(&req), STATUS_ACCESS_DENIED);
	req.desired_access = 0x01000000;
	assert_status(create(&req), STATUS_PRIVILEGE_NOT_HELD);
	stop();
}

/* Backs: B316. */
static void test_delete_on_close_deletes_at_the_last_close(void **state)
{
	struct smb2_file_id first;

	(void)state;
	start(0x0311);
	assert_status(create_as("f", CREATE, DELETE_ON_CLOSE), STATUS_SUCCESS);
	first = fx.rsp.file_id;
	assert_status(create_as("f", OPEN, 0), STATUS_SUCCESS);
	assert_status(close_file(first), STATUS_SUCCESS);
	/* The other handle lives, and the name is not to be had any more. */
	assert_status(create_as("f", OPEN_IF, 0), STATUS_DELETE_PENDING);
	write_some(fx.raw.file_id, "still");
	assert_status(close_file(fx.raw.file_id), STATUS_SUCCESS);
	assert_status(create_as("f", OPEN, 0), STATUS_OBJECT_NAME_NOT_FOUND);
	stop();
}

/* Every pair of two opens against the rule of [MS-FSA] 2.1.5.1.2.2. Backs: B328. */
static void test_share_modes_of_every_pair(void **state)
{
	static const uint32_t access[] = {0x80, 0x1, 0x2, 0x4, 0x20, 0x10000, 0x10003};

	(void)state;
	start(0x0210);
	make("f", 0);
	for (size_t a = 0; a < ARRAY_LEN(access); a++) {
		for (size_t b = 0; b < ARRAY_LEN(access); b++) {
			for (uint32_t share = 0; share < 64; share++) {
				struct smb2_create_req one = req_of("f", OPEN, 0), two = one;
				uint32_t r = 0x21, w = 0x6, d = 0x10000, x = access[a], y = access[b], sx = share & 7, sy = share >> 3;
				bool clash = x != 0x80 && y != 0x80 &&
					(((x & r) && !(sy & 1)) || ((x & w) && !(sy & 2)) || ((x & d) && !(sy & 4)) ||
						((y & r) && !(sx & 1)) || ((y & w) && !(sx & 2)) || ((y & d) && !(sx & 4)));
				struct smb2_file_id id;

				one.desired_access = x;
				one.share_access = sx;
				two.desired_access = y;
				two.share_access = sy;
				assert_status(create(&one), STATUS_SUCCESS);
				id = fx.rsp.file_id;
				assert_status(create(&two), clash ? STATUS_SHARING_VIOLATION : STATUS_SUCCESS);
				if (!clash)
					assert_status(close_file(fx.rsp.file_id), STATUS_SUCCESS);
				assert_status(close_file(id), STATUS_SUCCESS);
			}
		}
		arena_reset(&fx.raw.arena);
	}
	stop();
}

/* Backs: B288, D099. */
static void test_a_read_only_share_takes_no_change(void **state)
{
	struct smb2_create_req req;

	(void)state;
	start(0x0311);
	assert_status(raw_tree(&fx.raw, "ro"), STATUS_SUCCESS);
	assert_status(create_as("f", CREATE, 0), STATUS_ACCESS_DENIED);
	req = req_of("f", OPEN_IF, 0);
	req.desired_access = 0x120089;
	assert_status(create(&req), STATUS_ACCESS_DENIED);
	req = req_of("", OPEN, 0);
	req.desired_access = 0x120089;
	assert_status(create(&req), STATUS_SUCCESS);
	req.desired_access = 0x10000;
	assert_status(create(&req), STATUS_ACCESS_DENIED);
	req.desired_access = 0x2;
	assert_status(create(&req), STATUS_ACCESS_DENIED);
	stop();
}

/* Backs: B316. */
static void test_a_read_only_file_is_neither_written_nor_deleted(void **state)
{
	struct smb2_create_req req;

	(void)state;
	start(0x0311);
	req = req_of("ro", CREATE, 0);
	req.file_attributes = 1;
	assert_status(create(&req), STATUS_SUCCESS);
	assert_int_equal(fx.rsp.file_attributes & 1, 1);
	assert_status(close_file(fx.rsp.file_id), STATUS_SUCCESS);
	assert_status(create_as("ro", OVERWRITE, 0), STATUS_ACCESS_DENIED);
	req = req_of("ro", OPEN, 0);
	req.desired_access = 0x2;
	assert_status(create(&req), STATUS_ACCESS_DENIED);
	req.desired_access = 0x10000;
	req.create_options = DELETE_ON_CLOSE;
	assert_status(create(&req), STATUS_CANNOT_DELETE);
	stop();
}

/* --- contexts --- */

static struct slice context_of(const char *name, const void *data, size_t len)
{
	uint8_t *mem = arena_zalloc(&fx.raw.arena, 256);
	struct wire w = wire_encoder(mem, 0, 256);

	assert_non_null(mem);
	smb2_create_context_put(&w, slice_of(name, 4), slice_of(data, len));
	assert_true(wire_ok(&w));
	return slice_of(mem, w.pos);
}

static bool answered(const char *name, struct slice *data)
{
	struct slice list = fx.rsp.contexts;
	struct smb2_create_context c;
	bool bad;

	while (smb2_create_context_next(&list, &c, &bad)) {
		if (c.name.len == 4 && memcmp(c.name.data, name, 4) == 0) {
			*data = c.data;
			return true;
		}
	}
	return false;
}

static ntstatus create_with(const char *file, const char *name, const void *data, size_t len)
{
	struct smb2_create_req req = req_of(file, OPEN_IF, 0);

	req.contexts = context_of(name, data, len);
	return create(&req);
}

/* Backs: B339, A027, A040. */
static void test_mxac_tells_the_maximal_access(void **state)
{
	struct slice data;
	uint8_t time[8];

	(void)state;
	start(0x0311);
	assert_status(create_with("f", "MxAc", NULL, 0), STATUS_SUCCESS);
	assert_true(answered("MxAc", &data));
	assert_int_equal(data.len, 8);
	assert_int_equal(load_le32(data.data), 0);
	assert_int_equal(load_le32(data.data + 4), 0x1F01FF);
	store_le64(time, fx.rsp.change_time);
	assert_status(create_with("f", "MxAc", time, 8), STATUS_SUCCESS);
	assert_true(answered("MxAc", &data));
	assert_int_equal(load_le32(data.data), STATUS_NONE_MAPPED.code);
	assert_int_equal(load_le32(data.data + 4), 0);
	store_le64(time, fx.rsp.change_time + 1);
	assert_status(create_with("f", "MxAc", time, 8), STATUS_SUCCESS);
	assert_true(answered("MxAc", &data));
	assert_int_equal(load_le32(data.data), 0);
	stop();
}

/* Backs: B366, A031, A041. */
static void test_qfid_is_the_internal_information(void **state)
{
	struct slice data;
	struct smb2_query_info_req q = {.info_type = 1, .file_info_class = 6, .output_buffer_length = 8};
	struct smb2_query_info_rsp a = {0};

	(void)state;
	start(0x0311);
	assert_status(create_with("f", "QFid", NULL, 0), STATUS_SUCCESS);
	assert_true(answered("QFid", &data));
	assert_int_equal(data.len, 32);
	q.file_id = fx.rsp.file_id;
	assert_status(raw_call(&fx.raw, SMB2_QUERY_INFO, &q, &a), STATUS_SUCCESS);
	assert_memory_equal(a.output.data, data.data, 8);
	stop();
}

/* Backs: B336, A028. */
static void test_alsi_reserves(void **state)
{
	struct smb2_create_req req;
	uint8_t size[8];

	(void)state;
	start(0x0311);
	store_le64(size, 1 << 20);
	assert_status(create_with("f", "AlSi", size, 8), STATUS_SUCCESS);
	assert_int_equal(fx.rsp.end_of_file, 0);
	req = req_of("read only", CREATE, 0);
	req.desired_access = 0x120089;
	req.contexts = context_of("AlSi", size, 8);
	assert_status(create(&req), STATUS_SUCCESS);
	store_le64(size, 1ull << 40);
	assert_status(create_with("toobig", "AlSi", size, 8), STATUS_DISK_FULL);
	assert_status(create_as("toobig", OPEN, 0), STATUS_OBJECT_NAME_NOT_FOUND);
	stop();
}

/* Backs: B304, E068. */
static void test_unknown_contexts_are_ignored(void **state)
{
	(void)state;
	start(0x0311);
	assert_status(create_with("f", "WhAt", "something", 9), STATUS_SUCCESS);
	stop();
}

/* Backs: B305, B331, A022. */
static void test_contexts_of_a_wrong_size_are_refused(void **state)
{
	static const char *const names[] = {"MxAc", "QFid", "AlSi", "TWrp", "DHnQ", "DHnC", "DH2Q", "DH2C"};

	(void)state;
	start(0x0311);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_status(create_with("f", names[i], "12345", 5), STATUS_INVALID_PARAMETER);
	{
		struct smb2_create_req req = req_of("f", OPEN_IF, 0);

		req.requested_oplock_level = 0xFF;
		req.contexts = context_of("RqLs", "12345", 5);
		assert_status(create(&req), STATUS_INVALID_PARAMETER);
	}
	stop();
}

/* Backs: B337, A029. */
static void test_a_snapshot_that_does_not_exist_is_not_found(void **state)
{
	(void)state;
	start(0x0311);
	make("f", 0);
	assert_status(create_with("f", "TWrp", "\1\2\3\4\5\6\7\1", 8), STATUS_OBJECT_NAME_NOT_FOUND);
	stop();
}

/* Backs: B341, B344, B346, B349, B367, B383, B384. */
static void test_durable_contexts_exclude_each_other_and_find_nothing(void **state)
{
	static const char *const pairs[][2] = {{"DHnQ", "DH2Q"}, {"DHnQ", "DH2C"}, {"DHnC", "DH2Q"}, {"DHnC", "DH2C"}, {"DH2Q", "DH2C"}};
	static const uint8_t zeros[36];

	(void)state;
	start(0x0311);
	make("f", 0);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct smb2_create_req req = req_of("f", OPEN, 0);
		uint8_t *mem = arena_zalloc(&fx.raw.arena, 256);
		struct wire w = wire_encoder(mem, 0, 256);

		for (int k = 0; k < 2; k++) {
			size_t len = pairs[i][k][2] == 'n' ? 16 : pairs[i][k][3] == 'Q' ? 32 : 36;

			smb2_create_context_put(&w, slice_of(pairs[i][k], 4), slice_of(zeros, len));
		}
		req.contexts = slice_of(mem, w.pos);
		assert_status(create(&req), STATUS_INVALID_PARAMETER);
	}
	assert_status(create_with("f", "DHnC", zeros, 16), STATUS_OBJECT_NAME_NOT_FOUND);
	assert_status(create_with("f", "DH2C", zeros, 36), STATUS_OBJECT_NAME_NOT_FOUND);
	stop();
}

/* Backs: B342, B330, B356, B368. */
static void test_durability_that_is_not_granted_is_not_answered(void **state)
{
	static const uint8_t zeros[52];
	struct smb2_create_req req;
	struct slice data;

	(void)state;
	start(0x0311);
	assert_status(create_with("f", "DHnQ", zeros, 16), STATUS_SUCCESS);
	assert_false(answered("DHnQ", &data));
	assert_status(create_with("f", "DH2Q", zeros, 32), STATUS_SUCCESS);
	assert_false(answered("DH2Q", &data));
	req = req_of("f", OPEN_IF, 0);
	req.requested_oplock_level = 0xFF;
	assert_status(create(&req), STATUS_SUCCESS);
	assert_int_equal(fx.rsp.oplock_level, 0);
	stop();
}

/* Backs: B334, B314. */
static void test_extended_attributes_at_creation(void **state)
{
	static const uint8_t ea[] = {0, 0, 0, 0, 0, 1, 2, 0, 'A', 0, 'x', 'y'}, bad[] = {0, 0, 0, 0, 0, 9, 2, 0, 'A', 0, 'x', 'y'};
	static const uint8_t ours[] = {0, 0, 0, 0, 0, 5, 1, 0, 'N', 'T', 'A', 'C', 'L', 0, 'x'};
	struct smb2_query_info_req query = {.info_type = 1, .file_info_class = 15, .output_buffer_length = 100};
	struct smb2_query_info_rsp eas;
	struct smb2_create_req req;

	(void)state;
	start(0x0311);
	/* A file without the attributes it should have is not made. */
	assert_status(create_with("new", "ExtA", bad, sizeof(bad)), STATUS_EA_LIST_INCONSISTENT);
	assert_status(create_with("new", "ExtA", ours, sizeof(ours)), STATUS_ACCESS_DENIED);
	assert_status(create_as("new", OPEN, 0), STATUS_OBJECT_NAME_NOT_FOUND);
	assert_status(create_with("made", "ExtA", ea, sizeof(ea)), STATUS_SUCCESS);
	query.file_id = fx.rsp.file_id;
	assert_status(raw_call(&fx.raw, SMB2_QUERY_INFO, &query, &eas), STATUS_SUCCESS);
	assert_int_equal(eas.output.len, sizeof(ea));
	assert_memory_equal(eas.output.data, ea, sizeof(ea));
	assert_status(close_file(fx.rsp.file_id), STATUS_SUCCESS);
	/* Overwriting takes them away; opening does not add any. */
	assert_status(create_as("made", OVERWRITE, 0), STATUS_SUCCESS);
	query.file_id = fx.rsp.file_id;
	assert_status(raw_call(&fx.raw, SMB2_QUERY_INFO, &query, &eas), STATUS_NO_EAS_ON_FILE);
	assert_status(close_file(fx.rsp.file_id), STATUS_SUCCESS);
	req = req_of("new", CREATE, NO_EAS);
	req.contexts = context_of("ExtA", ea, sizeof(ea));
	assert_status(create(&req), STATUS_ACCESS_DENIED);
	/* They are a file's: a stream cannot come with some, and what was there stays. */
	assert_status(create_with("new:s", "ExtA", ea, sizeof(ea)), STATUS_INVALID_PARAMETER);
	assert_status(create_as("new", OPEN, 0), STATUS_OBJECT_NAME_NOT_FOUND);
	assert_status(create_as("made:s", CREATE, 0), STATUS_SUCCESS);
	write_some(fx.rsp.file_id, "content");
	assert_status(close_file(fx.rsp.file_id), STATUS_SUCCESS);
	req = req_of("made:s", OVERWRITE_IF, 0);
	req.contexts = context_of("ExtA", ea, sizeof(ea));
	assert_status(create(&req), STATUS_INVALID_PARAMETER);
	assert_status(create_with("made:s", "ExtA", ea, sizeof(ea)), STATUS_SUCCESS);
	assert_int_equal(fx.rsp.end_of_file, 7);
	stop();
}

/* Backs: B394, A036. */
static void test_shared_virtual_disks_are_an_invalid_device_request(void **state)
{
	static const uint8_t name[] = {0x9C, 0xCB, 0xCF, 0x9E, 0x04, 0xC1, 0xE6, 0x43, 0x98, 0x0E, 0x15, 0x8D, 0xA1, 0xF6, 0xEC, 0x83};
	struct smb2_create_req req;
	uint8_t *mem;
	struct wire w;

	(void)state;
	start(0x0311);
	mem = arena_zalloc(&fx.raw.arena, 256);
	w = wire_encoder(mem, 0, 256);
	smb2_create_context_put(&w, slice_of(name, 16), slice_of("\1\0\0\0", 4));
	req = req_of("f", OPEN_IF, 0);
	req.contexts = slice_of(mem, w.pos);
	assert_status(create(&req), STATUS_INVALID_DEVICE_REQUEST);
	stop();
}

/* Backs: B295, B294. */
static void test_the_dfs_flag_means_nothing_on_a_share_that_is_not_dfs(void **state)
{
	(void)state;
	start(0x0311);
	fx.raw.flags = SMB2_FLAGS_DFS_OPERATIONS;
	assert_status(create_as("plain", CREATE, 0), STATUS_SUCCESS);
	stop();
}

/* Backs: B298, B308, B301, E078. */
static void test_pipes(void **state)
{
	struct smb2_create_req req;

	(void)state;
	start(0x0311);
	assert_status(raw_tree(&fx.raw, "IPC$"), STATUS_SUCCESS);
	req = req_of("SrvSvc", CREATE, 0);
	req.requested_oplock_level = 9;
	req.file_attributes = 0x10;
	assert_status(create(&req), STATUS_SUCCESS);
	assert_int_equal(fx.rsp.create_action, ACTION_OPENED);
	assert_int_equal(fx.rsp.oplock_level, 0);
	req.impersonation_level = 3;
	assert_status(create(&req), STATUS_BAD_IMPERSONATION_LEVEL);
	assert_status(create_as("nosuchpipe", OPEN, 0), STATUS_OBJECT_NAME_NOT_FOUND);
	stop();
}

/* Backs: B293. */
static void test_a_short_body_is_an_invalid_parameter(void **state)
{
	struct smb2_create_req req;
	uint8_t frame[512];
	struct slice f;

	(void)state;
	start(0x0311);
	req = req_of("f", OPEN_IF, 0);
	(void)!raw_encode(&fx.raw, frame, sizeof(frame), SMB2_CREATE, &req);
	raw_send_plain(&fx.raw, frame, 64 + 40);
	f = raw_receive(&fx.raw);
	assert_true(f.len >= 64);
	assert_int_equal(load_le32(f.data + 8), STATUS_INVALID_PARAMETER.code);
	stop();
}

/* Backs: B306, B307, B311. */
static void test_of_several_faults_the_first_is_told(void **state)
{
	struct smb2_create_req req;

	(void)state;
	start(0x0311);
	make("d", DIRECTORY);
	/* Everything at once, and then one fault less each time. */
	req = req_of("none\\:bad\\..", 9, DELETE_ON_CLOSE | DIRECTORY | NON_DIRECTORY | OPFILTER);
	req.impersonation_level = 9;
	req.desired_access = 0x4000000;
	assert_status(create(&req), STATUS_OBJECT_NAME_INVALID);
	req.name = raw_wide(&fx.raw, "none:s");
	assert_status(create(&req), STATUS_ACCESS_DENIED);
	req.desired_access |= 0x10000;
	assert_status(create(&req), STATUS_BAD_IMPERSONATION_LEVEL);
	req.impersonation_level = 2;
	assert_status(create(&req), STATUS_ACCESS_DENIED);
	req.desired_access = 0x1F01FF;
	assert_status(create(&req), STATUS_INVALID_PARAMETER);
	req.create_disposition = OPEN_IF;
	assert_status(create(&req), STATUS_NOT_SUPPORTED);
	req.create_options = DELETE_ON_CLOSE | DIRECTORY | NON_DIRECTORY;
	assert_status(create(&req), STATUS_INVALID_PARAMETER);
	req.create_options = DELETE_ON_CLOSE | DIRECTORY;
	assert_status(create(&req), STATUS_NOT_A_DIRECTORY);
	req.name = raw_wide(&fx.raw, "none");
	assert_status(create(&req), STATUS_SUCCESS);
	stop();
}

static void test_temporary_directories_are_not_made(void **state)
{
	struct smb2_create_req req;

	(void)state;
	start(0x0311);
	req = req_of("d", OPEN_IF, DIRECTORY);
	req.file_attributes = 0x100;
	assert_status(create(&req), STATUS_INVALID_PARAMETER);
	make("d", DIRECTORY);
	/* One that is there is opened, whatever it was to be like. */
	assert_status(create(&req), STATUS_SUCCESS);
	assert_int_equal(fx.rsp.file_attributes, 0x10);
	stop();
}

/* What a search may look into is the directory's to say, and what is overwritten is new to it. */
static void test_what_is_not_indexed_is_so_by_its_directory(void **state)
{
	struct smb2_set_info_req set = {.info_type = 1, .file_info_class = 4};
	struct smb2_create_req req;
	uint8_t basic[40] = {0};

	(void)state;
	start(0x0311);
	req = req_of("f", CREATE, 0);
	req.file_attributes = 0x2000;
	assert_status(create(&req), STATUS_SUCCESS);
	assert_int_equal(fx.rsp.file_attributes, 0x20);
	assert_status(create_as("d", CREATE, DIRECTORY), STATUS_SUCCESS);
	set.file_id = fx.rsp.file_id;
	basic[33] = 0x20;
	set.input = slice_of(basic, sizeof(basic));
	assert_status(raw_call(&fx.raw, SMB2_SET_INFO, &set, NULL), STATUS_SUCCESS);
	assert_status(create_as("d\\f", CREATE, 0), STATUS_SUCCESS);
	assert_int_equal(fx.rsp.file_attributes, 0x2020);
	assert_status(create_as("d\\sub", CREATE, DIRECTORY), STATUS_SUCCESS);
	assert_int_equal(fx.rsp.file_attributes, 0x2010);
	assert_status(create_as("d\\g:s", CREATE, 0), STATUS_SUCCESS);
	assert_int_equal(fx.rsp.file_attributes & 0x2000, 0x2000);
	assert_status(create_as("d\\f", OVERWRITE, 0), STATUS_SUCCESS);
	assert_int_equal(fx.rsp.file_attributes, 0x20);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dispositions_of_names_that_exist_and_that_do_not),
		cmocka_unit_test(test_directory_and_non_directory_options),
		cmocka_unit_test(test_options_and_levels_that_are_refused_or_ignored),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_names_match_without_case_and_keep_it),
		cmocka_unit_test(test_what_is_granted_is_what_was_asked_and_delete_on_close_needs_delete),
		cmocka_unit_test(test_delete_on_close_deletes_at_the_last_close),
		cmocka_unit_test(test_share_modes_of_every_pair),
		cmocka_unit_test(test_a_read_only_share_takes_no_change),
		cmocka_unit_test(test_a_read_only_file_is_neither_written_nor_deleted),
		cmocka_unit_test(test_mxac_tells_the_maximal_access),
		cmocka_unit_test(test_qfid_is_the_internal_information),
		cmocka_unit_test(test_alsi_reserves),
		cmocka_unit_test(test_unknown_contexts_are_ignored),
		cmocka_unit_test(test_contexts_of_a_wrong_size_are_refused),
		cmocka_unit_test(test_a_snapshot_that_does_not_exist_is_not_found),
		cmocka_unit_test(test_durable_contexts_exclude_each_other_and_find_nothing),
		cmocka_unit_test(test_durability_that_is_not_granted_is_not_answered),
		cmocka_unit_test(test_extended_attributes_at_creation),
		cmocka_unit_test(test_shared_virtual_disks_are_an_invalid_device_request),
		cmocka_unit_test(test_the_dfs_flag_means_nothing_on_a_share_that_is_not_dfs),
		cmocka_unit_test(test_pipes),
		cmocka_unit_test(test_a_short_body_is_an_invalid_parameter),
		cmocka_unit_test(test_of_several_faults_the_first_is_told),
		cmocka_unit_test(test_temporary_directories_are_not_made),
		cmocka_unit_test(test_what_is_not_indexed_is_so_by_its_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

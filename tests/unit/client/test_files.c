/* Trees, files, directories: what goes out for each call, what comes of answers good and bad. */
#include "fake.h"

#include "base/utf16.h"
#include "rpc/rpc.h"
#include "wire/fscc.h"

#include <stdio.h>
#include <stdlib.h>

static struct fake f;
static struct hythe_session *s;
static struct hythe_tree *t;
static struct hythe_file *file;

static int setup(void **state)
{
	(void)state;
	fake_start(&f);
	s = fake_login(&f);
	t = fake_tree(&f, s);
	file = fake_open(t);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_leave(&f, file, t, s);
	return 0;
}

static void assert_name(struct slice name, const char *utf8)
{
	char text[512];
	assert_int_not_equal(utf16_to_utf8(text, sizeof(text), name), SIZE_MAX);
	assert_string_equal(text, utf8);
}

/* Backs: C066, C067, C074, C075, C079, C080, C175, C179, C180. */
static void test_open_carries_every_parameter_and_context(void **state)
{
	(void)state;
	struct hythe_open_params p;
	struct hythe_open_info info;
	struct hythe_file *got;
	struct smb2_create_req req;
	struct smb2_create_context c;
	hythe_open_params_init(&p, "//dir/sub\\name/", HYTHE_READ_DATA | HYTHE_DELETE);
	p.share_access = HYTHE_SHARE_READ;
	p.disposition = HYTHE_OPEN_IF;
	p.options = HYTHE_OPTION_NON_DIRECTORY;
	p.attributes = HYTHE_ATTRIBUTE_HIDDEN;
	p.query_maximal_access = p.query_disk_id = true;
	p.allocation_bytes = 12345;
	p.snapshot_time = 678;
	assert_ok(hythe_open(t, &p, &got, &info));
	fake_decode(&f, fake_nth(&f, SMB2_CREATE, 1), &req);
	assert_name(req.name, "dir\\sub\\name");
	assert_int_equal(req.security_flags, 0);
	assert_int_equal(req.requested_oplock_level, 0);
	assert_int_equal(req.impersonation_level, 2);
	assert_int_equal(req.desired_access, HYTHE_READ_DATA | HYTHE_DELETE);
	assert_int_equal(req.share_access, HYTHE_SHARE_READ);
	assert_int_equal(req.create_disposition, HYTHE_OPEN_IF);
	assert_int_equal(req.create_options, HYTHE_OPTION_NON_DIRECTORY);
	assert_int_equal(req.file_attributes, HYTHE_ATTRIBUTE_HIDDEN);
	bool bad;
	static const char *const wanted[] = {"MxAc", "QFid", "AlSi", "TWrp"};
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		assert_true(smb2_create_context_next(&req.contexts, &c, &bad));
		assert_memory_equal(c.name.data, wanted[i], 4);
		assert_int_equal(c.data.len, i < 2 ? 0 : 8);
	}
	assert_false(smb2_create_context_next(&req.contexts, &c, &bad));
	assert_int_equal(info.maximal_access, 0x1F01FF);
	assert_int_equal(info.disk_file_id, 0x77);
	assert_int_equal(info.volume_id, 0x88);
	assert_int_equal(info.stat.last_write_time, 3);
	assert_ok(hythe_close(got, NULL));
	/* none at all */
	fake_decode(&f, fake_nth(&f, SMB2_CREATE, 0), &req);
	assert_int_equal(req.contexts.len, 0);
}

/* Backs: C082. */
static void test_ready_made_contexts_follow_the_clients_own(void **state)
{
	(void)state;
	struct hythe_open_params p;
	struct hythe_file *got;
	struct smb2_create_req req;
	struct smb2_create_context c;
	uint8_t contexts[128];
	bool bad;
	struct wire w = wire_encoder(contexts, 0, sizeof(contexts));
	smb2_create_context_put(&w, slice_of("AbCd", 4), slice_of("hello", 5));
	smb2_create_context_put(&w, slice_of("0123456789abcdef", 16), slice_of("", 0));
	hythe_open_params_init(&p, "x", HYTHE_READ_DATA);
	p.query_maximal_access = true;
	p.contexts = contexts;
	p.contexts_len = w.pos;
	assert_ok(hythe_open(t, &p, &got, NULL));
	hythe_file_free(got);
	fake_decode(&f, fake_nth(&f, SMB2_CREATE, 1), &req);
	assert_true(smb2_create_context_next(&req.contexts, &c, &bad));
	assert_true(smb2_create_context_next(&req.contexts, &c, &bad));
	assert_memory_equal(c.data.data, "hello", 5);
	assert_true(smb2_create_context_next(&req.contexts, &c, &bad));
	assert_int_equal(c.name.len, 16);
	p.contexts_len = 7;
	assert_status(hythe_open(t, &p, &got, NULL), STATUS_INVALID_PARAMETER);
}

static void test_names_that_are_no_utf8_or_too_long_are_refused_here(void **state)
{
	(void)state;
	struct hythe_open_params p;
	struct hythe_file *got;
	size_t before = f.seen_count;
	hythe_open_params_init(&p, "a\xFFz", HYTHE_READ_DATA);
	assert_status(hythe_open(t, &p, &got, NULL), STATUS_OBJECT_NAME_INVALID);
	assert_non_null(strstr(hythe_client_error(f.client), "not UTF-8"));
	char *long_name = calloc(1, 40000);
	memset(long_name, 'a', 39999);
	p.path = long_name;
	assert_status(hythe_open(t, &p, &got, NULL), STATUS_OBJECT_NAME_INVALID);
	assert_status(hythe_rename(t, "a", long_name, false), STATUS_OBJECT_NAME_INVALID);
	free(long_name);
	assert_int_equal(f.seen_count, before);
}

static bool refuse_create(struct fake *fk, const struct fake_seen *r)
{
	if (r->h.command == SMB2_CREATE)
		fake_reply(fk, r, STATUS_SHARING_VIOLATION, NULL, NULL, 0);
	return r->h.command == SMB2_CREATE;
}

/* Backs: C175. */
static void test_open_failure_is_returned_with_a_sentence(void **state)
{
	(void)state;
	struct hythe_open_params p;
	struct hythe_file *got = NULL;
	hythe_open_params_init(&p, "x", HYTHE_READ_DATA);
	f.hook = refuse_create;
	assert_status(hythe_open(t, &p, &got, NULL), STATUS_SHARING_VIOLATION);
	assert_null(got);
	assert_string_equal(hythe_client_error(f.client),
		"another program has the file open in a way that excludes this (STATUS_SHARING_VIOLATION to CREATE)");
}

/* Backs: C090, C186. */
static void test_close_brings_the_attributes_only_if_wanted(void **state)
{
	(void)state;
	struct hythe_stat st;
	struct smb2_close_req req;
	fake_content(&f, 1000);
	assert_ok(hythe_close(fake_open(t), NULL));
	assert_ok(hythe_close(fake_open(t), &st));
	assert_int_equal(st.size_bytes, 1000);
	fake_decode(&f, fake_nth(&f, SMB2_CLOSE, 0), &req);
	assert_int_equal(req.flags, 0);
	fake_decode(&f, fake_nth(&f, SMB2_CLOSE, 1), &req);
	assert_int_equal(req.flags, 1);
}

/* Backs: C091, C092, C188. */
static void test_read_is_split_and_ends_at_the_end_of_the_file(void **state)
{
	(void)state;
	const size_t size = 20000001;
	uint8_t *buf = malloc(size + 100);
	size_t n;
	struct smb2_read_req req;
	fake_content(&f, size);
	assert_ok(hythe_read(file, 0, buf, size + 100, &n));
	assert_int_equal(n, size);
	for (size_t i = 0; i < size; i++) {
		if (buf[i] != fake_byte(i))
			fail_msg("byte %zu differs", i);
	}
	fake_decode(&f, fake_nth(&f, SMB2_READ, 0), &req);
	assert_int_equal(req.padding, 0x50);
	assert_int_equal(req.minimum_count, 0);
	assert_true(fake_count(&f, SMB2_READ) > 3);
	assert_ok(hythe_read(file, size - 3, buf, 100, &n));
	assert_int_equal(n, 3);
	assert_status(hythe_read(file, size, buf, 100, &n), STATUS_END_OF_FILE);
	assert_int_equal(n, 0);
	assert_status(hythe_read(file, size + 5, buf, size, &n), STATUS_END_OF_FILE);
	assert_int_equal(n, 0);
	assert_status(hythe_read(file, UINT64_MAX - 5, buf, 100, &n), STATUS_INVALID_PARAMETER);
	free(buf);
}

/* A server that gives at most so much, whatever it is asked for. */
static bool stingy(struct fake *fk, const struct fake_seen *r)
{
	struct smb2_read_req rd;
	struct smb2_write_req wr;
	const size_t most = 300000;
	if (r->h.command == SMB2_READ) {
		struct smb2_read_rsp rsp = {0};
		fake_decode(fk, r, &rd);
		if (rd.length <= most || rd.offset + most >= fk->file_len)
			return false;
		rsp.data = slice_of(fk->file + rd.offset, most);
		fake_reply(fk, r, STATUS_SUCCESS, &rsp, rsp.data.data, most);
		return true;
	}
	if (r->h.command == SMB2_WRITE) {
		fake_decode(fk, r, &wr);
		if (wr.data.len <= most)
			return false;
		memcpy(fk->file + wr.offset, wr.data.data, most);
		struct smb2_write_rsp rsp = {.count = (uint32_t)most};
		fake_reply(fk, r, STATUS_SUCCESS, &rsp, NULL, 0);
		return true;
	}
	return false;
}

static void test_short_answers_of_transfers_are_gone_on_from(void **state)
{
	(void)state;
	const size_t size = 12345678;
	uint8_t *buf = malloc(size);
	size_t n;
	fake_content(&f, size);
	f.hook = stingy;
	assert_ok(hythe_read(file, 0, buf, size, &n));
	assert_int_equal(n, size);
	assert_memory_equal(buf, f.file, size);
	memset(f.file, 0, size);
	assert_ok(hythe_write(file, 0, buf, size, &n));
	assert_int_equal(n, size);
	assert_memory_equal(buf, f.file, size);
	/* one message, taken in part */
	memset(f.file, 0, size);
	assert_ok(hythe_write(file, 0, buf, 1000000, &n));
	assert_int_equal(n, 1000000);
	assert_memory_equal(buf, f.file, 1000000);
	free(buf);
}

/* Backs: C096, C189. */
static void test_write_sends_data_at_0x70_and_in_pieces(void **state)
{
	(void)state;
	const size_t size = 20000001;
	uint8_t *buf = malloc(size);
	size_t n;
	struct smb2_write_req req;
	for (size_t i = 0; i < size; i++)
		buf[i] = fake_byte(i);
	assert_ok(hythe_write(file, 7, buf, size, &n));
	assert_int_equal(n, size);
	assert_memory_equal(f.file + 7, buf, size);
	for (size_t i = 0; i < fake_count(&f, SMB2_WRITE); i++) {
		fake_decode(&f, fake_nth(&f, SMB2_WRITE, i), &req);
		assert_int_equal(req.data_offset, 0x70);
		assert_int_equal(req.flags, 0);
		assert_int_equal(req.channel, 0);
		assert_int_equal(req.remaining_bytes, 0);
	}
	assert_ok(hythe_write(file, 0, buf, 0, &n));
	assert_int_equal(n, 0);
	free(buf);
}

static bool disk_full_at_5m(struct fake *fk, const struct fake_seen *r)
{
	struct smb2_write_req wr;
	if (r->h.command != SMB2_WRITE)
		return false;
	fake_decode(fk, r, &wr);
	if (wr.offset < 5000000)
		return false;
	fake_reply(fk, r, STATUS_DISK_FULL, NULL, NULL, 0);
	return true;
}

static void test_failed_write_tells_how_much_is_safe(void **state)
{
	(void)state;
	const size_t size = 20000000;
	uint8_t *buf = calloc(1, size);
	size_t n;
	f.hook = disk_full_at_5m;
	assert_status(hythe_write(file, 0, buf, size, &n), STATUS_DISK_FULL);
	assert_int_equal(n, 5 << 20);
	assert_non_null(strstr(hythe_client_error(f.client), "the disk is full"));
	free(buf);
}

static bool too_much_data(struct fake *fk, const struct fake_seen *r)
{
	static uint8_t data[200];
	struct smb2_read_rsp rsp = {.data = {data, sizeof(data)}};
	struct smb2_write_rsp written = {.count = 5000};
	if (r->h.command == SMB2_READ)
		fake_reply(fk, r, STATUS_SUCCESS, &rsp, data, fk->user ? 20 : sizeof(data));
	else if (r->h.command == SMB2_WRITE)
		fake_reply(fk, r, STATUS_SUCCESS, &written, NULL, 0);
	return r->h.command == SMB2_READ || r->h.command == SMB2_WRITE;
}

/* Backs: C147. */
static void test_more_data_than_was_asked_for_is_refused(void **state)
{
	(void)state;
	uint8_t buf[100], guard[100] = {0};
	size_t n;
	memset(buf, 0, sizeof(buf));
	f.hook = too_much_data;
	assert_status(hythe_read(file, 0, buf, sizeof(buf), &n), STATUS_INVALID_NETWORK_RESPONSE);
	assert_int_equal(n, 0);
	assert_memory_equal(buf, guard, sizeof(buf));
	f.user = 1; /* a length that goes past the message */
	assert_status(hythe_read(file, 0, buf, sizeof(buf), &n), STATUS_INVALID_NETWORK_RESPONSE);
	assert_status(hythe_write(file, 0, buf, sizeof(buf), &n), STATUS_INVALID_NETWORK_RESPONSE);
}

/* Backs: C035, C039, C149, D010, D019, D028, D030, D033. */
static void test_chain_is_one_related_compound(void **state)
{
	(void)state;
	for (int sealed = 0; sealed < 2; sealed++) {
		if (sealed) {
			teardown(NULL);
			fake_start(&f);
			f.o.encryption = HYTHE_ENCRYPTION_REQUIRED;
			s = fake_login(&f);
			t = fake_tree(&f, s);
			file = fake_open(t);
		}
		fake_content(&f, 500);
		size_t before = f.seen_count;
		uint8_t all[200], data[500];
		struct hythe_open_params p;
		hythe_open_params_init(&p, "odd", HYTHE_READ_DATA);
		struct hythe_step steps[] = {
			{.kind = HYTHE_STEP_OPEN, .open = &p, .keep = true},
			{.kind = HYTHE_STEP_QUERY_INFO, .info_type = 1, .info_class = 18, .buffer = all, .len = sizeof(all)},
			{.kind = HYTHE_STEP_READ, .buffer = data, .len = sizeof(data)},
			{.kind = HYTHE_STEP_WRITE, .data = "xyz", .len = 3, .offset = 600},
			{.kind = HYTHE_STEP_FLUSH},
			{.kind = HYTHE_STEP_CLOSE, .want_stat = true},
		};
		assert_ok(hythe_chain(t, steps, ARRAY_LEN(steps)));
		assert_int_equal(f.seen_count, before + 6);
		for (size_t i = 0; i < 6; i++) {
			const struct smb2_header *h = &f.seen[before + i].h;
			assert_int_equal(!!(h->flags & SMB2_FLAGS_RELATED_OPERATIONS), i > 0);
			assert_int_equal(h->next_command % 8, 0);
			assert_int_equal(h->next_command != 0, i < 5);
			if (i > 0) {
				assert_int_equal(h->session_id, UINT64_MAX);
				assert_int_equal(h->tree_id, UINT32_MAX);
			}
			assert_true(sealed ? f.seen[before + i].sealed : f.seen[before + i].signature_ok);
		}
		struct smb2_read_req rd;
		fake_decode(&f, &f.seen[before + 2], &rd);
		assert_int_equal(rd.file_id.persistent, UINT64_MAX);
		assert_int_equal(rd.file_id.volatile_id, UINT64_MAX);
		assert_int_equal(steps[1].bytes, 102);
		assert_int_equal(steps[2].bytes, 500);
		assert_memory_equal(data, f.file, 500);
		assert_int_equal(steps[3].bytes, 3);
		assert_int_equal(steps[5].opened.stat.size_bytes, 603);
		assert_non_null(steps[0].file);
		hythe_file_free(steps[0].file);
	}
}

static bool create_fails_rest_follows(struct fake *fk, const struct fake_seen *r)
{
	if (!(r->h.flags & SMB2_FLAGS_RELATED_OPERATIONS) && r->h.command != SMB2_CREATE)
		return false;
	fake_reply(fk, r, r->h.command == SMB2_CREATE ? STATUS_OBJECT_NAME_NOT_FOUND : STATUS_INVALID_PARAMETER, NULL, NULL, 0);
	return true;
}

/* Backs: E044. */
static void test_chain_tells_the_first_failure(void **state)
{
	(void)state;
	struct hythe_stat st;
	f.hook = create_fails_rest_follows;
	assert_status(hythe_stat(t, "x", &st), STATUS_OBJECT_NAME_NOT_FOUND);
	assert_non_null(strstr(hythe_client_error(f.client), "to CREATE"));
}

static void test_chain_may_begin_with_an_open_file(void **state)
{
	(void)state;
	struct smb2_flush_req flush;
	uint8_t data[10];
	fake_content(&f, 10);
	struct hythe_step steps[] = {{.kind = HYTHE_STEP_FLUSH, .on = file}, {.kind = HYTHE_STEP_READ, .buffer = data, .len = sizeof(data)}};
	size_t before = f.seen_count;
	assert_ok(hythe_chain(t, steps, 2));
	assert_int_equal(steps[1].bytes, 10);
	fake_decode(&f, &f.seen[before], &flush);
	assert_int_equal(flush.file_id.volatile_id, 0x2222);
	struct smb2_read_req rd;
	fake_decode(&f, &f.seen[before + 1], &rd);
	assert_int_equal(rd.file_id.volatile_id, UINT64_MAX);
	steps[1].on = file; /* only the first step names one */
	assert_status(hythe_chain(t, steps, 2), STATUS_INVALID_PARAMETER);
}

static void test_chain_has_bounds(void **state)
{
	(void)state;
	struct hythe_open_params p;
	hythe_open_params_init(&p, "x", HYTHE_READ_DATA);
	struct hythe_step steps[HYTHE_CHAIN_MAX + 1] = {{.kind = HYTHE_STEP_CLOSE}};
	assert_status(hythe_chain(t, steps, 1), STATUS_INVALID_PARAMETER);
	assert_status(hythe_chain(t, steps, 0), STATUS_INVALID_PARAMETER);
	steps[0] = (struct hythe_step){.kind = HYTHE_STEP_OPEN, .open = &p};
	assert_status(hythe_chain(t, steps, HYTHE_CHAIN_MAX + 1), STATUS_INVALID_PARAMETER);
	steps[1] = (struct hythe_step){.kind = HYTHE_STEP_READ, .len = 65537};
	assert_status(hythe_chain(t, steps, 2), STATUS_INVALID_PARAMETER);
	steps[1] = (struct hythe_step){.kind = (enum hythe_step_kind)77};
	assert_status(hythe_chain(t, steps, 2), STATUS_INVALID_PARAMETER);
}

/* Backs: C100, C102, C104. */
static void test_query_info_asks_for_the_class_and_copies(void **state)
{
	(void)state;
	uint8_t buf[200];
	size_t n;
	struct smb2_query_info_req req;
	assert_ok(hythe_query_info(file, HYTHE_INFO_FILE, 18, 0, buf, sizeof(buf), &n));
	assert_int_equal(n, 102);
	assert_ok(hythe_query_info(file, HYTHE_INFO_FILESYSTEM, 7, 0, buf, sizeof(buf), &n));
	assert_ok(hythe_query_info(file, HYTHE_INFO_SECURITY, 0, 7, buf, sizeof(buf), &n));
	fake_decode(&f, fake_nth(&f, SMB2_QUERY_INFO, 1), &req);
	assert_int_equal(req.info_type, 2);
	assert_int_equal(req.file_info_class, 7);
	assert_int_equal(req.input.len, 0);
	assert_int_equal(req.output_buffer_length, sizeof(buf));
	fake_decode(&f, fake_nth(&f, SMB2_QUERY_INFO, 2), &req);
	assert_int_equal(req.info_type, 3);
	assert_int_equal(req.file_info_class, 0);
	assert_int_equal(req.additional_information, 7);
	/* more than there is room for: cut, and told */
	assert_status(hythe_query_info(file, HYTHE_INFO_FILE, 18, 0, buf, 50, &n), STATUS_BUFFER_OVERFLOW);
	assert_int_equal(n, 50);
}

static bool take_set_info(struct fake *fk, const struct fake_seen *r)
{
	struct smb2_empty empty = {0};
	if (r->h.command == SMB2_SET_INFO)
		fake_reply(fk, r, STATUS_SUCCESS, &empty, NULL, 0);
	return r->h.command == SMB2_SET_INFO;
}

static void test_chain_renames_and_closes(void **state)
{
	(void)state;
	struct smb2_set_info_req req;
	struct fscc_rename rename = {0};
	struct hythe_step steps[] = {{.kind = HYTHE_STEP_RENAME, .on = file, .to = "new/name", .replace = true}, {.kind = HYTHE_STEP_CLOSE}};
	f.hook = take_set_info;
	assert_ok(hythe_chain(t, steps, 2));
	fake_decode(&f, fake_nth(&f, SMB2_SET_INFO, 0), &req);
	assert_int_equal(req.info_type, 1);
	assert_int_equal(req.file_info_class, FSCC_FILE_RENAME);
	assert_int_equal(req.file_id.volatile_id, 0x2222);
	struct wire w = wire_decoder(req.input.data, 0, req.input.len, NULL);
	fscc_rename_code(&w, &rename);
	assert_true(wire_ok(&w));
	assert_int_equal(rename.flags, 1);
	assert_name(rename.name, "new\\name");
	char *long_name = malloc(70000);
	memset(long_name, 'x', 69999);
	long_name[69999] = 0;
	steps[0].to = long_name;
	size_t before = f.seen_count;
	assert_status(hythe_chain(t, steps, 2), STATUS_OBJECT_NAME_INVALID);
	assert_int_equal(f.seen_count, before);
	free(long_name);
}

/* Backs: C101, C103, C105, C202. */
static void test_set_info_helpers_send_their_classes(void **state)
{
	(void)state;
	struct smb2_set_info_req req;
	f.hook = take_set_info;
	assert_ok(hythe_file_truncate(file, 0x123456789));
	assert_ok(hythe_file_rename(file, "/new/name", true));
	assert_ok(hythe_file_set_times(file, 1, 2, 3, 4, 5));
	assert_ok(hythe_set_info(file, HYTHE_INFO_SECURITY, 0, 4, "sd", 2));
	assert_ok(hythe_set_info(file, HYTHE_INFO_FILESYSTEM, 6, 0, "fs", 2));
	fake_decode(&f, fake_nth(&f, SMB2_SET_INFO, 0), &req);
	assert_int_equal(req.info_type, 1);
	assert_int_equal(req.file_info_class, FSCC_FILE_END_OF_FILE);
	assert_int_equal(req.additional_information, 0);
	assert_int_equal(load_le64(req.input.data), 0x123456789);
	struct fscc_rename rename = {0};
	fake_decode(&f, fake_nth(&f, SMB2_SET_INFO, 1), &req);
	struct wire w = wire_decoder(req.input.data, 0, req.input.len, NULL);
	fscc_rename_code(&w, &rename);
	assert_true(wire_ok(&w));
	assert_int_equal(rename.flags, 1);
	assert_int_equal(rename.root_directory, 0);
	assert_name(rename.name, "new\\name");
	fake_decode(&f, fake_nth(&f, SMB2_SET_INFO, 2), &req);
	assert_int_equal(req.input.len, 40);
	assert_int_equal(load_le64(req.input.data + 24), 4);
	fake_decode(&f, fake_nth(&f, SMB2_SET_INFO, 3), &req);
	assert_int_equal(req.info_type, 3);
	assert_int_equal(req.additional_information, 4);
	fake_decode(&f, fake_nth(&f, SMB2_SET_INFO, 4), &req);
	assert_int_equal(req.info_type, 2);
}

/* --- directories --- */

static const char *const *names;
static unsigned scans;

/* Answers the n-th scan with names[2n] and names[2n + 1], until a NULL. */
static bool list_names(struct fake *fk, const struct fake_seen *r)
{
	uint8_t out[4096], name[600];
	if (r->h.command != SMB2_QUERY_DIRECTORY)
		return false;
	if (!names[0]) {
		fake_reply(fk, r, scans++ ? STATUS_NO_MORE_FILES : STATUS_NO_SUCH_FILE, NULL, NULL, 0);
		return true;
	}
	scans++;
	struct fscc_list l = {.out = out, .cap = sizeof(out)};
	for (int i = 0; i < 2 && names[0]; i++, names++) {
		struct fscc_dir_entry e = {.end_of_file = strlen(names[0]), .file_id = 5};
		size_t n = utf8_to_utf16(name, sizeof(name), names[0], strlen(names[0]));
		assert_int_not_equal(n, SIZE_MAX);
		e.name = slice_of(name, n);
		assert_true(fscc_dir_list_put(&l, FSCC_FILE_ID_BOTH_DIRECTORY, &e));
	}
	struct smb2_query_directory_rsp rsp = {.output = slice_of(out, l.len)};
	fake_reply(fk, r, STATUS_SUCCESS, &rsp, rsp.output.data, rsp.output.len);
	return true;
}

static unsigned list_all(ntstatus *end)
{
	struct hythe_dir *d;
	struct hythe_entry e;
	unsigned n = 0;
	scans = 0;
	f.hook = list_names;
	*end = hythe_dir_open(t, "dir", NULL, &d);
	if (!nt_ok(*end))
		return 0;
	while (nt_ok(*end = hythe_dir_next(d, &e))) {
		assert_int_equal(e.stat.size_bytes, strlen(e.name));
		n++;
	}
	hythe_dir_close(d);
	return n;
}

/* Backs: C109, C110, C200. */
static void test_directory_is_read_to_its_end(void **state)
{
	(void)state;
	static const char *const list[] = {".", "..", "a", "Z\xC3\xBCrich", "c", "d", "e", NULL};
	struct smb2_query_directory_req req;
	ntstatus end;
	names = list;
	assert_int_equal(list_all(&end), 5);
	assert_status(end, STATUS_NO_MORE_FILES);
	for (size_t i = 0; i < 3; i++) {
		fake_decode(&f, fake_nth(&f, SMB2_QUERY_DIRECTORY, i), &req);
		assert_int_equal(req.flags, 0); /* continued, never restarted */
		assert_name(req.file_name, "*");
		uint32_t charge = (req.output_buffer_length - 1) / 65536 + 1;
		assert_int_equal(fake_nth(&f, SMB2_QUERY_DIRECTORY, i)->h.credit_charge, charge);
	}
	static const char *const none[] = {NULL};
	names = none;
	assert_int_equal(list_all(&end), 0);
	assert_status(end, STATUS_NO_MORE_FILES);
}

/* Backs: C109. */
static void test_raw_scan_sends_its_flags_pattern_and_index(void **state)
{
	(void)state;
	static const char *const one[] = {"a", "b", NULL};
	struct smb2_query_directory_req req;
	uint8_t buf[4096];
	size_t n;
	names = one;
	f.hook = list_names;
	assert_ok(hythe_query_directory(file, 37, HYTHE_RESTART_SCANS | HYTHE_RETURN_SINGLE_ENTRY | HYTHE_INDEX_SPECIFIED, "*.txt", 9, buf,
		sizeof(buf), &n));
	assert_true(n > 200);
	assert_status(hythe_query_directory(file, 3, HYTHE_REOPEN, NULL, 0, buf, sizeof(buf), &n), STATUS_NO_MORE_FILES);
	fake_decode(&f, fake_nth(&f, SMB2_QUERY_DIRECTORY, 0), &req);
	assert_int_equal(req.flags, 7);
	assert_int_equal(req.file_index, 9);
	assert_int_equal(req.file_information_class, 37);
	assert_name(req.file_name, "*.txt");
	fake_decode(&f, fake_nth(&f, SMB2_QUERY_DIRECTORY, 1), &req);
	assert_int_equal(req.flags, HYTHE_REOPEN);
}

static void test_names_that_lead_elsewhere_end_the_listing(void **state)
{
	(void)state;
	static const char *const evil[][3] = {{"ok", "../../etc/passwd", NULL}, {"a\\b", NULL, NULL}, {"", NULL, NULL}};
	ntstatus end;
	for (size_t i = 0; i < ARRAY_LEN(evil); i++) {
		names = evil[i];
		list_all(&end);
		assert_status(end, STATUS_INVALID_NETWORK_RESPONSE);
	}
}

static bool broken_list(struct fake *fk, const struct fake_seen *r)
{
	uint8_t out[300] = {0};
	if (r->h.command != SMB2_QUERY_DIRECTORY)
		return false;
	if (fk->user == 0)
		store_le32(out, 9999); /* NextEntryOffset outside */
	else if (fk->user == 1)
		store_le32(out + 60, 5000); /* FileNameLength outside */
	struct smb2_query_directory_rsp rsp = {.output = slice_of(out, fk->user == 2 ? 20 : sizeof(out))};
	fake_reply(fk, r, STATUS_SUCCESS, &rsp, rsp.output.data, rsp.output.len);
	return true;
}

static void test_malformed_listings_are_refused(void **state)
{
	(void)state;
	struct hythe_dir *d;
	struct hythe_entry e;
	f.hook = broken_list;
	for (f.user = 0; f.user < 3; f.user++) {
		assert_ok(hythe_dir_open(t, "dir", NULL, &d));
		assert_status(hythe_dir_next(d, &e), STATUS_INVALID_NETWORK_RESPONSE);
		hythe_dir_close(d);
	}
}

/* Backs: C115, C116. */
static void test_ioctl_copies_what_comes(void **state)
{
	(void)state;
	uint8_t buf[64];
	size_t n;
	struct smb2_ioctl_req req;
	assert_status(hythe_ioctl(t, file, 0x123, "in", 2, buf, sizeof(buf), &n), STATUS_INVALID_DEVICE_REQUEST);
	assert_int_equal(n, 0);
	fake_decode(&f, fake_nth(&f, SMB2_IOCTL, 0), &req);
	assert_int_equal(req.ctl_code, 0x123);
	assert_int_equal(req.flags, 1);
	assert_int_equal(req.max_input_response, 0);
	assert_int_equal(req.max_output_response, sizeof(buf));
	assert_memory_equal(req.input.data, "in", 2);
	assert_int_equal(req.file_id.volatile_id, 0x2222);
	assert_status(hythe_ioctl(t, NULL, 0x123, NULL, 0, buf, 65537, &n), STATUS_INVALID_DEVICE_REQUEST);
	fake_decode(&f, fake_nth(&f, SMB2_IOCTL, 1), &req);
	assert_int_equal(req.file_id.volatile_id, UINT64_MAX);
	assert_int_equal(fake_nth(&f, SMB2_IOCTL, 1)->h.credit_charge, 2);
}

/* --- shares --- */

static struct rpc_pipe *pipe_now;

static bool share_at(void *arg, size_t i, struct rpc_share *out)
{
	(void)arg;
	if (i >= 300)
		return false;
	*out = (struct rpc_share){.type = i ? 0 : 0x80000003u};
	snprintf(out->name, sizeof(out->name), i ? "share %zu" : "IPC$", i);
	snprintf(out->remark, sizeof(out->remark), "remark of %zu, long enough to need several fragments", i);
	return true;
}

static bool srvsvc(struct fake *fk, const struct fake_seen *r)
{
	static uint8_t out[1024];
	size_t n;
	if (r->h.command == SMB2_IOCTL) {
		struct smb2_ioctl_req req;
		struct smb2_ioctl_rsp rsp = {.ctl_code = FSCTL_PIPE_TRANSCEIVE};
		fake_decode(fk, r, &req);
		assert_ok(rpc_pipe_write(pipe_now, req.input));
		ntstatus st = rpc_pipe_read(pipe_now, out, sizeof(out), &n);
		rsp.output = slice_of(out, n);
		fake_reply(fk, r, st, &rsp, out, n);
		return true;
	}
	if (r->h.command == SMB2_READ) {
		struct smb2_read_rsp rsp = {0};
		ntstatus st = rpc_pipe_read(pipe_now, out, sizeof(out), &n);
		rsp.data = slice_of(out, n);
		fake_reply(fk, r, st, &rsp, out, n);
		return true;
	}
	return false;
}

/* Backs: C068, C121, C194. */
static void test_shares_are_listed_over_many_fragments(void **state)
{
	(void)state;
	struct rpc_host host = {.share_at = share_at, .server_name = "FAKE", .comment = ""};
	struct hythe_share *shares;
	size_t n;
	pipe_now = rpc_pipe_open("srvsvc", &host);
	assert_non_null(pipe_now);
	f.hook = srvsvc;
	assert_ok(hythe_share_list(s, &shares, &n));
	assert_int_equal(n, 300);
	assert_string_equal(shares[299].name, "share 299");
	assert_int_equal(shares[0].type, 0x80000003u);
	hythe_share_list_free(shares, n);
	rpc_pipe_close(pipe_now);
	struct smb2_create_req req;
	fake_decode(&f, fake_nth(&f, SMB2_CREATE, 1), &req);
	assert_name(req.name, "srvsvc");
}

static void test_times_convert_both_ways(void **state)
{
	(void)state;
	int64_t seconds;
	uint32_t ns;
	hythe_time_to_unix(hythe_time_from_unix(1700000000, 123456789), &seconds, &ns);
	assert_int_equal(seconds, 1700000000);
	assert_int_equal(ns, 123456700);
	assert_int_equal(hythe_time_from_unix(0, 0), 116444736000000000ull);
}

#define WITH(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_open_carries_every_parameter_and_context),
		WITH(test_ready_made_contexts_follow_the_clients_own),
		WITH(test_names_that_are_no_utf8_or_too_long_are_refused_here),
		WITH(test_open_failure_is_returned_with_a_sentence),
		WITH(test_close_brings_the_attributes_only_if_wanted),
		WITH(test_read_is_split_and_ends_at_the_end_of_the_file),
		WITH(test_short_answers_of_transfers_are_gone_on_from),
		WITH(test_write_sends_data_at_0x70_and_in_pieces),
		WITH(test_failed_write_tells_how_much_is_safe),
		WITH(test_more_data_than_was_asked_for_is_refused),
		WITH(test_chain_is_one_related_compound),
		WITH(test_chain_tells_the_first_failure),
		WITH(test_chain_may_begin_with_an_open_file),
		WITH(test_chain_renames_and_closes),
		WITH(test_chain_has_bounds),
		WITH(test_query_info_asks_for_the_class_and_copies),
		WITH(test_set_info_helpers_send_their_classes),
		WITH(test_directory_is_read_to_its_end),
		WITH(test_raw_scan_sends_its_flags_pattern_and_index),
		WITH(test_names_that_lead_elsewhere_end_the_listing),
		WITH(test_malformed_listings_are_refused),
		WITH(test_ioctl_copies_what_comes),
		WITH(test_shares_are_listed_over_many_fragments),
		cmocka_unit_test(test_times_convert_both_ways),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

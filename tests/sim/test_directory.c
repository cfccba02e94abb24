/* Raw QUERY_DIRECTORY requests: [MS-SMB2] 3.3.5.18, every class, patterns, positions, and names that come and go under a listing. */
#include "sim.h"

#include "fsa/fsa.h"
#include "base/utf16.h"
#include "wire/fscc.h"

#include <stdio.h>

enum { RESTART = 1, SINGLE = 2, INDEX = 4, REOPEN = 0x10 };

static struct {
	struct sim sim;
	struct raw raw;
	struct smb2_file_id dir;
	struct slice out;
} fx;

static void open_dir(void)
{
	assert_status(raw_open(&fx.raw, "dir", 0x1F01FF, 3, 1), STATUS_SUCCESS);
	fx.dir = fx.raw.file_id;
}

static void make(const char *name)
{
	struct smb2_close_req close = {0};

	assert_status(raw_open(&fx.raw, name, 0x1F01FF, 3, 0), STATUS_SUCCESS);
	close.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_CLOSE, &close, NULL), STATUS_SUCCESS);
}

static void start(void)
{
	sim_start(&fx.sim, NULL);
	raw_ready(&fx.raw, &fx.sim, 0x0311);
	open_dir();
}

static void stop(void)
{
	raw_close(&fx.raw);
	sim_stop(&fx.sim);
}

static ntstatus query(uint8_t class, uint8_t flags, const char *pattern, uint32_t room)
{
	struct smb2_query_directory_req req = {
		.file_information_class = class, .flags = flags, .file_id = fx.dir, .output_buffer_length = room,
		.file_name = raw_wide(&fx.raw, pattern),
	};
	struct smb2_query_directory_rsp rsp = {0};
	ntstatus s;

	fx.raw.charge = (uint16_t)(room > 65536 ? (room - 1) / 65536 + 1 : 1);
	s = raw_call(&fx.raw, SMB2_QUERY_DIRECTORY, &req, &rsp);
	fx.out = rsp.output;
	return s;
}

/* The names in what came, separated by blanks, "." and ".." left out. */
static size_t names(uint8_t class, char *text, size_t cap)
{
	static const uint8_t name_at[64] = {[1] = 64, [2] = 68, [3] = 94, [12] = 12, [37] = 104, [38] = 80, [60] = 88, [63] = 114};
	const uint8_t *p = fx.out.data;
	size_t left = fx.out.len, n = 0, used = 0;
	size_t len_at = class == 12 ? 8 : 60;

	text[0] = 0;
	while (left > 0) {
		uint32_t next = load_le32(p), len = load_le32(p + len_at);
		char name[300];

		assert_true(name_at[class] + len <= left && next % 8 == 0);
		assert_int_not_equal(utf16_to_utf8(name, sizeof(name), slice_of(p + name_at[class], len)), SIZE_MAX);
		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			used += (size_t)snprintf(text + used, cap - used, "%s%s", used ? " " : "", name);
		n++;
		if (next == 0)
			break;
		p += next;
		left -= next;
	}
	return n;
}

static void assert_listed(uint8_t class, uint8_t flags, const char *pattern, const char *expected)
{
	char text[2000];

	assert_status(query(class, flags, pattern, 4096), STATUS_SUCCESS);
	(void)names(class, text, sizeof(text));
	assert_string_equal(text, expected);
}

/* Backs: B498, B502, A058, A059. */
static void test_what_is_refused(void **state)
{
	struct smb2_close_req close = {0};

	(void)state;
	start();
	assert_status(query(4, 0, "*", 4096), STATUS_INVALID_INFO_CLASS);
	assert_status(query(0, 0, "*", 4096), STATUS_INVALID_INFO_CLASS);
	assert_status(query(3, 0, "*", 10), STATUS_INFO_LENGTH_MISMATCH);
	assert_status(query(3, 0, "a:b", 4096), STATUS_OBJECT_NAME_INVALID);
	close.file_id = fx.dir;
	assert_status(raw_call(&fx.raw, SMB2_CLOSE, &close, NULL), STATUS_SUCCESS);
	assert_status(query(3, 0, "*", 4096), STATUS_FILE_CLOSED);
	assert_status(raw_open(&fx.raw, "file", 0x1F01FF, 3, 0), STATUS_SUCCESS);
	fx.dir = fx.raw.file_id;
	assert_status(query(3, 0, "*", 4096), STATUS_INVALID_PARAMETER);
	assert_status(raw_open(&fx.raw, "dir", 0x80, 1, 1), STATUS_SUCCESS);
	fx.dir = fx.raw.file_id;
	assert_status(query(3, 0, "*", 4096), STATUS_ACCESS_DENIED);
	stop();
}

/* Backs: B499, B503, A058. */
static void test_every_class_lists_the_same_names(void **state)
{
	static const uint8_t classes[] = {1, 2, 3, 12, 37, 38, 60, 63};

	(void)state;
	start();
	make("dir\\one");
	make("dir\\Two.txt");
	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		assert_listed(classes[i], RESTART, "*", "one Two.txt");
	stop();
}

/* Backs: B501, B505, B503. */
static void test_a_listing_ends_and_a_first_query_without_match_says_so(void **state)
{
	(void)state;
	start();
	make("dir\\a");
	assert_status(query(3, 0, "*", 4096), STATUS_SUCCESS);
	assert_status(query(3, 0, "*", 4096), STATUS_NO_MORE_FILES);
	assert_status(query(3, RESTART, "nomatch*", 4096), STATUS_NO_SUCH_FILE);
	assert_status(query(3, RESTART, "nosuchname", 4096), STATUS_NO_SUCH_FILE);
	assert_status(query(3, RESTART, "A", 4096), STATUS_SUCCESS);
	assert_status(query(3, 0, "A", 4096), STATUS_NO_MORE_FILES);
	stop();
}

/* Backs: B501, G105, E109. */
static void test_the_pattern_of_the_first_query_stays_and_an_empty_one_is_everything(void **state)
{
	(void)state;
	start();
	make("dir\\a1");
	make("dir\\b1");
	make("dir\\a2");
	assert_listed(12, SINGLE, "a*", "a1");
	assert_listed(12, 0, "b*", "a2");
	assert_listed(12, REOPEN, "b*", "b1");
	assert_listed(12, REOPEN, "", "a1 b1 a2");
	stop();
}

/* Backs: B503. */
static void test_patterns(void **state)
{
	(void)state;
	start();
	make("dir\\abc");
	make("dir\\abc.txt");
	make("dir\\x.y.z");
	assert_listed(12, REOPEN, "ABC", "abc");
	assert_listed(12, REOPEN, "a?c", "abc");
	assert_listed(12, REOPEN, "*.txt", "abc.txt");
	assert_listed(12, REOPEN, "*.z", "x.y.z");
	assert_listed(12, REOPEN, "a>>\"txt", "abc.txt");
	assert_listed(12, REOPEN, "<.z", "x.y.z");
	assert_listed(12, REOPEN, "<z", "x.y.z");
	stop();
}

/* The two that every directory has. */
static void test_patterns_that_find_dots(void **state)
{
	static const struct {
		const char *pattern;
		size_t found; /* 0: neither */
	} rows[] = {
		{"*", 2}, {"?", 2}, {"*.", 2}, {"<", 2}, {"\"", 2}, {"??", 0}, {"..", 1}, {".", 0}, {">", 0}, {"*.*", 2},
	};
	char text[64];

	(void)state;
	start();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_status(query(12, REOPEN, rows[i].pattern, 1024), rows[i].found ? STATUS_SUCCESS : STATUS_NO_SUCH_FILE);
		if (rows[i].found)
			assert_int_equal(names(12, text, sizeof(text)), rows[i].found);
	}
	stop();
}

/* Backs: B500. */
static void test_restart_and_reopen_begin_anew(void **state)
{
	(void)state;
	start();
	make("dir\\a");
	assert_listed(12, 0, "*", "a");
	make("dir\\b");
	assert_status(query(12, 0, "*", 4096), STATUS_SUCCESS);
	assert_listed(12, RESTART, "", "a b");
	assert_status(query(12, 0, "", 4096), STATUS_NO_MORE_FILES);
	assert_listed(12, REOPEN, "*", "a b");
	stop();
}

/* Backs: B503, B505. */
static void test_a_small_buffer_gives_every_name_once(void **state)
{
	char name[40], text[4000], all[4000] = "", expected[4000] = "";
	size_t used = 0, want = 0;
	ntstatus s;

	(void)state;
	start();
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "dir\\name-%02d", i);
		make(name);
		want += (size_t)snprintf(expected + want, sizeof(expected) - want, "%sname-%02d", want ? " " : "", i);
	}
	while (nt_ok(s = query(37, 0, "*", 300))) {
		(void)names(37, text, sizeof(text));
		if (text[0])
			used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", used ? " " : "", text);
	}
	assert_status(s, STATUS_NO_MORE_FILES);
	assert_string_equal(all, expected);
	stop();
}

/* Backs: B503. */
static void test_single_entry_gives_one(void **state)
{
	char text[100];

	(void)state;
	start();
	make("dir\\a");
	for (int i = 0; i < 3; i++) {
		assert_status(query(12, SINGLE, "*", 4096), STATUS_SUCCESS);
		assert_int_equal(names(12, text, sizeof(text)), 1);
	}
	assert_status(query(12, SINGLE, "*", 4096), STATUS_NO_MORE_FILES);
	stop();
}

/* A name that does not fit into an empty buffer is not lost. Backs: B505. */
static void test_a_first_entry_that_does_not_fit_is_an_overflow(void **state)
{
	(void)state;
	start();
	make("dir\\a-rather-long-name-for-a-small-buffer");
	assert_status(query(12, REOPEN, "a-rather*", 24), STATUS_BUFFER_OVERFLOW);
	assert_listed(12, 0, "", "a-rather-long-name-for-a-small-buffer");
	stop();
}

static void test_names_deleted_under_a_listing(void **state)
{
	struct smb2_close_req close = {0};
	char text[300];

	(void)state;
	start();
	for (char c = 'a'; c <= 'f'; c++) {
		char name[] = "dir\\?";

		name[4] = c;
		make(name);
	}
	assert_status(query(12, SINGLE, "*", 4096), STATUS_SUCCESS);
	for (char c = 'a'; c <= 'e'; c++) {
		char name[] = "dir\\?";

		name[4] = c;
		assert_status(raw_open(&fx.raw, name, 0x10000, 1, 0x1000), STATUS_SUCCESS);
		close.file_id = fx.raw.file_id;
		assert_status(raw_call(&fx.raw, SMB2_CLOSE, &close, NULL), STATUS_SUCCESS);
	}
	assert_status(query(12, 0, "*", 4096), STATUS_SUCCESS);
	(void)names(12, text, sizeof(text));
	assert_string_equal(text, "f");
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_every_class_lists_the_same_names),
		cmocka_unit_test(test_a_listing_ends_and_a_first_query_without_match_says_so),
		cmocka_unit_test(test_the_pattern_of_the_first_query_stays_and_an_empty_one_is_everything),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_patterns_that_find_dots),
		cmocka_unit_test(test_restart_and_reopen_begin_anew),
		cmocka_unit_test(test_a_small_buffer_gives_every_name_once),
		cmocka_unit_test(test_single_entry_gives_one),
		cmocka_unit_test(test_a_first_entry_that_does_not_fit_is_an_overflow),
		cmocka_unit_test(test_names_deleted_under_a_listing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

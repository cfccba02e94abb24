/* The AndX chain, [MS-CIFS] 2.2.3.4: what is built is walked again; chains that loop, go back, leave the message or lie about their
 * lengths are refused, and the walk of any bytes ends. Also the printing of whole messages. */
#include "smb1_golden.h"

#include <stdio.h>

static uint8_t message[4096];

static struct smb1_header header_of(uint8_t command, bool response)
{
	return (struct smb1_header){
		.command = command,
		.flags = response ? SMB1_FLAGS_REPLY : 0,
		.flags2 = SMB1_FLAGS2_UNICODE | SMB1_FLAGS2_NT_STATUS,
	};
}

/* SESSION_SETUP_ANDX, TREE_CONNECT_ANDX, OPEN_ANDX, READ_ANDX. The first two are at even offsets that strings need. */
static size_t build_requests(void)
{
	struct smb1_session_setup_req setup = {.security_blob = slice_of("blob", 4)};
	struct smb1_tree_connect_andx_req tree = {.path = slice_of("\\\0s\0", 4), .service = slice_of("?????", 5)};
	struct smb1_open_andx_req open = {.file_name = slice_of("f\0", 2)};
	struct smb1_read_andx_req read = {.max_count = 100};
	struct smb1_header h = header_of(SMB1_SESSION_SETUP_ANDX, false);
	struct wire w = wire_encoder(message, 0, sizeof(message));
	struct smb1_chain c = {0};

	smb1_header_code(&w, &h);
	smb1_chain_next(&w, &c, SMB1_SESSION_SETUP_ANDX);
	smb1_session_setup_req_code(&w, &setup);
	smb1_chain_next(&w, &c, SMB1_TREE_CONNECT_ANDX);
	smb1_tree_connect_andx_req_code(&w, &tree);
	smb1_chain_next(&w, &c, SMB1_OPEN_ANDX);
	smb1_open_andx_req_code(&w, &open);
	smb1_chain_next(&w, &c, SMB1_READ_ANDX);
	smb1_read_andx_req_code(&w, &read);
	assert_true(wire_ok(&w));
	return w.pos;
}

/* Blocks until the end; -1: refused. */
static int walk(const struct smb1_header *h, size_t len)
{
	struct smb1_walk c;
	struct smb1_block b;
	bool bad;
	int n = 0;

	smb1_walk_start(&c, slice_of(message, len), h);
	while (smb1_walk_next(&c, &b, &bad))
		n++;
	return bad ? -1 : n;
}

static void test_a_chain_is_walked_as_it_was_built(void **state)
{
	static const uint8_t commands[] = {SMB1_SESSION_SETUP_ANDX, SMB1_TREE_CONNECT_ANDX, SMB1_OPEN_ANDX, SMB1_READ_ANDX};
	struct smb1_header h = header_of(SMB1_SESSION_SETUP_ANDX, false);
	size_t len = build_requests();
	struct smb1_open_andx_req open = {0};
	struct smb1_walk c;
	struct smb1_block b;
	struct wire w;
	bool bad;

	(void)state;
	smb1_walk_start(&c, slice_of(message, len), &h);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		assert_true(smb1_walk_next(&c, &b, &bad));
		assert_int_equal(b.command, commands[i]);
		assert_int_equal(b.and_x_command, i + 1 < ARRAY_LEN(commands) ? commands[i + 1] : SMB1_NO_COMMAND);
		w = smb1_block_decoder(&c, &b, &golden_arena);
		assert_true(w.unicode);
		if (b.command == SMB1_OPEN_ANDX)
			smb1_open_andx_req_code(&w, &open);
	}
	assert_false(smb1_walk_next(&c, &b, &bad));
	assert_false(bad);
	assert_text(open.file_name, "f");
}

static void test_only_andx_blocks_with_words_have_successors(void **state)
{
	struct wire w = wire_encoder(message, SMB1_HEADER_SIZE, sizeof(message));
	struct smb1_chain c = {0};
	struct smb1_close_req close = {.fid = 1};
	struct smb1_empty empty;

	(void)state;
	smb1_chain_next(&w, &c, SMB1_CLOSE);
	smb1_close_req_code(&w, &close);
	smb1_chain_next(&w, &c, SMB1_READ_ANDX);
	assert_int_equal(w.error.code, STATUS_INVALID_PARAMETER.code);

	w = wire_encoder(message, SMB1_HEADER_SIZE, sizeof(message));
	c = (struct smb1_chain){0};
	smb1_chain_next(&w, &c, SMB1_OPEN_ANDX);
	smb1_empty_code(&w, &empty); /* it failed */
	smb1_chain_next(&w, &c, SMB1_READ_ANDX);
	assert_int_equal(w.error.code, STATUS_INVALID_PARAMETER.code);
}

static void test_a_chain_ends_with_a_response_that_failed(void **state)
{
	struct smb1_header h = header_of(SMB1_SESSION_SETUP_ANDX, true);
	struct wire w = wire_encoder(message, 0, sizeof(message));
	struct smb1_session_setup_rsp setup = {0};
	struct smb1_empty empty;
	struct smb1_chain c = {0};

	(void)state;
	smb1_header_code(&w, &h);
	smb1_chain_next(&w, &c, SMB1_SESSION_SETUP_ANDX);
	smb1_session_setup_rsp_code(&w, &setup);
	smb1_chain_next(&w, &c, SMB1_TREE_CONNECT_ANDX);
	smb1_empty_code(&w, &empty);
	assert_int_equal(walk(&h, w.pos), 2);
	assert_ptr_equal(smb1_coder_of(SMB1_TREE_CONNECT_ANDX, true, 0), smb1_coder_of(SMB1_OPEN_ANDX, true, 0));
	assert_ptr_not_equal(smb1_coder_of(SMB1_TREE_CONNECT_ANDX, true, 3), smb1_coder_of(SMB1_TREE_CONNECT_ANDX, true, 0));
	assert_null(smb1_coder_of(0x99, false, 0));
}

static void test_data_of_a_read_in_the_middle_are_copied(void **state)
{
	struct smb1_header h = header_of(SMB1_READ_ANDX, true);
	struct wire w = wire_encoder(message, 0, sizeof(message));
	struct smb1_read_andx_rsp read = {.data = slice_of("some data", 9)}, again = {0};
	struct smb1_empty empty;
	struct smb1_chain c = {0};
	struct smb1_walk walking;
	struct smb1_block b;
	bool bad;

	(void)state;
	smb1_header_code(&w, &h);
	smb1_chain_next(&w, &c, SMB1_READ_ANDX);
	smb1_read_andx_rsp_code(&w, &read);
	smb1_chain_next(&w, &c, SMB1_CLOSE);
	smb1_empty_code(&w, &empty);
	smb1_walk_start(&walking, slice_of(message, w.pos), &h);
	assert_true(smb1_walk_next(&walking, &b, &bad));
	w = smb1_block_decoder(&walking, &b, NULL);
	smb1_read_andx_rsp_code(&w, &again);
	assert_true(wire_ok(&w));
	assert_ascii(again.data, "some data");
	assert_true(smb1_walk_next(&walking, &b, &bad));
	assert_int_equal(b.command, SMB1_CLOSE);
	assert_false(smb1_walk_next(&walking, &b, &bad));
	assert_false(bad);
}

/* AndXOffset of the first block of build_requests. */
enum { FIRST_OFFSET_AT = SMB1_HEADER_SIZE + 3, FIRST_BYTE_COUNT_AT = SMB1_HEADER_SIZE + 25 };

static void test_chains_that_loop_go_back_or_overlap_are_refused(void **state)
{
	struct smb1_header h = header_of(SMB1_SESSION_SETUP_ANDX, false);
	size_t len = build_requests();
	uint16_t good = load_le16(message + FIRST_OFFSET_AT);

	(void)state;
	assert_int_equal(walk(&h, len), 4);
	for (uint16_t offset = 0; offset < good - 3; offset++) { /* the header, itself, its own words and bytes */
		store_le16(message + FIRST_OFFSET_AT, offset);
		assert_int_equal(walk(&h, len), -1);
	}
	store_le16(message + FIRST_OFFSET_AT, good);
	store_le16(message + good + 3, good); /* the second block names itself */
	assert_int_equal(walk(&h, len), -1);
	store_le16(message + good + 3, SMB1_HEADER_SIZE); /* and the first */
	assert_int_equal(walk(&h, len), -1);
}

static void test_chains_that_leave_the_message_are_refused(void **state)
{
	struct smb1_header h = header_of(SMB1_SESSION_SETUP_ANDX, false);
	size_t len = build_requests();

	(void)state;
	for (uint32_t offset = (uint32_t)len - 2; offset <= UINT16_MAX; offset++) {
		store_le16(message + FIRST_OFFSET_AT, (uint16_t)offset);
		assert_int_equal(walk(&h, len), -1);
	}
}

static void test_byte_and_word_counts_that_lie_are_refused(void **state)
{
	struct smb1_header h = header_of(SMB1_SESSION_SETUP_ANDX, false);
	size_t len = build_requests();
	uint16_t count = load_le16(message + FIRST_BYTE_COUNT_AT);

	(void)state;
	for (uint32_t n = count + 4u; n <= UINT16_MAX; n += n < 300 ? 1 : 997) { /* into the next block, and beyond the message */
		store_le16(message + FIRST_BYTE_COUNT_AT, (uint16_t)n);
		assert_int_equal(walk(&h, len), -1);
	}
	store_le16(message + FIRST_BYTE_COUNT_AT, count);
	message[SMB1_HEADER_SIZE] = 0xFF; /* WordCount */
	assert_int_equal(walk(&h, len), -1);
	assert_int_equal(walk(&h, SMB1_HEADER_SIZE), -1);
	assert_int_equal(walk(&h, SMB1_HEADER_SIZE + 1), -1);
}

static void test_every_cut_of_a_chain_is_refused_within_bounds(void **state)
{
	struct smb1_header h = header_of(SMB1_SESSION_SETUP_ANDX, false);
	size_t len = build_requests();

	(void)state;
	for (size_t n = SMB1_HEADER_SIZE; n < len; n++)
		assert_int_equal(walk(&h, n), -1);
	assert_int_equal(walk(&h, len), 4);
}

static void test_the_number_of_blocks_is_bounded(void **state)
{
	struct smb1_header h = header_of(SMB1_LOGOFF_ANDX, false);
	struct wire w = wire_encoder(message, 0, sizeof(message));
	struct smb1_chain c = {0};
	struct smb1_andx m;

	(void)state;
	smb1_header_code(&w, &h);
	for (int i = 1; i <= SMB1_MAX_BLOCKS + 1; i++) {
		smb1_chain_next(&w, &c, SMB1_LOGOFF_ANDX);
		smb1_andx_code(&w, &m);
		assert_true(wire_ok(&w));
		assert_int_equal(walk(&h, w.pos), i <= SMB1_MAX_BLOCKS ? i : -1);
	}
}

/* [MS-SMB] 2.2.4.9.2 */
static void test_the_extended_create_response_has_more_words_than_it_says(void **state)
{
	struct smb1_header h = header_of(SMB1_NT_CREATE_ANDX, true);
	struct wire w = wire_encoder(message, 0, sizeof(message));
	struct smb1_nt_create_andx_rsp create = {.word_count = 42, .fid = 7, .guest_maximal_access_rights = 0x00120089};
	struct smb1_close_req close = {.fid = 7};
	struct smb1_chain c = {0};

	(void)state;
	smb1_header_code(&w, &h);
	smb1_chain_next(&w, &c, SMB1_NT_CREATE_ANDX);
	smb1_nt_create_andx_rsp_code(&w, &create);
	assert_int_equal(w.pos, SMB1_HEADER_SIZE + 1 + 100 + 2);
	assert_int_equal(message[SMB1_HEADER_SIZE], 42);
	smb1_chain_next(&w, &c, SMB1_CLOSE);
	smb1_close_req_code(&w, &close);
	assert_int_equal(walk(&h, w.pos), 2);
}

static void collect(void *arg, const char *text)
{
	snprintf((char *)arg + strlen(arg), 8192 - strlen(arg), "%s\n", text);
}

static void test_a_chain_prints_with_its_commands_and_fields(void **state)
{
	char text[8192] = "";
	struct wire_printer p = {collect, text, 0};
	size_t len = build_requests();

	(void)state;
	smb1_print(slice_of(message, len), &golden_arena, &p);
	assert_non_null(strstr(text, "SMB_COM_SESSION_SETUP_ANDX request"));
	assert_non_null(strstr(text, "AndXCommand: SMB_COM_TREE_CONNECT_ANDX"));
	assert_non_null(strstr(text, "Service: \"?????\""));
	assert_non_null(strstr(text, "FileName: \"f\""));
	assert_non_null(strstr(text, "SMB_COM_READ_ANDX"));
	assert_null(strstr(text, "malformed"));
	assert_int_equal(p.depth, 0);

	text[0] = 0;
	store_le16(message + FIRST_OFFSET_AT, SMB1_HEADER_SIZE);
	smb1_print(slice_of(message, len), &golden_arena, &p);
	assert_non_null(strstr(text, "malformed: the chain of blocks"));

	text[0] = 0;
	smb1_print(slice_of(message, 20), &golden_arena, &p);
	assert_non_null(strstr(text, "not an SMB1 message"));
}

static void test_errors_print_as_the_kind_that_they_are(void **state)
{
	struct smb1_header h = header_of(SMB1_OPEN, true);
	char text[8192] = "";
	struct wire_printer p = {collect, text, 0};
	struct smb1_empty empty;
	struct wire w = wire_encoder(message, 0, sizeof(message));

	(void)state;
	h.status = STATUS_OBJECT_NAME_NOT_FOUND.code;
	smb1_header_code(&w, &h);
	smb1_empty_code(&w, &empty);
	smb1_print(slice_of(message, w.pos), &golden_arena, &p);
	assert_non_null(strstr(text, "OBJECT_NAME_NOT_FOUND"));

	text[0] = 0;
	h.flags2 = 0;
	h.status = SMB1_DOS_ERROR(SMB1_ERRCLS_DOS, 2);
	w = wire_encoder(message, 0, sizeof(message));
	smb1_header_code(&w, &h);
	smb1_print(slice_of(message, SMB1_HEADER_SIZE + 3), &golden_arena, &p);
	assert_non_null(strstr(text, "class 1 code 2"));
}

static void test_every_command_has_a_name(void **state)
{
	char room[16];

	(void)state;
	assert_string_equal(smb1_command_name(SMB1_NEGOTIATE, room), "SMB_COM_NEGOTIATE");
	assert_string_equal(smb1_command_name(0x99, room), "SMB_COM_0x99");
	for (size_t i = 0; i < smb1_message_count(); i++)
		assert_ptr_equal(smb1_message_of(smb1_message_at(i)->command), smb1_message_at(i));
	assert_true(smb1_message_of(SMB1_NT_CREATE_ANDX)->preconditions & SMB1_IS_ANDX);
	assert_false(smb1_message_of(SMB1_ECHO)->preconditions & SMB1_NEEDS_SESSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_chain_is_walked_as_it_was_built),
		cmocka_unit_test(test_only_andx_blocks_with_words_have_successors),
		cmocka_unit_test(test_a_chain_ends_with_a_response_that_failed),
		cmocka_unit_test(test_data_of_a_read_in_the_middle_are_copied),
		cmocka_unit_test(test_chains_that_loop_go_back_or_overlap_are_refused),
		cmocka_unit_test(test_chains_that_leave_the_message_are_refused),
		cmocka_unit_test(test_byte_and_word_counts_that_lie_are_refused),
		cmocka_unit_test(test_every_cut_of_a_chain_is_refused_within_bounds),
		cmocka_unit_test(test_the_number_of_blocks_is_bounded),
		cmocka_unit_test(test_the_extended_create_response_has_more_words_than_it_says),
		cmocka_unit_test(test_a_chain_prints_with_its_commands_and_fields),
		cmocka_unit_test(test_errors_print_as_the_kind_that_they_are),
		cmocka_unit_test(test_every_command_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, golden_teardown);
}

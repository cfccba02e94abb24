/* Packets in words: what each says, and that nothing a peer sends does harm. */
#include "kit.h"

#include <hythe/types.h>
#include <stdio.h>
#include <stdlib.h>

static void test_negotiation(void **state)
{
	struct kit *k = kit_new();
	struct smb2_negotiate_req req = {.security_mode = 1, .dialect_count = 2, .dialects = {0x0202, 0x0210}};
	struct smb2_negotiate_rsp rsp = {.security_mode = 3, .dialect_revision = 0x0210, .max_read_size = 65536};

	(void)state;
	assert_string_equal(kit_say(k, false, SMB2_NEGOTIATE, 0, STATUS_SUCCESS, &req)->text,
		"SMB2 NEGOTIATE: offers 2.0.2, 2.1; signing possible");
	assert_string_equal(kit_say(k, true, SMB2_NEGOTIATE, 0, STATUS_SUCCESS, &rsp)->text,
		"SMB2 NEGOTIATE granted: speaks 2.1; signing required; at most 65536 bytes a read");
	kit_free(k);
}

/* Answers are told by what was asked, which only the message id connects. */
static void test_open_read_close(void **state)
{
	struct kit *k = kit_new();
	struct smb2_file_id id = {0xA, 0xB};
	uint8_t contexts[128];
	struct wire list = wire_encoder(contexts, 0, sizeof(contexts));
	uint8_t lease[32] = {1, 2, 3};
	struct smb2_create_req create = {.requested_oplock_level = 0xFF, .desired_access = HYTHE_READ_DATA, .share_access = 1, .create_disposition = 1,
		.name = kit_utf16("dir\\file")};
	struct smb2_create_rsp created = {.oplock_level = 0xFF, .create_action = 1, .end_of_file = 4096, .file_id = id};
	struct smb2_read_req read = {.length = 100, .offset = 7, .file_id = id};
	uint8_t data[60] = {0};
	struct smb2_read_rsp got = {.data = slice_of(data, sizeof(data))};
	struct smb2_close_req close = {.file_id = id};

	(void)state;
	store_le32(lease + 16, 7);
	smb2_create_context_put(&list, slice_of("RqLs", 4), slice_of(lease, sizeof(lease)));
	create.contexts = slice_of(contexts, list.pos);
	assert_string_equal(kit_say(k, false, SMB2_CREATE, 4, STATUS_SUCCESS, &create)->text,
		"SMB2 CREATE: open 'dir\\file' to read, shared for reading; asks for a lease RWH");
	store_le32(contexts + 24 + 16, 3);
	created.contexts = create.contexts;
	assert_string_equal(kit_say(k, true, SMB2_CREATE, 4, STATUS_SUCCESS, &created)->text,
		"SMB2 CREATE granted: 'dir\\file' opened, file id a:b, 4096 bytes, lease RH");
	assert_string_equal(kit_say(k, false, SMB2_READ, 5, STATUS_SUCCESS, &read)->text, "SMB2 READ: 100 bytes at 7 of 'dir\\file'");
	assert_string_equal(kit_say(k, true, SMB2_READ, 5, STATUS_SUCCESS, &got)->text, "SMB2 READ granted: 60 bytes at 7, all there is");
	assert_string_equal(kit_say(k, false, SMB2_CLOSE, 6, STATUS_SUCCESS, &close)->text, "SMB2 CLOSE: 'dir\\file'");
	kit_free(k);
}

static const struct kit_packet *say_error(struct kit *k, uint16_t command, uint64_t message_id, ntstatus status, uint32_t flags)
{
	static struct kit_frame f;
	struct smb2_header h = {.command = command, .message_id = message_id, .status = status.code, .async_id = 9,
		.flags = flags | SMB2_FLAGS_SERVER_TO_REDIR};
	static const uint8_t body[] = {9, 0, 0, 0, 0, 0, 0, 0, 0};

	kit_frame_start(&f);
	kit_message(&f, &h, NULL, NULL);
	memcpy(f.bytes + f.len, body, sizeof(body));
	f.len += sizeof(body);
	return kit_feed(k, true, kit_frame_end(&f));
}

static void test_failures_and_waits(void **state)
{
	struct kit *k = kit_new();
	struct smb2_create_req create = {.desired_access = HYTHE_DELETE, .create_disposition = 2, .name = kit_utf16("x")};
	const struct kit_packet *p;

	(void)state;
	assert_string_equal(kit_say(k, false, SMB2_CREATE, 4, STATUS_SUCCESS, &create)->text,
		"SMB2 CREATE: create 'x' to delete or rename, shared with nobody");
	p = say_error(k, SMB2_CREATE, 4, STATUS_PENDING, SMB2_FLAGS_ASYNC_COMMAND);
	assert_string_equal(p->text, "SMB2 CREATE: wait, the server works on it (asynchronous id 9)");
	assert_false(p->failed);
	p = say_error(k, SMB2_CREATE, 4, STATUS_OBJECT_NAME_NOT_FOUND, 0);
	assert_string_equal(p->text, "SMB2 CREATE failed: OBJECT_NAME_NOT_FOUND, no such file or directory ('x')");
	assert_true(p->failed);
	p = say_error(k, SMB2_QUERY_DIRECTORY, 5, STATUS_NO_MORE_FILES, 0);
	assert_string_equal(p->text, "SMB2 QUERY_DIRECTORY: NO_MORE_FILES, no more files");
	assert_false(p->failed);
	p = say_error(k, SMB2_READ, 6, (ntstatus){0xC0001234}, 0);
	assert_string_equal(p->text, "SMB2 READ failed: 0xC0001234");
	kit_free(k);
}

static void test_compound(void **state)
{
	static struct kit_frame f;
	struct kit *k = kit_new();
	struct smb2_file_id related = {SMB2_FILEID_NONE, SMB2_FILEID_NONE};
	struct smb2_create_req create = {.desired_access = HYTHE_READ_DATA, .share_access = 7, .create_disposition = 1, .name = kit_utf16("a")};
	struct smb2_read_req read = {.length = 1, .file_id = related};
	struct smb2_close_req close = {.file_id = related};
	struct smb2_header h = {.command = SMB2_CREATE, .message_id = 1};
	const struct kit_packet *p;

	(void)state;
	kit_frame_start(&f);
	kit_message(&f, &h, smb2_message_of(SMB2_CREATE)->req_code, &create);
	h = (struct smb2_header){.command = SMB2_READ, .message_id = 2, .flags = SMB2_FLAGS_RELATED_OPERATIONS};
	kit_message(&f, &h, smb2_message_of(SMB2_READ)->req_code, &read);
	h = (struct smb2_header){.command = SMB2_CLOSE, .message_id = 3, .flags = SMB2_FLAGS_RELATED_OPERATIONS};
	kit_message(&f, &h, smb2_message_of(SMB2_CLOSE)->req_code, &close);
	p = kit_feed(k, false, kit_frame_end(&f));
	assert_int_equal(p->parts, 3);
	assert_string_equal(p->text, "SMB2 CREATE: open 'a' to read, shared for reading, writing, deleting + SMB2 READ: 1 byte at 0 of 'a' + "
		"SMB2 CLOSE: 'a'");
	kit_free(k);
}

/* A frame of more commands than there is room for is told up to there. */
static void test_long_compound(void **state)
{
	static struct kit_frame f;
	struct kit *k = kit_new();
	struct smb2_empty empty = {0};
	struct smb2_header h = {.command = SMB2_ECHO};
	const struct kit_packet *p;

	(void)state;
	kit_frame_start(&f);
	for (uint64_t i = 0; i < 40; i++) {
		h.message_id = i;
		kit_message(&f, &h, smb2_message_of(SMB2_ECHO)->req_code, &empty);
	}
	p = kit_feed(k, false, kit_frame_end(&f));
	assert_int_equal(p->parts, TRACE_PARTS);
	assert_non_null(strstr(p->text, "and more commands"));
	kit_free(k);
}

static void test_breaks(void **state)
{
	struct kit *k = kit_new();
	struct smb2_break b = {.structure_size = SMB2_BREAK_LEASE, .lease = {.flags = 1, .current_lease_state = 7, .new_lease_state = 1}};

	(void)state;
	assert_string_equal(kit_say(k, true, SMB2_OPLOCK_BREAK, UINT64_MAX, STATUS_SUCCESS, &b)->text,
		"SMB2 OPLOCK_BREAK notification: lease 00000000000000000000000000000000 breaks from RWH to R, to be acknowledged");
	kit_free(k);
}

/* Control characters, changes of direction and lone surrogates do not come through; long names lose their middle. */
static void test_names_are_harmless(void **state)
{
	struct kit *k = kit_new();
	static const uint8_t evil[] = {0x1B, 0, '[', 0, 0x0A, 0, 0x2E, 0x20, 0x00, 0xD8, 'a', 0, 0x9B, 0};
	static uint8_t lengthy[2000];
	struct smb2_create_req create = {.create_disposition = 1, .share_access = 1, .name = slice_of(evil, sizeof(evil))};
	const struct kit_packet *p;

	(void)state;
	assert_string_equal(kit_say(k, false, SMB2_CREATE, 1, STATUS_SUCCESS, &create)->text, "SMB2 CREATE: open '?[???a?', shared for reading");
	for (size_t i = 0; i < sizeof(lengthy); i += 2)
		lengthy[i] = 'n';
	create.name = slice_of(lengthy, sizeof(lengthy));
	p = kit_say(k, false, SMB2_CREATE, 2, STATUS_SUCCESS, &create);
	assert_non_null(strstr(p->text, "...nnn"));
	assert_non_null(strstr(p->text, "(1000 characters)"));
	kit_free(k);
}

struct text {
	char all[20000];
	size_t len;
};

static void collect(void *arg, const char *line)
{
	struct text *t = arg;

	t->len += (size_t)snprintf(t->all + t->len, sizeof(t->all) - t->len, "%s\n", line);
	assert_true(t->len < sizeof(t->all));
}

static void test_secrets_are_hidden(void **state)
{
	static struct kit_frame f;
	static const char blob[] = "NTLMSSP\0\3\0\0\0secret-response";
	static struct text hidden, shown;
	struct smb2_session_setup_req req = {.security_buffer = slice_of(blob, sizeof(blob))};
	struct smb2_header h = {.command = SMB2_SESSION_SETUP};
	struct trace_packet p = {0};
	struct slice raw;

	(void)state;
	kit_frame_start(&f);
	kit_message(&f, &h, smb2_message_of(SMB2_SESSION_SETUP)->req_code, &req);
	raw = kit_frame_end(&f);
	p.raw = raw;
	p.plain = slice_of(raw.data + 4, raw.len - 4);
	trace_fields(&p, false, collect, &hidden);
	trace_fields(&p, true, collect, &shown);
	assert_non_null(strstr(hidden.all, "SecurityBuffer: 28 bytes, not shown\n"));
	assert_null(strstr(hidden.all, "4e544c4d"));
	assert_non_null(strstr(shown.all, "4e544c4d"));
	assert_non_null(strstr(hidden.all, "SESSION_SETUP request"));
}

static void test_session_service(void **state)
{
	struct kit *k = kit_new();
	static const uint8_t refused[] = {0x83, 0, 0, 1, 0x82}, keepalive[] = {0x85, 0, 0, 0};

	(void)state;
	assert_string_equal(kit_feed(k, true, slice_of(refused, 5))->text, "NetBIOS SESSION REQUEST failed: called name not present");
	assert_true(kit_feed(k, true, slice_of(refused, 5))->failed);
	assert_string_equal(kit_feed(k, false, slice_of(keepalive, 4))->text, "NetBIOS KEEP ALIVE");
	kit_free(k);
}

/* Every message of every command, cut at every length and with every byte changed: a text comes of it, and nothing else. */
static void test_any_bytes(void **state)
{
	static struct kit_frame f;
	struct kit *k = kit_new();

	(void)state;
	for (uint16_t command = 0; command < SMB2_COMMAND_COUNT; command++) {
		for (int response = 0; response < 2; response++) {
			const struct smb2_message *m = smb2_message_of(command);
			struct smb2_header h = {.command = command, .message_id = command, .flags = response ? SMB2_FLAGS_SERVER_TO_REDIR : 0};
			struct arena arena;
			struct wire g;
			void *body = calloc(1, m->req_size > m->rsp_size ? m->req_size : m->rsp_size);
			uint8_t *copy;
			struct slice raw;

			arena_init(&arena, NULL, 0, 0);
			g = wire_generator(command * 2u + 1, &arena);
			(response ? m->rsp_code : m->req_code)(&g, body);
			kit_frame_start(&f);
			kit_message(&f, &h, response ? m->rsp_code : m->req_code, body);
			raw = kit_frame_end(&f);
			for (size_t len = 4; len <= raw.len && len < 600; len++) {
				copy = malloc(len); /* of the exact size, for the address sanitizer */
				memcpy(copy, raw.data, len);
				kit_feed(k, response, slice_of(copy, len));
				copy[len - 1] ^= 0xFF;
				kit_feed(k, response, slice_of(copy, len));
				free(copy);
			}
			free(body);
			arena_reset(&arena);
		}
	}
	kit_free(k);
}

/* More connections, requests and files than the tables hold. */
static void test_tables_are_bounded(void **state)
{
	static struct kit_frame f;
	struct kit *k = kit_new();
	struct smb2_empty empty = {0};
	struct smb2_header h = {.command = SMB2_ECHO};
	struct slice raw;

	(void)state;
	kit_frame_start(&f);
	kit_message(&f, &h, smb2_message_of(SMB2_ECHO)->req_code, &empty);
	raw = kit_frame_end(&f);
	for (uint64_t i = 1; i <= 3 * TRACE_CONNS; i++) {
		struct trace_packet p = {.key = i, .raw = raw};

		trace_frame(k->trace, &p);
		assert_int_equal(p.connection, i);
	}
	assert_int_equal(k->trace->conn_count, TRACE_CONNS);
	kit_free(k);
}

static void test_text_form(void **state)
{
	struct trace_words *w = calloc(1, sizeof(*w));
	struct trace_packet p = {.number = 3, .time_ns = 2500000000u, .from_server = true, .connection = 2};
	char out[TRACE_TEXT_BYTES];

	(void)state;
	w->count = 2;
	snprintf(w->parts[0].text, sizeof(w->parts[0].text), "one");
	snprintf(w->parts[1].text, sizeof(w->parts[1].text), "two");
	w->parts[1].failed = true;
	trace_text(&p, w, 1000000000, true, out, sizeof(out));
	assert_string_equal(out, "    3    1.500000 [2] <-- one + ! two");
	trace_text(&p, w, 1000000000, false, out, sizeof(out));
	assert_string_equal(out, "    3    1.500000 [2] <-- one\n                          + ! two");
	assert_int_equal(trace_text(&p, w, 1000000000, false, out, 10), 9);
	free(w);
}

static void test_addresses(void **state)
{
	struct trace_address a;
	char text[80];

	(void)state;
	assert_true(trace_address_parse(&a, "192.0.2.7:445"));
	assert_int_equal(a.port, 445);
	trace_address_text(&a, text, sizeof(text));
	assert_string_equal(text, "192.0.2.7:445");
	assert_true(trace_address_parse(&a, "[2001:db8::1]:50000"));
	trace_address_text(&a, text, sizeof(text));
	assert_string_equal(text, "[2001:db8::1]:50000");
	assert_true(trace_address_parse(&a, "[fe80::1%eth0]:5"));
	assert_false(trace_address_parse(&a, "mem"));
	assert_false(trace_address_parse(&a, ""));
	assert_false(trace_address_parse(&a, "[]:1"));
	assert_false(trace_address_parse(&a, "]:1"));
	assert_false(trace_address_parse(&a, "1.2.3.4:70000"));
	assert_int_equal(a.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_negotiation),
		cmocka_unit_test(test_open_read_close),
		cmocka_unit_test(test_failures_and_waits),
		cmocka_unit_test(test_compound),
		cmocka_unit_test(test_long_compound),
		cmocka_unit_test(test_breaks),
		cmocka_unit_test(test_names_are_harmless),
		cmocka_unit_test(test_secrets_are_hidden),
		cmocka_unit_test(test_session_service),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_tables_are_bounded),
		cmocka_unit_test(test_text_form),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

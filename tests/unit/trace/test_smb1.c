/* SMB1 in words: the nine packets of the published exchange, chains, errors of both kinds, strings of both kinds, and bytes that lie. */
#include "kit.h"

#include "wire/nbss.h"
#include "wire/smb1/smb1.h"

#include <stdio.h>
#include <stdlib.h>

static struct {
	uint8_t bytes[4096];
	struct wire w;
	struct smb1_chain chain;
} m;

enum { REPLY = SMB1_FLAGS_REPLY, NT = SMB1_FLAGS2_NT_STATUS, WIDE = SMB1_FLAGS2_UNICODE };

static void start(uint8_t command, bool reply, uint16_t flags2, uint32_t status, uint16_t mid)
{
	struct smb1_header h = {.command = command, .flags = reply ? REPLY : 0, .flags2 = flags2, .status = status, .mid = mid, .tid = 7, .uid = 9,
		.pid_low = 3};

	memset(&m, 0, sizeof(m));
	m.w = wire_encoder(m.bytes, 4, sizeof(m.bytes));
	m.w.base = m.bytes + 4;
	m.w.pos = 0;
	m.w.end = sizeof(m.bytes) - 4;
	smb1_header_code(&m.w, &h);
}

static void add(uint8_t command, bool reply, void *body)
{
	const struct smb1_message *row = smb1_message_of(command);

	smb1_chain_next(&m.w, &m.chain, command);
	(!body ? smb1_coder_of(command, true, 0) : reply ? row->rsp_code : row->req_code)(&m.w, body);
}

static const struct kit_packet *say(struct kit *k, bool reply)
{
	wire_append_tail(&m.w);
	assert_true(wire_ok(&m.w));
	store_be32(m.bytes, (uint32_t)m.w.pos);
	return kit_feed(k, reply, slice_of(m.bytes, m.w.pos + 4));
}

static const struct kit_packet *one(struct kit *k, uint8_t command, bool reply, uint16_t flags2, uint16_t mid, void *body)
{
	start(command, reply, flags2, 0, mid);
	add(command, reply, body);
	return say(k, reply);
}

static struct slice oem(const char *text)
{
	return slice_of(text, strlen(text));
}

/* ../shared/spec/smb1-packet-exchange.md */
static void test_the_exchange(void **state)
{
	struct kit *k = kit_new();
	static const char list[] = "\2LANMAN1.0\0\2NT LM 0.12";
	uint8_t challenge[8] = {1}, response[24] = {2};
	struct smb1_negotiate_req negotiate = {.dialects = slice_of(list, sizeof(list))};
	struct smb1_negotiate_rsp chosen = {.word_count = 17, .dialect_index = 1, .security_mode = SMB1_SECURITY_USER | SMB1_SECURITY_ENCRYPT_PASSWORDS,
		.challenge = slice_of(challenge, 8)};
	struct smb1_session_setup_req setup = {.word_count = 13, .unicode_password = slice_of(response, 24), .account_name = kit_utf16("ann"),
		.primary_domain = kit_utf16("HOME")};
	struct smb1_session_setup_rsp logged_on = {.word_count = 3};
	struct smb1_tree_connect_andx_req tree = {.path = kit_utf16("\\\\nas\\pub"), .service = oem("?????")};
	struct smb1_tree_connect_andx_rsp connected = {.word_count = 3, .service = oem("A:")};
	struct smb1_open_andx_req open = {.open_mode = 1, .file_name = kit_utf16("dir\\f")};
	struct smb1_open_andx_rsp opened = {.word_count = 15, .fid = 77, .file_data_size = 100};
	struct smb1_read_andx_req read = {.word_count = 12, .fid = 77, .offset = 5, .max_count = 50};
	uint8_t data[20] = {0};
	struct smb1_read_andx_rsp got = {.data = slice_of(data, sizeof(data))};

	(void)state;
	assert_string_equal(one(k, SMB1_NEGOTIATE, false, 0, 1, &negotiate)->text, "SMB1 NEGOTIATE: offers 'LANMAN1.0', 'NT LM 0.12'");
	assert_string_equal(one(k, SMB1_NEGOTIATE, true, WIDE | NT, 1, &chosen)->text,
		"SMB1 NEGOTIATE granted: dialect 1 of those, NT LM 0.12, users log on, with the challenge to log on by");
	assert_string_equal(one(k, SMB1_SESSION_SETUP_ANDX, false, WIDE | NT, 2, &setup)->text,
		"SMB1 SESSION_SETUP_ANDX: logs on as 'ann' of 'HOME', proves the password");
	assert_string_equal(one(k, SMB1_SESSION_SETUP_ANDX, true, WIDE | NT, 2, &logged_on)->text, "SMB1 SESSION_SETUP_ANDX granted: user id 9");
	assert_string_equal(one(k, SMB1_TREE_CONNECT_ANDX, false, WIDE | NT, 3, &tree)->text, "SMB1 TREE_CONNECT_ANDX: connects to share '\\\\nas\\pub'");
	assert_string_equal(one(k, SMB1_TREE_CONNECT_ANDX, true, WIDE | NT, 3, &connected)->text, "SMB1 TREE_CONNECT_ANDX granted: tree 7, service 'A:'");
	assert_string_equal(one(k, SMB1_OPEN_ANDX, false, WIDE | NT, 4, &open)->text, "SMB1 OPEN_ANDX: open 'dir\\f' to read");
	assert_string_equal(one(k, SMB1_OPEN_ANDX, true, WIDE | NT, 4, &opened)->text, "SMB1 OPEN_ANDX granted: 'dir\\f' opened, file id 77, 100 bytes");
	assert_string_equal(one(k, SMB1_READ_ANDX, false, WIDE | NT, 5, &read)->text, "SMB1 READ_ANDX: 50 bytes at 5 of 'dir\\f'");
	m.w.tail = slice_of(NULL, 0);
	assert_string_equal(one(k, SMB1_READ_ANDX, true, WIDE | NT, 5, &got)->text, "SMB1 READ_ANDX granted: 20 bytes at 5, all there is");
	assert_string_equal(one(k, SMB1_TREE_DISCONNECT, false, WIDE | NT, 6, &(struct smb1_empty){0})->text, "SMB1 TREE_DISCONNECT: leaves '\\\\nas\\pub'");
	kit_free(k);
}

static void test_chain_and_errors(void **state)
{
	struct kit *k = kit_new();
	struct smb1_session_setup_req setup = {.word_count = 13, .account_name = oem("ann")};
	struct smb1_session_setup_rsp logged_on = {.word_count = 3, .action = SMB1_SETUP_GUEST};
	struct smb1_tree_connect_andx_req tree = {.path = oem("\\\\NAS\\PUB"), .service = oem("?????")};
	const struct kit_packet *p;

	(void)state;
	start(SMB1_SESSION_SETUP_ANDX, false, 0, 0, 1);
	add(SMB1_SESSION_SETUP_ANDX, false, &setup);
	add(SMB1_TREE_CONNECT_ANDX, false, &tree);
	assert_string_equal(say(k, false)->text, "SMB1 SESSION_SETUP_ANDX: logs on as 'ann', without a password + "
		"SMB1 TREE_CONNECT_ANDX: connects to share '\\\\NAS\\PUB'");
	start(SMB1_SESSION_SETUP_ANDX, true, 0, SMB1_DOS_ERROR(SMB1_ERRCLS_SRV, 6), 1);
	add(SMB1_SESSION_SETUP_ANDX, true, &logged_on);
	add(SMB1_TREE_CONNECT_ANDX, true, NULL);
	p = say(k, true);
	assert_string_equal(p->text, "SMB1 SESSION_SETUP_ANDX granted: user id 9, as a guest + "
		"SMB1 TREE_CONNECT_ANDX failed: DOS error 2/6, no such share ('\\\\NAS\\PUB')");
	assert_true(p->failed);
	start(SMB1_ECHO, true, NT, STATUS_ACCESS_DENIED.code, 2);
	add(SMB1_ECHO, true, NULL);
	assert_string_equal(say(k, true)->text, "SMB1 ECHO failed: ACCESS_DENIED, access denied");
	kit_free(k);
}

static void collect(void *arg, const char *line)
{
	char *all = arg;
	size_t n = strlen(all);

	snprintf(all + n, 16384 - n, "%s\n", line);
}

static void test_secrets_are_hidden(void **state)
{
	static char hidden[16384], shown[16384];
	uint8_t response[24];
	struct smb1_session_setup_req setup = {.word_count = 13, .unicode_password = slice_of(response, 24), .account_name = kit_utf16("ann")};
	struct trace_packet p = {0};
	struct kit *k = kit_new();

	(void)state;
	memset(response, 0xAB, sizeof(response));
	one(k, SMB1_SESSION_SETUP_ANDX, false, WIDE | NT, 2, &setup);
	p.raw = slice_of(m.bytes, m.w.pos + 4);
	p.plain = slice_of(m.bytes + 4, m.w.pos);
	trace_fields(&p, false, collect, hidden);
	trace_fields(&p, true, collect, shown);
	assert_null(strstr(hidden, "abababab"));
	assert_non_null(strstr(hidden, "UnicodePassword: 24 bytes, not shown"));
	assert_non_null(strstr(shown, "abababab"));
	kit_free(k);
}

static void test_session_request(void **state)
{
	uint8_t raw[128];
	struct nbss_request request = {.called = nbss_name_of("nas", 0x20), .calling = nbss_name_of("laptop", 0)};
	struct nbss_header h = {.type = NBSS_SESSION_REQUEST, .length = NBSS_REQUEST_LENGTH};
	struct nbss_retarget retarget = {.ip_address = {192, 0, 2, 9}, .port = 1139};
	struct wire w = wire_encoder(raw, 0, sizeof(raw));
	struct kit *k = kit_new();

	(void)state;
	nbss_header_code(&w, &h);
	nbss_request_code(&w, &request);
	assert_true(wire_ok(&w));
	assert_string_equal(kit_feed(k, false, slice_of(raw, w.pos))->text, "NetBIOS SESSION REQUEST: calls 'NAS', from 'LAPTOP'");
	assert_string_equal(kit_feed(k, false, slice_of(raw, w.pos - 1))->text, "NetBIOS SESSION REQUEST, malformed");
	h = (struct nbss_header){.type = NBSS_RETARGET_RESPONSE, .length = 6};
	w = wire_encoder(raw, 0, sizeof(raw));
	nbss_header_code(&w, &h);
	nbss_retarget_code(&w, &retarget);
	assert_string_equal(kit_feed(k, true, slice_of(raw, w.pos))->text, "NetBIOS SESSION RETARGET: connect to 192.0.2.9:1139");
	kit_free(k);
}

/* Every command both ways, cut and changed. */
static void test_any_bytes(void **state)
{
	struct kit *k = kit_new();

	(void)state;
	for (size_t i = 0; i < smb1_message_count(); i++) {
		for (int reply = 0; reply < 2; reply++) {
			const struct smb1_message *row = smb1_message_at(i);
			struct arena arena;
			struct wire g;
			void *body = calloc(1, row->req_size + row->rsp_size);
			size_t len;

			arena_init(&arena, NULL, 0, 0);
			g = wire_generator(i * 2 + 1, &arena);
			g.unicode = true;
			(reply ? row->rsp_code : row->req_code)(&g, body);
			start(row->command, reply, WIDE | NT, 0, (uint16_t)i);
			add(row->command, reply, body);
			say(k, reply);
			len = m.w.pos + 4;
			for (size_t n = 4; n <= len && n < 500; n++) {
				uint8_t *copy = malloc(n);

				memcpy(copy, m.bytes, n);
				kit_feed(k, reply, slice_of(copy, n));
				copy[n - 1] ^= 0xFF;
				kit_feed(k, reply, slice_of(copy, n));
				free(copy);
			}
			free(body);
			arena_reset(&arena);
		}
	}
	kit_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_exchange),
		cmocka_unit_test(test_chain_and_errors),
		cmocka_unit_test(test_secrets_are_hidden),
		cmocka_unit_test(test_session_request),
		cmocka_unit_test(test_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

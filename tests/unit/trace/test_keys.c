/* Opening what is sealed, with the key of the session: derived along the messages of the capture itself, as both sides do. */
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SESSION_ID 0x1122334455667788u
static const uint8_t root_key[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/* Both sides of a session that is set up message by message. */
struct exchange {
	struct kit *kit;
	struct proto_conn conn;
	struct proto_keys client, server;
};

static void feed(struct exchange *x, bool from_server, uint16_t command, uint64_t message_id, ntstatus status, uint64_t session_id, void *body,
	bool hashed)
{
	static struct kit_frame f;
	const struct smb2_message *m = smb2_message_of(command);
	struct smb2_header h = {.command = command, .message_id = message_id, .status = status.code, .session_id = session_id,
		.flags = from_server ? SMB2_FLAGS_SERVER_TO_REDIR : 0};
	struct slice raw;
	struct iovec part;

	kit_frame_start(&f);
	kit_message(&f, &h, from_server ? m->rsp_code : m->req_code, body);
	raw = kit_frame_end(&f);
	part = (struct iovec){(void *)(uintptr_t)(raw.data + 4), raw.len - 4};
	if (hashed)
		preauth_update(x->conn.preauth, &part, 1);
	kit_feed(x->kit, from_server, raw);
}

/* key_id 0: the trace has no key */
static void set_up(struct exchange *x, uint16_t dialect, uint16_t cipher, uint64_t key_id)
{
	uint8_t contexts[64];
	uint8_t ids[4] = {1, 0, (uint8_t)cipher, 0};
	struct wire list = wire_encoder(contexts, 0, sizeof(contexts));
	struct smb2_negotiate_req req = {.dialect_count = 1, .dialects = {dialect}};
	struct smb2_negotiate_rsp rsp = {.dialect_revision = dialect};
	struct smb2_session_setup_req setup = {.security_buffer = slice_of("token", 5)};
	struct smb2_session_setup_rsp answer = {.security_buffer = slice_of("token", 5)};

	*x = (struct exchange){.kit = kit_new(), .conn = {.dialect = dialect, .cipher = cipher, .signing = SIGN_AES_CMAC}};
	if (key_id) {
		assert_true(trace_key_add(x->kit->trace, 0x99, (const uint8_t[16]){0}, 16));
		assert_true(trace_key_add(x->kit->trace, key_id, root_key, 16));
	}
	if (dialect == SMB2_DIALECT_311) {
		smb2_negotiate_context_put(&list, SMB2_ENCRYPTION_CAPABILITIES, slice_of(ids, 4));
		req.contexts = rsp.contexts = slice_of(contexts, list.pos);
		req.context_count = rsp.context_count = 1;
	}
	feed(x, false, SMB2_NEGOTIATE, 0, STATUS_SUCCESS, 0, &req, true);
	feed(x, true, SMB2_NEGOTIATE, 0, STATUS_SUCCESS, 0, &rsp, true);
	feed(x, false, SMB2_SESSION_SETUP, 1, STATUS_SUCCESS, 0, &setup, true);
	feed(x, true, SMB2_SESSION_SETUP, 1, STATUS_MORE_PROCESSING_REQUIRED, SESSION_ID, &answer, true);
	feed(x, false, SMB2_SESSION_SETUP, 2, STATUS_SUCCESS, SESSION_ID, &setup, true);
	feed(x, true, SMB2_SESSION_SETUP, 2, STATUS_SUCCESS, SESSION_ID, &answer, false);
	assert_true(nt_ok(proto_keys_derive(&x->client, &x->conn, slice_of(root_key, 16), x->conn.preauth, false, false)));
	assert_true(nt_ok(proto_keys_derive(&x->server, &x->conn, slice_of(root_key, 16), x->conn.preauth, true, false)));
}

static void tear_down(struct exchange *x)
{
	proto_keys_wipe(&x->client);
	proto_keys_wipe(&x->server);
	kit_free(x->kit);
}

/* An ECHO, sealed by that side. */
static const struct kit_packet *sealed_echo(struct exchange *x, bool from_server, bool damage)
{
	uint8_t raw[4 + SMB2_TRANSFORM_SIZE + 68] = {0}, *message = raw + 4 + SMB2_TRANSFORM_SIZE;
	struct iovec part = {message, 68};

	store_be32(raw, sizeof(raw) - 4);
	store_le32(message, SMB2_PROTOCOL_ID);
	store_le16(message + 4, 64);
	store_le16(message + 12, SMB2_ECHO);
	store_le32(message + 16, from_server);
	store_le16(message + 64, 4);
	assert_true(nt_ok(proto_seal(from_server ? &x->server : &x->client, &x->conn, SESSION_ID, raw + 4, &part, 1)));
	raw[sizeof(raw) - 1] ^= damage;
	return kit_feed(x->kit, from_server, slice_of(raw, sizeof(raw)));
}

static void test_without_a_key(void **state)
{
	struct exchange x;
	const struct kit_packet *p;

	(void)state;
	set_up(&x, SMB2_DIALECT_311, SEAL_AES128_GCM, 0);
	p = sealed_echo(&x, false, false);
	assert_string_equal(p->text, "sealed, no key: 120 bytes of session 1122334455667788");
	assert_int_equal(p->p.session_id, SESSION_ID);
	assert_false(p->failed);
	tear_down(&x);
}

static void test_every_cipher_both_ways(void **state)
{
	static const uint16_t forms[][2] = {{SMB2_DIALECT_300, SEAL_AES128_CCM}, {SMB2_DIALECT_302, SEAL_AES128_CCM}, {SMB2_DIALECT_311, SEAL_AES128_CCM},
		{SMB2_DIALECT_311, SEAL_AES128_GCM}, {SMB2_DIALECT_311, SEAL_AES256_CCM}, {SMB2_DIALECT_311, SEAL_AES256_GCM}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct exchange x;

		set_up(&x, forms[i][0], forms[i][1], SESSION_ID);
		assert_string_equal(sealed_echo(&x, false, false)->text, "SMB2 ECHO: are you there?");
		assert_string_equal(sealed_echo(&x, true, false)->text, "SMB2 ECHO granted");
		assert_non_null(strstr(sealed_echo(&x, true, true)->text, "sealed, no key"));
		tear_down(&x);
	}
}

/* As the bytes are on the wire, which is what Wireshark wants. */
static void test_id_in_wire_order(void **state)
{
	struct exchange x;

	(void)state;
	set_up(&x, SMB2_DIALECT_311, SEAL_AES128_GCM, __builtin_bswap64(SESSION_ID));
	assert_string_equal(sealed_echo(&x, false, false)->text, "SMB2 ECHO: are you there?");
	tear_down(&x);
}

static void test_wrong_key(void **state)
{
	struct exchange x;

	(void)state;
	set_up(&x, SMB2_DIALECT_311, SEAL_AES128_GCM, 0x77);
	assert_non_null(strstr(sealed_echo(&x, false, false)->text, "sealed, no key"));
	tear_down(&x);
}

/* Another connection of the session (a channel) uses the same keys. */
static void test_other_connection_of_the_session(void **state)
{
	struct exchange x;
	const struct kit_packet *p;

	(void)state;
	set_up(&x, SMB2_DIALECT_311, SEAL_AES128_GCM, SESSION_ID);
	p = sealed_echo(&x, false, false);
	struct trace_packet other = {.key = 2, .raw = slice_of(p->raw, p->raw_len)};
	trace_frame(x.kit->trace, &other);
	assert_string_equal(x.kit->packets[x.kit->count - 1].text, "SMB2 ECHO: are you there?");
	assert_int_equal(other.connection, 2);
	tear_down(&x);
}

static bool read_list(const char *text, char why[256])
{
	char path[] = "/tmp/hythe-keys-XXXXXX";
	int fd = mkstemp(path);
	struct kit *k = kit_new();
	bool ok;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	ok = trace_keys_read(k->trace, path, why, 256);
	close(fd);
	unlink(path);
	kit_free(k);
	return ok;
}

static void test_lists_of_keys(void **state)
{
	char why[256];

	(void)state;
	assert_true(read_list("# a comment\n\n3e0f9f0700000000,fd2b61eddf31c0040c987a3566ada6cf,\"\",\"\"\n", why));
	assert_true(read_list("0x79f0f3e fd2b61eddf31c0040c987a3566ada6cf", why));
	assert_false(read_list("\nnothing here\n", why));
	assert_non_null(strstr(why, "line 2: a session id"));
	assert_false(read_list("12 34\n", why));
	assert_non_null(strstr(why, "a key of 32 or 64"));
	assert_false(read_list("00112233445566778899 fd2b61eddf31c0040c987a3566ada6cf\n", why));
	struct kit *k = kit_new();
	assert_false(trace_keys_read(k->trace, "/nonexistent/keys", why, sizeof(why)));
	kit_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_key),
		cmocka_unit_test(test_every_cipher_both_ways),
		cmocka_unit_test(test_id_in_wire_order),
		cmocka_unit_test(test_wrong_key),
		cmocka_unit_test(test_other_connection_of_the_session),
		cmocka_unit_test(test_lists_of_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

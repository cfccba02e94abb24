/* Signing and sealing of frames: every algorithm there and back, and that no changed byte passes. */
#include "../crypto/kit.h"

#include "proto/proto.h"

#include "base/random.h"

struct pair {
	struct proto_conn conn;
	struct proto_keys client, server;
};

static void pair_init(struct pair *p, uint16_t dialect, uint16_t cipher, uint16_t signing)
{
	uint8_t key[32], hash[64];

	random_bytes(key, sizeof(key));
	random_bytes(hash, sizeof(hash));
	p->conn = (struct proto_conn){.dialect = dialect, .cipher = cipher, .signing = signing};
	assert_true(nt_ok(proto_keys_derive(&p->client, &p->conn, slice_of(key, 32), hash, false, false)));
	assert_true(nt_ok(proto_keys_derive(&p->server, &p->conn, slice_of(key, 32), hash, true, false)));
}

static void pair_wipe(struct pair *p)
{
	proto_keys_wipe(&p->client);
	proto_keys_wipe(&p->server);
}

/* A message of `len` bytes with a valid header. */
static void message_init(uint8_t *m, size_t len, uint16_t command, uint64_t message_id, bool response)
{
	struct smb2_header h = {.command = command,
		.message_id = message_id,
		.session_id = 77,
		.flags = response ? SMB2_FLAGS_SERVER_TO_REDIR : 0};
	struct wire w = wire_encoder(m, 0, len);

	random_bytes(m, len);
	smb2_header_code(&w, &h);
	assert_true(wire_ok(&w));
}

static const struct {
	uint16_t dialect, signing;
} signings[] = {
	{SMB2_DIALECT_202, SIGN_HMAC_SHA256},
	{SMB2_DIALECT_210, SIGN_HMAC_SHA256},
	{SMB2_DIALECT_300, SIGN_AES_CMAC},
	{SMB2_DIALECT_302, SIGN_AES_CMAC},
	{SMB2_DIALECT_311, SIGN_HMAC_SHA256},
	{SMB2_DIALECT_311, SIGN_AES_CMAC},
	{SMB2_DIALECT_311, SIGN_AES_GMAC},
};

/* Backs: B003, B004, B005, B006, B011, B084, C029, D001. */
static void test_signatures_hold_for_every_dialect_and_algorithm(void **state)
{
	uint8_t m[200], copy[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(signings); i++) {
		struct pair p;

		pair_init(&p, signings[i].dialect, SEAL_NONE, signings[i].signing);
		assert_int_equal(p.client.signing, signings[i].signing);
		for (int from_server = 0; from_server < 2; from_server++) {
			const struct proto_keys *from = from_server ? &p.server : &p.client,
						*to = from_server ? &p.client : &p.server;
			struct iovec parts[] = {{m, 64}, {m + 64, 100}, {m + 164, 36}};

			message_init(m, sizeof(m), SMB2_READ, 5 + i, from_server);
			assert_true(nt_ok(proto_sign(from, parts, 3, from_server)));
			assert_true(load_le32(m + 16) & SMB2_FLAGS_SIGNED);
			memcpy(copy, m, sizeof(m));
			assert_true(nt_ok(proto_verify(to, m, sizeof(m), from_server)));
			assert_memory_equal(copy, m, sizeof(m));
		}
		pair_wipe(&p);
	}
}

/* Backs: B182, B007, D010. */
static void test_no_changed_byte_passes_a_signature(void **state)
{
	uint8_t m[104]; /* 100 bytes of message and the padding of a compound */

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(signings); i++) {
		struct pair p;
		struct iovec part = {m, sizeof(m)};

		pair_init(&p, signings[i].dialect, SEAL_NONE, signings[i].signing);
		message_init(m, sizeof(m), SMB2_WRITE, 9, false);
		memset(m + 100, 0, 4);
		assert_true(nt_ok(proto_sign(&p.client, &part, 1, false)));
		for (size_t at = 0; at < sizeof(m); at++) {
			for (int bit = 0; bit < 8; bit++) {
				m[at] ^= (uint8_t)(1 << bit);
				assert_true(nt_is(proto_verify(&p.server, m, sizeof(m), false), STATUS_ACCESS_DENIED));
				m[at] ^= (uint8_t)(1 << bit);
			}
		}
		/* Without its padding it is another message. */
		assert_true(nt_is(proto_verify(&p.server, m, 100, false), STATUS_ACCESS_DENIED));
		assert_true(nt_ok(proto_verify(&p.server, m, sizeof(m), false)));
		pair_wipe(&p);
	}
}

static void sign_to(const struct proto_keys *k, uint16_t command, uint64_t id, bool from_server, uint8_t out[16])
{
	uint8_t m[64] = {0};
	struct smb2_header h = {.command = command, .message_id = id};
	struct wire w = wire_encoder(m, 0, sizeof(m));
	struct iovec part = {m, sizeof(m)};

	smb2_header_code(&w, &h);
	assert_true(nt_ok(proto_sign(k, &part, 1, from_server)));
	memcpy(out, m + 48, 16);
}

/* With the same bytes under the same key only the nonce can make the difference. The command is part of the bytes:
 * CANCEL is compared with itself from the other side. */
static void test_gmac_nonce_tells_client_server_and_cancel_apart(void **state)
{
	uint8_t a[16], b[16], nonce[12] = {0}, expected[16], m[68] = {0};
	struct pair p;
	struct iovec part = {m, 64};
	struct smb2_header h = {.command = SMB2_CANCEL, .message_id = 0x1122334455667788, .flags = SMB2_FLAGS_SIGNED};
	struct wire w = wire_encoder(m, 0, sizeof(m));

	(void)state;
	pair_init(&p, SMB2_DIALECT_311, SEAL_NONE, SIGN_AES_GMAC);
	sign_to(&p.client, SMB2_ECHO, 5, false, a);
	sign_to(&p.client, SMB2_ECHO, 5, true, b);
	assert_memory_not_equal(a, b, 16);
	/* The bits where the specification has them: client 0, server 1, a client's CANCEL 2. */
	smb2_header_code(&w, &h);
	store_le64(nonce, h.message_id);
	nonce[8] = 2;
	assert_true(nt_ok(sign_compute(p.client.sign, nonce, &part, 1, expected)));
	sign_to(&p.client, SMB2_CANCEL, h.message_id, false, a);
	assert_memory_equal(a, expected, 16);
	nonce[8] = 1;
	assert_true(nt_ok(sign_compute(p.client.sign, nonce, &part, 1, expected)));
	sign_to(&p.client, SMB2_CANCEL, h.message_id, true, a);
	assert_memory_equal(a, expected, 16);
	pair_wipe(&p);
}

/* Backs: B181. */
static void test_no_key_or_no_header_is_no_signature(void **state)
{
	uint8_t m[64] = {0};
	struct iovec part = {m, sizeof(m)}, small = {m, 63};
	struct proto_keys none = {0};
	struct pair p;

	(void)state;
	assert_true(nt_is(proto_sign(&none, &part, 1, false), STATUS_NOT_SUPPORTED));
	assert_true(nt_is(proto_verify(&none, m, sizeof(m), false), STATUS_NOT_SUPPORTED));
	pair_init(&p, SMB2_DIALECT_300, SEAL_NONE, SIGN_AES_CMAC);
	assert_true(nt_is(proto_sign(&p.client, &small, 1, false), STATUS_INVALID_PARAMETER));
	assert_true(nt_is(proto_sign(&p.client, NULL, 0, false), STATUS_INVALID_PARAMETER));
	assert_true(nt_is(proto_verify(&p.client, m, 63, false), STATUS_INVALID_PARAMETER));
	pair_wipe(&p);
}

static const struct {
	uint16_t dialect, cipher;
} seals[] = {
	{SMB2_DIALECT_300, SEAL_AES128_CCM},
	{SMB2_DIALECT_302, SEAL_AES128_CCM},
	{SMB2_DIALECT_311, SEAL_AES128_CCM},
	{SMB2_DIALECT_311, SEAL_AES128_GCM},
	{SMB2_DIALECT_311, SEAL_AES256_CCM},
	{SMB2_DIALECT_311, SEAL_AES256_GCM},
};

enum { PLAIN = 150, FRAME = SMB2_TRANSFORM_SIZE + PLAIN };

/* A sealed frame of a random message, which goes to `plain`. */
static void frame_make(struct pair *p, bool from_server, uint8_t frame[FRAME], uint8_t plain[PLAIN])
{
	uint8_t *body = frame + SMB2_TRANSFORM_SIZE;
	struct iovec parts[] = {{body, 64}, {body + 64, 50}, {body + 114, PLAIN - 114}};

	message_init(body, PLAIN, SMB2_WRITE, 3, from_server);
	memcpy(plain, body, PLAIN);
	assert_true(nt_ok(proto_seal(from_server ? &p->server : &p->client, &p->conn, 0x1234567890, frame, parts, 3)));
}

/* Backs: A096, B009, B010, D014, D019, G003, G038. */
static void test_sealed_frames_open_on_the_other_side(void **state)
{
	uint8_t frame[FRAME], plain[PLAIN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seals); i++) {
		for (int from_server = 0; from_server < 2; from_server++) {
			struct smb2_transform_header h;
			struct slice got;
			struct pair p;
			struct wire w;
			uint64_t id;

			pair_init(&p, seals[i].dialect, seals[i].cipher, SIGN_AES_CMAC);
			frame_make(&p, from_server, frame, plain);
			w = wire_decoder(frame, 0, FRAME, NULL);
			smb2_transform_header_code(&w, &h);
			assert_int_equal(h.original_message_size, PLAIN);
			assert_int_equal(h.algorithm, 1);
			assert_int_equal(h.session_id, 0x1234567890);
			assert_true(nt_ok(proto_sealed_session(&p.conn, slice_of(frame, FRAME), 65536, &id)));
			assert_int_equal(id, 0x1234567890);
			/* It cannot be opened by the side that sealed it. */
			memcpy(plain, frame + SMB2_TRANSFORM_SIZE, PLAIN);
			assert_true(nt_is(proto_unseal(from_server ? &p.server : &p.client, frame, FRAME, &got),
				STATUS_DATA_ERROR));
			assert_null(got.data);
			frame_make(&p, from_server, frame, plain);
			assert_true(nt_ok(proto_unseal(from_server ? &p.client : &p.server, frame, FRAME, &got)));
			assert_int_equal(got.len, PLAIN);
			assert_memory_equal(got.data, plain, PLAIN);
			pair_wipe(&p);
		}
	}
}

/* As proto_unseal, in pieces where the cipher can. */
static ntstatus unseal_pieces(const struct proto_keys *k, uint8_t frame[FRAME])
{
	struct proto_unsealing u;
	uint8_t *p = frame + SMB2_TRANSFORM_SIZE;
	ntstatus status = proto_unseal_begin(&u, k, frame);
	struct slice plain;

	if (nt_is(status, STATUS_NOT_SUPPORTED))
		return proto_unseal(k, frame, FRAME, &plain);
	if (!nt_ok(status))
		return status;
	proto_unseal_step(&u, p, 1);
	proto_unseal_step(&u, p + 1, 0);
	proto_unseal_step(&u, p + 1, PLAIN - 1);
	return proto_unseal_end(&u, p, PLAIN);
}

/* Backs: B171, D019. */
static void test_no_changed_byte_passes_a_seal(void **state)
{
	static const uint8_t zeros[PLAIN];
	uint8_t frame[FRAME], broken[FRAME], plain[PLAIN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seals); i++) {
		struct slice got;
		struct pair p;

		pair_init(&p, seals[i].dialect, seals[i].cipher, SIGN_AES_CMAC);
		frame_make(&p, false, frame, plain);
		memcpy(broken, frame, FRAME);
		assert_true(nt_ok(unseal_pieces(&p.server, broken)));
		assert_memory_equal(broken + SMB2_TRANSFORM_SIZE, plain, PLAIN);
		for (size_t at = 0; at < FRAME; at++) {
			memcpy(broken, frame, FRAME);
			broken[at] ^= 0x40;
			/* The unused bytes of the nonce are authenticated as well. */
			assert_true(nt_is(proto_unseal(&p.server, broken, FRAME, &got), STATUS_DATA_ERROR));
			memcpy(broken, frame, FRAME);
			broken[at] ^= 0x40;
			assert_true(nt_is(unseal_pieces(&p.server, broken), STATUS_DATA_ERROR));
			assert_true(at < SMB2_TRANSFORM_SIZE || memcmp(broken + SMB2_TRANSFORM_SIZE, zeros, PLAIN) == 0);
		}
		assert_true(nt_is(proto_unseal(&p.server, frame, FRAME - 1, &got), STATUS_DATA_ERROR));
		assert_true(nt_is(proto_unseal(&p.server, frame, SMB2_TRANSFORM_SIZE, &got), STATUS_DATA_ERROR));
		assert_true(nt_is(proto_unseal(&p.server, frame, 10, &got), STATUS_DATA_ERROR));
		pair_wipe(&p);
	}
}

/* Backs: D020, B009. */
static void test_nonces_are_not_repeated_and_run_out_safely(void **state)
{
	enum { FRAMES = 2000 };
	static uint8_t nonces[FRAMES][16];
	struct pair p;

	(void)state;
	pair_init(&p, SMB2_DIALECT_311, SEAL_AES128_GCM, SIGN_AES_CMAC);
	for (size_t i = 0; i < FRAMES; i++) {
		uint8_t head[52], body[64] = {0};
		struct iovec part = {body, sizeof(body)};

		assert_true(nt_ok(proto_seal(&p.server, &p.conn, 1, head, &part, 1)));
		memcpy(nonces[i], head + 20, 16);
		assert_int_equal(load_le32(nonces[i] + 12), 0);
	}
	for (size_t i = 0; i < FRAMES; i++)
		for (size_t j = i + 1; j < FRAMES; j++)
			assert_memory_not_equal(nonces[i], nonces[j], 12);
	p.server.nonce_counter = UINT64_MAX - UINT32_MAX - 1;
	for (int i = 0; i < 5; i++) {
		uint8_t head[52], body[64] = {0}, zeros[64] = {0};
		struct iovec part = {body, sizeof(body)};
		ntstatus status = proto_seal(&p.server, &p.conn, 1, head, &part, 1);

		assert_true(i == 0 ? nt_ok(status) : nt_is(status, STATUS_INSUFFICIENT_RESOURCES));
		if (i > 0)
			assert_memory_equal(body, zeros, 64);
	}
	pair_wipe(&p);
}

/* A sealed frame of `size` said and `actual` real bytes. */
static ntstatus look(const struct proto_conn *conn, uint32_t size, uint16_t algorithm, size_t actual, uint32_t max)
{
	static uint8_t frame[4096];
	struct smb2_transform_header h = {.original_message_size = size, .algorithm = algorithm, .session_id = 9};
	struct wire w = wire_encoder(frame, 0, SMB2_TRANSFORM_SIZE);
	uint64_t id;

	smb2_transform_header_code(&w, &h);
	return proto_sealed_session(conn, slice_of(frame, SMB2_TRANSFORM_SIZE + actual), max, &id);
}

/* With G037's reading: nothing to answer to, the connection is dropped.
 * Backs: B167, B168, B169, G037, E023. */
static void test_frames_that_cannot_be_sealed_messages_are_refused_before_decryption(void **state)
{
	struct proto_conn conn = {.dialect = SMB2_DIALECT_311, .cipher = SEAL_AES128_GCM};
	uint8_t other[64] = {0xFE, 'S', 'M', 'B'};
	uint64_t id;

	(void)state;
	assert_true(nt_ok(look(&conn, 64, 1, 64, 1000)));
	assert_true(nt_ok(look(&conn, 1000, 1, 1000, 1000)));
	assert_false(nt_ok(look(&conn, 1001, 1, 1001, 1000)));
	assert_false(nt_ok(look(&conn, 63, 1, 63, 1000)));
	assert_false(nt_ok(look(&conn, 0, 1, 0, 1000)));
	assert_false(nt_ok(look(&conn, 64, 1, 65, 1000)));
	assert_false(nt_ok(look(&conn, 65, 1, 64, 1000)));
	assert_false(nt_ok(look(&conn, UINT32_MAX, 1, 64, UINT32_MAX)));
	assert_true(nt_is(look(&conn, 64, 0, 64, 1000), STATUS_INVALID_PARAMETER));
	assert_true(nt_is(look(&conn, 64, 2, 64, 1000), STATUS_INVALID_PARAMETER));
	assert_false(nt_ok(proto_sealed_session(&conn, slice_of(other, 64), 1000, &id)));
	assert_false(nt_ok(proto_sealed_session(&conn, slice_of(other, 51), 1000, &id)));
	assert_false(nt_ok(proto_sealed_session(&conn, slice_of(other, 0), 1000, &id)));
	/* Connections that negotiated no encryption */
	conn.cipher = SEAL_NONE;
	assert_false(nt_ok(look(&conn, 64, 1, 64, 1000)));
	conn = (struct proto_conn){.dialect = SMB2_DIALECT_210, .cipher = SEAL_AES128_CCM};
	assert_false(nt_ok(look(&conn, 64, 1, 64, 1000)));
	conn.dialect = SMB2_DIALECT_WILDCARD;
	assert_false(nt_ok(look(&conn, 64, 1, 64, 1000)));
	conn.dialect = 0;
	assert_false(nt_ok(look(&conn, 64, 1, 64, 1000)));
}

static void test_sealing_without_a_key_fails(void **state)
{
	uint8_t head[52], body[64] = {0};
	struct iovec part = {body, sizeof(body)};
	struct pair p;

	(void)state;
	pair_init(&p, SMB2_DIALECT_311, SEAL_NONE, SIGN_AES_CMAC);
	assert_true(nt_is(proto_seal(&p.server, &p.conn, 1, head, &part, 1), STATUS_NOT_SUPPORTED));
	pair_wipe(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signatures_hold_for_every_dialect_and_algorithm),
		cmocka_unit_test(test_no_changed_byte_passes_a_signature),
		cmocka_unit_test(test_gmac_nonce_tells_client_server_and_cancel_apart),
		cmocka_unit_test(test_no_key_or_no_header_is_no_signature),
		cmocka_unit_test(test_sealed_frames_open_on_the_other_side),
		cmocka_unit_test(test_no_changed_byte_passes_a_seal),
		cmocka_unit_test(test_nonces_are_not_repeated_and_run_out_safely),
		cmocka_unit_test(test_frames_that_cannot_be_sealed_messages_are_refused_before_decryption),
		cmocka_unit_test(test_sealing_without_a_key_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

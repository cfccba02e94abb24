/* Keys, the preauthentication hash, signatures and sealed frames against what Microsoft published. */
#include "../crypto/kit.h"
#include "published.h"

#include "proto/proto.h"

static struct proto_conn conn_of(uint16_t dialect, uint16_t cipher, uint16_t signing)
{
	return (struct proto_conn){.dialect = dialect, .cipher = cipher, .signing = signing};
}

static struct proto_keys keys_of(
	const struct proto_conn *conn, const char *session_key, const char *preauth, bool server, bool channel)
{
	size_t len;
	uint8_t *key = unhex(session_key, &len), *hash = preauth ? unhex(preauth, NULL) : NULL;
	struct proto_keys k;

	assert_true(nt_ok(proto_keys_derive(&k, conn, slice_of(key, len), hash, server, channel)));
	free(key);
	free(hash);
	return k;
}

/* Whether k signs as a key of these bytes does. */
static void assert_signing_key(const struct proto_keys *k, enum sign_algorithm alg, const char *hex)
{
	uint8_t *raw = unhex(hex, NULL), message[80] = {1}, nonce[12] = {2}, ours[16], theirs[16];
	struct sign_key *reference = sign_key_new(alg, raw);
	struct iovec part = {message, sizeof(message)};

	assert_non_null(reference);
	assert_non_null(k->sign);
	assert_true(nt_ok(sign_compute(reference, nonce, &part, 1, theirs)));
	assert_true(nt_ok(sign_compute(k->sign, nonce, &part, 1, ours)));
	assert_memory_equal(ours, theirs, 16);
	sign_key_free(reference);
	free(raw);
}

static void assert_seal_key(struct seal_key *k, enum seal_cipher cipher, const char *hex)
{
	uint8_t *raw = unhex(hex, NULL), ours[64] = {1}, theirs[64] = {1}, nonce[12] = {2}, tag_a[16], tag_b[16];
	struct seal_key *reference = seal_key_new(cipher, raw, seal_key_len(cipher));
	struct iovec a = {ours, sizeof(ours)}, b = {theirs, sizeof(theirs)};

	assert_non_null(reference);
	assert_non_null(k);
	assert_true(nt_ok(seal_encrypt(k, nonce, slice_of(nonce, 12), &a, 1, NULL, tag_a)));
	assert_true(nt_ok(seal_encrypt(reference, nonce, slice_of(nonce, 12), &b, 1, NULL, tag_b)));
	assert_memory_equal(ours, theirs, sizeof(ours));
	assert_memory_equal(tag_a, tag_b, 16);
	seal_key_free(reference);
	free(raw);
}

/* Backs: B008, D013, D014, F012. */
static void test_keys_of_3_0_are_the_published_ones(void **state)
{
	struct proto_conn conn = conn_of(SMB2_DIALECT_300, SEAL_AES128_CCM, SIGN_AES_CMAC);
	struct proto_keys client = keys_of(&conn, "7CD451825D0450D235424E44BA6E78CC", NULL, false, false);
	struct proto_keys server = keys_of(&conn, "7CD451825D0450D235424E44BA6E78CC", NULL, true, false);

	(void)state;
	assert_signing_key(&client, SIGN_AES_CMAC, "0B7E9C5CAC36C0F6EA9AB275298CEDCE");
	assert_signing_key(&server, SIGN_AES_CMAC, "0B7E9C5CAC36C0F6EA9AB275298CEDCE");
	assert_bytes_hex(client.application_key, "BB23A4575AA26C721AF525AF15A87B4F");
	assert_seal_key(client.send, SEAL_AES128_CCM, "FAD27796665B313EBB578F388632B4F7");
	assert_seal_key(client.receive, SEAL_AES128_CCM, "B0F0427F7CEB416D1D9DCC0CD4F99447");
	assert_seal_key(server.send, SEAL_AES128_CCM, "B0F0427F7CEB416D1D9DCC0CD4F99447");
	assert_seal_key(server.receive, SEAL_AES128_CCM, "FAD27796665B313EBB578F388632B4F7");
	proto_keys_wipe(&client);
	proto_keys_wipe(&server);
}

/* Backs: D016. */
static void test_channel_gets_a_signing_key_of_its_own_and_no_encryption_keys(void **state)
{
	struct proto_conn conn = conn_of(SMB2_DIALECT_302, SEAL_AES128_CCM, SIGN_AES_CMAC);
	struct proto_keys k = keys_of(&conn, "4E01A2B313BCF660CC250BEF021AEDE6", NULL, true, true);

	(void)state;
	assert_signing_key(&k, SIGN_AES_CMAC, "BA1A17DBBFEC349BCA105563D598952F");
	assert_null(k.send);
	assert_null(k.receive);
	proto_keys_wipe(&k);
}

/* Backs: D018. */
static void test_keys_of_3_1_1_are_the_published_ones(void **state)
{
	struct proto_conn conn = conn_of(SMB2_DIALECT_311, SEAL_AES128_GCM, SIGN_AES_CMAC);
	struct proto_keys client = keys_of(&conn, "270E1BA896585EEB7AF3472D3B4C75A7", published_hash_5, false, false);
	struct proto_keys channel =
		keys_of(&conn, "84B9DBB730116A8FA6E9889555C265F9", published_bind_hash, false, true);

	(void)state;
	assert_signing_key(&client, SIGN_AES_CMAC, "73FE7A9A77BEF0BDE49C650D8CCB5F76");
	assert_bytes_hex(client.application_key, "6D7AD7954E9EC61E907B4D473DC178FF");
	assert_bytes_hex(client.session_key, "270E1BA896585EEB7AF3472D3B4C75A7");
	assert_seal_key(client.send, SEAL_AES128_GCM, "629BCBC54422A0F572B97F45989B6073");
	assert_seal_key(client.receive, SEAL_AES128_GCM, "E2AF0DCEFAC68DA71A0DFBD0D1350D74");
	assert_signing_key(&channel, SIGN_AES_CMAC, "C962BCA1A9DD1697B030644199705431");
	proto_keys_wipe(&client);
	proto_keys_wipe(&channel);
}

static void test_gmac_is_keyed_with_the_same_signing_key(void **state)
{
	struct proto_conn conn = conn_of(SMB2_DIALECT_311, SEAL_NONE, SIGN_AES_GMAC);
	struct proto_keys k = keys_of(&conn, "270E1BA896585EEB7AF3472D3B4C75A7", published_hash_5, false, false);

	(void)state;
	assert_signing_key(&k, SIGN_AES_GMAC, "73FE7A9A77BEF0BDE49C650D8CCB5F76");
	assert_null(k.send);
	assert_null(k.receive);
	proto_keys_wipe(&k);
}

/* Backs: D017, D018. */
static void test_keys_of_2_x_are_the_session_key_itself_padded_to_sixteen_bytes(void **state)
{
	static const uint16_t dialects[] = {SMB2_DIALECT_202, SMB2_DIALECT_210};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		struct proto_conn conn = conn_of(dialects[i], SEAL_AES128_CCM, SIGN_AES_GMAC);
		struct proto_keys k = keys_of(&conn, "AABBCCDDEEFF0011", NULL, true, false);

		assert_int_equal(k.signing, SIGN_HMAC_SHA256);
		assert_bytes_hex(k.session_key, "AABBCCDDEEFF00110000000000000000");
		assert_bytes_hex(k.application_key, "AABBCCDDEEFF00110000000000000000");
		assert_signing_key(&k, SIGN_HMAC_SHA256, "AABBCCDDEEFF00110000000000000000");
		assert_null(k.send);
		proto_keys_wipe(&k);
		k = keys_of(&conn, "00112233445566778899AABBCCDDEEFF0123456789", NULL, true, false);
		assert_bytes_hex(k.session_key, "00112233445566778899AABBCCDDEEFF");
		proto_keys_wipe(&k);
	}
}

/* AES-256 uses the whole key of Kerberos for the ciphers and the first half for everything else. */
static void test_aes_256_derives_from_the_full_key(void **state)
{
	static const char full[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
	struct proto_conn conn = conn_of(SMB2_DIALECT_311, SEAL_AES256_GCM, SIGN_AES_CMAC);
	struct proto_keys whole = keys_of(&conn, full, published_hash_5, false, false);
	struct proto_keys half = keys_of(&conn, "000102030405060708090a0b0c0d0e0f", published_hash_5, false, false);
	uint8_t *key = unhex(full, NULL), *hash = unhex(published_hash_5, NULL), raw[32];
	char hex[65];

	(void)state;
	assert_memory_equal(whole.session_key, half.session_key, 16);
	assert_memory_equal(whole.application_key, half.application_key, 16);
	for (size_t len = 16; len <= 32; len += 16) {
		kdf_sp800_108(
			slice_of(key, len), slice_of("SMBC2SCipherKey", 16), slice_of(hash, 64), raw, 32);
		bytes_to_hex(hex, raw, 32);
		assert_seal_key(len == 32 ? whole.send : half.send, SEAL_AES256_GCM, hex);
	}
	proto_keys_wipe(&whole);
	proto_keys_wipe(&half);
	free(key);
	free(hash);
}

static void test_3_1_1_without_a_preauthentication_hash_is_refused(void **state)
{
	struct proto_conn conn = conn_of(SMB2_DIALECT_311, SEAL_NONE, SIGN_AES_CMAC);
	uint8_t key[16] = {0};
	struct proto_keys k;

	(void)state;
	assert_false(nt_ok(proto_keys_derive(&k, &conn, slice_of(key, 16), NULL, true, false)));
	assert_null(k.sign);
}

static void test_preauthentication_hash_follows_the_published_exchange(void **state)
{
	static const char *const messages[] = {published_neg_req_1, published_neg_rsp_1, published_setup_req_1,
		published_setup_rsp_1, published_setup_req_2};
	static const char *const hashes[] = {
		published_hash_1, published_hash_2, published_hash_3, published_hash_4, published_hash_5};
	uint8_t hash[64] = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		size_t len;
		uint8_t *m = unhex(messages[i], &len);
		struct iovec parts[] = {{m, 64}, {m + 64, len - 64}};

		preauth_update(hash, parts, 2);
		assert_bytes_hex(hash, hashes[i]);
		free(m);
	}
}

static void check_signature(const struct proto_keys *k, const char *hex, bool from_server)
{
	size_t len;
	uint8_t *m = unhex(hex, &len), *copy = unhex(hex, NULL);
	struct iovec part = {copy, len};

	assert_true(nt_ok(proto_verify(k, m, len, from_server)));
	assert_memory_equal(m, copy, len);
	/* Ours is the same. */
	memset(copy + 48, 0xAB, 16);
	copy[16] &= (uint8_t)~SMB2_FLAGS_SIGNED;
	assert_true(nt_ok(proto_sign(k, &part, 1, from_server)));
	assert_memory_equal(m, copy, len);
	m[len - 1] ^= 1;
	assert_true(nt_is(proto_verify(k, m, len, from_server), STATUS_ACCESS_DENIED));
	free(m);
	free(copy);
}

/* Backs: B003, B004, B005, B011, B084. */
static void test_published_session_setup_messages_carry_the_signatures_of_our_keys(void **state)
{
	struct proto_conn conn = conn_of(SMB2_DIALECT_311, SEAL_AES128_GCM, SIGN_AES_CMAC);
	struct proto_keys session = keys_of(&conn, "270E1BA896585EEB7AF3472D3B4C75A7", published_hash_5, true, false);
	struct proto_keys channel = keys_of(&conn, "84B9DBB730116A8FA6E9889555C265F9", published_bind_hash, true, true);

	(void)state;
	check_signature(&session, published_setup_rsp_2, true);
	/* Binding: request and interim leg with the session's key, the final response with the channel's. */
	check_signature(&session, published_bind_req_1, false);
	check_signature(&session, published_bind_rsp_1, true);
	check_signature(&channel, published_bind_rsp_2, true);
	proto_keys_wipe(&session);
	proto_keys_wipe(&channel);
}

static void check_unseal(
	const struct proto_conn *conn, const struct proto_keys *k, const char *sealed, const char *plain, uint64_t id)
{
	size_t len, plain_len;
	uint8_t *frame = unhex(sealed, &len), *want = unhex(plain, &plain_len);
	struct slice got;
	uint64_t session_id;

	assert_true(nt_ok(proto_sealed_session(conn, slice_of(frame, len), 65536, &session_id)));
	assert_int_equal(session_id, id);
	assert_true(nt_ok(proto_unseal(k, frame, len, &got)));
	assert_int_equal(got.len, plain_len);
	assert_memory_equal(got.data, want, plain_len);
	free(frame);
	free(want);
}

/* Backs: A096, B010, D014, D019. */
static void test_published_sealed_frames_of_3_0_open(void **state)
{
	struct proto_conn conn = conn_of(SMB2_DIALECT_300, SEAL_AES128_CCM, SIGN_AES_CMAC);
	struct proto_keys client = keys_of(&conn, "B4546771B515F766A86735532DD6C4F0", NULL, false, false);
	struct proto_keys server = keys_of(&conn, "B4546771B515F766A86735532DD6C4F0", NULL, true, false);

	(void)state;
	assert_seal_key(client.send, SEAL_AES128_CCM, "261B72350558F2E9DCF613070383EDBF");
	check_unseal(&conn, &server, published_sealed_300_req, published_plain_300_req, 0x8E40014000011);
	check_unseal(&conn, &client, published_sealed_300_rsp, published_plain_300_rsp, 0x8E40014000011);
	proto_keys_wipe(&client);
	proto_keys_wipe(&server);
}

static void test_published_sealed_frames_of_3_1_1_open(void **state)
{
	struct proto_conn conn = conn_of(SMB2_DIALECT_311, SEAL_AES128_GCM, SIGN_AES_CMAC);
	struct proto_keys client =
		keys_of(&conn, "419FDDF34C1E001909D362AE7FB6AF79", published_hash_sealed_311, false, false);
	struct proto_keys server =
		keys_of(&conn, "419FDDF34C1E001909D362AE7FB6AF79", published_hash_sealed_311, true, false);

	(void)state;
	check_unseal(&conn, &server, published_sealed_311_req, published_plain_311_req, 0x100000000025);
	check_unseal(&conn, &client, published_sealed_311_rsp, published_plain_311_rsp, 0x100000000025);
	proto_keys_wipe(&client);
	proto_keys_wipe(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_of_3_0_are_the_published_ones),
		cmocka_unit_test(test_channel_gets_a_signing_key_of_its_own_and_no_encryption_keys),
		cmocka_unit_test(test_keys_of_3_1_1_are_the_published_ones),
		cmocka_unit_test(test_gmac_is_keyed_with_the_same_signing_key),
		cmocka_unit_test(test_keys_of_2_x_are_the_session_key_itself_padded_to_sixteen_bytes),
		cmocka_unit_test(test_aes_256_derives_from_the_full_key),
		cmocka_unit_test(test_3_1_1_without_a_preauthentication_hash_is_refused),
		cmocka_unit_test(test_preauthentication_hash_follows_the_published_exchange),
		cmocka_unit_test(test_published_session_setup_messages_carry_the_signatures_of_our_keys),
		cmocka_unit_test(test_published_sealed_frames_of_3_0_open),
		cmocka_unit_test(test_published_sealed_frames_of_3_1_1_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

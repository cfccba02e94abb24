/* Digests, key derivation and the old ciphers, by the vectors of who published them; the key derivation against OpenSSL's. */
#include "kit.h"

#include "crypto/crypto.h"

#include "base/random.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

static struct iovec text(const char *s)
{
	return (struct iovec){(void *)(uintptr_t)s, strlen(s)};
}

/* The messages that RFC 1320 and RFC 1321 share, and their digests. */
struct vector {
	const char *message, *md4, *md5;
};
static const struct vector vectors[] = {
	{"", "31d6cfe0d16ae931b73c59d7e0c089c0", "d41d8cd98f00b204e9800998ecf8427e"},
	{"a", "bde52cb31de33e46245e05fbdbd6fb24", "0cc175b9c0f1b6a831c399e269772661"},
	{"abc", "a448017aaf21d8525fc10ae87aa6729d", "900150983cd24fb0d6963f7d28e17f72"},
	{"message digest", "d9130a8164549fe818874806e1c7014b", "f96b697d7cb7938d525a2f31aaf161d0"},
	{"abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9", "c3fcd3d76192e4007dfb496cca67e13b"},
	{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "043f8582f241db351ce627e153e7f0e4",
		"d174ab98d277d9f5a5611c2c9f419d9f"},
	{"12345678901234567890123456789012345678901234567890123456789012345678901234567890", "e33b4ddc9c38f2199c3e7b164fcc0536",
		"57edf4a22be3c955ac49da2e2107b67a"},
};

static void test_md4_gives_the_vectors_of_rfc_1320(void **state)
{
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		crypto_md4(slice_of(vectors[i].message, strlen(vectors[i].message)), out);
		assert_bytes_hex(out, vectors[i].md4);
	}
}

static void test_md5_gives_the_vectors_of_rfc_1321(void **state)
{
	uint8_t out[16];

	(void)state;
	crypto_md5(NULL, 0, out);
	assert_bytes_hex(out, vectors[0].md5);
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		size_t len = strlen(vectors[i].message), cut = len / 3;
		uint8_t *m = (uint8_t *)(uintptr_t)vectors[i].message;
		struct iovec parts[] = {{m, cut}, {NULL, 0}, {m + cut, len - cut}};

		crypto_md5(parts, ARRAY_LEN(parts), out);
		assert_bytes_hex(out, vectors[i].md5);
	}
}

static void test_hmac_md5_gives_the_vectors_of_rfc_2202(void **state)
{
	uint8_t key[80], data[50], out[16];
	struct iovec hi = text("Hi There"), want[] = {text("what do ya want "), text("for nothing?")}, fifty = {data, sizeof(data)},
		larger = text("Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data");

	(void)state;
	memset(key, 0x0b, sizeof(key));
	crypto_hmac_md5(slice_of(key, 16), &hi, 1, out);
	assert_bytes_hex(out, "9294727a3638bb1c13f48ef8158bfc9d");
	crypto_hmac_md5(slice_of("Jefe", 4), want, 2, out);
	assert_bytes_hex(out, "750c783e6ab0b503eaa86e310a5db738");
	memset(key, 0xaa, sizeof(key));
	memset(data, 0xdd, sizeof(data));
	crypto_hmac_md5(slice_of(key, 16), &fifty, 1, out);
	assert_bytes_hex(out, "56be34521d144c88dbb8c733f0e8b3f6");
	/* a key longer than a block */
	crypto_hmac_md5(slice_of(key, 80), &larger, 1, out);
	assert_bytes_hex(out, "6f630fad67cda0ee1fb1f562db3aa53e");
	/* An anonymous logon has an empty key. */
	crypto_hmac_md5(slice_of(NULL, 0), NULL, 0, out);
	assert_bytes_hex(out, "74e6f7298a9c2d168935f58c001bad88");
}

static void test_rc4_gives_the_vectors_of_rfc_6229(void **state)
{
	static const uint8_t key[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	static const uint8_t zeros[32];
	uint8_t out[32] = {0};

	(void)state;
	crypto_rc4(slice_of(key, 5), zeros, out, 32);
	assert_bytes_hex(out, "b2396305f03dc027ccc3524a0a1118a86982944f18fc82d589c403a47a0d0919");
	/* in place */
	memset(out, 0, sizeof(out));
	crypto_rc4(slice_of(key, 16), out, out, 32);
	assert_bytes_hex(out, "9ac7cc9a609d1ef7b2932899cde41b975248c4959014126a6e8a84f11d1a9e1c");
}

/* FIPS 81, table B1 (the key with its parity bits is 0123456789abcdef), and of NBS SP 500-20 the first of the variable plaintexts, whose key is a
 * weak one. */
static void test_des_gives_the_vectors_of_nist(void **state)
{
	static const uint8_t key[7] = {0x00, 0x45, 0x13, 0x38, 0x95, 0x73, 0x77}, weak[7], plain[8] = {0x80};
	uint8_t out[8];

	(void)state;
	crypto_des(key, (const uint8_t *)"Now is t", out);
	assert_bytes_hex(out, "3fa40e8a984d4815");
	crypto_des(weak, plain, out);
	assert_bytes_hex(out, "95f8a5e5dd31d900");
}

static void test_preauthentication_hash_is_sha512_over_hash_and_parts(void **state)
{
	/* FIPS 180: the message of two blocks, whose first 64 bytes stand where the hash does. */
	static const char message[] = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
	uint8_t hash[64];
	struct iovec parts[] = {text(message + 64), {NULL, 0}};

	(void)state;
	memcpy(hash, message, sizeof(hash));
	preauth_update(hash, parts, 2);
	assert_bytes_hex(hash, "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909");
}

/* Backs: B008. */
static void test_key_derivation_agrees_with_openssls_counter_mode(void **state)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "KBKDF", NULL);
	uint8_t key[32], label[24], context[64], ours[100], theirs[100];
	char mac[] = "HMAC", digest[] = "SHA256", mode[] = "counter";

	(void)state;
	assert_non_null(kdf);
	for (size_t len = 1; len <= sizeof(ours); len += 3) {
		size_t key_len = len % 2 ? 16 : 32, label_len = len % sizeof(label) + 1,
		       context_len = len % sizeof(context) + 1;
		EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
		OSSL_PARAM params[] = {OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_MAC, mac, 0),
			OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
			OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_MODE, mode, 0),
			OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, key, key_len),
			OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SALT, label, label_len),
			OSSL_PARAM_octet_string(OSSL_KDF_PARAM_INFO, context, context_len), OSSL_PARAM_END};

		random_bytes(key, sizeof(key));
		random_bytes(label, sizeof(label));
		random_bytes(context, sizeof(context));
		kdf_sp800_108(slice_of(key, key_len), slice_of(label, label_len),
			slice_of(context, context_len), ours, len);
		assert_int_equal(EVP_KDF_derive(ctx, theirs, len, params), 1);
		assert_memory_equal(ours, theirs, len);
		EVP_KDF_CTX_free(ctx);
	}
	EVP_KDF_free(kdf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_md4_gives_the_vectors_of_rfc_1320),
		cmocka_unit_test(test_md5_gives_the_vectors_of_rfc_1321),
		cmocka_unit_test(test_hmac_md5_gives_the_vectors_of_rfc_2202),
		cmocka_unit_test(test_rc4_gives_the_vectors_of_rfc_6229),
		cmocka_unit_test(test_des_gives_the_vectors_of_nist),
		cmocka_unit_test(test_preauthentication_hash_is_sha512_over_hash_and_parts),
		cmocka_unit_test(test_key_derivation_agrees_with_openssls_counter_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

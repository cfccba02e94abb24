/* Signatures against published vectors, and that a key can be used again and again. */
#include "kit.h"

#include "crypto/crypto.h"

#include "base/random.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

static const char rfc4493_key[] = "2b7e151628aed2a6abf7158809cf4f3c";
static const char rfc4493_message[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
				      "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
static const struct {
	size_t len;
	const char *mac;
} rfc4493[] = {
	{0, "bb1d6929e95937287fa37d129b756746"},
	{16, "070a16b46b4d4144f79bdd9dd04a287c"},
	{40, "dfa66747de9ae63030ca32611497c827"},
	{64, "51f0bebf7e3b9d92fc49741779363cfe"},
};

static struct sign_key *key_of(enum sign_algorithm alg, const char *hex)
{
	uint8_t *key = unhex(hex, NULL);
	struct sign_key *k = sign_key_new(alg, key);

	free(key);
	assert_non_null(k);
	return k;
}

/* Backs: B005, F013, D001. */
static void test_cmac_gives_the_vectors_of_rfc_4493(void **state)
{
	struct sign_key *k = key_of(SIGN_AES_CMAC, rfc4493_key);
	uint8_t *m = unhex(rfc4493_message, NULL), out[16];

	(void)state;
	/* Twice and in both orders: the same context serves them all. */
	for (size_t round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_LEN(rfc4493); i++) {
			size_t at = round ? ARRAY_LEN(rfc4493) - 1 - i : i;
			struct iovec part = {m, rfc4493[at].len};

			assert_true(nt_ok(sign_compute(k, NULL, &part, 1, out)));
			assert_bytes_hex(out, rfc4493[at].mac);
		}
	}
	free(m);
	sign_key_free(k);
}

/* Backs: B006, F013. */
static void test_hmac_sha256_is_cut_to_sixteen_bytes_of_the_vector_of_rfc_4231(void **state)
{
	/* Case 2: a key shorter than ours is padded with zeros by HMAC itself. */
	struct sign_key *k = key_of(SIGN_HMAC_SHA256, "4a656665000000000000000000000000");
	char text[] = "what do ya want for nothing?";
	struct iovec part = {text, sizeof(text) - 1};
	uint8_t out[16];

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(nt_ok(sign_compute(k, NULL, &part, 1, out)));
		assert_bytes_hex(out, "5bdcc146bf60754e6a042426089575c7");
	}
	sign_key_free(k);
}

static void test_gmac_gives_the_vector_of_nist(void **state)
{
	/* gcmEncryptExtIV128, no plaintext, 128 bits of associated data */
	struct sign_key *k = key_of(SIGN_AES_GMAC, "77be63708971c4e240d1cb79e8d77feb");
	uint8_t *nonce = unhex("e0e00f19fed7ba0136a797f3", NULL);
	uint8_t *m = unhex("7a43ec1d9c0a5a78a0b16533a6213cab", NULL), out[16];
	struct iovec part = {m, 16};

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(nt_ok(sign_compute(k, nonce, &part, 1, out)));
		assert_bytes_hex(out, "209fcc8d3675ed938e9c7166709dd946");
	}
	free(nonce);
	free(m);
	sign_key_free(k);
}

static void test_gmac_depends_on_the_nonce(void **state)
{
	struct sign_key *k = key_of(SIGN_AES_GMAC, rfc4493_key);
	uint8_t nonce[12] = {0}, message[100] = {0}, a[16], b[16];
	struct iovec part = {message, sizeof(message)};

	(void)state;
	assert_true(nt_ok(sign_compute(k, nonce, &part, 1, a)));
	nonce[8] = 1;
	assert_true(nt_ok(sign_compute(k, nonce, &part, 1, b)));
	assert_memory_not_equal(a, b, 16);
	sign_key_free(k);
}

/* The key, and the signature of a message that is in one part. */
static struct sign_key *key_and_whole(int alg, uint8_t *message, size_t len, const uint8_t nonce[12], uint8_t whole[16])
{
	struct sign_key *k = key_of((enum sign_algorithm)alg, rfc4493_key);
	struct iovec one = {message, len};

	assert_true(nt_ok(sign_compute(k, nonce, &one, 1, whole)));
	return k;
}

/* However a message is cut into parts, empty ones included, its signature is the same. */
static void test_signature_does_not_depend_on_the_parts(void **state)
{
	uint8_t message[500], nonce[12] = {7}, whole[16], cut[16];

	(void)state;
	random_bytes(message, sizeof(message));
	for (int alg = SIGN_HMAC_SHA256; alg <= SIGN_AES_GMAC; alg++) {
		struct sign_key *k = key_and_whole(alg, message, sizeof(message), nonce, whole);

		for (size_t a = 0; a < 200; a += 7) {
			struct iovec parts[] = {{message, a}, {NULL, 0}, {message + a, 33},
				{message + a + 33, sizeof(message) - a - 33}};

			assert_true(nt_ok(sign_compute(k, nonce, parts, ARRAY_LEN(parts), cut)));
			assert_memory_equal(whole, cut, 16);
		}
		sign_key_free(k);
	}
}

/* Nor on whether the pieces are there at once; a message that is begun between two others of its key disturbs neither. */
static void test_signature_of_pieces_is_that_of_the_whole(void **state)
{
	uint8_t message[500], nonce[12] = {7}, other[12] = {8}, whole[16], out[16];

	(void)state;
	random_bytes(message, sizeof(message));
	for (int alg = SIGN_HMAC_SHA256; alg <= SIGN_AES_GMAC; alg++) {
		struct sign_key *k = key_and_whole(alg, message, sizeof(message), nonce, whole);

		for (unsigned round = 0; round < 50; round++) {
			struct sign_run run, dropped;

			assert_true(nt_ok(sign_begin(&run, k, nonce)));
			assert_true(nt_ok(sign_begin(&dropped, k, other)));
			for (size_t at = 0, n; at < sizeof(message); at += n) {
				n = random_u64() % (sizeof(message) - at + 1);
				sign_step(&run, message + at, n);
				sign_step(&dropped, message, n);
			}
			assert_true(nt_ok(sign_end(&dropped, out)));
			assert_true(nt_ok(sign_end(&run, out)));
			assert_memory_equal(whole, out, 16);
		}
		sign_key_free(k);
	}
}

/* Every length around the blocks and the chunks in which ours works, cut at random. */
static void test_cmac_agrees_with_openssls_for_every_length(void **state)
{
	static uint8_t message[9000];
	uint8_t key[16], ours[16], theirs[16];
	char cipher[] = "AES-128-CBC";
	OSSL_PARAM params[] = {OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0), OSSL_PARAM_END};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "CMAC", NULL);
	size_t n;

	(void)state;
	assert_non_null(mac);
	random_bytes(message, sizeof(message));
	for (size_t len = 0; len <= sizeof(message); len += len < 200 ? 1 : 293) {
		EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
		size_t a = len ? random_u64() % (len + 1) : 0, b = len ? random_u64() % (len - a + 1) : 0;
		struct iovec parts[] = {{message, a}, {message + a, b}, {message + a + b, len - a - b}};
		struct sign_key *k;

		random_bytes(key, sizeof(key));
		k = sign_key_new(SIGN_AES_CMAC, key);
		assert_non_null(k);
		assert_true(nt_ok(sign_compute(k, NULL, parts, 3, ours)));
		assert_int_equal(EVP_MAC_init(ctx, key, 16, params), 1);
		assert_int_equal(EVP_MAC_update(ctx, message, len), 1);
		assert_int_equal(EVP_MAC_final(ctx, theirs, &n, 16), 1);
		assert_memory_equal(ours, theirs, 16);
		EVP_MAC_CTX_free(ctx);
		sign_key_free(k);
	}
	EVP_MAC_free(mac);
}

/* The same of GMAC, which is not always OpenSSL's here. */
static void test_gmac_agrees_with_openssls_for_every_length(void **state)
{
	static uint8_t message[9000];
	uint8_t key[16], nonce[12], ours[16], theirs[16], none[16];
	int n;

	(void)state;
	random_bytes(message, sizeof(message));
	for (size_t len = 0; len <= sizeof(message); len += len < 1100 ? 1 : 97) {
		EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
		size_t a = len ? random_u64() % (len + 1) : 0, b = len ? random_u64() % (len - a + 1) : 0;
		struct iovec parts[] = {{message, a}, {message + a, b}, {message + a + b, len - a - b}};
		struct sign_key *k;

		random_bytes(key, sizeof(key));
		random_bytes(nonce, sizeof(nonce));
		k = sign_key_new(SIGN_AES_GMAC, key);
		assert_non_null(k);
		assert_true(nt_ok(sign_compute(k, nonce, parts, 3, ours)));
		assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, nonce), 1);
		assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, message, (int)len), 1);
		assert_int_equal(EVP_EncryptFinal_ex(ctx, none, &n), 1);
		assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, theirs), 1);
		assert_memory_equal(ours, theirs, 16);
		EVP_CIPHER_CTX_free(ctx);
		sign_key_free(k);
	}
}

static void test_unknown_algorithms_give_no_key(void **state)
{
	uint8_t key[16] = {0};

	(void)state;
	assert_null(sign_key_new((enum sign_algorithm)3, key));
	assert_null(sign_key_new((enum sign_algorithm)0xFFFF, key));
	sign_key_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cmac_gives_the_vectors_of_rfc_4493),
		cmocka_unit_test(test_hmac_sha256_is_cut_to_sixteen_bytes_of_the_vector_of_rfc_4231),
		cmocka_unit_test(test_gmac_gives_the_vector_of_nist),
		cmocka_unit_test(test_gmac_depends_on_the_nonce),
		cmocka_unit_test(test_signature_does_not_depend_on_the_parts),
		cmocka_unit_test(test_signature_of_pieces_is_that_of_the_whole),
		cmocka_unit_test(test_cmac_agrees_with_openssls_for_every_length),
		cmocka_unit_test(test_gmac_agrees_with_openssls_for_every_length),
		cmocka_unit_test(test_unknown_algorithms_give_no_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

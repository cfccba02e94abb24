/* Digests, key derivation and the algorithms of the legacy provider. With the argument "without-legacy" the program is
 * the child of one of its own tests: it runs where OpenSSL finds no modules. */
#include "kit.h"

#include "crypto/crypto.h"

#include "base/log.h"
#include "base/random.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sys/wait.h>
#include <unistd.h>

static struct iovec text(const char *s)
{
	return (struct iovec){(void *)(uintptr_t)s, strlen(s)};
}

static void test_md4_gives_the_vectors_of_rfc_1320(void **state)
{
	static const char *const vectors[][2] = {
		{"", "31d6cfe0d16ae931b73c59d7e0c089c0"},
		{"a", "bde52cb31de33e46245e05fbdbd6fb24"},
		{"abc", "a448017aaf21d8525fc10ae87aa6729d"},
		{"message digest", "d9130a8164549fe818874806e1c7014b"},
		{"abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"},
	};
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		assert_true(nt_ok(crypto_md4(slice_of(vectors[i][0], strlen(vectors[i][0])), out)));
		assert_bytes_hex(out, vectors[i][1]);
	}
}

static void test_md5_gives_the_vectors_of_rfc_1321(void **state)
{
	struct iovec parts[] = {text("message"), text(""), text(" digest")};
	uint8_t out[16];

	(void)state;
	assert_true(nt_ok(crypto_md5(NULL, 0, out)));
	assert_bytes_hex(out, "d41d8cd98f00b204e9800998ecf8427e");
	assert_true(nt_ok(crypto_md5(parts, 3, out)));
	assert_bytes_hex(out, "f96b697d7cb7938d525a2f31aaf161d0");
}

static void test_hmac_md5_gives_the_vectors_of_rfc_2104(void **state)
{
	uint8_t key[16], out[16];
	struct iovec hi = text("Hi There"), want[] = {text("what do ya want "), text("for nothing?")};

	(void)state;
	memset(key, 0x0b, sizeof(key));
	assert_true(nt_ok(crypto_hmac_md5(slice_of(key, 16), &hi, 1, out)));
	assert_bytes_hex(out, "9294727a3638bb1c13f48ef8158bfc9d");
	assert_true(nt_ok(crypto_hmac_md5(slice_of("Jefe", 4), want, 2, out)));
	assert_bytes_hex(out, "750c783e6ab0b503eaa86e310a5db738");
	/* An anonymous logon has an empty key. */
	assert_true(nt_ok(crypto_hmac_md5(slice_of(NULL, 0), NULL, 0, out)));
	assert_bytes_hex(out, "74e6f7298a9c2d168935f58c001bad88");
}

static void test_sha256_gives_the_vector_of_fips_180(void **state)
{
	struct iovec parts[] = {text("a"), text("bc")};
	uint8_t out[32];

	(void)state;
	assert_true(nt_ok(crypto_sha256(parts, 2, out)));
	assert_bytes_hex(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_rc4_gives_the_vectors_of_rfc_6229(void **state)
{
	uint8_t zeros[32] = {0}, out[32];
	struct rc4 *c;

	(void)state;
	/* 40 bits */
	c = rc4_new(slice_of("\x01\x02\x03\x04\x05", 5));
	assert_non_null(c);
	rc4_apply(c, zeros, out, 32);
	assert_bytes_hex(out, "b2396305f03dc027ccc3524a0a1118a86982944f18fc82d589c403a47a0d0919");
	rc4_free(c);
	/* 128 bits, in pieces and in place: it is a stream */
	c = rc4_new(slice_of("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10", 16));
	assert_non_null(c);
	memset(out, 0, sizeof(out));
	rc4_apply(c, out, out, 5);
	rc4_apply(c, out + 5, out + 5, 0);
	rc4_apply(c, out + 5, out + 5, 27);
	assert_bytes_hex(out, "9ac7cc9a609d1ef7b2932899cde41b975248c4959014126a6e8a84f11d1a9e1c");
	rc4_free(c);
	assert_null(rc4_new(slice_of(zeros, 0)));
	rc4_free(NULL);
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
		assert_true(nt_ok(kdf_sp800_108(slice_of(key, key_len), slice_of(label, label_len),
			slice_of(context, context_len), ours, len)));
		assert_int_equal(EVP_KDF_derive(ctx, theirs, len, params), 1);
		assert_memory_equal(ours, theirs, len);
		EVP_KDF_CTX_free(ctx);
	}
	EVP_KDF_free(kdf);
}

/* What the child does; every result is an exit code. */
static int without_legacy(void)
{
	uint8_t out[16], key[16] = {0};
	struct sign_key *k;

	log_level = -1;
	if (!nt_is(crypto_md4(slice_of("a", 1), out), STATUS_NOT_SUPPORTED))
		return 1;
	if (rc4_new(slice_of(key, 16)))
		return 2;
	if (!nt_ok(crypto_md5(NULL, 0, out)))
		return 3;
	k = sign_key_new(SIGN_AES_CMAC, key);
	sign_key_free(k);
	return k ? 0 : 4;
}

static void test_without_the_legacy_provider_only_md4_and_rc4_are_missing(void **state)
{
	const char *self = *state;
	int status = -1;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		setenv("OPENSSL_MODULES", "/nonexistent", 1);
		execl(self, self, "without-legacy", (char *)NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_md4_gives_the_vectors_of_rfc_1320),
		cmocka_unit_test(test_md5_gives_the_vectors_of_rfc_1321),
		cmocka_unit_test(test_hmac_md5_gives_the_vectors_of_rfc_2104),
		cmocka_unit_test(test_sha256_gives_the_vector_of_fips_180),
		cmocka_unit_test(test_rc4_gives_the_vectors_of_rfc_6229),
		cmocka_unit_test(test_key_derivation_agrees_with_openssls_counter_mode),
		cmocka_unit_test_prestate(test_without_the_legacy_provider_only_md4_and_rc4_are_missing, argv[0]),
	};

	if (argc > 1 && strcmp(argv[1], "without-legacy") == 0)
		return without_legacy();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

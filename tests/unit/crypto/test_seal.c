/* Ciphers against published vectors (CCM with an 11-byte nonce: against a CCM built from single AES blocks after RFC
 * 3610), and what must hold for every cipher. */
#include "kit.h"

#include "crypto/crypto.h"

#include "base/random.h"

#include <openssl/evp.h>

static const enum seal_cipher ciphers[] = {SEAL_AES128_CCM, SEAL_AES128_GCM, SEAL_AES256_CCM, SEAL_AES256_GCM};

struct vector {
	enum seal_cipher cipher;
	const char *key, *nonce, *aad, *plain, *sealed, *tag;
};

#define GCM_KEY "feffe9928665731c6d6a8f9467308308"
#define GCM_PLAIN                                                                                                      \
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0d" \
	"e657ba637b39"
#define GCM_AAD "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define CCM_KEY "000102030405060708090a0b0c0d0e0f"
#define CCM_AAD CCM_KEY "101112131415161718191a1b1c1d1e1f"
#define CCM_PLAIN                                                                                                      \
	"00070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d9e0e7eef5fc030a11181f262d343b424950575e656c73" \
	"7a81888f969da4abb2b9c0c7ced5dce3eaf1f8ff060d141b222930373e454c535a61686f767d848b9299a0a7aeb5"

/* McGrew and Viega's test cases 4 and 16; the reference above */
static const struct vector vectors[] = {
	{SEAL_AES128_GCM, GCM_KEY, "cafebabefacedbaddecaf888", GCM_AAD, GCM_PLAIN,
		"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b"
		"396a0aac973d58e091",
		"5bc94fbc3221a5db94fae95ae7121a47"},
	{SEAL_AES256_GCM, GCM_KEY GCM_KEY, "cafebabefacedbaddecaf888", GCM_AAD, GCM_PLAIN,
		"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e"
		"6393ba7a0abcc9f662",
		"76fc6ece0f4e1768cddf8853bb2d551b"},
	{SEAL_AES128_CCM, CCM_KEY, "101112131415161718191a", CCM_AAD, CCM_PLAIN,
		"4c6873cedc9e7b9ab633af2e7638fcc7511fa6dcc34ee04e42ef30be59330033e92d9a4fbf416571806ce7aed370182e24a925"
		"376484225cc5b3a0dff8b200f809806291593a5b7d481a42ad02191493bbd45fc7c18d819e6d27ae888338409e1c9e6cf2",
		"bfe3e7eebcc5304b9092d2802ac475f4"},
	{SEAL_AES256_CCM, CCM_AAD, "101112131415161718191a", CCM_AAD, CCM_PLAIN,
		"2759e18d53e5373b574634e8b625b7f553a4b1f4f004378209fd3aac9f09416d47f073dd761d287164e1ff27f600905fcdfc40"
		"cb9216741b314a2d9d8d9aa7d9c6abe7a523f914e39600833ffafb9fb7c37528737e87fe3bbb9a994402d2d5f3a4172052",
		"9e34d22234022c6f6e7deb63c0d726af"},
};

static struct seal_key *random_key(enum seal_cipher c)
{
	uint8_t raw[32];
	struct seal_key *k;

	random_bytes(raw, sizeof(raw));
	k = seal_key_new(c, raw, seal_key_len(c));
	assert_non_null(k);
	return k;
}

static void check_vector(const struct vector *v)
{
	size_t key_len, aad_len, len;
	uint8_t *key = unhex(v->key, &key_len), *nonce = unhex(v->nonce, NULL), *aad = unhex(v->aad, &aad_len);
	uint8_t *data = unhex(v->plain, &len), tag[16];
	struct seal_key *k = seal_key_new(v->cipher, key, key_len);

	assert_non_null(k);
	assert_int_equal(strlen(v->nonce) / 2, seal_nonce_len(v->cipher));
	for (int round = 0; round < 3; round++) {
		struct iovec parts[] = {{data, 13}, {data + 13, 0}, {data + 13, len - 13}};

		assert_true(nt_ok(seal_encrypt(k, nonce, slice_of(aad, aad_len), parts, 3, NULL, tag)));
		assert_bytes_hex(data, v->sealed);
		assert_bytes_hex(tag, v->tag);
		assert_true(nt_ok(seal_decrypt(k, nonce, slice_of(aad, aad_len), tag, data, len, NULL)));
		assert_bytes_hex(data, v->plain);
	}
	seal_key_free(k);
	free(key);
	free(nonce);
	free(aad);
	free(data);
}

static void test_ciphers_give_the_published_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
		check_vector(&vectors[i]);
}

static void test_parts_do_not_change_the_ciphertext(void **state)
{
	uint8_t plain[777], one[777], many[777], nonce[12] = {3}, aad[32] = {9}, tag_one[16], tag_many[16];

	(void)state;
	random_bytes(plain, sizeof(plain));
	for (size_t c = 0; c < ARRAY_LEN(ciphers); c++) {
		struct seal_key *k = random_key(ciphers[c]);
		struct iovec whole = {one, sizeof(one)};
		struct iovec parts[] = {{many, 1}, {many + 1, 64}, {NULL, 0}, {many + 65, 15}, {many + 80, 697}};

		memcpy(one, plain, sizeof(plain));
		memcpy(many, plain, sizeof(plain));
		assert_true(nt_ok(seal_encrypt(k, nonce, slice_of(aad, 32), &whole, 1, NULL, tag_one)));
		assert_true(nt_ok(seal_encrypt(k, nonce, slice_of(aad, 32), parts, ARRAY_LEN(parts), NULL, tag_many)));
		assert_memory_equal(one, many, sizeof(one));
		assert_memory_equal(tag_one, tag_many, 16);
		seal_key_free(k);
	}
}

static void test_elsewhere_is_the_same_as_in_place(void **state)
{
	uint8_t plain[777], one[777], apart[777], kept[777], nonce[12] = {3}, aad[32] = {9}, tag_one[16], tag_apart[16];

	(void)state;
	random_bytes(plain, sizeof(plain));
	memcpy(kept, plain, sizeof(plain));
	for (size_t c = 0; c < ARRAY_LEN(ciphers); c++) {
		struct seal_key *k = random_key(ciphers[c]);
		struct iovec whole = {one, sizeof(one)};
		struct iovec parts[] = {{plain, 112}, {NULL, 0}, {plain + 112, 665}};

		memcpy(one, plain, sizeof(plain));
		assert_true(nt_ok(seal_encrypt(k, nonce, slice_of(aad, 32), &whole, 1, NULL, tag_one)));
		assert_true(nt_ok(seal_encrypt(k, nonce, slice_of(aad, 32), parts, ARRAY_LEN(parts), apart, tag_apart)));
		assert_memory_equal(one, apart, sizeof(one));
		assert_memory_equal(tag_one, tag_apart, 16);
		assert_memory_equal(plain, kept, sizeof(plain));
		seal_key_free(k);
	}
}

struct asked {
	uint8_t *answer, head[16];
	size_t len;
	unsigned times;
};

static uint8_t *answer_place(void *arg, const uint8_t *head, size_t len)
{
	struct asked *a = arg;

	memcpy(a->head, head, sizeof(a->head));
	a->len = len;
	a->times++;
	return a->answer;
}

/* The rest of a message goes where the owner of its head wants it, as long as all of it is right. */
static void test_a_message_is_decrypted_to_where_it_is_wanted(void **state)
{
	enum { HEAD = 16, SIZE = 200 };
	static const uint8_t zeros[SIZE];
	uint8_t plain[SIZE], message[SIZE], rest[SIZE], nonce[12] = {4}, aad[32] = {9}, tag[16];

	(void)state;
	random_bytes(plain, sizeof(plain));
	for (unsigned round = 0; round < ARRAY_LEN(ciphers) * 4; round++) {
		enum seal_cipher cipher = ciphers[round / 4];
		bool ccm = cipher == SEAL_AES128_CCM || cipher == SEAL_AES256_CCM, wanted = round % 4 < 2, changed = round % 2 == 1;
		struct seal_key *k = random_key(cipher);
		struct iovec part = {message, SIZE};
		struct asked asked = {.answer = wanted ? rest : NULL};
		struct seal_place place = {.head = HEAD, .place = answer_place, .arg = &asked};
		uint8_t *at = wanted && !ccm ? rest : message + HEAD;
		ntstatus status;

		memcpy(message, plain, SIZE);
		memset(rest, 0xEE, SIZE);
		assert_true(nt_ok(seal_encrypt(k, nonce, slice_of(aad, 32), &part, 1, NULL, tag)));
		tag[15] ^= changed;
		status = seal_decrypt(k, nonce, slice_of(aad, 32), tag, message, SIZE, &place);
		assert_true(nt_is(status, changed ? STATUS_DATA_ERROR : STATUS_SUCCESS));
		assert_memory_equal(message, changed ? zeros : plain, HEAD);
		assert_memory_equal(at, changed ? zeros : plain + HEAD, SIZE - HEAD);
		assert_int_equal(asked.times, !ccm);
		if (!ccm) {
			assert_int_equal(asked.len, SIZE);
			assert_memory_equal(asked.head, plain, HEAD);
		}
		/* nothing is left to be asked for */
		memcpy(message, plain, HEAD);
		part.iov_len = HEAD;
		assert_true(nt_ok(seal_encrypt(k, nonce, slice_of(aad, 32), &part, 1, NULL, tag)));
		assert_true(nt_ok(seal_decrypt(k, nonce, slice_of(aad, 32), tag, message, HEAD, &place)));
		assert_memory_equal(message, plain, HEAD);
		assert_int_equal(asked.times, !ccm);
		seal_key_free(k);
	}
}

/* Every bit that counts: ciphertext, tag, associated data, nonce. */
static void test_a_changed_byte_anywhere_is_found_and_nothing_comes_out(void **state)
{
	static const uint8_t zeros[80];
	uint8_t sealed[80], out[80], nonce[12] = {5}, aad[32] = {1}, tag[16];

	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(ciphers); c++) {
		struct seal_key *k = random_key(ciphers[c]);
		size_t nonce_len = seal_nonce_len(ciphers[c]);
		struct iovec part = {sealed, sizeof(sealed)};
		struct {
			uint8_t *at;
			size_t n;
		} fields[] = {{sealed, sizeof(sealed)}, {tag, 16}, {aad, 32}, {nonce, nonce_len}};

		random_bytes(sealed, sizeof(sealed));
		assert_true(nt_ok(seal_encrypt(k, nonce, slice_of(aad, 32), &part, 1, NULL, tag)));
		for (size_t f = 0; f < ARRAY_LEN(fields); f++) {
			for (size_t i = 0; i < fields[f].n; i++) {
				fields[f].at[i] ^= 0x10;
				memcpy(out, sealed, sizeof(out));
				assert_true(
					nt_is(seal_decrypt(k, nonce, slice_of(aad, 32), tag, out, sizeof(out), NULL),
						STATUS_DATA_ERROR));
				assert_memory_equal(out, zeros, sizeof(out));
				fields[f].at[i] ^= 0x10;
			}
		}
		/* The key is none the worse for it. */
		assert_true(nt_ok(seal_decrypt(k, nonce, slice_of(aad, 32), tag, sealed, sizeof(sealed), NULL)));
		seal_key_free(k);
	}
}

struct both {
	uint8_t plain[4200], sealed[4200], theirs[4200], aad[40], key[32], nonce[12], tag[16], their_tag[16];
};

static void openssl_seals(const EVP_CIPHER *cipher, struct both *f, size_t len, size_t aad_len)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	assert_int_equal(EVP_EncryptInit_ex(ctx, cipher, NULL, f->key, f->nonce), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, f->aad, (int)aad_len), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, f->theirs, &n, f->plain, (int)len), 1);
	assert_int_equal(EVP_EncryptFinal_ex(ctx, f->theirs + n, &n), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, f->their_tag), 1);
	EVP_CIPHER_CTX_free(ctx);
}

static uint8_t *to_the_side(void *arg, const uint8_t *head, size_t len)
{
	(void)head;
	(void)len;
	return arg;
}

/* GCM is not always OpenSSL's here: every length around the blocks, cut at random, there and back, in place and elsewhere. */
static void test_gcm_agrees_with_openssls_for_every_length(void **state)
{
	static struct both f;
	static uint8_t aside[sizeof(f.plain)];

	(void)state;
	random_bytes(&f, sizeof(f));
	for (size_t len = 1; len <= sizeof(f.plain); len += len < 1100 ? 1 : 61) {
		enum seal_cipher c = len % 2 ? SEAL_AES128_GCM : SEAL_AES256_GCM;
		size_t aad_len = len % sizeof(f.aad), a = random_u64() % (len + 1), b = random_u64() % (len - a + 1), head = 1 + random_u64() % len;
		struct iovec parts[] = {{f.plain, a}, {f.plain + a, b}, {f.plain + a + b, len - a - b}};
		struct seal_place place = {.head = head, .place = to_the_side, .arg = aside};
		struct seal_key *k;

		random_bytes(f.key, sizeof(f.key));
		random_bytes(f.nonce, sizeof(f.nonce));
		k = seal_key_new(c, f.key, seal_key_len(c));
		assert_non_null(k);
		openssl_seals(c == SEAL_AES128_GCM ? EVP_aes_128_gcm() : EVP_aes_256_gcm(), &f, len, aad_len);
		assert_true(nt_ok(seal_encrypt(k, f.nonce, slice_of(f.aad, aad_len), parts, 3, f.sealed, f.tag)));
		assert_memory_equal(f.sealed, f.theirs, len);
		assert_memory_equal(f.tag, f.their_tag, 16);
		assert_true(nt_ok(seal_decrypt(k, f.nonce, slice_of(f.aad, aad_len), f.tag, f.sealed, len, &place)));
		assert_memory_equal(f.sealed, f.plain, head < len ? head : len);
		if (head < len)
			assert_memory_equal(aside, f.plain + head, len - head);
		seal_key_free(k);
	}
}

/* In place and elsewhere, cut at random; a message that is begun between two others of its key disturbs neither. CCM has to have all of it. */
static void test_decrypting_pieces_is_as_decrypting_the_whole(void **state)
{
	uint8_t plain[700], sealed[700], out[700], aside[700], nonce[12] = {6}, aad[32] = {9}, tag[16];

	(void)state;
	random_bytes(plain, sizeof(plain));
	for (unsigned round = 0; round < 50 * ARRAY_LEN(ciphers); round++) {
		enum seal_cipher cipher = ciphers[round % ARRAY_LEN(ciphers)];
		bool ccm = cipher == SEAL_AES128_CCM || cipher == SEAL_AES256_CCM, changed = round % 3 == 0;
		struct seal_key *k = random_key(cipher);
		struct iovec part = {sealed, sizeof(sealed)};
		struct seal_run run, dropped;

		memcpy(sealed, plain, sizeof(plain));
		assert_true(nt_ok(seal_encrypt(k, nonce, slice_of(aad, 32), &part, 1, NULL, tag)));
		if (ccm) {
			assert_true(nt_is(seal_decrypt_begin(&run, k, nonce, slice_of(aad, 32)), STATUS_NOT_SUPPORTED));
			seal_key_free(k);
			continue;
		}
		assert_true(nt_ok(seal_decrypt_begin(&run, k, nonce, slice_of(aad, 32))));
		assert_true(nt_ok(seal_decrypt_begin(&dropped, k, nonce, slice_of(aad, 31))));
		if (changed)
			sealed[random_u64() % sizeof(sealed)] ^= 1;
		for (size_t at = 0, n; at < sizeof(sealed); at += n) {
			n = random_u64() % (sizeof(sealed) - at + 1);
			seal_decrypt_step(&dropped, aside, sealed, n);
			seal_decrypt_step(&run, round % 2 ? out + at : sealed + at, sealed + at, n);
		}
		assert_true(nt_is(seal_decrypt_end(&dropped, tag), STATUS_DATA_ERROR));
		assert_true(nt_is(seal_decrypt_end(&run, tag), changed ? STATUS_DATA_ERROR : STATUS_SUCCESS));
		if (!changed)
			assert_memory_equal(round % 2 ? out : sealed, plain, sizeof(plain));
		/* The key is none the worse for it. */
		memcpy(sealed, plain, sizeof(plain));
		assert_true(nt_ok(seal_encrypt(k, nonce, slice_of(aad, 32), &part, 1, NULL, tag)));
		assert_true(nt_ok(seal_decrypt(k, nonce, slice_of(aad, 32), tag, sealed, sizeof(sealed), NULL)));
		seal_key_free(k);
	}
}

static void test_a_large_message_survives_the_way_there_and_back(void **state)
{
	size_t len = 8 * 1024 * 1024 + 77;
	uint8_t *data = malloc(len), *copy = malloc(len), nonce[12] = {1}, tag[16];

	(void)state;
	assert_non_null(data);
	assert_non_null(copy);
	for (size_t i = 0; i < len; i++)
		copy[i] = (uint8_t)(i * 31 + i / 4099);
	for (size_t c = 0; c < ARRAY_LEN(ciphers); c++) {
		struct seal_key *k = random_key(ciphers[c]);
		struct iovec parts[] = {{data, 112}, {data + 112, len - 112}};

		memcpy(data, copy, len);
		assert_true(nt_ok(seal_encrypt(k, nonce, slice_of(nonce, 12), parts, 2, NULL, tag)));
		assert_memory_not_equal(data, copy, 112);
		assert_true(nt_ok(seal_decrypt(k, nonce, slice_of(nonce, 12), tag, data, len, NULL)));
		assert_memory_equal(data, copy, len);
		seal_key_free(k);
	}
	free(data);
	free(copy);
}

static void test_wrong_key_lengths_and_empty_messages_are_refused(void **state)
{
	uint8_t raw[64] = {0}, tag[16], nonce[12] = {0};

	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(ciphers); c++) {
		struct seal_key *k = random_key(ciphers[c]);
		struct iovec none = {raw, 0};

		assert_null(seal_key_new(ciphers[c], raw, 48 - seal_key_len(ciphers[c])));
		assert_null(seal_key_new(ciphers[c], raw, 0));
		assert_true(nt_is(seal_encrypt(k, nonce, slice_of(raw, 32), &none, 1, NULL, tag), STATUS_INVALID_PARAMETER));
		assert_true(nt_is(seal_encrypt(k, nonce, slice_of(raw, 32), NULL, 0, NULL, tag), STATUS_INVALID_PARAMETER));
		assert_true(
			nt_is(seal_decrypt(k, nonce, slice_of(raw, 32), tag, raw, 0, NULL), STATUS_INVALID_PARAMETER));
		seal_key_free(k);
	}
	assert_null(seal_key_new(SEAL_NONE, raw, 16));
	assert_null(seal_key_new((enum seal_cipher)5, raw, 16));
	seal_key_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ciphers_give_the_published_vectors),
		cmocka_unit_test(test_parts_do_not_change_the_ciphertext),
		cmocka_unit_test(test_elsewhere_is_the_same_as_in_place),
		cmocka_unit_test(test_a_message_is_decrypted_to_where_it_is_wanted),
		cmocka_unit_test(test_a_changed_byte_anywhere_is_found_and_nothing_comes_out),
		cmocka_unit_test(test_gcm_agrees_with_openssls_for_every_length),
		cmocka_unit_test(test_decrypting_pieces_is_as_decrypting_the_whole),
		cmocka_unit_test(test_a_large_message_survives_the_way_there_and_back),
		cmocka_unit_test(test_wrong_key_lengths_and_empty_messages_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

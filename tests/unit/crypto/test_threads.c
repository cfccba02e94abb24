/* Many threads with the same keys: every result must be what one thread alone gets. Meant for ThreadSanitizer, too. */
#include "kit.h"

#include "crypto/crypto.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 24, ROUNDS = 300, MESSAGE = 700 }; /* more threads than a key keeps contexts */

static struct sign_key *sign_keys[3];
static struct seal_key *seal_keys[5];
static uint8_t expected[3][16];
static _Atomic int failures;

static bool sign_round(uint8_t *message)
{
	uint8_t nonce[12] = {1}, out[16];
	struct iovec part = {message, MESSAGE};

	for (int alg = 0; alg < 3; alg++)
		if (!nt_ok(sign_compute(sign_keys[alg], nonce, &part, 1, out)) || memcmp(out, expected[alg], 16) != 0)
			return false;
	return true;
}

static bool seal_round(const uint8_t *message, uint64_t number)
{
	uint8_t data[MESSAGE], nonce[12] = {0}, tag[16];
	struct iovec parts[] = {{data, 64}, {data + 64, MESSAGE - 64}};

	store_le64(nonce, number);
	for (int c = SEAL_AES128_CCM; c <= SEAL_AES256_GCM; c++) {
		memcpy(data, message, MESSAGE);
		if (!nt_ok(seal_encrypt(seal_keys[c], nonce, slice_of(message, 32), parts, 2, NULL, tag)) ||
			!nt_ok(seal_decrypt(seal_keys[c], nonce, slice_of(message, 32), tag, data, MESSAGE, NULL)) ||
			memcmp(data, message, MESSAGE) != 0)
			return false;
	}
	return true;
}

static void *work(void *arg)
{
	uint8_t message[MESSAGE] = {42};
	uint64_t number = (uint64_t)(uintptr_t)arg * ROUNDS;

	for (int i = 0; i < ROUNDS; i++)
		if (!sign_round(message) || !seal_round(message, number++))
			atomic_fetch_add(&failures, 1);
	return NULL;
}

static void test_keys_serve_many_threads_at_once(void **state)
{
	uint8_t raw[32] = {8}, message[MESSAGE] = {42}, nonce[12] = {1};
	struct iovec part = {message, MESSAGE};
	pthread_t threads[THREADS];

	(void)state;
	for (int alg = 0; alg < 3; alg++) {
		sign_keys[alg] = sign_key_new((enum sign_algorithm)alg, raw);
		assert_non_null(sign_keys[alg]);
		assert_true(nt_ok(sign_compute(sign_keys[alg], nonce, &part, 1, expected[alg])));
	}
	for (int c = SEAL_AES128_CCM; c <= SEAL_AES256_GCM; c++) {
		seal_keys[c] = seal_key_new((enum seal_cipher)c, raw, seal_key_len((enum seal_cipher)c));
		assert_non_null(seal_keys[c]);
	}
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&failures), 0);
	for (int alg = 0; alg < 3; alg++)
		sign_key_free(sign_keys[alg]);
	for (int c = SEAL_AES128_CCM; c <= SEAL_AES256_GCM; c++)
		seal_key_free(seal_keys[c]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_serve_many_threads_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

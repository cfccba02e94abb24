/* Logons of Samba's client and impacket's, replayed: the same answers as when they were accepted, and the keys that those clients
 * had. And what refusals compute. */
#include "kit.h"
#include "peers.h"

#include "base/clock.h"

#include <sys/uio.h>

static uint64_t recorded_filetime(const struct clock *c)
{
	(void)c;
	return 133000000000000000u;
}

static uint64_t recorded_ms(const struct clock *c)
{
	(void)c;
	return 1;
}

static const struct clock recorded = {.monotonic_ms = recorded_ms, .filetime = recorded_filetime};

static int setup(void **state)
{
	struct kit *k = malloc(sizeof(*k));

	assert_non_null(k);
	kit_start(k);
	k->server.clock = &recorded;
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	random_seed_for_tests(0);
	kit_stop(*state);
	free(*state);
	return 0;
}

static struct slice hex(struct kit *k, const char *text)
{
	size_t n = strlen(text) / 2;
	uint8_t *p = arena_alloc(&k->arena, n);

	assert_true(bytes_from_hex(p, n, text));
	return slice_of(p, n);
}

static void start(struct kit *k)
{
	kit_hang_up(k);
	random_seed_for_tests(77);
	k->s = auth_server_new(&k->server);
	assert_non_null(k->s);
}

static void test_recorded_clients_get_in_again(void **state)
{
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
		struct slice out;
		uint8_t key[16];

		start(k);
		assert_true(nt_is(auth_server_step(k->s, hex(k, peers[i].first), &k->arena, &out), STATUS_MORE_PROCESSING_REQUIRED));
		assert_true(slice_equal(out, hex(k, peers[i].first_answer)));
		assert_true(nt_ok(auth_server_step(k->s, hex(k, peers[i].second), &k->arena, &out)));
		assert_true(slice_equal(out, hex(k, peers[i].second_answer)));
		assert_true(bytes_from_hex(key, sizeof(key), peers[i].key));
		assert_memory_equal(auth_server_identity(k->s)->session_key, key, sizeof(key));
		assert_string_equal(auth_server_identity(k->s)->user, "alice");
	}
}

/* A recorded answer fits its own challenge and no other. */
static void test_recorded_answers_fit_no_other_challenge(void **state)
{
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
		struct slice out;

		start(k);
		random_seed_for_tests(78);
		assert_true(nt_is(auth_server_step(k->s, hex(k, peers[i].first), &k->arena, &out), STATUS_MORE_PROCESSING_REQUIRED));
		assert_true(nt_is(auth_server_step(k->s, hex(k, peers[i].second), &k->arena, &out), STATUS_LOGON_FAILURE));
	}
}

/* What a step computed: the linker sends the calls here first. */
enum call { CALL_MD4 = 1, CALL_MD5, CALL_HMAC_MD5, CALL_DES, CALL_RC4, CALL_RANDOM };
static uint32_t calls[64]; /* which, and how many blocks of 64 bytes it went through */
static size_t call_count;
static bool counting;

static void called(enum call which, size_t len)
{
	if (!counting)
		return;
	assert_true(call_count < ARRAY_LEN(calls));
	calls[call_count++] = (uint32_t)which << 16 | (uint32_t)(len / 64);
}

static size_t total(const struct iovec *parts, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += parts[i].iov_len;
	return len;
}

void __real_crypto_md4(struct slice in, uint8_t out[16]);
void __wrap_crypto_md4(struct slice in, uint8_t out[16]);
void __real_crypto_des(const uint8_t key[7], const uint8_t in[8], uint8_t out[8]);
void __wrap_crypto_des(const uint8_t key[7], const uint8_t in[8], uint8_t out[8]);
void __real_crypto_md5(const struct iovec *parts, size_t n, uint8_t out[16]);
void __wrap_crypto_md5(const struct iovec *parts, size_t n, uint8_t out[16]);
void __real_crypto_hmac_md5(struct slice key, const struct iovec *parts, size_t n, uint8_t out[16]);
void __wrap_crypto_hmac_md5(struct slice key, const struct iovec *parts, size_t n, uint8_t out[16]);
void __real_crypto_rc4(struct slice key, const uint8_t *in, uint8_t *out, size_t n);
void __wrap_crypto_rc4(struct slice key, const uint8_t *in, uint8_t *out, size_t n);
void __real_random_bytes(void *out, size_t n);
void __wrap_random_bytes(void *out, size_t n);

void __wrap_crypto_md4(struct slice in, uint8_t out[16])
{
	called(CALL_MD4, in.len);
	__real_crypto_md4(in, out);
}

void __wrap_crypto_des(const uint8_t key[7], const uint8_t in[8], uint8_t out[8])
{
	called(CALL_DES, 8);
	__real_crypto_des(key, in, out);
}

void __wrap_crypto_md5(const struct iovec *parts, size_t n, uint8_t out[16])
{
	called(CALL_MD5, total(parts, n));
	__real_crypto_md5(parts, n, out);
}

void __wrap_crypto_hmac_md5(struct slice key, const struct iovec *parts, size_t n, uint8_t out[16])
{
	called(CALL_HMAC_MD5, total(parts, n));
	__real_crypto_hmac_md5(key, parts, n, out);
}

void __wrap_crypto_rc4(struct slice key, const uint8_t *in, uint8_t *out, size_t n)
{
	called(CALL_RC4, key.len);
	__real_crypto_rc4(key, in, out, n);
}

void __wrap_random_bytes(void *out, size_t n)
{
	called(CALL_RANDOM, n);
	__real_random_bytes(out, n);
}

/* Runs a logon that is refused; leaves in `calls` what its last leg computed. */
static void refused(struct kit *k, const char *user, const char *password)
{
	struct slice token = slice_of(NULL, 0);

	k->client.user = user;
	k->client.password = password;
	k->s = auth_server_new(&k->server);
	k->c = auth_client_new(&k->client);
	(void)nt_ok(auth_client_step(k->c, token, &k->arena, &token));
	(void)nt_ok(auth_server_step(k->s, token, &k->arena, &token));
	(void)nt_ok(auth_client_step(k->c, token, &k->arena, &token));
	call_count = 0;
	counting = true;
	assert_true(nt_is(auth_server_step(k->s, token, &k->arena, &token), STATUS_LOGON_FAILURE));
	counting = false;
	kit_hang_up(k);
	arena_reset(&k->arena);
}

/* Wrong password, unknown user, disabled user, user without a password: the same computations in the same order over as many
 * bytes, so that how long a refusal takes does not tell which it was. */
static void test_refusals_compute_the_same(void **state)
{
	static const char *const users[] = {"mallo", "eve", "nopass"};
	uint32_t expected[ARRAY_LEN(calls)];
	size_t count;
	struct kit *k = *state;

	refused(k, "alice", "wrong");
	count = call_count;
	assert_true(count >= 3); /* the user's key, the proof, the base key */
	memcpy(expected, calls, sizeof(expected));
	for (size_t i = 0; i < ARRAY_LEN(users); i++) {
		refused(k, users[i], "wrong");
		assert_int_equal(call_count, count);
		assert_memory_equal(calls, expected, count * sizeof(calls[0]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_recorded_clients_get_in_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_recorded_answers_fit_no_other_challenge, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals_compute_the_same, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Logons of Samba's client and impacket's, replayed: the same answers as when they were accepted, and the keys that those clients
 * had. And the time that refusals take. */
#include "kit.h"
#include "peers.h"

#include "base/clock.h"

#include <time.h>

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

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Median of the last leg, in ns of processor time */
static uint64_t refusal_ns(struct kit *k, const char *user)
{
	enum { ROUNDS = 401 };
	static uint64_t took[ROUNDS];

	k->client.user = user;
	k->client.password = "wrong";
	for (int i = 0; i < ROUNDS; i++) {
		struct slice token = slice_of(NULL, 0);
		uint64_t t;

		k->s = auth_server_new(&k->server);
		k->c = auth_client_new(&k->client);
		(void)nt_ok(auth_client_step(k->c, token, &k->arena, &token));
		(void)nt_ok(auth_server_step(k->s, token, &k->arena, &token));
		(void)nt_ok(auth_client_step(k->c, token, &k->arena, &token));
		t = now_ns();
		assert_true(nt_is(auth_server_step(k->s, token, &k->arena, &token), STATUS_LOGON_FAILURE));
		took[i] = now_ns() - t;
		kit_hang_up(k);
		arena_reset(&k->arena);
	}
	qsort(took, ROUNDS, sizeof(took[0]), by_size);
	return took[ROUNDS / 2];
}

/* Wrong password, unknown user, disabled user, user without a password: the least medians of some attempts, which a busy machine lengthens
 * now and then, lie within 20 percent, or 3 us where the machine is too coarse. */
static void test_refusals_take_the_same_time(void **state)
{
	static const char *const users[] = {"alice", "mallo", "eve", "nopass"};
	uint64_t took[ARRAY_LEN(users)], least = 0, most = 0;
	struct kit *k = *state;

	log_sink(NULL, NULL);
	log_level = LOG_ERROR;
	memset(took, 0xFF, sizeof(took));
	(void)refusal_ns(k, "alice"); /* warms up */
	for (int attempt = 0; attempt < 12; attempt++) {
		least = UINT64_MAX;
		most = 0;
		for (size_t i = 0; i < ARRAY_LEN(users); i++) {
			uint64_t t = refusal_ns(k, users[i]);

			took[i] = t < took[i] ? t : took[i];
			least = took[i] < least ? took[i] : least;
			most = took[i] > most ? took[i] : most;
		}
		if (most - least < least / 5 || most - least < 3000)
			break;
	}
	log_level = LOG_WARN;
	if (most - least >= least / 5 && most - least >= 3000)
		fail_msg("refusals take between %llu and %llu ns", (unsigned long long)least, (unsigned long long)most);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_recorded_clients_get_in_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_recorded_answers_fit_no_other_challenge, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals_take_the_same_time, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The window of message ids and the credits, examples of the specification and a model with random traffic. */
#include "../crypto/kit.h"

#include "proto/proto.h"

/* Backs: B012, G050. */
static void test_credit_charge_is_one_per_64_kib_begun(void **state)
{
	(void)state;
	assert_int_equal(proto_credit_charge(0, 0), 1);
	assert_int_equal(proto_credit_charge(1, 0), 1);
	assert_int_equal(proto_credit_charge(65536, 65536), 1);
	assert_int_equal(proto_credit_charge(65537, 0), 2);
	assert_int_equal(proto_credit_charge(100, 1048576), 16);
	assert_int_equal(proto_credit_charge(8388608, 9), 128);
	assert_int_equal(proto_credit_charge(UINT32_MAX, 0), UINT16_MAX);
	assert_int_equal(proto_credit_charge(0, UINT64_MAX), UINT16_MAX);
}

/* Backs: B013, B014, B020. */
static void test_window_starts_with_id_zero_and_takes_it_once(void **state)
{
	struct proto_window w;

	(void)state;
	proto_window_init(&w, 512);
	assert_false(proto_window_take(&w, 1, 1));
	assert_false(proto_window_take(&w, 0, 2));
	assert_false(proto_window_take(&w, UINT64_MAX, 1));
	assert_true(proto_window_take(&w, 0, 1));
	assert_false(proto_window_take(&w, 0, 1));
	assert_false(proto_window_take(&w, 1, 1));
	proto_window_free(&w);
}

/* Backs: F011, B016, B017, B174, D035. */
static void test_window_follows_the_examples_of_the_specification(void **state)
{
	struct proto_window w;

	(void)state;
	/* {0} and three credits: {0, 1, 2, 3}; any order */
	proto_window_init(&w, 512);
	assert_int_equal(proto_window_grant(&w, 3, 1), 3);
	assert_int_equal(w.low, 0);
	assert_int_equal(w.high, 4);
	assert_true(proto_window_take(&w, 2, 1));
	assert_true(proto_window_take(&w, 0, 1));
	assert_false(proto_window_take(&w, 2, 1));
	assert_false(proto_window_take(&w, 4, 1));
	assert_true(proto_window_take(&w, 3, 1));
	assert_true(proto_window_take(&w, 1, 1));
	assert_int_equal(w.low, 4);
	proto_window_free(&w);
	/* {0} and two: {0, 1, 2} */
	proto_window_init(&w, 512);
	assert_int_equal(proto_window_grant(&w, 2, 1), 2);
	assert_true(proto_window_take(&w, 2, 1));
	assert_true(proto_window_take(&w, 1, 1));
	assert_true(proto_window_take(&w, 0, 1));
	assert_false(proto_window_take(&w, 3, 1));
	proto_window_free(&w);
}

/* Backs: B018, E032. */
static void test_grants_stop_while_an_old_id_stays_unused(void **state)
{
	struct proto_window w;

	(void)state;
	proto_window_init(&w, 8);
	assert_int_equal(proto_window_grant(&w, 100, 1), 7);
	for (uint64_t id = 1; id < 8; id++)
		assert_true(proto_window_take(&w, id, 1));
	assert_int_equal(proto_window_grant(&w, 100, 1), 0);
	assert_true(proto_window_take(&w, 0, 1));
	assert_int_equal(proto_window_grant(&w, 100, 1), 8);
	assert_int_equal(w.high, 16);
	proto_window_free(&w);
}

/* Backs: B019. */
static void test_multi_credit_request_consumes_consecutive_ids(void **state)
{
	struct proto_window w;

	(void)state;
	proto_window_init(&w, 512);
	assert_int_equal(proto_window_grant(&w, 31, 1), 31);
	assert_true(proto_window_take(&w, 0, 16));
	assert_false(proto_window_take(&w, 15, 1));
	assert_false(proto_window_take(&w, 20, 13));
	assert_true(proto_window_take(&w, 20, 12));
	assert_false(proto_window_take(&w, 16, 5));
	assert_true(proto_window_take(&w, 16, 4));
	assert_int_equal(w.low, 32);
	proto_window_free(&w);
}

/* A charge of 0 is one credit: clients of 2.0.2 send it. Backs: G051. */
static void test_charge_zero_counts_as_one(void **state)
{
	struct proto_window w;

	(void)state;
	proto_window_init(&w, 512);
	assert_int_equal(proto_window_grant(&w, 1, 0), 1);
	assert_true(proto_window_take(&w, 0, 0));
	assert_int_equal(w.low, 1);
	assert_true(proto_window_take(&w, 1, 0));
	assert_int_equal(w.low, 2);
	proto_window_free(&w);
}

/* Backs: B021, B022, B023. */
static void test_client_is_never_left_without_a_credit(void **state)
{
	struct proto_window w;

	(void)state;
	proto_window_init(&w, 512);
	for (uint64_t id = 0; id < 100; id++) {
		assert_true(proto_window_take(&w, id, 1));
		assert_int_equal(proto_window_grant(&w, 0, 1), 1);
	}
	/* A wish of one or more gets at least what the request used. */
	assert_true(proto_window_take(&w, 100, 1));
	assert_int_equal(proto_window_grant(&w, 20, 1), 20);
	assert_true(proto_window_take(&w, 101, 16));
	assert_int_equal(proto_window_grant(&w, 1, 16), 16);
	assert_int_equal(proto_window_grant(&w, 0, 1), 0);
	proto_window_free(&w);
}

static void test_large_wishes_are_granted_up_to_the_span(void **state)
{
	struct proto_window w;

	(void)state;
	proto_window_init(&w, 8192);
	assert_true(proto_window_take(&w, 0, 1));
	assert_int_equal(proto_window_grant(&w, 65535, 1), 8192);
	assert_int_equal(proto_window_grant(&w, 65535, 1), 0);
	assert_true(proto_window_take(&w, 1, 128));
	assert_int_equal(proto_window_grant(&w, 65535, 128), 128);
	proto_window_free(&w);
	proto_window_init(&w, 1000000);
	assert_int_equal(w.max_span, PROTO_WINDOW_MAX);
	proto_window_init(&w, 0);
	assert_true(proto_window_take(&w, 0, 1));
	assert_int_equal(proto_window_grant(&w, 10, 1), 1);
	proto_window_free(&w);
}

/* Backs: B015, D040. */
static void test_ids_do_not_wrap(void **state)
{
	struct proto_window w;

	(void)state;
	proto_window_init(&w, 512);
	w.low = UINT64_MAX - 10;
	w.high = UINT64_MAX - 4;
	assert_int_equal(proto_window_grant(&w, 100, 1), 4);
	assert_int_equal(w.high, UINT64_MAX);
	assert_int_equal(proto_window_grant(&w, 100, 1), 0);
	assert_false(proto_window_take(&w, UINT64_MAX - 2, 5));
	assert_false(proto_window_take(&w, UINT64_MAX, 1));
	assert_true(proto_window_take(&w, UINT64_MAX - 10, 10));
	assert_int_equal(w.low, UINT64_MAX);
	/* Nothing more is to be had: the connection is at its end. */
	assert_int_equal(proto_window_grant(&w, 1, 1), 0);
	assert_false(proto_window_take(&w, UINT64_MAX, 1));
	assert_false(proto_window_take(&w, 0, 1));
	proto_window_free(&w);
}

/* An idle connection holds no bitmap, however many credits it has. */
static void test_window_needs_memory_only_while_far_ahead(void **state)
{
	struct proto_window w;

	(void)state;
	proto_window_init(&w, 8192);
	assert_int_equal(proto_window_grant(&w, 8191, 1), 8191);
	for (uint64_t id = 63; id > 0; id--)
		assert_true(proto_window_take(&w, id, 1));
	assert_null(w.used);
	assert_true(proto_window_take(&w, 4000, 1));
	assert_non_null(w.used);
	assert_false(proto_window_take(&w, 30, 1));
	assert_true(proto_window_take(&w, 0, 1));
	assert_int_equal(w.low, 64);
	assert_true(proto_window_take(&w, 64, 4000 - 64));
	assert_int_equal(w.low, 4001);
	assert_null(w.used);
	assert_int_equal(w.used_count, 0);
	proto_window_free(&w);
}

/* A model: one byte an id. */
enum { MODEL_IDS = 60000 };
static uint8_t model_state[MODEL_IDS]; /* 0 not granted, 1 granted, 2 used */

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

static bool model_take(uint64_t id, uint64_t n)
{
	n = n ? n : 1;
	for (uint64_t i = 0; i < n; i++)
		if (id + i >= MODEL_IDS || model_state[id + i] != 1)
			return false;
	memset(model_state + id, 2, n);
	return true;
}

static void run_model(uint64_t seed, uint32_t span)
{
	struct proto_window w;
	uint64_t low = 0, high = 1, start = seed;

	memset(model_state, 0, sizeof(model_state));
	model_state[0] = 1;
	proto_window_init(&w, span);
	while (high < MODEL_IDS - 1000) {
		uint64_t id = low + next_random(&seed) % (high - low + 4), granted;
		uint16_t charge = (uint16_t)(next_random(&seed) % (next_random(&seed) % 8 ? 3 : 20));
		uint16_t wish = (uint16_t)(next_random(&seed) % 40);
		bool expected;

		if (next_random(&seed) % 2) /* mostly the lowest, else old ids would hold everything up */
			id = low;
		expected = model_take(id, charge);
		if (proto_window_take(&w, id, charge) != expected)
			fail_msg("seed %lu: take %lu+%u", (unsigned long)start, (unsigned long)id, charge);
		while (low < high && model_state[low] == 2)
			low++;
		granted = proto_window_grant(&w, wish, charge);
		if (granted > 0)
			memset(model_state + high, 1, granted);
		high += granted;
		if (w.low != low || w.high != high || high == low || high - low > span)
			fail_msg("seed %lu: [%lu, %lu) became [%lu, %lu)", (unsigned long)start, (unsigned long)low,
				(unsigned long)high, (unsigned long)w.low, (unsigned long)w.high);
	}
	proto_window_free(&w);
}

/* Backs: B016, B018, B021, B174. */
static void test_window_agrees_with_a_model_under_random_traffic(void **state)
{
	static const uint32_t spans[] = {1, 2, 30, 64, 65, 512, 8192, 16384};

	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++)
		for (size_t i = 0; i < ARRAY_LEN(spans); i++)
			run_model(seed * 1000 + i, spans[i]);
}

/* Backs: C042, C043. */
static void test_sender_uses_the_lowest_ids_first_and_waits_for_credits(void **state)
{
	struct proto_sender s;
	uint64_t id = 99;

	(void)state;
	proto_sender_init(&s);
	assert_int_equal(proto_sender_credits(&s), 1);
	assert_true(proto_sender_take(&s, 1, &id));
	assert_int_equal(id, 0);
	assert_false(proto_sender_take(&s, 1, &id));
	proto_sender_granted(&s, 0);
	assert_false(proto_sender_take(&s, 0, &id));
	proto_sender_granted(&s, 10);
	assert_false(proto_sender_take(&s, 11, &id));
	assert_true(proto_sender_take(&s, 8, &id));
	assert_int_equal(id, 1);
	assert_true(proto_sender_take(&s, 0, &id));
	assert_int_equal(id, 9);
	assert_int_equal(proto_sender_credits(&s), 1);
	s.next_id = s.granted_to = UINT64_MAX - 1;
	proto_sender_granted(&s, 500);
	assert_int_equal(proto_sender_credits(&s), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_credit_charge_is_one_per_64_kib_begun),
		cmocka_unit_test(test_window_starts_with_id_zero_and_takes_it_once),
		cmocka_unit_test(test_window_follows_the_examples_of_the_specification),
		cmocka_unit_test(test_grants_stop_while_an_old_id_stays_unused),
		cmocka_unit_test(test_multi_credit_request_consumes_consecutive_ids),
		cmocka_unit_test(test_charge_zero_counts_as_one),
		cmocka_unit_test(test_client_is_never_left_without_a_credit),
		cmocka_unit_test(test_large_wishes_are_granted_up_to_the_span),
		cmocka_unit_test(test_ids_do_not_wrap),
		cmocka_unit_test(test_window_needs_memory_only_while_far_ahead),
		cmocka_unit_test(test_window_agrees_with_a_model_under_random_traffic),
		cmocka_unit_test(test_sender_uses_the_lowest_ids_first_and_waits_for_credits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

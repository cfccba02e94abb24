/* What a client makes of lease states and epochs: the table of [MS-SMB2] 3.2.5.7.5 cell by cell, breaks by 3.2.5.19.2, and orders of
 * arrival that are not those of sending. */
#include "../crypto/kit.h"

#include "proto/lease.h"

enum { NONE = 0, R = 1, RH = 3, RW = 5, RWH = 7 };
enum { NOTHING = PROTO_LEASE_NOTHING, TAKEN = PROTO_LEASE_TAKEN, PURGED = PROTO_LEASE_PURGE };

static struct proto_lease holding(uint32_t state, uint16_t epoch)
{
	return (struct proto_lease){.asked = RWH, .state = state, .epoch = epoch, .known = true, .epochs = true};
}

static void cell(uint32_t held, uint32_t to, int ahead, int news, uint32_t now)
{
	static const uint16_t bases[] = {0, 1, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF};

	for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
		struct proto_lease l = holding(held, bases[i]);
		uint16_t epoch = (uint16_t)(bases[i] + ahead);

		assert_int_equal(proto_lease_granted_v2(&l, to, epoch), news);
		assert_int_equal(l.state, now);
		assert_int_equal(l.epoch, news == NOTHING ? bases[i] : epoch);
	}
}

/* Backs: C182, D074. */
static void test_every_cell_of_the_table(void **state)
{
	static const uint32_t all[] = {NONE, R, RH, RW, RWH};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		/* an older message says nothing, whatever it says; so does one that changes without a new epoch */
		for (size_t j = 0; j < ARRAY_LEN(all); j++) {
			cell(all[i], all[j], -1, NOTHING, all[i]);
			cell(all[i], all[j], -32768, NOTHING, all[i]);
			cell(all[i], all[j], 0, NOTHING, all[i]);
		}
		cell(NONE, all[i], 1, TAKEN, all[i]);
		cell(NONE, all[i], 32767, TAKEN, all[i]);
	}
	cell(R, R, 1, PURGED, R);
	cell(R, R, 9, PURGED, R);
	cell(R, RH, 1, TAKEN, RH);
	cell(R, RH, 2, PURGED, RH);
	cell(R, RWH, 1, TAKEN, RWH);
	cell(R, RWH, 2, PURGED, RWH);
	cell(R, NONE, 1, PURGED, NONE);
	cell(RH, RH, 1, PURGED, RH);
	cell(RH, RWH, 1, TAKEN, RWH);
	cell(RH, RWH, 2, PURGED, RWH);
	cell(RH, NONE, 1, PURGED, NONE);
	cell(RW, RWH, 1, TAKEN, RWH);
	cell(RW, RWH, 2, PURGED, RWH);
	cell(RW, R, 1, PURGED, R);
	cell(RWH, NONE, 1, PURGED, NONE);
	cell(RWH, RWH, 1, NOTHING, RWH);
}

/* Backs: C182. */
static void test_an_impossible_answer_gives_nothing_and_keeps_only_what_it_leaves(void **state)
{
	(void)state;
	cell(RH, R, 1, NOTHING, R);
	cell(RWH, RH, 1, NOTHING, RH);
	cell(RWH, R, 7, NOTHING, R);
}

static void test_the_first_word_counts_whatever_its_epoch(void **state)
{
	static const uint16_t epochs[] = {0, 1, 0x8000, 0xFFFF};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(epochs); i++) {
		struct proto_lease l = {.asked = RWH};

		assert_int_equal(proto_lease_granted_v2(&l, RH, epochs[i]), TAKEN);
		assert_true(l.state == RH && l.epoch == epochs[i]);
	}
}

static void test_nothing_is_held_that_was_not_asked_for(void **state)
{
	struct proto_lease l = {.asked = R};

	(void)state;
	assert_int_equal(proto_lease_granted_v2(&l, RWH, 1), TAKEN);
	assert_int_equal(l.state, R);
	assert_int_equal(proto_lease_break(&l, RWH, 2), TAKEN);
	assert_int_equal(l.state, R);
}

/* Backs: C013, D074. */
static void test_breaks_newer_and_stale(void **state)
{
	struct proto_lease l = holding(RWH, 0xFFFE);

	(void)state;
	assert_int_equal(proto_lease_break(&l, RH, 0xFFFF), TAKEN);
	assert_true(l.state == RH && l.epoch == 0xFFFF);
	/* the same again, and one from before */
	assert_int_equal(proto_lease_break(&l, RH, 0xFFFF), NOTHING);
	assert_int_equal(proto_lease_break(&l, NONE, 0xFFFE), NOTHING);
	assert_true(l.state == RH && l.epoch == 0xFFFF);
	/* around the end of the counter */
	assert_int_equal(proto_lease_break(&l, R, 0), TAKEN);
	assert_true(l.state == R && l.epoch == 0);
	/* the same state two epochs on: what lay between may have let somebody write */
	assert_int_equal(proto_lease_break(&l, R, 1), TAKEN);
	assert_int_equal(proto_lease_break(&l, R, 3), PURGED);
	assert_int_equal(l.epoch, 3);
}

/* Backs: D074. */
static void test_a_break_that_overtakes_the_answer(void **state)
{
	struct proto_lease l = {.asked = RWH};

	(void)state;
	assert_int_equal(proto_lease_break(&l, R, 2), TAKEN);
	assert_int_equal(proto_lease_granted_v2(&l, RWH, 1), NOTHING);
	assert_true(l.state == R && l.epoch == 2);
}

static void test_an_answer_that_overtakes_the_break(void **state)
{
	struct proto_lease l = holding(R, 4);

	(void)state;
	/* a second open, answered while the break to RH (epoch 6) was on its way */
	assert_int_equal(proto_lease_granted_v2(&l, RWH, 6), PURGED);
	assert_int_equal(proto_lease_break(&l, RH, 6), TAKEN);
	assert_int_equal(l.state, RH);
	assert_int_equal(proto_lease_break(&l, RH, 6), NOTHING);
	/* such a break gives nothing */
	l = holding(R, 4);
	assert_int_equal(proto_lease_break(&l, RWH, 4), TAKEN);
	assert_int_equal(l.state, R);
}

/* Backs: C181. */
static void test_version_1_has_no_epochs(void **state)
{
	struct proto_lease l = {.asked = RWH};

	(void)state;
	assert_int_equal(proto_lease_granted_v1(&l, RWH), TAKEN);
	assert_int_equal(l.state, RWH);
	assert_int_equal(proto_lease_break(&l, RH, 0), TAKEN);
	assert_int_equal(proto_lease_break(&l, RH, 0), TAKEN);
	assert_int_equal(proto_lease_break(&l, NONE, 0), TAKEN);
	assert_int_equal(l.state, NONE);
	assert_int_equal(proto_lease_granted_v1(&l, R), TAKEN);
	assert_true(l.state == R && !l.epochs);
	/* before any answer */
	l = (struct proto_lease){.asked = RWH};
	assert_int_equal(proto_lease_break(&l, R, 0), TAKEN);
	assert_int_equal(proto_lease_break(&l, NONE, 0), TAKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cell_of_the_table),
		cmocka_unit_test(test_an_impossible_answer_gives_nothing_and_keeps_only_what_it_leaves),
		cmocka_unit_test(test_the_first_word_counts_whatever_its_epoch),
		cmocka_unit_test(test_nothing_is_held_that_was_not_asked_for),
		cmocka_unit_test(test_breaks_newer_and_stale),
		cmocka_unit_test(test_a_break_that_overtakes_the_answer),
		cmocka_unit_test(test_an_answer_that_overtakes_the_break),
		cmocka_unit_test(test_version_1_has_no_epochs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Byte-range locks of a node: what excludes what, waiting, ends, budgets; and a model of [MS-FSA]'s list that must agree. */
#include "fsa/fsa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct vfs_id file_id = {.device = 1, .inode = 5};

struct kit {
	struct fsa *f;
	struct fsa_open a, b, c;
};

static void enter(struct kit *k, struct fsa_open *o, struct vfs_id id)
{
	const struct fsa_enter e = {.id = id, .access = FILE_READ_DATA | FILE_WRITE_DATA, .share = 7};
	struct fsa_breaks b;

	fsa_breaks_init(&b);
	assert_true(nt_ok(fsa_open_enter(k->f, &e, o, &b)));
}

static int kit_setup(void **state)
{
	static struct kit k;

	k = (struct kit){.f = fsa_new(NULL)};
	enter(&k, &k.a, file_id);
	enter(&k, &k.b, file_id);
	enter(&k, &k.c, file_id);
	*state = &k;
	return 0;
}

static int kit_teardown(void **state)
{
	struct kit *k = *state;

	assert_false(fsa_open_leave(k->f, &k->a));
	assert_false(fsa_open_leave(k->f, &k->b));
	assert_false(fsa_open_leave(k->f, &k->c));
	fsa_free(k->f);
	return 0;
}

static void is(ntstatus got, ntstatus want)
{
	assert_int_equal(got.code, want.code);
}

static bool conflicts(struct fsa_open *o, uint64_t offset, uint64_t length, bool write)
{
	return fsa_io_conflicts(o, &(struct fsa_range){.offset = offset, .length = length, .exclusive = write});
}

static ntstatus exclusive(struct fsa_open *o, uint64_t offset, uint64_t length)
{
	return fsa_lock(o, &(struct fsa_range){.offset = offset, .length = length, .exclusive = true}, 1);
}

static ntstatus shared(struct fsa_open *o, uint64_t offset, uint64_t length)
{
	return fsa_lock(o, &(struct fsa_range){.offset = offset, .length = length}, 1);
}

static ntstatus unlock(struct fsa_open *o, uint64_t offset, uint64_t length)
{
	return fsa_unlock(o, &(struct fsa_range){.offset = offset, .length = length}, 1);
}

static void test_exclusive_locks_exclude_everything_of_others(void **state)
{
	struct kit *k = *state;

	is(exclusive(&k->a, 10, 10), STATUS_SUCCESS);
	is(exclusive(&k->b, 19, 1), STATUS_LOCK_NOT_GRANTED);
	is(shared(&k->b, 0, 11), STATUS_LOCK_NOT_GRANTED);
	is(shared(&k->b, 0, 10), STATUS_SUCCESS);
	is(exclusive(&k->b, 20, 1), STATUS_SUCCESS);
	assert_true(conflicts(&k->b, 19, 5, false));
	assert_true(conflicts(&k->b, 0, 100, true));
	assert_false(conflicts(&k->b, 9, 1, false));
	assert_false(conflicts(&k->b, 10, 0, true));
	assert_false(conflicts(&k->a, 10, 10, true));
	assert_true(conflicts(&k->a, 9, 10, true)); /* b's shared one */
	assert_false(conflicts(&k->a, 9, 10, false));
}

static void test_shared_locks_keep_everybody_from_writing(void **state)
{
	struct kit *k = *state;

	is(shared(&k->a, 0, 10), STATUS_SUCCESS);
	is(shared(&k->b, 5, 10), STATUS_SUCCESS);
	is(exclusive(&k->a, 0, 1), STATUS_LOCK_NOT_GRANTED);
	assert_true(conflicts(&k->a, 0, 1, true));
	assert_true(conflicts(&k->b, 0, 1, true));
	assert_false(conflicts(&k->c, 0, 100, false));
	is(unlock(&k->a, 0, 10), STATUS_SUCCESS);
	assert_false(conflicts(&k->a, 0, 5, true));
}

static void test_locks_on_top_of_each_other(void **state)
{
	struct kit *k = *state;

	is(exclusive(&k->a, 0, 10), STATUS_SUCCESS);
	is(exclusive(&k->a, 0, 10), STATUS_LOCK_NOT_GRANTED);
	is(shared(&k->a, 0, 10), STATUS_SUCCESS);
	is(shared(&k->a, 0, 10), STATUS_SUCCESS);
	/* The exclusive one goes first. */
	is(unlock(&k->a, 0, 10), STATUS_SUCCESS);
	is(shared(&k->b, 0, 10), STATUS_SUCCESS);
	is(unlock(&k->a, 0, 10), STATUS_SUCCESS);
	is(unlock(&k->a, 0, 10), STATUS_SUCCESS);
	is(unlock(&k->a, 0, 10), STATUS_RANGE_NOT_LOCKED);
}

static void test_unlocking_wants_the_very_range_and_its_owner(void **state)
{
	const struct fsa_range three[] = {{0, 1, false, 0}, {5, 5, false, 0}, {2, 1, false, 0}};
	struct kit *k = *state;

	is(exclusive(&k->a, 0, 10), STATUS_SUCCESS);
	is(unlock(&k->b, 0, 10), STATUS_RANGE_NOT_LOCKED);
	is(unlock(&k->a, 0, 9), STATUS_RANGE_NOT_LOCKED);
	is(unlock(&k->a, 1, 9), STATUS_RANGE_NOT_LOCKED);
	is(unlock(&k->a, 2, UINT64_MAX), STATUS_INVALID_LOCK_RANGE);
	is(unlock(&k->a, 0, 10), STATUS_SUCCESS);
	is(exclusive(&k->a, 0, 1), STATUS_SUCCESS);
	is(exclusive(&k->a, 2, 1), STATUS_SUCCESS);
	is(fsa_unlock(&k->a, three, 3), STATUS_RANGE_NOT_LOCKED);
	is(exclusive(&k->b, 0, 1), STATUS_SUCCESS);
	is(exclusive(&k->b, 2, 1), STATUS_LOCK_NOT_GRANTED);
}

static void test_ranges_of_nothing_and_the_end_of_numbers(void **state)
{
	struct kit *k = *state;

	is(exclusive(&k->a, 0, 0), STATUS_SUCCESS);
	is(exclusive(&k->b, 0, 0), STATUS_SUCCESS);
	is(exclusive(&k->b, 0, UINT64_MAX), STATUS_SUCCESS);
	is(exclusive(&k->a, 0, 0), STATUS_SUCCESS);
	is(exclusive(&k->a, 1, 0), STATUS_LOCK_NOT_GRANTED);
	is(exclusive(&k->a, UINT64_MAX, 0), STATUS_SUCCESS);
	is(exclusive(&k->a, UINT64_MAX, 1), STATUS_SUCCESS);
	is(unlock(&k->b, 0, UINT64_MAX), STATUS_SUCCESS);
	is(exclusive(&k->a, UINT64_MAX, 2), STATUS_INVALID_LOCK_RANGE);
	is(exclusive(&k->a, 1, UINT64_MAX), STATUS_LOCK_NOT_GRANTED);
	is(exclusive(&k->a, 2, UINT64_MAX), STATUS_INVALID_LOCK_RANGE);
	/* Nothing at 5 is in the way of what lies around it, but of nothing beside it. */
	is(exclusive(&k->a, 5, 0), STATUS_SUCCESS);
	is(exclusive(&k->b, 5, 0), STATUS_SUCCESS);
	is(exclusive(&k->b, 0, 5), STATUS_SUCCESS);
	is(exclusive(&k->b, 5, 5), STATUS_SUCCESS);
	is(unlock(&k->b, 0, 5), STATUS_SUCCESS);
	is(unlock(&k->b, 5, 5), STATUS_SUCCESS);
	is(exclusive(&k->b, 4, 2), STATUS_LOCK_NOT_GRANTED);
	assert_true(conflicts(&k->b, 4, 2, false));
	for (int i = 0; i < 2; i++)
		is(unlock(&k->a, 0, 0), STATUS_SUCCESS);
	is(unlock(&k->a, 0, 0), STATUS_RANGE_NOT_LOCKED);
}

static void test_several_at_once_or_none(void **state)
{
	const struct fsa_range ranges[] = {{0, 5, true, 0}, {10, 5, false, 0}, {20, 5, true, 0}};
	const struct fsa_range over[] = {{30, 5, true, 0}, {UINT64_MAX, 5, true, 0}}, twice[] = {{40, 5, true, 0}, {44, 1, true, 0}};
	struct kit *k = *state;

	is(shared(&k->b, 24, 1), STATUS_SUCCESS);
	is(fsa_lock(&k->a, ranges, 3), STATUS_LOCK_NOT_GRANTED);
	is(exclusive(&k->b, 0, 15), STATUS_SUCCESS);
	is(unlock(&k->b, 0, 15), STATUS_SUCCESS);
	is(unlock(&k->b, 24, 1), STATUS_SUCCESS);
	is(fsa_lock(&k->a, ranges, 3), STATUS_SUCCESS);
	is(shared(&k->b, 10, 1), STATUS_SUCCESS);
	is(fsa_lock(&k->a, over, 2), STATUS_INVALID_LOCK_RANGE);
	is(fsa_lock(&k->a, twice, 2), STATUS_LOCK_NOT_GRANTED);
	is(exclusive(&k->b, 30, 20), STATUS_SUCCESS);
	/* What was there before is not taken for what is undone. */
	is(exclusive(&k->a, 50, 5), STATUS_SUCCESS);
	is(fsa_lock(&k->a, (struct fsa_range[]){{50, 5, false, 0}, {30, 1, false, 0}}, 2), STATUS_LOCK_NOT_GRANTED);
	is(shared(&k->b, 50, 5), STATUS_LOCK_NOT_GRANTED);
}

/* --- waiting --- */

struct waiting {
	struct fsa_lock_wait w;
	unsigned woken, place;
};
static unsigned wakes;

static void on_wake(struct fsa_lock_wait *w)
{
	struct waiting *x = CONTAINER_OF(w, struct waiting, w);

	x->woken++;
	x->place = ++wakes;
}

static ntstatus wait_for(struct waiting *w, struct fsa_open *o, uint64_t offset, uint64_t length, bool ex)
{
	*w = (struct waiting){.w.wake = on_wake};
	fsa_lock_wait_init(o, &w->w);
	return fsa_lock_wait(&w->w, &(struct fsa_range){offset, length, ex, 0});
}

static void test_who_waits_longest_comes_first(void **state)
{
	struct kit *k = *state;
	struct waiting w[5];

	wakes = 0;
	is(wait_for(&w[0], &k->a, 0, 10, true), STATUS_SUCCESS);
	is(wait_for(&w[1], &k->b, 0, 10, true), STATUS_PENDING);
	is(wait_for(&w[2], &k->c, 0, 5, false), STATUS_PENDING);
	is(wait_for(&w[3], &k->b, 0, 10, false), STATUS_PENDING);
	is(wait_for(&w[4], &k->a, 3, 0, true), STATUS_PENDING);
	is(unlock(&k->a, 0, 10), STATUS_SUCCESS);
	/* b has its exclusive lock, and its own shared one on top. */
	assert_int_equal(w[1].woken, 1);
	assert_int_equal(w[1].place, 1);
	is(w[1].w.status, STATUS_SUCCESS);
	assert_int_equal(w[3].place, 2);
	assert_int_equal(w[2].woken + w[4].woken, 0);
	is(unlock(&k->b, 0, 10), STATUS_SUCCESS);
	assert_int_equal(w[2].woken, 1);
	assert_int_equal(w[4].woken, 0);
	is(unlock(&k->b, 0, 10), STATUS_SUCCESS);
	is(unlock(&k->c, 0, 5), STATUS_SUCCESS);
	assert_int_equal(w[4].woken, 1);
}

static void test_a_wait_ends_by_cancelling_and_by_leaving(void **state)
{
	struct kit *k = *state;
	struct waiting w[4];

	is(exclusive(&k->a, 0, 10), STATUS_SUCCESS);
	is(wait_for(&w[0], &k->b, 0, 1, true), STATUS_PENDING);
	is(wait_for(&w[1], &k->b, 1, 1, true), STATUS_PENDING);
	assert_true(fsa_lock_wait_cancel(&w[0].w));
	assert_false(fsa_lock_wait_cancel(&w[0].w));
	fsa_locks_end(&k->b);
	assert_int_equal(w[0].woken, 0);
	assert_int_equal(w[1].woken, 1);
	is(w[1].w.status, STATUS_RANGE_NOT_LOCKED);
	assert_false(fsa_lock_wait_cancel(&w[1].w));
	is(wait_for(&w[1], &k->b, 20, 1, true), STATUS_RANGE_NOT_LOCKED);
	is(exclusive(&k->b, 20, 1), STATUS_FILE_CLOSED);
	/* Cancelled before it began. */
	w[2] = (struct waiting){.w.wake = on_wake};
	fsa_lock_wait_init(&k->c, &w[2].w);
	assert_false(fsa_lock_wait_cancel(&w[2].w));
	is(fsa_lock_wait(&w[2].w, &(struct fsa_range){20, 1, true, 0}), STATUS_CANCELLED);
	/* Who leaves gives way. */
	is(wait_for(&w[3], &k->c, 9, 1, true), STATUS_PENDING);
	fsa_locks_end(&k->a);
	assert_int_equal(w[3].woken, 1);
	is(w[3].w.status, STATUS_SUCCESS);
	is(wait_for(&w[3], &k->c, UINT64_MAX, 2, true), STATUS_INVALID_LOCK_RANGE);
}

static void test_a_budget_bounds_what_is_held_and_waited_for(void **state)
{
	struct fsa_lock_budget budget = {.most = 3};
	struct kit *k = *state;
	struct waiting w;

	k->a.lock_budget = &budget;
	is(shared(&k->b, 0, 1), STATUS_SUCCESS);
	is(fsa_lock(&k->a, (struct fsa_range[]){{1, 1, true, 0}, {2, 1, true, 0}, {3, 1, true, 0}, {4, 1, true, 0}}, 4), STATUS_INSUFFICIENT_RESOURCES);
	is(exclusive(&k->a, 1, 1), STATUS_SUCCESS);
	is(exclusive(&k->a, 2, 1), STATUS_SUCCESS);
	is(wait_for(&w, &k->a, 0, 1, true), STATUS_PENDING);
	is(exclusive(&k->a, 3, 1), STATUS_INSUFFICIENT_RESOURCES);
	assert_true(fsa_lock_wait_cancel(&w.w));
	is(exclusive(&k->a, 0, 1), STATUS_LOCK_NOT_GRANTED);
	is(exclusive(&k->a, 3, 1), STATUS_SUCCESS);
	fsa_locks_end(&k->a);
	assert_int_equal(budget.used, 0);
}

static void test_opens_that_never_entered_have_no_locks(void **state)
{
	struct fsa_open never = {0};

	(void)state;
	is(exclusive(&never, 0, 1), STATUS_FILE_CLOSED);
	is(unlock(&never, 0, 1), STATUS_RANGE_NOT_LOCKED);
	assert_false(conflicts(&never, 0, 1, true));
	fsa_locks_end(&never);
}

/* --- many --- */

enum { MANY = 10000 };

static void test_ten_thousand_waiters_are_served_in_turn(void **state)
{
	struct waiting *w = calloc(MANY, sizeof(*w));
	struct kit *k = *state;

	wakes = 0;
	is(exclusive(&k->a, 0, 10), STATUS_SUCCESS);
	for (size_t i = 0; i < MANY; i++)
		is(wait_for(&w[i], i % 2 ? &k->b : &k->c, 0, 10, true), STATUS_PENDING);
	is(unlock(&k->a, 0, 10), STATUS_SUCCESS);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(wakes, i + 1);
		assert_int_equal(w[i].place, i + 1);
		is(unlock(i % 2 ? &k->b : &k->c, 0, 10), STATUS_SUCCESS);
	}
	free(w);
}

static void test_ten_thousand_locks_are_found_quickly(void **state)
{
	struct kit *k = *state;

	for (uint64_t i = 0; i < MANY; i++)
		is(exclusive(&k->a, i * 7919 % MANY * 10, 5), STATUS_SUCCESS);
	for (uint64_t i = 0; i < MANY; i++) {
		assert_true(conflicts(&k->b, i * 10 + 4, 2, false));
		assert_false(conflicts(&k->b, i * 10 + 5, 5, true));
		assert_false(conflicts(&k->a, 0, MANY * 10, true));
	}
	for (uint64_t i = 0; i < MANY; i += 2)
		is(unlock(&k->a, i * 10, 5), STATUS_SUCCESS);
	for (uint64_t i = 0; i < MANY; i++)
		assert_int_equal(conflicts(&k->b, i * 10, 5, false), i % 2);
}

/* --- against a model: the lists of [MS-FSA], walked --- */

enum { MODEL_MOST = 40, MODEL_WAITS = 12, MODEL_STEPS = 300000, OPENS = 3 };

struct model_lock {
	uint64_t offset, length;
	const struct fsa_open *owner;
	bool exclusive;
};
static struct {
	struct model_lock locks[MODEL_MOST + MODEL_WAITS];
	size_t n;
	struct model_lock wanted[MODEL_WAITS]; /* oldest first */
	struct waiting *waiting[MODEL_WAITS];
	size_t waits;
	struct waiting slots[MODEL_WAITS];
	uint64_t seed;
	struct kit *k;
} model;

static uint64_t next_random(void)
{
	model.seed = model.seed * 6364136223846793005u + 1442695040888963407u;
	return model.seed >> 33;
}

/* [MS-FSA] 2.1.4.10 */
static bool model_conflict(const struct model_lock *m, bool intent)
{
	if (m->offset == 0 && m->length == 0)
		return false;
	for (size_t i = 0; i < model.n; i++) {
		const struct model_lock *l = &model.locks[i];

		if (l->offset == 0 && l->length == 0)
			continue;
		if (m->offset > l->offset + l->length - 1 || m->offset + m->length - 1 < l->offset)
			continue;
		if (l->exclusive ? l->owner != m->owner || (intent && m->exclusive) : m->exclusive)
			return true;
	}
	return false;
}

static bool model_lock(const struct model_lock *m)
{
	if (model_conflict(m, true))
		return false;
	model.locks[model.n++] = *m;
	return true;
}

static void model_forget(size_t i)
{
	model.waits--;
	memmove(&model.wanted[i], &model.wanted[i + 1], (model.waits - i) * sizeof(model.wanted[0]));
	memmove(&model.waiting[i], &model.waiting[i + 1], (model.waits - i) * sizeof(model.waiting[0]));
}

/* Something has gone: whoever can have his now must have been woken, nobody else. */
static void model_settle(void)
{
	for (size_t i = 0; i < model.waits;) {
		struct waiting *w = model.waiting[i];

		assert_int_equal(w->woken, !model_conflict(&model.wanted[i], true));
		if (model_lock(&model.wanted[i])) {
			is(w->w.status, STATUS_SUCCESS);
			model_forget(i);
			w->woken = 0;
		} else {
			i++;
		}
	}
}

/* [MS-FSA] 2.1.5.9 */
static ntstatus model_unlock(const struct model_lock *m)
{
	size_t found = SIZE_MAX;

	for (size_t i = 0; i < model.n; i++) {
		const struct model_lock *l = &model.locks[i];

		if (l->offset != m->offset || l->length != m->length || l->owner != m->owner)
			continue;
		found = i;
		if (l->exclusive)
			break;
	}
	if (found == SIZE_MAX)
		return STATUS_RANGE_NOT_LOCKED;
	model.locks[found] = model.locks[--model.n];
	return STATUS_SUCCESS;
}

static struct waiting *free_slot(void)
{
	for (size_t i = 0; i < MODEL_WAITS; i++) {
		bool used = false;

		for (size_t j = 0; j < model.waits; j++)
			used = used || model.waiting[j] == &model.slots[i];
		if (!used)
			return &model.slots[i];
	}
	return NULL;
}

static void step_lock(struct fsa_open *o, const struct model_lock *m, bool wait)
{
	const struct fsa_range range = {m->offset, m->length, m->exclusive, 0};
	struct waiting *w;

	if (model.n == MODEL_MOST)
		return;
	w = wait ? free_slot() : NULL;
	if (!w) {
		is(fsa_lock(o, &range, 1), model_lock(m) ? STATUS_SUCCESS : STATUS_LOCK_NOT_GRANTED);
	} else if (model_lock(m)) {
		is(wait_for(w, o, m->offset, m->length, m->exclusive), STATUS_SUCCESS);
	} else {
		is(wait_for(w, o, m->offset, m->length, m->exclusive), STATUS_PENDING);
		model.wanted[model.waits] = *m;
		model.waiting[model.waits++] = w;
	}
}

static void step_cancel(void)
{
	size_t i;

	if (model.waits == 0)
		return;
	i = next_random() % model.waits;
	assert_true(fsa_lock_wait_cancel(&model.waiting[i]->w));
	model_forget(i);
}

/* Leaves and comes again. */
static void step_leave(struct fsa_open *o)
{
	assert_false(fsa_open_leave(model.k->f, o));
	for (size_t i = 0; i < model.waits;) {
		if (model.wanted[i].owner == o) {
			assert_int_equal(model.waiting[i]->woken, 1);
			is(model.waiting[i]->w.status, STATUS_RANGE_NOT_LOCKED);
			model_forget(i);
		} else {
			i++;
		}
	}
	for (size_t i = 0; i < model.n;) {
		if (model.locks[i].owner == o)
			model.locks[i] = model.locks[--model.n];
		else
			i++;
	}
	model_settle();
	*o = (struct fsa_open){0};
	enter(model.k, o, file_id);
}

static void model_step(struct fsa_open *o)
{
	struct model_lock m = {.offset = next_random() % 24, .length = next_random() % 8, .owner = o, .exclusive = next_random() % 2};

	/* Half of them at the other end of what there is. */
	if (next_random() % 2)
		m.offset = UINT64_MAX - 23 + m.offset;
	if (m.length > 0 && m.offset + m.length - 1 < m.offset)
		m.length = 1;
	switch (next_random() % 32) {
	case 0:
		step_leave(o);
		break;
	case 1:
		step_cancel();
		break;
	case 2: case 3: case 4: case 5: case 6: case 7:
		step_lock(o, &m, false);
		break;
	case 8: case 9:
		step_lock(o, &m, true);
		break;
	case 10: case 11: case 12: case 13: case 14: case 15: case 16: case 17:
		if (model.n > 0 && next_random() % 2)
			m = model.locks[next_random() % model.n];
		is(unlock((struct fsa_open *)(uintptr_t)m.owner, m.offset, m.length), model_unlock(&m));
		model_settle();
		break;
	default:
		if (m.length > 0)
			assert_int_equal(conflicts(o, m.offset, m.length, m.exclusive), model_conflict(&m, false));
		break;
	}
}

static void test_lists_that_are_walked_agree(void **state)
{
	struct kit *k = *state;
	struct fsa_open *opens[OPENS] = {&k->a, &k->b, &k->c};

	for (uint64_t seed = 1; seed <= 3; seed++) {
		memset(&model, 0, sizeof(model));
		model.seed = seed;
		model.k = k;
		for (size_t i = 0; i < MODEL_STEPS; i++)
			model_step(opens[next_random() % OPENS]);
		for (size_t i = 0; i < OPENS; i++)
			step_leave(opens[i]);
		assert_int_equal(model.n + model.waits, 0);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
	const struct CMUnitTest tests[] = {
		T(test_exclusive_locks_exclude_everything_of_others),
		T(test_shared_locks_keep_everybody_from_writing),
		T(test_locks_on_top_of_each_other),
		T(test_unlocking_wants_the_very_range_and_its_owner),
		T(test_ranges_of_nothing_and_the_end_of_numbers),
		T(test_several_at_once_or_none),
		T(test_who_waits_longest_comes_first),
		T(test_a_wait_ends_by_cancelling_and_by_leaving),
		T(test_a_budget_bounds_what_is_held_and_waited_for),
		T(test_opens_that_never_entered_have_no_locks),
		T(test_ten_thousand_waiters_are_served_in_turn),
		T(test_ten_thousand_locks_are_found_quickly),
		T(test_lists_that_are_walked_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Oplocks in a node: who gets which, what breaks whom, what acknowledgments do, who waits and who is woken. */
#include "fsa/fsa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define READ_WRITE (FILE_READ_DATA | FILE_WRITE_DATA)

static const struct vfs_id file_id = {.device = 1, .inode = 5};
static unsigned holds;

static void hold(struct fsa_grant *g)
{
	(void)g;
	holds++;
}

/* An open with a grant of its own. The response that tells of it is out at once. */
struct test_open {
	struct fsa_open o;
	struct fsa_grant g;
};

struct kit {
	struct fsa *f;
	struct fsa_breaks b;
};

static int kit_setup(void **state)
{
	static struct kit k;

	k.f = fsa_new(hold);
	fsa_breaks_init(&k.b);
	holds = 0;
	*state = &k;
	return 0;
}

static int kit_teardown(void **state)
{
	struct kit *k = *state;

	fsa_free(k->f);
	return 0;
}

static ntstatus enter(struct kit *k, uint32_t access, uint32_t share, uint8_t oplock, bool overwrites, struct test_open *t)
{
	const struct fsa_enter e = {
		.id = file_id, .access = access, .share = share, .oplock = oplock, .overwrites = overwrites,
		.grant = oplock ? &t->g : NULL,
	};
	ntstatus status;

	*t = (struct test_open){0};
	status = fsa_open_enter(k->f, &e, &t->o, &k->b);
	if (nt_ok(status))
		fsa_grant_said(&t->o, &k->b);
	return status;
}

static void leave(struct kit *k, struct test_open *t)
{
	assert_false(fsa_open_leave(k->f, &t->o));
}

static void told(struct kit *k, struct test_open *who, uint8_t level)
{
	struct fsa_notice n;

	assert_true(fsa_breaks_next(&k->b, &n));
	assert_ptr_equal(n.grant, &who->g);
	assert_int_equal(fsa_level_of_cache(n.to), level);
}

static void nobody_told(struct kit *k)
{
	assert_true(list_empty(&k->b.grants));
}

static uint8_t level(struct test_open *t)
{
	return fsa_oplock_level(&t->o);
}

static void is(ntstatus got, ntstatus want)
{
	assert_int_equal(got.code, want.code);
}

/* Backs: B332, D076. */
static void test_the_only_open_gets_what_it_wants_others_level_ii(void **state)
{
	struct kit *k = *state;
	struct test_open a, b, c;

	is(enter(k, FILE_READ_DATA, 7, FSA_OPLOCK_BATCH, false, &a), STATUS_SUCCESS);
	assert_int_equal(level(&a), FSA_OPLOCK_BATCH);
	leave(k, &a);
	is(enter(k, FILE_READ_DATA, 7, FSA_OPLOCK_NONE, false, &a), STATUS_SUCCESS);
	is(enter(k, FILE_READ_DATA, 7, FSA_OPLOCK_EXCLUSIVE, false, &b), STATUS_SUCCESS);
	assert_int_equal(level(&b), FSA_OPLOCK_II);
	is(enter(k, FILE_READ_DATA, 7, 0xFF, false, &c), STATUS_SUCCESS);
	assert_int_equal(level(&c), FSA_OPLOCK_NONE);
	nobody_told(k);
	leave(k, &a);
	leave(k, &b);
	leave(k, &c);
}

static void test_directories_and_stores_without_holders_get_none(void **state)
{
	struct test_open a = {0};
	const struct fsa_enter e = {.id = file_id, .access = 1, .share = 7, .oplock = FSA_OPLOCK_BATCH, .directory = true, .grant = &a.g};
	struct kit *k = *state, plain = {.f = fsa_new(NULL)};

	is(fsa_open_enter(k->f, &e, &a.o, &k->b), STATUS_SUCCESS);
	assert_int_equal(level(&a), FSA_OPLOCK_NONE);
	leave(k, &a);
	fsa_breaks_init(&plain.b);
	is(enter(&plain, 1, 7, FSA_OPLOCK_BATCH, false, &a), STATUS_SUCCESS);
	assert_int_equal(level(&a), FSA_OPLOCK_NONE);
	leave(&plain, &a);
	fsa_free(plain.f);
}

struct test_waiter {
	struct fsa_waiter waiter;
	unsigned woken;
};

static void wake(struct fsa_waiter *w)
{
	CONTAINER_OF(w, struct test_waiter, waiter)->woken++;
}

/* Backs: B538. */
static void test_second_open_breaks_and_waits_for_the_acknowledgment(void **state)
{
	struct kit *k = *state;
	struct test_waiter w = {.waiter.wake = wake};
	struct test_open a, b;

	is(enter(k, READ_WRITE, 7, FSA_OPLOCK_EXCLUSIVE, false, &a), STATUS_SUCCESS);
	is(enter(k, READ_WRITE, 7, FSA_OPLOCK_NONE, false, &b), STATUS_PENDING);
	told(k, &a, FSA_OPLOCK_II);
	assert_int_equal(holds, 1);
	fsa_waiter_init(k->f, file_id, k->b.ended, &w.waiter);
	assert_true(fsa_wait(k->f, file_id, &w.waiter));
	/* Nobody is told twice. */
	is(enter(k, READ_WRITE, 7, FSA_OPLOCK_NONE, false, &b), STATUS_PENDING);
	nobody_told(k);
	assert_int_equal(w.woken, 0);
	is(fsa_oplock_acknowledge(&a.o, FSA_OPLOCK_II), STATUS_SUCCESS);
	assert_int_equal(w.woken, 1);
	assert_int_equal(level(&a), FSA_OPLOCK_II);
	assert_false(fsa_wait(k->f, file_id, &w.waiter));
	is(enter(k, READ_WRITE, 7, FSA_OPLOCK_BATCH, false, &b), STATUS_SUCCESS);
	assert_int_equal(level(&b), FSA_OPLOCK_II);
	leave(k, &a);
	leave(k, &b);
}

static void test_closing_ends_the_wait_as_well(void **state)
{
	struct kit *k = *state;
	struct test_waiter w = {.waiter.wake = wake};
	struct test_open a, b;

	is(enter(k, READ_WRITE, 7, FSA_OPLOCK_BATCH, false, &a), STATUS_SUCCESS);
	is(enter(k, READ_WRITE, 7, FSA_OPLOCK_BATCH, false, &b), STATUS_PENDING);
	told(k, &a, FSA_OPLOCK_II);
	fsa_waiter_init(k->f, file_id, k->b.ended, &w.waiter);
	assert_true(fsa_wait(k->f, file_id, &w.waiter));
	leave(k, &a);
	assert_int_equal(w.woken, 1);
	is(enter(k, READ_WRITE, 7, FSA_OPLOCK_BATCH, false, &b), STATUS_SUCCESS);
	assert_int_equal(level(&b), FSA_OPLOCK_BATCH);
	leave(k, &b);
}

/* Backs: B544. */
static void test_silence_ends_with_no_oplock(void **state)
{
	struct kit *k = *state;
	struct test_waiter w = {.waiter.wake = wake};
	struct test_open a, b;

	is(enter(k, READ_WRITE, 7, FSA_OPLOCK_BATCH, false, &a), STATUS_SUCCESS);
	is(enter(k, READ_WRITE, 7, FSA_OPLOCK_NONE, false, &b), STATUS_PENDING);
	told(k, &a, FSA_OPLOCK_II);
	fsa_waiter_init(k->f, file_id, k->b.ended, &w.waiter);
	assert_true(fsa_wait(k->f, file_id, &w.waiter));
	assert_true(fsa_grant_breaking(&a.g));
	fsa_grant_expire(&a.g);
	assert_false(fsa_grant_breaking(&a.g));
	assert_int_equal(w.woken, 1);
	assert_int_equal(level(&a), FSA_OPLOCK_NONE);
	is(fsa_oplock_acknowledge(&a.o, FSA_OPLOCK_NONE), STATUS_INVALID_DEVICE_STATE);
	leave(k, &a);
}

static void test_cancelled_waiter_is_not_woken(void **state)
{
	struct kit *k = *state;
	struct test_waiter w = {.waiter.wake = wake};
	struct test_open a, b;

	is(enter(k, READ_WRITE, 7, FSA_OPLOCK_BATCH, false, &a), STATUS_SUCCESS);
	is(enter(k, READ_WRITE, 7, FSA_OPLOCK_NONE, false, &b), STATUS_PENDING);
	told(k, &a, FSA_OPLOCK_II);
	fsa_waiter_init(k->f, file_id, k->b.ended, &w.waiter);
	assert_false(fsa_wait_cancel(&w.waiter));
	assert_true(fsa_wait(k->f, file_id, &w.waiter));
	assert_true(fsa_wait_cancel(&w.waiter));
	assert_false(fsa_wait_cancel(&w.waiter));
	leave(k, &a);
	assert_int_equal(w.woken, 0);
}

static void test_exclusive_holder_and_share_conflict_do_not_break(void **state)
{
	struct kit *k = *state;
	struct test_open a, b;

	is(enter(k, READ_WRITE, 0, FSA_OPLOCK_EXCLUSIVE, false, &a), STATUS_SUCCESS);
	is(enter(k, READ_WRITE, 7, FSA_OPLOCK_NONE, false, &b), STATUS_SHARING_VIOLATION);
	nobody_told(k);
	leave(k, &a);
	/* A batch holder may have closed the file long ago. */
	is(enter(k, READ_WRITE, 0, FSA_OPLOCK_BATCH, false, &a), STATUS_SUCCESS);
	is(enter(k, READ_WRITE, 7, FSA_OPLOCK_NONE, false, &b), STATUS_PENDING);
	told(k, &a, FSA_OPLOCK_II);
	is(fsa_oplock_acknowledge(&a.o, FSA_OPLOCK_II), STATUS_SUCCESS);
	is(enter(k, READ_WRITE, 7, FSA_OPLOCK_NONE, false, &b), STATUS_SHARING_VIOLATION);
	leave(k, &a);
}

static void test_attributes_alone_do_not_break(void **state)
{
	struct kit *k = *state;
	struct test_open a, b;

	is(enter(k, READ_WRITE, 0, FSA_OPLOCK_BATCH, false, &a), STATUS_SUCCESS);
	is(enter(k, FILE_READ_ATTRIBUTES | ACCESS_SYNCHRONIZE, 7, FSA_OPLOCK_II, false, &b), STATUS_SUCCESS);
	nobody_told(k);
	assert_int_equal(level(&b), FSA_OPLOCK_NONE);
	leave(k, &a);
	leave(k, &b);
}

static void test_overwriting_leaves_nothing_to_cache(void **state)
{
	struct kit *k = *state;
	struct test_open a, b, c;

	is(enter(k, READ_WRITE, 7, FSA_OPLOCK_BATCH, false, &a), STATUS_SUCCESS);
	is(enter(k, FILE_READ_ATTRIBUTES, 7, FSA_OPLOCK_NONE, true, &b), STATUS_PENDING);
	told(k, &a, FSA_OPLOCK_NONE);
	/* Level II is not on offer. */
	is(fsa_oplock_acknowledge(&a.o, FSA_OPLOCK_II), STATUS_SUCCESS);
	assert_int_equal(level(&a), FSA_OPLOCK_NONE);
	leave(k, &a);
	is(enter(k, FILE_READ_DATA, 7, FSA_OPLOCK_II, false, &a), STATUS_SUCCESS);
	is(enter(k, FILE_READ_DATA, 7, FSA_OPLOCK_II, false, &b), STATUS_SUCCESS);
	is(enter(k, FILE_WRITE_DATA, 7, FSA_OPLOCK_NONE, true, &c), STATUS_SUCCESS);
	told(k, &a, FSA_OPLOCK_NONE);
	told(k, &b, FSA_OPLOCK_NONE);
	nobody_told(k);
	leave(k, &a);
	leave(k, &b);
	leave(k, &c);
}

static void test_writing_breaks_level_ii_without_waiting(void **state)
{
	struct kit *k = *state;
	struct test_open a, b;

	is(enter(k, FILE_READ_DATA, 7, FSA_OPLOCK_II, false, &a), STATUS_SUCCESS);
	is(enter(k, READ_WRITE, 7, FSA_OPLOCK_NONE, false, &b), STATUS_SUCCESS);
	nobody_told(k);
	fsa_oplock_written(&b.o, &k->b);
	told(k, &a, FSA_OPLOCK_NONE);
	assert_int_equal(level(&a), FSA_OPLOCK_NONE);
	assert_false(fsa_grant_breaking(&a.g));
	fsa_oplock_written(&b.o, &k->b);
	nobody_told(k);
	leave(k, &a);
	leave(k, &b);
}

/* Backs: B536, B537. */
static void test_answers_that_make_no_sense(void **state)
{
	struct kit *k = *state;
	struct test_open a, b;

	is(enter(k, READ_WRITE, 7, FSA_OPLOCK_BATCH, false, &a), STATUS_SUCCESS);
	is(fsa_oplock_acknowledge(&a.o, FSA_OPLOCK_BATCH), STATUS_INVALID_OPLOCK_PROTOCOL);
	is(fsa_oplock_acknowledge(&a.o, FSA_OPLOCK_II), STATUS_INVALID_DEVICE_STATE);
	assert_int_equal(level(&a), FSA_OPLOCK_BATCH);
	is(enter(k, READ_WRITE, 7, FSA_OPLOCK_NONE, false, &b), STATUS_PENDING);
	told(k, &a, FSA_OPLOCK_II);
	is(fsa_oplock_acknowledge(&a.o, FSA_OPLOCK_EXCLUSIVE), STATUS_INVALID_OPLOCK_PROTOCOL);
	assert_int_equal(level(&a), FSA_OPLOCK_NONE);
	assert_false(fsa_grant_breaking(&a.g));
	leave(k, &a);
	is(enter(k, FILE_READ_DATA, 7, FSA_OPLOCK_II, false, &a), STATUS_SUCCESS);
	is(fsa_oplock_acknowledge(&a.o, FSA_OPLOCK_II), STATUS_INVALID_OPLOCK_PROTOCOL);
	is(fsa_oplock_acknowledge(&a.o, FSA_OPLOCK_NONE), STATUS_INVALID_DEVICE_STATE);
	leave(k, &a);
	is(fsa_oplock_acknowledge(&a.o, FSA_OPLOCK_NONE), STATUS_FILE_CLOSED);
}

int main(void)
{
#define WITH_KIT(t) cmocka_unit_test_setup_teardown(t, kit_setup, kit_teardown)
	const struct CMUnitTest tests[] = {
		WITH_KIT(test_the_only_open_gets_what_it_wants_others_level_ii),
		WITH_KIT(test_directories_and_stores_without_holders_get_none),
		WITH_KIT(test_second_open_breaks_and_waits_for_the_acknowledgment),
		WITH_KIT(test_closing_ends_the_wait_as_well),
		WITH_KIT(test_silence_ends_with_no_oplock),
		WITH_KIT(test_cancelled_waiter_is_not_woken),
		WITH_KIT(test_exclusive_holder_and_share_conflict_do_not_break),
		WITH_KIT(test_attributes_alone_do_not_break),
		WITH_KIT(test_overwriting_leaves_nothing_to_cache),
		WITH_KIT(test_writing_breaks_level_ii_without_waiting),
		WITH_KIT(test_answers_that_make_no_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

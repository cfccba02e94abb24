/* Leases in a node, as far as no client can see it: what is told when the answer that grants is not out yet, several breaks before the
 * holder has heard of one, leases that end, who waits for how long. The rest is in tests/sim/test_lease.c. */
#include "fsa/fsa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define READ_WRITE (FILE_READ_DATA | FILE_WRITE_DATA)

enum { R = FSA_CACHE_READ, H = FSA_CACHE_HANDLE, W = FSA_CACHE_WRITE };

static const struct vfs_id file_id = {.device = 1, .inode = 5};
static unsigned holds;

static void hold(struct fsa_grant *g)
{
	(void)g;
	holds++;
}

struct kit {
	struct fsa *f;
	struct fsa_breaks b;
	struct fsa_grant one, two;
};

static int kit_setup(void **state)
{
	static struct kit k;

	k = (struct kit){.f = fsa_new(hold), .one = {.lease = true, .key.lease = {1}}, .two = {.lease = true, .key.lease = {2}}};
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

static void is(ntstatus got, ntstatus want)
{
	assert_int_equal(got.code, want.code);
}

static ntstatus enter(struct kit *k, struct fsa_grant *g, uint8_t cache, struct fsa_open *o)
{
	const struct fsa_enter e = {.id = file_id, .access = READ_WRITE, .share = 7, .grant = g, .cache = cache};

	*o = (struct fsa_open){0};
	return fsa_open_enter(k->f, &e, o, &k->b);
}

static void said(struct kit *k, struct fsa_open *o)
{
	fsa_grant_said(o, &k->b);
}

static void leave(struct kit *k, struct fsa_open *o)
{
	assert_false(fsa_open_leave(k->f, o));
}

static void told(struct kit *k, struct fsa_grant *g, uint8_t from, uint8_t to, bool acknowledge)
{
	struct fsa_notice n;

	assert_true(fsa_breaks_next(&k->b, &n));
	assert_ptr_equal(n.grant, g);
	assert_int_equal(n.from, from);
	assert_int_equal(n.to, to);
	assert_int_equal(n.acknowledge, acknowledge);
	assert_int_equal(n.epoch, g->epoch);
}

static void nobody_told(struct kit *k)
{
	assert_true(list_empty(&k->b.grants));
}

static void test_a_break_waits_until_the_grant_is_known(void **state)
{
	struct kit *k = *state;
	struct fsa_open a, b, c;

	is(enter(k, &k->one, 7, &a), STATUS_SUCCESS);
	assert_int_equal(a.got, 7);
	is(enter(k, &k->two, 7, &b), STATUS_PENDING);
	nobody_told(k);
	/* The holder's next open knows of the break by its answer, which does not hold up the notification. */
	is(enter(k, &k->one, 7, &c), STATUS_SUCCESS);
	assert_true(c.got_breaking);
	said(k, &a);
	told(k, &k->one, 7, R | H, true);
	nobody_told(k);
	assert_int_equal(holds, 1);
	said(k, &c);
	nobody_told(k);
	is(fsa_lease_acknowledge(&k->one, R | H, &k->b), STATUS_SUCCESS);
	is(enter(k, &k->two, 7, &b), STATUS_SUCCESS);
	assert_int_equal(b.got, R | H);
	leave(k, &a);
	leave(k, &b);
	leave(k, &c);
}

/* Each upgrade has to be known before what takes it away is told. */
static void test_an_upgrade_under_way_holds_a_break_up(void **state)
{
	struct kit *k = *state;
	struct fsa_open a, b, c;

	is(enter(k, &k->one, R, &a), STATUS_SUCCESS);
	said(k, &a);
	is(enter(k, &k->one, R | W, &b), STATUS_SUCCESS);
	assert_int_equal(b.got, R | W);
	assert_int_equal(b.got_epoch, a.got_epoch + 1);
	is(enter(k, &k->two, R, &c), STATUS_PENDING);
	nobody_told(k);
	said(k, &b);
	told(k, &k->one, R | W, R, true);
	leave(k, &b);
	leave(k, &a);
}

static void test_one_who_fails_to_open_leaves_the_rest_to_be_told(void **state)
{
	struct kit *k = *state;
	struct fsa_open a, b, c;

	is(enter(k, &k->one, R, &a), STATUS_SUCCESS);
	said(k, &a);
	is(enter(k, &k->one, R | H, &b), STATUS_SUCCESS);
	is(enter(k, NULL, 0, &c), STATUS_SUCCESS);
	fsa_oplock_written(&c, &k->b);
	nobody_told(k);
	fsa_grant_forget(&b, &k->b);
	leave(k, &b);
	told(k, &k->one, R | H, 0, true);
	leave(k, &a);
	/* The last of them: there is nobody to tell. */
	is(enter(k, &k->one, R, &a), STATUS_SUCCESS);
	fsa_oplock_written(&c, &k->b);
	fsa_grant_forget(&a, &k->b);
	nobody_told(k);
	leave(k, &a);
	leave(k, &c);
}

/* What a holder has not heard of yet is told once, and nothing is granted to him before. */
static void test_breaks_before_the_first_is_told(void **state)
{
	struct kit *k = *state;
	struct fsa_open a, b, c, d;

	is(enter(k, &k->one, R, &a), STATUS_SUCCESS);
	is(enter(k, NULL, 0, &b), STATUS_SUCCESS);
	fsa_oplock_written(&b, &k->b);
	is(enter(k, &k->one, R, &c), STATUS_SUCCESS);
	assert_int_equal(c.got, 0);
	fsa_oplock_written(&b, &k->b);
	said(k, &a);
	is(enter(k, &k->one, R, &d), STATUS_SUCCESS);
	assert_int_equal(d.got, 0);
	told(k, &k->one, R, 0, false);
	nobody_told(k);
	leave(k, &a);
	leave(k, &b);
	leave(k, &c);
	leave(k, &d);
}

struct test_waiter {
	struct fsa_waiter waiter;
	unsigned woken;
};

static void wake(struct fsa_waiter *w)
{
	CONTAINER_OF(w, struct test_waiter, waiter)->woken++;
}

static void test_a_wait_for_a_break_that_has_ended_is_none(void **state)
{
	struct kit *k = *state;
	struct test_waiter w = {.waiter.wake = wake};
	struct fsa_open a, b;

	is(enter(k, &k->one, R | H, &a), STATUS_SUCCESS);
	is(enter(k, &k->two, R | H, &b), STATUS_SUCCESS);
	said(k, &a);
	said(k, &b);
	is(fsa_break(k->f, file_id, &a, FSA_RENAMES, &k->b), STATUS_PENDING);
	told(k, &k->two, R | H, R, true);
	/* Another break goes on; what was waited for has ended before the wait began. */
	is(fsa_break(k->f, file_id, &b, FSA_DELETES, &k->b), STATUS_PENDING);
	told(k, &k->one, R | H, R, true);
	fsa_waiter_init(k->f, file_id, k->b.ended, &w.waiter);
	is(fsa_lease_acknowledge(&k->two, R, &k->b), STATUS_SUCCESS);
	assert_false(fsa_wait(k->f, file_id, &w.waiter));
	is(fsa_break(k->f, file_id, &a, FSA_RENAMES, &k->b), STATUS_SUCCESS);
	is(fsa_break(k->f, file_id, &b, FSA_RENAMES, &k->b), STATUS_PENDING);
	fsa_waiter_init(k->f, file_id, k->b.ended, &w.waiter);
	assert_true(fsa_wait(k->f, file_id, &w.waiter));
	fsa_grant_expire(&k->one);
	assert_int_equal(w.woken, 1);
	assert_int_equal(k->one.state, 0);
	leave(k, &a);
	leave(k, &b);
}

static void test_a_directory_spares_the_one_who_says_its_key(void **state)
{
	struct kit *k = *state;
	struct fsa_enter e = {.id = file_id, .access = FILE_LIST_DIRECTORY, .share = 7, .directory = true, .cache = 7};
	struct fsa_open a = {0}, b = {0};

	assert_int_equal(fsa_directory_leases(k->f), 0);
	e.grant = &k->one;
	is(fsa_open_enter(k->f, &e, &a, &k->b), STATUS_SUCCESS);
	e.grant = &k->two;
	is(fsa_open_enter(k->f, &e, &b, &k->b), STATUS_SUCCESS);
	said(k, &a);
	said(k, &b);
	assert_int_equal(a.got, R | H);
	assert_int_equal(b.got, R | H);
	assert_int_equal(fsa_directory_leases(k->f), 2);
	fsa_directory_changed(k->f, file_id, &k->one.key, &k->b);
	told(k, &k->two, R | H, 0, true);
	nobody_told(k);
	fsa_directory_changed(k->f, file_id, NULL, &k->b);
	told(k, &k->one, R | H, 0, true);
	nobody_told(k);
	leave(k, &a);
	leave(k, &b);
}

/* --- opens that outlive their connection --- */

static void test_who_caches_his_handle_undisturbed_lasts(void **state)
{
	static const struct { uint8_t cache; bool lasts; } cases[] = {{0, false}, {R, false}, {R | W, false}, {R | H, true}, {R | H | W, true}};
	struct kit *k = *state;
	struct fsa_open o, nowhere = {0};

	assert_false(fsa_grant_lasts(&nowhere));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		is(enter(k, &k->one, cases[i].cache, &o), STATUS_SUCCESS);
		said(k, &o);
		assert_int_equal(fsa_grant_lasts(&o), cases[i].lasts);
		assert_int_equal(fsa_grant_resume(&o, NULL), cases[i].lasts);
		leave(k, &o);
		assert_false(fsa_grant_lasts(&o));
		assert_false(fsa_grant_resume(&o, NULL));
	}
	is(enter(k, NULL, 0, &o), STATUS_SUCCESS);
	assert_false(fsa_grant_lasts(&o));
	assert_int_equal(fsa_grant_now(&o).cache, 0);
	leave(k, &o);
	is(enter(k, &k->one, R | H, &o), STATUS_SUCCESS);
	fsa_delete_pending_set(&o, true);
	assert_false(fsa_grant_lasts(&o));
	fsa_delete_pending_set(&o, false);
	leave(k, &o);
}

static void test_a_break_ends_what_would_last(void **state)
{
	struct kit *k = *state;
	struct fsa_open o, other;

	is(enter(k, &k->one, R | H | W, &o), STATUS_SUCCESS);
	said(k, &o);
	is(enter(k, NULL, 0, &other), STATUS_PENDING);
	/* Before and after the holder has been told. */
	assert_false(fsa_grant_lasts(&o));
	told(k, &k->one, R | H | W, R | H, true);
	assert_false(fsa_grant_resume(&o, NULL));
	assert_true(fsa_grant_now(&o).breaking);
	is(fsa_lease_acknowledge(&k->one, R | H, &k->b), STATUS_SUCCESS);
	assert_true(fsa_grant_lasts(&o));
	leave(k, &o);
}

static void test_a_break_waits_until_the_one_who_is_back_knows(void **state)
{
	const uint16_t epoch = 40;
	struct kit *k = *state;
	struct fsa_open o, other;

	is(enter(k, &k->one, R | H | W, &o), STATUS_SUCCESS);
	said(k, &o);
	assert_true(fsa_grant_resume(&o, &epoch));
	assert_int_equal(o.got, R | H | W);
	assert_int_equal(o.got_epoch, 40);
	is(enter(k, NULL, 0, &other), STATUS_PENDING);
	nobody_told(k);
	assert_false(fsa_grant_lasts(&o));
	said(k, &o);
	told(k, &k->one, R | H | W, R | H, true);
	leave(k, &o);
}

int main(void)
{
#define WITH_KIT(t) cmocka_unit_test_setup_teardown(t, kit_setup, kit_teardown)
	const struct CMUnitTest tests[] = {
		WITH_KIT(test_a_break_waits_until_the_grant_is_known),
		WITH_KIT(test_an_upgrade_under_way_holds_a_break_up),
		WITH_KIT(test_one_who_fails_to_open_leaves_the_rest_to_be_told),
		WITH_KIT(test_breaks_before_the_first_is_told),
		WITH_KIT(test_a_wait_for_a_break_that_has_ended_is_none),
		WITH_KIT(test_a_directory_spares_the_one_who_says_its_key),
		WITH_KIT(test_who_caches_his_handle_undisturbed_lasts),
		WITH_KIT(test_a_break_ends_what_would_last),
		WITH_KIT(test_a_break_waits_until_the_one_who_is_back_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

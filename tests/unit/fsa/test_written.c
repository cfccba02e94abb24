/* The write time that is shown: late after the first write, then still, and true again when the handle goes. */
#include "fsa/fsa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { BEFORE = 100, FIRST = 200, SECOND = 300 };

static const struct vfs_id file_id = {.device = 1, .inode = 5}, other_id = {.device = 1, .inode = 6};
static struct fsa *f;
static struct fsa_open a, b;

static void enter(struct fsa_open *o)
{
	const struct fsa_enter e = {.id = file_id, .access = FILE_WRITE_DATA, .share = 7};
	struct fsa_breaks breaks;

	fsa_breaks_init(&breaks);
	*o = (struct fsa_open){0};
	assert_int_equal(fsa_open_enter(f, &e, o, &breaks).code, 0);
}

static int setup(void **state)
{
	(void)state;
	f = fsa_new(NULL);
	enter(&a);
	enter(&b);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_false(fsa_open_leave(f, &a));
	assert_false(fsa_open_leave(f, &b));
	fsa_free(f);
	return 0;
}

static void test_a_write_shows_after_two_seconds_and_then_stands_still(void **state)
{
	(void)state;
	assert_int_equal(fsa_written_shown(f, file_id, BEFORE, 0), BEFORE);
	fsa_written_begin(f, &a, BEFORE, 1000);
	assert_true(a.wrote);
	assert_int_equal(fsa_written_shown(f, file_id, FIRST, 1000), BEFORE);
	assert_int_equal(fsa_written_shown(f, file_id, FIRST, 2999), BEFORE);
	assert_int_equal(fsa_written_shown(f, other_id, FIRST, 2999), FIRST);
	assert_int_equal(fsa_written_leave(&a), 0);
	assert_int_equal(fsa_written_shown(f, file_id, FIRST, 3000), FIRST);
	assert_int_equal(fsa_written_shown(f, file_id, SECOND, 9000), FIRST);
	assert_int_equal(fsa_written_leave(&a), FIRST);
	/* Who wrote nothing has nothing to show. */
	assert_int_equal(fsa_written_leave(&b), 0);
}

static void test_the_writer_that_leaves_ends_it(void **state)
{
	(void)state;
	fsa_written_begin(f, &a, BEFORE, 1000);
	assert_false(fsa_open_leave(f, &b));
	assert_int_equal(fsa_written_shown(f, file_id, FIRST, 1000), BEFORE);
	enter(&b);
	assert_false(fsa_open_leave(f, &a));
	assert_int_equal(fsa_written_shown(f, file_id, FIRST, 1000), FIRST);
	enter(&a);
}

static void test_ending_it_lets_every_writer_begin_anew(void **state)
{
	(void)state;
	fsa_written_begin(f, &a, BEFORE, 1000);
	fsa_written_begin(f, &b, FIRST, 1500);
	/* The second did not begin it again. */
	assert_int_equal(fsa_written_shown(f, file_id, SECOND, 2999), BEFORE);
	fsa_written_end(f, &b);
	assert_false(a.wrote || b.wrote);
	assert_int_equal(fsa_written_shown(f, file_id, SECOND, 1500), SECOND);
	fsa_written_begin(f, &b, SECOND, 5000);
	assert_int_equal(fsa_written_shown(f, file_id, SECOND + 1, 5000), SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_write_shows_after_two_seconds_and_then_stands_still, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_writer_that_leaves_ends_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ending_it_lets_every_writer_begin_anew, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

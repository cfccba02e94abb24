/* Share modes against a model that is nothing but the text of [MS-FSA] 2.1.5.1.2.2, and deletion. */
#include "fsa/fsa.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct vfs_id file_a = {.device = 1, .inode = 100}, file_b = {.device = 1, .inode = 101};

static ntstatus enter(struct fsa *f, struct vfs_id id, uint32_t access, uint32_t share, bool delete_on_close, struct fsa_open *o)
{
	const struct fsa_enter e = {.id = id, .access = access, .share = share, .delete_on_close = delete_on_close};
	struct fsa_breaks b;
	ntstatus status;

	fsa_breaks_init(&b);
	*o = (struct fsa_open){0};
	status = fsa_open_enter(f, &e, o, &b);
	assert_true(list_empty(&b.grants));
	return status;
}

static void assert_status(ntstatus got, ntstatus want)
{
	if (got.code != want.code)
		print_error("%s, not %s\n", hythe_status_name(got), hythe_status_name(want));
	assert_int_equal(got.code, want.code);
}

/* One sentence of the text a line: an open conflicts with one that is there if it wants what that does not share, or does
 * not share what that has; opens without data, delete and execute rights do not count. */
static bool model_excludes(uint32_t access, uint32_t share_of_other)
{
	if ((access & (FILE_READ_DATA | FILE_EXECUTE)) && !(share_of_other & FILE_SHARE_READ))
		return true;
	if ((access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) && !(share_of_other & FILE_SHARE_WRITE))
		return true;
	return (access & ACCESS_DELETE) && !(share_of_other & FILE_SHARE_DELETE);
}

static bool model_counts(uint32_t access)
{
	return (access & (FILE_READ_DATA | FILE_EXECUTE | FILE_WRITE_DATA | FILE_APPEND_DATA | ACCESS_DELETE)) != 0;
}

static bool model_conflict(uint32_t a, uint32_t share_a, uint32_t b, uint32_t share_b)
{
	return model_counts(a) && model_counts(b) && (model_excludes(a, share_b) || model_excludes(b, share_a));
}

/* Every pair of six rights' subsets and all share modes: 64 * 8 * 64 * 8 cases. */
static void test_share_matrix_is_that_of_the_text(void **state)
{
	static const uint32_t rights[] = {
		FILE_READ_DATA, FILE_WRITE_DATA, FILE_APPEND_DATA, FILE_EXECUTE, ACCESS_DELETE, FILE_READ_ATTRIBUTES,
	};

	(void)state;
	for (uint32_t i = 0; i < 64 * 8 * 64 * 8; i++) {
		uint32_t share_a = i & 7, share_b = i >> 3 & 7, a = 0, b = 0;

		for (uint32_t k = 0; k < ARRAY_LEN(rights); k++) {
			a |= i >> (6 + k) & 1 ? rights[k] : 0;
			b |= i >> (12 + k) & 1 ? rights[k] : 0;
		}
		assert_int_equal(fsa_share_conflict(a, share_a, b, share_b), model_conflict(a, share_a, b, share_b));
	}
}

enum { LIVE = 6, STEPS = 20000 };

/* Random opens and closes of one file: an open is let in exactly when the model finds no conflict with any that is there. */
static void test_opens_are_let_in_as_the_model_says(void **state)
{
	static const uint32_t masks[] = {ACCESS_FILE_READ, ACCESS_FILE_WRITE, ACCESS_DELETE, FILE_READ_ATTRIBUTES, FILE_EXECUTE, ACCESS_FILE_ALL};
	struct fsa *f = fsa_new(NULL);
	struct fsa_open opens[LIVE];
	bool live[LIVE] = {false};
	unsigned seed = 7;

	(void)state;
	for (int step = 0; step < STEPS; step++) {
		size_t i = (size_t)rand_r(&seed) % LIVE;
		uint32_t access = masks[(size_t)rand_r(&seed) % ARRAY_LEN(masks)], share = (uint32_t)rand_r(&seed) & 7;
		bool conflict = false;

		if (live[i]) {
			assert_false(fsa_open_leave(f, &opens[i]));
			live[i] = false;
			continue;
		}
		for (size_t k = 0; k < LIVE; k++)
			conflict = conflict || (live[k] && model_conflict(access, share, opens[k].access, opens[k].share));
		assert_status(enter(f, file_a, access, share, false, &opens[i]), conflict ? STATUS_SHARING_VIOLATION : STATUS_SUCCESS);
		live[i] = !conflict;
	}
	for (size_t k = 0; k < LIVE; k++)
		assert_true(!live[k] || !fsa_open_leave(f, &opens[k]));
	assert_int_equal(fsa_open_count(f, file_a), 0);
	fsa_free(f);
}

static void test_files_do_not_conflict_with_each_other(void **state)
{
	struct fsa *f = fsa_new(NULL);
	struct fsa_open a, b, c;

	(void)state;
	assert_status(enter(f, file_a, ACCESS_FILE_ALL, 0, false, &a), STATUS_SUCCESS);
	assert_status(enter(f, file_b, ACCESS_FILE_ALL, 0, false, &b), STATUS_SUCCESS);
	assert_status(enter(f, file_a, FILE_READ_DATA, 7, false, &c), STATUS_SHARING_VIOLATION);
	assert_false(fsa_open_leave(f, &a));
	assert_status(enter(f, file_a, FILE_READ_DATA, 7, false, &c), STATUS_SUCCESS);
	assert_false(fsa_open_leave(f, &b));
	assert_false(fsa_open_leave(f, &c));
	fsa_free(f);
}

/* Overwriting needs rights that the open does not keep. */
static void test_narrowed_open_conflicts_with_less(void **state)
{
	struct fsa *f = fsa_new(NULL);
	struct fsa_open a, b;

	(void)state;
	assert_status(enter(f, file_a, FILE_READ_DATA | FILE_WRITE_DATA, 7, false, &a), STATUS_SUCCESS);
	assert_status(enter(f, file_a, FILE_READ_DATA, FILE_SHARE_READ, false, &b), STATUS_SHARING_VIOLATION);
	fsa_open_narrow(&a, FILE_READ_DATA);
	assert_status(enter(f, file_a, FILE_READ_DATA, FILE_SHARE_READ, false, &b), STATUS_SUCCESS);
	assert_false(fsa_open_leave(f, &a));
	assert_false(fsa_open_leave(f, &b));
	fsa_free(f);
}

/* Backs: B316. */
static void test_delete_on_close_deletes_with_the_last_close(void **state)
{
	struct fsa *f = fsa_new(NULL);
	struct fsa_open a, b, c;

	(void)state;
	assert_status(enter(f, file_a, ACCESS_DELETE, 7, true, &a), STATUS_SUCCESS);
	assert_status(enter(f, file_a, FILE_READ_DATA, 7, false, &b), STATUS_SUCCESS);
	assert_false(fsa_delete_pending(&b));
	assert_false(fsa_open_leave(f, &a));
	/* The first close made it pending: nobody new comes in, the last one out deletes. */
	assert_true(fsa_delete_pending(&b));
	assert_status(enter(f, file_a, FILE_READ_DATA, 7, false, &c), STATUS_DELETE_PENDING);
	assert_true(fsa_open_leave(f, &b));
	assert_status(enter(f, file_a, FILE_READ_DATA, 7, false, &c), STATUS_DELETE_PENDING);
	fsa_removed(f, &b);
	assert_int_equal(fsa_removals(f), 1);
	/* The number may be another file's by now. */
	assert_status(enter(f, file_a, FILE_READ_DATA, 7, false, &c), STATUS_SUCCESS);
	assert_false(fsa_open_leave(f, &c));
	fsa_free(f);
}

static void test_disposition_can_be_taken_back(void **state)
{
	struct fsa *f = fsa_new(NULL);
	struct fsa_open a, b;

	(void)state;
	assert_status(enter(f, file_a, ACCESS_DELETE, 7, false, &a), STATUS_SUCCESS);
	fsa_delete_pending_set(&a, true);
	assert_true(fsa_id_delete_pending(f, file_a));
	assert_status(enter(f, file_a, FILE_READ_DATA, 7, false, &b), STATUS_DELETE_PENDING);
	fsa_delete_pending_set(&a, false);
	assert_false(fsa_id_delete_pending(f, file_a));
	assert_status(enter(f, file_a, FILE_READ_DATA, 7, false, &b), STATUS_SUCCESS);
	assert_false(fsa_open_leave(f, &a));
	assert_false(fsa_open_leave(f, &b));
	fsa_free(f);
}

/* The name goes with the handle that asked, the others keep the file. */
static void test_posix_deletion_does_not_wait_for_others(void **state)
{
	struct fsa *f = fsa_new(NULL);
	struct fsa_open a, b;

	(void)state;
	assert_status(enter(f, file_a, ACCESS_DELETE, 7, false, &a), STATUS_SUCCESS);
	assert_status(enter(f, file_a, FILE_READ_DATA, 7, false, &b), STATUS_SUCCESS);
	fsa_posix_delete_set(&a);
	assert_true(fsa_open_leave(f, &a));
	fsa_removed(f, &a);
	assert_false(fsa_open_leave(f, &b));
	fsa_free(f);
}

static void test_handle_that_left_has_no_say(void **state)
{
	struct fsa *f = fsa_new(NULL);
	struct fsa_open a;

	(void)state;
	assert_status(enter(f, file_a, ACCESS_DELETE, 7, false, &a), STATUS_SUCCESS);
	assert_false(fsa_open_leave(f, &a));
	assert_false(fsa_open_leave(f, &a));
	fsa_delete_pending_set(&a, true);
	assert_false(fsa_delete_pending(&a));
	assert_false(fsa_id_delete_pending(f, file_a));
	fsa_free(f);
}

static void test_replacing_and_renaming_ask_who_has_it_open(void **state)
{
	struct fsa *f = fsa_new(NULL);
	struct fsa_open a, b;

	(void)state;
	assert_status(fsa_may_replace(f, file_a), STATUS_SUCCESS);
	assert_status(enter(f, file_a, ACCESS_DELETE, 7, false, &a), STATUS_SUCCESS);
	assert_status(fsa_may_rename(f, file_a, &a), STATUS_SUCCESS);
	assert_status(fsa_may_replace(f, file_a), STATUS_ACCESS_DENIED);
	assert_status(enter(f, file_a, FILE_READ_ATTRIBUTES, 0, false, &b), STATUS_SUCCESS);
	assert_status(fsa_may_rename(f, file_a, &a), STATUS_SUCCESS);
	assert_false(fsa_open_leave(f, &b));
	assert_false(fsa_open_leave(f, &a));
	assert_status(enter(f, file_a, FILE_READ_DATA, FILE_SHARE_READ, false, &a), STATUS_SUCCESS);
	assert_status(fsa_may_rename(f, file_a, NULL), STATUS_SHARING_VIOLATION);
	assert_false(fsa_open_leave(f, &a));
	fsa_free(f);
}

/* Backs: A020. */
static void test_generic_rights_stand_for_those_of_the_text(void **state)
{
	(void)state;
	assert_int_equal(fsa_access_map_generic(ACCESS_GENERIC_READ), ACCESS_FILE_READ);
	assert_int_equal(fsa_access_map_generic(ACCESS_GENERIC_WRITE), ACCESS_FILE_WRITE);
	assert_int_equal(fsa_access_map_generic(ACCESS_GENERIC_EXECUTE), ACCESS_FILE_EXECUTE);
	assert_int_equal(fsa_access_map_generic(ACCESS_GENERIC_ALL), ACCESS_FILE_ALL);
	assert_int_equal(fsa_access_map_generic(ACCESS_DELETE | FILE_READ_EA), ACCESS_DELETE | FILE_READ_EA);
}

static void test_modes_and_readonly_bound_the_rights(void **state)
{
	struct vfs_stat st = {.mode = 0640, .uid = 10, .gid = 20, .attributes = FILE_ATTRIBUTE_NORMAL};

	(void)state;
	assert_int_equal(fsa_access_of_stat(&st, 0, 0), ACCESS_FILE_ALL);
	assert_true(fsa_access_of_stat(&st, 10, 1) & FILE_WRITE_DATA);
	assert_true(fsa_access_of_stat(&st, 10, 1) & ACCESS_WRITE_DAC);
	assert_true(fsa_access_of_stat(&st, 11, 20) & FILE_READ_DATA);
	assert_false(fsa_access_of_stat(&st, 11, 20) & (FILE_WRITE_DATA | ACCESS_WRITE_DAC));
	assert_false(fsa_access_of_stat(&st, 11, 21) & (FILE_READ_DATA | FILE_WRITE_DATA));
	st.attributes = FILE_ATTRIBUTE_READONLY;
	assert_false(fsa_access_of_stat(&st, 0, 0) & (FILE_WRITE_DATA | FILE_APPEND_DATA));
	st.directory = true;
	assert_true(fsa_access_of_stat(&st, 0, 0) & FILE_ADD_FILE);
}

enum { THREADS = 4, ROUNDS = 20000 };

struct racer {
	struct fsa *f;
	_Atomic int *inside;
	unsigned seed;
	unsigned won;
};

static void *race(void *arg)
{
	struct racer *r = arg;

	for (int i = 0; i < ROUNDS; i++) {
		struct vfs_id id = {.device = 1, .inode = (uint64_t)rand_r(&r->seed) % 8};
		struct fsa_open o;

		if (!nt_ok(enter(r->f, id, ACCESS_FILE_ALL, 0, false, &o)))
			continue;
		/* Alone in there, or the share modes are none. */
		if (r->inside[id.inode]++ != 0)
			abort();
		r->won++;
		r->inside[id.inode]--;
		if (fsa_open_leave(r->f, &o))
			abort();
	}
	return NULL;
}

static void test_exclusive_opens_exclude_each_other_between_threads(void **state)
{
	struct fsa *f = fsa_new(NULL);
	_Atomic int inside[8] = {0};
	struct racer racers[THREADS];
	pthread_t threads[THREADS];

	(void)state;
	for (unsigned i = 0; i < THREADS; i++) {
		racers[i] = (struct racer){.f = f, .inside = inside, .seed = i + 1};
		assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_true(racers[i].won > 0);
	}
	fsa_free(f);
}

static const struct vfs_id stream_1 = {.device = 1, .inode = 100, .stream = 1}, stream_2 = {.device = 1, .inode = 100, .stream = 2};

enum { SHARE_ALL = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE };

static void test_streams_have_share_modes_of_their_own(void **state)
{
	struct fsa *f = fsa_new(NULL);
	struct fsa_open file, one, two, again;

	(void)state;
	assert_status(enter(f, file_a, FILE_WRITE_DATA, 0, false, &file), STATUS_SUCCESS);
	assert_status(enter(f, stream_1, FILE_WRITE_DATA, 0, false, &one), STATUS_SUCCESS);
	assert_status(enter(f, stream_2, FILE_WRITE_DATA, 0, false, &two), STATUS_SUCCESS);
	assert_status(enter(f, stream_1, FILE_READ_DATA, SHARE_ALL, false, &again), STATUS_SHARING_VIOLATION);
	assert_int_equal(fsa_open_count(f, file_a), 1);
	assert_status(fsa_no_streams_open(f, file_a), STATUS_ACCESS_DENIED);
	assert_false(fsa_open_leave(f, &file));
	/* The file is still not to be replaced. */
	assert_status(fsa_may_replace(f, file_a), STATUS_ACCESS_DENIED);
	assert_false(fsa_open_leave(f, &one));
	assert_false(fsa_open_leave(f, &two));
	assert_status(fsa_may_replace(f, file_a), STATUS_SUCCESS);
	fsa_free(f);
}

static void test_who_forbids_deleting_a_stream_forbids_deleting_its_file(void **state)
{
	struct fsa *f = fsa_new(NULL);
	struct fsa_open file, one, two;

	(void)state;
	assert_status(enter(f, stream_1, FILE_READ_DATA, FILE_SHARE_READ, false, &one), STATUS_SUCCESS);
	assert_status(enter(f, file_a, ACCESS_DELETE, SHARE_ALL, false, &file), STATUS_SHARING_VIOLATION);
	assert_status(enter(f, file_a, FILE_READ_DATA, SHARE_ALL, false, &file), STATUS_SUCCESS);
	assert_false(fsa_open_leave(f, &file));
	assert_status(enter(f, stream_2, ACCESS_DELETE, SHARE_ALL, false, &two), STATUS_SUCCESS);
	assert_false(fsa_open_leave(f, &one));
	assert_status(enter(f, file_a, ACCESS_DELETE, SHARE_ALL, false, &file), STATUS_SUCCESS);
	assert_status(enter(f, stream_1, FILE_READ_DATA, FILE_SHARE_READ, false, &one), STATUS_SHARING_VIOLATION);
	/* Who asks for none of the rights that sharing is about is in nobody's way. */
	assert_status(enter(f, stream_1, FILE_READ_ATTRIBUTES, 0, false, &one), STATUS_SUCCESS);
	assert_false(fsa_open_leave(f, &one));
	assert_false(fsa_open_leave(f, &two));
	assert_false(fsa_open_leave(f, &file));
	fsa_free(f);
}

static void test_a_file_goes_with_the_last_of_its_streams(void **state)
{
	struct fsa *f = fsa_new(NULL);
	struct fsa_open file, one, two, late;

	(void)state;
	assert_status(enter(f, stream_1, FILE_READ_DATA, SHARE_ALL, false, &one), STATUS_SUCCESS);
	assert_status(enter(f, stream_2, FILE_READ_DATA, SHARE_ALL, true, &two), STATUS_SUCCESS);
	assert_status(enter(f, file_a, ACCESS_DELETE, SHARE_ALL, true, &file), STATUS_SUCCESS);
	assert_false(fsa_open_leave(f, &file));
	assert_status(enter(f, file_a, FILE_READ_DATA, SHARE_ALL, false, &late), STATUS_DELETE_PENDING);
	assert_status(enter(f, stream_1, FILE_READ_DATA, SHARE_ALL, false, &late), STATUS_DELETE_PENDING);
	/* The stream's own removal comes first. */
	assert_true(fsa_open_leave(f, &two));
	assert_false(two.removes_file);
	fsa_removed(f, &two);
	assert_true(fsa_open_leave(f, &one));
	assert_true(one.removes_file);
	assert_status(enter(f, file_a, FILE_READ_DATA, SHARE_ALL, false, &late), STATUS_DELETE_PENDING);
	fsa_removed(f, &one);
	assert_status(enter(f, file_a, FILE_READ_DATA, SHARE_ALL, false, &late), STATUS_SUCCESS);
	assert_false(fsa_open_leave(f, &late));
	fsa_free(f);
}

static void test_a_stream_is_deleted_alone(void **state)
{
	struct fsa *f = fsa_new(NULL);
	struct fsa_open file, one, late;

	(void)state;
	assert_status(enter(f, file_a, FILE_READ_DATA, SHARE_ALL, false, &file), STATUS_SUCCESS);
	assert_status(enter(f, stream_1, ACCESS_DELETE, SHARE_ALL, false, &one), STATUS_SUCCESS);
	fsa_delete_pending_set(&one, true);
	assert_false(fsa_delete_pending(&file));
	assert_status(enter(f, stream_1, FILE_READ_DATA, SHARE_ALL, false, &late), STATUS_DELETE_PENDING);
	assert_true(fsa_open_leave(f, &one));
	assert_false(one.removes_file);
	fsa_removed(f, &one);
	assert_false(fsa_open_leave(f, &file));
	fsa_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_share_matrix_is_that_of_the_text),
		cmocka_unit_test(test_opens_are_let_in_as_the_model_says),
		cmocka_unit_test(test_files_do_not_conflict_with_each_other),
		cmocka_unit_test(test_narrowed_open_conflicts_with_less),
		cmocka_unit_test(test_delete_on_close_deletes_with_the_last_close),
		cmocka_unit_test(test_disposition_can_be_taken_back),
		cmocka_unit_test(test_posix_deletion_does_not_wait_for_others),
		cmocka_unit_test(test_handle_that_left_has_no_say),
		cmocka_unit_test(test_replacing_and_renaming_ask_who_has_it_open),
		cmocka_unit_test(test_generic_rights_stand_for_those_of_the_text),
		cmocka_unit_test(test_modes_and_readonly_bound_the_rights),
		cmocka_unit_test(test_streams_have_share_modes_of_their_own),
		cmocka_unit_test(test_who_forbids_deleting_a_stream_forbids_deleting_its_file),
		cmocka_unit_test(test_a_file_goes_with_the_last_of_its_streams),
		cmocka_unit_test(test_a_stream_is_deleted_alone),
		cmocka_unit_test(test_exclusive_opens_exclude_each_other_between_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The client in SMB1 against the server: what only two connections show, byte-range locks. [MS-CIFS] 2.2.4.32. */
#include "sim.h"

#include <string.h>

enum { ALL = 0x1F01FF, USERS = 2 };

static struct sim sim;
static struct hythe_session *session[USERS];
static struct hythe_tree *tree[USERS];
static struct hythe_file *file[USERS];

static void open_file(unsigned i)
{
	struct hythe_open_params p;

	hythe_open_params_init(&p, "file", ALL);
	p.disposition = HYTHE_OPEN_IF;
	assert_status(hythe_open(tree[i], &p, &file[i], NULL), STATUS_SUCCESS);
}

/* Two connections, each of which has the file open; it has 100 bytes. */
static void start(bool signing_optional)
{
	struct sim_options o = {.smb1 = true};
	uint8_t bytes[100];
	size_t n;

	sim_start(&sim, &o);
	sim.connect.min_dialect = sim.connect.max_dialect = HYTHE_DIALECT_NT1;
	sim.connect.signing_optional = signing_optional;
	for (unsigned i = 0; i < USERS; i++) {
		assert_status(sim_connect(&sim, "share", &session[i], &tree[i]), STATUS_SUCCESS);
		open_file(i);
	}
	memset(bytes, 'x', sizeof(bytes));
	assert_status(hythe_write(file[0], 0, bytes, sizeof(bytes), &n), STATUS_SUCCESS);
}

static void stop(void)
{
	for (unsigned i = 0; i < USERS; i++) {
		assert_status(hythe_close(file[i], NULL), STATUS_SUCCESS);
		hythe_tree_free(tree[i]);
		hythe_session_free(session[i]);
	}
	sim_stop(&sim);
}

static ntstatus lock(unsigned i, uint64_t offset, uint64_t length, bool exclusive)
{
	struct hythe_range r = {.offset = offset, .length = length, .exclusive = exclusive};

	return hythe_lock(file[i], &r, 1, false);
}

static ntstatus unlock(unsigned i, uint64_t offset, uint64_t length)
{
	struct hythe_range r = {.offset = offset, .length = length};

	return hythe_unlock(file[i], &r, 1);
}

static ntstatus read_at(unsigned i, uint64_t offset)
{
	uint8_t byte;
	size_t n;

	return hythe_read(file[i], offset, &byte, 1, &n);
}

static ntstatus write_at(unsigned i, uint64_t offset)
{
	size_t n;

	return hythe_write(file[i], offset, "y", 1, &n);
}

static void test_a_lock_keeps_others_away(void **state)
{
	(void)state;
	for (unsigned unsigned_too = 0; unsigned_too < 2; unsigned_too++) {
		struct hythe_range several[] = {{.offset = 90, .length = 1, .exclusive = true}, {.offset = 5, .length = 1, .exclusive = true}};

		start(unsigned_too != 0);
		assert_status(lock(0, 0, 10, true), STATUS_SUCCESS);
		assert_status(lock(1, 9, 10, true), STATUS_LOCK_NOT_GRANTED);
		assert_status(lock(1, 0, 1, false), STATUS_LOCK_NOT_GRANTED);
		assert_status(read_at(1, 9), STATUS_FILE_LOCK_CONFLICT);
		assert_status(write_at(1, 0), STATUS_FILE_LOCK_CONFLICT);
		assert_status(read_at(1, 10), STATUS_SUCCESS);
		assert_status(write_at(1, 10), STATUS_SUCCESS);
		assert_status(read_at(0, 0), STATUS_SUCCESS);
		assert_status(write_at(0, 9), STATUS_SUCCESS);
		/* All of them or none. */
		assert_status(hythe_lock(file[1], several, 2, false), STATUS_LOCK_NOT_GRANTED);
		assert_status(lock(0, 90, 1, true), STATUS_SUCCESS);
		/* What is unlocked is what was locked, by who locked it. */
		assert_status(unlock(0, 0, 9), STATUS_RANGE_NOT_LOCKED);
		assert_status(unlock(1, 0, 10), STATUS_RANGE_NOT_LOCKED);
		assert_status(unlock(0, 0, 10), STATUS_SUCCESS);
		assert_status(unlock(0, 0, 10), STATUS_RANGE_NOT_LOCKED);
		assert_status(read_at(1, 9), STATUS_SUCCESS);
		assert_status(lock(1, 9, 10, true), STATUS_SUCCESS);
		assert_status(write_at(0, 9), STATUS_FILE_LOCK_CONFLICT);
		stop();
	}
}

static void test_shared_locks_and_large_offsets(void **state)
{
	const uint64_t far = (uint64_t)5 << 32;

	(void)state;
	start(false);
	assert_status(lock(0, 0, 10, false), STATUS_SUCCESS);
	assert_status(lock(1, 5, 10, false), STATUS_SUCCESS);
	assert_status(lock(1, 0, 1, true), STATUS_LOCK_NOT_GRANTED);
	assert_status(read_at(1, 0), STATUS_SUCCESS);
	assert_status(write_at(1, 0), STATUS_FILE_LOCK_CONFLICT);
	assert_status(write_at(0, 0), STATUS_FILE_LOCK_CONFLICT);
	assert_status(unlock(0, 0, 10), STATUS_SUCCESS);
	assert_status(write_at(1, 0), STATUS_SUCCESS);
	assert_status(lock(0, far, 1, true), STATUS_SUCCESS);
	assert_status(lock(1, far, 1, true), STATUS_LOCK_NOT_GRANTED);
	assert_status(lock(1, far, 1, true), STATUS_LOCK_NOT_GRANTED);
	assert_status(lock(1, far + 1, 1, true), STATUS_SUCCESS);
	/* They go with the handle. */
	assert_status(hythe_close(file[0], NULL), STATUS_SUCCESS);
	assert_status(lock(1, far, 1, true), STATUS_SUCCESS);
	open_file(0);
	stop();
}

/* --- waiting --- */

static void on_done(void *arg, ntstatus status, const struct hythe_result *result)
{
	(void)result;
	*(ntstatus *)arg = status;
}

static void wait_for(unsigned i, ntstatus *status)
{
	static const struct hythe_range r = {.offset = 0, .length = 10, .exclusive = true};

	*status = STATUS_PENDING;
	assert_status(hythe_lock_async(file[i], &r, 1, true, on_done, status), STATUS_SUCCESS);
	/* It is the server that waits, so time means nothing to it. */
	sim_run(&sim, 20000);
	assert_status(*status, STATUS_PENDING);
}

static void test_a_lock_that_is_waited_for(void **state)
{
	ntstatus status;

	(void)state;
	start(false);
	assert_status(lock(0, 0, 10, true), STATUS_SUCCESS);
	wait_for(1, &status);
	assert_status(unlock(0, 0, 10), STATUS_SUCCESS);
	sim_run(&sim, 100);
	assert_status(status, STATUS_SUCCESS);
	assert_status(lock(0, 9, 1, true), STATUS_LOCK_NOT_GRANTED);
	/* Who holds it goes. */
	wait_for(0, &status);
	assert_status(hythe_close(file[1], NULL), STATUS_SUCCESS);
	sim_run(&sim, 100);
	assert_status(status, STATUS_SUCCESS);
	open_file(1);
	/* It is not waited for any more. */
	wait_for(1, &status);
	assert_int_equal(hythe_cancel(session[1], &status), 1);
	sim_run(&sim, 100);
	assert_status(status, STATUS_CANCELLED);
	assert_status(unlock(0, 0, 10), STATUS_SUCCESS);
	assert_status(lock(0, 0, 10, true), STATUS_SUCCESS);
	/* Who waits goes, as in SMB2. */
	wait_for(1, &status);
	assert_status(hythe_close(file[1], NULL), STATUS_SUCCESS);
	assert_status(status, STATUS_RANGE_NOT_LOCKED);
	open_file(1);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_lock_keeps_others_away),
		cmocka_unit_test(test_shared_locks_and_large_offsets),
		cmocka_unit_test(test_a_lock_that_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

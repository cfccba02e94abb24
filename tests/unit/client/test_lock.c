/* Locks: what goes out, and what comes of the answers ([MS-SMB2] 3.2.4.19, 3.2.4.21, 3.2.5.13). */
#include "fake.h"

static struct fake f;
static struct hythe_session *s;
static struct hythe_tree *t;
static struct hythe_file *file;
static ntstatus verdict;
static bool silent;

/* The server's: answers LOCK with the verdict, after an interim response if it is to be waited for. */
static bool answer_locks(struct fake *fake, const struct fake_seen *r)
{
	static uint64_t async_id;
	struct smb2_empty empty = {0};

	if (r->h.command == SMB2_CANCEL) {
		fake_reply_as(fake, fake_nth(fake, SMB2_LOCK, fake_count(fake, SMB2_LOCK) - 1), STATUS_CANCELLED,
			SMB2_FLAGS_SERVER_TO_REDIR | SMB2_FLAGS_ASYNC_COMMAND, async_id, NULL, NULL, 0);
		return true;
	}
	if (r->h.command != SMB2_LOCK)
		return false;
	if (silent) {
		async_id = 77;
		fake_reply_as(fake, r, STATUS_PENDING, SMB2_FLAGS_SERVER_TO_REDIR | SMB2_FLAGS_ASYNC_COMMAND, async_id, NULL, NULL, 0);
		return true;
	}
	fake_reply(fake, r, verdict, nt_ok(verdict) ? &empty : NULL, NULL, 0);
	return true;
}

static int setup(void **state)
{
	(void)state;
	fake_start(&f);
	f.hook = answer_locks;
	verdict = STATUS_SUCCESS;
	silent = false;
	s = fake_login(&f);
	t = fake_tree(&f, s);
	file = fake_open(t);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_leave(&f, file, t, s);
	return 0;
}

static void sent(size_t nth, struct smb2_lock_req *req)
{
	fake_decode(&f, fake_nth(&f, SMB2_LOCK, nth), req);
	assert_int_equal(req->lock_sequence, 0);
	assert_true(req->file_id.persistent == FAKE_FILE_ID.persistent && req->file_id.volatile_id == FAKE_FILE_ID.volatile_id);
}

/* Backs: C112. */
static void test_ranges_and_flags(void **state)
{
	(void)state;
	const struct hythe_range two[] = {{5, 7, true}, {UINT64_MAX, 0, false}};
	struct smb2_lock_req req;

	assert_ok(hythe_lock(file, two, 2, false));
	sent(0, &req);
	assert_int_equal(req.lock_count, 2);
	assert_true(req.locks[0].offset == 5 && req.locks[0].length == 7 && req.locks[0].flags == 0x12);
	assert_true(req.locks[1].offset == UINT64_MAX && req.locks[1].length == 0 && req.locks[1].flags == 0x11);
	assert_ok(hythe_lock(file, two, 1, true));
	sent(1, &req);
	assert_int_equal(req.locks[0].flags, 2);
	assert_ok(hythe_unlock(file, two, 2));
	sent(2, &req);
	assert_true(req.locks[0].flags == 4 && req.locks[1].flags == 4);
}

static void test_what_is_refused_before_it_is_sent(void **state)
{
	(void)state;
	static const struct hythe_range many[2049];

	assert_status(hythe_lock(file, many, 0, false), STATUS_INVALID_PARAMETER);
	assert_status(hythe_lock(file, many, 2, true), STATUS_INVALID_PARAMETER);
	assert_status(hythe_lock(file, many, 2049, false), STATUS_INVALID_PARAMETER);
	assert_status(hythe_unlock(file, many, 0), STATUS_INVALID_PARAMETER);
	assert_int_equal(fake_count(&f, SMB2_LOCK), 0);
	assert_ok(hythe_lock(file, many, 2048, false));
	assert_ok(hythe_unlock(file, many, 2048));
}

static void test_the_servers_verdict_is_the_callers(void **state)
{
	(void)state;
	const struct hythe_range range = {0, 1, true};

	verdict = STATUS_LOCK_NOT_GRANTED;
	assert_status(hythe_lock(file, &range, 1, false), verdict);
	verdict = STATUS_RANGE_NOT_LOCKED;
	assert_status(hythe_unlock(file, &range, 1), verdict);
}

static void note(void *arg, ntstatus status, const struct hythe_result *result)
{
	(void)result;
	*(ntstatus *)arg = status;
}

static void test_a_lock_is_waited_for_longer_than_a_request_and_cancelled(void **state)
{
	(void)state;
	const struct hythe_range range = {0, 1, true};
	ntstatus got = STATUS_PENDING;

	silent = true;
	assert_ok(hythe_lock_async(file, &range, 1, true, note, &got));
	fake_run(&f, 600000);
	assert_status(got, STATUS_PENDING);
	assert_int_equal(hythe_cancel(s, &got), 1);
	fake_run(&f, 100);
	assert_status(got, STATUS_CANCELLED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ranges_and_flags, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_refused_before_it_is_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_servers_verdict_is_the_callers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_lock_is_waited_for_longer_than_a_request_and_cancelled, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

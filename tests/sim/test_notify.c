/* CHANGE_NOTIFY and what it has to do with other requests ([MS-SMB2] 3.3.5.19), message by message. */
#include "sim.h"

#include "fsa/fsa.h"
#include "server/local.h"
#include "server/notify.h"
#include "wire/fscc.h"

enum { ALL = 0x1F01FF, OPEN = 1, CREATE = 2, OPEN_IF = 3, DIRECTORY_FILE = 1, WATCH_TREE = 1, NAMES = 3 };

static struct {
	struct sim sim;
	struct raw raw;
	struct smb2_file_id watched;
	uint64_t id;
} fx;

static void start(void)
{
	sim_start(&fx.sim, NULL);
	raw_ready(&fx.raw, &fx.sim, 0x0302);
	assert_status(raw_open(&fx.raw, "dir", ALL, OPEN_IF, DIRECTORY_FILE), STATUS_SUCCESS);
	fx.watched = fx.raw.file_id;
}

static void stop(void)
{
	raw_close(&fx.raw);
	sim_stop(&fx.sim);
}

static struct smb2_change_notify_req watch(uint16_t flags, uint32_t filter, uint32_t room)
{
	return (struct smb2_change_notify_req){
		.flags = flags, .output_buffer_length = room, .file_id = fx.watched, .completion_filter = filter,
	};
}

static void post(const struct smb2_change_notify_req *req)
{
	uint8_t frame[256];

	fx.id = fx.raw.next_id;
	raw_send(&fx.raw, frame, raw_encode(&fx.raw, frame, sizeof(frame), SMB2_CHANGE_NOTIFY, req));
}

static void post_and_wait(const struct smb2_change_notify_req *req)
{
	post(req);
	assert_int_equal(load_le32(raw_receive(&fx.raw).data + 8), STATUS_PENDING.code);
}

/* One request whose answer is looked for among those of CHANGE_NOTIFY, which go into *notify. */
static ntstatus call(uint16_t command, const void *req, void *rsp, struct slice *notify)
{
	const struct smb2_message *m = smb2_message_of(command);
	uint8_t frame[512];
	ntstatus status = STATUS_PENDING;
	struct slice f;

	raw_send(&fx.raw, frame, raw_encode(&fx.raw, frame, sizeof(frame), command, req));
	sim_run(&fx.sim, 10);
	while (fx.raw.queued > 0) {
		f = raw_receive(&fx.raw);
		if (load_le16(f.data + 12) == SMB2_CHANGE_NOTIFY) {
			*notify = f;
			continue;
		}
		status = (ntstatus){load_le32(f.data + 8)};
		if (rsp && nt_ok(status)) {
			struct wire w = wire_decoder(f.data, SMB2_HEADER_SIZE, f.len, &fx.raw.arena);

			m->rsp_code(&w, rsp);
		}
	}
	return status;
}

static struct slice make(const char *name, uint32_t options)
{
	struct smb2_create_req req = {
		.impersonation_level = 2, .desired_access = ALL, .share_access = 7, .create_disposition = CREATE,
		.create_options = options, .name = raw_wide(&fx.raw, name),
	};
	struct smb2_create_rsp rsp = {0};
	struct smb2_close_req close = {0};
	struct slice notify = {0}, ignored = {0};

	assert_status(call(SMB2_CREATE, &req, &rsp, &notify), STATUS_SUCCESS);
	close.file_id = rsp.file_id;
	assert_status(call(SMB2_CLOSE, &close, NULL, notify.len ? &ignored : &notify), STATUS_SUCCESS);
	return notify;
}

static uint32_t status_of(struct slice f)
{
	assert_true(f.len > 64);
	return load_le32(f.data + 8);
}

/* Backs: B506, B507, A060. */
static void test_what_cannot_be_watched(void **state)
{
	struct smb2_change_notify_req req;

	(void)state;
	start();
	req = watch(0, NAMES, fx.raw.proto.max_transact_bytes + 1);
	fx.raw.charge = (uint16_t)(fx.raw.proto.max_transact_bytes / 65536 + 1);
	assert_status(raw_call(&fx.raw, SMB2_CHANGE_NOTIFY, &req, NULL), STATUS_INVALID_PARAMETER);
	req = watch(0, NAMES, 65537);
	assert_status(raw_call(&fx.raw, SMB2_CHANGE_NOTIFY, &req, NULL), STATUS_INVALID_PARAMETER);
	req = watch(0, NAMES, 1024);
	assert_status(raw_open(&fx.raw, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	req.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_CHANGE_NOTIFY, &req, NULL), STATUS_INVALID_PARAMETER);
	assert_status(raw_open(&fx.raw, "dir", 0x80, OPEN, 0), STATUS_SUCCESS);
	req.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_CHANGE_NOTIFY, &req, NULL), STATUS_ACCESS_DENIED);
	req = watch(0, NAMES, 1024);
	post_and_wait(&req);
	stop();
}

/* Backs: B025, B029, B510, A061. */
static void test_a_new_file_is_told(void **state)
{
	struct smb2_change_notify_req req;
	struct slice n;

	(void)state;
	start();
	req = watch(0, NAMES, 1024);
	post_and_wait(&req);
	n = make("dir\\new", 0);
	assert_int_equal(status_of(n), 0);
	assert_true(load_le64(n.data + 24) == fx.id);
	/* NextEntryOffset, Action ADDED, FileNameLength, FileName */
	assert_int_equal(load_le32(n.data + 72), 0);
	assert_int_equal(load_le32(n.data + 76), FSA_ADDED);
	assert_int_equal(load_le32(n.data + 80), 6);
	assert_memory_equal(n.data + 84, "n\0e\0w\0", 6);
	stop();
}

/* Backs: B028. */
static void test_only_a_tree_watch_sees_what_is_deeper(void **state)
{
	struct smb2_change_notify_req req;

	(void)state;
	for (uint16_t tree = 0; tree < 2; tree++) {
		struct slice n;

		start();
		assert_status(raw_open(&fx.raw, "dir\\sub", ALL, OPEN_IF, DIRECTORY_FILE), STATUS_SUCCESS);
		req = watch(tree ? WATCH_TREE : 0, NAMES, 1024);
		post_and_wait(&req);
		n = make("dir\\sub\\new", 0);
		assert_int_equal(n.len > 0, tree);
		stop();
	}
}

/* Backs: B508. */
static void test_a_filter_decides(void **state)
{
	struct smb2_change_notify_req req;

	(void)state;
	start();
	req = watch(0, 0xFFFF0000, 1024);
	post_and_wait(&req);
	assert_int_equal(make("dir\\new", 0).len, 0);
	stop();
	start();
	req = watch(0, FSA_CHANGE_DIR_NAME | 0xFFFF0000, 1024);
	post_and_wait(&req);
	assert_int_equal(make("dir\\file", 0).len, 0);
	assert_int_equal(status_of(make("dir\\sub", DIRECTORY_FILE)), 0);
	stop();
}

/* Backs: B509, B103. */
static void test_what_does_not_fit_is_left_out(void **state)
{
	static const uint32_t rooms[] = {0, 8};
	struct smb2_change_notify_req req;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
		struct slice n;

		start();
		req = watch(0, NAMES, rooms[i]);
		post_and_wait(&req);
		n = make("dir\\a rather long name", 0);
		assert_int_equal(status_of(n), STATUS_NOTIFY_ENUM_DIR.code);
		assert_int_equal(load_le32(n.data + 68), 0);
		stop();
	}
}

/* Backs: B026. */
static void test_what_happened_meanwhile_is_told_at_once(void **state)
{
	struct smb2_change_notify_req req;
	struct slice n, last = {0};

	(void)state;
	start();
	req = watch(0, NAMES, 1024);
	post_and_wait(&req);
	assert_int_equal(status_of(make("dir\\a", 0)), 0);
	assert_int_equal(make("dir\\b", 0).len, 0);
	assert_int_equal(make("dir\\c", 0).len, 0);
	post(&req);
	sim_run(&fx.sim, 10);
	while (fx.raw.queued > 0)
		last = raw_receive(&fx.raw);
	n = last;
	assert_int_equal(status_of(n), 0);
	/* Both, in their order. */
	assert_memory_equal(n.data + 84, "b\0", 2);
	assert_memory_equal(n.data + 72 + load_le32(n.data + 72) + 12, "c\0", 2);
	stop();
}

/* Backs: B027. */
static void test_requests_of_one_handle_are_answered_in_their_order(void **state)
{
	struct smb2_change_notify_req req;
	uint64_t first;

	(void)state;
	start();
	req = watch(0, NAMES, 1024);
	post_and_wait(&req);
	first = fx.id;
	post_and_wait(&req);
	assert_true(load_le64(make("dir\\a", 0).data + 24) == first);
	assert_true(load_le64(make("dir\\b", 0).data + 24) == fx.id);
	stop();
}

/* Whoever asks after the directory was deleted is not left waiting, whether he watched it before or not. */
static void test_a_directory_that_is_being_deleted_cannot_be_waited_for(void **state)
{
	(void)state;
	for (unsigned watched_before = 0; watched_before < 2; watched_before++) {
		struct smb2_change_notify_req req;
		struct smb2_set_info_req del = {.info_type = 1, .file_info_class = 13, .input = slice_of("\1", 1)};
		struct slice n = {0};

		start();
		req = watch(0, NAMES, 1024);
		if (watched_before)
			post_and_wait(&req);
		assert_status(raw_open(&fx.raw, "dir", ALL, OPEN, DIRECTORY_FILE), STATUS_SUCCESS);
		del.file_id = fx.raw.file_id;
		assert_status(call(SMB2_SET_INFO, &del, NULL, &n), STATUS_SUCCESS);
		if (watched_before)
			assert_int_equal(status_of(n), STATUS_DELETE_PENDING.code);
		assert_status(call(SMB2_CHANGE_NOTIFY, &req, NULL, &n), STATUS_PENDING);
		assert_int_equal(status_of(n), STATUS_DELETE_PENDING.code);
		stop();
	}
}

/* Backs: G101, G102. */
static void test_closing_the_handle_ends_the_wait(void **state)
{
	struct smb2_change_notify_req req;
	struct smb2_close_req close = {0};
	struct slice n = {0};

	(void)state;
	start();
	req = watch(0, NAMES, 1024);
	post_and_wait(&req);
	close.file_id = fx.watched;
	assert_status(call(SMB2_CLOSE, &close, NULL, &n), STATUS_SUCCESS);
	assert_int_equal(status_of(n), STATUS_NOTIFY_CLEANUP.code);
	stop();
}

/* Ends of a wait that leave nothing behind: session, tree, connection. */
static void test_the_wait_ends_with_whatever_it_hangs_on(void **state)
{
	static struct smb2_empty empty;
	static const uint16_t commands[] = {SMB2_LOGOFF, SMB2_TREE_DISCONNECT};
	struct smb2_change_notify_req req;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		struct slice n = {0};

		start();
		req = watch(0, NAMES, 1024);
		post_and_wait(&req);
		assert_status(call(commands[i], &empty, NULL, &n), STATUS_SUCCESS);
		assert_true(n.len > 64);
		stop();
	}
	start();
	req = watch(0, NAMES, 1024);
	post_and_wait(&req);
	stop();
}

/* A stream that comes with its file is news only to who watches streams, and under both their names. */
static void test_a_new_stream_is_told(void **state)
{
	struct smb2_change_notify_req req;
	struct slice n;

	(void)state;
	start();
	req = watch(0, 0x200, 1024);
	post_and_wait(&req);
	assert_int_equal(make("dir\\plain", 0).len, 0);
	n = make("dir\\f:s", 0);
	assert_int_equal(status_of(n), 0);
	assert_int_equal(load_le32(n.data + 76), FSA_ADDED_STREAM);
	assert_int_equal(load_le32(n.data + 80), 6);
	assert_memory_equal(n.data + 84, "f\0:\0s\0", 6);
	stop();
}

/* Whoever watches with all rights may delete the directory, which keeps files from being renamed in it, but not directories. */
static void test_renames_where_somebody_watches(void **state)
{
	struct smb2_set_info_req rename = {.info_type = 1, .file_info_class = FSCC_FILE_RENAME};
	uint8_t to[20 + 10] = {[16] = 10};
	struct smb2_change_notify_req req;
	struct slice n;

	(void)state;
	start();
	memcpy(to + 20, "d\0i\0r\0\\\0r\0", 10);
	rename.input = slice_of(to, sizeof(to));
	assert_status(raw_open(&fx.raw, "dir\\f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	rename.file_id = fx.raw.file_id;
	assert_status(raw_call(&fx.raw, SMB2_SET_INFO, &rename, NULL), STATUS_SHARING_VIOLATION);
	assert_status(raw_open(&fx.raw, "dir\\sub", ALL, OPEN_IF, DIRECTORY_FILE), STATUS_SUCCESS);
	rename.file_id = fx.raw.file_id;
	req = watch(0, NAMES, 1024);
	post_and_wait(&req);
	assert_status(call(SMB2_SET_INFO, &rename, NULL, &n), STATUS_SUCCESS);
	assert_int_equal(load_le32(n.data + 76), FSA_RENAMED_OLD);
	stop();
}

/* --- local programs --- */

static struct srv_share *share(void)
{
	struct srv_share *s = srv_share_find(&fx.sim.srv, raw_wide(&fx.raw, "share"));

	assert_non_null(s);
	srv_share_put(s);
	return s;
}

/* As if a local program had made that change; the answer it brings. */
static struct slice local_change(enum vfs_change_kind kind, bool directory, const char *path, const char *from)
{
	struct vfs_change c = {.kind = kind, .directory = directory, .path = raw_wide(&fx.raw, path)};

	if (from)
		c.from = raw_wide(&fx.raw, from);
	vfs_mem_tell(share()->vfs, &c);
	srv_local_read(share());
	return raw_receive(&fx.raw);
}

/* Backs: B025, B029. */
static void test_what_local_programs_do_is_told(void **state)
{
	struct smb2_change_notify_req req;
	struct slice n;

	(void)state;
	start();
	req = watch(0, NAMES | FSA_CHANGE_SIZE, 1024);
	post_and_wait(&req);
	n = local_change(VFS_ADDED, false, "dir\\new", NULL);
	assert_int_equal(status_of(n), 0);
	assert_int_equal(load_le32(n.data + 76), FSA_ADDED);
	assert_memory_equal(n.data + 84, "n\0e\0w\0", 6);
	post_and_wait(&req);
	n = local_change(VFS_DATA_CHANGED, false, "dir\\new", NULL);
	assert_int_equal(load_le32(n.data + 76), FSA_MODIFIED);
	post_and_wait(&req);
	n = local_change(VFS_RENAMED, true, "dir\\b", "dir\\a");
	assert_int_equal(load_le32(n.data + 76), FSA_RENAMED_OLD);
	/* The first entry is padded to four bytes: 12, and two of the name. */
	assert_int_equal(load_le32(n.data + 72), 16);
	assert_int_equal(load_le32(n.data + 92), FSA_RENAMED_NEW);
	post_and_wait(&req);
	n = local_change(VFS_RENAMED, false, "dir\\come", "elsewhere");
	assert_int_equal(load_le32(n.data + 76), FSA_ADDED);
	post_and_wait(&req);
	n = local_change(VFS_REMOVED, false, "dir\\new", NULL);
	assert_int_equal(load_le32(n.data + 76), FSA_REMOVED);
	post_and_wait(&req);
	assert_int_equal(local_change(VFS_ADDED, false, "other", NULL).len, 0);
	assert_int_equal(local_change(VFS_ATTRIBUTES_CHANGED, false, "dir\\f", NULL).len, 0);
	stop();
}

static void test_lost_local_changes_are_an_overflow(void **state)
{
	struct smb2_change_notify_req req;

	(void)state;
	start();
	req = watch(0, NAMES, 1024);
	post_and_wait(&req);
	srv_changes_lost(share());
	assert_int_equal(status_of(raw_receive(&fx.raw)), STATUS_NOTIFY_ENUM_DIR.code);
	post_and_wait(&req);
	assert_int_equal(status_of(local_change(VFS_ADDED, false, "dir\\new", NULL)), 0);
	stop();
}

static void test_a_share_may_keep_local_changes_to_itself(void **state)
{
	struct smb2_change_notify_req req;

	(void)state;
	start();
	share()->no_local_changes = true;
	req = watch(0, NAMES, 1024);
	post_and_wait(&req);
	assert_int_equal(local_change(VFS_ADDED, false, "dir\\new", NULL).len, 0);
	srv_changes_lost(share());
	assert_int_equal(raw_receive(&fx.raw).len, 0);
	assert_int_equal(status_of(make("dir\\own", 0)), 0);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_cannot_be_watched),
		cmocka_unit_test(test_a_new_file_is_told),
		cmocka_unit_test(test_a_new_stream_is_told),
		cmocka_unit_test(test_only_a_tree_watch_sees_what_is_deeper),
		cmocka_unit_test(test_a_filter_decides),
		cmocka_unit_test(test_what_does_not_fit_is_left_out),
		cmocka_unit_test(test_what_happened_meanwhile_is_told_at_once),
		cmocka_unit_test(test_requests_of_one_handle_are_answered_in_their_order),
		cmocka_unit_test(test_a_directory_that_is_being_deleted_cannot_be_waited_for),
		cmocka_unit_test(test_closing_the_handle_ends_the_wait),
		cmocka_unit_test(test_the_wait_ends_with_whatever_it_hangs_on),
		cmocka_unit_test(test_renames_where_somebody_watches),
		cmocka_unit_test(test_what_local_programs_do_is_told),
		cmocka_unit_test(test_lost_local_changes_are_an_overflow),
		cmocka_unit_test(test_a_share_may_keep_local_changes_to_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

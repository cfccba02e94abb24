/* Oplocks as a client sees them: grants, breaks, acknowledgments right and wrong ([MS-SMB2] 3.3.4.6, 3.3.5.22). */
#include "sim.h"

enum { NONE = 0, II = 1, EXCLUSIVE = 8, BATCH = 9, LEASE = 0xFF };
enum { ALL = 0x1F01FF, READ_ATTRIBUTES = 0x80 };
enum { OPEN = 1, OPEN_IF = 3, OVERWRITE = 4 };

static struct {
	struct sim sim;
	struct raw holder, other;
	uint8_t granted;
} fx;

static void start(void)
{
	sim_start(&fx.sim, NULL);
	raw_ready(&fx.holder, &fx.sim, 0x0302);
	raw_ready(&fx.other, &fx.sim, 0x0302);
}

static void stop(void)
{
	raw_close(&fx.other);
	raw_close(&fx.holder);
	sim_stop(&fx.sim);
}

static struct smb2_create_req request(struct raw *r, uint32_t access, uint32_t disposition, uint8_t level)
{
	return (struct smb2_create_req){
		.impersonation_level = 2, .desired_access = access, .share_access = 7, .create_disposition = disposition,
		.requested_oplock_level = level, .name = raw_wide(r, "f"),
	};
}

static ntstatus open_with(struct raw *r, uint32_t access, uint32_t disposition, uint8_t level)
{
	struct smb2_create_req req = request(r, access, disposition, level);
	struct smb2_create_rsp rsp = {0};
	ntstatus status = raw_call(r, SMB2_CREATE, &req, &rsp);

	fx.granted = rsp.oplock_level;
	if (nt_ok(status))
		r->file_id = rsp.file_id;
	return status;
}

static void post_open(struct raw *r, uint32_t access, uint32_t disposition)
{
	struct smb2_create_req req = request(r, access, disposition, NONE);
	uint8_t frame[512];

	raw_send(r, frame, raw_encode(r, frame, sizeof(frame), SMB2_CREATE, &req));
}

static uint32_t next_status(struct raw *r)
{
	return load_le32(raw_receive(r).data + 8);
}

static ntstatus acknowledge(struct raw *r, uint8_t level, uint8_t *now)
{
	struct smb2_break ack = {.structure_size = SMB2_BREAK_OPLOCK, .oplock = {.oplock_level = level, .file_id = r->file_id}};
	struct smb2_break rsp = {0};
	ntstatus status = raw_call(r, SMB2_OPLOCK_BREAK, &ack, &rsp);

	if (now)
		*now = rsp.oplock.oplock_level;
	return status;
}

/* Takes the notification and returns its level. */
static uint8_t take_break(struct raw *r)
{
	struct slice f = raw_receive(r);

	assert_int_equal(f.len, 64 + 24);
	assert_int_equal(load_le16(f.data + 12), SMB2_OPLOCK_BREAK);
	assert_true(load_le64(f.data + 24) == UINT64_MAX);
	assert_int_equal(load_le64(f.data + 32), 0);
	assert_int_equal(load_le64(f.data + 40), 0);
	assert_int_equal(load_le32(f.data + 16), SMB2_FLAGS_SERVER_TO_REDIR);
	assert_int_equal(load_le16(f.data + 64), 24);
	assert_true(load_le64(f.data + 72) == r->file_id.persistent && load_le64(f.data + 80) == r->file_id.volatile_id);
	return f.data[66];
}

/* Backs: B332, E071. */
static void test_who_is_alone_gets_what_he_asks_for(void **state)
{
	static const uint8_t levels[] = {NONE, II, EXCLUSIVE, BATCH};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		start();
		assert_status(open_with(&fx.holder, ALL, OPEN_IF, levels[i]), STATUS_SUCCESS);
		assert_int_equal(fx.granted, levels[i]);
		stop();
	}
}

/* Backs: B111, B114, B538, B539, D076, D006, E001. */
static void test_a_break_to_level_ii(void **state)
{
	uint8_t now;

	(void)state;
	start();
	assert_status(open_with(&fx.holder, ALL, OPEN_IF, BATCH), STATUS_SUCCESS);
	post_open(&fx.other, ALL, OPEN);
	assert_int_equal(next_status(&fx.other), STATUS_PENDING.code);
	assert_int_equal(take_break(&fx.holder), II);
	assert_status(acknowledge(&fx.holder, II, &now), STATUS_SUCCESS);
	assert_int_equal(now, II);
	assert_int_equal(next_status(&fx.other), STATUS_SUCCESS.code);
	assert_status(acknowledge(&fx.holder, II, NULL), STATUS_INVALID_OPLOCK_PROTOCOL);
	assert_status(acknowledge(&fx.holder, NONE, NULL), STATUS_INVALID_DEVICE_STATE);
	stop();
}

/* Backs: B111, B538. */
static void test_overwriting_breaks_to_none(void **state)
{
	uint8_t now;

	(void)state;
	start();
	assert_status(open_with(&fx.holder, ALL, OPEN_IF, EXCLUSIVE), STATUS_SUCCESS);
	post_open(&fx.other, ALL, OVERWRITE);
	assert_int_equal(next_status(&fx.other), STATUS_PENDING.code);
	assert_int_equal(take_break(&fx.holder), NONE);
	assert_status(acknowledge(&fx.holder, NONE, &now), STATUS_SUCCESS);
	assert_int_equal(now, NONE);
	assert_int_equal(next_status(&fx.other), STATUS_SUCCESS.code);
	stop();
}

static void test_looking_at_attributes_breaks_nothing(void **state)
{
	(void)state;
	start();
	assert_status(open_with(&fx.holder, ALL, OPEN_IF, BATCH), STATUS_SUCCESS);
	assert_status(open_with(&fx.other, READ_ATTRIBUTES, OPEN, NONE), STATUS_SUCCESS);
	sim_run(&fx.sim, 100);
	assert_int_equal(fx.holder.queued, 0);
	stop();
}

/* Backs: B535, B536, B537, B538. */
static void test_acknowledgments_of_no_break(void **state)
{
	const struct {
		uint8_t held, level;
		ntstatus status;
	} cases[] = {
		{BATCH, LEASE, STATUS_INVALID_PARAMETER}, {BATCH, BATCH, STATUS_INVALID_OPLOCK_PROTOCOL},
		{EXCLUSIVE, EXCLUSIVE, STATUS_INVALID_OPLOCK_PROTOCOL}, {EXCLUSIVE, II, STATUS_INVALID_DEVICE_STATE},
		{BATCH, NONE, STATUS_INVALID_DEVICE_STATE}, {II, II, STATUS_INVALID_OPLOCK_PROTOCOL},
		{II, BATCH, STATUS_INVALID_OPLOCK_PROTOCOL}, {II, NONE, STATUS_INVALID_DEVICE_STATE}, {II, LEASE, STATUS_INVALID_PARAMETER},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		start();
		assert_status(open_with(&fx.holder, ALL, OPEN_IF, cases[i].held), STATUS_SUCCESS);
		assert_status(acknowledge(&fx.holder, cases[i].level, NULL), cases[i].status);
		stop();
	}
}

/* Backs: B535, B536, G065. */
static void test_a_senseless_answer_ends_the_break_with_no_oplock(void **state)
{
	static const uint8_t levels[] = {EXCLUSIVE, BATCH, LEASE, 7};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		start();
		assert_status(open_with(&fx.holder, ALL, OPEN_IF, BATCH), STATUS_SUCCESS);
		post_open(&fx.other, ALL, OPEN);
		assert_int_equal(next_status(&fx.other), STATUS_PENDING.code);
		(void)take_break(&fx.holder);
		assert_status(acknowledge(&fx.holder, levels[i], NULL),
			levels[i] == LEASE ? STATUS_INVALID_PARAMETER : STATUS_INVALID_OPLOCK_PROTOCOL);
		assert_int_equal(next_status(&fx.other), STATUS_SUCCESS.code);
		assert_status(acknowledge(&fx.holder, NONE, NULL), STATUS_INVALID_DEVICE_STATE);
		stop();
	}
}

/* Backs: B534, B540. */
static void test_a_lease_that_nobody_has(void **state)
{
	struct smb2_break ack = {.structure_size = SMB2_BREAK_LEASE_ACK};

	(void)state;
	start();
	assert_status(raw_call(&fx.holder, SMB2_OPLOCK_BREAK, &ack, NULL), STATUS_OBJECT_NAME_NOT_FOUND);
	fx.holder.file_id = (struct smb2_file_id){1, 2};
	assert_status(acknowledge(&fx.holder, NONE, NULL), STATUS_FILE_CLOSED);
	stop();
}

/* Whoever writes takes everybody's level II away, and nobody has to answer. */
static void test_a_write_ends_level_ii(void **state)
{
	struct smb2_write_req req = {.data = slice_of("x", 1)};

	(void)state;
	start();
	assert_status(open_with(&fx.holder, ALL, OPEN_IF, II), STATUS_SUCCESS);
	assert_status(open_with(&fx.other, ALL, OPEN, II), STATUS_SUCCESS);
	assert_int_equal(fx.granted, II);
	req.file_id = fx.other.file_id;
	fx.other.queued = 0;
	{
		uint8_t frame[256];

		raw_send(&fx.other, frame, raw_encode(&fx.other, frame, sizeof(frame), SMB2_WRITE, &req));
	}
	assert_int_equal(take_break(&fx.holder), NONE);
	stop();
}

/* Backs: B106, B096, B099. */
static void test_headers_of_a_request_that_waits(void **state)
{
	uint8_t frame[128];
	struct slice interim, final;
	uint64_t id;

	(void)state;
	start();
	assert_status(open_with(&fx.holder, ALL, OPEN_IF, BATCH), STATUS_SUCCESS);
	fx.other.sign = true;
	id = fx.other.next_id;
	post_open(&fx.other, ALL, OPEN);
	interim = raw_receive(&fx.other);
	assert_int_equal(load_le32(interim.data + 8), STATUS_PENDING.code);
	assert_int_equal(load_le32(interim.data + 16), SMB2_FLAGS_SERVER_TO_REDIR | SMB2_FLAGS_ASYNC_COMMAND);
	assert_true(load_le64(interim.data + 24) == id && load_le64(interim.data + 32) != 0);
	assert_true(load_le16(interim.data + 14) > 0);
	/* Cancelled, whoever says so: it is not checked who signed. */
	{
		size_t len = raw_encode(&fx.other, frame, sizeof(frame), SMB2_CANCEL, &(struct smb2_empty){0});

		store_le64(frame + 24, id);
		raw_send_plain(&fx.other, frame, len);
	}
	final = raw_receive(&fx.other);
	assert_int_equal(load_le32(final.data + 8), STATUS_CANCELLED.code);
	assert_int_equal(load_le16(final.data + 14), 0);
	assert_true(load_le64(final.data + 32) == load_le64(interim.data + 32) && load_le64(final.data + 24) == id);
	assert_true(load_le32(final.data + 16) & SMB2_FLAGS_ASYNC_COMMAND);
	assert_true(nt_ok(proto_verify(&fx.other.keys, (uint8_t *)(uintptr_t)final.data, final.len, true)));
	stop();
}

/* --- local programs: shares with kernel_oplocks --- */

static struct vfs *start_with_local_programs(void)
{
	struct srv_share *share;

	start();
	share = srv_share_find(&fx.sim.srv, raw_wide(&fx.holder, "share"));
	assert_non_null(share);
	share->kernel_oplocks = true;
	srv_share_put(share);
	return share->vfs;
}

/* The system can keep local programs from what one client has alone, and from nothing else. */
static void test_with_local_programs_there_is_all_or_nothing(void **state)
{
	struct smb2_close_req close = {0};

	(void)state;
	start_with_local_programs();
	assert_status(open_with(&fx.holder, ALL, OPEN_IF, II), STATUS_SUCCESS);
	assert_int_equal(fx.granted, NONE);
	assert_status(open_with(&fx.other, ALL, OPEN, BATCH), STATUS_SUCCESS);
	assert_int_equal(fx.granted, NONE);
	close.file_id = fx.other.file_id;
	assert_status(raw_call(&fx.other, SMB2_CLOSE, &close, NULL), STATUS_SUCCESS);
	close.file_id = fx.holder.file_id;
	assert_status(raw_call(&fx.holder, SMB2_CLOSE, &close, NULL), STATUS_SUCCESS);
	assert_status(open_with(&fx.holder, ALL, OPEN, BATCH), STATUS_SUCCESS);
	assert_int_equal(fx.granted, BATCH);
	stop();
}

static void test_a_local_program_waits_until_the_holder_has_answered(void **state)
{
	struct vfs *store;

	(void)state;
	store = start_with_local_programs();
	assert_status(open_with(&fx.holder, ALL, OPEN_IF, BATCH), STATUS_SUCCESS);
	assert_false(vfs_mem_open_local(store, raw_wide(&fx.holder, "f")));
	assert_int_equal(take_break(&fx.holder), NONE);
	assert_false(vfs_mem_open_local(store, raw_wide(&fx.holder, "f")));
	assert_status(acknowledge(&fx.holder, NONE, NULL), STATUS_SUCCESS);
	assert_true(vfs_mem_open_local(store, raw_wide(&fx.holder, "f")));
	stop();
	/* Or has been silent for too long, */
	store = start_with_local_programs();
	assert_status(open_with(&fx.holder, ALL, OPEN_IF, EXCLUSIVE), STATUS_SUCCESS);
	assert_false(vfs_mem_open_local(store, raw_wide(&fx.holder, "f")));
	assert_int_equal(take_break(&fx.holder), NONE);
	sim_run(&fx.sim, 36000);
	assert_true(vfs_mem_open_local(store, raw_wide(&fx.holder, "f")));
	stop();
	/* or is gone. */
	store = start_with_local_programs();
	assert_status(open_with(&fx.holder, ALL, OPEN_IF, EXCLUSIVE), STATUS_SUCCESS);
	raw_close(&fx.holder);
	sim_run(&fx.sim, 100);
	assert_true(vfs_mem_open_local(store, raw_wide(&fx.other, "f")));
	raw_close(&fx.other);
	sim_stop(&fx.sim);
}

/* The store's own handle for another client runs into the lease like any other. */
static void test_another_client_waits_for_the_lease(void **state)
{
	(void)state;
	start_with_local_programs();
	assert_status(open_with(&fx.holder, ALL, OPEN_IF, BATCH), STATUS_SUCCESS);
	assert_status(open_with(&fx.other, READ_ATTRIBUTES, OPEN, NONE), STATUS_SUCCESS);
	post_open(&fx.other, ALL, OPEN);
	assert_int_equal(next_status(&fx.other), STATUS_PENDING.code);
	assert_int_equal(take_break(&fx.holder), NONE);
	assert_status(acknowledge(&fx.holder, NONE, NULL), STATUS_SUCCESS);
	assert_int_equal(next_status(&fx.other), STATUS_SUCCESS.code);
	stop();
}

/* What a local program holds is waited for, not for ever, and not when nobody wants to wait any more. */
static void test_the_lease_of_a_local_program_is_waited_for(void **state)
{
	struct vfs *store;
	struct vfs_open_args args = {.disposition = VFS_OPEN_IF, .flags = VFS_WRITE};
	struct vfs_open_result local;

	(void)state;
	store = start_with_local_programs();
	args.name = raw_wide(&fx.other, "f");
	assert_status(vfs_open(store, &args, &fx.other.arena, &local), STATUS_SUCCESS);
	assert_true(vfs_lease_take(local.file));
	post_open(&fx.other, ALL, OPEN);
	assert_int_equal(next_status(&fx.other), STATUS_PENDING.code);
	sim_run(&fx.sim, 5000);
	vfs_lease_release(local.file);
	assert_int_equal(next_status(&fx.other), STATUS_SUCCESS.code);
	vfs_file_close(local.file);
	stop();
	for (int cancel = 0; cancel < 2; cancel++) {
		uint8_t frame[128];
		uint64_t id;
		size_t len;

		store = start_with_local_programs();
		args.name = raw_wide(&fx.other, "f");
		assert_status(vfs_open(store, &args, &fx.other.arena, &local), STATUS_SUCCESS);
		assert_true(vfs_lease_take(local.file));
		id = fx.other.next_id;
		post_open(&fx.other, ALL, OPEN);
		assert_int_equal(next_status(&fx.other), STATUS_PENDING.code);
		if (cancel) {
			len = raw_encode(&fx.other, frame, sizeof(frame), SMB2_CANCEL, &(struct smb2_empty){0});
			store_le64(frame + 24, id);
			raw_send_plain(&fx.other, frame, len);
			assert_int_equal(next_status(&fx.other), STATUS_CANCELLED.code);
			sim_run(&fx.sim, 1000);
		} else {
			sim_run(&fx.sim, 51000);
			assert_int_equal(next_status(&fx.other), STATUS_SHARING_VIOLATION.code);
		}
		vfs_file_close(local.file);
		stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_alone_gets_what_he_asks_for),
		cmocka_unit_test(test_a_break_to_level_ii),
		cmocka_unit_test(test_overwriting_breaks_to_none),
		cmocka_unit_test(test_looking_at_attributes_breaks_nothing),
		cmocka_unit_test(test_acknowledgments_of_no_break),
		cmocka_unit_test(test_a_senseless_answer_ends_the_break_with_no_oplock),
		cmocka_unit_test(test_a_lease_that_nobody_has),
		cmocka_unit_test(test_a_write_ends_level_ii),
		cmocka_unit_test(test_headers_of_a_request_that_waits),
		cmocka_unit_test(test_with_local_programs_there_is_all_or_nothing),
		cmocka_unit_test(test_a_local_program_waits_until_the_holder_has_answered),
		cmocka_unit_test(test_another_client_waits_for_the_lease),
		cmocka_unit_test(test_the_lease_of_a_local_program_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

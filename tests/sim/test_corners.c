/* Leases, oplocks, locks and streams where they meet: what the model test (test_fsa_model.c) has found, each by itself. */
#include "sim.h"

#include "wire/fscc.h"

enum { R = 1, H = 2, W = 4, II = 1, BATCH = 9, LEASE = 0xFF };
enum { ALL = 0x1F01FF, READ_DATA = 1 };
enum { OPEN = 1, CREATE = 2, OPEN_IF = 3, OVERWRITE = 4 };
enum { DIRECTORY = 1, PARENT_KEY = 4 };
enum { LOCK_EXCLUSIVE = 2, LOCK_FAIL = 0x10 };

static struct {
	struct sim sim;
	struct raw a, b;
	struct smb2_create_rsp rsp;
	size_t lease_len;
	struct smb2_ctx_lease lease;
} fx;

static void connect_as(struct raw *r)
{
	raw_open_connection(r, &fx.sim);
	r->config.capabilities = SMB2_GLOBAL_CAP_LEASING | SMB2_GLOBAL_CAP_DIRECTORY_LEASING;
	assert_status(raw_negotiate(r, SMB2_DIALECT_302, SMB2_DIALECT_302), STATUS_SUCCESS);
	assert_status(raw_login(r, "user", "pass"), STATUS_SUCCESS);
	assert_status(raw_tree(r, "share"), STATUS_SUCCESS);
}

static void start(void)
{
	sim_start(&fx.sim, NULL);
	connect_as(&fx.a);
	connect_as(&fx.b);
}

static void stop(void)
{
	raw_close(&fx.b);
	raw_close(&fx.a);
	sim_stop(&fx.sim);
}

struct wish {
	const char *name;
	uint8_t level, key, parent; /* level 0: LEASE with a key, else nothing */
	uint32_t state;
	bool v1;
	uint32_t access, share, disposition, options; /* 0: ALL, all, OPEN_IF; share 8: none */
};

static struct smb2_create_req request(struct raw *r, const struct wish *wish)
{
	struct smb2_ctx_lease m = {.lease_state = wish->state, .flags = wish->parent ? PARENT_KEY : 0};
	uint8_t data[64], *mem = arena_zalloc(&r->arena, 128);
	struct wire w = wire_encoder(data, 0, sizeof(data)), list = wire_encoder(mem, 0, 128);
	struct smb2_create_req req = {
		.impersonation_level = 2,
		.desired_access = wish->access ? wish->access : ALL,
		.share_access = wish->share ? wish->share & 7 : 7,
		.create_disposition = wish->disposition ? wish->disposition : OPEN_IF,
		.create_options = wish->options,
		.requested_oplock_level = wish->key ? LEASE : wish->level,
		.name = raw_wide(r, wish->name),
	};

	m.lease_key[0] = wish->key;
	m.parent_lease_key[0] = wish->parent;
	if (wish->v1)
		smb2_ctx_lease_v1_code(&w, &m);
	else
		smb2_ctx_lease_v2_code(&w, &m);
	smb2_create_context_put(&list, slice_of("RqLs", 4), slice_of(data, w.pos));
	if (wish->key)
		req.contexts = slice_of(mem, list.pos);
	return req;
}

static ntstatus open_as(struct raw *r, struct wish wish)
{
	struct smb2_create_req req = request(r, &wish);
	struct smb2_create_context c;
	struct slice list;
	ntstatus status;
	bool bad;

	fx.rsp = (struct smb2_create_rsp){0};
	fx.lease = (struct smb2_ctx_lease){0};
	status = raw_call(r, SMB2_CREATE, &req, &fx.rsp);
	list = fx.rsp.contexts;
	while (nt_ok(status) && smb2_create_context_next(&list, &c, &bad)) {
		struct wire w = wire_decoder(c.data.data, 0, c.data.len, &r->arena);

		fx.lease_len = c.data.len;
		if (c.data.len == 52)
			smb2_ctx_lease_v2_code(&w, &fx.lease);
		else
			smb2_ctx_lease_v1_code(&w, &fx.lease);
	}
	if (nt_ok(status))
		r->file_id = fx.rsp.file_id;
	return status;
}

#define OPENED(r, ...) assert_status(open_as(r, (struct wish){.name = __VA_ARGS__}), STATUS_SUCCESS)
#define REFUSED(status, r, ...) assert_status(open_as(r, (struct wish){.name = __VA_ARGS__}), status)

static void post(struct raw *r, uint16_t command, const void *req)
{
	uint8_t frame[512];

	raw_send(r, frame, raw_encode(r, frame, sizeof(frame), command, req));
}

static void next_is(struct raw *r, ntstatus status)
{
	assert_status(((ntstatus){load_le32(raw_receive(r).data + 8)}), status);
}

static void quiet(struct raw *r)
{
	sim_run(&fx.sim, 100);
	assert_int_equal(r->queued, 0);
}

static ntstatus close_id(struct raw *r, struct smb2_file_id id)
{
	return raw_call(r, SMB2_CLOSE, &(struct smb2_close_req){.file_id = id}, NULL);
}

static ntstatus write_at(struct raw *r, uint64_t offset)
{
	return raw_call(r, SMB2_WRITE, &(struct smb2_write_req){.offset = offset, .file_id = r->file_id, .data = slice_of("0123456789", 10)}, NULL);
}

static void post_lock(struct raw *r, uint64_t offset, uint32_t flags)
{
	struct smb2_lock_element e = {offset, 1, flags};

	post(r, SMB2_LOCK, &(struct smb2_lock_req){.lock_count = 1, .file_id = r->file_id, .locks = &e});
}

static ntstatus dispose(struct raw *r, bool pending)
{
	const uint8_t yes = pending;
	struct smb2_set_info_req req = {
		.info_type = 1, .file_info_class = FSCC_FILE_DISPOSITION, .file_id = r->file_id, .input = slice_of(&yes, 1),
	};

	return raw_call(r, SMB2_SET_INFO, &req, NULL);
}

/* [MS-FSA] 2.1.5.18: a cache of reads would not know of the locks. */
static void test_nobody_begins_to_cache_reads_of_what_is_locked(void **state)
{
	(void)state;
	start();
	OPENED(&fx.a, "f");
	assert_status(write_at(&fx.a, 0), STATUS_SUCCESS);
	post_lock(&fx.a, 1u << 20, LOCK_EXCLUSIVE | LOCK_FAIL);
	next_is(&fx.a, STATUS_SUCCESS);
	/* That one is behind the file. */
	OPENED(&fx.b, "f", .level = II);
	assert_int_equal(fx.rsp.oplock_level, II);
	assert_status(close_id(&fx.b, fx.b.file_id), STATUS_SUCCESS);
	post_lock(&fx.a, 3, LOCK_EXCLUSIVE | LOCK_FAIL);
	next_is(&fx.a, STATUS_SUCCESS);
	OPENED(&fx.b, "f", .level = BATCH);
	assert_int_equal(fx.rsp.oplock_level, 0);
	OPENED(&fx.b, "f", .key = 1, .state = R | H);
	assert_int_equal(fx.lease.lease_state, 0);
	stop();
}

/* [MS-FSA] 2.1.5.1: whether the file is to go is found out before its streams and who shares what are. */
static void test_a_file_that_goes_says_so_whatever_is_asked_of_it(void **state)
{
	(void)state;
	start();
	OPENED(&fx.a, "f:s");
	OPENED(&fx.a, "f");
	assert_status(dispose(&fx.a, true), STATUS_SUCCESS);
	REFUSED(STATUS_DELETE_PENDING, &fx.b, "f:none", .disposition = OPEN);
	REFUSED(STATUS_DELETE_PENDING, &fx.b, "f:new", .disposition = OPEN_IF);
	REFUSED(STATUS_DELETE_PENDING, &fx.b, "f:s", .disposition = CREATE);
	stop();
	start();
	/* A stream that is to go, of a file whose opener does not share deletion with it. */
	OPENED(&fx.a, "f", .access = ALL);
	OPENED(&fx.a, "f:s");
	assert_status(dispose(&fx.a, true), STATUS_SUCCESS);
	REFUSED(STATUS_DELETE_PENDING, &fx.b, "f:s", .access = READ_DATA, .share = 8, .disposition = OPEN);
	stop();
}

/* 3.3.5.9.8, 3.3.5.9.11: Lease.Filename is that of the stream. */
static void test_a_stream_has_leases_of_its_own(void **state)
{
	(void)state;
	start();
	OPENED(&fx.a, "f", .key = 1, .state = R);
	REFUSED(STATUS_INVALID_PARAMETER, &fx.a, "f:s", .key = 1, .state = R);
	REFUSED(STATUS_OBJECT_NAME_NOT_FOUND, &fx.b, "f:s", .disposition = OPEN);
	OPENED(&fx.a, "f:s", .key = 2, .state = R);
	assert_int_equal(fx.lease.lease_state, R);
	REFUSED(STATUS_INVALID_PARAMETER, &fx.a, "f", .key = 2, .state = R);
	/* What is written to the one is not written to the other. */
	OPENED(&fx.b, "f:s");
	assert_status(write_at(&fx.b, 0), STATUS_SUCCESS);
	assert_int_equal(raw_receive(&fx.a).data[72], 2);
	quiet(&fx.a);
	stop();
}

/* The path name validation phase comes before anything is made. */
static void test_who_names_the_lease_of_another_file_makes_nothing(void **state)
{
	(void)state;
	start();
	OPENED(&fx.b, "d", .options = DIRECTORY);
	OPENED(&fx.b, "d", .key = 9, .state = R | H, .options = DIRECTORY);
	assert_int_equal(fx.lease.lease_state, R | H);
	OPENED(&fx.a, "f", .key = 1, .state = R);
	REFUSED(STATUS_INVALID_PARAMETER, &fx.a, "d\\new", .key = 1, .state = R);
	REFUSED(STATUS_INVALID_PARAMETER, &fx.a, "d\\new", .key = 1, .state = R, .disposition = CREATE);
	REFUSED(STATUS_INVALID_PARAMETER, &fx.a, "d\\new", .key = 1, .state = R, .disposition = OPEN);
	quiet(&fx.b);
	REFUSED(STATUS_OBJECT_NAME_COLLISION, &fx.a, "f", .key = 1, .state = R, .disposition = CREATE);
	OPENED(&fx.b, "g");
	REFUSED(STATUS_INVALID_PARAMETER, &fx.a, "g", .key = 1, .state = R, .disposition = CREATE);
	stop();
}

/* 2.2.14.2.10: there is no such flag in the first form. */
static void test_the_first_form_of_a_lease_has_no_parent(void **state)
{
	(void)state;
	start();
	OPENED(&fx.a, "f", .key = 1, .state = R, .v1 = true);
	OPENED(&fx.a, "f", .key = 1, .state = R, .parent = 9);
	assert_int_equal(fx.lease_len, 32);
	assert_int_equal(fx.lease.flags, 0);
	stop();
}

/* 3.3.5.6: the CREATE that waits finds its session gone, however the break it waits for ends. */
static void test_a_create_that_outlives_its_session_has_no_effect(void **state)
{
	struct smb2_create_req overwrite;

	(void)state;
	start();
	/* Its own open of the file is what wakes it. */
	OPENED(&fx.b, "f", .access = 0x80);
	OPENED(&fx.a, "f", .key = 1, .state = R | H | W);
	assert_status(write_at(&fx.a, 0), STATUS_SUCCESS);
	overwrite = request(&fx.b, &(struct wish){.name = "f", .disposition = OVERWRITE});
	post(&fx.b, SMB2_CREATE, &overwrite);
	next_is(&fx.b, STATUS_PENDING);
	assert_int_equal(raw_receive(&fx.a).data[72], 1);
	post(&fx.b, SMB2_LOGOFF, &(struct smb2_empty){0});
	next_is(&fx.b, STATUS_SUCCESS);
	next_is(&fx.b, STATUS_USER_SESSION_DELETED);
	OPENED(&fx.a, "f", .key = 1, .state = R | H | W);
	assert_int_equal(fx.rsp.end_of_file, 10);
	stop();
}

/* A SET_INFO that waits, is woken, and finds its open closed: it neither answers SUCCESS nor waits for ever. */
static void deletion_outlives_its_open(bool logoff)
{
	const uint8_t yes = 1;
	struct smb2_set_info_req delete = {.info_type = 1, .file_info_class = FSCC_FILE_DISPOSITION, .input = slice_of(&yes, 1)};
	struct smb2_break ack = {.structure_size = SMB2_BREAK_LEASE_ACK, .ack = {.lease_key = {1}, .lease_state = R}};
	struct smb2_file_id mine;

	start();
	OPENED(&fx.a, "f");
	mine = fx.a.file_id;
	OPENED(&fx.b, "f", .key = 1, .state = R | H);
	delete.file_id = mine;
	post(&fx.a, SMB2_SET_INFO, &delete);
	next_is(&fx.a, STATUS_PENDING);
	assert_int_equal(raw_receive(&fx.b).data[72], 1);
	/* Both arrive before anything else runs. */
	post(&fx.b, SMB2_OPLOCK_BREAK, &ack);
	if (logoff)
		post(&fx.a, SMB2_LOGOFF, &(struct smb2_empty){0});
	else
		post(&fx.a, SMB2_CLOSE, &(struct smb2_close_req){.file_id = mine});
	next_is(&fx.b, STATUS_SUCCESS);
	next_is(&fx.a, STATUS_SUCCESS);
	next_is(&fx.a, STATUS_CANCELLED);
	OPENED(&fx.b, "f", .disposition = OPEN);
	stop();
}

static void test_a_deletion_that_outlives_its_open_has_no_effect(void **state)
{
	(void)state;
	deletion_outlives_its_open(false);
	deletion_outlives_its_open(true);
}

/* 3.3.1.4: whoever has told one directory of his writing has not told the next one that his file comes to. */
static void test_a_file_that_has_moved_is_news_to_its_new_directory(void **state)
{
	const uint8_t to_d[] = {'d', 0, '\\', 0, 'f', 0};
	uint8_t rename[28] = {0};
	struct smb2_set_info_req move = {.info_type = 1, .file_info_class = FSCC_FILE_RENAME, .input = slice_of(rename, 26)};
	struct smb2_file_id dir;

	(void)state;
	start();
	OPENED(&fx.a, "f");
	OPENED(&fx.b, "d", .key = 9, .state = R, .access = READ_DATA, .options = DIRECTORY);
	dir = fx.b.file_id;
	OPENED(&fx.b, "f", .key = 2, .parent = 9, .state = 0);
	store_le32(rename + 16, sizeof(to_d));
	memcpy(rename + 20, to_d, sizeof(to_d));
	move.file_id = fx.b.file_id;
	assert_status(raw_call(&fx.b, SMB2_SET_INFO, &move, NULL), STATUS_SUCCESS);
	assert_status(write_at(&fx.a, 0), STATUS_SUCCESS);
	quiet(&fx.b);
	assert_status(close_id(&fx.a, fx.a.file_id), STATUS_SUCCESS);
	assert_int_equal(raw_receive(&fx.b).data[72], 9);
	assert_status(close_id(&fx.b, dir), STATUS_SUCCESS);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_begins_to_cache_reads_of_what_is_locked),
		cmocka_unit_test(test_a_file_that_goes_says_so_whatever_is_asked_of_it),
		cmocka_unit_test(test_a_stream_has_leases_of_its_own),
		cmocka_unit_test(test_who_names_the_lease_of_another_file_makes_nothing),
		cmocka_unit_test(test_the_first_form_of_a_lease_has_no_parent),
		cmocka_unit_test(test_a_create_that_outlives_its_session_has_no_effect),
		cmocka_unit_test(test_a_deletion_that_outlives_its_open_has_no_effect),
		cmocka_unit_test(test_a_file_that_has_moved_is_news_to_its_new_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

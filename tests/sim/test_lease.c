/* Leases as clients see them, of files and of directories: grants, breaks step by step, acknowledgments right and wrong
 * ([MS-SMB2] 3.3.1.4, 3.3.4.7, 3.3.5.9.8, 3.3.5.9.11, 3.3.5.22.2, 3.3.6.1). */
#include "sim.h"

#include "server/local.h"
#include "server/notify.h"
#include "wire/fscc.h"

enum { R = 1, H = 2, W = 4, NONE = 0, BATCH = 9, LEASE = 0xFF };
enum { ALL = 0x1F01FF, READ_ATTRIBUTES = 0x80, READ_DATA = 1 };
enum { OPEN = 1, OPEN_IF = 3, OVERWRITE = 4 };
enum { DIRECTORY = 1, DELETE_ON_CLOSE = 0x1000 };
enum { BREAKING = 2, PARENT_KEY = 4 };
enum { NO_ACK = 0, ACK = 1 };

/* `mine` and `second` are connections of one client. */
static struct {
	struct sim sim;
	struct raw mine, second, other;
	struct smb2_create_rsp rsp;
	bool answered;
	size_t answer_len;
	struct smb2_ctx_lease got;
} fx;

static void connect_as(struct raw *r, const struct raw *same, uint16_t dialect)
{
	raw_open_connection(r, &fx.sim);
	r->config.capabilities = SMB2_GLOBAL_CAP_LEASING | SMB2_GLOBAL_CAP_DIRECTORY_LEASING;
	if (same)
		r->config.guid = same->config.guid;
	assert_status(raw_negotiate(r, dialect, dialect), STATUS_SUCCESS);
	assert_status(raw_login(r, "user", "pass"), STATUS_SUCCESS);
	assert_status(raw_tree(r, "share"), STATUS_SUCCESS);
}

static void start_with(uint16_t dialect)
{
	sim_start(&fx.sim, NULL);
	connect_as(&fx.mine, NULL, dialect);
	connect_as(&fx.second, &fx.mine, dialect);
	connect_as(&fx.other, NULL, dialect);
}

static void start(void)
{
	start_with(0x0302);
}

static void stop(void)
{
	raw_close(&fx.other);
	raw_close(&fx.second);
	raw_close(&fx.mine);
	sim_stop(&fx.sim);
}

struct wish {
	const char *name;
	uint8_t key, parent;      /* 0: without a lease, without a parent key */
	uint32_t state;
	uint16_t epoch;
	bool v1;
	uint32_t access, share, disposition, options; /* 0: ALL, all, OPEN_IF */
};

static struct slice context_of(struct raw *r, const struct wish *wish)
{
	struct smb2_ctx_lease m = {.lease_state = wish->state, .epoch = wish->epoch, .flags = wish->parent ? PARENT_KEY : 0};
	uint8_t data[64], *mem = arena_zalloc(&r->arena, 128);
	struct wire w = wire_encoder(data, 0, sizeof(data)), list = wire_encoder(mem, 0, 128);

	m.lease_key[3] = wish->key;
	m.parent_lease_key[3] = wish->parent;
	if (wish->v1)
		smb2_ctx_lease_v1_code(&w, &m);
	else
		smb2_ctx_lease_v2_code(&w, &m);
	smb2_create_context_put(&list, slice_of("RqLs", 4), slice_of(data, w.pos));
	assert_true(wire_ok(&list));
	return slice_of(mem, list.pos);
}

static struct smb2_create_req request(struct raw *r, const struct wish *wish)
{
	struct smb2_create_req req = {
		.impersonation_level = 2,
		.desired_access = wish->access ? wish->access : ALL,
		.share_access = wish->share ? wish->share & 7 : 7,
		.create_disposition = wish->disposition ? wish->disposition : OPEN_IF,
		.create_options = wish->options,
		.requested_oplock_level = wish->key ? LEASE : NONE,
		.name = raw_wide(r, wish->name),
	};

	if (wish->key)
		req.contexts = context_of(r, wish);
	return req;
}

static void read_answer(struct raw *r)
{
	struct slice list = fx.rsp.contexts;
	struct smb2_create_context c;
	bool bad;

	fx.answered = false;
	fx.got = (struct smb2_ctx_lease){0};
	while (smb2_create_context_next(&list, &c, &bad)) {
		struct wire w = wire_decoder(c.data.data, 0, c.data.len, &r->arena);

		assert_memory_equal(c.name.data, "RqLs", 4);
		fx.answered = true;
		fx.answer_len = c.data.len;
		if (c.data.len == 52)
			smb2_ctx_lease_v2_code(&w, &fx.got);
		else
			smb2_ctx_lease_v1_code(&w, &fx.got);
		assert_true(wire_ok(&w));
	}
}

static ntstatus open_as(struct raw *r, struct wish wish)
{
	struct smb2_create_req req = request(r, &wish);
	ntstatus status;

	fx.rsp = (struct smb2_create_rsp){0};
	status = raw_call(r, SMB2_CREATE, &req, &fx.rsp);
	if (nt_ok(status)) {
		r->file_id = fx.rsp.file_id;
		read_answer(r);
	}
	return status;
}

#define OPENED(r, ...) assert_status(open_as(r, (struct wish){.name = __VA_ARGS__}), STATUS_SUCCESS)

static void lease_is(uint32_t state, uint32_t flags, uint16_t epoch)
{
	assert_true(fx.answered);
	assert_int_equal(fx.rsp.oplock_level, LEASE);
	assert_int_equal(fx.got.lease_state, state);
	assert_int_equal(fx.got.flags, flags);
	assert_int_equal(fx.got.epoch, epoch);
}

/* Sends a request and leaves its answer to be received. */
static void post(struct raw *r, uint16_t command, const void *req)
{
	uint8_t frame[512];

	raw_send(r, frame, raw_encode(r, frame, sizeof(frame), command, req));
}

static void post_open(struct raw *r, struct wish wish)
{
	struct smb2_create_req req = request(r, &wish);

	post(r, SMB2_CREATE, &req);
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

static void broken(struct raw *r, uint8_t key, uint32_t from, uint32_t to, uint32_t flags, uint16_t epoch)
{
	struct slice f = raw_receive(r);

	assert_int_equal(f.len, 64 + 44);
	assert_int_equal(load_le16(f.data + 12), SMB2_OPLOCK_BREAK);
	assert_true(load_le64(f.data + 24) == UINT64_MAX);
	assert_int_equal(load_le64(f.data + 32), 0);
	assert_int_equal(load_le64(f.data + 40), 0);
	assert_int_equal(load_le16(f.data + 64), 44);
	assert_int_equal(load_le16(f.data + 66), epoch);
	assert_int_equal(load_le32(f.data + 68), flags);
	assert_int_equal(f.data[72 + 3], key);
	assert_int_equal(load_le32(f.data + 88), from);
	assert_int_equal(load_le32(f.data + 92), to);
}

static ntstatus acknowledge(struct raw *r, uint8_t key, uint32_t state)
{
	struct smb2_break ack = {.structure_size = SMB2_BREAK_LEASE_ACK, .ack = {.lease_state = state}}, rsp = {0};
	ntstatus status;

	ack.ack.lease_key[3] = key;
	status = raw_call(r, SMB2_OPLOCK_BREAK, &ack, &rsp);
	if (nt_ok(status)) {
		assert_int_equal(rsp.structure_size, SMB2_BREAK_LEASE_ACK);
		assert_int_equal(rsp.ack.lease_state, state);
		assert_int_equal(rsp.ack.lease_key[3], key);
	}
	return status;
}

static ntstatus close_it(struct raw *r)
{
	return raw_call(r, SMB2_CLOSE, &(struct smb2_close_req){.file_id = r->file_id}, NULL);
}

/* --- grants --- */

/* Backs: B038, B331, B359, B360, B365, A030, A042, E073. */
static void test_states_that_make_sense_are_granted_to_one_alone(void **state)
{
	static const struct {
		uint32_t asked, got;
	} cases[] = {{0, 0}, {R, R}, {H, 0}, {W, 0}, {R | H, R | H}, {R | W, R | W}, {H | W, 0}, {7, 7}, {0xFFFFFFF8 | R, R}};

	(void)state;
	start_with(0x0210);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		OPENED(&fx.mine, "f", .key = 1, .state = cases[i].asked, .v1 = true);
		assert_int_equal(fx.answer_len, 32);
		lease_is(cases[i].got, 0, 0);
		assert_int_equal(fx.got.lease_key[3], 1);
		assert_status(close_it(&fx.mine), STATUS_SUCCESS);
	}
	OPENED(&fx.mine, "d", .key = 1, .state = R | H, .v1 = true, .options = DIRECTORY);
	assert_false(fx.answered);
	assert_int_equal(fx.rsp.oplock_level, NONE);
	/* The second form came with 3.0. */
	assert_status(open_as(&fx.mine, (struct wish){.name = "f", .key = 1, .state = R}), STATUS_INVALID_PARAMETER);
	stop();
}

/* Backs: B378, B379, B382, A032, D069. */
static void test_the_second_form_has_an_epoch_and_a_parent(void **state)
{
	(void)state;
	start();
	OPENED(&fx.mine, "f", .key = 1, .parent = 9, .state = R | H, .epoch = 0x4711);
	assert_int_equal(fx.answer_len, 52);
	lease_is(R | H, PARENT_KEY, 0x4712);
	assert_int_equal(fx.got.parent_lease_key[3], 9);
	/* Nothing changes, nor does the epoch. */
	OPENED(&fx.mine, "f", .key = 1, .state = R | H, .epoch = 0x4711);
	lease_is(R | H, 0, 0x4712);
	OPENED(&fx.mine, "f", .key = 1, .state = 7, .epoch = 7);
	lease_is(7, 0, 0x4713);
	stop();
}

/* Backs: B355. */
static void test_a_context_without_the_level_asks_for_nothing(void **state)
{
	const struct wish wish = {.name = "f", .key = 1, .state = 7};
	struct smb2_create_req req;

	(void)state;
	start();
	req = request(&fx.mine, &wish);
	req.requested_oplock_level = BATCH;
	assert_status(raw_call(&fx.mine, SMB2_CREATE, &req, &fx.rsp), STATUS_SUCCESS);
	assert_int_equal(fx.rsp.oplock_level, BATCH);
	assert_int_equal(fx.rsp.contexts.len, 0);
	stop();
}

/* Backs: B031, B040, B363, B381, G067, G068. */
static void test_a_lease_grows_and_never_shrinks(void **state)
{
	(void)state;
	start();
	OPENED(&fx.mine, "f", .key = 1, .state = R);
	lease_is(R, 0, 1);
	OPENED(&fx.second, "f", .key = 1, .state = R | W);
	lease_is(R | W, 0, 2);
	OPENED(&fx.mine, "f", .key = 1, .state = R | H);
	lease_is(R | W, 0, 2);
	OPENED(&fx.mine, "f", .key = 1, .state = 0);
	lease_is(R | W, 0, 2);
	OPENED(&fx.mine, "f", .key = 1, .state = 7);
	lease_is(7, 0, 3);
	/* Its own opens break nothing, whatever they do. */
	OPENED(&fx.second, "f", .key = 1, .state = R, .disposition = OVERWRITE);
	lease_is(7, 0, 3);
	quiet(&fx.mine);
	stop();
}

/* Backs: B358, B357, B077, D077, B060. */
static void test_a_key_is_of_one_file_and_one_client(void **state)
{
	(void)state;
	start();
	OPENED(&fx.mine, "f", .key = 1, .state = R);
	assert_status(open_as(&fx.second, (struct wish){.name = "new", .key = 1, .state = R}), STATUS_INVALID_PARAMETER);
	assert_status(open_as(&fx.second, (struct wish){.name = "d", .key = 1, .state = R, .v1 = true, .options = DIRECTORY}), STATUS_INVALID_PARAMETER);
	/* What was made for it has gone again. */
	assert_status(open_as(&fx.second, (struct wish){.name = "new", .disposition = OPEN}), STATUS_OBJECT_NAME_NOT_FOUND);
	OPENED(&fx.other, "g", .key = 1, .state = R);
	lease_is(R, 0, 1);
	assert_status(close_it(&fx.mine), STATUS_SUCCESS);
	OPENED(&fx.second, "h", .key = 1, .state = R);
	lease_is(R, 0, 1);
	stop();
}

/* --- breaks --- */

/* Backs: D068, B034, B070, B116, B121, B122, B123, B543, A068, A070, A072, D070, D071, G062. */
static void test_another_open_takes_writing_away(void **state)
{
	(void)state;
	start();
	OPENED(&fx.mine, "f", .key = 1, .state = 7, .epoch = 10);
	post_open(&fx.other, (struct wish){.name = "f", .key = 1, .state = 7});
	next_is(&fx.other, STATUS_PENDING);
	broken(&fx.mine, 1, 7, R | H, ACK, 12);
	/* Backs the rest: opens of the lease itself go on meanwhile (B039, B364). */
	OPENED(&fx.second, "f", .key = 1, .state = 7);
	lease_is(7, BREAKING, 12);
	assert_status(acknowledge(&fx.second, 1, R | H), STATUS_SUCCESS);
	next_is(&fx.other, STATUS_SUCCESS);
	OPENED(&fx.second, "f", .key = 1, .state = 7);
	lease_is(R | H, 0, 12);
	quiet(&fx.mine);
	stop();
}

/* Backs: B039, B364. */
static void test_the_holder_opens_while_it_breaks(void **state)
{
	(void)state;
	start();
	OPENED(&fx.mine, "f", .key = 1, .state = 7, .v1 = true);
	post_open(&fx.other, (struct wish){.name = "f"});
	next_is(&fx.other, STATUS_PENDING);
	broken(&fx.mine, 1, 7, R | H, ACK, 0);
	OPENED(&fx.second, "f", .key = 1, .state = 7, .v1 = true);
	assert_int_equal(fx.got.lease_state, 7);
	assert_int_equal(fx.got.flags, BREAKING);
	assert_status(close_it(&fx.second), STATUS_SUCCESS);
	quiet(&fx.other);
	assert_status(acknowledge(&fx.mine, 1, R), STATUS_SUCCESS);
	next_is(&fx.other, STATUS_SUCCESS);
	stop();
}

/* Backs: B541, B542, D072, G066, E112. */
static void test_answers_that_are_not_accepted(void **state)
{
	(void)state;
	start();
	OPENED(&fx.mine, "f", .key = 1, .state = 7);
	assert_status(acknowledge(&fx.mine, 1, R), STATUS_UNSUCCESSFUL);
	assert_status(acknowledge(&fx.mine, 2, R), STATUS_OBJECT_NAME_NOT_FOUND);
	assert_status(acknowledge(&fx.other, 1, R), STATUS_OBJECT_NAME_NOT_FOUND);
	post_open(&fx.other, (struct wish){.name = "f"});
	next_is(&fx.other, STATUS_PENDING);
	broken(&fx.mine, 1, 7, R | H, ACK, 2);
	assert_status(acknowledge(&fx.mine, 1, 7), STATUS_REQUEST_NOT_ACCEPTED);
	assert_status(acknowledge(&fx.mine, 1, R | W), STATUS_REQUEST_NOT_ACCEPTED);
	assert_status(acknowledge(&fx.mine, 1, 0xFFFFFFFF), STATUS_REQUEST_NOT_ACCEPTED);
	quiet(&fx.other);
	assert_status(acknowledge(&fx.mine, 1, 0), STATUS_SUCCESS);
	next_is(&fx.other, STATUS_SUCCESS);
	assert_status(acknowledge(&fx.mine, 1, 0), STATUS_UNSUCCESSFUL);
	stop();
}

/* Backs: B032, B120. */
static void test_who_only_reads_is_told_and_not_asked(void **state)
{
	struct smb2_write_req write = {.data = slice_of("x", 1)};

	(void)state;
	start();
	OPENED(&fx.mine, "f", .key = 1, .state = R);
	OPENED(&fx.other, "f", .key = 1, .state = R | H);
	lease_is(R | H, 0, 1);
	quiet(&fx.mine);
	write.file_id = fx.other.file_id;
	assert_status(raw_call(&fx.other, SMB2_WRITE, &write, NULL), STATUS_SUCCESS);
	broken(&fx.mine, 1, R, 0, NO_ACK, 2);
	assert_status(acknowledge(&fx.mine, 1, 0), STATUS_UNSUCCESSFUL);
	OPENED(&fx.mine, "f", .key = 1, .state = R);
	lease_is(R, 0, 3);
	OPENED(&fx.other, "f", .key = 1, .disposition = OVERWRITE);
	broken(&fx.mine, 1, R, 0, NO_ACK, 4);
	stop();
}

/* A write does not wait for those who cache handles, but they answer. */
static void test_writing_under_cached_handles(void **state)
{
	struct smb2_write_req write = {.data = slice_of("x", 1)};

	(void)state;
	start();
	OPENED(&fx.mine, "f", .key = 1, .state = R | H);
	OPENED(&fx.other, "f", .key = 0);
	write.file_id = fx.other.file_id;
	assert_status(raw_call(&fx.other, SMB2_WRITE, &write, NULL), STATUS_SUCCESS);
	broken(&fx.mine, 1, R | H, 0, ACK, 2);
	assert_status(acknowledge(&fx.mine, 1, 0), STATUS_SUCCESS);
	stop();
}

/* Backs: B035, B037. */
static void test_a_share_conflict_asks_for_handles_alone(void **state)
{
	(void)state;
	start();
	OPENED(&fx.mine, "f", .key = 1, .state = 7, .share = 8);
	post_open(&fx.other, (struct wish){.name = "f", .access = READ_DATA});
	next_is(&fx.other, STATUS_PENDING);
	broken(&fx.mine, 1, 7, R | W, ACK, 2);
	assert_status(acknowledge(&fx.mine, 1, R | W), STATUS_SUCCESS);
	next_is(&fx.other, STATUS_SHARING_VIOLATION);
	assert_status(close_it(&fx.mine), STATUS_SUCCESS);
	/* The handle was only cached: closing it is the better answer. */
	OPENED(&fx.mine, "f", .key = 1, .state = R | H, .share = 8);
	post_open(&fx.other, (struct wish){.name = "f", .access = READ_DATA});
	next_is(&fx.other, STATUS_PENDING);
	broken(&fx.mine, 1, R | H, R, ACK, 2);
	assert_status(close_it(&fx.mine), STATUS_SUCCESS);
	next_is(&fx.other, STATUS_SUCCESS);
	/* Without handles to give up nobody is asked. */
	OPENED(&fx.mine, "g", .key = 2, .state = R | W, .share = 8);
	assert_status(open_as(&fx.other, (struct wish){.name = "g", .access = READ_DATA}), STATUS_SHARING_VIOLATION);
	quiet(&fx.mine);
	stop();
}

static void test_looking_breaks_nothing(void **state)
{
	(void)state;
	start();
	OPENED(&fx.mine, "f", .key = 1, .state = 7);
	OPENED(&fx.other, "f", .access = READ_ATTRIBUTES | 0x20000);
	quiet(&fx.mine);
	/* Nor does it keep anybody from growing. */
	OPENED(&fx.mine, "g", .key = 2, .state = R);
	OPENED(&fx.other, "g", .access = READ_ATTRIBUTES);
	OPENED(&fx.mine, "g", .key = 2, .state = 7);
	lease_is(7, 0, 2);
	stop();
}

/* What others want while a break is on its way follows it, one step at a time. */
static void test_steps_of_a_break(void **state)
{
	(void)state;
	start();
	OPENED(&fx.mine, "f", .key = 1, .state = 7);
	post_open(&fx.other, (struct wish){.name = "f"});
	next_is(&fx.other, STATUS_PENDING);
	broken(&fx.mine, 1, 7, R | H, ACK, 2);
	post_open(&fx.other, (struct wish){.name = "f", .disposition = OVERWRITE});
	next_is(&fx.other, STATUS_PENDING);
	assert_status(acknowledge(&fx.second, 1, R | H), STATUS_SUCCESS);
	broken(&fx.mine, 1, R | H, R, ACK, 2);
	quiet(&fx.other);
	assert_status(acknowledge(&fx.second, 1, R), STATUS_SUCCESS);
	broken(&fx.mine, 1, R, 0, NO_ACK, 2);
	next_is(&fx.other, STATUS_SUCCESS);
	next_is(&fx.other, STATUS_SUCCESS);
	stop();
}

/* Backs: B125, B545, D073, G064. */
static void test_silence_ends_with_nothing(void **state)
{
	(void)state;
	start();
	OPENED(&fx.mine, "f", .key = 1, .state = 7);
	post_open(&fx.other, (struct wish){.name = "f"});
	next_is(&fx.other, STATUS_PENDING);
	broken(&fx.mine, 1, 7, R | H, ACK, 2);
	sim_run(&fx.sim, 34000);
	assert_int_equal(fx.other.queued, 0);
	sim_run(&fx.sim, 2000);
	next_is(&fx.other, STATUS_SUCCESS);
	assert_status(acknowledge(&fx.mine, 1, R | H), STATUS_UNSUCCESSFUL);
	OPENED(&fx.mine, "f", .key = 1, .state = 0);
	lease_is(0, 0, 3);
	stop();
}

/* Backs: B145, B124. */
static void test_a_lease_goes_with_its_last_open(void **state)
{
	(void)state;
	start();
	OPENED(&fx.mine, "f", .key = 1, .state = 7);
	OPENED(&fx.second, "f", .key = 1, .state = 7);
	post_open(&fx.other, (struct wish){.name = "f"});
	next_is(&fx.other, STATUS_PENDING);
	broken(&fx.mine, 1, 7, R | H, ACK, 2);
	assert_status(close_it(&fx.second), STATUS_SUCCESS);
	quiet(&fx.other);
	raw_close(&fx.mine);
	next_is(&fx.other, STATUS_SUCCESS);
	assert_status(acknowledge(&fx.second, 1, R), STATUS_OBJECT_NAME_NOT_FOUND);
	raw_open_connection(&fx.mine, &fx.sim);
	stop();
}

/* With the first connection gone the next one is told. */
static void test_the_connection_that_is_left_is_told(void **state)
{
	(void)state;
	start();
	OPENED(&fx.mine, "f", .key = 1, .state = 7);
	OPENED(&fx.second, "f", .key = 1, .state = 7);
	raw_close(&fx.mine);
	sim_run(&fx.sim, 100);
	post_open(&fx.other, (struct wish){.name = "f"});
	next_is(&fx.other, STATUS_PENDING);
	broken(&fx.second, 1, 7, R | H, ACK, 2);
	raw_open_connection(&fx.mine, &fx.sim);
	stop();
}

/* Level II and leases of handles exclude each other; other than that an oplock is like a lease to leases. */
static void test_leases_beside_oplocks(void **state)
{
	struct smb2_create_req req;
	const struct wish plain = {.name = "f"};

	(void)state;
	start();
	OPENED(&fx.mine, "f", .key = 1, .state = R | H);
	req = request(&fx.other, &plain);
	req.requested_oplock_level = BATCH;
	assert_status(raw_call(&fx.other, SMB2_CREATE, &req, &fx.rsp), STATUS_SUCCESS);
	assert_int_equal(fx.rsp.oplock_level, NONE);
	assert_status(close_it(&fx.mine), STATUS_SUCCESS);
	OPENED(&fx.mine, "f", .key = 1, .state = R);
	assert_status(raw_call(&fx.other, SMB2_CREATE, &req, &fx.rsp), STATUS_SUCCESS);
	assert_int_equal(fx.rsp.oplock_level, 1);
	assert_status(close_it(&fx.mine), STATUS_SUCCESS);
	OPENED(&fx.mine, "f", .key = 1, .state = 7);
	lease_is(R, 0, 1);
	stop();
}

/* --- renames, deletions --- */

static struct smb2_set_info_req rename_to(struct raw *r, const char *name)
{
	struct slice wide = raw_wide(r, name);
	uint8_t *mem = arena_zalloc(&r->arena, 20 + wide.len + 8);

	mem[0] = 1;
	store_le32(mem + 16, (uint32_t)wide.len);
	memcpy(mem + 20, wide.data, wide.len);
	return (struct smb2_set_info_req){
		.info_type = 1, .file_info_class = FSCC_FILE_RENAME, .file_id = r->file_id, .input = slice_of(mem, 20 + wide.len),
	};
}

/* Backs: B035, B530, D078. */
static void test_a_rename_waits_for_cached_handles(void **state)
{
	struct smb2_set_info_req rename;

	(void)state;
	start();
	OPENED(&fx.mine, "f", .key = 1, .state = R | H);
	OPENED(&fx.other, "f");
	rename = rename_to(&fx.other, "g");
	post(&fx.other, SMB2_SET_INFO, &rename);
	next_is(&fx.other, STATUS_PENDING);
	broken(&fx.mine, 1, R | H, R, ACK, 2);
	assert_status(acknowledge(&fx.mine, 1, R), STATUS_SUCCESS);
	next_is(&fx.other, STATUS_SUCCESS);
	/* The lease goes with the file. */
	assert_status(open_as(&fx.mine, (struct wish){.name = "f", .key = 1, .state = R}), STATUS_INVALID_PARAMETER);
	OPENED(&fx.mine, "g", .key = 1, .state = R | H);
	lease_is(R | H, 0, 3);
	/* Its holder asks nobody. */
	rename = rename_to(&fx.mine, "h");
	assert_status(raw_call(&fx.mine, SMB2_SET_INFO, &rename, NULL), STATUS_SUCCESS);
	stop();
}

/* Backs: B035. */
static void test_renaming_a_directory_asks_for_the_handles_beneath(void **state)
{
	struct smb2_set_info_req rename;

	(void)state;
	start();
	OPENED(&fx.other, "d", .options = DIRECTORY);
	OPENED(&fx.mine, "d\\f", .key = 1, .state = R | H);
	rename = rename_to(&fx.other, "e");
	post(&fx.other, SMB2_SET_INFO, &rename);
	next_is(&fx.other, STATUS_PENDING);
	broken(&fx.mine, 1, R | H, R, ACK, 2);
	assert_status(acknowledge(&fx.mine, 1, R), STATUS_SUCCESS);
	next_is(&fx.other, STATUS_ACCESS_DENIED);
	assert_status(close_it(&fx.mine), STATUS_SUCCESS);
	OPENED(&fx.mine, "d\\f", .key = 1, .state = R | H);
	post(&fx.other, SMB2_SET_INFO, &rename);
	next_is(&fx.other, STATUS_PENDING);
	broken(&fx.mine, 1, R | H, R, ACK, 2);
	assert_status(close_it(&fx.mine), STATUS_SUCCESS);
	next_is(&fx.other, STATUS_SUCCESS);
	stop();
}

static void test_a_file_to_be_replaced_is_closed_first(void **state)
{
	struct smb2_set_info_req rename;

	(void)state;
	start();
	OPENED(&fx.mine, "target", .key = 1, .state = R | H);
	OPENED(&fx.other, "f");
	rename = rename_to(&fx.other, "target");
	post(&fx.other, SMB2_SET_INFO, &rename);
	next_is(&fx.other, STATUS_PENDING);
	broken(&fx.mine, 1, R | H, R, ACK, 2);
	assert_status(close_it(&fx.mine), STATUS_SUCCESS);
	next_is(&fx.other, STATUS_SUCCESS);
	stop();
}

static void test_deleting_asks_for_cached_handles(void **state)
{
	const uint8_t yes = 1;
	struct smb2_set_info_req delete = {.info_type = 1, .file_info_class = FSCC_FILE_DISPOSITION, .input = slice_of(&yes, 1)};
	uint64_t id;

	(void)state;
	start();
	OPENED(&fx.mine, "f", .key = 1, .state = R | H);
	OPENED(&fx.other, "f");
	delete.file_id = fx.other.file_id;
	id = fx.other.next_id;
	post(&fx.other, SMB2_SET_INFO, &delete);
	next_is(&fx.other, STATUS_PENDING);
	broken(&fx.mine, 1, R | H, R, ACK, 2);
	/* Given up waiting: nothing is deleted. */
	{
		uint8_t frame[128];
		size_t len = raw_encode(&fx.other, frame, sizeof(frame), SMB2_CANCEL, &(struct smb2_empty){0});

		store_le64(frame + 24, id);
		raw_send_plain(&fx.other, frame, len);
	}
	next_is(&fx.other, STATUS_CANCELLED);
	assert_status(acknowledge(&fx.mine, 1, R), STATUS_SUCCESS);
	assert_status(close_it(&fx.other), STATUS_SUCCESS);
	OPENED(&fx.mine, "f", .key = 1, .state = R | H, .disposition = OPEN);
	post_open(&fx.other, (struct wish){.name = "f", .access = 0x10000, .options = DELETE_ON_CLOSE});
	next_is(&fx.other, STATUS_PENDING);
	broken(&fx.mine, 1, R | H, R, ACK, 4);
	assert_status(acknowledge(&fx.mine, 1, R), STATUS_SUCCESS);
	next_is(&fx.other, STATUS_SUCCESS);
	stop();
}

/* --- directories --- */

/* Backs: B033, B380, D075. */
static void test_changes_of_a_directory_end_leases_on_it(void **state)
{
	(void)state;
	start();
	OPENED(&fx.mine, "d", .key = 1, .state = 7, .options = DIRECTORY);
	lease_is(R | H, 0, 1);
	/* The holder's own changes, made under the key of the directory, are none. */
	OPENED(&fx.second, "d\\mine", .key = 2, .parent = 1, .state = R);
	assert_status(close_it(&fx.second), STATUS_SUCCESS);
	quiet(&fx.mine);
	/* The same key of another client is another key. */
	OPENED(&fx.other, "d\\f", .key = 3, .parent = 1, .state = R);
	broken(&fx.mine, 1, R | H, 0, ACK, 2);
	assert_status(acknowledge(&fx.mine, 1, 0), STATUS_SUCCESS);
	assert_status(close_it(&fx.other), STATUS_SUCCESS);
	OPENED(&fx.mine, "d", .key = 1, .state = R, .options = DIRECTORY);
	lease_is(R, 0, 3);
	OPENED(&fx.other, "d\\f", .access = 0x10000, .options = DELETE_ON_CLOSE);
	quiet(&fx.mine);
	assert_status(close_it(&fx.other), STATUS_SUCCESS);
	broken(&fx.mine, 1, R, 0, NO_ACK, 4);
	stop();
}

/* Backs: B033. */
static void test_sizes_and_names_of_entries_are_content_too(void **state)
{
	struct smb2_write_req write = {.data = slice_of("x", 1)};
	struct smb2_set_info_req rename;

	(void)state;
	start();
	OPENED(&fx.other, "d", .options = DIRECTORY);
	OPENED(&fx.other, "d\\f");
	/* Who writes says so once, at the end. */
	for (uint16_t i = 0; i < 2; i++) {
		write.file_id = fx.other.file_id;
		OPENED(&fx.mine, "d", .key = 1, .state = R, .options = DIRECTORY);
		for (unsigned n = 0; n < 3; n++)
			assert_status(raw_call(&fx.other, SMB2_WRITE, &write, NULL), STATUS_SUCCESS);
		quiet(&fx.mine);
		assert_status(close_it(&fx.other), STATUS_SUCCESS);
		broken(&fx.mine, 1, R, 0, NO_ACK, (uint16_t)(2 * i + 2));
		OPENED(&fx.other, "d\\f", .disposition = OPEN);
	}
	OPENED(&fx.mine, "d", .key = 1, .state = R, .options = DIRECTORY);
	rename = rename_to(&fx.other, "g");
	assert_status(raw_call(&fx.other, SMB2_SET_INFO, &rename, NULL), STATUS_SUCCESS);
	broken(&fx.mine, 1, R, 0, NO_ACK, 6);
	stop();
}

static void test_local_programs_end_leases_on_a_directory(void **state)
{
	struct srv_share *share;

	(void)state;
	start();
	share = srv_share_find(&fx.sim.srv, raw_wide(&fx.mine, "share"));
	OPENED(&fx.mine, "d", .key = 1, .state = R, .options = DIRECTORY);
	vfs_mem_tell(share->vfs, &(struct vfs_change){.kind = VFS_ADDED, .path = raw_wide(&fx.mine, "other")});
	srv_local_read(share);
	quiet(&fx.mine);
	vfs_mem_tell(share->vfs, &(struct vfs_change){.kind = VFS_ADDED, .path = raw_wide(&fx.mine, "d\\f")});
	srv_local_read(share);
	broken(&fx.mine, 1, R, 0, NO_ACK, 2);
	OPENED(&fx.mine, "d", .key = 1, .state = R, .options = DIRECTORY);
	OPENED(&fx.mine, "d\\f", .key = 2, .state = R, .parent = 1);
	srv_changes_lost(share);
	broken(&fx.mine, 1, R, 0, NO_ACK, 4);
	quiet(&fx.mine);
	srv_share_put(share);
	stop();
}

/* Backs: B036. */
static void test_an_open_that_conflicts_asks_for_the_handles_of_a_directory(void **state)
{
	(void)state;
	start();
	OPENED(&fx.mine, "d", .key = 1, .state = R | H, .options = DIRECTORY, .share = 8);
	post_open(&fx.other, (struct wish){.name = "d", .access = READ_DATA, .options = DIRECTORY});
	next_is(&fx.other, STATUS_PENDING);
	broken(&fx.mine, 1, R | H, R, ACK, 2);
	assert_status(close_it(&fx.mine), STATUS_SUCCESS);
	next_is(&fx.other, STATUS_SUCCESS);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states_that_make_sense_are_granted_to_one_alone),
		cmocka_unit_test(test_the_second_form_has_an_epoch_and_a_parent),
		cmocka_unit_test(test_a_context_without_the_level_asks_for_nothing),
		cmocka_unit_test(test_a_lease_grows_and_never_shrinks),
		cmocka_unit_test(test_a_key_is_of_one_file_and_one_client),
		cmocka_unit_test(test_another_open_takes_writing_away),
		cmocka_unit_test(test_the_holder_opens_while_it_breaks),
		cmocka_unit_test(test_answers_that_are_not_accepted),
		cmocka_unit_test(test_who_only_reads_is_told_and_not_asked),
		cmocka_unit_test(test_writing_under_cached_handles),
		cmocka_unit_test(test_a_share_conflict_asks_for_handles_alone),
		cmocka_unit_test(test_looking_breaks_nothing),
		cmocka_unit_test(test_steps_of_a_break),
		cmocka_unit_test(test_silence_ends_with_nothing),
		cmocka_unit_test(test_a_lease_goes_with_its_last_open),
		cmocka_unit_test(test_the_connection_that_is_left_is_told),
		cmocka_unit_test(test_leases_beside_oplocks),
		cmocka_unit_test(test_a_rename_waits_for_cached_handles),
		cmocka_unit_test(test_renaming_a_directory_asks_for_the_handles_beneath),
		cmocka_unit_test(test_a_file_to_be_replaced_is_closed_first),
		cmocka_unit_test(test_deleting_asks_for_cached_handles),
		cmocka_unit_test(test_changes_of_a_directory_end_leases_on_it),
		cmocka_unit_test(test_local_programs_end_leases_on_a_directory),
		cmocka_unit_test(test_sizes_and_names_of_entries_are_content_too),
		cmocka_unit_test(test_an_open_that_conflicts_asks_for_the_handles_of_a_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Durable opens: what lasts when a connection is lost, who gets it back and who does not, what ends it before; replays of CREATE, and
 * applications that move from one client to another ([MS-SMB2] 3.3.2.2, 3.3.4.6, 3.3.4.7, 3.3.5.6, 3.3.5.8, 3.3.5.9.6, 3.3.5.9.7,
 * 3.3.5.9.10, 3.3.5.9.12, 3.3.5.9.13, 3.3.6.2, 3.3.7.1). */
#include "sim.h"

#include "net/internal.h"
#include "server/conn.h"
#include "server/durable.h"
#include "wire/secdesc.h"

enum { R = 1, H = 2, W = 4, NONE = 0, II = 1, BATCH = 9, LEASE = 0xFF };
enum { ALL = 0x1F01FF, READ = 0x120089 };
enum { OPEN = 1, CREATE = 2, OPEN_IF = 3 };
enum { OPENED = 1, CREATED = 2 };
enum { DIRECTORY = 1, DELETE_ON_CLOSE = 0x1000 };
enum { V1 = 1, V2 = 2 };
enum { DEFAULT_MS = 60000, MOST_MS = 300000 };

#define APP_INSTANCE_NAME "\x45\xBC\xA6\x6A\xEF\xA7\xF7\x4A\x90\x08\xFA\x46\x2E\x14\x4D\x74"

/* `mine` loses its connection and comes back, as one client; `other` is another client. */
static struct {
	struct sim sim;
	struct raw mine, other;
	struct smb2_create_rsp rsp;
	bool durable;                       /* the last answer had DHnQ or DH2Q ... */
	uint32_t timeout;                   /* ... of the second, this */
	bool leased;
	struct smb2_ctx_lease lease;
} fx;

static void connect_as(struct raw *r, const struct guid *same, uint16_t dialect, const char *user, const char *share)
{
	raw_open_connection(r, &fx.sim);
	r->config.capabilities = SMB2_GLOBAL_CAP_LEASING | SMB2_GLOBAL_CAP_DIRECTORY_LEASING;
	if (same)
		r->config.guid = *same;
	assert_status(raw_negotiate(r, dialect, dialect), STATUS_SUCCESS);
	assert_status(raw_login(r, user, strcmp(user, "user") == 0 ? "pass" : "secret"), STATUS_SUCCESS);
	assert_status(raw_tree(r, share), STATUS_SUCCESS);
}

static void start_with(uint16_t dialect)
{
	sim_start(&fx.sim, NULL);
	connect_as(&fx.mine, NULL, dialect, "user", "share");
	connect_as(&fx.other, NULL, dialect, "user", "share");
}

static void start(void)
{
	start_with(0x0302);
}

static void stop(void)
{
	raw_close(&fx.other);
	raw_close(&fx.mine);
	sim_stop(&fx.sim);
}

/* The connection is lost, and another one is there. */
static void come_back_as(const char *user, const char *share)
{
	struct guid same = fx.mine.config.guid;
	uint16_t dialect = fx.mine.proto.dialect;

	raw_close(&fx.mine);
	connect_as(&fx.mine, &same, dialect, user, share);
}

static void come_back(void)
{
	come_back_as("user", "share");
}

/* One CREATE. */
struct wish {
	const char *name;
	uint8_t level;                  /* of an oplock; or, with a key: */
	uint8_t key;
	uint32_t state;
	uint16_t epoch;
	bool lease_v1;
	int durable;                    /* V1, V2: asks for it */
	int reconnect;                  /* V1, V2: wants this one back: */
	struct smb2_file_id id;
	uint8_t guid;                   /* of V2 */
	uint32_t timeout;
	uint8_t app;
	bool replay;
	uint32_t access, share, disposition, options, attributes; /* 0: ALL, all, OPEN_IF */
};

static void put_lease(struct wire *list, const struct wish *wish)
{
	struct smb2_ctx_lease m = {.lease_state = wish->state, .epoch = wish->epoch};
	uint8_t data[64];
	struct wire w = wire_encoder(data, 0, sizeof(data));

	m.lease_key[3] = wish->key;
	if (wish->lease_v1)
		smb2_ctx_lease_v1_code(&w, &m);
	else
		smb2_ctx_lease_v2_code(&w, &m);
	smb2_create_context_put(list, slice_of("RqLs", 4), slice_of(data, w.pos));
}

static struct guid guid_of(uint8_t n)
{
	return (struct guid){.b = {0, 1, 2, n}};
}

static void put_durable(struct wire *list, const struct wish *wish)
{
	struct smb2_ctx_dh2q_req request = {.timeout = wish->timeout, .create_guid = guid_of(wish->guid)};
	struct smb2_ctx_dh2c_req back = {.file_id = wish->id, .create_guid = guid_of(wish->guid)};
	struct smb2_ctx_file_id back_v1 = {.file_id = wish->id};
	static const uint8_t zeros[16];
	uint8_t data[64];
	struct wire w = wire_encoder(data, 0, sizeof(data));

	if (wish->durable == V1)
		smb2_create_context_put(list, slice_of("DHnQ", 4), slice_of(zeros, 16));
	if (wish->durable == V2) {
		smb2_ctx_dh2q_req_code(&w, &request);
		smb2_create_context_put(list, slice_of("DH2Q", 4), slice_of(data, w.pos));
	}
	w = wire_encoder(data, 0, sizeof(data));
	if (wish->reconnect == V1) {
		smb2_ctx_dhnc_code(&w, &back_v1);
		smb2_create_context_put(list, slice_of("DHnC", 4), slice_of(data, w.pos));
	}
	if (wish->reconnect == V2) {
		smb2_ctx_dh2c_req_code(&w, &back);
		smb2_create_context_put(list, slice_of("DH2C", 4), slice_of(data, w.pos));
	}
}

static void put_app(struct wire *list, const struct wish *wish)
{
	struct smb2_ctx_app_instance_id m = {.app_instance_id = guid_of(wish->app)};
	uint8_t data[64];
	struct wire w = wire_encoder(data, 0, sizeof(data));

	smb2_ctx_app_instance_id_code(&w, &m);
	smb2_create_context_put(list, slice_of(APP_INSTANCE_NAME, 16), slice_of(data, w.pos));
}

static struct smb2_create_req request(struct raw *r, const struct wish *wish)
{
	uint8_t *mem = arena_zalloc(&r->arena, 512);
	struct wire list = wire_encoder(mem, 0, 512);
	struct smb2_create_req req = {
		.impersonation_level = 2,
		.desired_access = wish->access ? wish->access : ALL,
		.share_access = wish->share ? wish->share & 7 : 7,
		.create_disposition = wish->disposition ? wish->disposition : OPEN_IF,
		.create_options = wish->options,
		.file_attributes = wish->attributes,
		.requested_oplock_level = wish->key ? LEASE : wish->level,
		.name = raw_wide(r, wish->name),
	};

	if (wish->key)
		put_lease(&list, wish);
	if (wish->app)
		put_app(&list, wish);
	put_durable(&list, wish);
	assert_true(wire_ok(&list));
	req.contexts = slice_of(mem, list.pos);
	if (wish->replay)
		r->flags = SMB2_FLAGS_REPLAY_OPERATION;
	return req;
}

static void read_answer(struct raw *r)
{
	struct slice list = fx.rsp.contexts;
	struct smb2_create_context c;
	bool bad;

	fx.durable = fx.leased = false;
	fx.timeout = 0;
	fx.lease = (struct smb2_ctx_lease){0};
	while (smb2_create_context_next(&list, &c, &bad)) {
		struct wire w = wire_decoder(c.data.data, 0, c.data.len, &r->arena);

		if (memcmp(c.name.data, "RqLs", 4) == 0) {
			fx.leased = true;
			if (c.data.len == 52)
				smb2_ctx_lease_v2_code(&w, &fx.lease);
			else
				smb2_ctx_lease_v1_code(&w, &fx.lease);
			continue;
		}
		assert_int_equal(c.data.len, 8);
		assert_memory_equal(c.name.data, "DH", 2);
		fx.durable = true;
		if (c.name.data[2] == '2')
			fx.timeout = load_le32(c.data.data);
		assert_int_equal(load_le32(c.data.data + 4), 0);
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

#define OPEN_IS(status, r, ...) assert_status(open_as(r, (struct wish){.name = __VA_ARGS__}), status)
#define OPENS(r, ...) OPEN_IS(STATUS_SUCCESS, r, __VA_ARGS__)

static ntstatus write_with(struct raw *r, struct smb2_file_id id)
{
	struct smb2_write_req req = {.file_id = id, .data = slice_of("data", 4)};

	return raw_call(r, SMB2_WRITE, &req, NULL);
}

static ntstatus close_it(struct raw *r)
{
	return raw_call(r, SMB2_CLOSE, &(struct smb2_close_req){.file_id = r->file_id}, NULL);
}

static ntstatus lock_it(struct raw *r, uint32_t flags, uint32_t sequence)
{
	struct smb2_lock_element e = {.offset = 0, .length = 10, .flags = flags};
	struct smb2_lock_req req = {.file_id = r->file_id, .lock_count = 1, .locks = &e, .lock_sequence = sequence};

	return raw_call(r, SMB2_LOCK, &req, NULL);
}

static bool any_kept(void)
{
	return srv_durable_any_disconnected(&fx.sim.srv);
}

/* --- who has one --- */

/* Backs: B342, B343, B375, B376, A025, A033, E083. */
static void test_who_may_cache_the_handle_is_granted_it(void **state)
{
	static const struct {
		struct wish wish;
		bool granted;
		uint32_t timeout;
	} cases[] = {
		{{.level = BATCH, .durable = V1}, true, 0},
		{{.level = 8, .durable = V1}, false, 0},
		{{.level = II, .durable = V2}, false, 0},
		{{.level = BATCH, .durable = V2}, true, DEFAULT_MS},
		{{.level = BATCH, .durable = V2, .timeout = 1234}, true, 1234},
		{{.level = BATCH, .durable = V2, .timeout = UINT32_MAX}, true, MOST_MS},
		{{.key = 1, .state = R | H, .durable = V1}, true, 0},
		{{.key = 1, .state = R | W, .durable = V1}, false, 0},
		{{.key = 1, .state = R | H | W, .durable = V2}, true, DEFAULT_MS},
		{{.key = 1, .state = R, .durable = V2}, false, 0},
		/* Asked for, and not to be had: H alone is no state. */
		{{.key = 1, .state = H, .durable = V2}, false, 0},
		{{.key = 1, .state = H, .durable = V1}, false, 0},
	};

	(void)state;
	start();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct wish wish = cases[i].wish;

		wish.name = "f";
		wish.guid = (uint8_t)i;
		assert_status(open_as(&fx.mine, wish), STATUS_SUCCESS);
		assert_int_equal(fx.durable, cases[i].granted);
		assert_int_equal(fx.timeout, cases[i].timeout);
		assert_status(close_it(&fx.mine), STATUS_SUCCESS);
	}
	OPENS(&fx.mine, "d", .key = 2, .state = R | H, .durable = V1, .options = DIRECTORY);
	assert_int_equal(fx.lease.lease_state, R | H);
	assert_false(fx.durable);
	stop();
}

/* Backs: B375. */
static void test_beside_others_there_is_no_batch_to_last(void **state)
{
	(void)state;
	start();
	OPENS(&fx.other, "f", .level = NONE);
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V2, .guid = 1);
	assert_int_equal(fx.rsp.oplock_level, II);
	assert_false(fx.durable);
	come_back();
	assert_false(any_kept());
	stop();
}

/* --- coming back --- */

/* Backs: B345, B353, B354, B552, B553, B555, D057, A026, G074. */
static void test_the_first_form_comes_back(void **state)
{
	static const uint16_t dialects[] = {0x0202, 0x0210, 0x0311};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		struct smb2_file_id old;

		start_with(dialects[i]);
		OPENS(&fx.mine, "f", .level = BATCH, .durable = V1);
		assert_true(fx.durable);
		old = fx.mine.file_id;
		assert_status(lock_it(&fx.mine, 2 | 0x10, 0), STATUS_SUCCESS);
		come_back();
		assert_true(any_kept());
		assert_status(write_with(&fx.mine, old), STATUS_FILE_CLOSED);
		/* Neither the name counts nor anything else. */
		OPENS(&fx.mine, "\\\\no*name", .reconnect = V1, .id = old, .disposition = CREATE, .options = DIRECTORY, .level = 0x77);
		assert_false(any_kept());
		assert_int_equal(fx.rsp.oplock_level, BATCH);
		assert_int_equal(fx.rsp.create_action, OPENED);
		assert_int_equal(fx.rsp.contexts.len, 0);
		assert_true(fx.mine.file_id.persistent == old.persistent);
		assert_true(fx.mine.file_id.volatile_id != old.volatile_id);
		assert_status(write_with(&fx.mine, old), STATUS_FILE_CLOSED);
		assert_status(write_with(&fx.mine, fx.mine.file_id), STATUS_SUCCESS);
		/* Its lock has stayed. */
		assert_status(lock_it(&fx.mine, 4, 0), STATUS_SUCCESS);
		/* It is still durable. */
		come_back();
		OPENS(&fx.mine, "f", .reconnect = V1, .id = fx.rsp.file_id);
		assert_status(close_it(&fx.mine), STATUS_SUCCESS);
		OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.mine, "f", .reconnect = V1, .id = fx.rsp.file_id);
		stop();
	}
}

/* Backs: B390, D058, A034. */
static void test_the_second_form_comes_back(void **state)
{
	struct smb2_file_id old;

	(void)state;
	start();
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V2, .guid = 7);
	old = fx.mine.file_id;
	come_back();
	/* B387: as on Windows, what the rest says does not matter. */
	OPENS(&fx.mine, "no such", .reconnect = V2, .guid = 7, .id = old, .access = READ, .share = 1, .options = DIRECTORY);
	assert_int_equal(fx.rsp.oplock_level, BATCH);
	assert_int_equal(fx.rsp.contexts.len, 0);
	assert_true(fx.mine.file_id.persistent == old.persistent && fx.mine.file_id.volatile_id != old.volatile_id);
	assert_status(write_with(&fx.mine, fx.mine.file_id), STATUS_SUCCESS);
	stop();
}

/* Backs: B340. */
static void test_coming_back_wins_over_asking_anew(void **state)
{
	struct smb2_file_id old;

	(void)state;
	start();
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V1);
	old = fx.mine.file_id;
	come_back();
	OPENS(&fx.mine, "f", .level = BATCH, .reconnect = V1, .durable = V1, .id = old);
	assert_true(fx.mine.file_id.persistent == old.persistent);
	stop();
}

/* Backs: B347, B348, B351, B354, B385, B388, B391, B359. */
static void test_leases_come_back_to_their_client_by_key_and_name(void **state)
{
	struct smb2_file_id old;

	(void)state;
	start();
	for (int form = V1; form <= V2; form++) {
		OPENS(&fx.mine, "f", .key = 1, .state = 7, .epoch = 10, .durable = form, .guid = 1);
		assert_int_equal(fx.lease.epoch, 11);
		old = fx.mine.file_id;
		come_back();
		OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.other, "f", .key = 1, .state = 7, .reconnect = form, .guid = 1, .id = old);
		OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.mine, "f", .reconnect = form, .guid = 1, .id = old);
		OPEN_IS(STATUS_INVALID_PARAMETER, &fx.mine, "g", .key = 1, .reconnect = form, .guid = 1, .id = old);
		OPEN_IS(STATUS_INVALID_PARAMETER, &fx.mine, "f:s", .key = 1, .reconnect = form, .guid = 1, .id = old);
		OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.mine, "f", .key = 2, .reconnect = form, .guid = 1, .id = old);
		OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.mine, "f", .key = 2, .lease_v1 = true, .reconnect = form, .guid = 1, .id = old);
		OPENS(&fx.mine, "F", .key = 1, .epoch = 20, .reconnect = form, .guid = 1, .id = old);
		assert_int_equal(fx.rsp.oplock_level, LEASE);
		assert_true(fx.leased);
		assert_int_equal(fx.lease.lease_key[3], 1);
		assert_int_equal(fx.lease.lease_state, 7);
		assert_int_equal(fx.lease.epoch, form == V2 ? 20 : 11);
		/* An open with a lease of the first form, whose version is 1, answers in that form. */
		assert_status(close_it(&fx.mine), STATUS_SUCCESS);
	}
	OPENS(&fx.mine, "g", .key = 3, .state = R | H, .lease_v1 = true, .durable = V1);
	assert_int_equal(fx.lease.epoch, 0);
	old = fx.mine.file_id;
	come_back();
	OPENS(&fx.mine, "g", .key = 3, .lease_v1 = true, .reconnect = V1, .id = old);
	assert_int_equal(fx.rsp.contexts.len, 24 + 32);
	assert_int_equal(fx.lease.lease_state, R | H);
	OPENS(&fx.mine, "h", .key = 4, .state = R | H, .epoch = 5, .durable = V2, .guid = 4);
	old = fx.mine.file_id;
	come_back();
	OPENS(&fx.mine, "h", .key = 4, .epoch = 8, .reconnect = V2, .guid = 4, .id = old);
	assert_int_equal(fx.lease.epoch, 9);
	stop();
}

/* Backs: B348, B388. */
static void test_an_oplock_comes_back_without_a_lease(void **state)
{
	struct smb2_file_id old;

	(void)state;
	start();
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V2, .guid = 1);
	old = fx.mine.file_id;
	come_back();
	OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.mine, "f", .key = 1, .state = 7, .reconnect = V2, .guid = 1, .id = old);
	OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.mine, "f", .key = 1, .state = 7, .reconnect = V1, .id = old);
	OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.mine, "f", .reconnect = V2, .guid = 2, .id = old);
	/* An oplock has no client: whoever has the id and is the user. */
	OPENS(&fx.other, "f", .reconnect = V2, .guid = 1, .id = old);
	stop();
}

/* Backs: B350, B388. */
static void test_an_open_that_is_attached_is_nobodys_to_have(void **state)
{
	(void)state;
	start();
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V1);
	OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.mine, "f", .reconnect = V1, .id = fx.mine.file_id);
	OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.other, "f", .reconnect = V1, .id = fx.mine.file_id);
	OPENS(&fx.mine, "g", .level = BATCH, .durable = V2, .guid = 1);
	OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.other, "g", .reconnect = V2, .guid = 1, .id = fx.mine.file_id);
	/* One that is not durable is not either. */
	OPENS(&fx.mine, "h", .level = BATCH);
	OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.other, "h", .reconnect = V2, .guid = 1, .id = fx.mine.file_id);
	stop();
}

/* Backs: B352, B389. */
static void test_another_user_gets_nothing_back(void **state)
{
	struct smb2_file_id v1, v2;

	(void)state;
	start();
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V1);
	v1 = fx.mine.file_id;
	OPENS(&fx.mine, "g", .key = 1, .state = R | H, .durable = V2, .guid = 1);
	v2 = fx.mine.file_id;
	come_back_as("alice", "share");
	OPEN_IS(STATUS_ACCESS_DENIED, &fx.mine, "f", .reconnect = V1, .id = v1);
	OPEN_IS(STATUS_ACCESS_DENIED, &fx.mine, "g", .key = 1, .reconnect = V2, .guid = 1, .id = v2);
	come_back();
	OPENS(&fx.mine, "f", .reconnect = V1, .id = v1);
	OPENS(&fx.mine, "g", .key = 1, .reconnect = V2, .guid = 1, .id = v2);
	stop();
}

static void test_another_share_gets_nothing_back(void **state)
{
	struct smb2_file_id old;

	(void)state;
	start();
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V1);
	old = fx.mine.file_id;
	come_back_as("user", "abe");
	OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.mine, "f", .reconnect = V1, .id = old);
	come_back();
	OPENS(&fx.mine, "f", .reconnect = V1, .id = old);
	stop();
}

/* --- what ends it --- */

/* Backs: B065, B547, D062. */
static void test_nobody_waits_for_ever(void **state)
{
	struct smb2_file_id early, late;

	(void)state;
	start();
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V1);
	early = fx.mine.file_id;
	OPENS(&fx.mine, "g", .level = BATCH, .durable = V2, .guid = 1, .timeout = 2 * DEFAULT_MS, .share = 8);
	late = fx.mine.file_id;
	come_back();
	sim_run(&fx.sim, DEFAULT_MS - 1000);
	OPENS(&fx.mine, "f", .reconnect = V1, .id = early);
	come_back();
	sim_run(&fx.sim, DEFAULT_MS - 1000);
	assert_true(any_kept());
	sim_run(&fx.sim, 2000);
	OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.mine, "f", .reconnect = V1, .id = early);
	assert_false(any_kept());
	OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.mine, "g", .reconnect = V2, .guid = 1, .id = late);
	OPENS(&fx.mine, "g", .share = 8);
	stop();
}

/* Backs: B113, B118, D065, G061. */
static void test_who_needs_the_file_closes_what_is_disconnected(void **state)
{
	static const struct wish holders[] = {
		{.name = "f", .level = BATCH, .durable = V1},
		{.name = "f", .key = 1, .state = 7, .durable = V2, .guid = 1},
		/* The lease lets others in, but this open does not. */
		{.name = "f", .key = 1, .state = R | H, .durable = V2, .guid = 1, .share = 1 | 8},
	};

	(void)state;
	start();
	for (size_t i = 0; i < ARRAY_LEN(holders); i++) {
		struct wish back = {.name = "f", .reconnect = holders[i].durable, .guid = 1, .key = holders[i].key};

		assert_status(open_as(&fx.mine, holders[i]), STATUS_SUCCESS);
		assert_true(fx.durable);
		back.id = fx.mine.file_id;
		come_back();
		assert_true(any_kept());
		OPENS(&fx.other, "f", .level = BATCH);
		assert_false(any_kept());
		/* It is alone, and did not wait. */
		assert_int_equal(fx.rsp.oplock_level, BATCH);
		assert_status(open_as(&fx.mine, back), STATUS_OBJECT_NAME_NOT_FOUND);
		assert_status(close_it(&fx.other), STATUS_SUCCESS);
	}
	stop();
}

/* Backs: B118. */
static void test_who_breaks_nothing_closes_nothing(void **state)
{
	struct smb2_file_id old;

	(void)state;
	start();
	OPENS(&fx.mine, "f", .key = 1, .state = R | H, .durable = V2, .guid = 1);
	old = fx.mine.file_id;
	come_back();
	OPENS(&fx.other, "f", .key = 2, .state = 7, .access = READ);
	assert_int_equal(fx.lease.lease_state, R | H);
	assert_true(any_kept());
	/* Writing ends what others read from their cache. */
	OPENS(&fx.other, "f");
	assert_true(any_kept());
	assert_status(write_with(&fx.other, fx.other.file_id), STATUS_SUCCESS);
	assert_false(any_kept());
	OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.mine, "f", .key = 1, .reconnect = V2, .guid = 1, .id = old);
	stop();
}

/* Two opens of a lease, one on a connection that is there: that one is told. Backs: B118. */
static void test_an_open_that_is_there_keeps_the_lease(void **state)
{
	struct guid same;
	struct raw second;
	struct smb2_break ack = {.structure_size = SMB2_BREAK_LEASE_ACK, .ack = {.lease_state = R | H, .lease_key = {0, 0, 0, 1}}};
	struct smb2_create_req req;
	struct smb2_file_id old;
	uint8_t frame[512];

	(void)state;
	start();
	same = fx.mine.config.guid;
	connect_as(&second, &same, 0x0302, "user", "share");
	OPENS(&fx.mine, "f", .key = 1, .state = 7, .durable = V2, .guid = 1);
	old = fx.mine.file_id;
	OPENS(&second, "f", .key = 1, .state = 7);
	come_back();
	assert_true(any_kept());
	req = request(&fx.other, &(struct wish){.name = "f"});
	raw_send(&fx.other, frame, raw_encode(&fx.other, frame, sizeof(frame), SMB2_CREATE, &req));
	assert_int_equal(load_le32(raw_receive(&fx.other).data + 8), STATUS_PENDING.code);
	assert_int_equal(load_le16(raw_receive(&second).data + 12), SMB2_OPLOCK_BREAK);
	assert_false(any_kept());
	assert_status(raw_call(&second, SMB2_OPLOCK_BREAK, &ack, NULL), STATUS_SUCCESS);
	assert_int_equal(load_le32(raw_receive(&fx.other).data + 8), 0);
	OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.mine, "f", .key = 1, .reconnect = V2, .guid = 1, .id = old);
	raw_close(&second);
	stop();
}

/* Backs: B552, G060. */
static void test_what_breaks_when_the_connection_goes_does_not_last(void **state)
{
	struct smb2_create_req req;
	uint8_t frame[512];

	(void)state;
	start();
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V1);
	req = request(&fx.other, &(struct wish){.name = "f"});
	raw_send(&fx.other, frame, raw_encode(&fx.other, frame, sizeof(frame), SMB2_CREATE, &req));
	assert_int_equal(load_le32(raw_receive(&fx.other).data + 8), STATUS_PENDING.code);
	assert_int_equal(load_le16(raw_receive(&fx.mine).data + 12), SMB2_OPLOCK_BREAK);
	come_back();
	assert_false(any_kept());
	assert_int_equal(load_le32(raw_receive(&fx.other).data + 8), 0);
	stop();
}

/* Between the moment in which a connection is over and that in which its opens have gone, whoever needs the file waits for the second. */
static void test_who_needs_the_file_waits_for_a_connection_to_have_ended(void **state)
{
	struct smb2_create_req req;
	uint8_t frame[512];

	(void)state;
	start();
	OPENS(&fx.mine, "f", .key = 1, .state = R | H, .durable = V2, .guid = 1, .share = 8);
	req = request(&fx.other, &(struct wish){.name = "f", .share = 8});
	raw_send(&fx.other, frame, raw_encode(&fx.other, frame, sizeof(frame), SMB2_CREATE, &req));
	atomic_store(&CONTAINER_OF(fx.sim.srv.conns.next, struct srv_conn, link)->net->state, NET_CONN_DRAINING);
	assert_int_equal(load_le32(raw_receive(&fx.other).data + 8), STATUS_PENDING.code);
	raw_close(&fx.mine);
	assert_int_equal(load_le32(raw_receive(&fx.other).data + 8), 0);
	assert_false(any_kept());
	raw_open_connection(&fx.mine, &fx.sim);
	stop();
}

/* The break of one that has come back is told there. */
static void test_the_new_connection_hears_of_breaks(void **state)
{
	struct smb2_break ack = {.structure_size = SMB2_BREAK_OPLOCK, .oplock = {.oplock_level = II}};
	struct smb2_file_id old;
	struct smb2_create_req req;
	uint8_t frame[512];
	struct slice f;

	(void)state;
	start();
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V1);
	old = fx.mine.file_id;
	come_back();
	OPENS(&fx.mine, "f", .reconnect = V1, .id = old);
	req = request(&fx.other, &(struct wish){.name = "f"});
	raw_send(&fx.other, frame, raw_encode(&fx.other, frame, sizeof(frame), SMB2_CREATE, &req));
	assert_int_equal(load_le32(raw_receive(&fx.other).data + 8), STATUS_PENDING.code);
	f = raw_receive(&fx.mine);
	assert_int_equal(load_le16(f.data + 12), SMB2_OPLOCK_BREAK);
	assert_true(load_le64(f.data + 64 + 8) == fx.mine.file_id.persistent && load_le64(f.data + 64 + 16) == fx.mine.file_id.volatile_id);
	ack.oplock.file_id = fx.mine.file_id;
	assert_status(raw_call(&fx.mine, SMB2_OPLOCK_BREAK, &ack, NULL), STATUS_SUCCESS);
	assert_int_equal(load_le32(raw_receive(&fx.other).data + 8), 0);
	/* Level II does not last. */
	old = fx.mine.file_id;
	come_back();
	OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.mine, "f", .reconnect = V1, .id = old);
	stop();
}

/* Backs: B289, D064. */
static void test_the_end_of_a_tree_is_the_end_of_its_opens(void **state)
{
	struct smb2_file_id old;

	(void)state;
	start();
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V1);
	old = fx.mine.file_id;
	assert_status(raw_call(&fx.mine, SMB2_TREE_DISCONNECT, &(struct smb2_empty){0}, NULL), STATUS_SUCCESS);
	assert_false(any_kept());
	assert_status(raw_tree(&fx.mine, "share"), STATUS_SUCCESS);
	OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.mine, "f", .reconnect = V1, .id = old);
	stop();
}

/* Backs: D064. */
static void test_the_end_of_a_share_is_the_end_of_what_is_disconnected(void **state)
{
	struct srv_share *share;
	struct smb2_file_id kept, attached;

	(void)state;
	start();
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V1);
	kept = fx.mine.file_id;
	come_back();
	OPENS(&fx.mine, "g", .level = BATCH, .durable = V1);
	attached = fx.mine.file_id;
	share = srv_share_find(&fx.sim.srv, raw_wide(&fx.mine, "share"));
	assert_non_null(share);
	assert_true(any_kept());
	srv_durable_retire(&fx.sim.srv, share);
	srv_share_put(share);
	assert_false(any_kept());
	OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.mine, "f", .reconnect = V1, .id = kept);
	/* Who has a file open goes on. */
	assert_status(write_with(&fx.mine, attached), STATUS_SUCCESS);
	come_back();
	assert_false(any_kept());
	stop();
}

/* Backs: B273, D063. */
static void test_logging_off_lets_go_of_durable_opens(void **state)
{
	struct smb2_file_id lasting, plain;

	(void)state;
	start();
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V1);
	lasting = fx.mine.file_id;
	OPENS(&fx.mine, "g", .level = BATCH);
	plain = fx.mine.file_id;
	assert_status(raw_call(&fx.mine, SMB2_LOGOFF, &(struct smb2_empty){0}, NULL), STATUS_SUCCESS);
	assert_true(any_kept());
	come_back();
	OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.mine, "g", .reconnect = V1, .id = plain);
	OPENS(&fx.mine, "f", .reconnect = V1, .id = lasting);
	stop();
}

/* Backs: D066. */
static void test_the_next_session_may_be_there_before_the_last_has_gone(void **state)
{
	struct guid same;
	struct raw again;
	struct smb2_file_id old;

	(void)state;
	start();
	same = fx.mine.config.guid;
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V2, .guid = 1);
	old = fx.mine.file_id;
	raw_open_connection(&again, &fx.sim);
	again.config.guid = same;
	assert_status(raw_negotiate(&again, 0x0302, 0x0302), STATUS_SUCCESS);
	again.previous_session_id = fx.mine.session_id;
	assert_status(raw_login(&again, "user", "pass"), STATUS_SUCCESS);
	assert_status(raw_tree(&again, "share"), STATUS_SUCCESS);
	OPENS(&again, "f", .reconnect = V2, .guid = 1, .id = old);
	assert_status(write_with(&again, again.file_id), STATUS_SUCCESS);
	assert_status(write_with(&fx.mine, old), STATUS_USER_SESSION_DELETED);
	raw_close(&again);
	stop();
}

static void test_delete_on_close_happens_when_nobody_comes(void **state)
{
	struct smb2_file_id old;

	(void)state;
	start();
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V1, .options = DELETE_ON_CLOSE);
	old = fx.mine.file_id;
	come_back();
	OPENS(&fx.mine, "f", .reconnect = V1, .id = old);
	come_back();
	/* Somebody else needs the file, so that it goes. */
	OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.other, "f", .disposition = OPEN);
	OPENS(&fx.mine, "g", .level = BATCH, .durable = V1, .options = DELETE_ON_CLOSE);
	come_back();
	sim_run(&fx.sim, DEFAULT_MS + 1000);
	come_back();
	OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.mine, "g", .disposition = OPEN);
	stop();
}

/* A file that is to go stands in nobody's way longer than its connection. */
static void test_a_file_that_is_deleted_does_not_last(void **state)
{
	uint8_t yes = 1;
	struct smb2_set_info_req req = {.info_type = 1, .file_info_class = 13, .input = slice_of(&yes, 1)};

	(void)state;
	start();
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V1);
	req.file_id = fx.mine.file_id;
	assert_status(raw_call(&fx.mine, SMB2_SET_INFO, &req, NULL), STATUS_SUCCESS);
	come_back();
	assert_false(any_kept());
	OPENS(&fx.other, "f", .disposition = CREATE);
	stop();
}

static void test_what_lost_clients_hold_is_bounded(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d"};
	struct smb2_file_id ids[4];
	unsigned back = 0;

	(void)state;
	start();
	fx.sim.srv.limits.disconnected_opens_per_user = 2;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_status(open_as(&fx.mine, (struct wish){.name = names[i], .level = BATCH, .durable = V1}), STATUS_SUCCESS);
		ids[i] = fx.mine.file_id;
	}
	come_back();
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		back += nt_ok(open_as(&fx.mine, (struct wish){.name = names[i], .reconnect = V1, .id = ids[i]}));
	assert_int_equal(back, 2);
	fx.sim.srv.limits.disconnected_opens = 1;
	come_back();
	come_back_as("alice", "share");
	OPENS(&fx.mine, "e", .level = BATCH, .durable = V1);
	ids[0] = fx.mine.file_id;
	come_back_as("alice", "share");
	OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.mine, "e", .reconnect = V1, .id = ids[0]);
	stop();
}

static void test_a_guest_leaves_nothing_behind(void **state)
{
	struct sim_options o = {.guest = true};

	(void)state;
	sim_start(&fx.sim, &o);
	raw_open_connection(&fx.mine, &fx.sim);
	assert_status(raw_negotiate(&fx.mine, 0x0302, 0x0302), STATUS_SUCCESS);
	assert_status(raw_login(&fx.mine, "nobody", "nothing"), STATUS_SUCCESS);
	assert_status(raw_tree(&fx.mine, "guest"), STATUS_SUCCESS);
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V1);
	assert_int_equal(fx.rsp.oplock_level, BATCH);
	assert_false(fx.durable);
	raw_close(&fx.mine);
	assert_false(any_kept());
	sim_stop(&fx.sim);
}

/* --- what stays with the open --- */

/* Backs: D067. */
static void test_locks_are_not_taken_twice(void **state)
{
	struct smb2_file_id old;

	(void)state;
	start();
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V2, .guid = 1);
	assert_status(lock_it(&fx.mine, 2 | 0x10, 0x15), STATUS_SUCCESS);
	assert_status(lock_it(&fx.mine, 2 | 0x10, 0x15), STATUS_SUCCESS);
	assert_status(lock_it(&fx.mine, 2 | 0x10, 0x16), STATUS_LOCK_NOT_GRANTED);
	assert_status(lock_it(&fx.mine, 4, 0x27), STATUS_SUCCESS);
	old = fx.mine.file_id;
	come_back();
	OPENS(&fx.mine, "f", .reconnect = V2, .guid = 1, .id = old);
	assert_status(lock_it(&fx.mine, 4, 0x27), STATUS_SUCCESS);
	assert_status(lock_it(&fx.mine, 4, 0x28), STATUS_RANGE_NOT_LOCKED);
	/* Without a durable open every LOCK counts. */
	OPENS(&fx.mine, "g", .level = BATCH);
	assert_status(lock_it(&fx.mine, 2 | 0x10, 0x15), STATUS_SUCCESS);
	assert_status(lock_it(&fx.mine, 2 | 0x10, 0x15), STATUS_LOCK_NOT_GRANTED);
	stop();
}

/* A LOCK that waits when the connection goes is over. */
static void test_a_lock_is_not_waited_for_without_a_connection(void **state)
{
	struct smb2_lock_element e = {.offset = 0, .length = 10, .flags = 2};
	struct smb2_lock_req lock = {.lock_count = 1, .locks = &e};
	struct smb2_file_id old;
	uint8_t frame[512];

	(void)state;
	start();
	OPENS(&fx.other, "f", .level = NONE);
	assert_status(lock_it(&fx.other, 2 | 0x10, 0), STATUS_SUCCESS);
	OPENS(&fx.mine, "f", .key = 1, .state = R | H, .durable = V2, .guid = 1);
	old = lock.file_id = fx.mine.file_id;
	raw_send(&fx.mine, frame, raw_encode(&fx.mine, frame, sizeof(frame), SMB2_LOCK, &lock));
	assert_int_equal(load_le32(raw_receive(&fx.mine).data + 8), STATUS_PENDING.code);
	come_back();
	assert_true(any_kept());
	assert_status(lock_it(&fx.other, 4, 0), STATUS_SUCCESS);
	OPENS(&fx.mine, "f", .key = 1, .reconnect = V2, .guid = 1, .id = old);
	/* Nobody has it. */
	assert_status(lock_it(&fx.mine, 2 | 0x10, 0), STATUS_SUCCESS);
	stop();
}

/* --- replays, 3.3.5.9.10 --- */

/* Backs: B370, B371, B374. */
static void test_a_create_is_carried_out_once(void **state)
{
	struct smb2_file_id first;

	(void)state;
	start();
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V2, .guid = 1, .disposition = CREATE);
	assert_int_equal(fx.rsp.create_action, CREATED);
	first = fx.mine.file_id;
	OPEN_IS(STATUS_DUPLICATE_OBJECTID, &fx.mine, "f", .level = BATCH, .durable = V2, .guid = 1);
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V2, .guid = 1, .disposition = CREATE, .replay = true);
	assert_memory_equal(&first, &fx.mine.file_id, sizeof(first));
	assert_int_equal(fx.rsp.create_action, CREATED);
	assert_int_equal(fx.rsp.oplock_level, BATCH);
	assert_true(fx.durable);
	assert_int_equal(fx.timeout, DEFAULT_MS);
	/* Another client has GUIDs of his own. */
	OPENS(&fx.other, "g", .level = BATCH, .durable = V2, .guid = 1);
	/* Whoever uses the file got the answer, and has nothing to replay. */
	assert_status(write_with(&fx.mine, first), STATUS_SUCCESS);
	OPEN_IS(STATUS_OBJECT_NAME_COLLISION, &fx.mine, "f", .level = BATCH, .durable = V2, .guid = 1, .disposition = CREATE, .replay = true);
	OPEN_IS(STATUS_DUPLICATE_OBJECTID, &fx.mine, "f", .level = BATCH, .durable = V2, .guid = 1);
	/* What is closed can be opened anew. */
	fx.mine.file_id = first;
	assert_status(close_it(&fx.mine), STATUS_SUCCESS);
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V2, .guid = 1);
	stop();
}

static void test_a_replay_of_something_else_is_denied(void **state)
{
	struct smb2_file_id first;

	(void)state;
	start();
	OPENS(&fx.mine, "f", .key = 1, .state = R | H, .durable = V2, .guid = 1);
	first = fx.mine.file_id;
	OPEN_IS(STATUS_ACCESS_DENIED, &fx.mine, "f", .key = 2, .state = R | H, .durable = V2, .guid = 1, .replay = true);
	OPEN_IS(STATUS_ACCESS_DENIED, &fx.mine, "f", .level = BATCH, .durable = V2, .guid = 1, .replay = true);
	OPENS(&fx.mine, "f", .key = 1, .state = R | H, .durable = V2, .guid = 1, .replay = true);
	assert_memory_equal(&first, &fx.mine.file_id, sizeof(first));
	assert_int_equal(fx.lease.lease_state, R | H);
	come_back_as("alice", "share");
	OPEN_IS(STATUS_ACCESS_DENIED, &fx.mine, "f", .key = 1, .state = R | H, .durable = V2, .guid = 1, .replay = true);
	stop();
}

/* The answer to a CREATE that was carried out was lost with its connection. Backs: D052. */
static void test_a_replay_brings_back_what_its_create_made(void **state)
{
	struct smb2_file_id first;

	(void)state;
	start();
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V2, .guid = 1, .disposition = CREATE);
	first = fx.mine.file_id;
	come_back();
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V2, .guid = 1, .disposition = CREATE, .replay = true);
	assert_true(first.persistent == fx.mine.file_id.persistent && first.volatile_id != fx.mine.file_id.volatile_id);
	assert_int_equal(fx.rsp.create_action, CREATED);
	assert_true(fx.durable);
	assert_status(write_with(&fx.mine, fx.mine.file_id), STATUS_SUCCESS);
	stop();
}

static void test_a_replay_of_a_create_that_waits_comes_too_early(void **state)
{
	struct smb2_create_req req;
	uint8_t frame[512];

	(void)state;
	start();
	OPENS(&fx.other, "f", .level = BATCH);
	req = request(&fx.mine, &(struct wish){.name = "f", .level = BATCH, .durable = V2, .guid = 1});
	raw_send(&fx.mine, frame, raw_encode(&fx.mine, frame, sizeof(frame), SMB2_CREATE, &req));
	assert_int_equal(load_le32(raw_receive(&fx.mine).data + 8), STATUS_PENDING.code);
	OPEN_IS(STATUS_FILE_NOT_AVAILABLE, &fx.mine, "f", .level = BATCH, .durable = V2, .guid = 1, .replay = true);
	OPEN_IS(STATUS_DUPLICATE_OBJECTID, &fx.mine, "f", .level = BATCH, .durable = V2, .guid = 1);
	assert_int_equal(load_le16(raw_receive(&fx.other).data + 12), SMB2_OPLOCK_BREAK);
	assert_status(close_it(&fx.other), STATUS_SUCCESS);
	assert_int_equal(load_le32(raw_receive(&fx.mine).data + 8), 0);
	OPENS(&fx.mine, "f", .level = BATCH, .durable = V2, .guid = 1, .replay = true);
	assert_int_equal(fx.rsp.oplock_level, BATCH);
	stop();
}

/* --- applications, 3.3.5.9.13 --- */

/* Backs: B393, A035. */
static void test_an_application_takes_its_file_along(void **state)
{
	struct smb2_file_id first, other_file;

	(void)state;
	start();
	OPENS(&fx.mine, "f", .level = 8, .durable = V2, .guid = 1, .app = 5, .share = 8);
	first = fx.mine.file_id;
	OPENS(&fx.mine, "g", .app = 5);
	other_file = fx.mine.file_id;
	/* Another application has to ask. */
	OPEN_IS(STATUS_SHARING_VIOLATION, &fx.mine, "f", .app = 5);
	OPEN_IS(STATUS_SHARING_VIOLATION, &fx.other, "f", .app = 6);
	OPENS(&fx.other, "f", .level = BATCH, .durable = V2, .guid = 1, .app = 5, .share = 8);
	assert_int_equal(fx.rsp.oplock_level, BATCH);
	assert_true(fx.durable);
	sim_run(&fx.sim, 100);
	assert_int_equal(fx.mine.queued, 0);
	assert_status(write_with(&fx.mine, first), STATUS_FILE_CLOSED);
	assert_status(write_with(&fx.mine, other_file), STATUS_SUCCESS);
	stop();
}

/* Backs: B369. */
static void test_the_application_comes_before_the_guid(void **state)
{
	struct smb2_file_id first;

	(void)state;
	start();
	OPENS(&fx.mine, "f", .level = 8, .durable = V2, .guid = 1, .app = 5);
	first = fx.mine.file_id;
	OPENS(&fx.other, "g", .level = BATCH, .durable = V2, .guid = 9);
	OPEN_IS(STATUS_DUPLICATE_OBJECTID, &fx.other, "f", .level = BATCH, .durable = V2, .guid = 9, .app = 5);
	assert_status(write_with(&fx.mine, first), STATUS_FILE_CLOSED);
	stop();
}

/* Everybody may do this much with the file. */
static void protect(struct raw *r, const char *name, uint32_t mask)
{
	struct ace e = {.type = ACE_ACCESS_ALLOWED, .mask = mask, .sid = sid_make(1, 1, (const uint32_t[]){0})};
	struct acl dacl = {.revision = 2, .ace_count = 1, .aces = &e};
	struct secdesc sd = {.control = SD_DACL_PRESENT, .dacl = &dacl};
	struct smb2_set_info_req set = {.info_type = 3, .additional_information = 4};
	uint8_t bytes[200];
	struct wire w = wire_encoder(bytes, 0, sizeof(bytes));

	secdesc_code(&w, &sd);
	assert_true(wire_ok(&w));
	OPENS(r, name);
	set.file_id = r->file_id;
	set.input = slice_of(bytes, w.pos);
	assert_status(raw_call(r, SMB2_SET_INFO, &set, NULL), STATUS_SUCCESS);
	assert_status(close_it(r), STATUS_SUCCESS);
}

/* Backs: B393. */
static void test_who_may_not_read_the_file_takes_it_from_nobody(void **state)
{
	(void)state;
	start();
	OPENS(&fx.mine, "f", .app = 5);
	protect(&fx.other, "f", 0x100086);
	OPENS(&fx.other, "f", .access = 0x80, .app = 5);
	assert_status(write_with(&fx.mine, fx.mine.file_id), STATUS_SUCCESS);
	stop();
}

/* Backs: B392. */
static void test_coming_back_leaves_other_instances_alone(void **state)
{
	struct smb2_file_id first;

	(void)state;
	start();
	OPENS(&fx.mine, "f", .key = 1, .state = R | H, .durable = V2, .guid = 1);
	first = fx.mine.file_id;
	OPENS(&fx.other, "f", .key = 1, .state = R | H, .app = 5);
	come_back();
	OPENS(&fx.mine, "f", .key = 1, .reconnect = V2, .guid = 1, .id = first, .app = 5);
	assert_status(close_it(&fx.other), STATUS_SUCCESS);
	stop();
}

/* One that is disconnected is closed, too. */
static void test_an_application_moves_after_its_machine_has_gone(void **state)
{
	(void)state;
	start();
	OPENS(&fx.mine, "f", .key = 1, .state = R | H, .durable = V2, .guid = 1, .app = 5);
	come_back();
	assert_true(any_kept());
	OPENS(&fx.other, "f", .key = 1, .state = R | H, .access = READ, .app = 5);
	assert_false(any_kept());
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_may_cache_the_handle_is_granted_it),
		cmocka_unit_test(test_beside_others_there_is_no_batch_to_last),
		cmocka_unit_test(test_the_first_form_comes_back),
		cmocka_unit_test(test_the_second_form_comes_back),
		cmocka_unit_test(test_coming_back_wins_over_asking_anew),
		cmocka_unit_test(test_leases_come_back_to_their_client_by_key_and_name),
		cmocka_unit_test(test_an_oplock_comes_back_without_a_lease),
		cmocka_unit_test(test_an_open_that_is_attached_is_nobodys_to_have),
		cmocka_unit_test(test_another_user_gets_nothing_back),
		cmocka_unit_test(test_another_share_gets_nothing_back),
		cmocka_unit_test(test_nobody_waits_for_ever),
		cmocka_unit_test(test_who_needs_the_file_closes_what_is_disconnected),
		cmocka_unit_test(test_who_breaks_nothing_closes_nothing),
		cmocka_unit_test(test_an_open_that_is_there_keeps_the_lease),
		cmocka_unit_test(test_what_breaks_when_the_connection_goes_does_not_last),
		cmocka_unit_test(test_who_needs_the_file_waits_for_a_connection_to_have_ended),
		cmocka_unit_test(test_the_new_connection_hears_of_breaks),
		cmocka_unit_test(test_the_end_of_a_tree_is_the_end_of_its_opens),
		cmocka_unit_test(test_the_end_of_a_share_is_the_end_of_what_is_disconnected),
		cmocka_unit_test(test_logging_off_lets_go_of_durable_opens),
		cmocka_unit_test(test_the_next_session_may_be_there_before_the_last_has_gone),
		cmocka_unit_test(test_delete_on_close_happens_when_nobody_comes),
		cmocka_unit_test(test_a_file_that_is_deleted_does_not_last),
		cmocka_unit_test(test_what_lost_clients_hold_is_bounded),
		cmocka_unit_test(test_a_guest_leaves_nothing_behind),
		cmocka_unit_test(test_locks_are_not_taken_twice),
		cmocka_unit_test(test_a_lock_is_not_waited_for_without_a_connection),
		cmocka_unit_test(test_a_create_is_carried_out_once),
		cmocka_unit_test(test_a_replay_of_something_else_is_denied),
		cmocka_unit_test(test_a_replay_brings_back_what_its_create_made),
		cmocka_unit_test(test_a_replay_of_a_create_that_waits_comes_too_early),
		cmocka_unit_test(test_an_application_takes_its_file_along),
		cmocka_unit_test(test_the_application_comes_before_the_guid),
		cmocka_unit_test(test_who_may_not_read_the_file_takes_it_from_nobody),
		cmocka_unit_test(test_coming_back_leaves_other_instances_alone),
		cmocka_unit_test(test_an_application_moves_after_its_machine_has_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

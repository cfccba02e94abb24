/* Sessions with several connections: binding them and being refused, what each may, and what is left when some are lost ([MS-SMB2] 3.3.5.5,
 * 3.3.5.5.3, 3.3.5.2.10, 3.3.4.6, 3.3.4.7, 3.3.5.6, 3.3.7.1). */
#include "sim.h"

#include "server/conn.h"
#include "server/tables.h"
#include "wire/fsctl.h"

enum { ALL = 0x1F01FF, OPEN_IF = 3, OPEN = 1, R = 1, H = 2, W = 4, NONE = 0, II = 1, BATCH = 9, LEASE = 0xFF };
enum { CHANNELS_MOST = 32 };

/* `a` and `b` are connections of one client; `other` is one of another. */
static struct {
	struct sim sim;
	struct raw a, b, other;
} fx;

static struct smb2_empty empty;

static void negotiate_as(struct raw *r, const struct guid *client, uint16_t dialect)
{
	raw_open_connection(r, &fx.sim);
	r->config.capabilities = SMB2_GLOBAL_CAP_LEASING | SMB2_GLOBAL_CAP_DIRECTORY_LEASING | SMB2_GLOBAL_CAP_MULTI_CHANNEL;
	if (client)
		r->config.guid = *client;
	assert_status(raw_negotiate(r, dialect, dialect), STATUS_SUCCESS);
}

static void ready(struct raw *r, const struct guid *client, uint16_t dialect, const char *user)
{
	negotiate_as(r, client, dialect);
	assert_status(raw_login(r, user, strcmp(user, "user") == 0 ? "pass" : "secret"), STATUS_SUCCESS);
	assert_status(raw_tree(r, "share"), STATUS_SUCCESS);
}

/* A session on `a`, and `b` about to be bound to it. */
static void start_unbound(uint16_t dialect)
{
	sim_start(&fx.sim, &(struct sim_options){.multichannel = true});
	ready(&fx.a, NULL, dialect, "user");
	negotiate_as(&fx.b, &fx.a.config.guid, dialect);
}

static void bind_b(void)
{
	assert_status(raw_bind(&fx.b, &fx.a, "user", "pass"), STATUS_SUCCESS);
}

static void start(void)
{
	start_unbound(0x0302);
	bind_b();
	ready(&fx.other, NULL, 0x0302, "user");
}

/* b first: it has keys of a's. */
static void stop_two(void)
{
	raw_close(&fx.b);
	raw_close(&fx.a);
	sim_stop(&fx.sim);
}

static void stop(void)
{
	raw_close(&fx.other);
	stop_two();
}

static void again(struct raw *r)
{
	uint16_t dialect = r->proto.dialect;

	raw_close(r);
	negotiate_as(r, &fx.a.config.guid, dialect);
}

static ntstatus write_by(struct raw *r)
{
	struct smb2_write_req req = {.file_id = r->file_id, .data = slice_of("data", 4)};

	return raw_call(r, SMB2_WRITE, &req, NULL);
}

static ntstatus close_by(struct raw *r)
{
	return raw_call(r, SMB2_CLOSE, &(struct smb2_close_req){.file_id = r->file_id}, NULL);
}

static void post(struct raw *r, uint16_t command, const void *req)
{
	uint8_t frame[1024];

	raw_send(r, frame, raw_encode(r, frame, sizeof(frame), command, req));
}

static uint32_t next_status(struct raw *r)
{
	struct slice f = raw_receive(r);

	assert_true(f.len >= SMB2_HEADER_SIZE);
	return load_le32(f.data + 8);
}

static bool is_signed_by(const struct raw *r, const struct proto_keys *keys)
{
	return (r->header.flags & SMB2_FLAGS_SIGNED) != 0 && nt_ok(proto_verify(keys, (uint8_t *)(uintptr_t)r->answer.data, r->answer.len, true));
}

static size_t sessions(void)
{
	return fx.sim.srv.sessions.count;
}

/* --- binding --- */

/* Backs: B046, B054, B063, B179, B240, B258, B266, B268, D048, D050. */
static void test_a_bound_connection_has_the_files_of_the_session_and_a_key_of_its_own(void **state)
{
	static const uint16_t dialects[] = {0x0300, 0x0302, 0x0311};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		start_unbound(dialects[i]);
		assert_true((fx.a.proto.server_capabilities & SMB2_GLOBAL_CAP_MULTI_CHANNEL) != 0);
		assert_status(raw_open(&fx.a, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
		bind_b();
		assert_int_equal(fx.b.header.session_id, fx.a.session_id);
		assert_true(is_signed_by(&fx.b, &fx.b.keys));
		assert_status(write_by(&fx.b), STATUS_SUCCESS);
		assert_true(is_signed_by(&fx.b, &fx.b.keys));
		fx.a.sign = true;
		assert_status(write_by(&fx.a), STATUS_SUCCESS);
		assert_true(is_signed_by(&fx.a, &fx.a.keys) && !is_signed_by(&fx.a, &fx.b.keys));
		assert_status(raw_open(&fx.b, "g", ALL, OPEN_IF, 0), STATUS_SUCCESS);
		fx.a.file_id = fx.b.file_id;
		assert_status(close_by(&fx.a), STATUS_SUCCESS);
		assert_status(close_by(&fx.b), STATUS_FILE_CLOSED);
		assert_int_equal(sessions(), 1);
		stop_two();
	}
}

/* One leg of a binding; the answer stays in b. */
static ntstatus first_leg(void)
{
	struct smb2_session_setup_req req = {.security_mode = 1, .flags = SMB2_SESSION_FLAG_BINDING};
	struct auth_client_config cfg = {.user = "user", .password = "pass", .domain = "", .target_host = "sim", .clock = &fx.sim.clock.clock};
	struct auth_client *auth = auth_client_new(&cfg);
	struct smb2_session_setup_rsp rsp = {0};
	ntstatus status;

	assert_non_null(auth);
	fx.b.session_id = fx.a.session_id;
	fx.b.keys = fx.a.keys;
	fx.b.sign = true;
	status = auth_client_step(auth, slice_of(NULL, 0), &fx.b.arena, &req.security_buffer);
	assert_true(nt_is(status, STATUS_MORE_PROCESSING_REQUIRED));
	status = raw_call(&fx.b, SMB2_SESSION_SETUP, &req, &rsp);
	auth_client_free(auth);
	return status;
}

/* What first_leg lent. */
static void give_back(void)
{
	fx.b.keys = (struct proto_keys){0};
	fx.b.sign = false;
}

/* Backs: B082, B271, D009. */
static void test_the_legs_before_are_signed_with_the_key_of_the_session(void **state)
{
	static const uint16_t dialects[] = {0x0300, 0x0311};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		start_unbound(dialects[i]);
		assert_status(first_leg(), STATUS_MORE_PROCESSING_REQUIRED);
		assert_true(is_signed_by(&fx.b, &fx.a.keys));
		assert_status(raw_call(&fx.b, SMB2_SESSION_SETUP, &(struct smb2_session_setup_req){.flags = SMB2_SESSION_FLAG_BINDING}, NULL),
			STATUS_INVALID_PARAMETER);
		assert_true(is_signed_by(&fx.b, &fx.a.keys));
		give_back();
		stop_two();
	}
}

/* Backs: B203. */
static void test_half_a_binding_is_none(void **state)
{
	struct smb2_session_setup_req plain = {.security_mode = 1};
	struct slice frame;

	(void)state;
	start_unbound(0x0302);
	assert_status(first_leg(), STATUS_MORE_PROCESSING_REQUIRED);
	fx.b.tree_id = fx.a.tree_id;
	assert_status(raw_open(&fx.b, "f", ALL, OPEN_IF, 0), STATUS_USER_SESSION_DELETED);
	assert_status(raw_call(&fx.b, SMB2_LOGOFF, &empty, NULL), STATUS_USER_SESSION_DELETED);
	assert_status(raw_call(&fx.b, SMB2_SESSION_SETUP, &plain, NULL), STATUS_USER_SESSION_DELETED);
	/* Nor may it be sealed. */
	fx.b.seal = true;
	post(&fx.b, SMB2_ECHO, &empty);
	frame = raw_receive(&fx.b);
	assert_true(frame.len == 0 && fx.b.closed);
	give_back();
	assert_status(raw_open(&fx.a, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	stop_two();
}

/* Who fails to bind has lost his time, and the session nothing. */
static void refused(ntstatus expected, const char *user, const char *password)
{
	assert_status(raw_bind(&fx.b, &fx.a, user, password), expected);
	assert_status(raw_open(&fx.a, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	assert_status(close_by(&fx.a), STATUS_SUCCESS);
	assert_int_equal(sessions(), 1);
}

/* Backs: B245, G032, G033. */
static void test_only_the_same_user_gets_in(void **state)
{
	(void)state;
	start_unbound(0x0311);
	refused(STATUS_ACCESS_DENIED, "alice", "secret");
	again(&fx.b);
	refused(STATUS_ACCESS_DENIED, NULL, NULL);
	again(&fx.b);
	refused(STATUS_LOGON_FAILURE, "user", "wrong");
	again(&fx.b);
	bind_b();
	/* It is there already. */
	fx.b.binding = true;
	assert_status(raw_call(&fx.b, SMB2_SESSION_SETUP, &(struct smb2_session_setup_req){.flags = SMB2_SESSION_FLAG_BINDING}, NULL),
		STATUS_REQUEST_NOT_ACCEPTED);
	assert_status(write_by(&fx.b), STATUS_FILE_CLOSED);
	stop_two();
}

/* Backs: B178, B240, B242. */
static void test_who_has_only_the_id_of_a_session_does_not_get_in(void **state)
{
	struct smb2_session_setup_req req = {.flags = SMB2_SESSION_FLAG_BINDING};

	(void)state;
	start_unbound(0x0302);
	/* Right user and password, no key. */
	fx.b.bind_unsigned = true;
	refused(STATUS_INVALID_PARAMETER, "user", "pass");
	fx.b.bind_unsigned = false;
	fx.b.bad_signature = true;
	refused(STATUS_ACCESS_DENIED, "user", "pass");
	/* Without binding at all. */
	fx.b.session_id = fx.a.session_id;
	fx.b.tree_id = fx.a.tree_id;
	assert_status(raw_open(&fx.b, "f", ALL, OPEN_IF, 0), STATUS_USER_SESSION_DELETED);
	/* In the middle of a binding, too. */
	assert_status(first_leg(), STATUS_MORE_PROCESSING_REQUIRED);
	fx.b.sign = false;
	assert_status(raw_call(&fx.b, SMB2_SESSION_SETUP, &req, NULL), STATUS_INVALID_PARAMETER);
	give_back();
	/* No such session. */
	fx.b.session_id = fx.a.session_id + 1;
	assert_status(raw_call(&fx.b, SMB2_SESSION_SETUP, &req, NULL), STATUS_USER_SESSION_DELETED);
	fx.b.sign = true;
	fx.b.keys = fx.a.keys;
	assert_status(raw_call(&fx.b, SMB2_SESSION_SETUP, &req, NULL), STATUS_USER_SESSION_DELETED);
	assert_true((fx.b.header.flags & SMB2_FLAGS_SIGNED) != 0);
	give_back();
	stop_two();
}

/* Backs: B241, B247. */
static void test_every_connection_speaks_what_the_first_does(void **state)
{
	static const struct {
		uint16_t first, second;
		uint32_t status;
	} cases[] = {
		{0x0300, 0x0302, 0xC000000D}, {0x0302, 0x0300, 0xC000000D}, {0x0210, 0x0302, 0xC000000D}, {0x0302, 0x0210, 0xC00000D0},
		{0x0210, 0x0210, 0xC00000D0}, {0x0202, 0x0202, 0xC00000D0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		start_unbound(cases[i].first);
		raw_close(&fx.b);
		negotiate_as(&fx.b, &fx.a.config.guid, cases[i].second);
		refused((ntstatus){cases[i].status}, "user", "pass");
		/* Whoever has the key can rely on the refusal. */
		assert_true(is_signed_by(&fx.b, &fx.a.keys));
		stop_two();
	}
}

static void negotiate_signing(struct raw *r, const struct guid *client, uint16_t signing)
{
	raw_open_connection(r, &fx.sim);
	r->config.capabilities = SMB2_GLOBAL_CAP_MULTI_CHANNEL;
	r->config.signings[0] = signing;
	r->config.signing_count = 1;
	if (client)
		r->config.guid = *client;
	assert_status(raw_negotiate(r, 0x0311, 0x0311), STATUS_SUCCESS);
}

/* GMAC on one side only is refused; the others mix. Between HMAC and CMAC the key of the session still signs what fails. */
static void test_algorithms_of_signing(void **state)
{
	static const struct {
		uint16_t first, second;
		uint32_t status;
	} cases[] = {
		{SIGN_AES_CMAC, SIGN_HMAC_SHA256, 0}, {SIGN_HMAC_SHA256, SIGN_AES_CMAC, 0}, {SIGN_AES_GMAC, SIGN_AES_GMAC, 0},
		{SIGN_AES_GMAC, SIGN_AES_CMAC, 0xC000042A}, {SIGN_AES_CMAC, SIGN_AES_GMAC, 0xC00000BB},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		sim_start(&fx.sim, &(struct sim_options){.multichannel = true});
		negotiate_signing(&fx.a, NULL, cases[i].first);
		assert_status(raw_login(&fx.a, "user", "pass"), STATUS_SUCCESS);
		assert_status(raw_tree(&fx.a, "share"), STATUS_SUCCESS);
		negotiate_signing(&fx.b, &fx.a.config.guid, cases[i].second);
		if (cases[i].status != 0) {
			refused((ntstatus){cases[i].status}, "user", "pass");
		} else {
			bind_b();
			assert_status(raw_open(&fx.b, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
			assert_true(is_signed_by(&fx.b, &fx.b.keys));
		}
		stop_two();
	}
}

/* A SESSION_SETUP with both flags; whatever its signature is, there is no key to check it with. */
static ntstatus sign_nothing_and_bind(void)
{
	struct smb2_session_setup_req req = {.flags = SMB2_SESSION_FLAG_BINDING};

	fx.b.session_id = fx.a.session_id;
	fx.b.flags = SMB2_FLAGS_SIGNED;
	return raw_call(&fx.b, SMB2_SESSION_SETUP, &req, NULL);
}

/* Backs: B243, B244. */
static void test_sessions_that_nobody_can_be_bound_to(void **state)
{
	(void)state;
	sim_start(&fx.sim, &(struct sim_options){.multichannel = true, .guest = true});
	negotiate_as(&fx.a, NULL, 0x0302);
	negotiate_as(&fx.b, &fx.a.config.guid, 0x0302);
	/* Not logged on yet: there is no key, and so no signature to look at. */
	assert_status(raw_login_begin(&fx.a), STATUS_MORE_PROCESSING_REQUIRED);
	assert_status(sign_nothing_and_bind(), STATUS_REQUEST_NOT_ACCEPTED);
	raw_close(&fx.a);
	negotiate_as(&fx.a, NULL, 0x0302);
	assert_status(raw_login(&fx.a, NULL, NULL), STATUS_SUCCESS);
	assert_status(sign_nothing_and_bind(), STATUS_NOT_SUPPORTED);
	raw_close(&fx.a);
	negotiate_as(&fx.a, NULL, 0x0302);
	assert_status(raw_login(&fx.a, "nobody", "whatever"), STATUS_SUCCESS);
	assert_status(sign_nothing_and_bind(), STATUS_NOT_SUPPORTED);
	stop_two();
}

/* Backs: B206, B072. */
static void test_a_sealed_session_is_sealed_on_every_connection(void **state)
{
	(void)state;
	sim_start(&fx.sim, &(struct sim_options){.multichannel = true, .encrypt_sessions = true});
	negotiate_as(&fx.a, NULL, 0x0311);
	assert_status(raw_login(&fx.a, "user", "pass"), STATUS_SUCCESS);
	fx.a.seal = true;
	negotiate_as(&fx.b, &fx.a.config.guid, 0x0311);
	bind_b();
	fx.b.seal = true;
	assert_status(raw_tree(&fx.b, "share"), STATUS_SUCCESS);
	assert_status(raw_open(&fx.b, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	fx.a.tree_id = fx.b.tree_id;
	fx.a.file_id = fx.b.file_id;
	assert_status(write_by(&fx.a), STATUS_SUCCESS);
	fx.b.seal = false;
	assert_status(write_by(&fx.b), STATUS_ACCESS_DENIED);
	stop_two();
}

static void test_a_connection_with_another_cipher_is_refused(void **state)
{
	(void)state;
	start_unbound(0x0311);
	raw_close(&fx.b);
	raw_open_connection(&fx.b, &fx.sim);
	fx.b.config.capabilities = SMB2_GLOBAL_CAP_MULTI_CHANNEL;
	fx.b.config.ciphers[0] = SEAL_AES128_CCM;
	fx.b.config.cipher_count = 1;
	assert_status(raw_negotiate(&fx.b, 0x0311, 0x0311), STATUS_SUCCESS);
	refused(STATUS_INVALID_PARAMETER, "user", "pass");
	stop_two();
}

/* Backs: B249, G030, G031. */
static void test_logging_on_again_on_a_bound_connection_leaves_its_key(void **state)
{
	(void)state;
	start_unbound(0x0302);
	bind_b();
	fx.b.have_keys = true;
	assert_status(raw_login(&fx.b, "user", "pass"), STATUS_SUCCESS);
	assert_true(is_signed_by(&fx.b, &fx.b.keys));
	assert_status(raw_open(&fx.b, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	assert_true(is_signed_by(&fx.b, &fx.b.keys));
	fx.a.file_id = fx.b.file_id;
	assert_status(write_by(&fx.a), STATUS_SUCCESS);
	/* With the wrong password it is the session that ends, wherever it was. */
	assert_status(raw_login(&fx.b, "user", "wrong"), STATUS_LOGON_FAILURE);
	assert_status(write_by(&fx.a), STATUS_USER_SESSION_DELETED);
	assert_int_equal(sessions(), 0);
	stop_two();
}

/* Backs: B247. */
static void test_without_multichannel_there_is_no_binding(void **state)
{
	(void)state;
	sim_start(&fx.sim, NULL);
	ready(&fx.a, NULL, 0x0302, "user");
	negotiate_as(&fx.b, &fx.a.config.guid, 0x0302);
	assert_true((fx.a.proto.server_capabilities & SMB2_GLOBAL_CAP_MULTI_CHANNEL) == 0);
	refused(STATUS_REQUEST_NOT_ACCEPTED, "user", "pass");
	stop_two();
}

static void test_connections_of_a_session_are_bounded(void **state)
{
	static struct raw more[CHANNELS_MOST];

	(void)state;
	start_unbound(0x0302);
	for (size_t i = 0; i < CHANNELS_MOST; i++) {
		bool last = i + 1 == CHANNELS_MOST;

		negotiate_as(&more[i], &fx.a.config.guid, 0x0302);
		assert_status(raw_bind(&more[i], &fx.a, "user", "pass"), last ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS);
	}
	for (size_t i = 0; i < CHANNELS_MOST; i++)
		raw_close(&more[i]);
	bind_b();
	stop_two();
}

/* --- losing --- */

/* Backs: B551, D051. */
static void test_a_session_lives_as_long_as_one_of_its_connections(void **state)
{
	(void)state;
	start();
	assert_status(raw_open(&fx.a, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	fx.b.file_id = fx.a.file_id;
	net_conn_close(fx.a.net, false);
	sim_run(&fx.sim, 100);
	assert_int_equal(sessions(), 2);
	assert_status(write_by(&fx.b), STATUS_SUCCESS);
	assert_status(raw_open(&fx.b, "g", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	net_conn_close(fx.b.net, false);
	sim_run(&fx.sim, 100);
	assert_int_equal(sessions(), 1);
	stop();
}

/* A binding under way keeps no session alive, and a session that ends takes it along. */
static void test_a_binding_under_way_is_no_connection(void **state)
{
	(void)state;
	start_unbound(0x0302);
	assert_status(first_leg(), STATUS_MORE_PROCESSING_REQUIRED);
	net_conn_close(fx.a.net, false);
	sim_run(&fx.sim, 100);
	assert_int_equal(sessions(), 0);
	assert_status(raw_call(&fx.b, SMB2_SESSION_SETUP, &(struct smb2_session_setup_req){.flags = SMB2_SESSION_FLAG_BINDING}, NULL),
		STATUS_USER_SESSION_DELETED);
	give_back();
	stop_two();
}

static struct smb2_change_notify_req watch_root(struct raw *r)
{
	assert_status(raw_open(r, "", 0x1, OPEN, 1), STATUS_SUCCESS);
	return (struct smb2_change_notify_req){.output_buffer_length = 4096, .file_id = r->file_id, .completion_filter = 0xFFF};
}

/* Backs: B274, D056. */
static void test_logoff_on_one_connection_ends_the_session_on_all(void **state)
{
	struct smb2_change_notify_req req;

	(void)state;
	start();
	req = watch_root(&fx.a);
	post(&fx.a, SMB2_CHANGE_NOTIFY, &req);
	assert_int_equal(next_status(&fx.a), STATUS_PENDING.code);
	assert_status(raw_call(&fx.b, SMB2_LOGOFF, &empty, NULL), STATUS_SUCCESS);
	assert_true(is_signed_by(&fx.b, &fx.b.keys));
	assert_int_equal(next_status(&fx.a), 0x10B); /* NOTIFY_CLEANUP */
	assert_status(write_by(&fx.a), STATUS_USER_SESSION_DELETED);
	assert_status(write_by(&fx.b), STATUS_USER_SESSION_DELETED);
	assert_int_equal(sessions(), 1);
	stop();
}

static ntstatus lock_by(struct raw *r)
{
	struct smb2_lock_element e = {.offset = 0, .length = 10, .flags = 2 | 0x10};

	return raw_call(r, SMB2_LOCK, &(struct smb2_lock_req){.file_id = r->file_id, .lock_count = 1, .locks = &e}, NULL);
}

static void post_lock(struct raw *r)
{
	struct smb2_lock_element e = {.offset = 0, .length = 10, .flags = 2};

	post(r, SMB2_LOCK, &(struct smb2_lock_req){.file_id = r->file_id, .lock_count = 1, .locks = &e});
	assert_int_equal(next_status(r), STATUS_PENDING.code);
}

static void test_closing_on_one_connection_ends_what_waits_on_another(void **state)
{
	(void)state;
	start();
	assert_status(raw_open(&fx.other, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	assert_status(lock_by(&fx.other), STATUS_SUCCESS);
	assert_status(raw_open(&fx.a, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	fx.b.file_id = fx.a.file_id;
	post_lock(&fx.a);
	assert_status(close_by(&fx.b), STATUS_SUCCESS);
	assert_int_equal(next_status(&fx.a), STATUS_RANGE_NOT_LOCKED.code);
	stop();
}

/* Backs: B557. */
static void test_what_waits_on_a_lost_connection_is_cancelled(void **state)
{
	(void)state;
	start();
	assert_status(raw_open(&fx.other, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	assert_status(lock_by(&fx.other), STATUS_SUCCESS);
	assert_status(raw_open(&fx.a, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	fx.b.file_id = fx.a.file_id;
	post_lock(&fx.a);
	net_conn_close(fx.a.net, false);
	sim_run(&fx.sim, 100);
	assert_status(close_by(&fx.other), STATUS_SUCCESS);
	/* The range went to nobody. */
	assert_status(lock_by(&fx.b), STATUS_SUCCESS);
	stop();
}

/* Backs: B269. */
static void test_the_next_session_ends_the_previous_one_on_all_connections(void **state)
{
	(void)state;
	start();
	raw_close(&fx.other);
	negotiate_as(&fx.other, NULL, 0x0302);
	fx.other.previous_session_id = fx.a.session_id;
	assert_status(raw_login(&fx.other, "user", "pass"), STATUS_SUCCESS);
	assert_status(write_by(&fx.a), STATUS_USER_SESSION_DELETED);
	assert_status(write_by(&fx.b), STATUS_USER_SESSION_DELETED);
	assert_int_equal(sessions(), 1);
	stop();
}

/* --- breaks --- */

static struct smb2_create_req create_req(struct raw *r, uint8_t level)
{
	return (struct smb2_create_req){
		.impersonation_level = 2, .desired_access = ALL, .share_access = 7, .create_disposition = OPEN_IF,
		.requested_oplock_level = level, .name = raw_wide(r, "f"),
	};
}

static void open_batch(struct raw *r)
{
	struct smb2_create_req req = create_req(r, BATCH);
	struct smb2_create_rsp rsp = {0};

	assert_status(raw_call(r, SMB2_CREATE, &req, &rsp), STATUS_SUCCESS);
	assert_int_equal(rsp.oplock_level, BATCH);
	r->file_id = rsp.file_id;
}

static void open_leased(struct raw *r)
{
	struct smb2_ctx_lease m = {.lease_state = R | H | W, .lease_key = {7}};
	uint8_t data[64], list_mem[128];
	struct wire w = wire_encoder(data, 0, sizeof(data)), list = wire_encoder(list_mem, 0, sizeof(list_mem));
	struct smb2_create_req req = create_req(r, LEASE);
	struct smb2_create_rsp rsp = {0};

	smb2_ctx_lease_v2_code(&w, &m);
	smb2_create_context_put(&list, slice_of("RqLs", 4), slice_of(data, w.pos));
	req.contexts = slice_of(list_mem, list.pos);
	assert_status(raw_call(r, SMB2_CREATE, &req, &rsp), STATUS_SUCCESS);
	assert_int_equal(rsp.oplock_level, LEASE);
	r->file_id = rsp.file_id;
}

/* `other` opens what somebody holds; he waits. */
static void post_other(void)
{
	struct smb2_create_req req = create_req(&fx.other, NONE);

	post(&fx.other, SMB2_CREATE, &req);
	assert_int_equal(next_status(&fx.other), STATUS_PENDING.code);
}

static void take_break(struct raw *r)
{
	struct slice f = raw_receive(r);

	assert_true(f.len > SMB2_HEADER_SIZE);
	assert_int_equal(load_le16(f.data + 12), SMB2_OPLOCK_BREAK);
	assert_true(load_le64(f.data + 24) == UINT64_MAX);
}

static void acknowledge_by(struct raw *r, bool lease)
{
	struct smb2_break ack = {.structure_size = SMB2_BREAK_OPLOCK, .oplock = {.oplock_level = II, .file_id = r->file_id}};
	struct smb2_break lease_ack = {.structure_size = SMB2_BREAK_LEASE_ACK, .ack = {.lease_key = {7}, .lease_state = R | H}};

	assert_status(raw_call(r, SMB2_OPLOCK_BREAK, lease ? &lease_ack : &ack, &(struct smb2_break){0}), STATUS_SUCCESS);
}

static void start_cached(bool lease)
{
	start();
	if (lease)
		open_leased(&fx.a);
	else
		open_batch(&fx.a);
	fx.b.file_id = fx.a.file_id;
}

/* Backs: B112, B117, D055. */
static void test_a_break_is_told_where_the_session_still_is(void **state)
{
	(void)state;
	for (int lease = 0; lease < 2; lease++) {
		start_cached(lease);
		net_conn_close(fx.a.net, false);
		sim_run(&fx.sim, 100);
		post_other();
		take_break(&fx.b);
		acknowledge_by(&fx.b, lease);
		assert_int_equal(next_status(&fx.other), 0);
		stop();
	}
}

static struct srv_conn *served(struct raw *r)
{
	struct srv_session *s = srv_session_find_global(&fx.sim.srv, r->session_id);
	struct srv_conn *c = list_entry(s->channels.next, struct srv_channel, on_session)->conn;

	srv_session_put(s);
	return c;
}

/* What does not arrive on the first connection is told again on the second, and the first is given up. Backs: B112, D055. */
static void test_a_break_that_does_not_arrive_is_told_elsewhere(void **state)
{
	(void)state;
	for (int lease = 0; lease < 2; lease++) {
		start_cached(lease);
		served(&fx.a)->test_unacked = true;
		post_other();
		take_break(&fx.b);
		sim_run(&fx.sim, 100);
		assert_true(fx.a.closed);
		acknowledge_by(&fx.b, lease);
		assert_int_equal(next_status(&fx.other), 0);
		stop();
	}
}

/* The time to answer is what it is, however often the holder was told. */
static void test_who_never_answers_delays_others_no_longer_for_having_two_connections(void **state)
{
	uint64_t began;

	(void)state;
	start();
	open_batch(&fx.a);
	served(&fx.a)->test_unacked = true;
	post_other();
	began = fx.sim.clock.now_ms;
	take_break(&fx.b);
	assert_int_equal(next_status(&fx.other), 0);
	assert_in_range(fx.sim.clock.now_ms - began, 34000, 36000);
	stop();
}

/* --- replays and the channel sequence --- */

static struct smb2_create_req durable_req(struct raw *r, uint8_t mem[128])
{
	struct smb2_ctx_dh2q_req ctx = {.create_guid = {.b = {1, 2, 3}}};
	uint8_t data[64];
	struct wire w = wire_encoder(data, 0, sizeof(data)), list = wire_encoder(mem, 0, 128);
	struct smb2_create_req req = create_req(r, BATCH);

	smb2_ctx_dh2q_req_code(&w, &ctx);
	smb2_create_context_put(&list, slice_of("DH2Q", 4), slice_of(data, w.pos));
	req.contexts = slice_of(mem, list.pos);
	return req;
}

static ntstatus replay_by(struct raw *r)
{
	uint8_t mem[128];
	struct smb2_create_req req = durable_req(r, mem);
	struct smb2_create_rsp rsp = {0};
	ntstatus status;

	r->flags = SMB2_FLAGS_REPLAY_OPERATION;
	status = raw_call(r, SMB2_CREATE, &req, &rsp);
	if (nt_ok(status))
		r->file_id = rsp.file_id;
	return status;
}

/* A CREATE that waits is not lost with its connection, so that its replay neither opens the file twice nor too early. Backs: D052. */
static void test_a_create_that_waits_outlives_its_connection(void **state)
{
	struct smb2_create_req req;
	uint8_t mem[128];

	(void)state;
	start();
	open_batch(&fx.other);
	req = durable_req(&fx.a, mem);
	post(&fx.a, SMB2_CREATE, &req);
	assert_int_equal(next_status(&fx.a), STATUS_PENDING.code);
	take_break(&fx.other);
	net_conn_close(fx.a.net, false);
	sim_run(&fx.sim, 100);
	assert_status(replay_by(&fx.b), STATUS_FILE_NOT_AVAILABLE);
	acknowledge_by(&fx.other, false);
	sim_run(&fx.sim, 100);
	assert_status(replay_by(&fx.b), STATUS_SUCCESS);
	assert_status(write_by(&fx.b), STATUS_SUCCESS);
	stop();
}

/* Such a CREATE ends with its session. */
static void test_a_create_that_outlived_its_connection_ends_with_its_session(void **state)
{
	struct smb2_create_req req;
	uint8_t mem[128];

	(void)state;
	for (int logoff = 0; logoff < 2; logoff++) {
		start();
		open_batch(&fx.other);
		req = durable_req(&fx.a, mem);
		post(&fx.a, SMB2_CREATE, &req);
		assert_int_equal(next_status(&fx.a), STATUS_PENDING.code);
		take_break(&fx.other);
		net_conn_close(fx.a.net, false);
		sim_run(&fx.sim, 100);
		if (logoff)
			assert_status(raw_call(&fx.b, SMB2_LOGOFF, &empty, NULL), STATUS_SUCCESS);
		else
			net_conn_close(fx.b.net, false);
		sim_run(&fx.sim, 100);
		assert_int_equal(sessions(), 1);
		acknowledge_by(&fx.other, false);
		assert_status(close_by(&fx.other), STATUS_SUCCESS);
		stop();
	}
}

static ntstatus write_with(uint16_t sequence, bool replay)
{
	fx.a.sequence = sequence;
	fx.a.flags = replay ? SMB2_FLAGS_REPLAY_OPERATION : 0;
	return write_by(&fx.a);
}

/* Backs: B208, B209, B210, B211, B212, D053. */
static void test_what_was_sent_before_a_channel_was_lost_comes_too_late(void **state)
{
	struct smb2_query_info_req look = {.info_type = 1, .file_info_class = 4, .output_buffer_length = 100};

	(void)state;
	start();
	assert_status(raw_open(&fx.a, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	assert_status(write_with(0, false), STATUS_SUCCESS);
	assert_status(write_with(0x7FFF, false), STATUS_SUCCESS);
	assert_status(write_with(0, false), STATUS_FILE_NOT_AVAILABLE);
	assert_status(write_with(0x7FFE, true), STATUS_FILE_NOT_AVAILABLE);
	assert_status(write_with(0x7FFF, true), STATUS_SUCCESS);
	assert_status(write_with(0x8000, true), STATUS_SUCCESS);
	assert_status(write_with(0x7FFF, false), STATUS_FILE_NOT_AVAILABLE);
	/* 16 bits go round. */
	assert_status(write_with(0xFFFF, false), STATUS_SUCCESS);
	assert_status(write_with(2, false), STATUS_SUCCESS);
	assert_status(write_with(0xFFFF, false), STATUS_FILE_NOT_AVAILABLE);
	/* What changes nothing may come late. */
	look.file_id = fx.a.file_id;
	assert_status(raw_call(&fx.a, SMB2_QUERY_INFO, &look, NULL), STATUS_SUCCESS);
	fx.a.sequence = 2;
	assert_status(close_by(&fx.a), STATUS_SUCCESS);
	stop();
}

static ntstatus set_by(uint16_t sequence, bool replay)
{
	struct smb2_set_info_req req = {.info_type = 1, .file_info_class = 20, .file_id = fx.a.file_id, .input = slice_of("\x10\0\0\0\0\0\0\0", 8)};

	fx.a.sequence = sequence;
	fx.a.flags = replay ? SMB2_FLAGS_REPLAY_OPERATION : 0;
	return raw_call(&fx.a, SMB2_SET_INFO, &req, NULL);
}

/* Backs: B076, B213. */
static void test_a_replay_waits_until_what_came_before_is_through(void **state)
{
	(void)state;
	start();
	assert_status(raw_open(&fx.other, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	assert_status(lock_by(&fx.other), STATUS_SUCCESS);
	assert_status(raw_open(&fx.a, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	fx.b.file_id = fx.a.file_id;
	post_lock(&fx.b);
	/* The LOCK of sequence 0 is still there. */
	fx.a.sequence = 1;
	assert_status(raw_call(&fx.a, SMB2_FLUSH, &(struct smb2_flush_req){.file_id = fx.a.file_id}, NULL), STATUS_SUCCESS);
	assert_status(set_by(1, true), STATUS_FILE_NOT_AVAILABLE);
	assert_status(set_by(1, false), STATUS_SUCCESS);
	raw_close(&fx.other);
	ready(&fx.other, NULL, 0x0302, "user");
	assert_int_equal(next_status(&fx.b), 0);
	assert_status(set_by(1, true), STATUS_SUCCESS);
	stop();
}

/* Backs: B207. */
static void test_before_smb3_there_is_no_sequence(void **state)
{
	(void)state;
	sim_start(&fx.sim, &(struct sim_options){.multichannel = true});
	raw_ready(&fx.a, &fx.sim, 0x0210);
	assert_status(raw_open(&fx.a, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	assert_status(write_with(5, false), STATUS_SUCCESS);
	assert_status(write_with(0, false), STATUS_SUCCESS);
	raw_close(&fx.a);
	sim_stop(&fx.sim);
}

/* --- where more connections may lead --- */

static ntstatus ask_for_interfaces(uint32_t room, struct smb2_ioctl_rsp *rsp)
{
	struct smb2_ioctl_req req = {
		.ctl_code = FSCTL_QUERY_NETWORK_INTERFACE_INFO, .flags = 1, .max_output_response = room,
		.file_id = {SMB2_FILEID_NONE, SMB2_FILEID_NONE},
	};

	*rsp = (struct smb2_ioctl_rsp){0};
	return raw_call(&fx.a, SMB2_IOCTL, &req, rsp);
}

static size_t count_interfaces(struct slice list)
{
	struct fsctl_interface i;
	size_t n = 0;
	bool bad = false;

	while (list.len > 0 && fsctl_interface_next(&list, &i, &bad)) {
		struct net_address a = {.family = i.family == FSCTL_FAMILY_IPV4 ? NET_IPV4 : NET_IPV6};

		memcpy(a.bytes, i.address, sizeof(a.bytes));
		assert_true(i.if_index != 0 && i.link_speed > 0 && (i.capability & ~(uint32_t)FSCTL_IF_RSS) == 0);
		/* Whoever does not come from here has no use for what is here only. */
		assert_false(net_address_is_loopback(&a));
		n++;
	}
	assert_false(bad);
	return n;
}

/* Backs: B487, B447. */
static void test_interfaces_are_those_where_the_server_listens(void **state)
{
	struct net_interface all[64];
	size_t n = net_interfaces(all, ARRAY_LEN(all)), others = 0;
	struct smb2_ioctl_rsp rsp;

	(void)state;
	for (size_t i = 0; i < n; i++)
		others += !net_address_is_loopback(&all[i].address);
	start_unbound(0x0302);
	/* It listens nowhere. */
	assert_status(ask_for_interfaces(65536, &rsp), STATUS_SUCCESS);
	assert_int_equal(rsp.output.len, 0);
	fx.sim.srv.bound[0] = (struct net_address){.family = NET_IPV6};
	fx.sim.srv.bound_count = 1;
	assert_status(ask_for_interfaces(65536, &rsp), STATUS_SUCCESS);
	assert_int_equal(count_interfaces(rsp.output), others);
	assert_int_equal(rsp.output.len, others * 152);
	if (others > 0)
		assert_status(ask_for_interfaces(151, &rsp), STATUS_BUFFER_TOO_SMALL);
	/* On one address only. */
	for (size_t i = 0; i < n; i++) {
		fx.sim.srv.bound[0] = all[i].address;
		assert_status(ask_for_interfaces(65536, &rsp), STATUS_SUCCESS);
		assert_int_equal(count_interfaces(rsp.output), net_address_is_loopback(&all[i].address) ? 0 : 1);
	}
	stop_two();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_bound_connection_has_the_files_of_the_session_and_a_key_of_its_own),
		cmocka_unit_test(test_the_legs_before_are_signed_with_the_key_of_the_session),
		cmocka_unit_test(test_half_a_binding_is_none),
		cmocka_unit_test(test_only_the_same_user_gets_in),
		cmocka_unit_test(test_who_has_only_the_id_of_a_session_does_not_get_in),
		cmocka_unit_test(test_every_connection_speaks_what_the_first_does),
		cmocka_unit_test(test_algorithms_of_signing),
		cmocka_unit_test(test_sessions_that_nobody_can_be_bound_to),
		cmocka_unit_test(test_a_sealed_session_is_sealed_on_every_connection),
		cmocka_unit_test(test_a_connection_with_another_cipher_is_refused),
		cmocka_unit_test(test_logging_on_again_on_a_bound_connection_leaves_its_key),
		cmocka_unit_test(test_without_multichannel_there_is_no_binding),
		cmocka_unit_test(test_connections_of_a_session_are_bounded),
		cmocka_unit_test(test_a_session_lives_as_long_as_one_of_its_connections),
		cmocka_unit_test(test_a_binding_under_way_is_no_connection),
		cmocka_unit_test(test_logoff_on_one_connection_ends_the_session_on_all),
		cmocka_unit_test(test_closing_on_one_connection_ends_what_waits_on_another),
		cmocka_unit_test(test_what_waits_on_a_lost_connection_is_cancelled),
		cmocka_unit_test(test_the_next_session_ends_the_previous_one_on_all_connections),
		cmocka_unit_test(test_a_break_is_told_where_the_session_still_is),
		cmocka_unit_test(test_a_break_that_does_not_arrive_is_told_elsewhere),
		cmocka_unit_test(test_who_never_answers_delays_others_no_longer_for_having_two_connections),
		cmocka_unit_test(test_a_create_that_waits_outlives_its_connection),
		cmocka_unit_test(test_a_create_that_outlived_its_connection_ends_with_its_session),
		cmocka_unit_test(test_what_was_sent_before_a_channel_was_lost_comes_too_late),
		cmocka_unit_test(test_a_replay_waits_until_what_came_before_is_through),
		cmocka_unit_test(test_before_smb3_there_is_no_sequence),
		cmocka_unit_test(test_interfaces_are_those_where_the_server_listens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

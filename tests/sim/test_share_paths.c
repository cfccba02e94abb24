/* Shares whose path depends on who connects, over directories of the machine: who gets which, what is refused, how long an instance lives, and that all
 * who are in one directory see each other's share modes, oplocks and leases ([MS-SMB2] 3.3.5.7, 3.3.5.9.7, 3.3.5.9.8). */
#include "sim.h"

#include "server/durable.h"
#include "server/share_instance.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { R = 1, H = 2, W = 4, NONE = 0, BATCH = 9, LEASE = 0xFF, ALL = 0x1F01FF, OPEN = 1, OPEN_IF = 3, ALL_SHARED = 7 };

static struct {
	struct sim sim;
	struct raw user, again, alice;      /* `again` is another connection of `user`, of the same client */
	struct srv_share *home;             /* of the list */
	char root[64];
	struct smb2_create_rsp rsp;
	struct smb2_ctx_lease lease;
} fx;

static void connect_as(struct raw *r, const struct raw *same, const char *user, const char *password)
{
	raw_open_connection(r, &fx.sim);
	r->config.capabilities = SMB2_GLOBAL_CAP_LEASING;
	if (same)
		r->config.guid = same->config.guid;
	assert_status(raw_negotiate(r, 0x0302, 0x0302), STATUS_SUCCESS);
	assert_status(raw_login(r, user, password), STATUS_SUCCESS);
}

static struct srv_share *share_make(const char *name, const char *rest, bool create)
{
	struct srv_share *s = calloc(1, sizeof(*s));
	char why[256] = "";

	assert_non_null(s);
	s->refs = 1;
	s->kind = SRV_SHARE_DISK;
	list_init(&s->link);
	snprintf(s->name, sizeof(s->name), "%s", name);
	snprintf(s->path, sizeof(s->path), "%s/%s", fx.root, rest);
	s->create_path = create;
	assert_true(srv_share_vary(s, why));
	return s;
}

static struct srv_share *share_add(const char *name, const char *rest, bool create)
{
	struct srv_share *s = share_make(name, rest, create);

	srv_share_add(&fx.sim.srv, s);
	return s;
}

static bool is_there(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", fx.root, name);
	return access(path, F_OK) == 0;
}

static void make_directory(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", fx.root, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void user_add(const char *name)
{
	struct user_entry e = {0};

	snprintf(e.name, sizeof(e.name), "%s", name);
	assert_true(nt_ok(user_nt_hash("pass", e.nt_hash)));
	assert_true(nt_ok(user_store_put(fx.sim.srv.users, &e)));
}

static void start(void)
{
	sim_start(&fx.sim, NULL);
	snprintf(fx.root, sizeof(fx.root), "/tmp/hythe-paths-XXXXXX");
	assert_non_null(mkdtemp(fx.root));
	make_directory("user");
	make_directory("alice");
	fx.home = share_add("home", "%U", false);
	connect_as(&fx.user, NULL, "user", "pass");
	connect_as(&fx.again, &fx.user, "USER", "pass");
	connect_as(&fx.alice, NULL, "alice", "secret");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void stop(void)
{
	raw_close(&fx.alice);
	raw_close(&fx.again);
	raw_close(&fx.user);
	sim_stop(&fx.sim);
	nftw(fx.root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

struct wish {
	const char *name;
	uint8_t level, key;                 /* of an oplock; or of a lease, for `state` */
	uint32_t state;
	bool durable;
	struct smb2_file_id back;           /* not zero: reconnects */
	uint32_t share, disposition;        /* 0: all, OPEN_IF */
};

static void put_contexts(struct wire *list, const struct wish *wish)
{
	struct smb2_ctx_lease m = {.lease_state = wish->state};
	struct smb2_ctx_file_id back = {.file_id = wish->back};
	static const uint8_t zeros[16];
	uint8_t data[64];
	struct wire w = wire_encoder(data, 0, sizeof(data));

	m.lease_key[3] = wish->key;
	smb2_ctx_lease_v2_code(&w, &m);
	if (wish->key)
		smb2_create_context_put(list, slice_of("RqLs", 4), slice_of(data, w.pos));
	if (wish->durable)
		smb2_create_context_put(list, slice_of("DHnQ", 4), slice_of(zeros, 16));
	w = wire_encoder(data, 0, sizeof(data));
	smb2_ctx_dhnc_code(&w, &back);
	if (wish->back.persistent != 0)
		smb2_create_context_put(list, slice_of("DHnC", 4), slice_of(data, w.pos));
	assert_true(wire_ok(list));
}

static void read_lease(struct raw *r)
{
	struct slice list = fx.rsp.contexts;
	struct smb2_create_context c;
	bool bad;

	fx.lease = (struct smb2_ctx_lease){0};
	while (smb2_create_context_next(&list, &c, &bad)) {
		struct wire w = wire_decoder(c.data.data, 0, c.data.len, &r->arena);

		if (memcmp(c.name.data, "RqLs", 4) == 0)
			smb2_ctx_lease_v2_code(&w, &fx.lease);
	}
}

static ntstatus open_as(struct raw *r, struct wish wish)
{
	uint8_t *mem = arena_zalloc(&r->arena, 512);
	struct wire list = wire_encoder(mem, 0, 512);
	struct smb2_create_req req = {
		.impersonation_level = 2,
		.desired_access = ALL,
		.share_access = wish.share ? wish.share & ALL_SHARED : ALL_SHARED,
		.create_disposition = wish.disposition ? wish.disposition : OPEN_IF,
		.requested_oplock_level = wish.key ? LEASE : wish.level,
		.name = raw_wide(r, wish.name),
	};
	ntstatus status;

	put_contexts(&list, &wish);
	req.contexts = slice_of(mem, list.pos);
	fx.rsp = (struct smb2_create_rsp){0};
	status = raw_call(r, SMB2_CREATE, &req, &fx.rsp);
	if (nt_ok(status)) {
		r->file_id = fx.rsp.file_id;
		read_lease(r);
	}
	return status;
}

#define OPEN_IS(status, r, ...) assert_status(open_as(r, (struct wish){.name = __VA_ARGS__}), status)
#define OPENS(r, ...) OPEN_IS(STATUS_SUCCESS, r, __VA_ARGS__)

static void close_it(struct raw *r)
{
	assert_status(raw_call(r, SMB2_CLOSE, &(struct smb2_close_req){.file_id = r->file_id}, NULL), STATUS_SUCCESS);
}

static void leave(struct raw *r)
{
	assert_status(raw_call(r, SMB2_TREE_DISCONNECT, &(struct smb2_empty){0}, NULL), STATUS_SUCCESS);
}

/* --- who gets which --- */

static void test_each_user_has_a_directory(void **state)
{
	(void)state;
	start();
	assert_status(raw_tree(&fx.user, "home"), STATUS_SUCCESS);
	assert_status(raw_tree(&fx.alice, "HOME"), STATUS_SUCCESS);
	OPENS(&fx.user, "f");
	assert_true(is_there("user/f") && !is_there("alice/f"));
	OPEN_IS(STATUS_OBJECT_NAME_NOT_FOUND, &fx.alice, "f", .disposition = OPEN);
	/* The name is that of the user store, however it was typed. */
	assert_status(raw_tree(&fx.again, "home"), STATUS_SUCCESS);
	OPENS(&fx.again, "f", .disposition = OPEN);
	assert_int_equal(srv_instances_count(fx.home), 2);
	stop();
}

static void test_share_modes_and_oplocks_hold_between_connections(void **state)
{
	(void)state;
	start();
	assert_status(raw_tree(&fx.user, "home"), STATUS_SUCCESS);
	assert_status(raw_tree(&fx.again, "home"), STATUS_SUCCESS);
	assert_status(raw_tree(&fx.alice, "home"), STATUS_SUCCESS);
	OPENS(&fx.user, "f", .share = 8);
	OPEN_IS(STATUS_SHARING_VIOLATION, &fx.again, "f");
	OPENS(&fx.alice, "f");
	close_it(&fx.user);
	OPENS(&fx.user, "g", .level = BATCH);
	assert_int_equal(fx.rsp.oplock_level, BATCH);
	OPENS(&fx.alice, "g", .level = BATCH);
	assert_int_equal(fx.rsp.oplock_level, BATCH);
	assert_int_equal(fx.user.queued, 0);
	stop();
}

static void test_a_missing_directory_is_refused_or_made(void **state)
{
	char path[256];
	struct stat st;

	(void)state;
	start();
	make_directory("new");
	(void)share_add("made", "new/%U/%M", true);
	(void)share_add("not", "new/%U", false);
	assert_status(raw_tree(&fx.user, "not"), STATUS_BAD_NETWORK_NAME);
	assert_false(is_there("new/user"));
	assert_status(raw_tree(&fx.user, "made"), STATUS_SUCCESS);
	OPENS(&fx.user, "f");
	assert_true(is_there("new/user/mem/f"));
	snprintf(path, sizeof(path), "%s/new/user", fx.root);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	stop();
}

static void test_the_rules_of_the_share_hold(void **state)
{
	struct srv_share *s;

	(void)state;
	start();
	s = share_make("few", "made-%U", true);
	s->users = calloc(1, sizeof(*s->users));
	assert_non_null(s->users);
	snprintf(s->users[0], sizeof(s->users[0]), "alice");
	s->user_count = 1;
	s->read_only = true;
	srv_share_add(&fx.sim.srv, s);
	assert_status(raw_tree(&fx.user, "few"), STATUS_ACCESS_DENIED);
	/* Who may not use it leaves nothing behind. */
	assert_false(is_there("made-user"));
	assert_status(raw_tree(&fx.alice, "few"), STATUS_SUCCESS);
	assert_true(is_there("made-alice"));
	assert_false(nt_ok(open_as(&fx.alice, (struct wish){.name = "f"})));
	assert_false(is_there("made-alice/f"));
	stop();
}

static void test_no_users_name_leads_anywhere_else(void **state)
{
	static const char *const names[] = {"..", ".", "../alice", "a/b", "/tmp", "..\\alice", "alice/"};
	struct raw r;

	(void)state;
	start();
	(void)share_add("made", "homes-%U", true);
	(void)share_add("there", "%U", true);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		user_add(names[i]);
		connect_as(&r, NULL, names[i], "pass");
		assert_status(raw_tree(&r, "home"), STATUS_BAD_NETWORK_NAME);
		assert_status(raw_tree(&r, "made"), STATUS_BAD_NETWORK_NAME);
		assert_status(raw_tree(&r, "there"), STATUS_BAD_NETWORK_NAME);
		raw_close(&r);
	}
	assert_int_equal(srv_instances_count(fx.home), 0);
	stop();
}

/* A user who can write above his directory does not get another's by a link. */
static void test_no_link_leads_anywhere_else(void **state)
{
	char path[256];

	(void)state;
	start();
	(void)share_add("sub", "%U/sub", true);
	snprintf(path, sizeof(path), "%s/user/sub", fx.root);
	assert_int_equal(symlink("../alice", path), 0);
	assert_status(raw_tree(&fx.user, "sub"), STATUS_BAD_NETWORK_NAME);
	unlink(path);
	assert_int_equal(symlink("/etc", path), 0);
	assert_status(raw_tree(&fx.user, "sub"), STATUS_BAD_NETWORK_NAME);
	unlink(path);
	assert_status(raw_tree(&fx.user, "sub"), STATUS_SUCCESS);
	stop();
}

static void test_a_guest_has_no_directory_of_his_name(void **state)
{
	struct sim_options o = {.guest = true};
	struct srv_share *s;
	struct raw r;

	(void)state;
	sim_start(&fx.sim, &o);
	snprintf(fx.root, sizeof(fx.root), "/tmp/hythe-paths-XXXXXX");
	assert_non_null(mkdtemp(fx.root));
	s = share_make("home", "%U", true);
	s->guest = true;
	srv_share_add(&fx.sim.srv, s);
	s = share_make("here", "%M", true);
	s->guest = true;
	srv_share_add(&fx.sim.srv, s);
	connect_as(&r, NULL, "stranger", "x");
	assert_status(raw_tree(&r, "home"), STATUS_BAD_NETWORK_NAME);
	assert_false(is_there("stranger") || is_there("guest"));
	assert_status(raw_tree(&r, "here"), STATUS_SUCCESS);
	assert_true(is_there("mem"));
	raw_close(&r);
	sim_stop(&fx.sim);
	nftw(fx.root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* --- how long --- */

static void test_an_instance_lives_while_it_is_used(void **state)
{
	(void)state;
	start();
	for (int i = 0; i < 3; i++) {
		assert_status(raw_tree(&fx.user, "home"), STATUS_SUCCESS);
		assert_status(raw_tree(&fx.again, "home"), STATUS_SUCCESS);
		assert_int_equal(srv_instances_count(fx.home), 1);
		assert_int_equal(fx.home->current_uses, 2);
		leave(&fx.user);
		assert_int_equal(srv_instances_count(fx.home), 1);
		leave(&fx.again);
		assert_int_equal(srv_instances_count(fx.home), 0);
		assert_int_equal(fx.home->current_uses, 0);
	}
	stop();
}

static void lose_and_come_back(void)
{
	struct guid same = fx.user.config.guid;

	raw_close(&fx.user);
	sim_run(&fx.sim, 10);
	raw_open_connection(&fx.user, &fx.sim);
	fx.user.config.guid = same;
	fx.user.config.capabilities = SMB2_GLOBAL_CAP_LEASING;
	assert_status(raw_negotiate(&fx.user, 0x0302, 0x0302), STATUS_SUCCESS);
	assert_status(raw_login(&fx.user, "user", "pass"), STATUS_SUCCESS);
}

static void test_a_durable_open_keeps_its_instance(void **state)
{
	struct smb2_file_id id;

	(void)state;
	start();
	assert_status(raw_tree(&fx.user, "home"), STATUS_SUCCESS);
	OPENS(&fx.user, "f", .level = BATCH, .durable = true, .share = 8);
	id = fx.user.file_id;
	lose_and_come_back();
	assert_true(srv_durable_any_disconnected(&fx.sim.srv));
	assert_int_equal(srv_instances_count(fx.home), 1);
	assert_status(raw_tree(&fx.user, "home"), STATUS_SUCCESS);
	assert_int_equal(srv_instances_count(fx.home), 1);
	OPENS(&fx.user, "f", .level = BATCH, .back = id);
	close_it(&fx.user);
	/* Nobody comes back to this one: it ends by its timer, and with it the instance. */
	OPENS(&fx.user, "f", .level = BATCH, .durable = true);
	lose_and_come_back();
	assert_int_equal(srv_instances_count(fx.home), 1);
	sim_run(&fx.sim, 100000);
	assert_false(srv_durable_any_disconnected(&fx.sim.srv));
	assert_int_equal(srv_instances_count(fx.home), 0);
	stop();
}

static void test_a_share_that_is_replaced_keeps_its_trees_only(void **state)
{
	struct srv_share *old;

	(void)state;
	start();
	old = srv_share_ref(fx.home);
	assert_status(raw_tree(&fx.user, "home"), STATUS_SUCCESS);
	assert_status(raw_tree(&fx.again, "home"), STATUS_SUCCESS);
	OPENS(&fx.user, "f", .level = BATCH, .durable = true);
	OPENS(&fx.again, "g", .share = 8);
	lose_and_come_back();
	assert_true(srv_durable_any_disconnected(&fx.sim.srv));
	fx.home = share_add("home", "%U", false);
	assert_false(srv_durable_any_disconnected(&fx.sim.srv));
	/* What is new has nodes of its own. */
	assert_status(raw_tree(&fx.user, "home"), STATUS_SUCCESS);
	assert_int_equal(srv_instances_count(fx.home), 1);
	assert_int_equal(srv_instances_count(old), 1);
	OPENS(&fx.user, "g");
	OPENS(&fx.again, "h", .level = BATCH, .durable = true);
	leave(&fx.again);
	assert_int_equal(srv_instances_count(old), 0);
	srv_share_put(old);
	stop();
}

static void test_there_are_not_too_many(void **state)
{
	struct srv_share *s;

	(void)state;
	start();
	s = share_add("times", "at-%t", true);
	fx.sim.srv.limits.share_instances = 4;
	fx.sim.srv.limits.share_instances_per_user = 3;
	for (int i = 0; i < 5; i++) {
		sim_run(&fx.sim, 1500);
		assert_status(raw_tree(&fx.user, "times"), i < 3 ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES);
	}
	assert_status(raw_tree(&fx.alice, "times"), STATUS_SUCCESS);
	sim_run(&fx.sim, 1500);
	assert_status(raw_tree(&fx.alice, "times"), STATUS_INSUFFICIENT_RESOURCES);
	assert_int_equal(srv_instances_count(s), 4);
	/* A directory that is in use costs nothing more. */
	assert_status(raw_tree(&fx.alice, "home"), STATUS_SUCCESS);
	leave(&fx.alice);
	raw_close(&fx.user);
	sim_run(&fx.sim, 1500);
	assert_int_equal(srv_instances_count(s), 1);
	connect_as(&fx.user, NULL, "user", "pass");
	assert_status(raw_tree(&fx.user, "times"), STATUS_SUCCESS);
	stop();
}

/* --- one lease key in two directories --- */

static void lease_is(uint32_t state)
{
	assert_int_equal(fx.rsp.oplock_level, LEASE);
	assert_int_equal(fx.lease.lease_key[3], 1);
	assert_int_equal(fx.lease.lease_state, state);
}

static void broken(struct raw *r, uint32_t from, uint32_t to)
{
	struct slice f = raw_receive(r);

	assert_int_equal(f.len, 64 + 44);
	assert_int_equal(load_le16(f.data + 12), SMB2_OPLOCK_BREAK);
	assert_int_equal(load_le32(f.data + 88), from);
	assert_int_equal(load_le32(f.data + 92), to);
}

static ntstatus acknowledge(struct raw *r)
{
	struct smb2_break ack = {.structure_size = SMB2_BREAK_LEASE_ACK}, rsp = {0};

	ack.ack.lease_key[3] = 1;
	return raw_call(r, SMB2_OPLOCK_BREAK, &ack, &rsp);
}

static void start_at_two_times(void)
{
	start();
	(void)share_add("times", "at-%t", true);
	assert_status(raw_tree(&fx.user, "times"), STATUS_SUCCESS);
	sim_run(&fx.sim, 1500);
	assert_status(raw_tree(&fx.again, "times"), STATUS_SUCCESS);
}

static void test_one_name_in_two_directories_is_not_cached(void **state)
{
	(void)state;
	start_at_two_times();
	OPENS(&fx.user, "f", .key = 1, .state = R | H | W);
	lease_is(R | H | W);
	OPENS(&fx.again, "f", .key = 1, .state = R | H | W);
	lease_is(NONE);
	broken(&fx.user, R | H | W, NONE);
	assert_status(acknowledge(&fx.user), STATUS_SUCCESS);
	assert_status(acknowledge(&fx.user), STATUS_UNSUCCESSFUL);
	/* Neither gets more while the other is open. */
	OPENS(&fx.again, "f", .key = 1, .state = R | H);
	lease_is(NONE);
	close_it(&fx.again);
	OPENS(&fx.user, "f", .key = 1, .state = R | H | W);
	lease_is(NONE);
	/* Then it does. */
	leave(&fx.user);
	OPENS(&fx.again, "f", .key = 1, .state = R | H | W);
	lease_is(R | H | W);
	assert_int_equal(fx.user.queued, 0);
	assert_int_equal(fx.again.queued, 0);
	stop();
}

static void test_a_key_of_one_directory_is_of_one_file_there(void **state)
{
	(void)state;
	start_at_two_times();
	OPENS(&fx.user, "f", .key = 1, .state = R);
	OPEN_IS(STATUS_INVALID_PARAMETER, &fx.user, "g", .key = 1, .state = R);
	OPENS(&fx.again, "f", .key = 1, .state = R);
	OPEN_IS(STATUS_INVALID_PARAMETER, &fx.again, "g", .key = 1, .state = R);
	/* Another share is another matter. */
	assert_status(raw_tree(&fx.again, "home"), STATUS_SUCCESS);
	OPEN_IS(STATUS_INVALID_PARAMETER, &fx.again, "f", .key = 1, .state = R);
	stop();
}

/* --- what lists show --- */

static void test_a_list_of_shares_has_it_once(void **state)
{
	struct hythe_session *session;
	struct hythe_tree *tree;
	struct hythe_share *shares;
	size_t count, found = 0;

	(void)state;
	start();
	assert_status(raw_tree(&fx.user, "home"), STATUS_SUCCESS);
	assert_status(raw_tree(&fx.alice, "home"), STATUS_SUCCESS);
	assert_status(sim_connect(&fx.sim, "home", &session, &tree), STATUS_SUCCESS);
	assert_status(hythe_share_list(session, &shares, &count), STATUS_SUCCESS);
	for (size_t i = 0; i < count; i++)
		found += strcmp(shares[i].name, "home") == 0;
	assert_int_equal(found, 1);
	hythe_share_list_free(shares, count);
	hythe_tree_free(tree);
	hythe_session_free(session);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_user_has_a_directory),
		cmocka_unit_test(test_share_modes_and_oplocks_hold_between_connections),
		cmocka_unit_test(test_a_missing_directory_is_refused_or_made),
		cmocka_unit_test(test_the_rules_of_the_share_hold),
		cmocka_unit_test(test_no_users_name_leads_anywhere_else),
		cmocka_unit_test(test_no_link_leads_anywhere_else),
		cmocka_unit_test(test_a_guest_has_no_directory_of_his_name),
		cmocka_unit_test(test_an_instance_lives_while_it_is_used),
		cmocka_unit_test(test_a_durable_open_keeps_its_instance),
		cmocka_unit_test(test_a_share_that_is_replaced_keeps_its_trees_only),
		cmocka_unit_test(test_there_are_not_too_many),
		cmocka_unit_test(test_one_name_in_two_directories_is_not_cached),
		cmocka_unit_test(test_a_key_of_one_directory_is_of_one_file_there),
		cmocka_unit_test(test_a_list_of_shares_has_it_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

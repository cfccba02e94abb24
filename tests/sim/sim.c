/* The simulator's server and real client, see sim.h. */
#include "sim.h"

#include <hythe/server.h>

#include "client/core.h"
#include "fsa/fsa.h"
#include "server/durable.h"
#include "server/oplock.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS_MAX = 1000000 };

struct net_conn *sim_dial(struct sim *s, const struct net_mem_faults *f)
{
	struct net_conn *ours, *theirs;

	net_mem_pair(s->pool, f, &ours, &theirs);
	if (s->options.nbss) {
		net_conn_make_nbss(ours, false);
		net_conn_make_nbss(theirs, false);
	}
	srv_accept(&s->srv, theirs, s->options.smb1);
	return ours;
}

static struct net_conn *dial(void *arg, const char *host, uint16_t port, ntstatus *status)
{
	struct sim *s = arg;
	struct net_mem_faults f = s->options.faults;

	(void)host;
	(void)port;
	f.seed += ++s->links * 1000003;
	*status = STATUS_SUCCESS;
	return sim_dial(s, &f);
}

static struct srv_share *share_add(struct sim *s, const char *name)
{
	struct srv_share *share = calloc(1, sizeof(*share));

	assert_non_null(share);
	share->refs = 1;
	share->kind = SRV_SHARE_DISK;
	list_init(&share->link);
	snprintf(share->name, sizeof(share->name), "%s", name);
	share->vfs = vfs_mem_open(&s->clock.clock, s->options.store_bytes ? s->options.store_bytes : 64u << 20);
	assert_non_null(share->vfs);
	if (s->options.decide) {
		share->vfs = vfs_fault_open(share->vfs, s->options.decide, s->options.decide_arg);
		assert_non_null(share->vfs);
	}
	share->fsa = fsa_new(srv_oplock_hold);
	assert_non_null(share->fsa);
	srv_share_add(&s->srv, share);
	return share;
}

static void user_add(struct sim *s, const char *name, const char *password, bool disabled)
{
	struct user_entry e = {.disabled = disabled};

	snprintf(e.name, sizeof(e.name), "%s", name);
	assert_true(nt_ok(user_nt_hash(password, e.nt_hash)));
	assert_true(nt_ok(user_store_put(s->srv.users, &e)));
}

static void shares_add(struct sim *s)
{
	struct srv_share *alice, *old;

	share_add(s, "share")->smb1 = true;
	share_add(s, "ro")->read_only = true;
	share_add(s, "enc")->encrypt = true;
	share_add(s, "guest")->guest = true;
	share_add(s, "abe")->access_based_enumeration = true;
	if (s->options.smb1) {
		share_add(s, "share2")->smb1 = true;
		old = share_add(s, "old");
		old->smb1 = old->ntlmv1 = s->options.ntlmv1;
	}
	alice = share_add(s, "alice");
	alice->users = calloc(1, sizeof(*alice->users));
	assert_non_null(alice->users);
	snprintf(alice->users[0], sizeof(alice->users[0]), "alice");
	alice->user_count = 1;
}

void sim_start(struct sim *s, const struct sim_options *o)
{
	struct net_pool_config pool = {.threads = 0};

	*s = (struct sim){0};
	if (o)
		s->options = *o;
	clock_virtual_init(&s->clock);
	pool.virtual_clock = &s->clock;
	s->pool = net_pool_new(&pool);
	assert_non_null(s->pool);
	assert_true(nt_ok(srv_init(&s->srv, &s->clock.clock)));
	s->srv.pool = s->pool;
	/* There is one thread, which cannot wait for itself. */
	s->srv.limits.workers_waiting = 0;
	s->srv.users = user_store_in_memory();
	assert_non_null(s->srv.users);
	s->srv.proto.min_dialect = s->options.min_dialect ? s->options.min_dialect : SMB2_DIALECT_202;
	s->srv.proto.max_dialect = s->options.max_dialect ? s->options.max_dialect : SMB2_DIALECT_311;
	s->srv.proto.signing_required = s->options.signing_required;
	s->srv.proto.encryption = s->options.encryption_required ? PROTO_ENCRYPTION_REQUIRED : PROTO_ENCRYPTION_DESIRED;
	s->srv.encrypt_sessions = s->options.encrypt_sessions || s->options.encryption_required;
	s->srv.guest = s->options.guest;
	if (s->options.multichannel)
		s->srv.proto.capabilities |= SMB2_GLOBAL_CAP_MULTI_CHANNEL;
	snprintf(s->srv.netbios_name, sizeof(s->srv.netbios_name), "SIM");
	user_add(s, "user", "pass", false);
	user_add(s, "alice", "secret", false);
	user_add(s, "off", "pass", true);
	shares_add(s);
	s->client = cli_client_new_on(s->pool, dial, s);
	assert_non_null(s->client);
	hythe_connect_options_init(&s->connect);
	s->connect.user = "user";
	s->connect.password = "pass";
	s->connect.min_dialect = SMB2_DIALECT_202;
}

void sim_run(struct sim *s, unsigned ms)
{
	uint64_t until = s->clock.now_ms + ms;

	for (int i = 0; i < STEPS_MAX && s->clock.now_ms <= until; i++) {
		uint64_t left = until - s->clock.now_ms;

		if (!net_pool_step(s->pool, (int)left))
			break;
	}
}

bool sim_user(const char *state_dir, const char *name, const char *password)
{
	char why[256];
	struct user_store *store = user_store_open(state_dir, true, why);
	struct user_entry e = {0};
	bool ok = store && strlen(name) < sizeof(e.name);

	if (ok) {
		memcpy(e.name, name, strlen(name));
		ok = nt_ok(user_nt_hash(password, e.nt_hash)) && nt_ok(user_store_put(store, &e));
	}
	if (store)
		user_store_close(store);
	return ok;
}

void sim_stop(struct sim *s)
{
	hythe_client_free(s->client);
	srv_disconnect_all(&s->srv, false);
	sim_run(s, 1000);
	assert_int_equal(s->srv.conn_count, 0);
	assert_int_equal(s->srv.sessions.count, 0);
	assert_int_equal(s->srv.stranger_count, 0);
	srv_durable_end_all(&s->srv);
	assert_false(srv_durable_any_disconnected(&s->srv));
	net_pool_free(s->pool);
	srv_destroy(&s->srv);
	user_store_close(s->srv.users);
}

ntstatus sim_connect(struct sim *s, const char *share, struct hythe_session **session, struct hythe_tree **tree)
{
	ntstatus status = hythe_connect(s->client, "sim", 445, &s->connect, session);

	if (!nt_ok(status))
		return status;
	status = hythe_tree_connect(*session, share, tree);
	if (!nt_ok(status))
		hythe_session_free(*session);
	return status;
}

struct hythe_server *sim_serve(const char *dir, const char *state_dir, const char *share, unsigned threads)
{
	struct hythe_share_config config = {.name = share, .path = dir, .follow_symlinks = true};
	struct hythe_server_config cfg;
	const char *listen = "127.0.0.1:0";
	char why[256] = "";
	struct hythe_server *s;

	hythe_server_config_init(&cfg);
	cfg.listen = &listen;
	cfg.listen_count = 1;
	cfg.shares = &config;
	cfg.share_count = 1;
	cfg.state_dir = state_dir;
	cfg.threads = threads;
	s = hythe_server_new(&cfg, why, sizeof(why));
	if (s && hythe_server_start(s, why, sizeof(why)))
		return s;
	printf("%s\n", why);
	hythe_server_free(s);
	return NULL;
}

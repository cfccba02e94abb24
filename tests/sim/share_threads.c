/* Instances of a share that come and go, made for ThreadSanitizer: a server on loopback TCP with a share of a directory for each user, threads that
 * connect as one of two users, work there for a moment and leave or hang up, and one that reads the configuration anew meanwhile. A file that is
 * opened for oneself alone is never open twice, unless the share was replaced. HYTHE_SOAK_SECONDS (default 3). */
#include <hythe/client.h>
#include <hythe/server.h>

#include "auth/auth.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 6, USERS = 2, SHARES = 3, WORKERS = 8, NAME_BYTES = 16 };

/* `home` stays, `times` is never the same, and `other` is replaced all the time. */
static const char *const share_names[SHARES] = {"home", "times", "other"};

struct job {
	pthread_t thread;
	unsigned number;
	uint16_t port;
	uint64_t rounds, alone, shared_out;
};

static char root[] = "/tmp/hythe-share-threads-XXXXXX";
static _Atomic int failures;
static _Atomic int inside[USERS];       /* who has `home`'s file */
static time_t end_at;

static void report(const struct job *j, const char *what, ntstatus s)
{
	printf("thread %u: %s: %s\n", j->number, what, hythe_status_name(s));
	atomic_fetch_add(&failures, 1);
}

/* The file for oneself alone, whose content is the user's. */
static void visit(struct job *j, struct hythe_tree *tree, unsigned user, bool counts)
{
	struct hythe_open_params p;
	struct hythe_file *f;
	char text[NAME_BYTES] = "", mine[NAME_BYTES] = "";
	size_t n = 0;
	ntstatus s;

	snprintf(mine, sizeof(mine), "user%u", user);
	hythe_open_params_init(&p, "file", 0x001F01FF);
	p.disposition = HYTHE_OPEN_IF;
	p.share_access = 0;
	p.oplock_level = j->number % 2 ? 9 : 0;
	s = hythe_open(tree, &p, &f, NULL);
	if (nt_is(s, STATUS_SHARING_VIOLATION)) {
		j->shared_out++;
		return;
	}
	if (!nt_ok(s)) {
		report(j, "open", s);
		return;
	}
	if (counts && atomic_fetch_add(&inside[user], 1) != 0)
		report(j, "two have the file for themselves", s);
	s = hythe_read(f, 0, text, sizeof(text), &n);
	if (!nt_ok(s) && !nt_is(s, STATUS_END_OF_FILE))
		report(j, "read", s);
	if (n > 0 && memcmp(text, mine, sizeof(mine)) != 0)
		report(j, "somebody else's file", s);
	s = hythe_write(f, 0, mine, sizeof(mine), &n);
	if (!nt_ok(s))
		report(j, "write", s);
	if (counts)
		atomic_fetch_sub(&inside[user], 1);
	(void)!nt_ok(hythe_close(f, NULL));
	j->alone++;
}

static void round_of(struct job *j, struct hythe_client *client)
{
	unsigned user = (unsigned)((j->number + j->rounds) % USERS), share = (unsigned)(j->rounds % SHARES);
	struct hythe_connect_options o;
	struct hythe_session *session;
	struct hythe_tree *tree;
	char name[NAME_BYTES];
	ntstatus s;

	snprintf(name, sizeof(name), "user%u", user);
	hythe_connect_options_init(&o);
	o.user = name;
	o.password = "pass";
	s = hythe_connect(client, "127.0.0.1", j->port, &o, &session);
	if (!nt_ok(s)) {
		report(j, "connect", s);
		return;
	}
	s = hythe_tree_connect(session, share_names[share], &tree);
	if (!nt_ok(s)) {
		report(j, "tree connect", s);
	} else {
		/* Of `times` both users may have one. */
		if (share != 1)
			visit(j, tree, user, share == 0);
		if (j->rounds % 3)
			hythe_tree_free(tree);
		else
			(void)!nt_ok(hythe_tree_disconnect(tree));
	}
	hythe_session_free(session);
}

static void *work(void *arg)
{
	struct job *j = arg;

	while (time(NULL) < end_at && failures == 0) {
		struct hythe_client *client = hythe_client_new(NULL);

		if (!client)
			break;
		round_of(j, client);
		hythe_client_free(client);
		j->rounds++;
	}
	return NULL;
}

static bool make_users(const char *state_dir)
{
	char why[256];
	struct user_store *store = user_store_open(state_dir, true, why);
	bool ok = store != NULL;

	for (unsigned i = 0; i < USERS && ok; i++) {
		struct user_entry e = {0};

		snprintf(e.name, sizeof(e.name), "user%u", i);
		ok = nt_ok(user_nt_hash("pass", e.nt_hash)) && nt_ok(user_store_put(store, &e));
	}
	if (store)
		user_store_close(store);
	return ok;
}

/* A new server, or (reloaded) the configuration in another version. */
static struct hythe_server *configured(struct hythe_server *reloaded, const char *state_dir, unsigned version)
{
	static const char *const listen[] = {"127.0.0.1:0"};
	char paths[SHARES][128], comment[32], why[256] = "";
	struct hythe_share_config shares[SHARES];
	struct hythe_server_config cfg;
	struct hythe_server *s = reloaded;
	bool ok;

	for (unsigned i = 0; i < SHARES; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/%s-%%%c", root, share_names[i], i == 1 ? 't' : 'U');
		shares[i] = (struct hythe_share_config){.name = share_names[i], .path = paths[i], .create_path = true};
	}
	snprintf(comment, sizeof(comment), "version %u", version);
	shares[2].comment = comment;
	hythe_server_config_init(&cfg);
	cfg.listen = listen;
	cfg.listen_count = 1;
	cfg.shares = shares;
	cfg.share_count = SHARES;
	cfg.state_dir = state_dir;
	cfg.threads = WORKERS;
	if (!reloaded)
		s = hythe_server_new(&cfg, why, sizeof(why));
	ok = reloaded ? hythe_server_reload(s, &cfg, why, sizeof(why)) : s && hythe_server_start(s, why, sizeof(why));
	if (!ok) {
		printf("%s\n", why);
		atomic_fetch_add(&failures, 1);
	}
	return s;
}

int main(void)
{
	const char *seconds = getenv("HYTHE_SOAK_SECONDS");
	char state[64], command[96];
	struct hythe_server *server;
	struct job jobs[THREADS];
	uint64_t rounds = 0, alone = 0, shared_out = 0;
	unsigned version = 0;

	if (!mkdtemp(root))
		return 1;
	snprintf(state, sizeof(state), "%s/.state", root);
	server = make_users(state) ? configured(NULL, state, version) : NULL;
	if (!server || failures != 0)
		return 1;
	end_at = time(NULL) + (seconds ? (time_t)strtol(seconds, NULL, 10) : 3);
	for (unsigned i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){.number = i, .port = hythe_server_port(server, 0)};
		pthread_create(&jobs[i].thread, NULL, work, &jobs[i]);
	}
	while (time(NULL) < end_at && failures == 0) {
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
		(void)configured(server, state, ++version);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(jobs[i].thread, NULL);
		rounds += jobs[i].rounds;
		alone += jobs[i].alone;
		shared_out += jobs[i].shared_out;
	}
	hythe_server_stop(server, 2000);
	hythe_server_free(server);
	printf("share_threads: %llu visits, %llu alone, %llu met another, %u configurations, %d failures\n", (unsigned long long)rounds,
		(unsigned long long)alone, (unsigned long long)shared_out, version, failures);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command) != 0 || failures != 0;
}

/* What one user may take of what the process has: a server on loopback TCP, and clients of the library. */
#include "sim.h"

#include <hythe/server.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { DESCRIPTORS = 400 };

static struct hythe_server *serve(const char *dir, const char *state)
{
	static const char *const listen[] = {"127.0.0.1:0"};
	struct hythe_share_config share = {.name = "files", .path = dir};
	struct hythe_server_config cfg;
	struct hythe_server *s;
	char why[256] = "";

	assert_true(sim_user(state, "ann", "secret"));
	hythe_server_config_init(&cfg);
	cfg.listen = listen;
	cfg.listen_count = 1;
	cfg.shares = &share;
	cfg.share_count = 1;
	cfg.state_dir = state;
	s = hythe_server_new(&cfg, why, sizeof(why));
	assert_non_null(s);
	assert_true(hythe_server_start(s, why, sizeof(why)));
	return s;
}

struct user {
	struct hythe_client *client;
	struct hythe_session *session;
	struct hythe_tree *tree;
	struct hythe_file *files[DESCRIPTORS];
	unsigned count;
};

static void log_on(struct user *u, uint16_t port)
{
	struct hythe_connect_options c;

	hythe_connect_options_init(&c);
	c.user = "ann";
	c.password = "secret";
	*u = (struct user){.client = hythe_client_new(NULL)};
	assert_true(nt_ok(hythe_connect(u->client, "127.0.0.1", port, &c, &u->session)));
	assert_true(nt_ok(hythe_tree_connect(u->session, "files", &u->tree)));
}

static ntstatus open_one(struct user *u)
{
	struct hythe_open_params p;
	ntstatus status;

	hythe_open_params_init(&p, "file", HYTHE_READ_DATA);
	p.disposition = HYTHE_OPEN_IF;
	status = hythe_open(u->tree, &p, &u->files[u->count], NULL);
	u->count += nt_ok(status);
	return status;
}

static void leave(struct user *u)
{
	while (u->count > 0)
		assert_true(nt_ok(hythe_close(u->files[--u->count], NULL)));
	hythe_tree_free(u->tree);
	hythe_session_free(u->session);
	hythe_client_free(u->client);
}

static void test_who_opens_all_he_may_leaves_descriptors_for_others(void **state)
{
	char dir[] = "/tmp/hythe-limits-XXXXXX", where[64], command[64];
	struct rlimit before, few;
	struct hythe_server *s;
	struct user greedy, modest;
	ntstatus status;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = DESCRIPTORS;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_non_null(mkdtemp(dir));
	snprintf(where, sizeof(where), "%s/.state", dir);
	s = serve(dir, where);
	log_on(&greedy, hythe_server_port(s, 0));
	do
		status = open_one(&greedy);
	while (nt_ok(status) && greedy.count < DESCRIPTORS);
	assert_int_equal(status.code, STATUS_INSUFFICIENT_RESOURCES.code);
	assert_int_equal(greedy.count, DESCRIPTORS / 4 * 3);
	log_on(&modest, hythe_server_port(s, 0));
	assert_true(nt_ok(open_one(&modest)));
	leave(&modest);
	leave(&greedy);
	hythe_server_free(s);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_opens_all_he_may_leaves_descriptors_for_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

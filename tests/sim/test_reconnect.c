/* Durable opens asked for over TCP before the server has heard that the connection that had them is gone: what comes on a new connection may overtake
 * the end of the old one ([MS-SMB2] 3.3.5.9.7, 3.3.7.1). */
#include "sim.h"

#include <hythe/server.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BATCH = 9, ALL = 0x1F01FF, OPEN_IF = 3, LATE_US = 5000 };

static struct {
	char dir[32];
	struct hythe_server *server;
	struct raw old, back;
} fx;

static void connect_as(struct raw *r, const struct guid *client)
{
	assert_true(raw_dial(r, hythe_server_port(fx.server, 0)));
	r->config.guid = *client;
	assert_status(raw_negotiate(r, 0x0302, 0x0302), STATUS_SUCCESS);
	assert_status(raw_login(r, "user", "pass"), STATUS_SUCCESS);
	r->sign = true;
	assert_status(raw_tree(r, "share"), STATUS_SUCCESS);
}

/* With DHnQ, or with DHnC if there is an open to come back for. */
static ntstatus open_durable(struct raw *r, const struct smb2_file_id *again)
{
	struct smb2_ctx_file_id back = {.file_id = again ? *again : (struct smb2_file_id){0}};
	uint8_t data[16] = {0}, mem[64];
	struct wire w = wire_encoder(data, 0, sizeof(data)), list = wire_encoder(mem, 0, sizeof(mem));
	struct smb2_create_req req = {
		.impersonation_level = 2, .desired_access = ALL, .share_access = 7, .create_disposition = OPEN_IF, .requested_oplock_level = BATCH,
		.name = raw_wide(r, "file"),
	};
	struct smb2_create_rsp rsp = {0};
	ntstatus status;

	if (again)
		smb2_ctx_dhnc_code(&w, &back);
	smb2_create_context_put(&list, slice_of(again ? "DHnC" : "DHnQ", 4), slice_of(data, sizeof(data)));
	req.contexts = slice_of(mem, list.pos);
	status = raw_call(r, SMB2_CREATE, &req, &rsp);
	r->file_id = rsp.file_id;
	return status;
}

static ntstatus write_some(struct raw *r)
{
	return raw_call(r, SMB2_WRITE, &(struct smb2_write_req){.file_id = r->file_id, .data = slice_of("data", 4)}, NULL);
}

static int setup(void **state)
{
	struct guid client = guid_random();
	char state_dir[48];

	(void)state;
	snprintf(fx.dir, sizeof(fx.dir), "/tmp/hythe-test-XXXXXX");
	assert_non_null(mkdtemp(fx.dir));
	snprintf(state_dir, sizeof(state_dir), "%s/.state", fx.dir);
	assert_true(sim_user(state_dir, "user", "pass"));
	fx.server = sim_serve(fx.dir, state_dir, "share", 2);
	assert_non_null(fx.server);
	connect_as(&fx.old, &client);
	connect_as(&fx.back, &client);
	assert_status(open_durable(&fx.old, NULL), STATUS_SUCCESS);
	return 0;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	raw_hang_up(&fx.back);
	hythe_server_stop(fx.server, 2000);
	hythe_server_free(fx.server);
	snprintf(command, sizeof(command), "rm -rf %s", fx.dir);
	return system(command);
}

static void *hang_up_late(void *arg)
{
	usleep(LATE_US);
	raw_hang_up(arg);
	return NULL;
}

/* Backs: B353. */
static void test_what_overtakes_the_end_of_the_old_connection_gets_its_open(void **state)
{
	struct smb2_file_id id = fx.old.file_id;
	pthread_t thread;

	(void)state;
	pthread_create(&thread, NULL, hang_up_late, &fx.old);
	assert_status(open_durable(&fx.back, &id), STATUS_SUCCESS);
	pthread_join(thread, NULL);
	assert_true(fx.back.file_id.persistent == id.persistent);
	assert_status(write_some(&fx.back), STATUS_SUCCESS);
}

/* Backs: B350. */
static void test_an_open_whose_connection_stays_is_not_given_away(void **state)
{
	struct smb2_file_id id = fx.old.file_id;

	(void)state;
	assert_status(open_durable(&fx.back, &id), STATUS_OBJECT_NAME_NOT_FOUND);
	assert_status(write_some(&fx.old), STATUS_SUCCESS);
	raw_hang_up(&fx.old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_overtakes_the_end_of_the_old_connection_gets_its_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_open_whose_connection_stays_is_not_given_away, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SMB2 over NetBIOS sessions: sizes that 17 bits of length can carry ([MS-SMB2] 3.3.5.4), both ways; and the names that the server answers to. */
#include "sim.h"

#include "server/tables.h"
#include "wire/nbss.h"

#include <hythe/server.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALL = 0x1F01FF, OPEN_IF = 3, PIECE = 65536, FRAME = 4096 };

static void start(struct sim *s)
{
	struct sim_options o = {.nbss = true};

	sim_start(s, &o);
}

/* Backs: E025. */
static void test_files_go_both_ways_in_pieces_of_64_kib(void **state)
{
	static uint8_t out[300000], in[300000];
	struct hythe_session *session;
	struct hythe_session_info info;
	struct hythe_open_params p;
	struct hythe_file *file;
	struct hythe_tree *tree;
	struct hythe_step steps[2];
	struct sim s;
	size_t n;

	(void)state;
	start(&s);
	assert_status(sim_connect(&s, "share", &session, &tree), STATUS_SUCCESS);
	hythe_session_info(session, &info);
	assert_int_equal(info.max_read_bytes, PIECE);
	assert_int_equal(info.max_write_bytes, PIECE);
	assert_int_equal(info.max_transact_bytes, PIECE);
	hythe_open_params_init(&p, "f", ALL);
	p.disposition = HYTHE_CREATE;
	assert_status(hythe_open(tree, &p, &file, NULL), STATUS_SUCCESS);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 2654435761u >> 23);
	assert_status(hythe_write(file, 0, out, sizeof(out), &n), STATUS_SUCCESS);
	assert_status(hythe_read(file, 0, in, sizeof(in), &n), STATUS_SUCCESS);
	assert_int_equal(n, sizeof(in));
	assert_memory_equal(in, out, sizeof(in));
	/* Two such pieces in one chain are more than a session's frame. */
	for (size_t i = 0; i < 2; i++)
		steps[i] = (struct hythe_step){.kind = HYTHE_STEP_READ, .on = i ? NULL : file, .buffer = in, .len = PIECE};
	assert_status(hythe_chain(tree, steps, 2), STATUS_INVALID_PARAMETER);
	assert_status(hythe_chain(tree, steps, 1), STATUS_SUCCESS);
	assert_status(hythe_close(file, NULL), STATUS_SUCCESS);
	hythe_tree_free(tree);
	hythe_session_free(session);
	sim_stop(&s);
}

/* What a chain reads beyond what fits into the answer's frame fails, and nothing else of it. */
static void test_a_chain_that_reads_too_much(void **state)
{
	static uint8_t zeros[PIECE], frame[FRAME + PIECE];
	static const uint32_t wanted[] = {0, 0xC000009A, 0};
	struct smb2_read_req read = {.padding = 0x50, .length = PIECE};
	struct smb2_write_req write = {.length = PIECE, .data = slice_of(zeros, PIECE)};
	struct smb2_close_req close = {0};
	size_t at = 0, last = 0, i = 0;
	struct slice answer;
	struct sim s;
	struct raw r;

	(void)state;
	start(&s);
	raw_ready(&r, &s, 0x0300);
	assert_status(raw_open(&r, "f", ALL, OPEN_IF, 0), STATUS_SUCCESS);
	write.file_id = read.file_id = close.file_id = r.file_id;
	at = raw_encode(&r, frame, sizeof(frame), SMB2_WRITE, &write);
	raw_send(&r, frame, at);
	answer = raw_receive(&r);
	assert_int_equal(load_le32(answer.data + 8), 0);
	memset(frame, 0, sizeof(frame));
	at = 0;
	for (i = 0; i < 3; i++) {
		if (i > 0)
			store_le32(frame + last + 20, (uint32_t)(at - last));
		last = at;
		at = round_up(at + raw_encode(&r, frame + at, sizeof(frame) - at, i < 2 ? SMB2_READ : SMB2_CLOSE, i < 2 ? (void *)&read : (void *)&close), 8);
	}
	raw_send(&r, frame, at);
	answer = raw_receive(&r);
	assert_true(answer.len > PIECE && answer.len <= NET_NBSS_FRAME_MAX);
	for (i = 0, at = 0; i < 3; i++) {
		assert_int_equal(load_le32(answer.data + at + 8), wanted[i]);
		at += load_le32(answer.data + at + 20);
	}
	raw_close(&r);
	sim_stop(&s);
}

/* --- names, with a server as users have it --- */

static uint8_t answers[8][8];
static unsigned answer_count;

static void watch(void *arg, bool received, const uint8_t *p, size_t n)
{
	(void)arg;
	if (received && answer_count < ARRAY_LEN(answers))
		memcpy(answers[answer_count++], p, n < 8 ? n : 8);
}

static void call(struct net_pool *pool, uint16_t port, const char *name)
{
	struct net_nbss_call how = {.called = name, .calling = "me", .packet = watch};
	struct net_conn *c;
	ntstatus status;
	char why[256];

	answer_count = 0;
	c = net_connect_nbss(pool, "127.0.0.1", port, &how, 5000, &status, why);
	assert_non_null(c);
	net_conn_close(c, false);
	net_conn_put(c);
}

static void test_names(void **state)
{
	static const char *const ours[] = {"HERE", "here", "ALSO", "and-this", "*SMBSERVER"}, *const theirs[] = {"ELSEWHERE", "HER", "HEREE", "SMBSERVER"};
	const char *aliases[] = {"also", "AND-THIS", "1234567890123456"}, *listen[] = {"nbss:127.0.0.1:0"};
	char directory[] = "/tmp/hythe-nbss.XXXXXX", why[256];
	struct hythe_share_config share = {.name = "share", .path = directory};
	struct net_pool_config pool_config = {0};
	struct net_pool *pool = net_pool_new(&pool_config);
	struct hythe_server_config cfg;
	struct hythe_server *server;

	(void)state;
	assert_non_null(mkdtemp(directory));
	hythe_server_config_init(&cfg);
	cfg.name = "HERE";
	cfg.aliases = aliases;
	cfg.alias_count = 3;
	cfg.listen = listen;
	cfg.listen_count = 1;
	cfg.shares = &share;
	cfg.share_count = 1;
	assert_null(hythe_server_new(&cfg, why, sizeof(why)));
	assert_string_equal(why, "the alias '1234567890123456' is no name of 1 to 15 characters");
	cfg.alias_count = 2;
	server = hythe_server_new(&cfg, why, sizeof(why));
	assert_non_null(server);
	assert_true(hythe_server_start(server, why, sizeof(why)));
	for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
		call(pool, hythe_server_port(server, 0), ours[i]);
		assert_int_equal(answer_count, 1);
		assert_int_equal(answers[0][0], NBSS_POSITIVE_RESPONSE);
	}
	for (size_t i = 0; i < ARRAY_LEN(theirs); i++) {
		call(pool, hythe_server_port(server, 0), theirs[i]);
		assert_int_equal(answer_count, 2);
		assert_int_equal(answers[0][0], NBSS_NEGATIVE_RESPONSE);
		assert_int_equal(answers[0][4], NBSS_CALLED_NAME_NOT_PRESENT);
	}
	hythe_server_free(server);
	net_pool_free(pool);
	rmdir(directory);
}

/* --- where SMB1 is spoken --- */

enum { LINES_BYTES = 4096 };

static void keep_line(enum hythe_log_level level, const char *line, void *arg)
{
	char *lines = arg;
	size_t n = strlen(lines);

	(void)level;
	snprintf(lines + n, LINES_BYTES - n, "%s\n", line);
}

static struct hythe_server *start_server(const char *directory, const char *const *listen, size_t n, bool smb1, char *lines)
{
	struct hythe_share_config share = {.name = "share", .path = directory, .smb1 = true};
	struct hythe_server_config cfg;
	struct hythe_server *server;
	char why[256];

	hythe_server_config_init(&cfg);
	cfg.name = "HERE";
	cfg.listen = listen;
	cfg.listen_count = n;
	cfg.shares = &share;
	cfg.share_count = 1;
	cfg.smb1 = smb1;
	cfg.guest = true;
	cfg.log_line = keep_line;
	cfg.log_arg = lines;
	server = hythe_server_new(&cfg, why, sizeof(why));
	assert_non_null(server);
	assert_true(hythe_server_start(server, why, sizeof(why)));
	return server;
}

/* Whether a client that speaks SMB1 only is let in there. */
static bool speaks_smb1(uint16_t port, bool nbss)
{
	struct hythe_connect_options o;
	struct hythe_connection *connection;
	struct hythe_client *client = hythe_client_new(NULL);
	ntstatus status;

	assert_non_null(client);
	hythe_connect_options_init(&o);
	o.min_dialect = o.max_dialect = HYTHE_DIALECT_NT1;
	o.nbss = nbss;
	status = hythe_connection_open(client, "127.0.0.1", port, &o, &connection);
	if (nt_ok(status))
		hythe_connection_close(connection);
	hythe_client_free(client);
	return nt_ok(status);
}

static void test_smb1_is_spoken_where_it_is_said(void **state)
{
	static const char *const listen[] = {"127.0.0.1:0", "127.0.0.1:0 smb1=yes", "nbss:127.0.0.1:0 smb1=yes", "127.0.0.1:0 smb1=no"};
	static const bool expected[2][4] = {{false, true, true, false}, {true, true, true, false}};
	char directory[] = "/tmp/hythe-smb1.XXXXXX", lines[LINES_BYTES], wanted[64];

	(void)state;
	assert_non_null(mkdtemp(directory));
	for (unsigned smb1 = 0; smb1 < 2; smb1++) {
		struct hythe_server *server;
		char *status;

		lines[0] = 0;
		server = start_server(directory, listen, ARRAY_LEN(listen), smb1 != 0, lines);
		assert_non_null(strstr(lines, "the share share is open to clients of SMB1"));
		status = hythe_server_status(server, true);
		assert_non_null(status);
		for (size_t i = 0; i < ARRAY_LEN(listen); i++) {
			snprintf(wanted, sizeof(wanted), "\"port\":%u,\"smb1\":%s}", hythe_server_port(server, i), expected[smb1][i] ? "true" : "false");
			assert_non_null(strstr(status, wanted));
			snprintf(wanted, sizeof(wanted), "let in at %s127.0.0.1:0, port %u\n", i == 2 ? "nbss:" : "", hythe_server_port(server, i));
			assert_int_equal(strstr(lines, wanted) != NULL, expected[smb1][i]);
			assert_int_equal(hythe_server_smb1(server, i), expected[smb1][i]);
			assert_int_equal(speaks_smb1(hythe_server_port(server, i), i == 2), expected[smb1][i]);
		}
		free(status);
		assert_false(hythe_server_smb1(server, ARRAY_LEN(listen)));
		hythe_server_free(server);
	}
	rmdir(directory);
}

static void test_what_cannot_stand_behind_an_address(void **state)
{
	const char *listen[] = {"127.0.0.1:0 smb2=yes"};
	struct hythe_server_config cfg;
	char why[256];

	(void)state;
	hythe_server_config_init(&cfg);
	cfg.listen = listen;
	cfg.listen_count = 1;
	assert_null(hythe_server_new(&cfg, why, sizeof(why)));
	assert_string_equal(why, "\"smb2=yes\" behind the listen address 127.0.0.1:0 is neither smb1=yes nor smb1=no");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_go_both_ways_in_pieces_of_64_kib),
		cmocka_unit_test(test_a_chain_that_reads_too_much),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_smb1_is_spoken_where_it_is_said),
		cmocka_unit_test(test_what_cannot_stand_behind_an_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

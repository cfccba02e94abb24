/* NetBIOS sessions, RFC 1002 4.3: those who call are taken, turned away, sent elsewhere; frames up to what 17 bits of length can say. */
#include "util.h"

#include "wire/nbss.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST = NBSS_HEADER_SIZE + NBSS_REQUEST_LENGTH };

/* A port in a retarget. */
static void put_port(uint8_t *at, uint16_t port)
{
	at[0] = (uint8_t)(port >> 8);
	at[1] = (uint8_t)port;
}

static struct server server;
static struct end ends[8];
static char asked[64];

static uint8_t judge(const char *called, uint8_t suffix, const char *calling)
{
	snprintf(asked, sizeof(asked), "%s<%02X> from %s", called, suffix, calling);
	if (strcmp(called, "THERE") != 0 && strcmp(called, "*SMBSERVER") != 0)
		return NBSS_CALLED_NAME_NOT_PRESENT;
	return strcmp(calling, "UNWANTED") == 0 ? NBSS_NOT_LISTENING_FOR_CALLING_NAME : 0;
}

static void start(bool nbss)
{
	server.nbss = nbss;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		ends[i].echo = true;
		ends[i].on_called = judge;
		ends[i].limit = 1 << 20;
	}
	server_start(&server, 2, 2, ends, ARRAY_LEN(ends));
}

static void stop(void)
{
	server_stop(&server);
	for (unsigned i = 0; i < ARRAY_LEN(ends) && i < server.used; i++)
		assert_int_equal(ends[i].destroyed, 1);
}

static int setup(void **state)
{
	(void)state;
	memset(ends, 0, sizeof(ends));
	server = (struct server){0};
	asked[0] = 0;
	log_sink_quiet(true);
	return 0;
}

static size_t make_request(uint8_t *out, const char *called, uint8_t suffix, const char *calling)
{
	struct wire w = wire_encoder(out, 0, REQUEST);
	struct nbss_header h = {.type = NBSS_SESSION_REQUEST, .length = NBSS_REQUEST_LENGTH};
	struct nbss_request m = {nbss_name_of(called, suffix), nbss_name_of(calling, 0)};

	nbss_header_code(&w, &h);
	nbss_request_code(&w, &m);
	assert_true(wire_ok(&w));
	return w.pos;
}

static int session(void)
{
	uint8_t p[REQUEST];
	int fd = raw_connect(&server);

	raw_write(fd, p, make_request(p, "there", 0x20, "caller"));
	assert_int_equal(raw_read(fd, p, 4), 4);
	assert_memory_equal(p, "\x82\0\0", 4);
	assert_string_equal(asked, "THERE<20> from CALLER");
	return fd;
}

static void assert_refused(int fd, uint8_t error)
{
	uint8_t p[8];

	assert_int_equal(raw_read(fd, p, 6), 5);
	assert_memory_equal(p, "\x83\0\0\1", 4);
	assert_int_equal(p[4], error);
	close(fd);
}

static void test_a_session_and_frames_in_it(void **state)
{
	static const size_t sizes[] = {1, 200, 40000, 0xFFFF, 0x10000, NET_NBSS_FRAME_MAX};
	static uint8_t frame[NET_NBSS_FRAME_MAX + 4], back[NET_NBSS_FRAME_MAX + 4];
	int fd;

	(void)state;
	start(true);
	fd = session();
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		size_t n = make_frame(frame, sizes[i], (uint8_t)(i + 1));

		raw_write(fd, "\x85\0\0", 4); /* keep-alives are taken at any time */
		raw_write(fd, frame, n);
		assert_int_equal(raw_read(fd, back, n), n);
		assert_memory_equal(back, frame, n);
	}
	assert_int_equal(ends[0].frames, ARRAY_LEN(sizes));
	close(fd);
	stop();
}

static void test_a_request_cut_at_every_byte(void **state)
{
	uint8_t p[REQUEST + 4], frame[16];
	size_t n = make_request(p, "*SMBSERVER", 0x20, "x"), m = make_frame(frame, 9, 7);

	(void)state;
	for (size_t cut = 1; cut < n; cut += 5) {
		setup(NULL);
		start(true);
		int fd = raw_connect(&server);
		raw_write(fd, "\x85\0\0", 4);
		raw_write(fd, p, cut);
		usleep(300);
		raw_write(fd, p + cut, n - cut);
		raw_write(fd, frame, m);
		uint8_t back[4 + 16];
		assert_int_equal(raw_read(fd, back, 4 + m), 4 + m);
		assert_memory_equal(back, "\x82\0\0", 4);
		assert_memory_equal(back + 4, frame, m);
		close(fd);
		stop();
	}
}

static void test_names_that_are_not_here(void **state)
{
	uint8_t p[REQUEST];
	int fd;

	(void)state;
	start(true);
	fd = raw_connect(&server);
	raw_write(fd, p, make_request(p, "ELSEWHERE", 0x20, "caller"));
	assert_refused(fd, NBSS_CALLED_NAME_NOT_PRESENT);
	fd = raw_connect(&server);
	raw_write(fd, p, make_request(p, "THERE", 0x20, "UNWANTED"));
	assert_refused(fd, NBSS_NOT_LISTENING_FOR_CALLING_NAME);
	ends[2].on_called = NULL;
	fd = raw_connect(&server);
	raw_write(fd, p, make_request(p, "THERE", 0x20, "caller"));
	assert_refused(fd, NBSS_NOT_LISTENING_ON_CALLED_NAME);
	/* A name of another encoding. */
	fd = raw_connect(&server);
	make_request(p, "THERE", 0x20, "caller");
	p[7] = 'q';
	raw_write(fd, p, REQUEST);
	assert_refused(fd, NBSS_UNSPECIFIED_ERROR);
	assert_int_equal(ends[0].frames + ends[1].frames + ends[2].frames + ends[3].frames, 0);
	stop();
}

static void test_who_mistakes_the_port_is_told(void **state)
{
	uint8_t p[REQUEST], frame[16];
	int fd;

	(void)state;
	start(true);
	fd = raw_connect(&server);
	raw_write(fd, frame, make_frame(frame, 9, 7));
	assert_refused(fd, NBSS_UNSPECIFIED_ERROR);
	assert_int_equal(ends[0].frames, 0);
	stop();
	setup(NULL);
	start(false);
	fd = raw_connect(&server);
	raw_write(fd, p, make_request(p, "THERE", 0x20, "caller"));
	assert_refused(fd, NBSS_NOT_LISTENING_ON_CALLED_NAME);
	assert_int_equal(ends[0].frames, 0);
	stop();
}

/* Before or in a session: closed without a word, and nothing of it is a frame. */
static void test_what_has_no_place(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		bool before, within;
	} bad[] = {
		{"\x82\0\0", 4, true, true}, {"\x83\0\0\1\x82", 5, true, true}, {"\x84\0\0\6\1\1\1\1\1\1", 10, true, true}, {"\x99\0\0", 4, true, true},
		{"\x00\x02\0\1x", 5, false, true}, {"\x00\x80\0\1x", 5, false, true}, {"\x00\0\0", 4, false, true},
		{"\x81\1\0\0", 4, true, true}, {"\x81\0\x03\0", 4, true, true}, {"\x85\1\0\0", 4, true, true}, {"\x85\x80\0\0", 4, true, true},
	};
	uint8_t p[REQUEST];

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(bad); i++) {
		bool within = i % 2;

		if (!(within ? bad[i / 2].within : bad[i / 2].before))
			continue;
		setup(NULL);
		start(true);
		int fd = within ? session() : raw_connect(&server);
		raw_write(fd, bad[i / 2].bytes, bad[i / 2].n);
		assert_int_equal(raw_read(fd, p, 1), 0);
		assert_int_equal(ends[0].frames, 0);
		close(fd);
		stop();
	}
	/* A second request. */
	setup(NULL);
	start(true);
	int fd = session();
	raw_write(fd, p, make_request(p, "THERE", 0x20, "caller"));
	assert_int_equal(raw_read(fd, p, 1), 0);
	close(fd);
	stop();
}

/* The limit of the owner counts, too, and a flood of keep-alives is no work for ever. */
static void test_limits(void **state)
{
	static uint8_t many[4 * 100000], frame[2004];
	int fd;

	(void)state;
	start(true);
	ends[0].limit = 1000;
	fd = session();
	for (size_t i = 0; i < sizeof(many); i += 4)
		memcpy(many + i, "\x85\0\0", 4);
	raw_write(fd, many, sizeof(many));
	raw_write(fd, frame, make_frame(frame, 1000, 3));
	assert_int_equal(raw_read(fd, many, 1004), 1004);
	assert_memory_equal(many, frame, 1004);
	raw_write(fd, frame, make_frame(frame, 1001, 3));
	assert_int_equal(raw_read(fd, many, 1), 0);
	close(fd);
	stop();
}

/* Half a session is as silent as any stranger: the time for a first frame goes on. */
static void test_a_session_request_that_never_comes(void **state)
{
	uint8_t p[REQUEST];
	int fd;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		ends[i].idle_ms = 300;
		ends[i].frame_ms = 200;
	}
	start(true);
	fd = raw_connect(&server);
	assert_int_equal(raw_read(fd, p, 1), 0);
	close(fd);
	fd = raw_connect(&server);
	make_request(p, "THERE", 0x20, "caller");
	raw_write(fd, p, 30);
	assert_int_equal(raw_read(fd, p, 1), 0);
	close(fd);
	stop();
}

/* --- calling --- */

static struct net_conn *call(const char *called, const char *calling, ntstatus *status, char *why)
{
	struct net_nbss_call how = {.called = called, .calling = calling};

	return net_connect_nbss(server.pool, "127.0.0.1", net_listener_port(server.listener), &how, 2000, status, why);
}

static void test_calling(void **state)
{
	struct end mine = {.echo = false};
	char why[256];
	ntstatus status;
	uint8_t big[70000];

	(void)state;
	start(true);
	mine.conn = call("there", "me.", &status, why);
	assert_true(nt_ok(status));
	assert_string_equal(why, "");
	assert_string_equal(asked, "THERE<20> from ME.");
	assert_true(net_conn_is_nbss(mine.conn));
	mine.limit = 1 << 20;
	net_conn_limit(mine.conn, 1 << 20);
	net_conn_start(mine.conn, &end_ops, &mine);
	memset(big, 9, sizeof(big));
	net_send(mine.conn, &(struct net_seg){.data = big, .len = sizeof(big)}, 1);
	WAIT_FOR(server.pool, mine.frames == 1);
	assert_int_equal(mine.bytes, sizeof(big));
	net_conn_close(mine.conn, false);
	WAIT_FOR(server.pool, mine.destroyed == 1);
	/* The name is unknown, so *SMBSERVER is tried. */
	mine = (struct end){.conn = call("ELSEWHERE", "me", &status, why)};
	assert_true(nt_ok(status));
	assert_string_equal(asked, "*SMBSERVER<20> from ME");
	net_conn_start(mine.conn, &end_ops, &mine);
	net_conn_close(mine.conn, false);
	WAIT_FOR(server.pool, mine.destroyed == 1);
	assert_null(call("THERE", "unwanted", &status, why));
	assert_string_equal(hythe_status_name(status), "STATUS_CONNECTION_REFUSED");
	assert_string_equal(why, "it refuses a NetBIOS session with the name THERE: not listening for calling name (ours)");
	/* Nobody sends what 17 bits cannot count. */
	mine = (struct end){.conn = call("there", "me", &status, why)};
	static uint8_t too_big[NET_NBSS_FRAME_MAX + 1];
	net_conn_start(mine.conn, &end_ops, &mine);
	net_send(mine.conn, &(struct net_seg){.data = too_big, .len = sizeof(too_big)}, 1);
	WAIT_FOR(server.pool, mine.destroyed == 1);
	stop();
	setup(NULL);
	start(false);
	assert_null(call("there", "me", &status, why));
	assert_string_equal(why, "it refuses a NetBIOS session with the name *SMBSERVER: not listening on called name");
	stop();
}

/* A peer that says what it is told to. */
struct peer {
	int fd;
	uint16_t port;
	const uint8_t *answers[4];
	size_t len[4];
	unsigned n, seen;
	pthread_t thread;
};

static void *peer_run(void *arg)
{
	struct peer *p = arg;

	for (unsigned i = 0; i < p->n; i++) {
		uint8_t request[REQUEST];
		int fd = accept(p->fd, NULL, NULL);

		if (fd < 0)
			return NULL;
		p->seen += raw_read(fd, request, sizeof(request)) == sizeof(request);
		if (p->len[i])
			raw_write(fd, p->answers[i], p->len[i]);
		shutdown(fd, SHUT_WR);
		raw_read(fd, request, 1);
		close(fd);
	}
	return NULL;
}

static void peer_start(struct peer *p)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(a);

	p->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(p->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(p->fd, 4), 0);
	getsockname(p->fd, (struct sockaddr *)&a, &len);
	p->port = ntohs(a.sin_port);
	pthread_create(&p->thread, NULL, peer_run, p);
}

static void peer_stop(struct peer *p)
{
	shutdown(p->fd, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	close(p->fd);
}

static struct net_conn *call_peer(struct peer *p, ntstatus *status, char *why)
{
	struct net_nbss_call how = {.called = "A", .calling = "B"};

	return net_connect_nbss(server.pool, "127.0.0.1", p->port, &how, 1000, status, why);
}

static void test_retargets_are_followed_once(void **state)
{
	uint8_t to_server[10] = "\x84\0\0\6\x7F\0\0\1", to_self[10];
	struct peer once = {.answers = {to_server}, .len = {10}, .n = 1}, twice = {.answers = {to_self, to_self}, .len = {10, 10}, .n = 2};
	struct end mine = {.echo = false};
	char why[256];
	ntstatus status;

	(void)state;
	start(true);
	ends[1].on_called = judge;
	put_port(to_server + 8, net_listener_port(server.listener));
	peer_start(&once);
	mine.conn = call_peer(&once, &status, why);
	assert_true(nt_ok(status));
	assert_string_equal(asked, "*SMBSERVER<20> from B"); /* A is not there */
	net_conn_start(mine.conn, &end_ops, &mine);
	net_conn_close(mine.conn, false);
	WAIT_FOR(server.pool, mine.destroyed == 1);
	peer_stop(&once);
	memcpy(to_self, to_server, sizeof(to_self));
	peer_start(&twice);
	put_port(to_self + 8, twice.port);
	assert_null(call_peer(&twice, &status, why));
	assert_string_equal(why, "it sends the NetBIOS session request on to another place a second time");
	assert_int_equal(twice.seen, 2);
	peer_stop(&twice);
	stop();
}

static void test_answers_that_make_no_sense(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *why;
	} bad[] = {
		{"", 0, "the connection was ended instead of an answer to the NetBIOS session request"},
		{"\x82\0", 2, "the connection was ended instead of an answer to the NetBIOS session request"},
		{"\x85\0\0\0\x82\0\0", 7, "the connection was ended instead of an answer to the NetBIOS session request"},
		{"\x82\0\1\0", 4, "what answers there does not speak the NetBIOS session service"},
		{"HTTP", 4, "what answers there does not speak the NetBIOS session service"},
		{"\x83\0\0", 4, "its answer to the NetBIOS session request makes no sense"},
		{"\x84\0\0\2xx", 6, "its answer to the NetBIOS session request makes no sense"},
		{"\0\0\0\1x", 5, "its answer to the NetBIOS session request makes no sense"},
		{"\x83\0\0\1\x8F", 5, "it refuses a NetBIOS session with the name A: unspecified error"},
		{"\x83\0\0\1\x83", 5, "it refuses a NetBIOS session with the name A: called name present, but insufficient resources"},
		{"\x83\0\0\1\x01", 5, "it refuses a NetBIOS session with the name A: no reason that is known"},
	};
	char why[256];
	ntstatus status;

	(void)state;
	start(true);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct peer p = {.answers = {(const uint8_t *)bad[i].bytes}, .len = {bad[i].n}, .n = 1};

		peer_start(&p);
		assert_null(call_peer(&p, &status, why));
		assert_string_equal(why, bad[i].why);
		assert_false(nt_ok(status));
		peer_stop(&p);
	}
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_session_and_frames_in_it, setup),
		cmocka_unit_test_setup(test_a_request_cut_at_every_byte, setup),
		cmocka_unit_test_setup(test_names_that_are_not_here, setup),
		cmocka_unit_test_setup(test_who_mistakes_the_port_is_told, setup),
		cmocka_unit_test_setup(test_what_has_no_place, setup),
		cmocka_unit_test_setup(test_limits, setup),
		cmocka_unit_test_setup(test_a_session_request_that_never_comes, setup),
		cmocka_unit_test_setup(test_calling, setup),
		cmocka_unit_test_setup(test_retargets_are_followed_once, setup),
		cmocka_unit_test_setup(test_answers_that_make_no_sense, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

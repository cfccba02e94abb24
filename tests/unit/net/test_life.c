/* Listening, connecting, many connections, timeouts, and connections that end at awkward moments. */
#include "util.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ENDS = 1100 };

static struct server server;
static struct end ends[ENDS];

static int setup(void **state)
{
	(void)state;
	memset(ends, 0, sizeof(ends));
	return 0;
}

static void expect_all_gone(void)
{
	for (unsigned i = 0; i < ENDS && i < server.used; i++) {
		assert_int_equal(ends[i].closed, 1);
		assert_int_equal(ends[i].destroyed, 1);
	}
}

static void test_a_thousand_connections(void **state)
{
	enum { COUNT = 1000 };
	struct rlimit old, more;
	uint8_t frame[104], back[104];
	int fds[COUNT];

	(void)state;
	getrlimit(RLIMIT_NOFILE, &old);
	more = old;
	more.rlim_cur = old.rlim_max < 4096 ? old.rlim_max : 4096;
	setrlimit(RLIMIT_NOFILE, &more);
	for (unsigned i = 0; i < COUNT; i++)
		ends[i].echo = true;
	server_start(&server, 2, 8, ends, ENDS);
	for (unsigned i = 0; i < COUNT; i++)
		fds[i] = raw_connect(&server);
	for (unsigned round = 0; round < 3; round++) {
		size_t n = make_frame(frame, 100, (uint8_t)round);

		for (unsigned i = 0; i < COUNT; i++)
			raw_write(fds[i], frame, n);
		for (unsigned i = 0; i < COUNT; i++) {
			assert_int_equal(raw_read(fds[i], back, n), n);
			assert_memory_equal(back, frame, n);
		}
	}
	for (unsigned i = 0; i < COUNT; i += 2)
		close(fds[i]);
	for (unsigned i = 0, gone = 0; i < 10000 && gone < COUNT / 2; i++) {
		gone = 0;
		for (unsigned k = 0; k < COUNT; k++)
			gone += ends[k].destroyed;
		usleep(1000);
	}
	server_stop(&server);
	expect_all_gone();
	for (unsigned i = 1; i < COUNT; i += 2)
		close(fds[i]);
	setrlimit(RLIMIT_NOFILE, &old);
}

/* Two workers, and connections whose frames keep a worker for as long as the test wants. */
enum { HELD = 6 };
static _Atomic bool hold[HELD];

static void held_frame(struct end *e, const struct net_frame *f)
{
	(void)f;
	while (atomic_load(&hold[e - ends]))
		usleep(500);
}

static void ask(int fd)
{
	uint8_t frame[104];

	raw_write(fd, frame, make_frame(frame, 100, 1));
}

/* One worker is held by connection 1; the other by connection 2, and has found the four from 2 on readable with one look. */
static void hold_both(int fds[HELD], struct net_timer *late)
{
	server_start(&server, 2, 2, ends, HELD);
	for (unsigned i = 0; i < HELD; i++) {
		ends[i].on_frame = held_frame;
		hold[i] = i < 3;
		fds[i] = raw_connect(&server);
		WAIT_FOR(NULL, server.used == i + 1);
	}
	for (unsigned i = 0; i < 2; i++) {
		ask(fds[i]);
		WAIT_FOR(NULL, ends[i].calls == 1);
	}
	for (unsigned i = 2; i < HELD; i++)
		ask(fds[i]);
	if (late) {
		net_timer_arm(server.pool, late, 1);
		usleep(20000);
	}
	hold[0] = false;
	WAIT_FOR(NULL, ends[2].calls == 1);
}

static _Atomic bool late_fired;

static void late_fn(struct net_timer *t)
{
	(void)t;
	late_fired = true;
}

/* Connections, and whatever else was due. */
static void test_what_a_worker_took_others_serve(void **state)
{
	struct net_timer late = {.fn = late_fn};
	int fds[HELD];

	(void)state;
	hold_both(fds, &late);
	assert_false(late_fired);
	hold[1] = false;
	WAIT_FOR(NULL, late_fired);
	for (unsigned i = 3; i < HELD; i++)
		WAIT_FOR(NULL, ends[i].frames == 1);
	assert_int_equal(ends[2].frames, 0);
	hold[2] = false;
	WAIT_FOR(NULL, ends[2].frames == 1);
	for (unsigned i = 0; i < HELD; i++) {
		ask(fds[i]);
		WAIT_FOR(NULL, ends[i].frames == 2);
		close(fds[i]);
	}
	server_stop(&server);
	expect_all_gone();
}

static void *stop_server(void *arg)
{
	server_stop(arg);
	return NULL;
}

/* Those that nobody has got to when the pool ends end with it. */
static void test_what_a_worker_took_ends_with_the_pool(void **state)
{
	int fds[HELD];
	pthread_t t;

	(void)state;
	hold_both(fds, NULL);
	assert_int_equal(pthread_create(&t, NULL, stop_server, &server), 0);
	usleep(20000);
	hold[1] = hold[2] = false;
	pthread_join(t, NULL);
	expect_all_gone();
	for (unsigned i = 0; i < HELD; i++)
		close(fds[i]);
}

/* Out of descriptors: accepting pauses without spinning, and goes on when there are some again. */
static void test_accepting_without_descriptors_pauses(void **state)
{
	struct rlimit old, none;
	int fds[4], spare[64], n = 0;
	struct rusage before, after;
	uint8_t frame[16];

	(void)state;
	ends[0].echo = ends[1].echo = true;
	server_start(&server, 2, 2, ends, ENDS);
	log_sink_quiet(true);
	for (unsigned i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
	getrlimit(RLIMIT_NOFILE, &old);
	none = old;
	none.rlim_cur = 64;
	setrlimit(RLIMIT_NOFILE, &none);
	while (n < 64 && (spare[n] = open("/dev/null", O_RDONLY)) >= 0)
		n++;
	getrusage(RUSAGE_SELF, &before);
	raw_connect_fd(&server, fds[0]);
	raw_connect_fd(&server, fds[1]);
	usleep(600000);
	getrusage(RUSAGE_SELF, &after);
	assert_int_equal(server.used, 0);
	assert_in_range((after.ru_utime.tv_usec + after.ru_stime.tv_usec) - (before.ru_utime.tv_usec + before.ru_stime.tv_usec) +
				1000000 * (after.ru_utime.tv_sec - before.ru_utime.tv_sec), 0, 100000);
	while (n > 0)
		close(spare[--n]);
	raw_write(fds[0], frame, make_frame(frame, 5, 1));
	assert_int_equal(raw_read(fds[0], frame, 9), 9);
	setrlimit(RLIMIT_NOFILE, &old);
	server_stop(&server);
	log_sink_quiet(false);
	for (unsigned i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	expect_all_gone();
}

/* Closing while paused for want of descriptors frees the listener, too. */
static void test_closing_a_paused_listener(void **state)
{
	struct rlimit old, none;
	int fd, spare[64], n = 0;

	(void)state;
	server_start(&server, 1, 1, ends, ENDS);
	log_sink_quiet(true);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	getrlimit(RLIMIT_NOFILE, &old);
	none = old;
	none.rlim_cur = 64;
	setrlimit(RLIMIT_NOFILE, &none);
	while (n < 64 && (spare[n] = open("/dev/null", O_RDONLY)) >= 0)
		n++;
	raw_connect_fd(&server, fd);
	usleep(50000);
	server_stop(&server);
	while (n > 0)
		close(spare[--n]);
	setrlimit(RLIMIT_NOFILE, &old);
	log_sink_quiet(false);
	close(fd);
}

static void test_a_port_can_be_listened_on_again_at_once(void **state)
{
	char address[32], why[256];
	struct net_listener *l;
	uint16_t port;

	(void)state;
	server_start(&server, 1, 1, ends, ENDS);
	port = net_listener_port(server.listener);
	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	assert_null(net_listen(server.pool, address, NULL, NULL, why));
	assert_non_null(strstr(why, "is in use"));
	for (unsigned i = 0; i < 20; i++) {
		net_listener_close(server.listener);
		server.listener = net_listen(server.pool, address, NULL, NULL, why);
		assert_non_null(server.listener);
	}
	l = net_listen(server.pool, "[::1]:0", NULL, NULL, why);
	if (l)
		net_listener_close(l);
	server_stop(&server);
}

static void test_addresses_that_are_none(void **state)
{
	static const char *const bad[] = {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "::1:445", "[::1:445",
		"[::1]", "127.0.0.1:4450x", "127.0.0.1: 1", "192.0.2.1:0"};
	struct net_pool_config cfg = {0};
	struct net_pool *p = net_pool_new(&cfg);
	char why[256];

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		why[0] = 0;
		assert_null(net_listen(p, bad[i], NULL, NULL, why));
		assert_true(strlen(why) > 10);
	}
	net_pool_free(p);
}

/* The other side is this library, too; the pool is stepped by several threads as a client's callers do. */
static void *stepper(void *arg)
{
	struct end *e = arg;

	while (!atomic_load(&e->closed) && atomic_load(&e->frames) < 1000)
		net_pool_step(server.pool, 5000);
	return NULL;
}

static void again(struct end *e, const struct net_frame *f)
{
	struct net_seg s = {.data = f->data, .len = f->len};

	if (atomic_load(&e->frames) < 999)
		net_send(e->conn, &s, 1);
}

static void test_connect_and_step_by_several_threads(void **state)
{
	struct end mine[3];
	pthread_t t[3];
	ntstatus st;
	struct net_seg s = {.data = "ping", .len = 4};
	char text[64];

	(void)state;
	memset(mine, 0, sizeof(mine));
	server_start(&server, 0, 0, ends, ENDS);
	for (unsigned i = 0; i < 3; i++) {
		ends[i].echo = true;
		mine[i].on_frame = again;
		mine[i].conn = net_connect(server.pool, "127.0.0.1", net_listener_port(server.listener), 1000, &st);
		assert_non_null(mine[i].conn);
		assert_true(nt_ok(st));
		net_conn_peer(mine[i].conn, text, sizeof(text));
		assert_memory_equal(text, "127.0.0.1:", 10);
		net_conn_start(mine[i].conn, &end_ops, &mine[i]);
		net_send(mine[i].conn, &s, 1);
	}
	for (unsigned i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, stepper, &mine[i]);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(mine[i].frames, 1000);
		net_conn_close(mine[i].conn, false);
	}
	WAIT_FOR(server.pool, mine[0].destroyed + mine[1].destroyed + mine[2].destroyed == 3);
	server_stop(&server);
	expect_all_gone();
}

static void test_connect_says_why_not(void **state)
{
	struct net_pool_config cfg = {0};
	struct net_pool *p = net_pool_new(&cfg);
	uint16_t port;
	ntstatus st;

	(void)state;
	server_start(&server, 0, 0, ends, ENDS);
	port = net_listener_port(server.listener);
	server_stop(&server);
	assert_null(net_connect(p, "127.0.0.1", port, 1000, &st));
	assert_true(nt_is(st, STATUS_CONNECTION_REFUSED));
	assert_null(net_connect(p, "no such host.invalid", 1, 1000, &st));
	assert_true(nt_is(st, STATUS_BAD_NETWORK_PATH));
	net_pool_free(p);
}

struct dialled {
	_Atomic int calls;
	struct net_conn *conn;
	ntstatus status;
	struct net_dial *dial;
};

static void on_dialled(void *arg, struct net_conn *c, ntstatus status)
{
	struct dialled *d = arg;

	d->conn = c;
	d->status = status;
	atomic_fetch_add(&d->calls, 1);
}

/* "two.test" has two addresses, of which servers here listen on the second. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	int err;

	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (strcmp(host, "two.test") != 0)
		return real(host, service, hints, list);
	err = real("127.0.0.2", service, hints, list);
	return err != 0 ? err : real("127.0.0.1", service, hints, &(*list)->ai_next);
}

/* A socket that listens on 127.0.0.2, and takes none of the connections that it gets: once its queue is full, those that come hang. */
static int full_listener(uint16_t port, struct sockaddr_in *a, int fillers[2])
{
	socklen_t len = sizeof(*a);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	*a = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1)};
	assert_int_equal(bind(l, (struct sockaddr *)a, len), 0);
	assert_int_equal(listen(l, 0), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)a, &len), 0);
	for (unsigned i = 0; i < 2; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(fillers[i], (struct sockaddr *)a, len);
	}
	return l;
}

/* What blocks in net_connect is told when it has happened: that it is there, that nobody listens, that it took too long, that it was given up. */
static void test_dialling_without_waiting(void **state)
{
	struct net_pool_config cfg = {0};
	struct net_conn *conn = NULL;
	struct sockaddr_in full;
	int fillers[2], l = full_listener(0, &full, fillers);
	ntstatus st;

	(void)state;
	for (unsigned threads = 0; threads <= 2; threads += 2) {
		struct dialled d[3] = {0};
		struct net_pool *p, *stepped;
		uint16_t port;

		server_start(&server, threads, threads, ends, ENDS);
		port = net_listener_port(server.listener);
		cfg.threads = cfg.max_threads = threads;
		p = net_pool_new(&cfg);
		stepped = threads ? NULL : p;
		st = net_dial(p, "127.0.0.1", port, 1000, on_dialled, &d[0], &d[0].dial, &conn);
		if (nt_is(st, STATUS_PENDING)) {
			WAIT_FOR(stepped, d[0].calls == 1);
			assert_true(nt_ok(d[0].status));
			conn = d[0].conn;
		}
		assert_non_null(conn);
		net_conn_close(conn, false);
		net_conn_put(conn);
		server_stop(&server);

		st = net_dial(p, "127.0.0.1", port, 1000, on_dialled, &d[1], &d[1].dial, &conn);
		if (nt_is(st, STATUS_PENDING)) {
			WAIT_FOR(stepped, d[1].calls == 1);
			assert_null(d[1].conn);
			st = d[1].status;
		}
		assert_true(nt_is(st, STATUS_CONNECTION_REFUSED));
		assert_true(nt_is(net_dial(p, "no such host.invalid", 1, 1000, on_dialled, &d[1], &d[1].dial, &conn), STATUS_BAD_NETWORK_PATH));

		for (unsigned i = 0; i < 2; i++) {
			d[2].calls = 0;
			st = net_dial(p, "127.0.0.2", ntohs(full.sin_port), i == 0 ? 150 : 60000, on_dialled, &d[2], &d[2].dial, &conn);
			assert_true(nt_is(st, STATUS_PENDING));
			if (i == 1)
				net_dial_cancel(d[2].dial);
			WAIT_FOR(stepped, d[2].calls == 1);
			assert_null(d[2].conn);
			assert_true(nt_is(d[2].status, i == 0 ? STATUS_IO_TIMEOUT : STATUS_CANCELLED));
		}
		net_pool_free(p);
	}
	close(fillers[0]);
	close(fillers[1]);
	close(l);
}

/* The first address of a name refuses, or says nothing: it is the second that is reached, within the time for both. */
static void test_a_dead_address_does_not_cost_the_others(void **state)
{
	struct net_pool_config cfg = {.threads = 1, .max_threads = 1};
	struct sockaddr_in full;
	int fillers[2] = {-1, -1}, l = -1;
	struct net_pool *p = net_pool_new(&cfg);
	uint16_t port;
	char text[64];
	ntstatus st;

	(void)state;
	server_start(&server, 1, 1, ends, ENDS);
	port = net_listener_port(server.listener);
	for (unsigned hangs = 0; hangs < 2; hangs++) {
		struct dialled d = {0};
		struct net_conn *conn = NULL, *blocking;

		if (hangs)
			l = full_listener(port, &full, fillers);
		st = net_dial(p, "two.test", port, 600, on_dialled, &d, &d.dial, &conn);
		assert_true(nt_is(st, STATUS_PENDING) || (!hangs && nt_ok(st)));
		if (!conn) {
			WAIT_FOR(NULL, d.calls == 1);
			conn = d.conn;
		}
		blocking = net_connect(p, "two.test", port, 600, &st);
		assert_true(conn && blocking);
		net_conn_peer(conn, text, sizeof(text));
		assert_memory_equal(text, "127.0.0.1:", 10);
		net_conn_close(conn, false);
		net_conn_put(conn);
		net_conn_close(blocking, false);
		net_conn_put(blocking);
	}
	server_stop(&server);
	net_pool_free(p);
	close(fillers[0]);
	close(fillers[1]);
	close(l);
}

/* A peer that connects and says nothing, one that stops in the middle of a frame, one that sends it drop by drop; and one that
 * sends frames in time and stays. */
static void test_silent_and_half_sending_peers_are_ended(void **state)
{
	uint8_t frame[300], b;
	size_t n = make_frame(frame, 200, 1);
	int fds[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		ends[i].idle_ms = 1200;
		ends[i].frame_ms = 450;
	}
	server_start(&server, 1, 1, ends, ENDS);
	for (unsigned i = 0; i < 4; i++) {
		fds[i] = raw_connect(&server);
		WAIT_FOR(NULL, server.used == i + 1);
	}
	raw_write(fds[1], frame, 100);
	for (unsigned i = 0; i < 10; i++) {
		if (!ends[2].closed)
			send(fds[2], frame + i, 1, MSG_NOSIGNAL);
		raw_write(fds[3], frame, n);
		usleep(180000);
		if (i == 3) {
			assert_int_equal(ends[0].closed, 0);
			assert_int_equal(ends[1].closed, 1);
			assert_int_equal(ends[2].closed, 1);
		}
	}
	assert_int_equal(ends[0].closed, 1);
	assert_int_equal(ends[3].closed, 0);
	assert_int_equal(raw_read(fds[0], &b, 1), 0);
	net_conn_timeout(ends[3].conn, 0, 0);
	usleep(1500000);
	assert_int_equal(ends[3].closed, 0);
	for (unsigned i = 0; i < 4; i++)
		close(fds[i]);
	server_stop(&server);
	expect_all_gone();
}

static void slow(struct end *e, const struct net_frame *f)
{
	(void)e;
	(void)f;
	usleep(400000);
}

/* Time the owner takes with the token held is not the peer's. */
static void test_a_slow_owner_does_not_end_the_peer(void **state)
{
	uint8_t frame[300];
	size_t n = make_frame(frame, 100, 1);
	int fd;

	(void)state;
	ends[0].idle_ms = ends[0].frame_ms = 200;
	ends[0].on_frame = slow;
	server_start(&server, 1, 1, ends, ENDS);
	fd = raw_connect(&server);
	raw_write(fd, frame, n);
	raw_write(fd, frame, 50);
	usleep(300000);
	raw_write(fd, frame + 50, n - 50);
	WAIT_FOR(NULL, ends[0].frames == 2);
	assert_int_equal(ends[0].closed, 0);
	close(fd);
	server_stop(&server);
	expect_all_gone();
}

static void close_with_drain(struct end *e, const struct net_frame *f)
{
	struct net_seg s;
	struct buf *b = buf_get(2000000);

	(void)f;
	memset(b->data, 7, 2000000);
	s = (struct net_seg){.data = b->data, .len = 2000000, .owner = b};
	net_send(e->conn, &s, 1);
	net_conn_close(e->conn, true);
	net_conn_close(e->conn, true);
	s = (struct net_seg){.data = "late", .len = 4};
	net_send(e->conn, &s, 1);
}

/* With drain what was sent before arrives to the last byte, even from a peer that goes on sending; nothing after. */
static void test_closing_with_drain_delivers_what_was_sent(void **state)
{
	uint8_t *back = malloc(2100000), frame[2000];
	size_t n = make_frame(frame, 1000, 1);
	int fd;

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		ends[i].on_frame = close_with_drain;
	server_start(&server, 2, 2, ends, ENDS);
	for (unsigned i = 0; i < 5; i++) {
		fd = raw_connect(&server);
		raw_write(fd, frame, n);
		WAIT_FOR(NULL, ends[i].frames == 1);
		assert_true(net_conn_closed(ends[i].conn));
		for (unsigned k = 0; k < 20; k++)
			raw_write(fd, frame, n);
		assert_int_equal(raw_read(fd, back, 2100000), 2000004);
		assert_int_equal(ends[i].frames, 1);
		close(fd);
		WAIT_FOR(NULL, ends[i].destroyed == 1);
	}
	server_stop(&server);
	expect_all_gone();
	free(back);
}

/* With drain a peer that neither reads nor hangs up is ended after a few seconds. */
static void test_closing_with_drain_does_not_wait_for_ever(void **state)
{
	uint8_t frame[100];
	int fd;

	(void)state;
	ends[0].on_frame = close_with_drain;
	server_start(&server, 1, 1, ends, ENDS);
	fd = raw_connect(&server);
	raw_write(fd, frame, make_frame(frame, 10, 1));
	usleep(200000);
	assert_int_equal(ends[0].closed, 0);
	WAIT_FOR(NULL, ends[0].destroyed == 1);
	close(fd);
	server_stop(&server);
	expect_all_gone();
}

static void *close_racer(void *arg)
{
	struct end *e = arg;
	struct net_seg s = {.data = "x", .len = 1};

	usleep((useconds_t)(random() % 300));
	net_send(e->conn, &s, 1);
	net_conn_close(e->conn, random() % 2);
	net_send(e->conn, &s, 1);
	net_conn_close(e->conn, false);
	net_conn_put(e->conn);
	return NULL;
}

static void maybe_close(struct end *e, const struct net_frame *f)
{
	(void)f;
	if (random() % 20 == 0)
		net_conn_close(e->conn, false);
}

/* The peer, the owner's callback, and two other threads end a connection at about the same time, under load: closed once, freed
 * once. */
static void test_everybody_closes_at_once(void **state)
{
	enum { ROUNDS = 150 };
	uint8_t frame[30000];
	size_t n = 0;

	(void)state;
	while (n + 300 < sizeof(frame))
		n += make_frame(frame + n, 200, 1);
	for (unsigned i = 0; i < ROUNDS; i++) {
		ends[i].echo = true;
		ends[i].release = i % 2;
		ends[i].on_frame = i % 3 ? NULL : maybe_close;
	}
	server_start(&server, 4, 4, ends, ENDS);
	for (unsigned i = 0; i < ROUNDS; i++) {
		int fd = raw_connect(&server);
		pthread_t t[2];

		WAIT_FOR(NULL, atomic_load(&ends[i].conn) != NULL);
		for (unsigned k = 0; k < 2; k++)
			net_conn_ref(ends[i].conn);
		for (unsigned k = 0; k < 2; k++)
			pthread_create(&t[k], NULL, close_racer, &ends[i]);
		if (send(fd, frame, n, MSG_NOSIGNAL) < 0)
			assert_true(errno == EPIPE || errno == ECONNRESET);
		if (i % 4 == 0)
			usleep(200);
		close(fd);
		for (unsigned k = 0; k < 2; k++)
			pthread_join(t[k], NULL);
		WAIT_FOR(NULL, ends[i].destroyed == 1);
		assert_int_equal(ends[i].closed, 1);
	}
	server_stop(&server);
	expect_all_gone();
}

/* A pool that is freed under load ends its connections; nobody is forgotten. */
static void test_stopping_under_load(void **state)
{
	uint8_t frame[3000];
	size_t n = 0;
	int fds[8];

	(void)state;
	while (n + 300 < sizeof(frame))
		n += make_frame(frame + n, 200, 1);
	for (unsigned round = 0; round < 20; round++) {
		setup(NULL);
		for (unsigned i = 0; i < 8; i++) {
			ends[i].echo = true;
			ends[i].release = i % 2;
		}
		server_start(&server, 3, 6, ends, ENDS);
		for (unsigned i = 0; i < 8; i++) {
			fds[i] = raw_connect(&server);
			for (unsigned k = 0; k < 10; k++)
				raw_write(fds[i], frame, n);
		}
		server_stop(&server);
		expect_all_gone();
		for (unsigned i = 0; i < 8; i++)
			close(fds[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_thousand_connections, setup),
		cmocka_unit_test_setup(test_what_a_worker_took_others_serve, setup),
		cmocka_unit_test_setup(test_what_a_worker_took_ends_with_the_pool, setup),
		cmocka_unit_test_setup(test_accepting_without_descriptors_pauses, setup),
		cmocka_unit_test_setup(test_closing_a_paused_listener, setup),
		cmocka_unit_test_setup(test_a_port_can_be_listened_on_again_at_once, setup),
		cmocka_unit_test_setup(test_addresses_that_are_none, setup),
		cmocka_unit_test_setup(test_connect_and_step_by_several_threads, setup),
		cmocka_unit_test_setup(test_connect_says_why_not, setup),
		cmocka_unit_test_setup(test_dialling_without_waiting, setup),
		cmocka_unit_test_setup(test_a_dead_address_does_not_cost_the_others, setup),
		cmocka_unit_test_setup(test_silent_and_half_sending_peers_are_ended, setup),
		cmocka_unit_test_setup(test_a_slow_owner_does_not_end_the_peer, setup),
		cmocka_unit_test_setup(test_closing_with_drain_delivers_what_was_sent, setup),
		cmocka_unit_test_setup(test_closing_with_drain_does_not_wait_for_ever, setup),
		cmocka_unit_test_setup(test_everybody_closes_at_once, setup),
		cmocka_unit_test_setup(test_stopping_under_load, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

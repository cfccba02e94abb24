/* Framing, the token, and sending over real sockets on the loopback interface. */
#include "net/internal.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct server server;
static struct end ends[8];

static int start_one(unsigned threads)
{
	server_start(&server, threads, threads, ends, ARRAY_LEN(ends));
	return threads ? raw_connect(&server) : -1;
}

static size_t queued(struct end *e)
{
	struct net_conn *c = net_conn_ref(e->conn);
	size_t n = net_conn_queued(c);

	net_conn_put(c);
	return n;
}

static bool stuck_for(struct end *e, unsigned ms)
{
	struct net_conn *c = net_conn_ref(e->conn);
	bool stuck = net_conn_stuck(c, ms);

	net_conn_put(c);
	return stuck;
}

static void stop_all(int fd)
{
	if (fd >= 0)
		close(fd);
	server_stop(&server);
	for (unsigned i = 0; i < ARRAY_LEN(ends) && i < server.used; i++) {
		assert_int_equal(ends[i].closed, 1);
		assert_int_equal(ends[i].destroyed, 1);
	}
}

static int setup(void **state)
{
	(void)state;
	memset(ends, 0, sizeof(ends));
	server.clock = NULL;
	return 0;
}

/* Backs: A001. A stream of frames of many sizes, cut anew at every byte, comes back the same. */
static void test_frames_survive_a_cut_at_every_byte(void **state)
{
	static const size_t sizes[] = {1, 3, 64, 200, 5};
	uint8_t stream[512], back[512];
	size_t n = 0;
	int fd;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		n += make_frame(stream + n, sizes[i], (uint8_t)(i + 1));
	ends[0].echo = true;
	fd = start_one(1);
	for (size_t cut = 0; cut <= n; cut++) {
		raw_write(fd, stream, cut);
		if (cut % 3 == 0)
			usleep(300);
		raw_write(fd, stream + cut, n - cut);
		memset(back, 0xEE, sizeof(back));
		assert_int_equal(raw_read(fd, back, n), n);
		assert_memory_equal(back, stream, n);
	}
	assert_int_equal(ends[0].frames, ARRAY_LEN(sizes) * (n + 1));
	stop_all(fd);
}

/* A byte at a time, as the slowest peer sends; with the token handed on in every call, too. */
static void test_frames_byte_by_byte(void **state)
{
	uint8_t stream[300], back[300];
	size_t n;
	int fd;

	(void)state;
	n = make_frame(stream, 100, 7);
	n += make_frame(stream + n, 50, 9);
	ends[0].echo = ends[0].release = true;
	fd = start_one(2);
	for (size_t i = 0; i < n; i++) {
		raw_write(fd, stream + i, 1);
		usleep(50);
	}
	assert_int_equal(raw_read(fd, back, n), n);
	stop_all(fd);
}

/* What is buffered comes in one call, up to the bound of a call, and in order. */
static void test_small_frames_come_in_batches_in_order(void **state)
{
	enum { COUNT = 3000 };
	uint8_t *stream = malloc(COUNT * 104), *back = malloc(COUNT * 104);
	size_t n = 0;
	int fd;

	(void)state;
	for (unsigned i = 0; i < COUNT; i++)
		n += make_frame(stream + n, 1 + i % 100, (uint8_t)i);
	ends[0].echo = true;
	fd = start_one(2);
	raw_write(fd, stream, n);
	assert_int_equal(raw_read(fd, back, n), n);
	assert_memory_equal(back, stream, n);
	assert_in_range(ends[0].largest_batch, 8, 64);
	stop_all(fd);
	free(stream);
	free(back);
}

static _Atomic unsigned seen[70000];

static void count_seen(struct end *e, const struct net_frame *f)
{
	(void)e;
	atomic_fetch_add(&seen[load_le32(f->data)], 1);
}

/* With the token handed on while frames are still in the reader's buffer, each of them is given away exactly once. */
static void test_handing_the_token_on_loses_nothing(void **state)
{
	enum { COUNT = 60000 };
	uint8_t *stream = malloc(COUNT * 90);
	uint64_t bytes = 0;
	size_t n = 0;
	int fd;

	(void)state;
	memset(seen, 0, sizeof(seen));
	for (uint32_t i = 0; i < COUNT; i++) {
		size_t len = 4 + i % 80;

		make_frame(stream + n, len, 0);
		store_le32(stream + n + 4, i);
		n += len + 4;
		bytes += len;
	}
	server_start(&server, 4, 4, ends, ARRAY_LEN(ends));
	for (unsigned k = 0; k < 3; k++) {
		ends[k].release = k == 0;
		ends[k].take = k; /* or part of what a call brings is left to the next */
		ends[k].on_frame = count_seen;
		fd = raw_connect(&server);
		raw_write(fd, stream, n);
		WAIT_FOR(NULL, ends[k].frames == COUNT);
		assert_int_equal(ends[k].bytes, bytes);
		for (unsigned i = 0; i < COUNT; i++)
			assert_int_equal(seen[i], k + 1);
		close(fd);
	}
	stop_all(-1);
	free(stream);
}

static void check_numbered(struct end *e, const struct net_frame *f)
{
	uint32_t i = load_le32(f->data);

	(void)e;
	for (size_t k = 4; k < f->len; k++)
		assert_int_equal(f->data[k], (uint8_t)(i * 7 + k));
	atomic_fetch_add(&seen[i], 1);
}

/* Frames of all sizes, sent in pieces of all sizes, to an owner that now keeps the token, now hands it on, now takes only some of
 * a call's frames: each is given away once, with its own bytes. */
static void test_any_stream_in_any_pieces(void **state)
{
	enum { SEEDS = 40, COUNT = 120 };
	static const size_t most[] = {30, 30, 300, 5000, 40000, 200000};
	uint8_t *stream = malloc(COUNT * 200008);
	int fd;

	(void)state;
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		size_t n = 0, sent = 0;

		setup(NULL);
		memset(seen, 0, sizeof(seen));
		srandom(seed);
		for (uint32_t i = 0; i < COUNT; i++) {
			size_t len = 4 + (size_t)random() % most[(size_t)random() % ARRAY_LEN(most)];

			make_frame(stream + n, len, 0);
			store_le32(stream + n + 4, i);
			for (size_t k = 4; k < len; k++)
				stream[n + 4 + k] = (uint8_t)(i * 7 + k);
			n += len + 4;
		}
		ends[0].any = true;
		ends[0].keep = seed & 1;
		ends[0].limit = 200008;
		ends[0].on_frame = check_numbered;
		start_one(0);
		fd = raw_connect(&server);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		while (ends[0].frames < COUNT && !ends[0].closed) {
			size_t piece = 1 + (size_t)random() % most[(size_t)random() % ARRAY_LEN(most)];
			ssize_t r = sent < n ? send(fd, stream + sent, n - sent < piece ? n - sent : piece, MSG_NOSIGNAL) : 0;

			sent += r > 0 ? (size_t)r : 0;
			for (long i = random() % 4; i >= 0; i--)
				net_pool_step(server.pool, 0);
		}
		assert_int_equal(ends[0].frames, COUNT);
		for (unsigned i = 0; i < COUNT; i++)
			assert_int_equal(seen[i], 1);
		stop_all(fd);
	}
	free(stream);
}

/* Large frames between small ones, whole in the buffer or larger than it, with and without the token held, and with the
 * owner keeping buffers. */
static void test_large_frames_between_small_ones(void **state)
{
	static const size_t sizes[] = {10, 40000, 10, 20, 1048576 + 112, 30, 33000, 32764, 32765, 65536, 65532, 1, 8388608 + 200, 7};
	uint8_t *stream = malloc(20000000), *back = malloc(20000000);
	size_t n = 0;
	int fd;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		n += make_frame(stream + n, sizes[i], (uint8_t)(i + 1));
	for (unsigned k = 0; k < 4; k++) {
		ends[k].echo = true;
		ends[k].keep = k & 1;
		ends[k].release = k == 2;
		ends[k].limit = 9000000;
	}
	start_one(0);
	for (unsigned k = 0; k < 4; k++) {
		size_t sent = 0, got = 0;

		fd = raw_connect(&server);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		while (got < n) {
			ssize_t r = send(fd, stream + sent, n - sent < 100000 ? n - sent : 100000, MSG_NOSIGNAL);

			sent += r > 0 ? (size_t)r : 0;
			for (unsigned i = 0; i < 4; i++)
				net_pool_step(server.pool, 0);
			r = recv(fd, back + got, n - got, 0);
			got += r > 0 ? (size_t)r : 0;
		}
		assert_memory_equal(back, stream, n);
		assert_int_equal(ends[k].frames, ARRAY_LEN(sizes));
		close(fd);
	}
	WAIT_FOR(server.pool, ends[3].destroyed == 1);
	stop_all(-1);
	free(stream);
	free(back);
}

static void expect_end(int fd)
{
	uint8_t b;

	assert_int_equal(raw_read(fd, &b, 1), 0);
	WAIT_FOR(NULL, ends[0].destroyed == 1);
}

/* Backs: A001. A frame may be as long as the limit; one byte more ends the connection before anything is allocated for it. */
static void test_a_frame_longer_than_the_limit_ends_the_connection(void **state)
{
	uint8_t *frame = malloc(1100), over[4] = {0, 0, 4, 1};
	size_t n = make_frame(frame, 1024, 3);
	int fd;

	(void)state;
	ends[0].echo = true;
	ends[0].limit = 1024;
	fd = start_one(1);
	raw_write(fd, frame, n);
	assert_int_equal(raw_read(fd, frame, n), n);
	raw_write(fd, over, 4);
	expect_end(fd);
	assert_int_equal(ends[0].frames, 1);
	stop_all(fd);
	free(frame);
}

/* Backs: A001. [MS-SMB2] 2.1: the first byte is zero. NetBIOS session request, keep-alive and SMB over a wrong port end the connection. */
static void test_a_first_byte_other_than_zero_ends_the_connection(void **state)
{
	static const uint8_t first[][4] = {{0x82, 0, 0, 0}, {0x85, 0, 0, 0}, {0xFE, 'S', 'M', 'B'}, {1, 0, 0, 1}, {0, 0, 0, 0}};
	int fd;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(first); i++) {
		setup(NULL);
		fd = start_one(1);
		raw_write(fd, first[i], 4);
		expect_end(fd);
		assert_int_equal(ends[0].frames, 0);
		stop_all(fd);
	}
}

/* Complete frames before a violation are still given away. */
static void test_frames_before_a_violation_are_given_away(void **state)
{
	uint8_t stream[300];
	size_t n;
	int fd;

	(void)state;
	n = make_frame(stream, 30, 1);
	n += make_frame(stream + n, 30, 2);
	stream[n++] = 0xFF;
	for (unsigned k = 0; k < 2; k++) {
		setup(NULL);
		ends[0].release = k;
		fd = start_one(2);
		raw_write(fd, stream, n);
		expect_end(fd);
		assert_int_equal(ends[0].frames, 2);
		stop_all(fd);
	}
}

/* A peer that does not read its replies: the server stops reading requests at the bound, and every byte arrives once the
 * peer reads. */
static void test_a_peer_that_does_not_read_is_not_read_from(void **state)
{
	enum { FRAME = 100000, COUNT = 600, MOST = 512 << 10 };
	uint8_t *frame = malloc(FRAME + 4), *back = malloc(FRAME + 4);
	size_t sent = 0, n = make_frame(frame, FRAME, 0), most;
	unsigned stuck = 0;
	int fd;

	(void)state;
	for (size_t i = 0; i < FRAME; i++)
		frame[4 + i] = (uint8_t)(i * 31 + (i >> 8));
	ends[0].echo = true;
	ends[0].limit = 1 << 20;
	ends[0].unsent = MOST;
	fd = start_one(2);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (sent < n * COUNT && stuck < 200) {
		ssize_t r = send(fd, frame + sent % n, n - sent % n, MSG_NOSIGNAL);

		stuck = r > 0 ? 0 : stuck + 1;
		sent += r > 0 ? (size_t)r : 0;
		if (r < 0)
			usleep(1000);
	}
	assert_int_equal(stuck, 200);
	most = queued(&ends[0]);
	assert_in_range(most, MOST, MOST + 2 * FRAME);
	/* Bytes are on their way, but the peer's system lives. */
	assert_true(stuck_for(&ends[0], 0));
	assert_false(stuck_for(&ends[0], 60000));
	for (size_t got = 0; got < COUNT * n;) {
		ssize_t r = recv(fd, back, n - got % n, 0);

		if (r > 0) {
			assert_memory_equal(back, frame + got % n, (size_t)r);
			got += (size_t)r;
		}
		if (sent < n * COUNT) {
			r = send(fd, frame + sent % n, n - sent % n, MSG_NOSIGNAL);
			sent += r > 0 ? (size_t)r : 0;
		}
	}
	assert_int_equal(ends[0].frames, COUNT);
	WAIT_FOR(NULL, queued(&ends[0]) == 0 && !stuck_for(&ends[0], 0));
	stop_all(fd);
	free(frame);
	free(back);
}

/* A peer that goes away while its replies are queued and reading is stopped takes the queue with it. */
static void test_a_peer_that_leaves_while_not_reading_is_noticed(void **state)
{
	enum { FRAME = 100000 };
	uint8_t *frame = malloc(FRAME + 4);
	size_t sent = 0, n = make_frame(frame, FRAME, 5);
	unsigned stuck = 0;
	int fd;

	(void)state;
	ends[0].echo = true;
	ends[0].unsent = 512 << 10;
	fd = start_one(2);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (stuck < 200) {
		ssize_t r = send(fd, frame + sent % n, n - sent % n, MSG_NOSIGNAL);

		stuck = r > 0 ? 0 : stuck + 1;
		sent += r > 0 ? (size_t)r : 0;
		if (r < 0)
			usleep(1000);
	}
	assert_true(queued(&ends[0]) > 0);
	close(fd);
	WAIT_FOR(NULL, ends[0].destroyed == 1);
	stop_all(-1);
	free(frame);
}

/* Sends so much that a socket takes only some of it. */
static void send_much(struct end *e, size_t bytes)
{
	for (size_t sent = 0; sent < bytes; sent += 1 << 20) {
		struct buf *b = buf_get(1 << 20);
		struct net_seg s;

		assert_non_null(b);
		memset(b->data, 1, 1 << 20);
		s = (struct net_seg){.data = b->data, .len = 1 << 20, .owner = b};
		net_send(e->conn, &s, 1);
	}
}

static void read_much(int fd, size_t bytes)
{
	uint8_t *p = malloc(1 << 20);

	assert_non_null(p);
	for (size_t got = 0; got < bytes;) {
		ssize_t r = recv(fd, p, bytes - got < 1 << 20 ? bytes - got : 1 << 20, 0);

		got += r > 0 ? (size_t)r : 0;
		assert_int_not_equal(r, 0);
		if (r < 0 && !(server.clock && net_pool_step(server.pool, 0)))
			usleep(100);
	}
	free(p);
}

/* A peer that sends all it has before it reads, while much is on its way to it: neither end waits for the other for ever. */
static void test_who_sends_much_reads_all_the_same(void **state)
{
	enum { FRAME = 100000, COUNT = 600, MUCH = 40 << 20 };
	uint8_t *frame = malloc(FRAME + 4);
	size_t n = make_frame(frame, FRAME, 3);
	struct timeval patience = {.tv_sec = 10};
	int fd;

	(void)state;
	ends[0].limit = 1 << 20;
	fd = start_one(2);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	WAIT_FOR(NULL, server.used == 1 && ends[0].conn);
	send_much(&ends[0], MUCH);
	assert_true(queued(&ends[0]) > 20 << 20);
	for (unsigned i = 0; i < COUNT; i++)
		raw_write(fd, frame, n);
	WAIT_FOR(NULL, ends[0].frames == COUNT);
	read_much(fd, MUCH + 4 * (MUCH >> 20));
	stop_all(fd);
	free(frame);
}

/* A peer that is not read from cannot complete the frame that it has begun. */
static void test_time_stands_still_for_who_is_not_read_from(void **state)
{
	enum { MUCH = 20 << 20 };
	struct clock_virtual now;
	uint8_t frame[300];
	size_t n = make_frame(frame, 200, 1);
	int fd;

	(void)state;
	clock_virtual_init(&now);
	server.clock = &now;
	ends[0].frame_ms = ends[0].idle_ms = 5000;
	ends[0].unsent = 1 << 20;
	start_one(0);
	fd = raw_connect(&server);
	WAIT_FOR(server.pool, server.used == 1);
	raw_write(fd, frame, 50);
	WAIT_FOR(server.pool, ends[0].conn->partial_since_ms != 0);
	send_much(&ends[0], MUCH);
	raw_write(fd, frame + 50, 50);
	WAIT_FOR(server.pool, ends[0].conn->paused);
	for (unsigned i = 0; i < 12; i++) {
		now.now_ms += 5000;
		while (net_pool_step(server.pool, 0))
			;
	}
	/* Before the timer looks the next time. */
	now.now_ms += 3000;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	read_much(fd, MUCH + 4 * (MUCH >> 20));
	WAIT_FOR(server.pool, !ends[0].conn->paused && ends[0].conn->reading);
	now.now_ms += 2500;
	while (net_pool_step(server.pool, 0))
		;
	assert_int_equal(ends[0].closed, 0);
	raw_write(fd, frame + 100, n - 100);
	WAIT_FOR(server.pool, ends[0].frames == 1);
	/* Now it is the peer's. */
	raw_write(fd, frame, 50);
	WAIT_FOR(server.pool, ends[0].conn->partial_since_ms != 0);
	now.now_ms += 5001;
	while (net_pool_step(server.pool, 0))
		;
	assert_int_equal(ends[0].closed, 1);
	stop_all(fd);
}

struct sender {
	pthread_t thread;
	struct net_conn *conn;
	uint8_t id;
};

enum { SENDERS = 4, SENDS = 2000 };

static void *sender_main(void *arg)
{
	struct sender *s = arg;

	for (unsigned i = 0; i < SENDS; i++) {
		size_t len = 5 + i % 3000;
		struct buf *b = buf_get(len);
		struct net_seg segs[3];
		uint8_t head[5];

		head[0] = s->id;
		store_le32(head + 1, i);
		memset(b->data, s->id, len);
		segs[0] = (struct net_seg){.data = head, .len = 5};
		segs[1] = (struct net_seg){.data = b->data, .len = len - 5, .owner = b};
		segs[2] = (struct net_seg){.data = "", .len = 0};
		net_send(s->conn, segs, 3);
		memset(head, 0xEE, 5);
	}
	net_conn_put(s->conn);
	return NULL;
}

static void test_a_peer_that_has_hung_up_is_lost_before_that_is_read(void **state)
{
	uint8_t frame[16];
	size_t n = make_frame(frame, 12, 5);
	int fd;

	(void)state;
	start_one(0);
	fd = raw_connect(&server);
	WAIT_FOR(server.pool, ends[0].conn != NULL);
	raw_write(fd, frame, n);
	assert_false(net_conn_lost(ends[0].conn, 0));
	assert_false(net_conn_lost(ends[0].conn, 5));
	close(fd);
	assert_true(net_conn_lost(ends[0].conn, 5000));
	assert_false(net_conn_closed(ends[0].conn));
	WAIT_FOR(server.pool, ends[0].destroyed == 1);
	assert_int_equal(ends[0].frames, 1);
	stop_all(-1);
}

/* Frames sent by several threads arrive whole, each thread's in its order. */
static void test_frames_of_many_threads_are_not_interleaved(void **state)
{
	struct sender s[SENDERS];
	unsigned next[SENDERS] = {0};
	uint8_t frame[4096], kick[8];
	int fd;

	(void)state;
	fd = start_one(2);
	raw_write(fd, kick, make_frame(kick, 1, 0));
	WAIT_FOR(NULL, ends[0].frames == 1);
	for (unsigned i = 0; i < SENDERS; i++) {
		s[i] = (struct sender){.conn = net_conn_ref(ends[0].conn), .id = (uint8_t)i};
		pthread_create(&s[i].thread, NULL, sender_main, &s[i]);
	}
	for (unsigned i = 0; i < SENDERS * SENDS; i++) {
		size_t len;

		if (i % 100 == 0)
			usleep(1000);
		assert_int_equal(raw_read(fd, frame, 4), 4);
		len = load_be32(frame);
		assert_in_range(len, 5, 4000);
		assert_int_equal(raw_read(fd, frame, len), len);
		assert_in_range(frame[0], 0, SENDERS - 1);
		assert_int_equal(load_le32(frame + 1), next[frame[0]]);
		assert_int_equal(len, 5 + next[frame[0]] % 3000);
		for (size_t k = 5; k < len; k++)
			assert_int_equal(frame[k], frame[0]);
		next[frame[0]]++;
	}
	for (unsigned i = 0; i < SENDERS; i++)
		pthread_join(s[i].thread, NULL);
	stop_all(fd);
}

static void assert_control(int fd, const char *wanted)
{
	char name[17] = "";
	socklen_t len = sizeof(name) - 1;

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	assert_string_equal(name, wanted);
}

static void assert_conn_control(struct net_conn *c, const char *wanted)
{
	pthread_mutex_lock(&c->lock);
	assert_control(c->fd, wanted);
	pthread_mutex_unlock(&c->lock);
}

/* Of this test alone. */
static int plain_listener(uint16_t *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

static bool listens(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on;
}

/* Between two ends of one machine nothing is paced, whatever the system's default is, and never was: the timers would stay. */
static void test_connections_within_the_machine_are_not_paced(void **state)
{
	uint8_t kick[8];
	unsigned listening = 0;
	ntstatus status;
	int fd = start_one(2), listener, dialled;
	uint16_t port;

	(void)state;
	for (int i = 0; i < 256; i++) {
		if (listens(i)) {
			assert_control(i, "reno");
			listening++;
		}
	}
	assert_int_equal(listening, 1);
	listener = plain_listener(&port);
	dialled = net_tcp_dial("127.0.0.1", port, 1000, &status);
	assert_true(dialled >= 0);
	assert_control(dialled, "reno");
	close(dialled);
	close(listener);
	raw_write(fd, kick, make_frame(kick, 1, 0));
	WAIT_FOR(NULL, ends[0].frames == 1);
	assert_conn_control(ends[0].conn, "reno");
	stop_all(fd);
}

/* Whoever comes from elsewhere gets what the system has for that. */
static void test_connections_from_elsewhere_are_controlled_as_usual(void **state)
{
	union net_addr elsewhere = {.in = {.sin_family = AF_INET, .sin_port = htons(50000), .sin_addr.s_addr = htonl(0xC0000207)}};
	int fresh = socket(AF_INET, SOCK_STREAM, 0), listener, dialled;
	struct net_pool *pool = net_pool_new(&(struct net_pool_config){0});
	char usual[17] = "";
	socklen_t len = sizeof(usual) - 1;
	struct net_conn *c;
	ntstatus status;
	uint16_t port;

	(void)state;
	assert_non_null(pool);
	assert_int_equal(getsockopt(fresh, IPPROTO_TCP, TCP_CONGESTION, usual, &len), 0);
	close(fresh);
	listener = plain_listener(&port);
	dialled = net_tcp_dial("127.0.0.1", port, 1000, &status);
	assert_true(dialled >= 0);
	c = net_tcp_conn(pool, dialled, &elsewhere);
	assert_non_null(c);
	assert_conn_control(c, usual);
	net_conn_close(c, false);
	net_conn_put(c);
	net_pool_free(pool);
	close(listener);
}

static int socket_option(struct net_conn *c, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	pthread_mutex_lock(&c->lock);
	assert_int_equal(getsockopt(c->fd, SOL_SOCKET, name, &value, &len), 0);
	pthread_mutex_unlock(&c->lock);
	return value;
}

/* Who sends large frames gets a window for them, and small ones that follow are heard of at once as ever. */
static void test_large_frames_get_a_window(void **state)
{
	static uint8_t frame[100000];
	int fd = start_one(2), before;
	struct net_conn *c;

	(void)state;
	raw_write(fd, frame, make_frame(frame, 100, 0));
	WAIT_FOR(NULL, ends[0].frames == 1);
	c = ends[0].conn;
	before = socket_option(c, SO_RCVBUF);
	assert_in_range(before, 1, NET_WINDOW_BYTES);
	raw_write(fd, frame, make_frame(frame, 90000, 1));
	WAIT_FOR(NULL, ends[0].frames == 2);
	assert_true(socket_option(c, SO_RCVBUF) > NET_WINDOW_BYTES);
	assert_int_equal(socket_option(c, SO_RCVLOWAT), 1);
	raw_write(fd, frame, make_frame(frame, 1, 2));
	WAIT_FOR(NULL, ends[0].frames == 3);
	stop_all(fd);
}

/* Pipes come back empty to be used again, and no others. */
static void test_pipes_are_kept_when_they_are_empty(void **state)
{
	int first[2], again[2], other[2];

	(void)state;
	net_pipes_trim();
	assert_true(net_pipe_get(first));
	assert_int_equal(fcntl(first[1], F_GETPIPE_SZ), NET_PIPE_BYTES);
	net_pipe_put(first[0], first[1], true);
	assert_true(net_pipe_get(again));
	assert_int_equal(again[0], first[0]);
	assert_true(net_pipe_get(other));
	assert_int_equal(write(again[1], "x", 1), 1);
	net_pipe_put(again[0], again[1], false);
	assert_int_equal(fcntl(again[0], F_GETFD), -1);
	net_pipe_put(other[0], other[1], true);
	net_pipes_trim();
	assert_int_equal(fcntl(other[0], F_GETFD), -1);
}

/* However many answers wait for who does not read them, there are descriptors left. */
static void test_pipes_are_bounded(void **state)
{
	static int all[1000][2];
	size_t n = 0;

	(void)state;
	while (n < ARRAY_LEN(all) && net_pipe_get(all[n]))
		n++;
	assert_in_range(n, 16, 256);
	for (size_t i = 0; i < n; i++)
		net_pipe_put(all[i][0], all[i][1], true);
	assert_true(net_pipe_get(all[0]));
	net_pipe_put(all[0][0], all[0][1], true);
	net_pipes_trim();
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* As many as there may be; the last is kept when it is empty, the others are not. */
static void test_pipes_one_behind_the_other(void **state)
{
	struct net_pipes p = {0};
	int last;

	(void)state;
	net_pipes_trim();
	for (unsigned i = 0; i < NET_PIPES_MOST; i++)
		assert_true(net_pipes_add(&p));
	assert_false(net_pipes_add(&p));
	assert_int_equal(p.count, NET_PIPES_MOST);
	last = p.fds[NET_PIPES_MOST - 1][0];
	net_pipes_drop_last(&p);
	assert_int_equal(p.count, NET_PIPES_MOST - 1);
	assert_true(is_open(last));
	net_pipes_put(&p);
	assert_int_equal(p.count, 0);
	for (unsigned i = 0; i + 1 < NET_PIPES_MOST; i++)
		assert_false(is_open(p.fds[i][0]));
	assert_true(net_pipes_add(&p));
	assert_int_equal(p.fds[0][0], last);
	net_pipes_drop_last(&p);
	net_pipes_trim();
	assert_false(is_open(last));
}

static void test_pipes_that_are_too_few(void **state)
{
	static int all[1000][2];
	struct net_pipes p = {0};
	size_t n = 0;

	(void)state;
	while (n < ARRAY_LEN(all) && net_pipe_get(all[n]))
		n++;
	assert_false(net_pipes_add(&p));
	assert_int_equal(p.count, 0);
	net_pipe_put(all[n - 1][0], all[n - 1][1], true);
	assert_true(net_pipes_add(&p));
	assert_false(net_pipes_add(&p));
	assert_int_equal(p.count, 1);
	net_pipes_put(&p);
	for (size_t i = 0; i + 1 < n; i++)
		net_pipe_put(all[i][0], all[i][1], true);
	net_pipes_trim();
}

/* A frame: 8 bytes of memory, `len` out of a pipe, 3 of memory. */
static void send_with_pipe(struct net_conn *c, size_t len, size_t promised)
{
	static const char fill[65536] = "pipe";
	struct net_seg segs[3];
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	fcntl(fds[1], F_SETPIPE_SZ, 1 << 20);
	assert_int_equal(write(fds[1], fill, len), (ssize_t)len);
	segs[0] = (struct net_seg){.data = "headhead", .len = 8};
	segs[1] = (struct net_seg){.len = promised, .pipe_fd = fds[0], .pipe_write_fd = fds[1], .pipe_done = pipe_back};
	segs[2] = (struct net_seg){.data = "end", .len = 3};
	net_send(c, segs, 3);
}

/* Pipe pieces go out in place, also when the socket was full in between, and every pipe comes back. */
static void test_pipe_pieces_are_spliced_in_order(void **state)
{
	enum { LEN = 60000, COUNT = 300 };
	uint8_t *frame = malloc(LEN + 15), kick[8];
	int fd;

	(void)state;
	pipes_back = pipes_drained = 0;
	fd = start_one(2);
	raw_write(fd, kick, make_frame(kick, 1, 0));
	WAIT_FOR(NULL, ends[0].frames == 1);
	for (unsigned i = 0; i < COUNT; i++)
		send_with_pipe(ends[0].conn, LEN, LEN);
	assert_true(queued(&ends[0]) > 0);
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(raw_read(fd, frame, LEN + 15), LEN + 15);
		assert_int_equal(load_be32(frame), LEN + 11);
		assert_memory_equal(frame + 4, "headheadpipe", 12);
		assert_memory_equal(frame + LEN + 12, "end", 3);
	}
	WAIT_FOR(NULL, pipes_drained == COUNT);
	stop_all(fd);
	free(frame);
}

/* A pipe that holds less than it should ends the connection instead of leaving a frame without its end; one that waits in
 * the queue of a connection that ends comes back undrained. No SIGPIPE reaches the sender. */
static void test_pipe_pieces_that_cannot_be_sent(void **state)
{
	uint8_t kick[8], back[2000];
	int fd;

	(void)state;
	pipes_back = pipes_drained = 0;
	fd = start_one(1);
	raw_write(fd, kick, make_frame(kick, 1, 0));
	WAIT_FOR(NULL, ends[0].frames == 1);
	net_conn_ref(ends[0].conn);
	send_with_pipe(ends[0].conn, 1000, 1500);
	while (raw_read(fd, back, sizeof(back)) == sizeof(back))
		;
	WAIT_FOR(NULL, ends[0].closed == 1);
	send_with_pipe(ends[0].conn, 1000, 1000);
	assert_int_equal(pipes_back, 2);
	assert_int_equal(pipes_drained, 0);
	net_conn_put(ends[0].conn);
	close(fd);

	fd = raw_connect(&server);
	raw_write(fd, kick, make_frame(kick, 1, 0));
	WAIT_FOR(NULL, ends[1].frames == 1);
	net_conn_ref(ends[1].conn);
	for (unsigned i = 0; i < 200; i++)
		send_with_pipe(ends[1].conn, 60000, 60000);
	close(fd);
	for (unsigned i = 0; i < 20; i++)
		send_with_pipe(ends[1].conn, 60000, 60000);
	net_conn_put(ends[1].conn);
	WAIT_FOR(NULL, pipes_back == 222);
	stop_all(-1);
}

/* A batch holds pieces until it is full or flushed; borrowed bytes are not needed after the flush even if they had to wait. */
static void test_a_batch_is_sent_in_order_whatever_its_size(void **state)
{
	enum { COUNT = 500 };
	uint8_t frame[40], kick[8], bytes[21][30];
	struct net_batch b;
	int fd;

	(void)state;
	fd = start_one(1);
	raw_write(fd, kick, make_frame(kick, 1, 0));
	WAIT_FOR(NULL, ends[0].frames == 1);
	net_batch_init(&b, ends[0].conn);
	for (unsigned i = 0; i < COUNT; i++) {
		struct net_seg segs[3];

		memset(bytes[i % 21], (int)i, 30);
		for (unsigned k = 0; k < 3; k++)
			segs[k] = (struct net_seg){.data = bytes[i % 21] + 10 * k, .len = 10};
		net_batch_add(&b, segs, 1 + i % 3);
		if (i % 7 == 0)
			net_batch_flush(&b);
	}
	net_batch_flush(&b);
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(raw_read(fd, frame, 4), 4);
		assert_int_equal(load_be32(frame), 10 * (1 + i % 3));
		assert_int_equal(raw_read(fd, frame, 10 * (1 + i % 3)), 10 * (1 + i % 3));
		assert_int_equal(frame[0], (uint8_t)i);
	}
	stop_all(fd);
}

/* The next frame in the buffer, of n bytes, behind room for its prefix. */
static uint8_t *frame_in(struct buf *b, size_t *used, size_t n, uint8_t fill)
{
	uint8_t *p = b->data + *used + NET_PREFIX;

	memset(p, fill, n);
	*used += NET_PREFIX + n;
	return p;
}

/* Frames with room for their prefixes that lie one behind the other in a buffer become one piece; after a gap, or behind a piece from elsewhere,
 * begins another. Each arrives. */
static void test_frames_that_adjoin_are_one_piece(void **state)
{
	enum { COUNT = 200 };
	uint8_t frame[40], kick[8], elsewhere[10];
	size_t used = 0, pieces = 0;
	struct net_batch b;
	struct buf *buf = buf_get(COUNT * 32);
	int fd;

	(void)state;
	fd = start_one(1);
	raw_write(fd, kick, make_frame(kick, 1, 0));
	WAIT_FOR(NULL, ends[0].frames == 1);
	net_batch_init(&b, ends[0].conn);
	memset(elsewhere, 'e', sizeof(elsewhere));
	for (unsigned i = 0; i < COUNT; i++) {
		size_t n = 1 + i % 20;
		uint8_t *p;

		if (i % 10 == 5)
			used++; /* a gap */
		p = frame_in(buf, &used, n, (uint8_t)i);
		if (i % 10 == 0 || i % 10 == 5 || i % 10 == 8) {
			struct net_seg segs[2] = {{.data = p, .len = n, .owner = buf_ref(buf), .pipe_fd = -1, .prefix_room = true},
				{.data = elsewhere, .len = sizeof(elsewhere)}};

			assert_false(i % 10 != 8 && net_batch_extend(&b, p, n, buf));
			net_batch_add(&b, segs, i % 10 == 8 ? 2 : 1);
			pieces += i % 10 == 8 ? 2 : 1;
		} else if (i % 10 == 9) {
			struct net_seg seg = {.data = p, .len = n, .owner = buf_ref(buf), .pipe_fd = -1, .prefix_room = true};

			assert_false(net_batch_extend(&b, p, n, buf)); /* the last piece has no owner */
			net_batch_add(&b, &seg, 1);
			pieces++;
		} else {
			assert_false(net_batch_extend(&b, p, n, NULL)); /* it would outlive its memory */
			assert_true(net_batch_extend(&b, p, n, buf));
		}
		assert_int_equal(b.n, pieces);
		if (i % 10 == 9) {
			net_batch_flush(&b);
			pieces = 0;
		}
	}
	assert_false(net_batch_extend(&b, buf->data + NET_PREFIX, 1, buf)); /* nothing is in it */
	buf_put(buf);
	for (unsigned i = 0; i < COUNT; i++) {
		size_t n = 1 + i % 20, more = i % 10 == 8 ? sizeof(elsewhere) : 0;

		assert_int_equal(raw_read(fd, frame, 4), 4);
		assert_int_equal(load_be32(frame), n + more);
		assert_int_equal(raw_read(fd, frame, n + more), n + more);
		assert_int_equal(frame[0], (uint8_t)i);
		assert_int_equal(frame[n - 1], (uint8_t)i);
		if (more)
			assert_int_equal(frame[n], 'e');
	}
	stop_all(fd);
}

/* Bursts with pauses about as long as a worker stays at an empty socket, on more connections than may stay: all come back. */
static void test_bursts_with_pauses_are_answered(void **state)
{
	enum { PEERS = 4, ROUNDS = 600, PAUSE_MOST_US = 250 };
	uint8_t out[PEERS][10 * 8], in[10 * 8];
	int fds[PEERS];

	(void)state;
	server_start(&server, 2, 2, ends, ARRAY_LEN(ends));
	for (unsigned i = 0; i < PEERS; i++) {
		ends[i].echo = true;
		ends[i].due = i % 2 == 0;
		fds[i] = raw_connect(&server);
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		size_t len[PEERS] = {0};

		for (unsigned i = 0; i < PEERS; i++) {
			for (unsigned k = 0; k < 1 + (round * 7 + i) % 10; k++)
				len[i] += make_frame(out[i] + len[i], 4, (uint8_t)(round + k));
			raw_write(fds[i], out[i], len[i]);
		}
		for (unsigned i = 0; i < PEERS; i++) {
			assert_int_equal(raw_read(fds[i], in, len[i]), len[i]);
			assert_memory_equal(in, out[i], len[i]);
		}
		if (round % 3 > 0)
			usleep(round * 7 % PAUSE_MOST_US);
	}
	for (unsigned i = 0; i < PEERS; i++)
		assert_true(ends[i].asked_due > 0);
	for (unsigned i = 1; i < PEERS; i++)
		close(fds[i]);
	stop_all(fds[0]);
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

/* The listener's options are those of what it accepts: small answers go at once, and peers that vanish are found out. */
static void test_accepted_sockets_have_their_options(void **state)
{
	int fd = start_one(1);
	struct net_conn *c;
	char peer[64], local[64], text[64];
	union net_addr here = {0};
	socklen_t len = sizeof(here);

	(void)state;
	raw_write(fd, "\0\0\0\1x", 5);
	WAIT_FOR(server.pool, ends[0].frames == 1);
	c = net_conn_ref(ends[0].conn);
	assert_int_equal(option(c->fd, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(option(c->fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(option(c->fd, IPPROTO_TCP, TCP_KEEPIDLE), 120);
	net_conn_peer(c, peer, sizeof(peer));
	net_conn_local(c, local, sizeof(local));
	assert_int_equal(getsockname(fd, &here.sa, &len), 0);
	net_addr_text(&here, text, sizeof(text));
	assert_string_equal(peer, text);
	snprintf(text, sizeof(text), "127.0.0.1:%u", net_listener_port(server.listener));
	assert_string_equal(local, text);
	net_conn_put(c);
	/* What the worker does to the descriptor at the end comes after we looked at it, for TSan as well. */
	raw_write(fd, "\0\0\0\1x", 5);
	WAIT_FOR(server.pool, ends[0].frames == 2);
	stop_all(fd);
}

enum { FLOODERS = 2, FLOOD_FRAME = 30000 };

static uint8_t flood[FLOOD_FRAME + 4];
static _Atomic bool flooded;

static void *flooder_main(void *arg)
{
	const int *fd = arg;

	while (!flooded)
		raw_write(*fd, flood, sizeof(flood));
	return NULL;
}

static void take_time(struct end *e, const struct net_frame *f)
{
	(void)e;
	(void)f;
	usleep(100);
}

/* A worker whose connection always has more goes on with it only as long as another worker waits for everybody else. */
static void test_who_never_stops_keeps_nobody_waiting(void **state)
{
	const struct timeval patience = {.tv_sec = 10};
	pthread_t threads[FLOODERS];
	int fds[FLOODERS], fd;
	uint8_t frame[104];

	make_frame(flood, FLOOD_FRAME, 1);
	for (unsigned workers = 1; workers <= FLOODERS + 1; workers++) {
		setup(state);
		flooded = false;
		ends[0].echo = true;
		fd = start_one(workers);
		WAIT_FOR(NULL, server.used == 1);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		for (unsigned i = 0; i < FLOODERS; i++) {
			ends[1 + i].on_frame = take_time;
			fds[i] = raw_connect(&server);
			pthread_create(&threads[i], NULL, flooder_main, &fds[i]);
		}
		for (unsigned i = 0; i < 3; i++) {
			unsigned before = ends[1].frames;

			WAIT_FOR(NULL, ends[1].frames >= before + 200);
			raw_write(fd, frame, make_frame(frame, 100, 2));
			assert_int_equal(raw_read(fd, frame, sizeof(frame)), sizeof(frame));
		}
		flooded = true;
		for (unsigned i = 0; i < FLOODERS; i++) {
			pthread_join(threads[i], NULL);
			close(fds[i]);
		}
		stop_all(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_frames_survive_a_cut_at_every_byte, setup),
		cmocka_unit_test_setup(test_frames_byte_by_byte, setup),
		cmocka_unit_test_setup(test_small_frames_come_in_batches_in_order, setup),
		cmocka_unit_test_setup(test_handing_the_token_on_loses_nothing, setup),
		cmocka_unit_test_setup(test_any_stream_in_any_pieces, setup),
		cmocka_unit_test_setup(test_large_frames_between_small_ones, setup),
		cmocka_unit_test_setup(test_a_frame_longer_than_the_limit_ends_the_connection, setup),
		cmocka_unit_test_setup(test_a_first_byte_other_than_zero_ends_the_connection, setup),
		cmocka_unit_test_setup(test_frames_before_a_violation_are_given_away, setup),
		cmocka_unit_test_setup(test_a_peer_that_does_not_read_is_not_read_from, setup),
		cmocka_unit_test_setup(test_a_peer_that_leaves_while_not_reading_is_noticed, setup),
		cmocka_unit_test_setup(test_who_sends_much_reads_all_the_same, setup),
		cmocka_unit_test_setup(test_time_stands_still_for_who_is_not_read_from, setup),
		cmocka_unit_test_setup(test_a_peer_that_has_hung_up_is_lost_before_that_is_read, setup),
		cmocka_unit_test_setup(test_frames_of_many_threads_are_not_interleaved, setup),
		cmocka_unit_test_setup(test_connections_within_the_machine_are_not_paced, setup),
		cmocka_unit_test_setup(test_connections_from_elsewhere_are_controlled_as_usual, setup),
		cmocka_unit_test_setup(test_large_frames_get_a_window, setup),
		cmocka_unit_test_setup(test_pipes_are_kept_when_they_are_empty, setup),
		cmocka_unit_test_setup(test_pipes_are_bounded, setup),
		cmocka_unit_test_setup(test_pipes_one_behind_the_other, setup),
		cmocka_unit_test_setup(test_pipes_that_are_too_few, setup),
		cmocka_unit_test_setup(test_pipe_pieces_are_spliced_in_order, setup),
		cmocka_unit_test_setup(test_pipe_pieces_that_cannot_be_sent, setup),
		cmocka_unit_test_setup(test_a_batch_is_sent_in_order_whatever_its_size, setup),
		cmocka_unit_test_setup(test_frames_that_adjoin_are_one_piece, setup),
		cmocka_unit_test_setup(test_accepted_sockets_have_their_options, setup),
		cmocka_unit_test_setup(test_bursts_with_pauses_are_answered, setup),
		cmocka_unit_test(test_who_never_stops_keeps_nobody_waiting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

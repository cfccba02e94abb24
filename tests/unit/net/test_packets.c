/* Batches whose owner has more to add: what would be a small packet of its own waits for that, in memory or out of a pipe, and nothing is lost
 * or changes its place. */
#include "net/internal.h"
#include "util.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD = 80, PAGES = 65536, FRAME = HEAD + PAGES, PIPE_BYTES = 1 << 20 };

static struct server server;
static struct end ends[2];
static struct net_batch batch;
static uint8_t frame[NET_PREFIX + HEAD + PIPE_BYTES];

/* A connection with a batch that will be followed; the peer's end. */
static int start(void)
{
	uint8_t kick[8];
	int fd;

	memset(ends, 0, sizeof(ends));
	pipes_back = pipes_drained = 0;
	server_start(&server, 1, 1, ends, ARRAY_LEN(ends));
	fd = raw_connect(&server);
	raw_write(fd, kick, make_frame(kick, 1, 0));
	WAIT_FOR(NULL, ends[0].frames == 1);
	net_conn_ref(ends[0].conn);
	net_batch_init(&batch, ends[0].conn);
	batch.followed = true;
	return fd;
}

static void stop(int fd)
{
	net_conn_put(batch.conn);
	if (fd >= 0)
		close(fd);
	server_stop(&server);
	assert_int_equal(ends[0].destroyed, 1);
}

static uint8_t byte_at(unsigned serial, size_t at)
{
	return (uint8_t)(serial * 7 + at / 4096 + at % 251);
}

/* Of which the last `missing` bytes are not there. */
static struct net_seg torn_pages(unsigned serial, size_t n, size_t missing)
{
	uint8_t *bytes = malloc(n);
	int fds[2];

	for (size_t i = 0; i < n; i++)
		bytes[i] = byte_at(serial, i);
	assert_int_equal(pipe(fds), 0);
	assert_true(fcntl(fds[1], F_SETPIPE_SZ, PIPE_BYTES) >= (int)n);
	assert_int_equal(write(fds[1], bytes, n - missing), (ssize_t)(n - missing));
	free(bytes);
	return (struct net_seg){.len = n, .pipe_fd = fds[0], .pipe_write_fd = fds[1], .pipe_done = pipe_back};
}

static struct net_seg pages(unsigned serial, size_t n)
{
	return torn_pages(serial, n, 0);
}

static struct net_seg memory(unsigned serial, size_t n)
{
	struct buf *b = buf_get(n);

	assert_non_null(b);
	for (size_t i = 0; i < n; i++)
		b->data[i] = byte_at(serial, i);
	return (struct net_seg){.data = b->data, .len = n, .owner = b};
}

static void add(struct net_seg payload)
{
	static const uint8_t head[HEAD] = "head";
	struct net_seg segs[2] = {{.data = head, .len = HEAD}, payload};

	net_batch_add(&batch, segs, 2);
}

/* Behind the prefix, which has been read. */
static void assert_rest_of_frame(int fd, unsigned serial, size_t n)
{
	assert_int_equal(load_be32(frame), HEAD + n);
	assert_int_equal(raw_read(fd, frame + NET_PREFIX, HEAD + n), HEAD + n);
	assert_memory_equal(frame + NET_PREFIX, "head", 5);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(frame[NET_PREFIX + HEAD + i], byte_at(serial, i));
}

static void assert_frame(int fd, unsigned serial, size_t n)
{
	assert_int_equal(raw_read(fd, frame, NET_PREFIX), NET_PREFIX);
	assert_rest_of_frame(fd, serial, n);
}

/* What stays in the batch of n bytes. */
static size_t rest_of(size_t n)
{
	size_t rest = n % batch.packet;

	assert_true(batch.packet > 1);
	return rest <= NET_REST_MOST ? rest : 0;
}

/* After each frame whole packets are gone; what is behind them leaves with the next one, and the last of it with the flush. */
static void run_many(struct net_seg (*payload)(unsigned serial, size_t n))
{
	enum { COUNT = 100 };
	size_t kept = 0;
	unsigned waited = 0, whole = 0;
	int fd = start();

	for (unsigned i = 0; i < COUNT; i++) {
		size_t n = kept + NET_PREFIX + FRAME;

		add(payload(i, PAGES));
		kept = rest_of(n);
		waited += kept > 0;
		whole += kept == 0;
		assert_int_equal(batch.bytes, kept);
		assert_int_equal(batch.n, kept > 0);
		assert_int_equal(net_conn_queued(batch.conn), 0);
		if (i > 0)
			assert_frame(fd, i - 1, PAGES);
	}
	net_batch_flush(&batch);
	assert_frame(fd, COUNT - 1, PAGES);
	/* It grows by 136 bytes or so. */
	assert_true(waited >= COUNT * 9 / 10 && whole > 0);
	stop(fd);
}

static void test_the_end_of_pages_waits_for_what_follows(void **state)
{
	(void)state;
	run_many(pages);
	assert_int_equal(pipes_drained, 100);
	assert_int_equal(pipes_back, 100);
}

static void test_the_end_of_memory_waits_for_what_follows(void **state)
{
	(void)state;
	run_many(memory);
}

/* Where nothing follows, where the bytes are somebody's who wants them back, and of much: all of it leaves. */
static void test_what_does_not_wait(void **state)
{
	static const uint8_t lent[PAGES];
	int fd = start();

	(void)state;
	batch.followed = false;
	add(pages(0, PAGES));
	assert_int_equal(batch.n, 0);
	add(memory(1, PAGES));
	assert_int_equal(batch.n, 0);
	batch.followed = true;
	assert_frame(fd, 0, PAGES);
	assert_frame(fd, 1, PAGES);
	add((struct net_seg){.data = lent, .len = PAGES});
	assert_int_equal(batch.n, 0);
	assert_int_equal(raw_read(fd, frame, NET_PREFIX + FRAME), NET_PREFIX + FRAME);
	add(pages(2, 1000000));
	assert_int_equal(batch.n, 0);
	assert_frame(fd, 2, 1000000);
	add(memory(3, 1000000));
	assert_int_equal(batch.n, 0);
	assert_frame(fd, 3, 1000000);
	/* A batch of small frames, the last of which is smaller than what would have to wait. */
	add(memory(4, 60000));
	add(memory(5, 5300));
	assert_int_equal(batch.n, 6);
	add(memory(6, 1));
	assert_int_equal(batch.n, 0);
	assert_frame(fd, 4, 60000);
	assert_frame(fd, 5, 5300);
	assert_frame(fd, 6, 1);
	stop(fd);
}

/* A peer that takes nothing for a while: what cannot leave is queued whole, and all of it comes in order. */
static void test_a_full_socket(void **state)
{
	enum { COUNT = 300 };
	int fd = start();

	(void)state;
	for (unsigned i = 0; i < COUNT; i++)
		add(i % 3 == 2 ? memory(i, PAGES) : pages(i, PAGES));
	assert_true(net_conn_queued(batch.conn) > 0);
	net_batch_flush(&batch);
	for (unsigned i = 0; i < COUNT; i++)
		assert_frame(fd, i, PAGES);
	WAIT_FOR(NULL, pipes_drained == COUNT / 3 * 2);
	WAIT_FOR(NULL, net_conn_queued(batch.conn) == 0);
	stop(fd);
}

/* What others send meanwhile is not put into the middle of the frame whose end waits. */
static void test_others_wait_for_the_end(void **state)
{
	const struct net_seg other = {.data = "other", .len = 5};
	int fd = start();

	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		batch.followed = true;
		add(kind % 2 ? memory(kind, PAGES) : pages(kind, PAGES));
		assert_int_equal(batch.n, 1);
		net_send(batch.conn, &other, 1);
		assert_int_equal(net_conn_queued(batch.conn), NET_PREFIX + other.len);
		if (kind >= 2)
			add(pages(kind, PAGES));
		net_batch_flush(&batch);
		assert_int_equal(net_conn_queued(batch.conn), 0);
		assert_frame(fd, kind, PAGES);
		if (kind >= 2)
			assert_frame(fd, kind, PAGES);
		assert_int_equal(raw_read(fd, frame, 9), 9);
		assert_memory_equal(frame, "\0\0\0\5other", 9);
	}
	stop(fd);
}

enum { OTHERS = 20000 };

static void *send_others(void *arg)
{
	const struct net_seg other = {.data = "other", .len = 5};

	for (unsigned i = 0; i < OTHERS; i++)
		net_send(arg, &other, 1);
	return NULL;
}

/* Reads the next prefix that is not one of others' frames: how many of those came before. */
static unsigned skip_others(int fd)
{
	for (unsigned n = 0;; n++) {
		assert_int_equal(raw_read(fd, frame, NET_PREFIX), NET_PREFIX);
		if (load_be32(frame) != 5)
			return n;
		assert_int_equal(raw_read(fd, frame, 5), 5);
		assert_memory_equal(frame, "other", 5);
	}
}

static void test_others_that_send_all_the_time(void **state)
{
	enum { COUNT = 200, TURN = 10 };
	unsigned others = 0;
	pthread_t thread;
	int fd = start();

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, send_others, batch.conn), 0);
	for (unsigned i = 0; i < COUNT; i++) {
		batch.followed = i % TURN != TURN - 1;
		add(i % 3 == 2 ? memory(i, PAGES) : pages(i, PAGES));
		for (unsigned k = i - TURN + 1; i % TURN == TURN - 1 && k <= i; k++) {
			others += skip_others(fd);
			assert_rest_of_frame(fd, k, PAGES);
		}
	}
	pthread_join(thread, NULL);
	for (; others < OTHERS; others++) {
		assert_int_equal(raw_read(fd, frame, 9), 9);
		assert_memory_equal(frame, "\0\0\0\5other", 9);
	}
	stop(fd);
}

/* A connection that is closed while the end of a frame waits: it is still sent, unless all is to be dropped, and the peer sees the stream end. */
static void test_a_connection_that_is_closed(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 8; kind++) {
		bool drain = kind & 1, follows = kind & 2, piped = kind & 4;
		int fd = start();

		add(piped ? pages(0, PAGES) : memory(0, PAGES));
		assert_int_equal(batch.n, 1);
		net_conn_close(batch.conn, drain);
		if (follows)
			add(piped ? pages(1, PAGES) : memory(1, PAGES));
		net_batch_flush(&batch);
		assert_int_equal(net_conn_queued(batch.conn), 0);
		if (drain)
			assert_frame(fd, 0, PAGES);
		if (drain && follows)
			assert_frame(fd, 1, PAGES);
		while (raw_read(fd, frame, sizeof(frame)) == sizeof(frame))
			;
		stop(fd);
		assert_int_equal(pipes_back, piped ? 1 + follows : 0);
	}
}

/* Every pipe comes back from a connection that has gone, once: before the frame, in the middle of it, in the queue. */
static void test_a_connection_that_has_gone(void **state)
{
	enum { COUNT = 100 };
	int fd = start();

	(void)state;
	for (unsigned i = 0; i < COUNT; i++) {
		if (i == COUNT / 2)
			close(fd);
		add(pages(i, PAGES));
	}
	net_batch_flush(&batch);
	WAIT_FOR(NULL, ends[0].closed == 1);
	add(pages(0, PAGES));
	assert_int_equal(batch.n, 0);
	add(memory(0, PAGES));
	net_batch_flush(&batch);
	assert_int_equal(net_conn_queued(batch.conn), 0);
	stop(-1);
	assert_int_equal(pipes_back, COUNT + 1);
}

/* What is missing would be read only after the rest has left: the connection ends, as a frame cannot be completed. */
static void test_pages_that_are_not_there(void **state)
{
	int fd = start();

	(void)state;
	add(torn_pages(0, PAGES, 1));
	assert_int_equal(batch.n, 0);
	while (raw_read(fd, frame, PAGES) == PAGES)
		;
	WAIT_FOR(NULL, ends[0].closed == 1);
	assert_int_equal(pipes_back, 1);
	assert_int_equal(pipes_drained, 0);
	stop(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_end_of_pages_waits_for_what_follows),
		cmocka_unit_test(test_the_end_of_memory_waits_for_what_follows),
		cmocka_unit_test(test_what_does_not_wait),
		cmocka_unit_test(test_a_full_socket),
		cmocka_unit_test(test_others_wait_for_the_end),
		cmocka_unit_test(test_others_that_send_all_the_time),
		cmocka_unit_test(test_a_connection_that_is_closed),
		cmocka_unit_test(test_a_connection_that_has_gone),
		cmocka_unit_test(test_pages_that_are_not_there),
	};

	log_sink_quiet(true);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

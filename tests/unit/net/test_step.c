/* A thread that steps and has a single connection waits in recv, with the token kept from one step to the next. Nothing else that may come
 * up meanwhile is lost or waits for ever: another thread's work, timers, signals, a second connection, the end. */
#include "net/internal.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BYTES = 100 };

static struct net_pool *pool;
static struct net_conn *conn;
static struct end end;
static int listener, peer;
static uint16_t port;
static uint8_t frame[1 << 20];
static _Atomic bool stop;

static int listen_raw(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	port = ntohs(a.sin_port);
	return fd;
}

static struct net_conn *dial(struct end *e, int *accepted)
{
	ntstatus st;
	struct net_conn *c = net_connect(pool, "127.0.0.1", port, 10000, &st);

	assert_non_null(c);
	*accepted = accept(listener, NULL, NULL);
	assert_true(*accepted >= 0);
	e->conn = c;
	net_conn_start(c, &end_ops, e);
	return c;
}

static int setup(void **state)
{
	struct net_pool_config cfg = {0};

	(void)state;
	memset(&end, 0, sizeof(end));
	stop = false;
	listener = listen_raw();
	pool = net_pool_new(&cfg);
	assert_non_null(pool);
	conn = net_conn_ref(dial(&end, &peer));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	net_conn_put(conn);
	net_pool_free(pool);
	assert_int_equal(end.closed, 1);
	assert_int_equal(end.destroyed, 1);
	close(listener);
	if (peer >= 0)
		close(peer);
	return 0;
}

static void peer_sends(size_t bytes)
{
	raw_write(peer, frame, make_frame(frame, bytes, 'p'));
}

/* One frame comes by an event, and the token stays. */
static void begin(void)
{
	unsigned before = end.frames;

	peer_sends(BYTES);
	while (end.frames == before)
		net_pool_step(pool, 1000);
	assert_ptr_equal(pool->rests, conn);
}

static _Atomic bool looks, late;

/* For a thread that start() began. Who has missed it is late, and goes on without. */
static void until_it_hears(void)
{
	late = true;
	looks = true;
	for (unsigned i = 0; i < 2000 && late; i++) {
		late = !pool->hearing;
		if (late)
			usleep(100);
	}
}

/* Returns when the thread runs: what begins to hear after that gives up in NET_HEAR_MS, and a new thread may take longer to be there. */
static void start(pthread_t *t, void *(*fn)(void *), void *arg)
{
	looks = false;
	assert_int_equal(pthread_create(t, NULL, fn, arg), 0);
	WAIT_FOR(NULL, looks);
}

static void *peer_sends_later(void *arg)
{
	(void)arg;
	until_it_hears();
	peer_sends(BYTES);
	return NULL;
}

static void test_a_frame_while_it_hears(void **state)
{
	pthread_t t;

	(void)state;
	begin();
	for (unsigned i = 0; i < 50; i++) {
		start(&t, peer_sends_later, NULL);
		while (end.frames < i + 2)
			net_pool_step(pool, i % 2 ? -1 : 30000);
		pthread_join(t, NULL);
		assert_ptr_equal(pool->rests, conn);
	}
	assert_false(pool->epoll_only);
	assert_int_equal(end.bytes, 51 * BYTES);
	assert_true(conn->blocks);
	/* What was there before is found as well, and without waiting. */
	peer_sends(BYTES);
	while (end.frames < 52)
		net_pool_step(pool, 0);
}

static void test_pieces_of_frames(void **state)
{
	static const size_t sizes[] = {1, 3, 40, 4096, 40000, 100000};

	(void)state;
	begin();
	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		size_t n = make_frame(frame, sizes[i], (uint8_t)i), at = 0;

		for (size_t step = 1; at < n; step = step * 3 < n - at ? step * 3 : n - at) {
			raw_write(peer, frame + at, step);
			at += step;
			net_pool_step(pool, at == n ? -1 : 25);
		}
		while (end.frames < i + 2)
			net_pool_step(pool, -1);
	}
	assert_int_equal(end.frames, 1 + ARRAY_LEN(sizes));
}

/* It waits for all events after some time, and for all of the time. */
static void test_nothing_comes(void **state)
{
	uint64_t begun;

	(void)state;
	begin();
	begun = clock_ms(&clock_system);
	assert_false(net_pool_step(pool, 100));
	assert_true(clock_ms(&clock_system) - begun >= 99);
	assert_null(pool->rests);
	assert_false(net_pool_step(pool, 0));
	begin();
	assert_false(net_pool_step(pool, 0));
	assert_null(pool->rests);
	begin();
	assert_false(net_pool_step(pool, 5));
	begin();
}

static void on_signal(int number)
{
	(void)number;
}

static pthread_t main_thread;

static void *signals(void *arg)
{
	(void)arg;
	until_it_hears();
	while (!stop) {
		pthread_kill(main_thread, SIGUSR1);
		usleep(1000);
	}
	return NULL;
}

static void test_a_signal(void **state)
{
	struct sigaction act = {.sa_handler = on_signal}, old;
	pthread_t t;

	(void)state;
	main_thread = pthread_self();
	sigaction(SIGUSR1, &act, &old);
	start(&t, signals, NULL);
	begin();
	assert_false(net_pool_step(pool, -1));
	stop = true;
	pthread_join(t, NULL);
	sigaction(SIGUSR1, &old, NULL);
	begin();
}

static _Atomic unsigned ran;

static void timer_fn(struct net_timer *t)
{
	(void)t;
	ran++;
}

static void test_timers(void **state)
{
	struct net_timer soon = {.fn = timer_fn}, later = {.fn = timer_fn};

	(void)state;
	ran = 0;
	begin();
	net_timer_arm(pool, &soon, 5);
	net_timer_arm(pool, &later, NET_HEAR_MS + 30);
	while (ran < 2)
		net_pool_step(pool, -1);
	begin();
}

static void job(void *arg)
{
	(void)arg;
	ran++;
}

static void *leaves_a_job(void *arg)
{
	(void)arg;
	until_it_hears();
	net_pool_run(pool, job, NULL);
	return NULL;
}

static void test_a_job_of_another_thread(void **state)
{
	unsigned before;
	pthread_t t;

	(void)state;
	do {
		ran = 0;
		start(&t, leaves_a_job, NULL);
		begin();
		while (ran == 0)
			net_pool_step(pool, -1);
		pthread_join(t, NULL);
	} while (late);
	assert_true(pool->epoll_only);
	before = end.frames;
	peer_sends(BYTES);
	while (end.frames == before)
		net_pool_step(pool, -1);
	assert_null(pool->rests);
}

enum { MUCH = 32 };

/* More than the socket takes. */
static void send_much(void)
{
	static uint8_t bytes[1 << 20];
	struct net_seg seg = {.data = bytes, .len = sizeof(bytes)};

	for (unsigned i = 0; i < MUCH; i++)
		net_send(conn, &seg, 1);
}

static void *sends_much(void *arg)
{
	(void)arg;
	until_it_hears();
	send_much();
	return NULL;
}

static void *takes_much(void *arg)
{
	static uint8_t bytes[NET_PREFIX + (1 << 20)];

	(void)arg;
	usleep(50000);
	for (unsigned i = 0; i < MUCH; i++)
		assert_int_equal(raw_read(peer, bytes, sizeof(bytes)), sizeof(bytes));
	peer_sends(BYTES);
	return NULL;
}

static void test_another_thread_fills_the_socket(void **state)
{
	pthread_t sender, taker;

	(void)state;
	start(&sender, sends_much, NULL);
	begin();
	assert_int_equal(pthread_create(&taker, NULL, takes_much, NULL), 0);
	while (end.frames < 2)
		net_pool_step(pool, -1);
	pthread_join(sender, NULL);
	pthread_join(taker, NULL);
	assert_int_equal(net_conn_queued(conn), 0);
}

static void hear_and_fill(void)
{
	begin();
	peer_sends(BYTES);
	net_pool_step(pool, -1);
	assert_true(conn->blocks);
	send_much();
}

/* What it has sent itself and the socket does not take is sent on, and then it hears again. */
static void test_it_fills_the_socket(void **state)
{
	pthread_t taker;

	(void)state;
	hear_and_fill();
	assert_true(net_conn_queued(conn) > 0);
	assert_int_equal(pthread_create(&taker, NULL, takes_much, NULL), 0);
	while (end.frames < 3)
		net_pool_step(pool, -1);
	pthread_join(taker, NULL);
	assert_false(pool->epoll_only);
	assert_ptr_equal(pool->rests, conn);
}

/* A pipe into a socket that is full must not wait: the system has no flag for that. */
static void test_pipes(void **state)
{
	struct net_seg pages = {.len = 4096, .pipe_done = pipe_back};
	uint8_t bytes[NET_PREFIX + 4096] = {0};
	pthread_t taker;
	int fds[2];

	(void)state;
	hear_and_fill();
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], bytes, pages.len), pages.len);
	pages.pipe_fd = fds[0];
	pages.pipe_write_fd = fds[1];
	pipes_back = 0;
	net_send(conn, &pages, 1);
	assert_int_equal(pthread_create(&taker, NULL, takes_much, NULL), 0);
	while (end.frames < 3 || pipes_back == 0)
		net_pool_step(pool, 1000);
	pthread_join(taker, NULL);
	assert_int_equal(raw_read(peer, bytes, sizeof(bytes)), sizeof(bytes));
	assert_false(conn->blocks);
	assert_true(conn->pipes);
	assert_null(pool->rests);
	assert_int_equal(fcntl(conn->fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
}

static void *closes(void *arg)
{
	const bool *drains = arg;
	uint8_t byte;

	until_it_hears();
	net_conn_close(conn, *drains);
	if (*drains) {
		assert_int_equal(raw_read(peer, &byte, 1), 0);
		close(peer);
		peer = -1;
	}
	return NULL;
}

static void closed_while_it_hears(bool drains)
{
	pthread_t t;

	start(&t, closes, &drains);
	begin();
	while (!end.closed)
		net_pool_step(pool, -1);
	pthread_join(t, NULL);
}

static void test_closed_by_another_thread(void **state)
{
	(void)state;
	closed_while_it_hears(false);
}

static void test_drained_by_another_thread(void **state)
{
	(void)state;
	closed_while_it_hears(true);
}

static void test_closed_while_it_rests(void **state)
{
	(void)state;
	begin();
	net_conn_close(conn, false);
	while (!end.closed)
		net_pool_step(pool, -1);
}

static void *hangs_up(void *arg)
{
	(void)arg;
	until_it_hears();
	close(peer);
	peer = -1;
	return NULL;
}

static void test_the_peer_hangs_up(void **state)
{
	pthread_t t;

	(void)state;
	start(&t, hangs_up, NULL);
	begin();
	while (!end.closed)
		net_pool_step(pool, -1);
	pthread_join(t, NULL);
}

/* With an error in place of an end. */
static void test_the_peer_resets(void **state)
{
	struct linger at_once = {.l_onoff = 1};

	(void)state;
	begin();
	setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(peer);
	peer = -1;
	while (!end.closed)
		net_pool_step(pool, -1);
}

static void test_a_second_connection(void **state)
{
	struct end other = {.echo = false};
	int other_peer;

	(void)state;
	begin();
	dial(&other, &other_peer);
	for (unsigned i = 0; i < 10; i++) {
		raw_write(i % 2 ? peer : other_peer, frame, make_frame(frame, BYTES, 'q'));
		while (end.frames + other.frames < i + 2)
			net_pool_step(pool, -1);
	}
	assert_int_equal(other.frames, 5);
	assert_null(pool->rests);
	close(other_peer);
	while (!other.destroyed)
		net_pool_step(pool, -1);
	begin();
}

static void *steps(void *arg)
{
	unsigned *until = arg;

	/* Not for ever: it may come before this thread waits. */
	while (end.frames < *until)
		net_pool_step(pool, NET_HEAR_MS + 10);
	return NULL;
}

/* While one hears the other follows, and both look again when a frame has come. */
static void test_two_threads_step(void **state)
{
	unsigned until;
	pthread_t t;

	(void)state;
	begin();
	for (unsigned i = 0; i < 200; i++) {
		until = i + 2;
		assert_int_equal(pthread_create(&t, NULL, steps, &until), 0);
		if (i % 3 == 0)
			usleep(500);
		peer_sends(BYTES);
		steps(&until);
		pthread_join(t, NULL);
	}
	assert_int_equal(end.frames, 201);
}

/* A thread waits for events, and so many for their turn to. */
static bool one_leads(unsigned followers)
{
	bool leads;

	pthread_mutex_lock(&pool->lock);
	leads = pool->stepping && pool->followers == followers;
	pthread_mutex_unlock(&pool->lock);
	return leads;
}

static void *follows(void *arg)
{
	unsigned *until = arg;

	until_it_hears();
	while (end.frames < *until)
		net_pool_step(pool, -1);
	return NULL;
}

static void *peer_sends_to_two(void *arg)
{
	(void)arg;
	WAIT_FOR(NULL, one_leads(1));
	peer_sends(BYTES);
	return NULL;
}

/* The other waits for events by the time this one is through with its frame. */
static void lets_the_other_lead(struct end *e, const struct net_frame *f)
{
	(void)f;
	WAIT_FOR(NULL, one_leads(0));
	usleep(2000);
	e->on_frame = NULL;
}

/* Who has heard a frame and steps no more leaves the connection to who waits. */
static void test_the_other_goes_on(void **state)
{
	pthread_t other, sender;
	unsigned until;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		until = end.frames + 3;
		start(&other, follows, &until);
		begin();
		end.on_frame = lets_the_other_lead;
		assert_int_equal(pthread_create(&sender, NULL, peer_sends_to_two, NULL), 0);
		assert_true(net_pool_step(pool, -1));
		assert_int_equal(end.frames, until - 1);
		pthread_join(sender, NULL);
		peer_sends(BYTES);
		pthread_join(other, NULL);
	}
}

/* Its owner answers within the call, and so does the peer: thousands of times, without a byte too many or too few. */
static void *peer_echoes(void *arg)
{
	uint8_t bytes[NET_PREFIX + BYTES];

	(void)arg;
	while (raw_read(peer, bytes, sizeof(bytes)) == sizeof(bytes))
		raw_write(peer, bytes, sizeof(bytes));
	return NULL;
}

static void test_to_and_fro(void **state)
{
	pthread_t t;

	(void)state;
	end.echo = true;
	begin();
	assert_int_equal(pthread_create(&t, NULL, peer_echoes, NULL), 0);
	while (end.frames < 5000)
		net_pool_step(pool, -1);
	net_conn_close(conn, false);
	pthread_join(t, NULL);
	assert_int_equal(end.bytes, (uint64_t)end.frames * BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_frame_while_it_hears, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pieces_of_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_comes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_signal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_job_of_another_thread, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_thread_fills_the_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_fills_the_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pipes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed_by_another_thread, setup, teardown),
		cmocka_unit_test_setup_teardown(test_drained_by_another_thread, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed_while_it_rests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_peer_hangs_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_peer_resets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_second_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_threads_step, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_other_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_to_and_fro, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

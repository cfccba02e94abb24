/* The mem transport: what a seed decides is the same every time, and what it does not disturb arrives. */
#include "util.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run {
	uint64_t digest;      /* of everything both ends saw, and when */
	unsigned frames[2], calls[2];
	uint64_t ended_ms;
};

static struct clock_virtual vclock;
static struct run *current;
static struct end ends[2];

static void pair_new(struct net_pool *p, const struct net_mem_faults *f)
{
	struct net_conn *a, *b;

	net_mem_pair(p, f, &a, &b);
	assert_non_null(a);
	ends[0].conn = a;
	ends[1].conn = b;
}

static void note(struct end *e, const struct net_frame *f)
{
	unsigned side = (unsigned)(e - ends);
	uint64_t v[4] = {side, f->len, clock_ms(&vclock.clock), f->data[0]};

	for (unsigned i = 0; i < 4; i++)
		current->digest = (current->digest ^ v[i]) * 0x100000001B3u;
	current->frames[side]++;
}

static void ping_pong(struct end *e, const struct net_frame *f)
{
	struct net_seg s[2] = {{.data = f->data, .len = f->len}, {.data = "+", .len = f->len < 3000 && e == ends}};

	note(e, f);
	net_send(e->conn, s, 2);
}

/* Two ends answer each other until the link is cut or the time is over. */
static struct run run_seed(const struct net_mem_faults *f, uint64_t for_ms)
{
	struct net_pool_config cfg = {.virtual_clock = &vclock};
	struct run r = {.digest = 0xCBF29CE484222325u};
	struct net_pool *p;
	struct net_seg s = {.data = "0123456789", .len = 10};
	bool ran = true;

	current = &r;
	memset(ends, 0, sizeof(ends));
	clock_virtual_init(&vclock);
	p = net_pool_new(&cfg);
	pair_new(p, f);
	for (unsigned i = 0; i < 2; i++) {
		ends[i].on_frame = ping_pong;
		net_conn_start(ends[i].conn, &end_ops, &ends[i]);
	}
	for (unsigned i = 0; i < 5; i++)
		net_send(ends[0].conn, &s, 1);
	while (ran && vclock.now_ms < for_ms)
		ran = net_pool_step(p, 100);
	r.ended_ms = vclock.now_ms;
	r.calls[0] = ends[0].calls;
	r.calls[1] = ends[1].calls;
	if (f->cut_after_frames) {
		assert_int_equal(ends[0].closed, 1);
		assert_int_equal(ends[1].closed, 1);
	}
	net_pool_free(p);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(ends[i].closed, 1);
		assert_int_equal(ends[i].destroyed, 1);
	}
	return r;
}

static void test_the_same_seed_gives_the_same_run(void **state)
{
	uint64_t first = 0;
	unsigned same = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct net_mem_faults f = {.seed = seed, .max_delay_ms = 7, .split_permille = 300};
		struct run a = run_seed(&f, 300), b = run_seed(&f, 300);

		assert_true(a.frames[0] > 50 && a.frames[1] > 50);
		assert_memory_equal(&a, &b, sizeof(a));
		if (seed == 1)
			first = a.digest;
		same += a.digest == first;
	}
	assert_int_equal(same, 1);
}

/* Frames are counted over both directions; the ones before the cut arrive, then both ends close. */
static void test_the_link_is_cut_before_the_given_frame(void **state)
{
	(void)state;
	for (uint64_t k = 1; k < 60; k++) {
		struct net_mem_faults f = {.seed = k, .cut_after_frames = k, .max_delay_ms = k % 2 ? 0 : 5, .split_permille = 100};
		struct run r = run_seed(&f, 100000);

		assert_int_equal(r.frames[0] + r.frames[1], k);
	}
}

/* A sender's bytes, whatever their number, arrive in order; split ones take two reads. */
static void test_bytes_arrive_in_order_through_splits(void **state)
{
	struct net_pool_config cfg = {.virtual_clock = &vclock};
	struct net_mem_faults f = {.seed = 5, .max_delay_ms = 3, .split_permille = 1000};
	struct net_pool *p;
	uint8_t *data = malloc(200000);
	uint64_t sum = 0, bytes = 0;

	(void)state;
	memset(ends, 0, sizeof(ends));
	clock_virtual_init(&vclock);
	p = net_pool_new(&cfg);
	pair_new(p, &f);
	for (unsigned i = 0; i < 2; i++) {
		net_conn_limit(ends[i].conn, 1 << 20);
		net_conn_start(ends[i].conn, &end_ops, &ends[i]);
	}
	for (unsigned i = 0; i < 200000; i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	for (size_t len = 1; len < 200000; len = len * 3 + 1) {
		struct net_seg s = {.data = data, .len = len};

		net_send(ends[0].conn, &s, 1);
		bytes += len;
		for (size_t k = 0; k < len; k += 61)
			sum += data[k];
	}
	while (net_pool_step(p, 1000))
		;
	assert_int_equal(ends[1].bytes, bytes);
	assert_int_equal(ends[1].sum, sum);
	net_pool_free(p);
	free(data);
}

/* Closing one end with drain: the other gets what was sent before, then its end. */
static void test_drain_over_mem(void **state)
{
	struct net_pool_config cfg = {.virtual_clock = &vclock};
	struct net_mem_faults f = {.seed = 9, .max_delay_ms = 50};
	struct net_seg s = {.data = "bye", .len = 3};
	struct net_pool *p;

	(void)state;
	memset(ends, 0, sizeof(ends));
	clock_virtual_init(&vclock);
	p = net_pool_new(&cfg);
	pair_new(p, &f);
	for (unsigned i = 0; i < 2; i++)
		net_conn_start(ends[i].conn, &end_ops, &ends[i]);
	for (unsigned i = 0; i < 10; i++)
		net_send(ends[0].conn, &s, 1);
	net_conn_close(ends[0].conn, true);
	while (net_pool_step(p, 1000))
		;
	assert_int_equal(ends[1].frames, 10);
	assert_int_equal(ends[0].destroyed, 1);
	assert_int_equal(ends[1].destroyed, 1);
	net_pool_free(p);
}

/* Idle and half-frame timeouts run on the virtual clock. */
static void test_timeouts_by_the_virtual_clock(void **state)
{
	struct net_pool_config cfg = {.virtual_clock = &vclock};
	struct net_pool *p;

	(void)state;
	memset(ends, 0, sizeof(ends));
	clock_virtual_init(&vclock);
	p = net_pool_new(&cfg);
	pair_new(p, NULL);
	net_conn_timeout(ends[1].conn, 45000, 5000);
	for (unsigned i = 0; i < 2; i++)
		net_conn_start(ends[i].conn, &end_ops, &ends[i]);
	while (net_pool_step(p, -1))
		;
	assert_int_equal(vclock.now_ms, 45000);
	assert_int_equal(ends[1].destroyed, 1);
	assert_int_equal(ends[0].destroyed, 1);
	net_pool_free(p);
}

static void echo_threads(struct end *e, const struct net_frame *f)
{
	struct net_seg s = {.data = f->data, .len = f->len};

	if (atomic_load(&e->frames) < 2000)
		net_send(e->conn, &s, 1);
}

/* The same transport under worker threads. */
static void test_mem_with_workers(void **state)
{
	struct net_pool_config cfg = {.threads = 3, .max_threads = 3};
	struct net_pool *p = net_pool_new(&cfg);
	struct net_seg s = {.data = "abc", .len = 3};

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		struct net_mem_faults f = {.seed = 3, .split_permille = 200, .max_delay_ms = round};

		memset(ends, 0, sizeof(ends));
		pair_new(p, &f);
		for (unsigned i = 0; i < 2; i++) {
			ends[i].on_frame = echo_threads;
			ends[i].release = i;
			net_conn_start(ends[i].conn, &end_ops, &ends[i]);
		}
		for (unsigned i = 0; i < 10; i++)
			net_send(ends[0].conn, &s, 1);
		WAIT_FOR(NULL, ends[1].frames >= 500);
		net_conn_close(ends[1].conn, false);
		WAIT_FOR(NULL, ends[0].destroyed + ends[1].destroyed == 2);
	}
	net_pool_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_seed_gives_the_same_run),
		cmocka_unit_test(test_the_link_is_cut_before_the_given_frame),
		cmocka_unit_test(test_bytes_arrive_in_order_through_splits),
		cmocka_unit_test(test_drain_over_mem),
		cmocka_unit_test(test_timeouts_by_the_virtual_clock),
		cmocka_unit_test(test_mem_with_workers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Timers, jobs, growth of the pool, and stepping by a virtual clock. */
#include "util.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TIMERS = 500 };

struct shot {
	struct net_timer timer;
	uint64_t wanted_ms;
	unsigned fired;
};

static struct clock_virtual vclock;
static struct net_pool *pool;
static struct shot shots[TIMERS];
static unsigned order[4 * TIMERS];
static _Atomic unsigned fired;

static struct net_pool *virtual_pool(void)
{
	struct net_pool_config cfg = {.virtual_clock = &vclock};

	clock_virtual_init(&vclock);
	memset(shots, 0, sizeof(shots));
	fired = 0;
	return net_pool_new(&cfg);
}

static void shot_fn(struct net_timer *t)
{
	struct shot *s = CONTAINER_OF(t, struct shot, timer);

	assert_int_equal(clock_ms(&vclock.clock), s->wanted_ms);
	s->fired++;
	order[fired++] = (unsigned)(s - shots);
}

/* In order of their time, and of arming where that is equal; cancelled ones not; re-armed ones once at the new time. */
static void test_timers_fire_in_order(void **state)
{
	unsigned expected = 0;

	(void)state;
	pool = virtual_pool();
	srandom(1);
	for (unsigned i = 0; i < TIMERS; i++) {
		shots[i].timer.fn = shot_fn;
		shots[i].wanted_ms = (uint64_t)(random() % 50);
		net_timer_arm(pool, &shots[i].timer, shots[i].wanted_ms);
	}
	for (unsigned i = 0; i < TIMERS; i += 3) {
		net_timer_cancel(pool, &shots[i].timer);
		assert_false(shots[i].timer.armed);
	}
	for (unsigned i = 1; i < TIMERS; i += 3) {
		shots[i].wanted_ms = (uint64_t)(random() % 80);
		net_timer_arm(pool, &shots[i].timer, shots[i].wanted_ms);
	}
	while (net_pool_step(pool, -1))
		;
	for (unsigned i = 0; i < TIMERS; i++) {
		assert_int_equal(shots[i].fired, i % 3 != 0);
		expected += i % 3 != 0;
	}
	assert_int_equal(fired, expected);
	for (unsigned i = 1; i < fired; i++)
		assert_true(shots[order[i - 1]].wanted_ms <= shots[order[i]].wanted_ms);
	net_pool_free(pool);
}

/* A step moves the virtual clock as far as its timeout and no further. */
static void test_a_step_moves_the_virtual_clock(void **state)
{
	(void)state;
	pool = virtual_pool();
	shots[0].timer.fn = shot_fn;
	shots[0].wanted_ms = 100;
	net_timer_arm(pool, &shots[0].timer, 100);
	assert_false(net_pool_step(pool, 0));
	assert_false(net_pool_step(pool, 40));
	assert_int_equal(vclock.now_ms, 40);
	assert_true(net_pool_step(pool, 1000));
	assert_int_equal(vclock.now_ms, 100);
	assert_false(net_pool_step(pool, -1));
	assert_int_equal(vclock.now_ms, 100);
	net_pool_free(pool);
}

static void rearm_fn(struct net_timer *t)
{
	struct shot *s = CONTAINER_OF(t, struct shot, timer);

	if (++s->fired < 5)
		net_timer_arm(pool, t, 10);
	if (s->fired == 5)
		net_timer_cancel(pool, t);
}

static void freeing_fn(struct net_timer *t)
{
	free(CONTAINER_OF(t, struct shot, timer));
	atomic_fetch_add(&fired, 1);
}

static void test_a_timer_may_rearm_cancel_or_free_itself(void **state)
{
	struct shot *s = calloc(1, sizeof(*s));

	(void)state;
	pool = virtual_pool();
	shots[0].timer.fn = rearm_fn;
	net_timer_arm(pool, &shots[0].timer, 0);
	s->timer.fn = freeing_fn;
	net_timer_arm(pool, &s->timer, 25);
	while (net_pool_step(pool, -1))
		;
	assert_int_equal(shots[0].fired, 5);
	assert_int_equal(fired, 1);
	assert_int_equal(vclock.now_ms, 40);
	net_pool_free(pool);
}

static void count_fn(struct net_timer *t)
{
	(void)t;
	atomic_fetch_add(&fired, 1);
}

static void slow_fn(struct net_timer *t)
{
	struct shot *s = CONTAINER_OF(t, struct shot, timer);

	usleep(20000);
	s->fired++;
}

/* After a cancel the function neither runs nor will run, also when it was just running on a worker. */
static void test_cancel_waits_for_a_running_timer(void **state)
{
	struct net_pool_config cfg = {.threads = 2, .max_threads = 2};

	(void)state;
	pool = net_pool_new(&cfg);
	for (unsigned i = 0; i < 20; i++) {
		struct shot *s = calloc(1, sizeof(*s));

		s->timer.fn = slow_fn;
		net_timer_arm(pool, &s->timer, 1);
		usleep(i * 500);
		net_timer_cancel(pool, &s->timer);
		free(s);
	}
	net_pool_free(pool);
}

static void test_timers_on_workers(void **state)
{
	struct net_pool_config cfg = {.threads = 2, .max_threads = 2};
	struct timespec from, to;

	(void)state;
	memset(shots, 0, sizeof(shots));
	fired = 0;
	pool = net_pool_new(&cfg);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (unsigned i = 0; i < TIMERS; i++) {
		shots[i].timer.fn = count_fn;
		net_timer_arm(pool, &shots[i].timer, 100 - i / 5);
	}
	WAIT_FOR(NULL, fired == TIMERS);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000 >= 99);
	net_pool_free(pool);
}

static void job(void *arg)
{
	(void)arg;
	atomic_fetch_add(&fired, 1);
}

static void numbered_job(void *arg)
{
	order[atomic_fetch_add(&fired, 1)] = (unsigned)(uintptr_t)arg;
}

static void test_jobs_run_in_order_when_stepped(void **state)
{
	(void)state;
	pool = virtual_pool();
	for (uintptr_t i = 0; i < 100; i++)
		net_pool_run(pool, numbered_job, (void *)i);
	for (unsigned i = 0; i < 100; i++)
		assert_true(net_pool_step(pool, 0));
	assert_false(net_pool_step(pool, 0));
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(order[i], i);
	net_pool_free(pool);
}

static void *job_maker(void *arg)
{
	for (unsigned i = 0; i < 5000; i++)
		net_pool_run(pool, job, arg);
	return NULL;
}

static void test_jobs_of_many_threads_all_run(void **state)
{
	struct net_pool_config cfg = {.threads = 3, .max_threads = 3};
	pthread_t t[4];

	(void)state;
	fired = 0;
	pool = net_pool_new(&cfg);
	for (unsigned i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, job_maker, NULL);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	WAIT_FOR(NULL, fired == 20000);
	net_pool_free(pool);
}

static _Atomic unsigned inside, most_inside;
static _Atomic bool go_on;

static void block(bool announced)
{
	unsigned n = atomic_fetch_add(&inside, 1) + 1, most = atomic_load(&most_inside);

	while (n > most && !atomic_compare_exchange_weak(&most_inside, &most, n))
		;
	if (announced)
		net_pool_blocking(pool, true);
	while (!atomic_load(&go_on))
		usleep(1000);
	if (announced)
		net_pool_blocking(pool, false);
	atomic_fetch_sub(&inside, 1);
}

static void blocking_job(void *arg)
{
	block(arg != NULL);
}

/* Workers that block, announced or not, are joined by others up to the bound, and not beyond. */
static void test_the_pool_grows_while_workers_block(void **state)
{
	struct net_pool_config cfg = {.threads = 2, .max_threads = 6};

	(void)state;
	for (uintptr_t announced = 0; announced < 2; announced++) {
		inside = most_inside = 0;
		go_on = false;
		pool = net_pool_new(&cfg);
		for (unsigned i = 0; i < 10; i++)
			net_pool_run(pool, blocking_job, (void *)announced);
		WAIT_FOR(NULL, inside == 6);
		usleep(30000);
		assert_int_equal(inside, 6);
		go_on = true;
		WAIT_FOR(NULL, inside == 0);
		net_pool_free(pool);
		assert_int_equal(most_inside, 6);
	}
}

static void busy_job(void *arg)
{
	struct timespec from, now;

	(void)arg;
	clock_gettime(CLOCK_MONOTONIC, &from);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - from.tv_sec) * 1000000000 + now.tv_nsec - from.tv_nsec < 50000);
	atomic_fetch_add(&fired, 1);
}

/* Many short pieces of work are not a reason to grow. */
static void test_mere_load_does_not_grow_the_pool(void **state)
{
	struct net_pool_config cfg = {.threads = 2, .max_threads = 40};

	(void)state;
	fired = 0;
	pool = net_pool_new(&cfg);
	for (unsigned i = 0; i < 3000; i++)
		net_pool_run(pool, busy_job, NULL);
	WAIT_FOR(NULL, fired == 3000);
	assert_in_range(thread_count(), 3, 15);
	net_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timers_fire_in_order),
		cmocka_unit_test(test_a_step_moves_the_virtual_clock),
		cmocka_unit_test(test_a_timer_may_rearm_cancel_or_free_itself),
		cmocka_unit_test(test_cancel_waits_for_a_running_timer),
		cmocka_unit_test(test_timers_on_workers),
		cmocka_unit_test(test_jobs_run_in_order_when_stepped),
		cmocka_unit_test(test_jobs_of_many_threads_all_run),
		cmocka_unit_test(test_the_pool_grows_while_workers_block),
		cmocka_unit_test(test_mere_load_does_not_grow_the_pool),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

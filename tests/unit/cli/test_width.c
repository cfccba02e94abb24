/* How many pieces are under way, on paths that are computed: each has a delay, and a server that takes so long for a piece, for so many at a time. */
#include "cli/width.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { PIECES = 16000, SERVERS_MOST = 32 };

struct path {
	uint64_t delay_us, piece_us;
	unsigned at_once;       /* pieces that the server works on at a time */
	uint64_t wide_piece_us; /* what a piece takes when more than CLI_NARROW are under way; 0: the same */
};

struct seen {
	unsigned wide, narrow; /* pieces that were asked for under that width */
	uint64_t us;
};

struct asked {
	uint64_t at_us, answer_us;
};

static void ask(struct asked *a, const struct path *p, bool many, uint64_t now, uint64_t *server)
{
	uint64_t arrives = now + p->delay_us / 2;
	a->at_us = now;
	*server = (*server > arrives ? *server : arrives) + (many && p->wide_piece_us ? p->wide_piece_us : p->piece_us);
	a->answer_us = *server + p->delay_us / 2;
}

/* Pieces are asked for and answered in order. */
static struct seen transfer(const struct path *p)
{
	struct cli_width w = {0};
	uint64_t now = 0, free_at[SERVERS_MOST] = {0};
	struct asked ring[CLI_WIDE + 1], *a;
	struct seen seen = {0};
	for (unsigned first = 0, next = 0; first < PIECES; first++) {
		for (; next < PIECES && next - first < cli_width_pieces(&w); next++) {
			ask(&ring[next % (CLI_WIDE + 1)], p, next - first >= CLI_NARROW, now, &free_at[next % p->at_once]);
			w.wide ? seen.wide++ : seen.narrow++;
		}
		a = &ring[first % (CLI_WIDE + 1)];
		now = a->answer_us > now ? a->answer_us : now;
		cli_width_answered(&w, now, now - a->at_us);
	}
	seen.us = now;
	return seen;
}

static void test_a_near_server_is_asked_for_few(void **state)
{
	(void)state;
	struct seen s = transfer(&(struct path){.piece_us = 500, .at_once = 1});
	assert_in_range(s.wide, 1, PIECES / 20); /* trials */
	s = transfer(&(struct path){.piece_us = 500, .at_once = 1, .wide_piece_us = 800});
	assert_in_range(s.wide, 1, PIECES / 20);
}

/* From the first answer on. */
static void test_a_far_server_is_asked_for_many(void **state)
{
	(void)state;
	struct seen s = transfer(&(struct path){.delay_us = 50000, .piece_us = 4000, .at_once = 1});
	assert_in_range(s.narrow, 0, CLI_NARROW);
	/* A fast line: narrow is tried in vain. */
	s = transfer(&(struct path){.delay_us = 10000, .piece_us = 100, .at_once = 1});
	assert_in_range(s.narrow, 0, PIECES / 20);
}

/* Nearby, but several disks: the trial shows it. */
static void test_a_server_that_works_on_many_gets_many(void **state)
{
	(void)state;
	struct seen s = transfer(&(struct path){.piece_us = 3000, .at_once = 12});
	assert_in_range(s.narrow, 0, PIECES / 10);
	assert_in_range(s.us, 0, (uint64_t)PIECES * 3000 / 10);
}

/* As much as there is of a slow line, whatever the width: none is tried again and again. */
static void test_a_slow_line_is_left_alone(void **state)
{
	(void)state;
	struct seen s = transfer(&(struct path){.delay_us = 1000, .piece_us = 9000, .at_once = 1});
	assert_in_range(s.narrow, 0, CLI_NARROW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_near_server_is_asked_for_few),
		cmocka_unit_test(test_a_far_server_is_asked_for_many),
		cmocka_unit_test(test_a_server_that_works_on_many_gets_many),
		cmocka_unit_test(test_a_slow_line_is_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* `hythe bench`: percentiles of its histogram, and the options it takes and refuses. */
#include "cli/bench_cmd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

static struct bench_hist *new_hist(void)
{
	struct bench_hist *h = calloc(1, sizeof(*h));
	assert_non_null(h);
	return h;
}

static void test_percentiles_of_nothing_are_0(void **state)
{
	(void)state;
	struct bench_hist *h = new_hist();
	assert_int_equal(bench_hist_percentile(h, 50), 0);
	assert_int_equal(bench_hist_percentile(h, 100), 0);
	free(h);
}

static void test_one_value_is_every_percentile(void **state)
{
	static const uint64_t values[] = {0, 1, 31, 32, 63, 64, 65, 1000, 123456789, UINT64_C(1) << 40, UINT64_MAX};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		struct bench_hist *h = new_hist();
		bench_hist_add(h, values[i]);
		assert_true(bench_hist_percentile(h, 1) == values[i]);
		assert_true(bench_hist_percentile(h, 50) == values[i]);
		assert_true(bench_hist_percentile(h, 100) == values[i]);
		free(h);
	}
}

/* Rounded up, and by 1/32 at most, wherever the value lies. */
static void test_percentiles_are_within_a_32nd(void **state)
{
	(void)state;
	for (uint64_t scale = 1; scale < UINT64_C(1) << 50; scale *= 7) {
		struct bench_hist *h = new_hist();
		for (uint64_t i = 1; i <= 1000; i++)
			bench_hist_add(h, i * scale);
		for (unsigned percent = 1; percent <= 100; percent++) {
			uint64_t exact = percent * 10 * scale, got = bench_hist_percentile(h, percent);
			assert_true(got >= exact);
			assert_true(got - exact <= exact / 32);
		}
		assert_true(bench_hist_percentile(h, 99.9) >= 999 * scale);
		assert_true(bench_hist_percentile(h, 100) == 1000 * scale);
		free(h);
	}
}

static void test_histograms_add_up(void **state)
{
	(void)state;
	struct bench_hist *a = new_hist(), *b = new_hist();
	for (unsigned i = 0; i < 90; i++)
		bench_hist_add(a, 10);
	for (unsigned i = 0; i < 10; i++)
		bench_hist_add(b, 20);
	bench_hist_merge(a, b);
	assert_int_equal(a->count, 100);
	assert_int_equal(bench_hist_percentile(a, 50), 10);
	assert_int_equal(bench_hist_percentile(a, 90), 10);
	assert_int_equal(bench_hist_percentile(a, 91), 20);
	assert_int_equal(a->max_ns, 20);
	free(a);
	free(b);
}

static const struct cli_option option_table[] = {{"test", "", ""}, {"depth", "", ""}, {"block-size", "", ""}, {"connections", "", ""},
	{"duration", "", ""}, {"size", "", ""}, {NULL, NULL, NULL}};
static const struct cli_spec spec = {.name = "bench", .options = option_table};

/* argv as of the command line, without the URL. */
static const char *read_plan(struct bench_plan *p, const char *option, const char *value)
{
	struct cli_args a = {.spec = &spec};
	for (size_t i = 0; option && option_table[i].name; i++) {
		if (strcmp(option_table[i].name, option) == 0)
			a.values[i] = value;
	}
	return bench_plan_read(p, &a);
}

static unsigned chosen(const struct bench_plan *p)
{
	unsigned n = 0;
	for (size_t i = 0; i < BENCH_KINDS; i++)
		n += p->chosen[i];
	return n;
}

static void test_every_test_runs_by_default(void **state)
{
	struct bench_plan p;
	(void)state;
	assert_null(read_plan(&p, NULL, NULL));
	assert_int_equal(chosen(&p), BENCH_KINDS);
	assert_int_equal(p.block_bytes, 1 << 20);
	assert_int_equal(p.file_bytes, 256 << 20);
	for (size_t i = 0; i < BENCH_KINDS; i++)
		assert_true(bench_test_known(bench_kinds[i].name));
	assert_false(bench_test_known("no such test"));
}

static void test_tests_are_chosen_by_group_or_name(void **state)
{
	static const struct {
		const char *list;
		unsigned count;
	} lists[] = {{"read", 1}, {"random", 2}, {"random-read", 1}, {"metadata,listing", 3}, {"logins", 1}, {"login", 1}, {"read,read", 1},
		{"echo,write,random,read", 5}};
	struct bench_plan p;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		assert_null(read_plan(&p, "test", lists[i].list));
		assert_int_equal(chosen(&p), lists[i].count);
	}
}

static void test_sizes_have_units(void **state)
{
	struct bench_plan p;
	(void)state;
	assert_null(read_plan(&p, "block-size", "64K"));
	assert_int_equal(p.block_bytes, 65536);
	assert_null(read_plan(&p, "block-size", "8M"));
	assert_null(read_plan(&p, "block-size", "1"));
	assert_null(read_plan(&p, "size", "2G"));
	assert_true(p.file_bytes == UINT64_C(2) << 30);
	assert_null(read_plan(&p, "duration", "0.5"));
	assert_true(p.seconds == 0.5);
}

static void test_options_that_are_wrong_are_refused(void **state)
{
	static const char *const wrong[][2] = {{"test", ""}, {"test", "reed"}, {"test", "read,"}, {"test", ",read"}, {"test", "read write"},
		{"depth", "0"}, {"depth", "-1"}, {"depth", "1025"}, {"depth", "8x"}, {"depth", ""}, {"depth", "99999999999999999999"},
		{"connections", "0"}, {"connections", "257"}, {"connections", "+1"}, {"block-size", "0"}, {"block-size", "8388609"}, {"block-size", "9M"},
		{"block-size", "K"}, {"block-size", "1KB"}, {"block-size", "-1K"}, {"size", "0"}, {"size", "4095"}, {"size", "16385G"}, {"size", "99999999999G"},
		{"size", "512K"}, {"size", "1T"}, {"duration", "0"}, {"duration", "-1"}, {"duration", "nan"}, {"duration", "inf"},
		{"duration", "1s"}, {"duration", ""}, {"duration", "86401"}};
	struct bench_plan p;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		const char *why = read_plan(&p, wrong[i][0], wrong[i][1]);
		if (!why)
			fail_msg("--%s %s was taken", wrong[i][0], wrong[i][1]);
		assert_non_null(strstr(why, wrong[i][0])); /* says which one */
	}
}

static void test_memory_is_bounded(void **state)
{
	struct cli_args a = {.spec = &spec, .values = {"read", "512", "8M", "1"}};
	struct bench_plan p;
	(void)state;
	assert_non_null(bench_plan_read(&p, &a));
	a.values[1] = "511";
	assert_null(bench_plan_read(&p, &a));
	a.values[3] = "2";
	assert_non_null(bench_plan_read(&p, &a));
	a.values[0] = "random,echo"; /* whose blocks are small */
	assert_null(bench_plan_read(&p, &a));
}

static void test_calls_that_are_wrong_end_with_2(void **state)
{
	static char *const wrong[][3] = {{"--depth=0", "smb://h/s"}, {"--test=x", "smb://h/s"}, {"smb://h"}, {"http://h/s"}, {"smb://h/s", "smb://h/s"}, {NULL}};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		char name[] = "bench", *argv[] = {name, wrong[i][0], wrong[i][0] ? wrong[i][1] : NULL, NULL};
		int argc = 1;
		while (argv[argc])
			argc++;
		assert_int_equal(cmd_bench(argc, argv), CLI_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_percentiles_of_nothing_are_0),
		cmocka_unit_test(test_one_value_is_every_percentile),
		cmocka_unit_test(test_percentiles_are_within_a_32nd),
		cmocka_unit_test(test_histograms_add_up),
		cmocka_unit_test(test_every_test_runs_by_default),
		cmocka_unit_test(test_tests_are_chosen_by_group_or_name),
		cmocka_unit_test(test_sizes_have_units),
		cmocka_unit_test(test_options_that_are_wrong_are_refused),
		cmocka_unit_test(test_memory_is_bounded),
		cmocka_unit_test(test_calls_that_are_wrong_end_with_2),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

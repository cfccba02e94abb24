/* Files that are copied side by side: how many at a time, how many bytes of large ones, and that none is lost. */
#include "cli/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILES = 140 }; /* fewer than would make cli_jobs_add wait for answers */

static uint8_t trees[2];
#define FIRST ((struct hythe_tree *)(void *)&trees[0])
#define SECOND ((struct hythe_tree *)(void *)&trees[1])

struct file {
	struct cli_job job;
	unsigned number;
};

static struct {
	struct file *running[FILES];
	unsigned begun, now, most;
	bool at_once; /* each ends where it starts */
	bool any_order;
	uint64_t size;
} seen;

static void begin(struct cli_job *job)
{
	struct file *f = (struct file *)job;
	char name[16];
	f->number = seen.begun++;
	snprintf(name, sizeof(name), "%u", f->number);
	if (!seen.any_order)
		assert_string_equal(job->from, name); /* in the order they were added */
	assert_string_equal(job->to, "to");
	assert_true(seen.any_order || job->size == f->number);
	assert_int_equal(cli_job_window(job), 1);
	if (seen.at_once) {
		cli_job_end(job);
		return;
	}
	memset(job->first, (int)f->number, CLI_FIRST);
	if (seen.size > 0)
		cli_job_widen(job, seen.size);
	seen.running[seen.now++] = f;
	if (seen.now > seen.most)
		seen.most = seen.now;
}

static void moved(struct cli_job *job, struct cli_piece *piece, ntstatus status)
{
	(void)job, (void)piece, (void)status;
	fail();
}

static const struct cli_jobs_ops ops = {.size = sizeof(struct file), .start = begin, .moved = moved};

static struct cli_jobs *add_all(bool at_once, uint64_t size)
{
	struct cli_jobs *j = cli_jobs_start(&ops, NULL, NULL, &seen);
	assert_non_null(j);
	memset(&seen, 0, sizeof(seen));
	seen.at_once = at_once;
	seen.size = size;
	assert_ptr_equal(cli_jobs_arg(j), &seen);
	for (unsigned i = 0; i < FILES; i++) {
		char name[16];
		snprintf(name, sizeof(name), "%u", i);
		assert_true(cli_jobs_add(j, name, "to", i));
	}
	return j;
}

static unsigned promised(void)
{
	unsigned sum = 0;
	for (unsigned i = 0; i < seen.now; i++)
		sum += seen.running[i]->job.promised;
	return sum;
}

static void end_oldest(void)
{
	struct file *f = seen.running[0];
	memmove(seen.running, seen.running + 1, --seen.now * sizeof(seen.running[0]));
	for (size_t i = 0; i < CLI_FIRST; i += CLI_FIRST - 1)
		assert_int_equal(f->job.first[i], (uint8_t)f->number); /* nobody else's */
	cli_job_end(&f->job);
}

static void test_so_many_files_run_at_a_time(void **state)
{
	(void)state;
	struct cli_jobs *j = add_all(false, 0);
	assert_int_equal(seen.now, CLI_JOBS_MAX);
	while (seen.now > 0)
		end_oldest();
	assert_int_equal(seen.begun, FILES);
	assert_int_equal(seen.most, CLI_JOBS_MAX);
	cli_jobs_end(j);
}

static void test_files_that_end_where_they_start(void **state)
{
	(void)state;
	struct cli_jobs *j = add_all(true, 0);
	assert_int_equal(seen.begun, FILES);
	cli_jobs_end(j);
}

/* A large file has several pieces under way, two of them all there may be; a third waits, whatever its size. */
static void test_large_files_share_what_may_be_under_way(void **state)
{
	(void)state;
	struct cli_jobs *j = cli_jobs_start(&ops, NULL, NULL, &seen);
	memset(&seen, 0, sizeof(seen));
	seen.size = UINT64_MAX;
	assert_true(cli_jobs_add(j, "0", "to", 0));
	assert_int_equal(seen.running[0]->job.promised, CLI_WIDE);
	assert_int_equal(cli_job_window(&seen.running[0]->job), CLI_NARROW); /* as long as it is not known how far the server is */
	for (unsigned i = 1; i < 9; i++)
		assert_true(cli_jobs_add(j, (char[]){(char)('0' + i), 0}, "to", i));
	assert_int_equal(promised(), CLI_PIECES);
	assert_int_equal(seen.now, 2);
	while (seen.now > 0) {
		end_oldest();
		assert_in_range(promised(), 0, CLI_PIECES);
	}
	assert_int_equal(seen.begun, 9);
	cli_jobs_end(j);
}

static void test_a_window_is_no_wider_than_the_file(void **state)
{
	static const struct {
		uint64_t bytes;
		unsigned window;
	} rows[] = {{0, 1}, {1, 1}, {CLI_PIECE, 1}, {CLI_PIECE + 1, 2}, {2 * CLI_PIECE, 2}, {3 * CLI_PIECE, CLI_NARROW}};
	(void)state;
	struct cli_jobs *j = cli_jobs_start(&ops, NULL, NULL, &seen);
	memset(&seen, 0, sizeof(seen));
	assert_true(cli_jobs_add(j, "0", "to", 0));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cli_job_widen(&seen.running[0]->job, rows[i].bytes);
		assert_int_equal(cli_job_window(&seen.running[0]->job), rows[i].window);
	}
	end_oldest();
	cli_jobs_end(j);
}

/* Files under way of one directory, by connection. */
static void count(char directory, unsigned n[2])
{
	n[0] = n[1] = 0;
	for (unsigned i = 0; i < seen.now; i++) {
		if (seen.running[i]->job.from[0] == directory)
			n[seen.running[i]->job.tree == SECOND]++;
	}
}

static void end_all_of(char directory)
{
	for (unsigned i = 0; i < seen.now;) {
		struct file *f = seen.running[i];
		if (f->job.from[0] != directory) {
			i++;
			continue;
		}
		memmove(seen.running + i, seen.running + i + 1, (--seen.now - i) * sizeof(seen.running[0]));
		cli_job_end(&f->job);
	}
}

/* Each has a connection, until one of them has no files any more: then the other has both. */
static void test_directories_share_the_connections(void **state)
{
	(void)state;
	unsigned n[2];
	struct cli_jobs *j = cli_jobs_start(&ops, NULL, FIRST, &seen);
	assert_non_null(j);
	memset(&seen, 0, sizeof(seen));
	seen.any_order = true;
	assert_true(cli_jobs_add(j, "before", "to", 0));
	assert_true(cli_jobs_add(j, "before", "to", 0));
	count('b', n);
	assert_int_equal(n[0], 2);
	cli_jobs_use(j, SECOND);
	for (unsigned i = 0; i < 60; i++)
		assert_true(cli_jobs_add(j, "a", "to", i));
	count('a', n);
	assert_int_equal(n[0] + n[1], CLI_JOBS_MAX - 2);
	assert_int_equal(n[1], CLI_JOBS_MAX / 2);
	cli_jobs_turn(j);
	for (unsigned i = 0; i < 20; i++)
		assert_true(cli_jobs_add(j, "c", "to", i));
	count('c', n);
	assert_int_equal(n[0] + n[1], 0);
	end_all_of('b');
	count('c', n);
	assert_int_equal(n[0] + n[1], 0); /* there are more of the first */
	end_all_of('a');
	count('c', n);
	assert_int_equal(n[1], CLI_JOBS_MAX / 2);
	assert_int_equal(n[0], 4);
	end_all_of('c');
	assert_int_equal(seen.begun, 82);
	assert_int_equal(seen.now, 0);
	cli_jobs_end(j);
}

static struct cli_piece *piece(uint64_t offset, size_t len)
{
	struct cli_piece *p = malloc(sizeof(*p));
	assert_non_null(p);
	p->offset = offset;
	p->len = len;
	memset(p->data, (int)(offset / CLI_PIECE) + 1, len);
	return p;
}

/* Each piece comes back once, and what it had is where it belongs. */
static void test_a_writer_writes_every_piece(void **state)
{
	enum { PIECES = 5, LAST = 1000 };
	char path[] = "/tmp/hythe-writer-XXXXXX";
	uint8_t *got = malloc(CLI_PIECE);
	int fd = mkstemp(path), err;

	(void)state;
	struct cli_writer *w = cli_writer_start(fd);
	assert_non_null(w);
	assert_null(cli_writer_take(w, false, &err));
	for (unsigned i = 0; i < PIECES; i++)
		cli_writer_put(w, piece((uint64_t)(PIECES - 1 - i) * CLI_PIECE, i == 0 ? LAST : CLI_PIECE));
	for (unsigned i = 0; i < PIECES; i++) {
		struct cli_piece *p = cli_writer_take(w, true, &err);
		assert_int_equal(err, 0);
		assert_int_equal(p->offset, (uint64_t)(PIECES - 1 - i) * CLI_PIECE);
		free(p);
	}
	cli_writer_end(w);
	for (unsigned i = 0; i < PIECES; i++) {
		size_t len = i == PIECES - 1 ? LAST : CLI_PIECE;
		assert_int_equal(pread(fd, got, CLI_PIECE, (off_t)i * CLI_PIECE), i == PIECES - 1 ? LAST : CLI_PIECE);
		for (size_t k = 0; k < len; k++)
			assert_int_equal(got[k], i + 1);
	}
	close(fd);
	unlink(path);
	free(got);
}

/* What cannot be written is told with that piece and with all that follow, none of which is written. */
static void test_a_writer_that_fails_says_so(void **state)
{
	char path[] = "/tmp/hythe-writer-XXXXXX";
	int fd = mkstemp(path), blind = open(path, O_RDONLY), err;

	(void)state;
	struct cli_writer *w = cli_writer_start(blind);
	assert_non_null(w);
	cli_writer_put(w, piece(0, 10));
	struct cli_piece *p = cli_writer_take(w, true, &err);
	assert_int_equal(err, EBADF);
	assert_int_equal(dup2(fd, blind), blind);
	cli_writer_put(w, p);
	assert_ptr_equal(cli_writer_take(w, true, &err), p);
	assert_int_equal(err, EBADF);
	cli_writer_end(w);
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	cli_writer_end(NULL);
	free(p);
	close(blind);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_so_many_files_run_at_a_time),
		cmocka_unit_test(test_files_that_end_where_they_start),
		cmocka_unit_test(test_directories_share_the_connections),
		cmocka_unit_test(test_large_files_share_what_may_be_under_way),
		cmocka_unit_test(test_a_window_is_no_wider_than_the_file),
		cmocka_unit_test(test_a_writer_writes_every_piece),
		cmocka_unit_test(test_a_writer_that_fails_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* One file from a server. A small one is opened, read and closed in one message, and complete when that is answered. What has more stays
 * open, and is read in pieces that are written where they belong as they come. Locally it has its name only when it is complete. */
#include "base/fdio.h"
#include "cli/copying.h"
#include "cli/writer.h"

#include <errno.h>

/* From so many bytes on a thread writes them. */
enum { WRITER_LEAST = 16 << 20 };

struct getting {
	struct cli_job job;
	struct hythe_open_params open;
	struct hythe_step steps[3];
	struct hythe_file *file; /* of a large one */
	struct hythe_stat stat;
	struct cli_local_file local;
	uint64_t next;           /* what was not asked for yet */
	bool straight;           /* to the local file: its data need not be looked at */
	struct cli_writer *writer; /* NULL: there is none */
	unsigned writing;        /* pieces that are the writer's */
	bool failed;
};

static struct cli_copying *copying(const struct getting *g)
{
	return cli_jobs_arg(g->job.jobs);
}

static bool failed(const struct getting *g, const char *verb)
{
	return cli_link_failed(copying(g)->link, verb, g->job.from);
}

static bool keep(struct getting *g, const void *data, size_t len, uint64_t offset)
{
	errno = fd_write_all(g->local.fd, data, len, offset);
	return errno == 0 || cli_failed_errno("write", g->local.final);
}

/* The local file and what came with the answer to the first message. */
static bool begin(struct getting *g)
{
	struct cli_copying *c = copying(g);
	uint64_t size = g->stat.size_bytes;
	size_t first = g->steps[1].bytes < size ? g->steps[1].bytes : (size_t)size;
	if (c->single)
		c->progress.total = size;
	if (!cli_local_create(&g->local, g->job.to))
		return false;
	g->next = first;
	cli_progress_add(&c->progress, first);
	return keep(g, g->job.first, first, 0);
}

/* True: the local file is complete. */
static bool settle(struct getting *g, bool ok)
{
	if (ok && copying(g)->times && !cli_local_set_times(g->local.fd, &g->stat))
		ok = cli_failed_errno("set the times of", g->local.final);
	if (ok)
		return cli_local_finish(&g->local);
	cli_local_abandon(&g->local);
	return false;
}

/* What the first message came to but for closing: that an empty file has nothing to read is no failure. */
static bool was_read(struct getting *g)
{
	const struct hythe_step *s = g->steps;
	g->stat = s[0].opened.stat;
	return nt_ok(s[0].status) && (nt_ok(s[1].status) || nt_is(s[1].status, STATUS_END_OF_FILE));
}

/* --- large files --- */

static void closed(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct getting *g = arg;
	(void)result;
	if (!g->failed && !nt_ok(status))
		g->failed = !failed(g, "close");
	cli_copied(&g->job, !g->failed, g->stat.size_bytes);
}

static void leave(struct getting *g)
{
	ntstatus status = hythe_close_async(g->file, false, closed, g);
	if (nt_ok(status))
		return;
	hythe_file_free(g->file);
	closed(g, status, NULL);
}

/* What the writer is through with. */
static void collect(struct getting *g, bool wait)
{
	struct cli_piece *p;
	int err;
	while (g->writing > 0 && (p = cli_writer_take(g->writer, wait, &err)) != NULL) {
		wait = false;
		g->writing--;
		errno = err;
		if (err == 0)
			cli_progress_add(&copying(g)->progress, p->len);
		else if (!g->failed)
			g->failed = !cli_failed_errno("write", g->local.final);
		cli_piece_free(p);
	}
}

static void ask_more(struct getting *g)
{
	while (!g->failed && g->next < g->stat.size_bytes && g->job.underway < cli_job_window(&g->job) &&
		g->job.underway + g->writing < cli_job_pieces_most(&g->job)) {
		uint64_t left = g->stat.size_bytes - g->next;
		struct cli_piece *p = cli_piece_new(&g->job);
		size_t len = left < CLI_PIECE ? (size_t)left : CLI_PIECE;
		if (p) {
			p->file = g->file;
			p->write = false;
			p->to = g->straight ? g->local.fd : -1;
			p->offset = g->next;
			p->len = len;
		}
		if (!p || !nt_ok(cli_piece_go(p)))
			g->failed = !failed(g, "read");
		g->next += len;
	}
}

/* As many pieces as may be under way; ends the file when none is left. */
static void pump(struct getting *g)
{
	collect(g, false);
	ask_more(g);
	while (g->job.underway == 0 && g->writing > 0) {
		collect(g, true);
		ask_more(g);
	}
	if (g->job.underway > 0)
		return;
	cli_writer_end(g->writer);
	g->writer = NULL;
	g->failed = !settle(g, !g->failed);
	leave(g);
}

static void moved(struct cli_job *job, struct cli_piece *p, ntstatus status)
{
	struct getting *g = (struct getting *)job;
	if (g->failed || cli_interrupted()) {
		g->failed = true;
	} else if (nt_is(status, STATUS_END_OF_FILE)) {
		fprintf(stderr, "hythe: \"%s\" became shorter while it was being read\n", job->from);
		g->failed = true;
	} else if (p->err != 0) {
		errno = p->err;
		g->failed = !cli_failed_errno("write", g->local.final);
	} else if (!nt_ok(status)) {
		g->failed = !failed(g, "read");
	} else if (g->straight) {
		cli_progress_add(&copying(g)->progress, p->len);
	} else if (g->writer) {
		g->writing++;
		cli_writer_put(g->writer, p);
		p = NULL;
	} else {
		g->failed = !keep(g, p->data, p->len, p->offset);
		cli_progress_add(&copying(g)->progress, p->len);
	}
	if (p)
		cli_piece_free(p);
	pump(g);
}

static void opened(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct getting *g = arg;
	(void)result, (void)status;
	g->file = g->steps[0].file;
	if (!was_read(g)) {
		g->failed = !failed(g, "read");
		if (g->file)
			leave(g);
		else
			cli_copied(&g->job, false, 0);
		return;
	}
	g->failed = !begin(g);
	if (g->local.fd < 0) {
		leave(g);
		return;
	}
	if (g->job.size == CLI_SIZE_UNKNOWN)
		cli_job_widen(&g->job, g->stat.size_bytes - g->next);
	g->straight = cli_link_plain(copying(g)->link);
	if (!g->straight && g->stat.size_bytes >= WRITER_LEAST)
		g->writer = cli_writer_start(g->local.fd);
	pump(g);
}

/* --- any file --- */

static void got(void *arg, ntstatus status, const struct hythe_result *result);

/* A small file is closed in the same message. */
static void ask(struct getting *g, bool small)
{
	struct cli_copying *c = copying(g);
	hythe_open_params_init(&g->open, g->job.from, HYTHE_READ_DATA | HYTHE_READ_ATTRIBUTES | HYTHE_SYNCHRONIZE);
	g->open.options = HYTHE_OPTION_NON_DIRECTORY | HYTHE_OPTION_SEQUENTIAL_ONLY;
	g->open.smb1_open_andx = !c->times; /* which does not tell times as they are */
	g->steps[0] = (struct hythe_step){.kind = HYTHE_STEP_OPEN, .open = &g->open, .keep = !small};
	g->steps[1] = (struct hythe_step){.kind = HYTHE_STEP_READ, .buffer = g->job.first, .len = CLI_FIRST};
	g->steps[2] = (struct hythe_step){.kind = HYTHE_STEP_CLOSE};
	if (nt_ok(hythe_chain_async(g->job.tree, g->steps, small ? 3 : 2, small ? got : opened, g)))
		return;
	failed(g, "read");
	cli_copied(&g->job, false, 0);
}

static void got(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct getting *g = arg;
	bool ok = was_read(g);
	(void)result, (void)status;
	if (ok && g->stat.size_bytes > g->steps[1].bytes) { /* more than the listing said, or less was given */
		ask(g, false);
		return;
	}
	if (!ok)
		failed(g, "read");
	else
		ok = begin(g);
	ok = settle(g, ok);
	if (ok && !nt_ok(g->steps[2].status))
		ok = failed(g, "close");
	cli_copied(&g->job, ok, g->stat.size_bytes);
}

static void start(struct cli_job *job)
{
	struct getting *g = (struct getting *)job;
	g->local = (struct cli_local_file){.fd = -1};
	g->file = NULL;
	g->writer = NULL;
	g->writing = 0;
	g->failed = false;
	if (job->size > CLI_FIRST && job->size != CLI_SIZE_UNKNOWN)
		cli_job_widen(job, job->size - CLI_FIRST);
	ask(g, job->size <= CLI_FIRST);
}

const struct cli_jobs_ops cli_get_file = {.size = sizeof(struct getting), .start = start, .moved = moved};

/* One file to a server. What has its name there is complete, whatever happens to the connection.
 *
 * Most files go in one message: create, write, close. A server that has got it goes on with it when nobody is there any more, and one that has got
 * a part of it does nothing. It does not do where there is such a file already, nor where there is more to write. Then the file is written
 * under a temporary name, marked for deletion as long as it is incomplete, and renamed: open, mark, write; pieces; then unmark, rename,
 * close. (A mark for all would cost smbd a quarter more time, and the second search of the directory for the rename doubles it.)
 *
 * What fails in the middle of a message does not keep the server from going on with the rest, and may leave an incomplete file without a
 * mark. It is then deleted by its name. */
#include "cli/copying.h"

#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEPS = 4, BASIC_BYTES = 40 };

struct putting {
	struct cli_job job;
	int fd;
	struct stat st;
	char *temp;
	struct hythe_open_params open;
	struct hythe_step steps[STEPS];
	uint8_t basic[BASIC_BYTES]; /* FileBasicInformation of -p */
	struct hythe_file *file;
	size_t ahead, ahead_end;    /* what was read first and the server has not taken yet, in job.first */
	uint64_t written;           /* or under way */
	bool marked;                /* for deletion */
	bool timed;                 /* has its times, or needs none */
	bool ended, failed;         /* the local file, the copy */
};

static const uint8_t mark[1] = {1}, no_mark[1] = {0};

static struct cli_copying *copying(const struct putting *p)
{
	return cli_jobs_arg(p->job.jobs);
}

static bool failed(const struct putting *p, const char *verb)
{
	return cli_link_failed(copying(p)->link, verb, p->job.to);
}

static void end(struct putting *p, bool ok)
{
	free(p->temp);
	if (p->fd > STDIN_FILENO)
		close(p->fd);
	if (p->file)
		hythe_file_free(p->file); /* closed by a step */
	cli_copied(&p->job, ok, p->written);
}

/* As much as there is, so that pieces are full even from a pipe. Less is the end; -1: no copy, and it has been said why. */
static ssize_t read_more(struct putting *p, uint8_t *buf, size_t cap)
{
	size_t n = 0;
	while (n < cap && !p->ended) {
		ssize_t got = read(p->fd, buf + n, cap - n);
		if (got < 0 && errno == EINTR && !cli_interrupted())
			continue;
		if (got < 0 && !cli_interrupted())
			cli_failed_errno("read", p->job.from);
		if (got < 0)
			return -1;
		p->ended = got == 0;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

static struct hythe_step disposition(struct hythe_file *on, const uint8_t value[1])
{
	return (struct hythe_step){.kind = HYTHE_STEP_SET_INFO, .on = on, .info_type = HYTHE_INFO_FILE,
		.info_class = HYTHE_FILE_DISPOSITION_INFORMATION, .data = value, .len = 1};
}

/* [MS-FSCC] 2.4.7: what is 0 stays as it is. */
static struct hythe_step times(struct putting *p, struct hythe_file *on)
{
	memset(p->basic, 0, sizeof(p->basic));
	store_le64(p->basic + 8, hythe_time_from_unix(p->st.st_atim.tv_sec, (uint32_t)p->st.st_atim.tv_nsec));
	store_le64(p->basic + 16, hythe_time_from_unix(p->st.st_mtim.tv_sec, (uint32_t)p->st.st_mtim.tv_nsec));
	return (struct hythe_step){.kind = HYTHE_STEP_SET_INFO, .on = on, .info_type = HYTHE_INFO_FILE,
		.info_class = HYTHE_FILE_BASIC_INFORMATION, .data = p->basic, .len = sizeof(p->basic)};
}

/* --- what becomes of the temporary file --- */

static void dropped(void *arg, ntstatus status, const struct hythe_result *result)
{
	(void)status, (void)result; /* it was marked before, or the connection is gone */
	end(arg, false);
}

static void drop(struct putting *p)
{
	p->steps[0] = disposition(p->file, mark);
	p->steps[1] = (struct hythe_step){.kind = HYTHE_STEP_CLOSE};
	if (!nt_ok(hythe_chain_async(p->job.tree, p->steps, 2, dropped, p)))
		end(p, false);
}

/* It is closed, and has this name and no mark any more. */
static void drop_by_name(struct putting *p, const char *name)
{
	hythe_open_params_init(&p->open, name, HYTHE_DELETE | HYTHE_READ_ATTRIBUTES);
	p->open.options = HYTHE_OPTION_NON_DIRECTORY | HYTHE_OPTION_OPEN_REPARSE_POINT;
	p->steps[0] = (struct hythe_step){.kind = HYTHE_STEP_OPEN, .open = &p->open};
	p->steps[1] = disposition(NULL, mark);
	p->steps[2] = (struct hythe_step){.kind = HYTHE_STEP_CLOSE};
	if (!nt_ok(hythe_chain_async(p->job.tree, p->steps, 3, dropped, p)))
		end(p, false);
}

static void named(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct putting *p = arg;
	const struct hythe_step *rename = p->steps + p->marked, *close = rename + 1;
	(void)result;
	if (nt_ok(status)) {
		end(p, true);
	} else if (p->marked && !nt_ok(p->steps[0].status)) {
		failed(p, "keep");
		end(p, false); /* marked as it was when it was closed */
	} else if (!nt_ok(rename->status)) {
		failed(p, "replace");
		if (nt_ok(close->status))
			drop_by_name(p, p->temp);
		else
			drop(p);
	} else {
		failed(p, "close");
		end(p, false);
	}
}

static void name_it(struct putting *p)
{
	size_t n = 0;
	if (p->marked)
		p->steps[n++] = disposition(p->file, no_mark);
	p->steps[n++] = (struct hythe_step){.kind = HYTHE_STEP_RENAME, .to = p->job.to, .replace = true};
	p->steps[n++] = (struct hythe_step){.kind = HYTHE_STEP_CLOSE};
	p->steps[0].on = p->file;
	if (nt_ok(hythe_chain_async(p->job.tree, p->steps, n, named, p)))
		return;
	failed(p, "replace");
	drop(p);
}

/* --- its contents --- */

static void timed(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct putting *p = arg;
	(void)result;
	if (nt_ok(status)) {
		name_it(p);
		return;
	}
	failed(p, "set the times of");
	drop(p);
}

static void complete(struct putting *p)
{
	if (p->failed) {
		drop(p);
	} else if (p->timed) {
		name_it(p);
	} else {
		p->steps[0] = times(p, p->file);
		ntstatus status = hythe_chain_async(p->job.tree, p->steps, 1, timed, p);
		if (!nt_ok(status))
			timed(p, status, NULL);
	}
}

/* The next of what there is, from where the server has taken it all; 0 at the end. */
static ssize_t fill(struct putting *p, uint8_t *data)
{
	size_t n = p->ahead_end - p->ahead;
	memcpy(data, p->job.first + p->ahead, n);
	p->ahead = p->ahead_end;
	ssize_t more = read_more(p, data + n, CLI_PIECE - n);
	return more < 0 ? more : (ssize_t)n + more;
}

static bool next_piece(struct putting *p)
{
	struct cli_piece *piece = cli_piece_new(&p->job);
	ssize_t n = piece ? fill(p, piece->data) : -1;
	if (!piece || n <= 0) {
		if (piece)
			cli_piece_free(piece);
		else
			failed(p, "write");
		return n == 0;
	}
	piece->file = p->file;
	piece->write = true;
	piece->offset = p->written;
	piece->len = (size_t)n;
	p->timed = !copying(p)->times;
	p->written += (uint64_t)n;
	return nt_ok(cli_piece_go(piece)) || failed(p, "write");
}

/* As many pieces as may be under way; goes on when none is left. */
static void pump(struct putting *p)
{
	while (!p->failed && (!p->ended || p->ahead < p->ahead_end) && p->job.underway < cli_job_window(&p->job))
		p->failed = cli_interrupted() || !next_piece(p);
	if (p->job.underway == 0)
		complete(p);
}

static void moved(struct cli_job *job, struct cli_piece *piece, ntstatus status)
{
	struct putting *p = (struct putting *)job;
	if (p->failed || cli_interrupted())
		p->failed = true;
	else if (!nt_ok(status))
		p->failed = !failed(p, "write");
	else
		cli_progress_add(&copying(p)->progress, piece->len);
	cli_piece_free(piece);
	pump(p);
}

/* What was not taken is written again, and then tells why not. A server that will not mark the file keeps what is left over after a
 * crash of this command, and only then. */
static void opened(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct putting *p = arg;
	const struct hythe_step *s = p->steps;
	bool write = p->ahead_end > 0;
	(void)status, (void)result;
	p->file = s[0].file;
	if (!p->file) {
		failed(p, "create");
		end(p, false);
		return;
	}
	p->marked = nt_ok(s[1].status);
	if (write && nt_ok(s[2].status) && s[2].bytes <= p->ahead_end)
		p->ahead = s[2].bytes;
	p->written = p->ahead;
	if (copying(p)->times)
		p->timed = p->ended && p->ahead == p->ahead_end && nt_ok(s[write ? 3 : 2].status);
	p->failed = cli_interrupted();
	cli_progress_add(&copying(p)->progress, p->ahead);
	pump(p);
}

/* Hidden, but where that keeps it from being renamed, which servers of SMB1 do not do to hidden files. */
static char *temporary_name(const struct cli_link *l, const char *path)
{
	char name[64];
	const char *base = cli_base_name(path);
	snprintf(name, sizeof(name), "%shythe-%016" PRIx64 ".part", cli_link_smb1(l) ? "" : ".", random_u64());
	char *directory = strndup(path, (size_t)(base - path));
	char *out = directory ? cli_path_join(directory, name) : NULL;
	free(directory);
	return out;
}

/* Creates the file, marks it if it stays open, writes the first bytes, and sets the times if those are all. How many steps that takes. */
static size_t begin(struct putting *p, const char *path, bool keep)
{
	size_t n = 1;
	hythe_open_params_init(&p->open, path, HYTHE_WRITE_DATA | HYTHE_READ_ATTRIBUTES | HYTHE_WRITE_ATTRIBUTES | HYTHE_DELETE |
		HYTHE_SYNCHRONIZE);
	p->open.share_access = 0;
	p->open.disposition = HYTHE_CREATE;
	p->open.options = HYTHE_OPTION_NON_DIRECTORY | HYTHE_OPTION_SEQUENTIAL_ONLY;
	p->open.allocation_bytes = S_ISREG(p->st.st_mode) ? (uint64_t)p->st.st_size : 0; /* a full disk is told now, not later */
	p->steps[0] = (struct hythe_step){.kind = HYTHE_STEP_OPEN, .open = &p->open, .keep = keep};
	if (keep)
		p->steps[n++] = disposition(NULL, mark);
	if (p->ahead_end > 0)
		p->steps[n++] = (struct hythe_step){.kind = HYTHE_STEP_WRITE, .data = p->job.first, .len = p->ahead_end};
	if (copying(p)->times && p->ended)
		p->steps[n++] = times(p, NULL);
	return n;
}

static void create(struct putting *p)
{
	p->temp = temporary_name(copying(p)->link, p->job.to);
	if (p->temp && nt_ok(hythe_chain_async(p->job.tree, p->steps, begin(p, p->temp, true), opened, p)))
		return;
	if (p->temp)
		failed(p, "create");
	end(p, false);
}

/* --- in one message --- */

/* NULL: the file is there. Otherwise what could not be done with it. */
static const char *not_done(const struct putting *p)
{
	const struct hythe_step *next = p->steps + 1;
	if (!nt_ok(p->steps[0].status))
		return "create";
	if (p->ahead_end > 0 && (!nt_ok(next->status) || next->bytes < p->ahead_end))
		return "write all of";
	next += p->ahead_end > 0;
	if (copying(p)->times && !nt_ok(next->status))
		return "set the times of";
	next += copying(p)->times;
	return nt_ok(next->status) ? NULL : "close";
}

static void was_put(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct putting *p = arg;
	const struct hythe_step *s = p->steps;
	const char *verb = not_done(p);
	(void)status, (void)result;
	if (!verb) {
		p->written = p->ahead_end;
		cli_progress_add(&copying(p)->progress, p->written);
		end(p, true);
	} else if (nt_is(s[0].status, STATUS_OBJECT_NAME_COLLISION)) {
		create(p);
	} else {
		failed(p, verb);
		if (nt_ok(s[0].status))
			drop_by_name(p, p->job.to);
		else
			end(p, false);
	}
}

static void put_at_once(struct putting *p)
{
	size_t n = begin(p, p->job.to, false);
	p->steps[n++] = (struct hythe_step){.kind = HYTHE_STEP_CLOSE};
	if (nt_ok(hythe_chain_async(p->job.tree, p->steps, n, was_put, p)))
		return;
	failed(p, "create");
	end(p, false);
}

/* --- any file --- */

static bool open_local(struct putting *p)
{
	const char *local = p->job.from;
	p->fd = strcmp(local, "-") == 0 ? STDIN_FILENO : open(local, O_RDONLY | O_CLOEXEC);
	bool ok = p->fd >= 0 && fstat(p->fd, &p->st) == 0;
	if (ok && S_ISDIR(p->st.st_mode)) {
		errno = EISDIR;
		ok = false;
	}
	return ok || cli_failed_errno("read", local);
}

static void start(struct cli_job *job)
{
	struct putting *p = (struct putting *)job;
	struct cli_copying *c = copying(p);
	p->temp = NULL;
	p->file = NULL;
	p->ahead = p->ahead_end = 0;
	p->written = 0;
	p->marked = p->ended = p->failed = false;
	p->timed = !c->times;
	ssize_t n = open_local(p) ? read_more(p, job->first, CLI_FIRST) : -1;
	if (c->single && n >= 0 && S_ISREG(p->st.st_mode))
		c->progress.total = (uint64_t)p->st.st_size;
	if (n >= 0 && !p->ended)
		cli_job_widen(job, S_ISREG(p->st.st_mode) ? (uint64_t)p->st.st_size : UINT64_MAX);
	p->ahead_end = n > 0 ? (size_t)n : 0;
	if (n < 0)
		end(p, false);
	else if (p->ended && !cli_link_smb1(c->link))
		put_at_once(p);
	else
		create(p);
}

const struct cli_jobs_ops cli_put_file = {.size = sizeof(struct putting), .start = start, .moved = moved};

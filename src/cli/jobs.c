/* Several files at a time: which of them are under way, how many bytes of them, and which wait. See jobs.h. */
#include "cli/jobs.h"

#include <stdlib.h>

/* The more wait, the more seldom the walk takes turns with the answers. A file has no more pieces under way than MOST. */
enum { WAITING_MAX = 128, MOST = 12, POLL_MS = 200 };

struct cli_waiting {
	struct cli_waiting *next;
	const char *to;
	uint64_t size;
	char from[];
};

struct cli_jobs {
	const struct cli_jobs_ops *ops;
	struct hythe_client *client;
	void *arg;
	uint8_t *places, *first; /* of all jobs */
	struct cli_job *free;
	struct cli_waiting *head, **tail;
	struct cli_piece *spare;
	unsigned waiting, running, promised; /* the latter: pieces, of large files */
	bool starting;
};

struct cli_jobs *cli_jobs_start(const struct cli_jobs_ops *ops, struct hythe_client *client, void *arg)
{
	struct cli_jobs *j = calloc(1, sizeof(*j));
	if (j) {
		*j = (struct cli_jobs){.ops = ops, .client = client, .arg = arg, .tail = &j->head};
		j->places = calloc(CLI_JOBS_MAX, ops->size);
		j->first = malloc((size_t)CLI_JOBS_MAX * CLI_FIRST);
	}
	if (!j || !j->places || !j->first) {
		fputs("hythe: no memory to copy with\n", stderr);
		if (j)
			cli_jobs_end(j);
		return NULL;
	}
	for (size_t i = CLI_JOBS_MAX; i-- > 0;) {
		struct cli_job *job = (struct cli_job *)(void *)(j->places + i * ops->size);
		job->jobs = j;
		job->first = j->first + i * CLI_FIRST;
		job->next = j->free;
		j->free = job;
	}
	return j;
}

void *cli_jobs_arg(const struct cli_jobs *j)
{
	return j->arg;
}

static void start(struct cli_jobs *j, struct cli_waiting *w)
{
	struct cli_job *job = j->free;
	j->free = job->next;
	j->running++;
	job->was = w;
	job->from = w->from;
	job->to = w->to;
	job->size = w->size;
	job->window = 1;
	job->underway = job->promised = 0;
	j->ops->start(job);
}

/* A job may end where it starts: it is not begun anew from within. */
static void go_on(struct cli_jobs *j)
{
	if (j->starting)
		return;
	j->starting = true;
	while (j->head && j->free && j->promised < CLI_PIECES) {
		struct cli_waiting *w = j->head;
		j->head = w->next;
		if (!j->head)
			j->tail = &j->head;
		j->waiting--;
		if (cli_interrupted())
			free(w);
		else
			start(j, w);
	}
	j->starting = false;
}

bool cli_jobs_add(struct cli_jobs *j, const char *from, const char *to, uint64_t size)
{
	size_t from_size = strlen(from) + 1, to_size = strlen(to) + 1;
	struct cli_waiting *w = malloc(sizeof(*w) + from_size + to_size);
	if (!w) {
		fprintf(stderr, "hythe: no memory to copy \"%s\"\n", from);
		return false;
	}
	memcpy(w->from, from, from_size);
	memcpy(w->from + from_size, to, to_size);
	w->to = w->from + from_size;
	w->size = size;
	w->next = NULL;
	*j->tail = w;
	j->tail = &w->next;
	j->waiting++;
	go_on(j);
	while (j->waiting >= WAITING_MAX)
		hythe_client_poll(j->client, POLL_MS);
	return true;
}

void cli_jobs_end(struct cli_jobs *j)
{
	while (j->running > 0)
		hythe_client_poll(j->client, POLL_MS);
	for (struct cli_piece *p = j->spare, *next; p; p = next) {
		next = p->next;
		free(p);
	}
	free(j->places);
	free(j->first);
	free(j);
}

void cli_job_end(struct cli_job *job)
{
	struct cli_jobs *j = job->jobs;
	free(job->was);
	j->promised -= job->promised;
	j->running--;
	job->next = j->free;
	j->free = job;
	go_on(j);
}

void cli_job_widen(struct cli_job *job, uint64_t bytes)
{
	struct cli_jobs *j = job->jobs;
	uint64_t most = (uint64_t)MOST * CLI_PIECE;
	unsigned want = (unsigned)((bytes < most ? bytes : most) + CLI_PIECE - 1) / CLI_PIECE;
	j->promised -= job->promised;
	unsigned left = j->promised < CLI_PIECES ? CLI_PIECES - j->promised : 0;
	if (want > left)
		want = left;
	job->window = job->promised = want > 1 ? want : 1;
	j->promised += job->promised;
}

struct cli_piece *cli_piece_new(struct cli_job *job)
{
	struct cli_jobs *j = job->jobs;
	struct cli_piece *p = j->spare;
	if (p)
		j->spare = p->next;
	else
		p = malloc(sizeof(*p));
	if (p) {
		p->job = job;
		p->moved = 0;
	}
	return p;
}

void cli_piece_free(struct cli_piece *p)
{
	struct cli_jobs *j = p->job->jobs;
	p->next = j->spare;
	j->spare = p;
}

static void piece_done(void *arg, ntstatus status, const struct hythe_result *result);

static ntstatus ask(struct cli_piece *p)
{
	if (p->write)
		return hythe_write_async(p->file, p->offset + p->moved, p->data + p->moved, p->len - p->moved, 0, piece_done, p);
	return hythe_read_async(p->file, p->offset + p->moved, p->data + p->moved, p->len - p->moved, 0, piece_done, p);
}

/* A server may give less than it was asked for, or take less. */
static void piece_done(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct cli_piece *p = arg;
	p->moved += result->bytes;
	if (nt_ok(status) && p->moved < p->len) {
		status = p->write ? STATUS_UNEXPECTED_NETWORK_ERROR : STATUS_END_OF_FILE;
		if (result->bytes > 0)
			status = ask(p);
		if (nt_ok(status))
			return;
	}
	p->job->underway--;
	p->job->jobs->ops->moved(p->job, p, status);
}

ntstatus cli_piece_go(struct cli_piece *p)
{
	p->job->underway++;
	ntstatus status = ask(p);
	if (!nt_ok(status)) {
		p->job->underway--;
		cli_piece_free(p);
	}
	return status;
}

/* Several files at a time: which of them are under way, how many bytes of them, and which wait. See jobs.h. */
#include "cli/jobs.h"

#include "base/clock.h"

#include <stdlib.h>

/* So many may wait that they are of several directories. */
enum { WAITING_MAX = 4096, LANES = 2, POLL_MS = 200 };

struct cli_waiting {
	struct cli_waiting *next;
	const char *to;
	uint64_t size;
	char from[];
};

/* A connection, its share of the places, and the files that wait for it. */
struct cli_lane {
	struct hythe_tree *tree;
	struct cli_job *free;
	struct cli_waiting *head, **tail;
	unsigned waiting;
};

struct cli_jobs {
	const struct cli_jobs_ops *ops;
	struct hythe_client *client;
	struct cli_lane lanes[LANES], *lane; /* the latter: of what is added */
	void *arg;
	uint8_t *places, *first; /* of all jobs */
	struct cli_piece *spare;
	unsigned running, promised; /* the latter: pieces, of large files */
	struct cli_width width;     /* of each of those */
	bool starting;
};

static void free_place(struct cli_job *job)
{
	job->next = job->lane->free;
	job->lane->free = job;
}

struct cli_jobs *cli_jobs_start(const struct cli_jobs_ops *ops, struct hythe_client *client, struct hythe_tree *tree, void *arg)
{
	struct cli_jobs *j = calloc(1, sizeof(*j));
	if (j) {
		*j = (struct cli_jobs){.ops = ops, .client = client, .arg = arg, .lane = j->lanes};
		j->places = calloc(CLI_JOBS_MAX, ops->size);
		j->first = malloc((size_t)CLI_JOBS_MAX * CLI_FIRST);
	}
	if (!j || !j->places || !j->first) {
		fputs("hythe: no memory to copy with\n", stderr);
		if (j)
			cli_jobs_end(j);
		return NULL;
	}
	for (size_t i = 0; i < LANES; i++) {
		j->lanes[i].tree = tree;
		j->lanes[i].tail = &j->lanes[i].head;
	}
	for (size_t i = 0; i < CLI_JOBS_MAX; i++) {
		struct cli_job *job = (struct cli_job *)(void *)(j->places + i * ops->size);
		job->jobs = j;
		job->lane = &j->lanes[i % LANES];
		job->first = j->first + i * CLI_FIRST;
		free_place(job);
	}
	return j;
}

void cli_jobs_use(struct cli_jobs *j, struct hythe_tree *also)
{
	j->lanes[1].tree = also;
}

void cli_jobs_turn(struct cli_jobs *j)
{
	j->lane = &j->lanes[j->lanes[1].waiting < j->lanes[0].waiting];
}

void *cli_jobs_arg(const struct cli_jobs *j)
{
	return j->arg;
}

static void start(struct cli_jobs *j, struct cli_lane *l, struct cli_waiting *w)
{
	struct cli_job *job = l->free;
	l->free = job->next;
	j->running++;
	job->tree = l->tree;
	job->was = w;
	job->from = w->from;
	job->to = w->to;
	job->size = w->size;
	job->underway = job->promised = 0;
	j->ops->start(job);
}

static struct cli_waiting *take(struct cli_lane *l)
{
	struct cli_waiting *w = l->head;
	l->head = w->next;
	if (!l->head)
		l->tail = &l->head;
	l->waiting--;
	return w;
}

/* A file for a place of this lane: its own next, or another's. False: there is no place or no file. */
static bool fill_place(struct cli_jobs *j, struct cli_lane *l)
{
	struct cli_lane *from = l;
	for (size_t i = 0; i < LANES && !from->head; i++)
		from = &j->lanes[i];
	if (!l->free || !from->head || j->promised >= CLI_PIECES)
		return false;
	struct cli_waiting *w = take(from);
	if (cli_interrupted())
		free(w);
	else
		start(j, l, w);
	return true;
}

/* A job may end where it starts: it is not begun anew from within. */
static void go_on(struct cli_jobs *j)
{
	if (j->starting)
		return;
	j->starting = true;
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < LANES; i++)
			more |= fill_place(j, &j->lanes[i]);
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
	*j->lane->tail = w;
	j->lane->tail = &w->next;
	j->lane->waiting++;
	go_on(j);
	while (j->lanes[0].waiting + j->lanes[1].waiting >= WAITING_MAX)
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
	free_place(job);
	go_on(j);
}

void cli_job_widen(struct cli_job *job, uint64_t bytes)
{
	struct cli_jobs *j = job->jobs;
	uint64_t most = (uint64_t)CLI_WIDE * CLI_PIECE;
	unsigned want = (unsigned)((bytes < most ? bytes : most) + CLI_PIECE - 1) / CLI_PIECE;
	j->promised -= job->promised;
	unsigned left = j->promised < CLI_PIECES ? CLI_PIECES - j->promised : 0;
	if (want > left)
		want = left;
	job->promised = want > 1 ? want : 1;
	j->promised += job->promised;
}

unsigned cli_job_pieces_most(const struct cli_job *job)
{
	return job->promised > 0 ? job->promised : 1;
}

unsigned cli_job_window(const struct cli_job *job)
{
	unsigned now = cli_width_pieces(&job->jobs->width), most = cli_job_pieces_most(job);
	return most < now ? most : now;
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
		p->to = -1;
		p->err = 0;
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
	if (p->to >= 0)
		return hythe_read_to_async(p->file, p->offset + p->moved, p->len - p->moved, p->to, p->offset + p->moved, piece_done, p);
	return hythe_read_async(p->file, p->offset + p->moved, p->data + p->moved, p->len - p->moved, 0, piece_done, p);
}

/* A server may give less than it was asked for, or take less. */
static void piece_done(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct cli_piece *p = arg;
	p->moved += result->bytes;
	p->err = result->local_errno;
	if (nt_ok(status) && p->moved < p->len) {
		status = p->write ? STATUS_UNEXPECTED_NETWORK_ERROR : STATUS_END_OF_FILE;
		if (result->bytes > 0)
			status = ask(p);
		if (nt_ok(status))
			return;
	}
	if (p->len == CLI_PIECE) {
		uint64_t now = clock_us();
		cli_width_answered(&p->job->jobs->width, now, now - p->begun_us);
	}
	p->job->underway--;
	p->job->jobs->ops->moved(p->job, p, status);
}

ntstatus cli_piece_go(struct cli_piece *p)
{
	p->job->underway++;
	p->begun_us = clock_us();
	ntstatus status = ask(p);
	if (!nt_ok(status)) {
		p->job->underway--;
		cli_piece_free(p);
	}
	return status;
}

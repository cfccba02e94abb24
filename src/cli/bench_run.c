/* Runs one test of the load generator: a connection for each worker, and as many requests under way as the depth says. The workers share
 * threads, each with a client, of which there are no more than processors: more would have the machine change from one to the other. The clients have no threads of
 * their own, so that what ends a request runs on the worker's thread, which starts the next one there. Who blocks has a thread to itself. */
#include "cli/bench.h"

#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { POLL_MS = 100, NS_PER_S = 1000000000 };

/* A thread, and its client. Its workers are every `crews`th one. */
struct bench_crew {
	struct bench_run *run;
	unsigned number;
	struct hythe_client *client;
	pthread_t thread;
	bool on_thread;
};

struct bench_run {
	const struct bench_config *c;
	_Atomic bool over; /* a worker failed, or the test is to stop */
	double begun, until;
	struct bench_worker *workers;
	unsigned count; /* of workers that are ready */
	struct bench_crew *crew;
	unsigned crews;
};

static uint64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

double bench_now(void)
{
	return (double)now_ns() / NS_PER_S;
}

/* Keeps the first failure of the worker, and has the others stop. why NULL: what the library says of this thread's last failure. */
static void fail(struct bench_worker *w, ntstatus status, const char *why)
{
	atomic_store(&w->run->over, true);
	if (w->why[0])
		return;
	w->status = status;
	if (!why)
		why = hythe_client_error(w->client);
	snprintf(w->why, sizeof(w->why), "%s", why[0] ? why : hythe_status_name(status));
}

static bool is_over(struct bench_worker *w, uint64_t ns)
{
	struct bench_run *r = w->run;
	if (r->c->stop && r->c->stop())
		atomic_store(&r->over, true);
	return atomic_load(&r->over) || (r->c->limit && w->begun >= r->c->limit) ||
	       (r->c->seconds > 0 && (double)ns / NS_PER_S >= r->until);
}

/* Times of the first and the last operations of a test with a limit. */
static void note_edges(struct bench_worker *w, uint64_t ns)
{
	double at = (double)ns / NS_PER_S;
	if (w->c->limit < 2 * BENCH_EDGE)
		return;
	if (w->ops == BENCH_EDGE)
		w->first_s = at - w->run->begun;
	if (w->ops == w->c->limit - BENCH_EDGE)
		w->edge_s = at;
	if (w->ops == w->c->limit)
		w->last_s = at - w->edge_s;
}

static void begin(struct bench_worker *w, struct bench_slot *s, uint64_t ns)
{
	if (!s->second_half) {
		s->begun_ns = ns;
		w->begun++;
	}
	ntstatus status = w->test->next(w, s);
	if (nt_ok(status))
		return;
	fail(w, status, NULL);
	w->under_way--;
}

void bench_done(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct bench_slot *s = arg;
	struct bench_worker *w = s->worker;
	uint64_t ns = now_ns();

	if (w->test->absent && nt_ok(status))
		fail(w, STATUS_OBJECT_NAME_COLLISION, "a file is there that should be missing");
	else if (w->test->absent && nt_is(status, STATUS_OBJECT_NAME_NOT_FOUND))
		status = STATUS_SUCCESS;
	if (!nt_ok(status)) {
		fail(w, status, NULL);
		s->second_half = false;
	} else if (!s->second_half) {
		w->bytes += result ? result->bytes : 0;
		w->ops++;
		bench_hist_add(&w->latency, ns - s->begun_ns);
		note_edges(w, ns);
	}
	/* What was begun in two messages is finished, whatever the time. */
	if (s->second_half || !is_over(w, ns))
		begin(w, s, ns);
	else
		w->under_way--;
}

static void fill_slots(struct bench_worker *w)
{
	for (unsigned i = 0; i < w->c->depth && !is_over(w, now_ns()); i++) {
		w->under_way++;
		begin(w, &w->slots[i], now_ns());
	}
}

static void run_once(struct bench_worker *w)
{
	uint64_t ns = now_ns();
	do {
		uint64_t from = ns;
		w->begun++;
		ntstatus status = w->test->once(w);
		ns = now_ns();
		if (nt_ok(status))
			bench_hist_add(&w->latency, ns - from);
		else
			fail(w, status, NULL);
	} while (!is_over(w, ns));
}

static void *crew_main(void *arg)
{
	struct bench_crew *crew = arg;
	struct bench_run *r = crew->run;
	for (unsigned i = crew->number; i < r->count; i += r->crews) {
		if (r->workers[i].test->next)
			fill_slots(&r->workers[i]);
		else
			run_once(&r->workers[i]);
	}
	for (unsigned i = crew->number; i < r->count; i += r->crews) {
		while (r->workers[i].under_way > 0)
			hythe_client_poll(crew->client, POLL_MS);
	}
	return NULL;
}

static unsigned processors(void)
{
	cpu_set_t set;
	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

/* Bytes that compress to nothing less, in each slot others. */
static bool make_slots(struct bench_worker *w)
{
	size_t bytes = w->c->block_bytes > BENCH_SMALL ? w->c->block_bytes : BENCH_SMALL;
	bytes = (bytes + 4095) / 4096 * 4096;
	w->slots = calloc(w->c->depth, sizeof(*w->slots));
	for (unsigned i = 0; w->slots && i < w->c->depth; i++) {
		struct bench_slot *s = &w->slots[i];
		*s = (struct bench_slot){.worker = w, .number = i, .buffer = aligned_alloc(4096, bytes)};
		if (!s->buffer)
			return false;
		for (size_t k = 0; k < bytes; k += sizeof(uint64_t)) {
			uint64_t r = bench_random(w);
			memcpy(s->buffer + k, &r, sizeof(r));
		}
	}
	return w->slots != NULL;
}

static ntstatus open_file(struct bench_worker *w)
{
	struct hythe_open_params p;
	hythe_open_params_init(&p, w->c->file, HYTHE_READ_DATA | HYTHE_READ_ATTRIBUTES | (w->test->writes ? HYTHE_WRITE_DATA : 0));
	p.options = HYTHE_OPTION_NON_DIRECTORY;
	return hythe_open(w->tree, &p, &w->file, NULL);
}

static ntstatus log_on(struct bench_worker *w)
{
	struct hythe_connect_options connect = *w->c->connect;
	/* Each is to be a client of its own, as far as the server knows. */
	connect.apart = true;
	ntstatus status = hythe_connection_open(w->client, w->c->host, w->c->port, &connect, &w->connection);
	if (nt_ok(status) && !w->test->logs_on)
		status = hythe_session_login(w->connection, w->c->connect, &w->session);
	return status;
}

/* Everything up to the first request. */
static ntstatus make_ready(struct bench_worker *w)
{
	struct bench_crew *crew = &w->run->crew[w->number % w->run->crews];
	if (!crew->client)
		crew->client = hythe_client_new(w->c->client);
	w->client = crew->client;
	if (!w->client || (w->test->next && !make_slots(w)))
		return STATUS_NO_MEMORY;
	ntstatus status = w->test->connects ? STATUS_SUCCESS : log_on(w);
	if (nt_ok(status) && w->session && w->c->share)
		status = hythe_tree_connect(w->session, w->c->share, &w->tree);
	if (nt_ok(status) && w->test->opens)
		status = open_file(w);
	return status;
}

static void put_down(struct bench_worker *w)
{
	ntstatus ignored;
	if (w->file)
		ignored = hythe_close(w->file, NULL);
	if (w->tree)
		ignored = hythe_tree_disconnect(w->tree);
	if (w->session)
		ignored = hythe_session_logoff(w->session);
	(void)ignored; /* the server closes everything with the connection just as well */
	if (w->connection)
		hythe_connection_close(w->connection);
	for (unsigned i = 0; w->slots && i < w->c->depth; i++)
		free(w->slots[i].buffer);
	free(w->slots);
}

/* The tests that log on by themselves do so once before, to see what is agreed on. */
static void look_at_session(struct bench_worker *w, struct hythe_session_info *out)
{
	struct hythe_session *session = w->session;
	if (!session && !nt_ok(hythe_connect(w->client, w->c->host, w->c->port, w->c->connect, &session))) {
		fail(w, STATUS_UNSUCCESSFUL, NULL);
		return;
	}
	hythe_session_info(session, out);
	if (!w->session)
		hythe_session_logoff(session);
}

static void take(struct bench_result *result, const struct bench_worker *w)
{
	result->ops += w->ops;
	result->bytes += w->bytes;
	bench_hist_merge(&result->latency, &w->latency);
	if (w->why[0] && !result->why[0]) {
		result->status = w->status;
		memcpy(result->why, w->why, sizeof(result->why));
	}
}

static void run_workers(struct bench_run *r)
{
	r->begun = bench_now();
	r->until = r->begun + r->c->seconds;
	for (unsigned i = 1; i < r->crews; i++) {
		struct bench_crew *crew = &r->crew[i];
		crew->on_thread = pthread_create(&crew->thread, NULL, crew_main, crew) == 0;
		if (!crew->on_thread)
			fail(&r->workers[i], STATUS_NO_MEMORY, "no more threads");
	}
	crew_main(&r->crew[0]);
	for (unsigned i = 1; i < r->crews; i++) {
		if (r->crew[i].on_thread)
			pthread_join(r->crew[i].thread, NULL);
	}
}

/* false: out of memory, or no such test. */
static bool begin_run(struct bench_run *r, const struct bench_test *test)
{
	/* The server may be on this machine, and wants as many for all but streams, of which our end has as much work. */
	unsigned cores = processors(), threads = test && test->opens ? cores : (cores + 1) / 2;
	r->crews = test && test->next && threads < r->c->connections ? threads : r->c->connections;
	r->workers = calloc(r->c->connections, sizeof(*r->workers));
	r->crew = calloc(r->crews, sizeof(*r->crew));
	for (unsigned i = 0; r->crew && i < r->crews; i++)
		r->crew[i] = (struct bench_crew){.run = r, .number = i};
	return test && r->workers && r->crew;
}

static void end_run(struct bench_run *r)
{
	for (unsigned i = 0; r->crew && i < r->crews; i++) {
		if (r->crew[i].client)
			hythe_client_free(r->crew[i].client);
	}
	free(r->crew);
	free(r->workers);
}

bool bench_run(const struct bench_config *c, struct bench_result *result)
{
	struct bench_run r = {.c = c};
	const struct bench_test *test = bench_test_find(c->test);
	memset(result, 0, sizeof(*result));
	if (!begin_run(&r, test)) {
		result->status = test ? STATUS_NO_MEMORY : STATUS_INVALID_PARAMETER;
		snprintf(result->why, sizeof(result->why), test ? "out of memory" : "there is no such test");
		end_run(&r);
		return false;
	}
	while (r.count < c->connections && !atomic_load(&r.over) && !(c->stop && c->stop())) {
		struct bench_worker *w = &r.workers[r.count];
		*w = (struct bench_worker){.run = &r, .c = c, .test = test, .number = r.count,
			.random = 88172645463325252u + r.count * 7919u};
		if (test->opens && c->block_bytes > 0)
			w->at = c->file_bytes / c->block_bytes * r.count / c->connections * c->block_bytes;
		r.count++;
		ntstatus status = make_ready(w);
		if (!nt_ok(status))
			fail(w, status, nt_is(status, STATUS_NO_MEMORY) ? "out of memory" : NULL);
		else if (w == r.workers)
			look_at_session(w, &result->agreed);
	}
	if (r.count == c->connections && !atomic_load(&r.over))
		run_workers(&r);
	result->seconds = r.begun > 0 ? bench_now() - r.begun : 0;
	result->first_s = r.workers[0].first_s;
	result->last_s = r.workers[0].last_s;
	for (unsigned i = 0; i < r.count; i++) {
		take(result, &r.workers[i]);
		put_down(&r.workers[i]);
	}
	end_run(&r);
	return result->why[0] == 0;
}

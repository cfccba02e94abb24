/* The tests of the load generator: each puts one operation after another under way. See bench.h; bench_run.c does the rest. */
#include "cli/bench.h"

#include <stdio.h>

uint64_t bench_random(struct bench_worker *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random;
}

/* One block after the other, from the start again at the end of the file. */
static uint64_t next_block(struct bench_worker *w)
{
	uint64_t at = w->at;
	w->at = at + 2 * w->c->block_bytes <= w->c->file_bytes ? at + w->c->block_bytes : 0;
	return at;
}

static uint64_t random_block(struct bench_worker *w)
{
	return bench_random(w) % (w->c->file_bytes / w->c->block_bytes) * w->c->block_bytes;
}

static ntstatus next_read(struct bench_worker *w, struct bench_slot *s)
{
	return hythe_read_async(w->file, next_block(w), s->buffer, w->c->block_bytes, 0, bench_done, s);
}

static ntstatus next_write(struct bench_worker *w, struct bench_slot *s)
{
	return hythe_write_async(w->file, next_block(w), s->buffer, w->c->block_bytes, 0, bench_done, s);
}

static ntstatus next_random_read(struct bench_worker *w, struct bench_slot *s)
{
	return hythe_read_async(w->file, random_block(w), s->buffer, w->c->block_bytes, 0, bench_done, s);
}

static ntstatus next_random_write(struct bench_worker *w, struct bench_slot *s)
{
	return hythe_write_async(w->file, random_block(w), s->buffer, w->c->block_bytes, 0, bench_done, s);
}

static ntstatus next_echo(struct bench_worker *w, struct bench_slot *s)
{
	return hythe_echo_async(w->session, bench_done, s);
}

enum { NETWORK_OPEN_BYTES = 56 };

static ntstatus next_query(struct bench_worker *w, struct bench_slot *s)
{
	return hythe_query_info_async(w->file, HYTHE_INFO_FILE, HYTHE_FILE_NETWORK_OPEN_INFORMATION, 0, NETWORK_OPEN_BYTES, bench_done, s);
}

/* The slot's first step opens its name. */
static void step_open(struct bench_slot *s, uint32_t access)
{
	hythe_open_params_init(&s->open, s->name, access);
	memset(s->steps, 0, sizeof(s->steps));
	s->steps[0].kind = HYTHE_STEP_OPEN;
	s->steps[0].open = &s->open;
}

/* Opens, asks for the attributes and closes in one message. */
static ntstatus next_open_query_close(struct bench_worker *w, struct bench_slot *s)
{
	snprintf(s->name, sizeof(s->name), BENCH_NAME, w->c->dir, (unsigned)(bench_random(w) % w->c->names));
	step_open(s, HYTHE_READ_ATTRIBUTES);
	s->steps[1].kind = HYTHE_STEP_QUERY_INFO;
	s->steps[1].info_type = HYTHE_INFO_FILE;
	s->steps[1].info_class = HYTHE_FILE_NETWORK_OPEN_INFORMATION;
	s->steps[1].buffer = s->buffer;
	s->steps[1].len = NETWORK_OPEN_BYTES;
	s->steps[2].kind = HYTHE_STEP_CLOSE;
	return hythe_chain_async(w->tree, s->steps, 3, bench_done, s);
}

static ntstatus open_close(struct bench_worker *w, struct bench_slot *s)
{
	step_open(s, HYTHE_READ_ATTRIBUTES);
	s->steps[1].kind = HYTHE_STEP_CLOSE;
	return hythe_chain_async(w->tree, s->steps, 2, bench_done, s);
}

static ntstatus next_open(struct bench_worker *w, struct bench_slot *s)
{
	snprintf(s->name, sizeof(s->name), BENCH_NAME, w->c->dir, (unsigned)(bench_random(w) % w->c->names));
	return open_close(w, s);
}

static ntstatus next_open_other_case(struct bench_worker *w, struct bench_slot *s)
{
	snprintf(s->name, sizeof(s->name), BENCH_NAME_OTHER_CASE, w->c->dir, (unsigned)(bench_random(w) % w->c->names));
	return open_close(w, s);
}

static ntstatus next_open_missing(struct bench_worker *w, struct bench_slot *s)
{
	snprintf(s->name, sizeof(s->name), BENCH_NAME_MISSING, w->c->dir, (unsigned)(bench_random(w) % w->c->names));
	return open_close(w, s);
}

static void step_create(struct bench_slot *s, uint32_t access)
{
	step_open(s, access);
	s->open.disposition = HYTHE_CREATE;
	s->open.options = HYTHE_OPTION_NON_DIRECTORY;
}

/* Opens to delete and closes, in one message. */
static ntstatus delete_close(struct bench_worker *w, struct bench_slot *s)
{
	step_open(s, HYTHE_DELETE);
	s->open.options = HYTHE_OPTION_NON_DIRECTORY | HYTHE_OPTION_DELETE_ON_CLOSE;
	s->steps[1].kind = HYTHE_STEP_CLOSE;
	return hythe_chain_async(w->tree, s->steps, 2, bench_done, s);
}

/* Creates, writes 4 KiB and closes in one message; opens to delete and closes in the next. */
static ntstatus next_create_write_delete(struct bench_worker *w, struct bench_slot *s)
{
	if (s->second_half) {
		s->second_half = false;
		return delete_close(w, s);
	}
	s->second_half = true;
	snprintf(s->name, sizeof(s->name), BENCH_NAME_NEW, w->c->dir, w->number, s->number, (unsigned)w->begun);
	step_create(s, HYTHE_READ_DATA | HYTHE_WRITE_DATA);
	s->steps[1].kind = HYTHE_STEP_WRITE;
	s->steps[1].data = s->buffer;
	s->steps[1].len = BENCH_SMALL;
	s->steps[2].kind = HYTHE_STEP_CLOSE;
	return hythe_chain_async(w->tree, s->steps, 3, bench_done, s);
}

/* Creates the next file of the directory and closes it. */
static ntstatus next_create(struct bench_worker *w, struct bench_slot *s)
{
	snprintf(s->name, sizeof(s->name), BENCH_NAME, w->c->dir, w->c->names + (unsigned)w->begun - 1);
	step_create(s, HYTHE_READ_DATA | HYTHE_WRITE_DATA);
	s->steps[1].kind = HYTHE_STEP_CLOSE;
	return hythe_chain_async(w->tree, s->steps, 2, bench_done, s);
}

static ntstatus next_delete(struct bench_worker *w, struct bench_slot *s)
{
	snprintf(s->name, sizeof(s->name), "%s", w->c->list[w->begun - 1]);
	return delete_close(w, s);
}

static ntstatus list_once(struct bench_worker *w)
{
	struct hythe_entry e;
	ntstatus status = hythe_dir_open(w->tree, w->c->dir, NULL, &w->dir);
	if (!nt_ok(status))
		return status;
	while (nt_ok(status = hythe_dir_next(w->dir, &e)))
		w->ops++;
	hythe_dir_close(w->dir);
	return nt_is(status, STATUS_NO_MORE_FILES) ? STATUS_SUCCESS : status;
}

static void logged_in(void *arg, ntstatus status, const struct hythe_result *result)
{
	if (nt_ok(status))
		status = hythe_session_logoff_async(result->session, bench_done, arg);
	if (!nt_ok(status))
		bench_done(arg, status, NULL);
}

/* Another client each time: some servers take connections with the same ClientGuid for channels of one client. */
static ntstatus next_login(struct bench_worker *w, struct bench_slot *s)
{
	struct hythe_connect_options options = *w->c->connect;
	options.apart = true;
	return hythe_connect_async(w->client, w->c->host, w->c->port, &options, logged_in, s);
}

static ntstatus relogin_once(struct bench_worker *w)
{
	struct hythe_session *session;
	ntstatus status = hythe_session_login(w->connection, w->c->connect, &session);
	if (nt_ok(status))
		status = hythe_session_logoff(session);
	w->ops += nt_ok(status);
	return status;
}

static const struct bench_test tests[] = {
	{.name = "read", .next = next_read, .opens = true},
	{.name = "write", .next = next_write, .opens = true, .writes = true},
	{.name = "random-read", .next = next_random_read, .opens = true},
	{.name = "random-write", .next = next_random_write, .opens = true, .writes = true},
	{.name = "open-query-close", .next = next_open_query_close},
	{.name = "create-write-delete", .next = next_create_write_delete},
	{.name = "list", .once = list_once},
	{.name = "login", .next = next_login, .connects = true},
	{.name = "relogin", .once = relogin_once, .logs_on = true},
	{.name = "echo", .next = next_echo},
	{.name = "query", .next = next_query, .opens = true},
	{.name = "open", .next = next_open},
	{.name = "open-other-case", .next = next_open_other_case},
	{.name = "open-missing", .next = next_open_missing, .absent = true},
	{.name = "create", .next = next_create},
	{.name = "delete", .next = next_delete},
};

const struct bench_test *bench_test_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(tests); i++) {
		if (strcmp(tests[i].name, name) == 0)
			return &tests[i];
	}
	return NULL;
}

bool bench_test_known(const char *name)
{
	return bench_test_find(name) != NULL;
}

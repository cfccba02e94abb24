/* The tests over SMB. Those with a depth keep that many requests under way on one connection: each `done` starts the next
 * until the time is over. The client has no threads of its own, so `done` runs in hythe_client_poll on this one. */
#include "load.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { BIG_IO = 1048576, SMALL_IO = 4096, CHAIN_STEPS = 4 };

struct run;

/* One of the requests under way. */
struct slot {
	struct run *run;
	uint8_t *buffer;
	char name[64];
	struct hythe_open_params open;
	struct hythe_step steps[CHAIN_STEPS];
	bool second_half; /* create-write-close-delete: the delete */
};

struct run {
	const struct load_config *cfg;
	struct hythe_client *client;
	struct hythe_tree *tree;
	struct hythe_file *file;
	ntstatus (*next)(struct run *r, struct slot *s);
	struct slot *slots;
	unsigned under_way;
	uint64_t ops, bytes, offset, random;
	double until;
};

static uint64_t next_random(struct run *r)
{
	r->random ^= r->random << 13;
	r->random ^= r->random >> 7;
	r->random ^= r->random << 17;
	return r->random;
}

static void done(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct slot *s = arg;
	struct run *r = s->run;

	load_check(status, r->cfg->test);
	r->bytes += result ? result->bytes : 0;
	/* Both halves are one operation. */
	r->ops += !s->second_half;
	if (load_now() < r->until || s->second_half)
		load_check(r->next(r, s), r->cfg->test);
	else
		r->under_way--;
}

static ntstatus next_big(struct run *r, struct slot *s, bool write)
{
	uint64_t at = r->offset;

	r->offset = (at + BIG_IO) % r->cfg->file_bytes;
	return write ? hythe_write_async(r->file, at, s->buffer, BIG_IO, 0, done, s)
		     : hythe_read_async(r->file, at, s->buffer, BIG_IO, 0, done, s);
}

static ntstatus next_read1m(struct run *r, struct slot *s)
{
	return next_big(r, s, false);
}

static ntstatus next_write1m(struct run *r, struct slot *s)
{
	return next_big(r, s, true);
}

static ntstatus next_read4k(struct run *r, struct slot *s)
{
	uint64_t at = next_random(r) % (r->cfg->file_bytes / SMALL_IO) * SMALL_IO;

	return hythe_read_async(r->file, at, s->buffer, SMALL_IO, 0, done, s);
}

/* Open, query, close in one message. */
static ntstatus next_oqc(struct run *r, struct slot *s)
{
	hythe_open_params_init(&s->open, s->name, HYTHE_READ_ATTRIBUTES);
	snprintf(s->name, sizeof(s->name), "%s/file-%05u", r->cfg->dir, (unsigned)(next_random(r) % 1000));
	memset(s->steps, 0, sizeof(s->steps));
	s->steps[0].kind = HYTHE_STEP_OPEN;
	s->steps[0].open = &s->open;
	s->steps[1].kind = HYTHE_STEP_QUERY_INFO;
	s->steps[1].info_type = HYTHE_INFO_FILE;
	s->steps[1].info_class = HYTHE_FILE_NETWORK_OPEN_INFORMATION;
	s->steps[1].buffer = s->buffer;
	s->steps[1].len = 56;
	s->steps[2].kind = HYTHE_STEP_CLOSE;
	return hythe_chain_async(r->tree, s->steps, 3, done, s);
}

/* Create, write 4 KiB, close in one message; open for deletion and close in the next. */
static ntstatus next_cwcd(struct run *r, struct slot *s)
{
	memset(s->steps, 0, sizeof(s->steps));
	s->steps[0].kind = HYTHE_STEP_OPEN;
	s->steps[0].open = &s->open;
	if (s->second_half) {
		s->second_half = false;
		hythe_open_params_init(&s->open, s->name, HYTHE_DELETE);
		s->open.options = HYTHE_OPTION_NON_DIRECTORY | HYTHE_OPTION_DELETE_ON_CLOSE;
		s->steps[1].kind = HYTHE_STEP_CLOSE;
		return hythe_chain_async(r->tree, s->steps, 2, done, s);
	}
	s->second_half = true;
	snprintf(s->name, sizeof(s->name), "%s/new-%u-%" PRIu64, r->cfg->dir, (unsigned)(s - r->slots), r->offset++);
	hythe_open_params_init(&s->open, s->name, HYTHE_READ_DATA | HYTHE_WRITE_DATA);
	s->open.disposition = HYTHE_CREATE;
	s->open.options = HYTHE_OPTION_NON_DIRECTORY;
	s->steps[1].kind = HYTHE_STEP_WRITE;
	s->steps[1].data = s->buffer;
	s->steps[1].len = SMALL_IO;
	s->steps[2].kind = HYTHE_STEP_CLOSE;
	return hythe_chain_async(r->tree, s->steps, 3, done, s);
}

static void run_slots(struct run *r)
{
	const struct load_config *cfg = r->cfg;

	r->slots = calloc(cfg->depth, sizeof(*r->slots));
	for (unsigned i = 0; i < cfg->depth; i++) {
		r->slots[i].run = r;
		r->slots[i].buffer = aligned_alloc(4096, BIG_IO);
		memset(r->slots[i].buffer, (int)i, BIG_IO);
		r->under_way++;
		load_check(r->next(r, &r->slots[i]), cfg->test);
	}
	while (r->under_way > 0)
		hythe_client_poll(r->client, 10000);
	for (unsigned i = 0; i < cfg->depth; i++)
		free(r->slots[i].buffer);
	free(r->slots);
}

static void open_big(struct run *r, bool write)
{
	struct hythe_open_params p;

	hythe_open_params_init(&p, r->cfg->file, HYTHE_READ_DATA | (write ? HYTHE_WRITE_DATA : 0));
	load_check(hythe_open(r->tree, &p, &r->file, NULL), "open");
}

static void run_list(struct run *r)
{
	struct hythe_dir *d;
	struct hythe_entry e;
	ntstatus st;

	do {
		load_check(hythe_dir_open(r->tree, r->cfg->dir, NULL, &d), "list");
		while (nt_ok(st = hythe_dir_next(d, &e)))
			r->ops++;
		if (!nt_is(st, STATUS_NO_MORE_FILES))
			load_check(st, "list");
		hythe_dir_close(d);
	} while (load_now() < r->until);
}

struct login_thread {
	pthread_t thread;
	const struct load_config *cfg;
	uint64_t ops;
	double until;
};

static void *login_main(void *arg)
{
	struct login_thread *t = arg;

	/* A client each time: smbd takes connections with the same ClientGuid for channels of one client. */
	while (load_now() < t->until) {
		struct hythe_client *client = hythe_client_new(NULL);
		struct hythe_session *s = load_login(client, t->cfg);

		load_check(hythe_session_logoff(s), "logoff");
		hythe_client_free(client);
		t->ops++;
	}
	return NULL;
}

/* A new connection, negotiation, login, logoff; count of them side by side. */
static void run_logins(const struct load_config *cfg, struct load_result *r)
{
	struct login_thread *t = calloc(cfg->count, sizeof(*t));
	double from = load_now();

	for (unsigned i = 0; i < cfg->count; i++) {
		t[i].cfg = cfg;
		t[i].until = from + cfg->seconds;
		pthread_create(&t[i].thread, NULL, login_main, &t[i]);
	}
	for (unsigned i = 0; i < cfg->count; i++) {
		pthread_join(t[i].thread, NULL);
		r->ops += t[i].ops;
	}
	r->seconds = load_now() - from;
	free(t);
}

struct idle_session {
	struct hythe_client *client;
	struct hythe_session *session;
	struct hythe_tree *tree;
};

/* Holds count sessions of as many clients, each with a connection of its own and a tree, until standard input ends. */
static void run_idle(const struct load_config *cfg, struct load_result *r)
{
	struct idle_session *s = calloc(cfg->count, sizeof(*s));
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	for (unsigned i = 0; i < cfg->count; i++) {
		s[i].client = hythe_client_new(NULL);
		if (!s[i].client)
			load_fail("out of descriptors or memory at session %u", i);
		s[i].session = load_login(s[i].client, cfg);
		load_check(hythe_tree_connect(s[i].session, cfg->share, &s[i].tree), "tree connect");
		r->ops++;
	}
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
	for (unsigned i = 0; i < cfg->count; i++) {
		hythe_tree_free(s[i].tree);
		hythe_session_free(s[i].session);
		hythe_client_free(s[i].client);
	}
	free(s);
}

/* One open file under a lease of its own, which may cache everything. */
static struct hythe_file *open_leased(struct hythe_tree *t, const char *dir, unsigned i)
{
	struct hythe_open_params p;
	struct hythe_file *f;
	char name[300];

	snprintf(name, sizeof(name), "%s\\leased%06u", dir, i);
	hythe_open_params_init(&p, name, HYTHE_READ_DATA | HYTHE_WRITE_DATA | HYTHE_READ_ATTRIBUTES);
	p.disposition = HYTHE_OPEN_IF;
	p.lease = HYTHE_CACHE_READ | HYTHE_CACHE_HANDLE | HYTHE_CACHE_WRITE;
	load_check(hythe_open(t, &p, &f, NULL), name);
	return f;
}

/* Holds count open files of one session, until standard input ends. */
static void run_opens(const struct load_config *cfg, struct load_result *r)
{
	struct hythe_file **f = calloc(cfg->count, sizeof(struct hythe_file *));
	struct idle_session s = {.client = hythe_client_new(NULL)};

	s.session = load_login(s.client, cfg);
	load_check(hythe_tree_connect(s.session, cfg->share, &s.tree), "tree connect");
	for (unsigned i = 0; i < cfg->count; i++, r->ops++)
		f[i] = open_leased(s.tree, cfg->dir, i);
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
	for (unsigned i = 0; i < cfg->count; i++)
		load_check(hythe_close(f[i], NULL), "close");
	hythe_tree_free(s.tree);
	hythe_session_free(s.session);
	hythe_client_free(s.client);
	free(f);
}

void load_remote(const struct load_config *cfg, struct load_result *result)
{
	static const struct {
		const char *test;
		ntstatus (*next)(struct run *r, struct slot *s);
		bool opens, writes;
	} tests[] = {
		{"read1m", next_read1m, true, false},
		{"write1m", next_write1m, true, true},
		{"read4k", next_read4k, true, false},
		{"oqc", next_oqc, false, false},
		{"cwcd", next_cwcd, false, true},
		{"list", NULL, false, false},
	};
	struct run r = {.cfg = cfg, .random = 88172645463325252u};
	struct hythe_session *session;
	double from;
	size_t k = 0;

	if (strcmp(cfg->test, "login") == 0) {
		run_logins(cfg, result);
		return;
	}
	if (strcmp(cfg->test, "idle") == 0) {
		run_idle(cfg, result);
		return;
	}
	if (strcmp(cfg->test, "opens") == 0) {
		run_opens(cfg, result);
		return;
	}
	while (k < sizeof(tests) / sizeof(tests[0]) && strcmp(tests[k].test, cfg->test) != 0)
		k++;
	if (k == sizeof(tests) / sizeof(tests[0]))
		load_fail("unknown test \"%s\"", cfg->test);
	r.client = hythe_client_new(NULL);
	session = load_login(r.client, cfg);
	load_check(hythe_tree_connect(session, cfg->share, &r.tree), "tree connect");
	if (tests[k].opens)
		open_big(&r, tests[k].writes);
	r.next = tests[k].next;
	from = load_now();
	r.until = from + cfg->seconds;
	if (r.next)
		run_slots(&r);
	else
		run_list(&r);
	*result = (struct load_result){r.ops, r.bytes, load_now() - from};
	if (r.file)
		load_check(hythe_close(r.file, NULL), "close");
	load_check(hythe_tree_disconnect(r.tree), "tree disconnect");
	load_check(hythe_session_logoff(session), "logoff");
	hythe_client_free(r.client);
}

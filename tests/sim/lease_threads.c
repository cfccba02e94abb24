/* Applications that keep files open and written to, made for ThreadSanitizer: a server on loopback TCP, two clients (with and without threads of
 * the library) and two threads each, which count in files that they open for themselves alone. What is counted stays in
 * memory, and the handle open, until the lease breaks; the callback then writes and closes. No count may be lost, and no open may have to
 * wait for the server's time-out. HYTHE_SOAK_SECONDS (default 3). */
#include "sim.h"

#include <hythe/server.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS = 2, THREADS = 2, FILES = 3, LONG_S = 25, KEPT_BITS = HYTHE_CACHE_HANDLE | HYTHE_CACHE_WRITE };

/* A file of one client. Nothing of the library is called with the lock held. */
struct kept {
	pthread_mutex_t lock;
	enum { CLOSED, BUSY, KEPT } state;
	bool revoked; /* while BUSY */
	struct hythe_file *file;
	uint32_t value;
};

struct app {
	struct hythe_client *client;
	struct hythe_session *session;
	struct hythe_tree *tree;
	struct kept files[FILES];
};

struct job {
	pthread_t thread;
	struct app *app;
	uint64_t seed, counted;
};

static struct app apps[CLIENTS];
static _Atomic int failures;
static _Atomic unsigned breaks, opened, ended;
static time_t end_at;

static void report(const char *what, ntstatus s)
{
	printf("%s: %s\n", what, hythe_status_name(s));
	atomic_fetch_add(&failures, 1);
}

static void put_away(struct kept *k, struct hythe_file *file, uint32_t value)
{
	size_t n;
	ntstatus s = hythe_write(file, 0, &value, sizeof(value), &n);
	if (!nt_ok(s))
		report("write back", s);
	s = hythe_close(file, NULL);
	if (!nt_ok(s))
		report("close", s);
	pthread_mutex_lock(&k->lock);
	k->state = CLOSED;
	pthread_mutex_unlock(&k->lock);
}

/* Writes back and closes what is kept. */
static void give_up(struct kept *k)
{
	struct hythe_file *file = NULL;
	uint32_t value = 0;
	pthread_mutex_lock(&k->lock);
	if (k->state == KEPT) {
		k->state = BUSY;
		file = k->file;
		value = k->value;
	} else {
		k->revoked = true;
	}
	pthread_mutex_unlock(&k->lock);
	if (file)
		put_away(k, file, value);
}

static void changed(void *arg, struct hythe_file *file, const struct hythe_cache_change *change)
{
	(void)file;
	atomic_fetch_add(&breaks, 1);
	if (change->from & ~change->to & KEPT_BITS)
		give_up(arg);
}

/* True when this thread has the file for itself and is to open it; *counted when that was not needed. */
static bool begin(struct kept *k, bool *counted)
{
	bool mine = false;
	pthread_mutex_lock(&k->lock);
	*counted = k->state == KEPT;
	if (*counted)
		k->value++;
	mine = k->state == CLOSED;
	if (mine) {
		k->state = BUSY;
		k->revoked = false;
	}
	pthread_mutex_unlock(&k->lock);
	return mine;
}

static ntstatus open_alone(struct app *a, struct kept *k, struct hythe_file **file)
{
	struct hythe_open_params p;
	char name[16];
	time_t before = time(NULL);
	snprintf(name, sizeof(name), "count-%u", (unsigned)(k - a->files));
	hythe_open_params_init(&p, name, HYTHE_READ_DATA | HYTHE_WRITE_DATA);
	p.share_access = 0;
	p.disposition = HYTHE_OPEN_IF;
	p.lease = HYTHE_CACHE_READ | HYTHE_CACHE_HANDLE | HYTHE_CACHE_WRITE;
	p.on_cache_change = changed;
	p.cache_arg = k;
	ntstatus s = hythe_open(a->tree, &p, file, NULL);
	if (time(NULL) - before > LONG_S)
		report("an open took too long", s);
	return s;
}

static bool count_once(struct app *a, struct kept *k)
{
	struct hythe_file *file;
	uint32_t value = 0;
	bool counted, keep;
	size_t n;
	if (!begin(k, &counted))
		return counted;
	ntstatus s = open_alone(a, k, &file);
	if (!nt_ok(s)) {
		if (!nt_is(s, STATUS_SHARING_VIOLATION))
			report("open", s);
		pthread_mutex_lock(&k->lock);
		k->state = CLOSED;
		pthread_mutex_unlock(&k->lock);
		return false;
	}
	atomic_fetch_add(&opened, 1);
	s = hythe_read(file, 0, &value, sizeof(value), &n);
	if (!nt_ok(s) && !nt_is(s, STATUS_END_OF_FILE))
		report("read", s);
	uint32_t cache = hythe_file_cache_state(file);
	pthread_mutex_lock(&k->lock);
	keep = !k->revoked && (cache & KEPT_BITS) == KEPT_BITS;
	k->value = value + 1;
	k->file = file;
	if (keep)
		k->state = KEPT;
	pthread_mutex_unlock(&k->lock);
	if (!keep)
		put_away(k, file, value + 1);
	return true;
}

static void echo(struct app *a)
{
	ntstatus s = hythe_echo(a->session);
	if (!nt_ok(s))
		report("echo", s);
}

static void *work(void *arg)
{
	struct job *j = arg;
	while (time(NULL) < end_at && failures == 0) {
		j->seed = j->seed * 6364136223846793005u + 1442695040888963407u;
		j->counted += count_once(j->app, &j->app->files[(j->seed >> 33) % FILES]);
		if ((j->seed >> 40) % 4 == 0)
			echo(j->app);
	}
	atomic_fetch_add(&ended, 1);
	/* A client without threads hears of breaks only while somebody calls it, and the others may wait for what it keeps. */
	while (ended < CLIENTS * THREADS)
		echo(j->app);
	return NULL;
}

static bool join_in(struct app *a, unsigned threads, uint16_t port)
{
	struct hythe_client_options o = {.threads = threads};
	struct hythe_connect_options c;
	hythe_connect_options_init(&c);
	c.user = "soak";
	c.password = "soak";
	a->client = hythe_client_new(&o);
	for (unsigned i = 0; i < FILES; i++)
		pthread_mutex_init(&a->files[i].lock, NULL);
	return a->client && nt_ok(hythe_connect(a->client, "127.0.0.1", port, &c, &a->session)) &&
	       nt_ok(hythe_tree_connect(a->session, "soak", &a->tree));
}

static uint64_t run(uint16_t port)
{
	struct job jobs[CLIENTS * THREADS];
	uint64_t counted = 0;
	for (unsigned i = 0; i < CLIENTS; i++) {
		if (!join_in(&apps[i], i ? 2 : 0, port)) {
			printf("cannot connect: %s\n", hythe_client_error(apps[i].client));
			exit(1);
		}
	}
	for (unsigned i = 0; i < CLIENTS * THREADS; i++) {
		jobs[i] = (struct job){.app = &apps[i / THREADS], .seed = i + 1};
		pthread_create(&jobs[i].thread, NULL, work, &jobs[i]);
	}
	for (unsigned i = 0; i < CLIENTS * THREADS; i++) {
		pthread_join(jobs[i].thread, NULL);
		counted += jobs[i].counted;
	}
	for (unsigned i = 0; i < CLIENTS; i++) {
		for (unsigned n = 0; n < FILES; n++)
			give_up(&apps[i].files[n]);
		hythe_tree_free(apps[i].tree);
		hythe_session_free(apps[i].session);
		hythe_client_free(apps[i].client);
	}
	return counted;
}

static bool sum_is(const char *dir, uint64_t counted)
{
	uint64_t sum = 0;
	for (unsigned n = 0; n < FILES; n++) {
		char path[64];
		uint32_t value = 0;
		snprintf(path, sizeof(path), "%s/count-%u", dir, n);
		FILE *f = fopen(path, "rb");
		if (!f || fread(&value, sizeof(value), 1, f) != 1)
			printf("%s cannot be read\n", path);
		if (f)
			fclose(f);
		sum += value;
	}
	printf("lease threads: counted %llu, in the files %llu; %u opens, %u breaks\n", (unsigned long long)counted, (unsigned long long)sum,
		opened, breaks);
	return sum == counted && breaks > 0;
}

int main(void)
{
	const char *seconds = getenv("HYTHE_SOAK_SECONDS");
	char dir[] = "/tmp/hythe-lease-XXXXXX", state[64], command[96];
	if (!mkdtemp(dir))
		return 1;
	snprintf(state, sizeof(state), "%s/.state", dir);
	struct hythe_server *server = sim_user(state, "soak", "soak") ? sim_serve(dir, state, "soak", 8) : NULL;
	if (!server)
		return 1;
	end_at = time(NULL) + (seconds ? (time_t)strtol(seconds, NULL, 10) : 3);
	uint64_t counted = run(hythe_server_port(server, 0));
	hythe_server_stop(server, 2000);
	hythe_server_free(server);
	if (!sum_is(dir, counted))
		failures++;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		return 1;
	return failures != 0;
}

/* A threaded soak, made for ThreadSanitizer: a server with 16 workers on loopback TCP and a directory, 4 connections with a thread
 * each (one of them shared by two), all at work on one tree with mixed operations; two more keep coming and hang up in the middle. HYTHE_SOAK_SECONDS (default 3).
 * Each thread owns a file whose content it checks; the rest is contention. */
#include "sim.h"

#include <hythe/server.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 4, RUDE = 2, WORKERS = 16, FILE_BYTES = 300000 };

struct job {
	pthread_t thread;
	unsigned number;
	uint64_t seed, operations;
	struct hythe_tree *tree;
	struct hythe_session *session;
	struct hythe_client *client; /* of a rude one */
	uint16_t port;
};

static _Atomic int failures;
static time_t end_at;

static void report(const struct job *j, const char *what, ntstatus s)
{
	printf("thread %u: %s: %s\n", j->number, what, hythe_status_name(s));
	atomic_fetch_add(&failures, 1);
}

static uint64_t rnd(struct job *j)
{
	uint64_t x = j->seed += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static ntstatus open_as(struct job *j, const char *name, enum hythe_disposition how, uint32_t options, struct hythe_file **f)
{
	struct hythe_open_params p;

	hythe_open_params_init(&p, name, 0x001F01FF);
	p.disposition = how;
	p.options = options;
	return hythe_open(j->tree, &p, f, NULL);
}

/* Writes its own file anew and reads it back. */
static void own_file(struct job *j)
{
	static _Thread_local uint8_t out[FILE_BYTES], in[FILE_BYTES];
	size_t len = 1 + (size_t)(rnd(j) % FILE_BYTES), done = 0;
	struct hythe_file *f;
	char name[32];
	ntstatus s;

	snprintf(name, sizeof(name), "own-%u", j->number);
	s = open_as(j, name, HYTHE_OVERWRITE_IF, 0, &f);
	if (!nt_ok(s)) {
		report(j, "open own file", s);
		return;
	}
	for (size_t i = 0; i < len; i += 8)
		memcpy(out + i, &j->seed, len - i < 8 ? len - i : 8), (void)rnd(j);
	s = hythe_write(f, 0, out, len, &done);
	if (nt_ok(s) && rnd(j) % 4 == 0)
		s = hythe_flush(f);
	if (nt_ok(s))
		s = hythe_read(f, 0, in, len, &done);
	if (!nt_ok(s) || done != len || memcmp(in, out, len) != 0)
		report(j, "own file differs", s);
	s = hythe_close(f, NULL);
	if (!nt_ok(s))
		report(j, "close", s);
}

/* Names that all threads create, rename and delete: anything but a broken connection may come of it. */
static void contend(struct job *j)
{
	char name[32], other[32];
	struct hythe_file *f;
	uint8_t buffer[512];
	size_t done;
	ntstatus s;

	snprintf(name, sizeof(name), "shared-%u", (unsigned)(rnd(j) % 4));
	snprintf(other, sizeof(other), "shared-%u", (unsigned)(rnd(j) % 4));
	switch (rnd(j) % 4) {
	case 0:
		s = open_as(j, name, HYTHE_OPEN_IF, rnd(j) % 2 ? HYTHE_OPTION_DELETE_ON_CLOSE : 0, &f);
		if (nt_ok(s)) {
			s = hythe_write(f, rnd(j) % 1000, buffer, sizeof(buffer), &done);
			(void)!nt_ok(hythe_close(f, NULL));
		}
		break;
	case 1:
		s = hythe_rename(j->tree, name, other, rnd(j) % 2);
		break;
	case 2:
		s = hythe_unlink(j->tree, name);
		break;
	default:
		s = open_as(j, name, HYTHE_OPEN, 0, &f);
		if (nt_ok(s)) {
			s = hythe_read(f, 0, buffer, sizeof(buffer), &done);
			(void)!nt_ok(hythe_close(f, NULL));
		}
	}
	if (nt_is(s, STATUS_CONNECTION_DISCONNECTED) || nt_is(s, STATUS_IO_TIMEOUT) || nt_is(s, STATUS_INTERNAL_ERROR))
		report(j, "contention", s);
}

/* A number in a file that whoever holds the lock adds one to: none may be lost. */
static _Atomic uint64_t added;

static void count_up(struct job *j)
{
	struct hythe_range here = {.offset = 0, .length = 8, .exclusive = true};
	struct hythe_file *f;
	uint64_t number = 0;
	size_t done;
	ntstatus s = open_as(j, "number", HYTHE_OPEN_IF, 0, &f);

	if (!nt_ok(s)) {
		report(j, "open the number", s);
		return;
	}
	s = hythe_lock(f, &here, 1, true);
	if (nt_ok(s))
		s = hythe_read(f, 0, &number, sizeof(number), &done);
	if (nt_is(s, STATUS_END_OF_FILE))
		s = STATUS_SUCCESS;
	number++;
	if (nt_ok(s))
		s = hythe_write(f, 0, &number, sizeof(number), &done);
	if (nt_ok(s))
		atomic_fetch_add(&added, 1);
	/* Closing unlocks as well. */
	if (nt_ok(s) && rnd(j) % 2)
		s = hythe_unlock(f, &here, 1);
	if (!nt_ok(s))
		report(j, "count up", s);
	(void)!nt_ok(hythe_close(f, NULL));
}

static bool number_is_right(const char *dir)
{
	uint64_t number = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/number", dir);
	f = fopen(path, "rb");
	if (f && fread(&number, sizeof(number), 1, f) != 1)
		number = 0;
	if (f)
		fclose(f);
	printf("soak: counted to %llu\n", (unsigned long long)number);
	return number == added;
}

static void list(struct job *j)
{
	struct hythe_dir *d;
	struct hythe_entry e;
	ntstatus s = hythe_dir_open(j->tree, "", NULL, &d);

	while (nt_ok(s))
		s = hythe_dir_next(d, &e);
	if (!nt_is(s, STATUS_NO_MORE_FILES))
		report(j, "list", s);
	else
		hythe_dir_close(d);
}

struct joined {
	ntstatus status;
	struct hythe_session *session;
	_Atomic bool done;
};

static void joined(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct joined *d = arg;

	d->status = status;
	d->session = result->session;
	atomic_store(&d->done, true);
}

/* Without blocking, but for the waiting. */
static bool connect_apart(struct job *j, struct hythe_client *client, uint16_t port, const struct hythe_connect_options *o)
{
	struct joined d = {.done = false};

	if (!nt_ok(hythe_connect_async(client, "127.0.0.1", port, o, joined, &d)))
		return false;
	while (!atomic_load(&d.done))
		hythe_client_poll(client, 10);
	j->session = d.session;
	return nt_ok(d.status);
}

static bool join_in(struct job *j, struct hythe_client *client, uint16_t port)
{
	struct hythe_connect_options o;

	hythe_connect_options_init(&o);
	o.user = "soak";
	o.password = "soak";
	o.encryption = j->number % 2 ? HYTHE_ENCRYPTION_REQUIRED : HYTHE_ENCRYPTION_OFF;
	return (rnd(j) % 2 ? connect_apart(j, client, port, &o) : nt_ok(hythe_connect(client, "127.0.0.1", port, &o, &j->session))) &&
	       nt_ok(hythe_tree_connect(j->session, "soak", &j->tree));
}

/* A guest without manners: requests by the dozen, and then off in the middle of them, by LOGOFF or by hanging up. What they come to
 * is nobody's business; that the server and everybody else live on is. */
static void forget(void *arg, ntstatus status, const struct hythe_result *result)
{
	(void)arg;
	if (nt_ok(status) && result->file)
		hythe_file_free(result->file);
}

static void leave_in_the_middle(struct job *j)
{
	static _Thread_local uint8_t buffer[16][65536];
	struct hythe_file *f;
	ntstatus s = open_as(j, "rude", HYTHE_OPEN_IF, 0, &f);

	if (!nt_ok(s))
		return;
	for (size_t i = 0; i < 16 && nt_ok(s); i++) {
		struct hythe_open_params p;

		hythe_open_params_init(&p, i % 2 ? "rude" : "shared-1", 0x001F01FF);
		p.disposition = HYTHE_OPEN_IF;
		p.oplock_level = i % 3 ? 0 : 9;
		if (i == 5 || i == 6)
			s = hythe_lock_async(f, &(struct hythe_range){100, 10, true}, 1, true, forget, NULL);
		else if (i % 4 == 0)
			s = hythe_open_async(j->tree, &p, forget, NULL);
		else if (i % 4 == 1)
			s = hythe_write_async(f, i * 65536, buffer[i], sizeof(buffer[i]), 0, forget, NULL);
		else
			s = hythe_read_async(f, rnd(j) % 1000, buffer[i], sizeof(buffer[i]), 0, forget, NULL);
	}
	for (uint64_t polls = rnd(j) % 4; polls > 0; polls--)
		hythe_client_poll(j->client, 0);
	hythe_file_free(f);
}

static void *be_rude(void *arg)
{
	struct job *j = arg;

	while (time(NULL) < end_at && failures == 0) {
		j->client = hythe_client_new(NULL);
		if (!j->client || !join_in(j, j->client, j->port)) {
			report(j, "connect", STATUS_UNSUCCESSFUL);
			return NULL;
		}
		leave_in_the_middle(j);
		hythe_tree_free(j->tree);
		if (rnd(j) % 2)
			(void)!nt_ok(hythe_session_logoff(j->session));
		else
			hythe_session_free(j->session);
		hythe_client_free(j->client);
		j->operations++;
	}
	return NULL;
}

static void *work(void *arg)
{
	struct job *j = arg;

	while (time(NULL) < end_at && failures == 0) {
		switch (rnd(j) % 7) {
		case 0:
			own_file(j);
			break;
		case 1:
			list(j);
			break;
		case 2:
			count_up(j);
			break;
		case 3:
			if (!nt_ok(hythe_echo(j->session)))
				report(j, "echo", STATUS_UNSUCCESSFUL);
			break;
		default:
			contend(j);
		}
		j->operations++;
	}
	return NULL;
}

static uint64_t run(struct hythe_server *server)
{
	struct hythe_client *clients[CONNECTIONS];
	struct job jobs[CONNECTIONS + 1], rude[RUDE];
	uint64_t operations = 0;

	for (unsigned i = 0; i < CONNECTIONS; i++) {
		struct hythe_client_options o = {.threads = i == 2 ? 2 : 0};

		clients[i] = hythe_client_new(&o);
		jobs[i] = (struct job){.number = i, .seed = i + 1};
		if (!clients[i] || !join_in(&jobs[i], clients[i], hythe_server_port(server, 0))) {
			printf("cannot connect: %s\n", hythe_client_error(clients[i]));
			exit(1);
		}
	}
	/* The last thread works over the third connection, beside that one's own. */
	jobs[CONNECTIONS] = jobs[2];
	jobs[CONNECTIONS].number = CONNECTIONS;
	jobs[CONNECTIONS].seed = 99;
	for (unsigned i = 0; i <= CONNECTIONS; i++)
		pthread_create(&jobs[i].thread, NULL, work, &jobs[i]);
	for (unsigned i = 0; i < RUDE; i++) {
		rude[i] = (struct job){.number = 10 + i, .seed = 1000 + i, .port = hythe_server_port(server, 0)};
		pthread_create(&rude[i].thread, NULL, be_rude, &rude[i]);
	}
	for (unsigned i = 0; i < RUDE; i++) {
		pthread_join(rude[i].thread, NULL);
		operations += rude[i].operations;
	}
	for (unsigned i = 0; i <= CONNECTIONS; i++) {
		pthread_join(jobs[i].thread, NULL);
		operations += jobs[i].operations;
	}
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		if (i % 2)
			hythe_tree_free(jobs[i].tree);
		else if (!nt_ok(hythe_tree_disconnect(jobs[i].tree)))
			report(&jobs[i], "tree disconnect", STATUS_UNSUCCESSFUL);
		hythe_session_free(jobs[i].session);
		hythe_client_free(clients[i]);
	}
	return operations;
}

int main(void)
{
	const char *seconds = getenv("HYTHE_SOAK_SECONDS");
	char dir[] = "/tmp/hythe-soak-XXXXXX", state[64], command[96];
	struct hythe_server *server;
	uint64_t operations;

	if (!mkdtemp(dir))
		return 1;
	snprintf(state, sizeof(state), "%s/.state", dir);
	server = sim_user(state, "soak", "soak") ? sim_serve(dir, state, "soak", WORKERS) : NULL;
	if (!server)
		return 1;
	end_at = time(NULL) + (seconds ? (time_t)strtol(seconds, NULL, 10) : 3);
	operations = run(server);
	if (!number_is_right(dir))
		failures++;
	hythe_server_stop(server, 2000);
	hythe_server_free(server);
	printf("soak: %llu operations, %d failures\n", (unsigned long long)operations, failures);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		return 1;
	return failures != 0;
}

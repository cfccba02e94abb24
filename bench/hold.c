/* What is held instead of done, while bench.py looks at the memory of the server: sessions, each on a connection of its own or all on
 * one, and open files. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What one of those held consists of; what it has not is NULL. */
struct held {
	struct hythe_client *client;
	struct hythe_connection *connection;
	struct hythe_session *session;
	struct hythe_tree *tree;
	struct hythe_file *file;
};

static void new_client(struct held *h)
{
	h->client = hythe_client_new(NULL);
	if (!h->client)
		load_fail("out of descriptors or memory");
}

static void new_connection(const struct bench_config *c, struct held *h)
{
	new_client(h);
	load_check(hythe_connection_open(h->client, c->host, c->port, c->connect, &h->connection), "connect");
}

static void new_session(const struct bench_config *c, struct hythe_connection *on, struct held *h)
{
	load_check(hythe_session_login(on, c->connect, &h->session), "log on");
	load_check(hythe_tree_connect(h->session, c->share, &h->tree), "tree connect");
}

/* A client each: some servers take connections with the same ClientGuid for channels of one client. */
static void hold_connection(const struct bench_config *c, struct held *first, struct held *h)
{
	(void)first;
	new_connection(c, h);
	new_session(c, h->connection, h);
}

static void hold_session(const struct bench_config *c, struct held *first, struct held *h)
{
	if (h == first)
		new_connection(c, h);
	new_session(c, first->connection, h);
}

/* One open file under a lease of its own, which may cache everything. */
static void hold_open(const struct bench_config *c, struct held *first, struct held *h)
{
	struct hythe_open_params p;
	char name[300];

	if (h == first)
		hold_connection(c, first, h);
	snprintf(name, sizeof(name), BENCH_NAME, c->dir, (unsigned)(h - first));
	hythe_open_params_init(&p, name, HYTHE_READ_DATA | HYTHE_WRITE_DATA | HYTHE_READ_ATTRIBUTES);
	p.lease = HYTHE_CACHE_READ | HYTHE_CACHE_HANDLE | HYTHE_CACHE_WRITE;
	load_check(hythe_open(first->tree, &p, &h->file, NULL), name);
}

static void put_down(struct held *h)
{
	if (h->file)
		load_check(hythe_close(h->file, NULL), "close");
	hythe_tree_free(h->tree);
	hythe_session_free(h->session);
	if (h->connection)
		hythe_connection_close(h->connection);
	if (h->client)
		hythe_client_free(h->client);
}

bool load_hold(const struct bench_config *c, unsigned count, struct bench_result *r)
{
	void (*hold)(const struct bench_config *c, struct held *first, struct held *h) = NULL;
	struct held *h;

	if (strcmp(c->test, "hold-connections") == 0)
		hold = hold_connection;
	else if (strcmp(c->test, "hold-sessions") == 0)
		hold = hold_session;
	else if (strcmp(c->test, "hold-opens") == 0)
		hold = hold_open;
	else
		return false;
	h = calloc(count, sizeof(*h));
	if (!h)
		load_fail("out of memory");
	for (; r->ops < count; r->ops++)
		hold(c, h, &h[r->ops]);
	hythe_session_info(h->session, &r->agreed);
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
	/* The first one last: the others may stand on it. */
	for (unsigned i = count; i-- > 0;)
		put_down(&h[i]);
	free(h);
	return true;
}

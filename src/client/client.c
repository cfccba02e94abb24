/* The client object: its pool, how blocking callers wait and share the receiving, and the per-thread explanation of a
 * failure. See core.h. Public interface: include/hythe/client.h. */
#include "client/conn.h"

#include "base/filetime.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* How long hythe_client_free waits for connections that it has closed to be let go. */
enum { FREE_TRIES = 500, FREE_STEP_MS = 10 };

static _Thread_local char error_text[512];
static _Thread_local unsigned callback_depth;

void cli_error_set(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(error_text, sizeof(error_text), fmt, ap);
	va_end(ap);
}

const char *cli_error_get(void)
{
	return error_text;
}

const char *hythe_client_error(const struct hythe_client *client)
{
	(void)client;
	return error_text;
}

ntstatus cli_may_block(void)
{
	if (callback_depth == 0)
		return STATUS_SUCCESS;
	cli_error_set("a blocking call inside of a callback would wait for itself; use the _async call");
	return STATUS_INVALID_DEVICE_STATE;
}

void cli_callback(bool begins)
{
	callback_depth += begins ? 1u : -1u;
}

struct hythe_client *cli_client_new_on(struct net_pool *pool,
	struct net_conn *(*dial)(void *arg, const char *host, uint16_t port, ntstatus *status), void *dial_arg)
{
	struct hythe_client *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->pool = pool;
	c->pool_borrowed = true;
	c->dial = dial;
	c->dial_arg = dial_arg;
	c->guid = guid_random();
	pthread_mutex_init(&c->lock, NULL);
	list_init(&c->waiters);
	list_init(&c->conns);
	cli_cache_init(&c->cache);
	return c;
}

struct hythe_client *hythe_client_new(const struct hythe_client_options *options)
{
	unsigned threads = options ? options->threads : 0;
	struct net_pool_config cfg = {.threads = threads, .max_threads = threads, .clock = &clock_system};
	struct net_pool *pool = net_pool_new(&cfg);
	struct hythe_client *c = pool ? cli_client_new_on(pool, NULL, NULL) : NULL;
	if (!c) {
		if (pool)
			net_pool_free(pool);
		return NULL;
	}
	c->threads = threads;
	if (options)
		c->tap = (struct net_tap){options->tap, options->tap_arg};
	c->pool_borrowed = false;
	return c;
}

static bool conns_left(struct hythe_client *c)
{
	pthread_mutex_lock(&c->lock);
	bool left = !list_empty(&c->conns);
	pthread_mutex_unlock(&c->lock);
	return left;
}

void hythe_client_free(struct hythe_client *c)
{
	if (!c)
		return;
	cli_cache_stop(c);
	pthread_mutex_lock(&c->lock);
	list_for_each(n, &c->conns) {
		struct hythe_connection *conn = list_entry(n, struct hythe_connection, client_link);
		if (conn->net)
			net_conn_close(conn->net, false);
		else if (conn->dialling)
			net_dial_cancel(conn->dialling);
	}
	pthread_mutex_unlock(&c->lock);
	cli_cache_join(c);
	cli_cache_run(c);
	for (int i = 0; i < FREE_TRIES && conns_left(c); i++) {
		net_pool_step(c->pool, FREE_STEP_MS);
		cli_cache_run(c);
	}
	/* Handles that were never given back still point here: leaking is the lesser evil. */
	if (conns_left(c))
		return;
	if (!c->pool_borrowed)
		net_pool_free(c->pool);
	cli_cache_destroy(&c->cache);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* The lead goes to one of those who wait. */
static void promote_locked(struct hythe_client *c)
{
	if (c->threads == 0 && !c->stepping && !list_empty(&c->waiters))
		pthread_cond_signal(&list_entry(c->waiters.next, struct cli_wait, link)->cond);
}

static void step_locked(struct hythe_client *c, int timeout_ms, bool *ran)
{
	c->stepping = true;
	pthread_mutex_unlock(&c->lock);
	*ran = net_pool_step(c->pool, timeout_ms);
	pthread_mutex_lock(&c->lock);
	c->stepping = false;
	list_for_each(n, &c->waiters) {
		struct cli_wait *w = list_entry(n, struct cli_wait, link);
		if (!w->polls || !*ran)
			continue;
		w->done = true;
		pthread_cond_signal(&w->cond);
	}
}

/* Callbacks of breaks may block: somebody else leads meanwhile. */
static bool run_due_locked(struct hythe_client *c)
{
	if (!cli_cache_due(c))
		return false;
	promote_locked(c);
	pthread_mutex_unlock(&c->lock);
	cli_cache_run(c);
	pthread_mutex_lock(&c->lock);
	return true;
}

/* Another thread leads: waits until it has run something, or has stopped to lead, or the time is over. True for the first. */
static bool follow_locked(struct hythe_client *c, int timeout_ms)
{
	struct cli_wait w;
	struct timespec until;
	int err = 0;
	cli_wait_init(&w, c);
	w.polls = true;
	clock_gettime(CLOCK_MONOTONIC, &until);
	int64_t ns = until.tv_nsec + (int64_t)(timeout_ms < 0 ? 0 : timeout_ms) * 1000000;
	until.tv_sec += ns / 1000000000;
	until.tv_nsec = ns % 1000000000;
	list_append(&c->waiters, &w.link);
	while (!w.done && c->stepping && err == 0) {
		if (timeout_ms < 0)
			err = pthread_cond_wait(&w.cond, &c->lock);
		else
			err = pthread_cond_clockwait(&w.cond, &c->lock, CLOCK_MONOTONIC, &until);
	}
	list_remove(&w.link);
	pthread_cond_destroy(&w.cond);
	return w.done;
}

bool hythe_client_poll(struct hythe_client *c, int timeout_ms)
{
	bool ran = false;
	if (!nt_ok(cli_may_block()))
		return false;
	if (c->threads > 0)
		return net_pool_step(c->pool, timeout_ms);
	pthread_mutex_lock(&c->lock);
	bool follow = c->stepping;
	if (follow)
		ran = follow_locked(c, timeout_ms);
	if (!ran && !c->stepping)
		step_locked(c, follow && timeout_ms > 0 ? 0 : timeout_ms, &ran);
	ran |= run_due_locked(c);
	promote_locked(c);
	pthread_mutex_unlock(&c->lock);
	return ran;
}

void cli_wait_init(struct cli_wait *w, struct hythe_client *client)
{
	w->client = client;
	list_init(&w->link);
	pthread_cond_init(&w->cond, NULL);
	w->done = w->polls = false;
	w->runs = client->threads == 0 || cli_cache_on_runner();
	w->status = STATUS_SUCCESS;
	w->result = (struct hythe_result){0};
	w->text[0] = 0;
}

void cli_wait_wake(struct cli_wait *w, ntstatus status)
{
	struct hythe_client *c = w->client;
	pthread_mutex_lock(&c->lock);
	w->status = status;
	w->done = true;
	pthread_cond_signal(&w->cond); /* under the lock: w is gone as soon as it can be taken */
	pthread_mutex_unlock(&c->lock);
}

void cli_wait_done(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct cli_wait *w = arg;
	if (result) {
		w->result = *result;
		if (result->opened)
			w->opened = *result->opened;
		if (result->stat)
			w->stat = *result->stat;
	}
	if (!nt_ok(status))
		snprintf(w->text, sizeof(w->text), "%s", cli_error_get());
	cli_wait_wake(w, status);
}

ntstatus cli_wait_for(struct cli_wait *w, ntstatus submitted)
{
	struct hythe_client *c = w->client;
	if (nt_ok(submitted)) {
		pthread_mutex_lock(&c->lock);
		while (!w->done) {
			bool ran;
			if (w->runs && run_due_locked(c))
				continue;
			if (c->threads == 0 && !c->stepping) {
				step_locked(c, -1, &ran);
			} else {
				list_append(&c->waiters, &w->link);
				pthread_cond_wait(&w->cond, &c->lock);
				list_remove(&w->link);
			}
		}
		if (c->threads == 0)
			run_due_locked(c);
		promote_locked(c);
		pthread_mutex_unlock(&c->lock);
		submitted = w->status;
		if (!nt_ok(submitted))
			cli_error_set("%s", w->text);
	}
	pthread_cond_destroy(&w->cond);
	return submitted;
}

void hythe_time_to_unix(uint64_t ft, int64_t *seconds, uint32_t *nanoseconds)
{
	struct timespec ts = filetime_to_timespec(ft);
	*seconds = ts.tv_sec;
	*nanoseconds = (uint32_t)ts.tv_nsec;
}

uint64_t hythe_time_from_unix(int64_t seconds, uint32_t nanoseconds)
{
	return filetime_from_timespec((struct timespec){.tv_sec = seconds, .tv_nsec = (long)nanoseconds});
}

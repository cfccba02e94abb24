/* The client object, the way its callers wait, and the sentence that explains a failure. Everything in src/client uses it.
 *
 * Who receives: with threads in the pool they do. Without, one of the callers that wait at a time leads: it steps the pool
 * for all of them, and hands the lead on when its own answer has come. So a single caller never pays for a hand-over.
 *
 * Lock order: hythe_connection.lock, then hythe_client.lock; cli_cache.lock is a leaf; no callback runs under any. */
#ifndef CLIENT_CORE_H
#define CLIENT_CORE_H

#include "base/guid.h"
#include "base/list.h"
#include "client/cache.h"
#include "net/net.h"
#include "net/tap.h"

#include <hythe/client.h>
#include <pthread.h>
#include <stdatomic.h>

struct hythe_client {
	struct net_pool *pool;
	bool pool_borrowed;
	/* How connections come about; NULL: net_connect. */
	struct net_conn *(*dial)(void *arg, const char *host, uint16_t port, ntstatus *status);
	void *dial_arg;
	unsigned threads;
	struct net_tap tap;
	struct guid guid; /* ClientGuid (3.2.3) */
	pthread_mutex_t lock;
	bool stepping;            /* somebody leads */
	struct list_node waiters; /* cli_wait that neither lead nor are done */
	struct list_node conns;   /* hythe_connection.client_link */
	struct cli_cache cache;
};

/* A client without threads on a pool that somebody else owns and frees after it, and over connections that `dial` makes (NULL:
 * TCP): for tests of client and server in one pool. */
struct hythe_client *cli_client_new_on(struct net_pool *pool,
	struct net_conn *(*dial)(void *arg, const char *host, uint16_t port, ntstatus *status), void *dial_arg) MUST_USE;

/* A blocking call that waits for its `done`. On the caller's stack. */
struct cli_wait {
	struct hythe_client *client;
	struct list_node link;
	pthread_cond_t cond;
	bool done;
	bool runs;  /* callbacks of breaks, while it waits */
	bool polls; /* hythe_client_poll: done as soon as whoever leads has run something */
	ntstatus status;
	struct hythe_result result; /* its pointers are copies below, or handles */
	struct hythe_open_info opened;
	struct hythe_stat stat;
	char text[512]; /* what `done` had to say about a failure */
};

void cli_wait_init(struct cli_wait *w, struct hythe_client *client);
/* The hythe_done_fn of a blocking call; arg is the cli_wait. */
void cli_wait_done(void *arg, ntstatus status, const struct hythe_result *result);
/* Wakes the waiter with a status only. */
void cli_wait_wake(struct cli_wait *w, ntstatus status);
/* `submitted` is what the asynchronous call returned: when it failed, that is the result. Otherwise waits and gives the status
 * that `done` got. Ends the use of w. */
ntstatus cli_wait_for(struct cli_wait *w, ntstatus submitted) MUST_USE;
/* SUCCESS, or INVALID_DEVICE_STATE inside of a callback, where nothing may block. */
ntstatus cli_may_block(void) MUST_USE;
/* Brackets callbacks of the user's. */
void cli_callback(bool begins);

/* The calling thread's explanation. */
void cli_error_set(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *cli_error_get(void);

#endif

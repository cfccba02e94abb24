/* What the client may cache: leases, oplocks, and the breaks that take them away. [MS-SMB2] 3.2.1.1 (GlobalFileTable), 3.2.1.5, 3.2.4.3.8,
 * 3.2.5.7, 3.2.5.19. One table per client for all of its connections, since a lease belongs to the ClientGuid. lease.c has the names, keys
 * and grants; breaks.c has the breaks, their acknowledgments and the application's callbacks.
 *
 * cache.lock is a leaf: nothing is called with it held but the allocator. A file whose callback is due has a reference. */
#ifndef CLIENT_CACHE_H
#define CLIENT_CACHE_H

#include "base/htab.h"
#include "base/list.h"
#include "proto/lease.h"

#include <hythe/client.h>
#include <pthread.h>
#include <stdatomic.h>

struct cli_request;
struct smb2_create_rsp;
struct wire;

/* Of a client. */
struct cli_cache {
	pthread_mutex_t lock;
	pthread_cond_t ran;            /* a callback has returned */
	struct htab by_key, by_name;   /* cli_lease */
	struct htab oplocks;           /* cli_hold.by_id of files with an oplock */
	struct list_node due;          /* cli_hold.due: callbacks to be run */
	struct list_node lease_acks, oplock_acks; /* to be sent: cli_lease.ack, cli_hold.ack */
	_Atomic unsigned due_count;
	/* With threads in the pool callbacks have one of their own, for they may block. Under the client's lock. */
	pthread_t runner;
	pthread_cond_t runner_wakes;
	bool has_runner;
	_Atomic bool stop;             /* none is called any more */
};

/* File (3.2.1.5) */
struct cli_lease {
	struct htab_node by_key, by_name;
	uint8_t key[16];
	struct slice name;             /* malloc'ed */
	bool named;                    /* in by_name; not after a rename */
	struct proto_lease l;
	struct list_node files;        /* OpenTable: cli_hold.on_lease */
	struct list_node openings;     /* cli_opening.link */
	unsigned telling;              /* files whose callback is due or runs */
	bool ack_wanted, acking;       /* one at a time: the next when that has been answered */
	struct list_node ack;
};

/* A CREATE under way that asks for an oplock or a lease; goes with its request. */
struct cli_opening {
	struct hythe_connection *conn;
	struct hythe_tree *tree;       /* the request's */
	struct cli_lease *lease;       /* NULL: an oplock */
	struct list_node link;         /* in lease->openings */
	uint8_t level;                 /* what was asked for */
	uint32_t wish;                 /* lease state */
	uint32_t cap;                  /* what breaks have left of a version 1 answer that they overtook */
	hythe_cache_fn *fn;
	void *arg;
	bool again;                    /* asked for a second time, by another key */
};

/* Of an open file. */
struct cli_hold {
	bool used;                     /* fixed: the others mean something */
	bool closed;                   /* the application has given it back */
	struct cli_lease *lease;       /* NULL: none, or not any more */
	struct list_node on_lease;
	uint8_t level;                 /* Open.OplockLevel */
	struct htab_node by_id;
	hythe_cache_fn *fn;
	void *arg;
	uint32_t told, lost;           /* what the application thinks it may cache, and what of it went since */
	bool purge;
	bool busy, running;            /* the callback is due or runs; it runs, on `runner` */
	pthread_t runner;
	struct list_node due;
	bool ack_wanted;               /* of the oplock */
	struct list_node ack;
};

/* An oplock break that came before the CREATE response with its FileId. */
struct cli_early_break {
	uint64_t persistent, volatile_id;
	uint8_t level;
};
enum { CLI_EARLY_BREAKS = 8 };

void cli_cache_init(struct cli_cache *c);
/* No callback begins any more: cli_cache_run only drops what is due. */
void cli_cache_stop(struct hythe_client *client);
/* Waits for the one that runs. */
void cli_cache_join(struct hythe_client *client);
/* When no file is left. */
void cli_cache_destroy(struct cli_cache *c);

/* --- lease.c --- */
/* Takes note of what p asks for (r->opening), and puts the lease's context. *level is what CREATE says. */
ntstatus cli_cache_ask(struct cli_request *r, const struct hythe_open_params *p, struct slice path, struct wire *contexts,
	uint8_t *level) MUST_USE;
/* 3.2.5.7: f holds what the response grants. INVALID_NETWORK_RESPONSE when that is not what was asked for. */
ntstatus cli_cache_opened(struct cli_request *r, struct hythe_file *f, const struct smb2_create_rsp *rsp) MUST_USE;
/* The same CREATE with a key that is new: a request to be submitted, or NULL when there is no reason for it. */
struct cli_request *cli_cache_ask_again(struct cli_request *r, ntstatus status) MUST_USE;
/* The request ends. */
void cli_cache_asked(struct cli_request *r);
/* f holds nothing any more: its CLOSE is on its way, or the application has given it back. */
void cli_cache_leave(struct hythe_file *f);
/* The same, and waits for a callback of f that runs on another thread. */
void cli_cache_leave_and_wait(struct hythe_file *f);
/* f has, or is about to have, another name: opens of the old one get another key. */
void cli_cache_renamed(struct hythe_file *f);
/* For breaks.c; the lock is held. */
struct cli_lease *cli_lease_find_locked(struct cli_cache *c, const uint8_t key[16]);
void cli_hold_drop_locked(struct cli_cache *c, struct hythe_file *f);

/* --- breaks.c --- */
/* 3.2.5.19: a notification. false: it concerns nothing that is held. */
bool cli_cache_broken(struct hythe_connection *conn, const uint8_t *message, size_t len);
/* 3.2.7.1, 3.2.4.22, 3.2.4.23: what the files of the connection held is gone, of the session, of the tree; NULL: of any. */
void cli_cache_gone(struct hythe_connection *conn, const struct hythe_session *s, const struct hythe_tree *t);
uint32_t cli_hold_state_locked(const struct hythe_file *f);
/* Makes the callback due if there is something to tell. */
void cli_hold_tell_locked(struct cli_cache *c, struct hythe_file *f);
/* All files of l, after its state has fallen or `purge`. */
void cli_lease_tell_locked(struct cli_cache *c, struct cli_lease *l, bool purge);
/* Sends the acknowledgment as soon as no callback is in the way. */
void cli_lease_settle_locked(struct cli_cache *c, struct cli_lease *l);
void cli_oplock_break_locked(struct cli_cache *c, struct hythe_file *f, uint8_t level);
/* After the lock was let go: sends acknowledgments, wakes who runs callbacks. */
void cli_cache_settle(struct hythe_client *client);
/* Callbacks are due, and this thread may run one. */
bool cli_cache_due(struct hythe_client *client);
/* Runs them; no lock is held. */
void cli_cache_run(struct hythe_client *client);
/* With threads in the pool: sees that there is one for callbacks. */
ntstatus cli_cache_need_runner(struct hythe_client *client) MUST_USE;
bool cli_cache_on_runner(void);

#endif

/* The server as a whole: its configuration, shares, connections and the global session table. */
#ifndef SERVER_SRV_H
#define SERVER_SRV_H

#include "auth/auth.h"
#include "base/clock.h"
#include "base/htab.h"
#include "base/list.h"
#include "net/net.h"
#include "net/tap.h"
#include "proto/proto.h"
#include "server/share.h"

#include <pthread.h>

/* What a stranger, and what a user, can make us hold. */
struct srv_limits {
	uint32_t connections;              /* accepted at once */
	uint32_t unauthenticated;          /* of these, not logged on yet */
	uint32_t sessions_per_connection;
	uint32_t sessions_of_strangers;    /* on a connection where nobody with a name has logged on */
	uint32_t anonymous_trees_and_opens; /* of each, in an anonymous session */
	uint32_t trees_per_session;
	uint32_t opens_per_session;
	uint32_t locks_per_session;        /* byte-range locks, held or waited for */
	uint32_t disconnected_opens;       /* durable ones, that wait for their client to come back ... */
	uint32_t disconnected_opens_per_user; /* ... and of one user */
	uint32_t durable_timeout_ms;       /* how long, if the client does not say ... */
	uint32_t durable_timeout_most_ms;  /* ... and at most */
	uint32_t share_instances;          /* of a share whose path depends on who connects ... */
	uint32_t share_instances_per_user; /* ... and of one user */
	uint32_t parked_per_connection;
	uint32_t unsent_per_connection;    /* bytes of replies that a peer does not take: above this no more requests are taken from it */
	uint32_t workers_waiting;          /* at once, for CREATEs in the middle of chains */
	uint32_t store_waits;              /* workers that wait for a store at once and have another in their place */
	uint32_t login_timeout_ms;         /* a connection without a valid session lives no longer */
	uint32_t frame_timeout_ms;         /* a frame that has begun completes in this time */
	uint32_t idle_timeout_ms;          /* 0: never */
};

struct srv_durables;

enum { SRV_LISTENERS = 64 };

struct srv {
	struct net_pool *pool;
	const struct clock *clock;
	struct proto_config proto;
	struct srv_limits limits;
	struct user_store *users;
	struct net_tap tap;
	bool test_aids;                    /* smbtorture's private FSCTLs are answered */
	bool guest, encrypt_sessions;
	_Atomic uint64_t smb1_messages;    /* that have come to server/smb1 beyond NEGOTIATE */
	char netbios_name[16], workgroup[16], comment[256];
	char (*aliases)[16];               /* further names that NetBIOS sessions are asked for by */
	size_t alias_count;
	uint64_t start_filetime;
	struct net_address bound[SRV_LISTENERS]; /* where it listens */
	_Atomic size_t bound_count;

	pthread_mutex_t lock;              /* of what follows */
	struct list_node conns, shares;    /* srv_conn.link, srv_share.link */
	uint32_t conn_count, stranger_count; /* strangers have not logged on */
	struct htab sessions;              /* srv_session.by_id */
	bool stopping;
	pthread_cond_t drained;            /* conn_count has become 0 */
	pthread_cond_t session_left;       /* one has left `sessions` */
	struct net_timer reaper;

	pthread_mutex_t grant_lock;        /* of leases, and of the opens and timers of struct srv_grant */
	struct htab leases;                /* srv_grant.by_key */
	struct htab lease_conns;           /* srv_conn.by_client: connections of clients that have asked for leases */
	uint64_t next_lease_order;

	struct srv_durables *durables;     /* durable.c */

	pthread_mutex_t mirror_lock;       /* held while locks are changed on shares with mirror_locks: here and in the system as one */
	pthread_mutex_t local_lock;        /* of srv_share.local */
	_Atomic uint64_t next_session_id, next_open_id;
	_Atomic uint32_t workers_waiting, store_waits;
};

/* Prepares everything but the pool, users and shares, which the caller sets. */
ntstatus srv_init(struct srv *s, const struct clock *clock) MUST_USE;
void srv_destroy(struct srv *s);
/* Begins to serve a connection (from a listener or, in tests, a mem pair). smb1: NT LM 0.12 is spoken with a client that knows nothing else. Takes
 * over c. */
void srv_accept(struct srv *s, struct net_conn *c, bool smb1);
/* Ends every connection. */
void srv_disconnect_all(struct srv *s, bool drain);
/* Arms the reaper of connections that never log on. */
void srv_start_timers(struct srv *s);
/* The share of that name (UTF-16LE, any case), referenced; NULL: none. */
struct srv_share *srv_share_find(struct srv *s, struct slice name) MUST_USE;
/* Puts a share into the list (which takes over the reference), replacing one of the same name. */
void srv_share_add(struct srv *s, struct srv_share *share);

#endif

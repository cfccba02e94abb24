/* Sessions, their channels and tree connects ([MS-SMB2] 3.3.1.8, 3.3.1.14, 3.3.1.9). A session is referenced by the global table and by its
 * channels, a channel by its session, its connection and the requests that came by it. Lock order: see docs/architecture.md. */
#ifndef SERVER_SESSION_H
#define SERVER_SESSION_H

#include "auth/auth.h"
#include "base/htab.h"
#include "fsa/fsa.h"
#include "proto/proto.h"
#include "server/share.h"

#include <pthread.h>

struct srv;
struct srv_conn;

enum srv_session_state { SRV_SESSION_IN_PROGRESS, SRV_SESSION_VALID, SRV_SESSION_EXPIRED, SRV_SESSION_GONE };

/* Who has logged on. Never changes, and is shared. */
struct srv_user {
	_Atomic uint32_t refs;
	bool anonymous, guest;
	char name[];                     /* UTF-8, as stored; "" for anonymous */
};

/* Of the opens of a session; durable ones take it with them. */
struct srv_lock_budget {
	_Atomic uint32_t refs;
	struct fsa_lock_budget locks;
};

struct srv_session {
	_Atomic uint32_t refs;
	struct htab_node by_id;          /* in srv->sessions */
	uint64_t id;
	struct srv *srv;
	uint16_t dialect;                /* of its first connection, and so of all */
	_Atomic int state;
	struct srv_user *user;           /* referenced, under lock: any channel may log on anew; NULL: nobody has yet */
	/* Set before it becomes valid, then constant; but keys come late to an anonymous session that logs on again as somebody. */
	bool signing_required, encrypt_data;
	_Atomic bool have_keys;
	struct proto_keys keys;
	uint64_t created_filetime;
	_Atomic uint64_t idle_since_ms;
	struct srv_lock_budget *lock_budget; /* referenced */

	pthread_mutex_t lock;            /* of what follows */
	struct list_node channels;       /* srv_channel.on_session */
	uint32_t channel_count;
	struct htab opens, trees;
	uint32_t next_tree_id;
	size_t open_count, tree_count;
};

/* BINDING: the logon that is to join the connection to the session is under way, and nothing else may use it. GONE: nothing comes by it or goes; it is
 * still its session's while it has requests that are kept. */
enum srv_channel_state { SRV_CHANNEL_BINDING, SRV_CHANNEL_OPEN, SRV_CHANNEL_GONE };

/* A session on one of its connections. */
struct srv_channel {
	_Atomic uint32_t refs;
	struct list_node on_conn;        /* in conn->channels, under the connection's lock */
	struct list_node on_session;     /* in session->channels, under the session's */
	struct srv_session *session;     /* referenced, as is ... */
	struct srv_conn *conn;           /* ... this one */
	_Atomic int state;
	_Atomic uint32_t kept;           /* requests of its that outlive its connection */
	_Atomic(const struct proto_keys *) signing; /* what signs here: `own` or the session's; NULL: nothing does */
	struct proto_keys *own;          /* of a channel that was bound: a signing key; else NULL */
	/* For SESSION_SETUP, whose legs come one after the other on a connection. */
	struct auth_server *auth;        /* while legs are under way */
	bool reauthenticating;
	uint8_t preauth[64];
};

struct srv_tree {
	_Atomic uint32_t refs;
	struct htab_node by_id;          /* in session->trees */
	uint32_t id;
	struct srv_session *session;     /* not referenced */
	struct srv_share *share;         /* referenced */
	uint32_t maximal_access;
	bool read_only, is_admin;
	bool ended;                      /* under the session's lock */
};

struct srv_session *srv_session_ref(struct srv_session *s);
void srv_session_put(struct srv_session *s);
/* The session is valid from now on, and that user's. USER_SESSION_DELETED: another connection, whose PreviousSessionId it is, has ended it meanwhile;
 * it stays ended. */
ntstatus srv_session_logged_on(struct srv_session *s, const struct auth_identity *id) MUST_USE;
/* Referenced; NULL: nobody has logged on yet. */
struct srv_user *srv_session_user(struct srv_session *s) MUST_USE;
struct srv_user *srv_user_ref(struct srv_user *u);
void srv_user_put(struct srv_user *u);
/* Neither anonymous nor guest. */
bool srv_session_is_named(struct srv_session *s);
/* Likewise, and of that name. */
bool srv_session_is(struct srv_session *s, const char *user);
bool srv_session_is_anonymous_locked(const struct srv_session *s);
struct srv_channel *srv_channel_ref(struct srv_channel *ch);
void srv_channel_put(struct srv_channel *ch);
void srv_lock_budget_put(struct srv_lock_budget *b);
struct srv_tree *srv_tree_find(struct srv_session *s, uint32_t id) MUST_USE;
/* The same under the session's lock. */
struct srv_tree *srv_tree_find_locked(struct srv_session *s, uint32_t id) MUST_USE;
struct srv_tree *srv_tree_ref(struct srv_tree *t);
void srv_tree_put(struct srv_tree *t);

#endif

/* Sessions and tree connects ([MS-SMB2] 3.3.1.8, 3.3.1.9). A session is referenced by the global table, by its connection and by the
 * requests that run under it. Lock order: see docs/architecture.md. */
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

/* Of the opens of a session; durable ones take it with them. */
struct srv_lock_budget {
	_Atomic uint32_t refs;
	struct fsa_lock_budget locks;
};

struct srv_session {
	_Atomic uint32_t refs;
	struct htab_node by_id;          /* in srv->sessions */
	struct list_node on_conn;        /* in conn->sessions */
	uint64_t id;
	struct srv *srv;
	struct srv_conn *conn;           /* referenced */
	_Atomic int state;
	struct auth_server *auth;        /* while legs are under way */
	struct auth_identity identity;
	bool signing_required, encrypt_data, reauthenticating;
	uint8_t preauth[64];
	struct proto_keys keys;
	bool have_keys;
	uint64_t created_filetime;
	_Atomic uint64_t idle_since_ms;
	struct srv_lock_budget *lock_budget; /* referenced */

	pthread_mutex_t lock;            /* of what follows */
	struct htab opens, trees;
	uint32_t next_tree_id;
	size_t open_count, tree_count;
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
void srv_lock_budget_put(struct srv_lock_budget *b);
struct srv_tree *srv_tree_find(struct srv_session *s, uint32_t id) MUST_USE;
struct srv_tree *srv_tree_ref(struct srv_tree *t);
void srv_tree_put(struct srv_tree *t);

#endif

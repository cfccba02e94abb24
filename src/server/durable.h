/* Durable opens ([MS-SMB2] 3.3.1.10, 3.3.2.2, 3.3.6.2, 3.3.7.1): those that outlive their connection and session until their client
 * comes back or their time is up, and those that others may find by a GUID: of the CREATE (for its replay) or of an application. Only they
 * are in the tables here; other opens never take the lock. */
#ifndef SERVER_DURABLE_H
#define SERVER_DURABLE_H

#include "server/open.h"
#include "server/session.h"

struct srv_durables; /* the tables of a server */

/* NEW: its CREATE is under way. ATTACHED: in a session's table. DISCONNECTED: kept by its timer. CLAIMED: taken from there by a request that is
 * about to attach it. */
enum srv_durable_state { SRV_DURABLE_NEW, SRV_DURABLE_ATTACHED, SRV_DURABLE_DISCONNECTED, SRV_DURABLE_CLAIMED, SRV_DURABLE_CLOSED };

/* What is constant once the open is published is read without the lock. */
struct srv_durable {
	struct srv *srv;
	struct srv_open *open;          /* whose it is; NULL: not made yet */
	struct srv_lock_budget *budget; /* referenced */
	struct srv_user *owner;         /* whose it is, referenced */
	struct guid client, create_guid, app;
	bool has_create_guid;           /* of DH2Q: by_create is in the table until it is closed */
	bool has_app;
	bool is_durable;
	_Atomic bool used;              /* by its client, who has got the answer to its CREATE then */
	uint32_t timeout_ms;
	/* Of the answer to its CREATE, for a replay. */
	uint32_t action, maximal;

	/* Under the lock of the tables. */
	enum srv_durable_state state;
	bool doomed;                    /* is to be closed as soon as whoever claimed it is through */
	bool published;                 /* by_id and, with an app, by_app are in the tables */
	struct htab_node by_id, by_create, by_app;
	struct list_node link;          /* of those that are disconnected */
	struct durable_user *user;      /* likewise */
	uint64_t due_ms;
	struct net_timer timer;
};

struct srv_durables *srv_durables_new(void);
void srv_durables_free(struct srv_durables *t);

/* For a CREATE of that session's user. NULL: out of memory. */
struct srv_durable *srv_durable_new(struct srv_session *s, const struct guid *client) MUST_USE;
/* Reserves d's create_guid (3.3.5.9.10). DUPLICATE_OBJECTID: *found, referenced, has it, or (NULL) a CREATE that is under way. Nobody replays
 * the CREATE of an open that he uses: to a replay such an open is none. */
ntstatus srv_durable_reserve(struct srv_durable *d, const struct guid *create_guid, bool replay, struct srv_open **found) MUST_USE;
/* One without an open, or of an open that goes; NULL is allowed. */
void srv_durable_free(struct srv_durable *d);
/* The open has entered its session, whose lock is held. */
void srv_durable_published(struct srv_open *o);
/* An open with that persistent id, referenced; NULL: none. */
struct srv_open *srv_durable_find(struct srv *srv, uint64_t persistent) MUST_USE;
/* The n-th open of that application from another client on that share, referenced; NULL: there are not so many. */
struct srv_open *srv_durable_find_app(const struct srv_share *share, struct srv *srv, const struct guid *app, const struct guid *client,
	size_t n) MUST_USE;
/* The session that has it, referenced; NULL: none. */
struct srv_session *srv_durable_session(struct srv_open *o) MUST_USE;

/* 3.3.4.17, wherever it is. */
void srv_durable_close(struct srv_open *o);
/* Its session s ends. false: it does not last and is the caller's to close. */
bool srv_durable_disconnect(struct srv_open *o, struct srv_session *s) MUST_USE;
/* Takes a disconnected open for a request to bring it back: with srv_durable_attach, or back to where it was. false: it is not there
 * to be taken. */
bool srv_durable_claim(struct srv_open *o) MUST_USE;
void srv_durable_unclaim(struct srv_open *o);
ntstatus srv_durable_attach(struct srv_open *o, struct srv_session *s, struct srv_tree *t) MUST_USE;
/* true: it was disconnected, and is closed. */
bool srv_durable_close_disconnected(struct srv_open *o);
bool srv_durable_any_disconnected(const struct srv *srv);
/* The share is out of the list: closes what is disconnected of it. */
void srv_durable_retire(struct srv *srv, struct srv_share *share);
/* The server stops: closes what is disconnected, and nothing is kept any more. */
void srv_durable_end_all(struct srv *srv);

#endif

/* The life of sessions and trees beyond finding them: who makes them and who ends them. */
#ifndef SERVER_TABLES_H
#define SERVER_TABLES_H

#include "server/conn.h"

/* A new session in state InProgress, in the global table, with a channel on its connection; one reference to that for the caller. NULL: past
 * a limit. */
struct srv_channel *srv_session_new(struct srv_conn *c) MUST_USE;
/* Ends a session: out of both tables, opens closed or, if durable, disconnected, trees gone, parked requests cancelled. Idempotent. */
void srv_session_end(struct srv_session *s);
/* The same, and waits until it has ended even if somebody else is about it: its durable opens can then be had back. */
void srv_session_end_for_good(struct srv_session *s);
/* The session of that id anywhere on the server, referenced; NULL: none. */
struct srv_session *srv_session_find_global(struct srv *srv, uint64_t id) MUST_USE;

/* 3.3.7.1: none of its connections is there any more, though that may not have been noticed yet. Blocks for up to within_ms for each
 * of them until that is so. */
bool srv_session_lost(struct srv_session *s, unsigned within_ms);
/* Cancels what is parked on any connection of s, of that open, that tree (without an open) or, both NULL, of the whole session. */
void srv_session_cancel(struct srv_session *s, const struct srv_open *o, const struct srv_tree *t, ntstatus status);

/* A channel that is in no table yet, in state BINDING, to join that connection to that session. NULL: out of memory. */
struct srv_channel *srv_channel_new(struct srv_conn *c, struct srv_session *s) MUST_USE;
/* Puts it into both tables, for the legs of its logon. */
ntstatus srv_channel_enter(struct srv_channel *ch) MUST_USE;
/* The logon is done, and its own keys sign from now on. false: the session has gone meanwhile. */
bool srv_channel_open(struct srv_channel *ch) MUST_USE;
/* Takes a channel out of both tables. true: it was the session's last, which has to end. Idempotent. */
bool srv_channel_leave(struct srv_channel *ch) MUST_USE;
/* A request on ch outlives its connection: the session can still find it. false: the session has no other channel, and goes, too. */
bool srv_channel_keep(struct srv_channel *ch) MUST_USE;
/* Such a request is through. */
void srv_channel_unkeep(struct srv_channel *ch);
/* A channel of s whose connection is there, referenced; the one that is given, if it is such. NULL: none. */
struct srv_channel *srv_channel_alive(struct srv_session *s, struct srv_channel *preferred) MUST_USE;

/* A new tree in its session's table, one reference for the caller; share's reference is taken over, also on failure (NULL). */
struct srv_tree *srv_tree_new(struct srv_session *s, struct srv_share *share) MUST_USE;
/* 3.3.5.8: closes the tree's opens and takes it out of its session. */
void srv_tree_end(struct srv_tree *t);

#endif

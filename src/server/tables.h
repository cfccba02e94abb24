/* The life of sessions and trees beyond finding them: who makes them and who ends them. */
#ifndef SERVER_TABLES_H
#define SERVER_TABLES_H

#include "server/conn.h"

/* A new session in state InProgress, in the global table and on its connection; one reference for the caller. NULL: past a limit. */
struct srv_session *srv_session_new(struct srv_conn *c) MUST_USE;
/* Ends a session: out of both tables, opens closed or, if durable, disconnected, trees gone, parked requests cancelled. Idempotent. */
void srv_session_end(struct srv_session *s);
/* The same, and waits until it has ended even if somebody else is about it: its durable opens can then be had back. */
void srv_session_end_for_good(struct srv_session *s);
/* The session of that id anywhere on the server, referenced; NULL: none. */
struct srv_session *srv_session_find_global(struct srv *srv, uint64_t id) MUST_USE;

/* A new tree in its session's table, one reference for the caller; share's reference is taken over, also on failure (NULL). */
struct srv_tree *srv_tree_new(struct srv_session *s, struct srv_share *share) MUST_USE;
/* 3.3.5.8: closes the tree's opens and takes it out of its session. */
void srv_tree_end(struct srv_tree *t);

#endif

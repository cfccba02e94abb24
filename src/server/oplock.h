/* Oplocks and leases ([MS-SMB2] 3.3.1.11, 3.3.1.12): the table of leases, telling holders of breaks, how long to wait for their answer,
 * and how others wait meanwhile. What breaks when: fsa. */
#ifndef SERVER_OPLOCK_H
#define SERVER_OPLOCK_H

#include "server/open.h"

struct srv_share;

/* What one open, or all opens of one lease, may cache. Referenced by each of these opens until it is freed, by its clock and by
 * whoever tells its holder. The lists and the clock are guarded by srv.grant_lock. */
struct srv_grant {
	_Atomic uint32_t refs;
	bool epochs;                    /* a lease that was asked for with an epoch: Lease.Version 2 */
	struct fsa_grant fsa;
	struct srv *srv;
	struct htab_node by_key;        /* a lease that has opens: in srv.leases */
	const struct fsa *store;        /* whose file it is ... */
	struct vfs_id id;               /* ... and which */
	const struct srv_share *share;  /* the configured one that the store is of */
	struct list_node opens;         /* srv_open.on_grant */
	struct srv_break_clock *clock;  /* while a break waits for its acknowledgment */
};

/* A lease that a CREATE asks for, 2.2.13.2.8 and 2.2.13.2.10. */
struct srv_lease_wish {
	uint8_t key[16], parent_key[16];
	uint16_t epoch;
	bool epochs, has_parent;
};

/* For fsa_new: keeps the grant until its holder has been told. */
void srv_oplock_hold(struct fsa_grant *g);
/* Before an open of that file enters with a wish for an oplock (lease NULL) or a lease: gives it its grant and says where breaks are to be
 * told. INVALID_PARAMETER when the lease is one of another file. */
ntstatus srv_oplock_attach(struct srv_open *o, struct srv_channel *ch, struct vfs_id id, const struct srv_lease_wish *lease) MUST_USE;
/* Whether there is a lease of that key, and not in another directory of the tree's share. */
bool srv_lease_known(struct srv_tree *t, struct srv_conn *c, const struct srv_lease_wish *lease);
/* INVALID_PARAMETER as above, for a file that gets no such lease now. */
ntstatus srv_lease_may_name(struct srv_tree *t, struct srv_conn *c, struct vfs_id id, const struct srv_lease_wish *lease) MUST_USE;
/* To a client the directories that a share with a varying path comes to are one: it knows files of one name in two of them by one key, and would take
 * what it keeps of the one for the other. Each has a lease then, but neither caches. is_split: there are others of this open's lease;
 * end_split, after the open has been entered: they all break, its own too. */
bool srv_lease_is_split(const struct srv_open *o);
void srv_lease_end_split(struct srv_open *o);
/* The connection has gone: nobody is told through it. */
void srv_lease_conn_gone(struct srv_conn *c);
/* The first connection of that client on which it has asked for a lease, referenced; NULL: none. */
struct srv_conn *srv_lease_conn(struct srv *srv, const struct fsa_key *key) MUST_USE;
/* The session of a durable open has gone; later it has another. Between the two nobody is told through it. */
void srv_oplock_disconnect(struct srv_open *o);
void srv_oplock_reconnect(struct srv_open *o, struct srv_channel *ch, uint64_t volatile_id);
/* After an open has left its node: nobody can be told through it any more. */
void srv_oplock_detach(struct srv_open *o);
/* The lease of that client, the one that is breaking if there are several, referenced; NULL: none. */
struct srv_grant *srv_lease_find(struct srv *srv, const struct fsa_key *key) MUST_USE;
void srv_grant_put(struct srv_grant *g);
/* The response that granted the oplock is out: from now on breaks can be told, and one that came before is. Takes over a
 * reference; NULL is allowed. */
void srv_oplock_announce(struct srv_open *o);
/* The client never hears of this oplock: its CREATE failed, or it got none. */
void srv_oplock_forget(struct srv_open *o);
/* Sends the notifications (3.3.4.6, 3.3.4.7) and starts the clock where an acknowledgment is due. Without locks held. */
void srv_oplock_tell(struct fsa_breaks *b);
/* No answer is awaited any more. */
void srv_oplock_disarm(struct srv_grant *g);
/* The answer has come. `next`: what the answer itself breaks, to be told now, or NULL; for a break that has begun since then the time starts anew. */
void srv_oplock_answered(struct srv_grant *g, struct fsa_breaks *next);
/* The file's data or size changed through o. */
void srv_oplock_written(struct srv_open *o);
/* Entries of the directory that path lies in changed, by means of o (NULL: nobody who holds a lease on it). */
void srv_oplock_entry_changed(struct srv_share *s, const struct srv_open *o, struct slice path);

/* Waits for the break that r->awaited tells of, after which the request starts again: PARKED; or waits here and now, in the middle of a
 * chain: SUCCESS, and the caller starts again. */
struct srv_result srv_break_wait(struct srv_request *r);
/* What others hold of that file gives way to what r does through its open. PENDING: srv_break_wait. */
ntstatus srv_oplock_give_way(struct srv_request *r, struct vfs_id id, enum fsa_operation op) MUST_USE;

#endif

/* Inside of fsa: the table of nodes. A shard's lock guards its nodes, their lists and the opens in them. */
#ifndef FSA_NODE_H
#define FSA_NODE_H

#include "fsa/fsa.h"

#include <pthread.h>

enum { FSA_SHARDS = 64, FSA_LOCK_COUNTERS = 64 };

enum fsa_lock_kind { FSA_LOCK_EXCLUSIVE, FSA_LOCK_SHARED, FSA_LOCK_NOWHERE, FSA_LOCK_KINDS };

struct fsa_shard {
	pthread_mutex_t lock;
	struct htab nodes;
	void (*hold)(struct fsa_grant *g);
	_Atomic uint32_t locks_near[FSA_LOCK_COUNTERS]; /* locks on the files of one hash each */
};

/* written.c */
struct fsa_written {
	uint64_t before, due_ms, then; /* what is shown until due_ms; and from then on, 0: nobody has looked */
};

struct fsa_node {
	struct htab_node by_id;
	struct vfs_id id;
	struct fsa_shard *shard;
	struct list_node opens;
	struct list_node grants;  /* fsa_grant.link */
	struct list_node waiters; /* fsa_waiter.link */
	struct fsa_written *written; /* NULL: the time that is shown is the store's */
	struct fsa_lock *locks[FSA_LOCK_KINDS]; /* the roots of lock.c's trees */
	struct list_node lock_waits; /* fsa_lock_wait.link, oldest first */
	uint32_t breaks_ended;
	bool delete_pending;
	bool removing; /* somebody was told to remove the file and has not reported yet */
	bool unlinked; /* the name has gone while opens are left */
};

struct fsa {
	_Atomic uint64_t removals;
	_Atomic uint32_t late_count;  /* nodes whose written.late is set */
	_Atomic uint32_t directory_leases; /* fsa_directory_leases */
	struct fsa_shard shards[FSA_SHARDS];
	_Atomic uint32_t watch_count;
	pthread_mutex_t watch_lock;   /* of watches */
	struct list_node watches;     /* fsa_watch.link */
};

/* A file and its streams are nodes of the same shard and hash. */
struct fsa_shard *fsa_shard_of(struct fsa *f, struct vfs_id id);
/* Locks the shard of that file and finds its node; NULL without one. */
struct fsa_node *fsa_node_lock(struct fsa *f, struct vfs_id id, struct fsa_shard **shard, uint64_t *hash);
/* The node of a file, given that of the file or of one of its streams, or NULL. */
struct fsa_node *fsa_node_of_file_locked(struct fsa_shard *shard, struct vfs_id id, uint64_t hash);
/* What an open that enters does to the oplocks of the node: SUCCESS (go on), PENDING or SHARING_VIOLATION. */
ntstatus fsa_break_by_open_locked(struct fsa_node *node, const struct fsa_enter *e, bool conflict, struct fsa_breaks *b);
/* What others hold gives way to that operation. */
ntstatus fsa_break_locked(struct fsa_node *node, const struct fsa_open *o, enum fsa_operation op, struct fsa_breaks *b);
/* Gives an open that has just been put into the node what it can have of what it wants. */
void fsa_grant_enter_locked(struct fsa *f, struct fsa_node *node, const struct fsa_enter *e, struct fsa_open *o);
/* o, still in its node, has it no more. */
void fsa_grant_leave_locked(struct fsa_open *o);
/* None of the rights that touch what the holder of a lease may have cached. */
bool fsa_access_looks(uint32_t access);
/* Takes all waiters out since something has changed for them; they are to be woken without the lock. */
void fsa_waiters_take_locked(struct fsa_node *node, struct list_node *woken);
void fsa_waiters_wake(struct list_node *woken);
/* What was written shows from now on. */
void fsa_written_end_locked(struct fsa *f, struct fsa_node *node);
/* An open has been put into its node, or is about to leave it. Those it lets have their locks are to be woken without the lock. */
void fsa_locks_enter_locked(struct fsa_open *o, uint64_t hash);
void fsa_locks_leave_locked(struct fsa_open *o, struct list_node *woken);
/* Whether a lock of the node, one that is there or waited for, begins before that byte. */
bool fsa_locks_begin_before_locked(const struct fsa_node *node, uint64_t offset);
void fsa_lock_waits_wake(struct list_node *woken);

#endif

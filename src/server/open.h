/* Opens ([MS-SMB2] 3.3.1.10) and the table of a session's opens. An open is referenced by the table and by every request that
 * works on it. srv_open_close takes it out of the table and gives up its share mode, locks and delete-on-close at once; the
 * store's handle is closed with the last reference, so that a READ under way keeps its file. */
#ifndef SERVER_OPEN_H
#define SERVER_OPEN_H

#include "base/htab.h"
#include "fsa/fsa.h"
#include "net/net.h"
#include "server/request.h"
#include "vfs/vfs.h"

#include <pthread.h>

struct srv_pipe;
struct srv_watch;
struct srv_grant;
struct srv_durable;
enum { SRV_LOCK_SEQUENCES = 64, SRV_LOCK_SEQUENCE_VALID = 0x10 };

struct srv_enumeration; /* position and pattern of QUERY_DIRECTORY, in cmd_query_directory.c */

struct srv_open {
	_Atomic uint32_t refs;
	_Atomic uint32_t parked;        /* requests of its */
	struct htab_node by_id;         /* in session->opens */
	struct smb2_file_id file_id;
	struct srv *srv;
	struct srv_share *share;        /* referenced, as is ... */
	struct srv_tree *tree;          /* ... the tree of its session, under the session's lock; NULL: disconnected */
	struct srv_session *session;    /* not referenced: the session closes its opens before it goes, or lets go of them. Never changes but
					 * for durable opens, with their lock held */
	struct srv_durable *durable;    /* NULL: it cannot outlive its connection, nor is it to be found by others */
	uint32_t granted_access;        /* specific rights, generic bits mapped */
	uint32_t create_options;
	bool directory, delete_on_close;
	bool watch_closed;
	_Atomic bool closed;
	_Atomic bool name_hides;        /* the share shows files of this name as HIDDEN */
	_Atomic bool mirrored;          /* some of its locks are the system's, too */
	_Atomic bool kept_off;          /* local programs that open the file wait for its oplock to break */
	_Atomic bool announcing;        /* some chain or request tells of what it was granted */
	_Atomic bool archived;          /* what was written through this handle has been marked for the archive */
	_Atomic bool entry_changed;     /* it has written: leases on its directory end when it is closed */
	_Atomic uint32_t ea_done;       /* CurrentEaIndex less one: how many EAs queries have given out */
	_Atomic uint32_t mode;          /* FileModeInformation */
	struct vfs_file *file;          /* NULL for pipes */
	struct fsa_open fsa;            /* share mode, in the node of the file */
	struct srv_pipe *pipe;          /* NULL: a file */
	pthread_mutex_t lock;           /* of pipe, enumeration, watch, lock_sequences */
	struct srv_enumeration *enumeration;
	struct srv_watch *watch;        /* of CHANGE_NOTIFY, in notify.c */
	_Atomic(uint8_t *) lock_sequences; /* SRV_LOCK_SEQUENCES numbers of LOCKs done, + SRV_LOCK_SEQUENCE_VALID; 0: none (inventory G056) */
	struct srv_channel *oplock_channel; /* where breaks are told, referenced; NULL: it never asked for an oplock, or is disconnected. This, and
	                                 * what of file_id changes, under srv.grant_lock */
	struct srv_grant *grant;        /* its oplock or lease, referenced, in oplock.h */
	struct list_node on_grant;      /* in grant->opens */
	struct vfs_watch *local;        /* of a directory with a lease: local changes end that; NULL: none, or they cannot be heard of */
	struct fsa_key *parent_key;     /* of the lease on its directory that this client holds; NULL: it spoke of none */
	struct srv_open *announce_next; /* in the chain whose response tells the client, if announcing */
	_Atomic uint64_t position;      /* FilePositionInformation */
	_Atomic uint64_t channel_state; /* ChannelSequence, OutstandingRequestCount, OutstandingPreRequestCount: see sequence.c */
	_Atomic uint64_t sticky_changed; /* likewise ChangeTime, which setting other times and attributes through it does not move */
	_Atomic uint64_t sticky_written; /* LastWriteTime as set through this handle: its writes do not move it ([MS-FSA] 2.1.4.17); 0: not set */
};

/* A new open with its ids and one reference for the caller, in no table. NULL: out of memory. */
struct srv_open *srv_open_new(struct srv_session *s, struct srv_tree *t) MUST_USE;
/* Puts it into its session's table (which takes a reference); INSUFFICIENT_RESOURCES past the limit,
 * USER_SESSION_DELETED when the session has gone meanwhile. */
ntstatus srv_open_publish(struct srv_open *o) MUST_USE;
/* Whether the session has room for one more, and the tree is there; with the session's lock held. */
ntstatus srv_open_may_enter_locked(struct srv_session *s, const struct srv_tree *t) MUST_USE;
/* The open of that id in the session and on that tree (NULL: any), referenced; NULL: FILE_CLOSED (3.3.5.10). */
struct srv_open *srv_open_find(struct srv_session *s, struct smb2_file_id id, const struct srv_tree *t) MUST_USE;
/* The same under the session's lock. */
struct srv_open *srv_open_find_locked(struct srv_session *s, struct smb2_file_id id, const struct srv_tree *t) MUST_USE;
/* Its id, which changes when a durable open comes back. */
struct smb2_file_id srv_open_id(struct srv_open *o);
/* A volatile half that no open of the server has. */
uint64_t srv_open_new_volatile(struct srv *srv);
struct srv_open *srv_open_ref(struct srv_open *o);
void srv_open_put(struct srv_open *o);
/* 3.3.4.17. Idempotent; the first call gives the status of delete-on-close's work in the log only. */
void srv_open_close(struct srv_open *o);
/* What closing does once the open is in no table any more; s: the session that had it, or NULL. Drops the table's reference. */
void srv_open_end(struct srv_open *o, struct srv_session *s);
/* Gives up the share mode; the last open of a file that is to be deleted deletes it. srv_open_close does it for a published open. */
void srv_open_leave(struct srv_open *o);
/* The file's attributes and times as clients are shown them. */
ntstatus srv_open_stat(struct srv_open *o, struct vfs_stat *st) MUST_USE;
/* The same of those that the store has given. */
void srv_open_show(const struct srv_open *o, struct vfs_stat *st);
/* The path of a handle, with ":stream" behind it if it is one of a stream; in the arena. */
struct slice srv_open_name(struct vfs_file *f, struct arena *a);
/* Frees what QUERY_DIRECTORY keeps. */
void srv_enumeration_free(struct srv_enumeration *e);

#endif

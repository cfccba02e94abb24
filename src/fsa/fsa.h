/* File semantics of [MS-FSA] and of [MS-SMB2] 3.3.1: who may open what beside whom, what is being deleted, which names are
 * legal, what rights mean. Knows no bytes of the wire and no sockets. A node stands for one file that is open at least once;
 * it is guarded by the mutex of its shard of the table, held for arbitration only and never across I/O. */
#ifndef FSA_FSA_H
#define FSA_FSA_H

#include "base/htab.h"
#include "base/list.h"
#include "vfs/vfs.h"

#include <stdatomic.h>

struct fsa;      /* the nodes of one store */
struct fsa_node;

/* Oplock levels, [MS-SMB2] 2.2.13 */
enum fsa_oplock { FSA_OPLOCK_NONE = 0, FSA_OPLOCK_II = 1, FSA_OPLOCK_EXCLUSIVE = 8, FSA_OPLOCK_BATCH = 9 };

/* What may be cached, [MS-FSA] 2.1.1.10; the values are those of [MS-SMB2] 2.2.13.2.8. Level II is READ, exclusive READ and WRITE,
 * batch all three. */
enum { FSA_CACHE_READ = 1, FSA_CACHE_HANDLE = 2, FSA_CACHE_WRITE = 4, FSA_CACHE_ALL = 7 };

/* Who asks, for leases: the client's GUID and the key that it chose (the OplockKey of [MS-FSA]). */
struct fsa_key {
	uint8_t client[16], lease[16];
};

/* The right to cache a file: the oplock of one open, or a lease that all opens of one key share. The caller's, who sets key and
 * lease, keeps it while an open has it, and uses it for one file only. The rest is guarded by the lock of the file's shard. */
struct fsa_grant {
	struct list_node link;     /* in the node's grants while an open has it */
	struct list_node to_tell;  /* in a struct fsa_breaks */
	struct fsa_shard *shard;
	struct fsa_node *node;
	struct fsa_key key;
	uint32_t opens;
	uint32_t unsaid;           /* answers on their way that tell the client what it has got */
	uint16_t epoch;            /* changes whenever the state does */
	bool lease;
	bool directory;            /* of a directory */
	bool whole;                /* the caller's: it caches writes or nothing; for local programs have to be kept away as long as it caches */
	uint8_t state;             /* FSA_CACHE_*, as granted or acknowledged */
	bool breaking;             /* to break_to, and the holder has to acknowledge */
	uint8_t break_to;
	uint8_t held;              /* what it had before it broke */
	uint8_t wanted;            /* what others would leave of it; less than break_to: another break follows */
	uint8_t told_from;         /* what it had when the break that is to be told began */
	bool untold, telling;      /* a break waits until nothing is unsaid; it is in a struct fsa_breaks */
};

struct fsa_open {
	struct list_node link;     /* in the node's opens */
	struct fsa_shard *shard;   /* whose lock guards the open; set for good by entering */
	struct fsa_node *node;     /* NULL: not open */
	struct vfs_id id;          /* of the file, set by entering */
	struct vfs_file *file;     /* set by the caller before entering; outlives the open. NULL: its name is nobody's business */
	uint32_t access, share;    /* granted rights; FILE_SHARE_* as granted to others */
	bool delete_on_close;
	bool removes_file;         /* set by leaving: a stream's open was the last of a file that is to be removed */
	bool posix_delete;         /* FILE_DISPOSITION_POSIX_SEMANTICS: the name goes with this open, not with the last */
	_Atomic bool wrote;        /* its writes show late; see fsa_written_begin */
	bool locks_ended;          /* it gets no byte-range locks any more */
	struct list_node locks;    /* its byte-range locks */
	struct list_node lock_waits; /* fsa_lock_wait.of_open: what it waits for */
	_Atomic uint32_t *locks_near; /* how many locks there are on files that hash like this one; set for good by entering */
	struct fsa_lock_budget *lock_budget; /* set by the caller before entering; outlives the open. NULL: no bound */
	struct fsa_grant *grant;   /* its oplock or lease; NULL: it asked for none */
	bool unsaid;               /* counted in the grant's */
	uint8_t got;               /* what its CREATE got: FSA_CACHE_* ... */
	bool got_breaking;         /* ... of a lease that was breaking then ... */
	uint16_t got_epoch;        /* ... in this epoch */
};

/* Grants whose holders must be told of a break. Each was given to the hold function of fsa_new, so that it stays alive until its
 * holder has been told. */
struct fsa_breaks {
	struct list_node grants;
	uint32_t ended;            /* with PENDING: how many breaks of the file had ended by then */
};

/* What to tell ([MS-SMB2] 3.3.4.6, 3.3.4.7). */
struct fsa_notice {
	struct fsa_grant *grant;
	uint8_t from, to;          /* FSA_CACHE_* */
	uint16_t epoch;
	bool acknowledge;          /* the holder has to */
};

/* Somebody who waits until a break of a file has ended. Linked while it waits; whoever takes it out wakes it. */
struct fsa_waiter {
	struct list_node link;
	struct fsa_shard *shard;
	uint32_t ended;
	bool waiting;
	void (*wake)(struct fsa_waiter *w);
};

/* Access rights, [MS-SMB2] 2.2.13.1 */
enum {
	FILE_READ_DATA = 0x1, FILE_LIST_DIRECTORY = 0x1, FILE_WRITE_DATA = 0x2, FILE_ADD_FILE = 0x2, FILE_APPEND_DATA = 0x4,
	FILE_ADD_SUBDIRECTORY = 0x4, FILE_READ_EA = 0x8, FILE_WRITE_EA = 0x10, FILE_EXECUTE = 0x20, FILE_TRAVERSE = 0x20,
	FILE_DELETE_CHILD = 0x40, FILE_READ_ATTRIBUTES = 0x80, FILE_WRITE_ATTRIBUTES = 0x100
};
#define ACCESS_DELETE 0x00010000u
#define ACCESS_READ_CONTROL 0x00020000u
#define ACCESS_WRITE_DAC 0x00040000u
#define ACCESS_WRITE_OWNER 0x00080000u
#define ACCESS_SYNCHRONIZE 0x00100000u
#define ACCESS_SYSTEM_SECURITY 0x01000000u
#define ACCESS_MAXIMUM_ALLOWED 0x02000000u
#define ACCESS_GENERIC_ALL 0x10000000u
#define ACCESS_GENERIC_EXECUTE 0x20000000u
#define ACCESS_GENERIC_WRITE 0x40000000u
#define ACCESS_GENERIC_READ 0x80000000u
#define ACCESS_FILE_ALL 0x001F01FFu
#define ACCESS_FILE_READ 0x00120089u
#define ACCESS_FILE_WRITE 0x00120116u
#define ACCESS_FILE_EXECUTE 0x001200A0u
enum { FILE_SHARE_READ = 1, FILE_SHARE_WRITE = 2, FILE_SHARE_DELETE = 4 };

/* hold: called with a lock held, for a grant that enters a struct fsa_breaks. NULL: nobody ever gets an oplock. */
struct fsa *fsa_new(void (*hold)(struct fsa_grant *g)) MUST_USE;
void fsa_free(struct fsa *f);

/* --- share modes and deletion ([MS-FSA] 2.1.5.1.2) --- */

struct fsa_enter {
	struct vfs_id id;
	uint32_t access, share;
	bool delete_on_close, overwrites, directory;
	struct fsa_grant *grant;   /* for the oplock or lease that is wanted; NULL: none is */
	uint8_t oplock;            /* wanted, of a grant that is no lease */
	uint8_t cache;             /* wanted, of a lease: FSA_CACHE_* */
	uint16_t epoch;            /* the client's, for a lease that begins */
	uint64_t extent;           /* where its data and what is reserved for it end: locks behind that are of nobody's cache */
};
/* Enters an open of that file and gives it the oplock or lease it can have. SHARING_VIOLATION, DELETE_PENDING, NO_MEMORY, or PENDING:
 * an oplock must break first, wait (fsa_wait) and enter again; then nothing was entered. An open with none of the rights that
 * share modes speak of (data, delete, execute) conflicts with nobody. *b gets those to be told, whatever the result. */
ntstatus fsa_open_enter(struct fsa *f, const struct fsa_enter *e, struct fsa_open *o, struct fsa_breaks *b) MUST_USE;
/* The rights that the open keeps, when entering needed more (overwriting). */
void fsa_open_narrow(struct fsa_open *o, uint32_t access);
/* Leaves. true: what was open, the file or its stream, is to be removed now, by the caller, who then says so with fsa_removed; until
 * then it keeps answering DELETE_PENDING to those who found its name a moment ago. A file is open while one of its streams is, so
 * that its removal may be left to an open of a stream: o->removes_file. */
bool fsa_open_leave(struct fsa *f, struct fsa_open *o) MUST_USE;
void fsa_removed(struct fsa *f, struct fsa_open *o);
/* Grows with every removal. An open that was entered although this changed since its name was looked up may be one of a file
 * that has no name any more; the caller looks again. */
uint64_t fsa_removals(const struct fsa *f);
/* FileDispositionInformation, after the caller has checked READONLY and emptiness. */
void fsa_delete_pending_set(struct fsa_open *o, bool pending);
/* The same with FILE_DISPOSITION_POSIX_SEMANTICS: pending, and the name goes with this open. */
void fsa_posix_delete_set(struct fsa_open *o);
bool fsa_delete_pending(const struct fsa_open *o);
bool fsa_id_delete_pending(struct fsa *f, struct vfs_id id);
/* Whether such an open would be let in by share modes: SHARING_VIOLATION otherwise. */
ntstatus fsa_may_enter(struct fsa *f, struct vfs_id id, uint32_t access, uint32_t share) MUST_USE;
/* An open other than o (NULL: any) of that file that does not share deletion stands in the way of renaming it: SHARING_VIOLATION. */
ntstatus fsa_may_rename(struct fsa *f, struct vfs_id id, const struct fsa_open *o) MUST_USE;
/* ACCESS_DENIED while a named stream of the file is open. */
ntstatus fsa_no_streams_open(struct fsa *f, struct vfs_id id) MUST_USE;
/* ACCESS_DENIED while anybody has the file, or a stream of it, open that a rename or link would replace. */
ntstatus fsa_may_replace(struct fsa *f, struct vfs_id id) MUST_USE;
size_t fsa_open_count(struct fsa *f, struct vfs_id id);
/* Something beneath the directory of that path is open ([MS-FSA] 2.1.4.2): ACCESS_DENIED, or PENDING while leases of handles on it break,
 * wait then for *id. The arena is scratch. */
ntstatus fsa_open_beneath(struct fsa *f, struct slice directory, struct arena *a, struct vfs_id *id, struct fsa_breaks *b) MUST_USE;

/* --- oplocks and leases ([MS-FSA] 2.1.4.12, 2.1.5.18, [MS-SMB2] 3.3.5.22) --- */

void fsa_breaks_init(struct fsa_breaks *b);
/* Takes the next one to be told out; false: no more. */
bool fsa_breaks_next(struct fsa_breaks *b, struct fsa_notice *n) MUST_USE;
/* The client has been told what its CREATE got: breaks that came meanwhile can be told now. */
void fsa_grant_said(struct fsa_open *o, struct fsa_breaks *b);
/* The client will never hear of it, since its CREATE failed; the open is about to leave. */
void fsa_grant_forget(struct fsa_open *o, struct fsa_breaks *b);
/* Whether the open may outlive its connection ([MS-SMB2] 3.3.7.1): it may cache its handle, undisturbed, and its file is to stay. */
bool fsa_grant_lasts(struct fsa_open *o);
/* The same for its coming back, and then o->got and its like are what there is now, to be said as after entering. epoch: set the grant's to
 * that, or NULL. */
bool fsa_grant_resume(struct fsa_open *o, const uint16_t *epoch);
/* What the client of the open may cache now, as o->got and its like tell it of the time of entering. */
struct fsa_got {
	uint8_t cache;
	bool breaking;
	uint16_t epoch;
};
struct fsa_got fsa_grant_now(struct fsa_open *o);
/* What is done to a file with that effect on what others cache ([MS-FSA] 2.1.4.12). */
enum fsa_operation {
	FSA_WRITES,  /* data or size: nobody else's cache holds any more. Never PENDING */
	FSA_RENAMES, /* or replaces it: handles that are only cached have to be closed */
	FSA_DELETES
};
/* PENDING as with fsa_open_enter. o: through which it is done, NULL: by name. */
ntstatus fsa_break(struct fsa *f, struct vfs_id id, const struct fsa_open *o, enum fsa_operation op, struct fsa_breaks *b) MUST_USE;
/* The file's data or size changed through o. */
void fsa_oplock_written(struct fsa_open *o, struct fsa_breaks *b);
/* What is in that directory changed, by somebody with this key of its parent (NULL: none): leases of others on it are over. */
void fsa_directory_changed(struct fsa *f, struct vfs_id id, const struct fsa_key *parent, struct fsa_breaks *b);
/* The lease of that key on the file is to be given up. */
void fsa_lease_give_up(struct fsa *f, struct vfs_id id, const struct fsa_key *key, struct fsa_breaks *b);
/* Whether its holder has still to answer. */
bool fsa_lease_breaking(struct fsa *f, struct vfs_id id, const struct fsa_key *key);
/* A local program wants to open that file: what is cached with `whole` is to be given up. */
void fsa_break_whole(struct fsa *f, struct vfs_id id, struct fsa_breaks *b);
/* Something in some directories changed: all leases on directories are over. */
void fsa_directories_changed(struct fsa *f, struct fsa_breaks *b);
/* Changes whenever somebody gets a lease on a directory, or an entry comes to another; 0: nobody ever got one. */
uint32_t fsa_directory_leases(const struct fsa *f);
/* An entry has come to another directory. */
void fsa_directory_entry_moved(struct fsa *f);
/* The holder's answer to a break. INVALID_DEVICE_STATE, INVALID_OPLOCK_PROTOCOL as 3.3.5.22.1 has them. */
ntstatus fsa_oplock_acknowledge(struct fsa_open *o, uint8_t level) MUST_USE;
/* The same for a lease: UNSUCCESSFUL, REQUEST_NOT_ACCEPTED as 3.3.5.22.2 has them. */
ntstatus fsa_lease_acknowledge(struct fsa_grant *g, uint32_t state, struct fsa_breaks *b) MUST_USE;
/* The holder's time is up: what he had is gone. */
void fsa_grant_expire(struct fsa_grant *g);
bool fsa_grant_breaking(struct fsa_grant *g);
/* The level of what it may cache now, for those that are no leases. */
uint8_t fsa_oplock_level(struct fsa_open *o);
uint8_t fsa_level_of_cache(uint8_t cache);
/* Prepares w but for wake; ended: of the struct fsa_breaks that came with PENDING. */
void fsa_waiter_init(struct fsa *f, struct vfs_id id, uint32_t ended, struct fsa_waiter *w);
/* Links w until a break of that file ends; false: one has ended since, or there is none, and w was not linked. */
bool fsa_wait(struct fsa *f, struct vfs_id id, struct fsa_waiter *w) MUST_USE;
/* false: somebody has taken it out and wakes it. */
bool fsa_wait_cancel(struct fsa_waiter *w) MUST_USE;

/* --- the write time that is shown ([MS-FSA] 2.1.5.3) --- */

/* Before a WRITE through an open whose `wrote` is not set: `before`, the file's write time, is what is shown for a while, then what the
 * store says at that time, until the open is left or fsa_written_end. */
void fsa_written_begin(struct fsa *f, struct fsa_open *o, uint64_t before, uint64_t now_ms);
/* The write time was set or the size was: what the store says is shown again. */
void fsa_written_end(struct fsa *f, struct fsa_open *o);
/* Before leaving: the time that clients have been shown since a WRITE through o, or 0. Where the store has a later one by then, a
 * handle that closes makes the present the write time, as on Windows. */
uint64_t fsa_written_leave(struct fsa_open *o);
/* Whether for any file something else than what the store says is shown: if not, nobody needs to ask, nor what time it is. */
bool fsa_written_late(const struct fsa *f);
/* What to show for a file whose write time is `written` in the store. */
uint64_t fsa_written_shown(struct fsa *f, struct vfs_id id, uint64_t written, uint64_t now_ms);

/* --- byte-range locks ([MS-FSA] 2.1.4.10, 2.1.5.8, 2.1.5.9) --- */

struct fsa_range {
	uint64_t offset, length;
	bool exclusive;
	uint32_t process; /* within an open, that of a client of SMB1; 0 for others. Locks of another are like those of another open */
};
/* How many locks, held or waited for, opens that share it may have. */
struct fsa_lock_budget {
	_Atomic uint32_t used;
	uint32_t most;
};
struct fsa_lock;
/* A lock that is waited for. Linked while it waits; whoever takes it out calls wake, with the status of the lock. */
struct fsa_lock_wait {
	struct list_node link, of_open;
	struct fsa_open *open;
	struct fsa_lock *lock;
	bool waiting, cancelled;
	ntstatus status;
	void (*wake)(struct fsa_lock_wait *w);
};
/* All of the ranges or none. LOCK_NOT_GRANTED, INVALID_LOCK_RANGE, INSUFFICIENT_RESOURCES; FILE_CLOSED: the open has left. */
ntstatus fsa_lock(struct fsa_open *o, const struct fsa_range *ranges, size_t n) MUST_USE;
/* One after the other, until one fails: RANGE_NOT_LOCKED unless the open, and the process, has a lock of exactly that range. `exclusive` is not
 * looked at. Locks that others wait for and can have now are theirs, and they are woken. */
ntstatus fsa_unlock(struct fsa_open *o, const struct fsa_range *ranges, size_t n) MUST_USE;
/* The locks of the open that touch these bytes, the first `cap` of them; gives how many there are. */
size_t fsa_locks_of(struct fsa_open *o, uint64_t offset, uint64_t length, struct fsa_range *out, size_t cap);
/* Prepares w but for wake. */
void fsa_lock_wait_init(struct fsa_open *o, struct fsa_lock_wait *w);
/* As fsa_lock, but links w when somebody has the range: PENDING. Whoever waits longest comes first. CANCELLED: fsa_lock_wait_cancel
 * came before; RANGE_NOT_LOCKED: the open has left, which is also what leaving wakes with. */
ntstatus fsa_lock_wait(struct fsa_lock_wait *w, const struct fsa_range *range) MUST_USE;
/* false: it did not wait. Either somebody has taken it out and wakes it, or it will not begin to wait any more. */
bool fsa_lock_wait_cancel(struct fsa_lock_wait *w) MUST_USE;
/* Gives up all locks of the open and what it waits for; it gets none any more. Leaving does it, too. */
void fsa_locks_end(struct fsa_open *o);
/* Whether locks are in the way of reading (or, exclusive, writing) that range through o. */
bool fsa_io_conflicts_locked_file(struct fsa_open *o, const struct fsa_range *range);
static inline bool fsa_io_conflicts(struct fsa_open *o, const struct fsa_range *range)
{
	return o->locks_near && atomic_load_explicit(o->locks_near, memory_order_acquire) != 0 &&
		fsa_io_conflicts_locked_file(o, range);
}

/* --- watching directories ([MS-FSA] 2.1.4.1, [MS-SMB2] 2.2.35) --- */

enum {
	FSA_CHANGE_FILE_NAME = 0x1, FSA_CHANGE_DIR_NAME = 0x2, FSA_CHANGE_ATTRIBUTES = 0x4, FSA_CHANGE_SIZE = 0x8,
	FSA_CHANGE_LAST_WRITE = 0x10, FSA_CHANGE_LAST_ACCESS = 0x20, FSA_CHANGE_CREATION = 0x40, FSA_CHANGE_EA = 0x80,
	FSA_CHANGE_SECURITY = 0x100, FSA_CHANGE_STREAM_NAME = 0x200, FSA_CHANGE_STREAM_SIZE = 0x400, FSA_CHANGE_STREAM_WRITE = 0x800,
	FSA_CHANGE_UNLESS_NAMED = 0x10000 /* not for those who are told of changes of names: they have been told */
};
/* [MS-FSCC] 2.7.1 */
enum fsa_action {
	FSA_ADDED = 1, FSA_REMOVED = 2, FSA_MODIFIED = 3, FSA_RENAMED_OLD = 4, FSA_RENAMED_NEW = 5, FSA_ADDED_STREAM = 6,
	FSA_REMOVED_STREAM = 7, FSA_MODIFIED_STREAM = 8
};

struct fsa_watch {
	struct list_node link;
	struct vfs_file *directory;
	struct vfs_id id;          /* the directory's */
	uint32_t filter;           /* FSA_CHANGE_* */
	bool tree;                 /* also what is beneath its directories */
	/* name: relative to the directory. With a lock held: it notes the change and returns. ctx: from fsa_changed. */
	void (*changed)(struct fsa_watch *w, uint32_t action, struct slice name, void *ctx);
	/* The directory is being deleted; whoever watches it keeps it from going. As above. */
	void (*deleted)(struct fsa_watch *w, void *ctx);
};
void fsa_watch_add(struct fsa *f, struct fsa_watch *w);
/* After return `changed` is not running and will not run. */
void fsa_watch_remove(struct fsa *f, struct fsa_watch *w);
/* Whether it is worth while to find out the name of what changed. */
bool fsa_watched(struct fsa *f);
/* Tells those who watch that `what` (FSA_CHANGE_*) of that path changed. */
void fsa_changed(struct fsa *f, uint32_t action, uint32_t what, struct slice path, void *ctx);
/* Calls fn for each of those who watch, as above. */
void fsa_watches_each(struct fsa *f, void (*fn)(struct fsa_watch *w, void *ctx), void *ctx);
/* Tells those who watch that directory itself that it is to be deleted. */
void fsa_directory_deleted(struct fsa *f, struct vfs_id id, void *ctx);

/* --- rights --- */
uint32_t fsa_access_map_generic(uint32_t access);
/* true when rights of `a` and sharing of `b`, or the other way round, exclude each other. */
bool fsa_share_conflict(uint32_t access_a, uint32_t share_a, uint32_t access_b, uint32_t share_b);
/* What the attributes and the POSIX mode of a file leave of all rights, for a process of these ids (0: root,
 * whom modes do not bind). Rights on names (DELETE) are the directory's to refuse, by the store. */
uint32_t fsa_access_of_stat(const struct vfs_stat *st, uint32_t uid, uint32_t gid);

/* --- names, UTF-16LE --- */

/* A path as CREATE carries it: OBJECT_NAME_INVALID for illegal characters, empty components, "." (and ".." gives
 * OBJECT_PATH_SYNTAX_BAD), INVALID_PARAMETER for a leading separator. Splits off ":stream:$DATA": *stream.data NULL without one. */
ntstatus fsa_path_check(struct slice path, struct slice *name, struct slice *stream) MUST_USE;
bool fsa_name_has_wildcards(struct slice name);
/* [MS-FSA] 2.1.4.4 FileNameInExpression: * ? and the DOS forms < > ". No exponential time. */
bool fsa_name_match(struct slice pattern, struct slice name, bool ignore_case);
/* LPT1-9, COM1-9, PRN, AUX, NUL, CON, CLOCK$ as the last component ([MS-SMB2] 3.3.5.9, note 238). */
bool fsa_name_is_device(struct slice path);

enum { FSA_PATTERN_MAX_UNITS = 256 };

#endif

/* Within server/smb1: a connection's tables, and an operation, which is one SMB1 message on its way. An operation runs its message's blocks one
 * after the other; each has a handler, which is a small program of phases:
 *
 *     enum srv1_next srv1_delete(struct srv1_op *op)
 *
 * is called with op->in decoded, op->out zeroed and phase 0. It either has an answer (srv1_done) or asks for a request of SMB2's (srv1_call, then return
 * SRV1_CALL) and is called again, one phase on, with the request in op->r and what became of it in op->result. That request may be parked: then
 * the operation waits without a thread and goes on, on whichever worker has the answer. So a handler keeps nothing on the stack between phases;
 * op->state is its own, in the arena.
 *
 * Lock order: srv1_conn.lock is a leaf. */
#ifndef SERVER_SMB1_OP_H
#define SERVER_SMB1_OP_H

#include "server/cmd.h"
#include "server/conn.h"
#include "server/create.h"
#include "server/info.h"
#include "server/open.h"
#include "server/smb1/smb1.h"
#include "wire/smb1/smb1.h"
#include "wire/smb1/trans.h"

enum {
	SRV1_MAX_BUFFER = 16644,       /* MaxBufferSize, as Windows has it */
	SRV1_MAX_MPX = 50,
	SRV1_MOST_IO = 0x1FFFF,        /* of READ_ANDX and WRITE_ANDX: 17 bits, what a NetBIOS session carries */
	SRV1_MOST_SEARCHES = 256,
	SRV1_MOST_TRANSACTIONS = 16,   /* that wait for their secondary requests */
	SRV1_MOST_TRANSACTION_BYTES = 128 << 10
};

/* Ids of 16 bits and what they stand for. */
struct srv1_table {
	void **slots;
	size_t cap, count;
	uint16_t last;
};

struct srv1_session {
	uint16_t uid;
	struct srv_channel *channel; /* referenced */
	bool ntlmv1;                 /* logged on by what only shares with ntlmv1 accept */
};

struct srv1_tree {
	uint16_t tid;
	uint8_t *path;               /* \\server\share in UTF-16, so that other sessions of the connection can use it */
	size_t path_len;
	bool ipc;
};

/* The tree of a session for a TID. The one that connected it has one, others get theirs when they first use it. */
struct srv1_use {
	struct list_node link;
	uint16_t tid, uid;
	uint32_t tree_id;
};

enum { SRV1_DOS_COMPATIBLE = 1, SRV1_DOS_FCB = 2, SRV1_DOS_WRITES = 4 };

struct srv1_file {
	uint16_t fid, uid, tid;
	uint32_t pid;
	struct smb2_file_id id;
	uint64_t position;           /* SEEK, [MS-CIFS] 3.3.5.21 */
	uint64_t lock_failed_at;     /* where it last failed to lock, plus one; 0: it did not */
	bool is_pipe;
	uint16_t dos_mode;           /* SRV1_DOS_*; 0: opened in neither compatibility mode nor as FCB */
	uint64_t name_hash;          /* with dos_mode */
	uint32_t denied;             /* with dos_mode: what this FID is not for though its open is, FILE_READ_DATA or FILE_WRITE_DATA */
};

struct srv1_conn {
	struct srv_conn *conn;       /* not referenced */
	/* Under the connection's receive token. */
	uint8_t challenge[8];
	bool extended_security;
	bool signing;                /* from the first logon with a key on */
	uint8_t *mac_key;            /* constant once signing is set */
	size_t mac_key_len;
	uint32_t next_sequence;
	_Atomic uint32_t capabilities, max_buffer; /* the client's */

	pthread_mutex_t lock;        /* of what follows */
	bool lost;                   /* nothing is added any more */
	struct srv1_table sessions, trees, files, searches;
	struct list_node uses;       /* srv1_use.link */
	struct list_node transactions; /* srv1_op.link: those that wait for secondary requests */
	size_t transaction_count;
	struct list_node delayed;    /* srv1_op.link: those that try again later, in the order in which they asked */
	uint64_t asked;              /* srv1_op.asked of the last */
	bool retrying;               /* somebody goes through them */
	uint64_t search_uses;
};

enum srv1_next {
	SRV1_DONE,   /* the block has its answer: op->status, op->out */
	SRV1_CALL,   /* run op->r and come again */
	SRV1_WAIT,   /* somebody else has the operation now */
	SRV1_SILENT, /* there is no answer */
	SRV1_DROP    /* end the connection */
};

struct srv1_op;
typedef enum srv1_next (*srv1_handler)(struct srv1_op *op);

struct srv1_op {
	struct list_node link;       /* in srv1_conn.transactions or .delayed */
	struct srv_conn *conn;       /* referenced */
	struct srv1_conn *smb1;
	struct smb1_header header;   /* as received; uid and tid become those that the chain made */
	struct slice message;
	struct buf *owner;           /* what message lies in, referenced */
	struct net_batch *batch;     /* of the frame; NULL: it has parked since, and answers on its own */
	struct smb1_walk walk;
	struct smb1_block block;
	const struct smb1_message *row;
	struct arena arena;
	uint8_t inline_mem[2048];

	/* The block that runs. */
	srv1_handler handler;
	void *in, *out, *state;
	unsigned phase;
	ntstatus status;
	bool with_body;              /* the answer has its body although the status is no success */
	struct srv_channel *channel; /* the session of the UID on this connection, referenced, and ... */
	struct srv_session *session; /* ... that session; NULL where the row needs none */
	struct srv_tree *tree;       /* referenced, likewise */
	struct srv1_file file;       /* a copy; its open is ... */
	struct srv_open *open;       /* ... this, referenced */
	bool ntlmv1;                 /* the session logged on by NTLMv1 */
	uint16_t dos_mode;           /* of the open that is being made, as in srv1_file; with ... */
	uint64_t name_hash;          /* ... this, ... */
	uint32_t denied;             /* ... and this */
	uint8_t flags;               /* more of them for the answer's header: SMB1_FLAGS_OPLOCK */
	bool close_open;             /* op->open was made for this block, and goes with it */
	bool has_fid;                /* an earlier block opened `fid` */
	uint16_t fid;

	/* The request that is asked for, or that has been answered. */
	struct srv_request *r;
	struct srv_result result;
	struct list_node kept;       /* srv_request.link: earlier ones whose memory the answer needs, or whose oplock is to be announced */

	/* The answer. */
	struct buf *reply;
	struct wire w;
	struct smb1_chain chain;
	struct srv_payload payload;  /* w.tail is of this */
	bool sign;
	uint32_t sequence;
	struct srv1_transaction *transaction; /* transact.c */
	struct net_timer timer;      /* of a lock that waits, lock.c, or in srv1_conn.delayed */
	uint64_t until_ms;           /* of one that is delayed; 0: none was */
	uint64_t asked;              /* of those that are delayed: in what order they came */
	bool timed, due;
};

/* --- conn.c: tables. Ids are never 0, 0xFFFE or 0xFFFF. --- */
struct srv1_conn *srv1_conn_new(struct srv_conn *c) MUST_USE;
/* The id; 0: no memory, or none left. Takes the item over if it succeeds. With the lock held. */
uint16_t srv1_table_add_locked(struct srv1_table *t, void *item, size_t most) MUST_USE;
void *srv1_table_find_locked(const struct srv1_table *t, uint16_t id);
void srv1_table_remove_locked(struct srv1_table *t, uint16_t id);
/* The file of a FID (or of the chain, which wins), into op->file and op->open. INVALID_HANDLE. */
ntstatus srv1_file_find(struct srv1_op *op, uint16_t fid) MUST_USE;
/* Gives the open that r has made a FID; 0: none is left. */
uint16_t srv1_file_add(struct srv1_op *op, const struct srv1_file *f) MUST_USE;
/* Writes position and lock_failed_at of op->file back. */
void srv1_file_keep(struct srv1_op *op);
void srv1_file_forget(struct srv1_op *op, uint16_t fid);
/* The same, and closes its open if no other FID has it. */
void srv1_file_close(struct srv1_op *op, uint16_t fid, struct srv_open *o);
/* A FID of this process that was opened by the same name, in compatibility mode or (alone, if fcb_only) as FCB, and for writing; false: none. */
bool srv1_file_same(struct srv1_op *op, uint64_t name_hash, bool fcb_only, struct srv1_file *f);
/* Which files: uid or tid 0 means any, any_pid that pid does not matter. The opens are not closed by it. */
void srv1_files_forget(struct srv1_op *op, uint16_t uid, uint16_t tid);

/* --- op.c --- */
static inline enum srv1_next srv1_done(struct srv1_op *op, ntstatus status)
{
	op->status = status;
	return SRV1_DONE;
}
/* A request for `command` on that open (NULL: none), with a zeroed body to fill; NULL: no memory, and the handler answers INSUFFICIENT_RESOURCES. */
void *srv1_call(struct srv1_op *op, uint16_t command, struct srv_open *open) MUST_USE;
/* A request by hand, that never parks: answered at once, in op->r. */
ntstatus srv1_call_now(struct srv1_op *op, uint16_t command, const void *in) MUST_USE;
/* The request that has been answered is not needed any more. */
void srv1_call_forget(struct srv1_op *op);
/* Goes on with an operation that waited. On any thread, without locks; no handler of it is running. */
void srv1_op_resume(struct srv1_op *op);
void srv1_op_free(struct srv1_op *op);
/* Begins the block anew after a while, unless that has been done a few times: then false, and the block goes on. Return SRV1_WAIT. */
bool srv1_op_later(struct srv1_op *op) MUST_USE;
/* By what a parked request is found for NT_CANCEL: its PID, MID and UID. */
uint64_t srv1_cancel_id(const struct smb1_header *h);
static inline enum srv1_next srv1_no_memory(struct srv1_op *op)
{
	return srv1_done(op, STATUS_INSUFFICIENT_RESOURCES);
}

/* --- reply.c --- */
/* Appends a block to the answer; coder NULL: one of no words and bytes. false: it cannot be encoded. */
bool srv1_reply_block(struct srv1_op *op, uint8_t command, smb1_coder coder, void *body) MUST_USE;
/* Sends what there is of it, and begins anew: for commands with several answers. */
bool srv1_reply_send(struct srv1_op *op, ntstatus status) MUST_USE;
/* Everything that goes out goes this way, at once or (batch) with what else this frame has to say. Takes over the references of up to SRV1_SEGS pieces. */
enum { SRV1_SEGS = 2 };
void srv1_send(struct srv_conn *c, struct net_batch *batch, const struct net_seg *segs, size_t n);
void srv1_reply_discard(struct srv1_op *op);

/* --- sign.c --- */
bool srv1_signature(const struct srv1_conn *s, uint32_t sequence, const struct net_seg *segs, size_t n, uint8_t out[8]) MUST_USE;
/* From the next message on, and for the answer to this one. */
ntstatus srv1_signing_begin(struct srv1_op *op, struct slice session_key, struct slice response) MUST_USE;
/* Takes the message's sequence number and checks its signature. */
bool srv1_signature_check(struct srv1_op *op) MUST_USE;

/* --- status.c --- */
/* An NTSTATUS as class and code of DOS ([MS-CIFS] 2.2.2.4), as the answer to that command has it. */
uint32_t srv1_dos_error(const struct srv1_op *op, ntstatus s);
/* One of the codes that [MS-CIFS] adds: class and code already. */
bool srv1_is_dos(ntstatus s);

/* --- names.c: all text inside is UTF-16; in the arena of the operation. .data NULL: no memory, or no text --- */
struct slice srv1_text(struct srv1_op *op, struct slice raw) MUST_USE;
/* Text for the answer, in the character set of the message. */
struct slice srv1_text_out(struct srv1_op *op, struct slice wide) MUST_USE;
/* Always OEM. */
struct slice srv1_oem_out(struct srv1_op *op, struct slice wide) MUST_USE;
struct slice srv1_oem_in(struct srv1_op *op, struct slice oem) MUST_USE;
struct slice srv1_ascii_out(struct srv1_op *op, const char *text) MUST_USE;
/* A path as CREATE wants it: without the separators in front, and those behind, which mean nothing here. */
ntstatus srv1_path(struct srv1_op *op, struct slice raw, struct slice *path) MUST_USE;
/* Takes the last component off: *dir what is before it. */
void srv1_path_split(struct slice path, struct slice *dir, struct slice *name);
struct slice srv1_path_join(struct srv1_op *op, struct slice dir, struct slice name) MUST_USE;

/* --- session.c --- */
/* The session of a UID, referenced; SMB_BAD_UID. */
ntstatus srv1_session_find(struct srv1_op *op) MUST_USE;
bool srv1_tree_known(struct srv1_op *op);
/* The tree that op->session has for a TID, referenced; SMB_BAD_TID. */
ntstatus srv1_tree_find(struct srv1_op *op) MUST_USE;

/* After a close: the time that the client says is that of the last write; 0 and -1: none. */
void srv1_set_written(struct srv1_op *op, uint32_t utime);

/* --- path operations, paths.c: open, work, close --- */
/* The CREATE that many begin with: an existing file, shared with everybody. NULL: no memory. */
struct smb2_create_req *srv1_open_path(struct srv1_op *op, struct slice path, uint32_t access, uint32_t options) MUST_USE;
/* After a successful CREATE: op->open is what it made, until the block ends. */
void srv1_opened(struct srv1_op *op);
/* Closes op->open; the answer is `status`. */
enum srv1_next srv1_close_with(struct srv1_op *op, ntstatus status);

/* DOS attributes and FILE_ATTRIBUTE_*. */
static inline uint16_t srv1_dos_attributes(uint32_t attributes)
{
	return attributes & (FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_ARCHIVE);
}
static inline uint32_t srv1_settable_attributes(uint16_t dos)
{
	return dos & (FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_ARCHIVE);
}
/* Sizes in 32 bits: the largest that there is, for those that are not. */
static inline uint32_t srv1_size32(uint64_t size)
{
	return size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
}
static inline bool srv1_unicode(const struct srv1_op *op)
{
	return (op->header.flags2 & SMB1_FLAGS2_UNICODE) != 0;
}
static inline uint32_t srv1_pid(const struct srv1_op *op)
{
	return smb1_pid(&op->header);
}

/* What a CREATE got, as SMB1 says it ([MS-CIFS] 2.2.4.64.2); none for a client that does not know level II. */
uint8_t srv1_oplock_level(const struct srv1_op *op, uint8_t level);

/* --- handlers, by command: table.c --- */
#define SRV1_HANDLERS(X)                                                                                               \
	X(CREATE_DIRECTORY, create_directory) X(DELETE_DIRECTORY, delete_directory) X(OPEN, open) X(CREATE, create)    \
	X(CLOSE, close) X(FLUSH, flush) X(DELETE, delete) X(RENAME, rename) X(QUERY_INFORMATION, query_information)    \
	X(SET_INFORMATION, set_information) X(READ, read) X(WRITE, write) X(LOCK_BYTE_RANGE, lock_byte_range)          \
	X(UNLOCK_BYTE_RANGE, unlock_byte_range) X(CREATE_TEMPORARY, create_temporary) X(CREATE_NEW, create_new)        \
	X(CHECK_DIRECTORY, check_directory) X(PROCESS_EXIT, process_exit) X(SEEK, seek) X(LOCK_AND_READ, lock_and_read)  \
	X(WRITE_AND_UNLOCK, write_and_unlock) X(SET_INFORMATION2, set_information2)                                    \
	X(QUERY_INFORMATION2, query_information2) X(LOCKING_ANDX, locking_andx) X(TRANSACTION, transaction)            \
	X(TRANSACTION_SECONDARY, transaction_secondary) X(ECHO, echo) X(WRITE_AND_CLOSE, write_and_close)              \
	X(OPEN_ANDX, open_andx) X(READ_ANDX, read_andx) X(WRITE_ANDX, write_andx) X(TRANSACTION2, transaction)         \
	X(TRANSACTION2_SECONDARY, transaction_secondary) X(FIND_CLOSE2, find_close2) X(TREE_CONNECT, tree_connect)     \
	X(TREE_DISCONNECT, tree_disconnect) X(SESSION_SETUP_ANDX, session_setup) X(LOGOFF_ANDX, logoff)                \
	X(TREE_CONNECT_ANDX, tree_connect_andx) X(QUERY_INFORMATION_DISK, query_information_disk) X(SEARCH, search)    \
	X(FIND, search) X(FIND_UNIQUE, search) X(FIND_CLOSE, find_close) X(NT_TRANSACT, nt_transact)                   \
	X(NT_TRANSACT_SECONDARY, nt_transact_secondary) X(NT_CREATE_ANDX, nt_create_andx) X(NT_CANCEL, nt_cancel)      \
	X(NT_RENAME, nt_rename)
#define SRV1_DECLARE(command, name) enum srv1_next srv1_##name(struct srv1_op *op);
SRV1_HANDLERS(SRV1_DECLARE)
#undef SRV1_DECLARE
srv1_handler srv1_handler_of(uint8_t command);

#endif

/* Hythe's SMB client: a library that speaks SMB 2.0.2 to 3.1.1 to any server ([MS-SMB2] 3.2).
 *
 * Handles. A client owns sockets and, if asked, threads. A connection is one TCP connection with its negotiated dialect. A
 * session is a user who has logged on over a connection. A tree is a share that a session uses; a file is an open file,
 * directory or pipe in a tree. Each handle keeps what it stands on alive: closing a connection before its files is safe,
 * the files then answer STATUS_CONNECTION_DISCONNECTED. Every handle must be given back by its own call.
 *
 * Calls. What takes a message or connects comes as a call that blocks and as one that ends in _async; a few, such as hythe_rename, block only,
 * and are made of those. An _async call returns STATUS_SUCCESS
 * when the request is under way; `done` is then called exactly once. With any other status nothing was sent and `done` is
 * never called. Requests are pipelined: as many are on the wire as the server's credits allow, more wait inside.
 *
 * Threads. Everything may be called from any thread at any time; two threads must only not give back a handle that the
 * other still passes to calls. With threads = 0 (the default) the library has none of its own: a blocking call receives
 * by itself, and `done` runs inside blocking calls and hythe_client_poll, on the thread that made them. With threads > 0
 * `done` runs on one of those threads, and several connections or sealed streams use several cores. `done` must not block
 * and may make any _async call; blocking calls made inside it fail with STATUS_INVALID_DEVICE_STATE.
 *
 * Memory. Buffers given to read and write calls stay the caller's and must stay valid until the call returns or `done` is
 * called; a read is copied into them once. What a result points to is valid during `done` only.
 *
 * Names are UTF-8, relative to the share; '/' and '\' both separate, leading ones are ignored, "" is the share's root.
 * Sizes are bytes, times FILETIMEs (100 ns since 1601-01-01 UTC), time-outs milliseconds.
 *
 * Errors. Every call returns an NTSTATUS; hythe_client_error tells in a sentence what the calling thread's last failed call
 * met and what to do about it. */
#ifndef HYTHE_CLIENT_H
#define HYTHE_CLIENT_H

#include <hythe/tap.h>
#include <hythe/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hythe_client;
struct hythe_connection;
struct hythe_session;
struct hythe_tree;
struct hythe_file;
struct hythe_dir;

/* --- the client --- */

struct hythe_client_options {
	unsigned threads; /* 0: none, callers receive by themselves. Otherwise there is one more for hythe_cache_fn, once a file needs it */
	hythe_tap_fn *tap; /* is told every frame of all connections; NULL: none. See hythe/tap.h */
	void *tap_arg;
};

/* Makes a client; NULL options mean defaults. NULL when memory or threads are exhausted. */
struct hythe_client *hythe_client_new(const struct hythe_client_options *options) HYTHE_MUST_USE;

/* Closes the client's connections and frees it. Handles of sessions, trees and files must have been given back before. */
void hythe_client_free(struct hythe_client *client);

/* Receives and calls what is due, waiting up to timeout_ms (-1: for ever) for something to do. True if something ran. */
bool hythe_client_poll(struct hythe_client *client, int timeout_ms);

/* What the calling thread's last failed call met, as a sentence without a final full stop; "" when none failed yet. Inside
 * `done` it describes that request's failure. Valid until the thread's next call into the library; not to be freed. */
const char *hythe_client_error(const struct hythe_client *client);

/* --- connections: transport and NEGOTIATE (3.2.4.2.1, 3.2.4.2.2) --- */

struct hythe_connect_options {
	/* Who logs on. user NULL: anonymous. Either a password or the 16 bytes of an NT hash. */
	const char *user, *domain, *password;
	const uint8_t *nt_hash;
	bool raw_ntlm;         /* NTLM without SPNEGO around it; in SMB1, the answer to NEGOTIATE's challenge in a single SESSION_SETUP_ANDX */

	/* enum hythe_dialect; 0: 2.1 and 3.1.1. HYTHE_DIALECT_NT1 as the least allows SMB1 to servers that have nothing better, as both demands it:
	 * an old protocol without encryption, in which whoever is on the way can do much. For devices that know no other, on networks that are one's own.
	 * What it cannot do is STATUS_NOT_SUPPORTED. */
	uint16_t min_dialect, max_dialect;
	bool nbss;             /* over a NetBIOS session (RFC 1002 4.3) instead of direct TCP; its port is 139 */
	const char *netbios_name; /* of the server, for that; NULL: the first part of the host's name, or *SMBSERVER */
	bool signing_optional; /* false: every message is signed or sealed. true: only if the server requires it */
	enum hythe_encryption encryption;
	enum hythe_cipher cipher; /* offer only this one; NONE: all that Hythe has, GCM first */
	enum hythe_signer signer; /* offer only this one (3.1.1); ANY: all, GMAC first */
	bool smb1_negotiate;   /* begin with the multi-protocol NEGOTIATE of 3.2.4.2.2.1 */
	bool allow_guest;      /* accept that the server makes us a guest, unsigned */
	/* The server is to take this connection for another client's (by ClientGuid). Some have a process for each client, and so work at several
	 * things at once only for several of them. There are no leases over it. */
	bool apart;

	unsigned connect_timeout_ms; /* 0: 10,000 */
	unsigned request_timeout_ms; /* an unanswered request ends the connection; 0: 60,000 */
	uint32_t max_io_bytes;       /* bound of one READ or WRITE; 0: 8 MiB, and never more than the server takes */
	uint16_t credits;            /* how many to ask the server for; 0: 512 */
};

/* Fills in the defaults (all zero). */
void hythe_connect_options_init(struct hythe_connect_options *options);

/* Connects and negotiates, without logging on. port 0: 445, with nbss 139. Credentials in `options` are not looked at. */
ntstatus hythe_connection_open(struct hythe_client *client, const char *host, uint16_t port,
	const struct hythe_connect_options *options, struct hythe_connection **out) HYTHE_MUST_USE;

/* Ends the connection and gives the handle back. Requests that are under way end with STATUS_CONNECTION_DISCONNECTED. */
void hythe_connection_close(struct hythe_connection *connection);

/* Logs on over a connection (3.2.4.2.3); several users may. */
ntstatus hythe_session_login(struct hythe_connection *connection, const struct hythe_connect_options *options,
	struct hythe_session **out) HYTHE_MUST_USE;

/* hythe_connection_open, hythe_session_login and giving back the connection's handle in one call: the connection then ends
 * when its session is given back. */
ntstatus hythe_connect(struct hythe_client *client, const char *host, uint16_t port,
	const struct hythe_connect_options *options, struct hythe_session **out) HYTHE_MUST_USE;

/* LOGOFF (3.2.4.23) and giving the handle back, which happens whatever the status. */
ntstatus hythe_session_logoff(struct hythe_session *session);
/* Gives the handle back without telling the server. */
void hythe_session_free(struct hythe_session *session);

/* What was agreed on. */
struct hythe_session_info {
	uint16_t dialect;        /* enum hythe_dialect */
	enum hythe_cipher cipher; /* that would seal messages */
	enum hythe_signer signer;
	bool signing, sealing;   /* whether messages outside of trees that demand more are */
	bool guest, anonymous;
	uint32_t max_read_bytes, max_write_bytes, max_transact_bytes;
	uint32_t server_capabilities; /* [MS-SMB2] 2.2.4 */
	uint64_t session_id;
	uint32_t credits;        /* that are free now */
	uint8_t server_guid[16];
};
void hythe_session_info(struct hythe_session *session, struct hythe_session_info *out);

/* The key that applications may derive their own from (3.2.4.26): the session key in 2.x, a key derived from it in 3.x. To be
 * wiped by the caller. STATUS_NO_SUCH_LOGON_SESSION for guests and the anonymous, who have none. */
ntstatus hythe_session_key(struct hythe_session *session, uint8_t out[16]) HYTHE_MUST_USE;

/* The key that all others of the session are derived from (3.2.1.3): whoever has it can read what was recorded of the session. Only for those
 * who want that, with tools such as Wireshark. To be wiped by the caller; statuses as hythe_session_key. */
ntstatus hythe_session_root_key(struct hythe_session *session, uint8_t out[16]) HYTHE_MUST_USE;

/* --- results of asynchronous calls --- */

/* What CREATE tells (2.2.14). */
struct hythe_open_info {
	struct hythe_stat stat;
	enum hythe_create_action action;
	uint32_t maximal_access;        /* with query_maximal_access; 0: not told */
	uint64_t disk_file_id, volume_id; /* with query_disk_id; 0: not told */
};

struct hythe_result {
	size_t bytes;              /* read, write: how many; query, ioctl: length of data */
	const uint8_t *data;       /* query_info, query_directory, ioctl without a buffer of the caller's */
	struct hythe_session *session; /* connect: to be given back by the caller, as are ... */
	struct hythe_tree *tree;   /* ... tree_connect's */
	struct hythe_file *file;   /* ... and open's */
	const struct hythe_open_info *opened; /* open */
	const struct hythe_stat *stat;        /* close with attributes */
	int local_errno;           /* read_to: why the local file did not take what was read; 0: it is not that */
};

typedef void hythe_done_fn(void *arg, ntstatus status, const struct hythe_result *result);

/* Asks the server to give up every request under way on this session that was submitted with this `arg` (3.2.4.24). They
 * still end by `done`, with STATUS_CANCELLED or whatever they came to. Number of requests asked for. */
unsigned hythe_cancel(struct hythe_session *session, const void *arg);

/* --- session-wide calls --- */

/* hythe_connect. What `options` point to need not outlive the call. The lookup of a host's name blocks; nothing else does. Over NetBIOS
 * sessions and SMB1: STATUS_NOT_SUPPORTED. hythe_client_free ends what is under way, with STATUS_CANCELLED or STATUS_CONNECTION_DISCONNECTED. */
ntstatus hythe_connect_async(struct hythe_client *client, const char *host, uint16_t port, const struct hythe_connect_options *options,
	hythe_done_fn *done, void *arg);
/* hythe_session_logoff; the handle is given back whatever becomes of it, at the latest before `done`. */
ntstatus hythe_session_logoff_async(struct hythe_session *session, hythe_done_fn *done, void *arg);

/* ECHO (3.2.4.25): does the server answer? */
ntstatus hythe_echo(struct hythe_session *session);
ntstatus hythe_echo_async(struct hythe_session *session, hythe_done_fn *done, void *arg);

/* One of a server's shares ([MS-SRVS] 2.2.4.23). */
struct hythe_share {
	char *name, *remark; /* UTF-8 */
	uint32_t type;       /* 0 disk, 1 printer, 3 IPC; bit 31: special (hidden) */
};

/* Lists the server's shares by the srvsvc pipe. The array is freed by hythe_share_list_free. */
ntstatus hythe_share_list(struct hythe_session *session, struct hythe_share **shares, size_t *count) HYTHE_MUST_USE;
void hythe_share_list_free(struct hythe_share *shares, size_t count);

/* --- trees (3.2.4.2.4, 3.2.4.22) --- */

ntstatus hythe_tree_connect(struct hythe_session *session, const char *share, struct hythe_tree **out) HYTHE_MUST_USE;
ntstatus hythe_tree_connect_async(struct hythe_session *session, const char *share, hythe_done_fn *done, void *arg);

/* TREE_DISCONNECT and giving the handle back, which happens whatever the status. */
ntstatus hythe_tree_disconnect(struct hythe_tree *tree);
/* Gives the handle back without telling the server. */
void hythe_tree_free(struct hythe_tree *tree);

struct hythe_tree_info {
	enum hythe_share_type type;
	uint32_t share_flags, capabilities, maximal_access; /* 2.2.10 */
	uint32_t tree_id;
	bool sealing; /* messages of this tree are encrypted */
};
void hythe_tree_info(struct hythe_tree *tree, struct hythe_tree_info *out);

/* --- caching (3.2.4.3.8, 3.2.5.19): oplocks and leases --- */

/* What the server lets an application keep to itself. The library caches nothing; it asks, knows what is granted, and gives it back. */
#define HYTHE_CACHE_READ 1u   /* what was read stays as it was: it may be read again from memory. Of a directory: its listing */
#define HYTHE_CACHE_HANDLE 2u /* closing may be delayed, for somebody may open the file anew */
#define HYTHE_CACHE_WRITE 4u  /* nobody else has the file open: writes and byte-range locks may be delayed */

/* Oplocks (2.2.13). II allows READ, EXCLUSIVE also WRITE, BATCH all three. */
enum hythe_oplock { HYTHE_OPLOCK_NONE = 0, HYTHE_OPLOCK_II = 1, HYTHE_OPLOCK_EXCLUSIVE = 8, HYTHE_OPLOCK_BATCH = 9 };

struct hythe_cache_change {
	uint32_t from, to; /* HYTHE_CACHE_* that the application could count on, and what is left of them */
	bool purge;        /* what was cached of the file's contents may be out of date */
};

/* Something of what `file` could cache is gone. What was written or locked on the strength of WRITE must be sent (hythe_write, hythe_lock),
 * what was kept open on the strength of HANDLE closed, what was kept of the contents dropped with READ or `purge`: before it returns,
 * since then the server is told that this is done, and lets others at the file, who wait for it. A server waits about 35 s and then goes on
 * without. When the connection has ended, the user has logged off or the tree was disconnected, `to` is 0 and nothing can be sent any more.
 *
 * It may block and make any call of this library but hythe_client_free, hythe_close of its own file included. It runs on a thread of its
 * own when the client has threads, and otherwise inside of blocking calls and of hythe_client_poll, on the thread that makes them: so
 * take no lock in it that is held around such calls, and with threads = 0 keep calling while a file may be cached. While it blocks,
 * callbacks of other files may run inside of it, a few deep; never two of one file at a time. It may run before the call that opens the
 * file has returned. The handle stays valid while it runs, whoever gives it back. After hythe_close has returned it does
 * not run any more (unless that is where hythe_close was called); after hythe_close_async and hythe_file_free on another thread it
 * may still be at work. */
typedef void hythe_cache_fn(void *arg, struct hythe_file *file, const struct hythe_cache_change *change);

/* What the application may cache of the file now, HYTHE_CACHE_*; 0 without oplock or lease, and when the connection (session, tree) has ended. Of a file
 * that several handles of this client have open with a lease all say the same. During a break it is what will be left. From any
 * thread. */
uint32_t hythe_file_cache_state(struct hythe_file *file);

/* --- files (3.2.4.3 to 3.2.4.7) --- */

/* All parameters of CREATE. Zeroed but for access it opens an existing file, shared with nobody: see hythe_open_params_init. */
struct hythe_open_params {
	const char *path;
	uint32_t access;         /* HYTHE_READ_DATA | ... */
	uint32_t share_access;   /* HYTHE_SHARE_* */
	enum hythe_disposition disposition;
	uint32_t options;        /* HYTHE_OPTION_* */
	uint32_t attributes;     /* of a file that is created; 0: NORMAL */
	uint32_t impersonation;  /* 2 = Impersonation, what init sets */
	/* What is asked for so that the application may cache; see below. A lease is better where there are leases: with both set, the oplock
	 * is asked for only where there are none. */
	uint32_t lease;          /* HYTHE_CACHE_*; 0: no lease */
	uint8_t oplock_level;    /* enum hythe_oplock */
	hythe_cache_fn *on_cache_change; /* NULL: breaks are acknowledged at once */
	void *cache_arg;
	bool query_maximal_access; /* MxAc */
	bool query_disk_id;        /* QFid */
	uint64_t allocation_bytes; /* AlSi; 0: absent */
	uint64_t snapshot_time;    /* TWrp: FILETIME of a previous version; 0: absent */
	bool smb1_open_andx;       /* in SMB1, OPEN_ANDX if it can say all this: times are then told in seconds, and sizes modulo 4 GiB unless a READ follows in a chain */
	/* Ready-made create contexts (2.2.13.2), chained, to follow those above. */
	const void *contexts;
	size_t contexts_len;
};
/* Opens an existing file or directory `path` with `access`, sharing everything. */
void hythe_open_params_init(struct hythe_open_params *params, const char *path, uint32_t access);

/* info may be NULL.
 *
 * A lease is one for all handles that this client has on a file (by server, share and name in any case, over all connections), and has
 * READ with or without HANDLE and WRITE. SMB 3 has them for directories too; the lease of an open directory is named in those of
 * the files in it, so that our own changes do not break it. STATUS_NOT_SUPPORTED: the server or the dialect (2.0.2; 2.1 for
 * directories) has none, and no oplock is asked for instead; STATUS_INVALID_PARAMETER: no such lease or level;
 * STATUS_INVALID_NETWORK_RESPONSE: the server has granted what nobody asked for (the file is closed again). What is granted may be less
 * than what is asked for: hythe_file_cache_state. Leaving a file by hythe_file_free without closing it leaves the server waiting when
 * it breaks the lease. */
ntstatus hythe_open(struct hythe_tree *tree, const struct hythe_open_params *params, struct hythe_file **out,
	struct hythe_open_info *info) HYTHE_MUST_USE;
ntstatus hythe_open_async(struct hythe_tree *tree, const struct hythe_open_params *params, hythe_done_fn *done, void *arg);

/* CLOSE and giving the handle back, which happens whatever the status. `stat` may be NULL; otherwise the server is asked for
 * the final attributes (POSTQUERY), and file_id and links stay 0. */
ntstatus hythe_close(struct hythe_file *file, struct hythe_stat *stat);
/* When this returns another status than SUCCESS, the handle is still the caller's. */
ntstatus hythe_close_async(struct hythe_file *file, bool want_stat, hythe_done_fn *done, void *arg);
/* Gives the handle back without telling the server. */
void hythe_file_free(struct hythe_file *file);

/* The tree a file was opened in; not to be given back. */
struct hythe_tree *hythe_file_tree(struct hythe_file *file);

/* READ flags (2.2.19), WRITE flags (2.2.21); refused by servers of older dialects where the text says so. */
#define HYTHE_READ_UNBUFFERED 1u
#define HYTHE_WRITE_THROUGH 1u
#define HYTHE_WRITE_UNBUFFERED 2u

/* Reads up to len bytes at offset, in as many READs as it takes, side by side. *bytes is short only at the end of the file;
 * at or behind the end: STATUS_END_OF_FILE and 0 bytes. On another error *bytes is 0, and what is in
 * the buffer means nothing. */
ntstatus hythe_read(struct hythe_file *file, uint64_t offset, void *buffer, size_t len, size_t *bytes) HYTHE_MUST_USE;
ntstatus hythe_read_async(struct hythe_file *file, uint64_t offset, void *buffer, size_t len, uint32_t flags,
	hythe_done_fn *done, void *arg);

/* Reads to a local file: up to len bytes at offset go to fd_offset of fd, which has to be open for writing, without O_APPEND, until `done`. They are not
 * copied on the way where nobody signs or encrypts them. One READ only: the result may be short, and is 0 bytes only with STATUS_END_OF_FILE. The file
 * is written to by whoever polls the client, or by one of its threads. After a failure what is in fd there means nothing. STATUS_NOT_SUPPORTED over SMB1. */
ntstatus hythe_read_to_async(struct hythe_file *file, uint64_t offset, size_t len, int fd, uint64_t fd_offset, hythe_done_fn *done, void *arg);

/* Writes len bytes at offset, in as many WRITEs as it takes, side by side. *bytes (may be NULL) is len on success; on failure
 * the number of bytes from offset on that are known to be written. */
ntstatus hythe_write(struct hythe_file *file, uint64_t offset, const void *buffer, size_t len, size_t *bytes) HYTHE_MUST_USE;
ntstatus hythe_write_async(struct hythe_file *file, uint64_t offset, const void *buffer, size_t len, uint32_t flags,
	hythe_done_fn *done, void *arg);

/* FLUSH: returns when the server says that what was written is on stable storage. */
ntstatus hythe_flush(struct hythe_file *file) HYTHE_MUST_USE;
ntstatus hythe_flush_async(struct hythe_file *file, hythe_done_fn *done, void *arg);

/* --- byte-range locks (3.2.4.19, 3.2.4.21) --- */

/* `exclusive`: nobody else reads, writes or locks there. Otherwise others may read and lock it shared, and nobody writes, this handle
 * included. A lock may lie behind the end of the file. */
struct hythe_range {
	uint64_t offset, length;
	bool exclusive;
};
/* Locks the ranges for this handle, all of them or none, until they are unlocked or the handle is closed; at most 2,048.
 * STATUS_LOCK_NOT_GRANTED: another handle has one of them. With `wait`, which is for a single range, the call ends when the range is to
 * be had, or by hythe_cancel with STATUS_CANCELLED, or with STATUS_RANGE_NOT_LOCKED when the handle is closed meanwhile. */
ntstatus hythe_lock(struct hythe_file *file, const struct hythe_range *ranges, size_t count, bool wait) HYTHE_MUST_USE;
ntstatus hythe_lock_async(struct hythe_file *file, const struct hythe_range *ranges, size_t count, bool wait, hythe_done_fn *done,
	void *arg);
/* Unlocks ranges as they were locked, one after the other (`exclusive` is not looked at). STATUS_RANGE_NOT_LOCKED: this one is not; those
 * before it are unlocked, those behind it are not. */
ntstatus hythe_unlock(struct hythe_file *file, const struct hythe_range *ranges, size_t count) HYTHE_MUST_USE;
ntstatus hythe_unlock_async(struct hythe_file *file, const struct hythe_range *ranges, size_t count, hythe_done_fn *done, void *arg);

/* --- raw queries --- */

/* QUERY_INFO (3.2.4.8): at most cap bytes of the answer go to buffer and *len says how many. STATUS_BUFFER_OVERFLOW: more was
 * there. additional: AdditionalInformation, which parts of a security descriptor for instance. */
ntstatus hythe_query_info(struct hythe_file *file, enum hythe_info_type type, uint8_t info_class, uint32_t additional,
	void *buffer, size_t cap, size_t *len) HYTHE_MUST_USE;
ntstatus hythe_query_info_async(struct hythe_file *file, enum hythe_info_type type, uint8_t info_class, uint32_t additional,
	size_t cap, hythe_done_fn *done, void *arg);

/* SET_INFO (3.2.4.9). */
ntstatus hythe_set_info(struct hythe_file *file, enum hythe_info_type type, uint8_t info_class, uint32_t additional,
	const void *data, size_t len) HYTHE_MUST_USE;
ntstatus hythe_set_info_async(struct hythe_file *file, enum hythe_info_type type, uint8_t info_class, uint32_t additional,
	const void *data, size_t len, hythe_done_fn *done, void *arg);

/* QUERY_DIRECTORY flags (2.2.33) */
#define HYTHE_RESTART_SCANS 1u
#define HYTHE_RETURN_SINGLE_ENTRY 2u
#define HYTHE_INDEX_SPECIFIED 4u
#define HYTHE_REOPEN 0x10u

/* QUERY_DIRECTORY (3.2.4.17): one buffer of raw entries ([MS-FSCC] 2.4), cap up to max_transact_bytes. STATUS_NO_MORE_FILES at the
 * end, STATUS_NO_SUCH_FILE when nothing ever matched. pattern NULL: "*". See hythe_dir_open for decoded entries. */
ntstatus hythe_query_directory(struct hythe_file *directory, uint8_t info_class, uint8_t flags, const char *pattern,
	uint32_t file_index, void *buffer, size_t cap, size_t *len) HYTHE_MUST_USE;
ntstatus hythe_query_directory_async(struct hythe_file *directory, uint8_t info_class, uint8_t flags, const char *pattern,
	uint32_t file_index, size_t cap, hythe_done_fn *done, void *arg);

/* IOCTL with an FSCTL (3.2.4.20). file NULL: the request of a tree, with an all-ones FileId. The answer's status may be
 * STATUS_BUFFER_OVERFLOW with data. */
ntstatus hythe_ioctl(struct hythe_tree *tree, struct hythe_file *file, uint32_t ctl_code, const void *input, size_t input_len,
	void *output, size_t cap, size_t *len) HYTHE_MUST_USE;
ntstatus hythe_ioctl_async(struct hythe_tree *tree, struct hythe_file *file, uint32_t ctl_code, const void *input,
	size_t input_len, size_t cap, hythe_done_fn *done, void *arg);

/* --- helpers on top --- */

ntstatus hythe_stat(struct hythe_tree *tree, const char *path, struct hythe_stat *out) HYTHE_MUST_USE;
ntstatus hythe_file_stat(struct hythe_file *file, struct hythe_stat *out) HYTHE_MUST_USE;
/* The file must be open with HYTHE_DELETE access. */
ntstatus hythe_file_rename(struct hythe_file *file, const char *to, bool replace) HYTHE_MUST_USE;
ntstatus hythe_rename(struct hythe_tree *tree, const char *from, const char *to, bool replace) HYTHE_MUST_USE;
/* Files only (hythe_unlink), directories only (hythe_rmdir). */
ntstatus hythe_unlink(struct hythe_tree *tree, const char *path) HYTHE_MUST_USE;
ntstatus hythe_rmdir(struct hythe_tree *tree, const char *path) HYTHE_MUST_USE;
ntstatus hythe_mkdir(struct hythe_tree *tree, const char *path) HYTHE_MUST_USE;
ntstatus hythe_file_truncate(struct hythe_file *file, uint64_t size_bytes) HYTHE_MUST_USE;
/* Times that are 0, and attributes of 0, stay as they are. */
ntstatus hythe_file_set_times(struct hythe_file *file, uint64_t creation_time, uint64_t last_access_time,
	uint64_t last_write_time, uint64_t change_time, uint32_t attributes) HYTHE_MUST_USE;

/* Sizes of the volume that holds an open file or directory. */
struct hythe_volume {
	uint64_t total_bytes, free_bytes; /* free for this user */
};
ntstatus hythe_file_volume(struct hythe_file *file, struct hythe_volume *out) HYTHE_MUST_USE;

/* A directory being listed. Not for two threads at once. */
struct hythe_entry {
	const char *name; /* UTF-8; valid until the next call on the directory */
	struct hythe_stat stat;
};
/* pattern NULL: everything. "." and ".." are left out. */
ntstatus hythe_dir_open(struct hythe_tree *tree, const char *path, const char *pattern, struct hythe_dir **out) HYTHE_MUST_USE;
/* STATUS_NO_MORE_FILES at the end. The next buffer is fetched while this one is being read. */
ntstatus hythe_dir_next(struct hythe_dir *dir, struct hythe_entry *out) HYTHE_MUST_USE;
void hythe_dir_close(struct hythe_dir *dir);

/* --- chains: several operations in one message (3.2.4.1.4) --- */

enum hythe_step_kind {
	HYTHE_STEP_OPEN,
	HYTHE_STEP_READ,
	HYTHE_STEP_WRITE,
	HYTHE_STEP_FLUSH,
	HYTHE_STEP_QUERY_INFO,
	HYTHE_STEP_SET_INFO,
	HYTHE_STEP_QUERY_DIRECTORY,
	HYTHE_STEP_CLOSE,
	HYTHE_STEP_RENAME
};
enum { HYTHE_CHAIN_MAX = 16 };

/* One operation of a chain, and what came of it. Steps work on the file that the OPEN step before them opened, or, when
 * there is none, on that of the first step. */
struct hythe_step {
	enum hythe_step_kind kind;
	/* in */
	struct hythe_file *on;                /* first step, unless it is an OPEN. A CLOSE does not give the handle back */
	const struct hythe_open_params *open; /* OPEN; lease and oplock count with `keep` only */
	uint64_t offset;       /* READ, WRITE */
	const void *data;      /* WRITE, SET_INFO */
	void *buffer;          /* READ, QUERY_INFO, QUERY_DIRECTORY: where the answer goes */
	size_t len;            /* of data or of buffer; READ and WRITE at most 64 KiB */
	uint8_t info_type;     /* QUERY_INFO, SET_INFO: enum hythe_info_type */
	uint8_t info_class;    /* QUERY_INFO, SET_INFO, QUERY_DIRECTORY */
	uint8_t scan_flags;    /* QUERY_DIRECTORY */
	const char *pattern;   /* QUERY_DIRECTORY */
	uint32_t additional;   /* QUERY_INFO, SET_INFO */
	const char *to;        /* RENAME: the new name, from the share's root on; the file must be open with HYTHE_DELETE access */
	bool replace;          /* RENAME: a file of that name */
	bool want_stat;        /* CLOSE */
	bool keep;             /* OPEN: no CLOSE follows; the file is handed over in `file` */
	/* out */
	ntstatus status;
	size_t bytes;          /* read, written, or put in buffer */
	struct hythe_open_info opened; /* OPEN; CLOSE with want_stat: opened.stat */
	struct hythe_file *file;       /* OPEN with keep */
};

/* Sends 1 to HYTHE_CHAIN_MAX steps as one related compound. The status is that of the first step
 * that failed (BUFFER_OVERFLOW does not count); each step's own is in it. `steps` and what they point to must stay until
 * the call returns or `done` is called. */
ntstatus hythe_chain(struct hythe_tree *tree, struct hythe_step *steps, size_t n) HYTHE_MUST_USE;
ntstatus hythe_chain_async(struct hythe_tree *tree, struct hythe_step *steps, size_t n, hythe_done_fn *done, void *arg);

#ifdef __cplusplus
}
#endif
#endif

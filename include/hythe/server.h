/* Embedding Hythe's server: fill a struct hythe_server_config, make a server from it, start it. The configuration is plain data
 * that the server copies; it may be freed or changed as soon as a call returns. All functions may be called from any thread,
 * but hythe_server_free only once nobody else uses the server. Nothing here installs signal handlers or writes to the
 * terminal; the log goes to standard error unless config.log_line is set. */
#ifndef HYTHE_SERVER_H
#define HYTHE_SERVER_H

#include <hythe/tap.h>
#include <hythe/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum hythe_log_level { HYTHE_LOG_ERROR, HYTHE_LOG_WARN, HYTHE_LOG_INFO, HYTHE_LOG_DEBUG, HYTHE_LOG_TRACE };

struct hythe_share_config {
	const char *name;    /* UTF-8, 1 to 80 characters */
	/* An existing directory. %U (the user's name), %M (the client's address) and %t (the time, as YYYY_MM_DD_HH_MM_SS in UTC) are put in when somebody
	 * connects, %% is a percent sign; what is above the first of them has to exist. */
	const char *path;
	const char *comment; /* NULL: none */
	bool create_path;              /* such a directory is made when it is not there, for the server's user alone; else the client is refused */
	bool read_only;
	bool guest;                    /* guests may connect; needs guest of the server */
	bool encrypt;                  /* only sessions that can encrypt */
	bool access_based_enumeration; /* listings leave out what the user may not open */
	bool acl_flags_as_set;         /* AUTO_INHERITED of a descriptor stays as a client sets it; else only when it is asked for, as on Windows */
	bool hidden;                   /* left out of share lists; a name that ends in $ always is */
	bool follow_symlinks;          /* those that stay inside the share; else clients are told of the link */
	bool no_streams;               /* named streams are refused; else they are kept where the file system has extended attributes */
	bool no_change_notify;         /* CHANGE_NOTIFY is refused */
	bool smb1;                     /* clients of SMB1 may use it, if the server speaks that; else it does not exist for them */
	bool ntlmv1;                   /* also those who log on by NTLMv1, whose passwords can be found out from what they send */
	bool short_names;              /* long names have 8.3 names as well, which costs listings time */
	bool restrict_exclusive_opens; /* whoever only reads shares reading, asked for or not */
	bool force_shared_delete;      /* every open shares deleting */
	bool force_level2_oplocks;     /* nobody may cache writes */
	bool show_dot_files;           /* else names that begin with a dot are shown with the attribute HIDDEN ... */
	const char *const *hide_files; /* ... as are those that match one of these patterns, with * and ? */
	size_t hide_count;
	bool kernel_oplocks;           /* local programs that open a file wait until a client has written back what it caches of it */
	bool mirror_locks;             /* local programs see the byte-range locks of clients as their own, and the other way round */
	bool no_local_changes;         /* who watches a directory is not told of what local programs change there */
	const char *const *users;      /* NULL: every user */
	size_t user_count;
	const char *const *admins;     /* users who may do what the access list of a file forbids */
	size_t admin_count;
};

struct hythe_server_config {
	/* "127.0.0.1:4450", "[::]:445", ":445"; port 0 takes a free one, see hythe_server_port. At least one. With "nbss:" in front, such as "nbss::139",
	 * the port is one for NetBIOS sessions. " smb1=yes" or " smb1=no" behind it says for those who come there what `smb1` says for all. */
	const char *const *listen;
	size_t listen_count;
	const struct hythe_share_config *shares; /* IPC$ is always there and not listed here */
	size_t share_count;

	const char *state_dir; /* holds the file `users` (hythe user add ...) and what must outlive a restart */
	const char *name;      /* NetBIOS name, at most 15 characters; NULL: from the host name */
	const char *const *aliases; /* further NetBIOS names that clients may ask for sessions with */
	size_t alias_count;
	const char *comment;   /* shown in network browsers; NULL: none */
	const char *workgroup; /* NULL: WORKGROUP */

	enum hythe_dialect min_dialect, max_dialect;
	bool signing_required;
	/* OFF: where a share or a client demands it. DESIRED: every session of a client that can. REQUIRED: every session; clients
	 * that cannot encrypt are turned away. */
	enum hythe_encryption encryption;
	bool multichannel;     /* a session may have several connections, with SMB 3 */
	bool smb1;             /* speaks SMB1 (NT LM 0.12) with clients that know nothing else: unencrypted, and weakly signed */
	bool guest;            /* unknown users become guests and may use shares with guest set */

	unsigned threads;                  /* workers that exist at rest; 0: by the number of processors */
	unsigned max_connections;          /* 0: no limit but the one of open files */
	unsigned max_unauthenticated;      /* connections that have not logged on yet; 0: 256 */
	unsigned max_opens_per_session;    /* 0: 65,536; never more than three quarters of what the process may open (RLIMIT_NOFILE) */
	unsigned authentication_timeout_s; /* to log on; 0: 45 */
	unsigned idle_timeout_s;           /* a connection without opens and requests is closed after this; 0: never */
	unsigned max_io_bytes;             /* MaxReadSize, MaxWriteSize and MaxTransactSize; 0: 8 MiB */

	bool test_aids;                    /* answer smbtorture's private FSCTLs (0x8384xxxx); for test machines only */

	enum hythe_log_level log_level;
	void (*log_line)(enum hythe_log_level level, const char *line, void *arg); /* NULL: standard error */
	void *log_arg;

	hythe_tap_fn *tap; /* is told every frame of all connections; NULL: none. See hythe/tap.h. Large writes are then read whole before they begin */
	void *tap_arg;
};

struct hythe_server;

/* The defaults: 2.1 to 3.1.1, signing required, several connections to a session, encryption off (only where a share or a client demands it), no guest; no listen address and no share. */
void hythe_server_config_init(struct hythe_server_config *cfg);

/* Checks the configuration and opens the shares and the user store. NULL: `why` (why_cap bytes) says in a sentence what is wrong. */
struct hythe_server *hythe_server_new(const struct hythe_server_config *cfg, char *why, size_t why_cap) HYTHE_MUST_USE;

/* Listens on every address and serves on threads of its own until hythe_server_stop. false: `why` says what is wrong, and nothing
 * listens. */
bool hythe_server_start(struct hythe_server *s, char *why, size_t why_cap) HYTHE_MUST_USE;

/* Whether clients of SMB1 are let in at the i-th listen address. */
bool hythe_server_smb1(const struct hythe_server *s, size_t i);
/* The port of the i-th listen address of a started server; 0 when there is no such address. */
uint16_t hythe_server_port(const struct hythe_server *s, size_t i);

/* What the server is doing, as lines to read or as JSON; malloc'ed, for free(3), and NULL when out of memory. JSON: an object with version, since (Unix
 * seconds), connections, logging_on, listeners (address, port), shares (name, path, read_only, encrypt, guest, smb1, ntlmv1, trees) and sessions (user,
 * dialect, protection: "encrypted", "signed" or "open", trees, open_files, since, clients). From any thread, between start and stop. */
char *hythe_server_status(struct hythe_server *s, bool json) HYTHE_MUST_USE;

/* Takes over shares and users from a new configuration; whatever else it says is left as it was. Connections stay: trees of shares that
 * are gone or changed live on until their client disconnects. false: `why` says what is wrong, and nothing has changed. */
bool hythe_server_reload(struct hythe_server *s, const struct hythe_server_config *cfg, char *why, size_t why_cap) HYTHE_MUST_USE;

/* Stops listening, lets requests under way finish for up to drain_ms, then closes every connection. Idempotent. */
void hythe_server_stop(struct hythe_server *s, unsigned drain_ms);

/* Stops if need be. NULL is allowed. */
void hythe_server_free(struct hythe_server *s);

#ifdef __cplusplus
}
#endif
#endif

/* Logging on: one interface for both roles, fed with tokens and giving tokens. Inside: SPNEGO ([MS-SPNG], RFC 4178) around
 * NTLM ([MS-NLMP]), or NTLM raw. The user store is asked by the acceptor only. Thread-safe between different contexts. */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "base/arena.h"
#include "base/clock.h"

/* --- the user store: smbpasswd lines with NT hashes, mode 0600 --- */

struct user_store;

struct user_entry {
	char name[256]; /* UTF-8 */
	uint32_t uid;   /* column of the smbpasswd format, not used by Hythe */
	uint8_t nt_hash[16];
	bool disabled, no_password;
};

/* Opens or (create) makes STATE_DIR/users. `why` (at least 256 bytes) receives a sentence on failure. */
struct user_store *user_store_open(const char *state_dir, bool create, char *why) MUST_USE;
struct user_store *user_store_in_memory(void) MUST_USE;
void user_store_close(struct user_store *s);
/* Name without regard to case. false: unknown. */
bool user_store_find(struct user_store *s, const char *name, struct user_entry *out) MUST_USE;
/* Adds or replaces, and writes the file anew (atomically, fsynced). */
ntstatus user_store_put(struct user_store *s, const struct user_entry *e) MUST_USE;
ntstatus user_store_delete(struct user_store *s, const char *name) MUST_USE;
/* Calls fn in file order. */
void user_store_each(struct user_store *s, void (*fn)(const struct user_entry *e, void *arg), void *arg);
size_t user_store_count(struct user_store *s);
/* Reads lines of `pdbedit -Lw` or smbpasswd; number of users taken, or -1 and `why`. */
int user_store_import(struct user_store *s, const char *path, char *why) MUST_USE;
/* Picks up changes that another process made to the file; cheap when there are none. */
void user_store_refresh(struct user_store *s);
/* 1 to 255 bytes of UTF-8, no colon, no control characters, no blank at the ends, no # in front. */
bool user_name_ok(const char *name) MUST_USE;
/* The NT hash of a UTF-8 password. */
ntstatus user_nt_hash(const char *password, uint8_t out[16]) MUST_USE;

/* --- acceptor --- */

struct auth_server_config {
	struct user_store *users;
	const char *netbios_name, *dns_name; /* target info */
	bool allow_anonymous;                /* IPC$ only is the server's business */
	bool guest;                          /* unknown users become guest */
	const struct clock *clock;
};

struct auth_identity {
	char user[256]; /* UTF-8, as stored; "" for anonymous */
	char domain[256];
	bool anonymous, guest;
	uint8_t session_key[32];
	size_t session_key_len; /* 16 for NTLM; 0: none (anonymous, guest) */
};

struct auth_server;

/* The NegTokenInit2 hint for NEGOTIATE responses, in the arena; an empty slice on failure. */
struct slice auth_server_hint(struct arena *a) MUST_USE;

struct auth_server *auth_server_new(const struct auth_server_config *cfg) MUST_USE;
void auth_server_free(struct auth_server *s);

/* One leg. MORE_PROCESSING_REQUIRED: send *out and go on. SUCCESS: send *out (may be empty), identity() is filled.
 * Anything else is the status of SESSION_SETUP (LOGON_FAILURE, ACCOUNT_DISABLED, INVALID_PARAMETER ...). *out is in the arena. */
ntstatus auth_server_step(struct auth_server *s, struct slice token, struct arena *a, struct slice *out) MUST_USE;
const struct auth_identity *auth_server_identity(const struct auth_server *s);

/* A logon without tokens, as SMB1 has it: a client's answer to the challenge of NEGOTIATE. */
struct auth_claim {
	uint8_t challenge[8];
	struct slice user, domain; /* UTF-16LE */
	struct slice lm, nt;
	bool allow_ntlmv1;         /* else NTLMv2 and LMv2 only; LM never */
};

/* SUCCESS: *out is filled; *ntlmv1: the client has proved itself by NTLMv1. LOGON_FAILURE, ACCOUNT_DISABLED, INVALID_PARAMETER. */
ntstatus auth_claim_check(const struct auth_server_config *cfg, const struct auth_claim *r, struct auth_identity *out, bool *ntlmv1) MUST_USE;

/* --- initiator --- */

struct auth_client_config {
	const char *user, *domain, *password; /* UTF-8; user NULL: anonymous */
	const uint8_t *nt_hash;               /* 16 bytes, instead of a password; may be NULL */
	const char *target_host;              /* for the SPN cifs/HOST */
	bool raw_ntlm;                        /* without SPNEGO */
	const struct clock *clock;
};

struct auth_client;

struct auth_client *auth_client_new(const struct auth_client_config *cfg) MUST_USE;
void auth_client_free(struct auth_client *c);
/* in: empty at first, or the server's hint; then what the server sent. SUCCESS: done, session_key() is filled; *out may still
 * have to be sent. MORE_PROCESSING_REQUIRED: send *out. */
ntstatus auth_client_step(struct auth_client *c, struct slice in, struct arena *a, struct slice *out) MUST_USE;
struct slice auth_client_session_key(const struct auth_client *c);

/* A challenge answered without a handshake, as SMB1 without extended security does ([MS-CIFS] 3.2.4.2.4, [MS-NLMP] 3.3.2): LMv2 and NTLMv2.
 * domain and server, UTF-8, are what the server calls them; NULL: it does not say. Both responses are in the arena; of the anonymous they are
 * as [MS-CIFS] has them, and there is no key. */
struct auth_response {
	struct slice lm, nt;
	uint8_t session_key[16];
	bool have_key; /* to be wiped */
};
ntstatus auth_client_respond(const struct auth_client_config *cfg, const uint8_t challenge[8], const char *domain, const char *server,
	struct arena *a, struct auth_response *out) MUST_USE;

#endif

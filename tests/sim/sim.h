/* The simulator: a whole server on a mem store, and clients that reach it over mem connections, in one pool without threads
 * and on a virtual clock. The same seed gives the same run. Two kinds of client: the real one (hythe/client.h), and `raw`, which
 * sends whatever message a test wants, right or wrong. */
#ifndef SIM_H
#define SIM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <hythe/client.h>

#include "auth/auth.h"
#include "base/clock.h"
#include "net/net.h"
#include "proto/proto.h"
#include "server/srv.h"
#include "vfs/vfs.h"
#include "wire/smb2.h"

/* What a test may set before sim_start; zero is the default. */
struct sim_options {
	uint16_t min_dialect, max_dialect;  /* of the server; 0: 2.0.2 and 3.1.1 */
	bool signing_required, encrypt_sessions, encryption_required, guest, multichannel, smb1, ntlmv1;
	bool nbss;                          /* connections are NetBIOS sessions, accepted already */
	struct net_mem_faults faults;
	uint64_t store_bytes;               /* 0: 64 MiB */
	ntstatus (*decide)(void *arg, const char *operation); /* fault store */
	void *decide_arg;
};

struct sim {
	struct sim_options options;
	struct clock_virtual clock;
	struct net_pool *pool;
	struct srv srv;
	struct hythe_client *client;
	struct hythe_connect_options connect;
	uint64_t links;                     /* connections made, so that each has faults of its own */
};

/* Shares: "share" (everybody), "ro" (read-only), "enc" (demands encryption), "alice" (users alice), "guest" (guests allowed), "abe" (listings leave out what cannot be read). With `smb1`, "share", "share2" and "old" (NTLMv1, too) are for clients of SMB1. Users:
 * user/pass, alice/secret, off/pass (disabled). Fails the test when something cannot be made. */
void sim_start(struct sim *s, const struct sim_options *o);
void sim_stop(struct sim *s);
/* For tests with a server of their own: makes a user in its state directory. */
bool sim_user(const char *state_dir, const char *name, const char *password) MUST_USE;
/* A server of threads on 127.0.0.1 that has `dir` as its only share, and its state in state_dir. NULL, and why is printed: it cannot be started. */
struct hythe_server *sim_serve(const char *dir, const char *state_dir, const char *share, unsigned threads) MUST_USE;
/* A connection to the server: our end. */
struct net_conn *sim_dial(struct sim *s, const struct net_mem_faults *f);
/* Runs what is due, until nothing is or `ms` of virtual time have passed. */
void sim_run(struct sim *s, unsigned ms);
/* A session of the real client as user/pass, and its tree on `share`. */
ntstatus sim_connect(struct sim *s, const char *share, struct hythe_session **session, struct hythe_tree **tree);

/* --- raw --- */

enum { RAW_QUEUE = 64 };

struct raw {
	struct sim *sim;
	struct net_conn *net;
	int fd;                             /* raw_dial: a socket in place of `net`, else -1 */
	void (*unasked)(struct raw *r, struct slice frame); /* there, what raw_call gets that is not its answer */
	bool closed;
	struct proto_config config;
	struct proto_conn proto;
	struct arena arena;                 /* what answers point into; grows until raw_close */
	uint64_t next_id, session_id, previous_session_id;
	uint32_t tree_id, credits;
	struct smb2_file_id file_id;        /* of the last successful raw_open */
	struct proto_keys keys;
	bool have_keys, sign, seal;
	uint8_t preauth[64];
	struct slice queue[RAW_QUEUE];      /* frames that came, unsealed */
	size_t queued;
	/* What the next request's header says beyond the usual; used once. */
	uint32_t flags;
	uint16_t charge, credit_request;
	bool bad_signature;
	bool binding;                       /* SESSION_SETUPs have the flag */
	bool bind_unsigned;                 /* raw_bind leaves the signature away */
	bool borrowed;                      /* what seals is another's */
	uint16_t sequence;                  /* ChannelSequence; stays */
	bool unsigned_tree;                 /* raw_tree leaves the signature of 3.1.1 away */
	/* Of the last answer. */
	struct smb2_header header;
	struct slice answer;
};

void raw_open_connection(struct raw *r, struct sim *s);
void raw_close(struct raw *r);
/* The same to a server of threads, over TCP on 127.0.0.1, for a caller with a thread of his own: calls block. false: nobody is there. */
bool raw_dial(struct raw *r, uint16_t port) MUST_USE;
void raw_hang_up(struct raw *r);
/* Encodes one request behind what is in *frame (for compounds); command's body is `req`. */
size_t raw_encode(struct raw *r, uint8_t *out, size_t cap, uint16_t command, const void *req);
/* Sends bytes as one frame, signed (a single message) or sealed as the raw client is set. */
void raw_send(struct raw *r, uint8_t *frame, size_t len);
void raw_send_plain(struct raw *r, const void *frame, size_t len);
/* The next frame that comes, or an empty slice: none within the time, or closed. */
struct slice raw_receive(struct raw *r);
/* For large messages: some 200 credits, the file "f" to read and write, and n bytes that differ with the seed. */
void raw_ready_large(struct raw *r, uint8_t *data, size_t n, uint64_t seed);
/* One request and its final answer: the header's status, CONNECTION_DISCONNECTED when the server dropped us. rsp may be NULL; it
 * is decoded unless the answer is an ERROR response. An interim response is kept in interim_async_id. */
ntstatus raw_call(struct raw *r, uint16_t command, const void *req, void *rsp);
ntstatus raw_negotiate(struct raw *r, uint16_t min_dialect, uint16_t max_dialect);
ntstatus raw_login(struct raw *r, const char *user, const char *password);
/* One leg less: sends the first SESSION_SETUP only. */
ntstatus raw_login_begin(struct raw *r);
/* Binds r, which has negotiated, to the session of `to`, as that user; r then signs with the key of its own and seals with the session's, on the
 * trees of `to`. After a failure it is as it was. */
ntstatus raw_bind(struct raw *r, const struct raw *to, const char *user, const char *password);
ntstatus raw_tree(struct raw *r, const char *share);
/* CREATE with everything shared; name in ASCII with backslashes. */
ntstatus raw_open(struct raw *r, const char *name, uint32_t access, uint32_t disposition, uint32_t options);
struct slice raw_wide(struct raw *r, const char *text);
/* Negotiated, logged on as user/pass, tree "share". */
void raw_ready(struct raw *r, struct sim *s, uint16_t dialect);

#define assert_status(status, expected) assert_string_equal(hythe_status_name(status), hythe_status_name(expected))

#endif

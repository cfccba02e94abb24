/* Connections, sessions, trees, files, and requests on their way: what the client's parts share with one another.
 * [MS-SMB2] 3.2.1.2 to 3.2.1.7. A request goes cli_request_new -> encode -> cli_submit -> (send.c) -> wire, and comes back
 * through receive.c to its `complete`. */
#ifndef CLIENT_CONN_H
#define CLIENT_CONN_H

#include "client/core.h"
#include "proto/proto.h"

enum { CLI_TABLE = 512, CLI_INLINE = 320 };
/* One credit's worth of payload (3.1.5.2), and what split transfers use for a piece. */
enum { CLI_CREDIT_BYTES = 65536, CLI_PIECE_BYTES = 1 << 20 };

struct cli_request;
struct cli1;
struct cli1_file;
struct cli1_trans;
struct smb1_header;

/* Connection (3.2.1.2). Lives until the last reference is gone and net has let go. */
struct hythe_connection {
	_Atomic uint32_t refs; /* handles, sessions */
	struct hythe_client *client;
	struct list_node client_link; /* under the client's lock */
	struct net_conn *net;
	struct net_dial *dialling; /* before that, for hythe_connect_async; under the client's lock */
	struct proto_config config;
	struct proto_conn proto; /* fixed once NEGOTIATE is through */
	char host[256];
	uint16_t port;
	bool auto_close; /* ends with its session */
	bool nbss;       /* comes about by a NetBIOS session */
	char netbios_name[16]; /* that is called; "": by the host's name */
	struct cli1 *smb1; /* NULL: SMB1 is out of the question */
	enum hythe_encryption encryption;
	uint8_t *gss_token; /* of NEGOTIATE (3.2.5.2) */
	size_t gss_token_len;
	unsigned request_timeout_ms;
	_Atomic uint64_t breaks_ignored;
	/* under cli_cache.lock */
	bool cache_gone;
	unsigned opening_oplocks;
	struct cli_early_break early_breaks[CLI_EARLY_BREAKS];
	unsigned early_break_count;

	pthread_mutex_t lock;
	struct proto_sender sender;
	uint32_t charged; /* credits that requests under way have taken */
	uint32_t asked;   /* credits that requests under way have asked for */
	struct cli_request *table[CLI_TABLE]; /* OutstandingRequests by MessageId */
	size_t outstanding;
	size_t messages; /* that brought these: a related compound is one */
	struct cli_request *queue, **queue_end; /* waiting for credits */
	struct list_node sessions; /* hythe_session.link */
	struct net_timer timer;    /* 3.2.2.1, eight ticks to the request time-out */
	bool timer_on;
	uint32_t tick;
	bool dead;
	ntstatus end_status; /* why it ended; SUCCESS: it has not been decided to */
	char end_text[512];
};

/* Session (3.2.1.3) */
struct hythe_session {
	_Atomic uint32_t refs;
	struct hythe_connection *conn;
	struct list_node link; /* in conn->sessions, under its lock */
	uint64_t id;
	bool published;  /* in conn->sessions; the keys do not change any more */
	bool have_keys, signing, sealing, guest, anonymous;
	_Atomic bool validated; /* negotiation confirmed (3.2.5.5), or no need */
	struct proto_keys keys;
	uint8_t preauth[64]; /* during the login */
};

/* TreeConnect (3.2.1.4) */
struct hythe_tree {
	_Atomic uint32_t refs;
	struct hythe_session *session;
	uint32_t id;
	bool sealing;
	struct smb2_tree_connect_rsp told;
	char share[256];
};

/* Open (3.2.1.6) */
struct hythe_file {
	_Atomic uint32_t refs;
	struct hythe_tree *tree;
	struct smb2_file_id id;
	struct cli1_file *smb1; /* of connections that speak SMB1 */
	struct cli_hold hold;
};

/* What came back: message NULL when nothing did, and status then says why. */
struct cli_answer {
	ntstatus status;
	const uint8_t *message; /* from the header on */
	size_t len;
	const struct smb2_header *header;
	const struct smb1_header *header1; /* not NULL: the message is one of SMB1 */
};

struct cli_transfer;
struct cli_chain;
struct cli_login;

/* Request (3.2.1.7) */
struct cli_request {
	struct cli_request *next;     /* table, queue or to-be-sent list */
	struct cli_request *compound; /* next element of the same message */
	struct hythe_connection *conn;
	struct hythe_session *session; /* each may be NULL; referenced */
	struct hythe_tree *tree;
	struct hythe_file *file;
	uint64_t message_id, async_id;
	uint32_t tick;
	uint16_t command, charge, asked;
	bool takes_data; /* a READ by itself: what came may be put into `buffer` as it comes, which is ... */
	bool receiving;  /* ... under way; under the connection's lock */
	size_t received; /* ... and so much is there */
	bool related, force_sign, is_signed, sealed, pending, no_header;
	bool urgent; /* goes before what waits for credits */
	bool frees;  /* its answer brought credits that others wait for */
	_Atomic bool transmitting; /* the sender still uses it */

	void (*complete)(struct cli_request *r, const struct cli_answer *a);
	hythe_done_fn *done;
	void *arg;
	void *buffer; /* where the answer's payload goes */
	size_t buffer_len;
	bool to_file; /* no buffer but a file of the caller's */
	int to_fd, to_error; /* the latter: an errno */
	uint64_t to_offset;  /* of the next byte */
	uint64_t offset;
	union {
		struct cli_transfer *transfer;
		struct cli_chain *chain;
		void *op;
	};
	struct cli1_trans *trans; /* SMB1: the answer comes in parts */
	uint32_t sequence;        /* SMB1: of the answer's signature */
	struct cli_opening *opening; /* CREATE that asks for an oplock or a lease; NULL: it does not */
	uint32_t index; /* in the chain */
	bool flag;

	/* the message: head_len bytes at head, then the payload, which is the caller's */
	uint8_t *head;
	size_t head_len;
	struct buf *head_buf; /* when inline_head was too small */
	const void *payload;
	size_t payload_len;
	uint8_t inline_prefix[NET_PREFIX]; /* in front of inline_head, as in front of what is in head_buf: the frame's */
	uint8_t inline_head[CLI_INLINE];
};

/* --- references --- */
void cli_conn_put(struct hythe_connection *c);
struct hythe_session *cli_session_ref(struct hythe_session *s);
void cli_session_put(struct hythe_session *s);
struct hythe_tree *cli_tree_ref(struct hythe_tree *t);
void cli_tree_put(struct hythe_tree *t);
struct hythe_file *cli_file_ref(struct hythe_file *f);
void cli_file_put(struct hythe_file *f);
struct hythe_file *cli_file_new(struct hythe_tree *t, struct smb2_file_id id) MUST_USE;

/* --- conn.c --- */
/* Decides that the connection ends and why; the first reason counts. Requests end when net has closed it. */
void cli_conn_kill(struct hythe_connection *c, ntstatus status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
struct hythe_connection *cli_conn_new(struct hythe_client *client, const char *host, uint16_t port,
	const struct hythe_connect_options *o) MUST_USE;
/* Whether what is asked for goes together. */
ntstatus cli_conn_may(const struct hythe_connection *c, const struct hythe_connect_options *o) MUST_USE;
/* Connects the transport. */
ntstatus cli_conn_start(struct hythe_connection *c, unsigned timeout_ms) MUST_USE;
enum { CLI_CONNECT_MS = 10000 };
/* The two ends of that: it is there, or it is not, which is explained and whose status is given back. why: of the call, or "". */
void cli_conn_adopt(struct hythe_connection *c, struct net_conn *net);
ntstatus cli_conn_unreached(struct hythe_connection *c, ntstatus status, const char *why) MUST_USE;
/* What was agreed on holds from now on. */
void cli_conn_negotiated(struct hythe_connection *c);
/* How many bytes of payload one request may move in a direction that allows `most`: within today's credits. */
size_t cli_conn_io_limit(struct hythe_connection *c, uint32_t most);
/* Runs with the lock held after a request went out: sees that the timer runs. */
void cli_conn_arm_locked(struct hythe_connection *c);
void cli_conn_frames(struct net_conn *nc, void *user, struct net_frame *f, size_t n);
/* receive_into.c */
/* A sealed answer on its way to the buffer of the READ that it is for, if it is one: the first is a seal_place, and what has found a request ends
 * with the second. */
struct cli_placing {
	struct hythe_connection *conn;
	struct hythe_session *session;
	struct cli_request *request;
	struct proto_element element;
	size_t data_len;
};
uint8_t *cli_sealed_place(void *arg, const uint8_t *head, size_t len);
void cli_sealed_placed(struct cli_placing *p, bool ok);
/* read_to.c: the next bytes of an answer for a file, from memory and from a pipe. */
ntstatus cli_keep_bytes(struct cli_request *r, const void *p, size_t n);
ntstatus cli_keep_pipe(struct cli_request *r, int pipe_fd, size_t n);
/* How much of an answer is seen before its data: header and fixed part of a READ response. */
enum { CLI_FRAME_HEAD = 80 };
struct net_sink *cli_conn_begun(struct net_conn *nc, void *user, const struct net_frame *head, size_t len);

/* --- send.c --- */
/* A cleared request that holds references to what is not NULL (the most specific one suffices: a file brings its tree). */
struct cli_request *cli_request_new(struct hythe_connection *c, struct hythe_session *s, struct hythe_tree *t, struct hythe_file *f,
	uint16_t command) MUST_USE;
void cli_request_free(struct cli_request *r);
/* Encodes `body` (the command's request struct); variable_bytes is how much its slices add. `moves` is the larger of what
 * the request carries and what it asks for, which decides the CreditCharge. */
ntstatus cli_request_encode(struct cli_request *r, void *body, size_t variable_bytes, size_t moves) MUST_USE;
/* Sends r, or queues it until there are credits. SUCCESS: r belongs to the connection and r->complete will be called once.
 * Otherwise r is still the caller's. */
ntstatus cli_submit(struct cli_request *r) MUST_USE;
/* New credits came, or an answer made room: sends what waits. */
void cli_pump(struct hythe_connection *c);
void cli_send_cancel(struct hythe_connection *c, struct hythe_session *s, struct hythe_tree *t, uint64_t message_id, uint64_t async_id);

/* Runs fn, which works through what came; requests that this sends leave together, in few system calls. leave: with those of the next calls as well, which
 * is for the `done` of a sink. */
struct cli_batch;
void cli_batch_run(struct hythe_connection *c, void (*fn)(struct hythe_connection *c, void *arg), void *arg, bool leave);

/* --- rw.c --- */
struct cli_request *cli_read_new(struct hythe_file *f, uint64_t offset, void *buffer, size_t len, uint32_t flags, ntstatus *status) MUST_USE;
/* r NULL: it could not be made, and status says why. */
ntstatus cli_submit_or_free(struct cli_request *r, ntstatus status) MUST_USE;
/* How much of len bytes one message may move: at least 64 KiB, whatever the credits. */
size_t cli_io_limit(const struct hythe_file *f, size_t len, bool write);
/* Offset and length that a file can have. */
ntstatus cli_check_range(uint64_t offset, size_t len) MUST_USE;

/* --- receive.c --- */
/* The request of that id that waits; the lock is held. */
struct cli_request *cli_table_find_locked(struct hythe_connection *c, uint64_t message_id);
/* What is known of an answer's protection. One that came in the clear and says that it is signed is whole, and is verified then. */
enum cli_shown { CLI_IN_CLEAR, CLI_WAS_SEALED, CLI_RIGHTLY_SIGNED, CLI_WRONGLY_SIGNED };
/* The answer to r is there, with that header: r leaves the table, and its credits count (3.2.5.1.4). That is before anything is verified, for an answer
 * that is not right ends the connection. The lock is held. */
void cli_answer_locked(struct hythe_connection *c, struct cli_request *r, const struct smb2_header *h);
/* After that: checks how the answer is protected, and hands it over. */
void cli_answered(struct hythe_connection *c, struct cli_request *r, const struct proto_element *e, enum cli_shown shown);
/* r, which has left the table, ends with the connection: for the reason that this was killed for. */
void cli_ended(struct hythe_connection *c, struct cli_request *r);
/* Puts r into the table by its MessageId, and takes it out; the lock is held. */
void cli_table_add_locked(struct hythe_connection *c, struct cli_request *r);
void cli_table_remove_locked(struct hythe_connection *c, struct cli_request *r);
/* Hands the answer to r and frees it. */
void cli_complete(struct cli_request *r, const struct cli_answer *a);
/* Decodes the body of an answer that has one. */
ntstatus cli_decode(const struct cli_request *r, const struct cli_answer *a, void *body) MUST_USE;
/* The same for a `complete`: false when the status is an error or the body malformed, and *status says so. */
bool cli_body(const struct cli_request *r, const struct cli_answer *a, void *body, ntstatus *status) MUST_USE;
/* Calls r->done, with the explanation in place if it failed. */
void cli_finish(struct cli_request *r, ntstatus status, const struct hythe_result *result);
/* "READ", whichever protocol the connection speaks. */
const char *cli_command_name(const struct hythe_connection *c, uint16_t command);
/* Sets the calling thread's explanation of a status met by a command. */
void cli_explain(struct hythe_connection *c, const char *what, ntstatus status);

/* --- a request and its raw answer, blocking; for NEGOTIATE and SESSION_SETUP --- */
struct cli_reply {
	ntstatus status;
	struct smb2_header header;
	uint8_t *message; /* to be freed */
	size_t len;
	bool smb1;        /* it is one of SMB1, and header is not set */
};
/* Frees r in any case. An error status in the reply is no failure of the exchange. preauth (may be NULL) is updated with the
 * request (3.2.4.2.2.2, 3.2.4.2.3); the answer is the caller's business. */
ntstatus cli_exchange(struct cli_request *r, uint8_t *preauth, struct cli_reply *reply) MUST_USE;

/* The same for a `complete`: fills the reply from r and its answer. Not SUCCESS: there was none, which is explained. */
ntstatus cli_reply_take(struct cli_reply *reply, uint8_t *preauth, struct cli_request *r, const struct cli_answer *a) MUST_USE;

/* --- negotiate.c, login.c, tree.c --- */
ntstatus cli_negotiate(struct hythe_connection *c, bool smb1_first) MUST_USE;
/* The request of a round, and what its answer comes to, both explained if they fail; MORE_PROCESSING_REQUIRED: the answer to the NEGOTIATE of SMB1
 * wants one of SMB2. */
ntstatus cli_negotiate_request(struct hythe_connection *c, bool smb1, struct cli_request **out) MUST_USE;
ntstatus cli_negotiate_answer(struct hythe_connection *c, bool smb1, const struct cli_reply *reply) MUST_USE;
/* A logon, by SMB2. The options stay the caller's until it is freed. NULL: out of memory. */
struct cli_login *cli_login_new(struct hythe_connection *c, const struct hythe_connect_options *options) MUST_USE;
/* The next leg's request, whose exchange goes into cli_login_preauth, and its answer, to be kept until the next: MORE_PROCESSING_REQUIRED: there is another leg;
 * SUCCESS: the session can be taken, once. */
ntstatus cli_login_leg(struct cli_login *l, struct cli_request **out) MUST_USE;
uint8_t *cli_login_preauth(struct cli_login *l);
ntstatus cli_login_answer(struct cli_login *l, struct cli_reply *reply) MUST_USE;
struct hythe_session *cli_login_take(struct cli_login *l) MUST_USE;
void cli_login_free(struct cli_login *l);
/* 3.2.5.5: sends FSCTL_VALIDATE_NEGOTIATE_INFO on a fresh tree; `done` when confirmed. */
ntstatus cli_validate_async(struct hythe_tree *t, hythe_done_fn *done, void *arg) MUST_USE;

/* --- path.c --- */
/* The share-relative name as it goes on the wire, in a malloc'ed block; data NULL: not UTF-8 or no memory (*status). */
struct slice cli_path(const char *path, ntstatus *status) MUST_USE;
/* FileRenameInformation ([MS-FSCC] 2.4.42.2) of `to`, malloc'ed. */
uint8_t *cli_rename_information(const char *to, bool replace, size_t *len, ntstatus *status) MUST_USE;

/* --- asynchronous operations with an own buffer for the answer (NULL: it is shown to `done`) --- */
ntstatus cli_query_info(struct hythe_file *f, uint8_t type, uint8_t info_class, uint32_t additional, void *buffer, size_t cap,
	hythe_done_fn *done, void *arg) MUST_USE;
ntstatus cli_query_directory(struct hythe_file *f, uint8_t info_class, uint8_t flags, const char *pattern, uint32_t index,
	void *buffer, size_t cap, hythe_done_fn *done, void *arg) MUST_USE;
ntstatus cli_ioctl(struct hythe_tree *t, struct hythe_file *f, uint32_t code, struct slice in, void *buffer, size_t cap,
	hythe_done_fn *done, void *arg) MUST_USE;
/* The request of a CREATE, not yet encoded; and what its answer says. */
ntstatus cli_file_opened(struct cli_request *r, const struct smb2_create_rsp *rsp, struct hythe_file **out) MUST_USE;
ntstatus cli_create_encode(struct cli_request *r, const struct hythe_open_params *p) MUST_USE;
void cli_open_info(const struct smb2_create_rsp *rsp, struct hythe_open_info *out);
void cli_close_stat(const struct smb2_close_rsp *rsp, struct hythe_stat *out);

#endif

/* SMB1, dialect "NT LM 0.12", behind the public functions: [MS-CIFS] 3.2, [MS-SMB] 3.2. Spoken only where the caller has allowed it
 * (HYTHE_DIALECT_NT1). A connection that does has hythe_connection.smb1; each public function that leads to a message looks there first and
 * hands over to the function of the same name here. The request, its table, its timer and its waiting are those of SMB2 (conn.h), with the MID
 * as message id. What SMB1 has no message for is NOT_SUPPORTED, with a sentence.
 *
 * Messages of a connection leave in the order of their sequence numbers, since the server counts them to verify signatures: cli1.send_lock is
 * held from taking a number to handing the message to net, which never waits. Lock order: it comes before hythe_connection.lock. */
#ifndef CLIENT_SMB1_SMB1_H
#define CLIENT_SMB1_SMB1_H

#include "client/conn.h"
#include "wire/smb1/trans.h"

/* Requests at once, if the server takes as many. */
enum { CLI1_MPX = 50 };

/* Of a connection that may come to speak SMB1. Fixed once the logon is through, but for what the locks guard. */
struct cli1 {
	_Atomic bool active;    /* NEGOTIATE chose it */
	bool only;              /* nothing else is offered */
	bool unicode, extended_security;
	uint32_t capabilities;  /* the server's */
	uint32_t session_key;   /* of NEGOTIATE, echoed */
	uint8_t security_mode, challenge[8];
	char domain[64], server[64]; /* as it calls them; "": it does not say */
	int16_t time_zone;      /* minutes from UTC, of UTIMEs */
	uint16_t max_mpx;
	uint32_t max_buffer;    /* of the messages it takes */
	pthread_mutex_t send_lock;
	bool signing;           /* under both locks; never taken back */
	uint8_t *mac_key;
	size_t mac_key_len;
	uint32_t sequence;      /* under send_lock */
	uint16_t next_mid;      /* under the connection's lock */
};

/* What SMB1 needs to know of an open file; hythe_file.smb1. */
struct cli1_file {
	uint16_t fid;
	bool no_fid;            /* a directory that only its name stands for */
	bool was_opened;        /* by OPEN_ANDX, which tells the low half of the size */
	uint64_t size;          /* when it was opened */
	struct slice path;      /* in the server's character set, with a leading backslash; malloc'ed */
	/* A listing; not for two threads at once. */
	bool searching, search_over;
	uint16_t sid;
};

static inline bool cli1_is_active(const struct hythe_connection *c)
{
	return c->smb1 && atomic_load_explicit(&c->smb1->active, memory_order_acquire);
}

/* In place of a signature while there is no key. */
#define CLI1_UNSIGNED "BSRSPYL "

/* --- send.c --- */
struct cli1 *cli1_new(bool only) MUST_USE;
void cli1_free(struct cli1 *s);
/* As cli_request_encode, for a single block; variable_bytes is an upper bound of what its slices add. */
ntstatus cli1_encode(struct cli_request *r, void *body, size_t variable_bytes) MUST_USE;
/* cli_submit, cli_pump and cli_send_cancel for SMB1. */
ntstatus cli1_submit(struct cli_request *r) MUST_USE;
void cli1_pump(struct hythe_connection *c);
void cli1_send_cancel(struct hythe_connection *c, struct hythe_session *s, struct hythe_tree *t, uint16_t mid);
/* Encodes and submits r, or frees it. */
ntstatus cli1_go(struct cli_request *r, void *body, size_t variable_bytes, hythe_done_fn *done, void *arg) MUST_USE;
/* `complete` for what is done when the status is known. */
void cli1_status_complete(struct cli_request *r, const struct cli_answer *a);
/* A name of the wire: UTF-16 as it is, or for servers without Unicode OEM characters, malloc'ed; data NULL: *status. */
struct slice cli1_text(const struct cli1 *s, struct slice utf16, ntstatus *status) MUST_USE;
/* As cli_path, with a leading backslash and in the server's character set. */
struct slice cli1_path(const struct hythe_connection *c, const char *path, ntstatus *status) MUST_USE;

/* --- receive.c --- */
void cli1_receive(struct hythe_connection *c, const struct net_frame *f);
/* As cli_body. */
bool cli1_body(const struct cli_request *r, const struct cli_answer *a, void *body, ntstatus *status) MUST_USE;
/* Whether the answer comes in parts and this was not the last: then r waits on. */
bool cli1_more(struct cli_request *r, struct cli_answer *a);
/* What a DOS error means (2.2.2.4). */
ntstatus cli1_status_of_dos(uint8_t class, uint16_t code);

/* --- negotiate.c, login.c, tree.c --- */
size_t cli1_negotiate_encode(const struct hythe_connection *c, uint8_t *out, size_t cap);
ntstatus cli1_negotiated(struct hythe_connection *c, const uint8_t *message, size_t len) MUST_USE;
ntstatus cli1_login(struct hythe_session *s, const struct hythe_connect_options *o) MUST_USE;
/* LOGOFF_ANDX and ECHO by the names of SMB2. */
ntstatus cli1_session_command(struct hythe_session *s, uint16_t smb2_command, hythe_done_fn *done, void *arg) MUST_USE;
ntstatus cli1_tree_connect(struct hythe_session *s, const char *share, struct slice unc, hythe_done_fn *done, void *arg) MUST_USE;
ntstatus cli1_tree_disconnect(struct hythe_tree *t, hythe_done_fn *done, void *arg) MUST_USE;

/* --- open.c --- */
void cli1_file_free(struct cli1_file *f);
ntstatus cli1_open(struct hythe_tree *t, const struct hythe_open_params *p, hythe_done_fn *done, void *arg) MUST_USE;
ntstatus cli1_close(struct hythe_file *f, bool want_stat, hythe_done_fn *done, void *arg) MUST_USE;
ntstatus cli1_flush(struct hythe_file *f, hythe_done_fn *done, void *arg) MUST_USE;
/* DELETE, DELETE_DIRECTORY, CREATE_DIRECTORY of path; RENAME to `to`. Blocking. */
ntstatus cli1_name_command(struct hythe_tree *t, uint8_t command, const char *path, const char *to) MUST_USE;

/* --- rw.c --- */
size_t cli1_io_limit(const struct hythe_connection *c, bool write);
/* Bodies for cli_request_new's request with payload and buffer set. */
ntstatus cli1_read_encode(struct cli_request *r, struct hythe_file *f, uint64_t offset, size_t len) MUST_USE;
ntstatus cli1_write_encode(struct cli_request *r, struct hythe_file *f, uint64_t offset, size_t len, uint32_t flags) MUST_USE;
ntstatus cli1_read_answer(struct cli_request *r, const struct cli_answer *a, size_t *bytes) MUST_USE;
ntstatus cli1_write_answer(struct cli_request *r, const struct cli_answer *a, size_t *bytes) MUST_USE;
ntstatus cli1_lock(struct hythe_file *f, const struct hythe_range *ranges, size_t count, bool unlock, bool wait, hythe_done_fn *done, void *arg) MUST_USE;

/* --- trans.c --- */
struct cli1_trans;
/* What is asked, and where the answer goes; `complete` sees the parts put together: see trans.c. */
struct cli1_ask {
	uint8_t command; /* SMB1_TRANSACTION or SMB1_TRANSACTION2 */
	uint16_t setup[2];
	size_t setup_words;
	struct slice name;              /* TRANSACTION */
	struct slice parameters, data;
	uint16_t max_parameters, max_data;
	void (*complete)(struct cli_request *r, ntstatus status, struct slice parameters, struct slice data);
};
ntstatus cli1_trans(struct cli_request *r, const struct cli1_ask *ask, hythe_done_fn *done, void *arg) MUST_USE;
void cli1_trans_free(struct cli1_trans *t);

/* --- info.c, dir.c --- */
/* The directory that `name` is in, with its last backslash. */
size_t cli1_directory_of(const struct cli1 *s, struct slice name);
void cli1_search_end(struct hythe_file *f);
ntstatus cli1_query_info(struct hythe_file *f, uint8_t type, uint8_t info_class, void *buffer, size_t cap, hythe_done_fn *done, void *arg) MUST_USE;
ntstatus cli1_set_info(struct hythe_file *f, uint8_t type, uint8_t info_class, const void *data, size_t len, hythe_done_fn *done, void *arg) MUST_USE;
ntstatus cli1_stat(struct hythe_tree *t, const char *path, struct hythe_stat *out) MUST_USE;
ntstatus cli1_file_stat(struct hythe_file *f, struct hythe_stat *out) MUST_USE;
ntstatus cli1_file_stat_async(struct hythe_file *f, hythe_done_fn *done, void *arg) MUST_USE;
ntstatus cli1_query_directory(struct hythe_file *f, uint8_t info_class, uint8_t flags, const char *pattern, void *buffer, size_t cap,
	hythe_done_fn *done, void *arg) MUST_USE;
ntstatus cli1_pipe_transceive(struct hythe_file *f, struct slice in, void *buffer, size_t cap, hythe_done_fn *done, void *arg) MUST_USE;

/* --- chain.c --- */
ntstatus cli1_chain(struct hythe_tree *t, struct hythe_step *steps, size_t n, hythe_done_fn *done, void *arg) MUST_USE;

/* Says that SMB1 has no such thing. */
ntstatus cli1_unsupported(const struct hythe_connection *c, const char *what);

#endif

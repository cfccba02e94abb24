/* A server made for the client's tests: honest by default, over a mem connection in the client's own pool and on a virtual clock,
 * and able to do what a real server never should. It keeps every request it got. One connection at a time. */
#ifndef FAKE_H
#define FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/auth.h"
#include "base/clock.h"
#include "client/conn.h"
#include "net/net.h"
#include "wire/fsctl.h"

enum { FAKE_SEEN = 4096 };
#define FAKE_FILE_ID ((struct smb2_file_id){0x1111, 0x2222})

struct fake;

/* A request that came. */
struct fake_seen {
	struct smb2_header h;
	const uint8_t *message; /* header and body, unsealed */
	size_t len;
	bool sealed, signature_ok;
};

struct fake {
	struct clock_virtual clock;
	struct net_pool *pool;
	struct hythe_client *client;
	struct hythe_connect_options o;

	/* the server; set before the client connects */
	struct proto_config cfg;
	uint16_t session_flags;      /* added to the final SESSION_SETUP response */
	uint32_t share_flags, share_capabilities;
	uint16_t grant;              /* credits a response grants at most; 0: as many as were asked for */
	bool guest;                  /* everybody is a guest */
	bool deaf;                   /* takes requests and says nothing */
	bool validate_lies, validate_unknown;
	uint16_t choose_dialect;     /* says this whatever was offered */
	unsigned refuse_connections;
	/* Sees a request first. true: it has been dealt with. */
	bool (*hook)(struct fake *f, const struct fake_seen *r);

	/* how the next responses go out */
	unsigned bad_signatures, no_signatures, not_sealed, bad_seals, last_setup_unsigned, last_setup_bad;

	uint8_t *file; /* content of the one file there is */
	size_t file_len, file_cap;

	struct net_conn *net;
	bool closed;
	struct proto_conn proto;
	struct user_store *users;
	struct auth_server *auth;
	struct proto_keys keys;
	bool have_keys, sealing;
	uint8_t preauth[64];
	uint64_t session_id;
	struct arena arena;
	struct fake_seen seen[FAKE_SEEN];
	size_t seen_count;
	uint8_t *held[64];           /* answers kept back while `hold` */
	size_t held_len[64], held_count;
	bool hold;
	int user; /* for the test's hook */
};

void fake_start(struct fake *f);
void fake_stop(struct fake *f);
/* The same, with what was opened. */
void fake_leave(struct fake *f, struct hythe_file *file, struct hythe_tree *t, struct hythe_session *s);
/* hythe_connect, hythe_session_logoff; with fake_apart their _async counterparts, waited for. */
extern bool fake_apart;
ntstatus fake_connect(struct fake *f, struct hythe_session **s);
ntstatus fake_logoff(struct fake *f, struct hythe_session *s);
/* The client logs on, and connects to a share. Fails the test when it cannot. */
struct hythe_session *fake_login(struct fake *f);
struct hythe_tree *fake_tree(struct fake *f, struct hythe_session *s);
struct hythe_file *fake_open(struct hythe_tree *t);
/* The file has n bytes of a pattern. */
void fake_content(struct fake *f, size_t n);
uint8_t fake_byte(size_t at);

/* Answers with a body struct of the command (NULL: an ERROR response), and payload behind it. */
void fake_reply(struct fake *f, const struct fake_seen *r, ntstatus status, void *body, const void *payload, size_t len);
/* With these flags and async id in its header instead of the usual. */
void fake_reply_as(struct fake *f, const struct fake_seen *r, ntstatus status, uint32_t flags, uint64_t async_id, void *body,
	const void *payload, size_t len);
/* The honest answer. */
void fake_answer(struct fake *f, const struct fake_seen *r);
/* Bytes as they are, as one frame. */
void fake_send(struct fake *f, const void *data, size_t len);
/* What was held back, in the order given by `last_first`. */
void fake_let_go(struct fake *f, bool last_first);
/* The n-th request of that command, counted from 0; fails the test when there were fewer. */
const struct fake_seen *fake_nth(const struct fake *f, uint16_t command, size_t n);
size_t fake_count(const struct fake *f, uint16_t command);
/* Decodes a request's body. */
void fake_decode(const struct fake *f, const struct fake_seen *r, void *body);
/* Runs until nothing is due, or so many virtual milliseconds have passed. */
void fake_run(struct fake *f, unsigned ms);

#define assert_status(got, wanted) assert_string_equal(hythe_status_name(got), hythe_status_name(wanted))
#define assert_ok(got) assert_status(got, STATUS_SUCCESS)

#endif

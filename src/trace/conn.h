/* What is remembered of a connection so that its packets can be told in words and opened: what was asked by which message id, which
 * file and share an id stands for, and the state of the key derivation. All tables are of a fixed size; the older entries go. */
#ifndef TRACE_CONN_H
#define TRACE_CONN_H

#include "base/list.h"
#include "proto/proto.h"
#include "trace/trace.h"

enum { CONN_REQUESTS = 256, CONN_FILES = 128, CONN_TREES = 32, CONN_SESSIONS = 16, CONN_NAME = 88, TRACE_CONNS = 128, TRACE_KEYS = 4096 };

struct trace_request {
	bool used;
	uint16_t command;
	uint64_t message_id;
	uint8_t info_type, info_class;
	uint32_t ctl_code, length;
	uint64_t offset;
	char name[CONN_NAME];
};
struct trace_name {
	bool used;
	uint64_t a, b; /* FileId, or TreeId and SessionId */
	char name[CONN_NAME];
};

/* A session while it is being set up, and then with its keys. */
struct trace_session {
	bool used, done;
	uint64_t id;           /* 0: not told yet, */
	uint64_t message_id;   /* and then its request has this one */
	uint8_t preauth[64];
	bool have_keys;
	struct proto_keys as_client, as_server; /* receive what the server, the client sends */
};

struct trace_conn {
	struct list_node link; /* in trace.conns, the last one used first */
	uint64_t key;
	unsigned number;
	struct proto_conn proto; /* dialect, cipher, signing, preauth: all that key derivation looks at */
	struct trace_session sessions[CONN_SESSIONS];
	unsigned next_session;
	struct trace_request requests[CONN_REQUESTS];
	struct trace_name files[CONN_FILES], trees[CONN_TREES];
	unsigned next_file, next_tree;
};

struct trace_key {
	uint64_t session_id;
	uint8_t key[32];
	uint8_t len;
};

struct trace {
	trace_packet_fn *packet;
	void *arg;
	uint64_t packets;
	unsigned conn_numbers;
	struct list_node conns;
	size_t conn_count;
	struct trace_key *keys;
	size_t key_count;
	uint8_t *scratch; /* for opening what is sealed */
	size_t scratch_cap;
	struct arena arena;
};

/* --- describe.c --- */
void trace_describe(struct trace_conn *c, const struct trace_packet *p, struct arena *arena, struct trace_words *out);

/* --- say_smb1.c --- */
void trace_describe_smb1(struct trace_conn *c, struct slice plain, struct arena *arena, struct trace_words *out);

/* --- keys.c --- */
/* If p is sealed: fills session_id and, when there is a key, `plain`. */
void trace_unseal(struct trace *t, struct trace_conn *c, struct trace_packet *p);
/* Follows NEGOTIATE and SESSION_SETUP in p->plain. */
void trace_follow(struct trace *t, struct trace_conn *c, const struct trace_packet *p);
void trace_sessions_wipe(struct trace_conn *c);

#endif

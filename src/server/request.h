/* One request on its way through the server, and how a handler answers it. A handler is
 *     struct srv_result cmd_x(struct srv_request *r, const struct smb2_x_req *in, struct smb2_x_rsp *out)
 * The dispatcher has decoded `in`, checked the row's preconditions (session, tree, open, signature, credit charge) and zeroed
 * `out`. What a handler allocates in r->arena lives until the reply has been sent. */
#ifndef SERVER_REQUEST_H
#define SERVER_REQUEST_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "net/net.h"
#include "vfs/vfs.h"
#include "wire/smb2.h"

struct srv;
struct srv_conn;
struct srv_session;
struct srv_channel;
struct srv_tree;
struct srv_open;
struct srv_out;
struct srv_chain;
struct srv_durable;
struct proto_conn;

enum srv_next {
	SRV_REPLY,      /* the body of `out` if the status is not an error, else an ERROR response */
	SRV_REPLY_BODY, /* the body whatever the status (3.3.4.4: BUFFER_OVERFLOW, copychunk limits ...) */
	SRV_PARKED,     /* somebody will call srv_request_resume; an interim response goes out */
	SRV_NO_REPLY,
	SRV_DROP        /* end the connection */
};

struct srv_result {
	enum srv_next next;
	ntstatus status;
};

static inline struct srv_result srv_reply(ntstatus status)
{
	return (struct srv_result){SRV_REPLY, status};
}

static inline struct srv_result srv_reply_body(ntstatus status)
{
	return (struct srv_result){SRV_REPLY_BODY, status};
}

static inline struct srv_result srv_drop(void)
{
	return (struct srv_result){SRV_DROP, {0}};
}

/* The variable part of a response, always its last bytes: data of a READ, output of a QUERY_DIRECTORY ... */
struct srv_payload {
	uint8_t *data;
	size_t len, cap;
	struct buf *owner; /* NULL: in the arena */
	struct net_pipes pipes; /* with some, the bytes are in them, and data is NULL */
};

struct srv_request {
	struct srv *srv;
	struct srv_conn *conn;
	struct srv_channel *channel; /* the session on this connection, referenced, and ... */
	struct srv_session *session; /* ... that session; both NULL where the row does not need one */
	struct srv_tree *tree;
	struct srv_open *open;
	struct smb2_header header;
	uint16_t credits;            /* granted, for the first response to carry */
	const struct smb2_message *message;
	struct arena arena;
	struct srv_payload payload;
	struct slice error_data;     /* for an ERROR response: symlink data, a required length */
	struct slice raw;            /* the element as received, header first */
	bool encrypted, verified, in_compound, last_in_compound; /* verified: its signature is right */
	bool counted;                /* in the open's channel_state */
	bool kept;                   /* in channel->kept; under the connection's lock */
	struct smb2_file_id created; /* CREATE sets it, for the rest of a related chain */
	bool has_created;

	/* Where the response is being built: srv_out's newest head. */
	struct srv_out *out;
	uint8_t *head;
	size_t head_cap;
	bool sign_response;          /* although the request was not signed: the last leg of a SESSION_SETUP */
	uint8_t *hash_into;          /* the preauthentication hash that the response enters */
	struct srv_open *granted;    /* CREATE gave it an oplock; referenced. Told of breaks only when the response is out */
	struct srv_durable *durable; /* CREATE has it for an open that is still to be made */
	struct srv_chain *chain;     /* the frame it came in; NULL once parked */
	struct buf *frame_owner;     /* what raw lies in, referenced while parked */
	void *in;                    /* the decoded body */
	void *body;                  /* the response's body */

	/* Parking, park.h */
	uint64_t async_id;           /* 0: not asynchronous */
	struct list_node link;       /* in conn->parked */
	_Atomic int park_state;
	struct srv_result park_result;
	bool (*cancel)(struct srv_request *r);
	void *parked_for;            /* the parking command's own */
	bool cancel_missed;          /* cancelled when it was not where it waits yet, or not any more; with missed_status, under the connection's lock */
	ntstatus missed_status;
	struct { struct vfs_id id; uint32_t ended; bool lease; } awaited; /* the break of a file that it waits for, from struct fsa_breaks; or a
	                                                                   * lease that keeps the store from the file */
	uint32_t process;            /* of a client of SMB1, to which locks belong; else 0 */
	/* Set: the request came by no frame of SMB2, and its answer goes there, with the request. */
	void (*done)(struct srv_request *r, struct srv_result result);
	void *done_arg;
	uint64_t local_since_ms;     /* when it first waited for a local program, and one; 0: not yet */
};

/* What the connection has negotiated: dialect, sizes. */
const struct proto_conn *srv_request_proto(const struct srv_request *r);

/* Bytes that go before the data of a READ response: 0 but for a test aid. */
uint8_t srv_request_read_padding(const struct srv_request *r);

/* Room for a payload of up to cap bytes behind the response; payload.data points to it, payload.len is 0 until the handler sets
 * it. The memory is not zeroed. false: out of memory (INSUFFICIENT_RESOURCES). */
bool srv_payload_alloc(struct srv_request *r, size_t cap) MUST_USE;

/* The same in a buffer of its own, for a request that will be parked: it outlives the frame. */
bool srv_payload_alloc_apart(struct srv_request *r, size_t cap) MUST_USE;

/* In place of that, payload.pipes may take bytes of a file. false: they have to come by memory, to be signed, sealed or shown, or to lie among others. */
bool srv_request_takes_pipes(const struct srv_request *r);

/* The payload as a slice, for `out->data` or `out->output`. */
static inline struct slice srv_payload_slice(const struct srv_request *r)
{
	return slice_of(r->payload.data, r->payload.len);
}

#endif

/* From an element of a frame to its handler and back: the preconditions of [MS-SMB2] 3.3.5.2 in their order, the handler, the
 * response. One row a command; what a row demands stands in wire/msgs.def. */
#ifndef SERVER_DISPATCH_H
#define SERVER_DISPATCH_H

#include "proto/proto.h"
#include "server/out.h"
#include "server/seen.h"

/* What the frames have in common that came with one read: their replies, in one buffer as far as they are small, leave with one
 * system call. */
struct srv_turn {
	struct net_batch batch;
	struct srv_out out;
	struct srv_channel *recent;    /* whose request came last; referenced, or NULL */
	struct srv_seen seen;
	struct srv_coming *coming;     /* what was done with the frame while it came in; NULL: nothing */
};

/* The frame that is being worked on, and what later elements of a related chain inherit (3.3.5.2.7.2). */
struct srv_chain {
	struct srv_conn *conn;
	struct net_frame *frame;
	struct srv_turn *turn;         /* NULL: what comes of it is answered apart */
	struct net_batch *batch;       /* turn's, as is ... */
	struct srv_out *out;           /* ... this */
	struct srv_channel *transform; /* whose session's keys the frame was sealed with; NULL: it came in the clear */
	bool compound, may_release_token;
	struct srv_open *granted, **granted_end; /* by announce_next: oplocks that responses in `out` grant */

	uint64_t session_id;
	uint32_t tree_id;
	struct smb2_file_id file_id;
	bool have_session, have_tree, have_file;
	ntstatus create_failed;        /* what the CREATE before said, for the elements that need its file */
};

/* The channel of the session that a frame is sealed for, of which only the transform header need be there; NULL: there is none, or it cannot be such a frame. What
 * is about to be bound shows with the signature of its SESSION_SETUPs that it may be. */
struct srv_channel *srv_sealed_channel(struct srv_conn *c, struct slice frame) MUST_USE;

/* A fresh request of this connection, zeroed, with its arena; NULL: out of memory. */
struct srv_request *srv_request_new(struct srv_conn *c) MUST_USE;
/* Drops all references and the memory. */
void srv_request_free(struct srv_request *r);

enum { SRV_HEAVY_BYTES = 256 * 1024 }; /* so much to read or to write is worth a second core */

/* Before a handler waits for a disk, or works for long: another worker goes on with the frames behind this one. */
void srv_request_waits(struct srv_request *r);
/* For a handler that has to wait for another request to come in, in the middle of a chain: what was answered so far goes out,
 * and another worker reads the connection. false: out of memory, the connection has to go. */
bool srv_request_may_block(struct srv_request *r) MUST_USE;
/* Oplocks can break as soon as their holders know that they have them: to be called when what is in `out` has been sent. */
void srv_chain_announce(struct srv_chain *ch);

/* Runs one element. false: drop the connection. */
bool srv_element_run(struct srv_chain *ch, struct proto_element *e, bool first, bool last) MUST_USE;

/* The preconditions alone, for an element of a frame of its own: a request that is decoded, or that is to be answered with
 * *status, an error. NULL: drop the connection. */
struct srv_request *srv_element_admit(struct srv_chain *ch, const struct proto_element *e, ntstatus *status) MUST_USE;

/* Appends the response of r to its out. false: out of memory, the connection has to go. */
bool srv_response_build(struct srv_request *r, struct srv_result result) MUST_USE;

typedef struct srv_result (*srv_handler)(struct srv_request *r, const void *in, void *out);
/* NULL for a command that is not dispatched by row (CANCEL). */
srv_handler srv_handler_of(uint16_t command);

#endif

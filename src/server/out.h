/* What goes out for one frame that came in: responses are built one after the other, compounded, signed, sealed and handed to
 * net. Memory comes from pooled buffers; a large payload is a piece of its own and is never copied. What is left of the buffer for heads
 * serves the next frame: small replies that go out together are one piece for the kernel. */
#ifndef SERVER_OUT_H
#define SERVER_OUT_H

#include "net/net.h"
#include "server/conn.h"

/* FRONT_BYTES are free before the payload of a sealed response, for all that comes before it: then it is one piece. */
enum { SRV_OUT_ELEMENTS = 16, SRV_OUT_BUFS = 2 * SRV_OUT_ELEMENTS + 1, SRV_OUT_FRONT_BYTES = 192 };

struct srv_out_element {
	uint8_t *head;                 /* header and body, and payload if it lies behind them */
	size_t head_len;
	uint8_t *payload;              /* a second piece, or NULL */
	size_t payload_len;
	const struct proto_keys *sign; /* what signs it; NULL: nothing */
	struct srv_channel *channel;   /* whose that is, referenced */
	uint8_t *hash_into;            /* preauthentication hash that this response enters */
};

struct srv_out {
	struct srv_conn *conn;
	struct srv_channel *seal;      /* not NULL: the frame is sealed with the keys of its session; referenced */
	struct buf *bufs[SRV_OUT_BUFS];/* references; those that a frame's pieces lie in go to net with it */
	size_t buf_count;
	struct buf *head;              /* the newest of bufs that heads are cut from; stays when the frame has gone */
	size_t head_used;
	struct srv_out_element elements[SRV_OUT_ELEMENTS];
	size_t count;
	struct net_pipes pipes;        /* with some, the payload of the first element, which is the only one, is in them */
};

void srv_out_init(struct srv_out *o, struct srv_conn *c);
/* Room for at least n bytes of an element's head behind what is there; `seal` is set before the first of a frame. NULL: out of memory. */
uint8_t *srv_out_room(struct srv_out *o, size_t n, size_t *cap) MUST_USE;
/* Signs, seals and sends what was built; drops the connection when that fails. `seal` is then NULL, and the next frame can be built. */
void srv_out_flush(struct srv_out *o, struct net_batch *batch);
/* Gives back unsent what was built. */
void srv_out_clear(struct srv_out *o);
/* Gives back the rest too. */
void srv_out_discard(struct srv_out *o);

#endif

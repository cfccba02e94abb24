/* Requests: their memory and their payload. */
#include "server/dispatch.h"
#include "server/durable.h"
#include "server/oplock.h"
#include "server/sequence.h"

#include <stdlib.h>

enum { INLINE_ARENA_BYTES = 3072, ARENA_LIMIT_BYTES = 4 << 20 };

struct request_block {
	struct srv_request request;
	uint8_t inline_mem[INLINE_ARENA_BYTES];
};

/* A worker handles one request after the other: it keeps the last one's memory for the next, and gives it back when it ends. */
static _Thread_local struct request_block *spare;
static _Thread_local bool spare_watched; /* spare_free will be called at the end of this thread */
static pthread_key_t spare_key;
static pthread_once_t spare_once = PTHREAD_ONCE_INIT;

static void spare_free(void *watched)
{
	(void)watched;
	free(spare);
	spare = NULL;
	spare_watched = false;
}

static void spare_key_make(void)
{
	if (pthread_key_create(&spare_key, spare_free) != 0)
		abort();
}

static void spare_keep(struct request_block *b)
{
	if (!spare_watched) {
		pthread_once(&spare_once, spare_key_make);
		spare_watched = pthread_setspecific(spare_key, &spare_watched) == 0;
	}
	/* Otherwise the memory would stay behind with the thread. */
	if (spare_watched)
		spare = b;
	else
		free(b);
}

struct srv_request *srv_request_new(struct srv_conn *c)
{
	struct request_block *b = spare;

	if (b)
		spare = NULL;
	else
		b = malloc(sizeof(*b));
	if (!b)
		return NULL;
	memset(&b->request, 0, sizeof(b->request));
	b->request.srv = c->srv;
	b->request.conn = srv_conn_ref(c);
	arena_init(&b->request.arena, b->inline_mem, sizeof(b->inline_mem), ARENA_LIMIT_BYTES);
	list_init(&b->request.link);
	return &b->request;
}

void srv_request_free(struct srv_request *r)
{
	struct request_block *b = CONTAINER_OF(r, struct request_block, request);

	net_pipes_put(&r->payload.pipes);
	arena_reset(&r->arena);
	srv_oplock_announce(r->granted);
	srv_durable_free(r->durable);
	srv_sequence_done(r);
	srv_open_put(r->open);
	srv_tree_put(r->tree);
	srv_channel_put(r->channel);
	srv_conn_put(r->conn);
	buf_put(r->frame_owner);
	if (spare)
		free(b);
	else
		spare_keep(b);
}

const struct proto_conn *srv_request_proto(const struct srv_request *r)
{
	return &r->conn->proto;
}

uint8_t srv_request_read_padding(const struct srv_request *r)
{
	return r->conn->test_read_padding;
}

bool srv_payload_alloc(struct srv_request *r, size_t cap)
{
	size_t at = SMB2_HEADER_SIZE + r->message->rsp_fixed_size;
	/* What is parked outlives the frame that it came in, and is answered in one of its own. */
	struct srv_out *o = r->async_id == 0 ? r->out : NULL;
	size_t front = o && o->seal ? SRV_OUT_FRONT_BYTES : 0;
	struct buf *b;

	/* Eight bytes more, for the padding of a compound. */
	if (o && at + cap + 8 <= r->head_cap) {
		r->payload = (struct srv_payload){.data = r->head + at, .cap = cap};
		return true;
	}
	if (o && o->buf_count == SRV_OUT_BUFS)
		return false;
	b = buf_get(front + cap + 8);
	if (!b)
		return false;
	if (o)
		o->bufs[o->buf_count++] = b;
	r->payload = (struct srv_payload){.data = b->data + front, .cap = cap, .owner = b};
	return true;
}

bool srv_payload_alloc_apart(struct srv_request *r, size_t cap)
{
	struct buf *b = buf_get(cap + 8);

	if (!b)
		return false;
	r->payload = (struct srv_payload){.data = b->data, .cap = cap, .owner = b};
	return true;
}

bool srv_request_takes_pipes(const struct srv_request *r)
{
	const struct srv_conn *c = r->conn;

	return !r->in_compound && r->async_id == 0 && r->chain && !r->encrypted && !(r->header.flags & SMB2_FLAGS_SIGNED) && !r->sign_response &&
		!c->srv->tap.fn && net_conn_takes_pipes(c->net);
}

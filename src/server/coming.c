/* See coming.h: a WRITE that is signed ([MS-SMB2] 3.3.5.2.4), or what is sealed with GCM (3.3.5.2.1). Each piece is worked on while the caches have it; whether the whole is right
 * shows at the end, before anybody looks at it. What is unusual in a frame is left to who gets it whole. Under the receive token, but for srv_coming_free. */
#include "server/coming.h"

#include "server/conn.h"
#include "server/dispatch.h"

#include <stdlib.h>

struct srv_coming {
	struct srv_channel *channel;
	const struct proto_keys *keys; /* of the channel or its session */
	size_t len, done;              /* of the frame, and what of it has been gone through */
	bool sealed, ended;
	union {
		struct proto_verifying verifying;
		struct proto_unsealing unsealing;
	};
};

/* The channel of a signed WRITE that is alone in its frame; NULL: it is none. */
static struct srv_channel *signed_channel(struct srv_conn *c, uint8_t *frame, size_t len)
{
	struct proto_chain walk = {.next = frame, .left = len};
	struct proto_element e;
	ntstatus status;

	if (!proto_chain_next(&walk, &e, &status) || e.len != len || e.header.command != SMB2_WRITE || !(e.header.flags & SMB2_FLAGS_SIGNED))
		return NULL;
	return srv_conn_channel(c, e.header.session_id);
}

static bool begin(struct srv_conn *c, struct srv_coming *in, uint8_t *frame)
{
	in->sealed = load_le32(frame) == SMB2_TRANSFORM_ID;
	if (in->sealed)
		in->channel = srv_sealed_channel(c, slice_of(frame, in->len));
	else if (load_le32(frame) == SMB2_PROTOCOL_ID)
		in->channel = signed_channel(c, frame, in->len);
	if (!in->channel || in->channel->state != SRV_CHANNEL_OPEN)
		return false;
	in->keys = in->sealed ? &in->channel->session->keys : in->channel->signing;
	in->done = in->sealed ? SMB2_TRANSFORM_SIZE : SMB2_HEADER_SIZE;
	return in->keys && nt_ok(in->sealed ? proto_unseal_begin(&in->unsealing, in->keys, frame) : proto_verify_begin(&in->verifying, in->keys, frame, false));
}

static struct srv_coming *coming_new(struct srv_conn *c, uint8_t *frame, size_t len)
{
	struct srv_coming *in = aligned_alloc(_Alignof(struct srv_coming), sizeof(*in));

	if (!in)
		return NULL;
	in->channel = NULL;
	in->len = len;
	in->ended = false;
	if (begin(c, in, frame))
		return in;
	srv_channel_put(in->channel);
	free(in);
	return NULL;
}

bool srv_coming_show(struct srv_conn *c, uint8_t *frame, size_t at, size_t n, size_t len)
{
	struct srv_coming *in;

	/* A tap is told of frames as they are on the wire. */
	if (at == 0 && !c->srv->tap.fn && !c->smb1)
		c->coming = coming_new(c, frame, len);
	in = c->coming;
	if (!in)
		return false;
	if (in->sealed)
		proto_unseal_step(&in->unsealing, frame + in->done, at + n - in->done);
	else
		proto_verify_step(&in->verifying, frame + in->done, at + n - in->done);
	in->done = at + n;
	return true;
}

bool srv_coming_signs(const struct srv_coming *in, const struct proto_keys *keys, struct slice raw)
{
	return in && !in->sealed && !in->ended && in->keys == keys && in->len == raw.len && in->done == raw.len;
}

bool srv_coming_verified(struct srv_coming *in)
{
	in->ended = true;
	return nt_ok(proto_verify_end(&in->verifying));
}

bool srv_coming_unseals(const struct srv_coming *in)
{
	return in && in->sealed;
}

struct srv_channel *srv_coming_unsealed(struct srv_coming *in, uint8_t *frame, size_t len, struct slice *plain)
{
	struct srv_channel *ch = in->channel;
	bool whole = in->len == len && in->done == len;

	in->ended = true;
	if (!nt_ok(proto_unseal_end(&in->unsealing, frame + SMB2_TRANSFORM_SIZE, len - SMB2_TRANSFORM_SIZE)) || !whole)
		return NULL;
	*plain = slice_of(frame + SMB2_TRANSFORM_SIZE, len - SMB2_TRANSFORM_SIZE);
	in->channel = NULL;
	return ch;
}

void srv_coming_free(struct srv_coming *in)
{
	uint8_t nothing[1];

	if (!in)
		return;
	/* What the cipher holds for it goes back. */
	if (!in->ended && in->sealed)
		(void)nt_ok(proto_unseal_end(&in->unsealing, nothing, 0));
	else if (!in->ended)
		(void)nt_ok(proto_verify_end(&in->verifying));
	srv_channel_put(in->channel);
	free(in);
}

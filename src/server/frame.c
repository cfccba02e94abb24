/* A frame on its way in: [MS-SMB2] 3.3.5.2, 3.3.5.2.1 (decrypting), 3.3.5.2.7 (compounds). */
#include "server/dispatch.h"

#include "base/log.h"
#include "server/coming.h"
#include "server/oplock.h"
#include "server/smb1/smb1.h"
#include "server/smb1_negotiate.h"

enum { SEALED_OVERHEAD_BYTES = 4096 };

/* Tells the tap, if there is one, of a frame that came in. plain: as net_tap_tell. */
static void tell(struct srv_conn *c, struct slice raw, const struct slice *plain)
{
	struct iovec part = {(void *)(uintptr_t)raw.data, raw.len};

	if (raw.data)
		net_tap_tell(&c->srv->tap, c->net, true, &part, 1, plain);
}

struct srv_channel *srv_sealed_channel(struct srv_conn *c, struct slice frame)
{
	struct srv_channel *ch;
	uint64_t session_id;

	if (!nt_ok(proto_sealed_session(&c->proto, frame, c->proto.max_transact_bytes + SEALED_OVERHEAD_BYTES, &session_id)))
		return NULL;
	ch = srv_conn_channel(c, session_id);
	if (ch && (ch->state != SRV_CHANNEL_OPEN || !ch->session->have_keys || !ch->session->keys.receive)) {
		srv_channel_put(ch);
		ch = NULL;
	}
	return ch;
}

/* Unseals in place. false: drop. */
static bool frame_unseal(struct srv_chain *ch, struct slice *plain)
{
	struct net_frame *f = ch->frame;

	if (srv_coming_unseals(ch->turn->coming)) {
		ch->transform = srv_coming_unsealed(ch->turn->coming, f->data, f->len, plain);
		return ch->transform && ch->transform->state == SRV_CHANNEL_OPEN;
	}
	ch->transform = srv_sealed_channel(ch->conn, slice_of(f->data, f->len));
	return ch->transform && nt_ok(proto_unseal(&ch->transform->session->keys, f->data, f->len, plain));
}

static bool frame_unseal_and_tell(struct srv_chain *ch, struct slice *plain)
{
	struct iovec part = {ch->frame->data, ch->frame->len};
	struct slice raw = {0}, nothing = {0};
	bool ok;

	if (ch->conn->srv->tap.fn)
		raw = net_tap_keep(&part, 1);
	ok = frame_unseal(ch, plain);
	tell(ch->conn, raw, ok ? plain : &nothing);
	net_tap_drop(raw);
	return ok;
}

static bool run_elements(struct srv_chain *ch, struct slice message)
{
	struct proto_chain walk = {.next = (uint8_t *)(uintptr_t)message.data, .left = message.len};
	struct proto_element e;
	ntstatus status;
	bool first = true;

	while (proto_chain_next(&walk, &e, &status)) {
		bool last = walk.left == 0;

		ch->compound = ch->compound || !last;
		if (ch->out->count == SRV_OUT_ELEMENTS) {
			srv_out_flush(ch->out, ch->batch);
			if (ch->transform)
				ch->out->seal = srv_channel_ref(ch->transform);
		}
		if (!srv_element_run(ch, &e, first, last))
			return false;
		first = false;
	}
	return nt_ok(status);
}

void srv_chain_announce(struct srv_chain *ch)
{
	if (!ch->granted)
		return;
	net_batch_flush(ch->batch);
	while (ch->granted) {
		struct srv_open *o = ch->granted;

		ch->granted = o->announce_next;
		o->announce_next = NULL;
		srv_oplock_announce(o);
	}
	ch->granted_end = &ch->granted;
}

bool srv_frame_run(struct srv_conn *c, struct net_frame *f, struct srv_turn *turn, bool *passed_on)
{
	struct srv_chain ch = {.conn = c, .frame = f, .turn = turn, .batch = &turn->batch, .out = &turn->out, .may_release_token = true};
	struct slice message = slice_of(f->data, f->len);
	bool ok = false;

	if (f->len < 4)
		return false;
	/* Which of the two it is was settled by NEGOTIATE. */
	if (c->smb1) {
		if (c->srv->tap.fn)
			tell(c, message, NULL);
		return load_le32(f->data) == SMB1_PROTOCOL_ID && srv1_frame(c, f, ch.batch);
	}
	ch.granted_end = &ch.granted;
	if (c->srv->tap.fn && load_le32(f->data) != SMB2_TRANSFORM_ID)
		tell(c, message, NULL);
	switch (load_le32(f->data)) {
	case SMB1_PROTOCOL_ID:
		return srv_smb1_negotiate(&ch, message);
	case SMB2_PROTOCOL_ID:
		ok = run_elements(&ch, message);
		break;
	case SMB2_TRANSFORM_ID:
		ok = frame_unseal_and_tell(&ch, &message);
		if (ok && load_le32(message.data) == SMB2_PROTOCOL_ID) {
			ch.out->seal = srv_channel_ref(ch.transform);
			ok = run_elements(&ch, message);
		} else {
			ok = false;
		}
		break;
	default:
		break;
	}
	if (ok || ch.out->count > 0)
		srv_out_flush(ch.out, ch.batch);
	else
		srv_out_clear(ch.out);
	srv_chain_announce(&ch);
	srv_channel_put(ch.transform);
	*passed_on = !ch.may_release_token;
	return ok;
}

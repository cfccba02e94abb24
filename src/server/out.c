/* Assembling response frames: [MS-SMB2] 3.3.4.1 (signing, compounding, encryption of outgoing messages). */
#include "server/out.h"

#include "base/log.h"

enum { HEAD_BUF_BYTES = 4096 };

void srv_out_init(struct srv_out *o, struct srv_conn *c)
{
	o->conn = c;
	o->seal = NULL;
	o->buf_count = 0;
	o->head = NULL;
	o->head_used = 0;
	o->count = 0;
}

uint8_t *srv_out_room(struct srv_out *o, size_t n, size_t *cap)
{
	/* The frame's first bytes are kept free for a transform header. */
	size_t reserve = o->head ? 0 : round_up(SMB2_TRANSFORM_SIZE, 8);

	if (o->head && o->head->cap - o->head_used >= n) {
		*cap = o->head->cap - o->head_used;
		return o->head->data + o->head_used;
	}
	if (o->buf_count == SRV_OUT_BUFS)
		return NULL;
	o->head = buf_get((n > HEAD_BUF_BYTES ? n : HEAD_BUF_BYTES) + reserve);
	if (!o->head)
		return NULL;
	o->bufs[o->buf_count++] = o->head;
	o->head_used = reserve;
	*cap = o->head->cap - o->head_used;
	return o->head->data + o->head_used;
}

void srv_out_discard(struct srv_out *o)
{
	for (size_t i = 0; i < o->count; i++)
		srv_channel_put(o->elements[i].channel);
	for (size_t i = 0; i < o->buf_count; i++)
		buf_put(o->bufs[i]);
	srv_channel_put(o->seal);
	srv_out_init(o, o->conn);
}

/* Pads the elements of a chain to 8 bytes, the last one too as Windows does, and chains the headers. Heads have 8 bytes of slack behind them. */
static size_t chain_elements(struct srv_out *o, struct iovec parts[], size_t first_part[])
{
	size_t n = 0;

	for (size_t i = 0; i < o->count; i++) {
		struct srv_out_element *e = &o->elements[i];
		size_t len = e->head_len + e->payload_len;
		size_t pad = o->count > 1 ? round_up(len, 8) - len : 0;

		first_part[i] = n;
		parts[n++] = (struct iovec){e->head, e->head_len};
		if (e->payload)
			parts[n++] = (struct iovec){e->payload, e->payload_len};
		if (pad > 0) {
			uint8_t *end = (uint8_t *)parts[n - 1].iov_base + parts[n - 1].iov_len;

			memset(end, 0, pad);
			parts[n - 1].iov_len += pad;
		}
		if (i + 1 < o->count)
			store_le32(e->head + 20, (uint32_t)(len + pad));
	}
	first_part[o->count] = n;
	return n;
}

/* 3.3.4.1.1 and, for SESSION_SETUP and NEGOTIATE of 3.1.1, the preauthentication hash. */
static ntstatus sign_elements(struct srv_out *o, struct iovec parts[], const size_t first_part[])
{
	for (size_t i = 0; i < o->count; i++) {
		struct srv_out_element *e = &o->elements[i];
		size_t n = first_part[i + 1] - first_part[i];
		ntstatus status = STATUS_SUCCESS;

		if (e->sign && !o->seal)
			status = proto_sign(e->sign, parts + first_part[i], n, true);
		if (nt_ok(status) && e->hash_into)
			status = preauth_update(e->hash_into, parts + first_part[i], n);
		if (!nt_ok(status))
			return status;
	}
	return STATUS_SUCCESS;
}

static struct buf *owner_of(struct srv_out *o, const void *p)
{
	for (size_t i = 0; i < o->buf_count; i++) {
		struct buf *b = o->bufs[i];

		if (b && (const uint8_t *)p >= b->data && (const uint8_t *)p < b->data + b->cap)
			return b;
	}
	return NULL;
}

/* Hands the parts to net, joining neighbours; references go with the pieces. */
static void send_parts(struct srv_out *o, struct net_batch *batch, struct iovec parts[], size_t n)
{
	struct net_seg segs[2 * SRV_OUT_ELEMENTS + 1];
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if (k > 0 && (const uint8_t *)segs[k - 1].data + segs[k - 1].len == parts[i].iov_base) {
			segs[k - 1].len += parts[i].iov_len;
			continue;
		}
		segs[k] = (struct net_seg){.data = parts[i].iov_base, .len = parts[i].iov_len, .pipe_fd = -1};
		segs[k].owner = owner_of(o, segs[k].data);
		if (segs[k].owner)
			buf_ref(segs[k].owner);
		k++;
	}
	net_batch_add(batch, segs, k);
}

void srv_out_flush(struct srv_out *o, struct net_batch *batch)
{
	struct iovec parts[2 * SRV_OUT_ELEMENTS + 1];
	size_t first_part[SRV_OUT_ELEMENTS + 1];
	struct iovec *body = parts + 1;
	struct slice plain = {0};
	ntstatus status;
	size_t n;

	if (o->count == 0) {
		srv_out_discard(o);
		return;
	}
	n = chain_elements(o, body, first_part);
	status = sign_elements(o, body, first_part);
	if (o->conn->srv->tap.fn && o->seal)
		plain = net_tap_keep(body, n);
	if (nt_ok(status) && o->seal) {
		uint8_t *head = o->elements[0].head - SMB2_TRANSFORM_SIZE;

		status = proto_seal(&o->seal->session->keys, &o->conn->proto, o->seal->session->id, head, body, n);
		parts[0] = (struct iovec){head, SMB2_TRANSFORM_SIZE};
	}
	if (o->conn->srv->tap.fn && nt_ok(status))
		net_tap_tell(&o->conn->srv->tap, o->conn->net, false, o->seal ? parts : body, o->seal ? n + 1 : n, o->seal ? &plain : NULL);
	net_tap_drop(plain);
	if (nt_ok(status)) {
		send_parts(o, batch, o->seal ? parts : body, o->seal ? n + 1 : n);
	} else {
		log_error("%s: cannot sign or seal a response: %s", o->conn->peer, hythe_status_text(status));
		net_conn_close(o->conn->net, false);
	}
	srv_out_discard(o);
}

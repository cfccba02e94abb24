/* Assembling response frames: [MS-SMB2] 3.3.4.1 (signing, compounding, encryption of outgoing messages). */
#include "server/out.h"

#include "base/log.h"

enum { HEAD_LEAST_BYTES = 4096, HEAD_MOST_BYTES = 65536 };

void srv_out_init(struct srv_out *o, struct srv_conn *c)
{
	o->conn = c;
	o->seal = NULL;
	o->buf_count = 0;
	o->head = NULL;
	o->head_used = 0;
	o->count = 0;
	o->pipes.count = 0;
}

/* The frame's first bytes are kept free: for net's prefix, and for a transform header. */
static size_t reserve_of(const struct srv_out *o)
{
	return o->count > 0 ? 0 : NET_PREFIX + (o->seal ? SMB2_TRANSFORM_SIZE : 0);
}

/* The first is small, as most frames come alone; those behind it serve many that came together. */
static size_t head_size(const struct srv_out *o)
{
	return !o->head ? HEAD_LEAST_BYTES : o->head->cap * 4 > HEAD_MOST_BYTES ? HEAD_MOST_BYTES : o->head->cap * 4;
}

uint8_t *srv_out_room(struct srv_out *o, size_t n, size_t *cap)
{
	size_t reserve = reserve_of(o), size = head_size(o);

	if (!o->head || o->head->cap - o->head_used < n + reserve) {
		if (o->buf_count == SRV_OUT_BUFS)
			return NULL;
		o->head = buf_get(n + reserve > size ? n + reserve : size);
		if (!o->head)
			return NULL;
		o->bufs[o->buf_count++] = o->head;
		o->head_used = 0;
	}
	o->head_used += reserve;
	*cap = o->head->cap - o->head_used;
	return o->head->data + o->head_used;
}

void srv_out_clear(struct srv_out *o)
{
	size_t kept = 0;

	for (size_t i = 0; i < o->count; i++)
		srv_channel_put(o->elements[i].channel);
	net_pipes_put(&o->pipes);
	for (size_t i = 0; i < o->buf_count; i++) {
		if (o->bufs[i] == o->head)
			kept = 1;
		else
			buf_put(o->bufs[i]);
	}
	o->bufs[0] = o->head;
	o->buf_count = kept;
	o->count = 0;
	srv_channel_put(o->seal);
	o->seal = NULL;
}

void srv_out_discard(struct srv_out *o)
{
	srv_out_clear(o);
	buf_put(o->head);
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
		if (!nt_ok(status))
			return status;
		if (e->hash_into)
			preauth_update(e->hash_into, parts + first_part[i], n);
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

static bool in_head(const struct srv_out *o, const struct iovec *part)
{
	const uint8_t *p = part->iov_base;

	return o->head && p >= o->head->data && p < o->head->data + o->head->cap;
}

/* Hands the parts to net, joining neighbours; references go with the pieces. */
static void send_parts(struct srv_out *o, struct net_batch *batch, struct iovec parts[], size_t n)
{
	struct net_seg segs[2 * SRV_OUT_ELEMENTS + 1 + NET_PIPES_MOST];
	size_t k = 0;

	/* Nothing but this frame lies behind it in the buffer for heads: the next begins there. */
	if (in_head(o, &parts[n - 1]))
		o->head_used = (size_t)((uint8_t *)parts[n - 1].iov_base - o->head->data) + parts[n - 1].iov_len;
	for (size_t i = 0; i < n; i++) {
		if (k > 0 && (const uint8_t *)segs[k - 1].data + segs[k - 1].len == parts[i].iov_base) {
			segs[k - 1].len += parts[i].iov_len;
			continue;
		}
		segs[k++] = (struct net_seg){.data = parts[i].iov_base, .len = parts[i].iov_len, .pipe_fd = -1};
	}
	if (k == 1 && o->pipes.count == 0 && in_head(o, &parts[0]) && net_batch_extend(batch, parts[0].iov_base, segs[0].len, o->head))
		return;
	for (size_t i = 0; i < k; i++) {
		segs[i].owner = owner_of(o, segs[i].data);
		if (segs[i].owner)
			buf_ref(segs[i].owner);
	}
	segs[0].prefix_room = true; /* reserve_of */
	/* srv_request_takes_pipes: it is alone in its frame. */
	for (unsigned i = 0; i < o->pipes.count; i++) {
		size_t left = o->elements[0].payload_len - (size_t)i * NET_PIPE_BYTES;

		segs[k++] = (struct net_seg){.len = left < NET_PIPE_BYTES ? left : NET_PIPE_BYTES, .pipe_fd = o->pipes.fds[i][0],
			.pipe_write_fd = o->pipes.fds[i][1], .pipe_done = net_pipe_put};
	}
	o->pipes.count = 0;
	net_batch_add(batch, segs, k);
}

/* CCM takes a message in one piece, and copies one that is not. */
static void join_sealed(struct srv_out *o)
{
	struct srv_out_element *e = &o->elements[0];
	const struct buf *b = o->count == 1 && e->payload ? owner_of(o, e->payload) : NULL;

	if (!b || (size_t)(e->payload - b->data) < NET_PREFIX + SMB2_TRANSFORM_SIZE + e->head_len)
		return;
	e->head = memcpy(e->payload - e->head_len, e->head, e->head_len);
	e->head_len += e->payload_len;
	e->payload = NULL;
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
		srv_out_clear(o);
		return;
	}
	if (o->seal)
		join_sealed(o);
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
	srv_out_clear(o);
}

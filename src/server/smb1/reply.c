/* Answers: [MS-CIFS] 2.2.3, 3.3.4.1. Blocks are appended to one buffer that grows; the data of a READ_ANDX stay where they were read to. */
#include "server/smb1/op.h"

#include "base/log.h"

enum { FIRST_BYTES = 1024, MOST_BYTES = 512 << 10 };

void srv1_reply_discard(struct srv1_op *op)
{
	buf_put(op->reply);
	op->reply = NULL;
	op->chain = (struct smb1_chain){0};
	op->w = (struct wire){0};
}

/* The header is written when the status is known. */
static bool reply_begin(struct srv1_op *op)
{
	op->reply = buf_get(FIRST_BYTES);
	if (!op->reply)
		return false;
	memset(op->reply->data, 0, SMB1_HEADER_SIZE);
	op->w = wire_encoder(op->reply->data, SMB1_HEADER_SIZE, op->reply->cap);
	op->w.unicode = srv1_unicode(op);
	op->chain = (struct smb1_chain){0};
	return true;
}

static bool reply_grow(struct srv1_op *op, const struct wire *before)
{
	struct buf *larger = op->reply->cap < MOST_BYTES ? buf_get(op->reply->cap * 2) : NULL;

	if (!larger)
		return false;
	memcpy(larger->data, op->reply->data, before->pos);
	buf_put(op->reply);
	op->reply = larger;
	op->w = *before;
	op->w.base = larger->data;
	op->w.end = larger->cap;
	return true;
}

bool srv1_reply_block(struct srv1_op *op, uint8_t command, smb1_coder coder, void *body)
{
	struct smb1_empty none = {0};

	if (!op->reply && !reply_begin(op))
		return false;
	for (;;) {
		struct wire before = op->w;
		struct smb1_chain chain = op->chain;

		smb1_chain_next(&op->w, &op->chain, command);
		if (coder)
			coder(&op->w, body);
		else
			smb1_empty_code(&op->w, &none);
		if (wire_ok(&op->w))
			return true;
		op->chain = chain;
		if (!nt_is(op->w.error, STATUS_BUFFER_OVERFLOW) || !reply_grow(op, &before)) {
			log_error("%s: cannot encode the response to %s (%s)", op->conn->peer, smb1_command_name(command, (char[16]){0}),
				op->w.where ? op->w.where : "?");
			return false;
		}
	}
}

/* [MS-CIFS] 3.3.4.1.2: statuses as the client asked for them. */
static void header_write(struct srv1_op *op, ntstatus status)
{
	struct smb1_header h = op->header;
	struct wire w = wire_encoder(op->reply->data, 0, SMB1_HEADER_SIZE);
	/* What is class and code is told as such, as by other servers: some clients know it in no other way. */
	bool nt = (h.flags2 & SMB1_FLAGS2_NT_STATUS) != 0 && !srv1_is_dos(status);

	h.status = nt ? status.code : srv1_dos_error(op, status);
	h.flags = (uint8_t)(SMB1_FLAGS_REPLY | op->flags | (h.flags & (SMB1_FLAGS_CASE_INSENSITIVE | SMB1_FLAGS_CANONICALIZED_PATHS)));
	h.flags2 = (uint16_t)(SMB1_FLAGS2_LONG_NAMES |
		(h.flags2 & (SMB1_FLAGS2_UNICODE | SMB1_FLAGS2_EXTENDED_SECURITY | SMB1_FLAGS2_EAS)) | (nt ? SMB1_FLAGS2_NT_STATUS : 0) |
		(op->sign ? SMB1_FLAGS2_SECURITY_SIGNATURE : 0));
	memset(h.signature, 0, sizeof(h.signature));
	smb1_header_code(&w, &h);
}

void srv1_send(struct srv_conn *c, struct net_batch *batch, const struct net_seg *segs, size_t n)
{
	if (c->srv->tap.fn) {
		struct iovec parts[SRV1_SEGS];

		for (size_t i = 0; i < n; i++)
			parts[i] = (struct iovec){(void *)(uintptr_t)segs[i].data, segs[i].len};
		net_tap_tell(&c->srv->tap, c->net, false, parts, n, NULL);
	}
	if (batch)
		net_batch_add(batch, segs, n);
	else
		net_send(c->net, segs, n);
}

bool srv1_reply_send(struct srv1_op *op, ntstatus status)
{
	struct net_seg segs[SRV1_SEGS];
	size_t n = 1;

	if (!op->reply)
		return true;
	header_write(op, status);
	segs[0] = (struct net_seg){.data = op->reply->data, .len = op->w.pos, .owner = op->reply};
	if (op->w.tail.len > 0)
		segs[n++] = (struct net_seg){.data = op->payload.data, .len = op->w.tail.len, .owner = buf_ref(op->payload.owner)};
	if (op->sign && !srv1_signature(op->smb1, op->sequence, segs, n, op->reply->data + SMB1_SIGNATURE_AT)) {
		if (n > 1)
			buf_put(segs[1].owner);
		return false;
	}
	op->reply = NULL;
	srv1_reply_discard(op);
	srv1_send(op->conn, op->batch, segs, n);
	return true;
}

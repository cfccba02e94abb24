/* Encrypted frames, [MS-SMB2] 2.2.41, 3.1.4.3, 3.2.5.1.1, 3.3.5.2.1. Called by both roles. The nonce is a counter and a
 * random part; a key that has used up its counter seals nothing more. */
#include "proto/proto.h"

#include <stdatomic.h>

enum { SIGNED_FROM = 20 /* the associated data: the header but for ProtocolId and Signature */, ENCRYPTED = 1 };

/* Room for all threads that pass the check at once. */
#define LAST_NONCE (UINT64_MAX - UINT32_MAX)

static bool nonce_next(struct proto_keys *k, uint8_t nonce[16])
{
	uint64_t count;

	if (atomic_load(&k->nonce_counter) >= LAST_NONCE)
		return false;
	count = atomic_fetch_add(&k->nonce_counter, 1);
	memset(nonce, 0, 16);
	store_le64(nonce, count);
	memcpy(nonce + 8, k->nonce_prefix, seal_nonce_len(k->cipher) - 8);
	return true;
}

/* out: NULL for in place. */
static ntstatus seal(struct proto_keys *k, const struct proto_conn *conn, uint64_t session_id, uint8_t head[52], const struct iovec *parts,
	size_t n, uint8_t *out)
{
	struct slice aad = {head + SIGNED_FROM, SMB2_TRANSFORM_SIZE - SIGNED_FROM};
	struct smb2_transform_header h = {.algorithm = ENCRYPTED, .session_id = session_id};
	struct wire w = wire_encoder(head, 0, SMB2_TRANSFORM_SIZE);
	uint8_t tag[16];
	size_t total = 0;
	ntstatus status;

	if (!k->send || conn->dialect < SMB2_DIALECT_300)
		return STATUS_NOT_SUPPORTED;
	for (size_t i = 0; i < n; i++) {
		if (parts[i].iov_len > UINT32_MAX - total)
			return STATUS_INVALID_PARAMETER;
		total += parts[i].iov_len;
	}
	h.original_message_size = (uint32_t)total;
	if (!nonce_next(k, h.nonce))
		return STATUS_INSUFFICIENT_RESOURCES;
	smb2_transform_header_code(&w, &h);
	if (!wire_ok(&w))
		return w.error;
	status = seal_encrypt(k->send, h.nonce, aad, parts, n, out, tag);
	if (nt_ok(status))
		memcpy(head + 4, tag, sizeof(tag));
	return status;
}

ntstatus proto_seal(struct proto_keys *k, const struct proto_conn *conn, uint64_t session_id, uint8_t head[52],
	const struct iovec *parts, size_t n)
{
	return seal(k, conn, session_id, head, parts, n, NULL);
}

ntstatus proto_seal_to(struct proto_keys *k, const struct proto_conn *conn, uint64_t session_id, uint8_t *frame, const struct iovec *parts,
	size_t n)
{
	return seal(k, conn, session_id, frame, parts, n, frame + SMB2_TRANSFORM_SIZE);
}

ntstatus proto_sealed_session(
	const struct proto_conn *conn, struct slice frame, uint32_t max_bytes, uint64_t *session_id)
{
	struct smb2_transform_header h;
	struct wire w = wire_decoder(frame.data, 0, frame.len, NULL);

	smb2_transform_header_code(&w, &h);
	if (!wire_ok(&w))
		return STATUS_INVALID_PARAMETER;
	if (conn->dialect < SMB2_DIALECT_300 || conn->dialect == SMB2_DIALECT_WILDCARD || conn->cipher == SEAL_NONE)
		return STATUS_INVALID_PARAMETER;
	if (h.original_message_size < SMB2_HEADER_SIZE || h.original_message_size > max_bytes ||
		h.original_message_size != frame.len - SMB2_TRANSFORM_SIZE)
		return STATUS_INVALID_PARAMETER;
	if (h.algorithm != ENCRYPTED)
		return STATUS_INVALID_PARAMETER;
	*session_id = h.session_id;
	return STATUS_SUCCESS;
}

ntstatus proto_unseal(const struct proto_keys *k, uint8_t *frame, size_t len, struct slice *plain)
{
	return proto_unseal_to(k, frame, len, NULL, plain);
}

/* The transform header's fields, and what of it is authenticated. */
static bool header_of(const uint8_t *frame, size_t len, struct smb2_transform_header *h, struct slice *aad)
{
	struct wire w = wire_decoder(frame, 0, len, NULL);

	smb2_transform_header_code(&w, h);
	*aad = slice_of(frame + SIGNED_FROM, SMB2_TRANSFORM_SIZE - SIGNED_FROM);
	return wire_ok(&w);
}

ntstatus proto_unseal_to(const struct proto_keys *k, uint8_t *frame, size_t len, const struct seal_place *place, struct slice *plain)
{
	struct smb2_transform_header h;
	uint8_t *body = frame + SMB2_TRANSFORM_SIZE;
	struct slice aad;
	ntstatus status;

	*plain = slice_of(NULL, 0);
	if (!header_of(frame, len, &h, &aad) || len == SMB2_TRANSFORM_SIZE || !k->receive)
		return STATUS_DATA_ERROR;
	status = seal_decrypt(k->receive, h.nonce, aad, h.signature, body, len - SMB2_TRANSFORM_SIZE, place);
	if (nt_ok(status))
		*plain = slice_of(body, len - SMB2_TRANSFORM_SIZE);
	return status;
}

ntstatus proto_unseal_begin(struct proto_unsealing *u, const struct proto_keys *k, const uint8_t header[SMB2_TRANSFORM_SIZE])
{
	struct smb2_transform_header h;
	struct slice aad;

	if (!header_of(header, SMB2_TRANSFORM_SIZE, &h, &aad) || !k->receive)
		return STATUS_DATA_ERROR;
	memcpy(u->tag, h.signature, sizeof(u->tag));
	return seal_decrypt_begin(&u->run, k->receive, h.nonce, aad);
}

void proto_unseal_step(struct proto_unsealing *u, uint8_t *p, size_t n)
{
	seal_decrypt_step(&u->run, p, p, n);
}

ntstatus proto_unseal_end(struct proto_unsealing *u, uint8_t *message, size_t len)
{
	ntstatus status = seal_decrypt_end(&u->run, u->tag);

	if (!nt_ok(status))
		bytes_wipe(message, len);
	return status;
}

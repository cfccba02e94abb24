/* Signing a message and checking a signature, [MS-SMB2] 3.1.4.1 and 3.1.5.1. Called by both roles per message. An
 * interim response has the message id of the final one and is never signed: with GMAC the two would share a nonce. */
#include "proto/proto.h"

enum { COMMAND_AT = 12, FLAGS_AT = 16, MESSAGE_ID_AT = 24, SIGNATURE_AT = 48, SIGNATURE_BYTES = 16 };
enum { NONCE_SERVER = 1, NONCE_CANCEL = 2 };

/* The nonce for GMAC: message id, role and whether it is a CANCEL, which reuses the id of its target. */
static void nonce_of(const uint8_t *header, bool from_server, uint8_t nonce[12])
{
	bool cancel = !from_server && load_le16(header + COMMAND_AT) == SMB2_CANCEL;

	memcpy(nonce, header + MESSAGE_ID_AT, 8);
	store_le32(nonce + 8, (from_server ? NONCE_SERVER : 0u) | (cancel ? NONCE_CANCEL : 0u));
}

ntstatus proto_sign(const struct proto_keys *k, const struct iovec *parts, size_t n, bool from_server)
{
	uint8_t nonce[12], signature[SIGNATURE_BYTES], *header;
	ntstatus status;

	if (!k->sign)
		return STATUS_NOT_SUPPORTED;
	if (n == 0 || parts[0].iov_len < SMB2_HEADER_SIZE)
		return STATUS_INVALID_PARAMETER;
	header = parts[0].iov_base;
	store_le32(header + FLAGS_AT, load_le32(header + FLAGS_AT) | SMB2_FLAGS_SIGNED);
	memset(header + SIGNATURE_AT, 0, SIGNATURE_BYTES);
	nonce_of(header, from_server, nonce);
	status = sign_compute(k->sign, nonce, parts, n, signature);
	if (nt_ok(status))
		memcpy(header + SIGNATURE_AT, signature, SIGNATURE_BYTES);
	return status;
}

ntstatus proto_verify(const struct proto_keys *k, uint8_t *message, size_t len, bool from_server)
{
	struct iovec part = {message, len};

	return proto_verify_parts(k, &part, 1, from_server);
}

ntstatus proto_verify_parts(const struct proto_keys *k, const struct iovec *parts, size_t n, bool from_server)
{
	uint8_t nonce[12], received[SIGNATURE_BYTES], expected[SIGNATURE_BYTES], *header;
	ntstatus status;

	if (!k->sign)
		return STATUS_NOT_SUPPORTED;
	if (n == 0 || parts[0].iov_len < SMB2_HEADER_SIZE)
		return STATUS_INVALID_PARAMETER;
	header = parts[0].iov_base;
	memcpy(received, header + SIGNATURE_AT, SIGNATURE_BYTES);
	memset(header + SIGNATURE_AT, 0, SIGNATURE_BYTES);
	nonce_of(header, from_server, nonce);
	status = sign_compute(k->sign, nonce, parts, n, expected);
	memcpy(header + SIGNATURE_AT, received, SIGNATURE_BYTES);
	if (nt_ok(status) && !bytes_equal_ct(received, expected, SIGNATURE_BYTES))
		status = STATUS_ACCESS_DENIED;
	bytes_wipe(expected, sizeof(expected));
	return status;
}

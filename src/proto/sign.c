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

ntstatus proto_verify_begin(struct proto_verifying *v, const struct proto_keys *k, const uint8_t *header, bool from_server)
{
	static const uint8_t none[SIGNATURE_BYTES];
	uint8_t nonce[12];
	ntstatus status;

	if (!k->sign)
		return STATUS_NOT_SUPPORTED;
	memcpy(v->received, header + SIGNATURE_AT, SIGNATURE_BYTES);
	nonce_of(header, from_server, nonce);
	status = sign_begin(&v->run, k->sign, nonce);
	if (nt_ok(status)) {
		sign_step(&v->run, header, SIGNATURE_AT);
		sign_step(&v->run, none, SIGNATURE_BYTES);
	}
	return status;
}

void proto_verify_step(struct proto_verifying *v, const void *p, size_t n)
{
	sign_step(&v->run, p, n);
}

ntstatus proto_verify_end(struct proto_verifying *v)
{
	uint8_t expected[SIGNATURE_BYTES];
	ntstatus status = sign_end(&v->run, expected);

	if (nt_ok(status) && !bytes_equal_ct(v->received, expected, SIGNATURE_BYTES))
		status = STATUS_ACCESS_DENIED;
	bytes_wipe(expected, sizeof(expected));
	return status;
}

ntstatus proto_verify(const struct proto_keys *k, const uint8_t *message, size_t len, bool from_server)
{
	struct proto_verifying v;
	ntstatus status = len < SMB2_HEADER_SIZE ? STATUS_INVALID_PARAMETER : proto_verify_begin(&v, k, message, from_server);

	if (!nt_ok(status))
		return status;
	proto_verify_step(&v, message + SMB2_HEADER_SIZE, len - SMB2_HEADER_SIZE);
	return proto_verify_end(&v);
}

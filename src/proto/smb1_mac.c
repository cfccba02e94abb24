/* The signature of SMB1 messages: [MS-CIFS] 3.1.4.1, 3.1.5.1. Whose turn a sequence number is, is the connection's business. */
#include "proto/proto.h"

#include "wire/smb1/smb1.h"

enum { MOST_PARTS = 4, MAC_BYTES = 8 };

ntstatus proto_smb1_mac(struct slice key, uint32_t sequence, const struct iovec *message, size_t n, uint8_t out[8])
{
	uint8_t number[MAC_BYTES] = {0}, digest[16];
	struct iovec parts[MOST_PARTS + 3];
	size_t behind = SMB1_SIGNATURE_AT + MAC_BYTES;

	if (n == 0 || n > MOST_PARTS || message[0].iov_len < behind)
		return STATUS_INVALID_PARAMETER;
	store_le32(number, sequence);
	parts[0] = (struct iovec){(void *)(uintptr_t)key.data, key.len};
	parts[1] = (struct iovec){message[0].iov_base, SMB1_SIGNATURE_AT};
	parts[2] = (struct iovec){number, sizeof(number)};
	parts[3] = (struct iovec){(uint8_t *)message[0].iov_base + behind, message[0].iov_len - behind};
	for (size_t i = 1; i < n; i++)
		parts[3 + i] = message[i];
	crypto_md5(parts, n + 3, digest);
	memcpy(out, digest, MAC_BYTES);
	return STATUS_SUCCESS;
}

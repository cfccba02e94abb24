/* Signing: [MS-CIFS] 3.1.4.1, 3.1.5.1, [MS-SMB] 3.3.5.1. One key and one row of sequence numbers for the whole connection, from its first logon with a key
 * on: a request has the next number, its answers that plus one, whenever they go out. */
#include "server/smb1/op.h"

#include "base/log.h"

#include <stdlib.h>

enum { SIGNATURE_BYTES = 8, MOST_SEGS = 2 };

/* The first piece has the whole header. */
bool srv1_signature(const struct srv1_conn *s, uint32_t sequence, const struct net_seg *segs, size_t n, uint8_t out[SIGNATURE_BYTES])
{
	struct iovec parts[MOST_SEGS];

	if (n > MOST_SEGS)
		return false;
	for (size_t i = 0; i < n; i++)
		parts[i] = (struct iovec){(void *)(uintptr_t)segs[i].data, segs[i].len};
	return nt_ok(proto_smb1_mac(slice_of(s->mac_key, s->mac_key_len), sequence, parts, n, out));
}

/* [MS-CIFS] 3.3.5.43: the answer to the logon has number 1, the next request 2. */
ntstatus srv1_signing_begin(struct srv1_op *op, struct slice session_key, struct slice response)
{
	struct srv1_conn *s = op->smb1;
	uint8_t *key = malloc(session_key.len + response.len);

	if (!key)
		return STATUS_INSUFFICIENT_RESOURCES;
	memcpy(key, session_key.data, session_key.len);
	if (response.len > 0)
		memcpy(key + session_key.len, response.data, response.len);
	s->mac_key = key;
	s->mac_key_len = session_key.len + response.len;
	s->signing = true;
	s->next_sequence = 2;
	op->sign = true;
	op->sequence = 1;
	return STATUS_SUCCESS;
}

bool srv1_signature_check(struct srv1_op *op)
{
	struct srv1_conn *s = op->smb1;
	struct net_seg whole = {.data = op->message.data, .len = op->message.len};
	uint8_t expected[SIGNATURE_BYTES];
	uint32_t sequence = s->next_sequence;

	if (!s->signing)
		return true;
	s->next_sequence += op->header.command == SMB1_NT_CANCEL ? 1 : 2;
	op->sign = true;
	op->sequence = sequence + 1;
	if (srv1_signature(s, sequence, &whole, 1, expected) && bytes_equal_ct(expected, op->header.signature, sizeof(expected)))
		return true;
	log_info("%s: a message has a wrong signature", op->conn->peer);
	return false;
}

/* The headers around sealed and compressed messages. [MS-SMB2] 2.2.41, 2.2.42.1, 2.2.42.2.1. The nonce is 16 bytes here
 * whatever the cipher uses of them (11 for CCM, 12 for GCM). */
#include "wire/smb2.h"

/* [MS-SMB2] 2.2.41 */
void smb2_transform_header_code(struct wire *w, struct smb2_transform_header *m)
{
	wire_const_u32(w, "ProtocolId", SMB2_TRANSFORM_ID);
	wire_bytes(w, "Signature", m->signature, sizeof(m->signature));
	wire_bytes(w, "Nonce", m->nonce, sizeof(m->nonce));
	wire_u32(w, "OriginalMessageSize", &m->original_message_size);
	wire_reserved(w, 2);
	wire_u16(w, "EncryptionAlgorithm", &m->algorithm);
	wire_u64(w, "SessionId", &m->session_id);
}

/* [MS-SMB2] 2.2.42 */
void smb2_compression_header_code(struct wire *w, struct smb2_compression_header *m)
{
	wire_const_u32(w, "ProtocolId", SMB2_COMPRESSION_ID);
	wire_u32(w, "OriginalCompressedSegmentSize", &m->original_size);
	wire_u16(w, "CompressionAlgorithm", &m->algorithm);
	wire_u16(w, "Flags", &m->flags);
	wire_u32(w, "Offset", &m->offset_or_length);
}

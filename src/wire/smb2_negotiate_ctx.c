/* The negotiate contexts of 3.1.1: the list and the payloads. [MS-SMB2] 2.2.3.1, 2.2.4.1. Netname is plain UTF-16 and has no
 * coder. Ids beyond what a struct holds are read over, since a peer may know more algorithms than we do. */
#include "wire/smb2.h"

enum { CONTEXT_HEADER = 8 };

/* [MS-SMB2] 2.2.3.1 */
bool smb2_negotiate_context_next(struct slice *list, struct smb2_negotiate_context *out, bool *bad)
{
	size_t len, step;

	*bad = false;
	if (list->len == 0)
		return false;
	if (list->len < CONTEXT_HEADER || (len = load_le16(list->data + 2)) > list->len - CONTEXT_HEADER) {
		*bad = true;
		return false;
	}
	out->type = load_le16(list->data);
	out->data = slice_of(list->data + CONTEXT_HEADER, len);
	step = round_up(CONTEXT_HEADER + len, 8);
	if (step > list->len)
		step = list->len;
	*list = slice_of(list->data + step, list->len - step);
	return true;
}

/* [MS-SMB2] 2.2.3.1 */
void smb2_negotiate_context_put(struct wire *list, uint16_t type, struct slice data)
{
	wire_align(list, 8);
	wire_u16(list, "ContextType", &type);
	wire_length(list, "DataLength", &data, 2);
	wire_reserved(list, 4);
	wire_view(list, "Data", data.len, &data);
}

/* 2.2.3.1: `count` ids of 16 bits; the first `room` are kept. */
static void ids_code(struct wire *w, const char *name, uint16_t *count, uint16_t *ids, size_t room)
{
	if (w->dir == WIRE_ENCODE && *count > room) {
		wire_fail(w, STATUS_INVALID_PARAMETER, name);
		return;
	}
	for (size_t i = 0; i < *count && wire_ok(w); i++) {
		uint16_t rest = 0;

		wire_u16(w, name, i < room ? &ids[i] : &rest);
	}
	if (*count > room)
		*count = (uint16_t)room;
}

/* [MS-SMB2] 2.2.3.1.1 */
void smb2_preauth_caps_code(struct wire *w, struct smb2_preauth_caps *m)
{
	wire_count16(w, "HashAlgorithmCount", &m->hash_count, UINT16_MAX);
	wire_length(w, "SaltLength", &m->salt, 2);
	ids_code(w, "HashAlgorithm", &m->hash_count, m->hashes, ARRAY_LEN(m->hashes));
	wire_view(w, "Salt", m->salt.len, &m->salt);
	m->salt_length = (uint16_t)m->salt.len;
}

/* [MS-SMB2] 2.2.3.1.2 */
void smb2_encryption_caps_code(struct wire *w, struct smb2_algorithm_caps *m)
{
	wire_count16(w, "CipherCount", &m->count, UINT16_MAX);
	ids_code(w, "Cipher", &m->count, m->ids, ARRAY_LEN(m->ids));
}

/* [MS-SMB2] 2.2.3.1.3 */
void smb2_compression_caps_code(struct wire *w, struct smb2_algorithm_caps *m)
{
	wire_count16(w, "CompressionAlgorithmCount", &m->count, UINT16_MAX);
	wire_reserved(w, 2);
	wire_u32(w, "Flags", &m->flags);
	ids_code(w, "CompressionAlgorithm", &m->count, m->ids, ARRAY_LEN(m->ids));
}

/* [MS-SMB2] 2.2.3.1.6 */
void smb2_rdma_transform_caps_code(struct wire *w, struct smb2_rdma_transform_caps *m)
{
	wire_count16(w, "TransformCount", &m->count, UINT16_MAX);
	wire_reserved(w, 6);
	ids_code(w, "RDMATransformId", &m->count, m->ids, ARRAY_LEN(m->ids));
}

/* [MS-SMB2] 2.2.3.1.7 */
void smb2_signing_caps_code(struct wire *w, struct smb2_algorithm_caps *m)
{
	wire_count16(w, "SigningAlgorithmCount", &m->count, UINT16_MAX);
	ids_code(w, "SigningAlgorithm", &m->count, m->ids, ARRAY_LEN(m->ids));
}

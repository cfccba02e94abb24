/* The packet header in both forms, and the bodies of four bytes. [MS-SMB2] 2.2.1, 2.2.7, 2.2.8, 2.2.11, 2.2.12, 2.2.18,
 * 2.2.27 to 2.2.30. Called for every message of either role. */
#include "wire/smb2.h"

/* Width in bits, offset, name, member. What lies at 32 depends on Flags. */
#define HEADER_FIELDS(FIELD) \
	FIELD(16, 6, "CreditCharge", credit_charge) \
	FIELD(32, 8, "Status", status) \
	FIELD(16, 12, "Command", command) \
	FIELD(16, 14, "Credits", credits) \
	FIELD(32, 16, "Flags", flags) \
	FIELD(32, 20, "NextCommand", next_command) \
	FIELD(64, 24, "MessageId", message_id)
#define ASYNC_FIELDS(FIELD) FIELD(64, 32, "AsyncId", async_id)
#define SYNC_FIELDS(FIELD) \
	FIELD(32, 32, "ProcessId", process_id) \
	FIELD(32, 36, "TreeId", tree_id)
#define SESSION_FIELDS(FIELD) FIELD(64, 40, "SessionId", session_id)

enum { SIGNATURE_AT = 48 };

#define FIELD_CODE(bits, at, name, member) wire_u##bits(w, name, &m->member);
#define FIELD_LOAD(bits, at, name, member) m->member = load_le##bits(p + (at));
#define FIELD_STORE(bits, at, name, member) store_le##bits(p + (at), m->member);

static void header_load(const uint8_t *p, struct smb2_header *m)
{
	HEADER_FIELDS(FIELD_LOAD)
	m->async_id = 0;
	m->process_id = 0;
	m->tree_id = 0;
	if (m->flags & SMB2_FLAGS_ASYNC_COMMAND) {
		ASYNC_FIELDS(FIELD_LOAD)
	} else {
		SYNC_FIELDS(FIELD_LOAD)
	}
	SESSION_FIELDS(FIELD_LOAD)
	memcpy(m->signature, p + SIGNATURE_AT, sizeof(m->signature));
}

static void header_store(uint8_t *p, const struct smb2_header *m)
{
	store_le32(p, SMB2_PROTOCOL_ID);
	store_le16(p + 4, SMB2_HEADER_SIZE);
	HEADER_FIELDS(FIELD_STORE)
	if (m->flags & SMB2_FLAGS_ASYNC_COMMAND) {
		ASYNC_FIELDS(FIELD_STORE)
	} else {
		SYNC_FIELDS(FIELD_STORE)
	}
	SESSION_FIELDS(FIELD_STORE)
	memcpy(p + SIGNATURE_AT, m->signature, sizeof(m->signature));
}

/* Two headers are coded for every request: whole ones are not taken field by field. */
static bool header_at_once(struct wire *w, struct smb2_header *m)
{
	uint8_t *p;

	if (w->end - w->pos < SMB2_HEADER_SIZE)
		return false;
	p = w->base + w->pos;
	if (w->dir == WIRE_ENCODE)
		header_store(p, m);
	else if (load_le32(p) == SMB2_PROTOCOL_ID && load_le16(p + 4) == SMB2_HEADER_SIZE)
		header_load(p, m);
	else
		return false;
	w->pos += SMB2_HEADER_SIZE;
	return true;
}

/* [MS-SMB2] 2.2.1.1, 2.2.1.2 */
void smb2_header_code(struct wire *w, struct smb2_header *m)
{
	if ((w->dir == WIRE_DECODE || w->dir == WIRE_ENCODE) && header_at_once(w, m))
		return;
	wire_const_u32(w, "ProtocolId", SMB2_PROTOCOL_ID);
	wire_struct_size(w, SMB2_HEADER_SIZE);
	HEADER_FIELDS(FIELD_CODE)
	if (w->dir == WIRE_DECODE) {
		m->async_id = 0;
		m->process_id = 0;
		m->tree_id = 0;
	}
	if (m->flags & SMB2_FLAGS_ASYNC_COMMAND) {
		ASYNC_FIELDS(FIELD_CODE)
	} else {
		SYNC_FIELDS(FIELD_CODE)
	}
	SESSION_FIELDS(FIELD_CODE)
	wire_bytes(w, "Signature", m->signature, sizeof(m->signature));
}

/* [MS-SMB2] 2.2.7, 2.2.8, 2.2.11, 2.2.12, 2.2.18, 2.2.27, 2.2.28, 2.2.29, 2.2.30 */
void smb2_empty_code(struct wire *w, struct smb2_empty *m)
{
	wire_struct_size(w, 4);
	wire_u16(w, "Reserved", &m->reserved);
}

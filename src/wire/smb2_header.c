/* The packet header in both forms, and the bodies of four bytes. [MS-SMB2] 2.2.1, 2.2.7, 2.2.8, 2.2.11, 2.2.12, 2.2.18,
 * 2.2.27 to 2.2.30. Called for every message of either role. */
#include "wire/smb2.h"

/* [MS-SMB2] 2.2.1.1, 2.2.1.2 */
void smb2_header_code(struct wire *w, struct smb2_header *m)
{
	wire_const_u32(w, "ProtocolId", SMB2_PROTOCOL_ID);
	wire_struct_size(w, SMB2_HEADER_SIZE);
	wire_u16(w, "CreditCharge", &m->credit_charge);
	wire_u32(w, "Status", &m->status);
	wire_u16(w, "Command", &m->command);
	wire_u16(w, "Credits", &m->credits);
	wire_u32(w, "Flags", &m->flags);
	wire_u32(w, "NextCommand", &m->next_command);
	wire_u64(w, "MessageId", &m->message_id);
	if (w->dir == WIRE_DECODE) {
		m->async_id = 0;
		m->process_id = 0;
		m->tree_id = 0;
	}
	if (m->flags & SMB2_FLAGS_ASYNC_COMMAND) {
		wire_u64(w, "AsyncId", &m->async_id);
	} else {
		wire_u32(w, "ProcessId", &m->process_id);
		wire_u32(w, "TreeId", &m->tree_id);
	}
	wire_u64(w, "SessionId", &m->session_id);
	wire_bytes(w, "Signature", m->signature, sizeof(m->signature));
}

/* [MS-SMB2] 2.2.7, 2.2.8, 2.2.11, 2.2.12, 2.2.18, 2.2.27, 2.2.28, 2.2.29, 2.2.30 */
void smb2_empty_code(struct wire *w, struct smb2_empty *m)
{
	wire_struct_size(w, 4);
	wire_u16(w, "Reserved", &m->reserved);
}

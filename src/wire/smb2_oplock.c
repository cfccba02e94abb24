/* OPLOCK_BREAK: notifications, acknowledgments and responses for oplocks and leases, told apart by StructureSize.
 * [MS-SMB2] 2.2.23 to 2.2.25. */
#include "wire/smb2_internal.h"

/* [MS-SMB2] 2.2.23.1, 2.2.24.1, 2.2.25.1 */
void smb2_oplock_break_code(struct wire *w, struct smb2_oplock_break *m)
{
	wire_struct_size(w, 24);
	wire_u8(w, "OplockLevel", &m->oplock_level);
	wire_reserved(w, 5);
	smb2_file_id_code(w, &m->file_id);
}

/* [MS-SMB2] 2.2.23.2 */
void smb2_lease_break_code(struct wire *w, struct smb2_lease_break *m)
{
	wire_struct_size(w, 44);
	wire_u16(w, "NewEpoch", &m->new_epoch);
	wire_u32(w, "Flags", &m->flags);
	wire_bytes(w, "LeaseKey", m->lease_key, sizeof(m->lease_key));
	wire_u32(w, "CurrentLeaseState", &m->current_lease_state);
	wire_u32(w, "NewLeaseState", &m->new_lease_state);
	wire_u32(w, "BreakReason", &m->break_reason);
	wire_u32(w, "AccessMaskHint", &m->access_mask_hint);
	wire_u32(w, "ShareMaskHint", &m->share_mask_hint);
}

/* [MS-SMB2] 2.2.24.2, 2.2.25.2 */
void smb2_lease_ack_code(struct wire *w, struct smb2_lease_ack *m)
{
	wire_struct_size(w, 36);
	wire_reserved(w, 2);
	wire_u32(w, "Flags", &m->flags);
	wire_bytes(w, "LeaseKey", m->lease_key, sizeof(m->lease_key));
	wire_u32(w, "LeaseState", &m->lease_state);
	wire_u64(w, "LeaseDuration", &m->lease_duration);
}

/* Sets structure_size from the bytes when decoding, at random when generating. */
static void break_kind(struct wire *w, struct smb2_break *m, uint64_t kinds)
{
	static const uint16_t sizes[] = {SMB2_BREAK_OPLOCK, SMB2_BREAK_LEASE_ACK, SMB2_BREAK_LEASE};

	if (w->dir == WIRE_DECODE)
		m->structure_size = w->end - w->pos >= 2 ? load_le16(w->base + w->pos) : 0;
	else if (w->dir == WIRE_GENERATE)
		m->structure_size = sizes[wire_random(w, kinds)];
	else if (m->structure_size == 0)
		m->structure_size = SMB2_BREAK_OPLOCK;
}

/* [MS-SMB2] 2.2.24 */
void smb2_break_req_code(struct wire *w, struct smb2_break *m)
{
	break_kind(w, m, 2);
	if (m->structure_size == SMB2_BREAK_LEASE_ACK)
		smb2_lease_ack_code(w, &m->ack);
	else
		smb2_oplock_break_code(w, &m->oplock);
}

/* [MS-SMB2] 2.2.23, 2.2.25 */
void smb2_break_rsp_code(struct wire *w, struct smb2_break *m)
{
	break_kind(w, m, 3);
	if (m->structure_size == SMB2_BREAK_LEASE)
		smb2_lease_break_code(w, &m->lease);
	else if (m->structure_size == SMB2_BREAK_LEASE_ACK)
		smb2_lease_ack_code(w, &m->ack);
	else
		smb2_oplock_break_code(w, &m->oplock);
}

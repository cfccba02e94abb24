/* LOCK. [MS-SMB2] 2.2.26. The response is a body of four bytes (smb2_header.c). */
#include "wire/smb2_internal.h"

enum { ELEMENT_BYTES = 24 };

/* [MS-SMB2] 2.2.26.1 */
static void lock_element_code(struct wire *w, struct smb2_lock_element *m)
{
	wire_group(w, "Lock");
	wire_u64(w, "Offset", &m->offset);
	wire_u64(w, "Length", &m->length);
	wire_u32(w, "Flags", &m->flags);
	wire_reserved(w, 4);
	wire_group_end(w);
}

/* [MS-SMB2] 2.2.26 */
void smb2_lock_req_code(struct wire *w, struct smb2_lock_req *m)
{
	wire_struct_size(w, 48);
	wire_count16(w, "LockCount", &m->lock_count, UINT16_MAX);
	wire_u32(w, "LockSequence", &m->lock_sequence);
	smb2_file_id_code(w, &m->file_id);
	m->locks = wire_array(w, "Locks", m->lock_count, sizeof(*m->locks), ELEMENT_BYTES, m->locks);
	if (!m->locks && w->dir != WIRE_ENCODE)
		m->lock_count = 0;
	for (size_t i = 0; i < m->lock_count && wire_ok(w); i++)
		lock_element_code(w, &m->locks[i]);
}

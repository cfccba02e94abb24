/* CLOSE and FLUSH. [MS-SMB2] 2.2.15 to 2.2.18. */
#include "wire/smb2_internal.h"

/* [MS-SMB2] 2.2.15 */
void smb2_close_req_code(struct wire *w, struct smb2_close_req *m)
{
	wire_struct_size(w, 24);
	wire_u16(w, "Flags", &m->flags);
	wire_reserved(w, 4);
	smb2_file_id_code(w, &m->file_id);
}

/* [MS-SMB2] 2.2.16 */
void smb2_close_rsp_code(struct wire *w, struct smb2_close_rsp *m)
{
	wire_struct_size(w, 60);
	wire_u16(w, "Flags", &m->flags);
	wire_reserved(w, 4);
	SMB2_NETWORK_TIMES(w, m);
}

/* [MS-SMB2] 2.2.17 */
void smb2_flush_req_code(struct wire *w, struct smb2_flush_req *m)
{
	wire_struct_size(w, 24);
	wire_reserved(w, 6);
	smb2_file_id_code(w, &m->file_id);
}

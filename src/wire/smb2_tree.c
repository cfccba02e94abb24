/* TREE_CONNECT. [MS-SMB2] 2.2.9, 2.2.10. TREE_DISCONNECT is a body of four bytes (smb2_header.c). */
#include "wire/smb2.h"

/* [MS-SMB2] 2.2.9 */
void smb2_tree_connect_req_code(struct wire *w, struct smb2_tree_connect_req *m)
{
	struct wire_ref path = {0};

	wire_struct_size(w, 9);
	wire_u16(w, "Flags", &m->flags);
	wire_ref_offset(w, "PathOffset", &path, 2);
	wire_ref_length(w, "PathLength", &path, 2);
	wire_name(w, "Path", &path, 1, &m->path);
	wire_pad_to(w, SMB2_HEADER_SIZE + 9);
}

/* [MS-SMB2] 2.2.10 */
void smb2_tree_connect_rsp_code(struct wire *w, struct smb2_tree_connect_rsp *m)
{
	wire_struct_size(w, 16);
	wire_u8(w, "ShareType", &m->share_type);
	wire_reserved(w, 1);
	wire_u32(w, "ShareFlags", &m->share_flags);
	wire_u32(w, "Capabilities", &m->capabilities);
	wire_u32(w, "MaximalAccess", &m->maximal_access);
}

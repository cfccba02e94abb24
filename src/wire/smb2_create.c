/* CREATE. [MS-SMB2] 2.2.13, 2.2.14. The contexts are in smb2_contexts.c. */
#include "wire/smb2_internal.h"

/* [MS-SMB2] 2.2.13. The buffer has at least one byte, even to open the root of a share. */
void smb2_create_req_code(struct wire *w, struct smb2_create_req *m)
{
	struct wire_ref name = {0}, contexts = {0};

	wire_struct_size(w, 57);
	wire_u8(w, "SecurityFlags", &m->security_flags);
	wire_u8(w, "RequestedOplockLevel", &m->requested_oplock_level);
	wire_u32(w, "ImpersonationLevel", &m->impersonation_level);
	wire_u64(w, "SmbCreateFlags", &m->smb_create_flags);
	wire_reserved(w, 8);
	wire_u32(w, "DesiredAccess", &m->desired_access);
	wire_u32(w, "FileAttributes", &m->file_attributes);
	wire_u32(w, "ShareAccess", &m->share_access);
	wire_u32(w, "CreateDisposition", &m->create_disposition);
	wire_u32(w, "CreateOptions", &m->create_options);
	wire_ref_offset(w, "NameOffset", &name, 2);
	wire_ref_length(w, "NameLength", &name, 2);
	wire_ref_offset(w, "CreateContextsOffset", &contexts, 4);
	wire_ref_length(w, "CreateContextsLength", &contexts, 4);
	wire_name(w, "Name", &name, 8, &m->name);
	wire_buffer_or_none(w, "CreateContexts", &contexts, 8, &m->contexts);
	wire_pad_to(w, SMB2_HEADER_SIZE + 57);
}

/* [MS-SMB2] 2.2.14 */
void smb2_create_rsp_code(struct wire *w, struct smb2_create_rsp *m)
{
	struct wire_ref contexts = {0};

	wire_struct_size(w, 89);
	wire_u8(w, "OplockLevel", &m->oplock_level);
	wire_u8(w, "Flags", &m->flags);
	wire_u32(w, "CreateAction", &m->create_action);
	SMB2_NETWORK_TIMES(w, m);
	wire_reserved(w, 4);
	smb2_file_id_code(w, &m->file_id);
	wire_ref_offset(w, "CreateContextsOffset", &contexts, 4);
	wire_ref_length(w, "CreateContextsLength", &contexts, 4);
	wire_buffer_or_none(w, "CreateContexts", &contexts, 8, &m->contexts);
}

/* Opening and closing files: [MS-CIFS] 2.2.4.1 to 2.2.4.6, 2.2.4.15, 2.2.4.16, 2.2.4.41, 2.2.4.64, [MS-SMB] 2.2.4.1, 2.2.4.9. */
#include "wire/smb1/smb1_internal.h"

/* [MS-CIFS] 2.2.4.1.1, 2.2.4.2.1, 2.2.4.9.1, 2.2.4.17.1 */
void smb1_name_req_code(struct wire *w, struct smb1_name_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 0);
	smb1_bytes(w, &b);
	smb1_format_string(w, "FileName", &m->name);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.3.1 */
void smb1_open_req_code(struct wire *w, struct smb1_open_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 2);
	wire_u16(w, "AccessMode", &m->access_mode);
	wire_u16(w, "SearchAttributes", &m->search_attributes);
	smb1_bytes(w, &b);
	smb1_format_string(w, "FileName", &m->file_name);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.3.2 */
void smb1_open_rsp_code(struct wire *w, struct smb1_open_rsp *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 7);
	wire_u16(w, "FID", &m->fid);
	wire_u16(w, "FileAttrs", &m->file_attrs);
	wire_u32(w, "LastModified", &m->last_modified);
	wire_u32(w, "FileSize", &m->file_size);
	wire_u16(w, "AccessMode", &m->access_mode);
	smb1_bytes(w, &b);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.4.1, 2.2.4.15.1, 2.2.4.16.1 */
void smb1_create_req_code(struct wire *w, struct smb1_create_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 3);
	wire_u16(w, "FileAttributes", &m->file_attributes);
	wire_u32(w, "CreationTime", &m->creation_time);
	smb1_bytes(w, &b);
	smb1_format_string(w, "FileName", &m->file_name);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.4.2, 2.2.4.16.2; 2.2.4.6.1, 2.2.4.31.1, 2.2.4.48.1 */
void smb1_fid_code(struct wire *w, struct smb1_fid *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 1);
	wire_u16(w, "FID", &m->fid);
	smb1_bytes(w, &b);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.15.2 */
void smb1_create_temporary_rsp_code(struct wire *w, struct smb1_create_temporary_rsp *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 1);
	wire_u16(w, "FID", &m->fid);
	smb1_bytes(w, &b);
	smb1_last_oem_string(w, "TemporaryFileName", &m->temporary_file_name);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.41.1 */
void smb1_open_andx_req_code(struct wire *w, struct smb1_open_andx_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 15);
	smb1_andx_fields(w);
	wire_u16(w, "Flags", &m->flags);
	wire_u16(w, "AccessMode", &m->access_mode);
	wire_u16(w, "SearchAttrs", &m->search_attrs);
	wire_u16(w, "FileAttrs", &m->file_attrs);
	wire_u32(w, "CreationTime", &m->creation_time);
	wire_u16(w, "OpenMode", &m->open_mode);
	wire_u32(w, "AllocationSize", &m->allocation_size);
	wire_u32(w, "Timeout", &m->timeout);
	wire_reserved(w, 4);
	smb1_bytes(w, &b);
	smb1_last_string(w, "FileName", &m->file_name);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.41.2, [MS-SMB] 2.2.4.1.2 */
void smb1_open_andx_rsp_code(struct wire *w, struct smb1_open_andx_rsp *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, &m->word_count, 15, 19);
	smb1_andx_fields(w);
	wire_u16(w, "FID", &m->fid);
	wire_u16(w, "FileAttrs", &m->file_attrs);
	wire_u32(w, "LastWriteTime", &m->last_write_time);
	wire_u32(w, "FileDataSize", &m->file_data_size);
	wire_u16(w, "AccessRights", &m->access_rights);
	wire_u16(w, "ResourceType", &m->resource_type);
	wire_u16(w, "NMPipeStatus", &m->nm_pipe_status);
	wire_u16(w, "OpenResults", &m->open_results);
	wire_u32(w, "ServerFID", &m->server_fid);
	wire_reserved(w, 2);
	if (smb1_words(&b) == 19) {
		wire_u32(w, "MaximalAccessRights", &m->maximal_access_rights);
		wire_u32(w, "GuestMaximalAccessRights", &m->guest_maximal_access_rights);
	}
	smb1_bytes(w, &b);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.64.1. NameLength does not count the terminator. */
void smb1_nt_create_andx_req_code(struct wire *w, struct smb1_nt_create_andx_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 24);
	smb1_andx_fields(w);
	wire_reserved(w, 1);
	wire_length(w, "NameLength", &m->file_name, 2);
	wire_u32(w, "Flags", &m->flags);
	wire_u32(w, "RootDirectoryFID", &m->root_directory_fid);
	wire_u32(w, "DesiredAccess", &m->desired_access);
	wire_u64(w, "AllocationSize", &m->allocation_size);
	wire_u32(w, "ExtFileAttributes", &m->ext_file_attributes);
	wire_u32(w, "ShareAccess", &m->share_access);
	wire_u32(w, "CreateDisposition", &m->create_disposition);
	wire_u32(w, "CreateOptions", &m->create_options);
	wire_u32(w, "ImpersonationLevel", &m->impersonation_level);
	wire_u8(w, "SecurityFlags", &m->security_flags);
	smb1_bytes(w, &b);
	smb1_sized_name(w, "FileName", &m->file_name);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.64.2, [MS-SMB] 2.2.4.9.2 */
void smb1_nt_create_andx_rsp_code(struct wire *w, struct smb1_nt_create_andx_rsp *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, &m->word_count, 34, SMB1_EXTENDED_CREATE_SAYS, SMB1_EXTENDED_CREATE_HAS);
	smb1_andx_fields(w);
	wire_u8(w, "OplockLevel", &m->oplock_level);
	wire_u16(w, "FID", &m->fid);
	wire_u32(w, "CreateAction", &m->create_action);
	wire_time(w, "CreationTime", &m->creation_time);
	wire_time(w, "LastAccessTime", &m->last_access_time);
	wire_time(w, "LastWriteTime", &m->last_write_time);
	wire_time(w, "LastChangeTime", &m->last_change_time);
	wire_u32(w, "ExtFileAttributes", &m->ext_file_attributes);
	wire_u64(w, "AllocationSize", &m->allocation_size);
	wire_u64(w, "EndOfFile", &m->end_of_file);
	wire_u16(w, "ResourceType", &m->resource_type);
	wire_u16(w, "NMPipeStatus", &m->nm_pipe_status);
	wire_u8(w, "Directory", &m->directory);
	if (smb1_words(&b) == SMB1_EXTENDED_CREATE_HAS) {
		wire_guid(w, "VolumeGUID", &m->volume_guid);
		wire_u64(w, "FileId", &m->file_id);
		wire_u32(w, "MaximalAccessRights", &m->maximal_access_rights);
		wire_u32(w, "GuestMaximalAccessRights", &m->guest_maximal_access_rights);
	}
	smb1_bytes(w, &b);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.5.1 */
void smb1_close_req_code(struct wire *w, struct smb1_close_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 3);
	wire_u16(w, "FID", &m->fid);
	wire_u32(w, "LastTimeModified", &m->last_time_modified);
	smb1_bytes(w, &b);
	smb1_end(w, &b);
}

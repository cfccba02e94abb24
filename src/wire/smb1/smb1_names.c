/* Names and attributes: [MS-CIFS] 2.2.4.7 to 2.2.4.10, 2.2.4.30, 2.2.4.31, 2.2.4.57 to 2.2.4.61, 2.2.4.66. */
#include "wire/smb1/smb1_internal.h"

/* [MS-CIFS] 2.2.4.7.1 */
void smb1_delete_req_code(struct wire *w, struct smb1_delete_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 1);
	wire_u16(w, "SearchAttributes", &m->search_attributes);
	smb1_bytes(w, &b);
	smb1_format_string(w, "FileName", &m->file_name);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.8.1 */
void smb1_rename_req_code(struct wire *w, struct smb1_rename_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 1);
	wire_u16(w, "SearchAttributes", &m->search_attributes);
	smb1_bytes(w, &b);
	smb1_format_string(w, "OldFileName", &m->old_file_name);
	smb1_format_string(w, "NewFileName", &m->new_file_name);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.66.1 */
void smb1_nt_rename_req_code(struct wire *w, struct smb1_nt_rename_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 4);
	wire_u16(w, "SearchAttributes", &m->search_attributes);
	wire_u16(w, "InformationLevel", &m->information_level);
	wire_reserved(w, 4);
	smb1_bytes(w, &b);
	smb1_format_string(w, "OldFileName", &m->old_file_name);
	smb1_format_string(w, "NewFileName", &m->new_file_name);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.9.2 */
void smb1_query_information_rsp_code(struct wire *w, struct smb1_query_information_rsp *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 10);
	wire_u16(w, "FileAttributes", &m->file_attributes);
	wire_u32(w, "LastWriteTime", &m->last_write_time);
	wire_u32(w, "FileSize", &m->file_size);
	wire_reserved(w, 10);
	smb1_bytes(w, &b);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.10.1. Some clients send an empty second string, as LAN Manager did; it is not looked at. */
void smb1_set_information_req_code(struct wire *w, struct smb1_set_information_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 8);
	wire_u16(w, "FileAttributes", &m->file_attributes);
	wire_u32(w, "LastWriteTime", &m->last_write_time);
	wire_reserved(w, 10);
	smb1_bytes(w, &b);
	smb1_format_string(w, "FileName", &m->file_name);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.30.1 */
void smb1_set_information2_req_code(struct wire *w, struct smb1_set_information2_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 7);
	wire_u16(w, "FID", &m->fid);
	smb1_dos_time_code(w, "CreateDate", "CreationTime", &m->creation);
	smb1_dos_time_code(w, "LastAccessDate", "LastAccessTime", &m->last_access);
	smb1_dos_time_code(w, "LastWriteDate", "LastWriteTime", &m->last_write);
	smb1_bytes(w, &b);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.31.2 */
void smb1_query_information2_rsp_code(struct wire *w, struct smb1_query_information2_rsp *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 11);
	smb1_dos_time_code(w, "CreateDate", "CreationTime", &m->creation);
	smb1_dos_time_code(w, "LastAccessDate", "LastAccessTime", &m->last_access);
	smb1_dos_time_code(w, "LastWriteDate", "LastWriteTime", &m->last_write);
	wire_u32(w, "FileDataSize", &m->file_data_size);
	wire_u32(w, "FileAllocationSize", &m->file_allocation_size);
	wire_u16(w, "FileAttributes", &m->file_attributes);
	smb1_bytes(w, &b);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.57.2 */
void smb1_query_information_disk_rsp_code(struct wire *w, struct smb1_query_information_disk_rsp *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 5);
	wire_u16(w, "TotalUnits", &m->total_units);
	wire_u16(w, "BlocksPerUnit", &m->blocks_per_unit);
	wire_u16(w, "BlockSize", &m->block_size);
	wire_u16(w, "FreeUnits", &m->free_units);
	wire_reserved(w, 2);
	smb1_bytes(w, &b);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.58.1 to 2.2.4.61.1 */
void smb1_search_req_code(struct wire *w, struct smb1_search_req *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 2);
	wire_u16(w, "MaxCount", &m->max_count);
	wire_u16(w, "SearchAttributes", &m->search_attributes);
	smb1_bytes(w, &b);
	smb1_format_string(w, "FileName", &m->file_name);
	smb1_format_data(w, "ResumeKey", SMB1_FORMAT_VARIABLE, &m->resume_key);
	if (w->dir == WIRE_GENERATE && m->resume_key.len != 0)
		wire_view(w, "ResumeKey", SMB1_RESUME_KEY_BYTES, &m->resume_key);
	if (wire_ok(w) && m->resume_key.len != 0 && m->resume_key.len != SMB1_RESUME_KEY_BYTES)
		wire_fail(w, STATUS_INVALID_PARAMETER, "ResumeKeyLength");
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.58.2 to 2.2.4.61.2 */
void smb1_search_rsp_code(struct wire *w, struct smb1_search_rsp *m)
{
	struct smb1_body b;

	SMB1_BEGIN(w, &b, NULL, 1);
	wire_u16(w, "Count", &m->count);
	smb1_bytes(w, &b);
	smb1_format_data(w, "DirectoryInformationData", SMB1_FORMAT_VARIABLE, &m->directory_information);
	smb1_end(w, &b);
}

/* [MS-CIFS] 2.2.4.58.2 */
void smb1_directory_entry_code(struct wire *w, struct smb1_directory_entry *m)
{
	wire_bytes(w, "ResumeKey", m->resume_key, sizeof(m->resume_key));
	wire_u8(w, "FileAttributes", &m->file_attributes);
	wire_u16(w, "LastWriteTime", &m->last_write.time);
	wire_u16(w, "LastWriteDate", &m->last_write.date);
	wire_u32(w, "FileSize", &m->file_size);
	wire_bytes(w, "FileName", m->file_name, sizeof(m->file_name));
}

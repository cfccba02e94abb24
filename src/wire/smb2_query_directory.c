/* QUERY_DIRECTORY and CHANGE_NOTIFY. [MS-SMB2] 2.2.33 to 2.2.36. The entries are in fscc_dir.c; like the data of a READ
 * response they are not copied here. */
#include "wire/smb2_internal.h"

/* [MS-SMB2] 2.2.33 */
void smb2_query_directory_req_code(struct wire *w, struct smb2_query_directory_req *m)
{
	struct wire_ref name = {0};

	wire_struct_size(w, 33);
	wire_u8(w, "FileInformationClass", &m->file_information_class);
	wire_u8(w, "Flags", &m->flags);
	wire_u32(w, "FileIndex", &m->file_index);
	smb2_file_id_code(w, &m->file_id);
	wire_ref_offset(w, "FileNameOffset", &name, 2);
	wire_ref_length(w, "FileNameLength", &name, 2);
	wire_u32(w, "OutputBufferLength", &m->output_buffer_length);
	wire_name(w, "FileName", &name, 1, &m->file_name);
	wire_pad_to(w, SMB2_HEADER_SIZE + 33);
}

/* 2.2.34, 2.2.36, 2.2.38: the body that QUERY_DIRECTORY, CHANGE_NOTIFY and QUERY_INFO responses share. */
void smb2_output_code(struct wire *w, struct slice *output)
{
	struct wire_ref r = {0};

	wire_struct_size(w, 9);
	wire_ref_offset(w, "OutputBufferOffset", &r, 2);
	wire_ref_length(w, "OutputBufferLength", &r, 4);
	wire_buffer_elsewhere(w, "Output", &r, 8, output);
}

/* [MS-SMB2] 2.2.34 */
void smb2_query_directory_rsp_code(struct wire *w, struct smb2_query_directory_rsp *m)
{
	smb2_output_code(w, &m->output);
}

/* [MS-SMB2] 2.2.35 */
void smb2_change_notify_req_code(struct wire *w, struct smb2_change_notify_req *m)
{
	wire_struct_size(w, 32);
	wire_u16(w, "Flags", &m->flags);
	wire_u32(w, "OutputBufferLength", &m->output_buffer_length);
	smb2_file_id_code(w, &m->file_id);
	wire_u32(w, "CompletionFilter", &m->completion_filter);
	wire_reserved(w, 4);
}

/* [MS-SMB2] 2.2.36 */
void smb2_change_notify_rsp_code(struct wire *w, struct smb2_change_notify_rsp *m)
{
	smb2_output_code(w, &m->output);
}

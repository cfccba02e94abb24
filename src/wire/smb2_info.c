/* QUERY_INFO and SET_INFO. [MS-SMB2] 2.2.37 to 2.2.40. What the buffers hold: fscc.h, secdesc.h. */
#include "wire/smb2_internal.h"

/* [MS-SMB2] 2.2.37 */
void smb2_query_info_req_code(struct wire *w, struct smb2_query_info_req *m)
{
	struct wire_ref input = {0};

	wire_struct_size(w, 41);
	wire_u8(w, "InfoType", &m->info_type);
	wire_u8(w, "FileInfoClass", &m->file_info_class);
	wire_u32(w, "OutputBufferLength", &m->output_buffer_length);
	wire_ref_offset(w, "InputBufferOffset", &input, 2);
	wire_reserved(w, 2);
	wire_ref_length(w, "InputBufferLength", &input, 4);
	wire_u32(w, "AdditionalInformation", &m->additional_information);
	wire_u32(w, "Flags", &m->flags);
	smb2_file_id_code(w, &m->file_id);
	wire_buffer_or_none(w, "Input", &input, 8, &m->input);
	wire_pad_to(w, SMB2_HEADER_SIZE + 41);
}

/* [MS-SMB2] 2.2.38 */
void smb2_query_info_rsp_code(struct wire *w, struct smb2_query_info_rsp *m)
{
	smb2_output_code(w, &m->output);
}

/* [MS-SMB2] 2.2.39 */
void smb2_set_info_req_code(struct wire *w, struct smb2_set_info_req *m)
{
	struct wire_ref input = {0};

	wire_struct_size(w, 33);
	wire_u8(w, "InfoType", &m->info_type);
	wire_u8(w, "FileInfoClass", &m->file_info_class);
	wire_ref_length(w, "BufferLength", &input, 4);
	wire_ref_offset(w, "BufferOffset", &input, 2);
	wire_reserved(w, 2);
	wire_u32(w, "AdditionalInformation", &m->additional_information);
	smb2_file_id_code(w, &m->file_id);
	wire_buffer(w, "Buffer", &input, 1, &m->input);
	if (w->dir == WIRE_DECODE)
		m->buffer_offset = (uint16_t)input.offset;
	wire_pad_to(w, SMB2_HEADER_SIZE + 33);
}

/* [MS-SMB2] 2.2.40 */
void smb2_set_info_rsp_code(struct wire *w, struct smb2_empty *m)
{
	m->reserved = 0;
	wire_struct_size(w, 2);
}

/* IOCTL. [MS-SMB2] 2.2.31, 2.2.32. Payloads of control codes are in fsctl.c. The output of a response is not copied here, as
 * with READ responses; an input that is sent back is. */
#include "wire/smb2_internal.h"

/* [MS-SMB2] 2.2.31 */
void smb2_ioctl_req_code(struct wire *w, struct smb2_ioctl_req *m)
{
	struct wire_ref input = {0}, output = {0};

	wire_struct_size(w, 57);
	wire_reserved(w, 2);
	wire_u32(w, "CtlCode", &m->ctl_code);
	smb2_file_id_code(w, &m->file_id);
	wire_ref_offset(w, "InputOffset", &input, 4);
	wire_ref_length(w, "InputCount", &input, 4);
	wire_u32(w, "MaxInputResponse", &m->max_input_response);
	wire_ref_offset(w, "OutputOffset", &output, 4);
	wire_ref_length(w, "OutputCount", &output, 4);
	wire_u32(w, "MaxOutputResponse", &m->max_output_response);
	wire_u32(w, "Flags", &m->flags);
	wire_reserved(w, 4);
	wire_buffer(w, "Input", &input, 8, &m->input);
	wire_buffer_or_none(w, "Output", &output, 8, &m->output);
	wire_pad_to(w, SMB2_HEADER_SIZE + 57);
}

/* [MS-SMB2] 2.2.32 */
void smb2_ioctl_rsp_code(struct wire *w, struct smb2_ioctl_rsp *m)
{
	struct wire_ref input = {0}, output = {0};

	wire_struct_size(w, 49);
	wire_reserved(w, 2);
	wire_u32(w, "CtlCode", &m->ctl_code);
	smb2_file_id_code(w, &m->file_id);
	wire_ref_offset(w, "InputOffset", &input, 4);
	wire_ref_length(w, "InputCount", &input, 4);
	wire_ref_offset(w, "OutputOffset", &output, 4);
	wire_ref_length(w, "OutputCount", &output, 4);
	wire_u32(w, "Flags", &m->flags);
	wire_reserved(w, 4);
	wire_buffer(w, "Input", &input, 8, &m->input);
	wire_buffer_elsewhere(w, "Output", &output, 8, &m->output);
}

/* SESSION_SETUP. [MS-SMB2] 2.2.5, 2.2.6. LOGOFF is a body of four bytes (smb2_header.c). */
#include "wire/smb2.h"

/* [MS-SMB2] 2.2.5 */
void smb2_session_setup_req_code(struct wire *w, struct smb2_session_setup_req *m)
{
	struct wire_ref security = {0};

	wire_struct_size(w, 25);
	wire_u8(w, "Flags", &m->flags);
	wire_u8(w, "SecurityMode", &m->security_mode);
	wire_u32(w, "Capabilities", &m->capabilities);
	wire_u32(w, "Channel", &m->channel);
	wire_ref_offset(w, "SecurityBufferOffset", &security, 2);
	wire_ref_length(w, "SecurityBufferLength", &security, 2);
	wire_u64(w, "PreviousSessionId", &m->previous_session_id);
	wire_buffer(w, "SecurityBuffer", &security, 1, &m->security_buffer);
	wire_pad_to(w, SMB2_HEADER_SIZE + 25);
}

/* [MS-SMB2] 2.2.6 */
void smb2_session_setup_rsp_code(struct wire *w, struct smb2_session_setup_rsp *m)
{
	struct wire_ref security = {0};

	wire_struct_size(w, 9);
	wire_u16(w, "SessionFlags", &m->session_flags);
	wire_ref_offset(w, "SecurityBufferOffset", &security, 2);
	wire_ref_length(w, "SecurityBufferLength", &security, 2);
	wire_buffer(w, "SecurityBuffer", &security, 1, &m->security_buffer);
}

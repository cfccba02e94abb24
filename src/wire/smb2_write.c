/* WRITE. [MS-SMB2] 2.2.21, 2.2.22. The data of a request is not copied here, as with READ responses. */
#include "wire/smb2_internal.h"

/* [MS-SMB2] 2.2.21. A write of no bytes has none behind the 48, whatever StructureSize says. */
void smb2_write_req_code(struct wire *w, struct smb2_write_req *m)
{
	struct wire_ref data = {0}, channel = {0};

	wire_struct_size(w, 49);
	wire_ref_offset(w, "DataOffset", &data, 2);
	wire_ref_length(w, "Length", &data, 4);
	wire_u64(w, "Offset", &m->offset);
	smb2_file_id_code(w, &m->file_id);
	wire_u32(w, "Channel", &m->channel);
	wire_u32(w, "RemainingBytes", &m->remaining_bytes);
	wire_ref_offset(w, "WriteChannelInfoOffset", &channel, 2);
	wire_ref_length(w, "WriteChannelInfoLength", &channel, 2);
	wire_u32(w, "Flags", &m->flags);
	/* Without a channel, offset and length are not looked at. */
	if (m->channel != 0)
		wire_buffer_or_none(w, "WriteChannelInfo", &channel, 8, &m->channel_info);
	wire_buffer_elsewhere(w, "Data", &data, 8, &m->data);
	if (w->dir == WIRE_DECODE) {
		m->data_offset = (uint16_t)data.offset;
		m->length = data.length;
	}
}

/* [MS-SMB2] 2.2.22: StructureSize is 17, yet there is no byte behind the 16. */
void smb2_write_rsp_code(struct wire *w, struct smb2_write_rsp *m)
{
	wire_struct_size(w, 17);
	wire_reserved(w, 2);
	wire_u32(w, "Count", &m->count);
	wire_u32(w, "Remaining", &m->remaining);
	wire_reserved(w, 4);
}

/* READ. [MS-SMB2] 2.2.19, 2.2.20. The data of a response is not copied here: smb2_read_rsp_code leaves pos where it belongs
 * and the caller sends it from where it lies. */
#include "wire/smb2_internal.h"

/* [MS-SMB2] 2.2.19. The one byte that StructureSize counts is always sent; some clients leave it out. */
void smb2_read_req_code(struct wire *w, struct smb2_read_req *m)
{
	struct wire_ref channel = {0};

	wire_struct_size(w, 49);
	wire_u8(w, "Padding", &m->padding);
	wire_u8(w, "Flags", &m->flags);
	wire_u32(w, "Length", &m->length);
	wire_u64(w, "Offset", &m->offset);
	smb2_file_id_code(w, &m->file_id);
	wire_u32(w, "MinimumCount", &m->minimum_count);
	wire_u32(w, "Channel", &m->channel);
	wire_u32(w, "RemainingBytes", &m->remaining_bytes);
	wire_ref_offset(w, "ReadChannelInfoOffset", &channel, 2);
	wire_ref_length(w, "ReadChannelInfoLength", &channel, 2);
	/* Without a channel, offset and length are not looked at. */
	if (m->channel != 0)
		wire_buffer_or_none(w, "ReadChannelInfo", &channel, 8, &m->channel_info);
	wire_pad_to(w, SMB2_HEADER_SIZE + 49);
}

/* [MS-SMB2] 2.2.20 */
void smb2_read_rsp_code(struct wire *w, struct smb2_read_rsp *m)
{
	struct wire_ref data = {0};

	wire_struct_size(w, 17);
	wire_ref_offset(w, "DataOffset", &data, 1);
	wire_reserved(w, 1);
	wire_ref_length(w, "DataLength", &data, 4);
	wire_u32(w, "DataRemaining", &m->data_remaining);
	wire_reserved(w, 4);
	if (w->dir == WIRE_ENCODE)
		wire_reserved(w, m->data_padding);
	wire_buffer_elsewhere(w, "Data", &data, 8, &m->data);
}

/* QUERY_INFO, [MS-SMB2] 3.3.5.20: the limits that all types share, then by type. */
#include "server/cmd.h"
#include "server/info.h"

/* [MS-FSA] 2.1.5.12.3, 2.1.5.13.1: a structure of 64-bit fields that ends in a name takes whole eights. Windows asks for the
 * size that the structure has in memory, with one character of the name, of FileFsAttributeInformation as well. */
static size_t least_room(const struct fscc_class *class, size_t name_len)
{
	if (name_len == 0)
		return class->fixed_size;
	return round_up((size_t)class->fixed_size + 2, class->fixed_size > 16 ? 8 : 4);
}

struct srv_result info_answer(struct srv_request *r, const struct fscc_class *class, void *m, size_t name_len, uint32_t room,
	struct slice *output)
{
	size_t cap = class->fixed_size + name_len + 8;
	struct wire w;

	if (room < least_room(class, name_len))
		return srv_reply(STATUS_INFO_LENGTH_MISMATCH);
	if (!srv_payload_alloc(r, cap))
		return srv_reply(STATUS_INSUFFICIENT_RESOURCES);
	w = wire_encoder(r->payload.data, 0, cap);
	class->code(&w, m);
	if (!wire_ok(&w))
		return srv_reply(STATUS_INTERNAL_ERROR);
	r->payload.len = w.pos < room ? w.pos : room;
	*output = srv_payload_slice(r);
	return w.pos <= room ? srv_reply(STATUS_SUCCESS) : srv_reply_body(STATUS_BUFFER_OVERFLOW);
}

/* 3.3.5.20.4: a store without quotas; only the form of the question counts. */
static ntstatus quota_query(struct srv_request *r, const struct smb2_query_info_req *in)
{
	struct wire w = wire_decoder(in->input.data, 0, in->input.len, &r->arena);
	struct fscc_query_quota m;

	fscc_query_quota_code(&w, &m);
	return wire_ok(&w) ? STATUS_NOT_SUPPORTED : STATUS_INVALID_PARAMETER;
}

/* [MS-SMB2] 3.3.5.20 */
struct srv_result cmd_query_info(struct srv_request *r, const struct smb2_query_info_req *in, struct smb2_query_info_rsp *out)
{
	if (in->output_buffer_length > srv_request_proto(r)->max_transact_bytes)
		return srv_reply(STATUS_INVALID_PARAMETER);
	switch (in->info_type) {
	case INFO_FILE:
		return info_file_query(r, in, out);
	case INFO_FILESYSTEM:
		return info_fs_query(r, in, out);
	case INFO_SECURITY:
		return info_security_query(r, in, out);
	case INFO_QUOTA:
		return srv_reply(quota_query(r, in));
	default:
		return srv_reply(STATUS_INVALID_PARAMETER);
	}
}

/* SET_INFO, [MS-SMB2] 3.3.5.21: the limits that all types share, then by type. */
#include "server/cmd.h"
#include "server/info.h"
#include "server/oplock.h"

/* Where Windows accepts the buffer (note 72). */
enum { BUFFER_OFFSET_LEAST = 0x60, BUFFER_OFFSET_MOST = 0xA0 };

/* A file's size, name or end may have to wait for those who cache it. */
static struct srv_result set_file(struct srv_request *r, const struct smb2_set_info_req *in)
{
	struct srv_result result;

	do {
		result = srv_reply(info_file_set(r, in));
		if (!nt_is(result.status, STATUS_PENDING))
			return result;
		result = srv_break_wait(r);
	} while (result.next == SRV_REPLY && nt_ok(result.status));
	return result;
}

/* [MS-SMB2] 3.3.5.21 */
struct srv_result cmd_set_info(struct srv_request *r, const struct smb2_set_info_req *in, struct smb2_empty *out)
{
	(void)out;
	if (in->input.len == 0 || in->input.len > srv_request_proto(r)->max_transact_bytes)
		return srv_reply(STATUS_INVALID_PARAMETER);
	if (in->buffer_offset < BUFFER_OFFSET_LEAST || in->buffer_offset > BUFFER_OFFSET_MOST)
		return srv_reply(STATUS_INVALID_PARAMETER);
	switch (in->info_type) {
	case INFO_FILE:
		return set_file(r, in);
	case INFO_FILESYSTEM:
		return srv_reply(info_fs_set(r, in));
	case INFO_SECURITY:
		return srv_reply(info_security_set(r, in));
	case INFO_QUOTA:
		/* 3.3.5.21.4: the store has none. */
		return srv_reply(STATUS_NOT_SUPPORTED);
	default:
		return srv_reply(STATUS_INVALID_PARAMETER);
	}
}

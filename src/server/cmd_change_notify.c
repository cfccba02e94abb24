/* CHANGE_NOTIFY: [MS-SMB2] 2.2.35, 3.3.5.19. Changes that clients of this server make are told. */
#include "server/cmd.h"
#include "proto/proto.h"
#include "server/notify.h"
#include "server/session.h"

/* [MS-SMB2] 3.3.5.19 */
struct srv_result cmd_change_notify(struct srv_request *r, const struct smb2_change_notify_req *in, struct smb2_change_notify_rsp *out)
{
	if (r->tree->share->no_notify)
		return srv_reply(STATUS_NOT_IMPLEMENTED);
	if (in->output_buffer_length > srv_request_proto(r)->max_transact_bytes || !r->open->directory)
		return srv_reply(STATUS_INVALID_PARAMETER);
	if (!(r->open->granted_access & FILE_LIST_DIRECTORY))
		return srv_reply(STATUS_ACCESS_DENIED);
	return srv_watch_wait(r, in, out);
}

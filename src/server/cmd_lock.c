/* LOCK: [MS-SMB2] 2.2.26, 3.3.5.14, for a store without byte-range locks. */
#include "server/cmd.h"
#include "server/open.h"

/* [MS-SMB2] 3.3.5.14 */
struct srv_result cmd_lock(struct srv_request *r, const struct smb2_lock_req *in, struct smb2_empty *out)
{
	(void)out;
	if (in->lock_count == 0 || r->open->directory)
		return srv_reply(STATUS_INVALID_PARAMETER);
	return srv_reply(STATUS_NOT_SUPPORTED);
}

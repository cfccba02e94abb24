/* LOGOFF: [MS-SMB2] 2.2.7, 2.2.8, 3.3.5.6. */
#include "server/cmd.h"
#include "server/tables.h"

/* [MS-SMB2] 3.3.5.6. The response is still signed with the session's keys: the request holds a reference. */
struct srv_result cmd_logoff(struct srv_request *r, const struct smb2_empty *in, struct smb2_empty *out)
{
	(void)in;
	(void)out;
	srv_session_end(r->session);
	return srv_reply(STATUS_SUCCESS);
}

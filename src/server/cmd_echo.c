/* ECHO: [MS-SMB2] 2.2.28, 2.2.29, 3.3.5.17. */
#include "server/cmd.h"

/* [MS-SMB2] 3.3.5.17. A connection without a session gets its answer too, as old servers do (inventory G106, E108): the time to
 * log on is bounded elsewhere. */
struct srv_result cmd_echo(struct srv_request *r, const struct smb2_empty *in, struct smb2_empty *out)
{
	(void)r;
	(void)in;
	(void)out;
	return srv_reply(STATUS_SUCCESS);
}

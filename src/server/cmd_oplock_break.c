/* OPLOCK_BREAK acknowledgments: [MS-SMB2] 2.2.24, 3.3.5.22.1. No oplock is ever breaking where none is granted. */
#include "server/cmd.h"
#include "server/open.h"

enum { OPLOCK_LEVEL_LEASE = 0xFF };

/* [MS-SMB2] 3.3.5.22.1 */
struct srv_result cmd_oplock_break(struct srv_request *r, const struct smb2_oplock_break *in, struct smb2_oplock_break *out)
{
	(void)r;
	(void)out;
	if (in->oplock_level == OPLOCK_LEVEL_LEASE)
		return srv_reply(STATUS_INVALID_PARAMETER);
	return srv_reply(STATUS_INVALID_DEVICE_STATE);
}

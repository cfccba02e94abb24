/* OPLOCK_BREAK acknowledgments: [MS-SMB2] 2.2.24, 3.3.5.22. No oplock and no lease is ever breaking where none is granted. */
#include "server/cmd.h"
#include "server/open.h"

enum { OPLOCK_LEVEL_LEASE = 0xFF };

/* [MS-SMB2] 3.3.5.22.1, 3.3.5.22.2 */
struct srv_result cmd_oplock_break(struct srv_request *r, const struct smb2_break *in, struct smb2_break *out)
{
	(void)out;
	if (in->structure_size == SMB2_BREAK_LEASE_ACK)
		return srv_reply(STATUS_OBJECT_NAME_NOT_FOUND);
	if (!r->open)
		return srv_reply(STATUS_FILE_CLOSED);
	if (in->oplock.oplock_level == OPLOCK_LEVEL_LEASE)
		return srv_reply(STATUS_INVALID_PARAMETER);
	return srv_reply(STATUS_INVALID_DEVICE_STATE);
}

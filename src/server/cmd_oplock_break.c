/* OPLOCK_BREAK acknowledgments: [MS-SMB2] 2.2.24, 3.3.5.22. No lease is ever breaking where none is granted. */
#include "server/cmd.h"
#include "server/oplock.h"

enum { OPLOCK_LEVEL_LEASE = 0xFF };

/* [MS-SMB2] 3.3.5.22.1 */
static ntstatus acknowledge(struct srv_open *o, uint8_t level, uint8_t *now)
{
	ntstatus status;

	if (!o)
		return STATUS_FILE_CLOSED;
	srv_oplock_disarm(o);
	status = fsa_oplock_acknowledge(&o->fsa, level);
	/* There is no such oplock to keep; a break under way ends with none (inventory B535, G065). */
	if (level == OPLOCK_LEVEL_LEASE && !nt_is(status, STATUS_FILE_CLOSED))
		status = STATUS_INVALID_PARAMETER;
	*now = level == FSA_OPLOCK_II ? FSA_OPLOCK_II : FSA_OPLOCK_NONE;
	return status;
}

/* [MS-SMB2] 3.3.5.22 */
struct srv_result cmd_oplock_break(struct srv_request *r, const struct smb2_break *in, struct smb2_break *out)
{
	if (in->structure_size == SMB2_BREAK_LEASE_ACK)
		return srv_reply(STATUS_OBJECT_NAME_NOT_FOUND);
	out->structure_size = SMB2_BREAK_OPLOCK;
	out->oplock.file_id = r->open ? r->open->file_id : in->oplock.file_id;
	return srv_reply(acknowledge(r->open, in->oplock.oplock_level, &out->oplock.oplock_level));
}

/* OPLOCK_BREAK acknowledgments, of oplocks and of leases: [MS-SMB2] 2.2.24, 3.3.5.22. */
#include "server/cmd.h"
#include "server/conn.h"
#include "server/oplock.h"

enum { OPLOCK_LEVEL_LEASE = 0xFF };

/* [MS-SMB2] 3.3.5.22.1 */
static ntstatus acknowledge(struct srv_open *o, uint8_t level, uint8_t *now)
{
	ntstatus status;

	if (!o)
		return STATUS_FILE_CLOSED;
	status = fsa_oplock_acknowledge(&o->fsa, level);
	if (o->grant && !o->grant->fsa.lease)
		srv_oplock_answered(o->grant, NULL);
	/* There is no such oplock to keep; a break under way ends with none (inventory B535, G065). */
	if (level == OPLOCK_LEVEL_LEASE && !nt_is(status, STATUS_FILE_CLOSED))
		status = STATUS_INVALID_PARAMETER;
	*now = level == FSA_OPLOCK_II ? FSA_OPLOCK_II : FSA_OPLOCK_NONE;
	return status;
}

/* [MS-SMB2] 3.3.5.22.2. An answer that is not accepted leaves the clock running. */
static ntstatus acknowledge_lease(struct srv_request *r, const struct smb2_lease_ack *in, struct smb2_lease_ack *out)
{
	struct fsa_breaks b;
	struct srv_grant *g;
	struct fsa_key key;
	ntstatus status;

	memcpy(key.client, srv_request_proto(r)->client_guid.b, sizeof(key.client));
	memcpy(key.lease, in->lease_key, sizeof(key.lease));
	g = srv_lease_find(r->srv, &key);
	if (!g)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	fsa_breaks_init(&b);
	status = fsa_lease_acknowledge(&g->fsa, in->lease_state, &b);
	if (nt_ok(status))
		srv_oplock_answered(g, &b);
	srv_grant_put(g);
	memcpy(out->lease_key, in->lease_key, sizeof(out->lease_key));
	out->lease_state = in->lease_state;
	return status;
}

/* [MS-SMB2] 3.3.5.22 */
struct srv_result cmd_oplock_break(struct srv_request *r, const struct smb2_break *in, struct smb2_break *out)
{
	out->structure_size = in->structure_size;
	if (in->structure_size == SMB2_BREAK_LEASE_ACK)
		return srv_reply(acknowledge_lease(r, &in->ack, &out->ack));
	out->oplock.file_id = r->open ? srv_open_id(r->open) : in->oplock.file_id;
	return srv_reply(acknowledge(r->open, in->oplock.oplock_level, &out->oplock.oplock_level));
}

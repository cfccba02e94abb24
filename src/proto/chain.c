/* Walking the elements of a frame, [MS-SMB2] 3.3.5.2.7 and 3.2.5.1.9. Called by both roles for every received frame;
 * most hold one element. The text leaves open what a NextCommand that goes backwards or outside means: the frame is
 * malformed. */
#include "proto/proto.h"

bool proto_chain_next(struct proto_chain *c, struct proto_element *e, ntstatus *status)
{
	struct wire w;
	size_t next;

	*status = STATUS_SUCCESS;
	if (c->left == 0)
		return false;
	if (c->left < SMB2_HEADER_SIZE) {
		*status = STATUS_INVALID_PARAMETER;
		return false;
	}
	w = wire_decoder(c->next, 0, SMB2_HEADER_SIZE, NULL);
	smb2_header_code(&w, &e->header);
	next = e->header.next_command;
	if (!wire_ok(&w)) {
		*status = w.error;
		return false;
	}
	e->data = c->next;
	if (next == 0 || (c->lenient && next >= c->left)) {
		e->len = c->left;
	} else if (next % 8 != 0 || next < SMB2_HEADER_SIZE || next > c->left - SMB2_HEADER_SIZE) {
		/* next > left - 64 cannot wrap: left >= 64 */
		*status = STATUS_INVALID_PARAMETER;
		return false;
	} else {
		e->len = next;
	}
	c->next += e->len;
	c->left -= e->len;
	return true;
}

/* CREATE on IPC$: the named pipes that rpc serves. [MS-SMB2] 3.3.5.9; attributes, disposition and oplock are ignored. */
#include "server/create.h"

#include "base/utf16.h"
#include "server/pipe.h"
#include "server/sequence.h"

enum { PIPE_NAME_UNITS = 64 };

static ntstatus pipe_checks(const struct smb2_create_req *in, char *name, size_t cap)
{
	if (in->impersonation_level > 2)
		return STATUS_BAD_IMPERSONATION_LEVEL;
	if (in->name.len >= 2 && utf16_at(in->name, 0) == '\\')
		return STATUS_INVALID_PARAMETER;
	if (in->name.len == 0 || in->name.len > PIPE_NAME_UNITS * 2 || utf16_to_utf8(name, cap, in->name) == SIZE_MAX)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	return STATUS_SUCCESS;
}

struct srv_result create_pipe(struct srv_request *r, const struct smb2_create_req *in, struct smb2_create_rsp *out)
{
	char name[PIPE_NAME_UNITS * 3 + 1];
	ntstatus status = pipe_checks(in, name, sizeof(name));
	struct rpc_host host;
	struct srv_open *o;

	if (!nt_ok(status))
		return srv_reply(status);
	o = srv_open_new(r->session, r->tree);
	if (!o)
		return srv_reply(STATUS_INSUFFICIENT_RESOURCES);
	srv_sequence_begin(r, o);
	srv_rpc_host(r, &host);
	o->pipe = srv_pipe_new(name, &host);
	o->granted_access = fsa_access_map_generic(in->desired_access);
	if (o->granted_access & ACCESS_MAXIMUM_ALLOWED)
		o->granted_access = ACCESS_FILE_ALL;
	status = o->pipe ? srv_open_publish(o) : STATUS_OBJECT_NAME_NOT_FOUND;
	if (nt_ok(status)) {
		out->create_action = ACTION_OPENED;
		out->file_attributes = FILE_ATTRIBUTE_NORMAL;
		out->file_id = r->created = o->file_id;
		r->has_created = true;
	}
	srv_open_put(o);
	return srv_reply(status);
}

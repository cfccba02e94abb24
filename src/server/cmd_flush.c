/* FLUSH, [MS-SMB2] 3.3.5.11, [MS-FSA] 2.1.5.7. Blocks its worker until the data is on disk; another takes its place. */
#include "server/cmd.h"
#include "server/open.h"
#include "server/session.h"
#include "server/share.h"
#include "server/store_wait.h"

/* [MS-SMB2] 3.3.5.11 */
struct srv_result cmd_flush(struct srv_request *r, const struct smb2_flush_req *in, struct smb2_empty *out)
{
	struct srv_store_wait wait;
	ntstatus status;

	(void)in;
	(void)out;
	/* What was written to a pipe has been consumed when its WRITE returned. */
	if (r->open->pipe)
		return srv_reply(STATUS_SUCCESS);
	if (!(r->open->granted_access & (FILE_WRITE_DATA | FILE_APPEND_DATA)))
		return srv_reply(STATUS_ACCESS_DENIED);
	fsa_written_end(r->open->share->fsa, &r->open->fsa);
	srv_store_wait_begin(&wait, r);
	status = vfs_flush(r->open->file);
	srv_store_wait_end(&wait, r);
	return srv_reply(status);
}

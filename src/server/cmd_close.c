/* CLOSE, [MS-SMB2] 3.3.5.10. The dispatcher has found the open (FILE_CLOSED otherwise). */
#include "server/cmd.h"
#include "server/open.h"

enum { FLAG_POSTQUERY_ATTRIB = 1 };

static void close_rsp_attributes(struct smb2_close_rsp *out, const struct vfs_stat *st)
{
	out->flags = FLAG_POSTQUERY_ATTRIB;
	out->creation_time = st->created;
	out->last_access_time = st->accessed;
	out->last_write_time = st->written;
	out->change_time = st->changed;
	out->allocation_size = st->directory ? 0 : st->allocation;
	out->end_of_file = st->directory ? 0 : st->size;
	out->file_attributes = st->attributes;
}

/* [MS-SMB2] 3.3.5.10 */
struct srv_result cmd_close(struct srv_request *r, const struct smb2_close_req *in, struct smb2_close_rsp *out)
{
	struct vfs_stat st;

	srv_open_close(r->open);
	/* The request's reference keeps the store's handle, so that a file that went with this close still tells its attributes. */
	if ((in->flags & FLAG_POSTQUERY_ATTRIB) && r->open->file && nt_ok(srv_open_stat(r->open, &st)))
		close_rsp_attributes(out, &st);
	return srv_reply(STATUS_SUCCESS);
}

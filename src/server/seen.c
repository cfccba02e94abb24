/* See seen.h. */
#include "server/seen.h"

#include "server/dispatch.h"
#include "server/open.h"

static struct srv_seen *seen_of(const struct srv_request *r)
{
	return r->chain && r->chain->turn ? &r->chain->turn->seen : NULL;
}

ntstatus srv_seen_stat(const struct srv_request *r, struct vfs_stat *out)
{
	const struct srv_seen *s = seen_of(r);
	ntstatus status;

	if (s && s->open == r->open && s->volatile_id == r->open->file_id.volatile_id) {
		*out = s->stat;
		return STATUS_SUCCESS;
	}
	status = vfs_stat_get(r->open->file, out);
	if (nt_ok(status))
		srv_seen_keep(r, r->open, out);
	return status;
}

void srv_seen_keep(const struct srv_request *r, const struct srv_open *o, const struct vfs_stat *st)
{
	struct srv_seen *s = seen_of(r);

	if (s)
		*s = (struct srv_seen){.open = o, .volatile_id = o->file_id.volatile_id, .stat = *st};
}

void srv_seen_forget(const struct srv_chain *ch)
{
	if (ch->turn)
		ch->turn->seen.open = NULL;
}

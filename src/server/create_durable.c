/* CREATE, durable opens: granting them ([MS-SMB2] 3.3.5.9.6, 3.3.5.9.10), giving them back after a lost connection (3.3.5.9.7, 3.3.5.9.12), the
 * answer to a replay, and opens that an application's instance elsewhere gives up (3.3.5.9.13). No share is continuously available, so
 * that none is persistent and SMB2_DHANDLE_FLAG_PERSISTENT asks for nothing. */
#include "server/create.h"

#include "base/utf16.h"
#include "server/conn.h"
#include "server/dispatch.h"
#include "server/sequence.h"
#include "server/tables.h"

#include <stdatomic.h>

/* A client that comes for its open does not find it attached otherwise than by mistake: how long the end of its last connection may take. */
enum { HANGING_UP_MS = 100 };

/* A guest is nobody in particular, whom others who are could not be kept from passing for. */
static bool may_last(const struct create_op *op)
{
	bool handles = op->ctx.leased ? (op->ctx.lease_state & FSA_CACHE_HANDLE) != 0 : op->in->requested_oplock_level == FSA_OPLOCK_BATCH;

	if (!(op->ctx.dhnq || op->ctx.dh2q) || !handles)
		return false;
	return srv_session_is_named(op->r->session);
}

/* --- another instance of the application, 3.3.5.9.13 --- */

static bool same_name(struct create_op *op, const struct srv_open *o)
{
	return utf16_equal_nocase(vfs_file_name(o->file, &op->r->arena), op->name) &&
		utf16_equal_nocase(vfs_stream_name(o->file, &op->r->arena), op->stream);
}

/* Whether the user may read the file, note 277. */
static bool may_read(struct create_op *op)
{
	struct vfs_open_args args = {.name = op->name, .disposition = VFS_OPEN};
	const uint32_t needed = ACCESS_FILE_READ;
	bool may = false;

	if (!nt_ok(vfs_open(op->r->tree->share->vfs, &args, &op->r->arena, &op->found)))
		return false;
	may = (create_access_maximal(op) & needed) == needed;
	vfs_file_close(op->found.file);
	op->found = (struct vfs_open_result){0};
	return may;
}

static void end_other_instances(struct create_op *op)
{
	struct srv_request *r = op->r;
	struct srv_open *o;

	for (size_t n = 0; (o = srv_durable_find_app(r->tree->share, r->srv, &op->ctx.app, &srv_request_proto(r)->client_guid, n)) != NULL; n++) {
		if (same_name(op, o) && may_read(op))
			srv_open_close(o);
		srv_open_put(o);
	}
}

/* --- a new one --- */

static uint32_t timeout_of(const struct create_op *op)
{
	const struct srv_limits *l = &op->r->srv->limits;
	uint32_t asked = op->ctx.dh2q ? op->ctx.durable_timeout_ms : 0;

	if (asked == 0)
		return l->durable_timeout_ms;
	return asked < l->durable_timeout_most_ms ? asked : l->durable_timeout_most_ms;
}

/* 3.3.5.9.10: what a CREATE says that has been carried out already, or is being. */
static ntstatus create_guid_known(struct create_op *op, bool replay, struct srv_open *found)
{
	if (!replay) {
		srv_open_put(found);
		return STATUS_DUPLICATE_OBJECTID;
	}
	/* The text does not speak of a CREATE that still waits; the client tries again. */
	if (!found)
		return STATUS_FILE_NOT_AVAILABLE;
	op->open = found;
	return STATUS_SUCCESS;
}

/* The CreateGuid counts for every CREATE that has one, whether its open may last or not. */
ntstatus create_durable_begin(struct create_op *op)
{
	struct srv_request *r = op->r;
	bool replay = (r->header.flags & SMB2_FLAGS_REPLAY_OPERATION) != 0;
	struct srv_durable *d;
	struct srv_open *found;
	ntstatus status;

	/* One that has waited has been here. */
	if (r->durable)
		return STATUS_SUCCESS;
	if (op->ctx.app_instance)
		end_other_instances(op);
	if (!may_last(op) && !op->ctx.app_instance && !op->ctx.dh2q)
		return STATUS_SUCCESS;
	d = srv_durable_new(r->session, &srv_request_proto(r)->client_guid);
	if (!d)
		return STATUS_INSUFFICIENT_RESOURCES;
	status = op->ctx.dh2q ? srv_durable_reserve(d, &op->ctx.create_guid, replay, &found) : STATUS_SUCCESS;
	if (!nt_ok(status)) {
		srv_durable_free(d);
		return nt_is(status, STATUS_DUPLICATE_OBJECTID) ? create_guid_known(op, replay, found) : status;
	}
	d->has_app = op->ctx.app_instance;
	d->app = op->ctx.app;
	d->timeout_ms = timeout_of(op);
	r->durable = d;
	return STATUS_SUCCESS;
}

/* The text grants what is asked for; Windows, as the suite has it, only to those who got to cache handles. What happens in a directory while
 * its handle is disconnected nobody would be told, so that directories have none. */
void create_durable_grant(struct create_op *op)
{
	struct srv_durable *d = op->r->durable;
	bool handles = (op->got.cache & FSA_CACHE_HANDLE) != 0;

	if (!d)
		return;
	d->action = op->action;
	d->maximal = op->maximal;
	d->is_durable = may_last(op) && !op->open->directory && (handles || d->has_create_guid);
	d->open = op->open;
	op->open->durable = d;
	op->r->durable = NULL;
	op->tell_durable = d->is_durable && handles;
}

/* --- an old one --- */

static bool same_lease(const struct create_op *op, const struct srv_open *o)
{
	return memcmp(o->grant->fsa.key.lease, op->ctx.lease.key, sizeof(op->ctx.lease.key)) == 0;
}

/* The name of a leased open is the one that it has now (3.3.5.9.7, 3.3.5.9.12). */
static ntstatus check_lease_holder(struct create_op *op, const struct srv_open *o)
{
	const struct guid *client = &srv_request_proto(op->r)->client_guid;

	if (!o->grant->fsa.lease)
		return STATUS_SUCCESS;
	if (memcmp(client, &o->durable->client, sizeof(*client)) != 0)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	return nt_ok(create_path_check(op)) && same_name(op, o) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* The session's connection has been lost, or is within that time, in which others go on. */
static bool is_over(const struct create_op *op, struct srv_session *s, unsigned within_ms)
{
	bool lost;

	if (s->state == SRV_SESSION_GONE || srv_session_lost(s, 0))
		return true;
	if (within_ms == 0)
		return false;
	srv_request_waits(op->r);
	net_pool_blocking(op->r->srv->pool, true);
	lost = srv_session_lost(s, within_ms);
	net_pool_blocking(op->r->srv->pool, false);
	return lost;
}

/* A session that is over lets go of its opens before it is said that it has them. */
static bool attached(const struct create_op *op, struct srv_open *o, unsigned within_ms)
{
	struct srv_session *s = srv_durable_session(o);

	if (s && s != op->r->session && is_over(op, s, within_ms)) {
		srv_session_end_for_good(s);
		srv_session_put(s);
		s = srv_durable_session(o);
	}
	srv_session_put(s);
	return s != NULL;
}

/* 3.3.5.9.12 wants DesiredAccess, ShareAccess and CreateOptions to be those of the CREATE; Windows, as the suite has it, looks at none of
 * them: what they say has no effect. */
static ntstatus check_reconnect(struct create_op *op, struct srv_open *o)
{
	bool leased = o->grant && o->grant->fsa.lease, owned;
	ntstatus status;

	if (!o->grant || !o->durable->is_durable || o->share != op->r->tree->share)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	/* Whether there is a lease comes before the name of the leased file, as on Windows. */
	if (leased != op->ctx.any_lease)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	status = check_lease_holder(op, o);
	if (!nt_ok(status))
		return status;
	if (op->ctx.dh2c && !guid_equal(&op->ctx.create_guid, &o->durable->create_guid))
		return STATUS_OBJECT_NAME_NOT_FOUND;
	if (leased && !same_lease(op, o))
		return STATUS_OBJECT_NAME_NOT_FOUND;
	owned = srv_session_is(op->r->session, o->durable->owner->name);
	if (attached(op, o, owned ? HANGING_UP_MS : 0))
		return STATUS_OBJECT_NAME_NOT_FOUND;
	return owned ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
}

/* The answer's part that comes from the file. */
static ntstatus describe(struct create_op *op, struct srv_open *o, uint32_t action, struct smb2_create_rsp *out)
{
	ntstatus status = vfs_stat_get(o->file, &op->found.stat);

	op->open = o;
	op->action = action;
	op->maximal = o->durable->maximal;
	return nt_ok(status) ? create_reply_fill(op, out) : status;
}

/* 3.3.5.9.12: the lease's epoch goes on from what the client knows. */
static const uint16_t *epoch_of(struct create_op *op, struct srv_open *o, uint16_t *epoch)
{
	if (!op->ctx.dh2c || !op->ctx.lease.epochs || !o->grant->fsa.lease)
		return NULL;
	*epoch = (uint16_t)(op->ctx.lease.epoch + (fsa_grant_now(&o->fsa).cache & FSA_CACHE_WRITE ? 0 : 1));
	return epoch;
}

/* The open has been claimed. What it may cache breaks from now on only when the answer is out. */
static ntstatus bring_back(struct create_op *op, struct srv_open *o, uint32_t action, struct smb2_create_rsp *out)
{
	struct smb2_file_id id = {.persistent = o->file_id.persistent, .volatile_id = srv_open_new_volatile(o->srv)};
	uint16_t epoch;
	ntstatus status;

	if (!fsa_grant_resume(&o->fsa, epoch_of(op, o, &epoch))) {
		srv_durable_unclaim(o);
		return STATUS_OBJECT_NAME_NOT_FOUND;
	}
	op->got = (struct fsa_got){.cache = o->fsa.got, .breaking = o->fsa.got_breaking, .epoch = o->fsa.got_epoch};
	status = describe(op, o, action, out);
	if (nt_ok(status)) {
		srv_sequence_begin(op->r, o);
		srv_oplock_reconnect(o, op->r->channel, id.volatile_id);
		status = srv_durable_attach(o, op->r->session, op->r->tree);
		if (!nt_ok(status))
			srv_oplock_disconnect(o);
	}
	if (!nt_ok(status)) {
		srv_oplock_announce(srv_open_ref(o));
		srv_durable_unclaim(o);
		return status;
	}
	out->file_id = op->r->created = id;
	op->r->has_created = true;
	/* The chain of the CREATE that made it may still be about to say that it is there. */
	if (!atomic_exchange(&o->announcing, true))
		op->r->granted = srv_open_ref(o);
	return STATUS_SUCCESS;
}

/* [MS-SMB2] 3.3.5.9.7, 3.3.5.9.12 */
ntstatus create_reconnect(struct create_op *op, struct smb2_create_rsp *out)
{
	struct srv_open *o = srv_durable_find(op->r->srv, op->ctx.reconnect_id.persistent);
	ntstatus status;

	if (!o)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	op->ctx.qfid = false;
	status = check_reconnect(op, o);
	if (nt_ok(status))
		status = srv_durable_claim(o) ? bring_back(op, o, ACTION_OPENED, out) : STATUS_OBJECT_NAME_NOT_FOUND;
	srv_open_put(o);
	return status;
}

/* 3.3.5.9.10. As the suite has it, the open need not be durable, nor the replay say of attributes and disposition what the CREATE said; without
 * a wish to cache it goes for an open with a lease, too. */
static ntstatus check_replay(const struct create_op *op, const struct srv_open *o)
{
	bool leased = o->grant && o->grant->fsa.lease;

	if (!srv_session_is(op->r->session, o->durable->owner->name) || o->share != op->r->tree->share)
		return STATUS_ACCESS_DENIED;
	if (op->in->requested_oplock_level == FSA_OPLOCK_NONE)
		return STATUS_SUCCESS;
	return leased == op->ctx.leased && (!leased || same_lease(op, o)) ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
}

/* [MS-SMB2] 3.3.5.9.10. A replay after the loss of the connection on which the CREATE came finds the open disconnected and brings it back; one on
 * another session than has it comes too early. */
ntstatus create_replay(struct create_op *op, struct smb2_create_rsp *out)
{
	struct srv_open *o = op->open;
	struct srv_session *s;
	ntstatus status = check_replay(op, o);
	bool there = nt_ok(status) && attached(op, o, 0);

	s = there ? srv_durable_session(o) : NULL;
	/* Nobody is told of what he did not ask for. */
	if (op->in->requested_oplock_level != FSA_OPLOCK_NONE)
		op->got = fsa_grant_now(&o->fsa);
	op->tell_durable = o->durable->is_durable && (op->got.cache & FSA_CACHE_HANDLE);
	if (!nt_ok(status)) {
		srv_open_put(o);
		return status;
	}
	if (s == op->r->session) {
		status = describe(op, o, o->durable->action, out);
		out->file_id = op->r->created = srv_open_id(o);
		op->r->has_created = nt_ok(status);
	} else if (!there && srv_durable_claim(o)) {
		status = bring_back(op, o, o->durable->action, out);
	} else {
		status = STATUS_FILE_NOT_AVAILABLE;
	}
	srv_session_put(s);
	srv_open_put(o);
	return status;
}

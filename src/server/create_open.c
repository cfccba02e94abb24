/* CREATE, the open itself: dispositions ([MS-SMB2] 2.2.13, [MS-FSA] 2.1.5.1.1 and 2.1.5.1.2), share modes, overwriting. Whatever
 * changes a file that exists happens after its share modes have been entered. */
#include "server/acl.h"
#include "server/create.h"

#include "server/local.h"
#include "server/notify.h"
#include "server/sequence.h"
#include "server/tunnel.h"

enum { RACES_BORNE = 16 };

#define ATTRIBUTES_SETTABLE                                                                                            \
	(FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_ARCHIVE |           \
		FILE_ATTRIBUTE_TEMPORARY | FILE_ATTRIBUTE_OFFLINE | FILE_ATTRIBUTE_NOT_CONTENT_INDEXED)

/* What a listing shows of the entries of a directory. */
#define LISTED (FSA_CHANGE_FILE_NAME | FSA_CHANGE_DIR_NAME | FSA_CHANGE_ATTRIBUTES | FSA_CHANGE_SIZE | FSA_CHANGE_LAST_WRITE)

static uint32_t store_flags(const struct create_op *op)
{
	uint32_t options = op->in->create_options, flags = 0;

	if (op->desired & (FILE_READ_DATA | FILE_EXECUTE | ACCESS_MAXIMUM_ALLOWED))
		flags |= VFS_READ;
	if ((op->desired & (FILE_WRITE_DATA | FILE_APPEND_DATA | ACCESS_MAXIMUM_ALLOWED)) || create_overwrites(op))
		flags |= VFS_WRITE;
	if ((options & OPTION_DIRECTORY_FILE) || op->must_be_directory)
		flags |= VFS_DIRECTORY;
	if ((options & OPTION_NON_DIRECTORY_FILE) || op->must_be_file)
		flags |= VFS_NON_DIRECTORY;
	if (options & OPTION_OPEN_REPARSE_POINT)
		flags |= VFS_NO_FOLLOW;
	if (options & OPTION_WRITE_THROUGH)
		flags |= VFS_WRITE_THROUGH;
	if (op->desired & (ACCESS_DELETE | ACCESS_MAXIMUM_ALLOWED))
		flags |= VFS_DELETE;
	return flags;
}

uint32_t create_attributes(const struct create_op *op)
{
	uint32_t inherited = FILE_ATTRIBUTE_NOT_CONTENT_INDEXED;

	return (op->in->file_attributes & ATTRIBUTES_SETTABLE & ~inherited) | (op->parent_stat.attributes & inherited);
}

/* New files are marked for the archive, new directories are not ([MS-FSA] 2.1.5.1.1). */
static uint32_t new_attributes(const struct create_op *op)
{
	uint32_t attributes = create_attributes(op);

	return op->in->create_options & OPTION_DIRECTORY_FILE ? attributes : attributes | FILE_ATTRIBUTE_ARCHIVE;
}

/* Opens by name. MAXIMUM_ALLOWED takes what the store gives: with the right to write, to read, or neither. */
static ntstatus store_open(struct create_op *op, enum vfs_disposition disposition)
{
	struct vfs_open_args args = {
		.name = op->name, .disposition = disposition, .flags = store_flags(op), .attributes = new_attributes(op),
		.parent = op->parent_file,
	};
	struct vfs *store = op->r->tree->share->vfs;
	ntstatus status = vfs_open(store, &args, &op->r->arena, &op->found);

	if (!(op->desired & ACCESS_MAXIMUM_ALLOWED) || !nt_is(status, STATUS_ACCESS_DENIED) || create_overwrites(op))
		return status;
	if (!(op->desired & (FILE_WRITE_DATA | FILE_APPEND_DATA))) {
		args.flags &= ~(uint32_t)VFS_WRITE;
		status = vfs_open(store, &args, &op->r->arena, &op->found);
	}
	if (nt_is(status, STATUS_ACCESS_DENIED) && !(op->desired & (FILE_READ_DATA | FILE_EXECUTE))) {
		args.flags &= ~(uint32_t)VFS_READ;
		status = vfs_open(store, &args, &op->r->arena, &op->found);
	}
	return status;
}

/* A file that is about to go answers DELETE_PENDING to whoever wants its name, as the directories on the way do ([MS-FSA] 2.1.5.1, phase 6). */
static ntstatus collision_status(struct create_op *op)
{
	struct vfs_open_args args = {.name = op->name, .disposition = VFS_OPEN, .flags = VFS_NO_FOLLOW};
	struct vfs_open_result there;
	ntstatus status = STATUS_OBJECT_NAME_COLLISION;

	if (!nt_ok(vfs_open(op->r->tree->share->vfs, &args, &op->r->arena, &there)))
		return status;
	if (fsa_id_delete_pending(op->r->tree->share->fsa, there.stat.id))
		status = STATUS_DELETE_PENDING;
	vfs_file_close(there.file);
	return status;
}

static bool keeps_eas(const struct create_op *op)
{
	struct vfs_volume v;

	return nt_ok(vfs_volume_query(op->r->tree->share->vfs, &v)) && v.xattrs;
}

/* 3.3.5.9.8, 3.3.5.9.11: a lease is of one file. Who names one that there is neither makes a file nor learns of another. */
static ntstatus find_leased(struct create_op *op)
{
	ntstatus status = op->stream.len > 0 ? create_stream_file(op) : store_open(op, VFS_OPEN);

	return nt_is(status, STATUS_OBJECT_NAME_NOT_FOUND) ? STATUS_INVALID_PARAMETER : status;
}

ntstatus create_may_make(struct create_op *op)
{
	uint32_t may = op->r->tree->maximal_access & (FILE_ADD_FILE | FILE_ADD_SUBDIRECTORY);

	/* 3.3.5.9.1: there is no place for EAs, and a file without those that it should have is not made. */
	if (op->ctx.ea_count > 0 && !keeps_eas(op))
		return STATUS_EAS_NOT_SUPPORTED;
	/* [MS-FSA] 2.1.5.1.1 */
	if ((op->in->create_options & OPTION_DIRECTORY_FILE) && (op->in->file_attributes & FILE_ATTRIBUTE_TEMPORARY))
		return STATUS_INVALID_PARAMETER;
	return may == (FILE_ADD_FILE | FILE_ADD_SUBDIRECTORY) ? create_parent_check(op) : STATUS_ACCESS_DENIED;
}

static ntstatus find_or_make(struct create_op *op)
{
	const uint32_t disposition = op->in->create_disposition;
	ntstatus status, may_make;

	if (op->lease_known)
		return find_leased(op);
	if (op->stream.len > 0)
		return create_stream_file(op);
	if (disposition == CREATE_OPEN || disposition == CREATE_OVERWRITE)
		return store_open(op, VFS_OPEN);
	op->name = srv_tunnel_find(op->r->tree->share->tunnel, op->name, clock_ms(op->r->srv->clock), &op->r->arena);
	may_make = create_may_make(op);
	if (nt_is(may_make, STATUS_INSUFFICIENT_RESOURCES))
		return may_make;
	if (!nt_ok(may_make)) {
		status = disposition == CREATE_CREATE ? may_make : store_open(op, VFS_OPEN);
		return nt_is(status, STATUS_OBJECT_NAME_NOT_FOUND) ? may_make : status;
	}
	status = store_open(op, disposition == CREATE_CREATE ? VFS_CREATE : VFS_OPEN_IF);
	return nt_is(status, STATUS_OBJECT_NAME_COLLISION) ? collision_status(op) : status;
}

/* [MS-FSA] 2.1.5.1.2: what an existing file must be like to be opened this way. */
static ntstatus existing_check(struct create_op *op)
{
	const struct vfs_stat *st = &op->found.stat;
	ntstatus status;

	if (create_overwrites(op) && st->directory && op->stream.len == 0)
		return STATUS_OBJECT_NAME_COLLISION;
	status = create_access_grant(op);
	if (!nt_ok(status))
		return status;
	if (create_overwrites(op) &&
		(st->attributes & ~op->in->file_attributes & (FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM)))
		return STATUS_ACCESS_DENIED;
	return STATUS_SUCCESS;
}

/* 3.3.5.9: what the share makes of the share mode that is asked for. */
static uint32_t share_access(const struct create_op *op)
{
	const struct srv_share *share = op->r->tree->share;
	uint32_t mode = op->in->share_access;
	uint32_t changing = FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_WRITE_ATTRIBUTES | FILE_WRITE_EA | ACCESS_DELETE | ACCESS_WRITE_DAC | ACCESS_WRITE_OWNER;

	if (share->restrict_exclusive_opens && !(op->granted & changing))
		mode |= FILE_SHARE_READ;
	return share->force_shared_delete ? mode | FILE_SHARE_DELETE : mode;
}

/* What the open asks for to cache. A directory can have a lease of 3.x and nothing else; a level that does not exist asks for none. */
static ntstatus attach_grant(struct create_op *op, struct fsa_enter *e)
{
	const struct proto_conn *proto = srv_request_proto(op->r);
	bool no_writes = op->r->tree->share->force_level2_oplocks, leased = op->ctx.leased;
	bool whole = op->r->tree->share->kernel_oplocks && !op->open->directory;
	uint8_t level = op->in->requested_oplock_level;
	ntstatus status;

	/* The system keeps local programs off what one open alone caches, and off nothing else. */
	if (whole && leased)
		return srv_lease_may_name(op->r->tree, op->r->conn, e->id, &op->ctx.lease);
	if (op->open->directory && leased && !(op->ctx.lease.epochs && (proto->server_capabilities & SMB2_GLOBAL_CAP_DIRECTORY_LEASING)))
		return srv_lease_may_name(op->r->tree, op->r->conn, e->id, &op->ctx.lease);
	if (!leased && (op->open->directory || (level != FSA_OPLOCK_II && level != FSA_OPLOCK_EXCLUSIVE && level != FSA_OPLOCK_BATCH)))
		return STATUS_SUCCESS;
	/* Local programs do not open streams. */
	if (whole && (level == FSA_OPLOCK_II || no_writes || (op->stream.len == 0 && !srv_local_keep_off(op->open))))
		return STATUS_SUCCESS;
	status = srv_oplock_attach(op->open, op->r->channel, e->id, leased ? &op->ctx.lease : NULL);
	if (!nt_ok(status))
		return status;
	e->grant = &op->open->grant->fsa;
	/* A lease has other opens, which may be looking at it; it never is. */
	if (whole)
		e->grant->whole = true;
	e->oplock = no_writes ? FSA_OPLOCK_II : level;
	e->cache = op->ctx.lease_state & (uint8_t)(no_writes ? ~FSA_CACHE_WRITE : FSA_CACHE_ALL);
	if (srv_lease_is_split(op->open))
		e->cache = 0;
	e->epoch = op->ctx.lease.epoch;
	return STATUS_SUCCESS;
}

/* Of what can be cached; nothing, once it is overwritten. */
static uint64_t extent_of(const struct vfs_stat *st, bool overwrites)
{
	if (overwrites)
		return 0;
	return st->allocation > st->size ? st->allocation : st->size;
}

/* Share modes count what the disposition does, too; what the open keeps is what was granted. */
static ntstatus enter(struct create_op *op)
{
	struct srv_open *o = op->open;
	bool overwrites = !op->found.created && create_overwrites(op);
	struct fsa_enter e = {
		.id = op->found.stat.id,
		.access = op->granted,
		.share = share_access(op),
		.delete_on_close = o->delete_on_close,
		.overwrites = overwrites,
		.directory = o->directory,
		.extent = extent_of(&op->found.stat, overwrites),
	};
	ntstatus attached = attach_grant(op, &e), status;
	struct fsa_breaks breaks;

	/* A file that was made for nothing goes by being left. */
	if (!nt_ok(attached) && !op->found.created)
		return attached;

	if (overwrites)
		e.access |= op->in->create_disposition == CREATE_SUPERSEDE ? FILE_WRITE_DATA | ACCESS_DELETE : FILE_WRITE_DATA;
	fsa_breaks_init(&breaks);
	status = fsa_open_enter(op->r->tree->share->fsa, &e, &o->fsa, &breaks);
	if (nt_ok(status) && e.access != op->granted)
		fsa_open_narrow(&o->fsa, op->granted);
	op->got = (struct fsa_got){.cache = o->fsa.got, .breaking = o->fsa.got_breaking, .epoch = o->fsa.got_epoch};
	srv_local_kept_off(o, nt_ok(status) && (o->fsa.got & FSA_CACHE_WRITE) != 0, &breaks);
	/* Before the client hears that it may keep the listing. */
	if (nt_ok(status) && o->directory && o->fsa.got != 0)
		o->local = srv_local_watch(o, LISTED, false);
	op->r->awaited.id = e.id;
	op->r->awaited.ended = breaks.ended;
	srv_oplock_tell(&breaks);
	if (nt_ok(status) && srv_lease_is_split(o))
		srv_lease_end_split(o);
	return nt_ok(attached) ? status : attached;
}

/* Hands the store's file over to a new open and enters it. */
static ntstatus open_make(struct create_op *op)
{
	struct srv_open *o = srv_open_new(op->r->session, op->r->tree);

	if (!o) {
		vfs_file_close(op->found.file);
		return STATUS_INSUFFICIENT_RESOURCES;
	}
	op->open = o;
	o->file = o->fsa.file = op->found.file;
	o->name_hides = srv_share_hides(op->r->tree->share, op->name);
	srv_sequence_begin(op->r, o);
	o->granted_access = op->granted;
	o->create_options = op->in->create_options;
	o->directory = op->found.stat.directory;
	o->delete_on_close = (op->in->create_options & OPTION_DELETE_ON_CLOSE) != 0;
	o->mode = op->in->create_options & (OPTION_WRITE_THROUGH | OPTION_SEQUENTIAL_ONLY | OPTION_NO_INTERMEDIATE_BUFFERING |
						   OPTION_SYNC_ALERT | OPTION_SYNC_NONALERT | OPTION_DELETE_ON_CLOSE);
	return enter(op);
}

/* Whether the name was taken away between looking it up and entering the node. */
static bool lost_name(struct create_op *op, uint64_t removals_before)
{
	struct vfs_stat st;

	if (fsa_removals(op->r->tree->share->fsa) == removals_before)
		return false;
	return nt_ok(vfs_stat_get(op->open->file, &st)) && st.links == 0;
}

/* CREATE of what is there and has the lease that was asked for. */
static ntstatus collision_leased(struct create_op *op)
{
	struct vfs_id file = op->found.stat.id;
	ntstatus status = srv_lease_may_name(op->r->tree, op->r->conn, file, &op->ctx.lease);

	file.stream = 0;
	if (!nt_ok(status))
		return status;
	return fsa_id_delete_pending(op->r->tree->share->fsa, file) ? STATUS_DELETE_PENDING : STATUS_OBJECT_NAME_COLLISION;
}

/* May what was found be opened, and the stream of it that is wanted. */
static ntstatus found_check(struct create_op *op)
{
	ntstatus status = STATUS_SUCCESS;

	if (op->found.created) {
		op->maximal = op->r->tree->maximal_access | ACCESS_SYNCHRONIZE;
		op->granted = op->desired & ACCESS_MAXIMUM_ALLOWED ? op->maximal : op->desired;
	} else {
		status = existing_check(op);
	}
	if (nt_ok(status) && op->stream.len > 0)
		status = create_stream_open(op);
	if (op->lease_known && nt_is(status, STATUS_OBJECT_NAME_NOT_FOUND))
		status = STATUS_INVALID_PARAMETER;
	if (nt_ok(status) && op->lease_known && op->in->create_disposition == CREATE_CREATE)
		status = collision_leased(op);
	return status;
}

static ntstatus open_once(struct create_op *op, bool *again)
{
	uint64_t removals = fsa_removals(op->r->tree->share->fsa);
	ntstatus status;

	*again = false;
	op->lease_known = op->ctx.leased && srv_lease_known(op->r->tree, op->r->conn, &op->ctx.lease);
	status = find_or_make(op);
	vfs_file_close(op->parent_file);
	op->parent_file = NULL;
	op->r->awaited.lease = nt_is(status, STATUS_SHARING_VIOLATION) && op->found.leased && srv_local_patient(op->r);
	if (op->r->awaited.lease)
		return STATUS_PENDING;
	if (!nt_ok(status))
		return status;
	status = found_check(op);
	if (!nt_ok(status)) {
		vfs_file_close(op->found.file);
		return status;
	}
	status = open_make(op);
	if (nt_ok(status) && lost_name(op, removals)) {
		*again = true;
		op->found.created = false;
		create_open_undo(op);
	}
	return status;
}

/* [MS-FSA] 2.1.5.1.2: the old content goes, attributes and times become those of a new file. */
static ntstatus overwrite(struct create_op *op)
{
	uint64_t now = clock_filetime(op->r->srv->clock);
	struct vfs_set_info set = {
		.which = VFS_SET_ATTRIBUTES | VFS_SET_WRITTEN | VFS_SET_ACCESSED,
		.written = now, .accessed = now,
		.attributes = (op->in->file_attributes & ATTRIBUTES_SETTABLE & ~(uint32_t)FILE_ATTRIBUTE_NOT_CONTENT_INDEXED) | FILE_ATTRIBUTE_ARCHIVE,
	};
	ntstatus status = vfs_truncate(op->open->file, 0);

	/* A stream that is written anew leaves its file as it was. */
	if (op->stream.len > 0)
		return nt_ok(status) ? vfs_stat_get(op->open->file, &op->found.stat) : status;
	if (nt_ok(status))
		status = vfs_extras_remove(op->open->file, &op->r->arena);

	if (op->in->create_disposition == CREATE_SUPERSEDE) {
		set.which |= VFS_SET_CREATED;
		set.created = now;
	}
	if (nt_ok(status))
		status = vfs_set(op->open->file, &set);
	return nt_ok(status) ? vfs_stat_get(op->open->file, &op->found.stat) : status;
}

/* 3.3.5.9.3. A store that cannot reserve does without, and so does a handle that may not write; a full store says so. */
static ntstatus reserve(struct create_op *op)
{
	ntstatus status;

	if (!op->ctx.alsi || op->ctx.allocation == 0 || op->action == ACTION_OPENED || op->found.stat.directory)
		return STATUS_SUCCESS;
	status = vfs_allocate(op->open->file, op->ctx.allocation);
	if (nt_is(status, STATUS_NOT_SUPPORTED) || nt_is(status, STATUS_INVALID_DEVICE_REQUEST) || nt_is(status, STATUS_ACCESS_DENIED))
		return STATUS_SUCCESS;
	return nt_ok(status) ? vfs_stat_get(op->open->file, &op->found.stat) : status;
}

/* 3.3.5.9.2, [MS-FSA] 2.1.5.1.1: the descriptor of a file that was made, from what was asked for and what its directory hands
 * on; with neither, owner and mode say it all. A store without a place for it does without (note 260). */
static ntstatus protect(struct create_op *op)
{
	struct wire w = wire_decoder(op->ctx.secdesc.data, 0, op->ctx.secdesc.len, &op->r->arena);
	struct secdesc wanted = {0}, *now;
	bool stored, asked = op->ctx.secdesc.len > 0, inherited = false;
	ntstatus status;

	if (!asked && !op->parent)
		return STATUS_SUCCESS;
	if (asked)
		secdesc_code(&w, &wanted);
	if (asked && !wire_ok(&w))
		return STATUS_INVALID_SECURITY_DESCR;
	now = srv_acl_load(op->open->file, &op->found.stat, &op->r->arena, &stored);
	if (!now)
		return STATUS_INSUFFICIENT_RESOURCES;
	if (op->parent)
		srv_acl_follow_owner(now, op->parent, &op->parent_stat);
	if (asked)
		srv_acl_replace(now, &wanted, ACL_PART_OWNER | ACL_PART_GROUP | (wanted.control & SD_DACL_PRESENT ? ACL_PART_DACL : 0),
			op->r->tree->share->acl_flags_as_set);
	if (op->parent && !srv_acl_inherit(now, op->parent, (wanted.control & SD_DACL_PRESENT) != 0, op->found.stat.directory,
				  &op->r->arena, &inherited))
		return STATUS_INSUFFICIENT_RESOURCES;
	if (!asked && !inherited)
		return STATUS_SUCCESS;
	status = srv_acl_store(op->open->file, now, &op->r->arena);
	return nt_is(status, STATUS_NOT_SUPPORTED) ? STATUS_SUCCESS : status;
}

static ntstatus finish(struct create_op *op)
{
	ntstatus status = STATUS_SUCCESS;

	op->action = ACTION_OPENED;
	/* They belong to files, and a stream that is made with some would lose them. */
	if (op->ctx.ea_count > 0 && op->stream.len > 0 && (op->found.created || create_overwrites(op)))
		return STATUS_INVALID_PARAMETER;
	if (op->found.created) {
		op->action = ACTION_CREATED;
		/* [MS-FSA] 2.1.5.1.1 */
		if (op->open->delete_on_close && (op->in->file_attributes & FILE_ATTRIBUTE_READONLY))
			return STATUS_CANNOT_DELETE;
		status = op->stream.len == 0 || op->made_file ? protect(op) : STATUS_SUCCESS;
	} else if (create_overwrites(op)) {
		op->action = op->in->create_disposition == CREATE_SUPERSEDE ? ACTION_SUPERSEDED : ACTION_OVERWRITTEN;
		status = overwrite(op);
	}
	if (nt_ok(status) && op->action != ACTION_OPENED && op->ctx.ea_count > 0)
		status = vfs_ea_set(op->open->file, op->ctx.eas, op->ctx.ea_count, &op->r->arena);
	return nt_ok(status) ? reserve(op) : status;
}

static void tell_watchers(struct create_op *op)
{
	/* With its first stream a file may have come. */
	if (op->made_file && srv_changes_matter(op->r->tree->share))
		srv_changed_path(op->r->tree->share, op->open, FSA_ADDED, FSA_CHANGE_FILE_NAME, vfs_file_name(op->open->file, &op->r->arena));
	if (op->action == ACTION_CREATED)
		srv_changed(op->open, FSA_ADDED, srv_change_of_name(op->open));
	else if (op->action != ACTION_OPENED)
		srv_changed(op->open, FSA_MODIFIED, FSA_CHANGE_ATTRIBUTES | FSA_CHANGE_SIZE | FSA_CHANGE_LAST_WRITE | FSA_CHANGE_CREATION);
}

ntstatus create_open_execute(struct create_op *op)
{
	ntstatus status = STATUS_DELETE_PENDING;
	bool again = true;

	for (int i = 0; again && i < RACES_BORNE; i++)
		status = open_once(op, &again);
	if (again)
		return STATUS_DELETE_PENDING;
	if (nt_ok(status))
		status = finish(op);
	if (nt_ok(status))
		tell_watchers(op);
	else if (op->open)
		create_open_undo(op);
	return status;
}

void create_open_undo(struct create_op *op)
{
	/* Only a file that this request made goes again; DELETE_ON_CLOSE has no say in a CREATE that failed. */
	op->open->fsa.delete_on_close = op->found.created;
	/* A stream, other than a file, may have been made before its open was refused. */
	if (op->stream.len > 0 && op->found.created && !op->open->fsa.shard)
		(void)nt_ok(vfs_unlink(op->open->file));
	srv_oplock_forget(op->open);
	srv_open_leave(op->open);
	if (op->made_file)
		create_stream_undo_file(op, vfs_stream_base(op->open->file));
	srv_open_put(op->open);
	op->open = NULL;
}

/* CREATE of a named stream: [MS-FSA] 2.1.5.1 with a StreamNameToOpen. The file comes first, is made if the disposition makes
 * anything, and is what decides about rights; then the stream is opened or made in it. Called by create_open.c. */
#include "server/create.h"

/* The file that a stream is made in is made like any other, and only where one may be. */
ntstatus create_stream_file(struct create_op *op)
{
	const uint32_t disposition = op->in->create_disposition;
	struct vfs_open_args args = {.name = op->name, .disposition = VFS_OPEN};
	ntstatus status, may_make = STATUS_OBJECT_NAME_NOT_FOUND;

	if (disposition != CREATE_OPEN && disposition != CREATE_OVERWRITE && !op->lease_known)
		may_make = create_may_make(op);
	if (nt_is(may_make, STATUS_INSUFFICIENT_RESOURCES))
		return may_make;
	if (nt_ok(may_make)) {
		args.disposition = VFS_OPEN_IF;
		args.attributes = create_attributes(op);
		args.parent = op->parent_file;
	}
	if (op->in->create_options & OPTION_OPEN_REPARSE_POINT)
		args.flags |= VFS_NO_FOLLOW;
	status = vfs_open(op->r->tree->share->vfs, &args, &op->r->arena, &op->found);
	op->made_file = nt_ok(status) && op->found.created;
	return nt_is(status, STATUS_OBJECT_NAME_NOT_FOUND) ? may_make : status;
}

static uint32_t stream_flags(const struct create_op *op)
{
	uint32_t flags = 0;

	if (op->granted & (FILE_READ_DATA | FILE_EXECUTE))
		flags |= VFS_READ;
	if ((op->granted & (FILE_WRITE_DATA | FILE_APPEND_DATA)) || create_overwrites(op))
		flags |= VFS_WRITE;
	if (op->in->create_options & OPTION_WRITE_THROUGH)
		flags |= VFS_WRITE_THROUGH;
	return flags;
}

ntstatus create_stream_open(struct create_op *op)
{
	static const enum vfs_disposition of_disposition[] = {
		[CREATE_SUPERSEDE] = VFS_OPEN_IF, [CREATE_OPEN] = VFS_OPEN, [CREATE_CREATE] = VFS_CREATE, [CREATE_OPEN_IF] = VFS_OPEN_IF,
		[CREATE_OVERWRITE] = VFS_OPEN, [CREATE_OVERWRITE_IF] = VFS_OPEN_IF,
	};
	struct vfs_file *file = op->found.file;
	struct vfs_open_result found;
	enum vfs_disposition disposition = op->lease_known ? VFS_OPEN : of_disposition[op->in->create_disposition];
	/* Who may not write to a file may not add to it either. */
	bool may_add = op->made_file || (op->maximal & FILE_WRITE_DATA);
	ntstatus status;

	/* The name comes before what is behind it, as it does in [MS-FSA] 2.1.5.1. */
	if (!op->made_file && !op->lease_known && fsa_id_delete_pending(op->r->tree->share->fsa, op->found.stat.id))
		return STATUS_DELETE_PENDING;
	status = vfs_stream_open(file, op->stream, may_add || disposition == VFS_OPEN ? disposition : VFS_OPEN, stream_flags(op), &found);
	if (!may_add && disposition == VFS_CREATE && nt_ok(status)) {
		/* Found, and that is the answer. The file's handle went with the stream's. */
		vfs_file_close(found.file);
		op->found.file = NULL;
		return STATUS_OBJECT_NAME_COLLISION;
	}
	if (!may_add && disposition != VFS_OPEN && nt_is(status, STATUS_OBJECT_NAME_NOT_FOUND))
		status = STATUS_ACCESS_DENIED;
	if (nt_ok(status))
		op->found = found;
	else
		create_stream_undo_file(op, file);
	return status;
}

void create_stream_undo_file(struct create_op *op, struct vfs_file *file)
{
	struct fsa *fsa = op->r->tree->share->fsa;
	struct fsa_open last = {.file = file};
	struct fsa_enter e = {.delete_on_close = true};
	struct fsa_breaks breaks;
	struct vfs_stat st;

	/* Somebody may have opened it by now: then it goes with his last open. */
	if (op->made_file && nt_ok(vfs_stat_get(file, &st))) {
		e.id = st.id;
		e.share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
		fsa_breaks_init(&breaks);
		if (nt_ok(fsa_open_enter(fsa, &e, &last, &breaks)) && fsa_open_leave(fsa, &last)) {
			(void)nt_ok(vfs_unlink(file));
			fsa_removed(fsa, &last);
		}
	}
	op->made_file = false;
}

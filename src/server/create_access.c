/* CREATE, options and rights: [MS-SMB2] 2.2.13, 3.3.5.9, [MS-FSA] 2.1.5.1 (phase 1) and 2.1.5.1.2.1. */
#include "server/acl.h"
#include "server/create.h"

#define OPTIONS_INVALID 0xFF000000u
#define OPTIONS_UNSUPPORTED 0x00102080u  /* open by id, opportunistic filter, tree connection */
#define ATTRIBUTES_VALID 0x00007FB7u
#define ACCESS_INVALID 0x0CE0FE00u
#define ACCESS_MAKES_FILES (FILE_ADD_FILE | FILE_ADD_SUBDIRECTORY)

/* [MS-FSA] 2.1.5.1, phase 1: values that there are, whatever is asked for. */
static ntstatus values_check(const struct create_op *op)
{
	const struct smb2_create_req *in = op->in;

	if (in->create_disposition > CREATE_OVERWRITE_IF || (in->share_access & ~7u) || (in->create_options & OPTIONS_INVALID))
		return STATUS_INVALID_PARAMETER;
	if (in->file_attributes & ~ATTRIBUTES_VALID)
		return STATUS_INVALID_PARAMETER;
	if ((in->create_options & OPTION_DIRECTORY_FILE) && create_overwrites(op))
		return STATUS_INVALID_PARAMETER;
	return in->create_options & OPTIONS_UNSUPPORTED ? STATUS_NOT_SUPPORTED : STATUS_SUCCESS;
}

/* 3.3.5.9, "Open Execution": what DELETE_ON_CLOSE wants, and then the impersonation level, come before the object store's own checks. Of
 * those the rights are first, other than phase 1 has it, for smb2.create.gentest wants it so. */
ntstatus create_options_check(struct create_op *op)
{
	const struct smb2_create_req *in = op->in;
	uint32_t options = in->create_options;
	ntstatus status;

	/* MAXIMUM_ALLOWED does not ask for it. */
	if ((options & OPTION_DELETE_ON_CLOSE) && !(fsa_access_map_generic(in->desired_access) & op->r->tree->maximal_access & ACCESS_DELETE))
		return STATUS_ACCESS_DENIED;
	if (in->impersonation_level > 3)
		return STATUS_BAD_IMPERSONATION_LEVEL;
	if (in->desired_access == 0 || (in->desired_access & ACCESS_INVALID))
		return STATUS_ACCESS_DENIED;
	status = values_check(op);
	if (!nt_ok(status) || !(options & OPTION_DIRECTORY_FILE))
		return status;
	if (options & OPTION_NON_DIRECTORY_FILE)
		return STATUS_INVALID_PARAMETER;
	/* Phase 7: streams are data; the unnamed one is the file. */
	return op->stream.len > 0 || op->must_be_file ? STATUS_NOT_A_DIRECTORY : STATUS_SUCCESS;
}

/* Dispositions that leave a share as it is when the file exists are refused later, when it turns out not to. */
static bool makes_or_writes(const struct create_op *op)
{
	return op->in->create_disposition == CREATE_CREATE || create_overwrites(op);
}

ntstatus create_access_check(struct create_op *op)
{
	uint32_t tree = op->r->tree->maximal_access;

	op->desired = fsa_access_map_generic(op->in->desired_access);
	/* Nobody can read or set a SACL here. */
	if (op->desired & ACCESS_SYSTEM_SECURITY)
		return STATUS_PRIVILEGE_NOT_HELD;
	if (op->desired & ~(tree | ACCESS_MAXIMUM_ALLOWED | ACCESS_SYNCHRONIZE))
		return STATUS_ACCESS_DENIED;
	return makes_or_writes(op) && (~tree & ACCESS_MAKES_FILES) ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

/* What overwriting does to a file, it needs the right to: the old content goes. */
static uint32_t access_of_disposition(const struct create_op *op)
{
	return create_overwrites(op) ? FILE_WRITE_DATA : 0;
}

static struct slice parent_path(struct slice path)
{
	size_t units = path.len / 2;

	while (units > 0 && load_le16(path.data + 2 * (units - 1)) != '\\')
		units--;
	return slice_of(path.data, units > 0 ? 2 * (units - 1) : 0);
}

/* The descriptor set on the directory that a new file is to be in. NULL: none was, the system's own rules hold. */
static ntstatus parent_load(struct create_op *op)
{
	struct vfs_open_args args = {.name = parent_path(op->name), .disposition = VFS_OPEN, .flags = VFS_DIRECTORY | VFS_PLACE};
	struct vfs_open_result parent;
	ntstatus status = STATUS_SUCCESS;
	struct secdesc *sd;
	bool stored;

	if (op->name.len == 0 || !nt_ok(vfs_open(op->r->tree->share->vfs, &args, &op->r->arena, &parent)))
		return STATUS_SUCCESS;
	sd = srv_acl_load(parent.file, &parent.stat, &op->r->arena, &stored);
	if (!sd)
		status = STATUS_INSUFFICIENT_RESOURCES;
	else if (stored)
		op->parent = sd;
	op->parent_stat = parent.stat;
	op->parent_file = parent.file;
	return status;
}

ntstatus create_parent_check(struct create_op *op)
{
	bool directory = (op->in->create_options & OPTION_DIRECTORY_FILE) != 0;
	uint32_t need = directory ? FILE_ADD_SUBDIRECTORY : FILE_ADD_FILE;
	ntstatus status = parent_load(op);

	if (!nt_ok(status) || !op->parent || op->r->tree->is_admin)
		return status;
	return srv_acl_grants(op->parent, &op->parent_stat) & need ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
}

/* [MS-FSA] 2.1.5.1.2.1: who may delete what is in a directory, or list it, may do that to a file whose own list is silent. */
static uint32_t access_by_parent(struct create_op *op)
{
	struct vfs_open_args args = {.name = parent_path(op->name), .disposition = VFS_OPEN, .flags = VFS_DIRECTORY};
	struct vfs_open_result parent;
	uint32_t access, more = 0;

	if (op->name.len == 0 || !nt_ok(vfs_open(op->r->tree->share->vfs, &args, &op->r->arena, &parent)))
		return 0;
	access = srv_acl_access(parent.file, &parent.stat, &op->r->arena);
	vfs_file_close(parent.file);
	more |= access & FILE_DELETE_CHILD ? ACCESS_DELETE : 0;
	more |= access & FILE_LIST_DIRECTORY ? FILE_READ_ATTRIBUTES : 0;
	return more;
}

uint32_t create_access_maximal(struct create_op *op)
{
	uint32_t access;

	if (op->r->tree->is_admin)
		return op->r->tree->maximal_access | ACCESS_SYNCHRONIZE;
	access = srv_acl_access(op->found.file, &op->found.stat, &op->r->arena);
	if (~access & (ACCESS_DELETE | FILE_READ_ATTRIBUTES))
		access |= access_by_parent(op);
	return (access & op->r->tree->maximal_access) | ACCESS_SYNCHRONIZE;
}

ntstatus create_access_grant(struct create_op *op)
{
	const struct vfs_stat *st = &op->found.stat;
	uint32_t asked = op->desired & ~ACCESS_MAXIMUM_ALLOWED;

	op->maximal = create_access_maximal(op);
	if ((asked | access_of_disposition(op)) & ~op->maximal)
		return STATUS_ACCESS_DENIED;
	op->granted = op->desired & ACCESS_MAXIMUM_ALLOWED ? op->maximal : asked;
	/* [MS-FSA] 2.1.5.1.2.1 */
	if ((op->in->create_options & OPTION_DELETE_ON_CLOSE) && (st->attributes & FILE_ATTRIBUTE_READONLY))
		return STATUS_CANNOT_DELETE;
	if ((op->in->create_options & OPTION_DELETE_ON_CLOSE) && !(op->granted & ACCESS_DELETE))
		return STATUS_ACCESS_DENIED;
	return STATUS_SUCCESS;
}

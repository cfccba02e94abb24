/* CREATE, the name: [MS-SMB2] 3.3.5.9, [MS-FSCC] 2.1.5, [MS-FSA] 2.1.5.1. Shares are not in DFS, so that a name is used as it is
 * even with SMB2_FLAGS_DFS_OPERATIONS. */
#include "server/create.h"

#include "base/utf16.h"
#include "wire/smb2.h"

/* [MS-FSA] 2.1.5.1: a trailing separator says that a directory is meant. */
static ntstatus strip_separator(struct create_op *op, struct slice *path)
{
	size_t units = path->len / 2;

	if (units < 2 || utf16_at(*path, units - 1) != '\\')
		return STATUS_SUCCESS;
	if (op->in->create_options & OPTION_NON_DIRECTORY_FILE)
		return STATUS_OBJECT_NAME_INVALID;
	path->len -= 2;
	op->must_be_directory = true;
	return STATUS_SUCCESS;
}

ntstatus create_path_check(struct create_op *op)
{
	struct slice path = op->in->name, stream;
	ntstatus status = strip_separator(op, &path);

	if (!nt_ok(status))
		return status;
	status = fsa_path_check(path, &op->name, &stream);
	if (!nt_ok(status))
		return status;
	if (fsa_name_is_device(op->name))
		return STATUS_ACCESS_DENIED;
	/* The unnamed stream is the file; the store has no others ([MS-FSA] 2.1.5.1). */
	if (stream.len > 0)
		return STATUS_OBJECT_NAME_INVALID;
	op->must_be_file = stream.data != NULL;
	return STATUS_SUCCESS;
}

void create_symlink_error(struct create_op *op)
{
	struct slice target = op->found.symlink_target;
	struct smb2_symlink_error m = {
		.unparsed_path_length = (uint16_t)op->found.symlink_unparsed,
		.flags = 1,
		.substitute_name = target,
		.print_name = target,
	};
	size_t cap = 64 + 2 * target.len;
	uint8_t *data = arena_alloc(&op->r->arena, cap);
	struct wire w = wire_encoder(data, 0, data ? cap : 0);

	if (target.len >= 2 && (utf16_at(target, 0) == '\\' || utf16_at(target, 0) == '/'))
		m.flags = 0;
	smb2_symlink_error_code(&w, &m);
	if (wire_ok(&w))
		op->r->error_data = slice_of(data, w.pos);
}

/* CREATE, the name: [MS-SMB2] 3.3.5.9, [MS-FSCC] 2.1.5, [MS-FSA] 2.1.5.1. Shares are not in DFS, so that a name is used as it is
 * even with SMB2_FLAGS_DFS_OPERATIONS. */
#include "server/create.h"

#include "base/utf16.h"
#include "wire/smb2.h"

#include <ctype.h>

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

/* Where the stream part begins. */
static size_t file_part_units(struct slice path)
{
	size_t units = 0;

	while (units < path.len / 2 && utf16_at(path, units) != ':')
		units++;
	return units;
}

static bool unit_separates(struct slice path, size_t i, size_t units)
{
	return i == units || utf16_at(path, i) == '\\' || utf16_at(path, i) == '/';
}

static bool is_parent(struct slice path, size_t from, size_t to)
{
	return to - from == 2 && utf16_at(path, from) == '.' && utf16_at(path, from + 1) == '.';
}

/* Whether the path has what no name on Windows has and clients send all the same: slashes, and ".." as a component. */
static bool wants_folding(struct slice path, size_t units)
{
	for (size_t i = 0; i < units; i++) {
		if (utf16_at(path, i) == '/')
			return true;
		if (utf16_at(path, i) == '.' && (i == 0 || unit_separates(path, i - 1, units)) && i + 2 <= units &&
			unit_separates(path, i + 2, units) && is_parent(path, i, i + 2))
			return true;
	}
	return false;
}

/* Slashes become separators, and ".." takes the component before it away. One that would lead out of the share stays, to be
 * refused. It is the name alone that counts: what the components are, or whether they are there, does not. */
static ntstatus fold(struct create_op *op, struct slice *path)
{
	size_t units = file_part_units(*path), out = 0;
	uint8_t *p;

	if (path->len % 2 != 0 || !wants_folding(*path, units))
		return STATUS_SUCCESS;
	p = arena_alloc(&op->r->arena, path->len);
	if (!p)
		return STATUS_INSUFFICIENT_RESOURCES;
	for (size_t from = 0; from <= units;) {
		size_t to = from;

		while (!unit_separates(*path, to, units))
			to++;
		if (is_parent(*path, from, to) && out > 0) {
			/* Behind the last component there is a separator. */
			for (out--; out > 0 && load_le16(p + 2 * (out - 1)) != '\\'; out--)
				;
		} else {
			memcpy(p + 2 * out, path->data + 2 * from, 2 * (to - from));
			out += to - from;
			if (to < units)
				store_le16(p + 2 * out++, '\\');
		}
		from = to + 1;
	}
	/* The ".." was the last. */
	if (out > 0 && load_le16(p + 2 * (out - 1)) == '\\' && !unit_separates(*path, units - 1, units))
		out--;
	memcpy(p + 2 * out, path->data + 2 * units, path->len - 2 * units);
	*path = slice_of(p, 2 * out + path->len - 2 * units);
	return STATUS_SUCCESS;
}

/* NTFS keeps quotas in an index of this name, and clients ask about them through a handle on it. There are none here: the handle is one
 * on the share's root, which answers that. */
static bool is_quota_index(struct slice path)
{
	static const char name[] = "$Extend\\$Quota:$Q:$INDEX_ALLOCATION";

	if (path.len != 2 * (sizeof(name) - 1))
		return false;
	for (size_t i = 0; i < sizeof(name) - 1; i++) {
		if (tolower((unsigned char)name[i]) != tolower(utf16_at(path, i) & 0xFF) || utf16_at(path, i) > 0x7F)
			return false;
	}
	return true;
}

ntstatus create_path_check(struct create_op *op)
{
	struct slice path = op->in->name, stream;
	ntstatus status;

	op->quota_index = is_quota_index(path);
	if (op->quota_index)
		return op->r->tree->is_admin && op->in->create_disposition == CREATE_OPEN ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
	status = fold(op, &path);
	if (nt_ok(status))
		status = strip_separator(op, &path);
	if (!nt_ok(status))
		return status;
	status = fsa_path_check(path, &op->name, &stream);
	if (!nt_ok(status))
		return status;
	if (fsa_name_is_device(op->name))
		return STATUS_ACCESS_DENIED;
	if (stream.data && op->r->tree->share->no_streams)
		return STATUS_OBJECT_NAME_INVALID;
	op->stream = stream;
	op->must_be_file = stream.data != NULL && stream.len == 0;
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

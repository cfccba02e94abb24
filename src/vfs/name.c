/* The form of names, alike for all stores: [MS-FSCC] 2.1.5, of streams 2.1.5.3. */
#include "vfs/vfs_ops.h"

#include "base/utf16.h"

bool vfs_name_next(struct slice *rest, struct slice *component)
{
	size_t i = 0;

	if (rest->len == 0)
		return false;
	while (i < rest->len && load_le16(rest->data + i) != '\\')
		i += 2;
	*component = slice_of(rest->data, i);
	if (i < rest->len)
		i += 2;
	*rest = slice_of(rest->data + i, rest->len - i);
	return true;
}

static bool is_dots(struct slice c)
{
	return (c.len == 2 && utf16_at(c, 0) == '.') || (c.len == 4 && utf16_at(c, 0) == '.' && utf16_at(c, 1) == '.');
}

static ntstatus component_check(struct slice c)
{
	if (c.len == 0 || c.len / 2 > VFS_COMPONENT_UNITS_MAX)
		return STATUS_OBJECT_NAME_INVALID;
	if (is_dots(c))
		return STATUS_OBJECT_PATH_SYNTAX_BAD;
	for (size_t i = 0; i < c.len / 2; i++) {
		if (!vfs_unit_is_legal(utf16_at(c, i)))
			return STATUS_OBJECT_NAME_INVALID;
	}
	return STATUS_SUCCESS;
}

ntstatus vfs_name_check(struct slice name)
{
	struct slice rest = name, c;

	if (name.len % 2 != 0 || name.len / 2 > VFS_NAME_UNITS_MAX)
		return STATUS_OBJECT_NAME_INVALID;
	/* A trailing separator leaves an empty component that vfs_name_next does not show. */
	if (name.len != 0 && utf16_at(name, name.len / 2 - 1) == '\\')
		return STATUS_OBJECT_NAME_INVALID;
	while (vfs_name_next(&rest, &c)) {
		ntstatus st = component_check(c);

		if (!nt_ok(st))
			return st;
	}
	return STATUS_SUCCESS;
}

ntstatus vfs_stream_name_check(struct slice name)
{
	if (name.len == 0 || name.len % 2 != 0 || name.len / 2 > VFS_STREAM_UNITS_MAX)
		return STATUS_OBJECT_NAME_INVALID;
	for (size_t i = 0; i < name.len / 2; i++) {
		uint16_t c = utf16_at(name, i);

		if (c == 0 || c == '\\' || c == '/' || c == ':')
			return STATUS_OBJECT_NAME_INVALID;
	}
	return STATUS_SUCCESS;
}

/* Text of messages, [MS-CIFS] 2.2.1.1: in UTF-16 or, for clients without SMB_FLAGS2_UNICODE, in the OEM character set (base/oem.h). */
#include "server/smb1/op.h"

#include "base/oem.h"
#include "base/utf16.h"

struct slice srv1_oem_in(struct srv1_op *op, struct slice oem)
{
	return oem_to_utf16_arena(&op->arena, oem);
}

struct slice srv1_oem_out(struct srv1_op *op, struct slice wide)
{
	bool exact;

	return oem_from_utf16_arena(&op->arena, wide, &exact);
}

struct slice srv1_text(struct srv1_op *op, struct slice raw)
{
	return srv1_unicode(op) ? raw : srv1_oem_in(op, raw);
}

struct slice srv1_text_out(struct srv1_op *op, struct slice wide)
{
	return srv1_unicode(op) ? wide : srv1_oem_out(op, wide);
}

struct slice srv1_ascii_out(struct srv1_op *op, const char *text)
{
	return srv1_text_out(op, utf16_from_utf8_arena(&op->arena, text));
}

ntstatus srv1_path(struct srv1_op *op, struct slice raw, struct slice *path)
{
	*path = srv1_text(op, raw);
	if (!path->data && raw.len > 0)
		return STATUS_INSUFFICIENT_RESOURCES;
	while (path->len >= 2 && (utf16_at(*path, 0) == '\\' || utf16_at(*path, 0) == '/'))
		*path = slice_of(path->data + 2, path->len - 2);
	while (path->len >= 2 && utf16_at(*path, path->len / 2 - 1) == '\\')
		path->len -= 2;
	return STATUS_SUCCESS;
}

void srv1_path_split(struct slice path, struct slice *dir, struct slice *name)
{
	size_t from = path.len / 2;

	while (from > 0 && utf16_at(path, from - 1) != '\\' && utf16_at(path, from - 1) != '/')
		from--;
	*name = slice_of(path.data + 2 * from, path.len - 2 * from);
	*dir = slice_of(path.data, from > 0 ? 2 * (from - 1) : 0);
}

struct slice srv1_path_join(struct srv1_op *op, struct slice dir, struct slice name)
{
	size_t n = dir.len;
	uint8_t *p = arena_alloc(&op->arena, dir.len + 2 + name.len);

	if (!p)
		return slice_of(NULL, 0);
	if (n > 0) {
		memcpy(p, dir.data, n);
		store_le16(p + n, '\\');
		n += 2;
	}
	if (name.len > 0)
		memcpy(p + n, name.data, name.len);
	return slice_of(p, n + name.len);
}

/* Names on their way to the wire: UTF-8 with '/' or '\' to UTF-16LE with '\', relative to the share ([MS-SMB2] 2.2.13). */
#include "client/conn.h"

#include "base/utf16.h"

#include <stdlib.h>

static bool is_separator(char c)
{
	return c == '/' || c == '\\';
}

struct slice cli_path(const char *path, ntstatus *status)
{
	size_t len = strlen(path);
	while (len > 0 && is_separator(path[0])) {
		path++;
		len--;
	}
	while (len > 0 && is_separator(path[len - 1]))
		len--;
	uint8_t *out = malloc(2 * len + 2);
	if (!out) {
		cli_error_set("out of memory");
		*status = STATUS_NO_MEMORY;
		return slice_of(NULL, 0);
	}
	size_t n = utf8_to_utf16(out, 2 * len + 2, path, len);
	if (n == SIZE_MAX || n > UINT16_MAX) {
		free(out);
		cli_error_set(n == SIZE_MAX ? "the name is not UTF-8" : "the name is too long");
		*status = STATUS_OBJECT_NAME_INVALID;
		return slice_of(NULL, 0);
	}
	for (size_t i = 0; i + 1 < n; i += 2)
		if (load_le16(out + i) == '/')
			store_le16(out + i, '\\');
	*status = STATUS_SUCCESS;
	return slice_of(out, n);
}

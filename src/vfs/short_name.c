/* Short names ([MS-FSCC] 2.1.5.2.1) for programs that know no others. They are not kept anywhere: a long name's is made of its first
 * letter and a hash of the rest, so that it is the same on every server and in every directory, and whoever opens one has the
 * directory searched for the name that it is made of. */
#include "vfs/vfs_ops.h"

#include "base/utf16.h"

enum { HASH_DIGITS = 5, STEM_UNITS = 8, EXTENSION_UNITS = 3, TILDE_AT = 1 + HASH_DIGITS };

static bool legal(uint16_t c)
{
	return c > 0x20 && c <= 0x7E && strchr("+,;=[]\"*/:<>?|\\", c) == NULL;
}

bool vfs_name_is_short(struct slice name)
{
	size_t units = name.len / 2, dot = units;

	for (size_t i = 0; i < units; i++) {
		uint16_t c = utf16_at(name, i);

		if (!legal(c) || (c == '.' && dot != units))
			return false;
		if (c == '.')
			dot = i;
	}
	return dot > 0 && dot <= STEM_UNITS && (dot == units || (units - dot >= 2 && units - dot <= 1 + EXTENSION_UNITS));
}

/* FNV-1a over what is the same in any case. */
static uint64_t hash_of(struct slice name)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < name.len / 2; i++)
		h = (h ^ utf16_upcase(utf16_at(name, i))) * 0x100000001b3u;
	return h ^ h >> 32;
}

static bool plain(uint16_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Appends up to `most` plain characters of the name from there on, in upper case. */
static size_t put_plain(uint8_t *out, struct slice name, size_t from, size_t most)
{
	size_t n = 0;

	for (size_t i = from; i < name.len / 2 && n < most; i++) {
		uint16_t c = utf16_upcase(utf16_at(name, i));

		if (plain(c))
			store_le16(out + 2 * n++, c);
	}
	return n;
}

size_t vfs_short_name(uint8_t out[VFS_SHORT_NAME_BYTES], struct slice name)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t units = name.len / 2, dot = units, n = 0;
	uint64_t h = hash_of(name);

	/* A name that begins with its only dot has no extension. */
	while (dot > 0 && utf16_at(name, dot - 1) != '.')
		dot--;
	n = put_plain(out, slice_of(name.data, dot > 1 ? 2 * (dot - 1) : name.len), 0, 1);
	if (n == 0)
		store_le16(out + 2 * n++, '_');
	for (size_t i = 0; i < HASH_DIGITS; i++, h /= 36)
		store_le16(out + 2 * n++, (uint16_t)digits[h % 36]);
	store_le16(out + 2 * n++, '~');
	store_le16(out + 2 * n++, (uint16_t)('0' + h % 10));
	if (dot > 1 && dot < units) {
		size_t extension = put_plain(out + 2 * (n + 1), name, dot, EXTENSION_UNITS);

		store_le16(out + 2 * n, '.');
		n += extension > 0 ? 1 + extension : 0;
	}
	return 2 * n;
}

bool vfs_may_be_short_name(const char *leaf)
{
	size_t len = strlen(leaf);

	if (len < STEM_UNITS || leaf[TILDE_AT] != '~' || leaf[TILDE_AT + 1] < '0' || leaf[TILDE_AT + 1] > '9')
		return false;
	return len == STEM_UNITS || (leaf[STEM_UNITS] == '.' && len <= STEM_UNITS + 1 + EXTENSION_UNITS);
}

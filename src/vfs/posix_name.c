/* Names on the wire (UTF-16LE, backslashes) and on disk (bytes, slashes). What Windows cannot hold is mapped into the private
 * use area as macOS and Linux clients do: a character c that is illegal there is U+F000 + c, and a byte b that is not part of
 * UTF-8 is U+F000 + b. A trailing dot or space counts as illegal. Every name on disk has one form on the wire, which leads
 * back to it: characters on disk that look like the result of the mapping are shown byte by byte. */
#include "vfs/posix.h"

enum { MAPPED = 0xF000 };

static bool is_mapped_char(uint32_t c)
{
	return (c >= 0x01 && c <= 0x1F) || (c != 0 && c < 0x80 && strchr("\"*:<>?|\\", (int)c) != NULL);
}

/* The byte that a unit on the wire stands for, 0 when it stands for itself. */
static uint8_t unmap(uint16_t u, bool last)
{
	uint32_t c = u - (uint32_t)MAPPED;

	if (u < MAPPED || c > 0xFF)
		return 0;
	if (c >= 0x80 || is_mapped_char(c) || (last && (c == ' ' || c == '.')))
		return (uint8_t)c;
	return 0;
}

static size_t utf8_put(uint8_t b[4], uint32_t c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};

	for (size_t i = n; i-- > 1; c >>= 6)
		b[i] = (uint8_t)(0x80 | (c & 0x3F));
	b[0] = (uint8_t)(lead[n] | c);
	return n;
}

/* Appends one component; false when it does not fit. Names that only the mapping makes "." or
 * ".." do not fit either, nor does that of our own directory. */
static bool component_from_wire(struct posix_path *out, struct slice c)
{
	size_t units = c.len / 2, start = out->len;

	for (size_t i = 0; i < units; i++) {
		uint32_t u = utf16_at(c, i);
		uint8_t b[4], raw;
		size_t n = 1;

		/* Most are nothing else. */
		if (u < 0x80 && out->len - start < POSIX_NAME_BYTES && out->len + 1 < sizeof(out->s)) {
			out->s[out->len++] = (char)u;
			continue;
		}
		raw = unmap((uint16_t)u, i + 1 == units);
		if (raw != 0) {
			b[0] = raw;
		} else {
			uint32_t low = i + 1 < units ? utf16_at(c, i + 1) : 0;

			if (u >= 0xD800 && u < 0xDC00 && low >= 0xDC00 && low < 0xE000) {
				u = 0x10000 + ((u - 0xD800) << 10) + (low - 0xDC00);
				i++;
			}
			n = utf8_put(b, u);
		}
		/* The file system knows how long a name it takes. */
		if (out->len + n - start > POSIX_NAME_BYTES || out->len + n >= sizeof(out->s))
			return false;
		memcpy(out->s + out->len, b, n);
		out->len += n;
	}
	out->s[out->len] = 0;
	if (posix_side_is_hidden(out->s + start, out->len - start))
		return false;
	return strcmp(out->s + start, ".") != 0 && strcmp(out->s + start, "..") != 0;
}

ntstatus posix_path_from_wire(struct posix_path *out, struct slice name)
{
	struct slice rest = name, c;

	out->len = 0;
	out->s[0] = 0;
	while (vfs_name_next(&rest, &c)) {
		if (out->len != 0) {
			if (out->len + 1 >= sizeof(out->s))
				return STATUS_OBJECT_NAME_INVALID;
			out->s[out->len++] = '/';
		}
		if (!component_from_wire(out, c))
			return STATUS_OBJECT_NAME_INVALID;
	}
	return STATUS_SUCCESS;
}

/* The character at s[0..n), its length in *k. UINT32_MAX when the bytes are not UTF-8; surrogates pass. */
static uint32_t utf8_get(const uint8_t *s, size_t n, size_t *k)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
	uint32_t c = len == 1 ? s[0] : s[0] & (0x7Fu >> len);

	*k = len;
	if (len == 0 || len > n)
		return UINT32_MAX;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xC0) != 0x80)
			return UINT32_MAX;
		c = c << 6 | (s[i] & 0x3F);
	}
	return c < least[len] || c > 0x10FFFF ? UINT32_MAX : c;
}

static bool is_surrogate(uint32_t c, uint32_t first)
{
	return c >= first && c < first + 0x400;
}

/* A character on disk that the way back would not give: the mapping's own, and two surrogates that make a pair. */
static bool is_ambiguous(uint32_t c, bool last, const uint8_t *behind, size_t n)
{
	size_t k;

	if (c <= 0xFFFF && unmap((uint16_t)c, last) != 0)
		return true;
	return is_surrogate(c, 0xD800) && n != 0 && is_surrogate(utf8_get(behind, n, &k), 0xDC00);
}

static size_t unit_put(uint8_t *out, uint32_t u)
{
	store_le16(out, (uint16_t)u);
	return 2;
}

size_t posix_name_to_wire(uint8_t *out, const char *name, size_t len)
{
	const uint8_t *s = (const uint8_t *)name;
	size_t n = 0, k;

	for (size_t i = 0; i < len; i += k) {
		uint32_t c = utf8_get(s + i, len - i, &k);
		bool last = c != UINT32_MAX && i + k == len;

		if (c == UINT32_MAX || is_ambiguous(c, last, s + i + k, len - i - k)) {
			n += unit_put(out + n, MAPPED + (uint32_t)s[i]);
			k = 1;
		} else if (is_mapped_char(c) || (last && (c == ' ' || c == '.'))) {
			n += unit_put(out + n, MAPPED + c);
		} else if (c >= 0x10000) {
			n += unit_put(out + n, 0xD800 + ((c - 0x10000) >> 10));
			n += unit_put(out + n, 0xDC00 + ((c - 0x10000) & 0x3FF));
		} else {
			n += unit_put(out + n, c);
		}
	}
	return n;
}

/* Targets of symlinks have them, names do not. */
static bool is_dots(const char *s, size_t n)
{
	return (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.');
}

struct slice posix_path_to_wire(struct arena *a, const char *path, size_t len)
{
	uint8_t *out = arena_alloc(a, 2 * len + 2);
	size_t n = 0;

	if (out == NULL)
		return slice_of(NULL, 0);
	for (size_t i = 0; i <= len;) {
		const char *end = memchr(path + i, '/', len - i);
		size_t k = end != NULL ? (size_t)(end - (path + i)) : len - i;

		if (is_dots(path + i, k)) {
			for (size_t d = 0; d < k; d++)
				n += unit_put(out + n, '.');
		} else {
			n += posix_name_to_wire(out + n, path + i, k);
		}
		i += k + 1;
		if (end != NULL)
			n += unit_put(out + n, '\\');
	}
	return slice_of(out, n);
}

static bool is_ascii(const char *s, size_t n)
{
	uint8_t all = 0;

	for (size_t i = 0; i < n; i++)
		all |= (uint8_t)s[i];
	return all < 0x80;
}

/* From the end: names of one directory often begin alike. */
static bool ascii_equal_nocase(const char *a, const char *b, size_t n)
{
	while (n-- > 0) {
		unsigned x = (uint8_t)a[n], y = (uint8_t)b[n], letter = x | 0x20;

		if (x != y && ((x ^ y) != 0x20 || letter < 'a' || letter > 'z'))
			return false;
	}
	return true;
}

bool posix_name_equal_nocase(const char *a, size_t alen, const char *b, size_t blen)
{
	uint8_t wa[2 * POSIX_NAME_BYTES + 2], wb[2 * POSIX_NAME_BYTES + 2];

	if (is_ascii(a, alen) && is_ascii(b, blen))
		return alen == blen && ascii_equal_nocase(a, b, alen);
	if (alen > POSIX_NAME_BYTES || blen > POSIX_NAME_BYTES)
		return false;
	return utf16_equal_nocase(slice_of(wa, posix_name_to_wire(wa, a, alen)), slice_of(wb, posix_name_to_wire(wb, b, blen)));
}

/* Patterns, see pattern.h. */
#include "server/smb1/pattern.h"

#include "base/utf16.h"

bool srv1_has_wildcards(struct slice name)
{
	return fsa_name_has_wildcards(name);
}

static bool is_text(struct slice s, const char *text)
{
	size_t n = strlen(text);

	if (s.len != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (utf16_at(s, i) != (uint16_t)text[i])
			return false;
	}
	return true;
}

struct slice srv1_pattern(struct slice dos)
{
	static const uint8_t star[2] = {'*', 0};

	if (dos.len == 0 || is_text(dos, "*.*") || is_text(dos, "????????.???"))
		return slice_of(star, sizeof(star));
	return dos;
}

struct slice srv1_pattern_apply(struct srv1_op *op, struct slice pattern, struct slice name)
{
	uint8_t *p = arena_alloc(&op->arena, pattern.len + name.len + 2);
	size_t out = 0, from = 0, units = name.len / 2;

	if (!p)
		return slice_of(NULL, 0);
	for (size_t i = 0; i < pattern.len / 2; i++) {
		uint16_t c = utf16_at(pattern, i), stop = i + 1 < pattern.len / 2 ? utf16_at(pattern, i + 1) : 0;

		if (c == '*') {
			/* All that is left, but for what comes behind the star: of a name with several dots that is behind the last. */
			size_t to = units;

			for (size_t k = from; stop != 0 && k < units; k++) {
				if (utf16_at(name, k) == stop)
					to = k;
			}
			for (; from < to && out + 2 <= pattern.len + name.len; from++, out += 2)
				store_le16(p + out, utf16_at(name, from));
			continue;
		}
		if (c == '?' && from >= units)
			continue;
		store_le16(p + out, c == '?' ? utf16_at(name, from) : c);
		out += 2;
		if (from < units)
			from++;
	}
	return slice_of(p, out);
}

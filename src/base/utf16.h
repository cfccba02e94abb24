/* UTF-16LE as it is on the wire, and UTF-8. Lone surrogates are legal in Windows names; they go to UTF-8 in the three-byte
 * form (WTF-8) and come back the same. Upper-casing follows Unicode's simple one-to-one mapping on 16-bit units, as Windows does. */
#ifndef BASE_UTF16_H
#define BASE_UTF16_H

#include "base/arena.h"

/* UTF-16LE (len in bytes, even) to UTF-8. Returns the number of bytes written without the zero byte that ends them, or
 * SIZE_MAX when `cap` is too small or len odd. Needs at most len / 2 * 3 + 1. */
size_t utf16_to_utf8(char *out, size_t cap, struct slice in) MUST_USE;

/* UTF-8 to UTF-16LE. Returns bytes written, SIZE_MAX when cap is too small or `in` is not UTF-8. Needs at most len * 2. */
size_t utf8_to_utf16(uint8_t *out, size_t cap, const char *in, size_t len) MUST_USE;

/* The same into an arena; .data NULL on failure. */
struct slice utf16_from_utf8_arena(struct arena *a, const char *in) MUST_USE;
char *utf16_to_utf8_arena(struct arena *a, struct slice in) MUST_USE;

uint16_t utf16_upcase(uint16_t c);
uint16_t utf16_downcase(uint16_t c);

/* Unit i of a UTF-16LE slice. */
static inline uint16_t utf16_at(struct slice s, size_t i)
{
	return load_le16(s.data + 2 * i);
}

/* Equal but for case. */
bool utf16_equal_nocase(struct slice a, struct slice b);

/* <0, 0, >0 by upper-cased units. */
int utf16_compare_nocase(struct slice a, struct slice b);

/* Keyed hash that is equal for names equal but for case. */
uint64_t utf16_hash_nocase(struct slice s);

#endif

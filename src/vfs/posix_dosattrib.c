/* The extended attribute user.DOSATTRIB as Samba keeps it, so that a share can move between the two: an NDR structure of a
 * string (the attributes in hexadecimal, empty since version 4), a version, a union's level (the version again) and the
 * version's fields. Written is version 5, read are 1, 3, 4, 5 and the string alone of old times. POSIX has no ChangeTime that
 * can be set; one that was set follows as a part of our own. */
#include "vfs/posix.h"

enum { VALID_ATTRIBUTES = 0x1, VALID_CREATED = 0x10 };

#define CHANGED_TAG "ChgTime1"

/* Where fields lie, counted from the end of the level, which is aligned to 4. */
static const struct layout {
	uint16_t version, attributes, created, bytes;
	bool flags; /* begins with a word that says which fields are valid */
} layouts[] = {
	{1, 0, 24, 40, false},
	{3, 4, 28, 44, true},
	{4, 4, 16, 24, true},
	{5, 4, 8, 16, true},
};

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "0x20" at p; false when it is something else. */
static bool hex_parse(const uint8_t *p, size_t n, uint32_t *out)
{
	uint32_t v = 0;

	if (n < 3 || n > 10 || p[0] != '0' || (p[1] | 0x20) != 'x')
		return false;
	for (size_t i = 2; i < n; i++) {
		int digit = hex_digit(p[i]);

		if (digit < 0)
			return false;
		v = v << 4 | (uint32_t)digit;
	}
	*out = v;
	return true;
}

static void changed_parse(struct posix_dosattrib *out, const uint8_t *p, size_t n)
{
	if (n < POSIX_CHANGED_BYTES || memcmp(p, CHANGED_TAG, 8) != 0)
		return;
	out->changed = load_le64(p + 8);
	out->changed_at = load_le64(p + 16);
	out->has_changed = true;
}

static bool fields_parse(struct posix_dosattrib *out, const struct layout *l, const uint8_t *p)
{
	uint32_t valid = l->flags ? load_le32(p) : VALID_ATTRIBUTES | VALID_CREATED;

	out->attributes = load_le32(p + l->attributes);
	out->created = load_le64(p + l->created);
	out->has_attributes = (valid & VALID_ATTRIBUTES) != 0;
	out->has_created = (valid & VALID_CREATED) != 0 && out->created != 0 && out->created <= INT64_MAX;
	return true;
}

bool posix_dosattrib_parse(struct posix_dosattrib *out, const void *p, size_t n)
{
	const uint8_t *b = p, *end = memchr(p, 0, n);
	size_t text = end != NULL ? (size_t)(end - b) : n, at = round_up(text + 1, 2), body = round_up(at + 4, 4);

	*out = (struct posix_dosattrib){0};
	if (end == NULL || at + 4 > n)
		return out->has_attributes = hex_parse(b, text, &out->attributes);
	for (size_t i = 0; i < ARRAY_LEN(layouts); i++) {
		const struct layout *l = &layouts[i];

		if (load_le16(b + at) == l->version && load_le16(b + at + 2) == l->version && n >= body + l->bytes) {
			changed_parse(out, b + body + l->bytes, n - body - l->bytes);
			return fields_parse(out, l, b + body);
		}
	}
	return false;
}

void posix_dosattrib_make(uint8_t out[POSIX_DOSATTRIB_BYTES], uint32_t attributes, uint64_t created)
{
	memset(out, 0, POSIX_DOSATTRIB_BYTES);
	store_le16(out + 2, 5);
	store_le16(out + 4, 5);
	store_le32(out + 8, VALID_ATTRIBUTES | VALID_CREATED);
	store_le32(out + 12, attributes);
	store_le64(out + 16, created);
}

void posix_dosattrib_changed_make(uint8_t out[POSIX_CHANGED_BYTES], uint64_t changed, uint64_t changed_at)
{
	memcpy(out, CHANGED_TAG, 8);
	store_le64(out + 8, changed);
	store_le64(out + 16, changed_at);
}

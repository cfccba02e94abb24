/* UTF-16 conversions and case mapping, see utf16.h. The mapping runs of upcase.inc are unfolded once into flat tables. */
#include "base/utf16.h"

#include "base/htab.h"

#include <pthread.h>

struct case_run {
	uint16_t first, last, step;
	int32_t delta;
};

#include "base/upcase.inc"

static uint16_t up[0x10000], down[0x10000];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void unfold(uint16_t *table, const struct case_run *runs, size_t n)
{
	for (uint32_t c = 0; c < 0x10000; c++)
		table[c] = (uint16_t)c;
	for (size_t i = 0; i < n; i++) {
		for (uint32_t c = runs[i].first; c <= runs[i].last; c += runs[i].step)
			table[c] = (uint16_t)((int32_t)c + runs[i].delta);
	}
}

static void tables_make(void)
{
	unfold(up, upcase_runs, ARRAY_LEN(upcase_runs));
	unfold(down, downcase_runs, ARRAY_LEN(downcase_runs));
}

uint16_t utf16_upcase(uint16_t c)
{
	if (c < 0x80)
		return c >= 'a' && c <= 'z' ? (uint16_t)(c - 32) : c;
	pthread_once(&tables_once, tables_make);
	return up[c];
}

uint16_t utf16_downcase(uint16_t c)
{
	if (c < 0x80)
		return c >= 'A' && c <= 'Z' ? (uint16_t)(c + 32) : c;
	pthread_once(&tables_once, tables_make);
	return down[c];
}

static bool is_high(uint32_t c)
{
	return c >= 0xD800 && c < 0xDC00;
}

static bool is_low(uint32_t c)
{
	return c >= 0xDC00 && c < 0xE000;
}

static size_t utf8_put(uint8_t b[4], uint32_t c)
{
	if (c < 0x80) {
		b[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		b[0] = (uint8_t)(0xC0 | c >> 6);
		b[1] = (uint8_t)(0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000) {
		b[0] = (uint8_t)(0xE0 | c >> 12);
		b[1] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
		b[2] = (uint8_t)(0x80 | (c & 0x3F));
		return 3;
	}
	b[0] = (uint8_t)(0xF0 | c >> 18);
	b[1] = (uint8_t)(0x80 | (c >> 12 & 0x3F));
	b[2] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
	b[3] = (uint8_t)(0x80 | (c & 0x3F));
	return 4;
}

size_t utf16_to_utf8(char *out, size_t cap, struct slice in)
{
	size_t n = 0;

	if (in.len % 2 != 0 || cap == 0)
		return SIZE_MAX;
	for (size_t i = 0; i < in.len / 2; i++) {
		uint32_t c = utf16_at(in, i);
		uint8_t b[4];
		size_t k;

		if (is_high(c) && i + 1 < in.len / 2 && is_low(utf16_at(in, i + 1)))
			c = 0x10000 + ((c - 0xD800) << 10) + (utf16_at(in, ++i) - 0xDC00u);
		k = utf8_put(b, c);
		if (n + k >= cap)
			return SIZE_MAX;
		memcpy(out + n, b, k);
		n += k;
	}
	out[n] = 0;
	return n;
}

/* One code point (surrogates too) from in[*at]; UINT32_MAX when the bytes are not UTF-8. */
static uint32_t utf8_get(const uint8_t *in, size_t len, size_t *at)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t lead = in[*at];
	size_t k = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
	uint32_t c = k == 1 ? lead : lead & (0x7Fu >> k);

	if (k > len - *at || (lead >= 0x80 && lead < 0xC2) || lead > 0xF4)
		return UINT32_MAX;
	for (size_t i = 1; i < k; i++) {
		uint8_t b = in[*at + i];

		if ((b & 0xC0) != 0x80)
			return UINT32_MAX;
		c = c << 6 | (b & 0x3Fu);
	}
	if (c < least[k] || c > 0x10FFFF)
		return UINT32_MAX;
	*at += k;
	return c;
}

size_t utf8_to_utf16(uint8_t *out, size_t cap, const char *in, size_t len)
{
	size_t n = 0, at = 0;

	while (at < len) {
		uint32_t c = utf8_get((const uint8_t *)in, len, &at);
		size_t k = c >= 0x10000 ? 4 : 2;

		if (c == UINT32_MAX || n + k > cap)
			return SIZE_MAX;
		if (k == 4) {
			c -= 0x10000;
			store_le16(out + n, (uint16_t)(0xD800 | c >> 10));
			store_le16(out + n + 2, (uint16_t)(0xDC00 | (c & 0x3FF)));
		} else {
			store_le16(out + n, (uint16_t)c);
		}
		n += k;
	}
	return n;
}

struct slice utf16_from_utf8_arena(struct arena *a, const char *in)
{
	size_t len = strlen(in);
	uint8_t *out = arena_alloc(a, len * 2);
	size_t n = out ? utf8_to_utf16(out, len * 2, in, len) : SIZE_MAX;

	return n == SIZE_MAX ? slice_of(NULL, 0) : slice_of(out, n);
}

char *utf16_to_utf8_arena(struct arena *a, struct slice in)
{
	size_t cap = in.len / 2 * 3 + 1;
	char *out = arena_alloc(a, cap);

	return out && utf16_to_utf8(out, cap, in) != SIZE_MAX ? out : NULL;
}

bool utf16_equal_nocase(struct slice a, struct slice b)
{
	return a.len == b.len && utf16_compare_nocase(a, b) == 0;
}

int utf16_compare_nocase(struct slice a, struct slice b)
{
	size_t n = (a.len < b.len ? a.len : b.len) / 2;

	for (size_t i = 0; i < n; i++) {
		int x = utf16_upcase(utf16_at(a, i)), y = utf16_upcase(utf16_at(b, i));

		if (x != y)
			return x - y;
	}
	return a.len < b.len ? -1 : a.len > b.len;
}

uint64_t utf16_hash_nocase(struct slice s)
{
	uint8_t folded[512];
	uint64_t h = s.len;

	for (size_t done = 0; done < s.len / 2;) {
		size_t n = s.len / 2 - done;

		if (n > sizeof(folded) / 2 - 4)
			n = sizeof(folded) / 2 - 4;
		store_le64(folded, h);
		for (size_t i = 0; i < n; i++)
			store_le16(folded + 8 + 2 * i, utf16_upcase(utf16_at(s, done + i)));
		h = hash_bytes(folded, 8 + 2 * n);
		done += n;
	}
	return h;
}

/* See words.h. */
#include "trace/words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/utf16.h"

enum { NAME_SHOWN = 160, NAME_HEAD = 100, NAME_TAIL = 50 };

void words_init(struct words *w, char *text, size_t cap)
{
	*w = (struct words){.text = text, .cap = cap};
	text[0] = 0;
}

/* The end shows that something is missing; a character is not cut in two. */
static void cut(struct words *w)
{
	size_t n = w->cap - 4;

	while (n > 0 && ((uint8_t)w->text[n] & 0xC0) == 0x80)
		n--;
	memcpy(w->text + n, "...", 4);
	w->len = w->cap;
}

static void add_v(struct words *w, const char *fmt, va_list ap)
{
	int n;

	if (w->len >= w->cap - 1)
		return;
	n = vsnprintf(w->text + w->len, w->cap - w->len, fmt, ap);
	if (n < 0)
		return;
	w->len += (size_t)n;
	if (w->len >= w->cap)
		cut(w);
}

void words_add(struct words *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_v(w, fmt, ap);
	va_end(ap);
}

void words_list(struct words *w, const char *before)
{
	w->separator = before;
}

void words_item(struct words *w, const char *fmt, ...)
{
	va_list ap;

	words_add(w, "%s", w->separator ? w->separator : ", ");
	w->separator = ", ";
	va_start(ap, fmt);
	add_v(w, fmt, ap);
	va_end(ap);
}

bool words_steers(uint32_t c)
{
	return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
		(c >= 0x2060 && c <= 0x206F) || (c >= 0xD800 && c <= 0xDFFF) || c == 0xFEFF || c == 0xFFFE || c == 0xFFFF;
}

/* The next code point of a UTF-16LE text; a lone surrogate is itself. */
static uint32_t next_point(struct slice s, size_t *at)
{
	uint32_t c = utf16_at(s, (*at)++), low;

	if (c < 0xD800 || c > 0xDBFF || *at >= s.len / 2)
		return c;
	low = utf16_at(s, *at);
	if (low < 0xDC00 || low > 0xDFFF)
		return c;
	(*at)++;
	return 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
}

static size_t put_point(char out[4], uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xC0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xE0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3F));
		out[2] = (char)(0x80 | (c & 0x3F));
		return 3;
	}
	out[0] = (char)(0xF0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3F));
	out[2] = (char)(0x80 | (c >> 6 & 0x3F));
	out[3] = (char)(0x80 | (c & 0x3F));
	return 4;
}

void words_clean(char *out, size_t cap, struct slice utf16)
{
	size_t n = 0, units = utf16.len / 2;

	for (size_t at = 0; at < units;) {
		char utf8[4];
		uint32_t c = next_point(utf16, &at);
		size_t len = put_point(utf8, words_steers(c) ? '?' : c);

		if (n + len + 1 > cap)
			break;
		memcpy(out + n, utf8, len);
		n += len;
	}
	out[n] = 0;
}

void words_name(struct words *w, struct slice utf16)
{
	char head[3 * NAME_SHOWN + 4], tail[3 * NAME_TAIL + 4];
	size_t units = utf16.len / 2;

	if (units <= NAME_SHOWN) {
		words_clean(head, sizeof(head), utf16);
		words_add(w, "'%s'", head);
		return;
	}
	words_clean(head, sizeof(head), slice_of(utf16.data, (size_t)2 * NAME_HEAD));
	words_clean(tail, sizeof(tail), slice_of(utf16.data + 2 * (units - NAME_TAIL), (size_t)2 * NAME_TAIL));
	words_add(w, "'%s...%s' (%zu characters)", head, tail, units);
}

void words_text(struct words *w, const char *utf8)
{
	words_add(w, "'%s'", utf8);
}

void words_bytes(struct words *w, struct slice text)
{
	char out[NAME_SHOWN + 1];
	size_t n = text.len < NAME_SHOWN ? text.len : NAME_SHOWN;

	for (size_t i = 0; i < n; i++)
		out[i] = text.data[i] < 0x20 || text.data[i] >= 0x7F ? '?' : (char)text.data[i];
	out[n] = 0;
	words_add(w, "'%s%s'", out, text.len > n ? "..." : "");
}

void words_bits(struct words *w, uint32_t bits, const struct words_bit *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bits & table[i].bit)
			words_item(w, "%s", table[i].name);
		bits &= ~table[i].bit;
	}
	if (bits)
		words_item(w, "0x%x", bits);
}

const char *words_of(uint32_t value, const struct words_value *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (table[i].value == value)
			return table[i].name;
	}
	return NULL;
}

void words_size(struct words *w, uint64_t bytes)
{
	words_add(w, "%" PRIu64 " byte%s", bytes, bytes == 1 ? "" : "s");
}

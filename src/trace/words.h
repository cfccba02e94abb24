/* Building one line of words within its bound: what does not fit is cut with an ellipsis, and what could steer a terminal, or turn the direction
 * of text, is shown as '?'. */
#ifndef TRACE_WORDS_H
#define TRACE_WORDS_H

#include "base/bytes.h"

struct words {
	char *text; /* ends with a zero byte after every call */
	size_t len, cap;
	const char *separator; /* that goes before the next item, see words_item */
};
void words_init(struct words *w, char *text, size_t cap);
void words_add(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same behind ", ", unless it is the first since words_list. */
void words_item(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void words_list(struct words *w, const char *before);
/* 'a name', cleaned; long ones lose their middle. */
void words_name(struct words *w, struct slice utf16);
/* Whether a character could steer a terminal or turn the direction of text, or is none. */
bool words_steers(uint32_t c);
void words_text(struct words *w, const char *utf8); /* already cleaned */
/* The same of UTF-8 or of bytes that ought to be ASCII. */
void words_bytes(struct words *w, struct slice text);
/* Cleaned UTF-8 of a name, cut to what fits. */
void words_clean(char *out, size_t cap, struct slice utf16);

struct words_bit {
	uint32_t bit;
	const char *name;
};
/* The names of the bits that are set, as items; what has no name as a number. */
void words_bits(struct words *w, uint32_t bits, const struct words_bit *table, size_t n);

struct words_value {
	uint32_t value;
	const char *name;
};
/* NULL: there is none. */
const char *words_of(uint32_t value, const struct words_value *table, size_t n);
/* "4096 bytes", "1 byte" */
void words_size(struct words *w, uint64_t bytes);

#endif

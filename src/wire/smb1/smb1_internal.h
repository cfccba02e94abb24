/* What the coders of SMB1 blocks share: [MS-CIFS] 2.2.3. A coder calls smb1_begin, codes the words, calls smb1_bytes, codes the bytes,
 * and calls smb1_end; strings in the bytes are of three kinds (2.2.1.1). */
#ifndef WIRE_SMB1_INTERNAL_H
#define WIRE_SMB1_INTERNAL_H

#include "wire/smb1/smb1.h"

/* Windows writes 42 into the WordCount of an extended NT_CREATE_ANDX response, and 50 words behind it. */
enum { SMB1_EXTENDED_CREATE_SAYS = 42, SMB1_EXTENDED_CREATE_HAS = 50 };

struct smb1_body {
	size_t words_at, bytes_at;
	size_t words_end; /* decoding and encoding */
	size_t outer_end; /* of the cursor's window */
	bool large;       /* the data are longer than ByteCount can say: they end where the window does */
};

/* WordCount, one of `legal`, the usual one first. count: what was received or is to be sent (0: the usual one), NULL if there is only one
 * form. Decoding, the window then ends behind the words. */
void smb1_begin(struct wire *w, struct smb1_body *b, uint8_t *count, const uint8_t *legal, size_t n);
#define SMB1_BEGIN(w, b, count, ...)                                                                                   \
	smb1_begin(w, b, count, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))
/* Which form it is; 50 for the extended NT_CREATE_ANDX response. */
static inline size_t smb1_words(const struct smb1_body *b)
{
	return (b->words_end - b->words_at) / 2;
}
/* The same with a WordCount of `fixed` and the words of *setup behind them, which are coded by smb1_setup. */
void smb1_begin_setup(struct wire *w, struct smb1_body *b, uint8_t fixed, const struct slice *setup);
/* SetupCount, and later the setup words themselves. */
void smb1_setup_count(struct wire *w, struct slice *setup);
void smb1_setup(struct wire *w, struct slice *setup);
/* AndXCommand, AndXReserved, AndXOffset: encoding, those of a last block. */
void smb1_andx_fields(struct wire *w);
/* ByteCount. The window then ends behind the bytes. */
void smb1_bytes(struct wire *w, struct smb1_body *b);
void smb1_end(struct wire *w, struct smb1_body *b);

/* A string with terminator in the character set of the message, Unicode at an even offset from the header. */
void smb1_string(struct wire *w, const char *name, struct slice *s);
/* The same at the end of the bytes, where Windows takes one without terminator. */
void smb1_last_string(struct wire *w, const char *name, struct slice *s);
/* The same, not sent at all if .data is NULL. */
void smb1_optional_string(struct wire *w, const char *name, struct slice *s);
/* As smb1_last_string, Unicode at any offset. */
void smb1_packed_string(struct wire *w, const char *name, struct slice *s);
void smb1_oem_string(struct wire *w, const char *name, struct slice *s);
void smb1_last_oem_string(struct wire *w, const char *name, struct slice *s);
/* s->len bytes (wire_length) in the character set of the message; terminators at the end of s->len are taken off. smb1_sized_name aligns them
 * and, encoding, puts a terminator behind them. */
void smb1_sized_text(struct wire *w, const char *name, struct slice *s);
void smb1_sized_name(struct wire *w, const char *name, struct slice *s);

/* BufferFormat, 2.2.3.3 */
enum { SMB1_FORMAT_DATA = 1, SMB1_FORMAT_DIALECT = 2, SMB1_FORMAT_STRING = 4, SMB1_FORMAT_VARIABLE = 5 };
void smb1_format(struct wire *w, uint8_t format);
/* BufferFormat 4 and a string. */
void smb1_format_string(struct wire *w, const char *name, struct slice *s);
/* BufferFormat 1 or 5, a length of 16 bits, and the bytes. */
void smb1_format_data(struct wire *w, const char *name, uint8_t format, struct slice *data);

/* An offset whose halves stand apart; high is coded if `wide`. */
void smb1_low_half(struct wire *w, const char *name, uint64_t *v);
void smb1_high_half(struct wire *w, const char *name, uint64_t *v, bool wide);

void smb1_dos_time_code(struct wire *w, const char *date, const char *time, struct dos_time *m);

#endif

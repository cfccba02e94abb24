/* golden.h for SMB1: blocks begin behind a header of 32 zeros, and a cursor knows whether strings are Unicode. */
#ifndef TESTS_SMB1_GOLDEN_H
#define TESTS_SMB1_GOLDEN_H

#include "golden.h"

#include "wire/smb1/trans.h"

static inline struct golden *block(void)
{
	struct golden *g = golden_new();

	gzero(g, SMB1_HEADER_SIZE);
	return g;
}

static inline struct wire with_unicode(struct wire w, bool unicode)
{
	w.unicode = unicode;
	return w;
}

/* Decodes the golden bytes from `start` on into *m, prints it, encodes it, compares. */
#define CHECK_AT(g, start, unicode_, coder, m)                                                                         \
	do {                                                                                                           \
		struct wire w_ = with_unicode(golden_decoder(g, start), unicode_), p_ = with_unicode(golden_printer(), unicode_), \
			    e_ = with_unicode(golden_encoder(start), unicode_);                                        \
		memset(m, 0, sizeof(*(m)));                                                                            \
		coder(&w_, m);                                                                                         \
		golden_decoded(&w_, #coder, __LINE__);                                                                 \
		coder(&p_, m);                                                                                         \
		coder(&e_, m);                                                                                         \
		golden_same(g, &e_, start, #coder, __LINE__);                                                          \
	} while (0)
#define CHECK_BLOCK(g, unicode, coder, m) CHECK_AT(g, SMB1_HEADER_SIZE, unicode, coder, m)
#define CHECK_PART(g, unicode, coder, m) CHECK_AT(g, 0, unicode, coder, m)

/* Decoding must fail with INVALID_PARAMETER at `field`. */
#define CHECK_BLOCK_REFUSED(g, unicode_, coder, m, field)                                                              \
	do {                                                                                                           \
		struct wire w_ = with_unicode(golden_decoder(g, SMB1_HEADER_SIZE), unicode_);                          \
		coder(&w_, m);                                                                                         \
		assert_int_equal(w_.error.code, STATUS_INVALID_PARAMETER.code);                                        \
		assert_string_equal(w_.where, field);                                                                  \
	} while (0)

#define assert_ascii(s, text) assert_slice(s, text, strlen(text))

/* The AndX fields of a last block. */
static inline void gandx(struct golden *g)
{
	ghex(g, "FF 00 00 00");
}

#endif

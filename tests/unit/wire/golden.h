/* Expected bytes, put together field by field as the specification lists them and without the coders; and the check that a coder
 * reads them and writes them back. */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wire/smb2.h"

struct golden {
	size_t n;
	struct {
		size_t at, len;
	} ignored[4]; /* bytes of the expected message that mean nothing and that we do not send */
	uint8_t b[70000];
};

/* An empty one; its storage is reused by the next test. */
struct golden *golden_new(void);
void g8(struct golden *g, unsigned v);
void g16(struct golden *g, unsigned v);
void g32(struct golden *g, uint32_t v);
void g64(struct golden *g, uint64_t v);
void gzero(struct golden *g, size_t n);
void gfill(struct golden *g, size_t n);             /* 1, 2, 3 ... */
void gtext(struct golden *g, const char *ascii);    /* UTF-16LE */
void gascii(struct golden *g, const char *ascii);
void ghex(struct golden *g, const char *hex);       /* blanks allowed */
void gfid(struct golden *g, uint64_t persistent, uint64_t volatile_id);
/* SYNC form */
void gheader(struct golden *g, uint16_t command, uint32_t status, uint32_t flags, uint16_t credits, uint64_t message_id, uint32_t tree_id,
	uint64_t session_id);
/* n bytes of garbage that the encoder need not repeat. */
void gignore(struct golden *g, size_t at, size_t len);
struct slice gslice(const struct golden *g, size_t from);

extern struct arena golden_arena;
struct wire golden_decoder(const struct golden *g, size_t start);
struct wire golden_encoder(size_t start);
struct wire golden_printer(void);
void golden_decoded(const struct wire *w, const char *what, int line);
void golden_same(const struct golden *g, struct wire *e, size_t start, const char *what, int line);

/* Decodes the golden bytes from `start` on into *m, prints it, encodes it, compares. */
#define CHECK_CODER(g, start, coder, m)                                                                                \
	do {                                                                                                           \
		struct wire w_ = golden_decoder(g, start), p_ = golden_printer(), e_ = golden_encoder(start);          \
		coder(&w_, m);                                                                                         \
		golden_decoded(&w_, #coder, __LINE__);                                                                 \
		coder(&p_, m);                                                                                         \
		coder(&e_, m);                                                                                         \
		golden_same(g, &e_, start, #coder, __LINE__);                                                          \
	} while (0)

/* Decoding must fail with INVALID_PARAMETER. */
#define CHECK_REFUSED(g, start, coder, m)                                                                              \
	do {                                                                                                           \
		struct wire w_ = golden_decoder(g, start);                                                             \
		coder(&w_, m);                                                                                         \
		assert_int_equal(w_.error.code, STATUS_INVALID_PARAMETER.code);                                        \
		assert_non_null(w_.where);                                                                             \
	} while (0)

#define assert_slice(s, bytes, n)                                                                                      \
	do {                                                                                                           \
		assert_int_equal((s).len, n);                                                                          \
		assert_memory_equal((s).data, bytes, n);                                                               \
	} while (0)
void assert_text(struct slice s, const char *ascii);

int golden_teardown(void **state);

#endif

/* What the tests of src/crypto and src/proto share: hexadecimal bytes in, bytes compared. */
#ifndef TESTS_CRYPTO_KIT_H
#define TESTS_CRYPTO_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/bytes.h"

#include <stdlib.h>
#include <sys/uio.h>

/* The bytes of a hexadecimal string, on the heap. */
static inline uint8_t *unhex(const char *hex, size_t *len)
{
	size_t n = strlen(hex) / 2;
	uint8_t *p = malloc(n ? n : 1);

	assert_non_null(p);
	assert_true(bytes_from_hex(p, n, hex));
	if (len)
		*len = n;
	return p;
}

static inline void assert_bytes_hex(const void *got, const char *hex)
{
	size_t n;
	uint8_t *want = unhex(hex, &n);

	assert_memory_equal(got, want, n);
	free(want);
}

#endif

/* What the targets of this folder share: the input taken as tokens, each behind its length in two bytes. */
#ifndef FUZZ_AUTH_FUZZ_H
#define FUZZ_AUTH_FUZZ_H

#include "auth/auth.h"
#include "base/log.h"
#include "base/random.h"

#include <stdlib.h>

#define MUST(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next token, as long as the input says but for what is left of it, on the heap so that reading behind it is seen. */
static inline uint8_t *fuzz_token(const uint8_t **data, size_t *size, size_t *len)
{
	uint8_t *p;

	if (*size < 2)
		return NULL;
	*len = load_le16(*data);
	*data += 2;
	*size -= 2;
	if (*len > *size)
		*len = *size;
	p = malloc(*len ? *len : 1);
	MUST(p != NULL);
	if (*len != 0)
		memcpy(p, *data, *len);
	*data += *len;
	*size -= *len;
	return p;
}

#endif

/* GUIDs ([MS-DTYP] 2.3.4) as the 16 bytes they are on the wire. */
#ifndef BASE_GUID_H
#define BASE_GUID_H

#include "base/bytes.h"

struct guid {
	uint8_t b[16];
};

static inline bool guid_equal(const struct guid *a, const struct guid *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* A random one (version 4). */
struct guid guid_random(void);

/* "cb56ff6e-d815-40b6-8be4-85c60b4d2ef6" and a zero byte. */
void guid_text(char out[37], const struct guid *g);

#endif

/* GUID text and random GUIDs. */
#include "base/guid.h"

#include "base/random.h"

#include <stdio.h>

struct guid guid_random(void)
{
	struct guid g;

	random_bytes(g.b, sizeof(g.b));
	g.b[7] = (uint8_t)((g.b[7] & 0x0f) | 0x40);
	g.b[8] = (uint8_t)((g.b[8] & 0x3f) | 0x80);
	return g;
}

void guid_text(char out[37], const struct guid *g)
{
	const uint8_t *b = g->b;

	snprintf(out, 37, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", load_le32(b), load_le16(b + 4),
		load_le16(b + 6), b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

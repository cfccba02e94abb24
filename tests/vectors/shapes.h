/* What of a message's body means something, written down from the specification and not from the coders: which bytes of the fixed
 * part are reserved, which fields are an offset and a length. The comparison of captured and encoded messages goes by this. */
#ifndef TESTS_SHAPES_H
#define TESTS_SHAPES_H

#include "wire/smb2.h"

enum shape_kind { SHAPE_REQ, SHAPE_RSP, SHAPE_ERROR, SHAPE_LEASE_BREAK, SHAPE_LEASE_ACK };

struct shape_verdict {
	bool equal;
	bool moved;        /* a buffer stands elsewhere than we put it */
	size_t at;         /* first byte of the body that differs */
};

/* Bodies, without headers. */
struct shape_verdict shape_compare(uint16_t command, enum shape_kind kind, struct slice in, struct slice out);

#endif

/* NDR 2.0, transfer syntax of [MS-RPCE] 2.2.5 and C706 14, as far as srvsvc and wkssvc use it: integers, unique pointers and
 * conformant varying strings over the wire cursor, whose base is the first byte of the stub. Not for other folders. */
#ifndef RPC_NDR_H
#define RPC_NDR_H

#include "wire/wire.h"

/* An integer at its natural alignment; decodes or encodes. */
void ndr_u32(struct wire *w, const char *name, uint32_t *v);
/* Encoding only. */
void ndr_put_u32(struct wire *w, uint32_t v);
/* Referent id of a unique pointer. Decoding: false for NULL. Encoding: writes one for `there`. */
bool ndr_pointer(struct wire *w, const char *name, bool there);
/* [string] wchar_t *: what the pointer points at. Decoding gives UTF-16 without the zero unit that ends it. */
struct slice ndr_string_get(struct wire *w, const char *name);
/* From UTF-8; what is not UTF-8 becomes an empty string. */
void ndr_string_put(struct wire *w, const char *text);
/* UTF-16 into a C string. False when it does not fit or holds a zero unit; out is then empty. */
bool rpc_text_take(char *out, size_t cap, struct slice wide);
/* Share names: equal but for case. */
bool rpc_name_equal(const char *a, const char *b) MUST_USE;

#endif

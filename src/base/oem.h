/* The OEM character set of SMB1 ([MS-CIFS] 2.2.1.1.1, OEM_STRING): code page 850, what DOS and Windows have in Western Europe, whose
 * lower half is ASCII. One byte is one UTF-16 unit. */
#ifndef BASE_OEM_H
#define BASE_OEM_H

#include "base/arena.h"

/* .data NULL: no memory. */
struct slice oem_to_utf16_arena(struct arena *a, struct slice in) MUST_USE;
/* What code page 850 does not have becomes '_', and *exact false: such a name cannot be opened by what is returned. */
struct slice oem_from_utf16_arena(struct arena *a, struct slice in, bool *exact) MUST_USE;

#endif

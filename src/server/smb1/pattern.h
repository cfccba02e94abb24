/* Patterns of DOS: [MS-CIFS] 2.2.1.1.3. */
#ifndef SERVER_SMB1_PATTERN_H
#define SERVER_SMB1_PATTERN_H

#include "server/smb1/op.h"

bool srv1_has_wildcards(struct slice name);
/* The pattern as file systems of NT have it: "*.*" and "????????.???" find names without a dot, too. */
struct slice srv1_pattern(struct slice dos);
/* The new name that a pattern makes of an old one: "*.bak" of "a.txt" is "a.bak". .data NULL: no memory. */
struct slice srv1_pattern_apply(struct srv1_op *op, struct slice pattern, struct slice name) MUST_USE;

#endif

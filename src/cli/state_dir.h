/* Where a server keeps its users when neither --state nor the configuration says so. */
#ifndef CLI_STATE_DIR_H
#define CLI_STATE_DIR_H

#include "base/bytes.h"

/* /var/lib/hythe for root, else $XDG_STATE_HOME/hythe or ~/.local/state/hythe. Does not make it. false: `why` (256 bytes) says why
 * there is none. */
bool state_dir_default(char *out, size_t cap, char *why) MUST_USE;

#endif

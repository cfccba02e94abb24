/* What the configuration says of a place to listen: its address, and behind it what holds for the connections that come there. */
#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H

#include "base/bytes.h"

enum { SRV_ADDRESS_BYTES = 300 };

/* "ADDRESS:PORT", or "ADDRESS:PORT smb1=yes" or "... smb1=no". `address` has SRV_ADDRESS_BYTES; *smb1 stays what it is where nothing is said of it.
 * false: why. The address itself is net_listen's to judge. */
bool srv_listen_parse(const char *text, char *address, bool *smb1, char *why, size_t why_cap) MUST_USE;

#endif

/* What the two ways into SMB2 share. */
#ifndef SERVER_NEGOTIATE_H
#define SERVER_NEGOTIATE_H

#include "server/conn.h"

/* Times and the security token of a NEGOTIATE response (3.3.5.4), and the frame limit that its sizes imply. */
void srv_negotiate_finish(struct srv_conn *c, struct arena *a, struct smb2_negotiate_rsp *out);

#endif

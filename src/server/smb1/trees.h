/* Trees of SMB1: a TID is the connection's, and every session of it may use it; a tree is a session's. */
#ifndef SERVER_SMB1_TREES_H
#define SERVER_SMB1_TREES_H

#include "server/smb1/op.h"

/* The session of that UID has gone, and its trees with it. */
void srv1_uses_forget(struct srv1_op *op, uint16_t uid);

#endif

/* The one SMB1 message that SMB2 knows: the multi-protocol NEGOTIATE. */
#ifndef SERVER_SMB1_NEGOTIATE_H
#define SERVER_SMB1_NEGOTIATE_H

#include "server/dispatch.h"

/* [MS-SMB2] 3.3.5.3. Answers through the chain's batch; false: drop the connection. */
bool srv_smb1_negotiate(struct srv_chain *ch, struct slice message) MUST_USE;

#endif

/* SMB1, "NT LM 0.12" of [MS-CIFS] and [MS-SMB], for devices that speak nothing else: off unless `smb1 = yes`. It is walled off in this folder,
 * which translates: messages in, requests of the SMB2 handlers (server/cmd.h) out, answers back. What files mean is decided there and in fsa,
 * once. This is all that the rest of the server sees of it; what the folder shares within itself is in op.h. */
#ifndef SERVER_SMB1_SMB1_H
#define SERVER_SMB1_SMB1_H

#include "server/dispatch.h"

struct srv1_conn; /* what a connection that speaks SMB1 has; srv_conn.smb1 */

/* An SMB1 NEGOTIATE without a dialect of SMB2 that we speak: chooses NT LM 0.12 if that is allowed, else answers that there is none
 * ([MS-CIFS] 3.3.5.42). false: drop the connection, with the answer sent. */
bool srv1_negotiate(struct srv_conn *c, struct slice message, struct net_batch *batch) MUST_USE;
/* Every other SMB1 message, of a connection that has chosen it. false: drop the connection. */
bool srv1_frame(struct srv_conn *c, const struct net_frame *f, struct net_batch *batch) MUST_USE;
/* The connection is lost: nothing of its tables refers to it any more. */
void srv1_conn_lost(struct srv1_conn *s);
/* The connection's last reference has gone. */
void srv1_conn_free(struct srv1_conn *s);
/* Tells the client of an oplock break: [MS-CIFS] 2.2.4.32.1 from the server. */
void srv1_tell_break(struct srv_conn *c, struct smb2_file_id id, uint8_t level);

#endif

/* Oplocks of opens: telling holders that they break, and how long to wait for their answer. What breaks when: fsa. */
#ifndef SERVER_OPLOCK_H
#define SERVER_OPLOCK_H

#include "server/open.h"

/* For fsa_new: keeps the open until its holder has been told. */
void srv_oplock_hold(struct fsa_open *o);
/* Before an open enters with a wish for an oplock: where breaks are to be told. */
void srv_oplock_attach(struct srv_open *o, struct srv_conn *c);
/* The response that granted the oplock is out: from now on breaks can be told, and one that came before is. Takes over a
 * reference; NULL is allowed. */
void srv_oplock_announce(struct srv_open *o);
/* The client never hears of this oplock: its CREATE failed, or the oplock was gone before the response. */
void srv_oplock_forget(struct srv_open *o);
/* Sends the notifications (3.3.4.6) and starts the clock where an acknowledgment is due. Without locks held. */
void srv_oplock_tell(struct fsa_breaks *b);
/* No answer is awaited any more. */
void srv_oplock_disarm(struct srv_open *o);
/* The file's data or size changed through o. */
void srv_oplock_written(struct srv_open *o);

#endif

/* The channel sequence of an open ([MS-SMB2] 3.3.5.2.10, 3.3.4.1): after the loss of a channel a client counts it up, and what it had sent before
 * that and not got an answer to must not have an effect behind the back of what it sends again. */
#ifndef SERVER_SEQUENCE_H
#define SERVER_SEQUENCE_H

#include "server/request.h"

/* o is opened by r, or comes back by it: that is where its sequence begins. */
void srv_sequence_begin(const struct srv_request *r, struct srv_open *o);
/* Counts r among the requests of its open. false: it comes too late, or too early, to have an effect (FILE_NOT_AVAILABLE). */
bool srv_sequence_check(struct srv_request *r) MUST_USE;
/* r is through. */
void srv_sequence_done(struct srv_request *r);

#endif

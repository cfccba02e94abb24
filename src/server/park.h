/* Long waits ([MS-SMB2] 3.3.4.2, 3.3.5.16): a request that cannot be answered now is parked and holds no thread. */
#ifndef SERVER_PARK_H
#define SERVER_PARK_H

#include "server/request.h"

struct net_batch;

/* A handler calls this and then returns srv_parked(). `cancel` is called with the connection's lock held when the request is
 * cancelled or its connection goes: it takes the request out of whatever it waits in, under that thing's own lock, and
 * returns true; or false if somebody else has taken it out already and will resume it. INSUFFICIENT_RESOURCES past the bound
 * of parked requests, INTERNAL_ERROR in the middle of a chain; then nothing was done. A restarted request parks the same way. */
ntstatus srv_request_park(struct srv_request *r, bool (*cancel)(struct srv_request *r), void *parked_for) MUST_USE;

static inline struct srv_result srv_parked(void)
{
	return (struct srv_result){SRV_PARKED, {0x103}};
}

/* Answers a parked request with its r->body and r->payload. By whoever took it out of what it waited in; r is gone afterwards. */
void srv_request_resume(struct srv_request *r, struct srv_result result);

/* The last step of that: answers in a frame of its own, now, and frees. For a request that was never in a frame's chain. */
void srv_request_answer(struct srv_request *r, struct srv_result result);
/* The same, from the `done` of a sink: together with what follows, see net_batch_leave. */
void srv_request_answer_soon(struct srv_request *r, struct srv_result result);

/* Runs the handler of a parked request again, on a worker; it may park once more. By whoever took it out of what it waited in. */
void srv_request_restart(struct srv_request *r);

/* For the dispatcher, once the handler has returned SRV_PARKED: sends the interim response, or the final one if it is there
 * already. */
void srv_request_interim(struct srv_request *r, struct net_batch *batch);

/* The same for a request with `done`, which has no interim response: who resumes it may do so from now on. */
void srv_request_settle(struct srv_request *r);

/* CANCEL: the target is found by async id or message id. */
void srv_cancel(struct srv_conn *c, const struct smb2_header *h);
/* Cancels everything parked on c whose open (or session) is the given one. */
void srv_cancel_all(struct srv_conn *c, const struct srv_open *o, const struct srv_session *s, ntstatus status);
/* 3.3.7.1: the connection is lost, and what is parked on it with it: but not a CREATE that its client will ask for again on another channel of the
 * session, which must find it (3.3.5.9.10). */
void srv_cancel_lost(struct srv_conn *c);
/* Those on c that wait on a tree without having an open yet. */
void srv_cancel_tree(struct srv_conn *c, const struct srv_tree *t, ntstatus status);

#endif

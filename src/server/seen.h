/* What a file was like when one of the requests that came with the same read asked for it: those behind that ask as well, for the rest of a
 * compound or of a row of questions, are told the same. All of them had come before the first looked, so that it is an answer
 * of the time between question and answer for each, whoever changes the file meanwhile, local programs among them. Any request but a question ends it.
 * By the one thread that works on the turn. */
#ifndef SERVER_SEEN_H
#define SERVER_SEEN_H

#include "server/request.h"

struct srv_seen {
	const struct srv_open *open;   /* not referenced: whether it is the same is all that matters; NULL: nothing is known */
	uint64_t volatile_id;          /* its own, and never another's */
	struct vfs_stat stat;
};

/* As vfs_stat_get of the file of r->open. */
ntstatus srv_seen_stat(const struct srv_request *r, struct vfs_stat *out) MUST_USE;
/* The file of that open is like that now, and r has not changed it since. */
void srv_seen_keep(const struct srv_request *r, const struct srv_open *o, const struct vfs_stat *st);
void srv_seen_forget(const struct srv_chain *ch);

#endif

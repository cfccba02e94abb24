/* Waiting for the store: for a disk that has to seek, for a file system on the other side of a network. Meanwhile another worker goes on with the
 * connection, and takes the place of the one that waits: clients send such requests side by side, and then they wait side by side. Of a READ the system
 * says whether it will have to wait; of a CREATE it does not (RESOLVE_CACHED refuses every new name), so a share remembers how long those took, and
 * looks into its directories as it opens files. */
#ifndef SERVER_STORE_WAIT_H
#define SERVER_STORE_WAIT_H

#include "base/bytes.h"

struct srv_request;

struct srv_store_wait {
	bool timed, replaced; /* replaced: another worker is there for the one that waits */
	uint64_t begun;       /* FILETIME */
};

/* Before a handler asks the store of its tree's share for what it will have to wait for. Until the end it waits for no other request. */
void srv_store_wait_begin(struct srv_store_wait *w, struct srv_request *r);
/* The same before what may or may not make it wait: as CREATEs of the share lately did. creates: this is one. */
void srv_store_wait_begin_likely(struct srv_store_wait *w, struct srv_request *r, bool creates);
void srv_store_wait_end(const struct srv_store_wait *w, const struct srv_request *r);

#endif

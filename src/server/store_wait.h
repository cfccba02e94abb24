/* Stores that make a CREATE wait: a disk that has to seek, a file system on the other side of a network. Whether one will cannot be asked of the
 * system beforehand (RESOLVE_CACHED refuses every new name), so a share remembers how long its CREATEs took. While they wait, another worker goes on
 * with the connection: clients send them side by side, and then they wait side by side. */
#ifndef SERVER_STORE_WAIT_H
#define SERVER_STORE_WAIT_H

#include "base/bytes.h"

struct srv_request;

struct srv_store_wait {
	bool timed, apart; /* apart: others go on with the connection */
	uint64_t begun;    /* FILETIME */
};

/* Before and after a handler asks the store of its tree's share for what may make it wait. Between the two it waits for no other request. */
void srv_store_wait_begin(struct srv_store_wait *w, struct srv_request *r);
void srv_store_wait_end(const struct srv_store_wait *w, const struct srv_request *r);

#endif

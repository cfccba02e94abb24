/* What a server is doing, for whoever runs it. */
#ifndef SERVER_STATUS_H
#define SERVER_STATUS_H

#include "server/srv.h"

/* Where it listens, as the configuration has it, and by which port. */
struct srv_listening {
	const char *address;
	uint16_t port;
	bool smb1; /* is spoken there */
};

/* A picture of the moment as text or JSON, malloc'ed; NULL: out of memory. */
char *srv_status(struct srv *srv, const struct srv_listening *l, size_t n, bool json) MUST_USE;

#endif

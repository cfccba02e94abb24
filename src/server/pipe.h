/* Named pipes of IPC$: reads and writes of a pipe open, and what srvsvc tells about this server. */
#ifndef SERVER_PIPE_H
#define SERVER_PIPE_H

#include "rpc/rpc.h"
#include "server/request.h"

/* The pipe of an open. */
struct srv_pipe {
	struct rpc_pipe *rpc;
	struct srv_request *reader; /* parked until there is something to read, under the open's lock */
};

/* NULL: there is no pipe of that name, or no memory. */
struct srv_pipe *srv_pipe_new(const char *name, const struct rpc_host *host) MUST_USE;
void srv_pipe_free(struct srv_pipe *p);
/* What the RPC servers may tell the caller of r. Valid while r's server lives. */
void srv_rpc_host(struct srv_request *r, struct rpc_host *out);
/* READ of a pipe: parks when nothing is there. out->data is set. */
struct srv_result srv_pipe_read(struct srv_request *r, size_t length, struct slice *data);
ntstatus srv_pipe_write(struct srv_request *r, struct slice data) MUST_USE;
/* FSCTL_PIPE_TRANSCEIVE and _PEEK (3.3.5.15.3, 3.3.5.15.4). */
struct srv_result srv_pipe_transceive(struct srv_request *r, struct slice in, size_t max_output, struct slice *out);
struct srv_result srv_pipe_peek(struct srv_request *r, size_t max_output, struct slice *out);
/* Whether the pipe of an FSCTL_PIPE_WAIT exists. */
bool srv_pipe_exists(struct slice input) MUST_USE;

#endif

/* Named pipes and the DCE/RPC servers behind them ([MS-RPCE], [MS-SRVS] over NDR). A pipe is fed the bytes of a WRITE or a
 * TRANSCEIVE and gives the bytes of READs. No sockets, no threads: the server calls it under the open's lock. */
#ifndef RPC_RPC_H
#define RPC_RPC_H

#include "base/arena.h"

/* What srvsvc tells about. The server implements it. */
struct rpc_share {
	char name[81];
	char remark[256];
	char path[512];    /* shown to admins only; else "" */
	uint32_t type;     /* [MS-SRVS] 2.2.2.4: 0 disk, 3 | 0x80000000 IPC */
	uint32_t max_uses, current_uses;
};
struct clock;
struct rpc_host {
	/* i-th share visible to that user; false: no more. */
	bool (*share_at)(void *arg, size_t i, struct rpc_share *out);
	void *arg;
	const char *server_name, *comment;
	const char *workgroup;     /* NULL: WORKGROUP */
	bool caller_is_admin;
	const struct clock *clock; /* NULL: the machine's */
};

struct rpc_pipe;

/* name without "\pipe\": "srvsvc", any case. NULL: no such pipe (OBJECT_NAME_NOT_FOUND). host is copied, its pointers are kept. */
struct rpc_pipe *rpc_pipe_open(const char *name, const struct rpc_host *host) MUST_USE;
void rpc_pipe_close(struct rpc_pipe *p);
/* Takes request bytes (any fragmentation). PIPE_BROKEN when the peer speaks nonsense, INSUFFICIENT_RESOURCES past the bound. */
ntstatus rpc_pipe_write(struct rpc_pipe *p, struct slice in) MUST_USE;
/* Gives up to cap bytes of the oldest reply. BUFFER_OVERFLOW when more of the same message is left, PIPE_EMPTY when there is none. */
ntstatus rpc_pipe_read(struct rpc_pipe *p, void *out, size_t cap, size_t *done) MUST_USE;
size_t rpc_pipe_available(const struct rpc_pipe *p);

/* --- client side of srvsvc, for `hythe shares` and browsers --- */

/* Encodes a bind to srvsvc, and NetrShareEnum level 1; bytes written, 0 when cap is too small. */
size_t rpc_client_bind(uint8_t *out, size_t cap);
ntstatus rpc_client_bind_ack(struct slice in) MUST_USE;
size_t rpc_client_share_enum(uint8_t *out, size_t cap, const char *server, uint32_t resume);
/* in: all fragments of the reply, one after the other. Shares go into the arena. */
ntstatus rpc_client_share_enum_rsp(struct slice in, struct arena *a, struct rpc_share **shares, size_t *n) MUST_USE;

#endif

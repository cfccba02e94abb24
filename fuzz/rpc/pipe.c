/* Any bytes written to a pipe, in pieces, with reads in between: it answers or breaks, and holds no more than its bound. The
 * first byte chooses the pipe, and whether it is bound already. */
#include "rpc/rpc.h"

#include <stdio.h>
#include <stdlib.h>

#define MUST(x) ((x) ? (void)0 : abort())

enum { SHARES = 40, QUEUE_BOUND = 512 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool share_at(void *arg, size_t i, struct rpc_share *out)
{
	(void)arg;
	*out = (struct rpc_share){.max_uses = UINT32_MAX};
	snprintf(out->name, sizeof(out->name), "share%zu", i);
	snprintf(out->remark, sizeof(out->remark), "the remark of a share, number %zu", i);
	return i < SHARES;
}

/* Writes a piece from a buffer of exactly its size, and reads some of what there is. */
static bool piece(struct rpc_pipe *p, const uint8_t *data, size_t len, size_t read)
{
	uint8_t *copy = malloc(len ? len : 1), out[300];
	size_t before, done;
	ntstatus st;

	MUST(copy != NULL);
	if (len != 0)
		memcpy(copy, data, len);
	st = rpc_pipe_write(p, slice_of(copy, len));
	free(copy);
	before = rpc_pipe_available(p);
	MUST(before <= QUEUE_BOUND);
	for (; read > 0; read--) {
		before = rpc_pipe_available(p);
		MUST(nt_ok(rpc_pipe_read(p, out, sizeof(out), &done)) || done == sizeof(out) || done == 0);
		MUST(rpc_pipe_available(p) == before - done);
	}
	return nt_ok(st);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rpc_host host = {.share_at = share_at, .server_name = "HYTHE", .comment = "fuzz"};
	uint8_t bind[128];
	struct rpc_pipe *p;

	if (size == 0)
		return 0;
	host.caller_is_admin = data[0] & 4;
	p = rpc_pipe_open(data[0] & 1 ? "wkssvc" : "srvsvc", &host);
	MUST(p != NULL);
	if (data[0] & 2)
		(void)piece(p, bind, rpc_client_bind(bind, sizeof(bind)), 1);
	data++;
	size--;
	while (size >= 2) {
		size_t len = data[0] & 0x80 ? size - 2 : data[0], read = data[1] & 3;

		len = len > size - 2 ? size - 2 : len;
		if (!piece(p, data + 2, len, read))
			break;
		data += 2 + len;
		size -= 2 + len;
	}
	rpc_pipe_close(p);
	return 0;
}

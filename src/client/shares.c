/* The list of a server's shares: NetrShareEnum of [MS-SRVS] over the srvsvc pipe in IPC$. src/rpc encodes and decodes; here the
 * pipe is opened, and the fragments of the answer are collected. */
#include "client/conn.h"

#include "rpc/rpc.h"
#include "wire/fsctl.h"

#include <stdio.h>
#include <stdlib.h>

enum { PDU_HEADER = 16, PDU_FLAGS_AT = 3, PDU_LENGTH_AT = 8, PDU_LAST = 2, PIECE = 65536, ANSWER_MAX = 16 << 20, REQUEST_MAX = 2048 };

struct answer {
	uint8_t *data;
	size_t len, cap;
};

static ntstatus make_room(struct answer *a, size_t more)
{
	if (a->cap - a->len >= more)
		return STATUS_SUCCESS;
	size_t cap = 2 * a->cap + more;
	if (cap > ANSWER_MAX)
		return STATUS_INSUFFICIENT_RESOURCES;
	uint8_t *p = realloc(a->data, cap);
	if (!p)
		return STATUS_NO_MEMORY;
	a->data = p;
	a->cap = cap;
	return STATUS_SUCCESS;
}

/* Whether the last fragment is there as a whole. */
static bool complete(const struct answer *a)
{
	size_t at = 0;
	while (a->len - at >= PDU_HEADER) {
		size_t n = load_le16(a->data + at + PDU_LENGTH_AT);
		if (n < PDU_HEADER || n > a->len - at)
			return false;
		if (a->data[at + PDU_FLAGS_AT] & PDU_LAST)
			return true;
		at += n;
	}
	return false;
}

/* Sends a request through the pipe and collects its whole answer. */
static ntstatus transceive(struct hythe_file *pipe, struct slice request, struct answer *a)
{
	size_t n = 0;
	a->len = 0;
	ntstatus status = make_room(a, PIECE);
	if (!nt_ok(status))
		return status;
	status = hythe_ioctl(pipe->tree, pipe, FSCTL_PIPE_TRANSCEIVE, request.data, request.len, a->data, PIECE, &n);
	a->len = n;
	while ((nt_ok(status) || nt_is(status, STATUS_BUFFER_OVERFLOW)) && !complete(a)) {
		status = make_room(a, PIECE);
		if (!nt_ok(status))
			return status;
		status = hythe_read(pipe, 0, a->data + a->len, PIECE, &n);
		a->len += n;
		if (nt_ok(status) && n == 0)
			return STATUS_INVALID_NETWORK_RESPONSE;
	}
	return nt_is(status, STATUS_BUFFER_OVERFLOW) ? STATUS_SUCCESS : status;
}

static ntstatus copy_shares(const struct rpc_share *from, size_t n, struct hythe_share **out)
{
	struct hythe_share *s = calloc(n + 1, sizeof(*s));
	if (!s)
		return STATUS_NO_MEMORY;
	for (size_t i = 0; i < n; i++) {
		s[i].name = strdup(from[i].name);
		s[i].remark = strdup(from[i].remark);
		s[i].type = from[i].type;
		if (!s[i].name || !s[i].remark) {
			hythe_share_list_free(s, i + 1);
			return STATUS_NO_MEMORY;
		}
	}
	*out = s;
	return STATUS_SUCCESS;
}

static ntstatus enumerate(struct hythe_file *pipe, struct arena *arena, struct hythe_share **shares, size_t *count)
{
	uint8_t request[REQUEST_MAX];
	struct answer a = {0};
	struct rpc_share *found = NULL;
	char server[300];
	snprintf(server, sizeof(server), "\\\\%s", pipe->tree->session->conn->host);
	ntstatus status = transceive(pipe, slice_of(request, rpc_client_bind(request, sizeof(request))), &a);
	if (nt_ok(status))
		status = rpc_client_bind_ack(slice_of(a.data, a.len));
	if (nt_ok(status))
		status = transceive(pipe, slice_of(request, rpc_client_share_enum(request, sizeof(request), server, 0)), &a);
	if (nt_ok(status))
		status = rpc_client_share_enum_rsp(slice_of(a.data, a.len), arena, &found, count);
	if (nt_ok(status))
		status = copy_shares(found, *count, shares);
	free(a.data);
	return status;
}

ntstatus hythe_share_list(struct hythe_session *s, struct hythe_share **shares, size_t *count)
{
	struct hythe_tree *t;
	struct hythe_file *pipe;
	struct hythe_open_params p;
	struct arena arena;
	ntstatus status = hythe_tree_connect(s, "IPC$", &t);
	if (!nt_ok(status))
		return status;
	hythe_open_params_init(&p, "srvsvc", HYTHE_READ_DATA | HYTHE_WRITE_DATA | HYTHE_APPEND_DATA | HYTHE_READ_ATTRIBUTES |
		HYTHE_READ_EA | HYTHE_SYNCHRONIZE | HYTHE_READ_CONTROL);
	status = hythe_open(t, &p, &pipe, NULL);
	if (nt_ok(status)) {
		arena_init(&arena, NULL, 0, ANSWER_MAX);
		status = enumerate(pipe, &arena, shares, count);
		arena_reset(&arena);
		ntstatus closed = hythe_close(pipe, NULL);
		if (nt_ok(status) && !nt_ok(closed)) {
			hythe_share_list_free(*shares, *count);
			status = closed;
		}
	}
	ntstatus ignored = hythe_tree_disconnect(t);
	(void)ignored; /* the list is there, or the first failure says why not */
	return status;
}

void hythe_share_list_free(struct hythe_share *shares, size_t count)
{
	if (!shares)
		return;
	for (size_t i = 0; i < count; i++) {
		free(shares[i].name);
		free(shares[i].remark);
	}
	free(shares);
}

/* Any bytes as a server's answers: to the bind, and to NetrShareEnum. */
#include "rpc/rpc.h"

#include <stdlib.h>

#define MUST(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct rpc_share *shares;
	struct arena a;
	ntstatus st;
	size_t n;

	MUST(copy != NULL);
	if (size != 0)
		memcpy(copy, data, size);
	arena_init(&a, NULL, 0, 0);
	(void)nt_ok(rpc_client_bind_ack(slice_of(copy, size)));
	st = rpc_client_share_enum_rsp(slice_of(copy, size), &a, &shares, &n);
	if (nt_ok(st)) {
		MUST(n <= size / 12);
		for (size_t i = 0; i < n; i++)
			MUST(memchr(shares[i].name, 0, sizeof(shares[i].name)) != NULL && memchr(shares[i].remark, 0, sizeof(shares[i].remark)) != NULL);
	}
	MUST(a.total_bytes <= 4096 + size * 100);
	free(copy);
	arena_reset(&a);
	return 0;
}

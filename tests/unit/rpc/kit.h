/* What the tests of src/rpc share: cmocka's preamble, a host with shares, and a pipe that is spoken to in hexadecimal. */
#ifndef TEST_RPC_KIT_H
#define TEST_RPC_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "rpc/ndr.h"
#include "rpc/pdu.h"

#include <stdio.h>
#include <stdlib.h>

struct kit {
	struct rpc_pipe *p;
	struct rpc_host host;
	struct clock_virtual clock;
	struct arena arena;
	size_t shares; /* IPC$, docs, and then numbered ones */
	uint8_t heard[1 << 16];
	size_t heard_len;
};

void kit_start(struct kit *k);
void kit_stop(struct kit *k);
/* Opens that pipe and binds to it. */
void kit_bind(struct kit *k, const char *pipe, uint16_t max_recv_frag);
/* Opens without a bind. */
void kit_open(struct kit *k, const char *pipe);
struct slice kit_hex(struct kit *k, const char *hex);
ntstatus kit_say(struct kit *k, const char *hex);
/* The next fragment, whole, in k->heard. */
void kit_hear(struct kit *k);
/* A request with that stub, alone in its fragment. */
ntstatus kit_call(struct kit *k, uint16_t opnum, uint8_t flags, struct slice stub);
/* The status of the fault in k->heard; 0 when it is none. */
uint32_t kit_fault(const struct kit *k);
/* A cursor over the stub of the response in k->heard. */
struct wire kit_stub(struct kit *k);
/* Takes the next string and compares. */
void kit_expect_text(struct wire *w, const char *text);
uint32_t kit_u32(struct wire *w);

#endif

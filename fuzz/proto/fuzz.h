/* libFuzzer's entry, and how a target says that something must hold. */
#ifndef FUZZ_PROTO_FUZZ_H
#define FUZZ_PROTO_FUZZ_H

#include "proto/proto.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x)                                                                                                        \
	do {                                                                                                           \
		if (!(x))                                                                                              \
			abort();                                                                                       \
	} while (0)

#endif

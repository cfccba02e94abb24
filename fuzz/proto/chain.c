/* Any bytes as a frame: the walk ends, and every element lies in the frame, one behind the other. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *frame = malloc(size ? size : 1);

	if (!frame)
		return 0;
	for (int lenient = 0; lenient < 2; lenient++) {
		struct proto_chain c = {.next = frame, .left = size, .lenient = lenient};
		struct proto_element e;
		size_t at = 0;
		ntstatus status;

		if (size)
			memcpy(frame, data, size);
		while (proto_chain_next(&c, &e, &status)) {
			MUST(e.data == frame + at && e.len >= SMB2_HEADER_SIZE && e.len <= size - at);
			at += e.len;
		}
		MUST(!nt_ok(status) || at == size);
	}
	free(frame);
	return 0;
}

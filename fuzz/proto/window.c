/* Bytes as a sequence of takes and grants: the window keeps its invariants. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proto_window w;

	if (size < 2)
		return 0;
	proto_window_init(&w, load_le16(data));
	for (size_t at = 2; at + 4 <= size; at += 4) {
		uint64_t before = w.high, id = w.low + load_le16(data + at);
		uint16_t charge = data[at + 2], wish = data[at + 3];

		if (proto_window_take(&w, id, charge))
			MUST(!proto_window_take(&w, id, charge));
		MUST(proto_window_grant(&w, wish, charge) == w.high - before);
		MUST(w.low < w.high && w.high - w.low <= w.max_span && w.used_count <= w.high - w.low);
		MUST(w.used == NULL || w.used_count > 0);
	}
	proto_window_free(&w);
	return 0;
}

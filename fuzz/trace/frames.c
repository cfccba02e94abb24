/* Any bytes as the frames of one connection, back and forth: [direction and length][bytes]. What the tables remember of one is met by the next. */
#include "trace/trace.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void line(void *arg, const char *text)
{
	(void)arg;
	if (strlen(text) > 4096)
		abort();
}

static void packet(void *arg, const struct trace_packet *p, const struct trace_words *words)
{
	(void)arg;
	if (words->count == 0 || words->count > TRACE_PARTS)
		abort();
	for (size_t i = 0; i < words->count; i++) {
		if (strnlen(words->parts[i].text, TRACE_TITLE_BYTES) == TRACE_TITLE_BYTES)
			abort();
	}
	trace_fields(p, true, line, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trace *t = trace_new(packet, NULL);

	while (t && size >= 2) {
		bool from_server = data[0] & 0x80;
		size_t n = (size_t)(data[0] & 0x7F) << 8 | data[1];
		struct trace_packet p = {.key = 1, .from_server = from_server};
		uint8_t *frame;

		data += 2;
		size -= 2;
		n = n < size ? n : size;
		frame = malloc(n + 4); /* of the exact size, so that the sanitizer sees every step over the end */
		if (!frame)
			break;
		store_be32(frame, (uint32_t)n);
		if (n > 0)
			memcpy(frame + 4, data, n);
		p.raw = slice_of(frame, n + 4);
		trace_frame(t, &p);
		free(frame);
		data += n;
		size -= n;
	}
	trace_free(t);
	return 0;
}

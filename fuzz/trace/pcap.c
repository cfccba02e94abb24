/* Any bytes as a capture, with keys for some sessions: packets come of it, or a sentence. Each is put into words, printed field by field, drawn
 * and written anew. */
#include "trace/draw.h"
#include "trace/pcap.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sinks {
	struct trace_drawing *drawing;
	struct trace_pcap_writer *writer;
};

static void line(void *arg, const char *text)
{
	(void)arg;
	if (strlen(text) > 4096)
		abort();
}

static void packet(void *arg, const struct trace_packet *p, const struct trace_words *words)
{
	struct sinks *s = arg;
	char text[TRACE_TEXT_BYTES];

	if (trace_text(p, words, 0, p->number % 2, text, sizeof(text)) >= sizeof(text))
		abort();
	trace_fields(p, false, line, NULL);
	if (s->drawing)
		trace_drawing_add(s->drawing, p, words);
	if (s->writer)
		trace_pcap_write(s->writer, p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[16] = {1};
	struct sinks s = {.drawing = trace_drawing_new(true, false)};
	struct trace *t = trace_new(packet, &s);
	FILE *in = size ? fmemopen((void *)(uintptr_t)data, size, "rb") : NULL, *out = fopen("/dev/null", "we");
	struct trace_pcap_stats stats;
	char why[256];

	if (out)
		s.writer = trace_pcap_writer_new(out);
	if (t && in && s.writer && trace_key_add(t, 0, key, sizeof(key)) && !trace_pcap_read(in, 0, t, &stats, why, sizeof(why)) && !why[0])
		abort();
	if (s.drawing) {
		FILE *null = fopen("/dev/null", "we");

		if (null) {
			trace_drawing_html(s.drawing, null, "t");
			trace_drawing_svg(s.drawing, null, "t");
			fclose(null);
		}
	}
	if (in)
		fclose(in);
	if (s.writer && !trace_pcap_writer_end(s.writer))
		abort();
	trace_free(t);
	trace_drawing_free(s.drawing);
	return 0;
}

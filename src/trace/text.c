/* A packet as lines of text. */
#include "trace/trace.h"

#include <inttypes.h>
#include <stdio.h>

size_t trace_text(const struct trace_packet *p, const struct trace_words *words, uint64_t start_ns, bool joined, char *out, size_t cap)
{
	uint64_t ns = p->time_ns > start_ns ? p->time_ns - start_ns : 0;
	char which[16] = "";
	size_t n = 0;

	if (p->connection > 1)
		snprintf(which, sizeof(which), " [%u]", p->connection);
	for (size_t i = 0; i < words->count && n < cap; i++) {
		const struct trace_part *part = &words->parts[i];
		const char *mark = part->failed ? "! " : "";
		int k;

		if (i == 0)
			k = snprintf(out, cap, "%5" PRIu64 " %4" PRIu64 ".%06" PRIu64 "%s %s %s%s%s", p->number, ns / 1000000000, ns / 1000 % 1000000, which,
				p->from_server ? "<--" : "-->", p->sealed && p->plain.len > 0 ? "(sealed) " : "", mark, part->text);
		else if (joined)
			k = snprintf(out + n, cap - n, " + %s%s", mark, part->text);
		else
			k = snprintf(out + n, cap - n, "\n%*s+ %s%s", (int)(22 + strlen(which)), "", mark, part->text);
		n += k > 0 ? (size_t)k : 0;
	}
	if (n >= cap)
		n = cap - 1;
	return n;
}

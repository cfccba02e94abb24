/* An exchange as a sequence diagram, 1280 pixels wide: two lifelines, time on the left, one arrow a packet with what it says above it. As SVG, and as
 * HTML where each packet opens to show its fields. All text in it is escaped; nothing is fetched from anywhere. */
#ifndef TRACE_DRAW_H
#define TRACE_DRAW_H

#include "trace/trace.h"

#include <stdio.h>

/* More packets are counted, not drawn. */
enum { DRAW_PACKETS_MAX = 20000, DRAW_BYTES_MAX = 64 << 20 };

struct trace_drawing;
/* fields: they are kept for HTML. secrets: as trace_fields. */
struct trace_drawing *trace_drawing_new(bool fields, bool secrets) MUST_USE;
void trace_drawing_free(struct trace_drawing *d);
void trace_drawing_add(struct trace_drawing *d, const struct trace_packet *p, const struct trace_words *words);
/* At the heads of the lifelines are the addresses of the first packet. */
void trace_drawing_svg(const struct trace_drawing *d, FILE *out, const char *title);
void trace_drawing_html(const struct trace_drawing *d, FILE *out, const char *title);

#endif

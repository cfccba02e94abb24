/* Where traced packets go: lines on a stream, a drawing, a capture of our own. One of these serves `hythe trace`, --trace of the client's
 * commands and of `hythe serve`. */
#ifndef CLI_TRACE_OUT_H
#define CLI_TRACE_OUT_H

#include "trace/trace.h"

#include <hythe/tap.h>
#include <stdio.h>

struct cli_trace_options {
	FILE *out;              /* lines of text; NULL: none */
	bool verbose, secrets;  /* fields too; passwords' answers as well */
	bool server;            /* the tap is of a server: one line a packet, with the address of the peer */
	const char *write;      /* files to write, each may be NULL: a capture, */
	const char *svg, *html; /* and drawings, */
	const char *title;      /* with this above them */
};

struct cli_trace;
/* NULL: out of memory, or the capture cannot be written, which has been said. */
struct cli_trace *cli_trace_new(const struct cli_trace_options *o) MUST_USE;
/* Says what could not be written; false then. NULL is allowed. */
bool cli_trace_free(struct cli_trace *t);
/* For hythe_client_options.tap and hythe_server_config.tap; arg is the cli_trace. */
hythe_tap_fn cli_trace_tap;
/* For what does not come from a tap. */
struct trace *cli_trace_of(struct cli_trace *t);

#endif

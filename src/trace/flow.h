/* From packets of a capture to frames: pcap_read.c takes them out of the file, packet.c finds TCP in them, flow.c puts the bytes of
 * each connection in order and cuts them into frames. */
#ifndef TRACE_FLOW_H
#define TRACE_FLOW_H

#include "base/list.h"
#include "trace/pcap.h"

/* What is held for connections that wait for missing segments or for the rest of a frame. */
enum { FLOWS_MAX = 1024, WAITING_MAX_BYTES = 8 << 20, WAITING_MAX = 2048, HELD_MAX_BYTES = 96 << 20 };

struct tcp_segment {
	uint64_t time_ns;
	struct trace_address from, to;
	uint32_t seq;
	bool syn, ack, fin, rst;
	struct slice data;
	size_t cut; /* bytes behind data that the capture left out */
};

struct flow;
struct flows {
	struct trace *trace;
	uint16_t port;
	struct trace_pcap_stats *stats;
	struct list_node list; /* the last used first */
	size_t count, held;    /* held: bytes in all of them */
	uint64_t keys;
};
void flows_init(struct flows *f, struct trace *t, uint16_t port, struct trace_pcap_stats *stats);
void flows_segment(struct flows *f, const struct tcp_segment *s);
/* Tells what is left and frees everything. */
void flows_end(struct flows *f);

/* false: no TCP, or not whole. `link`: the LINKTYPE of the capture. */
bool packet_segment(uint32_t link, struct slice packet, struct tcp_segment *out) MUST_USE;

#endif

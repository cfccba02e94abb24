/* Captures: reading those of others (pcap and pcapng, over Ethernet and its kin) and writing our own. Frames are found in TCP connections of any
 * number, with segments lost, repeated and out of order. A capture is hostile input: each length is checked, and what is held is bounded. */
#ifndef TRACE_PCAP_H
#define TRACE_PCAP_H

#include "trace/trace.h"

#include <stdio.h>

struct trace_pcap_stats {
	uint64_t packets;     /* records of the file */
	uint64_t skipped;     /* of these, what is no whole TCP over IP, or on a link that is not known */
	uint64_t connections; /* that speak SMB */
	bool cut;             /* the file ends in the middle of a record */
};
/* Reads to the end. port 0: 445, 139, and every connection whose first bytes look like SMB. false: `why` says what is wrong with the file;
 * what came before was told. */
bool trace_pcap_read(FILE *f, uint16_t port, struct trace *t, struct trace_pcap_stats *stats, char *why, size_t cap) MUST_USE;

/* pcapng with one interface of raw IP: each connection gets a handshake, acknowledgments and an end. */
struct trace_pcap_writer;
/* Takes over f. NULL: out of memory; f is closed then. */
struct trace_pcap_writer *trace_pcap_writer_new(FILE *f) MUST_USE;
void trace_pcap_write(struct trace_pcap_writer *w, const struct trace_packet *p);
/* Ends the connections and closes the file. false: something could not be written, errno says why. */
bool trace_pcap_writer_end(struct trace_pcap_writer *w) MUST_USE;

#endif

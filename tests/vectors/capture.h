/* Reads captures of ../shared/vectors: pcapng, compressed with zstd, TCP over loopback Ethernet. Gives the frames of the direct
 * TCP transport ([MS-SMB2] 2.1) in the order in which their last byte was seen. Nothing here knows SMB. */
#ifndef TESTS_CAPTURE_H
#define TESTS_CAPTURE_H

#include "base/bytes.h"

struct capture_frame {
	struct slice data;    /* without the four bytes of length */
	unsigned connection;  /* counts from 0 within the capture */
	bool from_server;
};

struct capture_stats {
	unsigned connections, frames;
	unsigned gaps;        /* streams that ended before all bytes that were seen could be put in order */
	unsigned trailing;    /* streams that ended inside a frame */
};

/* false: the file cannot be read or is not such a capture; *why says what is wrong. */
bool capture_read(const char *path, uint16_t server_port, void (*frame)(void *arg, const struct capture_frame *f), void *arg,
	struct capture_stats *stats, const char **why);

#endif

/* Watching what goes over the wire: a tap is told every frame that a client or a server of this process sends and receives, as it is on the
 * wire and as it is without encryption. For traces and for tests; `hythe trace` is made of it. */
#ifndef HYTHE_TAP_H
#define HYTHE_TAP_H

#include <hythe/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hythe_tap_frame {
	uint64_t time_ns;       /* since 1970 */
	uint64_t connection;    /* tells connections apart; no two of a process have the same */
	const char *local, *peer; /* "192.0.2.7:50123", "[2001:db8::7]:445"; of transports without addresses something else */
	bool received;          /* else it is about to be sent */
	/* As on the wire: the four bytes with the length, and the frame. Of a client's NetBIOS session also what comes before the first one: these packets
	 * begin with another byte than 0, and plain_len is 0. */
	const uint8_t *raw;
	size_t raw_len;
	/* The message, or several, from the header on. Within `raw` where that is not encrypted; NULL where it could not be decrypted. */
	const uint8_t *plain;
	size_t plain_len;
};

/* Called for each frame before it is sent and as soon as it is received, so that a request always comes before its answer. It runs on whichever
 * thread sends or receives, on several at once where there are several, and keeps that one from going on: it should be quick, and make no call
 * of this library. All pointers are valid during the call only. What it sees holds everything the user has read and written, and all that is
 * needed to guess passwords. Without a tap there is no cost; with one every frame is copied. */
typedef void hythe_tap_fn(void *arg, const struct hythe_tap_frame *frame);

#ifdef __cplusplus
}
#endif
#endif

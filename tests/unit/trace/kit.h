/* A trace whose packets are kept as lines, and messages made with the coders. */
#ifndef TESTS_TRACE_KIT_H
#define TESTS_TRACE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "trace/conn.h"
#include "trace/pcap.h"

enum { KIT_PACKETS = 512, KIT_RAW = 256 };

struct kit_packet {
	struct trace_packet p;    /* its slices are not valid any more */
	uint8_t raw[KIT_RAW];     /* the beginning of it */
	size_t raw_len;
	uint32_t raw_sum;         /* of all bytes */
	size_t parts;
	bool failed;
	char text[4 * TRACE_TITLE_BYTES]; /* parts, separated by " + " */
};
struct kit {
	struct trace *trace;
	size_t count;
	struct kit_packet packets[KIT_PACKETS];
};
struct kit *kit_new(void);
void kit_free(struct kit *k);
uint32_t kit_sum(struct slice s);

/* A frame in the making: messages, one after the other, behind the four bytes. */
struct kit_frame {
	uint8_t bytes[70000];
	size_t len, last; /* last: where the last message starts */
};
void kit_frame_start(struct kit_frame *f);
/* Appends a message; body NULL: none behind the header. h->next_command is set by the next one. */
void kit_message(struct kit_frame *f, const struct smb2_header *h, void (*code)(struct wire *w, void *m), void *body);
struct slice kit_frame_end(struct kit_frame *f);
/* Feeds it; the packet that came of it. */
const struct kit_packet *kit_feed(struct kit *k, bool from_server, struct slice raw);
/* One message as request or, with from_server, as response of that status. */
const struct kit_packet *kit_say(struct kit *k, bool from_server, uint16_t command, uint64_t message_id, ntstatus status, void *body);
struct slice kit_utf16(const char *ascii); /* in a static buffer of its own, eight at a time */

#endif

/* An exchange as a row of packets: what was on the wire, the messages in it, and what they say in words. Packets come from
 * captures (pcap_read.c), from the taps of our own client and server, and go to whoever shows them: as lines of text, as a
 * drawing, as a capture of our own (pcap_write.c). Everything here may be hostile: names are cleaned before they are shown,
 * tables are bounded. Not thread-safe; who feeds it from several threads locks around it.
 *
 * trace_frame takes one frame, opens it if it is sealed and a key is known (keys.c, [MS-SMB2] 3.1.4.2 to 3.1.4.4), puts it into
 * words (describe.c) and hands it to the `packet` callback. */
#ifndef TRACE_TRACE_H
#define TRACE_TRACE_H

#include "base/bytes.h"

enum { TRACE_TITLE_BYTES = 640, TRACE_PARTS = 16 };

struct trace_address {
	uint8_t ip[16];
	uint8_t len; /* 4 or 16; 0: not known */
	uint16_t port;
};
/* "192.0.2.7:445", "[2001:db8::1]:445"; false: it is neither, and *a is zeroed. */
bool trace_address_parse(struct trace_address *a, const char *text);
void trace_address_text(const struct trace_address *a, char *out, size_t cap);

struct trace_packet {
	uint64_t number;        /* counts from 1; set by trace_frame */
	uint64_t time_ns;       /* since 1970 */
	unsigned connection;    /* counts from 1; set by trace_frame */
	uint64_t key;           /* in: what tells connections apart; never used again for another */
	struct trace_address client, server;
	bool from_server;
	struct slice raw;       /* as on the wire, with the four bytes before it; empty: bytes were lost there */
	struct slice plain;     /* in: the message, if the source knows it; else set by trace_frame where it can be read. From its header on */
	bool sealed;            /* raw is encrypted; set by trace_frame, as is: */
	uint64_t session_id;    /* of the transform header */
	uint64_t lost;          /* bytes that the capture does not have, with raw empty */
};

/* What a packet says: a line for each command in it. */
struct trace_part {
	bool failed;
	char text[TRACE_TITLE_BYTES];
};
struct trace_words {
	size_t count;           /* of parts; at least one */
	bool failed;            /* one of them did */
	struct trace_part parts[TRACE_PARTS];
};

typedef void trace_packet_fn(void *arg, const struct trace_packet *p, const struct trace_words *words);

struct trace;
struct trace *trace_new(trace_packet_fn *packet, void *arg) MUST_USE;
void trace_free(struct trace *t);
/* One frame. *p is completed; slices in it are valid during the call. */
void trace_frame(struct trace *t, struct trace_packet *p);

/* --- keys (keys.c) --- */

/* A session's key. The id is matched as a number and as the bytes on the wire, since tools write it either way. */
bool trace_key_add(struct trace *t, uint64_t session_id, const uint8_t *key, size_t len) MUST_USE;
/* Lines "SESSION-ID KEY[ ...]" in hexadecimal, separated by blanks or commas, as Wireshark's smb2_seskey_list; '#' begins a comment.
 * false: `why` says what is wrong. */
bool trace_keys_read(struct trace *t, const char *path, char *why, size_t cap) MUST_USE;

/* --- fields (fields.c) --- */

/* Every field of the messages in a packet, a line each, with its indentation. Passwords' answers and keys are left out unless `secrets`. */
void trace_fields(const struct trace_packet *p, bool secrets, void (*line)(void *arg, const char *text), void *arg);

/* --- text (text.c) --- */

struct trace_names {
	const char *client, *server; /* at the ends of the arrow; NULL: none */
};
/* "   12   0.001234 --> SMB2 READ: ..." into out, with further commands of the packet as lines of their own, or, `joined`, behind a
 * plus sign. `start_ns` is the time that counts as 0. Returns the length. */
size_t trace_text(const struct trace_packet *p, const struct trace_words *words, uint64_t start_ns, bool joined, char *out, size_t cap);
enum { TRACE_TEXT_BYTES = TRACE_PARTS * (TRACE_TITLE_BYTES + 40) };

#endif

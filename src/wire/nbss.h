/* NetBIOS session packets: RFC 1002 4.3, with the 17-bit length of 4.3.1, and names in first-level encoding, RFC 1001 14.1. Direct TCP
 * ([MS-SMB2] 2.1) has the same four bytes with type 0 and a length of 24 bits. A packet is its header and `length` bytes behind it;
 * these coders start at pos 0. Used by both roles. */
#ifndef WIRE_NBSS_H
#define WIRE_NBSS_H

#include "wire/wire.h"

enum nbss_type {
	NBSS_SESSION_MESSAGE = 0x00, NBSS_SESSION_REQUEST = 0x81, NBSS_POSITIVE_RESPONSE = 0x82, NBSS_NEGATIVE_RESPONSE = 0x83,
	NBSS_RETARGET_RESPONSE = 0x84, NBSS_KEEP_ALIVE = 0x85
};
enum { NBSS_HEADER_SIZE = 4, NBSS_MAX_LENGTH = 0x1FFFF, NBSS_REQUEST_LENGTH = 68, NBSS_NAME_BYTES = 16 };
enum nbss_error {
	NBSS_NOT_LISTENING_ON_CALLED_NAME = 0x80, NBSS_NOT_LISTENING_FOR_CALLING_NAME = 0x81, NBSS_CALLED_NAME_NOT_PRESENT = 0x82,
	NBSS_INSUFFICIENT_RESOURCES = 0x83, NBSS_UNSPECIFIED_ERROR = 0x8F
};

/* Decoding refuses types that are none, flags other than the 17th bit of the length. */
struct nbss_header {
	uint8_t type;
	uint32_t length; /* of what follows */
};
void nbss_header_code(struct wire *w, struct nbss_header *m);

/* 15 characters filled up with blanks, and the type of the name as the last byte: 0x20 a file server, 0x00 a workstation. */
struct nbss_name { uint8_t bytes[NBSS_NAME_BYTES]; };
/* Upper-cases ASCII; what is longer than 15 bytes is cut off. */
struct nbss_name nbss_name_of(const char *text, uint8_t suffix);
/* Without the blanks; out has NBSS_NAME_BYTES. What is not printable is '?'. */
void nbss_name_text(char *out, const struct nbss_name *name);

/* The trailers. A scope id is skipped while decoding; a name of another length, a compressed or endless one is refused. */
struct nbss_request { struct nbss_name called, calling; };
struct nbss_negative { uint8_t error_code; };
struct nbss_retarget { uint8_t ip_address[4]; uint16_t port; };
void nbss_name_code(struct wire *w, struct nbss_name *m);
void nbss_request_code(struct wire *w, struct nbss_request *m);
void nbss_negative_code(struct wire *w, struct nbss_negative *m);
void nbss_retarget_code(struct wire *w, struct nbss_retarget *m);

const char *nbss_type_name(uint8_t type);        /* "SESSION REQUEST", or NULL */
const char *nbss_error_name(uint8_t error_code); /* "called name not present", or NULL */
/* One received packet, from its header on, as text; of a session message the header only. */
void nbss_print(struct slice packet, struct wire_printer *printer);

#endif

/* Checks what is inside the buffers of captured messages: contexts, information classes, control codes, directory listings,
 * notifications, security descriptors. Everything decodes and encodes to the same bytes, or is counted by name. */
#ifndef TESTS_PAYLOADS_H
#define TESTS_PAYLOADS_H

#include "wire/smb2.h"

enum payload_kind {
	PAYLOAD_NEGOTIATE_CONTEXT, PAYLOAD_CREATE_CONTEXT, PAYLOAD_FILE_CLASS, PAYLOAD_FS_CLASS, PAYLOAD_SECDESC, PAYLOAD_EA,
	PAYLOAD_STREAM, PAYLOAD_DIR_ENTRY, PAYLOAD_NOTIFY, PAYLOAD_FSCTL, PAYLOAD_SYMLINK, PAYLOAD_KINDS
};
struct payload_counts {
	unsigned good[PAYLOAD_KINDS];
	unsigned refused[PAYLOAD_KINDS];  /* malformed or too short: what tests send on purpose */
	unsigned different[PAYLOAD_KINDS]; /* would be our bug */
};
extern struct payload_counts payload_counts;

void payload_negotiate_contexts(struct slice list, unsigned count);
void payload_create_contexts(struct slice list, bool rsp);
/* info_type as in QUERY_INFO and SET_INFO; `cut`: the status said that the answer was longer than the buffer. */
void payload_info(uint8_t info_type, uint8_t class, struct slice data, bool cut);
void payload_directory(uint8_t class, struct slice data);
void payload_notify(struct slice data);
void payload_fsctl(uint32_t code, struct slice data, bool rsp);
void payload_symlink(struct slice error_data);

#endif

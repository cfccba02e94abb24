/* Inside src/proto only: the negotiate contexts of 3.1.1 as both roles read and build them. */
#ifndef PROTO_NEGOTIATE_H
#define PROTO_NEGOTIATE_H

#include "proto/proto.h"

/* What a list of contexts says. Counts tell how often a context was there. */
struct proto_contexts {
	uint16_t preauth_count, encryption_count, signing_count;
	struct smb2_preauth_caps preauth;
	struct smb2_algorithm_caps encryption, signing;
	bool posix;
};

/* Reads `count` contexts; kinds that we do not know are passed over, of kinds that come twice the last one counts.
 * INVALID_PARAMETER when the list or the payload of a known kind is malformed or empty. */
ntstatus proto_contexts_read(struct proto_contexts *c, struct slice list, uint16_t count) MUST_USE;

bool proto_ids_have(const uint16_t *ids, size_t n, uint16_t id);

/* Server: settles dialect, capabilities, sizes and the fields of the response that follow from them. */
void proto_server_answer(
	struct proto_conn *conn, const struct proto_config *cfg, uint16_t dialect, struct smb2_negotiate_rsp *rsp);

/* The greatest dialect within [least, most] that we know and that is among those offered; 0: none. */
uint16_t proto_greatest_common(uint16_t least, uint16_t most, const uint16_t *offered, size_t n);

/* Building a list: starts a cursor over arena memory; each put counts in *count. */
enum { PROTO_CONTEXTS_BYTES = 1024 };
struct wire proto_contexts_begin(struct arena *arena);
void proto_contexts_put_preauth(struct wire *list, uint16_t *count);
void proto_contexts_put_encryption(struct wire *list, uint16_t *count, const uint16_t *ids, size_t n);
void proto_contexts_put_signing(struct wire *list, uint16_t *count, const uint16_t *ids, size_t n);
void proto_contexts_put_posix(struct wire *list, uint16_t *count);

#endif

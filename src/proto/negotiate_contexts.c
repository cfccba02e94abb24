/* Reading and building lists of negotiate contexts, [MS-SMB2] 2.2.3.1 and 2.2.4.1. Called by negotiate_server.c and
 * negotiate_client.c. A list may hold kinds of later revisions, and many of them: each costs a look at its header. */
#include "proto/negotiate.h"

#include "base/random.h"

enum { SALT_BYTES = 32 };

/* 5025AD93-B49C-E711-B423-83DE968BCD7C, by which both sides of the POSIX extensions know each other. */
static const uint8_t posix_guid[16] = {
	0x93, 0xAD, 0x25, 0x50, 0x9C, 0xB4, 0x11, 0xE7, 0xB4, 0x23, 0x83, 0xDE, 0x96, 0x8B, 0xCD, 0x7C};

bool proto_ids_have(const uint16_t *ids, size_t n, uint16_t id)
{
	for (size_t i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* false: malformed. */
static bool context_read(struct proto_contexts *c, const struct smb2_negotiate_context *one)
{
	struct wire w = wire_decoder(one->data.data, 0, one->data.len, NULL);

	switch (one->type) {
	case SMB2_PREAUTH_INTEGRITY_CAPABILITIES:
		c->preauth_count++;
		smb2_preauth_caps_code(&w, &c->preauth);
		return wire_ok(&w) && c->preauth.hash_count > 0;
	case SMB2_ENCRYPTION_CAPABILITIES:
		c->encryption_count++;
		smb2_encryption_caps_code(&w, &c->encryption);
		return wire_ok(&w) && c->encryption.count > 0;
	case SMB2_SIGNING_CAPABILITIES:
		c->signing_count++;
		smb2_signing_caps_code(&w, &c->signing);
		return wire_ok(&w) && c->signing.count > 0;
	case SMB2_POSIX_EXTENSIONS_AVAILABLE:
		/* Clients of old send a list of versions, today's one GUID: it is there when any of them is ours. */
		for (size_t at = 0; at + sizeof(posix_guid) <= one->data.len; at += sizeof(posix_guid))
			if (memcmp(one->data.data + at, posix_guid, sizeof(posix_guid)) == 0)
				c->posix = true;
		return true;
	default:
		return true;
	}
}

ntstatus proto_contexts_read(struct proto_contexts *c, struct slice list, uint16_t count)
{
	memset(c, 0, sizeof(*c));
	for (uint16_t i = 0; i < count; i++) {
		struct smb2_negotiate_context one;
		bool bad;

		if (!smb2_negotiate_context_next(&list, &one, &bad) || !context_read(c, &one))
			return STATUS_INVALID_PARAMETER;
	}
	return STATUS_SUCCESS;
}

struct wire proto_contexts_begin(struct arena *arena)
{
	void *mem = arena_alloc(arena, PROTO_CONTEXTS_BYTES);
	struct wire list = wire_encoder(mem, 0, mem ? PROTO_CONTEXTS_BYTES : 0);

	if (!mem)
		wire_fail(&list, STATUS_NO_MEMORY, "NegotiateContextList");
	return list;
}

/* 2.2.3.1.1: SHA-512 and a salt of our own */
void proto_contexts_put_preauth(struct wire *list, uint16_t *count)
{
	uint8_t salt[SALT_BYTES], data[4 + 2 + SALT_BYTES];
	struct smb2_preauth_caps caps = {.hash_count = 1,
		.salt_length = SALT_BYTES,
		.hashes = {SMB2_PREAUTH_SHA512},
		.salt = {salt, SALT_BYTES}};
	struct wire w = wire_encoder(data, 0, sizeof(data));

	random_bytes(salt, sizeof(salt));
	smb2_preauth_caps_code(&w, &caps);
	smb2_negotiate_context_put(list, SMB2_PREAUTH_INTEGRITY_CAPABILITIES, slice_of(data, w.pos));
	(*count)++;
}

static void put_ids(struct wire *list, uint16_t *count, uint16_t type, const uint16_t *ids, size_t n)
{
	struct smb2_algorithm_caps caps = {.count = (uint16_t)(n < ARRAY_LEN(caps.ids) ? n : ARRAY_LEN(caps.ids))};
	uint8_t data[2 + 2 * ARRAY_LEN(caps.ids)];
	struct wire w = wire_encoder(data, 0, sizeof(data));

	memcpy(caps.ids, ids, caps.count * sizeof(ids[0]));
	if (type == SMB2_ENCRYPTION_CAPABILITIES)
		smb2_encryption_caps_code(&w, &caps);
	else
		smb2_signing_caps_code(&w, &caps);
	smb2_negotiate_context_put(list, type, slice_of(data, w.pos));
	(*count)++;
}

/* 2.2.3.1.2 */
void proto_contexts_put_encryption(struct wire *list, uint16_t *count, const uint16_t *ids, size_t n)
{
	put_ids(list, count, SMB2_ENCRYPTION_CAPABILITIES, ids, n);
}

/* 2.2.3.1.7 */
void proto_contexts_put_signing(struct wire *list, uint16_t *count, const uint16_t *ids, size_t n)
{
	put_ids(list, count, SMB2_SIGNING_CAPABILITIES, ids, n);
}

void proto_contexts_put_posix(struct wire *list, uint16_t *count)
{
	smb2_negotiate_context_put(list, SMB2_POSIX_EXTENSIONS_AVAILABLE, slice_of(posix_guid, sizeof(posix_guid)));
	(*count)++;
}

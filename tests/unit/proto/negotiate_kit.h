/* What the tests of negotiation share: requests and responses that go over the wire between the two roles. */
#ifndef TESTS_PROTO_NEGOTIATE_KIT_H
#define TESTS_PROTO_NEGOTIATE_KIT_H

#include "../crypto/kit.h"

#include "proto/proto.h"

/* A list of contexts under construction. */
struct contexts {
	uint8_t bytes[2048];
	struct wire w;
	uint16_t count;
};

static inline void contexts_init(struct contexts *c)
{
	memset(c, 0, sizeof(*c));
	c->w = wire_encoder(c->bytes, 0, sizeof(c->bytes));
}

static inline void contexts_raw(struct contexts *c, uint16_t type, const void *data, size_t len)
{
	smb2_negotiate_context_put(&c->w, type, slice_of(data, len));
	assert_true(wire_ok(&c->w));
	c->count++;
}

static inline void contexts_preauth(struct contexts *c, uint16_t hash)
{
	uint8_t data[] = {1, 0, 4, 0, (uint8_t)hash, (uint8_t)(hash >> 8), 9, 9, 9, 9};

	contexts_raw(c, SMB2_PREAUTH_INTEGRITY_CAPABILITIES, data, sizeof(data));
}

/* Encryption or signing capabilities with up to 40 ids */
static inline void contexts_ids(struct contexts *c, uint16_t type, const uint16_t *ids, uint16_t n)
{
	uint8_t data[2 + 2 * 40];

	assert_true(n <= 40);
	store_le16(data, n);
	for (size_t i = 0; i < n; i++)
		store_le16(data + 2 + 2 * i, ids[i]);
	contexts_raw(c, type, data, 2 + 2u * n);
}

static inline void contexts_one(struct contexts *c, uint16_t type, uint16_t id)
{
	contexts_ids(c, type, &id, 1);
}

/* The payload of the context of this type; NULL data without one. */
static inline struct slice contexts_find(struct slice list, uint16_t type)
{
	struct smb2_negotiate_context one;
	bool bad;

	while (smb2_negotiate_context_next(&list, &one, &bad))
		if (one.type == type)
			return one.data;
	assert_false(bad);
	return slice_of(NULL, 0);
}

static inline void request_dialects(struct smb2_negotiate_req *req, const uint16_t *dialects, uint16_t n)
{
	req->dialect_count = n;
	memcpy(req->dialects, dialects, n * sizeof(dialects[0]));
}

#endif

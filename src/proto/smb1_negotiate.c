/* The SMB1 NEGOTIATE with which a client finds out whether a server speaks SMB2: [MS-SMB2] 3.3.5.3, 3.2.4.2.2.1, layout
 * of [MS-CIFS] 2.2.4.52. The server hands over the first message of a connection when it begins with SMB1's protocol
 * id. */
#include "proto/negotiate.h"

enum {
	HEADER_BYTES = 32,
	COMMAND_AT = 4,
	FLAGS_AT = 9,
	WORD_COUNT_AT = 32,
	BYTE_COUNT_AT = 33,
	DIALECTS_AT = 35,
	COM_NEGOTIATE = 0x72,
	FLAGS_REPLY = 0x80,
	BUFFER_FORMAT_DIALECT = 2,
};

static const char wildcard[] = "SMB 2.???", first[] = "SMB 2.002";

/* The dialect strings of a well-formed request. */
static bool dialects_of(struct slice message, struct slice *dialects)
{
	const uint8_t *m = message.data;
	size_t bytes;

	if (message.len < DIALECTS_AT || load_le32(m) != SMB1_PROTOCOL_ID || m[COMMAND_AT] != COM_NEGOTIATE)
		return false;
	if ((m[FLAGS_AT] & FLAGS_REPLY) || m[WORD_COUNT_AT] != 0)
		return false;
	bytes = load_le16(m + BYTE_COUNT_AT);
	if (bytes > message.len - DIALECTS_AT)
		return false;
	*dialects = slice_of(m + DIALECTS_AT, bytes);
	return true;
}

/* Takes the next string, without its zero byte. false: at the end, or *bad. */
static bool dialect_next(struct slice *list, struct slice *dialect, bool *bad)
{
	const uint8_t *end;

	*bad = false;
	if (list->len == 0)
		return false;
	end = memchr(list->data, 0, list->len);
	if (list->data[0] != BUFFER_FORMAT_DIALECT || !end) {
		*bad = true;
		return false;
	}
	*dialect = slice_of(list->data + 1, (size_t)(end - list->data) - 1);
	*list = slice_of(end + 1, list->len - (size_t)(end - list->data) - 1);
	return true;
}

ntstatus proto_server_negotiate_smb1(
	struct proto_conn *conn, const struct proto_config *cfg, struct slice message, struct smb2_negotiate_rsp *rsp)
{
	struct slice list, one;
	bool has_wildcard = false, has_first = false, bad;
	uint16_t dialect;

	memset(rsp, 0, sizeof(*rsp));
	if (conn->dialect != 0)
		return STATUS_NOT_SUPPORTED;
	if (!dialects_of(message, &list))
		return STATUS_INVALID_PARAMETER;
	while (dialect_next(&list, &one, &bad)) {
		has_wildcard |= slice_equal(one, slice_of(wildcard, sizeof(wildcard) - 1));
		has_first |= slice_equal(one, slice_of(first, sizeof(first) - 1));
	}
	if (bad)
		return STATUS_INVALID_PARAMETER;
	if (has_wildcard && cfg->max_dialect >= SMB2_DIALECT_210)
		dialect = SMB2_DIALECT_WILDCARD;
	else if (has_first && cfg->min_dialect <= SMB2_DIALECT_202)
		dialect = SMB2_DIALECT_202;
	else
		return STATUS_NOT_SUPPORTED;
	conn->smb1_negotiated = true;
	conn->signing = SIGN_HMAC_SHA256;
	proto_server_answer(conn, cfg, dialect, rsp);
	return STATUS_SUCCESS;
}

static void put_dialect(struct wire *w, const char *name)
{
	uint8_t format = BUFFER_FORMAT_DIALECT, zero = 0;

	wire_u8(w, "BufferFormat", &format);
	while (*name) {
		uint8_t c = (uint8_t)*name++;

		wire_u8(w, "DialectName", &c);
	}
	wire_u8(w, "DialectName", &zero);
}

size_t proto_client_negotiate_smb1(uint8_t *out, size_t cap, const struct proto_config *cfg)
{
	struct wire w = wire_encoder(out, 0, cap);
	uint32_t id = SMB1_PROTOCOL_ID;
	uint8_t command = COM_NEGOTIATE, flags = 0x18, word_count = 0;
	uint16_t flags2 = 0xC853, tid = 0xFFFF, pid = 0xFEFF, bytes = 0;

	wire_u32(&w, "Protocol", &id);
	wire_u8(&w, "Command", &command);
	wire_reserved(&w, 4); /* Status */
	wire_u8(&w, "Flags", &flags);
	wire_u16(&w, "Flags2", &flags2);
	wire_reserved(&w, 12); /* PIDHigh, SecurityFeatures, Reserved */
	wire_u16(&w, "TID", &tid);
	wire_u16(&w, "PIDLow", &pid);
	wire_reserved(&w, 4); /* UID, MID */
	wire_u8(&w, "WordCount", &word_count);
	wire_u16(&w, "ByteCount", &bytes);
	if (cfg->min_dialect <= SMB2_DIALECT_202)
		put_dialect(&w, first);
	if (cfg->max_dialect >= SMB2_DIALECT_210)
		put_dialect(&w, wildcard);
	wire_patch(&w, "ByteCount", BYTE_COUNT_AT, 2, w.pos - DIALECTS_AT);
	return wire_ok(&w) ? w.pos : 0;
}

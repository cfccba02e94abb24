/* The SMB1 NEGOTIATE with which a client finds out whether a server speaks SMB2: [MS-SMB2] 3.3.5.3, 3.2.4.2.2.1, layout
 * of [MS-CIFS] 2.2.4.52. The server hands over the first message of a connection when it begins with SMB1's protocol
 * id. */
#include "proto/negotiate.h"

#include "wire/smb1/smb1.h"

static const char wildcard[] = "SMB 2.???", first[] = "SMB 2.002";

/* The dialect strings of a well-formed request. */
static bool dialects_of(struct slice message, struct slice *dialects)
{
	struct wire w = wire_decoder(message.data, 0, message.len, NULL);
	struct smb1_negotiate_req m;
	struct smb1_header h;

	smb1_header_code(&w, &h);
	if (!wire_ok(&w) || h.command != SMB1_NEGOTIATE || (h.flags & SMB1_FLAGS_REPLY))
		return false;
	smb1_negotiate_req_code(&w, &m);
	*dialects = m.dialects;
	return wire_ok(&w);
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
	while (smb1_dialect_next(&list, &one, &bad)) {
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

size_t proto_client_negotiate_smb1(uint8_t *out, size_t cap, const struct proto_config *cfg)
{
	struct smb1_header h = {
		.command = SMB1_NEGOTIATE,
		.flags = SMB1_FLAGS_CASE_INSENSITIVE | SMB1_FLAGS_CANONICALIZED_PATHS,
		.flags2 = 0xC853,
		.tid = 0xFFFF,
		.pid_low = 0xFEFF,
	};
	uint8_t dialects[2 * (sizeof(wildcard) + 1)];
	struct wire w = wire_encoder(out, 0, cap), list = wire_encoder(dialects, 0, sizeof(dialects));
	struct smb1_negotiate_req m;

	if (cfg->min_dialect <= SMB2_DIALECT_202)
		smb1_dialect_put(&list, first);
	if (cfg->max_dialect >= SMB2_DIALECT_210)
		smb1_dialect_put(&list, wildcard);
	m.dialects = slice_of(dialects, list.pos);
	smb1_header_code(&w, &h);
	smb1_negotiate_req_code(&w, &m);
	return wire_ok(&w) ? w.pos : 0;
}

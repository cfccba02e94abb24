/* The client's side of NEGOTIATE, [MS-SMB2] 3.2.4.2.2.2 and 3.2.5.2 up to 3.1.1. Called by the client's connection,
 * which keeps the preauthentication hash. A server may choose only among what was offered; anything else is
 * INVALID_NETWORK_RESPONSE. */
#include "proto/negotiate.h"

#include "base/utf16.h"

static const uint16_t ascending[] = {
	SMB2_DIALECT_202, SMB2_DIALECT_210, SMB2_DIALECT_300, SMB2_DIALECT_302, SMB2_DIALECT_311};

enum { LEAST_SIZE = 65536, LONGEST_SERVER_NAME = 255 };

static void offer_dialects(struct proto_conn *conn, const struct proto_config *cfg)
{
	conn->offered_count = 0;
	for (size_t i = 0; i < ARRAY_LEN(ascending); i++)
		if (ascending[i] >= cfg->min_dialect && ascending[i] <= cfg->max_dialect)
			conn->offered_dialects[conn->offered_count++] = ascending[i];
	conn->min_dialect = cfg->min_dialect;
	conn->max_dialect = cfg->max_dialect;
}

/* 2.2.3: zero unless the client implements 3.x. */
static uint32_t capabilities(const struct proto_config *cfg)
{
	if (cfg->max_dialect < SMB2_DIALECT_300)
		return 0;
	return cfg->capabilities | SMB2_GLOBAL_CAP_LARGE_MTU |
	       (cfg->encryption != PROTO_ENCRYPTION_OFF ? SMB2_GLOBAL_CAP_ENCRYPTION : 0);
}

static ntstatus offer_contexts(
	const struct proto_config *cfg, const char *server_name, struct smb2_negotiate_req *req, struct arena *arena)
{
	struct wire list = proto_contexts_begin(arena);
	struct slice name;

	proto_contexts_put_preauth(&list, &req->context_count);
	if (cfg->encryption != PROTO_ENCRYPTION_OFF && cfg->cipher_count > 0)
		proto_contexts_put_encryption(&list, &req->context_count, cfg->ciphers, cfg->cipher_count);
	if (cfg->signing_count > 0)
		proto_contexts_put_signing(&list, &req->context_count, cfg->signings, cfg->signing_count);
	if (cfg->posix_extensions)
		proto_contexts_put_posix(&list, &req->context_count);
	/* 2.2.3.1.4. Only a hint to the server: a name that is no UTF-8 or absurdly long is left out. */
	if (server_name && *server_name && strlen(server_name) <= LONGEST_SERVER_NAME) {
		name = utf16_from_utf8_arena(arena, server_name);
		if (name.data) {
			smb2_negotiate_context_put(&list, SMB2_NETNAME_NEGOTIATE_CONTEXT_ID, name);
			req->context_count++;
		}
	}
	req->contexts = slice_of(list.base, list.pos);
	return list.error;
}

ntstatus proto_client_negotiate_req(struct proto_conn *conn, const struct proto_config *cfg, const char *server_name,
	struct smb2_negotiate_req *req, struct arena *arena)
{
	memset(req, 0, sizeof(*req));
	offer_dialects(conn, cfg);
	if (conn->offered_count == 0)
		return STATUS_INVALID_PARAMETER;
	conn->client_security_mode =
		cfg->signing_required ? SMB2_NEGOTIATE_SIGNING_REQUIRED : SMB2_NEGOTIATE_SIGNING_ENABLED;
	conn->client_capabilities = capabilities(cfg);
	conn->client_guid = cfg->max_dialect >= SMB2_DIALECT_210 ? cfg->guid : (struct guid){0};
	req->security_mode = conn->client_security_mode;
	req->capabilities = conn->client_capabilities;
	req->client_guid = conn->client_guid;
	req->dialect_count = conn->offered_count;
	memcpy(req->dialects, conn->offered_dialects, conn->offered_count * sizeof(req->dialects[0]));
	if (cfg->max_dialect >= SMB2_DIALECT_311)
		return offer_contexts(cfg, server_name, req, arena);
	return STATUS_SUCCESS;
}

/* 3.2.5.2, "If Connection.Dialect is 3.1.1" */
static ntstatus contexts_check(
	struct proto_conn *conn, const struct proto_config *cfg, const struct smb2_negotiate_rsp *rsp)
{
	struct proto_contexts c;

	if (!nt_ok(proto_contexts_read(&c, rsp->contexts, rsp->context_count)))
		return STATUS_INVALID_NETWORK_RESPONSE;
	if (c.preauth_count != 1 || c.preauth.hash_count != 1 || c.preauth.hashes[0] != SMB2_PREAUTH_SHA512)
		return STATUS_INVALID_NETWORK_RESPONSE;
	conn->hash_id = SMB2_PREAUTH_SHA512;
	if (c.encryption_count) {
		bool offered = cfg->encryption != PROTO_ENCRYPTION_OFF && cfg->cipher_count > 0;

		if (!offered || c.encryption_count != 1 || c.encryption.count != 1)
			return STATUS_INVALID_NETWORK_RESPONSE;
		conn->cipher = c.encryption.ids[0];
		if (conn->cipher != SEAL_NONE && !proto_ids_have(cfg->ciphers, cfg->cipher_count, conn->cipher))
			return STATUS_INVALID_NETWORK_RESPONSE;
	}
	if (c.signing_count) {
		if (c.signing_count != 1 || c.signing.count != 1)
			return STATUS_INVALID_NETWORK_RESPONSE;
		conn->signing = c.signing.ids[0];
		if (!proto_ids_have(cfg->signings, cfg->signing_count, conn->signing))
			return STATUS_INVALID_NETWORK_RESPONSE;
	}
	if (c.posix && !cfg->posix_extensions)
		return STATUS_INVALID_NETWORK_RESPONSE;
	conn->posix = c.posix;
	return STATUS_SUCCESS;
}

/* The algorithms of the dialect, for 3.1.1 from the contexts. */
static ntstatus algorithms_check(
	struct proto_conn *conn, const struct proto_config *cfg, const struct smb2_negotiate_rsp *rsp)
{
	bool ccm = cfg->encryption != PROTO_ENCRYPTION_OFF &&
		   proto_ids_have(cfg->ciphers, cfg->cipher_count, SEAL_AES128_CCM) &&
		   (rsp->capabilities & SMB2_GLOBAL_CAP_ENCRYPTION);
	ntstatus status = STATUS_SUCCESS;

	conn->cipher = SEAL_NONE;
	conn->signing = conn->dialect >= SMB2_DIALECT_300 ? SIGN_AES_CMAC : SIGN_HMAC_SHA256;
	if ((conn->dialect == SMB2_DIALECT_300 || conn->dialect == SMB2_DIALECT_302) && ccm)
		conn->cipher = SEAL_AES128_CCM;
	if (conn->dialect == SMB2_DIALECT_311)
		status = contexts_check(conn, cfg, rsp);
	if (nt_ok(status) && cfg->encryption == PROTO_ENCRYPTION_REQUIRED && conn->cipher == SEAL_NONE)
		status = STATUS_NOT_SUPPORTED;
	return status;
}

/* An answer to the SMB1 form is 0x02FF or 0x0202, each only if its string was offered. */
static bool dialect_was_offered(const struct proto_conn *conn, const struct proto_config *cfg, uint16_t dialect)
{
	if (conn->offered_count > 0)
		return proto_ids_have(conn->offered_dialects, conn->offered_count, dialect);
	return (dialect == SMB2_DIALECT_WILDCARD && cfg->max_dialect >= SMB2_DIALECT_210) ||
	       (dialect == SMB2_DIALECT_202 && cfg->min_dialect <= SMB2_DIALECT_202);
}

ntstatus proto_client_negotiate_rsp(
	struct proto_conn *conn, const struct proto_config *cfg, const struct smb2_negotiate_rsp *rsp)
{
	struct proto_conn got = *conn;
	ntstatus status;

	if (!dialect_was_offered(conn, cfg, rsp->dialect_revision))
		return STATUS_INVALID_NETWORK_RESPONSE;
	got.dialect = rsp->dialect_revision;
	if (got.dialect == SMB2_DIALECT_WILDCARD) {
		got.smb1_negotiated = true;
		*conn = got;
		return STATUS_MORE_PROCESSING_REQUIRED;
	}
	if (rsp->max_transact_size < LEAST_SIZE || rsp->max_read_size < LEAST_SIZE || rsp->max_write_size < LEAST_SIZE)
		return STATUS_INVALID_NETWORK_RESPONSE;
	got.smb1_negotiated = conn->offered_count == 0;
	if (got.smb1_negotiated) /* what a NEGOTIATE of SMB2 would have offered, for validation */
		offer_dialects(&got, cfg);
	got.server_security_mode = rsp->security_mode;
	got.server_capabilities = rsp->capabilities;
	got.server_guid = rsp->server_guid;
	got.max_transact_bytes = rsp->max_transact_size;
	got.max_read_bytes = rsp->max_read_size;
	got.max_write_bytes = rsp->max_write_size;
	got.multi_credit = got.dialect >= SMB2_DIALECT_210 && (rsp->capabilities & SMB2_GLOBAL_CAP_LARGE_MTU);
	got.should_sign = cfg->signing_required || (rsp->security_mode & SMB2_NEGOTIATE_SIGNING_REQUIRED);
	status = algorithms_check(&got, cfg, rsp);
	if (nt_ok(status))
		*conn = got;
	return status;
}

/* The server's side of NEGOTIATE, [MS-SMB2] 3.3.5.4 up to 3.1.1, and the defaults of both roles. Called by the server's
 * NEGOTIATE handler, which refuses a second NEGOTIATE, keeps the preauthentication hash and adds the security buffer
 * and the times. */
#include "proto/negotiate.h"

enum { SMALL_SIZE = 65536, DEFAULT_SIZE = 8388608 };

/* Greatest first. */
static const uint16_t known_dialects[] = {
	SMB2_DIALECT_311, SMB2_DIALECT_302, SMB2_DIALECT_300, SMB2_DIALECT_210, SMB2_DIALECT_202};

void proto_config_default(struct proto_config *c, bool server)
{
	*c = (struct proto_config){
		.min_dialect = SMB2_DIALECT_210,
		.max_dialect = SMB2_DIALECT_311,
		.signing_required = true,
		.encryption = PROTO_ENCRYPTION_DESIRED,
		.max_transact_bytes = DEFAULT_SIZE,
		.max_read_bytes = DEFAULT_SIZE,
		.max_write_bytes = DEFAULT_SIZE,
		.guid = guid_random(),
		.ciphers = {SEAL_AES128_GCM, SEAL_AES256_GCM, SEAL_AES128_CCM, SEAL_AES256_CCM},
		.signings = {SIGN_AES_GMAC, SIGN_AES_CMAC, SIGN_HMAC_SHA256},
		.cipher_count = 4,
		.signing_count = 3,
		.max_credits = server ? 8192 : 512,
		.capabilities = server ? SMB2_GLOBAL_CAP_LEASING | SMB2_GLOBAL_CAP_DIRECTORY_LEASING : 0,
	};
}

uint16_t proto_greatest_common(uint16_t least, uint16_t most, const uint16_t *offered, size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(known_dialects); i++) {
		uint16_t d = known_dialects[i];

		if (d >= least && d <= most && proto_ids_have(offered, n, d))
			return d;
	}
	return 0;
}

/* The first of our ids that the peer has too; `none` without one. */
static uint16_t choose(const uint16_t *ours, size_t n, const struct smb2_algorithm_caps *theirs, uint16_t none)
{
	for (size_t i = 0; i < n; i++)
		if (proto_ids_have(theirs->ids, theirs->count, ours[i]))
			return ours[i];
	return none;
}

/* 3.3.5.4, "If Connection.Dialect is 3.1.1": what the client's contexts make of the connection. */
static ntstatus contexts_apply(struct proto_conn *conn, const struct proto_config *cfg, const struct proto_contexts *c)
{
	if (c->preauth_count != 1 || c->encryption_count > 1 || c->signing_count > 1)
		return STATUS_INVALID_PARAMETER;
	if (!proto_ids_have(c->preauth.hashes, c->preauth.hash_count, SMB2_PREAUTH_SHA512))
		return STATUS_SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP;
	conn->hash_id = SMB2_PREAUTH_SHA512;
	if (c->encryption_count && cfg->encryption != PROTO_ENCRYPTION_OFF)
		conn->cipher = choose(cfg->ciphers, cfg->cipher_count, &c->encryption, SEAL_NONE);
	conn->signing = SIGN_AES_CMAC;
	if (c->signing_count)
		conn->signing = choose(cfg->signings, cfg->signing_count, &c->signing, SIGN_AES_CMAC);
	conn->posix = c->posix && cfg->posix_extensions;
	return STATUS_SUCCESS;
}

/* 2.2.4.1. A kind of context goes out only in answer to the same kind. */
static ntstatus contexts_answer(const struct proto_conn *conn, const struct proto_config *cfg,
	const struct proto_contexts *c, struct smb2_negotiate_rsp *rsp, struct arena *arena)
{
	struct wire list = proto_contexts_begin(arena);

	proto_contexts_put_preauth(&list, &rsp->context_count);
	if (c->encryption_count && cfg->encryption != PROTO_ENCRYPTION_OFF)
		proto_contexts_put_encryption(&list, &rsp->context_count, &conn->cipher, 1);
	if (c->signing_count && proto_ids_have(c->signing.ids, c->signing.count, conn->signing))
		proto_contexts_put_signing(&list, &rsp->context_count, &conn->signing, 1);
	if (conn->posix)
		proto_contexts_put_posix(&list, &rsp->context_count);
	rsp->contexts = slice_of(list.base, list.pos);
	return list.error;
}

/* 3.3.5.4, 3.3.5.3: Capabilities of the response. What needs the client's consent needs its bit, too. */
static uint32_t capabilities(const struct proto_conn *conn, const struct proto_config *cfg, uint16_t dialect)
{
	uint32_t mutual =
		SMB2_GLOBAL_CAP_MULTI_CHANNEL | SMB2_GLOBAL_CAP_PERSISTENT_HANDLES | SMB2_GLOBAL_CAP_DIRECTORY_LEASING;
	uint32_t caps = cfg->capabilities & SMB2_GLOBAL_CAP_DFS;
	bool wildcard = dialect == SMB2_DIALECT_WILDCARD;

	if (dialect >= SMB2_DIALECT_210)
		caps |= cfg->capabilities & SMB2_GLOBAL_CAP_LEASING;
	if (conn->multi_credit)
		caps |= SMB2_GLOBAL_CAP_LARGE_MTU;
	if (dialect >= SMB2_DIALECT_300 && !wildcard)
		caps |= cfg->capabilities & conn->client_capabilities & mutual;
	/* In 3.1.1 the contexts speak of encryption and the bit stays clear. */
	if ((dialect == SMB2_DIALECT_300 || dialect == SMB2_DIALECT_302) && conn->cipher != SEAL_NONE)
		caps |= SMB2_GLOBAL_CAP_ENCRYPTION;
	if (dialect == SMB2_DIALECT_311)
		caps |= cfg->capabilities & conn->client_capabilities & SMB2_GLOBAL_CAP_NOTIFICATIONS;
	return caps;
}

static uint32_t size_of(const struct proto_conn *conn, uint32_t configured)
{
	return conn->multi_credit && configured > SMALL_SIZE ? configured : SMALL_SIZE;
}

void proto_server_answer(
	struct proto_conn *conn, const struct proto_config *cfg, uint16_t dialect, struct smb2_negotiate_rsp *rsp)
{
	conn->dialect = dialect;
	conn->min_dialect = cfg->min_dialect;
	conn->max_dialect = cfg->max_dialect;
	conn->multi_credit = dialect >= SMB2_DIALECT_210 && !conn->netbios;
	conn->server_capabilities = capabilities(conn, cfg, dialect);
	conn->server_security_mode =
		SMB2_NEGOTIATE_SIGNING_ENABLED | (cfg->signing_required ? SMB2_NEGOTIATE_SIGNING_REQUIRED : 0);
	conn->server_guid = cfg->guid;
	conn->max_transact_bytes = size_of(conn, cfg->max_transact_bytes);
	conn->max_read_bytes = size_of(conn, cfg->max_read_bytes);
	conn->max_write_bytes = size_of(conn, cfg->max_write_bytes);
	rsp->security_mode = conn->server_security_mode;
	rsp->dialect_revision = dialect;
	rsp->server_guid = conn->server_guid;
	rsp->capabilities = conn->server_capabilities;
	rsp->max_transact_size = conn->max_transact_bytes;
	rsp->max_read_size = conn->max_read_bytes;
	rsp->max_write_size = conn->max_write_bytes;
}

/* 3.0 and 3.0.2 know one cipher, by a capability bit. */
static uint16_t cipher_30(const struct proto_conn *conn, const struct proto_config *cfg)
{
	bool ours = cfg->encryption != PROTO_ENCRYPTION_OFF &&
		    proto_ids_have(cfg->ciphers, cfg->cipher_count, SEAL_AES128_CCM);

	return ours && (conn->client_capabilities & SMB2_GLOBAL_CAP_ENCRYPTION) ? SEAL_AES128_CCM : SEAL_NONE;
}

ntstatus proto_server_negotiate(struct proto_conn *conn, const struct proto_config *cfg,
	const struct smb2_negotiate_req *req, struct smb2_negotiate_rsp *rsp, struct arena *arena)
{
	struct proto_conn chosen = *conn;
	struct proto_contexts contexts;
	ntstatus status = STATUS_SUCCESS;
	uint16_t dialect;

	memset(rsp, 0, sizeof(*rsp));
	if (req->dialect_count == 0 || req->dialect_count > ARRAY_LEN(req->dialects))
		return STATUS_INVALID_PARAMETER;
	dialect = proto_greatest_common(cfg->min_dialect, cfg->max_dialect, req->dialects, req->dialect_count);
	if (dialect == 0)
		return STATUS_NOT_SUPPORTED;
	chosen.client_capabilities = req->capabilities;
	chosen.client_security_mode = req->security_mode;
	chosen.client_guid = req->client_guid;
	chosen.should_sign = (req->security_mode & SMB2_NEGOTIATE_SIGNING_REQUIRED) != 0;
	chosen.smb1_negotiated = false;
	chosen.cipher = SEAL_NONE;
	chosen.signing = dialect >= SMB2_DIALECT_300 ? SIGN_AES_CMAC : SIGN_HMAC_SHA256;
	if (dialect == SMB2_DIALECT_300 || dialect == SMB2_DIALECT_302)
		chosen.cipher = cipher_30(&chosen, cfg);
	if (dialect == SMB2_DIALECT_311) {
		status = proto_contexts_read(&contexts, req->contexts, req->context_count);
		if (nt_ok(status))
			status = contexts_apply(&chosen, cfg, &contexts);
		if (nt_ok(status))
			status = contexts_answer(&chosen, cfg, &contexts, rsp, arena);
	}
	if (!nt_ok(status))
		return status;
	proto_server_answer(&chosen, cfg, dialect, rsp);
	*conn = chosen;
	return STATUS_SUCCESS;
}

/* Any bytes as the body of a NEGOTIATE, to the server as a request and to the client as a response. What the server
 * answers can be encoded, and a client that offered everything takes it. */
#include "fuzz.h"

static void as_request(const uint8_t *data, size_t size, struct arena *arena)
{
	uint8_t answer[4096];
	struct proto_config cfg;
	struct proto_conn conn = {0};
	struct smb2_negotiate_req req;
	struct smb2_negotiate_rsp rsp;
	struct wire w = wire_decoder(data, 0, size, arena);

	smb2_negotiate_req_code(&w, &req);
	if (!wire_ok(&w))
		return;
	proto_config_default(&cfg, true);
	cfg.min_dialect = SMB2_DIALECT_202;
	cfg.posix_extensions = true;
	cfg.capabilities = UINT32_MAX;
	if (!nt_ok(proto_server_negotiate(&conn, &cfg, &req, &rsp, arena))) {
		MUST(conn.dialect == 0);
		return;
	}
	w = wire_encoder(answer, 64, sizeof(answer));
	smb2_negotiate_rsp_code(&w, &rsp);
	MUST(wire_ok(&w));
	MUST(conn.dialect >= SMB2_DIALECT_202 && conn.dialect <= SMB2_DIALECT_311);
	MUST(conn.cipher <= SEAL_AES256_GCM && conn.signing <= SIGN_AES_GMAC);
}

static void as_response(const uint8_t *data, size_t size, struct arena *arena)
{
	struct proto_config cfg;
	struct proto_conn conn = {0};
	struct smb2_negotiate_req req;
	struct smb2_negotiate_rsp rsp;
	struct wire w = wire_decoder(data, 0, size, arena);

	proto_config_default(&cfg, false);
	MUST(nt_ok(proto_client_negotiate_req(&conn, &cfg, "server", &req, arena)));
	smb2_negotiate_rsp_code(&w, &rsp);
	if (!wire_ok(&w) || !nt_ok(proto_client_negotiate_rsp(&conn, &cfg, &rsp)))
		return;
	MUST(conn.dialect >= SMB2_DIALECT_210 && conn.dialect <= SMB2_DIALECT_311);
	MUST(conn.cipher <= SEAL_AES256_GCM && conn.signing <= SIGN_AES_GMAC);
	MUST(conn.max_read_bytes >= 65536);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;

	arena_init(&arena, NULL, 0, 1 << 20);
	as_request(data, size, &arena);
	as_response(data, size, &arena);
	arena_reset(&arena);
	return 0;
}

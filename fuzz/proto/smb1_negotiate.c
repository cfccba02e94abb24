/* Any bytes as the SMB1 message that opens a connection. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proto_config cfg;
	struct proto_conn conn = {0};
	struct smb2_negotiate_rsp rsp;

	proto_config_default(&cfg, true);
	cfg.min_dialect = SMB2_DIALECT_202;
	if (nt_ok(proto_server_negotiate_smb1(&conn, &cfg, slice_of(data, size), &rsp)))
		MUST(size >= 35 + 11 && (conn.dialect == SMB2_DIALECT_202 || conn.dialect == SMB2_DIALECT_WILDCARD));
	else
		MUST(conn.dialect == 0);
	return 0;
}

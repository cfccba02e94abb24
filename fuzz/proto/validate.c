/* Any bytes as the input or the output of FSCTL_VALIDATE_NEGOTIATE_INFO. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proto_conn conn = {
		.dialect = SMB2_DIALECT_302, .min_dialect = SMB2_DIALECT_202, .max_dialect = SMB2_DIALECT_311};
	uint8_t reply[24];
	struct wire out = wire_encoder(reply, 0, sizeof(reply));

	if (proto_server_validate(&conn, slice_of(data, size), &out))
		MUST(size >= 26 && out.pos == 24);
	if (nt_ok(proto_client_validate_rsp(&conn, slice_of(data, size))))
		MUST(size >= 24);
	return 0;
}

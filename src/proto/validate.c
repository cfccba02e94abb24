/* FSCTL_VALIDATE_NEGOTIATE_INFO, [MS-SMB2] 2.2.31.4, 2.2.32.6, 3.3.5.15.12, 3.2.5.5, 3.2.5.14.12: repeats, signed, what
 * NEGOTIATE said unsigned. Called by the server's and the client's IOCTL code. Any difference means that somebody
 * meddled. */
#include "proto/negotiate.h"

enum { RESPONSE_BYTES = 24 };

/* 2.2.31.4 */
struct validate_req {
	uint32_t capabilities;
	struct guid guid;
	uint16_t security_mode, dialect_count;
};

static void validate_req_code(struct wire *w, struct validate_req *m)
{
	wire_u32(w, "Capabilities", &m->capabilities);
	wire_guid(w, "Guid", &m->guid);
	wire_u16(w, "SecurityMode", &m->security_mode);
	wire_u16(w, "DialectCount", &m->dialect_count);
}

/* 2.2.32.6 */
struct validate_rsp {
	uint32_t capabilities;
	struct guid guid;
	uint16_t security_mode, dialect;
};

static void validate_rsp_code(struct wire *w, struct validate_rsp *m)
{
	wire_u32(w, "Capabilities", &m->capabilities);
	wire_guid(w, "Guid", &m->guid);
	wire_u16(w, "SecurityMode", &m->security_mode);
	wire_u16(w, "Dialect", &m->dialect);
}

/* After the SMB1 form that led to 2.0.2 nothing of the client is known, and its list of dialects alone tells (inventory
 * G041). */
static bool client_is_the_same(const struct proto_conn *conn, const struct validate_req *m)
{
	if (conn->smb1_negotiated && conn->dialect == SMB2_DIALECT_202)
		return true;
	return m->capabilities == conn->client_capabilities && m->security_mode == conn->client_security_mode &&
	       guid_equal(&m->guid, &conn->client_guid);
}

bool proto_server_validate(const struct proto_conn *conn, struct slice input, struct wire *out)
{
	struct wire in = wire_decoder(input.data, 0, input.len, NULL);
	struct validate_rsp rsp = {
		conn->server_capabilities, conn->server_guid, conn->server_security_mode, conn->dialect};
	struct validate_req req;
	uint16_t dialects[64];

	validate_req_code(&in, &req);
	if (!wire_ok(&in) || req.dialect_count > ARRAY_LEN(dialects))
		return false;
	for (uint16_t i = 0; i < req.dialect_count; i++)
		wire_u16(&in, "Dialects", &dialects[i]);
	if (!wire_ok(&in) || !client_is_the_same(conn, &req))
		return false;
	if (proto_greatest_common(conn->min_dialect, conn->max_dialect, dialects, req.dialect_count) != conn->dialect)
		return false;
	if (wire_left(out) < RESPONSE_BYTES)
		return false;
	validate_rsp_code(out, &rsp);
	return wire_ok(out);
}

void proto_client_validate_req(const struct proto_conn *conn, struct wire *out)
{
	struct validate_req req = {
		conn->client_capabilities, conn->client_guid, conn->client_security_mode, conn->offered_count};

	validate_req_code(out, &req);
	for (uint16_t i = 0; i < conn->offered_count; i++) {
		uint16_t dialect = conn->offered_dialects[i];

		wire_u16(out, "Dialects", &dialect);
	}
}

ntstatus proto_client_validate_rsp(const struct proto_conn *conn, struct slice output)
{
	struct wire in = wire_decoder(output.data, 0, output.len, NULL);
	struct validate_rsp rsp;

	validate_rsp_code(&in, &rsp);
	if (!wire_ok(&in))
		return STATUS_INVALID_NETWORK_RESPONSE;
	if (rsp.capabilities != conn->server_capabilities || rsp.security_mode != conn->server_security_mode ||
		rsp.dialect != conn->dialect || !guid_equal(&rsp.guid, &conn->server_guid))
		return STATUS_ACCESS_DENIED;
	return STATUS_SUCCESS;
}

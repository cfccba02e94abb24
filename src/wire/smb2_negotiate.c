/* NEGOTIATE. [MS-SMB2] 2.2.3, 2.2.4. The eight bytes behind ClientGuid are ClientStartTime, or with 3.1.1 among the dialects
 * the place of the contexts; the lists themselves are in smb2_negotiate_ctx.c. */
#include "wire/smb2.h"

static bool offers_311(const struct smb2_negotiate_req *m)
{
	for (size_t i = 0; i < m->dialect_count && i < ARRAY_LEN(m->dialects); i++) {
		if (m->dialects[i] == SMB2_DIALECT_311)
			return true;
	}
	return false;
}

/* 2.2.3, 2.2.4: the list of contexts has an offset but no length: it runs to the end of the message. */
static void contexts_code(struct wire *w, size_t offset_at, uint32_t offset, struct slice *contexts)
{
	if (w->dir == WIRE_DECODE) {
		*contexts = slice_of("", 0);
		if (!wire_ok(w))
			return;
		if (offset < w->pos || offset > w->end)
			wire_fail(w, STATUS_INVALID_PARAMETER, "NegotiateContextOffset");
		else
			*contexts = slice_of(w->base + offset, w->end - offset);
		return;
	}
	wire_align(w, 8);
	wire_patch(w, "NegotiateContextOffset", offset_at, 4, w->pos);
	wire_rest(w, "NegotiateContextList", contexts);
}

/* [MS-SMB2] 2.2.3. More than 64 dialects are malformed, as Windows has it. */
void smb2_negotiate_req_code(struct wire *w, struct smb2_negotiate_req *m)
{
	uint64_t place = 0;
	size_t place_at;

	wire_struct_size(w, 36);
	wire_count16(w, "DialectCount", &m->dialect_count, ARRAY_LEN(m->dialects));
	wire_u16(w, "SecurityMode", &m->security_mode);
	wire_reserved(w, 2);
	wire_u32(w, "Capabilities", &m->capabilities);
	wire_guid(w, "ClientGuid", &m->client_guid);
	place_at = w->pos;
	if (w->dir == WIRE_ENCODE)
		place = offers_311(m) ? (uint64_t)m->context_count << 32 : m->client_start_time;
	if (w->dir != WIRE_PRINT)
		wire_u64(w, "ClientStartTime", &place);
	for (size_t i = 0; i < m->dialect_count && i < ARRAY_LEN(m->dialects); i++) {
		wire_u16(w, "Dialect", &m->dialects[i]);
		if (w->dir == WIRE_GENERATE && wire_random(w, 3) == 0)
			m->dialects[i] = SMB2_DIALECT_311;
	}
	if (w->dir == WIRE_DECODE || w->dir == WIRE_GENERATE) {
		m->client_start_time = offers_311(m) ? 0 : place;
		m->context_count = offers_311(m) ? (uint16_t)(place >> 32) : 0;
		m->contexts = slice_of("", 0);
	}
	if (offers_311(m)) {
		contexts_code(w, place_at, (uint32_t)place, &m->contexts);
	} else if (w->dir == WIRE_PRINT) {
		wire_time(w, "ClientStartTime", &m->client_start_time);
	}
}

/* [MS-SMB2] 2.2.4 */
void smb2_negotiate_rsp_code(struct wire *w, struct smb2_negotiate_rsp *m)
{
	struct wire_ref security = {0};
	uint32_t offset = 0;
	size_t offset_at;

	wire_struct_size(w, 65);
	wire_u16(w, "SecurityMode", &m->security_mode);
	wire_u16(w, "DialectRevision", &m->dialect_revision);
	if (w->dir == WIRE_GENERATE && wire_random(w, 2) == 0)
		m->dialect_revision = SMB2_DIALECT_311;
	wire_u16(w, "NegotiateContextCount", &m->context_count);
	wire_guid(w, "ServerGuid", &m->server_guid);
	wire_u32(w, "Capabilities", &m->capabilities);
	wire_u32(w, "MaxTransactSize", &m->max_transact_size);
	wire_u32(w, "MaxReadSize", &m->max_read_size);
	wire_u32(w, "MaxWriteSize", &m->max_write_size);
	wire_time(w, "SystemTime", &m->system_time);
	wire_time(w, "ServerStartTime", &m->server_start_time);
	wire_ref_offset(w, "SecurityBufferOffset", &security, 2);
	wire_ref_length(w, "SecurityBufferLength", &security, 2);
	offset_at = w->pos;
	if (w->dir == WIRE_DECODE || w->dir == WIRE_ENCODE)
		wire_u32(w, "NegotiateContextOffset", &offset);
	wire_buffer(w, "SecurityBuffer", &security, 1, &m->security_buffer);
	if (m->dialect_revision == SMB2_DIALECT_311) {
		contexts_code(w, offset_at, offset, &m->contexts);
	} else if (w->dir == WIRE_DECODE || w->dir == WIRE_GENERATE) {
		m->context_count = 0; /* reserved in other dialects, and not always zero */
		m->contexts = slice_of("", 0);
	}
}

/* Headers and syntaxes of DCE/RPC PDUs, see pdu.h ([MS-RPCE] 2.2.2.3, C706 12.6.3). */
#include "rpc/pdu.h"

const struct rpc_syntax rpc_syntax_ndr = { /* 8a885d04-1ceb-11c9-9fe8-08002b104860 */
	{{0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, 0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60}}, 2};
const struct rpc_syntax rpc_syntax_srvsvc = { /* 4b324fc8-1670-01d3-1278-5a47bf6ee188 */
	{{0xc8, 0x4f, 0x32, 0x4b, 0x70, 0x16, 0xd3, 0x01, 0x12, 0x78, 0x5a, 0x47, 0xbf, 0x6e, 0xe1, 0x88}}, 3};
const struct rpc_syntax rpc_syntax_wkssvc = { /* 6bffd098-a112-3610-9833-46c3f87e345a */
	{{0x98, 0xd0, 0xff, 0x6b, 0x12, 0xa1, 0x10, 0x36, 0x98, 0x33, 0x46, 0xc3, 0xf8, 0x7e, 0x34, 0x5a}}, 1};

void rpc_header_code(struct wire *w, struct rpc_header *h)
{
	wire_u8(w, "rpc_vers", &h->version);
	wire_u8(w, "rpc_vers_minor", &h->version_minor);
	wire_u8(w, "PTYPE", &h->ptype);
	wire_u8(w, "pfc_flags", &h->flags);
	wire_bytes(w, "packed_drep", h->drep, sizeof(h->drep));
	wire_u16(w, "frag_length", &h->frag_len);
	wire_u16(w, "auth_length", &h->auth_len);
	wire_u32(w, "call_id", &h->call_id);
}

void rpc_syntax_code(struct wire *w, struct rpc_syntax *s)
{
	wire_guid(w, "if_uuid", &s->uuid);
	wire_u32(w, "if_version", &s->version);
}

bool rpc_syntax_equal(const struct rpc_syntax *a, const struct rpc_syntax *b)
{
	return a->version == b->version && guid_equal(&a->uuid, &b->uuid);
}

void rpc_pdu_begin(struct wire *w, uint8_t ptype, uint8_t flags, uint32_t call_id)
{
	struct rpc_header h = {.version = 5, .ptype = ptype, .flags = flags, .drep = {0x10}, .call_id = call_id};

	rpc_header_code(w, &h);
}

void rpc_pdu_end(struct wire *w, size_t start)
{
	wire_patch(w, "frag_length", start + 8, 2, w->pos - start);
}

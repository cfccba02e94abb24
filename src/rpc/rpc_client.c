/* The calling side of srvsvc: bind, and NetrShareEnum level 1 ([MS-SRVS] 3.1.4.8), for `hythe shares` and the client library.
 * Encodes into the caller's buffer and decodes what came back; the bytes travel elsewhere. */
#include "rpc/ndr.h"
#include "rpc/pdu.h"

#include <stdio.h>
#include <stdlib.h>

enum { SHARES_MAX = 100000, STUB_MAX = 64 * 1024 * 1024 };

/* C706 12.6.4.3 */
size_t rpc_client_bind(uint8_t *out, size_t cap)
{
	struct wire w = wire_encoder(out, 0, cap);
	struct rpc_syntax abstract = rpc_syntax_srvsvc, transfer = rpc_syntax_ndr;
	uint16_t frag = RPC_FRAG_MAX, context = 0;
	uint8_t one = 1;

	rpc_pdu_begin(&w, RPC_BIND, RPC_FIRST_FRAG | RPC_LAST_FRAG, 1);
	wire_u16(&w, "max_xmit_frag", &frag);
	wire_u16(&w, "max_recv_frag", &frag);
	wire_reserved(&w, 4); /* assoc_group_id: a new one */
	wire_u8(&w, "n_context_elem", &one);
	wire_reserved(&w, 3);
	wire_u16(&w, "p_cont_id", &context);
	wire_u8(&w, "n_transfer_syn", &one);
	wire_reserved(&w, 1);
	rpc_syntax_code(&w, &abstract);
	rpc_syntax_code(&w, &transfer);
	rpc_pdu_end(&w, 0);
	return wire_ok(&w) ? w.pos : 0;
}

/* The header of a PDU at w->pos, checked, and the PDU's body as a window. Moves w behind it. */
static struct wire pdu_take(struct wire *w, struct rpc_header *h)
{
	size_t start = w->pos, end;
	struct wire body;

	rpc_header_code(w, h);
	if (wire_ok(w) && (h->version != 5 || h->frag_len < RPC_HEADER_LEN || (h->drep[0] & 0xf0) != 0x10))
		wire_fail(w, STATUS_INVALID_NETWORK_RESPONSE, "header");
	end = h->frag_len;
	if (wire_ok(w) && h->auth_len != 0) {
		if ((size_t)h->auth_len + 8 > end - RPC_HEADER_LEN)
			wire_fail(w, STATUS_INVALID_NETWORK_RESPONSE, "auth_length");
		else
			end -= (size_t)h->auth_len + 8;
	}
	body = wire_window(w, w->pos, wire_ok(w) ? end - RPC_HEADER_LEN : 0);
	wire_adopt(w, &body);
	if (wire_ok(w) && start + h->frag_len > w->end)
		wire_fail(w, STATUS_INVALID_NETWORK_RESPONSE, "frag_length");
	if (wire_ok(w))
		w->pos = start + h->frag_len;
	return body;
}

/* C706 12.6.4.4 */
ntstatus rpc_client_bind_ack(struct slice in)
{
	struct wire w = wire_decoder(in.data, 0, in.len, NULL), body;
	struct rpc_syntax transfer;
	struct rpc_header h;
	uint16_t address_len, result, reason;
	uint8_t n;

	body = pdu_take(&w, &h);
	if (!wire_ok(&w))
		return STATUS_INVALID_NETWORK_RESPONSE;
	if (h.ptype == RPC_BIND_NAK || h.ptype == RPC_FAULT)
		return STATUS_NOT_SUPPORTED;
	if (h.ptype != RPC_BIND_ACK)
		return STATUS_INVALID_NETWORK_RESPONSE;
	wire_reserved(&body, 8); /* fragment sizes, assoc_group_id */
	wire_u16(&body, "sec_addr length", &address_len);
	wire_reserved(&body, address_len);
	wire_align(&body, 4);
	wire_u8(&body, "n_results", &n);
	wire_reserved(&body, 3);
	wire_u16(&body, "result", &result);
	wire_u16(&body, "reason", &reason);
	rpc_syntax_code(&body, &transfer);
	if (!wire_ok(&body) || n != 1)
		return STATUS_INVALID_NETWORK_RESPONSE;
	return result == 0 && rpc_syntax_equal(&transfer, &rpc_syntax_ndr) ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED;
}

/* The stub of a request has a base of its own, by which NDR aligns. */
static void share_enum_stub(struct wire *w, const char *server, uint32_t resume)
{
	char unc[300];

	snprintf(unc, sizeof(unc), "\\\\%s", server);
	if (ndr_pointer(w, "ServerName", true))
		ndr_string_put(w, unc);
	ndr_put_u32(w, 1); /* Level */
	ndr_put_u32(w, 1); /* the union's arm */
	(void)ndr_pointer(w, "Container", true);
	ndr_put_u32(w, 0);
	(void)ndr_pointer(w, "Buffer", false);
	ndr_put_u32(w, UINT32_MAX); /* PreferedMaximumLength */
	(void)ndr_pointer(w, "ResumeHandle", true);
	ndr_put_u32(w, resume);
}

/* C706 12.6.4.9 */
size_t rpc_client_share_enum(uint8_t *out, size_t cap, const char *server, uint32_t resume)
{
	struct wire w = wire_encoder(out, 0, cap), stub;
	uint16_t context = 0, opnum = 15;

	rpc_pdu_begin(&w, RPC_REQUEST, RPC_FIRST_FRAG | RPC_LAST_FRAG, 2);
	ndr_put_u32(&w, 0); /* alloc_hint */
	wire_u16(&w, "p_cont_id", &context);
	wire_u16(&w, "opnum", &opnum);
	stub = wire_window_rebased(&w, w.pos, w.end - w.pos);
	share_enum_stub(&stub, server, resume);
	wire_adopt(&w, &stub);
	if (!wire_ok(&w))
		return 0;
	w.pos += stub.pos;
	rpc_pdu_end(&w, 0);
	return wire_ok(&w) ? w.pos : 0;
}

static ntstatus status_of_fault(uint32_t code)
{
	switch (code) {
	case RPC_FAULT_ACCESS_DENIED:
		return STATUS_ACCESS_DENIED;
	case RPC_NCA_OP_RNG_ERROR:
	case RPC_NCA_UNK_IF:
		return STATUS_NOT_SUPPORTED;
	default:
		return STATUS_INVALID_NETWORK_RESPONSE;
	}
}

static ntstatus status_of_werror(uint32_t code)
{
	switch (code) {
	case WERR_OK:
		return STATUS_SUCCESS;
	case WERR_ACCESS_DENIED:
		return STATUS_ACCESS_DENIED;
	case WERR_INVALID_LEVEL:
		return STATUS_NOT_SUPPORTED;
	case WERR_MORE_DATA:
		return STATUS_BUFFER_OVERFLOW;
	default:
		return STATUS_UNSUCCESSFUL;
	}
}

/* Puts the stubs of all fragments into one piece of the arena. */
static ntstatus stub_join(struct slice in, struct arena *a, struct slice *stub)
{
	struct wire w = wire_decoder(in.data, 0, in.len, NULL);
	uint8_t *p = arena_alloc(a, in.len);
	struct rpc_header h = {0};
	size_t n = 0;

	if (p == NULL)
		return STATUS_NO_MEMORY;
	do {
		struct wire body = pdu_take(&w, &h);
		uint32_t code;
		struct slice piece;

		wire_reserved(&body, 8); /* alloc_hint, p_cont_id, cancel_count */
		if (wire_ok(&body) && h.ptype == RPC_FAULT) {
			wire_u32(&body, "status", &code);
			return wire_ok(&body) ? status_of_fault(code) : STATUS_INVALID_NETWORK_RESPONSE;
		}
		wire_rest(&body, "stub data", &piece);
		if (!wire_ok(&w) || !wire_ok(&body) || h.ptype != RPC_RESPONSE || (n == 0) != ((h.flags & RPC_FIRST_FRAG) != 0))
			return STATUS_INVALID_NETWORK_RESPONSE;
		if (piece.len == 0 && !(h.flags & RPC_LAST_FRAG))
			return STATUS_INVALID_NETWORK_RESPONSE;
		if (piece.len != 0)
			memcpy(p + n, piece.data, piece.len);
		n += piece.len;
	} while (!(h.flags & RPC_LAST_FRAG));
	*stub = slice_of(p, n);
	return STATUS_SUCCESS;
}

/* SHARE_INFO_1_CONTAINER ([MS-SRVS] 2.2.4.33): n fixed parts, then the strings */
static void shares_decode(struct wire *w, uint32_t n, struct rpc_share *s, struct arena *a)
{
	/* Two bits an element: which of its strings are there */
	uint8_t *there = arena_zalloc(a, n);

	if (there == NULL) {
		wire_fail(w, STATUS_NO_MEMORY, "shares");
		return;
	}
	for (uint32_t i = 0; i < n && wire_ok(w); i++) {
		there[i] = ndr_pointer(w, "shi1_netname", false) ? 1 : 0;
		ndr_u32(w, "shi1_type", &s[i].type);
		there[i] |= ndr_pointer(w, "shi1_remark", false) ? 2 : 0;
	}
	for (uint32_t i = 0; i < n && wire_ok(w); i++) {
		if (there[i] & 1)
			(void)rpc_text_take(s[i].name, sizeof(s[i].name), ndr_string_get(w, "shi1_netname"));
		if (there[i] & 2)
			(void)rpc_text_take(s[i].remark, sizeof(s[i].remark), ndr_string_get(w, "shi1_remark"));
	}
}

ntstatus rpc_client_share_enum_rsp(struct slice in, struct arena *a, struct rpc_share **shares, size_t *n)
{
	uint32_t level, arm, count = 0, max, total, resume, werror;
	struct slice stub;
	struct wire w;
	ntstatus st;

	*shares = NULL;
	*n = 0;
	if (in.len > STUB_MAX)
		return STATUS_INVALID_NETWORK_RESPONSE;
	st = stub_join(in, a, &stub);
	if (!nt_ok(st))
		return st;
	w = wire_decoder(stub.data, 0, stub.len, a);
	ndr_u32(&w, "Level", &level);
	ndr_u32(&w, "ShareInfo", &arm);
	if (level != 1 || arm != 1)
		wire_fail(&w, STATUS_INVALID_NETWORK_RESPONSE, "Level");
	if (ndr_pointer(&w, "Container", false)) {
		ndr_u32(&w, "EntriesRead", &count);
		if (ndr_pointer(&w, "Buffer", false)) {
			ndr_u32(&w, "max_count", &max);
			if (max != count || count > SHARES_MAX)
				wire_fail(&w, STATUS_INVALID_NETWORK_RESPONSE, "EntriesRead");
			*shares = wire_array(&w, "Buffer", count, sizeof(**shares), 12, NULL);
			if (wire_ok(&w) && count != 0)
				shares_decode(&w, count, *shares, a);
		} else {
			count = 0;
		}
	}
	ndr_u32(&w, "TotalEntries", &total);
	if (ndr_pointer(&w, "ResumeHandle", false))
		ndr_u32(&w, "ResumeHandle", &resume);
	ndr_u32(&w, "status", &werror);
	if (!wire_ok(&w))
		return nt_is(w.error, STATUS_NO_MEMORY) ? STATUS_NO_MEMORY : STATUS_INVALID_NETWORK_RESPONSE;
	*n = count;
	return status_of_werror(werror);
}

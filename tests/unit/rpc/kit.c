/* See kit.h. */
#include "kit.h"

static bool share_at(void *arg, size_t i, struct rpc_share *out)
{
	const struct kit *k = arg;

	*out = (struct rpc_share){.max_uses = UINT32_MAX};
	if (i >= k->shares)
		return false;
	if (i == 0) {
		out->type = 0x80000003u;
		snprintf(out->name, sizeof(out->name), "IPC$");
	} else if (i == 1) {
		snprintf(out->name, sizeof(out->name), "docs");
		snprintf(out->remark, sizeof(out->remark), "Gr\xc3\xb6\xc3\x9f" "e");
		snprintf(out->path, sizeof(out->path), "C:\\srv\\docs");
		out->current_uses = 3;
	} else {
		snprintf(out->name, sizeof(out->name), "share%zu", i);
	}
	return true;
}

void kit_start(struct kit *k)
{
	memset(k, 0, sizeof(*k));
	arena_init(&k->arena, NULL, 0, 0);
	clock_virtual_init(&k->clock);
	k->clock.start_filetime = 133444736000000000u; /* 2023-11-14 22:13:20 UTC */
	k->shares = 2;
	k->host = (struct rpc_host){.share_at = share_at, .arg = k, .server_name = "HYTHE", .comment = "", .clock = &k->clock.clock};
}

void kit_stop(struct kit *k)
{
	rpc_pipe_close(k->p);
	arena_reset(&k->arena);
}

void kit_open(struct kit *k, const char *pipe)
{
	rpc_pipe_close(k->p);
	k->p = rpc_pipe_open(pipe, &k->host);
	assert_non_null(k->p);
}

struct slice kit_hex(struct kit *k, const char *hex)
{
	size_t n = strlen(hex) / 2;
	uint8_t *p = arena_alloc(&k->arena, n);

	assert_non_null(p);
	assert_true(bytes_from_hex(p, n, hex));
	return slice_of(p, n);
}

ntstatus kit_say(struct kit *k, const char *hex)
{
	return rpc_pipe_write(k->p, kit_hex(k, hex));
}

void kit_hear(struct kit *k)
{
	ntstatus st = rpc_pipe_read(k->p, k->heard, sizeof(k->heard), &k->heard_len);

	assert_int_equal(st.code, 0);
	assert_int_equal(load_le16(k->heard + 8), k->heard_len);
}

void kit_bind(struct kit *k, const char *pipe, uint16_t max_recv_frag)
{
	uint8_t bind[128];
	size_t n = rpc_client_bind(bind, sizeof(bind));

	kit_open(k, pipe);
	assert_int_equal(n, 72);
	store_le16(bind + 18, max_recv_frag);
	if (strcmp(pipe, "wkssvc") == 0) {
		memcpy(bind + 32, rpc_syntax_wkssvc.uuid.b, 16);
		store_le32(bind + 48, 1);
	}
	assert_true(nt_ok(rpc_pipe_write(k->p, slice_of(bind, n))));
	kit_hear(k);
	assert_true(nt_ok(rpc_client_bind_ack(slice_of(k->heard, k->heard_len))));
}

ntstatus kit_call(struct kit *k, uint16_t opnum, uint8_t flags, struct slice stub)
{
	uint8_t *p = arena_alloc(&k->arena, stub.len + 64);
	struct wire w = wire_encoder(p, 0, stub.len + 64);
	uint16_t context = 0;

	rpc_pdu_begin(&w, RPC_REQUEST, flags, 7);
	ndr_put_u32(&w, 0);
	wire_u16(&w, "context", &context);
	wire_u16(&w, "opnum", &opnum);
	wire_view(&w, "stub", stub.len, &stub);
	rpc_pdu_end(&w, 0);
	assert_true(wire_ok(&w));
	return rpc_pipe_write(k->p, slice_of(p, w.pos));
}

uint32_t kit_fault(const struct kit *k)
{
	return k->heard[2] == RPC_FAULT ? load_le32(k->heard + 24) : 0;
}

struct wire kit_stub(struct kit *k)
{
	assert_int_equal(k->heard[2], RPC_RESPONSE);
	return wire_decoder(k->heard + RPC_CALL_HEADER_LEN, 0, k->heard_len - RPC_CALL_HEADER_LEN, NULL);
}

void kit_expect_text(struct wire *w, const char *text)
{
	char got[600];

	assert_true(rpc_text_take(got, sizeof(got), ndr_string_get(w, "text")));
	assert_string_equal(got, text);
}

uint32_t kit_u32(struct wire *w)
{
	uint32_t v;

	ndr_u32(w, "number", &v);
	assert_true(wire_ok(w));
	return v;
}

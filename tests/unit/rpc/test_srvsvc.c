/* srvsvc and wkssvc: the requests that Samba's client sends, every information level, resuming, and what is refused. */
#include "kit.h"
#include "samba.h"

static int setup(void **state)
{
	struct kit *k = malloc(sizeof(*k));

	assert_non_null(k);
	kit_start(k);
	kit_bind(k, "srvsvc", RPC_FRAG_MAX);
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	kit_stop(*state);
	free(*state);
	return 0;
}

static struct wire answer(struct kit *k, const char *request)
{
	assert_int_equal(kit_say(k, request).code, 0);
	kit_hear(k);
	assert_int_equal(load_le32(k->heard + 12), load_le32(kit_hex(k, request).data + 12)); /* call_id */
	assert_int_equal(k->heard[3], RPC_FIRST_FRAG | RPC_LAST_FRAG);
	return kit_stub(k);
}

/* The beginning of NetrShareEnum's answer; n shares. */
static void expect_container(struct wire *w, uint32_t level, uint32_t n)
{
	assert_int_equal(kit_u32(w), level);
	assert_int_equal(kit_u32(w), level);
	assert_int_not_equal(kit_u32(w), 0);
	assert_int_equal(kit_u32(w), n);
	assert_int_not_equal(kit_u32(w), 0);
	assert_int_equal(kit_u32(w), n);
}

static void expect_end(struct wire *w, uint32_t total, bool has_resume, uint32_t resume, uint32_t code)
{
	assert_int_equal(kit_u32(w), total);
	assert_int_equal(kit_u32(w) != 0, has_resume);
	if (has_resume)
		assert_int_equal(kit_u32(w), resume);
	assert_int_equal(kit_u32(w), code);
	assert_int_equal(wire_left(w), 0);
}

static void test_smbclient_lists_shares(void **state)
{
	struct kit *k = *state;
	struct wire w = answer(k, samba_share_enum_1);

	expect_container(&w, 1, 2);
	assert_int_not_equal(kit_u32(&w), 0);
	assert_int_equal(kit_u32(&w), 0x80000003u);
	assert_int_not_equal(kit_u32(&w), 0);
	assert_int_not_equal(kit_u32(&w), 0);
	assert_int_equal(kit_u32(&w), 0);
	assert_int_not_equal(kit_u32(&w), 0);
	kit_expect_text(&w, "IPC$");
	kit_expect_text(&w, "");
	kit_expect_text(&w, "docs");
	kit_expect_text(&w, "Gr\xc3\xb6\xc3\x9f" "e");
	expect_end(&w, 2, true, 0, WERR_OK);
}

static void test_sticky_enumeration_lists_the_same(void **state)
{
	struct kit *k = *state;
	struct wire w = answer(k, samba_share_enum_sticky_1);

	expect_container(&w, 1, 2);
}

/* Level 2: paths are for administrators. */
static void expect_level_2(struct kit *k, const char *path)
{
	struct wire w = answer(k, samba_share_enum_2);

	expect_container(&w, 2, 2);
	for (int i = 0; i < 2; i++) {
		static const uint32_t uses[] = {0, 3};

		assert_int_not_equal(kit_u32(&w), 0);
		(void)kit_u32(&w);
		assert_int_not_equal(kit_u32(&w), 0);
		assert_int_equal(kit_u32(&w), 0);
		assert_int_equal(kit_u32(&w), UINT32_MAX);
		assert_int_equal(kit_u32(&w), uses[i]);
		assert_int_not_equal(kit_u32(&w), 0);
		assert_int_equal(kit_u32(&w), 0);
	}
	kit_expect_text(&w, "IPC$");
	kit_expect_text(&w, "");
	kit_expect_text(&w, "");
	kit_expect_text(&w, "docs");
	kit_expect_text(&w, "Gr\xc3\xb6\xc3\x9f" "e");
	kit_expect_text(&w, path);
	expect_end(&w, 2, false, 0, WERR_OK);
}

static void test_paths_are_shown_to_administrators_only(void **state)
{
	struct kit *k = *state;

	expect_level_2(k, "");
	k->host.caller_is_admin = true;
	kit_bind(k, "srvsvc", RPC_FRAG_MAX);
	expect_level_2(k, "C:\\srv\\docs");
}

static void test_level_501_has_flags(void **state)
{
	struct kit *k = *state;
	struct wire w = answer(k, samba_share_enum_501);

	expect_container(&w, 501, 2);
	for (int i = 0; i < 2; i++) {
		(void)kit_u32(&w);
		(void)kit_u32(&w);
		(void)kit_u32(&w);
		assert_int_equal(kit_u32(&w), 0);
	}
	kit_expect_text(&w, "IPC$");
}

/* A NetrShareEnum stub as rpc_client.c makes it, with fields changed. */
static struct slice enum_stub(struct kit *k, uint32_t level, uint32_t arm, uint32_t preferred, uint32_t resume)
{
	uint8_t *p = arena_alloc(&k->arena, 512);
	size_t n = rpc_client_share_enum(p, 512, "h", resume), at = RPC_CALL_HEADER_LEN + 4 + 12 + 8;

	store_le32(p + at, level);
	store_le32(p + at + 4, arm);
	store_le32(p + at + 20, preferred);
	return slice_of(p + RPC_CALL_HEADER_LEN, n - RPC_CALL_HEADER_LEN);
}

static void test_every_enumeration_level_is_answered(void **state)
{
	static const uint32_t levels[] = {0, 1, 2, 501, 502, 503};
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		struct wire w;

		assert_true(nt_ok(kit_call(k, 15, RPC_FIRST_FRAG | RPC_LAST_FRAG, enum_stub(k, levels[i], levels[i], UINT32_MAX, 0))));
		kit_hear(k);
		w = kit_stub(k);
		expect_container(&w, levels[i], 2);
	}
}

static void test_unknown_levels_are_an_invalid_tag(void **state)
{
	struct kit *k = *state;

	assert_true(nt_ok(kit_call(k, 15, RPC_FIRST_FRAG | RPC_LAST_FRAG, enum_stub(k, 77, 77, UINT32_MAX, 0))));
	kit_hear(k);
	assert_int_equal(kit_fault(k), RPC_NCA_INVALID_TAG);
	assert_true(nt_ok(kit_call(k, 15, RPC_FIRST_FRAG | RPC_LAST_FRAG, enum_stub(k, 1, 2, UINT32_MAX, 0))));
	kit_hear(k);
	assert_int_equal(kit_fault(k), RPC_NCA_INVALID_TAG);
	assert_true(nt_ok(kit_call(k, 15, RPC_FIRST_FRAG | RPC_LAST_FRAG, enum_stub(k, 1005, 1005, UINT32_MAX, 0))));
	kit_hear(k);
	assert_int_equal(kit_fault(k), RPC_NCA_INVALID_TAG);
}

static void test_a_short_buffer_gives_a_part_and_a_resume_handle(void **state)
{
	struct kit *k = *state;
	uint32_t resume = 0, calls = 0, seen = 0, code;

	k->shares = 20;
	do {
		uint8_t fragment[RPC_FRAG_MAX];
		struct rpc_share *s;
		size_t n;
		ntstatus st;

		assert_true(nt_ok(kit_call(k, 15, RPC_FIRST_FRAG | RPC_LAST_FRAG, enum_stub(k, 1, 1, 100, resume))));
		kit_hear(k);
		memcpy(fragment, k->heard, k->heard_len);
		st = rpc_client_share_enum_rsp(slice_of(fragment, k->heard_len), &k->arena, &s, &n);
		assert_true(nt_ok(st) || nt_is(st, STATUS_BUFFER_OVERFLOW));
		assert_in_range(n, 1, 19);
		seen += (uint32_t)n;
		code = load_le32(k->heard + k->heard_len - 4);
		resume = load_le32(k->heard + k->heard_len - 8);
		assert_int_equal(load_le32(k->heard + k->heard_len - 16), 20 - (seen - n)); /* TotalEntries: what is left from here */
		calls++;
	} while (code == WERR_MORE_DATA && calls < 30);
	assert_int_equal(code, WERR_OK);
	assert_int_equal(resume, 0);
	assert_int_equal(seen, 20);
	assert_true(calls > 5);
}

static void test_resuming_behind_the_end_gives_nothing(void **state)
{
	struct kit *k = *state;
	struct wire w;

	assert_true(nt_ok(kit_call(k, 15, RPC_FIRST_FRAG | RPC_LAST_FRAG, enum_stub(k, 1, 1, UINT32_MAX, UINT32_MAX))));
	kit_hear(k);
	w = kit_stub(k);
	assert_int_equal(kit_u32(&w), 1);
	assert_int_equal(kit_u32(&w), 1);
	assert_int_not_equal(kit_u32(&w), 0);
	assert_int_equal(kit_u32(&w), 0);
	assert_int_equal(kit_u32(&w), 0);
	expect_end(&w, 0, true, 0, WERR_OK);
}

/* --- NetrShareGetInfo --- */

static struct slice get_info_stub(struct kit *k, const char *name, uint32_t level)
{
	uint8_t *p = arena_alloc(&k->arena, 1024);
	struct wire w = wire_encoder(p, 0, 1024);

	(void)ndr_pointer(&w, "ServerName", false);
	ndr_string_put(&w, name);
	ndr_put_u32(&w, level);
	assert_true(wire_ok(&w));
	return slice_of(p, w.pos);
}

static struct wire get_info(struct kit *k, const char *name, uint32_t level)
{
	assert_true(nt_ok(kit_call(k, 16, RPC_FIRST_FRAG | RPC_LAST_FRAG, get_info_stub(k, name, level))));
	kit_hear(k);
	return kit_stub(k);
}

static void test_share_info_in_every_level(void **state)
{
	static const uint32_t levels[] = {0, 1, 2, 501, 502, 503, 1004, 1005, 1006};
	static const size_t sizes[] = {4, 12, 32, 16, 40, 44, 4, 4, 4};
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		struct wire w = get_info(k, "DOCS", levels[i]);

		assert_int_equal(kit_u32(&w), levels[i]);
		assert_int_not_equal(kit_u32(&w), 0);
		wire_reserved(&w, sizes[i]);
		if (levels[i] < 1000)
			kit_expect_text(&w, "docs");
		if (levels[i] == 1004 || (levels[i] != 0 && levels[i] < 1000))
			kit_expect_text(&w, "Gr\xc3\xb6\xc3\x9f" "e");
		if (levels[i] == 2 || levels[i] == 502 || levels[i] == 503)
			kit_expect_text(&w, "");
		if (levels[i] == 503)
			kit_expect_text(&w, "*");
		assert_int_equal(kit_u32(&w), WERR_OK);
		assert_int_equal(wire_left(&w), 0);
	}
}

static void expect_no_info(struct kit *k, const char *name, uint32_t level, uint32_t code)
{
	struct wire w = get_info(k, name, level);

	assert_int_equal(kit_u32(&w), level);
	assert_int_equal(kit_u32(&w), 0);
	assert_int_equal(kit_u32(&w), code);
	assert_int_equal(wire_left(&w), 0);
}

static void test_share_info_of_unknown_shares_and_levels(void **state)
{
	struct kit *k = *state;
	struct wire w;

	expect_no_info(k, "nothing", 1, WERR_NET_NAME_NOT_FOUND);
	expect_no_info(k, "", 1, WERR_NET_NAME_NOT_FOUND);
	expect_no_info(k, "docs", 3, WERR_INVALID_LEVEL);
	w = answer(k, samba_share_get_info_502); /* "share" */
	assert_int_equal(kit_u32(&w), 502);
	assert_int_equal(kit_u32(&w), 0);
	assert_int_equal(kit_u32(&w), WERR_NET_NAME_NOT_FOUND);
}

/* --- NetrServerGetInfo, NetrRemoteTOD, wkssvc --- */

static void test_server_info_101_as_rpcclient_asks(void **state)
{
	struct kit *k = *state;
	struct wire w = answer(k, samba_server_get_info_101);

	assert_int_equal(kit_u32(&w), 101);
	assert_int_not_equal(kit_u32(&w), 0);
	assert_int_equal(kit_u32(&w), 500);
	assert_int_not_equal(kit_u32(&w), 0);
	(void)kit_u32(&w);
	(void)kit_u32(&w);
	assert_int_equal(kit_u32(&w) & 0x2, 0x2); /* SV_TYPE_SERVER */
	assert_int_not_equal(kit_u32(&w), 0);
	kit_expect_text(&w, "HYTHE");
	kit_expect_text(&w, "");
	assert_int_equal(kit_u32(&w), WERR_OK);
	assert_int_equal(wire_left(&w), 0);
}

static void test_server_info_in_every_level(void **state)
{
	static const uint32_t levels[] = {100, 101, 102, 99, 103, 503};
	static const size_t sizes[] = {8, 24, 52};
	struct kit *k = *state;
	uint8_t stub[8] = {0};

	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		struct wire w;

		store_le32(stub + 4, levels[i]);
		assert_true(nt_ok(kit_call(k, 21, RPC_FIRST_FRAG | RPC_LAST_FRAG, slice_of(stub, 8))));
		kit_hear(k);
		w = kit_stub(k);
		assert_int_equal(kit_u32(&w), levels[i]);
		if (i > 2) {
			assert_int_equal(kit_u32(&w), 0);
			assert_int_equal(kit_u32(&w), WERR_INVALID_LEVEL);
			continue;
		}
		assert_int_not_equal(kit_u32(&w), 0);
		wire_reserved(&w, sizes[i]);
		kit_expect_text(&w, "HYTHE");
		if (i >= 1)
			kit_expect_text(&w, "");
		if (i >= 2)
			kit_expect_text(&w, "C:\\");
		assert_int_equal(kit_u32(&w), WERR_OK);
		assert_int_equal(wire_left(&w), 0);
	}
}

static void test_time_of_day_is_the_clocks(void **state)
{
	static const uint32_t want[] = {22, 13, 20, 0, 0, 310, 14, 11, 2023, 2};
	struct kit *k = *state;
	struct wire w = answer(k, samba_remote_tod);

	assert_int_not_equal(kit_u32(&w), 0);
	assert_int_equal(kit_u32(&w), 1700000000);
	(void)kit_u32(&w);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_int_equal(kit_u32(&w), want[i]);
	assert_int_equal(kit_u32(&w), WERR_OK);
	assert_int_equal(wire_left(&w), 0);
}

static void test_workstation_info(void **state)
{
	struct kit *k = *state;
	struct wire w;

	kit_bind(k, "wkssvc", RPC_FRAG_MAX);
	w = answer(k, samba_wksta_get_info_100);
	assert_int_equal(kit_u32(&w), 100);
	wire_reserved(&w, 24);
	kit_expect_text(&w, "HYTHE");
	kit_expect_text(&w, "WORKGROUP");
	assert_int_equal(kit_u32(&w), WERR_OK);
}

/* --- what is refused --- */

static void test_unknown_operations_are_out_of_range(void **state)
{
	struct kit *k = *state;
	bool known[64] = {[15] = true, [16] = true, [21] = true, [28] = true, [36] = true};

	for (uint16_t op = 0; op < 64; op++) {
		assert_true(nt_ok(kit_call(k, op, RPC_FIRST_FRAG | RPC_LAST_FRAG, slice_of(NULL, 0))));
		kit_hear(k);
		assert_int_equal(kit_fault(k), known[op] ? RPC_FAULT_BAD_STUB_DATA : RPC_NCA_OP_RNG_ERROR);
	}
	assert_true(nt_ok(kit_say(k, samba_name_validate)));
	kit_hear(k);
	assert_int_equal(kit_fault(k), RPC_NCA_OP_RNG_ERROR);
}

/* Every request cut at every byte, and every byte changed: an answer or a fault, and the pipe goes on. */
static void test_damaged_stubs_are_answered(void **state)
{
	static const char *const requests[] = {samba_share_enum_1, samba_share_get_info_502, samba_server_get_info_101, samba_remote_tod};
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		struct slice r = kit_hex(k, requests[i]);
		uint16_t op = load_le16(r.data + 22);
		size_t n = r.len - RPC_CALL_HEADER_LEN;

		for (size_t cut = 0; cut <= n; cut++) {
			uint8_t *exact = malloc(cut + 1);

			memcpy(exact, r.data + RPC_CALL_HEADER_LEN, cut);
			assert_true(nt_ok(kit_call(k, op, RPC_FIRST_FRAG | RPC_LAST_FRAG, slice_of(exact, cut))));
			kit_hear(k);
			assert_int_equal(kit_fault(k), cut == n ? 0 : RPC_FAULT_BAD_STUB_DATA);
			for (int change = 1; cut < n && change < 256; change += 127) {
				uint8_t copy[256];

				memcpy(copy, r.data + RPC_CALL_HEADER_LEN, n);
				copy[cut] ^= (uint8_t)change;
				assert_true(nt_ok(kit_call(k, op, RPC_FIRST_FRAG | RPC_LAST_FRAG, slice_of(copy, n))));
				while (rpc_pipe_available(k->p) != 0)
					kit_hear(k);
			}
			free(exact);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_smbclient_lists_shares, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sticky_enumeration_lists_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(test_paths_are_shown_to_administrators_only, setup, teardown),
		cmocka_unit_test_setup_teardown(test_level_501_has_flags, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_enumeration_level_is_answered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_levels_are_an_invalid_tag, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_short_buffer_gives_a_part_and_a_resume_handle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resuming_behind_the_end_gives_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_share_info_in_every_level, setup, teardown),
		cmocka_unit_test_setup_teardown(test_share_info_of_unknown_shares_and_levels, setup, teardown),
		cmocka_unit_test_setup_teardown(test_server_info_101_as_rpcclient_asks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_server_info_in_every_level, setup, teardown),
		cmocka_unit_test_setup_teardown(test_time_of_day_is_the_clocks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_workstation_info, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_operations_are_out_of_range, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_stubs_are_answered, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

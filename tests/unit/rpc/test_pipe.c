/* The pipe: binding, fragments in and out, reading by pieces, and peers that speak nonsense. */
#include "kit.h"
#include "samba.h"

static int setup(void **state)
{
	struct kit *k = malloc(sizeof(*k));

	assert_non_null(k);
	kit_start(k);
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	kit_stop(*state);
	free(*state);
	return 0;
}

static void test_only_our_pipes_open_in_any_case(void **state)
{
	struct kit *k = *state;

	kit_open(k, "srvsvc");
	kit_open(k, "SrvSvc");
	kit_open(k, "WKSSVC");
	assert_null(rpc_pipe_open("lsarpc", &k->host));
	assert_null(rpc_pipe_open("", &k->host));
	assert_null(rpc_pipe_open("srvsvcx", &k->host));
}

/* --- bind --- */

static void expect_result(struct kit *k, size_t i, uint16_t result, uint16_t reason)
{
	const uint8_t *p = k->heard + 16 + 10 + load_le16(k->heard + 24);

	p = k->heard + round_up((size_t)(p - k->heard), 4);
	assert_true(p[0] > i);
	assert_int_equal(load_le16(p + 4 + 24 * i), result);
	assert_int_equal(load_le16(p + 4 + 24 * i + 2), reason);
	if (result == 0)
		assert_memory_equal(p + 4 + 24 * i + 4, rpc_syntax_ndr.uuid.b, 16);
}

#define CONTEXT_NDR "00000100c84f324b7016d30112785a47bf6ee18803000000045d888aeb1cc9119fe808002b10486002000000"
#define CONTEXT_NDR64 "01000100c84f324b7016d30112785a47bf6ee1880300000033057171babe37498319b5dbef9ccc3601000000"
#define CONTEXT_FEATURES "02000100c84f324b7016d30112785a47bf6ee188030000002c1cb76c12984045030000000000000001000000"
#define CONTEXT_OTHER "0300010098d0ff6b12a11036983346c3f87e345a01000000045d888aeb1cc9119fe808002b10486002000000"
#define CONTEXT_WRONG_VERSION "04000100c84f324b7016d30112785a47bf6ee18804000000045d888aeb1cc9119fe808002b10486002000000"

/* Windows offers NDR, NDR64 and its features in contexts of their own ([MS-RPCE] 3.3.1.5.3). */
static void test_bind_accepts_ndr_and_answers_the_rest_as_windows_expects(void **state)
{
	struct kit *k = *state;

	kit_open(k, "srvsvc");
	assert_true(nt_ok(kit_say(k, "05000b0310000000f800000001000000b810b8100000000005000000" CONTEXT_NDR CONTEXT_NDR64 CONTEXT_FEATURES CONTEXT_OTHER
		CONTEXT_WRONG_VERSION)));
	kit_hear(k);
	assert_int_equal(k->heard[2], RPC_BIND_ACK);
	assert_memory_equal(k->heard + 26, "\\PIPE\\srvsvc", 13);
	assert_int_not_equal(load_le32(k->heard + 20), 0); /* assoc_group_id */
	expect_result(k, 0, 0, 0);
	expect_result(k, 1, 2, 2);
	expect_result(k, 2, 3, 0);
	expect_result(k, 3, 2, 1);
	expect_result(k, 4, 2, 1);
}

/* [MS-SMB2] 4.4: a bind of 116 bytes is answered with 92, a call of 68 with 112. */
/* Backs: F004. */
static void test_the_exchange_of_the_smb2_specification_has_its_sizes(void **state)
{
	struct kit *k = *state;
	size_t got;

	k->host.server_name = "SMB2SERVER";
	kit_open(k, "srvsvc");
	assert_true(nt_ok(kit_say(k, "05000b03100000007400000001000000b810b8100000000002000000" CONTEXT_NDR CONTEXT_FEATURES)));
	assert_true(nt_ok(rpc_pipe_read(k->p, k->heard, 1024, &got)));
	assert_int_equal(got, 92);
	/* NetrServerGetInfo level 101 of "SMB2SERVER" */
	assert_true(nt_ok(kit_say(k, "0500000310000000440000000100000000000000000015000000020"
				     "00b000000000000000b00000053004d00420032005300450052005600450052000000000065000000")));
	assert_true(nt_ok(rpc_pipe_read(k->p, k->heard, 1024, &got)));
	assert_int_equal(got, 112);
	assert_int_equal(k->heard[2], RPC_RESPONSE);
}

static void test_samba_binds(void **state)
{
	struct kit *k = *state;

	kit_open(k, "srvsvc");
	assert_true(nt_ok(kit_say(k, samba_bind_srvsvc)));
	kit_hear(k);
	expect_result(k, 0, 0, 0);
	kit_open(k, "wkssvc");
	assert_true(nt_ok(kit_say(k, samba_bind_wkssvc)));
	kit_hear(k);
	expect_result(k, 0, 0, 0);
}

static void test_bind_with_security_is_told_that_there_is_none(void **state)
{
	struct kit *k = *state;

	/* NTLM at level privacy behind one context */
	kit_open(k, "srvsvc");
	assert_true(nt_ok(kit_say(k, "05000b0310000000540004000100" "0000b810b8100000000001000000" CONTEXT_NDR "0a06000000000000" "4e544c4d")));
	kit_hear(k);
	assert_int_equal(k->heard[2], RPC_BIND_NAK);
	assert_int_equal(load_le16(k->heard + 16), 8);
	assert_true(nt_is(rpc_client_bind_ack(slice_of(k->heard, k->heard_len)), STATUS_NOT_SUPPORTED));
}

static void test_a_second_bind_and_calls_before_the_first_are_faults(void **state)
{
	struct kit *k = *state;

	kit_open(k, "srvsvc");
	assert_true(nt_ok(kit_say(k, samba_share_enum_1)));
	kit_hear(k);
	assert_int_equal(kit_fault(k), RPC_NCA_PROTO_ERROR);
	kit_bind(k, "srvsvc", RPC_FRAG_MAX);
	assert_true(nt_ok(kit_say(k, samba_bind_srvsvc)));
	kit_hear(k);
	assert_int_equal(kit_fault(k), RPC_NCA_PROTO_ERROR);
}

static void test_alter_context_adds_a_context(void **state)
{
	struct kit *k = *state;
	uint8_t request[512];
	struct slice enumeration = kit_hex(k, samba_share_enum_1);

	kit_bind(k, "srvsvc", RPC_FRAG_MAX);
	memcpy(request, enumeration.data, enumeration.len);
	request[20] = 9; /* a context that nobody agreed on */
	assert_true(nt_ok(rpc_pipe_write(k->p, slice_of(request, enumeration.len))));
	kit_hear(k);
	assert_int_equal(kit_fault(k), RPC_NCA_UNK_IF);
	assert_true(nt_ok(kit_say(k, "05000e03100000004800000001000000b810b8100000000001000000"
				     "09000100c84f324b7016d30112785a47bf6ee18803000000045d888aeb1cc9119fe808002b10486002000000")));
	kit_hear(k);
	assert_int_equal(k->heard[2], RPC_ALTER_CONTEXT_RESP);
	expect_result(k, 0, 0, 0);
	assert_true(nt_ok(rpc_pipe_write(k->p, slice_of(request, enumeration.len))));
	kit_hear(k);
	assert_int_equal(k->heard[2], RPC_RESPONSE);
	assert_int_equal(load_le16(k->heard + 20), 9);
}

static void test_a_call_with_a_security_trailer_is_refused(void **state)
{
	struct kit *k = *state;
	uint8_t request[512];
	struct slice e = kit_hex(k, samba_share_enum_1);

	kit_bind(k, "srvsvc", RPC_FRAG_MAX);
	memset(request, 0, sizeof(request));
	memcpy(request, e.data, e.len);
	store_le16(request + 8, (uint16_t)(e.len + 24));
	store_le16(request + 10, 16);
	assert_true(nt_ok(rpc_pipe_write(k->p, slice_of(request, e.len + 24))));
	kit_hear(k);
	assert_int_equal(kit_fault(k), RPC_FAULT_ACCESS_DENIED);
}

/* --- fragments --- */

static void test_bytes_may_come_one_at_a_time(void **state)
{
	struct kit *k = *state;
	struct slice bind = kit_hex(k, samba_bind_srvsvc), call = kit_hex(k, samba_share_enum_1);

	kit_open(k, "srvsvc");
	for (size_t i = 0; i < bind.len; i++)
		assert_true(nt_ok(rpc_pipe_write(k->p, slice_of(bind.data + i, 1))));
	kit_hear(k);
	for (size_t i = 0; i < call.len; i++) {
		assert_int_equal(rpc_pipe_available(k->p), 0);
		assert_true(nt_ok(rpc_pipe_write(k->p, slice_of(call.data + i, 1))));
	}
	kit_hear(k);
	assert_int_equal(k->heard[2], RPC_RESPONSE);
}

static void test_several_pdus_may_come_in_one_write(void **state)
{
	struct kit *k = *state;
	uint8_t both[512];
	struct slice bind = kit_hex(k, samba_bind_srvsvc), call = kit_hex(k, samba_share_enum_1);

	kit_open(k, "srvsvc");
	memcpy(both, bind.data, bind.len);
	memcpy(both + bind.len, call.data, call.len);
	assert_true(nt_ok(rpc_pipe_write(k->p, slice_of(both, bind.len + call.len))));
	kit_hear(k);
	assert_int_equal(k->heard[2], RPC_BIND_ACK);
	kit_hear(k);
	assert_int_equal(k->heard[2], RPC_RESPONSE);
	assert_int_equal(rpc_pipe_available(k->p), 0);
}

static void test_a_call_may_come_in_fragments(void **state)
{
	struct kit *k = *state;
	struct slice call = kit_hex(k, samba_share_enum_1), stub = slice_of(call.data + 24, call.len - 24);

	kit_bind(k, "srvsvc", RPC_FRAG_MAX);
	for (size_t i = 0; i < stub.len; i++) {
		uint8_t flags = (uint8_t)((i == 0 ? RPC_FIRST_FRAG : 0) | (i + 1 == stub.len ? RPC_LAST_FRAG : 0));

		assert_int_equal(rpc_pipe_available(k->p), 0);
		assert_true(nt_ok(kit_call(k, 15, flags, slice_of(stub.data + i, 1))));
	}
	kit_hear(k);
	assert_int_equal(k->heard[2], RPC_RESPONSE);
}

static void test_a_call_without_end_is_cut_off(void **state)
{
	static const uint8_t piece[4000];
	struct kit *k = *state;
	ntstatus st = STATUS_SUCCESS;
	int i;

	kit_bind(k, "srvsvc", RPC_FRAG_MAX);
	for (i = 0; i < 100 && nt_ok(st); i++)
		st = kit_call(k, 15, i == 0 ? RPC_FIRST_FRAG : 0, slice_of(piece, sizeof(piece)));
	assert_int_equal(st.code, STATUS_INSUFFICIENT_RESOURCES.code);
	assert_in_range(i, 15, 18);
	assert_true(nt_is(kit_call(k, 15, RPC_FIRST_FRAG, slice_of(piece, 1)), STATUS_PIPE_BROKEN));
}

static void test_a_short_read_gets_the_rest_of_the_message_later(void **state)
{
	struct kit *k = *state;
	uint8_t whole[RPC_FRAG_MAX], pieces[RPC_FRAG_MAX];
	size_t len, n, got = 0;
	ntstatus st;

	kit_bind(k, "srvsvc", RPC_FRAG_MAX);
	assert_true(nt_is(rpc_pipe_read(k->p, pieces, sizeof(pieces), &n), STATUS_PIPE_EMPTY));
	assert_true(nt_ok(kit_say(k, samba_share_enum_1)));
	len = rpc_pipe_available(k->p);
	assert_true(nt_ok(rpc_pipe_read(k->p, whole, sizeof(whole), &n)));
	assert_int_equal(n, len);
	assert_true(nt_ok(kit_say(k, samba_share_enum_1)));
	assert_true(nt_is(rpc_pipe_read(k->p, pieces, 0, &n), STATUS_BUFFER_OVERFLOW));
	do {
		st = rpc_pipe_read(k->p, pieces + got, 7, &n);
		got += n;
		assert_int_equal(rpc_pipe_available(k->p), len - got);
	} while (nt_is(st, STATUS_BUFFER_OVERFLOW));
	assert_true(nt_ok(st));
	assert_int_equal(got, len);
	assert_memory_equal(whole, pieces, len);
	assert_true(nt_is(rpc_pipe_read(k->p, pieces, 7, &n), STATUS_PIPE_EMPTY));
}

static void expect_fragments(struct kit *k, uint16_t frag_max)
{
	uint8_t *all = malloc(1 << 22), request[256];
	size_t len = 0, pieces = 0, n;
	struct rpc_share *s;
	uint8_t flags;

	kit_bind(k, "srvsvc", frag_max);
	n = rpc_client_share_enum(request, sizeof(request), "hythe", 0);
	assert_true(nt_ok(rpc_pipe_write(k->p, slice_of(request, n))));
	do {
		kit_hear(k);
		assert_in_range(k->heard_len, RPC_CALL_HEADER_LEN, frag_max < RPC_FRAG_MAX ? frag_max : RPC_FRAG_MAX);
		flags = k->heard[3];
		assert_int_equal((flags & RPC_FIRST_FRAG) != 0, pieces == 0);
		assert_int_equal((k->heard_len - RPC_CALL_HEADER_LEN) % 8 == 0 || (flags & RPC_LAST_FRAG), true);
		memcpy(all + len, k->heard, k->heard_len);
		len += k->heard_len;
		pieces++;
	} while (!(flags & RPC_LAST_FRAG));
	assert_true(pieces > 3);
	assert_int_equal(rpc_pipe_available(k->p), 0);
	assert_true(nt_ok(rpc_client_share_enum_rsp(slice_of(all, len), &k->arena, &s, &n)));
	assert_int_equal(n, k->shares);
	assert_string_equal(s[1].name, "docs");
	assert_string_equal(s[1].remark, "Gr\xc3\xb6\xc3\x9f" "e");
	assert_string_equal(s[k->shares - 1].name, "share999");
	free(all);
}

static void test_long_answers_come_in_fragments_of_the_clients_size(void **state)
{
	struct kit *k = *state;

	k->shares = 1000;
	expect_fragments(k, RPC_FRAG_MAX);
	expect_fragments(k, RPC_FRAG_MIN);
	expect_fragments(k, 65535);
}

static void test_a_client_with_too_small_fragments_is_turned_away(void **state)
{
	struct kit *k = *state;

	kit_open(k, "srvsvc");
	assert_true(nt_ok(kit_say(k, "05000b03100000004800000001000000b810970500000000" "01000000" CONTEXT_NDR)));
	kit_hear(k);
	assert_int_equal(k->heard[2], RPC_BIND_NAK);
}

static void test_answers_that_nobody_reads_are_bounded(void **state)
{
	struct kit *k = *state;
	ntstatus st = STATUS_SUCCESS;
	int i;

	k->shares = 1000;
	kit_bind(k, "srvsvc", RPC_FRAG_MAX);
	for (i = 0; i < 1000 && nt_ok(st); i++)
		st = kit_say(k, samba_share_enum_1);
	assert_int_equal(st.code, STATUS_INSUFFICIENT_RESOURCES.code);
	assert_in_range(i, 3, 20);
	kit_bind(k, "srvsvc", RPC_FRAG_MAX);
	for (i = 0, st = STATUS_SUCCESS; i < 100000 && nt_ok(st); i++)
		st = kit_say(k, samba_name_validate);
	assert_int_equal(st.code, STATUS_INSUFFICIENT_RESOURCES.code);
	assert_in_range(i, 100, 10000);
}

static void test_an_orphaned_call_is_forgotten(void **state)
{
	struct kit *k = *state;

	kit_bind(k, "srvsvc", RPC_FRAG_MAX);
	assert_true(nt_ok(kit_call(k, 15, RPC_FIRST_FRAG, slice_of("abcd", 4))));
	assert_true(nt_ok(kit_say(k, "05001303100000001000000007000000"))); /* orphaned, call 7 */
	assert_true(nt_ok(kit_say(k, "05001203100000001000000007000000"))); /* co_cancel */
	assert_true(nt_ok(kit_say(k, samba_share_enum_1)));
	kit_hear(k);
	assert_int_equal(k->heard[2], RPC_RESPONSE);
}

/* --- nonsense --- */

static void expect_broken(struct kit *k, const char *hex)
{
	kit_bind(k, "srvsvc", RPC_FRAG_MAX);
	assert_int_equal(kit_say(k, hex).code, STATUS_PIPE_BROKEN.code);
	assert_true(nt_is(kit_say(k, samba_share_enum_1), STATUS_PIPE_BROKEN));
	assert_true(nt_is(rpc_pipe_read(k->p, k->heard, 10, &k->heard_len), STATUS_PIPE_BROKEN));
}

static void test_nonsense_breaks_the_pipe(void **state)
{
	struct kit *k = *state;

	expect_broken(k, "04000003100000002000000001000000");          /* version 4 */
	expect_broken(k, "05000003000000002000000001000000");          /* integers with the high byte first */
	expect_broken(k, "05000003100000000f00000001000000");          /* shorter than its header */
	expect_broken(k, "0500000310000000ffff000001000000");          /* longer than any fragment */
	expect_broken(k, "05000203100000001000000001000000");          /* a response */
	expect_broken(k, "05000003100000001000000001000000");          /* a request without its fields */
	expect_broken(k, "0500000310000000180010000100000000000000" "00000f00"); /* a security trailer longer than the PDU */
	expect_broken(k, "0500000010000000180000000100000000000000" "00000f00"); /* a middle fragment without a first */
	expect_broken(k, "05000e03100000001c00000001000000b810b8100000000000000000"); /* no contexts */
	expect_broken(k, "05000e03100000001c00000001000000b810b81000000000ff000000"); /* 255 contexts, none there */
}

static void test_random_bytes_never_harm(void **state)
{
	struct kit *k = *state;
	uint32_t seed = 1;

	for (int i = 0; i < 20000; i++) {
		uint8_t bytes[120];
		size_t n = (size_t)i % 120, done;

		if (i % 8 == 0)
			kit_bind(k, "srvsvc", RPC_FRAG_MAX);
		for (size_t j = 0; j < n; j++) {
			seed = seed * 1664525 + 1013904223;
			bytes[j] = (uint8_t)(seed >> 24);
		}
		if (n > 24 && i % 3 != 0) {
			memcpy(bytes, "\x05\x00\x00\x03\x10\x00\x00\x00", 8);
			bytes[2] = (uint8_t)(i % 20);
			store_le16(bytes + 8, (uint16_t)n);
			store_le16(bytes + 10, 0);
			store_le16(bytes + 20, 0);
			store_le16(bytes + 22, (uint16_t)(i % 40));
		}
		(void)nt_ok(rpc_pipe_write(k->p, slice_of(bytes, n)));
		while (rpc_pipe_available(k->p) != 0)
			(void)nt_ok(rpc_pipe_read(k->p, k->heard, sizeof(k->heard), &done));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_only_our_pipes_open_in_any_case, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bind_accepts_ndr_and_answers_the_rest_as_windows_expects, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_exchange_of_the_smb2_specification_has_its_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_samba_binds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bind_with_security_is_told_that_there_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_second_bind_and_calls_before_the_first_are_faults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_alter_context_adds_a_context, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_call_with_a_security_trailer_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bytes_may_come_one_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_several_pdus_may_come_in_one_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_call_may_come_in_fragments, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_call_without_end_is_cut_off, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_short_read_gets_the_rest_of_the_message_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_answers_come_in_fragments_of_the_clients_size, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_client_with_too_small_fragments_is_turned_away, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answers_that_nobody_reads_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_orphaned_call_is_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nonsense_breaks_the_pipe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random_bytes_never_harm, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

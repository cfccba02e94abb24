/* The calling side: what smbd answers, and answers that are damaged. */
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

static void test_bind_is_what_samba_sends(void **state)
{
	struct kit *k = *state;
	uint8_t bind[72];

	assert_int_equal(rpc_client_bind(bind, sizeof(bind)), 72);
	assert_true(slice_equal(slice_of(bind, 72), kit_hex(k, samba_bind_srvsvc)));
	assert_int_equal(rpc_client_bind(bind, 71), 0);
}

static void test_smbd_accepts_the_bind(void **state)
{
	struct kit *k = *state;

	assert_true(nt_ok(rpc_client_bind_ack(kit_hex(k, smbd_bind_ack))));
}

static void test_smbd_lists_its_shares(void **state)
{
	struct kit *k = *state;
	struct rpc_share *s;
	size_t n;

	assert_true(nt_ok(rpc_client_share_enum_rsp(kit_hex(k, smbd_share_enum_1), &k->arena, &s, &n)));
	assert_int_equal(n, 22);
	assert_string_equal(s[0].name, "share");
	assert_string_equal(s[0].remark, "main test share");
	assert_int_equal(s[0].type, 0);
	assert_string_equal(s[21].name, "IPC$");
	assert_int_equal(s[21].type, 0x80000003u);
	assert_string_equal(s[21].remark, "IPC Service (h1 reference)");
}

static void test_damaged_answers_are_refused_or_read(void **state)
{
	struct kit *k = *state;
	struct slice ack = kit_hex(k, smbd_bind_ack), list = kit_hex(k, smbd_share_enum_1);
	struct rpc_share *s;
	size_t n;

	for (size_t cut = 0; cut < ack.len; cut++) {
		uint8_t *exact = malloc(cut + 1);

		memcpy(exact, ack.data, cut);
		assert_true(nt_error(rpc_client_bind_ack(slice_of(exact, cut))));
		free(exact);
	}
	for (size_t cut = 0; cut < list.len; cut += 3) {
		uint8_t *exact = malloc(cut + 1);

		memcpy(exact, list.data, cut);
		assert_true(nt_error(rpc_client_share_enum_rsp(slice_of(exact, cut), &k->arena, &s, &n)));
		assert_int_equal(n, 0);
		free(exact);
		arena_reset(&k->arena);
		list = kit_hex(k, smbd_share_enum_1);
	}
	for (size_t at = 0; at < list.len; at++) {
		uint8_t *p = (uint8_t *)(uintptr_t)list.data;

		for (int change = 1; change < 256; change *= 2) {
			p[at] ^= (uint8_t)change;
			(void)nt_ok(rpc_client_share_enum_rsp(list, &k->arena, &s, &n));
			p[at] ^= (uint8_t)change;
		}
		arena_reset(&k->arena);
		list = kit_hex(k, smbd_share_enum_1);
	}
}

static void test_faults_and_errors_become_statuses(void **state)
{
	struct kit *k = *state;
	struct rpc_share *s;
	size_t n;

	assert_true(nt_is(rpc_client_share_enum_rsp(kit_hex(k, "050003231000000020000000020000002000000000000000050000000000000" "0"), &k->arena, &s, &n),
		STATUS_ACCESS_DENIED));
	assert_true(nt_is(rpc_client_share_enum_rsp(kit_hex(k, "050003231000000020000000020000002000000000000000020001" "1c00000000"), &k->arena, &s, &n),
		STATUS_NOT_SUPPORTED));
	/* WERR_ACCESS_DENIED and an empty container */
	assert_true(nt_is(rpc_client_share_enum_rsp(kit_hex(k, "0500020310000000380000000200000020000000000000000100000001000000"
		"000002000000000000000000000000000000000005000000"), &k->arena, &s, &n), STATUS_ACCESS_DENIED));
	assert_int_equal(n, 0);
}

static void test_an_element_count_beyond_the_bytes_allocates_nothing(void **state)
{
	struct kit *k = *state;
	struct rpc_share *s;
	size_t n;

	/* Level 1, container, 100,000 entries in a stub of 60 bytes */
	assert_true(nt_is(rpc_client_share_enum_rsp(kit_hex(k, "0500020310000000540000000200000020000000000000000100000001000000"
		"00000200a086010000000200a0860100" "0000000000000000000000000000000000000000000000000000000000000000" "00000000"), &k->arena, &s, &n),
		STATUS_INVALID_NETWORK_RESPONSE));
	assert_in_range(k->arena.total_bytes, 0, 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bind_is_what_samba_sends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_smbd_accepts_the_bind, setup, teardown),
		cmocka_unit_test_setup_teardown(test_smbd_lists_its_shares, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_answers_are_refused_or_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_faults_and_errors_become_statuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_element_count_beyond_the_bytes_allocates_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

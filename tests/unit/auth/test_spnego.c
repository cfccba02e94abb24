/* SPNEGO tokens: what Windows and Samba send, DER that is not DER, and round trips. */
#include "kit.h"

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

static struct slice hex(struct kit *k, const char *text)
{
	size_t n = strlen(text) / 2;
	uint8_t *p = arena_alloc(&k->arena, n);

	assert_true(bytes_from_hex(p, n, text));
	return slice_of(p, n);
}

/* A Windows client that offers NEGOEX, Kerberos twice and NTLM, with a token for the first. */
static void test_a_windows_offer_of_four_mechanisms(void **state)
{
	struct kit *k = *state;
	struct spnego_init m;

	assert_true(spnego_init_decode(hex(k, "604606062b0601050502a03c303aa030302e"
		"060a2b06010401823702021e" "06092a864882f712010202" "06092a864886f712010202" "060a2b06010401823702020a"
		"a2060404" "4e45474f"), &m));
	assert_true(m.ntlm_offered && !m.ntlm_first);
	assert_int_equal(m.mech_types.len, 0x30);
	assert_int_equal(m.mech_token.len, 4);
	assert_null(m.mech_list_mic.data);
}

static void test_mech_list_mic_in_either_place(void **state)
{
	struct kit *k = *state;
	struct spnego_init m;

	/* [3] OCTET STRING as RFC 4178 has it, [3] negHints and [4] as [MS-SPNG] has it, reqFlags in between */
	assert_true(spnego_init_decode(hex(k, "602406062b0601050502a01a3018a00e300c060a2b06010401823702020aa3060404" "01020304"), &m));
	assert_int_equal(m.mech_list_mic.len, 4);
	assert_true(m.ntlm_first);
	assert_true(spnego_init_decode(hex(k, "603306062b0601050502a0293027a00e300c060a2b06010401823702020aa1040302" "0640"
		"a3073005a0031b0161" "a4060404" "01020304"), &m));
	assert_int_equal(m.mech_list_mic.len, 4);
}

static void test_tokens_survive_a_round_trip(void **state)
{
	static const size_t sizes[] = {0, 1, 100, 127, 128, 255, 256, 1000, 65535};
	struct kit *k = *state;
	uint8_t *bytes = malloc(65535);

	memset(bytes, 0x5a, 65535);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct spnego_resp in = {.state = (enum spnego_state)(i % 4), .response_token = slice_of(bytes, sizes[i])}, out;
		struct spnego_init init;

		if (i % 2)
			in.supported_mech = spnego_ntlm_oid;
		if (i % 3)
			in.mech_list_mic = slice_of(bytes, 16);
		assert_true(spnego_resp_decode(spnego_resp_encode(&k->arena, &in), &out));
		assert_int_equal(out.state, in.state);
		assert_true(slice_equal(out.response_token, in.response_token));
		assert_true(slice_equal(out.supported_mech, in.supported_mech));
		assert_true(slice_equal(out.mech_list_mic, in.mech_list_mic));
		assert_true(spnego_init_decode(spnego_init_encode(&k->arena, in.response_token), &init));
		assert_true(slice_equal(init.mech_token, in.response_token));
		assert_true(slice_equal(init.mech_types, spnego_ntlm_mech_types));
		assert_true(init.ntlm_first);
	}
	free(bytes);
}

static void test_an_empty_response_has_no_state(void **state)
{
	struct kit *k = *state;
	struct spnego_resp m;

	assert_true(spnego_resp_decode(hex(k, "a1023000"), &m));
	assert_int_equal(m.state, SPNEGO_NO_STATE);
	assert_null(m.response_token.data);
}

static void test_der_that_is_not_der_is_refused(void **state)
{
	static const char *const bad[] = {
		"a1800000",                 /* indefinite length */
		"a181023000",               /* a length that is not minimal */
		"a18200023000",
		"a1850000000002",           /* four and more bytes of length */
		"a1033000",                 /* more than there is */
		"a1013000",                 /* less than inside */
		"a102300000",               /* bytes left over */
		"a103300000",
		"a10730050403" "0a0102",    /* a field that is not one of ours */
		"a1073005a0030a0104",       /* negState 4 */
		"a1083006a0040a020000",     /* negState in two bytes */
		"a1073005a003020102",       /* INTEGER instead of ENUMERATED */
		"a10e300ca2030401" "00a0050a03000000", /* wrong order */
		"a2023000",                 /* another choice */
		"3000",
		"60",
		"",
	};
	struct kit *k = *state;
	struct spnego_resp m;
	struct spnego_init i;

	for (size_t n = 0; n < ARRAY_LEN(bad); n++) {
		if (spnego_resp_decode(hex(k, bad[n]), &m) || spnego_init_decode(hex(k, bad[n]), &i))
			fail_msg("%s was taken", bad[n]);
	}
	/* The OID of Kerberos where SPNEGO's belongs, and a list that is no list */
	assert_false(spnego_init_decode(hex(k, "602006092a864886f712010202a0133011a00f300d060b2b0601040182370202" "0a00"), &i));
	assert_false(spnego_init_decode(hex(k, "601606062b0601050502a00c300aa008a006a004a002a000"), &i));
}

/* Deep nesting ends where our structures end. */
static void test_nesting_does_not_recurse(void **state)
{
	uint8_t deep[3000];
	struct spnego_init m;

	(void)state;
	for (size_t i = 0; i < sizeof(deep); i += 4) {
		size_t rest = sizeof(deep) - i - 4;

		deep[i] = i == 0 ? 0x60 : 0x30;
		deep[i + 1] = 0x82;
		deep[i + 2] = (uint8_t)(rest >> 8);
		deep[i + 3] = (uint8_t)rest;
	}
	assert_false(spnego_init_decode(slice_of(deep, sizeof(deep)), &m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_windows_offer_of_four_mechanisms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mech_list_mic_in_either_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tokens_survive_a_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_empty_response_has_no_state, setup, teardown),
		cmocka_unit_test_setup_teardown(test_der_that_is_not_der_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nesting_does_not_recurse, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

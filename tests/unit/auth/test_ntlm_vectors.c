/* The NTLMv2 examples of [MS-NLMP] 4.2.4, and the shapes of messages that clients really send. */
#include "kit.h"

#include "crypto/crypto.h"

#define U(s) u16(s, sizeof(s) - 1)

/* ASCII to UTF-16LE; a few buffers in turn. */
static struct slice u16(const char *text, size_t n)
{
	static uint8_t bufs[8][64];
	static unsigned next;
	uint8_t *p = bufs[next++ % 8];

	return slice_of(p, utf8_to_utf16(p, sizeof(bufs[0]), text, n));
}

static void from_hex(void *out, size_t n, const char *hex)
{
	assert_int_equal(strlen(hex), 2 * n);
	assert_true(bytes_from_hex(out, n, hex));
}

static const uint8_t server_challenge[8] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
static const char temp_hex[] = "01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e0001000c005300650072007600"
			       "650072000000000000000000";
static const char challenge_hex[] =
	"4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef00000000000000002400240044000000060070170000000f5300650072007600"
	"6500720002000c0044006f006d00610069006e0001000c0053006500720076006500720000000000";
static const char authenticate_hex[] =
	"4e544c4d5353500003000000180018006c00000054005400840000000c000c00480000000800080054000000100010005c00000010001000d8000000358288e2"
	"0501280a0000000f44006f006d00610069006e00550073006500720043004f004d0050005500540045005200"
	"86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa"
	"68cd0ab851e51c96aabc927bebef6a1c01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e0001000c00"
	"5300650072007600650072000000000000000000"
	"c5dad2544fc9799094ce1ce90bc9d03e";

/* [MS-NLMP] 4.2.4.1.1, 4.2.2.1.2 */
static void test_ntowfv2_is_that_of_the_specification(void **state)
{
	uint8_t nt[16], out[16], want[16];

	(void)state;
	assert_true(nt_ok(user_nt_hash("Password", nt)));
	from_hex(want, 16, "a4f49c406510bdcab6824ee7c30fd852");
	assert_memory_equal(nt, want, 16);
	assert_true(nt_ok(ntlm_ntowfv2(nt, U("User"), U("Domain"), out)));
	from_hex(want, 16, "0c868a403bfd7a93a3001ef22ef02e3f");
	assert_memory_equal(out, want, 16);
	assert_true(nt_ok(ntlm_ntowfv2(nt, U("uSER"), U("Domain"), out)));
	assert_memory_equal(out, want, 16);
	assert_true(nt_ok(ntlm_ntowfv2(nt, U("User"), U("DOMAIN"), out)));
	assert_memory_not_equal(out, want, 16);
}

/* [MS-NLMP] 4.2.4.1.3, 4.2.4.2 */
/* Backs: D017. */
static void test_response_and_session_key_are_those_of_the_specification(void **state)
{
	uint8_t nt[16], ntowf[16], temp[68], proof[16], key[16], lm[24], exported[16], encrypted[16], want[24];
	uint8_t client_challenge[8];

	(void)state;
	memset(client_challenge, 0xaa, sizeof(client_challenge));
	assert_true(nt_ok(user_nt_hash("Password", nt)));
	assert_true(nt_ok(ntlm_ntowfv2(nt, U("User"), U("Domain"), ntowf)));
	from_hex(temp, sizeof(temp), temp_hex);
	ntlm_proof(ntowf, server_challenge, slice_of(temp, sizeof(temp)), proof, key);
	from_hex(want, 16, "68cd0ab851e51c96aabc927bebef6a1c");
	assert_memory_equal(proof, want, 16);
	from_hex(want, 16, "8de40ccadbc14a82f15cb0ad0de95ca3");
	assert_memory_equal(key, want, 16);
	ntlm_lmv2(ntowf, server_challenge, client_challenge, lm);
	from_hex(want, 24, "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa");
	assert_memory_equal(lm, want, 24);
	memset(exported, 0x55, sizeof(exported));
	ntlm_key_exchange(key, exported, encrypted);
	from_hex(want, 16, "c5dad2544fc9799094ce1ce90bc9d03e");
	assert_memory_equal(encrypted, want, 16);
}

/* [MS-NLMP] 4.2.4.4: there the message was sealed first, with the same RC4 stream; so the signature before RC4 is compared. */
static void test_signature_is_that_of_the_specification(void **state)
{
	uint8_t key[16], seal[16], out[16], text[18 + 8], want[18];
	struct slice plain = U("Plaintext");

	(void)state;
	memset(key, 0x55, sizeof(key));
	assert_int_equal(plain.len, 18);
	assert_true(nt_ok(ntlm_signature(key, NTLM_NEGOTIATE_ESS, true, plain, out)));
	from_hex(seal, 16, "59f600973cc4960a25480a7c196e4c58");
	memcpy(text, plain.data, plain.len);
	memcpy(text + plain.len, out + 4, 8);
	crypto_rc4(slice_of(seal, 16), text, text, sizeof(text));
	from_hex(want, 18, "54e50165bf1936dc996020c1811b0f06fb5f");
	assert_memory_equal(text, want, 18);
	memcpy(out + 4, text + plain.len, 8);
	from_hex(want, 16, "010000007fb38ec5c55d497600000000");
	assert_memory_equal(out, want, 16);
	assert_true(nt_is(ntlm_signature(key, 0, true, plain, out), STATUS_NOT_SUPPORTED));
}

/* With key exchange the checksum goes through RC4 under the seal key, whose length the 128 and 56 flags decide. */
static void test_signature_depends_on_role_and_key_strength(void **state)
{
	static const uint32_t ess = NTLM_NEGOTIATE_ESS, kx = NTLM_NEGOTIATE_ESS | NTLM_NEGOTIATE_KEY_EXCH;
	const uint32_t flags[] = {ess, kx, kx | NTLM_NEGOTIATE_56, kx | NTLM_NEGOTIATE_128};
	uint8_t key[16], out[8][16];
	size_t n = 0;

	(void)state;
	memset(key, 0x33, sizeof(key));
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		assert_true(nt_ok(ntlm_signature(key, flags[i], true, slice_of("x", 1), out[n++])));
		assert_true(nt_ok(ntlm_signature(key, flags[i], false, slice_of("x", 1), out[n++])));
	}
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(out[i], out[j], 16);
	}
}

/* [MS-NLMP] 4.2.4.3 */
static void test_challenge_of_the_specification_decodes_and_encodes_back(void **state)
{
	uint8_t bytes[(sizeof(challenge_hex) - 1) / 2], again[sizeof(bytes)];
	struct ntlm_challenge m = {0};
	struct slice name;
	struct wire w;

	(void)state;
	from_hex(bytes, sizeof(bytes), challenge_hex);
	w = wire_decoder(bytes, 0, sizeof(bytes), NULL);
	ntlm_challenge_code(&w, &m);
	assert_true(wire_ok(&w));
	assert_int_equal(m.flags, 0xe28a8233);
	assert_memory_equal(m.server_challenge, server_challenge, 8);
	assert_true(slice_equal(m.target_name, U("Server")));
	assert_true(m.has_version && ntlm_av_list_ok(m.target_info));
	assert_true(ntlm_av_find(m.target_info, NTLM_AV_NB_DOMAIN_NAME, &name) && slice_equal(name, U("Domain")));
	assert_true(ntlm_av_find(m.target_info, NTLM_AV_NB_COMPUTER_NAME, &name) && slice_equal(name, U("Server")));
	assert_false(ntlm_av_find(m.target_info, NTLM_AV_TIMESTAMP, &name));
	w = wire_encoder(again, 0, sizeof(again));
	ntlm_challenge_code(&w, &m);
	assert_true(wire_ok(&w));
	assert_int_equal(w.pos, sizeof(bytes));
	assert_memory_equal(again, bytes, sizeof(bytes));
}

/* [MS-NLMP] 4.2.4.3 */
static void test_authenticate_of_the_specification_decodes_and_encodes_back(void **state)
{
	uint8_t bytes[(sizeof(authenticate_hex) - 1) / 2], again[sizeof(bytes)];
	struct ntlm_authenticate m = {0};
	struct wire w;

	(void)state;
	from_hex(bytes, sizeof(bytes), authenticate_hex);
	w = wire_decoder(bytes, 0, sizeof(bytes), NULL);
	ntlm_authenticate_code(&w, &m);
	assert_true(wire_ok(&w));
	assert_true(m.has_version && !m.has_mic && m.has_session_key);
	assert_true(slice_equal(m.user, U("User")) && slice_equal(m.domain, U("Domain")) && slice_equal(m.workstation, U("COMPUTER")));
	assert_int_equal(m.lm_response.len, 24);
	assert_int_equal(m.nt_response.len, 84);
	assert_int_equal(m.session_key.len, 16);
	w = wire_encoder(again, 0, sizeof(again));
	ntlm_authenticate_code(&w, &m);
	assert_true(wire_ok(&w));
	assert_int_equal(w.pos, sizeof(bytes));
	assert_memory_equal(again, bytes, sizeof(bytes));
}

static struct ntlm_negotiate negotiate_decode(const char *hex, bool ok)
{
	uint8_t bytes[128];
	size_t n = strlen(hex) / 2;
	struct ntlm_negotiate m = {0};
	struct wire w;

	from_hex(bytes, n, hex);
	w = wire_decoder(bytes, 0, n, NULL);
	ntlm_negotiate_code(&w, &m);
	assert_int_equal(wire_ok(&w), ok);
	m.domain = m.workstation = slice_of(NULL, 0);
	return m;
}

static void test_negotiate_may_lack_names_and_version(void **state)
{
	struct ntlm_negotiate m;

	(void)state;
	m = negotiate_decode("4e544c4d535350000100000005028862", true);
	assert_false(m.has_names || m.has_version);
	m = negotiate_decode("4e544c4d53535000010000000502886200000000000000000000000000000000", true);
	assert_true(m.has_names && !m.has_version);
	m = negotiate_decode("4e544c4d535350000100000005028862000000000000000000000000000000000601b11d0000000f", true);
	assert_true(m.has_names && m.has_version);
	/* A name where others have their version */
	m = negotiate_decode("4e544c4d5353500001000000050288620800080020000000000000000000000057524b47524f5550", true);
	assert_true(m.has_names && !m.has_version);
	negotiate_decode("4e544c4d5353500001000000050288", false);
	negotiate_decode("4e544c4d535350000200000005028862", false);
	negotiate_decode("4e544c4d535350010100000005028862", false);
	negotiate_decode("4e544c4d5353500001000000050288620900090020000000000000000000000057524b47524f5550", false);
	negotiate_decode("4e544c4d53535000010000000502886208000800ffffffff000000000000000057524b47524f5550", false);
}

static void test_av_lists_without_an_end_are_refused(void **state)
{
	static const uint8_t good[] = {7, 0, 1, 0, 9, 0, 0, 0, 0}, no_end[] = {7, 0, 1, 0, 9}, too_long[] = {7, 0, 9, 0, 9, 0, 0, 0, 0};
	struct slice v;

	(void)state;
	assert_true(ntlm_av_list_ok(slice_of(good, sizeof(good))));
	assert_true(ntlm_av_find(slice_of(good, sizeof(good)), 7, &v));
	assert_int_equal(v.len, 1);
	assert_false(ntlm_av_list_ok(slice_of(no_end, sizeof(no_end))));
	assert_false(ntlm_av_list_ok(slice_of(too_long, sizeof(too_long))));
	assert_false(ntlm_av_list_ok(slice_of(good, 0)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ntowfv2_is_that_of_the_specification),
		cmocka_unit_test(test_response_and_session_key_are_those_of_the_specification),
		cmocka_unit_test(test_signature_is_that_of_the_specification),
		cmocka_unit_test(test_signature_depends_on_role_and_key_strength),
		cmocka_unit_test(test_challenge_of_the_specification_decodes_and_encodes_back),
		cmocka_unit_test(test_authenticate_of_the_specification_decodes_and_encodes_back),
		cmocka_unit_test(test_negotiate_may_lack_names_and_version),
		cmocka_unit_test(test_av_lists_without_an_end_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Logons by an answer to a challenge, as SMB1 has them without SPNEGO: the computations of [MS-NLMP] 4.2, and what is refused. */
#include "kit.h"

#include "crypto/crypto.h"

static const uint8_t server_challenge[8] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
static const char temp_hex[] = "01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e0001000c005300650072007600"
			       "650072000000000000000000";

static struct kit k;
static struct auth_identity id;
static bool v1;

static struct slice wide(const char *s)
{
	return utf16_from_utf8_arena(&k.arena, s);
}

static struct slice from_hex(const char *hex)
{
	size_t n = strlen(hex) / 2;
	uint8_t *p = arena_alloc(&k.arena, n + 1);

	assert_true(bytes_from_hex(p, n, hex));
	return slice_of(p, n);
}

static void start(void)
{
	struct user_entry user = {.name = "User"};

	kit_start(&k);
	assert_true(nt_ok(user_nt_hash("Password", user.nt_hash)));
	assert_true(nt_ok(user_store_put(k.users, &user)));
}

static ntstatus check(const char *user, const char *domain, struct slice lm, struct slice nt, bool allow)
{
	struct auth_claim r = {.user = wide(user), .domain = wide(domain), .lm = lm, .nt = nt, .allow_ntlmv1 = allow};

	memcpy(r.challenge, server_challenge, sizeof(r.challenge));
	return auth_claim_check(&k.server, &r, &id, &v1);
}

static struct slice ntlmv2(const char *user, const char *domain, const char *password)
{
	struct slice temp = from_hex(temp_hex);
	uint8_t hash[16], ntowf[16], key[16], *p = arena_alloc(&k.arena, 16 + temp.len);

	assert_true(nt_ok(user_nt_hash(password, hash)));
	assert_true(nt_ok(ntlm_ntowfv2(hash, wide(user), wide(domain), ntowf)));
	memcpy(p + 16, temp.data, temp.len);
	ntlm_proof(ntowf, server_challenge, temp, p, key);
	return slice_of(p, 16 + temp.len);
}

static void status_is(ntstatus got, ntstatus want)
{
	assert_string_equal(hythe_status_name(got), hythe_status_name(want));
}

/* [MS-NLMP] 4.2.4.2.2, 4.2.4.1.2 */
static void test_ntlmv2_is_that_of_the_specification(void **state)
{
	struct slice nt, none = slice_of("", 0), key;
	uint8_t response[68 + 16];

	(void)state;
	start();
	memcpy(response, from_hex("68cd0ab851e51c96aabc927bebef6a1c").data, 16);
	memcpy(response + 16, from_hex(temp_hex).data, 68);
	nt = slice_of(response, sizeof(response));
	status_is(check("User", "Domain", none, nt, false), STATUS_SUCCESS);
	assert_false(v1);
	key = from_hex("8de40ccadbc14a82f15cb0ad0de95ca3");
	assert_int_equal(id.session_key_len, 16);
	assert_memory_equal(id.session_key, key.data, 16);
	response[20] ^= 1;
	status_is(check("User", "Domain", none, nt, false), STATUS_LOGON_FAILURE);
	assert_int_equal(id.session_key_len, 0);
	kit_stop(&k);
}

/* [MS-NLMP] 4.2.4.2.1 */
static void test_lmv2_alone_is_enough(void **state)
{
	(void)state;
	start();
	status_is(check("User", "Domain", from_hex("86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa"), slice_of("", 0), false), STATUS_SUCCESS);
	status_is(check("User", "Domain", from_hex("86c35097ac9cec102554764a57cccc18aaaaaaaaaaaaaaaa"), slice_of("", 0), false), STATUS_LOGON_FAILURE);
	kit_stop(&k);
}

/* [MS-NLMP] 4.2.2.2.1, 4.2.2.1.3: NTLMv1 where it is allowed, LM ([MS-NLMP] 4.2.2.2.2) nowhere. */
static void test_ntlmv1_where_it_is_allowed(void **state)
{
	struct slice nt, lm, none = slice_of("", 0), key;

	(void)state;
	start();
	nt = from_hex("67c43011f30298a2ad35ece64f16331c44bdbed927841f94");
	lm = from_hex("98def7b87f88aa5dafe2df779688a172def11c7d5ccdef13");
	status_is(check("User", "Domain", none, nt, true), STATUS_SUCCESS);
	assert_true(v1);
	key = from_hex("d87262b0cde4b1cb7499becccdf10784");
	assert_memory_equal(id.session_key, key.data, 16);
	status_is(check("User", "Domain", none, nt, false), STATUS_LOGON_FAILURE);
	assert_false(v1);
	status_is(check("User", "Domain", lm, none, true), STATUS_LOGON_FAILURE);
	status_is(check("User", "Domain", nt, none, true), STATUS_LOGON_FAILURE);
	kit_stop(&k);
}

static void test_who_may_not_log_on(void **state)
{
	struct slice none = slice_of("", 0);

	(void)state;
	start();
	status_is(check("eve", "", none, ntlmv2("eve", "", "evil"), false), STATUS_ACCOUNT_DISABLED);
	status_is(check("eve", "", none, ntlmv2("eve", "", "good"), false), STATUS_LOGON_FAILURE);
	status_is(check("mallory", "", none, ntlmv2("mallory", "", "x"), false), STATUS_LOGON_FAILURE);
	status_is(check("nopass", "", none, ntlmv2("nopass", "", ""), false), STATUS_LOGON_FAILURE);
	status_is(check("blank", "", none, ntlmv2("blank", "", ""), true), STATUS_LOGON_FAILURE);
	status_is(check("alice", "", none, none, true), STATUS_LOGON_FAILURE);
	status_is(check("alice", "", from_hex("00"), from_hex("00"), true), STATUS_LOGON_FAILURE);
	/* With a domain that the client hashed as none. */
	status_is(check("alice", "WORKGROUP", none, ntlmv2("alice", "", "secret"), false), STATUS_SUCCESS);
	assert_string_equal(id.user, "alice");
	kit_stop(&k);
}

static void test_nobody_and_guests(void **state)
{
	struct slice none = slice_of("", 0);

	(void)state;
	start();
	k.server.allow_anonymous = true;
	status_is(check("", "", from_hex("00"), none, false), STATUS_SUCCESS);
	assert_true(id.anonymous);
	assert_int_equal(id.session_key_len, 0);
	k.server.allow_anonymous = false;
	status_is(check("", "", none, none, false), STATUS_LOGON_FAILURE);
	k.server.guest = true;
	status_is(check("mallory", "", none, none, false), STATUS_SUCCESS);
	assert_true(id.guest);
	assert_string_equal(id.user, "guest");
	status_is(check("alice", "", none, ntlmv2("alice", "", "wrong"), false), STATUS_LOGON_FAILURE);
	kit_stop(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ntlmv2_is_that_of_the_specification),
		cmocka_unit_test(test_lmv2_alone_is_enough),
		cmocka_unit_test(test_ntlmv1_where_it_is_allowed),
		cmocka_unit_test(test_who_may_not_log_on),
		cmocka_unit_test(test_nobody_and_guests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

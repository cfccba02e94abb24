/* Our client at our server: who gets in, with what key, and who does not. */
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

static void expect_in(struct kit *k)
{
	struct slice key;

	kit_logon(k);
	assert_true(nt_ok(k->server_status));
	assert_true(nt_ok(k->client_status));
	key = auth_client_session_key(k->c);
	assert_int_equal(key.len, 16);
	assert_int_equal(auth_server_identity(k->s)->session_key_len, 16);
	assert_memory_equal(key.data, auth_server_identity(k->s)->session_key, 16);
}

static void expect_out(struct kit *k, ntstatus status)
{
	kit_logon(k);
	assert_int_equal(k->server_status.code, status.code);
	assert_int_equal(auth_server_identity(k->s)->session_key_len, 0);
}

/* Backs: C158. */
static void test_spnego_logon_gives_both_sides_the_same_key(void **state)
{
	struct kit *k = *state;

	expect_in(k);
	assert_int_equal(k->legs, 2);
	assert_string_equal(auth_server_identity(k->s)->user, "alice");
	assert_string_equal(auth_server_identity(k->s)->domain, "WORKGROUP");
	assert_false(auth_server_identity(k->s)->guest || auth_server_identity(k->s)->anonymous);
}

/* Backs: B253, E041, E049. */
static void test_bare_ntlm_logon_without_spnego(void **state)
{
	struct kit *k = *state;
	struct slice out;

	k->client.raw_ntlm = true;
	expect_in(k);
	assert_int_equal(k->legs, 2);
	assert_true(nt_ok(auth_client_step(k->c, slice_of(NULL, 0), &k->arena, &out)));
	assert_int_equal(auth_client_session_key(k->c).len, 16);
}

/* Backs: E005. */
static void test_each_logon_has_a_key_of_its_own(void **state)
{
	struct kit *k = *state;
	uint8_t key[16];

	expect_in(k);
	memcpy(key, auth_server_identity(k->s)->session_key, sizeof(key));
	expect_in(k);
	assert_memory_not_equal(key, auth_server_identity(k->s)->session_key, sizeof(key));
}

static void test_user_names_are_matched_without_case_and_given_as_stored(void **state)
{
	struct kit *k = *state;

	k->client.user = "ALICE";
	expect_in(k);
	assert_string_equal(auth_server_identity(k->s)->user, "alice");
	k->client.user = "bob";
	k->client.password = "b\xc3\xb6" "b";
	expect_in(k);
	assert_string_equal(auth_server_identity(k->s)->user, "Bob");
}

static void test_any_domain_will_do(void **state)
{
	static const char *const domains[] = {"", "HYTHE", "hythe", "elsewhere.example.org", "."};
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(domains); i++) {
		k->client.domain = domains[i];
		expect_in(k);
		assert_string_equal(auth_server_identity(k->s)->domain, domains[i]);
	}
}

static void test_nt_hash_serves_instead_of_a_password(void **state)
{
	struct kit *k = *state;
	uint8_t hash[16];

	assert_true(nt_ok(user_nt_hash("secret", hash)));
	k->client.password = NULL;
	k->client.nt_hash = hash;
	expect_in(k);
	hash[3] ^= 1;
	expect_out(k, STATUS_LOGON_FAILURE);
}

/* Backs: B255. */
static void test_wrong_password_and_unknown_user_look_alike(void **state)
{
	struct kit *k = *state;

	k->client.password = "Secret";
	expect_out(k, STATUS_LOGON_FAILURE);
	assert_true(kit_log_has("login of 'alice' (domain 'WORKGROUP') refused: wrong password"));
	k->client.user = "mallory";
	expect_out(k, STATUS_LOGON_FAILURE);
	assert_true(kit_log_has("'mallory' (domain 'WORKGROUP') refused: no such user"));
}

static void test_disabled_user_is_told_so_only_after_the_right_password(void **state)
{
	struct kit *k = *state;

	k->client.user = "eve";
	k->client.password = "guess";
	expect_out(k, STATUS_LOGON_FAILURE);
	k->client.password = "evil";
	expect_out(k, STATUS_ACCOUNT_DISABLED);
}

static void test_users_without_a_password_do_not_get_in(void **state)
{
	struct kit *k = *state;

	k->client.user = "nopass";
	k->client.password = "whatever";
	expect_out(k, STATUS_LOGON_FAILURE);
	k->client.password = "";
	expect_out(k, STATUS_LOGON_FAILURE);
	k->client.user = "blank";
	expect_out(k, STATUS_LOGON_FAILURE);
	assert_true(kit_log_has("hythe user passwd"));
}

static void expect_nobody(struct kit *k)
{
	kit_logon(k);
	assert_true(nt_ok(k->server_status));
	assert_true(nt_ok(k->client_status));
	assert_true(auth_server_identity(k->s)->anonymous);
	assert_string_equal(auth_server_identity(k->s)->user, "");
	assert_int_equal(auth_server_identity(k->s)->session_key_len, 0);
	assert_int_equal(auth_client_session_key(k->c).len, 0);
}

static void test_anonymous_gets_in_only_where_allowed_and_has_no_key(void **state)
{
	struct kit *k = *state;

	k->client.user = NULL;
	expect_nobody(k);
	k->client.raw_ntlm = true;
	expect_nobody(k);
	k->server.allow_anonymous = false;
	expect_out(k, STATUS_LOGON_FAILURE);
	k->client.raw_ntlm = false;
	expect_out(k, STATUS_LOGON_FAILURE);
	assert_false(auth_server_identity(k->s)->anonymous);
}

/* Backs: E050. */
static void test_unknown_user_becomes_guest_only_where_asked_for(void **state)
{
	struct kit *k = *state;

	k->server.guest = true;
	k->client.user = "mallory";
	kit_logon(k);
	assert_true(nt_ok(k->server_status));
	assert_true(auth_server_identity(k->s)->guest);
	assert_string_equal(auth_server_identity(k->s)->user, "guest");
	assert_int_equal(auth_server_identity(k->s)->session_key_len, 0);
	k->client.user = "alice";
	k->client.password = "wrong";
	expect_out(k, STATUS_LOGON_FAILURE);
	k->client.user = "eve";
	expect_out(k, STATUS_LOGON_FAILURE);
	k->client.user = "nopass";
	expect_out(k, STATUS_LOGON_FAILURE);
	assert_false(auth_server_identity(k->s)->guest);
}

static void test_a_store_is_not_needed_to_refuse(void **state)
{
	struct kit *k = *state;

	k->server.users = NULL;
	expect_out(k, STATUS_LOGON_FAILURE);
}

static void note_size(struct kit *k, bool to_server, int leg, struct slice *token)
{
	size_t *most = k->arg;

	(void)to_server;
	(void)leg;
	*most = token->len > *most ? token->len : *most;
}

/* Backs: E043. */
static void test_tokens_are_at_most_4_kib(void **state)
{
	struct kit *k = *state;
	char user[201], domain[251];
	size_t most = 0;

	memset(user, 'u', sizeof(user));
	memset(domain, 'd', sizeof(domain));
	user[sizeof(user) - 1] = domain[sizeof(domain) - 1] = 0;
	k->client.user = user;
	k->client.domain = domain;
	k->on_token = note_size;
	k->arg = &most;
	expect_out(k, STATUS_LOGON_FAILURE);
	assert_in_range(most, 200, 4096);
}

/* Backs: B223, E042, C057. */
static void test_hint_offers_ntlm_and_the_client_reads_it(void **state)
{
	static const uint8_t kerberos_only[] = {0x60, 0x1b, 0x06, 0x06, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02, 0xa0, 0x11, 0x30, 0x0f, 0xa0, 0x0d,
		0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02};
	struct kit *k = *state;
	struct slice hint = auth_server_hint(&k->arena), out;
	struct spnego_init m;

	assert_true(spnego_init_decode(hint, &m));
	assert_true(m.ntlm_first);
	assert_int_equal(m.mech_token.len, 0);
	assert_int_equal(m.mech_list_mic.len, 0);
	k->c = auth_client_new(&k->client);
	assert_true(nt_is(auth_client_step(k->c, slice_of(kerberos_only, sizeof(kerberos_only)), &k->arena, &out), STATUS_NOT_SUPPORTED));
	auth_client_free(k->c);
	k->c = auth_client_new(&k->client); /* without a hint, or with one that is no SPNEGO, it starts afresh */
	assert_true(nt_is(auth_client_step(k->c, slice_of("\x80\x01", 2), &k->arena, &out), STATUS_MORE_PROCESSING_REQUIRED));
	assert_true(spnego_init_decode(out, &m));
	assert_true(ntlm_is_message(m.mech_token));
}

/* Backs: C058, C157. */
static void test_client_reports_what_the_server_says_wrong(void **state)
{
	static const uint8_t reject[] = {0xa1, 0x07, 0x30, 0x05, 0xa0, 0x03, 0x0a, 0x01, 0x02};
	struct kit *k = *state;
	struct slice out;

	for (int i = 0; i < 3; i++) {
		k->c = auth_client_new(&k->client);
		assert_true(nt_is(auth_client_step(k->c, slice_of(NULL, 0), &k->arena, &out), STATUS_MORE_PROCESSING_REQUIRED));
		if (i == 0)
			assert_true(nt_is(auth_client_step(k->c, slice_of("abc", 3), &k->arena, &out), STATUS_INVALID_NETWORK_RESPONSE));
		else if (i == 1)
			assert_true(nt_error(auth_client_step(k->c, slice_of(reject, sizeof(reject)), &k->arena, &out)));
		else
			assert_true(nt_error(auth_client_step(k->c, slice_of(NULL, 0), &k->arena, &out)));
		assert_int_equal(out.len, 0);
		assert_true(nt_is(auth_client_step(k->c, slice_of("x", 1), &k->arena, &out), STATUS_INVALID_PARAMETER));
		assert_int_equal(auth_client_session_key(k->c).len, 0);
		auth_client_free(k->c);
		k->c = NULL;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_spnego_logon_gives_both_sides_the_same_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bare_ntlm_logon_without_spnego, setup, teardown),
		cmocka_unit_test_setup_teardown(test_each_logon_has_a_key_of_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(test_user_names_are_matched_without_case_and_given_as_stored, setup, teardown),
		cmocka_unit_test_setup_teardown(test_any_domain_will_do, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nt_hash_serves_instead_of_a_password, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_password_and_unknown_user_look_alike, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disabled_user_is_told_so_only_after_the_right_password, setup, teardown),
		cmocka_unit_test_setup_teardown(test_users_without_a_password_do_not_get_in, setup, teardown),
		cmocka_unit_test_setup_teardown(test_anonymous_gets_in_only_where_allowed_and_has_no_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_user_becomes_guest_only_where_asked_for, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_store_is_not_needed_to_refuse, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tokens_are_at_most_4_kib, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hint_offers_ntlm_and_the_client_reads_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_client_reports_what_the_server_says_wrong, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

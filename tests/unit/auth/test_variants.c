/* Clients of every make, put together by hand: without Version, MIC, key exchange, extended session security or a first choice
 * of NTLM; with NTLMv1; with a MIC that lies; and legs in the wrong order. */
#include "kit.h"

#include "crypto/crypto.h"

/* How this client differs from ours. */
struct make {
	uint32_t flags_off;    /* NEGOTIATE flags that it does not know */
	bool no_version, no_names, no_session_key_field;
	bool no_mic;           /* neither announced nor sent */
	bool mic_missing;      /* announced and not sent */
	bool mic_wrong;
	bool channel_bindings;
	bool no_timestamp;     /* answers with its own time */
	bool v1;               /* a response of 24 bytes */
	bool lm_only;
	bool oem;
};

struct craft {
	struct kit k;
	struct make make;
	const char *user, *password;
	struct slice negotiate, challenge, authenticate;
	uint32_t flags;
	uint8_t key[16];
};

enum { ASKED = NTLM_NEGOTIATE_UNICODE | NTLM_REQUEST_TARGET | NTLM_NEGOTIATE_SIGN | NTLM_NEGOTIATE_NTLM | NTLM_NEGOTIATE_ESS };

static int setup(void **state)
{
	struct craft *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	kit_start(&c->k);
	c->user = "alice";
	c->password = "secret";
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct craft *c = *state;

	kit_stop(&c->k);
	free(c);
	return 0;
}

static struct slice negotiate_make(struct craft *c)
{
	struct ntlm_negotiate m = {.has_names = !c->make.no_names, .has_version = !c->make.no_version && !c->make.no_names};
	uint8_t *p = arena_alloc(&c->k.arena, 256);
	struct wire w = wire_encoder(p, 0, 256);

	m.flags = (ASKED | NTLM_NEGOTIATE_KEY_EXCH | NTLM_NEGOTIATE_128 | NTLM_NEGOTIATE_VERSION) & ~c->make.flags_off;
	if (c->make.oem)
		m.flags = (m.flags & ~NTLM_NEGOTIATE_UNICODE) | NTLM_NEGOTIATE_OEM;
	ntlm_negotiate_code(&w, &m);
	assert_true(wire_ok(&w));
	c->flags = m.flags;
	c->negotiate = slice_of(p, w.pos);
	return c->negotiate;
}

static void av_put(struct wire *w, uint16_t id, const void *p, size_t n)
{
	struct ntlm_av av = {.id = id, .value = slice_of(p, n)};

	(void)ntlm_av_code(w, &av);
	assert_true(wire_ok(w));
}

/* temp of the response, behind 16 free bytes */
static struct slice response_make(struct craft *c, const struct ntlm_challenge *ch)
{
	static const uint8_t zeros[16], mic_flag[4] = {2, 0, 0, 0}, start[8] = {1, 1};
	uint8_t *p = arena_alloc(&c->k.arena, 2048);
	struct wire w = wire_encoder(p, 0, 2048), in;
	struct ntlm_av av = {0};
	uint8_t fixed[20] = {0};
	struct slice time;

	wire_reserved(&w, 16);
	memset(fixed + 8, 0xcc, 8);
	if (ntlm_av_find(ch->target_info, NTLM_AV_TIMESTAMP, &time) && !c->make.no_timestamp)
		memcpy(fixed, time.data, 8);
	wire_bytes(&w, "start", (void *)(uintptr_t)start, 8);
	wire_bytes(&w, "fixed", fixed, 20);
	in = wire_decoder(ch->target_info.data, 0, ch->target_info.len, NULL);
	while (ntlm_av_code(&in, &av)) {
		if (av.id != NTLM_AV_TIMESTAMP || !c->make.no_timestamp)
			av_put(&w, av.id, av.value.data, av.value.len);
	}
	if (!c->make.no_mic)
		av_put(&w, NTLM_AV_FLAGS, mic_flag, 4);
	if (c->make.channel_bindings)
		av_put(&w, NTLM_AV_CHANNEL_BINDINGS, zeros, 16);
	av_put(&w, NTLM_AV_EOL, zeros, 0);
	wire_reserved(&w, 4);
	assert_true(wire_ok(&w));
	return slice_of(p, w.pos);
}

static struct slice authenticate_make(struct craft *c, struct slice challenge)
{
	struct wire w = wire_decoder(challenge.data, 0, challenge.len, NULL);
	struct ntlm_challenge ch = {0};
	struct ntlm_authenticate m = {.has_session_key = !c->make.no_session_key_field};
	uint8_t nt[16], ntowf[16], base[16], encrypted[16], *p = arena_alloc(&c->k.arena, 4096);
	struct slice response;

	ntlm_challenge_code(&w, &ch);
	assert_true(wire_ok(&w));
	c->challenge = kit_copy(&c->k, challenge);
	c->flags &= ch.flags;
	response = response_make(c, &ch);
	m.user = utf16_from_utf8_arena(&c->k.arena, c->user);
	m.domain = utf16_from_utf8_arena(&c->k.arena, "DOM");
	assert_true(nt_ok(user_nt_hash(c->password, nt)) && nt_ok(ntlm_ntowfv2(nt, m.user, m.domain, ntowf)));
	ntlm_proof(ntowf, ch.server_challenge, slice_of(response.data + 16, response.len - 16),
		(uint8_t *)(uintptr_t)response.data, base);
	m.nt_response = c->make.v1 ? slice_of(response.data, 24) : response;
	m.lm_response = slice_of(response.data, 24);
	if (c->make.lm_only)
		m.nt_response = slice_of(NULL, 0);
	memcpy(c->key, base, 16);
	if (c->flags & NTLM_NEGOTIATE_KEY_EXCH && m.has_session_key) {
		memset(c->key, 0x77, 16);
		ntlm_key_exchange(base, c->key, encrypted);
		m.session_key = slice_of(encrypted, 16);
	}
	m.flags = c->flags;
	m.has_mic = !c->make.no_mic && !c->make.mic_missing;
	m.has_version = m.has_mic || !c->make.no_version;
	w = wire_encoder(p, 0, 4096);
	ntlm_authenticate_code(&w, &m);
	assert_true(wire_ok(&w));
	c->authenticate = slice_of(p, w.pos);
	if (m.has_mic) {
		assert_true(nt_ok(ntlm_mic(c->key, c->negotiate, c->challenge, c->authenticate, p + NTLM_MIC_AT)));
		p[NTLM_MIC_AT] ^= c->make.mic_wrong ? 1 : 0;
	}
	return c->authenticate;
}

static ntstatus start(struct craft *c, struct slice token, struct slice *out)
{
	kit_hang_up(&c->k);
	c->k.s = auth_server_new(&c->k.server);
	assert_non_null(c->k.s);
	return auth_server_step(c->k.s, token, &c->k.arena, out);
}

/* A bare NTLM logon. */
static ntstatus logon(struct craft *c)
{
	struct slice out;
	ntstatus st = start(c, negotiate_make(c), &out);

	if (!nt_is(st, STATUS_MORE_PROCESSING_REQUIRED))
		return st;
	return auth_server_step(c->k.s, authenticate_make(c, out), &c->k.arena, &out);
}

static void expect_in(struct craft *c)
{
	assert_int_equal(logon(c).code, 0);
	assert_int_equal(auth_server_identity(c->k.s)->session_key_len, 16);
	assert_memory_equal(auth_server_identity(c->k.s)->session_key, c->key, 16);
}

static void expect_out(struct craft *c, ntstatus status)
{
	assert_int_equal(logon(c).code, status.code);
	assert_int_equal(auth_server_identity(c->k.s)->session_key_len, 0);
}

static void test_clients_without_optional_parts_get_in(void **state)
{
	static const struct make makes[] = {
		{.no_version = true},
		{.no_version = true, .no_mic = true},
		{.no_version = true, .no_mic = true, .flags_off = NTLM_NEGOTIATE_VERSION},
		{.no_names = true, .no_version = true, .no_mic = true, .flags_off = NTLM_NEGOTIATE_VERSION},
		{.no_mic = true},
		{.no_mic = true, .no_timestamp = true},
		{.channel_bindings = true},
		{.flags_off = NTLM_NEGOTIATE_KEY_EXCH},
		{.flags_off = NTLM_NEGOTIATE_KEY_EXCH | NTLM_NEGOTIATE_128, .no_mic = true},
		{.flags_off = NTLM_NEGOTIATE_ESS},
		{.flags_off = NTLM_NEGOTIATE_ESS | NTLM_NEGOTIATE_SIGN, .no_mic = true},
		{.no_session_key_field = true, .no_mic = true, .no_version = true},
	};
	struct craft *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
		c->make = makes[i];
		expect_in(c);
	}
}

static void test_a_wrong_password_is_wrong_in_every_make(void **state)
{
	static const struct make makes[] = {{0}, {.no_version = true, .no_mic = true}, {.flags_off = NTLM_NEGOTIATE_KEY_EXCH}, {.channel_bindings = true}};
	struct craft *c = *state;

	c->password = "wrong";
	for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
		c->make = makes[i];
		expect_out(c, STATUS_LOGON_FAILURE);
	}
}

static void test_a_mic_that_is_announced_must_be_there_and_right(void **state)
{
	struct craft *c = *state;

	c->make = (struct make){.mic_wrong = true};
	expect_out(c, STATUS_INVALID_PARAMETER);
	assert_true(kit_log_has("changed on their way"));
	c->make = (struct make){.mic_missing = true};
	expect_out(c, STATUS_INVALID_PARAMETER);
	c->make = (struct make){.mic_missing = true, .no_version = true};
	expect_out(c, STATUS_INVALID_PARAMETER);
}

static void test_ntlmv1_and_lm_are_refused_and_logged(void **state)
{
	struct craft *c = *state;

	c->make = (struct make){.v1 = true, .no_mic = true};
	expect_out(c, STATUS_LOGON_FAILURE);
	assert_true(kit_log_has("login of 'alice' (domain 'DOM') refused: the client answered with NTLMv1"));
	c->make = (struct make){.lm_only = true, .no_mic = true};
	expect_out(c, STATUS_LOGON_FAILURE);
}

/* Devices that log on as somebody with no password answer with NTLMv1 or nothing at all. */
static void test_guests_may_answer_with_anything(void **state)
{
	static const struct make makes[] = {{.v1 = true, .no_mic = true}, {.lm_only = true, .no_mic = true}, {0}};
	struct craft *c = *state;

	c->k.server.guest = true;
	for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
		c->make = makes[i];
		c->user = "printer";
		assert_int_equal(logon(c).code, 0);
		assert_true(auth_server_identity(c->k.s)->guest);
		assert_int_equal(auth_server_identity(c->k.s)->session_key_len, 0);
		c->user = "alice";
		if (i < 2)
			expect_out(c, STATUS_LOGON_FAILURE);
	}
}

static void test_clients_without_unicode_are_refused(void **state)
{
	struct craft *c = *state;

	c->make = (struct make){.oem = true};
	expect_out(c, STATUS_INVALID_PARAMETER);
}

static void test_control_characters_do_not_reach_the_log(void **state)
{
	struct craft *c = *state;

	c->user = "x\n2026 forged";
	expect_out(c, STATUS_LOGON_FAILURE);
	assert_true(kit_log_has("'x?2026 forged'"));
}

static void test_names_longer_than_a_name_are_refused(void **state)
{
	struct craft *c = *state;
	char user[300];

	memset(user, 'u', sizeof(user));
	user[sizeof(user) - 1] = 0;
	c->user = user;
	c->k.server.guest = true;
	{
		struct slice out;
		struct ntlm_authenticate m = {.has_session_key = true};
		uint8_t p[2048];
		struct wire w = wire_encoder(p, 0, sizeof(p));

		assert_true(nt_is(start(c, negotiate_make(c), &out), STATUS_MORE_PROCESSING_REQUIRED));
		m.user = utf16_from_utf8_arena(&c->k.arena, user);
		m.nt_response = slice_of(user, 60);
		ntlm_authenticate_code(&w, &m);
		assert_true(wire_ok(&w));
		assert_true(nt_is(auth_server_step(c->k.s, slice_of(p, w.pos), &c->k.arena, &out), STATUS_INVALID_PARAMETER));
	}
}

/* --- legs out of order --- */

static void test_legs_out_of_order_are_refused(void **state)
{
	struct craft *c = *state;
	struct slice out, auth;

	assert_int_equal(logon(c).code, 0);
	auth = c->authenticate;
	/* After the end: anything */
	assert_true(nt_is(auth_server_step(c->k.s, auth, &c->k.arena, &out), STATUS_INVALID_PARAMETER));
	assert_true(nt_is(auth_server_step(c->k.s, c->negotiate, &c->k.arena, &out), STATUS_INVALID_PARAMETER));
	/* AUTHENTICATE first, twice NEGOTIATE, nothing, a CHALLENGE */
	assert_true(nt_is(start(c, auth, &out), STATUS_INVALID_PARAMETER));
	assert_true(nt_is(start(c, c->negotiate, &out), STATUS_MORE_PROCESSING_REQUIRED));
	assert_true(nt_is(auth_server_step(c->k.s, c->negotiate, &c->k.arena, &out), STATUS_INVALID_PARAMETER));
	assert_true(nt_is(auth_server_step(c->k.s, auth, &c->k.arena, &out), STATUS_INVALID_PARAMETER));
	assert_true(nt_is(start(c, slice_of(NULL, 0), &out), STATUS_INVALID_PARAMETER));
	assert_true(nt_is(auth_server_step(c->k.s, c->negotiate, &c->k.arena, &out), STATUS_INVALID_PARAMETER));
	assert_true(nt_is(start(c, c->challenge, &out), STATUS_INVALID_PARAMETER));
	/* SPNEGO after bare NTLM, and the other way round */
	assert_true(nt_is(start(c, c->negotiate, &out), STATUS_MORE_PROCESSING_REQUIRED));
	assert_true(nt_is(auth_server_step(c->k.s, spnego_init_encode(&c->k.arena, auth), &c->k.arena, &out), STATUS_INVALID_PARAMETER));
	assert_true(nt_is(start(c, spnego_init_encode(&c->k.arena, c->negotiate), &out), STATUS_MORE_PROCESSING_REQUIRED));
	assert_true(nt_is(auth_server_step(c->k.s, c->negotiate, &c->k.arena, &out), STATUS_INVALID_PARAMETER));
}

static void test_an_old_authenticate_does_not_fit_a_new_challenge(void **state)
{
	struct craft *c = *state;
	struct slice out, old;

	assert_int_equal(logon(c).code, 0);
	old = c->authenticate;
	assert_true(nt_is(start(c, c->negotiate, &out), STATUS_MORE_PROCESSING_REQUIRED));
	assert_true(nt_is(auth_server_step(c->k.s, old, &c->k.arena, &out), STATUS_LOGON_FAILURE));
}

static void test_tokens_over_64_kib_are_refused(void **state)
{
	struct craft *c = *state;
	struct slice out, neg = negotiate_make(c);
	uint8_t *big = calloc(1, 65537);

	assert_non_null(big);
	memcpy(big, neg.data, neg.len);
	assert_true(nt_is(start(c, slice_of(big, 65536), &out), STATUS_MORE_PROCESSING_REQUIRED));
	assert_true(nt_is(start(c, slice_of(big, 65537), &out), STATUS_INVALID_PARAMETER));
	free(big);
}

/* --- SPNEGO around it --- */

#define OID_KRB5 "\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"
#define OID_NTLMSSP "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"

/* A NegTokenInit that offers these mechanisms (each 11 or 12 bytes), its MechTypeList, and a mechanism token. */
static struct slice init_make(struct craft *c, const char *mechs, size_t mechs_len, struct slice token, struct slice *list)
{
	uint8_t *p = arena_alloc(&c->k.arena, 512);
	size_t n = 0, list_len = mechs_len + 2, token_len = token.len ? token.len + 4 : 0, seq = list_len + 2 + token_len;

	assert_true(seq < 0x78 && token.len < 0x70);
	memcpy(p, "\x60\x00\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x00\x30\x00\xa0\x00\x30\x00", 18);
	p[1] = (uint8_t)(seq + 12);
	p[11] = (uint8_t)(seq + 2);
	p[13] = (uint8_t)seq;
	p[15] = (uint8_t)list_len;
	p[17] = (uint8_t)mechs_len;
	n = 18;
	memcpy(p + n, mechs, mechs_len);
	n += mechs_len;
	if (token.len != 0) {
		p[n++] = 0xa2;
		p[n++] = (uint8_t)(token.len + 2);
		p[n++] = 0x04;
		p[n++] = (uint8_t)token.len;
		memcpy(p + n, token.data, token.len);
		n += token.len;
	}
	*list = slice_of(p + 16, list_len);
	return slice_of(p, n);
}

/* The last leg: AUTHENTICATE for the challenge, and a MIC over the list. */
static ntstatus finish(struct craft *c, struct slice challenge, struct slice list, bool with_mic, bool wrong, struct spnego_resp *last)
{
	struct spnego_resp resp = {.state = SPNEGO_ACCEPT_INCOMPLETE};
	struct slice out;
	uint8_t mic[16];
	ntstatus st;

	resp.response_token = authenticate_make(c, challenge);
	if (with_mic) {
		assert_true(nt_ok(ntlm_signature(c->key, c->flags, true, list, mic)));
		mic[5] ^= wrong ? 0x10 : 0;
		resp.mech_list_mic = slice_of(mic, 16);
	}
	st = auth_server_step(c->k.s, spnego_resp_encode(&c->k.arena, &resp), &c->k.arena, &out);
	if (nt_ok(st))
		assert_true(spnego_resp_decode(out, last));
	return st;
}

/* Kerberos first, NTLM second: the server asks for NTLM and for a MIC over the list (RFC 4178 4.2.2, 5). */
static struct slice kerberos_first(struct craft *c, struct slice *list)
{
	struct slice init = init_make(c, OID_KRB5 OID_NTLMSSP, 23, slice_of("kerberos", 8), list), out;
	struct spnego_resp resp;

	assert_true(nt_is(start(c, init, &out), STATUS_MORE_PROCESSING_REQUIRED));
	assert_true(spnego_resp_decode(out, &resp));
	assert_int_equal(resp.state, SPNEGO_REQUEST_MIC);
	assert_true(slice_equal(resp.supported_mech, spnego_ntlm_oid));
	assert_int_equal(resp.response_token.len, 0);
	resp = (struct spnego_resp){.state = SPNEGO_NO_STATE, .response_token = negotiate_make(c)};
	assert_true(nt_is(auth_server_step(c->k.s, spnego_resp_encode(&c->k.arena, &resp), &c->k.arena, &out), STATUS_MORE_PROCESSING_REQUIRED));
	assert_true(spnego_resp_decode(out, &resp));
	assert_int_equal(resp.state, SPNEGO_ACCEPT_INCOMPLETE);
	assert_int_equal(resp.supported_mech.len, 0);
	return resp.response_token;
}

static void test_a_change_of_mechanism_needs_a_mic_over_the_list(void **state)
{
	struct craft *c = *state;
	struct spnego_resp last;
	struct slice list, challenge = kerberos_first(c, &list);
	uint8_t mic[16];

	assert_int_equal(finish(c, challenge, list, true, false, &last).code, 0);
	assert_int_equal(last.state, SPNEGO_ACCEPT_COMPLETED);
	assert_true(nt_ok(ntlm_signature(c->key, c->flags, false, list, mic)));
	assert_true(slice_equal(last.mech_list_mic, slice_of(mic, 16)));
	challenge = kerberos_first(c, &list);
	assert_int_equal(finish(c, challenge, list, false, false, &last).code, STATUS_INVALID_PARAMETER.code);
	challenge = kerberos_first(c, &list);
	assert_int_equal(finish(c, challenge, list, true, true, &last).code, STATUS_INVALID_PARAMETER.code);
	challenge = kerberos_first(c, &list);
	assert_int_equal(finish(c, challenge, spnego_ntlm_mech_types, true, false, &last).code, STATUS_INVALID_PARAMETER.code);
}

static void test_a_mic_over_the_list_is_checked_though_not_needed(void **state)
{
	struct craft *c = *state;
	struct spnego_resp resp, last;
	struct slice list, out;

	for (int i = 0; i < 3; i++) {
		assert_true(nt_is(start(c, init_make(c, OID_NTLMSSP OID_KRB5, 23, negotiate_make(c), &list), &out), STATUS_MORE_PROCESSING_REQUIRED));
		assert_true(spnego_resp_decode(out, &resp));
		assert_int_equal(resp.state, SPNEGO_ACCEPT_INCOMPLETE);
		assert_int_equal(finish(c, resp.response_token, list, i != 0, i == 2, &last).code, i == 2 ? STATUS_INVALID_PARAMETER.code : 0);
		if (i != 2)
			assert_int_equal(last.mech_list_mic.len, i == 0 ? 0 : 16);
	}
}

static void test_ntlm_first_without_a_token_is_told_to_go_on(void **state)
{
	struct craft *c = *state;
	struct spnego_resp resp, last;
	struct slice list, out;

	assert_true(nt_is(start(c, init_make(c, OID_NTLMSSP, 12, slice_of(NULL, 0), &list), &out), STATUS_MORE_PROCESSING_REQUIRED));
	assert_true(spnego_resp_decode(out, &resp));
	assert_int_equal(resp.state, SPNEGO_ACCEPT_INCOMPLETE);
	assert_true(slice_equal(resp.supported_mech, spnego_ntlm_oid));
	resp = (struct spnego_resp){.state = SPNEGO_NO_STATE, .response_token = negotiate_make(c)};
	assert_true(nt_is(auth_server_step(c->k.s, spnego_resp_encode(&c->k.arena, &resp), &c->k.arena, &out), STATUS_MORE_PROCESSING_REQUIRED));
	assert_true(spnego_resp_decode(out, &resp));
	assert_int_equal(finish(c, resp.response_token, list, true, false, &last).code, 0);
}

static void test_a_client_that_does_not_offer_ntlm_is_refused(void **state)
{
	struct craft *c = *state;
	struct slice list, out;

	assert_true(nt_is(start(c, init_make(c, OID_KRB5, 11, slice_of("kerberos", 8), &list), &out), STATUS_LOGON_FAILURE));
	assert_int_equal(out.len, 0);
	assert_true(kit_log_has("does not offer NTLM"));
	assert_true(nt_is(start(c, init_make(c, "", 0, slice_of("kerberos", 8), &list), &out), STATUS_LOGON_FAILURE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_clients_without_optional_parts_get_in, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_wrong_password_is_wrong_in_every_make, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_mic_that_is_announced_must_be_there_and_right, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ntlmv1_and_lm_are_refused_and_logged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_guests_may_answer_with_anything, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clients_without_unicode_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_control_characters_do_not_reach_the_log, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_longer_than_a_name_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_legs_out_of_order_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_old_authenticate_does_not_fit_a_new_challenge, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tokens_over_64_kib_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_change_of_mechanism_needs_a_mic_over_the_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_mic_over_the_list_is_checked_though_not_needed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ntlm_first_without_a_token_is_told_to_go_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_client_that_does_not_offer_ntlm_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

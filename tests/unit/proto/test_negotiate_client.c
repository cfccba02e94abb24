/* What the client offers, which answers it takes, and both roles against each other over the wire. */
#include "negotiate_kit.h"
#include "published.h"

#include "base/utf16.h"

struct fixture {
	struct proto_config cfg;
	struct proto_conn conn;
	struct smb2_negotiate_req req;
	struct smb2_negotiate_rsp rsp;
	struct contexts contexts;
	struct arena arena;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	proto_config_default(&f->cfg, false);
	f->cfg.min_dialect = SMB2_DIALECT_202;
	arena_init(&f->arena, NULL, 0, 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	arena_reset(&f->arena);
	free(f);
	return 0;
}

static void request(struct fixture *f, uint16_t min, uint16_t max)
{
	f->cfg.min_dialect = min;
	f->cfg.max_dialect = max;
	f->conn = (struct proto_conn){0};
	assert_true(nt_ok(proto_client_negotiate_req(&f->conn, &f->cfg, "sørver", &f->req, &f->arena)));
}

/* A server's answer that is right for this dialect. */
static void answer(struct fixture *f, uint16_t dialect)
{
	f->rsp = (struct smb2_negotiate_rsp){.dialect_revision = dialect,
		.security_mode = 1,
		.server_guid = guid_random(),
		.capabilities = SMB2_GLOBAL_CAP_LARGE_MTU | SMB2_GLOBAL_CAP_ENCRYPTION,
		.max_transact_size = 1048576,
		.max_read_size = 1048577,
		.max_write_size = 65536};
	contexts_init(&f->contexts);
	if (dialect == SMB2_DIALECT_311)
		contexts_preauth(&f->contexts, SMB2_PREAUTH_SHA512);
}

static ntstatus receive(struct fixture *f)
{
	f->rsp.contexts = slice_of(f->contexts.bytes, f->contexts.w.pos);
	f->rsp.context_count = f->contexts.count;
	return proto_client_negotiate_rsp(&f->conn, &f->cfg, &f->rsp);
}

/* What nobody configured is secure. */
static void test_defaults_speak_2_1_to_3_1_1_and_require_signing(void **state)
{
	struct proto_config client, server;

	(void)state;
	proto_config_default(&client, false);
	proto_config_default(&server, true);
	assert_int_equal(server.min_dialect, 0x0210);
	assert_int_equal(server.max_dialect, 0x0311);
	assert_true(server.signing_required && client.signing_required);
	assert_int_equal(server.ciphers[0], SEAL_AES128_GCM);
	assert_int_equal(server.signings[0], SIGN_AES_GMAC);
	assert_int_equal(server.max_credits, 8192);
	assert_int_equal(client.max_credits, 512);
	assert_int_equal(server.max_read_bytes, 8388608);
	assert_false(guid_equal(&client.guid, &server.guid)); /* a fresh one each time */
}

/* Backs: C054. */
static void test_dialects_are_offered_ascending_within_the_limits(void **state)
{
	static const uint16_t all[] = {0x0202, 0x0210, 0x0300, 0x0302, 0x0311};
	struct fixture *f = *state;

	for (size_t a = 0; a < ARRAY_LEN(all); a++) {
		for (size_t b = a; b < ARRAY_LEN(all); b++) {
			request(f, all[a], all[b]);
			assert_int_equal(f->req.dialect_count, b - a + 1);
			assert_memory_equal(f->req.dialects, all + a, (b - a + 1) * sizeof(all[0]));
			assert_int_equal(f->conn.offered_count, b - a + 1);
		}
	}
	f->cfg.min_dialect = 0x0311;
	f->cfg.max_dialect = 0x0210;
	assert_true(nt_is(
		proto_client_negotiate_req(&f->conn, &f->cfg, "x", &f->req, &f->arena), STATUS_INVALID_PARAMETER));
}

/* Backs: C055, C056. */
static void test_security_mode_capabilities_and_guid_of_the_request(void **state)
{
	static const struct guid zero;
	struct fixture *f = *state;

	f->cfg.signing_required = true;
	request(f, 0x0202, 0x0311);
	assert_int_equal(f->req.security_mode, SMB2_NEGOTIATE_SIGNING_REQUIRED);
	assert_int_equal(f->conn.client_security_mode, f->req.security_mode);
	assert_true(guid_equal(&f->req.client_guid, &f->cfg.guid));
	assert_int_equal(f->req.capabilities, SMB2_GLOBAL_CAP_LARGE_MTU | SMB2_GLOBAL_CAP_ENCRYPTION);
	assert_int_equal(f->conn.client_capabilities, f->req.capabilities);
	f->cfg.signing_required = false;
	f->cfg.encryption = PROTO_ENCRYPTION_OFF;
	f->cfg.capabilities = SMB2_GLOBAL_CAP_LEASING;
	request(f, 0x0202, 0x0300);
	assert_int_equal(f->req.security_mode, SMB2_NEGOTIATE_SIGNING_ENABLED);
	assert_int_equal(f->req.capabilities, SMB2_GLOBAL_CAP_LARGE_MTU | SMB2_GLOBAL_CAP_LEASING);
	request(f, 0x0202, 0x0210);
	assert_int_equal(f->req.capabilities, 0);
	assert_true(guid_equal(&f->req.client_guid, &f->cfg.guid));
	assert_int_equal(f->req.client_start_time, 0);
	request(f, 0x0202, 0x0202);
	assert_true(guid_equal(&f->req.client_guid, &zero));
}

static void test_3_1_1_offers_hash_ciphers_signings_and_the_server_name(void **state)
{
	struct fixture *f = *state;
	struct slice data;

	request(f, 0x0202, 0x0302);
	assert_int_equal(f->req.context_count, 0);
	assert_int_equal(f->req.contexts.len, 0);
	f->cfg.posix_extensions = true;
	request(f, 0x0202, 0x0311);
	assert_int_equal(f->req.context_count, 5);
	assert_int_equal(contexts_find(f->req.contexts, SMB2_PREAUTH_INTEGRITY_CAPABILITIES).len, 38);
	data = contexts_find(f->req.contexts, SMB2_ENCRYPTION_CAPABILITIES);
	assert_memory_equal(data.data, "\x04\x00\x02\x00\x04\x00\x01\x00\x03\x00", 10);
	data = contexts_find(f->req.contexts, SMB2_SIGNING_CAPABILITIES);
	assert_memory_equal(data.data, "\x03\x00\x02\x00\x01\x00\x00\x00", 8);
	data = contexts_find(f->req.contexts, SMB2_NETNAME_NEGOTIATE_CONTEXT_ID);
	assert_string_equal(utf16_to_utf8_arena(&f->arena, data), "sørver");
	assert_int_equal(contexts_find(f->req.contexts, SMB2_POSIX_EXTENSIONS_AVAILABLE).len, 16);
	f->cfg.posix_extensions = false;
	f->cfg.encryption = PROTO_ENCRYPTION_OFF;
	request(f, 0x0202, 0x0311);
	assert_null(contexts_find(f->req.contexts, SMB2_ENCRYPTION_CAPABILITIES).data);
	assert_int_equal(f->req.context_count, 3);
	assert_true(nt_ok(proto_client_negotiate_req(&f->conn, &f->cfg, NULL, &f->req, &f->arena)));
	assert_int_equal(f->req.context_count, 2);
	assert_true(nt_ok(proto_client_negotiate_req(&f->conn, &f->cfg, "\xff\xfe", &f->req, &f->arena)));
	assert_int_equal(f->req.context_count, 2);
}

/* Backs: C151, C153, G043. */
static void test_what_the_server_said_is_kept_whatever_its_security_mode(void **state)
{
	struct fixture *f = *state;

	for (uint16_t mode = 0; mode < 4; mode++) {
		f->cfg.signing_required = false;
		request(f, 0x0202, 0x0302);
		answer(f, 0x0300);
		f->rsp.security_mode = mode;
		assert_true(nt_ok(receive(f)));
		assert_int_equal(f->conn.dialect, 0x0300);
		assert_int_equal(f->conn.max_transact_bytes, 1048576);
		assert_int_equal(f->conn.max_read_bytes, 1048577);
		assert_int_equal(f->conn.max_write_bytes, 65536);
		assert_true(guid_equal(&f->conn.server_guid, &f->rsp.server_guid));
		assert_int_equal(f->conn.server_capabilities, f->rsp.capabilities);
		assert_int_equal(f->conn.server_security_mode, mode);
		assert_int_equal(f->conn.should_sign, (mode & SMB2_NEGOTIATE_SIGNING_REQUIRED) != 0);
		assert_true(f->conn.multi_credit);
	}
	f->cfg.signing_required = true;
	answer(f, 0x0300);
	assert_true(nt_ok(receive(f)));
	assert_true(f->conn.should_sign);
}

static void test_large_mtu_counts_from_2_1_on(void **state)
{
	struct fixture *f = *state;

	request(f, 0x0202, 0x0302);
	answer(f, 0x0202);
	assert_true(nt_ok(receive(f)));
	assert_false(f->conn.multi_credit);
	assert_int_equal(f->conn.cipher, SEAL_NONE);
	assert_int_equal(f->conn.signing, SIGN_HMAC_SHA256);
	request(f, 0x0202, 0x0302);
	answer(f, 0x0210);
	f->rsp.capabilities = 0;
	assert_true(nt_ok(receive(f)));
	assert_false(f->conn.multi_credit);
}

static void test_a_dialect_that_was_not_offered_is_an_invalid_response(void **state)
{
	static const uint16_t wrong[] = {0x0202, 0x0311, 0x0310, 0x02FF, 0, 0xFFFF, 0x0201};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		request(f, 0x0210, 0x0302);
		answer(f, wrong[i]);
		assert_true(nt_is(receive(f), STATUS_INVALID_NETWORK_RESPONSE));
		assert_int_equal(f->conn.dialect, 0);
	}
}

static void test_sizes_below_64_kib_are_an_invalid_response(void **state)
{
	struct fixture *f = *state;

	request(f, 0x0202, 0x0302);
	for (int i = 0; i < 3; i++) {
		answer(f, 0x0302);
		*(i == 0 ? &f->rsp.max_read_size : i == 1 ? &f->rsp.max_write_size : &f->rsp.max_transact_size) = 65535;
		assert_true(nt_is(receive(f), STATUS_INVALID_NETWORK_RESPONSE));
	}
}

static void test_encryption_of_3_0_needs_the_servers_bit_and_our_wish(void **state)
{
	struct fixture *f = *state;

	for (int bits = 0; bits < 8; bits++) {
		f->cfg.cipher_count = bits & 4 ? 4 : 1; /* with CCM or GCM alone */
		f->cfg.encryption = bits & 1 ? PROTO_ENCRYPTION_DESIRED : PROTO_ENCRYPTION_OFF;
		request(f, 0x0202, 0x0302);
		answer(f, bits % 2 ? 0x0300 : 0x0302);
		f->rsp.capabilities = bits & 2 ? SMB2_GLOBAL_CAP_ENCRYPTION : 0;
		assert_true(nt_ok(receive(f)));
		assert_int_equal(f->conn.cipher, bits == 7 ? SEAL_AES128_CCM : SEAL_NONE);
		assert_int_equal(f->conn.signing, SIGN_AES_CMAC);
	}
}

/* Rather no connection than one without encryption. */
static void test_required_encryption_that_the_server_lacks_is_not_supported(void **state)
{
	static const uint16_t dialects[] = {0x0202, 0x0210, 0x0300, 0x0302, 0x0311};
	struct fixture *f = *state;

	f->cfg.encryption = PROTO_ENCRYPTION_REQUIRED;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		request(f, 0x0202, 0x0311);
		answer(f, dialects[i]);
		f->rsp.capabilities = 0;
		assert_true(nt_is(receive(f), STATUS_NOT_SUPPORTED));
	}
	contexts_one(&f->contexts, SMB2_ENCRYPTION_CAPABILITIES, SEAL_NONE);
	assert_true(nt_is(receive(f), STATUS_NOT_SUPPORTED));
}

static void test_contexts_of_the_answer_choose_the_algorithms(void **state)
{
	struct fixture *f = *state;

	for (uint16_t cipher = 0; cipher <= 4; cipher++) {
		for (uint16_t signing = 0; signing <= 2; signing++) {
			request(f, 0x0202, 0x0311);
			answer(f, 0x0311);
			contexts_one(&f->contexts, SMB2_ENCRYPTION_CAPABILITIES, cipher);
			contexts_one(&f->contexts, SMB2_SIGNING_CAPABILITIES, signing);
			contexts_raw(&f->contexts, 0x1234, "what is this", 12);
			assert_true(nt_ok(receive(f)));
			assert_int_equal(f->conn.cipher, cipher);
			assert_int_equal(f->conn.signing, signing);
			assert_int_equal(f->conn.hash_id, SMB2_PREAUTH_SHA512);
		}
	}
	request(f, 0x0202, 0x0311);
	answer(f, 0x0311);
	assert_true(nt_ok(receive(f)));
	assert_int_equal(f->conn.cipher, SEAL_NONE);
	assert_int_equal(f->conn.signing, SIGN_AES_CMAC);
}

/* Each row spoils a good answer in one way. */
static void test_contexts_that_do_not_fit_the_offer_are_an_invalid_response(void **state)
{
	static const uint16_t two[] = {1, 2};
	struct fixture *f = *state;

	for (int row = 0; row < 13; row++) {
		f->cfg.cipher_count = 1;
		f->cfg.signing_count = 1;
		f->cfg.encryption = row == 10 ? PROTO_ENCRYPTION_OFF : PROTO_ENCRYPTION_DESIRED;
		request(f, 0x0202, 0x0311);
		answer(f, 0x0311);
		if (row == 0) {
			contexts_init(&f->contexts);
		} else if (row == 1) {
			contexts_preauth(&f->contexts, 1);
		} else if (row == 2) {
			contexts_init(&f->contexts);
			contexts_preauth(&f->contexts, 2);
		} else if (row == 3) {
			contexts_one(
				&f->contexts, SMB2_ENCRYPTION_CAPABILITIES, SEAL_AES128_CCM); /* only GCM was offered */
		} else if (row == 4) {
			contexts_one(
				&f->contexts, SMB2_SIGNING_CAPABILITIES, SIGN_AES_CMAC); /* only GMAC was offered */
		} else if (row == 5) {
			contexts_ids(&f->contexts, SMB2_ENCRYPTION_CAPABILITIES, two, 2);
		} else if (row == 6) {
			contexts_ids(&f->contexts, SMB2_SIGNING_CAPABILITIES, two, 2);
		} else if (row == 7 || row == 8) {
			uint16_t type = row == 7 ? SMB2_ENCRYPTION_CAPABILITIES : SMB2_SIGNING_CAPABILITIES;

			contexts_one(&f->contexts, type, 2);
			contexts_one(&f->contexts, type, 2);
		} else if (row == 9) {
			f->contexts.count++;
		} else if (row == 10) {
			contexts_one(&f->contexts, SMB2_ENCRYPTION_CAPABILITIES, SEAL_AES128_GCM);
		} else if (row == 11) {
			f->contexts.w.pos -= 1;
		} else {
			contexts_init(&f->contexts);
			contexts_raw(&f->contexts, 1, "\x02\x00\x00\x00\x01\x00\x01\x00", 8); /* two hashes */
		}
		assert_true(nt_is(receive(f), STATUS_INVALID_NETWORK_RESPONSE));
		assert_int_equal(f->conn.dialect, 0);
	}
}

static void test_posix_extensions_that_were_not_offered_are_an_invalid_response(void **state)
{
	static const uint8_t guid[16] = {
		0x93, 0xAD, 0x25, 0x50, 0x9C, 0xB4, 0x11, 0xE7, 0xB4, 0x23, 0x83, 0xDE, 0x96, 0x8B, 0xCD, 0x7C};
	struct fixture *f = *state;

	for (int offered = 0; offered < 2; offered++) {
		f->cfg.posix_extensions = offered;
		request(f, 0x0202, 0x0311);
		answer(f, 0x0311);
		contexts_raw(&f->contexts, SMB2_POSIX_EXTENSIONS_AVAILABLE, guid, 16);
		assert_true(offered ? nt_ok(receive(f)) : nt_is(receive(f), STATUS_INVALID_NETWORK_RESPONSE));
		assert_int_equal(f->conn.posix, offered);
	}
}

static void test_answer_to_smb1_is_the_wildcard_or_2_0_2(void **state)
{
	struct fixture *f = *state;

	answer(f, SMB2_DIALECT_WILDCARD);
	assert_true(nt_is(receive(f), STATUS_MORE_PROCESSING_REQUIRED));
	assert_int_equal(f->conn.dialect, SMB2_DIALECT_WILDCARD);
	/* The second one is an ordinary NEGOTIATE. */
	assert_true(nt_ok(proto_client_negotiate_req(&f->conn, &f->cfg, "x", &f->req, &f->arena)));
	answer(f, 0x0302);
	assert_true(nt_ok(receive(f)));
	assert_int_equal(f->conn.dialect, 0x0302);
	assert_false(f->conn.smb1_negotiated);
	f->conn = (struct proto_conn){0};
	answer(f, 0x0202);
	assert_true(nt_ok(receive(f)));
	assert_true(f->conn.smb1_negotiated);
	assert_int_equal(f->conn.offered_count, 5); /* for validation */
	f->conn = (struct proto_conn){0};
	answer(f, 0x0210);
	assert_true(nt_is(receive(f), STATUS_INVALID_NETWORK_RESPONSE));
	f->cfg.min_dialect = 0x0210;
	answer(f, 0x0202);
	assert_true(nt_is(receive(f), STATUS_INVALID_NETWORK_RESPONSE));
}

static void test_response_of_windows_server_is_taken(void **state)
{
	struct fixture *f = *state;
	size_t len;
	uint8_t *m = unhex(published_neg_rsp_1, &len);
	struct wire w = wire_decoder(m, 64, len, &f->arena);

	smb2_negotiate_rsp_code(&w, &f->rsp);
	assert_true(wire_ok(&w));
	request(f, 0x0202, 0x0311);
	assert_true(nt_ok(proto_client_negotiate_rsp(&f->conn, &f->cfg, &f->rsp)));
	assert_int_equal(f->conn.dialect, 0x0311);
	assert_int_equal(f->conn.cipher, SEAL_AES128_GCM);
	assert_int_equal(f->conn.signing, SIGN_AES_CMAC);
	assert_int_equal(f->conn.max_read_bytes, 8388608);
	assert_true(f->conn.multi_credit);
	assert_int_equal(f->conn.server_capabilities, 0x2F); /* the encryption bit is not set in 3.1.1 */
	free(m);
}

/* Over the wire, both ways, for every pair of limits: the same view on both sides. */
static void meet(const struct proto_config *client, const struct proto_config *server, uint16_t dialect)
{
	struct proto_conn c = {0}, s = {0};
	struct smb2_negotiate_req req;
	struct smb2_negotiate_rsp rsp;
	uint8_t bytes[4096], validate[200], reply[24];
	struct wire w = wire_encoder(bytes, 64, sizeof(bytes)), v = wire_encoder(validate, 0, sizeof(validate));
	struct wire out = wire_encoder(reply, 0, sizeof(reply));
	struct arena arena;

	arena_init(&arena, NULL, 0, 0);
	assert_true(nt_ok(proto_client_negotiate_req(&c, client, "server", &req, &arena)));
	smb2_negotiate_req_code(&w, &req);
	assert_true(wire_ok(&w));
	w = wire_decoder(bytes, 64, w.pos, &arena);
	smb2_negotiate_req_code(&w, &req);
	assert_true(wire_ok(&w));
	assert_true(nt_ok(proto_server_negotiate(&s, server, &req, &rsp, &arena)));
	w = wire_encoder(bytes, 64, sizeof(bytes));
	smb2_negotiate_rsp_code(&w, &rsp);
	assert_true(wire_ok(&w));
	w = wire_decoder(bytes, 64, w.pos, &arena);
	smb2_negotiate_rsp_code(&w, &rsp);
	assert_true(wire_ok(&w));
	assert_true(nt_ok(proto_client_negotiate_rsp(&c, client, &rsp)));
	assert_int_equal(c.dialect, dialect);
	assert_int_equal(s.dialect, dialect);
	assert_int_equal(c.cipher, s.cipher);
	assert_int_equal(c.signing, s.signing);
	assert_int_equal(c.multi_credit, s.multi_credit);
	proto_client_validate_req(&c, &v);
	assert_true(wire_ok(&v));
	assert_true(proto_server_validate(&s, slice_of(validate, v.pos), &out));
	assert_int_equal(out.pos, 24);
	assert_true(nt_ok(proto_client_validate_rsp(&c, slice_of(reply, 24))));
	arena_reset(&arena);
}

/* Backs: B488, B489. */
static void test_both_roles_agree_for_every_range_of_dialects(void **state)
{
	static const uint16_t all[] = {0x0202, 0x0210, 0x0300, 0x0302, 0x0311};
	struct proto_config client, server;

	(void)state;
	proto_config_default(&client, false);
	proto_config_default(&server, true);
	server.min_dialect = 0x0202;
	for (size_t c_max = 0; c_max < ARRAY_LEN(all); c_max++) {
		for (size_t c_min = 0; c_min <= c_max; c_min++) {
			for (size_t s_max = c_min; s_max < ARRAY_LEN(all); s_max++) {
				client.min_dialect = all[c_min];
				client.max_dialect = all[c_max];
				server.max_dialect = all[s_max];
				meet(&client, &server, all[c_max < s_max ? c_max : s_max]);
			}
		}
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_defaults_speak_2_1_to_3_1_1_and_require_signing),
		TEST(test_dialects_are_offered_ascending_within_the_limits),
		TEST(test_security_mode_capabilities_and_guid_of_the_request),
		TEST(test_3_1_1_offers_hash_ciphers_signings_and_the_server_name),
		TEST(test_what_the_server_said_is_kept_whatever_its_security_mode),
		TEST(test_large_mtu_counts_from_2_1_on),
		TEST(test_a_dialect_that_was_not_offered_is_an_invalid_response),
		TEST(test_sizes_below_64_kib_are_an_invalid_response),
		TEST(test_encryption_of_3_0_needs_the_servers_bit_and_our_wish),
		TEST(test_required_encryption_that_the_server_lacks_is_not_supported),
		TEST(test_contexts_of_the_answer_choose_the_algorithms),
		TEST(test_contexts_that_do_not_fit_the_offer_are_an_invalid_response),
		TEST(test_posix_extensions_that_were_not_offered_are_an_invalid_response),
		TEST(test_answer_to_smb1_is_the_wildcard_or_2_0_2),
		TEST(test_response_of_windows_server_is_taken),
		TEST(test_both_roles_agree_for_every_range_of_dialects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

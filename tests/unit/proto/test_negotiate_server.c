/* The server's answers to NEGOTIATE, SMB2's and SMB1's, dialect by dialect and for what clients get wrong. */
#include "negotiate_kit.h"
#include "published.h"

static const uint16_t all[] = {0x0202, 0x0210, 0x0300, 0x0302, 0x0311};

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
	proto_config_default(&f->cfg, true);
	f->cfg.min_dialect = SMB2_DIALECT_202;
	arena_init(&f->arena, NULL, 0, 0);
	f->req.security_mode = SMB2_NEGOTIATE_SIGNING_ENABLED;
	f->req.capabilities = 0x7F;
	f->req.client_guid = guid_random();
	request_dialects(&f->req, all, ARRAY_LEN(all));
	contexts_init(&f->contexts);
	contexts_preauth(&f->contexts, SMB2_PREAUTH_SHA512);
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

static ntstatus negotiate(struct fixture *f)
{
	f->req.contexts = slice_of(f->contexts.bytes, f->contexts.w.pos);
	f->req.context_count = f->contexts.count;
	f->conn = (struct proto_conn){.netbios = f->conn.netbios};
	return proto_server_negotiate(&f->conn, &f->cfg, &f->req, &f->rsp, &f->arena);
}

static void contexts_restart(struct fixture *f)
{
	contexts_init(&f->contexts);
	contexts_preauth(&f->contexts, SMB2_PREAUTH_SHA512);
}

static void offer(struct fixture *f, uint16_t dialect)
{
	request_dialects(&f->req, &dialect, 1);
}

/* Backs: B229, B230, G002. */
static void test_greatest_common_dialect_is_chosen(void **state)
{
	static const struct {
		uint16_t min, max, offered[6], n, chosen;
	} cases[] = {
		{0x0202, 0x0311, {0x0202, 0x0210, 0x0300, 0x0302, 0x0311}, 5, 0x0311},
		{0x0202, 0x0311, {0x0311, 0x0202}, 2, 0x0311},
		{0x0202, 0x0302, {0x0202, 0x0210, 0x0300, 0x0302, 0x0311}, 5, 0x0302},
		{0x0202, 0x0300, {0x0202, 0x0302, 0x0300}, 3, 0x0300},
		{0x0202, 0x0311, {0x0202, 0x0210}, 2, 0x0210},
		{0x0202, 0x0311, {0x0202}, 1, 0x0202},
		{0x0210, 0x0311, {0x0202}, 1, 0},
		{0x0300, 0x0300, {0x0210, 0x0302}, 2, 0},
		{0x0202, 0x0311, {0x0310, 0x0222, 0x9999}, 3, 0}, /* of Windows previews, and unknown ones */
		{0x0202, 0x0311, {0x0310, 0x0210, 0x0400, 0x0210}, 4, 0x0210},
		{0x0202, 0x0311, {0x02FF}, 1, 0},
		{0x0202, 0x0311, {0x0000, 0xFFFF}, 2, 0},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		f->cfg.min_dialect = cases[i].min;
		f->cfg.max_dialect = cases[i].max;
		request_dialects(&f->req, cases[i].offered, cases[i].n);
		if (cases[i].chosen) {
			assert_true(nt_ok(negotiate(f)));
			assert_int_equal(f->conn.dialect, cases[i].chosen);
			assert_int_equal(f->rsp.dialect_revision, cases[i].chosen);
		} else {
			assert_true(nt_is(negotiate(f), STATUS_NOT_SUPPORTED));
			assert_int_equal(f->conn.dialect, 0);
		}
	}
}

/* Backs: B228, E014. */
static void test_no_dialects_or_too_many_are_an_invalid_parameter(void **state)
{
	struct fixture *f = *state;

	f->req.dialect_count = 0;
	assert_true(nt_is(negotiate(f), STATUS_INVALID_PARAMETER));
	f->req.dialect_count = 65;
	assert_true(nt_is(negotiate(f), STATUS_INVALID_PARAMETER));
	f->req.dialect_count = 64;
	assert_true(nt_ok(negotiate(f)));
}

/* Backs: B226, B227, B236, B052. */
static void test_what_the_client_said_is_kept(void **state)
{
	struct fixture *f = *state;

	assert_true(nt_ok(negotiate(f)));
	assert_int_equal(f->conn.client_capabilities, 0x7F);
	assert_int_equal(f->conn.client_security_mode, SMB2_NEGOTIATE_SIGNING_ENABLED);
	assert_true(guid_equal(&f->conn.client_guid, &f->req.client_guid));
	assert_int_equal(f->conn.server_capabilities, f->rsp.capabilities);
	assert_int_equal(f->conn.server_security_mode, f->rsp.security_mode);
	assert_false(f->conn.should_sign);
	f->req.security_mode = SMB2_NEGOTIATE_SIGNING_REQUIRED;
	assert_true(nt_ok(negotiate(f)));
	assert_true(f->conn.should_sign);
}

/* Backs: B232. */
static void test_security_mode_and_guid_of_the_answer(void **state)
{
	struct fixture *f = *state;

	f->cfg.signing_required = true;
	assert_true(nt_ok(negotiate(f)));
	assert_int_equal(f->rsp.security_mode, SMB2_NEGOTIATE_SIGNING_ENABLED | SMB2_NEGOTIATE_SIGNING_REQUIRED);
	assert_true(guid_equal(&f->rsp.server_guid, &f->cfg.guid));
	f->cfg.signing_required = false;
	assert_true(nt_ok(negotiate(f)));
	assert_int_equal(f->rsp.security_mode, SMB2_NEGOTIATE_SIGNING_ENABLED);
}

/* Backs: B231, B235, D041, E026, E027, G044. */
static void test_sizes_and_multi_credit_follow_dialect_and_transport(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		for (int netbios = 0; netbios < 2; netbios++) {
			bool large = all[i] >= 0x0210 && !netbios;

			offer(f, all[i]);
			f->conn.netbios = netbios;
			assert_true(nt_ok(negotiate(f)));
			assert_int_equal(f->conn.multi_credit, large);
			assert_int_equal((f->rsp.capabilities & SMB2_GLOBAL_CAP_LARGE_MTU) != 0, large);
			assert_int_equal(f->rsp.max_read_size, large ? 8388608 : 65536);
			assert_int_equal(f->rsp.max_write_size, large ? 8388608 : 65536);
			assert_int_equal(f->rsp.max_transact_size, large ? 8388608 : 65536);
			assert_int_equal(f->conn.max_read_bytes, f->rsp.max_read_size);
		}
	}
	f->conn.netbios = false;
	f->cfg.max_read_bytes = 1000; /* below what every client may count on */
	assert_true(nt_ok(negotiate(f)));
	assert_int_equal(f->rsp.max_read_size, 65536);
}

/* Backs: B233, B234, G044. */
static void test_capabilities_are_offered_by_dialect_configuration_and_consent(void **state)
{
	const uint32_t mutual =
		SMB2_GLOBAL_CAP_MULTI_CHANNEL | SMB2_GLOBAL_CAP_PERSISTENT_HANDLES | SMB2_GLOBAL_CAP_DIRECTORY_LEASING;
	const uint32_t caps[] = {SMB2_GLOBAL_CAP_DFS, SMB2_GLOBAL_CAP_LEASING, SMB2_GLOBAL_CAP_MULTI_CHANNEL,
		SMB2_GLOBAL_CAP_PERSISTENT_HANDLES, SMB2_GLOBAL_CAP_DIRECTORY_LEASING, SMB2_GLOBAL_CAP_NOTIFICATIONS};
	struct fixture *f = *state;

	for (size_t d = 0; d < ARRAY_LEN(all); d++) {
		for (size_t c = 0; c < ARRAY_LEN(caps); c++) {
			for (int bits = 0; bits < 4; bits++) {
				bool ours = bits & 1, theirs = bits & 2, expected = ours;

				if (caps[c] & mutual)
					expected = ours && theirs && all[d] >= 0x0300;
				else if (caps[c] == SMB2_GLOBAL_CAP_LEASING)
					expected = ours && all[d] >= 0x0210;
				else if (caps[c] == SMB2_GLOBAL_CAP_NOTIFICATIONS)
					expected = ours && theirs && all[d] == 0x0311;
				offer(f, all[d]);
				f->cfg.capabilities = ours ? caps[c] : 0;
				f->req.capabilities = theirs ? caps[c] : 0;
				assert_true(nt_ok(negotiate(f)));
				assert_int_equal((f->rsp.capabilities & caps[c]) != 0, expected);
			}
		}
	}
}

/* Backs: B234. */
static void test_encryption_of_3_0_needs_both_sides(void **state)
{
	struct fixture *f = *state;

	for (size_t d = 0; d < ARRAY_LEN(all); d++) {
		for (int bits = 0; bits < 8; bits++) {
			bool on = bits & 1, theirs = bits & 2, ccm = bits & 4,
			     v30 = all[d] == 0x0300 || all[d] == 0x0302;

			offer(f, all[d]);
			f->cfg.encryption = on ? PROTO_ENCRYPTION_DESIRED : PROTO_ENCRYPTION_OFF;
			f->cfg.cipher_count = ccm ? 3 : 1; /* the third is AES-128-CCM */
			f->req.capabilities = theirs ? SMB2_GLOBAL_CAP_ENCRYPTION : 0;
			assert_true(nt_ok(negotiate(f)));
			assert_int_equal(
				(f->rsp.capabilities & SMB2_GLOBAL_CAP_ENCRYPTION) != 0, v30 && on && theirs && ccm);
			assert_int_equal(f->conn.cipher, v30 && on && theirs && ccm ? SEAL_AES128_CCM : SEAL_NONE);
		}
	}
}

static void test_signing_algorithm_follows_the_dialect_without_contexts(void **state)
{
	static const uint16_t expected[] = {
		SIGN_HMAC_SHA256, SIGN_HMAC_SHA256, SIGN_AES_CMAC, SIGN_AES_CMAC, SIGN_AES_CMAC};
	struct fixture *f = *state;

	for (size_t d = 0; d < ARRAY_LEN(all); d++) {
		offer(f, all[d]);
		assert_true(nt_ok(negotiate(f)));
		assert_int_equal(f->conn.signing, expected[d]);
		assert_int_equal(f->rsp.context_count, all[d] == 0x0311 ? 1 : 0);
	}
}

static void test_3_1_1_answers_with_sha_512_and_a_fresh_salt(void **state)
{
	struct fixture *f = *state;
	uint8_t salt[32];

	for (int i = 0; i < 2; i++) {
		struct smb2_preauth_caps caps;
		struct slice data;
		struct wire w;

		assert_true(nt_ok(negotiate(f)));
		data = contexts_find(f->rsp.contexts, SMB2_PREAUTH_INTEGRITY_CAPABILITIES);
		assert_int_equal(data.len, 4 + 2 + 32);
		w = wire_decoder(data.data, 0, data.len, NULL);
		smb2_preauth_caps_code(&w, &caps);
		assert_int_equal(caps.hash_count, 1);
		assert_int_equal(caps.hashes[0], SMB2_PREAUTH_SHA512);
		if (i == 1)
			assert_memory_not_equal(salt, caps.salt.data, 32);
		memcpy(salt, caps.salt.data, 32);
	}
	assert_int_equal(f->conn.hash_id, SMB2_PREAUTH_SHA512);
}

static void test_preauthentication_context_must_be_there_once_with_a_known_hash(void **state)
{
	struct fixture *f = *state;
	uint8_t no_hash[] = {0, 0, 0, 0};

	contexts_init(&f->contexts);
	assert_true(nt_is(negotiate(f), STATUS_INVALID_PARAMETER));
	contexts_one(&f->contexts, SMB2_ENCRYPTION_CAPABILITIES, SEAL_AES128_GCM);
	assert_true(nt_is(negotiate(f), STATUS_INVALID_PARAMETER));
	contexts_init(&f->contexts);
	contexts_preauth(&f->contexts, 1);
	contexts_preauth(&f->contexts, 1);
	assert_true(nt_is(negotiate(f), STATUS_INVALID_PARAMETER));
	contexts_init(&f->contexts);
	contexts_preauth(&f->contexts, 2);
	assert_true(nt_is(negotiate(f), STATUS_SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP));
	contexts_init(&f->contexts);
	contexts_raw(&f->contexts, SMB2_PREAUTH_INTEGRITY_CAPABILITIES, no_hash, 4);
	assert_true(nt_is(negotiate(f), STATUS_INVALID_PARAMETER));
	/* A failure leaves the connection as it was: another NEGOTIATE may follow. */
	assert_int_equal(f->conn.dialect, 0);
	assert_int_equal(f->conn.client_capabilities, 0);
	/* Contexts belong to 3.1.1 alone. */
	offer(f, 0x0302);
	assert_true(nt_ok(negotiate(f)));
}

static void test_cipher_is_the_first_of_ours_that_the_client_has(void **state)
{
	static const struct {
		uint16_t ours[4], n, theirs[6], m, chosen;
	} cases[] = {
		{{2, 4, 1, 3}, 4, {1, 2}, 2, 2},
		{{2, 4, 1, 3}, 4, {2, 1, 4, 3}, 4, 2},
		{{4, 2}, 2, {2, 1, 4, 3}, 4, 4},
		{{2, 4, 1, 3}, 4, {3}, 1, 3},
		{{2, 4, 1, 3}, 4, {9, 17, 0xFFFF, 1}, 4, 1},
		{{2}, 1, {1, 3}, 2, 0},
		{{2}, 1, {0, 77}, 2, 0},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct slice data;

		contexts_restart(f);
		contexts_ids(&f->contexts, SMB2_ENCRYPTION_CAPABILITIES, cases[i].theirs, cases[i].m);
		memcpy(f->cfg.ciphers, cases[i].ours, sizeof(f->cfg.ciphers));
		f->cfg.cipher_count = (uint8_t)cases[i].n;
		assert_true(nt_ok(negotiate(f)));
		assert_int_equal(f->conn.cipher, cases[i].chosen);
		data = contexts_find(f->rsp.contexts, SMB2_ENCRYPTION_CAPABILITIES);
		assert_int_equal(data.len, 4);
		assert_int_equal(load_le16(data.data), 1);
		assert_int_equal(load_le16(data.data + 2), cases[i].chosen);
	}
	f->cfg.encryption = PROTO_ENCRYPTION_OFF;
	assert_true(nt_ok(negotiate(f)));
	assert_int_equal(f->conn.cipher, SEAL_NONE);
	assert_null(contexts_find(f->rsp.contexts, SMB2_ENCRYPTION_CAPABILITIES).data);
}

static void test_signing_is_the_first_of_ours_that_the_client_has_or_cmac(void **state)
{
	static const struct {
		uint16_t theirs[4], m, chosen;
		bool answered;
	} cases[] = {{{2, 1, 0}, 3, 2, true}, {{0, 1, 2}, 3, 2, true}, {{0, 1}, 2, 1, true}, {{0}, 1, 0, true},
		{{7, 8}, 2, 1, false}};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct slice data;

		contexts_restart(f);
		contexts_ids(&f->contexts, SMB2_SIGNING_CAPABILITIES, cases[i].theirs, cases[i].m);
		assert_true(nt_ok(negotiate(f)));
		assert_int_equal(f->conn.signing, cases[i].chosen);
		data = contexts_find(f->rsp.contexts, SMB2_SIGNING_CAPABILITIES);
		assert_int_equal(data.len, cases[i].answered ? 4 : 0);
		if (cases[i].answered)
			assert_int_equal(load_le16(data.data + 2), cases[i].chosen);
	}
}

static void test_repeated_or_empty_capabilities_are_an_invalid_parameter(void **state)
{
	static const uint16_t types[] = {SMB2_ENCRYPTION_CAPABILITIES, SMB2_SIGNING_CAPABILITIES};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		contexts_restart(f);
		contexts_one(&f->contexts, types[i], 1);
		contexts_one(&f->contexts, types[i], 1);
		assert_true(nt_is(negotiate(f), STATUS_INVALID_PARAMETER));
		contexts_restart(f);
		contexts_ids(&f->contexts, types[i], NULL, 0);
		assert_true(nt_is(negotiate(f), STATUS_INVALID_PARAMETER));
		contexts_restart(f);
		contexts_raw(&f->contexts, types[i], "\x02\x00\x01\x00", 4); /* two ids, room for one */
		assert_true(nt_is(negotiate(f), STATUS_INVALID_PARAMETER));
		contexts_restart(f);
		contexts_raw(&f->contexts, types[i], "\x01", 1);
		assert_true(nt_is(negotiate(f), STATUS_INVALID_PARAMETER));
	}
}

static void test_contexts_that_we_do_not_know_are_passed_over(void **state)
{
	static const uint16_t types[] = {SMB2_COMPRESSION_CAPABILITIES, 4, SMB2_NETNAME_NEGOTIATE_CONTEXT_ID,
		SMB2_TRANSPORT_CAPABILITIES, SMB2_RDMA_TRANSFORM_CAPABILITIES, 9, 0x100, 0x7777, 0, 0xFFFF};
	struct fixture *f = *state;
	uint16_t many[40];

	contexts_init(&f->contexts);
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		contexts_raw(&f->contexts, types[i], "some bytes in it", i);
	contexts_preauth(&f->contexts, 1);
	for (uint16_t i = 0; i < 40; i++)
		many[i] = (uint16_t)(100 + i);
	many[7] = SEAL_AES128_CCM;
	contexts_ids(&f->contexts, SMB2_ENCRYPTION_CAPABILITIES, many, 40);
	assert_true(nt_ok(negotiate(f)));
	assert_int_equal(f->conn.cipher, SEAL_AES128_CCM);
	assert_int_equal(f->rsp.context_count, 2);
}

/* Every way to cut a list short is found; the count, not the bytes, says where it ends. */
static void test_lists_that_end_early_are_an_invalid_parameter(void **state)
{
	struct fixture *f = *state;
	size_t whole;

	contexts_one(&f->contexts, SMB2_ENCRYPTION_CAPABILITIES, 1);
	whole = f->contexts.w.pos;
	for (size_t len = 0; len < whole; len++) {
		f->contexts.w.pos = len;
		assert_true(nt_is(negotiate(f), STATUS_INVALID_PARAMETER));
	}
	f->contexts.w.pos = round_up(whole, 8) + 8;
	assert_true(nt_ok(negotiate(f)));
	f->contexts.count++; /* the eight zeros are an empty context of type 0 */
	assert_true(nt_ok(negotiate(f)));
	f->contexts.count++;
	assert_true(nt_is(negotiate(f), STATUS_INVALID_PARAMETER));
	f->contexts.count = UINT16_MAX;
	assert_true(nt_is(negotiate(f), STATUS_INVALID_PARAMETER));
}

static void test_posix_extensions_need_both_sides(void **state)
{
	static const uint8_t guid[16] = {
		0x93, 0xAD, 0x25, 0x50, 0x9C, 0xB4, 0x11, 0xE7, 0xB4, 0x23, 0x83, 0xDE, 0x96, 0x8B, 0xCD, 0x7C};
	struct fixture *f = *state;

	contexts_raw(&f->contexts, SMB2_POSIX_EXTENSIONS_AVAILABLE, guid, 16);
	assert_true(nt_ok(negotiate(f)));
	assert_false(f->conn.posix);
	f->cfg.posix_extensions = true;
	assert_true(nt_ok(negotiate(f)));
	assert_true(f->conn.posix);
	assert_memory_equal(contexts_find(f->rsp.contexts, SMB2_POSIX_EXTENSIONS_AVAILABLE).data, guid, 16);
	contexts_restart(f);
	assert_true(nt_ok(negotiate(f)));
	assert_false(f->conn.posix);
}

static void test_without_memory_the_answer_is_no_memory(void **state)
{
	struct fixture *f = *state;

	arena_init(&f->arena, NULL, 0, 16);
	assert_true(nt_is(negotiate(f), STATUS_NO_MEMORY));
	assert_int_equal(f->conn.dialect, 0);
}

/* An answer as it goes out and is read again. */
static void test_answer_survives_the_wire(void **state)
{
	struct fixture *f = *state;
	struct smb2_negotiate_rsp read;
	uint8_t bytes[2048] = {0};
	struct wire w = wire_encoder(bytes, 64, sizeof(bytes));

	contexts_one(&f->contexts, SMB2_ENCRYPTION_CAPABILITIES, 2);
	contexts_one(&f->contexts, SMB2_SIGNING_CAPABILITIES, 2);
	assert_true(nt_ok(negotiate(f)));
	f->rsp.security_buffer = slice_of("token", 5);
	smb2_negotiate_rsp_code(&w, &f->rsp);
	assert_true(wire_ok(&w));
	w = wire_decoder(bytes, 64, w.pos, NULL);
	smb2_negotiate_rsp_code(&w, &read);
	assert_true(wire_ok(&w));
	assert_int_equal(read.context_count, 3);
	assert_int_equal(contexts_find(read.contexts, SMB2_SIGNING_CAPABILITIES).len, 4);
	assert_true(slice_equal(read.security_buffer, f->rsp.security_buffer));
}

static void test_request_of_windows_10_gets_3_1_1_with_gcm(void **state)
{
	struct fixture *f = *state;
	size_t len;
	uint8_t *m = unhex(published_neg_req_1, &len);
	struct wire w = wire_decoder(m, 64, len, &f->arena);

	smb2_negotiate_req_code(&w, &f->req);
	assert_true(wire_ok(&w));
	assert_true(nt_ok(proto_server_negotiate(&f->conn, &f->cfg, &f->req, &f->rsp, &f->arena)));
	assert_int_equal(f->conn.dialect, 0x0311);
	assert_int_equal(f->conn.cipher, SEAL_AES128_GCM);
	assert_int_equal(f->conn.signing, SIGN_AES_CMAC);
	assert_int_equal(f->rsp.context_count, 2);
	assert_int_equal(f->conn.client_capabilities, 0x3F);
	free(m);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_greatest_common_dialect_is_chosen),
		TEST(test_no_dialects_or_too_many_are_an_invalid_parameter),
		TEST(test_what_the_client_said_is_kept),
		TEST(test_security_mode_and_guid_of_the_answer),
		TEST(test_sizes_and_multi_credit_follow_dialect_and_transport),
		TEST(test_capabilities_are_offered_by_dialect_configuration_and_consent),
		TEST(test_encryption_of_3_0_needs_both_sides),
		TEST(test_signing_algorithm_follows_the_dialect_without_contexts),
		TEST(test_3_1_1_answers_with_sha_512_and_a_fresh_salt),
		TEST(test_preauthentication_context_must_be_there_once_with_a_known_hash),
		TEST(test_cipher_is_the_first_of_ours_that_the_client_has),
		TEST(test_signing_is_the_first_of_ours_that_the_client_has_or_cmac),
		TEST(test_repeated_or_empty_capabilities_are_an_invalid_parameter),
		TEST(test_contexts_that_we_do_not_know_are_passed_over),
		TEST(test_lists_that_end_early_are_an_invalid_parameter),
		TEST(test_posix_extensions_need_both_sides),
		TEST(test_without_memory_the_answer_is_no_memory),
		TEST(test_answer_survives_the_wire),
		TEST(test_request_of_windows_10_gets_3_1_1_with_gcm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

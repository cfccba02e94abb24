/* The SMB1 NEGOTIATE: the examples of the specification, and what is not one. */
#include "negotiate_kit.h"

/* [MS-SMB2] 4.1 and 4.2: the strings of a client of that time */
static const char *const old_strings[] = {"PC NETWORK PROGRAM 1.0", "LANMAN1.0", "Windows for Workgroups 3.1a",
	"LM1.2X002", "LANMAN2.1", "NT LM 0.12", "SMB 2.002", "SMB 2.???"};

/* A request with these strings; its length. */
static size_t build(uint8_t *m, const char *const *strings, size_t n)
{
	static const uint8_t head[] = {0xFF, 'S', 'M', 'B', 0x72, 0, 0, 0, 0, 0x18, 0x53, 0xC8};
	size_t at = 35;

	memset(m, 0, 35);
	memcpy(m, head, sizeof(head));
	store_le16(m + 24, 0xFFFF);
	store_le16(m + 26, 0xFEFF);
	for (size_t i = 0; i < n; i++) {
		m[at++] = 2;
		memcpy(m + at, strings[i], strlen(strings[i]) + 1);
		at += strlen(strings[i]) + 1;
	}
	store_le16(m + 33, (uint16_t)(at - 35));
	return at;
}

static ntstatus negotiate(struct proto_conn *conn, uint16_t min, uint16_t max, const uint8_t *m, size_t len,
	struct smb2_negotiate_rsp *rsp)
{
	struct proto_config cfg;

	proto_config_default(&cfg, true);
	cfg.min_dialect = min;
	cfg.max_dialect = max;
	cfg.capabilities = SMB2_GLOBAL_CAP_DFS | SMB2_GLOBAL_CAP_LEASING | SMB2_GLOBAL_CAP_MULTI_CHANNEL;
	return proto_server_negotiate_smb1(conn, &cfg, slice_of(m, len), rsp);
}

/* Backs: B221. */
static void test_example_4_1_leads_to_2_0_2(void **state)
{
	struct proto_conn conn = {0};
	struct smb2_negotiate_rsp rsp;
	uint8_t m[300];
	size_t len = build(m, old_strings, 7);

	(void)state;
	assert_int_equal(load_le16(m + 33), 109); /* as printed there */
	assert_true(nt_ok(negotiate(&conn, 0x0202, 0x0311, m, len, &rsp)));
	assert_int_equal(rsp.dialect_revision, 0x0202);
	assert_int_equal(conn.dialect, 0x0202);
	assert_false(conn.multi_credit);
	assert_true(conn.smb1_negotiated);
	assert_int_equal(rsp.capabilities, SMB2_GLOBAL_CAP_DFS);
	assert_int_equal(rsp.max_transact_size, 65536);
	assert_int_equal(rsp.max_read_size, 65536);
	assert_int_equal(rsp.max_write_size, 65536);
	assert_int_equal(rsp.context_count, 0);
}

/* Backs: B218, B219. */
static void test_example_4_2_leads_to_the_wildcard(void **state)
{
	struct proto_conn conn = {0};
	struct smb2_negotiate_rsp rsp;
	uint8_t m[300];
	size_t len = build(m, old_strings, 8);

	(void)state;
	assert_int_equal(load_le16(m + 33), 120);
	assert_true(nt_ok(negotiate(&conn, 0x0202, 0x0311, m, len, &rsp)));
	assert_int_equal(rsp.dialect_revision, SMB2_DIALECT_WILDCARD);
	assert_int_equal(conn.dialect, SMB2_DIALECT_WILDCARD);
	assert_true(conn.multi_credit);
	assert_int_equal(rsp.capabilities, SMB2_GLOBAL_CAP_DFS | SMB2_GLOBAL_CAP_LEASING | SMB2_GLOBAL_CAP_LARGE_MTU);
	assert_int_equal(rsp.security_mode, SMB2_NEGOTIATE_SIGNING_ENABLED | SMB2_NEGOTIATE_SIGNING_REQUIRED);
	assert_int_equal(rsp.max_read_size, 8388608);
	assert_true(guid_equal(&rsp.server_guid, &conn.server_guid));
	/* On NetBIOS no multi-credit. */
	conn = (struct proto_conn){.netbios = true};
	assert_true(nt_ok(negotiate(&conn, 0x0202, 0x0311, m, len, &rsp)));
	assert_false(conn.multi_credit);
	assert_int_equal(rsp.max_read_size, 65536);
}

/* Backs: B218, B221, B222. */
static void test_answer_depends_on_what_the_server_speaks(void **state)
{
	static const struct {
		uint16_t min, max;
		size_t first, n;
		uint16_t chosen;
	} cases[] = {
		{0x0202, 0x0202, 0, 8, 0x0202}, /* knows no wildcard */
		{0x0202, 0x0202, 7, 1, 0},
		{0x0210, 0x0311, 0, 7, 0},
		{0x0210, 0x0311, 7, 1, 0x02FF},
		{0x0202, 0x0311, 0, 6, 0}, /* SMB1 only */
		{0x0202, 0x0311, 0, 0, 0},
	};
	uint8_t m[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct proto_conn conn = {0};
		struct smb2_negotiate_rsp rsp;
		size_t len = build(m, old_strings + cases[i].first, cases[i].n);
		ntstatus status = negotiate(&conn, cases[i].min, cases[i].max, m, len, &rsp);

		assert_true(cases[i].chosen ? nt_ok(status) : nt_is(status, STATUS_NOT_SUPPORTED));
		assert_int_equal(conn.dialect, cases[i].chosen);
	}
}

/* Backs: B217. */
static void test_only_the_first_message_of_a_connection_may_be_smb1(void **state)
{
	static const uint16_t dialects[] = {0x0202, 0x0210, 0x0300, 0x0302, 0x0311, 0x02FF};
	struct smb2_negotiate_rsp rsp;
	uint8_t m[300];
	size_t len = build(m, old_strings, 8);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		struct proto_conn conn = {.dialect = dialects[i]};

		assert_true(nt_is(negotiate(&conn, 0x0202, 0x0311, m, len, &rsp), STATUS_NOT_SUPPORTED));
		assert_int_equal(conn.dialect, dialects[i]);
	}
}

/* Backs: B217. */
static void test_what_is_no_well_formed_smb1_negotiate_is_refused(void **state)
{
	uint8_t good[300], m[300];
	size_t len = build(good, old_strings, 8);
	struct proto_conn conn = {0};
	struct smb2_negotiate_rsp rsp;

	(void)state;
	for (size_t cut = 0; cut < len; cut++)
		assert_false(nt_ok(negotiate(&conn, 0x0202, 0x0311, good, cut, &rsp)));
	for (int row = 0; row < 7; row++) {
		memcpy(m, good, len);
		if (row == 0)
			m[4] = 0x73; /* SESSION_SETUP */
		else if (row == 1)
			m[9] |= 0x80; /* a response */
		else if (row == 2)
			m[32] = 1; /* parameter words */
		else if (row == 3)
			store_le16(m + 33, (uint16_t)(len - 35 + 1));
		else if (row == 4)
			store_le16(m + 33, (uint16_t)(len - 35 - 1)); /* the last string has no end */
		else if (row == 5)
			m[35] = 3; /* not the format of a dialect */
		else
			m[0] = 0xFD;
		assert_true(nt_is(negotiate(&conn, 0x0202, 0x0311, m, len, &rsp), STATUS_INVALID_PARAMETER));
	}
	assert_int_equal(conn.dialect, 0);
	/* Bytes behind the strings do not matter, similar strings do not count. */
	assert_true(nt_ok(negotiate(&conn, 0x0202, 0x0311, good, len + 7, &rsp)));
	conn = (struct proto_conn){0};
	len = build(m, (const char *const[]){"SMB 2.00", "SMB 2.0022", "smb 2.002", "", "SMB 2.??"}, 5);
	assert_true(nt_is(negotiate(&conn, 0x0202, 0x0311, m, len, &rsp), STATUS_NOT_SUPPORTED));
}

/* Backs: C053, G045. */
static void test_the_clients_form_offers_what_it_speaks_and_the_server_takes_it(void **state)
{
	static const struct {
		uint16_t min, max, chosen;
		bool first, wildcard;
	} cases[] = {{0x0202, 0x0202, 0x0202, true, false}, {0x0202, 0x0311, 0x02FF, true, true},
		{0x0210, 0x0311, 0x02FF, false, true}};
	uint8_t m[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct proto_conn conn = {0};
		struct proto_config cfg;
		struct smb2_negotiate_rsp rsp;
		size_t len;

		proto_config_default(&cfg, false);
		cfg.min_dialect = cases[i].min;
		cfg.max_dialect = cases[i].max;
		len = proto_client_negotiate_smb1(m, sizeof(m), &cfg);
		assert_int_equal(len, 35 + 11 * (cases[i].first + cases[i].wildcard));
		assert_int_equal(memmem(m, len, "\x02SMB 2.002", 11) != NULL, cases[i].first);
		assert_int_equal(memmem(m, len, "\x02SMB 2.???", 11) != NULL, cases[i].wildcard);
		assert_true(nt_ok(negotiate(&conn, 0x0202, 0x0311, m, len, &rsp)));
		assert_int_equal(conn.dialect, cases[i].chosen);
		assert_int_equal(proto_client_negotiate_smb1(m, len - 1, &cfg), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example_4_1_leads_to_2_0_2),
		cmocka_unit_test(test_example_4_2_leads_to_the_wildcard),
		cmocka_unit_test(test_answer_depends_on_what_the_server_speaks),
		cmocka_unit_test(test_only_the_first_message_of_a_connection_may_be_smb1),
		cmocka_unit_test(test_what_is_no_well_formed_smb1_negotiate_is_refused),
		cmocka_unit_test(test_the_clients_form_offers_what_it_speaks_and_the_server_takes_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Create contexts and negotiate contexts: the lists, with everything that can be wrong in their offsets, and the layout of each
 * payload. [MS-SMB2] 2.2.3.1, 2.2.13.2, 2.2.14.2. */
#include "golden.h"

#include "wire/fscc.h"
#include "wire/secdesc.h"

static const char *const TAGS[] = {"ExtA", "SecD", "DHnQ", "DHnC", "MxAc", "AlSi", "TWrp", "RqLs", "QFid", "DH2Q", "DH2C"};

/* An element with a four-byte name and data behind it. */
static void element(struct golden *g, uint32_t next, const char *tag, size_t data_len)
{
	g32(g, next);
	g16(g, 16);
	g16(g, 4);
	g16(g, 0);
	g16(g, data_len ? 24 : 0);
	g32(g, (uint32_t)data_len);
	gascii(g, tag);
	if (data_len || next)
		gzero(g, 4);
	gfill(g, data_len);
}

static int walk(const struct golden *g, struct smb2_create_context *last)
{
	struct slice list = gslice(g, 0);
	struct smb2_create_context c;
	bool bad = false;
	int n = 0;

	while (smb2_create_context_next(&list, &c, &bad)) {
		*last = c;
		n++;
	}
	return bad ? -1 : n;
}

/* Backs: A022. */
static void test_create_context_list_is_walked_and_built(void **state)
{
	struct golden *g = golden_new();
	struct smb2_create_context last;
	struct wire e = golden_encoder(0);
	uint8_t fill[16];

	(void)state;
	element(g, 40, "DHnQ", 16);
	element(g, 24, "QFid", 0);
	element(g, 0, "AlSi", 8);
	assert_int_equal(walk(g, &last), 3);
	assert_slice(last.name, "AlSi", 4);
	assert_int_equal(last.data.len, 8);
	for (size_t i = 0; i < sizeof(fill); i++)
		fill[i] = (uint8_t)(i + 1);
	smb2_create_context_put(&e, slice_of("DHnQ", 4), slice_of(fill, 16));
	smb2_create_context_put(&e, slice_of("QFid", 4), slice_of(NULL, 0));
	smb2_create_context_put(&e, slice_of("AlSi", 4), slice_of(fill, 8));
	golden_same(g, &e, 0, "smb2_create_context_put", __LINE__);
}

static void test_create_context_names_may_be_guids(void **state)
{
	static const char name[] = "\x45\xBC\xA6\x6A\xEF\xA7\xF7\x4A\x90\x08\xFA\x46\x2E\x14\x4D\x74";
	struct golden *g = golden_new();
	struct smb2_create_context last;
	struct wire e = golden_encoder(0);

	(void)state;
	ghex(g, "00000000 1000 1000 0000 2000 14000000 45BCA66A EFA7F74A 9008FA46 2E144D74");
	gfill(g, 20);
	assert_int_equal(walk(g, &last), 1);
	assert_slice(last.name, name, 16);
	assert_int_equal(last.data.len, 20);
	smb2_create_context_put(&e, last.name, last.data);
	golden_same(g, &e, 0, "smb2_create_context_put", __LINE__);
}

/* Backs: A022. */
static void test_create_context_lists_that_lie_are_refused(void **state)
{
	static const struct {
		uint8_t at, value;
		const char *what;
	} lies[] = {
		{0, 8, "Next inside the header"}, {0, 36, "Next not aligned"}, {0, 72, "Next at the end"}, {0, 48, "Next cuts the last one"},
		{3, 0x80, "Next far away"}, {4, 0, "name at the header"}, {4, 20, "name not aligned"}, {4, 48, "name behind its element"},
		{6, 3, "a name of three bytes"}, {6, 0, "no name"}, {6, 32, "name leaves its element"}, {10, 8, "data in the header"},
		{10, 28, "data not aligned"}, {10, 64, "data behind its element"}, {12, 17, "data leaves its element"},
		{15, 0xFF, "a huge DataLength"}, {40, 8, "the last one goes on"}, {52, 25, "data of the last one leaves the list"},
	};
	struct smb2_create_context last;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		struct golden *g = golden_new();

		element(g, 40, "DHnQ", 16);
		element(g, 0, "AlSi", 8);
		assert_int_equal(walk(g, &last), 2);
		g->b[lies[i].at] = lies[i].value;
		if (walk(g, &last) != -1)
			fail_msg("taken: %s", lies[i].what);
	}
}

static void test_create_context_chain_cannot_loop(void **state)
{
	struct golden *g = golden_new();
	struct smb2_create_context last;

	(void)state;
	/* Next is unsigned and must advance, so the longest walk is one step per header. */
	for (int i = 0; i < 50; i++)
		element(g, i == 49 ? 0 : 24, "QFid", 0);
	assert_int_equal(walk(g, &last), 50);
	store_le32(g->b + 24 * 20, 0xFFFFFFE8); /* minus 24 */
	assert_int_equal(walk(g, &last), -1);
}

/* Backs: G010. */
static void test_create_context_tags_are_read_as_bytes(void **state)
{
	static const uint32_t values[] = {0x45787441, 0x53656344, 0x44486e51, 0x44486e43, 0x4d784163, 0x416c5369, 0x54577270, 0x52714c73,
		0x51466964, 0x44483251, 0x44483243};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(TAGS); i++)
		assert_int_equal(load_be32(TAGS[i]), values[i]);
}

/* Backs: A023. */
static void test_ea_buffer_context_is_a_list_of_full_ea_information(void **state)
{
	struct golden *g = golden_new();
	struct slice list;
	struct fscc_ea ea;
	bool bad;

	(void)state;
	g32(g, 16);
	g8(g, 0x80);
	g8(g, 3);
	g16(g, 2);
	gascii(g, "ONE");
	g8(g, 0);
	gascii(g, "v1");
	gzero(g, 2);
	g32(g, 0);
	g8(g, 0);
	g8(g, 3);
	g16(g, 0);
	gascii(g, "TWO");
	g8(g, 0);
	list = gslice(g, 0);
	assert_true(fscc_ea_next(&list, &ea, &bad));
	assert_int_equal(ea.flags, 0x80);
	assert_slice(ea.name, "ONE", 3);
	assert_slice(ea.value, "v1", 2);
	assert_true(fscc_ea_next(&list, &ea, &bad));
	assert_slice(ea.name, "TWO", 3);
	assert_int_equal(ea.value.len, 0);
	assert_false(fscc_ea_next(&list, &ea, &bad));
	assert_false(bad);
	g->b[11] = 'X'; /* no zero behind the name */
	list = gslice(g, 0);
	assert_false(fscc_ea_next(&list, &ea, &bad));
	assert_true(bad);
}

/* Backs: A024. */
static void test_security_descriptor_context_is_self_relative(void **state)
{
	struct golden *g = golden_new();
	struct secdesc m = {0};
	char text[SID_TEXT_CHARS];

	(void)state;
	g8(g, 1);
	g8(g, 0);
	g16(g, 0x8004);
	g32(g, 20);
	g32(g, 0);
	g32(g, 0);
	g32(g, 0);
	ghex(g, "01 02 00 00 00 00 00 05 20 00 00 00 20 02 00 00");
	CHECK_CODER(g, 0, secdesc_code, &m);
	sid_text(text, m.owner);
	assert_string_equal(text, "S-1-5-32-544");
	assert_null(m.dacl);
}

/* Backs: A025, A039. */
static void test_durable_request_context_layout(void **state)
{
	struct golden *g = golden_new();
	struct smb2_empty m = {0};

	(void)state;
	gzero(g, 16);
	CHECK_CODER(g, 0, smb2_ctx_dhnq_code, &m);
	memset(g->b, 0xFF, 16); /* contents are ignored */
	{
		struct wire w = golden_decoder(g, 0);

		smb2_ctx_dhnq_code(&w, &m);
		assert_true(wire_ok(&w));
		assert_int_equal(wire_left(&w), 0);
	}
	g->n = 15;
	CHECK_REFUSED(g, 0, smb2_ctx_dhnq_code, &m);
	g = golden_new();
	gzero(g, 8);
	CHECK_CODER(g, 0, smb2_ctx_dhnq_rsp_code, &m);
}

/* Backs: A026. */
static void test_durable_reconnect_context_layout(void **state)
{
	struct golden *g = golden_new();
	struct smb2_ctx_file_id m = {0};

	(void)state;
	gfid(g, 5, 6);
	CHECK_CODER(g, 0, smb2_ctx_dhnc_code, &m);
	assert_true(m.file_id.persistent == 5 && m.file_id.volatile_id == 6);
	g->n = 15;
	CHECK_REFUSED(g, 0, smb2_ctx_dhnc_code, &m);
}

/* Backs: A027, A028, A029. */
static void test_contexts_of_eight_bytes(void **state)
{
	struct golden *g = golden_new();
	struct smb2_ctx_timestamp m = {0};

	(void)state;
	g64(g, 0x01C6A6C21CAE2680);
	CHECK_CODER(g, 0, smb2_ctx_timestamp_code, &m);
	assert_true(m.time == 0x01C6A6C21CAE2680);
	g->n = 7;
	CHECK_REFUSED(g, 0, smb2_ctx_timestamp_code, &m);
}

/* Backs: A040. */
static void test_maximal_access_response_layout(void **state)
{
	struct golden *g = golden_new();
	struct smb2_ctx_mxac_rsp m = {0};

	(void)state;
	g32(g, 0xC0000073);
	g32(g, 0x001F01FF);
	CHECK_CODER(g, 0, smb2_ctx_mxac_rsp_code, &m);
	assert_int_equal(m.query_status, STATUS_NONE_MAPPED.code);
	assert_int_equal(m.maximal_access, 0x001F01FF);
}

/* Backs: A031, A041. */
static void test_on_disk_id_response_layout(void **state)
{
	struct golden *g = golden_new();
	struct smb2_ctx_qfid_rsp m = {0};

	(void)state;
	g64(g, 0x1122334455667788);
	g64(g, 0x99);
	gzero(g, 16);
	CHECK_CODER(g, 0, smb2_ctx_qfid_rsp_code, &m);
	assert_int_equal(g->n, 32);
	assert_true(m.disk_file_id == 0x1122334455667788 && m.volume_id == 0x99);
}

/* Backs: A030, A042. */
static void test_lease_v1_layout(void **state)
{
	struct golden *g = golden_new();
	struct smb2_ctx_lease m = {0};

	(void)state;
	gfill(g, 16);
	g32(g, 7);
	g32(g, 2); /* BREAK_IN_PROGRESS */
	g64(g, 0);
	CHECK_CODER(g, 0, smb2_ctx_lease_v1_code, &m);
	assert_int_equal(g->n, 0x20);
	assert_int_equal(m.lease_key[0], 1);
	assert_int_equal(m.lease_state, 7);
	assert_int_equal(m.flags, 2);
	g->n--;
	CHECK_REFUSED(g, 0, smb2_ctx_lease_v1_code, &m);
}

/* Backs: A032, A043. */
static void test_lease_v2_layout(void **state)
{
	struct golden *g = golden_new();
	struct smb2_ctx_lease m = {0};

	(void)state;
	gfill(g, 16);
	g32(g, 3);
	g32(g, 4); /* PARENT_LEASE_KEY_SET */
	g64(g, 0);
	gfill(g, 16);
	g16(g, 0x0102);
	g16(g, 0);
	CHECK_CODER(g, 0, smb2_ctx_lease_v2_code, &m);
	assert_int_equal(g->n, 0x34);
	assert_int_equal(m.lease_state, 3);
	assert_int_equal(m.flags, 4);
	assert_int_equal(m.parent_lease_key[15], 16);
	assert_int_equal(m.epoch, 0x0102);
	g->n--;
	CHECK_REFUSED(g, 0, smb2_ctx_lease_v2_code, &m);
}

/* Backs: A033, A044. */
static void test_durable_v2_request_and_response_layout(void **state)
{
	struct golden *g = golden_new();
	struct smb2_ctx_dh2q_req m = {0};
	struct smb2_ctx_dh2q_rsp r = {0};

	(void)state;
	g32(g, 60000);
	g32(g, 2);
	g64(g, 0);
	gfill(g, 16);
	CHECK_CODER(g, 0, smb2_ctx_dh2q_req_code, &m);
	assert_int_equal(g->n, 32);
	assert_int_equal(m.timeout, 60000);
	assert_int_equal(m.flags, 2);
	assert_int_equal(m.create_guid.b[15], 16);
	g->n = 8;
	CHECK_CODER(g, 0, smb2_ctx_dh2q_rsp_code, &r);
	assert_int_equal(r.timeout, 60000);
	assert_int_equal(r.flags, 2);
}

/* Backs: A034. */
static void test_durable_v2_reconnect_layout(void **state)
{
	struct golden *g = golden_new();
	struct smb2_ctx_dh2c_req m = {0};

	(void)state;
	gfid(g, 5, 6);
	gfill(g, 16);
	g32(g, 2);
	CHECK_CODER(g, 0, smb2_ctx_dh2c_req_code, &m);
	assert_int_equal(g->n, 36);
	assert_true(m.file_id.persistent == 5);
	assert_int_equal(m.create_guid.b[0], 1);
	assert_int_equal(m.flags, 2);
}

/* Backs: A035. */
static void test_app_instance_contexts_layout(void **state)
{
	struct golden *g = golden_new();
	struct smb2_ctx_app_instance_id m = {0};
	struct smb2_ctx_app_instance_version v = {0};

	(void)state;
	g16(g, 20);
	g16(g, 0);
	gfill(g, 16);
	CHECK_CODER(g, 0, smb2_ctx_app_instance_id_code, &m);
	assert_int_equal(m.app_instance_id.b[0], 1);
	g->b[0] = 21;
	CHECK_REFUSED(g, 0, smb2_ctx_app_instance_id_code, &m);
	g = golden_new();
	g16(g, 24);
	g16(g, 0);
	g32(g, 0);
	g64(g, 3);
	g64(g, 4);
	CHECK_CODER(g, 0, smb2_ctx_app_instance_version_code, &v);
	assert_true(v.high == 3 && v.low == 4);
}

static void test_negotiate_context_list_is_walked_and_built(void **state)
{
	struct golden *g = golden_new();
	struct slice list;
	struct smb2_negotiate_context c;
	struct wire e = golden_encoder(0);
	bool bad;

	(void)state;
	g16(g, 2);
	g16(g, 6);
	g32(g, 0);
	gascii(g, "cipher");
	gzero(g, 2);
	g16(g, 0x9999);
	g16(g, 3);
	g32(g, 0);
	gascii(g, "odd");
	list = gslice(g, 0);
	assert_true(smb2_negotiate_context_next(&list, &c, &bad));
	assert_int_equal(c.type, 2);
	assert_slice(c.data, "cipher", 6);
	smb2_negotiate_context_put(&e, c.type, c.data);
	assert_true(smb2_negotiate_context_next(&list, &c, &bad));
	assert_int_equal(c.type, 0x9999); /* unknown ones are given out like any other */
	smb2_negotiate_context_put(&e, c.type, c.data);
	assert_false(smb2_negotiate_context_next(&list, &c, &bad));
	assert_false(bad);
	golden_same(g, &e, 0, "smb2_negotiate_context_put", __LINE__);
	g->b[18] = 4; /* DataLength past the end */
	list = gslice(g, 16);
	assert_false(smb2_negotiate_context_next(&list, &c, &bad));
	assert_true(bad);
	list = gslice(g, g->n - 7); /* no room for a header */
	assert_false(smb2_negotiate_context_next(&list, &c, &bad));
	assert_true(bad);
}

static void test_negotiate_context_payloads(void **state)
{
	struct golden *g = golden_new();
	struct smb2_preauth_caps preauth = {0};
	struct smb2_algorithm_caps caps = {0};
	struct smb2_rdma_transform_caps rdma = {0};

	(void)state;
	g16(g, 1);
	g16(g, 32);
	g16(g, 1);
	gfill(g, 32);
	CHECK_CODER(g, 0, smb2_preauth_caps_code, &preauth);
	assert_int_equal(preauth.hashes[0], SMB2_PREAUTH_SHA512);
	assert_int_equal(preauth.salt.len, 32);
	assert_int_equal(preauth.salt_length, 32);
	g->b[2] = 33;
	CHECK_REFUSED(g, 0, smb2_preauth_caps_code, &preauth);

	g = golden_new();
	g16(g, 2);
	g16(g, SMB2_CIPHER_AES128_GCM);
	g16(g, SMB2_CIPHER_AES128_CCM);
	CHECK_CODER(g, 0, smb2_encryption_caps_code, &caps);
	CHECK_CODER(g, 0, smb2_signing_caps_code, &caps);
	assert_int_equal(caps.ids[0], SMB2_CIPHER_AES128_GCM);
	g->n--;
	CHECK_REFUSED(g, 0, smb2_encryption_caps_code, &caps);

	g = golden_new();
	g16(g, 1);
	g16(g, 0);
	g32(g, 1); /* CHAINED */
	g16(g, 5);
	CHECK_CODER(g, 0, smb2_compression_caps_code, &caps);
	assert_int_equal(caps.flags, 1);

	g = golden_new();
	g16(g, 1);
	g16(g, 0);
	g32(g, 0);
	g16(g, 2);
	CHECK_CODER(g, 0, smb2_rdma_transform_caps_code, &rdma);
	assert_int_equal(rdma.ids[0], 2);
}

static void test_more_algorithms_than_we_know_are_read_over(void **state)
{
	struct golden *g = golden_new();
	struct smb2_algorithm_caps caps = {0};
	struct wire w;

	(void)state;
	g16(g, 40);
	for (unsigned i = 0; i < 40; i++)
		g16(g, i + 1);
	w = golden_decoder(g, 0);
	smb2_encryption_caps_code(&w, &caps);
	assert_true(wire_ok(&w));
	assert_int_equal(caps.count, 16);
	assert_int_equal(caps.ids[15], 16);
	assert_int_equal(wire_left(&w), 0);
	store_le16(g->b, 16); /* as many as we keep */
	g->n = 34;
	CHECK_CODER(g, 0, smb2_encryption_caps_code, &caps);
	caps.count = 17;
	w = golden_encoder(0);
	smb2_encryption_caps_code(&w, &caps);
	assert_false(wire_ok(&w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create_context_list_is_walked_and_built),
		cmocka_unit_test(test_create_context_names_may_be_guids),
		cmocka_unit_test(test_create_context_lists_that_lie_are_refused),
		cmocka_unit_test(test_create_context_chain_cannot_loop),
		cmocka_unit_test(test_create_context_tags_are_read_as_bytes),
		cmocka_unit_test(test_ea_buffer_context_is_a_list_of_full_ea_information),
		cmocka_unit_test(test_security_descriptor_context_is_self_relative),
		cmocka_unit_test(test_durable_request_context_layout),
		cmocka_unit_test(test_durable_reconnect_context_layout),
		cmocka_unit_test(test_contexts_of_eight_bytes),
		cmocka_unit_test(test_maximal_access_response_layout),
		cmocka_unit_test(test_on_disk_id_response_layout),
		cmocka_unit_test(test_lease_v1_layout),
		cmocka_unit_test(test_lease_v2_layout),
		cmocka_unit_test(test_durable_v2_request_and_response_layout),
		cmocka_unit_test(test_durable_v2_reconnect_layout),
		cmocka_unit_test(test_app_instance_contexts_layout),
		cmocka_unit_test(test_negotiate_context_list_is_walked_and_built),
		cmocka_unit_test(test_negotiate_context_payloads),
		cmocka_unit_test(test_more_algorithms_than_we_know_are_read_over),
	};

	return cmocka_run_group_tests(tests, NULL, golden_teardown);
}

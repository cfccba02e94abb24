/* Payloads of control codes in golden bytes: [MS-SMB2] 2.2.31, 2.2.32, [MS-FSCC] 2.1.2 and 2.3, [MS-DFSC] 2.2.2. */
#include "golden.h"

#include "wire/fsctl.h"

/* Backs: A075, A076. */
static void test_copychunk_layout(void **state)
{
	struct golden *g = golden_new();
	struct fsctl_copychunk m = {.chunk_count = 0};

	(void)state;
	gfill(g, 24);
	g32(g, 2);
	g32(g, 0);
	for (uint64_t i = 1; i <= 2; i++) {
		g64(g, 100 * i);
		g64(g, 200 * i);
		g32(g, (uint32_t)(300 * i));
		g32(g, 0);
	}
	CHECK_CODER(g, 0, fsctl_copychunk_code, &m);
	assert_int_equal(m.source_key[23], 24);
	assert_int_equal(m.chunk_count, 2);
	assert_true(m.chunks[1].source_offset == 200 && m.chunks[1].target_offset == 400);
	assert_int_equal(m.chunks[1].length, 600);
	g->b[24] = 3; /* more chunks than bytes */
	CHECK_REFUSED(g, 0, fsctl_copychunk_code, &m);
	store_le32(g->b + 24, 0xFFFFFFFF);
	CHECK_REFUSED(g, 0, fsctl_copychunk_code, &m);
	assert_int_equal(m.chunk_count, 0);
}

/* Backs: A080. */
static void test_copychunk_response_layout(void **state)
{
	struct golden *g = golden_new();
	struct fsctl_copychunk_rsp m = {0};

	(void)state;
	g32(g, 1);
	g32(g, 2);
	g32(g, 3);
	CHECK_CODER(g, 0, fsctl_copychunk_rsp_code, &m);
	assert_true(m.chunks_written == 1 && m.chunk_bytes_written == 2 && m.total_bytes_written == 3);
}

/* Backs: A082. */
static void test_resume_key_is_32_bytes_on_the_wire(void **state)
{
	struct golden *g = golden_new();
	struct fsctl_resume_key m = {{0}};
	struct wire w;

	(void)state;
	gfill(g, 24);
	g32(g, 0);
	g32(g, 0);
	CHECK_CODER(g, 0, fsctl_resume_key_code, &m);
	assert_int_equal(g->n, 32);
	assert_int_equal(m.resume_key[23], 24);
	g->n = 28; /* without the context that nobody uses */
	w = golden_decoder(g, 0);
	fsctl_resume_key_code(&w, &m);
	assert_true(wire_ok(&w));
}

/* Backs: A077. */
static void test_read_hash_request_layout(void **state)
{
	struct golden *g = golden_new();
	struct fsctl_read_hash m = {0};

	(void)state;
	g32(g, 1);
	g32(g, 2);
	g32(g, 2);
	g32(g, 4096);
	g64(g, 8192);
	CHECK_CODER(g, 0, fsctl_read_hash_code, &m);
	assert_int_equal(g->n, 24);
	assert_true(m.hash_type == 1 && m.hash_version == 2 && m.hash_retrieval_type == 2 && m.length == 4096 && m.offset == 8192);
}

/* Backs: A083, A084, A085. */
static void test_read_hash_response_layouts(void **state)
{
	struct golden *g = golden_new();
	struct fsctl_hash_header h = {0};
	struct fsctl_hash_by_blob b = {0};
	struct fsctl_hash_by_file f = {0};

	(void)state;
	g32(g, 1);
	g32(g, 1);
	g64(g, 0x01C6A6C21CAE2680);
	g64(g, 12345);
	g32(g, 64);
	g32(g, 80);
	g16(g, 0);
	g16(g, 10);
	gtext(g, "file");
	g16(g, 0);
	CHECK_CODER(g, 0, fsctl_hash_header_code, &h);
	assert_true(h.source_file_size == 12345 && h.hash_blob_length == 64 && h.hash_blob_offset == 80 && h.dirty == 0);
	assert_int_equal(h.source_file_name.len, 10);
	g->b[34] = 12;
	CHECK_REFUSED(g, 0, fsctl_hash_header_code, &h);

	g = golden_new();
	g64(g, 7);
	g32(g, 5);
	g32(g, 0);
	gascii(g, "bytes");
	CHECK_CODER(g, 0, fsctl_hash_by_blob_code, &b);
	assert_true(b.offset == 7);
	assert_slice(b.buffer, "bytes", 5);
	g->n--;
	CHECK_REFUSED(g, 0, fsctl_hash_by_blob_code, &b);

	g = golden_new();
	g64(g, 7);
	g64(g, 8);
	g32(g, 5);
	g32(g, 0);
	gascii(g, "bytes");
	CHECK_CODER(g, 0, fsctl_hash_by_file_code, &f);
	assert_true(f.file_data_offset == 7 && f.file_data_length == 8);
	assert_slice(f.buffer, "bytes", 5);
}

/* Backs: A078. */
static void test_resiliency_request_layout(void **state)
{
	struct golden *g = golden_new();
	struct fsctl_resiliency m = {0};

	(void)state;
	g32(g, 300000);
	g32(g, 0);
	CHECK_CODER(g, 0, fsctl_resiliency_code, &m);
	assert_int_equal(m.timeout_ms, 300000);
	g->n = 7;
	CHECK_REFUSED(g, 0, fsctl_resiliency_code, &m);
}

/* Backs: A079, A090. */
static void test_validate_negotiate_layouts(void **state)
{
	struct golden *g = golden_new();
	struct fsctl_validate_negotiate m = {0};
	struct fsctl_validate_negotiate_rsp r = {0};

	(void)state;
	g32(g, 0x7F);
	gfill(g, 16);
	g16(g, 1);
	g16(g, 2);
	g16(g, 0x0210);
	g16(g, 0x0300);
	CHECK_CODER(g, 0, fsctl_validate_negotiate_code, &m);
	assert_int_equal(m.capabilities, 0x7F);
	assert_int_equal(m.security_mode, 1);
	assert_int_equal(m.dialects[1], 0x0300);
	g->b[22] = 3; /* DialectCount does not fit */
	CHECK_REFUSED(g, 0, fsctl_validate_negotiate_code, &m);
	store_le16(g->b + 22, 0x0300);
	g->n = 24;
	CHECK_CODER(g, 0, fsctl_validate_negotiate_rsp_code, &r);
	assert_int_equal(r.dialect, 0x0300);
	assert_int_equal(r.guid.b[15], 16);
}

/* Backs: A081. */
static void test_snapshot_array_layout(void **state)
{
	struct golden *g = golden_new();
	struct fsctl_snapshots m = {0};
	struct wire w;

	(void)state;
	g32(g, 1);
	g32(g, 1);
	g32(g, 52);
	gtext(g, "@GMT-2006.07.13-21.20.06");
	g32(g, 0); /* the end of the token and of the array */
	CHECK_CODER(g, 0, fsctl_snapshots_code, &m);
	assert_int_equal(m.tokens.len, 52);
	g->n = 14; /* too small a buffer: what is needed, and two bytes as Windows has it */
	store_le32(g->b + 4, 0);
	CHECK_CODER(g, 0, fsctl_snapshots_code, &m);
	assert_int_equal(m.array_size, 52);
	assert_int_equal(m.tokens.len, 2);
	g->n = 70; /* bytes behind the array are not part of it */
	w = golden_decoder(g, 0);
	fsctl_snapshots_code(&w, &m);
	assert_int_equal(m.tokens.len, 52);
}

static void interface(struct golden *g, uint32_t next, const char *sockaddr)
{
	size_t start;

	g32(g, next);
	g32(g, 12);
	g32(g, FSCTL_IF_RSS);
	g32(g, 0);
	g64(g, 10000000000);
	start = g->n;
	ghex(g, sockaddr);
	gzero(g, 128 - (g->n - start));
}

/* Backs: A086, A087, A088, A089. */
static void test_network_interface_list_layout(void **state)
{
	struct golden *g = golden_new();
	struct fsctl_interface m;
	struct slice list;
	struct wire e = golden_encoder(0);
	bool bad;

	(void)state;
	interface(g, 152, "02 00 00 8B AC 19 DC 15");
	interface(g, 0, "17 00 01 BD 00 00 00 07 FE80 0000 0000 0000 0001 0203 0405 0607 00 00 00 03");
	assert_int_equal(g->n, 304);
	list = gslice(g, 0);
	assert_true(fsctl_interface_next(&list, &m, &bad));
	assert_int_equal(m.family, FSCTL_FAMILY_IPV4);
	assert_int_equal(m.port, 139);
	assert_memory_equal(m.address, "\xAC\x19\xDC\x15", 4);
	assert_true(m.link_speed == 10000000000 && m.if_index == 12 && m.capability == FSCTL_IF_RSS);
	fsctl_interface_put(&e, &m);
	assert_true(fsctl_interface_next(&list, &m, &bad));
	assert_int_equal(m.family, FSCTL_FAMILY_IPV6);
	assert_int_equal(m.port, 445);
	assert_int_equal(m.flow_info, 7);
	assert_int_equal(m.scope_id, 3);
	assert_memory_equal(m.address, "\xFE\x80\0\0\0\0\0\0\0\1\2\3\4\5\6\7", 16);
	fsctl_interface_put(&e, &m);
	assert_false(fsctl_interface_next(&list, &m, &bad));
	assert_false(bad);
	golden_same(g, &e, 0, "fsctl_interface_put", __LINE__);
	g->b[0] = 151;
	list = gslice(g, 0);
	assert_false(fsctl_interface_next(&list, &m, &bad));
	assert_true(bad);
}

/* Backs: A092, G097. */
static void test_pipe_wait_layout(void **state)
{
	struct golden *g = golden_new();
	struct fsctl_pipe_wait m = {0};

	(void)state;
	g64(g, 50000);
	g32(g, 12);
	g8(g, 1);
	g8(g, 0);
	gtext(g, "srvsvc");
	CHECK_CODER(g, 0, fsctl_pipe_wait_code, &m);
	assert_true(m.timeout == 50000 && m.timeout_specified);
	assert_text(m.name, "srvsvc");
	g->b[8] = 14;
	CHECK_REFUSED(g, 0, fsctl_pipe_wait_code, &m);
}

/* Backs: A093. */
static void test_pipe_peek_response_layout(void **state)
{
	struct golden *g = golden_new();
	struct fsctl_pipe_peek_rsp m = {0};

	(void)state;
	g32(g, 3);
	g32(g, 10);
	g32(g, 1);
	g32(g, 10);
	gascii(g, "0123456789");
	CHECK_CODER(g, 0, fsctl_pipe_peek_rsp_code, &m);
	assert_true(m.state == 3 && m.read_data_available == 10 && m.number_of_messages == 1 && m.message_length == 10);
	assert_slice(m.data, "0123456789", 10);
}

/* Backs: A094. */
static void test_reparse_point_and_trim_layouts(void **state)
{
	struct golden *g = golden_new();
	struct fsctl_reparse r = {0};
	struct fsctl_file_level_trim t = {0};
	struct fsctl_file_level_trim_rsp tr = {0};

	(void)state;
	g32(g, IO_REPARSE_TAG_SYMLINK);
	g16(g, 4);
	g16(g, 0);
	gascii(g, "data");
	CHECK_CODER(g, 0, fsctl_reparse_code, &r);
	assert_slice(r.data, "data", 4);
	g->b[4] = 5;
	CHECK_REFUSED(g, 0, fsctl_reparse_code, &r);

	g = golden_new(); /* a tag that is not Microsoft's has a GUID */
	g32(g, 0x00001234);
	g16(g, 4);
	g16(g, 0);
	gfill(g, 16);
	gascii(g, "data");
	CHECK_CODER(g, 0, fsctl_reparse_code, &r);
	assert_int_equal(r.guid.b[15], 16);

	g = golden_new();
	g32(g, 0);
	g32(g, 1);
	g64(g, 4096);
	g64(g, 8192);
	CHECK_CODER(g, 0, fsctl_file_level_trim_code, &t);
	assert_true(t.key == 0 && t.num_ranges == 1 && t.ranges[0].offset == 4096 && t.ranges[0].length == 8192);
	g->b[4] = 2;
	CHECK_REFUSED(g, 0, fsctl_file_level_trim_code, &t);
	g = golden_new();
	g32(g, 1);
	CHECK_CODER(g, 0, fsctl_file_level_trim_rsp_code, &tr);
}

static void test_symlink_and_mount_point_reparse_data(void **state)
{
	struct golden *g = golden_new();
	struct fsctl_reparse_symlink s = {0};
	struct fsctl_reparse_mount_point p = {{0}, {0}};

	(void)state;
	g16(g, 0);
	g16(g, 6);
	g16(g, 6);
	g16(g, 4);
	g32(g, 1);
	gtext(g, "..\\ab");
	CHECK_CODER(g, 0, fsctl_reparse_symlink_code, &s);
	assert_text(s.substitute_name, "..\\");
	assert_text(s.print_name, "ab");
	g->b[4] = 8;
	CHECK_REFUSED(g, 0, fsctl_reparse_symlink_code, &s);

	g = golden_new(); /* each name has a terminator that its length does not count */
	g16(g, 0);
	g16(g, 6);
	g16(g, 8);
	g16(g, 4);
	gtext(g, "\\??");
	g16(g, 0);
	gtext(g, "c:");
	g16(g, 0);
	CHECK_CODER(g, 0, fsctl_reparse_mount_point_code, &p);
	assert_text(p.substitute_name, "\\??");
	assert_text(p.print_name, "c:");
}

static void test_ranges_and_properties(void **state)
{
	struct golden *g = golden_new();
	struct fsctl_ranges r = {0};
	struct fsctl_zero_data z = {0};
	struct fsctl_set_sparse s = {0};
	struct fsctl_duplicate_extents d = {{0}, 0, 0, 0};
	struct fsctl_object_id o = {{{0}}, {0}};
	struct fsctl_compression c = {0};
	struct wire w;

	(void)state;
	g64(g, 1);
	g64(g, 2);
	g64(g, 3);
	g64(g, 4);
	CHECK_CODER(g, 0, fsctl_ranges_code, &r);
	assert_int_equal(r.count, 2);
	assert_true(r.ranges[1].offset == 3 && r.ranges[1].length == 4);
	g->n = 16;
	CHECK_CODER(g, 0, fsctl_zero_data_code, &z);
	assert_true(z.file_offset == 1 && z.beyond_final_zero == 2);
	g->n = 1;
	CHECK_CODER(g, 0, fsctl_set_sparse_code, &s);
	assert_true(s.set);
	g->b[0] = 0;
	CHECK_CODER(g, 0, fsctl_set_sparse_code, &s);
	assert_false(s.set);
	g->n = 0; /* no buffer means true */
	w = golden_decoder(g, 0);
	fsctl_set_sparse_code(&w, &s);
	assert_true(wire_ok(&w) && s.set);
	g = golden_new();
	gfill(g, 16);
	g64(g, 1);
	g64(g, 2);
	g64(g, 3);
	CHECK_CODER(g, 0, fsctl_duplicate_extents_code, &d);
	assert_true(d.source_offset == 1 && d.target_offset == 2 && d.byte_count == 3);
	g = golden_new();
	gfill(g, 64);
	CHECK_CODER(g, 0, fsctl_object_id_code, &o);
	g->n = 2;
	CHECK_CODER(g, 0, fsctl_compression_code, &c);
	assert_int_equal(c.state, 0x0201);
}

/* Backs: A091. */
static void test_dfs_referral_requests(void **state)
{
	struct golden *g = golden_new();
	struct fsctl_dfs_referral m = {0};
	struct fsctl_dfs_referral_ex x = {0};

	(void)state;
	g16(g, 4);
	gtext(g, "\\srv\\dfs");
	g16(g, 0);
	CHECK_CODER(g, 0, fsctl_dfs_referral_code, &m);
	assert_int_equal(m.max_referral_level, 4);
	assert_text(m.request_file_name, "\\srv\\dfs");
	g = golden_new();
	g16(g, 4);
	g16(g, 1);
	g32(g, 5);
	gascii(g, "bytes");
	CHECK_CODER(g, 0, fsctl_dfs_referral_ex_code, &x);
	assert_slice(x.request_data, "bytes", 5);
}

/* Backs: A095. */
static void test_control_codes_have_their_values_and_names(void **state)
{
	(void)state;
	assert_string_equal(fsctl_name(0x60194), "FSCTL_DFS_GET_REFERRALS");
	assert_string_equal(fsctl_name(0x601B0), "FSCTL_DFS_GET_REFERRALS_EX");
	assert_string_equal(fsctl_name(0x11400C), "FSCTL_PIPE_PEEK");
	assert_string_equal(fsctl_name(0x110018), "FSCTL_PIPE_WAIT");
	assert_string_equal(fsctl_name(0x11C017), "FSCTL_PIPE_TRANSCEIVE");
	assert_string_equal(fsctl_name(0x1440F2), "FSCTL_SRV_COPYCHUNK");
	assert_string_equal(fsctl_name(0x1480F2), "FSCTL_SRV_COPYCHUNK_WRITE");
	assert_string_equal(fsctl_name(0x144064), "FSCTL_SRV_ENUMERATE_SNAPSHOTS");
	assert_string_equal(fsctl_name(0x140078), "FSCTL_SRV_REQUEST_RESUME_KEY");
	assert_string_equal(fsctl_name(0x1441BB), "FSCTL_SRV_READ_HASH");
	assert_string_equal(fsctl_name(0x1401D4), "FSCTL_LMR_REQUEST_RESILIENCY");
	assert_string_equal(fsctl_name(0x1401FC), "FSCTL_QUERY_NETWORK_INTERFACE_INFO");
	assert_string_equal(fsctl_name(0x140204), "FSCTL_VALIDATE_NEGOTIATE_INFO");
	assert_string_equal(fsctl_name(0x900A4), "FSCTL_SET_REPARSE_POINT");
	assert_string_equal(fsctl_name(0x98208), "FSCTL_FILE_LEVEL_TRIM");
	assert_string_equal(fsctl_name(0x90304), "FSCTL_SVHDX_SYNC_TUNNEL_REQUEST");
	assert_string_equal(fsctl_name(0x90300), "FSCTL_QUERY_SHARED_VIRTUAL_DISK_SUPPORT");
	assert_null(fsctl_name(0x12345));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copychunk_layout),
		cmocka_unit_test(test_copychunk_response_layout),
		cmocka_unit_test(test_resume_key_is_32_bytes_on_the_wire),
		cmocka_unit_test(test_read_hash_request_layout),
		cmocka_unit_test(test_read_hash_response_layouts),
		cmocka_unit_test(test_resiliency_request_layout),
		cmocka_unit_test(test_validate_negotiate_layouts),
		cmocka_unit_test(test_snapshot_array_layout),
		cmocka_unit_test(test_network_interface_list_layout),
		cmocka_unit_test(test_pipe_wait_layout),
		cmocka_unit_test(test_pipe_peek_response_layout),
		cmocka_unit_test(test_reparse_point_and_trim_layouts),
		cmocka_unit_test(test_symlink_and_mount_point_reparse_data),
		cmocka_unit_test(test_ranges_and_properties),
		cmocka_unit_test(test_dfs_referral_requests),
		cmocka_unit_test(test_control_codes_have_their_values_and_names),
	};

	return cmocka_run_group_tests(tests, NULL, golden_teardown);
}

/* SMB1 in golden bytes, from the header to the tree connect: [MS-CIFS] 2.2.3, 2.2.4.50 to 2.2.4.55, [MS-SMB] 2.2.4.5 to 2.2.4.7. */
#include "smb1_golden.h"

static void test_header_layout(void **state)
{
	struct golden *g = golden_new();
	struct smb1_header m;

	(void)state;
	ghex(g, "FF 53 4D 42 73");
	g32(g, 0xC0000016);
	g8(g, 0x88);
	g16(g, 0xC807);
	g16(g, 0x0102); /* PIDHigh */
	gfill(g, 8);
	g16(g, 0);
	g16(g, 0x1112);
	g16(g, 0x1314);
	g16(g, 0x1516);
	g16(g, 0x1718);
	assert_int_equal(g->n, SMB1_HEADER_SIZE);
	CHECK_PART(g, false, smb1_header_code, &m);
	assert_int_equal(m.command, SMB1_SESSION_SETUP_ANDX);
	assert_int_equal(m.status, STATUS_MORE_PROCESSING_REQUIRED.code);
	assert_int_equal(m.flags, SMB1_FLAGS_REPLY | SMB1_FLAGS_CASE_INSENSITIVE);
	assert_int_equal(m.flags2, SMB1_FLAGS2_UNICODE | SMB1_FLAGS2_NT_STATUS | SMB1_FLAGS2_EXTENDED_SECURITY |
		SMB1_FLAGS2_SECURITY_SIGNATURE | SMB1_FLAGS2_EAS | SMB1_FLAGS2_LONG_NAMES);
	assert_int_equal(smb1_pid(&m), 0x01021314);
	assert_int_equal(m.signature[7], 8);
	assert_int_equal(g->b[SMB1_SIGNATURE_AT], 1);
	assert_int_equal(m.tid, 0x1112);
	assert_int_equal(m.uid, 0x1516);
	assert_int_equal(m.mid, 0x1718);
}

static void test_header_decides_about_unicode_in_all_directions(void **state)
{
	struct golden *g = golden_new();
	struct smb1_header m = {.flags2 = SMB1_FLAGS2_UNICODE};
	uint8_t out[SMB1_HEADER_SIZE];
	struct wire w = wire_encoder(out, 0, sizeof(out));

	(void)state;
	smb1_header_code(&w, &m);
	assert_true(w.unicode);
	memcpy(g->b, out, sizeof(out));
	g->n = sizeof(out);
	w = golden_decoder(g, 0);
	smb1_header_code(&w, &m);
	assert_true(w.unicode);
	m.flags2 = 0;
	w = golden_printer();
	smb1_header_code(&w, &m);
	assert_false(w.unicode);
}

static void test_headers_of_other_protocols_are_refused(void **state)
{
	struct golden *g = golden_new();
	struct smb1_header m;

	(void)state;
	ghex(g, "FE 53 4D 42");
	gzero(g, 28);
	CHECK_REFUSED(g, 0, smb1_header_code, &m);
	g->b[0] = 0xFF;
	g->n = 31;
	CHECK_REFUSED(g, 0, smb1_header_code, &m);
}

static void test_dos_errors_are_a_class_and_a_code(void **state)
{
	(void)state;
	assert_int_equal(SMB1_DOS_ERROR(SMB1_ERRCLS_SRV, 0x0040), 0x00400002);
	assert_int_equal(smb1_dos_class(0x00020001), SMB1_ERRCLS_DOS);
	assert_int_equal(smb1_dos_code(0x00020001), 2);
}

static void test_negotiate_request_and_its_dialects(void **state)
{
	struct golden *g = block();
	struct smb1_negotiate_req m;
	struct slice list, one;
	uint8_t out[64];
	struct wire e = wire_encoder(out, 0, sizeof(out));
	bool bad;

	(void)state;
	g8(g, 0);
	g16(g, 12 + 13);
	g8(g, 2);
	gascii(g, "LANMAN1.0");
	g16(g, 0x0200);
	gascii(g, "NT LM 0.12");
	gzero(g, 1);
	g16(g, 0); /* behind the bytes: not looked at */
	g->n -= 2;
	CHECK_BLOCK_REFUSED(g, true, smb1_negotiate_req_code, &m, "ByteCount");
	store_le16(g->b + 33, 11 + 12);
	CHECK_BLOCK(g, true, smb1_negotiate_req_code, &m);
	list = m.dialects;
	assert_true(smb1_dialect_next(&list, &one, &bad));
	assert_ascii(one, "LANMAN1.0");
	assert_true(smb1_dialect_next(&list, &one, &bad));
	assert_ascii(one, "NT LM 0.12");
	assert_false(smb1_dialect_next(&list, &one, &bad));
	assert_false(bad);
	smb1_dialect_put(&e, "LANMAN1.0");
	smb1_dialect_put(&e, "NT LM 0.12");
	assert_slice(m.dialects, out, e.pos);
}

static void test_dialects_without_end_or_format_are_refused(void **state)
{
	struct slice list = slice_of("\2NT LM 0.12", 11), one;
	bool bad;

	(void)state;
	assert_false(smb1_dialect_next(&list, &one, &bad));
	assert_true(bad);
	list = slice_of("\1NT LM 0.12\0", 12);
	assert_false(smb1_dialect_next(&list, &one, &bad));
	assert_true(bad);
}

static void negotiate_nt_words(struct golden *g, uint32_t capabilities, unsigned challenge_length)
{
	g8(g, 17);
	g16(g, 5);
	g8(g, SMB1_SECURITY_USER | SMB1_SECURITY_ENCRYPT_PASSWORDS);
	g16(g, 50);
	g16(g, 1);
	g32(g, 16644);
	g32(g, 65536);
	g32(g, 0x01020304);
	g32(g, capabilities);
	g64(g, 0x01DCA6C21CAE2680);
	g16(g, (uint16_t)-60); /* minutes: east of Greenwich */
	g8(g, challenge_length);
}

static void test_negotiate_response_with_extended_security(void **state)
{
	struct golden *g = block();
	struct smb1_negotiate_rsp m;

	(void)state;
	negotiate_nt_words(g, SMB1_CAP_EXTENDED_SECURITY | SMB1_CAP_UNICODE, 0);
	g16(g, 16 + 5);
	gfill(g, 16);
	gascii(g, "token");
	CHECK_BLOCK(g, true, smb1_negotiate_rsp_code, &m);
	assert_int_equal(m.word_count, 17);
	assert_int_equal(m.dialect_index, 5);
	assert_int_equal(m.security_mode, 3);
	assert_int_equal(m.max_buffer_size, 16644);
	assert_int_equal(m.server_time_zone, -60);
	assert_int_equal(m.server_guid.b[15], 16);
	assert_ascii(m.security_blob, "token");
}

static void test_negotiate_response_without_extended_security(void **state)
{
	struct golden *g = block();
	struct smb1_negotiate_rsp m;

	(void)state;
	negotiate_nt_words(g, SMB1_CAP_UNICODE, 8);
	g16(g, 8 + 6 + 4);
	gfill(g, 8);
	gtext(g, "WG"); /* at an odd offset: not aligned */
	g16(g, 0);
	gtext(g, "S");
	g16(g, 0);
	CHECK_BLOCK(g, true, smb1_negotiate_rsp_code, &m);
	assert_slice(m.challenge, "\1\2\3\4\5\6\7\10", 8);
	assert_text(m.domain_name, "WG");
	assert_text(m.server_name, "S");
	store_le16(g->b + SMB1_HEADER_SIZE + 35, 7); /* shorter than the challenge */
	CHECK_BLOCK_REFUSED(g, true, smb1_negotiate_rsp_code, &m, "Challenge");
}

static void test_negotiate_response_of_lan_manager_and_refusal(void **state)
{
	struct golden *g = block();
	struct smb1_negotiate_rsp m;

	(void)state;
	g8(g, 13);
	g16(g, 2);
	g16(g, 3);
	g16(g, 4096);
	g16(g, 10);
	g16(g, 1);
	g16(g, 3); /* RawMode */
	g32(g, 0x01020304);
	g16(g, 0x6000);
	g16(g, 0x5A21);
	g16(g, 300);
	g16(g, 8);
	g16(g, 0);
	g16(g, 8 + 3);
	gfill(g, 8);
	gascii(g, "WG");
	g8(g, 0);
	CHECK_BLOCK(g, true, smb1_negotiate_rsp_code, &m);
	assert_int_equal(m.max_buffer_size, 4096);
	assert_int_equal(m.server_time_zone, 300);
	assert_int_equal(m.server_date, 0x5A21);
	assert_ascii(m.domain_name, "WG");

	g = block();
	ghex(g, "01 FF FF 00 00");
	CHECK_BLOCK(g, true, smb1_negotiate_rsp_code, &m);
	assert_int_equal(m.word_count, 1);
	assert_int_equal(m.dialect_index, 0xFFFF);

	g = block();
	ghex(g, "02 FF FF 00 00 00 00");
	CHECK_BLOCK_REFUSED(g, true, smb1_negotiate_rsp_code, &m, "WordCount");
}

static void test_session_setup_with_spnego(void **state)
{
	struct golden *g = block();
	struct smb1_session_setup_req m;

	(void)state;
	g8(g, 12);
	gandx(g);
	g16(g, 16644);
	g16(g, 50);
	g16(g, 1);
	g32(g, 0x01020304);
	g16(g, 4);
	g32(g, 0);
	g32(g, SMB1_CAP_EXTENDED_SECURITY | SMB1_CAP_STATUS32);
	g16(g, 4 + 1 + 6 + 4);
	gascii(g, "blob"); /* 59 to 63 */
	g8(g, 0);
	gtext(g, "OS");
	g16(g, 0);
	gtext(g, "L");
	g16(g, 0);
	CHECK_BLOCK(g, true, smb1_session_setup_req_code, &m);
	assert_int_equal(m.word_count, 12);
	assert_ascii(m.security_blob, "blob");
	assert_text(m.native_os, "OS");
	assert_text(m.native_lan_man, "L");
	assert_null(m.primary_domain.data);

	gtext(g, "D"); /* what some clients add */
	g16(g, 0);
	store_le16(g->b + 57, 4 + 1 + 6 + 4 + 4);
	CHECK_BLOCK(g, true, smb1_session_setup_req_code, &m);
	assert_text(m.primary_domain, "D");

	store_le16(g->b + 47, 20); /* SecurityBlobLength beyond the bytes */
	CHECK_BLOCK_REFUSED(g, true, smb1_session_setup_req_code, &m, "SecurityBlob");
}

static struct golden *session_setup_13(bool unicode)
{
	struct golden *g = block();

	g8(g, 13);
	gandx(g);
	g16(g, 4356);
	g16(g, 2);
	g16(g, 0);
	g32(g, 0);
	g16(g, 3);
	g16(g, 2);
	g32(g, 0);
	g32(g, SMB1_CAP_NT_SMBS);
	g16(g, unicode ? 5 + 4 * 4 : 5 + 4 * 2);
	gfill(g, 5); /* 61 to 65 */
	for (const char *names[] = {"A", "P", "O", "L"}, **n = names; n < names + 4; n++) {
		if (unicode) {
			gtext(g, *n);
			g16(g, 0);
		} else {
			gascii(g, *n);
			g8(g, 0);
		}
	}
	return g;
}

static void test_session_setup_with_passwords_in_unicode_and_oem(void **state)
{
	struct golden *g = session_setup_13(true);
	struct smb1_session_setup_req m;

	(void)state;
	CHECK_BLOCK(g, true, smb1_session_setup_req_code, &m);
	assert_int_equal(m.word_count, 13);
	assert_slice(m.oem_password, "\1\2\3", 3);
	assert_slice(m.unicode_password, "\4\5", 2);
	assert_text(m.account_name, "A");
	assert_text(m.primary_domain, "P");
	assert_text(m.native_lan_man, "L");

	g = session_setup_13(false);
	CHECK_BLOCK(g, false, smb1_session_setup_req_code, &m);
	assert_ascii(m.account_name, "A");
	assert_ascii(m.native_os, "O");
}

static void test_session_setup_of_lan_manager(void **state)
{
	struct golden *g = block();
	struct smb1_session_setup_req m;

	(void)state;
	g8(g, 10);
	gandx(g);
	g16(g, 4356);
	g16(g, 2);
	g16(g, 0);
	g32(g, 7);
	g16(g, 3);
	g32(g, 0);
	g16(g, 3 + 4 * 2);
	gfill(g, 3);
	gascii(g, "a");
	g8(g, 0);
	gascii(g, "p");
	g8(g, 0);
	gascii(g, "o");
	g8(g, 0);
	gascii(g, "l");
	g8(g, 0);
	CHECK_BLOCK(g, false, smb1_session_setup_req_code, &m);
	assert_int_equal(m.word_count, 10);
	assert_int_equal(m.session_key, 7);
	assert_ascii(m.account_name, "a");
	assert_ascii(m.primary_domain, "p");
}

static void test_an_account_name_without_end_is_refused_and_a_last_name_is_not(void **state)
{
	struct golden *g = session_setup_13(false);
	struct smb1_session_setup_req m;
	struct wire w;

	(void)state;
	g->n -= 1; /* the terminator of NativeLanMan */
	g->b[59]--;
	w = golden_decoder(g, SMB1_HEADER_SIZE);
	smb1_session_setup_req_code(&w, &m);
	assert_true(wire_ok(&w));
	assert_ascii(m.native_lan_man, "L");
	g->n -= 6; /* ends behind the letter of the account */
	g->b[59] = 6;
	CHECK_BLOCK_REFUSED(g, false, smb1_session_setup_req_code, &m, "AccountName");
}

static void test_session_setup_responses(void **state)
{
	struct golden *g = block();
	struct smb1_session_setup_rsp m;

	(void)state;
	g8(g, 4);
	gandx(g);
	g16(g, SMB1_SETUP_GUEST);
	g16(g, 3);
	g16(g, 3 + 4 + 4);
	gfill(g, 3); /* 43 to 45 */
	gtext(g, "O");
	g16(g, 0);
	gtext(g, "L");
	g16(g, 0);
	CHECK_BLOCK(g, true, smb1_session_setup_rsp_code, &m);
	assert_int_equal(m.action, SMB1_SETUP_GUEST);
	assert_slice(m.security_blob, "\1\2\3", 3);
	assert_null(m.primary_domain.data);

	g = block();
	g8(g, 3);
	gandx(g);
	g16(g, 0);
	g16(g, 1 + 4 + 4 + 4);
	g8(g, 0); /* 41: Pad */
	gtext(g, "O");
	g16(g, 0);
	gtext(g, "L");
	g16(g, 0);
	gtext(g, "D");
	g16(g, 0);
	CHECK_BLOCK(g, true, smb1_session_setup_rsp_code, &m);
	assert_text(m.primary_domain, "D");
}

static void test_tree_connect_andx(void **state)
{
	struct golden *g = block();
	struct smb1_tree_connect_andx_req m;

	(void)state;
	g8(g, 4);
	gandx(g);
	g16(g, SMB1_TREE_EXTENDED_RESPONSE);
	g16(g, 1);
	g16(g, 1 + 14 + 6);
	g8(g, 0); /* Password, 43 */
	gtext(g, "\\\\s\\ts");
	g16(g, 0);
	gascii(g, "?????");
	g8(g, 0);
	CHECK_BLOCK(g, true, smb1_tree_connect_andx_req_code, &m);
	assert_int_equal(m.password.len, 1);
	assert_text(m.path, "\\\\s\\ts");
	assert_ascii(m.service, "?????");

	store_le16(g->b + 41, 13); /* the path has no end within the bytes */
	CHECK_BLOCK_REFUSED(g, true, smb1_tree_connect_andx_req_code, &m, "Path");
	store_le16(g->b + 39, 0xFFFF);
	CHECK_BLOCK_REFUSED(g, true, smb1_tree_connect_andx_req_code, &m, "Password");
}

static void test_tree_connect_andx_responses(void **state)
{
	struct golden *g = block();
	struct smb1_tree_connect_andx_rsp m;

	(void)state;
	g8(g, 3);
	gandx(g);
	g16(g, SMB1_SUPPORT_SEARCH_BITS);
	g16(g, 3 + 10);
	gascii(g, "A:"); /* 41 to 43 */
	g8(g, 0);
	gtext(g, "NTFS");
	g16(g, 0);
	CHECK_BLOCK(g, true, smb1_tree_connect_andx_rsp_code, &m);
	assert_ascii(m.service, "A:");
	assert_text(m.native_file_system, "NTFS");

	g = block();
	g8(g, 7);
	gandx(g);
	g16(g, SMB1_SUPPORT_SEARCH_BITS | SMB1_EXTENDED_SIGNATURES);
	g32(g, 0x001F01FF);
	g32(g, 0x00120089);
	g16(g, 4 + 1);
	gascii(g, "IPC");
	g16(g, 0);
	CHECK_BLOCK(g, false, smb1_tree_connect_andx_rsp_code, &m);
	assert_int_equal(m.maximal_share_access_rights, 0x001F01FF);
	assert_int_equal(m.guest_maximal_share_access_rights, 0x00120089);

	g = block();
	g8(g, 2);
	gandx(g);
	g16(g, 3 + 1);
	gascii(g, "A:");
	g16(g, 0);
	CHECK_BLOCK(g, false, smb1_tree_connect_andx_rsp_code, &m);
	assert_int_equal(m.word_count, 2);
}

static void test_tree_connect_of_the_core_protocol(void **state)
{
	struct golden *g = block();
	struct smb1_tree_connect_req m;
	struct smb1_tree_connect_rsp rsp;

	(void)state;
	g8(g, 0);
	g16(g, 7 + 3 + 4);
	ghex(g, "04 5C 5C 73 5C 74 00 04 70 00 04 41 3A 00");
	CHECK_BLOCK(g, false, smb1_tree_connect_req_code, &m);
	assert_ascii(m.path, "\\\\s\\t");
	assert_ascii(m.password, "p");
	assert_ascii(m.service, "A:");
	g->b[42] = 3; /* BufferFormat of the password */
	CHECK_BLOCK_REFUSED(g, false, smb1_tree_connect_req_code, &m, "BufferFormat");

	g = block();
	ghex(g, "02 04 11 07 00 00 00");
	CHECK_BLOCK(g, false, smb1_tree_connect_rsp_code, &rsp);
	assert_int_equal(rsp.max_buffer_size, 0x1104);
	assert_int_equal(rsp.tid, 7);
}

static void test_blocks_without_anything(void **state)
{
	struct golden *g = block();
	struct smb1_empty m;
	struct smb1_andx andx;

	(void)state;
	ghex(g, "00 00 00");
	CHECK_BLOCK(g, true, smb1_empty_code, &m);
	g->b[32] = 1;
	CHECK_BLOCK_REFUSED(g, true, smb1_empty_code, &m, "WordCount");
	g = block();
	g8(g, 2);
	gandx(g);
	g16(g, 0);
	CHECK_BLOCK(g, true, smb1_andx_code, &andx);
	g->n--;
	CHECK_BLOCK_REFUSED(g, true, smb1_andx_code, &andx, "ByteCount");
	g->n = 35;
	CHECK_BLOCK_REFUSED(g, true, smb1_andx_code, &andx, "WordCount");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_layout),
		cmocka_unit_test(test_header_decides_about_unicode_in_all_directions),
		cmocka_unit_test(test_headers_of_other_protocols_are_refused),
		cmocka_unit_test(test_dos_errors_are_a_class_and_a_code),
		cmocka_unit_test(test_negotiate_request_and_its_dialects),
		cmocka_unit_test(test_dialects_without_end_or_format_are_refused),
		cmocka_unit_test(test_negotiate_response_with_extended_security),
		cmocka_unit_test(test_negotiate_response_without_extended_security),
		cmocka_unit_test(test_negotiate_response_of_lan_manager_and_refusal),
		cmocka_unit_test(test_session_setup_with_spnego),
		cmocka_unit_test(test_session_setup_with_passwords_in_unicode_and_oem),
		cmocka_unit_test(test_session_setup_of_lan_manager),
		cmocka_unit_test(test_an_account_name_without_end_is_refused_and_a_last_name_is_not),
		cmocka_unit_test(test_session_setup_responses),
		cmocka_unit_test(test_tree_connect_andx),
		cmocka_unit_test(test_tree_connect_andx_responses),
		cmocka_unit_test(test_tree_connect_of_the_core_protocol),
		cmocka_unit_test(test_blocks_without_anything),
	};

	return cmocka_run_group_tests(tests, NULL, golden_teardown);
}

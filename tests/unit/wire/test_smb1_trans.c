/* SMB1 transactions in golden bytes: the messages that carry them ([MS-CIFS] 2.2.4.33 to 2.2.4.63), their parameters (2.2.6, 2.2.7) and
 * the information levels that are no classes of [MS-FSCC] (2.2.8). */
#include "smb1_golden.h"

#include "wire/fscc.h"

static void test_transaction_request(void **state)
{
	struct golden *g = block();
	struct smb1_trans_req m;

	(void)state;
	g8(g, 16);
	g16(g, 0);
	g16(g, 3);
	g16(g, 0x0400);
	g16(g, 0x1000);
	g8(g, 2);
	g8(g, 0);
	g16(g, 1);
	g32(g, 5000);
	g16(g, 0);
	g16(g, 0);
	g16(g, 0);
	g16(g, 3);
	g16(g, 84);
	g8(g, 2);
	g8(g, 0);
	g16(g, SMB1_TRANS_TRANSACT_NMPIPE);
	g16(g, 0x4001);
	g16(g, 1 + 14 + 2 + 3);
	g8(g, 0); /* 67 */
	gtext(g, "\\PIPE\\");
	g16(g, 0);
	g16(g, 0);
	gascii(g, "abc");
	CHECK_BLOCK(g, true, smb1_trans_req_code, &m);
	assert_int_equal(m.max_parameter_count, 0x0400);
	assert_int_equal(m.timeout, 5000);
	assert_int_equal(smb1_setup_word(m.setup, 0), SMB1_TRANS_TRANSACT_NMPIPE);
	assert_int_equal(smb1_setup_word(m.setup, 1), 0x4001);
	assert_int_equal(smb1_setup_word(m.setup, 2), 0);
	assert_text(m.name, "\\PIPE\\");
	assert_int_equal(m.parameters.len, 0);
	assert_ascii(m.data, "abc");

	store_le16(g->b + 57, 85); /* DataOffset: beyond the end with its count */
	CHECK_BLOCK_REFUSED(g, true, smb1_trans_req_code, &m, "Data");
	store_le16(g->b + 57, 40); /* within the words */
	CHECK_BLOCK_REFUSED(g, true, smb1_trans_req_code, &m, "Data");
	g->b[59] = 3; /* more setup words than there are words */
	CHECK_BLOCK_REFUSED(g, true, smb1_trans_req_code, &m, "Setup");
	g->b[32] = 13;
	CHECK_BLOCK_REFUSED(g, true, smb1_trans_req_code, &m, "WordCount");
}

static void trans2_words(struct golden *g, unsigned parameters, unsigned data)
{
	g8(g, 15);
	g16(g, parameters);
	g16(g, data);
	g16(g, 10);
	g16(g, 0x4000);
	gzero(g, 2 + 2 + 4 + 2);
	g16(g, parameters);
	g16(g, 68);
	g16(g, data);
	g16(g, data ? 76 : 0);
	g16(g, 1);
	g16(g, SMB1_TRANS2_SET_FILE_INFORMATION);
}

static void test_transaction2_request(void **state)
{
	struct golden *g = block();
	struct smb1_trans_req m;

	(void)state;
	trans2_words(g, 6, 4);
	g16(g, 3 + 6 + 2 + 4);
	gzero(g, 3); /* 65: Name and Pad1 */
	gfill(g, 6);
	gzero(g, 2);
	gfill(g, 4);
	CHECK_BLOCK(g, true, smb1_trans2_req_code, &m);
	assert_slice(m.parameters, "\1\2\3\4\5\6", 6);
	assert_slice(m.data, "\1\2\3\4", 4);
	assert_int_equal(smb1_setup_word(m.setup, 0), SMB1_TRANS2_SET_FILE_INFORMATION);
	store_le16(g->b + 53, 0xFFFF); /* ParameterOffset */
	CHECK_BLOCK_REFUSED(g, true, smb1_trans2_req_code, &m, "Parameters");
}

static void test_secondary_requests(void **state)
{
	struct smb1_trans_secondary_req m;

	(void)state;
	for (unsigned with_fid = 0; with_fid <= 1; with_fid++) {
		struct golden *g = block();
		unsigned parameters_at = with_fid ? 56 : 52;

		g8(g, 8 + with_fid);
		g16(g, 10);
		g16(g, 20);
		g16(g, 4);
		g16(g, parameters_at);
		g16(g, 6);
		g16(g, 0);
		g16(g, 0);
		g16(g, 20);
		if (with_fid)
			g16(g, 0x4001);
		g16(g, parameters_at - ((unsigned)g->n + 2) + 4);
		gzero(g, parameters_at - g->n);
		gfill(g, 4);
		if (with_fid)
			CHECK_BLOCK(g, true, smb1_trans2_secondary_req_code, &m);
		else
			CHECK_BLOCK(g, true, smb1_trans_secondary_req_code, &m);
		assert_int_equal(m.parameter_displacement, 6);
		assert_int_equal(m.data_displacement, 20);
		assert_int_equal(m.fid, with_fid ? 0x4001 : 0);
		assert_int_equal(m.parameters.len, 4);
	}
}

static void test_transaction_response(void **state)
{
	struct golden *g = block();
	struct smb1_trans_rsp m;

	(void)state;
	g8(g, 10);
	g16(g, 2);
	g16(g, 5);
	g16(g, 0);
	g16(g, 2);
	g16(g, 56);
	g16(g, 0);
	g16(g, 5);
	g16(g, 60);
	g16(g, 7);
	g16(g, 0);
	g16(g, 1 + 2 + 2 + 5);
	g8(g, 0); /* 55 */
	g16(g, 0x0102);
	g16(g, 0);
	gascii(g, "hello");
	CHECK_BLOCK(g, true, smb1_trans_rsp_code, &m);
	assert_int_equal(m.data_displacement, 7);
	assert_int_equal(m.setup.len, 0);
	assert_slice(m.parameters, "\2\1", 2);
	assert_ascii(m.data, "hello");
}

static void test_nt_transact_request(void **state)
{
	struct golden *g = block();
	struct smb1_nt_transact_req m;
	struct smb1_nt_notify notify = {0};
	struct wire w;

	(void)state;
	g8(g, 23);
	g8(g, 1);
	g16(g, 0);
	g32(g, 4);
	g32(g, 3);
	g32(g, 0x10000);
	g32(g, 0x20000);
	g32(g, 4);
	g32(g, 84);
	g32(g, 3);
	g32(g, 88);
	g8(g, 4);
	g16(g, SMB1_NT_TRANSACT_NOTIFY_CHANGE);
	g32(g, 0x17);
	g16(g, 0x4001);
	g8(g, 1);
	g8(g, 0);
	g16(g, 3 + 4 + 3);
	gzero(g, 3); /* 81 */
	gfill(g, 4);
	gascii(g, "abc");
	CHECK_BLOCK(g, true, smb1_nt_transact_req_code, &m);
	assert_int_equal(m.max_setup_count, 1);
	assert_int_equal(m.max_data_count, 0x20000);
	assert_int_equal(m.function, SMB1_NT_TRANSACT_NOTIFY_CHANGE);
	assert_int_equal(m.parameters.len, 4);
	assert_ascii(m.data, "abc");
	w = smb1_part_decoder(m.setup, true, NULL);
	smb1_nt_notify_code(&w, &notify);
	assert_true(wire_ok(&w));
	assert_int_equal(notify.completion_filter, 0x17);
	assert_int_equal(notify.fid, 0x4001);
	assert_true(notify.watch_tree);

	store_le32(g->b + 64, 0xFFFFFFFC); /* DataOffset: the sum wraps in 32 bits */
	CHECK_BLOCK_REFUSED(g, true, smb1_nt_transact_req_code, &m, "Data");
	store_le32(g->b + 60, 0xFFFFFFFF);
	store_le32(g->b + 64, 88);
	CHECK_BLOCK_REFUSED(g, true, smb1_nt_transact_req_code, &m, "Data");
}

static void test_nt_transact_secondary_and_response(void **state)
{
	struct golden *g = block();
	struct smb1_nt_transact_secondary_req m;
	struct smb1_nt_transact_rsp rsp;

	(void)state;
	g8(g, 18);
	gzero(g, 3);
	g32(g, 10);
	g32(g, 20);
	g32(g, 0);
	g32(g, 0);
	g32(g, 10);
	g32(g, 4);
	g32(g, 72);
	g32(g, 0x10);
	g8(g, 0); /* Reserved2, SetupCount */
	g16(g, 1 + 4);
	g8(g, 0); /* 71 */
	gfill(g, 4);
	CHECK_BLOCK(g, true, smb1_nt_transact_secondary_req_code, &m);
	assert_int_equal(m.parameter_displacement, 10);
	assert_int_equal(m.data_displacement, 0x10);
	assert_int_equal(m.data.len, 4);
	CHECK_BLOCK(g, true, smb1_nt_transact_rsp_code, &rsp);
	assert_int_equal(rsp.total_data_count, 20);
	assert_int_equal(rsp.data.len, 4);
}

static void test_find_parameters(void **state)
{
	struct golden *g = golden_new();
	struct smb1_find_first2_rsp first_rsp;
	struct smb1_find_next2_rsp next_rsp;
	struct smb1_find_first2 first;
	struct smb1_find_next2 next;
	struct wire w;

	(void)state;
	ghex(g, "16 00 0A 00 06 00 04 01 00 00 00 00");
	gtext(g, "\\*");
	g16(g, 0);
	CHECK_PART(g, true, smb1_find_first2_code, &first);
	assert_int_equal(first.flags, SMB1_FIND_CLOSE_AT_EOS | SMB1_FIND_RETURN_RESUME_KEYS);
	assert_int_equal(first.information_level, SMB1_FIND_BOTH_DIRECTORY_INFO);
	assert_text(first.file_name, "\\*");
	g->n -= 2; /* without terminator */
	w = with_unicode(golden_decoder(g, 0), true);
	smb1_find_first2_code(&w, &first);
	assert_true(wire_ok(&w));
	assert_text(first.file_name, "\\*");

	g = golden_new();
	ghex(g, "01 00 02 00 01 00 00 00 40 00");
	CHECK_PART(g, true, smb1_find_first2_rsp_code, &first_rsp);
	assert_int_equal(first_rsp.sid, 1);
	assert_int_equal(first_rsp.last_name_offset, 0x40);

	g = golden_new();
	ghex(g, "01 00 0A 00 04 01 04 03 02 01 08 00 61 00");
	CHECK_PART(g, false, smb1_find_next2_code, &next);
	assert_int_equal(next.resume_key, 0x01020304);
	assert_int_equal(next.flags, SMB1_FIND_CONTINUE_FROM_LAST);
	assert_ascii(next.file_name, "a");

	g = golden_new();
	ghex(g, "02 00 01 00 00 00 40 00");
	CHECK_PART(g, true, smb1_find_next2_rsp_code, &next_rsp);
	assert_int_equal(next_rsp.end_of_search, 1);
}

static void test_information_parameters(void **state)
{
	struct golden *g = golden_new();
	struct smb1_trans2_create_directory dir;
	struct smb1_set_file_info set;
	struct smb1_file_info file;
	struct smb1_path_info path;
	struct smb1_ea_error error;
	struct smb1_fs_info fs;

	(void)state;
	ghex(g, "07 01 00 00 00 00");
	gtext(g, "\\f");
	g16(g, 0);
	CHECK_PART(g, true, smb1_path_info_code, &path);
	assert_int_equal(path.information_level, SMB1_QUERY_FILE_ALL_INFO);
	assert_text(path.file_name, "\\f");
	g = golden_new();
	ghex(g, "01 40 07 01");
	CHECK_PART(g, true, smb1_file_info_code, &file);
	assert_int_equal(file.fid, 0x4001);
	ghex(g, "00 00");
	CHECK_PART(g, true, smb1_set_file_info_code, &set);
	assert_int_equal(set.information_level, 0x107);
	g = golden_new();
	ghex(g, "05 01");
	CHECK_PART(g, true, smb1_fs_info_code, &fs);
	CHECK_PART(g, true, smb1_ea_error_code, &error);
	g = golden_new();
	ghex(g, "00 00 00 00 64 00");
	CHECK_PART(g, false, smb1_trans2_create_directory_code, &dir);
	assert_ascii(dir.directory_name, "d");
}

static struct golden *nt_create(unsigned name_length)
{
	struct golden *g = golden_new();

	g32(g, 0x10);
	g32(g, 0);
	g32(g, 0x00120089);
	g64(g, 4096);
	g32(g, 0x20);
	g32(g, 7);
	g32(g, 1);
	g32(g, 0);
	g32(g, 100);
	g32(g, 20);
	g32(g, name_length);
	g32(g, 2);
	g8(g, 1);
	assert_int_equal(g->n, 53);
	return g;
}

static void test_nt_transact_create(void **state)
{
	struct golden *g = nt_create(4);
	struct smb1_nt_create_rsp rsp;
	struct smb1_nt_create m;
	struct wire w;

	(void)state;
	g8(g, 0);
	gtext(g, "\\f");
	g16(g, 0);
	CHECK_PART(g, true, smb1_nt_create_code, &m);
	assert_int_equal(m.security_descriptor_length, 100);
	assert_int_equal(m.ea_length, 20);
	assert_text(m.name, "\\f");
	g = nt_create(2);
	gascii(g, "\\f");
	g8(g, 0);
	CHECK_PART(g, false, smb1_nt_create_code, &m);
	assert_ascii(m.name, "\\f");

	g = nt_create(4); /* NameLength counts terminators */
	gascii(g, "\\f");
	g16(g, 0);
	w = golden_decoder(g, 0);
	smb1_nt_create_code(&w, &m);
	assert_ascii(m.name, "\\f");

	for (unsigned extended = 0; extended <= 1; extended++) {
		g = golden_new();
		g8(g, 1);
		g8(g, extended);
		g16(g, 0x4001);
		g32(g, 2);
		g32(g, 0);
		g64(g, 1);
		g64(g, 2);
		g64(g, 3);
		g64(g, 4);
		g32(g, 0x20);
		g64(g, 4096);
		g64(g, 13);
		g16(g, 0);
		g16(g, 7);
		g8(g, 0);
		assert_int_equal(g->n, 69);
		if (extended) {
			gfill(g, 16);
			g64(g, 99);
			g32(g, 0x001F01FF);
			g32(g, 0);
		}
		CHECK_PART(g, true, smb1_nt_create_rsp_code, &rsp);
		assert_int_equal(rsp.extended, extended);
		assert_int_equal(rsp.fid, 0x4001);
		assert_true(rsp.file_id == (extended ? 99 : 0));
	}
}

static void test_nt_transact_setups_and_parameters(void **state)
{
	struct golden *g = golden_new();
	struct smb1_nt_security security;
	struct smb1_nt_length length;
	struct smb1_nt_ioctl ioctl;

	(void)state;
	ghex(g, "C4 00 09 00 01 40 01 00");
	CHECK_PART(g, true, smb1_nt_ioctl_code, &ioctl);
	assert_int_equal(ioctl.function_code, 0x000900C4);
	assert_int_equal(ioctl.is_fsctl, 1);
	g = golden_new();
	ghex(g, "01 40 00 00 07 00 00 00");
	CHECK_PART(g, true, smb1_nt_security_code, &security);
	assert_int_equal(security.security_information, 7);
	g = golden_new();
	ghex(g, "14 01 00 00");
	CHECK_PART(g, true, smb1_nt_length_code, &length);
	assert_int_equal(length.length_needed, 0x114);
}

static void standard_info(struct golden *g)
{
	ghex(g, "21 5A 00 60 22 5A 01 60 23 5A 02 60");
	g32(g, 13);
	g32(g, 4096);
	g16(g, 0x20);
}

static void test_levels_of_lan_manager(void **state)
{
	struct golden *g = golden_new();
	struct smb1_info_standard m;
	struct smb1_fs_allocation allocation;
	struct smb1_fs_volume volume;

	(void)state;
	standard_info(g);
	assert_int_equal(g->n, 22);
	CHECK_PART(g, true, smb1_info_standard_code, &m);
	assert_int_equal(m.last_write.date, 0x5A23);
	assert_int_equal(m.last_access.time, 0x6001);
	assert_int_equal(m.attributes, 0x20);
	g32(g, 77);
	CHECK_PART(g, true, smb1_info_ea_size_code, &m);
	assert_int_equal(m.ea_size, 77);
	memset(g->b + 12, 0, 10);
	g->n = 22;
	CHECK_PART(g, true, smb1_set_info_standard_code, &m);

	g = golden_new();
	ghex(g, "00 00 00 00 08 00 00 00 00 01 00 00 40 00 00 00 00 02");
	CHECK_PART(g, true, smb1_fs_allocation_code, &allocation);
	assert_int_equal(allocation.units_available, 0x40);
	assert_int_equal(allocation.bytes_per_sector, 512);
	g = golden_new();
	ghex(g, "04 03 02 01 03"); /* and the label at an odd offset */
	gtext(g, "vol");
	g16(g, 0);
	CHECK_PART(g, true, smb1_fs_volume_code, &volume);
	assert_text(volume.volume_label, "vol");
}

static void test_levels_of_nt(void **state)
{
	struct golden *g = golden_new();
	struct smb1_rename_info rename;
	struct smb1_basic_info basic;
	struct smb1_all_info m;
	struct wire w;

	(void)state;
	g64(g, 1);
	g64(g, 2);
	g64(g, 3);
	g64(g, 4);
	g32(g, 0x20);
	CHECK_PART(g, true, smb1_basic_info_code, &basic);
	g32(g, 0);
	w = golden_decoder(g, 0); /* with the four bytes that the text has */
	smb1_basic_info_code(&w, &basic);
	assert_true(wire_ok(&w));
	assert_true(basic.last_change_time == 4);
	g64(g, 4096);
	g64(g, 13);
	g32(g, 1);
	g8(g, 1);
	g8(g, 0);
	g16(g, 0);
	g32(g, 9);
	g32(g, 4);
	gtext(g, "\\f");
	CHECK_PART(g, true, smb1_all_info_code, &m);
	assert_true(m.end_of_file == 13);
	assert_true(m.delete_pending);
	assert_int_equal(m.ea_size, 9);
	assert_text(m.file_name, "\\f");

	g = golden_new();
	ghex(g, "01 00 00 00 00 00 00 00 02 00 00 00 66 00");
	CHECK_PART(g, true, smb1_rename_info_code, &rename);
	assert_int_equal(rename.replace_if_exists, 1);
	assert_text(rename.file_name, "f");
}

static void test_levels_and_the_classes_behind_them(void **state)
{
	(void)state;
	assert_int_equal(smb1_query_class_of(SMB1_QUERY_FILE_STANDARD_INFO), FSCC_FILE_STANDARD);
	assert_int_equal(smb1_query_class_of(SMB1_QUERY_FILE_STREAM_INFO), FSCC_FILE_STREAM);
	assert_int_equal(smb1_query_class_of(SMB1_QUERY_FILE_ALL_INFO), 0);
	assert_int_equal(smb1_query_class_of(SMB1_QUERY_FILE_BASIC_INFO), 0);
	assert_int_equal(smb1_query_class_of(SMB1_PASSTHROUGH + FSCC_FILE_ALL), FSCC_FILE_ALL);
	assert_int_equal(smb1_query_class_of(SMB1_PASSTHROUGH), 0);
	assert_int_equal(smb1_query_class_of(SMB1_PASSTHROUGH + 256), 0);
	assert_int_equal(smb1_set_class_of(SMB1_SET_FILE_END_OF_FILE_INFO), FSCC_FILE_END_OF_FILE);
	assert_int_equal(smb1_set_class_of(SMB1_PASSTHROUGH + FSCC_FILE_RENAME), 0);
	assert_int_equal(smb1_set_class_of(SMB1_PASSTHROUGH + FSCC_FILE_DISPOSITION), FSCC_FILE_DISPOSITION);
	assert_int_equal(smb1_fs_class_of(SMB1_FS_ATTRIBUTE_INFO), FSCC_FS_ATTRIBUTE);
	assert_int_equal(smb1_fs_class_of(SMB1_FS_INFO_ALLOCATION), 0);
	assert_int_equal(smb1_find_class_of(SMB1_FIND_NAMES_INFO), FSCC_FILE_NAMES);
	assert_int_equal(smb1_find_class_of(SMB1_FIND_ID_BOTH_DIRECTORY_INFO), FSCC_FILE_ID_BOTH_DIRECTORY);
	assert_int_equal(smb1_find_class_of(SMB1_FIND_STANDARD), 0);
	assert_int_equal(smb1_find_class_of(0x107), 0);
}

static void test_find_entries_of_all_three_levels(void **state)
{
	struct smb1_find_entry e = {.resume_key = 5, .info = {.file_data_size = 13, .ea_size = 9}}, again;

	(void)state;
	for (unsigned how = 0; how < 12; how++) {
		uint16_t level = (uint16_t)(1 + how % 3);
		bool unicode = how / 3 % 2, keys = how / 6;
		struct wire list, walk;
		uint8_t out[200];
		unsigned n = 0;
		bool bad;

		e.ea_list = slice_of("\4\0\0", 4);
		e.file_name = unicode ? slice_of("f\0g\0", 4) : slice_of("fg", 2);
		list = smb1_part_encoder(out, sizeof(out), unicode);
		while (smb1_find_entry_put(&list, level, keys, &e))
			n++;
		assert_true(wire_ok(&list));
		assert_in_range(n, 4, 8);
		walk = smb1_part_decoder(slice_of(out, list.pos), unicode, NULL);
		for (unsigned i = 0; i < n; i++) {
			assert_true(smb1_find_entry_next(&walk, level, keys, &again, &bad));
			assert_int_equal(again.resume_key, keys ? 5 : 0);
			assert_int_equal(again.info.file_data_size, 13);
			assert_int_equal(again.info.ea_size, level == 2 ? 9 : 0);
			assert_int_equal(again.ea_list.len, level == 3 ? 4 : 0);
			assert_slice(again.file_name, e.file_name.data, e.file_name.len);
		}
		assert_false(smb1_find_entry_next(&walk, level, keys, &again, &bad));
		assert_false(bad);
		walk = smb1_part_decoder(slice_of(out, 20), unicode, NULL);
		assert_false(smb1_find_entry_next(&walk, level, keys, &again, &bad));
		assert_true(bad);
	}
}

static void test_find_entry_layout(void **state)
{
	struct golden *g = golden_new();
	struct smb1_find_entry e = {.resume_key = 5, .file_name = slice_of("f\0", 2)};
	uint8_t out[100];
	struct wire list = smb1_part_encoder(out, sizeof(out), true);

	(void)state;
	g32(g, 5);
	standard_info(g);
	g8(g, 2); /* 26 */
	g8(g, 0);
	gtext(g, "f");
	g16(g, 0);
	e.info = (struct smb1_info_standard){.creation = {0x5A21, 0x6000}, .last_access = {0x5A22, 0x6001}, .last_write = {0x5A23, 0x6002},
		.file_data_size = 13, .allocation_size = 4096, .attributes = 0x20};
	assert_true(smb1_find_entry_put(&list, SMB1_FIND_STANDARD, true, &e));
	assert_slice(slice_of(out, list.pos), g->b, g->n);
}

static void test_lists_of_extended_attributes(void **state)
{
	static const uint8_t expected[] = {20, 0, 0, 0, 0, 2, 3, 0, 'A', 'B', 0, 'x', 'y', 'z', 0x80, 1, 0, 0, 'C', 0};
	uint8_t out[64];
	struct wire w = wire_encoder(out, 0, sizeof(out));
	struct smb1_fea e = {.name = slice_of("AB", 2), .value = slice_of("xyz", 3)};
	struct slice list, name;
	bool bad;

	(void)state;
	smb1_ea_list_begin(&w);
	smb1_fea_put(&w, &e);
	e = (struct smb1_fea){.flags = 0x80, .name = slice_of("C", 1), .value = slice_of("", 0)};
	smb1_fea_put(&w, &e);
	assert_slice(slice_of(out, w.pos), expected, sizeof(expected));
	out[20] = 0xEE; /* behind the list */
	list = slice_of(out, 21);
	assert_true(smb1_ea_list_open(&list));
	assert_true(smb1_fea_next(&list, &e, &bad));
	assert_ascii(e.name, "AB");
	assert_ascii(e.value, "xyz");
	assert_true(smb1_fea_next(&list, &e, &bad));
	assert_int_equal(e.flags, 0x80);
	assert_false(smb1_fea_next(&list, &e, &bad));
	assert_false(bad);

	out[6] = 4; /* the first value swallows the second's beginning: what is left is no attribute */
	list = slice_of(out, 20);
	assert_true(smb1_ea_list_open(&list));
	while (smb1_fea_next(&list, &e, &bad))
		;
	assert_true(bad);
	store_le32(out, 21);
	list = slice_of(out, 20);
	assert_false(smb1_ea_list_open(&list));
	store_le32(out, 3);
	list = slice_of(out, 20);
	assert_false(smb1_ea_list_open(&list));

	w = wire_encoder(out, 0, sizeof(out));
	smb1_ea_list_begin(&w);
	smb1_gea_put(&w, slice_of("AB", 2));
	smb1_gea_put(&w, slice_of("C", 1));
	list = slice_of(out, w.pos);
	assert_true(smb1_ea_list_open(&list));
	assert_true(smb1_gea_next(&list, &name, &bad));
	assert_ascii(name, "AB");
	assert_true(smb1_gea_next(&list, &name, &bad));
	assert_false(smb1_gea_next(&list, &name, &bad));
	assert_false(bad);
	list = slice_of("\2A", 2);
	assert_false(smb1_gea_next(&list, &name, &bad));
	assert_true(bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transaction_request),
		cmocka_unit_test(test_transaction2_request),
		cmocka_unit_test(test_secondary_requests),
		cmocka_unit_test(test_transaction_response),
		cmocka_unit_test(test_nt_transact_request),
		cmocka_unit_test(test_nt_transact_secondary_and_response),
		cmocka_unit_test(test_find_parameters),
		cmocka_unit_test(test_information_parameters),
		cmocka_unit_test(test_nt_transact_create),
		cmocka_unit_test(test_nt_transact_setups_and_parameters),
		cmocka_unit_test(test_levels_of_lan_manager),
		cmocka_unit_test(test_levels_of_nt),
		cmocka_unit_test(test_levels_and_the_classes_behind_them),
		cmocka_unit_test(test_find_entries_of_all_three_levels),
		cmocka_unit_test(test_find_entry_layout),
		cmocka_unit_test(test_lists_of_extended_attributes),
	};

	return cmocka_run_group_tests(tests, NULL, golden_teardown);
}

/* SMB1 in golden bytes, files: opening, reading, writing, locking, names and attributes. [MS-CIFS] 2.2.4, [MS-SMB] 2.2.4. */
#include "smb1_golden.h"

static struct golden *named(const char *words, size_t word_count)
{
	struct golden *g = block();

	g8(g, (unsigned)word_count);
	ghex(g, words);
	assert_int_equal(g->n, SMB1_HEADER_SIZE + 1 + 2 * word_count);
	return g;
}

static void test_names_with_a_buffer_format_in_unicode_and_oem(void **state)
{
	struct golden *g = named("", 0);
	struct smb1_name_req m;

	(void)state;
	g16(g, 1 + 6);
	g8(g, 4); /* 35 */
	gtext(g, "\\d");
	g16(g, 0);
	CHECK_BLOCK(g, true, smb1_name_req_code, &m);
	assert_text(m.name, "\\d");
	g->n -= 1;
	store_le16(g->b + 33, 1 + 5);
	CHECK_BLOCK_REFUSED(g, true, smb1_name_req_code, &m, "FileName");
	g->b[35] = 2;
	CHECK_BLOCK_REFUSED(g, true, smb1_name_req_code, &m, "BufferFormat");

	g = named("", 0);
	g16(g, 1 + 3);
	ghex(g, "04 5C 64 00");
	CHECK_BLOCK(g, false, smb1_name_req_code, &m);
	assert_ascii(m.name, "\\d");
	g->n -= 1;
	store_le16(g->b + 33, 3);
	CHECK_BLOCK_REFUSED(g, false, smb1_name_req_code, &m, "FileName");
	store_le16(g->b + 33, 0);
	CHECK_BLOCK_REFUSED(g, false, smb1_name_req_code, &m, "BufferFormat");
}

static void test_open_and_create(void **state)
{
	struct golden *g = named("42 00 16 00", 2);
	struct smb1_create_temporary_rsp temporary;
	struct smb1_create_req create;
	struct smb1_open_req open;
	struct smb1_open_rsp rsp;
	struct smb1_fid fid;

	(void)state;
	g16(g, 4);
	ghex(g, "04 5C 66 00");
	CHECK_BLOCK(g, false, smb1_open_req_code, &open);
	assert_int_equal(open.access_mode, 0x42);
	assert_int_equal(open.search_attributes, 0x16);

	g = named("01 10 20 00 04 03 02 01 08 07 06 05 02 00", 7);
	g16(g, 0);
	CHECK_BLOCK(g, false, smb1_open_rsp_code, &rsp);
	assert_int_equal(rsp.fid, 0x1001);
	assert_int_equal(rsp.last_modified, 0x01020304);
	assert_int_equal(rsp.file_size, 0x05060708);
	assert_int_equal(rsp.access_mode, 2);

	g = named("20 00 04 03 02 01", 3);
	g16(g, 4);
	ghex(g, "04 5C 66 00");
	CHECK_BLOCK(g, false, smb1_create_req_code, &create);
	assert_int_equal(create.creation_time, 0x01020304);

	g = named("01 10", 1);
	g16(g, 0);
	CHECK_BLOCK(g, false, smb1_fid_code, &fid);
	assert_int_equal(fid.fid, 0x1001);

	g = named("01 10", 1);
	g16(g, 4);
	ghex(g, "54 4D 50 00"); /* no BufferFormat, never Unicode */
	CHECK_BLOCK(g, true, smb1_create_temporary_rsp_code, &temporary);
	assert_ascii(temporary.temporary_file_name, "TMP");
}

static void test_open_andx(void **state)
{
	struct golden *g = named("FF 00 00 00 07 00 42 00 16 00 20 00 04 03 02 01 11 00 00 10 00 00 FF FF FF FF 00 00 00 00", 15);
	struct smb1_open_andx_req m;
	struct smb1_open_andx_rsp rsp;

	(void)state;
	g16(g, 1 + 4);
	g8(g, 0); /* 65 */
	gtext(g, "f");
	g16(g, 0);
	CHECK_BLOCK(g, true, smb1_open_andx_req_code, &m);
	assert_int_equal(m.flags, SMB1_OPEN_QUERY_INFORMATION | SMB1_OPEN_OPLOCK | SMB1_OPEN_OPBATCH);
	assert_int_equal(m.access_mode, 0x42);
	assert_int_equal(m.search_attrs, 0x16);
	assert_int_equal(m.file_attrs, 0x20);
	assert_int_equal(m.creation_time, 0x01020304);
	assert_int_equal(m.open_mode, 0x11);
	assert_int_equal(m.allocation_size, 0x1000);
	assert_int_equal(m.timeout, 0xFFFFFFFF);
	assert_text(m.file_name, "f");

	g = named("FF 00 00 00 01 10 20 00 04 03 02 01 08 07 06 05 02 00 00 00 FF 05 01 80 0D 0C 0B 0A 00 00", 15);
	g16(g, 0);
	CHECK_BLOCK(g, true, smb1_open_andx_rsp_code, &rsp);
	assert_int_equal(rsp.fid, 0x1001);
	assert_int_equal(rsp.last_write_time, 0x01020304);
	assert_int_equal(rsp.file_data_size, 0x05060708);
	assert_int_equal(rsp.access_rights, 2);
	assert_int_equal(rsp.nm_pipe_status, 0x05FF);
	assert_int_equal(rsp.open_results, 0x8001);
	assert_int_equal(rsp.server_fid, 0x0A0B0C0D);

	g = named("FF 00 00 00 01 10 20 00 04 03 02 01 08 07 06 05 02 00 00 00 00 00 01 00 00 00 00 00 00 00 FF 01 1F 00 89 00 12 00", 19);
	g16(g, 0);
	CHECK_BLOCK(g, true, smb1_open_andx_rsp_code, &rsp);
	assert_int_equal(rsp.word_count, 19);
	assert_int_equal(rsp.maximal_access_rights, 0x001F01FF);
	assert_int_equal(rsp.guest_maximal_access_rights, 0x00120089);
}

static struct golden *nt_create(unsigned name_length)
{
	struct golden *g = block();

	g8(g, 24);
	gandx(g);
	g8(g, 0);
	g16(g, name_length);
	g32(g, SMB1_NT_CREATE_REQUEST_OPLOCK | SMB1_NT_CREATE_REQUEST_EXTENDED_RESPONSE);
	g32(g, 0x11);
	g32(g, 0x00120089);
	g64(g, 0x2122232425262728);
	g32(g, 0x80);
	g32(g, 7);
	g32(g, 1);
	g32(g, 0x40);
	g32(g, 2);
	g8(g, 3);
	return g;
}

static void test_nt_create_andx_request(void **state)
{
	struct golden *g = nt_create(4);
	struct smb1_nt_create_andx_req m;
	struct wire w;

	(void)state;
	g16(g, 1 + 4 + 2);
	g8(g, 0); /* 83 */
	gtext(g, "\\f");
	g16(g, 0); /* NameLength does not count it */
	CHECK_BLOCK(g, true, smb1_nt_create_andx_req_code, &m);
	assert_int_equal(m.root_directory_fid, 0x11);
	assert_int_equal(m.desired_access, 0x00120089);
	assert_true(m.allocation_size == 0x2122232425262728);
	assert_int_equal(m.create_options, 0x40);
	assert_int_equal(m.impersonation_level, 2);
	assert_int_equal(m.security_flags, 3);
	assert_text(m.file_name, "\\f");

	store_le16(g->b + 38, 6); /* it does, with some clients */
	w = with_unicode(golden_decoder(g, SMB1_HEADER_SIZE), true);
	smb1_nt_create_andx_req_code(&w, &m);
	assert_true(wire_ok(&w));
	assert_text(m.file_name, "\\f");
	store_le16(g->b + 38, 8);
	CHECK_BLOCK_REFUSED(g, true, smb1_nt_create_andx_req_code, &m, "FileName");
	store_le16(g->b + 38, 3); /* half a character */
	CHECK_BLOCK_REFUSED(g, true, smb1_nt_create_andx_req_code, &m, "FileName");

	g = nt_create(2);
	g16(g, 2 + 1);
	gascii(g, "\\f");
	g8(g, 0);
	CHECK_BLOCK(g, false, smb1_nt_create_andx_req_code, &m);
	assert_ascii(m.file_name, "\\f");
}

static struct golden *nt_created(unsigned word_count)
{
	struct golden *g = block();

	g8(g, word_count);
	gandx(g);
	g8(g, 2);
	g16(g, 0x4001);
	g32(g, 1);
	g64(g, 0x0102030405060708);
	g64(g, 0x1112131415161718);
	g64(g, 0x2122232425262728);
	g64(g, 0x3132333435363738);
	g32(g, 0x20);
	g64(g, 4096);
	g64(g, 13);
	g16(g, 0);
	g16(g, 7);
	g8(g, 1);
	return g;
}

static void test_nt_create_andx_responses(void **state)
{
	struct golden *g = nt_created(34);
	struct smb1_nt_create_andx_rsp m;

	(void)state;
	g16(g, 0);
	CHECK_BLOCK(g, true, smb1_nt_create_andx_rsp_code, &m);
	assert_int_equal(m.oplock_level, 2);
	assert_int_equal(m.fid, 0x4001);
	assert_true(m.last_change_time == 0x3132333435363738);
	assert_true(m.end_of_file == 13);
	assert_int_equal(m.directory, 1);
	assert_int_equal(m.maximal_access_rights, 0);

	for (unsigned count = 42; count <= 50; count += 8) { /* what Windows says, and what is there */
		g = nt_created(count);
		gfill(g, 16);
		g64(g, 0x4142434445464748);
		g32(g, 0x001F01FF);
		g32(g, 0x00120089);
		assert_int_equal(g->n, SMB1_HEADER_SIZE + 1 + 100);
		g16(g, 0);
		CHECK_BLOCK(g, true, smb1_nt_create_andx_rsp_code, &m);
		assert_int_equal(m.word_count, count);
		assert_int_equal(m.volume_guid.b[15], 16);
		assert_true(m.file_id == 0x4142434445464748);
		assert_int_equal(m.guest_maximal_access_rights, 0x00120089);
	}
}

static void test_close_and_seek(void **state)
{
	struct golden *g = named("01 10 FF FF FF FF", 3);
	struct smb1_seek_rsp seeked;
	struct smb1_close_req m;
	struct smb1_seek_req seek;

	(void)state;
	g16(g, 0);
	CHECK_BLOCK(g, true, smb1_close_req_code, &m);
	assert_int_equal(m.last_time_modified, 0xFFFFFFFF);

	g = named("01 10 02 00 FE FF FF FF", 4);
	g16(g, 0);
	CHECK_BLOCK(g, true, smb1_seek_req_code, &seek);
	assert_int_equal(seek.mode, 2);
	assert_int_equal(seek.offset, -2);

	g = named("04 03 02 01", 2);
	g16(g, 0);
	CHECK_BLOCK(g, true, smb1_seek_rsp_code, &seeked);
	assert_int_equal(seeked.offset, 0x01020304);
}

static void test_read_andx_request_with_and_without_the_high_half(void **state)
{
	struct golden *g = named("FF 00 00 00 01 10 04 03 02 01 00 80 10 00 01 00 00 00 05 00 08 07 06 05", 12);
	struct smb1_read_andx_req m;
	struct smb1_read_raw_req raw;

	(void)state;
	g16(g, 0);
	CHECK_BLOCK(g, true, smb1_read_andx_req_code, &m);
	assert_true(m.offset == 0x0506070801020304);
	assert_int_equal(m.max_count, 0x8000);
	assert_int_equal(m.min_count, 16);
	assert_int_equal(m.timeout_or_max_count_high, 1);
	assert_int_equal(m.remaining, 5);

	g = named("FF 00 00 00 01 10 04 03 02 01 00 80 10 00 FF FF FF FF 00 00", 10);
	g16(g, 0);
	CHECK_BLOCK(g, true, smb1_read_andx_req_code, &m);
	assert_int_equal(m.word_count, 10);
	assert_true(m.offset == 0x01020304);

	g = named("01 10 04 03 02 01 00 80 10 00 01 00 00 00 00 00 08 07 06 05", 10);
	g16(g, 0);
	CHECK_BLOCK(g, true, smb1_read_raw_req_code, &raw);
	assert_true(raw.offset == 0x0506070801020304);
	g = named("01 10 04 03 02 01 00 80 10 00 01 00 00 00 00 00", 8);
	g16(g, 0);
	CHECK_BLOCK(g, true, smb1_read_raw_req_code, &raw);
	assert_true(raw.offset == 0x01020304);
}

static struct golden *read_response(size_t len, unsigned offset)
{
	struct golden *g = block();

	g8(g, 12);
	gandx(g);
	g16(g, 0xFFFF);
	g16(g, 0);
	g16(g, 0);
	g16(g, len & 0xFFFF);
	g16(g, offset);
	g16(g, (unsigned)(len >> 16));
	gzero(g, 8);
	g16(g, (len + offset - 59) & 0xFFFF);
	gzero(g, offset - 59);
	return g;
}

static void test_read_andx_response(void **state)
{
	struct golden *g = read_response(5, 60);
	struct smb1_read_andx_rsp m;

	(void)state;
	gascii(g, "hello");
	CHECK_BLOCK(g, true, smb1_read_andx_rsp_code, &m);
	assert_ascii(m.data, "hello");
	assert_int_equal(m.available, 0xFFFF);

	g = read_response(5, 59); /* not aligned */
	gascii(g, "hello");
	CHECK_BLOCK(g, true, smb1_read_andx_rsp_code, &m);
	assert_int_equal(m.data_offset, 59);
	store_le16(g->b + 45, 58);
	CHECK_BLOCK_REFUSED(g, true, smb1_read_andx_rsp_code, &m, "Data");
	store_le16(g->b + 45, 60);
	CHECK_BLOCK_REFUSED(g, true, smb1_read_andx_rsp_code, &m, "Data");
	store_le16(g->b + 45, 59);
	store_le16(g->b + 57, 4); /* ByteCount ends before the data */
	CHECK_BLOCK_REFUSED(g, true, smb1_read_andx_rsp_code, &m, "Data");
}

static void test_data_longer_than_byte_count_can_say(void **state)
{
	static const size_t lengths[] = {65534, 65535, 65536, 69000};
	struct smb1_read_andx_rsp m;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct golden *g = read_response(lengths[i], 60);

		gfill(g, lengths[i]);
		CHECK_BLOCK(g, true, smb1_read_andx_rsp_code, &m);
		assert_int_equal(m.data.len, lengths[i]);
		g->n--;
		CHECK_BLOCK_REFUSED(g, true, smb1_read_andx_rsp_code, &m, lengths[i] == 65534 ? "ByteCount" : "Data");
	}
}

static void test_write_andx(void **state)
{
	struct golden *g = named("FF 00 00 00 01 10 04 03 02 01 00 00 00 00 08 00 05 00 00 00 03 00 40 00 08 07 06 05", 14);
	struct smb1_write_andx_req m;
	struct smb1_write_andx_rsp rsp;

	(void)state;
	g16(g, 1 + 3);
	g8(g, 0); /* 63 */
	gascii(g, "abc");
	CHECK_BLOCK(g, true, smb1_write_andx_req_code, &m);
	assert_true(m.offset == 0x0506070801020304);
	assert_int_equal(m.write_mode, SMB1_MSG_START);
	assert_int_equal(m.remaining, 5);
	assert_ascii(m.data, "abc");
	store_le16(g->b + 51, 1); /* DataLengthHigh */
	CHECK_BLOCK_REFUSED(g, true, smb1_write_andx_req_code, &m, "Data");

	g = named("FF 00 00 00 01 10 04 03 02 01 00 00 00 00 01 00 00 00 00 00 03 00 3C 00", 12);
	g16(g, 1 + 3);
	g8(g, 0); /* 59 */
	gascii(g, "abc");
	CHECK_BLOCK(g, true, smb1_write_andx_req_code, &m);
	assert_int_equal(m.word_count, 12);
	assert_int_equal(m.write_mode, SMB1_WRITE_THROUGH);

	g = named("FF 00 00 00 02 00 FF FF 01 00 00 00", 6);
	g16(g, 0);
	CHECK_BLOCK(g, true, smb1_write_andx_rsp_code, &rsp);
	assert_int_equal(rsp.count, 0x10002);
	assert_int_equal(rsp.available, 0xFFFF);
}

static void test_reading_and_writing_of_the_core_protocol(void **state)
{
	struct golden *g = named("01 10 00 02 04 03 02 01 05 00", 5);
	struct smb1_write_and_close_req write_close;
	struct smb1_count_rsp count;
	struct smb1_write_req write;
	struct smb1_read_rsp data;
	struct smb1_read_req m;

	(void)state;
	g16(g, 0);
	CHECK_BLOCK(g, false, smb1_read_req_code, &m);
	assert_int_equal(m.count, 0x200);
	assert_int_equal(m.offset, 0x01020304);
	assert_int_equal(m.remaining, 5);

	g = named("03 00 00 00 00 00 00 00 00 00", 5);
	g16(g, 3 + 3);
	ghex(g, "01 03 00 61 62 63");
	CHECK_BLOCK(g, false, smb1_read_rsp_code, &data);
	assert_ascii(data.data, "abc");
	store_le16(g->b + 46, 4);
	CHECK_BLOCK_REFUSED(g, false, smb1_read_rsp_code, &data, "Bytes");

	g = named("01 10 03 00 04 03 02 01 05 00", 5);
	g16(g, 3 + 3);
	ghex(g, "01 03 00 61 62 63");
	CHECK_BLOCK(g, false, smb1_write_req_code, &write);
	assert_ascii(write.data, "abc");

	g = named("03 00", 1);
	g16(g, 0);
	CHECK_BLOCK(g, false, smb1_count_rsp_code, &count);
	assert_int_equal(count.count, 3);

	g = named("01 10 03 00 04 03 02 01 08 07 06 05", 6);
	g16(g, 1 + 3);
	ghex(g, "00 61 62 63");
	CHECK_BLOCK(g, false, smb1_write_and_close_req_code, &write_close);
	assert_int_equal(write_close.last_write_time, 0x05060708);
	assert_ascii(write_close.data, "abc");
	g = named("01 10 03 00 04 03 02 01 08 07 06 05 00 00 00 00 00 00 00 00 00 00 00 00", 12);
	g16(g, 1 + 3);
	ghex(g, "00 61 62 63");
	CHECK_BLOCK(g, false, smb1_write_and_close_req_code, &write_close);
	assert_int_equal(write_close.word_count, 12);
}

static void test_echo(void **state)
{
	struct golden *g = named("02 00", 1);
	struct smb1_echo_req m;
	struct smb1_echo_rsp rsp;

	(void)state;
	g16(g, 3);
	gascii(g, "abc");
	CHECK_BLOCK(g, true, smb1_echo_req_code, &m);
	assert_int_equal(m.echo_count, 2);
	assert_ascii(m.data, "abc");
	CHECK_BLOCK(g, true, smb1_echo_rsp_code, &rsp);
	assert_int_equal(rsp.sequence_number, 2);
	assert_ascii(rsp.data, "abc");
}

static void test_locks(void **state)
{
	struct golden *g = named("01 10 08 07 06 05 04 03 02 01", 5);
	struct smb1_lock_byte_range_req range;
	struct smb1_locking_andx_req m;
	uint8_t out[128];
	struct wire e;

	(void)state;
	g16(g, 0);
	CHECK_BLOCK(g, false, smb1_lock_byte_range_req_code, &range);
	assert_int_equal(range.count, 0x05060708);
	assert_int_equal(range.offset, 0x01020304);

	g = named("FF 00 00 00 01 10 01 00 E8 03 00 00 01 00 02 00", 8);
	g16(g, 3 * 10);
	ghex(g, "11 00 01 00 00 00 02 00 00 00");
	ghex(g, "12 00 03 00 00 00 04 00 00 00");
	ghex(g, "13 00 05 00 00 00 06 00 00 00");
	CHECK_BLOCK(g, false, smb1_locking_andx_req_code, &m);
	assert_int_equal(m.timeout, 1000);
	assert_int_equal(m.unlock_count, 1);
	assert_int_equal(m.unlocks[0].pid, 0x11);
	assert_int_equal(m.lock_count, 2);
	assert_true(m.locks[1].offset == 5 && m.locks[1].length == 6);
	m.locks[1].offset = 1ull << 32; /* has no place in the short form */
	e = wire_encoder(out, 0, sizeof(out));
	smb1_locking_andx_req_code(&e, &m);
	assert_int_equal(e.error.code, STATUS_INVALID_PARAMETER.code);
	store_le16(g->b + 47, 3); /* three locks, bytes for two */
	CHECK_BLOCK_REFUSED(g, false, smb1_locking_andx_req_code, &m, "Lock");

	g = named("FF 00 00 00 01 10 10 00 FF FF FF FF 00 00 01 00", 8);
	g16(g, 20);
	ghex(g, "11 00 00 00 04 03 02 01 08 07 06 05 0C 0B 0A 09 10 0F 0E 0D");
	CHECK_BLOCK(g, false, smb1_locking_andx_req_code, &m);
	assert_true(m.locks[0].offset == 0x0102030405060708);
	assert_true(m.locks[0].length == 0x090A0B0C0D0E0F10);

	g = named("FF 00 00 00 01 10 02 01 00 00 00 00 00 00 00 00", 8); /* the server breaks an oplock */
	g16(g, 0);
	CHECK_BLOCK(g, false, smb1_locking_andx_req_code, &m);
	assert_int_equal(m.type_of_lock, SMB1_LOCKING_OPLOCK_RELEASE);
	assert_int_equal(m.new_oplock_level, 1);
}

static void test_delete_and_rename(void **state)
{
	struct golden *g = named("06 00", 1);
	struct smb1_nt_rename_req nt_rename;
	struct smb1_rename_req m;
	struct smb1_delete_req del;

	(void)state;
	g16(g, 3);
	ghex(g, "04 61 00");
	CHECK_BLOCK(g, false, smb1_delete_req_code, &del);
	assert_int_equal(del.search_attributes, 6);

	g = named("16 00", 1);
	g16(g, 1 + 4 + 2 + 4);
	g8(g, 4); /* 37 */
	gtext(g, "a");
	g16(g, 0);
	g16(g, 4); /* BufferFormat and a byte of padding */
	gtext(g, "b");
	g16(g, 0);
	CHECK_BLOCK(g, true, smb1_rename_req_code, &m);
	assert_text(m.old_file_name, "a");
	assert_text(m.new_file_name, "b");
	store_le16(g->b + 35, 1 + 4 + 2 + 2);
	CHECK_BLOCK_REFUSED(g, true, smb1_rename_req_code, &m, "NewFileName");
	store_le16(g->b + 35, 1 + 4);
	CHECK_BLOCK_REFUSED(g, true, smb1_rename_req_code, &m, "BufferFormat");

	g = named("16 00 03 01 00 00 00 00", 4);
	g16(g, 6);
	ghex(g, "04 61 00 04 62 00");
	CHECK_BLOCK(g, false, smb1_nt_rename_req_code, &nt_rename);
	assert_int_equal(nt_rename.information_level, SMB1_NT_RENAME_SET_LINK_INFO);
}

static void test_information(void **state)
{
	struct golden *g = named("20 00 04 03 02 01 08 07 06 05 00 00 00 00 00 00 00 00 00 00", 10);
	struct smb1_query_information2_rsp rsp2;
	struct smb1_query_information_rsp rsp;
	struct smb1_set_information2_req set2;
	struct smb1_query_information_disk_rsp disk;
	struct smb1_set_information_req set;

	(void)state;
	g16(g, 0);
	CHECK_BLOCK(g, false, smb1_query_information_rsp_code, &rsp);
	assert_int_equal(rsp.last_write_time, 0x01020304);
	assert_int_equal(rsp.file_size, 0x05060708);

	g = named("20 00 04 03 02 01 00 00 00 00 00 00 00 00 00 00", 8);
	g16(g, 3);
	ghex(g, "04 61 00");
	CHECK_BLOCK(g, false, smb1_set_information_req_code, &set);
	assert_int_equal(set.last_write_time, 0x01020304);

	g = named("01 10 11 12 13 14 21 22 23 24 31 32 33 34", 7);
	g16(g, 0);
	CHECK_BLOCK(g, false, smb1_set_information2_req_code, &set2);
	assert_int_equal(set2.creation.date, 0x1211);
	assert_int_equal(set2.creation.time, 0x1413);
	assert_int_equal(set2.last_write.time, 0x3433);

	g = named("11 12 13 14 21 22 23 24 31 32 33 34 04 03 02 01 08 07 06 05 20 00", 11);
	g16(g, 0);
	CHECK_BLOCK(g, false, smb1_query_information2_rsp_code, &rsp2);
	assert_int_equal(rsp2.last_access.date, 0x2221);
	assert_int_equal(rsp2.file_data_size, 0x01020304);
	assert_int_equal(rsp2.file_allocation_size, 0x05060708);
	assert_int_equal(rsp2.file_attributes, 0x20);

	g = named("01 00 02 00 03 00 04 00 00 00", 5);
	g16(g, 0);
	CHECK_BLOCK(g, false, smb1_query_information_disk_rsp_code, &disk);
	assert_int_equal(disk.blocks_per_unit, 2);
	assert_int_equal(disk.free_units, 4);
}

static void test_search(void **state)
{
	struct golden *g = named("0A 00 16 00", 2);
	struct smb1_directory_entry e;
	struct smb1_search_req m;
	struct smb1_search_rsp rsp;

	(void)state;
	g16(g, 5 + 3);
	ghex(g, "04 2A 2E 2A 00 05 00 00");
	CHECK_BLOCK(g, false, smb1_search_req_code, &m);
	assert_ascii(m.file_name, "*.*");
	assert_int_equal(m.resume_key.len, 0);

	g = named("0A 00 16 00", 2);
	g16(g, 2 + 3 + 21);
	ghex(g, "04 00 05 15 00");
	gfill(g, 21);
	CHECK_BLOCK(g, false, smb1_search_req_code, &m);
	assert_int_equal(m.resume_key.data[20], 21);
	g->b[42] = 20;
	CHECK_BLOCK_REFUSED(g, false, smb1_search_req_code, &m, "ResumeKeyLength");

	g = named("01 00", 1);
	g16(g, 3 + 43);
	ghex(g, "05 2B 00");
	gfill(g, 21);
	ghex(g, "20 13 14 11 12 04 03 02 01 41 2E 42 00 20 20 20 20 20 20 20 20 20");
	CHECK_BLOCK(g, false, smb1_search_rsp_code, &rsp);
	assert_int_equal(rsp.directory_information.len, SMB1_DIRECTORY_ENTRY_BYTES);
	memmove(g->b, rsp.directory_information.data, SMB1_DIRECTORY_ENTRY_BYTES);
	g->n = SMB1_DIRECTORY_ENTRY_BYTES;
	CHECK_PART(g, false, smb1_directory_entry_code, &e);
	assert_int_equal(e.last_write.time, 0x1413);
	assert_int_equal(e.last_write.date, 0x1211);
	assert_int_equal(e.file_size, 0x01020304);
	assert_string_equal((char *)e.file_name, "A.B");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_with_a_buffer_format_in_unicode_and_oem),
		cmocka_unit_test(test_open_and_create),
		cmocka_unit_test(test_open_andx),
		cmocka_unit_test(test_nt_create_andx_request),
		cmocka_unit_test(test_nt_create_andx_responses),
		cmocka_unit_test(test_close_and_seek),
		cmocka_unit_test(test_read_andx_request_with_and_without_the_high_half),
		cmocka_unit_test(test_read_andx_response),
		cmocka_unit_test(test_data_longer_than_byte_count_can_say),
		cmocka_unit_test(test_write_andx),
		cmocka_unit_test(test_reading_and_writing_of_the_core_protocol),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_locks),
		cmocka_unit_test(test_delete_and_rename),
		cmocka_unit_test(test_information),
		cmocka_unit_test(test_search),
	};

	return cmocka_run_group_tests(tests, NULL, golden_teardown);
}

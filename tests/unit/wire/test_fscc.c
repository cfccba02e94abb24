/* Information classes, directory entries and the other lists of [MS-FSCC], in golden bytes; quota queries of [MS-SMB2] 2.2.37.1. */
#include "golden.h"

#include "wire/fscc.h"

static void times(struct golden *g)
{
	for (uint64_t i = 1; i <= 4; i++)
		g64(g, i);
}

static void test_basic_and_standard_information(void **state)
{
	struct golden *g = golden_new();
	struct fscc_basic b = {0};
	struct fscc_standard s = {0};

	(void)state;
	times(g);
	g32(g, 0x20);
	g32(g, 0);
	CHECK_CODER(g, 0, fscc_basic_code, &b);
	assert_true(b.creation_time == 1 && b.last_access_time == 2 && b.last_write_time == 3 && b.change_time == 4);
	assert_int_equal(b.file_attributes, 0x20);
	g = golden_new();
	g64(g, 4096);
	g64(g, 98);
	g32(g, 2);
	g8(g, 1);
	g8(g, 0);
	g16(g, 0);
	CHECK_CODER(g, 0, fscc_standard_code, &s);
	assert_true(s.allocation_size == 4096 && s.end_of_file == 98 && s.number_of_links == 2 && s.delete_pending && !s.directory);
}

static void test_all_information(void **state)
{
	struct golden *g = golden_new();
	struct fscc_all m = {.ea_size = 0};

	(void)state;
	times(g);
	g32(g, 0x20);
	g32(g, 0);
	g64(g, 4096);
	g64(g, 98);
	g32(g, 1);
	g32(g, 0);
	g64(g, 0x1234);      /* IndexNumber */
	g32(g, 5);           /* EaSize */
	g32(g, 0x0012019F);  /* AccessFlags */
	g64(g, 6);           /* CurrentByteOffset */
	g32(g, 7);           /* Mode */
	g32(g, 8);           /* AlignmentRequirement */
	g32(g, 8);
	gtext(g, "\\a.b");
	CHECK_CODER(g, 0, fscc_all_code, &m);
	assert_int_equal(g->n, 108);
	assert_true(m.index_number == 0x1234 && m.ea_size == 5 && m.access_flags == 0x0012019F && m.current_byte_offset == 6);
	assert_true(m.mode == 7 && m.alignment_requirement == 8 && m.standard.end_of_file == 98);
	assert_text(m.name, "\\a.b");
	g->b[96] = 9;
	CHECK_REFUSED(g, 0, fscc_all_code, &m);
	g->b[96] = 10;
	CHECK_REFUSED(g, 0, fscc_all_code, &m);
}

static void test_rename_and_link_information(void **state)
{
	struct golden *g = golden_new();
	struct fscc_rename m = {0};
	struct wire w;

	(void)state;
	g8(g, 1);
	gzero(g, 7);
	g64(g, 0);
	g32(g, 8);
	gtext(g, "b\\cd");
	CHECK_CODER(g, 0, fscc_rename_code, &m);
	assert_int_equal(m.flags, 1);
	assert_text(m.name, "b\\cd");
	memset(g->b + 1, 0xCC, 7); /* reserved bytes may be anything */
	w = golden_decoder(g, 0);
	fscc_rename_code(&w, &m);
	assert_true(wire_ok(&w));
	assert_int_equal(m.flags, 1);
	g->b[16] = 10;
	CHECK_REFUSED(g, 0, fscc_rename_code, &m);

	g = golden_new(); /* a name of one character: padded to what Windows takes */
	g32(g, FSCC_RENAME_REPLACE | FSCC_RENAME_POSIX);
	g32(g, 0);
	g64(g, 0);
	g32(g, 2);
	gtext(g, "x");
	g16(g, 0);
	CHECK_CODER(g, 0, fscc_rename_ex_code, &m);
	assert_int_equal(m.flags, 3);
	assert_text(m.name, "x");
}

static void test_small_classes(void **state)
{
	struct golden *g = golden_new();
	struct fscc_network_open n = {0};
	struct fscc_attribute_tag t = {0};
	struct fscc_compression c = {0};
	struct fscc_id id = {0};
	struct fscc_pipe_local p = {0};
	struct fscc_pipe_remote r = {0};

	(void)state;
	times(g);
	g64(g, 4096);
	g64(g, 98);
	g32(g, 0x10);
	g32(g, 0);
	CHECK_CODER(g, 0, fscc_network_open_code, &n);
	assert_true(n.allocation_size == 4096 && n.end_of_file == 98 && n.file_attributes == 0x10);
	g = golden_new();
	g32(g, 0x400);
	g32(g, 0xA000000C);
	CHECK_CODER(g, 0, fscc_attribute_tag_code, &t);
	assert_true(t.reparse_tag == 0xA000000C);
	g = golden_new();
	g64(g, 98);
	g16(g, 2);
	g8(g, 3);
	g8(g, 4);
	g8(g, 5);
	gzero(g, 3);
	CHECK_CODER(g, 0, fscc_compression_code, &c);
	assert_true(c.compression_format == 2 && c.compression_unit_shift == 3 && c.chunk_shift == 4 && c.cluster_shift == 5);
	g = golden_new();
	g64(g, 7);
	gfill(g, 16);
	CHECK_CODER(g, 0, fscc_id_code, &id);
	assert_true(id.volume_serial_number == 7 && id.file_id[15] == 16);
	g = golden_new();
	for (uint32_t i = 1; i <= 10; i++)
		g32(g, i);
	CHECK_CODER(g, 0, fscc_pipe_local_code, &p);
	assert_true(p.type == 1 && p.end == 10);
	g->n = 12;
	CHECK_CODER(g, 0, fscc_pipe_remote_code, &r);
	assert_int_equal(r.maximum_collection_count, 3);
}

static void test_file_system_classes(void **state)
{
	struct golden *g = golden_new();
	struct fscc_fs_volume v = {0};
	struct fscc_fs_attribute a = {0};
	struct fscc_fs_full_size f = {0};
	struct fscc_fs_control c = {0};
	struct fscc_fs_sector_size s = {0};

	(void)state;
	g64(g, 9);
	g32(g, 0x12345678);
	g32(g, 6);
	g8(g, 1);
	g8(g, 0);
	gtext(g, "vol");
	CHECK_CODER(g, 0, fscc_fs_volume_code, &v);
	assert_true(v.volume_serial_number == 0x12345678 && v.supports_objects);
	assert_text(v.volume_label, "vol");
	g->b[12] = 8;
	CHECK_REFUSED(g, 0, fscc_fs_volume_code, &v);
	g = golden_new();
	g32(g, 0x4002F);
	g32(g, 255);
	g32(g, 8);
	gtext(g, "NTFS");
	CHECK_CODER(g, 0, fscc_fs_attribute_code, &a);
	assert_int_equal(a.maximum_component_name_length, 255);
	assert_text(a.file_system_name, "NTFS");
	g = golden_new();
	g64(g, 1000);
	g64(g, 900);
	g64(g, 800);
	g32(g, 8);
	g32(g, 512);
	CHECK_CODER(g, 0, fscc_fs_full_size_code, &f);
	assert_true(f.caller_available_allocation_units == 900 && f.actual_available_allocation_units == 800 && f.bytes_per_sector == 512);
	g = golden_new();
	for (uint64_t i = 1; i <= 5; i++)
		g64(g, i);
	g32(g, 6);
	g32(g, 0);
	CHECK_CODER(g, 0, fscc_fs_control_code, &c);
	assert_true(c.default_quota_limit == 5 && c.file_system_control_flags == 6);
	g = golden_new();
	for (uint32_t i = 1; i <= 7; i++)
		g32(g, i);
	CHECK_CODER(g, 0, fscc_fs_sector_size_code, &s);
	assert_true(s.logical_bytes_per_sector == 1 && s.flags == 5 && s.byte_offset_for_partition_alignment == 7);
}

static void test_classes_are_found_by_number_with_their_sizes(void **state)
{
	static const struct {
		uint8_t number;
		uint16_t size;
	} files[] = {{4, 40}, {5, 24}, {6, 8}, {7, 4}, {8, 4}, {9, 4}, {10, 20}, {11, 20}, {13, 1}, {14, 8}, {16, 4}, {17, 4}, {18, 100},
		{19, 8}, {20, 8}, {21, 4}, {23, 8}, {24, 40}, {25, 12}, {28, 16}, {34, 56}, {35, 8}, {39, 8}, {40, 4}, {48, 4}, {59, 24},
		{64, 4}, {65, 20}};
	static const struct {
		uint8_t number;
		uint16_t size;
	} systems[] = {{1, 18}, {2, 4}, {3, 24}, {4, 8}, {5, 12}, {6, 48}, {7, 32}, {8, 64}, {11, 28}};
	size_t found = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		assert_int_equal(fscc_file_class_of(files[i].number)->fixed_size, files[i].size);
		assert_int_equal(fscc_file_class_of(files[i].number)->number, files[i].number);
	}
	for (size_t i = 0; i < ARRAY_LEN(systems); i++)
		assert_int_equal(fscc_fs_class_of(systems[i].number)->fixed_size, systems[i].size);
	for (unsigned n = 0; n < 256; n++)
		found += (size_t)(fscc_file_class_of((uint8_t)n) != NULL) + (size_t)(fscc_fs_class_of((uint8_t)n) != NULL);
	assert_int_equal(found, ARRAY_LEN(files) + ARRAY_LEN(systems));
}

/* The start that all classes but FileNames share, FileNameLength included. */
static void dir_common(struct golden *g, uint32_t next, uint32_t name_len)
{
	g32(g, next);
	g32(g, 9);
	times(g);
	g64(g, 98);
	g64(g, 4096);
	g32(g, 0x20);
	g32(g, name_len);
}

static void dir_golden(struct golden *g, uint8_t class, uint32_t next)
{
	if (class == FSCC_FILE_NAMES) {
		g32(g, next);
		g32(g, 9);
		g32(g, 6);
	} else {
		dir_common(g, next, 6);
	}
	if (class != FSCC_FILE_NAMES && class != FSCC_FILE_DIRECTORY)
		g32(g, 77); /* EaSize */
	switch (class) {
	case FSCC_FILE_BOTH_DIRECTORY:
	case FSCC_FILE_ID_BOTH_DIRECTORY:
		g8(g, 4);
		g8(g, 0);
		gtext(g, "A~");
		gzero(g, 20);
		if (class == FSCC_FILE_ID_BOTH_DIRECTORY) {
			g16(g, 0);
			g64(g, 0x1122334455667788);
		}
		break;
	case FSCC_FILE_ID_FULL_DIRECTORY:
		g32(g, 0);
		g64(g, 0x1122334455667788);
		break;
	case FSCC_FILE_ID_EXTD_DIRECTORY:
	case FSCC_FILE_ID_EXTD_BOTH_DIRECTORY:
		g32(g, 0x55);
		g64(g, 0x1122334455667788);
		g64(g, 0);
		if (class == FSCC_FILE_ID_EXTD_BOTH_DIRECTORY) {
			g8(g, 4);
			g8(g, 0);
			gtext(g, "A~");
			gzero(g, 20);
		}
		break;
	}
	gtext(g, "a.b");
}

static const uint8_t dir_classes[] = {1, 2, 3, 12, 37, 38, 60, 63};

static void test_directory_entries_of_every_class(void **state)
{
	static const size_t fixed[] = {64, 68, 94, 12, 104, 80, 88, 114};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dir_classes); i++) {
		uint8_t class = dir_classes[i], out[400];
		size_t size = fixed[i] + 6, second = round_up(size, 8);
		struct fscc_list l = {.out = out, .cap = sizeof(out)};
		struct golden *g = golden_new();
		struct fscc_dir_entry e;
		struct slice list;
		bool bad;

		assert_true(fscc_dir_class_valid(class));
		assert_int_equal(fscc_dir_fixed_size(class), fixed[i]);
		dir_golden(g, class, (uint32_t)second);
		gzero(g, second - size);
		dir_golden(g, class, 0);
		list = gslice(g, 0);
		memset(out, 0xEE, sizeof(out));
		for (int n = 0; n < 2; n++) {
			assert_true(fscc_dir_entry_next(&list, class, &e, &bad));
			assert_text(e.name, "a.b");
			assert_int_equal(e.file_index, 9);
			if (class != FSCC_FILE_NAMES)
				assert_true(e.creation_time == 1 && e.end_of_file == 98 && e.allocation_size == 4096 && e.file_attributes == 0x20);
			if (class >= 37)
				assert_true(e.file_id == 0x1122334455667788);
			if (class == 3 || class == 37 || class == 63)
				assert_text(e.short_name, "A~");
			if (class >= 60)
				assert_int_equal(e.reparse_tag, 0x55);
			assert_true(fscc_dir_list_put(&l, class, &e));
		}
		assert_false(fscc_dir_entry_next(&list, class, &e, &bad));
		assert_false(bad);
		assert_int_equal(l.len, g->n);
		assert_memory_equal(out, g->b, g->n);
	}
	assert_false(fscc_dir_class_valid(4));
	assert_false(fscc_dir_class_valid(200));
}

static void test_a_directory_entry_that_does_not_fit_is_not_written(void **state)
{
	uint8_t out[256];
	struct fscc_list l = {.out = out, .cap = 64 + 6 + 2 + 64 + 5};
	struct golden *g = golden_new();
	struct fscc_dir_entry e = {0};

	(void)state;
	gtext(g, "a.b");
	e.name = gslice(g, 0);
	assert_int_equal(fscc_dir_entry_put(out, 70, 1, &e), 70);
	assert_int_equal(fscc_dir_entry_put(out, 69, 1, &e), 0);
	assert_int_equal(fscc_dir_entry_put(out, 3, 1, &e), 0);
	assert_int_equal(fscc_dir_entry_put(out, 200, 4, &e), 0);
	memset(out, 0xEE, sizeof(out));
	assert_true(fscc_dir_list_put(&l, 1, &e));
	assert_false(fscc_dir_list_put(&l, 1, &e));
	assert_int_equal(l.len, 70);
	assert_int_equal(load_le32(out), 0);
	assert_int_equal(out[70], 0xEE);
	l.cap++;
	assert_true(fscc_dir_list_put(&l, 1, &e));
	assert_int_equal(load_le32(out), 72);
	assert_int_equal(out[70] | out[71], 0);
}

static void test_reparse_tags_stand_where_ea_size_is(void **state)
{
	uint8_t out[256];
	struct fscc_dir_entry e = {.file_attributes = 0x420, .ea_size = 5, .reparse_tag = 0xA000000C, .name = {out, 0}}, back;
	struct slice list;
	bool bad;

	(void)state;
	list = slice_of(out, fscc_dir_entry_put(out, sizeof(out), FSCC_FILE_ID_BOTH_DIRECTORY, &e));
	assert_int_equal(load_le32(out + 64), 0xA000000C);
	assert_true(fscc_dir_entry_next(&list, FSCC_FILE_ID_BOTH_DIRECTORY, &back, &bad));
	assert_int_equal(back.reparse_tag, 0xA000000C);
	assert_int_equal(back.ea_size, 0);
	list = slice_of(out, fscc_dir_entry_put(out, sizeof(out), FSCC_FILE_ID_EXTD_DIRECTORY, &e));
	assert_true(fscc_dir_entry_next(&list, FSCC_FILE_ID_EXTD_DIRECTORY, &back, &bad));
	assert_int_equal(back.reparse_tag, 0xA000000C);
	assert_int_equal(back.ea_size, 5);
}

static void test_directory_lists_that_lie_are_refused(void **state)
{
	static const struct {
		uint8_t at, value;
	} lies[] = {
		{0, 4},     /* NextEntryOffset inside the entry */
		{0, 122},   /* not aligned */
		{0, 252},   /* to the end */
		{3, 0x80},  /* far away */
		{60, 5},    /* half a character */
		{60, 18},   /* a name that runs into the next entry */
		{63, 0x7F}, /* a huge name */
		{68, 26},   /* a long short name */
		{68, 3},    /* half a character of it */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		struct golden *g = golden_new();
		struct fscc_dir_entry e;
		struct slice list;
		bool bad = false;
		int n = 0;

		dir_golden(g, FSCC_FILE_ID_BOTH_DIRECTORY, 112);
		gzero(g, 2);
		dir_golden(g, FSCC_FILE_ID_BOTH_DIRECTORY, 0);
		g->b[lies[i].at] = lies[i].value;
		list = gslice(g, 0);
		while (fscc_dir_entry_next(&list, FSCC_FILE_ID_BOTH_DIRECTORY, &e, &bad))
			n++;
		if (!bad || n != 0)
			fail_msg("lie %zu was believed", i);
	}
}

static void test_list_entries_are_aligned_and_advance(void **state)
{
	uint8_t bytes[64] = {0};
	struct slice list, e;
	bool bad;

	(void)state;
	for (uint8_t next = 0; next < 64; next++) {
		bool right = next == 0 || (next % 8 == 0 && next >= 12 && next <= 64 - 12);

		bytes[0] = next;
		list = slice_of(bytes, sizeof(bytes));
		assert_int_equal(fscc_list_next(&list, 12, 8, &e, &bad), right);
		assert_int_equal(bad, !right);
		if (right)
			assert_true(e.len == (next ? next : 64) && list.len == 64 - e.len);
	}
	list = slice_of(bytes, 11);
	assert_false(fscc_list_next(&list, 12, 8, &e, &bad));
	assert_true(bad);
}

static void test_a_list_is_filled_to_its_last_byte(void **state)
{
	uint8_t out[32];
	struct fscc_list l = {.out = out, .cap = 32};

	(void)state;
	assert_non_null(fscc_list_add(&l, 16, 8));
	assert_non_null(fscc_list_add(&l, 16, 8));
	assert_null(fscc_list_add(&l, 1, 8));
	assert_int_equal(l.len, 32);
	assert_int_equal(load_le32(out), 16);
	assert_int_equal(load_le32(out + 16), 0);
}

static void test_stream_list(void **state)
{
	uint8_t out[128];
	struct fscc_list l = {.out = out, .cap = sizeof(out)};
	struct golden *g = golden_new();
	struct slice list;
	struct fscc_stream s;
	bool bad;

	(void)state;
	g32(g, 40);
	g32(g, 14);
	g64(g, 98);
	g64(g, 4096);
	gtext(g, "::$DATA");
	gzero(g, 2);
	g32(g, 0);
	g32(g, 18);
	g64(g, 1);
	g64(g, 8);
	gtext(g, ":xy:$DATA");
	list = gslice(g, 0);
	while (fscc_stream_next(&list, &s, &bad))
		assert_true(fscc_stream_put(&l, &s));
	assert_false(bad);
	assert_text(s.name, ":xy:$DATA");
	assert_true(s.size == 1 && s.allocation_size == 8);
	assert_int_equal(l.len, g->n);
	assert_memory_equal(out, g->b, g->n);
	assert_false(fscc_stream_put(&l, &(struct fscc_stream){.name = slice_of(out, 60)}));
	assert_int_equal(l.len, g->n);
}

static void test_extended_attribute_lists(void **state)
{
	uint8_t out[128];
	struct fscc_list l = {.out = out, .cap = sizeof(out)};
	struct fscc_ea e = {.name = slice_of("AB", 2), .value = slice_of("xyz", 3)};
	struct slice list, name;
	bool bad;

	(void)state;
	assert_true(fscc_ea_put(&l, &e));
	assert_true(fscc_ea_put(&l, &e));
	assert_int_equal(l.len, 16 + 14);
	assert_memory_equal(out, "\x10\0\0\0\0\2\3\0AB\0xyz\0\0\0\0\0\0\0\2\3\0AB\0xyz", 30);
	l = (struct fscc_list){.out = out, .cap = sizeof(out)};
	assert_true(fscc_get_ea_put(&l, slice_of("AB", 2)));
	assert_true(fscc_get_ea_put(&l, slice_of("C", 1)));
	assert_memory_equal(out, "\x08\0\0\0\2AB\0\0\0\0\0\1C\0", 15);
	assert_int_equal(l.len, 15);
	list = slice_of(out, l.len);
	assert_true(fscc_get_ea_next(&list, &name, &bad));
	assert_true(fscc_get_ea_next(&list, &name, &bad));
	assert_slice(name, "C", 1);
	assert_false(fscc_get_ea_next(&list, &name, &bad));
	assert_false(bad);
	assert_false(fscc_ea_put(&l, &(struct fscc_ea){.name = slice_of(out, 256)}));
}

static void test_notify_list(void **state)
{
	uint8_t out[64];
	struct fscc_list l = {.out = out, .cap = sizeof(out)};
	struct golden *g = golden_new();
	struct slice list;
	struct fscc_notify n;
	bool bad;

	(void)state;
	g32(g, 20);
	g32(g, FSCC_NOTIFY_RENAMED_OLD_NAME);
	g32(g, 6);
	gtext(g, "a.b");
	gzero(g, 2);
	g32(g, 0);
	g32(g, FSCC_NOTIFY_RENAMED_NEW_NAME);
	g32(g, 2);
	gtext(g, "c");
	list = gslice(g, 0);
	while (fscc_notify_next(&list, &n, &bad))
		assert_true(fscc_notify_put(&l, &n));
	assert_false(bad);
	assert_int_equal(n.action, FSCC_NOTIFY_RENAMED_NEW_NAME);
	assert_text(n.name, "c");
	assert_int_equal(l.len, g->n);
	assert_memory_equal(out, g->b, g->n);
	g->b[8] = 12;
	list = gslice(g, 0);
	assert_false(fscc_notify_next(&list, &n, &bad));
	assert_true(bad);
}

static void test_quota_lists(void **state)
{
	static const uint8_t sid[] = {1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0};
	uint8_t out[128];
	struct fscc_list l = {.out = out, .cap = sizeof(out)};
	struct fscc_quota q = {1, 2, 3, 4, {sid, sizeof(sid)}}, back;
	struct slice list, raw;
	bool bad;

	(void)state;
	assert_true(fscc_quota_put(&l, &q));
	assert_true(fscc_quota_put(&l, &q));
	assert_int_equal(l.len, 56 + 52);
	assert_int_equal(load_le32(out), 56);
	assert_int_equal(load_le32(out + 4), 12);
	assert_true(load_le64(out + 32) == 4);
	list = slice_of(out, l.len);
	assert_true(fscc_quota_next(&list, &back, &bad));
	assert_true(fscc_quota_next(&list, &back, &bad));
	assert_true(back.quota_used == 2 && back.quota_limit == 4);
	assert_slice(back.sid, sid, sizeof(sid));
	l = (struct fscc_list){.out = out, .cap = sizeof(out)};
	assert_true(fscc_get_quota_put(&l, q.sid));
	assert_true(fscc_get_quota_put(&l, q.sid));
	list = slice_of(out, l.len);
	assert_true(fscc_get_quota_next(&list, &raw, &bad));
	assert_true(fscc_get_quota_next(&list, &raw, &bad));
	assert_slice(raw, sid, sizeof(sid));
	assert_false(fscc_get_quota_next(&list, &raw, &bad));
	assert_false(bad);
}

/* Backs: A063. */
static void test_query_quota_takes_a_list_of_sids_or_a_first_one(void **state)
{
	struct golden *g = golden_new();
	struct fscc_query_quota m = {0};

	(void)state;
	g8(g, 1);
	g8(g, 0);
	g16(g, 0);
	g32(g, 8);           /* SidListLength */
	g32(g, 0);
	g32(g, 0);
	gfill(g, 8);
	g->b[12] = 8; /* where a start SID would be */
	CHECK_CODER(g, 0, fscc_query_quota_code, &m);
	assert_true(m.return_single && !m.restart_scan);
	assert_int_equal(m.sid_list.len, 8);
	store_le32(g->b + 4, 0);
	store_le32(g->b + 8, 8);
	store_le32(g->b + 12, 0);
	CHECK_CODER(g, 0, fscc_query_quota_code, &m);
	assert_int_equal(m.start_sid.len, 8);
	assert_int_equal(m.sid_list.len, 0);
	store_le32(g->b + 12, 1); /* leaves the buffer */
	CHECK_REFUSED(g, 0, fscc_query_quota_code, &m);
	store_le32(g->b + 12, 0);
	store_le32(g->b + 8, 9);
	CHECK_REFUSED(g, 0, fscc_query_quota_code, &m);
	store_le32(g->b + 8, 4); /* both at once */
	store_le32(g->b + 4, 4);
	store_le32(g->b + 12, 4);
	CHECK_REFUSED(g, 0, fscc_query_quota_code, &m);
	g = golden_new();
	gzero(g, 16); /* neither: all of them */
	CHECK_CODER(g, 0, fscc_query_quota_code, &m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_basic_and_standard_information),
		cmocka_unit_test(test_all_information),
		cmocka_unit_test(test_rename_and_link_information),
		cmocka_unit_test(test_small_classes),
		cmocka_unit_test(test_file_system_classes),
		cmocka_unit_test(test_classes_are_found_by_number_with_their_sizes),
		cmocka_unit_test(test_directory_entries_of_every_class),
		cmocka_unit_test(test_a_directory_entry_that_does_not_fit_is_not_written),
		cmocka_unit_test(test_reparse_tags_stand_where_ea_size_is),
		cmocka_unit_test(test_directory_lists_that_lie_are_refused),
		cmocka_unit_test(test_list_entries_are_aligned_and_advance),
		cmocka_unit_test(test_a_list_is_filled_to_its_last_byte),
		cmocka_unit_test(test_stream_list),
		cmocka_unit_test(test_extended_attribute_lists),
		cmocka_unit_test(test_notify_list),
		cmocka_unit_test(test_quota_lists),
		cmocka_unit_test(test_query_quota_takes_a_list_of_sids_or_a_first_one),
	};

	return cmocka_run_group_tests(tests, NULL, golden_teardown);
}

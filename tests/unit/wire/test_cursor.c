/* The cursor itself: every direction, and every way in which what a peer sends can be wrong. */
#include "golden.h"

static void test_an_error_sticks_and_yields_zeros(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3, 4, 5};
	struct wire w = wire_decoder(bytes, 0, sizeof(bytes), NULL);
	uint32_t a = 9, b = 9;
	uint8_t c = 9, array[3] = {9, 9, 9};
	struct slice s = {bytes, 5};
	struct guid g = {{9}};

	(void)state;
	wire_u32(&w, "a", &a);
	wire_u32(&w, "b", &b);
	wire_u8(&w, "c", &c); /* one byte is left, but the error came first */
	wire_bytes(&w, "array", array, sizeof(array));
	wire_guid(&w, "g", &g);
	wire_rest(&w, "s", &s);
	assert_int_equal(a, 0x04030201);
	assert_int_equal(b, 0);
	assert_int_equal(c, 0);
	assert_int_equal(array[0] | array[1] | array[2] | g.b[0], 0);
	assert_int_equal(s.len, 0);
	assert_int_equal(w.error.code, STATUS_INVALID_PARAMETER.code);
	assert_string_equal(w.where, "b");
	assert_int_equal(wire_left(&w), 0);
}

static void test_the_first_error_wins(void **state)
{
	struct wire w = wire_decoder("", 0, 0, NULL);

	(void)state;
	wire_fail(&w, STATUS_NO_MEMORY, "first");
	wire_fail(&w, STATUS_INVALID_PARAMETER, "second");
	assert_int_equal(w.error.code, STATUS_NO_MEMORY.code);
	assert_string_equal(w.where, "first");
}

static void test_a_window_that_starts_behind_its_end_is_an_error(void **state)
{
	uint8_t bytes[4] = {0};
	struct wire d = wire_decoder(bytes, 64, 4, NULL), e = wire_encoder(bytes, 64, 4);
	uint32_t v = 1;

	(void)state;
	wire_u32(&d, "v", &v);
	assert_int_equal(v, 0);
	assert_int_equal(d.error.code, STATUS_INVALID_PARAMETER.code);
	wire_u32(&e, "v", &v);
	assert_int_equal(e.error.code, STATUS_BUFFER_OVERFLOW.code);
}

static void test_integers_are_little_endian_but_where_named_big(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0x12, 0x34, 0x12, 0x34, 0x56, 0x78};
	uint8_t out[sizeof(bytes)];
	struct wire w = wire_decoder(bytes, 0, sizeof(bytes), NULL), e = wire_encoder(out, 0, sizeof(out));
	uint8_t v8;
	uint16_t v16, be16;
	uint32_t v32, be32;
	uint64_t v64;

	(void)state;
	for (struct wire *x = &w; x; x = x == &w ? &e : NULL) {
		wire_u8(x, "v8", &v8);
		wire_u16(x, "v16", &v16);
		wire_u32(x, "v32", &v32);
		wire_u64(x, "v64", &v64);
		wire_u16be(x, "be16", &be16);
		wire_u32be(x, "be32", &be32);
	}
	assert_int_equal(v8, 1);
	assert_int_equal(v16, 0x0302);
	assert_int_equal(v32, 0x07060504);
	assert_true(v64 == 0x0F0E0D0C0B0A0908);
	assert_int_equal(be16, 0x1234);
	assert_int_equal(be32, 0x12345678);
	assert_memory_equal(out, bytes, sizeof(bytes));
}

/* A message whose fixed part is Offset4 Length4 at pos 8, with a buffer of four bytes at 16. */
static bool buffer_is_taken(uint32_t offset, uint32_t length, struct slice *s)
{
	static uint8_t bytes[20] = {[16] = 'd', 'a', 't', 'a'};
	struct wire w = wire_decoder(bytes, 8, sizeof(bytes), NULL);
	struct wire_ref r = {0};

	store_le32(bytes + 8, offset);
	store_le32(bytes + 12, length);
	wire_ref_offset(&w, "Offset", &r, 4);
	wire_ref_length(&w, "Length", &r, 4);
	wire_buffer(&w, "Buffer", &r, 8, s);
	return wire_ok(&w);
}

static void test_a_buffer_lies_inside_the_window_and_behind_the_fixed_part(void **state)
{
	struct slice s;

	(void)state;
	assert_true(buffer_is_taken(16, 4, &s));
	assert_slice(s, "data", 4);
	assert_true(buffer_is_taken(18, 2, &s));
	assert_slice(s, "ta", 2);
	assert_true(buffer_is_taken(0, 0, &s)); /* no bytes: wherever it points */
	assert_true(buffer_is_taken(0xFFFFFFFF, 0, &s));
	assert_int_equal(s.len, 0);
	assert_non_null(s.data);
	assert_false(buffer_is_taken(15, 1, &s)); /* in the fixed part */
	assert_int_equal(s.len, 0);
	assert_false(buffer_is_taken(0, 4, &s));
	assert_false(buffer_is_taken(16, 5, &s)); /* past the end */
	assert_false(buffer_is_taken(20, 1, &s));
	assert_false(buffer_is_taken(21, 1, &s));
	assert_false(buffer_is_taken(17, 0xFFFFFFFF, &s)); /* sums that wrap */
	assert_false(buffer_is_taken(0xFFFFFFFF, 17, &s));
	assert_false(buffer_is_taken(0xFFFFFFF0, 0xFFFFFFF0, &s));
}

static void test_encoding_a_buffer_aligns_copies_and_fills_in_its_fields(void **state)
{
	uint8_t out[64];
	struct wire e = wire_encoder(out, 0, sizeof(out));
	struct wire_ref a = {0}, b = {0}, c = {0};
	struct slice text = slice_of("text", 4), none = slice_of(NULL, 0);

	(void)state;
	memset(out, 0xEE, sizeof(out));
	wire_ref_offset(&e, "a", &a, 2);
	wire_ref_length(&e, "a", &a, 1);
	wire_ref_offset(&e, "b", &b, 4);
	wire_ref_length(&e, "b", &b, 2);
	wire_ref_offset(&e, "c", &c, 2);
	wire_ref_length(&e, "c", &c, 2);
	wire_buffer(&e, "a", &a, 8, &text);
	wire_buffer(&e, "b", &b, 8, &none);
	wire_buffer_or_none(&e, "c", &c, 8, &none);
	assert_true(wire_ok(&e));
	assert_int_equal(e.pos, 20);
	assert_memory_equal(out, "\x10\0\4" "\x14\0\0\0\0\0" "\0\0\0\0" "\0\0\0" "text", 20);
}

static void test_a_buffer_elsewhere_is_left_to_the_caller(void **state)
{
	uint8_t out[64];
	struct wire e = wire_encoder(out, 0, sizeof(out));
	struct wire_ref r = {0};
	struct slice data = slice_of(NULL, 5000); /* only the length counts */

	(void)state;
	memset(out, 0xEE, sizeof(out));
	wire_ref_offset(&e, "Offset", &r, 1);
	wire_ref_length(&e, "Length", &r, 4);
	wire_buffer_elsewhere(&e, "Data", &r, 8, &data);
	assert_true(wire_ok(&e));
	assert_int_equal(e.pos, 8);
	assert_int_equal(e.tail.len, 5000);
	assert_memory_equal(out, "\x08\x88\x13\0\0\0\0\0\xEE", 9);
}

static void test_a_buffer_may_be_in_its_place_already(void **state)
{
	uint8_t out[32] = "12345678payload";
	struct wire e = wire_encoder(out, 0, sizeof(out));
	struct wire_ref r = {0};
	struct slice data = slice_of(out + 8, 7);

	(void)state;
	wire_ref_offset(&e, "Offset", &r, 4);
	wire_ref_length(&e, "Length", &r, 4);
	wire_buffer(&e, "Data", &r, 1, &data);
	assert_true(wire_ok(&e));
	assert_memory_equal(out + 8, "payload", 7);
}

static void test_a_length_that_its_field_cannot_hold_is_refused(void **state)
{
	static uint8_t big[70000], out[80000];
	struct wire e = wire_encoder(out, 0, sizeof(out));
	struct wire_ref r = {0};
	struct slice data = slice_of(big, sizeof(big));

	(void)state;
	wire_ref_offset(&e, "Offset", &r, 2);
	wire_ref_length(&e, "Length", &r, 2);
	wire_buffer(&e, "Data", &r, 1, &data);
	assert_int_equal(e.error.code, STATUS_INVALID_PARAMETER.code);
	e = wire_encoder(out, 0, sizeof(out));
	wire_length(&e, "Length", &data, 2);
	assert_int_equal(e.error.code, STATUS_INVALID_PARAMETER.code);
}

static void test_names_have_even_lengths(void **state)
{
	static const uint8_t bytes[] = {3, 0, 'a', 0, 'b', 0};
	struct wire w = wire_decoder(bytes, 0, sizeof(bytes), NULL);
	struct slice s;

	(void)state;
	wire_length(&w, "Length", &s, 2);
	wire_text(&w, "Name", &s);
	assert_int_equal(w.error.code, STATUS_INVALID_PARAMETER.code);
	assert_int_equal(s.len, 0);
}

static void test_counts_are_checked_before_memory_is_taken(void **state)
{
	static const uint8_t bytes[32] = {0};
	struct wire w = wire_decoder(bytes, 0, sizeof(bytes), &golden_arena);

	(void)state;
	assert_non_null(wire_array(&w, "ok", 2, 1000, 16, NULL));
	assert_null(wire_array(&w, "too many", 3, 1000, 16, NULL));
	assert_int_equal(w.error.code, STATUS_INVALID_PARAMETER.code);
	w = wire_decoder(bytes, 0, sizeof(bytes), &golden_arena);
	assert_null(wire_array(&w, "far too many", SIZE_MAX, 1000, 16, NULL));
	assert_int_equal(w.error.code, STATUS_INVALID_PARAMETER.code);
	w = wire_decoder(bytes, 0, sizeof(bytes), NULL);
	assert_null(wire_array(&w, "no arena", 1, 1000, 16, NULL));
	assert_int_equal(w.error.code, STATUS_NO_MEMORY.code);
}

static void test_an_arena_at_its_limit_is_no_memory(void **state)
{
	static uint8_t bytes[64 + 24 + 24 * 100];
	struct smb2_lock_req m = {0};
	struct arena a;
	struct wire w;

	(void)state;
	arena_init(&a, NULL, 0, 1000);
	store_le16(bytes + 64, 48);
	store_le16(bytes + 66, 100);
	w = wire_decoder(bytes, 64, sizeof(bytes), &a);
	smb2_lock_req_code(&w, &m);
	assert_int_equal(w.error.code, STATUS_NO_MEMORY.code);
	assert_int_equal(m.lock_count, 0);
	arena_reset(&a);
}

static void test_windows_only_shrink(void **state)
{
	static const uint8_t bytes[] = {0, 1, 2, 3, 4, 5, 6, 7};
	struct wire w = wire_decoder(bytes, 2, 6, NULL), in, out;
	uint8_t v = 0;

	(void)state;
	in = wire_window(&w, 3, 2);
	wire_u8(&in, "v", &v);
	assert_int_equal(v, 3);
	assert_int_equal(wire_left(&in), 1);
	in = wire_window_rebased(&w, 4, 2);
	assert_int_equal(in.pos, 0);
	wire_u8(&in, "v", &v);
	assert_int_equal(v, 4);
	in = wire_window(&w, 6, 0); /* nothing, at the very end */
	assert_true(wire_ok(&in));
	out = wire_window(&w, 5, 2);
	assert_false(wire_ok(&out));
	out = wire_window(&w, 7, 0);
	assert_false(wire_ok(&out));
	out = wire_window(&w, 3, SIZE_MAX);
	assert_false(wire_ok(&out));
	assert_true(wire_ok(&w));
	wire_adopt(&w, &in);
	assert_true(wire_ok(&w));
	wire_adopt(&w, &out);
	assert_int_equal(w.error.code, STATUS_INVALID_PARAMETER.code);
	in = wire_window(&w, 2, 1); /* of a cursor in error */
	assert_false(wire_ok(&in));
}

static void test_padding_counts_from_the_base_and_may_be_missing_at_the_end(void **state)
{
	static const uint8_t bytes[11] = {1};
	struct wire w = wire_decoder(bytes, 3, sizeof(bytes), NULL);

	(void)state;
	wire_align(&w, 8);
	assert_int_equal(w.pos, 8);
	wire_align(&w, 8);
	assert_int_equal(w.pos, 8);
	w.pos = 9;
	wire_align(&w, 8);
	assert_int_equal(w.pos, 11);
	assert_true(wire_ok(&w));
}

static void test_reserved_fields_are_zero_out_and_anything_in(void **state)
{
	uint8_t out[6] = {9, 9, 9, 9, 9, 9};
	struct wire e = wire_encoder(out, 0, sizeof(out)), w = wire_decoder("\xFF\xFF\xFF", 0, 3, NULL);

	(void)state;
	wire_reserved(&e, 6);
	assert_memory_equal(out, "\0\0\0\0\0\0", 6);
	wire_reserved(&w, 3);
	assert_true(wire_ok(&w));
	wire_reserved(&w, 1);
	assert_false(wire_ok(&w));
}

struct lines {
	char text[40][400];
	unsigned n;
};

static void keep_line(void *arg, const char *text)
{
	struct lines *l = arg;

	assert_true(l->n < ARRAY_LEN(l->text));
	memcpy(l->text[l->n++], text, strlen(text) + 1);
}

static void test_printing_gives_a_line_a_field(void **state)
{
	static struct lines l;
	struct wire_printer printer = {keep_line, &l, 1};
	struct wire w = wire_printer_of(NULL, &printer);
	struct smb2_create_req m = {.desired_access = 0x12019F, .create_disposition = 1};
	struct golden *g = golden_new();

	(void)state;
	gtext(g, "srv\nsvc");
	m.name = gslice(g, 0);
	smb2_create_req_code(&w, &m);
	assert_int_equal(l.n, 12);
	assert_string_equal(l.text[0], "  StructureSize: 0x0039 (57)");
	assert_string_equal(l.text[5], "  DesiredAccess: 0x0012019f (1180063)");
	assert_string_equal(l.text[8], "  CreateDisposition: 1");
	assert_string_equal(l.text[10], "  Name: \"srv?svc\"");
	assert_string_equal(l.text[11], "  CreateContexts: 0 bytes ");
}

static void test_printing_times_and_long_values_stays_on_one_line(void **state)
{
	static struct lines l;
	struct wire_printer printer = {keep_line, &l, 0};
	struct wire w = wire_printer_of(NULL, &printer);
	uint64_t time = 0x01C6A6C21CAE2680, never = 0;
	static uint8_t big[5000];
	struct slice s = slice_of(big, sizeof(big));

	(void)state;
	wire_time(&w, "SystemTime", &time);
	wire_time(&w, "Never", &never);
	wire_rest(&w, "Big", &s);
	wire_text(&w, "Name", &s);
	assert_string_equal(l.text[0], "SystemTime: 2006-07-13 21:20:06.1679232 UTC");
	assert_string_equal(l.text[1], "Never: 0");
	assert_non_null(strstr(l.text[2], "5000 bytes 0000"));
	assert_true(strlen(l.text[2]) < 200 && strlen(l.text[3]) < 200);
}

static void test_a_message_is_printed_whole(void **state)
{
	static struct lines l;
	struct wire_printer printer = {keep_line, &l, 0};
	struct golden *g = golden_new();

	(void)state;
	gheader(g, SMB2_CLOSE, 0xC0000128, SMB2_FLAGS_SERVER_TO_REDIR, 1, 7, 1, 9);
	ghex(g, "0900 0000 00000000 00");
	smb2_print(gslice(g, 0), &golden_arena, &printer);
	assert_string_equal(l.text[0], "CLOSE response: ");
	assert_string_equal(l.text[1], "  Status name: STATUS_FILE_CLOSED");
	assert_string_equal(l.text[l.n - 1], "  ErrorData: 0 bytes ");
	assert_int_equal(printer.depth, 0);
	g->b[64] = 8;
	l.n = 0;
	smb2_print(gslice(g, 0), &golden_arena, &printer);
	assert_string_equal(l.text[l.n - 1], "  malformed, field: StructureSize");
	g->b[0] = 0xFF;
	l.n = 0;
	smb2_print(gslice(g, 0), &golden_arena, &printer);
	assert_string_equal(l.text[0], "not an SMB2 message, field: ProtocolId");
}

static void test_generating_gives_the_same_value_for_the_same_seed(void **state)
{
	struct smb2_close_rsp a = {0}, b = {0}, c = {0};
	struct wire w = wire_generator(5, &golden_arena), x = wire_generator(5, &golden_arena), y = wire_generator(6, &golden_arena);

	(void)state;
	smb2_close_rsp_code(&w, &a);
	smb2_close_rsp_code(&x, &b);
	smb2_close_rsp_code(&y, &c);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_true(memcmp(&a, &c, sizeof(a)) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_error_sticks_and_yields_zeros),
		cmocka_unit_test(test_the_first_error_wins),
		cmocka_unit_test(test_a_window_that_starts_behind_its_end_is_an_error),
		cmocka_unit_test(test_integers_are_little_endian_but_where_named_big),
		cmocka_unit_test(test_a_buffer_lies_inside_the_window_and_behind_the_fixed_part),
		cmocka_unit_test(test_encoding_a_buffer_aligns_copies_and_fills_in_its_fields),
		cmocka_unit_test(test_a_buffer_elsewhere_is_left_to_the_caller),
		cmocka_unit_test(test_a_buffer_may_be_in_its_place_already),
		cmocka_unit_test(test_a_length_that_its_field_cannot_hold_is_refused),
		cmocka_unit_test(test_names_have_even_lengths),
		cmocka_unit_test(test_counts_are_checked_before_memory_is_taken),
		cmocka_unit_test(test_an_arena_at_its_limit_is_no_memory),
		cmocka_unit_test(test_windows_only_shrink),
		cmocka_unit_test(test_padding_counts_from_the_base_and_may_be_missing_at_the_end),
		cmocka_unit_test(test_reserved_fields_are_zero_out_and_anything_in),
		cmocka_unit_test(test_printing_gives_a_line_a_field),
		cmocka_unit_test(test_printing_times_and_long_values_stays_on_one_line),
		cmocka_unit_test(test_a_message_is_printed_whole),
		cmocka_unit_test(test_generating_gives_the_same_value_for_the_same_seed),
	};

	return cmocka_run_group_tests(tests, NULL, golden_teardown);
}

/* NetBIOS session packets in golden bytes: RFC 1002 4.3, and the names of RFC 1001 14.1 with the ways in which they can be wrong. */
#include "golden.h"

#include "wire/nbss.h"

#include <stdio.h>

/* "HYTHE" and 10 blanks, then the suffix 0x20, in letters. */
static const char hythe[] = "EIFJFEEIEFCACACACACACACACACACACA";

static void encoded_name(struct golden *g, const char *letters)
{
	g8(g, 32);
	gascii(g, letters);
	g8(g, 0);
}

static void test_header_layout_and_its_seventeenth_bit(void **state)
{
	struct golden *g = golden_new();
	struct nbss_header m = {0};

	(void)state;
	ghex(g, "00 00 12 34");
	CHECK_CODER(g, 0, nbss_header_code, &m);
	assert_int_equal(m.type, NBSS_SESSION_MESSAGE);
	assert_int_equal(m.length, 0x1234);

	g = golden_new();
	ghex(g, "81 01 FF FF");
	CHECK_CODER(g, 0, nbss_header_code, &m);
	assert_int_equal(m.type, NBSS_SESSION_REQUEST);
	assert_int_equal(m.length, NBSS_MAX_LENGTH);
}

static void test_headers_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = {"01 00 00 00", "80 00 00 00", "86 00 00 00", "FF 53 4D 42", "00 02 00 00", "00 80 00 00", "85 00 00"};
	struct nbss_header m;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct golden *g = golden_new();

		ghex(g, bad[i]);
		CHECK_REFUSED(g, 0, nbss_header_code, &m);
		assert_int_equal(m.length, 0);
	}
}

static void test_a_length_of_eighteen_bits_does_not_encode(void **state)
{
	struct nbss_header m = {.type = NBSS_SESSION_MESSAGE, .length = NBSS_MAX_LENGTH + 1};
	uint8_t out[8];
	struct wire w = wire_encoder(out, 0, sizeof(out));

	(void)state;
	nbss_header_code(&w, &m);
	assert_int_equal(w.error.code, STATUS_INVALID_PARAMETER.code);
}

static void test_session_request_layout(void **state)
{
	struct golden *g = golden_new();
	struct nbss_request m = {0};
	char text[NBSS_NAME_BYTES];
	struct nbss_name name;

	(void)state;
	encoded_name(g, hythe);
	encoded_name(g, "EDCACACACACACACACACACACACACACAAA"); /* "C", a workstation */
	assert_int_equal(g->n, NBSS_REQUEST_LENGTH);
	CHECK_CODER(g, 0, nbss_request_code, &m);
	assert_memory_equal(m.called.bytes, "HYTHE           ", 16);
	nbss_name_text(text, &m.calling);
	assert_string_equal(text, "C");
	assert_int_equal(m.calling.bytes[15], 0);

	name = nbss_name_of("hythe", 0x20);
	assert_memory_equal(name.bytes, m.called.bytes, 16);
	name = nbss_name_of("a name that is too long", 0x20);
	assert_memory_equal(name.bytes, "A NAME THAT IS  ", 16);
}

static void test_a_scope_is_skipped(void **state)
{
	struct golden *g = golden_new();
	struct nbss_name m = {0};
	struct wire w;

	(void)state;
	g8(g, 32);
	gascii(g, hythe);
	g8(g, 7);
	gascii(g, "NETBIOS");
	g8(g, 3);
	gascii(g, "COM");
	g8(g, 0);
	w = golden_decoder(g, 0);
	nbss_name_code(&w, &m);
	assert_true(wire_ok(&w));
	assert_int_equal(w.pos, g->n);
	assert_memory_equal(m.bytes, "HYTHE           ", 16);
}

static struct golden *name_of(unsigned len, const char *letters)
{
	struct golden *g = golden_new();

	g8(g, len);
	gascii(g, letters);
	return g;
}

static void test_hostile_names_are_refused(void **state)
{
	struct nbss_name m;
	struct golden *g;

	(void)state;
	CHECK_REFUSED(golden_new(), 0, nbss_name_code, &m);
	g = name_of(32, hythe); /* no end */
	CHECK_REFUSED(g, 0, nbss_name_code, &m);
	g = name_of(32, "EIFJ"); /* cut off */
	CHECK_REFUSED(g, 0, nbss_name_code, &m);
	g = name_of(31, hythe); /* another length */
	g8(g, 0);
	CHECK_REFUSED(g, 0, nbss_name_code, &m);
	g = name_of(33, hythe);
	g16(g, 0);
	CHECK_REFUSED(g, 0, nbss_name_code, &m);
	g = name_of(0, "");
	CHECK_REFUSED(g, 0, nbss_name_code, &m);
	g = name_of(32, "eifjfeeiefcacacacacacacacacacaca"); /* not the letters A to P */
	g8(g, 0);
	CHECK_REFUSED(g, 0, nbss_name_code, &m);
	g = name_of(32, "EIFJFEEIEFCACACACACACACACACACACQ");
	g8(g, 0);
	CHECK_REFUSED(g, 0, nbss_name_code, &m);
	g = name_of(0xC0, ""); /* a pointer, to itself */
	g8(g, 0);
	CHECK_REFUSED(g, 0, nbss_name_code, &m);
	g = name_of(32, hythe); /* a pointer in the scope */
	ghex(g, "C0 00 00");
	CHECK_REFUSED(g, 0, nbss_name_code, &m);
}

static void test_an_endless_scope_is_refused(void **state)
{
	struct golden *g = golden_new();
	struct nbss_name m;

	(void)state;
	g8(g, 32);
	gascii(g, hythe);
	for (size_t i = 0; i < 10; i++) { /* labels that each are legal, 640 bytes together */
		g8(g, 63);
		gfill(g, 63);
	}
	g8(g, 0);
	CHECK_REFUSED(g, 0, nbss_name_code, &m);
}

static void test_negative_and_retarget_layout(void **state)
{
	struct golden *g = golden_new();
	struct nbss_negative negative = {0};
	struct nbss_retarget retarget = {0};

	(void)state;
	g8(g, 0x82);
	CHECK_CODER(g, 0, nbss_negative_code, &negative);
	assert_int_equal(negative.error_code, NBSS_CALLED_NAME_NOT_PRESENT);
	assert_string_equal(nbss_error_name(0x80), "not listening on called name");
	assert_null(nbss_error_name(0x84));

	g = golden_new();
	ghex(g, "C0 00 02 07 01 BD");
	CHECK_CODER(g, 0, nbss_retarget_code, &retarget);
	assert_int_equal(retarget.ip_address[3], 7);
	assert_int_equal(retarget.port, 445);
}

static void collect(void *arg, const char *text)
{
	snprintf((char *)arg + strlen(arg), 1024 - strlen(arg), "%s\n", text);
}

static void test_packets_print(void **state)
{
	struct golden *g = golden_new();
	char text[1024] = "";
	struct wire_printer p = {collect, text, 0};

	(void)state;
	ghex(g, "81 00 00 44");
	encoded_name(g, hythe);
	encoded_name(g, "EDCACACACACACACACACACACACACACAAA");
	nbss_print(gslice(g, 0), &p);
	assert_non_null(strstr(text, "SESSION REQUEST"));
	assert_non_null(strstr(text, "HYTHE<20>"));
	assert_non_null(strstr(text, "C<00>"));

	text[0] = 0;
	g->n -= 10;
	nbss_print(gslice(g, 0), &p);
	assert_non_null(strstr(text, "malformed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_layout_and_its_seventeenth_bit),
		cmocka_unit_test(test_headers_that_are_none_are_refused),
		cmocka_unit_test(test_a_length_of_eighteen_bits_does_not_encode),
		cmocka_unit_test(test_session_request_layout),
		cmocka_unit_test(test_a_scope_is_skipped),
		cmocka_unit_test(test_hostile_names_are_refused),
		cmocka_unit_test(test_an_endless_scope_is_refused),
		cmocka_unit_test(test_negative_and_retarget_layout),
		cmocka_unit_test(test_packets_print),
	};

	return cmocka_run_group_tests(tests, NULL, golden_teardown);
}

/* Security descriptors: layout, and sizes, counts and offsets that lie. [MS-DTYP] 2.4. */
#include "golden.h"

#include "wire/secdesc.h"

#define SYSTEM_SID "01 01 000000000005 12000000"
#define ADMINS_SID "01 02 000000000005 20000000 20020000"

/* Owner SYSTEM, group Administrators, a DACL of two entries. */
static struct golden *descriptor(void)
{
	struct golden *g = golden_new();

	g8(g, 1);
	g8(g, 0);
	g16(g, 0x8404);      /* SELF_RELATIVE, DACL_AUTO_INHERITED, DACL_PRESENT */
	g32(g, 20);          /* owner */
	g32(g, 32);          /* group */
	g32(g, 0);           /* no SACL */
	g32(g, 48);          /* DACL */
	ghex(g, SYSTEM_SID);
	ghex(g, ADMINS_SID);
	g8(g, 2);            /* AclRevision, at 48 */
	g8(g, 0);
	g16(g, 8 + 20 + 24);
	g16(g, 2);
	g16(g, 0);
	g8(g, 0);            /* allowed, at 56 */
	g8(g, 3);
	g16(g, 20);
	g32(g, 0x001F01FF);
	ghex(g, SYSTEM_SID);
	g8(g, 1);            /* denied, at 76 */
	g8(g, 0x10);
	g16(g, 24);
	g32(g, 0x00000002);
	ghex(g, ADMINS_SID);
	return g;
}

static void test_descriptor_layout(void **state)
{
	struct golden *g = descriptor();
	struct secdesc m = {0};
	char text[SID_TEXT_CHARS];

	(void)state;
	CHECK_CODER(g, 0, secdesc_code, &m);
	assert_int_equal(secdesc_size(&m), g->n);
	assert_int_equal(m.control, 0x8404);
	sid_text(text, m.owner);
	assert_string_equal(text, "S-1-5-18");
	sid_text(text, m.group);
	assert_string_equal(text, "S-1-5-32-544");
	assert_null(m.sacl);
	assert_int_equal(m.dacl->ace_count, 2);
	assert_int_equal(m.dacl->aces[0].mask, 0x001F01FF);
	assert_int_equal(m.dacl->aces[0].flags, ACE_OBJECT_INHERIT | ACE_CONTAINER_INHERIT);
	assert_int_equal(m.dacl->aces[1].type, ACE_ACCESS_DENIED);
	assert_true(sid_equal(&m.dacl->aces[1].sid, m.group));
	assert_false(sid_equal(m.owner, m.group));
}

static void test_parts_may_stand_in_any_order(void **state)
{
	struct golden *g = golden_new();
	struct secdesc m = {0};
	struct wire w;

	(void)state;
	ghex(g, "01 00 0480 1C000000 1C000000 00000000 14000000"); /* DACL first; owner and group the same bytes */
	ghex(g, "02 00 0800 0000 0000");
	ghex(g, SYSTEM_SID);
	w = golden_decoder(g, 0);
	secdesc_code(&w, &m);
	assert_true(wire_ok(&w));
	assert_int_equal(m.dacl->ace_count, 0);
	assert_true(sid_equal(m.owner, m.group));
}

static void test_a_present_but_absent_acl_is_the_null_acl(void **state)
{
	struct golden *g = golden_new();
	struct secdesc m = {0};

	(void)state;
	ghex(g, "01 00 0480 00000000 00000000 00000000 00000000");
	CHECK_CODER(g, 0, secdesc_code, &m);
	assert_true(m.control & SD_DACL_PRESENT);
	assert_null(m.dacl);
	assert_null(m.owner);
	assert_int_equal(secdesc_size(&m), 20);
}

static void test_object_and_callback_entries_keep_all_they_have(void **state)
{
	struct golden *g = golden_new();
	struct secdesc m = {0};

	(void)state;
	ghex(g, "01 00 1080 00000000 00000000 14000000 00000000"); /* a SACL */
	ghex(g, "04 00 7000 0300 0000");
	ghex(g, "05 00 2800 01000000 01000000"); /* an object type */
	gfill(g, 16);
	ghex(g, SYSTEM_SID);
	ghex(g, "09 00 1800 02000000"); /* a condition behind the SID */
	ghex(g, SYSTEM_SID);
	gascii(g, "artx");
	ghex(g, "7F 00 2800"); /* a type we do not know */
	gfill(g, 36);
	CHECK_CODER(g, 0, secdesc_code, &m);
	assert_int_equal(secdesc_size(&m), g->n);
	assert_int_equal(m.sacl->aces[0].object_type.b[15], 16);
	assert_slice(m.sacl->aces[1].extra, "artx", 4);
	assert_int_equal(m.sacl->aces[2].extra.len, 36);
}

static void test_descriptors_that_lie_are_refused(void **state)
{
	static const struct {
		uint8_t at, value;
		const char *what;
	} lies[] = {
		{0, 2, "revision"}, {4, 19, "owner in the header"}, {4, 100, "owner past the end"}, {4, 96, "owner cut off"},
		{7, 0xFF, "owner far away"}, {8, 1, "group in the header"}, {16, 99, "DACL cut off"}, {16, 19, "DACL in the header"},
		{20, 2, "SID revision"}, {21, 16, "16 sub-authorities"}, {50, 7, "AclSize below its header"},
		{50, 53, "AclSize past the end"}, {50, 8, "AclSize without room for the entries"}, {52, 3, "AceCount"},
		{53, 0xFF, "a huge AceCount"}, {58, 3, "AceSize below its header"}, {58, 19, "AceSize cuts the SID"},
		{58, 48, "AceSize past the ACL"}, {65, 9, "a SID that leaves its entry"}, {78, 20, "AceSize cuts the second SID"},
	};
	struct secdesc m;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		struct golden *g = descriptor();
		struct wire w;

		g->b[lies[i].at] = lies[i].value;
		w = golden_decoder(g, 0);
		secdesc_code(&w, &m);
		if (!nt_is(w.error, STATUS_INVALID_PARAMETER))
			fail_msg("taken: %s", lies[i].what);
	}
	for (size_t n = 0; n < descriptor()->n; n++) {
		struct golden *g = descriptor();

		g->n = n;
		CHECK_REFUSED(g, 0, secdesc_code, &m);
	}
}

static void test_a_descriptor_needs_an_arena(void **state)
{
	struct golden *g = descriptor();
	struct wire w = wire_decoder(g->b, 0, g->n, NULL);
	struct secdesc m;

	(void)state;
	secdesc_code(&w, &m);
	assert_int_equal(w.error.code, STATUS_NO_MEMORY.code);
	assert_null(m.owner);
}

static void test_sids_as_text(void **state)
{
	static const char *const good[] = {"S-1-0-0", "S-1-1-0", "S-1-5-18", "S-1-5-32-544", "S-1-5-21-1-2-3-4294967295", "S-1-22-1-1000",
		"S-1-0x123456789ABC-1", "S-1-5", "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15"};
	static const char *const wrong[] = {"", "S-1", "S-1-", "S-2-5", "S-1-5-", "S-1-5-x", "S-1-5-4294967296", "S-1-5--1", "S-1-5- 1", "x",
		"S-1-5-1x", "S-1-0x1000000000000", "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16", "S-1-0x-1", "S-1-+5"};
	static const uint32_t subs[] = {32, 545};
	char text[SID_TEXT_CHARS];
	struct sid s, made = sid_make(5, 2, subs);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(sid_from_text(&s, good[i]));
		sid_text(text, &s);
		assert_string_equal(text, good[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		if (sid_from_text(&s, wrong[i]))
			fail_msg("taken: %s", wrong[i]);
	}
	sid_text(text, &made);
	assert_string_equal(text, "S-1-5-32-545");
	assert_int_equal(sid_size(&made), 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptor_layout),
		cmocka_unit_test(test_parts_may_stand_in_any_order),
		cmocka_unit_test(test_a_present_but_absent_acl_is_the_null_acl),
		cmocka_unit_test(test_object_and_callback_entries_keep_all_they_have),
		cmocka_unit_test(test_descriptors_that_lie_are_refused),
		cmocka_unit_test(test_a_descriptor_needs_an_arena),
		cmocka_unit_test(test_sids_as_text),
	};

	return cmocka_run_group_tests(tests, NULL, golden_teardown);
}

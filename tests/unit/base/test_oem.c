/* Code page 850 and UTF-16. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/oem.h"

static void test_every_byte_comes_back(void **state)
{
	struct slice wide, back;
	uint8_t all[256];
	struct arena a;
	bool exact;

	(void)state;
	arena_init(&a, NULL, 0, 0);
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)i;
	wide = oem_to_utf16_arena(&a, slice_of(all, sizeof(all)));
	assert_int_equal(wide.len, 512);
	assert_int_equal(load_le16(wide.data + 2 * 'A'), 'A');
	assert_int_equal(load_le16(wide.data + 2 * 0x84), 0x00E4); /* a with diaeresis */
	assert_int_equal(load_le16(wide.data + 2 * 0xE1), 0x00DF); /* sharp s */
	assert_int_equal(load_le16(wide.data + 2 * 0xDB), 0x2588); /* full block */
	back = oem_from_utf16_arena(&a, wide, &exact);
	assert_true(exact);
	assert_true(slice_equal(back, slice_of(all, sizeof(all))));
	arena_reset(&a);
}

static void test_what_it_does_not_have_is_marked(void **state)
{
	static const uint8_t euro[] = {'a', 0, 0xAC, 0x20, 'b', 0};
	struct slice out;
	struct arena a;
	bool exact;

	(void)state;
	arena_init(&a, NULL, 0, 0);
	out = oem_from_utf16_arena(&a, slice_of(euro, sizeof(euro)), &exact);
	assert_false(exact);
	assert_true(slice_equal(out, slice_of("a_b", 3)));
	out = oem_from_utf16_arena(&a, slice_of("", 0), &exact);
	assert_true(exact && out.data && out.len == 0);
	arena_reset(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte_comes_back),
		cmocka_unit_test(test_what_it_does_not_have_is_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Unit tests of src/base. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/filetime.h"
#include "base/guid.h"
#include "base/htab.h"
#include "base/list.h"
#include "base/log.h"
#include "base/random.h"
#include "base/utf16.h"

#include <stdlib.h>

static void test_arena_grows_and_aligns(void **state)
{
	uint8_t mem[100];
	struct arena a;

	(void)state;
	arena_init(&a, mem, sizeof(mem), 0);
	for (size_t n = 0; n < 5000; n += 37) {
		uint8_t *p = arena_alloc(&a, n);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		memset(p, 0xAB, n);
	}
	arena_reset(&a);
	assert_non_null(arena_alloc(&a, 3000000));
	arena_reset(&a);
}

static void test_arena_keeps_its_limit(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, NULL, 0, 10000);
	assert_non_null(arena_alloc(&a, 4000));
	assert_null(arena_alloc(&a, 20000));
	assert_null(arena_alloc(&a, SIZE_MAX - 5));
	arena_reset(&a);
	assert_non_null(arena_alloc(&a, 4000));
	arena_reset(&a);
}

struct item {
	struct htab_node node;
	int value;
};

static void count_item(struct htab_node *n, void *arg)
{
	int *sum = arg;

	*sum += CONTAINER_OF(n, struct item, node)->value;
}

static void test_htab_finds_what_was_inserted(void **state)
{
	struct item items[500];
	struct htab t = {0};
	int sum = 0;

	(void)state;
	assert_null(htab_find(&t, 5));
	for (int i = 0; i < 500; i++) {
		items[i].value = i;
		assert_true(htab_insert(&t, &items[i].node, hash_u64((uint64_t)i % 250)));
	}
	for (int i = 0; i < 250; i++) {
		int seen = 0;

		for (struct htab_node *n = htab_find(&t, hash_u64((uint64_t)i)); n; n = htab_find_next(n))
			seen++;
		assert_int_equal(seen, 2);
	}
	for (int i = 0; i < 500; i += 2)
		htab_remove(&t, &items[i].node);
	assert_int_equal(t.count, 250);
	htab_each(&t, count_item, &sum);
	assert_int_equal(sum, 250 * 250);
	htab_free(&t);
}

static void test_utf16_round_trips(void **state)
{
	static const char *const good[] = {"", "abc", "gr\xc3\xb6\xc3\x9f\x65", "\xe2\x82\xac", "\xf0\x9f\x98\x80x", "\xed\xa0\x80"};
	uint8_t wide[64];
	char back[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		size_t n = utf8_to_utf16(wide, sizeof(wide), good[i], strlen(good[i]));

		assert_int_not_equal(n, SIZE_MAX);
		assert_int_equal(utf16_to_utf8(back, sizeof(back), slice_of(wide, n)), strlen(good[i]));
		assert_string_equal(back, good[i]);
	}
}

static void test_utf8_refuses_what_is_not_utf8(void **state)
{
	static const char *const bad[] = {"\xc0\x80", "\x80", "\xe2\x82", "\xf5\x80\x80\x80", "\xf0\x80\x80\x80", "\xe0\x80\x80", "a\xff", "\xf4\x90\x80\x80"};
	uint8_t wide[64];
	char narrow[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(utf8_to_utf16(wide, sizeof(wide), bad[i], strlen(bad[i])), SIZE_MAX);
	assert_int_equal(utf8_to_utf16(wide, 4, "abc", 3), SIZE_MAX);
	assert_int_equal(utf16_to_utf8(narrow, 4, slice_of("a\0b\0c\0d\0", 8)), SIZE_MAX);
	assert_int_equal(utf16_to_utf8(narrow, 4, slice_of("a\0b", 3)), SIZE_MAX);
}

static void test_utf16_case(void **state)
{
	uint8_t a[32], b[32];
	size_t n = utf8_to_utf16(a, sizeof(a), "\xc3\xa4Rger \xce\xa9", 9);
	size_t m = utf8_to_utf16(b, sizeof(b), "\xc3\x84rGER \xcf\x89", 9);

	(void)state;
	assert_int_not_equal(n, SIZE_MAX);
	assert_int_not_equal(m, SIZE_MAX);
	assert_true(utf16_equal_nocase(slice_of(a, n), slice_of(b, m)));
	assert_int_equal(utf16_hash_nocase(slice_of(a, n)), utf16_hash_nocase(slice_of(b, m)));
	assert_true(utf16_compare_nocase(slice_of(a, n), slice_of(b, m - 2)) > 0);
	assert_int_equal(utf16_upcase(0xDF), 0xDF); /* sharp s has no single upper-case unit */
	assert_int_equal(utf16_downcase('Z'), 'z');
}

static void test_filetime(void **state)
{
	struct timespec ts = {1700000000, 123456789};

	(void)state;
	assert_int_equal(filetime_from_timespec((struct timespec){0, 0}), FILETIME_UNIX_EPOCH);
	assert_int_equal(filetime_from_timespec((struct timespec){-11644473601ll, 0}), 0);
	assert_int_equal(filetime_to_timespec(filetime_from_timespec(ts)).tv_sec, ts.tv_sec);
	assert_int_equal(filetime_to_timespec(filetime_from_timespec(ts)).tv_nsec, 123456700);
	assert_int_equal(filetime_to_timespec(0).tv_sec, -11644473600ll);
}

static void test_hex_and_guid(void **state)
{
	static const uint8_t wire[16] = {0x6E, 0xFF, 0x56, 0xCB, 0x15, 0xD8, 0xB6, 0x40, 0x8B, 0xE4, 0x85, 0xC6, 0x0B, 0x4D, 0x2E, 0xF6};
	struct guid g, other = guid_random();
	char text[37], hex[33];

	(void)state;
	assert_true(bytes_from_hex(g.b, 16, "6eff56CB15D8B6408BE485C60B4D2EF6"));
	assert_memory_equal(g.b, wire, 16);
	guid_text(text, &g);
	assert_string_equal(text, "cb56ff6e-d815-40b6-8be4-85c60b4d2ef6");
	bytes_to_hex(hex, wire, 16);
	assert_string_equal(hex, "6eff56cb15d8b6408be485c60b4d2ef6");
	assert_false(bytes_from_hex(g.b, 2, "12z4"));
	assert_false(bytes_from_hex(g.b, 2, "123"));
	assert_int_equal(other.b[7] >> 4, 4);
	assert_false(guid_equal(&g, &other));
}

static void test_buf_pool(void **state)
{
	struct buf *b[100];

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		b[i] = buf_get(i * 1000);
		assert_non_null(b[i]);
		assert_true(b[i]->cap >= i * 1000);
		assert_int_equal((uintptr_t)b[i]->data % 64, 0);
		memset(b[i]->data, 1, b[i]->cap);
	}
	buf_put(buf_ref(b[0]));
	for (size_t i = 0; i < 100; i++)
		buf_put(b[i]);
	b[0] = buf_get(20000000);
	assert_non_null(b[0]);
	buf_put(b[0]);
	buf_put(NULL);
	buf_pool_trim();
}

static void test_status_names(void **state)
{
	enum log_level level;

	(void)state;
	assert_string_equal(hythe_status_name(STATUS_ACCESS_DENIED), "STATUS_ACCESS_DENIED");
	assert_string_equal(hythe_status_name((ntstatus){0xC0FFEE00}), "0xC0FFEE00");
	assert_string_equal(hythe_status_text(STATUS_DISK_FULL), "the disk is full");
	assert_true(nt_error(STATUS_ACCESS_DENIED));
	assert_false(nt_error(STATUS_BUFFER_OVERFLOW));
	assert_true(log_level_parse("debug", &level));
	assert_false(log_level_parse("loud", &level));
}

static void test_random_and_clock(void **state)
{
	uint8_t a[300], b[300];
	struct clock_virtual v;

	(void)state;
	random_seed_for_tests(7);
	random_bytes(a, sizeof(a));
	random_seed_for_tests(7);
	random_bytes(b, sizeof(b));
	assert_memory_equal(a, b, sizeof(a));
	random_seed_for_tests(0);
	random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_int_not_equal(random_u64(), random_u64());
	clock_virtual_init(&v);
	v.now_ms = 5;
	assert_int_equal(clock_ms(&v.clock), 5);
	assert_int_equal(clock_filetime(&v.clock), v.start_filetime + 50000);
	assert_true(clock_filetime(&clock_system) > FILETIME_UNIX_EPOCH);
}

static void test_list(void **state)
{
	struct list_node l, n[3];
	int seen = 0;

	(void)state;
	list_init(&l);
	assert_true(list_empty(&l));
	for (int i = 0; i < 3; i++)
		list_append(&l, &n[i]);
	list_for_each_safe(p, &l) {
		assert_ptr_equal(p, &n[seen++]);
		list_remove(p);
		assert_true(list_unlinked(p));
	}
	assert_int_equal(seen, 3);
	assert_true(list_empty(&l));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arena_grows_and_aligns),
		cmocka_unit_test(test_arena_keeps_its_limit),
		cmocka_unit_test(test_htab_finds_what_was_inserted),
		cmocka_unit_test(test_utf16_round_trips),
		cmocka_unit_test(test_utf8_refuses_what_is_not_utf8),
		cmocka_unit_test(test_utf16_case),
		cmocka_unit_test(test_filetime),
		cmocka_unit_test(test_hex_and_guid),
		cmocka_unit_test(test_buf_pool),
		cmocka_unit_test(test_status_names),
		cmocka_unit_test(test_random_and_clock),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

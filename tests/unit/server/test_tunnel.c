/* Tunneling: the long name of a file that has gone comes back with its short one, for fifteen seconds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/utf16.h"
#include "server/tunnel.h"
#include "vfs/vfs.h"

#include <stdio.h>

static struct arena a;

static struct slice wide(const char *s)
{
	uint8_t *p = arena_alloc(&a, 2 * strlen(s) + 2);

	return slice_of(p, utf8_to_utf16(p, 2 * strlen(s), s, strlen(s)));
}

/* The directory of a path and the short name of the rest. */
static struct slice short_path(const char *dir, const char *name)
{
	struct slice d = wide(dir), n = wide(name);
	uint8_t *p = arena_alloc(&a, d.len + VFS_SHORT_NAME_BYTES);

	memcpy(p, d.data, d.len);
	return slice_of(p, d.len + vfs_short_name(p + d.len, n));
}

static void test_the_long_name_comes_back(void **state)
{
	struct srv_tunnel *t = srv_tunnel_new();
	struct slice gone, alias, elsewhere;

	(void)state;
	arena_init(&a, NULL, 0, 0);
	gone = wide("dir\\A long name.text");
	alias = short_path("DIR\\", "A long name.text");
	elsewhere = short_path("", "A long name.text");
	assert_true(slice_equal(srv_tunnel_find(t, alias, 1000, &a), alias));
	srv_tunnel_gone(t, gone, 1000);
	assert_true(slice_equal(srv_tunnel_find(t, alias, 1000, &a), gone));
	assert_true(slice_equal(srv_tunnel_find(t, alias, 15999, &a), gone));
	assert_true(slice_equal(srv_tunnel_find(t, alias, 16000, &a), alias));
	assert_true(slice_equal(srv_tunnel_find(t, elsewhere, 1000, &a), elsewhere));
	/* The long name itself is no short one, and short names need no other. */
	assert_true(slice_equal(srv_tunnel_find(t, gone, 1000, &a), gone));
	srv_tunnel_gone(t, wide("dir\\short"), 1000);
	assert_true(slice_equal(srv_tunnel_find(t, wide("dir\\short"), 1000, &a), wide("dir\\short")));
	arena_reset(&a);
	srv_tunnel_free(t);
}

static void test_it_remembers_the_last_ones(void **state)
{
	struct srv_tunnel *t = srv_tunnel_new();
	char name[32];

	(void)state;
	arena_init(&a, NULL, 0, 0);
	for (int i = 0; i < 33; i++) {
		(void)snprintf(name, sizeof(name), "A long name %d", i);
		srv_tunnel_gone(t, wide(name), 0);
	}
	assert_true(slice_equal(srv_tunnel_find(t, short_path("", "A long name 0"), 1, &a), short_path("", "A long name 0")));
	assert_true(slice_equal(srv_tunnel_find(t, short_path("", "A long name 1"), 1, &a), wide("A long name 1")));
	assert_true(slice_equal(srv_tunnel_find(t, short_path("", "A long name 32"), 1, &a), wide("A long name 32")));
	srv_tunnel_gone(NULL, wide("x"), 0);
	arena_reset(&a);
	srv_tunnel_free(t);
	srv_tunnel_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_long_name_comes_back),
		cmocka_unit_test(test_it_remembers_the_last_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

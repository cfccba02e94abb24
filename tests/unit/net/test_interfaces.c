/* The addresses of this machine, and where listeners and connections are. */
#include "util.h"

#include <net/if.h>
#include <string.h>

enum { MOST = 256 };

static struct net_interface all[MOST];

static const struct net_interface *find(size_t n, enum net_family family, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < n; i++) {
		if (all[i].address.family == family && memcmp(all[i].address.bytes, bytes, len) == 0)
			return &all[i];
	}
	return NULL;
}

static void test_the_loopback_interface_is_there(void **state)
{
	static const uint8_t here[4] = {127, 0, 0, 1};
	size_t n = net_interfaces(all, MOST);
	const struct net_interface *lo = find(n, NET_IPV4, here, 4);

	(void)state;
	assert_non_null(lo);
	assert_int_equal(lo->index, if_nametoindex("lo"));
	assert_true(lo->bits_a_second > 0 && !lo->many_queues);
	assert_true(net_address_is_loopback(&lo->address) && !net_address_is_any(&lo->address));
	for (size_t i = 0; i < n; i++) {
		const struct net_address *a = &all[i].address;

		assert_true(all[i].index != 0 && (a->family == NET_IPV4 || a->family == NET_IPV6));
		assert_false(a->family == NET_IPV6 && a->bytes[0] == 0xFE && a->bytes[1] == 0x80);
		for (size_t k = a->family == NET_IPV4 ? 4 : 16; k < 16; k++)
			assert_int_equal(a->bytes[k], 0);
	}
	/* No more than there is room for. */
	assert_int_equal(net_interfaces(all, 1), 1);
	assert_int_equal(net_interfaces(all, 0), 0);
}

static void test_what_kind_of_address_it_is(void **state)
{
	static const struct {
		struct net_address address;
		bool any, loopback;
	} cases[] = {
		{{NET_IPV4, {0}}, true, false}, {{NET_IPV6, {0}}, true, false}, {{NET_IPV4, {127, 3, 2, 1}}, false, true},
		{{NET_IPV6, {[15] = 1}}, false, true}, {{NET_IPV4, {192, 0, 2, 1}}, false, false}, {{NET_IPV6, {127}}, false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(net_address_is_any(&cases[i].address), cases[i].any);
		assert_int_equal(net_address_is_loopback(&cases[i].address), cases[i].loopback);
	}
}

static void never(void *arg, struct net_conn *c)
{
	(void)arg;
	(void)c;
}

static void test_where_a_listener_is(void **state)
{
	struct net_pool_config cfg = {.threads = 0};
	struct net_pool *p = net_pool_new(&cfg);
	struct net_listener *l;
	struct net_address a;
	char why[256];

	(void)state;
	assert_non_null(p);
	l = net_listen(p, "127.0.0.1:0", never, NULL, why);
	assert_non_null(l);
	net_listener_address(l, &a);
	assert_int_equal(a.family, NET_IPV4);
	assert_true(net_address_is_loopback(&a));
	net_listener_close(l);
	l = net_listen(p, ":0", never, NULL, why);
	assert_non_null(l);
	net_listener_address(l, &a);
	assert_true(a.family != NET_NO_FAMILY && net_address_is_any(&a));
	net_listener_close(l);
	net_pool_free(p);
}

static void test_a_connection_in_memory_is_nowhere(void **state)
{
	struct net_pool_config cfg = {.threads = 0};
	struct net_pool *p = net_pool_new(&cfg);
	struct net_mem_faults faults = {0};
	struct net_conn *one, *two;
	struct net_address a;

	(void)state;
	assert_non_null(p);
	net_mem_pair(p, &faults, &one, &two);
	assert_false(net_conn_local_address(one, &a));
	assert_int_equal(a.family, NET_NO_FAMILY);
	net_conn_close(one, false);
	net_conn_close(two, false);
	net_conn_put(one);
	net_conn_put(two);
	net_pool_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_loopback_interface_is_there),
		cmocka_unit_test(test_what_kind_of_address_it_is),
		cmocka_unit_test(test_where_a_listener_is),
		cmocka_unit_test(test_a_connection_in_memory_is_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The network interfaces of this machine, for whoever wants to tell others by which addresses it can be reached. */
#include "net/internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH_BYTES = 64 + IF_NAMESIZE };

/* Where nobody says how fast an interface is, as with virtual ones. */
#define ANY_SPEED 1000000000u

static bool address_of(const struct sockaddr *sa, struct net_address *a)
{
	*a = (struct net_address){0};
	if (!sa)
		return false;
	if (sa->sa_family == AF_INET) {
		a->family = NET_IPV4;
		memcpy(a->bytes, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		const struct in6_addr *in6 = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;

		/* What is mapped is IPv4's in truth. */
		a->family = IN6_IS_ADDR_V4MAPPED(in6) ? NET_IPV4 : NET_IPV6;
		if (a->family == NET_IPV4)
			memcpy(a->bytes, in6->s6_addr + 12, 4);
		else
			memcpy(a->bytes, in6, 16);
	}
	return a->family != 0;
}

bool net_address_is_any(const struct net_address *a)
{
	static const uint8_t zero[16];

	return memcmp(a->bytes, zero, sizeof(zero)) == 0;
}

bool net_address_is_loopback(const struct net_address *a)
{
	return a->family == NET_IPV4 ? a->bytes[0] == 127 : a->family == NET_IPV6 && IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)(const void *)a->bytes);
}

bool net_conn_local_address(const struct net_conn *c, struct net_address *a)
{
	return address_of(&c->local.sa, a);
}

bool net_conn_within_machine(const struct net_conn *c)
{
	struct net_address local, peer;

	if (!address_of(&c->local.sa, &local) || !address_of(&c->peer.sa, &peer))
		return false;
	return net_address_is_loopback(&peer) || (local.family == peer.family && memcmp(local.bytes, peer.bytes, sizeof(local.bytes)) == 0);
}

static uint64_t speed_of(const char *name)
{
	char path[PATH_BYTES], text[32];
	ssize_t n = -1;
	long mbits;
	int fd;

	snprintf(path, sizeof(path), "/sys/class/net/%s/speed", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (n <= 0)
		return ANY_SPEED;
	text[n] = 0;
	mbits = strtol(text, NULL, 10);
	return mbits > 0 ? (uint64_t)mbits * 1000000 : ANY_SPEED;
}

/* Whether what comes in is spread over several queues, so that more connections are more than one. */
static bool has_queues(const char *name)
{
	char path[PATH_BYTES];
	unsigned queues = 0;
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/sys/class/net/%s/queues", name);
	d = opendir(path);
	if (!d)
		return false;
	while ((e = readdir(d)) != NULL)
		queues += strncmp(e->d_name, "rx-", 3) == 0;
	closedir(d);
	return queues > 1;
}

/* An address that is good on one link only is of no use without that link's name, which differs from machine to machine. */
static bool is_link_local(const struct net_address *a)
{
	return a->family == NET_IPV6 && a->bytes[0] == 0xFE && (a->bytes[1] & 0xC0) == 0x80;
}

size_t net_interfaces(struct net_interface *out, size_t most)
{
	struct ifaddrs *list;
	size_t n = 0;

	if (getifaddrs(&list) != 0)
		return 0;
	for (const struct ifaddrs *i = list; i && n < most; i = i->ifa_next) {
		struct net_interface *one = &out[n];

		if ((i->ifa_flags & IFF_UP) == 0 || !address_of(i->ifa_addr, &one->address) || is_link_local(&one->address))
			continue;
		one->index = if_nametoindex(i->ifa_name);
		one->bits_a_second = speed_of(i->ifa_name);
		one->many_queues = has_queues(i->ifa_name);
		n++;
	}
	freeifaddrs(list);
	return n;
}

void net_listener_address(const struct net_listener *l, struct net_address *a)
{
	union net_addr bound = {0};

	net_listener_bound(l, &bound);
	if (!address_of(&bound.sa, a))
		a->family = NET_IPV6;
}

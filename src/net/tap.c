/* See tap.h. */
#include "net/tap.h"

#include "base/filetime.h"

#include <stdlib.h>

enum { PREFIX = 4, NAME_BYTES = 80 };

static size_t size_of(const struct iovec *parts, size_t n)
{
	size_t size = 0;

	for (size_t i = 0; i < n; i++)
		size += parts[i].iov_len;
	return size;
}

/* The parts behind `room` bytes. */
static uint8_t *gather(const struct iovec *parts, size_t n, size_t room)
{
	uint8_t *all = malloc(room + size_of(parts, n) + 1), *at = all ? all + room : NULL;

	for (size_t i = 0; all && i < n; i++) {
		if (parts[i].iov_len > 0)
			memcpy(at, parts[i].iov_base, parts[i].iov_len);
		at += parts[i].iov_len;
	}
	return all;
}

struct slice net_tap_keep(const struct iovec *parts, size_t n)
{
	uint8_t *all = gather(parts, n, 0);

	return slice_of(all, all ? size_of(parts, n) : 0);
}

void net_tap_drop(struct slice kept)
{
	if (kept.data)
		bytes_wipe((void *)(uintptr_t)kept.data, kept.len);
	free((void *)(uintptr_t)kept.data);
}

uint64_t net_tap_now_ns(void)
{
	return (clock_filetime(&clock_system) - FILETIME_UNIX_EPOCH) * 100;
}

void net_tap_tell_packet(const struct net_tap *t, struct net_conn *c, bool received, uint64_t time_ns, const uint8_t *packet, size_t n)
{
	char local[NAME_BYTES] = "", peer[NAME_BYTES] = "";
	struct hythe_tap_frame f = {.time_ns = time_ns, .connection = net_conn_serial(c), .local = local, .peer = peer, .received = received, .raw = packet,
		.raw_len = n};

	net_conn_local(c, local, sizeof(local));
	net_conn_peer(c, peer, sizeof(peer));
	t->fn(t->arg, &f);
}

void net_tap_tell(const struct net_tap *t, struct net_conn *c, bool received, const struct iovec *raw, size_t n, const struct slice *plain)
{
	char local[NAME_BYTES] = "", peer[NAME_BYTES] = "";
	size_t len = size_of(raw, n);
	uint8_t *frame = gather(raw, n, PREFIX);
	struct hythe_tap_frame f = {.connection = net_conn_serial(c), .local = local, .peer = peer, .received = received, .raw = frame, .raw_len = PREFIX + len};

	if (!frame)
		return;
	store_be32(frame, (uint32_t)len);
	net_conn_local(c, local, sizeof(local));
	net_conn_peer(c, peer, sizeof(peer));
	f.time_ns = net_tap_now_ns();
	f.plain = plain ? plain->data : frame + PREFIX;
	f.plain_len = plain ? plain->len : len;
	t->fn(t->arg, &f);
	free(frame);
}

/* Telling a tap (hythe/tap.h) of a frame. Client and server look at `fn` before anything else, so that without a tap there is no cost.
 * Sealing and unsealing work in place: what they are about to change is kept with net_tap_keep before. */
#ifndef NET_TAP_H
#define NET_TAP_H

#include "net/net.h"

#include <hythe/tap.h>
#include <sys/uio.h>

struct net_tap {
	hythe_tap_fn *fn; /* NULL: none */
	void *arg;
};

/* A copy of the parts in one piece; empty: out of memory. To be freed by net_tap_drop. */
struct slice net_tap_keep(const struct iovec *parts, size_t n);
void net_tap_drop(struct slice kept);
/* raw: the frame without its four bytes of length. plain NULL: the frame is not sealed; an empty one: it cannot be read. A frame that cannot be
 * copied, for want of memory, is not told of. */
void net_tap_tell(const struct net_tap *t, struct net_conn *c, bool received, const struct iovec *raw, size_t n, const struct slice *plain);
/* A packet of a NetBIOS session that is no frame, with its header. */
void net_tap_tell_packet(const struct net_tap *t, struct net_conn *c, bool received, uint64_t time_ns, const uint8_t *packet, size_t n);
uint64_t net_tap_now_ns(void);

#endif

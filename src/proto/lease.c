/* The epoch logic of a client's leases, see lease.h. */
#include "proto/lease.h"

enum verdict { STALE, SAME, INVALID, UPGRADE, PURGE };

/* 3.2.5.7.5: the later of two epochs is at most half a turn ahead. */
static int delta(uint16_t now, uint16_t before)
{
	uint16_t d = (uint16_t)(now - before);

	return d <= INT16_MAX ? d : (int)d - 65536;
}

/* The table of 3.2.5.7.5. Cells that it lacks, and those of the state RW, by inventory G069: what a newer epoch takes away is gone, and a
 * state that changes without a newer epoch cannot be. */
static enum verdict judge(uint32_t held, uint32_t to, int d)
{
	enum { R = PROTO_CACHE_READ, RH = R | PROTO_CACHE_HANDLE, RWH = PROTO_CACHE_ALL };
	bool lost = held & ~to;

	if (d < 0)
		return STALE;
	if (d == 0)
		return held == to ? SAME : INVALID;
	if (held == 0)
		return UPGRADE;
	/* A CREATE never takes a lease down a step: breaks do. */
	if ((held == RWH && to != 0) || (held == RH && to == R))
		return INVALID;
	return !lost && held != to && d == 1 ? UPGRADE : PURGE;
}

static enum proto_lease_news take(struct proto_lease *l, uint32_t state, uint16_t epoch, bool purge)
{
	l->state = state & l->asked;
	l->epoch = epoch;
	l->known = true;
	l->broken = false;
	return purge ? PROTO_LEASE_PURGE : PROTO_LEASE_TAKEN;
}

/* [MS-SMB2] 3.2.5.7.4 */
enum proto_lease_news proto_lease_granted_v1(struct proto_lease *l, uint32_t state)
{
	l->epochs = false;
	return take(l, state, 0, false);
}

/* [MS-SMB2] 3.2.5.7.5 */
enum proto_lease_news proto_lease_granted_v2(struct proto_lease *l, uint32_t state, uint16_t epoch)
{
	int d = delta(epoch, l->epoch);

	l->epochs = true;
	/* The first thing that is heard of a lease cannot be older than another. */
	if (!l->known)
		return take(l, state, epoch, false);
	switch (judge(l->state, state, d)) {
	case UPGRADE: return take(l, state, epoch, false);
	case PURGE:   return take(l, state, epoch, true);
	case INVALID:
		/* Not believed, but for a newer message's word that something is gone: caching on would be the graver error. */
		if (d > 0)
			l->state &= state;
		return PROTO_LEASE_NOTHING;
	case STALE:
	case SAME: break;
	}
	return PROTO_LEASE_NOTHING;
}

/* [MS-SMB2] 3.2.5.19.2 */
enum proto_lease_news proto_lease_break(struct proto_lease *l, uint32_t state, uint16_t epoch)
{
	/* Before the first CREATE response has come there is no telling the version; 1 sends epoch 0 (2.2.23.2). */
	bool epochs = l->known ? l->epochs : epoch != 0;
	int d = delta(epoch, l->epoch);
	enum proto_lease_news news;

	if (epochs && l->known) {
		if (d < 0 || (d == 0 && l->broken))
			return PROTO_LEASE_NOTHING;
		/* A CREATE response that was sent after this break has told its epoch already. */
		if (d == 0)
			state &= l->state;
	}
	news = take(l, state, epoch, epochs && l->known && (state & l->asked) == l->state && d > 1);
	l->epochs = epochs;
	l->broken = true;
	return news;
}

/* A client's view of one lease: which of the states that the server told is the newest, and what it makes of the caches.
 * [MS-SMB2] 3.2.1.5, 3.2.5.7.4, 3.2.5.7.5, 3.2.5.19.2. CREATE responses and breaks travel over several connections and are worked on by
 * several threads, so that an older message may be seen last; the epoch tells, by 16-bit serial arithmetic (inventory G070). The caller
 * locks. */
#ifndef PROTO_LEASE_H
#define PROTO_LEASE_H

#include "base/bytes.h"

/* 2.2.13.2.8 */
enum { PROTO_CACHE_READ = 1, PROTO_CACHE_HANDLE = 2, PROTO_CACHE_WRITE = 4, PROTO_CACHE_ALL = 7 };

struct proto_lease {
	uint32_t asked; /* every bit that an open has asked for; what is told beyond is not believed */
	uint32_t state;
	uint16_t epoch;
	bool known;     /* the server has told something */
	bool epochs;    /* and its messages count (version 2) */
	bool broken;    /* the epoch is that of a break */
};

enum proto_lease_news {
	PROTO_LEASE_NOTHING, /* stale, a repetition, or not to be believed */
	PROTO_LEASE_TAKEN,   /* state and epoch are those of the message */
	PROTO_LEASE_PURGE    /* the same, and somebody may have changed what is cached */
};

/* A CREATE response, version 1 or 2. */
enum proto_lease_news proto_lease_granted_v1(struct proto_lease *l, uint32_t state);
enum proto_lease_news proto_lease_granted_v2(struct proto_lease *l, uint32_t state, uint16_t epoch);
/* A break notification. NOTHING: it asks for no acknowledgment either. */
enum proto_lease_news proto_lease_break(struct proto_lease *l, uint32_t state, uint16_t epoch);

#endif

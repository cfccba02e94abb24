/* ChannelSequence, see sequence.h. Sequence and both counts lie in one word, so that requests of different channels need no lock for them. */
#include "server/sequence.h"

#include "proto/proto.h"
#include "server/open.h"

#include <stdatomic.h>

/* 16 bits of ChannelSequence, above them 24 of OutstandingPreRequestCount, above them as many of OutstandingRequestCount. Credits bound both. */
enum { PRE_AT = 16, NOW_AT = 40, COUNT_MASK = 0xFFFFFF, NEWER_MOST = 0x7FFF };
#define ONE_PRE ((uint64_t)1 << PRE_AT)
#define ONE_NOW ((uint64_t)1 << NOW_AT)

static uint16_t sequence_of(const struct srv_request *r)
{
	return (uint16_t)r->header.status;
}

/* What these would do cannot be taken back. */
static bool must_not_be_stale(const struct srv_request *r)
{
	return r->header.command == SMB2_WRITE || r->header.command == SMB2_SET_INFO || r->header.command == SMB2_IOCTL;
}

/* The state with one more request of that sequence; as it was: the request comes out of turn. */
static uint64_t counted(uint64_t state, uint16_t sequence, bool replay)
{
	uint16_t ahead = (uint16_t)(sequence - (uint16_t)state);
	uint64_t pre = state >> PRE_AT & COUNT_MASK, now = state >> NOW_AT;

	if (ahead > NEWER_MOST || (replay && pre > 0))
		return state;
	if (ahead == 0)
		return state + ONE_NOW;
	return ONE_NOW | ((pre + now) & COUNT_MASK) << PRE_AT | sequence;
}

/* What an earlier session had under way on a durable open counts as come before. */
void srv_sequence_begin(const struct srv_request *r, struct srv_open *o)
{
	uint64_t state = atomic_load(&o->channel_state), next;

	do {
		uint64_t outstanding = (state >> PRE_AT & COUNT_MASK) + (state >> NOW_AT);

		next = (uint16_t)state == sequence_of(r) ? state : (outstanding & COUNT_MASK) << PRE_AT | sequence_of(r);
	} while (!atomic_compare_exchange_weak(&o->channel_state, &state, next));
}

/* [MS-SMB2] 3.3.5.2.10 */
bool srv_sequence_check(struct srv_request *r)
{
	bool replay = (r->header.flags & SMB2_FLAGS_REPLAY_OPERATION) != 0;
	uint64_t state, next;

	if (srv_request_proto(r)->dialect < SMB2_DIALECT_300)
		return true;
	state = atomic_load(&r->open->channel_state);
	do {
		next = counted(state, sequence_of(r), replay);
		if (next == state)
			return !must_not_be_stale(r);
	} while (!atomic_compare_exchange_weak(&r->open->channel_state, &state, next));
	r->counted = true;
	return true;
}

/* [MS-SMB2] 3.3.4.1 */
void srv_sequence_done(struct srv_request *r)
{
	uint64_t state, next;

	if (!r->counted)
		return;
	state = atomic_load(&r->open->channel_state);
	do
		next = state - ((uint16_t)state == sequence_of(r) ? ONE_NOW : ONE_PRE);
	while (!atomic_compare_exchange_weak(&r->open->channel_state, &state, next));
}

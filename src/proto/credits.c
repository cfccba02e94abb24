/* Credits and message ids: [MS-SMB2] 3.1.5.2, the server's window 3.3.1.1 and 3.3.1.2, the client's 3.2.4.1.6. Called
 * under the owner's lock for every request. Requests mostly come in order, and then the window is two counters. */
#include "proto/proto.h"

#include <stdlib.h>

enum { CREDIT_BYTES = 65536, SMALL = 64, WORDS = PROTO_WINDOW_MAX / 64 };

uint16_t proto_credit_charge(uint64_t request_bytes, uint64_t response_bytes)
{
	uint64_t most = request_bytes > response_bytes ? request_bytes : response_bytes;
	uint64_t charge = most == 0 ? 1 : (most - 1) / CREDIT_BYTES + 1;

	return charge > UINT16_MAX ? UINT16_MAX : (uint16_t)charge;
}

void proto_window_init(struct proto_window *w, uint32_t max_span)
{
	if (max_span < 1)
		max_span = 1;
	*w = (struct proto_window){.high = 1, .max_span = max_span > PROTO_WINDOW_MAX ? PROTO_WINDOW_MAX : max_span};
}

void proto_window_free(struct proto_window *w)
{
	free(w->used);
	w->used = NULL;
}

static bool is_used(const struct proto_window *w, uint64_t id)
{
	if (w->used)
		return w->used[id % PROTO_WINDOW_MAX / 64] >> id % 64 & 1;
	return id - w->low < SMALL && (w->used_small >> id % SMALL & 1);
}

static void mark(struct proto_window *w, uint64_t id, bool on)
{
	uint64_t *word = w->used ? &w->used[id % PROTO_WINDOW_MAX / 64] : &w->used_small;
	uint64_t bit = UINT64_C(1) << id % 64;

	if (on)
		*word |= bit;
	else
		*word &= ~bit;
}

/* Moves the marks into a bitmap for the whole span. false: no memory. */
static bool widen(struct proto_window *w)
{
	uint64_t *used = calloc(WORDS, sizeof(*used));

	if (!used)
		return false;
	for (uint64_t id = w->low; id < w->low + SMALL; id++)
		if (is_used(w, id))
			used[id % PROTO_WINDOW_MAX / 64] |= UINT64_C(1) << id % 64;
	w->used = used;
	w->used_small = 0;
	return true;
}

bool proto_window_take(struct proto_window *w, uint64_t id, uint16_t charge)
{
	uint64_t n = charge ? charge : 1;

	if (id < w->low || id >= w->high || n > w->high - id)
		return false;
	if (w->used_count == 0 && id == w->low) {
		w->low += n;
		return true;
	}
	for (uint64_t i = 0; i < n; i++)
		if (is_used(w, id + i))
			return false;
	if (!w->used && id + n - w->low > SMALL && !widen(w))
		return false;
	for (uint64_t i = 0; i < n; i++)
		mark(w, id + i, true);
	w->used_count += (uint32_t)n;
	while (w->used_count > 0 && is_used(w, w->low)) {
		mark(w, w->low, false);
		w->low++;
		w->used_count--;
	}
	if (w->used_count == 0 && w->used)
		proto_window_free(w);
	return true;
}

uint16_t proto_window_grant(struct proto_window *w, uint16_t requested, uint16_t charge)
{
	uint64_t room = w->max_span - (w->high - w->low);
	uint64_t want = requested;

	/* What it used comes back to a client that wants credits at all; one that wants none keeps the last. */
	if (want > 0 && want < charge)
		want = charge;
	if (want == 0 && w->low == w->high)
		want = 1;
	if (want > room)
		want = room;
	/* Ids do not wrap: near the end the grants dry up and the connection ends (3.3.1.1). The last id is that of
	 * breaks. */
	if (want > UINT64_MAX - w->high)
		want = UINT64_MAX - w->high;
	if (want > UINT16_MAX)
		want = UINT16_MAX;
	w->high += want;
	return (uint16_t)want;
}

void proto_sender_init(struct proto_sender *s)
{
	*s = (struct proto_sender){.granted_to = 1};
}

bool proto_sender_take(struct proto_sender *s, uint16_t charge, uint64_t *id)
{
	uint64_t n = charge ? charge : 1;

	if (proto_sender_credits(s) < n)
		return false;
	*id = s->next_id;
	s->next_id += n;
	return true;
}

void proto_sender_granted(struct proto_sender *s, uint16_t credits)
{
	if (credits > UINT64_MAX - s->granted_to)
		s->granted_to = UINT64_MAX;
	else
		s->granted_to += credits;
}

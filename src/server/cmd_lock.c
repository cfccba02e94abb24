/* LOCK: [MS-SMB2] 2.2.26, 3.3.5.14, [MS-FSA] 2.1.5.8, 2.1.5.9. Who has which range: fsa; what local programs see of it: lock_mirror.c. A
 * lock that somebody else has is waited for, parked, if the request is for a single one and does not ask to fail. */
#include "server/cmd.h"
#include "server/conn.h"
#include "server/durable.h"
#include "server/local.h"
#include "server/lock.h"
#include "server/open.h"
#include "server/oplock.h"
#include "server/park.h"
#include "server/session.h"

#include <stdatomic.h>
#include <stdlib.h>

/* [MS-SMB2] 2.2.26.1 */
enum { LOCK_SHARED = 1, LOCK_EXCLUSIVE = 2, LOCK_UNLOCK = 4, LOCK_FAIL_IMMEDIATELY = 0x10 };

/* --- replays: 3.3.5.14, inventory G056, G057 --- */

/* For those who may not know whether a LOCK was carried out: who have other channels, or whose open outlives its connection. */
static bool replays_count(const struct srv_request *r)
{
	const struct proto_conn *proto = srv_request_proto(r);
	bool lasts = r->open->durable && r->open->durable->is_durable;

	if (proto->dialect >= SMB2_DIALECT_300 && lasts)
		return true;
	return proto->dialect >= SMB2_DIALECT_210 && (proto->server_capabilities & SMB2_GLOBAL_CAP_MULTI_CHANNEL);
}

/* Made when the first LOCK has a use for them. NULL: out of memory, and nothing is remembered. */
static uint8_t *sequences_of(struct srv_open *o)
{
	uint8_t *there = atomic_load(&o->lock_sequences), *made;

	if (there)
		return there;
	made = calloc(1, SRV_LOCK_SEQUENCES);
	if (!made || atomic_compare_exchange_strong(&o->lock_sequences, &there, made))
		return made;
	free(made);
	return there;
}

/* The entry that a LockSequence speaks of; NULL: none. */
static uint8_t *sequence_entry(const struct srv_request *r, uint32_t sequence)
{
	uint32_t index = sequence >> 4;
	uint8_t *all;

	if (!replays_count(r) || index == 0 || index > SRV_LOCK_SEQUENCES)
		return NULL;
	all = sequences_of(r->open);
	return all ? &all[index - 1] : NULL;
}

/* true: this request has been carried out before. Otherwise the entry is void until it has been. */
static bool sequence_seen(const struct srv_request *r, uint32_t sequence)
{
	uint8_t *entry = sequence_entry(r, sequence);
	bool seen = false;

	if (!entry)
		return false;
	pthread_mutex_lock(&r->session->lock);
	seen = *entry == SRV_LOCK_SEQUENCE_VALID + (sequence & 0xF);
	if (!seen)
		*entry = 0;
	pthread_mutex_unlock(&r->session->lock);
	return seen;
}

static void sequence_record(const struct srv_request *r)
{
	const struct smb2_lock_req *in = r->in;
	uint8_t *entry = sequence_entry(r, in->lock_sequence);

	if (!entry)
		return;
	pthread_mutex_lock(&r->session->lock);
	*entry = (uint8_t)(SRV_LOCK_SEQUENCE_VALID + (in->lock_sequence & 0xF));
	pthread_mutex_unlock(&r->session->lock);
}

/* --- waiting --- */

struct waiting {
	struct fsa_lock_wait wait;
	struct srv_request *r;
	const struct fsa_range *range;
};

static void answer(struct srv_request *r, ntstatus status)
{
	if (nt_ok(status))
		sequence_record(r);
	srv_request_resume(r, srv_reply(status));
}

/* A lock that local programs have to see is tried again when one of theirs stands in its way. */
static void answer_granted(struct srv_request *r, const struct fsa_range *range)
{
	ntstatus status = srv_lock_granted(r->open, range);

	if (nt_is(status, STATUS_LOCK_NOT_GRANTED)) {
		status = srv_local_pause(r);
		if (nt_ok(status))
			return;
	}
	answer(r, status);
}

static void answer_later(void *arg)
{
	struct waiting *w = arg;

	if (nt_ok(w->wait.status))
		answer_granted(w->r, w->range);
	else
		answer(w->r, w->wait.status);
}

static void woken(struct fsa_lock_wait *wait)
{
	struct waiting *w = CONTAINER_OF(wait, struct waiting, wait);

	/* Whoever wakes it may be in the middle of a change that local programs see. */
	if (srv_locks_mirrored(w->r->open))
		net_pool_run(w->r->srv->pool, answer_later, w);
	else
		answer(w->r, wait->status);
}

static bool cancel_waiting(struct srv_request *r)
{
	struct waiting *w = r->parked_for;

	return fsa_lock_wait_cancel(&w->wait);
}

static struct srv_result wait_for(struct srv_request *r, const struct fsa_range *range)
{
	struct waiting *w = arena_zalloc(&r->arena, sizeof(*w));
	ntstatus status;

	if (!w)
		return srv_reply(STATUS_INSUFFICIENT_RESOURCES);
	w->r = r;
	w->range = range;
	w->wait.wake = woken;
	fsa_lock_wait_init(&r->open->fsa, &w->wait);
	status = srv_request_park(r, cancel_waiting, w);
	if (!nt_ok(status))
		return srv_reply(status);
	status = fsa_lock_wait(&w->wait, range);
	if (nt_ok(status) && srv_locks_mirrored(r->open))
		answer_granted(r, range);
	else if (!nt_is(status, STATUS_PENDING))
		answer(r, status);
	return srv_parked();
}

/* --- series --- */

/* 3.3.5.14.1: how many elements come before one that is no unlock. UNLOCK stands alone (2.2.26.1). */
static size_t unlocks_of(const struct smb2_lock_req *in)
{
	size_t i = 0;

	while (i < in->lock_count && in->locks[i].flags == LOCK_UNLOCK)
		i++;
	return i;
}

/* 3.3.5.14.2, before anything is locked: the text leaves locks in place that stand before an unlock, Windows takes none of them (see
 * smb2.lock.multiple-unlock). It looks at the first element's FAIL_IMMEDIATELY only (note 296). */
static ntstatus lock_flags_check(const struct smb2_lock_req *in)
{
	for (size_t i = 0; i < in->lock_count; i++) {
		uint32_t flags = in->locks[i].flags, kind = flags & ~(uint32_t)LOCK_FAIL_IMMEDIATELY;

		if (kind != LOCK_SHARED && kind != LOCK_EXCLUSIVE)
			return STATUS_INVALID_PARAMETER;
		if (in->lock_count > 1 && !(flags & LOCK_FAIL_IMMEDIATELY))
			return STATUS_INVALID_PARAMETER;
	}
	return STATUS_SUCCESS;
}

static struct fsa_range *ranges_of(struct srv_request *r, const struct smb2_lock_req *in)
{
	struct fsa_range *ranges = arena_zalloc(&r->arena, in->lock_count * sizeof(*ranges));

	for (size_t i = 0; ranges && i < in->lock_count; i++)
		ranges[i] = (struct fsa_range){.offset = in->locks[i].offset, .length = in->locks[i].length,
			.exclusive = (in->locks[i].flags & LOCK_EXCLUSIVE) != 0, .process = r->process};
	return ranges;
}

/* 3.3.5.14.1: what was unlocked before an error stays so. */
static ntstatus run_unlocks(struct srv_request *r, const struct smb2_lock_req *in, const struct fsa_range *ranges)
{
	size_t n = unlocks_of(in);
	ntstatus status = srv_locks_give(r->open, ranges, n);

	return nt_ok(status) && n < in->lock_count ? STATUS_INVALID_PARAMETER : status;
}

/* 3.3.5.14.2 */
static ntstatus run_locks(struct srv_request *r, const struct smb2_lock_req *in, const struct fsa_range *ranges, bool *local)
{
	ntstatus status = lock_flags_check(in);

	if (!nt_ok(status))
		return status;
	/* [MS-FSA] 2.1.5.8 leaves caches alone where the lock lies behind the allocation. A holder who caches writes may have made the
	 * file longer than we know, and Windows and smbd break for every lock. */
	srv_oplock_written(r->open);
	return srv_locks_take(r->open, ranges, in->lock_count, local);
}

/* NT locks for whoever may read or write. */
static ntstatus open_check(const struct srv_open *o)
{
	if (o->pipe)
		return STATUS_INVALID_DEVICE_REQUEST;
	if (o->directory)
		return STATUS_INVALID_PARAMETER;
	return o->granted_access & (FILE_READ_DATA | FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_EXECUTE) ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
}

/* [MS-SMB2] 3.3.5.14 */
struct srv_result cmd_lock(struct srv_request *r, const struct smb2_lock_req *in, struct smb2_empty *out)
{
	struct fsa_range *ranges;
	bool local = false;
	ntstatus status;

	(void)out;
	if (in->lock_count == 0)
		return srv_reply(STATUS_INVALID_PARAMETER);
	status = open_check(r->open);
	if (!nt_ok(status))
		return srv_reply(status);
	if (sequence_seen(r, in->lock_sequence))
		return srv_reply(STATUS_SUCCESS);
	ranges = ranges_of(r, in);
	if (!ranges)
		return srv_reply(STATUS_INSUFFICIENT_RESOURCES);
	status = in->locks[0].flags & LOCK_UNLOCK ? run_unlocks(r, in, ranges) : run_locks(r, in, ranges, &local);
	if (nt_is(status, STATUS_LOCK_NOT_GRANTED) && !(in->locks[0].flags & LOCK_FAIL_IMMEDIATELY)) {
		if (!local)
			return wait_for(r, ranges);
		status = srv_local_pause(r);
		if (nt_ok(status))
			return srv_parked();
	}
	if (nt_ok(status))
		sequence_record(r);
	return srv_reply(status);
}

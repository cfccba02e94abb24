/* Oplocks: [MS-FSA] 2.1.4.12 and 2.1.5.18, [MS-SMB2] 3.3.5.22.1. One open of a file may hold an exclusive or batch oplock, any
 * number of them level II. A break of the former is told to its holder, who acknowledges; whoever caused it waits. A break
 * of level II is told and done. */
#include "fsa/node.h"

/* Rights that do not touch what a holder may have cached ([MS-FSA] 2.1.4.12). */
#define HARMLESS_ACCESS (FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | ACCESS_SYNCHRONIZE)

void fsa_breaks_init(struct fsa_breaks *b)
{
	list_init(&b->opens);
}

struct fsa_open *fsa_breaks_next(struct fsa_breaks *b)
{
	struct fsa_open *o;

	if (list_empty(&b->opens))
		return NULL;
	o = list_entry(b->opens.next, struct fsa_open, to_tell);
	list_remove(&o->to_tell);
	return o;
}

static bool alone(uint8_t level)
{
	return level == FSA_OPLOCK_EXCLUSIVE || level == FSA_OPLOCK_BATCH;
}

/* The open with the exclusive or batch oplock. */
static struct fsa_open *holder_locked(const struct fsa_node *node)
{
	list_for_each(n, &node->opens) {
		struct fsa_open *o = list_entry(n, struct fsa_open, link);

		if (alone(o->oplock))
			return o;
	}
	return NULL;
}

static void tell_locked(struct fsa_open *o, uint8_t to, struct fsa_breaks *b)
{
	o->break_to = to;
	o->shard->hold(o);
	list_append(&b->opens, &o->to_tell);
}

/* Level II oplocks of everybody but `except` end. */
static void break_level_ii_locked(struct fsa_node *node, const struct fsa_open *except, struct fsa_breaks *b)
{
	list_for_each(n, &node->opens) {
		struct fsa_open *o = list_entry(n, struct fsa_open, link);

		if (o == except || o->oplock != FSA_OPLOCK_II)
			continue;
		o->oplock = FSA_OPLOCK_NONE;
		tell_locked(o, FSA_OPLOCK_NONE, b);
	}
}

ntstatus fsa_oplock_enter_locked(struct fsa_node *node, const struct fsa_enter *e, bool conflict, struct fsa_breaks *b)
{
	struct fsa_open *holder = holder_locked(node);
	bool harmless = (e->access & ~(uint32_t)HARMLESS_ACCESS) == 0 && !e->overwrites;

	if (!holder || harmless) {
		if (!conflict && e->overwrites)
			break_level_ii_locked(node, NULL, b);
		return STATUS_SUCCESS;
	}
	/* An exclusive holder means to keep the file open; only a batch holder may have closed it behind the client's back. */
	if (conflict && holder->oplock == FSA_OPLOCK_EXCLUSIVE && !holder->breaking)
		return STATUS_SHARING_VIOLATION;
	if (!holder->breaking) {
		holder->breaking = true;
		tell_locked(holder, e->overwrites ? FSA_OPLOCK_NONE : FSA_OPLOCK_II, b);
	}
	return STATUS_PENDING;
}

uint8_t fsa_oplock_grant_locked(const struct fsa_node *node, const struct fsa_enter *e, const struct fsa_open *o)
{
	if (!node->shard->hold || e->directory || (!alone(e->oplock) && e->oplock != FSA_OPLOCK_II))
		return FSA_OPLOCK_NONE;
	list_for_each(n, &node->opens) {
		const struct fsa_open *other = list_entry(n, struct fsa_open, link);

		if (other != o && alone(other->oplock))
			return FSA_OPLOCK_NONE;
	}
	/* Alone means alone: no other open at all. */
	return node->opens.next == &o->link && node->opens.prev == &o->link ? e->oplock : FSA_OPLOCK_II;
}

void fsa_oplock_written(struct fsa_open *o, struct fsa_breaks *b)
{
	if (!o->shard)
		return;
	pthread_mutex_lock(&o->shard->lock);
	if (o->node)
		break_level_ii_locked(o->node, NULL, b);
	pthread_mutex_unlock(&o->shard->lock);
}

/* The verdicts of [MS-SMB2] 3.3.5.22.1. An answer that makes no sense ends the break with no oplock at all. */
static ntstatus acknowledge_locked(struct fsa_open *o, uint8_t level)
{
	bool sensible = level == FSA_OPLOCK_NONE || (level == FSA_OPLOCK_II && alone(o->oplock));

	if (!o->node)
		return STATUS_FILE_CLOSED;
	if (!o->breaking)
		return sensible || o->oplock == FSA_OPLOCK_NONE ? STATUS_INVALID_DEVICE_STATE : STATUS_INVALID_OPLOCK_PROTOCOL;
	o->breaking = false;
	/* Level II was not on offer when the break goes to none. */
	o->oplock = sensible && level <= o->break_to ? level : FSA_OPLOCK_NONE;
	return sensible ? STATUS_SUCCESS : STATUS_INVALID_OPLOCK_PROTOCOL;
}

ntstatus fsa_oplock_acknowledge(struct fsa_open *o, uint8_t level)
{
	struct list_node woken;
	ntstatus status;

	list_init(&woken);
	if (!o->shard)
		return STATUS_INVALID_DEVICE_STATE;
	pthread_mutex_lock(&o->shard->lock);
	status = acknowledge_locked(o, level);
	if (o->node)
		fsa_waiters_take_locked(o->node, &woken);
	pthread_mutex_unlock(&o->shard->lock);
	fsa_waiters_wake(&woken);
	return status;
}

void fsa_oplock_expire(struct fsa_open *o)
{
	struct list_node woken;

	list_init(&woken);
	pthread_mutex_lock(&o->shard->lock);
	if (o->breaking) {
		o->breaking = false;
		o->oplock = FSA_OPLOCK_NONE;
	}
	if (o->node)
		fsa_waiters_take_locked(o->node, &woken);
	pthread_mutex_unlock(&o->shard->lock);
	fsa_waiters_wake(&woken);
}

bool fsa_oplock_breaking(struct fsa_open *o)
{
	bool breaking;

	if (!o->shard)
		return false;
	pthread_mutex_lock(&o->shard->lock);
	breaking = o->breaking;
	pthread_mutex_unlock(&o->shard->lock);
	return breaking;
}

uint8_t fsa_oplock_level(struct fsa_open *o)
{
	uint8_t level;

	if (!o->shard)
		return FSA_OPLOCK_NONE;
	pthread_mutex_lock(&o->shard->lock);
	level = o->oplock;
	pthread_mutex_unlock(&o->shard->lock);
	return level;
}

/* --- waiting --- */

static bool node_breaking_locked(const struct fsa_node *node)
{
	const struct fsa_open *holder = holder_locked(node);

	return holder && holder->breaking;
}

void fsa_waiter_init(struct fsa *f, struct vfs_id id, struct fsa_waiter *w)
{
	w->shard = fsa_shard_of(f, id);
	w->waiting = false;
	list_init(&w->link);
}

bool fsa_wait(struct fsa *f, struct vfs_id id, struct fsa_waiter *w)
{
	struct fsa_shard *shard;
	uint64_t hash;
	struct fsa_node *node = fsa_node_lock(f, id, &shard, &hash);
	bool wait = node && node_breaking_locked(node);

	w->waiting = wait;
	if (wait)
		list_append(&node->waiters, &w->link);
	pthread_mutex_unlock(&shard->lock);
	return wait;
}

bool fsa_wait_cancel(struct fsa_waiter *w)
{
	bool linked;

	pthread_mutex_lock(&w->shard->lock);
	linked = w->waiting;
	if (linked)
		list_remove(&w->link);
	w->waiting = false;
	pthread_mutex_unlock(&w->shard->lock);
	return linked;
}

void fsa_waiters_take_locked(struct fsa_node *node, struct list_node *woken)
{
	if (node_breaking_locked(node))
		return;
	while (!list_empty(&node->waiters)) {
		struct fsa_waiter *w = list_entry(node->waiters.next, struct fsa_waiter, link);

		list_remove(&w->link);
		w->waiting = false;
		list_append(woken, &w->link);
	}
}

void fsa_waiters_wake(struct list_node *woken)
{
	while (!list_empty(woken)) {
		struct fsa_waiter *w = list_entry(woken->next, struct fsa_waiter, link);

		list_remove(&w->link);
		w->wake(w);
	}
}

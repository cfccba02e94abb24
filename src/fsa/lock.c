/* Byte-range locks: [MS-FSA] 2.1.4.10, 2.1.5.8, 2.1.5.9. Locks belong to opens. Those of a node stand in three trees: exclusive ones,
 * shared ones, and those on the range {0, 0}, which touches nothing. Who waits stands in a list, oldest first, and is looked at whenever
 * a lock goes. Nothing in here blocks. */
#include "fsa/lock_tree.h"

#include <stdlib.h>

void fsa_locks_enter_locked(struct fsa_open *o, uint64_t hash)
{
	list_init(&o->locks);
	list_init(&o->lock_waits);
	o->locks_ended = false;
	/* The shard takes other bits of the hash. */
	o->locks_near = &o->shard->locks_near[hash % FSA_LOCK_COUNTERS];
}

/* --- one lock --- */

static bool budget_take(struct fsa_lock_budget *b)
{
	if (!b || atomic_fetch_add(&b->used, 1) < b->most)
		return true;
	atomic_fetch_sub(&b->used, 1);
	return false;
}

static void lock_free(struct fsa_lock *l)
{
	if (!l)
		return;
	if (l->owner->lock_budget)
		atomic_fetch_sub(&l->owner->lock_budget->used, 1);
	free(l);
}

/* NULL: out of memory, or of budget. */
static struct fsa_lock *lock_new(struct fsa_open *o, const struct fsa_range *range)
{
	struct fsa_lock *l;

	if (!budget_take(o->lock_budget))
		return NULL;
	l = calloc(1, sizeof(*l));
	if (!l) {
		if (o->lock_budget)
			atomic_fetch_sub(&o->lock_budget->used, 1);
		return NULL;
	}
	l->owner = o;
	l->offset = range->offset;
	l->length = range->length;
	l->last = range->offset + range->length - 1;
	l->exclusive = range->exclusive;
	l->process = range->process;
	return l;
}

/* [MS-FSA] 2.1.5.8 */
static bool range_valid(const struct fsa_range *range)
{
	return range->length == 0 || range->offset + range->length - 1 >= range->offset;
}

static struct fsa_lock **tree_of(struct fsa_node *node, const struct fsa_lock *l)
{
	if (l->offset == 0 && l->length == 0)
		return &node->locks[FSA_LOCK_NOWHERE];
	return &node->locks[l->exclusive ? FSA_LOCK_EXCLUSIVE : FSA_LOCK_SHARED];
}

static void grant_locked(struct fsa_node *node, struct fsa_lock *l)
{
	fsa_lock_tree_insert(tree_of(node, l), l);
	list_append(&l->owner->locks, &l->of_open);
	atomic_fetch_add_explicit(l->owner->locks_near, 1, memory_order_release);
}

static void take_back_locked(struct fsa_node *node, struct fsa_lock *l)
{
	fsa_lock_tree_remove(tree_of(node, l), l);
	list_remove(&l->of_open);
	atomic_fetch_sub_explicit(l->owner->locks_near, 1, memory_order_release);
}

/* [MS-FSA] 2.1.4.10 with LockIntent: exclusive locks exclude each other even on one open, shared ones may lie on the own exclusive one. */
static bool stands_back_locked(const struct fsa_node *node, const struct fsa_lock *l)
{
	if (l->offset == 0 && l->length == 0)
		return false;
	if (!l->exclusive)
		return fsa_lock_tree_touches(node->locks[FSA_LOCK_EXCLUSIVE], l->offset, l->last, l->owner, l->process);
	return fsa_lock_tree_touches(node->locks[FSA_LOCK_EXCLUSIVE], l->offset, l->last, NULL, 0) ||
		fsa_lock_tree_touches(node->locks[FSA_LOCK_SHARED], l->offset, l->last, NULL, 0);
}

/* The same without: shared locks keep everybody from writing, their owners too. */
bool fsa_io_conflicts_locked_file(struct fsa_open *o, const struct fsa_range *range)
{
	uint64_t last = range->offset + range->length - 1;
	bool conflict = false;

	if (range->length == 0)
		return false;
	pthread_mutex_lock(&o->shard->lock);
	if (o->node)
		conflict = fsa_lock_tree_touches(o->node->locks[FSA_LOCK_EXCLUSIVE], range->offset, last, o, range->process) ||
			(range->exclusive && fsa_lock_tree_touches(o->node->locks[FSA_LOCK_SHARED], range->offset, last, NULL, 0));
	pthread_mutex_unlock(&o->shard->lock);
	return conflict;
}

bool fsa_locks_begin_before_locked(const struct fsa_node *node, uint64_t offset)
{
	for (size_t i = 0; i < FSA_LOCK_KINDS; i++) {
		if (fsa_lock_tree_begins_before(node->locks[i], offset))
			return true;
	}
	list_for_each(n, &node->lock_waits) {
		if (list_entry(n, struct fsa_lock_wait, link)->lock->offset < offset)
			return true;
	}
	return false;
}

/* --- those who wait --- */

static void wait_take_locked(struct fsa_lock_wait *w, ntstatus status, struct list_node *woken)
{
	list_remove(&w->link);
	list_remove(&w->of_open);
	w->waiting = false;
	w->status = status;
	list_append(woken, &w->link);
}

void fsa_lock_waits_wake(struct list_node *woken)
{
	while (!list_empty(woken)) {
		struct fsa_lock_wait *w = list_entry(woken->next, struct fsa_lock_wait, link);

		list_remove(&w->link);
		w->wake(w);
	}
}

static bool touch(const struct fsa_lock *a, const struct fsa_lock *b)
{
	return a->offset <= b->last && a->last >= b->offset;
}

/* Nobody who waited for what `gone` stood on can have anything of it beside this one, but its owner. */
static bool takes_all(const struct fsa_lock *l, const struct fsa_lock *gone)
{
	return l->exclusive && l->offset <= gone->offset && l->last >= gone->last && list_empty(&l->owner->lock_waits);
}

/* Locks of the node have gone: `gone`, or NULL: several. Whoever waited for them has his, the oldest first. */
static void settle_locked(struct fsa_node *node, const struct fsa_lock *gone, struct list_node *woken)
{
	list_for_each_safe(n, &node->lock_waits) {
		struct fsa_lock_wait *w = list_entry(n, struct fsa_lock_wait, link);
		struct fsa_lock *l = w->lock;

		if ((gone && !touch(l, gone)) || stands_back_locked(node, l))
			continue;
		w->lock = NULL;
		grant_locked(node, l);
		wait_take_locked(w, STATUS_SUCCESS, woken);
		if (gone && takes_all(l, gone))
			return;
	}
}

void fsa_lock_wait_init(struct fsa_open *o, struct fsa_lock_wait *w)
{
	*w = (struct fsa_lock_wait){.open = o, .wake = w->wake};
	list_init(&w->link);
	list_init(&w->of_open);
}

static ntstatus wait_locked(struct fsa_lock_wait *w, struct fsa_lock *l)
{
	struct fsa_node *node = w->open->node;

	if (w->cancelled)
		return STATUS_CANCELLED;
	if (!node || w->open->locks_ended)
		return STATUS_RANGE_NOT_LOCKED;
	if (!stands_back_locked(node, l)) {
		grant_locked(node, l);
		return STATUS_SUCCESS;
	}
	w->lock = l;
	w->waiting = true;
	list_append(&node->lock_waits, &w->link);
	list_append(&w->open->lock_waits, &w->of_open);
	return STATUS_PENDING;
}

ntstatus fsa_lock_wait(struct fsa_lock_wait *w, const struct fsa_range *range)
{
	struct fsa_lock *l;
	ntstatus status;

	if (!range_valid(range))
		return STATUS_INVALID_LOCK_RANGE;
	l = lock_new(w->open, range);
	if (!l)
		return STATUS_INSUFFICIENT_RESOURCES;
	pthread_mutex_lock(&w->open->shard->lock);
	status = wait_locked(w, l);
	pthread_mutex_unlock(&w->open->shard->lock);
	if (!nt_ok(status) && !nt_is(status, STATUS_PENDING))
		lock_free(l);
	return status;
}

bool fsa_lock_wait_cancel(struct fsa_lock_wait *w)
{
	struct fsa_lock *l = NULL;
	bool waited;

	pthread_mutex_lock(&w->open->shard->lock);
	waited = w->waiting;
	w->cancelled = true;
	if (waited) {
		list_remove(&w->link);
		list_remove(&w->of_open);
		w->waiting = false;
		l = w->lock;
		w->lock = NULL;
	}
	pthread_mutex_unlock(&w->open->shard->lock);
	lock_free(l);
	return waited;
}

/* --- locking and unlocking --- */

/* The first locks, which have been granted, go again. */
static void undo_locked(struct fsa_node *node, struct fsa_lock **locks, size_t granted)
{
	while (granted > 0)
		take_back_locked(node, locks[--granted]);
}

static ntstatus lock_all_locked(struct fsa_open *o, struct fsa_lock **locks, const struct fsa_range *ranges, size_t n)
{
	if (!o->node || o->locks_ended)
		return STATUS_FILE_CLOSED;
	for (size_t i = 0; i < n; i++) {
		ntstatus status = range_valid(&ranges[i]) ? STATUS_LOCK_NOT_GRANTED : STATUS_INVALID_LOCK_RANGE;

		if (!range_valid(&ranges[i]) || stands_back_locked(o->node, locks[i])) {
			undo_locked(o->node, locks, i);
			return status;
		}
		grant_locked(o->node, locks[i]);
	}
	return STATUS_SUCCESS;
}

static void locks_free(struct fsa_lock **locks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		lock_free(locks[i]);
}

ntstatus fsa_lock(struct fsa_open *o, const struct fsa_range *ranges, size_t n)
{
	struct fsa_lock *few[8], **locks = n <= ARRAY_LEN(few) ? few : malloc(n * sizeof(struct fsa_lock *));
	ntstatus status = STATUS_INSUFFICIENT_RESOURCES;
	size_t made = 0;

	if (!locks)
		return status;
	if (!o->shard)
		status = STATUS_FILE_CLOSED;
	else
		while (made < n && (locks[made] = lock_new(o, &ranges[made])) != NULL)
			made++;
	if (o->shard && made == n) {
		pthread_mutex_lock(&o->shard->lock);
		status = lock_all_locked(o, locks, ranges, n);
		pthread_mutex_unlock(&o->shard->lock);
	}
	if (!nt_ok(status))
		locks_free(locks, made);
	if (locks != few)
		free(locks);
	return status;
}

/* An exclusive lock goes before a shared one of the same range ([MS-FSA] 2.1.5.9). */
static struct fsa_lock *find_locked(const struct fsa_open *o, const struct fsa_range *range)
{
	struct fsa_lock *found = NULL;

	for (size_t i = 0; i < FSA_LOCK_KINDS && !found; i++)
		found = fsa_lock_tree_find(o->node->locks[i], range, o);
	return found;
}

static ntstatus unlock_locked(struct fsa_open *o, const struct fsa_range *range, struct list_node *woken)
{
	struct fsa_lock *l;

	if (!range_valid(range))
		return STATUS_INVALID_LOCK_RANGE;
	l = o->node ? find_locked(o, range) : NULL;
	if (!l)
		return STATUS_RANGE_NOT_LOCKED;
	take_back_locked(o->node, l);
	settle_locked(o->node, l, woken);
	lock_free(l);
	return STATUS_SUCCESS;
}

ntstatus fsa_unlock(struct fsa_open *o, const struct fsa_range *ranges, size_t n)
{
	ntstatus status = STATUS_SUCCESS;
	struct list_node woken;

	list_init(&woken);
	if (!o->shard)
		return STATUS_RANGE_NOT_LOCKED;
	pthread_mutex_lock(&o->shard->lock);
	for (size_t i = 0; i < n && nt_ok(status); i++)
		status = unlock_locked(o, &ranges[i], &woken);
	pthread_mutex_unlock(&o->shard->lock);
	fsa_lock_waits_wake(&woken);
	return status;
}

size_t fsa_locks_of(struct fsa_open *o, uint64_t offset, uint64_t length, struct fsa_range *out, size_t cap)
{
	uint64_t last = offset + length - 1;
	size_t n = 0;

	if (length == 0 || !o->shard)
		return 0;
	pthread_mutex_lock(&o->shard->lock);
	list_for_each(at, &o->locks) {
		const struct fsa_lock *l = list_entry(at, struct fsa_lock, of_open);

		if (l->length == 0 || l->offset > last || l->last < offset)
			continue;
		if (n++ < cap)
			out[n - 1] = (struct fsa_range){.offset = l->offset, .length = l->length, .exclusive = l->exclusive, .process = l->process};
	}
	pthread_mutex_unlock(&o->shard->lock);
	return n;
}

/* --- the end --- */

static void own_waits_end_locked(struct fsa_open *o, struct list_node *woken)
{
	while (!list_empty(&o->lock_waits)) {
		struct fsa_lock_wait *w = list_entry(o->lock_waits.next, struct fsa_lock_wait, of_open);

		lock_free(w->lock);
		w->lock = NULL;
		wait_take_locked(w, STATUS_RANGE_NOT_LOCKED, woken);
	}
}

void fsa_locks_leave_locked(struct fsa_open *o, struct list_node *woken)
{
	bool had_locks = !list_empty(&o->locks);

	o->locks_ended = true;
	own_waits_end_locked(o, woken);
	while (!list_empty(&o->locks)) {
		struct fsa_lock *l = list_entry(o->locks.next, struct fsa_lock, of_open);

		take_back_locked(o->node, l);
		lock_free(l);
	}
	if (had_locks)
		settle_locked(o->node, NULL, woken);
}

void fsa_locks_end(struct fsa_open *o)
{
	struct list_node woken;

	if (!o->shard)
		return;
	list_init(&woken);
	pthread_mutex_lock(&o->shard->lock);
	if (o->node)
		fsa_locks_leave_locked(o, &woken);
	pthread_mutex_unlock(&o->shard->lock);
	fsa_lock_waits_wake(&woken);
}

/* Oplocks and leases, who gets what: [MS-FSA] 2.1.5.18, [MS-SMB2] 3.3.1.4, 3.3.5.9.8, 3.3.5.9.11; and who waits for a break. Writes and
 * handles are cached by one alone, reads by many; level II and leases of handles exclude each other. */
#include "fsa/node.h"

#include <stdatomic.h>

static uint8_t cache_of_level(uint8_t level)
{
	switch (level) {
	case FSA_OPLOCK_II: return FSA_CACHE_READ;
	case FSA_OPLOCK_EXCLUSIVE: return FSA_CACHE_READ | FSA_CACHE_WRITE;
	case FSA_OPLOCK_BATCH: return FSA_CACHE_ALL;
	default: return 0;
	}
}

uint8_t fsa_level_of_cache(uint8_t cache)
{
	if (cache & FSA_CACHE_WRITE)
		return cache & FSA_CACHE_HANDLE ? FSA_OPLOCK_BATCH : FSA_OPLOCK_EXCLUSIVE;
	return cache ? FSA_OPLOCK_II : FSA_OPLOCK_NONE;
}

/* Whoever caches reads may cache writes or handles as well; nobody does these alone. */
static uint8_t legal(uint8_t cache)
{
	return cache & FSA_CACHE_READ ? cache : 0;
}

/* Another open that is not under the same grant. Those that only look at the file matter to an oplock but not to a lease. */
static bool others_locked(const struct fsa_node *node, const struct fsa_grant *g, const struct fsa_open *o)
{
	list_for_each(n, &node->opens) {
		const struct fsa_open *other = list_entry(n, struct fsa_open, link);

		if (other != o && other->grant != g && !(g->lease && fsa_access_looks(other->access)))
			return true;
	}
	return false;
}

/* What the others leave to a grant that has an open o. */
static uint8_t available_locked(const struct fsa_node *node, const struct fsa_grant *g, const struct fsa_enter *e, const struct fsa_open *o)
{
	uint8_t cache = FSA_CACHE_ALL;

	list_for_each(n, &node->grants) {
		const struct fsa_grant *other = list_entry(n, struct fsa_grant, link);

		if (other == g)
			continue;
		if ((other->state & FSA_CACHE_WRITE) || (!g->lease && (other->state & FSA_CACHE_HANDLE)))
			return 0;
		if (other->state)
			cache &= other->lease ? FSA_CACHE_READ | FSA_CACHE_HANDLE : FSA_CACHE_READ;
	}
	if (e->directory || others_locked(node, g, o))
		cache &= FSA_CACHE_READ | FSA_CACHE_HANDLE;
	return cache;
}

/* [MS-FSA] 2.1.5.18: caching that is shared does not begin while ranges are locked or waited for, which a cache would not know of. */
static uint8_t unless_ranges_locked(const struct fsa_node *node, const struct fsa_enter *e, uint8_t cache)
{
	return cache != 0 && !(cache & FSA_CACHE_WRITE) && fsa_locks_begin_before_locked(node, e->extent) ? 0 : cache;
}

static uint8_t oplock_locked(const struct fsa_node *node, const struct fsa_enter *e, const struct fsa_open *o)
{
	uint8_t wanted = cache_of_level(e->oplock), available = available_locked(node, e->grant, e, o);

	if (e->directory)
		return 0;
	if (e->grant->whole)
		return available & FSA_CACHE_WRITE ? wanted : 0;
	return unless_ranges_locked(node, e, available & FSA_CACHE_WRITE ? wanted : wanted & available & FSA_CACHE_READ);
}

/* A lease that begins gets what there is of its wish. Later it grows when all is there of a wish for more; it never shrinks by asking,
 * nor changes while it breaks. */
static uint8_t lease_locked(const struct fsa_node *node, const struct fsa_enter *e, const struct fsa_open *o)
{
	const struct fsa_grant *g = e->grant;
	uint8_t wish = e->directory ? e->cache & (FSA_CACHE_READ | FSA_CACHE_HANDLE) : e->cache, there;

	if (g->breaking || g->untold || g->telling || (g->state & ~wish))
		return g->state;
	there = unless_ranges_locked(node, e, legal(wish & available_locked(node, g, e, o)));
	return g->state == 0 || there == wish ? there : g->state;
}

static void bind_locked(struct fsa_node *node, struct fsa_grant *g, uint16_t epoch)
{
	if (g->opens++ > 0)
		return;
	g->shard = node->shard;
	g->node = node;
	g->epoch = epoch;
	g->state = g->held = 0;
	g->breaking = g->untold = false;
	list_append(&node->grants, &g->link);
}

static void count_on(struct fsa *f)
{
	if (atomic_fetch_add(&f->directory_leases, 1) == UINT32_MAX)
		atomic_fetch_add(&f->directory_leases, 1);
}

void fsa_directory_entry_moved(struct fsa *f)
{
	if (fsa_directory_leases(f) != 0)
		count_on(f);
}

void fsa_grant_enter_locked(struct fsa *f, struct fsa_node *node, const struct fsa_enter *e, struct fsa_open *o)
{
	struct fsa_grant *g = node->shard->hold ? e->grant : NULL;
	uint8_t state;

	o->grant = g;
	o->unsaid = o->got_breaking = false;
	o->got = 0;
	o->got_epoch = 0;
	if (!g)
		return;
	bind_locked(node, g, e->epoch);
	g->directory = e->directory;
	state = g->lease ? lease_locked(node, e, o) : oplock_locked(node, e, o);
	if (state != g->state)
		g->epoch++;
	if (g->lease && e->directory && state != g->state)
		count_on(f);
	o->got = g->state = state;
	o->got_breaking = g->breaking;
	o->got_epoch = g->epoch;
	o->unsaid = state != 0 && !g->breaking && !g->untold && !g->telling;
	g->unsaid += o->unsaid;
}

void fsa_grant_leave_locked(struct fsa_open *o)
{
	struct fsa_grant *g = o->grant;

	o->node->breaks_ended++;
	if (!g || --g->opens > 0)
		return;
	list_remove(&g->link);
	g->node = NULL;
	g->state = 0;
	g->breaking = g->untold = false;
}

/* --- opens that lose their connection and come back --- */

static bool lasts_locked(const struct fsa_open *o)
{
	const struct fsa_grant *g = o->grant;

	if (!o->node || o->node->delete_pending)
		return false;
	return g && (g->state & FSA_CACHE_HANDLE) && !g->breaking && !g->untold && !g->telling;
}

bool fsa_grant_lasts(struct fsa_open *o)
{
	bool lasts;

	if (!o->shard)
		return false;
	pthread_mutex_lock(&o->shard->lock);
	lasts = lasts_locked(o);
	pthread_mutex_unlock(&o->shard->lock);
	return lasts;
}

static void got_locked(struct fsa_open *o)
{
	o->got = o->grant->state;
	o->got_breaking = o->grant->breaking;
	o->got_epoch = o->grant->epoch;
}

bool fsa_grant_resume(struct fsa_open *o, const uint16_t *epoch)
{
	struct fsa_grant *g = o->grant;
	bool lasts;

	if (!o->shard)
		return false;
	pthread_mutex_lock(&o->shard->lock);
	lasts = lasts_locked(o);
	if (lasts && epoch)
		g->epoch = *epoch;
	if (lasts) {
		got_locked(o);
		g->unsaid += !o->unsaid;
		o->unsaid = true;
	}
	pthread_mutex_unlock(&o->shard->lock);
	return lasts;
}

struct fsa_got fsa_grant_now(struct fsa_open *o)
{
	struct fsa_got now = {0};

	if (!o->shard)
		return now;
	pthread_mutex_lock(&o->shard->lock);
	if (o->node && o->grant)
		now = (struct fsa_got){.cache = o->grant->state, .breaking = o->grant->breaking, .epoch = o->grant->epoch};
	pthread_mutex_unlock(&o->shard->lock);
	return now;
}

uint32_t fsa_directory_leases(const struct fsa *f)
{
	return atomic_load_explicit(&f->directory_leases, memory_order_relaxed);
}

uint8_t fsa_oplock_level(struct fsa_open *o)
{
	uint8_t state = 0;

	if (!o->shard)
		return FSA_OPLOCK_NONE;
	pthread_mutex_lock(&o->shard->lock);
	if (o->grant && o->node)
		state = o->grant->state;
	pthread_mutex_unlock(&o->shard->lock);
	return fsa_level_of_cache(state);
}

/* --- waiting --- */

static bool node_breaking_locked(const struct fsa_node *node)
{
	list_for_each(n, &node->grants) {
		if (list_entry(n, struct fsa_grant, link)->breaking)
			return true;
	}
	return false;
}

void fsa_waiter_init(struct fsa *f, struct vfs_id id, uint32_t ended, struct fsa_waiter *w)
{
	w->shard = fsa_shard_of(f, id);
	w->waiting = false;
	w->ended = ended;
	list_init(&w->link);
}

bool fsa_wait(struct fsa *f, struct vfs_id id, struct fsa_waiter *w)
{
	struct fsa_shard *shard;
	uint64_t hash;
	struct fsa_node *node = fsa_node_lock(f, id, &shard, &hash);
	bool wait = node && node->breaks_ended == w->ended && node_breaking_locked(node);

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

/* Oplocks and leases, what breaks them: [MS-FSA] 2.1.4.12 and 2.1.5.19, [MS-SMB2] 3.3.1.4, 3.3.5.22. What several opens of one key
 * may cache is one grant; so is the oplock of a single open. A break of more than the caching of reads is told to the
 * holder, who acknowledges; whoever needs what is cached for writing or of handles waits for that. */
#include "fsa/node.h"

/* Rights that do not touch what a holder may have cached ([MS-FSA] 2.1.4.12); to leases reading the descriptor is one of them. */
#define HARMLESS_ACCESS (FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | ACCESS_SYNCHRONIZE)

bool fsa_access_looks(uint32_t access)
{
	return (access & ~(uint32_t)(HARMLESS_ACCESS | ACCESS_READ_CONTROL)) == 0;
}

static bool harmless(const struct fsa_enter *e, const struct fsa_grant *g)
{
	if (e->overwrites || e->delete_on_close)
		return false;
	return g->lease ? fsa_access_looks(e->access) : (e->access & ~(uint32_t)HARMLESS_ACCESS) == 0;
}

void fsa_breaks_init(struct fsa_breaks *b)
{
	list_init(&b->grants);
	b->ended = 0;
}

bool fsa_breaks_next(struct fsa_breaks *b, struct fsa_notice *n)
{
	struct fsa_grant *g;

	if (list_empty(&b->grants))
		return false;
	g = list_entry(b->grants.next, struct fsa_grant, to_tell);
	list_remove(&g->to_tell);
	pthread_mutex_lock(&g->shard->lock);
	g->telling = false;
	*n = (struct fsa_notice){
		.grant = g, .from = g->told_from, .to = g->breaking ? g->break_to : g->state, .epoch = g->epoch,
		.acknowledge = g->breaking,
	};
	pthread_mutex_unlock(&g->shard->lock);
	return true;
}

static void tell_locked(struct fsa_grant *g, struct fsa_breaks *b)
{
	g->untold = g->unsaid > 0;
	if (g->untold || g->telling)
		return;
	g->telling = true;
	g->shard->hold(g);
	list_append(&b->grants, &g->to_tell);
}

/* The holder is left with no more than `to`. One who only caches reads has nothing to bring back and is just told. */
static void break_locked(struct fsa_grant *g, uint8_t to, struct fsa_breaks *b)
{
	bool changed = (g->state & ~to) != 0;

	to &= g->state;
	if (g->whole && !(to & FSA_CACHE_WRITE))
		to = 0;
	if (g->breaking)
		g->wanted &= to;
	if (g->breaking || !changed)
		return;
	if (!g->untold && !g->telling)
		g->told_from = g->state;
	g->epoch++;
	g->held = g->state;
	if (g->state == FSA_CACHE_READ) {
		g->state = to;
	} else {
		g->breaking = true;
		g->break_to = g->wanted = to;
	}
	tell_locked(g, b);
}

static bool level_ii(const struct fsa_grant *g)
{
	return !g->lease && !(g->state & FSA_CACHE_WRITE);
}

static ntstatus pending_locked(const struct fsa_node *node, struct fsa_breaks *b)
{
	b->ended = node->breaks_ended;
	return STATUS_PENDING;
}

/* How an open breaks what somebody else holds ([MS-FSA] 2.1.4.12, OPEN and OPEN_BREAK_H); true: it has to wait. */
static bool break_by_open_one_locked(struct fsa_grant *g, const struct fsa_enter *e, bool conflict, struct fsa_breaks *b)
{
	uint8_t left = e->overwrites ? 0 : FSA_CACHE_READ | FSA_CACHE_HANDLE;
	uint8_t needed = FSA_CACHE_WRITE;

	if (g->lease && conflict) {
		left = e->overwrites ? 0 : FSA_CACHE_READ | FSA_CACHE_WRITE;
		needed = FSA_CACHE_HANDLE;
	} else if (g->lease && e->delete_on_close) {
		left = e->overwrites ? 0 : FSA_CACHE_READ;
		needed = FSA_CACHE_WRITE | FSA_CACHE_HANDLE;
	} else if (!g->lease && (g->state & FSA_CACHE_WRITE)) {
		left = e->overwrites ? 0 : FSA_CACHE_READ;
	} else if (conflict) {
		return false;
	}
	/* A conflict matters to those alone who may have kept the file open for nothing. */
	if (g->lease && conflict && !(g->state & FSA_CACHE_HANDLE))
		return false;
	break_locked(g, left, b);
	return ((g->breaking ? g->held : g->state) & needed) != 0;
}

ntstatus fsa_break_by_open_locked(struct fsa_node *node, const struct fsa_enter *e, bool conflict, struct fsa_breaks *b)
{
	bool wait = false;

	list_for_each(n, &node->grants) {
		struct fsa_grant *g = list_entry(n, struct fsa_grant, link);

		if ((g == e->grant && g->lease) || harmless(e, g))
			continue;
		/* An exclusive holder means to keep the file open; only a batch holder may have closed it behind the client's back. */
		if (conflict && !g->lease && !g->breaking && g->state == (FSA_CACHE_READ | FSA_CACHE_WRITE))
			return STATUS_SHARING_VIOLATION;
		wait |= break_by_open_one_locked(g, e, conflict, b);
	}
	return wait ? pending_locked(node, b) : STATUS_SUCCESS;
}

/* Renaming and deleting need handles that are only cached to be closed; a batch oplock does not survive a rename. */
static bool break_handles_locked(struct fsa_grant *g, enum fsa_operation op, struct fsa_breaks *b)
{
	bool batch = !g->lease && op == FSA_RENAMES;

	if (!(g->state & FSA_CACHE_HANDLE) || (!g->lease && !batch))
		return false;
	break_locked(g, batch ? 0 : FSA_CACHE_READ | FSA_CACHE_WRITE, b);
	return true;
}

ntstatus fsa_break_locked(struct fsa_node *node, const struct fsa_open *o, enum fsa_operation op, struct fsa_breaks *b)
{
	bool wait = false;

	list_for_each(n, &node->grants) {
		struct fsa_grant *g = list_entry(n, struct fsa_grant, link);

		if (o && o->grant == g && !(op == FSA_WRITES && level_ii(g)))
			continue;
		if (op == FSA_WRITES)
			break_locked(g, 0, b);
		else
			wait |= break_handles_locked(g, op, b);
	}
	return wait ? pending_locked(node, b) : STATUS_SUCCESS;
}

ntstatus fsa_break(struct fsa *f, struct vfs_id id, const struct fsa_open *o, enum fsa_operation op, struct fsa_breaks *b)
{
	struct fsa_shard *shard;
	uint64_t hash;
	struct fsa_node *node = fsa_node_lock(f, id, &shard, &hash);
	ntstatus status = node ? fsa_break_locked(node, o, op, b) : STATUS_SUCCESS;

	pthread_mutex_unlock(&shard->lock);
	return status;
}

void fsa_oplock_written(struct fsa_open *o, struct fsa_breaks *b)
{
	if (!o->shard)
		return;
	pthread_mutex_lock(&o->shard->lock);
	/* Writing does not wait: nobody else can have writes of his own to bring back. */
	if (o->node)
		(void)fsa_break_locked(o->node, o, FSA_WRITES, b).code;
	pthread_mutex_unlock(&o->shard->lock);
}

void fsa_directory_changed(struct fsa *f, struct vfs_id id, const struct fsa_key *parent, struct fsa_breaks *b)
{
	struct fsa_shard *shard;
	uint64_t hash;
	const struct fsa_node *node = fsa_node_lock(f, id, &shard, &hash);

	if (node) {
		list_for_each(n, &node->grants) {
			struct fsa_grant *g = list_entry(n, struct fsa_grant, link);

			if (g->lease && !(parent && memcmp(parent, &g->key, sizeof(g->key)) == 0))
				break_locked(g, 0, b);
		}
	}
	pthread_mutex_unlock(&shard->lock);
}

static bool is_lease(const struct fsa_grant *g, const struct fsa_key *key)
{
	return g->lease && memcmp(&g->key, key, sizeof(*key)) == 0;
}

bool fsa_lease_breaking(struct fsa *f, struct vfs_id id, const struct fsa_key *key)
{
	struct fsa_shard *shard;
	uint64_t hash;
	const struct fsa_node *node = fsa_node_lock(f, id, &shard, &hash);
	bool breaking = false;

	if (node) {
		list_for_each(n, &node->grants) {
			const struct fsa_grant *g = list_entry(n, struct fsa_grant, link);

			breaking = breaking || (g->breaking && is_lease(g, key));
		}
	}
	pthread_mutex_unlock(&shard->lock);
	return breaking;
}

/* Of one file, those that go: with that key, or (NULL) those of the whole file. */
static void give_up(struct fsa *f, struct vfs_id id, const struct fsa_key *key, struct fsa_breaks *b)
{
	struct fsa_shard *shard;
	uint64_t hash;
	const struct fsa_node *node = fsa_node_lock(f, id, &shard, &hash);

	if (node) {
		list_for_each(n, &node->grants) {
			struct fsa_grant *g = list_entry(n, struct fsa_grant, link);

			if (key ? is_lease(g, key) : g->whole)
				break_locked(g, 0, b);
		}
	}
	pthread_mutex_unlock(&shard->lock);
}

void fsa_break_whole(struct fsa *f, struct vfs_id id, struct fsa_breaks *b)
{
	give_up(f, id, NULL, b);
}

void fsa_lease_give_up(struct fsa *f, struct vfs_id id, const struct fsa_key *key, struct fsa_breaks *b)
{
	give_up(f, id, key, b);
}

static void break_directory_locked(struct htab_node *n, void *arg)
{
	list_for_each(l, &CONTAINER_OF(n, struct fsa_node, by_id)->grants) {
		struct fsa_grant *g = list_entry(l, struct fsa_grant, link);

		if (g->lease && g->directory)
			break_locked(g, 0, arg);
	}
}

void fsa_directories_changed(struct fsa *f, struct fsa_breaks *b)
{
	for (size_t i = 0; i < FSA_SHARDS; i++) {
		pthread_mutex_lock(&f->shards[i].lock);
		htab_each(&f->shards[i].nodes, break_directory_locked, b);
		pthread_mutex_unlock(&f->shards[i].lock);
	}
}

/* --- the holder's answers --- */

/* A break of the grant has ended. */
static void ended_locked(struct fsa_grant *g, struct list_node *woken)
{
	g->breaking = false;
	g->node->breaks_ended++;
	fsa_waiters_take_locked(g->node, woken);
}

/* The verdicts of [MS-SMB2] 3.3.5.22.1. An answer that makes no sense ends the break with no oplock at all. */
static ntstatus acknowledge_locked(struct fsa_open *o, uint8_t level, struct list_node *woken)
{
	struct fsa_grant *g = o->grant && !o->grant->lease ? o->grant : NULL;
	bool alone = g && (g->state & FSA_CACHE_WRITE);
	bool sensible = level == FSA_OPLOCK_NONE || (level == FSA_OPLOCK_II && alone);

	if (!o->node)
		return STATUS_FILE_CLOSED;
	/* Level II breaks without an answer, and one that comes all the same is out of turn. */
	if (g && !g->breaking && (g->state == 0 ? g->held == FSA_CACHE_READ : !sensible))
		return STATUS_INVALID_OPLOCK_PROTOCOL;
	if (!g || !g->breaking)
		return STATUS_INVALID_DEVICE_STATE;
	/* Level II was not on offer when the break goes to none. */
	g->state = sensible && level == FSA_OPLOCK_II ? g->break_to : 0;
	ended_locked(g, woken);
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
	status = acknowledge_locked(o, level, &woken);
	pthread_mutex_unlock(&o->shard->lock);
	fsa_waiters_wake(&woken);
	return status;
}

/* What others have asked for meanwhile: handles are given up before reads are, and nobody goes on before all is done. To the client all
 * of it is one break, with one epoch (smb2.lease.v2_breaking3). */
static void break_on_locked(struct fsa_grant *g, struct fsa_breaks *b)
{
	uint8_t wanted = g->wanted, held = g->held, lost = g->state & (uint8_t)~wanted;
	uint16_t epoch = g->epoch;

	g->breaking = false;
	break_locked(g, lost & FSA_CACHE_HANDLE ? wanted | (g->state & FSA_CACHE_READ) : wanted, b);
	g->wanted = wanted;
	g->held = held;
	g->epoch = epoch;
}

ntstatus fsa_lease_acknowledge(struct fsa_grant *g, uint32_t state, struct fsa_breaks *b)
{
	ntstatus status = STATUS_SUCCESS;
	struct list_node woken;

	list_init(&woken);
	if (!g->shard)
		return STATUS_UNSUCCESSFUL;
	pthread_mutex_lock(&g->shard->lock);
	if (!g->breaking) {
		status = STATUS_UNSUCCESSFUL;
	} else if (state & ~(uint32_t)g->break_to) {
		status = STATUS_REQUEST_NOT_ACCEPTED;
	} else {
		g->state = (uint8_t)state;
		break_on_locked(g, b);
		if (!g->breaking)
			ended_locked(g, &woken);
	}
	pthread_mutex_unlock(&g->shard->lock);
	fsa_waiters_wake(&woken);
	return status;
}

void fsa_grant_expire(struct fsa_grant *g)
{
	struct list_node woken;

	list_init(&woken);
	pthread_mutex_lock(&g->shard->lock);
	if (g->breaking) {
		g->state = 0;
		g->epoch++;
		ended_locked(g, &woken);
	}
	pthread_mutex_unlock(&g->shard->lock);
	fsa_waiters_wake(&woken);
}

bool fsa_grant_breaking(struct fsa_grant *g)
{
	bool breaking;

	if (!g->shard)
		return false;
	pthread_mutex_lock(&g->shard->lock);
	breaking = g->breaking;
	pthread_mutex_unlock(&g->shard->lock);
	return breaking;
}

/* --- what the client knows --- */

void fsa_grant_said(struct fsa_open *o, struct fsa_breaks *b)
{
	struct fsa_grant *g = o->grant;

	if (!g)
		return;
	pthread_mutex_lock(&g->shard->lock);
	g->unsaid -= o->unsaid;
	o->unsaid = false;
	if (g->untold && g->unsaid == 0)
		tell_locked(g, b);
	pthread_mutex_unlock(&g->shard->lock);
}

void fsa_grant_forget(struct fsa_open *o, struct fsa_breaks *b)
{
	struct fsa_grant *g = o->grant;

	if (!g)
		return;
	pthread_mutex_lock(&g->shard->lock);
	/* Nobody else has it who could be told. */
	if (g->opens <= 1)
		g->untold = false;
	pthread_mutex_unlock(&g->shard->lock);
	fsa_grant_said(o, b);
}

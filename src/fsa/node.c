/* Nodes: one for every file that is open, with its opens. Share modes and deletion, [MS-FSA] 2.1.5.1.2 and 2.1.5.4. A table
 * of nodes by file identity in shards, each with a mutex that guards its nodes and their lists; nothing in here blocks. */
#include "fsa/node.h"

#include "base/utf16.h"

#include <stdatomic.h>
#include <stdlib.h>

struct fsa *fsa_new(void (*hold)(struct fsa_grant *g))
{
	struct fsa *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	pthread_mutex_init(&f->watch_lock, NULL);
	list_init(&f->watches);
	for (size_t i = 0; i < FSA_SHARDS; i++) {
		pthread_mutex_init(&f->shards[i].lock, NULL);
		f->shards[i].hold = hold;
	}
	return f;
}

static void node_drop(struct htab_node *n, void *arg)
{
	(void)arg;
	free(CONTAINER_OF(n, struct fsa_node, by_id));
}

void fsa_free(struct fsa *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < FSA_SHARDS; i++) {
		htab_each(&f->shards[i].nodes, node_drop, NULL);
		htab_free(&f->shards[i].nodes);
		pthread_mutex_destroy(&f->shards[i].lock);
	}
	pthread_mutex_destroy(&f->watch_lock);
	free(f);
}

/* Of the file, whatever the stream. */
static uint64_t id_hash(struct vfs_id id)
{
	id.stream = 0;
	return hash_bytes(&id, sizeof(id));
}

struct fsa_shard *fsa_shard_of(struct fsa *f, struct vfs_id id)
{
	return &f->shards[id_hash(id) >> 58];
}

static struct fsa_node *node_find_locked(const struct fsa_shard *shard, struct vfs_id id, uint64_t hash)
{
	for (struct htab_node *n = htab_find(&shard->nodes, hash); n; n = htab_find_next(n)) {
		struct fsa_node *node = CONTAINER_OF(n, struct fsa_node, by_id);

		if (vfs_id_equal(node->id, id))
			return node;
	}
	return NULL;
}

struct fsa_node *fsa_node_of_file_locked(struct fsa_shard *shard, struct vfs_id id, uint64_t hash)
{
	id.stream = 0;
	return node_find_locked(shard, id, hash);
}

struct fsa_node *fsa_node_lock(struct fsa *f, struct vfs_id id, struct fsa_shard **shard, uint64_t *hash)
{
	*hash = id_hash(id);
	*shard = &f->shards[*hash >> 58];
	pthread_mutex_lock(&(*shard)->lock);
	return node_find_locked(*shard, id, *hash);
}

static void node_free_locked(struct fsa_node *node)
{
	htab_remove(&node->shard->nodes, &node->by_id);
	free(node);
}

static struct fsa_node *node_new_locked(struct fsa_shard *shard, struct vfs_id id, uint64_t hash)
{
	/* Not calloc, which passes by the memory that the thread has at hand. */
	struct fsa_node *node = malloc(sizeof(*node));

	if (!node)
		return NULL;
	*node = (struct fsa_node){.id = id, .shard = shard};
	list_init(&node->opens);
	list_init(&node->grants);
	list_init(&node->waiters);
	list_init(&node->lock_waits);
	if (!htab_insert(&shard->nodes, &node->by_id, hash)) {
		free(node);
		return NULL;
	}
	return node;
}

static bool conflicts_locked(const struct fsa_node *node, uint32_t access, uint32_t share)
{
	list_for_each(n, &node->opens) {
		const struct fsa_open *other = list_entry(n, struct fsa_open, link);

		if (fsa_share_conflict(access, share, other->access, other->share))
			return true;
	}
	return false;
}

/* --- files and their streams: who may delete the one keeps away who forbids that of the other --- */

/* The next node of the same file as id but for that of id itself. */
static struct fsa_node *sibling_next_locked(struct htab_node *n, struct vfs_id id)
{
	for (; n; n = htab_find_next(n)) {
		struct fsa_node *node = CONTAINER_OF(n, struct fsa_node, by_id);

		if (vfs_id_same_file(node->id, id) && node->id.stream != id.stream)
			return node;
	}
	return NULL;
}

#define each_sibling(node, shard, of, hash)                                                                            \
	(struct fsa_node *node = sibling_next_locked(htab_find(&(shard)->nodes, hash), of); node;                      \
		node = sibling_next_locked(htab_find_next(&node->by_id), of))

static bool shares_deletion(uint32_t access, uint32_t share)
{
	return !fsa_share_conflict(ACCESS_DELETE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, access, share);
}

/* Deleting a file deletes its streams, so that an open of the file that may do so needs what it would need of each of them. */
static bool sibling_conflict_locked(const struct fsa_shard *shard, const struct fsa_enter *e, uint64_t hash)
{
	bool deletes = (e->access & ACCESS_DELETE) || e->delete_on_close || e->overwrites;

	for each_sibling(node, shard, e->id, hash) {
		if (e->id.stream != 0 && node->id.stream != 0)
			continue;
		list_for_each(n, &node->opens) {
			const struct fsa_open *other = list_entry(n, struct fsa_open, link);

			if (e->id.stream == 0 && deletes && !shares_deletion(other->access, other->share))
				return true;
			if (e->id.stream != 0 && (other->access & ACCESS_DELETE) && !shares_deletion(e->access, e->share))
				return true;
		}
	}
	return false;
}

static bool file_is_going_locked(struct fsa_shard *shard, struct vfs_id id, uint64_t hash)
{
	const struct fsa_node *file = id.stream != 0 ? fsa_node_of_file_locked(shard, id, hash) : NULL;

	return file && (file->delete_pending || file->removing);
}

static bool streams_open_locked(const struct fsa_shard *shard, struct vfs_id file, uint64_t hash)
{
	for each_sibling(node, shard, file, hash) {
		if (!list_empty(&node->opens))
			return true;
	}
	return false;
}

static ntstatus enter_check_locked(struct fsa_node *node, const struct fsa_enter *e, struct fsa_breaks *b)
{
	bool conflict = conflicts_locked(node, e->access, e->share);
	ntstatus status = fsa_break_by_open_locked(node, e, conflict, b);
	return nt_ok(status) && conflict ? STATUS_SHARING_VIOLATION : status;
}

static void enter_locked(struct fsa *f, struct fsa_node *node, const struct fsa_enter *e, struct fsa_open *o, uint64_t hash)
{
	o->shard = node->shard;
	o->node = node;
	o->id = e->id;
	o->access = e->access;
	o->share = e->share;
	o->delete_on_close = e->delete_on_close;
	o->posix_delete = false;
	list_append(&node->opens, &o->link);
	fsa_locks_enter_locked(o, hash);
	fsa_grant_enter_locked(f, node, e, o);
}

ntstatus fsa_open_enter(struct fsa *f, const struct fsa_enter *e, struct fsa_open *o, struct fsa_breaks *b)
{
	struct fsa_shard *shard;
	uint64_t hash;
	struct fsa_node *node = fsa_node_lock(f, e->id, &shard, &hash);
	ntstatus status = STATUS_SUCCESS;

	if (file_is_going_locked(shard, e->id, hash) || (node && (node->delete_pending || node->removing)))
		status = STATUS_DELETE_PENDING;
	else if (sibling_conflict_locked(shard, e, hash))
		status = STATUS_SHARING_VIOLATION;
	else if (node)
		status = enter_check_locked(node, e, b);
	else if (!(node = node_new_locked(shard, e->id, hash)))
		status = STATUS_NO_MEMORY;
	if (nt_ok(status))
		enter_locked(f, node, e, o, hash);
	pthread_mutex_unlock(&shard->lock);
	return status;
}

void fsa_open_narrow(struct fsa_open *o, uint32_t access)
{
	pthread_mutex_lock(&o->shard->lock);
	o->access = access;
	pthread_mutex_unlock(&o->shard->lock);
}

/* A node that nobody needs any more. That of a file that is to go is needed while streams are open. */
static bool node_is_idle_locked(const struct fsa_node *node)
{
	if (!list_empty(&node->opens) || node->removing)
		return false;
	return node->id.stream != 0 || !node->delete_pending || node->unlinked ||
		!streams_open_locked(node->shard, node->id, node->by_id.hash);
}

/* The last open of a stream of a file that nobody has open otherwise and that is to go: the file's node takes over. */
static struct fsa_node *file_to_remove_locked(struct fsa_node *node)
{
	struct fsa_node *file = node->id.stream != 0 ? fsa_node_of_file_locked(node->shard, node->id, node->by_id.hash) : NULL;

	if (!file || !file->delete_pending || file->unlinked || file->removing || !list_empty(&file->opens) ||
		streams_open_locked(file->shard, file->id, file->by_id.hash))
		return NULL;
	return file;
}

/* true: what o->node stands for is to be removed now. */
static bool leave_locked(struct fsa *f, struct fsa_node *node, struct fsa_open *o)
{
	bool last, of_file = node->id.stream == 0;
	struct fsa_node *file;

	if (atomic_load(&o->wrote) || list_empty(&node->opens))
		fsa_written_end_locked(f, node);
	list_remove(&o->link);
	fsa_grant_leave_locked(o);
	if (o->delete_on_close)
		node->delete_pending = true;
	last = list_empty(&node->opens) && !(of_file && node->delete_pending && streams_open_locked(node->shard, node->id, node->by_id.hash));
	file = file_to_remove_locked(node);
	if (file) {
		o->removes_file = true;
		o->node = file;
	} else if (!node->delete_pending || node->unlinked || (!last && !o->posix_delete)) {
		o->node = NULL;
		return false;
	}
	o->node->removing = true;
	return true;
}

bool fsa_open_leave(struct fsa *f, struct fsa_open *o)
{
	struct list_node woken, locked;
	struct fsa_node *node;
	bool remove = false;

	list_init(&woken);
	list_init(&locked);
	if (!o->shard)
		return false;
	pthread_mutex_lock(&o->shard->lock);
	node = o->node;
	if (node) {
		fsa_locks_leave_locked(o, &locked);
		remove = leave_locked(f, node, o);
		/* Whoever waits for a file that is to be removed has to see it gone. */
		if (!remove || o->node != node)
			fsa_waiters_take_locked(node, &woken);
		if ((!remove || o->node != node) && node_is_idle_locked(node))
			node_free_locked(node);
	}
	pthread_mutex_unlock(&o->shard->lock);
	fsa_waiters_wake(&woken);
	fsa_lock_waits_wake(&locked);
	return remove;
}

void fsa_removed(struct fsa *f, struct fsa_open *o)
{
	struct fsa_node *node = o->node;
	struct fsa_shard *shard = o->shard;
	struct list_node woken;

	list_init(&woken);
	pthread_mutex_lock(&shard->lock);
	fsa_waiters_take_locked(node, &woken);
	atomic_fetch_add(&f->removals, 1);
	node->removing = false;
	node->unlinked = true;
	o->node = NULL;
	if (node_is_idle_locked(node))
		node_free_locked(node);
	pthread_mutex_unlock(&shard->lock);
	fsa_waiters_wake(&woken);
}

uint64_t fsa_removals(const struct fsa *f)
{
	return atomic_load(&f->removals);
}

void fsa_delete_pending_set(struct fsa_open *o, bool pending)
{
	if (!o->shard)
		return;
	pthread_mutex_lock(&o->shard->lock);
	if (o->node)
		o->node->delete_pending = pending;
	if (!pending)
		o->posix_delete = false;
	pthread_mutex_unlock(&o->shard->lock);
}

void fsa_posix_delete_set(struct fsa_open *o)
{
	if (!o->shard)
		return;
	pthread_mutex_lock(&o->shard->lock);
	o->posix_delete = true;
	if (o->node)
		o->node->delete_pending = true;
	pthread_mutex_unlock(&o->shard->lock);
}

bool fsa_delete_pending(const struct fsa_open *o)
{
	bool pending;

	if (!o->shard)
		return false;
	pthread_mutex_lock(&o->shard->lock);
	pending = o->node && o->node->delete_pending;
	pthread_mutex_unlock(&o->shard->lock);
	return pending;
}

bool fsa_id_delete_pending(struct fsa *f, struct vfs_id id)
{
	struct fsa_shard *shard;
	uint64_t hash;
	const struct fsa_node *node = fsa_node_lock(f, id, &shard, &hash);
	bool pending = node && (node->delete_pending || node->removing);

	pthread_mutex_unlock(&shard->lock);
	return pending;
}

ntstatus fsa_may_enter(struct fsa *f, struct vfs_id id, uint32_t access, uint32_t share)
{
	struct fsa_shard *shard;
	uint64_t hash;
	const struct fsa_node *node = fsa_node_lock(f, id, &shard, &hash);
	bool conflict = node && conflicts_locked(node, access, share);

	pthread_mutex_unlock(&shard->lock);
	return conflict ? STATUS_SHARING_VIOLATION : STATUS_SUCCESS;
}

ntstatus fsa_may_rename(struct fsa *f, struct vfs_id id, const struct fsa_open *o)
{
	struct fsa_shard *shard;
	uint64_t hash;
	const struct fsa_node *node = fsa_node_lock(f, id, &shard, &hash);
	ntstatus status = STATUS_SUCCESS;

	if (node) {
		list_for_each(n, &node->opens) {
			const struct fsa_open *other = list_entry(n, struct fsa_open, link);

			if (other != o && fsa_share_conflict(ACCESS_DELETE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
						  other->access, other->share))
				status = STATUS_SHARING_VIOLATION;
		}
	}
	pthread_mutex_unlock(&shard->lock);
	return status;
}

size_t fsa_open_count(struct fsa *f, struct vfs_id id)
{
	struct fsa_shard *shard;
	uint64_t hash;
	const struct fsa_node *node = fsa_node_lock(f, id, &shard, &hash);
	size_t count = 0;

	if (node) {
		list_for_each(n, &node->opens)
			count++;
	}
	pthread_mutex_unlock(&shard->lock);
	return count;
}

ntstatus fsa_no_streams_open(struct fsa *f, struct vfs_id id)
{
	struct fsa_shard *shard;
	uint64_t hash;
	bool open;

	(void)fsa_node_lock(f, id, &shard, &hash);
	open = id.stream == 0 && streams_open_locked(shard, id, hash);
	pthread_mutex_unlock(&shard->lock);
	return open ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

ntstatus fsa_may_replace(struct fsa *f, struct vfs_id id)
{
	return fsa_open_count(f, id) == 0 ? fsa_no_streams_open(f, id) : STATUS_ACCESS_DENIED;
}

struct beneath {
	struct slice directory;
	struct arena *arena;
	struct vfs_id *id;
	struct fsa_breaks *breaks;
	ntstatus status;
};

static bool node_is_beneath(const struct fsa_node *node, struct slice directory, struct arena *a)
{
	if (node->unlinked)
		return false;
	list_for_each(l, &node->opens) {
		const struct fsa_open *o = list_entry(l, struct fsa_open, link);
		struct slice name = o->file ? vfs_file_name(o->file, a) : slice_of(NULL, 0);

		if (name.len > directory.len + 2 && utf16_at(name, directory.len / 2) == '\\' &&
			utf16_equal_nocase(slice_of(name.data, directory.len), directory))
			return true;
	}
	return false;
}

/* Every lease of handles is told to let go; one that does not answer or close is enough to stand in the way. */
static void node_beneath(struct htab_node *n, void *arg)
{
	struct beneath *b = arg;
	struct fsa_node *node = CONTAINER_OF(n, struct fsa_node, by_id);
	ntstatus status;

	if (!node_is_beneath(node, b->directory, b->arena))
		return;
	status = fsa_break_locked(node, NULL, FSA_RENAMES, b->breaks);
	if (nt_is(status, STATUS_PENDING))
		*b->id = node->id;
	if (!nt_is(b->status, STATUS_PENDING))
		b->status = nt_is(status, STATUS_PENDING) ? status : STATUS_ACCESS_DENIED;
}

ntstatus fsa_open_beneath(struct fsa *f, struct slice directory, struct arena *a, struct vfs_id *id, struct fsa_breaks *breaks)
{
	struct beneath b = {.directory = directory, .arena = a, .id = id, .breaks = breaks, .status = STATUS_SUCCESS};

	for (size_t i = 0; i < FSA_SHARDS; i++) {
		pthread_mutex_lock(&f->shards[i].lock);
		htab_each(&f->shards[i].nodes, node_beneath, &b);
		pthread_mutex_unlock(&f->shards[i].lock);
	}
	return b.status;
}

/* The names of large directories, findable in any case without reading the directory again. An index is made when a search had to
 * read many names, and from then on inotify tells what has changed, whoever changed it: the kernel queues an event before the call
 * that caused it returns, and every search first takes the events that are there. So what had ended before the search began is seen by
 * it. A name that is found is looked at before it is believed, or opened. Where inotify does not hear of everything (network file systems), where it
 * is refused, and where there are too many names, directories are read as ever. */
#include "vfs/posix.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

/* An index in use is not given up for another, and what could not be indexed is not tried again, for this long. */
enum { KEEP_S = 10, HOPELESS_S = 60 };
enum { BYTES_MAX = 64 << 20, DIRECTORIES_MAX = 1024, EVENTS_BYTES = 16384, LISTING_BYTES = 32768, NAME_COST = 32 };
#define EVENTS (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR)

struct name {
	struct htab_node by_hash;
	char s[];
};

/* Of a directory. MAKING: only by the thread that makes it, which frees it once it is GONE. HOPELESS: only so that it is not tried again. */
struct index {
	struct htab_node by_id, by_wd;
	struct list_node used;  /* in posix_indexes.used */
	struct vfs_id id;
	int wd;
	enum { MAKING, COMPLETE, HOPELESS, GONE } state;
	time_t at;              /* COMPLETE: last used; HOPELESS: since when */
	size_t bytes;
	struct htab names;
};

static time_t now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return t.tv_sec;
}

static uint64_t id_hash(struct vfs_id id)
{
	return hash_u64(id.inode ^ id.device << 32);
}

static uint64_t name_hash(const char *s, size_t len)
{
	uint8_t wide[2 * POSIX_NAME_BYTES + 2];

	return utf16_hash_nocase(slice_of(wide, posix_name_to_wire(wide, s, len)));
}

void posix_indexes_init(struct posix_indexes *x)
{
	pthread_mutex_init(&x->lock, NULL);
	list_init(&x->used);
	x->fd = -1;
	x->most_bytes = BYTES_MAX;
	x->most_directories = DIRECTORIES_MAX;
}

/* --- the names of one --- */

static void name_free(struct htab_node *n, void *arg)
{
	(void)arg;
	free(CONTAINER_OF(n, struct name, by_hash));
}

static void names_free_locked(struct posix_indexes *x, struct index *i)
{
	htab_each(&i->names, name_free, NULL);
	htab_free(&i->names);
	i->names = (struct htab){0};
	x->bytes -= i->bytes;
	i->bytes = 0;
}

static struct name *name_find(const struct index *i, const char *s, uint64_t hash)
{
	for (struct htab_node *n = htab_find(&i->names, hash); n; n = htab_find_next(n)) {
		struct name *name = CONTAINER_OF(n, struct name, by_hash);

		if (strcmp(name->s, s) == 0)
			return name;
	}
	return NULL;
}

static bool name_add_locked(struct posix_indexes *x, struct index *i, const char *s)
{
	size_t len = strlen(s);
	uint64_t hash;
	struct name *name;

	if (len > POSIX_NAME_BYTES || strcmp(s, ".") == 0 || strcmp(s, "..") == 0)
		return true;
	hash = name_hash(s, len);
	if (name_find(i, s, hash))
		return true;
	name = malloc(sizeof(*name) + len + 1);
	if (!name)
		return false;
	memcpy(name->s, s, len + 1);
	if (!htab_insert(&i->names, &name->by_hash, hash)) {
		free(name);
		return false;
	}
	i->bytes += NAME_COST + len;
	x->bytes += NAME_COST + len;
	return true;
}

static void name_remove_locked(struct posix_indexes *x, struct index *i, const char *s)
{
	size_t len = strlen(s);
	struct name *name = len <= POSIX_NAME_BYTES ? name_find(i, s, name_hash(s, len)) : NULL;

	if (!name)
		return;
	htab_remove(&i->names, &name->by_hash);
	i->bytes -= NAME_COST + len;
	x->bytes -= NAME_COST + len;
	free(name);
}

/* --- the table --- */

static struct index *find_locked(const struct posix_indexes *x, struct vfs_id id)
{
	for (struct htab_node *n = htab_find(&x->by_id, id_hash(id)); n; n = htab_find_next(n)) {
		struct index *i = CONTAINER_OF(n, struct index, by_id);

		if (posix_id_equal(i->id, id))
			return i;
	}
	return NULL;
}

static struct index *watched_locked(const struct posix_indexes *x, int wd)
{
	for (struct htab_node *n = htab_find(&x->by_wd, hash_u64((uint64_t)wd)); n; n = htab_find_next(n)) {
		struct index *i = CONTAINER_OF(n, struct index, by_wd);

		if (i->wd == wd)
			return i;
	}
	return NULL;
}

static void unwatch_locked(struct posix_indexes *x, struct index *i)
{
	if (i->wd < 0)
		return;
	(void)inotify_rm_watch(x->fd, i->wd);
	htab_remove(&x->by_wd, &i->by_wd);
	i->wd = -1;
}

static void drop_locked(struct posix_indexes *x, struct index *i)
{
	bool making = i->state == MAKING;

	unwatch_locked(x, i);
	names_free_locked(x, i);
	htab_remove(&x->by_id, &i->by_id);
	list_remove(&i->used);
	atomic_fetch_sub(&x->count, 1);
	i->state = GONE;
	if (!making)
		free(i);
}

static void drop_all_locked(struct posix_indexes *x)
{
	list_for_each_safe(n, &x->used)
		drop_locked(x, list_entry(n, struct index, used));
}

void posix_indexes_end(struct posix_indexes *x)
{
	drop_all_locked(x);
	htab_free(&x->by_id);
	htab_free(&x->by_wd);
	if (x->fd >= 0)
		close(x->fd);
	pthread_mutex_destroy(&x->lock);
}

/* Makes room by what was not used for the longest time. false: all of it is in use. */
static bool give_one_up_locked(struct posix_indexes *x, const struct index *but)
{
	list_for_each(n, &x->used) {
		struct index *i = list_entry(n, struct index, used);

		if (i != but && i->state != MAKING && now() - i->at >= KEEP_S) {
			drop_locked(x, i);
			return true;
		}
	}
	return false;
}

/* --- events --- */

static void event_locked(struct posix_indexes *x, const struct inotify_event *e)
{
	struct index *i;

	if (e->mask & IN_Q_OVERFLOW) {
		drop_all_locked(x);
		return;
	}
	i = watched_locked(x, e->wd);
	if (!i)
		return;
	if (e->mask & (IN_IGNORED | IN_UNMOUNT))
		drop_locked(x, i);
	else if (e->len > 0 && (e->mask & (IN_DELETE | IN_MOVED_FROM)))
		name_remove_locked(x, i, e->name);
	else if (e->len > 0 && !name_add_locked(x, i, e->name))
		drop_locked(x, i);
}

static void events_take_locked(struct posix_indexes *x)
{
	_Alignas(struct inotify_event) char buf[EVENTS_BYTES];
	ssize_t n;

	do {
		n = read(x->fd, buf, sizeof(buf));
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(buf + at);

			at += (ssize_t)(sizeof(*e) + e->len);
			event_locked(x, e);
		}
		/* With room left for the longest event there was no other. */
	} while (n > (ssize_t)(sizeof(buf) - sizeof(struct inotify_event) - POSIX_NAME_BYTES));
}

/* --- making one --- */

static bool watch_locked(struct posix_indexes *x, struct index *i, int dir)
{
	char link[32];

	if (x->fd < 0)
		x->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
	i->wd = x->fd >= 0 ? inotify_add_watch(x->fd, link, EVENTS) : -1;
	if (i->wd < 0) {
		if (!x->told)
			log_warn("searching large directories will be slow: inotify: %s",
				errno == ENOSPC ? "fs.inotify.max_user_watches is too low" :
				errno == EMFILE ? "fs.inotify.max_user_instances is too low" : strerrordesc_np(errno));
		x->told = true;
		return false;
	}
	if (htab_insert(&x->by_wd, &i->by_wd, hash_u64((uint64_t)i->wd)))
		return true;
	(void)inotify_rm_watch(x->fd, i->wd);
	i->wd = -1;
	return false;
}

/* It is in the table from now on, as one that is being made or is hopeless. */
static struct index *begin_locked(struct posix_indexes *x, int dir, struct vfs_id id)
{
	struct index *i;

	if (x->count >= x->most_directories && !give_one_up_locked(x, NULL))
		return NULL;
	i = calloc(1, sizeof(*i));
	if (!i)
		return NULL;
	*i = (struct index){.id = id, .wd = -1, .state = MAKING, .at = now()};
	if (!htab_insert(&x->by_id, &i->by_id, id_hash(id))) {
		free(i);
		return NULL;
	}
	list_append(&x->used, &i->used);
	atomic_fetch_add(&x->count, 1);
	if (!(posix_fs_traits(dir) & POSIX_FS_LOCAL) || !watch_locked(x, i, dir))
		i->state = HOPELESS;
	return i;
}

static bool take_listing_locked(struct posix_indexes *x, struct index *i, const char *buf, ssize_t n)
{
	for (ssize_t at = 0; at < n && i->state == MAKING;) {
		const struct dirent64 *e = (const void *)(buf + at);

		at += e->d_reclen;
		if (!name_add_locked(x, i, e->d_name))
			return false;
	}
	while (x->bytes > x->most_bytes) {
		if (!give_one_up_locked(x, i))
			return false;
	}
	return true;
}

static bool read_all(struct posix_indexes *x, struct index *i, int dir)
{
	_Alignas(struct dirent64) char buf[LISTING_BYTES];
	bool ok = lseek(dir, 0, SEEK_SET) == 0;
	ssize_t n = 1;

	while (ok && n > 0) {
		n = getdents64(dir, buf, sizeof(buf));
		pthread_mutex_lock(&x->lock);
		/* So that they do not become too many meanwhile. */
		events_take_locked(x);
		ok = n >= 0 && take_listing_locked(x, i, buf, n) && i->state == MAKING;
		pthread_mutex_unlock(&x->lock);
	}
	return ok;
}

void posix_index_learn(struct posix_store *s, int dir, struct vfs_id id)
{
	struct posix_indexes *x = &s->indexes;
	struct index *i;
	bool ok;

	pthread_mutex_lock(&x->lock);
	i = find_locked(x, id);
	if (i && i->state == HOPELESS && now() - i->at >= HOPELESS_S) {
		drop_locked(x, i);
		i = NULL;
	}
	i = i ? NULL : begin_locked(x, dir, id);
	ok = i && i->state == MAKING;
	pthread_mutex_unlock(&x->lock);
	if (!ok)
		return;
	ok = read_all(x, i, dir);
	pthread_mutex_lock(&x->lock);
	if (i->state == GONE) {
		free(i);
	} else if (ok) {
		i->state = COMPLETE;
		i->at = now();
	} else {
		unwatch_locked(x, i);
		names_free_locked(x, i);
		i->state = HOPELESS;
		i->at = now();
	}
	pthread_mutex_unlock(&x->lock);
}

/* --- searching --- */

/* The very same, or any that differs only in case. */
static const struct name *best_locked(const struct index *i, const char *leaf, size_t len, uint64_t hash)
{
	const struct name *best = NULL;

	for (struct htab_node *n = htab_find(&i->names, hash); n; n = htab_find_next(n)) {
		const struct name *name = CONTAINER_OF(n, struct name, by_hash);

		if (strcmp(name->s, leaf) == 0)
			return name;
		if (!best && posix_name_equal_nocase(name->s, strlen(name->s), leaf, len))
			best = name;
	}
	return best;
}

static bool is_there(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

/* A candidate is copied to `found`. 1, 0, or -1: there is no index. `untrue`: one that was not there a moment ago; or NULL. Whether it is still not there
 * is asked with the lock held: somebody makes it before, and it is seen, or after, and the event is yet to be taken. */
static int search(struct posix_indexes *x, int dir, struct vfs_id id, const char *leaf, uint64_t hash, const char *untrue, char *found)
{
	const struct name *name;
	struct index *i;
	int result = -1;

	pthread_mutex_lock(&x->lock);
	i = find_locked(x, id);
	if (i && i->state == COMPLETE) {
		events_take_locked(x);
		i = find_locked(x, id);
	}
	if (i && i->state == COMPLETE) {
		if (untrue && !is_there(dir, untrue))
			name_remove_locked(x, i, untrue);
		list_remove(&i->used);
		list_append(&x->used, &i->used);
		i->at = now();
		name = best_locked(i, leaf, strlen(leaf), hash);
		if (name)
			memcpy(found, name->s, strlen(name->s) + 1);
		result = name != NULL;
	}
	pthread_mutex_unlock(&x->lock);
	return result;
}

int posix_index_match(struct posix_store *s, int dir, struct vfs_id id, const char *leaf, bool look, char found[POSIX_NAME_BYTES + 1])
{
	char untrue[POSIX_NAME_BYTES + 1];
	size_t len = strlen(leaf);
	uint64_t hash;
	int match;

	if (atomic_load_explicit(&s->indexes.count, memory_order_relaxed) == 0 || len > POSIX_NAME_BYTES)
		return -1;
	hash = name_hash(leaf, len);
	match = search(&s->indexes, dir, id, leaf, hash, NULL, found);
	while (match == 1 && look && !is_there(dir, found)) {
		memcpy(untrue, found, strlen(found) + 1);
		match = search(&s->indexes, dir, id, leaf, hash, untrue, found);
	}
	return match;
}

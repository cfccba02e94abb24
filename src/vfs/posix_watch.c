/* Which directories are watched: those that somebody asked for, and those beneath them where he asked for a tree. Paths are as
 * posix.h has them. Read posix_watch.h first; the events are in posix_event.c. */
#include "vfs/posix_watch.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LISTING_BYTES = 8192 };

static void refused_locked(struct posix_changes *c, const char *what)
{
	if (!c->refused)
		log_warn("some changes by local programs will not be told: %s: %s", what,
			errno == ENOSPC ? "fs.inotify.max_user_watches is too low" :
			errno == EMFILE ? "fs.inotify.max_user_instances, or the limit of open files, is too low" : strerrordesc_np(errno));
	c->refused = true;
}

static int watch_fd(int inotify, int fd, uint32_t events)
{
	char link[32];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return inotify_add_watch(inotify, link, events);
}

/* A file in memory whose writes are told. They are not of the descriptor that memfd_create(2) gives (Linux 6.14). */
static int fence_open(void)
{
	int made = memfd_create("hythe-fence", MFD_CLOEXEC), fd;
	char link[32];

	if (made < 0)
		return -1;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", made);
	fd = open(link, O_RDWR | O_CLOEXEC);
	close(made);
	return fd;
}

static void fences_close_locked(struct posix_changes *c)
{
	for (size_t i = 0; i < 2; i++) {
		if (c->fence_fd[i] >= 0)
			close(c->fence_fd[i]);
		c->fence_fd[i] = c->fence_wd[i] = -1;
	}
}

/* Without fences there are no notes, and all that the store does itself is told as well. */
static void fences_open_locked(struct posix_changes *c)
{
	_Alignas(struct inotify_event) char buf[4 * sizeof(struct inotify_event)];
	bool work = true;

	for (size_t i = 0; i < 2 && work; i++) {
		c->fence_fd[i] = fence_open();
		c->fence_wd[i] = c->fence_fd[i] >= 0 ? watch_fd(c->fd, c->fence_fd[i], IN_MODIFY) : -1;
		work = c->fence_wd[i] >= 0 && pwrite(c->fence_fd[i], "", 1, 0) == 1;
	}
	work = work && read(c->fd, buf, sizeof(buf)) == 2 * (ssize_t)sizeof(struct inotify_event);
	if (!work) {
		log_warn("changes that clients make will be told twice to those who watch: %s", strerrordesc_np(errno));
		fences_close_locked(c);
	}
}

static bool open_locked(struct posix_changes *c)
{
	if (c->fd >= 0)
		return true;
	c->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (c->fd < 0)
		refused_locked(c, "inotify_init1");
	else
		fences_open_locked(c);
	return c->fd >= 0;
}

void posix_changes_init(struct posix_changes *c)
{
	pthread_mutex_init(&c->lock, NULL);
	c->fd = c->fence_fd[0] = c->fence_fd[1] = c->fence_wd[0] = c->fence_wd[1] = -1;
	list_init(&c->passing);
	list_init(&c->found);
	list_init(&c->pruning);
}

void posix_changes_end(struct posix_changes *c)
{
	struct posix_note *note;

	c->fences_passed = c->fences_made;
	while ((note = posix_note_passed_locked(c)) != NULL)
		free(note);
	list_for_each_safe(n, &c->found)
		free(list_entry(n, struct posix_path_item, link));
	htab_free(&c->notes);
	htab_free(&c->by_wd);
	htab_free(&c->by_path);
	fences_close_locked(c);
	if (c->fd >= 0)
		close(c->fd);
	pthread_mutex_destroy(&c->lock);
}

/* --- the table --- */

struct posix_watched *posix_watched_at_locked(const struct posix_changes *c, const char *path, size_t len)
{
	for (struct htab_node *n = htab_find(&c->by_path, hash_bytes(path, len)); n != NULL; n = htab_find_next(n)) {
		struct posix_watched *d = CONTAINER_OF(n, struct posix_watched, by_path);

		if (d->path_len == len && memcmp(d->path, path, len) == 0)
			return d;
	}
	return NULL;
}

struct posix_watched *posix_watched_of_locked(const struct posix_changes *c, int wd)
{
	for (struct htab_node *n = htab_find(&c->by_wd, hash_u64((uint64_t)wd)); n != NULL; n = htab_find_next(n)) {
		struct posix_watched *d = CONTAINER_OF(n, struct posix_watched, by_wd);

		if (d->wd == wd)
			return d;
	}
	return NULL;
}

bool posix_watched_as_tree(const struct posix_watched *d)
{
	for (; d != NULL; d = d->parent) {
		if (d->tree_watches > 0)
			return true;
	}
	return false;
}

/* The directory that one of that path is in; the root is in none. */
static struct posix_watched *parent_locked(const struct posix_changes *c, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (path[0] == 0)
		return NULL;
	return posix_watched_at_locked(c, path, slash != NULL ? (size_t)(slash - path) : 0);
}

static void count_beneath_locked(struct posix_watched *parent, const struct posix_watched *d, bool more)
{
	for (; parent != NULL; parent = parent->parent)
		parent->beneath = more ? parent->beneath + 1 + d->beneath : parent->beneath - 1 - d->beneath;
}

static void detach_locked(struct posix_watched *d)
{
	count_beneath_locked(d->parent, d, false);
	list_remove(&d->sibling);
	d->parent = NULL;
}

/* Below the directory that its path names, if that is watched and is not beneath it itself (paths may be old). */
static void attach_locked(const struct posix_changes *c, struct posix_watched *d)
{
	struct posix_watched *parent = parent_locked(c, d->path);

	if (parent == d->parent)
		return;
	detach_locked(d);
	for (const struct posix_watched *up = parent; up != NULL; up = up->parent) {
		if (up == d)
			return;
	}
	d->parent = parent;
	if (parent == NULL)
		return;
	list_append(&parent->children, &d->sibling);
	count_beneath_locked(parent, d, true);
}

static void free_locked(struct posix_changes *c, struct posix_watched *d)
{
	list_for_each_safe(n, &d->children)
		detach_locked(list_entry(n, struct posix_watched, sibling));
	detach_locked(d);
	if (d->wd >= 0) {
		htab_remove(&c->by_wd, &d->by_wd);
		inotify_rm_watch(c->fd, d->wd);
	}
	htab_remove(&c->by_path, &d->by_path);
	list_remove(&d->work);
	atomic_fetch_sub(&c->dirs, 1);
	free(d->path);
	free(d);
}

/* Ends what nobody has asked for any more, from d downwards. */
static void prune_locked(struct posix_changes *c, struct posix_watched *d)
{
	struct list_node *work = &c->pruning;

	list_append(work, &d->work);
	while (!list_empty(work)) {
		d = list_entry(work->next, struct posix_watched, work);
		list_remove(&d->work);
		if (posix_watched_as_tree(d))
			continue;
		list_for_each(n, &d->children)
			list_append(work, &list_entry(n, struct posix_watched, sibling)->work);
		if (list_empty(&d->watches))
			free_locked(c, d);
	}
}

static void wd_set_locked(struct posix_changes *c, struct posix_watched *d, int wd)
{
	if (d->wd >= 0)
		htab_remove(&c->by_wd, &d->by_wd);
	d->wd = wd >= 0 && htab_insert(&c->by_wd, &d->by_wd, hash_u64((uint64_t)wd)) ? wd : -1;
}

static struct posix_watched *new_locked(struct posix_changes *c, int wd, const char *path)
{
	struct posix_watched *d = calloc(1, sizeof(*d));
	char *copy = strdup(path);

	if (d == NULL || copy == NULL)
		goto fail;
	*d = (struct posix_watched){.wd = -1, .path = copy, .path_len = strlen(path)};
	list_init(&d->children);
	list_init(&d->sibling);
	list_init(&d->work);
	list_init(&d->watches);
	if (!htab_insert(&c->by_path, &d->by_path, hash_bytes(path, d->path_len)))
		goto fail;
	wd_set_locked(c, d, wd);
	if (d->wd < 0) {
		htab_remove(&c->by_path, &d->by_path);
		goto fail;
	}
	atomic_fetch_add(&c->dirs, 1);
	return d;
fail:
	free(copy);
	free(d);
	return NULL;
}

/* Gives a directory and what is beneath it another path; *to begins with to_len bytes that replace the first from_len. */
static bool path_set_locked(struct posix_changes *c, struct posix_watched *d, const char *to, size_t to_len, size_t from_len)
{
	size_t rest = d->path_len - from_len;
	char *path = malloc(to_len + rest + 1);

	if (path == NULL)
		return false;
	memcpy(path, to, to_len);
	memcpy(path + to_len, d->path + from_len, rest + 1);
	htab_remove(&c->by_path, &d->by_path);
	free(d->path);
	d->path = path;
	d->path_len = to_len + rest;
	/* There is a bucket array by now. */
	return htab_insert(&c->by_path, &d->by_path, hash_bytes(path, d->path_len));
}

struct beneath {
	const char *path;
	size_t len;
	struct list_node *found;
};

static bool is_beneath(const struct posix_watched *d, const char *path, size_t len)
{
	return d->path_len >= len && memcmp(d->path, path, len) == 0 && (d->path_len == len || len == 0 || d->path[len] == '/');
}

static void note_beneath(struct htab_node *n, void *arg)
{
	struct posix_watched *d = CONTAINER_OF(n, struct posix_watched, by_path);
	const struct beneath *b = arg;

	if (is_beneath(d, b->path, b->len))
		list_append(b->found, &d->work);
}

void posix_watched_moved_locked(struct posix_changes *c, const char *from, const char *to)
{
	struct posix_watched *top;
	struct list_node moved;
	struct beneath b = {from, strlen(from), &moved};

	list_init(&moved);
	htab_each(&c->by_path, note_beneath, &b);
	if (list_empty(&moved))
		return;
	list_for_each(n, &moved)
		(void)path_set_locked(c, list_entry(n, struct posix_watched, work), to, strlen(to), b.len);
	top = posix_watched_at_locked(c, to, strlen(to));
	while (!list_empty(&moved))
		list_remove(moved.next);
	if (top != NULL) {
		attach_locked(c, top);
		prune_locked(c, top);
	}
}

void posix_watched_left_locked(struct posix_changes *c, const char *path)
{
	struct posix_watched *d = posix_watched_at_locked(c, path, strlen(path));

	if (d != NULL) {
		detach_locked(d);
		prune_locked(c, d);
	}
}

void posix_watched_gone_locked(struct posix_changes *c, struct posix_watched *d)
{
	htab_remove(&c->by_wd, &d->by_wd);
	d->wd = -1;
	if (list_empty(&d->watches))
		free_locked(c, d);
}

void posix_watched_refresh_locked(struct posix_store *s, struct posix_watched *d)
{
	struct posix_path now;
	char *old;

	if (list_empty(&d->watches))
		return;
	posix_file_path(list_entry(d->watches.next, struct posix_watch, link)->file, &now);
	if (strcmp(now.s, d->path) == 0)
		return;
	old = strdup(d->path);
	if (old != NULL)
		posix_watched_moved_locked(&s->changes, old, now.s);
	free(old);
}

/* Asks for more kinds of events, of the directories that are watched already as well. */
static void widen(struct htab_node *n, void *arg)
{
	struct posix_store *s = arg;
	const struct posix_watched *d = CONTAINER_OF(n, struct posix_watched, by_path);
	int fd = d->wd >= 0 ? posix_at(s, d->path, O_PATH | O_DIRECTORY) : -1;

	if (fd >= 0) {
		int wd = watch_fd(s->changes.fd, fd, s->changes.events);

		/* Another directory by now. */
		if (wd >= 0 && wd != d->wd && posix_watched_of_locked(&s->changes, wd) == NULL)
			inotify_rm_watch(s->changes.fd, wd);
		close(fd);
	}
}

static void want_locked(struct posix_store *s, uint32_t what)
{
	uint32_t events = IN_ONLYDIR | IN_EXCL_UNLINK | POSIX_EVENTS_NAMES;

	events |= (what & VFS_WATCH_DATA) != 0 ? IN_MODIFY : 0;
	events |= (what & VFS_WATCH_ATTRIBUTES) != 0 ? IN_ATTRIB : 0;
	/* While nobody watches there is nothing to keep. */
	if (s->changes.dirs == 0)
		s->changes.events = events;
	if ((events & ~s->changes.events) == 0)
		return;
	s->changes.events |= events;
	htab_each(&s->changes.by_path, widen, s);
}

/* The directory open as fd, that of `path`, among those that are watched; NULL: it cannot be. */
static struct posix_watched *watch_locked(struct posix_store *s, int fd, const char *path)
{
	struct posix_changes *c = &s->changes;
	struct posix_watched *d = posix_watched_at_locked(c, path, strlen(path)), *known;
	int wd;

	if (d == NULL && c->dirs >= POSIX_WATCHED_DIRS)
		return NULL;
	wd = watch_fd(c->fd, fd, c->events);
	if (wd < 0) {
		if (errno == ENOSPC || errno == ENOMEM)
			refused_locked(c, "inotify_add_watch");
		return NULL;
	}
	known = posix_watched_of_locked(c, wd);
	if (known != NULL && known != d) {
		/* It has moved here. */
		char *old = strdup(known->path);

		if (d != NULL && list_empty(&d->watches))
			free_locked(c, d);
		if (old != NULL)
			posix_watched_moved_locked(c, old, path);
		free(old);
		known = posix_watched_of_locked(c, wd);
		/* Where it is now nobody had asked for it yet. */
		return known != NULL || old == NULL ? known : watch_locked(s, fd, path);
	}
	if (d == NULL)
		d = new_locked(c, wd, path);
	else if (d->wd != wd)
		wd_set_locked(c, d, wd);
	if (d != NULL)
		attach_locked(c, d);
	else
		inotify_rm_watch(c->fd, wd);
	return d;
}

/* --- trees --- */

bool posix_path_item_add(struct list_node *list, const char *path, size_t len, bool directory, bool tell)
{
	struct posix_path_item *item = malloc(sizeof(*item) + len + 1);

	if (item == NULL)
		return false;
	item->directory = directory;
	item->tell = tell;
	item->len = len;
	memcpy(item->path, path, len);
	item->path[len] = 0;
	list_append(list, &item->link);
	return true;
}

static void incomplete_locked(struct posix_watched *d)
{
	for (; d != NULL; d = d->parent)
		d->incomplete = true;
}

static bool room_locked(const struct posix_watched *d)
{
	for (; d != NULL; d = d->parent) {
		if (d->tree_watches > 0 && d->beneath < POSIX_TREE_DIRS)
			return true;
	}
	return false;
}

/* One directory of a walk: whether to go on into it. */
static bool walk_into(struct posix_store *s, int fd, const struct posix_path_item *item)
{
	struct posix_changes *c = &s->changes;
	struct posix_watched *parent, *d;
	bool into = false;

	pthread_mutex_lock(&c->lock);
	d = posix_watched_at_locked(c, item->path, item->len);
	parent = parent_locked(c, item->path);
	if (posix_watched_as_tree(d) || posix_watched_as_tree(parent)) {
		if (d != NULL || room_locked(parent))
			d = watch_locked(s, fd, item->path);
		into = d != NULL && posix_watched_as_tree(d);
		if (d == NULL)
			incomplete_locked(parent);
	}
	pthread_mutex_unlock(&c->lock);
	return into;
}

/* A walk under way. */
struct walk {
	struct list_node *ahead, *found;
	unsigned count;              /* bounds both */
};

static bool walk_entry(struct walk *w, int fd, const struct posix_path_item *item, const struct dirent64 *e)
{
	size_t len = strlen(e->d_name), start = item->len > 0 ? item->len + 1 : 0;
	bool directory = e->d_type == DT_DIR;
	struct posix_path path;
	struct stat st;

	if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || start + len >= sizeof(path.s) ||
		(item->len == 0 && posix_side_is_hidden(e->d_name, len)))
		return true;
	if (e->d_type == DT_UNKNOWN && fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		directory = S_ISDIR(st.st_mode);
	if (!directory && !item->tell)
		return true;
	if (++w->count > 2 * POSIX_TREE_DIRS)
		return false;
	memcpy(path.s, item->path, item->len);
	path.s[item->len] = '/';
	memcpy(path.s + start, e->d_name, len);
	if (item->tell && !posix_path_item_add(w->found, path.s, start + len, directory, true))
		return false;
	return !directory || posix_path_item_add(w->ahead, path.s, start + len, true, item->tell);
}

/* What is in a directory: directories to go on with, and news. */
static bool walk_entries(struct walk *w, int fd, const struct posix_path_item *item)
{
	_Alignas(struct dirent64) char buf[LISTING_BYTES];
	ssize_t n;

	while ((n = getdents64(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *e = (const void *)(buf + at);

			at += e->d_reclen;
			if (!walk_entry(w, fd, item, e))
				return false;
		}
	}
	return true;
}

bool posix_watched_walk(struct posix_store *s, struct list_node *ahead, struct list_node *found)
{
	struct walk w = {ahead, found, 0};
	bool whole = true;

	while (!list_empty(ahead)) {
		struct posix_path_item *item = list_entry(ahead->next, struct posix_path_item, link);
		int fd = posix_at(s, item->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK);

		list_remove(&item->link);
		if (fd >= 0) {
			if (walk_into(s, fd, item) && !walk_entries(&w, fd, item)) {
				whole = false;
				pthread_mutex_lock(&s->changes.lock);
				incomplete_locked(posix_watched_at_locked(&s->changes, item->path, item->len));
				pthread_mutex_unlock(&s->changes.lock);
			}
			close(fd);
		}
		free(item);
	}
	return whole;
}

static void walk_tree(struct posix_store *s, const char *path)
{
	struct list_node ahead;

	list_init(&ahead);
	/* What is left out makes the tree incomplete, which its watchers are told with the next change. */
	if (posix_path_item_add(&ahead, path, strlen(path), true, false))
		(void)posix_watched_walk(s, &ahead, &ahead);
}

/* --- what clients ask for --- */

struct vfs_watch *posix_watch_add(struct vfs_file *vf, uint32_t what)
{
	struct posix_store *s = posix_store_of(vf->store);
	struct posix_changes *c = &s->changes;
	struct posix_watch *w = calloc(1, sizeof(*w));
	struct posix_path path;
	bool walked = true;

	if (w == NULL)
		return NULL;
	w->base.store = &s->vfs;
	w->file = posix_file_of(vf);
	w->what = what;
	posix_file_path(w->file, &path);
	pthread_mutex_lock(&c->lock);
	if (open_locked(c)) {
		want_locked(s, what);
		w->dir = watch_locked(s, w->file->fd, path.s);
	}
	if (w->dir != NULL) {
		list_append(&w->dir->watches, &w->link);
		walked = (what & VFS_WATCH_TREE) == 0 || posix_watched_as_tree(w->dir);
		w->dir->tree_watches += (what & VFS_WATCH_TREE) != 0;
	}
	pthread_mutex_unlock(&c->lock);
	if (w->dir == NULL) {
		free(w);
		return NULL;
	}
	if (!walked)
		walk_tree(s, path.s);
	return &w->base;
}

static struct posix_watch *watch_of(struct vfs_watch *w)
{
	return CONTAINER_OF(w, struct posix_watch, base);
}

void posix_watch_remove(struct vfs_watch *vw)
{
	struct posix_store *s = posix_store_of(vw->store);
	struct posix_watch *w = watch_of(vw);

	pthread_mutex_lock(&s->changes.lock);
	list_remove(&w->link);
	w->dir->tree_watches -= (w->what & VFS_WATCH_TREE) != 0;
	prune_locked(&s->changes, w->dir);
	pthread_mutex_unlock(&s->changes.lock);
	free(w);
}

bool posix_watch_incomplete(struct vfs_watch *vw)
{
	struct posix_store *s = posix_store_of(vw->store);
	const struct posix_watch *w = watch_of(vw);
	bool incomplete;

	pthread_mutex_lock(&s->changes.lock);
	incomplete = (w->what & VFS_WATCH_TREE) != 0 && w->dir->incomplete;
	pthread_mutex_unlock(&s->changes.lock);
	return incomplete;
}

int posix_changes_fd(struct vfs *v)
{
	struct posix_changes *c = &posix_store_of(v)->changes;
	int fd;

	pthread_mutex_lock(&c->lock);
	fd = c->fd;
	pthread_mutex_unlock(&c->lock);
	return fd;
}

/* Reading what inotify(7) has to tell, and telling it in the words of vfs.h: paths from the root, the two halves of a rename as
 * one change, nothing that the store did itself. Read posix_watch.h first. */
#include "vfs/posix_watch.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* The halves of a rename come one right behind the other. */
enum { EVENT_BYTES = 16384, ROUNDS = 16, SECOND_HALF_MS = 2 };

/* One reading. */
struct reading {
	struct posix_store *store;
	struct arena *arena;
	struct list_node *out;
	bool whole;
	struct list_node ahead;       /* directories that are new */
	bool half, half_own, half_directory; /* the first half of a rename has come: */
	uint32_t cookie;
	struct posix_path from;
};

static void tell(struct reading *r, enum vfs_change_kind kind, bool directory, const char *path, size_t len, const char *from)
{
	const struct vfs_change *last = list_empty(r->out) ? NULL : list_entry(r->out->prev, struct vfs_change, link);
	struct vfs_change *change = arena_zalloc(r->arena, sizeof(*change));

	if (change == NULL) {
		r->whole = false;
		return;
	}
	change->kind = kind;
	change->directory = directory;
	change->path = posix_path_to_wire(r->arena, path, len);
	if (from != NULL)
		change->from = posix_path_to_wire(r->arena, from, strlen(from));
	if (change->path.len == 0 || (from != NULL && change->from.len == 0)) {
		r->whole = false;
		return;
	}
	/* Who writes much is told of once. */
	if (last != NULL && last->kind == kind && from == NULL && slice_equal(last->path, change->path) && kind >= VFS_DATA_CHANGED)
		return;
	list_append(r->out, &change->link);
}

static enum vfs_change_kind kind_of(uint32_t mask)
{
	if ((mask & (IN_CREATE | IN_MOVED_TO)) != 0)
		return VFS_ADDED;
	if ((mask & (IN_DELETE | IN_MOVED_FROM)) != 0)
		return VFS_REMOVED;
	return (mask & IN_MODIFY) != 0 ? VFS_DATA_CHANGED : VFS_ATTRIBUTES_CHANGED;
}

/* Notes whose events have all come. What others did in place of an operation that failed is told after all. */
static void fence_passed_locked(struct reading *r)
{
	struct posix_changes *c = &r->store->changes;
	struct posix_note *note;

	while ((note = posix_note_passed_locked(c)) != NULL) {
		for (uint32_t bit = 1; note->failed && bit < IN_ISDIR; bit <<= 1) {
			if ((note->seen & bit) != 0)
				tell(r, kind_of(bit), (note->seen & IN_ISDIR) != 0, note->path, note->path_len, NULL);
		}
		free(note);
	}
}

/* --- renames --- */

static void half_end_locked(struct reading *r)
{
	if (!r->half)
		return;
	r->half = false;
	if (r->half_directory) {
		posix_watched_left_locked(&r->store->changes, r->from.s);
		/* Handles have to look what they are called now. */
		r->store->renames++;
	}
	if (!r->half_own)
		tell(r, VFS_REMOVED, r->half_directory, r->from.s, r->from.len, NULL);
}

static void moved_to_locked(struct reading *r, const struct inotify_event *e, const struct posix_path *path, bool own)
{
	struct posix_changes *c = &r->store->changes;
	bool directory = (e->mask & IN_ISDIR) != 0, whole = r->half && r->cookie == e->cookie;

	if (!whole)
		half_end_locked(r);
	r->half = false;
	if (directory && !own)
		r->store->renames++;
	if (directory && whole)
		posix_watched_moved_locked(c, r->from.s, path->s);
	if (directory && !posix_path_item_add(&r->ahead, path->s, path->len, true, false))
		r->whole = false;
	if (whole && !own && !r->half_own) {
		tell(r, VFS_RENAMED, directory, path->s, path->len, r->from.s);
		return;
	}
	if (whole && !r->half_own)
		tell(r, VFS_REMOVED, directory, r->from.s, r->from.len, NULL);
	if (!own)
		tell(r, VFS_ADDED, directory, path->s, path->len, NULL);
}

/* --- one event --- */

static void named_locked(struct reading *r, const struct inotify_event *e, const struct posix_path *path)
{
	struct posix_changes *c = &r->store->changes;
	bool own = posix_note_match_locked(c, path->s, path->len, e->mask), directory = (e->mask & IN_ISDIR) != 0;

	if ((e->mask & IN_MOVED_TO) != 0) {
		moved_to_locked(r, e, path, own);
		return;
	}
	if ((e->mask & IN_MOVED_FROM) != 0) {
		half_end_locked(r);
		r->half = true;
		r->half_own = own;
		r->half_directory = directory;
		r->cookie = e->cookie;
		r->from = *path;
		return;
	}
	/* One that the store made it has looked into itself. */
	if ((e->mask & IN_CREATE) != 0 && directory && !own && !posix_path_item_add(&r->ahead, path->s, path->len, true, true))
		r->whole = false;
	if (!own)
		tell(r, kind_of(e->mask), directory, path->s, path->len, NULL);
}

/* The events of a directory lost their order with what is known of the directories: all trees are walked again. */
static void again(struct htab_node *n, void *arg)
{
	struct reading *r = arg;
	const struct posix_watched *d = CONTAINER_OF(n, struct posix_watched, by_path);

	if (d->tree_watches > 0)
		(void)!posix_path_item_add(&r->ahead, d->path, d->path_len, true, false);
}

static void overflow_locked(struct reading *r)
{
	struct posix_changes *c = &r->store->changes;
	_Alignas(struct inotify_event) char buf[EVENT_BYTES];

	while (read(c->fd, buf, sizeof(buf)) > 0)
		;
	r->whole = r->half = false;
	c->fences_passed = c->fences_made;
	fence_passed_locked(r);
	htab_each(&c->by_path, again, r);
}

static void event_locked(struct reading *r, const struct inotify_event *e)
{
	struct posix_changes *c = &r->store->changes;
	size_t len = e->len > 0 ? strnlen(e->name, e->len) : 0, start;
	struct posix_watched *d;
	struct posix_path path;

	if (e->wd == c->fence_wd[0] || e->wd == c->fence_wd[1]) {
		c->fences_passed++;
		fence_passed_locked(r);
		return;
	}
	d = posix_watched_of_locked(c, e->wd);
	if (d == NULL)
		return;
	if ((e->mask & (IN_IGNORED | IN_UNMOUNT)) != 0)
		posix_watched_gone_locked(c, d);
	if (len == 0 || (e->mask & (IN_IGNORED | IN_UNMOUNT)) != 0)
		return;
	posix_watched_refresh_locked(r->store, d);
	/* Looking may have found that nobody asks for it any more. */
	d = posix_watched_of_locked(c, e->wd);
	start = d != NULL && d->path_len > 0 ? d->path_len + 1 : 0;
	if (d == NULL || start + len >= sizeof(path.s) || (start == 0 && posix_side_is_hidden(e->name, len)) ||
		posix_is_link_name(e->name))
		return;
	memcpy(path.s, d->path, d->path_len);
	path.s[d->path_len] = '/';
	memcpy(path.s + start, e->name, len);
	path.len = start + len;
	path.s[path.len] = 0;
	named_locked(r, e, &path);
}

/* false: there is nothing to read. */
static bool round_locked(struct reading *r)
{
	_Alignas(struct inotify_event) char buf[EVENT_BYTES];
	int fd = r->store->changes.fd;
	ssize_t n = fd >= 0 ? read(fd, buf, sizeof(buf)) : -1;

	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e = (const void *)(buf + at);

		at += (ssize_t)(sizeof(*e) + e->len);
		if ((e->mask & IN_Q_OVERFLOW) != 0) {
			overflow_locked(r);
			return false;
		}
		event_locked(r, e);
	}
	return n > 0;
}

/* What was found without an event. */
static void found_locked(struct reading *r, struct list_node *found)
{
	list_for_each_safe(n, found) {
		struct posix_path_item *item = list_entry(n, struct posix_path_item, link);

		list_remove(n);
		tell(r, VFS_ADDED, item->directory, item->path, item->len, NULL);
		free(item);
	}
}

bool posix_changes_read(struct vfs *v, struct arena *a, struct list_node *changes)
{
	struct reading r = {.store = posix_store_of(v), .arena = a, .out = changes, .whole = true};
	struct posix_changes *c = &r.store->changes;
	struct pollfd half = {.events = POLLIN};
	struct list_node found;
	bool waited = false;

	list_init(&r.ahead);
	list_init(&found);
	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (round_locked(&r))
			continue;
		if (!r.half || waited)
			break;
		half.fd = c->fd;
		pthread_mutex_unlock(&c->lock);
		(void)poll(&half, 1, SECOND_HALF_MS);
		waited = true;
		pthread_mutex_lock(&c->lock);
	}
	half_end_locked(&r);
	found_locked(&r, &c->found);
	pthread_mutex_unlock(&c->lock);
	if (!posix_watched_walk(r.store, &r.ahead, &found))
		r.whole = false;
	found_locked(&r, &found);
	return r.whole;
}

/* Notes of what the store itself does in directories that somebody watches, see posix_watch.h. While nobody watches they cost the
 * reading of a number. The operations here are those of the same names with a note around them. */
#include "vfs/posix_watch.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static size_t parent_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? (size_t)(slash - path) : 0;
}

/* Another operation of the same kind goes on with the note of the last: what counts is that one is under way. */
static struct posix_note *resume_locked(struct posix_changes *c, const char *path, size_t len, uint32_t events)
{
	for (struct htab_node *n = htab_find(&c->notes, hash_bytes(path, len)); n != NULL; n = htab_find_next(n)) {
		struct posix_note *note = CONTAINER_OF(n, struct posix_note, by_path);

		if (note->expected == events && !note->failed && note->path_len == len && memcmp(note->path, path, len) == 0) {
			note->running++;
			list_remove(&note->link);
			return note;
		}
	}
	return NULL;
}

static struct posix_note *begin_locked(struct posix_changes *c, const char *path, uint32_t events)
{
	size_t len = strlen(path);
	struct posix_note *note;

	if (len == 0 || c->fence_fd[0] < 0 || (events & c->events) == 0 || posix_watched_at_locked(c, path, parent_len(path)) == NULL)
		return NULL;
	note = (events & POSIX_EVENTS_NAMES) == 0 ? resume_locked(c, path, len, events) : NULL;
	if (note != NULL || c->note_count >= POSIX_NOTES)
		return note;
	note = malloc(sizeof(*note) + len + 1);
	if (note == NULL)
		return NULL;
	*note = (struct posix_note){.begun = ++c->notes_begun, .running = 1, .expected = events, .path_len = len};
	memcpy(note->path, path, len + 1);
	list_init(&note->link);
	if (!htab_insert(&c->notes, &note->by_path, hash_bytes(path, len))) {
		free(note);
		return NULL;
	}
	c->note_count++;
	return note;
}

struct posix_note *posix_note_begin(struct posix_store *s, const char *path, uint32_t events)
{
	struct posix_changes *c = &s->changes;
	struct posix_note *note;

	if (atomic_load_explicit(&c->dirs, memory_order_relaxed) == 0)
		return NULL;
	pthread_mutex_lock(&c->lock);
	note = begin_locked(c, path, events);
	pthread_mutex_unlock(&c->lock);
	return note;
}

static void drop_locked(struct posix_changes *c, struct posix_note *note)
{
	htab_remove(&c->notes, &note->by_path);
	list_remove(&note->link);
	c->note_count--;
}

/* Marks the queue of events. The two marks take turns, for the kernel makes one of two equal events in a row. */
static bool fence_locked(struct posix_changes *c)
{
	ssize_t n = pwrite(c->fence_fd[(c->fences_made + 1) & 1], "", 1, 0);

	c->fences_made += n == 1;
	return n == 1;
}

void posix_note_end(struct posix_store *s, struct posix_note *note, bool done)
{
	struct posix_changes *c = &s->changes;

	if (note == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	note->failed |= !done;
	if (--note->running > 0) {
		pthread_mutex_unlock(&c->lock);
		return;
	}
	if (fence_locked(c)) {
		note->fence = c->fences_made;
		list_append(&c->passing, &note->link);
	} else {
		drop_locked(c, note);
		free(note);
	}
	pthread_mutex_unlock(&c->lock);
}

struct posix_note *posix_note_passed_locked(struct posix_changes *c)
{
	struct posix_note *note;

	if (list_empty(&c->passing))
		return NULL;
	note = list_entry(c->passing.next, struct posix_note, link);
	if (note->fence > c->fences_passed)
		return NULL;
	drop_locked(c, note);
	return note;
}

bool posix_note_match_locked(struct posix_changes *c, const char *path, size_t len, uint32_t event)
{
	uint32_t kind = event & (POSIX_EVENTS_NAMES | IN_MODIFY | IN_ATTRIB);
	struct posix_note *first = NULL;

	for (struct htab_node *n = htab_find(&c->notes, hash_bytes(path, len)); n != NULL; n = htab_find_next(n)) {
		struct posix_note *note = CONTAINER_OF(n, struct posix_note, by_path);

		if ((note->expected & kind) != 0 && note->path_len == len && memcmp(note->path, path, len) == 0 &&
			(first == NULL || note->begun < first->begun))
			first = note;
	}
	if (first == NULL)
		return false;
	if ((kind & POSIX_EVENTS_NAMES) != 0)
		first->expected &= ~kind;
	first->seen |= kind | (event & IN_ISDIR);
	return true;
}

/* --- directories --- */

void posix_note_directory(struct posix_store *s, const char *path)
{
	struct posix_changes *c = &s->changes;
	struct list_node ahead, found;
	bool wanted;

	if (atomic_load_explicit(&c->dirs, memory_order_relaxed) == 0)
		return;
	pthread_mutex_lock(&c->lock);
	wanted = posix_watched_as_tree(posix_watched_at_locked(c, path, parent_len(path)));
	pthread_mutex_unlock(&c->lock);
	if (!wanted)
		return;
	list_init(&ahead);
	list_init(&found);
	/* What is in there already others have put there. */
	if (posix_path_item_add(&ahead, path, strlen(path), true, true))
		(void)posix_watched_walk(s, &ahead, &found);
	pthread_mutex_lock(&c->lock);
	list_for_each_safe(n, &found) {
		list_remove(n);
		list_append(&c->found, n);
	}
	pthread_mutex_unlock(&c->lock);
}

void posix_note_moved(struct posix_store *s, const char *from, const char *to)
{
	if (atomic_load_explicit(&s->changes.dirs, memory_order_relaxed) == 0)
		return;
	pthread_mutex_lock(&s->changes.lock);
	posix_watched_moved_locked(&s->changes, from, to);
	pthread_mutex_unlock(&s->changes.lock);
}

/* --- operations on a file --- */

static struct posix_note *note_file(struct vfs_file *vf, uint32_t events)
{
	struct posix_store *s = posix_store_of(vf->store);
	struct posix_path path;

	if (atomic_load_explicit(&s->changes.dirs, memory_order_relaxed) == 0)
		return NULL;
	posix_file_path(posix_file_of(vf), &path);
	return posix_note_begin(s, path.s, events);
}

struct posix_note *posix_note_attributes(struct vfs_file *vf)
{
	return note_file(vf, IN_ATTRIB | IN_MODIFY);
}

static ntstatus noted(struct vfs_file *vf, struct posix_note *note, ntstatus st)
{
	posix_note_end(posix_store_of(vf->store), note, nt_ok(st));
	return st;
}

ntstatus posix_noted_write(struct vfs_file *f, const void *p, size_t n, uint64_t offset)
{
	struct posix_note *note = note_file(f, IN_MODIFY);

	return noted(f, note, posix_write(f, p, n, offset));
}

ntstatus posix_noted_write_pipe(struct vfs_file *f, int pipe_fd, size_t n, uint64_t offset)
{
	struct posix_note *note = note_file(f, IN_MODIFY);

	return noted(f, note, posix_write_pipe(f, pipe_fd, n, offset));
}

ntstatus posix_noted_truncate(struct vfs_file *f, uint64_t size)
{
	struct posix_note *note = note_file(f, IN_MODIFY);

	return noted(f, note, posix_truncate(f, size));
}

ntstatus posix_noted_allocate(struct vfs_file *f, uint64_t bytes)
{
	struct posix_note *note = note_file(f, IN_MODIFY);

	return noted(f, note, posix_allocate(f, bytes));
}

/* Setting the write time alone counts as a change of data. */
ntstatus posix_noted_set(struct vfs_file *f, const struct vfs_set_info *s)
{
	struct posix_note *note = note_file(f, IN_MODIFY | IN_ATTRIB);

	return noted(f, note, posix_set(f, s));
}

ntstatus posix_noted_xattr_set(struct vfs_file *f, const char *name, const void *p, size_t len)
{
	struct posix_note *note = note_file(f, IN_ATTRIB);

	return noted(f, note, posix_xattr_set(f, name, p, len));
}

ntstatus posix_noted_streams_remove(struct vfs_file *f, struct arena *a)
{
	struct posix_note *note = note_file(f, IN_ATTRIB);

	return noted(f, note, posix_streams_remove(f, a));
}

ntstatus posix_noted_stream_open(struct vfs_file *base, struct slice name, enum vfs_disposition disposition, uint32_t flags,
	struct vfs_open_result *out)
{
	struct posix_note *note = disposition != VFS_OPEN ? posix_note_attributes(base) : NULL;

	return noted(base, note, posix_stream_open(base, name, disposition, flags, out));
}

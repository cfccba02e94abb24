/* Changes that others make in directories that somebody watches, by inotify(7); one instance for a store, from the first watch on.
 * What this store does itself is not told, since whoever asked it to tells it better. To know the one from the other each operation
 * notes what it is about to do, and marks the queue of events when it is done (a fence: a write to a file in memory that is
 * watched, too). Events that fit a note and come before its fence are its own, or happened before it was over. So a change of others
 * may be told twice, where a name or a note was missed, but never goes untold.
 * posix_changes.lock comes after posix_store.names and posix_streams.lock, before posix_store.files. */
#ifndef VFS_POSIX_WATCH_H
#define VFS_POSIX_WATCH_H

#include "base/htab.h"
#include "vfs/posix.h"

#include <sys/inotify.h>

/* Each directory costs about a kilobyte of kernel memory and counts against fs.inotify.max_user_watches. */
enum { POSIX_TREE_DIRS = 4096, POSIX_WATCHED_DIRS = 65536, POSIX_NOTES = 4096 };

#define POSIX_EVENTS_NAMES (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)

/* A directory whose events come: it is watched itself, or one above it is with all that is beneath. */
struct posix_watched {
	struct htab_node by_wd, by_path;
	int wd;
	char *path;                  /* from the root */
	size_t path_len;
	struct posix_watched *parent; /* NULL: its directory is not watched */
	struct list_node children, sibling;
	struct list_node work;       /* in a list of whoever works with the lock held */
	struct list_node watches;    /* posix_watch.link */
	uint32_t tree_watches;       /* how many of them are of a tree */
	uint32_t beneath;            /* how many are linked beneath it */
	bool incomplete;             /* there is more beneath it than is watched */
};

struct posix_watch {
	struct vfs_watch base;
	struct list_node link;
	struct posix_file *file;
	struct posix_watched *dir;
	uint32_t what;
};

/* What an operation under way, or one whose events have not all been read, does to a path. */
struct posix_note {
	struct htab_node by_path;
	struct list_node link;
	uint64_t begun;              /* the older note goes first */
	uint32_t running;            /* operations under way */
	uint64_t fence;              /* of the last of them, when none is */
	uint32_t expected, seen;     /* IN_*; an event of a name is expected once */
	bool failed;
	size_t path_len;
	char path[];
};

/* A path to go on with. */
struct posix_path_item {
	struct list_node link;
	bool directory;
	bool tell;                   /* what is found in there is news */
	size_t len;
	char path[];
};

/* --- posix_watch.c --- */
void posix_changes_init(struct posix_changes *c);
void posix_changes_end(struct posix_changes *c);
struct vfs_watch *posix_watch_add(struct vfs_file *f, uint32_t what);
void posix_watch_remove(struct vfs_watch *w);
bool posix_watch_incomplete(struct vfs_watch *w);
int posix_changes_fd(struct vfs *v);
struct posix_watched *posix_watched_at_locked(const struct posix_changes *c, const char *path, size_t len);
struct posix_watched *posix_watched_of_locked(const struct posix_changes *c, int wd);
/* The directory, or one above it, is watched with all that is beneath. */
bool posix_watched_as_tree(const struct posix_watched *d);
/* The path it has now. */
void posix_watched_refresh_locked(struct posix_store *s, struct posix_watched *d);
/* The kernel has ended its watch. */
void posix_watched_gone_locked(struct posix_changes *c, struct posix_watched *d);
/* What was at `from` is at `to`. */
void posix_watched_moved_locked(struct posix_changes *c, const char *from, const char *to);
/* What was at that path has left what is watched. */
void posix_watched_left_locked(struct posix_changes *c, const char *path);
/* Adds a path to a list; false: no memory. */
bool posix_path_item_add(struct list_node *list, const char *path, size_t len, bool directory, bool tell) MUST_USE;
/* Watches the directories of `ahead`, which is emptied, and those beneath them, where a tree is watched. What was there already and is
 * news is added to found. false: there was too much of it. */
bool posix_watched_walk(struct posix_store *s, struct list_node *ahead, struct list_node *found);

/* --- posix_event.c --- */
bool posix_changes_read(struct vfs *v, struct arena *a, struct list_node *changes);

/* --- posix_note.c --- */
/* An event is one that this store has caused. */
bool posix_note_match_locked(struct posix_changes *c, const char *path, size_t len, uint32_t event);
/* Takes the oldest note out whose fence has been passed; NULL: none. The caller frees it. */
struct posix_note *posix_note_passed_locked(struct posix_changes *c);

#endif

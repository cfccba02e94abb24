/* What the files of the posix store share. Paths in here are bytes with '/' relative to the root, "" for the root itself;
 * names on the wire become such paths in posix_name.c and nowhere else.
 * Locks, in this order: posix_store.names (one of them at a time), posix_streams.lock (likewise), posix_changes.lock, posix_leases.lock or
 * posix_indexes.lock,
 * posix_store.files (one at a time). None is held across data I/O, but that of a stream whose data is an extended attribute. */
#ifndef VFS_POSIX_H
#define VFS_POSIX_H

#include "base/htab.h"
#include "base/list.h"
#include "base/utf16.h"
#include "vfs/vfs_ops.h"

#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/types.h>

/* POSIX_NAME_BYTES: file systems that keep UTF-16 (vfat, exfat, hfsplus) have names longer than NAME_MAX in bytes. */
enum {
	POSIX_NAME_LOCKS = 64, POSIX_DOSATTRIB_BYTES = 24, POSIX_CHANGED_BYTES = 24, POSIX_DIR_BUFFER_BYTES = 32768,
	POSIX_NAME_BYTES = 1024
};

struct posix_path {
	size_t len;
	char s[PATH_MAX];
};

/* The open streams of some files, see posix_stream.h. */
struct posix_streams {
	pthread_mutex_t lock;       /* of the list; and looking for a stream's name in any case and taking it is one step */
	struct list_node open;
};

/* What others change, see posix_watch.h. */
struct posix_changes {
	_Atomic uint32_t dirs;      /* how many directories are watched; 0: nothing else in here matters */
	pthread_mutex_t lock;       /* of what follows */
	int fd;                     /* of inotify; -1: nobody has watched yet */
	int fence_fd[2], fence_wd[2]; /* used in turn, so that no two marks become one */
	uint64_t fences_made, fences_passed, notes_begun;
	uint32_t events;            /* IN_*: what is asked of each directory */
	bool refused;               /* the kernel gave no more, which has been logged */
	struct htab by_wd, by_path; /* struct posix_watched */
	struct htab notes;          /* struct posix_note.by_path */
	struct list_node passing;   /* those whose operation is over, by fence */
	uint32_t note_count;
	struct list_node found;     /* struct posix_path_item: news without an event */
	struct list_node pruning;   /* struct posix_watched.work, while nobody may be left who wants them */
};

/* Leases on files, see posix_lease.c. */
struct posix_leases {
	pthread_mutex_t lock;       /* of what follows */
	pthread_cond_t started;
	pthread_t thread;           /* waits for the signals; there is one once tid is not 0 */
	pid_t tid;
	bool starting;
	_Atomic bool stop;
	struct htab by_fd;
	void (*broken)(void *arg, struct vfs_id id);
	void *arg;
};

/* The names of large directories in any case, see posix_index.c. */
struct posix_indexes {
	_Atomic uint32_t count;     /* of directories */
	pthread_mutex_t lock;       /* of what follows */
	int fd;                     /* of inotify; -1: there is none */
	struct htab by_id, by_wd;
	struct list_node used;      /* the one that was used last is the last */
	size_t bytes, most_bytes;
	uint32_t most_directories;
	bool told;                  /* the kernel gave no more, which has been logged */
};

struct posix_known_table;

/* A directory that stays open for whoever makes or removes something in it. */
struct posix_parent {
	struct list_node link;      /* in posix_parents.kept; alone: not any more */
	_Atomic uint32_t refs;
	int fd;                     /* readable; its position is for who has posix_names_lock */
	struct vfs_id id;
	char path[];
};

struct posix_parents {
	pthread_mutex_t lock;       /* of what follows */
	struct list_node kept;      /* the one that was used last is the last */
};

struct posix_store {
	struct vfs vfs;
	struct vfs streams_view;    /* the one that handles of streams are in */
	int root;
	struct vfs_id root_id;
	bool follow, read_only, xattrs, short_names;
	bool local, in_memory;      /* the root is on a disk of this machine, or in its memory; in its memory alone */
	_Atomic bool told_of_no_xattrs, no_getxattrat, no_null_path;
	_Atomic bool no_nowait;     /* RWF_NOWAIT is unknown to the root's file system */
	_Atomic uint64_t renames;                  /* through any handle so far: names known before it may be old */
	_Atomic uint64_t next_stream;
	_Atomic int side_dir;                      /* POSIX_SIDE_DIR; -1: not there */
	struct posix_changes changes;
	struct posix_leases leases;
	struct posix_indexes indexes;
	struct posix_parents parents;
	struct posix_known_table *known; /* NULL: nothing of the kind is kept */
	bool shy;                   /* opens files for their data only: anything else would break the leases of other handles */
	struct posix_streams streams[POSIX_NAME_LOCKS]; /* by file */
	pthread_mutex_t files[POSIX_NAME_LOCKS];   /* of name and known_at of the files whose place in memory that is */
	pthread_mutex_t names[POSIX_NAME_LOCKS];   /* by directory: looking for a name in any case and taking it is one step */
};

struct posix_dir;

struct posix_file {
	struct vfs_file base;
	int fd;
	bool path_only;             /* O_PATH */
	bool readable, writable, directory, symlink;
	bool searched;              /* a directory: its position is not at the beginning any more */
	_Atomic bool leased;
	_Atomic bool unsynced_name; /* made or renamed through this handle and not flushed since */
	struct vfs_id id;
	uint64_t known_at;           /* posix_store.renames when the name was last known right */
	char *name;
	struct posix_dir *dir;      /* from the first vfs_dir_read on */
	struct posix_parent *shared; /* whose descriptor it is; NULL: its own */
};

static inline struct posix_store *posix_store_of(struct vfs *v)
{
	return CONTAINER_OF(v, struct posix_store, vfs);
}

static inline struct posix_file *posix_file_of(struct vfs_file *f)
{
	return CONTAINER_OF(f, struct posix_file, base);
}

static inline bool posix_id_equal(struct vfs_id a, struct vfs_id b)
{
	return vfs_id_same_file(a, b);
}

static inline struct vfs_id posix_id_of(const struct stat *st)
{
	return (struct vfs_id){.device = st->st_dev, .inode = st->st_ino};
}

/* --- posix_error.c --- */
ntstatus posix_error(int err) MUST_USE COLD;

/* --- posix_name.c: names on the wire and on disk --- */
ntstatus posix_path_from_wire(struct posix_path *out, struct slice name) MUST_USE;
/* One component; room for len units. Returns bytes written. */
size_t posix_name_to_wire(uint8_t *out, const char *name, size_t len);
struct slice posix_path_to_wire(struct arena *a, const char *path, size_t len) MUST_USE;
/* Both are names on disk. */
bool posix_name_equal_nocase(const char *a, size_t alen, const char *b, size_t blen);

/* --- posix_walk.c: from a path to a descriptor, beneath the root --- */
/* A descriptor or a negated errno. `flags` as for open(2), O_CLOEXEC is added. */
int posix_at(const struct posix_store *s, const char *path, int flags) MUST_USE;
/* The directory that holds the last component, whose place in `path` is given in *leaf. `flags`: O_PATH or O_RDONLY. */
int posix_parent_at(const struct posix_store *s, const char *path, int flags, const char **leaf) MUST_USE;
/* Gives `p` the case that is on disk. SUCCESS; OBJECT_NAME_NOT_FOUND: only the last component is not there (the rest has its
 * case); OBJECT_PATH_NOT_FOUND; STOPPED_ON_SYMLINK. look: see posix_dir_match. */
ntstatus posix_case_fix(struct posix_store *s, struct posix_path *p, bool look) MUST_USE;
/* The name in a readable directory that equals `leaf` in any case, the very same first, or whose short name does. 1, 0 or a negated errno.
 * Moves the position. look: to see whether it is still there; without, who opens it may find that it just went, and then another that is equal may be there. */
int posix_dir_match(struct posix_store *s, int dir, struct vfs_id id, const char *leaf, bool look, char found[POSIX_NAME_BYTES + 1]) MUST_USE;
/* Replaces the last component; false when the path gets too long. */
bool posix_path_set_leaf(struct posix_path *p, const char *leaf) MUST_USE;
/* The status of a path that leads through or to a symlink which is not followed: fills out's fields about it. */
ntstatus posix_symlink_report(const struct posix_store *s, const char *path, struct slice wire, struct arena *a,
	struct vfs_open_result *out) MUST_USE;

/* --- posix_index.c --- */
void posix_indexes_init(struct posix_indexes *x);
void posix_indexes_end(struct posix_indexes *x);
/* As posix_dir_match without short names; -1: the directory has no index, read it. */
int posix_index_match(struct posix_store *s, int dir, struct vfs_id id, const char *leaf, bool look, char found[POSIX_NAME_BYTES + 1]) MUST_USE;
/* Searching that directory has turned out to be work. Moves the position. */
void posix_index_learn(struct posix_store *s, int dir, struct vfs_id id);

/* --- posix_stat.c, posix_dosattrib.c --- */
struct posix_dosattrib {
	bool has_attributes, has_created, has_changed;
	uint32_t attributes;
	uint64_t created;
	uint64_t changed, changed_at; /* ChangeTime as a client set it, and when (as st_ctime counts) */
};
bool posix_dosattrib_parse(struct posix_dosattrib *out, const void *p, size_t n);
void posix_dosattrib_make(uint8_t out[POSIX_DOSATTRIB_BYTES], uint32_t attributes, uint64_t created);
/* What goes behind it when a client has set ChangeTime. Samba does not look there. */
void posix_dosattrib_changed_make(uint8_t out[POSIX_CHANGED_BYTES], uint64_t changed, uint64_t changed_at);
ntstatus posix_stat_fd(struct posix_store *s, int fd, bool path_only, struct vfs_stat *out) MUST_USE;
/* The same of a file that was just opened: whether it has a descriptor is wanted, too. */
ntstatus posix_stat_opened(struct posix_store *s, int fd, bool path_only, struct vfs_stat *out) MUST_USE;
/* The same of the directory open as fd, which is `id`; false: it is not what the path leads to. */
bool posix_stat_named(struct posix_store *s, const char *path, int fd, struct vfs_id id, struct vfs_stat *out) MUST_USE;
/* Of what was just made with these attributes. */
ntstatus posix_stat_new(struct posix_store *s, int fd, bool directory, uint32_t attributes, struct vfs_stat *out) MUST_USE;
/* Of an entry of the directory open as `dir`; `path` is the directory's. */
ntstatus posix_stat_entry(struct posix_store *s, int dir, const char *path, const char *name, struct vfs_stat *out) MUST_USE;
ntstatus posix_stat_get(struct vfs_file *f, struct vfs_stat *out) MUST_USE;
ntstatus posix_set(struct vfs_file *f, const struct vfs_set_info *s) MUST_USE;

/* --- posix_known.c --- */
/* What is known of the file system that a descriptor is on: nobody changes it but through this kernel; and whoever changes an extended attribute moves ctime. */
enum { POSIX_FS_LOCAL = 1, POSIX_FS_STAMPS = 2, POSIX_FS_MEMORY = 4 };
unsigned posix_fs_traits(int fd);
struct posix_known {
	struct posix_dosattrib dos; /* all zero: there is none */
	bool no_descriptor;
};
void posix_known_init(struct posix_store *s);
void posix_known_end(struct posix_store *s);
/* What was read while the file had that ctime. */
bool posix_known_find(struct posix_store *s, struct vfs_id id, int64_t ctime_ns, struct posix_known *out);
/* Whether something that is read now, after that ctime was, may be kept. */
bool posix_known_holds(const struct posix_store *s, struct vfs_id id, int64_t ctime_ns) MUST_USE;
void posix_known_keep(struct posix_store *s, struct vfs_id id, int64_t ctime_ns, const struct posix_known *k);

/* --- posix_parents.c --- */
void posix_parents_init(struct posix_parents *t);
void posix_parents_end(struct posix_parents *t);
/* The directory that was last seen under that path, referenced; NULL: it is not kept. */
struct posix_parent *posix_parents_find(struct posix_store *s, const char *path, size_t len) MUST_USE;
/* The same if the path leads to it now, and what it is like. */
struct posix_parent *posix_parents_take(struct posix_store *s, const struct posix_path *path, struct vfs_stat *st) MUST_USE;
/* Takes over the descriptor of the directory of that path, and keeps it for others, too; referenced. NULL: this one is not kept, nor taken over. */
struct posix_parent *posix_parents_keep(struct posix_store *s, const struct posix_path *path, int fd, struct vfs_id id) MUST_USE;
void posix_parent_put(struct posix_parent *p);

/* --- posix_xattr.c --- */
/* Length or a negated errno. */
ssize_t posix_fgetxattr(int fd, bool path_only, const char *name, void *p, size_t cap);
int posix_fsetxattr(int fd, bool path_only, const char *name, const void *p, size_t len);
void posix_tell_no_xattrs(struct posix_store *s);
ntstatus posix_xattr_get(struct vfs_file *f, const char *name, void *p, size_t cap, size_t *len) MUST_USE;
ntstatus posix_xattr_set(struct vfs_file *f, const char *name, const void *p, size_t len) MUST_USE;
ntstatus posix_xattr_names(struct vfs_file *f, struct arena *a, struct slice *names) MUST_USE;
int posix_fremovexattr(int fd, bool path_only, const char *name);
/* All names, each with a zero byte behind it, in memory that the caller frees; a length or a negated errno. */
ssize_t posix_flistxattr(int fd, bool path_only, char **names);

/* --- posix_note.c: what the store does itself in directories that somebody watches --- */
struct posix_note;
/* Before something is done to what `path` names: the events (IN_*) that come of it. NULL: nobody is interested. */
struct posix_note *posix_note_begin(struct posix_store *s, const char *path, uint32_t events) MUST_USE;
/* It is done, or has failed. */
void posix_note_end(struct posix_store *s, struct posix_note *note, bool done);
/* A directory was made, or has moved. */
void posix_note_directory(struct posix_store *s, const char *path);
void posix_note_moved(struct posix_store *s, const char *from, const char *to);
/* The operations of the same names, with notes. */
ntstatus posix_noted_write(struct vfs_file *f, const void *p, size_t n, uint64_t offset) MUST_USE;
ntstatus posix_noted_write_pipe(struct vfs_file *f, int pipe_fd, size_t n, uint64_t offset) MUST_USE;
ntstatus posix_noted_truncate(struct vfs_file *f, uint64_t size) MUST_USE;
ntstatus posix_noted_allocate(struct vfs_file *f, uint64_t bytes) MUST_USE;
ntstatus posix_noted_set(struct vfs_file *f, const struct vfs_set_info *s) MUST_USE;
ntstatus posix_noted_xattr_set(struct vfs_file *f, const char *name, const void *p, size_t len) MUST_USE;
ntstatus posix_noted_streams_remove(struct vfs_file *f, struct arena *a) MUST_USE;
ntstatus posix_noted_stream_open(struct vfs_file *base, struct slice name, enum vfs_disposition disposition, uint32_t flags,
	struct vfs_open_result *out) MUST_USE;
/* The attributes of a file change, in which its streams lie, and its times. */
struct posix_note *posix_note_attributes(struct vfs_file *f) MUST_USE;

/* --- posix_lease.c --- */
void posix_leases_init(struct posix_leases *l);
void posix_leases_end(struct posix_leases *l);
void posix_lease_listen(struct vfs *v, void (*broken)(void *arg, struct vfs_id id), void *arg);
bool posix_lease_take(struct vfs_file *f) MUST_USE;
bool posix_lease_broken(struct vfs_file *f);
void posix_lease_release(struct vfs_file *f);

/* --- posix_stream.c, posix_side.c --- */
extern const struct vfs_ops posix_stream_ops;
ntstatus posix_stream_open(struct vfs_file *base, struct slice name, enum vfs_disposition disposition, uint32_t flags,
	struct vfs_open_result *out) MUST_USE;
ntstatus posix_stream_list(struct vfs_file *f, struct arena *a, struct vfs_stream **list, size_t *count) MUST_USE;
ntstatus posix_streams_remove(struct vfs_file *f, struct arena *a) MUST_USE;
void posix_sides_init(struct posix_store *s);
/* Whether a file that goes may leave side files behind. */
bool posix_sides_exist(void);
/* The file of that descriptor has lost a name: when it was the last, its side files go. */
void posix_sides_follow(struct posix_store *s, int fd);
/* The name of the directory of side files, which no client gets to see. */
bool posix_side_is_hidden(const char *name, size_t len);

/* --- posix_open.c --- */
ntstatus posix_open(struct vfs *v, const struct vfs_open_args *args, struct arena *a, struct vfs_open_result *out) MUST_USE;
void posix_file_close(struct vfs_file *f);
pthread_mutex_t *posix_names_lock(struct posix_store *s, struct vfs_id dir);

/* --- posix_place.c, posix_rename.c: the name of a handle --- */
/* Where a handle's file is named: the directory, and `path`'s part `leaf` in it. */
struct posix_place {
	int dir;
	struct posix_parent *shared; /* whose descriptor that is; NULL: its own */
	const char *leaf;
	bool link_to_it; /* the name is a symlink to the file */
	struct posix_path path;
};
/* Verified: the name leads to the file. OBJECT_NAME_NOT_FOUND when no name is known that does. kept: a directory that the path led to lately will do, as long as it
 * has the file under that name. */
ntstatus posix_place_find(struct posix_file *f, bool kept, struct posix_place *out) MUST_USE;
void posix_place_close(struct posix_place *p);
/* The name it is known under, brought up to date after renames. */
void posix_file_path(struct posix_file *f, struct posix_path *out);
/* The handle has been renamed; `before` is posix_store.renames from before that was begun. */
ntstatus posix_file_renamed(struct posix_file *f, const struct posix_path *to, uint64_t before) MUST_USE;
struct slice posix_file_name(struct vfs_file *f, struct arena *a) MUST_USE;
ntstatus posix_unlink(struct vfs_file *f) MUST_USE;
ntstatus posix_rename(struct vfs_file *f, struct slice new_name, bool replace) MUST_USE;
ntstatus posix_link(struct vfs_file *f, struct slice new_name, bool replace) MUST_USE;
/* A name that is there for a moment only. */
bool posix_is_link_name(const char *name);

/* --- posix_dir.c --- */
ntstatus posix_dir_empty(struct vfs_file *f) MUST_USE;
ntstatus posix_dir_read(struct vfs_file *f, bool need_stat, struct vfs_dirent *out) MUST_USE;
void posix_dir_seek(struct vfs_file *f, uint64_t cookie);
void posix_dir_free(struct posix_dir *d);

/* --- posix_io.c --- */
ntstatus posix_read_at_hand(struct vfs_file *f, void *p, size_t n, uint64_t offset, size_t *done) MUST_USE;
ntstatus posix_read_pipe(struct vfs_file *f, int pipe_fd, size_t n, uint64_t offset, bool may_wait, size_t *done) MUST_USE;
ntstatus posix_read(struct vfs_file *f, void *p, size_t n, uint64_t offset, size_t *done) MUST_USE;
ntstatus posix_write(struct vfs_file *f, const void *p, size_t n, uint64_t offset) MUST_USE;
ntstatus posix_write_pipe(struct vfs_file *f, int pipe_fd, size_t n, uint64_t offset) MUST_USE;
ntstatus posix_flush(struct vfs_file *f) MUST_USE;
ntstatus posix_truncate(struct vfs_file *f, uint64_t size) MUST_USE;
ntstatus posix_allocate(struct vfs_file *f, uint64_t bytes) MUST_USE;
int posix_file_fd(struct vfs_file *f);
ntstatus posix_lock(struct vfs_file *f, uint64_t offset, uint64_t length, enum vfs_lock_kind kind) MUST_USE;

#endif

/* What the files of the mem store share. A node is a file or directory; an entry is a name of it in a directory. Handles hold
 * an entry, so a rename is seen by all of them. One mutex guards everything: each operation takes it, the functions here
 * that end in _locked need it. */
#ifndef VFS_MEM_H
#define VFS_MEM_H

#include "base/clock.h"
#include "base/htab.h"
#include "base/list.h"
#include "vfs/vfs_ops.h"

#include <pthread.h>

enum { MEM_PAGE_BYTES = 4096, MEM_FIRST_SEQUENCE = 3, MEM_BYTES_LOCKED = 32 };

struct mem_node {
	uint64_t inode;
	uint32_t refs;                 /* handles, its entries, and the entries it holds as a directory */
	uint32_t links;
	bool directory;
	uint32_t attributes;
	uint64_t created, accessed, written, changed;
	uint64_t size;
	uint64_t pages_held;
	struct htab pages;             /* struct mem_page by index: what is not there reads as zeros */
	struct htab names;             /* struct mem_entry by name without case */
	struct list_node order;        /* the same by sequence */
	uint64_t next_sequence, changes;
	struct mem_entry *entry;       /* a directory's only name; NULL for the root */
	struct list_node xattrs;
	struct list_node streams;      /* struct mem_stream.link */
	const struct mem_file *leased; /* NULL: nobody has a lease */
	uint64_t local_lock, local_lock_length; /* what somebody else has locked */
	uint8_t locked[MEM_BYTES_LOCKED]; /* enum vfs_lock_kind: how others see the first bytes */
};

/* A named stream. Its data is a node that is in no directory. */
struct mem_stream {
	struct list_node link;         /* unlinked: removed */
	uint32_t refs;                 /* handles, and the file while it is linked */
	struct mem_node *data;
	size_t name_len;
	uint8_t *name;
};

struct mem_page {
	struct htab_node node;
	uint64_t index;
	uint8_t data[MEM_PAGE_BYTES];
};

struct mem_entry {
	struct htab_node node;
	struct list_node order;
	uint64_t sequence;             /* also the cookie of a listing */
	uint32_t refs;                 /* the directory and handles */
	bool gone;
	struct mem_node *dir, *file;
	size_t name_len;
	uint8_t *name;
};

struct mem_xattr {
	struct list_node link;
	char *name;
	size_t len;
	uint8_t *value;
};

struct mem_store {
	struct vfs vfs;
	struct vfs streams;            /* the view that handles of streams are in */
	pthread_mutex_t lock;
	const struct clock *clock;
	uint64_t pages_max, pages_held, next_inode, created;
	struct mem_node *root;
	void (*broken)(void *arg, struct vfs_id id);
	void *broken_arg;
	uint32_t watches;
	struct list_node told;         /* struct mem_told: what others have changed, as tests say */
};

struct mem_told {
	struct vfs_change change;
	size_t path_len, from_len;
	uint8_t names[];               /* path, from */
};

struct mem_file {
	union {
		struct vfs_file base;
		struct vfs_stream_file stream_head;
	};
	struct mem_node *node;         /* of a stream: its data */
	struct mem_stream *stream;     /* NULL: a file or directory */
	struct mem_entry *entry;       /* NULL for the root */
	bool readable, writable;
	uint64_t cookie;               /* a listing's position */
	struct mem_entry *next;        /* the entry there, true while the directory's `changes` is next_at */
	uint64_t next_at;
	uint8_t name[2 * VFS_COMPONENT_UNITS_MAX];
};

extern const struct vfs_ops mem_stream_ops;

static inline struct mem_store *mem_store_of(struct vfs *v)
{
	return v->ops == &mem_stream_ops ? CONTAINER_OF(v, struct mem_store, streams) : CONTAINER_OF(v, struct mem_store, vfs);
}

static inline struct mem_file *mem_file_of(struct vfs_file *f)
{
	return CONTAINER_OF(f, struct mem_file, base);
}

/* Locks the store of a handle and gives it back. */
static inline struct mem_store *mem_lock(struct vfs_file *f)
{
	struct mem_store *s = mem_store_of(f->store);

	pthread_mutex_lock(&s->lock);
	return s;
}

/* --- mem_node.c --- */
struct mem_node *mem_node_new_locked(struct mem_store *s, bool directory, uint32_t attributes) MUST_USE;
void mem_node_put_locked(struct mem_store *s, struct mem_node *n);
void mem_entry_put_locked(struct mem_store *s, struct mem_entry *e);
struct mem_entry *mem_entry_find_locked(const struct mem_node *dir, struct slice name);
/* A new name for `file` in `dir`; NULL when out of memory. */
struct mem_entry *mem_entry_add_locked(struct mem_store *s, struct mem_node *dir, struct slice name, struct mem_node *file) MUST_USE;
/* Takes the name away; the entry lives on while handles hold it. */
void mem_entry_remove_locked(struct mem_store *s, struct mem_entry *e);
/* Gives the entry another place; false, and nothing changed, when out of memory. */
bool mem_entry_move_locked(struct mem_store *s, struct mem_entry *e, struct mem_node *dir, struct slice name) MUST_USE;
void mem_stat_locked(const struct mem_node *n, struct vfs_stat *out);
/* The directory that `name` is in, and its last component: OBJECT_PATH_NOT_FOUND. */
ntstatus mem_parent_find_locked(const struct mem_store *s, struct slice name, struct mem_node **dir, struct slice *leaf) MUST_USE;
/* Drops the pages from `first` on. */
void mem_pages_drop_locked(struct mem_store *s, struct mem_node *n, uint64_t first);

/* --- mem_io.c --- */
ntstatus mem_read(struct vfs_file *f, void *p, size_t n, uint64_t offset, size_t *done) MUST_USE;
ntstatus mem_write(struct vfs_file *f, const void *p, size_t n, uint64_t offset) MUST_USE;
ntstatus mem_flush(struct vfs_file *f) MUST_USE;
ntstatus mem_truncate(struct vfs_file *f, uint64_t size) MUST_USE;
ntstatus mem_allocate(struct vfs_file *f, uint64_t bytes) MUST_USE;
ntstatus mem_xattr_get(struct vfs_file *f, const char *name, void *p, size_t cap, size_t *len) MUST_USE;
ntstatus mem_xattr_set(struct vfs_file *f, const char *name, const void *p, size_t len) MUST_USE;

ntstatus mem_xattr_names(struct vfs_file *f, struct arena *a, struct slice *names) MUST_USE;

/* --- mem_stream.c --- */
void mem_stream_put_locked(struct mem_store *s, struct mem_stream *stream);
ntstatus mem_stream_open(struct vfs_file *base, struct slice name, enum vfs_disposition disposition, uint32_t flags,
	struct vfs_open_result *out) MUST_USE;
ntstatus mem_stream_list(struct vfs_file *f, struct arena *a, struct vfs_stream **list, size_t *count) MUST_USE;
ntstatus mem_streams_remove(struct vfs_file *f, struct arena *a) MUST_USE;

/* --- mem_watch.c --- */
struct vfs_watch *mem_watch_add(struct vfs_file *f, uint32_t what);
void mem_watch_remove(struct vfs_watch *w);
bool mem_watch_incomplete(struct vfs_watch *w);
int mem_changes_fd(struct vfs *v);
bool mem_changes_read(struct vfs *v, struct arena *a, struct list_node *changes) MUST_USE;
void mem_told_drop(struct mem_store *s);

/* --- mem_lease.c --- */
void mem_lease_listen(struct vfs *v, void (*broken)(void *arg, struct vfs_id id), void *arg);
bool mem_lease_take(struct vfs_file *f) MUST_USE;
bool mem_lease_broken(struct vfs_file *f);
void mem_lease_release(struct vfs_file *f);
ntstatus mem_lock_range(struct vfs_file *f, uint64_t offset, uint64_t length, enum vfs_lock_kind kind) MUST_USE;
/* Somebody opens the file for its data. false: there is a lease, whose holder is told. */
bool mem_lease_lets_locked(struct mem_store *s, const struct mem_node *n) MUST_USE;

/* --- mem_name.c --- */
ntstatus mem_unlink(struct vfs_file *f) MUST_USE;
ntstatus mem_rename(struct vfs_file *f, struct slice new_name, bool replace) MUST_USE;
ntstatus mem_link(struct vfs_file *f, struct slice new_name, bool replace) MUST_USE;
ntstatus mem_dir_empty(struct vfs_file *f) MUST_USE;
struct slice mem_file_name(struct vfs_file *f, struct arena *a) MUST_USE;
ntstatus mem_dir_read(struct vfs_file *f, bool need_stat, struct vfs_dirent *out) MUST_USE;
void mem_dir_seek(struct vfs_file *f, uint64_t cookie);

#endif

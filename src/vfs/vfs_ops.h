/* What an implementation of a store provides: a table of operations and two structures that begin its own. The functions of
 * vfs.h call through the table; each operation means what vfs.h says of its function. Included by implementations only. */
#ifndef VFS_VFS_OPS_H
#define VFS_VFS_OPS_H

#include "vfs/vfs.h"

struct vfs_ops {
	void (*close)(struct vfs *v);
	ntstatus (*volume_query)(struct vfs *v, struct vfs_volume *out);
	ntstatus (*open)(struct vfs *v, const struct vfs_open_args *args, struct arena *a, struct vfs_open_result *out);
	void (*file_close)(struct vfs_file *f);
	ntstatus (*unlink)(struct vfs_file *f);
	ntstatus (*rename)(struct vfs_file *f, struct slice new_name, bool replace);
	ntstatus (*link)(struct vfs_file *f, struct slice new_name, bool replace);
	ntstatus (*dir_empty)(struct vfs_file *f);
	struct slice (*file_name)(struct vfs_file *f, struct arena *a);
	ntstatus (*read)(struct vfs_file *f, void *p, size_t n, uint64_t offset, size_t *done);
	ntstatus (*read_at_hand)(struct vfs_file *f, void *p, size_t n, uint64_t offset, size_t *done); /* NULL: as read, which does not wait */
	ntstatus (*read_pipe)(struct vfs_file *f, int pipe_fd, size_t n, uint64_t offset, bool may_wait, size_t *done); /* NULL: not from this store */
	ntstatus (*write)(struct vfs_file *f, const void *p, size_t n, uint64_t offset);
	ntstatus (*write_pipe)(struct vfs_file *f, int pipe_fd, size_t n, uint64_t offset); /* NULL: the store takes no pipes */
	ntstatus (*flush)(struct vfs_file *f);
	ntstatus (*truncate)(struct vfs_file *f, uint64_t size);
	ntstatus (*allocate)(struct vfs_file *f, uint64_t bytes);
	int (*file_fd)(struct vfs_file *f);
	ntstatus (*stat_get)(struct vfs_file *f, struct vfs_stat *out);
	ntstatus (*set)(struct vfs_file *f, const struct vfs_set_info *s);
	ntstatus (*dir_read)(struct vfs_file *f, bool need_stat, struct vfs_dirent *out);
	void (*dir_seek)(struct vfs_file *f, uint64_t cookie);
	ntstatus (*xattr_get)(struct vfs_file *f, const char *name, void *p, size_t cap, size_t *len);
	ntstatus (*xattr_set)(struct vfs_file *f, const char *name, const void *p, size_t len);
	ntstatus (*xattr_names)(struct vfs_file *f, struct arena *a, struct slice *names);
	ntstatus (*stream_open)(struct vfs_file *base, struct slice name, enum vfs_disposition disposition, uint32_t flags,
		struct vfs_open_result *out);
	struct vfs_file *(*stream_base)(struct vfs_file *f);                         /* NULL: these are files */
	struct slice (*stream_name)(struct vfs_file *f, struct arena *a);
	ntstatus (*stream_list)(struct vfs_file *f, struct arena *a, struct vfs_stream **list, size_t *count);
	ntstatus (*stream_rename)(struct vfs_file *f, struct slice new_name, bool replace);
	ntstatus (*streams_remove)(struct vfs_file *f, struct arena *a);
	/* All of these or none. */
	struct vfs_watch *(*watch_add)(struct vfs_file *directory, uint32_t what);
	void (*watch_remove)(struct vfs_watch *w);
	bool (*watch_incomplete)(struct vfs_watch *w);
	int (*changes_fd)(struct vfs *v);
	bool (*changes_read)(struct vfs *v, struct arena *a, struct list_node *changes);
	/* All of these or none. */
	void (*lease_listen)(struct vfs *v, void (*broken)(void *arg, struct vfs_id id), void *arg);
	bool (*lease_take)(struct vfs_file *f);
	bool (*lease_broken)(struct vfs_file *f);
	void (*lease_release)(struct vfs_file *f);
	ntstatus (*lock)(struct vfs_file *f, uint64_t offset, uint64_t length, enum vfs_lock_kind kind); /* NULL: there is nobody else */
};

struct vfs {
	const struct vfs_ops *ops;
};

struct vfs_file {
	struct vfs *store;
};

struct vfs_watch {
	struct vfs *store;
};

/* How a handle of a named stream begins: its store is a view of the real one whose operations are those of streams. What
 * concerns the file goes to its handle, by the functions of stream.c. */
struct vfs_stream_file {
	struct vfs_file file;
	struct vfs_file *of;
};

static inline struct vfs_stream_file *vfs_stream_file_of(struct vfs_file *f)
{
	return CONTAINER_OF(f, struct vfs_stream_file, file);
}

/* A view cannot be closed and opens nothing: of its operations it has those that handles have. */
#define VFS_STREAM_OPS_COMMON                                                                                          \
	.stream_base = vfs_stream_of_base, .file_name = vfs_stream_file_name, .file_fd = vfs_stream_file_fd,           \
	.set = vfs_stream_set, .link = vfs_stream_link, .rename = vfs_stream_link, .dir_empty = vfs_stream_dir_empty,  \
	.dir_read = vfs_stream_dir_read, .dir_seek = vfs_stream_dir_seek, .xattr_get = vfs_stream_xattr_get,           \
	.xattr_set = vfs_stream_xattr_set, .xattr_names = vfs_stream_xattr_names, .stream_open = vfs_stream_in_stream, \
	.stream_list = vfs_stream_list_of_base, .streams_remove = vfs_stream_remove_all
struct vfs_file *vfs_stream_of_base(struct vfs_file *f);
struct slice vfs_stream_file_name(struct vfs_file *f, struct arena *a);
int vfs_stream_file_fd(struct vfs_file *f);
ntstatus vfs_stream_set(struct vfs_file *f, const struct vfs_set_info *s);
ntstatus vfs_stream_link(struct vfs_file *f, struct slice new_name, bool replace);
ntstatus vfs_stream_dir_empty(struct vfs_file *f);
ntstatus vfs_stream_dir_read(struct vfs_file *f, bool need_stat, struct vfs_dirent *out);
void vfs_stream_dir_seek(struct vfs_file *f, uint64_t cookie);
ntstatus vfs_stream_xattr_get(struct vfs_file *f, const char *name, void *p, size_t cap, size_t *len);
ntstatus vfs_stream_xattr_set(struct vfs_file *f, const char *name, const void *p, size_t len);
ntstatus vfs_stream_xattr_names(struct vfs_file *f, struct arena *a, struct slice *names);
ntstatus vfs_stream_in_stream(struct vfs_file *f, struct slice name, enum vfs_disposition disposition, uint32_t flags,
	struct vfs_open_result *out);
ntstatus vfs_stream_list_of_base(struct vfs_file *f, struct arena *a, struct vfs_stream **list, size_t *count);
ntstatus vfs_stream_remove_all(struct vfs_file *f, struct arena *a);
/* Turns the stat of a file into that of one of its streams: what it is, how long, under which number. */
void vfs_stream_stat(struct vfs_stat *st, uint64_t number, uint64_t size, uint64_t allocation);

/* Attributes that a client may set and a store keeps; the others follow from what the file is. */
#define VFS_ATTRIBUTES_SETTABLE                                                                                        \
	((uint32_t)(FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_ARCHIVE | \
		FILE_ATTRIBUTE_TEMPORARY | FILE_ATTRIBUTE_OFFLINE | FILE_ATTRIBUTE_NOT_CONTENT_INDEXED))

/* --- names, see name.c --- */

enum { VFS_NAME_UNITS_MAX = 32767, VFS_COMPONENT_UNITS_MAX = 255 };

/* The name has the form that vfs.h asks for: OBJECT_NAME_INVALID, OBJECT_PATH_SYNTAX_BAD for "." and "..". */
ntstatus vfs_name_check(struct slice name) MUST_USE;

/* A stream's own name: OBJECT_NAME_INVALID. */
ntstatus vfs_stream_name_check(struct slice name) MUST_USE;

/* A user's extended attribute, named as on the system, that clients neither see nor set: Samba's and our own. */
bool vfs_ea_is_hidden(const char *name);

/* Takes the first component off `rest`; false when there is none. */
bool vfs_name_next(struct slice *rest, struct slice *component);

/* Whether a name in UTF-8 has the form of those that vfs_short_name makes. */
bool vfs_may_be_short_name(const char *leaf);

#endif

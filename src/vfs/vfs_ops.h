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
};

struct vfs {
	const struct vfs_ops *ops;
};

struct vfs_file {
	struct vfs *store;
};

/* Attributes that a client may set and a store keeps; the others follow from what the file is. */
#define VFS_ATTRIBUTES_SETTABLE                                                                                        \
	((uint32_t)(FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_ARCHIVE | \
		FILE_ATTRIBUTE_TEMPORARY | FILE_ATTRIBUTE_OFFLINE | FILE_ATTRIBUTE_NOT_CONTENT_INDEXED))

/* --- names, see name.c --- */

enum { VFS_NAME_UNITS_MAX = 32767, VFS_COMPONENT_UNITS_MAX = 255 };

/* The name has the form that vfs.h asks for: OBJECT_NAME_INVALID, OBJECT_PATH_SYNTAX_BAD for "." and "..". */
ntstatus vfs_name_check(struct slice name) MUST_USE;

/* Takes the first component off `rest`; false when there is none. */
bool vfs_name_next(struct slice *rest, struct slice *component);

#endif

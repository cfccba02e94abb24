/* Named streams, what all stores do alike: a handle of a stream answers for its file in everything but data, size and name. */
#include "vfs/vfs_ops.h"

struct vfs_file *vfs_stream_of_base(struct vfs_file *f)
{
	return vfs_stream_file_of(f)->of;
}

struct slice vfs_stream_file_name(struct vfs_file *f, struct arena *a)
{
	return vfs_file_name(vfs_stream_file_of(f)->of, a);
}

/* Data that went past vfs_read and vfs_write would meet no stream. */
int vfs_stream_file_fd(struct vfs_file *f)
{
	(void)f;
	return -1;
}

ntstatus vfs_stream_set(struct vfs_file *f, const struct vfs_set_info *s)
{
	return vfs_set(vfs_stream_file_of(f)->of, s);
}

/* A stream has one name, and that is in its file; there vfs_stream_rename changes it. */
ntstatus vfs_stream_link(struct vfs_file *f, struct slice new_name, bool replace)
{
	(void)f;
	(void)new_name;
	(void)replace;
	return STATUS_INVALID_PARAMETER;
}

ntstatus vfs_stream_dir_empty(struct vfs_file *f)
{
	(void)f;
	return STATUS_NOT_A_DIRECTORY;
}

ntstatus vfs_stream_dir_read(struct vfs_file *f, bool need_stat, struct vfs_dirent *out)
{
	(void)f;
	(void)need_stat;
	(void)out;
	return STATUS_INVALID_PARAMETER;
}

void vfs_stream_dir_seek(struct vfs_file *f, uint64_t cookie)
{
	(void)f;
	(void)cookie;
}

ntstatus vfs_stream_xattr_get(struct vfs_file *f, const char *name, void *p, size_t cap, size_t *len)
{
	return vfs_xattr_get(vfs_stream_file_of(f)->of, name, p, cap, len);
}

ntstatus vfs_stream_xattr_set(struct vfs_file *f, const char *name, const void *p, size_t len)
{
	return vfs_xattr_set(vfs_stream_file_of(f)->of, name, p, len);
}

ntstatus vfs_stream_xattr_names(struct vfs_file *f, struct arena *a, struct slice *names)
{
	return vfs_xattr_names(vfs_stream_file_of(f)->of, a, names);
}

ntstatus vfs_stream_in_stream(struct vfs_file *f, struct slice name, enum vfs_disposition disposition, uint32_t flags,
	struct vfs_open_result *out)
{
	(void)f;
	(void)name;
	(void)disposition;
	(void)flags;
	(void)out;
	return STATUS_INVALID_PARAMETER;
}

ntstatus vfs_stream_list_of_base(struct vfs_file *f, struct arena *a, struct vfs_stream **list, size_t *count)
{
	return vfs_stream_list(vfs_stream_file_of(f)->of, a, list, count);
}

ntstatus vfs_stream_remove_all(struct vfs_file *f, struct arena *a)
{
	return vfs_extras_remove(vfs_stream_file_of(f)->of, a);
}

void vfs_stream_stat(struct vfs_stat *st, uint64_t number, uint64_t size, uint64_t allocation)
{
	st->id.stream = number;
	st->size = size;
	st->allocation = allocation;
	/* A directory's streams are data. */
	st->directory = false;
	st->attributes &= ~(uint32_t)FILE_ATTRIBUTE_DIRECTORY;
	if (st->attributes == 0)
		st->attributes = FILE_ATTRIBUTE_NORMAL;
}

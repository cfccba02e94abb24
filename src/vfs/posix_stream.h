/* Named streams of the posix store. A stream is the extended attribute user.DosStream.NAME:$DATA of its file, its data with a
 * zero byte behind it, as Samba's streams_xattr keeps it. What the file system has no room for there lies in a side file, and the
 * attribute says in which one: it then does not end in a zero byte. One attribute changes in one step, so that a stream is
 * never without its data, and it goes where its file goes, whoever moves that.
 * Locks: posix_streams.lock, by file; it is held while an attribute is read and written anew, behind posix_store.files of nobody. */
#ifndef VFS_POSIX_STREAM_H
#define VFS_POSIX_STREAM_H

#include "vfs/posix.h"

#include <errno.h>
#include <linux/limits.h>

#define POSIX_STREAM_PREFIX "user.DosStream."
#define POSIX_STREAM_TYPE ":$DATA"
/* Where side files lie: in the root of the share, out of clients' sight. */
#define POSIX_SIDE_DIR ".hythe-streams"
#define POSIX_SIDE_OWNER "user.hythe.owner"

enum { POSIX_SIDE_HEX = 32, POSIX_REFERENCE_BYTES = 16 + POSIX_SIDE_HEX, POSIX_VALUE_SMALL = 1024 };

/* An open stream, shared by its handles. */
struct posix_stream {
	struct list_node link;      /* in its posix_streams; unlinked: removed */
	uint32_t refs;
	struct vfs_id id;           /* .stream: its number */
	_Atomic int side;           /* the side file, once the data is there; -1. Stays open until the last handle is closed */
	int replaced;               /* the side file before it, which somebody may still be reading */
	bool side_is_own;           /* false: the file is a copy whose original has the side file */
	char xattr[XATTR_NAME_MAX + 1];
};

struct posix_stream_file {
	struct vfs_stream_file head;
	struct posix_stream *stream;
	bool readable, writable, write_through;
};

static inline struct posix_stream_file *posix_stream_file_of(struct vfs_file *f)
{
	return CONTAINER_OF(f, struct posix_stream_file, head.file);
}

/* The file of a stream's handle. */
static inline struct posix_file *posix_stream_base(struct vfs_file *f)
{
	return posix_file_of(vfs_stream_file_of(f)->of);
}

struct posix_side_id {
	char hex[POSIX_SIDE_HEX + 1];
};

/* An attribute's value. */
struct posix_value {
	uint8_t *p;
	size_t n;
	uint8_t small[POSIX_VALUE_SMALL];
};

/* --- posix_stream.c --- */
struct posix_streams *posix_streams_of(struct posix_store *s, struct vfs_id id);
/* 0 or a negated errno. Freed by posix_value_free in either case. */
int posix_value_get(int fd, bool path_only, const char *xattr, struct posix_value *v);
void posix_value_free(struct posix_value *v);
/* All attributes of a file share the room: moves the longest stream that is not `but` to a side file. false: there is none worth it. */
bool posix_stream_make_room_locked(struct posix_file *of, const struct posix_stream *but);
/* An errno, negated, that says that an attribute does not fit. */
static inline bool posix_no_room(int err)
{
	return err == -ENOSPC || err == -E2BIG || err == -ERANGE || err == -EDQUOT;
}
/* The length of the data in a value that is no reference to a side file. */
size_t posix_value_data(const struct posix_value *v);

/* --- posix_stream_io.c --- */
ntstatus posix_stream_read(struct vfs_file *f, void *p, size_t n, uint64_t offset, size_t *done) MUST_USE;
ntstatus posix_stream_write(struct vfs_file *f, const void *p, size_t n, uint64_t offset) MUST_USE;
ntstatus posix_stream_truncate(struct vfs_file *f, uint64_t size) MUST_USE;
ntstatus posix_stream_allocate(struct vfs_file *f, uint64_t bytes) MUST_USE;
ntstatus posix_stream_flush(struct vfs_file *f) MUST_USE;
ntstatus posix_stream_stat_get(struct vfs_file *f, struct vfs_stat *out) MUST_USE;
/* Puts the data of a stream into a side file, so that its attribute is short. The lock is held. 0 or a negated errno. */
int posix_stream_to_side_locked(struct posix_file *of, struct posix_stream *stream);

/* --- posix_side.c --- */
/* The side file that a value refers to; false: it refers to none. */
bool posix_side_parse(const struct posix_value *v, struct posix_side_id *out);
size_t posix_side_reference(uint8_t out[POSIX_VALUE_SMALL], const struct posix_side_id *id);
/* A descriptor or a negated errno; *own: it was made for that very file. */
int posix_side_open(struct posix_store *s, int base_fd, uint64_t inode, const struct posix_side_id *id, bool *own);
/* Makes one with that data, on disk when this returns. */
int posix_side_make(struct posix_store *s, const struct posix_file *of, const void *data, size_t n, struct posix_side_id *id);
/* The same with what another side file has. */
int posix_side_copy(struct posix_store *s, const struct posix_file *of, int from, struct posix_side_id *id);
/* Removes it, if it is the file's own. */
void posix_side_drop(struct posix_store *s, int base_fd, uint64_t inode, const struct posix_side_id *id);

#endif

/* The store: what a share's files are made of. Handle-based; a handle stays valid whatever happens to its name. Names are
 * relative to the share's root, UTF-16LE, components separated by backslashes, no leading or trailing one, "" for the root,
 * without stream part; named streams are opened through the handle of their file. Names match without regard to case and keep it. No
 * name leads outside the root. errno stays in here.
 * Implementations: posix, mem (tests), fault (wraps another and injects errors). Thread-safe; a handle may be used by
 * several threads at once, except that vfs_dir_read of one handle is the caller's to serialise. */
#ifndef VFS_VFS_H
#define VFS_VFS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"

struct vfs;
struct vfs_file;

/* [MS-FSCC] 2.6 */
enum {
	FILE_ATTRIBUTE_READONLY = 0x1, FILE_ATTRIBUTE_HIDDEN = 0x2, FILE_ATTRIBUTE_SYSTEM = 0x4, FILE_ATTRIBUTE_DIRECTORY = 0x10,
	FILE_ATTRIBUTE_ARCHIVE = 0x20, FILE_ATTRIBUTE_NORMAL = 0x80, FILE_ATTRIBUTE_TEMPORARY = 0x100,
	FILE_ATTRIBUTE_SPARSE_FILE = 0x200, FILE_ATTRIBUTE_REPARSE_POINT = 0x400, FILE_ATTRIBUTE_COMPRESSED = 0x800,
	FILE_ATTRIBUTE_OFFLINE = 0x1000, FILE_ATTRIBUTE_NOT_CONTENT_INDEXED = 0x2000, FILE_ATTRIBUTE_ENCRYPTED = 0x4000
};

/* Identity of a file: stable while it exists, equal for all its hard links. A named stream has the identity of its file and a
 * number of its own, which it keeps while it is open. */
struct vfs_id {
	uint64_t device, inode;
	uint64_t stream;            /* 0: the file itself */
};

static inline bool vfs_id_same_file(struct vfs_id a, struct vfs_id b)
{
	return a.device == b.device && a.inode == b.inode;
}

static inline bool vfs_id_equal(struct vfs_id a, struct vfs_id b)
{
	return vfs_id_same_file(a, b) && a.stream == b.stream;
}

struct vfs_stat {
	struct vfs_id id;
	uint64_t file_id;           /* what clients see as FileId / IndexNumber */
	uint32_t attributes;        /* FILE_ATTRIBUTE_*, never 0: NORMAL when no other applies */
	bool directory, symlink;
	uint32_t links;
	uint64_t size, allocation;  /* bytes */
	uint64_t created, accessed, written, changed; /* FILETIME */
	uint32_t mode, uid, gid;    /* POSIX, for descriptors and the POSIX extensions */
	uint32_t ea_size;           /* 0: none */
	bool no_descriptor;         /* it is known to have no extended attribute whose name ends in .NTACL; else it may have one */
};

enum vfs_disposition { VFS_OPEN, VFS_CREATE, VFS_OPEN_IF };
enum {
	VFS_READ = 1, VFS_WRITE = 2,   /* data access wanted; neither: attributes only */
	VFS_DIRECTORY = 4,             /* must be / make a directory */
	VFS_NON_DIRECTORY = 8,
	VFS_NO_FOLLOW = 0x10,          /* a symlink in the last place is opened itself */
	VFS_WRITE_THROUGH = 0x20,      /* every write is on disk before it returns */
	VFS_DELETE = 0x40,             /* will be unlinked or renamed through this handle */
	VFS_PLACE = 0x80               /* with VFS_OPEN and VFS_DIRECTORY: to be the `parent` of what is made in it, and for its attributes; no more */
};

struct vfs_open_args {
	struct slice name;
	enum vfs_disposition disposition;
	uint32_t flags;
	uint32_t attributes;           /* of what gets created: READONLY HIDDEN SYSTEM ...; a file gets ARCHIVE always */
	struct vfs_file *parent;       /* the directory of `name`, open already: what gets created is made in it. NULL: looked for */
};

struct vfs_open_result {
	struct vfs_file *file;
	bool created;
	struct vfs_stat stat;
	bool leased;                   /* with SHARING_VIOLATION: a lease keeps us from it, whose holder was told; try again later */
	struct slice symlink_target;   /* with STOPPED_ON_SYMLINK: UTF-16LE, in the arena */
	size_t symlink_unparsed;       /* bytes of the name behind the link, the separator with them */
};

/* What a name must fit: [MS-FSCC] 2.1.5. */
struct vfs_limits {
	uint32_t max_name_units;
	uint64_t max_file_size;
};

struct vfs_volume {
	uint64_t total_bytes, free_bytes, available_bytes;
	uint32_t block_bytes, sector_bytes;
	uint32_t serial;
	uint64_t created;
	uint32_t max_component_units;
	bool xattrs, read_only;
	bool streams;                 /* named streams can be kept */
	char fs_name[16]; /* "NTFS" to clients, see the share's option */
};

enum { VFS_SET_CREATED = 1, VFS_SET_ACCESSED = 2, VFS_SET_WRITTEN = 4, VFS_SET_CHANGED = 8, VFS_SET_ATTRIBUTES = 16 };
struct vfs_set_info {
	uint32_t which;
	uint64_t created, accessed, written, changed;
	uint32_t attributes;
};

/* An entry of a directory as vfs_dir_read gives it: the name as clients see it and, if asked for, its stat. */
struct vfs_dirent {
	struct slice name;            /* valid until the next call for that handle */
	uint64_t cookie;              /* position behind this entry, for vfs_dir_seek */
	struct vfs_stat stat;
};

/* --- a store --- */

/* root: an existing directory. why: at least 256 bytes. */
struct vfs_posix_options {
	bool follow_symlinks;         /* those that stay beneath the root; else STOPPED_ON_SYMLINK */
	bool read_only;
	bool short_names;             /* names are found by their short names as well, vfs_short_name */
	bool kernel_oplocks;          /* leases will be taken (vfs_lease_take) */
};
struct vfs *vfs_posix_open(const char *root, const struct vfs_posix_options *o, char *why) MUST_USE;
/* The root is `path` beneath the existing directory `dir`, reached through no symbolic link and no way up. make: what is missing of it is made, for the
 * server's user alone. OBJECT_NAME_NOT_FOUND: it is not there. */
ntstatus vfs_posix_open_beneath(const char *dir, const char *path, bool make, const struct vfs_posix_options *o, struct vfs **out,
	char *why) MUST_USE;
struct vfs *vfs_mem_open(const struct clock *clock, uint64_t capacity_bytes) MUST_USE;
/* Takes over `inner`. Every operation first asks `decide`; a non-success status is its result. */
struct vfs *vfs_fault_open(struct vfs *inner, ntstatus (*decide)(void *arg, const char *operation), void *arg) MUST_USE;
void vfs_close(struct vfs *v); /* when all handles are closed */

ntstatus vfs_volume_query(struct vfs *v, struct vfs_volume *out) MUST_USE;

/* --- names --- */

/* Opens or creates; never truncates. OBJECT_NAME_NOT_FOUND, OBJECT_PATH_NOT_FOUND, OBJECT_NAME_COLLISION, FILE_IS_A_DIRECTORY,
 * NOT_A_DIRECTORY, STOPPED_ON_SYMLINK, ACCESS_DENIED, OBJECT_PATH_SYNTAX_BAD, DISK_FULL, TOO_MANY_OPENED_FILES ... */
ntstatus vfs_open(struct vfs *v, const struct vfs_open_args *args, struct arena *a, struct vfs_open_result *out) MUST_USE;
void vfs_file_close(struct vfs_file *f);
/* Removes the name under which the handle was opened (renames through it followed); OK if that name now belongs to another
 * file: then nothing is removed and OBJECT_NAME_NOT_FOUND returned. DIRECTORY_NOT_EMPTY for a directory with entries. */
ntstatus vfs_unlink(struct vfs_file *f) MUST_USE;
/* OBJECT_NAME_COLLISION unless replace. Case-only changes are renames. */
ntstatus vfs_rename(struct vfs_file *f, struct slice new_name, bool replace) MUST_USE;
ntstatus vfs_link(struct vfs_file *f, struct slice new_name, bool replace) MUST_USE;
/* SUCCESS when the directory has no entries. */
ntstatus vfs_dir_empty(struct vfs_file *f) MUST_USE;
/* The path under which it was opened (case as on disk, renames through this or another handle followed where known), in the arena. */
struct slice vfs_file_name(struct vfs_file *f, struct arena *a) MUST_USE;

/* --- data --- */

/* *done < n only at the end of the file. A read that starts at or behind the end gives *done == 0. */
ntstatus vfs_read(struct vfs_file *f, void *p, size_t n, uint64_t offset, size_t *done) MUST_USE;
/* The same, as far as it takes no waiting for a disk or a network. PENDING: the rest does, and vfs_read has to be asked for it. */
ntstatus vfs_read_at_hand(struct vfs_file *f, void *p, size_t n, uint64_t offset, size_t *done) MUST_USE;
/* As vfs_read_at_hand, or as vfs_read if it may wait, into an empty pipe with room for n bytes of whole pages, without a way through memory: what the
 * pipe has then are the pages of the file, and what is written to them before they are gone shows. INVALID_DEVICE_REQUEST: not this file, or not
 * here; after any error the pipe may have a part. */
ntstatus vfs_read_pipe(struct vfs_file *f, int pipe_fd, size_t n, uint64_t offset, bool may_wait, size_t *done) MUST_USE;
/* All n bytes or an error; DISK_FULL may have written a part. */
ntstatus vfs_write(struct vfs_file *f, const void *p, size_t n, uint64_t offset) MUST_USE;
/* The same with the next n bytes of a pipe, without a way through memory. INVALID_DEVICE_REQUEST where vfs_takes_pipe says no. */
ntstatus vfs_write_pipe(struct vfs_file *f, int pipe_fd, size_t n, uint64_t offset) MUST_USE;
bool vfs_takes_pipe(const struct vfs_file *f);
/* The file's data and metadata are on disk. */
ntstatus vfs_flush(struct vfs_file *f) MUST_USE;
ntstatus vfs_truncate(struct vfs_file *f, uint64_t size) MUST_USE;
/* Reserves blocks for so many bytes; the size does not grow. Fewer than there are is no change: to free what lies past the
 * end would race with writes that extend the file. */
ntstatus vfs_allocate(struct vfs_file *f, uint64_t bytes) MUST_USE;
/* A descriptor for splice(2)/sendfile(2), or -1 where there is none. Borrowed. */
int vfs_file_fd(struct vfs_file *f);

/* --- metadata --- */
ntstatus vfs_stat_get(struct vfs_file *f, struct vfs_stat *out) MUST_USE;
/* In the posix store a change time that was set holds until the file changes again, and only where there are xattrs. */
ntstatus vfs_set(struct vfs_file *f, const struct vfs_set_info *s) MUST_USE;

/* --- directories: the handle keeps a position --- */

/* NO_MORE_FILES at the end. "." and ".." come first. need_stat false: only name and cookie are filled. */
ntstatus vfs_dir_read(struct vfs_file *f, bool need_stat, struct vfs_dirent *out) MUST_USE;
void vfs_dir_seek(struct vfs_file *f, uint64_t cookie); /* 0: the start, with a fresh view of the directory */

/* What may stand in a component ([MS-FSCC] 2.1.5.2): neither control characters nor any of " * / : < > ? |. Separators are not asked about. */
static inline bool vfs_unit_is_legal(uint16_t c)
{
	const uint64_t illegal = 0xFFFFFFFFull | 1ull << '"' | 1ull << '*' | 1ull << '/' | 1ull << ':' | 1ull << '<' | 1ull << '>' | 1ull << '?';

	return c < 64 ? !(illegal >> c & 1) : c != '|';
}

/* --- short names ([MS-FSCC] 2.1.5.2.1): of one component in UTF-16LE --- */

enum { VFS_SHORT_NAME_BYTES = 24 };

bool vfs_name_is_short(struct slice name);
/* The short name of one that is not short. Returns its bytes. */
size_t vfs_short_name(uint8_t out[VFS_SHORT_NAME_BYTES], struct slice name);

/* --- named streams ([MS-FSCC] 2.1.5.3) --- */

/* A stream's own name, without colons and type: UTF-16LE, any case finds it. */
enum { VFS_STREAM_UNITS_MAX = 255 };

struct vfs_stream {
	struct slice name;
	uint64_t size, allocation;
};

/* Opens or creates a stream of the file that `base` is open on, and takes `base` over: it is closed with the stream's handle, but
 * stays the caller's when this fails. flags: VFS_READ, VFS_WRITE, VFS_WRITE_THROUGH. What the functions of this header do with the
 * handle they do to the stream's data, size and name, and to the file's attributes, times and extended attributes.
 * OBJECT_NAME_INVALID where streams cannot be kept, or this name cannot. */
ntstatus vfs_stream_open(struct vfs_file *base, struct slice name, enum vfs_disposition disposition, uint32_t flags,
	struct vfs_open_result *out) MUST_USE;
/* The handle of the file that a stream belongs to, borrowed; NULL: the handle is none of a stream. */
struct vfs_file *vfs_stream_base(struct vfs_file *f);
/* The stream's name as it is now, in the arena; empty for a file. */
struct slice vfs_stream_name(struct vfs_file *f, struct arena *a);
/* The named streams of a file, in no order, in the arena. */
ntstatus vfs_stream_list(struct vfs_file *f, struct arena *a, struct vfs_stream **list, size_t *count) MUST_USE;
/* Within the file. OBJECT_NAME_COLLISION unless replace. */
ntstatus vfs_stream_rename(struct vfs_file *stream, struct slice new_name, bool replace) MUST_USE;

/* --- extended attributes as clients know them ([MS-FSCC] 2.4.16) --- */

enum { VFS_EA_NAME_MAX = 255, VFS_EAS_BYTES_MAX = 65536 - 5 };

struct vfs_ea {
	struct slice name, value;     /* name: bytes, any case finds it; an empty value takes the attribute away */
};

/* All that a client may see, in the arena. EAS_NOT_SUPPORTED. */
ntstatus vfs_ea_list(struct vfs_file *f, struct arena *a, struct vfs_ea **list, size_t *count) MUST_USE;
/* All or nothing. INVALID_EA_NAME, EA_TOO_LARGE, ACCESS_DENIED for the names that the server keeps its own things under. The
 * arena is scratch. */
ntstatus vfs_ea_set(struct vfs_file *f, const struct vfs_ea *list, size_t count, struct arena *a) MUST_USE;
/* [MS-FSA] 2.1.5.12.9: the bytes of a list of them; 0: none. */
uint32_t vfs_ea_size(const struct vfs_ea *list, size_t count);
/* What overwriting a file takes away beside its data: named streams and extended attributes ([MS-FSA] 2.1.5.1.2). The arena is scratch. */
ntstatus vfs_extras_remove(struct vfs_file *f, struct arena *a) MUST_USE;

/* Extended attributes by their names on the system; one without namespace is the user's ("X" is "user.X"). cap 0 asks for the
 * length. EAS_NOT_SUPPORTED where there are none, NONEXISTENT_EA_ENTRY, BUFFER_TOO_SMALL. */
ntstatus vfs_xattr_get(struct vfs_file *f, const char *name, void *p, size_t cap, size_t *len) MUST_USE;
ntstatus vfs_xattr_set(struct vfs_file *f, const char *name, const void *p, size_t len) MUST_USE; /* len 0 with p NULL removes */
/* The names, with their namespaces and a zero byte behind each, in the arena. */
ntstatus vfs_xattr_names(struct vfs_file *f, struct arena *a, struct slice *names) MUST_USE;

/* --- what is changed by others than this store: local programs, mostly --- */

enum {
	VFS_WATCH_NAMES = 1, VFS_WATCH_DATA = 2, VFS_WATCH_ATTRIBUTES = 4,
	VFS_WATCH_TREE = 8             /* also what is beneath its directories */
};
enum vfs_change_kind { VFS_ADDED, VFS_REMOVED, VFS_RENAMED, VFS_DATA_CHANGED, VFS_ATTRIBUTES_CHANGED };
struct vfs_change {
	struct list_node link;
	enum vfs_change_kind kind;
	bool directory;
	struct slice path, from;       /* UTF-16LE, from the root; from: before it was renamed */
};
struct vfs_watch;

/* From now on changes in that directory are told, until vfs_watch_remove, before which the handle is not closed. NULL: the store cannot
 * tell of them, or not of any more directories. */
struct vfs_watch *vfs_watch_add(struct vfs_file *directory, uint32_t what);
void vfs_watch_remove(struct vfs_watch *w);
/* There are more directories beneath than can be watched. */
bool vfs_watch_incomplete(struct vfs_watch *w);
/* Readable when there are changes to be read. Borrowed; -1: nothing has been watched yet, or there is no such thing. */
int vfs_changes_fd(struct vfs *v);
/* Appends what others have changed, of all that is watched and perhaps of more, in the arena. By one thread at a time. false: some changes
 * got lost. What this store did itself is not among it, but for a few that could not be told from those of others. */
bool vfs_changes_read(struct vfs *v, struct arena *a, struct list_node *changes) MUST_USE;
/* For tests, in a mem store: as if others had made this change. */
void vfs_mem_tell(struct vfs *v, const struct vfs_change *change);

/* --- byte ranges that others see locked --- */

enum vfs_lock_kind { VFS_UNLOCKED, VFS_LOCKED_SHARED, VFS_LOCKED };
/* From now on the range is locked like that, through this handle, whatever it was before; locks end with the handle. LOCK_NOT_GRANTED:
 * somebody else has locked some of it, and nothing has changed. What the system cannot lock (nothing, or bytes from 2^63 on; for
 * writing through a handle that cannot) others do not see. */
ntstatus vfs_lock(struct vfs_file *f, uint64_t offset, uint64_t length, enum vfs_lock_kind kind) MUST_USE;
/* For tests, in a mem store: as if others had locked that range of a file, or (length 0) nothing any more. */
void vfs_mem_lock_local(struct vfs *v, struct slice name, uint64_t offset, uint64_t length);
/* As others see the first bytes of a file of a mem store: - unlocked, s shared, x locked. */
void vfs_mem_locked(struct vfs *v, struct slice name, char *out, size_t n);

/* --- leases: others who open the file have to wait while a client caches what it writes --- */

/* broken: somebody wants to open that file, whose lease is to be given up soon; called with a lock held, until the handle's lease is
 * released, so that it only notes it. */
void vfs_lease_listen(struct vfs *v, void (*broken)(void *arg, struct vfs_id id), void *arg);
/* false: somebody else has the file open, or the store has no such thing. Handles that the store opens for the file's data, later, break
 * it as well. */
bool vfs_lease_take(struct vfs_file *f) MUST_USE;
/* It is taken and has been broken. */
bool vfs_lease_broken(struct vfs_file *f);
void vfs_lease_release(struct vfs_file *f);
/* For tests, in a mem store: as if others opened the file. false: there is a lease. */
bool vfs_mem_open_local(struct vfs *v, struct slice name);

/* --- for implementations: vfs_ops.h --- */

#endif

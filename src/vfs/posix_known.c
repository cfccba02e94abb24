/* What the extended attributes of files said when they were last read: reading one that is not there costs as much as statx(2), and a CREATE
 * wants two. Whoever changes one moves the file's ctime, so what was read holds as long as that stands still. It is kept only
 * once the ctime is so old that a change since would have got another, and only on file systems of which that is known. */
#include "vfs/posix.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <time.h>

/* Slots become more as they are fought for: a directory is listed with all that is known of it when its files fit in. */
enum { FIRST_SLOTS = 1024, MOST_SLOTS = 262144, GROWTH = 4, LOCKS = 16, SETTLED_NS = 1000000000 };

/* The upper bits of slot.attributes; FILE_ATTRIBUTE_* are below. */
#define HAS_ATTRIBUTES 0x80000000u
#define HAS_CREATED 0x40000000u
#define NO_DESCRIPTOR 0x20000000u
#define ATTRIBUTES 0x1FFFFFFFu

struct slot {
	uint64_t state; /* a hash of inode and ctime; 0: empty */
	uint64_t created;
	uint32_t attributes, inode; /* its lower half */
};

/* Of files on the root's device. A file's slot follows from its inode alone: those of files that were made one after the other differ. */
struct posix_known_table {
	pthread_mutex_t locks[LOCKS]; /* by inode; all of them to grow */
	struct slot *slots;
	size_t mask;
	_Atomic size_t evicted;       /* since it last grew */
};

unsigned posix_fs_traits(int fd)
{
	enum { BOTH = POSIX_FS_LOCAL | POSIX_FS_STAMPS };
	/* ext, xfs, btrfs, tmpfs, f2fs, bcachefs, overlayfs; zfs, jfs, reiserfs, exfat, ntfs, ntfs3 */
	static const struct { uint32_t magic; unsigned traits; } kinds[] = {
		{0xEF53, BOTH}, {0x58465342, BOTH}, {0x9123683E, BOTH}, {0x01021994, BOTH | POSIX_FS_MEMORY}, {0xF2F52010, BOTH}, {0xCA451A4E, BOTH}, {0x794C7630, BOTH},
		{0x2FC12FC1, POSIX_FS_LOCAL}, {0x3153464A, POSIX_FS_LOCAL}, {0x52654973, POSIX_FS_LOCAL}, {0x2011BAB0, POSIX_FS_LOCAL},
		{0x5346544E, POSIX_FS_LOCAL}, {0x7366746E, POSIX_FS_LOCAL},
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) != 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if ((uint32_t)fs.f_type == kinds[i].magic)
			return kinds[i].traits;
	}
	return 0;
}

void posix_known_init(struct posix_store *s)
{
	struct posix_known_table *t = s->xattrs && (posix_fs_traits(s->root) & POSIX_FS_STAMPS) ? calloc(1, sizeof(*t)) : NULL;

	if (t)
		t->slots = calloc(FIRST_SLOTS, sizeof(*t->slots));
	if (!t || !t->slots) {
		free(t);
		return;
	}
	t->mask = FIRST_SLOTS - 1;
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_init(&t->locks[i], NULL);
	s->known = t;
}

void posix_known_end(struct posix_store *s)
{
	if (!s->known)
		return;
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&s->known->locks[i]);
	free(s->known->slots);
	free(s->known);
}

static uint64_t state_of(uint64_t inode, int64_t ctime_ns)
{
	return hash_u64(hash_u64(inode) + (uint64_t)ctime_ns) | 1;
}

static struct slot packed(uint64_t inode, int64_t ctime_ns, const struct posix_known *k)
{
	return (struct slot){
		.state = state_of(inode, ctime_ns),
		.created = k->dos.created,
		.inode = (uint32_t)inode,
		.attributes = (k->dos.attributes & ATTRIBUTES) | (k->dos.has_attributes ? HAS_ATTRIBUTES : 0) |
			(k->dos.has_created ? HAS_CREATED : 0) | (k->no_descriptor ? NO_DESCRIPTOR : 0),
	};
}

static struct posix_known unpacked(const struct slot *s)
{
	return (struct posix_known){
		.dos = {.has_attributes = s->attributes & HAS_ATTRIBUTES, .has_created = s->attributes & HAS_CREATED,
			.attributes = s->attributes & ATTRIBUTES, .created = s->created},
		.no_descriptor = s->attributes & NO_DESCRIPTOR,
	};
}

static pthread_mutex_t *lock_of(struct posix_known_table *t, uint64_t inode)
{
	return &t->locks[inode % LOCKS];
}

bool posix_known_find(struct posix_store *s, struct vfs_id id, int64_t ctime_ns, struct posix_known *out)
{
	struct posix_known_table *t = s->known;
	const struct slot *at;
	uint64_t state;
	bool found;

	if (!t || id.device != s->root_id.device)
		return false;
	state = state_of(id.inode, ctime_ns);
	pthread_mutex_lock(lock_of(t, id.inode));
	at = &t->slots[id.inode & t->mask];
	found = at->state == state;
	if (found)
		*out = unpacked(at);
	pthread_mutex_unlock(lock_of(t, id.inode));
	return found;
}

bool posix_known_holds(const struct posix_store *s, struct vfs_id id, int64_t ctime_ns)
{
	struct timespec now;

	if (!s->known || id.device != s->root_id.device)
		return false;
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - ctime_ns >= SETTLED_NS;
}

static void grow(struct posix_known_table *t)
{
	struct slot *slots = NULL;
	size_t count;

	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_lock(&t->locks[i]);
	count = (t->mask + 1) * GROWTH;
	if (t->evicted > t->mask / 4 && count <= MOST_SLOTS)
		slots = calloc(count, sizeof(*slots));
	if (slots) {
		for (size_t i = 0; i <= t->mask; i++)
			slots[t->slots[i].inode & (count - 1)] = t->slots[i];
		free(t->slots);
		t->slots = slots;
		t->mask = count - 1;
	}
	t->evicted = 0;
	for (size_t i = LOCKS; i-- > 0;)
		pthread_mutex_unlock(&t->locks[i]);
}

void posix_known_keep(struct posix_store *s, struct vfs_id id, int64_t ctime_ns, const struct posix_known *k)
{
	struct posix_known_table *t = s->known;
	bool fought;
	struct slot *at;

	/* Rare, and more than there is room for. */
	if (k->dos.has_changed)
		return;
	pthread_mutex_lock(lock_of(t, id.inode));
	at = &t->slots[id.inode & t->mask];
	fought = at->state != 0 && at->inode != (uint32_t)id.inode && ++t->evicted > t->mask / 4 && t->mask + 1 < MOST_SLOTS;
	*at = packed(id.inode, ctime_ns, k);
	pthread_mutex_unlock(lock_of(t, id.inode));
	if (fought)
		grow(t);
}

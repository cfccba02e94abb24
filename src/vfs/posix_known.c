/* What the extended attributes of files said when they were last read: reading one that is not there costs as much as statx(2), and a CREATE
 * wants two. Whoever changes one moves the file's ctime, so what was read holds as long as that stands still. It is kept only
 * once the ctime is so old that a change since would have got another, and only on file systems of which that is known. */
#include "vfs/posix.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <time.h>

enum { SLOTS = 4096, LOCKS = 16, SETTLED_NS = 1000000000 };

struct slot {
	struct vfs_id id;
	int64_t ctime_ns; /* 0: empty */
	struct posix_known k;
};

struct posix_known_table {
	pthread_mutex_t locks[LOCKS];
	struct slot slots[SLOTS];
};

/* ext, xfs, btrfs, tmpfs, f2fs, bcachefs, overlayfs */
static bool tells_changes(int fd)
{
	static const uint32_t kinds[] = {0xEF53, 0x58465342, 0x9123683E, 0x01021994, 0xF2F52010, 0xCA451A4E, 0x794C7630};
	struct statfs fs;

	if (fstatfs(fd, &fs) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if ((uint32_t)fs.f_type == kinds[i])
			return true;
	}
	return false;
}

void posix_known_init(struct posix_store *s)
{
	struct posix_known_table *t = s->xattrs && tells_changes(s->root) ? calloc(1, sizeof(*t)) : NULL;

	if (!t)
		return;
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_init(&t->locks[i], NULL);
	s->known = t;
}

void posix_known_end(struct posix_store *s)
{
	for (size_t i = 0; s->known && i < LOCKS; i++)
		pthread_mutex_destroy(&s->known->locks[i]);
	free(s->known);
}

static size_t slot_of(struct vfs_id id)
{
	return (size_t)(hash_u64(id.inode) % SLOTS);
}

static bool is_at(const struct slot *at, struct vfs_id id, int64_t ctime_ns)
{
	return at->ctime_ns == ctime_ns && ctime_ns != 0 && posix_id_equal(at->id, id);
}

bool posix_known_find(struct posix_store *s, struct vfs_id id, int64_t ctime_ns, struct posix_known *out)
{
	struct posix_known_table *t = s->known;
	size_t i;
	bool found;

	if (!t)
		return false;
	i = slot_of(id);
	pthread_mutex_lock(&t->locks[i % LOCKS]);
	found = is_at(&t->slots[i], id, ctime_ns);
	if (found)
		*out = t->slots[i].k;
	pthread_mutex_unlock(&t->locks[i % LOCKS]);
	return found;
}

bool posix_known_holds(const struct posix_store *s, struct vfs_id id, int64_t ctime_ns)
{
	struct timespec now;
	int64_t age;

	if (!s->known || id.device != s->root_id.device)
		return false;
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
	age = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - ctime_ns;
	return age >= SETTLED_NS;
}

void posix_known_keep(struct posix_store *s, struct vfs_id id, int64_t ctime_ns, const struct posix_known *k)
{
	struct posix_known_table *t = s->known;
	size_t i = slot_of(id);

	pthread_mutex_lock(&t->locks[i % LOCKS]);
	t->slots[i] = (struct slot){.id = id, .ctime_ns = ctime_ns, .k = *k};
	pthread_mutex_unlock(&t->locks[i % LOCKS]);
}

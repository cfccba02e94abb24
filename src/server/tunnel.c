/* Tunneling ([MS-FSA] 2.1.5.1.1): a program that knows short names only and saves by deleting a file and making it anew means the same
 * long name. For a while after a file has gone its short name therefore leads to the long one. Kept by shares that make short names. */
#include "server/tunnel.h"

#include "base/utf16.h"
#include "vfs/vfs.h"

#include <pthread.h>
#include <stdlib.h>

enum { ENTRIES = 32, PATH_BYTES = 1024, KEPT_MS = 15000 };

struct srv_tunnel {
	pthread_mutex_t lock;
	size_t next;
	struct {
		uint64_t until_ms;
		size_t len;
		uint8_t path[PATH_BYTES];
	} entries[ENTRIES];
};

struct srv_tunnel *srv_tunnel_new(void)
{
	struct srv_tunnel *t = calloc(1, sizeof(*t));

	if (t)
		pthread_mutex_init(&t->lock, NULL);
	return t;
}

void srv_tunnel_free(struct srv_tunnel *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* Where the last component begins, in bytes. */
static size_t leaf_at(struct slice path)
{
	size_t units = path.len / 2;

	while (units > 0 && utf16_at(path, units - 1) != '\\')
		units--;
	return 2 * units;
}

static struct slice leaf_of(struct slice path)
{
	size_t at = leaf_at(path);

	return slice_of(path.data + at, path.len - at);
}

void srv_tunnel_gone(struct srv_tunnel *t, struct slice path, uint64_t now_ms)
{
	if (!t || path.len == 0 || path.len > PATH_BYTES || vfs_name_is_short(leaf_of(path)))
		return;
	pthread_mutex_lock(&t->lock);
	t->entries[t->next].until_ms = now_ms + KEPT_MS;
	t->entries[t->next].len = path.len;
	memcpy(t->entries[t->next].path, path.data, path.len);
	t->next = (t->next + 1) % ENTRIES;
	pthread_mutex_unlock(&t->lock);
}

static bool leads_to(struct slice path, struct slice gone)
{
	uint8_t alias[VFS_SHORT_NAME_BYTES];
	struct slice leaf = leaf_of(gone);

	return leaf_at(path) == leaf_at(gone) && utf16_equal_nocase(slice_of(path.data, leaf_at(path)), slice_of(gone.data, leaf_at(gone))) &&
		utf16_equal_nocase(leaf_of(path), slice_of(alias, vfs_short_name(alias, leaf)));
}

struct slice srv_tunnel_find(struct srv_tunnel *t, struct slice path, uint64_t now_ms, struct arena *a)
{
	struct slice found = path;

	if (!t || !vfs_name_is_short(leaf_of(path)))
		return path;
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < ENTRIES; i++) {
		struct slice gone = slice_of(t->entries[i].path, t->entries[i].len);
		uint8_t *p;

		if (t->entries[i].until_ms <= now_ms || !leads_to(path, gone))
			continue;
		p = arena_alloc(a, gone.len);
		if (p)
			found = slice_of(memcpy(p, gone.data, gone.len), gone.len);
		break;
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

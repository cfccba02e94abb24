/* Shares: references and the list of them. */
#include "server/srv.h"

#include "base/utf16.h"
#include "fsa/fsa.h"

#include <stdatomic.h>
#include <stdlib.h>

struct srv_share *srv_share_ref(struct srv_share *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void srv_share_put(struct srv_share *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (s->fsa)
		fsa_free(s->fsa);
	if (s->vfs)
		vfs_close(s->vfs);
	free(s->users);
	free(s->admins);
	free(s);
}

static bool has_name(const struct srv_share *s, struct slice name)
{
	uint8_t wide[2 * sizeof(s->name)];
	size_t n = utf8_to_utf16(wide, sizeof(wide), s->name, strlen(s->name));

	return n != SIZE_MAX && utf16_equal_nocase(slice_of(wide, n), name);
}

struct srv_share *srv_share_find(struct srv *srv, struct slice name)
{
	struct srv_share *found = NULL;

	pthread_mutex_lock(&srv->lock);
	list_for_each(n, &srv->shares) {
		struct srv_share *s = list_entry(n, struct srv_share, link);

		if (has_name(s, name)) {
			found = srv_share_ref(s);
			break;
		}
	}
	pthread_mutex_unlock(&srv->lock);
	return found;
}

void srv_share_add(struct srv *srv, struct srv_share *share)
{
	uint8_t wide[2 * sizeof(share->name)];
	size_t n = utf8_to_utf16(wide, sizeof(wide), share->name, strlen(share->name));
	struct srv_share *old = NULL;

	pthread_mutex_lock(&srv->lock);
	list_for_each(at, &srv->shares) {
		struct srv_share *s = list_entry(at, struct srv_share, link);

		if (n != SIZE_MAX && has_name(s, slice_of(wide, n)))
			old = s;
	}
	if (old)
		list_remove(&old->link);
	list_append(&srv->shares, &share->link);
	pthread_mutex_unlock(&srv->lock);
	srv_share_put(old);
}

/* Shares: references and the list of them. */
#include "server/srv.h"

#include "base/utf16.h"
#include "fsa/fsa.h"
#include "server/durable.h"
#include "server/oplock.h"
#include "server/share_instance.h"
#include "server/tunnel.h"

#include <stdatomic.h>
#include <stdio.h>
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
	if (s->of)
		srv_instance_gone(s);
	net_watch_end(s->local);
	if (s->fsa)
		fsa_free(s->fsa);
	if (s->vfs)
		vfs_close(s->vfs);
	srv_tunnel_free(s->tunnel);
	if (s->of) {
		srv_share_put(s->of);
	} else {
		srv_instances_free(s->instances);
		free(s->users);
		free(s->admins);
		free(s->hide_files);
	}
	free(s);
}

struct srv_share *srv_share_configured(struct srv_share *s)
{
	return s->of ? s->of : s;
}

bool srv_share_retired(const struct srv_share *s)
{
	return s->of ? s->of->retired : s->retired;
}

ntstatus srv_share_open_store(struct srv_share *s, size_t fixed, char *why)
{
	const struct vfs_posix_options o = {.follow_symlinks = s->follow_symlinks, .read_only = s->read_only, .short_names = s->short_names,
		.kernel_oplocks = s->kernel_oplocks};
	char dir[sizeof(s->path)];
	ntstatus status = STATUS_SUCCESS;

	if (s->path[fixed] == 0) {
		s->vfs = vfs_posix_open(s->path, &o, why);
		status = s->vfs ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND;
	} else {
		snprintf(dir, sizeof(dir), "%.*s", (int)fixed, s->path);
		status = vfs_posix_open_beneath(fixed > 0 ? dir : ".", s->path + fixed, s->create_path, &o, &s->vfs, why);
	}
	if (!nt_ok(status))
		return status;
	s->fsa = fsa_new(srv_oplock_hold);
	if (s->short_names)
		s->tunnel = srv_tunnel_new();
	if (s->fsa && (s->tunnel || !s->short_names))
		return STATUS_SUCCESS;
	snprintf(why, 256, "out of memory");
	return STATUS_INSUFFICIENT_RESOURCES;
}

static bool listed_as_hidden(const struct srv_share *s, struct slice name)
{
	for (size_t i = 0; i < s->hide_count; i++) {
		uint8_t wide[2 * sizeof(s->hide_files[i])];
		size_t n = utf8_to_utf16(wide, sizeof(wide), s->hide_files[i], strlen(s->hide_files[i]));

		if (n != SIZE_MAX && fsa_name_match(slice_of(wide, n), name, true))
			return true;
	}
	return false;
}

bool srv_share_hides(const struct srv_share *s, struct slice path)
{
	size_t from = path.len / 2;

	if ((s->show_dot_files && s->hide_count == 0) || path.len == 0)
		return false;
	while (from > 0 && utf16_at(path, from - 1) != '\\')
		from--;
	path = slice_of(path.data + 2 * from, path.len - 2 * from);
	/* "." and ".." of a listing are no names. */
	if (path.len <= 4 && utf16_at(path, 0) == '.' && (path.len == 2 || utf16_at(path, 1) == '.'))
		return false;
	return (!s->show_dot_files && utf16_at(path, 0) == '.') || listed_as_hidden(s, path);
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
	if (old)
		srv_durable_retire(srv, old);
	srv_share_put(old);
}

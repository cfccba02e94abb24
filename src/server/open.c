/* Opens: [MS-SMB2] 3.3.1.10, 3.3.4.17. */
#include "server/open.h"

#include "base/log.h"
#include "server/conn.h"
#include "server/durable.h"
#include "server/local.h"
#include "server/lock.h"
#include "server/notify.h"
#include "server/oplock.h"
#include "server/pipe.h"
#include "server/tables.h"
#include "server/tunnel.h"

#include <stdatomic.h>
#include <stdlib.h>

static uint64_t volatile_of(uint64_t id)
{
	return id << 8 | (hash_u64(id) & 0xFF);
}

struct srv_open *srv_open_new(struct srv_session *s, struct srv_tree *t)
{
	/* Not calloc, which passes by the memory that the thread has at hand. */
	struct srv_open *o = malloc(sizeof(*o));
	uint64_t id;

	if (!o)
		return NULL;
	*o = (struct srv_open){.refs = 1, .srv = s->srv, .session = s, .tree = srv_tree_ref(t), .share = srv_share_ref(t->share)};
	o->fsa.lock_budget = &s->lock_budget->locks;
	list_init(&o->on_grant);
	pthread_mutex_init(&o->lock, NULL);
	/* The persistent half is unique on the whole server (inventory G072); neither half is ever all-ones. The id is there
	 * before the open is: its oplock may break while it is being made. */
	id = atomic_fetch_add(&s->srv->next_open_id, 1);
	o->file_id = (struct smb2_file_id){.persistent = id, .volatile_id = volatile_of(id)};
	return o;
}

uint64_t srv_open_new_volatile(struct srv *srv)
{
	return volatile_of(atomic_fetch_add(&srv->next_open_id, 1));
}

struct smb2_file_id srv_open_id(struct srv_open *o)
{
	struct smb2_file_id id;

	if (!o->durable)
		return o->file_id;
	pthread_mutex_lock(&o->srv->grant_lock);
	id = o->file_id;
	pthread_mutex_unlock(&o->srv->grant_lock);
	return id;
}

struct srv_open *srv_open_ref(struct srv_open *o)
{
	atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
	return o;
}

void srv_open_put(struct srv_open *o)
{
	if (!o || atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) != 1)
		return;
	vfs_watch_remove(o->local);
	if (o->file)
		vfs_file_close(o->file);
	if (o->pipe)
		srv_pipe_free(o->pipe);
	free(o->lock_sequences);
	free(o->parent_key);
	srv_enumeration_free(o->enumeration);
	srv_watch_free(o->watch);
	srv_tree_put(o->tree);
	srv_durable_free(o->durable);
	srv_oplock_detach(o);
	srv_grant_put(o->grant);
	srv_channel_put(o->oplock_channel);
	srv_share_put(o->share);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

static struct srv_open *open_find_locked(struct srv_session *s, uint64_t volatile_id)
{
	for (struct htab_node *n = htab_find(&s->opens, hash_u64(volatile_id)); n; n = htab_find_next(n)) {
		struct srv_open *o = CONTAINER_OF(n, struct srv_open, by_id);

		if (o->file_id.volatile_id == volatile_id)
			return o;
	}
	return NULL;
}

ntstatus srv_open_may_enter_locked(struct srv_session *s, const struct srv_tree *t)
{
	size_t most = srv_session_is_anonymous_locked(s) ? s->srv->limits.anonymous_trees_and_opens : s->srv->limits.opens_per_session;

	if (s->state == SRV_SESSION_GONE)
		return STATUS_USER_SESSION_DELETED;
	if (t->ended)
		return STATUS_NETWORK_NAME_DELETED;
	return s->open_count < most ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

ntstatus srv_open_publish(struct srv_open *o)
{
	struct srv_session *s = o->session;
	ntstatus status;

	pthread_mutex_lock(&s->lock);
	status = srv_open_may_enter_locked(s, o->tree);
	if (nt_ok(status) && !htab_insert(&s->opens, &o->by_id, hash_u64(o->file_id.volatile_id)))
		status = STATUS_INSUFFICIENT_RESOURCES;
	if (nt_ok(status)) {
		s->open_count++;
		srv_open_ref(o);
		if (o->durable)
			srv_durable_published(o);
	}
	pthread_mutex_unlock(&s->lock);
	return status;
}

struct srv_open *srv_open_find_locked(struct srv_session *s, struct smb2_file_id id, const struct srv_tree *t)
{
	struct srv_open *o = open_find_locked(s, id.volatile_id);

	if (!o || o->file_id.persistent != id.persistent || (t && o->tree != t))
		return NULL;
	return srv_open_ref(o);
}

struct srv_open *srv_open_find(struct srv_session *s, struct smb2_file_id id, const struct srv_tree *t)
{
	struct srv_open *o;

	pthread_mutex_lock(&s->lock);
	o = srv_open_find_locked(s, id, t);
	pthread_mutex_unlock(&s->lock);
	return o;
}

void srv_open_show(const struct srv_open *o, struct vfs_stat *st)
{
	if (fsa_written_late(o->share->fsa))
		st->written = fsa_written_shown(o->share->fsa, st->id, st->written, clock_ms(o->srv->clock));
	if (atomic_load_explicit(&o->name_hides, memory_order_relaxed))
		st->attributes |= FILE_ATTRIBUTE_HIDDEN;
}

ntstatus srv_open_stat(struct srv_open *o, struct vfs_stat *st)
{
	ntstatus status = vfs_stat_get(o->file, st);

	if (nt_ok(status))
		srv_open_show(o, st);
	return status;
}

/* Writes that no client was shown the time of have happened now. */
static void show_written(struct srv_open *o)
{
	struct vfs_set_info set = {.which = VFS_SET_WRITTEN, .written = clock_filetime(o->srv->clock)};
	uint64_t shown = fsa_written_leave(&o->fsa);
	struct vfs_stat st;

	if (shown != 0 && nt_ok(vfs_stat_get(o->file, &st)) && st.written != shown && !nt_ok(vfs_set(o->file, &set)))
		log_debug("the write time of a file cannot be set on its close");
}

struct slice srv_open_name(struct vfs_file *f, struct arena *a)
{
	struct slice file = vfs_file_name(f, a), stream = vfs_stream_name(f, a);
	uint8_t *p = stream.len > 0 ? arena_alloc(a, file.len + 2 + stream.len) : NULL;

	if (!p)
		return file;
	if (file.len > 0)
		memcpy(p, file.data, file.len);
	store_le16(p + file.len, ':');
	memcpy(p + file.len + 2, stream.data, stream.len);
	return slice_of(p, file.len + 2 + stream.len);
}

void srv_open_leave(struct srv_open *o)
{
	struct slice name = slice_of(NULL, 0);
	uint8_t scratch[512];
	struct arena a;
	struct vfs_file *goes = o->file;
	ntstatus status;
	bool remove;

	if (!o->file)
		return;
	show_written(o);
	srv_local_let_in(o);
	remove = fsa_open_leave(o->share->fsa, &o->fsa);
	srv_oplock_detach(o);
	if (!remove) {
		if (o->fsa.delete_on_close)
			srv_directory_deleted(o);
		srv_written_closed(o);
		return;
	}
	if (o->fsa.removes_file)
		goes = vfs_stream_base(o->file);
	arena_init(&a, scratch, sizeof(scratch), 0);
	if (srv_changes_matter(o->share) || o->share->tunnel)
		name = srv_open_name(goes, &a);
	status = vfs_unlink(goes);
	if (nt_ok(status) && !vfs_stream_base(goes))
		srv_tunnel_gone(o->share->tunnel, name, clock_ms(o->srv->clock));
	fsa_removed(o->share->fsa, &o->fsa);
	if (nt_ok(status) && name.len > 0)
		srv_changed_path(o->share, o, vfs_stream_base(goes) ? FSA_REMOVED_STREAM : FSA_REMOVED,
			vfs_stream_base(goes) ? FSA_CHANGE_STREAM_NAME : srv_change_of_name(o), name);
	arena_reset(&a);
	if (!nt_ok(status) && !nt_is(status, STATUS_OBJECT_NAME_NOT_FOUND))
		log_warn("cannot delete a file on its last close: %s", hythe_status_text(status));
}

void srv_open_end(struct srv_open *o, struct srv_session *s)
{
	srv_watch_close(o);
	/* Locks that are waited for end as ranges that are not locked; whatever else waits is cancelled. */
	srv_locks_end(o);
	if (s && atomic_load(&o->parked) > 0)
		srv_session_cancel(s, o, NULL, STATUS_CANCELLED);
	srv_open_leave(o);
	srv_open_put(o);
}

void srv_open_close(struct srv_open *o)
{
	struct srv_session *s;
	bool was_listed;

	if (o->durable) {
		srv_durable_close(o);
		return;
	}
	s = o->session;
	pthread_mutex_lock(&s->lock);
	was_listed = !o->closed && open_find_locked(s, o->file_id.volatile_id) == o;
	if (was_listed) {
		htab_remove(&s->opens, &o->by_id);
		s->open_count--;
	}
	o->closed = true;
	pthread_mutex_unlock(&s->lock);
	if (was_listed)
		srv_open_end(o, s);
}

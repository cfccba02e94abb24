/* Change notification: [MS-SMB2] 3.3.5.19. A watch collects changes, in the form in which they are sent, from the first
 * CHANGE_NOTIFY of a handle until it is closed; a request takes what there is or waits, parked, for the next change. What
 * does not fit is replaced by NOTIFY_ENUM_DIR. The open's lock guards its watch. */
#include "server/notify.h"

#include "server/local.h"
#include "server/oplock.h"
#include "server/park.h"
#include "server/session.h"
#include "wire/fscc.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { COLLECTED_BYTES = 65536 };

struct srv_watch {
	struct fsa_watch fsa;
	struct srv_open *open;
	struct list_node waiting;    /* struct waiter.link, oldest first */
	struct list_node woken;      /* in the list of somebody who tells a change, and his alone: */
	bool in_woken, overflow, deleted;
	struct vfs_watch *local;     /* what local programs change; NULL: not heard of */
	struct fscc_list changes;
};

struct waiter {
	struct list_node link;
	struct srv_request *r;
};

/* What the calls of fsa hand on: who is to be woken. */
struct telling {
	struct list_node woken;      /* struct srv_watch.woken */
	bool local;                  /* of a change by a local program */
};

static void telling_init(struct telling *t)
{
	list_init(&t->woken);
	t->local = false;
}

/* Puts the watch among those that have somebody to wake. The open's lock is held. */
static void wake_locked(struct srv_watch *w, struct telling *t)
{
	if (list_empty(&w->waiting) || w->in_woken)
		return;
	w->in_woken = true;
	(void)srv_open_ref(w->open);
	list_append(&t->woken, &w->woken);
}

static void on_deleted(struct fsa_watch *f, void *ctx)
{
	struct srv_watch *w = CONTAINER_OF(f, struct srv_watch, fsa);

	pthread_mutex_lock(&w->open->lock);
	w->deleted = true;
	wake_locked(w, ctx);
	pthread_mutex_unlock(&w->open->lock);
}

/* Notes a change. The watch lock is held. Who cannot hear of all local changes has to look whenever he hears of one. */
static void on_change(struct fsa_watch *f, uint32_t action, struct slice name, void *ctx)
{
	struct srv_watch *w = CONTAINER_OF(f, struct srv_watch, fsa);
	const struct fscc_notify n = {.action = action, .name = name};
	const struct telling *t = ctx;

	pthread_mutex_lock(&w->open->lock);
	if ((t->local && vfs_watch_incomplete(w->local)) || !fscc_notify_put(&w->changes, &n))
		w->overflow = true;
	wake_locked(w, ctx);
	pthread_mutex_unlock(&w->open->lock);
}

static bool has_news_locked(const struct srv_watch *w)
{
	return w->deleted || w->overflow || w->changes.len > 0;
}

/* Moves what was collected into the answer of a request (3.3.5.19). The open's lock is held. */
static struct srv_result take_news_locked(struct srv_watch *w, struct srv_request *r, size_t room, struct slice *output)
{
	bool fits;

	if (w->deleted)
		return srv_reply(STATUS_DELETE_PENDING);
	fits = !w->overflow && w->changes.len <= room && srv_payload_alloc(r, w->changes.len);
	if (fits) {
		memcpy(r->payload.data, w->changes.out, w->changes.len);
		r->payload.len = w->changes.len;
		*output = srv_payload_slice(r);
	}
	w->overflow = false;
	w->changes.len = w->changes.last = 0;
	return fits ? srv_reply(STATUS_SUCCESS) : srv_reply_body(STATUS_NOTIFY_ENUM_DIR);
}

static struct srv_request *take_waiter_locked(struct srv_watch *w)
{
	struct waiter *first;

	if (list_empty(&w->waiting))
		return NULL;
	first = list_entry(w->waiting.next, struct waiter, link);
	list_remove(&first->link);
	return first->r;
}

/* Takes the oldest request that waits, if there is something to tell it. */
static struct srv_request *answer_next(struct srv_watch *w, struct srv_result *result)
{
	struct srv_request *r = NULL;

	pthread_mutex_lock(&w->open->lock);
	w->in_woken = false;
	if (has_news_locked(w))
		r = take_waiter_locked(w);
	if (r) {
		const struct smb2_change_notify_req *in = r->in;
		struct smb2_change_notify_rsp *out = r->body;

		*result = take_news_locked(w, r, in->output_buffer_length, &out->output);
	}
	pthread_mutex_unlock(&w->open->lock);
	return r;
}

static void answer(struct srv_watch *w)
{
	struct srv_open *o = w->open;
	struct srv_result result;
	struct srv_request *r;

	list_remove(&w->woken);
	while ((r = answer_next(w, &result)) != NULL)
		srv_request_resume(r, result);
	srv_open_put(o);
}

static void answer_all(struct telling *t)
{
	while (!list_empty(&t->woken))
		answer(list_entry(t->woken.next, struct srv_watch, woken));
}

void srv_directory_deleted(struct srv_open *o)
{
	struct telling t;

	if (!o->directory || !fsa_watched(o->share->fsa))
		return;
	telling_init(&t);
	fsa_directory_deleted(o->share->fsa, o->fsa.id, &t);
	answer_all(&t);
}

uint32_t srv_change_of_name(const struct srv_open *o)
{
	return o->directory ? FSA_CHANGE_DIR_NAME : FSA_CHANGE_FILE_NAME;
}

bool srv_changes_matter(const struct srv_share *s)
{
	return fsa_watched(s->fsa) || fsa_directory_leases(s->fsa) != 0;
}

static void tell_watches(struct srv_share *s, uint32_t action, uint32_t what, struct slice path)
{
	struct telling telling;

	if (!fsa_watched(s->fsa))
		return;
	telling_init(&telling);
	fsa_changed(s->fsa, action, what, path, &telling);
	answer_all(&telling);
}

void srv_changed_path(struct srv_share *s, const struct srv_open *o, uint32_t action, uint32_t what, struct slice path)
{
	tell_watches(s, action, what, path);
	if (fsa_directory_leases(s->fsa) != 0)
		srv_oplock_entry_changed(s, o, path);
}

/* What a change of a file is when it is one of a stream; one of attributes, say, is its file's. [MS-FSCC] 2.7.1, [MS-SMB2] 2.2.35. */
static bool is_of_stream(uint32_t *action, uint32_t *what)
{
	uint32_t of_stream = 0;

	of_stream |= *what & (FSA_CHANGE_FILE_NAME | FSA_CHANGE_STREAM_NAME) ? FSA_CHANGE_STREAM_NAME : 0;
	of_stream |= *what & FSA_CHANGE_SIZE ? FSA_CHANGE_STREAM_SIZE : 0;
	of_stream |= *what & FSA_CHANGE_SIZE && *what & FSA_CHANGE_LAST_WRITE ? FSA_CHANGE_STREAM_WRITE : 0;
	if (of_stream == 0)
		return false;
	*action = *action == FSA_ADDED ? FSA_ADDED_STREAM : *action == FSA_REMOVED ? FSA_REMOVED_STREAM : FSA_MODIFIED_STREAM;
	*what = of_stream;
	return true;
}

/* The path by which watches know what changed, and which change it is to them. */
static struct slice path_of_change(struct srv_open *o, uint32_t *action, uint32_t *what, struct arena *a)
{
	bool stream = vfs_stream_base(o->file) && is_of_stream(action, what);

	return stream ? srv_open_name(o->file, a) : vfs_file_name(o->file, a);
}

void srv_changed(struct srv_open *o, uint32_t action, uint32_t what)
{
	uint8_t scratch[1024];
	struct slice path;
	struct arena a;

	if (!srv_changes_matter(o->share))
		return;
	arena_init(&a, scratch, sizeof(scratch), 0);
	path = path_of_change(o, &action, &what, &a);
	srv_changed_path(o->share, o, action, what, path);
	arena_reset(&a);
}

void srv_written(struct srv_open *o)
{
	uint32_t action = FSA_MODIFIED, what = FSA_CHANGE_SIZE | FSA_CHANGE_LAST_WRITE;
	uint8_t scratch[1024];
	struct slice path;
	struct arena a;

	if (!atomic_load_explicit(&o->entry_changed, memory_order_relaxed))
		atomic_store(&o->entry_changed, true);
	if (!fsa_watched(o->share->fsa))
		return;
	arena_init(&a, scratch, sizeof(scratch), 0);
	path = path_of_change(o, &action, &what, &a);
	tell_watches(o->share, action, what, path);
	arena_reset(&a);
}

void srv_written_closed(struct srv_open *o)
{
	uint8_t scratch[1024];
	struct arena a;

	if (!atomic_load(&o->entry_changed) || fsa_directory_leases(o->share->fsa) == 0)
		return;
	arena_init(&a, scratch, sizeof(scratch), 0);
	srv_oplock_entry_changed(o->share, o, vfs_file_name(o->file, &a));
	arena_reset(&a);
}

static struct slice parent_of(struct slice path)
{
	size_t units = path.len / 2;

	while (units > 0 && load_le16(path.data + 2 * (units - 1)) != '\\')
		units--;
	return slice_of(path.data, units * 2);
}

/* o: NULL for a local program. */
static void tell_renamed(struct srv_share *share, const struct srv_open *o, uint32_t what, struct slice from, struct slice to)
{
	bool moved = !slice_equal(parent_of(from), parent_of(to));
	struct telling t;

	telling_init(&t);
	t.local = o == NULL;
	fsa_changed(share->fsa, moved ? FSA_REMOVED : FSA_RENAMED_OLD, what, from, &t);
	fsa_changed(share->fsa, moved ? FSA_ADDED : FSA_RENAMED_NEW, what, to, &t);
	answer_all(&t);
	if (moved)
		fsa_directory_entry_moved(share->fsa);
	if (fsa_directory_leases(share->fsa) == 0)
		return;
	srv_oplock_entry_changed(share, o, to);
	if (moved)
		srv_oplock_entry_changed(share, o, from);
}

void srv_changed_name(struct srv_open *o, struct slice from)
{
	uint8_t scratch[1024];
	struct arena a;

	if (!srv_changes_matter(o->share))
		return;
	arena_init(&a, scratch, sizeof(scratch), 0);
	tell_renamed(o->share, o, srv_change_of_name(o), from, vfs_file_name(o->file, &a));
	arena_reset(&a);
}

/* --- local programs --- */

void srv_changed_locally(struct srv_share *share, const struct vfs_change *c)
{
	uint32_t what = c->directory ? FSA_CHANGE_DIR_NAME : FSA_CHANGE_FILE_NAME, action = FSA_MODIFIED;
	struct telling t;

	if (c->kind == VFS_RENAMED) {
		tell_renamed(share, NULL, what, c->from, c->path);
		return;
	}
	if (c->kind == VFS_ADDED || c->kind == VFS_REMOVED)
		action = c->kind == VFS_ADDED ? FSA_ADDED : FSA_REMOVED;
	else if (c->kind == VFS_DATA_CHANGED)
		what = FSA_CHANGE_SIZE | FSA_CHANGE_LAST_WRITE;
	else
		what = FSA_CHANGE_ATTRIBUTES | FSA_CHANGE_LAST_WRITE | FSA_CHANGE_LAST_ACCESS | FSA_CHANGE_EA | FSA_CHANGE_SECURITY;
	telling_init(&t);
	t.local = true;
	fsa_changed(share->fsa, action, what, c->path, &t);
	answer_all(&t);
	if (fsa_directory_leases(share->fsa) != 0)
		srv_oplock_entry_changed(share, NULL, c->path);
}

static void on_lost(struct fsa_watch *f, void *ctx)
{
	struct srv_watch *w = CONTAINER_OF(f, struct srv_watch, fsa);

	pthread_mutex_lock(&w->open->lock);
	if (w->local) {
		w->overflow = true;
		wake_locked(w, ctx);
	}
	pthread_mutex_unlock(&w->open->lock);
}

void srv_changes_lost(struct srv_share *share)
{
	struct fsa_breaks b;
	struct telling t;

	telling_init(&t);
	fsa_watches_each(share->fsa, on_lost, &t);
	answer_all(&t);
	fsa_breaks_init(&b);
	fsa_directories_changed(share->fsa, &b);
	srv_oplock_tell(&b);
}

/* --- the watch --- */

static struct srv_watch *watch_new(struct srv_open *o, const struct smb2_change_notify_req *in)
{
	struct srv_watch *w = calloc(1, sizeof(*w));
	size_t cap = in->output_buffer_length < COLLECTED_BYTES ? in->output_buffer_length : COLLECTED_BYTES;

	if (!w)
		return NULL;
	w->changes = (struct fscc_list){.out = malloc(cap + 1), .cap = cap};
	if (!w->changes.out) {
		free(w);
		return NULL;
	}
	w->open = o;
	list_init(&w->waiting);
	list_init(&w->woken);
	w->fsa = (struct fsa_watch){
		.directory = o->file, .id = o->fsa.id, .filter = in->completion_filter, .tree = (in->flags & 1) != 0,
		.changed = on_change, .deleted = on_deleted,
	};
	return w;
}

void srv_watch_free(struct srv_watch *w)
{
	if (!w)
		return;
	free(w->changes.out);
	free(w);
}

/* Local changes are heard of as well. The store may have to look through a tree for that, so no lock is held. */
static void watch_locally(struct srv_open *o, struct srv_watch *w)
{
	struct vfs_watch *local = srv_local_watch(o, w->fsa.filter, w->fsa.tree);

	pthread_mutex_lock(&o->lock);
	if (!o->watch_closed) {
		w->local = local;
		local = NULL;
	}
	pthread_mutex_unlock(&o->lock);
	vfs_watch_remove(local);
}

/* The watch of o, or that one as its own if it may still have one. */
static struct srv_watch *watch_or(struct srv_open *o, struct srv_watch *fresh)
{
	struct srv_watch *w;

	pthread_mutex_lock(&o->lock);
	if (!o->watch && !o->watch_closed)
		o->watch = fresh;
	w = o->watch;
	pthread_mutex_unlock(&o->lock);
	return w;
}

/* The open's watch. The first request decides what it watches, for good: what happens between two requests is told by the second one. It is known to
 * fsa before it is the open's, whose closing takes it from there. */
static struct srv_watch *watch_of(struct srv_open *o, const struct smb2_change_notify_req *in)
{
	struct srv_watch *w = watch_or(o, NULL), *fresh;

	if (w)
		return w;
	fresh = watch_new(o, in);
	if (!fresh)
		return NULL;
	fsa_watch_add(o->share->fsa, &fresh->fsa);
	w = watch_or(o, fresh);
	if (w == fresh) {
		watch_locally(o, fresh);
	} else {
		fsa_watch_remove(o->share->fsa, &fresh->fsa);
		srv_watch_free(fresh);
	}
	return w;
}

static bool cancel_waiter(struct srv_request *r)
{
	struct waiter *mine = r->parked_for;
	bool linked;

	pthread_mutex_lock(&r->open->lock);
	linked = !list_unlinked(&mine->link);
	list_remove(&mine->link);
	pthread_mutex_unlock(&r->open->lock);
	return linked;
}

struct srv_result srv_watch_wait(struct srv_request *r, const struct smb2_change_notify_req *in, struct smb2_change_notify_rsp *out)
{
	struct srv_open *o = r->open;
	struct waiter *mine = arena_zalloc(&r->arena, sizeof(*mine));
	struct srv_watch *w = watch_of(o, in);
	struct srv_result result;
	ntstatus status;

	if (!mine || !w)
		return srv_reply(o->closed ? STATUS_FILE_CLOSED : STATUS_INSUFFICIENT_RESOURCES);
	list_init(&mine->link);
	mine->r = r;
	status = srv_request_park(r, cancel_waiter, mine);
	if (!nt_ok(status))
		return srv_reply(status);
	pthread_mutex_lock(&o->lock);
	if (o->watch_closed)
		result = srv_reply_body(STATUS_NOTIFY_CLEANUP);
	else if (fsa_delete_pending(&o->fsa))
		/* Whoever deletes the directory told those who waited; this request comes too late for that. */
		result = srv_reply(STATUS_DELETE_PENDING);
	else if (has_news_locked(w) && list_empty(&w->waiting))
		result = take_news_locked(w, r, in->output_buffer_length, &out->output);
	else
		result = srv_parked();
	if (result.next == SRV_PARKED)
		list_append(&w->waiting, &mine->link);
	pthread_mutex_unlock(&o->lock);
	/* Parked it is in any case by now; the interim response comes first. */
	if (result.next != SRV_PARKED)
		srv_request_resume(r, result);
	return srv_parked();
}

void srv_watch_close(struct srv_open *o)
{
	struct vfs_watch *local = NULL;
	struct srv_request *r;
	struct srv_watch *w;

	pthread_mutex_lock(&o->lock);
	o->watch_closed = true;
	w = o->watch;
	if (w) {
		local = w->local;
		w->local = NULL;
	}
	pthread_mutex_unlock(&o->lock);
	if (!w)
		return;
	vfs_watch_remove(local);
	fsa_watch_remove(o->share->fsa, &w->fsa);
	do {
		pthread_mutex_lock(&o->lock);
		r = take_waiter_locked(w);
		pthread_mutex_unlock(&o->lock);
		if (r)
			srv_request_resume(r, srv_reply_body(STATUS_NOTIFY_CLEANUP));
	} while (r);
}

/* The reference model, see fsa_model.h: what clients do, by the sections of [MS-SMB2] 3.3.5 and [MS-FSA] 2.1.5. What can wait says
 * STATUS_PENDING and on which node, changes nothing until it can go on, and is tried again from its beginning. */
#include "fsa_model_inner.h"

#include <stddef.h>

enum { ACTION_SUPERSEDED, ACTION_OPENED, ACTION_CREATED, ACTION_OVERWRITTEN };
enum { BREAK_IN_PROGRESS = 2, PARENT_KEY_SET = 4 };

/* An operation under way: what it answers, and what it waits for. */
struct doing {
	struct m_model *m;
	const struct m_op *op;
	struct m_expected answer;
	int awaited;
};

bool m_looks(uint32_t access)
{
	return (access & ~(uint32_t)(M_READ_ATTRIBUTES | M_WRITE_ATTRIBUTES | M_SYNCHRONIZE | M_READ_CONTROL)) == 0;
}

static bool overwrites(const struct m_op *op)
{
	return op->disposition == M_SUPERSEDE || op->disposition == M_OVERWRITE || op->disposition == M_OVERWRITE_IF;
}

/* --- CREATE, 3.3.5.9 and [MS-FSA] 2.1.5.1 --- */

static uint32_t sharing_needed(uint32_t access)
{
	return (access & (M_READ_DATA | M_EXECUTE) ? M_SHARE_READ : 0) | (access & (M_WRITE_DATA | M_APPEND) ? M_SHARE_WRITE : 0) |
		(access & M_DELETE ? M_SHARE_DELETE : 0);
}

/* [MS-FSA] 2.1.5.1.2.2 */
static bool exclude_each_other(uint32_t a, uint32_t a_share, uint32_t b, uint32_t b_share)
{
	uint32_t need_a = sharing_needed(a), need_b = sharing_needed(b);

	return need_a && need_b && ((need_a & ~b_share) || (need_b & ~a_share));
}

static bool conflicts(const struct m_model *m, int node, uint32_t access, uint32_t share)
{
	for (int i = 0; i < M_OPENS; i++) {
		const struct m_open *o = &m->opens[i];

		if (o->used && o->node == node && exclude_each_other(access, share, o->access, o->share))
			return true;
	}
	return false;
}

static bool forbids_deletion(uint32_t access, uint32_t share)
{
	return sharing_needed(access) && !(share & M_SHARE_DELETE);
}

/* Who deletes (or overwrites) a file does so to its streams. */
static bool conflicts_with_siblings(const struct m_model *m, int node, const struct m_op *op, uint32_t access, bool overwrite)
{
	const struct m_node *n = &m->nodes[node];
	bool deletes = (access & M_DELETE) || op->doc || overwrite;

	for (int i = 0; i < M_OPENS; i++) {
		const struct m_open *o = &m->opens[i];

		if (!o->used || o->node == node || m->nodes[o->node].file != n->file)
			continue;
		if (!n->is_stream && deletes && forbids_deletion(o->access, o->share))
			return true;
		if (n->is_stream && !m->nodes[o->node].is_stream && (o->access & M_DELETE) && forbids_deletion(access, op->share))
			return true;
	}
	return false;
}

struct loss {
	bool happens, refused;
	uint8_t left, awaited; /* what remains; what must have gone before the open goes on */
};

/* [MS-FSA] 2.1.4.12, OPEN and OPEN_BREAK_H, and 3.3.1.4: what an open by somebody else takes from g. */
static struct loss loss_by_open(const struct m_grant *g, const struct m_op *op, uint32_t access, bool conflict, bool overwrite)
{
	bool looks = g->lease ? m_looks(access) : m_looks(access) && !(access & M_READ_CONTROL);

	if (looks && !overwrite && !op->doc)
		return (struct loss){.happens = false};
	if (!g->lease) {
		if (!(g->state & M_W))
			return (struct loss){.happens = overwrite && !conflict, .left = 0};
		/* An exclusive oplock, unlike batch, means a file that is really open. */
		if (conflict && !g->breaking && !(g->state & M_H))
			return (struct loss){.refused = true};
		return (struct loss){.happens = true, .left = overwrite ? 0 : M_R, .awaited = M_W};
	}
	if (conflict)
		return (struct loss){.happens = (g->state & M_H) != 0, .left = overwrite ? 0 : M_R | M_W, .awaited = M_H};
	if (op->doc)
		return (struct loss){.happens = true, .left = overwrite ? 0 : M_R, .awaited = M_H | M_W};
	return (struct loss){.happens = true, .left = overwrite ? 0 : M_R | M_H, .awaited = M_W};
}

static ntstatus enter_check(struct doing *d, int node, int grant, uint32_t access, bool overwrite)
{
	struct m_model *m = d->m;
	bool conflict, wait = false;
	struct m_grant *g;

	if (m->nodes[node].pending || m->nodes[m->nodes[node].file].pending)
		return STATUS_DELETE_PENDING;
	if (conflicts_with_siblings(m, node, d->op, access, overwrite))
		return STATUS_SHARING_VIOLATION;
	conflict = conflicts(m, node, access, d->op->share);
	for (int i = 0; (g = m_grant_in_order(m, node, i)) != NULL; i++) {
		struct loss l = loss_by_open(g, d->op, access, conflict, overwrite);

		if (grant != M_NOBODY && g == &m->grants[grant])
			continue;
		if (l.refused)
			return STATUS_SHARING_VIOLATION;
		if (!l.happens)
			continue;
		m_break(m, g, l.left);
		wait = wait || ((g->breaking ? g->held : g->state) & l.awaited);
	}
	d->awaited = node;
	if (wait)
		return STATUS_PENDING;
	return conflict ? STATUS_SHARING_VIOLATION : STATUS_SUCCESS;
}

static int open_new(struct m_model *m)
{
	for (int i = 0; i < M_OPENS; i++) {
		if (!m->opens[i].used)
			return i;
	}
	m->overflow = true;
	return M_OPENS - 1;
}

/* Leases need one of 3.x on a directory, where there are no oplocks. */
static bool grants_at_all(const struct m_model *m, int node, const struct m_op *op)
{
	if (op->level == M_LEVEL_LEASE)
		return !m->nodes[node].directory || !op->v1;
	return op->level != M_LEVEL_NONE && !m->nodes[node].directory;
}

static void answer_create(struct doing *d, int open, uint32_t action)
{
	const struct m_model *m = d->m;
	const struct m_open *o = &m->opens[open];
	const struct m_grant *g = o->grant != M_NOBODY ? &m->grants[o->grant] : NULL;
	struct m_expected *a = &d->answer;

	a->open = open;
	a->action = action;
	a->size = m->nodes[o->node].size;
	if (!g)
		return;
	a->leased = g->lease;
	a->level = g->lease ? M_LEVEL_LEASE : g->state & M_W ? (g->state & M_H ? M_LEVEL_BATCH : M_LEVEL_EXCLUSIVE) : g->state ? M_LEVEL_II : 0;
	a->key = g->key;
	a->to = g->state;
	a->v2 = g->v2;
	a->epoch = g->v2 ? g->epoch : 0;
	a->flags = (g->breaking ? BREAK_IN_PROGRESS : 0) | (o->has_parent && g->v2 ? PARENT_KEY_SET : 0);
}

/* The open is there from here on. */
static int enter(struct doing *d, int node, int lease)
{
	struct m_model *m = d->m;
	const struct m_op *op = d->op;
	int i = open_new(m);
	struct m_grant *g;

	m->opens[i] = (struct m_open){
		.used = true, .doc = op->doc, .conn = op->conn, .node = node, .grant = M_NOBODY, .access = op->access, .share = op->share,
		.order = ++m->order,
	};
	if (!grants_at_all(m, node, op))
		return i;
	m->opens[i].has_parent = op->level == M_LEVEL_LEASE && op->parent && !op->v1;
	m->opens[i].parent = op->parent;
	m->opens[i].grant = lease != M_NOBODY ? lease : m_grant_new(m, node);
	g = &m->grants[m->opens[i].grant];
	if (lease == M_NOBODY && op->level == M_LEVEL_LEASE) {
		g->lease = true;
		g->client = m_client_of(op->conn);
		g->key = op->key;
		g->v2 = !op->v1;
		g->epoch = op->v1 ? 0 : op->epoch;
	}
	m_grant(m, i, op);
	return i;
}

static ntstatus open_existing(struct doing *d, int node, int lease)
{
	struct m_model *m = d->m;
	bool overwrite = overwrites(d->op);
	uint32_t access = d->op->access;
	ntstatus status;
	int open;

	if (overwrite)
		access |= d->op->disposition == M_SUPERSEDE ? M_WRITE_DATA | M_DELETE : M_WRITE_DATA;
	status = enter_check(d, node, lease, access, overwrite);
	if (!nt_ok(status))
		return status;
	if (overwrite)
		m->nodes[node].size = 0;
	/* The streams of a file go with its content. */
	if (overwrite && !m->nodes[node].is_stream && m_stream_of(m, node) != M_NOBODY)
		m->nodes[m_stream_of(m, node)].linked = false;
	open = enter(d, node, lease);
	if (overwrite)
		m_directory_changed(m, m->nodes[m->nodes[node].file].dir, open);
	answer_create(d, open, !overwrite ? ACTION_OPENED : d->op->disposition == M_SUPERSEDE ? ACTION_SUPERSEDED : ACTION_OVERWRITTEN);
	return STATUS_SUCCESS;
}

static ntstatus make(struct doing *d, int file)
{
	struct m_model *m = d->m;
	int node = file, open;

	if (file == M_NOBODY) {
		node = file = m_node_new(m);
		m->nodes[file].dir = d->op->dir;
		m->nodes[file].name = d->op->name;
	}
	if (d->op->stream) {
		node = m_node_new(m);
		m->nodes[node].is_stream = true;
		m->nodes[node].file = file;
		m->nodes[node].name = 0;
		if (conflicts_with_siblings(m, node, d->op, d->op->access, false)) {
			m->nodes[node].used = false;
			return STATUS_SHARING_VIOLATION;
		}
	}
	open = enter(d, node, M_NOBODY);
	m_directory_changed(m, m->nodes[file].dir, open);
	answer_create(d, open, ACTION_CREATED);
	return STATUS_SUCCESS;
}

static ntstatus do_create(struct doing *d)
{
	struct m_model *m = d->m;
	const struct m_op *op = d->op;
	int file = op->name == M_DIRECTORY_ITSELF ? op->dir : m_lookup(m, op->dir, op->name);
	int node = op->stream && file != M_NOBODY ? m_stream_of(m, file) : file, lease = M_NOBODY;
	bool must_be = op->disposition == M_OPEN || op->disposition == M_OVERWRITE;

	if (op->doc && !(op->access & M_DELETE))
		return STATUS_ACCESS_DENIED;
	if (op->dir == M_DIRECTORY && op->dir_name != m->nodes[M_DIRECTORY].name)
		return op->name == M_DIRECTORY_ITSELF ? STATUS_OBJECT_NAME_NOT_FOUND : STATUS_OBJECT_PATH_NOT_FOUND;
	/* 3.3.5.9.8, 3.3.5.9.11: in the path name validation phase. */
	if (op->level == M_LEVEL_LEASE)
		lease = m_lease_find(m, m_client_of(op->conn), op->key);
	if (lease != M_NOBODY && m->grants[lease].node != node)
		return STATUS_INVALID_PARAMETER;
	/* [MS-FSA] 2.1.5.1: the file is looked at before its streams are. */
	if (op->stream && file != M_NOBODY && m->nodes[file].pending)
		return STATUS_DELETE_PENDING;
	if (node == M_NOBODY && must_be)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	if (node != M_NOBODY && op->disposition == M_CREATE)
		return m->nodes[file].pending ? STATUS_DELETE_PENDING : STATUS_OBJECT_NAME_COLLISION;
	if (op->level == M_LEVEL_LEASE && m->conn_order[op->conn] == 0 && (node == M_NOBODY || grants_at_all(m, node, op)))
		m->conn_order[op->conn] = ++m->order;
	if (node == M_NOBODY)
		return make(d, file);
	/* An open that gets no lease has no part in one either. */
	return open_existing(d, node, grants_at_all(m, node, op) ? lease : M_NOBODY);
}

/* --- CLOSE, 3.3.5.10 and [MS-FSA] 2.1.5.4 --- */

static void settle_locks(struct m_model *m, int node)
{
	uint64_t after = 0;
	struct m_wait *w;

	do {
		w = NULL;
		for (int i = 0; i < M_WAITS; i++) {
			struct m_wait *p = &m->waits[i];

			if (p->used && p->op.kind == M_DO_LOCK && p->node == node && p->order > after && (!w || p->order < w->order))
				w = p;
		}
		if (!w)
			break;
		after = w->order;
		if (!m_lock_conflicts(m, w->op.open, w->op.ranges[0].offset, w->op.ranges[0].length, w->op.ranges[0].flags & M_LOCK_EXCLUSIVE)) {
			m_lock_add(m, w->op.open, w->op.ranges[0].offset, w->op.ranges[0].length, w->op.ranges[0].flags & M_LOCK_EXCLUSIVE);
			w->used = false;
			m_expect(m, &(struct m_expected){.conn = w->op.conn, .message_id = w->op.message_id, .kind = M_DO_LOCK});
		}
	} while (w);
}

static void end_wait(struct m_model *m, struct m_wait *w, ntstatus status)
{
	w->used = false;
	m_expect(m, &(struct m_expected){.conn = w->op.conn, .message_id = w->op.message_id, .kind = w->op.kind, .status = status});
}

/* What waits on an open ends with it: locks as ranges that are not locked, the rest as cancelled. */
static void end_waits_of(struct m_model *m, int open)
{
	for (int i = 0; i < M_WAITS; i++) {
		struct m_wait *w = &m->waits[i];

		if (w->used && w->op.kind != M_DO_CREATE && w->op.open == open)
			end_wait(m, w, w->op.kind == M_DO_LOCK ? STATUS_RANGE_NOT_LOCKED : STATUS_CANCELLED);
	}
}

static void remove_node(struct m_model *m, int node, int open)
{
	struct m_node *n = &m->nodes[node];
	bool had_name = n->linked;

	n->linked = false;
	for (int i = 2; i < M_NODES && !n->is_stream; i++) {
		if (m->nodes[i].used && m->nodes[i].is_stream && m->nodes[i].file == node)
			m->nodes[i].linked = false;
	}
	if (had_name)
		m_directory_changed(m, m->nodes[n->file].dir, open);
}

static void close_open(struct m_model *m, int open)
{
	struct m_open *o = &m->opens[open];
	int node = o->node, file = m->nodes[node].file;
	bool shared = false;

	end_waits_of(m, open);
	for (int i = 0; i < M_LOCKS; i++) {
		if (m->locks[i].used && m->locks[i].open == open)
			m->locks[i].used = false;
	}
	settle_locks(m, node);
	if (o->doc)
		m->nodes[node].pending = true;
	for (int i = 0; i < M_OPENS; i++)
		shared = shared || (m->opens[i].used && i != open && o->grant != M_NOBODY && m->opens[i].grant == o->grant);
	if (o->grant != M_NOBODY && !shared)
		m->grants[o->grant].used = false;
	o->used = false;
	m_node_event(m, node);
	if (m->nodes[file].pending && m->nodes[file].linked && m_opens_of(m, file) == 0 && m_stream_opens_of(m, file) == 0)
		remove_node(m, file, open);
	else if (node != file && m->nodes[node].pending && m_opens_of(m, node) == 0)
		remove_node(m, node, open);
}

/* --- the rest --- */

static ntstatus do_read(struct doing *d)
{
	const struct m_model *m = d->m;
	const struct m_op *op = d->op;
	uint64_t size = m->nodes[m->opens[op->open].node].size;

	if (!(m->opens[op->open].access & (M_READ_DATA | M_EXECUTE)))
		return STATUS_ACCESS_DENIED;
	if (m_io_conflicts(m, op->open, op->offset, op->length, false))
		return STATUS_FILE_LOCK_CONFLICT;
	if (op->length > 0 && op->offset >= size)
		return STATUS_END_OF_FILE;
	d->answer.size = op->length < size - op->offset ? op->length : size - op->offset;
	if (op->length == 0)
		d->answer.size = 0;
	return STATUS_SUCCESS;
}

static void content_changed(struct m_model *m, int open)
{
	m_written(m, open);
	m_directory_changed(m, m->nodes[m->nodes[m->opens[open].node].file].dir, open);
}

static ntstatus do_write(struct doing *d)
{
	struct m_model *m = d->m;
	const struct m_op *op = d->op;
	struct m_node *n = &m->nodes[m->opens[op->open].node];

	if (!(m->opens[op->open].access & (M_WRITE_DATA | M_APPEND)))
		return STATUS_ACCESS_DENIED;
	if (m_io_conflicts(m, op->open, op->offset, op->length, true))
		return STATUS_FILE_LOCK_CONFLICT;
	if (op->length == 0)
		return STATUS_SUCCESS;
	if (n->size < op->offset + op->length)
		n->size = op->offset + op->length;
	content_changed(m, op->open);
	return STATUS_SUCCESS;
}

static ntstatus do_size(struct doing *d)
{
	struct m_model *m = d->m;

	if (!(m->opens[d->op->open].access & M_WRITE_DATA))
		return STATUS_ACCESS_DENIED;
	m->nodes[m->opens[d->op->open].node].size = d->op->length;
	content_changed(m, d->op->open);
	return STATUS_SUCCESS;
}

static ntstatus unlock(struct m_model *m, int open, uint64_t offset, uint64_t length)
{
	struct m_lock *found = NULL;

	if (length != 0 && offset + length - 1 < offset)
		return STATUS_INVALID_LOCK_RANGE;
	for (int i = 0; i < M_LOCKS; i++) {
		struct m_lock *l = &m->locks[i];

		if (l->used && l->open == open && l->offset == offset && l->length == length && (!found || l->exclusive))
			found = l;
	}
	if (!found)
		return STATUS_RANGE_NOT_LOCKED;
	found->used = false;
	settle_locks(m, m->opens[open].node);
	return STATUS_SUCCESS;
}

/* 3.3.5.14.1: what has been unlocked stays so. */
static ntstatus do_unlocks(struct doing *d)
{
	const struct m_op *op = d->op;
	ntstatus status = STATUS_SUCCESS;

	for (int i = 0; i < op->range_count && nt_ok(status); i++) {
		if (op->ranges[i].flags != M_LOCK_UNLOCK)
			return STATUS_INVALID_PARAMETER;
		status = unlock(d->m, op->open, op->ranges[i].offset, op->ranges[i].length);
	}
	return status;
}

/* 3.3.5.14.2 */
static ntstatus locks_check(const struct m_op *op)
{
	for (int i = 0; i < op->range_count; i++) {
		uint32_t flags = op->ranges[i].flags, kind = flags & ~(uint32_t)M_LOCK_FAIL;

		if ((kind != M_LOCK_SHARED && kind != M_LOCK_EXCLUSIVE) || (op->range_count > 1 && !(flags & M_LOCK_FAIL)))
			return STATUS_INVALID_PARAMETER;
	}
	return STATUS_SUCCESS;
}

static ntstatus lock_all(struct m_model *m, const struct m_op *op)
{
	struct m_lock before[M_LOCKS];

	for (int i = 0; i < M_LOCKS; i++)
		before[i] = m->locks[i];
	for (int i = 0; i < op->range_count; i++) {
		uint64_t offset = op->ranges[i].offset, length = op->ranges[i].length;
		bool exclusive = op->ranges[i].flags & M_LOCK_EXCLUSIVE, valid = length == 0 || offset + length - 1 >= offset;

		if (valid && !m_lock_conflicts(m, op->open, offset, length, exclusive)) {
			m_lock_add(m, op->open, offset, length, exclusive);
			continue;
		}
		for (int k = 0; k < M_LOCKS; k++)
			m->locks[k] = before[k];
		return valid ? STATUS_LOCK_NOT_GRANTED : STATUS_INVALID_LOCK_RANGE;
	}
	return STATUS_SUCCESS;
}

/* 3.3.5.14, [MS-FSA] 2.1.5.8 */
static ntstatus do_lock(struct doing *d)
{
	struct m_model *m = d->m;
	const struct m_op *op = d->op;
	const struct m_open *o = &m->opens[op->open];
	bool within = false;
	ntstatus status;

	if (!(o->access & (M_READ_DATA | M_WRITE_DATA | M_APPEND | M_EXECUTE)))
		return STATUS_ACCESS_DENIED;
	if (op->ranges[0].flags & M_LOCK_UNLOCK)
		return do_unlocks(d);
	status = locks_check(op);
	if (!nt_ok(status))
		return status;
	for (int i = 0; i < op->range_count; i++)
		within = within || (m->nodes[o->node].size > 0 && op->ranges[i].offset < M_PAGE);
	if (within)
		m_written(m, op->open);
	status = lock_all(m, op);
	d->awaited = o->node;
	return nt_is(status, STATUS_LOCK_NOT_GRANTED) && !(op->ranges[0].flags & M_LOCK_FAIL) ? STATUS_PENDING : status;
}

/* [MS-FSA] 2.1.5.15.2 */
static ntstatus do_attributes(struct doing *d)
{
	struct m_model *m = d->m;
	int file = m->nodes[m->opens[d->op->open].node].file;

	if (!(m->opens[d->op->open].access & M_WRITE_ATTRIBUTES))
		return STATUS_ACCESS_DENIED;
	if (file != M_ROOT)
		m_directory_changed(m, m->nodes[file].dir, d->op->open);
	return STATUS_SUCCESS;
}

/* [MS-FSA] 2.1.4.12, SET_INFORMATION: others than the holder of `mine` let handles go that they only cache. true: they have to answer
 * first. */
static bool take_handles(struct doing *d, int node, bool rename, int mine)
{
	struct m_model *m = d->m;
	bool wait = false;
	struct m_grant *g;

	for (int i = 0; (g = m_grant_in_order(m, node, i)) != NULL; i++) {
		if (g - m->grants == mine || !(g->state & M_H) || (!g->lease && !rename))
			continue;
		m_break(m, g, g->lease ? M_R | M_W : 0);
		wait = true;
	}
	if (wait)
		d->awaited = node;
	return wait;
}

/* [MS-FSA] 2.1.5.15.3 */
static ntstatus do_disposition(struct doing *d)
{
	const struct m_open *o = &d->m->opens[d->op->open];

	if (!(o->access & M_DELETE))
		return STATUS_ACCESS_DENIED;
	if (d->op->pending && take_handles(d, o->node, false, o->grant))
		return STATUS_PENDING;
	d->m->nodes[o->node].pending = d->op->pending;
	return STATUS_SUCCESS;
}

static ntstatus rename_target(struct doing *d, int file)
{
	struct m_model *m = d->m;
	int there = m_lookup(m, d->op->dir, d->op->name);

	if (there == M_NOBODY || there == file)
		return STATUS_SUCCESS;
	if (!d->op->replace)
		return STATUS_OBJECT_NAME_COLLISION;
	if (take_handles(d, there, true, m->opens[d->op->open].grant))
		return STATUS_PENDING;
	if (m_opens_of(m, there) > 0 || m_stream_opens_of(m, there) > 0)
		return STATUS_ACCESS_DENIED;
	m->nodes[there].linked = false;
	if (m_stream_of(m, there) != M_NOBODY)
		m->nodes[m_stream_of(m, there)].linked = false;
	return STATUS_SUCCESS;
}

/* 3.3.1.4: handles of what lies beneath a directory that is renamed; [MS-FSA] 2.1.4.2: nothing there may be open. */
static ntstatus nothing_open_beneath(struct doing *d, int dir)
{
	struct m_model *m = d->m;
	bool wait = false, open = false;

	for (int i = 0; i < M_NODES; i++) {
		const struct m_node *n = &m->nodes[i];

		if (!n->used || n->directory || m->nodes[n->file].dir != dir || m_opens_of(m, i) == 0)
			continue;
		open = true;
		wait |= take_handles(d, i, true, M_NOBODY);
	}
	return wait ? STATUS_PENDING : open ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

/* [MS-FSA] 2.1.5.15.11 */
static ntstatus do_rename(struct doing *d)
{
	struct m_model *m = d->m;
	const struct m_op *op = d->op;
	int file = m->opens[op->open].node, from = m->nodes[file].dir;
	ntstatus status;

	if (!(m->opens[op->open].access & M_DELETE))
		return STATUS_ACCESS_DENIED;
	if (file == M_ROOT)
		return STATUS_ACCESS_DENIED;
	if (take_handles(d, file, true, m->opens[op->open].grant))
		return STATUS_PENDING;
	status = m->nodes[file].directory ? nothing_open_beneath(d, file) : STATUS_SUCCESS;
	if (!nt_ok(status))
		return status;
	for (int i = 0; i < M_OPENS; i++) {
		const struct m_open *o = &m->opens[i];

		if (o->used && i != op->open && o->node == file && forbids_deletion(o->access, o->share))
			return STATUS_SHARING_VIOLATION;
	}
	if (m_stream_opens_of(m, file) > 0)
		return STATUS_ACCESS_DENIED;
	if (op->dir == M_DIRECTORY && op->dir_name != m->nodes[M_DIRECTORY].name)
		return STATUS_OBJECT_PATH_NOT_FOUND;
	/* The directory is opened to add a name to it. */
	if (conflicts(m, op->dir, M_WRITE_DATA, M_SHARE_READ | M_SHARE_WRITE))
		return STATUS_SHARING_VIOLATION;
	status = rename_target(d, file);
	if (!nt_ok(status))
		return status;
	m->nodes[file].dir = op->dir;
	m->nodes[file].name = op->name;
	m_directory_changed(m, op->dir, op->open);
	if (from != op->dir)
		m_directory_changed(m, from, op->open);
	return STATUS_SUCCESS;
}

/* 3.3.5.22.1 */
static ntstatus do_ack_oplock(struct doing *d)
{
	struct m_model *m = d->m;
	const struct m_open *o = &m->opens[d->op->open];
	struct m_grant *g = o->grant != M_NOBODY && !m->grants[o->grant].lease ? &m->grants[o->grant] : NULL;
	uint8_t level = d->op->level;
	bool sensible = level == M_LEVEL_NONE || (level == M_LEVEL_II && g && (g->state & M_W));

	d->answer.level = level;
	if (!g || !g->breaking) {
		/* Level II that was broken needs no answer. */
		bool out_of_turn = g && (g->state ? !sensible : g->held == M_R);

		return level == M_LEVEL_LEASE ? STATUS_INVALID_PARAMETER :
			out_of_turn ? STATUS_INVALID_OPLOCK_PROTOCOL : STATUS_INVALID_DEVICE_STATE;
	}
	g->state = level == M_LEVEL_II ? g->to : 0;
	g->breaking = false;
	m_node_event(m, g->node);
	return sensible ? STATUS_SUCCESS : level == M_LEVEL_LEASE ? STATUS_INVALID_PARAMETER : STATUS_INVALID_OPLOCK_PROTOCOL;
}

/* 3.3.5.22.2 */
static ntstatus do_ack_lease(struct doing *d)
{
	struct m_model *m = d->m;
	int lease = m_lease_find(m, m_client_of(d->op->conn), d->op->key);
	struct m_grant *g = lease != M_NOBODY ? &m->grants[lease] : NULL;

	if (!g)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	if (!g->breaking)
		return STATUS_UNSUCCESSFUL;
	if (d->op->state & ~g->to)
		return STATUS_REQUEST_NOT_ACCEPTED;
	d->answer.key = g->key;
	d->answer.to = d->op->state;
	g->deadline = m->now_ms + 35000;
	m_lease_answered(m, g, d->op->state);
	return STATUS_SUCCESS;
}

static void do_cancel(struct m_model *m, const struct m_op *op)
{
	for (int i = 0; i < M_WAITS; i++) {
		struct m_wait *w = &m->waits[i];

		/* Who has been woken is on his way again. */
		if (w->used && !w->woken && w->op.conn == op->conn && w->op.message_id == op->target_id)
			end_wait(m, w, STATUS_CANCELLED);
	}
}

/* 3.3.5.6, 3.3.5.8: whatever waits learns that the session or tree is gone, and does nothing any more. */
static void do_end(struct m_model *m, const struct m_op *op, ntstatus status)
{
	for (int i = 0; i < M_WAITS; i++) {
		struct m_wait *w = &m->waits[i];

		if (w->used && w->op.kind == M_DO_CREATE && w->op.conn == op->conn)
			end_wait(m, w, status);
	}
	for (int i = 0; i < M_OPENS; i++) {
		if (m->opens[i].used && m->opens[i].conn == op->conn)
			close_open(m, i);
	}
}

/* 3.3.7.1: nobody is answered. */
static void do_disconnect(struct m_model *m, const struct m_op *op)
{
	m->conn_dead[op->conn] = true;
	for (int i = 0; i < M_WAITS; i++) {
		if (m->waits[i].used && m->waits[i].op.conn == op->conn)
			m->waits[i].used = false;
	}
	for (int i = 0; i < M_OPENS; i++) {
		if (m->opens[i].used && m->opens[i].conn == op->conn)
			close_open(m, i);
	}
	m->conn_dead[op->conn] = false;
	m->conn_order[op->conn] = 0;
}

/* --- */

static void wait_on(struct doing *d)
{
	struct m_model *m = d->m;

	for (int i = 0; i < M_WAITS; i++) {
		if (!m->waits[i].used) {
			m->waits[i] = (struct m_wait){.used = true, .node = d->awaited, .order = ++m->order, .op = *d->op};
			return;
		}
	}
	m->overflow = true;
}

static ntstatus do_one(struct doing *d)
{
	switch (d->op->kind) {
	case M_DO_CREATE: return do_create(d);
	case M_DO_READ: return do_read(d);
	case M_DO_WRITE: return do_write(d);
	case M_DO_LOCK: return do_lock(d);
	case M_DO_DISPOSITION: return do_disposition(d);
	case M_DO_RENAME: return do_rename(d);
	case M_DO_SIZE: return do_size(d);
	case M_DO_ATTRIBUTES: return do_attributes(d);
	case M_DO_ACK_OPLOCK: return do_ack_oplock(d);
	case M_DO_ACK_LEASE: return do_ack_lease(d);
	case M_DO_CLOSE: close_open(d->m, d->op->open); break;
	case M_DO_LOGOFF: do_end(d->m, d->op, STATUS_USER_SESSION_DELETED); break;
	case M_DO_TREE_DISCONNECT: do_end(d->m, d->op, STATUS_NETWORK_NAME_DELETED); break;
	default: break;
	}
	return STATUS_SUCCESS;
}

static bool names_an_open(enum m_kind kind)
{
	return kind != M_DO_CREATE && kind != M_DO_ACK_LEASE && kind != M_DO_LOGOFF && kind != M_DO_TREE_DISCONNECT;
}

static bool is_open(const struct m_model *m, const struct m_op *op)
{
	const struct m_open *o = op->open != M_NOBODY ? &m->opens[op->open] : NULL;

	return o && o->used && o->conn == op->conn && o->persistent == op->persistent;
}

static void carry_out(struct m_model *m, const struct m_op *op, bool again)
{
	struct doing d = {.m = m, .op = op, .awaited = M_NOBODY};
	ntstatus status = STATUS_FILE_CLOSED;

	d.answer = (struct m_expected){.conn = op->conn, .message_id = op->message_id, .kind = op->kind, .open = M_NOBODY};
	if (!names_an_open(op->kind) || is_open(m, op))
		status = do_one(&d);
	if (nt_is(status, STATUS_PENDING)) {
		wait_on(&d);
		if (again)
			return;
		d.answer.what = M_INTERIM;
	}
	d.answer.status = status;
	m_expect(m, &d.answer);
}

void m_do(struct m_model *m, const struct m_op *op)
{
	if (op->kind == M_DO_CANCEL)
		do_cancel(m, op);
	else if (op->kind == M_DO_DISCONNECT)
		do_disconnect(m, op);
	else
		carry_out(m, op, false);
}

void m_wake(struct m_model *m)
{
	struct m_wait *w;

	do {
		w = NULL;
		for (int i = 0; i < M_WAITS; i++) {
			struct m_wait *p = &m->waits[i];

			if (p->used && p->woken && (!w || p->woken < w->woken))
				w = p;
		}
		if (w) {
			struct m_op op = w->op;

			w->used = false;
			carry_out(m, &op, true);
		}
	} while (w);
}

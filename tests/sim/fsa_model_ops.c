/* The reference model, see fsa_model.h: what clients do but for CREATE, by the sections of [MS-SMB2] 3.3.5 and [MS-FSA] 2.1.5. What can
 * wait says STATUS_PENDING and on which node, changes nothing until it can go on, and is tried again from its beginning. */
#include "fsa_model_inner.h"

#include <stddef.h>

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
	else if (o->written)
		m_directory_changed(m, m->nodes[file].dir, open);
}

/* --- the rest --- */

static ntstatus do_read(struct m_doing *d)
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

static ntstatus do_write(struct m_doing *d)
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
	m_written(m, op->open);
	/* Its entry in the directory changes for good when it is closed. */
	m->opens[op->open].written = true;
	return STATUS_SUCCESS;
}

static ntstatus do_size(struct m_doing *d)
{
	struct m_model *m = d->m;

	if (!(m->opens[d->op->open].access & M_WRITE_DATA))
		return STATUS_ACCESS_DENIED;
	m->nodes[m->opens[d->op->open].node].size = d->op->length;
	m_written(m, d->op->open);
	m_directory_changed(m, m->nodes[m->nodes[m->opens[d->op->open].node].file].dir, d->op->open);
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
static ntstatus do_unlocks(struct m_doing *d)
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
static ntstatus do_lock(struct m_doing *d)
{
	struct m_model *m = d->m;
	const struct m_op *op = d->op;
	const struct m_open *o = &m->opens[op->open];
	ntstatus status;

	if (!(o->access & (M_READ_DATA | M_WRITE_DATA | M_APPEND | M_EXECUTE)))
		return STATUS_ACCESS_DENIED;
	if (op->ranges[0].flags & M_LOCK_UNLOCK)
		return do_unlocks(d);
	status = locks_check(op);
	if (!nt_ok(status))
		return status;
	/* [MS-FSA] leaves caches alone where the lock lies behind the file; who caches writes may have made that longer. */
	m_written(m, op->open);
	status = lock_all(m, op);
	d->awaited = o->node;
	return nt_is(status, STATUS_LOCK_NOT_GRANTED) && !(op->ranges[0].flags & M_LOCK_FAIL) ? STATUS_PENDING : status;
}

/* [MS-FSA] 2.1.5.15.2 */
static ntstatus do_attributes(struct m_doing *d)
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
static bool take_handles(struct m_doing *d, int node, bool rename, int mine)
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
static ntstatus do_disposition(struct m_doing *d)
{
	const struct m_open *o = &d->m->opens[d->op->open];

	if (!(o->access & M_DELETE))
		return STATUS_ACCESS_DENIED;
	if (d->op->pending && take_handles(d, o->node, false, o->grant))
		return STATUS_PENDING;
	d->m->nodes[o->node].pending = d->op->pending;
	return STATUS_SUCCESS;
}

static ntstatus rename_target(struct m_doing *d, int file)
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
static ntstatus nothing_open_beneath(struct m_doing *d, int dir)
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
static ntstatus do_rename(struct m_doing *d)
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

		if (o->used && i != op->open && o->node == file && m_forbids_deletion(o->access, o->share))
			return STATUS_SHARING_VIOLATION;
	}
	if (m_stream_opens_of(m, file) > 0)
		return STATUS_ACCESS_DENIED;
	if (op->dir == M_DIRECTORY && op->dir_name != m->nodes[M_DIRECTORY].name)
		return STATUS_OBJECT_PATH_NOT_FOUND;
	/* The directory is opened to add a name to it, but not by a directory that moves. */
	if (!m->nodes[file].directory && m_share_conflicts(m, op->dir, M_WRITE_DATA, M_SHARE_READ | M_SHARE_WRITE))
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
static ntstatus do_ack_oplock(struct m_doing *d)
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
static ntstatus do_ack_lease(struct m_doing *d)
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
	for (int i = 0; i < M_GRANTS; i++)
		m->grants[i].lost |= m->grants[i].told_on == op->conn;
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

static void wait_on(struct m_doing *d)
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

static ntstatus do_one(struct m_doing *d)
{
	switch (d->op->kind) {
	case M_DO_CREATE: return m_create(d);
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
	struct m_doing d = {.m = m, .op = op, .awaited = M_NOBODY};
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

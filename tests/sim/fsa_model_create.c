/* The reference model, see fsa_model.h: CREATE, by [MS-SMB2] 3.3.5.9 and [MS-FSA] 2.1.5.1: share modes, what an open takes from those
 * who cache, dispositions. */
#include "fsa_model_inner.h"

#include <stddef.h>

enum { ACTION_SUPERSEDED, ACTION_OPENED, ACTION_CREATED, ACTION_OVERWRITTEN };
enum { BREAK_IN_PROGRESS = 2, PARENT_KEY_SET = 4 };

bool m_looks(uint32_t access)
{
	return (access & ~(uint32_t)(M_READ_ATTRIBUTES | M_WRITE_ATTRIBUTES | M_SYNCHRONIZE | M_READ_CONTROL)) == 0;
}

static bool overwrites(const struct m_op *op)
{
	return op->disposition == M_SUPERSEDE || op->disposition == M_OVERWRITE || op->disposition == M_OVERWRITE_IF;
}

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

bool m_share_conflicts(const struct m_model *m, int node, uint32_t access, uint32_t share)
{
	for (int i = 0; i < M_OPENS; i++) {
		const struct m_open *o = &m->opens[i];

		if (o->used && o->node == node && exclude_each_other(access, share, o->access, o->share))
			return true;
	}
	return false;
}

bool m_forbids_deletion(uint32_t access, uint32_t share)
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
		if (!n->is_stream && deletes && m_forbids_deletion(o->access, o->share))
			return true;
		if (n->is_stream && !m->nodes[o->node].is_stream && (o->access & M_DELETE) && m_forbids_deletion(access, op->share))
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

static ntstatus enter_check(struct m_doing *d, int node, int grant, uint32_t access, bool overwrite)
{
	struct m_model *m = d->m;
	bool conflict, wait = false;
	struct m_grant *g;

	if (m->nodes[node].pending || m->nodes[m->nodes[node].file].pending)
		return STATUS_DELETE_PENDING;
	if (conflicts_with_siblings(m, node, d->op, access, overwrite))
		return STATUS_SHARING_VIOLATION;
	conflict = m_share_conflicts(m, node, access, d->op->share);
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

static void answer_create(struct m_doing *d, int open, uint32_t action)
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
static int enter(struct m_doing *d, int node, int lease)
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

static ntstatus open_existing(struct m_doing *d, int node, int lease)
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

static ntstatus make(struct m_doing *d, int file)
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

ntstatus m_create(struct m_doing *d)
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

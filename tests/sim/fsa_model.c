/* The reference model, see fsa_model.h: what is open, what is cached, what breaks. The operations of clients: fsa_model_create.c, fsa_model_ops.c. */
#include "fsa_model_inner.h"

#include <string.h>

enum { ACKNOWLEDGE_MS = 35000, ARRIVE_MS = 5000 };

int m_client_of(int conn)
{
	return conn < 2 ? 0 : conn - 1;
}

void m_start(struct m_model *m)
{
	memset(m, 0, sizeof(*m));
	m->nodes[M_ROOT] = (struct m_node){.used = true, .directory = true, .linked = true, .name = -1};
	m->nodes[M_DIRECTORY] = (struct m_node){
		.used = true, .directory = true, .linked = true, .file = M_DIRECTORY, .dir = M_ROOT, .name = M_DIRECTORY_NAME,
	};
}

struct m_expected *m_expect(struct m_model *m, const struct m_expected *e)
{
	if (m->expected_count == M_EXPECTED) {
		m->overflow = true;
		m->expected_count--;
	}
	m->expected[m->expected_count] = *e;
	return &m->expected[m->expected_count++];
}

/* --- files --- */

int m_lookup(const struct m_model *m, int dir, int name)
{
	for (int i = 2; i < M_NODES; i++) {
		const struct m_node *n = &m->nodes[i];

		if (n->used && n->linked && !n->is_stream && n->dir == dir && n->name == name)
			return i;
	}
	return M_NOBODY;
}

int m_stream_of(const struct m_model *m, int file)
{
	for (int i = 2; i < M_NODES; i++) {
		const struct m_node *n = &m->nodes[i];

		if (n->used && n->linked && n->is_stream && n->file == file)
			return i;
	}
	return M_NOBODY;
}

int m_node_new(struct m_model *m)
{
	for (int i = 2; i < M_NODES; i++) {
		if (!m->nodes[i].used) {
			m->nodes[i] = (struct m_node){.used = true, .linked = true, .file = i};
			return i;
		}
	}
	m->overflow = true;
	return M_NODES - 1;
}

int m_opens_of(const struct m_model *m, int node)
{
	int n = 0;

	for (int i = 0; i < M_OPENS; i++)
		n += m->opens[i].used && m->opens[i].node == node;
	return n;
}

int m_stream_opens_of(const struct m_model *m, int file)
{
	int n = 0;

	for (int i = 0; i < M_OPENS; i++) {
		const struct m_open *o = &m->opens[i];

		n += o->used && m->nodes[o->node].is_stream && m->nodes[o->node].file == file;
	}
	return n;
}

/* Nodes without a name that nobody has open are no more. */
static void sweep(struct m_model *m)
{
	for (int i = 2; i < M_NODES; i++) {
		struct m_node *n = &m->nodes[i];

		if (n->used && !n->linked && m_opens_of(m, i) == 0 && (n->is_stream || m_stream_opens_of(m, i) == 0))
			n->used = false;
	}
}

/* --- what is cached --- */

int m_lease_find(const struct m_model *m, int client, uint8_t key)
{
	for (int i = 0; i < M_GRANTS; i++) {
		const struct m_grant *g = &m->grants[i];

		if (g->used && g->lease && g->client == client && g->key == key)
			return i;
	}
	return M_NOBODY;
}

int m_grant_new(struct m_model *m, int node)
{
	for (int i = 0; i < M_GRANTS; i++) {
		if (!m->grants[i].used) {
			m->grants[i] = (struct m_grant){.used = true, .node = node, .order = ++m->order};
			return i;
		}
	}
	m->overflow = true;
	return M_GRANTS - 1;
}

/* The longest of those who sleep on that node: for a lock, or for a break. */
struct m_wait *m_wait_first(struct m_model *m, int node, bool lock)
{
	struct m_wait *first = NULL;

	for (int i = 0; i < M_WAITS; i++) {
		struct m_wait *w = &m->waits[i];

		if (w->used && w->woken == 0 && w->node == node && (w->op.kind == M_DO_LOCK) == lock && (!first || w->order < first->order))
			first = w;
	}
	return first;
}

/* A break of something of that node has ended, or one of its opens has: whoever waits for it tries again. */
void m_node_event(struct m_model *m, int node)
{
	struct m_wait *w;

	while ((w = m_wait_first(m, node, false)) != NULL)
		w->woken = ++m->order;
}

static void expire(struct m_model *m, struct m_grant *g)
{
	g->breaking = false;
	g->state = 0;
	g->epoch++;
	m_node_event(m, g->node);
}

/* 3.3.4.6: the open's connection. 3.3.4.7 lets the server take any of the lease's; it takes the first of the client's that has ever
 * asked for one. */
static int told_on(const struct m_model *m, const struct m_grant *g, int *open)
{
	int conn = M_NOBODY;

	*open = M_NOBODY;
	for (int i = 0; i < M_OPENS; i++) {
		const struct m_open *o = &m->opens[i];

		if (o->used && o->grant == g - m->grants && !m->conn_dead[o->conn])
			*open = i;
	}
	if (*open == M_NOBODY || !g->lease)
		return *open == M_NOBODY ? M_NOBODY : m->opens[*open].conn;
	for (int i = 0; i < M_CONNS; i++) {
		bool has = m_client_of(i) == g->client && m->conn_order[i] != 0 && !m->conn_dead[i];

		if (has && (conn == M_NOBODY || m->conn_order[i] < m->conn_order[conn]))
			conn = i;
	}
	return conn;
}

static uint8_t level_of(uint8_t state)
{
	return state & M_W ? (state & M_H ? M_LEVEL_BATCH : M_LEVEL_EXCLUSIVE) : state ? M_LEVEL_II : M_LEVEL_NONE;
}

/* false: there is nobody to tell. */
static bool notify(struct m_model *m, struct m_grant *g)
{
	struct m_expected e = {
		.what = g->lease ? M_LEASE_BREAK : M_OPLOCK_BREAK, .level = level_of(g->told_to), .key = g->key, .from = g->told_from,
		.to = g->told_to, .flags = g->breaking, .epoch = g->told_epoch,
	};

	e.conn = g->told_on = told_on(m, g, &e.open);
	g->lost = false;
	if (e.open != M_NOBODY)
		e.persistent = m->opens[e.open].persistent;
	if (e.conn != M_NOBODY)
		m_expect(m, &e);
	return e.conn != M_NOBODY;
}

static void tell(struct m_model *m, struct m_grant *g, uint8_t from, uint8_t to)
{
	g->told_from = from;
	g->told_to = to;
	g->told_epoch = g->v2 ? g->epoch : 0;
	if (!notify(m, g) && g->breaking)
		expire(m, g);
	if (g->breaking)
		g->deadline = m->now_ms + ACKNOWLEDGE_MS;
	g->arrives = g->breaking ? m->now_ms + ARRIVE_MS : 0;
}

/* 3.3.4.7: on another connection, if the client has one. */
static void tell_again(struct m_model *m, struct m_grant *g)
{
	bool told = g->lost && notify(m, g);

	g->arrives = told && g->deadline - m->now_ms >= ARRIVE_MS ? m->now_ms + ARRIVE_MS : 0;
}

/* 3.3.4.7: who has only reads to lose is told, anybody else is asked. While one break is under way others only add up. */
void m_break(struct m_model *m, struct m_grant *g, uint8_t left)
{
	uint8_t from = g->state;

	left &= g->state;
	if (g->breaking) {
		g->wanted &= left;
		return;
	}
	if (left == g->state)
		return;
	g->epoch++;
	g->held = g->state;
	if (g->state == M_R) {
		g->state = left;
	} else {
		g->breaking = true;
		g->to = g->wanted = left;
	}
	tell(m, g, from, left);
}

/* The holder of a lease has answered; what others wanted meanwhile comes next, handles before reads. */
void m_lease_answered(struct m_model *m, struct m_grant *g, uint8_t state)
{
	uint8_t wanted = g->wanted, held = g->held, left = wanted;
	uint16_t epoch = g->epoch;

	g->state = state;
	g->breaking = false;
	if (state & ~wanted & M_H)
		left |= state & M_R;
	/* All of it is one break to the client, with one epoch. */
	g->epoch--;
	m_break(m, g, left);
	g->epoch = epoch;
	g->wanted = wanted;
	g->held = held;
	if (!g->breaking)
		m_node_event(m, g->node);
}

/* 3.3.1.4: data or size are changed through o (or locked). Level II of o itself goes, too ([MS-FSA] 2.1.4.12). */
void m_written(struct m_model *m, int open)
{
	const struct m_open *o = &m->opens[open];

	for (int i = 0; i < M_GRANTS; i++) {
		struct m_grant *g = m_grant_in_order(m, o->node, i);

		if (!g)
			break;
		if (g - m->grants == o->grant && (g->lease || (g->state & M_W)))
			continue;
		m_break(m, g, 0);
	}
}

/* 3.3.1.4, READ caching of a directory. The client's own changes, made under its directory's key, are none. */
void m_directory_changed(struct m_model *m, int dir, int open)
{
	const struct m_open *o = &m->opens[open];

	for (int i = 0; i < M_GRANTS; i++) {
		struct m_grant *g = &m->grants[i];

		if (!g->used || !g->lease || g->node != dir)
			continue;
		if (!(o->has_parent && g->client == m_client_of(o->conn) && g->key == o->parent))
			m_break(m, g, 0);
	}
}

/* The n-th grant of that node by age, or NULL. */
struct m_grant *m_grant_in_order(struct m_model *m, int node, int n)
{
	uint64_t last = 0;
	struct m_grant *found = NULL;

	for (; n >= 0; n--) {
		found = NULL;
		for (int i = 0; i < M_GRANTS; i++) {
			struct m_grant *g = &m->grants[i];

			if (g->used && g->node == node && g->order > last && (!found || g->order < found->order))
				found = g;
		}
		if (!found)
			return NULL;
		last = found->order;
	}
	return found;
}

/* --- locks, [MS-FSA] 2.1.4.10 --- */

/* {0, 0} touches nothing; another range of no length touches what it lies within. */
static bool overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	if ((a == 0 && a_len == 0) || (b == 0 && b_len == 0))
		return false;
	return a <= b + b_len - 1 && a + a_len - 1 >= b;
}

bool m_lock_conflicts(const struct m_model *m, int open, uint64_t offset, uint64_t length, bool exclusive)
{
	for (int i = 0; i < M_LOCKS; i++) {
		const struct m_lock *l = &m->locks[i];

		if (!l->used || m->opens[l->open].node != m->opens[open].node || !overlap(l->offset, l->length, offset, length))
			continue;
		if (exclusive || (l->exclusive && l->open != open))
			return true;
	}
	return false;
}

/* READ and WRITE: shared locks are in the way of writing, own ones too; own exclusive ones of nothing. */
bool m_io_conflicts(const struct m_model *m, int open, uint64_t offset, uint64_t length, bool write)
{
	for (int i = 0; i < M_LOCKS && length > 0; i++) {
		const struct m_lock *l = &m->locks[i];

		if (!l->used || m->opens[l->open].node != m->opens[open].node || !overlap(l->offset, l->length, offset, length))
			continue;
		if (l->exclusive ? l->open != open : write)
			return true;
	}
	return false;
}

void m_lock_add(struct m_model *m, int open, uint64_t offset, uint64_t length, bool exclusive)
{
	for (int i = 0; i < M_LOCKS; i++) {
		if (!m->locks[i].used) {
			m->locks[i] = (struct m_lock){.used = true, .open = open, .offset = offset, .length = length, .exclusive = exclusive};
			return;
		}
	}
	m->overflow = true;
}

/* [MS-FSA] 2.1.5.18: while a range within the file is locked or waited for nobody begins to share the caching of it. */
static bool locked_within(const struct m_model *m, int node)
{
	if (m->nodes[node].size == 0)
		return false;
	for (int i = 0; i < M_LOCKS; i++) {
		const struct m_lock *l = &m->locks[i];

		if (l->used && m->opens[l->open].node == node && l->offset < M_PAGE)
			return true;
	}
	for (int i = 0; i < M_WAITS; i++) {
		const struct m_wait *w = &m->waits[i];

		if (w->used && w->op.kind == M_DO_LOCK && w->node == node && w->op.ranges[0].offset < M_PAGE)
			return true;
	}
	return false;
}

/* --- who gets what: 3.3.5.9.8, 3.3.5.9.11, [MS-FSA] 2.1.5.18 --- */

static bool others_open(const struct m_model *m, int open)
{
	const struct m_open *o = &m->opens[open];
	bool lease = m->grants[o->grant].lease;

	for (int i = 0; i < M_OPENS; i++) {
		const struct m_open *p = &m->opens[i];

		if (p->used && i != open && p->node == o->node && p->grant != o->grant && !(lease && m_looks(p->access)))
			return true;
	}
	return false;
}

static uint8_t available(const struct m_model *m, int open)
{
	const struct m_open *o = &m->opens[open];
	const struct m_grant *mine = &m->grants[o->grant];
	uint8_t there = M_ALL;

	for (int i = 0; i < M_GRANTS; i++) {
		const struct m_grant *g = &m->grants[i];

		if (!g->used || g == mine || g->node != o->node || g->state == 0)
			continue;
		if ((g->state & M_W) || (!mine->lease && (g->state & M_H)))
			return 0;
		there &= g->lease ? M_R | M_H : M_R;
	}
	if (m->nodes[o->node].directory || others_open(m, open))
		there &= M_R | M_H;
	return there;
}

static uint8_t shared_if_unlocked(const struct m_model *m, int node, uint8_t state)
{
	return !(state & M_W) && locked_within(m, node) ? 0 : state;
}

void m_grant(struct m_model *m, int open, const struct m_op *op)
{
	const struct m_open *o = &m->opens[open];
	struct m_grant *g = &m->grants[o->grant];
	uint8_t there = available(m, open), before = g->state, wish = op->state;

	if (!g->lease) {
		static const uint8_t of_level[] = {[M_LEVEL_II] = M_R, [M_LEVEL_EXCLUSIVE] = M_R | M_W, [M_LEVEL_BATCH] = M_ALL};

		g->state = there & M_W ? of_level[op->level] : there & M_R;
		g->state = shared_if_unlocked(m, o->node, g->state);
		return;
	}
	if (m->nodes[o->node].directory)
		wish &= M_R | M_H;
	if (g->breaking || (g->state & ~wish))
		return;
	there &= wish;
	there = shared_if_unlocked(m, o->node, there & M_R ? there : 0);
	if (g->state == 0 || there == wish)
		g->state = there;
	if (g->state != before)
		g->epoch++;
}

/* --- time --- */

static uint64_t next_deadline(const struct m_model *m)
{
	uint64_t next = UINT64_MAX;

	for (int i = 0; i < M_GRANTS; i++) {
		const struct m_grant *g = &m->grants[i];

		if (g->used && g->breaking && g->deadline < next)
			next = g->deadline;
		if (g->used && g->breaking && g->lost && g->arrives && g->arrives < next)
			next = g->arrives;
	}
	return next;
}

/* 3.3.6.1 */
unsigned m_pass(struct m_model *m, unsigned ms)
{
	uint64_t before = m->now_ms, until = before + ms, next = next_deadline(m);

	m->expected_count = 0;
	m->now_ms = next < until ? next : until;
	for (int i = 0; i < M_GRANTS; i++) {
		struct m_grant *g = &m->grants[i];

		if (g->used && g->breaking && g->deadline <= m->now_ms)
			expire(m, g);
		else if (g->used && g->breaking && g->arrives && g->arrives <= m->now_ms)
			tell_again(m, g);
	}
	m_wake(m);
	sweep(m);
	return (unsigned)(m->now_ms - before);
}

void m_run(struct m_model *m, const struct m_op *ops, int n)
{
	m->expected_count = 0;
	for (int i = 0; i < n; i++)
		m_do(m, &ops[i]);
	m_wake(m);
	sweep(m);
}

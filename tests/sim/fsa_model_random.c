/* Random operations for the reference model, see fsa_model_driver.h: mostly such as make sense, and get in each other's way on few
 * files. */
#include "fsa_model_driver.h"

#include <stdio.h>

enum { MOOD_OPERATIONS = 400, WAITS_BORNE = 24, NAMES = 2, DIRECTORY_KEY = 100, ALL_ACCESS = 0x1F01FF };

/* splitmix64 */
static uint64_t next(struct driver *d)
{
	uint64_t x = d->random += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static unsigned below(struct driver *d, unsigned n)
{
	return (unsigned)(next(d) % n);
}

static bool percent(struct driver *d, unsigned n)
{
	return below(d, 100) < n;
}

static int opens_on(const struct m_model *m, int conn)
{
	int n = 0;

	for (int i = 0; i < M_OPENS; i++)
		n += m->opens[i].used && m->opens[i].conn == conn;
	return n;
}

/* Crowds and solitude take turns: how many opens a connection has. */
static int opens_borne(const struct driver *d)
{
	static const int moods[] = {9, 0, 4, 1};

	return moods[d->done / MOOD_OPERATIONS % (sizeof(moods) / sizeof(moods[0]))];
}

/* One of the connection's opens, of files only if `file`, mostly one with some of the rights `need`; now and then one of somebody
 * else, or none. */
static int any_open(struct driver *d, int conn, uint32_t need, bool file)
{
	const struct m_model *m = &d->model;
	int some[M_OPENS], n = 0;
	bool foreign = percent(d, 1), gone = percent(d, 2);

	if (percent(d, 15))
		need = UINT32_MAX;
	if (percent(d, 1))
		return M_NOBODY;
	for (int i = 0; i < M_OPENS; i++) {
		const struct m_open *o = &m->opens[i];

		if (!o->used || (o->conn == conn) == foreign || (d->closing >> i & 1 && !gone))
			continue;
		if ((o->access & need) && !(file && m->nodes[o->node].directory))
			some[n++] = i;
	}
	return n ? some[below(d, (unsigned)n)] : M_NOBODY;
}

static uint32_t any_access(struct driver *d, bool directory)
{
	static const uint32_t some[] = {ALL_ACCESS, ALL_ACCESS, ALL_ACCESS, 1, 1, 2, 3, 3, 0x10000, 0x10001, 0x10003, 0x80, 0x100080, 0x20080, 0x20};
	static const uint32_t of_directories[] = {1, 0x81, 0x80, 0x10080, 0x10080, 0x10181, ALL_ACCESS};

	return directory ? of_directories[below(d, sizeof(of_directories) / sizeof(of_directories[0]))] :
		some[below(d, sizeof(some) / sizeof(some[0]))];
}

/* The key that opens of this name usually come with. */
static uint8_t usual_key(const struct m_op *op)
{
	return (uint8_t)(op->name == M_DIRECTORY_ITSELF ? DIRECTORY_KEY + op->dir : 1 + op->dir * 4 + op->name * 2 + op->stream);
}

static void want_lease(struct driver *d, struct m_op *op)
{
	static const uint8_t states[] = {M_R, M_R | M_H, M_R | M_W, M_ALL, M_ALL, M_ALL, 0, M_H, M_W, M_H | M_W};

	op->level = M_LEVEL_LEASE;
	op->key = percent(d, 95) ? usual_key(op) : (uint8_t)(1 + below(d, 8));
	op->state = states[below(d, sizeof(states))];
	op->v1 = op->conn == 3 || percent(d, 10);
	if (op->v1)
		return;
	op->epoch = (uint16_t)next(d);
	op->parent = percent(d, 50) ? (uint8_t)(DIRECTORY_KEY + (percent(d, 70) ? op->dir : !op->dir)) : 0;
}

/* A directory waits to be renamed. It then waits for one node beneath, and which, of several, nobody promises. */
static bool is_directory_waiting(const struct m_model *m)
{
	for (int i = 0; i < M_WAITS; i++) {
		if (m->waits[i].used && m->waits[i].op.kind == M_DO_RENAME && m->waits[i].op.name >= M_DIRECTORY_NAME)
			return true;
	}
	return false;
}

static bool may_rename_directory(const struct m_model *m)
{
	int node = M_NOBODY;

	for (int i = 0; i < M_GRANTS; i++) {
		const struct m_grant *g = &m->grants[i];

		if (!g->used || !(g->state & M_H) || m->nodes[g->node].directory || m->nodes[m->nodes[g->node].file].dir != M_DIRECTORY)
			continue;
		if (node != M_NOBODY && node != g->node)
			return false;
		node = g->node;
	}
	for (int i = 0; i < M_WAITS; i++) {
		if (m->waits[i].used && m->waits[i].op.kind == M_DO_CREATE && m->waits[i].op.dir == M_DIRECTORY)
			return false;
	}
	return true;
}

static void choose_rename(struct driver *d, struct m_op *op)
{
	const struct m_model *m = &d->model;
	const struct m_node *n = op->open != M_NOBODY ? &m->nodes[m->opens[op->open].node] : NULL;

	op->kind = M_DO_RENAME;
	op->dir = (int)below(d, 2);
	op->name = (int)below(d, NAMES);
	op->replace = percent(d, 60);
	if (n && n->is_stream)
		op->kind = M_DO_READ;
	if (!n || !n->directory)
		return;
	if (m->opens[op->open].node == M_ROOT || !may_rename_directory(m))
		op->kind = M_DO_ATTRIBUTES;
	op->dir = M_ROOT;
	op->name = M_DIRECTORY_NAME + (int)below(d, 2);
}

static void choose_create(struct driver *d, struct m_op *op)
{
	static const uint8_t levels[] = {M_LEVEL_NONE, M_LEVEL_NONE, M_LEVEL_II, M_LEVEL_EXCLUSIVE, M_LEVEL_BATCH, M_LEVEL_BATCH};
	static const uint32_t dispositions[] = {M_OPEN_IF, M_OPEN_IF, M_OPEN_IF, M_OPEN_IF, M_OPEN_IF, M_OPEN, M_OPEN, M_OPEN, M_CREATE,
		M_OVERWRITE, M_OVERWRITE_IF, M_SUPERSEDE};
	bool directory = percent(d, 12);

	op->dir = is_directory_waiting(&d->model) ? M_ROOT : (int)below(d, 2);
	op->name = directory ? M_DIRECTORY_ITSELF : (int)below(d, NAMES);
	op->stream = !directory && percent(d, 20);
	op->access = any_access(d, directory);
	op->share = percent(d, 75) ? 7 : below(d, 8);
	op->disposition = directory ? M_OPEN : dispositions[below(d, sizeof(dispositions) / sizeof(dispositions[0]))];
	op->doc = !directory && percent(d, 5);
	if (op->doc && percent(d, 90))
		op->access |= 0x10000;
	op->level = levels[below(d, sizeof(levels))];
	if (percent(d, 50))
		want_lease(d, op);
}

static void choose_locks(struct driver *d, struct m_op *op)
{
	static const uint64_t offsets[] = {0, 0, 1, 4, 5, 8, (uint64_t)1 << 40, UINT64_MAX, UINT64_MAX - 1};
	static const uint64_t lengths[] = {0, 1, 1, 2, 4, 8, 16, UINT64_MAX};
	bool unlock = percent(d, 40);

	op->range_count = percent(d, 80) ? 1 : 1 + (int)below(d, M_RANGES);
	for (int i = 0; i < op->range_count; i++) {
		uint32_t flags = unlock ? M_LOCK_UNLOCK : percent(d, 50) ? M_LOCK_EXCLUSIVE : M_LOCK_SHARED;

		if (!unlock && (op->range_count > 1 || percent(d, 50)))
			flags |= M_LOCK_FAIL;
		if (percent(d, 2))
			flags = below(d, 32);
		op->ranges[i].offset = offsets[below(d, sizeof(offsets) / sizeof(offsets[0]))];
		op->ranges[i].length = lengths[below(d, sizeof(lengths) / sizeof(lengths[0]))];
		op->ranges[i].flags = flags;
	}
	/* Often one that is there. */
	for (int i = 0; i < M_LOCKS && unlock; i++) {
		const struct m_lock *l = &d->model.locks[i];

		if (l->used && l->open == op->open && percent(d, 60)) {
			op->ranges[0].offset = l->offset;
			op->ranges[0].length = l->length;
		}
	}
}

/* A break that this connection's client has to answer. */
static bool choose_owed(struct driver *d, struct m_op *op)
{
	static const uint8_t levels[] = {M_LEVEL_II, M_LEVEL_II, M_LEVEL_II, M_LEVEL_NONE, M_LEVEL_NONE, M_LEVEL_EXCLUSIVE, M_LEVEL_BATCH, M_LEVEL_LEASE};
	const struct m_model *m = &d->model;

	for (int i = 0; i < M_GRANTS; i++) {
		const struct m_grant *g = &m->grants[i];

		if (!g->used || !g->breaking || percent(d, 30))
			continue;
		if (g->lease && g->client == m_client_of(op->conn)) {
			op->kind = M_DO_ACK_LEASE;
			op->key = g->key;
			op->state = percent(d, 70) ? g->to : percent(d, 50) ? g->to & (uint8_t)below(d, 8) : (uint8_t)below(d, 8);
			return true;
		}
		for (int k = 0; k < M_OPENS && !g->lease; k++) {
			if (!m->opens[k].used || m->opens[k].grant != i || m->opens[k].conn != op->conn)
				continue;
			op->kind = M_DO_ACK_OPLOCK;
			op->open = k;
			op->level = levels[below(d, sizeof(levels))];
			return true;
		}
	}
	return false;
}

static void choose_unasked_answer(struct driver *d, struct m_op *op)
{
	static const uint8_t levels[] = {M_LEVEL_NONE, M_LEVEL_II, M_LEVEL_EXCLUSIVE, M_LEVEL_BATCH, M_LEVEL_LEASE};

	op->kind = percent(d, 50) ? M_DO_ACK_OPLOCK : M_DO_ACK_LEASE;
	op->open = any_open(d, op->conn, UINT32_MAX, true);
	op->level = levels[below(d, sizeof(levels))];
	op->key = (uint8_t)(1 + below(d, 9));
	op->state = (uint8_t)below(d, 8);
}

static bool choose_cancel(struct driver *d, struct m_op *op)
{
	const struct m_model *m = &d->model;

	for (int i = 0; i < M_WAITS; i++) {
		if (m->waits[i].used && m->waits[i].op.conn == op->conn && percent(d, 50)) {
			op->kind = M_DO_CANCEL;
			op->target_id = m->waits[i].op.message_id;
			return true;
		}
	}
	return false;
}

/* Ending a session closes its opens in no order that anybody promises; so only where the order makes no difference: one open a file,
 * and of those not two that others wait for. */
static bool may_end(const struct m_model *m, int conn)
{
	int awaited = 0;

	for (int i = 0; i < M_OPENS; i++) {
		const struct m_open *o = &m->opens[i];
		bool waited_for = false;

		if (!o->used || o->conn != conn)
			continue;
		if (m->nodes[o->node].directory && opens_on(m, conn) > 1)
			return false;
		for (int k = 0; k < i; k++) {
			if (m->opens[k].used && m->opens[k].conn == conn && m->nodes[m->opens[k].node].file == m->nodes[o->node].file)
				return false;
		}
		for (int k = 0; k < M_WAITS; k++)
			waited_for = waited_for || (m->waits[k].used && m->waits[k].op.kind != M_DO_LOCK && m->waits[k].node == o->node);
		awaited += waited_for;
	}
	return awaited <= 1;
}

/* What is done to an open, by dice from 0 to 99. */
static void choose_use(struct driver *d, struct m_op *op, unsigned dice)
{
	static const struct {
		unsigned below;
		enum m_kind kind;
		uint32_t need;
	} uses[] = {
		{38, M_DO_LOCK, 0x23}, {50, M_DO_READ, 0x21}, {65, M_DO_WRITE, 2}, {70, M_DO_SIZE, 2}, {75, M_DO_ATTRIBUTES, 0x100},
		{80, M_DO_DISPOSITION, 0x10000}, {100, M_DO_RENAME, 0x10000},
	};
	size_t i = 0;

	while (dice >= uses[i].below)
		i++;
	op->kind = uses[i].kind;
	op->open = any_open(d, op->conn, uses[i].need, op->kind != M_DO_ATTRIBUTES && op->kind != M_DO_RENAME);
	switch (op->kind) {
	case M_DO_LOCK: choose_locks(d, op); break;
	case M_DO_SIZE: op->length = below(d, 2) * 16; break;
	case M_DO_DISPOSITION: op->pending = percent(d, 60); break;
	case M_DO_RENAME: choose_rename(d, op); break;
	default:
		op->offset = below(d, 9);
		op->length = below(d, 8);
	}
}

struct m_op driver_random(struct driver *d, int conn)
{
	const struct m_model *m = &d->model;
	struct m_op op = {.conn = conn != M_NOBODY ? conn : (int)below(d, M_CONNS), .open = M_NOBODY};
	int waits = 0, opens = opens_on(m, op.conn);
	unsigned dice = below(d, 100);

	for (int i = 0; i < M_WAITS; i++)
		waits += m->waits[i].used;
	op.dir_name = m->nodes[M_DIRECTORY].name;
	if ((percent(d, 25) || waits > WAITS_BORNE) && choose_owed(d, &op))
		return op;
	if ((percent(d, 4) || waits > WAITS_BORNE) && choose_cancel(d, &op))
		return op;
	if (percent(d, 1) || waits > WAITS_BORNE) {
		op.kind = M_DO_TIME;
		op.ms = below(d, 15000);
	} else if (percent(d, 2) && may_end(m, op.conn)) {
		op.kind = dice < 40 ? M_DO_LOGOFF : dice < 70 ? M_DO_TREE_DISCONNECT : M_DO_DISCONNECT;
	} else if (percent(d, 1)) {
		choose_unasked_answer(d, &op);
	} else if (opens > opens_borne(d) || (opens > 0 && dice < 20)) {
		op.kind = M_DO_CLOSE;
		op.open = any_open(d, op.conn, UINT32_MAX, false);
	} else if (dice < 55 || opens == 0) {
		op.kind = M_DO_CREATE;
		choose_create(d, &op);
	} else {
		choose_use(d, &op, below(d, 100));
		if (op.open == M_NOBODY && percent(d, 95)) {
			op.kind = M_DO_CREATE;
			choose_create(d, &op);
		}
	}
	return op;
}

/* --- for those who read a failure --- */

void driver_print_op(const struct m_op *op)
{
	static const char *const names[] = {"CREATE", "CLOSE", "READ", "WRITE", "LOCK", "CANCEL", "DISPOSITION", "RENAME", "SIZE", "ATTRIBUTES",
		"ACK_OPLOCK", "ACK_LEASE", "TREE_DISCONNECT", "LOGOFF", "DISCONNECT", "TIME"};

	printf("%d #%llu %s open %d", op->conn, (unsigned long long)op->message_id, names[op->kind], op->open);
	if (op->kind == M_DO_CREATE || op->kind == M_DO_RENAME)
		printf(" dir %d name %d stream %d replace %d", op->dir, op->name, op->stream, op->replace);
	if (op->kind == M_DO_CREATE)
		printf(" access %x share %x disposition %u doc %d epoch %u v%d parent %u", op->access, op->share, op->disposition, op->doc, op->epoch,
			op->v1 ? 1 : 2, op->parent);
	for (int i = 0; i < op->range_count; i++)
		printf(" {%llx+%llx %x}", (unsigned long long)op->ranges[i].offset, (unsigned long long)op->ranges[i].length, op->ranges[i].flags);
	printf(" level %u key %u state %u pending %d offset %llu length %llu target #%llu ms %u\n", op->level, op->key, op->state, op->pending,
		(unsigned long long)op->offset, (unsigned long long)op->length, (unsigned long long)op->target_id, op->ms);
}

void driver_print_message(const char *what, const struct m_expected *e)
{
	static const char *const names[] = {"answer", "interim", "oplock break", "lease break"};

	printf("   %s: %d %s #%lld %s open %d level %u action %u size %llu%s v%d key %u from %u to %u flags %u epoch %u\n", what, e->conn,
		names[e->what], (long long)e->message_id, hythe_status_name(e->status), e->open, e->level, e->action, (unsigned long long)e->size,
		e->leased ? " leased" : "", e->v2 ? 2 : 1, e->key, e->from, e->to, e->flags, e->epoch);
}

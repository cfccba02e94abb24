/* Share modes, locks, oplocks and leases against the reference model (fsa_model.h): four connections of three clients do whatever comes
 * to their minds, and every message that comes back, asked for or not, is the one that the model says, and none is missing.
 * HYTHE_SIM_SEED, HYTHE_SIM_OPERATIONS; HYTHE_SIM_TRACE prints all of it. */
#include "fsa_model_driver.h"

#include <stdio.h>
#include <stdlib.h>

enum { OPERATIONS = 100000, AT_ONCE = 4 };

static struct driver d;

static void fail_with(const char *why)
{
	const struct m_model *m = &d.model;

	printf("seed %llu, operation %llu: %s\n", (unsigned long long)d.seed, (unsigned long long)d.done, why);
	for (uint64_t i = d.done > DRIVER_LOG ? d.done - DRIVER_LOG : 0; i < d.done; i++)
		driver_print_op(&d.log[i % DRIVER_LOG]);
	for (int i = 0; i < m->expected_count; i++)
		driver_print_message("not come", &m->expected[i]);
	fail_msg("HYTHE_SIM_SEED=%llu, operation %llu: %s", (unsigned long long)d.seed, (unsigned long long)d.done, why);
}

static bool same_body(const struct m_expected *a, const struct driver_message *b)
{
	const struct m_expected *e = &b->e;

	if (!b->decoded || a->what == M_INTERIM)
		return true;
	if (a->what != M_ANSWER || a->kind == M_DO_ACK_OPLOCK || a->kind == M_DO_ACK_LEASE)
		return a->what == M_OPLOCK_BREAK || a->kind == M_DO_ACK_OPLOCK ? a->level == e->level :
			a->from == e->from && a->to == e->to && a->flags == e->flags && a->epoch == e->epoch;
	if (a->kind == M_DO_READ)
		return a->size == e->size;
	if (a->kind != M_DO_CREATE)
		return true;
	return a->level == e->level && a->action == e->action && a->size == e->size && a->leased == e->leased &&
		(!a->leased || (a->key == e->key && a->to == e->to && a->flags == e->flags && a->epoch == e->epoch && a->v2 == e->v2));
}

/* Whether these are about the same thing, so that all else must be the same, too. */
static bool same_matter(const struct m_expected *a, const struct driver_message *b)
{
	if (a->conn != b->e.conn || a->what != b->e.what)
		return false;
	if (a->what == M_OPLOCK_BREAK)
		return (a->persistent ? a->persistent : d.model.opens[a->open].persistent) == b->id.persistent;
	if (a->what == M_LEASE_BREAK)
		return a->key == b->e.key && a->from == b->e.from;
	return a->message_id == b->e.message_id;
}

/* The message that must be this one, or one about the same thing; NULL: nobody expects anything like it. */
static struct m_expected *find_expected(const struct driver_message *got)
{
	struct m_model *m = &d.model;
	struct m_expected *found = NULL;

	for (int i = 0; i < m->expected_count; i++) {
		struct m_expected *e = &m->expected[i];

		if (!same_matter(e, got))
			continue;
		if (nt_is(e->status, got->e.status) && same_body(e, got))
			return e;
		found = e;
	}
	return found;
}

static void take(const struct driver_message *got)
{
	struct m_model *m = &d.model;
	struct m_expected *e = find_expected(got);

	if (d.trace || !e)
		driver_print_message("came", &got->e);
	if (!e)
		fail_with("a message that nobody expects");
	if (!nt_is(e->status, got->e.status) || !same_body(e, got)) {
		driver_print_message("came", &got->e);
		fail_with("another answer");
	}
	if (e->kind == M_DO_CREATE && e->what == M_ANSWER && nt_ok(e->status)) {
		m->opens[e->open].persistent = got->id.persistent;
		m->opens[e->open].volatile_id = got->id.volatile_id;
	}
	*e = m->expected[--m->expected_count];
}

static void compare(void)
{
	struct driver_message got;

	if (d.model.overflow)
		fail_with("the model is too small");
	for (int i = 0; i < M_CONNS; i++) {
		if (d.raw[i].closed)
			fail_with("disconnected");
		/* What makes an open comes before what breaks its oplock. */
		while (driver_receive(&d, i, &got))
			take(&got);
		arena_reset(&d.raw[i].arena);
	}
	if (d.model.expected_count > 0)
		fail_with("a message has not come");
}

static void pass_time(unsigned ms)
{
	while (ms > 0) {
		unsigned passed = m_pass(&d.model, ms);

		sim_run(&d.sim, passed);
		compare();
		ms -= passed;
	}
}

static void post(struct m_op *op)
{
	op->message_id = d.raw[op->conn].next_id;
	op->persistent = op->open != M_NOBODY ? d.model.opens[op->open].persistent : 0;
	d.log[d.done++ % DRIVER_LOG] = *op;
	if (op->kind == M_DO_CLOSE && op->open != M_NOBODY)
		d.closing |= (uint64_t)1 << op->open;
	if (d.trace)
		driver_print_op(op);
	if (op->kind == M_DO_DISCONNECT)
		driver_disconnect(&d, op->conn);
	else if (op->kind != M_DO_TIME)
		driver_send(&d, op);
}

/* Renaming a directory makes the paths of all others wrong. */
static bool stands_alone(const struct m_op *op)
{
	return op->kind == M_DO_TIME || op->kind == M_DO_DISCONNECT || op->kind == M_DO_LOGOFF || op->kind == M_DO_TREE_DISCONNECT ||
		(op->kind == M_DO_RENAME && op->name >= M_DIRECTORY_NAME);
}

/* Mostly one operation, at times several of one connection that come before the first has been answered. */
static void step(void)
{
	struct m_op ops[AT_ONCE];
	int n = 0, most = d.done % 4 ? 1 : AT_ONCE;

	d.closing = 0;
	while (n < most) {
		ops[n] = driver_random(&d, n > 0 ? ops[0].conn : M_NOBODY);
		if (n > 0 && stands_alone(&ops[n]))
			break;
		post(&ops[n++]);
		if (stands_alone(&ops[0]))
			break;
	}
	if (ops[0].kind == M_DO_TIME) {
		pass_time(ops[0].ms);
		return;
	}
	driver_settle(&d);
	m_run(&d.model, ops, n);
	if (ops[0].kind == M_DO_DISCONNECT)
		driver_connect(&d, ops[0].conn);
	compare();
	if (ops[0].kind == M_DO_LOGOFF || ops[0].kind == M_DO_TREE_DISCONNECT)
		driver_log_on_again(&d, ops[0].conn, ops[0].kind == M_DO_LOGOFF);
}

static uint64_t setting(const char *name, uint64_t usual)
{
	const char *s = getenv(name);

	return s ? strtoull(s, NULL, 10) : usual;
}

static void start(uint64_t seed)
{
	d.seed = d.random = seed;
	d.done = 0;
	d.trace = getenv("HYTHE_SIM_TRACE") != NULL;
	sim_start(&d.sim, NULL);
	for (int i = 0; i < M_CONNS; i++)
		driver_connect(&d, i);
	assert_status(raw_open(&d.raw[0], "d", 0x80, M_CREATE, 1), STATUS_SUCCESS);
	assert_status(raw_call(&d.raw[0], SMB2_CLOSE, &(struct smb2_close_req){.file_id = d.raw[0].file_id}, NULL), STATUS_SUCCESS);
	m_start(&d.model);
	d.model.now_ms = d.sim.clock.now_ms;
}

static void test_every_answer_is_the_one_of_the_model(void **state)
{
	uint64_t operations = setting("HYTHE_SIM_OPERATIONS", OPERATIONS);

	(void)state;
	start(setting("HYTHE_SIM_SEED", 1));
	while (d.done < operations)
		step();
	for (int i = 0; i < M_CONNS; i++)
		driver_disconnect(&d, i);
	sim_stop(&d.sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_answer_is_the_one_of_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

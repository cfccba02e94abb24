/* Oplocks and leases of the real client against the real server: written back before somebody else reads, our own changes to a directory,
 * and a model of two applications that cache ([MS-SMB2] 3.2.4.3.8, 3.2.5.19, 3.3.4.6, 3.3.4.7). */
#include "sim.h"

#include "client/conn.h"

#include <stdio.h>
#include <stdlib.h>

enum { R = HYTHE_CACHE_READ, RH = R | HYTHE_CACHE_HANDLE, RW = R | HYTHE_CACHE_WRITE, RWH = RH | HYTHE_CACHE_WRITE };
enum { FILES = 3, STEPS = 600 };

struct app {
	struct hythe_client *client;
	struct hythe_session *session;
	struct hythe_tree *tree;
	unsigned calls;
	struct hythe_cache_change last;
	const char *dirty; /* what it has not sent yet */
};

static struct sim sim;
static struct app one, two;

static void join_in(struct app *a, struct hythe_client *client)
{
	*a = (struct app){.client = client};
	assert_status(hythe_connect(client, "sim", 445, &sim.connect, &a->session), STATUS_SUCCESS);
	assert_status(hythe_tree_connect(a->session, "share", &a->tree), STATUS_SUCCESS);
}

static void start(uint16_t dialect, bool sealed, unsigned delay_ms)
{
	struct sim_options o = {.faults = {.seed = dialect + delay_ms, .max_delay_ms = delay_ms}};
	sim_start(&sim, &o);
	sim.connect.max_dialect = dialect;
	if (sealed)
		sim.connect.encryption = HYTHE_ENCRYPTION_REQUIRED;
	join_in(&one, sim.client);
	join_in(&two, cli_client_new_on(sim.pool, sim.client->dial, sim.client->dial_arg));
}

static void leave(struct app *a)
{
	hythe_tree_free(a->tree);
	hythe_session_free(a->session);
}

static void stop(void)
{
	leave(&one);
	leave(&two);
	hythe_client_free(two.client);
	sim_stop(&sim);
}

/* Each client runs its own callbacks only. */
static void settle(void)
{
	bool ran = true;
	while (ran) {
		ran = hythe_client_poll(one.client, 100);
		ran |= hythe_client_poll(two.client, 0);
	}
}

struct outcome {
	bool done;
	ntstatus status;
	struct hythe_file *file;
	size_t bytes;
};

static void note(void *arg, ntstatus status, const struct hythe_result *result)
{
	*(struct outcome *)arg = (struct outcome){true, status, result->file, result->bytes};
}

static void changed(void *arg, struct hythe_file *file, const struct hythe_cache_change *change)
{
	struct app *a = arg;
	size_t n;
	a->calls++;
	a->last = *change;
	if (a->dirty && (change->from & ~change->to & HYTHE_CACHE_WRITE)) {
		assert_status(hythe_write(file, 0, a->dirty, strlen(a->dirty), &n), STATUS_SUCCESS);
		a->dirty = NULL;
	}
}

static struct hythe_open_params params(struct app *a, const char *path, uint32_t lease, uint8_t level)
{
	struct hythe_open_params p;
	hythe_open_params_init(&p, path, HYTHE_READ_DATA | HYTHE_WRITE_DATA);
	p.disposition = HYTHE_OPEN_IF;
	p.lease = lease;
	p.oplock_level = level;
	p.on_cache_change = changed;
	p.cache_arg = a;
	return p;
}

static struct hythe_file *open_as(struct app *a, const char *path, uint32_t lease, uint8_t level)
{
	struct hythe_open_params p = params(a, path, lease, level);
	struct outcome o = {0};
	assert_status(hythe_open_async(a->tree, &p, note, &o), STATUS_SUCCESS);
	settle();
	assert_true(o.done);
	assert_status(o.status, STATUS_SUCCESS);
	return o.file;
}

static void close_file(struct hythe_file *file)
{
	struct outcome o = {0};
	assert_status(hythe_close_async(file, false, note, &o), STATUS_SUCCESS);
	settle();
	assert_status(o.status, STATUS_SUCCESS);
}

static void reads(struct hythe_file *file, const char *text)
{
	char buffer[64];
	struct outcome o = {0};
	assert_status(hythe_read_async(file, 0, buffer, sizeof(buffer), 0, note, &o), STATUS_SUCCESS);
	settle();
	assert_status(o.status, STATUS_SUCCESS);
	assert_int_equal(o.bytes, strlen(text));
	assert_memory_equal(buffer, text, o.bytes);
}

static void write_back(uint16_t dialect, bool sealed, uint32_t lease, uint8_t level)
{
	start(dialect, sealed, 0);
	uint64_t before = sim.clock.now_ms;
	struct hythe_file *mine = open_as(&one, "f", lease, level);
	assert_int_equal(hythe_file_cache_state(mine), RWH);
	one.dirty = "kept back";
	struct hythe_file *theirs = open_as(&two, "f", lease, level);
	reads(theirs, "kept back");
	assert_int_equal(one.calls, 1);
	assert_int_equal(one.last.from, RWH);
	assert_int_equal(one.last.to, lease ? RH : R);
	assert_int_equal(hythe_file_cache_state(mine), lease ? RH : R);
	assert_int_equal(hythe_file_cache_state(theirs), lease ? RH : R);
	/* a write of one purges what the other has */
	one.dirty = "0123456789";
	struct outcome o = {0};
	assert_status(hythe_write_async(mine, 0, one.dirty, 10, 0, note, &o), STATUS_SUCCESS);
	settle();
	assert_status(o.status, STATUS_SUCCESS);
	assert_int_equal(two.calls, 1);
	assert_int_equal(two.last.to, 0);
	assert_int_equal(hythe_file_cache_state(theirs), 0);
	reads(theirs, "0123456789");
	assert_true(sim.clock.now_ms - before < 10000); /* nobody waited for a time-out */
	close_file(mine);
	close_file(theirs);
	stop();
}

/* Backs: C012, C205. */
static void test_written_back_before_the_other_reads(void **state)
{
	(void)state;
	write_back(HYTHE_DIALECT_202, false, 0, HYTHE_OPLOCK_BATCH);
	write_back(HYTHE_DIALECT_210, false, RWH, 0);
	write_back(HYTHE_DIALECT_300, false, RWH, 0);
	write_back(HYTHE_DIALECT_302, true, RWH, 0);
	write_back(HYTHE_DIALECT_311, false, RWH, 0);
	write_back(HYTHE_DIALECT_311, true, RWH, 0);
	write_back(HYTHE_DIALECT_311, false, 0, HYTHE_OPLOCK_BATCH);
}

static void test_handles_of_one_client_share_and_upgrade(void **state)
{
	(void)state;
	start(HYTHE_DIALECT_311, false, 0);
	struct hythe_file *a = open_as(&one, "f", R, 0);
	assert_int_equal(hythe_file_cache_state(a), R);
	struct hythe_file *b = open_as(&one, "F", RWH, 0);
	assert_int_equal(hythe_file_cache_state(a), RWH);
	/* over another connection of the client too */
	struct app third;
	join_in(&third, one.client);
	struct hythe_file *c = open_as(&third, "f", RWH, 0);
	assert_int_equal(hythe_file_cache_state(c), RWH);
	assert_int_equal(one.calls, 0);
	close_file(a);
	close_file(b);
	assert_int_equal(hythe_file_cache_state(c), RWH);
	struct hythe_file *other = open_as(&two, "f", RWH, 0);
	assert_int_equal(hythe_file_cache_state(c), RH);
	assert_int_equal(third.calls, 1);
	close_file(other);
	close_file(c);
	leave(&third);
	stop();
}

/* Backs: C077. */
static void test_own_changes_leave_the_lease_of_a_directory(void **state)
{
	(void)state;
	start(HYTHE_DIALECT_311, false, 0);
	struct hythe_open_params p = params(&one, "dir", RH, 0);
	struct outcome o = {0};
	assert_status(hythe_mkdir(one.tree, "dir"), STATUS_SUCCESS);
	p.access = HYTHE_READ_DATA;
	p.options = HYTHE_OPTION_DIRECTORY;
	assert_status(hythe_open_async(one.tree, &p, note, &o), STATUS_SUCCESS);
	settle();
	assert_status(o.status, STATUS_SUCCESS);
	assert_int_equal(hythe_file_cache_state(o.file), RH);
	struct hythe_file *mine = open_as(&one, "dir/mine", RWH, 0);
	assert_int_equal(one.calls, 0);
	struct hythe_file *theirs = open_as(&two, "dir/theirs", RWH, 0);
	assert_int_equal(one.calls, 1);
	assert_int_equal(hythe_file_cache_state(o.file), 0);
	close_file(theirs);
	close_file(mine);
	close_file(o.file);
	stop();
}

static void test_a_file_replaced_by_another_client_gets_another_key(void **state)
{
	(void)state;
	start(HYTHE_DIALECT_311, false, 0);
	struct outcome o = {0};
	struct hythe_file *old = open_as(&one, "f", R, 0);
	struct hythe_step steps[1];
	struct hythe_open_params p = params(&two, "f", 0, 0);
	p.access = HYTHE_DELETE;
	steps[0] = (struct hythe_step){.kind = HYTHE_STEP_OPEN, .open = &p, .keep = true};
	assert_status(hythe_chain_async(two.tree, steps, 1, note, &o), STATUS_SUCCESS);
	settle();
	assert_status(steps[0].status, STATUS_SUCCESS);
	assert_status(hythe_file_rename(steps[0].file, "g", false), STATUS_SUCCESS);
	close_file(steps[0].file);
	close_file(open_as(&two, "f", 0, 0));
	struct hythe_file *new = open_as(&one, "f", R, 0);
	assert_int_equal(hythe_file_cache_state(new), R);
	close_file(new);
	close_file(old);
	stop();
}

/* --- two applications that cache, against what there is --- */

struct copy {
	struct hythe_file *file;
	bool valid, dirty;
	uint32_t value;
};

static struct copy copies[2][FILES];
static uint32_t truth[FILES];

static void model_changed(void *arg, struct hythe_file *file, const struct hythe_cache_change *change)
{
	struct copy *c = arg;
	size_t n;
	if (c->dirty && !(change->to & HYTHE_CACHE_WRITE)) {
		assert_status(hythe_write(file, 0, &c->value, sizeof(c->value), &n), STATUS_SUCCESS);
		c->dirty = false;
	}
	if (change->purge || !(change->to & HYTHE_CACHE_READ))
		c->valid = false;
}

static void model_open(struct app *a, struct copy *c, unsigned number, uint64_t random)
{
	static const uint32_t wishes[] = {R, RH, RW, RWH};
	char name[8];
	snprintf(name, sizeof(name), "f%u", number);
	struct hythe_open_params p = params(a, name, wishes[random % 4], HYTHE_OPLOCK_BATCH);
	struct outcome o = {0};
	if (random % 7 == 0)
		p.lease = 0;
	p.on_cache_change = model_changed;
	p.cache_arg = c;
	assert_status(hythe_open_async(a->tree, &p, note, &o), STATUS_SUCCESS);
	settle();
	assert_true(o.done);
	assert_status(o.status, STATUS_SUCCESS);
	c->file = o.file;
}

static void model_close(struct copy *c)
{
	size_t n;
	if (c->dirty)
		assert_status(hythe_write(c->file, 0, &c->value, sizeof(c->value), &n), STATUS_SUCCESS);
	close_file(c->file);
	*c = (struct copy){0};
}

static void model_write(struct copy *c, unsigned number, uint32_t value)
{
	struct outcome o = {0};
	truth[number] = c->value = value;
	c->valid = hythe_file_cache_state(c->file) & HYTHE_CACHE_READ;
	c->dirty = hythe_file_cache_state(c->file) & HYTHE_CACHE_WRITE;
	if (c->dirty)
		return;
	assert_status(hythe_write_async(c->file, 0, &value, sizeof(value), 0, note, &o), STATUS_SUCCESS);
	settle();
	assert_status(o.status, STATUS_SUCCESS);
}

static void model_read(struct copy *c, unsigned number)
{
	struct outcome o = {0};
	uint32_t value = 0;
	if (!c->valid) {
		assert_false(c->dirty);
		assert_status(hythe_read_async(c->file, 0, &value, sizeof(value), 0, note, &o), STATUS_SUCCESS);
		settle();
		assert_true(nt_ok(o.status) || nt_is(o.status, STATUS_END_OF_FILE));
		c->value = value;
		c->valid = hythe_file_cache_state(c->file) & HYTHE_CACHE_READ;
	}
	assert_int_equal(c->value, truth[number]);
}

static void model_run(uint16_t dialect, uint64_t seed)
{
	start(dialect, false, seed % 2 ? 7 : 0);
	memset(copies, 0, sizeof(copies));
	memset(truth, 0, sizeof(truth));
	for (uint32_t step = 1; step <= STEPS; step++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		uint64_t random = seed >> 33;
		unsigned who = random % 2, number = (unsigned)(random / 2 % FILES);
		struct copy *c = &copies[who][number];
		if (!c->file)
			model_open(who ? &two : &one, c, number, random / 16);
		else if (random / 16 % 8 == 0)
			model_close(c);
		else if (random / 16 % 2)
			model_write(c, number, step);
		else
			model_read(c, number);
		settle();
	}
	for (unsigned i = 0; i < 2 * FILES; i++) {
		if (copies[i / FILES][i % FILES].file)
			model_close(&copies[i / FILES][i % FILES]);
	}
	stop();
}

/* Backs: C012. */
static void test_two_applications_that_cache_see_one_truth(void **state)
{
	static const uint16_t dialects[] = {HYTHE_DIALECT_202, HYTHE_DIALECT_210, HYTHE_DIALECT_302, HYTHE_DIALECT_311};
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++)
		model_run(dialects[seed % 4], seed);
}

/* --- connections cut --- */

static struct hythe_file *try_open(struct app *a)
{
	static struct copy nothing; /* to be written back */
	struct hythe_open_params p = params(a, "f", RWH, HYTHE_OPLOCK_BATCH);
	struct outcome o = {0};
	p.on_cache_change = model_changed;
	p.cache_arg = &nothing;
	if (!a->tree || !nt_ok(hythe_open_async(a->tree, &p, note, &o)))
		return NULL;
	settle();
	assert_true(o.done);
	return nt_ok(o.status) ? o.file : NULL;
}

static bool try_join(struct app *a, struct hythe_client *client)
{
	*a = (struct app){.client = client};
	return nt_ok(hythe_connect(client, "sim", 445, &sim.connect, &a->session)) &&
	       nt_ok(hythe_tree_connect(a->session, "share", &a->tree));
}

static void is_consistent(struct app *a, struct hythe_file *file)
{
	bool cut = file && a->session->conn->dead;
	if (cut)
		assert_int_equal(hythe_file_cache_state(file), 0);
	if (file)
		hythe_file_free(file);
}

static void test_a_cut_at_every_message_leaves_nothing_behind(void **state)
{
	(void)state;
	for (uint64_t cut = 1; cut < 48; cut++) {
		struct sim_options o = {.faults = {.seed = cut, .cut_after_frames = cut}};
		sim_start(&sim, &o);
		struct hythe_client *other = cli_client_new_on(sim.pool, sim.client->dial, sim.client->dial_arg);
		one.client = sim.client;
		two = (struct app){.client = other};
		if (try_join(&one, sim.client) && try_join(&two, other)) {
			struct hythe_file *mine = try_open(&one), *again = try_open(&one), *theirs = try_open(&two), *third = try_open(&one);
			settle();
			is_consistent(&one, mine);
			is_consistent(&one, again);
			is_consistent(&two, theirs);
			is_consistent(&one, third);
		}
		struct app *const apps[] = {&one, &two};
		for (int i = 0; i < 2; i++) {
			hythe_tree_free(apps[i]->tree);
			hythe_session_free(apps[i]->session);
		}
		assert_int_equal(sim.client->cache.by_key.count + other->cache.by_key.count, 0);
		hythe_client_free(other);
		sim_stop(&sim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_back_before_the_other_reads),
		cmocka_unit_test(test_handles_of_one_client_share_and_upgrade),
		cmocka_unit_test(test_own_changes_leave_the_lease_of_a_directory),
		cmocka_unit_test(test_a_file_replaced_by_another_client_gets_another_key),
		cmocka_unit_test(test_two_applications_that_cache_see_one_truth),
		cmocka_unit_test(test_a_cut_at_every_message_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

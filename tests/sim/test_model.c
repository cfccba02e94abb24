/* The real client against the real server, over links that are cut and a store that fails, held against a model: whatever was
 * acknowledged is there, whatever failed left what was there before or what it wanted. Seeds: HYTHE_SIM_SEED, HYTHE_SIM_RUNS. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAMES = 8, FILE_BYTES = 40000, STEPS = 250, RUNS = 12 };

struct model_file {
	bool exists;
	size_t len;
	uint8_t data[FILE_BYTES];
};

struct world {
	struct sim sim;
	uint64_t seed, failures_injected;
	unsigned fail_permille;
	struct hythe_session *session;
	struct hythe_tree *tree;
	struct model_file files[NAMES];
	unsigned reconnects, checked;
};

static uint64_t rnd(struct world *w)
{
	uint64_t x = w->seed += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static size_t below(struct world *w, size_t n)
{
	return (size_t)(rnd(w) % n);
}

/* Only operations that may fail in a store do; closing and reading names always work, or nothing could be checked. */
static ntstatus decide(void *arg, const char *operation)
{
	struct world *w = arg;
	static const char *const failing[] = {"write", "truncate", "rename", "unlink", "flush", "read"};

	if (w->fail_permille == 0 || below(w, 1000) >= w->fail_permille)
		return STATUS_SUCCESS;
	for (size_t i = 0; i < ARRAY_LEN(failing); i++) {
		if (strcmp(operation, failing[i]) == 0) {
			w->failures_injected++;
			return below(w, 2) ? STATUS_DISK_FULL : STATUS_IO_DEVICE_ERROR;
		}
	}
	return STATUS_SUCCESS;
}

static void disconnect(struct world *w)
{
	if (w->tree)
		hythe_tree_free(w->tree);
	if (w->session)
		hythe_session_free(w->session);
	w->tree = NULL;
	w->session = NULL;
}

static void reconnect(struct world *w)
{
	for (int i = 0; i < 200; i++) {
		disconnect(w);
		w->reconnects++;
		if (nt_ok(sim_connect(&w->sim, "share", &w->session, &w->tree)))
			return;
		w->tree = NULL;
		w->session = NULL;
	}
	fail_msg("no connection survives the login");
}

static bool link_is_gone(ntstatus s)
{
	return nt_is(s, STATUS_CONNECTION_DISCONNECTED) || nt_is(s, STATUS_CONNECTION_RESET) || nt_is(s, STATUS_IO_TIMEOUT) ||
		nt_is(s, STATUS_UNEXPECTED_NETWORK_ERROR);
}

static const char *name_of(size_t i)
{
	static const char *const names[NAMES] = {"a", "b.txt", "dir/c", "dir/Data File", "\xc3\xa4\xc3\xb6", "x1", "x2", "dir/z"};

	return names[i];
}

static ntstatus open_file(struct world *w, size_t i, enum hythe_disposition how, uint32_t access, struct hythe_file **f)
{
	struct hythe_open_params p;

	hythe_open_params_init(&p, name_of(i), access);
	p.disposition = how;
	return hythe_open(w->tree, &p, f, NULL);
}

/* Reads the whole file as it is now; a failing store or link is asked again. */
static void read_back(struct world *w, size_t i, struct model_file *now)
{
	unsigned permille = w->fail_permille;

	w->fail_permille = 0;
	for (int tries = 0; tries < 500; tries++) {
		struct hythe_file *f;
		ntstatus s = open_file(w, i, HYTHE_OPEN, 0x1, &f);

		now->exists = nt_ok(s);
		now->len = 0;
		if (nt_is(s, STATUS_OBJECT_NAME_NOT_FOUND))
			break;
		if (nt_ok(s)) {
			s = hythe_read(f, 0, now->data, sizeof(now->data), &now->len);
			if (nt_is(s, STATUS_END_OF_FILE))
				s = STATUS_SUCCESS;
			(void)!nt_ok(hythe_close(f, NULL));
			if (nt_ok(s))
				break;
		}
		/* The server may not have noticed yet that the connection before is gone, with the handles it had. */
		if (nt_is(s, STATUS_DELETE_PENDING) && w->reconnects > 1) {
			sim_run(&w->sim, 100);
			continue;
		}
		if (!link_is_gone(s))
			fail_msg("reading %s back: %s", name_of(i), hythe_status_name(s));
		reconnect(w);
	}
	w->fail_permille = permille;
}

/* Every byte of a file after a write that failed is the old or the new one, and the length is between them. */
static void settle_write(struct world *w, size_t i, size_t at, const uint8_t *data, size_t len)
{
	static struct model_file now;
	struct model_file *m = &w->files[i];
	size_t end = at + len > m->len ? at + len : m->len;

	read_back(w, i, &now);
	assert_true(now.exists || !m->exists);
	assert_true(now.len <= end && (!m->exists || now.len >= m->len));
	for (size_t k = 0; k < now.len; k++) {
		uint8_t old = k < m->len ? m->data[k] : 0;
		bool may_be_new = k >= at && k < at + len && now.data[k] == data[k - at];

		assert_true(now.data[k] == old || may_be_new);
	}
	*m = now;
}

static void step_write(struct world *w, size_t i)
{
	static uint8_t data[FILE_BYTES];
	struct model_file *m = &w->files[i];
	size_t at = below(w, FILE_BYTES / 2), len = 1 + below(w, FILE_BYTES / 2 - 1), done = 0;
	struct hythe_file *f;
	ntstatus s = open_file(w, i, HYTHE_OPEN_IF, 0x2 | 0x1, &f);

	for (size_t k = 0; k < len; k++)
		data[k] = (uint8_t)rnd(w);
	if (nt_ok(s)) {
		s = hythe_write(f, at, data, len, &done);
		if (nt_ok(s) && below(w, 4) == 0)
			s = hythe_flush(f);
		if (nt_ok(s)) {
			/* Acknowledged: from here on it must be there, whatever becomes of the close. */
			if (at > m->len || !m->exists)
				memset(m->data + (m->exists ? m->len : 0), 0, at - (m->exists ? m->len : 0));
			memcpy(m->data + at, data, len);
			m->len = m->exists && m->len > at + len ? m->len : at + len;
			m->exists = true;
			s = hythe_close(f, NULL);
			if (link_is_gone(s))
				reconnect(w);
			return;
		}
		if (link_is_gone(hythe_close(f, NULL)))
			s = STATUS_CONNECTION_DISCONNECTED;
	}
	if (link_is_gone(s))
		reconnect(w);
	settle_write(w, i, at, data, len);
}

static bool same(const struct model_file *a, const struct model_file *b)
{
	return a->exists == b->exists && (!a->exists || (a->len == b->len && memcmp(a->data, b->data, a->len) == 0));
}

static void check(struct world *w, size_t i)
{
	static struct model_file now;

	read_back(w, i, &now);
	if (!same(&now, &w->files[i]))
		fail_msg("%s is not what was acknowledged (exists %d/%d, %zu/%zu bytes)", name_of(i), now.exists, w->files[i].exists,
			now.len, w->files[i].len);
	w->checked++;
}

static void step_delete(struct world *w, size_t i)
{
	static struct model_file now;
	ntstatus s = hythe_unlink(w->tree, name_of(i));

	if (link_is_gone(s))
		reconnect(w);
	read_back(w, i, &now);
	if (nt_ok(s))
		assert_true(!now.exists || w->fail_permille > 0);
	else if (nt_is(s, STATUS_OBJECT_NAME_NOT_FOUND))
		assert_false(w->files[i].exists);
	if (now.exists)
		assert_true(same(&now, &w->files[i]));
	w->files[i] = now;
}

static void step_rename(struct world *w, size_t i, size_t k)
{
	static struct model_file from, to;
	bool replace = below(w, 2);
	ntstatus s;

	if (i == k)
		return;
	s = hythe_rename(w->tree, name_of(i), name_of(k), replace);
	if (link_is_gone(s))
		reconnect(w);
	if (nt_is(s, STATUS_OBJECT_NAME_COLLISION))
		assert_true(w->files[k].exists && !replace);
	read_back(w, i, &from);
	read_back(w, k, &to);
	if (nt_ok(s) || (w->files[i].exists && !from.exists)) {
		assert_false(from.exists);
		assert_true(same(&to, &w->files[i]));
	} else {
		assert_true(same(&from, &w->files[i]) && same(&to, &w->files[k]));
	}
	w->files[i] = from;
	w->files[k] = to;
}

static void step_list(struct world *w)
{
	struct hythe_dir *d = NULL;
	struct hythe_entry e;
	bool seen[NAMES] = {0};
	ntstatus s = hythe_dir_open(w->tree, "dir", NULL, &d);

	while (nt_ok(s) && nt_ok(s = hythe_dir_next(d, &e))) {
		for (size_t i = 0; i < NAMES; i++) {
			if (strncmp(name_of(i), "dir/", 4) == 0 && strcmp(name_of(i) + 4, e.name) == 0) {
				seen[i] = true;
				assert_int_equal(e.stat.size_bytes, w->files[i].len);
			}
		}
	}
	if (nt_is(s, STATUS_NO_MORE_FILES)) {
		for (size_t i = 0; i < NAMES; i++)
			assert_true(strncmp(name_of(i), "dir/", 4) != 0 || seen[i] == w->files[i].exists);
	}
	hythe_dir_close(d);
	if (link_is_gone(s))
		reconnect(w);
}

static void run_world(struct world *w, uint64_t seed, unsigned cut_every, unsigned fail_permille)
{
	struct sim_options o = {.decide = decide, .decide_arg = w, .signing_required = seed & 1, .encrypt_sessions = (seed & 6) == 6};

	memset(w, 0, sizeof(*w));
	w->seed = seed;
	o.faults = (struct net_mem_faults){.seed = seed, .cut_after_frames = cut_every, .max_delay_ms = 5, .split_permille = 100};
	sim_start(&w->sim, &o);
	w->sim.connect.signing_optional = true;
	reconnect(w);
	while (!nt_ok(hythe_mkdir(w->tree, "dir"))) {
		struct hythe_stat st;

		reconnect(w);
		if (nt_ok(hythe_stat(w->tree, "dir", &st)))
			break;
	}
	w->fail_permille = fail_permille;
	for (int i = 0; i < STEPS; i++) {
		size_t name = below(w, NAMES);

		switch (below(w, 8)) {
		case 0:
			step_delete(w, name);
			break;
		case 1:
			step_rename(w, name, below(w, NAMES));
			break;
		case 2:
			step_list(w);
			break;
		case 3:
			check(w, name);
			break;
		default:
			step_write(w, name);
		}
	}
	for (size_t i = 0; i < NAMES; i++)
		check(w, i);
	disconnect(w);
	sim_stop(&w->sim);
}

static struct world world;

static uint64_t first_seed(void)
{
	const char *s = getenv("HYTHE_SIM_SEED");

	return s ? strtoull(s, NULL, 10) : 1;
}

static unsigned runs(void)
{
	const char *s = getenv("HYTHE_SIM_RUNS");

	return s ? (unsigned)strtoul(s, NULL, 10) : RUNS;
}

static void test_a_sound_link_and_a_sound_store_lose_nothing(void **state)
{
	(void)state;
	for (uint64_t seed = first_seed(); seed < first_seed() + runs(); seed++) {
		run_world(&world, seed, 0, 0);
		assert_int_equal(world.reconnects, 1);
	}
}

/* Backs: B552, B557. */
static void test_a_link_that_is_cut_loses_nothing_acknowledged(void **state)
{
	unsigned reconnects = 0;

	(void)state;
	for (uint64_t seed = first_seed(); seed < first_seed() + runs(); seed++) {
		run_world(&world, seed, 40 + (unsigned)(seed % 60), 0);
		reconnects += world.reconnects;
	}
	assert_true(reconnects > runs() * 4);
}

/* Backs: B401, B431. */
static void test_a_store_that_fails_is_reported_and_loses_nothing_acknowledged(void **state)
{
	uint64_t failures = 0;

	(void)state;
	for (uint64_t seed = first_seed(); seed < first_seed() + runs(); seed++) {
		run_world(&world, seed, seed % 3 ? 0 : 70, 50);
		failures += world.failures_injected;
	}
	assert_true(failures > runs());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_sound_link_and_a_sound_store_lose_nothing),
		cmocka_unit_test(test_a_link_that_is_cut_loses_nothing_acknowledged),
		cmocka_unit_test(test_a_store_that_fails_is_reported_and_loses_nothing_acknowledged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

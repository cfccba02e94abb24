/* Every token of a logon cut at every byte and with every byte changed, in both directions: no crash, no login with what was
 * changed in a way that matters, no key. */
#include "kit.h"

struct mutation {
	bool to_server;
	int leg;
	size_t cut, at;     /* cut to `cut` bytes, or change the byte at `at` */
	uint8_t change;
	bool cutting, done;
	size_t len;         /* of the token, for the loops */
};

static void mutate(struct kit *k, bool to_server, int leg, struct slice *token)
{
	struct mutation *m = k->arg;
	struct slice copy;

	if (to_server != m->to_server || leg != m->leg)
		return;
	m->len = token->len;
	m->done = true;
	copy = kit_copy(k, *token);
	if (m->cutting)
		copy.len = m->cut < copy.len ? m->cut : copy.len;
	else if (m->at < copy.len)
		((uint8_t *)(uintptr_t)copy.data)[m->at] ^= m->change;
	*token = copy;
}

/* A copy of exact size on the heap, so that reading past its end is seen. */
static ntstatus server_step_exact(struct auth_server *s, struct slice token, struct arena *a, struct slice *out)
{
	uint8_t *p = malloc(token.len ? token.len : 1);
	ntstatus st;

	assert_non_null(p);
	if (token.len != 0)
		memcpy(p, token.data, token.len);
	st = auth_server_step(s, slice_of(p, token.len), a, out);
	free(p);
	return st;
}

static int setup(void **state)
{
	struct kit *k = malloc(sizeof(*k));

	assert_non_null(k);
	kit_start(k);
	log_sink(NULL, NULL);
	log_level = LOG_ERROR;
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	kit_stop(*state);
	free(*state);
	log_level = LOG_WARN;
	return 0;
}

/* True: both sides think that the logon worked. */
static bool logon_with(struct kit *k, struct mutation *m)
{
	bool in;

	k->arg = m;
	k->on_token = mutate;
	m->done = false;
	kit_logon(k);
	in = nt_ok(k->server_status);
	assert_int_equal(auth_server_identity(k->s)->session_key_len, in ? 16 : 0);
	arena_reset(&k->arena);
	return in;
}

static void cut_everywhere(struct kit *k, bool raw)
{
	struct mutation m = {.cutting = true};

	k->client.raw_ntlm = raw;
	for (int leg = 0; leg < 2; leg++) {
		m.to_server = true;
		m.leg = leg;
		m.len = 1;
		for (m.cut = 0; m.cut < m.len; m.cut++) {
			bool in = logon_with(k, &m);

			/* What is cut off a bare NEGOTIATE may be what it can do without; but then the MIC does not fit. */
			assert_false(in);
		}
	}
}

static void test_truncated_tokens_never_log_in(void **state)
{
	cut_everywhere(*state, false);
	cut_everywhere(*state, true);
}

static void test_truncated_server_tokens_never_satisfy_the_client(void **state)
{
	struct kit *k = *state;
	struct mutation m = {.cutting = true, .to_server = false};

	for (int leg = 0; leg < 2; leg++) {
		m.leg = leg;
		m.len = 2;
		for (m.cut = 1; m.cut < m.len; m.cut++) {
			(void)logon_with(k, &m);
			assert_false(nt_ok(k->client_status));
		}
	}
}

/* With a MIC over the three messages and one over the list, no byte of NTLM can be changed, nor one of SPNEGO that means
 * anything; but for the id of the challenge's timestamp, without which clients send no MIC. A change that both sides survive
 * must leave them with the same key. */
static void flip_everywhere(struct kit *k, bool raw, bool to_server)
{
	static const uint8_t changes[] = {0x01, 0x80, 0xff};
	struct mutation m = {.to_server = to_server};
	size_t survived = 0;

	k->client.raw_ntlm = raw;
	for (m.leg = 0; m.leg < (raw && !to_server ? 1 : 2); m.leg++) {
		for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
			m.change = changes[i];
			m.len = 1;
			for (m.at = 0; m.at < m.len; m.at++) {
				if (!logon_with(k, &m) || !nt_ok(k->client_status) || !m.done)
					continue;
				assert_memory_equal(auth_client_session_key(k->c).data, auth_server_identity(k->s)->session_key, 16);
				assert_string_equal(auth_server_identity(k->s)->user, "alice");
				survived++;
			}
		}
	}
	assert_in_range(survived, 0, raw && to_server ? 0 : raw ? 12 : 40);
}

static void test_changed_client_tokens_never_log_in(void **state)
{
	flip_everywhere(*state, true, true);
	flip_everywhere(*state, false, true);
}

static void test_changed_server_tokens_never_give_another_key(void **state)
{
	flip_everywhere(*state, true, false);
	flip_everywhere(*state, false, false);
}

static void test_random_tokens_never_log_in(void **state)
{
	struct kit *k = *state;
	uint8_t bytes[300];

	random_seed_for_tests(4711);
	for (int i = 0; i < 20000; i++) {
		struct auth_server *s = auth_server_new(&k->server);
		struct slice out;

		for (int leg = 0; leg < 3; leg++) {
			size_t n = random_u64() % sizeof(bytes);

			random_bytes(bytes, n);
			if (i % 4 == 1 && n > 12)
				memcpy(bytes, "NTLMSSP\0\1\0\0\0", 12);
			if (i % 4 == 2 && n > 16)
				memcpy(bytes, "\x60\x30\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x28\x30\x26\xa0\x10", 16);
			if (i % 4 == 3 && n > 12)
				memcpy(bytes, leg == 0 ? "NTLMSSP\0\1\0\0\0" : "NTLMSSP\0\3\0\0\0", 12);
			assert_false(nt_ok(server_step_exact(s, slice_of(bytes, n), &k->arena, &out)) && auth_server_identity(s)->session_key_len != 0);
		}
		auth_server_free(s);
		arena_reset(&k->arena);
	}
	random_seed_for_tests(0);
}

static void test_memory_that_runs_out_refuses(void **state)
{
	struct kit *k = *state;

	for (size_t limit = 64; limit < 20000; limit += 64) {
		struct arena small;
		struct auth_server *s = auth_server_new(&k->server);
		struct auth_client *c = auth_client_new(&k->client);
		struct slice token = slice_of(NULL, 0);
		ntstatus st = STATUS_MORE_PROCESSING_REQUIRED;

		arena_init(&small, NULL, 0, limit);
		for (int leg = 0; leg < 3 && nt_is(st, STATUS_MORE_PROCESSING_REQUIRED); leg++) {
			st = auth_client_step(c, token, &small, &token);
			if (nt_is(st, STATUS_MORE_PROCESSING_REQUIRED))
				st = auth_server_step(s, token, &small, &token);
		}
		assert_true(nt_error(st) || nt_ok(st));
		arena_reset(&small);
		auth_server_free(s);
		auth_client_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_truncated_tokens_never_log_in, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncated_server_tokens_never_satisfy_the_client, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changed_client_tokens_never_log_in, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changed_server_tokens_never_give_another_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random_tokens_never_log_in, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory_that_runs_out_refuses, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

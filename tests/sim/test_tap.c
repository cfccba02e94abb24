/* Taps: what the client is told of, the server is told of too, byte for byte, in the order of the wire, sealed or not, and what they tell
 * changes nothing (hythe/tap.h). */
#include "sim.h"

#include "client/core.h"

#include <stdlib.h>

enum { FRAMES = 256, LARGE = 300000 };

struct seen {
	bool received;
	uint64_t connection;
	uint8_t *raw, *plain;
	size_t raw_len, plain_len;
	bool within; /* plain lies in raw */
};
struct log {
	struct seen frames[FRAMES];
	size_t count;
};
static struct sim sim;
static struct log at_client, at_server;

static void *copy_of(const void *p, size_t n)
{
	uint8_t *c = malloc(n + 1);

	assert_non_null(c);
	if (n > 0)
		memcpy(c, p, n);
	return c;
}

static void tap(void *arg, const struct hythe_tap_frame *f)
{
	struct log *l = arg;
	struct seen *s = &l->frames[l->count++];

	assert_true(l->count <= FRAMES);
	assert_non_null(f->local);
	assert_non_null(f->peer);
	*s = (struct seen){.received = f->received, .connection = f->connection, .raw_len = f->raw_len, .plain_len = f->plain_len,
		.within = f->plain == f->raw + 4};
	s->raw = copy_of(f->raw, f->raw_len);
	s->plain = f->plain ? copy_of(f->plain, f->plain_len) : NULL;
}

static void forget(struct log *l)
{
	for (size_t i = 0; i < l->count; i++) {
		free(l->frames[i].raw);
		free(l->frames[i].plain);
	}
	l->count = 0;
}

static void start(const struct sim_options *o)
{
	sim_start(&sim, o);
	sim.client->tap = (struct net_tap){tap, &at_client};
	sim.srv.tap = (struct net_tap){tap, &at_server};
}

/* The two taps saw the same, from their two sides. */
static void compare(void)
{
	assert_true(at_client.count > 8);
	assert_int_equal(at_client.count, at_server.count);
	for (size_t i = 0; i < at_client.count; i++) {
		const struct seen *c = &at_client.frames[i], *s = &at_server.frames[i];

		assert_true(c->received != s->received);
		assert_int_equal(c->raw_len, s->raw_len);
		assert_memory_equal(c->raw, s->raw, c->raw_len);
		assert_int_equal(load_be32(c->raw), c->raw_len - 4);
		assert_non_null(c->plain);
		assert_non_null(s->plain);
		assert_int_equal(c->plain_len, s->plain_len);
		assert_memory_equal(c->plain, s->plain, c->plain_len);
		assert_int_equal(load_le32(c->plain), SMB2_PROTOCOL_ID);
		assert_int_equal(c->connection, at_client.frames[0].connection);
		assert_int_equal(c->within, load_le32(c->raw + 4) == SMB2_PROTOCOL_ID);
	}
}

/* Writes, reads and compares a large file, and a chain. */
static void use(const char *share, bool signing_optional)
{
	struct hythe_session *session;
	struct hythe_tree *tree;
	struct hythe_file *f;
	struct hythe_open_params p;
	struct hythe_stat stat;
	uint8_t *data = calloc(1, LARGE), *back = calloc(1, LARGE);
	size_t n = 0;

	for (size_t i = 0; i < LARGE; i++)
		data[i] = (uint8_t)(i * 13 + i / 256);
	sim.connect.signing_optional = signing_optional;
	assert_status(sim_connect(&sim, share, &session, &tree), STATUS_SUCCESS);
	hythe_open_params_init(&p, "f", HYTHE_READ_DATA | HYTHE_WRITE_DATA);
	p.disposition = HYTHE_OPEN_IF;
	assert_status(hythe_open(tree, &p, &f, NULL), STATUS_SUCCESS);
	assert_status(hythe_write(f, 0, data, LARGE, &n), STATUS_SUCCESS);
	assert_int_equal(n, LARGE);
	assert_status(hythe_read(f, 0, back, LARGE, &n), STATUS_SUCCESS);
	assert_int_equal(n, LARGE);
	assert_memory_equal(data, back, LARGE);
	assert_status(hythe_close(f, NULL), STATUS_SUCCESS);
	assert_status(hythe_stat(tree, "f", &stat), STATUS_SUCCESS);
	assert_int_equal(stat.size_bytes, LARGE);
	hythe_tree_free(tree);
	assert_status(hythe_session_logoff(session), STATUS_SUCCESS);
	free(data);
	free(back);
}

static void both_see_the_same(const struct sim_options *o, const char *share, bool signing_optional, bool sealed)
{
	size_t transforms = 0, large = 0;

	start(o);
	use(share, signing_optional);
	compare();
	for (size_t i = 0; i < at_client.count; i++) {
		transforms += load_le32(at_client.frames[i].raw + 4) == SMB2_TRANSFORM_ID;
		large += at_client.frames[i].plain_len > 65536;
	}
	assert_int_equal(transforms > 0, sealed);
	assert_true(large >= 2); /* the WRITE and the READ's answer, each whole */
	sim_stop(&sim);
	forget(&at_client);
	forget(&at_server);
}

static void test_signed(void **state)
{
	(void)state;
	both_see_the_same(&(struct sim_options){.signing_required = true}, "share", false, false);
}

/* A large WRITE in the clear goes past memory into the file, unless there is a tap. */
static void test_in_the_clear(void **state)
{
	(void)state;
	both_see_the_same(&(struct sim_options){.signing_required = false}, "share", true, false);
}

static void test_sealed(void **state)
{
	(void)state;
	both_see_the_same(&(struct sim_options){.encrypt_sessions = true}, "share", false, true);
	both_see_the_same(&(struct sim_options){0}, "enc", false, true);
}

/* A frame that cannot be opened is told of, without its message, and ends the connection as it always does. */
static void test_damaged(void **state)
{
	struct sim_options o = {0};
	static struct raw r;
	uint8_t frame[200] = {0};

	(void)state;
	start(&o);
	raw_ready(&r, &sim, SMB2_DIALECT_311);
	forget(&at_server);
	store_le32(frame, SMB2_TRANSFORM_ID);
	store_le32(frame + 36, sizeof(frame) - SMB2_TRANSFORM_SIZE);
	store_le16(frame + 42, 1);
	store_le64(frame + 44, r.session_id);
	raw_send_plain(&r, frame, sizeof(frame));
	sim_run(&sim, 100);
	assert_int_equal(at_server.count, 1);
	assert_true(at_server.frames[0].received);
	assert_int_equal(at_server.frames[0].raw_len, sizeof(frame) + 4);
	assert_memory_equal(at_server.frames[0].raw + 4, frame, sizeof(frame));
	assert_null(at_server.frames[0].plain);
	assert_int_equal(raw_receive(&r).len, 0);
	assert_true(r.closed);
	raw_close(&r);
	sim_stop(&sim);
	forget(&at_server);
	forget(&at_client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signed),
		cmocka_unit_test(test_in_the_clear),
		cmocka_unit_test(test_sealed),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

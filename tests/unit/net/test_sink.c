/* Large frames that go to a sink as they come in: from memory and from a pipe, whole, failing, and cut off; and those that come whole, shown as they come. */
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SMALLEST = 32768, HEAD = NET_FRAME_HEAD };

/* Frame i is: i in 4 bytes, then (i * 7 + k) for every k. */
struct catcher {
	struct net_sink sink;
	uint32_t i;
	size_t len, at, fail_at; /* of the frame; where the next byte belongs; 0: never */
	bool failed;
	uint8_t *memory; /* where net puts them itself; NULL: nowhere */
};

static struct server server;
static struct end ends[2];
static _Atomic unsigned whole, streamed, cut_off, refusals;
static unsigned next_frame; /* frames come in order */

static int setup(void **state)
{
	(void)state;
	memset(ends, 0, sizeof(ends));
	whole = streamed = cut_off = refusals = next_frame = 0;
	return 0;
}

static void check_bytes(const uint8_t *p, size_t n, uint32_t i, size_t at)
{
	for (size_t k = 0; k < n; k++)
		assert_int_equal(p[k], (uint8_t)(i * 7 + at + k));
}

static ntstatus take_bytes(struct net_sink *s, const void *p, size_t n)
{
	struct catcher *c = CONTAINER_OF(s, struct catcher, sink);

	assert_true(n > 0 && n <= s->left && !c->failed);
	check_bytes(p, n, c->i, c->at);
	c->at += n;
	c->failed = c->fail_at && c->at >= c->fail_at;
	return c->failed ? STATUS_DISK_FULL : STATUS_SUCCESS;
}

static ntstatus take_pipe(struct net_sink *s, int pipe_fd, size_t n)
{
	static _Thread_local uint8_t block[65536];
	struct catcher *c = CONTAINER_OF(s, struct catcher, sink);

	assert_true(n > 0 && n <= s->left && !c->failed);
	while (n > 0) {
		ssize_t k = read(pipe_fd, block, n < sizeof(block) ? n : sizeof(block));

		assert_true(k > 0);
		check_bytes(block, (size_t)k, c->i, c->at);
		c->at += (size_t)k;
		n -= (size_t)k;
		c->failed = c->fail_at && c->at >= c->fail_at;
		/* What it leaves in the pipe must not turn up anywhere. */
		if (c->failed)
			return STATUS_DISK_FULL;
	}
	return STATUS_SUCCESS;
}

/* Told of each piece in its turn, where it lies. */
static void note_piece(struct net_sink *s, const void *p, size_t n)
{
	struct catcher *c = CONTAINER_OF(s, struct catcher, sink);

	assert_true(n > 0);
	assert_ptr_equal(p, c->memory + (c->at - HEAD));
	check_bytes(p, n, c->i, c->at);
	c->at += n;
}

static void done(struct net_sink *s, bool is_whole)
{
	struct catcher *c = CONTAINER_OF(s, struct catcher, sink);

	if (is_whole && c->memory) {
		check_bytes(c->memory, c->len - HEAD, c->i, HEAD);
		if (!s->came)
			c->at = c->len;
	}
	if (is_whole) {
		assert_int_equal(s->left, 0);
		assert_int_equal(c->i, next_frame++);
		assert_true(c->failed || c->at == c->len);
		assert_int_equal(nt_ok(s->status), !c->failed);
		streamed++;
	} else {
		assert_true(s->left > 0);
		cut_off++;
	}
	free(c->memory);
	free(c);
}

static struct net_sink *begun(struct end *e, const struct net_frame *head, size_t len)
{
	struct catcher *c;
	unsigned kind = (unsigned)random() % 5;

	(void)e;
	assert_true(len > SMALLEST - 4);
	check_bytes(head->data + 4, HEAD - 4, load_le32(head->data), 4);
	if (kind == 0) {
		refusals++;
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	assert_non_null(c);
	*c = (struct catcher){.i = load_le32(head->data), .len = len, .at = HEAD};
	c->sink = (struct net_sink){.bytes = take_bytes, .pipe = kind > 1 ? take_pipe : NULL, .done = done};
	if (kind == 4) {
		c->memory = c->sink.into = malloc(len - HEAD);
		c->sink.came = random() % 2 ? note_piece : NULL;
		assert_non_null(c->memory);
	} else if (random() % 5 == 0) {
		c->fail_at = HEAD + 1 + (size_t)random() % (len - HEAD);
	}
	return &c->sink;
}

static void check_whole(struct end *e, const struct net_frame *f)
{
	(void)e;
	assert_int_equal(load_le32(f->data), next_frame++);
	check_bytes(f->data + 4, f->len - 4, next_frame - 1, 4);
	whole++;
}

static size_t numbered(uint8_t *out, size_t len, uint32_t i)
{
	make_frame(out, len, 0);
	store_le32(out + 4, i);
	for (size_t k = 4; k < len; k++)
		out[4 + k] = (uint8_t)(i * 7 + k);
	return len + 4;
}

static int start(unsigned threads)
{
	ends[0].limit = 300000;
	ends[0].on_begun = begun;
	ends[0].on_frame = check_whole;
	server_start(&server, threads, threads, ends, ARRAY_LEN(ends));
	return raw_connect(&server);
}

/* So many frames, of less than one or another of `most` bytes. */
static size_t make_stream(unsigned seed, uint8_t *stream, unsigned count, const size_t most[], size_t kinds)
{
	size_t n = 0;

	setup(NULL);
	srandom(seed);
	for (uint32_t i = 0; i < count; i++)
		n += numbered(stream + n, 4 + (size_t)random() % (most[(size_t)random() % kinds] - 4), i);
	return n;
}

/* All frames of a stream, in small pieces and in large ones, up to the end of the connection and of the server. */
static void send_all(int fd, unsigned threads, const uint8_t *stream, size_t n, unsigned count, size_t largest)
{
	struct net_pool *steps = threads ? NULL : server.pool;
	size_t sent = 0;

	while (sent < n) {
		size_t piece = 1 + (size_t)random() % (random() % 2 ? 200 : largest);

		piece = piece < n - sent ? piece : n - sent;
		raw_write(fd, stream + sent, piece);
		sent += piece;
		for (unsigned k = 0; steps && k < 6; k++)
			net_pool_step(steps, 0);
	}
	WAIT_FOR(steps, whole + streamed == count);
	assert_int_equal(next_frame, count);
	close(fd);
	WAIT_FOR(steps, ends[0].closed == 1);
	server_stop(&server);
	assert_int_equal(cut_off, 0);
}

static void test_any_stream_in_any_pieces(void **state)
{
	enum { SEEDS = 24, COUNT = 60 };
	static const size_t most[] = {30, 5000, 33000, 70000, 250000};
	uint8_t *stream = malloc(COUNT * 250008);
	unsigned all_streamed = 0;

	(void)state;
	assert_non_null(stream);
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		unsigned threads = seed % 3;
		size_t n = make_stream(seed, stream, COUNT, most, ARRAY_LEN(most));
		int fd = start(threads);

		send_all(fd, threads, stream, n, COUNT, 150000);
		all_streamed += streamed;
	}
	assert_true(all_streamed > SEEDS * COUNT / 10);
	free(stream);
}

static struct net_sink *always(struct end *e, const struct net_frame *head, size_t len)
{
	struct net_sink *s;

	do
		s = begun(e, head, len);
	while (!s);
	CONTAINER_OF(s, struct catcher, sink)->fail_at = 0;
	return s;
}

static void test_a_peer_that_hangs_up_in_the_middle(void **state)
{
	uint8_t *frame = malloc(200008);
	int fd;

	(void)state;
	assert_non_null(frame);
	numbered(frame, 200000, 0);
	for (size_t sent = 4 + HEAD + 1; sent < 200004; sent += 33333) {
		setup(NULL);
		fd = start(2);
		ends[0].on_begun = always;
		raw_write(fd, frame, sent);
		usleep(2000);
		close(fd);
		WAIT_FOR(NULL, ends[0].closed == 1);
		assert_int_equal(cut_off, 1);
		assert_int_equal(streamed + whole, 0);
		server_stop(&server);
	}
	free(frame);
}

static void test_a_stream_that_stands_still_is_a_frame_that_does_not_complete(void **state)
{
	uint8_t *frame = malloc(200008);
	int fd;

	(void)state;
	assert_non_null(frame);
	numbered(frame, 200000, 0);
	ends[0].frame_ms = 60;
	fd = start(1);
	ends[0].on_begun = always;
	raw_write(fd, frame, 100000);
	WAIT_FOR(NULL, ends[0].closed == 1);
	assert_int_equal(cut_off, 1);
	close(fd);
	server_stop(&server);
	free(frame);
}

static struct net_sink *hang_up(struct end *e, const struct net_frame *head, size_t len)
{
	(void)head;
	(void)len;
	net_conn_close(e->conn, false);
	return NULL;
}

static void test_the_owner_ends_the_connection_at_a_head(void **state)
{
	uint8_t *frame = malloc(200008);
	int fd;

	(void)state;
	assert_non_null(frame);
	numbered(frame, 200000, 0);
	fd = start(1);
	ends[0].on_begun = hang_up;
	raw_write(fd, frame, 4 + HEAD);
	WAIT_FOR(NULL, ends[0].closed == 1);
	assert_int_equal(whole + streamed + cut_off, 0);
	close(fd);
	server_stop(&server);
	free(frame);
}

/* Of the frame that is shown as it comes: what was shown is inverted. */
static struct {
	size_t at, len; /* so much was shown; 0: nothing yet */
	bool no_more;
} showing;
static _Atomic unsigned shown_whole, shown_in_part;

static bool show(struct end *e, uint8_t *data, size_t at, size_t n, size_t len)
{
	(void)e;
	assert_true(n > 0 && at == showing.at && at + n <= len && len + 4 >= 3 << 19 && !showing.no_more);
	assert_true(at == 0 ? n >= HEAD : len == showing.len);
	if (at == 0)
		assert_int_equal(load_le32(data), next_frame);
	check_bytes(data + at + (at == 0 ? 4 : 0), n - (at == 0 ? 4 : 0), next_frame, at + (at == 0 ? 4 : 0));
	for (size_t k = at; k < at + n; k++)
		data[k] = (uint8_t)~data[k];
	showing.at = at + n;
	showing.len = len;
	showing.no_more = random() % 32 == 0;
	return !showing.no_more;
}

static void check_shown(struct end *e, const struct net_frame *f)
{
	if (showing.at > 0) {
		assert_int_equal(f->len, showing.len);
		assert_true(showing.no_more || showing.at == f->len);
		*(showing.no_more ? &shown_in_part : &shown_whole) += 1;
	}
	for (size_t k = 0; k < showing.at; k++)
		f->data[k] = (uint8_t)~f->data[k];
	memset(&showing, 0, sizeof(showing));
	check_whole(e, f);
}

static struct net_sink *now_and_then(struct end *e, const struct net_frame *head, size_t len)
{
	struct net_sink *s = random() % 4 == 0 ? begun(e, head, len) : NULL;

	if (s)
		CONTAINER_OF(s, struct catcher, sink)->fail_at = 0;
	return s;
}

static void test_what_comes_whole_is_shown_as_it_comes(void **state)
{
	enum { SEEDS = 9, COUNT = 24, LARGEST = 3 << 20 };
	static const size_t most[] = {100, 40000, 3 << 19, LARGEST, LARGEST};
	uint8_t *stream = malloc((size_t)COUNT * (LARGEST + 8));

	(void)state;
	assert_non_null(stream);
	shown_whole = shown_in_part = 0;
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		unsigned threads = seed % 3;
		size_t n = make_stream(seed, stream, COUNT, most, ARRAY_LEN(most));
		int fd = start(threads);

		ends[0].on_begun = now_and_then;
		ends[0].on_coming = show;
		ends[0].on_frame = check_shown;
		WAIT_FOR(threads ? NULL : server.pool, ends[0].conn);
		net_conn_limit(ends[0].conn, LARGEST);
		send_all(fd, threads, stream, n, COUNT, 400000);
	}
	assert_true(shown_whole > SEEDS && shown_in_part > 0);
	free(stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_any_stream_in_any_pieces, setup),
		cmocka_unit_test_setup(test_what_comes_whole_is_shown_as_it_comes, setup),
		cmocka_unit_test_setup(test_a_peer_that_hangs_up_in_the_middle, setup),
		cmocka_unit_test_setup(test_a_stream_that_stands_still_is_a_frame_that_does_not_complete, setup),
		cmocka_unit_test_setup(test_the_owner_ends_the_connection_at_a_head, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

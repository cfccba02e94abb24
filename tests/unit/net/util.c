/* See util.h. */
#include "util.h"

#include "base/log.h"

#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void end_frames(struct net_conn *c, void *user, struct net_frame *f, size_t n)
{
	struct end *e = user;
	struct net_batch b;

	if (e->any) {
		e->release = random() % 3 == 0;
		e->take = random() % 3 == 0 ? 1 + (unsigned)random() % 5 : 0;
	}
	if (e->take) {
		n = n < e->take ? n : e->take;
		net_conn_release_after(c, &f[n - 1]);
	} else if (e->release) {
		net_conn_release_token(c);
	}
	atomic_fetch_add(&e->calls, 1);
	if (n > atomic_load(&e->largest_batch))
		atomic_store(&e->largest_batch, (unsigned)n);
	net_batch_init(&b, c);
	for (size_t i = 0; i < n; i++) {
		uint64_t sum = 0;

		for (size_t k = 0; k < f[i].len; k += 61)
			sum += f[i].data[k];
		atomic_fetch_add(&e->sum, sum);
		atomic_fetch_add(&e->bytes, f[i].len);
		if (e->on_frame)
			e->on_frame(e, &f[i]);
		atomic_fetch_add(&e->frames, 1);
		if (e->echo) {
			struct net_seg s[2] = {
				{.data = f[i].data, .len = f[i].len / 2, .owner = buf_ref(f[i].owner)},
				{.data = f[i].data + f[i].len / 2, .len = f[i].len - f[i].len / 2},
			};

			net_batch_add(&b, s, 2);
		}
	}
	net_batch_flush(&b);
	if (e->keep && !e->release && !e->take) {
		buf_put(e->kept);
		e->kept = buf_ref(f[0].owner);
	}
}

static struct net_sink *end_begun(struct net_conn *c, void *user, const struct net_frame *head, size_t len)
{
	struct end *e = user;

	(void)c;
	assert_int_equal(head->len, NET_FRAME_HEAD);
	return e->on_begun ? e->on_begun(e, head, len) : NULL;
}

static bool end_coming(struct net_conn *c, void *user, uint8_t *data, size_t at, size_t n, size_t len)
{
	struct end *e = user;

	(void)c;
	return e->on_coming && e->on_coming(e, data, at, n, len);
}

static void end_closed(struct net_conn *c, void *user)
{
	struct end *e = user;

	atomic_fetch_add(&e->closed, 1);
	net_conn_close(c, false);
	net_conn_put(c);
}

static void end_destroyed(void *user)
{
	struct end *e = user;

	buf_put(e->kept);
	e->kept = NULL;
	atomic_fetch_add(&e->destroyed, 1);
}

static uint8_t end_called(struct net_conn *c, void *user, const char *called, uint8_t suffix, const char *calling)
{
	struct end *e = user;

	(void)c;
	return e->on_called ? e->on_called(called, suffix, calling) : 0x80;
}

static bool end_due(void *user)
{
	struct end *e = user;

	atomic_fetch_add(&e->asked_due, 1);
	return e->due;
}

const struct net_conn_ops end_ops = {
	.frames = end_frames, .begun = end_begun, .coming = end_coming, .called = end_called, .closed = end_closed, .due = end_due, .destroyed = end_destroyed
};

static void accepted(void *arg, struct net_conn *c)
{
	struct server *s = arg;
	unsigned k = atomic_fetch_add(&s->used, 1);

	if (k >= s->end_count) {
		net_conn_close(c, false);
		net_conn_put(c);
		return;
	}
	s->ends[k].conn = c;
	if (s->ends[k].limit)
		net_conn_limit(c, s->ends[k].limit);
	if (s->ends[k].idle_ms || s->ends[k].frame_ms)
		net_conn_timeout(c, s->ends[k].idle_ms, s->ends[k].frame_ms);
	net_conn_unsent(c, s->ends[k].unsent);
	net_conn_start(c, &end_ops, &s->ends[k]);
}

void server_start(struct server *s, unsigned threads, unsigned max_threads, struct end *ends, unsigned n)
{
	struct net_pool_config cfg = {.threads = threads, .max_threads = max_threads, .virtual_clock = s->clock};
	char why[256];

	*s = (struct server){.ends = ends, .end_count = n, .nbss = s->nbss, .clock = s->clock};
	s->pool = net_pool_new(&cfg);
	assert_non_null(s->pool);
	s->listener = net_listen(s->pool, s->nbss ? "nbss:127.0.0.1:0" : "127.0.0.1:0", accepted, s, why);
	assert_non_null(s->listener);
	assert_int_not_equal(net_listener_port(s->listener), 0);
}

void server_stop(struct server *s)
{
	net_listener_close(s->listener);
	net_pool_free(s->pool);
}

void raw_connect_fd(const struct server *s, int fd)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(net_listener_port(s->listener))};
	int on = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int raw_connect(const struct server *s)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	raw_connect_fd(s, fd);
	return fd;
}

void raw_write(int fd, const void *p, size_t n)
{
	const uint8_t *at = p;

	while (n > 0) {
		ssize_t r = send(fd, at, n, MSG_NOSIGNAL);

		assert_true(r > 0);
		at += r;
		n -= (size_t)r;
	}
}

size_t raw_read(int fd, void *p, size_t n)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = recv(fd, (uint8_t *)p + got, n - got, 0);

		if (r <= 0)
			break;
		got += (size_t)r;
	}
	return got;
}

size_t make_frame(uint8_t *out, size_t n, uint8_t fill)
{
	out[0] = 0;
	out[1] = (uint8_t)(n >> 16);
	out[2] = (uint8_t)(n >> 8);
	out[3] = (uint8_t)n;
	memset(out + 4, fill, n);
	return n + 4;
}

static void sink_nothing(enum log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
}

void log_sink_quiet(bool quiet)
{
	log_sink(quiet ? sink_nothing : NULL, NULL);
}

unsigned thread_count(void)
{
	DIR *d = opendir("/proc/self/task");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

void wait_a_bit(struct net_pool *p)
{
	if (!p || !net_pool_step(p, 1))
		usleep(1000);
}

_Atomic unsigned pipes_back, pipes_drained;

void pipe_back(int pipe_fd, int pipe_write_fd, bool drained)
{
	close(pipe_fd);
	close(pipe_write_fd);
	atomic_fetch_add(&pipes_back, 1);
	atomic_fetch_add(&pipes_drained, drained);
}

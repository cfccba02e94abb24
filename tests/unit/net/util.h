/* What the net tests share: an echo server, raw sockets, and waiting with a bound. */
#ifndef TESTS_UNIT_NET_UTIL_H
#define TESTS_UNIT_NET_UTIL_H

#include "net/net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* One end under test and what happened to it. */
struct end {
	struct net_conn *_Atomic conn;
	bool echo;            /* send every frame back */
	bool release;         /* hand the token on first */
	unsigned take;        /* not 0: of each call, take so many frames and leave the others to the next */
	bool any;             /* one or the other of these, by random() */
	bool due;             /* say that several frames are due */
	bool keep;            /* hold a reference on each frame's buffer for the length of the next call */
	struct buf *kept;
	_Atomic unsigned frames, calls, closed, destroyed;
	_Atomic uint64_t bytes, sum;
	_Atomic unsigned largest_batch, asked_due;
	void (*on_frame)(struct end *e, const struct net_frame *f);
	struct net_sink *(*on_begun)(struct end *e, const struct net_frame *head, size_t len);
	bool (*on_coming)(struct end *e, uint8_t *data, size_t at, size_t n, size_t len);
	uint8_t (*on_called)(const char *called, uint8_t suffix, const char *calling);
	size_t limit, unsent;
	unsigned idle_ms, frame_ms;
};

extern const struct net_conn_ops end_ops;

struct server {
	struct net_pool *pool;
	struct net_listener *listener;
	struct end *ends;     /* accepted connections take them in order */
	unsigned end_count;
	_Atomic unsigned used;
	bool nbss;            /* set before the start: its connections are NetBIOS sessions; */
	struct clock_virtual *clock; /* and this, for a server without threads */
};

void server_start(struct server *s, unsigned threads, unsigned max_threads, struct end *ends, unsigned n);
void server_stop(struct server *s);

/* A blocking socket to the server. */
int raw_connect(const struct server *s);
void raw_connect_fd(const struct server *s, int fd);
void raw_write(int fd, const void *p, size_t n);
/* Bytes read: n, or fewer when the stream ends. */
size_t raw_read(int fd, void *p, size_t n);
/* A frame of n bytes, each equal to `fill`, into out; gives n + 4. */
size_t make_frame(uint8_t *out, size_t n, uint8_t fill);

/* For pipe pieces: closes both ends, and counts. */
extern _Atomic unsigned pipes_back, pipes_drained;
void pipe_back(int pipe_fd, int pipe_write_fd, bool drained);

/* The log goes nowhere. */
void log_sink_quiet(bool quiet);
/* Threads of this process. */
unsigned thread_count(void);

/* Waits up to 10 s; steps the pool when it has no threads. */
#define WAIT_FOR(pool, cond)                                                                                           \
	do {                                                                                                           \
		for (unsigned i_ = 0; i_ < 10000 && !(cond); i_++)                                                     \
			wait_a_bit(pool);                                                                              \
		assert_true(cond);                                                                                     \
	} while (0)
void wait_a_bit(struct net_pool *p);

#endif

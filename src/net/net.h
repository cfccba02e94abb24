/* Transports and the worker pool. A connection carries frames: a 4-byte prefix (one zero byte, 24-bit big-endian length;
 * [MS-SMB2] 2.1) and that many bytes. Transports: tcp, and mem for tests; over either, a NetBIOS session (RFC 1002 4.3).
 *
 * The workers wait on one epoll set with one-shot events, so that a readable connection wakes one of them: it holds the
 * connection's receive token. It reads all complete frames at hand (one, when that one is large) and gives them to the
 * owner's `frames` call with the token still held; the owner releases it as soon as the order of what follows does not
 * matter, and does the work itself. When the call returns, a token that is still held is released.
 *
 * A pool of size 0 has no threads: net_pool_step runs what is due, in a fixed order. */
#ifndef NET_NET_H
#define NET_NET_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"

#include <sys/socket.h>

struct net_pool;
struct net_conn;
struct net_listener;

struct net_pool_config {
	unsigned threads;      /* to start with; 0: none, the caller steps */
	unsigned max_threads;  /* bound of growth while workers block */
	bool give_back;        /* whenever it has been idle for some seconds after work, memory that is not in use goes back to the system; the whole
	                        * process's, so that it is for programs that do little else */
	const struct clock *clock; /* NULL: the system's */
	/* In place of `clock`, for a pool without threads: a step that would wait moves this clock instead. */
	struct clock_virtual *virtual_clock;
};

struct net_pool *net_pool_new(const struct net_pool_config *cfg) MUST_USE;
/* Stops and joins the workers; connections and listeners must be closed first. */
void net_pool_free(struct net_pool *p);
/* Runs at most one batch of events on the calling thread, waiting up to timeout_ms (-1: for ever). True if something ran.
 * Any thread may call it, beside workers too. When several threads are in here and one of them ran something, all return
 * true, so that each looks again whether what it waits for has happened. */
bool net_pool_step(struct net_pool *p, int timeout_ms);
/* Runs fn on a worker (or in a later step). */
void net_pool_run(struct net_pool *p, void (*fn)(void *arg), void *arg);
struct net_watch;
/* Runs `ready` on a worker, one at a time, whenever fd has something to read, but not sooner than pause_ms after it returned. NULL: out of
 * memory. */
struct net_watch *net_pool_watch(struct net_pool *p, int fd, unsigned pause_ms, void (*ready)(void *arg), void *arg) MUST_USE;
/* Before fd is closed. After return `ready` is not running on another thread and will not run. NULL is allowed. */
void net_watch_end(struct net_watch *w);
/* A worker that is about to block for long (fsync, a slow disk) brackets it so that the pool may grow. */
void net_pool_blocking(struct net_pool *p, bool begins);

/* Zeroed but for fn before its first use. */
struct net_timer {
	struct net_timer *child, *next, *prev; /* in a pairing heap */
	uint64_t due_ms, seq;
	void (*fn)(struct net_timer *t);
	bool armed;
};
/* (Re)arms; fn runs on a worker. fn may free t, or arm it again. */
void net_timer_arm(struct net_pool *p, struct net_timer *t, uint64_t delay_ms);
/* After return fn is not running on another thread and will not run, unless the caller is fn itself. */
void net_timer_cancel(struct net_pool *p, struct net_timer *t);

struct net_frame {
	uint8_t *data;      /* without the prefix; writable, valid during the call or while `owner` is referenced */
	size_t len;
	struct buf *owner;  /* the buffer the frame lies in; take a reference to keep it. */
};

/* A large frame that passes by memory: what lies behind its head (net_conn_ops.head) goes where the owner says, as it comes in.
 * Net has it from `begun` to `done`, and calls from whichever thread holds the receive token. */
enum { NET_FRAME_HEAD = 112 }; /* header and fixed part of a WRITE */
struct net_sink {
	ntstatus status; /* once it is an error, bytes are discarded */
	uint8_t *into;   /* where they go, if not NULL, and neither to `bytes` nor to `pipe`; net moves it along */
	void (*came)(struct net_sink *s, const void *p, size_t n); /* the next n bytes have gone there; may be NULL */
	/* The next n bytes; from memory, or, where `pipe` is not NULL and the transport can, all that is in a pipe. */
	ntstatus (*bytes)(struct net_sink *s, const void *p, size_t n);
	ntstatus (*pipe)(struct net_sink *s, int pipe_fd, size_t n);
	/* Once: the frame is through, or (whole false) its connection has ended before. */
	void (*done)(struct net_sink *s, bool whole);
	size_t left; /* net's: bytes that are still to come */
};

struct net_conn_ops {
	/* n >= 1 complete frames in order; the token is held. */
	void (*frames)(struct net_conn *c, void *user, struct net_frame *f, size_t n);
	/* The head of a frame of len bytes, too large to wait for all of it; the token is held. NULL: it shall come by `frames`. May be
	 * NULL itself. */
	struct net_sink *(*begun)(struct net_conn *c, void *user, const struct net_frame *head, size_t len);
	size_t head; /* bytes of that head; 0: NET_FRAME_HEAD, which is the most */
	/* n bytes more have come of a frame that is larger than caches and will come by `frames`: those from `at` on, from the beginning, when at least `head` are there, to the
	 * end, without gaps. data: from the beginning, to be written to; len: what there will be. The token is held. false: no more of this frame. May be NULL. */
	bool (*coming)(struct net_conn *c, void *user, uint8_t *data, size_t at, size_t n, size_t len);
	/* Somebody asks for a NetBIOS session with this name (RFC 1002 4.3.2), which has come from `calling`; both without the blanks at their
	 * ends. 0: that is us; else the error code of 4.3.4 with which he is turned away. The token is held. NULL: we have no name. */
	uint8_t (*called)(struct net_conn *c, void *user, const char *called, uint8_t suffix, const char *calling);
	/* Once, after the last `frames` call has begun; others may still be running on other threads. */
	void (*closed)(struct net_conn *c, void *user);
	/* Whether the peer owes several frames: then the next will be here before a worker had slept. May be NULL. */
	bool (*due)(void *user);
	/* When the last reference is gone; frees user's data. May be NULL. */
	void (*destroyed)(void *user);
};

/* References: the creator has one until net_conn_close + net_conn_put. */
struct net_conn *net_conn_ref(struct net_conn *c);
void net_conn_put(struct net_conn *c);
/* Frames longer than this end the connection. Starts at 128 KiB. */
void net_conn_limit(struct net_conn *c, size_t max_frame_bytes);
/* A peer that takes no more, while over `most` bytes of what it was sent wait to go, is not read from until half of `most` are left; that time does not count for its
 * timeouts. 0, as it starts: it is always read from. For who only answers: two ends that both wait for the other to read would wait for ever. */
void net_conn_unsent(struct net_conn *c, size_t most);
/* Ends the connection if no complete frame arrives for so long, or a begun frame does not complete in that time; 0: never.
 * Time that the owner spends in `frames` with the token held does not count. */
void net_conn_timeout(struct net_conn *c, unsigned idle_ms, unsigned frame_ms);
/* Lets another worker read on while this one works. Only from inside `frames`, at most once per call. */
void net_conn_release_token(struct net_conn *c);
/* The same, and the frames that follow f, one of this call's, are given away anew by the worker that takes the token. */
void net_conn_release_after(struct net_conn *c, const struct net_frame *f);
/* Asynchronous and idempotent; what was queued to be sent is dropped unless drain is set: then it is sent, and the peer
 * gets a few seconds to hang up. `closed` is not called from inside; a connection that was never started gets none. */
void net_conn_close(struct net_conn *c, bool drain);
bool net_conn_closed(const struct net_conn *c);
/* The same, or the peer has hung up and nobody has come to read that yet. Blocks for up to within_ms until that is so: what a peer sends on another
 * connection after it has hung up may overtake its hanging up, even on one machine. */
bool net_conn_lost(struct net_conn *c, unsigned within_ms);
void net_conn_peer(const struct net_conn *c, char *text, size_t cap); /* "192.0.2.7:50123", "mem" */
void net_conn_local(const struct net_conn *c, char *text, size_t cap);
void *net_conn_user(const struct net_conn *c);
/* A number that no other connection of the process has or will have. */
uint64_t net_conn_serial(const struct net_conn *c);

/* --- where this machine is --- */

enum net_family { NET_NO_FAMILY, NET_IPV4, NET_IPV6 };
struct net_address {
	enum net_family family;
	uint8_t bytes[16]; /* the first 4 for IPv4, the others zero */
};
bool net_address_is_any(const struct net_address *a);
bool net_address_is_loopback(const struct net_address *a);
/* This end of the connection. false: it has no such address. */
bool net_conn_local_address(const struct net_conn *c, struct net_address *a);
void net_listener_address(const struct net_listener *l, struct net_address *a);
struct net_interface {
	uint32_t index;            /* the same for all addresses of an interface */
	uint64_t bits_a_second;
	bool many_queues;          /* several connections can be worked on at once */
	struct net_address address;
};
/* The addresses of interfaces that are up, without those of one link: how many. */
size_t net_interfaces(struct net_interface *out, size_t most);

/* A piece of what is to be sent: len bytes at data. The reference to owner moves to net; owner NULL: the bytes are copied
 * if they cannot be sent at once. A pipe piece (pipe_done set) takes len bytes that are already in that pipe, which goes back by pipe_done. */
struct net_seg {
	const void *data;
	size_t len;
	struct buf *owner;
	int pipe_fd;
	void (*pipe_done)(int pipe_fd, int pipe_write_fd, bool drained);
	int pipe_write_fd;
	bool prefix_room; /* the first of a frame: the NET_PREFIX bytes before data are free and the owner's; net writes there */
};

/* An empty pipe with room for NET_PIPE_BYTES of whole pages, for a pipe piece; [0] is its end to read from, and neither end blocks. false: the system
 * has none for us, or too many are in use. */
enum { NET_PIPE_BYTES = 1 << 20 };
bool net_pipe_get(int fds[2]) MUST_USE;
/* As pipe_done of a piece. One that is empty is kept for the next net_pipe_get. */
void net_pipe_put(int pipe_fd, int pipe_write_fd, bool empty);
/* Gives back to the system what is kept. */
void net_pipes_trim(void);
/* Pipes one behind the other, for NET_PIPE_BYTES each. */
enum { NET_PIPES_MOST = 8 };
struct net_pipes {
	unsigned count; /* 0: none */
	int fds[NET_PIPES_MOST][2];
};
/* One more, empty. false: there are NET_PIPES_MOST, or net_pipe_get has none. */
bool net_pipes_add(struct net_pipes *p) MUST_USE;
/* Puts down the last, which is still empty. */
void net_pipes_drop_last(struct net_pipes *p);
/* Puts all down, with what is in them. */
void net_pipes_put(struct net_pipes *p);
/* Pipe pieces can be sent on it. */
bool net_conn_takes_pipes(const struct net_conn *c);

/* Replies that a worker gathers while it works through a batch of frames, to be written with one system call. On the stack. */
enum { NET_BATCH_SEGS = 64, NET_PREFIX = 4, NET_REST_MOST = 4096 };
struct net_batch {
	struct net_conn *conn;
	size_t n;
	struct net_seg segs[NET_BATCH_SEGS];
	uint8_t prefixes[NET_BATCH_SEGS][NET_PREFIX];
	size_t prefix_count;
	size_t bytes;
	size_t packet; /* what the transport sends as one; 0: not asked yet */
	bool followed; /* set by its owner: more is about to be added. What fills no packet may wait for that. */
	bool right;    /* to write, for the first piece is the end of a frame that has begun to leave */
	uint8_t rest[NET_REST_MOST]; /* that piece, if it came out of a pipe */
};
void net_batch_init(struct net_batch *b, struct net_conn *c);
/* Bytes without an owner stay valid until the flush. Adds one frame of n pieces (n <= NET_BATCH_SEGS - 1), writing its prefix; flushes by itself when full or 64 KiB are there. Ownership of the pieces moves in any case. */
void net_batch_add(struct net_batch *b, const struct net_seg *segs, size_t n);
/* The same for a frame of one piece with room for its prefix, if that room is directly behind the last piece of the batch, and both have the same
 * owner, or none: that piece grows, and no reference is taken. false: it is not so, and nothing was done. */
bool net_batch_extend(struct net_batch *b, uint8_t *frame, size_t len, const struct buf *owner) MUST_USE;
void net_batch_flush(struct net_batch *b);
/* The same, from the `done` of a sink: the frames may wait for those of the next few sinks, and leave at the latest when nothing more is there to be read. */
void net_batch_leave(struct net_batch *b);
/* One frame, now. From any thread. */
void net_send(struct net_conn *c, const struct net_seg *segs, size_t n);
/* Bytes accepted but not yet taken by the kernel. Reading from a peer that does not take its replies stops above a bound. */
size_t net_conn_queued(const struct net_conn *c);
/* Something is on its way to the peer, whose system has acknowledged nothing for that long. */
bool net_conn_stuck(struct net_conn *c, unsigned ms);

/* tcp. `address` is "127.0.0.1:4450", "[::]:445", ":445"; port 0 picks one. With "nbss:" in front, connections are NetBIOS sessions. why: at
 * least 256 bytes. `accepted` gets the creator's reference and starts the connection, or closes and puts it. */
struct net_listener *net_listen(struct net_pool *p, const char *address,
	void (*accepted)(void *arg, struct net_conn *c), void *arg, char *why) MUST_USE;
uint16_t net_listener_port(const struct net_listener *l);
/* After return `accepted` is not running on another thread and will not run. */
void net_listener_close(struct net_listener *l);
/* Within `accepted` or after net_connect, before anything is read. */
void net_conn_start(struct net_conn *c, const struct net_conn_ops *ops, void *user);
/* Resolves and connects, blocking up to timeout_ms; NULL and status on failure. */
struct net_conn *net_connect(struct net_pool *p, const char *host, uint16_t port, unsigned timeout_ms, ntstatus *status) MUST_USE;
/* The same without blocking, but for the lookup of a name. SUCCESS: *c is there already, and `done` is not called. PENDING: `done` will be called once, on
 * whatever thread handles the pool's events, perhaps before this returns; until it has been, *out may be cancelled. Else it cannot be. */
struct net_dial;
typedef void net_dialled_fn(void *arg, struct net_conn *c, ntstatus status);
ntstatus net_dial(struct net_pool *p, const char *host, uint16_t port, unsigned timeout_ms, net_dialled_fn *done, void *arg,
	struct net_dial **out, struct net_conn **c) MUST_USE;
/* `done` gets CANCELLED soon, unless it is about to be called anyway. */
void net_dial_cancel(struct net_dial *d);

/* --- NetBIOS sessions (RFC 1002 4.3) --- */

/* Frames of a session are what direct TCP's are, but for their length, which has 17 bits. Session requests, their answers and keep-alives are
 * net's business: a connection of a listener for sessions gives no frames before its session request has been accepted, by `called`. Until
 * then its owner treats it as it treats any that is silent. */
enum { NET_NBSS_FRAME_MAX = 0x1FFFF };
bool net_conn_is_nbss(const struct net_conn *c);
/* Makes a connection that was not started one of these: `awaits` a session request, or (false) in a session. For tests; listeners and
 * net_connect_nbss do it themselves. */
void net_conn_make_nbss(struct net_conn *c, bool awaits);

struct net_nbss_call {
	const char *called;  /* the server's NetBIOS name; NULL: the first part of the host's name, or *SMBSERVER where that is an address */
	const char *calling; /* NULL: this machine's name */
	/* Is shown each packet of the session service, its header included. May be NULL. */
	void (*packet)(void *arg, bool received, const uint8_t *p, size_t n);
	void *arg;
};
/* As net_connect, and has a session accepted: a name that the server does not have is followed by *SMBSERVER, and one retarget is followed.
 * why (256 bytes): what the server answered, or "". */
struct net_conn *net_connect_nbss(struct net_pool *p, const char *host, uint16_t port, const struct net_nbss_call *call, unsigned timeout_ms,
	ntstatus *status, char *why) MUST_USE;

/* mem: two connected ends in one pool, for tests, each with its creator's reference and to be started. f may be NULL. *a is NULL
 * when memory is exhausted. Faults: each frame may be delayed, the link may be cut before the k-th frame. */
struct net_mem_faults {
	uint64_t seed;
	uint64_t cut_after_frames;  /* 0: never; counted over both directions */
	unsigned max_delay_ms;      /* frames stay in order */
	unsigned split_permille;    /* how often a frame arrives in two pieces */
};
void net_mem_pair(struct net_pool *p, const struct net_mem_faults *f, struct net_conn **a, struct net_conn **b);

#endif

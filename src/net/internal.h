/* What the files of this folder share: the pool with its epoll sets, jobs and timers; a connection; the functions a
 * transport provides. Nobody outside src/net includes this.
 *
 * Lock order: net_conn.lock, then the lock of a mem link, then net_pool.lock. No callback of an owner runs under any of them. */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include "net/net.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/uio.h>

enum {
	NET_RECV_BYTES = 65536,         /* a worker's receive buffer */
	NET_LARGE_FRAME = 32768,        /* frames above get a buffer and a call of their own */
	NET_SHOWN_LEAST = 3 << 19,      /* frames from that on are shown as they come, for a core's own cache does not hold them ... */
	NET_SHOWN_BYTES = 262144,       /* ... and so much is asked for at a time */
	NET_FRAMES_AT_ONCE = 64,
	NET_EVENTS_AT_ONCE = 16,        /* that one call takes, while no other worker waits */
	NET_IDLE_MS = 3000,             /* a worker above the base number that waited so long ends */
	NET_DRAIN_MS = 3000,            /* how long a peer may take to read the last bytes and hang up */
	NET_STALL_MS = 120000,          /* how long a peer with a timeout may leave queued output untouched */
	NET_IOVS = 64,
	NET_WINDOW_BYTES = 2097152,     /* how much of a stream of large frames a peer in the same machine can send ahead, at least */
	NET_LINGER_US = 120,            /* what a thread waits at a socket before it sleeps, if the next requests are about to come, */
	NET_LINGER_SINK_US = 40,        /* or the rest of one with much data, */
	NET_LINGER_STEP_US = 40,        /* or anything for one of several connections */
	NET_LINGER_OFF_MOST = 15,       /* how often not, at most, after it was in vain */
	NET_HEAR_MS = 20                /* what a thread waits at the only socket before it waits for all events */
};

/* Lingering that was in vain is tried again more and more seldom. */
struct net_backoff {
	uint8_t off, skip; /* how often not after it was in vain, and how often still */
};

static inline bool net_backoff_skips(struct net_backoff *b)
{
	if (b->skip == 0)
		return false;
	b->skip--;
	return true;
}

static inline void net_backoff_ended(struct net_backoff *b, bool in_vain)
{
	unsigned off = in_vain ? 2u * b->off + 1 : b->off / 2u;

	b->off = (uint8_t)(off < NET_LINGER_OFF_MOST ? off : NET_LINGER_OFF_MOST);
	b->skip = in_vain ? b->off : 0;
}

/* Of a thread that net has made: no signal reaches it. */
extern _Thread_local bool net_thread_is_ours;

/* The thread that handles events: a worker, or one that steps. */
struct net_worker {
	struct net_pool *pool;
	struct buf *recv_buf; /* kept from one event to the next; NULL: none */
	bool has_pipe;        /* between socket and file, empty between events */
	int pipe[2];
	bool steps;           /* in net_pool_step, of a pool without workers */
	pthread_t thread;
	struct list_node link; /* in net_pool.dead when ended */
};

struct net_job {
	struct list_node link;
	void (*fn)(struct net_job *j, struct net_worker *w);
};

/* What an epoll event points to. */
struct net_io {
	void (*ready)(struct net_io *io, struct net_worker *w, uint32_t events);
	/* An event that was taken and left to another worker. */
	_Atomic bool left;
	uint32_t events;
	struct net_job job;
};

/* A timer call under way, on the stack of its thread. */
struct net_timer_call {
	struct list_node link;
	struct net_timer *timer;
	pthread_t thread;
};

enum net_reserve { NET_RESERVE_NONE, NET_RESERVE_PARKED, NET_RESERVE_WATCHING };

/* wait_state: the low bits count the workers inside epoll_wait, the others how often one left it or took a job. */
#define NET_WAITING_MASK 0xFFFFu
#define NET_LEFT_ONE 0x10000u

struct net_pool {
	_Atomic uint32_t refs; /* the owner, connections, listeners */
	const struct clock *clock;
	struct clock_virtual *virtual_clock;
	unsigned threads, max_threads;
	unsigned cores;
	bool give_back;
	_Atomic bool lingering; /* a thread is */
	_Atomic uint64_t events, rested; /* how many there were, now and when memory was last given back */
	int epfd, out_epfd; /* readable and everything else; writable connections, nested in the first */
	int timer_fd, job_fd, stop_fd;
	struct net_io out_io, timer_io, job_io, stop_io;
	_Atomic bool stopping;

	_Atomic uint64_t wait_state;
	_Atomic unsigned total, blocked; /* workers; those within net_pool_blocking */
	_Atomic int reserve;
	pthread_cond_t reserve_cv;

	pthread_mutex_t lock; /* of what follows */
	struct list_node jobs;
	_Atomic unsigned job_count;
	struct list_node conns, listeners; /* registered and not yet finished */
	struct list_node idle_watches; /* net_watch.link: for use again */
	_Atomic unsigned sockets;
	unsigned live;         /* threads started and not in `dead` */
	struct list_node dead; /* to be joined */

	struct net_timer *timers; /* the root of a pairing heap by (due_ms, seq) */
	uint64_t timer_seq;
	uint64_t timer_set_ms; /* what timer_fd is set to; UINT64_MAX: nothing */
	_Atomic uint64_t timer_next_ms;
	struct list_node timer_calls;
	pthread_cond_t timer_cv;

	_Atomic bool stepped; /* threads other than workers may wait for events */
	bool stepping; /* one does, in net_pool_step, for all of them */
	struct net_backoff step_linger; /* that thread's */
	struct net_conn *rests; /* the only connection, its token with whoever steps next in place of an event */
	_Atomic bool hearing; /* that thread waits at a socket, where no other event reaches it */
	_Atomic bool epoll_only; /* none does that any more */
	unsigned followers;
	uint64_t step_count;
	pthread_cond_t step_cv;
};

enum net_conn_state {
	NET_CONN_NEW,      /* not started */
	NET_CONN_OPEN,
	NET_CONN_DRAINING, /* closed by the owner; what is queued is still sent, what comes in is discarded */
	NET_CONN_DROPPED,  /* to be finished by whoever holds the receive token */
	NET_CONN_CLOSED    /* finished: `closed` has been called or is about to be */
};

union net_addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* What a transport does. recv, send and the like give -1 and errno like the system calls and never block. */
struct net_transport {
	ssize_t (*recv)(struct net_conn *c, void *p, size_t n);
	ssize_t (*hear)(struct net_conn *c, void *p, size_t n); /* as recv, but waits for NET_HEAR_MS first; NULL: cannot */
	ssize_t (*recv_both)(struct net_conn *c, struct iovec iov[2]); /* the same, into one piece and then the next; NULL: cannot */
	ssize_t (*send)(struct net_conn *c, struct iovec *iov, size_t n, bool more);
	ssize_t (*splice)(struct net_conn *c, int pipe_fd, size_t n, bool more);
	ssize_t (*splice_in)(struct net_conn *c, int pipe_fd, size_t n); /* NULL: cannot */
	void (*widen)(struct net_conn *c); /* a stream of large frames comes, it seems; NULL: nothing to do about it */
	size_t (*packet)(struct net_conn *c); /* the bytes that leave as one where there are as many; 1: it does not matter */
	bool (*start)(struct net_conn *c); /* begins to deliver, with the token armed */
	void (*arm_recv)(struct net_conn *c); /* hands the token and its reference over to the next event */
	void (*arm_send)(struct net_conn *c);
	void (*shutdown)(struct net_conn *c, int how); /* SHUT_WR, SHUT_RDWR; an armed side gets its event */
	void (*close)(struct net_conn *c);
	bool (*stuck)(struct net_conn *c, unsigned ms); /* as net_conn_stuck. NULL: what was sent has arrived */
	bool (*hung_up)(struct net_conn *c);   /* NULL: closed by then */
	void (*name)(const struct net_conn *c, bool peer, char *text, size_t cap);
	void (*destroy)(struct net_conn *c);
};

struct net_conn {
	struct net_io io, out_io;
	_Atomic uint32_t refs; /* the creator, who else asks, one for the receive token, one for the armed writable event */
	_Atomic int state;
	struct net_pool *pool;
	const struct net_transport *transport;
	const struct net_conn_ops *ops;
	void *user;
	uint64_t serial; /* no other connection of this process has it, or will */
	int fd;
	bool in_added, out_added;
	union net_addr local, peer;
	void *link; /* mem: the link and which end of it */
	unsigned side;
	bool nbss;         /* its frames are those of a NetBIOS session */

	/* The token holder's: bytes received and not yet given away. */
	struct buf *held;
	size_t held_off, held_len;
	unsigned burst;        /* frames that came several at a time, since the socket was empty */
	unsigned left_out;     /* frames in `out` that net_batch_leave left there */
	struct net_backoff linger;
	bool expect_large;
	bool widened;          /* the transport knows that large frames come */
	bool nbss_session;     /* the session request was accepted */
	bool offered;          /* the begun frame was, and shall come whole */
	size_t shown;          /* bytes of it that were shown as they came; SIZE_MAX: its owner wants no more */
	struct net_sink *sink; /* where it goes; then there are no held bytes */
	_Atomic bool pipes;    /* its bytes have gone by pipes, for which its socket must not block */
	struct net_job job;
	struct net_job out_job; /* in place of a writable event that cannot be had */

	_Atomic size_t limit, unsent; /* as net_conn_limit and net_conn_unsent; 0: any */
	_Atomic unsigned idle_ms, frame_ms;
	_Atomic bool reading; /* the token is with the transport: it is the peer's turn */
	_Atomic uint64_t last_frame_ms, partial_since_ms, last_send_ms; /* partial_since_ms 0: no begun frame */
	_Atomic size_t queued;
	_Atomic bool blocked; /* the socket takes no more: the armed writable event will go on */

	pthread_mutex_t lock; /* of what follows */
	struct list_node out; /* struct net_out, unsent */
	bool writing;         /* a thread or the armed writable event will send `out` */
	bool paused;          /* the token is kept back until the queue is shorter */
	bool close_pending;   /* the descriptor is closed by the thread that writes */
	bool blocks;          /* the descriptor does, where a call does not say otherwise */
	bool timer_live;
	uint64_t timer_due_ms, drain_until_ms;
	struct net_timer timer;
	struct list_node on_pool; /* under the pool's lock */
};

/* pool.c */
void net_pool_ref(struct net_pool *p);
void net_pool_put(struct net_pool *p);
void net_job_push(struct net_pool *p, struct net_job *j);
bool net_epoll_add(int epfd, int fd, uint32_t events, struct net_io *io) MUST_USE;
void net_worker_loop(struct net_worker *w);
/* Runs the oldest job; wakes another worker for the rest. */
bool net_job_run(struct net_worker *w);
/* step.c */
/* Keeps the token for the next step. false: somebody waits for events already. */
bool net_pool_rest(struct net_pool *p, struct net_conn *c) MUST_USE;
/* There is something that only the epoll set tells, now or from now on. */
static inline void net_pool_told(struct net_pool *p)
{
	if (atomic_load(&p->hearing))
		atomic_store(&p->epoll_only, true);
}
/* grow.c */
bool net_workers_start(struct net_pool *p) MUST_USE;
void net_workers_stop(struct net_pool *p);
/* The last waiting worker has left epoll_wait. */
void net_pool_starved(struct net_pool *p);
/* A worker waited long for nothing; true: it ends. */
bool net_worker_surplus(struct net_worker *w);
/* timer.c */
void net_timers_init(struct net_pool *p);
/* Runs what is due; true if anything was. */
bool net_timers_run(struct net_pool *p);
/* UINT64_MAX: none. */
uint64_t net_timers_next(struct net_pool *p);
/* conn.c */
struct net_conn *net_conn_new(struct net_pool *p, const struct net_transport *t) MUST_USE;
void net_conn_drop_locked(struct net_conn *c);
void net_conn_drop(struct net_conn *c);
/* The token holder ends the connection: `closed`, and the token's reference. */
void net_conn_finish(struct net_conn *c);
/* Hands the token on, or keeps it back while too much output is queued. more: the bytes left with the connection come first. */
void net_conn_arm(struct net_conn *c, bool more);
/* Whether the token was kept back; it is the caller's then. */
bool net_conn_unpause_locked(struct net_conn *c) MUST_USE;
/* The peer does not take what it was sent, and more waits than the owner wants. */
static inline bool net_conn_overfull(const struct net_conn *c)
{
	size_t most = atomic_load_explicit(&c->unsent, memory_order_relaxed);

	return most > 0 && atomic_load(&c->queued) > most && atomic_load(&c->blocked);
}
/* recv.c: the calling thread has the token, and a reference that goes with it. */
void net_conn_receive(struct net_conn *c, struct net_worker *w);
/* The same of a token that rested: waits for bytes, and leaves them with the connection. > 0: net_conn_receive has something to do; 0: nothing
 * came within NET_HEAR_MS; < 0: nor was it waited for so long. */
int net_conn_hear(struct net_conn *c, struct net_worker *w);
/* What a worker keeps from one event to the next. */
void net_worker_trim(struct net_worker *w);
/* send.c: the calling thread has the token. Sends what net_batch_leave left. */
void net_conn_flush(struct net_conn *c);
/* The calling thread has the right to write, and goes on to read if that has waited for it. */
void net_conn_writable(struct net_conn *c, struct net_worker *w);
/* Bytes that are no frame. */
void net_conn_send_raw(struct net_conn *c, const void *p, size_t n);
/* nbss.c: the calling thread has the token. */
/* As rx_frame_total, on the n > 0 bytes at p. */
size_t net_nbss_total(const struct net_conn *c, const uint8_t *p, size_t n);
/* A packet that is no session message, and whole. false: the connection has to end; an answer may be under way. */
bool net_nbss_packet(struct net_conn *c, const uint8_t *p, size_t n);
/* What begins at p is no packet that could come here: logs it, and answers where somebody mistook the port. */
void net_nbss_misplaced(struct net_conn *c, const uint8_t *p);
/* tcp.c */
ntstatus net_status_from_errno(int err);
void net_listener_bound(const struct net_listener *l, union net_addr *out);
void net_addr_text(const union net_addr *a, char *text, size_t cap);
/* Both take over a connected, non-blocking socket; close it on failure. The first has its options already: an accepted one, from its listener. */
struct net_conn *net_tcp_conn(struct net_pool *p, int fd, const union net_addr *peer) MUST_USE;
struct net_conn *net_tcp_dialled(struct net_pool *p, int fd) MUST_USE;
void net_tcp_options(int fd);
/* Between two programs of one machine there is no way that could be congested, and a control that spreads what is sent over time (bbr, where the
 * administrator has chosen it for the world outside) has timers going off for nothing. They stay for as long as the socket, even when it gets another
 * control: so this is asked for before there is a connection, and net_tcp_conn gives that the usual one if its ends are on two machines. */
void net_tcp_unpaced(int fd);
/* Both ends are on this machine. */
bool net_conn_within_machine(const struct net_conn *c);
/* dial.c: a connected socket, or -1 and *status. */
int net_tcp_dial(const char *host, uint16_t port, unsigned timeout_ms, ntstatus *status);
/* watch.c */
void net_watches_free(struct net_pool *p);
/* listen.c */
void net_listeners_close_all(struct net_pool *p);

#endif

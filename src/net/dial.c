/* Connecting over tcp: blocking, or as the pool's events tell. Each address of a name gets its share of the time that is left, so that one dead
 * address does not cost all of it. */
#include "net/internal.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* The addresses of a name, and the time to try them in. */
struct attempt {
	struct addrinfo *list, *next;
	unsigned left; /* addresses from `next` on */
	uint64_t until_ms;
};

static bool attempt_init(struct attempt *a, const char *host, uint16_t port, unsigned timeout_ms)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	char service[8];

	*a = (struct attempt){.until_ms = clock_ms(&clock_system) + (timeout_ms < INT32_MAX ? timeout_ms : INT32_MAX)};
	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(host, service, &hints, &a->list) != 0)
		return false;
	for (struct addrinfo *ai = a->list; ai; ai = ai->ai_next)
		a->left++;
	a->next = a->list;
	return true;
}

/* Of the address that was begun last. */
static unsigned share_of_time(const struct attempt *a)
{
	uint64_t now = clock_ms(&clock_system);

	return a->until_ms > now ? (unsigned)((a->until_ms - now) / (a->left + 1)) : 0;
}

/* Begins with the next address: a socket that is connected (*err 0) or is about to be (EINPROGRESS), or -1 and *err. */
static int begin_next(struct attempt *a, int *err)
{
	const struct addrinfo *ai = a->next;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	a->next = ai->ai_next;
	a->left--;
	*err = fd < 0 ? errno : 0;
	if (fd < 0)
		return -1;
	net_tcp_unpaced(fd);
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0)
		return fd;
	*err = errno == EINTR ? EINPROGRESS : errno;
	if (*err == EINPROGRESS)
		return fd;
	close(fd);
	return -1;
}

/* 0: connected; EINPROGRESS: not yet, after so many ms; or why not. */
static int wait_for(int fd, unsigned ms)
{
	uint64_t until = clock_ms(&clock_system) + ms, now;
	struct pollfd pfd = {.fd = fd, .events = POLLOUT};
	int err = 0, n;
	socklen_t len = sizeof(err);

	do {
		now = clock_ms(&clock_system);
		n = poll(&pfd, 1, until > now ? (int)(until - now) : 0);
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return EINPROGRESS;
	return n < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0 ? errno : err;
}

int net_tcp_dial(const char *host, uint16_t port, unsigned timeout_ms, ntstatus *status)
{
	struct attempt a;
	int fd = -1, err = ENETUNREACH;

	if (!attempt_init(&a, host, port, timeout_ms)) {
		*status = STATUS_BAD_NETWORK_PATH;
		return -1;
	}
	while (a.next && fd < 0) {
		fd = begin_next(&a, &err);
		if (err == EINPROGRESS)
			err = wait_for(fd, share_of_time(&a));
		if (fd >= 0 && err != 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(a.list);
	*status = fd >= 0 ? STATUS_SUCCESS : net_status_from_errno(err == EINPROGRESS ? ETIMEDOUT : err);
	return fd;
}

struct net_conn *net_connect(struct net_pool *p, const char *host, uint16_t port, unsigned timeout_ms, ntstatus *status)
{
	int fd = net_tcp_dial(host, port, timeout_ms, status);
	struct net_conn *c;

	if (fd < 0)
		return NULL;
	c = net_tcp_dialled(p, fd);
	*status = c ? STATUS_SUCCESS : STATUS_NO_MEMORY;
	return c;
}

/* --- without blocking --- */

/* Belongs to whoever handles its event, which is armed once at a time. The timer and net_dial_cancel only say why it is over and shut the
 * socket down, of which the event comes. */
struct net_dial {
	struct net_io io;
	struct net_pool *pool;
	struct attempt attempt;
	struct net_timer timer;
	net_dialled_fn *done;
	void *arg;
	pthread_mutex_t lock; /* of what follows */
	int fd;               /* -1: none is under way */
	int over;             /* an errno: ETIMEDOUT for this address, ECANCELED for all; 0: it goes on */
};

static void dial_free(struct net_dial *d)
{
	freeaddrinfo(d->attempt.list);
	pthread_mutex_destroy(&d->lock);
	net_pool_put(d->pool);
	free(d);
}

static void give_up(struct net_dial *d, int why)
{
	pthread_mutex_lock(&d->lock);
	if (d->over != ECANCELED)
		d->over = why;
	if (d->fd >= 0)
		shutdown(d->fd, SHUT_RDWR);
	pthread_mutex_unlock(&d->lock);
}

static void dial_late(struct net_timer *t)
{
	give_up(CONTAINER_OF(t, struct net_dial, timer), ETIMEDOUT);
}

void net_dial_cancel(struct net_dial *d)
{
	give_up(d, ECANCELED);
}

static bool is_connected(int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	return getpeername(fd, (struct sockaddr *)&peer, &len) == 0;
}

/* 0: connected, in *fd; EINPROGRESS: the next address is under way, in *fd; else none is left, and why. */
static int dial_on(struct net_dial *d, int *fd)
{
	int err = ENETUNREACH;

	while (d->attempt.next) {
		*fd = begin_next(&d->attempt, &err);
		/* Within this machine it is there by now, or refused. */
		if (err == EINPROGRESS)
			err = is_connected(*fd) ? 0 : wait_for(*fd, 0);
		if (err == 0 || err == EINPROGRESS)
			return err;
		if (*fd >= 0)
			close(*fd);
	}
	return err;
}

/* Has the event come for fd. false: it cannot be had. The event may come, and end d, before this returns. */
static bool dial_arm(struct net_dial *d, int fd)
{
	bool armed;

	net_timer_arm(d->pool, &d->timer, share_of_time(&d->attempt));
	pthread_mutex_lock(&d->lock);
	d->fd = fd;
	if (d->over)
		shutdown(fd, SHUT_RDWR);
	net_pool_told(d->pool);
	armed = net_epoll_add(d->pool->epfd, fd, EPOLLOUT | EPOLLONESHOT, &d->io);
	if (!armed)
		d->fd = -1;
	pthread_mutex_unlock(&d->lock);
	if (armed)
		return true;
	net_timer_cancel(d->pool, &d->timer);
	close(fd);
	return false;
}

static void dial_end(struct net_dial *d, int fd, int err)
{
	struct net_conn *c = err == 0 ? net_tcp_dialled(d->pool, fd) : NULL;
	ntstatus status = err == ECANCELED ? STATUS_CANCELLED : err != 0 ? net_status_from_errno(err) : c ? STATUS_SUCCESS : STATUS_NO_MEMORY;

	atomic_fetch_sub(&d->pool->sockets, 1);
	d->done(d->arg, c, status);
	dial_free(d);
}

/* What has become of the socket; EINPROGRESS: nothing yet. */
static int outcome_locked(const struct net_dial *d)
{
	socklen_t len = sizeof(int);
	int err = 0;

	if (d->over)
		return d->over;
	if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0 || err != 0)
		return err != 0 ? err : errno;
	return is_connected(d->fd) ? 0 : EINPROGRESS;
}

static void dial_ready(struct net_io *io, struct net_worker *w, uint32_t events)
{
	struct net_dial *d = CONTAINER_OF(io, struct net_dial, io);
	struct epoll_event again = {.events = EPOLLOUT | EPOLLONESHOT, .data.ptr = io};
	int fd, err;

	(void)w;
	pthread_mutex_lock(&d->lock);
	fd = d->fd;
	err = outcome_locked(d);
	/* Neither there nor on its way. */
	if (err == EINPROGRESS && (events & EPOLLHUP))
		err = ECONNREFUSED;
	if (err == EINPROGRESS && epoll_ctl(d->pool->epfd, EPOLL_CTL_MOD, fd, &again) == 0) {
		pthread_mutex_unlock(&d->lock);
		return;
	}
	d->fd = -1;
	epoll_ctl(d->pool->epfd, EPOLL_CTL_DEL, fd, NULL);
	pthread_mutex_unlock(&d->lock);
	net_timer_cancel(d->pool, &d->timer);
	if (err != 0)
		close(fd);
	/* That was of this address. */
	pthread_mutex_lock(&d->lock);
	if (d->over == ETIMEDOUT)
		d->over = 0;
	pthread_mutex_unlock(&d->lock);
	if (err != 0 && err != ECANCELED && d->attempt.next)
		err = dial_on(d, &fd);
	if (err == EINPROGRESS && dial_arm(d, fd))
		return;
	dial_end(d, fd, err == EINPROGRESS ? ENOMEM : err);
}

ntstatus net_dial(struct net_pool *p, const char *host, uint16_t port, unsigned timeout_ms, net_dialled_fn *done, void *arg,
	struct net_dial **out, struct net_conn **c)
{
	struct net_dial *d = calloc(1, sizeof(*d));
	int fd = -1, err;

	if (!d)
		return STATUS_NO_MEMORY;
	if (!attempt_init(&d->attempt, host, port, timeout_ms)) {
		free(d);
		return STATUS_BAD_NETWORK_PATH;
	}
	*d = (struct net_dial){.io.ready = dial_ready, .pool = p, .attempt = d->attempt, .timer.fn = dial_late, .done = done, .arg = arg, .fd = -1};
	pthread_mutex_init(&d->lock, NULL);
	net_pool_ref(p);
	err = dial_on(d, &fd);
	if (err == EINPROGRESS) {
		*out = d;
		atomic_fetch_add(&p->sockets, 1);
		if (dial_arm(d, fd))
			return STATUS_PENDING;
		*out = NULL;
		atomic_fetch_sub(&p->sockets, 1);
		err = ENOMEM;
	}
	dial_free(d);
	if (err != 0)
		return net_status_from_errno(err);
	*c = net_tcp_dialled(p, fd);
	return *c ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

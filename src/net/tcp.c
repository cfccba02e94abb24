/* The tcp transport: non-blocking sockets in the pool's epoll sets, addresses, and the table from errno to NTSTATUS for what can happen
 * to a connection. */
#include "net/internal.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

static ssize_t tcp_recv(struct net_conn *c, void *p, size_t n)
{
	return recv(c->fd, p, n, MSG_DONTWAIT);
}

static ssize_t tcp_recv_both(struct net_conn *c, struct iovec iov[2])
{
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	return recvmsg(c->fd, &msg, MSG_DONTWAIT);
}

static bool set_blocking_locked(struct net_conn *c, bool blocks)
{
	int flags = fcntl(c->fd, F_GETFL);

	if (flags >= 0 && fcntl(c->fd, F_SETFL, blocks ? flags & ~O_NONBLOCK : flags | O_NONBLOCK) == 0)
		c->blocks = blocks;
	return c->blocks == blocks;
}

/* Only recv without a flag waits; splice(2) has none for a socket. */
static bool waits_in_recv(struct net_conn *c)
{
	struct timeval most = {.tv_usec = NET_HEAR_MS * 1000};
	bool ok;

	pthread_mutex_lock(&c->lock);
	ok = c->blocks || (!c->pipes && setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)) == 0 && set_blocking_locked(c, true));
	pthread_mutex_unlock(&c->lock);
	return ok;
}

static bool goes_by_pipes(struct net_conn *c)
{
	bool ok;

	if (atomic_load_explicit(&c->pipes, memory_order_relaxed))
		return true;
	pthread_mutex_lock(&c->lock);
	ok = !c->blocks || set_blocking_locked(c, false);
	atomic_store(&c->pipes, ok);
	pthread_mutex_unlock(&c->lock);
	return ok;
}

static ssize_t tcp_hear(struct net_conn *c, void *p, size_t n)
{
	return recv(c->fd, p, n, waits_in_recv(c) ? 0 : MSG_DONTWAIT);
}

static ssize_t tcp_send(struct net_conn *c, struct iovec *iov, size_t n, bool more)
{
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n};
	int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0);

	return n == 1 ? send(c->fd, iov->iov_base, iov->iov_len, flags) : sendmsg(c->fd, &msg, flags);
}

static ssize_t tcp_splice(struct net_conn *c, int pipe_fd, size_t n, bool more)
{
	ssize_t sent = goes_by_pipes(c) ? splice(pipe_fd, NULL, c->fd, NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK | (more ? SPLICE_F_MORE : 0)) : -1;
	int left = 0;

	/* Either the socket takes no more or the pipe is empty. */
	if (sent < 0 && errno == EAGAIN) {
		if (ioctl(pipe_fd, FIONREAD, &left) == 0 && left == 0)
			return 0;
		errno = EAGAIN;
	}
	return sent;
}

/* The segment of an interface that takes 64 KiB, as the loopback interface does. Where a packet is made of many segments, small ones between the large
 * cost less than what it takes to have none. */
static size_t tcp_packet(struct net_conn *c)
{
	enum { SEGMENT_LEAST = 16384 };
	int segment = 0;
	socklen_t len = sizeof(segment);

	if (getsockopt(c->fd, IPPROTO_TCP, TCP_MAXSEG, &segment, &len) != 0 || segment < SEGMENT_LEAST)
		return 1;
	return (size_t)segment;
}

/* Within the machine, what a closed window holds back is sent in the time of the reader who opens it, and he is what a stream waits for. The kernel opens it no
 * further than what comes anyway; but it makes room for what a reader says he waits for, and that stays. */
static void tcp_widen(struct net_conn *c)
{
	int window = NET_WINDOW_BYTES, any = 1;

	if (!net_conn_within_machine(c))
		return;
	(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT, &window, sizeof(window));
	(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT, &any, sizeof(any));
}

static ssize_t tcp_splice_in(struct net_conn *c, int pipe_fd, size_t n)
{
	return goes_by_pipes(c) ? splice(c->fd, NULL, pipe_fd, NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK) : -1;
}

static void tcp_arm_recv(struct net_conn *c)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = &c->io};

	if (epoll_ctl(c->pool->epfd, EPOLL_CTL_MOD, c->fd, &ev) != 0) {
		log_error("net: epoll_ctl: errno %d", errno);
		net_job_push(c->pool, &c->job);
	}
}

static void tcp_arm_send(struct net_conn *c)
{
	struct epoll_event ev = {.events = EPOLLOUT | EPOLLONESHOT, .data.ptr = &c->out_io};

	if (epoll_ctl(c->pool->out_epfd, c->out_added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &ev) == 0) {
		c->out_added = true;
		net_pool_told(c->pool);
		return;
	}
	log_error("net: epoll_ctl: errno %d", errno);
	net_conn_drop_locked(c);
	net_job_push(c->pool, &c->out_job);
}

static void tcp_shutdown(struct net_conn *c, int how)
{
	if (c->fd >= 0)
		shutdown(c->fd, how);
}

static void tcp_close(struct net_conn *c)
{
	if (c->fd < 0)
		return;
	if (c->in_added) {
		/* A forked child may still have the socket, which would keep it in the sets. */
		epoll_ctl(c->pool->epfd, EPOLL_CTL_DEL, c->fd, NULL);
		if (c->out_added)
			epoll_ctl(c->pool->out_epfd, EPOLL_CTL_DEL, c->fd, NULL);
		atomic_fetch_sub(&c->pool->sockets, 1);
	}
	close(c->fd);
	c->fd = -1;
}

static bool tcp_stuck(struct net_conn *c, unsigned ms)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	int n = 0;

	if (c->fd < 0 || ioctl(c->fd, SIOCOUTQ, &n) != 0 || n == 0)
		return false;
	return getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && info.tcpi_last_ack_recv >= ms;
}

/* What the peer sent before may still be there to be read. */
static bool tcp_hung_up(struct net_conn *c)
{
	struct pollfd p = {.fd = c->fd, .events = POLLRDHUP};

	return c->fd < 0 || (poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)));
}

static void tcp_readable(struct net_io *io, struct net_worker *w, uint32_t events)
{
	(void)events;
	net_conn_receive(CONTAINER_OF(io, struct net_conn, io), w);
}

static void tcp_writable(struct net_io *io, struct net_worker *w, uint32_t events)
{
	(void)events;
	net_conn_writable(CONTAINER_OF(io, struct net_conn, out_io), w);
}

static bool tcp_start(struct net_conn *c)
{
	atomic_fetch_add(&c->pool->sockets, 1);
	c->in_added = true;
	net_pool_told(c->pool);
	return net_epoll_add(c->pool->epfd, c->fd, EPOLLIN | EPOLLONESHOT, &c->io);
}

void net_addr_text(const union net_addr *a, char *text, size_t cap)
{
	char ip[INET6_ADDRSTRLEN] = "?";

	if (a->sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->in.sin_addr, ip, sizeof(ip));
		snprintf(text, cap, "%s:%u", ip, ntohs(a->in.sin_port));
	} else if (a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr)) {
		inet_ntop(AF_INET, a->in6.sin6_addr.s6_addr + 12, ip, sizeof(ip));
		snprintf(text, cap, "%s:%u", ip, ntohs(a->in6.sin6_port));
	} else if (a->sa.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &a->in6.sin6_addr, ip, sizeof(ip));
		snprintf(text, cap, "[%s]:%u", ip, ntohs(a->in6.sin6_port));
	} else {
		snprintf(text, cap, "?");
	}
}

static void tcp_name(const struct net_conn *c, bool peer, char *text, size_t cap)
{
	net_addr_text(peer ? &c->peer : &c->local, text, cap);
}

static void tcp_destroy(struct net_conn *c)
{
	(void)c;
}

static const struct net_transport tcp_transport = {
	.recv = tcp_recv,
	.hear = tcp_hear,
	.recv_both = tcp_recv_both,
	.send = tcp_send,
	.splice = tcp_splice,
	.splice_in = tcp_splice_in,
	.widen = tcp_widen,
	.packet = tcp_packet,
	.start = tcp_start,
	.arm_recv = tcp_arm_recv,
	.arm_send = tcp_arm_send,
	.shutdown = tcp_shutdown,
	.close = tcp_close,
	.stuck = tcp_stuck,
	.hung_up = tcp_hung_up,
	.name = tcp_name,
	.destroy = tcp_destroy,
};

static void send_at_once(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* A peer that vanished is found out even when nothing is being sent. */
static void keep_alive(int fd)
{
	int on = 1, idle_s = 120;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
}

void net_tcp_options(int fd)
{
	send_at_once(fd);
	keep_alive(fd);
}

/* Every kernel has it. */
static const char unpaced[] = "reno";

void net_tcp_unpaced(int fd)
{
	(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, unpaced, sizeof(unpaced) - 1);
}

enum { CONTROL_BYTES = 16 }; /* the kernel's TCP_CA_NAME_MAX */

static bool control_of(int fd, char name[CONTROL_BYTES + 1])
{
	socklen_t len = CONTROL_BYTES;

	memset(name, 0, CONTROL_BYTES + 1);
	return getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len) == 0;
}

/* The other end is on another machine: what the system has for those. A route may have asked for something by now, which stays. */
static void controlled(int fd, int family)
{
	char now[CONTROL_BYTES + 1], usual[CONTROL_BYTES + 1];
	int fresh;

	if (!control_of(fd, now) || strcmp(now, unpaced) != 0)
		return;
	fresh = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fresh < 0)
		return;
	if (control_of(fresh, usual) && strcmp(usual, unpaced) != 0)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, usual, (socklen_t)strlen(usual));
	close(fresh);
}

struct net_conn *net_tcp_conn(struct net_pool *p, int fd, const union net_addr *peer)
{
	struct net_conn *c = net_conn_new(p, &tcp_transport);
	socklen_t len = sizeof(c->local);

	if (!c) {
		close(fd);
		return NULL;
	}
	c->fd = fd;
	c->io.ready = tcp_readable;
	c->out_io.ready = tcp_writable;
	c->peer = *peer;
	getsockname(fd, &c->local.sa, &len);
	if (!net_conn_within_machine(c))
		controlled(fd, peer->sa.sa_family);
	return c;
}

struct net_conn *net_tcp_dialled(struct net_pool *p, int fd)
{
	union net_addr peer = {0};
	socklen_t len = sizeof(peer);
	struct net_conn *c;

	getpeername(fd, &peer.sa, &len);
	send_at_once(fd);
	c = net_tcp_conn(p, fd, &peer);
	/* A program of this machine cannot vanish without word. */
	if (c && !net_conn_within_machine(c))
		keep_alive(fd);
	return c;
}

ntstatus net_status_from_errno(int err)
{
	switch (err) {
	case ECONNREFUSED:
		return STATUS_CONNECTION_REFUSED;
	case ECONNRESET:
	case EPIPE:
		return STATUS_CONNECTION_RESET;
	case EHOSTUNREACH:
	case EHOSTDOWN:
		return STATUS_HOST_UNREACHABLE;
	case ENETUNREACH:
	case ENETDOWN:
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
		return STATUS_NETWORK_UNREACHABLE;
	case ETIMEDOUT:
		return STATUS_IO_TIMEOUT;
	case EADDRINUSE:
		return STATUS_ADDRESS_ALREADY_EXISTS;
	case EACCES:
	case EPERM:
		return STATUS_NETWORK_ACCESS_DENIED;
	case EMFILE:
	case ENFILE:
		return STATUS_TOO_MANY_OPENED_FILES;
	case ENOMEM:
	case ENOBUFS:
		return STATUS_NO_MEMORY;
	default:
		return STATUS_UNEXPECTED_NETWORK_ERROR;
	}
}

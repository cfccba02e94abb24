/* Listeners. The socket is one-shot in the pool's epoll set like a connection; whoever gets the event accepts what waits. When the
 * process has no descriptors left, accepting pauses on a timer instead of spinning. */
#include "net/internal.h"

#include "base/log.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define NBSS_PREFIX "nbss:"

enum { ACCEPTS_AT_ONCE = 16, PAUSE_MS = 200, LOG_EVERY_MS = 60000, WHY_BYTES = 256 };

struct net_listener {
	struct net_io io;
	_Atomic uint32_t refs; /* the owner; the event */
	struct net_pool *pool;
	void (*accepted)(void *arg, struct net_conn *c);
	void *arg;
	int fd;
	uint16_t port;
	union net_addr bound;
	bool nbss;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	bool closing, accepting, paused;
	pthread_t accepter;
	struct net_timer resume;
	uint64_t logged_ms;
	struct list_node on_pool;
};

static void listener_put(struct net_listener *l)
{
	struct net_pool *p = l->pool;

	if (atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) != 1)
		return;
	net_timer_cancel(p, &l->resume);
	if (l->fd >= 0)
		close(l->fd);
	pthread_cond_destroy(&l->idle);
	pthread_mutex_destroy(&l->lock);
	free(l);
	net_pool_put(p);
}

/* The event's holder, after the owner closed: nothing comes any more. */
static void listener_finish(struct net_listener *l)
{
	struct net_pool *p = l->pool;

	pthread_mutex_lock(&p->lock);
	list_remove(&l->on_pool);
	pthread_mutex_unlock(&p->lock);
	pthread_mutex_lock(&l->lock);
	epoll_ctl(p->epfd, EPOLL_CTL_DEL, l->fd, NULL);
	close(l->fd);
	l->fd = -1;
	pthread_mutex_unlock(&l->lock);
	atomic_fetch_sub(&p->sockets, 1);
	listener_put(l);
}

static void listener_arm(struct net_listener *l)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = &l->io};

	epoll_ctl(l->pool->epfd, EPOLL_CTL_MOD, l->fd, &ev);
}

static void listener_resume(struct net_timer *t)
{
	struct net_listener *l = CONTAINER_OF(t, struct net_listener, resume);

	pthread_mutex_lock(&l->lock);
	if (l->paused) {
		l->paused = false;
		listener_arm(l);
	}
	pthread_mutex_unlock(&l->lock);
}

/* Stops accepting for a moment; the connections wait in the kernel's queue. */
static void listener_pause_locked(struct net_listener *l, int err)
{
	uint64_t now = clock_ms(&clock_system);

	if (l->logged_ms == 0 || now - l->logged_ms >= LOG_EVERY_MS) {
		l->logged_ms = now ? now : 1;
		log_warn("net: cannot accept connections on port %u for now: %s", l->port,
			err == EMFILE || err == ENFILE ? "too many open files; raise the limit (ulimit -n)" : "out of memory");
	}
	l->paused = true;
	net_timer_arm(l->pool, &l->resume, PAUSE_MS);
}

static bool accept_error_passes(int err)
{
	/* Errors of the one connection, which accept(2) reports as its own. */
	return err == ECONNABORTED || err == EINTR || err == EPROTO || err == EPERM || err == ENETDOWN || err == ENETUNREACH ||
	       err == EHOSTDOWN || err == EHOSTUNREACH || err == ENONET || err == ENOPROTOOPT || err == EOPNOTSUPP;
}

/* Accepts up to a bound; errno of what ended it, 0: the bound. */
static int listener_accept(struct net_listener *l)
{
	for (unsigned i = 0; i < ACCEPTS_AT_ONCE; i++) {
		union net_addr peer = {0};
		socklen_t len = sizeof(peer);
		int fd = accept4(l->fd, &peer.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct net_conn *c;

		if (fd < 0 && !accept_error_passes(errno))
			return errno;
		if (fd < 0)
			continue;
		c = net_tcp_conn(l->pool, fd, &peer);
		if (!c)
			return ENOMEM;
		if (l->nbss)
			net_conn_make_nbss(c, true);
		l->accepted(l->arg, c);
	}
	return 0;
}

static void listener_ready(struct net_io *io, struct net_worker *w, uint32_t events)
{
	struct net_listener *l = CONTAINER_OF(io, struct net_listener, io);
	bool closing;
	int err;

	(void)w;
	(void)events;
	pthread_mutex_lock(&l->lock);
	if (!l->closing) {
		l->accepting = true;
		l->accepter = pthread_self();
		pthread_mutex_unlock(&l->lock);
		err = listener_accept(l);
		pthread_mutex_lock(&l->lock);
		l->accepting = false;
		pthread_cond_broadcast(&l->idle);
		if (!l->closing && (err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM))
			listener_pause_locked(l, err);
		else if (!l->closing)
			listener_arm(l);
	}
	closing = l->closing;
	pthread_mutex_unlock(&l->lock);
	if (closing)
		listener_finish(l);
}

void net_listener_close(struct net_listener *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->closing = true;
	/* Ends the listening at once and brings the event to its holder. */
	if (l->fd >= 0)
		shutdown(l->fd, SHUT_RDWR);
	if (l->paused) {
		l->paused = false;
		listener_arm(l);
	}
	while (l->accepting && !pthread_equal(l->accepter, pthread_self()))
		pthread_cond_wait(&l->idle, &l->lock);
	pthread_mutex_unlock(&l->lock);
	listener_put(l);
}

void net_listeners_close_all(struct net_pool *p)
{
	struct net_listener *l;

	do {
		l = NULL;
		pthread_mutex_lock(&p->lock);
		list_for_each(n, &p->listeners) {
			l = list_entry(n, struct net_listener, on_pool);
			if (!l->closing)
				break;
			l = NULL;
		}
		pthread_mutex_unlock(&p->lock);
		if (l)
			net_listener_close(l);
	} while (l);
}

uint16_t net_listener_port(const struct net_listener *l)
{
	return l->port;
}

/* "host:port", "[v6]:port", ":port". */
static bool address_split(const char *address, char *host, size_t cap, char *port, size_t port_cap)
{
	const char *colon = strrchr(address, ':'), *from = address, *to = colon;
	char *end;
	unsigned long n;

	if (!colon)
		return false;
	if (from[0] == '[') {
		from++;
		if (to == address || *--to != ']')
			return false;
	} else if (memchr(from, ':', (size_t)(to - from))) {
		return false;
	}
	n = strtoul(colon + 1, &end, 10);
	if (colon[1] < '0' || colon[1] > '9' || *end || n > 65535 || (size_t)(to - from) >= cap)
		return false;
	memcpy(host, from, (size_t)(to - from));
	host[to - from] = 0;
	snprintf(port, port_cap, "%lu", n);
	return true;
}

/* A listening socket, or -1 and errno. */
static int listen_one(const struct addrinfo *ai, bool v6_only)
{
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, only = v6_only, err;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	net_tcp_options(fd); /* the accepted sockets inherit them */
	net_tcp_unpaced(fd);
	/* One socket for both families, unless somebody has the IPv4 port already. */
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	err = errno;
	close(fd);
	if (err == EADDRINUSE && ai->ai_family == AF_INET6 && !v6_only)
		return listen_one(ai, true);
	errno = err;
	return -1;
}

/* Resolves and listens on the first address that works; IPv6 first, as its wildcard serves both. */
static int listen_any(const char *address, char *why)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *list;
	static const int families[] = {AF_INET6, AF_INET};
	char host[256], port[8];
	int fd = -1, err;

	if (!address_split(address, host, sizeof(host), port, sizeof(port))) {
		snprintf(why, WHY_BYTES, "\"%.100s\" is not ADDRESS:PORT, such as 127.0.0.1:4450, [::]:445 or :445, nor nbss:ADDRESS:PORT", address);
		return -1;
	}
	err = getaddrinfo(host[0] ? host : NULL, port, &hints, &list);
	if (err != 0) {
		snprintf(why, WHY_BYTES, "%.100s: %s", host, gai_strerror(err));
		return -1;
	}
	err = EAFNOSUPPORT;
	for (size_t k = 0; k < ARRAY_LEN(families) && fd < 0; k++) {
		for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next) {
			if (ai->ai_family != families[k])
				continue;
			fd = listen_one(ai, false);
			err = fd < 0 ? errno : 0;
		}
	}
	freeaddrinfo(list);
	if (fd < 0 && err == EACCES)
		snprintf(why, WHY_BYTES, "no permission for port %s; take one above 1023, or give the program CAP_NET_BIND_SERVICE", port);
	else if (fd < 0 && err == EADDRINUSE)
		snprintf(why, WHY_BYTES, "port %s is in use; is another server running?", port);
	else if (fd < 0)
		snprintf(why, WHY_BYTES, "cannot listen on %.100s: %s", address, strerror(err));
	return fd;
}

void net_listener_bound(const struct net_listener *l, union net_addr *out)
{
	*out = l->bound;
}

struct net_listener *net_listen(struct net_pool *p, const char *address, void (*accepted)(void *arg, struct net_conn *c),
	void *arg, char *why)
{
	union net_addr bound = {0};
	socklen_t len = sizeof(bound);
	bool nbss = strncmp(address, NBSS_PREFIX, strlen(NBSS_PREFIX)) == 0;
	struct net_listener *l;
	int fd = listen_any(nbss ? address + strlen(NBSS_PREFIX) : address, why);

	if (fd < 0)
		return NULL;
	l = calloc(1, sizeof(*l));
	if (!l) {
		close(fd);
		snprintf(why, WHY_BYTES, "out of memory");
		return NULL;
	}
	getsockname(fd, &bound.sa, &len);
	l->bound = bound;
	l->port = ntohs(bound.sa.sa_family == AF_INET6 ? bound.in6.sin6_port : bound.in.sin_port);
	atomic_init(&l->refs, 2);
	l->io.ready = listener_ready;
	l->pool = p;
	l->accepted = accepted;
	l->arg = arg;
	l->fd = fd;
	l->nbss = nbss;
	l->resume.fn = listener_resume;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->idle, NULL);
	list_init(&l->on_pool);
	net_pool_ref(p);
	atomic_fetch_add(&p->sockets, 1);
	pthread_mutex_lock(&p->lock);
	list_append(&p->listeners, &l->on_pool);
	pthread_mutex_unlock(&p->lock);
	net_pool_told(p);
	if (!net_epoll_add(p->epfd, fd, EPOLLIN | EPOLLONESHOT, &l->io)) {
		snprintf(why, WHY_BYTES, "cannot watch the socket: %s", strerror(errno));
		listener_finish(l);
		listener_put(l);
		return NULL;
	}
	return l;
}

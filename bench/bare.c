/* What an exchange costs with nothing of SMB in it, which is what no server can beat on this machine: a client sends messages as long as
 * ours are, and a server does for each what the operation asks of the file system, and answers. Each is a process with one thread, so that
 * neither counts the other's processor time, and both know the table below: what is in a message does not matter, only how long it is.
 * The server ends when its pipe does, and with it when the client fails.
 *
 * Of a creation and a deletion that is at least the file ("least"), and for who keeps SMB's promises: that the path of the directory leads where it did,
 * what attributes that has, that no name in it is the same in another case, attributes where Samba keeps them, that nothing leads out of the
 * share, and that what is removed is what was opened. Of a READ it is its length and its status before the answer begins: the pages lie in
 * a pipe by then. Its end leaves as a packet of its own, which our server has learned to spare. Of `put` it is WRITEs of 1 MiB whose data nobody
 * copies but into the new file. */
#include "load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <linux/openat2.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
	MESSAGES_MAX = 4,
	EVENTS = 64,
	NAME_BYTES = 64,
	/* The server's, by their descriptors: of those that connect anew it may not have seen the last one's end. */
	PEERS = 3 * BENCH_CONNECTIONS_MAX,
	PIECE_BYTES = 65536,
	READ_HEAD = 84,
	LISTING_BYTES = 16384,
	BUFFER_BYTES = 2 * PIECE_BYTES, /* what one call receives at most; also where all that is sent comes from */
};

struct bare_server;
struct bare_peer;

struct bare_message {
	size_t bytes, answer_bytes;
	size_t piece_bytes; /* of the file, behind the answer */
	/* What the server does before it answers. */
	void (*work)(struct bare_server *s, const struct bare_peer *p);
};

/* An operation is its messages, one after the answer to the other. */
struct bare_exchange {
	const char *test;
	struct bare_message messages[MESSAGES_MAX];
	unsigned count;            /* of messages */
	unsigned under_way, batch; /* operations at a time, and how many of them leave together */
	bool connects;             /* for each operation */
};

/* --- the server --- */

/* A connection as the server sees it. */
struct bare_peer {
	int fd;
	unsigned next;    /* message of the exchange */
	uint64_t done;    /* operations */
	size_t have;      /* bytes that came and were not answered yet */
	size_t head_left; /* of the answer under way */
	size_t piece_left;
	size_t in_pipe; /* of the piece */
	off_t at;
};

struct bare_server {
	const struct bench_config *cfg;
	const struct bare_exchange *exchange;
	int epfd, listener, stop, root, dir, file, pipe[2];
	const char *dir_name; /* in root */
	uint64_t file_at;
	struct bare_peer peers[PEERS];
	char buffer[BUFFER_BYTES];
	char listing[LISTING_BYTES];
};

/* A new one for each operation, as in the rows: the kernel remembers those that it has seen. */
static void file_name(const struct bare_peer *p, char name[NAME_BYTES])
{
	snprintf(name, NAME_BYTES, "bare-%d-%" PRIu64, p->fd, p->done);
}

static void failed_if(bool failed, const struct bare_server *s, const char *name)
{
	if (failed)
		load_fail("%s/%s: %s", s->cfg->dir, name, strerror(errno));
}

static void create_least(struct bare_server *s, const struct bare_peer *p)
{
	char name[NAME_BYTES];
	int fd;

	file_name(p, name);
	fd = openat(s->dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	failed_if(fd < 0 || pwrite(fd, s->buffer, BENCH_SMALL, 0) != BENCH_SMALL, s, name);
	close(fd);
}

static void delete_least(struct bare_server *s, const struct bare_peer *p)
{
	char name[NAME_BYTES];
	int fd;

	file_name(p, name);
	fd = openat(s->dir, name, O_RDONLY | O_CLOEXEC);
	failed_if(fd < 0 || unlinkat(s->dir, name, 0) != 0, s, name);
	close(fd);
}

static bool looked_at(int fd, unsigned what)
{
	struct statx st;

	return statx(fd, "", AT_EMPTY_PATH, what, &st) == 0;
}

static void create_file(struct bare_server *s, const struct bare_peer *p)
{
	static const char attributes[24];
	struct statx st;
	char name[NAME_BYTES], names[512];
	ssize_t n;
	int fd;

	file_name(p, name);
	failed_if(statx(s->root, s->dir_name, AT_SYMLINK_NOFOLLOW, STATX_ALL, &st) != 0, s, name);
	failed_if(flistxattr(s->dir, names, sizeof(names)) < 0 || lseek(s->dir, 0, SEEK_SET) != 0, s, name);
	while ((n = getdents64(s->dir, s->listing, sizeof(s->listing))) > 0)
		;
	fd = openat(s->dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	failed_if(n < 0 || fd < 0 || !looked_at(fd, STATX_ALL), s, name);
	failed_if(fsetxattr(fd, "user.DOSATTRIB", attributes, sizeof(attributes), 0) != 0 || !looked_at(fd, STATX_CTIME), s, name);
	failed_if(pwrite(fd, s->buffer, BENCH_SMALL, 0) != BENCH_SMALL, s, name);
	close(fd);
}

static void delete_file(struct bare_server *s, const struct bare_peer *p)
{
	const struct open_how beneath = {.flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
	char name[NAME_BYTES], path[NAME_BYTES + NAME_MAX + 1], value[256];
	struct stat st;
	int fd;

	file_name(p, name);
	snprintf(path, sizeof(path), "%s/%s", s->dir_name, name);
	fd = (int)syscall(SYS_openat2, s->root, path, &beneath, sizeof(beneath));
	failed_if(fd < 0 || !looked_at(fd, STATX_ALL) || flistxattr(fd, value, sizeof(value)) < 0, s, name);
	failed_if(fgetxattr(fd, "user.DOSATTRIB", value, sizeof(value)) < 0, s, name);
	failed_if(fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || unlinkat(s->dir, name, 0) != 0, s, name);
	close(fd);
}

static void read_file(struct bare_server *s, const struct bare_peer *p)
{
	off_t at = (off_t)(p->done * 7919 % (s->cfg->file_bytes / BENCH_SMALL)) * BENCH_SMALL;

	if (pread(s->file, s->buffer + READ_HEAD, BENCH_SMALL, at) != BENCH_SMALL)
		load_fail("%s: %s", s->cfg->file, strerror(errno));
}

static void server_watch(struct bare_server *s, int op, int fd, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.fd = fd};

	if (epoll_ctl(s->epfd, op, fd, &ev) != 0)
		load_fail("epoll: %s", strerror(errno));
}

static void server_accept(struct bare_server *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED))
		return;
	if (fd < 0 || fd >= PEERS)
		load_fail("accept: %s", fd < 0 ? strerror(errno) : "too many connections");
	s->peers[fd] = (struct bare_peer){.fd = fd};
	server_watch(s, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET);
}

/* Does what the next message asks for. */
static void server_take(struct bare_server *s, struct bare_peer *p)
{
	const struct bare_message *m = &s->exchange->messages[p->next];

	if (m->work)
		m->work(s, p);
	p->have -= m->bytes;
	p->next = (p->next + 1) % s->exchange->count;
	p->done += p->next == 0;
	p->head_left = m->answer_bytes;
	p->piece_left = m->piece_bytes;
	if (m->piece_bytes) {
		p->at = (off_t)s->file_at;
		s->file_at = s->file_at + 2 * PIECE_BYTES <= s->cfg->file_bytes ? s->file_at + PIECE_BYTES : 0;
	}
}

static void take_pages(struct bare_server *s, struct bare_peer *p)
{
	ssize_t n = splice(s->file, &p->at, s->pipe[1], NULL, p->piece_left, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n != (ssize_t)p->piece_left)
		load_fail("splice: %s", n < 0 ? strerror(errno) : "the file is too short");
	p->in_pipe = p->piece_left;
}

static ssize_t send_some(struct bare_server *s, struct bare_peer *p)
{
	if (p->head_left > 0)
		return send(p->fd, s->buffer, p->head_left, MSG_NOSIGNAL | (p->piece_left ? MSG_MORE : 0));
	return splice(s->pipe[0], NULL, p->fd, NULL, p->piece_left, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

/* Sends what is left of an answer. False: the socket is full, and epoll tells when it is not. */
static bool server_answer(struct bare_server *s, struct bare_peer *p)
{
	while (p->head_left + p->piece_left > 0) {
		bool head = p->head_left > 0;
		ssize_t n;

		if (p->piece_left > p->in_pipe)
			take_pages(s, p);
		n = send_some(s, p);
		if (n < 0 && errno == EAGAIN) {
			server_watch(s, EPOLL_CTL_MOD, p->fd, EPOLLIN | EPOLLOUT | EPOLLET);
			return false;
		}
		if (n <= 0)
			load_fail("answer: %s", n < 0 ? strerror(errno) : "the file is too short");
		*(head ? &p->head_left : &p->piece_left) -= (size_t)n;
		p->in_pipe -= head ? 0 : (size_t)n;
	}
	return true;
}

/* A read that did not fill the buffer has left nothing: what comes after it is another event. */
static void server_serve(struct bare_server *s, struct bare_peer *p)
{
	bool more = true;

	while (server_answer(s, p)) {
		ssize_t n;

		if (p->have >= s->exchange->messages[p->next].bytes) {
			server_take(s, p);
			continue;
		}
		if (!more)
			return;
		n = recv(p->fd, s->buffer, sizeof(s->buffer), 0);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			load_fail("request: %s", strerror(errno));
		if (n == 0) {
			close(p->fd);
			return;
		}
		p->have += (size_t)n;
		more = (size_t)n == sizeof(s->buffer);
	}
}

static void server_open(struct bare_server *s)
{
	const struct bench_config *cfg = s->cfg;

	if (s->exchange->messages[0].work && s->exchange->messages[0].work != read_file) {
		s->dir = open(cfg->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		s->root = openat(s->dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		s->dir_name = basename(strdup(cfg->dir));
		if (s->dir < 0 || s->root < 0)
			load_fail("%s: %s", cfg->dir, strerror(errno));
	}
	if (s->exchange->messages[0].piece_bytes || s->exchange->messages[0].work == read_file) {
		s->file = open(cfg->file, O_RDONLY | O_CLOEXEC);
		if (s->file < 0 || pipe2(s->pipe, O_CLOEXEC | O_NONBLOCK) != 0)
			load_fail("%s: %s", cfg->file, strerror(errno));
	}
	s->epfd = epoll_create1(EPOLL_CLOEXEC);
	server_watch(s, EPOLL_CTL_ADD, s->stop, EPOLLIN);
	server_watch(s, EPOLL_CTL_ADD, s->listener, EPOLLIN);
}

static void server_run(struct bare_server *s)
{
	struct epoll_event events[EVENTS];

	server_open(s);
	for (;;) {
		int n = epoll_wait(s->epfd, events, EVENTS, -1);

		if (n < 0 && errno != EINTR)
			load_fail("epoll: %s", strerror(errno));
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == s->stop)
				return;
			if (events[i].data.fd == s->listener)
				server_accept(s);
			else
				server_serve(s, &s->peers[events[i].data.fd]);
		}
	}
}

/* --- the client --- */

struct bare_conn {
	int fd;
	unsigned next;      /* message of the exchange */
	unsigned under_way; /* of it */
	size_t have;        /* of the answer to the first of them */
};

struct bare_client {
	const struct bare_exchange *exchange;
	struct bench_result *result;
	struct sockaddr_in to;
	int epfd;
	bool over;     /* no operation begins */
	unsigned open; /* connections */
	struct bare_conn conns[BENCH_CONNECTIONS_MAX];
	char buffer[BUFFER_BYTES];
};

/* As both ends of ours have their sockets (src/net/tcp.c); accept() passes it on. */
static int tcp_socket(int flags)
{
	static const char reno[] = "reno";
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), on = 1;

	if (fd < 0)
		load_fail("socket: %s", strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, reno, sizeof(reno) - 1);
	return fd;
}

static void client_close(struct bare_client *c, struct bare_conn *conn)
{
	close(conn->fd);
	conn->fd = -1;
	c->open--;
}

static void client_connect(struct bare_client *c, struct bare_conn *conn)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = conn};

	conn->fd = tcp_socket(0);
	if (connect(conn->fd, (struct sockaddr *)&c->to, sizeof(c->to)) != 0)
		load_fail("connect: %s", strerror(errno));
	if (epoll_ctl(c->epfd, EPOLL_CTL_ADD, conn->fd, &ev) != 0)
		load_fail("epoll: %s", strerror(errno));
	c->open++;
}

/* Sends as many of the next message as are to leave together; between operations there may be none any more. */
static void client_ask(struct bare_client *c, struct bare_conn *conn)
{
	const struct bare_exchange *x = c->exchange;
	size_t bytes = x->batch * x->messages[conn->next].bytes;

	if (conn->next == 0 && conn->under_way == 0 && conn->fd >= 0 && (c->over || x->connects))
		client_close(c, conn);
	if (conn->next == 0 && c->over)
		return;
	if (conn->fd < 0)
		client_connect(c, conn);
	for (; conn->under_way + x->batch <= x->under_way; conn->under_way += x->batch) {
		if (send(conn->fd, c->buffer, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
			load_fail("the bare server takes no requests");
	}
}

/* Counts the answers that are complete, and asks for what follows. */
static void client_take(struct bare_client *c, struct bare_conn *conn)
{
	const struct bare_exchange *x = c->exchange;
	const struct bare_message *m = &x->messages[conn->next];
	size_t answer = m->answer_bytes + m->piece_bytes;

	for (; conn->have >= answer && conn->under_way > 0; conn->under_way--) {
		conn->have -= answer;
		c->result->bytes += m->piece_bytes;
		conn->next = (conn->next + 1) % x->count;
		if (conn->next == 0)
			c->result->ops++;
	}
	client_ask(c, conn);
}

static void client_read(struct bare_client *c, struct bare_conn *conn)
{
	ssize_t n = recv(conn->fd, c->buffer, sizeof(c->buffer), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		load_fail("the bare server does not answer");
	conn->have += (size_t)n;
	client_take(c, conn);
}

static void client_run(struct bare_client *c, const struct bench_config *cfg)
{
	struct epoll_event events[EVENTS];
	double from = bench_now();

	c->epfd = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < cfg->connections; i++) {
		c->conns[i].fd = -1;
		client_ask(c, &c->conns[i]);
	}
	while (c->open > 0) {
		int n = epoll_wait(c->epfd, events, EVENTS, -1);

		if (n < 0 && errno != EINTR)
			load_fail("epoll: %s", strerror(errno));
		c->over = bench_now() - from >= cfg->seconds;
		for (int i = 0; i < n; i++)
			client_read(c, events[i].data.ptr);
	}
	c->result->seconds = bench_now() - from;
	close(c->epfd);
}

/* --- both --- */

static int tcp_listen(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = tcp_socket(SOCK_NONBLOCK);

	*at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (bind(fd, (struct sockaddr *)at, len) || listen(fd, BENCH_CONNECTIONS_MAX) || getsockname(fd, (struct sockaddr *)at, &len))
		load_fail("loopback: %s", strerror(errno));
	return fd;
}

static double seconds_of(const struct rusage *u)
{
	return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) + (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

/* Processor seconds of a process that ends. */
static double wait_for(pid_t pid)
{
	struct rusage u;
	int status;

	if (wait4(pid, &status, 0, &u) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		load_fail("the bare server failed");
	return seconds_of(&u);
}

static void exchange_run(const struct bench_config *cfg, const struct bare_exchange *x, struct bench_result *r)
{
	static struct bare_server server;
	static struct bare_client client;
	int stop[2];
	pid_t pid;

	client.exchange = server.exchange = x;
	client.result = r;
	server.cfg = cfg;
	server.listener = tcp_listen(&client.to);
	if (pipe2(stop, O_CLOEXEC) != 0 || (pid = fork()) < 0)
		load_fail("fork: %s", strerror(errno));
	if (pid == 0) {
		setsid(); /* as the servers have one: the kernel shares a core between sessions */
		close(stop[1]);
		server.stop = stop[0];
		server_run(&server);
		_exit(0);
	}
	close(stop[0]);
	close(server.listener);
	client_run(&client, cfg);
	close(stop[1]);
	r->server_cpu = wait_for(pid);
}

/* --- a file for a new one --- */

enum { WRITE_HEAD = 116, WRITE_BYTES = 1 << 20, WRITE_ANSWER = 88, WRITES_UNDER_WAY = 2 };

static bool all_of(int fd, void *p, size_t n)
{
	return recv(fd, p, n, MSG_WAITALL) == (ssize_t)n;
}

/* The pages that came, into the file. */
static void put_pages(const int pipe[2], int from, int file, loff_t *at)
{
	size_t left = WRITE_BYTES, in_pipe = 0;

	while (left + in_pipe > 0) {
		bool out = in_pipe > 0;
		ssize_t n = out ? splice(pipe[0], NULL, file, at, in_pipe, SPLICE_F_MOVE) : splice(from, NULL, pipe[1], NULL, left, SPLICE_F_MOVE);

		if (n <= 0)
			load_fail("splice: %s", n < 0 ? strerror(errno) : "the client has gone");
		left -= out ? 0 : (size_t)n;
		in_pipe = out ? in_pipe - (size_t)n : (size_t)n;
	}
}

static void put_serve(int listener, const char *path)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666), pipe[2];
	char bytes[WRITE_HEAD];
	loff_t at = 0;

	if (fd < 0 || file < 0 || pipe2(pipe, O_CLOEXEC) != 0 || fcntl(pipe[1], F_SETPIPE_SZ, WRITE_BYTES) < 0)
		load_fail("%s: %s", path, strerror(errno));
	while (all_of(fd, bytes, WRITE_HEAD)) {
		put_pages(pipe, fd, file, &at);
		if (send(fd, bytes, WRITE_ANSWER, MSG_NOSIGNAL) != WRITE_ANSWER)
			load_fail("the client takes no answers");
	}
}

static void put_send(const struct sockaddr_in *to, const struct bench_config *cfg, struct bench_result *r)
{
	int fd = tcp_socket(0), file = open(cfg->file, O_RDONLY | O_CLOEXEC);
	char bytes[WRITE_HEAD] = {0};
	unsigned under_way = 0;
	struct stat st;
	off_t at = 0;

	if (file < 0 || fstat(file, &st) != 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0)
		load_fail("%s: %s", cfg->file, strerror(errno));
	while (at + WRITE_BYTES <= st.st_size || under_way > 0) {
		while (at + WRITE_BYTES <= st.st_size && under_way < WRITES_UNDER_WAY) {
			off_t end = at + WRITE_BYTES;

			if (send(fd, bytes, WRITE_HEAD, MSG_NOSIGNAL | MSG_MORE) != WRITE_HEAD)
				load_fail("the bare server takes nothing");
			while (at < end) {
				if (sendfile(fd, file, &at, (size_t)(end - at)) <= 0)
					load_fail("sendfile: %s", strerror(errno));
			}
			under_way++;
		}
		if (!all_of(fd, bytes, WRITE_ANSWER))
			load_fail("the bare server does not answer");
		under_way--;
		r->bytes += WRITE_BYTES;
	}
	close(file);
	close(fd);
}

/* One file. The processor time is the client's, of which this row is. */
static void put_run(const struct bench_config *cfg, struct bench_result *r)
{
	double from = bench_now();
	struct sockaddr_in to;
	int listener = tcp_listen(&to), flags = fcntl(listener, F_GETFL);
	struct rusage before, after;
	char path[4096];
	pid_t pid;

	fcntl(listener, F_SETFL, flags & ~O_NONBLOCK);
	snprintf(path, sizeof(path), "%s/bare-put", cfg->dir);
	getrusage(RUSAGE_SELF, &before);
	pid = fork();
	if (pid < 0)
		load_fail("fork: %s", strerror(errno));
	if (pid == 0) {
		setsid();
		put_serve(listener, path);
		_exit(0);
	}
	put_send(&to, cfg, r);
	wait_for(pid);
	r->seconds = bench_now() - from;
	getrusage(RUSAGE_SELF, &after);
	r->server_cpu = seconds_of(&after) - seconds_of(&before);
	close(listener);
	unlink(path);
}

/* The lengths are those of our client's messages and our server's answers. */
bool load_bare(const struct bench_config *cfg, struct bench_result *r)
{
	static const struct bare_exchange exchanges[] = {
		{"limit-serve-least-create", {{4468, 364, 0, create_least}, {260, 284, 0, delete_least}}, 2, 1, 1, false},
		{"limit-serve-create", {{4468, 364, 0, create_file}, {260, 284, 0, delete_file}}, 2, 1, 1, false},
		{"limit-serve-login", {{240, 300, 0, NULL}, {160, 350, 0, NULL}, {560, 90, 0, NULL}, {80, 80, 0, NULL}}, 4, 1, 1, true},
		{"limit-serve-read64k", {{112, READ_HEAD, PIECE_BYTES, NULL}}, 1, 16, 8, false},
		{"limit-serve-read4k", {{117, READ_HEAD + BENCH_SMALL, 0, read_file}}, 1, 1, 1, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(exchanges); i++) {
		if (strcmp(exchanges[i].test, cfg->test) == 0) {
			exchange_run(cfg, &exchanges[i], r);
			return true;
		}
	}
	if (strcmp(cfg->test, "limit-serve-put") != 0)
		return false;
	put_run(cfg, r);
	return true;
}

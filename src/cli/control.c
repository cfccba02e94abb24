/* One question a connection: a line, "status" or "status json", and the answer until the end. See control.h. The socket is reached through the
 * descriptor of its directory, since the path of a socket may have 107 bytes only. */
#include "cli/control.h"

#include "base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { WHY_BYTES = 256, QUESTION_BYTES = 64, PATIENCE_S = 5 };
#define NAME "control"
#define NOBODY "no server runs with this state directory (--state names another)"

struct control {
	struct hythe_server *server;
	pthread_t thread;
	int dir, fd;
	_Atomic bool stop;
};

static int fail(char *why, const char *state_dir, const char *what)
{
	(void)snprintf(why, WHY_BYTES, "%.150s/%s: %s", state_dir, NAME, what);
	return -1;
}

static int dir_open(const char *state_dir, char *why)
{
	int dir = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return dir >= 0 ? dir : fail(why, state_dir, strerrordesc_np(errno));
}

static struct sockaddr_un address(int dir)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/%s", dir, NAME);
	return a;
}

static int socket_new(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* A peer that says nothing, or reads nothing, does not keep us. */
static void be_patient(int fd)
{
	struct timeval t = {.tv_sec = PATIENCE_S};

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

static bool send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return false;
		p += k;
		n -= (size_t)k;
	}
	return true;
}

/* --- the server's side --- */

static void answer(struct control *c, int fd)
{
	char question[QUESTION_BYTES];
	size_t n = 0;
	ssize_t k = 1;
	char *text;

	be_patient(fd);
	while (k > 0 && n < sizeof(question) - 1 && (n == 0 || question[n - 1] != '\n')) {
		k = recv(fd, question + n, sizeof(question) - 1 - n, 0);
		n += k > 0 ? (size_t)k : 0;
	}
	question[n] = 0;
	if (strcmp(question, "status\n") != 0 && strcmp(question, "status json\n") != 0)
		return;
	text = hythe_server_status(c->server, question[6] == ' ');
	if (text)
		(void)send_all(fd, text, strlen(text));
	free(text);
}

static void *control_main(void *arg)
{
	struct control *c = arg;

	while (!c->stop) {
		int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 && !c->stop && errno != EINTR && errno != ECONNABORTED)
			usleep(100000); /* no descriptor is left, most likely */
		if (fd < 0)
			continue;
		if (!c->stop)
			answer(c, fd);
		close(fd);
	}
	return NULL;
}

/* Whether somebody answers there already. What nobody answers on is left from a server that was killed. */
static bool is_taken(const struct sockaddr_un *a)
{
	int fd = socket_new();
	bool taken = fd >= 0 && connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0;

	if (fd >= 0)
		close(fd);
	return taken;
}

static int listen_at(int dir, const char *state_dir, char *why)
{
	struct sockaddr_un a = address(dir);
	int fd;

	if (is_taken(&a))
		return fail(why, state_dir, "another server uses this directory; `hythe status` shows that one");
	(void)unlinkat(dir, NAME, 0);
	fd = socket_new();
	if (fd < 0)
		return fail(why, state_dir, strerrordesc_np(errno));
	/* Before anybody can connect. */
	if (fchmod(fd, S_IRUSR | S_IWUSR) != 0 || bind(fd, (const struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 4) != 0) {
		(void)fail(why, state_dir, strerrordesc_np(errno));
		close(fd);
		return -1;
	}
	return fd;
}

struct control *control_new(struct hythe_server *s, const char *state_dir, char *why)
{
	struct control *c = calloc(1, sizeof(*c));

	if (!c) {
		(void)fail(why, state_dir, "out of memory");
		return NULL;
	}
	c->server = s;
	c->dir = dir_open(state_dir, why);
	c->fd = c->dir >= 0 ? listen_at(c->dir, state_dir, why) : -1;
	if (c->fd >= 0 && pthread_create(&c->thread, NULL, control_main, c) == 0)
		return c;
	if (c->fd >= 0) {
		(void)fail(why, state_dir, "no thread could be made for it");
		(void)unlinkat(c->dir, NAME, 0);
		close(c->fd);
	}
	if (c->dir >= 0)
		close(c->dir);
	free(c);
	return NULL;
}

void control_free(struct control *c)
{
	if (!c)
		return;
	c->stop = true;
	/* Wakes accept. */
	(void)shutdown(c->fd, SHUT_RDWR);
	pthread_join(c->thread, NULL);
	(void)unlinkat(c->dir, NAME, 0);
	close(c->fd);
	close(c->dir);
	free(c);
}

/* --- who asks --- */

static bool copy(int fd)
{
	char buf[4096];
	ssize_t n;
	bool any = false;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		any = fwrite(buf, 1, (size_t)n, stdout) == (size_t)n;
	return any && n == 0;
}

bool control_ask(const char *state_dir, bool json, char *why)
{
	const char *question = json ? "status json\n" : "status\n";
	int dir = dir_open(state_dir, why), fd;
	struct sockaddr_un a;
	bool ok = false;

	if (dir < 0 && errno == ENOENT)
		(void)fail(why, state_dir, NOBODY);
	if (dir < 0)
		return false;
	a = address(dir);
	fd = socket_new();
	if (fd >= 0)
		be_patient(fd);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof(a)) != 0)
		(void)fail(why, state_dir, errno == ENOENT || errno == ECONNREFUSED ? NOBODY : strerrordesc_np(errno));
	else if (!send_all(fd, question, strlen(question)) || !copy(fd))
		(void)fail(why, state_dir, "the server did not answer");
	else
		ok = true;
	if (fd >= 0)
		close(fd);
	close(dir);
	return ok;
}

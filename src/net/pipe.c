/* Pipes that hold pages of files on their way to a socket. Those that are empty again are kept for the next, within a bound: to make one costs as much
 * as to use it. */
#include "net/net.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

/* A client that asks and does not read has pages of files wait in pipes: so many, and then data come by memory, which is bounded elsewhere. */
enum { KEPT_MOST = 16, PIPES_MOST = 256 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int kept[KEPT_MOST][2];
static size_t kept_count, used_count; /* the latter: of those that are not kept */

static bool take_kept_locked(int fds[2])
{
	if (kept_count == 0)
		return false;
	kept_count--;
	fds[0] = kept[kept_count][0];
	fds[1] = kept[kept_count][1];
	return true;
}

static bool make(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
		return false;
	/* Without privileges a user has a bounded number of such large ones. */
	if (fcntl(fds[1], F_SETPIPE_SZ, NET_PIPE_BYTES) >= NET_PIPE_BYTES)
		return true;
	close(fds[0]);
	close(fds[1]);
	return false;
}

bool net_pipe_get(int fds[2])
{
	bool allowed, have;

	pthread_mutex_lock(&lock);
	allowed = used_count < PIPES_MOST;
	have = allowed && take_kept_locked(fds);
	used_count += allowed;
	pthread_mutex_unlock(&lock);
	if (!allowed || have || make(fds))
		return allowed;
	pthread_mutex_lock(&lock);
	used_count--;
	pthread_mutex_unlock(&lock);
	return false;
}

void net_pipe_put(int pipe_fd, int pipe_write_fd, bool empty)
{
	bool keep;

	pthread_mutex_lock(&lock);
	used_count--;
	keep = empty && kept_count < KEPT_MOST;
	if (keep) {
		kept[kept_count][0] = pipe_fd;
		kept[kept_count++][1] = pipe_write_fd;
	}
	pthread_mutex_unlock(&lock);
	if (keep)
		return;
	close(pipe_fd);
	close(pipe_write_fd);
}

void net_pipes_trim(void)
{
	int fds[2];
	bool any;

	do {
		pthread_mutex_lock(&lock);
		any = take_kept_locked(fds);
		pthread_mutex_unlock(&lock);
		if (any) {
			close(fds[0]);
			close(fds[1]);
		}
	} while (any);
}

bool net_pipes_add(struct net_pipes *p)
{
	if (p->count == NET_PIPES_MOST || !net_pipe_get(p->fds[p->count]))
		return false;
	p->count++;
	return true;
}

static void put_last(struct net_pipes *p, bool empty)
{
	p->count--;
	net_pipe_put(p->fds[p->count][0], p->fds[p->count][1], empty);
}

void net_pipes_drop_last(struct net_pipes *p)
{
	put_last(p, true);
}

void net_pipes_put(struct net_pipes *p)
{
	while (p->count > 0)
		put_last(p, false);
}

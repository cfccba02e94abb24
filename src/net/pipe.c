/* Pipes that hold pages of files on their way to a socket. Those that are empty again are kept for the next, within a bound: to make one costs as much
 * as to use it. */
#include "net/net.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

enum { KEPT_MOST = 16 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int kept[KEPT_MOST][2];
static size_t kept_count;

static bool take_kept(int fds[2])
{
	bool any;

	pthread_mutex_lock(&lock);
	any = kept_count > 0;
	if (any) {
		kept_count--;
		fds[0] = kept[kept_count][0];
		fds[1] = kept[kept_count][1];
	}
	pthread_mutex_unlock(&lock);
	return any;
}

bool net_pipe_get(int fds[2])
{
	if (take_kept(fds))
		return true;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
		return false;
	/* Without privileges a user has a bounded number of such large ones. */
	if (fcntl(fds[1], F_SETPIPE_SZ, NET_PIPE_BYTES) >= NET_PIPE_BYTES)
		return true;
	net_pipe_put(fds[0], fds[1], false);
	return false;
}

void net_pipe_put(int pipe_fd, int pipe_write_fd, bool empty)
{
	bool keep;

	pthread_mutex_lock(&lock);
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

	while (take_kept(fds))
		net_pipe_put(fds[0], fds[1], false);
}

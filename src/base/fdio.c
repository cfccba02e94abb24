/* See fdio.h. */
#include "base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

int fd_write_all(int fd, const void *p, size_t n, uint64_t offset)
{
	const uint8_t *from = p;

	while (n > 0) {
		ssize_t k = pwrite(fd, from, n, (off_t)offset);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k < 0 ? errno : ENOSPC;
		from += k;
		offset += (uint64_t)k;
		n -= (size_t)k;
	}
	return 0;
}

/* For file systems that splice(2) cannot write to. */
static int write_copied(int fd, int pipe_fd, size_t n, uint64_t offset)
{
	uint8_t block[16384];

	while (n > 0) {
		ssize_t k = read(pipe_fd, block, n < sizeof(block) ? n : sizeof(block));
		int err;

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k < 0 ? errno : EIO; /* it has less than it should */
		err = fd_write_all(fd, block, (size_t)k, offset);
		if (err != 0)
			return err;
		n -= (size_t)k;
		offset += (uint64_t)k;
	}
	return 0;
}

int fd_write_pipe(int fd, int pipe_fd, size_t n, uint64_t offset)
{
	loff_t at = (loff_t)offset;

	while (n > 0) {
		ssize_t k = splice(pipe_fd, NULL, fd, &at, n, SPLICE_F_MOVE);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0 && errno == EINVAL)
			return write_copied(fd, pipe_fd, n, (uint64_t)at);
		if (k <= 0)
			return k < 0 ? errno : ENOSPC;
		n -= (size_t)k;
	}
	return 0;
}

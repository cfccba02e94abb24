/* Writing to files all of what is there, whatever the system takes at a time. */
#ifndef BASE_FDIO_H
#define BASE_FDIO_H

#include "base/bytes.h"

/* n bytes at offset; 0 or an errno. */
int fd_write_all(int fd, const void *p, size_t n, uint64_t offset) MUST_USE;
/* The same of n bytes that are in a pipe, without a copy where the file system can. After an error some may be left in it. */
int fd_write_pipe(int fd, int pipe_fd, size_t n, uint64_t offset) MUST_USE;

#endif

/* Writing all of it to a file, from memory and from a pipe, and what cannot be written. */
#include "base/fdio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BYTES = 40000, AT = 1000 };

static uint8_t data[BYTES], back[BYTES];

static int scratch(int flags)
{
	char path[] = "/tmp/hythe-fdio-XXXXXX";
	int made = mkstemp(path), fd = open(path, flags);

	assert_true(made >= 0 && fd >= 0);
	close(made);
	unlink(path);
	return fd;
}

static int filled_pipe(int *in)
{
	int p[2];

	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], data, BYTES), BYTES);
	*in = p[1];
	return p[0];
}

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < BYTES; i++)
		data[i] = (uint8_t)(i % 251);
	memset(back, 0, sizeof(back));
	return 0;
}

static void test_memory_goes_where_it_belongs(void **state)
{
	int fd = scratch(O_RDWR);

	(void)state;
	assert_int_equal(fd_write_all(fd, data, BYTES, AT), 0);
	assert_int_equal(pread(fd, back, BYTES, AT), BYTES);
	assert_memory_equal(back, data, BYTES);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	assert_int_equal(fd_write_all(fd, data, 0, UINT64_MAX), 0);
	close(fd);
}

static void test_a_pipe_goes_where_it_belongs(void **state)
{
	int fd = scratch(O_RDWR), in, out = filled_pipe(&in);

	(void)state;
	assert_int_equal(fd_write_pipe(fd, out, 30000, AT), 0);
	assert_int_equal(fd_write_pipe(fd, out, BYTES - 30000, AT + 30000), 0);
	assert_int_equal(pread(fd, back, BYTES, AT), BYTES);
	assert_memory_equal(back, data, BYTES);
	close(fd);
	close(in);
	close(out);
}

/* splice(2) refuses a file that only grows; what it then gets is in order. */
static void test_files_that_do_not_splice(void **state)
{
	int fd = scratch(O_RDWR | O_APPEND), in, out = filled_pipe(&in);

	(void)state;
	assert_int_equal(fd_write_pipe(fd, out, BYTES, 0), 0);
	assert_int_equal(pread(fd, back, BYTES, 0), BYTES);
	assert_memory_equal(back, data, BYTES);
	close(in); /* empty from here on */
	assert_int_equal(fd_write_pipe(fd, out, 1, 0), EIO);
	close(fd);
	close(out);
}

static void test_what_cannot_be_written_says_why(void **state)
{
	int fd = scratch(O_RDONLY), full = open("/dev/full", O_WRONLY), in, out = filled_pipe(&in);

	(void)state;
	assert_int_equal(fd_write_all(fd, data, BYTES, 0), EBADF);
	assert_int_equal(fd_write_pipe(fd, out, BYTES, 0), EBADF);
	assert_int_equal(fd_write_all(full, data, BYTES, 0), ENOSPC);
	close(full);
	close(fd);
	close(in);
	close(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_memory_goes_where_it_belongs, setup),
		cmocka_unit_test_setup(test_a_pipe_goes_where_it_belongs, setup),
		cmocka_unit_test_setup(test_files_that_do_not_splice, setup),
		cmocka_unit_test_setup(test_what_cannot_be_written_says_why, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Framing, the token, sending and the end of a connection over real sockets on the loopback interface. */
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* [MS-SMB2] 2.1. A stream of frames of many sizes, cut anew at every byte, comes back the same. */
static void test_frames_survive_a_cut_at_every_byte(void **state)
{
	static const size_t sizes[] = {1, 3, 64, 200, 5};
	uint8_t stream[512], back[512];
	struct end ends[1];
	struct server s;
	size_t n = 0;
	int fd;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		n += make_frame(stream + n, sizes[i], (uint8_t)(i + 1));
	memset(ends, 0, sizeof(ends));
	ends[0].echo = true;
	server_start(&s, 1, 1, ends, 1);
	fd = raw_connect(&s);
	for (size_t cut = 0; cut <= n; cut++) {
		raw_write(fd, stream, cut);
		if (cut % 3 == 0)
			usleep(300);
		raw_write(fd, stream + cut, n - cut);
		memset(back, 0xEE, sizeof(back));
		assert_int_equal(raw_read(fd, back, n), n);
		assert_memory_equal(back, stream, n);
	}
	assert_int_equal(ends[0].frames, ARRAY_LEN(sizes) * (n + 1));
	close(fd);
	WAIT_FOR(NULL, ends[0].destroyed == 1);
	assert_int_equal(ends[0].closed, 1);
	server_stop(&s);
}

/* A byte at a time, as the slowest peer sends. */
static void test_frames_byte_by_byte(void **state)
{
	uint8_t stream[300], back[300];
	struct end ends[1];
	struct server s;
	size_t n;
	int fd;

	(void)state;
	n = make_frame(stream, 100, 7);
	n += make_frame(stream + n, 50, 9);
	memset(ends, 0, sizeof(ends));
	ends[0].echo = true;
	server_start(&s, 2, 2, ends, 1);
	fd = raw_connect(&s);
	for (size_t i = 0; i < n; i++) {
		raw_write(fd, stream + i, 1);
		usleep(50);
	}
	assert_int_equal(raw_read(fd, back, n), n);
	assert_memory_equal(back, stream, n);
	close(fd);
	server_stop(&s);
	assert_int_equal(ends[0].closed, 1);
	assert_int_equal(ends[0].destroyed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames_survive_a_cut_at_every_byte),
		cmocka_unit_test(test_frames_byte_by_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

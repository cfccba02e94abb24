/* READs that nobody signs or seals, over loopback TCP from a directory: their data go out as pages of the file, and are those of the file whatever is
 * asked for ([MS-SMB2] 3.3.5.12). In the directory for temporary files, and in memory where there is a place for that. */
#include "sim.h"

#include <hythe/server.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FILE_BYTES = 3 * 1048576 + 4096 + 123, ROOM = 2 * 1048576 + 4096 };

static struct {
	char dir[64], state[80];
	uint8_t *content, *got;
	struct hythe_server *server;
	struct hythe_client *client;
	struct hythe_session *session;
	struct hythe_tree *tree;
	struct hythe_file *file;
} fx;

static void write_file(void)
{
	char path[96];
	FILE *f;

	fx.content = malloc(FILE_BYTES);
	fx.got = malloc(ROOM);
	assert_non_null(fx.content);
	assert_non_null(fx.got);
	for (size_t i = 0; i < FILE_BYTES; i++)
		fx.content[i] = (uint8_t)(i / 251 + i % 257);
	snprintf(path, sizeof(path), "%s/big", fx.dir);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(fx.content, 1, FILE_BYTES, f), FILE_BYTES);
	assert_int_equal(fclose(f), 0);
}

static void serve(void)
{
	struct hythe_share_config share = {.name = "share", .path = fx.dir};
	struct hythe_server_config cfg;
	const char *listen = "127.0.0.1:0";
	char why[256] = "";

	assert_true(sim_user(fx.state, "user", "pass"));
	hythe_server_config_init(&cfg);
	cfg.listen = &listen;
	cfg.listen_count = 1;
	cfg.shares = &share;
	cfg.share_count = 1;
	cfg.state_dir = fx.state;
	cfg.signing_required = false;
	fx.server = hythe_server_new(&cfg, why, sizeof(why));
	assert_non_null(fx.server);
	assert_true(hythe_server_start(fx.server, why, sizeof(why)));
}

static void start_in(const char *place)
{
	struct hythe_connect_options c;
	struct hythe_session_info info;
	struct hythe_open_params p;

	snprintf(fx.dir, sizeof(fx.dir), "%.40s/hythe-pages-XXXXXX", place);
	assert_non_null(mkdtemp(fx.dir));
	snprintf(fx.state, sizeof(fx.state), "%s/.state", fx.dir);
	write_file();
	serve();
	hythe_connect_options_init(&c);
	c.user = "user";
	c.password = "pass";
	c.signing_optional = true;
	c.encryption = HYTHE_ENCRYPTION_OFF;
	fx.client = hythe_client_new(&(struct hythe_client_options){0});
	assert_non_null(fx.client);
	assert_true(nt_ok(hythe_connect(fx.client, "127.0.0.1", hythe_server_port(fx.server, 0), &c, &fx.session)));
	assert_true(nt_ok(hythe_tree_connect(fx.session, "share", &fx.tree)));
	hythe_session_info(fx.session, &info);
	assert_false(info.signing || info.sealing);
	hythe_open_params_init(&p, "big", HYTHE_READ_DATA);
	assert_true(nt_ok(hythe_open(fx.tree, &p, &fx.file, NULL)));
}

static void stop(void)
{
	char command[96];

	assert_true(nt_ok(hythe_close(fx.file, NULL)));
	hythe_tree_free(fx.tree);
	hythe_session_free(fx.session);
	hythe_client_free(fx.client);
	hythe_server_stop(fx.server, 1000);
	hythe_server_free(fx.server);
	snprintf(command, sizeof(command), "rm -rf %s", fx.dir);
	assert_int_equal(system(command), 0);
	free(fx.content);
	free(fx.got);
}

static void read_one(uint64_t offset, size_t n)
{
	size_t want = offset >= FILE_BYTES ? 0 : FILE_BYTES - offset < n ? FILE_BYTES - offset : n, got = 0;
	ntstatus status;

	memset(fx.got, 0xEE, n);
	status = hythe_read(fx.file, offset, fx.got, n, &got);
	assert_true(nt_ok(status) || (want == 0 && nt_is(status, STATUS_END_OF_FILE)));
	assert_int_equal(got, want);
	assert_memory_equal(fx.got, fx.content + (want ? offset : 0), want);
}

static void read_all_sorts(void)
{
	static const uint64_t offsets[] = {0, 1, 4095, 4096, 65536, 1048576, 2 * 1048576, FILE_BYTES - 65536, FILE_BYTES / 4096 * 4096,
		FILE_BYTES / 4096 * 4096 - 65536, FILE_BYTES, FILE_BYTES + 4096, FILE_BYTES / 4096 * 4096 + 4096};
	static const size_t lengths[] = {1, 4096, 65535, 65536, 65537, 262144, 1048575, 1048576, 1048577, ROOM};

	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		for (size_t k = 0; k < sizeof(lengths) / sizeof(*lengths); k++)
			read_one(offsets[i], lengths[k]);
	}
}

static const char *temporary(void)
{
	const char *place = getenv("TMPDIR");

	return place && strlen(place) < 40 ? place : "/tmp";
}

static void test_every_range_is_that_of_the_file(void **state)
{
	(void)state;
	start_in(temporary());
	read_all_sorts();
	stop();
}

/* The file, or what the system will let go of it, is on the disk alone. */
static void evict(void)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "%s/big", fx.dir);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(fsync(fd), 0);
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	close(fd);
}

static void test_what_is_not_in_memory_is_waited_for(void **state)
{
	static const size_t lengths[] = {65536, 262144, 1048576, ROOM};

	(void)state;
	start_in(temporary());
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		evict();
		read_one(4096, lengths[i]);
		/* The first half is there. */
		evict();
		read_one(0, lengths[i] / 2);
		read_one(0, lengths[i]);
	}
	stop();
}

static size_t descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void test_the_same_in_memory(void **state)
{
	size_t before;

	(void)state;
	if (access("/dev/shm", W_OK) != 0)
		skip();
	start_in("/dev/shm");
	read_all_sorts();
	before = descriptors();
	net_pipes_trim();
	/* There the way through pipes was taken. */
	assert_true(descriptors() < before);
	stop();
}

/* What is cut off while it is being read is not made up; what is there is read. */
static void test_a_file_that_changes_is_read_as_it_is(void **state)
{
	char path[96];
	size_t got;

	(void)state;
	start_in(temporary());
	snprintf(path, sizeof(path), "%s/big", fx.dir);
	read_one(0, 1048576);
	assert_int_equal(truncate(path, 100000), 0);
	assert_true(nt_ok(hythe_read(fx.file, 65536, fx.got, 65536, &got)));
	assert_int_equal(got, 100000 - 65536);
	assert_memory_equal(fx.got, fx.content + 65536, got);
	/* A hole, which ends where a pipe is full. */
	assert_int_equal(truncate(path, 1048576), 0);
	assert_true(nt_ok(hythe_read(fx.file, 0, fx.got, ROOM, &got)));
	assert_int_equal(got, 1048576);
	assert_true(nt_ok(hythe_read(fx.file, 0, fx.got, 1048576, &got)));
	assert_int_equal(got, 1048576);
	assert_memory_equal(fx.got, fx.content, 100000);
	for (size_t i = 100000; i < got; i++)
		assert_int_equal(fx.got[i], 0);
	stop();
}

struct note {
	bool done;
	ntstatus status;
	size_t bytes;
	int local_errno;
};

static void note(void *arg, ntstatus status, const struct hythe_result *result)
{
	*(struct note *)arg = (struct note){true, status, result->bytes, result->local_errno};
}

static struct note read_to(int fd, uint64_t offset, size_t n)
{
	struct note got = {0};

	assert_true(nt_ok(hythe_read_to_async(fx.file, offset, n, fd, offset, note, &got)));
	while (!got.done)
		hythe_client_poll(fx.client, 1000);
	return got;
}

/* From the server's pages to those of a local file. */
static void test_what_is_read_to_a_file_is_that_of_the_file(void **state)
{
	static const size_t lengths[] = {65536, 262144, 1048576, 1000000, 40000, 100};
	char path[96];
	uint64_t at = 0;
	struct note got;
	int fd;

	(void)state;
	start_in(temporary());
	snprintf(path, sizeof(path), "%s/copy", fx.dir);
	fd = open(path, O_CREAT | O_RDWR, 0600);
	assert_true(fd >= 0);
	for (size_t i = 0; at < FILE_BYTES; i++) {
		got = read_to(fd, at, lengths[i % (sizeof(lengths) / sizeof(*lengths))]);
		assert_true(nt_ok(got.status));
		assert_true(got.bytes > 0);
		at += got.bytes;
	}
	assert_int_equal(at, FILE_BYTES);
	assert_int_equal(lseek(fd, 0, SEEK_END), FILE_BYTES);
	for (at = 0; at < FILE_BYTES; at += (size_t)ROOM) {
		size_t n = FILE_BYTES - at < ROOM ? FILE_BYTES - at : ROOM;

		assert_int_equal(pread(fd, fx.got, n, (off_t)at), n);
		assert_memory_equal(fx.got, fx.content + at, n);
	}
	got = read_to(fd, FILE_BYTES, 65536);
	assert_true(nt_is(got.status, STATUS_END_OF_FILE));
	assert_int_equal(got.local_errno, 0);
	close(fd);
	/* One that takes nothing: what comes is read nevertheless, and the connection goes on. */
	fd = open("/dev/full", O_WRONLY);
	assert_true(fd >= 0);
	got = read_to(fd, 0, 1048576);
	assert_true(nt_is(got.status, STATUS_DISK_FULL));
	assert_int_equal(got.local_errno, ENOSPC);
	close(fd);
	read_one(0, 1048576);
	stop();
}

/* Without descriptors for pipes, data come by memory. */
static void test_without_pipes_it_is_read_as_well(void **state)
{
	struct rlimit before, none;

	(void)state;
	start_in(temporary());
	net_pipes_trim();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	read_one(65536, 65536);
	read_one(0, 1048576);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	read_one(65536, 65536);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_range_is_that_of_the_file),
		cmocka_unit_test(test_what_is_not_in_memory_is_waited_for),
		cmocka_unit_test(test_the_same_in_memory),
		cmocka_unit_test(test_a_file_that_changes_is_read_as_it_is),
		cmocka_unit_test(test_what_is_read_to_a_file_is_that_of_the_file),
		cmocka_unit_test(test_without_pipes_it_is_read_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

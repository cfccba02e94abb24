/* The physical limits that `make bench` shows beside the servers: what this machine's loopback, cipher and file system do with
 * nothing in between. */
#include "load.h"

#include "crypto/crypto.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BIG_IO = 1048576, SMALL_IO = 4096, PING_BYTES = 120 };

/* A connected pair over the loopback interface. */
static void tcp_pair(int fds[2])
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (l < 0 || bind(l, (struct sockaddr *)&a, len) || listen(l, 1) || getsockname(l, (struct sockaddr *)&a, &len))
		load_fail("loopback: %s", strerror(errno));
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fds[0], (struct sockaddr *)&a, len) || (fds[1] = accept(l, NULL, NULL)) < 0)
		load_fail("loopback: %s", strerror(errno));
	close(l);
	for (int i = 0; i < 2; i++)
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static bool move_all(int fd, uint8_t *p, size_t n, bool out)
{
	while (n > 0) {
		ssize_t r = out ? send(fd, p, n, MSG_NOSIGNAL) : recv(fd, p, n, 0);

		if (r <= 0)
			return false;
		p += r;
		n -= (size_t)r;
	}
	return true;
}

static void *stream_main(void *arg)
{
	uint8_t *p = aligned_alloc(4096, BIG_IO);

	memset(p, 1, BIG_IO);
	while (move_all(*(int *)arg, p, BIG_IO, true))
		;
	free(p);
	return NULL;
}

static void *pong_main(void *arg)
{
	uint8_t p[PING_BYTES];

	while (move_all(*(int *)arg, p, sizeof(p), false) && move_all(*(int *)arg, p, sizeof(p), true))
		;
	return NULL;
}

static void limit_tcp(const struct bench_config *cfg, struct bench_result *r)
{
	bool ping = strcmp(cfg->test, "limit-ping") == 0;
	uint8_t *p = aligned_alloc(4096, BIG_IO);
	double from = bench_now();
	pthread_t t;
	int fds[2];

	memset(p, 1, BIG_IO);
	tcp_pair(fds);
	pthread_create(&t, NULL, ping ? pong_main : stream_main, &fds[1]);
	while ((r->seconds = bench_now() - from) < cfg->seconds) {
		if (ping && !move_all(fds[0], p, PING_BYTES, true))
			break;
		if (!move_all(fds[0], p, ping ? PING_BYTES : BIG_IO, false))
			break;
		r->ops++;
		r->bytes += ping ? PING_BYTES : BIG_IO;
	}
	shutdown(fds[0], SHUT_RDWR);
	pthread_join(t, NULL);
	close(fds[0]);
	close(fds[1]);
	free(p);
}

/* AES-128-GCM or -CCM over 1 MiB, sealing, or GMAC, as both ends have them. */
static void limit_cipher(const struct bench_config *cfg, struct bench_result *r)
{
	bool gmac = strcmp(cfg->test, "limit-gmac") == 0, ccm = strcmp(cfg->test, "limit-ccm") == 0;
	uint8_t key[16] = {1}, nonce[12] = {2}, tag[16], *in = aligned_alloc(4096, BIG_IO), *out = aligned_alloc(4096, BIG_IO);
	struct seal_key *seal = seal_key_new(ccm ? SEAL_AES128_CCM : SEAL_AES128_GCM, key, sizeof(key));
	struct sign_key *sign = sign_key_new(SIGN_AES_GMAC, key);
	struct iovec part = {in, BIG_IO};
	double from = bench_now();

	if (!seal || !sign)
		load_fail("the cipher of %s is not there", cfg->test);
	memset(in, 1, BIG_IO);
	memset(out, 1, BIG_IO);
	while ((r->seconds = bench_now() - from) < cfg->seconds) {
		if (!nt_ok(gmac ? sign_compute(sign, nonce, &part, 1, tag) : seal_encrypt(seal, nonce, slice_of(nonce, 12), &part, 1, out, tag)))
			load_fail("%s failed", cfg->test);
		r->ops++;
		r->bytes += BIG_IO;
	}
	seal_key_free(seal);
	sign_key_free(sign);
	free(in);
	free(out);
}

static void limit_file(const struct bench_config *cfg, struct bench_result *r)
{
	bool write = strncmp(cfg->test, "limit-write", 11) == 0, small = strstr(cfg->test, "4k") != NULL;
	size_t unit = small ? SMALL_IO : BIG_IO;
	uint8_t *p = aligned_alloc(4096, BIG_IO);
	uint64_t random = 88172645463325252u, at = 0;
	int fd = open(cfg->file, write ? O_RDWR : O_RDONLY);
	double from = bench_now();

	if (fd < 0)
		load_fail("%s: %s", cfg->file, strerror(errno));
	memset(p, 1, BIG_IO);
	while ((r->seconds = bench_now() - from) < cfg->seconds) {
		ssize_t n = write ? pwrite(fd, p, unit, (off_t)at) : pread(fd, p, unit, (off_t)at);

		if (n != (ssize_t)unit)
			load_fail("%s: %s", cfg->file, n < 0 ? strerror(errno) : "too short");
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		at = small ? random % (cfg->file_bytes / SMALL_IO) * SMALL_IO : (at + BIG_IO) % cfg->file_bytes;
		r->ops++;
		r->bytes += unit;
	}
	close(fd);
	free(p);
}

/* One file to a new one. */
static void limit_copy(const struct bench_config *cfg, struct bench_result *r)
{
	uint8_t *p = aligned_alloc(4096, BIG_IO);
	double from = bench_now();
	char path[4096];

	snprintf(path, sizeof(path), "%s/local-copy", cfg->dir);
	do {
		int in = open(cfg->file, O_RDONLY), out = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
		ssize_t n = 0;

		if (!p || in < 0 || out < 0)
			load_fail("%s, %s: %s", cfg->file, path, strerror(errno));
		while ((n = read(in, p, BIG_IO)) > 0 && write(out, p, (size_t)n) == n)
			r->bytes += (uint64_t)n;
		if (n != 0)
			load_fail("%s: %s", path, strerror(errno));
		close(in);
		close(out);
		unlink(path);
	} while ((r->seconds = bench_now() - from) < cfg->seconds);
	free(p);
}

static void limit_open(const struct bench_config *cfg, struct bench_result *r)
{
	double from = bench_now();
	struct stat st;
	char path[4096];
	int fd;

	while ((r->seconds = bench_now() - from) < cfg->seconds) {
		snprintf(path, sizeof(path), BENCH_NAME, cfg->dir, (unsigned)(r->ops * 7919 % 1000));
		fd = open(path, O_RDONLY);
		if (fd < 0 || fstat(fd, &st) != 0)
			load_fail("%s: %s", path, strerror(errno));
		close(fd);
		r->ops++;
	}
}

static void limit_create(const struct bench_config *cfg, struct bench_result *r)
{
	double from = bench_now();
	char path[4096], bytes[SMALL_IO] = {0};
	int fd;

	while ((r->seconds = bench_now() - from) < cfg->seconds) {
		snprintf(path, sizeof(path), "%s/local-%llu", cfg->dir, (unsigned long long)r->ops);
		fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0644);
		if (fd < 0 || write(fd, bytes, sizeof(bytes)) != sizeof(bytes))
			load_fail("%s: %s", path, strerror(errno));
		close(fd);
		unlink(path);
		r->ops++;
	}
}

static void limit_list(const struct bench_config *cfg, struct bench_result *r)
{
	double from = bench_now();
	struct statx sx;

	do {
		DIR *d = opendir(cfg->dir);

		if (!d)
			load_fail("%s: %s", cfg->dir, strerror(errno));
		for (struct dirent *e = readdir(d); e; e = readdir(d)) {
			if (statx(dirfd(d), e->d_name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &sx) != 0)
				load_fail("%s: %s", e->d_name, strerror(errno));
			r->ops++;
		}
		closedir(d);
	} while ((r->seconds = bench_now() - from) < cfg->seconds);
}

bool load_limit(const struct bench_config *cfg, struct bench_result *r)
{
	static const struct {
		const char *test;
		void (*fn)(const struct bench_config *cfg, struct bench_result *r);
	} tests[] = {
		{"limit-tcp", limit_tcp},
		{"limit-ping", limit_tcp},
		{"limit-gcm", limit_cipher},
		{"limit-gmac", limit_cipher},
		{"limit-ccm", limit_cipher},
		{"limit-read", limit_file},
		{"limit-write", limit_file},
		{"limit-read4k", limit_file},
		{"limit-write4k", limit_file},
		{"limit-copy", limit_copy},
		{"limit-open", limit_open},
		{"limit-create", limit_create},
		{"limit-list", limit_list},
	};

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (strcmp(tests[i].test, cfg->test) == 0) {
			tests[i].fn(cfg, r);
			return true;
		}
	}
	return false;
}

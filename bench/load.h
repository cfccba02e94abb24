/* The load generator of `make bench`: what its parts share. One run does one test for some seconds and prints one line of JSON. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <hythe/client.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load_config {
	const char *test;
	const char *host, *share, *user, *password;
	const char *protect; /* plain, signed, sealed */
	const char *file, *dir; /* in the share; the local tests: on this machine */
	uint16_t port;
	double seconds;
	unsigned depth;
	size_t file_bytes;
	unsigned count; /* sessions to hold, or threads that log on */
};

/* What a test came to. */
struct load_result {
	uint64_t ops, bytes;
	double seconds;
};

double load_now(void);
/* Ends the program with a message. */
void load_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void load_check(ntstatus status, const char *what);

/* A logged-on session with the protection asked for; checks that it is what was agreed on. */
struct hythe_session *load_login(struct hythe_client *client, const struct load_config *cfg);

/* remote.c */
void load_remote(const struct load_config *cfg, struct load_result *r);
/* limits.c: false when it is not one of the local tests. */
bool load_limit(const struct load_config *cfg, struct load_result *r);

#endif

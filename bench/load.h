/* The load generator of `make bench`: the tests of src/cli/bench.h over SMB, what is held instead of done (hold.c), and what this machine
 * does without a server (limits.c), or with one that knows no SMB (bare.c). One run does one test and prints one line of JSON. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "cli/bench.h"

#include <hythe/client.h>

/* Ends the program with a message. */
void load_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void load_check(ntstatus status, const char *what);

/* limits.c: false when it is not one of the local tests. file and dir are on this machine. */
bool load_limit(const struct bench_config *c, struct bench_result *r);
/* bare.c: false when it is none of the exchanges between a client and a server with nothing of SMB in them; the same. */
bool load_bare(const struct bench_config *c, struct bench_result *r);
/* hold.c: false when it is nothing that is held. Prints "ready" when all `count` are there, and holds them until standard input ends. */
bool load_hold(const struct bench_config *c, unsigned count, struct bench_result *r);

#endif

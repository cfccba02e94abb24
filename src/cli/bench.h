/* The load generator's core: one test for some time over one or several connections, each with requests under way up to a depth, and
 * how long each took. It serves `hythe bench` (cmd_bench.c) and the load generator of `make bench` (bench/load.c), and knows the public
 * client API only. What fails is told, never printed: who calls has the words. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "base/bytes.h"

#include <hythe/client.h>
#include <pthread.h>

/* --- latencies (bench_hist.c): a histogram of nanoseconds in fixed memory, each value within 1/32 --- */

enum { BENCH_BUCKETS = 60 * 32 };
struct bench_hist {
	uint64_t counts[BENCH_BUCKETS];
	uint64_t count, max_ns;
};
void bench_hist_add(struct bench_hist *h, uint64_t ns);
void bench_hist_merge(struct bench_hist *into, const struct bench_hist *h);
/* The least value that `percent` of those that were added do not exceed, rounded up by at most 1/32; 0: there are none. */
uint64_t bench_hist_percentile(const struct bench_hist *h, double percent);

/* --- tests (bench_tests.c) --- */

/* The files of a directory that tests work with: of the directory and a number. */
#define BENCH_NAME "%s/file-%06u.dat"
#define BENCH_NAME_OTHER_CASE "%s/FILE-%06u.DAT"
#define BENCH_NAME_MISSING "%s/none-%06u.dat"
#define BENCH_NAME_NEW "%s/new-%02u-%04u-%06u"
enum { BENCH_BLOCK_MAX = 8 << 20, BENCH_DEPTH_MAX = 1024, BENCH_CONNECTIONS_MAX = 256, BENCH_SMALL = 4096 };

struct bench_config {
	const char *test;                /* the name of one in the table */
	const char *host, *share;
	uint16_t port;
	const struct hythe_connect_options *connect;
	const struct hythe_client_options *client; /* NULL: defaults */
	const char *file;                /* in the share: what is read and written */
	uint64_t file_bytes;
	size_t block_bytes;
	const char *dir;                 /* in the share: of the tests that open, list and create */
	unsigned names;                  /* how many files BENCH_NAME are in dir */
	char *const *list;               /* delete: their paths, `limit` of them */
	unsigned depth, connections;
	uint64_t limit;                  /* operations of each connection; 0: as many as there is time for */
	double seconds;                  /* 0: no end but the limit */
	bool (*stop)(void);              /* asked often: true ends the test early. NULL: never */
};

struct bench_result {
	uint64_t ops, bytes;             /* what the operations of a listing are: its entries */
	double seconds;
	double server_cpu;               /* processor seconds of the server's side, of tests that bring their own; 0 otherwise */
	double first_s, last_s;          /* of a test with a limit: its first and last BENCH_EDGE operations; 0: there were not so many */
	struct bench_hist latency;
	struct hythe_session_info agreed; /* of the first connection */
	ntstatus status;                 /* of what failed */
	char why[512];                   /* what failed, a sentence */
};
enum { BENCH_EDGE = 1000 };

/* Whether there is a test of that name. */
bool bench_test_known(const char *name);
/* Runs a test. False: it failed, and result->why says how; what it counted until then is told all the same. */
bool bench_run(const struct bench_config *c, struct bench_result *result) HYTHE_MUST_USE;
/* Seconds of a clock that only goes forwards. */
double bench_now(void);

/* --- within the core --- */

struct bench_worker;
enum { BENCH_STEPS = 4, BENCH_PATH = 1024 };

/* One of the requests under way. */
struct bench_slot {
	struct bench_worker *worker;
	uint8_t *buffer;
	char name[BENCH_PATH];
	struct hythe_open_params open;
	struct hythe_step steps[BENCH_STEPS];
	uint64_t begun_ns;
	unsigned number;
	bool second_half; /* of an operation in two messages */
};

struct bench_run;
struct bench_test {
	const char *name;
	/* Puts the slot's next request under way. NULL: the test has `once`. */
	ntstatus (*next)(struct bench_worker *w, struct bench_slot *s);
	/* One operation, blocking. */
	ntstatus (*once)(struct bench_worker *w);
	bool connects; /* it makes its own connections and sessions */
	bool logs_on;  /* over the worker's connection */
	bool opens, writes; /* the file is open, for writing too */
	bool absent;   /* STATUS_OBJECT_NAME_NOT_FOUND is what it wants */
};

/* A connection. */
struct bench_worker {
	struct bench_run *run;
	const struct bench_config *c;
	const struct bench_test *test;
	unsigned number;
	struct hythe_client *client; /* of its thread */
	struct hythe_connection *connection;
	struct hythe_session *session;
	struct hythe_tree *tree;
	struct hythe_file *file;
	struct hythe_dir *dir;
	struct bench_slot *slots;
	unsigned under_way;
	uint64_t begun, ops, bytes, at, random; /* at: offset of the next block */
	double edge_s, first_s, last_s;
	struct bench_hist latency;
	ntstatus status;
	char why[512];
};

const struct bench_test *bench_test_find(const char *name);
/* What requests end with; arg is the slot. */
hythe_done_fn bench_done;
uint64_t bench_random(struct bench_worker *w);

#endif

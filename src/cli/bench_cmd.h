/* What the parts of `hythe bench` share: what is to be done (cmd_bench.c), where (bench_place.c), and how it is told (bench_print.c). */
#ifndef CLI_BENCH_CMD_H
#define CLI_BENCH_CMD_H

#include "cli/bench.h"
#include "cli/cli.h"

/* A test as people know it. */
struct bench_kind {
	const char *name;  /* in bench_tests.c, and in what is printed */
	const char *group; /* --test takes this, too */
	const char *unit;
	unsigned depth;    /* when nobody says otherwise; 1 is for good where operations block */
	bool file, names;  /* what of the directory it needs */
};
enum { BENCH_KINDS = 9 };
extern const struct bench_kind bench_kinds[BENCH_KINDS];

struct bench_plan {
	bool chosen[BENCH_KINDS];
	unsigned depth; /* 0: each kind's own */
	unsigned connections;
	size_t block_bytes;
	uint64_t file_bytes;
	double seconds;
};
/* Reads the options. NULL, or what is wrong with them. */
const char *bench_plan_read(struct bench_plan *p, const struct cli_args *a);

/* The directory of its own, below the one that the URL names. */
enum { BENCH_NAMES = 1000 };
struct bench_place {
	struct cli_link *link;
	const struct cli_args *args;
	const struct cli_url *url;
	struct bench_config base; /* whom to connect to, and how */
	bool made;
	char path[BENCH_PATH], file[BENCH_PATH], names[BENCH_PATH], fresh[BENCH_PATH];
};
/* Makes it, with a file of that many bytes (0: none), BENCH_NAMES small files if asked for, and an empty directory. Says what went
 * wrong; bench_place_remove is to follow in any case. */
bool bench_place_make(struct bench_place *p, uint64_t file_bytes, bool names) HYTHE_MUST_USE;
/* Deletes what it made and nothing else. Says what could not be deleted. */
bool bench_place_remove(struct bench_place *p) HYTHE_MUST_USE;

/* One test's result, as text or an element of the JSON array. */
void bench_print(const struct bench_plan *p, const struct bench_kind *k, const struct bench_config *c, const struct bench_result *r,
	bool json, bool first);
/* What was agreed on, before the first result. */
void bench_print_begin(const struct cli_url *u, const struct hythe_session_info *s, bool json);
void bench_print_end(bool json);

#endif

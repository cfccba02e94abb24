/* What `hythe get` and `hythe put` have in common: the command around files that are copied by jobs. */
#ifndef CLI_COPYING_H
#define CLI_COPYING_H

#include "cli/jobs.h"

enum { CLI_DEPTH_MAX = 200 };

struct cli_copying {
	struct cli_link *link;
	const struct cli_args *args;
	struct cli_jobs *jobs;
	struct hythe_session *session; /* of a second connection for many files; NULL: there is none */
	struct hythe_tree *tree;
	struct cli_progress progress; /* of all files; of a single one its size becomes the total */
	bool single;
	bool times;                   /* are kept */
	uint64_t added, files, bytes;
	bool failed;
};

/* A command. Its operands are LOCAL and a URL. */
struct cli_copy_command {
	const struct cli_spec *spec;
	int url, local;               /* which operand is which */
	const struct cli_jobs_ops *ops;
	/* The name of the copy, malloc'ed; NULL: there is none, which has been said. local NULL: not given. */
	char *(*target_of)(struct cli_link *l, const struct cli_url *u, const char *local);
	/* Adds the jobs. */
	void (*walk)(struct cli_copying *c, const char *remote, const char *local, const char *target);
};
int cli_copy(const struct cli_copy_command *command, int argc, char **argv);
/* One file, of a size that may be CLI_SIZE_UNKNOWN. */
void cli_copy_add(struct cli_copying *c, const char *from, const char *to, uint64_t size);
/* The end of one file's job: it is counted, or the command has failed. */
void cli_copied(struct cli_job *job, bool ok, uint64_t bytes);

extern const struct cli_jobs_ops cli_get_file, cli_put_file;

#endif

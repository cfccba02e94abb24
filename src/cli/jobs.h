/* Several files at a time, on the one thread that walks the tree: each is a chain of requests, whose answers begin the next step. The steps run
 * inside of hythe_client_poll and of the walk's own calls on the server, where new requests leave together. So they must not block at the server. */
#ifndef CLI_JOBS_H
#define CLI_JOBS_H

#include "cli/cli.h"
#include "cli/width.h"

enum { CLI_JOBS_MAX = 32, CLI_FIRST = 65536, CLI_PIECES = CLI_WIDE + 4 };
#define CLI_SIZE_UNKNOWN UINT64_MAX

struct cli_jobs;
struct cli_lane;
struct cli_waiting;

/* A file under way. Its kind has more behind this. */
struct cli_job {
	struct cli_job *next;
	struct cli_jobs *jobs;
	struct cli_lane *lane;
	struct hythe_tree *tree;
	struct cli_waiting *was;  /* holds the names */
	const char *from, *to;
	uint64_t size;            /* as far as it was told when the job was added */
	uint8_t *first;           /* CLI_FIRST bytes: all that most files have */
	unsigned underway;        /* pieces */
	unsigned promised;        /* of those that all jobs may have; 0: one at a time */
};

/* Bytes of a large file on their way. */
struct cli_piece {
	struct cli_piece *next;
	struct cli_job *job;
	struct hythe_file *file;
	bool write;
	int to;               /* what is read goes to this file, at the same offset; -1: to `data` */
	int err;              /* of that file: an errno */
	uint64_t offset;
	size_t len, moved;
	uint64_t begun_us;
	uint8_t data[CLI_PIECE];
};

struct cli_jobs_ops {
	size_t size; /* of a job with all of its kind */
	/* Begins; what is behind the cli_job is that of an earlier file. Ends by cli_job_end, now or later. */
	void (*start)(struct cli_job *job);
	/* A piece is through, or failed: END_OF_FILE if there was less to read. Ends by cli_piece_free, and is not under way any more. */
	void (*moved)(struct cli_job *job, struct cli_piece *piece, ntstatus status);
};

/* NULL: no memory, which has been said. */
struct cli_jobs *cli_jobs_start(const struct cli_jobs_ops *ops, struct hythe_client *client, struct hythe_tree *tree, void *arg) HYTHE_MUST_USE;
/* From now on half of the files under way use this tree, of another connection of the client. */
void cli_jobs_use(struct cli_jobs *j, struct hythe_tree *also);
/* What is added from now on is of another directory. It waits for one of the connections, since two processes of a server are in one another's way in
 * one directory; whichever has nothing left to do helps the other. */
void cli_jobs_turn(struct cli_jobs *j);
/* A file to do; waits while too many are waiting. After an interruption nothing new is begun. False: no memory, which has been said. */
bool cli_jobs_add(struct cli_jobs *j, const char *from, const char *to, uint64_t size) HYTHE_MUST_USE;
/* Waits for all of them to be done. */
void cli_jobs_end(struct cli_jobs *j);
void *cli_jobs_arg(const struct cli_jobs *j);

/* The job's last act: its memory goes to the next. */
void cli_job_end(struct cli_job *job);
/* A large file, of which `bytes` are left: as many pieces as that takes, and as all jobs together leave. Where all are promised no further job
 * begins, so this is best known when a job starts. */
void cli_job_widen(struct cli_job *job, uint64_t bytes);
/* How many pieces the job may have, and may have under way now. */
unsigned cli_job_pieces_most(const struct cli_job *job);
unsigned cli_job_window(const struct cli_job *job);
/* NULL: no memory. */
struct cli_piece *cli_piece_new(struct cli_job *job) HYTHE_MUST_USE;
/* Reads or writes p->len bytes at p->offset, all of them in the end. When this fails the piece is gone. */
ntstatus cli_piece_go(struct cli_piece *p) HYTHE_MUST_USE;
void cli_piece_free(struct cli_piece *p);

#endif

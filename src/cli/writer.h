/* A thread that writes the pieces of one local file while the next are on their way: new pages of a file take longer to come by than their data from
 * a server nearby. */
#ifndef CLI_WRITER_H
#define CLI_WRITER_H

#include "cli/jobs.h"

struct cli_writer;

/* NULL: there is no thread to be had, and the caller writes himself. */
struct cli_writer *cli_writer_start(int fd);
/* The piece is the writer's until it is taken. */
void cli_writer_put(struct cli_writer *w, struct cli_piece *p);
/* One that is through, with 0 or an errno. NULL: none is; not with `wait`, which is for when there is one left. */
struct cli_piece *cli_writer_take(struct cli_writer *w, bool wait, int *err);
/* When all have been taken. NULL is allowed. */
void cli_writer_end(struct cli_writer *w);

#endif

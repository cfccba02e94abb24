/* What the subcommands of `hythe` share: their table, URLs, the options all clients have, logging on, output for people and
 * programs, interruption. A subcommand is `int cmd_x(int argc, char **argv)` with argv[0] its own name; it returns the exit
 * status: CLI_OK, CLI_FAILED, or CLI_USAGE when it was called wrongly. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/bytes.h"

#include <hythe/client.h>
#include <stdio.h>

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

int cmd_cat(int argc, char **argv);
int cmd_get(int argc, char **argv);
int cmd_ls(int argc, char **argv);
int cmd_mkdir(int argc, char **argv);
int cmd_mv(int argc, char **argv);
int cmd_put(int argc, char **argv);
int cmd_rm(int argc, char **argv);
int cmd_rmdir(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_shares(int argc, char **argv);
int cmd_stat(int argc, char **argv);
int cmd_tree(int argc, char **argv);
int cmd_user(int argc, char **argv);

#endif

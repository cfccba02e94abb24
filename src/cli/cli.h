/* What the subcommands of `hythe` share: their table, URLs, the options all clients have, logging on, output for people and
 * programs, interruption. A subcommand is `int cmd_x(int argc, char **argv)` with argv[0] its own name; it returns the exit
 * status: CLI_OK, CLI_FAILED, or CLI_USAGE when it was called wrongly. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/bytes.h"

#include <hythe/client.h>
#include <stdio.h>
#include <sys/types.h>

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

int cmd_bench(int argc, char **argv);
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
int cmd_status(int argc, char **argv);
int cmd_stat(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_tree(int argc, char **argv);
int cmd_user(int argc, char **argv);

/* --- arguments (args.c) --- */

/* A command's own options: flags without a value. */
struct cli_flag {
	char letter;
	const char *name;
	const char *help;
};
/* And those that have one. */
struct cli_option {
	const char *name, *value, *help;
};
enum { CLI_OPTIONS_MAX = 16 };
struct cli_spec {
	const char *name, *synopsis, *text;
	const struct cli_flag *flags; /* ends with letter 0 */
	const struct cli_option *options; /* ends with name NULL; may be NULL */
	int least, most;              /* operands; most -1: any number */
	bool client;                  /* takes the options for connecting */
};
struct cli_args {
	const struct cli_spec *spec;
	char **operands;
	int count;
	bool json, quiet, encrypt, sign_optional, guest, anonymous, trace, nbss, no_spnego;
	uint16_t min_dialect, max_dialect;
	const char *password_file;
	unsigned timeout_s;
	uint64_t set; /* flags that were given, by their index */
	const char *values[CLI_OPTIONS_MAX]; /* of spec->options, by their index */
};
/* -1: go on; else the exit status, and everything has been said. */
int cli_args_parse(struct cli_args *a, const struct cli_spec *spec, int argc, char **argv);
bool cli_flag_set(const struct cli_args *a, char letter);
/* What --NAME of the spec's options was given; NULL: it was not. */
const char *cli_option_value(const struct cli_args *a, const char *name);
/* "3.1.1", or "2.1-3.0" for a range. */
bool cli_dialect_parse(const char *text, uint16_t *least, uint16_t *most) HYTHE_MUST_USE;
const char *cli_dialect_name(uint16_t dialect);

/* --- URLs (url.c): smb://[DOMAIN;]USER@HOST[:PORT]/SHARE/PATH, percent-encoded --- */

struct cli_url {
	char *domain, *user; /* NULL: not given */
	char *host, *share;  /* share "": not given */
	char *path;          /* within the share, '/' between components, none at the ends */
	bool directory;      /* a slash ended it */
	uint16_t port;       /* 0: the usual one */
};
/* why: a sentence on failure. */
bool cli_url_parse(struct cli_url *u, const char *text, char *why, size_t cap) HYTHE_MUST_USE;
void cli_url_free(struct cli_url *u);
/* The last component of a path; "" for the root. */
const char *cli_base_name(const char *path);
/* a "/" b, malloc'ed; either may be empty. NULL: out of memory, which has been said. */
char *cli_path_join(const char *a, const char *b) HYTHE_MUST_USE;

/* --- connections (connect.c) --- */

struct cli_trace;
struct cli_link {
	struct cli_trace *trace; /* is told all packets; NULL: none. The command's own, or one for --trace */
	bool own_trace;          /* the latter: it ends with the link */
	const struct hythe_connect_options *options; /* the command's own, from cli_link_options; NULL: made anew for each server */
	struct hythe_client *client;
	struct hythe_session *session;
	struct hythe_tree *tree;
	struct cli_url url; /* whom it leads to; its path means nothing */
};
/* Parses a URL, and says what is wrong with it. with_share: it must name one. */
bool cli_link_url(struct cli_url *u, const char *text, bool with_share) HYTHE_MUST_USE;
/* What the options and the URL say of connecting. Asks for the password, which goes to `password` and is to be wiped by the caller. */
bool cli_link_options(struct hythe_connect_options *o, const struct cli_args *a, const struct cli_url *u, char *password, size_t cap)
	HYTHE_MUST_USE;
/* Connects and logs on, or stays where it is if that is the same server, user and share. Says why not. Connects to the share
 * if the URL names one. */
bool cli_link_open(struct cli_link *l, const struct cli_args *a, const struct cli_url *u) HYTHE_MUST_USE;
void cli_link_close(struct cli_link *l);
/* SMB1 has each step in a message of its own. */
bool cli_link_smb1(const struct cli_link *l);
/* SMB2, and messages are neither signed nor encrypted (unless the share demands it). */
bool cli_link_plain(const struct cli_link *l);
/* "hythe: cannot VERB NAME: what the library says"; always false. */
bool cli_link_failed(const struct cli_link *l, const char *verb, const char *name);
enum { CLI_PASSWORD_BYTES = 1024 };
/* Reads the first line of a file, HYTHE_PASSWORD, or asks on the terminal. To be wiped by the caller. */
bool cli_password(const char *file, const char *prompt, char *out, size_t cap) HYTHE_MUST_USE;

/* --- directories on the server (walk.c) --- */

struct cli_entry {
	char *name;
	struct hythe_stat stat;
};
struct cli_list {
	struct cli_entry *entries; /* by name */
	size_t count, cap;
};
ntstatus cli_list_read(struct cli_list *list, struct hythe_tree *tree, const char *path) HYTHE_MUST_USE;
void cli_list_free(struct cli_list *list);
/* Whether a listing may be followed into it: a directory that is no link to somewhere else. */
bool cli_is_plain_directory(const struct hythe_stat *s);

/* --- output (output.c) --- */

/* A name for people: what could steer a terminal is shown as '?' if that is where it goes. */
void cli_put_name(FILE *out, const char *name);
/* "hythe: cannot VERB PATH: what errno says"; always false. */
bool cli_failed_errno(const char *verb, const char *path);
void cli_json_string(FILE *out, const char *text);
/* {"name": ..., ...} of a file. */
void cli_json_entry(FILE *out, const char *key, const char *name, const struct hythe_stat *s);
/* "2026-01-31 13:59:00" local time, "-" for 0. */
void cli_time_text(char out[32], uint64_t filetime);
/* "1.5 GiB" */
void cli_size_text(char out[32], uint64_t bytes);
/* "dhsra" with a dash for what is not set. */
void cli_attributes_text(char out[16], uint32_t attributes);

/* --- progress (progress.c): a line on standard error while it is a terminal --- */

struct cli_progress {
	bool shown, on;
	const char *name;
	uint64_t total, done; /* total 0: not known */
	uint64_t start_ms, last_ms;
};
void cli_progress_start(struct cli_progress *p, const struct cli_args *a, const char *name, uint64_t total);
void cli_progress_add(struct cli_progress *p, uint64_t bytes);
void cli_progress_end(struct cli_progress *p);

/* --- interruption (interrupt.c) --- */

/* From here on SIGINT, SIGTERM and SIGHUP only set a flag, the first time; the second time they end the process. */
void cli_interrupt_catch(void);
bool cli_interrupted(void);
/* Ends the process by the signal that came, now that everything is cleaned up. Returns if there was none. */
void cli_interrupt_end(void);

/* --- moving data (copy.c) --- */

/* Takes the next piece, in order; false ends the copy. */
typedef bool cli_sink_fn(void *arg, const void *data, size_t len);
/* Reads [from, size) of a file, several pieces at a time. SUCCESS, CANCELLED after an interruption or when the sink refused,
 * END_OF_FILE when the file became shorter. */
ntstatus cli_pull(struct cli_link *l, struct hythe_file *f, uint64_t from, uint64_t size, cli_sink_fn *sink, void *arg,
	struct cli_progress *p) HYTHE_MUST_USE;

/* --- local files (local.c) --- */

/* A file that gets its name only when it is complete. */
struct cli_local_file {
	int fd;
	char *temp;  /* NULL: it has no name at all yet */
	char *final;
};
bool cli_local_create(struct cli_local_file *f, const char *path);
/* Gives it its name; says why not. */
bool cli_local_finish(struct cli_local_file *f);
void cli_local_abandon(struct cli_local_file *f);
bool cli_local_set_times(int fd, const struct hythe_stat *s);
/* Characters that Windows cannot hold, to and from the private use area, as macOS, Linux and Hythe's server do: U+F000 + c.
 * malloc'ed. */
char *cli_name_to_share(const char *local);
char *cli_name_to_local(const char *remote);

#endif

/* `hythe get`: copies files from a server. A file has its name only when it is complete; nothing is resumed. */
#include "cli/copying.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

static const struct cli_flag flags[] = {
	{'r', "recursive", "a directory and everything below it"},
	{'p', "preserve", "keep the times of the last change and access"},
	{0, NULL, NULL},
};
static const struct cli_spec spec = {
	.name = "get", .synopsis = "[OPTION]... URL [LOCAL]", .text = "Copies a file from a server to LOCAL: a new name, or an existing "
	"directory (default: the\npresent one).", .flags = flags, .least = 1, .most = 2, .client = true};

static void get_tree(struct cli_copying *c, const char *remote, const char *target, unsigned depth);

static void get_entry(struct cli_copying *c, const char *remote, const char *target, const struct cli_entry *e, unsigned depth)
{
	char *name = cli_name_to_local(e->name);
	char *from = cli_path_join(remote, e->name), *to = name ? cli_path_join(target, name) : NULL;
	if (!from || !to)
		c->failed = true;
	else if (cli_is_plain_directory(&e->stat))
		get_tree(c, from, to, depth + 1);
	else if (e->stat.directory)
		fprintf(stderr, "hythe: \"%s\" leads to another place and is left out\n", from);
	else
		cli_copy_add(c, from, to, e->stat.size_bytes);
	free(name);
	free(from);
	free(to);
}

static void get_tree(struct cli_copying *c, const char *remote, const char *target, unsigned depth)
{
	struct cli_list list;
	if (depth >= CLI_DEPTH_MAX || (mkdir(target, 0777) != 0 && errno != EEXIST)) {
		if (depth >= CLI_DEPTH_MAX)
			errno = ENAMETOOLONG;
		cli_failed_errno("make", target);
		c->failed = true;
		return;
	}
	if (!nt_ok(cli_list_read(&list, c->link->tree, remote))) {
		cli_link_failed(c->link, "list", remote);
		c->failed = true;
		return;
	}
	cli_jobs_turn(c->jobs);
	for (size_t i = 0; i < list.count && !cli_interrupted(); i++)
		get_entry(c, remote, target, &list.entries[i], depth);
	cli_list_free(&list);
}

/* LOCAL, or its name in LOCAL if that is a directory. */
static char *target_of(struct cli_link *l, const struct cli_url *u, const char *local)
{
	struct stat st;
	(void)l;
	if (!local)
		local = ".";
	if (strcmp(local, "-") == 0) {
		fputs("hythe: \"hythe cat\" writes a file to standard output; one of this name would be ./-\n", stderr);
		return NULL;
	}
	size_t n = strlen(local);
	if ((stat(local, &st) != 0 || !S_ISDIR(st.st_mode)) && (n == 0 || local[n - 1] != '/'))
		return strdup(local);
	char *name = cli_name_to_local(u->path[0] ? cli_base_name(u->path) : u->share);
	char *path = name ? cli_path_join(local, name) : NULL;
	free(name);
	return path;
}

static void get(struct cli_copying *c, const char *remote, const char *local, const char *target)
{
	struct hythe_stat s = {.size_bytes = CLI_SIZE_UNKNOWN};
	(void)local;
	if (cli_flag_set(c->args, 'r') && !nt_ok(hythe_stat(c->link->tree, remote, &s))) {
		cli_link_failed(c->link, "open", remote);
		c->failed = true;
		return;
	}
	c->single = !s.directory;
	if (c->single)
		cli_copy_add(c, remote, target, s.size_bytes);
	else
		get_tree(c, remote, target, 0);
}

static const struct cli_copy_command command = {
	.spec = &spec, .url = 0, .local = 1, .ops = &cli_get_file, .target_of = target_of, .walk = get};

int cmd_get(int argc, char **argv)
{
	return cli_copy(&command, argc, argv);
}

/* `hythe rm`: deletes files, and with -r directories and all below them. Links to other places are deleted, not followed. */
#include "cli/cli.h"

#include <stdlib.h>

enum { DEPTH_MAX = 200 };

static const struct cli_flag flags[] = {
	{'r', "recursive", "directories and everything below them too"},
	{'f', "force", "it is no error if there is no such file"},
	{0, NULL, NULL},
};
static const struct cli_spec spec = {
	.name = "rm", .synopsis = "[OPTION]... URL...", .text = "Deletes files.", .flags = flags, .least = 1, .most = -1, .client = true};

static bool remove_all(struct cli_link *l, const char *path, const struct hythe_stat *s, unsigned depth);

static bool remove_below(struct cli_link *l, const char *path, unsigned depth)
{
	struct cli_list list;
	bool ok = true;
	if (depth >= DEPTH_MAX) {
		fprintf(stderr, "hythe: deeper than %d directories, not deleted\n", DEPTH_MAX);
		return false;
	}
	if (!nt_ok(cli_list_read(&list, l->tree, path)))
		return cli_link_failed(l, "list", path);
	for (size_t i = 0; i < list.count; i++) {
		char *sub = cli_path_join(path, list.entries[i].name);
		ok &= sub && remove_all(l, sub, &list.entries[i].stat, depth + 1);
		free(sub);
	}
	cli_list_free(&list);
	return ok;
}

static bool remove_all(struct cli_link *l, const char *path, const struct hythe_stat *s, unsigned depth)
{
	if (cli_is_plain_directory(s) && !remove_below(l, path, depth))
		return false;
	ntstatus status = s->directory ? hythe_rmdir(l->tree, path) : hythe_unlink(l->tree, path);
	return nt_ok(status) || cli_link_failed(l, "delete", path);
}

static bool absent(ntstatus status)
{
	return nt_is(status, STATUS_OBJECT_NAME_NOT_FOUND) || nt_is(status, STATUS_OBJECT_PATH_NOT_FOUND);
}

static bool remove_one(struct cli_link *l, const struct cli_args *a, const char *path)
{
	struct hythe_stat s;
	ntstatus status;
	if (!path[0]) {
		fputs("hythe: the root of a share is not deleted\n", stderr);
		return false;
	}
	if (!cli_flag_set(a, 'r')) {
		status = hythe_unlink(l->tree, path);
	} else {
		status = hythe_stat(l->tree, path, &s);
		if (nt_ok(status))
			return remove_all(l, path, &s, 0);
	}
	if (nt_ok(status) || (cli_flag_set(a, 'f') && absent(status)))
		return true;
	return cli_link_failed(l, "delete", path);
}

int cmd_rm(int argc, char **argv)
{
	struct cli_args a;
	struct cli_link link = {0};
	int status = cli_args_parse(&a, &spec, argc, argv);
	if (status >= 0)
		return status;
	status = CLI_OK;
	for (int i = 0; i < a.count && status != CLI_USAGE; i++) {
		struct cli_url u;
		if (!cli_link_url(&u, a.operands[i], true)) {
			status = CLI_USAGE;
			continue;
		}
		if (!cli_link_open(&link, &a, &u) || !remove_one(&link, &a, u.path))
			status = CLI_FAILED;
		cli_url_free(&u);
	}
	cli_link_close(&link);
	return status;
}

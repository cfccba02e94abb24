/* `hythe mkdir`: makes directories. */
#include "cli/cli.h"

#include <stdlib.h>

static const struct cli_flag flags[] = {
	{'p', "parents", "those above too, and it is no error if it exists"},
	{0, NULL, NULL},
};
static const struct cli_spec spec = {
	.name = "mkdir", .synopsis = "[OPTION]... URL...", .text = "Makes directories.", .flags = flags, .least = 1, .most = -1,
	.client = true};

/* Every prefix of the path in turn; those that exist are fine if they are directories. */
static ntstatus make_parents(struct hythe_tree *t, char *path)
{
	struct hythe_stat s;
	ntstatus status = STATUS_SUCCESS;
	for (char *p = path; nt_ok(status) && p; ) {
		p = strchr(p + 1, '/');
		if (p)
			*p = 0;
		status = hythe_mkdir(t, path);
		if (nt_is(status, STATUS_OBJECT_NAME_COLLISION)) {
			status = hythe_stat(t, path, &s);
			if (nt_ok(status) && !s.directory)
				status = STATUS_OBJECT_NAME_COLLISION;
		}
		if (p)
			*p = '/';
	}
	return status;
}

int cmd_mkdir(int argc, char **argv)
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
		if (!cli_link_open(&link, &a, &u))
			status = CLI_FAILED;
		else if (!nt_ok(cli_flag_set(&a, 'p') ? make_parents(link.tree, u.path) : hythe_mkdir(link.tree, u.path)))
			status = cli_link_failed(&link, "make", u.path) ? CLI_OK : CLI_FAILED;
		cli_url_free(&u);
	}
	cli_link_close(&link);
	return status;
}

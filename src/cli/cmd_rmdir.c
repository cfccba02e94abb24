/* `hythe rmdir`: deletes empty directories. */
#include "cli/cli.h"

static const struct cli_spec spec = {
	.name = "rmdir", .synopsis = "[OPTION]... URL...", .text = "Deletes empty directories.", .least = 1, .most = -1, .client = true};

int cmd_rmdir(int argc, char **argv)
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
		if (!cli_link_open(&link, &a, &u) ||
			(!nt_ok(hythe_rmdir(link.tree, u.path)) && !cli_link_failed(&link, "delete", u.path)))
			status = CLI_FAILED;
		cli_url_free(&u);
	}
	cli_link_close(&link);
	return status;
}

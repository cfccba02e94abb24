/* `hythe mv`: renames, or moves within a share. */
#include "cli/cli.h"

#include <stdlib.h>
#include <strings.h>

static const struct cli_flag flags[] = {
	{'f', "force", "replace a file of that name"},
	{0, NULL, NULL},
};
static const struct cli_spec spec = {
	.name = "mv", .synopsis = "[OPTION]... URL NEW", .text = "Renames a file or directory, or moves it within its share. NEW is a URL, or a "
	"path within the share; in an\nexisting directory the old name is kept.", .flags = flags, .least = 2, .most = 2, .client = true};

/* The new path: the one in the URL if that is the same share, or the text itself. */
static char *new_path(const struct cli_url *from, const char *text)
{
	struct cli_url to;
	if (strncmp(text, "smb://", 6) != 0) {
		text += strspn(text, "/");
		char *path = strdup(text);
		for (size_t n = path ? strlen(path) : 0; n > 0 && path[n - 1] == '/'; n--)
			path[n - 1] = 0;
		return path;
	}
	if (!cli_link_url(&to, text, true))
		return NULL;
	char *path = NULL;
	if (strcasecmp(from->host, to.host) != 0 || from->port != to.port || strcasecmp(from->share, to.share) != 0) {
		fputs("hythe: a file can be moved within one share only; use get and put\n", stderr);
	} else {
		path = to.path;
		to.path = NULL;
	}
	cli_url_free(&to);
	return path;
}

static bool move(struct cli_link *l, const struct cli_args *a, const char *from, const char *to)
{
	struct hythe_stat s;
	char *into = NULL;
	if (!to[0] || (nt_ok(hythe_stat(l->tree, to, &s)) && s.directory && strcasecmp(from, to) != 0))
		to = into = cli_path_join(to, cli_base_name(from));
	bool ok = to && nt_ok(hythe_rename(l->tree, from, to, cli_flag_set(a, 'f')));
	if (to && !ok)
		cli_link_failed(l, "move", from);
	free(into);
	return ok;
}

int cmd_mv(int argc, char **argv)
{
	struct cli_args a;
	struct cli_link link = {0};
	struct cli_url u;
	int status = cli_args_parse(&a, &spec, argc, argv);
	if (status >= 0)
		return status;
	if (!cli_link_url(&u, a.operands[0], true))
		return CLI_USAGE;
	char *to = new_path(&u, a.operands[1]);
	status = CLI_USAGE;
	if (to)
		status = cli_link_open(&link, &a, &u) && move(&link, &a, u.path, to) ? CLI_OK : CLI_FAILED;
	cli_link_close(&link);
	cli_url_free(&u);
	free(to);
	return status;
}

/* `hythe ls`: one directory of a share, or one file. */
#include "cli/cli.h"

#include <inttypes.h>

static const struct cli_flag flags[] = {
	{'l', "long", "attributes, size and time of the last change too"},
	{'a', "all", "hidden files too"},
	{0, NULL, NULL},
};
static const struct cli_spec spec = {
	.name = "ls", .synopsis = "[OPTION]... URL...", .text = "Lists a directory, or shows a file.", .flags = flags, .least = 1,
	.most = -1, .client = true};

struct listing {
	const struct cli_args *args;
	bool first; /* in the JSON array */
};

static void show(struct listing *l, const char *name, const struct hythe_stat *s)
{
	char attributes[16], time[32];
	if (!cli_flag_set(l->args, 'a') && (s->attributes & HYTHE_ATTRIBUTE_HIDDEN))
		return;
	if (l->args->json) {
		fputs(l->first ? "\n" : ",\n", stdout);
		l->first = false;
		cli_json_entry(stdout, "name", name, s);
		return;
	}
	if (cli_flag_set(l->args, 'l')) {
		cli_attributes_text(attributes, s->attributes);
		cli_time_text(time, s->last_write_time);
		printf("%s %14" PRIu64 "  %s  ", attributes, s->size_bytes, time);
	}
	cli_put_name(stdout, name);
	puts(s->directory ? "/" : "");
}

static bool list(struct listing *l, struct cli_link *link, const struct cli_url *u)
{
	struct cli_list entries;
	struct hythe_stat stat;
	ntstatus status = cli_list_read(&entries, link->tree, u->path);
	if (nt_ok(status)) {
		for (size_t i = 0; i < entries.count; i++)
			show(l, entries.entries[i].name, &entries.entries[i].stat);
		cli_list_free(&entries);
		return true;
	}
	if (nt_is(status, STATUS_NOT_A_DIRECTORY) && !u->directory)
		status = hythe_stat(link->tree, u->path, &stat);
	if (!nt_ok(status))
		return cli_link_failed(link, "list", u->path);
	show(l, cli_base_name(u->path), &stat);
	return true;
}

int cmd_ls(int argc, char **argv)
{
	struct cli_args a;
	struct cli_link link = {0};
	int status = cli_args_parse(&a, &spec, argc, argv);
	if (status >= 0)
		return status;
	struct listing l = {.args = &a, .first = true};
	status = CLI_OK;
	if (a.json)
		putchar('[');
	for (int i = 0; i < a.count; i++) {
		struct cli_url u;
		if (!cli_link_url(&u, a.operands[i], true)) {
			status = CLI_USAGE;
			break;
		}
		if (a.count > 1 && !a.json)
			printf("%s%s:\n", i ? "\n" : "", a.operands[i]);
		if (!cli_link_open(&link, &a, &u) || !list(&l, &link, &u))
			status = CLI_FAILED;
		cli_url_free(&u);
	}
	if (a.json)
		puts(l.first ? "]" : "\n]");
	cli_link_close(&link);
	return status;
}

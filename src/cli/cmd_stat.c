/* `hythe stat`: all that is known about a file. */
#include "cli/cli.h"

#include <inttypes.h>

static const struct cli_spec spec = {
	.name = "stat", .synopsis = "[OPTION]... URL...", .text = "Shows what is known about files and directories.", .least = 1,
	.most = -1, .client = true};

static void show_time(const char *what, uint64_t filetime)
{
	char text[32];
	cli_time_text(text, filetime);
	printf("  %s %s\n", what, text);
}

static void show(const char *name, const struct hythe_stat *s)
{
	char size[32], attributes[16];
	cli_size_text(size, s->size_bytes);
	cli_attributes_text(attributes, s->attributes);
	cli_put_name(stdout, name);
	printf("\n  type       %s\n  size       %" PRIu64 " bytes (%s), %" PRIu64 " allocated\n", s->directory ? "directory" : "file",
		s->size_bytes, size, s->allocated_bytes);
	printf("  attributes %s (0x%x)\n", attributes, s->attributes);
	show_time("created   ", s->creation_time);
	show_time("accessed  ", s->last_access_time);
	show_time("written   ", s->last_write_time);
	show_time("changed   ", s->change_time);
	printf("  links      %u\n  id         %" PRIx64 "\n", s->links, s->file_id);
}

int cmd_stat(int argc, char **argv)
{
	struct cli_args a;
	struct cli_link link = {0};
	bool first = true;
	int status = cli_args_parse(&a, &spec, argc, argv);
	if (status >= 0)
		return status;
	status = CLI_OK;
	if (a.json)
		putchar('[');
	for (int i = 0; i < a.count; i++) {
		struct cli_url u;
		struct hythe_stat s;
		if (!cli_link_url(&u, a.operands[i], true)) {
			status = CLI_USAGE;
			break;
		}
		if (!cli_link_open(&link, &a, &u) ||
			(!nt_ok(hythe_stat(link.tree, u.path, &s)) && !cli_link_failed(&link, "look at", u.path))) {
			status = CLI_FAILED;
		} else if (a.json) {
			fputs(first ? "\n" : ",\n", stdout);
			first = false;
			cli_json_entry(stdout, "path", u.path, &s);
		} else {
			show(u.path[0] ? u.path : u.share, &s);
		}
		cli_url_free(&u);
	}
	if (a.json)
		puts(first ? "]" : "\n]");
	cli_link_close(&link);
	return status;
}

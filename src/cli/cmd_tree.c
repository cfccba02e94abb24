/* `hythe tree`: a directory and everything below it. Links to other places are shown and not followed. */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdlib.h>

enum { DEPTH_MAX = 200 };

static const struct cli_flag flags[] = {
	{'a', "all", "hidden files too"},
	{'d', "directories", "directories only"},
	{0, NULL, NULL},
};
static const struct cli_spec spec = {
	.name = "tree", .synopsis = "[OPTION]... URL", .text = "Lists a directory and everything below it.", .flags = flags, .least = 1,
	.most = 1, .client = true};

struct walk {
	const struct cli_args *args;
	struct cli_link *link;
	char prefix[DEPTH_MAX * 6 + 1]; /* what leads to the present depth on the screen; a step has at most six bytes */
	size_t prefix_len;
	unsigned depth;
	uint64_t files, directories, bytes;
	bool first, failed;
};

static bool wanted(const struct walk *w, const struct hythe_stat *s)
{
	if (!cli_flag_set(w->args, 'a') && (s->attributes & HYTHE_ATTRIBUTE_HIDDEN))
		return false;
	return s->directory || !cli_flag_set(w->args, 'd');
}

static void show(struct walk *w, const char *path, const struct cli_entry *e, bool last)
{
	if (w->args->json) {
		fputs(w->first ? "\n" : ",\n", stdout);
		w->first = false;
		cli_json_entry(stdout, "path", path, &e->stat);
		return;
	}
	printf("%s%s ", w->prefix, last ? "\u2514\u2500" : "\u251c\u2500");
	cli_put_name(stdout, e->name);
	puts(e->stat.directory ? "/" : "");
}

static void visit(struct walk *w, const char *path);

static void descend(struct walk *w, const char *path, bool last)
{
	static const char bar[] = "\u2502  ", blank[] = "   ";
	size_t before = w->prefix_len;
	const char *step = last ? blank : bar;
	if (w->depth + 1 >= DEPTH_MAX) {
		fprintf(stderr, "hythe: deeper than %d directories, not shown\n", DEPTH_MAX);
		w->failed = true;
		return;
	}
	memcpy(w->prefix + before, step, strlen(step) + 1);
	w->prefix_len += strlen(step);
	w->depth++;
	visit(w, path);
	w->depth--;
	w->prefix_len = before;
	w->prefix[before] = 0;
}

static void visit(struct walk *w, const char *path)
{
	struct cli_list l;
	if (!nt_ok(cli_list_read(&l, w->link->tree, path))) {
		cli_link_failed(w->link, "list", path);
		w->failed = true;
		return;
	}
	size_t n = 0;
	for (size_t i = 0; i < l.count; i++) {
		if (wanted(w, &l.entries[i].stat))
			n = i + 1;
	}
	for (size_t i = 0; i < n; i++) {
		const struct cli_entry *e = &l.entries[i];
		char *sub = wanted(w, &e->stat) ? cli_path_join(path, e->name) : NULL;
		if (!sub)
			continue;
		show(w, sub, e, i + 1 == n);
		if (e->stat.directory)
			w->directories++;
		else
			w->files++;
		w->bytes += e->stat.directory ? 0 : e->stat.size_bytes;
		if (cli_is_plain_directory(&e->stat))
			descend(w, sub, i + 1 == n);
		free(sub);
	}
	cli_list_free(&l);
}

int cmd_tree(int argc, char **argv)
{
	struct cli_args a;
	struct cli_link link = {0};
	struct cli_url u;
	char size[32];
	int status = cli_args_parse(&a, &spec, argc, argv);
	if (status >= 0)
		return status;
	if (!cli_link_url(&u, a.operands[0], true))
		return CLI_USAGE;
	status = CLI_FAILED;
	if (cli_link_open(&link, &a, &u)) {
		struct walk w = {.args = &a, .link = &link, .first = true};
		if (a.json)
			putchar('[');
		else
			puts(a.operands[0]);
		visit(&w, u.path);
		cli_size_text(size, w.bytes);
		if (a.json)
			puts(w.first ? "]" : "\n]");
		else
			printf("%" PRIu64 " directories, %" PRIu64 " files, %s\n", w.directories, w.files, size);
		status = w.failed ? CLI_FAILED : CLI_OK;
	}
	cli_link_close(&link);
	cli_url_free(&u);
	return status;
}

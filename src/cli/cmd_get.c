/* `hythe get`: copies files from a server. A file has its name only when it is complete; nothing is resumed. */
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 200, FIRST_BYTES = 65536 };

static const struct cli_flag flags[] = {
	{'r', "recursive", "a directory and everything below it"},
	{'p', "preserve", "keep the times of the last change and access"},
	{0, NULL, NULL},
};
static const struct cli_spec spec = {
	.name = "get", .synopsis = "[OPTION]... URL [LOCAL]", .text = "Copies a file from a server to LOCAL: a new name, or an existing "
	"directory (default: the\npresent one).", .flags = flags, .least = 1, .most = 2, .client = true};

struct getting {
	struct cli_link *link;
	const struct cli_args *args;
	struct cli_jobs *jobs;          /* of a recursive copy */
	struct cli_progress *all;       /* the same; NULL: each file has its own */
	_Atomic uint64_t files, bytes;
	_Atomic bool failed;
};

struct sink {
	int fd;
	const char *name;
};

static bool to_file(void *arg, const void *data, size_t len)
{
	struct sink *s = arg;
	const char *p = data;
	while (len > 0) {
		ssize_t n = write(s->fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cli_failed_errno("write", s->name);
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* A file that is open, with the first of its bytes. */
struct opened {
	struct hythe_file *file;
	struct hythe_stat stat;
	uint8_t *first;
	size_t first_len;
};

/* Opens and reads the beginning in one round trip: for most files that is all of it. */
static bool open_remote(struct getting *g, const char *remote, struct opened *o)
{
	struct hythe_open_params p;
	hythe_open_params_init(&p, remote, HYTHE_READ_DATA | HYTHE_READ_ATTRIBUTES | HYTHE_SYNCHRONIZE);
	p.options = HYTHE_OPTION_NON_DIRECTORY | HYTHE_OPTION_SEQUENTIAL_ONLY;
	p.smb1_open_andx = !cli_flag_set(g->args, 'p'); /* which does not tell times as they are */
	*o = (struct opened){.first = malloc(FIRST_BYTES)};
	struct hythe_step steps[] = {
		{.kind = HYTHE_STEP_OPEN, .open = &p, .keep = true},
		{.kind = HYTHE_STEP_READ, .buffer = o->first, .len = FIRST_BYTES},
	};
	ntstatus status = o->first ? hythe_chain(g->link->tree, steps, ARRAY_LEN(steps)) : STATUS_NO_MEMORY;
	o->file = steps[0].file;
	o->stat = steps[0].opened.stat;
	o->first_len = steps[1].bytes;
	if (nt_is(status, STATUS_END_OF_FILE) && o->file)
		status = STATUS_SUCCESS; /* an empty one */
	if (nt_ok(status))
		return true;
	cli_link_failed(g->link, "read", remote);
	hythe_file_free(o->file);
	free(o->first);
	return false;
}

static ntstatus pull_all(struct getting *g, const struct opened *o, struct sink *sink, struct cli_progress *progress)
{
	uint64_t size = o->stat.size_bytes;
	size_t first = o->first_len < size ? o->first_len : (size_t)size;
	if (first > 0 && !to_file(sink, o->first, first))
		return STATUS_CANCELLED;
	cli_progress_add(progress, first);
	return cli_pull(g->link, o->file, first, size, to_file, sink, progress);
}

static bool pull_into(struct getting *g, const struct opened *o, struct cli_local_file *local, const char *remote)
{
	struct cli_progress own;
	struct sink sink = {local->fd, local->final};
	if (!g->all)
		cli_progress_start(&own, g->args, cli_base_name(remote), o->stat.size_bytes);
	ntstatus status = pull_all(g, o, &sink, g->all ? g->all : &own);
	if (!g->all)
		cli_progress_end(&own);
	if (!nt_ok(status)) {
		if (nt_is(status, STATUS_END_OF_FILE))
			fprintf(stderr, "hythe: \"%s\" became shorter while it was being read\n", remote);
		else if (!nt_is(status, STATUS_CANCELLED))
			cli_link_failed(g->link, "read", remote);
		return false;
	}
	if (cli_flag_set(g->args, 'p') && !cli_local_set_times(local->fd, &o->stat))
		return cli_failed_errno("set the times of", local->final);
	return true;
}

static void get_file(void *arg, const char *remote, const char *target)
{
	struct getting *g = arg;
	struct opened o;
	struct cli_local_file local;
	bool ok = open_remote(g, remote, &o);
	if (!ok) {
		g->failed = true;
		return;
	}
	ok = cli_local_create(&local, target);
	if (ok) {
		ok = pull_into(g, &o, &local, remote);
		if (ok)
			ok = cli_local_finish(&local);
		else
			cli_local_abandon(&local);
	}
	ntstatus closed = hythe_close(o.file, NULL);
	if (ok && !nt_ok(closed))
		ok = cli_link_failed(g->link, "close", remote);
	free(o.first);
	if (!ok) {
		g->failed = true;
		return;
	}
	g->files++;
	g->bytes += o.stat.size_bytes;
}

static void get_tree(struct getting *g, const char *remote, const char *target, unsigned depth);

static void get_entry(struct getting *g, const char *remote, const char *target, const struct cli_entry *e, unsigned depth)
{
	char *name = cli_name_to_local(e->name);
	char *from = cli_path_join(remote, e->name), *to = name ? cli_path_join(target, name) : NULL;
	if (!from || !to)
		g->failed = true;
	else if (cli_is_plain_directory(&e->stat))
		get_tree(g, from, to, depth + 1);
	else if (e->stat.directory)
		fprintf(stderr, "hythe: \"%s\" leads to another place and is left out\n", from);
	else
		cli_jobs_add(g->jobs, from, to);
	free(name);
	free(from);
	free(to);
}

static void get_tree(struct getting *g, const char *remote, const char *target, unsigned depth)
{
	struct cli_list list;
	if (depth >= DEPTH_MAX || (mkdir(target, 0777) != 0 && errno != EEXIST)) {
		if (depth >= DEPTH_MAX)
			errno = ENAMETOOLONG;
		cli_failed_errno("make", target);
		g->failed = true;
		return;
	}
	if (!nt_ok(cli_list_read(&list, g->link->tree, remote))) {
		cli_link_failed(g->link, "list", remote);
		g->failed = true;
		return;
	}
	for (size_t i = 0; i < list.count && !cli_interrupted(); i++)
		get_entry(g, remote, target, &list.entries[i], depth);
	cli_list_free(&list);
}

/* LOCAL, or its name in LOCAL if that is a directory. */
static char *target_of(const struct cli_url *u, const char *local)
{
	struct stat st;
	if (!local)
		local = ".";
	size_t n = strlen(local);
	if ((stat(local, &st) != 0 || !S_ISDIR(st.st_mode)) && (n == 0 || local[n - 1] != '/'))
		return strdup(local);
	char *name = cli_name_to_local(u->path[0] ? cli_base_name(u->path) : u->share);
	char *path = name ? cli_path_join(local, name) : NULL;
	free(name);
	return path;
}

static void get_recursively(struct getting *g, const char *remote, const char *target)
{
	struct cli_progress all;
	g->jobs = cli_jobs_start(get_file, g);
	if (!g->jobs) {
		g->failed = true;
		return;
	}
	g->all = &all;
	cli_progress_start(&all, g->args, cli_base_name(target), 0);
	get_tree(g, remote, target, 0);
	cli_jobs_end(g->jobs);
	cli_progress_end(&all);
}

static void get(struct getting *g, const struct cli_url *u, const char *target)
{
	struct hythe_stat s;
	if (!cli_flag_set(g->args, 'r')) {
		get_file(g, u->path, target);
		return;
	}
	if (!nt_ok(hythe_stat(g->link->tree, u->path, &s))) {
		cli_link_failed(g->link, "open", u->path);
		g->failed = true;
	} else if (s.directory) {
		get_recursively(g, u->path, target);
	} else {
		get_file(g, u->path, target);
	}
}

int cmd_get(int argc, char **argv)
{
	struct cli_args a;
	struct cli_link link = {0};
	struct cli_url u;
	int status = cli_args_parse(&a, &spec, argc, argv);
	if (status >= 0)
		return status;
	if (!cli_link_url(&u, a.operands[0], true))
		return CLI_USAGE;
	struct getting g = {.link = &link, .args = &a, .failed = true};
	char *target = target_of(&u, a.count > 1 ? a.operands[1] : NULL);
	if (target && cli_link_open(&link, &a, &u)) {
		g.failed = false;
		cli_interrupt_catch();
		get(&g, &u, target);
	}
	if (a.json)
		printf("{\"files\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"complete\":%s}\n", g.files, g.bytes, g.failed ? "false" : "true");
	cli_link_close(&link);
	cli_url_free(&u);
	free(target);
	cli_interrupt_end();
	return g.failed ? CLI_FAILED : CLI_OK;
}

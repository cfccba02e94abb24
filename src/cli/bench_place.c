/* The directory in which `hythe bench` works: made for one run with a name that nobody else has, filled, and deleted again by the names
 * that it gave, so that nothing else is ever touched. What fails on the way is cleaned up over a new connection. */
#include "cli/bench_cmd.h"

#include "base/random.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST_BELOW = 100, DELETE_DEPTH = 16, FILL_BLOCK = 1 << 20, TRIES = 30, BETWEEN_TRIES_NS = 100000000 };

static bool say_failed(const char *verb, const char *name, const char *why, const char *hint)
{
	fprintf(stderr, "hythe: cannot %s \"", verb);
	cli_put_name(stderr, name);
	fprintf(stderr, "\": %s%s\n", why, hint);
	return false;
}

static const char *hint_for(ntstatus status)
{
	if (nt_is(status, STATUS_ACCESS_DENIED) || nt_is(status, STATUS_MEDIA_WRITE_PROTECTED))
		return "; name a directory that you may write to, or take --test echo,logins, which write nothing";
	if (nt_is(status, STATUS_DISK_FULL))
		return "; a smaller --size may fit";
	if (nt_is(status, STATUS_OBJECT_PATH_NOT_FOUND) || nt_is(status, STATUS_OBJECT_NAME_NOT_FOUND))
		return "; 'hythe mkdir' makes the directory that the URL names";
	return "";
}

static bool make_directory(struct bench_place *p, const char *path)
{
	ntstatus status = hythe_mkdir(p->link->tree, path);
	return nt_ok(status) || say_failed("make the directory", path, hythe_client_error(p->link->client), hint_for(status));
}

static bool run(struct bench_config *c, const char *verb, const char *name)
{
	struct bench_result *r = calloc(1, sizeof(*r));
	bool ok = r && bench_run(c, r);
	if (!ok)
		say_failed(verb, name, r ? r->why : "out of memory", r ? hint_for(r->status) : "");
	free(r);
	return ok && !(c->stop && c->stop());
}

static bool make_file(struct bench_place *p, uint64_t bytes)
{
	struct hythe_open_params o;
	struct hythe_file *f;
	struct bench_config c = p->base;
	hythe_open_params_init(&o, p->file, HYTHE_WRITE_DATA);
	o.disposition = HYTHE_CREATE;
	o.options = HYTHE_OPTION_NON_DIRECTORY;
	ntstatus status = hythe_open(p->link->tree, &o, &f, NULL);
	if (!nt_ok(status) || !nt_ok(status = hythe_close(f, NULL)))
		return say_failed("make", p->file, hythe_client_error(p->link->client), hint_for(status));
	c.test = "write";
	c.file = p->file;
	c.file_bytes = bytes;
	c.block_bytes = bytes < FILL_BLOCK ? (size_t)bytes : FILL_BLOCK;
	c.depth = 8;
	c.limit = (bytes + c.block_bytes - 1) / c.block_bytes;
	/* Whole blocks: what is left over at the end of the file is not in any test either. */
	c.file_bytes = c.limit * c.block_bytes;
	return run(&c, "fill", p->file);
}

static bool make_names(struct bench_place *p)
{
	struct bench_config c = p->base;
	c.test = "create";
	c.dir = p->names;
	c.depth = DELETE_DEPTH;
	c.limit = BENCH_NAMES;
	return run(&c, "fill the directory", p->names);
}

bool bench_place_make(struct bench_place *p, uint64_t file_bytes, bool names)
{
	const char *above = p->url->path;
	if (strlen(above) + LONGEST_BELOW > BENCH_PATH) {
		fputs("hythe: the path of the directory is too long\n", stderr);
		return false;
	}
	int n = snprintf(p->path, sizeof(p->path), "%s%shythe-bench-%016" PRIx64, above, above[0] ? "/" : "", random_u64());
	snprintf(p->file, sizeof(p->file), "%.*s/data", n, p->path);
	snprintf(p->names, sizeof(p->names), "%.*s/names", n, p->path);
	snprintf(p->fresh, sizeof(p->fresh), "%.*s/new", n, p->path);
	if (!make_directory(p, p->path))
		return false;
	p->made = true;
	if (!p->args->quiet && isatty(STDERR_FILENO))
		fputs("Making the files of the test\n", stderr);
	return make_directory(p, p->names) && make_directory(p, p->fresh) && (file_bytes == 0 || make_file(p, file_bytes)) &&
	       (!names || make_names(p));
}

static bool is_gone(ntstatus status)
{
	return nt_ok(status) || nt_is(status, STATUS_OBJECT_NAME_NOT_FOUND) || nt_is(status, STATUS_OBJECT_PATH_NOT_FOUND);
}

/* The paths of those files in a directory that have names of ours. */
static ntstatus our_files(struct bench_place *p, const char *dir, struct cli_list *list)
{
	size_t kept = 0;
	ntstatus status = cli_list_read(list, p->link->tree, dir);
	for (size_t i = 0; nt_ok(status) && i < list->count; i++) {
		struct cli_entry *e = &list->entries[i];
		bool ours = !e->stat.directory && (strncmp(e->name, "file-", 5) == 0 || strncmp(e->name, "new-", 4) == 0);
		char *path = ours ? cli_path_join(dir, e->name) : NULL;
		free(e->name);
		if (path)
			list->entries[kept++].name = path;
	}
	list->count = kept;
	return status;
}

/* What a connection that was lost had open may keep a name for a moment. */
static ntstatus remove_directory(struct bench_place *p, const char *dir)
{
	static const struct timespec wait = {.tv_nsec = BETWEEN_TRIES_NS};
	ntstatus status = hythe_rmdir(p->link->tree, dir);
	for (unsigned i = 0; i < TRIES && nt_is(status, STATUS_DIRECTORY_NOT_EMPTY); i++) {
		nanosleep(&wait, NULL);
		status = hythe_rmdir(p->link->tree, dir);
	}
	return status;
}

static bool empty(struct bench_place *p, const char *dir)
{
	struct bench_config c = p->base;
	struct cli_list list;
	bool ok = true;
	ntstatus status = our_files(p, dir, &list);
	if (!nt_ok(status))
		return is_gone(status);
	char **paths = calloc(list.count + 1, sizeof(*paths));
	for (size_t i = 0; paths && i < list.count; i++)
		paths[i] = list.entries[i].name;
	if (paths && list.count > 0) {
		struct bench_result *r = calloc(1, sizeof(*r));
		c.test = "delete";
		c.list = paths;
		c.depth = DELETE_DEPTH;
		c.limit = list.count;
		c.stop = NULL;
		ok = r && bench_run(&c, r);
		free(r);
	}
	cli_list_free(&list);
	ok &= paths != NULL && is_gone(remove_directory(p, dir));
	free(paths);
	return ok;
}

static bool remove_all(struct bench_place *p)
{
	return empty(p, p->names) && empty(p, p->fresh) && is_gone(hythe_unlink(p->link->tree, p->file)) && is_gone(remove_directory(p, p->path));
}

bool bench_place_remove(struct bench_place *p)
{
	if (!p->made || remove_all(p))
		return true;
	cli_link_close(p->link);
	bool back = cli_link_open(p->link, p->args, p->url); /* or it has said why not */
	if (back && remove_all(p))
		return true;
	if (back)
		say_failed("delete", p->path, hythe_client_error(p->link->client), "");
	fputs("hythe: \"", stderr);
	cli_put_name(stderr, p->path);
	fputs("\" is left on the server; 'hythe rm -r' deletes it\n", stderr);
	return false;
}

/* `hythe put`: copies files to a server, as put_file.c does it with each; nothing is resumed. */
#include "cli/copying.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

static const struct cli_flag flags[] = {
	{'r', "recursive", "a directory and everything below it"},
	{'p', "preserve", "keep the times of the last change and access"},
	{0, NULL, NULL},
};
static const struct cli_spec spec = {
	.name = "put", .synopsis = "[OPTION]... LOCAL URL", .text = "Copies a local file, or standard input if LOCAL is -, to a server. The URL "
	"names the new file,\nor a directory that exists.", .flags = flags, .least = 2, .most = 2, .client = true};

static bool ensure_directory(struct cli_copying *c, const char *remote)
{
	struct hythe_stat s;
	if (!remote[0])
		return true;
	ntstatus status = hythe_mkdir(c->link->tree, remote);
	if (nt_ok(status))
		return true;
	if (nt_is(status, STATUS_OBJECT_NAME_COLLISION) && nt_ok(hythe_stat(c->link->tree, remote, &s)) && s.directory)
		return true;
	return cli_link_failed(c->link, "make", remote);
}

static void put_tree(struct cli_copying *c, const char *local, const char *remote, unsigned depth);

/* What an entry is, links followed; the directory often tells it at once. */
static bool kind_of(const char *path, const struct dirent *d, mode_t *mode)
{
	struct stat st;
	*mode = (mode_t)DTTOIF(d->d_type);
	if (S_ISREG(*mode) || S_ISDIR(*mode))
		return true;
	if (stat(path, &st) != 0)
		return cli_failed_errno("read", path);
	*mode = st.st_mode;
	return true;
}

static void put_entry(struct cli_copying *c, const char *local, const char *remote, const struct dirent *d, unsigned depth)
{
	mode_t mode;
	char *shared = cli_name_to_share(d->d_name);
	char *from = cli_path_join(local, d->d_name), *to = shared ? cli_path_join(remote, shared) : NULL;
	if (!from || !to || !kind_of(from, d, &mode)) {
		c->failed = true;
	} else if (S_ISDIR(mode)) {
		put_tree(c, from, to, depth + 1);
	} else if (S_ISREG(mode)) {
		cli_copy_add(c, from, to, CLI_SIZE_UNKNOWN);
	} else {
		fprintf(stderr, "hythe: \"%s\" is no regular file and is left out\n", from);
		c->failed = true;
	}
	free(shared);
	free(from);
	free(to);
}

static int skip_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

static void put_tree(struct cli_copying *c, const char *local, const char *remote, unsigned depth)
{
	struct dirent **names;
	int n = -1;
	if (depth >= CLI_DEPTH_MAX)
		errno = ELOOP;
	else
		n = scandir(local, &names, skip_dots, alphasort);
	if (n < 0) {
		c->failed = true;
		cli_failed_errno("read", local);
		return;
	}
	bool made = ensure_directory(c, remote);
	cli_jobs_turn(c->jobs);
	if (!made)
		c->failed = true;
	for (int i = 0; i < n; i++) {
		if (made && !cli_interrupted())
			put_entry(c, local, remote, names[i], depth);
		free(names[i]);
	}
	free(names);
}

/* The URL's path, or the file's name in it if that is a directory. */
static char *target_of(struct cli_link *l, const struct cli_url *u, const char *local)
{
	struct hythe_stat s;
	bool directory = !u->path[0] || u->directory || (nt_ok(hythe_stat(l->tree, u->path, &s)) && s.directory);
	if (!directory)
		return strdup(u->path);
	char *plain = strdup(local), *name = NULL, *path = NULL;
	for (size_t n = plain ? strlen(plain) : 0; n > 1 && plain[n - 1] == '/'; n--)
		plain[n - 1] = 0;
	const char *base = plain ? cli_base_name(plain) : "";
	if (strcmp(base, "-") == 0 || strcmp(base, ".") == 0 || strcmp(base, "..") == 0 || !base[0])
		fprintf(stderr, "hythe: \"%s\" has no name that could be used; let the URL name the file\n", local);
	else
		name = cli_name_to_share(base);
	if (name)
		path = cli_path_join(u->path, name);
	free(plain);
	free(name);
	return path;
}

static void put(struct cli_copying *c, const char *remote, const char *local, const char *target)
{
	struct stat st;
	(void)remote;
	c->single = !cli_flag_set(c->args, 'r') || stat(local, &st) != 0 || !S_ISDIR(st.st_mode);
	if (c->single)
		cli_copy_add(c, local, target, CLI_SIZE_UNKNOWN);
	else
		put_tree(c, local, target, 0);
}

static const struct cli_copy_command command = {
	.spec = &spec, .url = 1, .local = 0, .ops = &cli_put_file, .target_of = target_of, .walk = put};

int cmd_put(int argc, char **argv)
{
	return cli_copy(&command, argc, argv);
}

/* `hythe cat`: files to standard output. */
#include "cli/cli.h"

#include <errno.h>
#include <unistd.h>

static const struct cli_spec spec = {
	.name = "cat", .synopsis = "[OPTION]... URL...", .text = "Writes files to standard output, one after the other.", .least = 1,
	.most = -1, .client = true};

static bool to_stdout(void *arg, const void *data, size_t len)
{
	const char *p = data;
	(void)arg;
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			perror("hythe: standard output");
			return false;
		}
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool cat(struct cli_link *l, const struct cli_args *a, const char *path)
{
	struct hythe_open_params p;
	struct hythe_open_info info;
	struct hythe_file *f;
	struct cli_progress progress;
	hythe_open_params_init(&p, path, HYTHE_READ_DATA | HYTHE_READ_ATTRIBUTES | HYTHE_SYNCHRONIZE);
	p.options = HYTHE_OPTION_NON_DIRECTORY | HYTHE_OPTION_SEQUENTIAL_ONLY;
	if (!nt_ok(hythe_open(l->tree, &p, &f, &info)))
		return cli_link_failed(l, "open", path);
	cli_progress_start(&progress, a, cli_base_name(path), info.stat.size_bytes);
	progress.on &= !isatty(STDOUT_FILENO);
	ntstatus status = cli_pull(l, f, 0, info.stat.size_bytes, to_stdout, NULL, &progress);
	cli_progress_end(&progress);
	if (!nt_ok(status) && !nt_is(status, STATUS_CANCELLED))
		cli_link_failed(l, "read", path);
	ntstatus closed = hythe_close(f, NULL);
	if (nt_ok(status) && !nt_ok(closed))
		return cli_link_failed(l, "close", path);
	return nt_ok(status);
}

int cmd_cat(int argc, char **argv)
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
		if (!cli_link_open(&link, &a, &u) || !cat(&link, &a, u.path))
			status = CLI_FAILED;
		cli_url_free(&u);
	}
	cli_link_close(&link);
	return status;
}

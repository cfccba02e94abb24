/* `hythe status`: what the server of a state directory is doing. */
#include "cli/cli.h"

#include "cli/control.h"
#include "cli/state_dir.h"

#include <getopt.h>
#include <limits.h>

enum { OPT_STATE = 256, OPT_JSON, OPT_HELP };

static const char usage[] =
	"usage: hythe status [--state DIRECTORY] [--json]\n"
	"Shows what a server that runs on this machine is doing: where it listens, its shares, who has logged on.\n"
	"  --state DIRECTORY   its state directory (default: where `hythe serve` keeps it)\n"
	"  --json              one object, see hythe/server.h\n";

int cmd_status(int argc, char **argv)
{
	static const struct option options[] = {
		{"state", required_argument, NULL, OPT_STATE}, {"json", no_argument, NULL, OPT_JSON}, {"help", no_argument, NULL, OPT_HELP},
		{NULL, 0, NULL, 0},
	};
	char usual[PATH_MAX], why[256] = "";
	const char *state = NULL;
	bool json = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case OPT_STATE: state = optarg; break;
		case OPT_JSON: json = true; break;
		case OPT_HELP: fputs(usage, stdout); return CLI_OK;
		default: fputs(usage, stderr); return CLI_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "hythe status: what is \"%s\"?\n%s", argv[optind], usage);
		return CLI_USAGE;
	}
	if (!state && state_dir_default(usual, sizeof(usual), why))
		state = usual;
	if (state && control_ask(state, json, why))
		return CLI_OK;
	fprintf(stderr, "hythe status: %s\n", why);
	return CLI_FAILED;
}

/* The hythe command: finds the subcommand in one table, and says what there is. */
#include "cli/cli.h"

#include "cli/nearest.h"

#include <stdlib.h>

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};

static const struct command commands[] = {
	{"serve", cmd_serve, "share a directory"},
	{"user", cmd_user, "add, change, list and delete the users of a server"},
	{"status", cmd_status, "show what a server on this machine is doing"},
	{"shares", cmd_shares, "list a server's shares"},
	{"ls", cmd_ls, "list a directory"},
	{"tree", cmd_tree, "list a directory and all below it"},
	{"stat", cmd_stat, "show what is known about a file"},
	{"cat", cmd_cat, "write files to standard output"},
	{"get", cmd_get, "copy from a server"},
	{"put", cmd_put, "copy to a server"},
	{"mkdir", cmd_mkdir, "make directories"},
	{"rmdir", cmd_rmdir, "delete empty directories"},
	{"rm", cmd_rm, "delete files"},
	{"mv", cmd_mv, "rename or move within a share"},
	{"bench", cmd_bench, "measure how fast a server is"},
	{"trace", cmd_trace, "show an exchange packet by packet, live or from a capture"},
};

static void print_help(FILE *out)
{
	fputs("usage: hythe COMMAND [OPTION]... [ARGUMENT]...\n"
	      "Serves directories to SMB clients, and uses those of other servers.\n\n", out);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
	fputs("\nFiles on a server are named smb://[DOMAIN;]USER@HOST[:PORT]/SHARE/PATH.\n"
	      "hythe help COMMAND tells more; hythe --version says which one this is.\n", out);
}

static const struct command *find(const char *name)
{
	struct nearest near = nearest_start(name);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
		nearest_offer(&near, commands[i].name);
	}
	fprintf(stderr, "hythe: there is no command \"%s\"", name);
	if (near.name)
		fprintf(stderr, "; did you mean \"%s\"?", near.name);
	fputs("\nTry 'hythe help'.\n", stderr);
	return NULL;
}

static int help(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stdout);
		return CLI_OK;
	}
	const struct command *c = find(argv[1]);
	char option[] = "--help", *args[] = {argv[1], option, NULL};
	return c ? c->run(2, args) : CLI_USAGE;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return CLI_USAGE;
	}
	const char *name = argv[1];
	if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
		puts("hythe " HYTHE_VERSION);
		return CLI_OK;
	}
	if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		return help(argc - 1, argv + 1);
	const struct command *c = find(name);
	if (!c)
		return CLI_USAGE;
	int status = c->run(argc - 1, argv + 1);
	if (fflush(stdout) != 0 && status == CLI_OK) {
		perror("hythe: standard output");
		status = CLI_FAILED;
	}
	return status;
}

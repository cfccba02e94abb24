/* The options of the client's subcommands: each has a table of its own flags, all share those for connecting, and the help
 * text comes from the same tables. */
#include "cli/cli.h"

#include <getopt.h>
#include <stdlib.h>

enum {
	OPT_HELP = 256, OPT_JSON, OPT_QUIET, OPT_DIALECT, OPT_ENCRYPT, OPT_SIGN, OPT_PASSWORD_FILE, OPT_GUEST, OPT_ANONYMOUS,
	OPT_TIMEOUT, OPT_TRACE, OPT_NBSS, OPT_NO_SPNEGO, OPT_FLAG /* + index */, OPT_VALUE = OPT_FLAG + 64 /* + index */
};
enum { FLAGS_MAX = 16, TIMEOUT_MAX_S = 86400 };

struct common {
	const char *name;
	const char *value;
	int id;
	const char *help;
};
static const struct common common[] = {
	{"json", NULL, OPT_JSON, "write JSON instead of text"},
	{"quiet", NULL, OPT_QUIET, "no progress bar"},
	{"password-file", "FILE", OPT_PASSWORD_FILE, "the password is FILE's first line (else HYTHE_PASSWORD, else asked for)"},
	{"encrypt", NULL, OPT_ENCRYPT, "encrypt everything, or fail"},
	{"sign", "required|optional", OPT_SIGN, "sign every message (the default), or only if the server demands it"},
	{"dialect", "VERSION[-VERSION]", OPT_DIALECT, "protocol versions: NT1, 2.0.2, 2.1, 3.0, 3.0.2, 3.1.1 (default 2.1-3.1.1)"},
	{"nbss", NULL, OPT_NBSS, "over a NetBIOS session, port 139"},
	{"no-spnego", NULL, OPT_NO_SPNEGO, "log on by NTLM alone; with NT1 in one step"},
	{"anonymous", NULL, OPT_ANONYMOUS, "log on without a name"},
	{"guest", NULL, OPT_GUEST, "accept to be a guest, unprotected"},
	{"timeout", "SECONDS", OPT_TIMEOUT, "give up when a request has no answer for so long (default 60)"},
	{"trace", NULL, OPT_TRACE, "show every packet on standard error"},
	{"help", NULL, OPT_HELP, "show this"},
	{NULL, NULL, 0, NULL},
};

static const struct {
	const char *name;
	uint16_t dialect;
} dialects[] = {{"NT1", HYTHE_DIALECT_NT1}, {"2.0.2", HYTHE_DIALECT_202}, {"2.1", HYTHE_DIALECT_210}, {"3.0", HYTHE_DIALECT_300}, {"3.0.2", HYTHE_DIALECT_302},
	{"3.1.1", HYTHE_DIALECT_311}};

const char *cli_dialect_name(uint16_t dialect)
{
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		if (dialects[i].dialect == dialect)
			return dialects[i].name;
	}
	return "?";
}

static uint16_t dialect_of(const char *text, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		if (strlen(dialects[i].name) == len && strncmp(dialects[i].name, text, len) == 0)
			return dialects[i].dialect;
	}
	return 0;
}

bool cli_dialect_parse(const char *text, uint16_t *least, uint16_t *most)
{
	const char *dash = strchr(text, '-');
	*least = dialect_of(text, dash ? (size_t)(dash - text) : strlen(text));
	*most = dash ? dialect_of(dash + 1, strlen(dash + 1)) : *least;
	return *least != 0 && *most != 0 && *least <= *most;
}

static void print_option(char letter, const char *name, const char *value, const char *help)
{
	char left[64];
	if (letter)
		snprintf(left, sizeof(left), "-%c, --%s", letter, name);
	else
		snprintf(left, sizeof(left), "    --%s%s%s", name, value ? " " : "", value ? value : "");
	if (strlen(left) > 24)
		printf("  %s\n  %-24s  %s\n", left, "", help);
	else
		printf("  %-24s  %s\n", left, help);
}

static void print_help(const struct cli_spec *s)
{
	printf("usage: hythe %s %s\n%s\n\n", s->name, s->synopsis, s->text);
	for (const struct cli_flag *f = s->flags; f && f->letter; f++)
		print_option(f->letter, f->name, NULL, f->help);
	for (const struct cli_option *o = s->options; o && o->name; o++)
		print_option(0, o->name, o->value, o->help);
	for (const struct common *c = common; c->name; c++)
		print_option(0, c->name, c->value, c->help);
}

static int usage_error(const struct cli_spec *s, const char *what)
{
	fprintf(stderr, "hythe %s: %s\nusage: hythe %s %s\nTry 'hythe help %s'.\n", s->name, what, s->name, s->synopsis, s->name);
	return CLI_USAGE;
}

static int set_sign(struct cli_args *a, const char *text)
{
	a->sign_optional = strcmp(text, "optional") == 0;
	return a->sign_optional || strcmp(text, "required") == 0 ? -1 : usage_error(a->spec, "--sign is required or optional");
}

static int set_timeout(struct cli_args *a, const char *text)
{
	char *end;
	unsigned long s = strtoul(text, &end, 10);
	if (*text == 0 || *text == '-' || *end || s == 0 || s > TIMEOUT_MAX_S)
		return usage_error(a->spec, "--timeout is a number of seconds, 1 to 86400");
	a->timeout_s = (unsigned)s;
	return -1;
}

/* -1: go on. */
static int apply(struct cli_args *a, int opt, const char *value)
{
	if (opt >= OPT_VALUE) {
		a->values[opt - OPT_VALUE] = value;
		return -1;
	}
	if (opt >= OPT_FLAG) {
		a->set |= 1ull << (opt - OPT_FLAG);
		return -1;
	}
	switch (opt) {
	case OPT_JSON: a->json = true; return -1;
	case OPT_QUIET: a->quiet = true; return -1;
	case OPT_ENCRYPT: a->encrypt = true; return -1;
	case OPT_TRACE: a->trace = true; return -1;
	case OPT_GUEST: a->guest = true; return -1;
	case OPT_ANONYMOUS: a->anonymous = true; return -1;
	case OPT_NBSS: a->nbss = true; return -1;
	case OPT_NO_SPNEGO: a->no_spnego = true; return -1;
	case OPT_PASSWORD_FILE: a->password_file = value; return -1;
	case OPT_SIGN: return set_sign(a, value);
	case OPT_TIMEOUT: return set_timeout(a, value);
	case OPT_DIALECT:
		if (cli_dialect_parse(value, &a->min_dialect, &a->max_dialect))
			return -1;
		return usage_error(a->spec, "--dialect takes NT1, 2.0.2, 2.1, 3.0, 3.0.2, 3.1.1 or a range such as 2.1-3.0");
	case OPT_HELP:
		print_help(a->spec);
		return CLI_OK;
	default:
		return CLI_USAGE;
	}
}

/* Long options of both tables for getopt, and the letters; returns the number of flags. */
static size_t make_tables(const struct cli_spec *spec, struct option *longs, char *letters)
{
	size_t n = 0, flags = 0;
	*letters++ = ':';
	for (const struct cli_flag *f = spec->flags; f && f->letter && flags < FLAGS_MAX; f++) {
		longs[n++] = (struct option){f->name, no_argument, NULL, OPT_FLAG + (int)flags++};
		*letters++ = f->letter;
	}
	*letters = 0;
	for (size_t i = 0; spec->options && spec->options[i].name && i < CLI_OPTIONS_MAX; i++)
		longs[n++] = (struct option){spec->options[i].name, required_argument, NULL, OPT_VALUE + (int)i};
	for (const struct common *c = common; c->name; c++)
		longs[n++] = (struct option){c->name, c->value ? required_argument : no_argument, NULL, c->id};
	longs[n] = (struct option){0};
	return flags;
}

/* A letter is turned into its flag's number. */
static int flag_number(const struct cli_spec *spec, int letter)
{
	int i = 0;
	for (const struct cli_flag *f = spec->flags; f && f->letter; f++, i++) {
		if (f->letter == letter)
			return OPT_FLAG + i;
	}
	return letter;
}

int cli_args_parse(struct cli_args *a, const struct cli_spec *spec, int argc, char **argv)
{
	struct option longs[FLAGS_MAX + CLI_OPTIONS_MAX + ARRAY_LEN(common)];
	char letters[FLAGS_MAX + 2], what[512];
	int opt;
	*a = (struct cli_args){.spec = spec};
	make_tables(spec, longs, letters);
	optind = 1;
	opterr = 0;
	while ((opt = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if (opt == '?' || opt == ':') {
			snprintf(what, sizeof(what), opt == ':' ? "%s needs a value" : "there is no option %s", argv[optind - 1]);
			return usage_error(spec, what);
		}
		int status = apply(a, opt < 256 ? flag_number(spec, opt) : opt, optarg);
		if (status >= 0)
			return status;
	}
	a->operands = argv + optind;
	a->count = argc - optind;
	if (a->count < spec->least || (spec->most >= 0 && a->count > spec->most))
		return usage_error(spec, a->count < spec->least ? "something is missing" : "too many arguments");
	return -1;
}

bool cli_flag_set(const struct cli_args *a, char letter)
{
	int number = flag_number(a->spec, letter);
	return number >= OPT_FLAG && (a->set >> (number - OPT_FLAG) & 1);
}

const char *cli_option_value(const struct cli_args *a, const char *name)
{
	for (size_t i = 0; a->spec->options && a->spec->options[i].name && i < CLI_OPTIONS_MAX; i++) {
		if (strcmp(a->spec->options[i].name, name) == 0)
			return a->values[i];
	}
	return NULL;
}

/* hythe user: adds, changes, deletes, lists and imports the users of a server in its state directory. A server that runs sees the
 * change at the next logon. Passwords come from a file, HYTHE_PASSWORD or the terminal, never from the command line, where
 * other users could see them. */
#include "cli/cli.h"

#include "auth/auth.h"
#include "cli/nearest.h"
#include "cli/state_dir.h"

#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

enum { WHY_BYTES = 256, PASSWORD_BYTES = 512, OPT_STATE = 256, OPT_PASSWORD_FILE, OPT_HELP };

static const char usage[] = "usage: hythe user add NAME | passwd NAME | del NAME | list | import FILE [OPTION]...\n";

struct request {
	const char *state, *password_file;
	char **operands;
	int count;
};

static void print_help(void)
{
	fputs(usage, stdout);
	fputs("Keeps the users of `hythe serve`.\n\n"
	      "  add NAME            a new user\n"
	      "  passwd NAME         another password; a disabled user may log on again\n"
	      "  del NAME            nobody can log on by that name any more\n"
	      "  list                one user a line, with what keeps them from logging on\n"
	      "  import FILE         users of a Samba server: what `pdbedit -Lw` prints, or an smbpasswd file\n\n"
	      "  --state DIRECTORY   where the users are kept (default: where `hythe serve` looks)\n"
	      "  --password-file FILE\n"
	      "                      the password is FILE's first line (else HYTHE_PASSWORD, else asked for)\n", stdout);
}

static int failed(const char *what)
{
	fprintf(stderr, "hythe user: %s\n", what);
	return CLI_FAILED;
}

static int wrong_usage(const char *what)
{
	fprintf(stderr, "hythe user: %s\n%sTry 'hythe help user'.\n", what, usage);
	return CLI_USAGE;
}

/* --- what they do --- */

/* The password; on a terminal it is asked for twice. */
static bool new_password(const struct request *r, char *out, size_t cap)
{
	bool asked = r->password_file == NULL && getenv("HYTHE_PASSWORD") == NULL;
	char again[PASSWORD_BYTES];
	bool ok;

	if (!cli_password(r->password_file, "New password: ", out, cap))
		return false;
	if (out[0] == 0) {
		(void)failed("an empty password lets nobody in; choose another");
		return false;
	}
	if (!asked)
		return true;
	ok = cli_password(NULL, "Once more: ", again, sizeof(again));
	if (ok && strcmp(again, out) != 0) {
		(void)failed("the two passwords differ; nothing was changed");
		ok = false;
	}
	bytes_wipe(again, sizeof(again));
	return ok;
}

static int put(struct user_store *s, const struct request *r, struct user_entry *e)
{
	char password[PASSWORD_BYTES];
	ntstatus st;

	if (!new_password(r, password, sizeof(password)))
		return CLI_FAILED;
	st = user_nt_hash(password, e->nt_hash);
	bytes_wipe(password, sizeof(password));
	if (!nt_ok(st))
		return failed("the password is not UTF-8, or too long");
	st = user_store_put(s, e);
	bytes_wipe(e->nt_hash, sizeof(e->nt_hash));
	return nt_ok(st) ? CLI_OK : failed(hythe_status_text(st));
}

static int user_add(struct user_store *s, const struct request *r)
{
	struct user_entry e = {.uid = (uint32_t)getuid()};

	if (!user_name_ok(r->operands[0]))
		return failed("a user name has 1 to 255 bytes of UTF-8, no colon, no control characters, no blank at its ends, and no # in front");
	if (user_store_find(s, r->operands[0], &e))
		return failed("there is a user of that name; 'hythe user passwd' changes the password");
	memcpy(e.name, r->operands[0], strlen(r->operands[0]) + 1);
	return put(s, r, &e);
}

static int user_passwd(struct user_store *s, const struct request *r)
{
	struct user_entry e;

	if (!user_store_find(s, r->operands[0], &e))
		return failed("there is no user of that name; 'hythe user list' shows who there is");
	e.disabled = e.no_password = false;
	return put(s, r, &e);
}

static int user_del(struct user_store *s, const struct request *r)
{
	ntstatus st = user_store_delete(s, r->operands[0]);

	if (nt_is(st, STATUS_NO_SUCH_USER))
		return failed("there is no user of that name; 'hythe user list' shows who there is");
	return nt_ok(st) ? CLI_OK : failed(hythe_status_text(st));
}

static void print_user(const struct user_entry *e, void *arg)
{
	(void)arg;
	cli_put_name(stdout, e->name);
	printf("%s%s\n", e->disabled ? "\tdisabled" : "", e->no_password ? "\tno password" : "");
}

static int user_list(struct user_store *s, const struct request *r)
{
	(void)r;
	user_store_each(s, print_user, NULL);
	return CLI_OK;
}

static int user_import(struct user_store *s, const struct request *r)
{
	char why[WHY_BYTES];
	int n = user_store_import(s, r->operands[0], why);

	if (n < 0)
		return failed(why);
	printf("%d user%s imported\n", n, n == 1 ? "" : "s");
	return CLI_OK;
}

static const struct verb {
	const char *name;
	int operands;
	bool creates; /* the state directory, if need be */
	int (*run)(struct user_store *s, const struct request *r);
} verbs[] = {
	{"add", 1, true, user_add},
	{"passwd", 1, false, user_passwd},
	{"del", 1, false, user_del},
	{"list", 0, false, user_list},
	{"import", 1, true, user_import},
};

/* --- arguments --- */

static const struct verb *verb_find(const char *name)
{
	struct nearest near = nearest_start(name);

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
		nearest_offer(&near, verbs[i].name);
	}
	fprintf(stderr, "hythe user: there is no \"%s\"", name);
	if (near.name)
		fprintf(stderr, "; did you mean \"%s\"?", near.name);
	fprintf(stderr, "\n%s", usage);
	return NULL;
}

/* -1: go on. */
static int options_parse(struct request *r, int argc, char **argv)
{
	static const struct option longs[] = {{"state", required_argument, NULL, OPT_STATE}, {"password-file", required_argument, NULL, OPT_PASSWORD_FILE},
		{"help", no_argument, NULL, OPT_HELP}, {NULL, 0, NULL, 0}};
	int opt;

	optind = 1;
	while ((opt = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (opt) {
		case OPT_STATE:
			r->state = optarg;
			break;
		case OPT_PASSWORD_FILE:
			r->password_file = optarg;
			break;
		case OPT_HELP:
		case 'h':
			print_help();
			return CLI_OK;
		default:
			fputs(usage, stderr);
			return CLI_USAGE;
		}
	}
	r->operands = argv + optind;
	r->count = argc - optind;
	return -1;
}

int cmd_user(int argc, char **argv)
{
	struct request r = {0};
	char state[4096], why[WHY_BYTES];
	const struct verb *v;
	struct user_store *s;
	int status = options_parse(&r, argc, argv);

	if (status >= 0)
		return status;
	if (r.count == 0)
		return wrong_usage("say what to do");
	v = verb_find(r.operands[0]);
	if (v == NULL)
		return CLI_USAGE;
	r.operands++;
	if (--r.count != v->operands)
		return wrong_usage(v->operands == 0 ? "that takes no name" : "that takes one name");
	if (r.state == NULL && !state_dir_default(state, sizeof(state), why))
		return failed(why);
	s = user_store_open(r.state ? r.state : state, v->creates, why);
	if (s == NULL)
		return failed(why);
	status = v->run(s, &r);
	user_store_close(s);
	return status;
}

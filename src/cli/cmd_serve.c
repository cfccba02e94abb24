/* `hythe serve`: puts the configuration together from file and command line, sees to it that there is a user, starts the server,
 * says how to connect, and waits for signals: SIGTERM and SIGINT drain and end, SIGHUP reads shares and users anew. */
#include "cli/serve.h"

#include "cli/cli.h"
#include "cli/config.h"
#include "cli/control.h"
#include "cli/state_dir.h"
#include "cli/trace_out.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { DRAIN_MS = 5000 };

struct serve_options {
	const char *config, *directory, *user, *state, *log_level;
	const char *listen[64], *shares[256];
	size_t listen_count, share_count;
	bool guest, read_only, check, trace;
};

static const char usage[] =
	"usage: hythe serve [DIRECTORY] [options]\n"
	"Serves a directory, or the shares of a configuration file, to SMB clients.\n"
	"  --config FILE            shares and settings, see man hythe.conf\n"
	"  --listen ADDRESS:PORT    where to listen; may be given more than once (default: port 445,\n"
	"                           4450 where that is not permitted)\n"
	"  --share NAME=DIRECTORY[,ro][,encrypt][,guest]\n"
	"                           another share; may be given more than once\n"
	"  --user NAME              a user to make if there is none of that name (default: yourself,\n"
	"                           if there are no users); HYTHE_PASSWORD sets the password\n"
	"  --guest                  let everybody in without a password\n"
	"  --read-only              nothing can be changed\n"
	"  --state DIRECTORY        where users are kept\n"
	"  --log-level LEVEL        error, warn, info, debug or trace\n"
	"  --trace                  show every packet on standard error\n"
	"  --check                  only say whether the configuration is right\n";

enum { OPT_CONFIG = 256, OPT_LISTEN, OPT_SHARE, OPT_USER, OPT_GUEST, OPT_READ_ONLY, OPT_STATE, OPT_LOG_LEVEL, OPT_CHECK, OPT_TRACE, OPT_HELP };

static const struct option long_options[] = {
	{"config", required_argument, NULL, OPT_CONFIG}, {"listen", required_argument, NULL, OPT_LISTEN},
	{"share", required_argument, NULL, OPT_SHARE}, {"user", required_argument, NULL, OPT_USER},
	{"guest", no_argument, NULL, OPT_GUEST}, {"read-only", no_argument, NULL, OPT_READ_ONLY},
	{"state", required_argument, NULL, OPT_STATE}, {"log-level", required_argument, NULL, OPT_LOG_LEVEL},
	{"check", no_argument, NULL, OPT_CHECK}, {"trace", no_argument, NULL, OPT_TRACE}, {"help", no_argument, NULL, OPT_HELP}, {NULL, 0, NULL, 0},
};

static bool add(const char **list, size_t *n, size_t cap, const char *value, const char *what)
{
	if (*n == cap) {
		fprintf(stderr, "hythe serve: more than %zu times %s\n", cap, what);
		return false;
	}
	list[(*n)++] = value;
	return true;
}

/* -1: go on; else the exit status. */
static int parse_option(struct serve_options *o, int opt)
{
	switch (opt) {
	case OPT_CONFIG: o->config = optarg; break;
	case OPT_LISTEN: return add(o->listen, &o->listen_count, ARRAY_LEN(o->listen), optarg, "--listen") ? -1 : 2;
	case OPT_SHARE: return add(o->shares, &o->share_count, ARRAY_LEN(o->shares), optarg, "--share") ? -1 : 2;
	case OPT_USER: o->user = optarg; break;
	case OPT_GUEST: o->guest = true; break;
	case OPT_READ_ONLY: o->read_only = true; break;
	case OPT_STATE: o->state = optarg; break;
	case OPT_LOG_LEVEL: o->log_level = optarg; break;
	case OPT_CHECK: o->check = true; break;
	case OPT_TRACE: o->trace = true; break;
	case OPT_HELP: fputs(usage, stdout); return 0;
	default: fputs("Try 'hythe serve --help'.\n", stderr); return 2;
	}
	return -1;
}

static int parse_options(struct serve_options *o, int argc, char **argv)
{
	int opt, status;

	optind = 1;
	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		status = parse_option(o, opt);
		if (status >= 0)
			return status;
	}
	if (argc - optind > 1) {
		fputs("hythe serve: one directory is wanted; use --share for more\n", stderr);
		return 2;
	}
	if (optind < argc)
		o->directory = argv[optind];
	if (!o->directory && !o->config && o->share_count == 0) {
		fputs("hythe serve: what shall be served? Name a directory, or a file with --config\n\n", stderr);
		fputs(usage, stderr);
		return 2;
	}
	return -1;
}

/* --- configuration --- */

/* As the path of a share: a percent sign stands for itself. */
static const char *plain_path(struct config *c, const char *directory)
{
	char *doubled = arena_alloc(&c->arena, 2 * strlen(directory) + 1), *p = doubled;

	if (!doubled) {
		snprintf(c->why, sizeof(c->why), "out of memory");
		return NULL;
	}
	for (; *directory; directory++) {
		if (*directory == '%')
			*p++ = '%';
		*p++ = *directory;
	}
	*p = 0;
	return doubled;
}

/* The share of DIRECTORY has the name of its last component, as far as a share may have it. */
static bool add_directory(struct config *c, const char *directory)
{
	char *real = realpath(directory, NULL), name[81];
	const char *base, *path;
	size_t n = 0;
	bool ok;

	if (!real) {
		snprintf(c->why, sizeof(c->why), "cannot serve %s: %s", directory, strerror(errno));
		return false;
	}
	base = strrchr(real, '/') + 1;
	for (const char *p = base; *p && n < sizeof(name) - 1; p++)
		name[n++] = (unsigned char)*p < 0x20 || strchr("\"/\\[]:|<>+=;,*?", *p) ? '_' : *p;
	name[n] = 0;
	/* Cut in the middle of a character: leave the whole character out. */
	if (base[0] && base[n] && ((unsigned char)base[n] & 0xC0) == 0x80) {
		while (n > 0 && ((unsigned char)name[n - 1] & 0xC0) == 0x80)
			n--;
		name[n > 0 ? n - 1 : 0] = 0;
	}
	path = plain_path(c, real);
	ok = path && config_add_share(c, name[0] ? name : "root", path) != NULL;
	free(real);
	return ok;
}

static bool default_state(struct config *c)
{
	char dir[4096], why[256] = "";

	if (c->server.state_dir)
		return true;
	if (!state_dir_default(dir, sizeof(dir), why)) {
		snprintf(c->why, sizeof(c->why), "%s", why);
		return false;
	}
	c->server.state_dir = config_strdup(c, dir);
	return c->server.state_dir != NULL;
}

/* File first, then the command line. Called again for SIGHUP. */
static bool load(struct config *c, const struct serve_options *o)
{
	size_t first;

	config_init(c);
	if (o->config && !config_read(c, o->config))
		return false;
	if (o->listen_count > 0) {
		c->server.listen = NULL;
		c->server.listen_count = 0;
	}
	for (size_t i = 0; i < o->listen_count; i++) {
		if (!config_set_server(c, "listen", o->listen[i]))
			return false;
	}
	if ((o->state && !config_set_server(c, "state", o->state)) || (o->log_level && !config_set_server(c, "log-level", o->log_level)) ||
		(o->guest && !config_set_server(c, "guest", "yes")))
		return false;
	first = c->server.share_count;
	if (o->directory && !add_directory(c, o->directory))
		return false;
	for (size_t i = 0; i < o->share_count; i++) {
		if (!config_add_share_text(c, o->shares[i]))
			return false;
	}
	for (size_t i = first; i < c->server.share_count; i++) {
		config_share(c, i)->guest |= o->guest;
		config_share(c, i)->read_only |= o->read_only;
	}
	if (c->server.share_count == 0) {
		snprintf(c->why, sizeof(c->why), "%s has no [share NAME]", o->config);
		return false;
	}
	return config_finish(c) && default_state(c);
}

/* --- running --- */

static struct hythe_server *start(const struct config *c, char *why, size_t cap)
{
	struct hythe_server *s = hythe_server_new(&c->server, why, cap);

	if (s && !hythe_server_start(s, why, cap)) {
		hythe_server_free(s);
		s = NULL;
	}
	return s;
}

/* With no address given: port 445, which Windows and everybody else expects, and 4450 where it cannot be had. */
static struct hythe_server *start_anywhere(struct config *c, char *why, size_t cap)
{
	static const char *const usual[] = {":445"}, *const other[] = {":4450"};
	struct hythe_server *s;

	if (c->server.listen_count > 0)
		return start(c, why, cap);
	c->server.listen_count = 1;
	c->server.listen = usual;
	s = start(c, why, cap);
	if (!s) {
		fprintf(stderr, "hythe: %s; taking port 4450\n", why);
		c->server.listen = other;
		s = start(c, why, cap);
	}
	return s;
}

static void reload(struct hythe_server *s, const struct serve_options *o)
{
	struct config c;
	char why[CONFIG_WHY_BYTES] = "";

	if (!load(&c, o))
		fprintf(stderr, "hythe: nothing has changed: %s\n", c.why);
	else if (!hythe_server_reload(s, &c.server, why, sizeof(why)))
		fprintf(stderr, "hythe: nothing has changed: %s\n", why);
	else
		fputs("hythe: shares and users have been read anew\n", stderr);
	config_free(&c);
}

static void wait_for_signals(struct hythe_server *s, const struct serve_options *o, const sigset_t *set)
{
	int sig;

	for (;;) {
		if (sigwait(set, &sig) != 0)
			continue;
		if (sig != SIGHUP)
			break;
		reload(s, o);
	}
	fputs("hythe: stopping\n", stderr);
}

static int check(struct config *c)
{
	char why[CONFIG_WHY_BYTES] = "";
	static const char *const any[] = {":0"};
	struct hythe_server *s;

	if (c->server.listen_count == 0) {
		c->server.listen_count = 1;
		c->server.listen = any;
	}
	/* The users are not looked at: they may not be there yet. */
	c->server.state_dir = NULL;
	s = hythe_server_new(&c->server, why, sizeof(why));
	if (!s) {
		fprintf(stderr, "hythe serve: %s\n", why);
		return 1;
	}
	hythe_server_free(s);
	puts("The configuration is right.");
	return 0;
}

/* true: there is one now, if one is wanted. */
static bool start_trace(struct cli_trace **trace, struct config *c, const struct serve_options *o)
{
	*trace = NULL;
	if (!o->trace)
		return true;
	*trace = cli_trace_new(&(struct cli_trace_options){.out = stderr, .server = true});
	if (!*trace) {
		fputs("hythe serve: out of memory\n", stderr);
		return false;
	}
	c->server.tap = cli_trace_tap;
	c->server.tap_arg = *trace;
	return true;
}

/* The soft limit is 1,024 in most places, for the sake of programs that call select(2). */
static void more_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int serve(struct config *c, const struct serve_options *o)
{
	struct cli_trace *trace;
	struct control *control;
	char why[CONFIG_WHY_BYTES] = "";
	struct serve_user user = {.name = o->user};
	struct hythe_server *s;
	sigset_t set;
	int status = 1;

	/* Blocked before the server makes threads, so that none of them takes the signals from us. */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	/* A limit on file sizes is an error of the write that meets it, not the end of the server. */
	sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);

	more_files();
	if (!serve_user_ensure(&user, &c->server, why, sizeof(why))) {
		fprintf(stderr, "hythe serve: %s\n", why);
		return 1;
	}
	if (!start_trace(&trace, c, o))
		return 1;
	s = start_anywhere(c, why, sizeof(why));
	if (s) {
		control = control_new(s, c->server.state_dir, why);
		if (!control)
			fprintf(stderr, "hythe: nobody can ask how this server is doing: %s\n", why);
		serve_howto_print(s, &c->server, &user);
		wait_for_signals(s, o, &set);
		control_free(control);
		hythe_server_stop(s, DRAIN_MS);
		status = 0;
	} else {
		fprintf(stderr, "hythe serve: %s\n", why);
	}
	serve_user_wipe(&user);
	hythe_server_free(s);
	cli_trace_free(trace);
	return status;
}

int cmd_serve(int argc, char **argv)
{
	struct serve_options o = {0};
	struct config c;
	int status = parse_options(&o, argc, argv);

	if (status >= 0)
		return status;
	if (!load(&c, &o)) {
		fprintf(stderr, "hythe serve: %s\n", c.why);
		status = 1;
	} else {
		status = o.check ? check(&c) : serve(&c, &o);
	}
	config_free(&c);
	return status;
}

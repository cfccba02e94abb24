/* From a URL and options to a session on a server: passwords, connecting, logging on, the share. Says what went wrong and what to
 * do about it, so that the commands only return. */
#include "cli/cli.h"
#include "cli/trace_out.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <strings.h>
#include <termios.h>
#include <unistd.h>

enum { CTRL_C = 3, BACKSPACE = 8, DELETE = 127 };

static bool say(const char *what)
{
	fprintf(stderr, "hythe: %s\n", what);
	return false;
}

static bool first_line(const char *path, char *out, size_t cap)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(out, (int)cap, f);
	if (!f)
		fprintf(stderr, "hythe: %s: %s\n", path, strerror(errno));
	else if (!ok)
		fprintf(stderr, "hythe: %s has no first line\n", path);
	if (f)
		fclose(f);
	if (ok)
		out[strcspn(out, "\r\n")] = 0;
	return ok;
}

/* Reads a line without echo. Control-C is a character meanwhile, so that the terminal never stays dark. */
static bool read_hidden(int tty, char *out, size_t cap)
{
	size_t n = 0;
	char c;
	for (;;) {
		if (read(tty, &c, 1) != 1 || c == CTRL_C)
			return false;
		if (c == '\n' || c == '\r')
			break;
		if ((c == BACKSPACE || c == DELETE) && n > 0)
			n--;
		else if (c != BACKSPACE && c != DELETE && n + 1 < cap)
			out[n++] = c;
	}
	out[n] = 0;
	return true;
}

static bool ask(const char *prompt, char *out, size_t cap)
{
	struct termios before, hidden;
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0 || tcgetattr(tty, &before) != 0) {
		if (tty >= 0)
			close(tty);
		return say("a password is needed: set HYTHE_PASSWORD, or use --password-file FILE");
	}
	hidden = before;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG);
	dprintf(tty, "%s", prompt);
	tcsetattr(tty, TCSAFLUSH, &hidden);
	bool ok = read_hidden(tty, out, cap);
	tcsetattr(tty, TCSAFLUSH, &before);
	dprintf(tty, "\n");
	close(tty);
	return ok;
}

bool cli_password(const char *file, const char *prompt, char *out, size_t cap)
{
	const char *environment = getenv("HYTHE_PASSWORD");
	if (file)
		return first_line(file, out, cap);
	if (environment) {
		if (strlen(environment) >= cap)
			return say("HYTHE_PASSWORD is too long");
		memcpy(out, environment, strlen(environment) + 1);
		return true;
	}
	return ask(prompt, out, cap);
}

static const char *own_name(void)
{
	const struct passwd *pw = getpwuid(getuid());
	return pw ? pw->pw_name : "";
}

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

static bool keep_url(struct cli_link *l, const struct cli_url *u)
{
	l->url = (struct cli_url){.domain = copy(u->domain), .user = copy(u->user), .host = copy(u->host), .share = copy(u->share),
		.port = u->port};
	return l->url.host && l->url.share;
}

static bool same_text(const char *a, const char *b)
{
	return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

static bool same_server(const struct cli_url *a, const struct cli_url *b)
{
	return a->host && strcasecmp(a->host, b->host) == 0 && a->port == b->port && same_text(a->user, b->user) &&
	       same_text(a->domain, b->domain);
}

bool cli_link_options(struct hythe_connect_options *o, const struct cli_args *a, const struct cli_url *u, char *password, size_t cap)
{
	char prompt[400];
	hythe_connect_options_init(o);
	o->domain = u->domain;
	o->min_dialect = a->min_dialect;
	o->max_dialect = a->max_dialect;
	o->signing_optional = a->sign_optional;
	o->encryption = a->encrypt ? HYTHE_ENCRYPTION_REQUIRED : HYTHE_ENCRYPTION_OFF;
	o->nbss = a->nbss;
	o->raw_ntlm = a->no_spnego;
	o->allow_guest = a->guest;
	o->request_timeout_ms = a->timeout_s * 1000;
	o->connect_timeout_ms = a->timeout_s * 1000;
	if (a->anonymous)
		return true;
	o->user = u->user ? u->user : own_name();
	snprintf(prompt, sizeof(prompt), "Password of %.100s at %.200s: ", o->user, u->host);
	if (!cli_password(a->password_file, prompt, password, cap))
		return false;
	o->password = password;
	return true;
}

static bool log_on(struct cli_link *l, const struct cli_args *a, const struct cli_url *u)
{
	char password[CLI_PASSWORD_BYTES] = "";
	struct hythe_connect_options o;
	if (!l->options && !cli_link_options(&o, a, u, password, sizeof(password)))
		return false;
	ntstatus status = hythe_connect(l->client, u->host, u->port, l->options ? l->options : &o, &l->session);
	bytes_wipe(password, sizeof(password));
	if (nt_ok(status))
		return true;
	l->session = NULL;
	return say(hythe_client_error(l->client));
}

static bool connect_share(struct cli_link *l, const struct cli_url *u)
{
	ntstatus status = hythe_tree_connect(l->session, u->share, &l->tree);
	if (nt_ok(status))
		return true;
	l->tree = NULL;
	if (nt_is(status, STATUS_BAD_NETWORK_NAME))
		fprintf(stderr, "hythe: %s has no share \"%s\"; 'hythe shares' lists those it has\n", u->host, u->share);
	else
		fprintf(stderr, "hythe: cannot connect to share \"%s\" of %s: %s\n", u->share, u->host, hythe_client_error(l->client));
	return false;
}

bool cli_link_url(struct cli_url *u, const char *text, bool with_share)
{
	char why[1024];
	if (!cli_url_parse(u, text, why, sizeof(why)))
		return say(why);
	if (!with_share || u->share[0])
		return true;
	fprintf(stderr, "hythe: %s names no share; 'hythe shares' lists those of the server\n", text);
	cli_url_free(u);
	return false;
}

static bool new_client(struct cli_link *l, const struct cli_args *a)
{
	struct hythe_client_options o = {0};
	if (a->trace && !l->trace) {
		l->trace = cli_trace_new(&(struct cli_trace_options){.out = stderr});
		l->own_trace = true;
		if (!l->trace)
			return false;
	}
	if (l->trace) {
		o.tap = cli_trace_tap;
		o.tap_arg = l->trace;
	}
	l->client = hythe_client_new(&o);
	return l->client != NULL;
}

bool cli_link_open(struct cli_link *l, const struct cli_args *a, const struct cli_url *u)
{
	if (l->session && same_server(&l->url, u)) {
		if (l->tree && strcasecmp(l->url.share, u->share) == 0)
			return true;
	} else {
		cli_link_close(l);
		if (!new_client(l, a))
			return say("out of memory");
		if (!log_on(l, a, u))
			return false;
	}
	hythe_tree_free(l->tree);
	l->tree = NULL;
	cli_url_free(&l->url);
	if (!keep_url(l, u))
		return say("out of memory");
	return !u->share[0] || connect_share(l, u);
}

bool cli_link_smb1(const struct cli_link *l)
{
	struct hythe_session_info info;
	hythe_session_info(l->session, &info);
	return info.dialect == HYTHE_DIALECT_NT1;
}

bool cli_link_plain(const struct cli_link *l)
{
	struct hythe_session_info info;
	hythe_session_info(l->session, &info);
	return info.dialect != HYTHE_DIALECT_NT1 && !info.signing && !info.sealing;
}

void cli_link_close(struct cli_link *l)
{
	hythe_tree_free(l->tree);
	if (l->session) {
		ntstatus ignored = hythe_session_logoff(l->session);
		(void)ignored; /* the server ends the session with the connection just as well */
	}
	hythe_client_free(l->client);
	cli_url_free(&l->url);
	if (l->own_trace)
		cli_trace_free(l->trace);
	*l = (struct cli_link){.trace = l->own_trace ? NULL : l->trace, .options = l->options};
}

bool cli_link_failed(const struct cli_link *l, const char *verb, const char *name)
{
	fprintf(stderr, "hythe: cannot %s \"", verb);
	cli_put_name(stderr, name);
	fprintf(stderr, "\": %s\n", hythe_client_error(l->client));
	return false;
}

/* URLs of files on servers: smb://[DOMAIN;]USER@HOST[:PORT]/SHARE/PATH with percent-encoding (RFC 3986). A password has no
 * place in them, for command lines are visible to everybody on the machine. */
#include "cli/cli.h"

#include <stdlib.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* n bytes of text with %XX undone, malloc'ed; NULL when malformed. */
static char *decode(const char *text, size_t n)
{
	char *out = malloc(n + 1), *to = out;
	if (!out)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (text[i] != '%') {
			*to++ = text[i];
			continue;
		}
		int high = n - i > 2 ? hex_digit(text[i + 1]) : -1;
		int low = n - i > 2 ? hex_digit(text[i + 2]) : -1;
		if (high < 0 || low < 0 || high * 16 + low == 0) {
			free(out);
			return NULL;
		}
		*to++ = (char)(high * 16 + low);
		i += 2;
	}
	*to = 0;
	return out;
}

static bool fail(char *why, size_t cap, const char *what, const char *text)
{
	snprintf(why, cap, "%s: %s", text, what);
	return false;
}

static bool parse_port(const char *text, size_t n, uint16_t *port)
{
	unsigned v = 0;
	if (n == 0 || n > 5)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		v = v * 10 + (unsigned)(text[i] - '0');
	}
	*port = (uint16_t)v;
	return v > 0 && v <= UINT16_MAX;
}

/* [DOMAIN;]USER */
static const char *parse_user(struct cli_url *u, const char *at, size_t n)
{
	const char *semicolon = memchr(at, ';', n);
	if (memchr(at, ':', n))
		return "a password does not belong there, where everybody on this machine can see it; use HYTHE_PASSWORD or "
		       "--password-file";
	if (semicolon) {
		u->domain = decode(at, (size_t)(semicolon - at));
		n -= (size_t)(semicolon + 1 - at);
		at = semicolon + 1;
		if (!u->domain)
			return "the domain is malformed";
	}
	u->user = decode(at, n);
	return u->user && u->user[0] ? NULL : "the user's name is malformed";
}

/* HOST[:PORT], an IPv6 address in brackets */
static const char *parse_host(struct cli_url *u, const char *at, size_t n)
{
	size_t host_len = n;
	const char *colon;
	if (n > 0 && at[0] == '[') {
		const char *close = memchr(at, ']', n);
		if (!close)
			return "the bracket of the address is not closed";
		colon = close + 1 < at + n ? close + 1 : NULL;
		if (colon && *colon != ':')
			return "after the address comes :PORT or /";
		host_len = (size_t)(close - at - 1);
		u->host = decode(at + 1, host_len);
	} else {
		colon = memchr(at, ':', n);
		host_len = colon ? (size_t)(colon - at) : n;
		u->host = decode(at, host_len);
	}
	if (!u->host || !u->host[0])
		return "the host's name is missing";
	if (colon && !parse_port(colon + 1, (size_t)(at + n - colon - 1), &u->port))
		return "the port is a number from 1 to 65535";
	return NULL;
}

/* SHARE/PATH: empty components vanish, "." and ".." are refused, for the server would not take them. */
static const char *parse_path(struct cli_url *u, const char *at)
{
	while (*at == '/')
		at++;
	size_t n = strcspn(at, "/");
	u->share = decode(at, n);
	if (!u->share || strpbrk(u->share, "/\\"))
		return "the share's name is malformed";
	at += n;
	size_t len = strlen(at);
	u->directory = len > 0 && at[len - 1] == '/';
	u->path = calloc(1, len + 1);
	if (!u->path)
		return "out of memory";
	for (char *to = u->path; *at; at += n) {
		at += strspn(at, "/");
		n = strcspn(at, "/");
		if (n == 0)
			break;
		char *part = decode(at, n);
		bool bad = !part || strpbrk(part, "/\\") || strcmp(part, ".") == 0 || strcmp(part, "..") == 0;
		if (!bad) {
			size_t used = strlen(part);
			if (to > u->path)
				*to++ = '/';
			memcpy(to, part, used);
			to += used;
		}
		free(part);
		if (bad)
			return "the path is malformed, or goes through . or ..";
	}
	return NULL;
}

bool cli_url_parse(struct cli_url *u, const char *text, char *why, size_t cap)
{
	static const char scheme[] = "smb://";
	const char *problem = NULL;
	*u = (struct cli_url){0};
	if (strncmp(text, scheme, sizeof(scheme) - 1) != 0)
		return fail(why, cap, "a URL smb://[DOMAIN;]USER@HOST[:PORT]/SHARE/PATH is wanted", text);
	const char *at = text + sizeof(scheme) - 1;
	size_t n = strcspn(at, "/");
	const char *sign = memrchr(at, '@', n);
	if (sign) {
		problem = parse_user(u, at, (size_t)(sign - at));
		n -= (size_t)(sign + 1 - at);
		at = sign + 1;
	}
	if (!problem)
		problem = parse_host(u, at, n);
	if (!problem)
		problem = parse_path(u, at + n);
	if (!problem)
		return true;
	cli_url_free(u);
	return fail(why, cap, problem, text);
}

void cli_url_free(struct cli_url *u)
{
	free(u->domain);
	free(u->user);
	free(u->host);
	free(u->share);
	free(u->path);
	*u = (struct cli_url){0};
}

const char *cli_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

char *cli_path_join(const char *a, const char *b)
{
	size_t cap = strlen(a) + strlen(b) + 2;
	char *out = malloc(cap);
	if (!out)
		fputs("hythe: out of memory\n", stderr);
	else
		snprintf(out, cap, "%s%s%s", a, *a && *b && a[strlen(a) - 1] != '/' ? "/" : "", b);
	return out;
}

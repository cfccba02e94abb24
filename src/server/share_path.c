/* Paths with variables, see share_path.h. What is put in comes from the network: it is a part of one component's name, and never makes a separator,
 * ".", ".." or nothing. */
#include "server/share_path.h"

#include <stdio.h>
#include <string.h>

enum { TIME_BYTES = 32 };

static bool is_variable(char c)
{
	return c == 'U' || c == 'M' || c == 't';
}

/* Where the first variable is, or the end. A percent sign stands before what belongs to it, but in a pattern that is still to be checked. */
static const char *first_variable(const char *pattern)
{
	const char *p = pattern;

	while (*p && !(*p == '%' && is_variable(p[1])))
		p += *p == '%' && p[1] ? 2 : 1;
	return p;
}

/* Where the component begins that a place in the path is in. */
static const char *component_of(const char *path, const char *at)
{
	while (at > path && at[-1] != '/')
		at--;
	return at;
}

static bool is_dots(const char *s, size_t n)
{
	return (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.');
}

/* Components that do not lead one down. */
static bool leads_astray(const char *rest)
{
	for (;;) {
		size_t n = strcspn(rest, "/");

		if (n == 0 || is_dots(rest, n))
			return true;
		if (rest[n] == 0)
			return false;
		rest += n + 1;
	}
}

bool srv_path_check(const char *pattern, struct srv_path_kind *kind, char *why, size_t cap)
{
	const char *first = first_variable(pattern);
	size_t len = strlen(pattern);

	*kind = (struct srv_path_kind){.varies = *first != 0};
	if (len == 0 || len >= SRV_PATH_BYTES) {
		snprintf(why, cap, "the path is %s", len == 0 ? "empty" : "too long");
		return false;
	}
	for (const char *p = strchr(pattern, '%'); p; p = strchr(p + 2, '%')) {
		if (p[1] != '%' && !is_variable(p[1])) {
			snprintf(why, cap, "%%%.1s in the path stands for nothing: %%U is the user, %%M the client's address, %%t the time, %%%% a percent sign",
				p + 1);
			return false;
		}
		kind->user = kind->user || p[1] == 'U';
	}
	if (kind->varies && leads_astray(component_of(pattern, first))) {
		snprintf(why, cap, "behind a variable the path has '//', '.', '..' or a '/' at its end");
		return false;
	}
	return true;
}

/* What may stand where a variable was. */
static bool is_part_of_name(const char *value)
{
	size_t n = strlen(value);

	if (n == 0 || is_dots(value, n) || strpbrk(value, "/\\") != NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)value[i] < 0x20 || value[i] == 0x7F)
			return false;
	}
	return true;
}

static const char *value_of(char variable, const struct srv_path_values *v, char time_text[TIME_BYTES])
{
	struct tm tm;

	switch (variable) {
	case '%':
		return "%";
	case 'U':
		return v->user ? v->user : "";
	case 'M':
		return v->client;
	default:
		if (!gmtime_r(&v->now, &tm) || strftime(time_text, TIME_BYTES, "%Y_%m_%d_%H_%M_%S", &tm) == 0)
			return "";
		return time_text;
	}
}

static bool append(struct srv_path *out, size_t *len, const char *text, size_t n)
{
	if (n >= sizeof(out->text) - *len)
		return false;
	memcpy(out->text + *len, text, n);
	*len += n;
	out->text[*len] = 0;
	return true;
}

/* false and no `why`: there is no room. */
static bool put_in(char variable, const struct srv_path_values *v, struct srv_path *out, size_t *len, char *why, size_t cap)
{
	char time_text[TIME_BYTES];
	const char *value = value_of(variable, v, time_text);

	if (*value == 0) {
		snprintf(why, cap, "there is nothing to put in for %%%c", variable);
		return false;
	}
	if (!is_part_of_name(value)) {
		snprintf(why, cap, "'%s' cannot be part of a path, where %%%c is", value, variable);
		return false;
	}
	return append(out, len, value, strlen(value));
}

bool srv_path_expand(const char *pattern, const struct srv_path_values *v, struct srv_path *out, char *why, size_t cap)
{
	const char *first = first_variable(pattern), *rest = *first ? component_of(pattern, first) : first;
	size_t len = 0;
	bool fits = true;

	*out = (struct srv_path){0};
	why[0] = 0;
	for (const char *p = pattern; *p && fits; p++) {
		if (p == rest)
			out->fixed = len;
		fits = *p == '%' ? put_in(*++p, v, out, &len, why, cap) : append(out, &len, p, 1);
	}
	if (*first == 0)
		out->fixed = len;
	if (fits && *first && leads_astray(out->text + out->fixed)) {
		snprintf(why, cap, "it would lead elsewhere");
		return false;
	}
	if (!fits && why[0] == 0)
		snprintf(why, cap, "the path is too long");
	return fits;
}

void srv_path_client(const char *peer, char *out, size_t cap)
{
	const char *colon = strrchr(peer, ':');
	size_t len = colon ? (size_t)(colon - peer) : strlen(peer);

	if (len >= 2 && peer[0] == '[' && peer[len - 1] == ']') {
		peer++;
		len -= 2;
	}
	snprintf(out, cap, "%.*s", (int)len, peer);
}

/* Reading the configuration file. inih takes the lines apart; the table in options.def says which options there are, of which
 * kind, and where they go. What is not in the table is an error that names the nearest option that is. Called by cmd_serve.c. */
#include "cli/config.h"

#include "cli/nearest.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum config_kind { FLAG, TEXT, LIST, NUMBER, CHOICE };

struct config_choice {
	const char *name;
	unsigned value;
};

static const struct config_choice dialects[] = {
	{"2.0.2", HYTHE_DIALECT_202}, {"2.1", HYTHE_DIALECT_210}, {"3.0", HYTHE_DIALECT_300}, {"3.0.2", HYTHE_DIALECT_302},
	{"3.1.1", HYTHE_DIALECT_311}, {NULL, 0},
};
static const struct config_choice signings[] = {{"enabled", 0}, {"required", 1}, {NULL, 0}};
static const struct config_choice encryptions[] = {
	{"off", HYTHE_ENCRYPTION_OFF}, {"desired", HYTHE_ENCRYPTION_DESIRED}, {"required", HYTHE_ENCRYPTION_REQUIRED}, {NULL, 0},
};
static const struct config_choice log_levels[] = {
	{"error", HYTHE_LOG_ERROR}, {"warn", HYTHE_LOG_WARN}, {"info", HYTHE_LOG_INFO}, {"debug", HYTHE_LOG_DEBUG},
	{"trace", HYTHE_LOG_TRACE}, {NULL, 0},
};
static const struct config_choice yes_no[] = {
	{"yes", 1}, {"no", 0}, {"true", 1}, {"false", 0}, {"on", 1}, {"off", 0}, {"1", 1}, {"0", 0}, {NULL, 0},
};

/* For fields that say what is not to be. */
static const struct config_choice no_yes[] = {
	{"yes", 0}, {"no", 1}, {"true", 0}, {"false", 1}, {"on", 0}, {"off", 1}, {"1", 0}, {"0", 1}, {NULL, 0},
};

struct config_option {
	const char *name;
	enum config_kind kind;
	size_t offset, size; /* of the field in its struct */
	size_t count_offset; /* LIST */
	unsigned max;        /* NUMBER */
	const struct config_choice *choices;
};

#define NOTHING .max = 0
#define NUMBER_MAX(n) .max = (n)
#define CHOICES(table) .choices = (table)
#define SERVER_COUNT(field_) .count_offset = offsetof(struct hythe_server_config, field_)
#define SHARE_COUNT(field_) .count_offset = offsetof(struct hythe_share_config, field_)
#define ROW(type, name_, kind_, field_, more)                                                                          \
	{.name = name_, .kind = kind_, .offset = offsetof(type, field_), .size = sizeof(((type *)0)->field_), more},

static const struct config_option server_options[] = {
#define SERVER_OPTION(name_, kind_, field_, more, shown, help) ROW(struct hythe_server_config, name_, kind_, field_, more)
#define SHARE_OPTION(...)
#include "cli/options.def"
#undef SERVER_OPTION
#undef SHARE_OPTION
};

static const struct config_option share_options[] = {
#define SERVER_OPTION(...)
#define SHARE_OPTION(name_, kind_, field_, more, shown, help) ROW(struct hythe_share_config, name_, kind_, field_, more)
#include "cli/options.def"
#undef SERVER_OPTION
#undef SHARE_OPTION
};

/* A word that closes what is wrong: file and line come first where there are some. The first error stays. */
static bool fail(struct config *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool fail(struct config *c, const char *fmt, ...)
{
	va_list ap;
	int n = 0;

	if (c->why[0] != 0)
		return false;
	if (c->file && c->line > 0)
		n = snprintf(c->why, sizeof(c->why), "%s:%d: ", c->file, c->line);
	va_start(ap, fmt);
	if (n >= 0 && (size_t)n < sizeof(c->why))
		vsnprintf(c->why + n, sizeof(c->why) - (size_t)n, fmt, ap);
	va_end(ap);
	return false;
}

void config_init(struct config *c)
{
	memset(c, 0, sizeof(*c));
	arena_init(&c->arena, NULL, 0, 0);
	hythe_server_config_init(&c->server);
}

void config_free(struct config *c)
{
	arena_reset(&c->arena);
}

const char *config_strdup(struct config *c, const char *s)
{
	const char *copy = arena_strndup(&c->arena, s, strlen(s));

	if (!copy)
		fail(c, "out of memory");
	return copy;
}

/* --- values --- */

static bool choose(struct config *c, const char *name, const struct config_choice *choices, const char *value, unsigned *out)
{
	char all[128] = "";
	size_t n = 0;

	for (const struct config_choice *k = choices; k->name; k++) {
		if (strcasecmp(k->name, value) == 0) {
			*out = k->value;
			return true;
		}
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s", n ? ", " : "", k->name);
	}
	return fail(c, "%s = %s: it must be one of %s", name, value, choices == yes_no ? "yes, no" : all);
}

static bool parse_number(struct config *c, const struct config_option *o, const char *value, unsigned *out)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end != 0 || errno != 0 || v > o->max)
		return fail(c, "%s = %s: it must be a number from 0 to %u", o->name, value, o->max);
	*out = (unsigned)v;
	return true;
}

/* Adds the items of a comma-separated list to what the list has. */
static bool append_list(struct config *c, const char *const **list, size_t *count, const char *value)
{
	size_t before = *count;

	while (*value) {
		size_t len;
		const char **longer;

		value += strspn(value, ", \t");
		len = strcspn(value, ",");
		while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
			len--;
		if (len == 0)
			continue;
		longer = arena_alloc(&c->arena, (*count + 1) * sizeof(*longer));
		if (!longer)
			return fail(c, "out of memory");
		if (*count > 0)
			memcpy(longer, *list, *count * sizeof(*longer));
		longer[*count] = arena_strndup(&c->arena, value, len);
		if (!longer[*count])
			return fail(c, "out of memory");
		*list = longer;
		(*count)++;
		value += len;
	}
	return *count > before || fail(c, "the list is empty");
}

static bool set_option(struct config *c, const struct config_option *o, void *base, const char *value)
{
	char *field = (char *)base + o->offset;
	unsigned v = 0;

	if (value[0] == 0)
		return fail(c, "%s has no value", o->name);
	switch (o->kind) {
	case TEXT: {
		const char *copy = config_strdup(c, value);

		memcpy(field, &copy, sizeof(copy));
		return copy != NULL;
	}
	case LIST:
		return append_list(c, (const char *const **)(void *)field, (size_t *)(void *)((char *)base + o->count_offset), value);
	case NUMBER:
		if (!parse_number(c, o, value, &v))
			return false;
		break;
	case FLAG:
	case CHOICE:
		if (!choose(c, o->name, o->kind == FLAG ? yes_no : o->choices, value, &v))
			return false;
		break;
	}
	if (o->size == sizeof(bool))
		*(bool *)field = v != 0;
	else
		memcpy(field, &v, sizeof(v));
	return true;
}

/* --- options by name --- */

static const struct config_option *find_option(const struct config_option *table, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(table[i].name, name) == 0)
			return &table[i];
	}
	return NULL;
}

static const char *nearest_option(const struct config_option *table, size_t n, const char *name)
{
	struct nearest best = nearest_start(name);

	for (size_t i = 0; i < n; i++)
		nearest_offer(&best, table[i].name);
	return best.name;
}

static bool unknown_option(struct config *c, const char *name)
{
	const struct config_option *here = c->in_share ? share_options : server_options;
	const struct config_option *there = c->in_share ? server_options : share_options;
	size_t here_n = c->in_share ? ARRAY_LEN(share_options) : ARRAY_LEN(server_options);
	size_t there_n = c->in_share ? ARRAY_LEN(server_options) : ARRAY_LEN(share_options);
	const char *section = c->in_share ? "[share NAME]" : "[server]", *other = c->in_share ? "[server]" : "[share NAME]";
	const char *near = nearest_option(here, here_n, name);

	if (find_option(there, there_n, name))
		return fail(c, "%s does not belong into %s but into %s", name, section, other);
	if (near)
		return fail(c, "unknown option '%s' in %s; did you mean '%s'?", name, section, near);
	return fail(c, "unknown option '%s' in %s; see man hythe.conf", name, section);
}

static bool set_named(struct config *c, const char *name, const char *value)
{
	const struct config_option *table = c->in_share ? share_options : server_options;
	const struct config_option *o = find_option(table, c->in_share ? ARRAY_LEN(share_options) : ARRAY_LEN(server_options), name);
	uint64_t *seen = c->in_share ? &c->seen_share : &c->seen_server;
	void *base = &c->server;

	if (!o)
		return unknown_option(c, name);
	if (c->file && o->kind != LIST && (*seen & (1ull << (o - table))) != 0)
		return fail(c, "%s is given twice", o->name);
	*seen |= 1ull << (o - table);
	if (!c->in_share && strcmp(o->name, "guest") == 0)
		c->guest_given = true;
	if (c->in_share)
		base = config_share(c, c->server.share_count - 1);
	return set_option(c, o, base, value);
}

bool config_set_server(struct config *c, const char *name, const char *value)
{
	c->in_share = false;
	return set_named(c, name, value);
}

/* --- shares --- */

static bool share_name_valid(struct config *c, const char *name)
{
	if (name[0] == 0 || strlen(name) > 80)
		return fail(c, "'%.100s' is no share name: 1 to 80 characters are wanted", name);
	if (strpbrk(name, "\"/\\[]:|<>+=;,*?") != NULL)
		return fail(c, "the share name '%s' has one of the characters \" / \\ [ ] : | < > + = ; , * ?", name);
	if (strcasecmp(name, "IPC$") == 0)
		return fail(c, "IPC$ is there of itself and cannot be configured");
	for (size_t i = 0; i < c->server.share_count; i++) {
		if (strcasecmp(c->server.shares[i].name, name) == 0)
			return fail(c, "the share %s is given twice", name);
	}
	return true;
}

struct hythe_share_config *config_share(struct config *c, size_t i)
{
	/* The array is our own; the public struct only shows it as constant. */
	return (struct hythe_share_config *)(uintptr_t)&c->server.shares[i];
}

struct hythe_share_config *config_add_share(struct config *c, const char *name, const char *path)
{
	size_t n = c->server.share_count;
	struct hythe_share_config *shares = n > 0 ? config_share(c, 0) : NULL, *s;

	if (!share_name_valid(c, name))
		return NULL;
	if (n == c->share_cap) {
		size_t cap = c->share_cap ? 2 * c->share_cap : 8;

		shares = arena_alloc(&c->arena, cap * sizeof(*shares));
		if (!shares) {
			fail(c, "out of memory");
			return NULL;
		}
		if (n > 0)
			memcpy(shares, c->server.shares, n * sizeof(*shares));
		c->server.shares = shares;
		c->share_cap = cap;
	}
	s = &shares[n];
	*s = (struct hythe_share_config){.name = config_strdup(c, name), .path = path ? config_strdup(c, path) : NULL};
	if (!s->name || (path && !s->path))
		return NULL;
	c->server.share_count++;
	c->seen_share = 0;
	return s;
}

bool config_add_share_text(struct config *c, const char *text)
{
	const char *equals = strchr(text, '=');
	char name[128], path[4096];
	struct hythe_share_config rules = {0}, *s;
	size_t len;

	if (!equals || equals == text || equals[1] == 0)
		return fail(c, "--share %s: NAME=DIRECTORY is wanted", text);
	if ((size_t)(equals - text) >= sizeof(name) || strlen(equals + 1) >= sizeof(path))
		return fail(c, "--share %.100s...: name or directory is too long", text);
	memcpy(name, text, (size_t)(equals - text));
	name[equals - text] = 0;
	len = strlen(equals + 1);
	memcpy(path, equals + 1, len + 1);
	for (char *comma; (comma = strrchr(path, ',')) != NULL; *comma = 0) {
		if (strcmp(comma + 1, "ro") == 0)
			rules.read_only = true;
		else if (strcmp(comma + 1, "encrypt") == 0)
			rules.encrypt = true;
		else if (strcmp(comma + 1, "guest") == 0)
			rules.guest = true;
		else
			break;
	}
	s = config_add_share(c, name, path);
	if (!s)
		return false;
	s->read_only = rules.read_only;
	s->encrypt = rules.encrypt;
	s->guest = rules.guest;
	return true;
}

/* --- the file --- */

struct reader {
	struct config *c;
	FILE *file;
	char *line;
	size_t cap;
};

static bool begin_section(struct config *c, char *section)
{
	char *name = section + strcspn(section, " \t");
	bool has_name = *name != 0;

	if (has_name)
		*name++ = 0;
	name += strspn(name, " \t");
	c->in_section = true;
	if (strcasecmp(section, "server") == 0 && !has_name) {
		c->in_share = false;
		return true;
	}
	if (strcasecmp(section, "share") == 0) {
		c->in_share = true;
		return *name ? config_add_share(c, name, NULL) != NULL : fail(c, "[share] wants a name: [share NAME]");
	}
	return fail(c, "unknown section [%s]; did you mean [%s]?", section,
		strcasecmp(section, "global") == 0 || nearest_distance(section, "server") <= 3 ? "server" : "share NAME");
}

/* One line for inih. Leading blanks go, so that an indented option is not taken for a line that continues the one before; section
 * headings are seen to here, since inih only tells of a section with its first option. */
static char *read_line(char *out, int cap, void *arg)
{
	struct reader *r = arg;
	struct config *c = r->c;
	ssize_t n = getline(&r->line, &r->cap, r->file);
	char *p, *end;

	if (n < 0 || c->why[0] != 0)
		return NULL;
	c->line++;
	p = r->line + strspn(r->line, " \t\r\n");
	if (strlen(r->line) != (size_t)n)
		fail(c, "there is a zero byte in this line");
	for (end = p + strlen(p); end > p && strchr(" \t\r\n", end[-1]); end--)
		;
	*end = 0;
	if (*p == '#' || *p == ';')
		p = end;
	if (end - p > cap - 2) {
		fail(c, "the line is longer than %d characters; long lists may be given in several lines", cap - 2);
		p = end;
	}
	if (*p == '[') {
		char *close = strchr(p, ']');

		if (!close)
			fail(c, "the section heading has no ]");
		else {
			*close = 0;
			begin_section(c, p + 1);
		}
		p = end;
	}
	snprintf(out, (size_t)cap, "%s\n", p);
	return out;
}

static int on_option(void *arg, const char *section, const char *name, const char *value)
{
	struct reader *r = arg;

	(void)section;
	if (r->c->why[0] != 0)
		return 0;
	if (!r->c->in_section)
		return fail(r->c, "%s stands before any section; it wants [server] or [share NAME] above it", name);
	return set_named(r->c, name, value);
}

bool config_read(struct config *c, const char *path)
{
	struct reader r = {.c = c, .file = fopen(path, "re")};
	int bad;

	if (!r.file)
		return fail(c, "cannot read %s: %s", path, strerror(errno));
	c->file = path;
	c->line = 0;
	bad = ini_parse_stream(read_line, &r, on_option, &r);
	if (bad > 0 && c->why[0] == 0) {
		c->line = bad;
		fail(c, "'option = value' is wanted here");
	}
	if (ferror(r.file))
		fail(c, "cannot be read: %s", strerror(errno));
	c->file = NULL;
	c->in_share = c->in_section = false;
	free(r.line);
	fclose(r.file);
	return c->why[0] == 0;
}

bool config_finish(struct config *c)
{
	struct hythe_server_config *s = &c->server;
	bool guest_share = false;

	for (size_t i = 0; i < s->share_count; i++) {
		if (!s->shares[i].path)
			return fail(c, "the share %s has no path", s->shares[i].name);
		guest_share = guest_share || s->shares[i].guest;
	}
	if (guest_share && c->guest_given && !s->guest)
		return fail(c, "a share allows guests, but [server] says guest = no");
	s->guest = s->guest || guest_share;
	if (s->min_dialect > s->max_dialect)
		return fail(c, "min-dialect is newer than max-dialect");
	if (s->max_dialect < HYTHE_DIALECT_300 && s->encryption == HYTHE_ENCRYPTION_REQUIRED)
		return fail(c, "encryption = required wants a max-dialect of 3.0 or newer");
	for (size_t i = 0; i < s->share_count; i++) {
		if (s->shares[i].encrypt && s->max_dialect < HYTHE_DIALECT_300)
			return fail(c, "the share %s wants encryption, and so a max-dialect of 3.0 or newer", s->shares[i].name);
	}
	if (s->name && strlen(s->name) > 15)
		return fail(c, "the server's name '%s' has more than 15 characters", s->name);
	return true;
}

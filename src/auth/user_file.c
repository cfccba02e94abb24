/* Lines of the smbpasswd format, `name:uid:LM hash:NT hash:[flags]:LCT-hex:`, as `pdbedit -Lw` prints them too, and the rows
 * they become. The LM hash is neither kept nor written. Called by users.c. */
#include "auth/users.h"

#include "base/utf16.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024, HASH_DIGITS = 32 };
#define NO_HASH "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX"
#define NO_PASSWORD "NO PASSWORDXXXXXXXXXXXXXXXXXXXXX"

void user_why(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, USER_WHY_SIZE, fmt, ap);
	va_end(ap);
}

bool user_name_ok(const char *name)
{
	size_t n = strnlen(name, sizeof(((struct user_entry *)0)->name));
	uint8_t utf16[512];

	if (n == 0 || n >= sizeof(((struct user_entry *)0)->name))
		return false;
	for (size_t i = 0; i < n; i++) {
		if ((uint8_t)name[i] < 0x20 || name[i] == 0x7f || name[i] == ':')
			return false;
	}
	if (name[0] == '#' || name[0] == ' ' || name[n - 1] == ' ')
		return false;
	return utf8_to_utf16(utf16, sizeof(utf16), name, n) != SIZE_MAX;
}

static struct slice wide(uint8_t buf[512], const char *name)
{
	size_t n = utf8_to_utf16(buf, 512, name, strnlen(name, 256));

	return n == SIZE_MAX ? slice_of(NULL, 0) : slice_of(buf, n);
}

static bool name_equal(const char *a, const char *b)
{
	uint8_t buf_a[512], buf_b[512];
	struct slice wide_a = wide(buf_a, a), wide_b = wide(buf_b, b);

	return wide_a.len != 0 && utf16_equal_nocase(wide_a, wide_b);
}

static uint64_t name_hash(const char *name)
{
	uint8_t buf[512];

	return utf16_hash_nocase(wide(buf, name));
}

struct user_row *user_rows_find(const struct user_rows *rows, const char *name)
{
	uint64_t hash = name_hash(name);
	struct user_row *found = NULL;

	for (size_t i = 0; i < rows->n; i++) { /* all of them, so that the duration does not tell a name from none */
		if (rows->rows[i].hash == hash && name_equal(rows->rows[i].e.name, name))
			found = &rows->rows[i];
	}
	return found;
}

bool user_rows_put(struct user_rows *rows, const struct user_row *row)
{
	struct user_row *old = user_rows_find(rows, row->e.name), *grown;
	size_t cap = rows->cap ? rows->cap * 2 : 16;

	if (old != NULL) {
		uint64_t hash = old->hash;

		*old = *row;
		old->hash = hash;
		return true;
	}
	if (rows->n == rows->cap) {
		if (rows->n >= USERS_MAX)
			return false;
		grown = calloc(cap, sizeof(*grown)); /* not realloc: the hashes left behind are wiped */
		if (grown == NULL)
			return false;
		if (rows->n != 0) {
			memcpy(grown, rows->rows, rows->n * sizeof(*grown));
			bytes_wipe(rows->rows, rows->n * sizeof(*grown));
		}
		free(rows->rows);
		rows->rows = grown;
		rows->cap = cap;
	}
	rows->rows[rows->n] = *row;
	rows->rows[rows->n++].hash = name_hash(row->e.name);
	return true;
}

void user_rows_free(struct user_rows *rows)
{
	if (rows->rows != NULL)
		bytes_wipe(rows->rows, rows->n * sizeof(*rows->rows));
	free(rows->rows);
	*rows = (struct user_rows){0};
}

/* --- reading --- */

/* Cuts the next field off at its colon. NULL when there is none. */
static char *cut(char **rest)
{
	char *field = *rest, *colon = field ? strchr(field, ':') : NULL;

	if (colon == NULL)
		return NULL;
	*colon = 0;
	*rest = colon + 1;
	return field;
}

static bool number_take(const char *text, int base, uint32_t *v)
{
	char *end;
	unsigned long x;

	errno = 0;
	x = strtoul(text, &end, base);
	if (errno != 0 || end == text || *end != 0 || x > UINT32_MAX || text[0] == '-' || text[0] == '+')
		return false;
	*v = (uint32_t)x;
	return true;
}

static bool hash_take(struct user_entry *e, const char *text)
{
	if (strlen(text) != HASH_DIGITS)
		return false;
	if (strncmp(text, "NO PASSWORD", 11) == 0 || strcmp(text, NO_HASH) == 0) {
		e->no_password = true;
		return true;
	}
	return bytes_from_hex(e->nt_hash, sizeof(e->nt_hash), text);
}

enum account { ACCOUNT_USER, ACCOUNT_MACHINE, ACCOUNT_BAD };

static enum account flags_take(struct user_entry *e, const char *text)
{
	enum account kind = ACCOUNT_USER;
	size_t n = strlen(text);

	if (n < 2 || text[0] != '[' || text[n - 1] != ']')
		return ACCOUNT_BAD;
	for (size_t i = 1; i + 1 < n; i++) {
		switch (text[i]) {
		case 'D': /* disabled */
		case 'L': /* locked out */
			e->disabled = true;
			break;
		case 'N':
			e->no_password = true;
			break;
		case 'W':
		case 'S':
		case 'I':
			kind = ACCOUNT_MACHINE;
			break;
		default: /* U, X (does not expire), M, T, H, spaces */
			break;
		}
	}
	return kind;
}

/* One line. The flags and LCT were added to the format late and may be missing. */
static enum account line_parse(char *line, struct user_row *row)
{
	char *rest = line, *name = cut(&rest), *uid = cut(&rest), *lm = cut(&rest), *nt = cut(&rest), *flags, *lct;
	enum account kind = ACCOUNT_USER;

	*row = (struct user_row){0};
	if (lm == NULL || nt == NULL || uid == NULL || name == NULL || !user_name_ok(name) || !hash_take(&row->e, nt))
		return ACCOUNT_BAD;
	if (!number_take(uid, 10, &row->e.uid))
		return ACCOUNT_BAD;
	memcpy(row->e.name, name, strlen(name) + 1);
	flags = cut(&rest);
	if (flags != NULL)
		kind = flags_take(&row->e, flags);
	lct = cut(&rest);
	if (lct != NULL && strncmp(lct, "LCT-", 4) == 0 && !number_take(lct + 4, 16, &row->changed))
		return ACCOUNT_BAD;
	return kind;
}

static bool line_take(char *line, struct user_rows *rows, size_t *machines, const char **what)
{
	struct user_row row;
	enum account kind = line_parse(line, &row);
	bool ok = true;

	*what = "is not of the form name:uid:LM hash:NT hash:[flags]:LCT-time:";
	if (kind == ACCOUNT_MACHINE)
		(*machines)++;
	else if (kind == ACCOUNT_BAD)
		ok = false;
	else if (!user_rows_put(rows, &row)) {
		*what = "does not fit into memory";
		ok = false;
	}
	bytes_wipe(&row, sizeof(row));
	return ok;
}

bool user_file_parse(FILE *f, const char *path, struct user_rows *rows, size_t *machines, char *why)
{
	char line[LINE_MAX_BYTES];
	const char *what = NULL;
	size_t number = 0;

	while (what == NULL && fgets(line, sizeof(line), f) != NULL) {
		size_t n = strlen(line);

		number++;
		if (n + 1 == sizeof(line) && line[n - 1] != '\n') {
			what = "is too long";
			break;
		}
		while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
			line[--n] = 0;
		if (n == 0 || line[0] == '#' || line_take(line, rows, machines, &what))
			what = NULL;
	}
	bytes_wipe(line, sizeof(line));
	if (what != NULL)
		user_why(why, "%.150s: line %zu %s", path, number, what);
	else if (ferror(f))
		user_why(why, "%.150s cannot be read: %s", path, strerror(errno));
	else
		return true;
	return false;
}

FILE *user_file_open_private(const char *path, char *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	FILE *f = NULL;
	int err = errno;

	if (fd < 0 || fstat(fd, &st) != 0) {
		err = fd < 0 ? err : errno;
		user_why(why, err == EACCES ? "%.150s cannot be read: %s; it belongs to whoever runs the server" : "%.150s cannot be read: %s", path,
			strerror(err));
	} else if (!S_ISREG(st.st_mode)) {
		user_why(why, "%.150s is not a regular file", path);
		err = EINVAL;
	} else if (st.st_mode & 077) {
		user_why(why, "%.120s may be read by others (mode %04o), and it holds password hashes: chmod 600 it", path, (unsigned)st.st_mode & 07777);
		err = EPERM;
	} else {
		f = fdopen(fd, "r");
		err = errno;
	}
	if (f == NULL && fd >= 0)
		close(fd);
	errno = err;
	return f;
}

/* --- writing --- */

bool user_file_print(FILE *f, const struct user_rows *rows)
{
	char hash[HASH_DIGITS + 1];

	fprintf(f, "# Users of Hythe in smbpasswd format; change them with `hythe user`.\n");
	for (size_t i = 0; i < rows->n; i++) {
		const struct user_row *r = &rows->rows[i];

		bytes_to_hex(hash, r->e.nt_hash, sizeof(r->e.nt_hash));
		for (size_t k = 0; k < HASH_DIGITS; k++)
			hash[k] = (char)(hash[k] >= 'a' ? hash[k] - 32 : hash[k]);
		fprintf(f, "%s:%u:%s:%s:[%c%c%c        ]:LCT-%08X:\n", r->e.name, r->e.uid, NO_HASH,
			r->e.no_password ? NO_PASSWORD : hash, r->e.no_password ? 'N' : 'U', r->e.no_password ? 'U' : ' ',
			r->e.disabled ? 'D' : ' ', r->changed);
	}
	bytes_wipe(hash, sizeof(hash));
	return !ferror(f);
}

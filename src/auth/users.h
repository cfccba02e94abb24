/* What the two halves of the user store share: user_file.c reads and writes smbpasswd lines, users.c holds the table. */
#ifndef AUTH_USERS_H
#define AUTH_USERS_H

#include "auth/auth.h"

#include <stdio.h>

struct user_row {
	struct user_entry e;
	uint32_t changed; /* LCT: Unix time of the last change */
	uint64_t hash;    /* of the name, whatever its case; user_rows_put sets it */
};

struct user_rows {
	struct user_row *rows;
	size_t n, cap;
};

enum { USER_WHY_SIZE = 256, USERS_MAX = 1000000 };

void user_why(char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Reads a whole file of lines. machines: how many accounts of machines were passed over. */
bool user_file_parse(FILE *f, const char *path, struct user_rows *rows, size_t *machines, char *why) MUST_USE;
bool user_file_print(FILE *f, const struct user_rows *rows) MUST_USE;

/* Checks that nobody else can read or change it, and opens it. NULL and `why`; errno ENOENT when there is none. */
FILE *user_file_open_private(const char *path, char *why) MUST_USE;

struct user_row *user_rows_find(const struct user_rows *rows, const char *name);
/* Adds or replaces. */
bool user_rows_put(struct user_rows *rows, const struct user_row *row) MUST_USE;
void user_rows_free(struct user_rows *rows);

#endif

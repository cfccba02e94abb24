/* See seeds.h. */
#include "seeds.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS = 256, SEEDS_PER_ROW = 40, MAX_SEED_BYTES = 2048 };

/* How many the row has; NULL when there are too many rows. */
static unsigned *count_of(const char *row)
{
	static struct {
		char name[64];
		unsigned n;
	} rows[ROWS];

	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].name[0] == 0)
			snprintf(rows[i].name, sizeof(rows[i].name), "%s", row);
		if (strcmp(rows[i].name, row) == 0)
			return &rows[i].n;
	}
	return NULL;
}

/* Messages that differ only in their numbers teach a fuzzer little: lengths and the positions of zeros make the difference. */
static uint64_t fingerprint(struct slice s)
{
	uint64_t h = s.len;

	for (size_t i = 0; i < s.len; i++)
		h = h * 1099511628211u + (s.data[i] == 0 ? 1 : 2) + (i < 4 ? s.data[i] : 0u);
	return h;
}

void seed_write(const char *row, struct slice data)
{
	const char *dir = getenv("HYTHE_SEEDS");
	unsigned *count = dir && data.len <= MAX_SEED_BYTES ? count_of(row) : NULL;
	char path[4096];
	FILE *f;

	if (!count || *count >= SEEDS_PER_ROW)
		return;
	snprintf(path, sizeof(path), "%s/%s", dir, row);
	(void)mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/%s/c%016llx", dir, row, (unsigned long long)fingerprint(data));
	if (access(path, F_OK) == 0)
		return;
	f = fopen(path, "wb");
	if (!f) {
		perror(path);
		exit(1);
	}
	fwrite(data.data, 1, data.len, f);
	fclose(f);
	++*count;
}

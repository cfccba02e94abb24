/* Any bytes as a file of users: what is read can be written, and reads the same again. */
#include "fuzz.h"

#include "auth/users.h"

static bool read_back(const char *text, size_t len, struct user_rows *rows)
{
	FILE *f = fmemopen((void *)(uintptr_t)text, len, "r");
	char why[USER_WHY_SIZE];
	size_t machines = 0;
	bool ok;

	MUST(f != NULL);
	ok = user_file_parse(f, "file", rows, &machines, why);
	fclose(f);
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct user_rows rows = {0}, again = {0};
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	if (size == 0)
		return 0;
	if (read_back((const char *)data, size, &rows)) {
		f = open_memstream(&text, &len);
		MUST(f != NULL && user_file_print(f, &rows));
		fclose(f);
		MUST(read_back(text, len, &again));
		MUST(rows.n == again.n);
		for (size_t i = 0; i < rows.n; i++)
			MUST(memcmp(&rows.rows[i], &again.rows[i], sizeof(rows.rows[i])) == 0);
		free(text);
	}
	user_rows_free(&rows);
	user_rows_free(&again);
	return 0;
}

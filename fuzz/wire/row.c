/* Any bytes through the coder of one structure, or the iterator of one list. The row comes from HYTHE_FUZZ_ROW, else from the
 * program's own name (a link fuzz_wire-NAME); "list" prints the names. What decodes must encode, and then be stable. */
#include "codec_rows.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_BYTES = 1 << 17 };

static struct codec_row row;
static struct list_row list;

#define MUST(x)                                                                                                        \
	do {                                                                                                           \
		if (!(x))                                                                                              \
			abort();                                                                                       \
	} while (0)

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("HYTHE_FUZZ_ROW"), *link = strstr((*argv)[0], "fuzz_wire-");

	(void)argc;
	if (!name)
		name = link ? link + strlen("fuzz_wire-") : "list";
	for (size_t i = 0; i < codec_row_count(); i++) {
		if (strcmp(name, "list") == 0)
			printf("%s\n", codec_row_at(i).name);
		else if (strcmp(name, codec_row_at(i).name) == 0)
			row = codec_row_at(i);
	}
	for (size_t i = 0; i < list_row_count(); i++) {
		if (strcmp(name, "list") == 0)
			printf("%s\n", list_row_at(i).name);
		else if (strcmp(name, list_row_at(i).name) == 0)
			list = list_row_at(i);
	}
	if (row.code || list.walk)
		return 0;
	exit(strcmp(name, "list") != 0);
}

static void ignore_line(void *arg, const char *text)
{
	(void)arg;
	MUST(strlen(text) < 400);
}

/* Encodes *m behind row.start zeros; the length, or 0 when it does not fit. */
static size_t encode(void *m, uint8_t *out)
{
	struct wire e = wire_encoder(out, row.start, MAX_BYTES);

	row.code(&e, m);
	wire_append_tail(&e);
	MUST(wire_ok(&e) || nt_is(e.error, STATUS_BUFFER_OVERFLOW) || nt_is(e.error, STATUS_INVALID_PARAMETER));
	return wire_ok(&e) ? e.pos : 0;
}

static void check_stable(const uint8_t *first, size_t len, uint8_t *second)
{
	void *m = calloc(1, row.size);
	struct arena a;
	struct wire w;

	arena_init(&a, NULL, 0, 0);
	w = wire_decoder(first, row.start, len, &a);
	MUST(m);
	row.code(&w, m);
	MUST(wire_ok(&w));
	MUST(encode(m, second) == len && memcmp(first, second, len) == 0);
	arena_reset(&a);
	free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t first[MAX_BYTES], second[MAX_BYTES];
	struct wire_printer printer = {ignore_line, NULL, 0};
	struct wire w, p = wire_printer_of(NULL, &printer);
	uint8_t *copy = calloc(1, row.start + size + 1);
	void *m = calloc(1, row.size + 1);
	struct arena a;
	size_t len;

	if (!copy || !m || list.walk) {
		if (list.walk)
			MUST(list.walk(slice_of(data, size)) <= (int)size);
		free(copy);
		free(m);
		return 0;
	}
	memcpy(copy + row.start + 1, data, size); /* the bytes end where the allocation ends */
	arena_init(&a, NULL, 0, 16u << 20);
	w = wire_decoder(copy + 1, row.start, row.start + size, &a);
	row.code(&w, m);
	if (wire_ok(&w)) {
		row.code(&p, m);
		len = encode(m, first);
		if (len != 0)
			check_stable(first, len, second);
	}
	arena_reset(&a);
	free(copy);
	free(m);
	return 0;
}

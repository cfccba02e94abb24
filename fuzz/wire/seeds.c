/* Writes generated values of every structure as seeds: wire_seeds DIR makes DIR/ROW/gN. Those from captures come from the
 * vectors program (HYTHE_SEEDS); see scripts/fuzz-seeds.sh. */
#include "codec_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEEDS_PER_ROW = 12, MAX_BYTES = 65536 };

static int write_seed(const char *dir, const char *row, unsigned n, struct slice s)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, row);
	if (mkdir(path, 0777) != 0 && access(path, W_OK) != 0)
		return 1;
	snprintf(path, sizeof(path), "%s/%s/g%u", dir, row, n);
	f = fopen(path, "wb");
	if (!f)
		return 1;
	fwrite(s.data, 1, s.len, f);
	return fclose(f) != 0;
}

int main(int argc, char **argv)
{
	static uint8_t out[MAX_BYTES];

	if (argc != 2) {
		fprintf(stderr, "usage: wire_seeds DIR\n");
		return 2;
	}
	for (size_t i = 0; i < codec_row_count(); i++) {
		struct codec_row r = codec_row_at(i);

		for (unsigned n = 0; n < SEEDS_PER_ROW; n++) {
			void *m = calloc(1, r.size);
			struct arena a;
			struct wire g, e;
			int failed;

			arena_init(&a, NULL, 0, 0);
			g = wire_generator(n + 1, &a);
			e = wire_encoder(out, r.start, sizeof(out));
			r.code(&g, m);
			r.code(&e, m);
			wire_append_tail(&e);
			failed = write_seed(argv[1], r.name, n, slice_of(out + r.start, e.pos - r.start));
			arena_reset(&a);
			free(m);
			if (failed) {
				perror(argv[1]);
				return 1;
			}
		}
	}
	return 0;
}

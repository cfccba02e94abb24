/* See nearest.h. The distance is Damerau's and Levenshtein's, on three rows; words longer than a row are never near. */
#include "cli/nearest.h"

#include <ctype.h>
#include <string.h>

enum { ROW_CHARS = 64 };

static int same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t nearest_distance(const char *a, const char *b)
{
	size_t rows[3][ROW_CHARS + 1], la = strlen(a), lb = strlen(b);

	if (la > ROW_CHARS || lb > ROW_CHARS)
		return la > lb ? la : lb;
	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			row[j] = above[j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1);
			row[j] = least(row[j], least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				row[j] = least(row[j], two_above[j - 2] + 1);
		}
	}
	return rows[la % 3][lb];
}

struct nearest nearest_start(const char *typed)
{
	/* Half the word may be wrong, but of a short one at least two letters. */
	size_t len = strlen(typed);

	return (struct nearest){.typed = typed, .distance = len / 2 > 2 ? len / 2 + 1 : 3};
}

void nearest_offer(struct nearest *n, const char *candidate)
{
	size_t d = nearest_distance(n->typed, candidate);

	if (d < n->distance && d < strlen(candidate)) {
		n->distance = d;
		n->name = candidate;
	}
}

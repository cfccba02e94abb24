/* "Did you mean": the known word that is nearest to a mistyped one, by edit distance. */
#ifndef CLI_NEAREST_H
#define CLI_NEAREST_H

#include <stddef.h>

struct nearest {
	const char *typed;
	const char *name;  /* the nearest word near enough to be meant; NULL: none so far */
	size_t distance;
};

struct nearest nearest_start(const char *typed);
void nearest_offer(struct nearest *n, const char *candidate);

/* Insertions, deletions, replacements and swaps of neighbours that lead from a to b, without regard to ASCII case. */
size_t nearest_distance(const char *a, const char *b);

#endif

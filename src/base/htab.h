/* An intrusive chained hash table that grows. The caller locks. Hashes are keyed per process, so that a peer who picks
 * the keys cannot pick the chains. */
#ifndef BASE_HTAB_H
#define BASE_HTAB_H

#include "base/bytes.h"

struct htab_node {
	struct htab_node *next;
	uint64_t hash;
};

struct htab {
	struct htab_node **buckets;
	size_t mask; /* number of buckets less one; 0 buckets when buckets is NULL */
	size_t count;
};

/* Keyed 64-bit hashes. The second is quicker and for keys that no peer can pick: the ids that we or the kernel give out. */
uint64_t hash_bytes(const void *p, size_t n);
uint64_t hash_u64(uint64_t v);

/* Inserts; false (and nothing inserted) when the first bucket array cannot be allocated. Does not look for duplicates. */
bool htab_insert(struct htab *t, struct htab_node *n, uint64_t hash) MUST_USE;

/* First node of that hash, or the next one after `prev`; NULL at the end. The caller compares keys. */
struct htab_node *htab_find(const struct htab *t, uint64_t hash);
struct htab_node *htab_find_next(const struct htab_node *prev);

/* Removes a node that is in the table. */
void htab_remove(struct htab *t, struct htab_node *n);

/* Calls fn on every node; fn may remove and free the node it was given, and nothing else. */
void htab_each(struct htab *t, void (*fn)(struct htab_node *n, void *arg), void *arg);

/* Frees the bucket array (not the nodes). */
void htab_free(struct htab *t);

#endif

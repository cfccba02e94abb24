/* Inside of fsa: the locks of one kind of one node, as a tree by offset in which those that touch a range are found in the logarithm
 * of their number. The shard's lock guards it. */
#ifndef FSA_LOCK_TREE_H
#define FSA_LOCK_TREE_H

#include "fsa/node.h"

struct fsa_lock {
	struct fsa_lock *left, *right;
	uint64_t offset, length;
	uint64_t last;             /* its last byte; the byte before offset if length is 0 */
	uint64_t subtree_last;     /* the greatest `last` beneath, itself included */
	struct fsa_open *owner;
	struct fsa_open *subtree_owner; /* of all that is beneath, itself included, and all of one process; NULL: more than one */
	uint64_t priority;         /* greater than that of those beneath; chance keeps the tree shallow */
	uint32_t process;
	bool exclusive;
	struct list_node of_open;  /* in owner->locks */
};

void fsa_lock_tree_insert(struct fsa_lock **root, struct fsa_lock *l);
void fsa_lock_tree_remove(struct fsa_lock **root, struct fsa_lock *l);
/* A lock of that owner and process on exactly that range. */
struct fsa_lock *fsa_lock_tree_find(struct fsa_lock *root, const struct fsa_range *range, const struct fsa_open *owner);
/* Whether a lock of somebody but `process` of `except` (NULL: of anybody) touches the bytes first to last. With last before first: whether they
 * lie strictly inside of one. */
bool fsa_lock_tree_touches(const struct fsa_lock *root, uint64_t first, uint64_t last, const struct fsa_open *except, uint32_t process);

/* Whether one begins before that byte. */
bool fsa_lock_tree_begins_before(const struct fsa_lock *root, uint64_t offset);

#endif

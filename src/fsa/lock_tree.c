/* A treap of locks, see lock_tree.h: ordered by range and owner, balanced by priorities that nobody can foresee, each node knowing the
 * greatest end beneath it and whether all beneath it are of one owner. */
#include "fsa/lock_tree.h"

static void sum_up(struct fsa_lock *t)
{
	const struct fsa_lock *below[] = {t->left, t->right};

	t->subtree_last = t->last;
	t->subtree_owner = t->owner;
	for (size_t i = 0; i < ARRAY_LEN(below); i++) {
		if (!below[i])
			continue;
		if (below[i]->subtree_last > t->subtree_last)
			t->subtree_last = below[i]->subtree_last;
		if (below[i]->subtree_owner != t->owner || below[i]->process != t->process)
			t->subtree_owner = NULL;
	}
}

/* Whether a lock comes before another of that range, owner and place. place 0: before all like it. */
static bool before(const struct fsa_lock *l, const struct fsa_range *range, const struct fsa_open *owner, uintptr_t place)
{
	if (l->offset != range->offset)
		return l->offset < range->offset;
	if (l->length != range->length)
		return l->length < range->length;
	if (l->owner != owner)
		return (uintptr_t)l->owner < (uintptr_t)owner;
	if (l->process != range->process)
		return l->process < range->process;
	return (uintptr_t)l < place;
}

static bool before_lock(const struct fsa_lock *l, const struct fsa_lock *m)
{
	return before(l, &(struct fsa_range){.offset = m->offset, .length = m->length, .process = m->process}, m->owner, (uintptr_t)m);
}

/* Everything in `a` comes before everything in `b`. */
static struct fsa_lock *join(struct fsa_lock *a, struct fsa_lock *b)
{
	if (!a || !b)
		return a ? a : b;
	if (a->priority > b->priority) {
		a->right = join(a->right, b);
		sum_up(a);
		return a;
	}
	b->left = join(a, b->left);
	sum_up(b);
	return b;
}

/* What comes before l, and the rest. */
static void split(struct fsa_lock *t, const struct fsa_lock *l, struct fsa_lock **low, struct fsa_lock **high)
{
	if (!t) {
		*low = *high = NULL;
		return;
	}
	if (before_lock(t, l)) {
		split(t->right, l, &t->right, high);
		*low = t;
	} else {
		split(t->left, l, low, &t->left);
		*high = t;
	}
	sum_up(t);
}

void fsa_lock_tree_insert(struct fsa_lock **root, struct fsa_lock *l)
{
	struct fsa_lock *low, *high;

	l->left = l->right = NULL;
	l->priority = hash_u64((uintptr_t)l);
	sum_up(l);
	split(*root, l, &low, &high);
	*root = join(join(low, l), high);
}

void fsa_lock_tree_remove(struct fsa_lock **root, struct fsa_lock *l)
{
	struct fsa_lock *t = *root;

	if (t == l) {
		*root = join(l->left, l->right);
		return;
	}
	fsa_lock_tree_remove(before_lock(t, l) ? &t->right : &t->left, l);
	sum_up(t);
}

struct fsa_lock *fsa_lock_tree_find(struct fsa_lock *root, const struct fsa_range *range, const struct fsa_open *owner)
{
	struct fsa_lock *found = NULL;

	for (struct fsa_lock *t = root; t; t = before(t, range, owner, 0) ? t->right : t->left) {
		if (t->offset == range->offset && t->length == range->length && t->owner == owner && t->process == range->process)
			found = t;
	}
	return found;
}

bool fsa_lock_tree_touches(const struct fsa_lock *root, uint64_t first, uint64_t last, const struct fsa_open *except, uint32_t process)
{
	for (const struct fsa_lock *t = root; t && t->subtree_last >= first; t = t->right) {
		if (except && t->subtree_owner == except && t->process == process)
			return false;
		if (fsa_lock_tree_touches(t->left, first, last, except, process))
			return true;
		if (t->offset > last)
			return false;
		if (t->last >= first && (t->owner != except || t->process != process))
			return true;
	}
	return false;
}

bool fsa_lock_tree_begins_before(const struct fsa_lock *root, uint64_t offset)
{
	while (root && root->left)
		root = root->left;
	return root && root->offset < offset;
}

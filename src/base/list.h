/* Doubly linked intrusive lists. A list_node in a ring; the list itself is a node that holds nothing. Not thread-safe. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/bytes.h"

struct list_node {
	struct list_node *next, *prev;
};

static inline void list_init(struct list_node *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list_node *l)
{
	return l->next == l;
}

/* True for a node that list_remove took out or list_init prepared. */
static inline bool list_unlinked(const struct list_node *n)
{
	return n->next == n;
}

static inline void list_insert_after(struct list_node *pos, struct list_node *n)
{
	n->prev = pos;
	n->next = pos->next;
	pos->next->prev = n;
	pos->next = n;
}

static inline void list_append(struct list_node *l, struct list_node *n)
{
	list_insert_after(l->prev, n);
}

static inline void list_prepend(struct list_node *l, struct list_node *n)
{
	list_insert_after(l, n);
}

static inline void list_remove(struct list_node *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

#define list_entry(node, type, member) CONTAINER_OF(node, type, member)
#define list_for_each(pos, list) for (struct list_node *pos = (list)->next; pos != (list); pos = pos->next)
/* The body may remove pos. */
#define list_for_each_safe(pos, list)                                                                                  \
	for (struct list_node *pos = (list)->next, *pos##_next = pos->next; pos != (list);                             \
		pos = pos##_next, pos##_next = pos->next)

#endif

/* Directories of a server as sorted lists, for the commands that show or copy them. */
#include "cli/cli.h"

#include <stdlib.h>

static bool append(struct cli_list *l, const struct hythe_entry *e)
{
	if (l->count == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		struct cli_entry *more = reallocarray(l->entries, cap, sizeof(*more));
		if (!more)
			return false;
		l->entries = more;
		l->cap = cap;
	}
	char *name = strdup(e->name);
	if (!name)
		return false;
	l->entries[l->count++] = (struct cli_entry){name, e->stat};
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct cli_entry *x = a, *y = b;
	return strcmp(x->name, y->name);
}

ntstatus cli_list_read(struct cli_list *list, struct hythe_tree *tree, const char *path)
{
	struct hythe_dir *dir;
	struct hythe_entry e;
	*list = (struct cli_list){0};
	ntstatus status = hythe_dir_open(tree, path, NULL, &dir);
	if (!nt_ok(status))
		return status;
	while (nt_ok(status = hythe_dir_next(dir, &e))) {
		if (!append(list, &e)) {
			status = STATUS_NO_MEMORY;
			break;
		}
	}
	hythe_dir_close(dir);
	if (!nt_is(status, STATUS_NO_MORE_FILES)) {
		cli_list_free(list);
		return status;
	}
	if (list->count > 1)
		qsort(list->entries, list->count, sizeof(list->entries[0]), by_name);
	return STATUS_SUCCESS;
}

void cli_list_free(struct cli_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->entries[i].name);
	free(list->entries);
	*list = (struct cli_list){0};
}

bool cli_is_plain_directory(const struct hythe_stat *s)
{
	return s->directory && !(s->attributes & HYTHE_ATTRIBUTE_REPARSE_POINT);
}

/* Who watches which directory, and which changes concern him. [MS-FSA] 2.1.4.1 (matching), 2.1.5.11. The watch lock is held
 * while a change is handed out; what is called under it only notes the change. */
#include "fsa/node.h"

#include "base/utf16.h"

#include <stdatomic.h>

void fsa_watch_add(struct fsa *f, struct fsa_watch *w)
{
	pthread_mutex_lock(&f->watch_lock);
	list_append(&f->watches, &w->link);
	pthread_mutex_unlock(&f->watch_lock);
	atomic_fetch_add(&f->watch_count, 1);
}

void fsa_watch_remove(struct fsa *f, struct fsa_watch *w)
{
	atomic_fetch_sub(&f->watch_count, 1);
	pthread_mutex_lock(&f->watch_lock);
	list_remove(&w->link);
	pthread_mutex_unlock(&f->watch_lock);
}

bool fsa_watched(struct fsa *f)
{
	return atomic_load_explicit(&f->watch_count, memory_order_relaxed) != 0;
}

/* What is left of the path behind the watched directory; .len 0: it is not in there. */
static struct slice relative(struct slice path, struct slice directory, bool tree)
{
	struct slice rest = path;

	if (directory.len > 0) {
		if (path.len <= directory.len + 2 || utf16_at(path, directory.len / 2) != '\\' ||
			!utf16_equal_nocase(slice_of(path.data, directory.len), directory))
			return slice_of(NULL, 0);
		rest = slice_of(path.data + directory.len + 2, path.len - directory.len - 2);
	}
	for (size_t i = 0; !tree && i < rest.len / 2; i++) {
		if (utf16_at(rest, i) == '\\')
			return slice_of(NULL, 0);
	}
	return rest;
}

void fsa_changed(struct fsa *f, uint32_t action, uint32_t what, struct slice path, void *ctx)
{
	uint8_t scratch[1024];
	struct arena a;

	arena_init(&a, scratch, sizeof(scratch), 0);
	pthread_mutex_lock(&f->watch_lock);
	list_for_each(n, &f->watches) {
		struct fsa_watch *w = list_entry(n, struct fsa_watch, link);
		struct slice name;

		if (!(w->filter & what) || (what & FSA_CHANGE_UNLESS_NAMED && w->filter & (FSA_CHANGE_FILE_NAME | FSA_CHANGE_DIR_NAME)))
			continue;
		name = relative(path, vfs_file_name(w->directory, &a), w->tree);
		if (name.len > 0)
			w->changed(w, action, name, ctx);
		arena_reset(&a);
	}
	pthread_mutex_unlock(&f->watch_lock);
}

void fsa_watches_each(struct fsa *f, void (*fn)(struct fsa_watch *w, void *ctx), void *ctx)
{
	pthread_mutex_lock(&f->watch_lock);
	list_for_each(n, &f->watches)
		fn(list_entry(n, struct fsa_watch, link), ctx);
	pthread_mutex_unlock(&f->watch_lock);
}

void fsa_directory_deleted(struct fsa *f, struct vfs_id id, void *ctx)
{
	pthread_mutex_lock(&f->watch_lock);
	list_for_each(n, &f->watches) {
		struct fsa_watch *w = list_entry(n, struct fsa_watch, link);

		if (vfs_id_same_file(w->id, id))
			w->deleted(w, ctx);
	}
	pthread_mutex_unlock(&f->watch_lock);
}

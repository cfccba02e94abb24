/* Watches over a mem store: which changes concern whom, and what is open beneath a directory. */
#include "fsa/fsa.h"

#include "base/utf16.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct kit {
	struct vfs *v;
	struct fsa *f;
	struct arena a;
	struct vfs_open_result root, sub;
};

static struct slice u16(struct kit *k, const char *s)
{
	return utf16_from_utf8_arena(&k->a, s);
}

static struct vfs_open_result open_it(struct kit *k, const char *name, uint32_t flags)
{
	struct vfs_open_args args = {.name = u16(k, name), .disposition = VFS_OPEN_IF, .flags = flags};
	struct vfs_open_result out;

	assert_true(nt_ok(vfs_open(k->v, &args, &k->a, &out)));
	return out;
}

static int kit_setup(void **state)
{
	static struct kit k;

	arena_init(&k.a, NULL, 0, 0);
	k.v = vfs_mem_open(&clock_system, 1 << 20);
	k.f = fsa_new(NULL);
	k.sub = open_it(&k, "Sub", VFS_DIRECTORY);
	k.root = open_it(&k, "", VFS_DIRECTORY);
	*state = &k;
	return 0;
}

static int kit_teardown(void **state)
{
	struct kit *k = *state;

	vfs_file_close(k->sub.file);
	vfs_file_close(k->root.file);
	vfs_close(k->v);
	fsa_free(k->f);
	arena_reset(&k->a);
	return 0;
}

struct seen {
	struct fsa_watch watch;
	unsigned count;
	uint32_t action;
	char name[64];
};

static void on_change(struct fsa_watch *w, uint32_t action, struct slice name, void *ctx)
{
	struct seen *s = CONTAINER_OF(w, struct seen, watch);

	(void)ctx;
	s->count++;
	s->action = action;
	assert_int_not_equal(utf16_to_utf8(s->name, sizeof(s->name), name), SIZE_MAX);
}

static void watch(struct kit *k, struct seen *s, struct vfs_file *directory, uint32_t filter, bool tree)
{
	*s = (struct seen){.watch = {.directory = directory, .filter = filter, .tree = tree, .changed = on_change}};
	fsa_watch_add(k->f, &s->watch);
}

static void test_changes_reach_those_they_concern(void **state)
{
	struct kit *k = *state;
	struct seen flat, tree, sub, sizes;

	assert_false(fsa_watched(k->f));
	watch(k, &flat, k->root.file, FSA_CHANGE_FILE_NAME, false);
	watch(k, &tree, k->root.file, FSA_CHANGE_FILE_NAME, true);
	watch(k, &sub, k->sub.file, FSA_CHANGE_FILE_NAME, false);
	watch(k, &sizes, k->sub.file, FSA_CHANGE_SIZE, false);
	assert_true(fsa_watched(k->f));
	fsa_changed(k->f, FSA_ADDED, FSA_CHANGE_FILE_NAME, u16(k, "sub\\x.txt"), NULL);
	assert_int_equal(flat.count, 0);
	assert_int_equal(tree.count, 1);
	assert_string_equal(tree.name, "sub\\x.txt");
	assert_int_equal(sub.count, 1);
	assert_string_equal(sub.name, "x.txt");
	assert_int_equal(sub.action, FSA_ADDED);
	assert_int_equal(sizes.count, 0);
	fsa_changed(k->f, FSA_REMOVED, FSA_CHANGE_FILE_NAME, u16(k, "y"), NULL);
	assert_int_equal(flat.count, 1);
	assert_int_equal(tree.count, 2);
	assert_int_equal(sub.count, 1);
	/* A name that only begins the same, the directory itself, and what lies deeper. */
	fsa_changed(k->f, FSA_REMOVED, FSA_CHANGE_FILE_NAME, u16(k, "subway\\x"), NULL);
	fsa_changed(k->f, FSA_REMOVED, FSA_CHANGE_FILE_NAME, u16(k, "Sub"), NULL);
	fsa_changed(k->f, FSA_REMOVED, FSA_CHANGE_FILE_NAME, u16(k, "Sub\\a\\b"), NULL);
	assert_int_equal(sub.count, 1);
	fsa_changed(k->f, FSA_MODIFIED, FSA_CHANGE_SIZE | FSA_CHANGE_LAST_WRITE, u16(k, "Sub\\z"), NULL);
	assert_int_equal(sizes.count, 1);
	fsa_watch_remove(k->f, &flat.watch);
	fsa_watch_remove(k->f, &tree.watch);
	fsa_watch_remove(k->f, &sub.watch);
	fsa_watch_remove(k->f, &sizes.watch);
	assert_false(fsa_watched(k->f));
}

static void test_opens_beneath_a_directory_are_found(void **state)
{
	struct kit *k = *state;
	struct vfs_open_result r = open_it(k, "Sub\\f", 0);
	const struct fsa_enter e = {.id = r.stat.id, .access = FILE_READ_DATA, .share = 7};
	struct fsa_open o = {.file = r.file};
	struct fsa_breaks b;
	struct arena scratch;
	struct vfs_id id;

	fsa_breaks_init(&b);
	arena_init(&scratch, NULL, 0, 0);
	assert_int_equal(fsa_open_beneath(k->f, u16(k, "Sub"), &scratch, &id, &b).code, STATUS_SUCCESS.code);
	assert_true(nt_ok(fsa_open_enter(k->f, &e, &o, &b)));
	assert_int_equal(fsa_open_beneath(k->f, u16(k, "sub"), &scratch, &id, &b).code, STATUS_ACCESS_DENIED.code);
	assert_int_equal(fsa_open_beneath(k->f, u16(k, "Su"), &scratch, &id, &b).code, STATUS_SUCCESS.code);
	assert_int_equal(fsa_open_beneath(k->f, u16(k, "Sub\\f"), &scratch, &id, &b).code, STATUS_SUCCESS.code);
	assert_false(fsa_open_leave(k->f, &o));
	assert_int_equal(fsa_open_beneath(k->f, u16(k, "Sub"), &scratch, &id, &b).code, STATUS_SUCCESS.code);
	vfs_file_close(r.file);
	arena_reset(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_changes_reach_those_they_concern, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_opens_beneath_a_directory_are_found, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

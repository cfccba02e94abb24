/* What the posix store tells of changes that others make, with real directories: the test's own system calls are the local
 * program, what goes through the store must not be told. */
#include "harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { NAMES = VFS_WATCH_NAMES, TREE = VFS_WATCH_TREE, ALL = VFS_WATCH_NAMES | VFS_WATCH_DATA | VFS_WATCH_ATTRIBUTES };

struct watching {
	struct vfs_file *dir;
	struct vfs_watch *watch;
};

static struct watching watch(struct fixture *f, const char *name, uint32_t what)
{
	struct watching w = {.dir = open_file(f, name, VFS_READ | VFS_DIRECTORY)};

	w.watch = vfs_watch_add(w.dir, what);
	assert_non_null(w.watch);
	return w;
}

static void unwatch(struct watching *w)
{
	vfs_watch_remove(w->watch);
	vfs_file_close(w->dir);
}

/* What is told now: "+" added, "-" removed, "=" data, "~" attributes, ">" renamed; directories end in "/"; "LOST". */
static const char *news(struct fixture *f)
{
	static char text[4096];
	static const char marks[] = "+->=~";
	struct list_node changes;
	size_t n = 0;

	text[0] = 0;
	list_init(&changes);
	if (!vfs_changes_read(f->v, &f->arena, &changes))
		n += (size_t)snprintf(text, sizeof(text), "LOST ");
	list_for_each(l, &changes) {
		const struct vfs_change *c = list_entry(l, struct vfs_change, link);

		if (n > sizeof(text) / 2)
			break;
		if (c->kind == VFS_RENAMED)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", narrow(f, c->from));
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%c%s%s ", marks[c->kind], narrow(f, c->path), c->directory ? "/" : "");
		assert_true(n < sizeof(text));
	}
	return text;
}

static void local_write(struct fixture *f, const char *name, const char *content)
{
	int fd = open(on_disk(f, name), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), (int)strlen(content));
	close(fd);
}

static void local_rename(struct fixture *f, const char *from, const char *to)
{
	char old[512];

	snprintf(old, sizeof(old), "%s", on_disk(f, from));
	assert_int_equal(rename(old, on_disk(f, to)), 0);
}

static void local_mkdir(struct fixture *f, const char *name)
{
	assert_int_equal(mkdir(on_disk(f, name), 0755), 0);
}

static void test_local_programs_are_told_of(void **state)
{
	struct fixture *f = *state;
	struct watching w;

	make_dir(f, "d");
	make_dir(f, "other");
	w = watch(f, "d", ALL);
	assert_true(vfs_changes_fd(f->v) >= 0);
	assert_string_equal(news(f), "");
	local_write(f, "d/f", "x");
	assert_string_equal(news(f), "+d\\f =d\\f ");
	local_write(f, "d/f", "y");
	assert_int_equal(chmod(on_disk(f, "d/f"), 0600), 0);
	assert_string_equal(news(f), "=d\\f ~d\\f ");
	local_rename(f, "d/f", "d/g");
	assert_string_equal(news(f), "d\\f>d\\g ");
	local_rename(f, "d/g", "other/g");
	assert_string_equal(news(f), "-d\\g ");
	local_rename(f, "other/g", "d/h");
	assert_string_equal(news(f), "+d\\h ");
	assert_int_equal(unlink(on_disk(f, "d/h")), 0);
	assert_string_equal(news(f), "-d\\h ");
	local_mkdir(f, "d/sub");
	local_write(f, "d/sub/deep", "x");
	assert_string_equal(news(f), "+d\\sub/ ");
	unwatch(&w);
	local_write(f, "d/late", "x");
	assert_string_equal(news(f), "");
}

/* Each kind of operation of the store, beside a local one that is told. */
static void test_what_the_store_does_itself_is_not_told(void **state)
{
	struct fixture *f = *state;
	struct vfs_set_info set = {.which = VFS_SET_WRITTEN | VFS_SET_ATTRIBUTES | VFS_SET_CREATED, .written = 130000000000000000,
		.created = 130000000000000000, .attributes = FILE_ATTRIBUTE_HIDDEN};
	struct vfs_open_result stream;
	struct vfs_file *file;
	struct watching w;

	make_dir(f, "o");
	make_dir(f, "p");
	make_file(f, "p\\moves", "x");
	w = watch(f, "o", ALL);
	make_file(f, "o\\f", "content");
	file = open_file(f, "o\\f", VFS_READ | VFS_WRITE | VFS_DELETE);
	assert_ok(vfs_write(file, "abc", 3, 0));
	assert_ok(vfs_truncate(file, 1));
	assert_ok(vfs_allocate(file, 100000));
	assert_ok(vfs_set(file, &set));
	set.which = VFS_SET_WRITTEN;
	assert_ok(vfs_set(file, &set));
	assert_ok(vfs_xattr_set(file, "user.x", "y", 1));
	assert_ok(vfs_rename(file, wide(f, "o\\g"), false));
	assert_ok(vfs_rename(file, wide(f, "o\\G"), false));
	assert_ok(vfs_link(file, wide(f, "o\\link"), false));
	make_file(f, "o\\Target", "old");
	assert_ok(vfs_link(file, wide(f, "o\\target"), true));
	make_file(f, "o\\Other", "old");
	assert_ok(vfs_rename(file, wide(f, "o\\other"), true));
	assert_ok(vfs_unlink(file));
	vfs_file_close(file);
	file = open_file(f, "o\\link", VFS_READ | VFS_WRITE);
	assert_ok(vfs_stream_open(file, wide(f, "s"), VFS_CREATE, VFS_WRITE, &stream));
	assert_ok(vfs_write(stream.file, "in a stream", 11, 0));
	assert_ok(vfs_stream_rename(stream.file, wide(f, "t"), false));
	assert_ok(vfs_truncate(stream.file, 2));
	assert_ok(vfs_unlink(stream.file));
	vfs_file_close(stream.file);
	make_dir(f, "o\\d");
	assert_ok(rename_name(f, "o\\d", "o\\e", false));
	assert_ok(remove_name(f, "o\\e"));
	assert_ok(rename_name(f, "p\\moves", "o\\moved", false));
	assert_ok(rename_name(f, "o\\moved", "p\\back", false));
	assert_string_equal(news(f), "");
	local_write(f, "o/f", "x");
	assert_string_equal(news(f), "+o\\f =o\\f ");
	unwatch(&w);
}

/* The same name, by the store and by others: as often as others did. */
static void test_others_are_not_taken_for_the_store(void **state)
{
	struct fixture *f = *state;
	struct watching w;
	const char *told;

	make_dir(f, "s");
	w = watch(f, "s", NAMES);
	make_file(f, "s\\f", "");
	assert_ok(remove_name(f, "s\\f"));
	local_write(f, "s/f", "x");
	assert_int_equal(unlink(on_disk(f, "s/f")), 0);
	make_file(f, "s\\f", "");
	told = news(f);
	assert_true(strcmp(told, "+s\\f -s\\f ") == 0 || strcmp(told, "-s\\f +s\\f ") == 0);
	/* The note of something that failed does not linger. */
	assert_status(try_open(f, "s\\f", VFS_CREATE, VFS_WRITE), OBJECT_NAME_COLLISION);
	assert_int_equal(unlink(on_disk(f, "s/f")), 0);
	local_write(f, "s/f", "x");
	assert_string_equal(news(f), "-s\\f +s\\f ");
	unwatch(&w);
}

static void test_trees(void **state)
{
	struct fixture *f = *state;
	struct watching w, plain;

	make_dir(f, "t");
	make_dir(f, "t\\a");
	make_dir(f, "t\\a\\b");
	make_dir(f, "away");
	w = watch(f, "t", NAMES | TREE);
	plain = watch(f, "t\\a", NAMES);
	local_write(f, "t/a/b/f", "x");
	assert_string_equal(news(f), "+t\\a\\b\\f ");
	/* What comes with a new directory is news as well, told perhaps twice. */
	local_mkdir(f, "t/new");
	local_mkdir(f, "t/new/deep");
	assert_non_null(strstr(news(f), "+t\\new\\deep/ "));
	local_write(f, "t/new/deep/f", "x");
	assert_string_equal(news(f), "+t\\new\\deep\\f ");
	/* Through the store: known at once. */
	make_dir(f, "t\\own");
	local_write(f, "t/own/f", "x");
	assert_string_equal(news(f), "+t\\own\\f ");
	local_rename(f, "t/a", "t/new/a");
	assert_string_equal(news(f), "t\\a>t\\new\\a/ ");
	local_write(f, "t/new/a/b/g", "x");
	assert_string_equal(news(f), "+t\\new\\a\\b\\g ");
	assert_ok(rename_name(f, "t\\new", "t\\renamed", false));
	assert_string_equal(news(f), "");
	local_write(f, "t/renamed/a/b/h", "x");
	assert_string_equal(news(f), "+t\\renamed\\a\\b\\h ");
	make_file(f, "t\\renamed\\a\\b\\own", "x");
	assert_string_equal(news(f), "");
	local_rename(f, "t/renamed", "away/gone");
	assert_string_equal(news(f), "-t\\renamed/ ");
	local_write(f, "away/gone/deep/f", "x");
	assert_string_equal(news(f), "");
	/* The other watch has gone along. */
	local_write(f, "away/gone/a/f", "x");
	assert_string_equal(news(f), "+away\\gone\\a\\f ");
	local_rename(f, "away/gone", "t/back");
	assert_string_equal(news(f), "+t\\back/ ");
	local_write(f, "t/back/deep/i", "x");
	assert_string_equal(news(f), "+t\\back\\deep\\i ");
	unwatch(&w);
	w = watch(f, "t", NAMES);
	local_write(f, "t/back/deep/j", "x");
	local_write(f, "t/j", "x");
	assert_string_equal(news(f), "+t\\j ");
	unwatch(&w);
	w = watch(f, "t", ALL | TREE);
	local_write(f, "t/back/deep/j", "x");
	assert_string_equal(news(f), "=t\\back\\deep\\j ");
	unwatch(&w);
	local_write(f, "t/k", "x");
	local_write(f, "t/back/a/k", "x");
	assert_string_equal(news(f), "+t\\back\\a\\k =t\\back\\a\\k ");
	unwatch(&plain);
}

static void test_a_tree_has_a_bound(void **state)
{
	struct fixture *f = *state;
	struct watching small, large;
	char name[64];

	make_dir(f, "wide");
	make_dir(f, "narrow");
	for (int i = 0; i < 4200; i++) {
		snprintf(name, sizeof(name), "wide/%d", i);
		local_mkdir(f, name);
	}
	small = watch(f, "narrow", NAMES | TREE);
	large = watch(f, "wide", NAMES | TREE);
	assert_true(vfs_watch_incomplete(large.watch));
	assert_false(vfs_watch_incomplete(small.watch));
	unwatch(&large);
	large = watch(f, "wide", NAMES);
	assert_false(vfs_watch_incomplete(large.watch));
	unwatch(&large);
	unwatch(&small);
}

static void test_what_overflows_is_said_and_then_goes_on(void **state)
{
	struct fixture *f = *state;
	struct watching w;
	const char *told;
	FILE *max = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
	int most = 16384;

	if (max) {
		assert_int_equal(fscanf(max, "%d", &most), 1);
		fclose(max);
	}
	if (most > 100000)
		skip();
	make_dir(f, "many");
	w = watch(f, "many", NAMES | TREE);
	local_write(f, "many/a", "");
	for (int i = 0; i <= most / 2; i++)
		local_rename(f, i % 2 == 0 ? "many/a" : "many/b", i % 2 == 0 ? "many/b" : "many/a");
	local_mkdir(f, "many/dir");
	do
		told = news(f);
	while (told[0] == 'm' || told[0] == '+');
	assert_non_null(strstr(told, "LOST"));
	make_file(f, "many\\own", "");
	assert_string_equal(news(f), "");
	/* Found although its event was lost. */
	local_write(f, "many/dir/f", "x");
	assert_string_equal(news(f), "+many\\dir\\f ");
	unwatch(&w);
}

/* --- many at once --- */

struct race {
	struct fixture *f;
	_Atomic bool stop;
	_Atomic unsigned told;
	struct watching *w;
};

static void *reader(void *arg)
{
	struct race *r = arg;

	while (!atomic_load(&r->stop)) {
		struct list_node changes;
		struct arena a;

		list_init(&changes);
		arena_init(&a, NULL, 0, 0);
		(void)!vfs_changes_read(r->f->v, &a, &changes);
		list_for_each(l, &changes) {
			const struct vfs_change *c = list_entry(l, struct vfs_change, link);

			atomic_fetch_add(&r->told, c->kind <= VFS_RENAMED);
		}
		arena_reset(&a);
	}
	return NULL;
}

/* Writes to one file and makes others, as requests do. */
static void *maker(void *arg)
{
	struct race *r = arg;
	struct vfs_open_args args = {.disposition = VFS_CREATE, .flags = VFS_WRITE | VFS_DELETE};
	struct vfs_open_result out;
	uint8_t wide_name[64];
	char name[32];
	struct arena a;

	arena_init(&a, NULL, 0, 0);
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "race\\%lx-%d", (unsigned long)pthread_self(), i);
		args.name = slice_of(wide_name, utf8_to_utf16(wide_name, sizeof(wide_name), name, strlen(name)));
		if (!nt_ok(vfs_open(r->f->v, &args, &a, &out)) || !nt_ok(vfs_write(out.file, "x", 1, 0)) || !nt_ok(vfs_unlink(out.file)))
			abort();
		vfs_file_close(out.file);
	}
	arena_reset(&a);
	return NULL;
}

static void test_threads_and_local_programs_at_once(void **state)
{
	struct race r = {.f = *state};
	pthread_t threads[3];
	struct watching w, other;
	char name[32];

	make_dir(r.f, "race");
	w = watch(r.f, "race", ALL);
	pthread_create(&threads[0], NULL, reader, &r);
	pthread_create(&threads[1], NULL, maker, &r);
	pthread_create(&threads[2], NULL, maker, &r);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "race/local-%d", i);
		local_write(r.f, name, "x");
		other = watch(r.f, "race", NAMES | TREE);
		unwatch(&other);
	}
	pthread_join(threads[1], NULL);
	pthread_join(threads[2], NULL);
	while (atomic_load(&r.told) < 300)
		usleep(1000);
	usleep(20000);
	atomic_store(&r.stop, true);
	pthread_join(threads[0], NULL);
	assert_int_equal(r.told, 300);
	unwatch(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_local_programs_are_told_of),
		cmocka_unit_test(test_what_the_store_does_itself_is_not_told),
		cmocka_unit_test(test_others_are_not_taken_for_the_store),
		cmocka_unit_test(test_trees),
		cmocka_unit_test(test_a_tree_has_a_bound),
		cmocka_unit_test(test_what_overflows_is_said_and_then_goes_on),
		cmocka_unit_test(test_threads_and_local_programs_at_once),
	};
	size_t before = open_descriptors();
	int failed = cmocka_run_group_tests(tests, setup_tmp, teardown);

	if (open_descriptors() != before) {
		print_error("descriptors leaked: %zu before, %zu after\n", before, open_descriptors());
		failed++;
	}
	return failed != 0;
}

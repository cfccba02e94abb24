/* See harness.h. */
#include "harness.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct fixture *fixture_new(void)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	arena_init(&f->arena, NULL, 0, 0);
	clock_virtual_init(&f->clock);
	return f;
}

int setup_mem(void **state)
{
	struct fixture *f = fixture_new();

	f->v = vfs_mem_open(&f->clock.clock, 64 << 20);
	*state = f;
	return f->v != NULL ? 0 : -1;
}

static int setup_posix(void **state, const char *where, const struct vfs_posix_options *o)
{
	struct fixture *f = fixture_new();
	char why[256] = "";

	(void)snprintf(f->root, sizeof(f->root), "%s/hythe-vfs-XXXXXX", where);
	if (mkdtemp(f->root) == NULL)
		return -1;
	f->v = vfs_posix_open(f->root, o, why);
	if (f->v == NULL)
		print_error("%s\n", why);
	*state = f;
	return f->v != NULL ? 0 : -1;
}

int setup_tmp(void **state)
{
	return setup_posix(state, "/tmp", &(struct vfs_posix_options){.follow_symlinks = true});
}

int setup_shm(void **state)
{
	return setup_posix(state, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", &(struct vfs_posix_options){.follow_symlinks = true});
}

int setup_links_refused(void **state)
{
	return setup_posix(state, "/tmp", &(struct vfs_posix_options){0});
}

int setup_short_names(void **state)
{
	return setup_posix(state, "/tmp", &(struct vfs_posix_options){.short_names = true});
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void tree_remove(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

int teardown(void **state)
{
	struct fixture *f = *state;

	vfs_close(f->v);
	if (f->root[0] != 0)
		tree_remove(f->root);
	arena_reset(&f->arena);
	free(f);
	return 0;
}

struct slice wide(struct fixture *f, const char *name)
{
	struct slice s = utf16_from_utf8_arena(&f->arena, name);

	assert_non_null(s.data);
	return s;
}

const char *narrow(struct fixture *f, struct slice name)
{
	const char *s = utf16_to_utf8_arena(&f->arena, name);

	assert_non_null(s);
	return s;
}

ntstatus try_open(struct fixture *f, const char *name, enum vfs_disposition d, uint32_t flags)
{
	struct vfs_open_args args = {.name = wide(f, name), .disposition = d, .flags = flags};

	return vfs_open(f->v, &args, &f->arena, &f->last);
}

struct vfs_file *open_file(struct fixture *f, const char *name, uint32_t flags)
{
	assert_ok(try_open(f, name, VFS_OPEN, flags));
	assert_false(f->last.created);
	return f->last.file;
}

struct vfs_file *create_file(struct fixture *f, const char *name)
{
	assert_ok(try_open(f, name, VFS_CREATE, VFS_READ | VFS_WRITE | VFS_DELETE | VFS_NON_DIRECTORY));
	assert_true(f->last.created);
	return f->last.file;
}

void make_file(struct fixture *f, const char *name, const char *content)
{
	struct vfs_file *file = create_file(f, name);

	assert_ok(vfs_write(file, content, strlen(content), 0));
	vfs_file_close(file);
}

void make_dir(struct fixture *f, const char *name)
{
	assert_ok(try_open(f, name, VFS_CREATE, VFS_DIRECTORY));
	vfs_file_close(f->last.file);
}

bool exists(struct fixture *f, const char *name)
{
	ntstatus st = try_open(f, name, VFS_OPEN, 0);

	if (nt_ok(st))
		vfs_file_close(f->last.file);
	return nt_ok(st);
}

const char *content_of(struct fixture *f, const char *name)
{
	struct vfs_file *file = open_file(f, name, VFS_READ);
	char *p = arena_zalloc(&f->arena, 4096);
	size_t n;

	assert_ok(vfs_read(file, p, 4095, 0, &n));
	vfs_file_close(file);
	return p;
}

const char *name_of(struct fixture *f, struct vfs_file *file)
{
	return narrow(f, vfs_file_name(file, &f->arena));
}

struct vfs_stat stat_of(struct fixture *f, const char *name)
{
	vfs_file_close(open_file(f, name, 0));
	return f->last.stat;
}

ntstatus remove_name(struct fixture *f, const char *name)
{
	struct vfs_file *file = open_file(f, name, VFS_DELETE);
	ntstatus st = vfs_unlink(file);

	vfs_file_close(file);
	return st;
}

ntstatus rename_name(struct fixture *f, const char *from, const char *to, bool replace)
{
	struct vfs_file *file = open_file(f, from, VFS_DELETE);
	ntstatus st = vfs_rename(file, wide(f, to), replace);

	vfs_file_close(file);
	return st;
}

const char *listing(struct fixture *f, const char *name)
{
	struct vfs_file *dir = open_file(f, name, VFS_READ | VFS_DIRECTORY);
	char *out = arena_zalloc(&f->arena, 65536);
	size_t n = 0;
	struct vfs_dirent e;
	ntstatus st;

	while (nt_ok(st = vfs_dir_read(dir, true, &e)))
		n += (size_t)snprintf(out + n, 65536 - n, "%s ", narrow(f, e.name));
	assert_status(st, NO_MORE_FILES);
	vfs_file_close(dir);
	return out;
}

const char *on_disk(struct fixture *f, const char *path)
{
	size_t n = strlen(f->root) + strlen(path) + 2;
	char *out = arena_alloc(&f->arena, n);

	(void)snprintf(out, n, "%s/%s", f->root, path);
	return out;
}

size_t open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* What the tests of the store share: names in UTF-8, handles with fewer words, directories that are cleaned up. */
#ifndef TESTS_VFS_HARNESS_H
#define TESTS_VFS_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/utf16.h"
#include "vfs/vfs.h"

struct fixture {
	struct vfs *v;
	struct arena arena;
	struct clock_virtual clock;
	char root[64];       /* of the posix store */
	struct vfs_open_result last;
};

#define assert_status(call, name) assert_int_equal((call).code, STATUS_##name.code)
#define assert_ok(call) assert_status(call, SUCCESS)

/* Group fixtures: the state is a struct fixture. */
int setup_mem(void **state);
int setup_tmp(void **state);
int setup_shm(void **state);
int setup_links_refused(void **state); /* posix in /tmp, symlinks not followed */
int setup_short_names(void **state);
int teardown(void **state);

struct slice wide(struct fixture *f, const char *name);
const char *narrow(struct fixture *f, struct slice name);
ntstatus try_open(struct fixture *f, const char *name, enum vfs_disposition d, uint32_t flags);
/* These assert that it works. */
struct vfs_file *open_file(struct fixture *f, const char *name, uint32_t flags);
struct vfs_file *create_file(struct fixture *f, const char *name);
void make_file(struct fixture *f, const char *name, const char *content);
void make_dir(struct fixture *f, const char *name);
bool exists(struct fixture *f, const char *name);
const char *content_of(struct fixture *f, const char *name);
const char *name_of(struct fixture *f, struct vfs_file *file);
struct vfs_stat stat_of(struct fixture *f, const char *name);
ntstatus remove_name(struct fixture *f, const char *name);
ntstatus rename_name(struct fixture *f, const char *from, const char *to, bool replace);
/* The names of a directory with a space behind each, in order of the listing. */
const char *listing(struct fixture *f, const char *name);
/* A path on disk. */
const char *on_disk(struct fixture *f, const char *path);
size_t open_descriptors(void);
/* Ends a directory tree. */
void tree_remove(const char *path);

#endif

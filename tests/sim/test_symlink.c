/* Symbolic links of a real directory, as clients meet them: [MS-SMB2] 2.2.2.2.1, 3.3.5.9. */
#include "sim.h"

#include "server/share.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ = 0x120089, OPEN = 1, OPEN_REPARSE_POINT = 0x200000 };

static struct {
	struct sim sim;
	struct raw raw;
	struct srv_share *share;
	struct vfs *mem;
	char root[64];
} fx;

static const char *path(const char *name)
{
	static char p[128];

	(void)snprintf(p, sizeof(p), "%s/%s", fx.root, name);
	return p;
}

/* dir/file, file, link -> file, dlink -> dir, out -> /etc */
static void start(uint16_t dialect)
{
	const struct vfs_posix_options o = {0};
	char why[256] = "";
	FILE *f;

	(void)snprintf(fx.root, sizeof(fx.root), "/tmp/hythe-symlink-XXXXXX");
	assert_non_null(mkdtemp(fx.root));
	assert_int_equal(mkdir(path("dir"), 0755), 0);
	assert_non_null(f = fopen(path("file"), "w"));
	fclose(f);
	assert_non_null(f = fopen(path("dir/file"), "w"));
	fclose(f);
	assert_int_equal(symlink("file", path("link")), 0);
	assert_int_equal(symlink("dir", path("dlink")), 0);
	assert_int_equal(symlink("/etc", path("out")), 0);
	sim_start(&fx.sim, NULL);
	raw_ready(&fx.raw, &fx.sim, dialect);
	fx.share = srv_share_find(&fx.sim.srv, raw_wide(&fx.raw, "share"));
	fx.mem = fx.share->vfs;
	fx.share->vfs = vfs_posix_open(fx.root, &o, why);
	assert_non_null(fx.share->vfs);
}

static void stop(void)
{
	static const char *const names[] = {"dir/file", "file", "link", "dlink", "out"};

	raw_close(&fx.raw);
	sim_run(&fx.sim, 10000);
	vfs_close(fx.share->vfs);
	fx.share->vfs = fx.mem;
	srv_share_put(fx.share);
	sim_stop(&fx.sim);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(unlink(path(names[i])), 0);
	assert_int_equal(rmdir(path("dir")), 0);
	assert_int_equal(rmdir(fx.root), 0);
}

/* The data of the ERROR response: where the link leads to and how much of the path is behind it. */
static struct smb2_symlink_error symlink_error(void)
{
	struct smb2_symlink_error m = {0};
	size_t at = SMB2_HEADER_SIZE + 8;
	struct wire w;

	/* 3.1.1 has the data in an error context. */
	if (fx.raw.answer.data[SMB2_HEADER_SIZE + 2] != 0)
		at += 8;
	w = wire_decoder(fx.raw.answer.data + at, 0, fx.raw.answer.len - at, &fx.raw.arena);
	smb2_symlink_error_code(&w, &m);
	assert_true(wire_ok(&w));
	return m;
}

static void leads_to(const char *name, const char *target, uint16_t unparsed, uint32_t relative)
{
	struct smb2_symlink_error m;

	assert_status(raw_open(&fx.raw, name, READ, OPEN, 0), STATUS_STOPPED_ON_SYMLINK);
	m = symlink_error();
	assert_true(slice_equal(m.substitute_name, raw_wide(&fx.raw, target)));
	assert_int_equal(m.unparsed_path_length, unparsed);
	assert_int_equal(m.flags, relative);
}

/* Backs: B302, B303, B322. */
static void test_links_are_told_of_and_not_followed(void **state)
{
	static const uint16_t dialects[] = {SMB2_DIALECT_210, SMB2_DIALECT_311};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		start(dialects[i]);
		leads_to("link", "file", 0, 1);
		leads_to("dlink\\file", "dir", 10, 1);
		leads_to("out\\passwd", "\\etc", 14, 0);
		assert_status(raw_open(&fx.raw, "dir\\file", READ, OPEN, 0), STATUS_SUCCESS);
		stop();
	}
}

/* Backs: B303, B338, G080. */
static void test_a_link_itself_is_opened(void **state)
{
	static const uint16_t dialects[] = {SMB2_DIALECT_210, SMB2_DIALECT_311};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		struct smb2_create_req req = {.impersonation_level = 2, .desired_access = READ, .share_access = 7, .create_disposition = OPEN,
			.create_options = OPEN_REPARSE_POINT};
		struct smb2_create_rsp rsp = {0};

		start(dialects[i]);
		req.name = raw_wide(&fx.raw, "link");
		assert_status(raw_call(&fx.raw, SMB2_CREATE, &req, &rsp), STATUS_SUCCESS);
		assert_int_equal(rsp.file_attributes & FILE_ATTRIBUTE_REPARSE_POINT, FILE_ATTRIBUTE_REPARSE_POINT);
		assert_int_equal(rsp.flags, dialects[i] == SMB2_DIALECT_311 ? SMB2_CREATE_FLAG_REPARSEPOINT : 0);
		req.name = raw_wide(&fx.raw, "file");
		assert_status(raw_call(&fx.raw, SMB2_CREATE, &req, &rsp), STATUS_SUCCESS);
		assert_int_equal(rsp.flags, 0);
		/* In the middle of a path the option changes nothing. */
		assert_status(raw_open(&fx.raw, "dlink\\file", READ, OPEN, OPEN_REPARSE_POINT), STATUS_STOPPED_ON_SYMLINK);
		stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links_are_told_of_and_not_followed),
		cmocka_unit_test(test_a_link_itself_is_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

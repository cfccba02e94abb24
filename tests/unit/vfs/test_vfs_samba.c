/* user.DOSATTRIB: what Samba writes is read, and what we write is what Samba 4.17 writes. The bytes were taken from files on
 * which Debian's smbd had set attributes, and checked with ndrdump. */
#include "harness.h"

#include "base/random.h"
#include "vfs/posix.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

static size_t unhex(uint8_t *out, const char *hex)
{
	size_t n = strlen(hex) / 2;

	assert_true(bytes_from_hex(out, n, hex));
	return n;
}

static void check_parse(const char *hex, uint32_t attributes, uint64_t created)
{
	struct posix_dosattrib d;
	uint8_t b[128];
	size_t n = unhex(b, hex);

	assert_true(posix_dosattrib_parse(&d, b, n));
	assert_true(d.has_attributes);
	assert_int_equal(d.attributes, attributes);
	assert_int_equal(d.has_created, created != 0);
	if (created != 0)
		assert_int_equal(d.created, created);
}

static void test_versions_of_samba_are_read(void **state)
{
	(void)state;
	/* 5, from smbd 4.17: hidden, system, read-only, archive. */
	check_parse("00000500050000001100000027000000fe0b974da879dd01", 0x27, 0x01dd79a84d970bfe);
	check_parse("000005000500000011000000120000000299974da879dd01", 0x12, 0x01dd79a84d979902);
	/* 4: with an itime before the creation time. */
	check_parse("000004000400000051000000220000002122232425262701080706050403f201", 0x22, 0x01f2030405060708);
	/* 3: the string, then size and allocation that nobody needs. */
	check_parse("307832320000030003000000110000002200000000000000000000000000000000000000000000000807060504030201181716151413f211",
		0x22, 0x0102030405060708);
	/* 1: without the word of valid fields. */
	check_parse("307832320000010001000000220000000000000000000000000000000000000000000000080706050403020118171615141312f1",
		0x22, 0x0102030405060708);
	/* Attributes only are valid. */
	check_parse("00000500050000000100000020000000fe0b974da879dd01", 0x20, 0);
	/* The string alone. */
	check_parse("30783232", 0x22, 0);
	check_parse("3078323200", 0x22, 0);
	check_parse("30783200", 0x2, 0);
}

static void test_damaged_blobs_are_ignored(void **state)
{
	static const char *const bad[] = {"", "00", "0000", "000005000500", "00000500050000001100000027000000fe0b974da879dd",
		"00000500040000001100000027000000fe0b974da879dd01", "00000900090000001100000027000000fe0b974da879dd01", "3078",
		"30783a", "31783232", "307832322f", "ffffffffffffffffffffffffffffffffffffffffffffffff"};
	struct posix_dosattrib d;
	uint8_t b[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		/* At the end of an allocation, so that a read past it is seen. */
		size_t n = unhex(b, bad[i]);
		uint8_t *exact = malloc(n + (n == 0));

		memcpy(exact, b, n);
		assert_false(posix_dosattrib_parse(&d, exact, n));
		assert_false(d.has_attributes);
		free(exact);
	}
	random_seed_for_tests(1);
	for (int i = 0; i < 100000; i++) {
		size_t n = random_u64() % sizeof(b);

		for (size_t k = 0; k < n; k++)
			b[k] = (uint8_t)(random_u64() % 4 != 0 ? random_u64() % 6 : random_u64());
		(void)posix_dosattrib_parse(&d, b, n);
	}
	random_seed_for_tests(0);
}

static void test_written_bytes_are_those_of_smbd(void **state)
{
	uint8_t want[POSIX_DOSATTRIB_BYTES], got[POSIX_DOSATTRIB_BYTES];

	(void)state;
	assert_int_equal(unhex(want, "00000500050000001100000027000000fe0b974da879dd01"), sizeof(want));
	posix_dosattrib_make(got, 0x27, 0x01dd79a84d970bfe);
	assert_memory_equal(got, want, sizeof(want));
}

static void test_attributes_set_are_on_disk_as_smbd_has_them(void **state)
{
	struct fixture *f = *state;
	struct vfs_set_info set = {.which = VFS_SET_ATTRIBUTES | VFS_SET_CREATED,
		.attributes = FILE_ATTRIBUTE_HIDDEN, .created = 0x01dd79a84d979902};
	uint8_t got[64], want[POSIX_DOSATTRIB_BYTES];
	struct vfs_file *d;

	make_dir(f, "e");
	d = open_file(f, "e", 0);
	assert_ok(vfs_set(d, &set));
	vfs_file_close(d);
	assert_int_equal(unhex(want, "000005000500000011000000120000000299974da879dd01"), sizeof(want));
	assert_int_equal(getxattr(on_disk(f, "e"), "user.DOSATTRIB", got, sizeof(got)), sizeof(want));
	assert_memory_equal(got, want, sizeof(want));
}

static void test_attributes_of_smbd_are_seen_in_stat_and_listing(void **state)
{
	struct fixture *f = *state;
	uint8_t blob[POSIX_DOSATTRIB_BYTES];
	struct vfs_dirent e;
	struct vfs_file *d;

	make_dir(f, "smbd");
	make_file(f, "smbd\\f", "");
	(void)unhex(blob, "00000500050000001100000027000000fe0b974da879dd01");
	assert_int_equal(setxattr(on_disk(f, "smbd/f"), "user.DOSATTRIB", blob, sizeof(blob), 0), 0);
	assert_int_equal(stat_of(f, "smbd\\f").attributes, 0x27);
	assert_int_equal(stat_of(f, "smbd\\f").created, 0x01dd79a84d970bfe);
	/* With and without the kernel's own call for it. */
	for (int round = 0; round < 2; round++) {
		posix_store_of(f->v)->no_getxattrat = round == 1;
		d = open_file(f, "smbd", VFS_READ);
		for (int i = 0; i < 3; i++)
			assert_ok(vfs_dir_read(d, true, &e));
		assert_int_equal(e.stat.attributes, 0x27);
		assert_int_equal(e.stat.created, 0x01dd79a84d970bfe);
		vfs_file_close(d);
	}
}

/* Files that local programs have made. */
static void test_files_without_blob_show_defaults(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(close(creat(on_disk(f, ".profile"), 0644)), 0);
	assert_int_equal(mkdir(on_disk(f, ".dir"), 0755), 0);
	assert_int_equal(close(creat(on_disk(f, "nobody_writes"), 0444)), 0);
	assert_int_equal(stat_of(f, ".profile").attributes, FILE_ATTRIBUTE_ARCHIVE);
	assert_int_equal(stat_of(f, ".dir").attributes, FILE_ATTRIBUTE_DIRECTORY);
	assert_int_equal(stat_of(f, "nobody_writes").attributes, FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_ARCHIVE);
	assert_int_equal(getxattr(on_disk(f, ".profile"), "user.DOSATTRIB", NULL, 0), -1);
	assert_int_equal(stat_of(f, "").attributes, FILE_ATTRIBUTE_DIRECTORY);
}

/* smbd takes ARCHIVE and the time of creation from nowhere else. */
static void test_new_files_have_the_blob(void **state)
{
	static const uint8_t attributes_of_new[] = {FILE_ATTRIBUTE_ARCHIVE, 0, 0, 0};
	struct fixture *f = *state;
	uint8_t blob[64];
	struct vfs_stat st;

	make_file(f, "new", "");
	st = stat_of(f, "new");
	assert_int_equal(st.attributes, FILE_ATTRIBUTE_ARCHIVE);
	assert_int_equal(getxattr(on_disk(f, "new"), "user.DOSATTRIB", blob, sizeof(blob)), POSIX_DOSATTRIB_BYTES);
	assert_memory_equal(blob + 12, attributes_of_new, sizeof(attributes_of_new));
	assert_true(load_le64(blob + 16) == st.created);
	make_dir(f, "new dir");
	assert_int_equal(getxattr(on_disk(f, "new dir"), "user.DOSATTRIB", blob, sizeof(blob)), POSIX_DOSATTRIB_BYTES);
}

/* What was read of a file that has not changed for a while is kept; it must not outlive a change, whoever makes it. */
static void test_what_is_known_of_a_file_ends_with_its_next_change(void **state)
{
	struct fixture *f = *state;
	uint8_t hidden[64], system[64];
	size_t n = unhex(hidden, "00000500050000001100000002000000fe0b974da879dd01");
	char path[128];

	(void)unhex(system, "00000500050000001100000004000000fe0b974da879dd01");
	make_file(f, "known", "x");
	(void)snprintf(path, sizeof(path), "%s", on_disk(f, "known"));
	for (int round = 0; round < 2; round++) {
		assert_int_equal(setxattr(path, "user.DOSATTRIB", hidden, n, 0), 0);
		/* Long enough for it to be kept in the second round. */
		usleep(round ? 1100000 : 0);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(stat_of(f, "known").attributes, FILE_ATTRIBUTE_HIDDEN);
			assert_true(stat_of(f, "known").no_descriptor);
		}
		assert_int_equal(setxattr(path, "user.DOSATTRIB", system, n, 0), 0);
		assert_int_equal(stat_of(f, "known").attributes, FILE_ATTRIBUTE_SYSTEM);
		assert_int_equal(setxattr(path, "user.NTACL", "x", 1, 0), 0);
		assert_false(stat_of(f, "known").no_descriptor);
		assert_int_equal(removexattr(path, "user.NTACL"), 0);
		assert_true(stat_of(f, "known").no_descriptor);
		assert_int_equal(removexattr(path, "user.DOSATTRIB"), 0);
		assert_int_equal(stat_of(f, "known").attributes, FILE_ATTRIBUTE_ARCHIVE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions_of_samba_are_read),
		cmocka_unit_test(test_damaged_blobs_are_ignored),
		cmocka_unit_test(test_written_bytes_are_those_of_smbd),
		cmocka_unit_test(test_attributes_set_are_on_disk_as_smbd_has_them),
		cmocka_unit_test(test_attributes_of_smbd_are_seen_in_stat_and_listing),
		cmocka_unit_test(test_files_without_blob_show_defaults),
		cmocka_unit_test(test_new_files_have_the_blob),
		cmocka_unit_test(test_what_is_known_of_a_file_ends_with_its_next_change),
	};

	return cmocka_run_group_tests(tests, setup_tmp, teardown);
}

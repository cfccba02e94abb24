/* Descriptors on disk and what they grant. The values of Samba's were made with its own NDR library, 4.17. */
#include "server/acl.h"

#include "fsa/fsa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

/* O:S-1-22-1-5 G:S-1-22-2-6 D:(A;;0x1ff;;;WD)(D;;0x1;;;BU), with the offsets that it has in a value of each version. */
#define SD(owner, group, dacl) "01000480" owner group "00000000" dacl SD_PARTS
#define SD_PARTS                                                                                                       \
	"0102000000000016010000000500000001020000000000160200000006000000" \
	"040034000200000000001400ff010000010100000000000100000000010018000100000001020000000000052000000021020000"
#define SD_V1 SD("1c000000", "2c000000", "3c000000")
#define SD_V2 SD("30000000", "40000000", "50000000")
#define SD_V3 SD("64000000", "74000000", "84000000")
#define SD_V4 SD("b4000000", "c4000000", "d4000000")
#define SD_V4_SHORT SD("b0000000", "c0000000", "d0000000")

struct kit {
	struct vfs *v;
	struct arena a;
	struct vfs_open_result f;
	char xattr[32];
};

static int kit_setup(void **state)
{
	static struct kit k;
	static const uint8_t name[] = {'f', 0};
	struct vfs_open_args args = {.name = slice_of(name, 2), .disposition = VFS_CREATE, .flags = VFS_READ | VFS_WRITE};

	arena_init(&k.a, NULL, 0, 0);
	k.v = vfs_mem_open(&clock_system, 1 << 20);
	assert_true(nt_ok(vfs_open(k.v, &args, &k.a, &k.f)));
	(void)snprintf(k.xattr, sizeof(k.xattr), "%s.NTACL", geteuid() == 0 ? "security" : "user");
	*state = &k;
	return 0;
}

static int kit_teardown(void **state)
{
	struct kit *k = *state;

	vfs_file_close(k->f.file);
	vfs_close(k->v);
	arena_reset(&k->a);
	return 0;
}

static void put_raw(struct kit *k, const char *hex)
{
	uint8_t raw[512];
	size_t n = strlen(hex) / 2;

	assert_true(n <= sizeof(raw) && bytes_from_hex(raw, n, hex));
	assert_true(nt_ok(vfs_xattr_set(k->f.file, k->xattr, raw, n)));
}

static struct secdesc *load(struct kit *k, bool want_stored)
{
	bool stored;
	struct secdesc *sd = srv_acl_load(k->f.file, &k->f.stat, &k->a, &stored);

	assert_non_null(sd);
	assert_int_equal(stored, want_stored);
	return sd;
}

static void assert_sid(const struct sid *sid, const char *want)
{
	char text[SID_TEXT_CHARS];

	assert_non_null(sid);
	sid_text(text, sid);
	assert_string_equal(text, want);
}

static void assert_samba_sd(const struct secdesc *sd)
{
	assert_sid(sd->owner, "S-1-22-1-5");
	assert_sid(sd->group, "S-1-22-2-6");
	assert_non_null(sd->dacl);
	assert_int_equal(sd->dacl->ace_count, 2);
	assert_int_equal(sd->dacl->aces[0].mask, 0x1FF);
	assert_sid(&sd->dacl->aces[0].sid, "S-1-1-0");
	assert_int_equal(sd->dacl->aces[1].type, ACE_ACCESS_DENIED);
	assert_sid(&sd->dacl->aces[1].sid, "S-1-5-32-545");
}

#define ONES "01010101010101010101010101010101"
#define TWOS "02020202020202020202020202020202"

static void test_every_version_of_sambas_attribute_is_read(void **state)
{
	struct kit *k = *state;

	put_raw(k, "0100010000000200" SD_V1);
	assert_samba_sd(load(k, true));
	put_raw(k, "020002000000020004000200" ONES SD_V2);
	assert_samba_sd(load(k, true));
	put_raw(k, "0300030000000200040002000100" ONES ONES ONES ONES "0000" SD_V3);
	assert_samba_sd(load(k, true));
	put_raw(k, "0400040000000200040002000100" ONES ONES ONES ONES "706f7369785f61636c00"
		   "0500000000000000" TWOS TWOS TWOS TWOS SD_V4);
	assert_samba_sd(load(k, true));
	put_raw(k, "0400040000000200040002000100" ONES ONES ONES ONES "616200" "000000"
		   "0500000000000000" TWOS TWOS TWOS TWOS SD_V4_SHORT);
	assert_samba_sd(load(k, true));
}

static void test_damaged_attributes_leave_the_mode(void **state)
{
	static const char *const damaged[] = {"", "01", "0100010000000200", "0900090000000200" SD_V1, "0400040000000200", "010001000000020001000480ff",
		"0400040000000200040002000100" ONES ONES ONES ONES "6161616161"};
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
		if (i > 0)
			put_raw(k, damaged[i]);
		assert_non_null(load(k, false)->dacl);
	}
}

static void test_what_is_stored_comes_back(void **state)
{
	struct kit *k = *state;
	struct sid owner = sid_make(5, 2, (const uint32_t[]){21, 7}), everyone = sid_make(1, 1, (const uint32_t[]){0});
	struct ace aces[] = {
		{.type = ACE_ACCESS_ALLOWED, .mask = FILE_READ_DATA, .sid = everyone},
		{.type = ACE_ACCESS_DENIED, .flags = ACE_OBJECT_INHERIT, .mask = FILE_WRITE_DATA, .sid = owner},
	};
	struct acl dacl = {.revision = 2, .ace_count = 2, .aces = aces};
	struct secdesc sd = {.control = SD_DACL_PRESENT | SD_DACL_PROTECTED, .owner = &owner, .group = &everyone, .dacl = &dacl}, *back;
	uint8_t raw[256];
	size_t n;

	assert_true(nt_ok(srv_acl_store(k->f.file, &sd, &k->a)));
	back = load(k, true);
	assert_true(sid_equal(back->owner, &owner));
	assert_true(back->control & SD_DACL_PROTECTED);
	assert_int_equal(back->dacl->ace_count, 2);
	assert_int_equal(back->dacl->aces[1].flags, ACE_OBJECT_INHERIT);
	/* As Samba writes it: version, level, a pointer, and the descriptor. */
	assert_true(nt_ok(vfs_xattr_get(k->f.file, k->xattr, raw, sizeof(raw), &n)));
	assert_memory_equal(raw, "\1\0\1\0\0\0\2\0\1", 9);
	assert_false(back->system_owner);
	/* And as it writes it with a hash, but of no kind: what has Samba's owner stays recognizable as such. */
	sd.system_owner = true;
	assert_true(nt_ok(srv_acl_store(k->f.file, &sd, &k->a)));
	back = load(k, true);
	assert_true(back->system_owner && sid_equal(back->owner, &owner));
	assert_true(nt_ok(vfs_xattr_get(k->f.file, k->xattr, raw, sizeof(raw), &n)));
	assert_memory_equal(raw, "\3\0\3\0\0\0\2\0\4\0\2\0\0\0", 14);
}

/* Grants of a list of (type, sid kind, mask) in order. */
enum who { EVERYONE, MYSELF, STRANGER, OWNER_RIGHTS, AUTHENTICATED };

static struct sid sid_of(enum who who)
{
	switch (who) {
	case EVERYONE:
		return sid_make(1, 1, (const uint32_t[]){0});
	case MYSELF:
		return sid_make(22, 2, (const uint32_t[]){1, geteuid()});
	case OWNER_RIGHTS:
		return sid_make(3, 1, (const uint32_t[]){4});
	case AUTHENTICATED:
		return sid_make(5, 1, (const uint32_t[]){11});
	default:
		return sid_make(5, 2, (const uint32_t[]){21, 99});
	}
}

struct entry {
	uint8_t type, flags;
	enum who who;
	uint32_t mask;
};

static uint32_t grants(enum who owner, const struct entry *e, size_t n)
{
	struct ace aces[4];
	struct acl dacl = {.revision = 2, .ace_count = (uint16_t)n, .aces = aces};
	struct sid owner_sid = sid_of(owner);
	struct secdesc sd = {.control = SD_DACL_PRESENT, .owner = &owner_sid, .dacl = &dacl};

	for (size_t i = 0; i < n; i++)
		aces[i] = (struct ace){.type = e[i].type, .flags = e[i].flags, .mask = e[i].mask, .sid = sid_of(e[i].who)};
	return srv_acl_grants(&sd, NULL);
}

static void test_entries_are_weighed_in_order(void **state)
{
	static const struct {
		enum who owner;
		struct entry e[3];
		size_t n;
		uint32_t granted;
	} rows[] = {
		{STRANGER, {{0}}, 0, 0},
		{MYSELF, {{0}}, 0, ACCESS_READ_CONTROL | ACCESS_WRITE_DAC},
		{STRANGER, {{0, 0, EVERYONE, FILE_READ_DATA}}, 1, FILE_READ_DATA},
		{STRANGER, {{0, 0, AUTHENTICATED, FILE_READ_DATA}}, 1, FILE_READ_DATA},
		{STRANGER, {{0, 0, STRANGER, FILE_READ_DATA}}, 1, 0},
		{STRANGER, {{0, 0, MYSELF, ACCESS_GENERIC_READ}}, 1, ACCESS_FILE_READ},
		/* denied first, allowed first */
		{STRANGER, {{1, 0, MYSELF, 3}, {0, 0, EVERYONE, 7}}, 2, 4},
		{STRANGER, {{0, 0, EVERYONE, 7}, {1, 0, MYSELF, 3}}, 2, 7},
		/* only for what is inherited */
		{STRANGER, {{0, ACE_INHERIT_ONLY | ACE_OBJECT_INHERIT, EVERYONE, 7}}, 1, 0},
		/* rights of the owner replace what an owner has by himself */
		{MYSELF, {{0, 0, OWNER_RIGHTS, FILE_READ_DATA}}, 1, FILE_READ_DATA},
		{STRANGER, {{0, 0, OWNER_RIGHTS, FILE_READ_DATA}}, 1, 0},
		{MYSELF, {{1, 0, OWNER_RIGHTS, ACCESS_WRITE_DAC}, {0, 0, EVERYONE, ACCESS_FILE_ALL}}, 2, ACCESS_FILE_ALL & ~ACCESS_WRITE_DAC},
		/* bits that are no rights of files */
		{STRANGER, {{0, 0, EVERYONE, ACCESS_SYSTEM_SECURITY | 1}}, 1, 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(grants(rows[i].owner, rows[i].e, rows[i].n), rows[i].granted);
}

/* Samba gives its users SIDs of its own. Whose they are, the file's owner on the system tells, if it was Samba that wrote the descriptor. */
static void test_an_account_of_sambas_that_owns_our_file_is_ours(void **state)
{
	struct sid account = sid_make(5, 5, (const uint32_t[]){21, 1, 2, 3, 1000}), other = sid_make(5, 5, (const uint32_t[]){21, 1, 2, 3, 1001});
	struct ace aces[] = {{.mask = FILE_READ_DATA, .sid = account}, {.mask = FILE_WRITE_DATA, .sid = other}};
	struct acl dacl = {.revision = 2, .ace_count = 2, .aces = aces};
	struct secdesc sd = {.control = SD_DACL_PRESENT, .owner = &account, .group = &other, .dacl = &dacl, .system_owner = true};
	struct secdesc child = {.owner = &other, .group = &other}, with = {.owner = &account, .group = &other};
	struct vfs_stat st = {.uid = srv_acl_uid(), .gid = srv_acl_gid() + 1};
	const uint32_t owner = ACCESS_READ_CONTROL | ACCESS_WRITE_DAC;

	(void)state;
	assert_int_equal(srv_acl_grants(&sd, &st), owner | FILE_READ_DATA);
	st.gid--;
	assert_int_equal(srv_acl_grants(&sd, &st), owner | FILE_READ_DATA | FILE_WRITE_DATA);
	srv_acl_follow_owner(&child, &sd, &st);
	assert_true(child.system_owner && child.owner == &account);
	st.uid++;
	st.gid++;
	assert_int_equal(srv_acl_grants(&sd, &st), 0);
	child = (struct secdesc){.owner = &other, .group = &other};
	srv_acl_follow_owner(&child, &sd, &st);
	assert_true(!child.system_owner && child.owner == &other);
	st = (struct vfs_stat){.uid = srv_acl_uid(), .gid = srv_acl_gid()};
	/* The same set once more changes nothing; another owner is nobody's alias. */
	srv_acl_replace(&sd, &with, ACL_PART_OWNER | ACL_PART_GROUP, false);
	assert_true(sd.system_owner);
	with.owner = &other;
	srv_acl_replace(&sd, &with, ACL_PART_OWNER, false);
	assert_false(sd.system_owner);
	assert_int_equal(srv_acl_grants(&sd, &st), 0);
}

static void test_no_list_allows_everything_an_empty_one_nothing(void **state)
{
	struct sid stranger = sid_of(STRANGER);
	struct acl empty = {.revision = 2};
	struct secdesc sd = {.control = 0, .owner = &stranger};

	(void)state;
	assert_int_equal(srv_acl_grants(&sd, NULL), ACCESS_FILE_ALL);
	sd.control = SD_DACL_PRESENT;
	assert_int_equal(srv_acl_grants(&sd, NULL), ACCESS_FILE_ALL);
	sd.dacl = &empty;
	assert_int_equal(srv_acl_grants(&sd, NULL), 0);
}

/* Backs: B532. */
static void test_only_the_named_parts_are_replaced(void **state)
{
	struct sid a = sid_of(EVERYONE), b = sid_of(STRANGER);
	struct ace entry = {.mask = ACCESS_GENERIC_READ, .sid = a};
	struct acl one = {.revision = 2, .ace_count = 1, .aces = &entry};
	struct secdesc now = {.control = SD_DACL_PRESENT | SD_DACL_PROTECTED, .owner = &a, .group = &a};
	struct secdesc with = {.control = SD_DACL_PRESENT | SD_DACL_AUTO_INHERITED, .owner = &b, .group = &b, .dacl = &one};

	(void)state;
	srv_acl_replace(&now, &with, ACL_PART_GROUP, false);
	assert_ptr_equal(now.owner, &a);
	assert_ptr_equal(now.group, &b);
	assert_null(now.dacl);
	srv_acl_replace(&now, &with, ACL_PART_DACL | 0x1000000, false);
	assert_ptr_equal(now.dacl, &one);
	assert_int_equal(entry.mask, ACCESS_FILE_READ);
	/* Nobody asked that inheritance be noted. */
	assert_int_equal(now.control, SD_DACL_PRESENT);
	srv_acl_replace(&now, &with, ACL_PART_DACL, true);
	assert_int_equal(now.control, SD_DACL_PRESENT | SD_DACL_AUTO_INHERITED);
	srv_acl_replace(&now, &with, ACL_PART_DACL, false);
	assert_int_equal(now.control, SD_DACL_PRESENT);
	with.control |= SD_DACL_AUTO_INHERIT_REQ;
	srv_acl_replace(&now, &with, ACL_PART_DACL, false);
	assert_int_equal(now.control, SD_DACL_PRESENT | SD_DACL_AUTO_INHERITED);
}

/* A parent with one entry, a child with nothing of its own: what the child gets, as text "flags:mask:sid,...". [MS-DTYP] 2.5.3.4. */
static void heir_of(const struct ace *e, uint16_t parent_control, bool directory, char *text, size_t cap)
{
	struct sid owner = sid_of(STRANGER), group = sid_make(1, 1, (const uint32_t[]){7});
	struct ace entry = *e;
	struct acl list = {.revision = 2, .ace_count = 1, .aces = &entry};
	struct secdesc parent = {.control = parent_control | SD_DACL_PRESENT, .dacl = &list};
	struct secdesc child = {.control = SD_DACL_PRESENT, .owner = &owner, .group = &group};
	struct arena a;
	bool changed;
	size_t n = 0;

	arena_init(&a, NULL, 0, 0);
	assert_true(srv_acl_inherit(&child, &parent, false, directory, &a, &changed));
	assert_int_equal(changed, child.dacl != NULL);
	text[0] = 0;
	for (size_t i = 0; child.dacl && i < child.dacl->ace_count; i++) {
		const struct ace *got = &child.dacl->aces[i];
		char sid[SID_TEXT_CHARS];

		sid_text(sid, sid_equal(&got->sid, &owner) ? &entry.sid : &got->sid);
		n += (size_t)snprintf(text + n, cap - n, "%x:%x:%s%s,", got->flags, got->mask, sid, sid_equal(&got->sid, &owner) ? "=owner" : "");
	}
	if (changed)
		assert_int_equal(child.control & SD_DACL_AUTO_INHERITED, parent_control & SD_DACL_AUTO_INHERITED);
	arena_reset(&a);
}

static void test_what_children_inherit(void **state)
{
	enum { OI = 1, CI = 2, NP = 4, IO = 8 };
	const struct sid everyone = sid_make(1, 1, (const uint32_t[]){0}), creator = sid_make(3, 1, (const uint32_t[]){0});
	const struct {
		uint8_t flags;
		const struct sid *sid;
		uint32_t mask;
		const char *file, *directory;
	} rows[] = {
		{0, &everyone, 1, "", ""},
		{OI, &everyone, 1, "0:1:S-1-1-0,", "9:1:S-1-1-0,"},
		{OI | NP, &everyone, 1, "0:1:S-1-1-0,", ""},
		{CI, &everyone, 1, "", "2:1:S-1-1-0,"},
		{CI | NP, &everyone, 1, "", "0:1:S-1-1-0,"},
		{OI | CI, &everyone, 1, "0:1:S-1-1-0,", "3:1:S-1-1-0,"},
		{OI | CI | IO, &everyone, 1, "0:1:S-1-1-0,", "3:1:S-1-1-0,"},
		{OI | CI | NP, &everyone, 1, "0:1:S-1-1-0,", "0:1:S-1-1-0,"},
		{OI | CI, &everyone, ACCESS_GENERIC_ALL, "0:1f01ff:S-1-1-0,", "0:1f01ff:S-1-1-0,b:10000000:S-1-1-0,"},
		{OI | CI, &creator, 1, "0:1:S-1-3-0=owner,", "0:1:S-1-3-0=owner,b:1:S-1-3-0,"},
		{CI | NP, &creator, 1, "", "0:1:S-1-3-0=owner,"},
	};
	char text[200], marked[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ace e = {.flags = rows[i].flags, .mask = rows[i].mask, .sid = *rows[i].sid};

		heir_of(&e, 0, false, text, sizeof(text));
		assert_string_equal(text, rows[i].file);
		heir_of(&e, 0, true, text, sizeof(text));
		assert_string_equal(text, rows[i].directory);
		/* Automatic inheritance marks what was inherited. */
		heir_of(&e, SD_DACL_AUTO_INHERITED, false, text, sizeof(text));
		snprintf(marked, sizeof(marked), "1%.2s", rows[i].file);
		assert_int_equal(strncmp(text, marked, rows[i].file[0] ? 3 : 0), 0);
	}
}

/* A list that was asked for: alone, or in front of what is inherited. */
static void test_what_was_asked_for_comes_before_what_is_inherited(void **state)
{
	struct sid everyone = sid_of(EVERYONE), owner = sid_of(STRANGER);
	struct ace above = {.flags = ACE_OBJECT_INHERIT, .mask = 1, .sid = everyone}, mine[2] = {{.mask = 2, .sid = owner}, {.flags = ACE_INHERITED, .mask = 4, .sid = owner}};
	struct acl parents = {.revision = 2, .ace_count = 1, .aces = &above}, own = {.revision = 2, .ace_count = 2, .aces = mine};
	const struct {
		uint16_t parent, child, aces;
	} rows[] = {
		{0, 0, 2},
		{SD_DACL_AUTO_INHERITED, 0, 2},
		{SD_DACL_AUTO_INHERITED, SD_DACL_PROTECTED, 2},
	};
	struct arena a;

	(void)state;
	arena_init(&a, NULL, 0, 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct secdesc parent = {.control = rows[i].parent | SD_DACL_PRESENT, .dacl = &parents};
		struct secdesc child = {.control = rows[i].child | SD_DACL_PRESENT, .owner = &owner, .group = &owner, .dacl = &own};
		bool changed, joins = rows[i].parent && !rows[i].child;

		assert_true(srv_acl_inherit(&child, &parent, true, false, &a, &changed));
		assert_int_equal(changed, joins);
		assert_int_equal(child.dacl->ace_count, rows[i].aces);
		assert_int_equal(child.dacl->aces[0].mask, 2);
		assert_int_equal(child.dacl->aces[1].mask, joins ? 1 : 4);
	}
	arena_reset(&a);
}

int main(void)
{
#define WITH_KIT(t) cmocka_unit_test_setup_teardown(t, kit_setup, kit_teardown)
	const struct CMUnitTest tests[] = {
		WITH_KIT(test_every_version_of_sambas_attribute_is_read),
		WITH_KIT(test_damaged_attributes_leave_the_mode),
		WITH_KIT(test_what_is_stored_comes_back),
		cmocka_unit_test(test_entries_are_weighed_in_order),
		cmocka_unit_test(test_an_account_of_sambas_that_owns_our_file_is_ours),
		cmocka_unit_test(test_no_list_allows_everything_an_empty_one_nothing),
		cmocka_unit_test(test_only_the_named_parts_are_replaced),
		cmocka_unit_test(test_what_children_inherit),
		cmocka_unit_test(test_what_was_asked_for_comes_before_what_is_inherited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

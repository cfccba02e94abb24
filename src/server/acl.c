/* Access control lists: [MS-DTYP] 2.4.6, 2.5.3.2, [MS-FSA] 2.1.5.1.2.1. On disk a descriptor is the payload of Samba's xattr_NTACL: a
 * version, a union's level, and behind what the version puts before it the self-relative form. 1 to 4 are read; version 1 is
 * written, or 3 without a hash where Samba's name for the owner has been kept. */
#include "server/acl.h"

#include "fsa/fsa.h"

#include <pthread.h>
#include <unistd.h>

enum { UNIX_USER = 1, UNIX_GROUP = 2, AUTHORITY_WORLD = 1, AUTHORITY_CREATOR = 3, AUTHORITY_NT = 5, AUTHORITY_UNIX = 22 };
enum { NT_NON_UNIQUE = 21, DOMAIN_ACCOUNT_SUBS = 5 };
enum { NT_NETWORK = 2, NT_AUTHENTICATED_USERS = 11, CREATOR_OWNER_RIGHTS = 4 };
enum { XATTR_BYTES = 65536, XATTR_V1_HEADER = 8, XATTR_V3_HEADER = 80, SD_HEADER_BYTES = 20, NDR_POINTER = 0x00020000 };

static uint32_t own_uid, own_gid;
static pthread_once_t own_ids_once = PTHREAD_ONCE_INIT;

static void own_ids_ask(void)
{
	own_uid = geteuid();
	own_gid = getegid();
}

uint32_t srv_acl_uid(void)
{
	pthread_once(&own_ids_once, own_ids_ask);
	return own_uid;
}

uint32_t srv_acl_gid(void)
{
	pthread_once(&own_ids_once, own_ids_ask);
	return own_gid;
}

static const char *xattr_name(void)
{
	return srv_acl_uid() == 0 ? "security.NTACL" : "user.NTACL";
}

static struct sid unix_sid(uint32_t kind, uint32_t id)
{
	return sid_make(AUTHORITY_UNIX, 2, (const uint32_t[]){kind, id});
}

/* --- from the mode --- */

static uint32_t rights_of_bits(uint32_t rwx, bool directory)
{
	uint32_t rights = 0;

	if (rwx == 7)
		return ACCESS_FILE_ALL;
	if (rwx & 4)
		rights |= ACCESS_FILE_READ;
	if (rwx & 2)
		rights |= ACCESS_FILE_WRITE | ACCESS_DELETE | (directory ? FILE_DELETE_CHILD : 0);
	if (rwx & 1)
		rights |= ACCESS_FILE_EXECUTE;
	return rights;
}

static void ace_add(struct acl *acl, const struct sid *sid, uint32_t rights)
{
	if (rights != 0)
		acl->aces[acl->ace_count++] = (struct ace){.type = ACE_ACCESS_ALLOWED, .mask = rights, .sid = *sid};
}

/* A descriptor with the memory of its parts. */
struct built {
	struct secdesc sd;
	struct sid owner, group;
	struct acl dacl;
	struct ace aces[3];
};

static struct secdesc *build(const struct vfs_stat *st, struct arena *a)
{
	const struct sid everyone = sid_make(AUTHORITY_WORLD, 1, (const uint32_t[]){0});
	struct built *b = arena_zalloc(a, sizeof(*b));

	if (!b)
		return NULL;
	b->owner = unix_sid(UNIX_USER, st->uid);
	b->group = unix_sid(UNIX_GROUP, st->gid);
	b->dacl = (struct acl){.revision = 2, .aces = b->aces};
	/* An owner can always look at and change what others may; and root, whom modes do not bind, anything. */
	ace_add(&b->dacl, &b->owner, st->uid == 0 ? ACCESS_FILE_ALL :
		rights_of_bits(st->mode >> 6 & 7, st->directory) | ACCESS_READ_CONTROL | ACCESS_WRITE_DAC | ACCESS_WRITE_OWNER);
	ace_add(&b->dacl, &b->group, rights_of_bits(st->mode >> 3 & 7, st->directory));
	ace_add(&b->dacl, &everyone, rights_of_bits(st->mode & 7, st->directory));
	b->sd = (struct secdesc){.control = SD_DACL_PRESENT, .owner = &b->owner, .group = &b->group, .dacl = &b->dacl};
	return &b->sd;
}

/* --- on disk --- */

/* Version 4: pointers, the kind of hash, the hash; a description that ends with zero, a time, another hash. */
static size_t xattr_v4_offset(const uint8_t *p, size_t n)
{
	enum { DESCRIPTION = 78, TIME_AND_HASH = 8 + 64 };
	const uint8_t *end = n > DESCRIPTION ? memchr(p + DESCRIPTION, 0, n - DESCRIPTION) : NULL;

	return end ? round_up((size_t)(end - p) + 1, 4) + TIME_AND_HASH : 0;
}

/* Where the descriptor begins; 0: nowhere. */
static size_t xattr_offset(const uint8_t *p, size_t n)
{
	switch (load_le16(p)) {
	case 1:
		return XATTR_V1_HEADER;
	case 2:
		return 28;
	case 3:
		return XATTR_V3_HEADER;
	case 4:
		return xattr_v4_offset(p, n);
	default:
		return 0;
	}
}

/* Samba's offsets to owner, group and lists count from the beginning of the value, those of the self-relative form from that
 * of the descriptor. */
static void move_offsets(uint8_t *sd, uint32_t delta)
{
	enum { FIRST_OFFSET = 4, OFFSETS = 4 };

	for (size_t i = 0; i < OFFSETS; i++) {
		uint8_t *p = sd + FIRST_OFFSET + 4 * i;

		if (load_le32(p) != 0)
			store_le32(p, load_le32(p) + delta);
	}
}

/* NULL: none, or nothing that can be read. */
static struct secdesc *stored_load(struct vfs_file *f, struct arena *a)
{
	uint8_t small[1024], *p = small;
	struct secdesc *sd;
	size_t n, at;
	struct wire w;
	ntstatus status = vfs_xattr_get(f, xattr_name(), small, sizeof(small), &n);

	if (nt_is(status, STATUS_BUFFER_TOO_SMALL)) {
		p = arena_alloc(a, XATTR_BYTES);
		if (p)
			status = vfs_xattr_get(f, xattr_name(), p, XATTR_BYTES, &n);
	}
	if (!nt_ok(status) || n < XATTR_V1_HEADER)
		return NULL;
	at = xattr_offset(p, n);
	sd = arena_zalloc(a, sizeof(*sd));
	if (at == 0 || at > n || n - at < SD_HEADER_BYTES || !sd)
		return NULL;
	/* What is decoded may view the bytes. */
	if (p == small) {
		p = arena_alloc(a, n);
		if (!p)
			return NULL;
		memcpy(p, small, n);
	}
	move_offsets(p + at, (uint32_t)-(int32_t)at);
	w = wire_decoder(p + at, 0, n - at, a);
	secdesc_code(&w, sd);
	sd->system_owner = load_le16(p) > 1;
	return wire_ok(&w) ? sd : NULL;
}

struct secdesc *srv_acl_load(struct vfs_file *f, const struct vfs_stat *st, struct arena *a, bool *stored)
{
	struct secdesc *sd = st->no_descriptor ? NULL : stored_load(f, a), *plain;

	*stored = sd != NULL;
	if (sd && sd->owner && sd->group)
		return sd;
	plain = build(st, a);
	if (!sd || !plain)
		return plain;
	sd->owner = sd->owner ? sd->owner : plain->owner;
	sd->group = sd->group ? sd->group : plain->group;
	return sd;
}

ntstatus srv_acl_store(struct vfs_file *f, struct secdesc *sd, struct arena *a)
{
	size_t size = secdesc_size(sd), head = sd->system_owner ? XATTR_V3_HEADER : XATTR_V1_HEADER;
	uint8_t *p = size <= XATTR_BYTES ? arena_zalloc(a, head + size) : NULL;
	struct wire w;
	ntstatus status;

	if (!p)
		return STATUS_INSUFFICIENT_RESOURCES;
	store_le16(p, sd->system_owner ? 3 : 1);
	store_le16(p + 2, sd->system_owner ? 3 : 1);
	store_le32(p + 4, NDR_POINTER);
	if (sd->system_owner)
		store_le32(p + 8, NDR_POINTER + 4);
	w = wire_encoder(p + head, 0, size);
	secdesc_code(&w, sd);
	if (!wire_ok(&w))
		return STATUS_INVALID_SECURITY_DESCR;
	move_offsets(p + head, (uint32_t)head);
	status = vfs_xattr_set(f, xattr_name(), p, head + w.pos);
	return nt_is(status, STATUS_EAS_NOT_SUPPORTED) ? STATUS_NOT_SUPPORTED : status;
}

/* --- changing --- */

/* The flags of one of the two lists. */
struct control_flags {
	uint16_t present, auto_inherited, request, protect;
};

static uint16_t replaced_control(uint16_t now, uint16_t with, const struct control_flags *f, bool as_set)
{
	now &= (uint16_t)~(f->present | f->auto_inherited | f->protect);
	now |= with & (f->present | f->protect);
	/* Who sets AUTO_INHERITED must ask for it, too. */
	if ((with & f->auto_inherited) && (as_set || (with & f->request)))
		now |= f->auto_inherited;
	return now;
}

/* Entries that apply to the file itself are kept with the rights that generic ones stand for. */
static void map_generic(struct acl *acl)
{
	for (size_t i = 0; acl && i < acl->ace_count; i++) {
		if (!(acl->aces[i].flags & ACE_INHERIT_ONLY))
			acl->aces[i].mask = fsa_access_map_generic(acl->aces[i].mask);
	}
}

void srv_acl_replace(struct secdesc *sd, const struct secdesc *with, uint32_t parts, bool as_set)
{
	static const struct control_flags of_dacl = {SD_DACL_PRESENT, SD_DACL_AUTO_INHERITED, SD_DACL_AUTO_INHERIT_REQ, SD_DACL_PROTECTED};
	static const struct control_flags of_sacl = {SD_SACL_PRESENT, SD_SACL_AUTO_INHERITED, SD_SACL_AUTO_INHERIT_REQ, SD_SACL_PROTECTED};

	/* Whoever is put in their place is not the system's owner, nor its group. */
	if ((parts & ACL_PART_OWNER) && with->owner) {
		sd->system_owner = sd->system_owner && sid_equal(sd->owner, with->owner);
		sd->owner = with->owner;
	}
	if ((parts & ACL_PART_GROUP) && with->group) {
		sd->system_owner = sd->system_owner && sid_equal(sd->group, with->group);
		sd->group = with->group;
	}
	if (parts & ACL_PART_DACL) {
		map_generic(with->dacl);
		sd->control = replaced_control(sd->control, with->control, &of_dacl, as_set);
		/* A list that is set is present; without one, everything is allowed. */
		sd->control |= SD_DACL_PRESENT;
		sd->dacl = with->dacl;
	}
	if (parts & ACL_PART_SACL) {
		sd->control = replaced_control(sd->control, with->control, &of_sacl, as_set);
		sd->sacl = with->sacl;
	}
}

uint32_t srv_acl_access(struct vfs_file *f, const struct vfs_stat *st, struct arena *a)
{
	struct vfs_stat open_to_all = *st;
	const struct secdesc *sd;
	bool stored;

	sd = srv_acl_load(f, st, a, &stored);
	if (!sd || !stored)
		return fsa_access_of_stat(st, srv_acl_uid(), srv_acl_gid());
	open_to_all.mode = 0777;
	return srv_acl_grants(sd, st) & fsa_access_of_stat(&open_to_all, srv_acl_uid(), srv_acl_gid());
}

/* --- the check --- */

bool srv_acl_in_token(const struct sid *sid)
{
	const struct sid token[] = {
		unix_sid(UNIX_USER, srv_acl_uid()),
		unix_sid(UNIX_GROUP, srv_acl_gid()),
		sid_make(AUTHORITY_WORLD, 1, (const uint32_t[]){0}),
		sid_make(AUTHORITY_NT, 1, (const uint32_t[]){NT_AUTHENTICATED_USERS}),
		sid_make(AUTHORITY_NT, 1, (const uint32_t[]){NT_NETWORK}),
	};

	for (size_t i = 0; i < ARRAY_LEN(token); i++) {
		if (sid_equal(sid, &token[i]))
			return true;
	}
	return false;
}

/* --- what Samba calls us --- */

/* An account of a domain or a machine, S-1-5-21-x-y-z-rid: such are the SIDs that Samba gives the users of its own. */
static bool is_account(const struct sid *sid)
{
	const struct sid account = sid_make(AUTHORITY_NT, DOMAIN_ACCOUNT_SUBS, (const uint32_t[DOMAIN_ACCOUNT_SUBS]){NT_NON_UNIQUE});

	return sid && sid->sub_count == DOMAIN_ACCOUNT_SUBS && sid->subs[0] == NT_NON_UNIQUE &&
		memcmp(sid->authority, account.authority, sizeof(sid->authority)) == 0;
}

/* Samba keeps the system's owner of a file and that of the descriptor that it writes together: an account which owns what our uid owns
 * is ours. */
static const struct sid *alias_user(const struct secdesc *sd, const struct vfs_stat *st)
{
	return st && sd->system_owner && st->uid == srv_acl_uid() && is_account(sd->owner) ? sd->owner : NULL;
}

static const struct sid *alias_group(const struct secdesc *sd, const struct vfs_stat *st)
{
	return st && sd->system_owner && st->gid == srv_acl_gid() && is_account(sd->group) ? sd->group : NULL;
}

void srv_acl_follow_owner(struct secdesc *sd, const struct secdesc *parent, const struct vfs_stat *st)
{
	const struct sid *user = alias_user(parent, st), *group = alias_group(parent, st);

	sd->owner = user ? parent->owner : sd->owner;
	sd->group = group ? parent->group : sd->group;
	sd->system_owner = sd->system_owner || user || group;
}

static bool is_owner_rights(const struct sid *sid)
{
	const struct sid owner_rights = sid_make(AUTHORITY_CREATOR, 1, (const uint32_t[]){CREATOR_OWNER_RIGHTS});

	return sid_equal(sid, &owner_rights);
}

uint32_t srv_acl_grants(const struct secdesc *sd, const struct vfs_stat *st)
{
	const struct sid *user = alias_user(sd, st), *group = alias_group(sd, st);
	bool owner = user || (sd->owner && srv_acl_in_token(sd->owner)), owner_rights = false;
	uint32_t granted = 0, denied = 0;

	if (!(sd->control & SD_DACL_PRESENT) || !sd->dacl)
		return ACCESS_FILE_ALL;
	for (size_t i = 0; i < sd->dacl->ace_count; i++) {
		const struct ace *e = &sd->dacl->aces[i];
		uint32_t mask = fsa_access_map_generic(e->mask);
		bool mine = srv_acl_in_token(&e->sid) || (user && sid_equal(&e->sid, user)) || (group && sid_equal(&e->sid, group));

		if (e->flags & ACE_INHERIT_ONLY)
			continue;
		if (owner && is_owner_rights(&e->sid))
			mine = owner_rights = true;
		if (mine && e->type == ACE_ACCESS_ALLOWED)
			granted |= mask & ~denied;
		else if (mine && e->type == ACE_ACCESS_DENIED)
			denied |= mask & ~granted;
	}
	if (owner && !owner_rights)
		granted |= ACCESS_READ_CONTROL | ACCESS_WRITE_DAC;
	return granted & ACCESS_FILE_ALL;
}

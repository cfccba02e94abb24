/* Security descriptors, [MS-SMB2] 3.3.5.20.3 and 3.3.5.21.3, [MS-FSA] 2.1.5.14 and 2.1.5.17. The store has owners, groups and
 * modes; a descriptor says the same in Windows' words: S-1-22-1-uid, S-1-22-2-gid and Everyone. */
#include "server/info.h"

#include "wire/secdesc.h"

enum { PART_OWNER = 1, PART_GROUP = 2, PART_DACL = 4, PART_SACL = 8, PART_LABEL = 0x10 };
enum { UNIX_USER = 1, UNIX_GROUP = 2, AUTHORITY_WORLD = 1, AUTHORITY_UNIX = 22 };

/* A descriptor with the memory of its parts. */
struct built {
	struct secdesc sd;
	struct sid owner, group;
	struct acl dacl;
	struct ace aces[3];
};

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

static void ace_add(struct built *b, const struct sid *sid, uint32_t rights)
{
	if (rights != 0)
		b->aces[b->dacl.ace_count++] = (struct ace){.type = ACE_ACCESS_ALLOWED, .mask = rights, .sid = *sid};
}

static void build(struct built *b, const struct vfs_stat *st, uint32_t parts)
{
	const struct sid everyone = sid_make(AUTHORITY_WORLD, 1, (const uint32_t[]){0});

	memset(b, 0, sizeof(*b));
	b->owner = sid_make(AUTHORITY_UNIX, 2, (const uint32_t[]){UNIX_USER, st->uid});
	b->group = sid_make(AUTHORITY_UNIX, 2, (const uint32_t[]){UNIX_GROUP, st->gid});
	b->dacl = (struct acl){.revision = 2, .aces = b->aces};
	/* An owner can always look at and change what others may. */
	ace_add(b, &b->owner, rights_of_bits(st->mode >> 6 & 7, st->directory) | ACCESS_READ_CONTROL | ACCESS_WRITE_DAC | ACCESS_WRITE_OWNER);
	ace_add(b, &b->group, rights_of_bits(st->mode >> 3 & 7, st->directory));
	ace_add(b, &everyone, rights_of_bits(st->mode & 7, st->directory));
	b->sd.owner = parts & PART_OWNER ? &b->owner : NULL;
	b->sd.group = parts & PART_GROUP ? &b->group : NULL;
	if (parts & PART_DACL) {
		b->sd.control |= SD_DACL_PRESENT;
		b->sd.dacl = &b->dacl;
	}
}

/* 3.3.5.20.3: a buffer that is too small is told what it takes, and nothing is ever cut. */
static struct srv_result too_small(struct srv_request *r, size_t needed)
{
	uint8_t *p = arena_alloc(&r->arena, 4);

	if (p) {
		store_le32(p, (uint32_t)needed);
		r->error_data = slice_of(p, 4);
	}
	return srv_reply(STATUS_BUFFER_TOO_SMALL);
}

struct srv_result info_security_query(struct srv_request *r, const struct smb2_query_info_req *in, struct smb2_query_info_rsp *out)
{
	uint32_t parts = in->additional_information;
	struct built b;
	struct vfs_stat st;
	struct wire w;
	size_t size;
	ntstatus status;

	if (r->open->pipe)
		return srv_reply(STATUS_NOT_SUPPORTED);
	if ((parts & (PART_OWNER | PART_GROUP | PART_DACL | PART_LABEL)) && !(r->open->granted_access & ACCESS_READ_CONTROL))
		return srv_reply(STATUS_ACCESS_DENIED);
	if ((parts & PART_SACL) && !(r->open->granted_access & ACCESS_SYSTEM_SECURITY))
		return srv_reply(STATUS_ACCESS_DENIED);
	status = vfs_stat_get(r->open->file, &st);
	if (!nt_ok(status))
		return srv_reply(status);
	build(&b, &st, parts);
	size = secdesc_size(&b.sd);
	if (in->output_buffer_length < size)
		return too_small(r, size);
	if (!srv_payload_alloc(r, size))
		return srv_reply(STATUS_INSUFFICIENT_RESOURCES);
	w = wire_encoder(r->payload.data, 0, size);
	secdesc_code(&w, &b.sd);
	if (!wire_ok(&w))
		return srv_reply(STATUS_INTERNAL_ERROR);
	r->payload.len = w.pos;
	out->output = srv_payload_slice(r);
	return srv_reply(STATUS_SUCCESS);
}

static ntstatus set_access_check(const struct srv_open *o, uint32_t parts)
{
	uint32_t need = 0;

	if (parts & PART_SACL)
		need |= ACCESS_SYSTEM_SECURITY;
	if (parts & PART_DACL)
		need |= ACCESS_WRITE_DAC;
	if (parts & (PART_OWNER | PART_GROUP | PART_LABEL))
		need |= ACCESS_WRITE_OWNER;
	return need & ~o->granted_access ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

static bool ace_equal(const struct ace *a, const struct ace *b)
{
	return a->type == b->type && (a->flags & ~ACE_INHERITED) == (b->flags & ~ACE_INHERITED) && a->mask == b->mask &&
		sid_equal(&a->sid, &b->sid);
}

static bool acl_equal(const struct acl *a, const struct acl *b)
{
	if (!a || !b || a->ace_count != b->ace_count)
		return a == b;
	for (size_t i = 0; i < a->ace_count; i++) {
		if (!ace_equal(&a->aces[i], &b->aces[i]))
			return false;
	}
	return true;
}

/* The store keeps no access lists: setting what holds already succeeds, anything else is refused rather than forgotten. */
ntstatus info_security_set(struct srv_request *r, const struct smb2_set_info_req *in)
{
	struct wire w = wire_decoder(in->input.data, 0, in->input.len, &r->arena);
	uint32_t parts = in->additional_information;
	struct secdesc wanted;
	struct built now;
	struct vfs_stat st;
	ntstatus status = set_access_check(r->open, parts);

	if (!nt_ok(status))
		return status;
	if (r->open->pipe)
		return STATUS_NOT_SUPPORTED;
	memset(&wanted, 0, sizeof(wanted));
	secdesc_code(&w, &wanted);
	if (!wire_ok(&w))
		return STATUS_INVALID_SECURITY_DESCR;
	status = vfs_stat_get(r->open->file, &st);
	if (!nt_ok(status))
		return status;
	build(&now, &st, PART_OWNER | PART_GROUP | PART_DACL);
	if ((parts & PART_OWNER) && (!wanted.owner || !sid_equal(wanted.owner, &now.owner)))
		return STATUS_INVALID_OWNER;
	if ((parts & PART_GROUP) && (!wanted.group || !sid_equal(wanted.group, &now.group)))
		return STATUS_NOT_SUPPORTED;
	if ((parts & PART_DACL) && !acl_equal(wanted.dacl, &now.dacl))
		return STATUS_NOT_SUPPORTED;
	return parts & (PART_SACL | PART_LABEL) ? STATUS_NOT_SUPPORTED : STATUS_SUCCESS;
}

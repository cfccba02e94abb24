/* Security descriptors, [MS-SMB2] 3.3.5.20.3 and 3.3.5.21.3, [MS-FSA] 2.1.5.14 and 2.1.5.17. What a file's descriptor is: acl.h. */
#include "server/acl.h"
#include "server/info.h"
#include "server/notify.h"

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

static ntstatus query_access_check(const struct srv_open *o, uint32_t parts)
{
	uint32_t need = 0;

	if (parts & (ACL_PART_OWNER | ACL_PART_GROUP | ACL_PART_DACL | ACL_PART_LABEL))
		need |= ACCESS_READ_CONTROL;
	if (parts & ACL_PART_SACL)
		need |= ACCESS_SYSTEM_SECURITY;
	return need & ~o->granted_access ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

/* Leaves only what was asked for; bits without meaning are ignored. */
static struct secdesc parts_of(const struct secdesc *sd, uint32_t parts)
{
	const uint16_t of_dacl = SD_DACL_PRESENT | SD_DACL_DEFAULTED | SD_DACL_AUTO_INHERITED | SD_DACL_PROTECTED;
	const uint16_t of_sacl = SD_SACL_PRESENT | SD_SACL_DEFAULTED | SD_SACL_AUTO_INHERITED | SD_SACL_PROTECTED;
	struct secdesc out = *sd;

	if (!(parts & ACL_PART_OWNER))
		out.owner = NULL;
	if (!(parts & ACL_PART_GROUP))
		out.group = NULL;
	if (!(parts & ACL_PART_DACL)) {
		out.dacl = NULL;
		out.control &= (uint16_t)~of_dacl;
	}
	if (!(parts & ACL_PART_SACL)) {
		out.sacl = NULL;
		out.control &= (uint16_t)~of_sacl;
	}
	return out;
}

struct srv_result info_security_query(struct srv_request *r, const struct smb2_query_info_req *in, struct smb2_query_info_rsp *out)
{
	uint32_t parts = in->additional_information;
	struct secdesc *whole, sd;
	struct vfs_stat st;
	struct wire w;
	size_t size;
	ntstatus status;
	bool stored;

	if (r->open->pipe)
		return srv_reply(STATUS_NOT_SUPPORTED);
	status = query_access_check(r->open, parts);
	if (nt_ok(status))
		status = vfs_stat_get(r->open->file, &st);
	if (!nt_ok(status))
		return srv_reply(status);
	whole = srv_acl_load(r->open->file, &st, &r->arena, &stored);
	if (!whole)
		return srv_reply(STATUS_INSUFFICIENT_RESOURCES);
	sd = parts_of(whole, parts);
	size = secdesc_size(&sd);
	if (in->output_buffer_length < size)
		return too_small(r, size);
	if (!srv_payload_alloc(r, size))
		return srv_reply(STATUS_INSUFFICIENT_RESOURCES);
	w = wire_encoder(r->payload.data, 0, size);
	secdesc_code(&w, &sd);
	if (!wire_ok(&w))
		return srv_reply(STATUS_INTERNAL_ERROR);
	r->payload.len = w.pos;
	out->output = srv_payload_slice(r);
	return srv_reply(STATUS_SUCCESS);
}

static ntstatus set_access_check(const struct srv_open *o, uint32_t parts)
{
	uint32_t need = 0;

	if (parts & ACL_PART_SACL)
		need |= ACCESS_SYSTEM_SECURITY;
	if (parts & ACL_PART_DACL)
		need |= ACCESS_WRITE_DAC;
	if (parts & (ACL_PART_OWNER | ACL_PART_GROUP | ACL_PART_LABEL))
		need |= ACCESS_WRITE_OWNER;
	return need & ~o->granted_access ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

/* Ownership can be kept or taken, not given away. */
static bool owner_allowed(const struct srv_request *r, const struct secdesc *now, const struct secdesc *wanted)
{
	return wanted->owner && (r->tree->is_admin || sid_equal(wanted->owner, now->owner) || srv_acl_in_token(wanted->owner));
}

ntstatus info_security_set(struct srv_request *r, const struct smb2_set_info_req *in)
{
	struct wire w = wire_decoder(in->input.data, 0, in->input.len, &r->arena);
	uint32_t parts = in->additional_information;
	struct secdesc wanted, *now;
	struct vfs_stat st;
	ntstatus status;
	bool stored;

	if (r->open->pipe)
		return STATUS_NOT_SUPPORTED;
	status = set_access_check(r->open, parts);
	if (!nt_ok(status))
		return status;
	memset(&wanted, 0, sizeof(wanted));
	secdesc_code(&w, &wanted);
	if (!wire_ok(&w))
		return STATUS_INVALID_SECURITY_DESCR;
	status = vfs_stat_get(r->open->file, &st);
	if (!nt_ok(status))
		return status;
	now = srv_acl_load(r->open->file, &st, &r->arena, &stored);
	if (!now)
		return STATUS_INSUFFICIENT_RESOURCES;
	if ((parts & ACL_PART_OWNER) && !owner_allowed(r, now, &wanted))
		return STATUS_INVALID_OWNER;
	srv_acl_replace(now, &wanted, parts, r->tree->share->acl_flags_as_set);
	status = srv_acl_store(r->open->file, now, &r->arena);
	if (nt_ok(status))
		srv_changed(r->open, FSA_MODIFIED, FSA_CHANGE_SECURITY);
	return status;
}

/* Create contexts: the list and every payload that has a layout of its own. [MS-SMB2] 2.2.13.2, 2.2.14.2. ExtA is a list of
 * FILE_FULL_EA_INFORMATION (fscc_file.c), SecD a security descriptor (secdesc.c). Cursors of payloads start at pos 0. */
#include "wire/smb2_internal.h"

enum { CONTEXT_HEADER = 16 };

static bool inside(size_t offset, size_t len, size_t element_len)
{
	return offset % 8 == 0 && offset >= CONTEXT_HEADER && offset <= element_len && len <= element_len - offset;
}

/* [MS-SMB2] 2.2.13.2: Next is 0 or leads to another whole header; name and data are 8-aligned and inside the element. */
bool smb2_create_context_next(struct slice *list, struct smb2_create_context *out, bool *bad)
{
	const uint8_t *p = list->data;
	size_t len = list->len, next, name_at, name_len, data_at, data_len;

	*bad = false;
	if (len == 0)
		return false;
	*bad = true;
	if (len < CONTEXT_HEADER)
		return false;
	next = load_le32(p);
	if (next != 0) {
		if (next % 8 != 0 || next < CONTEXT_HEADER || next > len || len - next < CONTEXT_HEADER)
			return false;
		len = next;
	}
	name_at = load_le16(p + 4);
	name_len = load_le16(p + 6);
	data_at = load_le16(p + 10);
	data_len = load_le32(p + 12);
	if (name_len < 4 || !inside(name_at, name_len, len) || (data_len != 0 && !inside(data_at, data_len, len)))
		return false;
	*bad = false;
	out->name = slice_of(p + name_at, name_len);
	out->data = slice_of(data_len ? p + data_at : p, data_len);
	*list = next ? slice_of(p + next, list->len - next) : slice_of(p + list->len, 0);
	return true;
}

/* The last element that a list under construction has. */
static size_t last_element(const struct wire *list)
{
	size_t at = 0;

	for (uint32_t next; (next = load_le32(list->base + at)) != 0;)
		at += next;
	return at;
}

/* [MS-SMB2] 2.2.13.2 */
void smb2_create_context_put(struct wire *list, struct slice name, struct slice data)
{
	struct wire_ref name_ref = {0}, data_ref = {0};

	if (!wire_ok(list))
		return;
	if (list->pos != 0) {
		size_t last = last_element(list);

		wire_align(list, 8);
		wire_patch(list, "Next", last, 4, list->pos - last);
	}
	name_ref.origin = data_ref.origin = list->pos;
	wire_pad_to(list, list->pos + 4);
	wire_ref_offset(list, "NameOffset", &name_ref, 2);
	wire_ref_length(list, "NameLength", &name_ref, 2);
	wire_reserved(list, 2);
	wire_ref_offset(list, "DataOffset", &data_ref, 2);
	wire_ref_length(list, "DataLength", &data_ref, 4);
	wire_buffer(list, "Name", &name_ref, 1, &name);
	wire_buffer_or_none(list, "Data", &data_ref, 8, &data);
}

/* [MS-SMB2] 2.2.13.2.3 */
void smb2_ctx_dhnq_code(struct wire *w, struct smb2_empty *m)
{
	m->reserved = 0;
	wire_reserved(w, 16);
}

/* [MS-SMB2] 2.2.14.2.3 */
void smb2_ctx_dhnq_rsp_code(struct wire *w, struct smb2_empty *m)
{
	m->reserved = 0;
	wire_reserved(w, 8);
}

/* [MS-SMB2] 2.2.13.2.4 */
void smb2_ctx_dhnc_code(struct wire *w, struct smb2_ctx_file_id *m)
{
	smb2_file_id_code(w, &m->file_id);
}

/* [MS-SMB2] 2.2.13.2.5, 2.2.13.2.6, 2.2.13.2.7 */
void smb2_ctx_timestamp_code(struct wire *w, struct smb2_ctx_timestamp *m)
{
	wire_u64(w, "Timestamp", &m->time);
}

/* [MS-SMB2] 2.2.14.2.5 */
void smb2_ctx_mxac_rsp_code(struct wire *w, struct smb2_ctx_mxac_rsp *m)
{
	wire_u32(w, "QueryStatus", &m->query_status);
	wire_u32(w, "MaximalAccess", &m->maximal_access);
}

/* [MS-SMB2] 2.2.14.2.9 */
void smb2_ctx_qfid_rsp_code(struct wire *w, struct smb2_ctx_qfid_rsp *m)
{
	wire_u64(w, "DiskFileId", &m->disk_file_id);
	wire_u64(w, "VolumeId", &m->volume_id);
	wire_reserved(w, 16);
}

/* [MS-SMB2] 2.2.13.2.8, 2.2.14.2.10 */
void smb2_ctx_lease_v1_code(struct wire *w, struct smb2_ctx_lease *m)
{
	wire_bytes(w, "LeaseKey", m->lease_key, sizeof(m->lease_key));
	wire_u32(w, "LeaseState", &m->lease_state);
	wire_u32(w, "LeaseFlags", &m->flags);
	wire_u64(w, "LeaseDuration", &m->lease_duration);
}

/* [MS-SMB2] 2.2.13.2.10, 2.2.14.2.11 */
void smb2_ctx_lease_v2_code(struct wire *w, struct smb2_ctx_lease *m)
{
	smb2_ctx_lease_v1_code(w, m);
	wire_bytes(w, "ParentLeaseKey", m->parent_lease_key, sizeof(m->parent_lease_key));
	wire_u16(w, "Epoch", &m->epoch);
	wire_reserved(w, 2);
}

/* [MS-SMB2] 2.2.13.2.11 */
void smb2_ctx_dh2q_req_code(struct wire *w, struct smb2_ctx_dh2q_req *m)
{
	wire_u32(w, "Timeout", &m->timeout);
	wire_u32(w, "Flags", &m->flags);
	wire_reserved(w, 8);
	wire_guid(w, "CreateGuid", &m->create_guid);
}

/* [MS-SMB2] 2.2.14.2.12 */
void smb2_ctx_dh2q_rsp_code(struct wire *w, struct smb2_ctx_dh2q_rsp *m)
{
	wire_u32(w, "Timeout", &m->timeout);
	wire_u32(w, "Flags", &m->flags);
}

/* [MS-SMB2] 2.2.13.2.12 */
void smb2_ctx_dh2c_req_code(struct wire *w, struct smb2_ctx_dh2c_req *m)
{
	smb2_file_id_code(w, &m->file_id);
	wire_guid(w, "CreateGuid", &m->create_guid);
	wire_u32(w, "Flags", &m->flags);
}

/* [MS-SMB2] 2.2.13.2.13 */
void smb2_ctx_app_instance_id_code(struct wire *w, struct smb2_ctx_app_instance_id *m)
{
	wire_struct_size(w, 20);
	wire_reserved(w, 2);
	wire_guid(w, "AppInstanceId", &m->app_instance_id);
}

/* [MS-SMB2] 2.2.13.2.15 */
void smb2_ctx_app_instance_version_code(struct wire *w, struct smb2_ctx_app_instance_version *m)
{
	wire_struct_size(w, 24);
	wire_reserved(w, 2);
	wire_reserved(w, 4);
	wire_u64(w, "AppInstanceVersionHigh", &m->high);
	wire_u64(w, "AppInstanceVersionLow", &m->low);
}

/* Object ids: [MS-FSA] 2.1.5.10.1, 2.1.5.10.2, 2.1.5.10.10, [MS-FSCC] 2.1.3.1. A name that a file keeps wherever it is moved, made when
 * somebody first asks for it and kept in an extended attribute. Whoever wants to choose one (FSCTL_SET_OBJECT_ID) would have to be told
 * whether it is unique on the volume, which nothing here knows: that is optional in [MS-FSA] and not supported. */
#include "server/object_id.h"

#include "fsa/fsa.h"
#include "server/open.h"
#include "server/session.h"

/* The FILE_OBJECTID_BUFFER as it goes over the wire: ObjectId, BirthVolumeId, BirthObjectId, DomainId. */
#define XATTR "user.hythe.objectid"
enum { BUFFER_BYTES = 64, GUID_BYTES = 16 };

void srv_volume_id(const struct srv_share *share, const struct vfs_volume *v, uint8_t id[16])
{
	store_le64(id, v->created);
	store_le32(id + 8, share->volume_serial);
	store_le32(id + 12, v->serial);
}

static ntstatus stored(struct srv_open *o, uint8_t id[BUFFER_BYTES])
{
	size_t n = 0;
	ntstatus status = vfs_xattr_get(o->file, XATTR, id, BUFFER_BYTES, &n);

	if (nt_is(status, STATUS_NONEXISTENT_EA_ENTRY) || (nt_ok(status) && n != BUFFER_BYTES))
		return STATUS_OBJECTID_NOT_FOUND;
	return nt_is(status, STATUS_EAS_NOT_SUPPORTED) ? STATUS_VOLUME_NOT_UPGRADED : status;
}

/* Of what no other file of the volume has, so that two who ask at once get the same. */
static ntstatus make(struct srv_open *o, uint8_t id[BUFFER_BYTES])
{
	struct vfs_volume v;
	struct vfs_stat st;
	ntstatus status = vfs_volume_query(o->share->vfs, &v);

	if (nt_ok(status))
		status = vfs_stat_get(o->file, &st);
	if (!nt_ok(status))
		return status;
	if (v.read_only || o->share->read_only)
		return STATUS_MEDIA_WRITE_PROTECTED;
	memset(id, 0, BUFFER_BYTES);
	store_le64(id, st.file_id);
	store_le64(id + 8, st.created);
	srv_volume_id(o->share, &v, id + GUID_BYTES);
	memcpy(id + 2 * GUID_BYTES, id, GUID_BYTES);
	return vfs_xattr_set(o->file, XATTR, id, BUFFER_BYTES);
}

static struct srv_result answer_id(struct srv_request *r, const struct smb2_ioctl_req *in, struct smb2_ioctl_rsp *out, bool create)
{
	ntstatus status;

	if (!r->open->file)
		return srv_reply(STATUS_INVALID_DEVICE_REQUEST);
	if (in->max_output_response < BUFFER_BYTES)
		return srv_reply(STATUS_INVALID_PARAMETER);
	if (!srv_payload_alloc(r, BUFFER_BYTES))
		return srv_reply(STATUS_INSUFFICIENT_RESOURCES);
	status = stored(r->open, r->payload.data);
	if (create && nt_is(status, STATUS_OBJECTID_NOT_FOUND))
		status = make(r->open, r->payload.data);
	if (!nt_ok(status))
		return srv_reply(status);
	r->payload.len = BUFFER_BYTES;
	out->output = srv_payload_slice(r);
	return srv_reply(STATUS_SUCCESS);
}

/* [MS-FSA] 2.1.5.10.1 */
struct srv_result srv_object_id_create_or_get(struct srv_request *r, const struct smb2_ioctl_req *in, struct smb2_ioctl_rsp *out)
{
	return answer_id(r, in, out, true);
}

/* [MS-FSA] 2.1.5.10.10 */
struct srv_result srv_object_id_get(struct srv_request *r, const struct smb2_ioctl_req *in, struct smb2_ioctl_rsp *out)
{
	return answer_id(r, in, out, false);
}

/* [MS-FSA] 2.1.5.10.2 */
struct srv_result srv_object_id_delete(struct srv_request *r, const struct smb2_ioctl_req *in, struct smb2_ioctl_rsp *out)
{
	ntstatus status;

	(void)in;
	(void)out;
	if (!r->open->file)
		return srv_reply(STATUS_INVALID_DEVICE_REQUEST);
	if (!(r->open->granted_access & (FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES)))
		return srv_reply(STATUS_ACCESS_DENIED);
	if (r->tree->share->read_only)
		return srv_reply(STATUS_MEDIA_WRITE_PROTECTED);
	status = vfs_xattr_set(r->open->file, XATTR, NULL, 0);
	if (nt_is(status, STATUS_EAS_NOT_SUPPORTED))
		status = STATUS_VOLUME_NOT_UPGRADED;
	return srv_reply(nt_is(status, STATUS_NONEXISTENT_EA_ENTRY) ? STATUS_SUCCESS : status);
}

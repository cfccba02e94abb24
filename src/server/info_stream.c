/* Named streams of an open file: FileStreamInformation, their part of names, and renaming them. [MS-FSA] 2.1.5.12.29,
 * 2.1.5.15.11.1; [MS-FSCC] 2.1.5.3, 2.4.49. */
#include "server/info.h"
#include "server/notify.h"

#include "base/utf16.h"

/* Of an entry; a buffer must have room for what Windows counts as one, padding and all. */
enum { STREAM_FIXED = 24, STREAM_LEAST = 32 };

static const uint8_t type[] = {':', 0, '$', 0, 'D', 0, 'A', 0, 'T', 0, 'A', 0};

/* ":name:$DATA" */
static struct slice full_name(struct arena *a, struct slice name)
{
	uint8_t *p = arena_alloc(a, 2 + name.len + sizeof(type));

	if (!p)
		return slice_of(NULL, 0);
	store_le16(p, ':');
	if (name.len > 0)
		memcpy(p + 2, name.data, name.len);
	memcpy(p + 2 + name.len, type, sizeof(type));
	return slice_of(p, 2 + name.len + sizeof(type));
}

/* The unnamed stream first, which a directory does not have. */
static ntstatus list_all(struct srv_request *r, struct vfs_stream **list, size_t *count)
{
	struct vfs_file *base = vfs_stream_base(r->open->file);
	struct vfs_stream *named;
	struct vfs_stat st;
	size_t named_count = 0;
	ntstatus status = vfs_stat_get(base ? base : r->open->file, &st);

	if (nt_ok(status) && !r->open->share->no_streams)
		status = vfs_stream_list(r->open->file, &r->arena, &named, &named_count);
	if (!nt_ok(status))
		return status;
	*list = arena_alloc(&r->arena, (named_count + 1) * sizeof(**list));
	*count = 0;
	if (!*list)
		return STATUS_INSUFFICIENT_RESOURCES;
	if (!st.directory)
		(*list)[(*count)++] = (struct vfs_stream){.size = st.size, .allocation = st.allocation};
	for (size_t i = 0; i < named_count; i++)
		(*list)[(*count)++] = named[i];
	return STATUS_SUCCESS;
}

struct srv_result info_streams_query(struct srv_request *r, const struct smb2_query_info_req *in, struct smb2_query_info_rsp *out)
{
	struct vfs_stream *list;
	struct fscc_list put = {0};
	size_t count, i;
	ntstatus status = list_all(r, &list, &count);

	if (nt_ok(status) && count > 0 && in->output_buffer_length < STREAM_LEAST)
		status = STATUS_INFO_LENGTH_MISMATCH;
	if (!nt_ok(status) || count == 0)
		return srv_reply(status);
	for (i = 0; i < count; i++)
		put.cap += round_up(STREAM_FIXED + 2 + list[i].name.len + sizeof(type), 8);
	if (put.cap > in->output_buffer_length)
		put.cap = in->output_buffer_length;
	if (!srv_payload_alloc(r, put.cap))
		return srv_reply(STATUS_INSUFFICIENT_RESOURCES);
	put.out = r->payload.data;
	for (i = 0; i < count; i++) {
		const struct fscc_stream s = {
			.size = list[i].size, .allocation_size = list[i].allocation, .name = full_name(&r->arena, list[i].name),
		};

		if (!s.name.data)
			return srv_reply(STATUS_INSUFFICIENT_RESOURCES);
		if (!fscc_stream_put(&put, &s))
			break;
	}
	r->payload.len = put.len;
	out->output = srv_payload_slice(r);
	return i == count ? srv_reply(STATUS_SUCCESS) : srv_reply_body(STATUS_BUFFER_OVERFLOW);
}

/* --- renaming --- */

/* Whether the stream of that name may be replaced. */
static ntstatus target_check(struct srv_request *r, struct slice name, bool replace)
{
	struct vfs_file *own = vfs_stream_base(r->open->file);
	struct vfs_open_args args = {.name = vfs_file_name(own, &r->arena), .disposition = VFS_OPEN, .flags = VFS_NO_FOLLOW};
	struct vfs_open_result file, there;
	ntstatus status = vfs_open(r->open->share->vfs, &args, &r->arena, &file);

	if (!nt_ok(status))
		return status;
	status = vfs_stream_open(file.file, name, VFS_OPEN, 0, &there);
	if (!nt_ok(status)) {
		vfs_file_close(file.file);
		return nt_is(status, STATUS_OBJECT_NAME_NOT_FOUND) ? STATUS_SUCCESS : status;
	}
	if (!vfs_id_equal(there.stat.id, r->open->fsa.id))
		status = replace ? fsa_may_replace(r->open->share->fsa, there.stat.id) : STATUS_OBJECT_NAME_COLLISION;
	vfs_file_close(there.file);
	return status;
}

/* 2.1.5.15.11.1: the new name begins with a colon; the unnamed stream is not there to be replaced. */
ntstatus info_stream_rename(struct srv_request *r, const struct fscc_rename *m)
{
	bool replace = (m->flags & FSCC_RENAME_REPLACE) != 0;
	struct slice path, name;
	ntstatus status;

	if (m->root_directory != 0 || m->name.len < 4 || m->name.len % 2 != 0 || utf16_at(m->name, 0) != ':' || !vfs_stream_base(r->open->file))
		return STATUS_INVALID_PARAMETER;
	status = fsa_path_check(m->name, &path, &name);
	if (!nt_ok(status) || name.len == 0)
		return STATUS_INVALID_PARAMETER;
	status = fsa_may_rename(r->open->share->fsa, r->open->fsa.id, &r->open->fsa);
	if (nt_ok(status))
		status = target_check(r, name, replace);
	if (nt_ok(status))
		status = vfs_stream_rename(r->open->file, name, replace);
	if (nt_ok(status))
		srv_changed(r->open, FSA_MODIFIED, FSA_CHANGE_STREAM_NAME);
	return status;
}

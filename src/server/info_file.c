/* QUERY_INFO of files, [MS-SMB2] 3.3.5.20.1, [MS-FSA] 2.1.5.12. One row a class: the right it needs and the function that fills
 * its structure; sizes and truncation are the same for all (info_answer). */
#include "server/info.h"
#include "server/seen.h"

#include "base/utf16.h"
#include "proto/proto.h"
#include "wire/fsctl.h"

/* What a filler works with. */
struct query {
	struct srv_request *r;
	struct srv_open *o;
	struct vfs_stat st;
	size_t name_len; /* bytes that the structure needs beyond its fixed part */
};

union any_info {
	struct fscc_basic basic;
	struct fscc_standard standard;
	struct fscc_u64 u64;
	struct fscc_u32 u32;
	struct fscc_name name;
	struct fscc_all all;
	struct fscc_pipe pipe;
	struct fscc_pipe_local pipe_local;
	struct fscc_pipe_remote pipe_remote;
	struct fscc_compression compression;
	struct fscc_network_open network_open;
	struct fscc_attribute_tag attribute_tag;
	struct fscc_id id;
};

static uint64_t data_size(const struct vfs_stat *st)
{
	return st->directory ? 0 : st->size;
}

static uint64_t data_allocation(const struct vfs_stat *st)
{
	return st->directory ? 0 : st->allocation;
}

static ntstatus fill_basic(struct query *q, union any_info *m)
{
	m->basic = (struct fscc_basic){
		.creation_time = q->st.created,
		.last_access_time = q->st.accessed,
		.last_write_time = q->st.written,
		.change_time = q->st.changed,
		.file_attributes = q->st.attributes,
	};
	return STATUS_SUCCESS;
}

/* A file that is going counts without the link that goes ([MS-FSA] 2.1.5.12.27). */
static struct fscc_standard standard_of(const struct query *q)
{
	bool pending = fsa_delete_pending(&q->o->fsa);

	return (struct fscc_standard){
		.allocation_size = data_allocation(&q->st),
		.end_of_file = data_size(&q->st),
		.number_of_links = pending && q->st.links > 0 ? q->st.links - 1 : q->st.links,
		.delete_pending = pending,
		.directory = q->st.directory,
	};
}

static ntstatus fill_standard(struct query *q, union any_info *m)
{
	m->standard = standard_of(q);
	return STATUS_SUCCESS;
}

static ntstatus fill_internal(struct query *q, union any_info *m)
{
	m->u64.value = q->st.file_id;
	return STATUS_SUCCESS;
}

static ntstatus fill_ea(struct query *q, union any_info *m)
{
	return info_eas_size(q->r, &m->u32.value);
}

static ntstatus fill_access(struct query *q, union any_info *m)
{
	m->u32.value = q->o->granted_access;
	return STATUS_SUCCESS;
}

static ntstatus fill_position(struct query *q, union any_info *m)
{
	m->u64.value = q->o->position;
	return STATUS_SUCCESS;
}

static ntstatus fill_mode(struct query *q, union any_info *m)
{
	m->u32.value = q->o->mode;
	return STATUS_SUCCESS;
}

static ntstatus fill_alignment(struct query *q, union any_info *m)
{
	(void)q;
	m->u32.value = 0;
	return STATUS_SUCCESS;
}

/* The path from the share's root, with a leading separator. */
static ntstatus rooted_name(struct query *q, struct slice *out)
{
	struct slice name = srv_open_name(q->o->file, &q->r->arena);
	uint8_t *p = arena_alloc(&q->r->arena, name.len + 2);

	if (!p || (name.len > 0 && !name.data))
		return STATUS_INSUFFICIENT_RESOURCES;
	store_le16(p, '\\');
	if (name.len > 0)
		memcpy(p + 2, name.data, name.len);
	*out = slice_of(p, name.len + 2);
	q->name_len = out->len;
	return STATUS_SUCCESS;
}

static ntstatus fill_all(struct query *q, union any_info *m)
{
	union any_info basic;
	struct slice name;
	uint32_t ea_size;
	ntstatus status = rooted_name(q, &name);

	if (nt_ok(status))
		status = fill_basic(q, &basic);
	if (nt_ok(status))
		status = info_eas_size(q->r, &ea_size);
	if (!nt_ok(status))
		return status;
	m->all = (struct fscc_all){
		.basic = basic.basic,
		.standard = standard_of(q),
		.index_number = q->st.file_id,
		.ea_size = ea_size,
		.access_flags = q->o->granted_access,
		.current_byte_offset = q->o->position,
		.mode = q->o->mode,
		.name = name,
	};
	return STATUS_SUCCESS;
}

/* [MS-FSA] 2.1.5.12.5: one that is short already is its own. Where the share makes no short names others have none. */
static ntstatus fill_alternate_name(struct query *q, union any_info *m)
{
	struct slice name = vfs_file_name(q->o->file, &q->r->arena);
	size_t from = name.len / 2;

	while (from > 0 && utf16_at(name, from - 1) != '\\')
		from--;
	name = slice_of(name.data + 2 * from, name.len - 2 * from);
	if (name.len > 0 && !vfs_name_is_short(name)) {
		uint8_t *alias = q->o->share->short_names ? arena_alloc(&q->r->arena, VFS_SHORT_NAME_BYTES) : NULL;

		if (!alias)
			return q->o->share->short_names ? STATUS_INSUFFICIENT_RESOURCES : STATUS_OBJECT_NAME_NOT_FOUND;
		name = slice_of(alias, vfs_short_name(alias, name));
	}
	m->name.name = name;
	q->name_len = name.len;
	return STATUS_SUCCESS;
}

static ntstatus fill_compression(struct query *q, union any_info *m)
{
	m->compression = (struct fscc_compression){.compressed_file_size = data_size(&q->st)};
	return STATUS_SUCCESS;
}

static ntstatus fill_network_open(struct query *q, union any_info *m)
{
	m->network_open = (struct fscc_network_open){
		.creation_time = q->st.created,
		.last_access_time = q->st.accessed,
		.last_write_time = q->st.written,
		.change_time = q->st.changed,
		.allocation_size = data_allocation(&q->st),
		.end_of_file = data_size(&q->st),
		.file_attributes = q->st.attributes,
	};
	return STATUS_SUCCESS;
}

static ntstatus fill_attribute_tag(struct query *q, union any_info *m)
{
	m->attribute_tag.file_attributes = q->st.attributes;
	m->attribute_tag.reparse_tag = q->st.symlink ? IO_REPARSE_TAG_SYMLINK : 0;
	return STATUS_SUCCESS;
}

/* [MS-SMB2] 2.2.37: with 3.1.1 only. */
static ntstatus fill_normalized_name(struct query *q, union any_info *m)
{
	if (srv_request_proto(q->r)->dialect < SMB2_DIALECT_311)
		return STATUS_NOT_SUPPORTED;
	m->name.name = srv_open_name(q->o->file, &q->r->arena);
	q->name_len = m->name.name.len;
	return STATUS_SUCCESS;
}

static ntstatus fill_id(struct query *q, union any_info *m)
{
	m->id = (struct fscc_id){.volume_serial_number = q->o->share->volume_serial};
	store_le64(m->id.file_id, q->st.file_id);
	return STATUS_SUCCESS;
}

struct class_row {
	uint8_t class;
	uint32_t access;
	ntstatus (*fill)(struct query *q, union any_info *m);
};

static const struct class_row file_rows[] = {
	{FSCC_FILE_BASIC, FILE_READ_ATTRIBUTES, fill_basic},
	{FSCC_FILE_STANDARD, 0, fill_standard},
	{FSCC_FILE_INTERNAL, 0, fill_internal},
	{FSCC_FILE_EA, 0, fill_ea},
	{FSCC_FILE_ACCESS, 0, fill_access},
	{FSCC_FILE_POSITION, 0, fill_position},
	{FSCC_FILE_MODE, 0, fill_mode},
	{FSCC_FILE_ALIGNMENT, 0, fill_alignment},
	{FSCC_FILE_ALL, FILE_READ_ATTRIBUTES, fill_all},
	{FSCC_FILE_ALTERNATE_NAME, 0, fill_alternate_name},
	{FSCC_FILE_COMPRESSION, 0, fill_compression},
	{FSCC_FILE_NETWORK_OPEN, FILE_READ_ATTRIBUTES, fill_network_open},
	{FSCC_FILE_ATTRIBUTE_TAG, FILE_READ_ATTRIBUTES, fill_attribute_tag},
	{FSCC_FILE_NORMALIZED_NAME, 0, fill_normalized_name},
	{FSCC_FILE_ID, 0, fill_id},
};

/* --- pipes --- */

static ntstatus fill_pipe_standard(struct query *q, union any_info *m)
{
	(void)q;
	m->standard = (struct fscc_standard){.allocation_size = 4096, .number_of_links = 1, .delete_pending = true};
	return STATUS_SUCCESS;
}

static ntstatus fill_pipe(struct query *q, union any_info *m)
{
	(void)q;
	m->pipe = (struct fscc_pipe){.read_mode = 1};
	return STATUS_SUCCESS;
}

/* [MS-FSCC] 2.4.29: a message pipe, both ways, connected, seen from the client's end. */
static ntstatus fill_pipe_local(struct query *q, union any_info *m)
{
	(void)q;
	m->pipe_local = (struct fscc_pipe_local){
		.type = 1, .configuration = 2, .maximum_instances = UINT32_MAX, .current_instances = 1, .inbound_quota = 4096,
		.outbound_quota = 4096, .write_quota_available = 4096, .state = 3,
	};
	return STATUS_SUCCESS;
}

static ntstatus fill_pipe_remote(struct query *q, union any_info *m)
{
	(void)q;
	m->pipe_remote = (struct fscc_pipe_remote){.maximum_collection_count = 0};
	return STATUS_SUCCESS;
}

static const struct class_row pipe_rows[] = {
	{FSCC_FILE_STANDARD, 0, fill_pipe_standard},
	{FSCC_FILE_PIPE, FILE_READ_ATTRIBUTES, fill_pipe},
	{FSCC_FILE_PIPE_LOCAL, FILE_READ_ATTRIBUTES, fill_pipe_local},
	{FSCC_FILE_PIPE_REMOTE, FILE_READ_ATTRIBUTES, fill_pipe_remote},
};

/* 3.3.5.20.1 with notes 334 and 335: classes that [MS-FSCC] knows and SMB2 does not query, and those it has never heard of. */
static ntstatus class_refused(uint8_t class)
{
	switch (class) {
	case 9: case 26: case 29: case 30: case 32: case 33: case 41: case 43: case 44: case 45: case 46: case 47: case 49:
	case 51: case 53: case 54:
		return STATUS_NOT_SUPPORTED;
	case 52:
		return STATUS_INFO_LENGTH_MISMATCH;
	default:
		return STATUS_INVALID_INFO_CLASS;
	}
}

static const struct class_row *row_of(const struct srv_open *o, uint8_t class)
{
	const struct class_row *rows = o->pipe ? pipe_rows : file_rows;
	size_t n = o->pipe ? ARRAY_LEN(pipe_rows) : ARRAY_LEN(file_rows);

	for (size_t i = 0; i < n; i++) {
		if (rows[i].class == class)
			return &rows[i];
	}
	return NULL;
}

/* A class that exists, but not for this kind of open. */
static bool class_misplaced(const struct srv_open *o, uint8_t class)
{
	bool of_pipes = class == FSCC_FILE_PIPE || class == FSCC_FILE_PIPE_LOCAL || class == FSCC_FILE_PIPE_REMOTE;

	return of_pipes || (o->pipe && fscc_file_class_of(class));
}

struct srv_result info_file_query(struct srv_request *r, const struct smb2_query_info_req *in, struct smb2_query_info_rsp *out)
{
	struct query q = {.r = r, .o = r->open};
	const struct class_row *row = row_of(q.o, in->file_info_class);
	const struct fscc_class *class = fscc_file_class_of(in->file_info_class);
	union any_info m;
	ntstatus status = STATUS_SUCCESS;

	if (!q.o->pipe)
		status = srv_seen_stat(r, &q.st);
	if (!nt_ok(status))
		return srv_reply(status);
	if (!q.o->pipe)
		srv_open_show(q.o, &q.st);
	if (in->file_info_class == FSCC_FILE_STREAM && !q.o->pipe)
		return info_streams_query(r, in, out);
	if (in->file_info_class == FSCC_FILE_FULL_EA && !q.o->pipe)
		return info_eas_query(r, in, out);
	if (!row || !class)
		return srv_reply(class_misplaced(q.o, in->file_info_class) ? STATUS_INVALID_PARAMETER : class_refused(in->file_info_class));
	if (row->access & ~q.o->granted_access)
		return srv_reply(STATUS_ACCESS_DENIED);
	memset(&m, 0, sizeof(m));
	status = row->fill(&q, &m);
	if (!nt_ok(status))
		return srv_reply(status);
	return info_answer(r, class, &m, q.name_len, in->output_buffer_length, &out->output);
}

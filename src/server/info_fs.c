/* QUERY_INFO and SET_INFO of file systems, [MS-SMB2] 3.3.5.20.2 and 3.3.5.21.2, [MS-FSA] 2.1.5.13. */
#include "server/info.h"
#include "server/object_id.h"

#include "base/utf16.h"

enum { DEVICE_DISK = 7, DEVICE_READ_ONLY = 0x2, DEVICE_IS_MOUNTED = 0x20 };
enum {
	FS_CASE_SENSITIVE_SEARCH = 0x1, FS_CASE_PRESERVED_NAMES = 0x2, FS_UNICODE_ON_DISK = 0x4, FS_NAMED_STREAMS = 0x40000, FS_READ_ONLY_VOLUME = 0x80000,
	FS_SUPPORTS_HARD_LINKS = 0x400000, FS_SUPPORTS_EXTENDED_ATTRIBUTES = 0x800000
};
enum { SECTOR_ALIGNED_DEVICE = 0x1, SECTOR_PARTITION_ALIGNED = 0x2 };

struct query {
	struct srv_request *r;
	const struct srv_share *share;
	struct vfs_volume v;
	size_t name_len;
};

union any_fs {
	struct fscc_fs_volume volume;
	struct fscc_fs_size size;
	struct fscc_fs_device device;
	struct fscc_fs_attribute attribute;
	struct fscc_fs_control control;
	struct fscc_fs_full_size full_size;
	struct fscc_fs_object_id object_id;
	struct fscc_fs_sector_size sector_size;
};

static ntstatus text(struct query *q, const char *in, struct slice *out)
{
	*out = utf16_from_utf8_arena(&q->r->arena, in);
	q->name_len = out->len;
	return out->data ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

static ntstatus fill_volume(struct query *q, union any_fs *m)
{
	m->volume.volume_creation_time = q->v.created;
	m->volume.volume_serial_number = q->share->volume_serial;
	return text(q, q->share->name, &m->volume.volume_label);
}

static uint32_t sectors_per_unit(const struct query *q)
{
	return q->v.sector_bytes == 0 || q->v.block_bytes < q->v.sector_bytes ? 1 : q->v.block_bytes / q->v.sector_bytes;
}

static uint32_t sector_bytes(const struct query *q)
{
	return sectors_per_unit(q) == 1 ? q->v.block_bytes : q->v.sector_bytes;
}

static ntstatus fill_size(struct query *q, union any_fs *m)
{
	m->size.total_allocation_units = q->v.total_bytes / q->v.block_bytes;
	m->size.available_allocation_units = q->v.available_bytes / q->v.block_bytes;
	m->size.sectors_per_allocation_unit = sectors_per_unit(q);
	m->size.bytes_per_sector = sector_bytes(q);
	return STATUS_SUCCESS;
}

static ntstatus fill_full_size(struct query *q, union any_fs *m)
{
	m->full_size.total_allocation_units = q->v.total_bytes / q->v.block_bytes;
	m->full_size.caller_available_allocation_units = q->v.available_bytes / q->v.block_bytes;
	m->full_size.actual_available_allocation_units = q->v.free_bytes / q->v.block_bytes;
	m->full_size.sectors_per_allocation_unit = sectors_per_unit(q);
	m->full_size.bytes_per_sector = sector_bytes(q);
	return STATUS_SUCCESS;
}

static bool read_only(const struct query *q)
{
	return q->v.read_only || q->share->read_only;
}

static ntstatus fill_device(struct query *q, union any_fs *m)
{
	m->device.device_type = DEVICE_DISK;
	m->device.characteristics = DEVICE_IS_MOUNTED | (read_only(q) ? DEVICE_READ_ONLY : 0);
	return STATUS_SUCCESS;
}

static ntstatus fill_attribute(struct query *q, union any_fs *m)
{
	/* A name that is there in the very case that is asked for is found before one in another, as NTFS has it. */
	m->attribute.file_system_attributes = FS_CASE_SENSITIVE_SEARCH | FS_CASE_PRESERVED_NAMES | FS_UNICODE_ON_DISK | FS_SUPPORTS_HARD_LINKS;
	if (q->v.streams && !q->share->no_streams)
		m->attribute.file_system_attributes |= FS_NAMED_STREAMS;
	if (q->v.xattrs)
		m->attribute.file_system_attributes |= FS_SUPPORTS_EXTENDED_ATTRIBUTES;
	if (read_only(q))
		m->attribute.file_system_attributes |= FS_READ_ONLY_VOLUME;
	m->attribute.maximum_component_name_length = q->v.max_component_units;
	return text(q, q->v.fs_name, &m->attribute.file_system_name);
}

/* No quotas: nothing is tracked and there is no limit. */
static ntstatus fill_control(struct query *q, union any_fs *m)
{
	(void)q;
	m->control.default_quota_threshold = UINT64_MAX;
	m->control.default_quota_limit = UINT64_MAX;
	return STATUS_SUCCESS;
}

static ntstatus fill_object_id(struct query *q, union any_fs *m)
{
	srv_volume_id(q->share, &q->v, (uint8_t *)&m->object_id.object_id);
	return STATUS_SUCCESS;
}

static ntstatus fill_sector_size(struct query *q, union any_fs *m)
{
	uint32_t logical = sector_bytes(q), physical = q->v.block_bytes;

	m->sector_size = (struct fscc_fs_sector_size){
		.logical_bytes_per_sector = logical,
		.physical_bytes_for_atomicity = physical,
		.physical_bytes_for_performance = physical,
		.effective_bytes_for_atomicity = physical,
		.flags = SECTOR_ALIGNED_DEVICE | SECTOR_PARTITION_ALIGNED,
	};
	return STATUS_SUCCESS;
}

static const struct class_row {
	uint8_t class;
	ntstatus (*fill)(struct query *q, union any_fs *m);
} rows[] = {
	{FSCC_FS_VOLUME, fill_volume},
	{FSCC_FS_SIZE, fill_size},
	{FSCC_FS_DEVICE, fill_device},
	{FSCC_FS_ATTRIBUTE, fill_attribute},
	{FSCC_FS_CONTROL, fill_control},
	{FSCC_FS_FULL_SIZE, fill_full_size},
	{FSCC_FS_OBJECT_ID, fill_object_id},
	{FSCC_FS_SECTOR_SIZE, fill_sector_size},
};

/* 3.3.5.20.2: FileFsLabelInformation and FileFsDriverPathInformation exist and are not queried over SMB2. */
static ntstatus class_refused(uint8_t class)
{
	return class == FSCC_FS_LABEL || class == 9 ? STATUS_NOT_SUPPORTED : STATUS_INVALID_INFO_CLASS;
}

struct srv_result info_fs_query(struct srv_request *r, const struct smb2_query_info_req *in, struct smb2_query_info_rsp *out)
{
	struct query q = {.r = r, .share = r->open->share};
	const struct fscc_class *class = fscc_fs_class_of(in->file_info_class);
	union any_fs m;
	ntstatus status;

	for (size_t i = 0; class && i < ARRAY_LEN(rows); i++) {
		if (rows[i].class != in->file_info_class)
			continue;
		if (!q.share->vfs)
			return srv_reply(STATUS_INVALID_PARAMETER);
		memset(&m, 0, sizeof(m));
		status = vfs_volume_query(q.share->vfs, &q.v);
		if (nt_ok(status) && q.v.block_bytes == 0)
			q.v.block_bytes = 4096;
		if (nt_ok(status))
			status = rows[i].fill(&q, &m);
		if (!nt_ok(status))
			return srv_reply(status);
		return info_answer(r, class, &m, q.name_len, in->output_buffer_length, &out->output);
	}
	return srv_reply(class_refused(in->file_info_class));
}

/* [MS-SMB2] 3.3.5.21.2 with notes 339 and 345: volumes are not changed over the network. */
ntstatus info_fs_set(struct srv_request *r, const struct smb2_set_info_req *in)
{
	(void)r;
	switch (in->file_info_class) {
	case FSCC_FS_CONTROL:
	case FSCC_FS_OBJECT_ID:
		return STATUS_ACCESS_DENIED;
	case FSCC_FS_LABEL:
		return STATUS_NOT_SUPPORTED;
	default:
		return STATUS_INVALID_INFO_CLASS;
	}
}

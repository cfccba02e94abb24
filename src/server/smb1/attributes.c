/* QUERY_INFORMATION, SET_INFORMATION, the same of a FID (2), QUERY_INFORMATION_DISK: [MS-CIFS] 3.3.5.11, 3.3.5.12, 3.3.5.28, 3.3.5.29, 3.3.5.46. Times are in DOS's ways, in
 * UTC, as NEGOTIATE says. */
#include "server/smb1/opening.h"

enum { ROOM = 256 };

/* The structure of a class as its QUERY_INFO gave it. false: it did not. */
static bool decode(struct srv1_op *op, const struct fscc_class *class, void *m)
{
	struct wire w = wire_decoder(op->r->payload.data, 0, op->r->payload.len, &op->arena);

	if (!nt_ok(op->result.status) || !op->r->payload.data)
		return false;
	class->code(&w, m);
	return wire_ok(&w);
}

static bool ask(struct srv1_op *op, uint8_t class)
{
	return srv1_query_info(op, op->open, INFO_FILE, class, ROOM) != NULL;
}

static ntstatus failed(const struct srv1_op *op)
{
	return nt_ok(op->result.status) ? STATUS_INTERNAL_ERROR : op->result.status;
}

/* [MS-CIFS] 3.3.5.11 */
enum srv1_next srv1_query_information(struct srv1_op *op)
{
	const struct smb1_name_req *in = op->in;
	struct smb1_query_information_rsp *out = op->out;
	struct fscc_network_open m = {0};
	struct slice path;
	ntstatus status;

	switch (op->phase) {
	case 0:
		status = srv1_path(op, in->name, &path);
		if (!nt_ok(status))
			return srv1_done(op, status);
		return srv1_open_path(op, path, FILE_READ_ATTRIBUTES, 0) ? SRV1_CALL : srv1_no_memory(op);
	case 1:
		if (!nt_ok(op->result.status))
			return srv1_done(op, op->result.status);
		srv1_opened(op);
		return op->open && ask(op, FSCC_FILE_NETWORK_OPEN) ? SRV1_CALL : srv1_no_memory(op);
	default:
		if (!decode(op, fscc_file_class_of(FSCC_FILE_NETWORK_OPEN), &m))
			return srv1_close_with(op, failed(op));
		out->file_attributes = srv1_dos_attributes(m.file_attributes);
		out->last_write_time = utime_from_filetime(m.last_write_time, 0);
		out->file_size = srv1_size32(m.end_of_file);
		return srv1_close_with(op, STATUS_SUCCESS);
	}
}

static bool ask_set(struct srv1_op *op, const struct fscc_basic *basic)
{
	struct fscc_basic copy = *basic;
	uint8_t *p = arena_alloc(&op->arena, 40);
	struct wire w = wire_encoder(p, 0, p ? 40 : 0);

	if (!p)
		return false;
	fscc_basic_code(&w, &copy);
	return wire_ok(&w) && srv1_set_info(op, op->open, INFO_FILE, FSCC_FILE_BASIC, slice_of(p, w.pos)) != NULL;
}

/* [MS-CIFS] 3.3.5.12: a file cannot be made a directory by saying so. */
enum srv1_next srv1_set_information(struct srv1_op *op)
{
	const struct smb1_set_information_req *in = op->in;
	struct fscc_basic basic = {0};
	uint32_t attributes;
	struct slice path;
	ntstatus status;

	switch (op->phase) {
	case 0:
		status = srv1_path(op, in->file_name, &path);
		if (!nt_ok(status))
			return srv1_done(op, status);
		return srv1_open_path(op, path, FILE_WRITE_ATTRIBUTES | FILE_READ_ATTRIBUTES, 0) ? SRV1_CALL : srv1_no_memory(op);
	case 1:
		if (!nt_ok(op->result.status))
			return srv1_done(op, op->result.status);
		srv1_opened(op);
		if (!op->open)
			return srv1_done(op, STATUS_FILE_CLOSED);
		if ((in->file_attributes & FILE_ATTRIBUTE_DIRECTORY) && !op->open->directory)
			return srv1_close_with(op, STATUS_ACCESS_DENIED);
		attributes = srv1_settable_attributes(in->file_attributes);
		basic.file_attributes = attributes != 0 ? attributes : FILE_ATTRIBUTE_NORMAL;
		basic.last_write_time = utime_to_filetime(in->last_write_time, 0);
		return ask_set(op, &basic) ? SRV1_CALL : srv1_close_with(op, STATUS_INSUFFICIENT_RESOURCES);
	default:
		return srv1_close_with(op, op->result.status);
	}
}

/* [MS-CIFS] 3.3.5.28 */
enum srv1_next srv1_set_information2(struct srv1_op *op)
{
	const struct smb1_set_information2_req *in = op->in;
	struct fscc_basic basic = {
		.creation_time = dos_time_to_filetime(in->creation, 0),
		.last_access_time = dos_time_to_filetime(in->last_access, 0),
		.last_write_time = dos_time_to_filetime(in->last_write, 0),
	};
	ntstatus status;

	if (op->phase > 0)
		return srv1_done(op, op->result.status);
	status = srv1_file_find(op, in->fid);
	if (!nt_ok(status))
		return srv1_done(op, status);
	return ask_set(op, &basic) ? SRV1_CALL : srv1_no_memory(op);
}

/* [MS-CIFS] 3.3.5.29 */
enum srv1_next srv1_query_information2(struct srv1_op *op)
{
	const struct smb1_fid *in = op->in;
	struct smb1_query_information2_rsp *out = op->out;
	struct fscc_network_open m = {0};
	ntstatus status;

	if (op->phase == 0) {
		status = srv1_file_find(op, in->fid);
		if (!nt_ok(status))
			return srv1_done(op, status);
		return ask(op, FSCC_FILE_NETWORK_OPEN) ? SRV1_CALL : srv1_no_memory(op);
	}
	if (!decode(op, fscc_file_class_of(FSCC_FILE_NETWORK_OPEN), &m))
		return srv1_done(op, failed(op));
	out->creation = dos_time_from_filetime(m.creation_time, 0);
	out->last_access = dos_time_from_filetime(m.last_access_time, 0);
	out->last_write = dos_time_from_filetime(m.last_write_time, 0);
	out->file_data_size = srv1_size32(m.end_of_file);
	out->file_allocation_size = srv1_size32(m.allocation_size);
	out->file_attributes = srv1_dos_attributes(m.file_attributes);
	return srv1_done(op, STATUS_SUCCESS);
}

/* 2.2.4.57.2: 16 bits for each: units grow until the volume fits, and what is larger still is as large as can be said. */
static void disk_fill(struct smb1_query_information_disk_rsp *out, const struct fscc_fs_size *m)
{
	uint64_t sectors = m->sectors_per_allocation_unit, total = m->total_allocation_units, available = m->available_allocation_units;

	while (total > UINT16_MAX && sectors < 0x4000) {
		total /= 2;
		available /= 2;
		sectors *= 2;
	}
	out->total_units = total > UINT16_MAX ? UINT16_MAX : (uint16_t)total;
	out->free_units = available > UINT16_MAX ? UINT16_MAX : (uint16_t)available;
	out->blocks_per_unit = (uint16_t)sectors;
	out->block_size = (uint16_t)m->bytes_per_sector;
}

/* [MS-CIFS] 3.3.5.46 */
enum srv1_next srv1_query_information_disk(struct srv1_op *op)
{
	struct fscc_fs_size m = {0};

	switch (op->phase) {
	case 0:
		return srv1_open_path(op, slice_of("", 0), FILE_READ_ATTRIBUTES, OPTION_DIRECTORY_FILE) ? SRV1_CALL : srv1_no_memory(op);
	case 1:
		if (!nt_ok(op->result.status))
			return srv1_done(op, op->result.status);
		srv1_opened(op);
		return op->open && srv1_query_info(op, op->open, INFO_FILESYSTEM, FSCC_FS_SIZE, ROOM) ? SRV1_CALL : srv1_no_memory(op);
	default:
		if (!decode(op, fscc_fs_class_of(FSCC_FS_SIZE), &m))
			return srv1_close_with(op, failed(op));
		disk_fill(op->out, &m);
		return srv1_close_with(op, STATUS_SUCCESS);
	}
}

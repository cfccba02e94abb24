/* QUERY and SET of information about paths, files and file systems: [MS-CIFS] 2.2.6.4 to 2.2.6.9, 2.2.8, 3.3.5.37, [MS-SMB] 2.2.2.3.5 (pass-through). A level is a class of
 * [MS-FSCC], which QUERY_INFO and SET_INFO know, or is made of some of these. */
#include "server/smb1/opening.h"
#include "server/smb1/transact.h"

#include "base/utf16.h"

enum { CLASS_ROOM = 4096, OLD_ROOM = 1024 };

/* --- queries --- */

struct query {
	uint16_t level;
	bool by_path;
	uint8_t class;               /* what is asked for */
	bool opened;
};

/* The class that a level is, or is made of. 0: there is none. */
static uint8_t class_of_query(uint16_t level)
{
	switch (level) {
	case SMB1_INFO_STANDARD:
	case SMB1_INFO_QUERY_EA_SIZE:
	case SMB1_QUERY_FILE_ALL_INFO:
	case SMB1_QUERY_FILE_NAME_INFO: /* which SMB2 has not by itself */
		return FSCC_FILE_ALL;
	case SMB1_INFO_QUERY_EAS_FROM_LIST:
	case SMB1_INFO_QUERY_ALL_EAS:
		return FSCC_FILE_FULL_EA;
	case SMB1_QUERY_FILE_BASIC_INFO:
		return FSCC_FILE_BASIC;
	default:
		return smb1_query_class_of(level);
	}
}

/* Names that an SMB_GEA_LIST asks for, as QUERY_INFO wants them. false: malformed, or no memory. */
static bool names_wanted(struct srv1_op *op, struct slice *input)
{
	struct slice list = srv1_t(op)->data, name;
	size_t cap = 2 * list.len + 16;
	struct fscc_list l = {.out = arena_alloc(&op->arena, cap), .cap = cap};
	bool bad;

	if (!l.out || !smb1_ea_list_open(&list))
		return false;
	while (smb1_gea_next(&list, &name, &bad)) {
		if (!fscc_get_ea_put(&l, name))
			return false;
	}
	*input = slice_of(l.out, l.len);
	return !bad;
}

static enum srv1_next query_ask(struct srv1_op *op, struct query *q)
{
	uint32_t most = srv1_t(op)->max_data, room = q->class == FSCC_FILE_FULL_EA || q->class == FSCC_FILE_STREAM ? SRV1_MOST_IO / 2 : CLASS_ROOM;
	struct smb2_query_info_req *in;

	/* What is passed through has the room that the client has. */
	if (q->level > SMB1_PASSTHROUGH)
		room = most < SRV1_MOST_IO ? most : SRV1_MOST_IO;
	in = srv1_query_info(op, op->open, INFO_FILE, q->class, room);
	if (!in)
		return srv1_no_memory(op);
	if (q->level == SMB1_INFO_QUERY_EAS_FROM_LIST && !names_wanted(op, &in->input))
		return srv1_done(op, STATUS_INVALID_PARAMETER);
	return SRV1_CALL;
}

/* --- answers that are not the class itself --- */

static bool decode_all(struct srv1_op *op, struct fscc_all *m)
{
	struct wire w = wire_decoder(op->r->payload.data, 0, op->r->payload.len, &op->arena);

	fscc_all_code(&w, m);
	return wire_ok(&w);
}

static bool put_standard(struct srv1_op *op, bool with_eas, struct wire *w)
{
	struct fscc_all all = {0};
	struct smb1_info_standard m;

	if (!decode_all(op, &all))
		return false;
	m = (struct smb1_info_standard){
		.creation = dos_time_from_filetime(all.basic.creation_time, 0),
		.last_access = dos_time_from_filetime(all.basic.last_access_time, 0),
		.last_write = dos_time_from_filetime(all.basic.last_write_time, 0),
		.file_data_size = srv1_size32(all.standard.end_of_file),
		.allocation_size = srv1_size32(all.standard.allocation_size),
		.attributes = srv1_dos_attributes(all.basic.file_attributes),
		.ea_size = all.ea_size,
	};
	if (with_eas)
		smb1_info_ea_size_code(w, &m);
	else
		smb1_info_standard_code(w, &m);
	return wire_ok(w);
}

static bool put_all(struct srv1_op *op, struct wire *w)
{
	struct fscc_all all = {0};
	struct smb1_all_info m;

	if (!decode_all(op, &all))
		return false;
	m = (struct smb1_all_info){
		.creation_time = all.basic.creation_time, .last_access_time = all.basic.last_access_time,
		.last_write_time = all.basic.last_write_time, .last_change_time = all.basic.change_time,
		.ext_file_attributes = all.basic.file_attributes, .allocation_size = all.standard.allocation_size,
		.end_of_file = all.standard.end_of_file, .number_of_links = all.standard.number_of_links,
		.delete_pending = all.standard.delete_pending, .directory = all.standard.directory, .ea_size = all.ea_size, .file_name = all.name,
	};
	smb1_all_info_code(w, &m);
	return wire_ok(w);
}

static bool put_name(struct srv1_op *op, struct wire *w)
{
	struct fscc_all all = {0};
	struct fscc_name m;

	if (!decode_all(op, &all))
		return false;
	m.name = all.name;
	fscc_name_code(w, &m);
	return wire_ok(w);
}

static bool put_eas(struct srv1_op *op, struct wire *w)
{
	struct slice list = slice_of(op->r->payload.data, op->r->payload.len);
	struct fscc_ea e;
	bool bad = false;

	smb1_ea_list_begin(w);
	while (list.len > 0 && fscc_ea_next(&list, &e, &bad))
		smb1_fea_put(w, &(struct smb1_fea){.flags = e.flags, .name = e.name, .value = e.value});
	return wire_ok(w) && !bad;
}

static bool put_level(struct srv1_op *op, const struct query *q, struct wire *w)
{
	switch (q->level) {
	case SMB1_INFO_STANDARD:
		return put_standard(op, false, w);
	case SMB1_INFO_QUERY_EA_SIZE:
		return put_standard(op, true, w);
	case SMB1_QUERY_FILE_ALL_INFO:
		return put_all(op, w);
	case SMB1_QUERY_FILE_NAME_INFO:
		return put_name(op, w);
	default:
		return put_eas(op, w);
	}
}

static bool is_made(const struct query *q)
{
	return q->class == FSCC_FILE_FULL_EA ? q->level < SMB1_PASSTHROUGH : q->level <= SMB1_INFO_QUERY_ALL_EAS || q->level == SMB1_QUERY_FILE_ALL_INFO ||
		q->level == SMB1_QUERY_FILE_NAME_INFO;
}

static ntstatus query_answer(struct srv1_op *op, const struct query *q)
{
	ntstatus status = op->result.status;
	struct smb1_ea_error parameters = {0};
	size_t cap;
	struct wire w;
	uint8_t *p;

	/* A file without EAs has a list without entries. */
	if (q->class == FSCC_FILE_FULL_EA && q->level < SMB1_PASSTHROUGH && nt_is(status, STATUS_NO_EAS_ON_FILE)) {
		op->r->payload.len = 0;
		status = STATUS_SUCCESS;
	}
	op->with_body = nt_is(status, STATUS_BUFFER_OVERFLOW) && !is_made(q);
	if (!nt_ok(status) && !op->with_body)
		return status;
	if (!SRV1_PARAMETERS_OUT(op, ea_error, &parameters))
		return STATUS_INSUFFICIENT_RESOURCES;
	if (!is_made(q)) {
		srv1_t(op)->out_data = slice_of(op->r->payload.data, op->r->payload.len);
		return status;
	}
	cap = OLD_ROOM + 2 * op->r->payload.len;
	p = arena_alloc(&op->arena, cap);
	w = smb1_part_encoder(p, p ? cap : 0, true);
	if (!p || !put_level(op, q, &w))
		return STATUS_INSUFFICIENT_RESOURCES;
	srv1_t(op)->out_data = slice_of(p, w.pos);
	return STATUS_SUCCESS;
}

static struct query *query_new(struct srv1_op *op, uint16_t level, bool by_path, ntstatus *status)
{
	struct query *q = srv1_t(op)->state = arena_zalloc(&op->arena, sizeof(*q));

	*status = STATUS_INSUFFICIENT_RESOURCES;
	if (!q)
		return NULL;
	q->level = level;
	q->by_path = by_path;
	q->class = class_of_query(level);
	*status = q->class != 0 || (by_path && level == SMB1_INFO_IS_NAME_VALID) ? STATUS_SUCCESS : STATUS_INVALID_LEVEL;
	return q;
}

/* [MS-CIFS] 2.2.6.6, 2.2.8.3 */
enum srv1_next srv1_query_path(struct srv1_op *op)
{
	struct query *q = srv1_t(op)->state;
	struct smb1_path_info in = {0};
	struct slice path;
	ntstatus status;

	if (!q) {
		if (!SRV1_PARAMETERS(op, path_info, &in))
			return srv1_done(op, STATUS_INVALID_PARAMETER);
		q = query_new(op, in.information_level, true, &status);
		if (nt_ok(status))
			status = srv1_path(op, in.file_name, &path);
		if (!nt_ok(status))
			return srv1_done(op, status);
		return srv1_open_path(op, path, FILE_READ_ATTRIBUTES | (q->class == FSCC_FILE_FULL_EA ? FILE_READ_EA : 0u), 0) ? SRV1_CALL : srv1_no_memory(op);
	}
	if (!q->opened) {
		/* That the name is valid shows by whether it can be looked for. */
		if (q->level == SMB1_INFO_IS_NAME_VALID && (nt_ok(op->result.status) || nt_is(op->result.status, STATUS_OBJECT_NAME_NOT_FOUND)))
			return srv1_done(op, STATUS_SUCCESS);
		if (!nt_ok(op->result.status))
			return srv1_done(op, op->result.status);
		srv1_opened(op);
		q->opened = true;
		return op->open ? query_ask(op, q) : srv1_done(op, STATUS_FILE_CLOSED);
	}
	return srv1_close_with(op, query_answer(op, q));
}

/* [MS-CIFS] 2.2.6.8 */
enum srv1_next srv1_query_file(struct srv1_op *op)
{
	struct query *q = srv1_t(op)->state;
	struct smb1_file_info in = {0};
	ntstatus status;

	if (q)
		return srv1_done(op, query_answer(op, q));
	if (!SRV1_PARAMETERS(op, file_info, &in))
		return srv1_done(op, STATUS_INVALID_PARAMETER);
	status = srv1_file_find(op, in.fid);
	if (nt_ok(status))
		q = query_new(op, in.information_level, false, &status);
	return nt_ok(status) ? query_ask(op, q) : srv1_done(op, status);
}

/* --- file systems --- */

struct fs_query {
	uint16_t level;
	bool asked, sized;
};

static uint8_t fs_class(uint16_t level)
{
	switch (level) {
	case SMB1_FS_INFO_ALLOCATION:
		return FSCC_FS_SIZE;
	case SMB1_FS_INFO_VOLUME:
		return FSCC_FS_VOLUME;
	default:
		return smb1_fs_class_of(level);
	}
}

static bool put_fs(struct srv1_op *op, uint16_t level, struct wire *w)
{
	struct wire d = wire_decoder(op->r->payload.data, 0, op->r->payload.len, &op->arena);

	if (level == SMB1_FS_INFO_ALLOCATION) {
		struct fscc_fs_size size = {0};
		struct smb1_fs_allocation m;

		fscc_fs_size_code(&d, &size);
		m = (struct smb1_fs_allocation){
			.sectors_per_unit = size.sectors_per_allocation_unit,
			.units = srv1_size32(size.total_allocation_units),
			.units_available = srv1_size32(size.available_allocation_units),
			.bytes_per_sector = (uint16_t)size.bytes_per_sector,
		};
		smb1_fs_allocation_code(w, &m);
	} else {
		struct fscc_fs_volume volume = {0};
		struct smb1_fs_volume m;

		fscc_fs_volume_code(&d, &volume);
		m = (struct smb1_fs_volume){.serial_number = volume.volume_serial_number, .volume_label = srv1_text_out(op, volume.volume_label)};
		smb1_fs_volume_code(w, &m);
	}
	return wire_ok(&d) && wire_ok(w);
}

static ntstatus fs_answer(struct srv1_op *op, uint16_t level)
{
	uint8_t *p;
	struct wire w;

	if (!nt_ok(op->result.status) && !nt_is(op->result.status, STATUS_BUFFER_OVERFLOW))
		return op->result.status;
	if (level != SMB1_FS_INFO_ALLOCATION && level != SMB1_FS_INFO_VOLUME) {
		srv1_t(op)->out_data = slice_of(op->r->payload.data, op->r->payload.len);
		return STATUS_SUCCESS;
	}
	p = arena_alloc(&op->arena, OLD_ROOM);
	w = smb1_part_encoder(p, p ? OLD_ROOM : 0, srv1_unicode(op));
	if (!p || !put_fs(op, level, &w))
		return STATUS_INSUFFICIENT_RESOURCES;
	srv1_t(op)->out_data = slice_of(p, w.pos);
	return STATUS_SUCCESS;
}

/* [MS-CIFS] 2.2.6.4, 2.2.8.2: asked through the root of the share. */
enum srv1_next srv1_query_fs(struct srv1_op *op)
{
	struct fs_query *q = srv1_t(op)->state;
	struct smb1_fs_info in = {0};

	if (!q) {
		if (!SRV1_PARAMETERS(op, fs_info, &in))
			return srv1_done(op, STATUS_INVALID_PARAMETER);
		if (fs_class(in.information_level) == 0)
			return srv1_done(op, STATUS_INVALID_LEVEL);
		q = srv1_t(op)->state = arena_zalloc(&op->arena, sizeof(*q));
		if (!q)
			return srv1_no_memory(op);
		q->level = in.information_level;
		return srv1_open_path(op, slice_of("", 0), FILE_READ_ATTRIBUTES, OPTION_DIRECTORY_FILE) ? SRV1_CALL : srv1_no_memory(op);
	}
	if (q->asked)
		return srv1_close_with(op, fs_answer(op, q->level));
	if (!nt_ok(op->result.status))
		return srv1_done(op, op->result.status);
	srv1_opened(op);
	q->asked = true;
	return op->open && srv1_query_info(op, op->open, INFO_FILESYSTEM, fs_class(q->level), CLASS_ROOM) ? SRV1_CALL : srv1_no_memory(op);
}

/* --- setting --- */

struct set {
	uint16_t level;
	uint8_t class;
	bool opened;
};

static uint8_t class_of_set(uint16_t level)
{
	switch (level) {
	case SMB1_SET_INFO_STANDARD:
		return FSCC_FILE_BASIC;
	case SMB1_SET_INFO_EAS:
		return FSCC_FILE_FULL_EA;
	case SMB1_PASSTHROUGH + FSCC_FILE_RENAME:
		return FSCC_FILE_RENAME;
	case SMB1_PASSTHROUGH + FSCC_FILE_LINK:
		return FSCC_FILE_LINK;
	default:
		return smb1_set_class_of(level);
	}
}

/* The right that a path has to be opened with. */
static uint32_t access_of_set(uint8_t class)
{
	switch (class) {
	case FSCC_FILE_DISPOSITION:
	case FSCC_FILE_DISPOSITION_EX:
	case FSCC_FILE_RENAME:
	case FSCC_FILE_RENAME_EX:
		return ACCESS_DELETE;
	case FSCC_FILE_ALLOCATION:
	case FSCC_FILE_END_OF_FILE:
	case FSCC_FILE_VALID_DATA_LENGTH:
		return FILE_WRITE_DATA;
	case FSCC_FILE_FULL_EA:
		return FILE_WRITE_EA;
	default:
		return FILE_WRITE_ATTRIBUTES;
	}
}

static ntstatus set_standard(struct srv1_op *op, struct slice *data)
{
	struct wire d = smb1_part_decoder(srv1_t(op)->data, srv1_unicode(op), &op->arena);
	struct smb1_info_standard m = {0};
	struct fscc_basic basic;
	uint8_t *p = arena_alloc(&op->arena, 40);
	struct wire w = wire_encoder(p, 0, p ? 40 : 0);

	smb1_set_info_standard_code(&d, &m);
	if (!wire_ok(&d))
		return STATUS_INVALID_PARAMETER;
	basic = (struct fscc_basic){
		.creation_time = dos_time_to_filetime(m.creation, 0),
		.last_access_time = dos_time_to_filetime(m.last_access, 0),
		.last_write_time = dos_time_to_filetime(m.last_write, 0),
	};
	fscc_basic_code(&w, &basic);
	*data = slice_of(p, w.pos);
	return p ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

/* [MS-SMB] 2.2.8.4: a name without separators, in the directory where the file is. */
static ntstatus set_rename(struct srv1_op *op, struct slice *data)
{
	struct wire d = smb1_part_decoder(srv1_t(op)->data, true, &op->arena);
	struct smb1_rename_info m = {0};
	struct slice dir, name;
	struct fscc_rename r;
	struct wire w;
	uint8_t *p;

	smb1_rename_info_code(&d, &m);
	if (!wire_ok(&d))
		return STATUS_INVALID_PARAMETER;
	if (m.root_directory != 0 || !op->open->file)
		return STATUS_INVALID_PARAMETER;
	for (size_t i = 0; i < m.file_name.len / 2; i++) {
		if (utf16_at(m.file_name, i) == '\\')
			return STATUS_NOT_SUPPORTED;
	}
	srv1_path_split(vfs_file_name(op->open->file, &op->arena), &dir, &name);
	/* A name with a colon in front is one of the file's streams. */
	r = (struct fscc_rename){.flags = m.replace_if_exists,
		.name = m.file_name.len > 0 && utf16_at(m.file_name, 0) == ':' ? m.file_name : srv1_path_join(op, dir, m.file_name)};
	p = arena_alloc(&op->arena, 32 + r.name.len);
	w = wire_encoder(p, 0, p ? 32 + r.name.len : 0);
	if (!p || !r.name.data)
		return STATUS_INSUFFICIENT_RESOURCES;
	fscc_rename_code(&w, &r);
	*data = slice_of(p, w.pos);
	return w.error;
}

static enum srv1_next set_ask(struct srv1_op *op, const struct set *s)
{
	struct slice data = srv1_t(op)->data;
	ntstatus status = STATUS_SUCCESS;

	if (s->level == SMB1_SET_INFO_STANDARD)
		status = set_standard(op, &data);
	else if (s->level == SMB1_SET_INFO_EAS)
		status = srv1_ea_list(op, &data);
	else if (s->class == FSCC_FILE_RENAME || s->class == FSCC_FILE_LINK)
		status = set_rename(op, &data);
	if (!nt_ok(status))
		return srv1_done(op, status);
	return srv1_set_info(op, op->open, INFO_FILE, s->class, data) ? SRV1_CALL : srv1_no_memory(op);
}

static ntstatus set_answer(struct srv1_op *op)
{
	struct smb1_ea_error parameters = {0};

	if (!nt_ok(op->result.status))
		return op->result.status;
	return SRV1_PARAMETERS_OUT(op, ea_error, &parameters) ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

static struct set *set_new(struct srv1_op *op, uint16_t level, ntstatus *status)
{
	struct set *s = srv1_t(op)->state = arena_zalloc(&op->arena, sizeof(*s));

	*status = STATUS_INSUFFICIENT_RESOURCES;
	if (!s)
		return NULL;
	s->level = level;
	s->class = class_of_set(level);
	*status = s->class != 0 ? STATUS_SUCCESS : STATUS_INVALID_LEVEL;
	return s;
}

/* [MS-CIFS] 2.2.6.7, 2.2.8.4 */
enum srv1_next srv1_set_path(struct srv1_op *op)
{
	struct set *s = srv1_t(op)->state;
	struct smb1_path_info in = {0};
	struct slice path;
	ntstatus status;

	if (!s) {
		if (!SRV1_PARAMETERS(op, path_info, &in))
			return srv1_done(op, STATUS_INVALID_PARAMETER);
		s = set_new(op, in.information_level, &status);
		if (nt_ok(status))
			status = srv1_path(op, in.file_name, &path);
		if (!nt_ok(status))
			return srv1_done(op, status);
		return srv1_open_path(op, path, FILE_READ_ATTRIBUTES | access_of_set(s->class), 0) ? SRV1_CALL : srv1_no_memory(op);
	}
	if (s->opened)
		return srv1_close_with(op, set_answer(op));
	if (!nt_ok(op->result.status))
		return srv1_done(op, op->result.status);
	srv1_opened(op);
	s->opened = true;
	return op->open ? set_ask(op, s) : srv1_done(op, STATUS_FILE_CLOSED);
}

static bool sets_size(uint16_t level)
{
	return level == SMB1_SET_FILE_ALLOCATION_INFO || level == SMB1_SET_FILE_END_OF_FILE_INFO || level == SMB1_PASSTHROUGH + FSCC_FILE_ALLOCATION ||
		level == SMB1_PASSTHROUGH + FSCC_FILE_END_OF_FILE;
}

/* [MS-CIFS] 2.2.6.9 */
enum srv1_next srv1_set_file(struct srv1_op *op)
{
	struct set *s = srv1_t(op)->state;
	struct smb1_set_file_info in = {0};
	ntstatus status;

	if (s)
		return srv1_done(op, set_answer(op));
	if (!SRV1_PARAMETERS(op, set_file_info, &in))
		return srv1_done(op, STATUS_INVALID_PARAMETER);
	status = srv1_file_find(op, in.fid);
	/* The one thing that needs the right to write data. */
	if (nt_ok(status) && (op->file.denied & FILE_WRITE_DATA) && sets_size(in.information_level))
		status = STATUS_ACCESS_DENIED;
	if (nt_ok(status))
		s = set_new(op, in.information_level, &status);
	return nt_ok(status) ? set_ask(op, s) : srv1_done(op, status);
}

/* [MS-CIFS] 2.2.6.14 */
enum srv1_next srv1_trans2_mkdir(struct srv1_op *op)
{
	struct smb1_trans2_create_directory in = {0};
	struct smb1_ea_error parameters = {0};
	struct smb2_create_req *c;
	struct slice path;
	ntstatus status;

	if (op->phase > 0) {
		if (nt_ok(op->result.status))
			srv1_opened(op);
		return srv1_close_with(op, nt_ok(op->result.status) && !SRV1_PARAMETERS_OUT(op, ea_error, &parameters) ? STATUS_INSUFFICIENT_RESOURCES
			: op->result.status);
	}
	if (!SRV1_PARAMETERS(op, trans2_create_directory, &in))
		return srv1_done(op, STATUS_INVALID_PARAMETER);
	status = srv1_path(op, in.directory_name, &path);
	if (!nt_ok(status))
		return srv1_done(op, status);
	c = srv1_open_path(op, path, FILE_READ_ATTRIBUTES, OPTION_DIRECTORY_FILE);
	if (!c)
		return srv1_no_memory(op);
	c->create_disposition = CREATE_CREATE;
	status = srv1_take_eas(op, c);
	return nt_ok(status) ? SRV1_CALL : srv1_done(op, status);
}

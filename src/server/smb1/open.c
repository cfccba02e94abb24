/* Opening and closing: [MS-CIFS] 3.3.5.5 to 3.3.5.7, 3.3.5.17, 3.3.5.18, 3.3.5.34, 3.3.5.50, [MS-SMB] 2.2.4.1, 2.2.4.9. Every way to open a file is a CREATE of
 * SMB2's. What DOS says of access and of sharing is translated by 2.2.4.3.1 and 2.2.4.41.1. */
#include "server/smb1/opening.h"

#include "base/random.h"
#include "base/utf16.h"
#include "wire/smb2.h"

#include <stdatomic.h>
#include <stdio.h>

enum { ACCESS_READ, ACCESS_WRITE, ACCESS_READ_WRITE, ACCESS_EXECUTE, ACCESS_MASK = 7 };
enum { SHARE_COMPATIBLE, SHARE_DENY_ALL, SHARE_DENY_WRITE, SHARE_DENY_READ, SHARE_DENY_NONE, SHARE_SHIFT = 4, SHARE_MASK = 7 };
enum { MODE_FCB = 0xFF, MODE_WRITE_THROUGH = 0x4000 };
enum { OPEN_FAIL, OPEN_EXISTING, OPEN_TRUNCATE, OPEN_MASK = 3, OPEN_CREATES = 0x10 };
enum { RESULT_OPENED = 1, RESULT_CREATED = 2, RESULT_TRUNCATED = 3, RESULT_OPLOCK = 0x8000 };
enum { SET_INFO_BUFFER_OFFSET = 0x60, STANDARD_RIGHTS = 0x1F0000 };
enum { TYPE_FILE = 0, TYPE_MESSAGE_PIPE = 2, PIPE_STATUS = 0x05FF, FILE_STATUS = 7 };

uint8_t srv1_oplock_level(const struct srv1_op *op, uint8_t level)
{
	switch (level) {
	case FSA_OPLOCK_EXCLUSIVE:
		return 1;
	case FSA_OPLOCK_BATCH:
		return 2;
	case FSA_OPLOCK_II:
		return atomic_load(&op->smb1->capabilities) & SMB1_CAP_LEVEL_II_OPLOCKS ? 3 : 0;
	default:
		return 0;
	}
}

/* --- the CREATE --- */

/* "\PIPE\srvsvc" and "srvsvc" are the same pipe. */
static struct slice pipe_name(struct slice path)
{
	static const char prefix[] = "PIPE\\";

	if (path.len < 2 * (sizeof(prefix) - 1))
		return path;
	for (size_t i = 0; i < sizeof(prefix) - 1; i++) {
		if (utf16_upcase(utf16_at(path, i)) != (uint16_t)prefix[i])
			return path;
	}
	return slice_of(path.data + 2 * (sizeof(prefix) - 1), path.len - 2 * (sizeof(prefix) - 1));
}

struct smb2_create_req *srv1_create_call(struct srv1_op *op, struct slice raw, ntstatus *status)
{
	struct smb2_create_req *in;
	struct slice path;

	*status = srv1_path(op, raw, &path);
	if (!nt_ok(*status))
		return NULL;
	in = srv1_call(op, SMB2_CREATE, NULL);
	if (!in) {
		*status = STATUS_INSUFFICIENT_RESOURCES;
		return NULL;
	}
	in->name = op->tree->share->kind == SRV_SHARE_IPC ? pipe_name(path) : path;
	in->impersonation_level = 2;
	return in;
}

bool srv1_create_context(struct srv1_op *op, struct smb2_create_req *in, const char *name, struct slice data)
{
	size_t cap = in->contexts.len + data.len + 64;
	uint8_t *p = arena_alloc(&op->arena, cap);
	struct wire list = wire_encoder(p, 0, p ? cap : 0);
	struct slice old = in->contexts;
	struct smb2_create_context c;
	bool bad;

	while (smb2_create_context_next(&old, &c, &bad))
		smb2_create_context_put(&list, c.name, c.data);
	smb2_create_context_put(&list, slice_of(name, 4), data);
	if (!p || !wire_ok(&list))
		return false;
	in->contexts = slice_of(p, list.pos);
	return true;
}

void srv1_opened(struct srv1_op *op)
{
	const struct smb2_create_rsp *rsp = op->r->body;

	srv_open_put(op->open);
	op->open = srv_open_find(op->session, rsp->file_id, op->tree);
	op->close_open = op->open != NULL;
}

/* Gives what CREATE opened a FID. */
ntstatus srv1_opened_fid(struct srv1_op *op, uint16_t *fid)
{
	const struct smb2_create_rsp *rsp = op->r->body;
	struct srv1_file f = {
		.uid = op->header.uid, .tid = op->header.tid, .pid = srv1_pid(op), .id = rsp->file_id,
		.is_pipe = op->tree->share->kind == SRV_SHARE_IPC, .dos_mode = op->dos_mode, .name_hash = op->name_hash,
		.denied = op->denied,
	};

	srv1_opened(op);
	if (!op->open)
		return STATUS_FILE_CLOSED;
	*fid = srv1_file_add(op, &f);
	if (*fid == 0) {
		srv_open_close(op->open);
		return STATUS_TOO_MANY_OPENED_FILES;
	}
	op->close_open = false;
	op->fid = *fid;
	op->has_fid = true;
	return STATUS_SUCCESS;
}

struct smb2_set_info_req *srv1_set_info(struct srv1_op *op, struct srv_open *o, uint8_t type, uint8_t class, struct slice data)
{
	struct smb2_set_info_req *in = srv1_call(op, SMB2_SET_INFO, o);

	if (in)
		*in = (struct smb2_set_info_req){.info_type = type, .file_info_class = class, .buffer_offset = SET_INFO_BUFFER_OFFSET, .input = data};
	return in;
}

struct smb2_query_info_req *srv1_query_info(struct srv1_op *op, struct srv_open *o, uint8_t type, uint8_t class, uint32_t room)
{
	struct smb2_query_info_req *in = srv1_call(op, SMB2_QUERY_INFO, o);

	if (in)
		*in = (struct smb2_query_info_req){.info_type = type, .file_info_class = class, .output_buffer_length = room};
	return in;
}

bool srv1_stands_back(struct srv1_op *op)
{
	return nt_is(op->result.status, STATUS_SHARING_VIOLATION) && srv1_op_later(op);
}

/* --- DOS modes --- */

static bool is_program(struct slice path)
{
	static const char *const suffixes[] = {".EXE", ".COM", ".DLL", ".SYM"};
	size_t units = path.len / 2;

	for (size_t i = 0; i < ARRAY_LEN(suffixes) && units >= 4; i++) {
		bool same = true;

		for (size_t k = 0; k < 4; k++)
			same = same && utf16_upcase(utf16_at(path, units - 4 + k)) == (uint16_t)suffixes[i][k];
		if (same)
			return true;
	}
	return false;
}

/* 2.2.4.3.1: compatibility mode shares with those who do not disturb; programs are read and replaced by everybody. */
static uint32_t compatible_share(struct slice path, unsigned access)
{
	if (is_program(path))
		return FILE_SHARE_READ | FILE_SHARE_WRITE;
	return access == ACCESS_READ ? FILE_SHARE_READ : 0;
}

static bool create_mode_overwrites(uint32_t disposition)
{
	return disposition == CREATE_SUPERSEDE || disposition == CREATE_OVERWRITE || disposition == CREATE_OVERWRITE_IF;
}

/* 3.2.4.5.1: a process that has a file open for writing in compatibility mode or as FCB may open it so again, whatever others may: the second FID has
 * the first one's open. Windows does not do so for programs that are open in compatibility mode, which everybody may open anyway. Called
 * when the CREATE has failed. */
void srv1_share_with_self(struct srv1_op *op)
{
	const struct smb2_create_req *in = op->r->in;
	struct smb2_create_rsp *rsp = op->r->body;
	uint32_t wanted = (FILE_READ_DATA | FILE_WRITE_DATA) & ~op->denied;
	struct srv_open *o = NULL;
	struct srv1_file f;
	struct vfs_stat st;

	if (!nt_is(op->result.status, STATUS_SHARING_VIOLATION) || op->dos_mode == 0 || create_mode_overwrites(in->create_disposition))
		return;
	if (srv1_file_same(op, op->name_hash, is_program(in->name), &f))
		o = srv_open_find(op->session, f.id, op->tree);
	if (o && o->file && (o->granted_access & wanted) == wanted && nt_ok(srv_open_stat(o, &st))) {
		*rsp = (struct smb2_create_rsp){
			.create_action = ACTION_OPENED, .last_write_time = st.written, .end_of_file = st.size, .file_attributes = st.attributes, .file_id = f.id,
		};
		op->result = srv_reply(STATUS_SUCCESS);
	}
	srv_open_put(o);
}

static void note_mode(struct srv1_op *op, const struct smb2_create_req *in, uint16_t mode)
{
	static const uint32_t denied[] = {FILE_WRITE_DATA, FILE_READ_DATA, 0, FILE_WRITE_DATA};
	unsigned access = mode & ACCESS_MASK;

	op->dos_mode = 0;
	op->denied = 0;
	if ((mode & 0xFF) == MODE_FCB) {
		op->dos_mode = SRV1_DOS_FCB | SRV1_DOS_WRITES;
	} else if ((mode >> SHARE_SHIFT & SHARE_MASK) == SHARE_COMPATIBLE && access <= ACCESS_EXECUTE) {
		op->dos_mode = SRV1_DOS_COMPATIBLE | (access == ACCESS_WRITE || access == ACCESS_READ_WRITE ? SRV1_DOS_WRITES : 0);
		op->denied = denied[access];
	}
	op->name_hash = utf16_hash_nocase(in->name);
}

ntstatus srv1_dos_access(struct srv1_op *op, struct smb2_create_req *in, uint16_t mode)
{
	static const uint32_t accesses[] = {ACCESS_FILE_READ, ACCESS_FILE_WRITE, ACCESS_FILE_READ | ACCESS_FILE_WRITE, ACCESS_FILE_READ};
	unsigned access = mode & ACCESS_MASK, share = mode >> SHARE_SHIFT & SHARE_MASK;

	note_mode(op, in, mode);
	if ((mode & 0xFF) == MODE_FCB) {
		in->desired_access = ACCESS_FILE_READ | ACCESS_FILE_WRITE;
		in->share_access = 0;
		return STATUS_SUCCESS;
	}
	if (access > ACCESS_EXECUTE || share > SHARE_DENY_NONE)
		return STATUS_OS2_INVALID_ACCESS;
	in->desired_access = accesses[access];
	switch (share) {
	case SHARE_COMPATIBLE:
		in->share_access = compatible_share(in->name, access);
		/* Since nobody else has it meanwhile, the process may read it by another FID if its user may. */
		if (access == ACCESS_WRITE && in->share_access == 0)
			in->desired_access |= ACCESS_MAXIMUM_ALLOWED;
		break;
	case SHARE_DENY_ALL:
		in->share_access = 0;
		break;
	case SHARE_DENY_WRITE:
		in->share_access = FILE_SHARE_READ;
		break;
	case SHARE_DENY_READ:
		in->share_access = FILE_SHARE_WRITE;
		break;
	default:
		in->share_access = FILE_SHARE_READ | FILE_SHARE_WRITE;
	}
	if (mode & MODE_WRITE_THROUGH)
		in->create_options |= OPTION_WRITE_THROUGH;
	return STATUS_SUCCESS;
}

/* 2.2.4.41.1, OpenMode */
ntstatus srv1_dos_disposition(struct smb2_create_req *in, uint16_t open_mode, uint16_t access_mode)
{
	bool creates = (open_mode & OPEN_CREATES) != 0;

	switch (open_mode & OPEN_MASK) {
	case OPEN_FAIL:
		/* With neither there is nothing to do, but for programs that are to run. */
		in->create_disposition = CREATE_CREATE;
		return creates || (access_mode & ACCESS_MASK) == ACCESS_EXECUTE ? STATUS_SUCCESS : STATUS_OS2_INVALID_ACCESS;
	case OPEN_EXISTING:
		in->create_disposition = creates ? CREATE_OPEN_IF : CREATE_OPEN;
		return STATUS_SUCCESS;
	case OPEN_TRUNCATE:
		in->create_disposition = creates ? CREATE_OVERWRITE_IF : CREATE_OVERWRITE;
		return STATUS_SUCCESS;
	default:
		return STATUS_OS2_INVALID_ACCESS;
	}
}

uint8_t srv1_dos_oplock(bool exclusive, bool batch)
{
	return batch && exclusive ? FSA_OPLOCK_BATCH : exclusive ? FSA_OPLOCK_EXCLUSIVE : FSA_OPLOCK_NONE;
}

/* 2.2.4.3.2: what was granted, in the words of the request. */
uint16_t srv1_dos_granted(const struct srv1_op *op)
{
	bool read = (op->open->granted_access & (FILE_READ_DATA | FILE_EXECUTE)) != 0 && !(op->denied & FILE_READ_DATA);
	bool write = (op->open->granted_access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) != 0 && !(op->denied & FILE_WRITE_DATA);

	return write ? read ? ACCESS_READ_WRITE : ACCESS_WRITE : ACCESS_READ;
}

uint16_t srv1_dos_result(const struct srv1_op *op, const struct smb2_create_rsp *rsp)
{
	uint16_t result = rsp->create_action == ACTION_CREATED ? RESULT_CREATED : rsp->create_action == ACTION_OPENED ? RESULT_OPENED : RESULT_TRUNCATED;
	uint8_t level = srv1_oplock_level(op, rsp->oplock_level);

	return level == 1 || level == 2 ? (uint16_t)(result | RESULT_OPLOCK) : result;
}

static bool oplock_of_header(const struct srv1_op *op, struct smb2_create_req *in)
{
	in->requested_oplock_level = srv1_dos_oplock((op->header.flags & SMB1_FLAGS_OPLOCK) != 0, (op->header.flags & SMB1_FLAGS_OPBATCH) != 0);
	return in->requested_oplock_level != FSA_OPLOCK_NONE;
}

/* Whoever asked in the header is answered there. */
static void tell_in_header(struct srv1_op *op, const struct smb2_create_rsp *rsp)
{
	uint8_t level = srv1_oplock_level(op, rsp->oplock_level);

	if (level == 1 || level == 2)
		op->flags = (uint8_t)(SMB1_FLAGS_OPLOCK | (level == 2 ? SMB1_FLAGS_OPBATCH : 0));
}

/* --- OPEN_ANDX --- */

static enum srv1_next open_andx_begin(struct srv1_op *op)
{
	const struct smb1_open_andx_req *in = op->in;
	struct smb2_create_req *c;
	ntstatus status;

	c = srv1_create_call(op, in->file_name, &status);
	if (nt_ok(status))
		status = srv1_dos_access(op, c, in->access_mode);
	if (nt_ok(status))
		status = srv1_dos_disposition(c, in->open_mode, in->access_mode);
	if (!nt_ok(status))
		return srv1_done(op, status);
	c->file_attributes = srv1_settable_attributes(in->file_attrs);
	c->create_options |= op->tree->share->kind == SRV_SHARE_IPC ? 0 : OPTION_NON_DIRECTORY_FILE;
	c->requested_oplock_level = srv1_dos_oplock((in->flags & SMB1_OPEN_OPLOCK) != 0 || (in->flags & SMB1_OPEN_OPBATCH) != 0,
		(in->flags & SMB1_OPEN_OPBATCH) != 0);
	return SRV1_CALL;
}

static enum srv1_next open_andx_answer(struct srv1_op *op)
{
	const struct smb1_open_andx_req *in = op->in;
	struct smb1_open_andx_rsp *out = op->out;
	const struct smb2_create_rsp *rsp = op->r->body;
	ntstatus status = srv1_opened_fid(op, &out->fid);

	if (!nt_ok(status))
		return srv1_done(op, status);
	out->word_count = in->flags & SMB1_OPEN_EXTENDED_RESPONSE ? 19 : 15;
	out->file_attrs = srv1_dos_attributes(rsp->file_attributes);
	out->last_write_time = utime_from_filetime(rsp->last_write_time, 0);
	out->file_data_size = srv1_size32(rsp->end_of_file);
	out->access_rights = srv1_dos_granted(op);
	out->open_results = srv1_dos_result(op, rsp);
	out->resource_type = op->open->pipe ? TYPE_MESSAGE_PIPE : TYPE_FILE;
	out->nm_pipe_status = op->open->pipe ? PIPE_STATUS : 0;
	/* [MS-SMB] 2.2.4.1.2: Windows says the standard rights, whatever they are. */
	out->maximal_access_rights = STANDARD_RIGHTS;
	return SRV1_CALL;
}

/* 2.2.4.41.1, AllocationSize: what a new file has to begin with. */
struct smb2_set_info_req *srv1_set_size(struct srv1_op *op, uint64_t size)
{
	uint8_t *p = arena_alloc(&op->arena, 8);
	struct smb2_set_info_req *in = p ? srv1_set_info(op, op->open, INFO_FILE, FSCC_FILE_END_OF_FILE, slice_of(p, 8)) : NULL;

	if (in)
		store_le64(p, size);
	return in;
}

/* [MS-CIFS] 3.3.5.34 */
enum srv1_next srv1_open_andx(struct srv1_op *op)
{
	const struct smb1_open_andx_req *in = op->in;
	const struct smb2_create_rsp *rsp;

	if (op->phase == 0)
		return open_andx_begin(op);
	if (op->phase == 1)
		srv1_share_with_self(op);
	if (op->phase == 1 && srv1_stands_back(op))
		return SRV1_WAIT;
	if (op->phase == 2 || !nt_ok(op->result.status))
		return srv1_done(op, op->phase == 2 ? STATUS_SUCCESS : op->result.status);
	rsp = op->r->body;
	if (open_andx_answer(op) == SRV1_DONE)
		return SRV1_DONE;
	if (rsp->create_action == ACTION_OPENED || in->allocation_size == 0)
		return srv1_done(op, STATUS_SUCCESS);
	((struct smb1_open_andx_rsp *)op->out)->file_data_size = in->allocation_size;
	return srv1_set_size(op, in->allocation_size) ? SRV1_CALL : srv1_no_memory(op);
}

/* --- OPEN, CREATE, CREATE_NEW, CREATE_TEMPORARY --- */

/* [MS-CIFS] 3.3.5.5 */
enum srv1_next srv1_open(struct srv1_op *op)
{
	const struct smb1_open_req *in = op->in;
	struct smb1_open_rsp *out = op->out;
	const struct smb2_create_rsp *rsp;
	struct smb2_create_req *c;
	ntstatus status;

	if (op->phase == 0) {
		c = srv1_create_call(op, in->file_name, &status);
		if (nt_ok(status))
			status = srv1_dos_access(op, c, in->access_mode);
		if (!nt_ok(status))
			return srv1_done(op, status);
		c->create_disposition = CREATE_OPEN;
		c->create_options |= OPTION_NON_DIRECTORY_FILE;
		(void)oplock_of_header(op, c);
		return SRV1_CALL;
	}
	srv1_share_with_self(op);
	if (srv1_stands_back(op))
		return SRV1_WAIT;
	if (!nt_ok(op->result.status))
		return srv1_done(op, op->result.status);
	rsp = op->r->body;
	status = srv1_opened_fid(op, &out->fid);
	if (!nt_ok(status))
		return srv1_done(op, status);
	tell_in_header(op, rsp);
	out->file_attrs = srv1_dos_attributes(rsp->file_attributes);
	out->last_modified = utime_from_filetime(rsp->last_write_time, 0);
	out->file_size = srv1_size32(rsp->end_of_file);
	out->access_mode = srv1_dos_granted(op);
	return srv1_done(op, STATUS_SUCCESS);
}

static enum srv1_next create_file(struct srv1_op *op, uint32_t disposition)
{
	const struct smb1_create_req *in = op->in;
	struct smb1_fid *out = op->out;
	struct smb2_create_req *c;
	ntstatus status;

	if (op->phase == 0) {
		c = srv1_create_call(op, in->file_name, &status);
		if (!nt_ok(status))
			return srv1_done(op, status);
		c->desired_access = ACCESS_FILE_READ | ACCESS_FILE_WRITE;
		c->share_access = FILE_SHARE_READ | FILE_SHARE_WRITE;
		c->file_attributes = srv1_settable_attributes(in->file_attributes);
		c->create_disposition = disposition;
		c->create_options = OPTION_NON_DIRECTORY_FILE;
		(void)oplock_of_header(op, c);
		return SRV1_CALL;
	}
	if (srv1_stands_back(op))
		return SRV1_WAIT;
	status = op->result.status;
	if (nt_ok(status))
		status = srv1_opened_fid(op, &out->fid);
	if (nt_ok(status)) {
		/* The time that a new file is to have: that of its last write. */
		srv1_set_written(op, in->creation_time);
		tell_in_header(op, op->r->body);
	}
	return srv1_done(op, status);
}

/* [MS-CIFS] 3.3.5.6 */
enum srv1_next srv1_create(struct srv1_op *op)
{
	return create_file(op, CREATE_OVERWRITE_IF);
}

/* [MS-CIFS] 3.3.5.18 */
enum srv1_next srv1_create_new(struct srv1_op *op)
{
	return create_file(op, CREATE_CREATE);
}

static struct slice temporary_name(struct srv1_op *op)
{
	char text[16];

	snprintf(text, sizeof(text), "TMP%05u.TMP", (unsigned)(random_u64() % 100000));
	return utf16_from_utf8_arena(&op->arena, text);
}

/* [MS-CIFS] 3.3.5.17: the name is the directory's, that of the file is ours. */
enum srv1_next srv1_create_temporary(struct srv1_op *op)
{
	enum { TRIES = 16 };
	const struct smb1_create_req *in = op->in;
	struct smb1_create_temporary_rsp *out = op->out;
	struct smb2_create_req *c;
	ntstatus status;

	if (op->phase > 0 && (!nt_is(op->result.status, STATUS_OBJECT_NAME_COLLISION) || op->phase == TRIES)) {
		status = op->result.status;
		if (nt_ok(status))
			status = srv1_opened_fid(op, &out->fid);
		if (nt_ok(status))
			out->temporary_file_name = srv1_oem_out(op, slice_of(op->state, 2 * 12));
		return srv1_done(op, status);
	}
	c = srv1_create_call(op, in->file_name, &status);
	if (!nt_ok(status))
		return srv1_done(op, status);
	op->state = (void *)(uintptr_t)temporary_name(op).data;
	c->name = op->state ? srv1_path_join(op, c->name, slice_of(op->state, 2 * 12)) : slice_of(NULL, 0);
	c->desired_access = ACCESS_FILE_READ | ACCESS_FILE_WRITE;
	c->share_access = FILE_SHARE_READ | FILE_SHARE_WRITE;
	c->file_attributes = srv1_settable_attributes(in->file_attributes);
	c->create_disposition = CREATE_CREATE;
	c->create_options = OPTION_NON_DIRECTORY_FILE;
	return c->name.data ? SRV1_CALL : srv1_no_memory(op);
}

/* --- NT_CREATE_ANDX --- */

/* The name is relative to an open directory. */
static ntstatus below_root(struct srv1_op *op, uint32_t fid, struct smb2_create_req *c)
{
	struct slice dir;
	ntstatus status;

	op->has_fid = false;
	status = fid <= UINT16_MAX ? srv1_file_find(op, (uint16_t)fid) : STATUS_INVALID_HANDLE;
	if (!nt_ok(status))
		return status;
	if (!op->open->file || !op->open->directory)
		return STATUS_INVALID_PARAMETER;
	dir = vfs_file_name(op->open->file, &op->arena);
	c->name = srv1_path_join(op, dir, c->name);
	return c->name.data ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

ntstatus srv1_nt_create_fill(struct srv1_op *op, struct smb2_create_req *c, const struct srv1_nt_wish *wish)
{
	uint8_t *size = wish->allocation_size != 0 ? arena_alloc(&op->arena, 8) : NULL;
	struct slice dir, name;
	ntstatus status = STATUS_SUCCESS;

	c->desired_access = wish->desired_access;
	c->file_attributes = wish->attributes;
	c->share_access = wish->share_access;
	c->create_disposition = wish->disposition;
	c->create_options = wish->options;
	c->impersonation_level = wish->impersonation_level;
	c->requested_oplock_level = srv1_dos_oplock((wish->flags & SMB1_NT_CREATE_REQUEST_OPLOCK) != 0 || (wish->flags & SMB1_NT_CREATE_REQUEST_OPBATCH) != 0,
		(wish->flags & SMB1_NT_CREATE_REQUEST_OPBATCH) != 0);
	if (wish->root_fid != 0)
		status = below_root(op, wish->root_fid, c);
	if (nt_ok(status) && (wish->flags & SMB1_NT_CREATE_OPEN_TARGET_DIR)) {
		srv1_path_split(c->name, &dir, &name);
		c->name = dir;
	}
	if (size)
		store_le64(size, wish->allocation_size);
	if (nt_ok(status) && wish->allocation_size != 0 && (!size || !srv1_create_context(op, c, "AlSi", slice_of(size, 8))))
		status = STATUS_INSUFFICIENT_RESOURCES;
	if (nt_ok(status) && (wish->flags & SMB1_NT_CREATE_REQUEST_EXTENDED_RESPONSE) && !srv1_create_context(op, c, "MxAc", slice_of("", 0)))
		status = STATUS_INSUFFICIENT_RESOURCES;
	return status;
}

uint32_t srv1_maximal_access(const struct smb2_create_rsp *rsp)
{
	struct slice list = rsp->contexts;
	struct smb2_create_context c;
	bool bad;

	while (smb2_create_context_next(&list, &c, &bad)) {
		if (slice_equal(c.name, slice_of("MxAc", 4)) && c.data.len >= 8)
			return load_le32(c.data.data + 4);
	}
	return 0;
}

static enum srv1_next nt_create_answer(struct srv1_op *op)
{
	const struct smb1_nt_create_andx_req *in = op->in;
	struct smb1_nt_create_andx_rsp *out = op->out;
	const struct smb2_create_rsp *rsp = op->r->body;
	ntstatus status = srv1_opened_fid(op, &out->fid);

	if (!nt_ok(status))
		return srv1_done(op, status);
	out->word_count = in->flags & SMB1_NT_CREATE_REQUEST_EXTENDED_RESPONSE ? 42 : 34;
	out->oplock_level = srv1_oplock_level(op, rsp->oplock_level);
	out->create_action = rsp->create_action;
	out->creation_time = rsp->creation_time;
	out->last_access_time = rsp->last_access_time;
	out->last_write_time = rsp->last_write_time;
	out->last_change_time = rsp->change_time;
	out->ext_file_attributes = rsp->file_attributes;
	out->allocation_size = rsp->allocation_size;
	out->end_of_file = rsp->end_of_file;
	out->resource_type = op->open->pipe ? TYPE_MESSAGE_PIPE : TYPE_FILE;
	out->nm_pipe_status = op->open->pipe ? PIPE_STATUS : out->word_count == 42 ? FILE_STATUS : 0;
	out->directory = op->open->directory;
	out->maximal_access_rights = srv1_maximal_access(rsp);
	return srv1_done(op, STATUS_SUCCESS);
}

/* [MS-CIFS] 3.3.5.50 */
enum srv1_next srv1_nt_create_andx(struct srv1_op *op)
{
	const struct smb1_nt_create_andx_req *in = op->in;
	struct srv1_nt_wish wish = {
		.flags = in->flags, .root_fid = in->root_directory_fid, .desired_access = in->desired_access, .allocation_size = in->allocation_size,
		.attributes = in->ext_file_attributes, .share_access = in->share_access, .disposition = in->create_disposition,
		.options = in->create_options, .impersonation_level = in->impersonation_level,
	};
	struct smb2_create_req *c;
	ntstatus status;

	if (op->phase > 0 && srv1_stands_back(op))
		return SRV1_WAIT;
	if (op->phase > 0)
		return nt_ok(op->result.status) ? nt_create_answer(op) : srv1_done(op, op->result.status);
	c = srv1_create_call(op, in->file_name, &status);
	if (nt_ok(status))
		status = srv1_nt_create_fill(op, c, &wish);
	return nt_ok(status) ? SRV1_CALL : srv1_done(op, status);
}

/* --- closing --- */

/* 2.2.4.5.1: a time that the client says is that of its last write. */
void srv1_set_written(struct srv1_op *op, uint32_t utime)
{
	struct vfs_set_info set = {.which = VFS_SET_WRITTEN, .written = utime_to_filetime(utime, 0)};

	/* Whatever comes of it, the file is closed. */
	if (set.written != 0 && op->open->file && (op->open->granted_access & (FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES)))
		(void)!nt_ok(vfs_set(op->open->file, &set));
}

/* [MS-CIFS] 3.3.5.7 */
enum srv1_next srv1_close(struct srv1_op *op)
{
	const struct smb1_close_req *in = op->in;
	ntstatus status = srv1_file_find(op, in->fid);

	if (!nt_ok(status))
		return srv1_done(op, status);
	srv1_file_close(op, op->file.fid, op->open);
	srv1_set_written(op, in->last_time_modified);
	return srv1_done(op, STATUS_SUCCESS);
}

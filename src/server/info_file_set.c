/* SET_INFO of files, [MS-SMB2] 3.3.5.21.1, [MS-FSA] 2.1.5.15. One row a class: the right it needs and the function that does it. */
#include "server/info.h"
#include "server/notify.h"
#include "server/oplock.h"
#include "server/seen.h"

#include <stdatomic.h>

#define TIME_KEEP UINT64_MAX           /* -1: this handle's work does not move the time any more */
#define TIME_MOVE (UINT64_MAX - 1)     /* -2: it does again */
#define ATTRIBUTES_SETTABLE                                                                                            \
	(FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_ARCHIVE |           \
		FILE_ATTRIBUTE_TEMPORARY | FILE_ATTRIBUTE_OFFLINE | FILE_ATTRIBUTE_NOT_CONTENT_INDEXED)

union any_set {
	struct fscc_basic basic;
	struct fscc_u64 u64;
	struct fscc_u32 u32;
	struct fscc_u8 u8;
	struct fscc_rename rename;
	struct fscc_pipe pipe;
};

ntstatus info_keep_written(struct srv_open *o)
{
	struct vfs_set_info set = {.which = VFS_SET_WRITTEN, .written = atomic_load(&o->sticky_written)};

	return set.written == 0 ? STATUS_SUCCESS : vfs_set(o->file, &set);
}

void info_archive(struct srv_open *o, const struct vfs_stat *st)
{
	struct vfs_set_info set = {.which = VFS_SET_ATTRIBUTES, .attributes = (st->attributes | FILE_ATTRIBUTE_ARCHIVE) & ATTRIBUTES_SETTABLE};

	/* A store that cannot mark it takes the data all the same. */
	if (!atomic_exchange(&o->archived, true) && !st->directory && !(st->attributes & FILE_ATTRIBUTE_ARCHIVE))
		(void)nt_ok(vfs_set(o->file, &set));
}

static bool time_valid(uint64_t t)
{
	return t <= INT64_MAX || t >= TIME_MOVE;
}

/* [MS-FSA] 2.1.5.15.2. Bits that are no attribute, or none that can be set, are masked off ([MS-FSCC] 2.6). */
static ntstatus basic_check(const struct srv_open *o, const struct fscc_basic *m)
{
	if (!time_valid(m->creation_time) || !time_valid(m->last_access_time) || !time_valid(m->last_write_time) ||
		!time_valid(m->change_time))
		return STATUS_INVALID_PARAMETER;
	if ((m->file_attributes & FILE_ATTRIBUTE_DIRECTORY) && !o->directory)
		return STATUS_INVALID_PARAMETER;
	if ((m->file_attributes & FILE_ATTRIBUTE_TEMPORARY) && o->directory)
		return STATUS_INVALID_PARAMETER;
	return STATUS_SUCCESS;
}

static bool time_given(uint64_t t)
{
	return t != 0 && t < TIME_MOVE;
}

static void stick(_Atomic uint64_t *to, uint64_t asked, uint64_t now)
{
	if (asked != 0)
		atomic_store(to, asked == TIME_MOVE ? 0 : asked == TIME_KEEP ? now : asked);
}

/* What happens to LastWriteTime and ChangeTime from now on, [MS-FSCC] 2.4.7. */
static ntstatus sticky_set(struct srv_open *o, const struct fscc_basic *m)
{
	struct vfs_stat st = {0};
	ntstatus status = STATUS_SUCCESS;

	if (m->last_write_time == TIME_KEEP || m->change_time == TIME_KEEP)
		status = vfs_stat_get(o->file, &st);
	if (!nt_ok(status))
		return status;
	stick(&o->sticky_written, m->last_write_time, st.written);
	stick(&o->sticky_changed, m->change_time, st.changed);
	return STATUS_SUCCESS;
}

static uint32_t changes_of(uint32_t which)
{
	uint32_t what = 0;

	what |= which & VFS_SET_CREATED ? FSA_CHANGE_CREATION : 0;
	what |= which & VFS_SET_ACCESSED ? FSA_CHANGE_LAST_ACCESS : 0;
	what |= which & VFS_SET_WRITTEN ? FSA_CHANGE_LAST_WRITE : 0;
	what |= which & VFS_SET_ATTRIBUTES ? FSA_CHANGE_ATTRIBUTES : 0;
	return what;
}

/* [MS-FSCC] 2.4.7 */
static ntstatus set_basic(struct srv_request *r, union any_set *any)
{
	const struct fscc_basic *m = &any->basic;
	struct srv_open *o = r->open;
	struct vfs_set_info set = {
		.created = m->creation_time, .accessed = m->last_access_time, .written = m->last_write_time, .changed = m->change_time,
		.attributes = m->file_attributes & ATTRIBUTES_SETTABLE,
	};
	ntstatus status = basic_check(o, m);

	if (!nt_ok(status))
		return status;
	set.which |= time_given(m->creation_time) ? VFS_SET_CREATED : 0;
	set.which |= time_given(m->last_access_time) ? VFS_SET_ACCESSED : 0;
	set.which |= time_given(m->last_write_time) ? VFS_SET_WRITTEN : 0;
	set.which |= time_given(m->change_time) ? VFS_SET_CHANGED : 0;
	set.which |= m->file_attributes != 0 ? VFS_SET_ATTRIBUTES : 0;
	if (m->change_time == 0 && set.which != 0 && atomic_load(&o->sticky_changed) != 0) {
		set.which |= VFS_SET_CHANGED;
		set.changed = atomic_load(&o->sticky_changed);
	}
	if (set.which != 0)
		status = vfs_set(o->file, &set);
	if (set.which & VFS_SET_ATTRIBUTES)
		atomic_store(&o->archived, false);
	fsa_written_end(o->share->fsa, &o->fsa);
	if (nt_ok(status) && set.which != 0)
		srv_changed(o, FSA_MODIFIED, changes_of(set.which));
	return nt_ok(status) ? sticky_set(o, m) : status;
}

static ntstatus delete_check(const struct srv_request *r, bool ignore_readonly)
{
	struct vfs_stat st;
	ntstatus status = srv_seen_stat(r, &st);

	if (!nt_ok(status))
		return status;
	if ((st.attributes & FILE_ATTRIBUTE_READONLY) && !ignore_readonly)
		return STATUS_CANNOT_DELETE;
	return st.directory ? vfs_dir_empty(r->open->file) : STATUS_SUCCESS;
}

/* [MS-FSCC] 2.4.11 */
static ntstatus set_disposition(struct srv_request *r, union any_set *any)
{
	ntstatus status = any->u8.value ? delete_check(r, false) : STATUS_SUCCESS;

	if (nt_ok(status) && any->u8.value)
		status = srv_oplock_give_way(r, r->open->fsa.id, FSA_DELETES);
	if (!nt_ok(status))
		return status;
	fsa_delete_pending_set(&r->open->fsa, any->u8.value != 0);
	if (any->u8.value != 0)
		srv_directory_deleted(r->open);
	return STATUS_SUCCESS;
}

/* [MS-FSCC] 2.4.12 */
static ntstatus set_disposition_ex(struct srv_request *r, union any_set *any)
{
	const uint32_t known = FSCC_DISPOSITION_DELETE | FSCC_DISPOSITION_POSIX | FSCC_DISPOSITION_IGNORE_READONLY;
	uint32_t flags = any->u32.value;
	ntstatus status = STATUS_SUCCESS;

	if (flags & ~known)
		return STATUS_NOT_SUPPORTED;
	if (flags & FSCC_DISPOSITION_DELETE)
		status = delete_check(r, (flags & FSCC_DISPOSITION_IGNORE_READONLY) != 0);
	if (nt_ok(status) && (flags & FSCC_DISPOSITION_DELETE))
		status = srv_oplock_give_way(r, r->open->fsa.id, FSA_DELETES);
	if (!nt_ok(status))
		return status;
	if ((flags & FSCC_DISPOSITION_DELETE) && (flags & FSCC_DISPOSITION_POSIX))
		fsa_posix_delete_set(&r->open->fsa);
	else
		fsa_delete_pending_set(&r->open->fsa, (flags & FSCC_DISPOSITION_DELETE) != 0);
	if (flags & FSCC_DISPOSITION_DELETE)
		srv_directory_deleted(r->open);
	return STATUS_SUCCESS;
}

static ntstatus set_position(struct srv_request *r, union any_set *any)
{
	if (any->u64.value > INT64_MAX)
		return STATUS_INVALID_PARAMETER;
	r->open->position = any->u64.value;
	return STATUS_SUCCESS;
}

/* [MS-FSCC] 2.4.26 */
static ntstatus set_mode(struct srv_request *r, union any_set *any)
{
	if (any->u32.value & ~0x3Eu)
		return STATUS_INVALID_PARAMETER;
	r->open->mode = any->u32.value | (r->open->mode & 0x1000);
	return STATUS_SUCCESS;
}

static ntstatus set_size(struct srv_request *r, uint64_t size)
{
	struct vfs_stat st;
	ntstatus status = vfs_stat_get(r->open->file, &st);

	if (nt_ok(status))
		status = vfs_truncate(r->open->file, size);
	if (nt_ok(status))
		info_archive(r->open, &st);
	fsa_written_end(r->tree->share->fsa, &r->open->fsa);
	srv_oplock_written(r->open);
	if (nt_ok(status))
		srv_changed(r->open, FSA_MODIFIED, FSA_CHANGE_SIZE | FSA_CHANGE_LAST_WRITE);
	return nt_ok(status) ? info_keep_written(r->open) : status;
}

static ntstatus set_end_of_file(struct srv_request *r, union any_set *any)
{
	if (any->u64.value > INT64_MAX || r->open->directory)
		return STATUS_INVALID_PARAMETER;
	return set_size(r, any->u64.value);
}

/* [MS-FSA] 2.1.5.15.1: less than the file's size cuts it. */
static ntstatus set_allocation(struct srv_request *r, union any_set *any)
{
	struct vfs_stat st;
	ntstatus status;

	if (any->u64.value > INT64_MAX || r->open->directory)
		return STATUS_INVALID_PARAMETER;
	status = vfs_stat_get(r->open->file, &st);
	if (!nt_ok(status))
		return status;
	if (any->u64.value < st.size)
		return set_size(r, any->u64.value);
	status = vfs_allocate(r->open->file, any->u64.value);
	srv_oplock_written(r->open);
	return status;
}

/* [MS-FSA] 2.1.5.15.14: that asks for a privilege that nobody has over the network here. */
static ntstatus set_valid_data_length(struct srv_request *r, union any_set *any)
{
	(void)r;
	(void)any;
	return STATUS_PRIVILEGE_NOT_HELD;
}

static ntstatus set_rename(struct srv_request *r, union any_set *any)
{
	any->rename.flags = any->rename.flags ? FSCC_RENAME_REPLACE : 0;
	return info_rename(r, &any->rename);
}

static ntstatus set_rename_ex(struct srv_request *r, union any_set *any)
{
	if (any->rename.flags & ~(uint32_t)(FSCC_RENAME_REPLACE | FSCC_RENAME_POSIX | FSCC_RENAME_IGNORE_READONLY))
		return STATUS_NOT_SUPPORTED;
	return info_rename(r, &any->rename);
}

static ntstatus set_link(struct srv_request *r, union any_set *any)
{
	any->rename.flags = any->rename.flags ? FSCC_RENAME_REPLACE : 0;
	return info_link(r, &any->rename);
}

static const struct class_row {
	uint8_t class;
	uint32_t access;
	ntstatus (*set)(struct srv_request *r, union any_set *m);
} rows[] = {
	{FSCC_FILE_BASIC, FILE_WRITE_ATTRIBUTES, set_basic},
	{FSCC_FILE_RENAME, ACCESS_DELETE, set_rename},
	{FSCC_FILE_LINK, 0, set_link},
	{FSCC_FILE_DISPOSITION, ACCESS_DELETE, set_disposition},
	{FSCC_FILE_POSITION, 0, set_position},
	{FSCC_FILE_MODE, 0, set_mode},
	{FSCC_FILE_ALLOCATION, FILE_WRITE_DATA, set_allocation},
	{FSCC_FILE_END_OF_FILE, FILE_WRITE_DATA, set_end_of_file},
	{FSCC_FILE_VALID_DATA_LENGTH, FILE_WRITE_DATA, set_valid_data_length},
	{FSCC_FILE_DISPOSITION_EX, ACCESS_DELETE, set_disposition_ex},
	{FSCC_FILE_RENAME_EX, ACCESS_DELETE, set_rename_ex},
};

/* FilePipeInformation: message reads that never block are what pipes do; anything else is not on offer. */
static ntstatus set_pipe(const struct srv_request *r, const struct fscc_pipe *m)
{
	if (!(r->open->granted_access & FILE_WRITE_ATTRIBUTES))
		return STATUS_ACCESS_DENIED;
	if (m->read_mode > 1 || m->completion_mode > 1)
		return STATUS_INVALID_PARAMETER;
	return m->read_mode == 1 ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED;
}

/* 3.3.5.21.1 with note 343: what can be set elsewhere but not over SMB2, and what cannot be set at all. */
static ntstatus class_refused(uint8_t class)
{
	switch (class) {
	case 27: case 29: case 30: case 31: case 32: case 33: case 36: case 40: case 41: case 42: case 43: case 44: case 45:
		return STATUS_NOT_SUPPORTED;
	default:
		return STATUS_INVALID_INFO_CLASS;
	}
}

static ntstatus decode(struct srv_request *r, const struct fscc_class *class, struct slice in, union any_set *m)
{
	struct wire w = wire_decoder(in.data, 0, in.len, &r->arena);

	if (in.len < class->fixed_size)
		return STATUS_INFO_LENGTH_MISMATCH;
	memset(m, 0, sizeof(*m));
	class->code(&w, m);
	return w.error;
}

static ntstatus set_pipe_class(struct srv_request *r, const struct smb2_set_info_req *in)
{
	union any_set m;
	ntstatus status;

	if (in->file_info_class != FSCC_FILE_PIPE)
		return fscc_file_class_of(in->file_info_class) ? STATUS_INVALID_PARAMETER : class_refused(in->file_info_class);
	status = decode(r, fscc_file_class_of(FSCC_FILE_PIPE), in->input, &m);
	return nt_ok(status) ? set_pipe(r, &m.pipe) : status;
}

ntstatus info_file_set(struct srv_request *r, const struct smb2_set_info_req *in)
{
	const struct fscc_class *class = fscc_file_class_of(in->file_info_class);
	union any_set m;
	ntstatus status;

	if (r->open->pipe)
		return set_pipe_class(r, in);
	if (in->file_info_class == FSCC_FILE_FULL_EA)
		return info_eas_set(r, in->input);
	if (in->file_info_class == FSCC_FILE_PIPE)
		return STATUS_INVALID_PARAMETER;
	for (size_t i = 0; class && i < ARRAY_LEN(rows); i++) {
		if (rows[i].class != in->file_info_class)
			continue;
		if (rows[i].access & ~r->open->granted_access)
			return STATUS_ACCESS_DENIED;
		status = decode(r, class, in->input, &m);
		return nt_ok(status) ? rows[i].set(r, &m) : status;
	}
	return class_refused(in->file_info_class);
}

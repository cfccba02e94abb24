/* QUERY_DIRECTORY, [MS-SMB2] 3.3.5.18, [MS-FSA] 2.1.5.6.3. Entries are packed straight into the reply. An entry that does not
 * fit any more is given back to the store and comes first next time. */
#include "server/acl.h"
#include "server/cmd.h"
#include "server/open.h"
#include "server/session.h"
#include "server/srv.h"
#include "server/store_wait.h"

#include "base/utf16.h"
#include "proto/proto.h"
#include "wire/fscc.h"
#include "wire/fsctl.h"

#include <stdlib.h>

enum { FLAG_RESTART_SCANS = 1, FLAG_RETURN_SINGLE_ENTRY = 2, FLAG_INDEX_SPECIFIED = 4, FLAG_REOPEN = 0x10 };

struct srv_enumeration {
	uint8_t pattern[2 * FSA_PATTERN_MAX_UNITS];
	size_t pattern_len;  /* bytes; 0: none captured */
	uint64_t cookie;     /* behind the last entry that was delivered */
	bool everything;     /* the pattern is "*" */
	bool literal;        /* it is one name */
	bool begun;          /* an entry has been delivered since the start */
};

void srv_enumeration_free(struct srv_enumeration *e)
{
	free(e);
}

static struct slice pattern_of(const struct srv_enumeration *e)
{
	return slice_of(e->pattern, e->pattern_len);
}

static ntstatus query_check(const struct srv_request *r, const struct smb2_query_directory_req *in)
{
	const struct srv_open *o = r->open;

	if (!o->directory || in->output_buffer_length > srv_request_proto(r)->max_transact_bytes)
		return STATUS_INVALID_PARAMETER;
	if (!(o->granted_access & FILE_LIST_DIRECTORY))
		return STATUS_ACCESS_DENIED;
	if (!fscc_dir_class_valid(in->file_information_class))
		return STATUS_INVALID_INFO_CLASS;
	if (in->output_buffer_length < fscc_dir_fixed_size(in->file_information_class))
		return STATUS_INFO_LENGTH_MISMATCH;
	return STATUS_SUCCESS;
}

/* One name, and none of those that only a scan finds. */
static bool pattern_is_literal(struct slice p)
{
	struct slice name, stream;

	return !fsa_name_has_wildcards(p) && nt_ok(fsa_path_check(p, &name, &stream)) && !stream.data;
}

static ntstatus pattern_set(struct srv_enumeration *e, struct slice p)
{
	if (p.len == 0)
		p = slice_of("*", 2);
	if (p.len > sizeof(e->pattern))
		return STATUS_OBJECT_NAME_INVALID;
	for (size_t i = 0; i < p.len / 2; i++) {
		uint16_t c = utf16_at(p, i);

		if (c < 0x20 || c == '\\' || c == '/' || c == ':' || c == '|')
			return STATUS_OBJECT_NAME_INVALID;
	}
	memcpy(e->pattern, p.data, p.len);
	e->pattern_len = p.len;
	e->everything = p.len == 2 && utf16_at(p, 0) == '*';
	e->literal = pattern_is_literal(p);
	return STATUS_SUCCESS;
}

/* Flags and pattern. The open's lock is held. */
static ntstatus enumeration_prepare_locked(struct srv_open *o, const struct smb2_query_directory_req *in)
{
	struct srv_enumeration *e = o->enumeration;
	bool restart = (in->flags & (FLAG_RESTART_SCANS | FLAG_REOPEN)) != 0;

	if (!e) {
		e = o->enumeration = calloc(1, sizeof(*e));
		if (!e)
			return STATUS_INSUFFICIENT_RESOURCES;
		restart = true;
	}
	if (restart) {
		vfs_dir_seek(o->file, 0);
		e->cookie = 0;
		e->begun = false;
	}
	/* A first query takes its pattern; a restart or a given index (which is ignored otherwise, note 328) may bring a new one. */
	if (e->pattern_len == 0 || (in->flags & FLAG_REOPEN) ||
		(in->file_name.len > 0 && (in->flags & (FLAG_RESTART_SCANS | FLAG_INDEX_SPECIFIED))))
		return pattern_set(e, in->file_name);
	return STATUS_SUCCESS;
}

/* What one query fills and by which rules. */
struct filling {
	struct srv_request *r;
	struct fscc_list list;
	uint8_t class;
	bool need_stat, only_readable, short_names;
	uint64_t now_ms;
	size_t count;
};

/* The path of a name in the directory; no data: out of memory. */
static struct slice path_in(struct srv_open *o, struct slice name, struct arena *a)
{
	struct slice dir = vfs_file_name(o->file, a);
	uint8_t *path = arena_alloc(a, dir.len + 2 + name.len);
	size_t n = dir.len;

	if (!path || (dir.len > 0 && !dir.data))
		return slice_of(NULL, 0);
	if (n > 0) {
		memcpy(path, dir.data, n);
		store_le16(path + n, '\\');
		n += 2;
	}
	memcpy(path + n, name.data, name.len);
	return slice_of(path, n + name.len);
}

static bool is_dots(struct slice name)
{
	return name.len > 0 && utf16_at(name, 0) == '.' && (name.len == 2 || (name.len == 4 && utf16_at(name, 1) == '.'));
}

/* Access-based enumeration: what the caller could not open for reading is not shown, nor what cannot be opened at all. */
static bool entry_hidden(const struct filling *f, struct srv_open *o, struct slice name)
{
	const uint32_t reading = ACCESS_FILE_READ & ~ACCESS_SYNCHRONIZE;
	struct vfs_open_args args = {.disposition = VFS_OPEN, .flags = VFS_NO_FOLLOW};
	struct vfs_open_result there;
	bool hidden = true;
	struct arena a;

	if (!f->only_readable || is_dots(name))
		return false;
	arena_init(&a, NULL, 0, 0);
	args.name = path_in(o, name, &a);
	if (args.name.data && nt_ok(vfs_open(o->share->vfs, &args, &a, &there))) {
		hidden = (~srv_acl_access(there.file, &there.stat, &a) & reading) != 0;
		vfs_file_close(there.file);
	}
	arena_reset(&a);
	return hidden;
}

static bool entry_put(struct filling *f, struct slice name, const struct vfs_stat *st)
{
	struct fscc_dir_entry e = {.name = name};
	uint8_t alias[VFS_SHORT_NAME_BYTES];

	if (f->short_names && !is_dots(name) && !vfs_name_is_short(name))
		e.short_name = slice_of(alias, vfs_short_name(alias, name));
	if (f->need_stat) {
		e.creation_time = st->created;
		e.last_access_time = st->accessed;
		e.last_write_time = fsa_written_shown(f->r->tree->share->fsa, st->id, st->written, f->now_ms);
		e.change_time = st->changed;
		e.end_of_file = st->directory ? 0 : st->size;
		e.allocation_size = st->directory ? 0 : st->allocation;
		e.file_attributes = st->attributes | (srv_share_hides(f->r->tree->share, name) ? FILE_ATTRIBUTE_HIDDEN : 0);
		e.ea_size = st->ea_size;
		e.reparse_tag = st->symlink ? IO_REPARSE_TAG_SYMLINK : 0;
		e.file_id = st->file_id;
	}
	if (!fscc_dir_list_put(&f->list, f->class, &e))
		return false;
	f->count++;
	return true;
}

/* [MS-FSA] 2.1.5.6.3: an entry is there under both its names. */
static bool alias_matches(const struct filling *f, struct slice pattern, struct slice name)
{
	uint8_t alias[VFS_SHORT_NAME_BYTES];

	if (!f->short_names || is_dots(name) || vfs_name_is_short(name))
		return false;
	return fsa_name_match(pattern, slice_of(alias, vfs_short_name(alias, name)), true);
}

/* As Windows has it, by what Samba's masktest holds against servers: "." for a pattern finds nothing, and wildcards find ".."
 * where they find ".". */
static bool entry_wanted(const struct filling *f, const struct srv_enumeration *e, struct slice name)
{
	bool up = name.len == 4 && is_dots(name);

	if (e->pattern_len == 2 && utf16_at(pattern_of(e), 0) == '.')
		return false;
	if (up && fsa_name_has_wildcards(pattern_of(e)))
		name.len = 2;
	return e->everything || fsa_name_match(pattern_of(e), name, true) || alias_matches(f, pattern_of(e), name);
}

/* Reads on from the handle's position. */
static ntstatus fill_scan(struct filling *f, struct srv_open *o, bool single)
{
	struct srv_enumeration *e = o->enumeration;
	struct vfs_dirent d;
	ntstatus status;

	while (nt_ok(status = vfs_dir_read(o->file, f->need_stat, &d))) {
		if (entry_wanted(f, e, d.name) && !entry_hidden(f, o, d.name) && !entry_put(f, d.name, &d.stat)) {
			vfs_dir_seek(o->file, e->cookie);
			return f->count > 0 ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
		}
		e->cookie = d.cookie;
		if (single && f->count > 0)
			return STATUS_SUCCESS;
	}
	return f->count > 0 ? STATUS_SUCCESS : status;
}

static struct slice last_component(struct slice path)
{
	size_t from = path.len / 2;

	while (from > 0 && utf16_at(path, from - 1) != '\\')
		from--;
	return slice_of(path.data + 2 * from, path.len - 2 * from);
}

/* A pattern without wildcards names at most one entry: it is opened by name rather than looked for. Whatever the store cannot
 * open is left to the scan (*found false). */
static ntstatus fill_literal(struct filling *f, struct srv_open *o, bool *found)
{
	struct vfs_open_args args = {.name = path_in(o, pattern_of(o->enumeration), &f->r->arena), .disposition = VFS_OPEN, .flags = VFS_NO_FOLLOW};
	struct vfs_open_result there;
	ntstatus status;
	bool fits = true;

	*found = true;
	if (o->enumeration->begun)
		return STATUS_NO_MORE_FILES;
	status = args.name.data ? vfs_open(o->share->vfs, &args, &f->r->arena, &there) : STATUS_INSUFFICIENT_RESOURCES;
	if (nt_is(status, STATUS_OBJECT_NAME_NOT_FOUND))
		return STATUS_NO_MORE_FILES;
	if (!nt_ok(status)) {
		*found = false;
		return status;
	}
	if (!entry_hidden(f, o, pattern_of(o->enumeration)))
		fits = entry_put(f, last_component(vfs_file_name(there.file, &f->r->arena)), &there.stat);
	vfs_file_close(there.file);
	if (!fits)
		return STATUS_BUFFER_OVERFLOW;
	return f->count > 0 ? STATUS_SUCCESS : STATUS_NO_MORE_FILES;
}

static ntstatus fill_locked(struct filling *f, struct srv_open *o, bool single)
{
	struct srv_enumeration *e = o->enumeration;
	ntstatus status = STATUS_NO_MORE_FILES;
	bool done = false;

	if (e->literal)
		status = fill_literal(f, o, &done);
	if (!done)
		status = fill_scan(f, o, single);
	if (nt_is(status, STATUS_NO_MORE_FILES) && !e->begun)
		status = STATUS_NO_SUCH_FILE;
	if (nt_ok(status))
		e->begun = true;
	return status;
}

/* [MS-SMB2] 3.3.5.18 */
struct srv_result cmd_query_directory(struct srv_request *r, const struct smb2_query_directory_req *in, struct smb2_query_directory_rsp *out)
{
	ntstatus status = query_check(r, in);
	struct srv_store_wait wait;
	struct filling f = {
		.r = r, .class = in->file_information_class, .only_readable = r->tree->share->access_based_enumeration,
		.short_names = r->tree->share->short_names, .need_stat = in->file_information_class != FSCC_FILE_NAMES, .now_ms = clock_ms(r->srv->clock),
	};

	if (!nt_ok(status))
		return srv_reply(status);
	if (!srv_payload_alloc(r, in->output_buffer_length))
		return srv_reply(STATUS_INSUFFICIENT_RESOURCES);
	f.list = (struct fscc_list){.out = r->payload.data, .cap = in->output_buffer_length};
	srv_store_wait_begin_likely(&wait, r, false);
	pthread_mutex_lock(&r->open->lock);
	status = enumeration_prepare_locked(r->open, in);
	if (nt_ok(status))
		status = fill_locked(&f, r->open, (in->flags & FLAG_RETURN_SINGLE_ENTRY) != 0);
	pthread_mutex_unlock(&r->open->lock);
	srv_store_wait_end(&wait, r);
	r->payload.len = f.list.len;
	out->output = srv_payload_slice(r);
	return srv_reply(status);
}

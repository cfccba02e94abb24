/* Renames and hard links: FileRenameInformation, FileRenameInformationEx, FileLinkInformation. [MS-FSA] 2.1.5.15.6, 2.1.5.15.11.
 * The rights on the handle have been checked. */
#include "server/acl.h"
#include "server/info.h"
#include "server/notify.h"
#include "server/oplock.h"
#include "server/tunnel.h"

#include "base/utf16.h"

/* The new name, relative to the share's root whether or not it says so with a leading separator. */
static ntstatus new_name(const struct fscc_rename *m, struct slice *name)
{
	struct slice path = m->name, stream;
	ntstatus status;

	if (m->root_directory != 0)
		return STATUS_INVALID_PARAMETER;
	if (path.len >= 2 && utf16_at(path, 0) == '\\')
		path = slice_of(path.data + 2, path.len - 2);
	if (path.len == 0)
		return STATUS_OBJECT_NAME_INVALID;
	status = fsa_path_check(path, name, &stream);
	if (nt_ok(status) && stream.data)
		status = STATUS_OBJECT_NAME_INVALID;
	return status;
}

static ntstatus parent_open(struct srv_request *r, struct slice name, struct vfs_open_result *parent)
{
	size_t units = name.len / 2;
	struct vfs_open_args args = {.disposition = VFS_OPEN, .flags = VFS_DIRECTORY};
	ntstatus status;

	while (units > 0 && utf16_at(name, units - 1) != '\\')
		units--;
	args.name = slice_of(name.data, units > 0 ? 2 * (units - 1) : 0);
	status = vfs_open(r->open->share->vfs, &args, &r->arena, parent);
	return nt_is(status, STATUS_OBJECT_NAME_NOT_FOUND) ? STATUS_OBJECT_PATH_NOT_FOUND : status;
}

/* Whether the descriptor set on a directory lets names be added to it, as for new files. Without one the system's own rules hold. */
static ntstatus may_add(struct srv_request *r, const struct vfs_open_result *parent, uint32_t need)
{
	struct secdesc *sd;
	bool stored;

	if (r->tree->is_admin)
		return STATUS_SUCCESS;
	sd = srv_acl_load(parent->file, &parent->stat, &r->arena, &stored);
	if (!sd)
		return STATUS_INSUFFICIENT_RESOURCES;
	return !stored || (srv_acl_grants(sd, &parent->stat) & need) ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
}

/* The new name of a file is entered into its directory by somebody who may add it, and who shares reading and writing there, not
 * deletion: an open that may delete the directory, or keeps others from writing to it, stands in the way. Directories are renamed all
 * the same, or one who watches with all rights would stop everybody (smb2.oplock.batch20 has the one, smb2.notify-inotify.inotify-rename
 * the other). */
static ntstatus parent_check(struct srv_request *r, struct slice name, bool directory)
{
	struct vfs_open_result parent;
	ntstatus status = parent_open(r, name, &parent);

	if (!nt_ok(status))
		return status;
	status = may_add(r, &parent, directory ? FILE_ADD_SUBDIRECTORY : FILE_ADD_FILE);
	vfs_file_close(parent.file);
	if (!nt_ok(status) || directory)
		return status;
	return fsa_may_enter(r->open->share->fsa, parent.stat.id, FILE_ADD_FILE, FILE_SHARE_READ | FILE_SHARE_WRITE);
}

/* Who may delete neither a file nor what is in its directory puts nothing into its place. */
static ntstatus may_delete(struct srv_request *r, struct slice name, const struct vfs_open_result *there)
{
	struct vfs_open_result parent;
	ntstatus status;

	if (r->tree->is_admin || (srv_acl_access(there->file, &there->stat, &r->arena) & ACCESS_DELETE))
		return STATUS_SUCCESS;
	status = parent_open(r, name, &parent);
	if (!nt_ok(status))
		return status;
	status = srv_acl_access(parent.file, &parent.stat, &r->arena) & FILE_DELETE_CHILD ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
	vfs_file_close(parent.file);
	return status;
}

/* Whether what has the new name may go. A file under another of its own names does not stand in the way. */
static ntstatus target_check(struct srv_request *r, struct slice name, uint32_t flags, struct vfs_id own)
{
	struct vfs_open_args args = {.name = name, .disposition = VFS_OPEN, .flags = VFS_NO_FOLLOW};
	struct fsa *fsa = r->open->share->fsa;
	struct vfs_open_result there;
	ntstatus status = vfs_open(r->open->share->vfs, &args, &r->arena, &there), deleted = STATUS_SUCCESS;

	if (nt_is(status, STATUS_OBJECT_NAME_NOT_FOUND))
		return STATUS_SUCCESS;
	if (!nt_ok(status))
		return status;
	if (flags & FSCC_RENAME_REPLACE)
		deleted = may_delete(r, name, &there);
	vfs_file_close(there.file);
	if (vfs_id_same_file(there.stat.id, own))
		return STATUS_SUCCESS;
	if (!(flags & FSCC_RENAME_REPLACE))
		return STATUS_OBJECT_NAME_COLLISION;
	if (there.stat.directory)
		return STATUS_ACCESS_DENIED;
	if ((there.stat.attributes & FILE_ATTRIBUTE_READONLY) && !(flags & FSCC_RENAME_IGNORE_READONLY))
		return STATUS_ACCESS_DENIED;
	status = nt_ok(deleted) ? srv_oplock_give_way(r, there.stat.id, FSA_RENAMES) : deleted;
	if (!nt_ok(status) || (flags & FSCC_RENAME_POSIX))
		return status;
	return fsa_may_replace(fsa, there.stat.id);
}

/* Files beneath a directory that is to be renamed: whoever only caches their handles has to close them. */
static ntstatus beneath_check(struct srv_request *r, struct slice name)
{
	struct fsa_breaks b;
	ntstatus status;

	fsa_breaks_init(&b);
	status = fsa_open_beneath(r->open->share->fsa, name, &r->arena, &r->awaited.id, &b);
	r->awaited.ended = b.ended;
	srv_oplock_tell(&b);
	return status;
}

static ntstatus source_check(struct srv_request *r, struct vfs_stat *st)
{
	struct srv_open *o = r->open;
	struct fsa *fsa = o->share->fsa;
	ntstatus status = vfs_stat_get(o->file, st);
	struct slice name;

	if (!nt_ok(status))
		return status;
	name = vfs_file_name(o->file, &r->arena);
	if (name.len == 0)
		return STATUS_ACCESS_DENIED;
	status = srv_oplock_give_way(r, st->id, FSA_RENAMES);
	if (nt_ok(status) && st->directory)
		status = beneath_check(r, name);
	if (nt_ok(status))
		status = fsa_may_rename(fsa, st->id, &o->fsa);
	return nt_ok(status) ? fsa_no_streams_open(fsa, st->id) : status;
}

ntstatus info_rename(struct srv_request *r, const struct fscc_rename *m)
{
	struct vfs_stat st;
	struct slice name, from;
	ntstatus status;

	if (m->name.len >= 2 && utf16_at(m->name, 0) == ':')
		return info_stream_rename(r, m);
	/* A file is not renamed under an open stream, not by that either. */
	if (vfs_stream_base(r->open->file))
		return STATUS_SHARING_VIOLATION;
	status = new_name(m, &name);
	if (nt_ok(status))
		status = source_check(r, &st);
	if (nt_ok(status))
		status = parent_check(r, name, st.directory);
	if (nt_ok(status))
		status = target_check(r, name, m->flags, st.id);
	if (!nt_ok(status))
		return status;
	from = vfs_file_name(r->open->file, &r->arena);
	status = vfs_rename(r->open->file, name, (m->flags & FSCC_RENAME_REPLACE) != 0);
	if (!nt_ok(status))
		return status;
	srv_tunnel_gone(r->tree->share->tunnel, from, clock_ms(r->srv->clock));
	r->open->name_hides = srv_share_hides(r->tree->share, name);
	srv_changed_name(r->open, from);
	/* NTFS touches the attributes of a file that it moves, which those see on Windows who do not watch names (smb2.notify.mask-change,
	 * smb2.notify.rec). */
	if (!st.directory)
		srv_changed(r->open, FSA_MODIFIED, FSA_CHANGE_ATTRIBUTES | FSA_CHANGE_CREATION | FSA_CHANGE_UNLESS_NAMED);
	return status;
}

/* [MS-FSA] 2.1.5.15.6 (FileLinkInformation) */
static ntstatus link_parent_check(struct srv_request *r, struct slice name)
{
	struct vfs_open_result parent;
	ntstatus status = parent_open(r, name, &parent);

	if (!nt_ok(status))
		return status;
	status = may_add(r, &parent, FILE_ADD_FILE);
	vfs_file_close(parent.file);
	return status;
}

ntstatus info_link(struct srv_request *r, const struct fscc_rename *m)
{
	struct vfs_stat st;
	struct slice name;
	ntstatus status = vfs_stream_base(r->open->file) ? STATUS_INVALID_PARAMETER : new_name(m, &name);

	/* Who may not add files to the share may not add names either. */
	if (nt_ok(status) && !(r->tree->maximal_access & FILE_ADD_FILE))
		status = STATUS_ACCESS_DENIED;
	if (nt_ok(status))
		status = vfs_stat_get(r->open->file, &st);
	if (nt_ok(status) && st.directory)
		status = STATUS_FILE_IS_A_DIRECTORY;
	if (nt_ok(status))
		status = link_parent_check(r, name);
	if (nt_ok(status))
		status = target_check(r, name, m->flags, st.id);
	if (nt_ok(status))
		status = vfs_link(r->open->file, name, (m->flags & FSCC_RENAME_REPLACE) != 0);
	if (nt_ok(status))
		srv_changed_path(r->open->share, r->open, FSA_ADDED, FSA_CHANGE_FILE_NAME, name);
	return status;
}

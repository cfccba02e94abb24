/* What is done to a name: CREATE_DIRECTORY, DELETE_DIRECTORY, CHECK_DIRECTORY, DELETE, RENAME, NT_RENAME, PROCESS_EXIT. [MS-CIFS] 3.3.5.3, 3.3.5.4, 3.3.5.9, 3.3.5.10,
 * 3.3.5.19, 3.3.5.20, 3.3.5.52. Each is a CREATE with the right it takes, the change, and a close, so that share modes, oplocks and access lists have their
 * say. Patterns are listed one entry at a time. */
#include "server/smb1/opening.h"

#include "server/smb1/pattern.h"

#include "base/utf16.h"
#include "wire/smb2.h"

#include <stdlib.h>

enum { SHARE_ALL = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE };
enum { QUERY_SINGLE = 2, ENTRY_ROOM = 1024, NAME_BYTES = 512 };

struct smb2_create_req *srv1_open_path(struct srv1_op *op, struct slice path, uint32_t access, uint32_t options)
{
	struct smb2_create_req *in = srv1_call(op, SMB2_CREATE, NULL);

	if (!in)
		return NULL;
	in->name = path;
	in->impersonation_level = 2;
	in->desired_access = access;
	in->share_access = SHARE_ALL;
	in->create_disposition = CREATE_OPEN;
	in->create_options = options;
	return in;
}

enum srv1_next srv1_close_with(struct srv1_op *op, ntstatus status)
{
	if (op->open)
		srv_open_close(op->open);
	srv_open_put(op->open);
	op->open = NULL;
	op->close_open = false;
	return srv1_done(op, status);
}

/* --- directories --- */

/* CREATE of a directory and nothing else. */
static enum srv1_next directory_only(struct srv1_op *op, uint32_t disposition)
{
	const struct smb1_name_req *in = op->in;
	struct smb2_create_req *c;
	struct slice path;
	ntstatus status;

	if (op->phase > 0) {
		if (nt_ok(op->result.status))
			srv1_opened(op);
		return srv1_close_with(op, op->result.status);
	}
	status = srv1_path(op, in->name, &path);
	if (!nt_ok(status))
		return srv1_done(op, status);
	c = srv1_open_path(op, path, FILE_READ_ATTRIBUTES, OPTION_DIRECTORY_FILE);
	if (!c)
		return srv1_no_memory(op);
	c->create_disposition = disposition;
	return SRV1_CALL;
}

/* [MS-CIFS] 3.3.5.3 */
enum srv1_next srv1_create_directory(struct srv1_op *op)
{
	return directory_only(op, CREATE_CREATE);
}

/* [MS-CIFS] 3.3.5.19 */
enum srv1_next srv1_check_directory(struct srv1_op *op)
{
	return directory_only(op, CREATE_OPEN);
}

static bool ask_delete(struct srv1_op *op)
{
	static const uint8_t yes = 1;

	return srv1_set_info(op, op->open, INFO_FILE, FSCC_FILE_DISPOSITION, slice_of(&yes, 1)) != NULL;
}

/* [MS-CIFS] 3.3.5.4 */
enum srv1_next srv1_delete_directory(struct srv1_op *op)
{
	const struct smb1_name_req *in = op->in;
	struct slice path;
	ntstatus status;

	switch (op->phase) {
	case 0:
		status = srv1_path(op, in->name, &path);
		if (!nt_ok(status))
			return srv1_done(op, status);
		return srv1_open_path(op, path, ACCESS_DELETE | FILE_READ_ATTRIBUTES, OPTION_DIRECTORY_FILE) ? SRV1_CALL : srv1_no_memory(op);
	case 1:
		if (!nt_ok(op->result.status))
			return srv1_done(op, op->result.status);
		srv1_opened(op);
		if (!op->open)
			return srv1_done(op, STATUS_FILE_CLOSED);
		return ask_delete(op) ? SRV1_CALL : srv1_no_memory(op);
	default:
		return srv1_close_with(op, op->result.status);
	}
}

/* --- names and patterns of them --- */

enum step { START, OPEN_DIRECTORY, NEXT, LISTED, OPENED, CHANGED };

struct many {
	enum step step;
	struct slice dir, pattern;    /* of what is to be changed */
	struct slice new_dir, new_pattern; /* of a rename */
	uint16_t search;
	bool all, link;               /* all: pattern has wildcards */
	struct srv_open *listing;     /* referenced */
	uint8_t name[NAME_BYTES];     /* that which is being changed */
	size_t name_len;
	size_t done;
	bool (*change)(struct srv1_op *op, struct many *m);
};

/* Attributes that hide a file from those who do not ask for them ([MS-CIFS] 2.2.1.2.4). */
static bool wanted(const struct many *m, uint32_t attributes)
{
	uint32_t hiding = attributes & (FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM);

	return (hiding & ~(uint32_t)m->search) == 0;
}

static enum srv1_next many_end(struct srv1_op *op, struct many *m, ntstatus status)
{
	if (m->listing)
		srv_open_close(m->listing);
	srv_open_put(m->listing);
	m->listing = NULL;
	return srv1_close_with(op, status);
}

static enum srv1_next open_entry(struct srv1_op *op, struct many *m)
{
	struct slice path = srv1_path_join(op, m->dir, slice_of(m->name, m->name_len));
	struct smb2_create_req *c;
	uint32_t options = m->change == NULL || m->new_pattern.data ? OPTION_OPEN_REPARSE_POINT : OPTION_NON_DIRECTORY_FILE | OPTION_OPEN_REPARSE_POINT;

	m->step = OPENED;
	srv1_call_forget(op);
	c = path.data ? srv1_open_path(op, path, (m->link ? 0u : ACCESS_DELETE) | FILE_READ_ATTRIBUTES | ACCESS_SYNCHRONIZE, options) : NULL;
	if (!c)
		return srv1_no_memory(op);
	/* A file that somebody has open is not deleted behind his back, nor renamed when he may do so himself. */
	c->share_access = m->new_pattern.data ? FILE_SHARE_READ | FILE_SHARE_WRITE : 0;
	return SRV1_CALL;
}

static enum srv1_next many_begin(struct srv1_op *op, struct many *m)
{
	m->all = srv1_has_wildcards(m->pattern);
	if (m->all) {
		m->step = OPEN_DIRECTORY;
		return srv1_open_path(op, m->dir, FILE_LIST_DIRECTORY | ACCESS_SYNCHRONIZE, OPTION_DIRECTORY_FILE) ? SRV1_CALL : srv1_no_memory(op);
	}
	if (m->pattern.len > NAME_BYTES)
		return srv1_done(op, STATUS_OBJECT_NAME_INVALID);
	if (m->pattern.len > 0)
		memcpy(m->name, m->pattern.data, m->pattern.len);
	m->name_len = m->pattern.len;
	return open_entry(op, m);
}

static enum srv1_next ask_next(struct srv1_op *op, struct many *m)
{
	struct smb2_query_directory_req *q;

	srv1_call_forget(op);
	q = srv1_call(op, SMB2_QUERY_DIRECTORY, m->listing);
	if (!q)
		return many_end(op, m, STATUS_INSUFFICIENT_RESOURCES);
	q->file_information_class = FSCC_FILE_DIRECTORY;
	q->flags = QUERY_SINGLE;
	q->output_buffer_length = ENTRY_ROOM;
	q->file_name = srv1_pattern(m->pattern);
	m->step = LISTED;
	return SRV1_CALL;
}

static enum srv1_next many_listed(struct srv1_op *op, struct many *m)
{
	struct slice list = slice_of(op->r->payload.data, op->r->payload.len);
	struct fscc_dir_entry e;
	bool bad;

	if (!nt_ok(op->result.status) || !fscc_dir_entry_next(&list, FSCC_FILE_DIRECTORY, &e, &bad))
		return many_end(op, m, m->done > 0 ? STATUS_SUCCESS : STATUS_NO_SUCH_FILE);
	if ((e.file_attributes & FILE_ATTRIBUTE_DIRECTORY) || !wanted(m, e.file_attributes) || e.name.len > NAME_BYTES)
		return ask_next(op, m);
	memcpy(m->name, e.name.data, e.name.len);
	m->name_len = e.name.len;
	return open_entry(op, m);
}

static enum srv1_next many_opened(struct srv1_op *op, struct many *m)
{
	const struct smb2_create_rsp *rsp = op->r->body;
	uint32_t attributes = rsp->file_attributes;

	if (!nt_ok(op->result.status))
		return many_end(op, m, op->result.status);
	srv1_opened(op);
	if (!op->open || !wanted(m, attributes))
		return many_end(op, m, STATUS_NO_SUCH_FILE);
	m->step = CHANGED;
	srv1_call_forget(op);
	return m->change(op, m) ? SRV1_CALL : many_end(op, m, STATUS_INSUFFICIENT_RESOURCES);
}

static enum srv1_next many_changed(struct srv1_op *op, struct many *m)
{
	ntstatus status = op->result.status;

	srv_open_close(op->open);
	if (!nt_ok(status) || !m->all)
		return many_end(op, m, status);
	m->done++;
	return ask_next(op, m);
}

static enum srv1_next many_run(struct srv1_op *op, struct many *m)
{
	switch (m->step) {
	case START:
		return many_begin(op, m);
	case OPEN_DIRECTORY:
		if (!nt_ok(op->result.status))
			return srv1_done(op, op->result.status);
		srv1_opened(op);
		m->listing = op->open;
		op->open = NULL;
		op->close_open = false;
		return m->listing ? ask_next(op, m) : srv1_done(op, STATUS_FILE_CLOSED);
	case LISTED:
		return many_listed(op, m);
	case OPENED:
		return many_opened(op, m);
	default:
		return many_changed(op, m);
	}
}

static struct many *many_new(struct srv1_op *op, struct slice raw, uint16_t search, ntstatus *status)
{
	struct many *m = arena_zalloc(&op->arena, sizeof(*m));
	struct slice path;

	*status = m ? srv1_path(op, raw, &path) : STATUS_INSUFFICIENT_RESOURCES;
	if (!nt_ok(*status))
		return NULL;
	srv1_path_split(path, &m->dir, &m->pattern);
	m->search = search;
	op->state = m;
	return m;
}

static bool delete_one(struct srv1_op *op, struct many *m)
{
	(void)m;
	return ask_delete(op);
}

/* [MS-CIFS] 3.3.5.9 */
enum srv1_next srv1_delete(struct srv1_op *op)
{
	const struct smb1_delete_req *in = op->in;
	struct many *m = op->state;
	ntstatus status;

	if (!m) {
		m = many_new(op, in->file_name, in->search_attributes, &status);
		if (!nt_ok(status))
			return srv1_done(op, status);
		m->change = delete_one;
	}
	return many_run(op, m);
}

static bool rename_one(struct srv1_op *op, struct many *m)
{
	struct slice name = srv1_pattern_apply(op, m->new_pattern, slice_of(m->name, m->name_len));
	struct fscc_rename r = {.name = name.data ? srv1_path_join(op, m->new_dir, name) : name};
	size_t cap = 32 + r.name.len;
	uint8_t *p = r.name.data ? arena_alloc(&op->arena, cap) : NULL;
	struct wire w = wire_encoder(p, 0, p ? cap : 0);

	if (!p)
		return false;
	fscc_rename_code(&w, &r);
	return wire_ok(&w) && srv1_set_info(op, op->open, INFO_FILE, m->link ? FSCC_FILE_LINK : FSCC_FILE_RENAME, slice_of(p, w.pos)) != NULL;
}

static enum srv1_next rename_begin(struct srv1_op *op, struct slice from, struct slice to, uint16_t search, bool link)
{
	struct slice path;
	ntstatus status;
	struct many *m = many_new(op, from, search, &status);

	if (nt_ok(status))
		status = srv1_path(op, to, &path);
	if (!nt_ok(status))
		return srv1_done(op, status);
	srv1_path_split(path, &m->new_dir, &m->new_pattern);
	m->change = rename_one;
	m->link = link;
	return many_run(op, m);
}

/* [MS-CIFS] 3.3.5.10 */
enum srv1_next srv1_rename(struct srv1_op *op)
{
	const struct smb1_rename_req *in = op->in;

	if (op->state)
		return many_run(op, op->state);
	return rename_begin(op, in->old_file_name, in->new_file_name, in->search_attributes, false);
}

/* [MS-CIFS] 3.3.5.52 */
enum srv1_next srv1_nt_rename(struct srv1_op *op)
{
	const struct smb1_nt_rename_req *in = op->in;
	bool link = in->information_level == SMB1_NT_RENAME_SET_LINK_INFO;

	if (op->state)
		return many_run(op, op->state);
	if (!link && in->information_level != SMB1_NT_RENAME_RENAME_FILE)
		return srv1_done(op, in->information_level == SMB1_NT_RENAME_MOVE_FILE ? STATUS_NOT_SUPPORTED : STATUS_INVALID_PARAMETER);
	return rename_begin(op, in->old_file_name, in->new_file_name, in->search_attributes, link);
}

/* --- the end of a process --- */

static bool file_of_process(struct srv1_op *op)
{
	struct srv1_table *t = &op->smb1->files;
	bool found = false;

	pthread_mutex_lock(&op->smb1->lock);
	for (size_t i = 0; i < t->cap && !found; i++) {
		struct srv1_file *f = t->slots[i];

		if (!f || f->uid != op->header.uid || f->pid != srv1_pid(op))
			continue;
		op->file = *f;
		srv1_table_remove_locked(t, f->fid);
		free(f);
		found = true;
	}
	pthread_mutex_unlock(&op->smb1->lock);
	return found;
}

/* [MS-CIFS] 3.3.5.20 */
enum srv1_next srv1_process_exit(struct srv1_op *op)
{
	while (file_of_process(op)) {
		struct srv_open *o = srv_open_find(op->session, op->file.id, NULL);

		if (o)
			srv_open_close(o);
		srv_open_put(o);
	}
	return srv1_done(op, STATUS_SUCCESS);
}

/* Searches, see search.h, and the commands of old that use them: SEARCH, FIND, FIND_UNIQUE, FIND_CLOSE, FIND_CLOSE2. [MS-CIFS] 2.2.4.58 to 2.2.4.61, 3.3.5.38, 3.3.5.47,
 * 3.3.5.48. Old clients see what has an 8.3 name. */
#include "server/smb1/search.h"

#include "server/smb1/pattern.h"

#include "base/utf16.h"
#include "wire/smb2.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { LISTED_BYTES = 16 << 10, FLAG_RESTART = 1, HIDING = FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_DIRECTORY };

void srv1_search_put(struct srv1_search *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	free(s->listed);
	free(s);
}

/* What is not there on the way is a path that is not there. */
static ntstatus directory_status(ntstatus status)
{
	if (nt_is(status, STATUS_OBJECT_NAME_NOT_FOUND) || nt_is(status, STATUS_NOT_A_DIRECTORY))
		return STATUS_OBJECT_PATH_NOT_FOUND;
	return status;
}

ntstatus srv1_search_open(struct srv1_op *op, struct slice raw, struct slice *pattern)
{
	struct slice path, dir;
	ntstatus status = srv1_path(op, raw, &path);

	if (!nt_ok(status))
		return status;
	srv1_path_split(path, &dir, pattern);
	*pattern = srv1_pattern(*pattern);
	if (pattern->len > SRV1_SEARCH_NAME_BYTES)
		return STATUS_OBJECT_NAME_INVALID;
	return srv1_open_path(op, dir, FILE_LIST_DIRECTORY | ACCESS_SYNCHRONIZE, OPTION_DIRECTORY_FILE) ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

/* The one that nobody has asked for longest; its client has most likely forgotten it. */
static struct srv1_search *oldest_locked(struct srv1_table *t)
{
	struct srv1_search *oldest = NULL;

	for (size_t i = 0; i < t->cap; i++) {
		struct srv1_search *s = t->slots[i];

		if (s && (!oldest || s->used < oldest->used))
			oldest = s;
	}
	return oldest;
}

static uint64_t next_use(struct srv1_op *op)
{
	return ++op->smb1->search_uses;
}

static bool search_enter(struct srv1_op *op, struct srv1_search *s)
{
	struct srv1_search *gone = NULL;

	pthread_mutex_lock(&op->smb1->lock);
	if (op->smb1->searches.count >= SRV1_MOST_SEARCHES)
		gone = oldest_locked(&op->smb1->searches);
	if (gone)
		srv1_table_remove_locked(&op->smb1->searches, gone->sid);
	s->used = next_use(op);
	s->sid = srv1_table_add_locked(&op->smb1->searches, s, SRV1_MOST_SEARCHES);
	if (s->sid != 0)
		atomic_fetch_add(&s->refs, 1);
	pthread_mutex_unlock(&op->smb1->lock);
	if (gone && gone->uid == s->uid) {
		struct srv_open *o = srv_open_find(op->session, gone->id, NULL);

		if (o)
			srv_open_close(o);
		srv_open_put(o);
	}
	srv1_search_put(gone);
	return s->sid != 0;
}

struct srv1_search *srv1_search_new(struct srv1_op *op, struct slice pattern, uint16_t attributes, ntstatus *status)
{
	struct srv1_search *s;

	*status = directory_status(op->result.status);
	if (!nt_ok(*status))
		return NULL;
	srv1_opened(op);
	srv1_call_forget(op);
	s = op->open ? calloc(1, sizeof(*s)) : NULL;
	*status = s ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
	if (!s)
		return NULL;
	s->refs = 1;
	s->uid = op->header.uid;
	s->tid = op->header.tid;
	s->attributes = attributes;
	s->id = op->open->file_id;
	memcpy(s->pattern, pattern.data, pattern.len);
	s->pattern_len = pattern.len;
	if (search_enter(op, s)) {
		op->close_open = false;
		return s;
	}
	srv1_search_put(s);
	*status = STATUS_OS2_NO_MORE_SIDS;
	return NULL;
}

struct srv1_search *srv1_search_find(struct srv1_op *op, uint16_t sid)
{
	struct srv1_search *s;

	pthread_mutex_lock(&op->smb1->lock);
	s = srv1_table_find_locked(&op->smb1->searches, sid);
	if (s && s->uid == op->header.uid && s->tid == op->header.tid) {
		atomic_fetch_add(&s->refs, 1);
		s->used = next_use(op);
	} else {
		s = NULL;
	}
	pthread_mutex_unlock(&op->smb1->lock);
	if (!s)
		return NULL;
	op->open = srv_open_find(op->session, s->id, op->tree);
	if (op->open)
		return s;
	srv1_search_end(op, s);
	srv1_search_put(s);
	return NULL;
}

void srv1_search_end(struct srv1_op *op, struct srv1_search *s)
{
	struct srv_open *o;
	bool mine;

	pthread_mutex_lock(&op->smb1->lock);
	mine = srv1_table_find_locked(&op->smb1->searches, s->sid) == s;
	if (mine)
		srv1_table_remove_locked(&op->smb1->searches, s->sid);
	pthread_mutex_unlock(&op->smb1->lock);
	if (!mine)
		return;
	o = srv_open_find(op->session, s->id, NULL);
	if (o)
		srv_open_close(o);
	srv_open_put(o);
	srv1_search_put(s);
}

/* --- entries --- */

static bool ask_more(struct srv1_op *op, struct srv1_search *s)
{
	struct smb2_query_directory_req *q = srv1_call(op, SMB2_QUERY_DIRECTORY, op->open);

	if (!q)
		return false;
	q->file_information_class = FSCC_FILE_ID_BOTH_DIRECTORY;
	q->flags = s->restart ? FLAG_RESTART : 0;
	q->output_buffer_length = LISTED_BYTES;
	q->file_name = slice_of(s->pattern, s->pattern_len);
	s->restart = false;
	return true;
}

/* What the request brought becomes what is left. */
static bool keep_listed(struct srv1_op *op, struct srv1_search *s)
{
	size_t n = op->r->payload.len;

	free(s->listed);
	s->listed = malloc(n);
	if (!s->listed)
		return false;
	memcpy(s->listed, op->r->payload.data, n);
	s->left = slice_of(s->listed, n);
	srv1_call_forget(op);
	return true;
}

static bool shown(const struct srv1_search *s, const struct fscc_dir_entry *e)
{
	uint32_t must = (s->attributes >> 8) & (FILE_ATTRIBUTE_READONLY | HIDING | FILE_ATTRIBUTE_ARCHIVE);

	return (e->file_attributes & HIDING & ~(uint32_t)s->attributes) == 0 && (e->file_attributes & must) == must && e->name.len <= SRV1_SEARCH_NAME_BYTES;
}

/* Entries up to where the client wants to go on. */
static bool skipped(struct srv1_search *s, const struct fscc_dir_entry *e)
{
	struct slice name = slice_of(s->skip_name, s->skip_name_len);

	if (name.len > 0) {
		if (utf16_equal_nocase(name, e->name))
			s->skip_name_len = 0;
		return true;
	}
	return s->given < s->skip_to;
}

enum srv1_found srv1_search_next(struct srv1_op *op, struct srv1_search *s, bool *answered, struct fscc_dir_entry *e, ntstatus *status)
{
	struct slice before;
	bool bad;

	if (*answered) {
		*answered = false;
		*status = op->result.status;
		s->ended = !nt_ok(*status);
		if (!s->ended && !keep_listed(op, s)) {
			*status = STATUS_INSUFFICIENT_RESOURCES;
			return SRV1_FAILED;
		}
	}
	for (;;) {
		if (s->ended)
			return SRV1_END;
		before = s->left;
		if (!fscc_dir_entry_next(&s->left, FSCC_FILE_ID_BOTH_DIRECTORY, e, &bad)) {
			*status = STATUS_INSUFFICIENT_RESOURCES;
			return ask_more(op, s) ? SRV1_ASK : SRV1_FAILED;
		}
		if (!shown(s, e))
			continue;
		if (!skipped(s, e)) {
			s->left = before;
			return SRV1_ENTRY;
		}
		s->given++;
	}
}

void srv1_search_taken(struct srv1_search *s, const struct fscc_dir_entry *e)
{
	struct fscc_dir_entry same;
	bool bad;

	s->given++;
	s->last_len = e->name.len;
	memcpy(s->last, e->name.data, e->name.len);
	(void)fscc_dir_entry_next(&s->left, FSCC_FILE_ID_BOTH_DIRECTORY, &same, &bad);
}

void srv1_search_resume(struct srv1_search *s, uint64_t number, struct slice name)
{
	bool here = name.len > 0 ? utf16_equal_nocase(name, slice_of(s->last, s->last_len)) : number == s->given;

	if (here || name.len > SRV1_SEARCH_NAME_BYTES)
		return;
	s->restart = true;
	s->ended = false;
	s->left = slice_of(NULL, 0);
	s->given = 0;
	s->skip_to = name.len > 0 ? 0 : number;
	s->skip_name_len = name.len;
	if (name.len > 0)
		memcpy(s->skip_name, name.data, name.len);
}

/* --- SEARCH and its like --- */

struct listing {
	struct srv1_search *search; /* the table's reference keeps it, or this one */
	struct slice pattern;
	bool answered, begun, fresh;
	uint8_t *out;
	size_t n, most;
};

/* Where a resume key keeps what is ours ([MS-CIFS] 2.2.4.58.1: ServerState), and where the client's own. */
enum { KEY_NAME_AT = 1, KEY_SID_AT = 12, KEY_NUMBER_AT = 14, KEY_CLIENT_AT = 17, KEY_CLIENT_BYTES = 4, SHORT_NAME_BYTES = 12 };

static struct slice short_name_of(const struct fscc_dir_entry *e)
{
	bool dots = e->name.len <= 4 && utf16_at(e->name, 0) == '.' && (e->name.len == 2 || utf16_at(e->name, 1) == '.');

	return dots || vfs_name_is_short(e->name) ? e->name : e->short_name;
}

static bool put_entry(struct srv1_op *op, struct listing *l, const struct fscc_dir_entry *e)
{
	const struct smb1_search_req *in = op->in;
	struct slice name = srv1_oem_out(op, short_name_of(e));
	struct smb1_directory_entry d = {
		.file_attributes = (uint8_t)srv1_dos_attributes(e->file_attributes),
		.last_write = dos_time_from_filetime(e->last_write_time, 0),
		.file_size = srv1_size32(e->end_of_file),
	};
	struct wire w = wire_encoder(l->out, l->n * SMB1_DIRECTORY_ENTRY_BYTES, l->most * SMB1_DIRECTORY_ENTRY_BYTES);

	if (name.len == 0 || name.len > SHORT_NAME_BYTES || !name.data)
		return false;
	memset(d.file_name, ' ', sizeof(d.file_name));
	memcpy(d.file_name, name.data, name.len);
	d.file_name[name.len] = 0;
	memcpy(d.resume_key + KEY_NAME_AT, name.data, name.len > 11 ? 11 : name.len);
	store_le16(d.resume_key + KEY_SID_AT, l->search->sid);
	store_le16(d.resume_key + KEY_NUMBER_AT, (uint16_t)(l->search->given + 1));
	if (in->resume_key.len == SMB1_RESUME_KEY_BYTES)
		memcpy(d.resume_key + KEY_CLIENT_AT, in->resume_key.data + KEY_CLIENT_AT, KEY_CLIENT_BYTES);
	smb1_directory_entry_code(&w, &d);
	l->n += wire_ok(&w);
	return wire_ok(&w);
}

static enum srv1_next listing_end(struct srv1_op *op, struct listing *l)
{
	struct smb1_search_rsp *out = op->out;
	bool over = l->n == 0 || op->block.command == SMB1_FIND_UNIQUE;

	if (over)
		srv1_search_end(op, l->search);
	srv1_search_put(l->search);
	l->search = NULL;
	if (l->n == 0)
		return srv1_done(op, STATUS_NO_MORE_FILES);
	out->count = (uint16_t)l->n;
	out->directory_information = slice_of(l->out, l->n * SMB1_DIRECTORY_ENTRY_BYTES);
	return srv1_done(op, STATUS_SUCCESS);
}

static enum srv1_next listing_fill(struct srv1_op *op, struct listing *l)
{
	struct fscc_dir_entry e;
	ntstatus status;

	while (l->n < l->most) {
		switch (srv1_search_next(op, l->search, &l->answered, &e, &status)) {
		case SRV1_ENTRY:
			(void)put_entry(op, l, &e);
			srv1_search_taken(l->search, &e);
			break;
		case SRV1_ASK:
			l->answered = true;
			return SRV1_CALL;
		case SRV1_END:
			return listing_end(op, l);
		case SRV1_FAILED:
			srv1_search_put(l->search);
			return srv1_done(op, status);
		}
	}
	return listing_end(op, l);
}

static enum srv1_next listing_begin(struct srv1_op *op, struct listing *l, const struct smb1_search_req *in)
{
	size_t room = (atomic_load(&op->smb1->max_buffer) - 64) / SMB1_DIRECTORY_ENTRY_BYTES;
	ntstatus status;

	l->most = in->max_count < room ? in->max_count : room;
	l->out = arena_alloc(&op->arena, l->most * SMB1_DIRECTORY_ENTRY_BYTES + 1);
	if (!l->out)
		return srv1_no_memory(op);
	if (in->resume_key.len == SMB1_RESUME_KEY_BYTES) {
		l->search = srv1_search_find(op, load_le16(in->resume_key.data + KEY_SID_AT));
		if (!l->search)
			return srv1_done(op, STATUS_NO_MORE_FILES);
		srv1_search_resume(l->search, load_le16(in->resume_key.data + KEY_NUMBER_AT), slice_of(NULL, 0));
		return listing_fill(op, l);
	}
	l->fresh = true;
	status = srv1_search_open(op, in->file_name, &l->pattern);
	return nt_ok(status) ? SRV1_CALL : srv1_done(op, status);
}

/* [MS-CIFS] 3.3.5.47 */
enum srv1_next srv1_search(struct srv1_op *op)
{
	const struct smb1_search_req *in = op->in;
	struct listing *l = op->state;
	ntstatus status;

	if (!l) {
		l = op->state = arena_zalloc(&op->arena, sizeof(*l));
		return l ? listing_begin(op, l, in) : srv1_no_memory(op);
	}
	if (!l->search) {
		l->search = srv1_search_new(op, l->pattern, in->search_attributes, &status);
		if (!l->search)
			return srv1_done(op, status);
	}
	return listing_fill(op, l);
}

static enum srv1_next end_of(struct srv1_op *op, uint16_t sid)
{
	struct srv1_search *s = srv1_search_find(op, sid);

	if (s)
		srv1_search_end(op, s);
	srv1_search_put(s);
	return srv1_done(op, s ? STATUS_SUCCESS : STATUS_INVALID_HANDLE);
}

/* [MS-CIFS] 3.3.5.48 */
enum srv1_next srv1_find_close(struct srv1_op *op)
{
	const struct smb1_search_req *in = op->in;

	if (in->resume_key.len != SMB1_RESUME_KEY_BYTES)
		return srv1_done(op, STATUS_INVALID_SMB);
	return end_of(op, load_le16(in->resume_key.data + KEY_SID_AT));
}

/* [MS-CIFS] 3.3.5.38 */
enum srv1_next srv1_find_close2(struct srv1_op *op)
{
	const struct smb1_fid *in = op->in;

	return end_of(op, in->fid);
}

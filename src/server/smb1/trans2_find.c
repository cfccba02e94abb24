/* FIND_FIRST2 and FIND_NEXT2: [MS-CIFS] 2.2.6.2, 2.2.6.3, 2.2.8.1, 3.3.5.37. The entries are those of QUERY_DIRECTORY; which of them a client wants to see,
 * it says by attributes, and what does not fit waits in the search. */
#include "server/smb1/search.h"
#include "server/smb1/transact.h"

#include "base/utf16.h"

enum { LEVEL_EAS = 3 };

struct find {
	struct srv1_search *search;  /* referenced */
	struct slice pattern;
	struct smb1_find_first2 in;  /* of FIND_NEXT2, what is the same */
	bool first, answered;
	uint8_t class;
	uint8_t *out;
	struct fscc_list list;       /* levels that are classes ... */
	struct wire w;               /* ... and the others */
	uint32_t name_at;            /* of the last entry */
	uint16_t count;
};

static bool level_known(struct find *f)
{
	f->class = smb1_find_class_of(f->in.information_level);
	return fscc_dir_class_valid(f->class) || f->in.information_level == SMB1_FIND_STANDARD || f->in.information_level == SMB1_FIND_EA_SIZE;
}

static enum srv1_next begin(struct srv1_op *op, struct find *f)
{
	size_t cap = srv1_t(op)->max_data;

	f->out = arena_alloc(&op->arena, cap + 1);
	if (!f->out)
		return srv1_no_memory(op);
	if (!level_known(f))
		return srv1_done(op, STATUS_INVALID_LEVEL);
	f->list = (struct fscc_list){.out = f->out, .cap = cap};
	f->w = smb1_part_encoder(f->out, cap, srv1_unicode(op));
	return SRV1_CALL;
}

static bool put_class(struct find *f, struct fscc_dir_entry *e)
{
	if (!fscc_dir_list_put(&f->list, f->class, e))
		return false;
	f->name_at = (uint32_t)(f->list.last + fscc_dir_fixed_size(f->class));
	return true;
}

static bool put_old(struct find *f, const struct fscc_dir_entry *e)
{
	struct smb1_find_entry old = {
		.resume_key = (uint32_t)(f->search->given + 1),
		.info = {
			.creation = dos_time_from_filetime(e->creation_time, 0),
			.last_access = dos_time_from_filetime(e->last_access_time, 0),
			.last_write = dos_time_from_filetime(e->last_write_time, 0),
			.file_data_size = srv1_size32(e->end_of_file),
			.allocation_size = srv1_size32(e->allocation_size),
			.attributes = srv1_dos_attributes(e->file_attributes),
			.ea_size = e->ea_size,
		},
		.file_name = e->name,
	};
	size_t at = f->w.pos;

	if (!smb1_find_entry_put(&f->w, f->in.information_level, (f->in.flags & SMB1_FIND_RETURN_RESUME_KEYS) != 0, &old))
		return false;
	f->name_at = (uint32_t)at;
	return true;
}

/* The name in the client's characters. */
static bool put(struct srv1_op *op, struct find *f, const struct fscc_dir_entry *e)
{
	struct fscc_dir_entry shown = *e;

	shown.name = srv1_text_out(op, e->name);
	shown.file_index = (uint32_t)(f->search->given + 1);
	if (!shown.name.data)
		return false;
	return f->class != 0 ? put_class(f, &shown) : put_old(f, &shown);
}

static enum srv1_next end(struct srv1_op *op, struct find *f)
{
	struct smb1_find_first2_rsp first = {.search_count = f->count, .end_of_search = f->search->ended, .last_name_offset = (uint16_t)f->name_at};
	struct smb1_find_next2_rsp next = {.search_count = f->count, .end_of_search = f->search->ended, .last_name_offset = (uint16_t)f->name_at};
	bool over = (f->in.flags & SMB1_FIND_CLOSE_AFTER_REQUEST) || (f->search->ended && (f->in.flags & SMB1_FIND_CLOSE_AT_EOS));
	bool none = f->first && f->count == 0, ok;

	first.sid = f->search->sid;
	if (over || none)
		srv1_search_end(op, f->search);
	srv1_search_put(f->search);
	f->search = NULL;
	if (none)
		return srv1_done(op, first.end_of_search ? STATUS_NO_SUCH_FILE : STATUS_BUFFER_TOO_SMALL);
	srv1_t(op)->out_data = slice_of(f->out, f->class != 0 ? f->list.len : f->w.pos);
	ok = f->first ? SRV1_PARAMETERS_OUT(op, find_first2_rsp, &first) : SRV1_PARAMETERS_OUT(op, find_next2_rsp, &next);
	return ok ? srv1_done(op, STATUS_SUCCESS) : srv1_no_memory(op);
}

static enum srv1_next fill(struct srv1_op *op, struct find *f)
{
	struct fscc_dir_entry e;
	ntstatus status;

	for (;;) {
		switch (srv1_search_next(op, f->search, &f->answered, &e, &status)) {
		case SRV1_ENTRY:
			/* Who asks for none gets one. */
			if ((f->count > 0 && f->count >= f->in.search_count) || !put(op, f, &e))
				return end(op, f);
			f->count++;
			srv1_search_taken(f->search, &e);
			break;
		case SRV1_ASK:
			f->answered = true;
			return SRV1_CALL;
		case SRV1_END:
			return end(op, f);
		case SRV1_FAILED:
			srv1_search_put(f->search);
			f->search = NULL;
			return srv1_done(op, status);
		}
	}
}

/* [MS-CIFS] 2.2.6.2 */
enum srv1_next srv1_find_first2(struct srv1_op *op)
{
	struct find *f = srv1_t(op)->state;
	enum srv1_next next;
	ntstatus status;

	if (!f) {
		f = srv1_t(op)->state = arena_zalloc(&op->arena, sizeof(*f));
		if (!f)
			return srv1_no_memory(op);
		f->first = true;
		if (!SRV1_PARAMETERS(op, find_first2, &f->in))
			return srv1_done(op, STATUS_INVALID_PARAMETER);
		next = begin(op, f);
		if (next != SRV1_CALL)
			return next;
		status = srv1_search_open(op, f->in.file_name, &f->pattern);
		return nt_ok(status) ? SRV1_CALL : srv1_done(op, status);
	}
	if (!f->search) {
		f->search = srv1_search_new(op, f->pattern, f->in.search_attributes, &status);
		if (!f->search)
			return srv1_done(op, status);
	}
	return fill(op, f);
}

/* [MS-CIFS] 2.2.6.3: goes on where it was, or behind the entry that is named. */
enum srv1_next srv1_find_next2(struct srv1_op *op)
{
	struct find *f = srv1_t(op)->state;
	struct smb1_find_next2 in = {0};
	enum srv1_next next;

	if (f)
		return fill(op, f);
	f = srv1_t(op)->state = arena_zalloc(&op->arena, sizeof(*f));
	if (!f)
		return srv1_no_memory(op);
	if (!SRV1_PARAMETERS(op, find_next2, &in))
		return srv1_done(op, STATUS_INVALID_PARAMETER);
	f->in = (struct smb1_find_first2){.search_count = in.search_count, .flags = in.flags, .information_level = in.information_level};
	next = begin(op, f);
	if (next != SRV1_CALL)
		return next;
	f->search = srv1_search_find(op, in.sid);
	if (!f->search)
		return srv1_done(op, STATUS_INVALID_HANDLE);
	if (!(in.flags & SMB1_FIND_CONTINUE_FROM_LAST)) {
		struct slice name = srv1_text(op, in.file_name);

		if (name.len > 0 || in.resume_key != 0)
			srv1_search_resume(f->search, in.resume_key, name);
	}
	return fill(op, f);
}

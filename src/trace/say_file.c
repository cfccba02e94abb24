/* In words: opening, closing, reading, writing, locking files and breaks of oplocks and leases. [MS-SMB2] 2.2.13 to 2.2.27. */
#include "trace/say.h"

#include <hythe/types.h>
#include <inttypes.h>

static const struct words_value oplocks[] = {{0x01, "II"}, {0x08, "exclusive"}, {0x09, "batch"}};
static const struct words_value dispositions[] = {{0, "replace or create"}, {1, "open"}, {2, "create"}, {3, "open or create"},
	{4, "overwrite"}, {5, "overwrite or create"}};
static const struct words_value actions[] = {{0, "replaced"}, {1, "opened"}, {2, "created"}, {3, "overwritten"}};
enum { OPLOCK_LEASE = 0xFF, ATTRIBUTE_DIRECTORY = 0x10 };

void say_lease_state(struct words *w, uint32_t state)
{
	words_add(w, "%s%s%s%s", state & 1 ? "R" : "", state & 4 ? "W" : "", state & 2 ? "H" : "", state & 7 ? "" : "none");
}

void say_disposition(struct words *w, uint32_t disposition)
{
	const char *what = words_of(disposition, dispositions, ARRAY_LEN(dispositions));

	words_add(w, "%s ", what ? what : "do something unknown with");
}

/* What is to be done with the file, in the few words that most combinations have. */
void say_access(struct words *w, uint32_t access)
{
	static const struct words_bit bits[] = {
		{HYTHE_GENERIC_ALL, "do everything"}, {HYTHE_MAXIMUM_ALLOWED, "do what is allowed"}, {HYTHE_GENERIC_READ | HYTHE_READ_DATA, "read"},
		{HYTHE_GENERIC_WRITE | HYTHE_WRITE_DATA, "write"}, {HYTHE_APPEND_DATA, "append"}, {HYTHE_GENERIC_EXECUTE | HYTHE_EXECUTE, "execute"},
		{HYTHE_DELETE, "delete or rename"}, {HYTHE_DELETE_CHILD, "delete what is in it"}, {HYTHE_READ_CONTROL, "see its rights"},
		{HYTHE_WRITE_DAC, "set its rights"}, {HYTHE_WRITE_OWNER, "take it over"}, {0x01000000, "see its audit rules"},
	};
	static const struct words_bit lesser[] = {{HYTHE_READ_ATTRIBUTES, "see its attributes"}, {HYTHE_WRITE_ATTRIBUTES, "set its attributes"},
		{HYTHE_READ_EA, "see its extended attributes"}, {HYTHE_WRITE_EA, "set its extended attributes"}};
	uint32_t small = HYTHE_READ_ATTRIBUTES | HYTHE_WRITE_ATTRIBUTES | HYTHE_READ_EA | HYTHE_WRITE_EA;
	uint32_t large = access & ~(small | HYTHE_SYNCHRONIZE);

	words_list(w, " to ");
	words_bits(w, large, bits, ARRAY_LEN(bits));
	/* Attributes go without saying where contents are asked for. */
	if (large == 0)
		words_bits(w, access & small, lesser, ARRAY_LEN(lesser));
}

void say_sharing(struct words *w, uint32_t share)
{
	static const struct words_bit bits[] = {{1, "reading"}, {2, "writing"}, {4, "deleting"}};

	if ((share & 7) == 0) {
		words_add(w, ", shared with nobody");
		return;
	}
	words_list(w, ", shared for ");
	words_bits(w, share & 7, bits, ARRAY_LEN(bits));
}

static bool lease_in(struct slice contexts, struct smb2_ctx_lease *lease)
{
	struct smb2_create_context x;
	bool bad;

	while (smb2_create_context_next(&contexts, &x, &bad)) {
		struct wire w = wire_decoder(x.data.data, 0, x.data.len, NULL);

		if (x.name.len != 4 || memcmp(x.name.data, "RqLs", 4) != 0)
			continue;
		*lease = (struct smb2_ctx_lease){0};
		(x.data.len >= 52 ? smb2_ctx_lease_v2_code : smb2_ctx_lease_v1_code)(&w, lease);
		return wire_ok(&w);
	}
	return false;
}

/* The other contexts by what they are for. */
static void say_contexts(struct words *w, struct slice contexts)
{
	static const struct {
		const char *name, *text;
	} known[] = {{"MxAc", "the access it has"}, {"QFid", "the file's number"}, {"DHnQ", "a durable handle"}, {"DH2Q", "a durable handle"},
		{"DHnC", "its handle from before"}, {"DH2C", "its handle from before"}, {"AlSi", "room on the disk"}, {"TWrp", "an older version"},
		{"ExtA", "extended attributes"}, {"SecD", "rights for it"}};
	struct smb2_create_context x;
	bool bad;

	while (smb2_create_context_next(&contexts, &x, &bad)) {
		for (size_t i = 0; x.name.len == 4 && i < ARRAY_LEN(known); i++) {
			if (memcmp(x.name.data, known[i].name, 4) == 0)
				words_item(w, "%s", known[i].text);
		}
	}
	if (bad)
		words_item(w, "contexts malformed");
}

static void say_create_options(struct words *w, const struct smb2_create_req *m)
{
	static const struct words_bit bits[] = {{HYTHE_OPTION_DELETE_ON_CLOSE, "to be deleted when it is closed"},
		{HYTHE_OPTION_WRITE_THROUGH, "written through"}, {HYTHE_OPTION_OPEN_REPARSE_POINT, "the link itself"},
		{HYTHE_OPTION_OPEN_BY_FILE_ID, "by its number"}};
	uint32_t shown = HYTHE_OPTION_DELETE_ON_CLOSE | HYTHE_OPTION_WRITE_THROUGH | HYTHE_OPTION_OPEN_REPARSE_POINT | HYTHE_OPTION_OPEN_BY_FILE_ID;

	words_list(w, ", ");
	words_bits(w, m->create_options & shown, bits, ARRAY_LEN(bits));
}

void say_create_req(struct say *s, const void *body)
{
	const struct smb2_create_req *m = body;
	const char *oplock = words_of(m->requested_oplock_level, oplocks, ARRAY_LEN(oplocks));
	struct smb2_ctx_lease lease;

	words_clean(s->asked->name, sizeof(s->asked->name), m->name);
	if (m->name.len == 0)
		memcpy(s->asked->name, "\\", 2);
	say_disposition(&s->w, m->create_disposition);
	if (m->create_options & HYTHE_OPTION_DIRECTORY)
		words_add(&s->w, "directory ");
	if (m->name.len == 0)
		words_add(&s->w, "the root of the share");
	else
		words_name(&s->w, m->name);
	say_access(&s->w, m->desired_access);
	say_sharing(&s->w, m->share_access);
	say_create_options(&s->w, m);
	words_list(&s->w, "; asks for ");
	if (m->requested_oplock_level == OPLOCK_LEASE && lease_in(m->contexts, &lease)) {
		words_item(&s->w, "a lease ");
		say_lease_state(&s->w, lease.lease_state);
	} else if (oplock) {
		words_item(&s->w, "an oplock %s", oplock);
	}
	say_contexts(&s->w, m->contexts);
}

void say_create_rsp(struct say *s, const void *body)
{
	const struct smb2_create_rsp *m = body;
	const char *action = words_of(m->create_action, actions, ARRAY_LEN(actions));
	const char *oplock = words_of(m->oplock_level, oplocks, ARRAY_LEN(oplocks));
	struct trace_name *f = &s->c->files[s->c->next_file++ % CONN_FILES];
	struct smb2_ctx_lease lease;

	*f = (struct trace_name){.a = m->file_id.volatile_id, .b = m->file_id.persistent};
	if (s->asked)
		memcpy(f->name, s->asked->name, sizeof(f->name));
	f->used = f->name[0] != 0;
	if (f->used) {
		words_text(&s->w, f->name);
		words_add(&s->w, " ");
	}
	words_add(&s->w, "%s, file id %" PRIx64 ":%" PRIx64 ", ", action ? action : "?", m->file_id.persistent, m->file_id.volatile_id);
	if (m->file_attributes & ATTRIBUTE_DIRECTORY)
		words_add(&s->w, "a directory");
	else
		words_size(&s->w, m->end_of_file);
	if (m->oplock_level == OPLOCK_LEASE && lease_in(m->contexts, &lease)) {
		words_item(&s->w, "lease ");
		say_lease_state(&s->w, lease.lease_state);
	} else if (oplock) {
		words_item(&s->w, "oplock %s", oplock);
	}
}

void say_close_req(struct say *s, const void *body)
{
	const struct smb2_close_req *m = body;

	say_file(s, m->file_id);
	if (m->flags & 1)
		words_add(&s->w, ", asks for its attributes");
}

void say_close_rsp(struct say *s, const void *body)
{
	const struct smb2_close_rsp *m = body;

	if (m->flags & 1)
		words_size(&s->w, m->end_of_file);
}

void say_flush_req(struct say *s, const void *body)
{
	const struct smb2_flush_req *m = body;

	words_add(&s->w, "to the disk with ");
	say_file(s, m->file_id);
}

void say_read_req(struct say *s, const void *body)
{
	const struct smb2_read_req *m = body;

	s->asked->offset = m->offset;
	s->asked->length = m->length;
	words_size(&s->w, m->length);
	words_add(&s->w, " at %" PRIu64 " of ", m->offset);
	say_file(s, m->file_id);
}

void say_read_rsp(struct say *s, const void *body)
{
	const struct smb2_read_rsp *m = body;

	words_size(&s->w, m->data.len);
	if (s->asked)
		words_add(&s->w, " at %" PRIu64 "%s", s->asked->offset, m->data.len < s->asked->length ? ", all there is" : "");
}

void say_write_req(struct say *s, const void *body)
{
	const struct smb2_write_req *m = body;

	s->asked->offset = m->offset;
	words_size(&s->w, m->length);
	words_add(&s->w, " at %" PRIu64 " of ", m->offset);
	say_file(s, m->file_id);
	if (m->flags & 1)
		words_add(&s->w, ", through to the disk");
}

void say_write_rsp(struct say *s, const void *body)
{
	const struct smb2_write_rsp *m = body;

	words_size(&s->w, m->count);
	if (s->asked)
		words_add(&s->w, " at %" PRIu64, s->asked->offset);
}

void say_lock_req(struct say *s, const void *body)
{
	enum { SHARED = 1, EXCLUSIVE = 2, UNLOCK = 4, AT_ONCE = 0x10, SHOWN = 4 };
	const struct smb2_lock_req *m = body;

	words_list(&s->w, "");
	for (size_t i = 0; i < m->lock_count && i < SHOWN; i++) {
		const struct smb2_lock_element *l = &m->locks[i];
		const char *kind = l->flags & UNLOCK ? "unlock" : l->flags & EXCLUSIVE ? "lock" : l->flags & SHARED ? "lock, shared," : "do nothing with";

		words_item(&s->w, "%s ", kind);
		words_size(&s->w, l->length);
		words_add(&s->w, " at %" PRIu64 "%s", l->offset, l->flags & AT_ONCE || l->flags & UNLOCK ? "" : " and wait for it");
	}
	if (m->lock_count > SHOWN)
		words_item(&s->w, "%u more", m->lock_count - SHOWN);
	words_add(&s->w, " of ");
	say_file(s, m->file_id);
}

static void say_key(struct words *w, const uint8_t key[16])
{
	char hex[33];

	bytes_to_hex(hex, key, 16);
	words_add(w, "%s", hex);
}

static void say_ack(struct say *s, const struct smb2_lease_ack *m)
{
	words_add(&s->w, "lease ");
	say_key(&s->w, m->lease_key);
	words_add(&s->w, " is now ");
	say_lease_state(&s->w, m->lease_state);
}

static void say_oplock(struct say *s, const struct smb2_oplock_break *m)
{
	const char *level = words_of(m->oplock_level, oplocks, ARRAY_LEN(oplocks));

	words_add(&s->w, "the oplock of ");
	say_file(s, m->file_id);
	words_add(&s->w, " is now %s", level ? level : "none");
}

void say_break_req(struct say *s, const void *body)
{
	const struct smb2_break *m = body;

	if (m->structure_size == SMB2_BREAK_LEASE_ACK)
		say_ack(s, &m->ack);
	else
		say_oplock(s, &m->oplock);
}

void say_break_rsp(struct say *s, const void *body)
{
	const struct smb2_break *m = body;

	if (m->structure_size == SMB2_BREAK_LEASE_ACK) {
		say_ack(s, &m->ack);
	} else if (m->structure_size == SMB2_BREAK_LEASE) {
		words_add(&s->w, "lease ");
		say_key(&s->w, m->lease.lease_key);
		words_add(&s->w, " breaks from ");
		say_lease_state(&s->w, m->lease.current_lease_state);
		words_add(&s->w, " to ");
		say_lease_state(&s->w, m->lease.new_lease_state);
		words_add(&s->w, m->lease.flags & 1 ? ", to be acknowledged" : "");
	} else {
		say_oplock(s, &m->oplock);
	}
}

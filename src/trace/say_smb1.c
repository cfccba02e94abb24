/* SMB1 in words: the blocks of a message, each a part of the packet as the commands of an SMB2 compound are. Answers are paired with what was
 * asked by MID and PID. [MS-CIFS] 2.2.3, 2.2.4 with [MS-SMB] 2.2.4. */
#include "trace/say.h"

#include "wire/smb1/smb1.h"

#include <inttypes.h>

union any_body {
#define MSG(NAME, req, rsp, ...)                                                                                       \
	struct smb1_##req req_of_##NAME;                                                                               \
	struct smb1_##rsp rsp_of_##NAME;
#include "wire/smb1/msgs1.def"
};

/* In the tables of the connection, next to what SMB2 has there. */
#define SMB1_ID ((uint64_t)1 << 63)

struct say1 {
	struct words w;
	struct trace_conn *c;
	const struct smb1_header *h;
	struct trace_request *asked;
	bool unicode;
};
typedef void say1_fn(struct say1 *s, const void *body);

static void say_text(struct say1 *s, struct slice text)
{
	(s->unicode ? words_name : words_bytes)(&s->w, text);
}

static void keep_text(struct say1 *s, char out[CONN_NAME], struct slice text)
{
	size_t n = text.len < CONN_NAME - 1 ? text.len : CONN_NAME - 1;

	if (s->unicode) {
		words_clean(out, CONN_NAME, text);
		return;
	}
	for (size_t i = 0; i < n; i++)
		out[i] = text.data[i] < 0x20 || text.data[i] >= 0x7F ? '?' : (char)text.data[i];
	out[n] = 0;
}

/* --- files and trees by their ids --- */

static void keep_name(struct trace_name *table, size_t n, unsigned *next, uint64_t a, uint64_t b, const struct trace_request *asked)
{
	struct trace_name *t = NULL;

	for (size_t i = 0; i < n && !t; i++) {
		if (table[i].used && table[i].a == a && table[i].b == b)
			t = &table[i];
	}
	if (!t)
		t = &table[(*next)++ % n];
	*t = (struct trace_name){.a = a, .b = b};
	if (asked)
		memcpy(t->name, asked->name, sizeof(t->name));
	t->used = t->name[0] != 0;
}

static void say_name(struct words *w, const struct trace_name *table, size_t n, uint64_t a, uint64_t b, const char *kind, unsigned id)
{
	for (size_t i = 0; i < n; i++) {
		if (table[i].used && table[i].a == a && table[i].b == b) {
			words_text(w, table[i].name);
			return;
		}
	}
	words_add(w, "%s %u", kind, id);
}

static void keep_fid(struct say1 *s, uint16_t fid)
{
	keep_name(s->c->files, CONN_FILES, &s->c->next_file, SMB1_ID | fid, s->h->tid, s->asked);
}

static void say_fid(struct say1 *s, uint16_t fid)
{
	say_name(&s->w, s->c->files, CONN_FILES, SMB1_ID | fid, s->h->tid, "file", fid);
}

static void say_tid(struct say1 *s)
{
	say_name(&s->w, s->c->trees, CONN_TREES, SMB1_ID | s->h->tid, 0, "tree", s->h->tid);
}

/* --- negotiation and sessions --- */

static void negotiate_req(struct say1 *s, const void *body)
{
	const struct smb1_negotiate_req *m = body;
	struct slice list = m->dialects, dialect;
	bool bad;

	words_list(&s->w, "offers ");
	while (smb1_dialect_next(&list, &dialect, &bad)) {
		words_item(&s->w, "%s", "");
		words_bytes(&s->w, dialect);
	}
}

static void negotiate_rsp(struct say1 *s, const void *body)
{
	enum { FORM_NT = 17, FORM_LAN_MANAGER = 13, NONE = 0xFFFF };
	const struct smb1_negotiate_rsp *m = body;

	if (m->dialect_index == NONE) {
		words_add(&s->w, "none of these dialects");
		return;
	}
	words_add(&s->w, "dialect %u of those", m->dialect_index);
	if (m->word_count == FORM_NT)
		words_item(&s->w, "NT LM 0.12");
	else if (m->word_count == FORM_LAN_MANAGER)
		words_item(&s->w, "a LAN Manager one");
	else
		return;
	words_item(&s->w, m->security_mode & SMB1_SECURITY_USER ? "users log on" : "shares have passwords");
	if (m->security_mode & SMB1_SECURITY_SIGNATURES_REQUIRED)
		words_item(&s->w, "signing required");
	else if (m->security_mode & SMB1_SECURITY_SIGNATURES_ENABLED)
		words_item(&s->w, "signing possible");
	if (m->challenge.len > 0)
		words_item(&s->w, "with the challenge to log on by");
}

static void session_setup_req(struct say1 *s, const void *body)
{
	enum { FORM_SPNEGO = 12 };
	const struct smb1_session_setup_req *m = body;

	if (m->word_count == FORM_SPNEGO) {
		say_token(&s->w, m->security_blob);
		return;
	}
	if (m->account_name.len == 0) {
		words_add(&s->w, "logs on as nobody (anonymous)");
		return;
	}
	words_add(&s->w, "logs on as ");
	say_text(s, m->account_name);
	if (m->primary_domain.len > 0) {
		words_add(&s->w, " of ");
		say_text(s, m->primary_domain);
	}
	words_add(&s->w, m->oem_password.len > 1 || m->unicode_password.len > 2 ? ", proves the password" : ", without a password");
}

static void session_setup_rsp(struct say1 *s, const void *body)
{
	const struct smb1_session_setup_rsp *m = body;

	if (s->h->status == STATUS_MORE_PROCESSING_REQUIRED.code) {
		words_add(&s->w, "prove who you are; a challenge for user id %u", s->h->uid);
		return;
	}
	words_add(&s->w, "user id %u%s", s->h->uid, m->action & SMB1_SETUP_GUEST ? ", as a guest" : "");
}

static void logoff(struct say1 *s, const void *body)
{
	(void)body;
	words_add(&s->w, "ends the session of user id %u", s->h->uid);
}

static void tree_connect_req(struct say1 *s, const void *body)
{
	const struct smb1_tree_connect_andx_req *m = body;

	keep_text(s, s->asked->name, m->path);
	words_add(&s->w, "connects to share ");
	say_text(s, m->path);
}

static void tree_connect_rsp(struct say1 *s, const void *body)
{
	const struct smb1_tree_connect_andx_rsp *m = body;

	keep_name(s->c->trees, CONN_TREES, &s->c->next_tree, SMB1_ID | s->h->tid, 0, s->asked);
	words_add(&s->w, "tree %u, service ", s->h->tid);
	words_bytes(&s->w, m->service);
}

static void tree_disconnect_req(struct say1 *s, const void *body)
{
	(void)body;
	words_add(&s->w, "leaves ");
	say_tid(s);
}

/* --- files --- */

static void open_andx_req(struct say1 *s, const void *body)
{
	static const char *const ways[] = {"read", "write", "read and write", "execute"}, *const opens[] = {"", "open", "overwrite", "?"};
	enum { ACCESS = 3, OPEN = 3, CREATE = 0x10 };
	const struct smb1_open_andx_req *m = body;
	const char *open = opens[m->open_mode & OPEN];

	keep_text(s, s->asked->name, m->file_name);
	words_add(&s->w, "%s%s%s ", open, m->open_mode & CREATE && *open ? " or " : "", m->open_mode & CREATE ? "create" : "");
	say_text(s, m->file_name);
	words_add(&s->w, " to %s", ways[m->access_mode & ACCESS]);
	if (m->flags & (SMB1_OPEN_OPLOCK | SMB1_OPEN_OPBATCH))
		words_add(&s->w, "; asks for an oplock %s", m->flags & SMB1_OPEN_OPBATCH ? "batch" : "exclusive");
}

static void say_opened(struct say1 *s, uint16_t fid, uint64_t size, bool directory)
{
	keep_fid(s, fid);
	if (s->asked && s->asked->name[0]) {
		words_text(&s->w, s->asked->name);
		words_add(&s->w, " ");
	}
	words_add(&s->w, "opened, file id %u, ", fid);
	if (directory)
		words_add(&s->w, "a directory");
	else
		words_size(&s->w, size);
}

static void open_andx_rsp(struct say1 *s, const void *body)
{
	enum { DIRECTORY = 0x10 };
	const struct smb1_open_andx_rsp *m = body;

	say_opened(s, m->fid, m->file_data_size, m->file_attrs & DIRECTORY);
}

static void nt_create_req(struct say1 *s, const void *body)
{
	const struct smb1_nt_create_andx_req *m = body;

	keep_text(s, s->asked->name, m->file_name);
	say_disposition(&s->w, m->create_disposition);
	say_text(s, m->file_name);
	say_access(&s->w, m->desired_access);
	say_sharing(&s->w, m->share_access);
	if (m->flags & (SMB1_NT_CREATE_REQUEST_OPLOCK | SMB1_NT_CREATE_REQUEST_OPBATCH))
		words_add(&s->w, "; asks for an oplock %s", m->flags & SMB1_NT_CREATE_REQUEST_OPBATCH ? "batch" : "exclusive");
}

static void nt_create_rsp(struct say1 *s, const void *body)
{
	const struct smb1_nt_create_andx_rsp *m = body;

	say_opened(s, m->fid, m->end_of_file, m->directory);
}

static void close_req(struct say1 *s, const void *body)
{
	say_fid(s, ((const struct smb1_close_req *)body)->fid);
}

static void flush_req(struct say1 *s, const void *body)
{
	say_fid(s, ((const struct smb1_fid *)body)->fid);
}

static void read_andx_req(struct say1 *s, const void *body)
{
	enum { HIGH_HALF = 0xFFFF };
	const struct smb1_read_andx_req *m = body;
	uint32_t high = m->timeout_or_max_count_high > HIGH_HALF ? 0 : m->timeout_or_max_count_high << 16;

	s->asked->offset = m->offset;
	s->asked->length = m->max_count | high;
	words_size(&s->w, s->asked->length);
	words_add(&s->w, " at %" PRIu64 " of ", m->offset);
	say_fid(s, m->fid);
}

static void read_andx_rsp(struct say1 *s, const void *body)
{
	const struct smb1_read_andx_rsp *m = body;

	words_size(&s->w, m->data.len);
	if (s->asked)
		words_add(&s->w, " at %" PRIu64 "%s", s->asked->offset, m->data.len < s->asked->length ? ", all there is" : "");
}

static void write_andx_req(struct say1 *s, const void *body)
{
	const struct smb1_write_andx_req *m = body;

	s->asked->offset = m->offset;
	words_size(&s->w, m->data.len);
	words_add(&s->w, " at %" PRIu64 " of ", m->offset);
	say_fid(s, m->fid);
}

static void write_andx_rsp(struct say1 *s, const void *body)
{
	words_size(&s->w, ((const struct smb1_write_andx_rsp *)body)->count);
	if (s->asked)
		words_add(&s->w, " at %" PRIu64, s->asked->offset);
}

static void locking_req(struct say1 *s, const void *body)
{
	const struct smb1_locking_andx_req *m = body;

	if (m->type_of_lock & SMB1_LOCKING_OPLOCK_RELEASE)
		words_add(&s->w, "the oplock of ");
	else
		words_add(&s->w, "lock %u, unlock %u ranges of ", m->lock_count, m->unlock_count);
	say_fid(s, m->fid);
	if (m->type_of_lock & SMB1_LOCKING_OPLOCK_RELEASE)
		words_add(&s->w, m->new_oplock_level ? " is now II" : " is now none");
}

static void echo_req(struct say1 *s, const void *body)
{
	(void)body;
	words_add(&s->w, "are you there?");
}

/* --- names --- */

static void name_req(struct say1 *s, const void *body)
{
	const struct smb1_name_req *m = body;

	keep_text(s, s->asked->name, m->name);
	say_text(s, m->name);
}

static void delete_req(struct say1 *s, const void *body)
{
	const struct smb1_delete_req *m = body;

	keep_text(s, s->asked->name, m->file_name);
	say_text(s, m->file_name);
}

static void rename_req(struct say1 *s, const void *body)
{
	const struct smb1_rename_req *m = body;

	keep_text(s, s->asked->name, m->old_file_name);
	say_text(s, m->old_file_name);
	words_add(&s->w, " to ");
	say_text(s, m->new_file_name);
}

static void trans2_req(struct say1 *s, const void *body)
{
	static const struct words_value functions[] = {{0, "OPEN2"}, {1, "FIND_FIRST2"}, {2, "FIND_NEXT2"}, {3, "QUERY_FS_INFORMATION"},
		{4, "SET_FS_INFORMATION"}, {5, "QUERY_PATH_INFORMATION"}, {6, "SET_PATH_INFORMATION"}, {7, "QUERY_FILE_INFORMATION"},
		{8, "SET_FILE_INFORMATION"}, {13, "CREATE_DIRECTORY"}, {16, "GET_DFS_REFERRAL"}};
	const struct smb1_trans_req *m = body;
	uint16_t function = smb1_setup_word(m->setup, 0);
	const char *name = words_of(function, functions, ARRAY_LEN(functions));

	if (name)
		words_add(&s->w, "%s", name);
	else
		words_add(&s->w, "function 0x%04x", function);
}

static void nt_transact_req(struct say1 *s, const void *body)
{
	static const struct words_value functions[] = {{1, "CREATE"}, {2, "IOCTL"}, {3, "SET_SECURITY_DESC"}, {4, "NOTIFY_CHANGE"}, {5, "RENAME"},
		{6, "QUERY_SECURITY_DESC"}, {7, "GET_USER_QUOTA"}, {8, "SET_USER_QUOTA"}};
	const struct smb1_nt_transact_req *m = body;
	const char *name = words_of(m->function, functions, ARRAY_LEN(functions));

	if (name)
		words_add(&s->w, "%s", name);
	else
		words_add(&s->w, "function 0x%04x", m->function);
}

/* --- a message --- */

static const struct {
	uint8_t command;
	say1_fn *req, *rsp;
} rows[] = {
	{SMB1_NEGOTIATE, negotiate_req, negotiate_rsp},
	{SMB1_SESSION_SETUP_ANDX, session_setup_req, session_setup_rsp},
	{SMB1_LOGOFF_ANDX, logoff, NULL},
	{SMB1_TREE_CONNECT_ANDX, tree_connect_req, tree_connect_rsp},
	{SMB1_TREE_DISCONNECT, tree_disconnect_req, NULL},
	{SMB1_OPEN_ANDX, open_andx_req, open_andx_rsp},
	{SMB1_NT_CREATE_ANDX, nt_create_req, nt_create_rsp},
	{SMB1_CLOSE, close_req, NULL},
	{SMB1_FLUSH, flush_req, NULL},
	{SMB1_READ_ANDX, read_andx_req, read_andx_rsp},
	{SMB1_WRITE_ANDX, write_andx_req, write_andx_rsp},
	{SMB1_LOCKING_ANDX, locking_req, NULL},
	{SMB1_ECHO, echo_req, NULL},
	{SMB1_CREATE_DIRECTORY, name_req, NULL},
	{SMB1_DELETE_DIRECTORY, name_req, NULL},
	{SMB1_CHECK_DIRECTORY, name_req, NULL},
	{SMB1_QUERY_INFORMATION, name_req, NULL},
	{SMB1_DELETE, delete_req, NULL},
	{SMB1_RENAME, rename_req, NULL},
	{SMB1_TRANSACTION2, trans2_req, NULL},
	{SMB1_NT_TRANSACT, nt_transact_req, NULL},
};

static say1_fn *fn_of(uint8_t command, bool response)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].command == command)
			return response ? rows[i].rsp : rows[i].req;
	}
	return NULL;
}

static const char *name_of(uint8_t command, char room[16])
{
	const char *name = smb1_command_name(command, room);

	return strncmp(name, "SMB_COM_", 8) == 0 ? name + 8 : name;
}

/* 2.2.2.4; the codes that most failures have. */
static void say_dos_error(struct words *w, uint32_t status)
{
	static const struct words_value known[] = {
		{SMB1_DOS_ERROR(SMB1_ERRCLS_DOS, 1), "the function is not valid"}, {SMB1_DOS_ERROR(SMB1_ERRCLS_DOS, 2), "no such file"},
		{SMB1_DOS_ERROR(SMB1_ERRCLS_DOS, 3), "no such directory"}, {SMB1_DOS_ERROR(SMB1_ERRCLS_DOS, 5), "access denied"},
		{SMB1_DOS_ERROR(SMB1_ERRCLS_DOS, 6), "no such file id"}, {SMB1_DOS_ERROR(SMB1_ERRCLS_DOS, 18), "no more files"},
		{SMB1_DOS_ERROR(SMB1_ERRCLS_DOS, 32), "another program has the file open"}, {SMB1_DOS_ERROR(SMB1_ERRCLS_DOS, 33), "another program has locked it"},
		{SMB1_DOS_ERROR(SMB1_ERRCLS_DOS, 80), "the file exists already"}, {SMB1_DOS_ERROR(SMB1_ERRCLS_SRV, 2), "wrong password"},
		{SMB1_DOS_ERROR(SMB1_ERRCLS_SRV, 4), "access denied"}, {SMB1_DOS_ERROR(SMB1_ERRCLS_SRV, 5), "no such tree id"},
		{SMB1_DOS_ERROR(SMB1_ERRCLS_SRV, 6), "no such share"}, {SMB1_DOS_ERROR(SMB1_ERRCLS_SRV, 91), "no such user id"}};
	const char *text = words_of(status, known, ARRAY_LEN(known));

	words_add(w, "DOS error %u/%u%s%s", smb1_dos_class(status), smb1_dos_code(status), text ? ", " : "", text ? text : "");
}

static void say_failure(struct say1 *s, const char *name)
{
	words_add(&s->w, "SMB1 %s failed: ", name);
	if (s->h->flags2 & SMB1_FLAGS2_NT_STATUS)
		say_status_code(&s->w, s->h->status);
	else
		say_dos_error(&s->w, s->h->status);
	if (s->asked && s->asked->name[0]) {
		words_add(&s->w, " (");
		words_text(&s->w, s->asked->name);
		words_add(&s->w, ")");
	}
}

static bool is_failure(const struct smb1_header *h)
{
	if (h->flags2 & SMB1_FLAGS2_NT_STATUS)
		return nt_error((ntstatus){h->status}) && h->status != STATUS_MORE_PROCESSING_REQUIRED.code;
	return h->status != 0;
}

/* What was asked by that MID: noted by a request, looked up by a response. The oplock break of a server is a request of its own. */
static struct trace_request *asked_of(struct trace_conn *c, const struct smb1_header *h, uint8_t command)
{
	static const uint64_t command_at = 48;
	uint64_t id = SMB1_ID | (uint64_t)command << command_at | (uint64_t)h->pid_low << 16 | h->mid;
	struct trace_request *slot = &c->requests[(h->mid + command * 37u) % CONN_REQUESTS];

	if (!(h->flags & SMB1_FLAGS_REPLY)) {
		*slot = (struct trace_request){.used = true, .message_id = id};
		return slot;
	}
	return slot->used && slot->message_id == id ? slot : NULL;
}

static void say_block(struct say1 *s, const struct smb1_walk *walk, const struct smb1_block *b, struct arena *arena, bool *failed)
{
	struct wire w = smb1_block_decoder(walk, b, arena);
	smb1_coder code = smb1_coder_of(b->command, walk->response, b->word_count);
	say1_fn *fn = b->word_count || !walk->response ? fn_of(b->command, walk->response) : NULL;
	union any_body m;
	char room[16];
	const char *name = name_of(b->command, room);
	size_t before;

	*failed = walk->response && b->and_x_command == SMB1_NO_COMMAND && is_failure(s->h);
	if (*failed) {
		say_failure(s, name);
		return;
	}
	memset(&m, 0, sizeof(m));
	if (code)
		code(&w, &m);
	if (!code || !wire_ok(&w)) {
		*failed = true;
		words_add(&s->w, code ? "SMB1 %s, malformed" : "SMB1 %s, which we do not know", name);
		return;
	}
	words_add(&s->w, "SMB1 %s%s", name, !walk->response ? "" : s->h->status == STATUS_MORE_PROCESSING_REQUIRED.code ? " answer" : " granted");
	before = s->w.len;
	words_add(&s->w, ": ");
	if (fn)
		fn(s, &m);
	if (s->w.len == before + 2) {
		s->w.len = before;
		s->w.text[before] = 0;
	}
}

static void add_part(struct trace_words *out, bool failed, const char *text)
{
	struct trace_part *part = &out->parts[out->count++];
	struct words w;

	part->failed = failed;
	out->failed |= failed;
	words_init(&w, part->text, sizeof(part->text));
	words_add(&w, "%s", text);
}

void trace_describe_smb1(struct trace_conn *c, struct slice plain, struct arena *arena, struct trace_words *out)
{
	struct wire w = wire_decoder(plain.data, 0, plain.len, arena);
	struct smb1_header h;
	struct smb1_walk walk;
	struct smb1_block b;
	bool bad = false;

	smb1_header_code(&w, &h);
	if (!wire_ok(&w)) {
		add_part(out, true, "SMB1, cut off");
		return;
	}
	smb1_walk_start(&walk, plain, &h);
	while (out->count < TRACE_PARTS && smb1_walk_next(&walk, &b, &bad)) {
		struct trace_part *part = &out->parts[out->count];
		struct say1 s = {.c = c, .h = &h, .unicode = walk.unicode, .asked = asked_of(c, &h, b.command)};

		words_init(&s.w, part->text, sizeof(part->text));
		say_block(&s, &walk, &b, arena, &part->failed);
		out->failed |= part->failed;
		out->count++;
	}
	if (bad && out->count < TRACE_PARTS)
		add_part(out, true, "SMB1, a malformed chain");
}

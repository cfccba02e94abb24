/* Chains: several operations in one related compound ([MS-SMB2] 3.2.4.1.4, 3.2.5.1.9). Each step is a request of its own, for
 * the answers may come together or one by one; the last of them ends the chain. */
#include "client/smb1/smb1.h"

#include <stdlib.h>

enum { CLOSE_POSTQUERY = 1, NBSS_STEP_BYTES = 4096 };

struct cli_chain {
	_Atomic size_t left;
	struct hythe_step *steps;
	size_t n;
	struct hythe_connection *conn; /* kept by the requests */
	hythe_done_fn *done;
	void *arg;
};

/* The file a step names: its own in the first step, else "that of the one before". */
static struct smb2_file_id file_of(const struct hythe_step *s)
{
	return s->on ? s->on->id : (struct smb2_file_id){UINT64_MAX, UINT64_MAX};
}

static const uint16_t commands[] = {
	[HYTHE_STEP_OPEN] = SMB2_CREATE,
	[HYTHE_STEP_READ] = SMB2_READ,
	[HYTHE_STEP_WRITE] = SMB2_WRITE,
	[HYTHE_STEP_FLUSH] = SMB2_FLUSH,
	[HYTHE_STEP_QUERY_INFO] = SMB2_QUERY_INFO,
	[HYTHE_STEP_SET_INFO] = SMB2_SET_INFO,
	[HYTHE_STEP_QUERY_DIRECTORY] = SMB2_QUERY_DIRECTORY,
	[HYTHE_STEP_CLOSE] = SMB2_CLOSE,
	[HYTHE_STEP_RENAME] = SMB2_SET_INFO,
};

static ntstatus encode_data(struct cli_request *r, const struct hythe_step *s)
{
	if (s->kind == HYTHE_STEP_READ) {
		struct smb2_read_req req = {.padding = 0x50, .length = (uint32_t)s->len, .offset = s->offset, .file_id = file_of(s)};
		return cli_request_encode(r, &req, 0, s->len);
	}
	struct smb2_write_req req = {.offset = s->offset, .file_id = file_of(s), .length = (uint32_t)s->len,
		.data = slice_of(s->data, s->len)};
	r->payload = s->data;
	r->payload_len = s->len;
	return cli_request_encode(r, &req, 0, s->len);
}

static ntstatus encode_info(struct cli_request *r, const struct hythe_step *s)
{
	if (s->kind == HYTHE_STEP_QUERY_INFO) {
		struct smb2_query_info_req req = {.info_type = s->info_type, .file_info_class = s->info_class,
			.output_buffer_length = (uint32_t)s->len, .additional_information = s->additional, .file_id = file_of(s)};
		return cli_request_encode(r, &req, 0, s->len);
	}
	struct smb2_set_info_req req = {.info_type = s->info_type, .file_info_class = s->info_class,
		.additional_information = s->additional, .file_id = file_of(s), .input = slice_of(s->data, s->len)};
	return cli_request_encode(r, &req, s->len, 0);
}

static ntstatus encode_rename(struct cli_request *r, const struct hythe_step *s)
{
	ntstatus status;
	size_t len;
	uint8_t *data = cli_rename_information(s->to, s->replace, &len, &status);
	if (!nt_ok(status))
		return status;
	struct smb2_set_info_req req = {.info_type = HYTHE_INFO_FILE, .file_info_class = HYTHE_FILE_RENAME_INFORMATION, .file_id = file_of(s),
		.input = slice_of(data, len)};
	status = cli_request_encode(r, &req, len, 0);
	free(data);
	return status;
}

static ntstatus encode_scan(struct cli_request *r, const struct hythe_step *s)
{
	ntstatus status;
	struct slice name = cli_path(s->pattern ? s->pattern : "*", &status);
	if (!nt_ok(status))
		return status;
	struct smb2_query_directory_req req = {.file_information_class = s->info_class, .flags = s->scan_flags,
		.file_id = file_of(s), .output_buffer_length = (uint32_t)s->len, .file_name = name};
	status = cli_request_encode(r, &req, name.len, s->len);
	free((void *)(uintptr_t)name.data);
	return status;
}

/* What is closed again at once has nothing to cache. */
static ntstatus encode_open(struct cli_request *r, const struct hythe_step *s)
{
	struct hythe_open_params p = *s->open;
	if (!s->keep) {
		p.lease = 0;
		p.oplock_level = HYTHE_OPLOCK_NONE;
	}
	return cli_create_encode(r, &p);
}

static ntstatus encode_step(struct cli_request *r, const struct hythe_step *s)
{
	struct smb2_flush_req flush = {.file_id = file_of(s)};
	struct smb2_close_req close = {.flags = s->want_stat ? CLOSE_POSTQUERY : 0, .file_id = file_of(s)};
	switch (s->kind) {
	case HYTHE_STEP_OPEN:
		return encode_open(r, s);
	case HYTHE_STEP_READ:
	case HYTHE_STEP_WRITE:
		return encode_data(r, s);
	case HYTHE_STEP_QUERY_INFO:
	case HYTHE_STEP_SET_INFO:
		return encode_info(r, s);
	case HYTHE_STEP_QUERY_DIRECTORY:
		return encode_scan(r, s);
	case HYTHE_STEP_FLUSH:
		return cli_request_encode(r, &flush, 0, 0);
	case HYTHE_STEP_CLOSE:
		return cli_request_encode(r, &close, 0, 0);
	case HYTHE_STEP_RENAME:
		return encode_rename(r, s);
	}
	return STATUS_INVALID_PARAMETER;
}

static ntstatus take_bytes(struct hythe_step *s, ntstatus status, struct slice data)
{
	s->bytes = data.len < s->len ? data.len : s->len;
	if (s->bytes > 0)
		memcpy(s->buffer, data.data, s->bytes);
	return data.len > s->len && nt_ok(status) ? STATUS_BUFFER_OVERFLOW : status;
}

static ntstatus take_open(struct hythe_step *s, struct cli_request *r, const struct smb2_create_rsp *rsp)
{
	cli_open_info(rsp, &s->opened);
	if (!s->keep)
		return STATUS_SUCCESS;
	return cli_file_opened(r, rsp, &s->file);
}

/* The answers of the steps that bring something. */
static ntstatus take_answer(struct hythe_step *s, struct cli_request *r, const struct cli_answer *a)
{
	union {
		struct smb2_create_rsp create;
		struct smb2_read_rsp read;
		struct smb2_write_rsp write;
		struct smb2_query_info_rsp query;
		struct smb2_query_directory_rsp scan;
		struct smb2_close_rsp close;
	} m;
	ntstatus status = a->status;
	if (commands[s->kind] == SMB2_FLUSH || commands[s->kind] == SMB2_SET_INFO || !cli_body(r, a, &m, &status))
		return status;
	switch (s->kind) {
	case HYTHE_STEP_OPEN:
		return take_open(s, r, &m.create);
	case HYTHE_STEP_READ:
		return take_bytes(s, status, m.read.data);
	case HYTHE_STEP_QUERY_INFO:
		return take_bytes(s, status, m.query.output);
	case HYTHE_STEP_QUERY_DIRECTORY:
		return take_bytes(s, status, m.scan.output);
	case HYTHE_STEP_WRITE:
		s->bytes = m.write.count;
		break;
	case HYTHE_STEP_CLOSE:
		if (m.close.flags & CLOSE_POSTQUERY)
			cli_close_stat(&m.close, &s->opened.stat);
		break;
	case HYTHE_STEP_FLUSH:
	case HYTHE_STEP_SET_INFO:
	case HYTHE_STEP_RENAME:
		break;
	}
	return status;
}

/* The chain's own file, unless an OPEN has come between: closed, or under another name. */
static void note_end(struct cli_chain *c, const struct hythe_step *s)
{
	struct hythe_file *on = c->steps[0].on;
	for (const struct hythe_step *before = c->steps; on && before < s; before++) {
		if (before->kind == HYTHE_STEP_OPEN)
			on = NULL;
	}
	if (!on || !nt_ok(s->status))
		return;
	if (s->kind == HYTHE_STEP_CLOSE)
		cli_cache_leave(on);
	else if (s->kind == HYTHE_STEP_RENAME ||
		 (s->kind == HYTHE_STEP_SET_INFO && s->info_type == HYTHE_INFO_FILE && s->info_class == HYTHE_FILE_RENAME_INFORMATION))
		cli_cache_renamed(on);
}

static void step_complete(struct cli_request *r, const struct cli_answer *a)
{
	struct cli_chain *c = r->chain;
	struct hythe_step *s = &c->steps[r->index];
	static const struct hythe_result nothing;
	s->status = take_answer(s, r, a);
	note_end(c, s);
	if (atomic_fetch_sub(&c->left, 1) != 1)
		return;
	ntstatus first = STATUS_SUCCESS;
	for (size_t i = 0; i < c->n && nt_ok(first); i++) {
		if (nt_ok(c->steps[i].status) || nt_is(c->steps[i].status, STATUS_BUFFER_OVERFLOW))
			continue;
		first = c->steps[i].status;
		if (nt_error(first))
			cli_explain(c->conn, smb2_message_of(commands[c->steps[i].kind])->name, first);
	}
	c->done(c->arg, first, &nothing);
	free(c);
}

static struct cli_request *build(struct hythe_tree *t, struct cli_chain *c, ntstatus *status)
{
	struct cli_request *first = NULL, **end = &first;
	size_t moves = 0;
	for (size_t i = 0; i < c->n; i++)
		moves += c->steps[i].len + NBSS_STEP_BYTES;
	if (t->session->conn->nbss && moves > NET_NBSS_FRAME_MAX) {
		cli_error_set("a chain moves no more than 64 KiB over a NetBIOS session");
		*status = STATUS_INVALID_PARAMETER;
	}
	for (size_t i = 0; i < c->n && nt_ok(*status); i++) {
		struct hythe_step *s = &c->steps[i];
		if ((unsigned)s->kind >= ARRAY_LEN(commands) || s->len > CLI_CREDIT_BYTES) {
			*status = STATUS_INVALID_PARAMETER;
			break;
		}
		s->status = STATUS_SUCCESS;
		s->bytes = 0;
		s->file = NULL;
		s->opened = (struct hythe_open_info){0};
		struct cli_request *r = cli_request_new(t->session->conn, NULL, t, s->on, commands[s->kind]);
		if (!r) {
			*status = STATUS_NO_MEMORY;
			break;
		}
		*end = r;
		end = &r->compound;
		r->complete = step_complete;
		r->chain = c;
		r->index = (uint32_t)i;
		r->related = i > 0;
		*status = encode_step(r, s);
	}
	return first;
}

static bool well_formed(const struct hythe_tree *t, const struct hythe_step *steps, size_t n)
{
	if (n == 0 || n > HYTHE_CHAIN_MAX || (steps[0].kind == HYTHE_STEP_OPEN) == (steps[0].on != NULL))
		return false;
	if (steps[0].on && steps[0].on->tree != t)
		return false;
	for (size_t i = 1; i < n; i++) {
		if (steps[i].on)
			return false;
	}
	return true;
}

ntstatus hythe_chain_async(struct hythe_tree *t, struct hythe_step *steps, size_t n, hythe_done_fn *done, void *arg)
{
	if (!well_formed(t, steps, n)) {
		cli_error_set("a chain has 1 to %d steps, and begins with an OPEN or a file of its tree", HYTHE_CHAIN_MAX);
		return STATUS_INVALID_PARAMETER;
	}
	if (cli1_is_active(t->session->conn))
		return cli1_chain(t, steps, n, done, arg);
	struct cli_chain *c = malloc(sizeof(*c));
	if (!c)
		return STATUS_NO_MEMORY;
	*c = (struct cli_chain){.left = n, .steps = steps, .n = n, .conn = t->session->conn, .done = done, .arg = arg};
	ntstatus status = STATUS_SUCCESS;
	struct cli_request *first = build(t, c, &status);
	if (nt_ok(status))
		status = cli_submit(first);
	if (nt_ok(status))
		return status;
	for (struct cli_request *r = first, *next; r; r = next) {
		next = r->compound;
		cli_request_free(r);
	}
	free(c);
	return status;
}

ntstatus hythe_chain(struct hythe_tree *t, struct hythe_step *steps, size_t n)
{
	struct cli_wait w;
	ntstatus status = cli_may_block();
	if (!nt_ok(status))
		return status;
	cli_wait_init(&w, t->session->conn->client);
	return cli_wait_for(&w, hythe_chain_async(t, steps, n, cli_wait_done, &w));
}

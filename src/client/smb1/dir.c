/* Listing a directory: TRANS2_FIND_FIRST2, FIND_NEXT2 and FIND_CLOSE2, [MS-CIFS] 3.2.4.27 to 3.2.4.29, as what QUERY_DIRECTORY is in SMB2: one buffer of
 * entries a call, whose layout is that of [MS-FSCC] at the levels that are used. */
#include "client/smb1/smb1.h"

#include <stdlib.h>

enum { SEARCH_ALL = 0x16 /* hidden, system, directories, too */, COUNT_MOST = 4096, FIXED_BYTES = 32, LEVELS_FROM = 0x101, LEVELS_TO = 0x106 };

static uint16_t level_of(uint8_t info_class)
{
	for (uint16_t level = LEVELS_FROM; level <= LEVELS_TO; level++) {
		if (smb1_find_class_of(level) == info_class)
			return level;
	}
	return 0;
}

/* As many entries as the server says there are, the last one marked so. false: they do not lie within the data. */
static bool cut(uint8_t *data, size_t *len, size_t count)
{
	size_t at = 0;
	for (size_t i = 0; i + 1 < count; i++) {
		if (*len - at < 4)
			return false;
		size_t next = load_le32(data + at);
		if (next < 4 || next > *len - at)
			return false;
		at += next;
	}
	if (count == 0 || *len - at < 4)
		return count == 0 && *len == 0;
	size_t next = load_le32(data + at);
	if (next > *len - at)
		return false;
	store_le32(data + at, 0);
	if (next > 0)
		*len = at + next;
	return true;
}

static void take_entries(struct cli_request *r, ntstatus status, uint16_t count, uint16_t end, struct slice data)
{
	struct hythe_result result = {0};
	struct cli1_file *f = r->file->smb1;
	size_t len = data.len;
	if (!nt_error(status) && (len > r->buffer_len || !r->buffer))
		status = STATUS_INVALID_NETWORK_RESPONSE;
	if (!nt_error(status)) {
		memcpy(r->buffer, data.data, len);
		if (!cut(r->buffer, &len, count))
			status = STATUS_INVALID_NETWORK_RESPONSE;
	}
	if (nt_error(status) || end != 0 || count == 0)
		f->search_over = true;
	if (!nt_error(status) && count == 0)
		status = STATUS_NO_MORE_FILES;
	if (nt_ok(status)) {
		result.bytes = len;
		result.data = r->buffer;
	}
	cli_finish(r, status, &result);
}

static void first_complete(struct cli_request *r, ntstatus status, struct slice parameters, struct slice data)
{
	struct smb1_find_first2_rsp m = {0};
	struct wire w = smb1_part_decoder(parameters, true, NULL);
	if (!nt_error(status)) {
		smb1_find_first2_rsp_code(&w, &m);
		status = wire_ok(&w) ? status : STATUS_INVALID_NETWORK_RESPONSE;
	}
	r->file->smb1->sid = m.sid;
	r->file->smb1->searching = !nt_error(status) && m.end_of_search == 0;
	take_entries(r, status, m.search_count, m.end_of_search, data);
}

static void next_complete(struct cli_request *r, ntstatus status, struct slice parameters, struct slice data)
{
	struct smb1_find_next2_rsp m = {0};
	struct wire w = smb1_part_decoder(parameters, true, NULL);
	if (!nt_error(status)) {
		smb1_find_next2_rsp_code(&w, &m);
		status = wire_ok(&w) ? status : STATUS_INVALID_NETWORK_RESPONSE;
	}
	if (nt_error(status) || m.end_of_search != 0)
		r->file->smb1->searching = false; /* closed by the server, as asked for */
	take_entries(r, status, m.search_count, m.end_of_search, data);
}

static ntstatus first(struct hythe_file *f, uint16_t level, const char *pattern, struct cli_request *r, struct cli1_ask *ask, hythe_done_fn *done, void *arg)
{
	const struct cli1 *s = r->conn->smb1;
	ntstatus status;
	/* It begins with a backslash; so does the root, which needs no second one. */
	struct slice name = cli1_path(r->conn, pattern, &status), directory = f->smb1->path;
	size_t unit = s->unicode ? 2 : 1, len = directory.len > unit ? directory.len : 0, cap = len + name.len + FIXED_BYTES;
	uint8_t *full = nt_ok(status) ? malloc(len + name.len + cap) : NULL;
	if (!full) {
		free((void *)(uintptr_t)name.data);
		cli_request_free(r);
		return nt_ok(status) ? STATUS_NO_MEMORY : status;
	}
	memcpy(full, directory.data, len);
	memcpy(full + len, name.data, name.len);
	struct smb1_find_first2 m = {.search_attributes = SEARCH_ALL, .search_count = COUNT_MOST, .flags = SMB1_FIND_CLOSE_AT_EOS, .information_level = level,
		.file_name = slice_of(full, len + name.len)};
	struct wire w = smb1_part_encoder(full + len + name.len, cap, s->unicode);
	smb1_find_first2_code(&w, &m);
	ask->setup[0] = SMB1_TRANS2_FIND_FIRST2;
	ask->parameters = slice_of(full + len + name.len, w.pos);
	ask->max_parameters = 10;
	ask->complete = first_complete;
	f->smb1->search_over = false;
	status = cli1_trans(r, ask, done, arg);
	free(full);
	free((void *)(uintptr_t)name.data);
	return status;
}

static ntstatus next(struct hythe_file *f, uint16_t level, struct cli_request *r, struct cli1_ask *ask, hythe_done_fn *done, void *arg)
{
	uint8_t parameters[FIXED_BYTES];
	struct smb1_find_next2 m = {.sid = f->smb1->sid, .search_count = COUNT_MOST, .information_level = level,
		.flags = SMB1_FIND_CLOSE_AT_EOS | SMB1_FIND_CONTINUE_FROM_LAST};
	struct wire w = smb1_part_encoder(parameters, sizeof(parameters), r->conn->smb1->unicode);
	smb1_find_next2_code(&w, &m);
	ask->setup[0] = SMB1_TRANS2_FIND_NEXT2;
	ask->parameters = slice_of(parameters, w.pos);
	ask->max_parameters = 8;
	ask->complete = next_complete;
	return cli1_trans(r, ask, done, arg);
}

void cli1_search_end(struct hythe_file *f)
{
	if (!f->smb1->searching)
		return;
	struct smb1_fid body = {.fid = f->smb1->sid};
	f->smb1->searching = false;
	ntstatus ignored = cli1_go(cli_request_new(f->tree->session->conn, NULL, f->tree, NULL, SMB1_FIND_CLOSE2), &body, 0, NULL, NULL);
	(void)ignored; /* the server ends it with the session just as well */
}

ntstatus cli1_query_directory(struct hythe_file *f, uint8_t info_class, uint8_t flags, const char *pattern, void *buffer, size_t cap,
	hythe_done_fn *done, void *arg)
{
	const struct hythe_connection *c = f->tree->session->conn;
	uint16_t level = level_of(info_class);
	if (level == 0 || !buffer || (flags & (HYTHE_INDEX_SPECIFIED | HYTHE_RETURN_SINGLE_ENTRY)))
		return cli1_unsupported(c, "list a directory like that");
	if (!c->smb1->unicode)
		return cli1_unsupported(c, "list directories of a server without Unicode");
	if (flags & (HYTHE_RESTART_SCANS | HYTHE_REOPEN)) {
		cli1_search_end(f);
		f->smb1->search_over = false;
	}
	if (f->smb1->search_over)
		return STATUS_NO_MORE_FILES;
	struct cli_request *r = cli_request_new(f->tree->session->conn, NULL, NULL, f, SMB1_TRANSACTION2);
	if (!r)
		return STATUS_NO_MEMORY;
	r->buffer = buffer;
	r->buffer_len = cap;
	struct cli1_ask ask = {.command = SMB1_TRANSACTION2, .setup_words = 1, .max_data = cap > UINT16_MAX - 1 ? UINT16_MAX - 1 : (uint16_t)cap};
	return f->smb1->searching ? next(f, level, r, &ask, done, arg) : first(f, level, pattern ? pattern : "*", r, &ask, done, arg);
}

/* What is known of files, and changes of it: TRANS2_QUERY_FILE_, QUERY_PATH_, SET_FILE_ and QUERY_FS_INFORMATION ([MS-CIFS] 3.2.4.15 to 3.2.4.22), with the levels
 * that have the layout of an information class, and the pass-through levels of [MS-SMB] 2.2.2.3.5 where the server has them; and the pipe's TRANSACT_NMPIPE. */
#include "client/smb1/smb1.h"

#include "base/utf16.h"
#include "wire/fscc.h"

#include <stdlib.h>

enum { PARAMETER_BYTES = 32, ALL_MOST = 4096, RENAME_FIXED = 64, LEVELS_FROM = 0x101, LEVELS_TO = 0x10B };

/* 0: there is none. */
static uint16_t level_of(const struct cli1 *s, uint8_t (*class_of)(uint16_t level), uint8_t info_class)
{
	for (uint16_t level = LEVELS_FROM; level <= LEVELS_TO; level++) {
		if (class_of(level) == info_class)
			return level;
	}
	return s->capabilities & SMB1_CAP_INFOLEVEL_PASSTHRU ? (uint16_t)(SMB1_PASSTHROUGH + info_class) : 0;
}

static void query_complete(struct cli_request *r, ntstatus status, struct slice parameters, struct slice data)
{
	struct hythe_result result = {.bytes = data.len, .data = data.data};
	(void)parameters;
	if (r->buffer) {
		if (data.len > r->buffer_len) {
			result.bytes = r->buffer_len;
			status = nt_ok(status) ? STATUS_BUFFER_OVERFLOW : status;
		}
		if (result.bytes > 0)
			memcpy(r->buffer, data.data, result.bytes);
		result.data = r->buffer;
	}
	cli_finish(r, status, &result);
}

static void set_complete(struct cli_request *r, ntstatus status, struct slice parameters, struct slice data)
{
	(void)parameters;
	(void)data;
	cli_finish(r, status, NULL);
}

static struct cli_request *new_for(struct hythe_file *f, uint8_t command, void *buffer, size_t cap)
{
	struct cli_request *r = cli_request_new(f->tree->session->conn, NULL, NULL, f, command);
	if (r) {
		r->buffer = buffer;
		r->buffer_len = cap;
	}
	return r;
}

static uint16_t bounded(size_t cap)
{
	return cap > UINT16_MAX - 1 ? UINT16_MAX - 1 : (uint16_t)cap;
}

ntstatus cli1_query_info(struct hythe_file *f, uint8_t type, uint8_t info_class, void *buffer, size_t cap, hythe_done_fn *done, void *arg)
{
	const struct hythe_connection *c = f->tree->session->conn;
	bool file = type == HYTHE_INFO_FILE;
	uint16_t level = 0;
	if (file || type == HYTHE_INFO_FILESYSTEM)
		level = level_of(c->smb1, file ? smb1_query_class_of : smb1_fs_class_of, info_class);
	if (level == 0 || (file && f->smb1->no_fid))
		return cli1_unsupported(c, "tell that of a file on this server");
	uint8_t parameters[PARAMETER_BYTES];
	struct wire w = smb1_part_encoder(parameters, sizeof(parameters), c->smb1->unicode);
	struct smb1_file_info of_file = {.fid = f->smb1->fid, .information_level = level};
	struct smb1_fs_info of_fs = {.information_level = level};
	if (file)
		smb1_file_info_code(&w, &of_file);
	else
		smb1_fs_info_code(&w, &of_fs);
	struct cli1_ask ask = {.command = SMB1_TRANSACTION2, .setup = {file ? SMB1_TRANS2_QUERY_FILE_INFORMATION : SMB1_TRANS2_QUERY_FS_INFORMATION},
		.setup_words = 1, .parameters = slice_of(parameters, w.pos), .max_parameters = 2, .max_data = bounded(cap), .complete = query_complete};
	return cli1_trans(new_for(f, SMB1_TRANSACTION2, buffer, cap), &ask, done, arg);
}

size_t cli1_directory_of(const struct cli1 *s, struct slice name)
{
	size_t unit = s->unicode ? 2 : 1, n = name.len / unit;
	while (n > 0 && (s->unicode ? utf16_at(name, n - 1) : name.data[n - 1]) != '\\')
		n--;
	return n * unit;
}

/* FileRenameInformation as SMB2 has it becomes that of SMB1, which moves nothing to another directory. The result is malloc'ed. */
static struct slice rename_of(const struct hythe_file *f, struct slice in, ntstatus *status)
{
	const struct hythe_connection *c = f->tree->session->conn;
	struct fscc_rename m = {0};
	struct wire w = wire_decoder(in.data, 0, in.len, NULL);
	fscc_rename_code(&w, &m);
	*status = STATUS_INVALID_PARAMETER;
	if (!wire_ok(&w))
		return slice_of(NULL, 0);
	const struct cli1 utf16 = {.unicode = true};
	size_t to = cli1_directory_of(&utf16, m.name), from = cli1_directory_of(c->smb1, f->smb1->path), unit = c->smb1->unicode ? 2 : 1;
	/* The file's path begins with a backslash, the new name does not. */
	bool same = from / unit == to / 2 + 1;
	for (size_t i = 0; same && i < to / 2; i++) {
		uint16_t u = c->smb1->unicode ? utf16_at(f->smb1->path, i + 1) : f->smb1->path.data[i + 1];
		same = utf16_upcase(u) == utf16_upcase(utf16_at(m.name, i));
	}
	if (!same) {
		*status = cli1_unsupported(c, "move an open file to another directory");
		return slice_of(NULL, 0);
	}
	struct smb1_rename_info out = {.replace_if_exists = m.flags & 1, .file_name = slice_of(m.name.data + to, m.name.len - to)};
	uint8_t *data = malloc(RENAME_FIXED + m.name.len);
	*status = STATUS_NO_MEMORY;
	if (!data)
		return slice_of(NULL, 0);
	w = smb1_part_encoder(data, RENAME_FIXED + m.name.len, c->smb1->unicode);
	smb1_rename_info_code(&w, &out);
	*status = w.error;
	return slice_of(data, w.pos);
}

ntstatus cli1_set_info(struct hythe_file *f, uint8_t type, uint8_t info_class, const void *data, size_t len, hythe_done_fn *done, void *arg)
{
	const struct hythe_connection *c = f->tree->session->conn;
	uint16_t level = type == HYTHE_INFO_FILE ? level_of(c->smb1, smb1_set_class_of, info_class) : 0;
	struct slice in = slice_of(data, len), renamed = {0};
	uint8_t parameters[PARAMETER_BYTES];
	ntstatus status = STATUS_SUCCESS;
	if (level == 0 || f->smb1->no_fid)
		return cli1_unsupported(c, "change that of a file on this server");
	if (info_class == FSCC_FILE_RENAME) {
		renamed = rename_of(f, in, &status);
		in = renamed;
	}
	struct smb1_set_file_info m = {.fid = f->smb1->fid, .information_level = level};
	struct wire w = smb1_part_encoder(parameters, sizeof(parameters), c->smb1->unicode);
	smb1_set_file_info_code(&w, &m);
	struct cli1_ask ask = {.command = SMB1_TRANSACTION2, .setup = {SMB1_TRANS2_SET_FILE_INFORMATION}, .setup_words = 1,
		.parameters = slice_of(parameters, w.pos), .data = in, .max_parameters = 2, .complete = set_complete};
	if (nt_ok(status))
		status = cli1_trans(new_for(f, SMB1_TRANSACTION2, NULL, 0), &ask, done, arg);
	free((void *)(uintptr_t)renamed.data);
	return status;
}

/* --- all that is known --- */

static void stat_complete(struct cli_request *r, ntstatus status, struct slice parameters, struct slice data)
{
	struct smb1_all_info m = {0};
	struct wire w = smb1_part_decoder(data, true, NULL);
	struct hythe_stat stat = {0};
	struct hythe_result result = {.stat = &stat};
	(void)parameters;
	if (!nt_error(status)) {
		smb1_all_info_code(&w, &m);
		status = wire_ok(&w) ? STATUS_SUCCESS : STATUS_INVALID_NETWORK_RESPONSE;
	}
	if (nt_ok(status))
		stat = (struct hythe_stat){.creation_time = m.creation_time, .last_access_time = m.last_access_time, .last_write_time = m.last_write_time,
			.change_time = m.last_change_time, .size_bytes = m.end_of_file, .allocated_bytes = m.allocation_size,
			.attributes = m.ext_file_attributes, .links = m.number_of_links, .directory = m.directory, .delete_pending = m.delete_pending};
	else
		result.stat = NULL;
	cli_finish(r, status, &result);
}

static ntstatus path_stat(struct hythe_tree *t, struct hythe_file *f, struct slice path, hythe_done_fn *done, void *arg)
{
	struct hythe_connection *c = t->session->conn;
	size_t cap = path.len + PARAMETER_BYTES;
	uint8_t *parameters = malloc(cap);
	if (!parameters)
		return STATUS_NO_MEMORY;
	struct smb1_path_info m = {.information_level = SMB1_QUERY_FILE_ALL_INFO, .file_name = path};
	struct wire w = smb1_part_encoder(parameters, cap, c->smb1->unicode);
	smb1_path_info_code(&w, &m);
	struct cli1_ask ask = {.command = SMB1_TRANSACTION2, .setup = {SMB1_TRANS2_QUERY_PATH_INFORMATION}, .setup_words = 1,
		.parameters = slice_of(parameters, w.pos), .max_parameters = 2, .max_data = ALL_MOST, .complete = stat_complete};
	ntstatus status = cli1_trans(cli_request_new(c, NULL, t, f, SMB1_TRANSACTION2), &ask, done, arg);
	free(parameters);
	return status;
}

ntstatus cli1_file_stat_async(struct hythe_file *f, hythe_done_fn *done, void *arg)
{
	if (f->smb1->no_fid)
		return path_stat(f->tree, f, f->smb1->path, done, arg);
	uint8_t parameters[PARAMETER_BYTES];
	struct smb1_file_info m = {.fid = f->smb1->fid, .information_level = SMB1_QUERY_FILE_ALL_INFO};
	struct wire w = smb1_part_encoder(parameters, sizeof(parameters), true);
	smb1_file_info_code(&w, &m);
	struct cli1_ask ask = {.command = SMB1_TRANSACTION2, .setup = {SMB1_TRANS2_QUERY_FILE_INFORMATION}, .setup_words = 1,
		.parameters = slice_of(parameters, w.pos), .max_parameters = 2, .max_data = ALL_MOST, .complete = stat_complete};
	return cli1_trans(new_for(f, SMB1_TRANSACTION2, NULL, 0), &ask, done, arg);
}

static ntstatus wait_stat(struct cli_wait *w, ntstatus submitted, struct hythe_stat *out)
{
	ntstatus status = cli_wait_for(w, submitted);
	if (nt_ok(status))
		*out = w->stat;
	return status;
}

ntstatus cli1_stat(struct hythe_tree *t, const char *path, struct hythe_stat *out)
{
	struct cli_wait w;
	ntstatus status = cli_may_block();
	if (!nt_ok(status))
		return status;
	struct slice name = cli1_path(t->session->conn, path, &status);
	if (!nt_ok(status))
		return status;
	cli_wait_init(&w, t->session->conn->client);
	status = wait_stat(&w, path_stat(t, NULL, name, cli_wait_done, &w), out);
	free((void *)(uintptr_t)name.data);
	return status;
}

ntstatus cli1_file_stat(struct hythe_file *f, struct hythe_stat *out)
{
	struct cli_wait w;
	ntstatus status = cli_may_block();
	if (!nt_ok(status))
		return status;
	cli_wait_init(&w, f->tree->session->conn->client);
	return wait_stat(&w, cli1_file_stat_async(f, cli_wait_done, &w), out);
}

/* [MS-CIFS] 2.2.5.6 */
ntstatus cli1_pipe_transceive(struct hythe_file *f, struct slice in, void *buffer, size_t cap, hythe_done_fn *done, void *arg)
{
	static const uint8_t pipe[] = {'\\', 0, 'P', 0, 'I', 0, 'P', 0, 'E', 0, '\\', 0};
	ntstatus status;
	struct slice name = cli1_text(f->tree->session->conn->smb1, slice_of(pipe, sizeof(pipe)), &status);
	if (!nt_ok(status))
		return status;
	struct cli1_ask ask = {.command = SMB1_TRANSACTION, .setup = {SMB1_TRANS_TRANSACT_NMPIPE, f->smb1->fid}, .setup_words = 2, .name = name,
		.data = in, .max_data = bounded(cap), .complete = query_complete};
	status = cli1_trans(new_for(f, SMB1_TRANSACTION, buffer, cap), &ask, done, arg);
	free((void *)(uintptr_t)name.data);
	return status;
}

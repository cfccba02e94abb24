/* QUERY_INFO, SET_INFO, QUERY_DIRECTORY and IOCTL ([MS-SMB2] 3.2.4.8 to 3.2.4.20, 3.2.5.14 to 3.2.5.18): raw buffers in and out. The
 * classes' own contents are decoded by those who ask. */
#include "client/smb1/smb1.h"

#include "wire/fsctl.h"

#include <stdlib.h>

/* Hands the bytes of an answer to the caller's buffer, or shows them. */
static void finish_data(struct cli_request *r, ntstatus status, struct slice data)
{
	struct hythe_result result = {.bytes = data.len, .data = data.data};
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

static void query_complete(struct cli_request *r, const struct cli_answer *a)
{
	struct smb2_query_info_rsp rsp = {0};
	ntstatus status;
	if (!cli_body(r, a, &rsp, &status))
		rsp.output = slice_of(NULL, 0);
	finish_data(r, status, rsp.output);
}

static void scan_complete(struct cli_request *r, const struct cli_answer *a)
{
	struct smb2_query_directory_rsp rsp = {0};
	ntstatus status;
	if (!cli_body(r, a, &rsp, &status))
		rsp.output = slice_of(NULL, 0);
	finish_data(r, status, rsp.output);
}

static void ioctl_complete(struct cli_request *r, const struct cli_answer *a)
{
	struct smb2_ioctl_rsp rsp = {0};
	ntstatus status;
	if (!cli_body(r, a, &rsp, &status))
		rsp.output = slice_of(NULL, 0);
	/* 3.2.5.14.3: INVALID_PARAMETER may carry a server's limits */
	if (nt_is(status, STATUS_INVALID_PARAMETER) && a->message && nt_ok(cli_decode(r, a, &rsp))) {
		finish_data(r, status, rsp.output);
		return;
	}
	finish_data(r, status, rsp.output);
}

static void set_complete(struct cli_request *r, const struct cli_answer *a)
{
	cli_finish(r, a->status, NULL);
}

static ntstatus go(struct cli_request *r, ntstatus status, hythe_done_fn *done, void *arg)
{
	r->done = done;
	r->arg = arg;
	if (nt_ok(status))
		status = cli_submit(r);
	if (!nt_ok(status))
		cli_request_free(r);
	return status;
}

static struct cli_request *new_for(struct hythe_file *f, uint16_t command, void *buffer, size_t cap,
	void (*complete)(struct cli_request *r, const struct cli_answer *a))
{
	struct cli_request *r = cli_request_new(f->tree->session->conn, NULL, NULL, f, command);
	if (r) {
		r->complete = complete;
		r->buffer = buffer;
		r->buffer_len = cap;
	}
	return r;
}

static uint32_t bounded(const struct hythe_connection *c, size_t cap)
{
	return cap > c->proto.max_transact_bytes ? c->proto.max_transact_bytes : (uint32_t)cap;
}

ntstatus cli_query_info(struct hythe_file *f, uint8_t type, uint8_t info_class, uint32_t additional, void *buffer, size_t cap,
	hythe_done_fn *done, void *arg)
{
	if (f->smb1)
		return cli1_query_info(f, type, info_class, buffer, cap, done, arg);
	struct cli_request *r = new_for(f, SMB2_QUERY_INFO, buffer, cap, query_complete);
	if (!r)
		return STATUS_NO_MEMORY;
	struct smb2_query_info_req req = {.info_type = type, .file_info_class = info_class,
		.output_buffer_length = bounded(r->conn, cap), .additional_information = additional, .file_id = f->id};
	return go(r, cli_request_encode(r, &req, 0, req.output_buffer_length), done, arg);
}

ntstatus hythe_query_info_async(struct hythe_file *f, enum hythe_info_type type, uint8_t info_class, uint32_t additional, size_t cap,
	hythe_done_fn *done, void *arg)
{
	return cli_query_info(f, (uint8_t)type, info_class, additional, NULL, cap, done, arg);
}

ntstatus hythe_query_info(struct hythe_file *f, enum hythe_info_type type, uint8_t info_class, uint32_t additional, void *buffer,
	size_t cap, size_t *len)
{
	struct cli_wait w;
	ntstatus status = cli_may_block();
	*len = 0;
	if (!nt_ok(status))
		return status;
	cli_wait_init(&w, f->tree->session->conn->client);
	status = cli_wait_for(&w, cli_query_info(f, (uint8_t)type, info_class, additional, buffer, cap, cli_wait_done, &w));
	*len = w.result.bytes;
	return status;
}

ntstatus hythe_set_info_async(struct hythe_file *f, enum hythe_info_type type, uint8_t info_class, uint32_t additional,
	const void *data, size_t len, hythe_done_fn *done, void *arg)
{
	if (f->smb1)
		return cli1_set_info(f, (uint8_t)type, info_class, data, len, done, arg);
	struct cli_request *r = new_for(f, SMB2_SET_INFO, NULL, 0, set_complete);
	if (!r)
		return STATUS_NO_MEMORY;
	struct smb2_set_info_req req = {.info_type = (uint8_t)type, .file_info_class = info_class,
		.additional_information = additional, .file_id = f->id, .input = slice_of(data, len)};
	ntstatus status = go(r, cli_request_encode(r, &req, len, 0), done, arg);
	if (nt_ok(status) && type == HYTHE_INFO_FILE && info_class == HYTHE_FILE_RENAME_INFORMATION)
		cli_cache_renamed(f);
	return status;
}

ntstatus hythe_set_info(struct hythe_file *f, enum hythe_info_type type, uint8_t info_class, uint32_t additional, const void *data,
	size_t len)
{
	struct cli_wait w;
	ntstatus status = cli_may_block();
	if (!nt_ok(status))
		return status;
	cli_wait_init(&w, f->tree->session->conn->client);
	return cli_wait_for(&w, hythe_set_info_async(f, type, info_class, additional, data, len, cli_wait_done, &w));
}

ntstatus cli_query_directory(struct hythe_file *f, uint8_t info_class, uint8_t flags, const char *pattern, uint32_t index,
	void *buffer, size_t cap, hythe_done_fn *done, void *arg)
{
	ntstatus status;
	if (f->smb1)
		return cli1_query_directory(f, info_class, flags, pattern, buffer, cap, done, arg);
	struct slice name = cli_path(pattern ? pattern : "*", &status);
	if (!nt_ok(status))
		return status;
	struct cli_request *r = new_for(f, SMB2_QUERY_DIRECTORY, buffer, cap, scan_complete);
	status = STATUS_NO_MEMORY;
	if (r) {
		struct smb2_query_directory_req req = {.file_information_class = info_class, .flags = flags, .file_index = index,
			.file_id = f->id, .output_buffer_length = bounded(r->conn, cap), .file_name = name};
		status = go(r, cli_request_encode(r, &req, name.len, req.output_buffer_length), done, arg);
	}
	free((void *)(uintptr_t)name.data);
	return status;
}

ntstatus hythe_query_directory_async(struct hythe_file *f, uint8_t info_class, uint8_t flags, const char *pattern,
	uint32_t file_index, size_t cap, hythe_done_fn *done, void *arg)
{
	return cli_query_directory(f, info_class, flags, pattern, file_index, NULL, cap, done, arg);
}

ntstatus hythe_query_directory(struct hythe_file *f, uint8_t info_class, uint8_t flags, const char *pattern, uint32_t file_index,
	void *buffer, size_t cap, size_t *len)
{
	struct cli_wait w;
	ntstatus status = cli_may_block();
	*len = 0;
	if (!nt_ok(status))
		return status;
	cli_wait_init(&w, f->tree->session->conn->client);
	status = cli_wait_for(&w, cli_query_directory(f, info_class, flags, pattern, file_index, buffer, cap, cli_wait_done, &w));
	*len = w.result.bytes;
	return status;
}

ntstatus cli_ioctl(struct hythe_tree *t, struct hythe_file *f, uint32_t code, struct slice in, void *buffer, size_t cap,
	hythe_done_fn *done, void *arg)
{
	if (f && f->smb1 && code == FSCTL_PIPE_TRANSCEIVE)
		return cli1_pipe_transceive(f, in, buffer, cap, done, arg);
	if (cli1_is_active(t->session->conn))
		return cli1_unsupported(t->session->conn, "send that control code");
	struct cli_request *r = cli_request_new(t->session->conn, NULL, t, f, SMB2_IOCTL);
	if (!r)
		return STATUS_NO_MEMORY;
	r->complete = ioctl_complete;
	r->buffer = buffer;
	r->buffer_len = cap;
	struct smb2_ioctl_req req = {.ctl_code = code, .file_id = f ? f->id : (struct smb2_file_id){UINT64_MAX, UINT64_MAX},
		.max_output_response = bounded(r->conn, cap), .flags = SMB2_IOCTL_IS_FSCTL, .input = in};
	return go(r, cli_request_encode(r, &req, in.len, req.max_output_response), done, arg);
}

ntstatus hythe_ioctl_async(struct hythe_tree *t, struct hythe_file *f, uint32_t ctl_code, const void *input, size_t input_len,
	size_t cap, hythe_done_fn *done, void *arg)
{
	return cli_ioctl(t, f, ctl_code, slice_of(input, input_len), NULL, cap, done, arg);
}

ntstatus hythe_ioctl(struct hythe_tree *t, struct hythe_file *f, uint32_t ctl_code, const void *input, size_t input_len,
	void *output, size_t cap, size_t *len)
{
	struct cli_wait w;
	ntstatus status = cli_may_block();
	*len = 0;
	if (!nt_ok(status))
		return status;
	cli_wait_init(&w, t->session->conn->client);
	status = cli_wait_for(&w, cli_ioctl(t, f, ctl_code, slice_of(input, input_len), output, cap, cli_wait_done, &w));
	*len = w.result.bytes;
	return status;
}

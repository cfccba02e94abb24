/* Opening and closing: OPEN_ANDX ([MS-CIFS] 3.2.4.2.6, 3.2.5.34) and NT_CREATE_ANDX ([MS-CIFS] 3.2.4.3, [MS-SMB] 3.2.4.3), CLOSE, FLUSH; and the commands that
 * work on names. OPEN_ANDX is what every server has, and says less: no directories, the size without its upper half, times of two
 * seconds. It is taken where the caller asks for it, and where the server has nothing else. */
#include "client/smb1/smb1.h"

#include "base/dostime.h"

#include <stdlib.h>

enum { ACCESS_READ = 0, ACCESS_WRITE = 1, ACCESS_BOTH = 2, SHARE_COMPAT = 0, SHARE_NONE = 0x10, SHARE_NO_WRITE = 0x20, SHARE_NO_READ = 0x30, SHARE_ALL = 0x40 };
enum { SEARCH_FILES = 0x16, OPEN_FAIL = 0, OPEN_IT = 1, OPEN_TRUNCATE = 2, OPEN_CREATE = 0x10, RESULT_MASK = 3, TEXT_MOST = 64 };
#define READING (HYTHE_READ_DATA | HYTHE_READ_ATTRIBUTES | HYTHE_READ_EA | HYTHE_READ_CONTROL | HYTHE_SYNCHRONIZE)
#define WRITING (HYTHE_WRITE_DATA | HYTHE_APPEND_DATA | HYTHE_WRITE_ATTRIBUTES | HYTHE_WRITE_EA)
#define HINTS (HYTHE_OPTION_SEQUENTIAL_ONLY | HYTHE_OPTION_RANDOM_ACCESS | HYTHE_OPTION_NON_DIRECTORY)

void cli1_file_free(struct cli1_file *f)
{
	if (!f)
		return;
	free((void *)(uintptr_t)f->path.data);
	free(f);
}

static struct hythe_file *file_new(struct hythe_tree *t, struct slice path)
{
	struct hythe_file *f = cli_file_new(t, (struct smb2_file_id){0});
	struct cli1_file *own = f ? calloc(1, sizeof(*own)) : NULL;
	uint8_t *copy = own ? malloc(path.len + 1) : NULL;
	if (!copy) {
		free(own);
		if (f)
			cli_file_put(f);
		return NULL;
	}
	memcpy(copy, path.data, path.len);
	own->path = slice_of(copy, path.len);
	f->smb1 = own;
	return f;
}

/* The file, made before it is asked for, is given away if it was opened. */
static void finish(struct cli_request *r, ntstatus status, struct hythe_open_info *info)
{
	struct hythe_result result = {0};
	struct hythe_file *f = r->op;
	if (nt_ok(status)) {
		f->smb1->size = info->stat.size_bytes;
		result.file = f;
		result.opened = info;
	} else {
		cli_file_put(f);
	}
	cli_finish(r, status, &result);
}

static void open_andx_complete(struct cli_request *r, const struct cli_answer *a)
{
	struct smb1_open_andx_rsp rsp;
	struct hythe_open_info info = {0};
	ntstatus status;
	if (cli1_body(r, a, &rsp, &status)) {
		struct cli1_file *f = ((struct hythe_file *)r->op)->smb1;
		uint64_t written = utime_to_filetime(rsp.last_write_time, r->conn->smb1->time_zone);
		f->fid = rsp.fid;
		f->was_opened = true;
		info.stat = (struct hythe_stat){.last_write_time = written, .change_time = written, .size_bytes = rsp.file_data_size,
			.attributes = rsp.file_attrs ? rsp.file_attrs : HYTHE_ATTRIBUTE_NORMAL, .directory = rsp.file_attrs & HYTHE_ATTRIBUTE_DIRECTORY};
		info.maximal_access = rsp.maximal_access_rights;
		info.action = (enum hythe_create_action)(rsp.open_results & RESULT_MASK);
	}
	finish(r, status, &info);
}

static void nt_create_complete(struct cli_request *r, const struct cli_answer *a)
{
	struct smb1_nt_create_andx_rsp rsp;
	struct hythe_open_info info = {0};
	ntstatus status;
	if (cli1_body(r, a, &rsp, &status)) {
		((struct hythe_file *)r->op)->smb1->fid = rsp.fid;
		info.stat = (struct hythe_stat){.creation_time = rsp.creation_time, .last_access_time = rsp.last_access_time,
			.last_write_time = rsp.last_write_time, .change_time = rsp.last_change_time, .size_bytes = rsp.end_of_file,
			.allocated_bytes = rsp.allocation_size, .attributes = rsp.ext_file_attributes, .directory = rsp.directory};
		info.action = (enum hythe_create_action)rsp.create_action;
	}
	finish(r, status, &info);
}

static void directory_complete(struct cli_request *r, const struct cli_answer *a)
{
	struct hythe_open_info info = {.stat = {.attributes = HYTHE_ATTRIBUTE_DIRECTORY, .directory = true}, .action = HYTHE_WAS_OPENED};
	struct smb1_empty rsp;
	ntstatus status;
	if (cli1_body(r, a, &rsp, &status))
		((struct hythe_file *)r->op)->smb1->no_fid = true;
	finish(r, status, &info);
}

/* 2.2.4.41.1: of what NT has, only this can be said in it. */
static bool open_andx_says(const struct hythe_open_params *p)
{
	return (p->access & ~(READING | WRITING | HYTHE_DELETE)) == 0 && (p->options & ~HINTS) == 0 && (p->access & (HYTHE_READ_DATA | HYTHE_WRITE_DATA)) != 0 &&
		p->contexts_len == 0 && p->snapshot_time == 0 && p->allocation_bytes <= UINT32_MAX;
}

static ntstatus send_open_andx(struct hythe_file *f, const struct hythe_open_params *p, hythe_done_fn *done, void *arg)
{
	static const uint16_t modes[] = {[HYTHE_SUPERSEDE] = OPEN_CREATE | OPEN_TRUNCATE, [HYTHE_OPEN] = OPEN_IT, [HYTHE_CREATE] = OPEN_CREATE,
		[HYTHE_OPEN_IF] = OPEN_CREATE | OPEN_IT, [HYTHE_OVERWRITE] = OPEN_TRUNCATE, [HYTHE_OVERWRITE_IF] = OPEN_CREATE | OPEN_TRUNCATE};
	uint32_t share = p->share_access & (HYTHE_SHARE_READ | HYTHE_SHARE_WRITE);
	bool reads = p->access & HYTHE_READ_DATA, writes = p->access & WRITING;
	struct smb1_open_andx_req req = {
		.flags = SMB1_OPEN_QUERY_INFORMATION,
		.access_mode = (uint16_t)(writes ? reads ? ACCESS_BOTH : ACCESS_WRITE : ACCESS_READ),
		.search_attrs = SEARCH_FILES, .file_attrs = (uint16_t)(p->attributes & ~HYTHE_ATTRIBUTE_NORMAL), .open_mode = modes[p->disposition],
		.allocation_size = (uint32_t)p->allocation_bytes, .file_name = f->smb1->path,
	};
	req.access_mode |= share == 0 ? SHARE_NONE : share == HYTHE_SHARE_READ ? SHARE_NO_WRITE : share == HYTHE_SHARE_WRITE ? SHARE_NO_READ : SHARE_ALL;
	struct cli_request *r = cli_request_new(f->tree->session->conn, NULL, f->tree, NULL, SMB1_OPEN_ANDX);
	if (!r)
		return STATUS_NO_MEMORY;
	r->op = f;
	r->complete = open_andx_complete;
	return cli1_go(r, &req, req.file_name.len + TEXT_MOST, done, arg);
}

static ntstatus send_nt_create(struct hythe_file *f, const struct hythe_open_params *p, hythe_done_fn *done, void *arg)
{
	struct smb1_nt_create_andx_req req = {
		.desired_access = p->access, .allocation_size = p->allocation_bytes,
		.ext_file_attributes = p->attributes ? p->attributes : HYTHE_ATTRIBUTE_NORMAL,
		.share_access = p->share_access, .create_disposition = (uint32_t)p->disposition, .create_options = p->options,
		.impersonation_level = p->impersonation, .file_name = f->smb1->path,
	};
	struct cli_request *r = cli_request_new(f->tree->session->conn, NULL, f->tree, NULL, SMB1_NT_CREATE_ANDX);
	if (!r)
		return STATUS_NO_MEMORY;
	r->op = f;
	r->complete = nt_create_complete;
	return cli1_go(r, &req, req.file_name.len + TEXT_MOST, done, arg);
}

/* Without NT's commands, a directory that is there is as good as open. */
static ntstatus send_check(struct hythe_file *f, hythe_done_fn *done, void *arg)
{
	struct smb1_name_req req = {.name = f->smb1->path};
	struct cli_request *r = cli_request_new(f->tree->session->conn, NULL, f->tree, NULL, SMB1_CHECK_DIRECTORY);
	if (!r)
		return STATUS_NO_MEMORY;
	r->op = f;
	r->complete = directory_complete;
	return cli1_go(r, &req, req.name.len + TEXT_MOST, done, arg);
}

ntstatus cli1_open(struct hythe_tree *t, const struct hythe_open_params *p, hythe_done_fn *done, void *arg)
{
	struct hythe_connection *c = t->session->conn;
	bool nt = (c->smb1->capabilities & SMB1_CAP_NT_SMBS) != 0, directory = p->options & HYTHE_OPTION_DIRECTORY;
	ntstatus status;
	if (p->lease)
		return cli1_unsupported(c, "lease files");
	if (p->contexts_len > 0 || p->snapshot_time || p->query_disk_id || (unsigned)p->disposition > HYTHE_OVERWRITE_IF)
		return cli1_unsupported(c, "open a file like that");
	struct slice path = cli1_path(c, p->path ? p->path : "", &status);
	if (!nt_ok(status))
		return status;
	struct hythe_file *f = file_new(t, path);
	free((void *)(uintptr_t)path.data);
	if (!f)
		return STATUS_NO_MEMORY;
	if (open_andx_says(p) && (p->smb1_open_andx || !nt) && (!nt || !(p->access & HYTHE_DELETE)))
		status = send_open_andx(f, p, done, arg);
	else if (nt)
		status = send_nt_create(f, p, done, arg);
	else if (directory && p->disposition == HYTHE_OPEN)
		status = send_check(f, done, arg);
	else
		status = cli1_unsupported(c, "open a file like that on this server");
	if (!nt_ok(status))
		cli_file_put(f);
	return status;
}

/* --- closing --- */

static ntstatus send_close(struct hythe_file *f, hythe_done_fn *done, void *arg, void (*complete)(struct cli_request *r, const struct cli_answer *a))
{
	struct smb1_close_req req = {.fid = f->smb1->fid};
	struct cli_request *r = cli_request_new(f->tree->session->conn, NULL, NULL, f, SMB1_CLOSE);
	if (r)
		r->complete = complete;
	return cli1_go(r, &req, 0, done, arg);
}

/* A CLOSE tells nothing of the file, so that is asked for before. */
struct closing {
	struct hythe_file *file;
	hythe_done_fn *done;
	void *arg;
	struct hythe_stat stat;
	bool known;
};

static void closed(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct closing *k = arg;
	struct hythe_result out = *result;
	if (k->known)
		out.stat = &k->stat;
	if (k->done)
		k->done(k->arg, status, &out);
	free(k);
}

static void stat_known(void *arg, ntstatus status, const struct hythe_result *result)
{
	static const struct hythe_result nothing;
	struct closing *k = arg;
	struct hythe_file *f = k->file;
	k->known = nt_ok(status) && result->stat;
	if (k->known)
		k->stat = *result->stat;
	status = send_close(f, closed, k, NULL);
	if (!nt_ok(status))
		closed(k, status, &nothing);
	cli_file_put(f);
}

static void nothing_complete(struct cli_request *r, const struct cli_answer *a)
{
	cli_finish(r, a->status, NULL);
}

ntstatus cli1_close(struct hythe_file *f, bool want_stat, hythe_done_fn *done, void *arg)
{
	ntstatus status;
	struct smb1_echo_req echo = {.echo_count = 1, .data = slice_of("", 1)};
	cli1_search_end(f);
	if (f->smb1->no_fid) {
		/* Nothing is to be closed; that the connection is there is all that can be said. */
		struct cli_request *r = cli_request_new(f->tree->session->conn, NULL, NULL, f, SMB1_ECHO);
		if (r)
			r->complete = nothing_complete;
		return cli1_go(r, &echo, 16, done, arg);
	}
	if (!want_stat)
		return send_close(f, done, arg, NULL);
	struct closing *k = calloc(1, sizeof(*k));
	if (!k)
		return STATUS_NO_MEMORY;
	*k = (struct closing){.file = cli_file_ref(f), .done = done, .arg = arg};
	status = cli1_file_stat_async(f, stat_known, k);
	if (!nt_ok(status)) {
		cli_file_put(f);
		free(k);
	}
	return status;
}

ntstatus cli1_flush(struct hythe_file *f, hythe_done_fn *done, void *arg)
{
	struct smb1_fid req = {.fid = f->smb1->fid};
	return cli1_go(cli_request_new(f->tree->session->conn, NULL, NULL, f, SMB1_FLUSH), &req, 0, done, arg);
}

/* --- names --- */

/* [MS-CIFS] 2.2.4.1, 2.2.4.2, 2.2.4.7, 2.2.4.8 */
ntstatus cli1_name_command(struct hythe_tree *t, uint8_t command, const char *path, const char *to)
{
	struct hythe_connection *c = t->session->conn;
	struct slice target = {0};
	struct cli_wait w;
	ntstatus status = cli_may_block();
	if (!nt_ok(status))
		return status;
	struct slice name = cli1_path(c, path, &status);
	if (nt_ok(status) && to)
		target = cli1_path(c, to, &status);
	if (nt_ok(status)) {
		struct smb1_name_req plain = {.name = name};
		struct smb1_delete_req gone = {.search_attributes = SEARCH_FILES & ~HYTHE_ATTRIBUTE_DIRECTORY, .file_name = name};
		struct smb1_rename_req moved = {.search_attributes = SEARCH_FILES, .old_file_name = name, .new_file_name = target};
		void *body = command == SMB1_RENAME ? (void *)&moved : command == SMB1_DELETE ? (void *)&gone : (void *)&plain;
		cli_wait_init(&w, c->client);
		status = cli_wait_for(&w, cli1_go(cli_request_new(c, NULL, t, NULL, command), body, name.len + target.len + TEXT_MOST, cli_wait_done, &w));
	}
	free((void *)(uintptr_t)name.data);
	free((void *)(uintptr_t)target.data);
	return status;
}

/* Opening and closing ([MS-SMB2] 3.2.4.3, 3.2.4.5, 3.2.5.7, 3.2.5.9): CREATE with its contexts, CLOSE with the final attributes,
 * FLUSH. */
#include "client/smb1/smb1.h"

#include <stdlib.h>

enum { CONTEXTS_OWN = 256, POSTQUERY = 1 };

void hythe_open_params_init(struct hythe_open_params *p, const char *path, uint32_t access)
{
	*p = (struct hythe_open_params){.path = path, .access = access, .share_access = HYTHE_SHARE_ALL,
		.disposition = HYTHE_OPEN, .impersonation = 2};
}

static void put_context(struct wire *w, const char *name, uint64_t value, bool has_value)
{
	uint8_t data[8];
	store_le64(data, value);
	smb2_create_context_put(w, slice_of(name, 4), slice_of(data, has_value ? 8 : 0));
}

/* 3.2.4.3.6 to 3.2.4.3.10, 3.2.4.3.8. Those of the caller come last. */
static ntstatus put_contexts(struct cli_request *r, const struct hythe_open_params *p, struct slice path, struct wire *w,
	uint8_t *level)
{
	if (p->query_maximal_access)
		put_context(w, "MxAc", 0, false);
	if (p->query_disk_id)
		put_context(w, "QFid", 0, false);
	if (p->allocation_bytes)
		put_context(w, "AlSi", p->allocation_bytes, true);
	if (p->snapshot_time)
		put_context(w, "TWrp", p->snapshot_time, true);
	ntstatus status = cli_cache_ask(r, p, path, w, level);
	if (!nt_ok(status))
		return status;
	struct slice list = slice_of(p->contexts, p->contexts_len);
	struct smb2_create_context c;
	bool bad = false;
	while (smb2_create_context_next(&list, &c, &bad))
		smb2_create_context_put(w, c.name, c.data);
	if (bad) {
		cli_error_set("the create contexts are malformed");
		return STATUS_INVALID_PARAMETER;
	}
	return w->error;
}

ntstatus cli_create_encode(struct cli_request *r, const struct hythe_open_params *p)
{
	uint8_t own[CONTEXTS_OWN], *memory = own;
	size_t cap = sizeof(own);
	uint8_t level = 0;
	ntstatus status;
	if (p->contexts_len > 0) {
		cap = CONTEXTS_OWN + 2 * p->contexts_len + 64;
		memory = malloc(cap);
		if (!memory)
			return STATUS_NO_MEMORY;
	}
	struct wire w = wire_encoder(memory, 0, cap);
	struct slice name = cli_path(p->path ? p->path : "", &status);
	if (nt_ok(status))
		status = put_contexts(r, p, name, &w, &level);
	if (nt_ok(status)) {
		struct smb2_create_req req = {
			.requested_oplock_level = level,
			.impersonation_level = p->impersonation,
			.desired_access = p->access,
			.file_attributes = p->attributes ? p->attributes : HYTHE_ATTRIBUTE_NORMAL,
			.share_access = p->share_access,
			.create_disposition = (uint32_t)p->disposition,
			.create_options = p->options,
			.name = name,
			.contexts = slice_of(memory, w.pos),
		};
		status = cli_request_encode(r, &req, name.len + w.pos + 16, 0);
	}
	free((void *)(uintptr_t)name.data);
	if (memory != own)
		free(memory);
	return status;
}

static void read_contexts(struct slice list, struct hythe_open_info *out)
{
	struct smb2_create_context c;
	bool bad;
	while (smb2_create_context_next(&list, &c, &bad)) {
		struct wire w = wire_decoder(c.data.data, 0, c.data.len, NULL);
		if (slice_equal(c.name, slice_of("MxAc", 4))) {
			struct smb2_ctx_mxac_rsp m = {0};
			smb2_ctx_mxac_rsp_code(&w, &m);
			if (wire_ok(&w) && m.query_status == 0) /* 3.2.5.7.2 */
				out->maximal_access = m.maximal_access;
		} else if (slice_equal(c.name, slice_of("QFid", 4))) {
			struct smb2_ctx_qfid_rsp m = {0};
			smb2_ctx_qfid_rsp_code(&w, &m);
			if (wire_ok(&w)) {
				out->disk_file_id = m.disk_file_id;
				out->volume_id = m.volume_id;
			}
		}
	}
}

void cli_open_info(const struct smb2_create_rsp *rsp, struct hythe_open_info *out)
{
	*out = (struct hythe_open_info){
		.stat = {.creation_time = rsp->creation_time, .last_access_time = rsp->last_access_time,
			.last_write_time = rsp->last_write_time, .change_time = rsp->change_time, .size_bytes = rsp->end_of_file,
			.allocated_bytes = rsp->allocation_size, .attributes = rsp->file_attributes,
			.directory = rsp->file_attributes & HYTHE_ATTRIBUTE_DIRECTORY},
		.action = (enum hythe_create_action)rsp->create_action,
	};
	read_contexts(rsp->contexts, out);
	out->stat.file_id = out->disk_file_id;
}

struct hythe_file *cli_file_new(struct hythe_tree *t, struct smb2_file_id id)
{
	struct hythe_file *f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	atomic_init(&f->refs, 1);
	f->tree = cli_tree_ref(t);
	f->id = id;
	list_init(&f->hold.on_lease);
	list_init(&f->hold.due);
	list_init(&f->hold.ack);
	return f;
}

/* 3.2.5.7. A file that is not taken is not left open at the server either. */
ntstatus cli_file_opened(struct cli_request *r, const struct smb2_create_rsp *rsp, struct hythe_file **out)
{
	struct hythe_file *f = cli_file_new(r->tree, rsp->file_id);
	if (!f)
		return STATUS_NO_MEMORY;
	ntstatus status = cli_cache_opened(r, f, rsp);
	if (nt_ok(status)) {
		*out = f;
		return status;
	}
	if (!nt_ok(hythe_close_async(f, false, NULL, NULL)))
		cli_file_put(f);
	return status;
}

static void open_complete(struct cli_request *r, const struct cli_answer *a)
{
	struct smb2_create_rsp rsp;
	struct hythe_open_info info;
	struct hythe_result result = {0};
	ntstatus status;
	if (cli_body(r, a, &rsp, &status)) {
		cli_open_info(&rsp, &info);
		result.opened = &info;
		status = cli_file_opened(r, &rsp, &result.file);
	}
	struct cli_request *again = nt_error(status) ? cli_cache_ask_again(r, status) : NULL;
	if (again && nt_ok(cli_submit(again)))
		return;
	if (again)
		cli_request_free(again);
	cli_finish(r, status, &result);
}

ntstatus hythe_open_async(struct hythe_tree *t, const struct hythe_open_params *p, hythe_done_fn *done, void *arg)
{
	if (cli1_is_active(t->session->conn))
		return cli1_open(t, p, done, arg);
	struct cli_request *r = cli_request_new(t->session->conn, NULL, t, NULL, SMB2_CREATE);
	if (!r)
		return STATUS_NO_MEMORY;
	r->complete = open_complete;
	r->done = done;
	r->arg = arg;
	ntstatus status = cli_create_encode(r, p);
	if (nt_ok(status))
		status = cli_submit(r);
	if (!nt_ok(status))
		cli_request_free(r);
	return status;
}

ntstatus hythe_open(struct hythe_tree *t, const struct hythe_open_params *p, struct hythe_file **out, struct hythe_open_info *info)
{
	struct cli_wait w;
	ntstatus status = cli_may_block();
	if (!nt_ok(status))
		return status;
	cli_wait_init(&w, t->session->conn->client);
	status = cli_wait_for(&w, hythe_open_async(t, p, cli_wait_done, &w));
	if (nt_ok(status)) {
		*out = w.result.file;
		if (info)
			*info = w.opened;
	}
	return status;
}

void cli_close_stat(const struct smb2_close_rsp *rsp, struct hythe_stat *out)
{
	*out = (struct hythe_stat){.creation_time = rsp->creation_time, .last_access_time = rsp->last_access_time,
		.last_write_time = rsp->last_write_time, .change_time = rsp->change_time, .size_bytes = rsp->end_of_file,
		.allocated_bytes = rsp->allocation_size, .attributes = rsp->file_attributes,
		.directory = rsp->file_attributes & HYTHE_ATTRIBUTE_DIRECTORY};
}

static void close_complete(struct cli_request *r, const struct cli_answer *a)
{
	struct smb2_close_rsp rsp;
	struct hythe_stat stat;
	struct hythe_result result = {0};
	ntstatus status;
	if (cli_body(r, a, &rsp, &status) && (rsp.flags & POSTQUERY)) {
		cli_close_stat(&rsp, &stat);
		result.stat = &stat;
	}
	cli_finish(r, status, &result);
}

ntstatus hythe_close_async(struct hythe_file *f, bool want_stat, hythe_done_fn *done, void *arg)
{
	struct smb2_close_req req = {.flags = want_stat ? POSTQUERY : 0, .file_id = f->id};
	if (cli1_is_active(f->tree->session->conn)) {
		ntstatus closing = cli1_close(f, want_stat, done, arg);
		if (nt_ok(closing))
			cli_file_put(f);
		return closing;
	}
	struct cli_request *r = cli_request_new(f->tree->session->conn, NULL, NULL, f, SMB2_CLOSE);
	if (!r)
		return STATUS_NO_MEMORY;
	r->complete = close_complete;
	r->done = done;
	r->arg = arg;
	ntstatus status = cli_request_encode(r, &req, 0, 0);
	if (nt_ok(status))
		status = cli_submit(r);
	if (!nt_ok(status)) {
		cli_request_free(r);
		return status;
	}
	cli_cache_leave(f);
	cli_file_put(f);
	return status;
}

ntstatus hythe_close(struct hythe_file *f, struct hythe_stat *stat)
{
	struct cli_wait w;
	ntstatus status = cli_may_block();
	if (!nt_ok(status))
		return status;
	struct hythe_tree *t = cli_tree_ref(f->tree); /* keeps the client reachable */
	cli_cache_leave_and_wait(f);
	cli_wait_init(&w, t->session->conn->client);
	ntstatus submitted = hythe_close_async(f, stat != NULL, cli_wait_done, &w);
	if (!nt_ok(submitted))
		cli_file_put(f);
	status = cli_wait_for(&w, submitted);
	if (stat)
		*stat = nt_ok(status) && w.result.stat ? w.stat : (struct hythe_stat){0};
	cli_tree_put(t);
	return status;
}

static void flush_complete(struct cli_request *r, const struct cli_answer *a)
{
	cli_finish(r, a->status, NULL);
}

ntstatus hythe_flush_async(struct hythe_file *f, hythe_done_fn *done, void *arg)
{
	struct smb2_flush_req req = {.file_id = f->id};
	if (cli1_is_active(f->tree->session->conn))
		return cli1_flush(f, done, arg);
	struct cli_request *r = cli_request_new(f->tree->session->conn, NULL, NULL, f, SMB2_FLUSH);
	if (!r)
		return STATUS_NO_MEMORY;
	r->complete = flush_complete;
	r->done = done;
	r->arg = arg;
	ntstatus status = cli_request_encode(r, &req, 0, 0);
	if (nt_ok(status))
		status = cli_submit(r);
	if (!nt_ok(status))
		cli_request_free(r);
	return status;
}

ntstatus hythe_flush(struct hythe_file *f)
{
	struct cli_wait w;
	ntstatus status = cli_may_block();
	if (!nt_ok(status))
		return status;
	cli_wait_init(&w, f->tree->session->conn->client);
	return cli_wait_for(&w, hythe_flush_async(f, cli_wait_done, &w));
}

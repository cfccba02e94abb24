/* READ and WRITE ([MS-SMB2] 3.2.4.6, 3.2.4.7, 3.2.5.11, 3.2.5.12). What fits into one message goes as one, with no memory but the
 * request. More is a transfer: pieces side by side, as many as keep the line busy, each going on where a short answer ended. */
#include "client/smb1/smb1.h"

#include <stdlib.h>

enum { PADDING = 0x50, PIECES_MIN = 4, PIECES_MAX = 32, WINDOW_BYTES = 16 << 20 };

/* A large READ or WRITE, finished when nothing is left and nothing is under way. */
struct cli_transfer {
	pthread_mutex_t lock;
	struct hythe_file *file; /* referenced */
	bool write;
	uint8_t *buffer;
	uint64_t offset;   /* where it starts in the file */
	uint64_t next, end; /* what was not asked for yet */
	uint64_t stop;     /* reads: the end of the file as far as known; writes: the first byte that failed */
	size_t piece;
	uint32_t flags;
	unsigned underway;
	bool alone;        /* the first piece, which may well be all there is, goes before the others */
	ntstatus status;
	hythe_done_fn *done;
	void *arg;
};

static void transfer_go_on(struct cli_transfer *t);

/* 3.2.5.11. The length asked for is r->buffer_len. */
static ntstatus read_answer(struct cli_request *r, const struct cli_answer *a, size_t *bytes)
{
	struct smb2_read_rsp rsp;
	ntstatus status;
	*bytes = 0;
	if (r->file->smb1)
		return cli1_read_answer(r, a, bytes);
	if (r->received > 0) {
		*bytes = r->received; /* and is in the buffer */
		return a->status;
	}
	if (!cli_body(r, a, &rsp, &status))
		return status;
	if (rsp.data.len > r->buffer_len)
		return STATUS_INVALID_NETWORK_RESPONSE;
	if (rsp.data.len > 0)
		memcpy(r->buffer, rsp.data.data, rsp.data.len);
	*bytes = rsp.data.len;
	return status;
}

static ntstatus write_answer(struct cli_request *r, const struct cli_answer *a, size_t *bytes)
{
	struct smb2_write_rsp rsp;
	ntstatus status;
	*bytes = 0;
	if (r->file->smb1)
		return cli1_write_answer(r, a, bytes);
	if (!cli_body(r, a, &rsp, &status))
		return status;
	if (rsp.count > r->payload_len)
		return STATUS_INVALID_NETWORK_RESPONSE;
	*bytes = rsp.count;
	return status;
}

static void single_complete(struct cli_request *r, const struct cli_answer *a)
{
	struct hythe_result result = {0};
	ntstatus status = r->buffer ? read_answer(r, a, &result.bytes) : write_answer(r, a, &result.bytes);
	cli_finish(r, status, &result);
}

struct cli_request *cli_read_new(struct hythe_file *f, uint64_t offset, void *buffer, size_t len, uint32_t flags, ntstatus *status)
{
	struct smb2_read_req req = {.padding = PADDING, .flags = (uint8_t)flags, .length = (uint32_t)len, .offset = offset,
		.file_id = f->id};
	struct cli_request *r = cli_request_new(f->tree->session->conn, NULL, NULL, f, SMB2_READ);
	*status = STATUS_NO_MEMORY;
	if (!r)
		return NULL;
	r->buffer = buffer;
	r->buffer_len = len;
	r->takes_data = true;
	r->offset = offset;
	*status = f->smb1 ? cli1_read_encode(r, f, offset, len) : cli_request_encode(r, &req, 0, len);
	return r;
}

static struct cli_request *make_write(struct hythe_file *f, uint64_t offset, const void *data, size_t len, uint32_t flags,
	ntstatus *status)
{
	struct smb2_write_req req = {.offset = offset, .file_id = f->id, .flags = flags, .length = (uint32_t)len,
		.data = slice_of(data, len)};
	struct cli_request *r = cli_request_new(f->tree->session->conn, NULL, NULL, f, SMB2_WRITE);
	*status = STATUS_NO_MEMORY;
	if (!r)
		return NULL;
	r->payload = data;
	r->payload_len = len;
	r->offset = offset;
	*status = f->smb1 ? cli1_write_encode(r, f, offset, len, flags) : cli_request_encode(r, &req, 0, len);
	return r;
}

ntstatus cli_submit_or_free(struct cli_request *r, ntstatus status)
{
	if (!r)
		return status;
	if (nt_ok(status))
		status = r->file->smb1 ? cli1_submit(r) : cli_submit(r);
	if (!nt_ok(status))
		cli_request_free(r);
	return status;
}

/* --- transfers --- */

/* Called without the lock; nothing is under way any more. */
static void transfer_end(struct cli_transfer *t)
{
	struct hythe_result result = {0};
	uint64_t stop = t->stop < t->end ? t->stop : t->end;
	ntstatus status = t->status;
	result.bytes = (size_t)(stop - t->offset);
	if (!t->write && nt_error(status))
		result.bytes = 0;
	if (!t->write && nt_ok(status) && result.bytes == 0)
		status = STATUS_END_OF_FILE;
	if (nt_error(status))
		cli_explain(t->file->tree->session->conn, t->write ? "WRITE" : "READ", status);
	t->done(t->arg, status, &result);
	cli_file_put(t->file);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static void stop_at(struct cli_transfer *t, uint64_t at, ntstatus status)
{
	if (at < t->stop)
		t->stop = at;
	if (t->next >= t->stop || nt_error(status))
		t->next = t->end; /* nothing more is asked for */
	if (nt_error(status) && nt_ok(t->status))
		t->status = status;
}

static void piece_complete(struct cli_request *r, const struct cli_answer *a);

/* Asks for [from, from + len) once more or for the first time. */
static ntstatus piece_send(struct cli_transfer *t, uint64_t from, size_t len)
{
	ntstatus status;
	uint8_t *at = t->buffer + (from - t->offset);
	struct cli_request *r = t->write ? make_write(t->file, from, at, len, t->flags, &status)
					 : cli_read_new(t->file, from, at, len, t->flags, &status);
	if (r) {
		r->complete = piece_complete;
		r->transfer = t;
	}
	return cli_submit_or_free(r, status);
}

static void piece_complete(struct cli_request *r, const struct cli_answer *a)
{
	struct cli_transfer *t = r->transfer;
	size_t asked = t->write ? r->payload_len : r->buffer_len, bytes;
	ntstatus status = t->write ? write_answer(r, a, &bytes) : read_answer(r, a, &bytes);
	bool more = false;
	pthread_mutex_lock(&t->lock);
	if (nt_is(status, STATUS_END_OF_FILE) && !t->write)
		stop_at(t, r->offset, STATUS_SUCCESS);
	else if (nt_error(status))
		stop_at(t, r->offset, status);
	else if (bytes == 0 && asked > 0)
		stop_at(t, r->offset, t->write ? STATUS_UNEXPECTED_NETWORK_ERROR : STATUS_SUCCESS);
	else if (bytes < asked && !t->write && t->file->smb1 && r->offset + bytes >= t->file->smb1->size)
		stop_at(t, r->offset + bytes, STATUS_SUCCESS); /* as far as the file went when it was opened */
	else
		more = bytes < asked;
	if (bytes == asked)
		t->alone = false;
	pthread_mutex_unlock(&t->lock);
	if (more) {
		status = piece_send(t, r->offset + bytes, asked - bytes);
		if (nt_ok(status))
			return;
		pthread_mutex_lock(&t->lock);
		stop_at(t, r->offset + bytes, status);
		pthread_mutex_unlock(&t->lock);
	}
	transfer_go_on(t);
}

static unsigned pieces_at_once(const struct cli_transfer *t)
{
	size_t n = WINDOW_BYTES / t->piece;
	if (t->alone)
		return 1;
	return n < PIECES_MIN ? PIECES_MIN : n > PIECES_MAX ? PIECES_MAX : (unsigned)n;
}

/* One piece less is under way: sends as many as may be, and ends the transfer when that was the last. */
static void transfer_go_on(struct cli_transfer *t)
{
	pthread_mutex_lock(&t->lock);
	while (t->next < t->end && t->underway <= pieces_at_once(t)) {
		uint64_t from = t->next;
		size_t len = t->end - from < t->piece ? (size_t)(t->end - from) : t->piece;
		t->next += len;
		t->underway++;
		pthread_mutex_unlock(&t->lock);
		ntstatus status = piece_send(t, from, len);
		pthread_mutex_lock(&t->lock);
		if (!nt_ok(status)) {
			t->underway--;
			stop_at(t, from, status);
		}
	}
	bool last = --t->underway == 0;
	pthread_mutex_unlock(&t->lock);
	if (last)
		transfer_end(t);
}

static ntstatus transfer_start(struct hythe_file *f, uint64_t offset, void *buffer, size_t len, uint32_t flags, bool write, size_t limit,
	hythe_done_fn *done, void *arg)
{
	struct cli_transfer *t = calloc(1, sizeof(*t));
	if (!t)
		return STATUS_NO_MEMORY;
	pthread_mutex_init(&t->lock, NULL);
	t->file = cli_file_ref(f);
	t->write = write;
	t->buffer = buffer;
	t->offset = t->next = offset;
	t->end = offset + len;
	t->stop = UINT64_MAX;
	t->piece = limit < CLI_PIECE_BYTES ? limit : CLI_PIECE_BYTES;
	t->alone = f->smb1 && !write;
	t->flags = flags;
	t->done = done;
	t->arg = arg;
	/* The first piece from here, so that a dead connection is told by the return value. */
	size_t first = len < t->piece ? len : t->piece;
	t->next += first;
	t->underway = 2; /* that piece, and this call */
	ntstatus status = piece_send(t, offset, first);
	if (!nt_ok(status)) {
		cli_file_put(f);
		pthread_mutex_destroy(&t->lock);
		free(t);
		return status;
	}
	transfer_go_on(t);
	return STATUS_SUCCESS;
}

/* --- public --- */

ntstatus cli_check_range(uint64_t offset, size_t len)
{
	if (offset <= INT64_MAX && len <= (uint64_t)INT64_MAX - offset)
		return STATUS_SUCCESS;
	cli_error_set("offset and length go past what a file can hold");
	return STATUS_INVALID_PARAMETER;
}

size_t cli_io_limit(const struct hythe_file *f, size_t len, bool write)
{
	struct hythe_connection *c = f->tree->session->conn;
	if (f->smb1)
		return cli1_io_limit(c, write);
	if (len <= CLI_CREDIT_BYTES)
		return CLI_CREDIT_BYTES;
	return cli_conn_io_limit(c, write ? c->proto.max_write_bytes : c->proto.max_read_bytes);
}

ntstatus hythe_read_async(struct hythe_file *f, uint64_t offset, void *buffer, size_t len, uint32_t flags, hythe_done_fn *done,
	void *arg)
{
	size_t limit = cli_io_limit(f, len, false);
	ntstatus status = cli_check_range(offset, len);
	if (!nt_ok(status))
		return status;
	if (len > limit)
		return transfer_start(f, offset, buffer, len, flags, false, limit, done, arg);
	struct cli_request *r = cli_read_new(f, offset, buffer, len, flags, &status);
	if (r) {
		r->complete = single_complete;
		r->done = done;
		r->arg = arg;
	}
	return cli_submit_or_free(r, status);
}

ntstatus hythe_write_async(struct hythe_file *f, uint64_t offset, const void *buffer, size_t len, uint32_t flags, hythe_done_fn *done,
	void *arg)
{
	size_t limit = cli_io_limit(f, len, true);
	ntstatus status = cli_check_range(offset, len);
	if (!nt_ok(status))
		return status;
	if (len > limit)
		return transfer_start(f, offset, (void *)(uintptr_t)buffer, len, flags, true, limit, done, arg);
	struct cli_request *r = make_write(f, offset, buffer, len, flags, &status);
	if (r) {
		r->complete = single_complete;
		r->done = done;
		r->arg = arg;
	}
	return cli_submit_or_free(r, status);
}

static bool client_can_wait(struct hythe_file *f, struct cli_wait *w, ntstatus *status)
{
	*status = cli_may_block();
	if (nt_ok(*status))
		cli_wait_init(w, f->tree->session->conn->client);
	return nt_ok(*status);
}

ntstatus hythe_read(struct hythe_file *f, uint64_t offset, void *buffer, size_t len, size_t *bytes)
{
	struct cli_wait w;
	ntstatus status;
	*bytes = 0;
	if (!client_can_wait(f, &w, &status))
		return status;
	status = cli_wait_for(&w, hythe_read_async(f, offset, buffer, len, 0, cli_wait_done, &w));
	*bytes = w.result.bytes;
	return status;
}

/* A server may take less than it was given; the rest goes after it. */
ntstatus hythe_write(struct hythe_file *f, uint64_t offset, const void *buffer, size_t len, size_t *bytes)
{
	struct cli_wait w;
	ntstatus status;
	size_t total = 0;
	do {
		if (!client_can_wait(f, &w, &status))
			break;
		status = cli_wait_for(&w, hythe_write_async(f, offset + total, (const uint8_t *)buffer + total, len - total, 0,
			cli_wait_done, &w));
		total += w.result.bytes;
		if (nt_ok(status) && w.result.bytes == 0 && total < len) {
			cli_error_set("the server takes no more data and does not say why");
			status = STATUS_UNEXPECTED_NETWORK_ERROR;
		}
	} while (nt_ok(status) && total < len);
	if (bytes)
		*bytes = total;
	return status;
}

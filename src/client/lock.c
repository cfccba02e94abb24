/* Byte-range locks, [MS-SMB2] 3.2.4.19, 3.2.4.21, 3.2.5.13. LockSequence stays 0: no handle is resilient or persistent, no session has a
 * second channel. */
#include "client/smb1/smb1.h"

#include <stdlib.h>

/* 2.2.26.1. A request of 2,048 elements still fits a frame of one credit. */
enum { LOCK_SHARED = 1, LOCK_EXCLUSIVE = 2, LOCK_UNLOCK = 4, LOCK_FAIL_IMMEDIATELY = 0x10, MOST_RANGES = 2048 };

static void lock_complete(struct cli_request *r, const struct cli_answer *a)
{
	cli_finish(r, a->status, NULL);
}

static ntstatus submit(struct hythe_file *f, struct smb2_lock_element *elements, size_t count, hythe_done_fn *done, void *arg)
{
	struct smb2_lock_req req = {.lock_count = (uint16_t)count, .file_id = f->id, .locks = elements};
	struct cli_request *r = cli_request_new(f->tree->session->conn, NULL, NULL, f, SMB2_LOCK);
	if (!r)
		return STATUS_NO_MEMORY;
	r->complete = lock_complete;
	r->done = done;
	r->arg = arg;
	ntstatus status = cli_request_encode(r, &req, count * 24, 0);
	if (nt_ok(status))
		status = cli_submit(r);
	if (!nt_ok(status))
		cli_request_free(r);
	return status;
}

static ntstatus lock_or_unlock(struct hythe_file *f, const struct hythe_range *ranges, size_t count, uint32_t unlock, uint32_t flags,
	hythe_done_fn *done, void *arg)
{
	if (f->smb1)
		return cli1_lock(f, ranges, count, unlock != 0, !unlock && !(flags & LOCK_FAIL_IMMEDIATELY), done, arg);
	if (count == 0 || count > MOST_RANGES) {
		cli_error_set("a request locks between 1 and %d ranges", MOST_RANGES);
		return STATUS_INVALID_PARAMETER;
	}
	struct smb2_lock_element *elements = malloc(count * sizeof(*elements));
	if (!elements)
		return STATUS_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		uint32_t kind = unlock ? unlock : ranges[i].exclusive ? LOCK_EXCLUSIVE : LOCK_SHARED;
		elements[i] = (struct smb2_lock_element){ranges[i].offset, ranges[i].length, kind | flags};
	}
	ntstatus status = submit(f, elements, count, done, arg);
	free(elements);
	return status;
}

ntstatus hythe_lock_async(struct hythe_file *f, const struct hythe_range *ranges, size_t count, bool wait, hythe_done_fn *done, void *arg)
{
	if (wait && count > 1) {
		cli_error_set("only a single range can be waited for");
		return STATUS_INVALID_PARAMETER;
	}
	return lock_or_unlock(f, ranges, count, 0, wait ? 0 : LOCK_FAIL_IMMEDIATELY, done, arg);
}

ntstatus hythe_lock(struct hythe_file *f, const struct hythe_range *ranges, size_t count, bool wait)
{
	struct cli_wait w;
	ntstatus status = cli_may_block();
	if (!nt_ok(status))
		return status;
	cli_wait_init(&w, f->tree->session->conn->client);
	return cli_wait_for(&w, hythe_lock_async(f, ranges, count, wait, cli_wait_done, &w));
}

ntstatus hythe_unlock_async(struct hythe_file *f, const struct hythe_range *ranges, size_t count, hythe_done_fn *done, void *arg)
{
	return lock_or_unlock(f, ranges, count, LOCK_UNLOCK, 0, done, arg);
}

ntstatus hythe_unlock(struct hythe_file *f, const struct hythe_range *ranges, size_t count)
{
	struct cli_wait w;
	ntstatus status = cli_may_block();
	if (!nt_ok(status))
		return status;
	cli_wait_init(&w, f->tree->session->conn->client);
	return cli_wait_for(&w, hythe_unlock_async(f, ranges, count, cli_wait_done, &w));
}

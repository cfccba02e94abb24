/* Chains, which SMB1 has no messages for: the steps are sent one after the other, each when the one before is answered, and fail as those of a compound
 * do: without a file nothing goes on, all else does. */
#include "client/smb1/smb1.h"

#include <stdlib.h>

struct chain {
	struct hythe_tree *tree; /* referenced */
	struct hythe_step *steps;
	size_t n, at;
	struct hythe_file *file; /* of the steps; referenced by us where `own` */
	bool own;
	size_t moved;            /* of a READ or WRITE in pieces */
	size_t open_at;          /* the OPEN step whose size is half known; SIZE_MAX: none */
	bool sizing;
	hythe_done_fn *done;
	void *arg;
};

static void go_on(struct chain *k);
static void step_done(void *arg, ntstatus status, const struct hythe_result *result);

static void drop_file(struct chain *k)
{
	if (k->own && k->file)
		cli_file_put(k->file);
	k->file = NULL;
	k->own = false;
}

/* The first READ of a file that OPEN_ANDX opened tells whether its size was all of it: what ends before it was asked to is as long as that. */
static bool size_is_known(struct chain *k)
{
	struct hythe_step *open = &k->steps[k->open_at], *read = &k->steps[k->at];
	uint64_t end = read->offset + read->bytes;
	return (nt_ok(read->status) || nt_is(read->status, STATUS_END_OF_FILE)) && read->bytes < read->len && end == open->opened.stat.size_bytes;
}

static ntstatus open_step(struct chain *k, struct hythe_step *s)
{
	struct hythe_open_params p = *s->open;
	drop_file(k);
	p.lease = 0;
	p.oplock_level = HYTHE_OPLOCK_NONE;
	return cli1_open(k->tree, &p, step_done, k);
}

static ntstatus rename_step(struct chain *k, const struct hythe_step *s)
{
	ntstatus status;
	size_t len;
	uint8_t *data = cli_rename_information(s->to, s->replace, &len, &status);
	if (nt_ok(status))
		status = cli1_set_info(k->file, HYTHE_INFO_FILE, HYTHE_FILE_RENAME_INFORMATION, data, len, step_done, k);
	free(data);
	return status;
}

static ntstatus start_step(struct chain *k)
{
	struct hythe_step *s = &k->steps[k->at];
	struct hythe_file *f = k->file;
	if (s->kind == HYTHE_STEP_OPEN)
		return open_step(k, s);
	if (!f)
		return k->at > 0 && !nt_ok(k->steps[k->at - 1].status) ? k->steps[k->at - 1].status : STATUS_INVALID_PARAMETER;
	switch (s->kind) {
	case HYTHE_STEP_READ:
		return hythe_read_async(f, s->offset, s->buffer, s->len, 0, step_done, k);
	case HYTHE_STEP_WRITE:
		return hythe_write_async(f, s->offset, s->data, s->len, 0, step_done, k);
	case HYTHE_STEP_FLUSH:
		return cli1_flush(f, step_done, k);
	case HYTHE_STEP_QUERY_INFO:
		return cli1_query_info(f, s->info_type, s->info_class, s->buffer, s->len, step_done, k);
	case HYTHE_STEP_SET_INFO:
		return cli1_set_info(f, s->info_type, s->info_class, s->data, s->len, step_done, k);
	case HYTHE_STEP_QUERY_DIRECTORY:
		return cli1_query_directory(f, s->info_class, s->scan_flags, s->pattern, s->buffer, s->len, step_done, k);
	case HYTHE_STEP_CLOSE:
		return cli1_close(f, s->want_stat, step_done, k);
	case HYTHE_STEP_RENAME:
		return rename_step(k, s);
	case HYTHE_STEP_OPEN:
		break;
	}
	return STATUS_INVALID_PARAMETER;
}

static void take(struct chain *k, ntstatus status, const struct hythe_result *result)
{
	struct hythe_step *s = &k->steps[k->at];
	s->status = status;
	s->bytes = result->bytes;
	if (s->kind == HYTHE_STEP_OPEN && nt_ok(status)) {
		s->opened = *result->opened;
		k->file = result->file;
		k->own = true;
		k->open_at = result->file->smb1->was_opened ? k->at : SIZE_MAX;
		if (s->keep) {
			s->file = result->file;
			k->own = false;
		}
	} else if (s->kind == HYTHE_STEP_CLOSE && result->stat) {
		s->opened.stat = *result->stat;
	}
}

static void sized(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct chain *k = arg;
	if (nt_ok(status) && result->stat) {
		k->steps[k->open_at].opened.stat = *result->stat;
		k->file->smb1->size = result->stat->size_bytes;
	} else {
		k->steps[k->at].status = status;
	}
	k->open_at = SIZE_MAX;
	k->at++;
	go_on(k);
}

static void step_done(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct chain *k = arg;
	take(k, status, result);
	if (k->steps[k->at].kind == HYTHE_STEP_READ && k->open_at != SIZE_MAX) {
		if (!size_is_known(k) && nt_ok(cli1_file_stat_async(k->file, sized, k)))
			return;
		k->open_at = SIZE_MAX;
	}
	k->at++;
	go_on(k);
}

static void finish(struct chain *k)
{
	static const struct hythe_result nothing;
	ntstatus first = STATUS_SUCCESS;
	for (size_t i = 0; i < k->n && nt_ok(first); i++) {
		if (!nt_is(k->steps[i].status, STATUS_BUFFER_OVERFLOW))
			first = k->steps[i].status;
	}
	if (nt_error(first))
		cli_explain(k->tree->session->conn, "a chain", first);
	drop_file(k);
	k->done(k->arg, first, &nothing);
	cli_tree_put(k->tree);
	free(k);
}

/* Steps that cannot even be sent are answered here; the first one that is sent goes on later. */
static void go_on(struct chain *k)
{
	while (k->at < k->n) {
		ntstatus status = start_step(k);
		if (nt_ok(status))
			return;
		k->steps[k->at].status = status;
		if (k->steps[k->at].kind == HYTHE_STEP_OPEN)
			drop_file(k);
		k->at++;
	}
	finish(k);
}

ntstatus cli1_chain(struct hythe_tree *t, struct hythe_step *steps, size_t n, hythe_done_fn *done, void *arg)
{
	struct chain *k = calloc(1, sizeof(*k));
	if (!k)
		return STATUS_NO_MEMORY;
	*k = (struct chain){.tree = cli_tree_ref(t), .steps = steps, .n = n, .file = steps[0].on, .open_at = SIZE_MAX, .done = done, .arg = arg};
	for (size_t i = 0; i < n; i++) {
		steps[i].status = STATUS_SUCCESS;
		steps[i].bytes = 0;
		steps[i].file = NULL;
		steps[i].opened = (struct hythe_open_info){0};
	}
	/* That of the first step tells whether anything is under way at all. */
	ntstatus status = start_step(k);
	if (!nt_ok(status)) {
		steps[0].status = status;
		cli_tree_put(k->tree);
		free(k);
	}
	return status;
}

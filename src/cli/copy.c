/* Moving a file's data: several pieces under way at a time, in order at the local end. */
#include "cli/cli.h"

#include <stdlib.h>

enum { PIECE = 1 << 20, SLOTS = 12, POLL_MS = 200 };

enum slot_state { SLOT_FREE, SLOT_UNDERWAY, SLOT_DONE };

struct copy;

struct slot {
	struct copy *copy;
	_Atomic int state; /* enum slot_state; what is above and below belongs to whoever moves the data while it is UNDERWAY */
	ntstatus status;
	uint8_t *data;
	uint64_t offset;
	size_t len, moved; /* asked for, there */
	char why[256];
};

struct copy {
	struct cli_link *link;
	struct hythe_file *file;
	struct slot slots[SLOTS];
	_Atomic unsigned underway;
	struct cli_progress *progress;
};

static bool copy_init(struct copy *c, struct cli_link *l, struct hythe_file *f, struct cli_progress *p)
{
	*c = (struct copy){.link = l, .file = f, .progress = p};
	for (size_t i = 0; i < SLOTS; i++)
		c->slots[i].copy = c;
	return true;
}

static bool slot_memory(struct slot *s)
{
	if (!s->data)
		s->data = malloc(PIECE);
	return s->data != NULL;
}

/* Buffers are given back only when nobody fills them any more. */
static void copy_end(struct copy *c)
{
	while (c->underway > 0)
		hythe_client_poll(c->link->client, POLL_MS);
	for (size_t i = 0; i < SLOTS; i++)
		free(c->slots[i].data);
}

/* Before the request is submitted: another thread that receives may finish it before the call returns. */
static void slot_begin(struct slot *s)
{
	s->state = SLOT_UNDERWAY;
	s->copy->underway++;
}

/* The copy may be gone as soon as nothing of it is under way. */
static void slot_finish(struct slot *s, ntstatus status)
{
	struct copy *c = s->copy;
	if (!nt_ok(status))
		snprintf(s->why, sizeof(s->why), "%s", hythe_client_error(c->link->client));
	s->status = status;
	s->state = SLOT_DONE;
	c->underway--;
}

static void slot_not_begun(struct slot *s)
{
	s->state = SLOT_FREE;
	s->copy->underway--;
}

static ntstatus slot_wait(struct slot *s)
{
	while (s->state == SLOT_UNDERWAY) {
		if (cli_interrupted())
			return STATUS_CANCELLED;
		hythe_client_poll(s->copy->link->client, POLL_MS);
	}
	return s->status;
}

static void read_done(void *arg, ntstatus status, const struct hythe_result *result)
{
	struct slot *s = arg;
	s->moved += result->bytes;
	/* A server may give less than it was asked for. */
	if (nt_ok(status) && result->bytes > 0 && s->moved < s->len) {
		status = hythe_read_async(s->copy->file, s->offset + s->moved, s->data + s->moved, s->len - s->moved, 0, read_done, s);
		if (nt_ok(status))
			return;
	}
	slot_finish(s, nt_ok(status) && s->moved < s->len ? STATUS_END_OF_FILE : status);
}

static ntstatus read_start(struct slot *s, uint64_t offset, size_t len)
{
	if (!slot_memory(s))
		return STATUS_NO_MEMORY;
	s->offset = offset;
	s->len = len;
	s->moved = 0;
	slot_begin(s);
	ntstatus status = hythe_read_async(s->copy->file, offset, s->data, len, 0, read_done, s);
	if (!nt_ok(status))
		slot_not_begun(s);
	return status;
}

static ntstatus pull(struct copy *c, uint64_t from, uint64_t size, cli_sink_fn *sink, void *arg)
{
	uint64_t next = from, taken = from;
	size_t head = 0, tail = 0; /* slots [head, tail) are in use, counted without end */
	while (taken < size) {
		while (next < size && tail - head < SLOTS) {
			size_t len = size - next < PIECE ? (size_t)(size - next) : PIECE;
			ntstatus status = read_start(&c->slots[tail % SLOTS], next, len);
			if (!nt_ok(status))
				return status;
			next += len;
			tail++;
		}
		struct slot *s = &c->slots[head % SLOTS];
		ntstatus status = slot_wait(s);
		if (!nt_ok(status))
			return status;
		if (cli_interrupted() || !sink(arg, s->data, s->len))
			return STATUS_CANCELLED;
		taken += s->len;
		cli_progress_add(c->progress, s->len);
		s->state = SLOT_FREE;
		head++;
	}
	return STATUS_SUCCESS;
}

ntstatus cli_pull(struct cli_link *l, struct hythe_file *f, uint64_t from, uint64_t size, cli_sink_fn *sink, void *arg,
	struct cli_progress *p)
{
	struct copy c;
	copy_init(&c, l, f, p);
	ntstatus status = pull(&c, from, size, sink, arg);
	copy_end(&c);
	return status;
}

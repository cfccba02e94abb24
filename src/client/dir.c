/* Listing a directory ([MS-SMB2] 3.2.4.17): opens and asks for the first entries in one message, then always has the next buffer
 * under way while the caller goes through the present one. */
#include "client/smb1/smb1.h"

#include "base/utf16.h"
#include "wire/fscc.h"

#include <stdlib.h>

enum { FIRST_BYTES = 65536, NEXT_BYTES = 1 << 20, NAME_BYTES = 1024 };

struct hythe_dir {
	struct hythe_file *file;
	char *pattern;
	uint8_t info_class; /* of the entries */
	uint8_t *now, *coming; /* buffers */
	size_t cap;
	struct slice list; /* what is left of `now` */
	bool fetching, ended;
	struct cli_wait wait; /* for `coming` */
	ntstatus submitted;
	char name[NAME_BYTES];
};

static bool is_end(ntstatus status)
{
	return nt_is(status, STATUS_NO_MORE_FILES) || nt_is(status, STATUS_NO_SUCH_FILE);
}

static void fetch(struct hythe_dir *d)
{
	cli_wait_init(&d->wait, d->file->tree->session->conn->client);
	d->submitted = cli_query_directory(d->file, d->info_class, 0, d->pattern, 0, d->coming, d->cap, cli_wait_done,
		&d->wait);
	d->fetching = true;
}

/* The buffer that was under way becomes the present one. */
static ntstatus take_over(struct hythe_dir *d)
{
	if (!d->fetching)
		fetch(d);
	ntstatus status = cli_wait_for(&d->wait, d->submitted);
	d->fetching = false;
	if (!nt_ok(status)) {
		d->ended = is_end(status);
		return d->ended ? STATUS_NO_MORE_FILES : status;
	}
	uint8_t *b = d->now;
	d->now = d->coming;
	d->coming = b;
	d->list = slice_of(d->now, d->wait.result.bytes);
	fetch(d);
	return STATUS_SUCCESS;
}

static ntstatus open_and_scan(struct hythe_tree *t, struct hythe_dir *d, const char *path)
{
	struct hythe_open_params p;
	hythe_open_params_init(&p, path, HYTHE_READ_DATA | HYTHE_READ_ATTRIBUTES | HYTHE_SYNCHRONIZE);
	p.options = HYTHE_OPTION_DIRECTORY;
	struct hythe_step steps[] = {
		{.kind = HYTHE_STEP_OPEN, .open = &p, .keep = true},
		{.kind = HYTHE_STEP_QUERY_DIRECTORY, .info_class = d->info_class, .pattern = d->pattern,
			.buffer = d->now, .len = FIRST_BYTES},
	};
	ntstatus status = hythe_chain(t, steps, ARRAY_LEN(steps));
	d->file = steps[0].file;
	d->list = slice_of(d->now, steps[1].bytes);
	if (nt_ok(status))
		fetch(d);
	d->ended = is_end(status) && d->file;
	return d->ended ? STATUS_SUCCESS : status;
}

ntstatus hythe_dir_open(struct hythe_tree *t, const char *path, const char *pattern, struct hythe_dir **out)
{
	ntstatus status = cli_may_block();
	if (!nt_ok(status))
		return status;
	struct hythe_connection *c = t->session->conn;
	struct hythe_dir *d = calloc(1, sizeof(*d));
	if (!d)
		return STATUS_NO_MEMORY;
	d->cap = cli_conn_io_limit(c, c->proto.max_transact_bytes < NEXT_BYTES ? c->proto.max_transact_bytes : NEXT_BYTES);
	size_t room = d->cap < FIRST_BYTES ? FIRST_BYTES : d->cap;
	d->info_class = cli1_is_active(c) ? FSCC_FILE_BOTH_DIRECTORY : FSCC_FILE_ID_BOTH_DIRECTORY; /* which every server of SMB1 has */
	d->pattern = strdup(pattern ? pattern : "*");
	d->now = malloc(room);
	d->coming = malloc(room);
	status = STATUS_NO_MEMORY;
	if (d->pattern && d->now && d->coming)
		status = open_and_scan(t, d, path);
	if (nt_ok(status))
		*out = d;
	else
		hythe_dir_close(d);
	return status;
}

static bool is_dot(const char *name)
{
	return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}

static void fill(const struct fscc_dir_entry *e, const char *name, struct hythe_entry *out)
{
	*out = (struct hythe_entry){.name = name,
		.stat = {.creation_time = e->creation_time, .last_access_time = e->last_access_time,
			.last_write_time = e->last_write_time, .change_time = e->change_time, .size_bytes = e->end_of_file,
			.allocated_bytes = e->allocation_size, .file_id = e->file_id, .attributes = e->file_attributes,
			.directory = e->file_attributes & HYTHE_ATTRIBUTE_DIRECTORY}};
}

ntstatus hythe_dir_next(struct hythe_dir *d, struct hythe_entry *out)
{
	ntstatus status = cli_may_block();
	if (!nt_ok(status))
		return status;
	for (;;) {
		struct fscc_dir_entry e;
		bool bad = false;
		while (fscc_dir_entry_next(&d->list, d->info_class, &e, &bad)) {
			/* A name that a separator or a zero is hidden in would lead the caller elsewhere. */
			if (utf16_to_utf8(d->name, sizeof(d->name), e.name) == SIZE_MAX || strpbrk(d->name, "/\\") ||
				strlen(d->name) == 0) {
				bad = true;
				break;
			}
			if (is_dot(d->name))
				continue;
			fill(&e, d->name, out);
			return STATUS_SUCCESS;
		}
		if (bad) {
			cli_error_set("the server sent a malformed directory listing");
			return STATUS_INVALID_NETWORK_RESPONSE;
		}
		if (d->ended)
			return STATUS_NO_MORE_FILES;
		status = take_over(d);
		if (!nt_ok(status))
			return status;
	}
}

void hythe_dir_close(struct hythe_dir *d)
{
	if (!d)
		return;
	ntstatus ignored = STATUS_SUCCESS;
	if (d->fetching)
		ignored = cli_wait_for(&d->wait, d->submitted);
	if (d->file)
		ignored = hythe_close(d->file, NULL);
	(void)ignored; /* the listing is complete or given up either way */
	free(d->pattern);
	free(d->now);
	free(d->coming);
	free(d);
}

/* Extended attributes: FileFullEaInformation both ways and the create context ExtA. [MS-SMB2] 3.3.5.9.1, 3.3.5.20.1, 3.3.5.21.1;
 * [MS-FSA] 2.1.5.12.10, 2.1.5.15.5; [MS-FSCC] 2.4.16. */
#include "server/info.h"
#include "server/notify.h"

#include <stdatomic.h>

enum { SL_RESTART_SCAN = 1, SL_RETURN_SINGLE_ENTRY = 2, SL_INDEX_SPECIFIED = 4 };
enum { NEED_EA = 0x80, ENTRY_LEAST = 9, LIST_BYTES_MAX = 65536, ENTRY_FIXED = 8 };

ntstatus info_eas_decode(struct slice in, struct arena *a, struct vfs_ea **list, size_t *count)
{
	struct fscc_ea ea;
	bool bad = false;

	*count = 0;
	*list = NULL;
	if (in.len > LIST_BYTES_MAX)
		return STATUS_EA_TOO_LARGE;
	*list = arena_alloc(a, in.len / ENTRY_LEAST * sizeof(**list));
	if (!*list)
		return STATUS_INSUFFICIENT_RESOURCES;
	while (fscc_ea_next(&in, &ea, &bad)) {
		if (ea.flags & ~NEED_EA)
			return STATUS_INVALID_EA_NAME;
		(*list)[(*count)++] = (struct vfs_ea){.name = ea.name, .value = ea.value};
	}
	return bad ? STATUS_EA_LIST_INCONSISTENT : STATUS_SUCCESS;
}

ntstatus info_eas_set(struct srv_request *r, struct slice in)
{
	struct vfs_ea *list;
	size_t count;
	ntstatus status;

	if (!(r->open->granted_access & FILE_WRITE_EA))
		return STATUS_ACCESS_DENIED;
	status = info_eas_decode(in, &r->arena, &list, &count);
	if (nt_ok(status))
		status = vfs_ea_set(r->open->file, list, count, &r->arena);
	if (nt_ok(status) && count > 0)
		srv_changed(r->open, FSA_MODIFIED, FSA_CHANGE_EA);
	return status;
}

ntstatus info_eas_size(struct srv_request *r, uint32_t *size)
{
	struct vfs_ea *list;
	size_t count;
	ntstatus status = vfs_ea_list(r->open->file, &r->arena, &list, &count);

	*size = nt_ok(status) ? vfs_ea_size(list, count) : 0;
	/* What cannot be asked for its attributes has none. */
	return nt_is(status, STATUS_INSUFFICIENT_RESOURCES) ? status : STATUS_SUCCESS;
}

static bool names_equal(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		uint8_t x = a.data[i], y = b.data[i];

		x = x >= 'a' && x <= 'z' ? (uint8_t)(x - 32) : x;
		y = y >= 'a' && y <= 'z' ? (uint8_t)(y - 32) : y;
		if (x != y)
			return false;
	}
	return true;
}

/* What a query gives out, in its order. */
struct selection {
	struct vfs_ea *list;
	size_t count;
};

/* Those whose names are listed; one that the file does not have is there without a value. A name twice counts once. */
static ntstatus select_named(struct srv_request *r, struct slice names, const struct selection *all, struct selection *out)
{
	struct slice name;
	bool bad = false;

	if (names.len > LIST_BYTES_MAX)
		return STATUS_EA_LIST_INCONSISTENT;
	out->list = arena_alloc(&r->arena, names.len / 5 * sizeof(*out->list) + 1);
	if (!out->list)
		return STATUS_INSUFFICIENT_RESOURCES;
	while (fscc_get_ea_next(&names, &name, &bad)) {
		struct vfs_ea found = {.name = name};
		bool again = false;

		if (name.len == 0)
			return STATUS_INVALID_EA_NAME;
		for (size_t i = 0; i < out->count; i++)
			again = again || names_equal(out->list[i].name, name);
		for (size_t i = 0; i < all->count; i++) {
			if (names_equal(all->list[i].name, name))
				found = all->list[i];
		}
		if (!again)
			out->list[out->count++] = found;
	}
	return bad ? STATUS_EA_LIST_INCONSISTENT : STATUS_SUCCESS;
}

/* 3.3.5.20.1: from an index, counted from 1, or from where the last query of the handle ended. */
static ntstatus select_from(struct srv_request *r, const struct smb2_query_info_req *in, const struct selection *all, struct selection *out)
{
	bool given = (in->flags & SL_INDEX_SPECIFIED) != 0;
	uint32_t at;

	if (!given && (in->flags & SL_RESTART_SCAN))
		atomic_store(&r->open->ea_done, 0);
	at = given ? in->additional_information - 1 : atomic_load(&r->open->ea_done);
	if (all->count == 0)
		return STATUS_NO_EAS_ON_FILE;
	if (at >= all->count)
		return given ? STATUS_NONEXISTENT_EA_ENTRY : STATUS_NO_MORE_EAS;
	*out = (struct selection){.list = all->list + at, .count = all->count - at};
	return STATUS_SUCCESS;
}

static size_t encoded_size(const struct selection *s)
{
	size_t size = 0;

	for (size_t i = 0; i < s->count; i++)
		size += round_up(ENTRY_FIXED + s->list[i].name.len + 1 + s->list[i].value.len, 4);
	return size;
}

/* As many whole entries as fit; *given: how many. */
static ntstatus put_all(struct srv_request *r, const struct selection *s, size_t room, size_t *given)
{
	size_t size = encoded_size(s);
	struct fscc_list out = {.cap = size < room ? size : room};

	*given = 0;
	if (!srv_payload_alloc(r, out.cap))
		return STATUS_INSUFFICIENT_RESOURCES;
	out.out = r->payload.data;
	while (*given < s->count) {
		const struct fscc_ea ea = {.name = s->list[*given].name, .value = s->list[*given].value};

		if (!fscc_ea_put(&out, &ea))
			break;
		(*given)++;
	}
	r->payload.len = out.len;
	return *given == s->count ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
}

struct srv_result info_eas_query(struct srv_request *r, const struct smb2_query_info_req *in, struct smb2_query_info_rsp *out)
{
	struct selection all = {0}, wanted = {0};
	bool named = in->input.len > 0;
	size_t given;
	ntstatus status;

	if (!(r->open->granted_access & FILE_READ_EA))
		return srv_reply(STATUS_ACCESS_DENIED);
	status = vfs_ea_list(r->open->file, &r->arena, &all.list, &all.count);
	if (nt_ok(status))
		status = named ? select_named(r, in->input, &all, &wanted) : select_from(r, in, &all, &wanted);
	if (!nt_ok(status))
		return srv_reply(status);
	if ((in->flags & SL_RETURN_SINGLE_ENTRY) && wanted.count > 1)
		wanted.count = 1;
	status = put_all(r, &wanted, in->output_buffer_length, &given);
	if (!named)
		atomic_store(&r->open->ea_done, (uint32_t)((size_t)(wanted.list - all.list) + given));
	out->output = srv_payload_slice(r);
	return nt_is(status, STATUS_BUFFER_OVERFLOW) ? srv_reply_body(status) : srv_reply(status);
}

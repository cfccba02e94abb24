/* Lists that are linked by NextEntryOffset: streams, extended attributes, change notifications, quotas. [MS-FSCC] 2.4, 2.7.1,
 * [MS-SMB2] 2.2.37.1. They are packed straight into the reply's buffer, without a cursor. */
#include "wire/fscc.h"

uint8_t *fscc_list_add(struct fscc_list *l, size_t n, size_t align)
{
	size_t at = round_up(l->len, align);
	uint8_t *p;

	if (n < 4 || at > l->cap || n > l->cap - at || at - l->last > UINT32_MAX)
		return NULL;
	p = l->out + at;
	if (l->len != 0) {
		memset(l->out + l->len, 0, at - l->len);
		store_le32(l->out + l->last, (uint32_t)(at - l->last));
	}
	store_le32(p, 0);
	l->last = at;
	l->len = at + n;
	return p;
}

bool fscc_list_next(struct slice *list, size_t least, size_t align, struct slice *entry, bool *bad)
{
	size_t next;

	*bad = false;
	if (list->len == 0)
		return false;
	*bad = true;
	if (list->len < least)
		return false;
	next = load_le32(list->data);
	if (next != 0 && (next < least || next % align != 0 || next > list->len || list->len - next < least))
		return false;
	*bad = false;
	*entry = slice_of(list->data, next ? next : list->len);
	*list = slice_of(list->data + entry->len, list->len - entry->len);
	return true;
}

/* n bytes at `at` of an entry; false when they are not inside. */
static bool part(struct slice entry, size_t at, size_t n, struct slice *out)
{
	if (at > entry.len || n > entry.len - at)
		return false;
	*out = slice_of(entry.data + at, n);
	return true;
}

static void copy(uint8_t *p, struct slice s)
{
	if (s.len != 0)
		memcpy(p, s.data, s.len);
}

enum { STREAM_FIXED = 24 };

/* [MS-FSCC] 2.4 FileStreamInformation */
bool fscc_stream_put(struct fscc_list *l, const struct fscc_stream *s)
{
	uint8_t *p = fscc_list_add(l, STREAM_FIXED + s->name.len, 8);

	if (!p)
		return false;
	store_le32(p + 4, (uint32_t)s->name.len);
	store_le64(p + 8, s->size);
	store_le64(p + 16, s->allocation_size);
	copy(p + STREAM_FIXED, s->name);
	return true;
}

/* [MS-FSCC] 2.4 FileStreamInformation */
bool fscc_stream_next(struct slice *list, struct fscc_stream *s, bool *bad)
{
	struct slice e;

	if (!fscc_list_next(list, STREAM_FIXED, 4, &e, bad))
		return false;
	s->size = load_le64(e.data + 8);
	s->allocation_size = load_le64(e.data + 16);
	*bad = !part(e, STREAM_FIXED, load_le32(e.data + 4), &s->name) || s->name.len % 2 != 0;
	return !*bad;
}

enum { EA_FIXED = 8 };

/* [MS-FSCC] 2.4.16 FileFullEaInformation */
bool fscc_ea_put(struct fscc_list *l, const struct fscc_ea *e)
{
	uint8_t *p;

	if (e->name.len > UINT8_MAX || e->value.len > UINT16_MAX)
		return false;
	p = fscc_list_add(l, EA_FIXED + e->name.len + 1 + e->value.len, 4);
	if (!p)
		return false;
	p[4] = e->flags;
	p[5] = (uint8_t)e->name.len;
	store_le16(p + 6, (uint16_t)e->value.len);
	copy(p + EA_FIXED, e->name);
	p[EA_FIXED + e->name.len] = 0;
	copy(p + EA_FIXED + e->name.len + 1, e->value);
	return true;
}

/* [MS-FSCC] 2.4.16 FileFullEaInformation */
bool fscc_ea_next(struct slice *list, struct fscc_ea *out, bool *bad)
{
	struct slice e, zero;

	if (!fscc_list_next(list, EA_FIXED + 1, 4, &e, bad))
		return false;
	out->flags = e.data[4];
	*bad = !part(e, EA_FIXED, e.data[5], &out->name) || !part(e, EA_FIXED + out->name.len, 1, &zero) || zero.data[0] != 0 ||
		!part(e, EA_FIXED + out->name.len + 1, load_le16(e.data + 6), &out->value);
	return !*bad;
}

enum { GET_EA_FIXED = 5 };

/* [MS-FSCC] 2.4.16.1 FILE_GET_EA_INFORMATION */
bool fscc_get_ea_put(struct fscc_list *l, struct slice name)
{
	uint8_t *p = name.len > UINT8_MAX ? NULL : fscc_list_add(l, GET_EA_FIXED + name.len + 1, 4);

	if (!p)
		return false;
	p[4] = (uint8_t)name.len;
	copy(p + GET_EA_FIXED, name);
	p[GET_EA_FIXED + name.len] = 0;
	return true;
}

/* [MS-FSCC] 2.4.16.1 FILE_GET_EA_INFORMATION */
bool fscc_get_ea_next(struct slice *list, struct slice *name, bool *bad)
{
	struct slice e;

	if (!fscc_list_next(list, GET_EA_FIXED, 4, &e, bad))
		return false;
	*bad = !part(e, GET_EA_FIXED, e.data[4], name);
	return !*bad;
}

enum { NOTIFY_FIXED = 12 };

/* [MS-FSCC] 2.7.1 FILE_NOTIFY_INFORMATION */
bool fscc_notify_put(struct fscc_list *l, const struct fscc_notify *n)
{
	uint8_t *p = fscc_list_add(l, NOTIFY_FIXED + n->name.len, 4);

	if (!p)
		return false;
	store_le32(p + 4, n->action);
	store_le32(p + 8, (uint32_t)n->name.len);
	copy(p + NOTIFY_FIXED, n->name);
	return true;
}

/* [MS-FSCC] 2.7.1 FILE_NOTIFY_INFORMATION */
bool fscc_notify_next(struct slice *list, struct fscc_notify *n, bool *bad)
{
	struct slice e;

	if (!fscc_list_next(list, NOTIFY_FIXED, 4, &e, bad))
		return false;
	n->action = load_le32(e.data + 4);
	*bad = !part(e, NOTIFY_FIXED, load_le32(e.data + 8), &n->name) || n->name.len % 2 != 0;
	return !*bad;
}

enum { QUOTA_FIXED = 40, GET_QUOTA_FIXED = 8 };

/* [MS-FSCC] 2.4 FileQuotaInformation */
bool fscc_quota_put(struct fscc_list *l, const struct fscc_quota *q)
{
	uint8_t *p = fscc_list_add(l, QUOTA_FIXED + q->sid.len, 8);

	if (!p)
		return false;
	store_le32(p + 4, (uint32_t)q->sid.len);
	store_le64(p + 8, q->change_time);
	store_le64(p + 16, q->quota_used);
	store_le64(p + 24, q->quota_threshold);
	store_le64(p + 32, q->quota_limit);
	copy(p + QUOTA_FIXED, q->sid);
	return true;
}

/* [MS-FSCC] 2.4 FileQuotaInformation */
bool fscc_quota_next(struct slice *list, struct fscc_quota *q, bool *bad)
{
	struct slice e;

	if (!fscc_list_next(list, QUOTA_FIXED, 8, &e, bad))
		return false;
	q->change_time = load_le64(e.data + 8);
	q->quota_used = load_le64(e.data + 16);
	q->quota_threshold = load_le64(e.data + 24);
	q->quota_limit = load_le64(e.data + 32);
	*bad = !part(e, QUOTA_FIXED, load_le32(e.data + 4), &q->sid);
	return !*bad;
}

/* [MS-FSCC] 2.4 FILE_GET_QUOTA_INFORMATION */
bool fscc_get_quota_put(struct fscc_list *l, struct slice sid)
{
	uint8_t *p = fscc_list_add(l, GET_QUOTA_FIXED + sid.len, 4);

	if (!p)
		return false;
	store_le32(p + 4, (uint32_t)sid.len);
	copy(p + GET_QUOTA_FIXED, sid);
	return true;
}

/* [MS-FSCC] 2.4 FILE_GET_QUOTA_INFORMATION */
bool fscc_get_quota_next(struct slice *list, struct slice *sid, bool *bad)
{
	struct slice e;

	if (!fscc_list_next(list, GET_QUOTA_FIXED, 4, &e, bad))
		return false;
	*bad = !part(e, GET_QUOTA_FIXED, load_le32(e.data + 4), sid);
	return !*bad;
}

/* [MS-SMB2] 2.2.37.1. Both forms at once are malformed. */
void fscc_query_quota_code(struct wire *w, struct fscc_query_quota *m)
{
	struct wire_ref list = {0}, start = {0};

	wire_bool(w, "ReturnSingle", &m->return_single);
	wire_bool(w, "RestartScan", &m->restart_scan);
	wire_reserved(w, 2);
	wire_ref_length(w, "SidListLength", &list, 4);
	wire_ref_length(w, "StartSidLength", &start, 4);
	wire_ref_offset(w, "StartSidOffset", &start, 4);
	start.origin = w->pos;
	wire_buffer(w, "SidList", &list, 1, &m->sid_list);
	wire_buffer(w, "StartSid", &start, 1, &m->start_sid);
	if (m->sid_list.len == 0 || m->start_sid.len == 0)
		return;
	if (w->dir == WIRE_GENERATE)
		m->start_sid = slice_of("", 0);
	else
		wire_fail(w, STATUS_INVALID_PARAMETER, "StartSidLength");
}

/* The server service: NetrShareEnum, NetrShareEnumSticky, NetrShareGetInfo, NetrServerGetInfo, NetrRemoteTOD ([MS-SRVS] 3.1.4).
 * One table says which fields an information level has; enumeration and single answers are written from it. Called by pipe.c. */
#include "rpc/ndr.h"
#include "rpc/pdu.h"

#include "base/clock.h"
#include "base/filetime.h"

#include <strings.h>

/* --- share information levels ([MS-SRVS] 2.2.4.22 to 2.2.4.31) --- */

enum share_field { F_END, F_NAME, F_TYPE, F_REMARK, F_PERMISSIONS, F_MAX_USES, F_CURRENT_USES, F_PATH, F_PASSWORD, F_FLAGS, F_SD_LEN, F_SD, F_SERVER };

struct share_level {
	uint32_t level;
	bool listed; /* an arm of SHARE_ENUM_UNION too */
	enum share_field fields[12];
};

static const struct share_level share_levels[] = {
	{0, true, {F_NAME}},
	{1, true, {F_NAME, F_TYPE, F_REMARK}},
	{2, true, {F_NAME, F_TYPE, F_REMARK, F_PERMISSIONS, F_MAX_USES, F_CURRENT_USES, F_PATH, F_PASSWORD}},
	{501, true, {F_NAME, F_TYPE, F_REMARK, F_FLAGS}},
	{502, true, {F_NAME, F_TYPE, F_REMARK, F_PERMISSIONS, F_MAX_USES, F_CURRENT_USES, F_PATH, F_PASSWORD, F_SD_LEN, F_SD}},
	{503, true, {F_NAME, F_TYPE, F_REMARK, F_PERMISSIONS, F_MAX_USES, F_CURRENT_USES, F_PATH, F_PASSWORD, F_SERVER, F_SD_LEN, F_SD}},
	{1004, false, {F_REMARK}},
	{1005, false, {F_FLAGS}},
	{1006, false, {F_MAX_USES}},
};

static const struct share_level *level_find(uint32_t level, bool listed)
{
	for (size_t i = 0; i < ARRAY_LEN(share_levels); i++) {
		if (share_levels[i].level == level && (share_levels[i].listed || !listed))
			return &share_levels[i];
	}
	return NULL;
}

/* The text of a string field; NULL for fields that are numbers or null pointers. */
static const char *field_text(const struct rpc_call *call, enum share_field f, const struct rpc_share *s)
{
	switch (f) {
	case F_NAME:
		return s->name;
	case F_REMARK:
		return s->remark;
	case F_PATH:
		return call->host->caller_is_admin ? s->path : "";
	case F_SERVER:
		return "*"; /* [MS-SRVS] 2.2.4.27: a share that is not scoped to a server name */
	default:
		return NULL;
	}
}

static uint32_t field_number(enum share_field f, const struct rpc_share *s)
{
	switch (f) {
	case F_TYPE:
		return s->type;
	case F_MAX_USES:
		return s->max_uses;
	case F_CURRENT_USES:
		return s->current_uses;
	default: /* permissions (unused at user-level security), flags (manual caching), no descriptor */
		return 0;
	}
}

/* The fixed part of one element: numbers, and pointers to the strings that come after all elements */
static void share_fixed(const struct rpc_call *call, struct wire *out, const struct share_level *l, const struct rpc_share *s)
{
	for (const enum share_field *f = l->fields; *f != F_END; f++) {
		if (field_text(call, *f, s) != NULL)
			(void)ndr_pointer(out, "string", true);
		else if (*f == F_SD || *f == F_PASSWORD)
			(void)ndr_pointer(out, "null", false);
		else
			ndr_put_u32(out, field_number(*f, s));
	}
}

static void share_strings(const struct rpc_call *call, struct wire *out, const struct share_level *l, const struct rpc_share *s)
{
	for (const enum share_field *f = l->fields; *f != F_END; f++) {
		const char *text = field_text(call, *f, s);

		if (text != NULL)
			ndr_string_put(out, text);
	}
}

/* --- NetrShareEnum ([MS-SRVS] 3.1.4.8), NetrShareEnumSticky (3.1.4.9) --- */

struct share_enum {
	uint32_t level, preferred_max, resume;
	bool has_resume;
};

/* [in, string, unique] SRVSVC_HANDLE ServerName: which name we were called by does not matter. */
static void server_name_skip(struct wire *in)
{
	if (ndr_pointer(in, "ServerName", false))
		(void)ndr_string_get(in, "ServerName");
}

/* False: a fault. The container that comes in is empty by the way the call works; one that is not is refused. */
static uint32_t share_enum_decode(struct wire *in, struct share_enum *e)
{
	uint32_t arm, entries = 0;

	server_name_skip(in);
	ndr_u32(in, "Level", &e->level);
	ndr_u32(in, "ShareInfo", &arm);
	if (wire_ok(in) && (arm != e->level || level_find(arm, true) == NULL))
		return RPC_NCA_INVALID_TAG;
	if (ndr_pointer(in, "Container", false)) {
		ndr_u32(in, "EntriesRead", &entries);
		if (ndr_pointer(in, "Buffer", false)) {
			uint32_t count;

			ndr_u32(in, "max_count", &count);
			if (count != 0)
				return RPC_FAULT_BAD_STUB_DATA;
		}
	}
	ndr_u32(in, "PreferedMaximumLength", &e->preferred_max);
	e->has_resume = ndr_pointer(in, "ResumeHandle", false);
	if (e->has_resume)
		ndr_u32(in, "ResumeHandle", &e->resume);
	return wire_ok(in) ? 0 : RPC_FAULT_BAD_STUB_DATA;
}

/* About what an element takes in the caller's memory, by which PreferedMaximumLength counts. */
static size_t share_size(const struct rpc_call *call, const struct share_level *l, const struct rpc_share *s)
{
	size_t n = 0;

	for (const enum share_field *f = l->fields; *f != F_END; f++) {
		const char *text = field_text(call, *f, s);

		n += 4 + (text ? 2 * (strlen(text) + 1) : 0);
	}
	return n;
}

/* How many shares there are from `resume` on, and how many of them fit. */
static void share_count(const struct rpc_call *call, const struct share_level *l, const struct share_enum *e, uint32_t *total, uint32_t *fit)
{
	struct rpc_share s;
	uint64_t bytes = 0;
	bool full = false;

	*total = *fit = 0;
	for (size_t i = e->resume; call->host->share_at(call->host->arg, i, &s); i++) {
		(*total)++;
		bytes += share_size(call, l, &s);
		full = full || (bytes > e->preferred_max && *fit != 0);
		*fit += full ? 0 : 1;
	}
}

/* The container and what it points at. The list of shares may shrink while it is written: then the rest stays empty. */
static void shares_encode(const struct rpc_call *call, struct wire *out, const struct share_level *l, uint32_t resume, uint32_t n)
{
	static const struct rpc_share none;
	struct rpc_share s;

	(void)ndr_pointer(out, "Container", true);
	ndr_put_u32(out, n);
	if (!ndr_pointer(out, "Buffer", n != 0))
		return;
	ndr_put_u32(out, n);
	for (uint32_t i = 0; i < n && wire_ok(out); i++)
		share_fixed(call, out, l, call->host->share_at(call->host->arg, (size_t)resume + i, &s) ? &s : &none);
	for (uint32_t i = 0; i < n && wire_ok(out); i++)
		share_strings(call, out, l, call->host->share_at(call->host->arg, (size_t)resume + i, &s) ? &s : &none);
}

static uint32_t op_share_enum(const struct rpc_call *call, struct wire *in, struct wire *out)
{
	struct share_enum e = {0};
	const struct share_level *l;
	uint32_t code = share_enum_decode(in, &e), total, fit;

	if (code != 0)
		return code;
	l = level_find(e.level, true);
	share_count(call, l, &e, &total, &fit);
	ndr_put_u32(out, e.level);
	ndr_put_u32(out, e.level);
	shares_encode(call, out, l, e.resume, fit);
	ndr_put_u32(out, total);
	if (ndr_pointer(out, "ResumeHandle", e.has_resume))
		ndr_put_u32(out, fit < total ? e.resume + fit : 0);
	ndr_put_u32(out, fit < total ? WERR_MORE_DATA : WERR_OK);
	return 0;
}

/* --- NetrShareGetInfo ([MS-SRVS] 3.1.4.10) --- */

static bool share_by_name(const struct rpc_call *call, const char *name, struct rpc_share *s)
{
	for (size_t i = 0; call->host->share_at(call->host->arg, i, s); i++) {
		if (rpc_name_equal(s->name, name))
			return true;
	}
	return false;
}

static uint32_t op_share_get_info(const struct rpc_call *call, struct wire *in, struct wire *out)
{
	const struct share_level *l;
	char name[256];
	struct rpc_share s;
	struct slice wide;
	uint32_t level;
	bool found;

	server_name_skip(in);
	wide = ndr_string_get(in, "NetName");
	ndr_u32(in, "Level", &level);
	if (!wire_ok(in))
		return RPC_FAULT_BAD_STUB_DATA;
	l = level_find(level, false);
	found = rpc_text_take(name, sizeof(name), wide) && share_by_name(call, name, &s);
	ndr_put_u32(out, level);
	if (!ndr_pointer(out, "InfoStruct", found && l != NULL)) {
		ndr_put_u32(out, l == NULL ? WERR_INVALID_LEVEL : WERR_NET_NAME_NOT_FOUND);
		return 0;
	}
	share_fixed(call, out, l, &s);
	share_strings(call, out, l, &s);
	ndr_put_u32(out, WERR_OK);
	return 0;
}

/* --- NetrServerGetInfo ([MS-SRVS] 3.1.4.17) --- */

enum { PLATFORM_ID_NT = 500, VERSION_MAJOR = 6, VERSION_MINOR = 1, SV_TYPE = 0x00009003 /* workstation, server, NT, server NT */ };

/* SERVER_INFO_100, _101, _102 (2.2.4.40 to 2.2.4.42): each is the one before it and more */
static void server_info_encode(const struct rpc_call *call, struct wire *out, uint32_t level)
{
	ndr_put_u32(out, PLATFORM_ID_NT);
	(void)ndr_pointer(out, "name", true);
	if (level >= 101) {
		ndr_put_u32(out, VERSION_MAJOR);
		ndr_put_u32(out, VERSION_MINOR);
		ndr_put_u32(out, SV_TYPE);
		(void)ndr_pointer(out, "comment", true);
	}
	if (level >= 102) {
		ndr_put_u32(out, UINT32_MAX); /* users: no limit */
		ndr_put_u32(out, UINT32_MAX); /* disc: sessions are not ended for idleness */
		ndr_put_u32(out, 0);          /* hidden: no */
		ndr_put_u32(out, 240);        /* announce */
		ndr_put_u32(out, 3000);       /* anndelta */
		ndr_put_u32(out, 0);          /* licenses */
		(void)ndr_pointer(out, "userpath", true);
	}
	ndr_string_put(out, call->server_name);
	if (level >= 101)
		ndr_string_put(out, call->host->comment ? call->host->comment : "");
	if (level >= 102)
		ndr_string_put(out, "C:\\");
}

static uint32_t op_server_get_info(const struct rpc_call *call, struct wire *in, struct wire *out)
{
	uint32_t level;
	bool known;

	server_name_skip(in);
	ndr_u32(in, "Level", &level);
	if (!wire_ok(in))
		return RPC_FAULT_BAD_STUB_DATA;
	known = level >= 100 && level <= 102;
	ndr_put_u32(out, level);
	if (ndr_pointer(out, "InfoStruct", known))
		server_info_encode(call, out, level);
	ndr_put_u32(out, known ? WERR_OK : WERR_INVALID_LEVEL);
	return 0;
}

/* --- NetrRemoteTOD ([MS-SRVS] 3.1.4.21) --- */

static uint32_t op_remote_tod(const struct rpc_call *call, struct wire *in, struct wire *out)
{
	const struct clock *clock = call->host->clock ? call->host->clock : &clock_system;
	struct timespec ts = filetime_to_timespec(clock_filetime(clock));
	struct tm tm;

	server_name_skip(in);
	if (!wire_ok(in))
		return RPC_FAULT_BAD_STUB_DATA;
	gmtime_r(&ts.tv_sec, &tm);
	(void)ndr_pointer(out, "BufferPtr", true);
	ndr_put_u32(out, (uint32_t)ts.tv_sec);          /* elapsedt */
	ndr_put_u32(out, (uint32_t)clock_ms(clock));    /* msecs since an arbitrary point */
	ndr_put_u32(out, (uint32_t)tm.tm_hour);
	ndr_put_u32(out, (uint32_t)tm.tm_min);
	ndr_put_u32(out, (uint32_t)tm.tm_sec);
	ndr_put_u32(out, (uint32_t)(ts.tv_nsec / 10000000)); /* hunds */
	ndr_put_u32(out, 0);                            /* timezone: the times are in UTC */
	ndr_put_u32(out, 310);                          /* tinterval: clock tick in 0.1 ms, as Windows says */
	ndr_put_u32(out, (uint32_t)tm.tm_mday);
	ndr_put_u32(out, (uint32_t)tm.tm_mon + 1);
	ndr_put_u32(out, (uint32_t)tm.tm_year + 1900);
	ndr_put_u32(out, (uint32_t)tm.tm_wday);
	ndr_put_u32(out, WERR_OK);
	return 0;
}

static rpc_operation srvsvc_operation(uint16_t opnum)
{
	switch (opnum) {
	case 15:
	case 36: /* sticky: the shares that outlive a restart, and so all of them */
		return op_share_enum;
	case 16:
		return op_share_get_info;
	case 21:
		return op_server_get_info;
	case 28:
		return op_remote_tod;
	default:
		return NULL;
	}
}

const struct rpc_interface rpc_interface_srvsvc = {"srvsvc", &rpc_syntax_srvsvc, srvsvc_operation};

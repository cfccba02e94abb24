/* The workstation service: NetrWkstaGetInfo ([MS-WKST] 3.2.4.1), which network browsers ask for beside srvsvc. Called by pipe.c. */
#include "rpc/ndr.h"
#include "rpc/pdu.h"

enum { PLATFORM_ID_NT = 500, VERSION_MAJOR = 6, VERSION_MINOR = 1 };

/* WKSTA_INFO_100, _101, _102 ([MS-WKST] 2.2.5.1 to 2.2.5.3) */
static void wksta_info_encode(const struct rpc_call *call, struct wire *out, uint32_t level)
{
	ndr_put_u32(out, PLATFORM_ID_NT);
	(void)ndr_pointer(out, "computername", true);
	(void)ndr_pointer(out, "langroup", true);
	ndr_put_u32(out, VERSION_MAJOR);
	ndr_put_u32(out, VERSION_MINOR);
	if (level >= 101)
		(void)ndr_pointer(out, "lanroot", true);
	if (level >= 102)
		ndr_put_u32(out, 0); /* logged_on_users */
	ndr_string_put(out, call->server_name);
	ndr_string_put(out, call->host->workgroup ? call->host->workgroup : "WORKGROUP");
	if (level >= 101)
		ndr_string_put(out, "");
}

static uint32_t op_wksta_get_info(const struct rpc_call *call, struct wire *in, struct wire *out)
{
	uint32_t level, code = WERR_OK;

	if (ndr_pointer(in, "ServerName", false))
		(void)ndr_string_get(in, "ServerName");
	ndr_u32(in, "Level", &level);
	if (!wire_ok(in))
		return RPC_FAULT_BAD_STUB_DATA;
	if (level < 100 || level > 102)
		code = WERR_INVALID_LEVEL;
	else if (level > 100 && !call->host->caller_is_admin)
		code = WERR_ACCESS_DENIED;
	ndr_put_u32(out, level);
	if (ndr_pointer(out, "WkstaInfo", code == WERR_OK))
		wksta_info_encode(call, out, level);
	ndr_put_u32(out, code);
	return 0;
}

static rpc_operation wkssvc_operation(uint16_t opnum)
{
	return opnum == 0 ? op_wksta_get_info : NULL;
}

const struct rpc_interface rpc_interface_wkssvc = {"wkssvc", &rpc_syntax_wkssvc, wkssvc_operation};

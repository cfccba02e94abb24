/* The table of commands, made from msgs.def. [MS-SMB2] 2.2.1 (Command). */
#include "wire/smb2.h"

/* The coders behind one type, so that a table can hold them. Rows that share a coder get a wrapper each. */
#define MSG(NAME, req, rsp, req_c, rsp_c, ...)                                                                         \
	static void NAME##_req_any(struct wire *w, void *m)                                                            \
	{                                                                                                              \
		smb2_##req_c##_code(w, (struct smb2_##req *)m);                                                        \
	}                                                                                                              \
	static void NAME##_rsp_any(struct wire *w, void *m)                                                            \
	{                                                                                                              \
		smb2_##rsp_c##_code(w, (struct smb2_##rsp *)m);                                                        \
	}
#include "wire/msgs.def"

#define MSG(NAME, req, rsp, req_c, rsp_c, req_ss, req_fix, rsp_ss, rsp_fix, conditions, sections_)                     \
	[SMB2_##NAME] = {                                                                                              \
		.name = #NAME,                                                                                         \
		.command = SMB2_##NAME,                                                                                \
		.req_struct_size = req_ss,                                                                             \
		.rsp_struct_size = rsp_ss,                                                                             \
		.req_fixed_size = req_fix,                                                                             \
		.rsp_fixed_size = rsp_fix,                                                                             \
		.preconditions = conditions,                                                                           \
		.least_dialect = SMB2_DIALECT_202,                                                                     \
		.sections = sections_,                                                                                 \
		.req_size = sizeof(struct smb2_##req),                                                                 \
		.rsp_size = sizeof(struct smb2_##rsp),                                                                 \
		.req_code = NAME##_req_any,                                                                            \
		.rsp_code = NAME##_rsp_any,                                                                            \
	},

static const struct smb2_message messages[SMB2_COMMAND_COUNT] = {
#include "wire/msgs.def"
};

const struct smb2_message *smb2_message_of(uint16_t command)
{
	return command < SMB2_COMMAND_COUNT ? &messages[command] : NULL;
}

/* The table of commands, made from msgs1.def. [MS-CIFS] 2.2.2.1. */
#include "wire/smb1/smb1.h"

#include <stdio.h>

/* The coders behind one type, so that a table can hold them. */
#define MSG(NAME, req, rsp, req_c, rsp_c, conditions, sections_)                                                       \
	static void NAME##_req_any(struct wire *w, void *m)                                                            \
	{                                                                                                              \
		smb1_##req_c##_code(w, (struct smb1_##req *)m);                                                        \
	}                                                                                                              \
	static void NAME##_rsp_any(struct wire *w, void *m)                                                            \
	{                                                                                                              \
		smb1_##rsp_c##_code(w, (struct smb1_##rsp *)m);                                                        \
	}
#include "wire/smb1/msgs1.def"

#define MSG(NAME, req, rsp, req_c, rsp_c, conditions, sections_)                                                       \
	{                                                                                                              \
		.name = "SMB_COM_" #NAME,                                                                              \
		.command = SMB1_##NAME,                                                                                \
		.preconditions = conditions,                                                                           \
		.sections = sections_,                                                                                 \
		.req_size = sizeof(struct smb1_##req),                                                                 \
		.rsp_size = sizeof(struct smb1_##rsp),                                                                 \
		.req_code = NAME##_req_any,                                                                            \
		.rsp_code = NAME##_rsp_any,                                                                            \
	},
static const struct smb1_message messages[] = {
#include "wire/smb1/msgs1.def"
};

/* Place in messages[], from 1 on. */
enum place {
	NO_PLACE,
#define MSG(NAME, ...) PLACE_##NAME,
#include "wire/smb1/msgs1.def"
};
static const uint8_t places[256] = {
#define MSG(NAME, ...) [SMB1_##NAME] = PLACE_##NAME,
#include "wire/smb1/msgs1.def"
};

const struct smb1_message *smb1_message_of(uint8_t command)
{
	return places[command] != NO_PLACE ? &messages[places[command] - 1] : NULL;
}

size_t smb1_message_count(void)
{
	return ARRAY_LEN(messages);
}

const struct smb1_message *smb1_message_at(size_t i)
{
	return &messages[i];
}

const char *smb1_command_name(uint8_t command, char room[16])
{
	const struct smb1_message *row = smb1_message_of(command);

	if (row)
		return row->name;
	snprintf(room, 16, "SMB_COM_0x%02X", command);
	return room;
}

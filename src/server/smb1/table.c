/* The table from commands to handlers. */
#include "server/smb1/op.h"

srv1_handler srv1_handler_of(uint8_t command)
{
	switch (command) {
#define ROW(name, handler)                                                                                             \
	case SMB1_##name:                                                                                              \
		return srv1_##handler;
		SRV1_HANDLERS(ROW)
#undef ROW
	default:
		return NULL;
	}
}

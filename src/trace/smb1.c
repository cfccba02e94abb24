/* SMB1 in words: the dialects of a NEGOTIATE, which SMB2 knows too ([MS-SMB2] 3.3.5.3), and of all others the name of the command
 * and how it ended ([MS-CIFS] 2.2.2.1, 2.2.3.1). */
#include "trace/say.h"

enum { HEADER_BYTES = 32, COMMAND_AT = 4, STATUS_AT = 5, FLAGS_AT = 9, FLAGS2_AT = 10, REPLY = 0x80, NT_STATUS = 0x4000, NEGOTIATE = 0x72 };

static const struct words_value commands[] = {
	{0x00, "CREATE_DIRECTORY"}, {0x01, "DELETE_DIRECTORY"}, {0x04, "CLOSE"}, {0x05, "FLUSH"}, {0x06, "DELETE"}, {0x07, "RENAME"},
	{0x08, "QUERY_INFORMATION"}, {0x09, "SET_INFORMATION"}, {0x10, "CHECK_DIRECTORY"}, {0x11, "PROCESS_EXIT"},
	{0x22, "SET_INFORMATION2"}, {0x23, "QUERY_INFORMATION2"}, {0x24, "LOCKING_ANDX"}, {0x25, "TRANSACTION"}, {0x2B, "ECHO"},
	{0x2D, "OPEN_ANDX"}, {0x2E, "READ_ANDX"}, {0x2F, "WRITE_ANDX"}, {0x32, "TRANSACTION2"}, {0x34, "FIND_CLOSE2"},
	{0x71, "TREE_DISCONNECT"}, {NEGOTIATE, "NEGOTIATE"}, {0x73, "SESSION_SETUP_ANDX"}, {0x74, "LOGOFF_ANDX"},
	{0x75, "TREE_CONNECT_ANDX"}, {0xA0, "NT_TRANSACT"}, {0xA2, "NT_CREATE_ANDX"}, {0xA4, "NT_CANCEL"}};

/* [MS-CIFS] 2.2.4.52.1: no parameters; strings behind a byte 2 each, ended by a zero. */
static void say_dialects(struct words *w, struct slice message)
{
	size_t at = HEADER_BYTES, end;

	if (message.len < at + 3 || message.data[at] != 0)
		return;
	end = at + 3 + load_le16(message.data + at + 1);
	if (end > message.len)
		end = message.len;
	words_list(w, ": offers ");
	for (at += 3; at < end && message.data[at] == 2;) {
		const uint8_t *text = message.data + at + 1, *stop = memchr(text, 0, end - at - 1);

		if (!stop)
			return;
		words_item(w, "%s", "");
		words_bytes(w, slice_of(text, (size_t)(stop - text)));
		at = (size_t)(stop - message.data) + 1;
	}
}

void say_smb1(struct words *w, struct slice message, bool *failed)
{
	const char *name;
	uint32_t status;

	if (message.len < HEADER_BYTES) {
		words_add(w, "SMB1, cut off");
		*failed = true;
		return;
	}
	name = words_of(message.data[COMMAND_AT], commands, ARRAY_LEN(commands));
	words_add(w, "SMB1 ");
	if (name)
		words_add(w, "%s", name);
	else
		words_add(w, "command 0x%02x", message.data[COMMAND_AT]);
	status = load_le32(message.data + STATUS_AT);
	if (!(message.data[FLAGS_AT] & REPLY)) {
		if (message.data[COMMAND_AT] == NEGOTIATE)
			say_dialects(w, message);
		return;
	}
	*failed = status != 0 && status != STATUS_MORE_PROCESSING_REQUIRED.code;
	if (!*failed)
		words_add(w, " granted");
	else if (load_le16(message.data + FLAGS2_AT) & NT_STATUS)
		words_add(w, " failed: %s, %s", hythe_status_name((ntstatus){status}), hythe_status_text((ntstatus){status}));
	else
		words_add(w, " failed: DOS error %u/%u", message.data[STATUS_AT], load_le16(message.data + STATUS_AT + 2));
}

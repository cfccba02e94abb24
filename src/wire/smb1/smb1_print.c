/* A whole received SMB1 message as text, for packet traces and for the messages of failing tests. [MS-CIFS] 2.2.3. */
#include "wire/smb1/smb1.h"

#include "wire/wire_internal.h"

#include <stdio.h>

union any_body {
#define MSG(NAME, req, rsp, ...)                                                                                       \
	struct smb1_##req req_of_##NAME;                                                                               \
	struct smb1_##rsp rsp_of_##NAME;
#include "wire/smb1/msgs1.def"
};

static void empty_any(struct wire *w, void *m)
{
	smb1_empty_code(w, m);
}

smb1_coder smb1_coder_of(uint8_t command, bool response, uint8_t word_count)
{
	const struct smb1_message *row = smb1_message_of(command);

	if (response && word_count == 0)
		return empty_any;
	if (!row)
		return NULL;
	return response ? row->rsp_code : row->req_code;
}

static void print_header(struct wire *p, struct smb1_header *h)
{
	char text[32];

	smb1_header_code(p, h);
	if (!(h->flags & SMB1_FLAGS_REPLY))
		return;
	if (h->flags2 & SMB1_FLAGS2_NT_STATUS) {
		wire_print_line(p, "Status name", hythe_status_name((ntstatus){h->status}));
	} else {
		snprintf(text, sizeof(text), "class %u code %u", smb1_dos_class(h->status), smb1_dos_code(h->status));
		wire_print_line(p, "DOS error", text);
	}
}

static void print_block(struct wire *p, const struct smb1_walk *c, const struct smb1_block *b, struct arena *arena)
{
	struct wire w = smb1_block_decoder(c, b, arena);
	smb1_coder code = smb1_coder_of(b->command, c->response, b->word_count);
	union any_body m;
	char room[16];

	memset(&m, 0, sizeof(m));
	wire_group(p, smb1_command_name(b->command, room));
	if (code) {
		code(&w, &m);
		if (wire_ok(&w))
			code(p, &m);
		else
			wire_print_line(p, "malformed, field", w.where);
	}
	if (b->and_x_command != SMB1_NO_COMMAND)
		wire_print_line(p, "AndXCommand", smb1_command_name(b->and_x_command, room));
	wire_group_end(p);
}

void smb1_print(struct slice message, struct arena *arena, struct wire_printer *printer)
{
	struct wire w = wire_decoder(message.data, 0, message.len, arena), p = wire_printer_of(NULL, printer);
	struct smb1_header h;
	struct smb1_block b;
	struct smb1_walk c;
	char title[64], room[16];
	bool bad;

	smb1_header_code(&w, &h);
	if (!wire_ok(&w)) {
		wire_print_line(&p, "not an SMB1 message, field", w.where);
		return;
	}
	snprintf(title, sizeof(title), "%s %s", smb1_command_name(h.command, room), h.flags & SMB1_FLAGS_REPLY ? "response" : "request");
	wire_group(&p, title);
	print_header(&p, &h);
	smb1_walk_start(&c, message, &h);
	while (smb1_walk_next(&c, &b, &bad))
		print_block(&p, &c, &b, arena);
	if (bad)
		wire_print_line(&p, "malformed", "the chain of blocks");
	wire_group_end(&p);
}

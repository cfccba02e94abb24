/* A whole received message as text, for packet traces and for the messages of failing tests. [MS-SMB2] 2.2; which failing
 * responses have the body of their command, 3.3.4.4. */
#include "wire/smb2.h"

#include "wire/wire_internal.h"

#include <stdio.h>

union any_body {
#define MSG(NAME, req, rsp, ...)                                                                                       \
	struct smb2_##req req_of_##NAME;                                                                               \
	struct smb2_##rsp rsp_of_##NAME;
#include "wire/msgs.def"
	struct smb2_error_rsp error;
};

/* [MS-SMB2] 3.3.4.4 */
bool smb2_is_error_response(const struct smb2_header *h, uint16_t structure_size)
{
	if (!(h->flags & SMB2_FLAGS_SERVER_TO_REDIR) || h->status == STATUS_SUCCESS.code)
		return false;
	if (h->status == STATUS_NOTIFY_ENUM_DIR.code || h->status == STATUS_NOTIFY_CLEANUP.code ||
		h->status == STATUS_BUFFER_OVERFLOW.code)
		return false;
	if (h->command == SMB2_SESSION_SETUP && h->status == STATUS_MORE_PROCESSING_REQUIRED.code)
		return false;
	return structure_size == 9 || h->command != SMB2_IOCTL; /* copychunk answers with its limits */
}

/* [MS-SMB2] 2.2, the body that the header announces */
static void body_code(struct wire *w, const struct smb2_header *h, bool error, union any_body *m)
{
	const struct smb2_message *row = smb2_message_of(h->command);

	if (error)
		smb2_error_rsp_code(w, &m->error);
	else
		(h->flags & SMB2_FLAGS_SERVER_TO_REDIR ? row->rsp_code : row->req_code)(w, m);
}

static void print_title(struct wire *p, const struct smb2_header *h)
{
	const struct smb2_message *row = smb2_message_of(h->command);
	char title[64];

	snprintf(title, sizeof(title), "%s %s", row ? row->name : "unknown command",
		h->flags & SMB2_FLAGS_SERVER_TO_REDIR ? "response" : "request");
	wire_group(p, title);
	if (h->flags & SMB2_FLAGS_SERVER_TO_REDIR)
		wire_print_line(p, "Status name", hythe_status_name((ntstatus){h->status}));
}

void smb2_print(struct slice message, struct arena *arena, struct wire_printer *printer)
{
	struct wire w = wire_decoder(message.data, 0, message.len, arena), p = wire_printer_of(NULL, printer);
	union any_body m;
	struct smb2_header h;
	uint16_t structure_size;
	bool error;

	memset(&m, 0, sizeof(m));
	smb2_header_code(&w, &h);
	if (!wire_ok(&w)) {
		wire_print_line(&p, "not an SMB2 message, field", w.where);
		return;
	}
	print_title(&p, &h);
	smb2_header_code(&p, &h);
	structure_size = wire_left(&w) >= 2 ? load_le16(w.base + w.pos) : 0;
	error = smb2_is_error_response(&h, structure_size);
	if (smb2_message_of(h.command)) {
		body_code(&w, &h, error, &m);
		if (wire_ok(&w))
			body_code(&p, &h, error, &m);
		else
			wire_print_line(&p, "malformed, field", w.where);
	}
	wire_group_end(&p);
}

/* A packet in words: walks its commands, pairs responses with what was asked (by MessageId), and leaves each command to its function.
 * [MS-SMB2] 2.2.1, 3.3.4.4 (which failures have a body). */
#include "trace/say.h"

#include "wire/nbss.h"

#include <inttypes.h>

union any_body {
#define MSG(NAME, req, rsp, ...)                                                                                       \
	struct smb2_##req req_of_##NAME;                                                                               \
	struct smb2_##rsp rsp_of_##NAME;
#include "wire/msgs.def"
	struct smb2_error_rsp error;
};

static const struct say_row rows[SMB2_COMMAND_COUNT] = {
	[SMB2_NEGOTIATE] = {say_negotiate_req, say_negotiate_rsp},
	[SMB2_SESSION_SETUP] = {say_session_setup_req, say_session_setup_rsp},
	[SMB2_LOGOFF] = {say_logoff_req, NULL},
	[SMB2_TREE_CONNECT] = {say_tree_connect_req, say_tree_connect_rsp},
	[SMB2_TREE_DISCONNECT] = {say_tree_disconnect_req, NULL},
	[SMB2_CREATE] = {say_create_req, say_create_rsp},
	[SMB2_CLOSE] = {say_close_req, say_close_rsp},
	[SMB2_FLUSH] = {say_flush_req, NULL},
	[SMB2_READ] = {say_read_req, say_read_rsp},
	[SMB2_WRITE] = {say_write_req, say_write_rsp},
	[SMB2_LOCK] = {say_lock_req, NULL},
	[SMB2_IOCTL] = {say_ioctl_req, say_ioctl_rsp},
	[SMB2_CANCEL] = {say_cancel_req, NULL},
	[SMB2_ECHO] = {say_echo_req, NULL},
	[SMB2_QUERY_DIRECTORY] = {say_query_directory_req, say_query_directory_rsp},
	[SMB2_CHANGE_NOTIFY] = {say_notify_req, say_notify_rsp},
	[SMB2_QUERY_INFO] = {say_query_info_req, say_query_info_rsp},
	[SMB2_SET_INFO] = {say_set_info_req, NULL},
	[SMB2_OPLOCK_BREAK] = {say_break_req, say_break_rsp},
};

const struct say_row *say_row_of(uint16_t command)
{
	return command < SMB2_COMMAND_COUNT ? &rows[command] : NULL;
}

void say_file(struct say *s, struct smb2_file_id id)
{
	if (id.volatile_id == SMB2_FILEID_NONE && id.persistent == SMB2_FILEID_NONE) {
		if (s->chain_name)
			words_text(&s->w, s->chain_name);
		else
			words_add(&s->w, s->h->flags & SMB2_FLAGS_RELATED_OPERATIONS ? "the file of the command before" : "no file");
		return;
	}
	for (size_t i = 0; i < CONN_FILES; i++) {
		const struct trace_name *f = &s->c->files[i];

		if (f->used && f->a == id.volatile_id && f->b == id.persistent) {
			words_text(&s->w, f->name);
			return;
		}
	}
	words_add(&s->w, "file %" PRIx64 ":%" PRIx64, id.persistent, id.volatile_id);
}

static struct trace_request *request_slot(struct trace_conn *c, uint64_t message_id)
{
	return &c->requests[message_id % CONN_REQUESTS];
}

static const char *status_word(uint32_t code)
{
	const char *name = hythe_status_name((ntstatus){code});

	return strncmp(name, "STATUS_", 7) == 0 ? name + 7 : name;
}

void say_status_code(struct words *w, uint32_t code)
{
	ntstatus status = {code};

	words_add(w, "%s", status_word(code));
	if (strcmp(hythe_status_text(status), hythe_status_name(status)) != 0)
		words_add(w, ", %s", hythe_status_text(status));
}

static void say_status(struct say *s, const char *name, bool *failed)
{
	*failed = nt_error((ntstatus){s->h->status});
	words_add(&s->w, "SMB2 %s%s: ", name, *failed ? " failed" : "");
	say_status_code(&s->w, s->h->status);
	if (s->asked && s->asked->name[0]) {
		words_add(&s->w, " (");
		words_text(&s->w, s->asked->name);
		words_add(&s->w, ")");
	}
}

/* Adds what `fn` has to say behind `before`, or nothing. */
static void say_body(struct say *s, say_fn *fn, const void *body)
{
	size_t before = s->w.len;

	words_add(&s->w, ": ");
	if (fn)
		fn(s, body);
	if (s->w.len == before + 2) {
		s->w.len = before;
		s->w.text[before] = 0;
	}
}

static bool decode(struct say *s, struct slice message, union any_body *body)
{
	const struct smb2_message *row = smb2_message_of(s->h->command);
	struct wire w = wire_decoder(message.data, SMB2_HEADER_SIZE, message.len, s->arena);

	memset(body, 0, sizeof(*body));
	w.dialect = s->c->proto.dialect;
	(s->h->flags & SMB2_FLAGS_SERVER_TO_REDIR ? row->rsp_code : row->req_code)(&w, body);
	if (wire_ok(&w))
		return true;
	words_add(&s->w, "SMB2 %s, malformed (%s)", row->name, w.where ? w.where : "?");
	return false;
}

static void say_request(struct say *s, struct slice message, const char *name, bool *failed)
{
	union any_body body;
	struct trace_request *slot = request_slot(s->c, s->h->message_id);
	struct trace_request scratch = {0};

	/* A CANCEL has the id of what it cancels. */
	s->asked = s->h->command == SMB2_CANCEL ? &scratch : slot;
	if (s->h->command != SMB2_CANCEL)
		*slot = (struct trace_request){.used = true, .command = s->h->command, .message_id = s->h->message_id};
	*failed = !decode(s, message, &body);
	if (*failed)
		return;
	words_add(&s->w, "SMB2 %s", name);
	say_body(s, rows[s->h->command].req, &body);
}

static void say_response(struct say *s, struct slice message, const char *name, bool *failed)
{
	union any_body body;
	uint16_t size = message.len >= SMB2_HEADER_SIZE + 2 ? load_le16(message.data + SMB2_HEADER_SIZE) : 0;
	struct trace_request *slot = request_slot(s->c, s->h->message_id);
	bool unasked = s->h->message_id == UINT64_MAX;

	s->asked = slot->used && slot->message_id == s->h->message_id && slot->command == s->h->command ? slot : NULL;
	if (s->h->status == STATUS_PENDING.code && (s->h->flags & SMB2_FLAGS_ASYNC_COMMAND)) {
		words_add(&s->w, "SMB2 %s: wait, the server works on it (asynchronous id %" PRIu64 ")", name, s->h->async_id);
		return;
	}
	if (smb2_is_error_response(s->h, size)) {
		say_status(s, name, failed);
		return;
	}
	*failed = !decode(s, message, &body);
	if (*failed)
		return;
	if (s->h->status == STATUS_MORE_PROCESSING_REQUIRED.code)
		words_add(&s->w, "SMB2 %s answer", name);
	else if (s->h->status == STATUS_SUCCESS.code)
		words_add(&s->w, unasked ? "SMB2 %s notification" : "SMB2 %s granted", name);
	else
		words_add(&s->w, "SMB2 %s (%s)", name, status_word(s->h->status));
	say_body(s, rows[s->h->command].rsp, &body);
}

static void describe_element(struct say *s, struct slice message, bool *failed)
{
	const struct smb2_message *row = smb2_message_of(s->h->command);

	if (!row) {
		words_add(&s->w, "SMB2 command %u, which there is not", s->h->command);
		*failed = true;
	} else if (s->h->flags & SMB2_FLAGS_SERVER_TO_REDIR) {
		say_response(s, message, row->name, failed);
	} else {
		say_request(s, message, row->name, failed);
	}
}

/* The parts of a plain SMB2 message. */
static void describe_smb2(struct trace_conn *c, struct slice plain, struct arena *arena, struct trace_words *out)
{
	struct proto_chain chain = {.next = (uint8_t *)(uintptr_t)plain.data, .left = plain.len, .lenient = true};
	struct proto_element e;
	char chain_name[CONN_NAME] = "";
	ntstatus status;

	while (proto_chain_next(&chain, &e, &status)) {
		struct trace_part *part = &out->parts[out->count];
		struct say s = {.c = c, .h = &e.header, .arena = arena, .chain_name = chain_name[0] ? chain_name : NULL};

		part->failed = false;
		words_init(&s.w, part->text, sizeof(part->text));
		describe_element(&s, slice_of(e.data, e.len), &part->failed);
		out->failed |= part->failed;
		if (e.header.command == SMB2_CREATE && s.asked)
			memcpy(chain_name, s.asked->name, sizeof(chain_name));
		if (++out->count == TRACE_PARTS && chain.left > 0) {
			words_add(&s.w, " ... and more commands (%zu bytes)", chain.left);
			return;
		}
	}
	if (!nt_ok(status) && out->count < TRACE_PARTS) {
		struct words w;

		words_init(&w, out->parts[out->count].text, TRACE_TITLE_BYTES);
		words_add(&w, "%zu bytes that are no SMB2 message", chain.left);
		out->parts[out->count++].failed = true;
		out->failed = true;
	}
}

static void say_nbss_name(struct words *w, const struct nbss_name *name)
{
	char text[NBSS_NAME_BYTES];

	nbss_name_text(text, name);
	words_bytes(w, slice_of(text, strlen(text)));
}

/* Session service of RFC 1002 4.3: everything but a message (type 0). */
static void describe_session_service(struct words *w, struct slice raw, bool *failed)
{
	struct wire d = wire_decoder(raw.data, 0, raw.len, NULL);
	struct nbss_header h;
	struct nbss_request request;
	struct nbss_negative negative = {0};
	struct nbss_retarget retarget = {0};

	nbss_header_code(&d, &h);
	switch (raw.data[0]) {
	case NBSS_SESSION_REQUEST:
		nbss_request_code(&d, &request);
		words_add(w, "NetBIOS SESSION REQUEST");
		if (wire_ok(&d)) {
			words_add(w, ": calls ");
			say_nbss_name(w, &request.called);
			words_add(w, ", from ");
			say_nbss_name(w, &request.calling);
		}
		break;
	case NBSS_POSITIVE_RESPONSE: words_add(w, "NetBIOS SESSION REQUEST granted"); break;
	case NBSS_NEGATIVE_RESPONSE: {
		nbss_negative_code(&d, &negative);
		const char *reason = nbss_error_name(negative.error_code);
		words_add(w, "NetBIOS SESSION REQUEST failed: %s", reason ? reason : "no reason that is known");
		*failed = true;
		break;
	}
	case NBSS_RETARGET_RESPONSE:
		nbss_retarget_code(&d, &retarget);
		words_add(w, "NetBIOS SESSION RETARGET: connect to %u.%u.%u.%u:%u", retarget.ip_address[0], retarget.ip_address[1],
			retarget.ip_address[2], retarget.ip_address[3], retarget.port);
		break;
	case NBSS_KEEP_ALIVE: words_add(w, "NetBIOS KEEP ALIVE"); break;
	default:
		words_add(w, "NetBIOS packet of type 0x%02x, which there is not", raw.data[0]);
		*failed = true;
		return;
	}
	if (!wire_ok(&d)) {
		words_add(w, ", malformed");
		*failed = true;
	}
}

static void describe_other(const struct trace_packet *p, struct words *w, bool *failed)
{
	uint32_t id = p->raw.len >= 8 ? load_le32(p->raw.data + 4) : 0;

	if (p->raw.len == 0) {
		words_add(w, "%" PRIu64 " bytes are missing in the capture, or are no SMB", p->lost);
		*failed = true;
	} else if (p->raw.data[0] != 0) {
		describe_session_service(w, p->raw, failed);
	} else if (p->sealed) {
		words_add(w, "sealed, no key: %zu bytes of session %016" PRIx64, p->raw.len - 4, p->session_id);
	} else if (id == SMB2_COMPRESSION_ID) {
		words_add(w, "compressed: %zu bytes", p->raw.len - 4);
	} else {
		words_add(w, "%zu bytes that are no SMB message", p->raw.len < 4 ? 0 : p->raw.len - 4);
		*failed = true;
	}
}

void trace_describe(struct trace_conn *c, const struct trace_packet *p, struct arena *arena, struct trace_words *out)
{
	uint32_t id = p->plain.len >= 4 ? load_le32(p->plain.data) : 0;
	struct trace_part *first = &out->parts[0];
	struct words w;

	out->count = 0;
	out->failed = first->failed = false;
	if (id == SMB2_PROTOCOL_ID)
		describe_smb2(c, p->plain, arena, out);
	else if (id == SMB1_PROTOCOL_ID)
		trace_describe_smb1(c, p->plain, arena, out);
	if (out->count > 0)
		return;
	words_init(&w, first->text, sizeof(first->text));
	out->count = 1;
	describe_other(p, &w, &first->failed);
	out->failed = first->failed;
}

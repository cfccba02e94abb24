/* In words: NEGOTIATE, SESSION_SETUP, TREE_CONNECT and the commands without a body. [MS-SMB2] 2.2.3 to 2.2.12, 2.2.28, 2.2.30. */
#include "trace/say.h"

#include <inttypes.h>

static const struct words_value dialects[] = {{0x0202, "2.0.2"}, {0x0210, "2.1"}, {0x0300, "3.0"}, {0x0302, "3.0.2"}, {0x0311, "3.1.1"},
	{0x02FF, "any of SMB2, to be negotiated again"}};
static const struct words_value ciphers[] = {{1, "AES-128-CCM"}, {2, "AES-128-GCM"}, {3, "AES-256-CCM"}, {4, "AES-256-GCM"}};
static const struct words_value signings[] = {{0, "HMAC-SHA256"}, {1, "AES-CMAC"}, {2, "AES-GMAC"}};

const char *say_dialect(uint16_t dialect)
{
	return words_of(dialect, dialects, ARRAY_LEN(dialects));
}

static void say_id(struct words *w, uint16_t id, const struct words_value *table, size_t n)
{
	const char *name = words_of(id, table, n);

	if (name)
		words_item(w, "%s", name);
	else
		words_item(w, "0x%04x", id);
}

static void say_signing_mode(struct words *w, uint16_t mode)
{
	if (mode & SMB2_NEGOTIATE_SIGNING_REQUIRED)
		words_add(w, "; signing required");
	else if (mode & SMB2_NEGOTIATE_SIGNING_ENABLED)
		words_add(w, "; signing possible");
}

/* Ciphers and signing algorithms of 3.1.1. */
static void say_contexts(struct words *w, struct slice contexts, struct arena *arena)
{
	struct smb2_negotiate_context x;
	bool bad;

	while (smb2_negotiate_context_next(&contexts, &x, &bad)) {
		struct wire d = wire_decoder(x.data.data, 0, x.data.len, arena);
		struct smb2_algorithm_caps caps = {0};
		bool cipher = x.type == SMB2_ENCRYPTION_CAPABILITIES;

		if (!cipher && x.type != SMB2_SIGNING_CAPABILITIES)
			continue;
		(cipher ? smb2_encryption_caps_code : smb2_signing_caps_code)(&d, &caps);
		if (!wire_ok(&d))
			continue;
		words_list(w, cipher ? "; encryption " : "; signing by ");
		for (size_t i = 0; i < caps.count; i++)
			say_id(w, caps.ids[i], cipher ? ciphers : signings, cipher ? ARRAY_LEN(ciphers) : ARRAY_LEN(signings));
	}
	if (bad)
		words_add(w, "; contexts malformed");
}

void say_negotiate_req(struct say *s, const void *body)
{
	const struct smb2_negotiate_req *m = body;

	words_list(&s->w, "offers ");
	for (size_t i = 0; i < m->dialect_count && i < ARRAY_LEN(m->dialects); i++)
		say_id(&s->w, m->dialects[i], dialects, ARRAY_LEN(dialects));
	say_signing_mode(&s->w, m->security_mode);
	say_contexts(&s->w, m->contexts, s->arena);
}

void say_negotiate_rsp(struct say *s, const void *body)
{
	const struct smb2_negotiate_rsp *m = body;

	words_list(&s->w, "speaks ");
	say_id(&s->w, m->dialect_revision, dialects, ARRAY_LEN(dialects));
	say_signing_mode(&s->w, m->security_mode);
	if (m->dialect_revision == SMB2_DIALECT_311)
		say_contexts(&s->w, m->contexts, s->arena);
	words_add(&s->w, "; at most %" PRIu32 " bytes a read", m->max_read_size);
}

/* Which step of NTLM a token is, wherever SPNEGO has put it ([MS-NLMP] 2.2.1); names that the last one carries. */
struct ntlm_step {
	uint32_t type; /* 0: none found */
	struct slice message;
};

static struct ntlm_step ntlm_find(struct slice token)
{
	for (size_t i = 0; token.len >= 12 && i <= token.len - 12; i++) {
		if (memcmp(token.data + i, "NTLMSSP", 8) == 0)
			return (struct ntlm_step){load_le32(token.data + i + 8), slice_of(token.data + i, token.len - i)};
	}
	return (struct ntlm_step){0};
}

static struct slice ntlm_field(struct slice message, size_t at)
{
	size_t len, offset;

	if (message.len < at + 8)
		return slice_of(NULL, 0);
	len = load_le16(message.data + at);
	offset = load_le32(message.data + at + 4);
	if (offset > message.len || len > message.len - offset)
		return slice_of(NULL, 0);
	return slice_of(message.data + offset, len);
}

static void say_ntlm_names(struct words *w, struct slice message)
{
	enum { DOMAIN_AT = 28, USER_AT = 36, FLAGS_AT = 60, UNICODE = 1 };
	bool unicode = message.len >= FLAGS_AT + 4 && (load_le32(message.data + FLAGS_AT) & UNICODE);
	struct slice user = ntlm_field(message, USER_AT), domain = ntlm_field(message, DOMAIN_AT);

	if (user.len == 0) {
		words_add(w, "logs on as nobody (anonymous)");
		return;
	}
	words_add(w, "logs on as ");
	(unicode ? words_name : words_bytes)(w, user);
	if (domain.len > 0) {
		words_add(w, " of ");
		(unicode ? words_name : words_bytes)(w, domain);
	}
	words_add(w, ", proves the password");
}

void say_token(struct words *w, struct slice token)
{
	struct ntlm_step step = ntlm_find(token);

	if (step.type == 1)
		words_add(w, "asks to log on (NTLM)");
	else if (step.type == 3)
		say_ntlm_names(w, step.message);
	else
		words_add(w, "a token of %zu bytes", token.len);
}

void say_session_setup_req(struct say *s, const void *body)
{
	const struct smb2_session_setup_req *m = body;

	if (m->flags & SMB2_SESSION_FLAG_BINDING)
		words_add(&s->w, "binds this connection to session %016" PRIx64 ", ", s->h->session_id);
	say_token(&s->w, m->security_buffer);
}

void say_session_setup_rsp(struct say *s, const void *body)
{
	const struct smb2_session_setup_rsp *m = body;

	if (s->h->status == STATUS_MORE_PROCESSING_REQUIRED.code) {
		bool challenge = ntlm_find(m->security_buffer).type == 2;

		words_add(&s->w, challenge ? "prove who you are; a challenge for session %016" PRIx64 : "another step is needed for session %016" PRIx64,
			s->h->session_id);
		return;
	}
	words_add(&s->w, "session %016" PRIx64, s->h->session_id);
	if (m->session_flags & SMB2_SESSION_FLAG_IS_GUEST)
		words_item(&s->w, "as a guest");
	if (m->session_flags & SMB2_SESSION_FLAG_IS_NULL)
		words_item(&s->w, "as nobody");
	if (m->session_flags & SMB2_SESSION_FLAG_ENCRYPT_DATA)
		words_item(&s->w, "to be encrypted");
}

static void say_tree(struct say *s)
{
	for (size_t i = 0; i < CONN_TREES; i++) {
		const struct trace_name *t = &s->c->trees[i];

		if (t->used && t->a == s->h->tree_id && t->b == s->h->session_id) {
			words_text(&s->w, t->name);
			return;
		}
	}
	words_add(&s->w, "tree %" PRIu32, s->h->tree_id);
}

void say_logoff_req(struct say *s, const void *body)
{
	(void)body;
	words_add(&s->w, "ends session %016" PRIx64, s->h->session_id);
}

void say_tree_connect_req(struct say *s, const void *body)
{
	const struct smb2_tree_connect_req *m = body;

	words_clean(s->asked->name, sizeof(s->asked->name), m->path);
	words_add(&s->w, "connects to share ");
	words_name(&s->w, m->path);
}

void say_tree_connect_rsp(struct say *s, const void *body)
{
	static const struct words_value types[] = {{1, "disk"}, {2, "pipes"}, {3, "printer"}};
	const struct smb2_tree_connect_rsp *m = body;
	const char *type = words_of(m->share_type, types, ARRAY_LEN(types));
	struct trace_name *t = &s->c->trees[s->c->next_tree++ % CONN_TREES];

	*t = (struct trace_name){.used = true, .a = s->h->tree_id, .b = s->h->session_id};
	if (s->asked)
		memcpy(t->name, s->asked->name, sizeof(t->name));
	t->used = t->name[0] != 0;
	words_add(&s->w, "tree %" PRIu32 ", %s, access 0x%08" PRIx32, s->h->tree_id, type ? type : "of unknown kind", m->maximal_access);
	if (m->share_flags & SMB2_SHAREFLAG_ENCRYPT_DATA)
		words_item(&s->w, "to be encrypted");
}

void say_tree_disconnect_req(struct say *s, const void *body)
{
	(void)body;
	words_add(&s->w, "leaves ");
	say_tree(s);
}

void say_echo_req(struct say *s, const void *body)
{
	(void)body;
	words_add(&s->w, "are you there?");
}

void say_cancel_req(struct say *s, const void *body)
{
	(void)body;
	if (s->h->flags & SMB2_FLAGS_ASYNC_COMMAND)
		words_add(&s->w, "gives up the request of asynchronous id %" PRIu64, s->h->async_id);
	else
		words_add(&s->w, "gives up request %" PRIu64, s->h->message_id);
}

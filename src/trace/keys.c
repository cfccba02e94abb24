/* Opening what is sealed: follows NEGOTIATE and SESSION_SETUP as both sides do ([MS-SMB2] 3.2.5.2, 3.2.5.3, 3.1.4.4), derives the keys
 * of a session from the key that was given for it (3.1.4.2), and opens copies of packets in either direction. */
#include "trace/conn.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { ID_DIGITS = 16, LINE_MAX_BYTES = 512 };

static void session_wipe(struct trace_session *s)
{
	if (s->have_keys) {
		proto_keys_wipe(&s->as_client);
		proto_keys_wipe(&s->as_server);
	}
	memset(s, 0, sizeof(*s));
}

void trace_sessions_wipe(struct trace_conn *c)
{
	for (size_t i = 0; i < CONN_SESSIONS; i++)
		session_wipe(&c->sessions[i]);
}

/* --- the list of keys --- */

bool trace_key_add(struct trace *t, uint64_t session_id, const uint8_t *key, size_t len)
{
	if (!t->keys)
		t->keys = calloc(TRACE_KEYS, sizeof(*t->keys));
	if (!t->keys || t->key_count == TRACE_KEYS || len == 0 || len > sizeof(t->keys->key))
		return false;
	t->keys[t->key_count].session_id = session_id;
	t->keys[t->key_count].len = (uint8_t)len;
	memcpy(t->keys[t->key_count].key, key, len);
	t->key_count++;
	return true;
}

static const char *skip_separator(const char *p)
{
	return p + strspn(p, " \t,\"\r\n");
}

/* One line; NULL: it is right (or empty), else what is wrong with it. */
static const char *key_line(struct trace *t, const char *line)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *p = skip_separator(line);
	uint8_t key[32];
	char id[ID_DIGITS + 1] = "0000000000000000";
	uint64_t session;
	size_t n;

	if (*p == 0 || *p == '#')
		return NULL;
	if (strncmp(p, "0x", 2) == 0)
		p += 2;
	n = strspn(p, digits);
	if (n == 0 || n > ID_DIGITS)
		return "a session id of up to 16 hexadecimal digits is wanted first";
	memcpy(id + ID_DIGITS - n, p, n);
	session = strtoull(id, NULL, 16);
	p = skip_separator(p + n);
	n = strspn(p, digits);
	if ((n != 32 && n != 64) || !bytes_from_hex(key, n / 2, p))
		return "a key of 32 or 64 hexadecimal digits is wanted behind the session id";
	n = trace_key_add(t, session, key, n / 2);
	bytes_wipe(key, sizeof(key));
	return n ? NULL : "there are too many keys";
}

bool trace_keys_read(struct trace *t, const char *path, char *why, size_t cap)
{
	FILE *f = fopen(path, "re");
	char line[LINE_MAX_BYTES];
	const char *wrong = NULL;
	unsigned n = 0;

	if (!f) {
		snprintf(why, cap, "%s: %s", path, strerror(errno));
		return false;
	}
	while (!wrong && fgets(line, sizeof(line), f)) {
		n++;
		wrong = key_line(t, line);
	}
	if (wrong)
		snprintf(why, cap, "%s, line %u: %s", path, n, wrong);
	fclose(f);
	bytes_wipe(line, sizeof(line));
	return !wrong;
}

/* --- sessions --- */

static struct trace_session *session_of(struct trace_conn *c, uint64_t id)
{
	for (size_t i = 0; i < CONN_SESSIONS; i++) {
		if (c->sessions[i].used && c->sessions[i].id == id && id != 0)
			return &c->sessions[i];
	}
	return NULL;
}

static struct trace_session *session_asked(struct trace_conn *c, uint64_t message_id)
{
	for (size_t i = 0; i < CONN_SESSIONS; i++) {
		if (c->sessions[i].used && c->sessions[i].id == 0 && c->sessions[i].message_id == message_id)
			return &c->sessions[i];
	}
	return NULL;
}

static struct trace_session *session_new(struct trace_conn *c)
{
	struct trace_session *s = &c->sessions[c->next_session++ % CONN_SESSIONS];

	session_wipe(s);
	s->used = true;
	memcpy(s->preauth, c->proto.preauth, sizeof(s->preauth));
	return s;
}

static bool derive(const struct trace_conn *c, struct trace_session *s, const struct trace_key *k)
{
	struct slice key = slice_of(k->key, k->len);

	if (!nt_ok(proto_keys_derive(&s->as_client, &c->proto, key, s->preauth, false, false)))
		return false;
	if (!nt_ok(proto_keys_derive(&s->as_server, &c->proto, key, s->preauth, true, false))) {
		proto_keys_wipe(&s->as_client);
		return false;
	}
	s->have_keys = true;
	return true;
}

static void session_done(const struct trace *t, const struct trace_conn *c, struct trace_session *s)
{
	s->done = true;
	for (size_t i = 0; i < t->key_count && !s->have_keys; i++) {
		const struct trace_key *k = &t->keys[i];

		if (k->session_id == s->id || __builtin_bswap64(k->session_id) == s->id)
			(void)derive(c, s, k);
	}
}

static void hash(uint8_t preauth[64], struct slice message)
{
	struct iovec part = {(void *)(uintptr_t)message.data, message.len};

	preauth_update(preauth, &part, 1);
}

static void follow_negotiate(struct trace_conn *c, const struct smb2_header *h, struct slice message, struct arena *arena)
{
	struct wire w = wire_decoder(message.data, SMB2_HEADER_SIZE, message.len, arena);
	struct smb2_negotiate_rsp m = {0};
	struct smb2_negotiate_context x;
	bool bad;

	if (!(h->flags & SMB2_FLAGS_SERVER_TO_REDIR)) {
		memset(c->proto.preauth, 0, sizeof(c->proto.preauth));
		hash(c->proto.preauth, message);
		return;
	}
	smb2_negotiate_rsp_code(&w, &m);
	if (!wire_ok(&w) || h->status != STATUS_SUCCESS.code)
		return;
	hash(c->proto.preauth, message);
	c->proto.dialect = m.dialect_revision;
	/* 3.0 has one cipher and says by a capability that it is there. */
	c->proto.cipher = m.dialect_revision == SMB2_DIALECT_300 || m.dialect_revision == SMB2_DIALECT_302 ? SEAL_AES128_CCM : SEAL_NONE;
	c->proto.signing = SIGN_AES_CMAC;
	while (m.dialect_revision == SMB2_DIALECT_311 && smb2_negotiate_context_next(&m.contexts, &x, &bad)) {
		struct wire d = wire_decoder(x.data.data, 0, x.data.len, arena);
		struct smb2_algorithm_caps caps = {0};

		if (x.type != SMB2_ENCRYPTION_CAPABILITIES)
			continue;
		smb2_encryption_caps_code(&d, &caps);
		if (wire_ok(&d) && caps.count > 0 && caps.ids[0] <= SEAL_AES256_GCM)
			c->proto.cipher = caps.ids[0];
	}
}

/* The hash takes in every message but the last response; a session that is there already logs on anew without new keys. */
static void follow_setup(struct trace *t, struct trace_conn *c, const struct smb2_header *h, struct slice message)
{
	struct trace_session *s = session_of(c, h->session_id);

	if (!(h->flags & SMB2_FLAGS_SERVER_TO_REDIR)) {
		if (s && s->done)
			return;
		if (!s)
			s = session_new(c);
		s->id = h->session_id;
		s->message_id = h->message_id;
		hash(s->preauth, message);
		return;
	}
	if (!s)
		s = session_asked(c, h->message_id);
	if (!s || s->done)
		return;
	s->id = h->session_id;
	if (h->status == STATUS_MORE_PROCESSING_REQUIRED.code)
		hash(s->preauth, message);
	else if (h->status == STATUS_SUCCESS.code)
		session_done(t, c, s);
	else
		session_wipe(s);
}

static void follow_logoff(struct trace_conn *c, const struct smb2_header *h)
{
	struct trace_session *s = session_of(c, h->session_id);

	/* Not its keys: the last answer is sealed with them. */
	if (s && (h->flags & SMB2_FLAGS_SERVER_TO_REDIR) && !s->have_keys)
		session_wipe(s);
}

void trace_follow(struct trace *t, struct trace_conn *c, const struct trace_packet *p)
{
	struct proto_chain chain = {.next = (uint8_t *)(uintptr_t)p->plain.data, .left = p->plain.len, .lenient = true};
	struct proto_element e;
	ntstatus status;

	if (load_le32(p->plain.data) != SMB2_PROTOCOL_ID)
		return;
	while (proto_chain_next(&chain, &e, &status)) {
		struct slice message = slice_of(e.data, e.len);

		if (e.header.command == SMB2_NEGOTIATE)
			follow_negotiate(c, &e.header, message, &t->arena);
		else if (e.header.command == SMB2_SESSION_SETUP && !p->sealed)
			follow_setup(t, c, &e.header, message);
		else if (e.header.command == SMB2_LOGOFF)
			follow_logoff(c, &e.header);
	}
}

/* --- opening --- */

/* The session may have been set up on another connection (3.2.4.2.3, binding). */
static struct trace_session *session_with_keys(struct trace *t, struct trace_conn *c, uint64_t id)
{
	struct trace_session *s = session_of(c, id);

	if (s && s->have_keys)
		return s;
	list_for_each(n, &t->conns) {
		s = session_of(list_entry(n, struct trace_conn, link), id);
		if (s && s->have_keys)
			return s;
	}
	return NULL;
}

static uint8_t *scratch(struct trace *t, size_t n)
{
	if (t->scratch_cap < n) {
		uint8_t *more = realloc(t->scratch, n);

		if (!more)
			return NULL;
		t->scratch = more;
		t->scratch_cap = n;
	}
	return t->scratch;
}

void trace_unseal(struct trace *t, struct trace_conn *c, struct trace_packet *p)
{
	struct smb2_transform_header h;
	struct slice frame = slice_of(p->raw.data + 4, p->raw.len - 4), plain;
	struct wire w = wire_decoder(frame.data, 0, frame.len, NULL);
	struct trace_session *s;
	uint8_t *copy;

	smb2_transform_header_code(&w, &h);
	if (!wire_ok(&w))
		return;
	p->session_id = h.session_id;
	if (p->plain.len > 0)
		return;
	s = session_with_keys(t, c, h.session_id);
	copy = s ? scratch(t, frame.len) : NULL;
	if (!copy)
		return;
	memcpy(copy, frame.data, frame.len);
	if (nt_ok(proto_unseal(p->from_server ? &s->as_client : &s->as_server, copy, frame.len, &plain)))
		p->plain = plain;
}

/* The NTLM acceptor ([MS-NLMP] 3.2.5): answers a NEGOTIATE with a CHALLENGE and judges the AUTHENTICATE. Wrong password, unknown
 * user and disabled user run through the same computations. NTLMv1 and LM are refused. Driven by auth_server.c. */
#include "auth/ntlm.h"

#include "base/log.h"
#include "base/random.h"
#include "base/utf16.h"

#include <stdio.h>
#include <stdlib.h>

enum server_state { AWAIT_NEGOTIATE, AWAIT_AUTHENTICATE, ACCEPTED, REFUSED };

/* Minimum of an NTLMv2_RESPONSE ([MS-NLMP] 2.2.2.8): proof, fixed part of NTLMv2_CLIENT_CHALLENGE, MsvAvEOL */
enum { PROOF_LEN = 16, TEMP_FIXED_LEN = 28, V1_RESPONSE_LEN = 24 };

struct ntlm_server {
	struct auth_server_config cfg;
	enum server_state state;
	uint8_t *negotiate, *challenge; /* both messages as they went over the wire, for the MIC */
	size_t negotiate_len, challenge_len;
	uint8_t server_challenge[8];
	uint32_t flags;
	uint8_t key[16]; /* ExportedSessionKey */
	struct auth_identity id;
};

struct ntlm_server *ntlm_server_new(const struct auth_server_config *cfg)
{
	struct ntlm_server *s = calloc(1, sizeof(*s));

	if (s != NULL)
		s->cfg = *cfg;
	return s;
}

void ntlm_server_free(struct ntlm_server *s)
{
	if (s == NULL)
		return;
	free(s->negotiate);
	free(s->challenge);
	bytes_wipe(s, sizeof(*s));
	free(s);
}

const struct auth_identity *ntlm_server_identity(const struct ntlm_server *s)
{
	return &s->id;
}

void ntlm_server_forget(struct ntlm_server *s)
{
	s->state = REFUSED;
	s->id.anonymous = s->id.guest = false;
	s->id.session_key_len = 0;
	bytes_wipe(s->id.session_key, sizeof(s->id.session_key));
	bytes_wipe(s->key, sizeof(s->key));
}

bool ntlm_server_can_sign(const struct ntlm_server *s)
{
	return s->state == ACCEPTED && !s->id.guest && s->flags & NTLM_NEGOTIATE_ESS;
}

ntstatus ntlm_server_signature(const struct ntlm_server *s, bool from_client, struct slice data, uint8_t out[16])
{
	return ntlm_signature(s->key, s->flags, from_client, data, out);
}

static bool keep(uint8_t **copy, size_t *copy_len, struct slice s)
{
	*copy = malloc(s.len);
	if (*copy == NULL)
		return false;
	memcpy(*copy, s.data, s.len);
	*copy_len = s.len;
	return true;
}

/* --- CHALLENGE --- */

static void put_name(struct wire *w, struct arena *a, uint16_t id, const char *name)
{
	struct ntlm_av av = {.id = id, .value = utf16_from_utf8_arena(a, name ? name : "")};

	if (av.value.data == NULL)
		wire_fail(w, STATUS_NO_MEMORY, "AV_PAIR");
	(void)ntlm_av_code(w, &av);
}

static const char *dns_domain(const char *dns_name)
{
	const char *dot = dns_name ? strchr(dns_name, '.') : NULL;

	return dot ? dot + 1 : "";
}

/* [MS-NLMP] 2.2.2.1, 3.2.5.1.1. A machine outside a domain gives its own name as the domain's. */
static struct slice target_info(const struct ntlm_server *s, struct arena *a)
{
	const struct clock *clock = s->cfg.clock ? s->cfg.clock : &clock_system;
	enum { CAP = 2048 };
	uint8_t *p = arena_alloc(a, CAP), now[8];
	struct wire w = wire_encoder(p, 0, p ? CAP : 0);
	struct ntlm_av time_av = {.id = NTLM_AV_TIMESTAMP, .value = slice_of(now, sizeof(now))}, eol = {.id = NTLM_AV_EOL};

	store_le64(now, clock_filetime(clock));
	put_name(&w, a, NTLM_AV_NB_DOMAIN_NAME, s->cfg.netbios_name);
	put_name(&w, a, NTLM_AV_NB_COMPUTER_NAME, s->cfg.netbios_name);
	put_name(&w, a, NTLM_AV_DNS_DOMAIN_NAME, dns_domain(s->cfg.dns_name));
	put_name(&w, a, NTLM_AV_DNS_COMPUTER_NAME, s->cfg.dns_name);
	(void)ntlm_av_code(&w, &time_av);
	(void)ntlm_av_code(&w, &eol);
	return wire_ok(&w) ? slice_of(p, w.pos) : slice_of(NULL, 0);
}

/* Of what the client asks for, what we do; the rest is ours to add ([MS-NLMP] 3.2.5.1.1). */
static uint32_t choose_flags(uint32_t asked)
{
	uint32_t flags = asked & (NTLM_NEGOTIATE_SIGN | NTLM_NEGOTIATE_SEAL | NTLM_NEGOTIATE_ALWAYS_SIGN | NTLM_NEGOTIATE_ESS |
		NTLM_NEGOTIATE_VERSION | NTLM_NEGOTIATE_128 | NTLM_NEGOTIATE_KEY_EXCH | NTLM_NEGOTIATE_56 | NTLM_REQUEST_TARGET);

	return flags | NTLM_NEGOTIATE_UNICODE | NTLM_NEGOTIATE_NTLM | NTLM_NEGOTIATE_TARGET_INFO | NTLM_TARGET_TYPE_SERVER |
		NTLM_REQUEST_TARGET;
}

static ntstatus challenge_make(struct ntlm_server *s, struct arena *a, struct slice *out)
{
	struct ntlm_challenge m = {.flags = s->flags, .has_target_info = true, .has_version = true};
	enum { CAP = 4096 };
	uint8_t *p = arena_alloc(a, CAP);
	struct wire w = wire_encoder(p, 0, p ? CAP : 0);

	random_bytes(s->server_challenge, sizeof(s->server_challenge));
	memcpy(m.server_challenge, s->server_challenge, sizeof(m.server_challenge));
	m.target_name = utf16_from_utf8_arena(a, s->cfg.netbios_name ? s->cfg.netbios_name : "");
	m.target_info = target_info(s, a);
	if (p == NULL || m.target_name.data == NULL || m.target_info.data == NULL)
		return STATUS_NO_MEMORY;
	if (s->flags & NTLM_NEGOTIATE_VERSION) {
		static const uint8_t version[8] = {6, 1, 0, 0, 0, 0, 0, 15}; /* NTLMSSP_REVISION_W2K3 last */

		memcpy(m.version, version, sizeof(version));
	}
	ntlm_challenge_code(&w, &m);
	if (!wire_ok(&w))
		return w.error;
	*out = slice_of(p, w.pos);
	return keep(&s->challenge, &s->challenge_len, *out) ? STATUS_MORE_PROCESSING_REQUIRED : STATUS_NO_MEMORY;
}

static ntstatus on_negotiate(struct ntlm_server *s, struct slice token, struct arena *a, struct slice *out)
{
	struct wire w = wire_decoder(token.data, 0, token.len, NULL);
	struct ntlm_negotiate m = {0};

	ntlm_negotiate_code(&w, &m);
	if (!wire_ok(&w))
		return STATUS_INVALID_PARAMETER;
	if (!(m.flags & NTLM_NEGOTIATE_UNICODE)) {
		log_warn("login refused: the client speaks no Unicode");
		return STATUS_INVALID_PARAMETER;
	}
	s->flags = choose_flags(m.flags);
	if (!keep(&s->negotiate, &s->negotiate_len, token))
		return STATUS_NO_MEMORY;
	s->state = AWAIT_AUTHENTICATE;
	return challenge_make(s, a, out);
}

/* --- AUTHENTICATE --- */

/* What the password check works with and finds. */
struct logon {
	struct ntlm_authenticate m;
	struct slice temp;            /* NTLMv2_CLIENT_CHALLENGE */
	bool mic_promised;            /* MsvAvFlags says that the message has a MIC */
	struct user_entry user;
	bool known, proven;
	uint8_t base_key[16];
};

static void printable(char *text)
{
	for (; *text != 0; text++) {
		if ((uint8_t)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

static ntstatus refuse(const struct ntlm_server *s, const char *why)
{
	char user[sizeof(s->id.user)], domain[sizeof(s->id.domain)];

	memcpy(user, s->id.user, sizeof(user));
	memcpy(domain, s->id.domain, sizeof(domain));
	printable(user);
	printable(domain);
	log_warn("login of '%s' (domain '%s') refused: %s", user, domain, why);
	return STATUS_LOGON_FAILURE;
}

/* [MS-NLMP] 2.2.2.7, 2.2.2.8: takes the response apart. */
static ntstatus response_parse(const struct ntlm_server *s, struct logon *l)
{
	struct slice r = l->m.nt_response, pairs, flags;

	if (r.len == V1_RESPONSE_LEN || r.len == 0)
		return refuse(s, "the client answered with NTLMv1 or LM; set it to NTLMv2");
	if (r.len < PROOF_LEN + TEMP_FIXED_LEN + 4)
		return STATUS_INVALID_PARAMETER;
	l->temp = slice_of(r.data + PROOF_LEN, r.len - PROOF_LEN);
	if (l->temp.data[0] != 1)
		return refuse(s, "the client's response is of an unknown version");
	pairs = slice_of(l->temp.data + TEMP_FIXED_LEN, l->temp.len - TEMP_FIXED_LEN);
	if (!ntlm_av_list_ok(pairs))
		return STATUS_INVALID_PARAMETER;
	if (ntlm_av_find(pairs, NTLM_AV_FLAGS, &flags)) {
		if (flags.len != 4)
			return STATUS_INVALID_PARAMETER;
		l->mic_promised = (load_le32(flags.data) & NTLM_AV_FLAG_MIC) != 0;
	}
	return STATUS_SUCCESS;
}

static bool has_password(const struct user_entry *e)
{
	static const uint8_t empty[16] = {0x31, 0xd6, 0xcf, 0xe0, 0xd1, 0x6a, 0xe9, 0x31, 0xb7, 0x3c, 0x59, 0xd7, 0xe0, 0xc0, 0x89, 0xc0};

	return !e->no_password && !bytes_equal_ct(e->nt_hash, empty, sizeof(empty));
}

bool ntlm_hash_to_compare(struct user_entry *e, bool known)
{
	uint8_t nobodys[sizeof(e->nt_hash)];
	bool usable = known && has_password(e);

	random_bytes(nobodys, sizeof(nobodys));
	if (!usable)
		memcpy(e->nt_hash, nobodys, sizeof(e->nt_hash));
	return usable;
}

static bool user_known(const struct ntlm_server *s, struct logon *l)
{
	if (s->cfg.users == NULL)
		return false;
	user_store_refresh(s->cfg.users);
	return user_store_find(s->cfg.users, s->id.user, &l->user);
}

/* Finds the user and compares the proof. Unknown users are computed with a random hash, so that the duration
 * tells nothing. */
static ntstatus password_check(const struct ntlm_server *s, struct logon *l)
{
	uint8_t ntowf[16], proof[16];
	ntstatus st;

	l->known = user_known(s, l);
	l->user.no_password = !ntlm_hash_to_compare(&l->user, l->known);
	st = ntlm_ntowfv2(l->user.nt_hash, l->m.user, l->m.domain, ntowf);
	if (!nt_ok(st))
		return st;
	ntlm_proof(ntowf, s->server_challenge, l->temp, proof, l->base_key);
	l->proven = bytes_equal_ct(proof, l->m.nt_response.data, PROOF_LEN) && l->known && !l->user.no_password;
	bytes_wipe(ntowf, sizeof(ntowf));
	bytes_wipe(proof, sizeof(proof));
	bytes_wipe(l->user.nt_hash, sizeof(l->user.nt_hash));
	return STATUS_SUCCESS;
}

/* [MS-NLMP] 3.2.5.1.2: KeyExchangeKey to ExportedSessionKey. A client that offers no key of its own uses the base key. */
static ntstatus session_key(struct ntlm_server *s, const struct logon *l)
{
	s->flags &= l->m.has_session_key ? l->m.flags | NTLM_NEGOTIATE_UNICODE : ~NTLM_NEGOTIATE_KEY_EXCH;
	if (!(s->flags & NTLM_NEGOTIATE_KEY_EXCH) || l->m.session_key.len == 0) {
		s->flags &= ~NTLM_NEGOTIATE_KEY_EXCH;
		memcpy(s->key, l->base_key, sizeof(s->key));
		return STATUS_SUCCESS;
	}
	if (l->m.session_key.len != 16)
		return STATUS_INVALID_PARAMETER;
	ntlm_key_exchange(l->base_key, l->m.session_key.data, s->key);
	return STATUS_SUCCESS;
}

static ntstatus mic_check(const struct ntlm_server *s, const struct logon *l, struct slice token)
{
	uint8_t mic[16];
	ntstatus st;

	if (!l->mic_promised)
		return STATUS_SUCCESS;
	if (!l->m.has_mic) {
		(void)refuse(s, "the message integrity code that the client announced is missing");
		return STATUS_INVALID_PARAMETER;
	}
	st = ntlm_mic(s->key, slice_of(s->negotiate, s->negotiate_len), slice_of(s->challenge, s->challenge_len), token, mic);
	if (!nt_ok(st) || bytes_equal_ct(mic, l->m.mic, sizeof(mic)))
		return st;
	(void)refuse(s, "the messages were changed on their way (MIC)");
	return STATUS_INVALID_PARAMETER;
}

static void accept_guest(struct ntlm_server *s)
{
	printable(s->id.user);
	log_info("unknown user '%s' is let in as guest", s->id.user);
	s->id.guest = true;
	snprintf(s->id.user, sizeof(s->id.user), "guest");
}

static ntstatus user_logon(struct ntlm_server *s, struct logon *l, struct slice token)
{
	ntstatus st;

	if (s->cfg.guest && !user_known(s, l)) {
		accept_guest(s); /* whatever the response is: there is nothing to compare it with */
		return STATUS_SUCCESS;
	}
	st = response_parse(s, l);
	if (nt_ok(st))
		st = password_check(s, l);
	if (!nt_ok(st))
		return st;
	if (!l->proven) {
		return refuse(s, !l->known ? "no such user" : l->user.no_password ? "the user has no password; set one with `hythe user passwd`"
			: "wrong password");
	}
	st = session_key(s, l);
	if (nt_ok(st))
		st = mic_check(s, l, token);
	if (!nt_ok(st))
		return st;
	if (l->user.disabled) {
		(void)refuse(s, "the account is disabled");
		return STATUS_ACCOUNT_DISABLED;
	}
	memcpy(s->id.user, l->user.name, sizeof(s->id.user));
	memcpy(s->id.session_key, s->key, sizeof(s->key));
	s->id.session_key_len = sizeof(s->key);
	return STATUS_SUCCESS;
}

/* [MS-NLMP] 3.2.5.1.2: no user name, no NT response, and an LM response that is empty or one zero byte */
static bool is_anonymous(const struct ntlm_authenticate *m)
{
	return m->user.len == 0 && m->nt_response.len == 0 &&
		(m->lm_response.len == 0 || (m->lm_response.len == 1 && m->lm_response.data[0] == 0));
}

/* The key of an anonymous logon is one that everybody knows: good enough for SPNEGO's own check, and never handed on. */
static ntstatus anonymous_logon(struct ntlm_server *s, struct logon *l)
{
	if (!s->cfg.allow_anonymous)
		return refuse(s, "anonymous logons are not allowed");
	s->id.anonymous = true;
	s->id.user[0] = s->id.domain[0] = 0;
	return session_key(s, l);
}

static ntstatus on_authenticate(struct ntlm_server *s, struct slice token)
{
	struct wire w = wire_decoder(token.data, 0, token.len, NULL);
	struct logon l = {0};
	ntstatus st;

	ntlm_authenticate_code(&w, &l.m);
	if (!wire_ok(&w) || l.m.user.len > NTLM_NAME_MAX_BYTES || l.m.domain.len > NTLM_NAME_MAX_BYTES)
		return STATUS_INVALID_PARAMETER;
	if (utf16_to_utf8(s->id.user, sizeof(s->id.user), l.m.user) == SIZE_MAX ||
		utf16_to_utf8(s->id.domain, sizeof(s->id.domain), l.m.domain) == SIZE_MAX ||
		strlen(s->id.user) * 2 < l.m.user.len)
		return STATUS_INVALID_PARAMETER;
	st = is_anonymous(&l.m) ? anonymous_logon(s, &l) : user_logon(s, &l, token);
	bytes_wipe(&l, sizeof(l));
	if (nt_ok(st))
		s->state = ACCEPTED;
	return st;
}

ntstatus ntlm_server_step(struct ntlm_server *s, struct slice token, struct arena *a, struct slice *out)
{
	ntstatus st = STATUS_INVALID_PARAMETER;

	*out = slice_of(NULL, 0);
	if (token.len > NTLM_TOKEN_MAX)
		st = STATUS_INVALID_PARAMETER;
	else if (s->state == AWAIT_NEGOTIATE)
		st = on_negotiate(s, token, a, out);
	else if (s->state == AWAIT_AUTHENTICATE)
		st = on_authenticate(s, token);
	if (!nt_ok(st) && !nt_is(st, STATUS_MORE_PROCESSING_REQUIRED))
		ntlm_server_forget(s);
	return st;
}

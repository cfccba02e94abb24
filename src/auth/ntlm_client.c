/* The NTLM initiator ([MS-NLMP] 3.1.5): NEGOTIATE, and for the server's CHALLENGE an NTLMv2 AUTHENTICATE with key exchange, and
 * with a MIC when the challenge carries a timestamp. NTLMv2 only. Driven by auth_client.c. */
#include "auth/ntlm.h"

#include "base/random.h"
#include "base/utf16.h"

#include <stdio.h>
#include <stdlib.h>

#define CLIENT_FLAGS                                                                                                   \
	(NTLM_NEGOTIATE_UNICODE | NTLM_REQUEST_TARGET | NTLM_NEGOTIATE_SIGN | NTLM_NEGOTIATE_SEAL | NTLM_NEGOTIATE_NTLM |   \
		NTLM_NEGOTIATE_ALWAYS_SIGN | NTLM_NEGOTIATE_ESS | NTLM_NEGOTIATE_VERSION | NTLM_NEGOTIATE_128 |             \
		NTLM_NEGOTIATE_KEY_EXCH | NTLM_NEGOTIATE_56)

static const uint8_t client_version[8] = {6, 1, 0, 0, 0, 0, 0, 15}; /* [MS-NLMP] 2.2.2.10 */

enum client_state { START, AWAIT_CHALLENGE, ANSWERED, FAILED };

struct ntlm_client {
	enum client_state state;
	bool anonymous;
	const struct clock *clock;
	uint8_t nt_hash[16];
	char user[256], domain[256], target[264];
	uint8_t negotiate[64];
	size_t negotiate_len;
	uint32_t flags;
	uint8_t key[16];
};

static bool copy_text(char *out, size_t cap, const char *text)
{
	return snprintf(out, cap, "%s", text ? text : "") < (int)cap;
}

static bool config_take(struct ntlm_client *c, const struct auth_client_config *cfg)
{
	c->anonymous = cfg->user == NULL || cfg->user[0] == 0;
	c->clock = cfg->clock ? cfg->clock : &clock_system;
	if (!copy_text(c->user, sizeof(c->user), c->anonymous ? "" : cfg->user) ||
		!copy_text(c->domain, sizeof(c->domain), c->anonymous ? "" : cfg->domain))
		return false;
	if (cfg->target_host != NULL && cfg->target_host[0] != 0 &&
		snprintf(c->target, sizeof(c->target), "cifs/%s", cfg->target_host) >= (int)sizeof(c->target))
		return false;
	if (c->anonymous)
		return true;
	if (cfg->nt_hash != NULL) {
		memcpy(c->nt_hash, cfg->nt_hash, sizeof(c->nt_hash));
		return true;
	}
	return nt_ok(user_nt_hash(cfg->password ? cfg->password : "", c->nt_hash));
}

struct ntlm_client *ntlm_client_new(const struct auth_client_config *cfg)
{
	struct ntlm_client *c = calloc(1, sizeof(*c));

	if (c != NULL && !config_take(c, cfg)) {
		ntlm_client_free(c);
		return NULL;
	}
	return c;
}

void ntlm_client_free(struct ntlm_client *c)
{
	if (c == NULL)
		return;
	bytes_wipe(c, sizeof(*c));
	free(c);
}

struct slice ntlm_client_key(const struct ntlm_client *c)
{
	return c->state == ANSWERED && !c->anonymous ? slice_of(c->key, sizeof(c->key)) : slice_of(NULL, 0);
}

bool ntlm_client_can_sign(const struct ntlm_client *c)
{
	return c->state == ANSWERED && c->flags & NTLM_NEGOTIATE_ESS;
}

ntstatus ntlm_client_signature(const struct ntlm_client *c, bool from_client, struct slice data, uint8_t out[16])
{
	return ntlm_signature(c->key, c->flags, from_client, data, out);
}

/* [MS-NLMP] 3.1.5.1.1 */
static ntstatus negotiate_make(struct ntlm_client *c, struct arena *a, struct slice *out)
{
	struct ntlm_negotiate m = {.flags = CLIENT_FLAGS, .has_names = true, .has_version = true};
	struct wire w = wire_encoder(c->negotiate, 0, sizeof(c->negotiate));
	uint8_t *copy;

	if (c->anonymous)
		m.flags |= NTLM_NEGOTIATE_ANONYMOUS;
	memcpy(m.version, client_version, sizeof(m.version));
	ntlm_negotiate_code(&w, &m);
	copy = arena_alloc(a, w.pos);
	if (!wire_ok(&w) || copy == NULL)
		return wire_ok(&w) ? STATUS_NO_MEMORY : w.error;
	c->negotiate_len = w.pos;
	memcpy(copy, c->negotiate, w.pos);
	*out = slice_of(copy, w.pos);
	c->state = AWAIT_CHALLENGE;
	return STATUS_MORE_PROCESSING_REQUIRED;
}

/* --- the answer to a CHALLENGE --- */

struct answer {
	struct ntlm_challenge challenge;
	struct slice target_name; /* of ours, UTF-16 */
	uint8_t time[8];
	bool with_mic;
	uint8_t client_challenge[8], base_key[16], encrypted_key[16];
	uint8_t lm[24];
};

/* The AV pairs of the challenge, but for those that only a client may give, and ours ([MS-NLMP] 3.1.5.1.2). */
static void pairs_code(struct wire *w, const struct answer *x)
{
	static const uint8_t no_bindings[16];
	uint8_t flags[4];
	struct wire in = wire_decoder(x->challenge.target_info.data, 0, x->challenge.target_info.len, NULL);
	struct ntlm_av av = {0}, ours;

	while (x->challenge.target_info.len != 0 && ntlm_av_code(&in, &av)) {
		if (av.id != NTLM_AV_FLAGS && av.id != NTLM_AV_TARGET_NAME && av.id != NTLM_AV_CHANNEL_BINDINGS)
			(void)ntlm_av_code(w, &av);
	}
	wire_adopt(w, &in);
	if (x->with_mic) {
		store_le32(flags, NTLM_AV_FLAG_MIC);
		ours = (struct ntlm_av){.id = NTLM_AV_FLAGS, .value = slice_of(flags, sizeof(flags))};
		(void)ntlm_av_code(w, &ours);
	}
	ours = (struct ntlm_av){.id = NTLM_AV_CHANNEL_BINDINGS, .value = slice_of(no_bindings, sizeof(no_bindings))};
	(void)ntlm_av_code(w, &ours);
	if (x->target_name.len != 0) {
		ours = (struct ntlm_av){.id = NTLM_AV_TARGET_NAME, .value = x->target_name};
		(void)ntlm_av_code(w, &ours);
	}
	ours = (struct ntlm_av){.id = NTLM_AV_EOL};
	(void)ntlm_av_code(w, &ours);
}

/* [MS-NLMP] 2.2.2.7 NTLMv2_CLIENT_CHALLENGE behind 16 bytes that wait for the proof */
static ntstatus response_make(const struct ntlm_client *c, struct arena *a, struct answer *x, struct ntlm_authenticate *m)
{
	size_t cap = 16 + 28 + x->challenge.target_info.len + x->target_name.len + 64;
	uint8_t *p = arena_alloc(a, cap), version[2] = {1, 1}, ntowf[16];
	struct wire w = wire_encoder(p, 0, p ? cap : 0);
	ntstatus st;

	wire_reserved(&w, 16);
	wire_bytes(&w, "RespType", version, sizeof(version));
	wire_reserved(&w, 6);
	wire_bytes(&w, "TimeStamp", x->time, sizeof(x->time));
	wire_bytes(&w, "ChallengeFromClient", x->client_challenge, sizeof(x->client_challenge));
	wire_reserved(&w, 4);
	pairs_code(&w, x);
	wire_reserved(&w, 4);
	if (!wire_ok(&w))
		return p == NULL ? STATUS_NO_MEMORY : w.error;
	st = ntlm_ntowfv2(c->nt_hash, m->user, m->domain, ntowf);
	if (!nt_ok(st))
		return st;
	ntlm_proof(ntowf, x->challenge.server_challenge, slice_of(p + 16, w.pos - 16), p, x->base_key);
	if (!x->with_mic)
		ntlm_lmv2(ntowf, x->challenge.server_challenge, x->client_challenge, x->lm);
	bytes_wipe(ntowf, sizeof(ntowf));
	m->nt_response = slice_of(p, w.pos);
	m->lm_response = slice_of(x->lm, sizeof(x->lm)); /* zeros beside a timestamp */
	return STATUS_SUCCESS;
}

static void key_choose(struct ntlm_client *c, struct answer *x, struct ntlm_authenticate *m)
{
	if (!(c->flags & NTLM_NEGOTIATE_KEY_EXCH)) {
		memcpy(c->key, x->base_key, sizeof(c->key));
		return;
	}
	random_bytes(c->key, sizeof(c->key));
	m->session_key = slice_of(x->encrypted_key, sizeof(x->encrypted_key));
	ntlm_key_exchange(x->base_key, c->key, x->encrypted_key);
}

static ntstatus authenticate_encode(struct ntlm_client *c, struct arena *a, struct slice challenge, struct ntlm_authenticate *m, struct slice *out)
{
	size_t cap = 128 + m->lm_response.len + m->nt_response.len + m->domain.len + m->user.len + m->session_key.len;
	uint8_t *p = arena_alloc(a, cap);
	struct wire w = wire_encoder(p, 0, p ? cap : 0);
	ntstatus st = STATUS_SUCCESS;

	memcpy(m->version, client_version, sizeof(m->version));
	ntlm_authenticate_code(&w, m);
	if (!wire_ok(&w))
		return p == NULL ? STATUS_NO_MEMORY : w.error;
	*out = slice_of(p, w.pos);
	if (m->has_mic)
		st = ntlm_mic(c->key, slice_of(c->negotiate, c->negotiate_len), challenge, *out, p + NTLM_MIC_AT);
	return st;
}

static ntstatus challenge_parse(struct ntlm_client *c, struct slice in, struct answer *x)
{
	struct wire w = wire_decoder(in.data, 0, in.len, NULL);
	struct slice time;

	ntlm_challenge_code(&w, &x->challenge);
	if (!wire_ok(&w) || (x->challenge.target_info.len != 0 && !ntlm_av_list_ok(x->challenge.target_info)))
		return STATUS_INVALID_NETWORK_RESPONSE;
	if (!(x->challenge.flags & NTLM_NEGOTIATE_UNICODE))
		return STATUS_INVALID_NETWORK_RESPONSE;
	c->flags = CLIENT_FLAGS & (x->challenge.flags | NTLM_REQUEST_TARGET);
	if (ntlm_av_find(x->challenge.target_info, NTLM_AV_TIMESTAMP, &time) && time.len == 8) {
		memcpy(x->time, time.data, 8);
		x->with_mic = true;
	} else {
		store_le64(x->time, clock_filetime(c->clock));
	}
	return STATUS_SUCCESS;
}

/* [MS-NLMP] 3.1.5.1.2 */
static ntstatus authenticate_make(struct ntlm_client *c, struct slice in, struct arena *a, struct slice *out)
{
	static const uint8_t anonymous_lm[1];
	struct answer x = {0};
	struct ntlm_authenticate m = {.has_session_key = true, .has_version = true};
	ntstatus st = challenge_parse(c, in, &x);

	if (!nt_ok(st))
		return st;
	random_bytes(x.client_challenge, sizeof(x.client_challenge));
	m.user = utf16_from_utf8_arena(a, c->user);
	m.domain = utf16_from_utf8_arena(a, c->domain);
	x.target_name = utf16_from_utf8_arena(a, c->target);
	if (m.user.data == NULL || m.domain.data == NULL || x.target_name.data == NULL)
		return STATUS_INVALID_PARAMETER;
	if (c->anonymous) {
		c->flags |= NTLM_NEGOTIATE_ANONYMOUS;
		m.lm_response = slice_of(anonymous_lm, sizeof(anonymous_lm));
	} else {
		m.has_mic = x.with_mic;
		st = response_make(c, a, &x, &m);
	}
	m.flags = c->flags;
	if (nt_ok(st)) {
		key_choose(c, &x, &m);
		st = authenticate_encode(c, a, in, &m, out);
	}
	bytes_wipe(&x, sizeof(x));
	return st;
}

ntstatus ntlm_client_step(struct ntlm_client *c, struct slice in, struct arena *a, struct slice *out)
{
	ntstatus st = STATUS_INVALID_PARAMETER;

	*out = slice_of(NULL, 0);
	if (c->state == START)
		return negotiate_make(c, a, out);
	if (c->state == AWAIT_CHALLENGE && in.len <= NTLM_TOKEN_MAX)
		st = authenticate_make(c, in, a, out);
	c->state = nt_ok(st) ? ANSWERED : FAILED;
	return st;
}

static void pair_put(struct wire *w, uint16_t id, struct arena *a, const char *text)
{
	struct ntlm_av av = {.id = id, .value = utf16_from_utf8_arena(a, text ? text : "")};

	if (text && text[0] && av.value.data != NULL)
		(void)ntlm_av_code(w, &av);
}

/* [MS-CIFS] 3.2.4.2.4: the server's names stand for the target info that no CHALLENGE has brought. */
static ntstatus answer_plainly(struct ntlm_client *c, struct answer *x, const char *domain, const char *server, struct arena *a, struct auth_response *out)
{
	enum { INFO_MAX = 1200 };
	struct ntlm_authenticate m = {.user = utf16_from_utf8_arena(a, c->user), .domain = utf16_from_utf8_arena(a, c->domain)};
	struct ntlm_av end = {.id = NTLM_AV_EOL};
	uint8_t *info = arena_alloc(a, INFO_MAX), *lm;
	struct wire w = wire_encoder(info, 0, info ? INFO_MAX : 0);
	ntstatus st;

	pair_put(&w, NTLM_AV_NB_DOMAIN_NAME, a, domain);
	pair_put(&w, NTLM_AV_NB_COMPUTER_NAME, a, server);
	(void)ntlm_av_code(&w, &end);
	if (!wire_ok(&w) || m.user.data == NULL || m.domain.data == NULL)
		return info == NULL ? STATUS_NO_MEMORY : STATUS_INVALID_PARAMETER;
	x->challenge.target_info = slice_of(info, w.pos);
	store_le64(x->time, clock_filetime(c->clock));
	random_bytes(x->client_challenge, sizeof(x->client_challenge));
	st = response_make(c, a, x, &m);
	if (!nt_ok(st))
		return st;
	out->nt = m.nt_response;
	lm = arena_alloc(a, sizeof(x->lm));
	if (lm)
		memcpy(lm, x->lm, sizeof(x->lm));
	out->lm = slice_of(lm, sizeof(x->lm));
	memcpy(out->session_key, x->base_key, sizeof(out->session_key));
	out->have_key = true;
	return lm == NULL ? STATUS_NO_MEMORY : STATUS_SUCCESS;
}

ntstatus auth_client_respond(const struct auth_client_config *cfg, const uint8_t challenge[8], const char *domain, const char *server,
	struct arena *a, struct auth_response *out)
{
	static const uint8_t nobody[1];
	struct ntlm_client *c = ntlm_client_new(cfg);
	struct answer x = {0};
	ntstatus st = STATUS_SUCCESS;

	*out = (struct auth_response){.lm = slice_of(nobody, sizeof(nobody))};
	if (c == NULL)
		return STATUS_NO_MEMORY;
	memcpy(x.challenge.server_challenge, challenge, sizeof(x.challenge.server_challenge));
	if (!c->anonymous)
		st = answer_plainly(c, &x, domain, server, a, out);
	bytes_wipe(&x, sizeof(x));
	ntlm_client_free(c);
	return st;
}

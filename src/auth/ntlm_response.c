/* Logons without NTLM's messages: the challenge of SMB1's NEGOTIATE, and what the client made of it ([MS-CIFS] 3.3.5.43). NTLMv2 and LMv2 ([MS-NLMP] 3.3.2);
 * NTLMv1 (3.3.1) only where the server has a share that accepts it; LM never. Wrong passwords and unknown users run through the same computations. */
#include "auth/ntlm.h"

#include "base/log.h"
#include "base/utf16.h"
#include "crypto/crypto.h"

#include <stdio.h>

enum { PROOF_LEN = 16, V1_LEN = 24, V2_LEAST_LEN = 16 + 28, HASH_LEN = 16, CHALLENGE_LEN = 8 };

struct check {
	const struct auth_claim *r;
	struct user_entry user;
	bool known;
	uint8_t key[HASH_LEN];
	bool ntlmv1;
};

/* [MS-NLMP] 3.3.1: DESL */
static void desl(const uint8_t hash[HASH_LEN], const uint8_t challenge[CHALLENGE_LEN], uint8_t out[V1_LEN])
{
	uint8_t keys[21] = {0};

	memcpy(keys, hash, HASH_LEN);
	for (size_t i = 0; i < 3; i++)
		crypto_des(keys + 7 * i, challenge, out + 8 * i);
	bytes_wipe(keys, sizeof(keys));
}

static bool v1_proves(struct check *c)
{
	uint8_t expected[V1_LEN];
	bool ok;

	desl(c->user.nt_hash, c->r->challenge, expected);
	ok = bytes_equal_ct(expected, c->r->nt.data, V1_LEN);
	crypto_md4(slice_of(c->user.nt_hash, HASH_LEN), c->key);
	c->ntlmv1 = true;
	bytes_wipe(expected, sizeof(expected));
	return ok;
}

/* By that domain, which clients hash as they were told it, or leave out. */
static bool v2_proves(struct check *c, struct slice domain)
{
	uint8_t ntowf[HASH_LEN], proof[PROOF_LEN];
	struct slice nt = c->r->nt;
	bool ok = nt_ok(ntlm_ntowfv2(c->user.nt_hash, c->r->user, domain, ntowf));

	if (ok) {
		ntlm_proof(ntowf, c->r->challenge, slice_of(nt.data + PROOF_LEN, nt.len - PROOF_LEN), proof, c->key);
		ok = bytes_equal_ct(proof, nt.data, PROOF_LEN);
	}
	bytes_wipe(ntowf, sizeof(ntowf));
	bytes_wipe(proof, sizeof(proof));
	return ok;
}

static bool lmv2_proves(struct check *c, struct slice domain)
{
	uint8_t ntowf[HASH_LEN], expected[V1_LEN];
	struct slice lm = c->r->lm;
	struct iovec proof = {expected, PROOF_LEN};
	bool ok = nt_ok(ntlm_ntowfv2(c->user.nt_hash, c->r->user, domain, ntowf));

	if (ok) {
		ntlm_lmv2(ntowf, c->r->challenge, lm.data + PROOF_LEN, expected);
		ok = bytes_equal_ct(expected, lm.data, PROOF_LEN);
		crypto_hmac_md5(slice_of(ntowf, sizeof(ntowf)), &proof, 1, c->key);
	}
	bytes_wipe(ntowf, sizeof(ntowf));
	bytes_wipe(expected, sizeof(expected));
	return ok;
}

static bool proves(struct check *c)
{
	const struct slice none = slice_of("", 0);
	const struct auth_claim *r = c->r;

	if (r->nt.len >= V2_LEAST_LEN)
		return v2_proves(c, r->domain) || v2_proves(c, none);
	if (r->nt.len == V1_LEN && r->allow_ntlmv1 && v1_proves(c))
		return true;
	c->ntlmv1 = false;
	/* An LM response is as long, but nobody can make one that is also this. */
	return r->lm.len == V1_LEN && (lmv2_proves(c, r->domain) || lmv2_proves(c, none));
}

static ntstatus refuse(const struct auth_claim *r, const struct auth_identity *id, const char *why)
{
	bool old = r->nt.len <= V1_LEN && !r->allow_ntlmv1;
	char user[sizeof(id->user)];

	memcpy(user, id->user, sizeof(user));
	for (char *p = user; *p; p++)
		*p = (uint8_t)*p < 0x20 || *p == 0x7F ? '?' : *p;
	log_warn("login of '%s' refused: %s%s", user, why,
		old ? "; the client answered with NTLMv1 or LM: set it to NTLMv2, or ntlmv1 = yes for the shares it is to use" : "");
	return STATUS_LOGON_FAILURE;
}

static ntstatus user_logon(const struct auth_server_config *cfg, struct check *c, struct auth_identity *id)
{
	bool usable, proven;

	if (cfg->users) {
		user_store_refresh(cfg->users);
		c->known = user_store_find(cfg->users, id->user, &c->user);
	}
	if (cfg->guest && !c->known) {
		log_info("an unknown user is let in as guest");
		snprintf(id->user, sizeof(id->user), "guest");
		id->guest = true;
		return STATUS_SUCCESS;
	}
	usable = ntlm_hash_to_compare(&c->user, c->known);
	proven = proves(c) && usable;
	bytes_wipe(c->user.nt_hash, sizeof(c->user.nt_hash));
	if (!proven)
		return refuse(c->r, id, !c->known ? "no such user" : !usable ? "the user has no password; set one with `hythe user passwd`" : "wrong password");
	if (c->user.disabled) {
		(void)refuse(c->r, id, "the account is disabled");
		return STATUS_ACCOUNT_DISABLED;
	}
	memcpy(id->user, c->user.name, sizeof(id->user));
	memcpy(id->session_key, c->key, HASH_LEN);
	id->session_key_len = HASH_LEN;
	return STATUS_SUCCESS;
}

/* [MS-CIFS] 3.2.4.2.4: no name, and no response or one of a zero byte. */
static bool is_anonymous(const struct auth_claim *r)
{
	return r->user.len == 0 && r->nt.len == 0 && (r->lm.len == 0 || (r->lm.len == 1 && r->lm.data[0] == 0));
}

ntstatus auth_claim_check(const struct auth_server_config *cfg, const struct auth_claim *r, struct auth_identity *id, bool *ntlmv1)
{
	struct check c = {.r = r};
	ntstatus st;

	*ntlmv1 = false;
	*id = (struct auth_identity){0};
	if (r->user.len > NTLM_NAME_MAX_BYTES || r->domain.len > NTLM_NAME_MAX_BYTES || (r->user.len > 0 && !r->user.data))
		return STATUS_INVALID_PARAMETER;
	if (is_anonymous(r)) {
		id->anonymous = true;
		return cfg->allow_anonymous ? STATUS_SUCCESS : STATUS_LOGON_FAILURE;
	}
	if (utf16_to_utf8(id->user, sizeof(id->user), r->user) == SIZE_MAX || utf16_to_utf8(id->domain, sizeof(id->domain), r->domain) == SIZE_MAX ||
		strlen(id->user) * 2 < r->user.len)
		return STATUS_INVALID_PARAMETER;
	st = user_logon(cfg, &c, id);
	*ntlmv1 = nt_ok(st) && c.ntlmv1;
	bytes_wipe(&c, sizeof(c));
	return st;
}

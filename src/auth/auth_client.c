/* The initiator of auth.h: SPNEGO (RFC 4178, [MS-SPNG] 3.1.5) around ntlm_client.c, or NTLM bare. Offers NTLM alone, protects the
 * list of mechanisms, and verifies the server's mechListMIC when it sends one. */
#include "auth/ntlm.h"
#include "auth/spnego.h"

#include <stdlib.h>

enum leg { LEG_START, LEG_CHALLENGE, LEG_FINAL, LEG_DONE, LEG_FAILED };

struct auth_client {
	struct ntlm_client *ntlm;
	bool raw, anonymous;
	enum leg leg;
};

struct auth_client *auth_client_new(const struct auth_client_config *cfg)
{
	struct auth_client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->raw = cfg->raw_ntlm;
	c->anonymous = cfg->user == NULL || cfg->user[0] == 0;
	c->ntlm = ntlm_client_new(cfg);
	if (c->ntlm == NULL) {
		free(c);
		return NULL;
	}
	return c;
}

void auth_client_free(struct auth_client *c)
{
	if (c == NULL)
		return;
	ntlm_client_free(c->ntlm);
	free(c);
}

struct slice auth_client_session_key(const struct auth_client *c)
{
	return c->leg == LEG_DONE ? ntlm_client_key(c->ntlm) : slice_of(NULL, 0);
}

/* in: nothing, or the hint of a NEGOTIATE response, which may be empty or not even SPNEGO ([MS-SPNG] 3.1.5.2) */
static ntstatus start(struct auth_client *c, struct slice in, struct arena *a, struct slice *out)
{
	struct spnego_init hint;
	struct slice token;
	ntstatus st;

	if (!c->raw && in.len != 0 && spnego_init_decode(in, &hint) && !hint.ntlm_offered)
		return STATUS_NOT_SUPPORTED;
	st = ntlm_client_step(c->ntlm, slice_of(NULL, 0), a, &token);
	if (!nt_is(st, STATUS_MORE_PROCESSING_REQUIRED))
		return st;
	*out = c->raw ? token : spnego_init_encode(a, token);
	c->leg = LEG_CHALLENGE;
	return out->data == NULL ? STATUS_NO_MEMORY : st;
}

/* RFC 4178 4.2.2, 5 */
static ntstatus on_challenge(struct auth_client *c, struct slice in, struct arena *a, struct slice *out)
{
	struct spnego_resp m, resp = {.state = SPNEGO_NO_STATE};
	uint8_t mic[16];
	ntstatus st;

	if (c->raw || ntlm_is_message(in)) {
		st = ntlm_client_step(c->ntlm, in, a, out);
		c->leg = LEG_DONE;
		return st;
	}
	if (!spnego_resp_decode(in, &m) || m.response_token.len == 0)
		return STATUS_INVALID_NETWORK_RESPONSE;
	if (m.state == SPNEGO_REJECT)
		return STATUS_LOGON_FAILURE;
	if (m.supported_mech.len != 0 && !slice_equal(m.supported_mech, spnego_ntlm_oid))
		return STATUS_INVALID_NETWORK_RESPONSE;
	st = ntlm_client_step(c->ntlm, m.response_token, a, &resp.response_token);
	if (nt_ok(st) && ntlm_client_can_sign(c->ntlm)) {
		st = ntlm_client_signature(c->ntlm, true, spnego_ntlm_mech_types, mic);
		resp.mech_list_mic = slice_of(mic, sizeof(mic));
	}
	if (!nt_ok(st))
		return st;
	*out = spnego_resp_encode(a, &resp);
	c->leg = LEG_FINAL;
	return out->data == NULL ? STATUS_NO_MEMORY : STATUS_MORE_PROCESSING_REQUIRED;
}

/* The server's last word. Only NTLM was offered, so a server that does not protect the list hides nothing; a MIC that is
 * there must be right. */
static ntstatus on_final(struct auth_client *c, struct slice in)
{
	struct spnego_resp m;
	uint8_t expected[16];
	ntstatus st;

	c->leg = LEG_DONE;
	if (in.len == 0)
		return STATUS_SUCCESS;
	if (!spnego_resp_decode(in, &m))
		return STATUS_INVALID_NETWORK_RESPONSE;
	if (m.state != SPNEGO_ACCEPT_COMPLETED && m.state != SPNEGO_NO_STATE)
		return STATUS_LOGON_FAILURE;
	if (m.mech_list_mic.len == 0 || !ntlm_client_can_sign(c->ntlm))
		return STATUS_SUCCESS;
	st = ntlm_client_signature(c->ntlm, false, spnego_ntlm_mech_types, expected);
	if (!nt_ok(st))
		return st;
	if (m.mech_list_mic.len != sizeof(expected) || !bytes_equal_ct(m.mech_list_mic.data, expected, sizeof(expected)))
		return STATUS_ACCESS_DENIED;
	return STATUS_SUCCESS;
}

ntstatus auth_client_step(struct auth_client *c, struct slice in, struct arena *a, struct slice *out)
{
	ntstatus st = STATUS_INVALID_PARAMETER;

	*out = slice_of(NULL, 0);
	if (in.len > NTLM_TOKEN_MAX) {
		c->leg = LEG_FAILED;
		return STATUS_INVALID_NETWORK_RESPONSE;
	}
	switch (c->leg) {
	case LEG_START:
		st = start(c, in, a, out);
		break;
	case LEG_CHALLENGE:
		st = on_challenge(c, in, a, out);
		break;
	case LEG_FINAL:
		st = on_final(c, in);
		break;
	case LEG_DONE: /* the empty token of a SUCCESS after bare NTLM */
		if (in.len == 0)
			return STATUS_SUCCESS;
		break;
	case LEG_FAILED:
		break;
	}
	if (!nt_ok(st) && !nt_is(st, STATUS_MORE_PROCESSING_REQUIRED)) {
		c->leg = LEG_FAILED;
		*out = slice_of(NULL, 0);
	}
	return st;
}

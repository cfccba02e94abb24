/* The acceptor of auth.h: SPNEGO (RFC 4178 4, 5; [MS-SPNG] 3.2.5) around ntlm_server.c, or NTLM bare. NTLM is the only
 * mechanism. A mechListMIC is verified whenever there is one, demanded when NTLM was not the client's first choice, and
 * answered with ours. */
#include "auth/ntlm.h"
#include "auth/spnego.h"

#include "base/log.h"

#include <stdlib.h>

enum leg { LEG_FIRST, LEG_RAW, LEG_SPNEGO, LEG_OVER };

struct auth_server {
	struct ntlm_server *ntlm;
	enum leg leg;
	bool mic_needed, mech_told;
	uint8_t *mech_types; /* the client's MechTypeList, for mechListMIC */
	size_t mech_types_len;
};

struct slice auth_server_hint(struct arena *a)
{
	return spnego_hint_encode(a);
}

struct auth_server *auth_server_new(const struct auth_server_config *cfg)
{
	struct auth_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->ntlm = ntlm_server_new(cfg);
	if (s->ntlm == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

void auth_server_free(struct auth_server *s)
{
	if (s == NULL)
		return;
	ntlm_server_free(s->ntlm);
	free(s->mech_types);
	free(s);
}

const struct auth_identity *auth_server_identity(const struct auth_server *s)
{
	return ntlm_server_identity(s->ntlm);
}

/* Sends a NegTokenResp; the first one names the mechanism. */
static ntstatus reply(struct auth_server *s, struct spnego_resp *resp, ntstatus st, struct arena *a, struct slice *out)
{
	if (!s->mech_told)
		resp->supported_mech = spnego_ntlm_oid;
	s->mech_told = true;
	*out = spnego_resp_encode(a, resp);
	return out->data == NULL ? STATUS_NO_MEMORY : st;
}

/* RFC 4178 5: checks the client's mechListMIC and makes ours. */
static ntstatus mech_list_mic(struct auth_server *s, struct slice mic, uint8_t ours[16], struct slice *out)
{
	struct slice list = slice_of(s->mech_types, s->mech_types_len);
	uint8_t expected[16];
	ntstatus st;

	if (mic.len == 0 && s->mic_needed) {
		log_warn("login refused: the client did not protect its list of mechanisms");
		return STATUS_INVALID_PARAMETER;
	}
	if (mic.len == 0 || auth_server_identity(s)->guest)
		return STATUS_SUCCESS; /* a guest has no key that both sides know */
	if (!ntlm_server_can_sign(s->ntlm))
		return STATUS_INVALID_PARAMETER;
	st = ntlm_server_signature(s->ntlm, true, list, expected);
	if (!nt_ok(st))
		return st;
	if (mic.len != sizeof(expected) || !bytes_equal_ct(mic.data, expected, sizeof(expected))) {
		log_warn("login refused: the list of mechanisms was changed on its way (mechListMIC)");
		return STATUS_INVALID_PARAMETER;
	}
	*out = slice_of(ours, 16);
	return ntlm_server_signature(s->ntlm, false, list, ours);
}

/* Hands a mechanism token to NTLM and wraps what comes back. */
static ntstatus mech_step(struct auth_server *s, struct slice mech_token, struct slice mic, struct arena *a, struct slice *out)
{
	struct spnego_resp resp = {.state = SPNEGO_ACCEPT_COMPLETED};
	uint8_t ours[16];
	ntstatus st = ntlm_server_step(s->ntlm, mech_token, a, &resp.response_token);

	if (nt_is(st, STATUS_MORE_PROCESSING_REQUIRED))
		resp.state = s->mic_needed && !s->mech_told ? SPNEGO_REQUEST_MIC : SPNEGO_ACCEPT_INCOMPLETE;
	else if (nt_ok(st))
		st = mech_list_mic(s, mic, ours, &resp.mech_list_mic);
	if (!nt_ok(st) && !nt_is(st, STATUS_MORE_PROCESSING_REQUIRED))
		return st;
	return reply(s, &resp, st, a, out);
}

/* RFC 4178 4.2.1, [MS-SPNG] 3.2.5.1 */
static ntstatus on_init(struct auth_server *s, struct slice token, struct arena *a, struct slice *out)
{
	struct spnego_resp resp = {.state = SPNEGO_ACCEPT_INCOMPLETE};
	struct spnego_init m;

	if (!spnego_init_decode(token, &m))
		return STATUS_INVALID_PARAMETER;
	if (!m.ntlm_offered) {
		log_warn("login refused: the client does not offer NTLM");
		return STATUS_LOGON_FAILURE;
	}
	s->mech_types = malloc(m.mech_types.len);
	if (s->mech_types == NULL)
		return STATUS_NO_MEMORY;
	memcpy(s->mech_types, m.mech_types.data, m.mech_types.len);
	s->mech_types_len = m.mech_types.len;
	s->leg = LEG_SPNEGO;
	if (m.ntlm_first && m.mech_token.len != 0)
		return mech_step(s, m.mech_token, m.mech_list_mic, a, out);
	if (!m.ntlm_first) {
		/* The optimistic token is for another mechanism; a change of mechanism has to be confirmed by a MIC. */
		s->mic_needed = true;
		resp.state = SPNEGO_REQUEST_MIC;
	}
	return reply(s, &resp, STATUS_MORE_PROCESSING_REQUIRED, a, out);
}

/* RFC 4178 4.2.2 */
static ntstatus on_resp(struct auth_server *s, struct slice token, struct arena *a, struct slice *out)
{
	struct spnego_resp m;

	if (!spnego_resp_decode(token, &m) || m.state == SPNEGO_REJECT || m.response_token.len == 0)
		return STATUS_INVALID_PARAMETER;
	return mech_step(s, m.response_token, m.mech_list_mic, a, out);
}

ntstatus auth_server_step(struct auth_server *s, struct slice token, struct arena *a, struct slice *out)
{
	ntstatus st = STATUS_INVALID_PARAMETER;

	*out = slice_of(NULL, 0);
	if (token.len == 0 || token.len > NTLM_TOKEN_MAX || s->leg == LEG_OVER) {
		s->leg = LEG_OVER;
		ntlm_server_forget(s->ntlm);
		return st;
	}
	if (s->leg == LEG_FIRST && ntlm_is_message(token))
		s->leg = LEG_RAW;
	if (s->leg == LEG_RAW)
		st = ntlm_server_step(s->ntlm, token, a, out);
	else if (s->leg == LEG_FIRST)
		st = on_init(s, token, a, out);
	else
		st = on_resp(s, token, a, out);
	if (nt_is(st, STATUS_MORE_PROCESSING_REQUIRED))
		return st;
	s->leg = LEG_OVER;
	if (!nt_ok(st)) {
		ntlm_server_forget(s->ntlm);
		*out = slice_of(NULL, 0);
	}
	return st;
}

/* The three NTLM messages and AV pairs ([MS-NLMP] 2.2.1, 2.2.2.1) over the wire cursor. Clients leave out trailing parts:
 * Version, MIC, even the names of NEGOTIATE; where the payload begins tells what is there. Called by both state machines. */
#include "auth/ntlm.h"

static const uint8_t ntlm_magic[8] = {'N', 'T', 'L', 'M', 'S', 'S', 'P', 0};

bool ntlm_is_message(struct slice token)
{
	return token.len >= sizeof(ntlm_magic) && memcmp(token.data, ntlm_magic, sizeof(ntlm_magic)) == 0;
}

static void header(struct wire *w, uint32_t type)
{
	uint8_t magic[8];

	memcpy(magic, ntlm_magic, sizeof(magic));
	wire_bytes(w, "Signature", magic, sizeof(magic));
	if (wire_ok(w) && memcmp(magic, ntlm_magic, sizeof(magic)) != 0)
		wire_fail(w, STATUS_INVALID_PARAMETER, "Signature");
	wire_const_u32(w, "MessageType", type);
}

/* Len, MaxLen, BufferOffset of a payload field. MaxLen is the same as Len and ignored on receipt. */
static void field(struct wire *w, const char *name, struct wire_ref *r, const struct slice *data)
{
	uint16_t max_len = w->dir == WIRE_ENCODE ? (uint16_t)data->len : 0;

	if (w->dir == WIRE_ENCODE && data->len > UINT16_MAX)
		wire_fail(w, STATUS_INVALID_PARAMETER, name);
	wire_ref_length(w, name, r, 2);
	wire_u16(w, "MaxLen", &max_len);
	wire_ref_offset(w, name, r, 4);
}

/* Where the first payload byte is: what lies before it is the fixed part. */
static size_t payload_start(const struct wire *w, const struct wire_ref *refs, size_t n)
{
	size_t start = w->end;

	for (size_t i = 0; i < n; i++) {
		if (refs[i].length != 0 && refs[i].offset < start)
			start = refs[i].offset;
	}
	return start;
}

/* [MS-NLMP] 2.2.1.1 */
void ntlm_negotiate_code(struct wire *w, struct ntlm_negotiate *m)
{
	struct wire_ref refs[2] = {0};

	header(w, 1);
	wire_u32(w, "NegotiateFlags", &m->flags);
	if (w->dir == WIRE_DECODE) {
		m->has_names = wire_left(w) >= 16;
		m->domain = m->workstation = slice_of(NULL, 0);
		m->has_version = false;
	}
	if (!m->has_names)
		return;
	field(w, "DomainNameFields", &refs[0], &m->domain);
	field(w, "WorkstationFields", &refs[1], &m->workstation);
	if (w->dir == WIRE_DECODE)
		m->has_version = wire_left(w) >= 8 && payload_start(w, refs, 2) >= 40;
	if (m->has_version)
		wire_bytes(w, "Version", m->version, sizeof(m->version));
	wire_buffer(w, "DomainName", &refs[0], 1, &m->domain);
	wire_buffer(w, "WorkstationName", &refs[1], 1, &m->workstation);
}

/* [MS-NLMP] 2.2.1.2 */
void ntlm_challenge_code(struct wire *w, struct ntlm_challenge *m)
{
	struct wire_ref refs[2] = {0};

	header(w, 2);
	field(w, "TargetNameFields", &refs[0], &m->target_name);
	wire_u32(w, "NegotiateFlags", &m->flags);
	wire_bytes(w, "ServerChallenge", m->server_challenge, sizeof(m->server_challenge));
	if (w->dir == WIRE_DECODE) {
		m->target_info = slice_of(NULL, 0);
		m->has_target_info = wire_left(w) >= 16 && payload_start(w, refs, 1) >= 48;
		m->has_version = false;
	}
	if (m->has_target_info) {
		wire_reserved(w, 8);
		field(w, "TargetInfoFields", &refs[1], &m->target_info);
		if (w->dir == WIRE_DECODE)
			m->has_version = wire_left(w) >= 8 && payload_start(w, refs, 2) >= 56;
		if (m->has_version)
			wire_bytes(w, "Version", m->version, sizeof(m->version));
	}
	wire_buffer(w, "TargetName", &refs[0], 1, &m->target_name);
	wire_buffer(w, "TargetInfo", &refs[1], 1, &m->target_info);
}

/* [MS-NLMP] 2.2.1.3 */
void ntlm_authenticate_code(struct wire *w, struct ntlm_authenticate *m)
{
	struct wire_ref refs[6] = {0};
	size_t start, known;

	header(w, 3);
	field(w, "LmChallengeResponseFields", &refs[0], &m->lm_response);
	field(w, "NtChallengeResponseFields", &refs[1], &m->nt_response);
	field(w, "DomainNameFields", &refs[2], &m->domain);
	field(w, "UserNameFields", &refs[3], &m->user);
	field(w, "WorkstationFields", &refs[4], &m->workstation);
	if (w->dir == WIRE_DECODE) {
		/* Before NT 4 SP4 messages ended here; the key and the flags are part of the message if the payload lets them be. */
		start = payload_start(w, refs, 5);
		m->has_session_key = wire_left(w) >= 12 && start >= 64;
		m->session_key = slice_of(NULL, 0);
		m->flags = 0;
		m->has_version = m->has_mic = false;
	}
	known = 5;
	if (m->has_session_key) {
		field(w, "EncryptedRandomSessionKeyFields", &refs[5], &m->session_key);
		wire_u32(w, "NegotiateFlags", &m->flags);
		known = 6;
	}
	if (w->dir == WIRE_DECODE && m->has_session_key) {
		start = payload_start(w, refs, known);
		m->has_version = wire_left(w) >= 8 && start >= NTLM_MIC_AT;
		m->has_mic = wire_left(w) >= 24 && start >= NTLM_MIC_AT + 16;
	}
	if (m->has_version)
		wire_bytes(w, "Version", m->version, sizeof(m->version));
	if (m->has_mic)
		wire_bytes(w, "MIC", m->mic, sizeof(m->mic));
	wire_buffer(w, "DomainName", &refs[2], 1, &m->domain);
	wire_buffer(w, "UserName", &refs[3], 1, &m->user);
	wire_buffer(w, "Workstation", &refs[4], 1, &m->workstation);
	wire_buffer(w, "LmChallengeResponse", &refs[0], 1, &m->lm_response);
	wire_buffer(w, "NtChallengeResponse", &refs[1], 1, &m->nt_response);
	if (m->has_session_key)
		wire_buffer(w, "EncryptedRandomSessionKey", &refs[5], 1, &m->session_key);
}

/* [MS-NLMP] 2.2.2.1 */
bool ntlm_av_code(struct wire *w, struct ntlm_av *av)
{
	uint16_t len = (uint16_t)av->value.len;

	wire_u16(w, "AvId", &av->id);
	wire_u16(w, "AvLen", &len);
	wire_view(w, "Value", len, &av->value);
	return wire_ok(w) && av->id != NTLM_AV_EOL;
}

bool ntlm_av_find(struct slice list, uint16_t id, struct slice *value)
{
	struct wire w = wire_decoder(list.data, 0, list.len, NULL);
	struct ntlm_av av = {0};

	while (ntlm_av_code(&w, &av)) {
		if (av.id == id) {
			*value = av.value;
			return true;
		}
	}
	return false;
}

bool ntlm_av_list_ok(struct slice list)
{
	struct wire w = wire_decoder(list.data, 0, list.len, NULL);
	struct ntlm_av av = {0};

	while (ntlm_av_code(&w, &av))
		;
	return wire_ok(&w) && av.id == NTLM_AV_EOL;
}

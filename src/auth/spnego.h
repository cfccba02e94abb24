/* SPNEGO tokens (RFC 4178 4.2, [MS-SPNG] 2.2) in DER, decoded with strict bounds into views and encoded into an arena. Only
 * tokens: which to send when is in auth_server.c and auth_client.c. Not for other folders. */
#ifndef AUTH_SPNEGO_H
#define AUTH_SPNEGO_H

#include "base/arena.h"

enum spnego_state {
	SPNEGO_ACCEPT_COMPLETED = 0,
	SPNEGO_ACCEPT_INCOMPLETE = 1,
	SPNEGO_REJECT = 2,
	SPNEGO_REQUEST_MIC = 3,
	SPNEGO_NO_STATE = -1 /* the field is absent */
};

/* NegTokenInit, and the NegTokenInit2 of the server's hint */
struct spnego_init {
	struct slice mech_types; /* the MechTypeList in DER: what mechListMIC is computed over */
	struct slice mech_token, mech_list_mic;
	bool ntlm_offered, ntlm_first;
};

struct spnego_resp {
	enum spnego_state state;
	struct slice supported_mech; /* contents of the OBJECT IDENTIFIER */
	struct slice response_token, mech_list_mic;
};

/* False when the bytes are not such a token. Absent fields are empty slices with .data NULL. */
bool spnego_init_decode(struct slice token, struct spnego_init *m) MUST_USE;
bool spnego_resp_decode(struct slice token, struct spnego_resp *m) MUST_USE;

/* Encoders; .data NULL when the arena is exhausted. Empty fields are left out. The mechanism list is NTLM alone. */
struct slice spnego_init_encode(struct arena *a, struct slice mech_token) MUST_USE;
struct slice spnego_hint_encode(struct arena *a) MUST_USE;
struct slice spnego_resp_encode(struct arena *a, const struct spnego_resp *m) MUST_USE;

/* The MechTypeList of spnego_init_encode, and the OBJECT IDENTIFIER contents of NTLM. */
extern const struct slice spnego_ntlm_mech_types, spnego_ntlm_oid;

#endif

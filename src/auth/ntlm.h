/* NTLM inside the auth folder: messages ([MS-NLMP] 2.2.1), NTLMv2 computations (3.3.2, 3.4) and the two state machines
 * (3.1.5, 3.2.5). spnego.c wraps the tokens; auth_server.c and auth_client.c drive both. Not for other folders. */
#ifndef AUTH_NTLM_H
#define AUTH_NTLM_H

#include "auth/auth.h"
#include "wire/wire.h"

/* NEGOTIATE flags (2.2.2.5) */
#define NTLM_NEGOTIATE_UNICODE 0x00000001u
#define NTLM_NEGOTIATE_OEM 0x00000002u
#define NTLM_REQUEST_TARGET 0x00000004u
#define NTLM_NEGOTIATE_SIGN 0x00000010u
#define NTLM_NEGOTIATE_SEAL 0x00000020u
#define NTLM_NEGOTIATE_NTLM 0x00000200u
#define NTLM_NEGOTIATE_ANONYMOUS 0x00000800u
#define NTLM_NEGOTIATE_ALWAYS_SIGN 0x00008000u
#define NTLM_TARGET_TYPE_SERVER 0x00020000u
#define NTLM_NEGOTIATE_ESS 0x00080000u /* EXTENDED_SESSIONSECURITY */
#define NTLM_NEGOTIATE_TARGET_INFO 0x00800000u
#define NTLM_NEGOTIATE_VERSION 0x02000000u
#define NTLM_NEGOTIATE_128 0x20000000u
#define NTLM_NEGOTIATE_KEY_EXCH 0x40000000u
#define NTLM_NEGOTIATE_56 0x80000000u

/* AV_PAIR ids (2.2.2.1) and MsvAvFlags bits */
enum ntlm_av_id {
	NTLM_AV_EOL = 0,
	NTLM_AV_NB_COMPUTER_NAME = 1,
	NTLM_AV_NB_DOMAIN_NAME = 2,
	NTLM_AV_DNS_COMPUTER_NAME = 3,
	NTLM_AV_DNS_DOMAIN_NAME = 4,
	NTLM_AV_FLAGS = 6,
	NTLM_AV_TIMESTAMP = 7,
	NTLM_AV_TARGET_NAME = 9,
	NTLM_AV_CHANNEL_BINDINGS = 10
};
#define NTLM_AV_FLAG_MIC 0x00000002u

#define NTLM_TOKEN_MAX 65536u
#define NTLM_NAME_MAX_BYTES 510u /* user and domain names in UTF-16, as long as identity holds */

struct ntlm_negotiate {
	uint32_t flags;
	struct slice domain, workstation; /* OEM */
	bool has_names, has_version;      /* trailing parts that clients leave out */
	uint8_t version[8];
};

struct ntlm_challenge {
	uint32_t flags;
	uint8_t server_challenge[8];
	struct slice target_name, target_info;
	bool has_target_info, has_version;
	uint8_t version[8];
};

struct ntlm_authenticate {
	uint32_t flags;
	struct slice lm_response, nt_response, domain, user, workstation, session_key;
	bool has_session_key, has_version, has_mic;
	uint8_t version[8], mic[16];
};

struct ntlm_av {
	uint16_t id;
	struct slice value;
};

/* Where the MIC stands in an AUTHENTICATE that has one. */
#define NTLM_MIC_AT 72u

bool ntlm_is_message(struct slice token);
/* Decode or encode by the cursor's direction. The cursor's base is the message. */
void ntlm_negotiate_code(struct wire *w, struct ntlm_negotiate *m);
void ntlm_challenge_code(struct wire *w, struct ntlm_challenge *m);
void ntlm_authenticate_code(struct wire *w, struct ntlm_authenticate *m);
/* One AV_PAIR. Decoding: false after MsvAvEOL, at the end of the window or on an error. */
bool ntlm_av_code(struct wire *w, struct ntlm_av *av);
/* First AV pair of that id in a list; false when the list has none or is malformed. */
bool ntlm_av_find(struct slice list, uint16_t id, struct slice *value) MUST_USE;
/* True when the list is well-formed up to its MsvAvEOL. */
bool ntlm_av_list_ok(struct slice list) MUST_USE;

/* --- computations --- */

/* NTOWFv2 from an NT hash; names in UTF-16LE, at most NTLM_NAME_MAX_BYTES each. */
ntstatus ntlm_ntowfv2(const uint8_t nt_hash[16], struct slice user, struct slice domain, uint8_t out[16]) MUST_USE;
/* NTProofStr over the server's challenge and temp, and the SessionBaseKey that goes with it. */
void ntlm_proof(const uint8_t ntowf[16], const uint8_t server_challenge[8], struct slice temp, uint8_t proof[16], uint8_t base_key[16]);
/* The LMv2 response: 24 bytes. */
void ntlm_lmv2(const uint8_t ntowf[16], const uint8_t server_challenge[8], const uint8_t client_challenge[8], uint8_t out[24]);
/* RC4 of 16 bytes under a 16-byte key: the key exchange, either way. */
void ntlm_key_exchange(const uint8_t key[16], const uint8_t in[16], uint8_t out[16]);
/* MIC over the three messages; the MIC field of `authenticate` is taken as zeros. */
ntstatus ntlm_mic(const uint8_t key[16], struct slice negotiate, struct slice challenge, struct slice authenticate, uint8_t out[16]) MUST_USE;
/* GSS_GetMIC with sequence number 0 (3.4.4.2): what mechListMIC holds. Needs NTLM_NEGOTIATE_ESS. */
ntstatus ntlm_signature(const uint8_t key[16], uint32_t flags, bool from_client, struct slice data, uint8_t out[16]) MUST_USE;

/* Leaves in e->nt_hash what a proof is compared with: the user's, or a random one where there is no such user or it has no
 * password (an empty one is as good as none, whatever the store calls it). The same work either way. Returns whether it is the user's. */
bool ntlm_hash_to_compare(struct user_entry *e, bool known);

/* --- state machines; both sides of one logon --- */

struct ntlm_server;

struct ntlm_server *ntlm_server_new(const struct auth_server_config *cfg) MUST_USE;
void ntlm_server_free(struct ntlm_server *s);
/* As auth_server_step, on bare NTLM messages. */
ntstatus ntlm_server_step(struct ntlm_server *s, struct slice token, struct arena *a, struct slice *out) MUST_USE;
const struct auth_identity *ntlm_server_identity(const struct ntlm_server *s);
/* After a refusal outside NTLM: no identity's key stays behind. */
void ntlm_server_forget(struct ntlm_server *s);
/* False when there is no key to make signatures with (guest, or a client without extended session security). */
bool ntlm_server_can_sign(const struct ntlm_server *s);
ntstatus ntlm_server_signature(const struct ntlm_server *s, bool from_client, struct slice data, uint8_t out[16]) MUST_USE;

struct ntlm_client;

struct ntlm_client *ntlm_client_new(const struct auth_client_config *cfg) MUST_USE;
void ntlm_client_free(struct ntlm_client *c);
/* in empty: gives NEGOTIATE (MORE_PROCESSING_REQUIRED). in CHALLENGE: gives AUTHENTICATE (SUCCESS). */
ntstatus ntlm_client_step(struct ntlm_client *c, struct slice in, struct arena *a, struct slice *out) MUST_USE;
struct slice ntlm_client_key(const struct ntlm_client *c);
bool ntlm_client_can_sign(const struct ntlm_client *c);
ntstatus ntlm_client_signature(const struct ntlm_client *c, bool from_client, struct slice data, uint8_t out[16]) MUST_USE;

#endif

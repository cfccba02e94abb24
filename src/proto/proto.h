/* The protocol engine that both roles share, without sockets, threads or clocks: choice of dialect and capabilities,
 * keys, signing and sealing of frames, credits and the message-id window, compounds. Structs here are plain; whoever
 * embeds one locks it. [MS-SMB2] 3.1, 3.2.4.1, 3.2.5.1, 3.3.4.1, 3.3.5.2, 3.3.5.3, 3.3.5.4. */
#ifndef PROTO_PROTO_H
#define PROTO_PROTO_H

#include "crypto/crypto.h"
#include "wire/smb2.h"

enum proto_encryption { PROTO_ENCRYPTION_OFF, PROTO_ENCRYPTION_DESIRED, PROTO_ENCRYPTION_REQUIRED };

/* What one side is willing to do. */
struct proto_config {
	uint16_t min_dialect, max_dialect; /* 0x0202 .. 0x0311 */
	bool signing_required;
	enum proto_encryption encryption;
	uint32_t capabilities; /* SMB2_GLOBAL_CAP_* beyond those that follow from the dialect */
	uint32_t max_transact_bytes, max_read_bytes, max_write_bytes;
	struct guid guid;                 /* ServerGuid or ClientGuid */
	uint16_t ciphers[4], signings[3]; /* preference order */
	uint8_t cipher_count, signing_count;
	uint16_t max_credits;  /* server: span of the window; client: credits it asks for */
	bool posix_extensions; /* offered only when true */
};

/* Defaults of the design: 3.1.1 down to 2.1, signing required, GCM before CCM, GMAC before CMAC, 8 MiB, 8192 credits
 * (server) / 512 (client). */
void proto_config_default(struct proto_config *c, bool server);

/* What a connection has negotiated. */
struct proto_conn {
	uint16_t dialect;         /* 0: nothing yet; 0x02FF: waiting for the second NEGOTIATE */
	uint16_t cipher, signing; /* SEAL_*, SIGN_* */
	uint16_t hash_id;         /* 3.1.1: 1 */
	bool multi_credit, should_sign;
	bool smb1_negotiated; /* the dialect, or 0x02FF, is the answer to an SMB1 NEGOTIATE */
	bool netbios;         /* set by the owner: port 139, where 64 KiB and single credits apply (3.3.5.4) */
	bool posix;           /* both sides offered the POSIX extensions */
	uint16_t min_dialect, max_dialect; /* what this side was willing to speak then, for validation */
	uint16_t client_security_mode, server_security_mode;
	uint32_t client_capabilities, server_capabilities; /* as sent; never overwritten later (inventory G040) */
	struct guid client_guid, server_guid;
	uint32_t max_transact_bytes, max_read_bytes, max_write_bytes;
	uint16_t offered_dialects[8], offered_count; /* client: what it sent, for validation */
	uint8_t preauth[64];
};

/* --- negotiation, server --- */

/* 3.3.5.4. Fills conn and rsp (but for SecurityBuffer and the times, which the caller sets). Context data is in the
 * arena. */
ntstatus proto_server_negotiate(struct proto_conn *conn, const struct proto_config *cfg,
	const struct smb2_negotiate_req *req, struct smb2_negotiate_rsp *rsp, struct arena *arena) MUST_USE;
/* 3.3.5.3: a whole SMB1 NEGOTIATE message. NOT_SUPPORTED when it offers no SMB2 dialect that we speak (drop the
 * connection). */
ntstatus proto_server_negotiate_smb1(struct proto_conn *conn, const struct proto_config *cfg, struct slice message,
	struct smb2_negotiate_rsp *rsp) MUST_USE;
/* 3.3.5.15.12: false means drop the connection. */
bool proto_server_validate(const struct proto_conn *conn, struct slice input, struct wire *out) MUST_USE;

/* --- negotiation, client --- */
ntstatus proto_client_negotiate_req(struct proto_conn *conn, const struct proto_config *cfg, const char *server_name,
	struct smb2_negotiate_req *req, struct arena *arena) MUST_USE;
/* 3.2.5.2. MORE_PROCESSING_REQUIRED: the answer was 0x02FF, negotiate again with message id 1. */
ntstatus proto_client_negotiate_rsp(
	struct proto_conn *conn, const struct proto_config *cfg, const struct smb2_negotiate_rsp *rsp) MUST_USE;
/* Encodes an SMB1 NEGOTIATE with "SMB 2.002" and "SMB 2.???" (3.2.4.2.2.1); bytes written. */
size_t proto_client_negotiate_smb1(uint8_t *out, size_t cap, const struct proto_config *cfg);
void proto_client_validate_req(const struct proto_conn *conn, struct wire *out);
ntstatus proto_client_validate_rsp(const struct proto_conn *conn, struct slice output) MUST_USE;

/* --- keys --- */

/* Keys of a session or channel. `send` seals what this role sends. Reference counting is the owner's. */
struct proto_keys {
	uint8_t session_key[16], application_key[16];
	struct sign_key *sign;
	struct seal_key *send, *receive;
	enum seal_cipher cipher;
	enum sign_algorithm signing;
	uint8_t nonce_prefix[8];
	_Atomic uint64_t nonce_counter;
};
/* 3.1.4.2, 3.3.5.5.3, 3.2.5.3.1. full_key: what GSS gave (16 bytes for NTLM; up to 32 are used for AES-256). preauth:
 * the session's hash at that moment (3.1.1) or NULL. `channel`: derive the signing key only. */
ntstatus proto_keys_derive(struct proto_keys *k, const struct proto_conn *conn, struct slice full_key,
	const uint8_t preauth[64], bool server, bool channel) MUST_USE;
void proto_keys_wipe(struct proto_keys *k);

/* --- frames --- */

/* Signs one message spread over parts[0..n): writes flags |= SIGNED and the signature into the header, which is the
 * first 64 bytes of parts[0]. `from_server` and a CANCEL command choose the GMAC nonce bits. A message id is signed
 * once a side, or GMAC's nonce repeats: never an interim response. */
ntstatus proto_sign(const struct proto_keys *k, const struct iovec *parts, size_t n, bool from_server) MUST_USE;
/* ACCESS_DENIED when the signature is wrong. */
ntstatus proto_verify(const struct proto_keys *k, const uint8_t *message, size_t len, bool from_server) MUST_USE;
/* The same of one that comes in pieces: begin with its header of 64 bytes, step for each piece of what follows, end, which has to come if begin
 * succeeded. The keys last longer. */
struct proto_verifying {
	struct sign_run run;
	uint8_t received[16];
};
ntstatus proto_verify_begin(struct proto_verifying *v, const struct proto_keys *k, const uint8_t *header, bool from_server) MUST_USE;
void proto_verify_step(struct proto_verifying *v, const void *p, size_t n);
ntstatus proto_verify_end(struct proto_verifying *v) MUST_USE;
/* Fills `head` (52 bytes) and encrypts the parts in place. */
ntstatus proto_seal(struct proto_keys *k, const struct proto_conn *conn, uint64_t session_id, uint8_t head[52],
	const struct iovec *parts, size_t n) MUST_USE;
/* The same, with the encrypted message behind the header in `frame`; the parts stay as they are. */
ntstatus proto_seal_to(struct proto_keys *k, const struct proto_conn *conn, uint64_t session_id, uint8_t *frame, const struct iovec *parts,
	size_t n) MUST_USE;
/* Reads the session id of a transform header; INVALID_PARAMETER unless the frame can be one (sizes, flags; 3.3.5.2.1).
 */
ntstatus proto_sealed_session(
	const struct proto_conn *conn, struct slice frame, uint32_t max_bytes, uint64_t *session_id) MUST_USE;
/* Decrypts in place; *plain is the message behind the transform header. DATA_ERROR: drop the connection. */
ntstatus proto_unseal(const struct proto_keys *k, uint8_t *frame, size_t len, struct slice *plain) MUST_USE;
/* The same of a frame that comes in pieces, as far as the cipher can (seal_decrypt_begin): begin with its transform header, step for each piece behind it,
 * in place, end, which has to come if begin succeeded; message: all of it, of which nothing is left if the tag is wrong. The keys last longer. */
struct proto_unsealing {
	struct seal_run run;
	uint8_t tag[16];
};
ntstatus proto_unseal_begin(struct proto_unsealing *u, const struct proto_keys *k, const uint8_t header[SMB2_TRANSFORM_SIZE]) MUST_USE;
void proto_unseal_step(struct proto_unsealing *u, uint8_t *p, size_t n);
ntstatus proto_unseal_end(struct proto_unsealing *u, uint8_t *message, size_t len) MUST_USE;
/* As proto_unseal, but for what `place` wants elsewhere (seal_decrypt). */
ntstatus proto_unseal_to(const struct proto_keys *k, uint8_t *frame, size_t len, const struct seal_place *place, struct slice *plain) MUST_USE;

/* --- compounds --- */

/* Walks the elements of a frame. An element runs from its header to NextCommand or the end; NextCommand must be
 * 8-aligned, advance, and leave room for a header. */
struct proto_chain {
	uint8_t *next;
	size_t left;
	bool lenient; /* clients: a NextCommand to the end of the frame or past it ends the chain (inventory G055) */
};
struct proto_element {
	uint8_t *data; /* the 64-byte header and the body, padding included */
	size_t len;
	struct smb2_header header;
};
/* true: *e is filled. false: *status is SUCCESS at the end, else the frame is malformed and the connection to be
 * dropped. */
bool proto_chain_next(struct proto_chain *c, struct proto_element *e, ntstatus *status) MUST_USE;

/* --- credits --- */

/* 3.1.5.2; 0 bytes cost 1. */
uint16_t proto_credit_charge(uint64_t request_bytes, uint64_t response_bytes);

/* The server's window of message ids (3.3.1.1): ids [low, high) are granted, those that came ahead of their turn are
 * marked. In order, nothing is marked; up to 64 ahead need no memory. */
enum { PROTO_WINDOW_MAX = 16384 };
struct proto_window {
	uint64_t low, high;  /* ids below low are gone; ids from high on are not granted */
	uint32_t max_span;   /* <= PROTO_WINDOW_MAX */
	uint32_t used_count; /* ids in [low, high) that are used */
	uint64_t *used;      /* NULL, or bit id % PROTO_WINDOW_MAX, while one 64 or more above low is used */
	uint64_t used_small; /* without it: bit id % 64, for ids in [low, low + 64) */
};
void proto_window_init(struct proto_window *w, uint32_t max_span);
void proto_window_free(struct proto_window *w);
/* Consumes `charge` ids from `id` on (0 counts as 1); false when one is outside the window or used: drop the
 * connection. */
bool proto_window_take(struct proto_window *w, uint64_t id, uint16_t charge) MUST_USE;
/* How many credits to grant for a request that asked for `requested` and consumed `charge`: at least enough that the
 * client is never left with none, at most what the span allows. Extends the window. */
uint16_t proto_window_grant(struct proto_window *w, uint16_t requested, uint16_t charge);

/* The client's window (3.2.4.1.6): ids are used lowest first. */
struct proto_sender {
	uint64_t next_id, granted_to; /* ids in [next_id, granted_to) are free */
};
void proto_sender_init(struct proto_sender *s);
static inline uint64_t proto_sender_credits(const struct proto_sender *s)
{
	return s->granted_to - s->next_id;
}
/* false: not enough credits now. */
bool proto_sender_take(struct proto_sender *s, uint16_t charge, uint64_t *id) MUST_USE;
void proto_sender_granted(struct proto_sender *s, uint16_t credits);

/* --- SMB1 --- */

/* [MS-CIFS] 3.1.4.1: the eight bytes for SecurityFeatures of a message in up to 4 parts, the first with all of the header; what stands there does
 * not count. key: session key and challenge response. */
ntstatus proto_smb1_mac(struct slice key, uint32_t sequence, const struct iovec *message, size_t n, uint8_t out[8]) MUST_USE;

#endif

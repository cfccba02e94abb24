/* Cryptography for SMB2: signing and sealing over OpenSSL; key derivation, the preauthentication hash, and the old digests and ciphers
 * that NTLM needs over Nettle. OpenSSL's algorithms are fetched once per process. A key object holds its schedule and a free list of keyed
 * contexts, one per concurrent user, so that no packet pays for a fetch or a key set-up. Thread-safe. Keys are wiped
 * when freed. */
#ifndef CRYPTO_CRYPTO_H
#define CRYPTO_CRYPTO_H

#include "base/bytes.h"

#include <sys/uio.h>

/* [MS-SMB2] 2.2.3.1.7 ids */
enum sign_algorithm { SIGN_HMAC_SHA256 = 0, SIGN_AES_CMAC = 1, SIGN_AES_GMAC = 2 };
/* 2.2.3.1.2 ids */
enum seal_cipher { SEAL_NONE = 0, SEAL_AES128_CCM = 1, SEAL_AES128_GCM = 2, SEAL_AES256_CCM = 3, SEAL_AES256_GCM = 4 };

struct sign_key;
struct seal_key;

/* Whether OpenSSL has what signing and sealing take; if not, the log says why. */
bool crypto_usable(void) MUST_USE;

/* 16-byte key. NULL when memory or OpenSSL fails. */
struct sign_key *sign_key_new(enum sign_algorithm alg, const uint8_t key[16]) MUST_USE;
void sign_key_free(struct sign_key *k);

/* The 16-byte signature over the parts (3.1.4.1). The caller has zeroed the header's Signature field. nonce: the 12
 * bytes of 3.1.4.1 for GMAC, ignored by the others. */
ntstatus sign_compute(
	struct sign_key *k, const uint8_t nonce[12], const struct iovec *parts, size_t n, uint8_t out[16]) MUST_USE;

/* The same of a message that comes in pieces, one after the other: begin, step for each, end, which has to come if begin succeeded. It may move from
 * thread to thread, and the key lasts longer. What goes wrong meanwhile `end` tells. */
struct sign_run {
	_Alignas(64) uint8_t state[256];
};
ntstatus sign_begin(struct sign_run *run, struct sign_key *k, const uint8_t nonce[12]) MUST_USE;
void sign_step(struct sign_run *run, const void *p, size_t n);
ntstatus sign_end(struct sign_run *run, uint8_t out[16]) MUST_USE;

/* key_len 16 or 32 as the cipher wants. */
struct seal_key *seal_key_new(enum seal_cipher cipher, const uint8_t *key, size_t key_len) MUST_USE;
void seal_key_free(struct seal_key *k);

/* Nonce length of a cipher: 11 for CCM, 12 for GCM. */
size_t seal_nonce_len(enum seal_cipher cipher);
size_t seal_key_len(enum seal_cipher cipher);

/* Encrypts the parts as one message (2.2.41) into out, apart from them; NULL: in place. tag receives 16 bytes. */
ntstatus seal_encrypt(struct seal_key *k, const uint8_t *nonce, struct slice aad, const struct iovec *parts, size_t n, uint8_t *out,
	uint8_t tag[16]) MUST_USE;

/* Where a message goes that is being decrypted, for what lies behind its first `head` bytes: asked once they are, though nothing has
 * shown yet that they are right; len is that of the whole message. NULL: in place. */
struct seal_place {
	size_t head;
	uint8_t *(*place)(void *arg, const uint8_t *head, size_t len);
	void *arg;
};

/* A message that comes in pieces, by GCM: begin, step for each, end, which has to come if begin succeeded. It may move from thread to thread, and the key lasts
 * longer. NOT_SUPPORTED: the key is one of CCM. */
struct seal_run {
	_Alignas(64) uint8_t state[256];
};
ntstatus seal_decrypt_begin(struct seal_run *run, struct seal_key *k, const uint8_t *nonce, struct slice aad) MUST_USE;
/* `to` may be `from`. Nothing has shown yet that what is there then is right. */
void seal_decrypt_step(struct seal_run *run, uint8_t *to, const uint8_t *from, size_t n);
/* DATA_ERROR when the tag does not match, or something went wrong on the way: what was decrypted is the caller's to wipe. */
ntstatus seal_decrypt_end(struct seal_run *run, const uint8_t tag[16]) MUST_USE;

/* Decrypts a message in place, but for what `place`, which may be NULL, wants elsewhere. CCM, which takes a message as a whole, does not ask.
 * DATA_ERROR when the tag does not match, and then nothing of the message is left. */
ntstatus seal_decrypt(struct seal_key *k, const uint8_t *nonce, struct slice aad, const uint8_t tag[16], uint8_t *message, size_t len,
	const struct seal_place *place) MUST_USE;

/* From here on nothing can fail. SP800-108 counter mode with HMAC-SHA256, r = 32 (3.1.4.2). Lengths count the terminating zero bytes where
 * the text has them. */
void kdf_sp800_108(struct slice key, struct slice label, struct slice context, uint8_t *out, size_t out_len);

/* hash = SHA-512(hash || parts) (3.1.4.4). */
void preauth_update(uint8_t hash[64], const struct iovec *parts, size_t n);

/* For NTLM. */
void crypto_md4(struct slice in, uint8_t out[16]);
/* One block under a key of 56 bits in seven bytes, for NTLMv1. */
void crypto_des(const uint8_t key[7], const uint8_t in[8], uint8_t out[8]);
void crypto_md5(const struct iovec *parts, size_t n, uint8_t out[16]);
void crypto_hmac_md5(struct slice key, const struct iovec *parts, size_t n, uint8_t out[16]);
/* A key of 1 to 256 bytes; in and out may be the same. */
void crypto_rc4(struct slice key, const uint8_t *in, uint8_t *out, size_t n);

#endif

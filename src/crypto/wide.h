/* Inside src/crypto only: AES-GCM by the instructions that work on several blocks at once (VAES and VPCLMULQDQ of AVX-512), which OpenSSL 3.0 does
 * not use: through libipsec-mb, where that is there and the processor has them. Keys have no state: one serves any number of threads. */
#ifndef CRYPTO_WIDE_H
#define CRYPTO_WIDE_H

#include "crypto/crypto.h"

#include <stdatomic.h>

struct wide_key;

/* A message that comes in pieces: begin, step for each, end. It is decrypted, each piece in place or to elsewhere, or signed. */
struct wide_message {
	const struct wide_key *key;
	_Alignas(64) uint8_t state[128];
};

struct wide_gcm {
	/* len: 16 or 32. NULL: out of memory. */
	struct wide_key *(*key_new)(const uint8_t *key, size_t len);
	void (*key_free)(struct wide_key *k);
	/* As seal_encrypt. */
	void (*encrypt)(const struct wide_key *k, const uint8_t nonce[12], struct slice aad, const struct iovec *parts, size_t n, uint8_t *out,
		uint8_t tag[16]);
	void (*decrypt_begin)(struct wide_message *m, const struct wide_key *k, const uint8_t nonce[12], struct slice aad);
	void (*decrypt_step)(struct wide_message *m, uint8_t *to, const uint8_t *from, size_t n);
	/* Whether the tag is right. */
	bool (*decrypt_end)(struct wide_message *m, const uint8_t tag[16]);
	/* GMAC, with a key of 16 bytes. */
	void (*sign_begin)(struct wide_message *m, const struct wide_key *k, const uint8_t nonce[12]);
	void (*sign_step)(struct wide_message *m, const uint8_t *p, size_t n);
	void (*sign_end)(struct wide_message *m, uint8_t out[16]);
};

#ifdef HYTHE_IPSEC_MB
/* NULL: OpenSSL has to do it. */
const struct wide_gcm *wide_gcm(void);
#else
static inline const struct wide_gcm *wide_gcm(void)
{
	return NULL;
}
#endif

/* The key as it is used, made when it is first asked for, which may happen on several threads; *slot is its owner's. NULL: out of memory. */
static inline const struct wide_key *wide_key(const struct wide_gcm *w, struct wide_key *_Atomic *slot, const uint8_t *key, size_t len)
{
	struct wide_key *k = atomic_load_explicit(slot, memory_order_acquire), *other = NULL;

	if (k)
		return k;
	k = w->key_new(key, len);
	if (!k || atomic_compare_exchange_strong(slot, &other, k))
		return k;
	w->key_free(k);
	return other;
}

#endif

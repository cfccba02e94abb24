/* Inside src/crypto only: the algorithms, fetched from OpenSSL once per process, and the free list of keyed contexts
 * that every key carries. Nothing outside this folder sees an OpenSSL type. */
#ifndef CRYPTO_ALGS_H
#define CRYPTO_ALGS_H

#include "base/bytes.h"

#include <openssl/evp.h>
#include <stdatomic.h>
#include <sys/uio.h>

struct crypto_algs {
	EVP_MAC *hmac;
	EVP_CIPHER *aes128_gcm, *aes256_gcm, *aes128_ccm, *aes256_ccm, *aes128_cbc;
};

/* NULL when OpenSSL lacks HMAC or AES, and then the log says so once. */
const struct crypto_algs *crypto_algs(void);

/* Logs what failed with OpenSSL's own reason and clears its error queue. */
void crypto_log_openssl(const char *what);

/* Contexts that nobody uses just now. A taker empties a slot, so no two threads ever hold the same context. */
enum { CTX_POOL_SLOTS = 16 };
struct ctx_pool {
	_Atomic(void *) slots[CTX_POOL_SLOTS];
};

/* NULL when all are in use: make a new one. */
static inline void *ctx_pool_take(struct ctx_pool *p)
{
	for (size_t i = 0; i < CTX_POOL_SLOTS; i++) {
		void *ctx;

		if (!atomic_load_explicit(&p->slots[i], memory_order_relaxed))
			continue;
		ctx = atomic_exchange_explicit(&p->slots[i], NULL, memory_order_acquire);
		if (ctx)
			return ctx;
	}
	return NULL;
}

/* false when the pool is full: free the context. */
static inline bool ctx_pool_give(struct ctx_pool *p, void *ctx)
{
	for (size_t i = 0; i < CTX_POOL_SLOTS; i++) {
		void *empty = NULL;

		if (atomic_compare_exchange_strong_explicit(
			    &p->slots[i], &empty, ctx, memory_order_release, memory_order_relaxed))
			return true;
	}
	return false;
}

/* cmac.c: a context with the key set, the two values that a key gives for the last block, and a message: begin, step for each piece, end. */
struct cmac_subkeys {
	uint8_t whole[16], padded[16];
};
/* The last block of what came so far, 1 to 16 bytes of it, is kept back: it may be the last of the message. */
struct cmac_kept {
	uint8_t bytes[16];
	size_t n;
};
EVP_CIPHER_CTX *cmac_ctx_new(const uint8_t key[16]);
bool cmac_subkeys(EVP_CIPHER_CTX *ctx, struct cmac_subkeys *s);
bool cmac_begin(EVP_CIPHER_CTX *ctx, struct cmac_kept *k);
bool cmac_step(EVP_CIPHER_CTX *ctx, struct cmac_kept *k, const uint8_t *p, size_t len);
bool cmac_end(EVP_CIPHER_CTX *ctx, struct cmac_kept *k, const struct cmac_subkeys *s, uint8_t out[16]);

#endif

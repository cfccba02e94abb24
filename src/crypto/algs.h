/* Inside src/crypto only: the algorithms, fetched from OpenSSL once per process, and the free list of keyed contexts
 * that every key carries. Nothing outside this folder sees an OpenSSL type. */
#ifndef CRYPTO_ALGS_H
#define CRYPTO_ALGS_H

#include "base/bytes.h"

#include <openssl/evp.h>
#include <stdatomic.h>

struct crypto_algs {
	EVP_MAC *hmac, *cmac;
	EVP_MD *sha256, *sha512, *md5;
	EVP_CIPHER *aes128_gcm, *aes256_gcm, *aes128_ccm, *aes256_ccm;
	bool cmac_rekey; /* this OpenSSL does not restart a CMAC without the key (3.0.0 to 3.0.2) */
};

/* NULL when OpenSSL lacks SHA-2, HMAC or AES, and then the log says so once. */
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

#endif

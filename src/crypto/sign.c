/* Message signatures, [MS-SMB2] 3.1.4.1: HMAC-SHA256 cut to 16 bytes, AES-128-CMAC, AES-128-GMAC. Called by proto. GMAC
 * is AES-GCM that encrypts nothing and authenticates the message: it goes through the cipher, whose key schedule
 * survives a new nonce, rather than through EVP_MAC, whose does not. */
#include "crypto/algs.h"
#include "crypto/wide.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <stdlib.h>

struct sign_key {
	enum sign_algorithm alg;
	uint8_t key[16];
	struct cmac_subkeys cmac;
	struct ctx_pool pool; /* EVP_MAC_CTX for HMAC, EVP_CIPHER_CTX for the others */
	struct wide_key *_Atomic wide; /* in their place, for GMAC where there is wide_gcm */
};

static EVP_MAC_CTX *hmac_ctx_new(const struct sign_key *k)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_END};
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(crypto_algs()->hmac);

	if (ctx && EVP_MAC_init(ctx, k->key, sizeof(k->key), params) != 1) {
		EVP_MAC_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

static EVP_CIPHER_CTX *gmac_ctx_new(const struct sign_key *k)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (ctx && EVP_EncryptInit_ex2(ctx, crypto_algs()->aes128_gcm, k->key, NULL, NULL) != 1) {
		EVP_CIPHER_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

static void *ctx_new(const struct sign_key *k)
{
	switch (k->alg) {
	case SIGN_HMAC_SHA256:
		return hmac_ctx_new(k);
	case SIGN_AES_CMAC:
		return cmac_ctx_new(k->key);
	case SIGN_AES_GMAC:
		return gmac_ctx_new(k);
	}
	return NULL;
}

static void ctx_free(const struct sign_key *k, void *ctx)
{
	if (k->alg == SIGN_HMAC_SHA256)
		EVP_MAC_CTX_free(ctx);
	else
		EVP_CIPHER_CTX_free(ctx);
}

struct sign_key *sign_key_new(enum sign_algorithm alg, const uint8_t key[16])
{
	struct sign_key *k;
	void *ctx;

	if (alg > SIGN_AES_GMAC || !crypto_algs())
		return NULL;
	k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->alg = alg;
	memcpy(k->key, key, sizeof(k->key));
	if (alg == SIGN_AES_GMAC && wide_gcm()) {
		if (wide_key(wide_gcm(), &k->wide, k->key, sizeof(k->key)))
			return k;
		sign_key_free(k);
		return NULL;
	}
	ctx = ctx_new(k);
	if (ctx)
		(void)ctx_pool_give(&k->pool, ctx);
	if (!ctx || (alg == SIGN_AES_CMAC && !cmac_subkeys(ctx, &k->cmac))) {
		crypto_log_openssl("setting up a signing key");
		sign_key_free(k);
		return NULL;
	}
	return k;
}

void sign_key_free(struct sign_key *k)
{
	void *ctx;

	if (!k)
		return;
	while ((ctx = ctx_pool_take(&k->pool)))
		ctx_free(k, ctx);
	if (k->wide)
		wide_gcm()->key_free(k->wide);
	bytes_wipe(k, sizeof(*k));
	free(k);
}

/* A message under way. */
struct state {
	struct sign_key *key;
	bool failed; /* then the context may be half-way through something */
	void *ctx;   /* NULL: `wide` does it */
	union {
		struct cmac_kept cmac;
		struct wide_message wide;
	};
};

_Static_assert(sizeof(struct state) <= sizeof(struct sign_run) && _Alignof(struct state) <= _Alignof(struct sign_run), "sign_run has room for it");

static struct state *state_of(struct sign_run *run)
{
	return (struct state *)(void *)run->state;
}

static bool ctx_begin(struct state *s, const uint8_t *nonce)
{
	switch (s->key->alg) {
	case SIGN_HMAC_SHA256:
		return EVP_MAC_init(s->ctx, NULL, 0, NULL) == 1;
	case SIGN_AES_CMAC:
		return cmac_begin(s->ctx, &s->cmac);
	case SIGN_AES_GMAC:
		return EVP_EncryptInit_ex2(s->ctx, NULL, NULL, nonce, NULL) == 1;
	}
	return false;
}

static bool ctx_step(struct state *s, const uint8_t *p, size_t n)
{
	int len;

	switch (s->key->alg) {
	case SIGN_HMAC_SHA256:
		return EVP_MAC_update(s->ctx, p, n) == 1;
	case SIGN_AES_CMAC:
		return cmac_step(s->ctx, &s->cmac, p, n);
	case SIGN_AES_GMAC:
		return n <= INT_MAX && EVP_EncryptUpdate(s->ctx, NULL, &len, p, (int)n) == 1;
	}
	return false;
}

static bool hmac_end(EVP_MAC_CTX *ctx, uint8_t out[16])
{
	uint8_t full[32];
	size_t len = 0;

	if (EVP_MAC_final(ctx, full, &len, sizeof(full)) != 1 || len < 16)
		return false;
	memcpy(out, full, 16);
	return true;
}

static bool gmac_end(EVP_CIPHER_CTX *ctx, uint8_t out[16])
{
	uint8_t none[16];
	int len;

	return EVP_EncryptFinal_ex(ctx, none, &len) == 1 && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, out) == 1;
}

static bool ctx_end(struct state *s, uint8_t out[16])
{
	switch (s->key->alg) {
	case SIGN_HMAC_SHA256:
		return hmac_end(s->ctx, out);
	case SIGN_AES_CMAC:
		return cmac_end(s->ctx, &s->cmac, &s->key->cmac, out);
	case SIGN_AES_GMAC:
		return gmac_end(s->ctx, out);
	}
	return false;
}

ntstatus sign_begin(struct sign_run *run, struct sign_key *k, const uint8_t nonce[12])
{
	struct state *s = state_of(run);

	s->key = k;
	s->failed = false;
	s->ctx = NULL;
	if (k->wide) {
		wide_gcm()->sign_begin(&s->wide, k->wide, nonce);
		return STATUS_SUCCESS;
	}
	s->ctx = ctx_pool_take(&k->pool);
	if (!s->ctx)
		s->ctx = ctx_new(k);
	if (!s->ctx)
		return STATUS_NO_MEMORY;
	s->failed = !ctx_begin(s, nonce);
	return STATUS_SUCCESS;
}

void sign_step(struct sign_run *run, const void *p, size_t n)
{
	struct state *s = state_of(run);

	if (!s->ctx)
		wide_gcm()->sign_step(&s->wide, p, n);
	else if (n > 0 && !s->failed)
		s->failed = !ctx_step(s, p, n);
}

ntstatus sign_end(struct sign_run *run, uint8_t out[16])
{
	struct state *s = state_of(run);

	if (!s->ctx) {
		wide_gcm()->sign_end(&s->wide, out);
		return STATUS_SUCCESS;
	}
	if (s->failed || !ctx_end(s, out)) {
		ctx_free(s->key, s->ctx);
		crypto_log_openssl("signing");
		return STATUS_INTERNAL_ERROR;
	}
	if (!ctx_pool_give(&s->key->pool, s->ctx))
		ctx_free(s->key, s->ctx);
	return STATUS_SUCCESS;
}

ntstatus sign_compute(struct sign_key *k, const uint8_t nonce[12], const struct iovec *parts, size_t n, uint8_t out[16])
{
	struct sign_run run;
	ntstatus status = sign_begin(&run, k, nonce);

	if (!nt_ok(status))
		return status;
	for (size_t i = 0; i < n; i++)
		sign_step(&run, parts[i].iov_base, parts[i].iov_len);
	return sign_end(&run, out);
}

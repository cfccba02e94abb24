/* MD4 and RC4, which NTLM cannot do without ([MS-NLMP] 3.3, 3.4), and DES for NTLMv1. They come from OpenSSL's legacy provider, loaded into
 * a library context of our own so that the rest of the process does not get weak algorithms along with it. Called by
 * auth. */
#include "crypto/algs.h"
#include "crypto/crypto.h"

#include "base/log.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdlib.h>

static OSSL_LIB_CTX *library;
static EVP_MD *md4;
static EVP_CIPHER *rc4, *des;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
	library = OSSL_LIB_CTX_new();
	if (library && OSSL_PROVIDER_load(library, "default") && OSSL_PROVIDER_load(library, "legacy")) {
		md4 = EVP_MD_fetch(library, "MD4", NULL);
		rc4 = EVP_CIPHER_fetch(library, "RC4", NULL);
		des = EVP_CIPHER_fetch(library, "DES-ECB", NULL);
	}
	if (!md4 || !rc4)
		log_error("crypto: OpenSSL's legacy provider cannot be loaded, so NTLM logons will fail: they need MD4 "
			  "and RC4. "
			  "It is the file legacy.so in the directory that `openssl version -m` prints; Debian and "
			  "Ubuntu have it in "
			  "libssl3 (openssl-provider-legacy from Debian 13 on), Fedora in openssl-libs, Alpine in "
			  "openssl");
	ERR_clear_error();
}

ntstatus crypto_md4(struct slice in, uint8_t out[16])
{
	pthread_once(&once, load);
	if (!md4)
		return STATUS_NOT_SUPPORTED;
	if (EVP_Digest(in.data, in.len, out, NULL, md4, NULL) != 1) {
		crypto_log_openssl("MD4");
		return STATUS_INTERNAL_ERROR;
	}
	return STATUS_SUCCESS;
}

/* [MS-NLMP] 6: seven bytes spread over eight, the last bit of each, which would be its parity, left 0. */
ntstatus crypto_des(const uint8_t key[7], const uint8_t in[8], uint8_t out[8])
{
	EVP_CIPHER_CTX *ctx;
	uint8_t spread[8];
	uint64_t bits = 0;
	int len = 0;
	bool ok;

	pthread_once(&once, load);
	ctx = des ? EVP_CIPHER_CTX_new() : NULL;
	if (!ctx)
		return des ? STATUS_NO_MEMORY : STATUS_NOT_SUPPORTED;
	for (size_t i = 0; i < 7; i++)
		bits = bits << 8 | key[i];
	for (size_t i = 0; i < sizeof(spread); i++)
		spread[i] = (uint8_t)(bits >> (49 - 7 * i) << 1);
	ok = EVP_EncryptInit_ex2(ctx, des, spread, NULL, NULL) == 1 && EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
	     EVP_EncryptUpdate(ctx, out, &len, in, 8) == 1 && len == 8;
	EVP_CIPHER_CTX_free(ctx);
	bytes_wipe(spread, sizeof(spread));
	bytes_wipe(&bits, sizeof(bits));
	if (!ok)
		crypto_log_openssl("DES");
	return ok ? STATUS_SUCCESS : STATUS_INTERNAL_ERROR;
}

struct rc4 {
	EVP_CIPHER_CTX *ctx;
};

struct rc4 *rc4_new(struct slice key)
{
	struct rc4 *c;
	bool ok;

	pthread_once(&once, load);
	if (!rc4 || key.len == 0 || key.len > 256)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->ctx = EVP_CIPHER_CTX_new();
	ok = c->ctx && EVP_EncryptInit_ex2(c->ctx, rc4, NULL, NULL, NULL) == 1 &&
	     EVP_CIPHER_CTX_set_key_length(c->ctx, (int)key.len) == 1 &&
	     EVP_EncryptInit_ex2(c->ctx, NULL, key.data, NULL, NULL) == 1;
	if (!ok) {
		crypto_log_openssl("setting up RC4");
		rc4_free(c);
		return NULL;
	}
	return c;
}

void rc4_apply(struct rc4 *c, const uint8_t *in, uint8_t *out, size_t n)
{
	while (n > 0) {
		int take = n > INT_MAX ? INT_MAX : (int)n, len;

		/* A stream cipher with its key set has no way to fail; were it to, plaintext must not pass for
		 * ciphertext. */
		if (EVP_EncryptUpdate(c->ctx, out, &len, in, take) != 1)
			abort();
		in += take;
		out += take;
		n -= (size_t)take;
	}
}

void rc4_free(struct rc4 *c)
{
	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->ctx);
	free(c);
}

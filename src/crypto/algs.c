/* The algorithms of the default provider, fetched once: a fetch per packet costs more than the packet. They live as
 * long as the process. Called by the other files of src/crypto. */
#include "crypto/algs.h"

#include "base/log.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <pthread.h>

static struct crypto_algs algs;
static bool usable;
static pthread_once_t once = PTHREAD_ONCE_INIT;

void crypto_log_openssl(const char *what)
{
	char reason[160] = "no reason given";
	unsigned long e = ERR_peek_last_error();

	if (e)
		ERR_error_string_n(e, reason, sizeof(reason));
	ERR_clear_error();
	log_error("crypto: %s failed: %s", what, reason);
}

/* Whether a second message through the same context gets the same CMAC when the key is not given again. */
static bool cmac_restarts(EVP_MAC *cmac)
{
	static const uint8_t key[16] = {1}, message[20] = {2};
	char cipher[] = "AES-128-CBC";
	OSSL_PARAM params[] = {OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0), OSSL_PARAM_END};
	uint8_t first[16] = {0}, second[16] = {1};
	size_t n = 0;
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(cmac);
	bool same = ctx && EVP_MAC_init(ctx, key, sizeof(key), params) == 1 &&
		    EVP_MAC_update(ctx, message, sizeof(message)) == 1 &&
		    EVP_MAC_final(ctx, first, &n, sizeof(first)) == 1 && EVP_MAC_init(ctx, NULL, 0, NULL) == 1 &&
		    EVP_MAC_update(ctx, message, sizeof(message)) == 1 &&
		    EVP_MAC_final(ctx, second, &n, sizeof(second)) == 1 && memcmp(first, second, sizeof(first)) == 0;

	EVP_MAC_CTX_free(ctx);
	ERR_clear_error();
	return same;
}

static void fetch(void)
{
	algs.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	algs.cmac = EVP_MAC_fetch(NULL, "CMAC", NULL);
	algs.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	algs.sha512 = EVP_MD_fetch(NULL, "SHA512", NULL);
	algs.aes128_gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
	algs.aes256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	algs.aes128_ccm = EVP_CIPHER_fetch(NULL, "AES-128-CCM", NULL);
	algs.aes256_ccm = EVP_CIPHER_fetch(NULL, "AES-256-CCM", NULL);
	usable = algs.hmac && algs.cmac && algs.sha256 && algs.sha512 && algs.aes128_gcm && algs.aes256_gcm &&
		 algs.aes128_ccm && algs.aes256_ccm;
	if (!usable) {
		crypto_log_openssl("fetching HMAC, CMAC, SHA-2 and AES from OpenSSL");
		return;
	}
	algs.cmac_rekey = !cmac_restarts(algs.cmac);
	/* MD5 serves NTLM only; a FIPS provider has none, and that must not cost us the rest. */
	algs.md5 = EVP_MD_fetch(NULL, "MD5", NULL);
	ERR_clear_error();
}

const struct crypto_algs *crypto_algs(void)
{
	pthread_once(&once, fetch);
	return usable ? &algs : NULL;
}

/* The algorithms of the default provider, fetched once: a fetch per packet costs more than the packet. They live as
 * long as the process. Called by the other files of src/crypto. */
#include "crypto/algs.h"
#include "crypto/wide.h"

#include "base/log.h"

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

static void fetch(void)
{
	algs.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	algs.aes128_gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
	algs.aes256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	algs.aes128_ccm = EVP_CIPHER_fetch(NULL, "AES-128-CCM", NULL);
	algs.aes256_ccm = EVP_CIPHER_fetch(NULL, "AES-256-CCM", NULL);
	algs.aes128_cbc = EVP_CIPHER_fetch(NULL, "AES-128-CBC", NULL);
	usable = algs.hmac && algs.aes128_gcm && algs.aes256_gcm && algs.aes128_ccm && algs.aes256_ccm && algs.aes128_cbc;
	if (!usable)
		crypto_log_openssl("fetching HMAC and AES from OpenSSL");
}

const struct crypto_algs *crypto_algs(void)
{
	pthread_once(&once, fetch);
	return usable ? &algs : NULL;
}

bool crypto_usable(void)
{
	(void)wide_gcm(); /* it takes its memory now, and not with the first message */
	return crypto_algs() != NULL;
}

/* Digests over whole messages and the key derivation: SHA-512 for the preauthentication hash ([MS-SMB2] 3.1.4.4),
 * SP800-108 for keys (3.1.4.2), SHA-256, MD5 and HMAC-MD5 for NTLM ([MS-NLMP] 3.3). Called at connection and session
 * set-up, not per packet. */
#include "crypto/algs.h"
#include "crypto/crypto.h"

#include <openssl/core_names.h>

static ntstatus digest(const EVP_MD *md, struct slice first, const struct iovec *parts, size_t n, uint8_t *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	if (!ctx)
		return STATUS_NO_MEMORY;
	ok = EVP_DigestInit_ex2(ctx, md, NULL) == 1 && EVP_DigestUpdate(ctx, first.data, first.len) == 1;
	for (size_t i = 0; ok && i < n; i++)
		ok = parts[i].iov_len == 0 || EVP_DigestUpdate(ctx, parts[i].iov_base, parts[i].iov_len) == 1;
	ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	if (!ok) {
		crypto_log_openssl("a digest");
		return STATUS_INTERNAL_ERROR;
	}
	return STATUS_SUCCESS;
}

/* HMAC with a key that is used once. out has room for the digest, at most 32 bytes. */
static ntstatus hmac(
	const char *digest_name, struct slice key, const struct iovec *parts, size_t n, uint8_t *out, size_t out_len)
{
	const struct crypto_algs *a = crypto_algs();
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)digest_name, 0),
		OSSL_PARAM_END};
	EVP_MAC_CTX *ctx;
	size_t len = 0;
	bool ok;

	if (!a)
		return STATUS_NOT_SUPPORTED;
	ctx = EVP_MAC_CTX_new(a->hmac);
	if (!ctx)
		return STATUS_NO_MEMORY;
	/* OpenSSL takes a NULL key for "keep the old one": an empty key needs an address. */
	ok = EVP_MAC_init(ctx, key.len > 0 ? key.data : (const uint8_t *)"", key.len, params) == 1;
	for (size_t i = 0; ok && i < n; i++)
		ok = parts[i].iov_len == 0 || EVP_MAC_update(ctx, parts[i].iov_base, parts[i].iov_len) == 1;
	ok = ok && EVP_MAC_final(ctx, out, &len, out_len) == 1 && len == out_len;
	EVP_MAC_CTX_free(ctx);
	if (!ok) {
		crypto_log_openssl("an HMAC");
		return STATUS_INTERNAL_ERROR;
	}
	return STATUS_SUCCESS;
}

ntstatus kdf_sp800_108(struct slice key, struct slice label, struct slice context, uint8_t *out, size_t out_len)
{
	uint8_t counter[4], bits[4], zero = 0, block[32];
	struct iovec parts[] = {{counter, 4}, {(void *)(uintptr_t)label.data, label.len}, {&zero, 1},
		{(void *)(uintptr_t)context.data, context.len}, {bits, 4}};
	ntstatus status = STATUS_SUCCESS;
	size_t done = 0;

	if (out_len > UINT32_MAX / 8)
		return STATUS_INVALID_PARAMETER;
	store_be32(bits, (uint32_t)(8 * out_len));
	for (uint32_t i = 1; done < out_len && nt_ok(status); i++) {
		size_t take = out_len - done < sizeof(block) ? out_len - done : sizeof(block);

		store_be32(counter, i);
		status = hmac("SHA256", key, parts, ARRAY_LEN(parts), block, sizeof(block));
		if (nt_ok(status))
			memcpy(out + done, block, take);
		done += take;
	}
	bytes_wipe(block, sizeof(block));
	return status;
}

ntstatus preauth_update(uint8_t hash[64], const struct iovec *parts, size_t n)
{
	const struct crypto_algs *a = crypto_algs();

	return a ? digest(a->sha512, slice_of(hash, 64), parts, n, hash) : STATUS_NOT_SUPPORTED;
}

ntstatus crypto_sha256(const struct iovec *parts, size_t n, uint8_t out[32])
{
	const struct crypto_algs *a = crypto_algs();

	return a ? digest(a->sha256, slice_of("", 0), parts, n, out) : STATUS_NOT_SUPPORTED;
}

ntstatus crypto_md5(const struct iovec *parts, size_t n, uint8_t out[16])
{
	const struct crypto_algs *a = crypto_algs();

	return a && a->md5 ? digest(a->md5, slice_of("", 0), parts, n, out) : STATUS_NOT_SUPPORTED;
}

ntstatus crypto_hmac_md5(struct slice key, const struct iovec *parts, size_t n, uint8_t out[16])
{
	const struct crypto_algs *a = crypto_algs();

	return a && a->md5 ? hmac("MD5", key, parts, n, out, 16) : STATUS_NOT_SUPPORTED;
}

/* Digests over whole messages and the key derivation: SHA-512 for the preauthentication hash ([MS-SMB2] 3.1.4.4),
 * SP800-108 for keys (3.1.4.2), SHA-256, MD5 and HMAC-MD5 for NTLM ([MS-NLMP] 3.3). Called at connection and session
 * set-up, not per packet. */
#include "crypto/algs.h"
#include "crypto/crypto.h"

enum { BLOCK_MOST = 64, DIGEST_MOST = 64 };

/* Contexts between two uses: to make one takes longer than what most of these compute. */
static struct ctx_pool contexts;

static EVP_MD_CTX *ctx_take(void)
{
	EVP_MD_CTX *ctx = ctx_pool_take(&contexts);

	return ctx ? ctx : EVP_MD_CTX_new();
}

/* md: what it was used for; begun anew it forgets what it was told. */
static void ctx_give(EVP_MD_CTX *ctx, const EVP_MD *md)
{
	if (EVP_DigestInit_ex2(ctx, md, NULL) != 1 || !ctx_pool_give(&contexts, ctx))
		EVP_MD_CTX_free(ctx);
}

static bool digest_in(EVP_MD_CTX *ctx, const EVP_MD *md, struct slice first, const struct iovec *parts, size_t n, uint8_t *out)
{
	bool ok = EVP_DigestInit_ex2(ctx, md, NULL) == 1 && EVP_DigestUpdate(ctx, first.data, first.len) == 1;

	for (size_t i = 0; ok && i < n; i++)
		ok = parts[i].iov_len == 0 || EVP_DigestUpdate(ctx, parts[i].iov_base, parts[i].iov_len) == 1;
	return ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
}

static ntstatus digest(const EVP_MD *md, struct slice first, const struct iovec *parts, size_t n, uint8_t *out)
{
	EVP_MD_CTX *ctx = ctx_take();
	bool ok;

	if (!ctx)
		return STATUS_NO_MEMORY;
	ok = digest_in(ctx, md, first, parts, n, out);
	ctx_give(ctx, md);
	if (!ok) {
		crypto_log_openssl("a digest");
		return STATUS_INTERNAL_ERROR;
	}
	return STATUS_SUCCESS;
}

/* The key as RFC 2104 wants it: a block of the digest's, longer ones digested first. */
static bool key_block(EVP_MD_CTX *ctx, const EVP_MD *md, struct slice key, uint8_t block[BLOCK_MOST])
{
	memset(block, 0, BLOCK_MOST);
	if (key.len > BLOCK_MOST)
		return digest_in(ctx, md, key, NULL, 0, block);
	if (key.len > 0)
		memcpy(block, key.data, key.len);
	return true;
}

/* HMAC (RFC 2104) by a digest with blocks of 64 bytes. Not OpenSSL's, whose set-up for a key that is used once takes five times as long
 * as the digests. out has room for the digest. */
static ntstatus hmac(const EVP_MD *md, struct slice key, const struct iovec *parts, size_t n, uint8_t *out)
{
	EVP_MD_CTX *ctx = ctx_take();
	uint8_t block[BLOCK_MOST], inner[DIGEST_MOST];
	struct iovec part = {inner, (size_t)EVP_MD_get_size(md)};
	bool ok;

	if (!ctx)
		return STATUS_NO_MEMORY;
	ok = key_block(ctx, md, key, block);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] ^= 0x36;
	ok = ok && digest_in(ctx, md, slice_of(block, sizeof(block)), parts, n, inner);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] ^= 0x36 ^ 0x5C;
	ok = ok && digest_in(ctx, md, slice_of(block, sizeof(block)), &part, 1, out);
	ctx_give(ctx, md);
	bytes_wipe(block, sizeof(block));
	bytes_wipe(inner, sizeof(inner));
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
	const struct crypto_algs *a = crypto_algs();
	ntstatus status = a ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED;
	size_t done = 0;

	if (out_len > UINT32_MAX / 8)
		return STATUS_INVALID_PARAMETER;
	store_be32(bits, (uint32_t)(8 * out_len));
	for (uint32_t i = 1; done < out_len && nt_ok(status); i++) {
		size_t take = out_len - done < sizeof(block) ? out_len - done : sizeof(block);

		store_be32(counter, i);
		status = hmac(a->sha256, key, parts, ARRAY_LEN(parts), block);
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

	return a && a->md5 ? hmac(a->md5, key, parts, n, out) : STATUS_NOT_SUPPORTED;
}

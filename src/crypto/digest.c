/* Digests over whole messages, what is made of them, and old ciphers, all by Nettle: SHA-512 for the preauthentication hash ([MS-SMB2]
 * 3.1.4.4), SP800-108 for keys (3.1.4.2), and what NTLM cannot do without: MD4, MD5, HMAC-MD5, RC4 and DES ([MS-NLMP] 3.3, 3.4, 6). Its
 * contexts are plain memory, so nothing here allocates and nothing can fail. Called at connection and session set-up, by packets only for the
 * signatures of SMB1. */
#include "crypto/crypto.h"

#include <nettle/arcfour.h>
#include <nettle/des.h>
#include <nettle/hmac.h>
#include <nettle/md4.h>
#include <nettle/md5.h>
#include <nettle/sha2.h>
#include <nettle/version.h>

/* Nettle 4 gives digests whole and does not ask for their length. */
#if NETTLE_VERSION_MAJOR >= 4
#define WHOLE(size)
#else
#define WHOLE(size) size,
#endif

void kdf_sp800_108(struct slice key, struct slice label, struct slice context, uint8_t *out, size_t out_len)
{
	uint8_t counter[4], bits[4], zero = 0, block[SHA256_DIGEST_SIZE];
	struct hmac_sha256_ctx ctx;

	hmac_sha256_set_key(&ctx, key.len, key.data);
	store_be32(bits, (uint32_t)(8 * out_len));
	for (uint32_t i = 1; out_len > 0; i++) {
		size_t take = out_len < sizeof(block) ? out_len : sizeof(block);

		store_be32(counter, i);
		hmac_sha256_update(&ctx, sizeof(counter), counter);
		hmac_sha256_update(&ctx, label.len, label.data);
		hmac_sha256_update(&ctx, 1, &zero);
		hmac_sha256_update(&ctx, context.len, context.data);
		hmac_sha256_update(&ctx, sizeof(bits), bits);
		hmac_sha256_digest(&ctx, WHOLE(sizeof(block)) block);
		memcpy(out, block, take);
		out += take;
		out_len -= take;
	}
	bytes_wipe(&ctx, sizeof(ctx));
	bytes_wipe(block, sizeof(block));
}

void preauth_update(uint8_t hash[64], const struct iovec *parts, size_t n)
{
	struct sha512_ctx ctx;

	sha512_init(&ctx);
	sha512_update(&ctx, SHA512_DIGEST_SIZE, hash);
	for (size_t i = 0; i < n; i++)
		sha512_update(&ctx, parts[i].iov_len, parts[i].iov_base);
	sha512_digest(&ctx, WHOLE(SHA512_DIGEST_SIZE) hash);
}

void crypto_md4(struct slice in, uint8_t out[16])
{
	struct md4_ctx ctx;

	md4_init(&ctx);
	md4_update(&ctx, in.len, in.data);
	md4_digest(&ctx, WHOLE(MD4_DIGEST_SIZE) out);
	bytes_wipe(&ctx, sizeof(ctx));
}

void crypto_md5(const struct iovec *parts, size_t n, uint8_t out[16])
{
	struct md5_ctx ctx;

	md5_init(&ctx);
	for (size_t i = 0; i < n; i++)
		md5_update(&ctx, parts[i].iov_len, parts[i].iov_base);
	md5_digest(&ctx, WHOLE(MD5_DIGEST_SIZE) out);
	bytes_wipe(&ctx, sizeof(ctx));
}

void crypto_hmac_md5(struct slice key, const struct iovec *parts, size_t n, uint8_t out[16])
{
	struct hmac_md5_ctx ctx;

	hmac_md5_set_key(&ctx, key.len, key.data);
	for (size_t i = 0; i < n; i++)
		hmac_md5_update(&ctx, parts[i].iov_len, parts[i].iov_base);
	hmac_md5_digest(&ctx, WHOLE(MD5_DIGEST_SIZE) out);
	bytes_wipe(&ctx, sizeof(ctx));
}

void crypto_rc4(struct slice key, const uint8_t *in, uint8_t *out, size_t n)
{
	struct arcfour_ctx ctx;

	arcfour_set_key(&ctx, key.len, key.data);
	arcfour_crypt(&ctx, n, out, in);
	bytes_wipe(&ctx, sizeof(ctx));
}

/* [MS-NLMP] 6: seven bytes spread over eight, the last bit of each, which would be its parity, left 0. */
void crypto_des(const uint8_t key[7], const uint8_t in[8], uint8_t out[8])
{
	struct des_ctx ctx;
	uint8_t spread[DES_KEY_SIZE];
	uint64_t bits = 0;

	for (size_t i = 0; i < 7; i++)
		bits = bits << 8 | key[i];
	for (size_t i = 0; i < sizeof(spread); i++)
		spread[i] = (uint8_t)(bits >> (49 - 7 * i) << 1);
	/* It says whether the key is a weak one, and takes that, too. */
	(void)des_set_key(&ctx, spread);
	des_encrypt(&ctx, DES_BLOCK_SIZE, out, in);
	bytes_wipe(&ctx, sizeof(ctx));
	bytes_wipe(spread, sizeof(spread));
	bytes_wipe(&bits, sizeof(bits));
}

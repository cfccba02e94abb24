/* AES-128-CMAC (RFC 4493) over OpenSSL's AES-CBC: the chaining is CBC's, and only the last block needs care. Called by
 * sign.c. OpenSSL has a CMAC of its own, but it goes block by block, which costs a third of the speed, and up to 3.0.2
 * it does not start anew without its key. */
#include "crypto/algs.h"

enum { BLOCK = 16, CHUNK = 4096 };

/* Multiplication by x in GF(2^128), without a branch on the key. */
static void doubled(uint8_t out[BLOCK], const uint8_t in[BLOCK])
{
	uint8_t carry = (uint8_t)(in[0] >> 7);

	for (size_t i = 0; i < BLOCK - 1; i++)
		out[i] = (uint8_t)(in[i] << 1 | in[i + 1] >> 7);
	out[BLOCK - 1] = (uint8_t)(in[BLOCK - 1] << 1 ^ (0x87 & -carry));
}

EVP_CIPHER_CTX *cmac_ctx_new(const uint8_t key[16])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (ctx && (EVP_EncryptInit_ex2(ctx, crypto_algs()->aes128_cbc, key, NULL, NULL) != 1 ||
			   EVP_CIPHER_CTX_set_padding(ctx, 0) != 1)) {
		EVP_CIPHER_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

static bool start(EVP_CIPHER_CTX *ctx)
{
	static const uint8_t zero[BLOCK];

	return EVP_EncryptInit_ex2(ctx, NULL, NULL, zero, NULL) == 1;
}

bool cmac_subkeys(EVP_CIPHER_CTX *ctx, struct cmac_subkeys *s)
{
	static const uint8_t zero[BLOCK];
	uint8_t l[BLOCK];
	int n;
	bool ok = start(ctx) && EVP_EncryptUpdate(ctx, l, &n, zero, BLOCK) == 1;

	doubled(s->whole, l);
	doubled(s->padded, s->whole);
	bytes_wipe(l, sizeof(l));
	return ok;
}

/* Full blocks; what they encrypt to is of no use but for its effect on the chain. */
static bool chain(EVP_CIPHER_CTX *ctx, const uint8_t *p, size_t len)
{
	uint8_t scratch[CHUNK];
	int n;

	while (len > 0) {
		size_t take = len < CHUNK ? len : CHUNK;

		if (EVP_EncryptUpdate(ctx, scratch, &n, p, (int)take) != 1)
			return false;
		p += take;
		len -= take;
	}
	return true;
}

bool cmac_begin(EVP_CIPHER_CTX *ctx, struct cmac_kept *k)
{
	k->n = 0;
	return start(ctx);
}

bool cmac_step(EVP_CIPHER_CTX *ctx, struct cmac_kept *k, const uint8_t *p, size_t len)
{
	size_t fill = BLOCK - k->n, blocks;

	if (len == 0)
		return true;
	if (len <= fill) {
		memcpy(k->bytes + k->n, p, len);
		k->n += len;
		return true;
	}
	if (k->n > 0) {
		memcpy(k->bytes + k->n, p, fill);
		p += fill;
		len -= fill;
		if (!chain(ctx, k->bytes, BLOCK))
			return false;
	}
	blocks = (len - 1) / BLOCK * BLOCK;
	if (!chain(ctx, p, blocks))
		return false;
	k->n = len - blocks;
	memcpy(k->bytes, p + blocks, k->n);
	return true;
}

bool cmac_end(EVP_CIPHER_CTX *ctx, struct cmac_kept *k, const struct cmac_subkeys *s, uint8_t out[16])
{
	const uint8_t *subkey = s->whole;
	int len;

	if (k->n < BLOCK) {
		k->bytes[k->n] = 0x80;
		memset(k->bytes + k->n + 1, 0, BLOCK - 1 - k->n);
		subkey = s->padded;
	}
	for (size_t i = 0; i < BLOCK; i++)
		k->bytes[i] ^= subkey[i];
	return EVP_EncryptUpdate(ctx, out, &len, k->bytes, BLOCK) == 1;
}
